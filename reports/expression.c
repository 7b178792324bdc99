/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A parser by descent, one function for each line of the grammar:
 *
 *   any   = all { "or" all }
 *   all   = one { "and" one }
 *   one   = "(" any ")" | term
 *   term  = metric compare value
 *   metric = name | ( "min" | "max" | "first" | "last" ) "(" name ")"
 *
 * What is parsed is a list of nodes in an array of fixed length: a condition that does not fit is
 * no condition that somebody could read. Parentheses are the only recursion, and counted.
 */

#include "reports/expression.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX  64
#define DEPTH_MAX  16
#define METRIC_MAX 160

enum reduce { REDUCE_NONE, REDUCE_MIN, REDUCE_MAX, REDUCE_FIRST, REDUCE_LAST };
enum compares {
    COMPARES_LESS,
    COMPARES_AT_MOST,
    COMPARES_EQUAL,
    COMPARES_NOT,
    COMPARES_AT_LEAST,
    COMPARES_MORE
};
/* What is compared with the value: the new figure, its difference from the old, or that in
 * percent of the old. */
enum of { OF_FIGURE, OF_DIFFERENCE, OF_PERCENT };

struct node {
    enum { NODE_TERM, NODE_AND, NODE_OR } is;
    unsigned left, right; /* of and, or */
    unsigned term;        /* number of a term */
    unsigned column;      /* of a term's metric */
    unsigned length;      /* of the term in the text */
    char metric[METRIC_MAX];
    enum reduce reduce;
    enum compares compares;
    enum of of;
    double value;
};

struct expression {
    const char *text;
    struct node nodes[NODES_MAX];
    unsigned nr, root, terms;
};

struct parser {
    struct expression *expression;
    const char *at;
    unsigned depth;
    unsigned *column;
    struct error *error;
};

/* ---- Words ---- */

static int fail(struct parser *parser, const char *at, const char *expected)
{
    *parser->column = (unsigned)(at - parser->expression->text);
    if (*at == '\0')
        return error_set(parser->error, "it ends where %s was expected", expected);

    return error_set(parser->error, "\"%.*s\": expected %s",
                     (int)strcspn(at, " \t") > 20 ? 20 : (int)strcspn(at, " \t"), at, expected);
}

static void skip(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t");
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || strchr("_.-+/:", c) != NULL;
}

/* A name may hold signs, kalloc and table+vm, but does not begin with one. */
static size_t name_length(const char *text)
{
    size_t length = 0;

    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return 0;
    while (text[length] != '\0' && is_name(text[length]))
        length++;

    return length;
}

static bool take_word(struct parser *parser, const char *word)
{
    size_t length = strlen(word);

    skip(parser);
    if (name_length(parser->at) != length || strncmp(parser->at, word, length) != 0)
        return false;

    parser->at += length;
    return true;
}

static bool take(struct parser *parser, const char *sign)
{
    size_t length = strlen(sign);

    skip(parser);
    if (strncmp(parser->at, sign, length) != 0)
        return false;

    parser->at += length;
    return true;
}

/* ---- Terms ---- */

static int copy_name(struct parser *parser, struct node *node)
{
    size_t length = name_length(parser->at);

    if (length == 0)
        return fail(parser, parser->at, "a metric, such as peak.page_bytes");
    if (length >= sizeof(node->metric))
        return fail(parser, parser->at, "a shorter name");

    memcpy(node->metric, parser->at, length);
    node->metric[length] = '\0';
    parser->at += length;
    return 0;
}

static int parse_metric(struct parser *parser, struct node *node)
{
    static const struct {
        const char *word;
        enum reduce reduce;
    } reduces[] = {
        {"min", REDUCE_MIN}, {"max", REDUCE_MAX}, {"first", REDUCE_FIRST}, {"last", REDUCE_LAST}};

    skip(parser);
    node->column = (unsigned)(parser->at - parser->expression->text);
    for (unsigned i = 0; i < sizeof(reduces) / sizeof(reduces[0]); i++) {
        size_t length = strlen(reduces[i].word);

        if (name_length(parser->at) == length &&
            strncmp(parser->at, reduces[i].word, length) == 0 && parser->at[length] == '(') {
            node->reduce = reduces[i].reduce;
            parser->at += length + 1;
        }
    }

    skip(parser);
    if (copy_name(parser, node) != 0)
        return -1;
    if (node->reduce != REDUCE_NONE && !take(parser, ")"))
        return fail(parser, parser->at, "\")\" after the column of the series");

    return 0;
}

static int parse_compares(struct parser *parser, struct node *node)
{
    static const struct {
        const char *sign;
        enum compares compares;
    } signs[] = {{"<=", COMPARES_AT_MOST}, {">=", COMPARES_AT_LEAST}, {"==", COMPARES_EQUAL},
                 {"!=", COMPARES_NOT},     {"<", COMPARES_LESS},      {">", COMPARES_MORE}};

    for (unsigned i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (take(parser, signs[i].sign)) {
            node->compares = signs[i].compares;
            return 0;
        }

    return fail(parser, parser->at, "one of < <= == != >= >");
}

/* The factor that a unit stands for; false for one that is none. */
static bool unit_factor(const char *unit, size_t length, double *factor)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {
        {"", 1},       {"K", 1024},      {"M", 1048576},      {"G", 1073741824},
        {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"ns", 1},
        {"us", 1e3},   {"ms", 1e6},      {"s", 1e9},
    };

    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, unit, length) == 0) {
            *factor = units[i].factor;
            return true;
        }

    return false;
}

static int parse_value(struct parser *parser, struct node *node)
{
    const char *start, *digits;
    char *end;
    double factor;

    skip(parser);
    start = parser->at;
    digits = start + (*start == '+' || *start == '-');
    if (!isdigit((unsigned char)*digits))
        return fail(parser, start, "a number, such as 64M, +3 or -10%");

    /* strtod() would take hexadecimal and exponents too. */
    if (digits[strspn(digits, "0123456789.")] == 'e' ||
        (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')))
        return fail(parser, start, "a decimal number");

    node->value = strtod(start, &end);
    node->of = digits != start ? OF_DIFFERENCE : OF_FIGURE;

    size_t unit = strspn(end, "KMGTiBnums");

    if (*end == '%') {
        if (node->of == OF_FIGURE)
            return fail(parser, start, "a sign before percent: +5% or -5%");
        node->of = OF_PERCENT;
        unit = 1;
    } else if (!unit_factor(end, unit, &factor)) {
        return fail(parser, end, "a unit: K, M, G, ns, us, ms, s or %");
    } else {
        node->value *= factor;
    }

    parser->at = end + unit;
    if (*parser->at != '\0' && strchr(" \t)", *parser->at) == NULL)
        return fail(parser, parser->at, "the end of the number");

    return 0;
}

/* ---- Nodes ---- */

/* NODES_MAX when there is no room. */
static unsigned add_node(struct parser *parser, struct node node)
{
    struct expression *expression = parser->expression;

    if (expression->nr == NODES_MAX) {
        *parser->column = (unsigned)(parser->at - expression->text);
        error_set(parser->error, "more than %d terms", NODES_MAX / 2);
        return NODES_MAX;
    }

    expression->nodes[expression->nr] = node;
    return expression->nr++;
}

static unsigned parse_any(struct parser *parser);

static unsigned parse_term(struct parser *parser)
{
    struct node node = {.is = NODE_TERM};

    if (parse_metric(parser, &node) != 0 || parse_compares(parser, &node) != 0 ||
        parse_value(parser, &node) != 0)
        return NODES_MAX;

    node.length = (unsigned)(parser->at - parser->expression->text) - node.column;
    node.term = parser->expression->terms++;
    return add_node(parser, node);
}

static unsigned parse_one(struct parser *parser)
{
    const char *start;

    skip(parser);
    start = parser->at;
    if (!take(parser, "("))
        return parse_term(parser);

    if (parser->depth == DEPTH_MAX) {
        fail(parser, start, "fewer parentheses in each other");
        return NODES_MAX;
    }

    parser->depth++;

    unsigned node = parse_any(parser);

    parser->depth--;
    if (node != NODES_MAX && !take(parser, ")")) {
        fail(parser, parser->at, "\")\", \"and\" or \"or\"");
        return NODES_MAX;
    }
    return node;
}

static unsigned parse_all(struct parser *parser)
{
    unsigned left = parse_one(parser);

    while (left != NODES_MAX && take_word(parser, "and")) {
        unsigned right = parse_one(parser);

        left = right == NODES_MAX
                   ? NODES_MAX
                   : add_node(parser, (struct node){.is = NODE_AND, .left = left, .right = right});
    }

    return left;
}

static unsigned parse_any(struct parser *parser)
{
    unsigned left = parse_all(parser);

    while (left != NODES_MAX && take_word(parser, "or")) {
        unsigned right = parse_all(parser);

        left = right == NODES_MAX
                   ? NODES_MAX
                   : add_node(parser, (struct node){.is = NODE_OR, .left = left, .right = right});
    }

    return left;
}

struct expression *expression_parse(const char *text, unsigned *column, struct error *error)
{
    struct expression *expression = calloc(1, sizeof(*expression));
    struct parser parser = {.expression = expression, .at = text, .column = column, .error = error};

    *column = 0;
    if (expression == NULL) {
        error_set(error, "no memory for a condition");
        return NULL;
    }

    expression->text = text;
    expression->root = parse_any(&parser);
    skip(&parser);
    if (expression->root != NODES_MAX && *parser.at != '\0') {
        fail(&parser, parser.at, "\"and\", \"or\" or the end");
        expression->root = NODES_MAX;
    }
    if (expression->root != NODES_MAX)
        return expression;

    free(expression);
    return NULL;
}

void expression_free(struct expression *expression)
{
    free(expression);
}

/* ---- Figures ---- */

/* By keys, and in arrays by number or by the name of an element, which may hold no dot. */
static const json_t *lookup(const json_t *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        size_t length = strcspn(path, "."), i;
        const json_t *found = NULL;
        json_t *element;

        if (!json_is_array(json)) {
            found = json_object_getn(json, path, length);
        } else if (isdigit((unsigned char)path[0])) {
            found = json_array_get(json, strtoul(path, NULL, 10));
        } else {
            json_array_foreach(json, i, element)
            {
                const char *name = report_text(element, "name");

                if (found == NULL && strlen(name) == length && strncmp(name, path, length) == 0)
                    found = element;
            }
        }

        json = found;
        path += length;
        path += *path == '.';
    }

    return json;
}

static double scalar(const json_t *json)
{
    if (json_is_boolean(json))
        return json_is_true(json);

    return json_is_number(json) ? json_number_value(json) : NAN;
}

static double reduced(const json_t *column, enum reduce reduce)
{
    size_t nr = json_array_size(column), i;
    json_t *element;
    double result = NAN;

    if (reduce == REDUCE_FIRST || reduce == REDUCE_LAST)
        return scalar(json_array_get(column, reduce == REDUCE_FIRST || nr == 0 ? 0 : nr - 1));

    json_array_foreach(column, i, element)
    {
        double value = scalar(element);

        if (isnan(result) || (reduce == REDUCE_MIN ? value < result : value > result))
            result = value;
    }

    return result;
}

/* kernel_map.largest_hole and the like: the worst of it over the trace. */
static double worst_of_map(const struct report_result *result, const char *metric)
{
    const json_t *maps = report_at(result->exact, "series.maps");
    const json_t *column = lookup(maps, metric);
    const char *field = strrchr(metric, '.');
    bool less =
        field != NULL && (strcmp(field, ".largest_hole") == 0 || strcmp(field, ".free_bytes") == 0);

    return json_is_array(column) ? reduced(column, less ? REDUCE_MIN : REDUCE_MAX) : NAN;
}

static double figure(const struct report_result *result, const struct node *node)
{
    if (node->reduce != REDUCE_NONE)
        return reduced(lookup(report_at(result->exact, "series"), node->metric), node->reduce);
    if (strcmp(node->metric, "refused") == 0)
        return (double)report_refused(result);

    double value = scalar(lookup(result->exact, node->metric));

    return isnan(value) ? worst_of_map(result, node->metric) : value;
}

/* The measured row of that name, or NULL. */
static const struct compare_row *measured_row(const struct compare_pair *pair, const char *metric)
{
    for (unsigned i = 0; i < pair->nr; i++)
        if (pair->rows[i].measured && strcmp(pair->rows[i].metric, metric) == 0)
            return &pair->rows[i];

    return NULL;
}

/* ---- Truth ---- */

static bool compares(double figure, enum compares compares, double value)
{
    switch (compares) {
    case COMPARES_LESS:
        return figure < value;
    case COMPARES_AT_MOST:
        return figure <= value;
    case COMPARES_EQUAL:
        return figure == value;
    case COMPARES_NOT:
        return figure != value;
    case COMPARES_AT_LEAST:
        return figure >= value;
    default:
        return figure > value;
    }
}

static double compared_figure(enum of of, double old, double new)
{
    return of == OF_FIGURE ? new : of == OF_DIFFERENCE ? new - old : 100 * compare_change(old, new);
}

/* Of what is measured a change counts only where it is significant, and a figure only where the
 * whole interval of its median is beyond the value. */
static bool measured_holds(const struct node *node, const struct compare_row *row)
{
    const struct statistics_interval *interval = &row->new.summary.interval;

    if (node->of != OF_FIGURE)
        return row->significant &&
               compares(compared_figure(node->of, row->old.summary.median, row->new.summary.median),
                        node->compares, node->value);

    return interval->reached && compares(interval->low, node->compares, node->value) &&
           compares(interval->high, node->compares, node->value);
}

static void append(char *why, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *why, size_t size, const char *format, ...)
{
    size_t length = strlen(why);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why + length, size - length, format, arguments);
    va_end(arguments);
}

static void tell(const struct expression *expression, const struct node *node, double old,
                 double new, struct expression_outcome *outcome)
{
    const struct table_column column = {.unit = compare_unit(node->metric)};
    struct table_cell cells[] = {{.is = TABLE_IS_REAL, .real = old},
                                 {.is = TABLE_IS_REAL, .real = new}};
    char old_text[TABLE_CELL_MAX], new_text[TABLE_CELL_MAX];
    double change = 100 * compare_change(old, new);

    append(outcome->why, sizeof(outcome->why), "%s%.*s (%s, was %s",
           outcome->why[0] != '\0' ? "; " : "", (int)node->length, expression->text + node->column,
           table_show(&column, &cells[1], new_text), table_show(&column, &cells[0], old_text));
    if (isfinite(change))
        append(outcome->why, sizeof(outcome->why), ", %+.1f%%", change);
    append(outcome->why, sizeof(outcome->why), ")");
}

static bool term_holds(const struct expression *expression, const struct node *node,
                       const struct compare_pair *pair, const struct expression_figures *figures,
                       struct expression_outcome *outcome)
{
    const struct compare_row *row = measured_row(pair, node->metric);
    double old = figures[node->term].old, new = figures[node->term].new;
    bool holds;

    if (row != NULL)
        holds = measured_holds(node, row);
    else
        holds = !isnan(new) && (node->of == OF_FIGURE || !isnan(old)) &&
                compares(compared_figure(node->of, old, new), node->compares, node->value);

    if (holds)
        tell(expression, node, old, new, outcome);
    return holds;
}

unsigned expression_terms(const struct expression *expression)
{
    return expression->terms;
}

void expression_read(const struct expression *expression, const struct compare_pair *pair,
                     struct expression_figures *figures)
{
    for (unsigned i = 0; i < expression->nr; i++) {
        const struct node *node = &expression->nodes[i];

        if (node->is != NODE_TERM)
            continue;

        const struct compare_row *row =
            node->reduce == REDUCE_NONE ? measured_row(pair, node->metric) : NULL;

        figures[node->term].old = row != NULL ? row->old.summary.median : figure(&pair->old, node);
        figures[node->term].new = row != NULL ? row->new.summary.median : figure(&pair->new, node);
    }
}

/* Children come before their parents in the array: no recursion is needed. */
void expression_evaluate(const struct expression *expression, const struct compare_pair *pair,
                         const struct expression_figures *figures,
                         struct expression_outcome *outcome)
{
    bool holds[NODES_MAX];

    *outcome = (struct expression_outcome){.holds = false};
    for (unsigned i = 0; i < expression->nr; i++) {
        const struct node *node = &expression->nodes[i];

        if (node->is == NODE_TERM)
            holds[i] = term_holds(expression, node, pair, figures, outcome);
        else if (node->is == NODE_AND)
            holds[i] = holds[node->left] && holds[node->right];
        else
            holds[i] = holds[node->left] || holds[node->right];
    }

    outcome->holds = holds[expression->root];
    if (!outcome->holds)
        outcome->why[0] = '\0';
}

/* Measured metrics are known by their form: with too few calls they have no row. */
static bool is_measured(const struct node *node)
{
    const char *end = strrchr(node->metric, '.');

    return node->reduce == REDUCE_NONE &&
           (strcmp(node->metric, "wall_ns") == 0 ||
            (strncmp(node->metric, "latency.", 8) == 0 && end != node->metric + 7 &&
             (strcmp(end, ".p50") == 0 || strcmp(end, ".p99") == 0)));
}

static bool any_has(const struct expression *expression, const struct node *node,
                    const struct expression_figures *figures, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        const struct expression_figures *own = &figures[i * expression->terms + node->term];

        if (!isnan(own->old) || !isnan(own->new))
            return true;
    }

    return false;
}

const char *expression_unknown(const struct expression *expression,
                               const struct expression_figures *figures, unsigned nr,
                               unsigned *column)
{
    for (unsigned i = 0; i < expression->nr; i++) {
        const struct node *node = &expression->nodes[i];

        if (node->is != NODE_TERM || is_measured(node) || any_has(expression, node, figures, nr))
            continue;
        *column = node->column;
        return node->metric;
    }

    return NULL;
}
