/* feed_companion.c -- the features "pairs" and "walk": what goes with the items that the user liked last (pairs.h).
 *
 *   the user's latest items    mug 3    tea 5    pot 1        newest first, with how much they were liked
 *   times 0.8^place            3        4        0.64         as shares of their sum: .39 .52 .08
 *   value of an item j         weight * sqrt(.39 S(mug, j) + .52 S(tea, j) + .08 S(pot, j))
 *
 * S is one of the two readings of the same counts: the shrunk cosine for "pairs", RP3beta for "walk". Both are small
 * numbers, a tenth is much, and the root brings them to the scale of the other features without an order of its own.
 * With the clicks of a visit in the request those are the latest items, each liked as much. One reason an item that
 * leads here, with its id.
 */
#include "feed_companion.h"

#include <math.h>

#include "feed_reading.h"

#define RECENT_DECAY 0.8

typedef double reading(uint64_t count, uint64_t sum, uint64_t sum_other);

struct recent_item {
    uint32_t item;
    double share;
    uint64_t sum; /* N */
    const struct sh_pair *companions;
    uint32_t companion_count;
};

struct companion_state {
    struct feed_sparse values; /* first: the pipeline reads it */
    struct recent_item recent[COMPANION_RECENT_MAX];
    uint32_t recent_count;
    reading *read;
    double weight;
};

/* ---- The latest items ---- */

/* The different clicks, newest first. */
static uint32_t recent_of_clicks(const struct sh_feed_request *request, struct sh_pair_liking *recent) {
    uint32_t count = 0;
    for (uint32_t i = request->click_count; i > 0 && count < COMPANION_RECENT_MAX; i--) {
        uint32_t at = 0;
        while (at < count && recent[at].item != request->clicks[i - 1])
            at++;
        if (at == count) recent[count++] = (struct sh_pair_liking){request->clicks[i - 1], SH_PAIR_UNIT};
    }
    return count;
}

static void share_out(const struct sh_pair_liking *recent, uint32_t count, double *shares) {
    double total = 0;
    double decay = 1;
    for (uint32_t i = 0; i < count; i++, decay *= RECENT_DECAY)
        total += shares[i] = (double)recent[i].liking * decay;
    for (uint32_t i = 0; i < count; i++)
        shares[i] /= total;
}

/* With their shares. */
static uint32_t latest_of(const struct feed_run *run, struct sh_pair_liking *recent, double *shares) {
    const struct sh_feed_request *request = run->request;
    uint32_t count = 0;
    if (request->clicks != NULL)
        count = recent_of_clicks(request, recent);
    else if (request->reading != NULL)
        count = reading_latest(run, recent, COMPANION_RECENT_MAX);
    else if (request->user != SH_SLOT_NONE)
        count = sh_pairs_latest(run->model->liked, request->user, recent, COMPANION_RECENT_MAX);
    share_out(recent, count, shares);
    return count;
}

uint32_t companion_recent_of(const struct feed_run *run, struct companion_recent recent[COMPANION_RECENT_MAX]) {
    struct sh_pair_liking latest[SH_PAIR_LATEST_MAX];
    double shares[COMPANION_RECENT_MAX];
    const uint32_t count = latest_of(run, latest, shares);
    for (uint32_t i = 0; i < count; i++)
        recent[i] = (struct companion_recent){latest[i].item, shares[i]};
    return count;
}

static enum sh_status find_recent(struct feed_run *run, struct companion_state *state) {
    const struct sh_pairs *pairs = run->model->liked;
    struct sh_pair_liking recent[SH_PAIR_LATEST_MAX];
    struct sh_pair *list = sh_arena_alloc(run->arena, SH_PAIR_OF_ITEM_MAX * COMPANION_RECENT_MAX * sizeof *list);
    double shares[COMPANION_RECENT_MAX];
    if (list == NULL) return SH_ERR_LIMIT;
    state->recent_count = latest_of(run, recent, shares);
    for (uint32_t i = 0; i < state->recent_count; i++) {
        struct recent_item *item = &state->recent[i];
        *item = (struct recent_item){
            .item = recent[i].item, .share = shares[i], .sum = sh_pairs_sum(pairs, recent[i].item), .companions = list};
        item->companion_count = sh_pairs_of(pairs, item->item, list);
        list += item->companion_count;
    }
    return SH_OK;
}

/* ---- Values ---- */

static double part_of(const struct feed_run *run, const struct companion_state *state, const struct recent_item *item,
                      const struct sh_pair *companion) {
    return item->share * state->read(companion->count, item->sum, sh_pairs_sum(run->model->liked, companion->item));
}

static enum sh_status begin(struct feed_run *run, struct companion_state *state, reading *read, double weight) {
    uint32_t capacity = 0;
    enum sh_status status = find_recent(run, state);
    if (status != SH_OK) return status;
    state->read = read;
    state->weight = weight;
    for (uint32_t i = 0; i < state->recent_count; i++)
        capacity += state->recent[i].companion_count;
    if ((status = feed_sparse_init(&state->values, capacity, run->arena)) != SH_OK) return status;
    for (uint32_t i = 0; i < state->recent_count; i++) {
        const struct recent_item *item = &state->recent[i];
        for (uint32_t k = 0; k < item->companion_count; k++)
            feed_sparse_add(&state->values, item->companions[k].item, part_of(run, state, item, &item->companions[k]));
    }
    for (uint32_t i = 0; i < state->values.count; i++)
        state->values.values[i] = weight * sqrt(state->values.values[i]);
    return SH_OK;
}

static enum sh_status pairs_begin(struct feed_run *run, void *state) {
    return begin(run, state, sh_pair_cosine, run->weights[SH_FEED_PAIRS]);
}

static enum sh_status walk_begin(struct feed_run *run, void *state) {
    return begin(run, state, sh_pair_walk, run->weights[SH_FEED_WALK]);
}

static uint32_t sources(const struct feed_run *run, const void *state, uint32_t item, double value) {
    (void)run;
    (void)state;
    (void)item;
    return value > 0 ? 1u << SH_FEED_SOURCE_PAIRS : 0;
}

/* ---- One item ---- */

static reading *reading_of(enum sh_feed_feature feature) {
    return feature == SH_FEED_WALK ? sh_pair_walk : sh_pair_cosine;
}

double companion_value(const struct feed_run *run, enum sh_feed_feature feature, uint32_t item,
                       struct companion_parts *parts) {
    const struct sh_pairs *pairs = run->model->liked;
    double shares[COMPANION_RECENT_MAX];
    double sum = 0;
    *parts = (struct companion_parts){.count = 0};
    parts->count = sh_pairs_latest(pairs, run->request->user, parts->recent, COMPANION_RECENT_MAX);
    share_out(parts->recent, parts->count, shares);
    for (uint32_t i = 0; i < parts->count; i++) {
        const uint32_t count = sh_pairs_count(pairs, parts->recent[i].item, item);
        if (count == 0) continue;
        parts->parts[i] = shares[i] * reading_of(feature)(count, sh_pairs_sum(pairs, parts->recent[i].item),
                                                          sh_pairs_sum(pairs, item));
        sum += parts->parts[i];
    }
    for (uint32_t i = 0; i < parts->count && sum > 0; i++)
        parts->parts[i] /= sum;
    parts->value = run->weights[feature] * sqrt(sum);
    return parts->value;
}

static void explain_part(const struct sh_feed_model *model, uint32_t from, double value, const char *kind,
                         struct feed_reasons *reasons) {
    const uint32_t before = reasons->count;
    feed_reason_add(reasons, kind, value);
    if (reasons->count == before) return;
    reasons->list[before].name = sh_table_id(model->scope.items, from);
    reasons->list[before].group = SH_TEXT_LITERAL("item");
}

void companion_explain(const struct sh_feed_model *model, const struct companion_parts *parts, const char *kind,
                       struct feed_reasons *reasons) {
    for (uint32_t i = 0; i < parts->count; i++)
        explain_part(model, parts->recent[i].item, parts->value * parts->parts[i], kind, reasons);
}

/* The parts have the shares of the value that they have of the sum under the root. */
static void explain(const struct feed_run *run, const struct companion_state *state, uint32_t item, double value,
                    const char *kind, struct feed_reasons *reasons) {
    double parts[COMPANION_RECENT_MAX] = {0};
    double sum = 0;
    for (uint32_t i = 0; i < state->recent_count; i++)
        for (uint32_t k = 0; k < state->recent[i].companion_count; k++)
            if (state->recent[i].companions[k].item == item) {
                parts[i] = part_of(run, state, &state->recent[i], &state->recent[i].companions[k]);
                sum += parts[i];
            }
    for (uint32_t i = 0; i < state->recent_count && sum > 0; i++)
        explain_part(run->model, state->recent[i].item, value * (parts[i] / sum), kind, reasons);
}

static void pairs_explain(const struct feed_run *run, const void *state, uint32_t item, double value,
                          struct feed_reasons *reasons) {
    explain(run, state, item, value, "pairs", reasons);
}

static void walk_explain(const struct feed_run *run, const void *state, uint32_t item, double value,
                         struct feed_reasons *reasons) {
    explain(run, state, item, value, "walk", reasons);
}

const struct feed_feature feed_companions = {
    .name = "pairs",
    .weight = 0.5,
    .state_bytes = sizeof(struct companion_state),
    .is_sparse = true,
    .begin = pairs_begin,
    .sources = sources,
    .explain = pairs_explain,
};

const struct feed_feature feed_walk = {
    .name = "walk",
    .weight = 0,
    .state_bytes = sizeof(struct companion_state),
    .is_sparse = true,
    .begin = walk_begin,
    .sources = sources,
    .explain = walk_explain,
};
