/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/space/model.h"

uint64_t model_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t model_object(const struct model *model, uint32_t i)
{
    uint64_t slab = i / 50;

    return model->fake->machine.kernel_base + 0x400000 + slab * slab * 4096 * 3 + slab * 4096 +
           i % 50 * 80;
}

uint32_t model_find(const struct model *model, uint32_t space, uint32_t name)
{
    for (uint32_t i = 0; i < MODEL_RIGHTS; i++) {
        const struct model_right *right = &model->rights[i];

        if (right->live && right->space == space && right->name == name)
            return i;
    }

    return RIGHT_NONE;
}

static void verify_right(const struct model *model, uint32_t i)
{
    struct space_system *spaces = model->spaces;
    const struct model_right *right = &model->rights[i];
    uint32_t space = right->live ? right->space : i % MODEL_SPACES;
    uint32_t reverse = spaces->ops->reverse_lookup(spaces, space, model_object(model, i + 1));

    assert_int_equal(reverse, right->live && right->object != 0 ? i : RIGHT_NONE);
    if (right->live)
        assert_int_equal(spaces->ops->name_lookup(spaces, space, right->name), i);
}

void model_verify(const struct model *model)
{
    struct space_system *spaces = model->spaces;
    struct error error = {""};

    for (uint32_t i = 0; i < MODEL_RIGHTS; i++)
        verify_right(model, i);

    for (uint32_t i = 0; i < MODEL_SPACES; i++) {
        const struct space *space = &spaces->spaces[i];

        assert_int_equal(space->rights, model->live[i]);
        assert_int_equal(space->reverse_count, model->keys[i]);
        if (spaces->ops->check(spaces, i, &error) < 0)
            fail_msg("%s, space %u: %s", spaces->ops->name, i, error.text);
    }
}
