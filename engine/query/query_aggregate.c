/* query_aggregate.c -- what an aggregate is, when it holds, and its value for one user. */
#include "decimal.h"
#include "query_anchor.h"
#include "query_events.h"
#include "query_pair_set.h"
#include "query_plan.h"
#include "query_stream.h"
#include "query_words.h"

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
}

/* ---- Building ---- */

static void build_source(struct sh_aggregate *aggregate, const struct sh_operand *operand) {
    const bool is_of_time = operand->index == SH_OPERAND_TIME || operand->index == SH_OPERAND_NO_INDEX;
    aggregate->function = operand->function;
    if (operand->function == SH_FUNCTION_COUNT) {
        aggregate->source = SH_SOURCE_EVENT;
    } else if (operand->function == SH_FUNCTION_DAYS) {
        aggregate->source = SH_SOURCE_DAY;
    } else if (operand->index == SH_OPERAND_ITEM) {
        aggregate->source = SH_SOURCE_ITEM;
    } else if (is_of_time) {
        aggregate->source = SH_SOURCE_TIME;
        /* The latest time is the last event's, whatever the order of arrival. */
        if (operand->function == SH_FUNCTION_FIRST) aggregate->function = SH_FUNCTION_MIN;
        if (operand->function == SH_FUNCTION_LAST) aggregate->function = SH_FUNCTION_MAX;
    } else if (operand->index == SH_OPERAND_AMOUNT) {
        aggregate->source = SH_SOURCE_AMOUNT;
    } else {
        aggregate->source = SH_SOURCE_PROPERTY;
        aggregate->property = operand->index;
    }
}

static struct sh_value_domain value_domain(struct sh_aggregate *aggregate, const struct sh_event_store *events) {
    if (aggregate->function == SH_FUNCTION_DISTINCT) return (struct sh_value_domain){.type = SH_TYPE_INT};
    switch (aggregate->source) {
    case SH_SOURCE_EVENT:
    case SH_SOURCE_DAY:
    case SH_SOURCE_ITEM:
        return (struct sh_value_domain){.type = SH_TYPE_INT};
    case SH_SOURCE_TIME:
        return (struct sh_value_domain){
            .type = aggregate->function == SH_FUNCTION_MIN || aggregate->function == SH_FUNCTION_MAX ||
                            aggregate->function == SH_FUNCTION_NTH || aggregate->function == SH_FUNCTION_EXPECTED_NEXT
                        ? SH_TYPE_TIME
                        : SH_TYPE_INT};
    case SH_SOURCE_AMOUNT:
        return (struct sh_value_domain){.type = SH_TYPE_DECIMAL};
    case SH_SOURCE_PROPERTY:
        break;
    }
    struct sh_value_domain domain =
        sh_property_domain(sh_event_type(events, aggregate->event_type)->properties[aggregate->property]);
    const bool is_extreme = aggregate->function == SH_FUNCTION_MIN || aggregate->function == SH_FUNCTION_MAX;
    aggregate->by_rank = domain.type == SH_TYPE_ENUM && is_extreme;
    domain.by_rank = aggregate->by_rank;
    return domain;
}

static enum sh_status build_match(struct sh_plan *plan, const struct sh_node *clause, struct sh_aggregate *aggregate,
                                  struct sh_error *err) {
    const bool is_fraction = sh_function_is_fraction(aggregate->function);
    const bool is_wide = aggregate->function == SH_FUNCTION_SUM || is_fraction;
    if (clause->kind == SH_NODE_DID) {
        aggregate->match = (struct sh_match){.kind = SH_MATCH_RANGE, .low = 1, .high = INT64_MAX};
    } else if (is_wide && (clause->kind == SH_NODE_COMPARE || clause->kind == SH_NODE_BETWEEN)) {
        aggregate->is_bounded = true;
        aggregate->match.negated =
            clause->negated || (clause->kind == SH_NODE_COMPARE && clause->compare == SH_COMPARE_NE);
        aggregate->low = clause->low128;
        aggregate->high = clause->high128;
        aggregate->low_open = clause->low_open;
        aggregate->high_open = clause->high_open;
        aggregate->factor = 1;
        if (is_fraction) aggregate->factor = sh_power_of_ten[clause->bound_scale - clause->operand.scale];
    } else {
        const struct sh_value_domain domain = value_domain(aggregate, plan->scope.events);
        const enum sh_status status =
            sh_match_build(clause, &plan->scope, &domain, plan->arena, &aggregate->match, err);
        if (status != SH_OK) return status;
    }
    const struct sh_match *match = &aggregate->match;
    aggregate->is_did = aggregate->function == SH_FUNCTION_COUNT && match->kind == SH_MATCH_RANGE && match->low == 1 &&
                        match->high == INT64_MAX && !match->negated;
    return SH_OK;
}

enum sh_status sh_aggregate_build(struct sh_plan *plan, const struct sh_node *clause, struct sh_aggregate **aggregate,
                                  struct sh_error *err) {
    const struct sh_operand *operand = &clause->operand;
    struct sh_aggregate *made = sh_arena_alloc_zero(plan->arena, sizeof *made);
    if (made == NULL) return no_memory(err);
    build_source(made, operand);
    if (clause->kind == SH_NODE_DID) {
        made->function = SH_FUNCTION_COUNT;
        made->source = SH_SOURCE_EVENT;
    }
    made->event_type = operand->event_type;
    made->nth = operand->nth;
    made->now_ms = plan->scope.now_ms;
    sh_query_window(&operand->window, &plan->scope, &made->from_ms, &made->until_ms);
    sh_assert(made->until_ms <= made->now_ms + 1 || made->until_ms <= made->from_ms);
    enum sh_status status = build_match(plan, clause, made, err);
    if (status == SH_OK && operand->window.kind == SH_WINDOW_WITHIN)
        status = sh_anchor_build(plan, &operand->window, &made->anchor, err);
    if (status == SH_OK && operand->where != NULL)
        status = sh_where_build(operand->where, &plan->scope, made->event_type, plan->arena, &made->where, err);
    if (status == SH_OK) sh_aggregate_set_inner(plan, made);
    *aggregate = made;
    return status;
}

static bool are_partners(const struct sh_aggregate *a, const struct sh_aggregate *b) {
    const bool count_and_sum = (a->function == SH_FUNCTION_COUNT && b->function == SH_FUNCTION_SUM) ||
                               (a->function == SH_FUNCTION_SUM && b->function == SH_FUNCTION_COUNT);
    return count_and_sum && a->event_type == b->event_type && a->from_ms == b->from_ms && a->until_ms == b->until_ms &&
           a->where == NULL && b->where == NULL && a->anchor == NULL && b->anchor == NULL;
}

void sh_aggregate_join(struct sh_plan *plan, struct sh_aggregate *aggregate) {
    for (struct sh_aggregate *other = plan->aggregates; other != NULL && aggregate->partner == NULL;
         other = other->next) {
        if (other->partner != NULL || !are_partners(aggregate, other)) continue;
        aggregate->partner = other;
        other->partner = aggregate;
    }
    aggregate->next = plan->aggregates;
    plan->aggregates = aggregate;
}

const uint32_t *sh_aggregate_ranks(const struct sh_aggregate *aggregate, const struct sh_event_store *events) {
    if (!aggregate->by_rank) return NULL;
    return sh_event_type(events, aggregate->event_type)->properties[aggregate->property]->rank_of_code;
}

/* ---- When it holds ---- */

static bool bounds_hold(const struct sh_aggregate *aggregate, const struct sh_aggregate_state *state) {
    __int128 low = aggregate->low;
    __int128 high = aggregate->high;
    __int128 sum = state->sum;
    if (sh_function_is_fraction(aggregate->function)) { /* sum / count against bound / factor, without dividing */
        low *= (__int128)state->count;
        high *= (__int128)state->count;
        sum *= aggregate->factor;
    }
    return (aggregate->low_open ? sum > low : sum >= low) && (aggregate->high_open ? sum < high : sum <= high);
}

static bool counts(enum sh_function function) {
    return function == SH_FUNCTION_COUNT || function == SH_FUNCTION_DAYS || function == SH_FUNCTION_DISTINCT;
}

static bool is_present(const struct sh_aggregate *aggregate, const struct sh_aggregate_state *state) {
    if (counts(aggregate->function) || aggregate->function == SH_FUNCTION_SUM) return true;
    if (aggregate->function == SH_FUNCTION_AVG) return state->count > 0;
    return state->is_present;
}

bool sh_aggregate_holds(const struct sh_aggregate *aggregate, const struct sh_aggregate_state *state) {
    const bool present = is_present(aggregate, state);
    if (aggregate->is_bounded) return present && bounds_hold(aggregate, state) != aggregate->match.negated;
    if (!present) return aggregate->match.when_missing;
    int64_t value = state->value;
    if (aggregate->function == SH_FUNCTION_SUM && __builtin_add_overflow(state->sum, (__int128)0, &value))
        return (aggregate->match.kind == SH_MATCH_ANY) != aggregate->match.negated; /* no list holds it */
    if (counts(aggregate->function)) value = (int64_t)state->count;
    if (aggregate->function == SH_FUNCTION_DAYS_SINCE) value = (aggregate->now_ms - state->value) / SH_DAY_MS;
    return sh_match_value(&aggregate->match, true, value);
}

bool sh_aggregate_goes_by_order(const struct sh_aggregate *aggregate) {
    const enum sh_function function = aggregate->function;
    return function == SH_FUNCTION_FIRST || function == SH_FUNCTION_LAST || function == SH_FUNCTION_NTH ||
           function == SH_FUNCTION_GAP_MIN || function == SH_FUNCTION_GAP_MAX;
}

bool sh_aggregate_holds_without(const struct sh_aggregate *aggregate) {
    const struct sh_aggregate_state nothing = {0};
    return sh_aggregate_holds(aggregate, &nothing);
}

/* ---- One user ---- */

/* A walk over a history, newest event first. */
struct walk {
    const struct sh_aggregate *aggregate;
    const uint32_t *ranks;
    int64_t from_ms; /* the window, cut to the user's own */
    int64_t until_ms;
    struct sh_aggregate_state state;
    bool is_counting;        /* NTH: first how many there are */
    uint64_t skip_count;     /* NTH: then so many are newer */
    uint64_t row_count;      /* gaps: events so far */
    int64_t newer_ms;        /* gaps: the event before in the walk */
    uint64_t day_count;      /* EXPECTED_NEXT: days with an event so far */
    int64_t newest_ms;       /* EXPECTED_NEXT: the first event of the walk */
    int32_t newer_day;       /* EXPECTED_NEXT: of the event before in the walk */
    int32_t day;             /* of the event at hand */
    struct sh_pair_set seen; /* DISTINCT */
    bool done;               /* older ones change nothing */
};

static enum sh_status add_to_sum(struct sh_aggregate_state *state, int64_t value, struct sh_error *err) {
    if (__builtin_add_overflow(state->sum, (__int128)value, &state->sum))
        return sh_fail(err, SH_ERR_OVERFLOW, -1, "a sum is outside 128 bits");
    state->count++;
    return SH_OK;
}

static void add_count(struct walk *walk) {
    const struct sh_match *match = &walk->aggregate->match;
    walk->state.count++;
    /* `count >= n` is decided by the n-th. */
    walk->done = match->kind == SH_MATCH_RANGE && match->high == INT64_MAX && !walk->aggregate->is_bounded &&
                 (int64_t)walk->state.count >= match->low;
}

static void add_gap(struct walk *walk, int64_t time_ms) {
    const int64_t gap_ms = walk->newer_ms - time_ms;
    const uint64_t gap_count = walk->row_count++;
    walk->newer_ms = time_ms;
    if (gap_count == 0) return;
    __int128 sum = gap_ms;
    const bool is_first = gap_count == 1;
    if (walk->aggregate->function == SH_FUNCTION_GAP_AVG) sum += walk->state.sum;
    if (walk->aggregate->function == SH_FUNCTION_GAP_MIN && !is_first && walk->state.sum < sum) sum = walk->state.sum;
    if (walk->aggregate->function == SH_FUNCTION_GAP_MAX && walk->state.sum > sum) sum = walk->state.sum;
    sh_aggregate_set_gap(&walk->state, (int64_t)sum, walk->aggregate->function == SH_FUNCTION_GAP_AVG ? gap_count : 1);
}

static void add_for_next(struct walk *walk, int64_t time_ms) {
    if (walk->day_count == 0) walk->newest_ms = time_ms;
    if (walk->day_count == 0 || walk->day != walk->newer_day) walk->day_count++; /* they descend */
    walk->newer_day = walk->day;
    sh_aggregate_set_next(&walk->state, time_ms, walk->newest_ms, walk->day_count);
}

static void add_for_place(struct walk *walk, int64_t value) {
    if (walk->is_counting) {
        walk->row_count++;
    } else if (walk->skip_count > 0) {
        walk->skip_count--;
    } else {
        walk->state.is_present = true;
        walk->state.value = value;
        walk->done = true;
    }
}

static enum sh_status add_distinct(struct walk *walk, int64_t value, struct sh_error *err) {
    bool is_new;
    const enum sh_status status = sh_pair_set_add(&walk->seen, 0, value, &is_new, err);
    if (status == SH_OK && is_new) add_count(walk);
    return status;
}

/* One event more, older than those before. */
static enum sh_status add_older(struct walk *walk, int64_t value, struct sh_error *err) {
    struct sh_aggregate_state *state = &walk->state;
    const bool is_first = !state->is_present;
    switch (walk->aggregate->function) {
    case SH_FUNCTION_SUM:
    case SH_FUNCTION_AVG:
        return add_to_sum(state, value, err);
    case SH_FUNCTION_DISTINCT:
        return add_distinct(walk, value, err);
    case SH_FUNCTION_NTH:
        add_for_place(walk, value);
        return SH_OK;
    case SH_FUNCTION_GAP_MIN:
    case SH_FUNCTION_GAP_AVG:
    case SH_FUNCTION_GAP_MAX:
        add_gap(walk, value);
        return SH_OK;
    case SH_FUNCTION_EXPECTED_NEXT:
        add_for_next(walk, value);
        return SH_OK;
    default:
        break;
    }
    state->is_present = true;
    switch (walk->aggregate->function) {
    case SH_FUNCTION_COUNT:
        add_count(walk);
        break;
    case SH_FUNCTION_DAYS: /* they descend */
        if (is_first || value != state->value) add_count(walk);
        state->value = value;
        break;
    case SH_FUNCTION_MIN:
        if (is_first || value < state->value) state->value = value;
        break;
    case SH_FUNCTION_MAX:
        if (is_first || value > state->value) state->value = value;
        walk->done = walk->aggregate->source == SH_SOURCE_TIME;
        break;
    case SH_FUNCTION_FIRST:
        state->value = value;
        break;
    default: /* LAST, DAYS_SINCE */
        state->value = value;
        walk->done = true;
        break;
    }
    return SH_OK;
}

static bool read_value(const struct walk *walk, struct sh_event_ref ref, int64_t *value) {
    const struct sh_aggregate *aggregate = walk->aggregate;
    *value = 0;
    switch (aggregate->source) {
    case SH_SOURCE_EVENT:
        return true;
    case SH_SOURCE_TIME:
        *value = sh_event_ref_time(ref);
        return true;
    case SH_SOURCE_DAY:
        *value = ref.cell->day;
        return true;
    case SH_SOURCE_ITEM:
        return sh_strip_get(&ref.cell->item, ref.row, value);
    case SH_SOURCE_AMOUNT:
        return sh_event_ref_amount(ref, value);
    case SH_SOURCE_PROPERTY:
        break;
    }
    if (!sh_event_ref_property(ref, aggregate->property, value)) return false;
    if (walk->ranks != NULL) *value = walk->ranks[*value];
    return true;
}

static enum sh_status walk_history(struct walk *walk, const struct sh_event_store *events, uint32_t slot,
                                   struct sh_error *err) {
    const struct sh_aggregate *aggregate = walk->aggregate;
    struct sh_event_ref ref;
    bool more = sh_event_history_first(events, slot, &ref);
    for (; more && !walk->done; more = sh_event_history_next(events, &ref)) {
        const int64_t time_ms = sh_event_ref_time(ref);
        if (time_ms < walk->from_ms) break;
        if (time_ms >= walk->until_ms || sh_event_ref_type(ref) != aggregate->event_type) continue;
        enum sh_status status;
        bool counts = true;
        int64_t value;
        if (aggregate->where != NULL && (status = sh_where_test(aggregate->where, ref, &counts, err)) != SH_OK)
            return status;
        if (!counts || !read_value(walk, ref, &value)) continue;
        walk->day = ref.cell->day;
        if ((status = add_older(walk, value, err)) != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status sh_aggregate_walk(const struct sh_plan *plan, const struct sh_aggregate *aggregate, uint32_t slot,
                                 struct sh_aggregate_state *state, struct sh_error *err) {
    const struct sh_event_store *events = plan->scope.events;
    struct walk walk = {.aggregate = aggregate,
                        .ranks = sh_aggregate_ranks(aggregate, events),
                        .from_ms = aggregate->from_ms,
                        .until_ms = aggregate->until_ms,
                        .is_counting = aggregate->function == SH_FUNCTION_NTH};
    enum sh_status status = SH_OK;
    if (aggregate->anchor != NULL)
        status = sh_anchor_cut(plan, aggregate->anchor, slot, &walk.from_ms, &walk.until_ms, err);
    if (status == SH_OK) status = walk_history(&walk, events, slot, err);
    if (status == SH_OK && walk.is_counting && walk.row_count >= (uint64_t)aggregate->nth) {
        walk.is_counting = false;
        walk.skip_count = walk.row_count - (uint64_t)aggregate->nth;
        status = walk_history(&walk, events, slot, err);
    }
    sh_pair_set_deinit(&walk.seen);
    *state = walk.state;
    return status;
}

enum sh_status sh_aggregate_test(const struct sh_plan *plan, const struct sh_aggregate *aggregate, uint32_t slot,
                                 bool *holds, struct sh_error *err) {
    struct sh_aggregate_state state;
    const enum sh_status status = sh_aggregate_walk(plan, aggregate, slot, &state, err);
    *holds = status == SH_OK && sh_aggregate_holds(aggregate, &state);
    return status;
}
