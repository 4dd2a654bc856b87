/* score_property.c -- random shops, random scoring plans: what a plan is worth, user by user, block by block and in
 * expressions, is what the naive twin adds up. Run: score_property SEED COUNT (of shops).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "query_plan.h"
#include "query_world.h"
#include "score.h"

enum { ROUNDS = 12, PARTS_MAX = 10 };

struct bench {
    struct world world;
    struct sh_scores *scores;
    struct sh_arena arena;
    uint64_t segment_version;
    uint64_t write_version;
};

static void scope_of(void *owner, int64_t now_ms, struct sh_query_scope *scope) {
    const struct bench *bench = owner;
    *scope = bench->world.scope;
    scope->now_ms = now_ms;
    scope->derived = bench->scores == NULL ? NULL : sh_scores_derived(bench->scores);
}

/* A calculation of which the twin knows the value: a number that an expression of the world can ask for exactly. */
static void put_value(struct bench *bench, struct sh_buffer *text) {
    struct split_random *random = &bench->world.random;
    const struct twin *twin = &bench->world.twin;
    const char *type = twin->types[split_below(random, twin->type_count)].name;
    const unsigned days = 1 + (unsigned)split_below(random, 60);
    switch (split_below(random, 4)) {
    case 0:
        sh_buffer_print(text, "count(%s, last %u days)", type, days);
        return;
    case 1:
        sh_buffer_print(text, "sum(%s.amount, last %u days) / 3", type, days);
        return;
    case 2:
        sh_buffer_print(text, "days(%s, within %u days after first(%s)) * 2", type, days, type);
        return;
    default:
        sh_buffer_print(text, "age");
        return;
    }
}

static struct sh_text keep_text(struct bench *bench, const struct sh_buffer *buffer) {
    const char *copy = sh_arena_copy(&bench->arena, buffer->bytes, buffer->count);
    if (copy == NULL && buffer->count > 0) abort();
    return (struct sh_text){copy, (uint32_t)buffer->count};
}

static uint32_t make_parts(struct bench *bench, struct sh_score_part *parts) {
    struct split_random *random = &bench->world.random;
    const uint32_t count = 1 + (uint32_t)split_below(random, PARTS_MAX);
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, SH_EXPRESSION_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_score_part *part = &parts[i];
        *part = (struct sh_score_part){.is_weight = split_one_in(random, 2)};
        sh_buffer_clear(&buffer);
        if (part->is_weight)
            put_value(bench, &buffer);
        else
            world_expression(&bench->world, false, 1, &buffer);
        part->text = keep_text(bench, &buffer);
        part->amount = ((int64_t)split_below(random, 2001) - 1000) * (part->is_weight ? 12345678 : 1);
        part->has_cap = part->is_weight && split_one_in(random, 2);
        if (part->has_cap) part->cap = (int64_t)split_below(random, 5000);
    }
    sh_buffer_deinit(&buffer);
    return count;
}

/* ---- The twin's sum ---- */

static int64_t round_half_even(__int128 a, __int128 b) {
    __int128 twice = 2 * a;
    __int128 nearest = 0;
    /* The whole number n with |2a - 2nb| <= b; of two the even one. */
    nearest = (twice + b) / (2 * b);
    if ((twice + b) % (2 * b) < 0) nearest--;
    if ((twice + b) % (2 * b) == 0 && nearest % 2 != 0) nearest--;
    return (int64_t)nearest;
}

static int64_t expected_score(struct bench *bench, const struct sh_score_part *parts, struct sh_node *const *trees,
                              uint32_t count, uint32_t digits, uint32_t slot) {
    const struct twin *twin = &bench->world.twin;
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        __int128 number, divisor;
        if (!parts[i].is_weight) {
            sum += twin_holds(twin, &twin->users, trees[i], slot) ? parts[i].amount : 0;
            continue;
        }
        if (!twin_left(twin, &twin->users, trees[i], slot, &number, &divisor)) continue;
        __int128 scale = 1000000000;
        for (uint32_t d = 0; d < digits; d++)
            scale /= 10;
        int64_t added = round_half_even(number * parts[i].amount, divisor * scale);
        if (parts[i].has_cap && added > parts[i].cap) added = parts[i].cap;
        if (parts[i].has_cap && added < -parts[i].cap) added = -parts[i].cap;
        sum += added;
    }
    return sum;
}

static void fail(const struct sh_score_part *parts, uint32_t count, uint32_t slot, int64_t found, int64_t expected,
                 const char *way) {
    for (uint32_t i = 0; i < count; i++)
        printf("%lld %s %.*s\n", (long long)parts[i].amount, parts[i].is_weight ? "of" : "when",
               SH_TEXT_ARGS(parts[i].text));
    printf("slot %u, %s: %lld, but the twin says %lld\n", slot, way, (long long)found, (long long)expected);
    exit(1);
}

static void must(bool ok, const struct sh_error *err, const char *what) {
    if (ok) return;
    printf("%s: %s\n", what, err->message);
    exit(1);
}

static uint64_t count_where(struct bench *bench, const char *text) {
    struct sh_query_scope scope;
    struct sh_error err = {.status = SH_OK};
    struct sh_node *tree;
    struct sh_plan *plan;
    uint64_t count = 0;
    scope_of(bench, bench->world.scope.now_ms, &scope);
    must(sh_query_parse(sh_text_of(text), &bench->arena, &tree, &err) == SH_OK &&
             sh_query_check(&tree, &scope, &bench->arena, &err) == SH_OK &&
             sh_query_plan(tree, &scope, &bench->arena, &plan, &err) == SH_OK &&
             sh_plan_count(plan, &count, &err) == SH_OK && sh_scores_take_fault(bench->scores, &err) == SH_OK,
         &err, text);
    return count;
}

static void check_round(struct bench *bench, const struct sh_score_part *parts, uint32_t count, uint32_t digits) {
    const struct twin_table *users = &bench->world.twin.users;
    const struct sh_derived *derived = sh_scores_derived(bench->scores);
    const int64_t now_ms = bench->world.scope.now_ms;
    struct sh_node *trees[PARTS_MAX];
    struct sh_error err = {.status = SH_OK};
    char text[64];
    uint64_t above = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_buffer buffer;
        sh_buffer_init(&buffer, SH_EXPRESSION_BYTES_MAX);
        sh_buffer_print(&buffer, parts[i].is_weight ? "(%.*s) * 1 is missing" : "%.*s", SH_TEXT_ARGS(parts[i].text));
        must(sh_query_parse(keep_text(bench, &buffer), &bench->arena, &trees[i], &err) == SH_OK, &err, "parse");
        sh_buffer_deinit(&buffer);
    }
    int64_t *values = sh_arena_alloc(&bench->arena, SH_DERIVED_SPAN * sizeof *values);
    if (values == NULL) abort();
    for (uint32_t slot = 0; slot < users->row_count; slot++) {
        uint64_t present[SH_DERIVED_SPAN / 64];
        int64_t single = 0;
        const uint32_t place = slot % SH_DERIVED_SPAN;
        if (place == 0) derived->read_values(derived->owner, 0, slot, SH_DERIVED_SPAN, now_ms, values, present);
        if (!users->rows[slot].is_live) continue;
        const int64_t expected = expected_score(bench, parts, trees, count, digits, slot);
        above += expected >= 1000;
        if (values[place] != expected) fail(parts, count, slot, values[place], expected, "in a block");
        /* One by one, as if somebody wrote in between. */
        bench->write_version++;
        must(sh_derived_get(derived, 0, slot, now_ms, &single), &err, "missing");
        if (single != expected) fail(parts, count, slot, single, expected, "alone");
    }
    must(sh_scores_take_fault(bench->scores, &err) == SH_OK, &err, "fault");
    int64_t bound = 1000;
    for (uint32_t d = 0; d < digits; d++)
        bound /= 10;
    (void)snprintf(text, sizeof text, "score.s >= %lld", (long long)bound);
    if (digits > 3) return;
    const uint64_t found = count_where(bench, text);
    (void)snprintf(text, sizeof text, "score.s * 2 - score.s >= %lld", (long long)bound);
    if (found != above || count_where(bench, text) != above)
        fail(parts, count, 0, (int64_t)found, (int64_t)above, text);
}

static void run_shop(uint64_t seed) {
    struct bench bench = {.scores = NULL};
    struct split_random random = {seed};
    const struct world_options options = {.seed = seed,
                                          .user_count = split_one_in(&random, 4) ? 70000 : 1500,
                                          .item_count = 300,
                                          .event_count = 6000,
                                          .forget_one_in = split_one_in(&random, 2) ? 17 : 0};
    world_create(&bench.world, &options);
    sh_arena_init(&bench.arena, (size_t)1 << 30);
    const struct sh_scores_source source = {.owner = &bench,
                                            .scope = scope_of,
                                            .segment_version = &bench.segment_version,
                                            .write_version = &bench.write_version};
    bench.scores = sh_scores_create(&source);
    if (bench.scores == NULL) abort();
    for (uint32_t round = 0; round < (options.user_count > 2000 ? 2u : ROUNDS); round++) {
        struct sh_score_part parts[PARTS_MAX];
        struct sh_query_scope scope;
        struct sh_error err = {.status = SH_OK};
        bool changed;
        const struct sh_score put = {.name = SH_TEXT_LITERAL("s"),
                                     .note = SH_TEXT_LITERAL(""),
                                     .digits = (uint32_t)split_below(&bench.world.random, 4),
                                     .parts = parts,
                                     .part_count = make_parts(&bench, parts)};
        scope_of(&bench, bench.world.scope.now_ms, &scope);
        must(sh_scores_put(bench.scores, &put, &scope, &bench.arena, &changed, &err) == SH_OK, &err, "put");
        check_round(&bench, parts, put.part_count, put.digits);
        for (uint32_t i = 0; i < 50; i++)
            split_one_in(&bench.world.random, 2) ? world_write_event(&bench.world) : world_write_user(&bench.world);
        bench.write_version++;
        sh_arena_reset(&bench.arena);
    }
    sh_scores_destroy(bench.scores);
    sh_arena_deinit(&bench.arena);
    world_destroy(&bench.world);
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 12;
    printf("reproduce: ./score_property %" PRIu64 " %" PRIu64 "\n", seed, count);
    for (uint64_t i = 0; i < count; i++)
        run_shop(seed + i);
    return 0;
}
