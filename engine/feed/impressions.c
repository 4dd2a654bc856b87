#include "impressions.h"

#include <string.h>

#include "hash.h"
#include "memory.h"

enum { RING_MIN = 256 };

void sh_impressions_init(struct sh_impressions *impressions) {
    *impressions = (struct sh_impressions){.secret = sh_hash_secret()};
}

void sh_impressions_deinit(struct sh_impressions *impressions) {
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++)
        sh_free(sh_impressions_at(impressions, n));
    sh_free(impressions->ring);
    sh_free(impressions->table);
    sh_impressions_init(impressions);
}

/* ---- The index: linear probing, holes closed when an entry goes ---- */

static uint32_t home_of(const struct sh_impressions *impressions, uint64_t rec) {
    return (uint32_t)sh_hash_mix(rec, impressions->secret) & (2 * impressions->capacity - 1);
}

static uint32_t place_of(const struct sh_impressions *impressions, uint64_t rec) {
    uint32_t at = home_of(impressions, rec);
    while (impressions->table[at] != 0 && impressions->ring[impressions->table[at] - 1]->rec != rec)
        at = (at + 1) & (2 * impressions->capacity - 1);
    return at;
}

static void index_add(struct sh_impressions *impressions, uint64_t number) {
    const uint32_t place = (uint32_t)(number & (impressions->capacity - 1));
    impressions->table[place_of(impressions, impressions->ring[place]->rec)] = place + 1;
}

static void index_remove(struct sh_impressions *impressions, uint64_t rec) {
    const uint32_t mask = 2 * impressions->capacity - 1;
    uint32_t hole = place_of(impressions, rec);
    for (uint32_t at = (hole + 1) & mask; impressions->table[at] != 0; at = (at + 1) & mask) {
        const uint32_t home = home_of(impressions, impressions->ring[impressions->table[at] - 1]->rec);
        if (((at - home) & mask) < ((at - hole) & mask)) continue; /* it would come before its home */
        impressions->table[hole] = impressions->table[at];
        hole = at;
    }
    impressions->table[hole] = 0;
}

struct sh_impression *sh_impressions_find(const struct sh_impressions *impressions, uint64_t rec) {
    if (impressions->capacity == 0) return NULL;
    const uint32_t entry = impressions->table[place_of(impressions, rec)];
    return entry == 0 ? NULL : impressions->ring[entry - 1];
}

/* ---- The ring ---- */

static enum sh_status ring_grow(struct sh_impressions *impressions) {
    if (impressions->newest - impressions->oldest < impressions->capacity) return SH_OK;
    struct sh_impressions grown = *impressions;
    grown.capacity = impressions->capacity == 0 ? RING_MIN : 2 * impressions->capacity;
    grown.ring = sh_alloc_zero(grown.capacity * sizeof(struct sh_impression *));
    grown.table = sh_alloc_zero(2 * (size_t)grown.capacity * sizeof *grown.table);
    if (grown.ring == NULL || grown.table == NULL) {
        sh_free(grown.ring);
        sh_free(grown.table);
        return SH_ERR_MEMORY;
    }
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++) {
        grown.ring[n & (grown.capacity - 1)] = sh_impressions_at(impressions, n);
        index_add(&grown, n);
    }
    sh_free(impressions->ring);
    sh_free(impressions->table);
    *impressions = grown;
    return SH_OK;
}

struct sh_impression *sh_impressions_add(struct sh_impressions *impressions, uint64_t rec, uint32_t count) {
    sh_assert(count <= SH_FEED_COUNT_MAX);
    sh_assert(impressions->byte_count + sh_impression_bytes(count) <= SH_IMPRESSION_BYTES_MAX);
    if (ring_grow(impressions) != SH_OK) return NULL;
    struct sh_impression *impression = sh_alloc_zero(sh_impression_bytes(count));
    if (impression == NULL) return NULL;
    impression->rec = rec;
    impression->count = (uint16_t)count;
    impressions->ring[impressions->newest & (impressions->capacity - 1)] = impression;
    index_add(impressions, impressions->newest++);
    impressions->byte_count += sh_impression_bytes(count);
    return impression;
}

void sh_impressions_drop(struct sh_impressions *impressions) {
    sh_assert(impressions->oldest < impressions->open_at);
    struct sh_impression *impression = sh_impressions_at(impressions, impressions->oldest);
    index_remove(impressions, impression->rec);
    impressions->ring[impressions->oldest++ & (impressions->capacity - 1)] = NULL;
    impressions->byte_count -= sh_impression_bytes(impression->count);
    sh_free(impression);
}

void sh_impressions_forget(struct sh_impressions *impressions, uint64_t user) {
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++) {
        struct sh_impression *impression = sh_impressions_at(impressions, n);
        if (impression->user != user) continue;
        impressions->byte_count -= impression->count * sizeof(struct sh_shown);
        memset(impression->items, 0, impression->count * sizeof(struct sh_shown));
        memset(impression->kinds, 0, sizeof impression->kinds);
        impression->kind_count = 0;
        impression->count = 0;
        impression->user = 0;
    }
}

void sh_impressions_rename(struct sh_impressions *impressions, uint64_t user, uint64_t into) {
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++)
        if (sh_impressions_at(impressions, n)->user == user) sh_impressions_at(impressions, n)->user = into;
}

size_t sh_impressions_memory_bytes(const struct sh_impressions *impressions) {
    return impressions->byte_count + impressions->capacity * (sizeof(void *) + 2 * sizeof *impressions->table);
}

static const char *fault_of(const struct sh_impressions *impressions) {
    size_t byte_count = 0;
    uint64_t entry_count = 0;
    if (impressions->open_at < impressions->oldest || impressions->open_at > impressions->newest ||
        impressions->newest - impressions->oldest > impressions->capacity)
        return "impressions are out of order";
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++) {
        const struct sh_impression *impression = sh_impressions_at(impressions, n);
        byte_count += sh_impression_bytes(impression->count);
        if (sh_impressions_find(impressions, impression->rec) != impression) return "an impression is not found";
    }
    for (uint32_t i = 0; i < 2 * impressions->capacity; i++)
        entry_count += impressions->table[i] != 0;
    if (entry_count != impressions->newest - impressions->oldest) return "there are more entries than impressions";
    if (byte_count != impressions->byte_count || byte_count > SH_IMPRESSION_BYTES_MAX)
        return "the bytes of impressions are not what they are";
    return NULL;
}

bool sh_impressions_check(const struct sh_impressions *impressions, const char **reason) {
    const char *fault = fault_of(impressions);
    if (reason != NULL) *reason = fault;
    return fault == NULL;
}
