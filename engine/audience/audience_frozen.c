#include "audience_frozen.h"

void sh_frozen_init(struct sh_frozen *frozen) {
    *frozen = (struct sh_frozen){.set = SH_BITMAP_EMPTY};
}

void sh_frozen_deinit(struct sh_frozen *frozen) {
    sh_bitmap_deinit(&frozen->set);
    sh_ordered_deinit(&frozen->ordered);
    sh_frozen_init(frozen);
}

size_t sh_frozen_memory_bytes(const struct sh_frozen *frozen) {
    return sh_bitmap_memory_bytes(&frozen->set) + frozen->ordered.capacity * sizeof(uint32_t) +
           frozen->ordered.key_capacity * sizeof(struct sh_order_key) + frozen->ordered.texts.capacity;
}

/* Up to max slots of the set from place `place` on. */
static uint32_t read_places(const struct sh_frozen *frozen, uint64_t place, uint32_t *slots, uint32_t max) {
    const uint64_t left = frozen->count - place;
    const uint32_t wanted = left < max ? (uint32_t)left : max;
    if (wanted == 0) return 0;
    if (frozen->order.by != SH_ORDER_NONE) {
        memcpy(slots, frozen->ordered.slots + place, wanted * sizeof *slots);
        return wanted;
    }
    uint32_t first;
    const bool found = sh_bitmap_select(&frozen->set, place, &first);
    sh_assert(found);
    return (uint32_t)sh_bitmap_list(&frozen->set, first, slots, wanted);
}

static bool is_shown(const struct sh_frozen_page *page, const struct sh_bitmap *live, uint32_t slot) {
    return sh_bitmap_contains(live, slot) && (page->passes == NULL || page->passes(page->passes_context, slot));
}

/* The first place at or behind `place` of somebody who is shown: a page is followed by another only if there is more. */
static uint64_t pass_hidden(const struct sh_frozen *frozen, const struct sh_frozen_page *page,
                            const struct sh_bitmap *live, uint64_t place) {
    uint32_t slots[64];
    while (place < frozen->count) {
        const uint32_t read = read_places(frozen, place, slots, 64);
        for (uint32_t i = 0; i < read; i++) {
            if (is_shown(page, live, slots[i])) return place + i;
        }
        place += read;
    }
    return place;
}

void sh_frozen_page(const struct sh_frozen *frozen, const struct sh_table *table, uint64_t place, uint32_t max,
                    struct sh_frozen_page *page) {
    const struct sh_bitmap *live = sh_table_live(table);
    page->count = 0;
    page->skipped = 0;
    /* Read as many as there is room for, close the gaps that the others leave, go on behind them. */
    while (page->count < max && place < frozen->count) {
        uint32_t *room = page->slots + page->count;
        const uint32_t read = read_places(frozen, place, room, max - page->count);
        for (uint32_t i = 0; i < read; i++) {
            if (!is_shown(page, live, room[i])) {
                page->skipped++;
                continue;
            }
            if (page->places != NULL) page->places[page->count] = place + i + 1;
            page->slots[page->count++] = room[i];
        }
        place += read;
        sh_assert(read > 0);
    }
    page->next = pass_hidden(frozen, page, live, place);
    page->skipped += page->next - place;
}
