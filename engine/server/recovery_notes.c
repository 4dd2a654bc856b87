#include "recovery_notes.h"

#include <string.h>

#include "hash.h"
#include "memory.h"

/* ---- ids of requests ---- */

enum { ID_SET_CAPACITY_MIN = 1024 };

void sh_id_set_deinit(struct sh_id_set *set) {
    sh_free(set->ids);
    *set = (struct sh_id_set){0};
}

static uint32_t place_of(const uint64_t *ids, uint32_t capacity, uint64_t id) {
    uint32_t at = (uint32_t)sh_hash_mix(id, 0x9E3779B97F4A7C15u) & (capacity - 1);
    while (ids[at] != 0 && ids[at] != id)
        at = (at + 1) & (capacity - 1);
    return at;
}

static enum sh_status grow(struct sh_id_set *set) {
    const uint32_t capacity = set->capacity == 0 ? ID_SET_CAPACITY_MIN : set->capacity * 2;
    if (capacity == 0) return SH_ERR_MEMORY;
    uint64_t *ids = sh_alloc_zero(capacity * sizeof *ids);
    if (ids == NULL) return SH_ERR_MEMORY;
    for (uint32_t i = 0; i < set->capacity; i++)
        if (set->ids[i] != 0) ids[place_of(ids, capacity, set->ids[i])] = set->ids[i];
    sh_free(set->ids);
    set->ids = ids;
    set->capacity = capacity;
    return SH_OK;
}

enum sh_status sh_id_set_add(struct sh_id_set *set, uint64_t id) {
    sh_assert(id != 0);
    if (set->count >= set->capacity / 2 && grow(set) != SH_OK) return SH_ERR_MEMORY;
    const uint32_t at = place_of(set->ids, set->capacity, id);
    set->count += set->ids[at] == 0;
    set->ids[at] = id;
    return SH_OK;
}

bool sh_id_set_has(const struct sh_id_set *set, uint64_t id) {
    return set->capacity > 0 && set->ids[place_of(set->ids, set->capacity, id)] == id;
}

/* ---- records ---- */

void sh_kept_list_deinit(struct sh_kept_list *list) {
    while (list->first != NULL) {
        struct sh_kept_record *kept = list->first;
        list->first = kept->next;
        sh_free(kept);
    }
    list->last = NULL;
}

static struct sh_text copy_text(uint8_t **at, struct sh_text text) {
    const struct sh_text copy = {(const char *)*at, text.count};
    if (text.count > 0) memcpy(*at, text.bytes, text.count);
    *at += text.count;
    return copy;
}

enum sh_status sh_kept_list_add(struct sh_kept_list *list, const struct sh_log_record *record) {
    const struct sh_request *request = &record->request;
    struct sh_kept_record *kept =
        sh_alloc(sizeof *kept + request->params_count + request->workspace.count + request->client.count);
    if (kept == NULL) return SH_ERR_MEMORY;
    uint8_t *at = kept->bytes;
    kept->next = NULL;
    kept->record = *record;
    memcpy(at, request->params, request->params_count);
    kept->record.request.params = at;
    at += request->params_count;
    kept->record.request.workspace = copy_text(&at, request->workspace);
    kept->record.request.client = copy_text(&at, request->client);
    if (list->last == NULL)
        list->first = kept;
    else
        list->last->next = kept;
    list->last = kept;
    return SH_OK;
}

/* ---- merges that are under way ---- */

struct sh_kept_merge *sh_kept_merges_find(struct sh_kept_merge *merges, uint64_t id) {
    while (merges != NULL && merges->id != id)
        merges = merges->next;
    return merges;
}

static void destroy(struct sh_kept_merge *merge) {
    sh_kept_list_deinit(&merge->hold);
    sh_free(merge);
}

void sh_kept_merges_deinit(struct sh_kept_merge **merges) {
    while (*merges != NULL) {
        struct sh_kept_merge *merge = *merges;
        *merges = merge->next;
        destroy(merge);
    }
}

static enum sh_status begin(struct sh_kept_merge **merges, const struct sh_log_record *record, bool is_held) {
    struct sh_kept_merge *merge = sh_alloc_zero(sizeof *merge);
    if (merge == NULL) return SH_ERR_MEMORY;
    merge->id = record->request.id;
    merge->is_held = is_held;
    if (sh_kept_list_add(&merge->hold, record) != SH_OK) {
        destroy(merge);
        return SH_ERR_MEMORY;
    }
    merge->next = *merges;
    *merges = merge;
    return SH_OK;
}

enum sh_status sh_kept_merges_note(struct sh_kept_merge **merges, const struct sh_log_record *record,
                                   enum sh_status applied) {
    struct sh_kept_merge **link = merges;
    struct sh_kept_merge *taken;
    switch (record->kind) {
    case SH_PART_HOLD:
        return begin(merges, record, applied == SH_OK);
    case SH_PART_TAKE:
        taken = sh_kept_merges_find(*merges, record->request.id);
        if (taken != NULL) taken->is_taken = applied == SH_OK;
        return SH_OK;
    case SH_PART_END:
    case SH_PART_LET_GO:
        while (*link != NULL && (*link)->id != record->request.id)
            link = &(*link)->next;
        if (*link != NULL) {
            struct sh_kept_merge *merge = *link;
            *link = merge->next;
            destroy(merge);
        }
        return SH_OK;
    default:
        return SH_OK;
    }
}
