/* fit_bench.c -- whom does an item suit: what does a user cost that feed.users_for_item looks at?
 *
 * 50,000 items with five of 500 tags (some far commoner than others) and one of 100 categories; users with 20 tags of
 * their own that are words of items, and as many learned from 60 events each, so that nearly everybody has something to
 * do with nearly every item: the worst case. All users are asked about 20 items.
 *
 * The reference is what the answer is defined by, the contributions in the user's own feed, here of feed_explain for
 * some users and items: they must be the same to the last bit, or the program fails. Beside it stands the least that is
 * to be done for a user: their two lists are read, and squares are added.
 *
 * Run: fit_bench [USERS [ROUNDS]]. The hash is of the users that were chosen.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "bench_shop.h"
#include "feed_fit.h"
#include "feed_private.h"
#include "hash.h"
#include "memory.h"

enum {
    ITEMS = 50000,
    TAGS = BENCH_TAGS,
    CATEGORIES = BENCH_CATEGORIES,
    TAGS_AN_ITEM = BENCH_TAGS_AN_ITEM,
    OWN_TAGS = 20,
    EVENTS_A_USER = 60
};
enum { ASKED = 20, BEST = 100, ROUNDS_MAX = 99, COMPARED_USERS = 40 };
#define NOW_MS INT64_C(1772294400000)

struct shop {
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_feed_model *model;
    uint32_t user_count;
};

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(enum sh_status status) {
    if (status != SH_OK) abort();
}

static void make_items(struct shop *shop) {
    bench_make_items(shop->items, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++)
        must(sh_feed_item_put(shop->model, i, NOW_MS));
}

static void make_users(struct shop *shop) {
    must(sh_table_add_tag_set(shop->users, SH_TEXT_LITERAL("interests"), NULL, NULL));
    must(sh_event_type_add(shop->events, SH_TEXT_LITERAL("view"), 2, NULL, NULL));
    for (uint32_t i = 0; i < shop->user_count; i++) {
        const uint32_t user = bench_intern(shop->users, "user", i);
        for (uint32_t t = 0; t < OWN_TAGS; t++)
            bench_add_tag(shop->users, user, (i * 13 + t * 11) % TAGS);
    }
    for (uint32_t i = 0; i < shop->user_count * EVENTS_A_USER; i++) {
        const uint64_t mix = sh_hash_mix(i + 1, 5);
        const struct sh_event event = {.slot = i % shop->user_count,
                                       .item = bench_skewed(sh_hash_mix(mix, 11), ITEMS),
                                       .time_ms = NOW_MS - (int64_t)(mix % (30 * 24 * 60)) * SH_MINUTE_MS};
        must(sh_feed_learn(shop->model, &event, NOW_MS, NULL));
    }
}

static void open_shop(struct shop *shop) {
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &shop->zone, NULL));
    shop->users = sh_table_create();
    shop->items = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    if (shop->users == NULL || shop->items == NULL || shop->events == NULL) abort();
    const struct sh_feed_scope scope = {.users = shop->users, .items = shop->items, .events = shop->events};
    shop->model = sh_feed_model_create(&scope);
    if (shop->model == NULL) abort();
}

static void close_shop(struct shop *shop) {
    sh_feed_model_destroy(shop->model);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->items);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
}

/* ---- Asking ---- */

static uint32_t asked_item(uint32_t number) {
    return bench_skewed(sh_hash_mix(number + 1, 17), ITEMS);
}

static void offer_all(const struct shop *shop, struct sh_feed_fit *fit) {
    static uint64_t words[SH_BLOCK_WORDS];
    memset(words, 0xFF, sizeof words);
    for (uint32_t block = 0; block * SH_BLOCK_SLOTS < shop->user_count; block++) {
        const uint32_t left = shop->user_count - block * SH_BLOCK_SLOTS;
        const uint32_t word_count = left < SH_BLOCK_SLOTS ? left / 64 : SH_BLOCK_WORDS;
        sh_feed_fit_offer(fit, block, words, 0, word_count);
    }
}

static double ask_all(const struct shop *shop, struct sh_arena *arena, uint64_t *suited, uint64_t *hash) {
    *hash = 0;
    *suited = 0;
    const double begin = now_seconds();
    for (uint32_t i = 0; i < ASKED; i++) {
        struct sh_feed_fit *fit;
        struct sh_feed_fit_user *users;
        uint32_t count;
        must(sh_feed_fit_create(shop->model, asked_item(i), NOW_MS, BEST, arena, &fit, NULL));
        offer_all(shop, fit);
        *suited += sh_feed_fit_count(fit);
        must(sh_feed_fit_best(fit, &users, &count, NULL));
        for (uint32_t k = 0; k < count; k++)
            *hash = sh_hash_mix(*hash + users[k].user + 1, 0x9E3779B97F4A7C15);
        sh_arena_reset(arena);
    }
    return now_seconds() - begin;
}

/* ---- The reference ---- */

static double score_in_feed(const struct shop *shop, uint32_t user, uint32_t item, struct sh_arena *arena) {
    const struct sh_feed_request request = {.user = user, .count = 1, .now_ms = NOW_MS};
    struct sh_feed_fate fate;
    must(sh_feed_explain(shop->model, &request, item, arena, &fate, NULL));
    return fate.item.contributions[SH_FEED_AFFINITY] + fate.item.contributions[SH_FEED_PAIRS] +
           fate.item.contributions[SH_FEED_WALK];
}

static bool compare(const struct shop *shop, struct sh_arena *arena) {
    bool same = true;
    for (uint32_t i = 0; i < COMPARED_USERS && same; i++) {
        const uint32_t user = (uint32_t)(sh_hash_mix(i + 1, 23) % shop->user_count);
        const uint32_t item = asked_item(i % ASKED);
        struct sh_feed_fit *fit;
        struct sh_feed_fit_user *found;
        uint32_t count;
        const double expected = score_in_feed(shop, user, item, arena);
        must(sh_feed_fit_create(shop->model, item, NOW_MS, 1, arena, &fit, NULL));
        const uint64_t word = UINT64_C(1) << (user % 64);
        sh_feed_fit_offer(fit, user / SH_BLOCK_SLOTS, &word, user % SH_BLOCK_SLOTS / 64, 1);
        must(sh_feed_fit_best(fit, &found, &count, NULL));
        same = count == (expected > 0) && (count == 0 || found[0].score == expected);
        sh_arena_reset(arena);
    }
    return same;
}

/* Both lists of each user, and squares of what they say. */
static double read_all(const struct shop *shop, double *sum) {
    *sum = 0;
    const double begin = now_seconds();
    for (uint32_t i = 0; i < ASKED; i++)
        for (uint32_t user = 0; user < shop->user_count; user++) {
            struct affinity *affinity = shop->model->users[user];
            struct sh_tag_list list;
            sh_table_tags(shop->users, user, 0, &list);
            for (uint32_t k = 0; k < affinity->count; k++) {
                const double both = (double)affinity_short(affinity)[k] + (double)affinity_long(affinity)[k];
                *sum += both * both + affinity_tags(affinity)[k];
            }
            for (uint32_t k = 0; k < list.count; k++)
                *sum += list.codes[k];
        }
    return now_seconds() - begin;
}

int main(int argument_count, char **arguments) {
    struct shop shop = {.user_count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 20000};
    const uint32_t rounds = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 5;
    if (shop.user_count < 64 || rounds == 0 || rounds > ROUNDS_MAX) {
        printf("usage: fit_bench [USERS [ROUNDS]]\n");
        return 2;
    }
    struct sh_arena arena;
    double fit_seconds[ROUNDS_MAX];
    double read_seconds[ROUNDS_MAX];
    uint64_t hash = 0;
    uint64_t suited = 0;
    double sum = 0;
    shop.user_count = shop.user_count / 64 * 64;
    open_shop(&shop);
    make_items(&shop);
    make_users(&shop);
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    const bool same = compare(&shop, &arena);
    for (uint32_t round = 0; round < rounds; round++) {
        read_seconds[round] = read_all(&shop, &sum);
        fit_seconds[round] = ask_all(&shop, &arena, &suited, &hash);
    }
    const double asked = (double)shop.user_count * ASKED;
    const double fit = bench_median(fit_seconds, rounds) / asked;
    const double read = bench_median(read_seconds, rounds) / asked;
    printf("%u users, %u items asked of %u, %.1f %% of the pairs suit\n", shop.user_count, (uint32_t)ASKED,
           (uint32_t)ITEMS, 100.0 * (double)suited / asked);
    printf("users_for_item %7.3f us a user   reading the lists %7.3f us a user   ratio %.1f\n", fit * 1e6, read * 1e6,
           fit / read);
    printf("%s\n", same ? "the same as in the users' own feeds, to the last bit" : "NOT the same as in users' feeds");
    printf("hash           %016llx (%.0f)\n", (unsigned long long)hash, sum);
    sh_arena_deinit(&arena);
    close_shop(&shop);
    return same ? 0 : 1;
}
