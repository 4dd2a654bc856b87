/* referral_archive.c -- who invited how many as a section of an archive.
 *
 *   section referral 1
 *     u8 is_on; and if it is:
 *     plan       u32 attribute, u32 count of conditions, for each its name and text
 *     refreshes  the one in force and each place of those under way: u8 is_there; if so
 *                u64 id, i64 now_ms, u32 heard
 *                u32 count of slots up to the last with a number, i64 numbers, 1 + conditions for each
 *                u8 has_tally; if so u32 count of slots, u8 masks, u32 inviter_of, the dictionary of inviters
 *
 * What a tally counted is with the numbers already, and is not written.
 */
#include "calendar.h"
#include "memory.h"
#include "referral_private.h"

enum { REFERRAL_VERSION = 1, CONDITION_BYTES_MIN = 4 + 4 };
#define NUMBER_MAX (INT64_C(1) << 48) /* far above all people, far below an overflow */

/* ---- Saving ---- */

static bool has_numbers(const struct referral_refresh *refresh, uint32_t slot, uint32_t width) {
    for (uint32_t i = 0; i < width; i++)
        if (refresh->numbers[(size_t)slot * width + i] != 0) return true;
    return false;
}

static void save_refresh(const struct referral_refresh *refresh, uint32_t width, struct sh_archive_writer *writer) {
    const struct sh_referral_tally *tally = refresh->tally;
    sh_archive_put_u8(writer, refresh->is_there);
    if (!refresh->is_there) return;
    uint32_t count = refresh->slot_capacity;
    while (count > 0 && !has_numbers(refresh, count - 1, width))
        count--;
    sh_archive_put_u64(writer, refresh->id);
    sh_archive_put_i64(writer, refresh->now_ms);
    sh_archive_put_u32(writer, refresh->heard);
    sh_archive_put_u32(writer, count);
    sh_archive_put(writer, refresh->numbers, (size_t)count * width * sizeof *refresh->numbers);
    sh_archive_put_u8(writer, tally != NULL);
    if (tally == NULL) return;
    sh_archive_put_u32(writer, tally->slot_end);
    sh_archive_put(writer, tally->masks, tally->slot_end);
    sh_archive_put(writer, tally->inviter_of, tally->slot_end * sizeof *tally->inviter_of);
    sh_dictionary_save(&tally->inviters, writer);
}

void sh_referral_save(const struct sh_referral *referral, struct sh_archive_writer *writer) {
    const struct sh_referral_plan *plan = &referral->plan;
    sh_archive_begin(writer, "referral", REFERRAL_VERSION);
    sh_archive_put_u8(writer, referral->is_on);
    if (referral->is_on) {
        sh_archive_put_u32(writer, plan->attribute);
        sh_archive_put_u32(writer, plan->condition_count);
        for (uint32_t i = 0; i < plan->condition_count; i++) {
            sh_archive_put_text(writer, plan->conditions[i].name);
            sh_archive_put_text(writer, plan->conditions[i].where);
        }
        save_refresh(&referral->current, referral_width(referral), writer);
        for (uint32_t i = 0; i < SH_REFERRAL_PENDING_MAX; i++)
            save_refresh(&referral->pending[i], referral_width(referral), writer);
    }
    sh_archive_end(writer);
}

/* ---- Loading ---- */

static bool plan_is_good(const struct sh_referral *referral, const struct sh_referral_plan *plan) {
    if (plan->attribute >= sh_table_attribute_count(referral->users) ||
        sh_table_attribute(referral->users, plan->attribute)->type != SH_TYPE_STRING)
        return false;
    for (uint32_t i = 0; i < plan->condition_count; i++)
        if (plan->conditions[i].name.count == 0 || !sh_text_is_utf8(plan->conditions[i].name) ||
            !sh_text_is_utf8(plan->conditions[i].where))
            return false;
    return true;
}

static bool load_plan(struct sh_referral *referral, struct sh_archive_reader *reader) {
    struct sh_referral_plan plan = {.attribute = sh_archive_get_u32(reader)};
    const uint32_t count =
        sh_archive_get_count(reader, SH_REFERRAL_CONDITION_MAX, CONDITION_BYTES_MIN, "conditions of invitations");
    for (uint32_t i = 0; i < count; i++) {
        struct sh_referral_condition *condition = &plan.conditions[plan.condition_count++];
        condition->name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a condition");
        condition->where = sh_archive_get_text(reader, SH_EXPRESSION_BYTES_MAX, "a condition");
    }
    if (!sh_archive_failed(reader)) {
        if (!plan_is_good(referral, &plan))
            (void)sh_archive_refuse(reader, "the plan of invitations is of no attribute, or has nameless conditions");
        else if (sh_referral_configure(referral, &plan, NULL) != SH_OK)
            (void)sh_archive_refuse_memory(reader);
    }
    for (uint32_t i = 0; i < plan.condition_count; i++) {
        sh_free((char *)(uintptr_t)plan.conditions[i].name.bytes);
        sh_free((char *)(uintptr_t)plan.conditions[i].where.bytes);
    }
    return !sh_archive_failed(reader);
}

static bool load_numbers(const struct sh_referral *referral, struct referral_refresh *refresh,
                         struct sh_archive_reader *reader) {
    const uint32_t width = referral_width(referral);
    const uint32_t count = sh_archive_get_count(reader, sh_table_slot_end(referral->users),
                                                width * sizeof *refresh->numbers, "users who invited");
    const size_t number_count = (size_t)count * width;
    if (count == 0) return !sh_archive_failed(reader);
    if (referral_refresh_reserve(refresh, count - 1, width) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    (void)sh_archive_get(reader, refresh->numbers, number_count * sizeof *refresh->numbers);
    bool is_good = true;
    for (size_t i = 0; i < number_count; i++)
        is_good = is_good && refresh->numbers[i] >= -NUMBER_MAX && refresh->numbers[i] <= NUMBER_MAX;
    if (!is_good) (void)sh_archive_refuse(reader, "somebody has invited more people than there are");
    return !sh_archive_failed(reader);
}

static bool load_tally(struct sh_referral *referral, struct referral_refresh *refresh,
                       struct sh_archive_reader *reader) {
    if (!sh_archive_get_bool(reader)) return !sh_archive_failed(reader);
    const uint32_t slot_end =
        sh_archive_get_count(reader, sh_table_slot_end(referral->users), 1 + sizeof(uint32_t), "users counted");
    if (sh_archive_failed(reader)) return false;
    struct sh_referral_tally *tally = refresh->tally = sh_referral_tally_create(referral);
    if (tally == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    tally->slot_end = slot_end; /* there is room for all slots of now */
    (void)sh_archive_get(reader, tally->masks, slot_end);
    (void)sh_archive_get(reader, tally->inviter_of, slot_end * sizeof *tally->inviter_of);
    if (sh_archive_failed(reader) || sh_dictionary_load(&tally->inviters, reader) != SH_OK) return false;
    const uint32_t inviter_count = sh_dictionary_count(&tally->inviters);
    bool is_good = true;
    for (uint32_t slot = 0; slot < slot_end; slot++)
        is_good = is_good && tally->inviter_of[slot] <= inviter_count;
    if (!is_good) (void)sh_archive_refuse(reader, "a user is counted for an inviter that is not there");
    return is_good;
}

static bool load_refresh(struct sh_referral *referral, struct referral_refresh *refresh,
                         struct sh_archive_reader *reader) {
    refresh->is_there = sh_archive_get_bool(reader);
    if (!refresh->is_there) return !sh_archive_failed(reader);
    refresh->id = sh_archive_get_u64(reader);
    refresh->now_ms = sh_archive_get_i64(reader);
    refresh->heard = sh_archive_get_u32(reader);
    if (refresh->now_ms < SH_INSTANT_MIN || refresh->now_ms > SH_INSTANT_MAX || refresh->heard > SH_SHARD_COUNT_MAX)
        (void)sh_archive_refuse(reader, "a refresh of invitations is of no time, or of too many shards");
    return !sh_archive_failed(reader) && load_numbers(referral, refresh, reader) &&
           load_tally(referral, refresh, reader);
}

static void load_all(struct sh_referral *referral, struct sh_archive_reader *reader) {
    if (!sh_archive_get_bool(reader) || !load_plan(referral, reader)) return;
    bool ok = load_refresh(referral, &referral->current, reader);
    for (uint32_t i = 0; ok && i < SH_REFERRAL_PENDING_MAX; i++)
        ok = load_refresh(referral, &referral->pending[i], reader);
}

enum sh_status sh_referral_load(struct sh_referral *referral, struct sh_archive_reader *reader) {
    sh_assert(!referral->is_on);
    if (sh_archive_enter(reader, "referral", REFERRAL_VERSION) == 0) return sh_archive_status(reader, NULL);
    load_all(referral, reader);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
