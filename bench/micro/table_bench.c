/* table_bench.c -- what does a row cost: to bring in, to find, to change, to keep?
 *
 * The population of the benchmarks: city (340 values, Zipf 1.05), tier (8, falling), gender (3), age 13..90, points
 * 0..100,000 (skewed), 500 tags (Zipf from 30 % down to 0.01 %, about one a row); ids are "u" and eight digits in
 * random order. Rows come through sh_table_intern with prefetches 16 and 8 rows ahead, as a loader sends them.
 *
 * Limits of the machine: a find is two dependent misses (index line, id cell) of some 100 ns without prefetch; memory
 * per row is 16 bytes of id, some 11 of index, and the columns' widths. The hash is of slots and values read.
 *
 * Run: table_bench [MILLION_ROWS]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"
#include "split_random.h"
#include "table.h"

enum { CITIES = 340, TIERS = 8, GENDERS = 3, TAGS = 500, AHEAD = 16, NEAR = 8, ID_BYTES = 9 };

static uint64_t row_count = 1000000;
static uint64_t answer_hash = 14695981039346656037u;
static struct sh_table *table;
static uint32_t city, tier, gender, age, points, interests;
static double city_share[CITIES]; /* cumulative */
static double tag_chance[TAGS];
static uint32_t *order; /* user numbers in order of arrival */

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
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

/* ---- The population ---- */

struct row {
    char id[ID_BYTES];
    uint64_t hash;
    uint16_t city;
    uint8_t tier;
    uint8_t gender;
    uint8_t age;
    uint8_t tag_count;
    uint16_t tags[8];
    uint32_t points;
};

static void make_id(uint32_t user, char *id) {
    id[0] = 'u';
    for (uint32_t i = ID_BYTES - 1; i > 0; i--) {
        id[i] = (char)('0' + user % 10);
        user /= 10;
    }
}

static struct sh_text row_id(const struct row *row) {
    return (struct sh_text){.bytes = row->id, .count = ID_BYTES};
}

/* Tag by tag for each row would be 500 draws: the gaps between a tag's rows are drawn instead. */
static uint32_t *next_row_of_tag;
static struct split_random tag_rng = {77};

static uint32_t next_tag_row(uint32_t tag, uint32_t from) {
    const double uniform = ((double)(split_next(&tag_rng) >> 11) + 1.0) / 9007199254740993.0;
    const double gap = floor(log(uniform) / log1p(-tag_chance[tag]));
    return gap > 2e9 ? UINT32_MAX : from + (uint32_t)gap;
}

/* A heap of tags by their next row. */
static uint32_t heap[TAGS];
static void sift_down(uint32_t at) {
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < TAGS; child++)
            if (next_row_of_tag[heap[child]] < next_row_of_tag[heap[least]]) least = child;
        if (least == at) return;
        const uint32_t moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

static void make_row(struct row *row, uint32_t number, struct split_random *rng) {
    make_id(order[number], row->id);
    row->hash = sh_id_hash(row_id(row));
    const double share = (double)(split_next(rng) >> 11) / 9007199254740992.0;
    uint32_t low = 0;
    uint32_t high = CITIES - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (city_share[middle] <= share)
            low = middle + 1;
        else
            high = middle;
    }
    row->city = (uint16_t)low;
    row->tier = (uint8_t)__builtin_ctzll(split_next(rng) | 1u << (TIERS - 1));
    row->gender = (uint8_t)split_below(rng, GENDERS);
    row->age = (uint8_t)(13 + split_below(rng, 78));
    row->points = (uint32_t)(split_below(rng, 100001) * split_below(rng, 100001) / 100000);
    row->tag_count = 0;
    while (next_row_of_tag[heap[0]] <= number) {
        const uint32_t tag = heap[0];
        if (row->tag_count < 8) row->tags[row->tag_count++] = (uint16_t)tag;
        next_row_of_tag[tag] = next_tag_row(tag, number + 1);
        sift_down(0);
    }
}

static void make_population(void) {
    double sum = 0;
    for (uint32_t i = 0; i < CITIES; i++)
        city_share[i] = sum += pow(i + 1, -1.05);
    for (uint32_t i = 0; i < CITIES; i++)
        city_share[i] /= sum;
    next_row_of_tag = malloc(TAGS * sizeof *next_row_of_tag);
    for (uint32_t i = 0; i < TAGS; i++) {
        tag_chance[i] = 0.3 * pow(i + 1, -1.2879); /* 30 % down to 0.01 % */
        next_row_of_tag[i] = next_tag_row(i, 0);
        heap[i] = i;
    }
    for (uint32_t i = TAGS; i-- > 0;)
        sift_down(i);
    order = malloc(row_count * sizeof *order);
    struct split_random rng = {5};
    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t at = (uint32_t)split_below(&rng, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
}

static uint32_t add_attribute(const char *name, enum sh_type type, const struct sh_text *labels, uint32_t label_count) {
    const struct sh_attribute_spec spec = {
        .name = sh_text_of(name), .type = type, .labels = labels, .label_count = label_count};
    uint32_t index;
    must(sh_table_add_attribute(table, &spec, &index, NULL));
    return index;
}

static void make_table(void) {
    static char bytes[TIERS][8];
    struct sh_text labels[TIERS];
    for (uint32_t i = 0; i < TIERS; i++) {
        (void)snprintf(bytes[i], sizeof bytes[i], "tier%u", i);
        labels[i] = sh_text_of(bytes[i]);
    }
    table = sh_table_create();
    city = add_attribute("city", SH_TYPE_STRING, NULL, 0);
    tier = add_attribute("tier", SH_TYPE_ENUM, labels, TIERS);
    gender = add_attribute("gender", SH_TYPE_ENUM, labels, GENDERS);
    age = add_attribute("age", SH_TYPE_INT, NULL, 0);
    points = add_attribute("points", SH_TYPE_INT, NULL, 0);
    must(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), &interests, NULL));
    for (uint32_t i = 0; i < CITIES || i < TAGS; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "text %u", i);
        uint32_t code;
        if (i < CITIES) must(sh_table_text_code(table, city, sh_text_of(text), &code, NULL));
        if (i < TAGS) must(sh_table_tag_code(table, interests, sh_text_of(text), &code, NULL));
    }
}

/* ---- Questions ---- */

static void write_row(const struct row *row) {
    uint32_t slot;
    must(sh_table_intern(table, row_id(row), row->hash, &slot, NULL, NULL));
    must(sh_table_set(table, slot, city, row->city));
    must(sh_table_set(table, slot, tier, row->tier));
    must(sh_table_set(table, slot, gender, row->gender));
    must(sh_table_set(table, slot, age, row->age));
    must(sh_table_set(table, slot, points, row->points));
    for (uint32_t i = 0; i < row->tag_count; i++)
        must(sh_table_tag_add(table, slot, interests, row->tags[i]));
}

/* Rows are made in batches outside the clock. `shuffled`: rows that are there already, in random order. */
static void bench_load(const char *what, bool shuffled) {
    enum { BATCH = 4096 };
    static struct row batch[BATCH + AHEAD];
    struct split_random rng = {shuffled ? 21u : 11u};
    double took = 0;
    double slowest = 0;
    for (uint64_t first = 0; first < row_count; first += BATCH) {
        const uint32_t count = (uint32_t)(row_count - first < BATCH ? row_count - first : BATCH);
        for (uint32_t i = 0; i < count; i++) {
            make_row(&batch[i], (uint32_t)(first + i), &rng);
            if (!shuffled) continue;
            make_id(order[split_below(&rng, row_count)], batch[i].id);
            batch[i].hash = sh_id_hash(row_id(&batch[i]));
            batch[i].tag_count = 0;
        }
        const double start = now_seconds();
        for (uint32_t i = 0; i < count; i++) {
            if (i + AHEAD < count) sh_table_prefetch(table, batch[i + AHEAD].hash);
            if (i + NEAR < count) sh_table_prefetch_row(table, batch[i + NEAR].hash);
            write_row(&batch[i]);
        }
        const double batch_took = now_seconds() - start;
        took += batch_took;
        if (batch_took > slowest) slowest = batch_took;
    }
    printf("%-44s %7.3f us a row, slowest batch of %d rows %.2f ms\n", what, took / (double)row_count * 1e6, BATCH,
           slowest * 1e3);
}

static void bench_find(bool batched) {
    enum { FINDS = 1000000 };
    char(*ids)[ID_BYTES] = malloc((size_t)FINDS * ID_BYTES);
    uint64_t *hashes = malloc((size_t)FINDS * sizeof *hashes);
    struct split_random rng = {31};
    for (uint32_t i = 0; i < FINDS; i++) {
        make_id(order[split_below(&rng, row_count)], ids[i]);
        hashes[i] = sh_id_hash((struct sh_text){ids[i], ID_BYTES});
    }
    const double start = now_seconds();
    uint64_t sum = 0;
    for (uint32_t i = 0; i < FINDS; i++) {
        if (batched && i + AHEAD < FINDS) sh_table_prefetch(table, hashes[i + AHEAD]);
        if (batched && i + NEAR < FINDS) sh_table_prefetch_row(table, hashes[i + NEAR]);
        const uint32_t slot = sh_table_find_hashed(table, (struct sh_text){ids[i], ID_BYTES}, hashes[i]);
        int64_t value = 0;
        if (slot == SH_SLOT_NONE || !sh_table_get(table, slot, points, &value)) abort();
        sum += slot + (uint64_t)value;
    }
    const double took = now_seconds() - start;
    note(sum);
    printf("%-44s %7.3f us\n", batched ? "find a random id and its points, batched" : "find a random id and its points",
           took / FINDS * 1e6);
    free(ids);
    free(hashes);
}

static void bench_points(void) {
    static uint64_t words[SH_BLOCK_WORDS] __attribute__((aligned(64)));
    double best = 1e9;
    for (uint32_t round = 0; round < 12; round++) {
        const double start = now_seconds();
        const struct sh_column *column = &sh_table_attribute(table, points)->column;
        uint64_t count = 0;
        for (uint32_t block = 0; block < column->block_count; block++) {
            sh_column_range(column, block, 20001, 50000, words);
            count += sh_bits->popcount(words, SH_BLOCK_WORDS);
        }
        note(count);
        const double took = now_seconds() - start;
        if (took < best) best = took;
    }
    printf("%-44s %7.3f ms\n", "20,000 < points <= 50,000, all rows", best * 1e3);
}

static void print_memory(void) {
    struct sh_table_memory memory;
    sh_table_memory(table, &memory);
    const double rows = (double)row_count;
    printf("memory, bytes a row: ids %.1f, columns %.1f, slices %.1f, value bitmaps %.1f, tag bitmaps %.1f, tag lists "
           "%.1f, dictionaries %.1f, total %.1f; %.0f MB in all, %.0f MB taken from the allocator\n",
           (double)memory.ids / rows, (double)memory.columns / rows, (double)memory.slices / rows,
           (double)memory.value_bitmaps / rows, (double)memory.tag_bitmaps / rows, (double)memory.tag_lists / rows,
           (double)memory.dictionaries / rows, (double)memory.total / rows, (double)memory.total / 1e6,
           (double)sh_memory_bytes() / 1e6);
}

int main(int argc, char **argv) {
    if (argc > 1) row_count = (uint64_t)(strtod(argv[1], NULL) * 1e6);
    printf("%llu rows\n", (unsigned long long)row_count);
    make_population();
    make_table();
    bench_load("new rows: intern, 5 attributes, 1 tag", false);
    print_memory();
    bench_find(false);
    bench_find(true);
    bench_points();
    print_memory();
    bench_load("known rows at random: 5 attributes", true);
    print_memory();
    const double start = now_seconds();
    const uint64_t forgets = row_count / 10;
    for (uint32_t slot = 0; slot < forgets; slot++)
        must(sh_table_forget(table, slot * 7 % (uint32_t)row_count, 1));
    printf("%-44s %7.3f us a row\n", "forget", (now_seconds() - start) / (double)forgets * 1e6);
    sh_table_destroy(table);
    printf("hash %016llx\n", (unsigned long long)answer_hash);
    free(order);
    free(next_row_of_tag);
    return 0;
}
