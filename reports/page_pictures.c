/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The pictures of a trace: all are drawn at once, by few processes of gnuplot, into a folder, and
 * copied from there into the page.
 *
 * A picture is a figure. What it shows is said in words below it, when it is large; the same words
 * are what stands for it where it cannot be seen. How to read it is said of a picture of all stacks
 * below it, and of those that there are of each stack once, above them.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/page_private.h"
#include "reports/plot.h"

#define NAME_MAX_LENGTH 32

struct picture {
    struct plot_job job;
    char name[NAME_MAX_LENGTH];
    struct error missing; /* the sentence in its place; "" when it is drawn */
};

/* What is drawn of a trace: the designs, without what is only there to be compared with. */
struct gallery {
    const struct page_trace *trace;
    struct report_result *designs; /* shallow copies */
    unsigned nr_designs;
    struct picture *pictures;
    unsigned nr;
};

/* ---- What there is to draw ---- */

static void gallery_free(struct gallery *gallery)
{
    free(gallery->designs);
    free(gallery->pictures);
}

static void gallery_add(struct gallery *gallery, const struct plot_kind *kind, unsigned first)
{
    struct picture *picture = &gallery->pictures[gallery->nr];

    snprintf(picture->name, sizeof(picture->name), "t%u-p%u", gallery->trace->number,
             gallery->nr + 1);
    picture->job = (struct plot_job){
        .kind = kind,
        .name = picture->name,
        .results = gallery->designs,
        .nr = gallery->nr_designs,
        .first = first,
        .terminal = PLOT_SVG,
        .embedded = true,
    };
    if (plot_check(&picture->job, &picture->missing) == 0)
        picture->missing.text[0] = '\0';
    gallery->nr++;
}

static int gallery_fill(struct gallery *gallery, struct error *error)
{
    const struct page_trace *trace = gallery->trace;
    const struct plot_kind *kind;
    unsigned kinds = 0;

    while (plot_kind_at(kinds) != NULL)
        kinds++;

    gallery->designs = calloc(trace->nr, sizeof(*gallery->designs));
    gallery->pictures = calloc((size_t)kinds * trace->nr, sizeof(*gallery->pictures));
    if (gallery->designs == NULL || gallery->pictures == NULL)
        return error_set(error, "no memory for the pictures of %s", trace->name);

    for (unsigned i = 0; i < trace->nr; i++)
        if (!page_baseline(&trace->results[i]))
            gallery->designs[gallery->nr_designs++] = trace->results[i];
    if (gallery->nr_designs == 0)
        return 0;

    for (unsigned k = 0; (kind = plot_kind_at(k)) != NULL; k++)
        for (unsigned i = 0; i < (kind->scope == PLOT_RESULT ? gallery->nr_designs : 1); i++)
            gallery_add(gallery, kind, i);
    return 0;
}

static int gallery_draw(const struct gallery *gallery, const char *folder, struct error *error)
{
    struct plot_job *jobs = calloc(gallery->nr + 1, sizeof(*jobs));
    unsigned nr = 0;
    int status;

    if (jobs == NULL)
        return error_set(error, "no memory for the pictures of %s", gallery->trace->name);

    for (unsigned i = 0; i < gallery->nr; i++)
        if (gallery->pictures[i].missing.text[0] == '\0')
            jobs[nr++] = gallery->pictures[i].job;
    status = nr != 0 ? plot_draw_all(jobs, nr, folder, error) : 0;

    free(jobs);
    return status;
}

/* ---- In the page ---- */

/* Attributes that pictures have by the thousand, and the classes of page.css that are the same. */
static const struct short_form {
    const char *attributes, *class;
} short_forms[] = {
    {" stroke=\"currentColor\" stroke-width=\"0.75\"", " class=\"a\""},
    {" text-anchor=\"end\"", " class=\"e\""},
    {" text-anchor=\"middle\"", " class=\"m\""},
};

/* The short form of what TEXT begins with, or NULL. */
static const struct short_form *short_form_of(const char *text)
{
    for (unsigned i = 0; i < sizeof(short_forms) / sizeof(short_forms[0]); i++)
        if (strncmp(text, short_forms[i].attributes, strlen(short_forms[i].attributes)) == 0)
            return &short_forms[i];

    return NULL;
}

static void put_short(FILE *stream, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text + 1, " ") + 1; /* up to the next attribute */
        const struct short_form *form = short_form_of(text);

        if (form != NULL) {
            fputs(form->class, stream);
            text += strlen(form->attributes);
        } else {
            fwrite(text, 1, plain, stream);
            text += plain;
        }
    }
}

/* Copies a drawing, and takes it away. Its first tag gets the attributes that say what it is. */
static int copy_drawing(FILE *stream, const char *folder, const char *name, struct error *error)
{
    static const char tag[] = "<svg";
    char path[PAGE_PATH_MAX];
    struct report_file drawing;

    snprintf(path, sizeof(path), "%s/%s.svg", folder, name);
    if (report_file_read(&drawing, path, error) != 0)
        return -1;
    if (strncmp(drawing.bytes, tag, strlen(tag)) != 0) {
        free(drawing.bytes);
        return error_set(error, "%s: the picture does not begin with %s", path, tag);
    }

    fprintf(stream, "%s role=\"img\" aria-labelledby=\"%s\"", tag, name);
    put_short(stream, drawing.bytes + strlen(tag));
    free(drawing.bytes);
    unlink(path);
    return 0;
}

/* The figures of a picture in words. */
static int put_description(FILE *stream, const struct picture *picture, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    int status;

    if (memory == NULL)
        return error_set(error, "no memory for the words of a picture");

    status = plot_describe(&picture->job, memory);
    if (fclose(memory) != 0 || status != 0) {
        free(text);
        return error_set(error, "no memory for the words of a picture");
    }

    fprintf(stream, "<p id=\"%s\">", picture->name);
    html_text(stream, text);
    fputs("</p>", stream);
    free(text);
    return 0;
}

/* The name of what is shown: of a picture of one stack it is the stack's. */
static void put_title(FILE *stream, const struct picture *picture)
{
    const struct plot_job *job = &picture->job;

    html_text(stream,
              job->kind->scope == PLOT_RESULT ? job->results[job->first].stack : job->kind->title);
}

static int put_picture(FILE *stream, const char *folder, const struct picture *picture,
                       struct error *error)
{
    bool alone = picture->job.kind->scope == PLOT_TRACE;

    if (picture->missing.text[0] != '\0') {
        fputs("<div class=\"missing\"><p><b>", stream);
        put_title(stream, picture);
        fputs("</b>: ", stream);
        html_text(stream, picture->missing.text);
        fputs(".</p></div>\n", stream);
        return 0;
    }

    fputs("<figure><details><summary><b>", stream);
    put_title(stream, picture);
    fputs("</b>\n", stream);
    if (copy_drawing(stream, folder, picture->name, error) != 0)
        return -1;
    fputs("</summary>", stream);
    if (put_description(stream, picture, error) != 0)
        return -1;
    fputs("</details>", stream);
    if (alone) {
        fputs("<figcaption>", stream);
        html_text(stream, picture->job.kind->reading);
        fputs("</figcaption>", stream);
    }
    fputs("</figure>\n", stream);
    return 0;
}

/* Heading of a group: those of all stacks are together, and those of each kind that has a picture
 * for each stack. */
static void put_group(FILE *stream, const struct plot_kind *kind)
{
    fputs("<h3>", stream);
    html_text(stream, kind->scope == PLOT_RESULT ? kind->title
                      : kind->measured           ? "Times, all stacks"
                                                 : "Over the trace, all stacks");
    fputs("</h3>\n", stream);
    if (kind->scope == PLOT_RESULT) {
        fputs("<p class=\"reading\">", stream);
        html_text(stream, kind->reading);
        fputs("</p>\n", stream);
    }
    fputs("<div class=\"pictures\">\n", stream);
}

static bool same_group(const struct plot_kind *a, const struct plot_kind *b)
{
    return a == b ||
           (a->scope == PLOT_TRACE && b->scope == PLOT_TRACE && a->measured == b->measured);
}

static int put_gallery(FILE *stream, const char *folder, const struct gallery *gallery,
                       struct error *error)
{
    const struct plot_kind *last = NULL;

    for (unsigned i = 0; i < gallery->nr; i++) {
        const struct plot_kind *kind = gallery->pictures[i].job.kind;

        if (last == NULL || !same_group(last, kind)) {
            if (last != NULL)
                fputs("</div>\n", stream);
            put_group(stream, kind);
        }
        last = kind;
        if (put_picture(stream, folder, &gallery->pictures[i], error) != 0)
            return -1;
    }
    if (last != NULL)
        fputs("</div>\n", stream);

    return 0;
}

int page_pictures(FILE *stream, const struct page_folder *folder, const struct page_trace *trace,
                  struct error *error)
{
    struct gallery gallery = {.trace = trace};
    int status = -1;

    if (gallery_fill(&gallery, error) == 0 && gallery_draw(&gallery, folder->path, error) == 0)
        status = put_gallery(stream, folder->path, &gallery, error);

    gallery_free(&gallery);
    return status;
}
