/* trends_property.c -- random acts in random stores: every sum against a list of all acts, in trends that hear of them in
 * another order, that have no room for all, and that were saved. Run: trends_property SEED COUNT (of shops). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "calendar.h"
#include "hash.h"
#include "trends.h"

enum { ACTS = 1500, ITEMS = 40, STORES = 4, FEW_CELLS = 60 };
#define BASE_MS INT64_C(1772294400000)

struct act {
    uint32_t item;
    uint32_t store; /* 0: none said */
    double weight;
    int64_t time_ms;
};

static uint64_t state;
static struct act acts[ACTS];
static uint32_t act_count;
static struct sh_trends *trends;
static double half_lives_ms[2];
static uint32_t cell_count_max;
static int64_t latest_ms; /* of all acts */
static const char *reason;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-4 * (1 + fabs(a) + fabs(b));
}

static struct sh_text store_name(uint32_t store) {
    static const char *const names[STORES + 1] = {"", "成都", "east", "east 2", "x"};
    return sh_text_of(names[store]);
}

/* ---- The twin ---- */

static double sum_of(uint32_t store, uint32_t item, double half_life_ms, int64_t now_ms) {
    double newest = -INFINITY;
    double sum = 0;
    for (uint32_t i = 0; i < act_count; i++)
        if (acts[i].item == item && (store == 0 || acts[i].store == store))
            newest = fmax(newest, floor((double)acts[i].time_ms / half_life_ms / 8));
    for (uint32_t i = 0; i < act_count; i++)
        if (acts[i].item == item && (store == 0 || acts[i].store == store) &&
            floor((double)acts[i].time_ms / half_life_ms / 8) >= newest - 1)
            sum += acts[i].weight * exp2((double)(acts[i].time_ms - now_ms) / half_life_ms);
    return sum;
}

static bool check_all(const struct sh_trends *asked) {
    const int64_t now_ms = latest_ms + (int64_t)random_below(400) * SH_DAY_MS / 4 - 30 * SH_DAY_MS;
    if (!sh_trends_check(asked, &reason)) return false;
    for (uint32_t store = 0; store <= STORES; store++) {
        const uint32_t number = store == 0 ? SH_TREND_EVERYWHERE : sh_trends_find_store(asked, store_name(store));
        bool met[ITEMS] = {false};
        struct sh_trend trend;
        uint32_t at = 0;
        while (number != SH_TREND_STORE_NONE && sh_trends_next(asked, number, now_ms, &at, &trend)) {
            if (!promise(trend.item < ITEMS && !met[trend.item], "a store has an item once")) return false;
            met[trend.item] = true;
            const double now = sum_of(store, trend.item, half_lives_ms[0], now_ms);
            const double usual = sum_of(store, trend.item, half_lives_ms[1], now_ms);
            if (!promise(near(trend.short_lived, now) && near(trend.long_lived, usual), "a sum is that of its acts"))
                return false;
            const struct sh_trend same = sh_trends_of(asked, number, trend.item, now_ms);
            if (!promise(same.rising == trend.rising, "one is found as all are")) return false;
        }
        for (uint32_t i = 0; i < act_count && cell_count_max == 0; i++)
            if (store == 0 || acts[i].store == store)
                if (!promise(met[acts[i].item], "every act is counted")) return false;
    }
    return true;
}

/* ---- Learning ---- */

static void count_act(struct sh_trends *target, const struct act *act) {
    uint32_t store = SH_TREND_EVERYWHERE;
    if (act->store != 0 && sh_trends_store(target, store_name(act->store), &store) != SH_OK) abort();
    struct sh_trend_act made = sh_trends_act(target, act->item, SH_TREND_EVERYWHERE, act->weight, act->time_ms);
    if (sh_trends_reserve(target) != SH_OK) abort();
    sh_trends_add(target, &made);
    if (act->store == 0) return;
    made.store = store;
    sh_trends_add(target, &made);
}

static bool check_sibling(void) {
    struct sh_trends *sibling = sh_trends_create(half_lives_ms[0], half_lives_ms[1], 0);
    if (sibling == NULL) abort();
    for (uint32_t i = act_count; i > 1; i--) {
        const uint32_t k = random_below(i);
        const struct act other = acts[k];
        acts[k] = acts[i - 1];
        acts[i - 1] = other;
    }
    for (uint32_t i = 0; i < act_count; i++)
        count_act(sibling, &acts[i]);
    bool holds = check_all(sibling);
    for (uint32_t store = 0; holds && store <= STORES; store++)
        for (uint32_t item = 0; holds && item < ITEMS; item++) {
            const uint32_t here = store == 0 ? 0 : sh_trends_find_store(trends, store_name(store));
            const uint32_t there = store == 0 ? 0 : sh_trends_find_store(sibling, store_name(store));
            if (here == SH_TREND_STORE_NONE) continue;
            const struct sh_trend a = sh_trends_of(trends, here, item, BASE_MS);
            const struct sh_trend b = sh_trends_of(sibling, there, item, BASE_MS);
            holds = promise(a.short_lived == b.short_lived && a.long_lived == b.long_lived,
                            "another order makes the same sums, to the last bit");
        }
    sh_trends_destroy(sibling);
    return holds;
}

/* ---- Saved ---- */

static void save(const void *thing, struct sh_archive_writer *writer) {
    sh_trends_save(*(struct sh_trends *const *)thing, writer);
}
static enum sh_status load(void *thing, struct sh_archive_reader *reader) {
    struct sh_trends *loaded = sh_trends_create(half_lives_ms[0], half_lives_ms[1], cell_count_max);
    if (loaded == NULL) return sh_archive_refuse_memory(reader);
    const enum sh_status status = sh_trends_load(loaded, ITEMS, reader);
    if (status == SH_OK)
        *(struct sh_trends **)thing = loaded;
    else
        sh_trends_destroy(loaded);
    return status;
}
static bool check(const void *thing, const char **why) {
    return sh_trends_check(*(struct sh_trends *const *)thing, why);
}
static void destroy(void *thing) {
    sh_trends_destroy(*(struct sh_trends **)thing);
}

/* From here on the trends are those that were loaded. */
static bool check_saved(bool is_thorough) {
    struct sh_trends *loaded = NULL;
    const struct archive_rig rig = {save, load, check, destroy, &loaded};
    const char *fault = rig_renew(&rig, &trends, is_thorough ? RIG_STARVE : RIG_ROUND_TRIP);
    return promise(fault == NULL, fault);
}

/* ---- Shops ---- */

static bool run_acts(uint32_t wanted) {
    static const double weights[] = {1, 1, 1, 3, 5, -2, 1000};
    int64_t time_ms = BASE_MS;
    for (act_count = 0; act_count < wanted;) {
        time_ms += (int64_t)random_below(10) * SH_HOUR_MS;
        if (random_below(100) == 0) time_ms += 30 * SH_DAY_MS;
        struct act *act = &acts[act_count];
        *act = (struct act){random_below(ITEMS), random_below(STORES + 1), weights[random_below(7)], time_ms};
        if (random_below(10) == 0) act->time_ms -= (int64_t)random_below(40) * SH_DAY_MS;
        count_act(trends, act);
        latest_ms = time_ms;
        act_count++;
        /* With no room for all, cells that are gone begin anew: then only what always holds is checked. */
        if (act_count % 100 == 0 && cell_count_max > 0 && !sh_trends_check(trends, &reason)) return false;
        if (act_count % 100 == 0 && cell_count_max == 0 && !check_all(trends)) return false;
        if (act_count % 500 == 499 && !check_saved(false)) return false;
    }
    if (cell_count_max > 0)
        return promise(sh_trends_cell_count(trends) <= cell_count_max, "no more cells than there may be") &&
               promise(sh_trends_missed(trends) > 0, "what had no room is told");
    return promise(sh_trends_missed(trends) == 0, "nothing is missed without need") && check_sibling();
}

static bool run_shop(uint32_t number) {
    const bool is_small = number % 16 == 15; /* for every bit of it */
    half_lives_ms[0] = (double)SH_DAY_MS * (1 + random_below(3));
    half_lives_ms[1] = (double)SH_DAY_MS * (7 + random_below(14));
    cell_count_max = number % 4 == 3 && !is_small ? FEW_CELLS : 0;
    trends = sh_trends_create(half_lives_ms[0], half_lives_ms[1], cell_count_max);
    if (trends == NULL) abort();
    bool holds = run_acts(is_small ? 30 : ACTS);
    if (holds && is_small) holds = check_saved(true);
    sh_trends_destroy(trends);
    return holds;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 10;
    for (uint32_t i = 0; i < count; i++) {
        state = seed + i;
        if (run_shop(i)) continue;
        printf("seed %" PRIu64 ", shop %u: %s\n", seed, i, reason);
        return 1;
    }
    printf("seed %" PRIu64 ": %u shops of %d acts\n", seed, count, (int)ACTS);
    return 0;
}
