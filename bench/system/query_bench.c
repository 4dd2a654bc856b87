/* query_bench.c -- how long do audience questions take in the engine, against the least work they need?
 *
 * The population of query_population.h in a table, each question as text through parse, check, plan and run; beside it
 * a plain reference loop over plain arrays (query_reference.c) and libroaring (query_roaring.c). One thread, hot,
 * engine time: nothing is sent anywhere. All sides are asked in turn, round by round, and the medians of the rounds are
 * printed, with their ratio, and the best rounds in parentheses; only ratios of one run mean anything. Answers must be
 * equal.
 *
 *   Q1  one tag (30 %)                                             count, kept
 *   Q2  tier >= 5 of 8, five cities, tag a (6 %), not tag b        count
 *   Q3  any of 20 tags (0.1 % each), age 25 .. 40                  count
 *   Q4  20,000 < points <= 50,000                                  count
 *   Q5  bought twice in 30 days for 300 or more, and tag a         count (with --purchases)
 *   Q6  the user ids of Q2                                         list
 *   Q6b the user ids of Q2 without its tags                        list
 *
 * Run: query_bench [--users N] [--rounds N] [--purchases N a user] [--explain]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench_record.h"
#include "hash.h"
#include "query.h"
#include "query_population.h"
#include "query_reference.h"

enum { ROUNDS_MAX = 1001, WARM_ROUNDS = 8, BATCH_ROUNDS = 40, QUESTION_COUNT = 7, QUESTION_BYTES = 512 };

static const int64_t now_ms = POPULATION_NOW_MS;

static double clock_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(enum sh_status status, const struct sh_error *err) {
    if (status == SH_OK) return;
    fprintf(stderr, "query_bench: %s: %s\n", sh_status_name(status), err == NULL ? "" : err->message);
    exit(1);
}

/* ---- The shop in the engine ---- */

struct shop {
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_event_store *events;
    struct sh_kept *kept;
    struct sh_query_scope scope;
};

static uint32_t add_attribute(struct shop *shop, const char *name, enum sh_type type) {
    static const struct sh_text tiers[TIER_COUNT] = {{"1", 1}, {"2", 1}, {"3", 1}, {"4", 1},
                                                     {"5", 1}, {"6", 1}, {"7", 1}, {"8", 1}};
    const struct sh_attribute_spec spec = {.name = sh_text_of(name),
                                           .type = type,
                                           .labels = type == SH_TYPE_ENUM ? tiers : NULL,
                                           .label_count = type == SH_TYPE_ENUM ? TIER_COUNT : 0};
    uint32_t index;
    struct sh_error err;
    must(sh_table_add_attribute(shop->users, &spec, &index, &err), &err);
    return index;
}

static void set_text(struct shop *shop, uint32_t slot, uint32_t attribute, const char *text) {
    uint32_t code;
    struct sh_error err;
    must(sh_table_text_code(shop->users, attribute, sh_text_of(text), &code, &err), &err);
    must(sh_table_set(shop->users, slot, attribute, code), NULL);
}

static void fill_users(struct shop *shop, const struct population *population) {
    static const char *const genders[] = {"f", "m", "x"};
    const uint32_t city = add_attribute(shop, "city", SH_TYPE_STRING);
    const uint32_t tier = add_attribute(shop, "tier", SH_TYPE_ENUM);
    const uint32_t gender = add_attribute(shop, "gender", SH_TYPE_STRING);
    const uint32_t age = add_attribute(shop, "age", SH_TYPE_INT);
    const uint32_t points = add_attribute(shop, "points", SH_TYPE_INT);
    for (uint32_t user = 0; user < population->user_count; user++) {
        char text[16];
        uint32_t slot;
        struct sh_error err;
        (void)snprintf(text, sizeof text, "u-%08x", user);
        const struct sh_text id = sh_text_of(text);
        must(sh_table_intern(shop->users, id, sh_id_hash(id), &slot, NULL, &err), &err);
        (void)snprintf(text, sizeof text, "c%u", population->city[user]);
        set_text(shop, slot, city, text);
        must(sh_table_set(shop->users, slot, tier, population->tier[user]), NULL);
        set_text(shop, slot, gender, genders[population->gender[user]]);
        must(sh_table_set(shop->users, slot, age, population->age[user]), NULL);
        must(sh_table_set(shop->users, slot, points, population->points[user]), NULL);
    }
}

static void fill_tags(struct shop *shop, const struct population *population) {
    uint32_t set;
    struct sh_error err;
    must(sh_table_add_tag_set(shop->users, SH_TEXT_LITERAL("tags"), &set, &err), &err);
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        char text[16];
        uint32_t code;
        (void)snprintf(text, sizeof text, "t%u", tag);
        must(sh_table_tag_code(shop->users, set, sh_text_of(text), &code, &err), &err);
        for (uint32_t i = 0; i < population->tag_user_count[tag]; i++)
            must(sh_table_tag_add(shop->users, population->tag_users[tag][i], set, code), NULL);
    }
}

static void fill_purchases(struct shop *shop, struct reference *reference, uint64_t purchase_count,
                           uint32_t user_count) {
    uint32_t *users = malloc((purchase_count + 1) * sizeof *users);
    uint32_t *amounts = malloc((purchase_count + 1) * sizeof *amounts);
    int64_t *times_ms = malloc((purchase_count + 1) * sizeof *times_ms);
    if (users == NULL || amounts == NULL || times_ms == NULL) must(SH_ERR_MEMORY, NULL);
    struct split_random random = {PURCHASE_SEED};
    uint32_t type;
    struct sh_error err;
    must(sh_event_type_add(shop->events, SH_TEXT_LITERAL("purchase"), 2, &type, &err), &err);
    for (uint64_t i = 0; i < purchase_count; i++) {
        bool duplicate;
        const struct purchase purchase = population_purchase(&random, i, purchase_count, user_count);
        const struct sh_event event = {.type = type,
                                       .slot = purchase.user,
                                       .item = purchase.item,
                                       .time_ms = purchase.time_ms,
                                       .has_amount = true,
                                       .amount = purchase.amount};
        must(sh_event_append(shop->events, &event, &duplicate, &err), &err);
        users[i] = purchase.user;
        amounts[i] = purchase.amount;
        times_ms[i] = purchase.time_ms;
    }
    sh_event_trim(shop->events);
    reference_take_purchases(reference, users, times_ms, amounts, purchase_count);
    free(users);
    free(amounts);
    free(times_ms);
}

static void create_shop(struct shop *shop, const struct population *population, struct reference *reference,
                        uint32_t purchases) {
    struct sh_error err;
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &shop->zone, &err), &err);
    shop->users = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    shop->kept = sh_kept_create(shop->events, SH_KEPT_ROW_COUNT_MIN, SH_KEPT_BYTES_MAX);
    if (shop->users == NULL || shop->events == NULL || shop->kept == NULL) must(SH_ERR_MEMORY, NULL);
    const double begin = clock_us();
    fill_users(shop, population);
    fill_tags(shop, population);
    fill_purchases(shop, reference, (uint64_t)purchases * population->user_count, population->user_count);
    struct sh_table_memory memory;
    sh_table_memory(shop->users, &memory);
    printf("filled in %.1f s; users %zu MiB (ids %zu, columns %zu, value bitmaps %zu, tag bitmaps %zu, tag lists %zu), "
           "events %zu MiB\n",
           (clock_us() - begin) / 1e6, memory.total >> 20, memory.ids >> 20, memory.columns >> 20,
           memory.value_bitmaps >> 20, memory.tag_bitmaps >> 20, memory.tag_lists >> 20,
           sh_event_memory_bytes(shop->events) >> 20);
    shop->scope =
        (struct sh_query_scope){.table = shop->users, .events = shop->events, .zone = shop->zone, .now_ms = now_ms};
}

static void destroy_shop(struct shop *shop) {
    sh_kept_destroy(shop->kept);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
}

/* ---- Asking the engine ---- */

/* The whole way from text. */
static struct sh_plan *plan_text(const struct shop *shop, const char *text, struct sh_arena *arena) {
    struct sh_node *tree;
    struct sh_plan *plan;
    struct sh_error err;
    must(sh_query_parse(sh_text_of(text), arena, &tree, &err), &err);
    must(sh_query_check(&tree, &shop->scope, arena, &err), &err);
    must(sh_query_plan(tree, &shop->scope, arena, &plan, &err), &err);
    return plan;
}

static uint64_t engine_count(const struct shop *shop, const char *text, struct sh_arena *arena) {
    uint64_t count;
    struct sh_error err;
    sh_arena_reset(arena);
    struct sh_plan *plan = plan_text(shop, text, arena);
    if (!sh_plan_count_kept(plan, &count)) must(sh_plan_count(plan, &count, &err), &err);
    return count;
}

/* Ids one after another with their length before them, as an answer has them. */
static uint64_t engine_list(const struct shop *shop, const char *text, struct sh_arena *arena, uint8_t *out,
                            size_t *out_bytes) {
    enum { AHEAD = 16 };
    static uint32_t slots[SH_BLOCK_SLOTS];
    struct sh_error err;
    uint64_t sum = 0;
    uint8_t *at = out;
    sh_arena_reset(arena);
    struct sh_plan *plan = plan_text(shop, text, arena);
    const uint32_t block_count = sh_plan_block_count(plan);
    for (uint32_t block = 0; block < block_count; block++) {
        const uint64_t *words;
        uint32_t count;
        must(sh_plan_run_block(plan, block, &words, &count, &err), &err);
        if (count == 0) continue;
        (void)sh_block_list_u32(sh_block_of_words(words, count), block * SH_BLOCK_SLOTS, slots);
        for (uint32_t i = 0; i < count; i++) {
            if (i + AHEAD < count) sh_table_prefetch_id(shop->users, slots[i + AHEAD]);
            const struct sh_text id = sh_table_id(shop->users, slots[i]);
            *at++ = (uint8_t)id.count;
            memcpy(at, id.bytes, id.count);
            at += id.count;
        }
        sum += count;
    }
    *out_bytes = (size_t)(at - out);
    return sum;
}

/* ---- Measuring ---- */

struct options {
    uint32_t users;
    uint32_t rounds;
    uint32_t purchases; /* a user */
    bool explains;
    const char *only; /* NULL: all questions */
};
struct series {
    double us[ROUNDS_MAX];
    uint32_t count;
    uint64_t answer;
};
enum { ENGINE, KEPT, REFERENCE, ROARING, SIDE_COUNT };
struct question {
    const char *name;
    const char *title;
    uint32_t number;
    bool is_list;
    bool has_side[SIDE_COUNT];
    char text[QUESTION_BYTES];
    struct series sides[SIDE_COUNT];
};

static int compare_us(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct series *series) {
    qsort(series->us, series->count, sizeof *series->us, compare_us);
    return series->us[series->count / 2];
}

static uint64_t clock_ns(void *context) {
    (void)context;
    return (uint64_t)(clock_us() * 1e3);
}

struct bench {
    struct shop shop;
    struct reference *reference;
    struct roaring_side *roaring;
    struct sh_arena arena;
    uint8_t *out;
    char (*reference_out)[16];
    uint32_t *roaring_out;
    size_t list_bytes;
};

static uint64_t ask_reference(struct bench *bench, uint32_t question) {
    switch (question) {
    case 0:
        return reference_q1(bench->reference);
    case 1:
        return reference_q2(bench->reference);
    case 2:
        return reference_q3(bench->reference);
    case 3:
        return reference_q4(bench->reference);
    case 5:
        return reference_q5(bench->reference, now_ms - 30 * SH_DAY_MS + 1, 2, 30000);
    case 6:
        return reference_q6b(bench->reference, bench->reference_out);
    default:
        return reference_q6(bench->reference, bench->reference_out);
    }
}

static uint64_t ask_roaring(struct bench *bench, uint32_t question) {
    switch (question) {
    case 0:
        return roaring_q1(bench->roaring);
    case 1:
        return roaring_q2(bench->roaring);
    case 2:
        return roaring_q3(bench->roaring);
    case 3:
        return roaring_q4(bench->roaring);
    case 6:
        return roaring_q6b(bench->roaring, bench->roaring_out);
    default:
        return roaring_q6(bench->roaring, bench->roaring_out);
    }
}

static uint64_t ask_engine(struct bench *bench, const struct question *question) {
    if (question->is_list)
        return engine_list(&bench->shop, question->text, &bench->arena, bench->out, &bench->list_bytes);
    return engine_count(&bench->shop, question->text, &bench->arena);
}

static uint64_t ask(struct bench *bench, const struct question *question, uint32_t side) {
    bench->shop.scope.kept = side == KEPT ? bench->shop.kept : NULL;
    if (side == ENGINE || side == KEPT) return ask_engine(bench, question);
    return side == REFERENCE ? ask_reference(bench, question->number) : ask_roaring(bench, question->number);
}

/* Sides take turns of BATCH_ROUNDS, so that a slow moment of the machine hits all of them; each turn begins with
 * WARM_ROUNDS that do not count, because the others have emptied the caches. */
static void measure(struct bench *bench, struct question *question, uint32_t rounds) {
    for (uint32_t round = 0; round < rounds; round += BATCH_ROUNDS)
        for (uint32_t side = 0; side < SIDE_COUNT; side++) {
            struct series *series = &question->sides[side];
            /* libroaring is slow enough for its median to need fewer rounds. */
            if (!question->has_side[side] || (side == ROARING && round % (4 * BATCH_ROUNDS) != 0)) continue;
            for (uint32_t i = 0; i < WARM_ROUNDS + BATCH_ROUNDS && series->count < rounds; i++) {
                const double begin = clock_us();
                series->answer = ask(bench, question, side);
                if (i >= WARM_ROUNDS) series->us[series->count++] = clock_us() - begin;
            }
        }
}

/* What must be read at least, when nothing but counts of single values is kept: see query_reference.c. */
static double floor_bytes(const struct question *question, uint32_t users, uint32_t purchases) {
    const double bitmap = (double)users / 8;
    const double tagged = 0.06 * users;
    switch (question->number) {
    case 1:
        return 11 * bitmap;
    case 2:
        return users + 0.025 * users * sizeof(uint16_t); /* the ages; and the entries of 20 rare tags */
    case 3:
        return 17 * bitmap;
    case 4:
        return 11 * bitmap + 12 * (double)question->sides[ENGINE].answer;
    case 5:
        return bitmap + tagged * (8 + 12.0 * purchases);
    case 6:
        return 9 * bitmap + 12 * (double)question->sides[ENGINE].answer;
    default:
        return 0;
    }
}

static void record(const struct question *question, const struct options *options) {
    static const char *const names[SIDE_COUNT] = {"shoal", "shoal, kept", "reference", "libroaring"};
    char answer[32];
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        const struct series *series = &question->sides[side];
        if (series->count == 0) continue;
        (void)snprintf(answer, sizeof answer, "%" PRIu64, series->answer);
        bench_record_write(&(struct bench_record){
            .group = "audience",
            .row = question->name,
            .title = question->title,
            .side = names[side],
            .unit = "us",
            .samples = series->us,
            .sample_count = series->count,
            .answer = answer,
            .floor_bytes = floor_bytes(question, options->users, options->purchases),
            .users = options->users,
        });
    }
}

/* False if the answers differ. */
static bool report(struct question *question) {
    static const char *const names[SIDE_COUNT] = {"engine", "kept", "reference", "libroaring"};
    const uint64_t answer = question->sides[ENGINE].answer;
    const double engine_us = median(&question->sides[ENGINE]);
    const double engine_best_us = question->sides[ENGINE].us[0]; /* sorted by now */
    bool equal = true;
    printf("%s %9" PRIu64, question->name, answer);
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        if (!question->has_side[side]) continue;
        const double us = median(&question->sides[side]);
        const double best_us = question->sides[side].us[0];
        printf("  %s %8.1f (%8.1f) us", names[side], us, best_us);
        if (side != ENGINE) printf(", ratio %5.2f (%5.2f)", engine_us / us, engine_best_us / best_us);
        equal = equal && question->sides[side].answer == answer;
    }
    printf("%s\n", equal ? "" : "   ANSWERS DIFFER");
    return equal;
}

static void write_questions(struct question *questions) {
    char *tags = questions[2].text;
    (void)snprintf(questions[0].text, QUESTION_BYTES, "tags has 't0'");
    (void)snprintf(
        questions[1].text, QUESTION_BYTES,
        "tier >= '%u' and city in ('c%u', 'c%u', 'c%u', 'c%u', 'c%u') and tags has 't%u' and not tags has 't%u'",
        TIER_LOW + 1, CITY_FIRST, CITY_FIRST + 1, CITY_FIRST + 2, CITY_FIRST + 3, CITY_FIRST + 4, TAG_A, TAG_B);
    int at = snprintf(tags, QUESTION_BYTES, "age between %u and %u and tags has any (", AGE_LOW, AGE_HIGH);
    for (uint32_t i = 0; i < UNION_COUNT; i++)
        at += snprintf(tags + at, QUESTION_BYTES - (size_t)at, "%s't%u'", i == 0 ? "" : ", ", UNION_FIRST + i);
    (void)snprintf(tags + at, QUESTION_BYTES - (size_t)at, ")");
    (void)snprintf(questions[3].text, QUESTION_BYTES, "points between %u and %u", POINTS_LOW, POINTS_HIGH);
    memcpy(questions[4].text, questions[1].text, QUESTION_BYTES);
    (void)snprintf(
        questions[5].text, QUESTION_BYTES,
        "count(purchase, last 30 days) >= 2 and sum(purchase.amount, last 30 days) >= 300 and tags has 't%u'", TAG_A);
    (void)snprintf(questions[6].text, QUESTION_BYTES, "tier >= '%u' and city in ('c%u', 'c%u', 'c%u', 'c%u', 'c%u')",
                   TIER_LOW + 1, CITY_FIRST, CITY_FIRST + 1, CITY_FIRST + 2, CITY_FIRST + 3, CITY_FIRST + 4);
}

/* Bytes of the reference's Q2 read as fast as one core can: from the caches that they fit in. */
static void print_machine(const struct population *population, uint32_t rounds) {
    const size_t byte_count = ((size_t)population->user_count / 8 + 8191) / 8192 * 8192 * 11;
    uint64_t *words = aligned_alloc(64, byte_count);
    static struct series series;
    if (words == NULL) must(SH_ERR_MEMORY, NULL);
    memset(words, 1, byte_count);
    for (uint32_t round = 0; round < rounds; round++) {
        const double begin = clock_us();
        series.answer += reference_read(words, byte_count / sizeof *words);
        series.us[series.count++] = clock_us() - begin;
    }
    const double us = median(&series);
    printf("machine: reading %.1f MB (11 dense bitmaps) %.1f us, %.1f GB/s; kernels %s; sum %" PRIx64 "\n",
           (double)byte_count / 1e6, us, (double)byte_count / us / 1e3, sh_bits->name, series.answer);
    free(words);
}

static void explain(struct bench *bench, const struct question *question) {
    struct sh_plan_line *lines;
    uint32_t line_count;
    struct sh_error err;
    sh_arena_reset(&bench->arena);
    struct sh_plan *plan = plan_text(&bench->shop, question->text, &bench->arena);
    must(sh_plan_explain(plan, clock_ns, NULL, true, &bench->arena, &lines, &line_count, &err), &err);
    for (uint32_t i = 0; i < line_count; i++)
        printf("     %*s%-24.*s %10.0f ns expected %10" PRIu64 " ns, %9" PRIu64 " rows expected %9" PRIu64
               ", %u blocks, %.*s\n",
               (int)lines[i].depth * 2, "", SH_TEXT_ARGS(lines[i].operation), lines[i].cost_ns, lines[i].took_ns,
               lines[i].estimate, lines[i].rows, lines[i].blocks_run,
               (int)(lines[i].clause.count > 60 ? 60 : lines[i].clause.count), lines[i].clause.bytes);
}

/* One user at a time, as membership asks: five clauses about attributes, random users. */
static void measure_rows(struct bench *bench, uint32_t user_count) {
    enum { TESTS = 100000 };
    struct split_random random = {3};
    struct sh_error err;
    uint64_t matched = 0;
    sh_arena_reset(&bench->arena);
    struct sh_plan *plan =
        plan_text(&bench->shop, "gender != 'x' and age >= 14 and points < 99000 and tier <= '7' and city != 'c339'",
                  &bench->arena);
    const double begin = clock_us();
    for (uint32_t i = 0; i < TESTS; i++) {
        bool matches;
        must(sh_plan_test(plan, (uint32_t)split_below(&random, user_count), &matches, &err), &err);
        matched += matches;
    }
    const double us = (clock_us() - begin) / TESTS;
    bench_record_number("membership", "one user tested, five clauses", "shoal", "us", us);
    printf("row test, five clauses: %.0f ns a user, %" PRIu64 " of %d match\n", us * 1e3, matched, TESTS);
}

static bool read_arguments(int argument_count, char **arguments, struct options *options) {
    *options = (struct options){.users = 1000000, .rounds = 101};
    for (int i = 1; i < argument_count; i++) {
        const uint32_t number = i + 1 < argument_count ? (uint32_t)strtoul(arguments[i + 1], NULL, 10) : 0;
        if (strcmp(arguments[i], "--users") == 0)
            options->users = number;
        else if (strcmp(arguments[i], "--rounds") == 0)
            options->rounds = number;
        else if (strcmp(arguments[i], "--purchases") == 0)
            options->purchases = number;
        else if (strcmp(arguments[i], "--only") == 0 && i + 1 < argument_count)
            options->only = arguments[i + 1];
        else if (strcmp(arguments[i], "--explain") == 0) {
            options->explains = true;
            continue;
        } else
            return false;
        i++;
    }
    return options->users > 0 && options->rounds > 0 && options->rounds <= ROUNDS_MAX;
}

int main(int argument_count, char **arguments) {
    static struct question questions[QUESTION_COUNT] = {
        {"Q1", "one tag (30 %): count", .number = 0, .has_side = {true, false, true, true}},
        {"Q2", "tier, five cities, a tag, not a tag: count", .number = 1, .has_side = {true, false, true, true}},
        {"Q3", "any of 20 tags, an age range: count", .number = 2, .has_side = {true, false, true, true}},
        {"Q4", "a range of points: count", .number = 3, .has_side = {true, false, true, true}},
        {"Q6", "the ids of Q2", .number = 4, .has_side = {true, false, true, true}, .is_list = true},
        {"Q5", "bought twice in 30 days for 300, a tag: count", .number = 5, .has_side = {true, true, true, false}},
        {"Q6b", "the ids of a wide audience", .number = 6, .has_side = {true, false, true, true}, .is_list = true},
    };
    struct options options;
    if (!read_arguments(argument_count, arguments, &options)) {
        printf("usage: query_bench [--users N] [--rounds 1..%d] [--purchases N] [--only Q1] [--explain]\n", ROUNDS_MAX);
        return 2;
    }
    struct population population;
    population_create(&population, options.users, 1);
    print_machine(&population, options.rounds);
    struct bench bench = {.reference = reference_create(&population), .roaring = roaring_create(&population)};
    create_shop(&bench.shop, &population, bench.reference, options.purchases);
    population_destroy(&population);
    sh_arena_init(&bench.arena, SH_REQUEST_ARENA_BYTES_MAX);
    bench.out = malloc((size_t)options.users * 16);
    bench.reference_out = malloc((size_t)options.users * 16);
    bench.roaring_out = malloc((size_t)options.users * sizeof *bench.roaring_out);
    if (bench.out == NULL || bench.reference_out == NULL || bench.roaring_out == NULL) must(SH_ERR_MEMORY, NULL);
    write_questions(questions);
    printf("%u users, medians (and best) of %u rounds, one thread; libroaring is Debian's 0.2.66, an old release\n",
           options.users, options.rounds);
    bool equal = true;
    for (uint32_t i = 0; i < QUESTION_COUNT; i++) {
        if (i == 5 && options.purchases == 0) continue;
        if (options.only != NULL && strcmp(options.only, questions[i].name) != 0) continue;
        measure(&bench, &questions[i], i == 5 ? (options.rounds + 9) / 10 : options.rounds);
        equal = report(&questions[i]) && equal;
        record(&questions[i], &options);
        if (options.explains) explain(&bench, &questions[i]);
    }
    struct sh_kept_stats kept;
    sh_kept_stats(bench.shop.kept, &kept);
    printf("kept: %u windows, %zu KiB; %" PRIu64 " blocks kept, %" PRIu64 " read\n", kept.window_count,
           kept.bytes >> 10, kept.made_count, kept.read_count);
    struct sh_table_memory memory;
    sh_table_memory(bench.shop.users, &memory);
    bench_record_number("memory", "users, bytes each", "shoal", "bytes", (double)memory.total / options.users);
    if (options.purchases > 0)
        bench_record_number("memory", "events, bytes each", "shoal", "bytes",
                            (double)sh_event_memory_bytes(bench.shop.events) /
                                ((double)options.purchases * options.users));
    measure_rows(&bench, options.users);
    printf("Q6 is %zu bytes of ids, hash %016" PRIx64 "\n", bench.list_bytes,
           sh_hash_bytes(bench.out, bench.list_bytes, 0));
    sh_arena_deinit(&bench.arena);
    free(bench.out);
    free(bench.reference_out);
    free(bench.roaring_out);
    destroy_shop(&bench.shop);
    reference_destroy(bench.reference);
    roaring_destroy(bench.roaring);
    return equal ? 0 : 1;
}
