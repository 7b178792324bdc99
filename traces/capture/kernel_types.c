/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A kernel's types: where members lie, which parameters functions have, where names are freed and
 * taken back.
 *
 * The debugging information is walked twice. The first walk looks at what stands at the top of each
 * unit: the structures and functions that are wanted, whichever unit has them. The second goes into
 * functions: the two that take a name off a space's free list and put it back are inline in the
 * kernel, so there is no call to see; it finds the functions they were put into, and only stores
 * made by those will be watched.
 */

#include <dwarf.h>
#include <string.h>

#include "traces/capture/kernel_private.h"

struct types {
    const struct kernel *kernel;
    struct plan *plan;
    struct error *error;
    Dwarf_Die structures[PLAN_PLACES_NR]; /* of the place with the same number */
    bool structure_found[PLAN_PLACES_NR];
    Dwarf_Die functions[PLAN_CALLS_NR];
    uint8_t function_found[PLAN_CALLS_NR]; /* 1: its declaration, 2: itself */
};

typedef int visit_die(struct types *types, Dwarf_Die *die);

/* ---- Walking ---- */

static int each_child(struct types *types, Dwarf_Die *parent, visit_die *visit)
{
    Dwarf_Die die;

    if (dwarf_child(parent, &die) != 0)
        return 0;
    do {
        if (visit(types, &die) != 0)
            return -1;
    } while (dwarf_siblingof(&die, &die) == 0);
    return 0;
}

static int each_top(struct types *types, visit_die *visit)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;

    while (dwarf_get_units(types->kernel->dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0)
        if (each_child(types, &die, visit) != 0)
            return -1;
    return 0;
}

/* ---- What is wanted ---- */

static bool is_declaration(Dwarf_Die *die)
{
    return dwarf_hasattr(die, DW_AT_declaration) != 0;
}

static bool place_is_in(unsigned place, const char *structure)
{
    const char *text = plan_place_names[place].text;
    size_t size = strcspn(text, ".");
    enum plan_place_kind kind = plan_place_names[place].kind;

    if (kind == PLACE_VARIABLE || kind == PLACE_OPTIONAL_VARIABLE)
        return false;
    return strlen(structure) == size && memcmp(text, structure, size) == 0;
}

static int note_top(struct types *types, Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    const char *name;

    if (tag != DW_TAG_structure_type && tag != DW_TAG_subprogram)
        return 0;
    name = dwarf_diename(die);
    if (name == NULL)
        return 0;
    if (tag == DW_TAG_structure_type) {
        for (unsigned i = 0; i < PLAN_PLACES_NR && !is_declaration(die); i++)
            if (!types->structure_found[i] && place_is_in(i, name)) {
                types->structures[i] = *die;
                types->structure_found[i] = true;
            }
        return 0;
    }
    for (unsigned i = 0; i < PLAN_CALLS_NR; i++) {
        uint8_t found = is_declaration(die) ? 1 : 2;

        if (types->function_found[i] < found && strcmp(plan_call_names[i].symbol, name) == 0) {
            types->functions[i] = *die;
            types->function_found[i] = found;
        }
    }
    return 0;
}

/* ---- Members ---- */

static int fill_place(struct types *types, unsigned i)
{
    const char *text = plan_place_names[i].text;
    enum plan_place_kind kind = plan_place_names[i].kind;
    struct plan_place *place = &types->plan->places[i];

    if (kind == PLACE_VARIABLE || kind == PLACE_OPTIONAL_VARIABLE) {
        struct kernel_symbol symbol;

        place->known = kernel_symbol(types->kernel, text, &symbol);
        if (place->known) {
            place->at = symbol.address;
            place->size = symbol.size;
        }
    } else if (types->structure_found[i]) {
        struct kernel_member member;

        place->known = kernel_member(&types->structures[i], text + strcspn(text, "."), &member);
        if (place->known) {
            place->at = member.offset;
            place->size = member.size;
        }
    }
    if (place->known || kind == PLACE_OPTIONAL_VARIABLE || kind == PLACE_OPTIONAL_MEMBER)
        return 0;
    return error_set(types->error, "%s: %s has no %s '%s': a capture needs it", types->kernel->path,
                     types->kernel->version,
                     kind == PLACE_VARIABLE    ? "variable"
                     : kind == PLACE_STRUCTURE ? "structure"
                                               : "member",
                     text);
}

/* ---- Parameters ---- */

static int fill_parameters(struct types *types, unsigned i)
{
    struct plan_call *call = &types->plan->calls[i];
    Dwarf_Die *function = &types->functions[i];
    Dwarf_Die die, type;
    uint64_t size;

    if (kernel_type_of(function, &type) && kernel_size_of(&type, &size) && size <= 8)
        call->result = (uint8_t)size;
    if (dwarf_child(function, &die) != 0)
        return 0;
    do {
        if (dwarf_tag(&die) != DW_TAG_formal_parameter || call->nr_parameters == PLAN_PARAMETERS)
            continue;
        if (!kernel_type_of(&die, &type) || !kernel_size_of(&type, &size) || size > 8)
            return error_set(
                types->error, "%s: parameter %u of %s() is of no size that can be read",
                types->kernel->path, call->nr_parameters + 1u, plan_call_names[i].symbol);
        call->parameters[call->nr_parameters++] = (uint8_t)size;
    } while (dwarf_siblingof(&die, &die) == 0);
    return 0;
}

static int fill_call(struct types *types, unsigned i)
{
    const struct plan_call_name *name = &plan_call_names[i];
    struct kernel_symbol symbol;

    if (!kernel_symbol(types->kernel, name->symbol, &symbol)) {
        if (!name->needed)
            return 0;
        return error_set(types->error, "%s: %s has no function %s(): a capture needs to observe it",
                         types->kernel->path, types->kernel->version, name->symbol);
    }
    types->plan->calls[i].address = symbol.address;
    if (types->function_found[i] != 0 && fill_parameters(types, i) != 0)
        return -1;
    if (types->plan->calls[i].nr_parameters >= strlen(name->parameters) || !name->needed)
        return 0;
    /* A parameter less is one that later or older kernels do not have. */
    if (types->function_found[i] != 0 && types->plan->calls[i].nr_parameters != 0)
        return 0;
    if (strlen(name->parameters) == 0 || i == PLAN_CALL_PAGE_GRAB)
        return 0;
    return error_set(types->error, "%s: no parameters of %s() in the debugging information",
                     types->kernel->path, name->symbol);
}

/* ---- Stores to free lists ---- */

static bool is_list_function(Dwarf_Die *die)
{
    static const char *const names[] = {
        "ipc_entry_get",        "ipc_entry_dealloc", "ipc_entry_alloc",
        "ipc_entry_alloc_name", "ipc_space_create",
    };
    const char *name = dwarf_diename(die);

    for (unsigned i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* 1 when one of the inline functions is in DIE, however deep. */
static int has_inlined(struct types *types, Dwarf_Die *die)
{
    if (dwarf_tag(die) == DW_TAG_inlined_subroutine && is_list_function(die))
        return -1; /* found: ends the walk */
    return each_child(types, die, has_inlined);
}

static int add_stores(struct types *types, Dwarf_Die *die)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t at = 0;

    if (dwarf_tag(die) != DW_TAG_subprogram || is_declaration(die))
        return 0;
    if (!is_list_function(die) && each_child(types, die, has_inlined) == 0)
        return 0;
    while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
        if (plan_add_store(types->plan, start, end, types->error) != 0)
            return -1;
    return 0;
}

int kernel_types(const struct kernel *kernel, struct plan *plan, struct error *error)
{
    struct types types = {.kernel = kernel, .plan = plan, .error = error};

    if (each_top(&types, note_top) != 0)
        return -1;
    for (unsigned i = 0; i < PLAN_PLACES_NR; i++)
        if (fill_place(&types, i) != 0)
            return -1;
    for (unsigned i = 0; i < PLAN_CALLS_NR; i++)
        if (fill_call(&types, i) != 0)
            return -1;
    if (each_top(&types, add_stores) != 0)
        return -1;
    if (plan->nr_stores == 0)
        return error_set(error, "%s: no function that frees names in the debugging information",
                         kernel->path);
    return 0;
}
