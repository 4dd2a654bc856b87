/* insight_bench.c -- how long do questions about an audience take, against plain loops over plain arrays?
 *
 * The population of query_population.h in a table. Both sides are asked in turn, round by round; the medians are
 * printed with their ratio, and the best rounds in parentheses. Answers must be equal. One thread, hot, engine time.
 *
 *   Q7   tags of tier >= 5 of 8, five cities, tag a, not tag b     reference: each user's own list of tags
 *   Q7b  tags of everybody from 30 on (two users in three)         reference: each tag's users tested in a bitmap
 *   Q8   the 10 x 10 overlaps of the ten commonest tags            reference: bitmaps crossed word by word, by blocks
 *   Q8c  the same with each exact combination                      no reference
 *   like the 1 % most like the 0.1 % who have one tag              reference: each user's own list, weights summed,
 *                                                                  and scores counted until there are enough: the
 *                                                                  score that suffices, but not who has it
 *
 * Run: insight_bench [--users N] [--rounds N]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audience_overlap.h"
#include "bench_record.h"
#include "insight.h"
#include "lookalike.h"
#include "query_population.h"

enum { ROUNDS_MAX = 1001, SET_COUNT = 10, SIDE_COUNT = 2, EXPRESSION_BYTES = 1024, SEED_TAG = 83 };

static const int64_t now_ms = POPULATION_NOW_MS;

static double clock_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(bool condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "insight_bench: %s\n", what);
    exit(1);
}

struct bench {
    struct population population;
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_query_scope scope;
    struct sh_arena arena;
    /* the reference's: a user's tags one after another, and a bitmap for each of the first tags */
    uint32_t *tag_starts;
    uint16_t *tags;
    uint64_t *bits[SET_COUNT];
    size_t word_count;
    /* of the latest questions, to tell */
    uint64_t found_tags[TAG_COUNT];
    uint64_t found_pairs[SET_COUNT][SET_COUNT];
};

/* ---- Both shops ---- */

static uint32_t add_attribute(struct bench *bench, const char *name, enum sh_type type) {
    static const struct sh_text tiers[TIER_COUNT] = {{"1", 1}, {"2", 1}, {"3", 1}, {"4", 1},
                                                     {"5", 1}, {"6", 1}, {"7", 1}, {"8", 1}};
    const bool is_enum = type == SH_TYPE_ENUM;
    const struct sh_attribute_spec spec = {.name = sh_text_of(name),
                                           .type = type,
                                           .labels = is_enum ? tiers : NULL,
                                           .label_count = is_enum ? TIER_COUNT : 0};
    uint32_t index;
    must(sh_table_add_attribute(bench->users, &spec, &index, NULL) == SH_OK, "an attribute");
    return index;
}

static void fill_engine(struct bench *bench) {
    const struct population *population = &bench->population;
    const uint32_t city = add_attribute(bench, "city", SH_TYPE_STRING);
    const uint32_t tier = add_attribute(bench, "tier", SH_TYPE_ENUM);
    const uint32_t age = add_attribute(bench, "age", SH_TYPE_INT);
    uint32_t set;
    for (uint32_t user = 0; user < population->user_count; user++) {
        char text[16];
        uint32_t slot;
        (void)snprintf(text, sizeof text, "u-%08x", user);
        const struct sh_text id = sh_text_of(text);
        must(sh_table_intern(bench->users, id, sh_id_hash(id), &slot, NULL, NULL) == SH_OK, "a user");
        uint32_t code;
        (void)snprintf(text, sizeof text, "c%u", population->city[user]);
        must(sh_table_text_code(bench->users, city, sh_text_of(text), &code, NULL) == SH_OK, "a city");
        must(sh_table_set(bench->users, slot, city, code) == SH_OK, "a city");
        must(sh_table_set(bench->users, slot, tier, population->tier[user]) == SH_OK, "a tier");
        must(sh_table_set(bench->users, slot, age, population->age[user]) == SH_OK, "an age");
    }
    must(sh_table_add_tag_set(bench->users, SH_TEXT_LITERAL("tags"), &set, NULL) == SH_OK, "a tag set");
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        char text[16];
        uint32_t code;
        (void)snprintf(text, sizeof text, "t%u", tag);
        must(sh_table_tag_code(bench->users, set, sh_text_of(text), &code, NULL) == SH_OK, "a tag");
        for (uint32_t i = 0; i < population->tag_user_count[tag]; i++)
            must(sh_table_tag_add(bench->users, population->tag_users[tag][i], set, code) == SH_OK, "a tag");
    }
}

static void fill_reference(struct bench *bench) {
    const struct population *population = &bench->population;
    const uint32_t user_count = population->user_count;
    bench->word_count = (user_count + 63) / 64;
    bench->tag_starts = calloc((size_t)user_count + 2, sizeof *bench->tag_starts);
    must(bench->tag_starts != NULL, "no memory");
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        for (uint32_t i = 0; i < population->tag_user_count[tag]; i++)
            bench->tag_starts[population->tag_users[tag][i] + 2]++;
    for (uint32_t user = 0; user <= user_count; user++)
        bench->tag_starts[user + 1] += bench->tag_starts[user];
    bench->tags = malloc(((size_t)bench->tag_starts[user_count + 1] + 1) * sizeof *bench->tags);
    must(bench->tags != NULL, "no memory");
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        for (uint32_t i = 0; i < population->tag_user_count[tag]; i++)
            bench->tags[bench->tag_starts[population->tag_users[tag][i] + 1]++] = (uint16_t)tag;
    for (uint32_t set = 0; set < SET_COUNT; set++) {
        bench->bits[set] = calloc(bench->word_count, sizeof(uint64_t));
        must(bench->bits[set] != NULL, "no memory");
        for (uint32_t i = 0; i < population->tag_user_count[set]; i++) {
            const uint32_t user = population->tag_users[set][i];
            bench->bits[set][user / 64] |= UINT64_C(1) << (user % 64);
        }
    }
}

/* ---- The engine's answers ---- */

static struct sh_plan *plan_of(struct bench *bench, const char *expression) {
    struct sh_node *tree;
    struct sh_plan *plan;
    must(sh_query_parse(sh_text_of(expression), &bench->arena, &tree, NULL) == SH_OK, "parse");
    must(sh_query_check(&tree, &bench->scope, &bench->arena, NULL) == SH_OK, "check");
    must(sh_query_plan(tree, &bench->scope, &bench->arena, &plan, NULL) == SH_OK, "plan");
    return plan;
}

/* Sums that say enough of an answer. */
static uint64_t engine_tags(struct bench *bench, const char *where, uint64_t *user_count) {
    bool done;
    struct sh_insight *insight;
    const struct sh_look_spec look = {.kind = SH_LOOK_TAGS, .index = 0, .has_base = true};
    sh_arena_reset(&bench->arena);
    const struct sh_insight_spec spec = {
        .scope = &bench->scope, .audience = plan_of(bench, where), .looks = &look, .look_count = 1};
    must(sh_insight_create(&spec, &insight, NULL) == SH_OK, "create");
    must(sh_insight_step(insight, UINT32_MAX, &done, NULL) == SH_OK && done, "step");
    uint64_t sum = 0;
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        bench->found_tags[tag] = sh_insight_look(insight, 0)->users[tag];
        sum = sum * 31 + bench->found_tags[tag];
    }
    *user_count = sh_insight_count(insight);
    sh_insight_destroy(insight);
    return sum;
}

static uint64_t engine_overlap(struct bench *bench, bool combinations) {
    bool done;
    struct sh_overlap *overlap;
    struct sh_plan *plans[SET_COUNT];
    sh_arena_reset(&bench->arena);
    for (uint32_t i = 0; i < SET_COUNT; i++) {
        char where[64];
        (void)snprintf(where, sizeof where, "tags has 't%u'", i);
        plans[i] = plan_of(bench, where);
    }
    must(sh_overlap_create(plans, SET_COUNT, combinations, &overlap, NULL) == SH_OK, "create");
    must(sh_overlap_step(overlap, UINT32_MAX, &done, NULL) == SH_OK && done, "step");
    uint64_t sum = 0;
    for (uint32_t a = 0; a < SET_COUNT; a++)
        for (uint32_t b = 0; b <= a; b++) {
            bench->found_pairs[a][b] = sh_overlap_pair(overlap, a, b);
            sum = sum * 31 + bench->found_pairs[a][b];
        }
    sh_overlap_destroy(overlap);
    return sum;
}

/* Weights of the tags for 0.1 % of the users as seeds, and the best by them; the sum of their scores. */
static uint64_t engine_alike(struct bench *bench, int32_t weights[TAG_COUNT], uint64_t *candidate_count) {
    bool done;
    struct sh_insight *insight;
    struct sh_lookalike *lookalike;
    struct sh_feature features[SH_LOOKALIKE_FEATURE_COUNT_MAX];
    const struct sh_look_spec look = {.kind = SH_LOOK_TAGS, .index = 0, .has_base = true};
    sh_arena_reset(&bench->arena);
    char where[64];
    (void)snprintf(where, sizeof where, "tags has 't%d'", SEED_TAG);
    struct sh_plan *seeds = plan_of(bench, where);
    const struct sh_insight_spec spec = {.scope = &bench->scope, .audience = seeds, .looks = &look, .look_count = 1};
    must(sh_insight_create(&spec, &insight, NULL) == SH_OK, "create");
    must(sh_insight_step(insight, UINT32_MAX, &done, NULL) == SH_OK && done, "step");
    memset(weights, 0, TAG_COUNT * sizeof *weights);
    for (uint32_t tag = 0; tag < SH_LOOKALIKE_FEATURE_COUNT_MAX; tag++) { /* the commonest are the dearest */
        const struct sh_look *found = sh_insight_look(insight, 0);
        const double weight = sh_feature_weight(found->users[tag], found->base[tag], sh_insight_count(insight),
                                                sh_insight_base_count(insight));
        weights[tag] = (int32_t)(weight * SH_LOOKALIKE_WEIGHT_PARTS);
        features[tag] = (struct sh_feature){.is_tag_set = true, .code = tag, .weight = weights[tag]};
    }
    sh_insight_destroy(insight);
    const struct sh_lookalike_spec like = {.table = bench->users,
                                           .seeds = seeds,
                                           .features = features,
                                           .feature_count = SH_LOOKALIKE_FEATURE_COUNT_MAX,
                                           .count = (bench->population.user_count + 99) / 100};
    uint32_t count;
    must(sh_lookalike_create(&like, &lookalike, NULL) == SH_OK, "create");
    must(sh_lookalike_step(lookalike, UINT32_MAX, &done, NULL) == SH_OK && done, "step");
    const struct sh_like *best = sh_lookalike_best(lookalike, &count);
    int64_t lowest = count == 0 ? 0 : best[count - 1].score;
    *candidate_count = sh_lookalike_candidate_count(lookalike);
    sh_lookalike_destroy(lookalike);
    return (uint64_t)lowest;
}

/* ---- The reference's ---- */

/* The score of the last of the best `wanted` who are not seeds. */
static uint64_t reference_alike(const struct bench *bench, const int32_t weights[TAG_COUNT], uint32_t wanted) {
    const uint32_t user_count = bench->population.user_count;
    int32_t *scores = malloc(user_count * sizeof *scores);
    must(scores != NULL, "no memory");
    int32_t low = INT32_MAX;
    int32_t high = INT32_MIN;
    for (uint32_t user = 0; user < user_count; user++) {
        int32_t score = 0;
        bool is_seed = false;
        for (uint32_t at = bench->tag_starts[user]; at < bench->tag_starts[user + 1]; at++) {
            score += weights[bench->tags[at]];
            is_seed |= bench->tags[at] == SEED_TAG;
        }
        scores[user] = is_seed ? INT32_MIN : score;
        if (!is_seed && score < low) low = score;
        if (!is_seed && score > high) high = score;
    }
    uint32_t *counts = calloc((size_t)(high - low) + 1, sizeof *counts);
    must(counts != NULL, "no memory");
    for (uint32_t user = 0; user < user_count; user++)
        if (scores[user] != INT32_MIN) counts[high - scores[user]]++;
    int32_t below = 0;
    for (uint32_t found = counts[0]; found < wanted && below < high - low; found += counts[below])
        below++;
    free(counts);
    free(scores);
    return (uint64_t)(int64_t)(high - below);
}

static bool in_small(const struct population *population, const uint64_t *tag_a, const uint64_t *tag_b, uint32_t user) {
    return population->tier[user] >= TIER_LOW && population->city[user] >= CITY_FIRST &&
           population->city[user] < CITY_FIRST + 5 && (tag_a[user / 64] >> (user % 64) & 1) &&
           !(tag_b[user / 64] >> (user % 64) & 1);
}

/* Q7's audience as a list, made outside of the clock: the engine pays for its own. */
static uint64_t reference_tags(const struct bench *bench, const uint32_t *users, uint32_t user_count) {
    uint64_t counts[TAG_COUNT] = {0};
    uint64_t sum = 0;
    for (uint32_t i = 0; i < user_count; i++)
        for (uint32_t at = bench->tag_starts[users[i]]; at < bench->tag_starts[users[i] + 1]; at++)
            counts[bench->tags[at]]++;
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        sum = sum * 31 + counts[tag];
    return sum;
}

static uint64_t reference_large(const struct bench *bench, const uint64_t *audience) {
    const struct population *population = &bench->population;
    uint64_t sum = 0;
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        uint64_t count = 0;
        for (uint32_t i = 0; i < population->tag_user_count[tag]; i++) {
            const uint32_t user = population->tag_users[tag][i];
            count += audience[user / 64] >> (user % 64) & 1;
        }
        sum = sum * 31 + count;
    }
    return sum;
}

static uint64_t reference_overlap(const struct bench *bench) {
    enum { CHUNK_WORDS = 256 };
    uint64_t pairs[SET_COUNT][SET_COUNT] = {{0}};
    for (size_t first = 0; first < bench->word_count; first += CHUNK_WORDS) {
        const size_t end = first + CHUNK_WORDS < bench->word_count ? first + CHUNK_WORDS : bench->word_count;
        for (uint32_t a = 0; a < SET_COUNT; a++) {
            for (uint32_t b = 0; b <= a; b++) {
                uint64_t count = 0;
                for (size_t at = first; at < end; at++)
                    count += (uint64_t)__builtin_popcountll(bench->bits[a][at] & bench->bits[b][at]);
                pairs[a][b] += count;
            }
        }
    }
    uint64_t sum = 0;
    for (uint32_t a = 0; a < SET_COUNT; a++)
        for (uint32_t b = 0; b <= a; b++)
            sum = sum * 31 + pairs[a][b];
    return sum;
}

/* ---- Rounds ---- */

static int by_size(const void *left, const void *right) {
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* The 20 commonest tags as `t0:123 t4:99 ...`; of equal ones the lower number first, and none that nobody has. */
static void write_top_tags(const struct bench *bench, char *text, size_t byte_count) {
    enum { TOP = 20 };
    bool taken[TAG_COUNT] = {false};
    size_t at = 0;
    for (uint32_t place = 0; place < TOP; place++) {
        uint32_t best = TAG_COUNT;
        for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
            if (!taken[tag] && (best == TAG_COUNT || bench->found_tags[tag] > bench->found_tags[best])) best = tag;
        if (bench->found_tags[best] == 0) break;
        taken[best] = true;
        at += (size_t)snprintf(text + at, byte_count - at, "%st%u:%" PRIu64, place == 0 ? "" : " ", best,
                               bench->found_tags[best]);
    }
}

static void write_pairs(const struct bench *bench, char *text, size_t byte_count) {
    size_t at = 0;
    for (uint32_t a = 0; a < SET_COUNT; a++)
        for (uint32_t b = 0; b <= a; b++)
            at += (size_t)snprintf(text + at, byte_count - at, "%s%" PRIu64, at == 0 ? "" : " ",
                                   bench->found_pairs[a][b]);
}

/* Of one row: both sides, whose answers have been compared. */
static void record(const struct bench *bench, const char *row, const char *title, const char *answer,
                   double took[SIDE_COUNT][ROUNDS_MAX], int rounds, bool has_reference, double floor_bytes) {
    for (int side = 0; side < 1 + has_reference; side++)
        bench_record_write(&(struct bench_record){.group = "audience",
                                                  .row = row,
                                                  .title = title,
                                                  .side = side == 0 ? "shoal" : "reference",
                                                  .unit = "us",
                                                  .samples = took[side],
                                                  .sample_count = (uint32_t)rounds,
                                                  .answer = answer,
                                                  .floor_bytes = floor_bytes,
                                                  .users = bench->population.user_count});
}

static void print_line(const char *name, double took[SIDE_COUNT][ROUNDS_MAX], int rounds, bool has_reference) {
    for (int side = 0; side < 1 + has_reference; side++)
        qsort(took[side], (size_t)rounds, sizeof **took, by_size);
    printf("%-4s engine %9.0f us (%9.0f)", name, took[0][rounds / 2], took[0][0]);
    if (has_reference)
        printf("   reference %9.0f us (%9.0f)   ratio %.2f", took[1][rounds / 2], took[1][0],
               took[0][rounds / 2] / took[1][rounds / 2]);
    printf("\n");
}

int main(int argument_count, char **arguments) {
    static double took[5][SIDE_COUNT][ROUNDS_MAX];
    static struct bench bench;
    uint32_t user_count = 10000000;
    int rounds = 21;
    for (int i = 1; i + 1 < argument_count; i += 2) {
        if (strcmp(arguments[i], "--users") == 0) user_count = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--rounds") == 0) rounds = (int)strtol(arguments[i + 1], NULL, 10);
    }
    must(rounds >= 1 && rounds <= ROUNDS_MAX && user_count > 0, "--rounds 1 to 1001, --users 1 or more");
    char small[EXPRESSION_BYTES];
    (void)snprintf(small, sizeof small,
                   "tier >= '%d' and city in ('c2', 'c3', 'c4', 'c5', 'c6') and tags has 't%d' and not tags has 't%d'",
                   TIER_LOW + 1, TAG_A, TAG_B);
    sh_arena_init(&bench.arena, SH_REQUEST_ARENA_BYTES_MAX);
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &bench.zone, NULL) == SH_OK, "a zone");
    bench.users = sh_table_create();
    bench.scope = (struct sh_query_scope){.table = bench.users, .zone = bench.zone, .now_ms = now_ms};
    population_create(&bench.population, user_count, 1);
    fill_engine(&bench);
    fill_reference(&bench);
    uint32_t *few = malloc(user_count * sizeof *few);
    uint64_t *old = calloc(bench.word_count, sizeof *old);
    uint64_t *tags_ab[2] = {calloc(bench.word_count, sizeof *old), calloc(bench.word_count, sizeof *old)};
    must(few != NULL && old != NULL && tags_ab[0] != NULL && tags_ab[1] != NULL, "no memory");
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t tag = i == 0 ? TAG_A : TAG_B;
        for (uint32_t at = 0; at < bench.population.tag_user_count[tag]; at++) {
            const uint32_t user = bench.population.tag_users[tag][at];
            tags_ab[i][user / 64] |= UINT64_C(1) << (user % 64);
        }
    }
    uint32_t few_count = 0;
    uint64_t old_count = 0;
    uint64_t alike = 0;
    char top_small[1024], top_large[1024], pairs[1024];
    for (uint32_t user = 0; user < user_count; user++) {
        if (in_small(&bench.population, tags_ab[0], tags_ab[1], user)) few[few_count++] = user;
        if (bench.population.age[user] < 30) continue;
        old[user / 64] |= UINT64_C(1) << (user % 64);
        old_count++;
    }
    for (int round = -1; round < rounds; round++) { /* one round to warm up */
        const int at = round < 0 ? 0 : round;
        uint64_t counted;
        double begin = clock_us();
        const uint64_t q7 = engine_tags(&bench, small, &counted);
        took[0][0][at] = clock_us() - begin;
        write_top_tags(&bench, top_small, sizeof top_small);
        begin = clock_us();
        must(q7 == reference_tags(&bench, few, few_count) && counted == few_count, "Q7 differs");
        took[0][1][at] = clock_us() - begin;
        begin = clock_us();
        const uint64_t q7b = engine_tags(&bench, "age >= 30", &counted);
        took[1][0][at] = clock_us() - begin;
        write_top_tags(&bench, top_large, sizeof top_large);
        begin = clock_us();
        must(q7b == reference_large(&bench, old) && counted == old_count, "Q7b differs");
        took[1][1][at] = clock_us() - begin;
        begin = clock_us();
        const uint64_t q8 = engine_overlap(&bench, false);
        took[2][0][at] = clock_us() - begin;
        begin = clock_us();
        must(q8 == reference_overlap(&bench), "Q8 differs");
        took[2][1][at] = clock_us() - begin;
        begin = clock_us();
        must(q8 == engine_overlap(&bench, true), "Q8c differs");
        took[3][0][at] = clock_us() - begin;
        int32_t weights[TAG_COUNT];
        begin = clock_us();
        alike = engine_alike(&bench, weights, &counted);
        took[4][0][at] = clock_us() - begin;
        begin = clock_us();
        must(alike == reference_alike(&bench, weights, (user_count + 99) / 100), "the score that suffices differs");
        took[4][1][at] = clock_us() - begin;
    }
    printf("%u users, %u in Q7, %" PRIu64 " in Q7b; medians of %d rounds (best); Q7's reference is given its users\n",
           user_count, few_count, old_count, rounds);
    print_line("Q7", took[0], rounds, true);
    print_line("Q7b", took[1], rounds, true);
    print_line("Q8", took[2], rounds, true);
    print_line("Q8c", took[3], rounds, false);
    print_line("like", took[4], rounds, true);
    write_pairs(&bench, pairs, sizeof pairs);
    const double bitmap = (double)user_count / 8;
    const double tag_entries = 1.05 * user_count; /* about one tag a user */
    record(&bench, "Q7", "the 20 commonest tags in Q2's audience", top_small, took[0], rounds, true,
           11 * bitmap + few_count * 64.0);
    record(&bench, "Q7b", "the 20 commonest tags of two users in three", top_large, took[1], rounds, true,
           bitmap + tag_entries * sizeof(uint16_t));
    record(&bench, "Q8", "overlaps of ten tags, each with each", pairs, took[2], rounds, true, SET_COUNT * bitmap);
    record(&bench, "Q8c", "every exact combination of ten tags", NULL, took[3], rounds, false, SET_COUNT * bitmap);
    record(&bench, "look-alikes", "the 1 % most like 0.1 %", NULL, took[4], rounds, true,
           tag_entries * sizeof(uint16_t));
    printf("the score that suffices: %" PRId64 " thousandths\n", (int64_t)alike);
    return 0;
}
