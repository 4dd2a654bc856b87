/* query_run_property.c -- random shops, random expressions: block by block, counted, and row by row, the plan says what
 * the naive twin says; also when it is asked again after writes, forgotten users and time that passed. Run:
 * query_run_property SEED COUNT (of shops). SHOAL_ISA chooses the kernels.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "query_plan.h"
#include "query_world.h"

enum { EXPRESSIONS = 60, EXPRESSIONS_OF_LARGE = 40, REMEMBERED = 2, EVENTS_BETWEEN = 10 };

/* Of this shop, to be asked again. */
static struct sh_buffer remembered[REMEMBERED];
static uint64_t kept_count; /* blocks of windows that were kept, and read again */
static uint64_t read_count;

struct asked {
    struct world *world;
    bool about_items;
    bool is_windows; /* about counts and sums over windows, some of them asked again */
    struct sh_arena arena;
    struct sh_buffer text;
    struct sh_node *written; /* for the twin */
    struct sh_plan *plan;
    const char *fault;
    uint32_t slot;
};

static bool fail(struct asked *asked, const char *fault, uint32_t slot) {
    asked->fault = fault;
    asked->slot = slot;
    return false;
}

static const struct twin_table *twin_table(const struct asked *asked) {
    return asked->about_items ? &asked->world->twin.items : &asked->world->twin.users;
}

/* Estimates choose between row by row and whole blocks, never the answer: so take the choice away from them. */
static void set_row_ns(struct sh_plan_node *node, double row_ns) {
    node->cost.row_ns = row_ns;
    for (uint32_t i = 0; i < node->child_count; i++)
        set_row_ns(node->children[i], row_ns);
}

static bool make_plan(struct asked *asked) {
    struct sh_query_scope scope = asked->world->scope;
    struct sh_node *bound;
    struct sh_error err = {.status = SH_OK};
    const struct sh_text text = {(const char *)asked->text.bytes, (uint32_t)asked->text.count};
    if (asked->about_items)
        scope = (struct sh_query_scope){
            .table = scope.items, .zone = scope.zone, .now_ms = scope.now_ms, .below = world_below};
    enum sh_status status = sh_query_parse(text, &asked->arena, &asked->written, &err);
    if (status == SH_OK) status = sh_query_parse(text, &asked->arena, &bound, &err);
    if (status == SH_OK) status = sh_query_check(&bound, &scope, &asked->arena, &err);
    if (status == SH_OK) status = sh_query_plan(bound, &scope, &asked->arena, &asked->plan, &err);
    if (status == SH_OK) return true;
    printf("%s: %s %s\n", sh_status_name(status), err.message, err.hint);
    return fail(asked, "is refused", 0);
}

static bool compare_block(struct asked *asked, uint32_t block, bool tests_rows, uint64_t *sum) {
    const struct twin_table *table = twin_table(asked);
    const uint64_t *words;
    uint32_t count;
    uint32_t expected = 0;
    if (sh_plan_run_block(asked->plan, block, &words, &count, NULL) != SH_OK) return fail(asked, "does not run", 0);
    for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
        const uint32_t slot = block * SH_BLOCK_SLOTS + place;
        const bool is_row = slot < table->row_count && table->rows[slot].is_live;
        const bool holds = is_row && twin_holds(&asked->world->twin, table, asked->written, slot);
        const bool found = words != NULL && (words[place / 64] >> (place % 64) & 1);
        if (holds != found) return fail(asked, holds ? "misses a row" : "has a row too many", slot);
        expected += holds;
        if (!tests_rows && place % 61 != 0) continue;
        bool matches;
        if (sh_plan_test(asked->plan, slot, &matches, NULL) != SH_OK) return fail(asked, "cannot be tested", slot);
        if (matches != holds) return fail(asked, "is tested wrongly", slot);
    }
    if (count != expected) return fail(asked, "has a wrong count in a block", block);
    struct sh_block_view view;
    const bool has_words = words != NULL;
    static uint64_t copy[SH_BLOCK_WORDS];
    if (has_words) memcpy(copy, words, sizeof copy);
    if (sh_plan_run_view(asked->plan, block, &view, NULL) != SH_OK || view.count != expected)
        return fail(asked, "has another count as a view", block);
    if (has_words && sh_block_and_count(view, sh_block_of_words(copy, count)) != expected)
        return fail(asked, "has other rows as a view", block);
    *sum += expected;
    return true;
}

static uint64_t no_clock(void *context) {
    return ++*(uint64_t *)context;
}

static bool compare_counts(struct asked *asked, uint64_t expected) {
    uint64_t count;
    uint64_t clock = 0;
    struct sh_plan_line *lines;
    uint32_t line_count;
    if (sh_plan_count(asked->plan, &count, NULL) != SH_OK) return fail(asked, "cannot be counted", 0);
    if (count != expected) return fail(asked, "is counted wrongly", 0);
    if (sh_plan_count_kept(asked->plan, &count) && count != expected) return fail(asked, "has a wrong kept count", 0);
    if (sh_plan_explain(asked->plan, no_clock, &clock, true, &asked->arena, &lines, &line_count, NULL) != SH_OK)
        return fail(asked, "cannot be explained", 0);
    if (line_count == 0 || lines[0].rows != expected) return fail(asked, "is explained with other rows", 0);
    return true;
}

static void write_expression(struct asked *asked, bool is_large) {
    struct world *world = asked->world;
    struct sh_buffer *old = &remembered[split_below(&world->random, REMEMBERED)];
    world->bitmaps_only = is_large && split_one_in(&world->random, 2);
    asked->about_items = !world->bitmaps_only && split_one_in(&world->random, 8);
    if (!asked->about_items && old->count > 0 && split_one_in(&world->random, 2)) {
        sh_buffer_append(&asked->text, old->bytes, old->count);
        asked->is_windows = true;
        return;
    }
    asked->is_windows = !asked->about_items && split_one_in(&world->random, 3);
    if (asked->is_windows)
        world_partners(world, &asked->text);
    else
        world_expression(world, asked->about_items, (uint32_t)split_below(&world->random, 4), &asked->text);
    if (asked->about_items || (!asked->is_windows && !split_one_in(&world->random, 4))) return;
    sh_buffer_clear(old);
    sh_buffer_append(old, asked->text.bytes, asked->text.count);
}

static bool compare_one(struct asked *asked, bool is_large) {
    uint64_t sum = 0;
    bool is_written = false;
    write_expression(asked, is_large);
    if (!make_plan(asked)) return false;
    const uint64_t way = asked->is_windows ? 2 : split_below(&asked->world->random, 3);
    if (way > 0) set_row_ns(asked->plan->root, way == 1 ? 0 : 1e9);
    const uint32_t block_count = sh_plan_block_count(asked->plan);
    for (uint32_t block = 0; block < block_count; block++) {
        if (!compare_block(asked, block, !is_large, &sum)) return false;
        /* Rows may be written between two blocks of one run. */
        if (block_count == 1 || !split_one_in(&asked->world->random, 4)) continue;
        for (uint32_t i = 0; i < 20; i++)
            world_write_event(asked->world);
        is_written = true;
    }
    return is_written || compare_counts(asked, sum);
}

static bool ask(struct world *world, bool is_large) {
    struct asked asked = {.world = world};
    sh_arena_init(&asked.arena, SH_REQUEST_ARENA_BYTES_MAX);
    sh_buffer_init(&asked.text, SH_EXPRESSION_BYTES_MAX);
    const bool ok = compare_one(&asked, is_large);
    if (!ok)
        printf("%.*s\n%s, row %u\n", (int)asked.text.count, (const char *)asked.text.bytes, asked.fault, asked.slot);
    sh_buffer_deinit(&asked.text);
    sh_arena_deinit(&asked.arena);
    for (uint32_t i = 0; i < 3; i++)
        world_write_user(world);
    for (uint32_t i = 0; asked.is_windows && i < EVENTS_BETWEEN; i++)
        world_write_event(world);
    if (split_one_in(&world->random, 4)) world_forget_user(world);
    if (split_one_in(&world->random, 3)) world_pass_time(world);
    return ok;
}

static bool one_shop(uint64_t seed, uint64_t shop) {
    static struct world world;
    struct split_random random = {seed * 1000003 + shop};
    const bool is_large = shop % 8 == 7;
    struct world_options options = {.seed = split_next(&random),
                                    .user_count = 1 + (uint32_t)split_length(&random, 1500),
                                    .item_count = 1 + (uint32_t)split_length(&random, 200),
                                    .event_count = (uint32_t)split_length(&random, 8000),
                                    .forget_one_in = (uint32_t)split_length(&random, 30)};
    if (is_large) {
        options.user_count = 70000 + (uint32_t)split_below(&random, 70000);
        options.event_count = 60000;
        options.forget_one_in = shop % 16 == 7 ? 0 : 50;
    }
    world_create(&world, &options);
    for (uint32_t i = 0; i < REMEMBERED; i++)
        sh_buffer_init(&remembered[i], SH_EXPRESSION_BYTES_MAX);
    bool ok = true;
    for (uint32_t i = 0; ok && i < (is_large ? EXPRESSIONS_OF_LARGE : EXPRESSIONS); i++)
        ok = ask(&world, is_large);
    struct sh_kept_stats kept;
    sh_kept_stats(world.kept, &kept);
    kept_count += kept.made_count;
    read_count += kept.read_count;
    for (uint32_t i = 0; i < REMEMBERED; i++)
        sh_buffer_deinit(&remembered[i]);
    world_destroy(&world);
    return ok;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 36;
    const char *isa = getenv("SHOAL_ISA");
    printf("reproduce: %s%s ./query_run_property %" PRIu64 " %" PRIu64 "\n",
           isa == NULL ? "" : "SHOAL_ISA=", isa == NULL ? "" : isa, seed, count);
    for (uint64_t shop = 0; shop < count; shop++) {
        if (one_shop(seed, shop)) continue;
        printf("shop %" PRIu64 " differs from the twin\n", shop);
        return 1;
    }
    printf("%" PRIu64 " blocks of windows kept, %" PRIu64 " read\n", kept_count, read_count);
    return 0;
}
