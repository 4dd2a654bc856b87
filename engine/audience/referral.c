#include "referral_private.h"

#include <string.h>

#include "hash.h"
#include "memory.h"

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while counting who invited whom");
}

/* ---- Life ---- */

static void refresh_deinit(struct referral_refresh *refresh) {
    sh_referral_tally_destroy(refresh->tally);
    sh_free(refresh->numbers);
    *refresh = (struct referral_refresh){0};
}

static void forget_refreshes(struct sh_referral *referral) {
    refresh_deinit(&referral->current);
    for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++)
        refresh_deinit(&referral->pending[i]);
}

static void plan_free(struct sh_referral_plan *plan) {
    for (uint32_t i = 0; i < plan->condition_count; i++) {
        sh_text_free(plan->conditions[i].name);
        sh_text_free(plan->conditions[i].where);
    }
    *plan = (struct sh_referral_plan){0};
}

static bool plan_copy(const struct sh_referral_plan *plan, struct sh_referral_plan *copy) {
    *copy = (struct sh_referral_plan){.attribute = plan->attribute};
    for (uint32_t i = 0; i < plan->condition_count; i++) {
        struct sh_referral_condition *made = &copy->conditions[copy->condition_count++];
        if (sh_text_copy(plan->conditions[i].name, &made->name) &&
            sh_text_copy(plan->conditions[i].where, &made->where))
            continue;
        plan_free(copy);
        return false;
    }
    return true;
}

void sh_referral_destroy(struct sh_referral *referral) {
    if (referral == NULL) return;
    forget_refreshes(referral);
    plan_free(&referral->plan);
    sh_free(referral->fields);
    sh_free(referral);
}

const struct sh_referral_plan *sh_referral_plan(const struct sh_referral *referral) {
    return referral->is_on ? &referral->plan : NULL;
}

bool sh_referral_plans_are_equal(const struct sh_referral_plan *a, const struct sh_referral_plan *b) {
    if (a->attribute != b->attribute || a->condition_count != b->condition_count) return false;
    for (uint32_t i = 0; i < a->condition_count; i++) {
        if (!sh_text_equal(a->conditions[i].name, b->conditions[i].name)) return false;
        if (!sh_text_equal(a->conditions[i].where, b->conditions[i].where)) return false;
    }
    return true;
}

enum sh_status sh_referral_configure(struct sh_referral *referral, const struct sh_referral_plan *plan,
                                     struct sh_error *err) {
    struct sh_referral_plan copy;
    struct sh_referral_plan before = referral->plan;
    const bool was_on = referral->is_on;
    if (!plan_copy(plan, &copy)) return fail_memory(err);
    referral->plan = copy;
    referral->is_on = true;
    const enum sh_status status = sh_referral_relist(referral, err);
    if (status != SH_OK) {
        referral->plan = before;
        referral->is_on = was_on;
        plan_free(&copy);
        return status;
    }
    plan_free(&before);
    forget_refreshes(referral);
    return SH_OK;
}

uint64_t sh_referral_plan_hash(const struct sh_referral *referral) {
    uint64_t hash = referral->plan.attribute;
    for (uint32_t i = 0; i < referral->plan.condition_count; i++) {
        hash = sh_hash_mix(sh_hash_text(referral->plan.conditions[i].name), hash);
        hash = sh_hash_mix(sh_hash_text(referral->plan.conditions[i].where), hash);
    }
    return hash;
}

bool sh_referral_refreshed(const struct sh_referral *referral, int64_t *now_ms) {
    *now_ms = referral->current.now_ms;
    return referral->current.is_there;
}

/* ---- Fields ---- */

static void read_codes(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                       uint8_t *codes) {
    const struct sh_referral *referral = owner;
    sh_assert(field < referral->base_count);
    referral->base->read_codes(referral->base->owner, field, first, count, now_ms, codes);
}

static void read_values(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                        int64_t *values, uint64_t *present) {
    const struct sh_referral *referral = owner;
    const struct referral_refresh *current = &referral->current;
    if (field < referral->base_count) {
        referral->base->read_values(referral->base->owner, field, first, count, now_ms, values, present);
        return;
    }
    const uint32_t width = referral_width(referral);
    const uint32_t which = field - referral->base_count;
    memset(present, current->is_there ? 0xFF : 0, (count + 63) / 64 * sizeof *present);
    if (current->is_there && count % 64 != 0) present[count / 64] = (UINT64_C(1) << (count % 64)) - 1;
    for (uint32_t i = 0; i < count; i++)
        values[i] = first + i < current->slot_capacity ? current->numbers[(size_t)(first + i) * width + which] : 0;
}

enum sh_status sh_referral_relist(struct sh_referral *referral, struct sh_error *err) {
    const uint32_t base_count = referral->base == NULL ? 0 : referral->base->field_count;
    const uint32_t own_count = referral->is_on ? referral_width(referral) : 0;
    struct sh_derived_field *fields = sh_alloc_zero(((size_t)base_count + own_count + 1) * sizeof *fields);
    if (fields == NULL) return fail_memory(err);
    if (base_count > 0) memcpy(fields, referral->base->fields, base_count * sizeof *fields);
    for (uint32_t i = 0; i < own_count; i++) {
        const struct sh_text name = i == 0 ? SH_TEXT_LITERAL("users") : referral->plan.conditions[i - 1].name;
        memcpy(referral->names[i], "invited.", REFERRAL_INVITED_BYTES);
        memcpy(referral->names[i] + REFERRAL_INVITED_BYTES, name.bytes, name.count);
        fields[base_count + i].name = (struct sh_text){referral->names[i], REFERRAL_INVITED_BYTES + name.count};
        fields[base_count + i].type = SH_TYPE_INT;
    }
    sh_free(referral->fields);
    referral->fields = fields;
    referral->base_count = base_count;
    referral->derived.fields = fields;
    referral->derived.field_count = base_count + own_count;
    return SH_OK;
}

struct sh_referral *sh_referral_create(const struct sh_table *users, const struct sh_derived *base) {
    struct sh_referral *referral = sh_alloc_zero(sizeof *referral);
    if (referral == NULL) return NULL;
    referral->users = users;
    referral->base = base;
    referral->derived = (struct sh_derived){.owner = referral, .read_codes = read_codes, .read_values = read_values};
    if (sh_referral_relist(referral, NULL) == SH_OK) return referral;
    sh_free(referral);
    return NULL;
}

const struct sh_derived *sh_referral_derived(const struct sh_referral *referral) {
    return &referral->derived;
}

/* ---- Counting this shard's users ---- */

struct sh_referral_tally *sh_referral_tally_create(const struct sh_referral *referral) {
    struct sh_referral_tally *tally = sh_alloc_zero(sizeof *tally);
    if (tally == NULL) return NULL;
    tally->referral = referral;
    tally->slot_end = sh_table_slot_end(referral->users);
    tally->width = referral_width(referral);
    sh_dictionary_init(&tally->inviters, SH_DICTIONARY_COUNT_MAX);
    tally->masks = sh_alloc_zero((size_t)tally->slot_end + 1);
    tally->inviter_of = sh_alloc_zero(((size_t)tally->slot_end + 1) * sizeof *tally->inviter_of);
    if (tally->masks != NULL && tally->inviter_of != NULL) return tally;
    sh_referral_tally_destroy(tally);
    return NULL;
}

void sh_referral_tally_destroy(struct sh_referral_tally *tally) {
    if (tally == NULL) return;
    sh_dictionary_deinit(&tally->inviters);
    sh_free(tally->masks);
    sh_free(tally->inviter_of);
    sh_free(tally->counts);
    sh_free(tally);
}

void sh_referral_tally_mark(struct sh_referral_tally *tally, uint32_t condition, uint32_t block,
                            const uint64_t *words) {
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        for (uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
            const uint32_t slot = block * SH_BLOCK_SLOTS + w * 64 + (uint32_t)__builtin_ctzll(rest);
            if (slot < tally->slot_end) tally->masks[slot] |= (uint8_t)(2u << condition);
        }
    }
}

/* The place of an inviter, by its own name, with room for its numbers. */
static enum sh_status place_of(struct sh_referral_tally *tally, struct sh_text id, uint32_t *place,
                               struct sh_error *err) {
    const uint32_t known = sh_dictionary_count(&tally->inviters);
    const enum sh_status status = sh_dictionary_intern(&tally->inviters, id, place, err);
    if (status != SH_OK || *place < known) return status;
    const uint32_t before = tally->count_capacity;
    if (sh_grow((void **)&tally->counts, &tally->count_capacity, ((uint64_t)known + 1) * tally->width,
                sizeof *tally->counts) != SH_OK)
        return fail_memory(err);
    memset(tally->counts + before, 0, (size_t)(tally->count_capacity - before) * sizeof *tally->counts);
    return SH_OK;
}

enum sh_status sh_referral_tally_count(struct sh_referral_tally *tally, const struct sh_referral_names *names,
                                       struct sh_error *err) {
    const struct sh_table *users = tally->referral->users;
    const struct sh_attribute *attribute = sh_table_attribute(users, tally->referral->plan.attribute);
    const uint32_t text_count = sh_dictionary_count(&attribute->texts);
    uint32_t *places = sh_alloc_zero(((size_t)text_count + 1) * sizeof *places); /* by code: place + 1, 0: not asked */
    struct sh_bitmap_iterator iterator;
    enum sh_status status = places == NULL ? fail_memory(err) : SH_OK;
    sh_bitmap_iterate(&iterator, sh_table_live(users));
    for (uint32_t slot; status == SH_OK && sh_bitmap_iterator_next(&iterator, &slot);) {
        int64_t code;
        if (!sh_table_get(users, slot, tally->referral->plan.attribute, &code)) continue;
        if (places[code] == 0) {
            const struct sh_text id = sh_attribute_text(attribute, (uint32_t)code);
            uint32_t place;
            if (id.count == 0 || id.count > SH_ID_BYTES_MAX) continue; /* no user has such an id */
            if ((status = place_of(tally, names->resolve(names->owner, id), &place, err)) != SH_OK) break;
            places[code] = place + 1;
        }
        const uint32_t place = places[code] - 1;
        if (sh_text_equal(sh_dictionary_text(&tally->inviters, place), sh_table_id(users, slot))) continue;
        tally->inviter_of[slot] = place + 1;
        tally->masks[slot] |= 1;
        for (uint32_t i = 0; i < tally->width; i++)
            tally->counts[(size_t)place * tally->width + i] += tally->masks[slot] >> i & 1;
    }
    sh_free(places);
    return status;
}

uint32_t sh_referral_tally_inviters(const struct sh_referral_tally *tally) {
    return sh_dictionary_count(&tally->inviters);
}

const uint32_t *sh_referral_tally_at(const struct sh_referral_tally *tally, uint32_t place, struct sh_text *inviter) {
    *inviter = sh_dictionary_text(&tally->inviters, place);
    return tally->counts + (size_t)place * tally->width;
}

/* ---- Refreshes ---- */

static bool is_later(const struct referral_refresh *a, const struct referral_refresh *b) {
    return a->now_ms != b->now_ms ? a->now_ms > b->now_ms : a->id > b->id;
}

/* The refresh of that id; a new one if nobody told of it yet. */
static struct referral_refresh *refresh_of(struct sh_referral *referral, uint64_t id, int64_t now_ms) {
    struct referral_refresh *oldest = &referral->pending[0];
    if (referral->current.is_there && referral->current.id == id) return &referral->current;
    for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++)
        if (referral->pending[i].is_there && referral->pending[i].id == id) return &referral->pending[i];
    for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++) {
        struct referral_refresh *pending = &referral->pending[i];
        if (!pending->is_there) {
            oldest = pending;
            break;
        }
        if (is_later(oldest, pending)) oldest = pending;
    }
    refresh_deinit(oldest);
    *oldest = (struct referral_refresh){.is_there = true, .id = id, .now_ms = now_ms};
    return oldest;
}

void sh_referral_counted(struct sh_referral *referral, uint64_t id, int64_t now_ms, struct sh_referral_tally *tally) {
    struct referral_refresh *refresh = refresh_of(referral, id, now_ms);
    sh_referral_tally_destroy(refresh->tally);
    refresh->tally = tally;
}

/* Of a refresh that is not heard of by all yet, a part may be taken away before it was added. */
static void not_below_zero(int64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (numbers[i] < 0) numbers[i] = 0;
}

enum sh_status referral_refresh_reserve(struct referral_refresh *refresh, uint32_t slot, uint32_t width) {
    if (slot < refresh->slot_capacity) return SH_OK;
    uint32_t capacity = refresh->slot_capacity < 1024 ? 1024 : refresh->slot_capacity;
    while (capacity <= slot)
        capacity *= 2;
    const size_t old_bytes = (size_t)refresh->slot_capacity * width * sizeof *refresh->numbers;
    const size_t new_bytes = (size_t)capacity * width * sizeof *refresh->numbers;
    int64_t *numbers = sh_realloc(refresh->numbers, old_bytes, new_bytes);
    if (numbers == NULL) return SH_ERR_MEMORY;
    memset((uint8_t *)numbers + old_bytes, 0, new_bytes - old_bytes);
    refresh->numbers = numbers;
    refresh->slot_capacity = capacity;
    return SH_OK;
}

enum sh_status sh_referral_add(struct sh_referral *referral, uint64_t id, int64_t now_ms, uint32_t slot,
                               const uint32_t *counts, int32_t sign, struct sh_error *err) {
    const uint32_t width = referral_width(referral);
    struct referral_refresh *refresh = refresh_of(referral, id, now_ms);
    if (referral_refresh_reserve(refresh, slot, width) != SH_OK) return fail_memory(err);
    int64_t *numbers = refresh->numbers + (size_t)slot * width;
    for (uint32_t i = 0; i < width; i++)
        numbers[i] += (int64_t)counts[i] * sign;
    if (refresh == &referral->current) not_below_zero(numbers, width);
    return SH_OK;
}

void sh_referral_hear(struct sh_referral *referral, uint64_t id, int64_t now_ms, uint32_t shard_count) {
    struct referral_refresh *refresh = refresh_of(referral, id, now_ms);
    if (++refresh->heard < shard_count || refresh == &referral->current) return;
    if (referral->current.is_there && !is_later(refresh, &referral->current)) {
        refresh_deinit(refresh);
        return;
    }
    refresh_deinit(&referral->current);
    referral->current = *refresh;
    not_below_zero(referral->current.numbers, (size_t)referral->current.slot_capacity * referral_width(referral));
    *refresh = (struct referral_refresh){0};
}

/* ---- Forgetting ---- */

static bool counted_in(const struct referral_refresh *refresh, uint32_t slot, struct sh_referral_counted_for *found) {
    const struct sh_referral_tally *tally = refresh->tally;
    if (!refresh->is_there || tally == NULL || slot >= tally->slot_end || tally->inviter_of[slot] == 0) return false;
    found->id = refresh->id;
    found->now_ms = refresh->now_ms;
    found->inviter = sh_dictionary_text(&tally->inviters, tally->inviter_of[slot] - 1);
    for (uint32_t i = 0; i < SH_REFERRAL_COUNT_MAX; i++)
        found->counts[i] = tally->masks[slot] >> i & 1;
    return true;
}

uint32_t sh_referral_counted_in(const struct sh_referral *referral, uint32_t slot,
                                struct sh_referral_counted_for found[1 + SH_REFERRAL_PENDING_MAX]) {
    uint32_t count = 0;
    count += counted_in(&referral->current, slot, &found[count]);
    for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++)
        count += counted_in(&referral->pending[i], slot, &found[count]);
    return count;
}

static void refresh_forget(struct referral_refresh *refresh, uint32_t slot, uint32_t width) {
    if (slot < refresh->slot_capacity)
        memset(refresh->numbers + (size_t)slot * width, 0, width * sizeof *refresh->numbers);
    if (refresh->tally == NULL || slot >= refresh->tally->slot_end) return;
    refresh->tally->inviter_of[slot] = 0;
    refresh->tally->masks[slot] = 0;
}

void sh_referral_forget(struct sh_referral *referral, uint32_t slot) {
    const uint32_t width = referral_width(referral);
    if (!referral->is_on) return;
    refresh_forget(&referral->current, slot, width);
    for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++)
        refresh_forget(&referral->pending[i], slot, width);
}

/* ---- Upkeep ---- */

static size_t refresh_bytes(const struct referral_refresh *refresh, uint32_t width) {
    const struct sh_referral_tally *tally = refresh->tally;
    size_t bytes = (size_t)refresh->slot_capacity * width * sizeof *refresh->numbers;
    if (tally == NULL) return bytes;
    bytes += sizeof *tally + (size_t)tally->slot_end * (sizeof *tally->masks + sizeof *tally->inviter_of);
    return bytes + tally->count_capacity * sizeof *tally->counts + sh_dictionary_memory_bytes(&tally->inviters);
}

size_t sh_referral_memory_bytes(const struct sh_referral *referral) {
    size_t bytes = sizeof *referral + referral->derived.field_count * sizeof *referral->fields;
    bytes += refresh_bytes(&referral->current, referral_width(referral));
    for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++)
        bytes += refresh_bytes(&referral->pending[i], referral_width(referral));
    return bytes;
}

bool sh_referral_check(const struct sh_referral *referral, const char **reason) {
    const struct referral_refresh *current = &referral->current;
    const uint32_t width = referral_width(referral);
    *reason = "somebody has invited fewer than nobody, or more buyers than people";
    for (uint32_t slot = 0; current->is_there && slot < current->slot_capacity; slot++) {
        const int64_t *numbers = current->numbers + (size_t)slot * width;
        for (uint32_t i = 0; i < width; i++)
            if (numbers[i] < 0 || numbers[i] > numbers[0]) return false;
    }
    *reason = "fields of invitations are not those of the plan";
    return referral->derived.field_count == referral->base_count + (referral->is_on ? width : 0);
}
