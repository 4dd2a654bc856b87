/* feed_learn.c -- what an event teaches: the user's affinity, the item's popularity. And what putting an item does. */
#include <math.h>
#include <string.h>

#include "affinity_kernels.h"
#include "feed_math.h"
#include "feed_narrow.h"
#include "feed_private.h"
#include "memory.h"

enum {
    /* Short half-lives between a landmark and an event after which the landmark moves: 2^64 fits a float well. */
    LANDMARK_HALF_LIVES_MAX = 64,
    /* The same for item sums, which are doubles, in periods (each a factor of 4) and in half-lives of recency. */
    BASE_PERIODS_MAX = 200,
    RECENCY_HALF_LIVES_MAX = 400,
};
#define AMOUNT_UNIT 1048576.0 /* 2^20: a weight of 1 */
_Static_assert((int)AFFINITY_COUNT_MAX == (int)SH_FEED_AFFINITY_COUNT_MAX, "kernels know how long lists may be");
_Static_assert(AFFINITY_COUNT_MAX == AFFINITY_STEP * POOL_SIZE_COUNT, "a size for each capacity");

static int64_t learned_time(const struct sh_event *event, int64_t now_ms) {
    return event->time_ms < now_ms ? event->time_ms : now_ms;
}

/* A type's name never changes, so its default is looked up once. */
static double weight_of(struct sh_feed_model *model, uint32_t type) {
    if (!model->has_weight[type]) {
        model->weights[type] = sh_feed_weight(model, type);
        model->has_weight[type] = true;
    }
    return model->weights[type].weight;
}

/* ---- Affinity ---- */

size_t affinity_bytes(uint32_t capacity) {
    return sizeof(struct affinity) + (size_t)capacity * 3 * sizeof(uint32_t);
}

static void affinity_give(struct sh_feed_model *model, struct affinity *affinity) {
    const size_t byte_count = affinity_bytes(affinity->capacity);
    model->user_bytes -= byte_count;
    pool_give(&model->affinities, affinity->capacity / AFFINITY_STEP - 1u, byte_count, affinity);
}

enum sh_status users_reserve(struct sh_feed_model *model, uint32_t user) {
    if (user < model->user_capacity) return SH_OK;
    const uint32_t old_capacity = model->user_capacity;
    const enum sh_status status =
        sh_grow((void **)&model->users, &model->user_capacity, (uint64_t)user + 1, sizeof(struct affinity *));
    if (status != SH_OK) return status;
    memset(&model->users[old_capacity], 0, (model->user_capacity - old_capacity) * sizeof(struct affinity *));
    return SH_OK;
}

enum sh_status affinity_reserve(struct sh_feed_model *model, uint32_t user, uint32_t more, struct affinity **found) {
    const enum sh_status status = users_reserve(model, user);
    if (status != SH_OK) return status;
    struct affinity *old = model->users[user];
    *found = old;
    const uint32_t count = old == NULL ? 0 : old->count;
    const uint32_t needed = count + more > SH_FEED_AFFINITY_COUNT_MAX ? SH_FEED_AFFINITY_COUNT_MAX : count + more;
    if (old != NULL && needed <= old->capacity) return SH_OK;
    const uint32_t capacity = (needed + AFFINITY_STEP - 1) / AFFINITY_STEP * AFFINITY_STEP;
    struct affinity *grown = pool_take(&model->affinities, capacity / AFFINITY_STEP - 1, affinity_bytes(capacity));
    if (grown == NULL) return SH_ERR_MEMORY;
    *grown = (struct affinity){.capacity = (uint16_t)capacity};
    memset(grown->words, 0xFF, capacity * sizeof(uint32_t)); /* AFFINITY_TAG_NONE */
    if (old != NULL) {
        grown->landmark_ms = old->landmark_ms;
        grown->count = old->count;
        memcpy(affinity_tags(grown), affinity_tags(old), count * sizeof(uint32_t));
        memcpy(affinity_short(grown), affinity_short(old), count * sizeof(float));
        memcpy(affinity_long(grown), affinity_long(old), count * sizeof(float));
        affinity_give(model, old);
    }
    model->user_bytes += affinity_bytes(capacity);
    model->users[user] = grown;
    *found = grown;
    return SH_OK;
}

static void affinity_move_landmark(struct affinity *affinity, const struct sh_feed_config *config, int64_t time_ms) {
    const double back_ms = (double)(affinity->landmark_ms - time_ms);
    const float short_factor = (float)feed_math_exp2(back_ms / config->half_life_short_ms);
    const float long_factor = (float)feed_math_exp2(back_ms / config->half_life_long_ms);
    for (uint32_t i = 0; i < affinity->count; i++) {
        affinity_short(affinity)[i] *= short_factor;
        affinity_long(affinity)[i] *= long_factor;
    }
    affinity->landmark_ms = time_ms;
}

/* What an event is for its user's affinity; there is room for it. */
struct liking {
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    uint32_t tag_count;
    struct affinity *affinity;
};

static void affinity_add(struct affinity *affinity, const struct affinity_event *event) {
    uint32_t unknown[ITEM_TAG_COUNT_MAX + 1];
    struct affinity_list list = {.tags = affinity_tags(affinity),
                                 .short_lived = affinity_short(affinity),
                                 .long_lived = affinity_long(affinity),
                                 .capacity = affinity->capacity,
                                 .count = affinity->count};
    affinity_in_use->add(&list, event, unknown);
    affinity->count = (uint16_t)list.count;
}

static enum sh_status liking_prepare(struct sh_feed_model *model, const struct sh_event *event, double weight,
                                     struct liking *liking) {
    liking->tag_count = 0;
    if (event->item == SH_NO_ITEM || weight == 0) return SH_OK;
    liking->tag_count = item_tags(model->scope.items, event->item, liking->tags, ITEM_TAG_COUNT_MAX, NULL);
    if (liking->tag_count == 0) return SH_OK;
    return affinity_reserve(model, event->slot, liking->tag_count, &liking->affinity);
}

static void liking_add(const struct sh_feed_model *model, const struct liking *liking, const struct sh_event *event,
                       int64_t now_ms, double weight) {
    if (liking->tag_count == 0) return;
    struct affinity *affinity = liking->affinity;
    const int64_t time_ms = learned_time(event, now_ms);
    if (affinity->count == 0) affinity->landmark_ms = time_ms;
    const struct sh_feed_config *config = &model->config;
    if ((double)(time_ms - affinity->landmark_ms) / config->half_life_short_ms > LANDMARK_HALF_LIVES_MAX)
        affinity_move_landmark(affinity, config, time_ms);
    const double after_ms = (double)(time_ms - affinity->landmark_ms);
    const double lives[2] = {after_ms / config->half_life_short_ms, after_ms / config->half_life_long_ms};
    double grown[2];
    feed_math_exp2_two(lives, grown);
    affinity_add(affinity, &(struct affinity_event){.tags = liking->tags,
                                                    .tag_count = liking->tag_count,
                                                    .short_add = (float)(weight * grown[0]),
                                                    .long_add = (float)(weight * grown[1])});
}

enum sh_status sh_feed_learn_user(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms) {
    const double weight = weight_of(model, event->type);
    struct liking liking;
    const enum sh_status status = liking_prepare(model, event, weight, &liking);
    if (status == SH_OK) liking_add(model, &liking, event, now_ms, weight);
    return status;
}

enum sh_status sh_feed_adopt(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms) {
    const double weight = weight_of(model, event->type);
    enum sh_status status = sh_feed_learn_user(model, event, now_ms);
    if (status != SH_OK || event->item == SH_NO_ITEM || weight <= 0) return status;
    status = sh_pairs_remember(model->liked, event->slot, event->item, weight);
    if (status == SH_OK && model->weights[event->type].is_bought)
        status = sh_pairs_remember(model->bought, event->slot, event->item, 1);
    return status;
}

/* The user's events say when visits may have begun. */
static void forget_visits(struct sh_feed_model *model, uint32_t user, uint64_t user_hash, struct sh_buffer *visits) {
    struct sh_event_ref event;
    sh_sessions_forget(model->sessions, user);
    if (visits == NULL) return;
    if (!sh_event_history_first(model->scope.events, user, &event)) return;
    do {
        const uint64_t key = sh_session_key(user_hash, sh_event_ref_time(event));
        if (sh_event_ref_item(event) == SH_NO_ITEM || !sh_sessions_drop(model->sessions, key)) continue;
        sh_buffer_append(visits, &key, sizeof key);
    } while (sh_event_history_next(model->scope.events, &event));
}

void sh_feed_forget_visit(struct sh_feed_model *model, uint64_t key) {
    (void)sh_sessions_drop(model->sessions, key);
}

void sh_feed_forget(struct sh_feed_model *model, uint32_t user, uint64_t user_hash, struct sh_buffer *visits) {
    forget_visits(model, user, user_hash, visits);
    sh_pairs_forget(model->liked, user);
    sh_pairs_forget(model->bought, user);
    sh_vectors_remove(model->user_vectors, user);
    if (user >= model->user_capacity || model->users[user] == NULL) return;
    affinity_give(model, model->users[user]);
    model->users[user] = NULL;
}

/* ---- Items ---- */

enum sh_status item_reserve(struct sh_feed_model *model, uint32_t item) {
    if (item < model->item_capacity) return SH_OK;
    const uint64_t wanted = (uint64_t)model->item_capacity + model->item_capacity / 2 + 64;
    const uint64_t capacity = ((wanted > item ? wanted : (uint64_t)item + 1) + 63) / 64 * 64;
    if (capacity > UINT32_MAX) return SH_ERR_LIMIT;
    const size_t old = model->item_capacity;
    /* Each array may be longer than item_capacity says; it counts when all of them are. */
    void **const arrays[] = {(void **)&model->popularity,   (void **)&model->popularity_root, (void **)&model->recency,
                             (void **)&model->inverse_norm, (void **)&model->listed_ms,       (void **)&model->id_hash};
    static const size_t element_bytes[] = {sizeof(struct popularity), sizeof(double),  sizeof(double), sizeof(double),
                                           sizeof(int64_t),           sizeof(uint64_t)};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        uint8_t *grown = sh_realloc(*arrays[i], old * element_bytes[i], capacity * element_bytes[i]);
        if (grown == NULL) return SH_ERR_MEMORY;
        memset(grown + old * element_bytes[i], 0, (capacity - old) * element_bytes[i]);
        *arrays[i] = grown;
    }
    uint64_t **const bits[] = {&model->listed, &model->stale};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        uint64_t *grown = sh_realloc(*bits[i], old / 8, capacity / 8);
        if (grown == NULL) return SH_ERR_MEMORY;
        memset(grown + old / 64, 0, (capacity - old) / 8);
        *bits[i] = grown;
    }
    for (uint64_t i = old; i < capacity; i++)
        model->listed_ms[i] = INT64_MIN;
    model->item_capacity = (uint32_t)capacity;
    return SH_OK;
}

static double recency_of(const struct sh_feed_model *model, uint32_t item) {
    const double after_ms = (double)(model->listed_ms[item] - model->recency_landmark_ms);
    return feed_math_exp2(after_ms / model->config.half_life_recency_ms);
}

/* Since when the item counts as listed: its attribute, or when it was first put. */
static int64_t listed_time(const struct sh_feed_model *model, uint32_t item, int64_t now_ms) {
    int64_t listed_ms;
    if (model->config.listed_attribute >= 0 &&
        sh_table_get(model->scope.items, item, (uint32_t)model->config.listed_attribute, &listed_ms))
        return listed_ms;
    return model->listed_ms[item] != INT64_MIN ? model->listed_ms[item] : now_ms;
}

void recency_refresh(struct sh_feed_model *model, int64_t landmark_ms) {
    model->recency_landmark_ms = landmark_ms;
    model->narrow.is_item_current = false;
    for (uint32_t item = 0; item < model->item_capacity; item++) {
        if (!item_is_listed(model, item)) continue;
        model->listed_ms[item] = listed_time(model, item, landmark_ms);
        model->recency[item] = recency_of(model, item);
    }
}

void item_learn_row(struct sh_feed_model *model, uint32_t item) {
    uint32_t tag_count;
    (void)item_tags(model->scope.items, item, NULL, 0, &tag_count);
    model->inverse_norm[item] = tag_count == 0 ? 0 : 1.0 / sqrt((double)tag_count);
    model->id_hash[item] = sh_id_hash(sh_table_id(model->scope.items, item));
    model->recency[item] = recency_of(model, item);
    narrow_note_item(model, item);
}

enum sh_status sh_feed_item_put(struct sh_feed_model *model, uint32_t item, int64_t now_ms) {
    const enum sh_status status = item_reserve(model, item);
    if (status != SH_OK) return status;
    if (!item_is_listed(model, item)) model->listed_count++;
    model->listed[item / 64] |= UINT64_C(1) << (item % 64);
    model->listed_ms[item] = listed_time(model, item, now_ms);
    item_learn_row(model, item);
    sh_learner_item_put(model->learner, item);
    const double lives = (double)(now_ms - model->recency_landmark_ms) / model->config.half_life_recency_ms;
    if (!model->has_recency_landmark || lives > RECENCY_HALF_LIVES_MAX) {
        /* A whole number of half-lives, so that two models of the same items have the same last digit. */
        const double half_life_ms = model->config.half_life_recency_ms;
        model->has_recency_landmark = true;
        recency_refresh(model, (int64_t)(floor((double)now_ms / half_life_ms) * half_life_ms));
    }
    return SH_OK;
}

void sh_feed_item_remove(struct sh_feed_model *model, uint32_t item) {
    if (!item_is_listed(model, item)) return;
    narrow_note_remove(model, item);
    model->listed[item / 64] &= ~(UINT64_C(1) << (item % 64));
    model->listed_ms[item] = INT64_MIN;
    model->listed_count--;
}

/* ---- Popularity ---- */

static struct sh_feed_effect effect_of(const struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms,
                                       double weight) {
    if (event->item == SH_NO_ITEM || weight == 0) return (struct sh_feed_effect){.item = SH_NO_ITEM};
    const double lives = (double)learned_time(event, now_ms) / model->config.half_life_popularity_ms;
    const double period = floor(lives / 2.0);
    const double amount = weight * AMOUNT_UNIT * feed_math_exp2(lives - 2.0 * period);
    return (struct sh_feed_effect){
        .item = event->item, .period = (int32_t)period, .amount = (int64_t)(amount < 0 ? amount - 0.5 : amount + 0.5)};
}

struct sh_feed_effect sh_feed_effect_of(const struct sh_feed_model *model, const struct sh_event *event,
                                        int64_t now_ms) {
    return effect_of(model, event, now_ms, sh_feed_weight(model, event->type).weight);
}

static uint32_t period_place(int32_t period) {
    const int32_t rest = period % SH_FEED_PERIOD_COUNT;
    return (uint32_t)(rest < 0 ? rest + SH_FEED_PERIOD_COUNT : rest);
}

double popularity_root_of(const struct sh_feed_model *model, const struct popularity *popularity) {
    double sum = 0;
    if (!popularity->is_used) return 0;
    for (int32_t back = SH_FEED_PERIOD_COUNT - 1; back >= 0; back--) {
        const int64_t period = (int64_t)popularity->newest - back;
        const int64_t exponent = 2 * (period - model->base_period);
        if (exponent < -1022) continue; /* nothing beside the others */
        sum += (double)popularity->sums[period_place((int32_t)period)] * feed_math_power((int32_t)exponent);
    }
    return sum > 0 ? sqrt(sum) : 0;
}

bool popularity_fits_base(const struct sh_feed_model *model, const struct popularity *popularity) {
    return (int64_t)popularity->newest - model->base_period <= BASE_PERIODS_MAX;
}

static void find_top(struct sh_feed_model *model) {
    model->top_root = 0;
    for (uint32_t i = 0; i < model->item_capacity; i++)
        if (model->popularity_root[i] > model->top_root) model->top_root = model->popularity_root[i];
}

void popularity_refresh(struct sh_feed_model *model) {
    for (uint32_t i = 0; i < model->item_capacity; i++)
        model->popularity_root[i] = popularity_root_of(model, &model->popularity[i]);
    model->narrow.is_popularity_current = false;
    if (model->has_stale) memset(model->stale, 0, model->item_capacity / 8);
    model->has_stale = false;
    find_top(model);
}

void popularity_settle(struct sh_feed_model *model) {
    if (!model->has_stale) return;
    bool has_top_fallen = false;
    for (uint32_t word = 0; word < model->item_capacity / 64; word++) {
        for (; model->stale[word] != 0; model->stale[word] &= model->stale[word] - 1) {
            const uint32_t item = word * 64 + (uint32_t)__builtin_ctzll(model->stale[word]);
            const double old_root = model->popularity_root[item];
            const double root = popularity_root_of(model, &model->popularity[item]);
            model->popularity_root[item] = root;
            narrow_note_popularity(model, item);
            if (root >= model->top_root)
                model->top_root = root;
            else if (old_root == model->top_root)
                has_top_fallen = true; /* rare: a dislike or a long pause */
        }
    }
    model->has_stale = false;
    if (has_top_fallen) find_top(model);
}

static void popularity_add(struct popularity *popularity, int32_t period, int64_t amount) {
    if (!popularity->is_used) {
        popularity->is_used = 1;
        popularity->newest = period;
    }
    if ((int64_t)popularity->newest - period >= SH_FEED_PERIOD_COUNT) return; /* too old to count */
    /* Periods that come into sight take the places of those that go out of it. */
    const int64_t steps = (int64_t)period - popularity->newest;
    for (int64_t i = 1; i <= steps && i <= SH_FEED_PERIOD_COUNT; i++)
        popularity->sums[period_place((int32_t)(popularity->newest + i))] = 0;
    if (steps > 0) popularity->newest = period;
    int64_t *sum = &popularity->sums[period_place(period)];
    if (__builtin_add_overflow(*sum, amount, sum)) *sum = amount > 0 ? INT64_MAX : INT64_MIN;
}

enum sh_status sh_feed_learn_effect(struct sh_feed_model *model, const struct sh_feed_effect *effect) {
    if (effect->item == SH_NO_ITEM) return SH_OK;
    const enum sh_status status = item_reserve(model, effect->item);
    if (status != SH_OK) return status;
    struct popularity *popularity = &model->popularity[effect->item];
    popularity_add(popularity, effect->period, effect->amount);
    if (!model->has_base_period) {
        model->has_base_period = true;
        model->base_period = effect->period;
    } else if ((int64_t)effect->period - model->base_period > BASE_PERIODS_MAX) {
        model->base_period = effect->period;
        popularity_refresh(model);
        return SH_OK;
    }
    model->stale[effect->item / 64] |= UINT64_C(1) << (effect->item % 64);
    model->has_stale = true;
    return SH_OK;
}

/* ---- Trends ---- */

int32_t sh_feed_store_property(struct sh_feed_model *model, uint32_t type) {
    const struct sh_feed_config *config = &model->config;
    struct store_property *known = &model->store_properties[type];
    const struct sh_event_type *of = sh_event_type(model->scope.events, type);
    if (known->property_count == of->property_count + 1) return known->property;
    const struct sh_text name = {config->store_property, config->store_property_count};
    *known = (struct store_property){.property_count = of->property_count + 1, .property = -1};
    if (name.count == 0) return -1;
    const int32_t found = sh_event_property_find(of, name);
    if (found < 0) return -1;
    const enum sh_type value_type = of->properties[found]->type;
    if (value_type == SH_TYPE_STRING || value_type == SH_TYPE_ENUM) known->property = found;
    return known->property;
}

enum sh_status sh_feed_trend_store(struct sh_feed_model *model, struct sh_text name, uint32_t *store) {
    const enum sh_status status = sh_trends_store(model->trends, name, store);
    if (*store == SH_TREND_STORE_NONE) *store = SH_TREND_EVERYWHERE;
    return status;
}

struct sh_text sh_feed_trend_store_name(const struct sh_feed_model *model, uint32_t store) {
    return sh_trends_store_name(model->trends, store);
}

/* Of the event's store; everywhere, if it says none, or if memory or room is out. */
static uint32_t store_of(struct sh_feed_model *model, const struct sh_event *event) {
    uint32_t store = SH_TREND_EVERYWHERE;
    const int32_t property = event->value_count == 0 ? -1 : sh_feed_store_property(model, event->type);
    for (uint32_t i = 0; property >= 0 && i < event->value_count; i++) {
        if (event->values[i].property != (uint32_t)property) continue;
        const struct sh_event_property *of = sh_event_type(model->scope.events, event->type)->properties[property];
        const struct sh_text name = sh_dictionary_text(&of->texts, (uint32_t)event->values[i].value);
        if (sh_feed_trend_store(model, name, &store) != SH_OK) return SH_TREND_EVERYWHERE;
    }
    return store;
}

struct sh_trend_act sh_feed_trend_of(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms) {
    const double weight = weight_of(model, event->type);
    if (event->item == SH_NO_ITEM || weight == 0) return (struct sh_trend_act){.item = SH_NO_ITEM};
    return sh_trends_act(model->trends, event->item, store_of(model, event), weight, learned_time(event, now_ms));
}

/* There is room. */
static void add_trend(struct sh_feed_model *model, const struct sh_trend_act *act) {
    struct sh_trend_act everywhere = *act;
    if (act->item == SH_NO_ITEM) return;
    everywhere.store = SH_TREND_EVERYWHERE;
    sh_trends_add(model->trends, &everywhere);
    if (act->store != SH_TREND_EVERYWHERE) sh_trends_add(model->trends, act);
}

enum sh_status sh_feed_learn_trend(struct sh_feed_model *model, const struct sh_trend_act *act) {
    const enum sh_status status = act->item == SH_NO_ITEM ? SH_OK : sh_trends_reserve(model->trends);
    if (status == SH_OK) add_trend(model, act);
    return status;
}

static uint64_t hash_of_user(const void *context, uint32_t user) {
    const struct sh_feed_model *model = context;
    return sh_id_hash(sh_table_id(model->scope.users, user));
}

/* What is liked is a step of the visit, at its own time: that is how a forgotten user's visits are found. From a clock
 * that is far ahead nothing is learned. */
static enum sh_status learn_visit(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms,
                                  double weight, struct sh_session_click *click) {
    *click = (struct sh_session_click){.item = SH_NO_ITEM};
    if (event->item == SH_NO_ITEM || weight <= 0 || event->time_ms > now_ms + SH_SESSION_GAP_MS) return SH_OK;
    return sh_sessions_add(model->sessions, event->slot, hash_of_user, model, event->item, event->time_ms, click);
}

/* What is liked makes pairs by its weight; what is bought also makes pairs of purchases, which all weigh 1. */
static enum sh_status pairs_prepare(struct sh_feed_model *model, const struct sh_event *event, double weight) {
    if (event->item == SH_NO_ITEM || weight <= 0) return SH_OK;
    const enum sh_status status = sh_pairs_prepare(model->liked, event->slot, event->item);
    if (status != SH_OK || !model->weights[event->type].is_bought) return status;
    return sh_pairs_prepare(model->bought, event->slot, event->item);
}

static void pairs_add(struct sh_feed_model *model, const struct sh_event *event, double weight,
                      struct sh_feed_lesson *lesson) {
    lesson->liked.item = SH_NO_ITEM;
    lesson->bought.item = SH_NO_ITEM;
    if (event->item == SH_NO_ITEM || weight <= 0) return;
    sh_pairs_like(model->liked, event->slot, event->item, weight, &lesson->liked);
    if (model->weights[event->type].is_bought)
        sh_pairs_like(model->bought, event->slot, event->item, 1, &lesson->bought);
}

enum sh_status sh_feed_learn(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms,
                             struct sh_feed_lesson *lesson) {
    const double weight = weight_of(model, event->type);
    const struct sh_feed_effect own = effect_of(model, event, now_ms, weight);
    struct sh_feed_lesson told;
    struct liking liking;
    enum sh_status status;
    if (lesson == NULL) lesson = &told;
    lesson->effect = own;
    /* Room first, so that all parts happen or none; the visit's is the last that can fail. */
    if (own.item != SH_NO_ITEM && (status = item_reserve(model, own.item)) != SH_OK) return status;
    if ((status = liking_prepare(model, event, weight, &liking)) != SH_OK) return status;
    if ((status = pairs_prepare(model, event, weight)) != SH_OK) return status;
    lesson->trend = sh_feed_trend_of(model, event, now_ms);
    if (own.item != SH_NO_ITEM && (status = sh_trends_reserve(model->trends)) != SH_OK) return status;
    if ((status = learn_visit(model, event, now_ms, weight, &lesson->click)) != SH_OK) return status;
    add_trend(model, &lesson->trend);
    liking_add(model, &liking, event, now_ms, weight);
    pairs_add(model, event, weight, lesson);
    return sh_feed_learn_effect(model, &own);
}

enum sh_status sh_feed_learn_click(struct sh_feed_model *model, const struct sh_session_click *click) {
    if (click->item == SH_NO_ITEM) return SH_OK;
    const enum sh_status status = item_reserve(model, click->item);
    return status != SH_OK ? status : sh_sessions_learn(model->sessions, click);
}

enum sh_status sh_feed_learn_pairs(struct sh_feed_model *model, const struct sh_pair_step *step, bool is_bought) {
    return sh_pairs_learn(is_bought ? model->bought : model->liked, step);
}

double popularity_now(const struct sh_feed_model *model, double root, int64_t now_ms) {
    const double lives = (double)now_ms / model->config.half_life_popularity_ms;
    return root * root / AMOUNT_UNIT * feed_math_growth(2.0 * (double)model->base_period - lives);
}

double sh_feed_popularity(const struct sh_feed_model *model, uint32_t item, int64_t now_ms) {
    if (item >= model->item_capacity) return 0;
    const bool is_stale = item_is_stale(model, item);
    const double root = is_stale ? popularity_root_of(model, &model->popularity[item]) : model->popularity_root[item];
    return popularity_now(model, root, now_ms);
}
