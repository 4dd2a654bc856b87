#include "learner.h"

#include "hash.h"
#include "learner_private.h"
#include "memory.h"

#define RATE_PERIOD_MS (INT64_C(14) * 86400000)
#define WEIGHT_MAX     1e6
/* With no more room, a feed that has waited so long is learned from before its window is over. */
#define WAITED_MS_MIN INT64_C(60000)

/* ---- Configuration ---- */

struct sh_learner_config sh_learner_config_default(void) {
    struct sh_learner_config config = {
        .window_ms = INT64_C(30) * 60000,
        .goal_weights = {1, 0, 0},
        .ranks = true,
        .category_attribute = -1,
        .store_attribute = -1,
        .price_attribute = -1,
    };
    memset(config.goal_of_type, SH_LEARNER_GOAL_BY_NAME, sizeof config.goal_of_type);
    return config;
}

static bool is_within(double value, double max) {
    return value >= 0 && value <= max; /* false for what is no number */
}

static bool is_attribute(const struct sh_table *items, int32_t attribute, bool is_number) {
    if (attribute == -1) return true;
    if (attribute < 0 || (uint32_t)attribute >= sh_table_attribute_count(items)) return false;
    const enum sh_type type = sh_table_attribute(items, (uint32_t)attribute)->type;
    return !is_number || type == SH_TYPE_INT || type == SH_TYPE_DECIMAL;
}

enum sh_status sh_learner_config_check(const struct sh_learner_config *config, const struct sh_table *items,
                                       struct sh_error *err) {
    if (!is_within(config->share, 1)) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a share is 0 to 1");
    if (config->window_ms < SH_LEARNER_WINDOW_MS_MIN || config->window_ms > SH_LEARNER_WINDOW_MS_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a feed is learned from after 1 second to 7 days");
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        if (!is_within(config->goal_weights[goal], WEIGHT_MAX))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a goal's weight is 0 to 1,000,000");
    if (!is_within(config->amount_weight, WEIGHT_MAX))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a goal's weight is 0 to 1,000,000");
    if (!is_attribute(items, config->category_attribute, false) || !is_attribute(items, config->store_attribute, false))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "category and store are attributes of items");
    if (!is_attribute(items, config->price_attribute, true))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a price is an int or decimal attribute of items");
    return SH_OK;
}

bool sh_learner_configs_are_equal(const struct sh_learner_config *a, const struct sh_learner_config *b) {
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        if (a->goal_weights[goal] != b->goal_weights[goal]) return false;
    return a->share == b->share && a->window_ms == b->window_ms && a->amount_weight == b->amount_weight &&
           a->ranks == b->ranks && a->category_attribute == b->category_attribute &&
           a->store_attribute == b->store_attribute && a->price_attribute == b->price_attribute &&
           memcmp(a->goal_of_type, b->goal_of_type, sizeof a->goal_of_type) == 0;
}

enum sh_status sh_learner_configure(struct sh_learner *learner, const struct sh_learner_config *config,
                                    struct sh_error *err) {
    const enum sh_status status = sh_learner_config_check(config, learner->items, err);
    if (status != SH_OK) return status;
    learner->config = *config;
    for (uint32_t i = 0; i < learner->view_capacity; i++)
        learner->views[i].is_known = false;
    return SH_OK;
}

const struct sh_learner_config *sh_learner_config(const struct sh_learner *learner) {
    return &learner->config;
}

bool sh_learner_wants(const struct sh_learner *learner, uint64_t rec) {
    if (learner->config.share >= 1) return true;
    const uint64_t word = sh_hash_mix(rec, UINT64_C(0xA0761D6478BD642F)) >> 11; /* 53 bits */
    return (double)word < learner->config.share * 9007199254740992.0;
}

/* ---- Life ---- */

struct sh_learner *sh_learner_create(const struct sh_table *users, const struct sh_table *items) {
    struct sh_learner *learner = sh_alloc_zero(sizeof *learner);
    if (learner == NULL) return NULL;
    learner->users = users;
    learner->items = items;
    learner->config = sh_learner_config_default();
    learner_name_parts(learner->part_names);
    sh_impressions_init(&learner->impressions);
    learner->rates = sh_rates_create(RATE_PERIOD_MS);
    if (learner->rates != NULL) return learner;
    sh_learner_destroy(learner);
    return NULL;
}

void sh_learner_destroy(struct sh_learner *learner) {
    if (learner == NULL) return;
    sh_rates_destroy(learner->rates);
    sh_impressions_deinit(&learner->impressions);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        sh_ftrl_destroy(learner->goals[goal].weights);
        sh_ftrl_destroy(learner->goals[goal].calibration);
    }
    sh_free(learner->views);
    sh_free(learner);
}

void sh_learner_item_put(struct sh_learner *learner, uint32_t item) {
    if (item < learner->view_capacity) learner->views[item].is_known = false;
}

/* ---- Serving ---- */

static void learn_next(struct sh_learner *learner) {
    struct sh_impressions *impressions = &learner->impressions;
    learn_impression(learner, sh_impressions_at(impressions, impressions->open_at));
    impressions->open_at++;
}

static void learn_what_is_over(struct sh_learner *learner, int64_t now_ms) {
    struct sh_impressions *impressions = &learner->impressions;
    for (uint32_t i = 0; i < SH_LEARNER_CLOSE_COUNT && impressions->open_at < impressions->newest; i++) {
        const struct sh_impression *next = sh_impressions_at(impressions, impressions->open_at);
        if (now_ms - next->time_ms < learner->config.window_ms) return;
        learn_next(learner);
    }
}

static void make_room(struct sh_learner *learner, uint32_t count, int64_t now_ms) {
    struct sh_impressions *impressions = &learner->impressions;
    while (impressions->byte_count + sh_impression_bytes(count) > SH_IMPRESSION_BYTES_MAX) {
        if (impressions->oldest == impressions->open_at) {
            const struct sh_impression *oldest = sh_impressions_at(impressions, impressions->oldest);
            if (now_ms - oldest->time_ms >= WAITED_MS_MIN) {
                learn_next(learner);
            } else {
                learner->lost++;
                impressions->open_at++;
            }
        }
        sh_impressions_drop(impressions);
    }
}

static void count_shown(struct sh_learner *learner, const struct sh_shown *shown, uint32_t place) {
    learner->items_shown++;
    learner->places[place <= SH_LEARNER_PLACE_COUNT ? place - 1 : SH_LEARNER_PLACE_COUNT - 1].shown++;
    for (uint32_t sources = shown->sources; sources != 0; sources &= sources - 1)
        learner->sources[__builtin_ctz(sources)].shown++;
    if ((shown->flags & SH_SHOWN_EXPLORED) != 0) learner->explored.shown++;
}

static void take_item(struct sh_learner *learner, const struct sh_serving *serving, uint32_t i,
                      struct sh_shown *shown) {
    const struct sh_serving_item *item = &serving->items[i];
    const struct item_view *view = item_view(learner, item->item);
    *shown = (struct sh_shown){
        .item = item->item,
        .sources = item->sources,
        .score = item->score,
        .propensity = item->propensity,
        .predicted = item->predicted,
        .flags = item->is_explored ? SH_SHOWN_EXPLORED : 0,
        .rate = 128,
    };
    memcpy(shown->parts, item->parts, sizeof shown->parts);
    if (view == NULL) return;
    const struct sh_rate_place of = rate_place(view, item->item);
    const double overall = sh_rates_overall(learner->rates, SH_GOAL_CLICK, serving->time_ms);
    shown->kind_count = view->kind_count;
    memcpy(shown->kinds, view->kinds, sizeof shown->kinds);
    shown->price = view->price;
    shown->rate = rate_part(sh_rates_of(learner->rates, &of, SH_GOAL_CLICK, serving->time_ms), overall);
    if (sh_rates_look(learner->rates, &of, serving->places_before + i + 1, serving->time_ms) != SH_OK) learner->lost++;
}

/* Acts that came before. */
static void take_early(struct sh_learner *learner, uint64_t rec) {
    const uint64_t count =
        learner->early_count < SH_IMPRESSION_EARLY_MAX ? learner->early_count : SH_IMPRESSION_EARLY_MAX;
    for (uint64_t n = learner->early_count - count; n < learner->early_count; n++) {
        struct sh_learner_act *act = &learner->early[n % SH_IMPRESSION_EARLY_MAX];
        if (act->rec != rec || act->goal == SH_GOAL_NONE) continue;
        const struct sh_learner_act known = *act;
        act->goal = SH_GOAL_NONE;
        learner->unknown--;
        (void)sh_learner_act(learner, &known);
    }
}

void sh_learner_serve(struct sh_learner *learner, const struct sh_serving *serving) {
    struct sh_impressions *impressions = &learner->impressions;
    learn_what_is_over(learner, serving->time_ms);
    if (serving->count == 0 || sh_impressions_find(impressions, serving->rec) != NULL) return;
    make_room(learner, serving->count, serving->time_ms);
    struct sh_impression *impression = sh_impressions_add(impressions, serving->rec, serving->count);
    if (impression == NULL) {
        learner->lost++;
        return;
    }
    impression->user = serving->user_hash;
    impression->time_ms = serving->time_ms;
    impression->places_before = serving->places_before;
    impression->hour = serving->hour;
    impression->kind_count = serving->kind_count;
    memcpy(impression->kinds, serving->kinds, serving->kind_count * sizeof *serving->kinds);
    for (uint32_t i = 0; i < serving->count; i++) {
        take_item(learner, serving, i, &impression->items[i]);
        count_shown(learner, &impression->items[i], serving->places_before + i + 1);
    }
    learner->feeds++;
    take_early(learner, serving->rec);
}

/* ---- What becomes of it ---- */

static void count_act(struct sh_learner *learner, const struct sh_shown *shown, uint32_t place, enum sh_goal goal) {
    learner->goals[goal].acts++;
    learner->places[place <= SH_LEARNER_PLACE_COUNT ? place - 1 : SH_LEARNER_PLACE_COUNT - 1].acts[goal]++;
    for (uint32_t sources = shown->sources; sources != 0; sources &= sources - 1)
        learner->sources[__builtin_ctz(sources)].acts[goal]++;
    if ((shown->flags & SH_SHOWN_EXPLORED) != 0) learner->explored.acts[goal]++;
}

static void credit(struct sh_learner *learner, const struct sh_impression *impression, struct sh_shown *shown,
                   const struct sh_learner_act *act) {
    const uint8_t bit = (uint8_t)(1u << act->goal);
    const int64_t amount = act->goal == SH_GOAL_PURCHASE && act->amount > 0 ? act->amount : 0;
    if (__builtin_add_overflow(shown->amount, amount, &shown->amount)) shown->amount = INT64_MAX;
    if (__builtin_add_overflow(learner->amount, amount, &learner->amount)) learner->amount = INT64_MAX;
    if ((shown->flags & bit) != 0) return; /* a second click on the same thing is the same click */
    shown->flags |= bit;
    count_act(learner, shown, impression->places_before + (uint32_t)(shown - impression->items) + 1, act->goal);
    const struct item_view *view = item_view(learner, act->item);
    const struct sh_rate_place of =
        view == NULL ? (struct sh_rate_place){.item = act->item} : rate_place(view, act->item);
    if (sh_rates_act(learner->rates, &of, act->goal, amount, impression->time_ms) != SH_OK) learner->lost++;
}

bool sh_learner_act(struct sh_learner *learner, const struct sh_learner_act *act) {
    struct sh_impression *impression = sh_impressions_find(&learner->impressions, act->rec);
    sh_assert(act->goal < SH_GOAL_COUNT);
    if (impression == NULL) {
        learner->unknown++;
        learner->early[learner->early_count++ % SH_IMPRESSION_EARLY_MAX] = *act;
        return false;
    }
    for (uint32_t i = 0; i < impression->count; i++) {
        if (impression->items[i].item != act->item) continue;
        credit(learner, impression, &impression->items[i], act);
        break;
    }
    return true;
}

void sh_learner_forget(struct sh_learner *learner, uint64_t user_hash) {
    if (user_hash != 0) sh_impressions_forget(&learner->impressions, user_hash);
}

void sh_learner_rename(struct sh_learner *learner, uint64_t user_hash, uint64_t into_hash) {
    if (user_hash != 0) sh_impressions_rename(&learner->impressions, user_hash, into_hash);
}

/* ---- Looking at it ---- */

static double mean_of(double sum, double weight) {
    return weight > 0 ? sum / weight : 0;
}

void sh_learner_report(const struct sh_learner *learner, int64_t now_ms, struct sh_learner_report *report) {
    const struct sh_impressions *impressions = &learner->impressions;
    *report = (struct sh_learner_report){
        .feeds = learner->feeds,
        .items = learner->items_shown,
        .kept = impressions->newest - impressions->oldest,
        .open = impressions->newest - impressions->open_at,
        .lost = learner->lost,
        .unknown = learner->unknown,
        .amount = learner->amount,
        .explored = learner->explored,
    };
    memcpy(report->sources, learner->sources, sizeof report->sources);
    memcpy(report->places, learner->places, sizeof report->places);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        const struct goal_model *model = &learner->goals[goal];
        report->goals[goal] = (struct sh_goal_report){
            .acts = model->acts,
            .rate = sh_rates_overall(learner->rates, goal, now_ms),
            .examples = model->examples,
            .loss = mean_of(model->losses.predicted, model->losses.weight),
            .loss_calibrated = mean_of(model->losses.calibrated, model->losses.weight),
            .loss_rate = mean_of(model->losses.rate, model->losses.weight),
            .weight_count = model->weights == NULL ? 0 : sh_ftrl_used_count(model->weights),
            .is_trusted = goal_is_trusted(learner, goal),
        };
    }
}

const struct sh_impressions *sh_learner_impressions(const struct sh_learner *learner) {
    return &learner->impressions;
}

bool sh_learner_has_rates(const struct sh_learner *learner) {
    return learner->feeds > 0;
}

size_t sh_learner_memory_bytes(const struct sh_learner *learner) {
    size_t bytes = sizeof *learner + sh_rates_memory_bytes(learner->rates) +
                   sh_impressions_memory_bytes(&learner->impressions) + learner->view_capacity * sizeof *learner->views;
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        if (learner->goals[goal].weights == NULL) continue;
        bytes += sh_ftrl_memory_bytes(learner->goals[goal].weights);
        bytes += sh_ftrl_memory_bytes(learner->goals[goal].calibration);
    }
    return bytes;
}

bool sh_learner_check(const struct sh_learner *learner, const char **reason) {
    return sh_impressions_check(&learner->impressions, reason);
}
