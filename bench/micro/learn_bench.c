/* learn_bench.c -- what does it cost to learn an event, all online sources together?
 *
 * A shop of 20,000 items with five of 500 tags and one of 100 categories, and 100,000 users who come in visits of some
 * eight events; 2,000 visits go on at a time and their events come mixed, views mostly, some carts, some purchases. What
 * is popular is looked at far more often, and a visit stays in one part of the shop for most of its events. The first
 * half of the events fills the model (tags, visits, pairs, popularity), the second half is timed. With `scattered` every
 * event is of a user and an item drawn anew: no visit, nobody's memory was touched lately, the hard case.
 *
 * Limits of the machine: an event touches some 10 lines of its user's lists, 4 of its item's and up to 14 lists of pairs
 * anywhere in memory, all asked for ahead as far as the caller knows who comes next.
 *
 * Run: learn_bench [EVENTS [USERS [ITEMS [scattered]]]]. The hash is of all affinities, popularities and pairs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calendar.h"
#include "feed.h"
#include "hash.h"
#include "memory.h"

enum { TAGS = 500, CATEGORIES = 100, TAGS_AN_ITEM = 5, VISITS = 2000, VISIT_LENGTH = 8 };
enum { BATCH = 8192 };
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

/* Skewed: number 0 is drawn most often. */
static uint32_t skewed(uint64_t mix, uint32_t count) {
    const double share = (double)(mix >> 11) / 9007199254740992.0;
    return (uint32_t)(share * share * count);
}

static uint32_t intern(struct sh_table *table, const char *prefix, uint32_t number) {
    char id[32];
    uint32_t slot;
    const int count = snprintf(id, sizeof id, "%s-%06u", prefix, number);
    const struct sh_text text = {id, (uint32_t)count};
    must(sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, NULL));
    return slot;
}

static void make_items(struct shop *shop) {
    const struct sh_attribute_spec category = {.name = SH_TEXT_LITERAL("category"), .type = SH_TYPE_STRING};
    char name[32];
    uint32_t code;
    must(sh_table_add_tag_set(shop->items, SH_TEXT_LITERAL("tags"), NULL, NULL));
    must(sh_table_add_attribute(shop->items, &category, NULL, NULL));
    for (uint32_t i = 0; i < shop->item_count; i++) {
        const uint32_t item = intern(shop->items, "item", i);
        for (uint32_t t = 0; t < TAGS_AN_ITEM; t++) {
            const int count = snprintf(name, sizeof name, "word-%u", skewed(sh_hash_mix(i + 1, t + 3), TAGS));
            must(sh_table_tag_code(shop->items, 0, (struct sh_text){name, (uint32_t)count}, &code, NULL));
            must(sh_table_tag_add(shop->items, item, 0, code));
        }
        const int count = snprintf(name, sizeof name, "category-%u", (uint32_t)(sh_hash_mix(i + 1, 99) % CATEGORIES));
        must(sh_table_text_code(shop->items, 0, (struct sh_text){name, (uint32_t)count}, &code, NULL));
        must(sh_table_set(shop->items, item, 0, code));
        must(sh_feed_item_put(shop->model, item, BEGIN_MS));
    }
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
        (void)intern(shop->users, "user", i);
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
    const uint32_t item = skewed(draw(shop), shop->item_count);
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

static uint64_t hash_of(const struct shop *shop, int64_t now_ms) {
    static struct sh_feed_affinity affinities[SH_FEED_AFFINITY_COUNT_MAX];
    uint64_t hash = 0;
    for (uint32_t user = 0; user < shop->user_count; user++) {
        const uint32_t count = sh_feed_affinities(shop->model, user, now_ms, affinities, SH_FEED_AFFINITY_COUNT_MAX);
        for (uint32_t i = 0; i < count; i++)
            hash = sh_hash_mix(hash, (uint64_t)(affinities[i].long_lived * 1e6) ^ sh_hash_text(affinities[i].name));
    }
    for (uint32_t item = 0; item < shop->item_count; item++)
        hash = sh_hash_mix(hash, (uint64_t)(sh_feed_popularity(shop->model, item, now_ms) * 1e6));
    return hash;
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
    printf("%u users, %u items, %s: %.0f ns an event after %u events; %.1f MiB; hash %016llx\n", shop.user_count,
           shop.item_count, shop.is_scattered ? "scattered" : "in visits", seconds * 1e9 / (double)(event_count - half),
           half, (double)sh_feed_memory_bytes(shop.model) / 1048576.0, (unsigned long long)hash_of(&shop, now_ms));
    sh_free(events);
    close_shop(&shop);
    return 0;
}
