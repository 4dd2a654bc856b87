/* learner_bench.c -- what does it cost to learn from feeds that were served?
 *
 *   serve   an item remembered: its names, its rate, its counts           and learned: one example, some fifty terms of a
 *           weight each, when the window of its feed is over              random line of memory, read and written
 *   act     an event with a rec_id: finding its feed, counting
 *   rank    an item of the second phase: the terms' weights, its rate     chances  64 things, what each may be the best
 *
 * Users with two kinds and items with three, popular items more often. The first feeds fill the memory of impressions'
 * window; then each serve learns from one other feed, as in the long run. CPU time of one thread.
 *
 * Run: learner_bench [FEEDS [ITEMS]]. The hash is of the model's losses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "learner.h"
#include "memory.h"

enum { FEED_COUNT = 20, RANKED_COUNT = 192, USERS = 1000, WINDOW_MS = 60000 };

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t draw(uint64_t a, uint64_t b, uint32_t bound) {
    return (uint32_t)(sh_hash_mix(a, b) % bound);
}

static void must(enum sh_status status) {
    if (status != SH_OK) abort();
}

static struct sh_table *make_table(const char *prefix, uint32_t row_count, uint32_t attribute_count) {
    struct sh_table *table = sh_table_create();
    if (table == NULL) abort();
    for (uint32_t a = 0; a < attribute_count; a++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%s%u", prefix, a);
        const struct sh_attribute_spec spec = {.name = sh_text_of(name), .type = SH_TYPE_STRING};
        must(sh_table_add_attribute(table, &spec, NULL, NULL));
    }
    for (uint32_t row = 0; row < row_count; row++) {
        char id[32];
        uint32_t slot;
        const struct sh_text text = {id, (uint32_t)snprintf(id, sizeof id, "%s-%u", prefix, row)};
        must(sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, NULL));
        for (uint32_t a = 0; a < attribute_count; a++) {
            char value[32];
            uint32_t code;
            (void)snprintf(value, sizeof value, "kind %u", draw(row, a + 3, 40));
            must(sh_table_text_code(table, a, sh_text_of(value), &code, NULL));
            must(sh_table_set(table, slot, a, code));
        }
    }
    return table;
}

struct shop {
    struct sh_learner *learner;
    uint32_t item_count;
};

static void serve(const struct shop *shop, uint32_t feed, bool with_acts) {
    struct sh_serving_item items[FEED_COUNT] = {{0}};
    struct sh_serving serving = {.rec = feed + 1,
                                 .user_hash = draw(feed, 1, USERS) + 1,
                                 .time_ms = INT64_C(1600000000000) + feed * 60,
                                 .items = items};
    serving.count = FEED_COUNT;
    serving.kind_count = (uint8_t)sh_learner_user_kinds(shop->learner, draw(feed, 1, USERS), NULL, 0, serving.kinds);
    const uint32_t first = draw(feed, 2, shop->item_count);
    for (uint32_t i = 0; i < FEED_COUNT; i++) {
        items[i] = (struct sh_serving_item){.item = (first + i * i) % shop->item_count,
                                            .score = (float)(FEED_COUNT - i) / 4,
                                            .propensity = 1,
                                            .sources = 3};
        memset(items[i].parts, 128, sizeof items[i].parts);
        for (uint32_t p = 0; p < 4; p++)
            items[i].parts[p] = (uint8_t)(128 + draw(feed, 10 + p, 30));
    }
    sh_learner_serve(shop->learner, &serving);
    for (uint32_t i = 0; with_acts && i < FEED_COUNT;
         i++) { /* there is something to be learned: an item in eight is liked */
        if (items[i].item % 8 != 0 || draw(feed, i + 50, 3) != 0) continue;
        const struct sh_learner_act act = {.rec = feed + 1, .item = items[i].item, .goal = SH_GOAL_CLICK};
        (void)sh_learner_act(shop->learner, &act);
    }
}

static void print_ns(const char *what, double seconds, double count) {
    (void)printf("%-44s %8.0f ns\n", what, seconds * 1e9 / count);
}

static double time_acts(const struct shop *shop, uint32_t from, uint32_t to) {
    const double begin = now_seconds();
    for (uint32_t feed = from; feed < to; feed++) {
        const struct sh_learner_act act = {
            .rec = feed + 1, .item = draw(feed, 2, shop->item_count), .goal = SH_GOAL_CART};
        (void)sh_learner_act(shop->learner, &act);
    }
    return now_seconds() - begin;
}

static double time_ranking(const struct shop *shop, uint32_t rounds, double *sum) {
    uint8_t parts[SH_SHOWN_PART_COUNT];
    memset(parts, 128, sizeof parts);
    memset(parts, 140, 4);
    const double begin = now_seconds();
    for (uint32_t round = 0; round < rounds; round++) {
        struct sh_learner_reader reader;
        uint32_t kinds[SH_SERVED_KIND_COUNT];
        const uint32_t count = sh_learner_user_kinds(shop->learner, draw(round, 1, USERS), NULL, 0, kinds);
        sh_learner_read(shop->learner, NULL, INT64_C(1600000000000), 12, kinds, count, &reader);
        for (uint32_t i = 0; i < RANKED_COUNT; i++) {
            struct sh_learned learned;
            sh_learner_rank(&reader, draw(round, i, shop->item_count), 1.5, parts, &learned);
            *sum += learned.part + learned.predicted;
        }
    }
    return now_seconds() - begin;
}

static double time_chances(uint32_t rounds, double *sum) {
    struct sh_belief beliefs[SH_THOMPSON_COUNT_MAX];
    double chances[SH_THOMPSON_COUNT_MAX];
    const double begin = now_seconds();
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < SH_THOMPSON_COUNT_MAX; i++)
            beliefs[i] = (struct sh_belief){1 + draw(round, i, 20), 20 + draw(round, i + 99, 400)};
        sh_thompson_chances(beliefs, SH_THOMPSON_COUNT_MAX, chances);
        *sum += chances[round % SH_THOMPSON_COUNT_MAX];
    }
    return now_seconds() - begin;
}

int main(int argument_count, char **arguments) {
    const uint32_t feeds = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 20000;
    const uint32_t item_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 100000;
    struct sh_table *users = make_table("user", USERS, 2);
    struct sh_table *items = make_table("item", item_count, 3);
    struct shop shop = {sh_learner_create(users, items), item_count};
    struct sh_learner_config config = sh_learner_config_default();
    struct sh_learner_report report;
    double sum = 0;
    if (shop.learner == NULL) abort();
    config.share = 1;
    config.window_ms = WINDOW_MS;
    config.category_attribute = 0;
    must(sh_learner_configure(shop.learner, &config, NULL));
    const uint32_t warm = WINDOW_MS / 60 + 1;
    const double begin = now_seconds();
    for (uint32_t feed = 0; feed < warm; feed++)
        serve(&shop, feed, true);
    const double between = now_seconds();
    for (uint32_t feed = warm; feed < warm + feeds; feed++)
        serve(&shop, feed, true);
    const double end = now_seconds();
    print_ns("serve: an item remembered", between - begin, (double)warm * FEED_COUNT);
    print_ns("serve: an item remembered, another learned", end - between, (double)feeds * FEED_COUNT);
    const uint32_t acts = feeds < 10000 ? feeds : 10000;
    print_ns("act: an event with a rec_id", time_acts(&shop, warm + feeds - acts, warm + feeds), acts);
    const uint32_t rounds = feeds / 20 + 1;
    print_ns("rank: an item of the second phase", time_ranking(&shop, rounds, &sum), (double)rounds * RANKED_COUNT);
    print_ns("chances: 64 things", time_chances(rounds, &sum), rounds);
    sh_learner_report(shop.learner, INT64_C(1600000000000), &report);
    const struct sh_goal_report *click = &report.goals[SH_GOAL_CLICK];
    (void)printf("%llu examples, loss %.4f beside %.4f of the blend; %.1f MiB; hash %016llx\n",
                 (unsigned long long)click->examples, click->loss, click->loss_calibrated,
                 (double)sh_learner_memory_bytes(shop.learner) / (1 << 20),
                 (unsigned long long)sh_hash_bytes(&click->loss, sizeof click->loss, 1));
    sh_learner_destroy(shop.learner);
    sh_table_destroy(users);
    sh_table_destroy(items);
    return sum > 0 || sum <= 0 ? 0 : 1; /* so that nothing is left out */
}
