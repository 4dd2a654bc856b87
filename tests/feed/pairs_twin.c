/* pairs_twin.c -- a user's likings are written down before and after an event, and what each pair shares is compared.
 */
#include "pairs_twin.h"

#include <math.h>
#include <string.h>

void pairs_twin_init(struct pairs_twin *twin) {
    memset(twin, 0, sizeof *twin);
}

static uint64_t shared(const uint64_t *likings, uint32_t a, uint32_t b) {
    return likings[a] < likings[b] ? likings[a] : likings[b];
}

static void spread(const struct pairs_twin_user *user, uint64_t likings[PAIRS_TWIN_ITEMS]) {
    memset(likings, 0, PAIRS_TWIN_ITEMS * sizeof *likings);
    for (uint32_t i = 0; i < user->count; i++)
        likings[user->items[i]] = user->likings[i];
}

/* Make the item the newest; one more than may be leaves. */
static void touch(struct pairs_twin_user *user, uint32_t item, uint32_t liking) {
    const struct pairs_twin_user old = *user;
    user->count = 0;
    user->items[0] = item;
    user->likings[user->count++] = liking;
    for (uint32_t i = 0; i < old.count; i++) {
        if (old.items[i] == item) {
            if (old.likings[i] > liking) user->likings[0] = old.likings[i];
        } else if (user->count < SH_PAIR_LATEST_MAX) {
            user->items[user->count] = old.items[i];
            user->likings[user->count++] = old.likings[i];
        }
    }
}

void pairs_twin_like(struct pairs_twin *twin, uint32_t user, uint32_t item, double weight) {
    uint64_t before[PAIRS_TWIN_ITEMS];
    uint64_t after[PAIRS_TWIN_ITEMS];
    const double units = floor(weight * SH_PAIR_UNIT + 0.5);
    spread(&twin->users[user], before);
    touch(&twin->users[user], item, units < 1 ? 1 : (uint32_t)units);
    spread(&twin->users[user], after);
    twin->sums[item] += after[item] - before[item];
    for (uint32_t other = 0; other < PAIRS_TWIN_ITEMS; other++) {
        if (other == item || after[other] == 0) continue; /* what has left takes nothing along */
        const uint64_t gain = shared(after, item, other) - shared(before, item, other);
        twin->counts[item][other] += gain;
        twin->counts[other][item] += gain;
    }
}

void pairs_twin_forget(struct pairs_twin *twin, uint32_t user) {
    twin->users[user].count = 0;
}

uint64_t pairs_twin_total(const struct pairs_twin *twin, uint32_t item) {
    uint64_t total = 0;
    for (uint32_t other = 0; other < PAIRS_TWIN_ITEMS; other++)
        total += twin->counts[item][other];
    return total;
}
