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
           frozen->ordered.key_capacity * sizeof(struct sh_order_key);
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
    if (!sh_bitmap_select(&frozen->set, place, &first)) return 0;
    return (uint32_t)sh_bitmap_list(&frozen->set, first, slots, wanted);
}

void sh_frozen_page(const struct sh_frozen *frozen, const struct sh_table *table, uint64_t place, uint32_t max,
                    struct sh_frozen_page *page) {
    const struct sh_bitmap *live = sh_table_live(table);
    page->count = 0;
    page->skipped = 0;
    /* Read as many as there is room for, close the gaps that forgotten people leave, go on behind them. */
    while (page->count < max && place < frozen->count) {
        uint32_t *room = page->slots + page->count;
        const uint32_t read = read_places(frozen, place, room, max - page->count);
        for (uint32_t i = 0; i < read; i++) {
            if (!sh_bitmap_contains(live, room[i])) {
                page->skipped++;
                continue;
            }
            if (page->places != NULL) page->places[page->count] = place + i + 1;
            page->slots[page->count++] = room[i];
        }
        place += read;
        if (read == 0) place = frozen->count;
    }
    page->next = place < frozen->count ? place : frozen->count;
}
