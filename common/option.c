/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "common/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

int option_number(const char *option, const char *text, uint64_t low, uint64_t high,
                  uint64_t *value, struct error *error)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || *value < low ||
        *value > high)
        return error_set(error,
                         "--%s takes a whole number from %" PRIu64 " to %" PRIu64 ", not \"%s\"",
                         option, low, high, text);

    return 0;
}
