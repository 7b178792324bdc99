/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The plugin: QEMU tells the observer what happens.
 *
 * When QEMU translates a block of guest code, its instructions are looked up in the plan. Those
 * that begin an observed function, follow a call of one, or may store to a list of free names call
 * back each time they run; all others run as if there were no plugin, but for one addition per
 * block that counts instructions. That count is the time of the log.
 *
 * A block counts all its instructions when it begins, so a callback in the middle of one takes off
 * those still to come; how many that are goes with the callback, as its data.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/capture/observer.h"
#include "traces/capture/qemu_plugin.h"

#define REGISTERS (2 + OBSERVER_ARGUMENTS) /* stack pointer, result, arguments */

enum point_kind { POINT_ENTER, POINT_RETURN, POINT_STORE };

/* A place in guest code that calls back. */
struct point {
    struct point *next; /* of all */
    uint64_t address;
    uint32_t left; /* instructions of the block from this one on */
    uint8_t kind;
    uint8_t call;
};

#define POINT_BUCKETS 4096

struct plugin {
    struct plan plan;
    struct observer *observer;
    struct qemu_plugin_scoreboard *counts;
    qemu_plugin_u64 count;
    struct qemu_plugin_register *handles[REGISTERS];
    GByteArray *bytes;
    struct point *points[POINT_BUCKETS];
};

/* QEMU calls back at translation with nothing but the plugin's number. */
static struct plugin *the_plugin;

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_USED_VERSION;

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

/* ---- The guest's state ---- */

static bool read_memory(void *context, uint64_t address, void *bytes, size_t size)
{
    struct plugin *plugin = context;

    if (!qemu_plugin_read_memory_vaddr(address, plugin->bytes, size))
        return false;
    memcpy(bytes, plugin->bytes->data, size);
    return true;
}

static uint64_t read_register(struct plugin *plugin, unsigned number)
{
    uint64_t value = 0;
    int size;

    if (plugin->handles[number] == NULL)
        return 0;
    g_byte_array_set_size(plugin->bytes, 0);
    size = qemu_plugin_read_register(plugin->handles[number], plugin->bytes);
    if (size > 0)
        memcpy(&value, plugin->bytes->data, (size_t)size < sizeof(value) ? (size_t)size : 8);
    return plugin->plan.word == 4 ? (uint32_t)value : value;
}

static void find_registers(qemu_plugin_id_t id, unsigned int vcpu)
{
    static const char *const names[REGISTERS][2] = {
        {"rsp", "esp"}, {"rax", "eax"}, {"rdi", NULL}, {"rsi", NULL},
        {"rdx", NULL},  {"rcx", NULL},  {"r8", NULL},  {"r9", NULL},
    };
    GArray *array = qemu_plugin_get_registers();
    const qemu_plugin_reg_descriptor *all = (const void *)array->data;

    (void)id;
    (void)vcpu;
    for (unsigned i = 0; i < array->len; i++)
        for (unsigned k = 0; k < REGISTERS; k++)
            for (unsigned n = 0; n < 2; n++)
                if (names[k][n] != NULL && strcmp(all[i].name, names[k][n]) == 0)
                    the_plugin->handles[k] = all[i].handle;
    g_array_free(array, 1);
    if (the_plugin->handles[0] != NULL && the_plugin->handles[1] != NULL)
        return;
    fprintf(stderr, "allotrope: QEMU shows no stack pointer of the guest to plugins\n");
    exit(1);
}

static uint64_t time_at(const struct plugin *plugin, unsigned vcpu, const struct point *point)
{
    return qemu_plugin_u64_get(plugin->count, vcpu) - point->left;
}

/* ---- Callbacks ---- */

static void at_instruction(unsigned int vcpu, void *data)
{
    const struct point *point = data;
    struct plugin *plugin = the_plugin;
    struct observer_registers registers = {0};
    uint64_t time;

    if (observer_ended(plugin->observer))
        return;
    time = time_at(plugin, vcpu, point);
    registers.stack = read_register(plugin, 0);
    if (point->kind == POINT_RETURN) {
        registers.result = read_register(plugin, 1);
        observer_return(plugin->observer, point->address, time, &registers);
        return;
    }
    for (unsigned i = 0; plugin->plan.word == 8 && i < OBSERVER_ARGUMENTS; i++)
        registers.arguments[i] = read_register(plugin, 2 + i);
    observer_enter(plugin->observer, point->call, time, &registers);
}

static void at_store(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)info;
    observer_store(the_plugin->observer, address, time_at(the_plugin, vcpu, data));
}

/* ---- Translation ---- */

/* One for each address and distance from the end of a block; blocks are translated again and again.
 */
static struct point *point_make(struct plugin *plugin, const struct point *wanted)
{
    struct point **bucket =
        &plugin->points[(wanted->address ^ wanted->left ^ wanted->address >> 12) % POINT_BUCKETS];
    struct point *point;

    for (point = *bucket; point != NULL; point = point->next)
        if (point->address == wanted->address && point->left == wanted->left &&
            point->kind == wanted->kind)
            return point;
    point = malloc(sizeof(*point));
    if (point == NULL) {
        fprintf(stderr, "allotrope: not enough memory for the observer\n");
        exit(1);
    }
    *point = *wanted;
    point->next = *bucket;
    *bucket = point;
    return point;
}

static unsigned find_call(const struct plan *plan, uint64_t address)
{
    for (unsigned i = 0; i < PLAN_CALLS_NR; i++)
        if (plan->calls[i].address == address)
            return i;
    return PLAN_CALLS_NR;
}

static bool in_stores(const struct plan *plan, uint64_t address)
{
    for (size_t i = 0; i < plan->nr_stores; i++)
        if (address >= plan->stores[i].start && address < plan->stores[i].end)
            return true;
    return false;
}

/* False when the instruction surely stores to no free list: what pushes, calls or stores relative
 * to the stack, or a plain store to a member at another offset. */
static bool may_store(const struct plan *plan, const uint8_t *code, size_t size)
{
    uint64_t offset = plan->places[PLAN_SPACE_FREE_LIST].at;
    size_t at = 0;
    uint8_t mode, base;

    while (at < size && (code[at] == 0x66 || (plan->word == 8 && (code[at] & 0xf0) == 0x40)))
        at++;
    if (at + 2 > size)
        return false;
    if (code[at] == 0xe8 || code[at] == 0x68 || code[at] == 0x6a || (code[at] & 0xf8) == 0x50)
        return false;
    if (code[at] != 0x89 && code[at] != 0xc7)
        return true; /* rare, and called back only if it does store */
    mode = code[at + 1] >> 6;
    base = code[at + 1] & 7;
    at += 2;
    if (mode == 3)
        return false;
    if (base == 4 && at < size)
        base = code[at++] & 7;
    if (base == 4 && mode != 0)
        return false; /* on the stack */
    if (mode == 1)
        return at < size && (code[at] == offset || code[at] == 0);
    if (mode == 2)
        return at + 4 <= size && memcmp(code + at, &(uint32_t){(uint32_t)offset}, 4) == 0;
    return true;
}

static void translate_instruction(struct plugin *plugin, struct qemu_plugin_insn *instruction,
                                  uint32_t left)
{
    const struct plan *plan = &plugin->plan;
    struct point point = {.address = qemu_plugin_insn_vaddr(instruction), .left = left};
    uint8_t code[16] = {0};
    size_t size;

    if (point.address < plan->text.start || point.address >= plan->text.end)
        return;
    point.call = (uint8_t)find_call(plan, point.address);
    if (point.call != PLAN_CALLS_NR) {
        point.kind = POINT_ENTER;
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_instruction, QEMU_PLUGIN_CB_R_REGS,
                                               point_make(plugin, &point));
    }
    if (plan_is_site(plan, point.address)) {
        point.kind = POINT_RETURN;
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_instruction, QEMU_PLUGIN_CB_R_REGS,
                                               point_make(plugin, &point));
    }
    if (!in_stores(plan, point.address))
        return;
    size = qemu_plugin_insn_data(instruction, code, sizeof(code));
    if (!may_store(plan, code, size))
        return;
    point.kind = POINT_STORE;
    qemu_plugin_register_vcpu_mem_cb(instruction, at_store, QEMU_PLUGIN_CB_NO_REGS,
                                     QEMU_PLUGIN_MEM_W, point_make(plugin, &point));
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    size_t nr = qemu_plugin_tb_n_insns(block);

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, QEMU_PLUGIN_INLINE_ADD_U64,
                                                      the_plugin->count, nr);
    if (observer_ended(the_plugin->observer))
        return;
    for (size_t i = 0; i < nr; i++)
        translate_instruction(the_plugin, qemu_plugin_tb_get_insn(block, i), (uint32_t)(nr - i));
}

/* ---- Start and end ---- */

static void at_exit(qemu_plugin_id_t id, void *data)
{
    struct plugin *plugin = data;

    (void)id;
    observer_close(plugin->observer);
    plugin->observer = NULL;
}

static const char *option(int argc, char **argv, const char *name)
{
    size_t size = strlen(name);

    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
            return argv[i] + size + 1;
    return NULL;
}

static int refuse(const char *text)
{
    fprintf(stderr, "allotrope: %s\n", text);
    return 1;
}

static bool is_target(const qemu_info_t *info, unsigned word)
{
    if (word == 4 && strcmp(info->target_name, "i386") == 0)
        return true;
    return strcmp(info->target_name, "x86_64") == 0;
}

/* Options: plan=FILE, log=FD. */
__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const char *plan = option(argc, argv, "plan"), *log = option(argc, argv, "log");
    struct error error = {{0}};
    struct plugin *plugin;

    if (plan == NULL || log == NULL)
        return refuse("the plugin expects plan=FILE and log=DESCRIPTOR");
    plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL)
        return refuse("not enough memory for the observer");
    the_plugin = plugin;
    if (plan_read(&plugin->plan, plan, &error) != 0)
        return refuse(error.text);
    if (!info->system_emulation || !is_target(info, plugin->plan.word))
        return refuse("this QEMU emulates another machine than the kernel is for");
    if (info->system.max_vcpus > 1)
        return refuse("a capture observes one processor: expected -smp 1");
    plugin->bytes = g_byte_array_new();
    plugin->counts = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    plugin->count = (qemu_plugin_u64){plugin->counts, 0};
    plugin->observer = observer_open(&plugin->plan, (int)strtol(log, NULL, 10),
                                     &(struct observer_guest){read_memory, plugin}, &error);
    if (plugin->observer == NULL)
        return refuse(error.text);
    qemu_plugin_register_vcpu_init_cb(id, find_registers);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, at_exit, plugin);
    return 0;
}
