/* rfm_bench.c -- what does RFM cost: from scratch, an event, and a condition on a segment?
 *
 * Purchases of random users in order of time over 400 days, the horizon being 365. Measured:
 *   scratch     a plan and its first refresh: every event counted, the distinct values counted, cut points made, all
 *               users scored
 *   refresh     the same plan a day later: the events that leave the horizon, and the rest as above
 *   event       storing an event with a plan, less storing it without: appends are measured in runs, in turn with and
 *               without, on two stores that hold the same
 *   condition   rfm.segment = '重要价值' over all users, block by block; and as if `now` were a day earlier, when those
 *               who bought since are looked up in their histories
 *
 * The reference is a plain loop over arrays (user, day, amount) that only sums count, money and latest day by user: the
 * least that any RFM must read and add, one random line an event.
 *
 * Run: rfm_bench [USERS [EVENTS [ROUNDS]]]; medians. Counts of the segment are checked against the reference's values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "hash.h"
#include "memory.h"
#include "query_match.h"
#include "rfm.h"

enum { DAYS = 400, HORIZON = 365, AHEAD = 16, ROUNDS_MAX = 99 };
#define FIRST_MS 1735689600000 /* 2025-01-01 UTC */
#define NOW_MS   (FIRST_MS + DAYS * SH_DAY_MS)

static const struct sh_rfm_config plan = {
    .days = HORIZON, .scores = {5, 5, 5}, .active_days = 30, .cooling_days = 90, .dormant_days = 180};

struct bench {
    uint32_t user_count;
    uint32_t event_count;
    uint32_t round_count;
    struct sh_event_store *with, *without;
    struct sh_rfm *rfm;
    uint32_t *user;
    uint16_t *day;
    uint32_t *amount;
};

struct sums {
    uint32_t count;
    uint32_t last_day;
    uint64_t amount;
};

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others may be at work on the machine */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(bool condition, const char *what) {
    if (condition) return;
    (void)fprintf(stderr, "rfm_bench: %s\n", what);
    exit(1);
}

static void *array_of(size_t count, size_t element_bytes) {
    void *memory = sh_alloc_zero(count * element_bytes + 64);
    must(memory != NULL, "out of memory");
    return memory;
}

static int compare_doubles(const void *left, const void *right) {
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}
static double median(double *values, uint32_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

static struct sh_event event_at(const struct bench *bench, uint32_t i) {
    const uint64_t mix = sh_hash_mix(i + 1, 11);
    const uint64_t span_ms = (uint64_t)DAYS * SH_DAY_MS;
    return (struct sh_event){.slot = (uint32_t)((mix >> 32) * bench->user_count >> 32),
                             .item = SH_NO_ITEM,
                             .time_ms = FIRST_MS + 1 + (int64_t)(span_ms * i / bench->event_count),
                             .has_amount = true,
                             .amount = (int64_t)(100 + (mix & 0xFFFF))};
}

/* ---- An event ---- */

static double append_run(struct bench *bench, struct sh_event_store *store, bool is_with, uint32_t first,
                         uint32_t end) {
    const double start = now_seconds();
    for (uint32_t i = first; i < end; i++) {
        const struct sh_event event = event_at(bench, i);
        bool duplicate;
        if (i + AHEAD < end) {
            const struct sh_event ahead = event_at(bench, i + AHEAD);
            sh_event_prefetch(store, ahead.slot);
            if (is_with) sh_rfm_prefetch(bench->rfm, ahead.slot);
        }
        must(sh_event_append(store, &event, &duplicate, NULL) == SH_OK, "append");
        if (is_with) must(sh_rfm_add(bench->rfm, &event) == SH_OK, "add");
    }
    return now_seconds() - start;
}

static void measure_events(struct bench *bench) {
    double with = 0;
    double without = 0;
    uint32_t measured = 0;
    const uint32_t run = bench->event_count / 40 + 1;
    for (uint32_t first = 0; first < bench->event_count; first += run) {
        const uint32_t end = bench->event_count - first < run ? bench->event_count : first + run;
        const double plain = append_run(bench, bench->without, false, first, end);
        const double scored = append_run(bench, bench->with, true, first, end);
        if (first < bench->event_count / 2) continue; /* blocks still grow */
        without += plain;
        with += scored;
        measured += end - first;
    }
    (void)printf("%-34s %8.1f ns   (stored %.1f ns without, %.1f ns with)\n", "an event, scores kept current",
                 (with - without) / measured * 1e9, without / measured * 1e9, with / measured * 1e9);
}

/* ---- From scratch ---- */

static double measure_reference(struct bench *bench, struct sums *sums) {
    memset(sums, 0, bench->user_count * sizeof *sums);
    const double start = now_seconds();
    for (uint32_t i = 0; i < bench->event_count; i++) {
        if (i + AHEAD < bench->event_count) __builtin_prefetch(&sums[bench->user[i + AHEAD]], 1);
        struct sums *sum = &sums[bench->user[i]];
        if (bench->day[i] < DAYS - HORIZON) continue;
        sum->count++;
        sum->amount += bench->amount[i];
        sum->last_day = bench->day[i];
    }
    return now_seconds() - start;
}

static void refresh(struct bench *bench, uint64_t id, int64_t now_ms) {
    struct sh_rfm_spread spread;
    must(sh_rfm_measure(bench->rfm, now_ms, &spread, NULL) == SH_OK, "measure");
    must(sh_rfm_learn(bench->rfm, id, now_ms, &spread, 1, NULL) == SH_OK, "learn");
    sh_rfm_spread_deinit(&spread);
}

static double measure_scratch(struct bench *bench, uint64_t id) {
    const double start = now_seconds();
    must(sh_rfm_configure(bench->rfm, &plan, NOW_MS, NULL) == SH_OK, "plan");
    refresh(bench, id, NOW_MS);
    return now_seconds() - start;
}

static double measure_refresh(struct bench *bench, uint64_t id) {
    const double start = now_seconds();
    refresh(bench, id, NOW_MS + SH_DAY_MS);
    return now_seconds() - start;
}

/* ---- A condition ---- */

static double measure_condition(struct bench *bench, int64_t now_ms, uint64_t *count) {
    static uint64_t among[SH_BLOCK_WORDS];
    static uint64_t words[SH_BLOCK_WORDS];
    const struct sh_derived *derived = sh_rfm_derived(bench->rfm);
    const uint32_t field = (uint32_t)sh_derived_find(derived, SH_TEXT_LITERAL("rfm.segment"));
    const int64_t best = SH_RFM_CELL_COUNT - 1;
    const struct sh_match match = {.kind = SH_MATCH_RANGE, .low = best, .high = best};
    memset(among, 0xFF, sizeof among);
    const double start = now_seconds();
    *count = 0;
    for (uint32_t block = 0; block <= (bench->user_count - 1) / SH_BLOCK_SLOTS; block++) {
        sh_derived_match(derived, field, block, now_ms, &match, among, words);
        *count += sh_bits->popcount(words, SH_BLOCK_WORDS);
    }
    return now_seconds() - start;
}

/* The same users by the reference's sums and the cut points. */
static uint64_t count_by_sums(const struct bench *bench, const struct sums *sums) {
    const struct sh_rfm_cuts *cuts = sh_rfm_cuts(bench->rfm);
    uint64_t found = 0;
    for (uint32_t user = 0; user < bench->user_count; user++) {
        uint32_t scores[SH_RFM_AXIS_COUNT] = {1, 1, 1};
        const struct sums *sum = &sums[user];
        if (sum->count == 0) continue;
        for (uint32_t i = 0; i < SH_RFM_CUT_MAX; i++) {
            scores[SH_RFM_R] += (int64_t)(DAYS - 1 - sum->last_day) <= cuts->cuts[SH_RFM_R][i];
            scores[SH_RFM_F] += sum->count >= cuts->cuts[SH_RFM_F][i];
            scores[SH_RFM_M] += (int64_t)sum->amount >= cuts->cuts[SH_RFM_M][i];
        }
        found += scores[SH_RFM_R] >= cuts->high[SH_RFM_R] && scores[SH_RFM_F] >= cuts->high[SH_RFM_F] &&
                 scores[SH_RFM_M] >= cuts->high[SH_RFM_M];
    }
    return found;
}

static void record(const struct bench *bench, const char *row, const char *title, const char *side,
                   const double *seconds) {
    double ms[ROUNDS_MAX];
    for (uint32_t round = 0; round < bench->round_count; round++)
        ms[round] = seconds[round] * 1e3;
    bench_record_write(&(struct bench_record){.group = "behaviour",
                                              .row = row,
                                              .title = title,
                                              .side = side,
                                              .unit = "ms",
                                              .samples = ms,
                                              .sample_count = bench->round_count,
                                              .users = bench->user_count});
}

static void measure(struct bench *bench) {
    double reference[ROUNDS_MAX], scratch[ROUNDS_MAX], later[ROUNDS_MAX], condition[ROUNDS_MAX], past[ROUNDS_MAX];
    struct sums *sums = array_of(bench->user_count, sizeof *sums);
    uint64_t count = 0;
    uint64_t count_past = 0;
    for (uint32_t round = 0; round < bench->round_count; round++) {
        reference[round] = measure_reference(bench, sums);
        scratch[round] = measure_scratch(bench, 2 * round + 1);
        condition[round] = measure_condition(bench, NOW_MS, &count);
        past[round] = measure_condition(bench, NOW_MS - SH_DAY_MS, &count_past);
        must(count == count_by_sums(bench, sums), "the segment has other users than the reference");
        later[round] = measure_refresh(bench, 2 * round + 2);
    }
    record(bench, "RFM", "scores of all users, from scratch", "shoal", scratch);
    record(bench, "RFM", NULL, "reference", reference);
    record(bench, "RFM, a day later", "a refresh", "shoal", later);
    record(bench, "RFM segment", "who is in one segment", "shoal", condition);
    const double plain = median(reference, bench->round_count);
    const double all = median(scratch, bench->round_count);
    (void)printf("%-34s %8.2f ms   %.2f x a plain loop that only sums (%.2f ms)\n", "a plan, from scratch", all * 1e3,
                 all / plain, plain * 1e3);
    (void)printf("%-34s %8.2f ms\n", "a refresh, a day later", median(later, bench->round_count) * 1e3);
    (void)printf("%-34s %8.3f ms   %.2f ns a user, %llu users\n", "rfm.segment = '重要价值'",
                 median(condition, bench->round_count) * 1e3,
                 median(condition, bench->round_count) / bench->user_count * 1e9, (unsigned long long)count);
    (void)printf("%-34s %8.3f ms   %llu users\n", "the same, now a day earlier", median(past, bench->round_count) * 1e3,
                 (unsigned long long)count_past);
    (void)printf("%-34s %8.1f bytes a user\n", "memory", (double)sh_rfm_memory_bytes(bench->rfm) / bench->user_count);
    sh_free(sums);
}

int main(int argument_count, char **arguments) {
    struct bench bench = {.user_count = 200000, .event_count = 1000000, .round_count = 5};
    if (argument_count > 1) bench.user_count = (uint32_t)strtoul(arguments[1], NULL, 10);
    if (argument_count > 2) bench.event_count = (uint32_t)strtoul(arguments[2], NULL, 10);
    if (argument_count > 3) bench.round_count = (uint32_t)strtoul(arguments[3], NULL, 10);
    must(bench.user_count > 0 && bench.event_count > 0, "users and events are at least 1");
    must(bench.round_count > 0 && bench.round_count <= ROUNDS_MAX, "rounds are 1 to 99");
    struct sh_zone *zone;
    uint32_t type;
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &zone, NULL) == SH_OK, "zone");
    bench.with = sh_event_store_create(zone);
    bench.without = sh_event_store_create(zone);
    must(bench.with != NULL && bench.without != NULL, "stores");
    must(sh_event_type_add(bench.with, SH_TEXT_LITERAL("purchase"), 2, &type, NULL) == SH_OK, "type");
    must(sh_event_type_add(bench.without, SH_TEXT_LITERAL("purchase"), 2, &type, NULL) == SH_OK, "type");
    bench.rfm = sh_rfm_create(bench.with);
    must(bench.rfm != NULL && sh_rfm_configure(bench.rfm, &plan, NOW_MS, NULL) == SH_OK, "plan");
    bench.user = array_of(bench.event_count, sizeof *bench.user);
    bench.day = array_of(bench.event_count, sizeof *bench.day);
    bench.amount = array_of(bench.event_count, sizeof *bench.amount);
    for (uint32_t i = 0; i < bench.event_count; i++) {
        const struct sh_event event = event_at(&bench, i);
        bench.user[i] = event.slot;
        bench.day[i] = (uint16_t)((event.time_ms - 1 - FIRST_MS) / SH_DAY_MS);
        bench.amount[i] = (uint32_t)event.amount;
    }
    (void)printf("rfm_bench: %u users, %u events, %u rounds\n", bench.user_count, bench.event_count, bench.round_count);
    measure_events(&bench);
    measure(&bench);
    sh_rfm_destroy(bench.rfm);
    sh_event_store_destroy(bench.with);
    sh_event_store_destroy(bench.without);
    sh_zone_close(zone);
    sh_free(bench.user);
    sh_free(bench.day);
    sh_free(bench.amount);
    return 0;
}
