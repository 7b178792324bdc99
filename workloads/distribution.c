/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Every distribution is a list of ranges with weights, within which all values are as likely: a
 * density made of steps. Tables, quantiles and uniform distributions are that already. The others
 * are cut into steps so narrow that the distance of the two distribution functions is below 0.001,
 * which takes some hundred steps, as they grow with the value.
 *
 * A step is chosen by Walker's alias method (Vose, "A linear algorithm for generating random
 * numbers with a given distribution", 1991), with weights, thresholds and choice in integers: two
 * look-ups, whatever the number of steps, and no rounding that depends on the machine. Values have
 * eight binary digits after the point, so that a mean of 3 is as well served as one of 3 GiB.
 *
 * Weights of the smooth ones need exp(). It is of our own (portable.h), used once when the table is
 * made, and the result is rounded to an integer, so that what is drawn never meets a float.
 */

#include "workloads/distribution.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/portable.h"

#define FRACTION    8 /* bits after the point, of values in steps */
#define HALF        (1u << (FRACTION - 1))
#define WEIGHT_UNIT 0x1p53 /* what the weights of a smooth distribution sum up to */
#define EXACT_RANKS 64     /* so many ranks have a step each; then 64 steps for each doubling */
#define NEGLIGIBLE  30.0   /* e^-30 of the greatest density is where a tail ends */

struct step {
    uint64_t threshold; /* of 2^64: how often this step is taken when it is met */
    uint64_t low, width;
    uint32_t alias; /* the step that is taken else */
};

struct distribution {
    uint64_t min, max;
    double mean;
    uint32_t nr_steps; /* 0: uniform from min to max */
    struct step steps[];
};

/* ---- Collecting steps ---- */

struct weighted {
    double weight;
    uint64_t integer; /* the weight, at last */
    uint64_t low, width;
};

struct builder {
    struct weighted *steps;
    size_t nr, capacity;
    bool failed; /* for want of memory */
};

static void add(struct builder *builder, double weight, uint64_t integer, uint64_t low,
                uint64_t width)
{
    struct weighted *last = builder->nr == 0 ? NULL : &builder->steps[builder->nr - 1];

    if (builder->failed || (weight <= 0 && integer == 0))
        return;
    if (last != NULL && width == 0 && last->width == 0 && last->low == low) {
        last->weight += weight;
        last->integer += integer;
        return;
    }
    if (builder->nr == builder->capacity) {
        size_t capacity = builder->capacity == 0 ? 64 : 2 * builder->capacity;
        struct weighted *steps = realloc(builder->steps, capacity * sizeof(*steps));

        if (steps == NULL) {
            builder->failed = true;
            return;
        }
        builder->steps = steps;
        builder->capacity = capacity;
    }
    builder->steps[builder->nr++] =
        (struct weighted){.weight = weight, .integer = integer, .low = low, .width = width};
}

/* The whole numbers from FROM to TO. */
static void add_range(struct builder *builder, double weight, uint64_t integer, uint64_t from,
                      uint64_t to)
{
    add(builder, weight, integer, from << FRACTION, from == to ? 0 : (to - from + 1) << FRACTION);
}

/* From LOW to HIGH, rounded to the nearest when drawn. */
static void add_smooth(struct builder *builder, double weight, uint64_t integer, uint64_t low,
                       uint64_t high)
{
    if ((low + HALF) >> FRACTION == (high + HALF) >> FRACTION)
        add(builder, weight, integer, ((low + HALF) >> FRACTION) << FRACTION, 0);
    else
        add(builder, weight, integer, low + HALF, high - low);
}

/* ---- The table of aliases ---- */

static void set_steps(struct distribution *distribution, const struct weighted *steps,
                      unsigned __int128 *left, uint32_t *small, uint32_t *large)
{
    uint32_t n = distribution->nr_steps, nr_small = 0, nr_large = 0;
    unsigned __int128 total = 0;

    for (uint32_t i = 0; i < n; i++)
        total += steps[i].integer;
    for (uint32_t i = 0; i < n; i++) {
        struct step *step = &distribution->steps[i];

        step->low = steps[i].low;
        step->width = steps[i].width;
        step->threshold = UINT64_MAX;
        step->alias = i;
        left[i] = (unsigned __int128)steps[i].integer * n;
        if (left[i] < total)
            small[nr_small++] = i;
        else
            large[nr_large++] = i;
    }
    /* In integers nothing is lost: as long as there is a small one there is a large one. */
    while (nr_small > 0 && nr_large > 0) {
        uint32_t little = small[--nr_small], much = large[nr_large - 1];

        distribution->steps[little].threshold = (uint64_t)((left[little] << 64) / total);
        distribution->steps[little].alias = much;
        left[much] -= total - left[little];
        if (left[much] < total) {
            nr_large--;
            small[nr_small++] = much;
        }
    }
}

static double mean_of(const struct weighted *steps, size_t nr)
{
    double sum = 0, weights = 0;

    for (size_t i = 0; i < nr; i++) {
        double middle = ((double)steps[i].low + (double)steps[i].width / 2) / (1u << FRACTION);

        /* Whole numbers are cut, not rounded: see add_smooth(). */
        if (steps[i].width != 0)
            middle -= 0.5;
        sum += middle * (double)steps[i].integer;
        weights += (double)steps[i].integer;
    }
    return sum / weights;
}

static void set_limits(struct distribution *distribution, const struct weighted *steps)
{
    distribution->min = UINT64_MAX;
    distribution->max = 0;
    for (uint32_t i = 0; i < distribution->nr_steps; i++) {
        uint64_t last = steps[i].low + (steps[i].width == 0 ? 0 : steps[i].width - 1);

        if (steps[i].low >> FRACTION < distribution->min)
            distribution->min = steps[i].low >> FRACTION;
        if (last >> FRACTION > distribution->max)
            distribution->max = last >> FRACTION;
    }
}

/* Weights become integers; steps that get none leave. */
static void round_weights(struct builder *builder)
{
    double total = 0;
    size_t kept = 0;

    for (size_t i = 0; i < builder->nr; i++)
        total += builder->steps[i].weight;
    for (size_t i = 0; i < builder->nr; i++) {
        struct weighted step = builder->steps[i];

        if (total > 0)
            step.integer = (uint64_t)(step.weight / total * WEIGHT_UNIT + 0.5);
        if (step.integer > 0)
            builder->steps[kept++] = step;
    }
    builder->nr = kept;
}

/* Makes the distribution and empties the builder. */
static struct distribution *finish(struct builder *builder)
{
    struct distribution *distribution = NULL;
    unsigned __int128 *left;
    uint32_t *stacks;
    size_t n;

    round_weights(builder);
    n = builder->nr;
    left = malloc((n + 1) * sizeof(*left));
    stacks = malloc((n + 1) * 2 * sizeof(*stacks));
    if (!builder->failed && left != NULL && stacks != NULL)
        distribution = calloc(1, sizeof(*distribution) + n * sizeof(struct step));
    if (distribution != NULL) {
        distribution->nr_steps = (uint32_t)n;
        set_steps(distribution, builder->steps, left, stacks, stacks + n);
        set_limits(distribution, builder->steps);
        distribution->mean = mean_of(builder->steps, n);
    }
    free(left);
    free(stacks);
    free(builder->steps);
    return distribution;
}

/* ---- Forms that are steps ---- */

struct distribution *distribution_uniform(uint64_t min, uint64_t max)
{
    struct distribution *distribution = calloc(1, sizeof(*distribution));

    if (distribution == NULL)
        return NULL;
    distribution->min = min;
    distribution->max = max;
    distribution->mean = ((double)min + (double)max) / 2;
    return distribution;
}

struct distribution *distribution_table(const struct distribution_range *ranges, size_t nr)
{
    struct builder builder = {0};

    for (size_t i = 0; i < nr; i++)
        add_range(&builder, 0, ranges[i].weight, ranges[i].from, ranges[i].to);
    return finish(&builder);
}

struct distribution *distribution_quantiles(const struct distribution_quantile *quantiles,
                                            size_t nr)
{
    struct builder builder = {0};

    for (size_t i = 1; i < nr; i++)
        add_smooth(&builder, 0, quantiles[i].probability - quantiles[i - 1].probability,
                   quantiles[i - 1].value << FRACTION, quantiles[i].value << FRACTION);
    return finish(&builder);
}

/* ---- Smooth forms ---- */

/* A value, with its fraction, cut to the limits. */
static uint64_t fixed(double value, uint64_t min, uint64_t max)
{
    if (value >= (double)max)
        return max << FRACTION;
    if (value <= (double)min)
        return min << FRACTION;
    return (uint64_t)(value * (1u << FRACTION));
}

/* The logarithm of the density of y, where the value is scale * e^y; 0 at its greatest, y = 0. */
typedef double log_density(double y, double parameter);

static double gamma_density(double y, double shape)
{
    return shape * (y + 1 - portable_exp(y));
}

static double normal_density(double y, double sigma)
{
    return -(y / sigma) * (y / sigma) / 2;
}

/* The integral from Y to Y + H, by the three points of Gauss and Legendre. */
static double integrate(log_density *density, double parameter, double y, double h)
{
    const double middle = y + h / 2, away = h / 2 * 0.77459666924148338; /* sqrt(3/5) */

    return h / 18 *
           (5 * portable_exp(density(middle - away, parameter)) +
            8 * portable_exp(density(middle, parameter)) +
            5 * portable_exp(density(middle + away, parameter)));
}

/* Steps of H from the mode to the ends of both tails, in rising order. */
static struct distribution *smooth(log_density *density, double parameter, double h, double scale,
                                   uint64_t min, uint64_t max)
{
    struct builder builder = {0};
    int first = 0, end = 1;

    while (density(first * h, parameter) > -NEGLIGIBLE)
        first--;
    while (density(end * h, parameter) > -NEGLIGIBLE)
        end++;
    for (int i = first; i < end; i++) {
        uint64_t low = fixed(scale * portable_exp(i * h), min, max);
        uint64_t high = fixed(scale * portable_exp((i + 1) * h), min, max);

        add_smooth(&builder, integrate(density, parameter, i * h, h), 0, low, high);
    }
    return finish(&builder);
}

/* A part of the spread, but no more than 3 % of the value. */
static double step_of(double spread)
{
    return spread < 1 ? spread / 32 : 1.0 / 32;
}

/* Of the logarithm: about 1 / sqrt(shape), and never taken for more than 1. */
static double gamma_spread(double shape)
{
    return shape <= 1 ? 1 : portable_exp(-portable_log(shape) / 2);
}

struct distribution *distribution_gamma(double mean, double shape, uint64_t min, uint64_t max)
{
    return smooth(gamma_density, shape, step_of(gamma_spread(shape)), mean, min, max);
}

struct distribution *distribution_lognormal(double median, double sigma, uint64_t min, uint64_t max)
{
    return smooth(normal_density, sigma, step_of(sigma), median, min, max);
}

/* ---- Ranks ---- */

/* Where the step that begins at rank K ends: 64 steps for each doubling, after single ranks. */
static uint64_t rank_end(uint64_t k, uint64_t count)
{
    uint64_t width = k < EXACT_RANKS ? 1 : k / EXACT_RANKS;

    return width < count - k ? k + width : count;
}

static double zipf_density(double y, double exponent)
{
    return (1 - exponent) * y; /* of the logarithm of a rank */
}

struct distribution *distribution_zipf(uint64_t count, double exponent)
{
    struct builder builder = {0};

    for (uint64_t k = 0; k < count;) {
        uint64_t end = rank_end(k, count);
        double low = portable_log((double)k + 0.5), high = portable_log((double)end + 0.5);
        double weight = end == k + 1 ? portable_exp(-exponent * portable_log((double)end))
                                     : integrate(zipf_density, exponent, low, high - low);

        add_range(&builder, weight, 0, k, end - 1);
        k = end;
    }
    return finish(&builder);
}

/* ln((m + 1) / m) = 2 artanh(1 / (2 m + 1)), which keeps its digits when m is large. */
static double geometric_decay(double m)
{
    double z = 1 / (2 * m + 1), sum = 0;

    if (m < 1)
        return portable_log((m + 1) / m);
    for (int i = 35; i > 0; i -= 2)
        sum = sum * z * z + 1.0 / i;
    return 2 * z * sum;
}

struct distribution *distribution_geometric(double mean, uint64_t min)
{
    const double decay = geometric_decay(mean - (double)min);
    const uint64_t count = DISTRIBUTION_MAX - min;
    struct builder builder = {0};

    for (uint64_t k = 0; k < count && decay * (double)k < NEGLIGIBLE + 10;) {
        uint64_t end = rank_end(k, count);
        double width = (double)(end - k);
        /* The sum of a geometric series, as the density at its middle times the width would be. */
        double weight =
            portable_exp(-decay * (double)k) * (1 - portable_exp(-decay * width)) / decay;

        add_range(&builder, weight, 0, min + k, min + end - 1);
        k = end;
    }
    return finish(&builder);
}

/* ---- Drawing ---- */

uint64_t distribution_draw(const struct distribution *distribution, struct random *random)
{
    const struct step *step;
    unsigned __int128 product;
    uint64_t value;

    if (distribution->nr_steps == 0) {
        uint64_t width = distribution->max - distribution->min + 1;

        return distribution->min + (width == 1 ? 0 : random_below(random, width));
    }
    product = (unsigned __int128)random_next(random) * distribution->nr_steps;
    step = &distribution->steps[(uint64_t)(product >> 64)];
    if ((uint64_t)product >= step->threshold)
        step = &distribution->steps[step->alias];
    value = step->low;
    if (step->width != 0)
        value += (uint64_t)((unsigned __int128)random_next(random) * step->width >> 64);
    return value >> FRACTION;
}

void distribution_free(struct distribution *distribution)
{
    free(distribution);
}

uint64_t distribution_min(const struct distribution *distribution)
{
    return distribution->min;
}

uint64_t distribution_max(const struct distribution *distribution)
{
    return distribution->max;
}

double distribution_mean(const struct distribution *distribution)
{
    return distribution->mean;
}
