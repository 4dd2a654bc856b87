/* gen_events.c -- what the users did: sessions of view, cart, purchase, and coming back for more.
 *
 * Each user gets a share of the events by activity, exact in sum (the difference of rounded cumulative shares). A
 * user's share is spent in sessions on days of their own: a season's weight decides by rejection which days. All events
 * are then put in order of time, since a shop's log is; equal times keep the user's own order.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gen_shop.h"

enum kind { VIEW, FAVORITE, CART, PURCHASE, REFUND, SHARE, CHECK_IN };
static const char *const kind_names[] = {"view", "favorite", "cart", "purchase", "refund", "share", "check_in"};
enum { NO_ITEM = UINT32_MAX, ZONE_MS = 8 * 3600 * 1000, DAY_MS = 86400000 };

struct event {
    int64_t time_ms;
    uint32_t user;
    uint32_t item;
    uint32_t order; /* arrival within the user's own events, then a stable tie */
    uint32_t amount;
    uint8_t kind;
    uint8_t store; /* 0: online */
    uint8_t quantity;
};

struct history { /* one user's events as they are made */
    const struct gen_options *options;
    const double *item_table;
    uint32_t items_in_category;
    struct gen_random random;
    struct gen_user user;
    uint32_t number;
    struct event *events;
    uint32_t count;
    uint32_t quota;
};

/* Weight of a day in thousandths: weekends, the two great sales, the new year; quiet in deep winter. */
static uint32_t season(int32_t day) {
    char date[16];
    gen_date_text(day, date);
    const uint32_t month = (uint32_t)(date[5] - '0') * 10 + (uint32_t)(date[6] - '0');
    const uint32_t of_month = (uint32_t)(date[8] - '0') * 10 + (uint32_t)(date[9] - '0');
    uint32_t weight = 300;
    const int32_t weekday = ((day % 7) + 10) % 7; /* 1970-01-01 was a Thursday: 0 is Monday */
    if (weekday >= 5) weight += 150;
    if (month == 11 && of_month <= 12) weight += of_month == 11 ? 550 : 250;
    if (month == 6 && of_month >= 14 && of_month <= 20) weight += 250;
    if (month == 1 && of_month >= 10) weight += 150;
    if (month == 2) weight -= 80;
    return weight;
}

/* When a session begins: from 7 to 23 o'clock, so that it is over before midnight. */
static uint32_t time_of_day_ms(struct gen_random *random) {
    /* The later of two draws for most: evenings; one in five at any waking hour. */
    const uint32_t a = gen_below(random, 16u * 3600 * 1000);
    const uint32_t b = gen_below(random, 16u * 3600 * 1000);
    return 7u * 3600 * 1000 + (gen_chance(random, 200) || a > b ? a : b);
}

static bool put(struct history *history, enum kind kind, int64_t time_ms, uint32_t item, uint32_t quantity,
                uint32_t amount, uint32_t store) {
    if (history->count == history->quota) return false;
    history->events[history->count] = (struct event){.time_ms = time_ms,
                                                     .user = history->number,
                                                     .item = item,
                                                     .order = history->count,
                                                     .amount = amount,
                                                     .kind = (uint8_t)kind,
                                                     .store = (uint8_t)store,
                                                     .quantity = (uint8_t)quantity};
    history->count++;
    return true;
}

static uint32_t pick_item(struct history *history) {
    struct gen_random *random = &history->random;
    uint32_t category;
    if (gen_chance(random, 820)) { /* what they like, the strongest most */
        const uint32_t a = gen_below(random, history->user.interest_count);
        const uint32_t b = gen_below(random, history->user.interest_count);
        category = history->user.interests[a < b ? a : b];
    } else {
        category = gen_below(random, GEN_CATEGORY_COUNT);
    }
    const uint32_t rank = gen_zipf(random, history->item_table, history->items_in_category);
    const uint32_t item = rank * GEN_CATEGORY_COUNT + category;
    return item < history->options->item_count ? item : category % history->options->item_count;
}

/* What a part of a price comes to, cut to whole cents. */
static uint32_t percent_of(uint32_t cents, uint32_t percent) {
    return (uint32_t)((uint64_t)cents * percent / 100);
}

/* The first instant after the user's last day. */
static int64_t end_of_history_ms(const struct history *history) {
    return ((int64_t)history->user.last_day + 1) * DAY_MS - ZONE_MS;
}

/* Sent back some days after it was bought, if the history is not over by then. */
static void refund(struct history *history, uint32_t item, int64_t bought_ms, uint32_t quantity, uint32_t amount,
                   uint32_t store) {
    const int64_t time_ms = bought_ms + (int64_t)(1 + gen_below(&history->random, 6)) * DAY_MS;
    if (time_ms < end_of_history_ms(history)) (void)put(history, REFUND, time_ms, item, quantity, amount, store);
}

/* A purchase, and for things that run out the purchases after it. */
static void buy(struct history *history, uint32_t item, int64_t time_ms, uint32_t store) {
    struct gen_random *random = &history->random;
    const struct gen_item goods = gen_item_of(history->options, item);
    const uint32_t gap_days = gen_categories[goods.category].repurchase_days;
    for (;;) {
        const uint32_t quantity = gen_chance(random, 750) ? 1 : 2 + gen_below(random, 2);
        const uint32_t percent = gen_chance(random, 300) ? 80 + gen_below(random, 16) : 100; /* a coupon */
        const uint32_t amount = percent_of(goods.price * quantity, percent);
        if (!put(history, PURCHASE, time_ms, item, quantity, amount, store)) return;
        if (gen_chance(random, 35))
            refund(history, item, time_ms, quantity, amount, store);
        else if (gen_chance(random, 50) && time_ms + 60000 < end_of_history_ms(history))
            (void)put(history, SHARE, time_ms + 60000, item, 0, 0, 0);
        if (gap_days == 0 || !gen_chance(random, 560)) return;
        const uint32_t spread_hours = gap_days * 24 * 2 / 5 + 1; /* 20 % either way */
        time_ms += (int64_t)(gap_days * 24 * 4 / 5 + gen_below(random, spread_hours)) * 3600000;
        if (time_ms >= end_of_history_ms(history)) return;
        if (!put(history, VIEW, time_ms - 120000, item, 0, 0, 0)) return;
    }
}

static void session(struct history *history, int32_t day) {
    struct gen_random *random = &history->random;
    int64_t time_ms = (int64_t)day * DAY_MS - ZONE_MS + time_of_day_ms(random);
    const bool in_store = gen_chance(random, 130);
    const uint32_t store = in_store ? history->user.store + 1u : 0;
    if (in_store && !put(history, CHECK_IN, time_ms, NO_ITEM, 0, 0, store)) return;
    const uint32_t views = 1 + gen_below(random, 6);
    for (uint32_t i = 0; i < views; i++) {
        time_ms += 4000 + gen_below(random, 90000);
        const uint32_t item = pick_item(history);
        if (!put(history, VIEW, time_ms, item, 0, 0, store)) return;
        if (gen_chance(random, 60) && !put(history, FAVORITE, time_ms + 2000, item, 0, 0, store)) return;
        if (!gen_chance(random, 240)) continue;
        time_ms += 3000 + gen_below(random, 60000);
        if (!put(history, CART, time_ms, item, 1, 0, store)) return;
        if (!gen_chance(random, in_store ? 700 : 420)) continue;
        time_ms += 10000 + gen_below(random, 200000);
        buy(history, item, time_ms, store);
    }
}

static void live(struct history *history) {
    const uint32_t span = (uint32_t)(history->user.last_day - history->user.joined_day) + 1;
    while (history->count < history->quota) {
        const int32_t day = history->user.joined_day + (int32_t)gen_below(&history->random, span);
        if (gen_below(&history->random, 1000) < season(day)) session(history, day);
    }
}

static int by_time(const void *left, const void *right) {
    const struct event *a = left;
    const struct event *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    if (a->user != b->user) return a->user < b->user ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int write_sorted(const struct event *events, uint32_t count, FILE *file) {
    (void)fputs("event_id,type,user_id,item_id,time,amount,store,quantity\n", file);
    for (uint32_t i = 0; i < count; i++) {
        const struct event *event = &events[i];
        (void)fprintf(file, "e%u,%s,u%07u,", i + 1, kind_names[event->kind], event->user + 1);
        if (event->item != NO_ITEM) (void)fprintf(file, "i%06u", event->item + 1);
        (void)fprintf(file, ",%lld,", (long long)event->time_ms);
        if (event->kind == PURCHASE || event->kind == REFUND)
            (void)fprintf(file, "%u.%02u", event->amount / 100, event->amount % 100);
        if (event->store == 0)
            (void)fputs(",online,", file);
        else
            (void)fprintf(file, ",store-%02u,", event->store);
        if (event->quantity > 0) (void)fprintf(file, "%u", event->quantity);
        if (fputc('\n', file) == EOF) return -1;
    }
    return 0;
}

int gen_write_events(const struct gen_options *options, FILE *file) {
    uint64_t total = 0;
    for (uint32_t number = 0; number < options->user_count; number++)
        total += gen_user_of(options, number).activity;
    const uint32_t in_category = (options->item_count + GEN_CATEGORY_COUNT - 1) / GEN_CATEGORY_COUNT;
    struct event *events = malloc(((size_t)options->event_count + 1) * sizeof *events);
    double *item_table = malloc(in_category * sizeof *item_table);
    if (events == NULL || item_table == NULL) {
        free(events);
        free(item_table);
        errno = ENOMEM;
        return -1;
    }
    gen_zipf_table(item_table, in_category, 3.0);
    uint64_t cumulative = 0;
    uint32_t dealt = 0;
    for (uint32_t number = 0; number < options->user_count; number++) {
        struct history history = {.options = options,
                                  .item_table = item_table,
                                  .items_in_category = in_category,
                                  .random = gen_stream(options->seed, 5, number),
                                  .user = gen_user_of(options, number),
                                  .number = number,
                                  .events = events + dealt};
        cumulative += history.user.activity;
        const uint64_t share = (uint64_t)((unsigned __int128)options->event_count * cumulative / total);
        history.quota = (uint32_t)share - dealt;
        live(&history);
        dealt += history.count;
    }
    qsort(events, dealt, sizeof *events, by_time);
    const int result = write_sorted(events, dealt, file);
    free(item_table);
    free(events);
    return result;
}
