/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The list of stacks. A new design is one more line here.
 */

#include "allocators/stack.h"

#include <string.h>

#include "allocators/stack_kernel.h"
#include "allocators/stack_null.h"

static const struct stack_ops *const stacks[] = {
    &stack_table_vm.ops,    &stack_table_buddy.ops,  &stack_table_hybrid.ops, &stack_radix_vm.ops,
    &stack_radix_buddy.ops, &stack_radix_hybrid.ops, &stack_radix_direct.ops, &stack_null,
};

#define NR_STACKS (sizeof(stacks) / sizeof(stacks[0]))

const struct stack_ops *stack_at(unsigned index)
{
    return index < NR_STACKS ? stacks[index] : NULL;
}

const struct stack_ops *stack_find(const char *name)
{
    for (unsigned i = 0; i < NR_STACKS; i++)
        if (strcmp(stacks[i]->name, name) == 0)
            return stacks[i];

    return NULL;
}
