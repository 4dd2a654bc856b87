/* learner_rank.c -- what is learned, as a part of an item's score; and what exploring goes by. */
#include "feed_math.h"
#include "learner_private.h"

#define LN_2 0.6931471805599453
#define SLOPE_MIN                                                                                                      \
    0.05 /* of ln v over x: where the blend says next to nothing, what is learned moves far, not without bound */
#define SLOPE_MAX    5.0
#define LIFT_MAX     6.0 /* e^6 times as valuable as the blend says */
#define SQUEEZED_MAX 24.0

struct sh_goals sh_learner_goals(const struct sh_learner *learner) {
    struct sh_goals goals = {.amount = learner->config.amount_weight};
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        goals.weights[goal] = learner->config.goal_weights[goal];
    return goals;
}

/* Wanted by whoever asks; what is not wanted by the workspace has no model to be trusted. */
static bool is_wanted(const struct sh_goals *goals, enum sh_goal goal) {
    return goals->weights[goal] > 0 || (goal == SH_GOAL_PURCHASE && goals->amount > 0);
}

void sh_learner_read(struct sh_learner *learner, const struct sh_goals *goals, int64_t now_ms, uint8_t hour,
                     const uint32_t *kinds, uint32_t kind_count, struct sh_learner_reader *reader) {
    *reader = (struct sh_learner_reader){.learner = learner, .now_ms = now_ms, .hour = hour, .kind_count = kind_count};
    reader->goals = goals != NULL ? *goals : sh_learner_goals(learner);
    reader->overall = sh_rates_overall(learner->rates, SH_GOAL_CLICK, now_ms);
    for (uint32_t i = 0; i < kind_count; i++)
        reader->kinds[i] = kinds[i];
    const struct example example = {
        .user_kinds = reader->kinds, .place = 1, .user_kind_count = kind_count, .hour = hour};
    struct sh_ftrl_term terms[TERM_COUNT_MAX];
    const uint32_t term_count = user_terms(&example, terms);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        reader->trusts[goal] =
            is_wanted(&reader->goals, goal) && goal_is_wanted(learner, goal) && goal_is_trusted(learner, goal);
        reader->has_weights = reader->has_weights || reader->trusts[goal];
        if (reader->trusts[goal]) reader->sums[goal] = sh_ftrl_sum(learner->goals[goal].weights, terms, term_count);
    }
}

bool sh_learner_is_ready(const struct sh_learner *learner, const struct sh_goals *asked) {
    const struct sh_goals goals = asked != NULL ? *asked : sh_learner_goals(learner);
    bool is_ready = false;
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        is_ready =
            is_ready || (is_wanted(&goals, goal) && goal_is_wanted(learner, goal) && goal_is_trusted(learner, goal));
    return is_ready && learner->config.ranks;
}

static double clamp(double value, double low, double high) {
    if (value < low) return low;
    return value > high ? high : value;
}

/* Values of an item: as predicted, as the blend alone has it, and how fast the latter grows with x. */
struct worth {
    double predicted;
    double calibrated;
    double growth;
};

static void add_goal(const struct sh_learner_reader *reader, enum sh_goal goal, double x, double sum, double weight,
                     double bare_weight, struct worth *worth) {
    double slope;
    const double logit = calibrated_logit(reader->learner, goal, x, &slope);
    const double calibrated = sh_logistic(logit);
    const double predicted = reader->trusts[goal] ? sh_logistic(logit + sum) : calibrated;
    worth->predicted += weight * predicted;
    worth->calibrated += bare_weight * calibrated;
    worth->growth += bare_weight * calibrated * (1.0 - calibrated) * slope;
}

static double learned_part(double score, double x, const struct worth *worth) {
    if (!(worth->calibrated > 0) || !(worth->predicted > 0)) return 0;
    const double lift = clamp(LN_2 * feed_math_log2(worth->predicted / worth->calibrated), -LIFT_MAX, LIFT_MAX);
    if (lift == 0) return 0;
    const double slope = clamp(worth->growth / worth->calibrated, SLOPE_MIN, SLOPE_MAX);
    return unsqueeze_score(clamp(x + lift / slope, -SQUEEZED_MAX, SQUEEZED_MAX)) - score;
}

void sh_learner_rank(const struct sh_learner_reader *reader, uint32_t item, double score, const uint8_t *parts,
                     struct sh_learned *learned) {
    struct sh_learner *learner = reader->learner;
    const struct sh_goals *goals = &reader->goals;
    const struct item_view *view = item_view(learner, item);
    struct sh_ftrl_term terms[TERM_COUNT_MAX];
    struct worth worth = {0};
    const double x = squeeze_score(score);
    double slope;
    *learned = (struct sh_learned){.predicted = sh_logistic(calibrated_logit(learner, SH_GOAL_CLICK, x, &slope))};
    if (!reader->has_weights || view == NULL) return;
    const struct sh_rate_place of = rate_place(view, item);
    const double rate = sh_rates_of(learner->rates, &of, SH_GOAL_CLICK, reader->now_ms);
    const struct example example = {
        .score = score,
        .user_kinds = reader->kinds,
        .kinds = view->kinds,
        .parts = parts,
        .part_names = learner->part_names,
        .place = 1,
        .name = view->name,
        .user_kind_count = reader->kind_count,
        .kind_count = view->kind_count,
        .hour = reader->hour,
        .price = view->price,
        .rate = rate_part(rate, reader->overall),
    };
    const uint32_t term_count = item_terms(&example, terms);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        if (!is_wanted(goals, goal)) continue;
        double sum = reader->sums[goal];
        if (reader->trusts[goal]) sum += sh_ftrl_sum(learner->goals[goal].weights, terms, term_count);
        add_goal(reader, goal, x, sum, goals->weights[goal], goals->weights[goal], &worth);
        if (goal == SH_GOAL_CLICK && reader->trusts[goal])
            learned->predicted = sh_logistic(calibrated_logit(learner, goal, x, &slope) + sum);
        if (goal != SH_GOAL_PURCHASE || goals->amount == 0) continue;
        const struct sh_rate_place nothing = {.item = UINT32_MAX};
        const double brings = sh_rates_amount(learner->rates, &of, reader->now_ms);
        const double mean = sh_rates_amount(learner->rates, &nothing, reader->now_ms);
        add_goal(reader, goal, x, sum, goals->amount * brings, goals->amount * mean, &worth);
    }
    learned->part = learned_part(score, x, &worth);
}

struct sh_belief sh_learner_belief(struct sh_learner *learner, const struct sh_goals *asked, uint32_t item,
                                   int64_t now_ms) {
    const struct sh_goals goals = asked != NULL ? *asked : sh_learner_goals(learner);
    enum sh_goal best = SH_GOAL_CLICK;
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        if (goals.weights[goal] > goals.weights[best]) best = goal;
    const struct item_view *view = item_view(learner, item);
    const struct sh_rate_place of = view == NULL ? (struct sh_rate_place){.item = item} : rate_place(view, item);
    struct sh_belief belief;
    sh_rates_posterior(learner->rates, &of, best, now_ms, &belief.a, &belief.b);
    return belief;
}
