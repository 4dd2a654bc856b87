/* behaviour_bench.c -- how long do funnels, sequences and retention take in the engine, against a plain loop over plain
 * arrays that are ordered for nothing else?
 *
 * Users with about five events each over a year (7 views, 2 carts, 1 purchase of 10), appended in order of time. The
 * reference holds each user's events side by side, by time, as 12 bytes each: the best order for these questions and
 * the worst for all others. Both are asked in turn; medians of the rounds, and their ratio. Answers must be equal.
 *
 *   F1  view -> cart -> purchase, within 3 days, last 30 days: counts and median times of all users
 *   S1  the same as sequence(...): how many reach the end
 *   R1  weekly retention of the first purchase, 12 weeks
 *
 * Run: behaviour_bench [--users N] [--rounds N]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audience_funnel.h"
#include "audience_retention.h"
#include "bench_record.h"
#include "hash.h"
#include "memory.h"
#include "split_random.h"

enum { ROUNDS_MAX = 101, EVENTS_A_USER = 5, DAYS = 364, STEPS = 3, WEEKS = 12 };
#define NOW_MS 1767571200000LL /* 2026-01-05, a Monday, 00:00 UTC */

static const char *const type_names[STEPS] = {"view", "cart", "purchase"};

static double clock_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(bool ok, const char *what) {
    if (ok) return;
    (void)fprintf(stderr, "behaviour_bench: %s\n", what);
    exit(1);
}

/* ---- The shop, twice ---- */

struct shop {
    uint32_t user_count;
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_event_store *events;
    struct sh_query_scope scope;
    struct sh_arena arena;
    /* the reference: events of user u are begins[u] .. begins[u + 1] */
    uint32_t *begins;
    int64_t *times;
    uint8_t *types;
};

static uint32_t type_of(struct split_random *random) {
    const uint64_t pick = split_below(random, 10);
    return pick < 7 ? 0 : pick < 9 ? 1 : 2;
}

static void add_users(struct shop *shop) {
    for (uint32_t i = 0; i < shop->user_count; i++) {
        char id[16];
        uint32_t slot;
        (void)snprintf(id, sizeof id, "u%u", i);
        const struct sh_text text = sh_text_of(id);
        must(sh_table_intern(shop->users, text, sh_hash_text(text), &slot, NULL, NULL) == SH_OK, "no user");
        must(slot == i, "slots are not in order");
    }
}

/* In order of time: event n of N is about n / N through the year. */
static void add_events(struct shop *shop) {
    struct split_random random = {7};
    const uint64_t count = (uint64_t)shop->user_count * EVENTS_A_USER;
    uint32_t *users = sh_alloc(count * sizeof *users);
    int64_t *times = sh_alloc(count * sizeof *times);
    uint8_t *types = sh_alloc(count);
    must(users != NULL && times != NULL && types != NULL, "no memory");
    for (uint64_t i = 0; i < count; i++) {
        bool duplicate;
        users[i] = (uint32_t)split_below(&random, shop->user_count);
        times[i] = NOW_MS - 1 - DAYS * SH_DAY_MS + (int64_t)((double)i / (double)count * (double)(DAYS * SH_DAY_MS));
        types[i] = (uint8_t)type_of(&random);
        const struct sh_event event = {.type = types[i], .slot = users[i], .item = SH_NO_ITEM, .time_ms = times[i]};
        must(sh_event_append(shop->events, &event, &duplicate, NULL) == SH_OK, "no event");
        shop->begins[users[i] + 1]++;
    }
    sh_event_trim(shop->events);
    for (uint32_t user = 0; user < shop->user_count; user++)
        shop->begins[user + 1] += shop->begins[user];
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t at = shop->begins[users[i]]++;
        shop->times[at] = times[i];
        shop->types[at] = types[i];
    }
    memmove(shop->begins + 1, shop->begins, shop->user_count * sizeof *shop->begins);
    shop->begins[0] = 0;
    sh_free(users);
    sh_free(times);
    sh_free(types);
}

static void open_shop(struct shop *shop, uint32_t user_count) {
    const size_t count = (size_t)user_count * EVENTS_A_USER;
    *shop = (struct shop){.user_count = user_count};
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &shop->zone, NULL) == SH_OK, "no zone");
    shop->users = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    shop->begins = sh_alloc_zero(((size_t)user_count + 2) * sizeof *shop->begins);
    shop->times = sh_alloc(count * sizeof *shop->times);
    shop->types = sh_alloc(count);
    must(shop->users != NULL && shop->events != NULL && shop->begins != NULL && shop->times != NULL &&
             shop->types != NULL,
         "no memory");
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t number;
        must(sh_event_type_add(shop->events, sh_text_of(type_names[i]), 2, &number, NULL) == SH_OK, "no type");
    }
    add_users(shop);
    add_events(shop);
    shop->scope =
        (struct sh_query_scope){.table = shop->users, .events = shop->events, .zone = shop->zone, .now_ms = NOW_MS};
    sh_arena_init(&shop->arena, SH_REQUEST_ARENA_BYTES_MAX);
}

static void close_shop(struct shop *shop) {
    sh_arena_deinit(&shop->arena);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
    sh_free(shop->begins);
    sh_free(shop->times);
    sh_free(shop->types);
}

/* ---- What is asked, and answers to compare: at most 16 numbers, or a sum of the grid ---- */

struct answer {
    uint64_t numbers[16];
};

static struct sh_node *bound_tree(struct shop *shop, const char *text) {
    struct sh_node *tree;
    struct sh_error err = {0};
    must(sh_query_parse(sh_text_of(text), &shop->arena, &tree, &err) == SH_OK, err.message);
    must(sh_query_check(&tree, &shop->scope, &shop->arena, &err) == SH_OK, err.message);
    return tree;
}

static struct sh_plan *plan_of(struct shop *shop, const char *text) {
    struct sh_plan *plan;
    must(sh_query_plan(bound_tree(shop, text), &shop->scope, &shop->arena, &plan, NULL) == SH_OK, "no plan");
    return plan;
}

static const char funnel_text[] = "sequence(view -> cart -> purchase, within 3 days, last 30 days)";

static uint64_t median_of(const struct sh_tally *tally) {
    const uint64_t value_count = sh_tally_value_count(tally);
    struct sh_tally_entry *entries = sh_alloc((value_count + 1) * sizeof *entries);
    uint64_t before = 0;
    uint64_t median = 0;
    must(entries != NULL, "no memory");
    sh_tally_list(tally, entries);
    for (uint64_t i = 0; i < value_count && before < (tally->count + 1) / 2; i++) {
        before += entries[i].count;
        median = (uint64_t)entries[i].value;
    }
    sh_free(entries);
    return median;
}

static void engine_funnel(struct shop *shop, struct answer *answer) {
    struct sh_sequence *sequence;
    struct sh_funnel *funnel;
    bool done;
    must(sh_sequence_build(bound_tree(shop, funnel_text), &shop->scope, &shop->arena, &sequence, NULL) == SH_OK &&
             sh_funnel_create(plan_of(shop, ""), sequence, SH_FUNNEL_BY_NONE, &funnel, NULL) == SH_OK &&
             sh_funnel_step(funnel, UINT32_MAX, &done, NULL) == SH_OK && done,
         "no funnel");
    for (uint32_t i = 0; i < STEPS; i++)
        answer->numbers[i] = sh_funnel_users(funnel, i);
    for (uint32_t i = 1; i < STEPS; i++)
        answer->numbers[STEPS + i] = median_of(sh_funnel_from_first(funnel, i));
    sh_funnel_destroy(funnel);
}

static void engine_sequence(struct shop *shop, struct answer *answer) {
    must(sh_plan_count(plan_of(shop, funnel_text), &answer->numbers[0], NULL) == SH_OK, "no count");
}

static void engine_retention(struct shop *shop, struct answer *answer) {
    struct sh_retention *retention;
    bool done;
    const struct sh_retention_spec spec = {.among = plan_of(shop, ""),
                                           .first = {.event_type = 2},
                                           .again = {.event_type = 2},
                                           .unit = SH_UNIT_WEEK,
                                           .period_count = WEEKS};
    must(sh_retention_create(&spec, &retention, NULL) == SH_OK &&
             sh_retention_step(retention, UINT32_MAX, &done, NULL) == SH_OK && done,
         "no retention");
    for (uint32_t cohort = 0; cohort < WEEKS; cohort++) {
        answer->numbers[cohort] = sh_retention_cohort(retention, cohort);
        for (uint32_t week = cohort; week < WEEKS; week++)
            answer->numbers[WEEKS] += sh_retention_returned(retention, cohort, week) * (1 + week * WEEKS + cohort);
    }
    sh_retention_destroy(retention);
}

/* ---- The plain loops ---- */

/* The rule of query_sequence.h for three steps of different types, loose: the latest start at each step. */
static void plain_funnel(const struct shop *shop, struct answer *answer) {
    enum { SECONDS = 3 * 86400 + 1 };
    static uint32_t after[STEPS][SECONDS];
    const int64_t from = NOW_MS - 30 * SH_DAY_MS + 1;
    memset(after, 0, sizeof after);
    for (uint32_t user = 0; user < shop->user_count; user++) {
        int64_t start[STEPS] = {0, 0, 0};
        uint32_t reached = 0;
        for (uint32_t i = shop->begins[user]; i < shop->begins[user + 1]; i++) {
            const int64_t time = shop->times[i];
            const uint32_t type = shop->types[i];
            if (time < from || type > reached) continue;
            const int64_t since = type == 0 ? time : start[type - 1];
            if (time - since > 3 * SH_DAY_MS) continue;
            start[type] = since;
            if (type < reached) continue;
            reached = type + 1;
            answer->numbers[type]++;
            after[type][(time - since) / 1000]++;
            if (reached == STEPS) break;
        }
    }
    for (uint32_t step = 1; step < STEPS; step++) {
        uint64_t before = 0;
        for (uint32_t second = 0; before < (answer->numbers[step] + 1) / 2; second++) {
            before += after[step][second];
            answer->numbers[STEPS + step] = second;
        }
    }
}

static void plain_sequence(const struct shop *shop, struct answer *answer) {
    struct answer whole = {0};
    plain_funnel(shop, &whole);
    answer->numbers[0] = whole.numbers[STEPS - 1];
}

static void plain_retention(const struct shop *shop, struct answer *answer) {
    /* Now is a Monday's first instant, so the last week has only begun; UTC weeks are all as long. */
    const int64_t start = NOW_MS - (WEEKS - 1) * 7 * SH_DAY_MS;
    for (uint32_t user = 0; user < shop->user_count; user++) {
        int64_t cohort = -1;
        int64_t counted = -1;
        int64_t first = -1;
        for (uint32_t i = shop->begins[user]; i < shop->begins[user + 1]; i++) {
            if (shop->types[i] != 2) continue;
            const int64_t time = shop->times[i];
            if (first < 0) {
                if (time < start) break;
                first = time;
                cohort = (time - start) / (7 * SH_DAY_MS);
                answer->numbers[cohort]++;
            }
            const int64_t week = (time - start) / (7 * SH_DAY_MS);
            if (time == first || week == counted) continue;
            counted = week;
            answer->numbers[WEEKS] += (uint64_t)(1 + week * WEEKS + cohort);
        }
    }
}

/* ---- Rounds ---- */

static int compare_times(const void *a, const void *b) {
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void ask(struct shop *shop, const char *name, uint32_t rounds, void (*engine)(struct shop *, struct answer *),
                void (*plain)(const struct shop *, struct answer *)) {
    double engine_ms[ROUNDS_MAX], plain_ms[ROUNDS_MAX];
    uint64_t hash = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        struct answer found = {{0}};
        struct answer wanted = {{0}};
        const double begin = clock_ms();
        engine(shop, &found);
        const double middle = clock_ms();
        plain(shop, &wanted);
        engine_ms[round] = middle - begin;
        plain_ms[round] = clock_ms() - middle;
        must(memcmp(&found, &wanted, sizeof found) == 0, "the answers differ");
        hash = sh_hash_text((struct sh_text){(const char *)&found, sizeof found});
        sh_arena_reset(&shop->arena);
    }
    for (uint32_t side = 0; side < 2; side++) {
        char row[3] = {name[0], name[1], 0};
        bench_record_write(&(struct bench_record){.group = "behaviour",
                                                  .row = row,
                                                  .title = name + 3,
                                                  .side = side == 0 ? "shoal" : "reference",
                                                  .unit = "ms",
                                                  .samples = side == 0 ? engine_ms : plain_ms,
                                                  .sample_count = rounds,
                                                  .users = shop->user_count});
    }
    qsort(engine_ms, rounds, sizeof *engine_ms, compare_times);
    qsort(plain_ms, rounds, sizeof *plain_ms, compare_times);
    printf("%-32s %9.2f ms  plain %9.2f ms  ratio %5.2f  (best %.2f, %.2f)  answer %016" PRIx64 "\n", name,
           engine_ms[rounds / 2], plain_ms[rounds / 2], engine_ms[rounds / 2] / plain_ms[rounds / 2], engine_ms[0],
           plain_ms[0], hash);
}

int main(int argument_count, char **arguments) {
    uint32_t user_count = 200000;
    uint32_t rounds = 5;
    for (int i = 1; i + 1 < argument_count; i += 2) {
        if (strcmp(arguments[i], "--users") == 0) user_count = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--rounds") == 0) rounds = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    }
    must(user_count > 0 && rounds > 0 && rounds <= ROUNDS_MAX, "--users N --rounds 1..101");
    static struct shop shop;
    open_shop(&shop, user_count);
    printf("%u users, %u events\n", user_count, user_count * EVENTS_A_USER);
    ask(&shop, "F1 funnel of 3 steps, 30 days", rounds, engine_funnel, plain_funnel);
    ask(&shop, "S1 sequence of 3 steps, 30 days", rounds, engine_sequence, plain_sequence);
    ask(&shop, "R1 retention, 12 weeks", rounds, engine_retention, plain_retention);
    close_shop(&shop);
    return 0;
}
