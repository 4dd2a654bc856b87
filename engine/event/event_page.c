#include "event_page.h"

#include <stdlib.h>

#include "memory.h"

enum { DROP_COUNT = 1024 }; /* beyond twice the page: small pages do not sort for every few events */

struct found {
    int64_t time_ms;
    const struct sh_event_cell *cell;
    uint32_t row;
    uint32_t slot;
    uint64_t number; /* among those of its user at its time */
};

struct sh_event_page {
    struct sh_event_page_spec spec;
    uint32_t place_slot; /* of the place's user; SH_SLOT_NONE: there is none */
    struct found *found;
    uint32_t found_count, found_capacity;
    uint32_t own_count; /* of them those of the place's user at its time: the first in the order, passed or not */
    uint64_t drop_at;   /* when so many are found, the late ones are let go of */
    int64_t last_ms;    /* of a later one nothing is wanted */
    bool has_dropped;

    /* Where the search is: a day, a type, a block. */
    bool has_day;
    int32_t day;
    uint32_t type;
    uint32_t block;

    bool is_done;
    uint32_t begin, end; /* of the page, in found */
    bool has_more;
};

static bool is_wanted_type(const struct sh_event_page *page, uint32_t type) {
    return type < page->spec.type_count && page->spec.types[type];
}

/* ---- The order ---- */

static int compare_users(const struct sh_table *users, uint32_t left, uint32_t right) {
    if (left == right) return 0;
    return sh_text_compare(sh_table_id(users, left), sh_table_id(users, right));
}

static int compare_found(const void *left, const void *right, void *users) {
    const struct found *a = left;
    const struct found *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return compare_users(users, a->slot, b->slot);
}

static void sort(struct sh_event_page *page) {
    if (page->found_count < 2) return;
    /* The comparison only reads; qsort_r has no way to say so. */
    union {
        const struct sh_table *users;
        void *context;
    } order = {.users = page->spec.users};
    qsort_r(page->found, page->found_count, sizeof *page->found, compare_found, order.context);
}

static bool is_same_group(const struct found *a, const struct found *b) {
    return a->time_ms == b->time_ms && a->slot == b->slot;
}

/* As many as a page has, whatever is passed. */
static uint64_t enough(const struct sh_event_page *page) {
    return (uint64_t)page->spec.wanted + page->own_count;
}

/* Keep the first ones, and all that are of the last one's user and time: which of those come first is not known. */
static void drop_late(struct sh_event_page *page) {
    if (page->found_count <= enough(page)) return;
    sort(page);
    uint32_t kept = (uint32_t)enough(page);
    while (kept < page->found_count && is_same_group(&page->found[kept], &page->found[kept - 1]))
        kept++;
    if (kept < page->found_count) {
        page->has_dropped = true;
        page->last_ms = page->found[kept - 1].time_ms;
    }
    page->found_count = kept;
    page->drop_at = 2 * (uint64_t)kept + DROP_COUNT;
}

/* ---- Searching ---- */

struct sh_event_page *sh_event_page_create(const struct sh_event_page_spec *spec) {
    struct sh_event_page *page = sh_alloc_zero(sizeof *page);
    sh_assert(spec->wanted > 0);
    if (page == NULL) return NULL;
    page->spec = *spec;
    sh_event_page_restart(page);
    return page;
}

void sh_event_page_destroy(struct sh_event_page *page) {
    if (page == NULL) return;
    sh_free(page->found);
    sh_free(page);
}

void sh_event_page_restart(struct sh_event_page *page) {
    const struct sh_text user = page->spec.place.user;
    /* The user may be gone by now, and somebody else have the slot. */
    page->place_slot = user.count > 0 ? sh_table_find(page->spec.users, user) : SH_SLOT_NONE;
    page->found_count = 0;
    page->own_count = 0;
    page->drop_at = 2 * (uint64_t)page->spec.wanted + DROP_COUNT;
    page->last_ms = INT64_MAX;
    page->has_dropped = false;
    page->has_day = false;
    page->day = INT32_MIN;
    page->is_done = false;
    page->begin = page->end = 0;
    page->has_more = false;
}

/* The first day after page->day on which anything of a wanted type lies behind the place. */
static bool find_day(struct sh_event_page *page) {
    const struct sh_event_page_spec *spec = &page->spec;
    int32_t first = INT32_MAX;
    for (uint32_t t = 0; t < sh_event_type_count(spec->events); t++) {
        if (!is_wanted_type(page, t)) continue;
        const struct sh_event_type *type = sh_event_type(spec->events, t);
        uint32_t low = sh_event_day_lower(type, spec->place.time_ms);
        uint32_t high = type->day_count;
        while (low < high) { /* the first day after page->day */
            const uint32_t middle = low + (high - low) / 2;
            if (type->days[middle]->day > page->day)
                high = middle;
            else
                low = middle + 1;
        }
        for (; low < type->day_count && type->days[low]->start_ms < spec->until_ms; low++) {
            if (type->days[low]->totals.count == 0) continue;
            if (type->days[low]->day < first) first = type->days[low]->day;
            break;
        }
    }
    page->has_day = first != INT32_MAX;
    page->day = first;
    page->type = 0;
    page->block = 0;
    return page->has_day;
}

static const struct sh_event_day *day_of(const struct sh_event_page *page, uint32_t number) {
    const struct sh_event_type *type = sh_event_type(page->spec.events, number);
    uint32_t low = 0;
    uint32_t high = type->day_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (type->days[middle]->day < page->day)
            low = middle + 1;
        else
            high = middle;
    }
    return low < type->day_count && type->days[low]->day == page->day ? type->days[low] : NULL;
}

/* At the place's own time: those of users before its user are behind us. */
static bool is_passed(const struct sh_event_page *page, uint32_t slot) {
    const struct sh_text user = page->spec.place.user;
    return user.count > 0 && sh_text_compare(sh_table_id(page->spec.users, slot), user) < 0;
}

static enum sh_status take_cell(struct sh_event_page *page, const struct sh_event_cell *cell, struct sh_error *err) {
    const int64_t place_ms = page->spec.place.time_ms;
    const int64_t until_ms = page->last_ms < page->spec.until_ms ? page->last_ms + 1 : page->spec.until_ms;
    uint32_t ms_low;
    uint32_t ms_high;
    if (sh_event_cell_clip(cell, place_ms, until_ms, &ms_low, &ms_high) == SH_VERDICT_NONE) return SH_OK;
    for (uint32_t row = 0; row < cell->row_count; row++) {
        const uint32_t ms = cell->ms[row];
        if (ms < ms_low || ms > ms_high) continue;
        const int64_t time_ms = cell->day_start_ms + (int64_t)ms;
        const uint32_t slot = cell->block * SH_EVENT_BLOCK_SLOTS + cell->slot_low[row];
        if (time_ms > page->last_ms || (time_ms == place_ms && is_passed(page, slot))) continue;
        if (sh_grow((void **)&page->found, &page->found_capacity, (uint64_t)page->found_count + 1,
                    sizeof *page->found) != SH_OK)
            return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a page of events");
        page->found[page->found_count++] = (struct found){.time_ms = time_ms, .cell = cell, .row = row, .slot = slot};
        page->own_count += time_ms == place_ms && slot == page->place_slot;
        if (page->found_count >= page->drop_at) drop_late(page);
    }
    return SH_OK;
}

/* ---- One user's events at one time ---- */

/* What stands in found with a place in the order of (cell, row), to be found by it. */
struct member {
    uint32_t cell;
    uint32_t row;
    uint32_t index;
    uint32_t above; /* the member whose event is the next one of the history; UINT32_MAX: none */
};

static int compare_members(const void *left, const void *right) {
    const struct member *a = left;
    const struct member *b = right;
    if (a->cell != b->cell) return a->cell < b->cell ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* The member of that event, from the history before this one, passing over events of types that are not wanted; NULL:
 * it is the oldest at its time. */
static struct member *find_below(const struct sh_event_page *page, struct sh_event_ref ref, struct member *members,
                                 uint32_t count) {
    const int64_t time_ms = sh_event_ref_time(ref);
    while (sh_event_history_next(page->spec.events, &ref) && sh_event_ref_time(ref) == time_ms) {
        const struct member wanted = {.cell = ref.cell->number, .row = ref.row};
        struct member *found = bsearch(&wanted, members, count, sizeof *members, compare_members);
        if (found != NULL) return found;
    }
    return NULL;
}

/* Put found[begin .. begin + count) in the order of the history. */
static enum sh_status order_group(struct sh_event_page *page, uint32_t begin, uint32_t count, struct sh_error *err) {
    struct member *members = sh_alloc(count * (sizeof *members + sizeof(struct found)));
    if (members == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a page of events");
    struct found *ordered = (struct found *)(members + count);
    const struct found *group = page->found + begin;
    for (uint32_t i = 0; i < count; i++)
        members[i] = (struct member){group[i].cell->number, group[i].row, i, UINT32_MAX};
    qsort(members, count, sizeof *members, compare_members);
    uint32_t oldest = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct found *found = &group[members[i].index];
        struct member *below = find_below(page, (struct sh_event_ref){found->cell, found->row}, members, count);
        if (below != NULL)
            below->above = i;
        else
            oldest = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        sh_assert(oldest != UINT32_MAX); /* they are one chain */
        ordered[i] = group[members[oldest].index];
        ordered[i].number = i;
        oldest = members[oldest].above;
    }
    memcpy(page->found + begin, ordered, count * sizeof *ordered);
    sh_free(members);
    return SH_OK;
}

static enum sh_status finish(struct sh_event_page *page, struct sh_error *err) {
    const struct sh_event_place *place = &page->spec.place;
    drop_late(page);
    sort(page);
    for (uint32_t begin = 0, end; begin < page->found_count; begin = end) {
        for (end = begin + 1; end < page->found_count && is_same_group(&page->found[begin], &page->found[end]);)
            end++;
        if (end - begin == 1) continue;
        const enum sh_status status = order_group(page, begin, end - begin, err);
        if (status != SH_OK) return status;
    }
    page->begin = place->passed < page->own_count ? (uint32_t)place->passed : page->own_count;
    page->end = page->found_count;
    if (page->end - page->begin > page->spec.wanted) page->end = page->begin + page->spec.wanted;
    page->has_more = page->has_dropped || page->end < page->found_count;
    return SH_OK;
}

enum sh_status sh_event_page_step(struct sh_event_page *page, uint32_t cell_count, bool *done, struct sh_error *err) {
    const uint32_t type_count = sh_event_type_count(page->spec.events);
    *done = page->is_done;
    while (!page->is_done && cell_count > 0) {
        if (!page->has_day && (page->found_count > enough(page) || !find_day(page))) {
            const enum sh_status status = finish(page, err);
            if (status != SH_OK) return status;
            page->is_done = *done = true;
            break;
        }
        const struct sh_event_day *day = is_wanted_type(page, page->type) ? day_of(page, page->type) : NULL;
        if (day == NULL || page->block >= day->block_count) {
            page->block = 0;
            if (++page->type >= type_count) page->has_day = false; /* the day is done; page->day says which it was */
            continue;
        }
        const struct sh_event_cell *cell = sh_event_day_cell(day, page->block++);
        cell_count--;
        if (cell == NULL) continue;
        const enum sh_status status = take_cell(page, cell, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

uint32_t sh_event_page_count(const struct sh_event_page *page) {
    return page->end - page->begin;
}

struct sh_event_ref sh_event_page_at(const struct sh_event_page *page, uint32_t index, uint64_t *number) {
    sh_assert(page->is_done);
    sh_assert(index < sh_event_page_count(page));
    const struct found *found = &page->found[page->begin + index];
    *number = found->number;
    return (struct sh_event_ref){found->cell, found->row};
}

bool sh_event_page_has_more(const struct sh_event_page *page) {
    return page->has_more;
}
