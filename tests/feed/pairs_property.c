/* pairs_property.c -- random likings: every count against the twin, in stores that hear of them in another order, that
 * have to let go of some, and that were saved. Run: pairs_property SEED COUNT (of shops). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive_rig.h"
#include "hash.h"
#include "pairs_twin.h"

enum { EVENTS = 2500, ITEMS = 48, USERS = 24 };
_Static_assert((int)ITEMS <= (int)PAIRS_TWIN_ITEMS && (int)USERS <= (int)PAIRS_TWIN_USERS, "the twin knows them");

static uint64_t state;
static struct pairs_twin twin;
static struct sh_pairs *store;
static struct sh_pairs *sibling;
static struct sh_pair_limits limits;
static struct sh_pair_step told[EVENTS];
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

/* ---- Against the twin ---- */

static bool check_item(const struct sh_pairs *asked, uint32_t item) {
    static struct sh_pair list[SH_PAIR_OF_ITEM_MAX];
    uint64_t kept[ITEMS] = {0};
    const uint64_t lost = sh_pairs_lost(asked, item);
    const uint32_t count = sh_pairs_of(asked, item, list);
    for (uint32_t i = 0; i < count; i++)
        kept[list[i].item] = list[i].count;
    if (!promise(sh_pairs_sum(asked, item) == twin.sums[item], "a sum is another")) return false;
    for (uint32_t other = 0; other < ITEMS; other++) {
        const uint64_t truth = twin.counts[item][other];
        if (!promise(kept[other] <= truth, "a count is higher than the truth")) return false;
        if (!promise(kept[other] + lost >= truth, "a count lacks more than was lost")) return false;
    }
    if (limits.of_item == 0 && limits.place_count == 0) return promise(lost == 0, "something was lost without need");
    return limits.place_count > 0 ||
           promise(lost * (limits.of_item + 1) <= pairs_twin_total(&twin, item), "more was lost than full lists lose");
}

static bool check_counts(const struct sh_pairs *asked) {
    if (!sh_pairs_check(asked, &reason)) return false;
    for (uint32_t item = 0; item < ITEMS; item++)
        if (!check_item(asked, item)) return false;
    return true;
}

/* ---- In another order ---- */

static bool check_sibling(void) {
    for (uint32_t i = told_count; i > 1; i--) {
        const uint32_t k = random_below(i);
        const struct sh_pair_step other = told[k];
        told[k] = told[i - 1];
        told[i - 1] = other;
    }
    for (uint32_t i = 0; i < told_count; i++)
        if (sh_pairs_learn(sibling, &told[i]) != SH_OK) abort();
    return check_counts(sibling);
}

/* ---- Saved ---- */

static void save_pairs(const void *thing, struct sh_archive_writer *writer) {
    sh_pairs_save(*(struct sh_pairs *const *)thing, "pairs", writer);
}

static enum sh_status load_pairs(void *thing, struct sh_archive_reader *reader) {
    struct sh_pairs *loaded = sh_pairs_create(limits);
    if (loaded == NULL) return sh_archive_refuse_memory(reader);
    const enum sh_status status = sh_pairs_load(loaded, "pairs", ITEMS, USERS, reader);
    if (status == SH_OK)
        *(struct sh_pairs **)thing = loaded;
    else
        sh_pairs_destroy(loaded);
    return status;
}

static bool check_pairs(const void *thing, const char **why) {
    return sh_pairs_check(*(struct sh_pairs *const *)thing, why);
}

static void destroy_pairs(void *thing) {
    sh_pairs_destroy(*(struct sh_pairs **)thing);
}

/* From here on the store is the one that was loaded. is_thorough: also cut, with bits turned, without memory. */
static bool check_saved(bool is_thorough) {
    struct sh_pairs *loaded = NULL;
    const struct archive_rig rig = {save_pairs, load_pairs, check_pairs, destroy_pairs, &loaded};
    const char *fault = rig_renew(&rig, &store, is_thorough ? RIG_STARVE : RIG_ROUND_TRIP);
    return promise(fault == NULL, fault);
}

/* ---- Shops ---- */

static void like(uint32_t user, uint32_t item, double weight) {
    struct sh_pair_step step;
    pairs_twin_like(&twin, user, item, weight);
    if (sh_pairs_prepare(store, user, item) != SH_OK) abort();
    sh_pairs_like(store, user, item, weight, &step);
    if (step.added > 0) told[told_count++] = step;
}

static bool run_events(uint32_t event_count, bool with_saves) {
    static const double weights[] = {0.01, 1, 1, 1, 3, 5, 1000};
    for (uint32_t i = 0; i < event_count; i++) {
        const uint32_t user = random_below(USERS);
        const uint32_t item = random_below(3) == 0 ? random_below(ITEMS) : random_below(7);
        like(user, item, weights[random_below(7)]);
        if (random_below(100) == 0) {
            pairs_twin_forget(&twin, user);
            sh_pairs_forget(store, user);
        }
        if (i % 50 == 0 && !check_counts(store)) return false;
        if (with_saves && i % 500 == 499 && !check_saved(false)) return false;
    }
    return check_counts(store) && check_sibling();
}

static bool run_shop(uint32_t number) {
    static const struct sh_pair_limits some[] = {{0, 0}, {5, 0}, {17, 0}, {0, 512}};
    limits = some[number % 4];
    store = sh_pairs_create(limits);
    sibling = sh_pairs_create(limits);
    if (store == NULL || sibling == NULL) abort();
    pairs_twin_init(&twin);
    told_count = 0;
    const bool is_small = number % 16 == 15; /* for every bit of it */
    bool holds = run_events(is_small ? 60 : EVENTS, true);
    if (holds && is_small) holds = check_saved(true);
    sh_pairs_destroy(store);
    sh_pairs_destroy(sibling);
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
    printf("seed %" PRIu64 ": %u shops of %d events\n", seed, count, (int)EVENTS);
    return 0;
}
