/* event_bench.c -- what does storing an event cost, in time and in bytes, and what does reading a window of days?
 *
 * Purchases of random users in order of time over 90 days: item, amount and id each. Compared with a plain reference
 * of the same run that does the least work: four columns, a chain for each user, and two rollup columns (count and sum
 * by user), no ids, no days, no types.
 *
 * The window is the last 30 of the 90 days: how many users bought at least twice? The store reads slot_low, 2 bytes an
 * event, into 65,536 counters a block. The reference does the same over one array of u16 a block that holds nothing but
 * the events of the window.
 *
 * The reference's arrays are touched before the clock starts; the store takes memory as it grows, and at 10 M users the
 * kernel's clearing of fresh pages is about a third of its time.
 *
 * Limits of the machine: an append in order touches one random line for the user's head and one for its end of the
 * reference's rollups; a core has about 49 M independent random lines a second. The window reads 2 bytes an event from
 * memory and adds to counters in L1 and L2.
 *
 * Run: event_bench [USERS [EVENTS [ROUNDS]]]; medians are printed. The hash is of counts and amounts, the same for
 * both.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "event_store.h"
#include "hash.h"
#include "memory.h"

enum { DAYS = 90, WINDOW_DAYS = 30, ITEMS = 5000, AHEAD = 24, ROUNDS_MAX = 99 };
#define FIRST_MS 1767225600000 /* 2026-01-01 UTC */

struct bench {
    uint32_t user_count;
    uint32_t event_count;
    struct sh_event *events;
};

/* The reference: arrays. */
struct arrays {
    uint32_t *user;
    uint32_t *item;
    uint32_t *amount;
    int64_t *time_ms;
    uint32_t *link;
    uint32_t *head;
    uint32_t *count_of_user;
    uint64_t *sum_of_user;
};

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *array_of(size_t count, size_t element_bytes) {
    void *memory = sh_alloc_zero(count * element_bytes + 64);
    if (memory == NULL) abort();
    return memory;
}

static void make_events(struct bench *bench) {
    bench->events = array_of(bench->event_count, sizeof *bench->events);
    const uint64_t span_ms = (uint64_t)DAYS * SH_DAY_MS;
    for (uint32_t i = 0; i < bench->event_count; i++) {
        const uint64_t mix = sh_hash_mix(i + 1, 7);
        bench->events[i] = (struct sh_event){.slot = (uint32_t)((mix >> 32) * bench->user_count >> 32),
                                             .item = (uint32_t)(mix & 0xFFFFFF) % ITEMS,
                                             .time_ms = FIRST_MS + (int64_t)(span_ms * i / bench->event_count),
                                             .has_amount = true,
                                             .amount = (int64_t)(100 * (1 + (mix >> 24 & 0xFF)) - 1),
                                             .has_id = true,
                                             .id_hash = mix};
    }
}

static void arrays_init(struct arrays *arrays, const struct bench *bench) {
    *arrays = (struct arrays){.user = array_of(bench->event_count, sizeof(uint32_t)),
                              .item = array_of(bench->event_count, sizeof(uint32_t)),
                              .amount = array_of(bench->event_count, sizeof(uint32_t)),
                              .time_ms = array_of(bench->event_count, sizeof(int64_t)),
                              .link = array_of(bench->event_count, sizeof(uint32_t)),
                              .head = array_of(bench->user_count, sizeof(uint32_t)),
                              .count_of_user = array_of(bench->user_count, sizeof(uint32_t)),
                              .sum_of_user = array_of(bench->user_count, sizeof(uint64_t))};
}

static void arrays_deinit(struct arrays *arrays) {
    sh_free(arrays->user);
    sh_free(arrays->item);
    sh_free(arrays->amount);
    sh_free(arrays->time_ms);
    sh_free(arrays->link);
    sh_free(arrays->head);
    sh_free(arrays->count_of_user);
    sh_free(arrays->sum_of_user);
}

static double arrays_append_all(struct arrays *arrays, const struct bench *bench) {
    const double begin = now_seconds();
    for (uint32_t i = 0; i < bench->event_count; i++) {
        if (i + AHEAD < bench->event_count) {
            const uint32_t slot = bench->events[i + AHEAD].slot;
            __builtin_prefetch(&arrays->head[slot], 1);
            __builtin_prefetch(&arrays->count_of_user[slot], 1);
            __builtin_prefetch(&arrays->sum_of_user[slot], 1);
        }
        const struct sh_event *event = &bench->events[i];
        arrays->user[i] = event->slot;
        arrays->item[i] = event->item;
        arrays->amount[i] = (uint32_t)event->amount;
        arrays->time_ms[i] = event->time_ms;
        arrays->link[i] = arrays->head[event->slot];
        arrays->head[event->slot] = i + 1;
        arrays->count_of_user[event->slot]++;
        arrays->sum_of_user[event->slot] += (uint64_t)event->amount;
    }
    return now_seconds() - begin;
}

static double store_append_all(struct sh_event_store *store, const struct bench *bench) {
    const double begin = now_seconds();
    for (uint32_t i = 0; i < bench->event_count; i++) {
        if (i + AHEAD < bench->event_count) sh_event_prefetch(store, bench->events[i + AHEAD].slot);
        bool duplicate;
        if (sh_event_append(store, &bench->events[i], &duplicate, NULL) != SH_OK) abort();
    }
    return now_seconds() - begin;
}

static uint64_t count_twice(const uint8_t *counters) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < SH_EVENT_BLOCK_SLOTS; i++)
        count += counters[i] >= 2;
    return count;
}

/* Counters stop at 255, so that no user wraps around. */
static void count_rows(uint8_t *counters, const uint16_t *slot_low, uint32_t row_count) {
    for (uint32_t row = 0; row < row_count; row++)
        counters[slot_low[row]] = (uint8_t)(counters[slot_low[row]] + (counters[slot_low[row]] != UINT8_MAX));
}

static void count_rows_between(uint8_t *counters, const struct sh_event_cells *cells) {
    for (uint32_t row = 0; row < cells->cell->row_count; row++)
        if (cells->cell->ms[row] >= cells->ms_low && cells->cell->ms[row] <= cells->ms_high)
            count_rows(counters, cells->cell->slot_low + row, 1);
}

static double store_window(const struct sh_event_store *store, int64_t from_ms, int64_t until_ms, uint64_t *buyers) {
    static uint8_t counters[SH_EVENT_BLOCK_SLOTS];
    *buyers = 0;
    const double begin = now_seconds();
    for (uint32_t block = 0; block < sh_event_block_end(store); block++) {
        struct sh_event_cells cells;
        memset(counters, 0, sizeof counters);
        sh_event_cells_begin(&cells, sh_event_type(store, 0), block, from_ms, until_ms);
        while (sh_event_cells_next(&cells)) {
            if (cells.verdict == SH_VERDICT_ALL)
                count_rows(counters, cells.cell->slot_low, cells.cell->row_count);
            else
                count_rows_between(counters, &cells);
        }
        *buyers += count_twice(counters);
    }
    return now_seconds() - begin;
}

/* The events of the window as one array of u16 a block: made beforehand, not measured. */
static double reference_window(const struct bench *bench, int64_t from_ms, uint32_t rounds, double *seconds,
                               uint64_t *buyers) {
    static uint8_t counters[SH_EVENT_BLOCK_SLOTS];
    const uint32_t block_count = bench->user_count / SH_EVENT_BLOCK_SLOTS + 1;
    uint32_t *sizes = array_of(block_count + 1, sizeof *sizes);
    uint16_t *rows = array_of(bench->event_count, sizeof *rows);
    for (uint32_t i = 0; i < bench->event_count; i++)
        if (bench->events[i].time_ms >= from_ms) sizes[bench->events[i].slot / SH_EVENT_BLOCK_SLOTS + 1]++;
    for (uint32_t block = 0; block < block_count; block++)
        sizes[block + 1] += sizes[block];
    uint32_t *place = array_of(block_count, sizeof *place);
    memcpy(place, sizes, block_count * sizeof *place);
    for (uint32_t i = 0; i < bench->event_count; i++)
        if (bench->events[i].time_ms >= from_ms)
            rows[place[bench->events[i].slot / SH_EVENT_BLOCK_SLOTS]++] = (uint16_t)bench->events[i].slot;
    for (uint32_t round = 0; round < rounds; round++) {
        *buyers = 0;
        const double begin = now_seconds();
        for (uint32_t block = 0; block < block_count; block++) {
            memset(counters, 0, sizeof counters);
            count_rows(counters, rows + sizes[block], sizes[block + 1] - sizes[block]);
            *buyers += count_twice(counters);
        }
        seconds[round] = now_seconds() - begin;
    }
    const double window_events = sizes[block_count];
    sh_free(sizes);
    sh_free(rows);
    sh_free(place);
    return window_events;
}

static void run(const struct bench *bench, const struct sh_zone *zone, uint32_t rounds) {
    double reference_seconds[ROUNDS_MAX];
    double store_seconds[ROUNDS_MAX];
    double window_seconds[ROUNDS_MAX];
    double reference_window_seconds[ROUNDS_MAX];
    uint64_t hash = 0;
    uint64_t buyers = 0;
    double bytes = 0;
    double trimmed_bytes = 0;
    const int64_t from_ms = FIRST_MS + (DAYS - WINDOW_DAYS) * SH_DAY_MS;
    for (uint32_t round = 0; round < rounds; round++) {
        struct arrays arrays;
        arrays_init(&arrays, bench);
        reference_seconds[round] = arrays_append_all(&arrays, bench);
        uint64_t expected = 0;
        for (uint32_t i = 0; i < bench->user_count; i++)
            expected += arrays.sum_of_user[i];
        arrays_deinit(&arrays);
        struct sh_event_store *store = sh_event_store_create(zone);
        if (store == NULL || sh_event_type_add(store, SH_TEXT_LITERAL("purchase"), 2, NULL, NULL) != SH_OK) abort();
        store_seconds[round] = store_append_all(store, bench);
        if (sh_event_type(store, 0)->totals.amount_sum != (__int128)expected) abort();
        bytes = (double)sh_event_memory_bytes(store);
        window_seconds[round] = store_window(store, from_ms, INT64_MAX, &buyers);
        sh_event_trim(store);
        trimmed_bytes = (double)sh_event_memory_bytes(store);
        hash = sh_hash_mix(expected, buyers);
        sh_event_store_destroy(store);
    }
    uint64_t expected_buyers = 0;
    const double window_events = reference_window(bench, from_ms, rounds, reference_window_seconds, &expected_buyers);
    if (expected_buyers != buyers) abort();
    const double events = bench->event_count;
    const double reference = bench_median(reference_seconds, rounds);
    const double append = bench_median(store_seconds, rounds);
    const double window = bench_median(window_seconds, rounds);
    const double window_reference = bench_median(reference_window_seconds, rounds);
    printf("%u users, %u events, %u rounds\n", bench->user_count, bench->event_count, rounds);
    printf("append     %6.1f M/s  %5.1f ns   plain arrays %6.1f M/s  %5.1f ns   ratio %.2f\n", events / append / 1e6,
           append / events * 1e9, events / reference / 1e6, reference / events * 1e9, append / reference);
    printf("memory     %6.1f bytes an event, %.1f after trimming (heads included: 8 bytes a user)\n", bytes / events,
           trimmed_bytes / events);
    printf("30 days    %6.2f ms  %5.2f ns an event   plain arrays %6.2f ms   ratio %.2f\n", window * 1e3,
           window / window_events * 1e9, window_reference * 1e3, window / window_reference);
    printf("hash       %016llx\n", (unsigned long long)hash);
}

int main(int argument_count, char **arguments) {
    struct bench bench = {
        .user_count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 1000000,
        .event_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 5000000,
    };
    const uint32_t rounds = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 5;
    if (bench.user_count == 0 || bench.event_count == 0 || rounds == 0 || rounds > ROUNDS_MAX) {
        printf("usage: event_bench [USERS [EVENTS [ROUNDS]]]\n");
        return 2;
    }
    struct sh_zone *zone;
    if (sh_zone_open(SH_TEXT_LITERAL("Asia/Shanghai"), &zone, NULL) != SH_OK) abort();
    make_events(&bench);
    run(&bench, zone, rounds);
    sh_free(bench.events);
    sh_zone_close(zone);
    return 0;
}
