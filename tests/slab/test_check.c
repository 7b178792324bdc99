/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The checker finds what is broken on purpose, and says what it is.
 */

#include "cmocka_all.h"
#include "fake.h"

#include "allocators/slab_private.h"

#include <string.h>

struct victim {
    struct fake *fake;
    struct cache *cache;
    uint64_t objects[40];
};

static struct victim victim_open(const struct slab_backend *backend, uint32_t size, unsigned nr)
{
    struct victim victim = {.fake = fake_open(backend, 4, 256, 256)};
    int index = cache_create(&victim.fake->slabs, "victim", size, 0, NULL);

    assert_int_equal(index, 0);
    victim.cache = &victim.fake->slabs.caches[0];

    for (unsigned i = 0; i < nr; i++) {
        victim.objects[i] = cache_alloc(&victim.fake->slabs, 0, size);
        assert_true(victim.objects[i] != 0);
    }

    struct error error = {""};

    assert_int_equal(slab_check(&victim.fake->slabs, &error), 0);
    return victim;
}

static void expect_fault(struct victim *victim, const char *words)
{
    struct error error = {""};

    assert_int_equal(slab_check(&victim->fake->slabs, &error), -1);

    if (strstr(error.text, words) == NULL) {
        fail_msg("expected \"%s\", found \"%s\"", words, error.text);
    }

    fake_close(victim->fake);
}

static link32_t link_of(struct victim *victim, unsigned n)
{
    return slab_lookup(&victim->fake->slabs, victim->cache, victim->objects[n]);
}

static struct slab *slab_of(struct victim *victim, unsigned n)
{
    return slab_at(&victim->fake->machine, link_of(victim, n));
}

static uint32_t *last_word(struct victim *victim, uint64_t object)
{
    return machine_at(&victim->fake->machine, object + victim->cache->link_offset);
}

static void test_freed_twice(void **state)
{
    struct victim victim = victim_open(&slab_hybrid, 192, 10);

    (void)state;
    cache_free(&victim.fake->slabs, 0, victim.objects[3], 192);
    cache_free(&victim.fake->slabs, 0, victim.objects[3], 192);
    expect_fault(&victim, "freed twice");
}

static void test_broken_chain(void **state)
{
    struct victim victim = victim_open(&slab_hybrid, 192, 10);

    (void)state;
    cache_free(&victim.fake->slabs, 0, victim.objects[3], 192);
    *last_word(&victim, victim.objects[3]) = 0;
    expect_fault(&victim, "fewer free buffers");

    victim = victim_open(&slab_hybrid, 192, 10);
    cache_free(&victim.fake->slabs, 0, victim.objects[3], 192);
    *last_word(&victim, victim.objects[3]) = 0xdbdbdbdb;
    expect_fault(&victim, "outside of its slab");

    victim = victim_open(&slab_hybrid, 192, 10);
    cache_free(&victim.fake->slabs, 0, victim.objects[3], 192);
    *last_word(&victim, victim.objects[3]) += 1;
    expect_fault(&victim, "where buffers do");
}

static void test_overwritten_descriptor(void **state)
{
    struct victim victim = victim_open(&slab_vm, 192, 10);

    (void)state;
    memset(slab_of(&victim, 0), 0xee, sizeof(struct slab));
    expect_fault(&victim, "another cache");

    victim = victim_open(&slab_vm, 192, 30);
    victim.cache->partial_head = 0xffffff00;
    expect_fault(&victim, "leads nowhere");
}

static void test_wrong_counts(void **state)
{
    struct victim victim = victim_open(&slab_buddy, 192, 30);

    (void)state;
    victim.cache->nr_objects++;
    expect_fault(&victim, "objects counted");

    victim = victim_open(&slab_buddy, 192, 30);
    victim.cache->nr_slabs++;
    expect_fault(&victim, "do not go together");

    victim = victim_open(&slab_buddy, 192, 30);
    victim.cache->nr_free_slabs++;
    expect_fault(&victim, "slabs counted");

    victim = victim_open(&slab_hybrid, 192, 30);
    victim.cache->nr_partial_slabs++;
    expect_fault(&victim, "partial slabs on the list");

    victim = victim_open(&slab_direct, 192, 30);
    victim.cache->nr_objects++;
    expect_fault(&victim, "objects and runs");

    victim = victim_open(&slab_vm, 512, 30);
    cache_alloc(&victim.fake->slabs, (unsigned)victim.fake->slabs.kmem_slab, 32);
    expect_fault(&victim, "descriptor outside");
}

static void test_wrong_lists(void **state)
{
    struct victim victim = victim_open(&slab_hybrid, 1024, 12);

    (void)state;
    cache_free(&victim.fake->slabs, 0, victim.objects[0], 1024);
    cache_free(&victim.fake->slabs, 0, victim.objects[4], 1024);
    slab_of(&victim, 0)->previous = 0;
    expect_fault(&victim, "not the same backwards");

    victim = victim_open(&slab_hybrid, 1024, 12);
    cache_free(&victim.fake->slabs, 0, victim.objects[0], 1024);
    victim.cache->partial_tail = 0;
    expect_fault(&victim, "another tail");

    victim = victim_open(&slab_hybrid, 1024, 12);
    victim.cache->free_head = link_of(&victim, 0);
    victim.cache->nr_free_slabs = 1;
    expect_fault(&victim, "free list has objects");

    victim = victim_open(&slab_hybrid, 1024, 12);
    victim.cache->partial_head = link_of(&victim, 0);
    victim.cache->partial_tail = link_of(&victim, 0);
    expect_fault(&victim, "is not partial");
}

static void test_wrong_tree(void **state)
{
    struct victim victim = victim_open(&slab_vm, 32768, 3);
    struct slab *root = slab_at(&victim.fake->machine, victim.cache->tree_root);
    link32_t left = root->child[0];

    (void)state;
    root->child[0] = root->child[1];
    root->child[1] = left;
    expect_fault(&victim, "order of addresses");

    victim = victim_open(&slab_vm, 32768, 3);
    slab_at(&victim.fake->machine, victim.cache->tree_root)->red = 1;
    expect_fault(&victim, "red node");

    victim = victim_open(&slab_vm, 32768, 3);
    slab_at(&victim.fake->machine, victim.cache->tree_root)->child[0] = 0;
    expect_fault(&victim, "slabs in the tree");

    victim = victim_open(&slab_vm, 32768, 8);
    root = slab_at(&victim.fake->machine, victim.cache->tree_root);
    root->child[0] = 0;
    expect_fault(&victim, "black nodes");
}

static void test_wrong_owners(void **state)
{
    struct victim victim = victim_open(&slab_hybrid, 512, 10);
    uint32_t frame = machine_frame(&victim.fake->machine, victim.objects[0]);

    (void)state;
    victim.fake->machine.pages[frame].owner = 0;
    expect_fault(&victim, "pages that they own");

    victim = victim_open(&slab_hybrid, 512, 10);
    frame = machine_frame(&victim.fake->machine, victim.objects[0]);
    victim.fake->machine.pages[frame].owner = link_of(&victim, 9);
    expect_fault(&victim, "not one of the slab");

    victim = victim_open(&slab_hybrid, 512, 10);
    frame = machine_frame(&victim.fake->machine, victim.objects[0]);
    victim.fake->machine.pages[frame].state = PAGE_FREE_HEAD;
    expect_fault(&victim, "not in use");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freed_twice),
        cmocka_unit_test(test_broken_chain),
        cmocka_unit_test(test_overwritten_descriptor),
        cmocka_unit_test(test_wrong_counts),
        cmocka_unit_test(test_wrong_lists),
        cmocka_unit_test(test_wrong_tree),
        cmocka_unit_test(test_wrong_owners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
