/* archive_bench.c -- how far from the memory's speed are saving and loading?
 *
 * First plain bytes: memcpy and XXH3 over what does not fit a cache, and the same bytes through an archive whose sink
 * throws them away, and back from memory. Then a table as a shop has it: an id of 9 bytes, a city (340 texts), tier,
 * gender, age, points, a birthday that half of the rows have, one email a row, about two of 500 tags a row. Rates are
 * of the archive's bytes; a load also builds the indexes of ids and texts and holds the table against its rules.
 *
 * Times are the processor's, one core: nothing here waits.
 *
 * Run: archive_bench [MILLION_ROWS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "archive.h"
#include "calendar.h"
#include "hash.h"
#include "memory.h"
#include "split_random.h"
#include "table.h"

enum { CITIES = 340, TIERS = 8, TAGS = 500, PIECE_BYTES = 64 << 10 };

static uint32_t row_count = 2000000;
static uint64_t answer_hash = 14695981039346656037u;

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void note(uint64_t answer) {
    answer_hash = (answer_hash ^ answer) * 1099511628211u;
}

static void must(enum sh_status status) {
    if (status == SH_OK) return;
    printf("%s\n", sh_status_name(status));
    exit(1);
}

static void report(const char *what, size_t byte_count, double took) {
    printf("%-44s %8.1f MB %8.1f ms %6.2f GB/s", what, (double)byte_count / 1e6, took * 1e3,
           (double)byte_count / 1e9 / took);
}

/* ---- Plain bytes ---- */

static enum sh_status throw_away(void *context, const void *bytes, size_t byte_count, struct sh_error *err) {
    (void)bytes, (void)err;
    *(size_t *)context += byte_count;
    return SH_OK;
}

static double best_of(double (*run)(uint8_t *, uint8_t *, size_t), uint8_t *a, uint8_t *b, size_t byte_count) {
    double best = 1e9;
    for (uint32_t i = 0; i < 3; i++) {
        const double took = run(a, b, byte_count);
        if (took < best) best = took;
    }
    return best;
}

static double run_memcpy(uint8_t *a, uint8_t *b, size_t byte_count) {
    const double start = now_seconds();
    memcpy(b, a, byte_count);
    return now_seconds() - start;
}

static double run_xxh3(uint8_t *a, uint8_t *b, size_t byte_count) {
    (void)b;
    const double start = now_seconds();
    note(sh_hash_bytes(a, byte_count, 0));
    return now_seconds() - start;
}

static double run_put(uint8_t *a, uint8_t *b, size_t byte_count) {
    (void)b;
    size_t written = 0;
    struct sh_archive_writer writer;
    const double start = now_seconds();
    sh_archive_writer_init(&writer, (struct sh_archive_sink){.context = &written, .write = throw_away});
    sh_archive_begin(&writer, "bytes", 1);
    for (size_t at = 0; at < byte_count; at += PIECE_BYTES)
        sh_archive_put(&writer, a + at, byte_count - at < PIECE_BYTES ? byte_count - at : PIECE_BYTES);
    sh_archive_end(&writer);
    must(sh_archive_finish(&writer, NULL));
    const double took = now_seconds() - start;
    note(writer.checksum);
    sh_archive_writer_deinit(&writer);
    return took;
}

static struct sh_buffer archive;

static double run_get(uint8_t *a, uint8_t *b, size_t byte_count) {
    (void)a;
    struct sh_archive_bytes source = {.bytes = archive.bytes, .count = archive.count};
    struct sh_archive_reader reader;
    const double start = now_seconds();
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), archive.count);
    (void)sh_archive_enter(&reader, "bytes", 1);
    for (size_t at = 0; at < byte_count; at += PIECE_BYTES)
        (void)sh_archive_get(&reader, b + at, byte_count - at < PIECE_BYTES ? byte_count - at : PIECE_BYTES);
    sh_archive_leave(&reader);
    must(sh_archive_close(&reader, NULL));
    const double took = now_seconds() - start;
    sh_archive_reader_deinit(&reader);
    return took;
}

static void bench_bytes(size_t byte_count) {
    uint8_t *a = malloc(byte_count);
    uint8_t *b = malloc(byte_count);
    if (a == NULL || b == NULL) exit(1);
    struct split_random rng = {3};
    for (size_t i = 0; i + 8 <= byte_count; i += 8) {
        const uint64_t word = split_next(&rng);
        memcpy(a + i, &word, sizeof word);
    }
    memset(b, 1, byte_count);
    struct sh_archive_writer writer;
    sh_archive_writer_init(&writer, sh_archive_to_buffer(&archive));
    sh_archive_begin(&writer, "bytes", 1);
    sh_archive_put(&writer, a, byte_count);
    sh_archive_end(&writer);
    must(sh_archive_finish(&writer, NULL));
    sh_archive_writer_deinit(&writer);
    static double (*const runs[])(uint8_t *, uint8_t *, size_t) = {run_memcpy, run_xxh3, run_put, run_get};
    static const char *const names[] = {"memcpy", "XXH3", "an archive, written", "an archive in memory, read"};
    for (uint32_t i = 0; i < 4; i++) {
        report(names[i], byte_count, best_of(runs[i], a, b, byte_count));
        printf("\n");
    }
    if (memcmp(a, b, byte_count) != 0) abort();
    free(a);
    free(b);
}

/* ---- A table ---- */

static struct sh_table *table;
static uint32_t city, tier, gender, age, points, birthday, email, tags;

static uint32_t add_attribute(const char *name, enum sh_type type, const struct sh_text *labels, uint32_t label_count) {
    const struct sh_attribute_spec spec = {.name = sh_text_of(name),
                                           .type = type,
                                           .is_date = type == SH_TYPE_TIME,
                                           .labels = labels,
                                           .label_count = label_count};
    uint32_t index;
    must(sh_table_add_attribute(table, &spec, &index, NULL));
    return index;
}

static void make_schema(void) {
    static char bytes[TIERS][16];
    struct sh_text labels[TIERS];
    for (uint32_t i = 0; i < TIERS; i++) {
        (void)snprintf(bytes[i], sizeof bytes[i], "tier%u", i);
        labels[i] = sh_text_of(bytes[i]);
    }
    table = sh_table_create();
    city = add_attribute("city", SH_TYPE_STRING, NULL, 0);
    tier = add_attribute("tier", SH_TYPE_ENUM, labels, TIERS);
    gender = add_attribute("gender", SH_TYPE_ENUM, labels, 3);
    age = add_attribute("age", SH_TYPE_INT, NULL, 0);
    points = add_attribute("points", SH_TYPE_INT, NULL, 0);
    birthday = add_attribute("birthday", SH_TYPE_TIME, NULL, 0);
    email = add_attribute("email", SH_TYPE_STRING, NULL, 0);
    must(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &tags, NULL));
}

static int64_t text_code(uint32_t attribute, const char *format, uint64_t number) {
    char bytes[40];
    uint32_t code;
    (void)snprintf(bytes, sizeof bytes, format, (unsigned long long)number);
    must(sh_table_text_code(table, attribute, sh_text_of(bytes), &code, NULL));
    return code;
}

static void make_row(struct split_random *rng, uint32_t number) {
    char bytes[16];
    uint32_t slot;
    (void)snprintf(bytes, sizeof bytes, "u%08u", (uint32_t)((uint64_t)number * 2654435761u % 100000000));
    const struct sh_text id = sh_text_of(bytes);
    must(sh_table_intern(table, id, sh_id_hash(id), &slot, NULL, NULL));
    must(sh_table_set(table, slot, city, text_code(city, "city %llu", split_length(rng, CITIES))));
    must(sh_table_set(table, slot, tier, __builtin_ctzll(split_next(rng) | 1u << (TIERS - 1))));
    must(sh_table_set(table, slot, gender, (int64_t)split_below(rng, 3)));
    must(sh_table_set(table, slot, age, 13 + (int64_t)split_below(rng, 78)));
    must(sh_table_set(table, slot, points, (int64_t)(split_below(rng, 100001) * split_below(rng, 100001) / 100000)));
    if (split_one_in(rng, 2)) must(sh_table_set(table, slot, birthday, (int64_t)split_below(rng, 18000) * SH_DAY_MS));
    must(sh_table_set(table, slot, email, text_code(email, "person.%llu@example.org", number)));
    for (uint64_t i = split_below(rng, 5); i > 0; i--) {
        uint32_t tag;
        (void)snprintf(bytes, sizeof bytes, "tag %llu", (unsigned long long)split_length(rng, TAGS));
        must(sh_table_tag_code(table, tags, sh_text_of(bytes), &tag, NULL));
        must(sh_table_tag_add(table, slot, tags, tag));
    }
}

static double save_table(struct sh_archive_sink sink) {
    struct sh_archive_writer writer;
    const double start = now_seconds();
    sh_archive_writer_init(&writer, sink);
    sh_table_save(table, &writer);
    must(sh_archive_finish(&writer, NULL));
    const double took = now_seconds() - start;
    note(writer.checksum);
    sh_archive_writer_deinit(&writer);
    return took;
}

static void bench_table(void) {
    struct split_random rng = {5};
    struct sh_error err;
    size_t byte_count = 0;
    make_schema();
    const double start = now_seconds();
    for (uint32_t i = 0; i < row_count; i++)
        make_row(&rng, i);
    printf("%u rows made in %.1f s, %.0f MB\n", row_count, now_seconds() - start, (double)sh_memory_bytes() / 1e6);
    double took = save_table((struct sh_archive_sink){.context = &byte_count, .write = throw_away});
    report("save", byte_count, took);
    printf(" %6.0f ns a row\n", took / row_count * 1e9);
    sh_buffer_clear(&archive);
    (void)save_table(sh_archive_to_buffer(&archive));

    const int64_t bytes_before = sh_memory_bytes();
    struct sh_archive_bytes source = {.bytes = archive.bytes, .count = archive.count};
    struct sh_archive_reader reader;
    struct sh_table *loaded;
    const double load_start = now_seconds();
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), archive.count);
    if (sh_table_load(&loaded, &reader) != SH_OK || sh_archive_close(&reader, &err) != SH_OK) abort();
    took = now_seconds() - load_start;
    sh_archive_reader_deinit(&reader);
    report("load", archive.count, took);
    printf(" %6.0f ns a row, %.0f MB\n", took / row_count * 1e9, (double)(sh_memory_bytes() - bytes_before) / 1e6);
    sh_table_destroy(loaded);
    sh_table_destroy(table);
}

int main(int argc, char **argv) {
    if (argc > 1) row_count = (uint32_t)(strtod(argv[1], NULL) * 1e6);
    sh_buffer_init(&archive, SIZE_MAX);
    bench_bytes((size_t)row_count * 100);
    bench_table();
    sh_buffer_deinit(&archive);
    printf("hash %016llx\n", (unsigned long long)answer_hash);
    return 0;
}
