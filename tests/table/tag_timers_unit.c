/* tag_timers_unit.c -- tags that end, in a table; and random ones against an array of ends. */
#include <criterion/criterion.h>

#include "split_random.h"
#include "table.h"

enum { ROWS = 60, TAGS = 8, STEPS = 20000 };

static uint32_t make_row(struct sh_table *table, int number) {
    char id[16];
    uint32_t slot;
    (void)snprintf(id, sizeof id, "r%d", number);
    cr_assert_eq(sh_table_intern(table, sh_text_of(id), sh_id_hash(sh_text_of(id)), &slot, NULL, NULL), SH_OK);
    return slot;
}

static struct sh_table *make_table(void) {
    struct sh_table *table = sh_table_create();
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("tags"), NULL, NULL), SH_OK);
    for (int tag = 0; tag < TAGS; tag++) {
        char text[8];
        uint32_t code;
        (void)snprintf(text, sizeof text, "t%d", tag);
        cr_assert_eq(sh_table_tag_code(table, 0, sh_text_of(text), &code, NULL), SH_OK);
        cr_assert_eq(code, (uint32_t)tag);
    }
    return table;
}

static void check(const struct sh_table *table) {
    const char *reason = "";
    cr_assert(sh_table_check(table, &reason), "%s", reason);
}

Test(tag_timers, a_tag_ends_at_its_instant_and_is_swept_by_expire) {
    struct sh_table *table = make_table();
    const uint32_t slot = make_row(table, 1);
    cr_assert_eq(sh_table_tag_add_until(table, slot, 0, 3, 1000), SH_OK);
    cr_assert_eq(sh_table_tag_until(table, slot, 0, 3), 1000);
    cr_assert_not(sh_table_any_ended(table, 999));
    cr_assert(sh_table_any_ended(table, 1000));
    cr_assert_eq(sh_table_expire(table, 999, 10), 0);
    cr_assert_not(sh_table_tag_has_ended(table, slot, 0, 3));
    cr_assert_eq(sh_table_expire(table, 1000, 0), 0, "no room in this turn");
    cr_assert(sh_table_tag_has_ended(table, slot, 0, 3));
    cr_assert_eq(sh_table_expire(table, 1000, 10), 1);
    cr_assert_not(sh_table_has_tag(table, slot, 0, 3));
    check(table);
    sh_table_destroy(table);
}

Test(tag_timers, adding_setting_and_removing_take_the_end_away) {
    struct sh_table *table = make_table();
    const uint32_t slot = make_row(table, 1);
    const uint32_t both[] = {1, 2};
    for (uint32_t way = 0; way < 4; way++) {
        cr_assert_eq(sh_table_tag_add_until(table, slot, 0, 1, 500), SH_OK);
        cr_assert_eq(sh_table_tag_add_until(table, slot, 0, 2, 700), SH_OK);
        if (way == 0) cr_assert_eq(sh_table_tag_add(table, slot, 0, 1), SH_OK);
        if (way == 1) cr_assert_eq(sh_table_tag_remove(table, slot, 0, 1), SH_OK);
        if (way == 2) cr_assert_eq(sh_table_tags_set(table, slot, 0, both, 2), SH_OK);
        if (way == 3) cr_assert_eq(sh_table_tags_set(table, slot, 0, both, 1), SH_OK);
        cr_assert_eq(sh_table_tag_until(table, slot, 0, 1), INT64_MAX);
        cr_assert_eq(sh_table_tag_until(table, slot, 0, 2), way < 2 ? 700 : INT64_MAX);
        check(table);
    }
    cr_assert_eq(sh_table_tag_add_until(table, slot, 0, 1, 500), SH_OK);
    cr_assert_eq(sh_table_forget(table, slot, 1), SH_OK);
    cr_assert_not(sh_table_any_ends(table));
    check(table);
    sh_table_destroy(table);
}

Test(tag_timers, random_ends_are_those_of_an_array) {
    struct sh_table *table = make_table();
    struct split_random rng = {.state = 7};
    static int64_t ends[ROWS][TAGS]; /* 0: no tag */
    uint32_t slots[ROWS];
    int64_t now_ms = 1000;
    for (int row = 0; row < ROWS; row++)
        slots[row] = make_row(table, row);
    for (int i = 0; i < STEPS; i++) {
        const uint32_t row = (uint32_t)split_below(&rng, ROWS);
        const uint32_t tag = (uint32_t)split_below(&rng, TAGS);
        switch (split_below(&rng, 5)) {
        case 0:
            ends[row][tag] = INT64_MAX;
            cr_assert_eq(sh_table_tag_add(table, slots[row], 0, tag), SH_OK);
            break;
        case 1:
            ends[row][tag] = 0;
            cr_assert_eq(sh_table_tag_remove(table, slots[row], 0, tag), SH_OK);
            break;
        case 2:
            now_ms += (int64_t)split_below(&rng, 20);
            (void)sh_table_expire(table, now_ms, (uint32_t)split_below(&rng, 6));
            break;
        default:
            ends[row][tag] = now_ms + (int64_t)split_below(&rng, 300) - 20;
            cr_assert_eq(sh_table_tag_add_until(table, slots[row], 0, tag, ends[row][tag]), SH_OK);
        }
        if (i % 50 != 0) continue;
        check(table);
        for (uint32_t t = 0; t < TAGS; t++) {
            uint32_t ended[ROWS];
            const uint32_t ended_count = sh_table_ended_slots(table, 0, t, now_ms, ended, ROWS);
            uint32_t expected = 0;
            for (uint32_t r = 0; r < ROWS; r++) {
                const bool there = sh_table_has_tag(table, slots[r], 0, t);
                const bool has_ended = there && sh_table_tag_until(table, slots[r], 0, t) <= now_ms;
                expected += has_ended;
                cr_assert_eq(there && !has_ended, ends[r][t] > now_ms, "step %d", i);
            }
            cr_assert_eq(ended_count, expected);
        }
    }
    sh_table_destroy(table);
}
