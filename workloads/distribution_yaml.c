/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The forms in which a workload writes a distribution:
 *
 *     16K                                           always this
 *     {uniform: {min: 1K, max: 4K}}
 *     {gamma: {mean: 128K, shape: 1.5}}             and min and max, to which it is cut
 *     {exponential: {mean: 10ms}}                   gamma with shape 1
 *     {lognormal: {median: 4K, sigma: 2}}           or mean instead of median
 *     {zipf: {count: 1000, exponent: 0.9}}          a rank, from 0
 *     {geometric: {mean: 2.5}}                      and min, 0 unless given
 *     {table: [[33%, 1K], [21%, 1K, 3K]]}           weight and value, or weight and range
 *     {quantiles: [32, 64, 4K]}                     at equal distances, or [[0, 32], [0.9, 64],
 * ...]
 */

#include <stdlib.h>
#include <string.h>

#include "workloads/distribution.h"
#include "workloads/portable.h"

#define ITEMS_MAX 65536u

enum form {
    FORM_UNIFORM,
    FORM_GAMMA,
    FORM_EXPONENTIAL,
    FORM_LOGNORMAL,
    FORM_ZIPF,
    FORM_GEOMETRIC,
    FORM_TABLE,
    FORM_QUANTILES
};

static const char *const form_names[] = {
    "uniform", "gamma", "exponential", "lognormal", "zipf", "geometric", "table", "quantiles", NULL,
};

static int give(struct distribution **distribution, struct distribution *made,
                const struct yaml_node *node, struct error *error)
{
    *distribution = made;
    return made == NULL ? yaml_error(node, error, "not enough memory") : 0;
}

/* ---- Parts of forms ---- */

static int read_quantity(const struct yaml_node *map, const char *key, enum yaml_unit unit,
                         uint64_t min, uint64_t *value, struct error *error)
{
    const struct yaml_node *node;

    if (yaml_need(map, key, &node, error) != 0)
        return -1;
    return yaml_quantity(node, unit, min, DISTRIBUTION_MAX, value, error);
}

static int read_decimal(const struct yaml_node *map, const char *key, double min, double max,
                        double *value, struct error *error)
{
    const struct yaml_node *node;
    int64_t millionths;

    if (yaml_need(map, key, &node, error) != 0 ||
        yaml_decimal(node, (int64_t)(min * YAML_DECIMAL_ONE), (int64_t)(max * YAML_DECIMAL_ONE),
                     &millionths, error) != 0)
        return -1;
    *value = (double)millionths / YAML_DECIMAL_ONE;
    return 0;
}

struct limits {
    uint64_t min, max;
};

static int read_limits(const struct yaml_node *map, enum yaml_unit unit, struct limits *limits,
                       struct error *error)
{
    const struct yaml_node *max = yaml_get(map, "max");

    limits->min = 0;
    limits->max = DISTRIBUTION_MAX;
    if (yaml_get(map, "min") != NULL &&
        read_quantity(map, "min", unit, 0, &limits->min, error) != 0)
        return -1;
    if (max == NULL)
        return 0;
    return yaml_quantity(max, unit, limits->min, DISTRIBUTION_MAX, &limits->max, error);
}

/* ---- Forms ---- */

static int read_uniform(struct distribution **distribution, const struct yaml_node *node,
                        enum yaml_unit unit, struct error *error)
{
    static const char *const keys[] = {"min", "max", NULL};
    uint64_t min, max;

    if (yaml_keys_check(node, keys, error) != 0 ||
        read_quantity(node, "min", unit, 0, &min, error) != 0 ||
        read_quantity(node, "max", unit, min, &max, error) != 0)
        return -1;
    return give(distribution, distribution_uniform(min, max), node, error);
}

static int read_gamma(struct distribution **distribution, const struct yaml_node *node,
                      enum yaml_unit unit, bool exponential, struct error *error)
{
    static const char *const keys[] = {"mean", "min", "max", "shape", NULL};
    static const char *const exponential_keys[] = {"mean", "min", "max", NULL};
    struct limits limits;
    uint64_t mean;
    double shape = 1;

    if (yaml_keys_check(node, exponential ? exponential_keys : keys, error) != 0 ||
        read_quantity(node, "mean", unit, 1, &mean, error) != 0 ||
        (!exponential && read_decimal(node, "shape", 0.05, 1000, &shape, error) != 0) ||
        read_limits(node, unit, &limits, error) != 0)
        return -1;
    return give(distribution, distribution_gamma((double)mean, shape, limits.min, limits.max), node,
                error);
}

static int read_lognormal(struct distribution **distribution, const struct yaml_node *node,
                          enum yaml_unit unit, struct error *error)
{
    static const char *const keys[] = {"median", "mean", "sigma", "min", "max", NULL};
    const struct yaml_node *mean = yaml_get(node, "mean");
    struct limits limits;
    uint64_t value;
    double sigma, median;

    if (yaml_keys_check(node, keys, error) != 0)
        return -1;
    if (mean != NULL && yaml_get(node, "median") != NULL)
        return yaml_error(yaml_key(mean), error, "found mean and median, expected one of them");
    if (read_quantity(node, mean != NULL ? "mean" : "median", unit, 1, &value, error) != 0 ||
        read_decimal(node, "sigma", 0.001, 8, &sigma, error) != 0 ||
        read_limits(node, unit, &limits, error) != 0)
        return -1;
    median = (double)value;
    if (mean != NULL)
        median *= portable_exp(-sigma * sigma / 2);
    return give(distribution, distribution_lognormal(median, sigma, limits.min, limits.max), node,
                error);
}

static int read_zipf(struct distribution **distribution, const struct yaml_node *node,
                     struct error *error)
{
    static const char *const keys[] = {"count", "exponent", NULL};
    uint64_t count;
    double exponent;

    if (yaml_keys_check(node, keys, error) != 0 ||
        read_quantity(node, "count", YAML_COUNT, 1, &count, error) != 0 ||
        read_decimal(node, "exponent", 0, 8, &exponent, error) != 0)
        return -1;
    return give(distribution, distribution_zipf(count, exponent), node, error);
}

static int read_geometric(struct distribution **distribution, const struct yaml_node *node,
                          struct error *error)
{
    static const char *const keys[] = {"mean", "min", NULL};
    struct limits limits;
    double mean;

    if (yaml_keys_check(node, keys, error) != 0 ||
        read_limits(node, YAML_COUNT, &limits, error) != 0)
        return -1;
    if (limits.min > 1000000000)
        return yaml_error_found(yaml_get(node, "min"), error, "from 0 to 1000000000");
    /* The next decimal above: a mean of the minimum itself is a constant. */
    if (read_decimal(node, "mean", (double)limits.min + 1e-6, 1e12, &mean, error) != 0)
        return -1;
    return give(distribution, distribution_geometric(mean, limits.min), node, error);
}

/* ---- Lists ---- */

static int check_list(const struct yaml_node *node, size_t min, const char *what,
                      struct error *error)
{
    if (yaml_expect(node, YAML_LIST, what, error) != 0)
        return -1;
    if (yaml_count(node) < min || yaml_count(node) > ITEMS_MAX)
        return yaml_error(node, error, "found %zu items, expected from %zu to %u", yaml_count(node),
                          min, ITEMS_MAX);
    return 0;
}

static int read_range(const struct yaml_node *node, enum yaml_unit unit,
                      struct distribution_range *range, struct error *error)
{
    static const char what[] = "[weight, value] or [weight, from, to]";
    const struct yaml_node *item = yaml_first(node);
    int64_t weight;

    if (yaml_expect(node, YAML_LIST, what, error) != 0)
        return -1;
    if (yaml_count(node) != 2 && yaml_count(node) != 3)
        return yaml_error(node, error, "found a list of %zu, expected %s", yaml_count(node), what);
    if (yaml_decimal(item, 0, (int64_t)1000000 * YAML_DECIMAL_ONE, &weight, error) != 0)
        return -1;
    item = yaml_next(item);
    if (yaml_quantity(item, unit, 0, DISTRIBUTION_MAX, &range->from, error) != 0)
        return -1;
    range->weight = (uint64_t)weight;
    range->to = range->from;
    item = yaml_next(item);
    return item == NULL
               ? 0
               : yaml_quantity(item, unit, range->from, DISTRIBUTION_MAX, &range->to, error);
}

static int read_table(struct distribution **distribution, const struct yaml_node *node,
                      enum yaml_unit unit, struct error *error)
{
    struct distribution_range *ranges;
    uint64_t total = 0;
    size_t nr = 0;
    int result = 0;

    if (check_list(node, 1, "a list of [weight, value] or [weight, from, to]", error) != 0)
        return -1;
    ranges = malloc(yaml_count(node) * sizeof(*ranges));
    if (ranges == NULL)
        return yaml_error(node, error, "not enough memory");
    for (const struct yaml_node *item = yaml_first(node); item != NULL && result == 0;
         item = yaml_next(item)) {
        result = read_range(item, unit, &ranges[nr], error);
        if (result == 0)
            total += ranges[nr++].weight;
    }
    if (result == 0 && total == 0)
        result = yaml_error(node, error, "found weights that are all 0, expected one that is not");
    if (result == 0)
        result = give(distribution, distribution_table(ranges, nr), node, error);
    free(ranges);
    return result;
}

/* The INDEX-th of NR quantiles: a value, or a pair with its probability. */
static int read_quantile(const struct yaml_node *node, enum yaml_unit unit, size_t index, size_t nr,
                         struct distribution_quantile *quantile, struct error *error)
{
    const struct yaml_node *value = node;
    int64_t probability = (int64_t)(index * YAML_DECIMAL_ONE / (nr - 1));

    if (yaml_kind(node) == YAML_LIST) {
        if (yaml_count(node) != 2)
            return yaml_error(node, error,
                              "found a list of %zu, expected a value or [probability, value]",
                              yaml_count(node));
        value = yaml_next(yaml_first(node));
        if (yaml_decimal(yaml_first(node), 0, YAML_DECIMAL_ONE, &probability, error) != 0)
            return -1;
    }
    quantile->probability = (uint64_t)probability;
    return yaml_quantity(value, unit, 0, DISTRIBUTION_MAX, &quantile->value, error);
}

/* Against the one before, if there is one. */
static int check_quantile(const struct yaml_node *node, size_t index, size_t nr,
                          const struct distribution_quantile *quantile, struct error *error)
{
    if (index == 0 && quantile->probability != 0)
        return yaml_error(node, error, "found a first probability above 0, expected 0");
    if (index == nr - 1 && quantile->probability != YAML_DECIMAL_ONE)
        return yaml_error(node, error, "found a last probability below 1, expected 1");
    if (index > 0 && quantile->probability <= quantile[-1].probability)
        return yaml_error(node, error,
                          "found a probability that does not rise, expected more than "
                          "the one before");
    if (index > 0 && quantile->value < quantile[-1].value)
        return yaml_error(node, error,
                          "found a value that falls, expected at least the one "
                          "before");
    return 0;
}

static int read_quantiles(struct distribution **distribution, const struct yaml_node *node,
                          enum yaml_unit unit, struct error *error)
{
    struct distribution_quantile *quantiles;
    size_t nr = yaml_count(node), i = 0;
    int result = 0;

    if (check_list(node, 2, "a list of values or of [probability, value]", error) != 0)
        return -1;
    quantiles = malloc(nr * sizeof(*quantiles));
    if (quantiles == NULL)
        return yaml_error(node, error, "not enough memory");
    for (const struct yaml_node *item = yaml_first(node); item != NULL && result == 0;
         item = yaml_next(item), i++) {
        if (yaml_kind(item) != yaml_kind(yaml_first(node)))
            result = yaml_error_found(item, error, "all values with their probability, or none");
        else if (read_quantile(item, unit, i, nr, &quantiles[i], error) != 0)
            result = -1;
        else
            result = check_quantile(item, i, nr, &quantiles[i], error);
    }
    if (result == 0)
        result = give(distribution, distribution_quantiles(quantiles, nr), node, error);
    free(quantiles);
    return result;
}

/* ---- All ---- */

static int read_form(struct distribution **distribution, enum form form,
                     const struct yaml_node *node, enum yaml_unit unit, struct error *error)
{
    if ((form == FORM_ZIPF || form == FORM_GEOMETRIC) && unit != YAML_COUNT)
        return yaml_error(yaml_key(node), error,
                          "found %s, which makes counts, expected a distribution of %s",
                          form_names[form], unit == YAML_BYTES ? "sizes" : "durations");
    switch (form) {
    case FORM_UNIFORM:
        return read_uniform(distribution, node, unit, error);
    case FORM_GAMMA:
    case FORM_EXPONENTIAL:
        return read_gamma(distribution, node, unit, form == FORM_EXPONENTIAL, error);
    case FORM_LOGNORMAL:
        return read_lognormal(distribution, node, unit, error);
    case FORM_ZIPF:
        return read_zipf(distribution, node, error);
    case FORM_GEOMETRIC:
        return read_geometric(distribution, node, error);
    case FORM_TABLE:
        return read_table(distribution, node, unit, error);
    case FORM_QUANTILES:
        return read_quantiles(distribution, node, unit, error);
    }
    return -1;
}

int distribution_from_yaml(struct distribution **distribution, const struct yaml_node *node,
                           enum yaml_unit unit, struct error *error)
{
    unsigned form = 0;
    uint64_t value;

    *distribution = NULL;
    if (yaml_kind(node) == YAML_SCALAR) {
        if (yaml_quantity(node, unit, 0, DISTRIBUTION_MAX, &value, error) != 0)
            return -1;
        return give(distribution, distribution_uniform(value, value), node, error);
    }
    if (yaml_keys_check(node, form_names, error) != 0)
        return -1;
    if (yaml_count(node) != 1)
        return yaml_error(node, error, "found a map of %zu, expected one distribution",
                          yaml_count(node));
    while (strcmp(form_names[form], yaml_text(yaml_key(yaml_first(node)))) != 0)
        form++;
    return read_form(distribution, form, yaml_first(node), unit, error);
}
