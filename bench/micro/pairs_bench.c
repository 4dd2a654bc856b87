/* pairs_bench.c -- what does it cost to count the pairs of an event?
 *
 * Users and items of a shop, popular items far more often (the item is that of the square of an even number); every
 * event likes an item anew or again. After a first half that fills the lists, the second half is timed. Limits of the
 * machine: an event has up to 7 pairs, each in two lists; those of the other items are up to 7 places anywhere in
 * memory, asked for together.
 *
 * Run: pairs_bench [EVENTS [USERS [ITEMS]]]. The hash is of counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hash.h"
#include "pairs.h"

enum { AHEAD = 6 };

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct shop {
    uint32_t user_count;
    uint32_t item_count;
};

static uint32_t user_of(const struct shop *shop, uint32_t event) {
    return (uint32_t)(sh_hash_mix(event, 1) % shop->user_count);
}

static uint32_t item_of(const struct shop *shop, uint32_t event) {
    const double share = (double)(sh_hash_mix(event, 2) >> 11) / 9007199254740992.0;
    return (uint32_t)(share * share * (double)shop->item_count);
}

static void like(struct sh_pairs *pairs, const struct shop *shop, uint32_t from, uint32_t to) {
    static const double weights[] = {1, 1, 1, 1, 1, 1, 3, 5};
    for (uint32_t event = from; event < to; event++) {
        struct sh_pair_step step;
        const uint32_t user = user_of(shop, event);
        for (uint32_t ahead = SH_PAIRS_AHEAD_ROOTS; ahead <= SH_PAIRS_AHEAD_PLACES; ahead++) {
            const uint32_t later = event + (SH_PAIRS_AHEAD_PLACES + 1 - ahead) * AHEAD;
            sh_pairs_prefetch(pairs, (enum sh_pairs_ahead)ahead, user_of(shop, later), item_of(shop, later));
        }
        if (sh_pairs_prepare(pairs, user, item_of(shop, event)) != SH_OK) abort();
        sh_pairs_like(pairs, user, item_of(shop, event), weights[event % 8], &step);
    }
}

static uint64_t hash_of(const struct sh_pairs *pairs, const struct shop *shop) {
    static struct sh_pair list[SH_PAIR_OF_ITEM_MAX];
    uint64_t hash = 0;
    for (uint32_t item = 0; item < shop->item_count; item++) {
        const uint32_t count = sh_pairs_of(pairs, item, list);
        for (uint32_t i = 0; i < count; i++)
            hash += sh_hash_mix((uint64_t)item << 32 | list[i].item, list[i].count);
    }
    return hash;
}

int main(int argument_count, char **arguments) {
    const uint32_t event_count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 2000000;
    const struct shop shop = {argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 100000,
                              argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 20000};
    struct sh_pairs *pairs = sh_pairs_create((struct sh_pair_limits){0});
    if (pairs == NULL || event_count < 2 || shop.user_count == 0 || shop.item_count == 0) return 1;
    like(pairs, &shop, 0, event_count / 2);
    const double begin = now_seconds();
    like(pairs, &shop, event_count / 2, event_count);
    const double seconds = now_seconds() - begin;
    uint32_t inexact = 0;
    for (uint32_t item = 0; item < shop.item_count; item++)
        inexact += sh_pairs_lost(pairs, item) > 0;
    printf("%u users, %u items: %.0f ns an event after %u events; %.1f MiB; %u lists had to let go; hash %016llx\n",
           shop.user_count, shop.item_count, seconds * 1e9 / (double)(event_count - event_count / 2), event_count / 2,
           (double)sh_pairs_memory_bytes(pairs) / 1048576.0, inexact, (unsigned long long)hash_of(pairs, &shop));
    sh_pairs_destroy(pairs);
    return 0;
}
