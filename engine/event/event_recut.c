/* event_recut.c -- all days cut anew, for a store whose zone is not what it was when its cells were made.
 *
 * Governments change their clocks, and systems are updated: between a save and a load of the store the same zone may
 * have got other rules. Days, and with them cells, are then others. The histories tell the events and their order,
 * which is all that matters: they are appended again, user by user and the oldest first.
 */
#include "event_private.h"
#include "memory.h"

static void drop_days(struct event_type *type) {
    for (uint32_t i = 0; i < type->public.day_count; i++) {
        sh_free(type->public.days[i]->cells);
        sh_free(type->public.days[i]);
    }
    type->public.day_count = 0;
    type->public.totals = (struct sh_event_totals){0};
    type->recent_day = 0;
}

static enum sh_status append_again(struct sh_event_store *store, struct sh_event_ref ref) {
    struct sh_event_value values[SH_EVENT_PROPERTY_COUNT_MAX];
    struct sh_error err;
    bool duplicate;
    struct sh_event event = {.type = sh_event_ref_type(ref),
                             .slot = sh_event_ref_slot(ref),
                             .item = sh_event_ref_item(ref),
                             .time_ms = sh_event_ref_time(ref),
                             .id_hash = sh_event_ref_id_hash(ref),
                             .values = values};
    event.has_id = event.id_hash != 0;
    event.has_amount = sh_event_ref_amount(ref, &event.amount);
    for (uint32_t i = 0; i < ref.cell->property_count; i++) {
        if (!sh_event_ref_property(ref, i, &values[event.value_count].value)) continue;
        values[event.value_count++].property = i;
    }
    return sh_event_append(store, &event, &duplicate, &err);
}

/* All events of `old`, user by user and oldest first, into the store, whose days are those of today's zone. */
static enum sh_status append_histories(struct sh_event_store *store, const struct sh_event_store *old) {
    struct sh_event_ref *history = NULL; /* newest first */
    uint32_t capacity = 0;
    enum sh_status status = SH_OK;
    const uint64_t slot_end = (uint64_t)old->head_block_count * SH_EVENT_BLOCK_SLOTS;
    for (uint64_t slot = 0; status == SH_OK && slot < slot_end; slot++) {
        struct sh_event_ref ref;
        uint32_t count = 0;
        bool more = sh_event_history_first(old, (uint32_t)slot, &ref);
        for (; more && status == SH_OK; more = sh_event_history_next(old, &ref)) {
            status = sh_grow((void **)&history, &capacity, (uint64_t)count + 1, sizeof *history);
            if (status == SH_OK) history[count++] = ref;
        }
        while (status == SH_OK && count > 0)
            status = append_again(store, history[--count]);
    }
    sh_free(history);
    return status;
}

enum sh_status cut_days_anew(struct sh_event_store *store) {
    struct sh_event_store old = {.cells = store->cells,
                                 .cell_count = store->cell_count,
                                 .heads = store->heads,
                                 .head_block_count = store->head_block_count};
    for (uint32_t i = 0; i < store->type_count; i++)
        drop_days(store->types[i]);
    store->cells = NULL;
    store->cell_count = 1;
    store->cell_capacity = 0;
    store->free_cell = 0;
    store->free_cell_count = 0;
    store->heads = NULL;
    store->head_block_count = 0;
    store->head_block_capacity = 0;
    store->event_count = 0;
    const enum sh_status status = append_histories(store, &old);
    for (uint32_t i = 1; i < old.cell_count; i++) {
        if (old.cells[i] != NULL) cell_release(old.cells[i]);
        sh_free(old.cells[i]);
    }
    for (uint32_t i = 0; i < old.head_block_count; i++)
        sh_free(old.heads[i].links);
    sh_free(old.cells);
    sh_free(old.heads);
    return status;
}
