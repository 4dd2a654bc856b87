/* lookalike_property.c -- the best by random weights, of several blocks, against scoring and sorting everybody by hand.
 *
 * Run: lookalike_property [SEED [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "lookalike.h"
#include "memory.h"
#include "query_world.h"

enum { FEATURES_MAX = 24, TEXT_BYTES = 65536 };

static uint64_t round_seed;
static struct world world;
static struct sh_arena arena;

static void must(bool condition, const char *what) {
    if (condition) return;
    (void)printf("reproduce: lookalike_property %llu 1: %s\n", (unsigned long long)round_seed, what);
    exit(1);
}

static struct sh_plan *make_plan(void) {
    struct sh_buffer text;
    struct sh_node *tree;
    struct sh_plan *plan;
    sh_buffer_init(&text, TEXT_BYTES);
    world_expression(&world, false, 1, &text);
    const struct sh_text words = {(const char *)text.bytes, (uint32_t)text.count};
    must(sh_query_parse(words, &arena, &tree, NULL) == SH_OK, "parse");
    must(sh_query_check(&tree, &world.scope, &arena, NULL) == SH_OK, "check");
    must(sh_query_plan(tree, &world.scope, &arena, &plan, NULL) == SH_OK, "plan");
    sh_buffer_deinit(&text);
    return plan;
}

static uint32_t make_features(struct sh_feature *features) {
    const int32_t city = sh_table_find_attribute(world.users, SH_TEXT_LITERAL("city"));
    const uint32_t count = (uint32_t)split_below(&world.random, FEATURES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t set = (uint32_t)split_below(&world.random, 2);
        struct sh_feature *feature = &features[i];
        *feature = (struct sh_feature){.is_tag_set =
                                           split_one_in(&world.random, 2) && sh_table_tag_count(world.users, set) > 0};
        feature->index = feature->is_tag_set ? set : (uint32_t)city;
        feature->code = (uint32_t)split_below(
            &world.random, feature->is_tag_set ? sh_table_tag_count(world.users, set)
                                               : sh_table_attribute(world.users, (uint32_t)city)->value_count + 1);
        feature->weight = (int32_t)split_below(&world.random, 9) - 4; /* small, so that many are alike */
    }
    return count;
}

static bool has(const struct sh_feature *feature, uint32_t slot) {
    int64_t value;
    if (feature->is_tag_set) return sh_table_has_tag(world.users, slot, feature->index, feature->code);
    return sh_table_get(world.users, slot, feature->index, &value) && value == feature->code;
}

static bool matches(struct sh_plan *plan, uint32_t slot) {
    bool holds = false;
    if (plan != NULL) must(sh_plan_test(plan, slot, &holds, NULL) == SH_OK, "test");
    return holds;
}

static int by_hand(const void *left, const void *right) {
    const struct sh_like *a = left;
    const struct sh_like *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->mix < b->mix ? -1 : a->mix > b->mix;
}

static enum sh_status run(const struct sh_lookalike_spec *spec, struct sh_lookalike **lookalike) {
    bool done = false;
    enum sh_status status = sh_lookalike_create(spec, lookalike, NULL);
    while (status == SH_OK && !done)
        status = sh_lookalike_step(*lookalike, 1 + (uint32_t)split_below(&world.random, 9), &done, NULL);
    return status;
}

static void one_round(void) {
    struct sh_feature features[FEATURES_MAX];
    const uint32_t slot_end = sh_table_slot_end(world.users);
    struct sh_lookalike_spec spec = {.table = world.users, .features = features};
    spec.seeds = make_plan();
    spec.exclude = split_one_in(&world.random, 2) ? make_plan() : NULL;
    spec.feature_count = make_features(features);
    spec.count = (uint32_t)split_length(&world.random, slot_end + 10);
    struct sh_like *all = malloc(((size_t)slot_end + 1) * sizeof *all);
    uint64_t count = 0;
    struct sh_lookalike *lookalike;
    uint32_t found;
    must(run(&spec, &lookalike) == SH_OK, "run");
    const struct sh_like *best = sh_lookalike_best(lookalike, &found);
    for (uint32_t slot = 0; slot < slot_end; slot++) {
        struct sh_like like = {.slot = slot};
        if (sh_table_id(world.users, slot).count == 0 || matches(spec.seeds, slot) || matches(spec.exclude, slot))
            continue;
        for (uint32_t i = 0; i < spec.feature_count; i++)
            like.score += has(&features[i], slot) ? features[i].weight : 0;
        like.mix = sh_hash_mix(sh_id_hash(sh_table_id(world.users, slot)), UINT64_C(0xA0761D6478BD642F));
        all[count++] = like;
    }
    qsort(all, count, sizeof *all, by_hand);
    must(sh_lookalike_candidate_count(lookalike) == count, "how many there are");
    must(found == (count < spec.count ? count : spec.count), "as many as wanted");
    for (uint32_t i = 0; i < found; i++)
        must(best[i].slot == all[i].slot && best[i].score == all[i].score, "the best in their order");
    sh_lookalike_destroy(lookalike);
    free(all);
    for (uint64_t n = 0; n < 5; n++) {
        sh_memory_fail_after(n);
        const enum sh_status status = run(&spec, &lookalike);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        must(status == SH_OK || (failed && status == SH_ERR_MEMORY),
             "only a failed allocation fails a look-alike"); /* caches do without */
        sh_lookalike_destroy(lookalike);
    }
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 40;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    for (uint64_t i = 0; i < rounds; i++) {
        round_seed = seed + i;
        const bool is_large = i % 8 == 7;
        const struct world_options options = {.seed = round_seed,
                                              .user_count = is_large ? 150000 : 1 + (uint32_t)(round_seed * 977 % 9000),
                                              .item_count = 40,
                                              .event_count = 3000,
                                              .forget_one_in = i % 3 == 0 ? 20 : 0};
        world_create(&world, &options);
        one_round();
        sh_arena_reset(&arena);
        world_destroy(&world);
    }
    sh_arena_deinit(&arena);
    (void)printf("lookalike_property: seeds %llu to %llu: alike\n", (unsigned long long)seed,
                 (unsigned long long)(seed + rounds - 1));
    return 0;
}
