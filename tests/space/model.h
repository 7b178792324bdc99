/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Spaces against a model: rights are numbers, a host-side array knows each one's name and object.
 * The same operations go to several systems at once, which may choose different names.
 */

#ifndef TESTS_SPACE_MODEL_H
#define TESTS_SPACE_MODEL_H

#include "tests/space/fake.h"

#define MODEL_RIGHTS 6000
#define MODEL_SPACES 4

struct model_right {
    bool live;
    uint32_t space;
    uint32_t name;
    uint32_t object; /* 0: not in the reverse map */
};

struct model {
    struct space_system *spaces;
    struct fake *fake;
    struct model_right rights[MODEL_RIGHTS];
    uint32_t live[MODEL_SPACES];
    uint32_t keys[MODEL_SPACES];
};

uint64_t model_random(uint64_t *seed);

/* The address of object I (from 1): in slabs of 80-byte objects, slabs a page or more apart. */
uint64_t model_object(const struct model *model, uint32_t i);

/* The right with NAME in SPACE, RIGHT_NONE when there is none. */
uint32_t model_find(const struct model *model, uint32_t space, uint32_t name);

/* Fails the test unless the checker is content, every right is found by name and by object with
 * nothing else, and the counts agree. */
void model_verify(const struct model *model);

#endif
