/* query_sequence.c -- the rule of sequences, and one user by the history. */
#include "query_sequence.h"

#include <string.h>

#include "query_sequence_private.h"

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for the sequence");
}

/* ---- Building ---- */

static void add_type(struct sh_sequence *sequence, uint32_t step) {
    const uint32_t bit = 1u << step;
    const uint32_t event_type = sequence->steps[step].event_type;
    uint32_t i = 0;
    while (i < sequence->type_count && sequence->types[i].event_type != event_type)
        i++;
    if (i == sequence->type_count) sequence->types[sequence->type_count++].event_type = event_type;
    sequence->types[i].steps |= bit;
    if (sequence->steps[step].where == NULL) sequence->types[i].plain_steps |= bit;
}

enum sh_status sh_sequence_build(const struct sh_node *node, const struct sh_query_scope *scope, struct sh_arena *arena,
                                 struct sh_sequence **sequence, struct sh_error *err) {
    sh_assert(node->kind == SH_NODE_SEQUENCE);
    struct sh_sequence *made = sh_arena_alloc_zero(arena, sizeof *made);
    if (made == NULL) return no_memory(err);
    made->arena = arena;
    made->is_strict = node->sequence.is_strict;
    made->within_ms = node->sequence.within_count == 0
                          ? INT64_MAX
                          : node->sequence.within_count * sh_query_span_ms(node->sequence.within_unit);
    sh_query_window(&node->window, scope, &made->from_ms, &made->until_ms);
    for (const struct sh_node *step = node->child; step != NULL; step = step->next) {
        struct sh_sequence_step *at = &made->steps[made->step_count];
        at->event_type = step->operand.event_type;
        if (step->operand.where != NULL) {
            const enum sh_status status =
                sh_where_build(step->operand.where, scope, at->event_type, arena, &at->where, err);
            if (status != SH_OK) return status;
        }
        add_type(made, made->step_count++);
    }
    made->reach = node->sequence.reach == 0 ? made->step_count : node->sequence.reach;
    *sequence = made;
    return SH_OK;
}

/* ---- The rule ---- */

#define NEVER INT64_MIN

void sh_sequence_follow(const struct sh_sequence *sequence, const struct sh_sequence_mark *marks, uint32_t mark_count,
                        struct sh_sequence_path *path) {
    /* By step, from 1: the latest start that stands there, and when that one came there. A later start can do all that
     * an earlier one at the same step can, so one is enough. */
    int64_t start[SH_SEQUENCE_STEP_COUNT_MAX + 1];
    int64_t came[SH_SEQUENCE_STEP_COUNT_MAX + 1];
    const uint32_t step_count = sequence->step_count;
    for (uint32_t k = 1; k <= step_count; k++)
        start[k] = NEVER;
    path->reached = 0;
    for (uint32_t i = 0; i < mark_count && path->reached < step_count; i++) {
        const int64_t time = marks[i].time_ms;
        /* From the furthest step down, so that this event moves an attempt by one step only. */
        for (uint32_t k = path->reached + 1; k >= 1; k--) {
            const bool satisfies = marks[i].steps >> (k - 1) & 1;
            if (!satisfies) {
                if (sequence->is_strict) start[k] = NEVER;
                continue;
            }
            const int64_t from = k == 1 ? time : start[k - 1];
            if (from == NEVER || time - from > sequence->within_ms) continue;
            if (k > path->reached) {
                path->reached = k;
                path->since_first_ms[k - 1] = time - from;
                path->since_previous_ms[k - 1] = k == 1 ? 0 : time - came[k - 1];
            }
            if (from > start[k]) {
                start[k] = from;
                came[k] = time;
            }
        }
    }
}

/* ---- Scratch ---- */

enum sh_status sh_sequence_scratch_take(struct sh_sequence *sequence, struct sh_error *err) {
    if (sequence->scratch != NULL) return SH_OK;
    sequence->scratch = sh_arena_alloc_zero(sequence->arena, sizeof *sequence->scratch);
    return sequence->scratch == NULL ? no_memory(err) : SH_OK;
}

enum sh_status sh_marks_reserve(struct sh_sequence *sequence, struct sequence_marks *marks, size_t count,
                                struct sh_error *err) {
    if (count <= marks->capacity) return SH_OK;
    size_t capacity = marks->capacity < 64 ? 64 : marks->capacity;
    while (capacity < count)
        capacity *= 2;
    struct sh_sequence_mark *grown = sh_arena_alloc(sequence->arena, capacity * sizeof *grown);
    if (grown == NULL) return no_memory(err);
    if (marks->count > 0) memcpy(grown, marks->marks, marks->count * sizeof *grown);
    marks->marks = grown;
    marks->capacity = capacity;
    return SH_OK;
}

/* ---- One user ---- */

static const struct sh_sequence_type *type_of(const struct sh_sequence *sequence, uint32_t event_type) {
    for (uint32_t i = 0; i < sequence->type_count; i++)
        if (sequence->types[i].event_type == event_type) return &sequence->types[i];
    return NULL;
}

static enum sh_status steps_of(const struct sh_sequence *sequence, struct sh_event_ref ref, uint32_t *steps,
                               struct sh_error *err) {
    const struct sh_sequence_type *type = type_of(sequence, sh_event_ref_type(ref));
    *steps = 0;
    if (type == NULL) return SH_OK;
    *steps = type->plain_steps;
    for (uint32_t rest = type->steps & ~type->plain_steps; rest != 0; rest &= rest - 1) {
        bool holds;
        const enum sh_status status = sh_where_test(sequence->steps[__builtin_ctz(rest)].where, ref, &holds, err);
        if (status != SH_OK) return status;
        if (holds) *steps |= rest & -rest;
    }
    return SH_OK;
}

enum sh_status sh_sequence_user(struct sh_sequence *sequence, const struct sh_event_store *events, uint32_t slot,
                                struct sh_sequence_path *path, struct sh_error *err) {
    enum sh_status status = sh_sequence_scratch_take(sequence, err);
    if (status != SH_OK) return status;
    struct sequence_marks *history = &sequence->scratch->history;
    struct sh_event_ref ref;
    history->count = 0;
    bool more = sh_event_history_first(events, slot, &ref);
    for (; more; more = sh_event_history_next(events, &ref)) {
        const int64_t time_ms = sh_event_ref_time(ref);
        uint32_t steps;
        if (time_ms < sequence->from_ms) break;
        if (time_ms >= sequence->until_ms) continue;
        if ((status = steps_of(sequence, ref, &steps, err)) != SH_OK) return status;
        if (steps == 0) continue;
        if ((status = sh_marks_reserve(sequence, history, history->count + 1, err)) != SH_OK) return status;
        history->marks[history->count++] = (struct sh_sequence_mark){.time_ms = time_ms, .steps = (uint16_t)steps};
    }
    for (size_t low = 0, high = history->count; low + 1 < high; low++) {
        const struct sh_sequence_mark mark = history->marks[low];
        history->marks[low] = history->marks[--high];
        history->marks[high] = mark;
    }
    sh_sequence_follow(sequence, history->marks, (uint32_t)history->count, path);
    return SH_OK;
}
