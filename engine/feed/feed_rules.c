/* feed_rules.c -- names, defaults and the check of what the merchant rules. */
#include <math.h>

#include "calendar.h"
#include "feed_private.h"

#define BOOST_MAX 1000.0

static const char *const rule_names[SH_FEED_RULE_COUNT] = {
    [SH_FEED_SERVED] = "served",
    [SH_FEED_SEEN] = "seen",
    [SH_FEED_SKIPPED] = "skipped",
    [SH_FEED_DISLIKED] = "disliked",
    [SH_FEED_BOUGHT] = "bought",
    [SH_FEED_RULE_CAP] = "cap",
    [SH_FEED_RULE_DIVERSITY] = "diversity",
    [SH_FEED_RULE_QUOTA] = "quota",
};
static const char *const applied_names[SH_FEED_APPLIED_COUNT] = {
    [SH_FEED_APPLIED_PIN] = "pin",     [SH_FEED_APPLIED_SLOT] = "slot", [SH_FEED_APPLIED_QUOTA] = "quota",
    [SH_FEED_APPLIED_BOOST] = "boost", [SH_FEED_APPLIED_BURY] = "bury", [SH_FEED_APPLIED_FATIGUE] = "fatigue",
    [SH_FEED_APPLIED_MMR] = "mmr",
};
static const char *const stage_names[SH_FEED_STAGE_COUNT] = {
    [SH_FEED_STAGE_CATALOGUE] = "catalogue", [SH_FEED_STAGE_ELIGIBLE] = "eligible",
    [SH_FEED_STAGE_EXCLUDED] = "excluded",   [SH_FEED_STAGE_HELD] = "held",
    [SH_FEED_STAGE_NARROW] = "narrowed",     [SH_FEED_STAGE_SCORE] = "score",
    [SH_FEED_STAGE_PLACE] = "place",         [SH_FEED_STAGE_SHOWN] = "shown",
};

const char *sh_feed_rule_name(uint32_t rule) {
    sh_assert(rule < SH_FEED_RULE_COUNT);
    return rule_names[rule];
}

const char *sh_feed_applied_name(enum sh_feed_applied applied) {
    sh_assert((uint32_t)applied < SH_FEED_APPLIED_COUNT);
    return applied_names[applied];
}

const char *sh_feed_stage_name(enum sh_feed_stage stage) {
    sh_assert((uint32_t)stage < SH_FEED_STAGE_COUNT);
    return stage_names[stage];
}

void sh_feed_rules_default(const struct sh_feed_config *config, struct sh_feed_rules *rules) {
    static const uint8_t relax[] = {SH_FEED_RULE_DIVERSITY, SH_FEED_RULE_QUOTA, SH_FEED_SERVED, SH_FEED_SKIPPED,
                                    SH_FEED_SEEN,           SH_FEED_RULE_CAP,   SH_FEED_BOUGHT};
    *rules = (struct sh_feed_rules){.fatigue_factor = 1, .floor = 1};
    rules->held_ms[SH_FEED_BOUGHT] = (int64_t)config->bought_days * SH_DAY_MS;
    rules->held_ms[SH_FEED_SEEN] = (int64_t)config->seen_days * SH_DAY_MS;
    rules->held_ms[SH_FEED_DISLIKED] = (int64_t)SH_FEED_DISLIKED_DAYS * SH_DAY_MS;
    rules->relax_count = sizeof relax;
    memcpy(rules->relax, relax, sizeof relax);
    if (config->diversity_attribute < 0) return;
    rules->diversities[rules->diversity_count++] = (struct sh_feed_diversity){
        .attribute = (uint32_t)config->diversity_attribute,
        .count = config->diversity_count,
        .window = config->diversity_window,
    };
}

static bool is_between(double value, double low, double high) {
    return value >= low && value <= high; /* false for what is not a number */
}

static enum sh_status check_score_rules(const struct sh_feed_rules *rules, struct sh_error *err) {
    for (uint32_t i = 0; i < rules->boost_count; i++)
        if (!is_between(rules->boosts[i].factor, 0, BOOST_MAX) ||
            !is_between(rules->boosts[i].points, -BOOST_MAX, BOOST_MAX))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a boost has a factor of 0 to %g and points of -%g to %g",
                           BOOST_MAX, BOOST_MAX, BOOST_MAX);
    if (!is_between(rules->fatigue_factor, 0, 1))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the factor of fatigue is 0 to 1");
    if (!is_between(rules->mmr, 0, 1)) return sh_fail(err, SH_ERR_ARGUMENT, -1, "the share of `mmr` is 0 to 1");
    for (uint32_t i = 0; i < rules->cap_count; i++)
        if (rules->caps[i].count == 0 || rules->caps[i].window_ms <= 0)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a cap needs a count of 1 or more, and a window");
    return SH_OK;
}

static enum sh_status check_places(const struct sh_feed_rules *rules, struct sh_error *err) {
    for (uint32_t i = 0; i < rules->pin_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (rules->pins[i].place == rules->pins[j].place || rules->pins[i].item == rules->pins[j].item)
                return sh_fail(err, SH_ERR_ARGUMENT, -1, "two pins have the same place or the same item: place %u",
                               rules->pins[i].place + 1);
    for (uint32_t i = 0; i < rules->slot_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (rules->slots[i].place == rules->slots[j].place)
                return sh_fail(err, SH_ERR_ARGUMENT, -1, "two slots have the same place: %u",
                               rules->slots[i].place + 1);
    for (uint32_t i = 0; i < rules->quota_count; i++) {
        const struct sh_feed_quota *quota = &rules->quotas[i];
        if (quota->of == 0 || quota->of > SH_FEED_COUNT_MAX || quota->at_least > quota->at_most ||
            quota->at_most > quota->of)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a quota needs at_least <= at_most <= of, and `of` up to %d",
                           (int)SH_FEED_COUNT_MAX);
    }
    return SH_OK;
}

enum sh_status sh_feed_rules_check(const struct sh_feed_rules *rules, const struct sh_table *items,
                                   struct sh_error *err) {
    enum sh_status status;
    if ((status = check_score_rules(rules, err)) != SH_OK) return status;
    if ((status = check_places(rules, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < rules->diversity_count; i++) {
        const struct sh_feed_diversity *rule = &rules->diversities[i];
        if (rule->attribute >= sh_table_attribute_count(items))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "items have no attribute of that number");
        if (rule->count == 0 || rule->count >= rule->window || rule->window > SH_FEED_COUNT_MAX)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "diversity needs 1 <= count < window <= %d",
                           (int)SH_FEED_COUNT_MAX);
    }
    uint32_t met = 0;
    for (uint32_t i = 0; i < rules->relax_count; i++) {
        const uint32_t bit = rules->relax[i] < SH_FEED_RULE_COUNT ? 1u << rules->relax[i] : 0;
        if (bit == 0 || (met & bit) != 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "each rule stands once in `relax`");
        met |= bit;
    }
    return SH_OK;
}
