/* bitmap_unit.c -- every form, every change of form, every edge. */
#include "bitmap.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_archetypes.h"
#include "isa.h"
#include "memory.h"

static void must_check(const struct sh_bitmap *bitmap) {
    const char *reason = NULL;
    cr_assert(sh_bitmap_check(bitmap, &reason), "%s", reason);
}

static enum sh_block_form form_of(const struct sh_bitmap *bitmap, uint32_t block_index) {
    return (enum sh_block_form)sh_bitmap_block(bitmap, block_index).form;
}

static void add(struct sh_bitmap *bitmap, uint32_t slot) {
    bool changed = false;
    cr_assert_eq(sh_bitmap_add(bitmap, slot, &changed), SH_OK);
    cr_assert(changed);
}

static void erase(struct sh_bitmap *bitmap, uint32_t slot) {
    bool changed = false;
    cr_assert_eq(sh_bitmap_remove(bitmap, slot, &changed), SH_OK);
    cr_assert(changed);
}

Test(bitmap, empty_set_owns_nothing_and_answers_everything) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    uint32_t slot = 7;
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    cr_assert_eq(sh_bitmap_memory_bytes(&bitmap), 0);
    cr_assert_not(sh_bitmap_contains(&bitmap, 0));
    cr_assert_not(sh_bitmap_contains(&bitmap, UINT32_MAX));
    cr_assert_not(sh_bitmap_min(&bitmap, &slot));
    cr_assert_not(sh_bitmap_max(&bitmap, &slot));
    cr_assert_not(sh_bitmap_select(&bitmap, 0, &slot));
    cr_assert_not(sh_bitmap_next(&bitmap, 0, &slot));
    cr_assert_eq(sh_bitmap_rank(&bitmap, (uint64_t)1 << 32), 0);
    cr_assert_eq(sh_bitmap_list(&bitmap, 0, &slot, 1), 0);
    cr_assert_eq(sh_bitmap_remove(&bitmap, 3, NULL), SH_OK);
    cr_assert_eq(sh_bitmap_remove_range(&bitmap, 3, 70000), SH_OK);
    cr_assert(sh_bitmap_is_subset(&bitmap, &bitmap));
    sh_bitmap_deinit(&bitmap);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, slots_at_both_ends_of_blocks_and_of_u32) {
    static const uint32_t slots[] = {0, 65535, 65536, 131071, 0x7fffffff, 0x80000000, UINT32_MAX - 1, UINT32_MAX};
    enum { COUNT = sizeof slots / sizeof *slots };
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    for (uint32_t i = 0; i < COUNT; i++)
        add(&bitmap, slots[(i * 3) % COUNT]);
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_count(&bitmap), COUNT);
    uint32_t slot = 0, listed[COUNT + 1];
    for (uint32_t i = 0; i < COUNT; i++) {
        cr_assert(sh_bitmap_contains(&bitmap, slots[i]));
        cr_assert_eq(sh_bitmap_rank(&bitmap, slots[i]), i);
        cr_assert_eq(sh_bitmap_rank(&bitmap, (uint64_t)slots[i] + 1), i + 1);
        cr_assert(sh_bitmap_select(&bitmap, i, &slot));
        cr_assert_eq(slot, slots[i]);
        cr_assert(sh_bitmap_next(&bitmap, slots[i], &slot));
        cr_assert_eq(slot, slots[i]);
    }
    cr_assert_not(sh_bitmap_next(&bitmap, (uint64_t)1 << 32, &slot));
    cr_assert_eq(sh_bitmap_list(&bitmap, 0, listed, COUNT + 1), COUNT);
    cr_assert_arr_eq(listed, slots, sizeof slots);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, array_turns_into_bits_above_its_limit_and_back_at_half) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    for (uint32_t i = 0; i < SH_ARRAY_COUNT_FAST; i++)
        add(&bitmap, 3 * i);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_ARRAY);
    add(&bitmap, 1);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_BITS);
    must_check(&bitmap);
    erase(&bitmap, 1);
    for (uint32_t i = SH_ARRAY_COUNT_FAST - 1; i > SH_ARRAY_COUNT_FAST / 2; i--) {
        cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_BITS);
        erase(&bitmap, 3 * i);
    }
    erase(&bitmap, 0);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_ARRAY);
    must_check(&bitmap);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, filling_a_block_in_order_ends_full_and_emptying_it_ends_empty) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++)
        add(&bitmap, slot);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_FULL);
    must_check(&bitmap);
    bool changed = true;
    cr_assert_eq(sh_bitmap_add(&bitmap, 17, &changed), SH_OK);
    cr_assert_not(changed);
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++)
        erase(&bitmap, (slot * 40503u) % SH_BLOCK_SLOTS); /* an odd factor visits every slot once */
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_EMPTY);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    must_check(&bitmap);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, inverted_block_turns_into_bits_above_its_limit_and_back_at_half) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 0, SH_BLOCK_SLOTS), SH_OK);
    for (uint32_t i = 0; i < SH_ARRAY_COUNT_FAST; i++) {
        erase(&bitmap, 5 * i);
        cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_INVERTED);
    }
    erase(&bitmap, 1);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_BITS);
    must_check(&bitmap);
    add(&bitmap, 1);
    for (uint32_t i = 0; i < SH_ARRAY_COUNT_FAST / 2; i++) {
        cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_BITS);
        add(&bitmap, 5 * i);
    }
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_INVERTED);
    must_check(&bitmap);
    sh_bitmap_deinit(&bitmap);
}

/* A list's first room is twelve entries elsewhere. */
Test(bitmap, smallest_array_limit_holds_its_rules) {
    struct sh_bitmap bitmap;
    sh_bitmap_init(&bitmap, 1);
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++) {
        add(&bitmap, slot);
        if (slot < 4 || slot > SH_BLOCK_SLOTS - 4) must_check(&bitmap);
    }
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++) {
        erase(&bitmap, slot);
        if (slot < 4 || slot > SH_BLOCK_SLOTS - 4) must_check(&bitmap);
    }
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, range_makes_runs_at_its_ends_and_full_blocks_between) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 65000, 200000), SH_OK);
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_count(&bitmap), 135000);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_RUNS);
    cr_assert_eq(form_of(&bitmap, 1), SH_BLOCK_FULL);
    cr_assert_eq(form_of(&bitmap, 2), SH_BLOCK_FULL);
    cr_assert_eq(form_of(&bitmap, 3), SH_BLOCK_RUNS);
    cr_assert_not(sh_bitmap_contains(&bitmap, 64999));
    cr_assert(sh_bitmap_contains(&bitmap, 65000));
    cr_assert(sh_bitmap_contains(&bitmap, 199999));
    cr_assert_not(sh_bitmap_contains(&bitmap, 200000));
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, one_slot_more_or_less_opens_a_block_of_runs) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 100, 30000), SH_OK);
    bool changed = true;
    cr_assert_eq(sh_bitmap_add(&bitmap, 100, &changed), SH_OK);
    cr_assert_not(changed);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_RUNS);
    add(&bitmap, 99);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_BITS);
    cr_assert_eq(sh_bitmap_optimize(&bitmap), SH_OK);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_RUNS);
    erase(&bitmap, 29999);
    cr_assert_eq(form_of(&bitmap, 0), SH_BLOCK_BITS);
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_count(&bitmap), 29900);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, all_slots_of_u32_cost_one_directory) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    const uint64_t all = (uint64_t)1 << 32;
    uint32_t slot = 0;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 0, all), SH_OK);
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_count(&bitmap), all);
    cr_assert_eq(sh_bitmap_memory_bytes(&bitmap), (size_t)1 << 20);
    cr_assert(sh_bitmap_select(&bitmap, all - 1, &slot));
    cr_assert_eq(slot, UINT32_MAX);
    cr_assert_eq(sh_bitmap_rank(&bitmap, all), all);
    cr_assert_eq(sh_bitmap_xor_into(&bitmap, &bitmap), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, empty_range_adds_and_removes_nothing) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 5, 5), SH_OK);
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 5, 4), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    add(&bitmap, 5);
    cr_assert_eq(sh_bitmap_remove_range(&bitmap, 6, 6), SH_OK);
    cr_assert_eq(sh_bitmap_remove_range(&bitmap, 70000, 4000000), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 1);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, sorted_slots_may_repeat) {
    static const uint32_t slots[] = {1, 1, 2, 65535, 65535, 65536, 65536, 900000, 900000};
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_sorted(&bitmap, slots, 9), SH_OK);
    cr_assert_eq(sh_bitmap_add_sorted(&bitmap, slots, 0), SH_OK);
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_count(&bitmap), 5);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, set_with_itself) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 10, 200000), SH_OK);
    cr_assert_eq(sh_bitmap_and_into(&bitmap, &bitmap), SH_OK);
    cr_assert_eq(sh_bitmap_or_into(&bitmap, &bitmap), SH_OK);
    cr_assert_eq(sh_bitmap_copy(&bitmap, &bitmap), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 199990);
    cr_assert_eq(sh_bitmap_and_count(&bitmap, &bitmap), 199990);
    cr_assert_eq(sh_bitmap_xor_count(&bitmap, &bitmap), 0);
    cr_assert_eq(sh_bitmap_andnot_into(&bitmap, &bitmap), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    must_check(&bitmap);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, or_of_no_sets_is_empty) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    add(&bitmap, 5);
    cr_assert_eq(sh_bitmap_or_many(&bitmap, NULL, 0), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, copy_chooses_forms_of_its_own) {
    struct sh_bitmap compact, fast = SH_BITMAP_EMPTY;
    sh_bitmap_init(&compact, SH_ARRAY_COUNT_COMPACT);
    for (uint32_t i = 0; i < 3000; i++)
        add(&compact, 7 * i);
    cr_assert_eq(form_of(&compact, 0), SH_BLOCK_ARRAY);
    cr_assert_eq(sh_bitmap_copy(&fast, &compact), SH_OK);
    cr_assert_eq(form_of(&fast, 0), SH_BLOCK_BITS);
    must_check(&fast);
    cr_assert(sh_bitmap_equal(&fast, &compact));
    sh_bitmap_deinit(&compact);
    sh_bitmap_deinit(&fast);
}

Test(bitmap, view_of_the_same_block_may_be_put_back) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 100, 300), SH_OK);
    cr_assert_eq(sh_bitmap_put_view(&bitmap, 0, sh_bitmap_block(&bitmap, 0)), SH_OK);
    cr_assert_eq(sh_bitmap_put_view(&bitmap, 9, sh_bitmap_block(&bitmap, 0)), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 400);
    cr_assert_eq(sh_bitmap_put_view(&bitmap, 0, sh_bitmap_block(&bitmap, 77)), SH_OK);
    cr_assert_eq(sh_bitmap_count(&bitmap), 200);
    must_check(&bitmap);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, iterator_goes_on_behind_a_slot_that_was_removed) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    for (uint32_t i = 0; i < 1000; i++)
        add(&bitmap, 100 * i);
    struct sh_bitmap_iterator iterator;
    uint32_t count = 0;
    sh_bitmap_iterate(&iterator, &bitmap);
    for (uint32_t slot; sh_bitmap_iterator_next(&iterator, &slot); count++) {
        cr_assert_eq(slot, 100 * count);
        erase(&bitmap, slot);
    }
    cr_assert_eq(count, 1000);
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, optimize_gives_back_spare_room) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    for (uint32_t i = 0; i < 700; i++)
        add(&bitmap, 90 * i);
    add(&bitmap, 3000000);
    erase(&bitmap, 3000000);
    cr_assert_eq(sh_bitmap_optimize(&bitmap), SH_OK);
    must_check(&bitmap);
    cr_assert_eq(sh_bitmap_memory_bytes(&bitmap), 700 * 2 + 16);
    cr_assert_eq(sh_bitmap_block_count(&bitmap), 1);
    sh_bitmap_clear(&bitmap);
    cr_assert_eq(sh_bitmap_optimize(&bitmap), SH_OK);
    cr_assert_eq(sh_bitmap_memory_bytes(&bitmap), 0);
    sh_bitmap_deinit(&bitmap);
}

/* Every archetype against every other under every operation, slot by slot. */
Test(bitmap, every_form_with_every_form) {
    static enum sh_status (*const into[])(struct sh_bitmap *, const struct sh_bitmap *) = {
        sh_bitmap_and_into, sh_bitmap_or_into, sh_bitmap_xor_into, sh_bitmap_andnot_into};
    static uint64_t (*const counts[])(const struct sh_bitmap *, const struct sh_bitmap *) = {
        sh_bitmap_and_count, sh_bitmap_or_count, sh_bitmap_xor_count, sh_bitmap_andnot_count};
    static const char *const names[] = {"and", "or", "xor", "andnot"};
    for (uint32_t i = 0; i < ARCHETYPE_COUNT * ARCHETYPE_COUNT * 4; i++) {
        const struct archetype *x = &archetypes[i % ARCHETYPE_COUNT];
        const struct archetype *y = &archetypes[i / ARCHETYPE_COUNT % ARCHETYPE_COUNT];
        const uint32_t operation = i / ARCHETYPE_COUNT / ARCHETYPE_COUNT;
        struct sh_bitmap a = SH_BITMAP_EMPTY, b = SH_BITMAP_EMPTY;
        archetype_put(x, &a, 1);
        archetype_put(y, &b, 1);
        cr_assert_eq(form_of(&a, 1), x->form, "%s", x->name);
        uint64_t expected = 0;
        for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
            const bool p = archetype_has(x, place), q = archetype_has(y, place);
            expected += operation == 0 ? p && q : operation == 1 ? p || q : operation == 2 ? p != q : p && !q;
        }
        cr_assert_eq(counts[operation](&a, &b), expected, "%s %s %s", x->name, names[operation], y->name);
        cr_assert_eq(into[operation](&a, &b), SH_OK);
        must_check(&a);
        cr_assert_eq(sh_bitmap_count(&a), expected, "%s %s %s", x->name, names[operation], y->name);
        for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
            const bool p = archetype_has(x, place), q = archetype_has(y, place);
            const bool has = operation == 0 ? p && q : operation == 1 ? p || q : operation == 2 ? p != q : p && !q;
            if (sh_bitmap_contains(&a, SH_BLOCK_SLOTS + place) != has)
                cr_assert_fail("%s %s %s at %u", x->name, names[operation], y->name, place);
        }
        sh_bitmap_deinit(&a);
        sh_bitmap_deinit(&b);
    }
}

Test(bitmap, rank_select_and_next_at_every_slot_of_every_form) {
    for (uint32_t i = 0; i < ARCHETYPE_COUNT; i++) {
        struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
        archetype_put(&archetypes[i], &bitmap, 0);
        const struct sh_block_view view = sh_bitmap_block(&bitmap, 0);
        uint32_t rank = 0;
        uint32_t expected_next = 0;
        for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
            const bool has = archetype_has(&archetypes[i], place);
            cr_assert_eq(sh_block_contains(view, place), has);
            if (expected_next < place || place == 0)
                for (expected_next = place; expected_next < SH_BLOCK_SLOTS; expected_next++)
                    if (archetype_has(&archetypes[i], expected_next)) break;
            if (place % 7 != 0 && !has) continue; /* a linear rank at every slot would take long */
            if (place % 61 == 0) cr_assert_eq(sh_block_rank(view, place), rank, "%s", archetypes[i].name);
            cr_assert_eq(sh_block_next(view, place), expected_next, "%s", archetypes[i].name);
            if (has && place % 13 == 0) cr_assert_eq(sh_block_select(view, rank), place, "%s", archetypes[i].name);
            rank += has;
        }
        cr_assert_eq(sh_block_rank(view, SH_BLOCK_SLOTS), view.count);
        cr_assert_eq(sh_block_next(view, SH_BLOCK_SLOTS), SH_BLOCK_SLOTS);
        sh_bitmap_deinit(&bitmap);
    }
}

Test(bitmap, ranges_of_a_register_at_word_edges) {
    static const uint32_t edges[] = {0, 1, 62, 63, 64, 65, 127, 128, 129, 65470, 65471, 65472, 65534, 65535};
    enum { COUNT = sizeof edges / sizeof *edges };
    for (uint32_t i = 0; i < COUNT; i++) {
        for (uint32_t j = i; j < COUNT; j++) {
            uint64_t set[SH_BLOCK_WORDS] = {0}, cleared[SH_BLOCK_WORDS], flipped[SH_BLOCK_WORDS];
            memset(cleared, 0xff, sizeof cleared);
            memset(flipped, 0xaa, sizeof flipped);
            sh_block_set_range(set, edges[i], edges[j]);
            sh_block_clear_range(cleared, edges[i], edges[j]);
            sh_block_flip_range(flipped, edges[i], edges[j]);
            for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
                const bool inside = place >= edges[i] && place <= edges[j];
                if ((set[place / 64] >> (place % 64) & 1) != inside ||
                    (cleared[place / 64] >> (place % 64) & 1) == inside ||
                    (flipped[place / 64] >> (place % 64) & 1) != (inside != (place % 2 == 1)))
                    cr_assert_fail("%u..%u at %u", edges[i], edges[j], place);
            }
        }
    }
}

Test(bitmap, print_names_forms_and_first_slots) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 10000);
    add(&bitmap, 17);
    add(&bitmap, 3);
    cr_assert_eq(sh_bitmap_add_range(&bitmap, 65536, 131072), SH_OK);
    sh_bitmap_print(&bitmap, &buffer);
    sh_buffer_append(&buffer, "", 1);
    cr_assert_str_eq((const char *)buffer.bytes, "bitmap: 65538 slots in 2 blocks, 152 bytes, arrays to 1024\n"
                                                 "  block 0: array, 2 slots: 3 17\n"
                                                 "  block 1: full, 65536 slots: 65536 65537 65538 65539 65540 65541 "
                                                 "65542 65543 ...\n");
    sh_buffer_deinit(&buffer);
    sh_bitmap_deinit(&bitmap);
}

Test(bitmap, check_names_the_rule_that_is_broken) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    const char *reason = NULL;
    for (uint32_t i = 0; i < 10; i++)
        add(&bitmap, 10 * i);
    struct sh_block_head *head = &bitmap.blocks[0];
    uint16_t *list = head->memory;

    list[3] = 20;
    cr_assert_not(sh_bitmap_check(&bitmap, &reason));
    cr_assert_str_eq(reason, "a list is not strictly ascending");
    list[3] = 30;
    bitmap.count++;
    cr_assert_not(sh_bitmap_check(&bitmap, &reason));
    cr_assert_str_eq(reason, "the bitmap's count is not the sum of its blocks");
    bitmap.count--;
    head->count = 0;
    cr_assert_not(sh_bitmap_check(&bitmap, NULL));
    head->count = 10;
    head->capacity = 9;
    cr_assert_not(sh_bitmap_check(&bitmap, NULL));
    head->capacity = 12;
    head->form = 9;
    cr_assert_not(sh_bitmap_check(&bitmap, &reason));
    cr_assert_str_eq(reason, "a block has no known form");
    head->form = SH_BLOCK_ARRAY;
    must_check(&bitmap);

    archetype_put(&archetypes[7], &bitmap, 1);
    ((uint64_t *)bitmap.blocks[1].memory)[5] = 0;
    cr_assert_not(sh_bitmap_check(&bitmap, &reason));
    cr_assert_str_eq(reason, "the count of a block of bits is wrong");
    archetype_put(&archetypes[13], &bitmap, 1);
    ((struct sh_run *)bitmap.blocks[1].memory)[0].last++;
    cr_assert_not(sh_bitmap_check(&bitmap, &reason));
    cr_assert_str_eq(reason, "the count of a block of runs is wrong");
    sh_bitmap_deinit(&bitmap);
}

Test(isa, forced_name_is_obeyed_or_refused) {
    static const uint32_t needs_nothing[SH_ISA_COUNT] = {0, 0, 0};
    static const uint32_t needs_too_much[SH_ISA_COUNT] = {0, UINT32_MAX, UINT32_MAX};
    struct sh_error err;
    cr_assert_eq(unsetenv("SHOAL_ISA"), 0);
    cr_assert_eq(sh_isa_check(&err), SH_OK);
    cr_assert_eq(sh_isa_choose(needs_nothing), SH_ISA_AVX512);
    cr_assert_eq(sh_isa_choose(needs_too_much), SH_ISA_SCALAR);
    cr_assert_eq(setenv("SHOAL_ISA", "scalar", 1), 0);
    cr_assert_eq(sh_isa_check(&err), SH_OK);
    cr_assert_eq(sh_isa_choose(needs_nothing), SH_ISA_SCALAR);
    cr_assert_eq(setenv("SHOAL_ISA", "sse9", 1), 0);
    cr_assert_eq(sh_isa_check(&err), SH_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "sse9"));
    cr_assert_eq(setenv("SHOAL_ISA", "avx512", 1), 0);
    const bool has_it = (sh_isa_features(SH_ISA_AVX512) & ~sh_cpu_features()) == 0;
    cr_assert_eq(sh_isa_check(&err), has_it ? SH_OK : SH_ERR_UNSUPPORTED);
    cr_assert_eq(sh_isa_choose(needs_too_much), SH_ISA_SCALAR);
}

Test(isa, tables_require_no_more_than_their_instruction_set_may) {
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++) {
        const struct sh_bitmap_kernels *table = sh_bitmap_kernels_of(isa);
        if (table == NULL) continue;
        cr_assert_str_eq(table->name, sh_isa_name(isa));
        cr_assert_eq(table->cpu_required & ~sh_isa_features(isa), 0);
    }
    cr_assert_null(sh_bitmap_kernels_of(SH_ISA_COUNT));
    cr_assert_not_null(sh_bits);
}
