/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Gnuplot's SVG, written anew.
 *
 * What gnuplot writes has three faults for a page: it is large (a group for every label, two
 * decimals and absolute places for every point), its ids are the same in every picture, and its
 * foreground is black. Here the document is read by expat and all that can be seen of it is kept:
 * paths, polygons, markers, texts and images, nothing else. Lines in the same paint that follow
 * each other become one path with relative places in tenths of a pixel, and points on a straight
 * line are left out; markers, which gnuplot refers to by id, become paths of their own; black
 * becomes `currentColor`.
 *
 * Texts come last, on top of all.
 */

#include <expat.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plot_private.h"

#define DEPTH_MAX 32
#define NAME_MAX  64

struct paint {
    char fill[NAME_MAX], stroke[NAME_MAX], dash[NAME_MAX];
    double width, opacity;
};

struct place {
    long x, y; /* tenths of a pixel */
};

/* What elements inherit. */
struct context {
    double x, y, angle, font;
    char anchor[NAME_MAX];
    double width; /* of strokes */
};

struct rewriting {
    XML_Parser parser;
    FILE *out;
    const char *image;
    struct error *error;
    bool failed;

    struct context stack[DEPTH_MAX];
    unsigned depth;
    unsigned skip; /* depth of the element whose content is left out; 0: none */

    struct paint paint; /* of the path that is being written */
    bool open;          /* whether there is one */
    struct place at;    /* the end of it */
    bool relative;      /* the last letter was `l` */

    char *texts; /* kept for the end */
    size_t texts_size;
    FILE *texts_out;
    bool in_text;
};

static const char *attribute(const char **attributes, const char *name)
{
    for (; attributes[0] != NULL; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];

    return NULL;
}

static double number(const char **attributes, const char *name, double otherwise)
{
    const char *value = attribute(attributes, name);

    return value != NULL ? strtod(value, NULL) : otherwise;
}

/* ---- Numbers and colours ---- */

static void put_tenths(FILE *out, long value, bool separate)
{
    if (separate && value >= 0)
        putc(' ', out);
    if (value < 0)
        putc('-', out);
    value = labs(value);
    if (value >= 10 || value == 0)
        fprintf(out, "%ld", value / 10);
    if (value % 10 != 0)
        fprintf(out, ".%ld", value % 10);
}

static long tenths(double value)
{
    return lround(value * 10);
}

static void put_number(FILE *out, double value)
{
    put_tenths(out, tenths(value), false);
}

/* "rgb(  0, 114, 178)" as #0072b2; black as the colour of the foreground. */
static void take_colour(char *colour, const char *value)
{
    int red, green, blue;

    if (value == NULL || strcmp(value, "none") == 0)
        strcpy(colour, "none");
    else if (strcmp(value, "black") == 0 || strcmp(value, "currentColor") == 0)
        strcpy(colour, "currentColor");
    else if (sscanf(value, "rgb(%d,%d,%d)", &red, &green, &blue) != 3)
        snprintf(colour, NAME_MAX, "%s", value);
    else if (red == 0 && green == 0 && blue == 0)
        strcpy(colour, "currentColor");
    else
        snprintf(colour, NAME_MAX, "#%02x%02x%02x", red & 255, green & 255, blue & 255);
}

/* ---- Paths ---- */

static void close_path(struct rewriting *svg)
{
    const struct paint *paint = &svg->paint;

    if (!svg->open)
        return;

    fputs("\"", svg->out);
    if (strcmp(paint->fill, "none") != 0)
        fprintf(svg->out, " fill=\"%s\"", paint->fill);
    if (strcmp(paint->stroke, "none") != 0) {
        fprintf(svg->out, " stroke=\"%s\"", paint->stroke);
        if (paint->width != 1)
            fprintf(svg->out, " stroke-width=\"%.3g\"", paint->width);
        if (paint->dash[0] != '\0')
            fprintf(svg->out, " stroke-dasharray=\"%s\"", paint->dash);
    }
    if (paint->opacity < 1)
        fprintf(svg->out, " opacity=\"%.2g\"", paint->opacity);
    fputs("/>\n", svg->out);
    svg->open = false;
}

static bool same_paint(const struct paint *a, const struct paint *b)
{
    return strcmp(a->fill, b->fill) == 0 && strcmp(a->stroke, b->stroke) == 0 &&
           strcmp(a->dash, b->dash) == 0 && a->width == b->width && a->opacity == b->opacity;
}

/* What is transparent and overlaps would not be the same in one path. */
static void begin_path(struct rewriting *svg, const struct paint *paint)
{
    if (svg->open && same_paint(&svg->paint, paint))
        return;

    close_path(svg);
    svg->paint = *paint;
    svg->open = true;
    fputs("<path d=\"", svg->out);
}

static void move_to(struct rewriting *svg, struct place to)
{
    putc('M', svg->out);
    put_tenths(svg->out, to.x, false);
    put_tenths(svg->out, to.y, true);
    svg->at = to;
    svg->relative = false;
}

static void line_to(struct rewriting *svg, struct place to)
{
    long x = to.x - svg->at.x, y = to.y - svg->at.y;

    if (y == 0 || x == 0) {
        putc(y == 0 ? 'h' : 'v', svg->out);
        put_tenths(svg->out, y == 0 ? x : y, false);
        svg->relative = false;
    } else {
        if (!svg->relative)
            putc('l', svg->out);
        put_tenths(svg->out, x, svg->relative);
        put_tenths(svg->out, y, true);
        svg->relative = true;
    }
    svg->at = to;
}

/* A subpath, whose points come one by one: a point is written when it is known that the line does
 * not go straight on. */
struct pen {
    struct rewriting *svg;
    struct place last;
    bool down, pending;
};

static bool straight(struct place a, struct place b, struct place c)
{
    long x1 = b.x - a.x, y1 = b.y - a.y, x2 = c.x - b.x, y2 = c.y - b.y;

    return x1 * y2 == x2 * y1 && x1 * x2 + y1 * y2 >= 0;
}

static void pen_up(struct pen *pen)
{
    if (pen->pending)
        line_to(pen->svg, pen->last);
    pen->down = pen->pending = false;
}

static void pen_go(struct pen *pen, double x, double y, bool draw)
{
    struct place to = {tenths(x), tenths(y)};

    if (!draw || !pen->down) {
        pen_up(pen);
        move_to(pen->svg, to);
        pen->down = true;
        return;
    }
    if (pen->pending && !straight(pen->svg->at, pen->last, to))
        line_to(pen->svg, pen->last);
    pen->last = to;
    pen->pending = to.x != pen->svg->at.x || to.y != pen->svg->at.y;
}

/* Pairs of numbers, with the letters of a path between them or without. */
static void draw_pairs(struct rewriting *svg, const char *text, bool closed)
{
    struct pen pen = {.svg = svg};
    bool draw = false;

    for (char *end; *text != '\0'; text = end) {
        text += strspn(text, " ,\t\n");
        if (*text == 'M' || *text == 'L') {
            draw = *text == 'L';
            text++;
        } else if (*text == 'Z' || *text == 'z') {
            pen_up(&pen);
            putc('z', svg->out);
            svg->relative = false;
            end = (char *)text + 1;
            continue;
        }

        double x = strtod(text, &end), y;

        if (end == text)
            break;
        end += *end == ',';
        y = strtod(end, &end);
        pen_go(&pen, x, y, draw);
        draw = true;
    }

    pen_up(&pen);
    if (closed)
        putc('z', svg->out);
}

static void take_dash(char *dash, const char *value)
{
    snprintf(dash, NAME_MAX, "%s", value != NULL ? value : "");
}

static void draw_path(struct rewriting *svg, const char **attributes)
{
    struct paint paint = {
        .width = number(attributes, "stroke-width", svg->stack[svg->depth].width),
        .opacity = number(attributes, "opacity", number(attributes, "stroke-opacity", 1)),
    };
    const char *d = attribute(attributes, "d");

    take_colour(paint.fill, attribute(attributes, "fill"));
    take_colour(paint.stroke, attribute(attributes, "stroke"));
    take_dash(paint.dash, attribute(attributes, "stroke-dasharray"));
    if (d == NULL)
        return;
    begin_path(svg, &paint);
    draw_pairs(svg, d, false);
}

static void draw_polygon(struct rewriting *svg, const char **attributes)
{
    struct paint paint = {
        .width = 1,
        .opacity = number(attributes, "fill-opacity", 1),
    };
    const char *points = attribute(attributes, "points");

    take_colour(paint.fill, attribute(attributes, "fill"));
    take_colour(paint.stroke, NULL);
    if (points == NULL)
        return;
    begin_path(svg, &paint);
    draw_pairs(svg, points, true);
}

/* ---- Markers ---- */

/* Corners of gnuplot's markers, in units of their size; those of a line come in pairs. Circles have
 * none. */
static const struct marker {
    bool filled, lines;
    unsigned nr;
    double corners[8][2];
} markers[] = {
    {false, true, 4, {{-1, 0}, {1, 0}, {0, -1}, {0, 1}}},
    {false, true, 4, {{-1, -1}, {1, 1}, {1, -1}, {-1, 1}}},
    {false, true, 8, {{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {1, 1}, {-1, 1}, {1, -1}}},
    {false, false, 4, {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}},
    {true, false, 4, {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}},
    {false, false, 0, {{0}}},
    {true, false, 0, {{0}}},
    {false, false, 3, {{0, -1.33}, {-1.33, 0.67}, {1.33, 0.67}}},
    {true, false, 3, {{0, -1.33}, {-1.33, 0.67}, {1.33, 0.67}}},
    {false, false, 3, {{0, 1.33}, {1.33, -0.67}, {-1.33, -0.67}}},
    {true, false, 3, {{0, 1.33}, {1.33, -0.67}, {-1.33, -0.67}}},
    {false, false, 4, {{0, -1.41}, {1.41, 0}, {0, 1.41}, {-1.41, 0}}},
    {true, false, 4, {{0, -1.41}, {1.41, 0}, {0, 1.41}, {-1.41, 0}}},
    {false, false, 5, {{0, -1.33}, {1.27, -0.41}, {0.78, 1.07}, {-0.78, 1.07}, {-1.27, -0.41}}},
    {true, false, 5, {{0, -1.33}, {1.27, -0.41}, {0.78, 1.07}, {-0.78, 1.07}, {-1.27, -0.41}}},
};

static void draw_circle(struct rewriting *svg, double x, double y, double radius)
{
    move_to(svg, (struct place){tenths(x - radius), tenths(y)});
    for (int side = 2; side >= -2; side -= 4) {
        putc('a', svg->out);
        put_number(svg->out, radius);
        putc(' ', svg->out);
        put_number(svg->out, radius);
        fputs(" 0 1 1 ", svg->out);
        put_number(svg->out, side * radius);
        fputs(" 0", svg->out);
    }
}

static void draw_corners(struct rewriting *svg, const struct marker *marker, double x, double y,
                         double scale)
{
    struct pen pen = {.svg = svg};

    for (unsigned i = 0; i < marker->nr; i++)
        pen_go(&pen, x + marker->corners[i][0] * scale, y + marker->corners[i][1] * scale,
               marker->lines ? i % 2 != 0 : i != 0);
    pen_up(&pen);
    if (!marker->lines)
        putc('z', svg->out);
}

static void draw_marker(struct rewriting *svg, const char **attributes)
{
    const char *name = attribute(attributes, "xlink:href");
    const char *transform = attribute(attributes, "transform");
    unsigned type;
    double x, y, scale;
    struct paint paint = {.opacity = number(attributes, "opacity", 1)};

    if (name == NULL || transform == NULL || sscanf(name, "#gpPt%u", &type) != 1 ||
        type >= PLOT_COUNT(markers) ||
        sscanf(transform, "translate(%lf,%lf) scale(%lf)", &x, &y, &scale) != 3)
        return;

    const struct marker *marker = &markers[type];

    paint.width = marker->filled ? 1 : 0.222 * scale;
    take_colour(marker->filled ? paint.fill : paint.stroke, attribute(attributes, "color"));
    take_colour(marker->filled ? paint.stroke : paint.fill, NULL);
    begin_path(svg, &paint);
    if (marker->nr == 0)
        draw_circle(svg, x, y, scale);
    else
        draw_corners(svg, marker, x, y, scale);
}

/* ---- Images ---- */

static void put_base64(FILE *out, const unsigned char *bytes, size_t length)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        unsigned long three = (unsigned long)bytes[i] << 16;

        three |= i + 1 < length ? (unsigned long)bytes[i + 1] << 8 : 0;
        three |= i + 2 < length ? bytes[i + 2] : 0;
        putc(letters[three >> 18], out);
        putc(letters[three >> 12 & 63], out);
        putc(i + 1 < length ? letters[three >> 6 & 63] : '=', out);
        putc(i + 2 < length ? letters[three & 63] : '=', out);
    }
}

static void draw_image(struct rewriting *svg, const char **attributes)
{
    static const char *const sides[] = {"x", "y", "width", "height"};
    const char *href = attribute(attributes, "xlink:href");

    close_path(svg);
    fputs("<image preserveAspectRatio=\"none\"", svg->out);
    for (unsigned i = 0; i < PLOT_COUNT(sides); i++) {
        fprintf(svg->out, " %s=\"", sides[i]);
        put_number(svg->out, number(attributes, sides[i], 0));
        putc('"', svg->out);
    }

    fputs(" href=\"", svg->out);
    if (svg->image != NULL) {
        struct report_file text;

        if (report_file_read(&text, svg->image, svg->error) != 0) {
            svg->failed = true;
            return;
        }
        fputs("data:image/png;base64,", svg->out);
        put_base64(svg->out, (const unsigned char *)text.bytes, text.length);
        free(text.bytes);
    } else if (href != NULL) {
        fputs(href, svg->out);
    }
    fputs("\"/>\n", svg->out);
}

/* ---- Texts ---- */

static void put_escaped(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        switch (text[i]) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        default:
            putc(text[i], out);
        }
}

static void begin_text(struct rewriting *svg)
{
    const struct context *context = &svg->stack[svg->depth];
    FILE *out = svg->texts_out;

    fputs("<text", out);
    if (context->angle != 0)
        fprintf(out, " transform=\"translate(%.1f %.1f) rotate(%g)\"", context->x, context->y,
                context->angle);
    else
        fprintf(out, " x=\"%.0f\" y=\"%.0f\"", context->x, context->y);
    if (strcmp(context->anchor, "start") != 0)
        fprintf(out, " text-anchor=\"%s\"", context->anchor);
    if (context->font != 12)
        fprintf(out, " font-size=\"%g\"", context->font);
    putc('>', out);
    svg->in_text = true;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int length)
{
    struct rewriting *svg = user;

    if (svg->in_text && svg->skip == 0)
        put_escaped(svg->texts_out, text, (size_t)length);
}

/* ---- Elements ---- */

static void inherit(struct rewriting *svg, const char **attributes)
{
    struct context *context = &svg->stack[svg->depth];
    const char *transform = attribute(attributes, "transform");
    const char *anchor = attribute(attributes, "text-anchor");

    context->width = number(attributes, "stroke-width", context->width);
    context->font = number(attributes, "font-size", context->font);
    if (anchor != NULL)
        snprintf(context->anchor, sizeof(context->anchor), "%s", anchor);
    if (transform != NULL) {
        context->angle = 0;
        sscanf(transform, "translate(%lf,%lf) rotate(%lf)", &context->x, &context->y,
               &context->angle);
    }
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct rewriting *svg = user;

    if (svg->depth + 1 >= DEPTH_MAX) {
        svg->failed = true;
        error_set(svg->error, "gnuplot's SVG is nested more than %d deep", DEPTH_MAX);
        XML_StopParser(svg->parser, XML_FALSE);
        return;
    }
    svg->stack[svg->depth + 1] = svg->stack[svg->depth];
    svg->depth++;
    if (svg->skip != 0)
        return;

    if (strcmp(name, "defs") == 0 || strcmp(name, "title") == 0 || strcmp(name, "desc") == 0)
        svg->skip = svg->depth;
    else if (strcmp(name, "g") == 0)
        inherit(svg, attributes);
    else if (strcmp(name, "path") == 0)
        draw_path(svg, attributes);
    else if (strcmp(name, "polygon") == 0)
        draw_polygon(svg, attributes);
    else if (strcmp(name, "use") == 0)
        draw_marker(svg, attributes);
    else if (strcmp(name, "image") == 0)
        draw_image(svg, attributes);
    else if (strcmp(name, "text") == 0)
        begin_text(svg);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct rewriting *svg = user;

    if (svg->skip == 0 && strcmp(name, "text") == 0) {
        fputs("</text>\n", svg->texts_out);
        svg->in_text = false;
    }
    if (svg->skip == svg->depth)
        svg->skip = 0;
    svg->depth--;
}

/* ---- The document ---- */

static void put_head(struct rewriting *svg, const char *bytes, size_t length, const char *title,
                     const char *description)
{
    double width = 0, height = 0;
    const char *box = memmem(bytes, length, "viewBox=\"", 9);

    if (box != NULL)
        sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height);
    fputs("<svg", svg->out);
    if (title != NULL)
        fprintf(svg->out, " xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\"", width,
                height);
    fprintf(svg->out,
            " viewBox=\"0 0 %g %g\" fill=\"none\" font-family=\"sans-serif\" font-size=\"12\">\n",
            width, height);
    if (title == NULL)
        return;

    fputs("<title>", svg->out);
    put_escaped(svg->out, title, strlen(title));
    fputs("</title>\n<desc>", svg->out);
    put_escaped(svg->out, description, strlen(description));
    fputs("</desc>\n<style>svg{color:#222}@media(prefers-color-scheme:dark){svg{color:#ddd}}"
          "</style>\n",
          svg->out);
}

static int parse(struct rewriting *svg, const char *bytes, size_t length)
{
    XML_SetUserData(svg->parser, svg);
    XML_SetElementHandler(svg->parser, on_start, on_end);
    XML_SetCharacterDataHandler(svg->parser, on_text);

    if (XML_Parse(svg->parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK && !svg->failed)
        return 0;
    if (svg->failed)
        return -1;
    return error_set(svg->error, "gnuplot's SVG, line %lu: %s",
                     (unsigned long)XML_GetCurrentLineNumber(svg->parser),
                     XML_ErrorString(XML_GetErrorCode(svg->parser)));
}

int plot_svg_rewrite(const char *bytes, size_t length, const char *image, const char *title,
                     const char *description, FILE *stream, struct error *error)
{
    struct rewriting svg = {.out = stream, .image = image, .error = error};
    int status = -1;

    svg.stack[0] = (struct context){.font = 12, .anchor = "start", .width = 1};
    svg.parser = XML_ParserCreate(NULL);
    svg.texts_out = open_memstream(&svg.texts, &svg.texts_size);
    if (svg.parser == NULL || svg.texts_out == NULL) {
        error_set(error, "no memory to write SVG");
    } else {
        put_head(&svg, bytes, length, title, description);
        status = parse(&svg, bytes, length);
        close_path(&svg);
    }

    if (svg.texts_out != NULL && fclose(svg.texts_out) == 0 && status == 0)
        fprintf(stream, "<g fill=\"currentColor\">\n%s</g>\n</svg>\n", svg.texts);
    free(svg.texts);
    if (svg.parser != NULL)
        XML_ParserFree(svg.parser);
    return status;
}
