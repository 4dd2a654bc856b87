#include "tally.h"

#include <string.h>

#include "bounds.h"
#include "hash.h"
#include "memory.h"

enum { TABLE_CAPACITY_MIN = 64 };

enum sh_status sh_tally_init(struct sh_tally *tally, int64_t low, int64_t high, uint64_t unit) {
    *tally = (struct sh_tally){.unit = unit};
    sh_assert(unit > 0);
    if (low > high) return SH_OK;
    const uint64_t places = ((uint64_t)high - (uint64_t)low) / unit;
    if (places >= SH_TALLY_DENSE_COUNT_MAX) return SH_OK;
    tally->dense = sh_alloc_zero((places + 1) * sizeof *tally->dense);
    if (tally->dense == NULL) return SH_ERR_MEMORY;
    tally->low = low;
    tally->dense_count = places + 1;
    return SH_OK;
}

void sh_tally_deinit(struct sh_tally *tally) {
    sh_free(tally->dense);
    sh_free(tally->table);
    *tally = (struct sh_tally){.unit = 1};
}

/* The value's place, or the empty one where it belongs. */
static struct sh_tally_entry *place_of(const struct sh_tally *tally, int64_t value) {
    const uint64_t mask = tally->capacity - 1;
    uint64_t at = sh_hash_mix((uint64_t)value, 0x9E3779B97F4A7C15u) & mask;
    while (tally->table[at].count != 0 && tally->table[at].value != value)
        at = (at + 1) & mask;
    return &tally->table[at];
}

static enum sh_status grow(struct sh_tally *tally) {
    const struct sh_tally old = *tally;
    const uint64_t capacity = old.capacity == 0 ? TABLE_CAPACITY_MIN : old.capacity * 2;
    struct sh_tally_entry *table = sh_alloc_zero(capacity * sizeof *table);
    if (table == NULL) return SH_ERR_MEMORY;
    tally->table = table;
    tally->capacity = capacity;
    for (uint64_t i = 0; i < old.capacity; i++)
        if (old.table[i].count != 0) *place_of(tally, old.table[i].value) = old.table[i];
    sh_free(old.table);
    return SH_OK;
}

enum sh_status sh_tally_add_sparse(struct sh_tally *tally, int64_t value, uint64_t times) {
    if (tally->used >= tally->capacity / 2) {
        const enum sh_status status = grow(tally);
        if (status != SH_OK) return status;
    }
    struct sh_tally_entry *place = place_of(tally, value);
    if (place->count == 0) {
        if (tally->used == SH_TALLY_VALUE_COUNT_MAX) return SH_ERR_LIMIT;
        tally->used++;
        place->value = value;
    }
    place->count += times;
    return SH_OK;
}

/* The first place from there on with a count, or dense_count: most of the places of a wide tally are empty. */
static uint64_t next_dense(const struct sh_tally *tally, uint64_t place) {
    const uint64_t *dense = tally->dense;
    while (place % 8 != 0 && place < tally->dense_count && dense[place] == 0)
        place++;
    if (place % 8 != 0) return place;
    for (; place + 8 <= tally->dense_count; place += 8) {
        const uint64_t *at = dense + place;
        if ((at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7]) != 0) break;
    }
    while (place < tally->dense_count && dense[place] == 0)
        place++;
    return place;
}

uint64_t sh_tally_value_count(const struct sh_tally *tally) {
    uint64_t count = tally->used;
    for (uint64_t i = next_dense(tally, 0); i < tally->dense_count; i = next_dense(tally, i + 1))
        count++;
    return count;
}

static int compare_entries(const void *left, const void *right) {
    const struct sh_tally_entry *a = left;
    const struct sh_tally_entry *b = right;
    return a->value < b->value ? -1 : a->value > b->value;
}

void sh_tally_list(const struct sh_tally *tally, struct sh_tally_entry *entries) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < tally->capacity; i++)
        if (tally->table[i].count != 0) entries[count++] = tally->table[i];
    const uint64_t sparse_count = count;
    for (uint64_t i = next_dense(tally, 0); i < tally->dense_count; i = next_dense(tally, i + 1))
        entries[count++] = (struct sh_tally_entry){(int64_t)((uint64_t)tally->low + i * tally->unit), tally->dense[i]};
    /* What is dense ascends already. */
    if (sparse_count > 0) qsort(entries, count, sizeof *entries, compare_entries);
}
