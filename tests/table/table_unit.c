/* table_unit.c -- rows, schema, values and tags, one behaviour a test. Pinned semantics (engine/README.md) say so. */
#include <criterion/criterion.h>
#include <string.h>

#include "memory.h"
#include "table.h"

static struct sh_table *table;
static struct sh_error err;

static void make(void) {
    table = sh_table_create();
    memset(&err, 0, sizeof err);
}

static void check_and_destroy(void) {
    const char *reason = "";
    cr_assert(sh_table_check(table, &reason), "%s", reason);
    sh_table_destroy(table);
    cr_assert(sh_memory_bytes() == 0, "memory is left");
}

TestSuite(table, .init = make, .fini = check_and_destroy);

static uint32_t intern(const char *id) {
    uint32_t slot = 0;
    const struct sh_text text = sh_text_of(id);
    cr_assert_eq(sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, &err), SH_OK, "%s", err.message);
    return slot;
}

static uint32_t add(const char *name, enum sh_type type) {
    const struct sh_attribute_spec spec = {.name = sh_text_of(name), .type = type};
    uint32_t index = 0;
    cr_assert_eq(sh_table_add_attribute(table, &spec, &index, &err), SH_OK, "%s", err.message);
    return index;
}

static enum sh_status put_enum(const char *name, uint32_t label_count, const char *const *labels, uint32_t *index) {
    struct sh_text texts[16];
    for (uint32_t i = 0; i < label_count; i++)
        texts[i] = sh_text_of(labels[i]);
    const struct sh_attribute_spec spec = {
        .name = sh_text_of(name), .type = SH_TYPE_ENUM, .labels = texts, .label_count = label_count};
    return sh_table_add_attribute(table, &spec, index, &err);
}

static uint32_t tag(uint32_t set, const char *text) {
    uint32_t code = 0;
    cr_assert_eq(sh_table_tag_code(table, set, sh_text_of(text), &code, &err), SH_OK);
    return code;
}

/* ---- Ids ---- */

Test(table, slots_are_dense_in_order_of_arrival) {
    cr_assert_eq(intern("u-1"), 0);
    cr_assert_eq(intern("成都-7"), 1);
    cr_assert_eq(intern("u-1"), 0);
    cr_assert_eq(sh_table_slot_end(table), 2);
    cr_assert_eq(sh_table_find(table, SH_TEXT_LITERAL("成都-7")), 1);
    cr_assert_eq(sh_table_find(table, SH_TEXT_LITERAL("u-2")), SH_SLOT_NONE);
}

Test(table, ids_of_every_allowed_length_come_back) {
    char bytes[SH_ID_BYTES_MAX];
    memset(bytes, 'x', sizeof bytes);
    for (uint32_t count = 1; count <= SH_ID_BYTES_MAX; count++) {
        const struct sh_text id = {bytes, count};
        uint32_t slot;
        cr_assert_eq(sh_table_intern(table, id, sh_id_hash(id), &slot, NULL, NULL), SH_OK);
        cr_assert(sh_text_equal(sh_table_id(table, slot), id));
    }
    cr_assert_eq(sh_table_slot_end(table), SH_ID_BYTES_MAX);
}

Test(table, what_is_not_an_id_is_refused) {
    char bytes[SH_ID_BYTES_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    const struct sh_text wrong[] = {{"", 0},
                                    {bytes, sizeof bytes},
                                    SH_TEXT_LITERAL("a\0b"),
                                    SH_TEXT_LITERAL("\xc3"),
                                    SH_TEXT_LITERAL("\xed\xa0\x80")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint32_t slot;
        cr_assert_eq(sh_table_intern(table, wrong[i], sh_id_hash(wrong[i]), &slot, NULL, &err), SH_ERR_ARGUMENT);
        cr_assert_neq(err.message[0], '\0');
    }
    cr_assert_eq(sh_table_slot_end(table), 0);
}

/* ---- Forgetting: pinned semantics ---- */

Test(table, forget_removes_a_row_from_everything) {
    const uint32_t city = add("city", SH_TYPE_STRING);
    const uint32_t age = add("age", SH_TYPE_INT);
    uint32_t interests;
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &interests, NULL), SH_OK);
    const uint32_t slot = intern("a long id that does not fit its cell");
    uint32_t code;
    cr_assert_eq(sh_table_text_code(table, city, SH_TEXT_LITERAL("成都"), &code, NULL), SH_OK);
    cr_assert_eq(sh_table_set(table, slot, city, code), SH_OK);
    cr_assert_eq(sh_table_set(table, slot, age, 30), SH_OK);
    const uint32_t tea = tag(interests, "tea");
    cr_assert_eq(sh_table_tag_add(table, slot, interests, tea), SH_OK);

    cr_assert_eq(sh_table_forget(table, slot, 1), SH_OK);
    cr_assert_eq(sh_table_find(table, SH_TEXT_LITERAL("a long id that does not fit its cell")), SH_SLOT_NONE);
    cr_assert_eq(sh_table_id(table, slot).count, 0);
    cr_assert_eq(sh_bitmap_count(sh_table_live(table)), 0);
    cr_assert_eq(sh_bitmap_count(sh_table_tag_slots(table, interests, tea)), 0);
    cr_assert_eq(sh_bitmap_count(sh_attribute_value_slots(sh_table_attribute(table, city), code)), 0);
    cr_assert_eq(sh_attribute_present_count(sh_table_attribute(table, age)), 0);
    cr_assert_not(sh_table_has_tag(table, slot, interests, tea));
}

Test(table, forgotten_slot_is_reused_only_when_nothing_refers_to_it) {
    cr_assert_eq(intern("a"), 0);
    cr_assert_eq(intern("b"), 1);
    cr_assert_eq(sh_table_forget(table, 0, 10), SH_OK);
    cr_assert_eq(sh_table_forget(table, 1, 20), SH_OK);
    cr_assert_eq(sh_table_quarantine_count(table), 2);
    cr_assert_eq(intern("c"), 2, "slot 0 is in quarantine");
    sh_table_reuse_before(table, 10);
    cr_assert_eq(intern("d"), 3, "a cursor of sequence 10 may still see slot 0");
    sh_table_reuse_before(table, 11);
    cr_assert_eq(intern("e"), 0);
    cr_assert_eq(intern("f"), 4);
    sh_table_reuse_before(table, UINT64_MAX);
    cr_assert_eq(intern("a"), 1, "a forgotten id is a new row");
}

Test(table, reused_slot_has_nothing_of_its_former_row) {
    const uint32_t age = add("age", SH_TYPE_INT);
    cr_assert_eq(sh_table_set(table, intern("a"), age, 30), SH_OK);
    cr_assert_eq(sh_table_forget(table, 0, 1), SH_OK);
    sh_table_reuse_before(table, 2);
    int64_t value;
    cr_assert_eq(intern("b"), 0);
    cr_assert_not(sh_table_get(table, 0, age, &value));
}

/* ---- Schema ---- */

Test(table, attributes_are_added_while_rows_are_there) {
    const uint32_t slot = intern("a");
    const uint64_t version = sh_table_schema_version(table);
    const uint32_t age = add("年龄", SH_TYPE_INT);
    cr_assert_gt(sh_table_schema_version(table), version);
    int64_t value;
    cr_assert_not(sh_table_get(table, slot, age, &value), "it is missing, not zero");
    cr_assert_eq(sh_table_find_attribute(table, SH_TEXT_LITERAL("年龄")), (int32_t)age);
    cr_assert_eq(sh_table_find_attribute(table, SH_TEXT_LITERAL("age")), -1);
    cr_assert_eq(sh_table_find_tag_set(table, SH_TEXT_LITERAL("年龄")), -1);
}

Test(table, same_attribute_again_is_fine_and_another_is_a_conflict) {
    const uint32_t age = add("age", SH_TYPE_INT);
    cr_assert_eq(add("age", SH_TYPE_INT), age);
    struct sh_attribute_spec spec = {.name = SH_TEXT_LITERAL("age"), .type = SH_TYPE_DECIMAL, .scale = 2};
    cr_assert_eq(sh_table_add_attribute(table, &spec, NULL, &err), SH_ERR_CONFLICT);
    cr_assert_not_null(strstr(err.message, "int"));
    cr_assert_eq(sh_table_add_tag_set(table, spec.name, NULL, &err), SH_ERR_CONFLICT);
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), NULL, &err), SH_OK);
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), NULL, &err), SH_OK);
    spec.name = SH_TEXT_LITERAL("interests");
    cr_assert_eq(sh_table_add_attribute(table, &spec, NULL, &err), SH_ERR_CONFLICT);
    spec.name = SH_TEXT_LITERAL("paid");
    cr_assert_eq(sh_table_add_attribute(table, &spec, NULL, &err), SH_OK);
    spec.scale = 3;
    cr_assert_eq(sh_table_add_attribute(table, &spec, NULL, &err), SH_ERR_CONFLICT);
}

Test(table, specs_that_make_no_sense_are_refused) {
    char long_name[SH_NAME_BYTES_MAX + 1];
    memset(long_name, 'n', sizeof long_name);
    const struct sh_text twice[] = {SH_TEXT_LITERAL("a"), SH_TEXT_LITERAL("a")};
    const struct sh_text empty_label[] = {SH_TEXT_LITERAL("")};
    const struct sh_attribute_spec wrong[] = {
        {.name = {"", 0}, .type = SH_TYPE_INT},
        {.name = {long_name, sizeof long_name}, .type = SH_TYPE_INT},
        {.name = SH_TEXT_LITERAL("\xff"), .type = SH_TYPE_INT},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_INT, .scale = 1},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_DECIMAL, .scale = 10},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_INT, .is_date = true},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_INT, .labels = twice, .label_count = 1},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_ENUM},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_ENUM, .labels = twice, .label_count = 2},
        {.name = SH_TEXT_LITERAL("x"), .type = SH_TYPE_ENUM, .labels = empty_label, .label_count = 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(sh_table_add_attribute(table, &wrong[i], NULL, &err), SH_ERR_ARGUMENT, "spec %zu", i);
    cr_assert_eq(sh_table_attribute_count(table), 0);
}

/* Pinned semantics: an enum's code is not its rank. */
Test(table, enum_code_is_not_its_rank) {
    uint32_t tier;
    cr_assert_eq(put_enum("tier", 2, (const char *const[]){"bronze", "gold"}, &tier), SH_OK);
    const uint32_t slot = intern("a");
    cr_assert_eq(sh_table_set(table, slot, tier, 1), SH_OK);
    const uint64_t version = sh_table_schema_version(table);
    cr_assert_eq(put_enum("tier", 4, (const char *const[]){"none", "bronze", "silver", "gold"}, &tier), SH_OK);
    cr_assert_gt(sh_table_schema_version(table), version);
    const struct sh_attribute *attribute = sh_table_attribute(table, tier);
    int64_t value;
    cr_assert(sh_table_get(table, slot, tier, &value));
    cr_assert_eq(value, 1, "the row's code stays");
    cr_assert(sh_text_equal(sh_attribute_text(attribute, 1), SH_TEXT_LITERAL("gold")));
    cr_assert_eq(attribute->rank_of_code[1], 3, "its rank moved up");
    const uint32_t none = sh_attribute_find_code(attribute, SH_TEXT_LITERAL("none"));
    cr_assert_eq(none, 2);
    cr_assert_eq(attribute->rank_of_code[none], 0);
    cr_assert_eq(attribute->code_of_rank[2], sh_attribute_find_code(attribute, SH_TEXT_LITERAL("silver")));
}

Test(table, enum_labels_neither_go_nor_change_places) {
    cr_assert_eq(put_enum("tier", 3, (const char *const[]){"a", "b", "c"}, NULL), SH_OK);
    cr_assert_eq(put_enum("tier", 2, (const char *const[]){"a", "c"}, NULL), SH_ERR_CONFLICT);
    cr_assert_not_null(strstr(err.message, "\"b\""));
    cr_assert_eq(put_enum("tier", 3, (const char *const[]){"b", "a", "c"}, NULL), SH_ERR_CONFLICT);
    cr_assert_eq(put_enum("tier", 4, (const char *const[]){"a", "b", "c", "a"}, NULL), SH_ERR_ARGUMENT);
    cr_assert_eq(put_enum("tier", 3, (const char *const[]){"a", "b", "c"}, NULL), SH_OK);
    cr_assert_eq(sh_table_attribute(table, 0)->texts.count, 3);
}

Test(table, unknown_label_is_refused_with_the_nearest) {
    uint32_t tier;
    cr_assert_eq(put_enum("tier", 3, (const char *const[]){"bronze", "silver", "gold"}, &tier), SH_OK);
    uint32_t code;
    cr_assert_eq(sh_table_text_code(table, tier, SH_TEXT_LITERAL("silwer"), &code, &err), SH_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.hint, "silver"));
}

/* ---- Values: pinned semantics ---- */

Test(table, clearing_makes_a_value_missing_not_zero) {
    const uint32_t vip = add("vip", SH_TYPE_BOOL);
    const uint32_t a = intern("a");
    const uint32_t b = intern("b");
    cr_assert_eq(sh_table_set(table, a, vip, 0), SH_OK);
    int64_t value = 7;
    cr_assert(sh_table_get(table, a, vip, &value));
    cr_assert_eq(value, 0);
    cr_assert_not(sh_table_get(table, b, vip, &value), "what was never written is missing");
    const struct sh_attribute *attribute = sh_table_attribute(table, vip);
    cr_assert_eq(sh_bitmap_count(sh_attribute_value_slots(attribute, 0)), 1);
    cr_assert_eq(sh_table_clear(table, a, vip), SH_OK);
    cr_assert_not(sh_table_get(table, a, vip, &value));
    cr_assert_eq(sh_bitmap_count(sh_attribute_value_slots(sh_table_attribute(table, vip), 0)), 0);
    cr_assert_eq(sh_table_clear(table, a, vip), SH_OK, "clearing what is missing is fine");
}

Test(table, values_of_the_wrong_kind_are_refused) {
    const uint32_t vip = add("vip", SH_TYPE_BOOL);
    const uint32_t city = add("city", SH_TYPE_STRING);
    const struct sh_attribute_spec birthday = {
        .name = SH_TEXT_LITERAL("birthday"), .type = SH_TYPE_TIME, .is_date = true};
    uint32_t date;
    cr_assert_eq(sh_table_add_attribute(table, &birthday, &date, NULL), SH_OK);
    cr_assert_eq(sh_value_check(sh_table_attribute(table, vip), 2, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_value_check(sh_table_attribute(table, city), 0, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_value_check(sh_table_attribute(table, date), 86400001, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_value_check(sh_table_attribute(table, date), -86400000, &err), SH_OK);
    cr_assert_eq(sh_value_check(sh_table_attribute(table, date), INT64_MAX, &err), SH_ERR_ARGUMENT);
}

Test(table, too_many_different_values_give_up_their_bitmaps) {
    const uint32_t city = add("city", SH_TYPE_STRING);
    for (uint32_t i = 0; i <= SH_VALUE_BITMAP_COUNT_MAX; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%u", i);
        const uint32_t slot = intern(text);
        uint32_t code;
        cr_assert_eq(sh_table_text_code(table, city, sh_text_of(text), &code, NULL), SH_OK);
        cr_assert_eq(sh_table_set(table, slot, city, code), SH_OK);
        cr_assert_eq(sh_table_attribute(table, city)->has_value_bitmaps, i < SH_VALUE_BITMAP_COUNT_MAX);
    }
    int64_t value;
    cr_assert(sh_table_get(table, 17, city, &value));
    cr_assert_eq(value, 17);
    cr_assert_null(sh_attribute_value_slots(sh_table_attribute(table, city), 17));
}

/* Pinned semantics: what only a forgotten person was called is erased, not just unlinked. */
Test(table, forget_erases_texts_that_nobody_else_has) {
    const uint32_t nickname = add("nickname", SH_TYPE_STRING);
    const uint32_t a = intern("a");
    const uint32_t b = intern("b");
    uint32_t shared;
    uint32_t own;
    cr_assert_eq(sh_table_text_code(table, nickname, SH_TEXT_LITERAL("shared"), &shared, NULL), SH_OK);
    cr_assert_eq(sh_table_set(table, a, nickname, shared), SH_OK);
    cr_assert_eq(sh_table_set(table, b, nickname, shared), SH_OK);
    cr_assert_eq(sh_table_text_code(table, nickname, SH_TEXT_LITERAL("her own"), &own, NULL), SH_OK);
    cr_assert_eq(sh_table_set(table, a, nickname, own), SH_OK);
    const char *bytes = sh_attribute_text(sh_table_attribute(table, nickname), own).bytes;
    cr_assert_eq(sh_table_forget(table, a, 1), SH_OK);
    cr_assert_eq(memcmp(bytes, "her own", 7), 0, "an open cursor may still need it");
    const uint64_t version = sh_table_text_version(table);
    sh_table_reuse_before(table, 2);
    const struct sh_attribute *attribute = sh_table_attribute(table, nickname);
    cr_assert_eq(sh_attribute_find_code(attribute, SH_TEXT_LITERAL("her own")), SH_CODE_NONE);
    cr_assert_eq(sh_attribute_text(attribute, own).count, 0);
    cr_assert_neq(memcmp(bytes, "her own", 7), 0);
    cr_assert_gt(sh_table_text_version(table), version);
    cr_assert_eq(sh_attribute_find_code(attribute, SH_TEXT_LITERAL("shared")), shared);
    uint32_t again;
    cr_assert_eq(sh_table_text_code(table, nickname, SH_TEXT_LITERAL("her own"), &again, NULL), SH_OK);
    cr_assert_neq(again, own, "a code never means another text");
}

Test(table, birthdays_take_two_bytes_a_row) {
    const struct sh_attribute_spec birthday = {
        .name = SH_TEXT_LITERAL("birthday"), .type = SH_TYPE_TIME, .is_date = true};
    uint32_t date;
    cr_assert_eq(sh_table_add_attribute(table, &birthday, &date, NULL), SH_OK);
    for (uint32_t i = 0; i < 10000; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%u", i);
        cr_assert_eq(sh_table_set(table, intern(text), date, ((int64_t)i * 3 - 9000) * 86400000), SH_OK);
    }
    cr_assert_eq(sh_column_block(&sh_table_attribute(table, date)->column, 0)->width, 2);
}

/* ---- Tags ---- */

Test(table, tags_are_kept_both_ways) {
    uint32_t set;
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &set, NULL), SH_OK);
    const uint32_t slot = intern("a");
    for (uint32_t i = 0; i < 100; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "tag %u", i * 37 % 100);
        cr_assert_eq(sh_table_tag_add(table, slot, set, tag(set, text)), SH_OK);
    }
    struct sh_tag_list list;
    sh_table_tags(table, slot, set, &list);
    cr_assert_eq(list.count, 100);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_eq(list.codes[i], i);
    for (uint32_t i = 99; i > 0; i--) {
        cr_assert_eq(sh_table_tag_remove(table, slot, set, i), SH_OK);
        cr_assert_eq(sh_bitmap_count(sh_table_tag_slots(table, set, i)), 0);
    }
    sh_table_tags(table, slot, set, &list);
    cr_assert_eq(list.count, 1);
    cr_assert(sh_table_has_tag(table, slot, set, 0));
}

Test(table, adding_a_tag_twice_or_removing_none_is_fine) {
    uint32_t set;
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &set, NULL), SH_OK);
    const uint32_t slot = intern("a");
    const uint32_t tea = tag(set, "tea");
    cr_assert_eq(sh_table_tag_remove(table, slot, set, tea), SH_OK);
    cr_assert_eq(sh_table_tag_add(table, slot, set, tea), SH_OK);
    cr_assert_eq(sh_table_tag_add(table, slot, set, tea), SH_OK);
    cr_assert_eq(sh_bitmap_count(sh_table_tag_slots(table, set, tea)), 1);
    cr_assert_eq(sh_table_tags_set(table, slot, set, (const uint32_t[]){tea, tea, tea}, 3), SH_OK);
    struct sh_tag_list list;
    sh_table_tags(table, slot, set, &list);
    cr_assert_eq(list.count, 1);
}

/* A second code from 32,766 on does not fit a row's cell of 32 bits. */
Test(table, tags_with_large_codes_are_kept_like_others) {
    uint32_t set;
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("notes"), &set, NULL), SH_OK);
    for (uint32_t i = 0; i < SH_TAG_COUNT_MAX; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%u", i);
        cr_assert_eq(tag(set, text), i);
    }
    uint32_t code;
    cr_assert_eq(sh_table_tag_code(table, set, SH_TEXT_LITERAL("one more"), &code, &err), SH_ERR_LIMIT);
    const uint32_t slot = intern("a");
    const uint32_t seconds[] = {32764, 32765, 32766, 32767, 65532, SH_TAG_COUNT_MAX - 1};
    for (uint32_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        cr_assert_eq(sh_table_tags_set(table, slot, set, (const uint32_t[]){7, seconds[i]}, 2), SH_OK);
        struct sh_tag_list list;
        sh_table_tags(table, slot, set, &list);
        cr_assert_eq(list.count, 2);
        cr_assert_eq(list.codes[0], 7);
        cr_assert_eq(list.codes[1], seconds[i]);
        cr_assert_eq(sh_table_tag_remove(table, slot, set, 7), SH_OK);
        sh_table_tags(table, slot, set, &list);
        cr_assert_eq(list.count, 1);
        cr_assert_eq(list.codes[0], seconds[i]);
    }
}

Test(table, a_row_has_at_most_its_number_of_tags) {
    uint32_t set;
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &set, NULL), SH_OK);
    const uint32_t slot = intern("a");
    static uint32_t tags[SH_TAGS_PER_ROW_MAX + 1];
    for (uint32_t i = 0; i <= SH_TAGS_PER_ROW_MAX; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%u", i);
        tags[i] = tag(set, text);
    }
    cr_assert_eq(sh_table_tags_set(table, slot, set, tags, SH_TAGS_PER_ROW_MAX + 1), SH_ERR_LIMIT);
    struct sh_tag_list list;
    sh_table_tags(table, slot, set, &list);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(sh_table_tags_set(table, slot, set, tags, SH_TAGS_PER_ROW_MAX), SH_OK);
    cr_assert_eq(sh_table_tag_add(table, slot, set, tags[SH_TAGS_PER_ROW_MAX]), SH_ERR_LIMIT);
    cr_assert_eq(sh_table_tag_add(table, slot, set, tags[0]), SH_OK);
    /* Other tags altogether: both lists at their longest while they change places. */
    for (uint32_t i = 0; i < SH_TAGS_PER_ROW_MAX; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "other %u", i);
        tags[i] = tag(set, text);
    }
    cr_assert_eq(sh_table_tags_set(table, slot, set, tags, SH_TAGS_PER_ROW_MAX), SH_OK);
}

Test(table, prints_its_schema_and_rows) {
    const uint32_t city = add("city", SH_TYPE_STRING);
    uint32_t set;
    cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &set, NULL), SH_OK);
    const uint32_t slot = intern("u-1");
    uint32_t code;
    cr_assert_eq(sh_table_text_code(table, city, SH_TEXT_LITERAL("成都"), &code, NULL), SH_OK);
    cr_assert_eq(sh_table_set(table, slot, city, code), SH_OK);
    cr_assert_eq(sh_table_tag_add(table, slot, set, tag(set, "tea")), SH_OK);
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 10000);
    sh_table_print(table, &buffer);
    sh_column_print(&sh_table_attribute(table, city)->column, &buffer);
    sh_dictionary_print(&sh_table_attribute(table, city)->texts, &buffer);
    sh_buffer_append(&buffer, "", 1);
    const char *text = (const char *)buffer.bytes;
    cr_assert_not_null(strstr(text, "0 u-1: city=\"成都\" interests=[tea]"), "%s", text);
    cr_assert_not_null(strstr(text, "strip: 1 entries, 0 missing, width 0, base 0, unit 1, within 0..0: 0"), "%s",
                       text);
    cr_assert_not_null(strstr(text, "dictionary: 1 codes, 1 texts: 0=\"成都\""), "%s", text);
    sh_buffer_deinit(&buffer);
}

/* ---- Failing memory ---- */

/* One row's whole life; SH_ERR_MEMORY at the first call that fails. */
static enum sh_status live(uint32_t attribute_count, uint32_t set, const uint32_t *tags) {
    uint32_t slot;
    const struct sh_text id = SH_TEXT_LITERAL("an id that takes memory of its own");
    enum sh_status status = sh_table_intern(table, id, sh_id_hash(id), &slot, NULL, NULL);
    for (uint32_t i = 0; i < attribute_count && status == SH_OK; i++)
        status = sh_table_set(table, slot, i, 1);
    if (status == SH_OK) status = sh_table_tags_set(table, slot, set, tags, 5);
    if (status == SH_OK) status = sh_table_tag_add(table, slot, set, tags[5]);
    if (status == SH_OK) status = sh_table_forget(table, slot, 1);
    return status;
}

Test(table, every_failed_allocation_leaves_a_whole_table) {
    for (uint64_t n = 0;; n++) {
        sh_table_destroy(table);
        table = sh_table_create();
        add("i", SH_TYPE_INT);
        add("b", SH_TYPE_BOOL);
        add("t", SH_TYPE_TIME);
        uint32_t set;
        cr_assert_eq(sh_table_add_tag_set(table, SH_TEXT_LITERAL("s"), &set, NULL), SH_OK);
        uint32_t tags[6];
        for (uint32_t i = 0; i < 6; i++)
            tags[i] = tag(set, (const char *const[]){"a", "b", "c", "d", "e", "f"}[i]);
        sh_memory_fail_after(n);
        const enum sh_status status = live(3, set, tags);
        sh_memory_fail_after(UINT64_MAX);
        const char *reason = "";
        cr_assert(sh_table_check(table, &reason), "allocation %llu: %s", (unsigned long long)n, reason);
        if (status == SH_OK) break;
        cr_assert_eq(status, SH_ERR_MEMORY);
        cr_assert_eq(live(3, set, tags), SH_OK, "the same again with memory");
        sh_table_destroy(table);
        cr_assert(sh_memory_bytes() == 0, "allocation %llu: memory is left", (unsigned long long)n);
        table = sh_table_create();
    }
    cr_assert_eq(sh_bitmap_count(sh_table_live(table)), 0);
}

Test(table, every_failed_allocation_in_the_schema_changes_nothing) {
    for (uint64_t n = 0;; n++) {
        sh_table_destroy(table);
        table = sh_table_create();
        cr_assert_eq(put_enum("tier", 2, (const char *const[]){"a", "c"}, NULL), SH_OK);
        sh_memory_fail_after(n);
        enum sh_status status = put_enum("tier", 3, (const char *const[]){"a", "b", "c"}, NULL);
        const uint32_t label_count = sh_table_attribute(table, 0)->texts.count;
        cr_assert_eq(label_count, status == SH_OK ? 3 : 2);
        if (status == SH_OK) status = put_enum("other", 2, (const char *const[]){"x", "y"}, NULL);
        if (status == SH_OK) status = sh_table_add_tag_set(table, SH_TEXT_LITERAL("tags"), NULL, NULL);
        sh_memory_fail_after(UINT64_MAX);
        cr_assert(sh_table_check(table, NULL));
        if (status == SH_OK) break;
        cr_assert_eq(status, SH_ERR_MEMORY);
    }
    cr_assert_eq(sh_table_attribute_count(table), 2);
    cr_assert_eq(sh_table_tag_set_count(table), 1);
}
