/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the tree and its typed readers share. */

#ifndef WORKLOADS_YAML_PRIVATE_H
#define WORKLOADS_YAML_PRIVATE_H

#include "workloads/yaml.h"

struct yaml_node {
    struct yaml_node *all;          /* the next in the chain of all nodes of the document */
    struct yaml_node *next;         /* the next child of the same parent */
    struct yaml_node *first, *last; /* children */
    const struct yaml_node *key;
    const char *source;    /* what errors call it */
    uint32_t line, column; /* from 1 */
    uint32_t count;        /* children */
    enum yaml_kind kind;
    char text[];
};

#endif
