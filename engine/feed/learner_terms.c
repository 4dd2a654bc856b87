/* learner_terms.c -- what an example is made of, and learning one. */
#include "feed_math.h"
#include "feed_private.h"
#include "hash.h"
#include "learner_private.h"
#include "memory.h"

/* Kinds of terms: what a hashed name begins with. */
enum {
    TERM_PLACE = 1,
    TERM_HOUR,
    TERM_ITEM,
    TERM_PRICE,
    TERM_RATE,
    TERM_KIND,
    TERM_USER,
    TERM_PAIR,
    TERM_PRICE_PAIR,
    TERM_HOUR_PAIR,
};

#define PRIOR_SLOPE 0.5
/* 2^(-1 / 8192) */
#define LOSS_THINNING 0.99991539156163
static const double base_logits[SH_GOAL_COUNT] = {-2.9444389791664403, -4.59511985013459, -5.293304824724492};
static const struct sh_ftrl_config weight_config = {.alpha = 0.1, .beta = 1, .l1 = 1, .l2 = 1};
static const struct sh_ftrl_config calibration_config = {.alpha = 0.05, .beta = 1, .l1 = 0, .l2 = 0.1};

/* ---- Terms ---- */

/* sh_hash_mix, where the compiler sees it: some fifty times an item. Weights that are saved go by it: never change it. */
static inline uint64_t mix(uint64_t a, uint64_t b) {
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline struct sh_ftrl_term term_of(uint64_t kind, uint64_t name) {
    const uint64_t hash = mix(name ^ UINT64_C(0x9E3779B97F4A7C15), kind * UINT64_C(0xD6E8FEB86659FD93));
    return (struct sh_ftrl_term){sh_ftrl_bucket(hash, LEARNER_BITS), 1.0f};
}

void learner_name_parts(uint64_t names[SH_SHOWN_PART_COUNT]) {
    for (uint32_t i = 0; i < SH_SHOWN_PART_COUNT; i++)
        names[i] = i < SH_FEED_RANKER ? sh_hash_text(sh_text_of(sh_feed_feature_name((enum sh_feed_feature)i))) : 0;
}

static uint64_t pair_of(uint32_t left, uint32_t right) {
    return (uint64_t)left << 32 | right;
}

uint32_t user_terms(const struct example *example, struct sh_ftrl_term *terms) {
    uint32_t count = 0;
    terms[count++] = term_of(TERM_PLACE, example->place);
    terms[count++] = term_of(TERM_HOUR, example->hour);
    for (uint32_t u = 0; u < example->user_kind_count; u++)
        terms[count++] = term_of(TERM_USER, example->user_kinds[u]);
    return count;
}

uint32_t item_terms(const struct example *example, struct sh_ftrl_term *terms) {
    uint32_t count = 0;
    terms[count++] = term_of(TERM_ITEM, example->name);
    terms[count++] = term_of(TERM_RATE, example->rate);
    if (example->price > 0) terms[count++] = term_of(TERM_PRICE, example->price);
    for (uint32_t i = 0; i < SH_SHOWN_PART_COUNT; i++)
        if (example->parts[i] != 128) terms[count++] = term_of(example->part_names[i], example->parts[i]);
    for (uint32_t k = 0; k < example->kind_count; k++) {
        terms[count++] = term_of(TERM_KIND, example->kinds[k]);
        terms[count++] = term_of(TERM_HOUR_PAIR, pair_of(example->hour, example->kinds[k]));
    }
    for (uint32_t u = 0; u < example->user_kind_count; u++) {
        const uint32_t user = example->user_kinds[u];
        if (example->price > 0) terms[count++] = term_of(TERM_PRICE_PAIR, pair_of(user, example->price));
        for (uint32_t k = 0; k < example->kind_count; k++)
            terms[count++] = term_of(TERM_PAIR, pair_of(user, example->kinds[k]));
    }
    return count;
}

uint8_t sh_learner_part(double part) {
    const double steps = 8.0 * squeeze_score(part);
    if (steps > 126.5) return 255;
    if (steps < -127.5) return 0;
    return (uint8_t)(128 + (int32_t)(steps < 0 ? steps - 0.5 : steps + 0.5));
}

uint8_t rate_part(double rate, double overall) {
    const double steps = 4.0 * feed_math_log2(rate / overall);
    if (steps > 100) return 228;
    if (steps < -100) return 28;
    return (uint8_t)(128 + (int32_t)(steps < 0 ? steps - 0.5 : steps + 0.5));
}

double squeeze_score(double score) {
    return score < 0 ? -feed_math_log2(1.0 - score) : feed_math_log2(1.0 + score);
}

double unsqueeze_score(double x) {
    return x < 0 ? 1.0 - feed_math_exp2(-x) : feed_math_exp2(x) - 1.0;
}

/* ---- Names of items and users ---- */

static uint64_t name_of_value(const struct sh_table *items, uint32_t item, int32_t attribute_number) {
    int64_t value;
    if (attribute_number < 0 || !sh_table_get(items, item, (uint32_t)attribute_number, &value)) return 0;
    const struct sh_attribute *attribute = sh_table_attribute(items, (uint32_t)attribute_number);
    const bool is_text = attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING;
    const uint64_t hash =
        is_text ? sh_hash_text(sh_attribute_text(attribute, (uint32_t)value)) : sh_hash_mix((uint64_t)value, 1);
    const uint64_t name = sh_hash_mix(sh_hash_text(attribute->name), hash);
    return name == 0 ? 1 : name;
}

/* Two bands a doubling; 0 is for no price. */
static uint8_t price_band(const struct sh_table *items, uint32_t item, int32_t attribute_number) {
    int64_t value;
    if (attribute_number < 0 || !sh_table_get(items, item, (uint32_t)attribute_number, &value)) return 0;
    double price = (double)value;
    for (uint32_t i = 0; i < sh_table_attribute(items, (uint32_t)attribute_number)->scale; i++)
        price /= 10.0;
    return price > 0 ? (uint8_t)(1.5 + 2.0 * feed_math_log2(1.0 + price)) : 1;
}

static uint32_t kinds_of(const struct sh_table *table, uint32_t slot, uint32_t *kinds, uint32_t max) {
    uint32_t tags[SH_SERVED_KIND_COUNT];
    const uint32_t count = item_tags(table, slot, tags, max, NULL);
    for (uint32_t i = 0; i < count; i++)
        kinds[i] = (uint32_t)(tag_order(table, tags[i]) >> 32);
    return count;
}

static void fill_view(const struct sh_learner *learner, uint32_t item, struct item_view *view) {
    const struct sh_learner_config *config = &learner->config;
    view->name = (uint32_t)(sh_id_hash(sh_table_id(learner->items, item)) >> 32);
    view->kind_count = (uint8_t)kinds_of(learner->items, item, view->kinds, SH_SHOWN_KIND_COUNT);
    view->price = price_band(learner->items, item, config->price_attribute);
    view->category = name_of_value(learner->items, item, config->category_attribute);
    view->store = name_of_value(learner->items, item, config->store_attribute);
    view->is_known = true;
}

const struct item_view *item_view(struct sh_learner *learner, uint32_t item) {
    const uint32_t old = learner->view_capacity;
    if (item >= old) {
        if (sh_grow((void **)&learner->views, &learner->view_capacity, (uint64_t)item + 1, sizeof *learner->views) !=
            SH_OK)
            return NULL;
        memset(learner->views + old, 0, (learner->view_capacity - old) * sizeof *learner->views);
    }
    struct item_view *view = &learner->views[item];
    if (!view->is_known) fill_view(learner, item, view);
    return view;
}

struct sh_rate_place rate_place(const struct item_view *view, uint32_t item) {
    return (struct sh_rate_place){.item = item, .category = view->category, .store = view->store};
}

uint32_t sh_learner_user_kinds(const struct sh_learner *learner, uint32_t user, const uint64_t *drawn_to,
                               uint32_t drawn_count, uint32_t kinds[SH_SERVED_KIND_COUNT]) {
    uint32_t count = user == SH_SLOT_NONE ? 0 : kinds_of(learner->users, user, kinds, SH_SERVED_KIND_COUNT / 2);
    for (uint32_t i = 0; i < drawn_count && count < SH_SERVED_KIND_COUNT; i++)
        kinds[count++] = (uint32_t)(drawn_to[i] >> 32);
    return count;
}

/* ---- Goals ---- */

bool goal_make(struct goal_model *model) {
    if (model->weights != NULL) return true;
    model->weights = sh_ftrl_create(LEARNER_BITS, weight_config);
    model->calibration = sh_ftrl_create(CALIBRATION_BITS, calibration_config);
    if (model->weights != NULL && model->calibration != NULL) return true;
    sh_ftrl_destroy(model->weights);
    sh_ftrl_destroy(model->calibration);
    model->weights = NULL;
    model->calibration = NULL;
    return false;
}

bool goal_is_wanted(const struct sh_learner *learner, enum sh_goal goal) {
    if (goal == SH_GOAL_PURCHASE && learner->config.amount_weight > 0) return true;
    return learner->config.goal_weights[goal] > 0;
}

bool goal_is_trusted(const struct sh_learner *learner, enum sh_goal goal) {
    const struct goal_model *model = &learner->goals[goal];
    return model->examples >= SH_LEARNER_TRUST_COUNT && model->losses.predicted < model->losses.calibrated;
}

double calibrated_logit(const struct sh_learner *learner, enum sh_goal goal, double x, double *slope) {
    const struct sh_ftrl *calibration = learner->goals[goal].calibration;
    *slope = PRIOR_SLOPE;
    if (calibration == NULL) return base_logits[goal] + PRIOR_SLOPE * x;
    *slope += sh_ftrl_weight(calibration, 1);
    return base_logits[goal] + sh_ftrl_weight(calibration, 0) + *slope * x;
}

/* ---- Learning ---- */

static void thin(double *sum, double more) {
    *sum = *sum * LOSS_THINNING + more;
}

/* Of all that was shown, at whatever place; behind it the same rate that predictions begin with. */
static double plain_rate(const struct sh_learner *learner, enum sh_goal goal) {
    const double acts = (double)learner->goals[goal].acts + SH_RATE_PRIOR * sh_logistic(base_logits[goal]);
    const double rate = acts / ((double)learner->items_shown + SH_RATE_PRIOR);
    return rate < 0.999 ? rate : 0.999;
}

static void learn_example(struct sh_learner *learner, enum sh_goal goal, const struct example *example,
                          const struct sh_ftrl_term *terms, uint32_t term_count, bool reached) {
    struct goal_model *model = &learner->goals[goal];
    const double x = squeeze_score(example->score);
    const struct sh_ftrl_term blend[2] = {{0, 1.0f}, {1, (float)x}};
    double slope;
    const double logit = calibrated_logit(learner, goal, x, &slope);
    const double calibrated = sh_logistic(logit);
    const double predicted = sh_logistic(logit + sh_ftrl_sum(model->weights, terms, term_count));
    thin(&model->losses.predicted, sh_log_loss(predicted, reached));
    thin(&model->losses.calibrated, sh_log_loss(calibrated, reached));
    thin(&model->losses.rate, sh_log_loss(plain_rate(learner, goal), reached));
    thin(&model->losses.weight, 1.0);
    model->examples++;
    sh_ftrl_learn(model->weights, terms, term_count, predicted, reached ? 1.0 : 0.0);
    sh_ftrl_learn(model->calibration, blend, 2, calibrated, reached ? 1.0 : 0.0);
}

void learn_impression(struct sh_learner *learner, const struct sh_impression *impression) {
    struct sh_ftrl_term terms[TERM_COUNT_MAX];
    for (uint32_t i = 0; i < impression->count; i++) {
        const struct sh_shown *shown = &impression->items[i];
        const struct example example = {
            .score = (double)shown->score,
            .user_kinds = impression->kinds,
            .kinds = shown->kinds,
            .parts = shown->parts,
            .part_names = learner->part_names,
            .place = impression->places_before + i + 1,
            .name = (uint32_t)(sh_id_hash(sh_table_id(learner->items, shown->item)) >> 32),
            .user_kind_count = impression->kind_count,
            .kind_count = shown->kind_count,
            .hour = impression->hour,
            .price = shown->price,
            .rate = shown->rate,
        };
        uint32_t term_count = user_terms(&example, terms);
        term_count += item_terms(&example, terms + term_count);
        for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
            if (!goal_is_wanted(learner, goal) || !goal_make(&learner->goals[goal])) continue;
            learn_example(learner, goal, &example, terms, term_count, (shown->flags >> goal & 1) != 0);
        }
    }
}
