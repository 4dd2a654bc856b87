/* calendar_bench.c -- what does the local day of an event cost?
 *
 * Instants in the order of arrival, some milliseconds apart (a live stream), and random instants of thirty years (a
 * file of old events in any order), in zones with and without changes. A day is one look into a table of 50-day
 * buckets, one into the segments, and a division by a constant: about 20 cycles one after another, less when calls
 * overlap. For comparison the C library's localtime_r. The hash is the sum of all days.
 *
 * Run: calendar_bench [INSTANTS [ROUNDS]]; the best round is printed.
 */
#include <stdio.h>
#include <time.h>

#include "calendar.h"
#include "hash.h"
#include "memory.h"

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double measure(const struct sh_zone *zone, const int64_t *instants, uint64_t count, uint32_t round_count,
                      int64_t *sum) {
    double best_seconds = 1e9;
    for (uint32_t round = 0; round < round_count; round++) {
        *sum = 0;
        const double begin = now_seconds();
        for (uint64_t i = 0; i < count; i++)
            *sum += sh_zone_day(zone, instants[i]);
        const double seconds = now_seconds() - begin;
        if (seconds < best_seconds) best_seconds = seconds;
    }
    return best_seconds;
}

static double measure_oracle(const char *name, const int64_t *instants, uint64_t count) {
    if (setenv("TZ", name, 1) != 0) abort();
    tzset();
    int64_t sum = 0;
    const double begin = now_seconds();
    for (uint64_t i = 0; i < count; i++) {
        const time_t second = (time_t)(instants[i] / 1000);
        struct tm local;
        if (localtime_r(&second, &local) != NULL) sum += local.tm_mday;
    }
    const double seconds = now_seconds() - begin;
    return sum > 0 ? seconds : 0;
}

int main(int argument_count, char **arguments) {
    static const char *const names[] = {"UTC", "Asia/Shanghai", "Europe/London", "Africa/Casablanca"};
    const uint64_t count = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1000000;
    const uint32_t round_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 20;
    if (count == 0 || round_count == 0) {
        printf("usage: calendar_bench [INSTANTS [ROUNDS]]\n");
        return 2;
    }
    int64_t *live = sh_alloc(count * sizeof *live);
    int64_t *old = sh_alloc(count * sizeof *old);
    if (live == NULL || old == NULL) abort();
    for (uint64_t i = 0; i < count; i++) {
        live[i] = 1772294400000 + (int64_t)(i * 5 + sh_hash_mix(i, 1) % 50);
        old[i] = 820454400000 + (int64_t)(sh_hash_mix(i, 2) % 946080000000u);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sh_zone *zone;
        struct sh_error err;
        if (sh_zone_open(sh_text_of(names[i]), &zone, &err) != SH_OK) {
            printf("SKIPPED: %s: %s\n", names[i], err.message);
            continue;
        }
        int64_t live_sum;
        int64_t old_sum;
        const double per_call = 1e9 / (double)count;
        const double live_seconds = measure(zone, live, count, round_count, &live_sum);
        const double old_seconds = measure(zone, old, count, round_count, &old_sum);
        printf("%-18s in order %5.2f ns  random %5.2f ns  localtime_r %6.1f ns  hash %016llx\n", names[i],
               live_seconds * per_call, old_seconds * per_call, measure_oracle(names[i], live, count) * per_call,
               (unsigned long long)(live_sum * 31 + old_sum));
        sh_zone_close(zone);
    }
    sh_free(live);
    sh_free(old);
    return 0;
}
