#include "query_anchor.h"

#include <string.h>

#include "query_plan.h"
#include "query_run.h"
#include "query_stream.h"

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for the windows of users");
}

enum sh_status sh_anchor_build(struct sh_plan *plan, const struct sh_window *window, struct sh_anchor **anchor,
                               struct sh_error *err) {
    sh_assert(window->kind == SH_WINDOW_WITHIN);
    const struct sh_operand *operand = window->anchor;
    struct sh_anchor *made = sh_arena_alloc_zero(plan->arena, sizeof *made);
    if (made == NULL) return no_memory(err);
    *anchor = made;
    made->index = operand->index;
    made->is_derived = operand->subject == SH_SUBJECT_DERIVED;
    made->is_date = operand->date_only;
    made->is_before = window->is_before;
    made->span_ms = window->count * sh_query_span_ms(window->unit);
    if (operand->function == SH_FUNCTION_NONE) return SH_OK;
    struct sh_node *asked = sh_arena_alloc_zero(plan->arena, sizeof *asked); /* only for its value */
    if (asked == NULL) return no_memory(err);
    asked->kind = SH_NODE_MISSING;
    asked->negated = true;
    asked->operand = *operand;
    return sh_aggregate_build(plan, asked, &made->aggregate, err);
}

/* Where the window begins. */
static int64_t window_begin(const struct sh_anchor *anchor, const struct sh_zone *zone, int64_t moment_ms) {
    int64_t first_ms = moment_ms;
    int64_t last_ms = moment_ms;
    if (anchor->is_date) { /* midnight in UTC, whatever the zone */
        const int32_t day = (int32_t)(moment_ms / SH_DAY_MS - (moment_ms % SH_DAY_MS < 0));
        first_ms = sh_zone_day_start_ms(zone, day);
        last_ms = sh_zone_day_start_ms(zone, day + 1) - 1;
    }
    return anchor->is_before ? first_ms - anchor->span_ms : last_ms + 1;
}

/* What is not of events. */
static bool value_of(const struct sh_plan *plan, const struct sh_anchor *anchor, uint32_t slot, int64_t *value) {
    const struct sh_query_scope *scope = &plan->scope;
    if (anchor->is_derived) return sh_derived_get(scope->derived, anchor->index, slot, scope->now_ms, value);
    return sh_column_get(&sh_table_attribute(scope->table, anchor->index)->column, slot, value);
}

/* ---- One user ---- */

enum sh_status sh_anchor_cut(const struct sh_plan *plan, const struct sh_anchor *anchor, uint32_t slot,
                             int64_t *from_ms, int64_t *until_ms, struct sh_error *err) {
    struct sh_aggregate_state state = {.is_present = false};
    if (anchor->aggregate != NULL) {
        const enum sh_status status = sh_aggregate_walk(plan, anchor->aggregate, slot, &state, err);
        if (status != SH_OK) return status;
    } else {
        state.is_present = value_of(plan, anchor, slot, &state.value);
    }
    if (!state.is_present) {
        *from_ms = INT64_MAX;
        *until_ms = INT64_MAX;
        return SH_OK;
    }
    const int64_t begin_ms = window_begin(anchor, plan->scope.zone, state.value);
    if (*from_ms < begin_ms) *from_ms = begin_ms;
    if (*until_ms > begin_ms + anchor->span_ms) *until_ms = begin_ms + anchor->span_ms;
    return SH_OK;
}

/* ---- A block ---- */

static bool take_arrays(struct sh_plan *plan, struct sh_anchor_block *anchors) {
    if (anchors->from_ms != NULL) return true;
    anchors->present = sh_arena_alloc(plan->arena, SH_BLOCK_BYTES);
    anchors->touched = sh_arena_alloc(plan->arena, SH_BLOCK_BYTES);
    if (anchors->present == NULL || anchors->touched == NULL) return false;
    anchors->from_ms = sh_arena_alloc(plan->arena, SH_BLOCK_SLOTS * sizeof *anchors->from_ms);
    return anchors->from_ms != NULL;
}

static void set_begin(const struct sh_block_run *run, const struct sh_anchor *anchor, struct sh_anchor_block *anchors,
                      uint32_t place, int64_t moment_ms) {
    const int64_t begin_ms = window_begin(anchor, run->plan->scope.zone, moment_ms);
    anchors->from_ms[place] = begin_ms;
    if (begin_ms < anchors->from_min_ms) anchors->from_min_ms = begin_ms;
    if (begin_ms + anchor->span_ms > anchors->until_max_ms) anchors->until_max_ms = begin_ms + anchor->span_ms;
}

enum sh_status sh_anchor_gather(const struct sh_block_run *run, const struct sh_anchor *anchor,
                                const uint64_t *candidates, struct sh_accumulators *into,
                                struct sh_anchor_block *anchors, struct sh_error *err) {
    struct sh_event_stream stream;
    enum sh_status status;
    if (!take_arrays(run->plan, anchors)) return no_memory(err);
    anchors->from_min_ms = INT64_MAX;
    anchors->until_max_ms = INT64_MIN;
    memcpy(anchors->present, candidates, SH_BLOCK_BYTES);
    if (anchor->aggregate != NULL) {
        status = sh_aggregate_gather(run, anchor->aggregate, candidates, into, anchors->touched, &stream, err);
        if (status != SH_OK) return status;
        sh_bits->and_into(anchors->present, anchors->touched, SH_BLOCK_WORDS);
    }
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        for (uint64_t rest = anchors->present[w]; rest != 0; rest &= rest - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(rest);
            struct sh_aggregate_state state = {.is_present = false};
            if (anchor->aggregate == NULL)
                state.is_present = value_of(run->plan, anchor, run->block * SH_BLOCK_SLOTS + place, &state.value);
            else if ((status = sh_touched_state(&stream, place, &state, err)) != SH_OK)
                return status;
            if (state.is_present)
                set_begin(run, anchor, anchors, place, state.value);
            else
                anchors->present[w] ^= rest & -rest;
        }
    }
    return SH_OK;
}
