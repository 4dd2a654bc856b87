#include "query_ask.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "query_plan.h"

enum { ANSWER_BYTES = 256 };

struct query_shop shop;

void open_shop(void) {
    query_shop_open(&shop);
}

void open_london_shop(void) {
    query_shop_open_in(&shop, "Europe/London");
}

void close_shop(void) {
    query_shop_close(&shop);
}
/* ---- Asking ---- */

struct sh_plan *plan_of(const char *text, const struct sh_query_scope *scope) {
    struct sh_plan *plan = NULL;
    struct sh_node *tree = query_shop_bound(&shop, text);
    cr_assert_eq(sh_query_plan(tree, scope, &shop.arena, &plan, &shop.err), SH_OK, "%s", shop.err.message);
    return plan;
}

uint64_t count_of(struct sh_plan *plan) {
    uint64_t count, kept;
    cr_assert_eq(sh_plan_count(plan, &count, &shop.err), SH_OK, "%s", shop.err.message);
    if (sh_plan_count_kept(plan, &kept)) cr_assert_eq(kept, count);
    return count;
}

/* The ids of the answer in slot order, with a blank after each. */
const char *run_plan(struct sh_plan *plan) {
    static char answer[ANSWER_BYTES];
    size_t at = 0;
    uint64_t sum = 0;
    answer[0] = 0;
    for (uint32_t block = 0; block < sh_plan_block_count(plan); block++) {
        const uint64_t *words;
        uint32_t count;
        cr_assert_eq(sh_plan_run_block(plan, block, &words, &count, &shop.err), SH_OK, "%s", shop.err.message);
        for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
            bool matches;
            const uint32_t slot = block * SH_BLOCK_SLOTS + place;
            const bool found = words != NULL && (words[place / 64] >> (place % 64) & 1);
            cr_assert_eq(sh_plan_test(plan, slot, &matches, &shop.err), SH_OK);
            cr_assert_eq(matches, found, "slot %u", slot);
            if (!found) continue;
            const struct sh_text id = sh_table_id(plan->scope.table, slot);
            at += (size_t)snprintf(answer + at, ANSWER_BYTES - at, "%.*s ", SH_TEXT_ARGS(id));
        }
        sum += count;
    }
    cr_assert_eq(count_of(plan), sum);
    return answer;
}

const char *ask(const char *text) {
    return run_plan(plan_of(text, &shop.scope));
}

/* ---- Writing ---- */

uint32_t user(const char *id) {
    uint32_t slot;
    const struct sh_text text = sh_text_of(id);
    cr_assert_eq(sh_table_intern(shop.users, text, sh_id_hash(text), &slot, NULL, NULL), SH_OK);
    return slot;
}

void set(const char *id, const char *attribute, int64_t value) {
    const int32_t index = sh_table_find_attribute(shop.users, sh_text_of(attribute));
    cr_assert_eq(sh_table_set(shop.users, user(id), (uint32_t)index, value), SH_OK);
}

void set_text(const char *id, const char *attribute, const char *text) {
    uint32_t code;
    const int32_t index = sh_table_find_attribute(shop.users, sh_text_of(attribute));
    cr_assert_eq(sh_table_text_code(shop.users, (uint32_t)index, sh_text_of(text), &code, NULL), SH_OK);
    set(id, attribute, code);
}

void set_date(const char *id, const char *attribute, int32_t year, int32_t month, int32_t day) {
    set(id, attribute, sh_day_from_date((struct sh_date){year, month, day}) * SH_DAY_MS);
}

void tag(const char *id, const char *text) {
    uint32_t code;
    cr_assert_eq(sh_table_tag_code(shop.users, 0, sh_text_of(text), &code, NULL), SH_OK);
    cr_assert_eq(sh_table_tag_add(shop.users, user(id), 0, code), SH_OK);
}

int64_t instant(const char *text) {
    int64_t ms;
    cr_assert_eq(sh_instant_parse(sh_text_of(text), shop.zone, &ms, NULL), SH_OK);
    return ms;
}

struct sh_event event_of(const char *id, const char *type, const char *time) {
    return (struct sh_event){.slot = user(id),
                             .type = (uint32_t)sh_event_type_find(shop.events, sh_text_of(type)),
                             .time_ms = instant(time),
                             .item = SH_NO_ITEM};
}

void append(const struct sh_event *event) {
    bool duplicate;
    cr_assert_eq(sh_event_append(shop.events, event, &duplicate, NULL), SH_OK);
}

void viewed(const char *id, const char *time) {
    const struct sh_event event = event_of(id, "view", time);
    append(&event);
}

void bought(const char *id, const char *time, int64_t cents) {
    struct sh_event event = event_of(id, "purchase", time);
    event.has_amount = true;
    event.amount = cents;
    append(&event);
}

/* A purchase with `quantity`. */
void bought_quantity(const char *id, const char *time, int64_t quantity) {
    struct sh_event event = event_of(id, "purchase", time);
    const struct sh_event_value value = {.property = 1, .value = quantity};
    event.values = &value;
    event.value_count = 1;
    append(&event);
}
