/* feed_best.c -- the best n of many, by score and then by id. */
#include "feed_private.h"

enum sh_status best_init(struct best *best, const struct sh_table *table, uint32_t capacity, struct sh_arena *arena) {
    *best = (struct best){.capacity = capacity, .table = table};
    best->items = sh_arena_alloc(arena, (capacity + (size_t)1) * sizeof *best->items);
    return best->items == NULL ? SH_ERR_LIMIT : SH_OK;
}

bool ranked_before(const struct sh_table *items, struct ranked a, struct ranked b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.item == b.item) return false;
    return sh_text_compare(sh_table_id(items, a.item), sh_table_id(items, b.item)) < 0;
}

/* Move the item at `place` down until none below it is worse. */
static void sift_down(struct best *best, uint32_t place, uint32_t count) {
    const struct ranked moving = best->items[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= count) break;
        if (child + 1 < count && ranked_before(best->table, best->items[child], best->items[child + 1])) child++;
        if (!ranked_before(best->table, moving, best->items[child])) break;
        best->items[place] = best->items[child];
        place = child;
    }
    best->items[place] = moving;
}

void best_insert(struct best *best, struct ranked ranked) {
    if (best->count == best->capacity) {
        if (best->capacity == 0 || !ranked_before(best->table, ranked, best->items[0])) return;
        best->items[0] = ranked;
        sift_down(best, 0, best->count);
        return;
    }
    uint32_t place = best->count++;
    while (place > 0) {
        const uint32_t parent = (place - 1) / 2;
        if (!ranked_before(best->table, best->items[parent], ranked)) break;
        best->items[place] = best->items[parent];
        place = parent;
    }
    best->items[place] = ranked;
}

void best_sort(struct best *best) {
    for (uint32_t count = best->count; count > 1; count--) {
        const struct ranked worst = best->items[0];
        best->items[0] = best->items[count - 1];
        sift_down(best, 0, count - 1);
        best->items[count - 1] = worst;
    }
}
