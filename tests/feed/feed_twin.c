#include "feed_twin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calendar.h"

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct sh_error must_err = {.message = ""};                                                                    \
        struct sh_error *const err = &must_err;                                                                        \
        (void)err;                                                                                                     \
        if ((call) != SH_OK) {                                                                                         \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, must_err.message);                           \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

void shop_open(struct shop *shop) {
    static const struct sh_text brands[] = {SH_TEXT_LITERAL("plain"), SH_TEXT_LITERAL("fine"), SH_TEXT_LITERAL("茗")};
    const struct sh_attribute_spec category = {.name = SH_TEXT_LITERAL("category"), .type = SH_TYPE_STRING};
    const struct sh_attribute_spec brand = {
        .name = SH_TEXT_LITERAL("brand"), .type = SH_TYPE_ENUM, .labels = brands, .label_count = 3};
    const struct sh_attribute_spec listed = {.name = SH_TEXT_LITERAL("listed"), .type = SH_TYPE_TIME};
    MUST(sh_zone_open(SH_TEXT_LITERAL("Asia/Shanghai"), &shop->zone, err));
    shop->users = sh_table_create();
    shop->items = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    MUST(sh_table_add_tag_set(shop->users, SH_TEXT_LITERAL("interests"), &shop->user_interests, err));
    MUST(sh_table_add_tag_set(shop->items, SH_TEXT_LITERAL("tags"), &shop->item_tags, err));
    MUST(sh_table_add_attribute(shop->items, &category, &shop->category, err));
    MUST(sh_table_add_attribute(shop->items, &brand, &shop->brand, err));
    MUST(sh_table_add_attribute(shop->items, &listed, &shop->listed, err));
    static const char *const names[TWIN_TYPES] = {"view", "favorite", "cart", "purchase", "dislike"};
    uint32_t *const numbers[TWIN_TYPES] = {&shop->view, &shop->favorite, &shop->cart, &shop->purchase, &shop->dislike};
    for (uint32_t i = 0; i < TWIN_TYPES; i++)
        MUST(sh_event_type_add(shop->events, sh_text_of(names[i]), 2, numbers[i], err));
    const struct sh_feed_scope scope = {.users = shop->users, .items = shop->items, .events = shop->events};
    shop->model = sh_feed_model_create(&scope);
    MUST(sh_feed_set_weight(shop->model, shop->dislike, (struct sh_feed_weight){.weight = -2}, err));
    shop->log_count = 0;
}

void shop_close(struct shop *shop) {
    sh_feed_model_destroy(shop->model);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->items);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
}

static void put_tags(struct sh_table *table, uint32_t slot, uint32_t set, const char *const *tags, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag;
        MUST(sh_table_tag_code(table, set, sh_text_of(tags[i]), &tag, err));
        MUST(sh_table_tag_add(table, slot, set, tag));
    }
}

uint32_t shop_user(struct shop *shop, const char *id, const char *const *interests, uint32_t interest_count) {
    uint32_t slot;
    MUST(sh_table_intern(shop->users, sh_text_of(id), sh_id_hash(sh_text_of(id)), &slot, NULL, err));
    put_tags(shop->users, slot, shop->user_interests, interests, interest_count);
    return slot;
}

uint32_t shop_item(struct shop *shop, const char *id, const char *const *tags, uint32_t tag_count, const char *category,
                   const char *brand, int64_t now_ms) {
    uint32_t slot;
    uint32_t code;
    MUST(sh_table_intern(shop->items, sh_text_of(id), sh_id_hash(sh_text_of(id)), &slot, NULL, err));
    put_tags(shop->items, slot, shop->item_tags, tags, tag_count);
    if (category != NULL) {
        MUST(sh_table_text_code(shop->items, shop->category, sh_text_of(category), &code, err));
        MUST(sh_table_set(shop->items, slot, shop->category, code));
    }
    if (brand != NULL) {
        MUST(sh_table_text_code(shop->items, shop->brand, sh_text_of(brand), &code, err));
        MUST(sh_table_set(shop->items, slot, shop->brand, code));
    }
    MUST(sh_feed_item_put(shop->model, slot, now_ms));
    if (slot < TWIN_ITEMS_MAX) shop->listed_ms[slot] = now_ms;
    return slot;
}

void shop_act(struct shop *shop, uint32_t type, uint32_t user, uint32_t item, int64_t time_ms, int64_t now_ms,
              struct sh_feed_lesson *lesson) {
    const struct sh_event event = {.type = type, .slot = user, .item = item, .time_ms = time_ms};
    bool duplicate;
    MUST(sh_event_append(shop->events, &event, &duplicate, err));
    MUST(sh_feed_learn(shop->model, &event, now_ms, lesson));
    if (shop->log_count == TWIN_EVENTS_MAX) abort();
    shop->log[shop->log_count++] =
        (struct twin_event){.event = event, .learned_ms = time_ms < now_ms ? time_ms : now_ms};
}

/* ---- The twin ---- */

/* A feature tag by its names. */
struct twin_tag {
    struct sh_text group;
    struct sh_text name;
};
enum { TAGS_MAX = 64 };

static uint32_t tags_of_item(const struct shop *shop, uint32_t item, struct twin_tag *tags) {
    uint32_t count = 0;
    struct sh_tag_list list;
    sh_table_tags(shop->items, item, shop->item_tags, &list);
    for (uint32_t i = 0; i < list.count; i++)
        tags[count++] =
            (struct twin_tag){SH_TEXT_LITERAL("tags"), sh_table_tag_text(shop->items, shop->item_tags, list.codes[i])};
    const uint32_t attributes[] = {shop->category, shop->brand};
    for (uint32_t i = 0; i < 2; i++) {
        const struct sh_attribute *attribute = sh_table_attribute(shop->items, attributes[i]);
        int64_t code;
        if (sh_table_get(shop->items, item, attributes[i], &code))
            tags[count++] = (struct twin_tag){attribute->name, sh_attribute_text(attribute, (uint32_t)code)};
    }
    return count;
}

static bool same_tag(struct twin_tag a, struct twin_tag b) {
    return sh_text_equal(a.group, b.group) && sh_text_equal(a.name, b.name);
}

static bool item_has_tag(const struct shop *shop, uint32_t item, struct twin_tag wanted) {
    struct twin_tag tags[TAGS_MAX];
    const uint32_t count = tags_of_item(shop, item, tags);
    for (uint32_t i = 0; i < count; i++)
        if (same_tag(tags[i], wanted)) return true;
    return false;
}

static double half(double age_ms, double half_life_ms) {
    return exp2(-age_ms / half_life_ms);
}

/* What one event says of the tags of its item, by the workspace or as the request reads it. */
static double liking_of(const struct shop *shop, const struct twin_event *act, int64_t now_ms) {
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    const uint32_t type = act->event.type;
    double age_ms = (double)(now_ms - act->learned_ms);
    double weight = sh_feed_weight(shop->model, type).weight;
    double half_lives[2] = {config->half_life_short_ms, config->half_life_long_ms};
    if (shop->reading != NULL) {
        if (act->event.time_ms > now_ms) return 0;
        age_ms = (double)(now_ms - act->event.time_ms);
        weight = shop->reading->weights[type];
        half_lives[0] = shop->reading->half_life_short_ms[type];
        half_lives[1] = shop->reading->half_life_long_ms[type];
    }
    return weight * (config->short_share * half(age_ms, half_lives[0]) +
                     (1 - config->short_share) * half(age_ms, half_lives[1]));
}

static double affinity_of(const struct shop *shop, uint32_t user, struct twin_tag tag, int64_t now_ms) {
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    double sum = 0;
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct twin_event *act = &shop->log[i];
        if (act->event.slot != user || !item_has_tag(shop, act->event.item, tag)) continue;
        sum += liking_of(shop, act, now_ms);
    }
    struct sh_tag_list list;
    sh_table_tags(shop->users, user, shop->user_interests, &list);
    for (uint32_t i = 0; i < list.count; i++)
        if (sh_text_equal(sh_table_tag_text(shop->users, shop->user_interests, list.codes[i]), tag.name))
            sum += config->declared;
    return sum;
}

/* Every tag of every item, once. */
static uint32_t all_tags(const struct shop *shop, struct twin_tag *tags) {
    uint32_t count = 0;
    for (uint32_t item = 0; item < sh_table_slot_end(shop->items); item++) {
        struct twin_tag own[TAGS_MAX];
        const uint32_t own_count = tags_of_item(shop, item, own);
        for (uint32_t i = 0; i < own_count; i++) {
            uint32_t known = 0;
            while (known < count && !same_tag(tags[known], own[i]))
                known++;
            if (known == count) tags[count++] = own[i];
            if (count == TAGS_MAX) abort();
        }
    }
    return count;
}

static double popularity_of(const struct shop *shop, uint32_t item, int64_t now_ms) {
    const double half_life_ms = sh_feed_config(shop->model)->half_life_popularity_ms;
    double newest = -INFINITY;
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const double period = floor((double)shop->log[i].learned_ms / half_life_ms / 2);
        if (shop->log[i].event.item == item && period > newest) newest = period;
    }
    double sum = 0;
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct twin_event *act = &shop->log[i];
        const double period = floor((double)act->learned_ms / half_life_ms / 2);
        if (act->event.item == item && period > newest - SH_FEED_PERIOD_COUNT)
            sum += sh_feed_weight(shop->model, act->event.type).weight *
                   half((double)(now_ms - act->learned_ms), half_life_ms);
    }
    return sum > 0 ? sum : 0;
}

static uint64_t hash_of(const struct shop *shop, uint32_t user) {
    char id[32];
    const uint32_t own = sh_table_slot_end(shop->users);
    if (user < own) return sh_id_hash(sh_table_id(shop->users, user));
    (void)snprintf(id, sizeof id, "else-%u", user - own);
    return sh_id_hash(sh_text_of(id));
}

/* What the visit adds: the contributions of all items. */
static void add_visit(const struct shop *shop, uint32_t user, int64_t now_ms, struct twin_score *scores,
                      uint32_t item_count) {
    static struct sessions_twin twin;
    static struct sh_session_score led[TWIN_ITEMS_MAX];
    uint32_t own[SH_SESSION_CLICK_COUNT_MAX];
    sessions_twin_init(&twin, (struct sh_session_limits){SH_SESSION_COUNT_MAX, SH_SESSION_OF_ITEM_MAX});
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct sh_event *event = &shop->log[i].event;
        const bool is_ahead = event->time_ms > shop->log[i].learned_ms + SH_SESSION_GAP_MS;
        if (sh_feed_weight(shop->model, event->type).weight > 0 && !is_ahead)
            sessions_twin_click(&twin, event->slot, hash_of(shop, event->slot), event->item, event->time_ms);
    }
    const uint32_t *clicks = shop->clicks;
    uint32_t click_count = shop->click_count;
    if (clicks == NULL && user != SH_SLOT_NONE) {
        click_count = sessions_twin_open(&twin, user, now_ms, own);
        clicks = own;
    }
    sessions_twin_score(&twin, clicks, click_count, user, led, item_count);
    for (uint32_t i = 0; i < item_count; i++)
        scores[i].contributions[SH_FEED_SESSION] = sh_feed_config(shop->model)->weights[SH_FEED_SESSION] *
                                                   (led[i].near + 0.75 * led[i].next + 6 * led[i].again);
}

/* The user's latest items as the request reads the events: by (time, arrival), the newest first. */
static void read_latest(const struct shop *shop, uint32_t user, int64_t now_ms, struct pairs_twin_user *latest) {
    bool is_used[TWIN_EVENTS_MAX] = {false};
    latest->count = 0;
    for (;;) {
        uint32_t newest = shop->log_count;
        for (uint32_t i = 0; i < shop->log_count; i++) {
            const struct sh_event *event = &shop->log[i].event;
            if (is_used[i] || event->slot != user || event->time_ms > now_ms) continue;
            if (newest == shop->log_count || event->time_ms >= shop->log[newest].event.time_ms) newest = i;
        }
        if (newest == shop->log_count) return;
        const struct sh_event *event = &shop->log[newest].event;
        const double weight = shop->reading->weights[event->type];
        uint32_t at = 0;
        is_used[newest] = true;
        if (weight <= 0) continue;
        while (at < latest->count && latest->items[at] != event->item)
            at++;
        if (at == 5) continue;
        if (at == latest->count) {
            latest->items[latest->count] = event->item;
            latest->likings[latest->count++] = 0;
        }
        const uint32_t units = (uint32_t)(weight * 16 + 0.5);
        const uint32_t liking = units == 0 ? 1 : units;
        if (liking > latest->likings[at]) latest->likings[at] = liking;
    }
}

/* What goes with the latest items: S by both readings. */
static void add_pairs(const struct shop *shop, uint32_t user, int64_t now_ms, struct twin_score *scores,
                      uint32_t item_count) {
    static struct pairs_twin twin;
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    struct pairs_twin_user latest = {.count = 0};
    double shares[SH_PAIR_LATEST_MAX];
    double total = 0;
    pairs_twin_init(&twin);
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct sh_event *event = &shop->log[i].event;
        const double weight = sh_feed_weight(shop->model, event->type).weight;
        if (weight > 0) pairs_twin_like(&twin, event->slot, event->item, weight);
    }
    for (uint32_t i = shop->click_count; shop->clicks != NULL && i > 0 && latest.count < 5; i--) {
        bool is_known = false;
        for (uint32_t k = 0; k < latest.count; k++)
            is_known |= latest.items[k] == shop->clicks[i - 1];
        if (is_known) continue;
        latest.items[latest.count] = shop->clicks[i - 1];
        latest.likings[latest.count++] = 1;
    }
    if (shop->clicks == NULL && user != SH_SLOT_NONE) latest = twin.users[user];
    if (shop->clicks == NULL && user != SH_SLOT_NONE && shop->reading != NULL) read_latest(shop, user, now_ms, &latest);
    if (latest.count > 5) latest.count = 5;
    for (uint32_t k = 0; k < latest.count; k++)
        total += shares[k] = (double)latest.likings[k] * pow(0.8, k);
    for (uint32_t item = 0; item < item_count; item++) {
        double cosine = 0;
        double walk = 0;
        for (uint32_t k = 0; k < latest.count; k++) {
            const double together = (double)twin.counts[latest.items[k]][item] / 16;
            const double from = (double)twin.sums[latest.items[k]] / 16;
            const double to = (double)twin.sums[item] / 16;
            if (together == 0) continue;
            cosine += shares[k] / total * together / (sqrt(from * to) + 10);
            walk += shares[k] / total * together / (from * sqrt(to));
        }
        scores[item].contributions[SH_FEED_PAIRS] = config->weights[SH_FEED_PAIRS] * sqrt(cosine);
        scores[item].contributions[SH_FEED_WALK] = config->weights[SH_FEED_WALK] * sqrt(walk);
    }
}

/* How due the item's category is for the user, by the days on which they bought of it. */
static double due_of(const struct shop *shop, uint32_t user, uint32_t item, int64_t now_ms) {
    enum { OFFSET_HOURS = 8 };
    int64_t category;
    int32_t days[TWIN_EVENTS_MAX];
    uint32_t day_count = 0;
    int64_t last_ms = INT64_MIN;
    if (user == SH_SLOT_NONE || sh_feed_config(shop->model)->due_attribute < 0) return 0;
    if (!sh_table_get(shop->items, item, shop->category, &category)) return 0;
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct sh_event *event = &shop->log[i].event;
        int64_t other;
        if (event->slot != user || event->type != shop->purchase || event->time_ms > now_ms) continue;
        if (!sh_table_get(shop->items, event->item, shop->category, &other) || other != category) continue;
        const int32_t day = (int32_t)floor((double)(event->time_ms + OFFSET_HOURS * SH_HOUR_MS) / (double)SH_DAY_MS);
        uint32_t known = 0;
        while (known < day_count && days[known] != day)
            known++;
        if (known == day_count) days[day_count++] = day;
        if (event->time_ms > last_ms) last_ms = event->time_ms;
    }
    if (day_count < 2) return 0;
    int32_t first = days[0];
    int32_t last = days[0];
    for (uint32_t i = 0; i < day_count; i++) {
        first = days[i] < first ? days[i] : first;
        last = days[i] > last ? days[i] : last;
    }
    const double gaps = (double)(now_ms - last_ms) / ((double)(last - first) / (day_count - 1) * (double)SH_DAY_MS);
    if (gaps < 0.5 || gaps > 3) return 0;
    return gaps < 1 ? 2 * gaps - 1 : gaps < 1.5 ? 1 : 2 - gaps / 1.5;
}

static bool has_bought(const struct shop *shop, uint32_t user, uint32_t item, int64_t now_ms) {
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct sh_event *event = &shop->log[i].event;
        if (event->slot == user && event->item == item && event->type == shop->purchase && event->time_ms <= now_ms)
            return true;
    }
    return false;
}

/* Of the newest two periods of eight half-lives in which something happened to the item. */
static double rate_of(const struct shop *shop, uint32_t item, double half_life_ms, int64_t now_ms) {
    double newest = -INFINITY;
    double sum = 0;
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const double period = floor((double)shop->log[i].learned_ms / half_life_ms / 8);
        if (shop->log[i].event.item == item && period > newest) newest = period;
    }
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct twin_event *act = &shop->log[i];
        if (act->event.item == item && floor((double)act->learned_ms / half_life_ms / 8) >= newest - 1)
            sum += sh_feed_weight(shop->model, act->event.type).weight *
                   half((double)(now_ms - act->learned_ms), half_life_ms);
    }
    return sum * log(2) / (half_life_ms / (double)SH_DAY_MS);
}

static void add_due_and_trend(const struct shop *shop, uint32_t user, int64_t now_ms, struct twin_score *scores,
                              uint32_t item_count) {
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    for (uint32_t item = 0; item < item_count; item++) {
        const double due = due_of(shop, user, item, now_ms);
        scores[item].contributions[SH_FEED_DUE] =
            config->weights[SH_FEED_DUE] * (has_bought(shop, user, item, now_ms) ? due : due / 2);
        const double now = rate_of(shop, item, config->half_life_trend_ms, now_ms);
        const double usual = rate_of(shop, item, config->half_life_popularity_ms, now_ms);
        const double rising = (now - usual) / sqrt((usual > 0 ? usual : 0) + 1);
        if (rising > 0)
            scores[item].contributions[SH_FEED_TREND] = config->weights[SH_FEED_TREND] * rising / (rising + 3);
    }
}

void twin_scores(const struct shop *shop, uint32_t user, int64_t now_ms, struct twin_score *scores,
                 double *popularity) {
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    const uint32_t item_count = sh_table_slot_end(shop->items);
    struct twin_tag tags[TAGS_MAX];
    double weights[TAGS_MAX] = {0};
    const uint32_t tag_count = all_tags(shop, tags);
    double squares = 0;
    for (uint32_t t = 0; t < tag_count && user != SH_SLOT_NONE; t++) {
        uint32_t holders = 0;
        for (uint32_t item = 0; item < item_count; item++)
            holders += item_has_tag(shop, item, tags[t]);
        const double affinity = affinity_of(shop, user, tags[t], now_ms);
        squares += affinity * affinity;
        weights[t] = holders < 2 ? 0 : affinity * log2(1 + (double)item_count / holders);
    }
    double top = 0;
    for (uint32_t item = 0; item < item_count; item++) {
        popularity[item] = popularity_of(shop, item, now_ms);
        if (popularity[item] > top) top = popularity[item];
    }
    for (uint32_t item = 0; item < item_count; item++) {
        struct twin_tag own[TAGS_MAX];
        const uint32_t own_count = tags_of_item(shop, item, own);
        struct twin_score *score = &scores[item];
        *score = (struct twin_score){.score = 0};
        for (uint32_t t = 0; t < tag_count; t++)
            if (item_has_tag(shop, item, tags[t]))
                score->contributions[SH_FEED_AFFINITY] +=
                    config->weights[SH_FEED_AFFINITY] / (1 + sqrt(squares)) * weights[t] / sqrt(own_count);
        if (top > 0)
            score->contributions[SH_FEED_POPULARITY] =
                config->weights[SH_FEED_POPULARITY] * sqrt(popularity[item] / top);
        const double age_ms = (double)(now_ms - shop->listed_ms[item]);
        score->contributions[SH_FEED_RECENCY] =
            config->weights[SH_FEED_RECENCY] * (age_ms < 0 ? 1 : half(age_ms, config->half_life_recency_ms));
    }
    add_visit(shop, user, now_ms, scores, item_count);
    add_pairs(shop, user, now_ms, scores, item_count);
    add_due_and_trend(shop, user, now_ms, scores, item_count);
    for (uint32_t item = 0; item < item_count; item++)
        for (uint32_t i = 0; i < SH_FEED_FEATURE_COUNT; i++)
            scores[item].score += scores[item].contributions[i];
}

bool twin_is_held(const struct shop *shop, uint32_t user, uint32_t item, int64_t now_ms, enum sh_feed_kind by_kind) {
    const struct sh_feed_config *config = sh_feed_config(shop->model);
    const uint32_t days = by_kind == SH_FEED_BOUGHT ? config->bought_days : config->seen_days;
    if (by_kind == SH_FEED_BOUGHT && config->weights[SH_FEED_DUE] > 0 && due_of(shop, user, item, now_ms) > 0)
        return false; /* that it is bought again is the point */
    for (uint32_t i = 0; i < shop->log_count; i++) {
        const struct sh_event *event = &shop->log[i].event;
        const struct sh_feed_weight weight = sh_feed_weight(shop->model, event->type);
        const bool counts = by_kind == SH_FEED_BOUGHT ? weight.is_bought : weight.is_seen;
        if (counts && event->slot == user && event->item == item && event->time_ms <= now_ms &&
            event->time_ms > now_ms - (int64_t)days * SH_DAY_MS)
            return true;
    }
    return false;
}
