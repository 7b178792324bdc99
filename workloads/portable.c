/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "workloads/portable.h"

#include <float.h>
#include <math.h>

/* With more precision than a double has between two operations, as on the x87, bits differ. */
_Static_assert(FLT_EVAL_METHOD == 0, "doubles are doubles");

/* ln 2 in two parts: the first has 21 zero bits at its end, so that its products with small whole
 * numbers are exact. */
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW  0x1.a39ef35793c76p-33

double portable_exp(double x)
{
    double whole, rest, sum = 1.0;
    int n;

    if (x < -700.0)
        return 0.0;
    n = (int)(x / (LN2_HIGH + LN2_LOW) + (x < 0 ? -0.5 : 0.5));
    whole = n;
    rest = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    for (int i = 14; i > 0; i--) /* Taylor's series by Horner's rule; |rest| < 0.35 */
        sum = 1.0 + sum * rest / i;
    return ldexp(sum, n); /* exact */
}

double portable_log(double x)
{
    int exponent;
    double fraction = frexp(x, &exponent), z, square, sum = 0.0; /* frexp() is exact */

    if (fraction < 0.70710678118654752) {
        fraction *= 2;
        exponent--;
    }
    z = (fraction - 1) / (fraction + 1); /* |z| < 0.172, ln(fraction) = 2 artanh(z) */
    square = z * z;
    for (int i = 23; i > 0; i -= 2)
        sum = sum * square + 1.0 / i;
    return exponent * LN2_HIGH + (exponent * LN2_LOW + 2 * z * sum);
}
