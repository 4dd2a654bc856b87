/* feed_due.c -- the feature "due": what the user buys again and again, when it is time again.
 *
 *   purchases of coffee   1 Mar    15 Mar    29 Mar          now 12 Apr: a gap of 14 days, and 14 days since: 1 gap
 *
 *   how due it is   1 |        ______                 from half a gap on, full from one gap to one and a half (people
 *                     |      /        \               are late more often than early), and after three gaps the user
 *                   0 |____/            \_____        has stopped
 *                     0   .5   1   1.5     3   gaps since the last
 *
 * By the values of one attribute of items, a category say: a value that the user bought on two different local days or
 * more has a gap, the time from the first of these days to the last by the number of days less one (the mean time
 * between, as expected_next(...) has it). Items of the value that the user has bought get weight * due, others of it half
 * as much. What is due is not held back for having been bought: that is the point.
 *
 * The history is read as far as SH_FEED_HISTORY_COUNT_MAX events back, once a request; the DUE_COUNT_MAX most due values
 * count.
 */
#include "calendar.h"
#include "feed_feature.h"

enum { DUE_COUNT_MAX = 16 };

/* A value of the attribute that was bought. */
struct habit {
    int64_t code;
    int64_t last_ms;
    int32_t first_day;
    int32_t last_day;
    int32_t seen_day; /* the earliest so far: the walk goes back in time */
    uint32_t day_count;
    double due;
};

struct due_state {
    struct habit habits[DUE_COUNT_MAX];
    uint32_t count;
    struct feed_sparse bought; /* items, as a set */
};

/* ---- The history ---- */

struct collecting {
    struct feed_run *run;
    struct feed_sparse places; /* of codes in habits */
    struct habit *habits;
    struct due_state *state;
};

static bool value_of(const struct feed_run *run, uint32_t item, int64_t *code) {
    return sh_table_get(run->model->scope.items, item, (uint32_t)run->model->config.due_attribute, code);
}

static void note_purchase(struct collecting *collecting, uint32_t item, int64_t time_ms) {
    int64_t code;
    if (!value_of(collecting->run, item, &code)) return;
    const int32_t day = sh_zone_day(sh_event_store_zone(collecting->run->model->scope.events), time_ms);
    const uint32_t place = feed_sparse_place(&collecting->places, (uint32_t)code);
    if (place == collecting->places.count) {
        feed_sparse_add(&collecting->places, (uint32_t)code, 0);
        collecting->habits[place] = (struct habit){
            .code = code, .last_ms = time_ms, .first_day = day, .last_day = day, .seen_day = day, .day_count = 1};
    }
    struct habit *habit = &collecting->habits[place];
    habit->day_count += habit->seen_day != day;
    habit->seen_day = day;
    habit->first_day = day;
    feed_sparse_add(&collecting->state->bought, item, 0);
}

static double due_of(const struct habit *habit, int64_t now_ms) {
    if (habit->day_count < 2) return 0;
    const double gap_ms = (double)(habit->last_day - habit->first_day) * (double)SH_DAY_MS / (habit->day_count - 1);
    const double gaps = (double)(now_ms - habit->last_ms) / gap_ms;
    if (gaps <= 0.5 || gaps >= 3.0) return 0;
    if (gaps < 1.0) return (gaps - 0.5) / 0.5;
    return gaps <= 1.5 ? 1.0 : (3.0 - gaps) / 1.5;
}

static void keep_most_due(struct collecting *collecting) {
    struct due_state *state = collecting->state;
    for (uint32_t i = 0; i < collecting->places.count; i++) {
        struct habit habit = collecting->habits[i];
        habit.due = due_of(&habit, collecting->run->request->now_ms);
        if (habit.due == 0) continue;
        uint32_t at = state->count < DUE_COUNT_MAX ? state->count++ : DUE_COUNT_MAX;
        for (; at > 0 && (state->habits[at - 1].due < habit.due ||
                          (state->habits[at - 1].due == habit.due && state->habits[at - 1].last_ms < habit.last_ms));
             at--)
            if (at < DUE_COUNT_MAX) state->habits[at] = state->habits[at - 1];
        if (at < DUE_COUNT_MAX) state->habits[at] = habit;
    }
}

static double due_of_item(const struct feed_run *run, const struct due_state *state, uint32_t item) {
    int64_t code;
    if (state->count == 0 || !value_of(run, item, &code)) return 0;
    for (uint32_t i = 0; i < state->count; i++)
        if (state->habits[i].code == code) return state->habits[i].due;
    return 0;
}

/* Items that are due and were bought, and are held back for nothing else. */
static void release_held(struct feed_run *run, const struct due_state *state) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < run->held_count; i++) {
        struct held_item held = run->held[i];
        if (due_of_item(run, state, held.item) > 0) held.rules &= ~(1u << SH_FEED_BOUGHT);
        if (held.rules != 0) run->held[kept++] = held;
    }
    run->held_count = kept;
}

static enum sh_status begin(struct feed_run *run, void *pointer) {
    struct due_state *state = pointer;
    struct collecting collecting = {.run = run, .state = state};
    const struct sh_event_store *events = run->model->scope.events;
    const uint32_t user = run->request->user;
    struct sh_event_ref ref;
    enum sh_status status;
    if ((status = feed_sparse_init(&state->bought, SH_FEED_HISTORY_COUNT_MAX, run->arena)) != SH_OK) return status;
    if (run->model->config.due_attribute < 0 || user == SH_SLOT_NONE) return SH_OK;
    if (!sh_event_history_first(events, user, &ref)) return SH_OK;
    status = feed_sparse_init(&collecting.places, SH_FEED_HISTORY_COUNT_MAX, run->arena);
    collecting.habits = sh_arena_alloc(run->arena, SH_FEED_HISTORY_COUNT_MAX * sizeof *collecting.habits);
    if (status != SH_OK || collecting.habits == NULL) return SH_ERR_LIMIT;
    bool more = true;
    for (uint32_t walked = 0; more && walked < SH_FEED_HISTORY_COUNT_MAX; walked++) {
        const uint32_t item = sh_event_ref_item(ref);
        const int64_t time_ms = sh_event_ref_time(ref);
        if (item != SH_NO_ITEM && time_ms <= run->request->now_ms &&
            sh_feed_weight(run->model, sh_event_ref_type(ref)).is_bought)
            note_purchase(&collecting, item, time_ms);
        more = sh_event_history_next(events, &ref);
    }
    keep_most_due(&collecting);
    release_held(run, state);
    return SH_OK;
}

/* ---- Values ---- */

static double value(const struct feed_run *run, const void *pointer, uint32_t item) {
    const struct due_state *state = pointer;
    const double due = due_of_item(run, state, item);
    if (due == 0) return 0;
    const bool is_bought = feed_sparse_place(&state->bought, item) != state->bought.count;
    return run->weights[SH_FEED_DUE] * (is_bought ? due : due / 2);
}

static void add_block(const struct feed_run *run, const void *pointer, const struct feed_block *block) {
    const struct due_state *state = pointer;
    if (state->count == 0) return;
    for (uint32_t w = 0; w < block->place_count / 64; w++)
        for (uint64_t word = block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            block->sums[place] += value(run, pointer, block->first + place);
        }
}

static bool is_silent(const void *state) {
    return ((const struct due_state *)state)->count == 0;
}

static uint32_t sources(const struct feed_run *run, const void *state, uint32_t item, double sum) {
    (void)run;
    (void)state;
    (void)item;
    return sum > 0 ? 1u << SH_FEED_SOURCE_DUE : 0;
}

static void explain(const struct feed_run *run, const void *state, uint32_t item, double sum,
                    struct feed_reasons *reasons) {
    const struct sh_attribute *attribute =
        sh_table_attribute(run->model->scope.items, (uint32_t)run->model->config.due_attribute);
    const uint32_t before = reasons->count;
    int64_t code;
    (void)state;
    feed_reason_add(reasons, "due", sum);
    if (reasons->count == before || !value_of(run, item, &code)) return;
    reasons->list[before].name = sh_attribute_text(attribute, (uint32_t)code);
    reasons->list[before].group = attribute->name;
}

const struct feed_feature feed_due = {
    .name = "due",
    .weight = 1,
    .state_bytes = sizeof(struct due_state),
    .begin = begin,
    .value = value,
    .add_block = add_block,
    .is_silent = is_silent,
    .sources = sources,
    .explain = explain,
};
