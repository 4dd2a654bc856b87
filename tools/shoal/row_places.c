#include "row_places.h"

#include <string.h>

#include "memory.h"

/* Where this hash is, or would be. */
static struct row_place *find(struct row_place *places, uint64_t capacity, uint64_t hash) {
    uint64_t at = hash & (capacity - 1);
    while (places[at].hash != 0 && places[at].hash != hash)
        at = (at + 1) & (capacity - 1);
    return &places[at];
}

static bool grow(struct row_places *table) {
    const uint64_t capacity = table->capacity == 0 ? 1024 : table->capacity * 2;
    struct row_place *places = sh_alloc_zero(capacity * sizeof *places);
    if (places == NULL) return false;
    for (uint64_t i = 0; i < table->capacity; i++)
        if (table->places[i].hash != 0) *find(places, capacity, table->places[i].hash) = table->places[i];
    sh_free(table->places);
    table->places = places;
    table->capacity = capacity;
    return true;
}

void row_places_deinit(struct row_places *places) {
    sh_free(places->places);
    *places = (struct row_places){0};
}

void row_places_clear(struct row_places *places) {
    row_places_deinit(places); /* a small file after a large one must not clear gigabytes */
}

bool row_places_take(struct row_places *places, uint64_t hash, uint64_t *place) {
    if (hash == 0) hash = 1;
    if (places->count * 4 >= places->capacity * 3 && !grow(places)) return false;
    struct row_place *found = find(places->places, places->capacity, hash);
    places->count += found->hash == 0;
    found->hash = hash;
    *place = found->count++;
    return true;
}
