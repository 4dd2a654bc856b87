#include "query_pair_set.h"

#include "hash.h"
#include "memory.h"

enum { CAPACITY_FIRST = 1 << 10, CAPACITY_MAX = 1 << 30 };

void sh_pair_set_deinit(struct sh_pair_set *set) {
    sh_free(set->places);
    *set = (struct sh_pair_set){0};
}

/* The place of the pair, or the free one where it belongs. */
static struct sh_pair *find(const struct sh_pair_set *set, uint32_t key, int64_t value) {
    const uint32_t mask = set->capacity - 1;
    uint32_t at = (uint32_t)(sh_hash_mix((uint64_t)value, key) >> 17) & mask;
    while (set->places[at].owner != 0 && (set->places[at].owner != key || set->places[at].value != value))
        at = (at + 1) & mask;
    return &set->places[at];
}

static enum sh_status grow(struct sh_pair_set *set, struct sh_error *err) {
    struct sh_pair_set grown = {.capacity = set->capacity == 0 ? CAPACITY_FIRST : 2 * set->capacity,
                                .count = set->count};
    if (set->capacity < CAPACITY_MAX) grown.places = sh_alloc_zero(grown.capacity * sizeof *grown.places);
    if (grown.places == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for the different values of a count(distinct ...)");
    for (uint32_t i = 0; i < set->capacity; i++)
        if (set->places[i].owner != 0) *find(&grown, set->places[i].owner, set->places[i].value) = set->places[i];
    sh_free(set->places);
    *set = grown;
    return SH_OK;
}

enum sh_status sh_pair_set_add(struct sh_pair_set *set, uint32_t owner, int64_t value, bool *is_new,
                               struct sh_error *err) {
    if ((uint64_t)set->count * 4 >= (uint64_t)set->capacity * 3) {
        const enum sh_status status = grow(set, err);
        if (status != SH_OK) return status;
    }
    struct sh_pair *place = find(set, owner + 1, value);
    *is_new = place->owner == 0;
    if (!*is_new) return SH_OK;
    *place = (struct sh_pair){.value = value, .owner = owner + 1};
    set->count++;
    return SH_OK;
}
