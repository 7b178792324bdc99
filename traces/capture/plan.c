/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The plan as text.
 *
 * A line is a keyword and its values; the names of places and calls are those of the kernel. The
 * reader is strict: both sides come from one build, so what one does not know is an error, not an
 * extension.
 */

#include "traces/capture/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_FIRST_LINE "allotrope-capture-plan 1"
#define LINE_MAX_BYTES  8192

const struct plan_place_name plan_place_names[PLAN_PLACES_NR] = {
#define X(identifier, text, kind) {text, PLACE_##kind},
    PLAN_PLACES(X)
#undef X
};

#define NEED_NEEDED   true
#define NEED_OPTIONAL false

const struct plan_call_name plan_call_names[PLAN_CALLS_NR] = {
#define X(identifier, event, symbol, parameters, need) {event, symbol, parameters, NEED_##need},
    PLAN_CALLS(X)
#undef X
};

void plan_init(struct plan *plan)
{
    memset(plan, 0, sizeof(*plan));
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->nr_comments; i++)
        free(plan->comments[i]);
    free(plan->comments);
    free(plan->sites);
    free(plan->stores);
    free(plan->until);
    plan_init(plan);
}

/* Room for one more of SIZE bytes: when NR is 0 or a power of two the array is full. */
static void *grow(void *array, size_t nr, size_t size, struct error *error)
{
    void *grown;

    if ((nr & (nr - 1)) != 0)
        return array;
    grown = realloc(array, (nr == 0 ? 1 : 2 * nr) * size);
    if (grown == NULL)
        error_set(error, "not enough memory");
    return grown;
}

int plan_add_comment(struct plan *plan, const char *comment, struct error *error)
{
    char **comments = grow(plan->comments, plan->nr_comments, sizeof(*comments), error);
    char *copy;

    if (comments == NULL)
        return -1;
    plan->comments = comments;
    copy = strdup(comment);
    if (copy == NULL)
        return error_set(error, "not enough memory");
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    plan->comments[plan->nr_comments++] = copy;
    return 0;
}

int plan_add_site(struct plan *plan, uint64_t address, struct error *error)
{
    uint64_t *sites = grow(plan->sites, plan->nr_sites, sizeof(*sites), error);

    if (sites == NULL)
        return -1;
    plan->sites = sites;
    plan->sites[plan->nr_sites++] = address;
    return 0;
}

int plan_add_store(struct plan *plan, uint64_t start, uint64_t end, struct error *error)
{
    struct plan_range *stores = grow(plan->stores, plan->nr_stores, sizeof(*stores), error);

    if (stores == NULL)
        return -1;
    plan->stores = stores;
    plan->stores[plan->nr_stores++] = (struct plan_range){start, end};
    return 0;
}

static int site_compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int range_compare(const void *a, const void *b)
{
    const struct plan_range *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

void plan_sort(struct plan *plan)
{
    size_t kept = 0;

    if (plan->nr_sites != 0)
        qsort(plan->sites, plan->nr_sites, sizeof(*plan->sites), site_compare);
    for (size_t i = 0; i < plan->nr_sites; i++)
        if (kept == 0 || plan->sites[kept - 1] != plan->sites[i])
            plan->sites[kept++] = plan->sites[i];
    plan->nr_sites = kept;

    kept = 0;
    if (plan->nr_stores != 0)
        qsort(plan->stores, plan->nr_stores, sizeof(*plan->stores), range_compare);
    for (size_t i = 0; i < plan->nr_stores; i++)
        if (kept == 0 || plan->stores[kept - 1].start != plan->stores[i].start)
            plan->stores[kept++] = plan->stores[i];
    plan->nr_stores = kept;
}

/* ---- Writing ---- */

static void write_calls(const struct plan *plan, FILE *stream)
{
    for (unsigned i = 0; i < PLAN_CALLS_NR; i++) {
        const struct plan_call *call = &plan->calls[i];

        if (call->address == 0)
            continue;
        fprintf(stream, "call %s %" PRIx64 " %u", plan_call_names[i].symbol, call->address,
                call->result);
        for (unsigned k = 0; k < call->nr_parameters; k++)
            fprintf(stream, " %u", call->parameters[k]);
        fputc('\n', stream);
    }
}

void plan_write(const struct plan *plan, FILE *stream)
{
    fprintf(stream, "%s\n", PLAN_FIRST_LINE);
    for (size_t i = 0; i < plan->nr_comments; i++)
        fprintf(stream, "comment %s\n", plan->comments[i]);
    fprintf(stream, "word %u\n", plan->word);
    fprintf(stream, "text %" PRIx64 " %" PRIx64 "\n", plan->text.start, plan->text.end);
    for (unsigned i = 0; i < PLAN_PLACES_NR; i++)
        if (plan->places[i].known)
            fprintf(stream, "place %s %" PRIx64 " %" PRIu64 "\n", plan_place_names[i].text,
                    plan->places[i].at, plan->places[i].size);
    write_calls(plan, stream);
    for (size_t i = 0; i < plan->nr_sites; i++)
        fprintf(stream, "site %" PRIx64 "\n", plan->sites[i]);
    for (size_t i = 0; i < plan->nr_stores; i++)
        fprintf(stream, "store %" PRIx64 " %" PRIx64 "\n", plan->stores[i].start,
                plan->stores[i].end);
    if (plan->until != NULL)
        fprintf(stream, "until %s\n", plan->until);
    fprintf(stream, "truth-every %" PRIu64 "\n", plan->truth_every);
    fprintf(stream, "idle-ticks %" PRIu64 "\n", plan->idle_ticks);
    fprintf(stream, "guest-time %" PRIu64 "\n", plan->guest_time);
    fprintf(stream, "end\n");
}

/* ---- Reading ---- */

/* A number and the space after it. */
static bool number(char **at, int base, uint64_t *value)
{
    char *end;

    if (**at == '\0' || **at == ' ' || **at == '-')
        return false;
    errno = 0;
    *value = strtoull(*at, &end, base);
    if (errno != 0 || end == *at || (*end != ' ' && *end != '\0'))
        return false;
    *at = end + (*end == ' ');
    return true;
}

static char *word(char **at)
{
    char *start = *at, *end = strchr(start, ' ');

    *at = end == NULL ? start + strlen(start) : end + 1;
    if (end != NULL)
        *end = '\0';
    return start;
}

static bool read_place(struct plan *plan, char *at)
{
    const char *name = word(&at);

    for (unsigned i = 0; i < PLAN_PLACES_NR; i++) {
        struct plan_place *place = &plan->places[i];

        if (strcmp(plan_place_names[i].text, name) == 0)
            return place->known = number(&at, 16, &place->at) && number(&at, 10, &place->size);
    }
    return false;
}

static bool read_call(struct plan *plan, char *at)
{
    const char *name = word(&at);
    struct plan_call *call = NULL;
    uint64_t value;

    for (unsigned i = 0; i < PLAN_CALLS_NR; i++)
        if (strcmp(plan_call_names[i].symbol, name) == 0)
            call = &plan->calls[i];
    if (call == NULL || !number(&at, 16, &call->address) || !number(&at, 10, &value))
        return false;
    call->result = (uint8_t)value;
    while (*at != '\0' && call->nr_parameters < PLAN_PARAMETERS) {
        if (!number(&at, 10, &value))
            return false;
        call->parameters[call->nr_parameters++] = (uint8_t)value;
    }
    return true;
}

/* 1: read, 0: not understood, -1 with the error set. */
static int read_line(struct plan *plan, char *line, struct error *error)
{
    char *at = line;
    const char *keyword = word(&at);
    uint64_t a, b;

    if (strcmp(keyword, "comment") == 0)
        return plan_add_comment(plan, at, error) == 0 ? 1 : -1;
    if (strcmp(keyword, "place") == 0)
        return read_place(plan, at);
    if (strcmp(keyword, "call") == 0)
        return read_call(plan, at);
    if (strcmp(keyword, "until") == 0) {
        plan->until = strdup(at);
        return plan->until != NULL ? 1 : error_set(error, "not enough memory");
    }
    if (strcmp(keyword, "site") == 0)
        return !number(&at, 16, &a) ? 0 : plan_add_site(plan, a, error) == 0 ? 1 : -1;
    if (strcmp(keyword, "store") == 0)
        return !number(&at, 16, &a) || !number(&at, 16, &b) ? 0
               : plan_add_store(plan, a, b, error) == 0     ? 1
                                                            : -1;
    if (strcmp(keyword, "text") == 0)
        return number(&at, 16, &plan->text.start) && number(&at, 16, &plan->text.end);
    if (strcmp(keyword, "word") == 0) {
        if (!number(&at, 10, &a) || (a != 4 && a != 8))
            return 0;
        plan->word = (unsigned)a;
        return 1;
    }
    if (strcmp(keyword, "truth-every") == 0)
        return number(&at, 10, &plan->truth_every);
    if (strcmp(keyword, "idle-ticks") == 0)
        return number(&at, 10, &plan->idle_ticks);
    if (strcmp(keyword, "guest-time") == 0)
        return number(&at, 10, &plan->guest_time);
    return 0;
}

static int read_lines(struct plan *plan, const char *path, FILE *stream, struct error *error)
{
    char line[LINE_MAX_BYTES];
    unsigned long at = 0;

    while (fgets(line, sizeof(line), stream) != NULL) {
        int code;

        line[strcspn(line, "\n")] = '\0';
        at++;
        if (at == 1) {
            if (strcmp(line, PLAN_FIRST_LINE) != 0)
                return error_set(error, "%s:1: this is no plan of a capture: expected '%s'", path,
                                 PLAN_FIRST_LINE);
            continue;
        }
        if (strcmp(line, "end") == 0)
            return 0;
        code = read_line(plan, line, error);
        if (code < 0)
            return error_prefix(error, "%s:%lu: ", path, at);
        if (code == 0)
            return error_set(error, "%s:%lu: not understood: expected a line of a plan", path, at);
    }
    return error_set(error, "%s: the plan is cut short after line %lu: expected 'end'", path, at);
}

int plan_read(struct plan *plan, const char *path, struct error *error)
{
    FILE *stream = fopen(path, "re");
    int code;

    plan_init(plan);
    if (stream == NULL)
        return error_set(error, "%s: cannot open the plan: %s", path, strerror(errno));
    code = read_lines(plan, path, stream, error);
    fclose(stream);
    if (code != 0)
        plan_free(plan);
    return code;
}

bool plan_is_site(const struct plan *plan, uint64_t address)
{
    size_t low = 0, high = plan->nr_sites;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (plan->sites[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < plan->nr_sites && plan->sites[low] == address;
}
