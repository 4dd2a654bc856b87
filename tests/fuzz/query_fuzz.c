/* query_fuzz.c -- any text as a question to a small shop. What passes the checker must plan and run, every row must
 * give the same answer alone as in its block, and the canonical text must pass again with the same answer. */
#include <stdio.h>
#include <stdlib.h>

#include "bitmap_block.h"
#include "query_shop.h"
#include "split_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

enum { USER_COUNT = 48, EVENT_COUNT = 400 };

static struct query_shop shop;

static void must(bool holds, const char *what) {
    if (holds) return;
    (void)fprintf(stderr, "%s: %s\n", what, shop.err.message);
    abort();
}

static void fill_users(struct split_random *rng) {
    char id[16];
    for (int i = 0; i < USER_COUNT; i++) {
        uint32_t slot;
        (void)snprintf(id, sizeof id, "u-%d", i);
        must(sh_table_intern(shop.users, sh_text_of(id), sh_id_hash(sh_text_of(id)), &slot, NULL, NULL) == SH_OK, id);
        for (uint32_t a = 0; a < sh_table_attribute_count(shop.users); a++) {
            if (split_one_in(rng, 4)) continue;
            const struct sh_attribute *attribute = sh_table_attribute(shop.users, a);
            int64_t value = (int64_t)split_below(rng, 200) - 20;
            if (attribute->type == SH_TYPE_BOOL) value &= 1;
            if (attribute->type == SH_TYPE_TIME) value = shop.scope.now_ms - value * SH_DAY_MS;
            if (attribute->is_date) value = (value / SH_DAY_MS) * SH_DAY_MS;
            if (attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING)
                value = (int64_t)split_below(rng, sh_dictionary_count(&attribute->texts));
            must(sh_table_set(shop.users, slot, a, value) == SH_OK, "set");
        }
        for (uint32_t tag = 0; tag < 3; tag++)
            if (split_one_in(rng, 2)) must(sh_table_tag_add(shop.users, slot, 0, tag) == SH_OK, "tag");
    }
}

static void fill_events(struct split_random *rng) {
    for (int i = 0; i < EVENT_COUNT; i++) {
        struct sh_event_value values[2] = {{0, 0}, {1, (int64_t)split_below(rng, 9)}};
        struct sh_event event = {.type = (uint32_t)split_below(rng, 2),
                                 .slot = (uint32_t)split_below(rng, USER_COUNT),
                                 .item = split_one_in(rng, 3) ? SH_NO_ITEM : (uint32_t)split_below(rng, 2),
                                 .has_amount = !split_one_in(rng, 4),
                                 .amount = (int64_t)split_below(rng, 5000),
                                 .values = values + (i & 1),
                                 .value_count = 1};
        if ((i & 1) == 0) event.type = 1; /* the store's only text was said at a purchase */
        event.time_ms = shop.scope.now_ms + SH_DAY_MS - (int64_t)split_below(rng, 120 * SH_DAY_MS);
        bool duplicate;
        must(sh_event_append(shop.events, &event, &duplicate, &shop.err) == SH_OK, "append");
    }
}

static void open_once(void) {
    static bool is_open;
    if (is_open) return;
    is_open = true;
    struct split_random rng = {1};
    query_shop_open(&shop);
    fill_users(&rng);
    fill_events(&rng);
}

/* The answer for the first block, which has all users. SH_ERR_OVERFLOW is an answer too. */
static enum sh_status answer(const struct sh_node *tree, uint64_t *bits) {
    struct sh_plan *plan;
    const uint64_t *words;
    uint32_t count;
    must(sh_query_plan(tree, &shop.scope, &shop.arena, &plan, &shop.err) == SH_OK, "a checked tree cannot be planned");
    const enum sh_status status = sh_plan_run_block(plan, 0, &words, &count, &shop.err);
    if (status != SH_OK) return status;
    *bits = words == NULL ? 0 : words[0];
    must((uint32_t)__builtin_popcountll(*bits) == count, "the count is not that of the bits");
    for (uint32_t slot = 0; slot < 64; slot++) {
        bool matches = false;
        /* Where all that is cheap is asked first, a calculation may be left out that overflows for the row. */
        const enum sh_status tested = sh_plan_test(plan, slot, &matches, &shop.err);
        if (tested == SH_ERR_OVERFLOW) continue;
        must(tested == SH_OK, "a row alone fails");
        must(matches == ((*bits >> slot) & 1), "a row alone has another answer than in its block");
    }
    return SH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct sh_node *tree;
    struct sh_node *again;
    uint64_t bits = 0;
    uint64_t bits_again = 0;
    if (byte_count > 2000) return 0; /* long ones are slow and say no more */
    open_once();
    sh_arena_reset(&shop.arena);
    shop.err = (struct sh_error){.status = SH_OK};
    const struct sh_text text = {(const char *)bytes, (uint32_t)byte_count};
    if (sh_query_parse(text, &shop.arena, &tree, &shop.err) != SH_OK) return 0;
    if (sh_query_check(&tree, &shop.scope, &shop.arena, &shop.err) != SH_OK) {
        must(shop.err.position >= -1 && shop.err.position <= (int64_t)byte_count, "the position is outside");
        must(shop.err.message[0] != '\0', "an error without words");
        return 0;
    }
    const enum sh_status status = answer(tree, &bits);
    must(query_shop_check(&shop, query_shop_printed(&shop, tree), &again) == SH_OK, "the canonical text fails");
    must(answer(again, &bits_again) == status && bits == bits_again, "the canonical text has another answer");
    return 0;
}
