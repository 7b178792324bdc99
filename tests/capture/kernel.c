/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A program that says it is GNU Mach and has nothing of it. It is never run.
 */

#ifndef VERSION
#define VERSION "GNU Mach 0.test"
#endif

extern const char version[];
const char version[] = VERSION;

void _start(void);
void _start(void)
{
}
