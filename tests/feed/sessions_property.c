/* sessions_property.c -- random visits: every score against the twin, and the same store from clicks in another order.
 * Run: sessions_property SEED COUNT (of shops). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "sessions_twin.h"

enum { ITEMS = 40, USERS = 24, CLICKS = 3000 };
#define MINUTE_MS 60000
#define BASE_MS   1772294400000

static uint64_t state;
static struct sessions_twin twin;
static struct sh_sessions *store;
static struct sh_sessions *sibling;
static struct sh_session_click told[CLICKS];
static uint32_t told_count;
static const char *reason;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

static uint64_t hash_of(const void *context, uint32_t user) {
    (void)context;
    return sh_hash_mix(user + 1, 77);
}

/* Few items are asked for often. */
static uint32_t random_item(void) {
    const uint32_t item = random_below(ITEMS);
    return random_below(3) == 0 ? item : item % 7;
}

static bool check_scores(struct sh_sessions *asked, const uint32_t *clicks, uint32_t click_count, uint32_t user) {
    static struct sh_session_score expected[ITEMS];
    const struct sh_session_score *scores;
    uint32_t count;
    uint32_t expected_count = 0;
    sessions_twin_score(&twin, clicks, click_count, user, expected, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++)
        expected_count += expected[i].near > 0 || expected[i].next > 0 || expected[i].again > 0;
    if (sh_sessions_score(asked, clicks, click_count, user, &scores, &count) != SH_OK) abort();
    if (!promise(count == expected_count, "a visit leads to other items")) return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct sh_session_score *twins = &expected[scores[i].item];
        if (!promise(fabs(scores[i].near - twins->near) < 1e-9, "near is another")) return false;
        if (!promise(fabs(scores[i].next - twins->next) < 1e-9, "next is another")) return false;
        if (!promise(fabs(scores[i].again - twins->again) < 1e-9, "again is another")) return false;
    }
    return true;
}

/* The same numbers to the last bit, also from a store that heard of the clicks in another order. */
static bool check_sibling(const uint32_t *clicks, uint32_t click_count) {
    static double own[ITEMS][3];
    const struct sh_session_score *scores;
    uint32_t own_count;
    uint32_t count;
    if (sh_sessions_score(store, clicks, click_count, UINT32_MAX, &scores, &own_count) != SH_OK) abort();
    for (uint32_t i = 0; i < own_count; i++) {
        own[scores[i].item][0] = scores[i].near;
        own[scores[i].item][1] = scores[i].next;
        own[scores[i].item][2] = scores[i].again;
    }
    if (sh_sessions_score(sibling, clicks, click_count, UINT32_MAX, &scores, &count) != SH_OK) abort();
    if (!promise(count == own_count, "the sibling leads to other items")) return false;
    for (uint32_t i = 0; i < count; i++) {
        const double *same = own[scores[i].item];
        if (!promise(scores[i].near == same[0] && scores[i].next == same[1] && scores[i].again == same[2],
                     "the sibling scores another number"))
            return false;
    }
    return true;
}

static bool check_now(int64_t now_ms) {
    uint32_t clicks[SH_SESSION_CLICK_COUNT_MAX];
    uint32_t expected[SH_SESSION_CLICK_COUNT_MAX];
    const uint32_t user = random_below(USERS);
    const uint32_t count = sh_sessions_open(store, user, now_ms, clicks);
    if (!promise(count == sessions_twin_open(&twin, user, now_ms, expected), "the open visit has another length"))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!promise(clicks[i] == expected[i], "the open visit has other clicks")) return false;
    if (!check_scores(store, clicks, count, user)) return false;
    uint32_t foreign[12];
    const uint32_t foreign_count = random_below(12);
    for (uint32_t i = 0; i < foreign_count; i++)
        foreign[i] = random_below(ITEMS);
    return check_scores(store, foreign, foreign_count, UINT32_MAX);
}

static void shuffle(void) {
    for (uint32_t i = told_count; i > 1; i--) {
        const uint32_t k = random_below(i);
        const struct sh_session_click other = told[k];
        told[k] = told[i - 1];
        told[i - 1] = other;
    }
}

static bool check_all_told(void) {
    shuffle();
    for (uint32_t i = 0; i < told_count; i++)
        if (sh_sessions_learn(sibling, &told[i]) != SH_OK) abort();
    if (!sh_sessions_check(sibling, &reason)) return false;
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t clicks[8];
        for (uint32_t k = 0; k < 8; k++)
            clicks[k] = random_item();
        if (!check_sibling(clicks, 1 + i % 8)) return false;
    }
    return true;
}

static bool run_clicks(bool with_drops) {
    int64_t now_ms = BASE_MS;
    told_count = 0;
    for (uint32_t i = 0; i < CLICKS; i++) {
        const uint32_t user = random_below(USERS);
        const uint32_t item = random_item();
        now_ms += random_below(2 * MINUTE_MS);
        const int64_t time_ms = random_below(20) == 0 ? now_ms - random_below(90 * MINUTE_MS) : now_ms;
        struct sh_session_click click;
        sessions_twin_click(&twin, user, hash_of(NULL, user), item, time_ms);
        if (sh_sessions_add(store, user, hash_of, NULL, item, time_ms, &click) != SH_OK) abort();
        if (click.item != UINT32_MAX) told[told_count++] = click;
        if (with_drops && random_below(100) == 0) {
            const uint64_t key = told[random_below(told_count)].key;
            sessions_twin_drop(&twin, key);
            (void)sh_sessions_drop(store, key);
        }
        if (with_drops && random_below(100) == 0) {
            sessions_twin_forget(&twin, user);
            sh_sessions_forget(store, user);
        }
        if (i % 50 == 0 && !check_now(now_ms)) return false;
        if (i % 500 == 0 && !sh_sessions_check(store, &reason)) return false;
    }
    return sh_sessions_check(store, &reason) && (with_drops || check_all_told());
}

/* Small bounds are met with clicks in the order of time only: a session that is dropped while its visit goes on is told
 * differently. */
static bool run_shop(uint32_t number) {
    static const struct sh_session_limits limits[] = {
        {SH_SESSION_COUNT_MAX, SH_SESSION_OF_ITEM_MAX}, {SH_SESSION_COUNT_MAX, 20}, {200, 20}, {60, 7}};
    const bool with_drops = number % 5 == 4;
    const struct sh_session_limits limit = limits[with_drops ? 0 : number % 4];
    store = sh_sessions_create(limit);
    sibling = sh_sessions_create(limit);
    if (store == NULL || sibling == NULL) abort();
    sessions_twin_init(&twin, limit);
    const bool holds = run_clicks(with_drops);
    sh_sessions_destroy(store);
    sh_sessions_destroy(sibling);
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
    printf("seed %" PRIu64 ": %u shops of %d clicks\n", seed, count, (int)CLICKS);
    return 0;
}
