/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * YAML as a tree in which every node knows where it stands.
 *
 * What a workload says is checked by those who use it, node by node, and whatever is wrong is
 * reported as FILE:LINE:COLUMN: found this, expected that. So the tree keeps the text of every
 * scalar as it was written and gives no types: what "1k" is depends on who asks.
 */

#ifndef WORKLOADS_YAML_H
#define WORKLOADS_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* More than any workload or recipe needs, and little enough for any machine. */
#define YAML_BYTES_MAX (64u << 20)
#define YAML_NODES_MAX 2000000u
#define YAML_DEPTH_MAX 32u

#define YAML_DECIMAL_ONE 1000000 /* decimals are counted in millionths */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

/* What a number counts; decides which units it may have. */
enum yaml_unit {
    YAML_COUNT, /* none */
    YAML_BYTES, /* none, B, K, M, G, T as in common/size.h */
    YAML_TIME   /* ns, us, ms, s, min, h, d, which it must have; the value is in nanoseconds */
};

struct yaml_document;
struct yaml_node; /* belongs to its document, and lives as long */

/* Reads PATH ("-": the standard input), which must hold one document. Refuses what is not UTF-8,
 * keys that are not scalars or come twice, anchors, aliases and tags, and what is larger than the
 * limits above. -1 with the error set; *DOCUMENT is then NULL. */
int yaml_open(struct yaml_document **document, const char *path, struct error *error);

/* The same of LENGTH bytes of memory, which errors call NAME. */
int yaml_parse(struct yaml_document **document, const char *text, size_t length, const char *name,
               struct error *error);

/* Puts a value in the place of another one, or adds it to a map: ASSIGNMENT is KEY.KEY...=VALUE,
 * where a key is a name in a map or the number of an item of a list, from 0, and VALUE is YAML.
 * Every key but the last must exist. Nodes stay alive that were replaced. */
int yaml_set(struct yaml_document *document, const char *assignment, struct error *error);

void yaml_close(struct yaml_document *document); /* NULL is allowed */

/* ---- The tree ---- */

const struct yaml_node *yaml_root(const struct yaml_document *document);
enum yaml_kind yaml_kind(const struct yaml_node *node);

/* The items of a list or the values of a map, in order; NULL after the last. */
const struct yaml_node *yaml_first(const struct yaml_node *node);
const struct yaml_node *yaml_next(const struct yaml_node *node);
size_t yaml_count(const struct yaml_node *node); /* how many there are; 0 of a scalar */

/* The key of a value of a map; NULL of other nodes. */
const struct yaml_node *yaml_key(const struct yaml_node *value);

/* The text of a scalar; "" of other nodes. */
const char *yaml_text(const struct yaml_node *node);

/* The value of KEY; NULL when MAP has none or is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* ---- Errors ---- */

/* FILE:LINE:COLUMN of NODE before a sentence; returns -1. */
int yaml_error(const struct yaml_node *node, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "found WHAT NODE IS, expected EXPECTED", at NODE; returns -1. */
int yaml_error_found(const struct yaml_node *node, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "FILE:LINE:COLUMN" of NODE, for an error that is found when its document is closed; allocated,
 * the caller frees it. NULL: no memory. */
char *yaml_place(const struct yaml_node *node);

/* As in common/error.h: that it is always -1 can be seen where they are called. */
#define yaml_error(...)       error_result(yaml_error(__VA_ARGS__))
#define yaml_error_found(...) error_result(yaml_error_found(__VA_ARGS__))

/* ---- What is expected of a node: 0, or -1 with the error set ---- */

/* WHAT is for the error: "a map of caches". */
int yaml_expect(const struct yaml_node *node, enum yaml_kind kind, const char *what,
                struct error *error);

/* MAP is a map, and each of its keys is in KNOWN, which ends with NULL. */
int yaml_keys_check(const struct yaml_node *map, const char *const known[], struct error *error);

/* The value of KEY, which must be there. */
int yaml_need(const struct yaml_node *map, const char *key, const struct yaml_node **value,
              struct error *error);

/* A scalar that is not empty. */
int yaml_string(const struct yaml_node *node, const char *what, const char **text,
                struct error *error);

/* One of NAMES, which ends with NULL: its index. */
int yaml_choice(const struct yaml_node *node, const char *const names[], unsigned *index,
                struct error *error);

/* true or false. */
int yaml_boolean(const struct yaml_node *node, bool *value, struct error *error);

/* A whole number from MIN to MAX, with no unit. */
int yaml_integer(const struct yaml_node *node, uint64_t min, uint64_t max, uint64_t *value,
                 struct error *error);

/* A whole number of UNIT from MIN to MAX, all in bytes, nanoseconds or nothing. */
int yaml_quantity(const struct yaml_node *node, enum yaml_unit unit, uint64_t min, uint64_t max,
                  uint64_t *value, struct error *error);

/* A decimal number such as 1.5 or 33%, in millionths, from MIN to MAX; no more than six digits
 * after the point (four before a %). */
int yaml_decimal(const struct yaml_node *node, int64_t min, int64_t max, int64_t *millionths,
                 struct error *error);

#endif
