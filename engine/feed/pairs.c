/* pairs.c -- counts of pairs: what an event adds to which lists. */
#include <math.h>
#include <string.h>

#include "memory.h"
#include "pairs_private.h"

/* ---- Life ---- */

struct sh_pairs *sh_pairs_create(struct sh_pair_limits limits) {
    struct sh_pairs *pairs = sh_alloc_zero(sizeof *pairs);
    if (pairs == NULL) return NULL;
    if (limits.of_item == 0) limits.of_item = SH_PAIR_OF_ITEM_MAX;
    if (limits.place_count == 0) limits.place_count = SH_PAIR_PLACE_COUNT_MAX;
    sh_assert(limits.of_item <= SH_PAIR_OF_ITEM_MAX && limits.place_count <= SH_PAIR_PLACE_COUNT_MAX);
    pairs->limits = limits;
    return pairs;
}

void sh_pairs_destroy(struct sh_pairs *pairs) {
    if (pairs == NULL) return;
    for (uint32_t i = 0; i < pairs->item_capacity; i++)
        if (pairs->items[i].bits > PAIR_BITS_POOL_MAX) sh_free(pairs->items[i].places);
    pool_deinit(&pairs->lists);
    pool_deinit(&pairs->latest);
    sh_free(pairs->items);
    sh_free(pairs->users);
    sh_free(pairs);
}

/* ---- The list of an item ---- */

enum sh_status pair_items_reserve(struct sh_pairs *pairs, uint32_t item) {
    const uint32_t old = pairs->item_capacity;
    if (item < old) return SH_OK;
    const enum sh_status status =
        sh_grow((void **)&pairs->items, &pairs->item_capacity, (uint64_t)item + 1, sizeof *pairs->items);
    if (status == SH_OK) memset(&pairs->items[old], 0, (pairs->item_capacity - old) * sizeof *pairs->items);
    return status;
}

static size_t list_bytes(uint32_t bits) {
    return sizeof(struct sh_pair) << bits;
}

static void list_free(struct sh_pairs *pairs, struct item_pairs *list) {
    if (list->bits == 0) return;
    pairs->place_count -= pair_places_counted(list->bits);
    if (list->bits > PAIR_BITS_POOL_MAX) {
        pairs->large_list_bytes -= list_bytes(list->bits);
        sh_free(list->places);
    } else {
        pool_give(&pairs->lists, list->bits - PAIR_BITS_MIN, list_bytes(list->bits), list->places);
    }
}

enum sh_status pair_list_resize(struct sh_pairs *pairs, struct item_pairs *list, uint32_t bits) {
    struct item_pairs grown = *list;
    const bool is_large = bits > PAIR_BITS_POOL_MAX;
    sh_assert(bits >= PAIR_BITS_MIN && bits <= PAIR_BITS_MAX && list->count <= pair_room(bits));
    grown.bits = bits;
    grown.places =
        is_large ? sh_alloc(list_bytes(bits)) : pool_take(&pairs->lists, bits - PAIR_BITS_MIN, list_bytes(bits));
    if (grown.places == NULL) return SH_ERR_MEMORY;
    memset(grown.places, 0, list_bytes(bits));
    if (is_large) pairs->large_list_bytes += list_bytes(bits);
    pairs->place_count += pair_places_counted(bits);
    for (uint32_t i = 0; list->bits > 0 && i < 1u << list->bits; i++)
        if (list->places[i].count != 0) *pair_place(&grown, list->places[i].item) = list->places[i];
    list_free(pairs, list);
    *list = grown;
    return SH_OK;
}

/* Places for `more` items, as far as lists may grow. */
static enum sh_status list_reserve(struct sh_pairs *pairs, struct item_pairs *list, uint32_t more) {
    const uint32_t wanted = list->count + more < pairs->limits.of_item ? list->count + more : pairs->limits.of_item;
    const uint32_t others = pairs->place_count - pair_places_counted(list->bits); /* places of other lists */
    uint32_t bits = list->bits == 0 ? PAIR_BITS_MIN : list->bits;
    while (wanted > pair_room(bits) && others + (2u << bits) <= pairs->limits.place_count)
        bits++;
    return bits == list->bits ? SH_OK : pair_list_resize(pairs, list, bits);
}

static bool list_is_full(const struct sh_pairs *pairs, const struct item_pairs *list) {
    return list->count >= pairs->limits.of_item || list->count >= pair_room(list->bits);
}

/* Make room as pairs.h says. What is left of the gain. */
static uint32_t list_give_way(struct sh_pairs *pairs, struct item_pairs *list, uint32_t gain) {
    const uint32_t place_count = 1u << list->bits;
    uint32_t least = gain;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < place_count; i++)
        if (list->places[i].count != 0 && list->places[i].count < least) least = list->places[i].count;
    for (uint32_t i = 0; i < place_count; i++) {
        if (list->places[i].count <= least) continue;
        pairs->scratch[kept].item = list->places[i].item;
        pairs->scratch[kept++].count = list->places[i].count - least;
    }
    memset(list->places, 0, list_bytes(list->bits));
    for (uint32_t i = 0; i < kept; i++)
        *pair_place(list, pairs->scratch[i].item) = pairs->scratch[i];
    list->count = kept;
    list->lost += least;
    return gain - least;
}

/* There are places, if only eight. */
static void list_add(struct sh_pairs *pairs, struct item_pairs *list, uint32_t item, uint32_t gain) {
    struct sh_pair *place = pair_place(list, item);
    if (place->count != 0) {
        place->count = place->count > UINT32_MAX - gain ? UINT32_MAX : place->count + gain;
        return;
    }
    if (list_is_full(pairs, list)) {
        gain = list_give_way(pairs, list, gain);
        if (gain == 0) return;
        place = pair_place(list, item);
    }
    *place = (struct sh_pair){item, gain};
    list->count++;
}

/* ---- A user's latest items ---- */

enum sh_status pair_users_reserve(struct sh_pairs *pairs, uint32_t user) {
    const uint32_t old = pairs->user_capacity;
    if (user < old) return SH_OK;
    const enum sh_status status =
        sh_grow((void **)&pairs->users, &pairs->user_capacity, (uint64_t)user + 1, sizeof(struct latest *));
    if (status == SH_OK) memset(&pairs->users[old], 0, (pairs->user_capacity - old) * sizeof(struct latest *));
    return status;
}

enum sh_status pair_latest_reserve(struct sh_pairs *pairs, uint32_t user, uint32_t count) {
    const enum sh_status status = pair_users_reserve(pairs, user);
    if (status != SH_OK) return status;
    struct latest *old = pairs->users[user];
    uint32_t size = old == NULL ? 0 : old->size;
    while (count > 4u << size)
        size++;
    if (old != NULL && size == old->size) return SH_OK;
    struct latest *grown = pool_take(&pairs->latest, size, latest_bytes(size));
    if (grown == NULL) return SH_ERR_MEMORY;
    *grown = (struct latest){.count = old == NULL ? 0 : old->count, .size = (uint16_t)size};
    if (old != NULL) {
        memcpy(grown->items, old->items, old->count * sizeof *old->items);
        pool_give(&pairs->latest, old->size, latest_bytes(old->size), old);
    }
    pairs->users[user] = grown;
    return SH_OK;
}

static uint32_t latest_find(const struct latest *latest, uint32_t item) {
    uint32_t at = 0;
    while (at < latest->count && latest->items[at].item != item)
        at++;
    return at;
}

void sh_pairs_forget(struct sh_pairs *pairs, uint32_t user) {
    if (user >= pairs->user_capacity || pairs->users[user] == NULL) return;
    pool_give(&pairs->latest, pairs->users[user]->size, latest_bytes(pairs->users[user]->size), pairs->users[user]);
    pairs->users[user] = NULL;
}

static const struct latest *latest_of(const struct sh_pairs *pairs, uint32_t user) {
    return user < pairs->user_capacity ? pairs->users[user] : NULL;
}

static void prefetch_place(const struct item_pairs *list, uint32_t item) {
    if (list->bits > 0) __builtin_prefetch(&list->places[pair_home(item, list->bits)], 1);
}

static void prefetch_places(const struct sh_pairs *pairs, const struct latest *latest, uint32_t item) {
    const struct item_pairs *own = &pairs->items[item];
    for (uint32_t i = 0; i < latest->count; i++) {
        const uint32_t other = latest->items[i].item;
        prefetch_place(own, other);
        prefetch_place(&pairs->items[other], item);
    }
}

void sh_pairs_prefetch(const struct sh_pairs *pairs, enum sh_pairs_ahead step, uint32_t user, uint32_t item) {
    if (step == SH_PAIRS_AHEAD_ROOTS) {
        if (user < pairs->user_capacity) __builtin_prefetch(&pairs->users[user]);
        if (item < pairs->item_capacity) __builtin_prefetch(&pairs->items[item], 1);
        return;
    }
    const struct latest *latest = latest_of(pairs, user);
    if (latest == NULL || item >= pairs->item_capacity) return;
    if (step == SH_PAIRS_AHEAD_LATEST) {
        __builtin_prefetch(latest, 1);
        __builtin_prefetch((const uint8_t *)latest + 64, 1);
    } else if (step == SH_PAIRS_AHEAD_ITEMS) {
        for (uint32_t i = 0; i < latest->count; i++)
            __builtin_prefetch(&pairs->items[latest->items[i].item], 1);
    } else {
        prefetch_places(pairs, latest, item);
    }
}

/* ---- Steps ---- */

static uint32_t units_of(double weight) {
    const double units = weight * SH_PAIR_UNIT + 0.5;
    sh_assert(weight > 0 && units < (double)UINT32_MAX);
    return units < 1.0 ? 1 : (uint32_t)units;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* What the user's list says that the liking adds. Reads the lists of 7 items whose memory is anywhere: all of it is
 * asked for first. */
static void step_of(const struct sh_pairs *pairs, const struct latest *latest, uint32_t item, uint32_t liking,
                    struct sh_pair_step *step) {
    const uint32_t at = latest_find(latest, item);
    const uint32_t before = at < latest->count ? latest->items[at].liking : 0;
    *step = (struct sh_pair_step){.item = item};
    if (liking <= before) return;
    step->added = liking - before;
    /* The oldest leaves a full list before the new item comes. */
    const uint32_t first = at == latest->count && latest->count == SH_PAIR_LATEST_MAX;
    for (uint32_t i = first; i < latest->count; i++) {
        const struct sh_pair_liking *other = &latest->items[i];
        const uint32_t gain = smaller(liking, other->liking) - smaller(before, other->liking);
        if (other->item == item || gain == 0) continue;
        __builtin_prefetch(&pairs->items[other->item]);
        step->gains[step->count++] = (struct sh_pair_gain){other->item, gain};
    }
}

static enum sh_status step_reserve(struct sh_pairs *pairs, const struct sh_pair_step *step) {
    uint32_t highest = step->item;
    for (uint32_t i = 0; i < step->count; i++)
        highest = step->gains[i].item > highest ? step->gains[i].item : highest;
    enum sh_status status = pair_items_reserve(pairs, highest);
    if (status != SH_OK || step->count == 0) return status;
    if ((status = list_reserve(pairs, &pairs->items[step->item], step->count)) != SH_OK) return status;
    for (uint32_t i = 0; i < step->count; i++) {
        struct item_pairs *other = &pairs->items[step->gains[i].item];
        if ((status = list_reserve(pairs, other, 1)) != SH_OK) return status;
        prefetch_place(other, step->item);
        prefetch_place(&pairs->items[step->item], step->gains[i].item);
    }
    return SH_OK;
}

static void step_count(struct sh_pairs *pairs, const struct sh_pair_step *step) {
    pairs->version++;
    struct item_pairs *own = &pairs->items[step->item];
    own->sum += step->added;
    for (uint32_t i = 0; i < step->count; i++) {
        list_add(pairs, own, step->gains[i].item, step->gains[i].gain);
        list_add(pairs, &pairs->items[step->gains[i].item], step->item, step->gains[i].gain);
    }
}

enum sh_status sh_pairs_prepare(struct sh_pairs *pairs, uint32_t user, uint32_t item, double weight,
                                struct sh_pair_step *step) {
    enum sh_status status = pair_items_reserve(pairs, item);
    if (status != SH_OK) return status;
    __builtin_prefetch(&pairs->items[item], 1);
    const struct latest *known = user < pairs->user_capacity ? pairs->users[user] : NULL;
    const uint32_t count = known == NULL ? 0 : known->count;
    status = pair_latest_reserve(pairs, user, smaller(count + 1, SH_PAIR_LATEST_MAX));
    if (status != SH_OK) return status;
    step_of(pairs, pairs->users[user], item, units_of(weight), step);
    return step_reserve(pairs, step);
}

/* The item becomes the latest, liked as much more as `added` says. There is room. */
static void latest_touch(struct latest *latest, uint32_t item, uint32_t added) {
    uint32_t at = latest_find(latest, item);
    struct sh_pair_liking liked = {item, added};
    if (at < latest->count)
        liked.liking += latest->items[at].liking;
    else if (latest->count == SH_PAIR_LATEST_MAX)
        at = 0; /* the oldest leaves */
    else
        latest->count++;
    memmove(&latest->items[at], &latest->items[at + 1], (latest->count - at - 1) * sizeof *latest->items);
    latest->items[latest->count - 1] = liked;
}

void sh_pairs_take(struct sh_pairs *pairs, uint32_t user, const struct sh_pair_step *step) {
    latest_touch(pairs->users[user], step->item, step->added);
    step_count(pairs, step);
}

enum sh_status sh_pairs_remember(struct sh_pairs *pairs, uint32_t user, uint32_t item, double weight) {
    const struct latest *known = latest_of(pairs, user);
    const uint32_t count = known == NULL ? 0 : known->count;
    enum sh_status status = pair_items_reserve(pairs, item);
    if (status == SH_OK) status = pair_latest_reserve(pairs, user, smaller(count + 1, SH_PAIR_LATEST_MAX));
    if (status != SH_OK) return status;
    struct latest *latest = pairs->users[user];
    const uint32_t at = latest_find(latest, item);
    const uint32_t before = at < latest->count ? latest->items[at].liking : 0;
    const uint32_t liking = units_of(weight);
    latest_touch(latest, item, liking > before ? liking - before : 0);
    return SH_OK;
}

enum sh_status sh_pairs_learn(struct sh_pairs *pairs, const struct sh_pair_step *step) {
    sh_assert(step->count < SH_PAIR_LATEST_MAX);
    const enum sh_status status = step_reserve(pairs, step);
    if (status == SH_OK) step_count(pairs, step);
    return status;
}

/* ---- Reading ---- */

uint32_t sh_pairs_of(const struct sh_pairs *pairs, uint32_t item, struct sh_pair list[SH_PAIR_OF_ITEM_MAX]) {
    if (item >= pairs->item_capacity || pairs->items[item].bits == 0) return 0;
    const struct item_pairs *own = &pairs->items[item];
    uint32_t count = 0;
    for (uint32_t i = 0; i < 1u << own->bits; i++)
        if (own->places[i].count != 0) list[count++] = own->places[i];
    return count;
}

uint32_t sh_pairs_count(const struct sh_pairs *pairs, uint32_t item, uint32_t companion) {
    if (item >= pairs->item_capacity || pairs->items[item].bits == 0) return 0;
    return pair_place(&pairs->items[item], companion)->count;
}

uint32_t sh_pairs_latest(const struct sh_pairs *pairs, uint32_t user, struct sh_pair_liking *latest, uint32_t max) {
    const struct latest *own = latest_of(pairs, user);
    const uint32_t count = own == NULL ? 0 : smaller(own->count, max);
    for (uint32_t i = 0; i < count; i++)
        latest[i] = own->items[own->count - 1 - i];
    return count;
}

uint64_t sh_pairs_sum(const struct sh_pairs *pairs, uint32_t item) {
    return item < pairs->item_capacity ? pairs->items[item].sum : 0;
}

uint64_t sh_pairs_version(const struct sh_pairs *pairs) {
    return pairs->version;
}

uint64_t sh_pairs_lost(const struct sh_pairs *pairs, uint32_t item) {
    return item < pairs->item_capacity ? pairs->items[item].lost : 0;
}

double sh_pair_cosine(uint64_t count, uint64_t sum, uint64_t sum_other) {
    const double both = sqrt((double)sum) * sqrt((double)sum_other);
    return (double)count / (both + (double)SH_PAIR_SHRINK * SH_PAIR_UNIT);
}

double sh_pair_walk(uint64_t count, uint64_t sum, uint64_t sum_other) {
    if (sum == 0 || sum_other == 0) return 0;
    return (double)count / (double)sum / sqrt((double)sum_other / SH_PAIR_UNIT);
}

/* ---- Upkeep ---- */

size_t sh_pairs_memory_bytes(const struct sh_pairs *pairs) {
    return sizeof *pairs + pairs->item_capacity * sizeof *pairs->items +
           pairs->user_capacity * sizeof(struct latest *) + pairs->lists.chunk_bytes + pairs->latest.chunk_bytes +
           pairs->large_list_bytes;
}

static bool broken(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

static bool check_list(const struct sh_pairs *pairs, uint32_t item, const char **reason) {
    const struct item_pairs *list = &pairs->items[item];
    uint32_t count = 0;
    if (list->bits == 0) return list->count == 0 || broken(reason, "an item has companions and no places for them");
    for (uint32_t i = 0; i < 1u << list->bits; i++) {
        const struct sh_pair *place = &list->places[i];
        if (place->count == 0) continue;
        count++;
        if (place->item == item) return broken(reason, "an item is its own companion");
        if (pair_place(list, place->item) != place) return broken(reason, "a companion is not found from its home");
    }
    if (count != list->count) return broken(reason, "an item's companions are counted wrong");
    return (count <= pairs->limits.of_item && count <= pair_room(list->bits)) ||
           broken(reason, "an item has more companions than it may");
}

static bool check_latest(const struct sh_pairs *pairs, const struct latest *latest, const char **reason) {
    if (latest->count > 4u << latest->size) return broken(reason, "a user has more latest items than room");
    for (uint32_t i = 0; i < latest->count; i++) {
        if (latest->items[i].item >= pairs->item_capacity || latest->items[i].liking == 0)
            return broken(reason, "a user's latest item is unknown, or not liked");
        if (latest_find(latest, latest->items[i].item) != i) return broken(reason, "a user has a latest item twice");
    }
    return true;
}

bool sh_pairs_check(const struct sh_pairs *pairs, const char **reason) {
    uint64_t place_count = 0;
    for (uint32_t item = 0; item < pairs->item_capacity; item++) {
        place_count += pair_places_counted(pairs->items[item].bits);
        if (!check_list(pairs, item, reason)) return false;
    }
    for (uint32_t user = 0; user < pairs->user_capacity; user++)
        if (pairs->users[user] != NULL && !check_latest(pairs, pairs->users[user], reason)) return false;
    return place_count == pairs->place_count || broken(reason, "the places of lists are counted wrong");
}
