/* load_bench.c -- how many rows a second does the loader make of CSV, before any byte goes to a server?
 *
 * Users and events of a made-up shop (shoal-gen's) are written to a temporary file and read back the way `shoal load`
 * reads them: window, records, cells, compact rows in batches of 1 MiB. Three stages are timed on their own, so that
 * one sees where the time goes: the records alone (csv), the records under the mapping's names (record), and the whole
 * (rows).
 *
 * Limits of the machine: a user row is about 130 bytes and an event about 55, so the copy from the page cache (10 GB/s)
 * is 2 % of the time; the branches at the fields' ends and the conversions of numbers and times are the rest. The
 * loader has one core and the server the other, so the target is the server's pace: 1 M users/s and 1.5 M events/s,
 * with half as much again in hand. The hash is of all packed rows and is the same on every machine.
 *
 * Run: load_bench [USERS [EVENTS [ROUNDS [STAGE]]]]; the best round is printed. With STAGE (csv, record or rows) only
 * that one runs, for a profiler.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gen_shop.h"
#include "hash.h"
#include "mapping.h"
#include "rows.h"

enum { BATCH_BYTES = 1 << 20 };
enum stage { STAGE_CSV, STAGE_RECORD, STAGE_ROWS, STAGE_COUNT };
static const char *const stage_names[STAGE_COUNT] = {"csv", "record", "rows"};

struct counts {
    uint64_t rows;
    uint64_t bytes; /* packed */
    uint64_t hash;
};

static void need(bool condition, const char *what, const struct sh_error *err) {
    if (condition) return;
    (void)fprintf(stderr, "load_bench: %s: %s\n", what, err == NULL ? "" : err->message);
    exit(1);
}

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct counts read_csv(const char *path) {
    struct counts counts = {0};
    struct sh_error err;
    struct input *input;
    struct csv_reader csv;
    need(input_open(path, &input, &err) == SH_OK, path, &err);
    csv_init(&csv, input, ',');
    for (bool at_end = false; need(csv_next(&csv, &at_end, &err) == SH_OK, path, &err), !at_end;) {
        counts.rows++;
        counts.hash += csv.field_count * 31u + csv.fields[csv.field_count - 1].count;
    }
    csv_deinit(&csv);
    input_close(input);
    counts.rows--; /* the header */
    return counts;
}

static struct counts read_rows(const char *path, const struct mapping_section *section, const struct sh_zone *zone,
                               bool encode) {
    struct counts counts = {0};
    struct sh_error err;
    static struct sh_text wanted[ROW_WANTED_COUNT_MAX];
    uint32_t wanted_count = 0;
    struct row_encoder encoder;
    struct sh_arena arena;
    sh_arena_init(&arena, 1 << 20);
    need(row_encoder_init(&encoder, section, zone, wanted, &wanted_count, &arena, &err) == SH_OK, path, &err);
    const struct record_options options = {.has_header = true};
    struct record_reader record;
    need(record_open(&record, path, NULL, &options, wanted, wanted_count, wanted_count, &err) == SH_OK, path, &err);
    struct sh_buffer rows;
    sh_buffer_init(&rows, 2 * BATCH_BYTES);
    for (bool at_end = false; need(record_next(&record, &at_end, &err) == SH_OK, path, &err), !at_end;) {
        counts.rows++;
        if (!encode) {
            counts.hash += record.values[0].text.count;
            continue;
        }
        struct sh_text reason;
        need(row_encode(&encoder, &record, &rows, &reason, &err) == ROW_TAKEN, path, &err);
        if (rows.count < BATCH_BYTES) continue;
        counts.bytes += rows.count;
        counts.hash = sh_hash_bytes(rows.bytes, rows.count, counts.hash);
        sh_buffer_clear(&rows);
    }
    counts.bytes += rows.count;
    counts.hash = sh_hash_bytes(rows.bytes, rows.count, counts.hash);
    sh_buffer_deinit(&rows);
    record_close(&record);
    row_encoder_deinit(&encoder);
    sh_arena_deinit(&arena);
    return counts;
}

static void measure(const char *name, int (*write)(const struct gen_options *options, FILE *file),
                    const struct gen_options *shop, const struct mapping_section *section, const struct sh_zone *zone,
                    uint32_t rounds, const char *only_stage) {
    char path[] = "/tmp/load_bench.XXXXXX";
    const int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    need(file != NULL && write(shop, file) == 0, "cannot write a temporary file", NULL);
    const long file_bytes = ftell(file);
    need(fclose(file) == 0, "cannot write a temporary file", NULL);
    for (uint32_t stage = 0; stage < STAGE_COUNT; stage++) {
        if (only_stage != NULL && strcmp(only_stage, stage_names[stage]) != 0) continue;
        double best = 1e9;
        struct counts counts = {0};
        for (uint32_t round = 0; round < rounds; round++) {
            const double started = now_seconds();
            counts = stage == STAGE_CSV ? read_csv(path) : read_rows(path, section, zone, stage == STAGE_ROWS);
            const double seconds = now_seconds() - started;
            if (seconds < best) best = seconds;
        }
        (void)printf("%-8s%-8s%10.2f%10.0f%10.0f", name, stage_names[stage], (double)counts.rows / best / 1e6,
                     best / (double)counts.rows * 1e9, (double)file_bytes / best / 1e6);
        if (stage == STAGE_ROWS) (void)printf("   %016llx", (unsigned long long)counts.hash);
        (void)putchar('\n');
    }
    (void)unlink(path);
}

int main(int argument_count, char **arguments) {
    const struct gen_options shop = {
        .seed = 1,
        .user_count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 300000,
        .item_count = 5000,
        .event_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 1000000,
        .day_count = 365,
        .until_day = 20484};
    const uint32_t rounds = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 3;
    const char *only_stage = argument_count > 4 ? arguments[4] : NULL;
    need(shop.user_count > 0 && rounds > 0, "usage: load_bench [USERS [EVENTS [ROUNDS]]]", NULL);

    char *text = NULL;
    size_t text_bytes = 0;
    FILE *file = open_memstream(&text, &text_bytes);
    need(file != NULL && gen_write_mapping(file) == 0 && fclose(file) == 0, "no memory for the mapping", NULL);
    struct sh_error err;
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_zone *zone;
    sh_arena_init(&arena, 1 << 20);
    need(mapping_parse((struct sh_text){text, (uint32_t)text_bytes}, &arena, &mapping, &err) == SH_OK, "mapping", &err);
    need(sh_zone_open(mapping.zone, &zone, &err) == SH_OK, "zone", &err);
    (void)printf("%-8s%-8s%10s%10s%10s   %s\n", "file", "stage", "M rows/s", "ns/row", "MB/s", "hash of the rows");
    measure("users", gen_write_users, &shop, &mapping.sections[0], zone, rounds, only_stage);
    measure("events", gen_write_events, &shop, &mapping.sections[2], zone, rounds, only_stage);
    sh_zone_close(zone);
    sh_arena_deinit(&arena);
    free(text);
    return 0;
}
