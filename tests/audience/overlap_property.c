/* overlap_property.c -- overlaps of random expressions over made-up shops, against the naive twin asked user by user.
 *
 * Run: overlap_property [SEED [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audience_overlap.h"
#include "memory.h"
#include "query_world.h"

enum { TREES_MAX = 16, EXPRESSION_BYTES = 65536 };

static uint64_t round_seed;
static struct world world;
static struct sh_arena arena;
static struct sh_node *written[TREES_MAX];
static struct sh_plan *plans[TREES_MAX];
static uint32_t set_count;

static void must(bool condition, const char *what) {
    if (condition) return;
    (void)printf("reproduce: overlap_property %llu 1: %s\n", (unsigned long long)round_seed, what);
    exit(1);
}

static void make_sets(void) {
    struct sh_buffer text;
    sh_buffer_init(&text, EXPRESSION_BYTES);
    set_count = 1 + (uint32_t)split_below(&world.random, TREES_MAX);
    for (uint32_t i = 0; i < set_count; i++) {
        struct sh_node *bound;
        sh_buffer_clear(&text);
        world_expression(&world, false, (uint32_t)split_below(&world.random, 3), &text);
        const struct sh_text words = {(const char *)text.bytes, (uint32_t)text.count};
        must(sh_query_parse(words, &arena, &written[i], NULL) == SH_OK, "parse");
        must(sh_query_parse(words, &arena, &bound, NULL) == SH_OK, "parse");
        must(sh_query_check(&bound, &world.scope, &arena, NULL) == SH_OK, "check");
        must(sh_query_plan(bound, &world.scope, &arena, &plans[i], NULL) == SH_OK, "plan");
    }
    sh_buffer_deinit(&text);
}

static enum sh_status run(struct sh_overlap **overlap) {
    bool done = false;
    enum sh_status status = sh_overlap_create(plans, set_count, true, overlap, NULL);
    while (status == SH_OK && !done)
        status = sh_overlap_step(*overlap, 1 + (uint32_t)split_below(&world.random, 30), &done, NULL);
    return status;
}

static void compare(const struct sh_overlap *overlap) {
    static uint64_t combinations[1 << TREES_MAX];
    uint64_t pairs[TREES_MAX][TREES_MAX] = {{0}};
    memset(combinations, 0, sizeof combinations);
    const struct twin_table *users = &world.twin.users;
    for (uint32_t slot = 0; slot < users->row_count; slot++) {
        uint32_t mask = 0;
        if (!users->rows[slot].is_live) continue;
        for (uint32_t i = 0; i < set_count; i++)
            if (twin_holds(&world.twin, users, written[i], slot)) mask |= 1u << i;
        combinations[mask]++;
        for (uint32_t a = 0; a < set_count; a++)
            for (uint32_t b = 0; b < set_count; b++)
                pairs[a][b] += (mask >> a & 1) && (mask >> b & 1);
    }
    for (uint32_t a = 0; a < set_count; a++)
        for (uint32_t b = 0; b < set_count; b++)
            must(sh_overlap_pair(overlap, a, b) == pairs[a][b], "a pair");
    for (uint32_t mask = 1; mask < 1u << set_count; mask++)
        must(sh_overlap_combinations(overlap)[mask] == combinations[mask], "a combination");
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 40;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    for (uint64_t i = 0; i < rounds; i++) {
        round_seed = seed + i;
        const bool is_large = i % 10 == 9;
        const struct world_options options = {.seed = round_seed,
                                              .user_count = is_large ? 140000 : 1 + (uint32_t)(round_seed * 97 % 900),
                                              .item_count = 40,
                                              .event_count = is_large ? 30000 : 2000,
                                              .forget_one_in = i % 3 == 0 ? 20 : 0};
        world_create(&world, &options);
        make_sets();
        struct sh_overlap *overlap;
        must(run(&overlap) == SH_OK, "run");
        compare(overlap);
        sh_overlap_destroy(overlap);
        for (uint64_t n = 0; n < 3; n++) { /* each allocation fails once */
            sh_memory_fail_after(n);
            const enum sh_status status = run(&overlap);
            const bool failed = sh_memory_failed();
            sh_memory_fail_after(UINT64_MAX);
            must(status == SH_OK || (failed && status == SH_ERR_MEMORY),
                 "only a failed allocation fails a overlap"); /* caches do without */
            sh_overlap_destroy(overlap);
        }
        sh_arena_reset(&arena);
        world_destroy(&world);
    }
    sh_arena_deinit(&arena);
    (void)printf("overlap_property: seeds %llu to %llu: alike\n", (unsigned long long)seed,
                 (unsigned long long)(seed + rounds - 1));
    return 0;
}
