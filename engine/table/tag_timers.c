#include "tag_timers.h"

#include "hash.h"
#include "memory.h"

#define NONE SH_HASH_INDEX_NONE

void tag_timers_init(struct tag_timers *timers) {
    *timers = (struct tag_timers){.first_free = NONE};
    sh_hash_index_init(&timers->index);
}

void tag_timers_deinit(struct tag_timers *timers) {
    sh_free(timers->timers);
    sh_free(timers->heap);
    sh_hash_index_deinit(&timers->index);
    tag_timers_init(timers);
}

/* ---- Finding ---- */

static uint64_t hash_of(uint32_t slot, uint32_t set, uint32_t tag) {
    return sh_hash_mix((uint64_t)slot << 32 | (uint64_t)set << 16 | tag, 0x9E3779B97F4A7C15u);
}

static uint32_t find(const struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag) {
    struct sh_hash_probe probe;
    if (timers->count == 0) return NONE;
    uint32_t number = sh_hash_index_first(&timers->index, hash_of(slot, set, tag), &probe);
    for (; number != NONE; number = sh_hash_index_next(&probe)) {
        const struct tag_timer *timer = &timers->timers[number];
        if (timer->slot == slot && timer->set == set && timer->tag == tag) break;
    }
    return number;
}

int64_t tag_timers_get(const struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag) {
    const uint32_t number = find(timers, slot, set, tag);
    return number == NONE ? INT64_MAX : timers->timers[number].until_ms;
}

const struct tag_timer *tag_timers_first(const struct tag_timers *timers) {
    return timers->count == 0 ? NULL : &timers->timers[timers->heap[0]];
}

/* ---- The heap ---- */

static int64_t end_at(const struct tag_timers *timers, uint32_t place) {
    return timers->timers[timers->heap[place]].until_ms;
}

static void put_at(struct tag_timers *timers, uint32_t place, uint32_t number) {
    timers->heap[place] = number;
    timers->timers[number].place = place;
}

/* The timer at this place goes where its end belongs. */
static void settle(struct tag_timers *timers, uint32_t place) {
    const uint32_t number = timers->heap[place];
    const int64_t until_ms = timers->timers[number].until_ms;
    while (place > 0 && end_at(timers, (place - 1) / 2) > until_ms) {
        put_at(timers, place, timers->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= timers->count) break;
        if (child + 1 < timers->count && end_at(timers, child + 1) < end_at(timers, child)) child++;
        if (end_at(timers, child) >= until_ms) break;
        put_at(timers, place, timers->heap[child]);
        place = child;
    }
    put_at(timers, place, number);
}

enum sh_status tag_timers_put(struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag, int64_t until_ms) {
    uint32_t number = find(timers, slot, set, tag);
    enum sh_status status;
    if (number == NONE) {
        const bool is_reused = timers->first_free != NONE;
        number = is_reused ? timers->first_free : timers->timer_end;
        if ((status = sh_grow((void **)&timers->timers, &timers->timer_capacity, (uint64_t)number + 1,
                              sizeof *timers->timers)) != SH_OK)
            return status;
        if ((status = sh_grow((void **)&timers->heap, &timers->heap_capacity, (uint64_t)timers->count + 1,
                              sizeof *timers->heap)) != SH_OK)
            return status;
        if (sh_hash_index_insert(&timers->index, hash_of(slot, set, tag), number) != SH_OK) return SH_ERR_MEMORY;
        if (is_reused)
            timers->first_free = timers->timers[number].place;
        else
            timers->timer_end++;
        timers->timers[number] = (struct tag_timer){.slot = slot, .set = (uint16_t)set, .tag = (uint16_t)tag};
        put_at(timers, timers->count++, number);
    }
    timers->timers[number].until_ms = until_ms;
    settle(timers, timers->timers[number].place);
    return SH_OK;
}

void tag_timers_remove(struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag) {
    const uint32_t number = find(timers, slot, set, tag);
    if (number == NONE) return;
    const bool was_there = sh_hash_index_remove(&timers->index, hash_of(slot, set, tag), number);
    sh_assert(was_there);
    const uint32_t place = timers->timers[number].place;
    const uint32_t last = timers->heap[--timers->count];
    timers->timers[number].place = timers->first_free;
    timers->first_free = number;
    if (last == number) return;
    put_at(timers, place, last);
    settle(timers, place);
}

uint32_t tag_timers_ended(const struct tag_timers *timers, uint32_t set, uint32_t tag, int64_t now_ms, uint32_t *slots,
                          uint32_t capacity) {
    uint32_t waiting[64]; /* a path down, and the sister of each step */
    uint32_t waiting_count = 0;
    uint32_t found = 0;
    if (timers->count > 0) waiting[waiting_count++] = 0;
    while (waiting_count > 0) {
        const uint32_t place = waiting[--waiting_count];
        const struct tag_timer *timer = &timers->timers[timers->heap[place]];
        if (timer->until_ms > now_ms) continue; /* and with it all below */
        if (timer->set == set && timer->tag == tag) {
            if (found < capacity) slots[found] = timer->slot;
            found++;
        }
        for (uint32_t child = 2 * place + 1; child <= 2 * place + 2 && child < timers->count; child++)
            waiting[waiting_count++] = child;
    }
    return found;
}

/* ---- In an archive: u32 count, and in the order of the heap i64 until, u32 slot, u16 set, u16 tag ---- */

enum { SAVED_BYTES = 16 };

void tag_timers_save(const struct tag_timers *timers, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, timers->count);
    for (uint32_t place = 0; place < timers->count; place++) {
        const struct tag_timer *timer = &timers->timers[timers->heap[place]];
        sh_archive_put_i64(writer, timer->until_ms);
        sh_archive_put_u32(writer, timer->slot);
        sh_archive_put_u16(writer, timer->set);
        sh_archive_put_u16(writer, timer->tag);
    }
}

/* The next timer of the heap, under the number of its place. */
static enum sh_status load_timer(struct tag_timers *timers, struct sh_archive_reader *reader) {
    const uint32_t place = timers->count;
    struct tag_timer *timer = &timers->timers[place];
    *timer = (struct tag_timer){.until_ms = sh_archive_get_i64(reader), .place = place};
    timer->slot = sh_archive_get_u32(reader);
    timer->set = sh_archive_get_u16(reader);
    timer->tag = sh_archive_get_u16(reader);
    if (sh_archive_failed(reader)) return sh_archive_status(reader, NULL);
    if (place > 0 && end_at(timers, (place - 1) / 2) > timer->until_ms)
        return sh_archive_refuse(reader, "a tag ends before its parent in the heap");
    if (find(timers, timer->slot, timer->set, timer->tag) != NONE)
        return sh_archive_refuse(reader, "a tag of a row ends twice");
    if (sh_hash_index_insert(&timers->index, hash_of(timer->slot, timer->set, timer->tag), place) != SH_OK)
        return sh_archive_refuse_memory(reader);
    timers->heap[place] = place;
    timers->timer_end = ++timers->count;
    return SH_OK;
}

enum sh_status tag_timers_load(struct tag_timers *timers, struct sh_archive_reader *reader) {
    sh_assert(timers->timer_end == 0);
    const uint32_t count = sh_archive_get_count(reader, NONE - 1, SAVED_BYTES, "tags that end");
    if (count == 0) return sh_archive_status(reader, NULL);
    if (sh_grow((void **)&timers->timers, &timers->timer_capacity, count, sizeof *timers->timers) != SH_OK ||
        sh_grow((void **)&timers->heap, &timers->heap_capacity, count, sizeof *timers->heap) != SH_OK)
        return sh_archive_refuse_memory(reader);
    enum sh_status status = SH_OK;
    while (timers->count < count && status == SH_OK)
        status = load_timer(timers, reader);
    return status;
}

size_t tag_timers_memory_bytes(const struct tag_timers *timers) {
    return timers->timer_capacity * sizeof *timers->timers + timers->heap_capacity * sizeof *timers->heap +
           sh_hash_index_memory_bytes(&timers->index);
}

static bool refuse(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

bool tag_timers_check(const struct tag_timers *timers, const char **reason) {
    if (!sh_hash_index_check(&timers->index, reason)) return false;
    if (timers->index.count != timers->count) return refuse(reason, "tag timers: the index has others than the heap");
    for (uint32_t place = 0; place < timers->count; place++) {
        const struct tag_timer *timer = &timers->timers[timers->heap[place]];
        if (timer->place != place) return refuse(reason, "tag timers: a timer is not at its place");
        if (find(timers, timer->slot, timer->set, timer->tag) != timers->heap[place])
            return refuse(reason, "tag timers: the index does not find a timer");
        if (place > 0 && end_at(timers, (place - 1) / 2) > timer->until_ms)
            return refuse(reason, "tag timers: one ends before its parent");
    }
    return true;
}
