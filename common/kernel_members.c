/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where the members of a kernel's structures lie, by its debugging information.
 */

#include <dwarf.h>
#include <string.h>

#include "common/kernel_file.h"

#define NAME_MAX_BYTES 64

bool kernel_find(const struct kernel *kernel, unsigned tag, const char *name, Dwarf_Die *die)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die top;

    while (dwarf_get_units(kernel->dwarf, unit, &unit, NULL, NULL, &top, NULL) == 0) {
        if (dwarf_child(&top, die) != 0)
            continue;
        do {
            const char *text = dwarf_tag(die) == (int)tag ? dwarf_diename(die) : NULL;

            if (text != NULL && strcmp(text, name) == 0 &&
                dwarf_hasattr(die, DW_AT_declaration) == 0)
                return true;
        } while (dwarf_siblingof(die, die) == 0);
    }
    return false;
}

bool kernel_structure(const struct kernel *kernel, const char *name, Dwarf_Die *structure)
{
    return kernel_find(kernel, DW_TAG_structure_type, name, structure);
}

bool kernel_type_of(Dwarf_Die *die, Dwarf_Die *type)
{
    Dwarf_Attribute attribute;

    return dwarf_attr_integrate(die, DW_AT_type, &attribute) != NULL &&
           dwarf_formref_die(&attribute, type) != NULL && dwarf_peel_type(type, type) == 0;
}

bool kernel_size_of(Dwarf_Die *type, uint64_t *size)
{
    Dwarf_Word word;

    if (dwarf_aggregate_size(type, &word) != 0)
        return false;
    *size = word;
    return true;
}

static uint64_t number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word word = 0;

    if (dwarf_attr(die, name, &attribute) == NULL || dwarf_formudata(&attribute, &word) != 0)
        return 0;
    return word;
}

/* Adds where DIE lies in its structure. Bit fields are told by the number of their first bit, or in
 * older information by bits from the high end of a unit of storage. */
static void place(Dwarf_Die *die, Dwarf_Die *type, struct kernel_member *member)
{
    uint64_t bits = number(die, DW_AT_data_bit_offset), storage;

    member->offset += number(die, DW_AT_data_member_location);
    member->bit_size = (unsigned)number(die, DW_AT_bit_size);
    if (member->bit_size == 0)
        return;
    if (dwarf_hasattr(die, DW_AT_bit_offset) != 0 && kernel_size_of(type, &storage))
        bits = storage * 8 - number(die, DW_AT_bit_offset) - member->bit_size;
    member->offset += bits / 8;
    member->bit = bits % 8;
}

/* The member NAME of TYPE, also inside members without a name. Adds to the offset. */
static bool find_member(Dwarf_Die *type, const char *name, struct kernel_member *member,
                        Dwarf_Die *found)
{
    Dwarf_Die die;

    if (dwarf_child(type, &die) != 0)
        return false;
    do {
        const char *text = dwarf_tag(&die) == DW_TAG_member ? dwarf_diename(&die) : NULL;
        struct kernel_member inner = *member;
        Dwarf_Die inside;

        if (dwarf_tag(&die) != DW_TAG_member || (text != NULL && strcmp(text, name) != 0))
            continue;
        if (!kernel_type_of(&die, &inside))
            continue;
        place(&die, &inside, &inner);
        if (text == NULL) {
            if (!find_member(&inside, name, &inner, found))
                continue;
        } else {
            *found = inside;
        }
        *member = inner;
        return true;
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

bool kernel_member(Dwarf_Die *type, const char *path, struct kernel_member *member)
{
    Dwarf_Die at = *type;

    *member = (struct kernel_member){0};
    while (*path == '.') {
        char name[NAME_MAX_BYTES];
        size_t length = strcspn(path + 1, ".");

        if (length >= sizeof(name))
            return false;
        memcpy(name, path + 1, length);
        name[length] = '\0';
        path += 1 + length;
        while (dwarf_tag(&at) == DW_TAG_array_type)
            if (!kernel_type_of(&at, &at))
                return false;
        if (!find_member(&at, name, member, &at))
            return false;
    }
    return kernel_size_of(&at, &member->size);
}
