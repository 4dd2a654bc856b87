/* learner_unit.c -- the parts of the learner beside plain ones: FTRL, Thompson's chances, rates; and the learner's promises. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "hash.h"
#include "learner_private.h"
#include "memory.h"

static uint64_t state = 20261;

static uint64_t random_word(void) {
    state += 0x9E3779B97F4A7C15u;
    return sh_hash_mix(state, 1);
}
static double random_share(void) {
    return (double)(random_word() >> 11) / 9007199254740992.0;
}

/* ---- FTRL ---- */

TestSuite(ftrl);

enum { TWIN_BUCKETS = 64 };

/* As the formulae stand in the header, nothing kept but z and n. */
struct ftrl_twin {
    float z[TWIN_BUCKETS];
    float n[TWIN_BUCKETS];
    struct sh_ftrl_config config;
};

static double twin_weight(const struct ftrl_twin *twin, uint32_t bucket) {
    const double z = (double)twin->z[bucket];
    const double root = sqrt((double)twin->n[bucket]);
    if (fabs(z) <= twin->config.l1) return 0;
    const double toward = z > 0 ? twin->config.l1 - z : -twin->config.l1 - z;
    return (double)(float)(toward / ((twin->config.beta + root) / twin->config.alpha + twin->config.l2));
}

static void twin_learn(struct ftrl_twin *twin, const struct sh_ftrl_term *terms, uint32_t count, double prediction,
                       double label) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t b = terms[i].bucket;
        const double g = (prediction - label) * (double)terms[i].value;
        const double n = (double)twin->n[b];
        const double sigma = (sqrt(n + g * g) - sqrt(n)) / twin->config.alpha;
        const double weight = twin_weight(twin, b);
        twin->z[b] = (float)((double)twin->z[b] + g - sigma * weight);
        twin->n[b] = (float)(n + g * g);
    }
}

static uint32_t random_terms(struct sh_ftrl_term *terms) {
    const uint32_t count = 1 + (uint32_t)(random_word() % 8);
    for (uint32_t i = 0; i < count; i++)
        terms[i] = (struct sh_ftrl_term){(uint32_t)(random_word() % TWIN_BUCKETS), (float)(random_share() * 2 - 0.5)};
    return count;
}

Test(ftrl, is_the_plain_formulae_to_the_last_bit) {
    static const struct sh_ftrl_config configs[] = {{0.1, 1, 1, 1}, {0.05, 1, 0, 0.1}, {1, 0.01, 0.1, 0}};
    for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
        struct sh_ftrl *ftrl = sh_ftrl_create(6, configs[c]);
        struct ftrl_twin twin = {.config = configs[c]};
        for (uint32_t i = 0; i < 20000; i++) {
            struct sh_ftrl_term terms[8];
            double sum = 0;
            const uint32_t count = random_terms(terms);
            for (uint32_t k = 0; k < count; k++)
                sum += twin_weight(&twin, terms[k].bucket) * (double)terms[k].value;
            cr_assert_eq(sh_ftrl_sum(ftrl, terms, count), sum, "example %u of configuration %zu", i, c);
            const double prediction = sh_logistic(sum);
            const double label = random_share() < sh_logistic((double)terms[0].bucket / 8 - 4) ? 1 : 0;
            sh_ftrl_learn(ftrl, terms, count, prediction, label);
            twin_learn(&twin, terms, count, prediction, label);
        }
        cr_expect_gt(sh_ftrl_used_count(ftrl), 0);
        sh_ftrl_destroy(ftrl);
    }
}

Test(ftrl, finds_what_tells_and_leaves_the_rest_at_zero) {
    struct sh_ftrl *ftrl = sh_ftrl_create(8, (struct sh_ftrl_config){0.1, 1, 40, 1});
    for (uint32_t i = 0; i < 30000; i++) {
        const bool tells = random_word() % 2 == 0;
        const struct sh_ftrl_term terms[2] = {{(uint32_t)tells, 1}, {2 + (uint32_t)(random_word() % 200), 1}};
        const double prediction = sh_logistic(sh_ftrl_sum(ftrl, terms, 2));
        sh_ftrl_learn(ftrl, terms, 2, prediction, random_share() < (tells ? 0.8 : 0.2));
    }
    const double odds = sh_ftrl_weight(ftrl, 1);
    cr_expect(fabs(odds - log(4)) < 0.25, "a rate of 80 %% is a weight of %g", odds);
    cr_expect(fabs(sh_ftrl_weight(ftrl, 0) + log(4)) < 0.25);
    cr_expect_lt(sh_ftrl_used_count(ftrl), 20, "%u weights are used", sh_ftrl_used_count(ftrl));
    sh_ftrl_destroy(ftrl);
}

Test(ftrl, the_logistic_and_its_loss_are_those_of_libm) {
    for (double x = -12; x <= 12; x += 0.37) {
        const double p = 1 / (1 + exp(-x));
        cr_expect(fabs(sh_logistic(x) - p) < 1e-12);
        cr_expect(fabs(sh_log_loss(p, true) + log(p)) < 1e-9);
        cr_expect(fabs(sh_log_loss(p, false) + log(1 - p)) < 1e-9);
    }
    cr_expect(sh_logistic(-1e6) > 0 && sh_logistic(1e6) < 1);
}

/* ---- Thompson ---- */

TestSuite(thompson);

/* Beta by two gammas (Marsaglia and Tsang). */
static double random_normal(void) {
    return sqrt(-2 * log(1 - random_share())) * cos(6.283185307179586 * random_share());
}

static double random_gamma(double shape) {
    if (shape < 1) return random_gamma(shape + 1) * pow(1 - random_share(), 1 / shape);
    const double d = shape - 1.0 / 3;
    for (;;) {
        const double x = random_normal();
        const double v = pow(1 + x / sqrt(9 * d), 3);
        if (v > 0 && log(1 - random_share()) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

static double random_beta(struct sh_belief belief) {
    const double a = random_gamma(belief.a);
    return a / (a + random_gamma(belief.b));
}

Test(thompson, chances_are_how_often_a_draw_is_the_highest) {
    static const struct sh_belief sets[][5] = {
        {{1, 19}, {1, 19}, {1, 19}, {1, 19}, {1, 19}},
        {{1, 19}, {4, 40}, {30, 400}, {2, 100}, {10, 90}},
        {{0.5, 30}, {50, 900}, {60, 900}, {1, 1}, {0.1, 500}},
    };
    enum { DRAWS = 200000 };
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        double chances[5];
        uint32_t wins[5] = {0};
        double sum = 0;
        sh_thompson_chances(sets[s], 5, chances);
        for (uint32_t i = 0; i < DRAWS; i++) {
            uint32_t best = 0;
            double highest = -1;
            for (uint32_t j = 0; j < 5; j++) {
                const double rate = random_beta(sets[s][j]);
                if (rate > highest) best = j;
                if (rate > highest) highest = rate;
            }
            wins[best]++;
        }
        for (uint32_t j = 0; j < 5; j++) {
            sum += chances[j];
            cr_expect(fabs(chances[j] - (double)wins[j] / DRAWS) < 0.02, "set %zu, thing %u: %g, and drawn %g", s, j,
                      chances[j], (double)wins[j] / DRAWS);
        }
        cr_expect(fabs(sum - 1) < 1e-12);
    }
}

Test(thompson, draws_follow_the_chances_of_what_is_left) {
    static const double chances[4] = {0.5, 0.3, 0.2, 0};
    const uint8_t taken[4] = {0, 1, 0, 0};
    const uint8_t all[4] = {1, 1, 1, 0};
    uint32_t counts[5] = {0};
    double propensity;
    for (uint32_t i = 0; i < 70000; i++) {
        const uint32_t place = sh_thompson_draw(chances, taken, 4, random_word(), &propensity);
        cr_assert(place == 0 || place == 2);
        cr_assert(fabs(propensity - chances[place] / 0.7) < 1e-12);
        counts[place]++;
    }
    cr_expect(fabs(counts[0] / 70000.0 - 5.0 / 7) < 0.01);
    cr_expect_eq(sh_thompson_draw(chances, all, 4, random_word(), &propensity), 4);
}

Test(thompson, narrow_beliefs_and_many_of_them_are_still_chances) {
    struct sh_belief beliefs[SH_THOMPSON_COUNT_MAX];
    double chances[SH_THOMPSON_COUNT_MAX];
    for (uint32_t j = 0; j < SH_THOMPSON_COUNT_MAX; j++)
        beliefs[j] = (struct sh_belief){1e7 * (1 + j % 7), 1e9};
    sh_thompson_chances(beliefs, SH_THOMPSON_COUNT_MAX, chances);
    double sum = 0;
    for (uint32_t j = 0; j < SH_THOMPSON_COUNT_MAX; j++) {
        cr_expect(isfinite(chances[j]) && chances[j] >= 0);
        sum += chances[j];
        if (j % 7 != 6) cr_expect_lt(chances[j], chances[6]);
    }
    cr_expect(fabs(sum - 1) < 1e-9);
}

/* ---- Rates ---- */

TestSuite(rates);

enum { ITEMS = 12, LOG_COUNT = 4000 };
#define PERIOD_MS 1000

/* All that ever happened, looked through for each question. */
struct happening {
    struct sh_rate_place of;
    uint32_t place; /* 0: an act */
    enum sh_goal goal;
    int64_t amount;
    int64_t period;
};
static struct happening happenings[LOG_COUNT];
static uint32_t happening_count;

static bool concerns(const struct happening *happening, const struct sh_rate_place *of, uint32_t level) {
    if (level == 0) return true;
    if (level == 1) return of->store != 0 && happening->of.store == of->store;
    if (level == 2) return of->category != 0 && happening->of.category == of->category;
    return happening->of.item == of->item;
}

static double share_of(int64_t period, int64_t now_period) {
    const int64_t age = now_period - period;
    return age < SH_RATE_PERIOD_COUNT ? pow(2, -(double)age) : 0;
}

static double plain_rate(const struct sh_rate_place *of, enum sh_goal goal, int64_t now_period, uint32_t levels) {
    static const double base[] = {0.05, 0.01, 0.005};
    double rate = base[goal];
    for (uint32_t level = 0; level < levels; level++) {
        double looks = 0;
        double acts = 0;
        for (uint32_t i = 0; i < happening_count; i++) {
            const struct happening *happening = &happenings[i];
            if (!concerns(happening, of, level)) continue;
            const double share = share_of(happening->period, now_period);
            if (happening->place > 0)
                looks += share * floor(1024 / log2(1.0 + happening->place) + 0.5) / 1024;
            else
                acts += share * (happening->goal == goal);
        }
        rate = (acts + 20 * rate) / (fmax(looks, acts) + 20);
    }
    return rate;
}

static double plain_amount(const struct sh_rate_place *of, int64_t now_period) {
    double mean = 0;
    for (uint32_t level = 0; level < 4; level++) {
        double amount = 0;
        double purchases = 0;
        for (uint32_t i = 0; i < happening_count; i++) {
            const struct happening *happening = &happenings[i];
            if (happening->place > 0 || !concerns(happening, of, level)) continue;
            const double share = share_of(happening->period, now_period);
            amount += share * (double)happening->amount;
            purchases += share * (happening->goal == SH_GOAL_PURCHASE);
        }
        if (level == 0) mean = purchases > 0 ? amount / purchases : 0;
        if (level > 0) mean = (amount + 20 * mean) / (purchases + 20);
    }
    return mean;
}

static struct sh_rate_place random_place(void) {
    const uint32_t item = (uint32_t)(random_word() % ITEMS);
    return (struct sh_rate_place){item, item % 4 == 3 ? 0 : 100 + item % 4, item % 3 == 2 ? 0 : 200 + item % 3};
}

static void happen(struct sh_rates *rates, int64_t time_ms) {
    struct happening *happening = &happenings[happening_count++];
    *happening = (struct happening){.of = random_place(), .period = time_ms / PERIOD_MS};
    if (random_word() % 3 > 0) {
        happening->place = 1 + (uint32_t)(random_word() % 30);
        cr_assert_eq(sh_rates_look(rates, &happening->of, happening->place, time_ms), SH_OK);
        return;
    }
    happening->goal = (enum sh_goal)(random_word() % SH_GOAL_COUNT);
    happening->amount = happening->goal == SH_GOAL_PURCHASE ? (int64_t)(random_word() % 5000) : 0;
    cr_assert_eq(sh_rates_act(rates, &happening->of, happening->goal, happening->amount, time_ms), SH_OK);
}

static void expect_near(double value, double expected, const char *what) {
    cr_assert(fabs(value - expected) <= 1e-9 * fabs(expected), "%s is %.12g, and plainly %.12g", what, value, expected);
}

Test(rates, are_those_counted_plainly_over_all_that_happened) {
    struct sh_rates *rates = sh_rates_create(PERIOD_MS);
    int64_t now_ms = 100 * PERIOD_MS;
    for (uint32_t i = 0; i < LOG_COUNT; i++) {
        now_ms += (int64_t)(random_word() % 4) * (random_word() % 500 == 0 ? 1000 : 1);
        happen(rates, now_ms - (int64_t)(random_word() % 2) * 700);
        if (i % 100 != 99) continue;
        for (uint32_t k = 0; k < 6; k++) {
            const struct sh_rate_place of = random_place();
            const enum sh_goal goal = (enum sh_goal)(k % SH_GOAL_COUNT);
            double a;
            double b;
            expect_near(sh_rates_of(rates, &of, goal, now_ms), plain_rate(&of, goal, now_ms / PERIOD_MS, 4), "a rate");
            expect_near(sh_rates_overall(rates, goal, now_ms), plain_rate(&of, goal, now_ms / PERIOD_MS, 1), "all");
            expect_near(sh_rates_amount(rates, &of, now_ms) + 1, plain_amount(&of, now_ms / PERIOD_MS) + 1,
                        "an amount");
            sh_rates_posterior(rates, &of, goal, now_ms, &a, &b);
            cr_assert(a > 0 && b > 0);
        }
    }
    sh_rates_destroy(rates);
}

Test(rates, commute_and_do_without_what_is_too_old) {
    struct sh_rates *first = sh_rates_create(PERIOD_MS);
    struct sh_rates *second = sh_rates_create(PERIOD_MS);
    const struct sh_rate_place of = {.item = 3, .category = 7};
    static const int64_t times_ms[] = {5000, 8200, 6100, 900, 8900};
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(sh_rates_look(first, &of, 1, times_ms[i]), SH_OK);
        cr_assert_eq(sh_rates_look(second, &of, 1, times_ms[4 - i]), SH_OK);
    }
    cr_expect_eq(sh_rates_looks(first, 3, 8999), 2 + 0.25 + 0.125);
    cr_expect_eq(sh_rates_looks(second, 3, 8999), 2 + 0.25 + 0.125);
    cr_expect_eq(sh_rates_looks(first, 3, 20000), 0);
    cr_expect_eq(sh_rates_of(first, &of, SH_GOAL_CLICK, 8999), sh_rates_of(second, &of, SH_GOAL_CLICK, 8999));
    sh_rates_destroy(first);
    sh_rates_destroy(second);
}

/* ---- Impressions ---- */

enum { CHOSEN_COUNT = 600 };

/* The longest way that any id of the table can be long. */
static uint32_t longest_run(const struct sh_impressions *impressions) {
    uint32_t longest = 0;
    uint32_t run = 0;
    for (uint32_t i = 0; i < 2 * impressions->capacity; i++) {
        run = impressions->table[i] == 0 ? 0 : run + 1;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static uint32_t run_with(uint64_t secret, const uint64_t *ids, uint32_t count) {
    struct sh_impressions impressions;
    const uint64_t before = sh_hash_secret();
    sh_hash_set_secret(secret);
    sh_impressions_init(&impressions);
    sh_hash_set_secret(before); /* a table keeps the secret that it was made with */
    for (uint32_t i = 0; i < count; i++)
        cr_assert(sh_impressions_add(&impressions, ids[i], 1) != NULL);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(sh_impressions_find(&impressions, ids[i])->rec, ids[i]);
    cr_assert(sh_impressions_check(&impressions, NULL));
    const uint32_t run = longest_run(&impressions);
    sh_impressions_deinit(&impressions);
    return run;
}

/* Whoever knows the secret can send ids that all have one home; with another secret the same ids are any ids. */
Test(impressions, ids_chosen_to_meet_in_one_place_do_not_without_the_secret) {
    static uint64_t ids[CHOSEN_COUNT];
    uint32_t count = 0;
    for (uint64_t id = 1; count < CHOSEN_COUNT; id++)
        if ((sh_hash_mix(id, 12345) & 2047) == 0) ids[count++] = id;
    cr_expect_geq(run_with(12345, ids, count), CHOSEN_COUNT, "the ids are not as bad as they should be");
    cr_expect_lt(run_with(98765, ids, count), 40);
}
