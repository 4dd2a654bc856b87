/* feed_bench.c -- how many feeds a second does one core make, exactly and narrowed, and what does learning an event cost?
 *
 * 100,000 items with five of 500 tags (some tags far commoner than others), one of 100 categories, and a vector of 64
 * numbers around the point of their category; 38 % of them are eligible. Users have 40 weighted tags (8 of their own that are
 * words of items, 32 learned from 200 events) and a vector of three items; top 50 with reasons. Bought items are left
 * out, so a request also walks the user's history. Times are of this thread's own work, begin to end of sh_feed_get.
 *
 *   exact             every eligible item scored               narrowed     a first score of all, then of the best
 *   "tags alone"      without the vectors                      "vectors alone"   without everything else: what a vector
 *                                                                                 index answers (vector_peers.py)
 *
 * "recall" is the share of the exact best ten that are among the narrowed feed's first ten: the exact feeds of the same run
 * are the check. "scored" is how many items had the exact score.
 *
 * The reference is the least that exact scoring by tags needs: for each of the user's tags a plain list of item numbers, a
 * sum an item, popularity and recency as arrays, the eligible bits, a heap of 50. It knows the user's tags and weights
 * already, and tells no reasons. The floor is what must be read, at the speed at which this run reads a block of that size:
 * exact, the rows of the vectors of eligible items, and the postings; narrowed, the codes and bytes of all items, and the
 * postings.
 *
 * Run: feed_bench [ITEMS [REQUESTS [ROUNDS [WAY]]]]; medians of rounds are printed; WAY is one of the names below, alone.
 * SHOAL_BENCH_DUMP=FILE writes the vectors, and the exact best by them alone, for vector_peers.py.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "bench_shop.h"
#include "feed.h"
#include "hash.h"
#include "memory.h"

enum {
    TAGS = BENCH_TAGS,
    CATEGORIES = BENCH_CATEGORIES,
    TAGS_AN_ITEM = BENCH_TAGS_AN_ITEM,
    USERS = 200,
    EVENTS_A_USER = 200,
    OWN_TAGS = 8,
    TOP = 50
};
enum { ROUNDS_MAX = 99, DIMENSION = 64, TOP_CHECKED = 10 };
#define RECALL_LEAST 0.95
#define SPREAD       1.0 /* of items around their category: cosine 0.5 between two of the same */
#define NOW_MS       INT64_C(1772294400000)

struct shop {
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_feed_model *model;
    struct sh_bitmap eligible;
    uint32_t item_count;
};

/* Of this thread's own work: what others do on the machine does not count. */
static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(enum sh_status status) {
    if (status != SH_OK) abort();
}

static void make_items(struct shop *shop) {
    bench_make_items(shop->items, shop->item_count);
    for (uint32_t i = 0; i < shop->item_count; i++) {
        must(sh_feed_item_put(shop->model, i, NOW_MS - (int64_t)(i % 365) * SH_DAY_MS));
        if (sh_hash_mix(i + 1, 7) % 100 < 38) must(sh_bitmap_add(&shop->eligible, i, NULL));
    }
}

/* ---- Vectors: of items around the point of their category, of users around some items ---- */

static double gauss(uint64_t seed, uint64_t number) {
    double sum = 0;
    for (uint32_t i = 0; i < 12; i++)
        sum += (double)(sh_hash_mix(seed * 12 + i, number) >> 11) / 9007199254740992.0;
    return sum - 6;
}

static void put_vector(struct shop *shop, enum sh_feed_whose whose, uint32_t slot, const double *values) {
    int16_t row[SH_VECTOR_DIMENSION_MAX];
    if (!sh_vectors_fit(values, DIMENSION, row)) abort();
    must(sh_feed_vector_put(shop->model, whose, slot, row));
}

static void item_vector(uint32_t item, double *values) {
    const uint64_t category = sh_hash_mix(item + 1, 99) % CATEGORIES;
    for (uint32_t k = 0; k < DIMENSION; k++)
        values[k] = gauss(category + 1, k) + SPREAD * gauss(item + 1001, k);
}

static void make_vectors(struct shop *shop) {
    struct sh_feed_config config = *sh_feed_config(shop->model);
    double values[SH_VECTOR_DIMENSION_MAX];
    memcpy(config.vector_space, "bench", 5);
    config.vector_space_count = 5;
    config.vector_dimension = DIMENSION;
    must(sh_feed_configure(shop->model, &config, NULL, NULL));
    for (uint32_t item = 0; item < shop->item_count; item++) {
        item_vector(item, values);
        put_vector(shop, SH_FEED_OF_ITEM, item, values);
    }
    for (uint32_t user = 0; user < USERS; user++) {
        double sum[SH_VECTOR_DIMENSION_MAX] = {0};
        for (uint32_t n = 0; n < 3; n++) {
            item_vector((uint32_t)(sh_hash_mix(user + 1, n + 77) % shop->item_count), values);
            for (uint32_t k = 0; k < DIMENSION; k++)
                sum[k] += values[k];
        }
        put_vector(shop, SH_FEED_OF_USER, user, sum);
    }
}

static double make_users(struct shop *shop) {
    static const char *const types[] = {"view", "cart", "purchase"};
    must(sh_table_add_tag_set(shop->users, SH_TEXT_LITERAL("interests"), NULL, NULL));
    for (uint32_t i = 0; i < 3; i++)
        must(sh_event_type_add(shop->events, sh_text_of(types[i]), 2, NULL, NULL));
    for (uint32_t i = 0; i < USERS; i++) {
        const uint32_t user = bench_intern(shop->users, "user", i);
        for (uint32_t t = 0; t < OWN_TAGS; t++)
            bench_add_tag(shop->users, user, (i * 13 + t * 11) % TAGS);
    }
    struct sh_event *learned = sh_alloc(USERS * EVENTS_A_USER * sizeof *learned);
    if (learned == NULL) abort();
    for (uint32_t i = 0; i < USERS * EVENTS_A_USER; i++) {
        const uint64_t mix = sh_hash_mix(i + 1, 5);
        learned[i] = (struct sh_event){.type = mix % 10 == 0 ? 2 : mix % 4 == 0,
                                       .slot = i % USERS,
                                       .item = bench_skewed(sh_hash_mix(mix, 11), shop->item_count),
                                       .time_ms = NOW_MS - (int64_t)(USERS * EVENTS_A_USER - i) * SH_MINUTE_MS};
        bool duplicate;
        must(sh_event_append(shop->events, &learned[i], &duplicate, NULL));
    }
    const double begin = now_seconds();
    for (uint32_t i = 0; i < USERS * EVENTS_A_USER; i++)
        must(sh_feed_learn(shop->model, &learned[i], NOW_MS, NULL));
    const double seconds = now_seconds() - begin;
    sh_free(learned);
    return seconds / (USERS * EVENTS_A_USER);
}

static void open_shop(struct shop *shop) {
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &shop->zone, NULL));
    shop->users = sh_table_create();
    shop->items = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    shop->eligible = SH_BITMAP_EMPTY;
    if (shop->users == NULL || shop->items == NULL || shop->events == NULL) abort();
    const struct sh_feed_scope scope = {.users = shop->users, .items = shop->items, .events = shop->events};
    shop->model = sh_feed_model_create(&scope);
    if (shop->model == NULL) abort();
}

static void close_shop(struct shop *shop) {
    sh_bitmap_deinit(&shop->eligible);
    sh_feed_model_destroy(shop->model);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->items);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
}

/* ---- Feeds ---- */

/* What is asked, one way or another. */
struct way {
    const char *name;
    enum sh_feed_narrowing narrowing;
    bool has_vector;
    bool has_others;
    uint32_t exact;             /* the way that it is checked against */
    double seconds[ROUNDS_MAX]; /* of all requests of a round */
    double *latencies;          /* of each request of the last round */
    uint32_t *items;            /* the first TOP_CHECKED of each */
    uint64_t hash;
    uint64_t scored;
};

static void run_feeds(struct shop *shop, uint32_t request_count, struct sh_arena *arena, struct way *way,
                      uint32_t round) {
    struct sh_feed_config config = *sh_feed_config(shop->model);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        if (!(i == SH_FEED_VECTOR ? way->has_vector : way->has_others)) config.weights[i] = 0;
    way->hash = 0;
    way->scored = 0;
    way->seconds[round] = 0;
    for (uint32_t i = 0; i < request_count; i++) {
        const struct sh_feed_request request = {.user = i % USERS,
                                                .count = TOP,
                                                .now_ms = NOW_MS,
                                                .eligible = &shop->eligible,
                                                .weights = config.weights,
                                                .narrowing = way->narrowing};
        struct sh_feed_answer answer;
        const double begin = now_seconds();
        must(sh_feed_get(shop->model, &request, arena, &answer, NULL));
        way->latencies[i] = now_seconds() - begin;
        way->seconds[round] += way->latencies[i];
        way->scored += answer.scored_count;
        for (uint32_t k = 0; k < answer.count; k++) {
            way->hash = sh_hash_mix(way->hash + answer.items[k].item + 1, 0x9E3779B97F4A7C15);
            if (k < TOP_CHECKED) way->items[i * TOP_CHECKED + k] = answer.items[k].item;
        }
        sh_arena_reset(arena);
    }
}

/* The share of the exact best that the other way has among its first as many. */
static double recall_of(const struct way *way, const struct way *exact, uint32_t request_count) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < request_count; i++)
        for (uint32_t k = 0; k < TOP_CHECKED; k++)
            for (uint32_t n = 0; n < TOP_CHECKED; n++)
                found += way->items[i * TOP_CHECKED + n] == exact->items[i * TOP_CHECKED + k];
    return (double)found / (request_count * TOP_CHECKED);
}

/* ---- The reference ---- */

struct reference {
    uint32_t *items_of_tag[TAGS + CATEGORIES];
    uint32_t count_of_tag[TAGS + CATEGORIES];
    double *inverse_norm;
    double *popularity;
    double *recency;
    double *sums;
    uint64_t *eligible;
    uint32_t word_count;
};

static void *array_of(size_t count, size_t element_bytes) {
    void *memory = sh_alloc_zero(count * element_bytes + 64);
    if (memory == NULL) abort();
    return memory;
}

static void list_items(const struct sh_bitmap *slots, uint32_t **items, uint32_t *count) {
    *count = slots == NULL ? 0 : (uint32_t)sh_bitmap_count(slots);
    *items = array_of(*count, sizeof **items);
    if (*count > 0) sh_bitmap_list(slots, 0, *items, *count);
}

static void make_reference(struct reference *reference, const struct shop *shop) {
    for (uint32_t t = 0; t < TAGS; t++)
        list_items(t < sh_table_tag_count(shop->items, 0) ? sh_table_tag_slots(shop->items, 0, t) : NULL,
                   &reference->items_of_tag[t], &reference->count_of_tag[t]);
    for (uint32_t c = 0; c < CATEGORIES; c++)
        list_items(sh_attribute_value_slots(sh_table_attribute(shop->items, 0), c), &reference->items_of_tag[TAGS + c],
                   &reference->count_of_tag[TAGS + c]);
    reference->word_count = shop->item_count / 64 + 1;
    reference->inverse_norm = array_of(reference->word_count * 64, sizeof(double));
    reference->popularity = array_of(reference->word_count * 64, sizeof(double));
    reference->recency = array_of(reference->word_count * 64, sizeof(double));
    reference->sums = array_of(reference->word_count * 64, sizeof(double));
    reference->eligible = array_of(reference->word_count, sizeof(uint64_t));
    for (uint32_t i = 0; i < shop->item_count; i++) {
        reference->inverse_norm[i] = 1 / sqrt(TAGS_AN_ITEM + 1);
        reference->popularity[i] = sqrt(sh_feed_popularity(shop->model, i, NOW_MS));
        reference->recency[i] = exp2(-(double)(i % 365) / 30);
        if (sh_bitmap_contains(&shop->eligible, i)) reference->eligible[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

static void free_reference(struct reference *reference) {
    for (uint32_t t = 0; t < TAGS + CATEGORIES; t++)
        sh_free(reference->items_of_tag[t]);
    sh_free(reference->inverse_norm);
    sh_free(reference->popularity);
    sh_free(reference->recency);
    sh_free(reference->sums);
    sh_free(reference->eligible);
}

static void offer(double *heap, uint32_t *count, double score) {
    uint32_t place;
    if (*count < TOP) {
        for (place = (*count)++; place > 0 && heap[(place - 1) / 2] > score; place = (place - 1) / 2)
            heap[place] = heap[(place - 1) / 2];
        heap[place] = score;
        return;
    }
    if (score <= heap[0]) return;
    for (place = 0;;) {
        uint32_t child = 2 * place + 1;
        if (child >= TOP) break;
        if (child + 1 < TOP && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= score) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = score;
}

static double run_reference(const struct reference *reference, uint32_t request_count, double *sum) {
    *sum = 0;
    const double begin = now_seconds();
    for (uint32_t i = 0; i < request_count; i++) {
        double heap[TOP];
        uint32_t count = 0;
        memset(reference->sums, 0, (size_t)reference->word_count * 64 * sizeof(double));
        for (uint32_t k = 0; k < OWN_TAGS + SH_FEED_AFFINITY_COUNT_MAX; k++) {
            const uint32_t tag = k < OWN_TAGS ? (i * 13 + k * 11) % TAGS : (i * 7 + k * 5) % (TAGS + CATEGORIES);
            const double weight = 0.001 * (k + 1);
            for (uint32_t n = 0; n < reference->count_of_tag[tag]; n++) {
                const uint32_t item = reference->items_of_tag[tag][n];
                reference->sums[item] += weight * reference->inverse_norm[item];
            }
        }
        for (uint32_t w = 0; w < reference->word_count; w++)
            for (uint64_t word = reference->eligible[w]; word != 0; word &= word - 1) {
                const uint32_t item = w * 64 + (uint32_t)__builtin_ctzll(word);
                const double score =
                    reference->sums[item] + 0.5 * reference->popularity[item] + 0.25 * reference->recency[item];
                offer(heap, &count, score);
            }
        *sum += heap[0];
    }
    return now_seconds() - begin;
}

/* ---- Floors ---- */

/* Seconds to read so many bytes again and again, as they would be between requests. */
static double read_seconds(size_t byte_count) {
    uint64_t *words = array_of(byte_count / 8 + 8, sizeof *words);
    double best = 1;
    uint64_t sum = 0;
    for (uint32_t round = 0; round < 20; round++) {
        uint64_t lanes[8] = {0};
        const double begin = now_seconds();
        for (size_t i = 0; i + 8 <= byte_count / 8; i += 8)
            for (size_t k = 0; k < 8; k++)
                lanes[k] += words[i + k];
        const double seconds = now_seconds() - begin;
        for (size_t k = 0; k < 8; k++)
            sum += lanes[k];
        if (seconds < best) best = seconds;
    }
    if (sum != 0) abort();
    sh_free(words);
    return best;
}

static void print_floor(const char *name, size_t byte_count, double additions) {
    const double seconds = read_seconds(byte_count);
    printf("floor    %-16s %6.2f MB to read, %.0f us here; %.0f thousand additions along postings\n", name,
           (double)byte_count / 1e6, seconds * 1e6, additions / 1e3);
}

static void print_floors(const struct shop *shop, const struct reference *reference) {
    double postings = 0; /* of a mean request, as the reference has it */
    for (uint32_t i = 0; i < USERS; i++)
        for (uint32_t k = 0; k < OWN_TAGS + SH_FEED_AFFINITY_COUNT_MAX; k++)
            postings +=
                reference
                    ->count_of_tag[k < OWN_TAGS ? (i * 13 + k * 11) % TAGS : (i * 7 + k * 5) % (TAGS + CATEGORIES)];
    postings /= USERS;
    const size_t eligible = sh_bitmap_count(&shop->eligible);
    print_floor("exact", eligible * (DIMENSION * 2 + 24) + (size_t)postings * 2, postings);
    print_floor("narrowed", (size_t)shop->item_count * (DIMENSION / 8 + 4 + 4) + (size_t)postings * 2, postings);
}

/* ---- For vector_peers.py ---- */

/* u32 items, dimension, users, best; then floats of items and of users, a byte for each item that is eligible or not, and
 * for each user the exact best. */
static void dump(const struct shop *shop, const struct way *exact, uint32_t request_count) {
    const char *path = getenv("SHOAL_BENCH_DUMP");
    FILE *file = path == NULL || request_count < USERS ? NULL : fopen(path, "wb");
    if (file == NULL) return;
    const uint32_t head[] = {shop->item_count, DIMENSION, USERS, TOP_CHECKED};
    (void)fwrite(head, sizeof head, 1, file);
    for (uint32_t i = 0; i < shop->item_count + USERS; i++) {
        const bool is_item = i < shop->item_count;
        const int16_t *row = sh_vectors_row(sh_feed_vectors(shop->model, is_item ? SH_FEED_OF_ITEM : SH_FEED_OF_USER),
                                            is_item ? i : i - shop->item_count);
        for (uint32_t k = 0; k < DIMENSION; k++) {
            const float value = (float)row[k] / (float)SH_VECTOR_UNIT;
            (void)fwrite(&value, sizeof value, 1, file);
        }
    }
    for (uint32_t i = 0; i < shop->item_count; i++)
        (void)fputc(sh_bitmap_contains(&shop->eligible, i), file);
    (void)fwrite(exact->items, sizeof(uint32_t), (size_t)USERS * TOP_CHECKED, file);
    if (fclose(file) != 0) abort();
}

/* ---- */

static void record_rates(const char *row, const char *side, const double *seconds, uint32_t rounds,
                         uint32_t request_count) {
    double rates[ROUNDS_MAX];
    for (uint32_t round = 0; round < rounds; round++)
        rates[round] = request_count / seconds[round];
    bench_record_write(&(struct bench_record){.group = "feed",
                                              .row = row,
                                              .title = "feeds of 50 a second of one core",
                                              .side = side,
                                              .unit = "/s",
                                              .samples = rates,
                                              .sample_count = rounds});
}

/* Latencies of the last round are sorted. */
static void record(const struct way *way, uint32_t request_count, uint32_t rounds) {
    static const double parts[] = {0.5, 0.9, 0.99, 1};
    double quantiles[4][2];
    char row[64];
    record_rates(way->name, "shoal", way->seconds, rounds, request_count);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t place = (uint32_t)(request_count * parts[i]);
        quantiles[i][0] = parts[i];
        quantiles[i][1] = way->latencies[place < request_count ? place : request_count - 1] * 1e6;
    }
    (void)snprintf(row, sizeof row, "%s: latency", way->name);
    bench_record_write(&(struct bench_record){.group = "feed",
                                              .row = row,
                                              .title = "of one feed",
                                              .side = "shoal",
                                              .unit = "us",
                                              .quantiles = (const double(*)[2])quantiles,
                                              .quantile_count = 4});
}

int main(int argument_count, char **arguments) {
    struct shop shop = {.item_count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 100000};
    const uint32_t request_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 400;
    const uint32_t rounds = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 7;
    if (shop.item_count == 0 || request_count == 0 || rounds == 0 || rounds > ROUNDS_MAX) {
        printf("usage: feed_bench [ITEMS [REQUESTS [ROUNDS]]]\n");
        return 2;
    }
    const char *only = argument_count > 4 ? arguments[4] : NULL;
    struct reference reference = {.word_count = 0};
    struct sh_arena arena;
    enum { TAGS_EXACT, EXACT, VECTORS_EXACT, TAGS_NARROWED, NARROWED, VECTORS_NARROWED, WAY_COUNT };
    struct way ways[WAY_COUNT] = {
        [TAGS_EXACT] = {.name = "exact, tags alone", .has_others = true},
        [EXACT] = {.name = "exact", .has_vector = true, .has_others = true},
        [VECTORS_EXACT] = {.name = "exact, vectors alone", .has_vector = true},
        [TAGS_NARROWED] = {.name = "narrowed, tags alone", .has_others = true, .exact = TAGS_EXACT},
        [NARROWED] = {.name = "narrowed", .has_vector = true, .has_others = true, .exact = EXACT},
        [VECTORS_NARROWED] = {.name = "narrowed, vectors alone", .has_vector = true, .exact = VECTORS_EXACT},
    };
    for (uint32_t i = 0; i < WAY_COUNT; i++) {
        ways[i].narrowing = i < TAGS_NARROWED ? SH_FEED_NARROW_NEVER : SH_FEED_NARROW_ALWAYS;
        if (i < TAGS_NARROWED) ways[i].exact = i;
    }
    double reference_seconds[ROUNDS_MAX];
    double sum = 0;
    open_shop(&shop);
    make_items(&shop);
    const double learn_seconds = make_users(&shop);
    make_vectors(&shop);
    make_reference(&reference, &shop);
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    for (uint32_t i = 0; i < WAY_COUNT; i++) {
        ways[i].latencies = array_of(request_count, sizeof(double));
        ways[i].items = array_of((size_t)request_count * TOP_CHECKED, sizeof(uint32_t));
    }
    for (uint32_t round = 0; round < rounds; round++) {
        reference_seconds[round] = run_reference(&reference, request_count, &sum);
        for (uint32_t i = 0; i < WAY_COUNT; i++)
            if (only == NULL || strcmp(only, ways[i].name) == 0)
                run_feeds(&shop, request_count, &arena, &ways[i], round);
    }
    const double plain = bench_median(reference_seconds, rounds) / request_count;
    printf("%u items, %u eligible, vectors of %u, %u requests, %u rounds\n", shop.item_count,
           (uint32_t)sh_bitmap_count(&shop.eligible), DIMENSION, request_count, rounds);
    printf("%-24s %8s %8s %8s %8s %8s %8s %7s\n", "", "a second", "(best)", "ms", "p99 ms", "scored", "recall",
           "ratio");
    printf("%-24s %8.0f %8.0f %8.3f\n", "plain arrays, tags", 1 / plain, request_count / reference_seconds[0],
           plain * 1e3);
    double recall = 1;
    record_rates(ways[TAGS_EXACT].name, "reference", reference_seconds, rounds, request_count);
    for (uint32_t i = 0; i < WAY_COUNT; i++) {
        if (only != NULL && strcmp(only, ways[i].name) != 0) continue;
        const double feed = bench_median(ways[i].seconds, rounds) / request_count;
        qsort(ways[i].latencies, request_count, sizeof(double), bench_by_value);
        printf("%-24s %8.0f %8.0f %8.3f %8.3f %8.0f", ways[i].name, 1 / feed, request_count / ways[i].seconds[0],
               feed * 1e3, ways[i].latencies[request_count * 99 / 100] * 1e3, (double)ways[i].scored / request_count);
        if (only == NULL) {
            const double found = recall_of(&ways[i], &ways[ways[i].exact], request_count);
            if (found < recall) recall = found;
            char row[64];
            (void)snprintf(row, sizeof row, "%s: recall of the exact best ten", ways[i].name);
            if (ways[i].exact != i) bench_record_number("feed", row, "shoal", "", found);
            printf(" %8.4f", found);
        } else {
            printf(" %8s", "-");
        }
        printf(" %7.2f   %016llx\n", feed / plain, (unsigned long long)ways[i].hash);
        record(&ways[i], request_count, rounds);
    }
    print_floors(&shop, &reference);
    dump(&shop, &ways[VECTORS_EXACT], request_count);
    printf("learning %8.0f ns an event: six tags of a random item for a user with a full list\n", learn_seconds * 1e9);
    printf("memory   %8.1f MB for the model\n", (double)sh_feed_memory_bytes(shop.model) / 1e6);
    printf("hash     %016llx (%.3f)\n", (unsigned long long)ways[EXACT].hash, sum);
    for (uint32_t i = 0; i < WAY_COUNT; i++) {
        sh_free(ways[i].latencies);
        sh_free(ways[i].items);
    }
    sh_arena_deinit(&arena);
    free_reference(&reference);
    close_shop(&shop);
    if (recall >= RECALL_LEAST) return 0;
    printf("a narrowed feed showed fewer than %.2f of the exact best\n", RECALL_LEAST);
    return 1;
}
