/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The look at a kernel, in order. Whatever is missing is said by its name before anything is run.
 */

#include "traces/capture/kernel.h"

#include <string.h>

#include "traces/capture/kernel_private.h"

static int comment_kernel(const struct kernel *kernel, struct plan *plan, struct error *error)
{
    char text[256];

    /* Without the words "GNU Mach": they begin the names of the historical kernels. */
    snprintf(text, sizeof(text), "kernel: gnumach %s %s", kernel->version + strlen("GNU Mach "),
             kernel->word == 4 ? "i386" : "amd64");
    return plan_add_comment(plan, text, error);
}

static int check_thread(const struct kernel *kernel, const struct plan *plan, struct error *error)
{
    if (plan->places[PLAN_ACTIVE_THREADS].known ||
        (plan->places[PLAN_PERCPU_ARRAY].known && plan->places[PLAN_PERCPU_THREAD].known))
        return 0;
    return error_set(error,
                     "%s: %s has neither the variable 'active_threads' nor 'percpu_array': a "
                     "capture needs one to know the running thread",
                     kernel->path, kernel->version);
}

int kernel_plan(struct plan *plan, const char *path, struct error *error)
{
    struct kernel kernel;
    int code;

    if (kernel_open(&kernel, path, error) != 0)
        return -1;
    plan->word = kernel.word;
    plan->text = (struct plan_range){kernel.text_address, kernel.text_address + kernel.text_size};
    code = kernel_types(&kernel, plan, error);
    if (code == 0)
        code = check_thread(&kernel, plan, error);
    if (code == 0)
        code = kernel_sites(&kernel, plan, error);
    if (code == 0)
        code = comment_kernel(&kernel, plan, error);
    plan_sort(plan);
    kernel_close(&kernel);
    return code;
}

int kernel_image(const char *path, FILE *stream, struct error *error)
{
    struct kernel kernel;

    if (kernel_open(&kernel, path, error) != 0)
        return -1;
    (void)fwrite(kernel.image, 1, kernel.size, stream); /* errors are the owner's to find */
    kernel_close(&kernel);
    return 0;
}
