/* learn_bench.c -- what does it cost to learn an event, all online sources together?
 *
 * A shop of 20,000 items with five of 500 tags and one of 100 categories, and 100,000 users who come in visits of some
 * eight events; 2,000 visits go on at a time and their events come mixed, views mostly, some carts, some purchases. What
 * is popular is looked at far more often, and a visit stays in one part of the shop for most of its events. The first
 * half of the events fills the model (tags, visits, pairs, popularity), the second half is timed. With `scattered` every
 * event is of a user and an item drawn anew: no visit, nobody's memory was touched lately, the hard case.
 *
 * Beside it: every source alone over the same events, with hints of its own where it takes them, which must leave what the
 * sources together left (it is compared); and what the memory alone would take: an event touches some LINES lines of 64
 * bytes anywhere in as much memory as the model has, all asked for ahead, and so many are timed. (Ten of the user's
 * lists, eight of the item's, eight heads of lists of pairs, and a line in each of up to fourteen lists of pairs.)
 *
 * Run: learn_bench [EVENTS [USERS [ITEMS [scattered]]]]. The hash is of all affinities, popularities, visits, pairs and
 * trends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "bench_shop.h"
#include "calendar.h"
#include "feed_private.h"
#include "hash.h"
#include "memory.h"

enum {
    TAGS = BENCH_TAGS,
    CATEGORIES = BENCH_CATEGORIES,
    TAGS_AN_ITEM = BENCH_TAGS_AN_ITEM,
    VISITS = 2000,
    VISIT_LENGTH = 8
};
enum { BATCH = 8192, AHEAD = 3, LINES = 40, LINES_TIMED = 4000000, LINES_AHEAD = 48 };
#define BEGIN_MS INT64_C(1772294400000)

struct shop {
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_feed_model *model;
    uint32_t user_count;
    uint32_t item_count;
    bool is_scattered;
    uint64_t state;
    struct visit {
        uint32_t user;
        uint32_t taste;
        uint32_t left;
    } visits[VISITS];
};

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(enum sh_status status) {
    if (status != SH_OK) abort();
}

static uint64_t draw(struct shop *shop) {
    shop->state += 0x9E3779B97F4A7C15u;
    return sh_hash_mix(shop->state, 1);
}

static void make_items(struct shop *shop) {
    bench_make_items(shop->items, shop->item_count);
    for (uint32_t i = 0; i < shop->item_count; i++)
        must(sh_feed_item_put(shop->model, i, BEGIN_MS));
}

static void open_shop(struct shop *shop) {
    static const char *const types[] = {"view", "cart", "purchase"};
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &shop->zone, NULL));
    shop->users = sh_table_create();
    shop->items = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    if (shop->users == NULL || shop->items == NULL || shop->events == NULL) abort();
    const struct sh_feed_scope scope = {.users = shop->users, .items = shop->items, .events = shop->events};
    shop->model = sh_feed_model_create(&scope);
    if (shop->model == NULL) abort();
    for (uint32_t i = 0; i < 3; i++)
        must(sh_event_type_add(shop->events, sh_text_of(types[i]), 2, NULL, NULL));
    make_items(shop);
    for (uint32_t i = 0; i < shop->user_count; i++)
        (void)bench_intern(shop->users, "user", i);
}

static void close_shop(struct shop *shop) {
    sh_feed_model_destroy(shop->model);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->items);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
}

/* A tenth of the shop is one part of it: what is popular there, is popular. */
static uint32_t item_of(struct shop *shop, uint32_t taste) {
    const uint32_t item = bench_skewed(draw(shop), shop->item_count);
    if (shop->is_scattered || draw(shop) % 4 == 0) return item;
    const uint32_t moved = item / 10 * 10 + taste;
    return moved < shop->item_count ? moved : item;
}

static struct sh_event next_event(struct shop *shop, uint32_t number) {
    static const uint8_t types[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2};
    struct visit *visit = &shop->visits[draw(shop) % VISITS];
    if (visit->left == 0 || shop->is_scattered)
        *visit = (struct visit){(uint32_t)(draw(shop) % shop->user_count), (uint32_t)(draw(shop) % 10),
                                1 + (uint32_t)(draw(shop) % (2 * VISIT_LENGTH))};
    visit->left--;
    return (struct sh_event){.type = types[draw(shop) % 16],
                             .slot = visit->user,
                             .item = item_of(shop, visit->taste),
                             .time_ms = BEGIN_MS + (int64_t)number * 40};
}

/* As event.append does with its batches, of which these are the longest. */
static void learn(struct shop *shop, const struct sh_event *events, uint32_t count, int64_t now_ms) {
    for (uint32_t i = 0; i < count; i += BATCH)
        sh_feed_learn_all(shop->model, events + i, count - i < BATCH ? count - i : BATCH, now_ms, NULL);
}

/* ---- What was learned, in numbers that do not depend on the order of places ---- */

static uint64_t hash_of_tags(const struct shop *shop, int64_t now_ms) {
    static struct sh_feed_affinity affinities[SH_FEED_AFFINITY_COUNT_MAX];
    uint64_t hash = 0;
    for (uint32_t user = 0; user < shop->user_count; user++) {
        const uint32_t count = sh_feed_affinities(shop->model, user, now_ms, affinities, SH_FEED_AFFINITY_COUNT_MAX);
        for (uint32_t i = 0; i < count; i++)
            hash = sh_hash_mix(hash, (uint64_t)(affinities[i].long_lived * 1e6) ^ sh_hash_text(affinities[i].name));
    }
    return hash;
}

static uint64_t hash_of_popularity(const struct shop *shop, int64_t now_ms) {
    uint64_t hash = 0;
    for (uint32_t item = 0; item < shop->item_count; item++)
        hash = sh_hash_mix(hash, (uint64_t)(sh_feed_popularity(shop->model, item, now_ms) * 1e6));
    return hash;
}

static uint64_t hash_of_pairs(const struct sh_pairs *pairs, uint32_t item_count) {
    static struct sh_pair list[SH_PAIR_OF_ITEM_MAX];
    uint64_t hash = 0;
    for (uint32_t item = 0; item < item_count; item++) {
        const uint32_t count = sh_pairs_of(pairs, item, list);
        for (uint32_t i = 0; i < count; i++)
            hash += sh_hash_mix((uint64_t)item << 32 | list[i].item, list[i].count);
    }
    return hash;
}

static uint64_t hash_of_visits(const struct sh_sessions *sessions, uint32_t user_count, int64_t now_ms) {
    uint32_t items[SH_SESSION_CLICK_COUNT_MAX];
    uint64_t hash = sh_sessions_count(sessions);
    for (uint32_t user = 0; user < user_count; user++) {
        const uint32_t count = sh_sessions_open(sessions, user, now_ms, items);
        for (uint32_t i = 0; i < count; i++)
            hash = sh_hash_mix(hash, (uint64_t)user << 32 | items[i]);
    }
    return hash;
}

static uint64_t hash_of_trends(const struct sh_trends *trends, uint32_t item_count, int64_t now_ms) {
    uint64_t hash = 0;
    for (uint32_t item = 0; item < item_count; item++)
        hash = sh_hash_mix(hash, (uint64_t)(int64_t)(sh_trends_of(trends, 0, item, now_ms).short_lived * 1e6));
    return hash;
}

/* ---- Each source alone ---- */

/* Stores of their own; those of the shop's own model are what they are compared with. */
struct alone {
    struct shop *shop;
    int64_t now_ms;
    struct sh_feed_model *model; /* of tags and popularity */
    struct sh_sessions *sessions;
    struct sh_pairs *liked;
    struct sh_pairs *bought;
    struct sh_trends *trends;
};

static void learn_tags(const struct alone *alone, const struct sh_event *events, uint32_t at, uint32_t count) {
    if (at + AHEAD < count) affinity_prefetch(alone->model, events[at + AHEAD].slot);
    must(sh_feed_learn_user(alone->model, &events[at], alone->now_ms));
}

static void learn_popularity(const struct alone *alone, const struct sh_event *events, uint32_t at, uint32_t count) {
    (void)count;
    const struct sh_feed_effect effect = sh_feed_effect_of(alone->model, &events[at], alone->now_ms);
    must(sh_feed_learn_effect(alone->model, &effect));
}

static uint64_t hash_of_user(const void *context, uint32_t user) {
    return sh_id_hash(sh_table_id(((const struct shop *)context)->users, user));
}

static void learn_visits(const struct alone *alone, const struct sh_event *events, uint32_t at, uint32_t count) {
    struct sh_session_click click;
    for (uint32_t step = SH_SESSIONS_AHEAD_ROOTS; step <= SH_SESSIONS_AHEAD_CLICKS; step++) {
        const uint32_t later = at + (SH_SESSIONS_AHEAD_CLICKS + 1 - step) * AHEAD;
        if (later < count)
            sh_sessions_prefetch(alone->sessions, (enum sh_sessions_ahead)step, events[later].slot, events[later].item);
    }
    must(sh_sessions_add(alone->sessions, events[at].slot, hash_of_user, alone->shop, events[at].item,
                         events[at].time_ms, &click));
}

static void learn_pairs(const struct alone *alone, const struct sh_event *events, uint32_t at, uint32_t count) {
    struct sh_pair_step step;
    const struct sh_event *event = &events[at];
    const struct sh_feed_weight weight = sh_feed_weight(alone->model, event->type);
    for (uint32_t ahead = SH_PAIRS_AHEAD_ROOTS; ahead <= SH_PAIRS_AHEAD_PLACES; ahead++) {
        const uint32_t later = at + (SH_PAIRS_AHEAD_PLACES + 1 - ahead) * AHEAD;
        if (later < count)
            sh_pairs_prefetch(alone->liked, (enum sh_pairs_ahead)ahead, events[later].slot, events[later].item);
    }
    must(sh_pairs_prepare(alone->liked, event->slot, event->item));
    sh_pairs_like(alone->liked, event->slot, event->item, weight.weight, &step);
    if (!weight.is_bought) return;
    must(sh_pairs_prepare(alone->bought, event->slot, event->item));
    sh_pairs_like(alone->bought, event->slot, event->item, 1, &step);
}

static void learn_trends(const struct alone *alone, const struct sh_event *events, uint32_t at, uint32_t count) {
    if (at + AHEAD < count) sh_trends_prefetch(alone->trends, SH_TREND_EVERYWHERE, events[at + AHEAD].item);
    const double weight = sh_feed_weight(alone->model, events[at].type).weight;
    const struct sh_trend_act act =
        sh_trends_act(alone->trends, events[at].item, SH_TREND_EVERYWHERE, weight, events[at].time_ms);
    must(sh_trends_reserve(alone->trends));
    sh_trends_add(alone->trends, &act);
}

static void time_alone(const struct alone *alone, const struct sh_event *events, uint32_t count, const char *name,
                       void (*learn_one)(const struct alone *, const struct sh_event *, uint32_t, uint32_t)) {
    const uint32_t half = count / 2;
    for (uint32_t i = 0; i < half; i++)
        learn_one(alone, events, i, count);
    const double begin = now_seconds();
    for (uint32_t i = half; i < count; i++)
        learn_one(alone, events, i, count);
    printf("  %-12s %6.0f ns an event\n", name, (now_seconds() - begin) * 1e9 / (double)(count - half));
}

static void expect(const char *name, uint64_t alone, uint64_t together) {
    if (alone == together) return;
    (void)fprintf(stderr, "%s: what was learned alone is not what was learned together\n", name);
    exit(1);
}

static void run_alone(struct shop *shop, const struct sh_event *events, uint32_t count, int64_t now_ms) {
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    const struct sh_feed_scope scope = {.users = shop->users, .items = shop->items, .events = shop->events};
    struct alone alone = {.shop = shop, .now_ms = now_ms, .model = sh_feed_model_create(&scope)};
    alone.sessions = sh_sessions_create((struct sh_session_limits){0});
    alone.liked = sh_pairs_create((struct sh_pair_limits){0});
    alone.bought = sh_pairs_create((struct sh_pair_limits){0});
    alone.trends = sh_trends_create(config->half_life_trend_ms, config->half_life_popularity_ms, 0);
    if (!alone.model || !alone.sessions || !alone.liked || !alone.bought || !alone.trends) abort();
    struct shop other = *shop;
    other.model = alone.model;
    time_alone(&alone, events, count, "tags", learn_tags);
    expect("tags", hash_of_tags(&other, now_ms), hash_of_tags(shop, now_ms));
    time_alone(&alone, events, count, "popularity", learn_popularity);
    expect("popularity", hash_of_popularity(&other, now_ms), hash_of_popularity(shop, now_ms));
    time_alone(&alone, events, count, "visits", learn_visits);
    expect("visits", hash_of_visits(alone.sessions, shop->user_count, now_ms),
           hash_of_visits(shop->model->sessions, shop->user_count, now_ms));
    time_alone(&alone, events, count, "pairs", learn_pairs);
    expect("liked", hash_of_pairs(alone.liked, shop->item_count), hash_of_pairs(shop->model->liked, shop->item_count));
    expect("bought", hash_of_pairs(alone.bought, shop->item_count),
           hash_of_pairs(shop->model->bought, shop->item_count));
    time_alone(&alone, events, count, "trends", learn_trends);
    expect("trends", hash_of_trends(alone.trends, shop->item_count, now_ms),
           hash_of_trends(shop->model->trends, shop->item_count, now_ms));
    sh_trends_destroy(alone.trends);
    sh_pairs_destroy(alone.bought);
    sh_pairs_destroy(alone.liked);
    sh_sessions_destroy(alone.sessions);
    sh_feed_model_destroy(alone.model);
}

/* What the memory alone takes for the lines of an event. */
static double memory_ns(size_t byte_count) {
    const uint64_t line_count = byte_count / 64;
    uint32_t *memory = sh_alloc_zero(line_count * 64);
    if (memory == NULL) abort();
    const double begin = now_seconds();
    for (uint64_t i = 0; i < LINES_TIMED; i++) {
        __builtin_prefetch(memory + 16 * (sh_hash_mix(i + LINES_AHEAD, 7) % line_count), 1);
        memory[16 * (sh_hash_mix(i, 7) % line_count)]++;
    }
    const double seconds = now_seconds() - begin;
    sh_free(memory);
    return seconds * 1e9 / LINES_TIMED;
}

int main(int argument_count, char **arguments) {
    static struct shop shop;
    const uint32_t event_count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 2000000;
    shop.user_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 100000;
    shop.item_count = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 20000;
    shop.is_scattered = argument_count > 4 && strcmp(arguments[4], "scattered") == 0;
    if (event_count < 2 || shop.user_count == 0 || shop.item_count == 0) {
        printf("usage: learn_bench [EVENTS [USERS [ITEMS [scattered]]]]\n");
        return 2;
    }
    open_shop(&shop);
    struct sh_event *events = sh_alloc(event_count * sizeof *events);
    if (events == NULL) abort();
    for (uint32_t i = 0; i < event_count; i++)
        events[i] = next_event(&shop, i);
    const int64_t now_ms = BEGIN_MS + (int64_t)event_count * 40;
    const uint32_t half = event_count / 2;
    learn(&shop, events, half, now_ms);
    const double begin = now_seconds();
    learn(&shop, events + half, event_count - half, now_ms);
    const double seconds = now_seconds() - begin;
    const size_t model_bytes = sh_feed_memory_bytes(shop.model);
    const uint64_t hash = hash_of_tags(&shop, now_ms) ^ hash_of_popularity(&shop, now_ms) ^
                          hash_of_visits(shop.model->sessions, shop.user_count, now_ms) ^
                          hash_of_pairs(shop.model->liked, shop.item_count) ^
                          hash_of_trends(shop.model->trends, shop.item_count, now_ms);
    printf("%u users, %u items, %s: %.0f ns an event after %u events; %.1f MiB; hash %016llx\n", shop.user_count,
           shop.item_count, shop.is_scattered ? "scattered" : "in visits", seconds * 1e9 / (double)(event_count - half),
           half, (double)model_bytes / 1048576.0, (unsigned long long)hash);
    const double line_ns = memory_ns(model_bytes);
    char row[64];
    (void)snprintf(row, sizeof row, "an event learned, %s", shop.is_scattered ? "scattered" : "in visits");
    bench_record_number("learning", row, "shoal", "ns", seconds * 1e9 / (double)(event_count - half));
    bench_record_number("learning", row, "memory alone", "ns", line_ns * LINES);
    printf("memory alone: %.1f ns a line, %.0f ns for the %d lines of an event\nalone:\n", line_ns, line_ns * LINES,
           (int)LINES);
    run_alone(&shop, events, event_count, now_ms);
    sh_free(events);
    close_shop(&shop);
    return 0;
}
