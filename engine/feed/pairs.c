/* pairs.c -- counts of pairs: what an event adds to which lists. */
#include <math.h>
#include <string.h>

#include "memory.h"
#include "pairs_private.h"
#include "prefetch.h"

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
        if (pairs->items[i].bits > PAIR_BITS_POOL_MAX) sh_free(pairs->items[i].lines);
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
    return pair_line_count(bits) * sizeof(struct pair_line);
}

static void list_free(struct sh_pairs *pairs, struct item_pairs *list) {
    if (list->bits == 0) return;
    pairs->place_count -= pair_places_counted(list->bits);
    if (list->bits > PAIR_BITS_POOL_MAX) {
        pairs->large_list_bytes -= list_bytes(list->bits);
        sh_free(list->lines);
    } else {
        pool_give(&pairs->lists, list->bits - PAIR_BITS_MIN, list_bytes(list->bits), list->lines);
    }
}

/* The list does not have it, and there is a place. */
static void place_new(const struct item_pairs *list, uint32_t item, uint32_t count) {
    const struct pair_place place = pair_place(list, item);
    place.line->names[place.at] = item + 1;
    place.line->counts[place.at] = count;
}

enum sh_status pair_list_resize(struct sh_pairs *pairs, struct item_pairs *list, uint32_t bits) {
    struct item_pairs grown = *list;
    const bool is_large = bits > PAIR_BITS_POOL_MAX;
    sh_assert(bits >= PAIR_BITS_MIN && bits <= PAIR_BITS_MAX && list->count <= pair_room(bits));
    const uint32_t room = pair_room(bits);
    grown.bits = bits;
    grown.room = (uint16_t)(room < pairs->limits.of_item ? room : pairs->limits.of_item);
    grown.lines =
        is_large ? sh_alloc(list_bytes(bits)) : pool_take(&pairs->lists, bits - PAIR_BITS_MIN, list_bytes(bits));
    if (grown.lines == NULL) return SH_ERR_MEMORY;
    memset(grown.lines, 0, list_bytes(bits));
    if (is_large) pairs->large_list_bytes += list_bytes(bits);
    pairs->place_count += pair_places_counted(bits);
    for (uint32_t i = 0; i < pair_line_count(list->bits); i++)
        for (uint32_t k = 0; k < SH_LANE_COUNT && list->lines[i].names[k] != 0; k++)
            place_new(&grown, list->lines[i].names[k] - 1, list->lines[i].counts[k]);
    list_free(pairs, list);
    *list = grown;
    return SH_OK;
}

/* Twice the places, if lists may still grow. */
static bool list_grow(struct sh_pairs *pairs, struct item_pairs *list) {
    const uint32_t bits = list->bits == 0 ? PAIR_BITS_MIN : list->bits + 1;
    const uint32_t others = pairs->place_count - pair_places_counted(list->bits); /* places of other lists */
    if (list->count >= pairs->limits.of_item || bits > PAIR_BITS_MAX) return false;
    if (others + pair_places_counted(bits) > pairs->limits.place_count) return false;
    return pair_list_resize(pairs, list, bits) == SH_OK;
}

static uint32_t least_count(const struct item_pairs *list, uint32_t most) {
    uint32_t least = most;
    for (uint32_t i = 0; i < pair_line_count(list->bits); i++)
        for (uint32_t k = 0; k < SH_LANE_COUNT; k++) {
            const uint32_t count = list->lines[i].counts[k] - 1; /* of a free place the highest number */
            least = count < least - 1 ? count + 1 : least;
        }
    return least;
}

/* Make room as pairs.h says. What is left of the gain. */
static uint32_t list_give_way(struct sh_pairs *pairs, struct item_pairs *list, uint32_t gain) {
    const uint32_t least = least_count(list, gain);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pair_line_count(list->bits); i++)
        for (uint32_t k = 0; k < SH_LANE_COUNT; k++) {
            if (list->lines[i].counts[k] <= least) continue;
            pairs->scratch[kept].item = list->lines[i].names[k] - 1;
            pairs->scratch[kept++].count = list->lines[i].counts[k] - least;
        }
    memset(list->lines, 0, list_bytes(list->bits));
    for (uint32_t i = 0; i < kept; i++)
        place_new(list, pairs->scratch[i].item, pairs->scratch[i].count);
    list->count = (uint16_t)kept;
    list->lost += least;
    return gain - least;
}

/* A companion that the list does not have. */
static __attribute__((noinline)) void list_add_new(struct sh_pairs *pairs, struct item_pairs *list, uint32_t item,
                                                   uint32_t gain) {
    const bool is_full = list->count >= list->room;
    if (is_full && !list_grow(pairs, list)) {
        if (list->bits == 0) {
            list->lost += gain; /* memory is out for the first places */
            return;
        }
        gain = list_give_way(pairs, list, gain);
        if (gain == 0) return;
    }
    place_new(list, item, gain);
    list->count++;
}

/* Its line is full, or the list. */
static __attribute__((noinline)) void list_add_slowly(struct sh_pairs *pairs, struct item_pairs *list, uint32_t item,
                                                      uint32_t gain) {
    if (list->bits > 0) {
        const struct pair_place place = pair_place(list, item);
        uint32_t *count = &place.line->counts[place.at];
        if (place.is_found) {
            if (__builtin_add_overflow(*count, gain, count)) *count = UINT32_MAX;
            return;
        }
    }
    list_add_new(pairs, list, item, gain);
}

/* Whether the list has the companion nobody can guess, so nothing hangs on it but what is added where. */
static inline void list_add(struct sh_pairs *pairs, struct item_pairs *list, uint32_t item, uint32_t gain) {
    if (list->bits == 0) {
        list_add_new(pairs, list, item, gain);
        return;
    }
    struct pair_line *line = &list->lines[pair_home(item, list->bits)];
    const uint32_t bits = sh_lanes_either(line->names, item + 1, 0);
    const uint32_t count = list->count + (uint32_t)((bits & ((1u << SH_LANE_COUNT) - 1)) == 0);
    if (bits == 0 || count > list->room) {
        list_add_slowly(pairs, list, item, gain);
        return;
    }
    const uint32_t at = (uint32_t)__builtin_ctz(bits) % SH_LANE_COUNT;
    const uint32_t sum = line->counts[at] + gain;
    line->counts[at] = sum >= gain ? sum : UINT32_MAX;
    line->names[at] = item + 1;
    list->count = (uint16_t)count;
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

SH_PREFETCHER void prefetch_place(const struct item_pairs *list, uint32_t item) {
    if (list->bits > 0) __builtin_prefetch(&list->lines[pair_home(item, list->bits)], 1);
}

SH_PREFETCHER void prefetch_places(const struct sh_pairs *pairs, const struct latest *latest, uint32_t item) {
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

/* What it adds that the item, which stands at this place of the user's list (or at its end: it does not), is liked so
 * much. */
static void step_of(const struct latest *latest, uint32_t item, uint32_t at, uint32_t liking,
                    struct sh_pair_step *step) {
    const uint32_t before = at < latest->count ? latest->items[at].liking : 0;
    step->item = item;
    step->added = liking > before ? liking - before : 0;
    step->count = 0;
    if (liking <= before) return;
    /* The oldest leaves a full list before the new item comes. */
    const uint32_t first = at == latest->count && latest->count == SH_PAIR_LATEST_MAX;
    for (uint32_t i = first; i < latest->count; i++) {
        const struct sh_pair_liking *other = &latest->items[i];
        const uint32_t gain = smaller(liking, other->liking) - smaller(before, other->liking);
        if (i != at && gain > 0) step->gains[step->count++] = (struct sh_pair_gain){other->item, gain};
    }
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

enum sh_status sh_pairs_prepare(struct sh_pairs *pairs, uint32_t user, uint32_t item) {
    const struct latest *known = latest_of(pairs, user);
    enum sh_status status = pair_items_reserve(pairs, item);
    if (status != SH_OK || (known != NULL && known->count < 4u << known->size)) return status;
    const uint32_t count = known == NULL ? 0 : known->count;
    return pair_latest_reserve(pairs, user, smaller(count + 1, SH_PAIR_LATEST_MAX));
}

/* The item, which stands at this place or not, becomes the latest, liked as much more as `added` says. There is room. */
static void latest_touch(struct latest *latest, uint32_t item, uint32_t at, uint32_t added) {
    struct sh_pair_liking liked = {item, added};
    if (at < latest->count)
        liked.liking += latest->items[at].liking;
    else if (latest->count == SH_PAIR_LATEST_MAX)
        at = 0; /* the oldest leaves */
    else
        latest->count++;
    for (; at + 1 < latest->count; at++)
        latest->items[at] = latest->items[at + 1];
    latest->items[at] = liked;
}

void sh_pairs_like(struct sh_pairs *pairs, uint32_t user, uint32_t item, double weight, struct sh_pair_step *step) {
    struct latest *latest = pairs->users[user];
    const uint32_t at = latest_find(latest, item);
    step_of(latest, item, at, units_of(weight), step);
    latest_touch(latest, item, at, step->added);
    if (step->added > 0) step_count(pairs, step);
}

enum sh_status sh_pairs_remember(struct sh_pairs *pairs, uint32_t user, uint32_t item, double weight) {
    const enum sh_status status = sh_pairs_prepare(pairs, user, item);
    if (status != SH_OK) return status;
    struct latest *latest = pairs->users[user];
    const uint32_t at = latest_find(latest, item);
    const uint32_t before = at < latest->count ? latest->items[at].liking : 0;
    const uint32_t liking = units_of(weight);
    latest_touch(latest, item, at, liking > before ? liking - before : 0);
    return SH_OK;
}

enum sh_status sh_pairs_learn(struct sh_pairs *pairs, const struct sh_pair_step *step) {
    sh_assert(step->count < SH_PAIR_LATEST_MAX);
    uint32_t highest = step->item;
    for (uint32_t i = 0; i < step->count; i++)
        highest = step->gains[i].item > highest ? step->gains[i].item : highest;
    const enum sh_status status = pair_items_reserve(pairs, highest);
    if (status == SH_OK) step_count(pairs, step);
    return status;
}

/* ---- Reading ---- */

uint32_t sh_pairs_of(const struct sh_pairs *pairs, uint32_t item, struct sh_pair list[SH_PAIR_OF_ITEM_MAX]) {
    if (item >= pairs->item_capacity || pairs->items[item].bits == 0) return 0;
    const struct item_pairs *own = &pairs->items[item];
    uint32_t count = 0;
    for (uint32_t i = 0; i < pair_line_count(own->bits); i++)
        for (uint32_t k = 0; k < SH_LANE_COUNT && own->lines[i].names[k] != 0; k++)
            list[count++] = (struct sh_pair){own->lines[i].names[k] - 1, own->lines[i].counts[k]};
    return count;
}

uint32_t sh_pairs_count(const struct sh_pairs *pairs, uint32_t item, uint32_t companion) {
    if (item >= pairs->item_capacity || pairs->items[item].bits == 0) return 0;
    const struct pair_place place = pair_place(&pairs->items[item], companion);
    return place.line->counts[place.at];
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

static bool check_line(const struct item_pairs *list, uint32_t item, const struct pair_line *line, uint32_t *count,
                       const char **reason) {
    for (uint32_t k = 0; k < SH_LANE_COUNT; k++) {
        const bool is_free = line->names[k] == 0;
        if (is_free != (line->counts[k] == 0)) return broken(reason, "a free place of a list has a count");
        if (is_free) continue;
        if (k > 0 && line->names[k - 1] == 0) return broken(reason, "a line of a list is not filled from its begin");
        if (line->names[k] == item + 1) return broken(reason, "an item is its own companion");
        const struct pair_place place = pair_place(list, line->names[k] - 1);
        if (place.line != line || place.at != k) return broken(reason, "a companion is not found from its home");
        (*count)++;
    }
    return true;
}

static bool check_list(const struct sh_pairs *pairs, uint32_t item, const char **reason) {
    const struct item_pairs *list = &pairs->items[item];
    uint32_t count = 0;
    if (list->bits == 0)
        return (list->count | list->room) == 0 || broken(reason, "an item has companions and no places for them");
    for (uint32_t i = 0; i < pair_line_count(list->bits); i++)
        if (!check_line(list, item, &list->lines[i], &count, reason)) return false;
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
