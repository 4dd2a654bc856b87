#include "audience_retention.h"

#include <string.h>

#include "memory.h"

enum {
    NO_COHORT = UINT16_MAX,
    NOT_SEEN = UINT16_MAX,
    BLOCKS_OF_WORK = 3, /* a block takes about as long as so many of a plain audience: the server counts in those */
};
#define NEVER INT64_MAX

/* A user of the block at hand who did anything in the periods. */
struct person {
    int64_t first_ms; /* NEVER: no first event yet; SH_INSTANT_MIN: before the periods */
    int64_t again_ms; /* the earliest return; NEVER */
    uint16_t slot_low;
    uint16_t cohort;        /* NO_COHORT: before the periods */
    uint16_t returned;      /* the period of the latest return that was counted */
    uint16_t active_period; /* of the latest return event that was counted as activity */
    uint16_t active_day;    /* the same, by the day's place in the walk */
};

struct sh_retention {
    struct sh_retention_spec spec;
    const struct sh_event_store *events;
    bool same_events; /* first and again are one question: their cells are walked once */
    uint32_t block;   /* the next one */
    uint32_t block_count;
    uint64_t among;
    int64_t until_ms;
    int64_t *starts; /* of the periods */
    uint64_t *cohorts;
    uint64_t *returned; /* [cohort * period_count + period] */
    uint64_t *active;
    uint64_t *user_days;
    uint64_t *again; /* by days */
    uint32_t again_count;
    uint64_t candidates[SH_BLOCK_WORDS];
    uint64_t mask[SH_WHERE_WORDS];
    uint64_t more[SH_WHERE_WORDS];
    uint16_t rows[SH_WHERE_ROWS];
    uint8_t known[SH_BLOCK_SLOTS]; /* 1: had a first event before the periods */
    /* Slot s is in people if and only if person_of[s] < person_count and people[person_of[s]].slot_low == s; so nothing
     * is cleared between blocks, and a block costs the people who did something, not its 65,536 slots. */
    uint32_t person_count;
    uint16_t person_of[SH_BLOCK_SLOTS];
    struct person people[SH_BLOCK_SLOTS];
};

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while counting retention");
}

/* ---- Life ---- */

static bool allocate(struct sh_retention *retention) {
    const size_t count = retention->spec.period_count;
    retention->starts = sh_alloc_zero((count + 1) * sizeof *retention->starts);
    retention->cohorts = sh_alloc_zero(count * sizeof *retention->cohorts);
    retention->returned = sh_alloc_zero(count * count * sizeof *retention->returned);
    retention->active = sh_alloc_zero(count * sizeof *retention->active);
    retention->user_days = sh_alloc_zero(count * sizeof *retention->user_days);
    return retention->starts != NULL && retention->cohorts != NULL && retention->returned != NULL &&
           retention->active != NULL && retention->user_days != NULL;
}

static void find_periods(struct sh_retention *retention) {
    const struct sh_query_scope *scope = &retention->spec.among->scope;
    for (uint32_t i = 0; i < retention->spec.period_count; i++) {
        const struct sh_window window = {
            .kind = SH_WINDOW_CALENDAR, .unit = retention->spec.unit, .count = retention->spec.period_count - i};
        sh_query_window(&window, scope, &retention->starts[i], &retention->until_ms);
    }
    retention->starts[retention->spec.period_count] = retention->until_ms;
}

enum sh_status sh_retention_create(const struct sh_retention_spec *spec, struct sh_retention **created,
                                   struct sh_error *err) {
    sh_assert(spec->period_count >= 1 && spec->period_count <= SH_RETENTION_PERIOD_COUNT_MAX);
    *created = NULL;
    struct sh_retention *retention = sh_alloc_zero(sizeof *retention);
    if (retention == NULL) return fail_memory(err);
    retention->spec = *spec;
    retention->events = spec->among->scope.events;
    retention->block_count = sh_plan_block_count(spec->among);
    retention->same_events = spec->first.event_type == spec->again.event_type && spec->first.where == spec->again.where;
    bool ok = allocate(retention);
    if (ok) {
        find_periods(retention);
        /* A return lies at most as far behind the first event as now behind the first period. */
        retention->again_count = (uint32_t)((retention->until_ms - retention->starts[0]) / SH_DAY_MS) + 1;
        retention->again = sh_alloc_zero(retention->again_count * sizeof *retention->again);
        ok = retention->again != NULL;
    }
    if (!ok) {
        sh_retention_destroy(retention);
        return fail_memory(err);
    }
    *created = retention;
    return SH_OK;
}

void sh_retention_destroy(struct sh_retention *retention) {
    if (retention == NULL) return;
    sh_free(retention->starts);
    sh_free(retention->cohorts);
    sh_free(retention->returned);
    sh_free(retention->active);
    sh_free(retention->user_days);
    sh_free(retention->again);
    sh_free(retention);
}

/* ---- Walking the cells of a block ---- */

/* The place of a day's first instant among the periods; NO_COHORT before them. `period` is where the day before was. */
static uint16_t period_of(const struct sh_retention *retention, int64_t day_start_ms, uint16_t period) {
    if (day_start_ms < retention->starts[0]) return NO_COHORT;
    if (period == NO_COHORT) period = 0;
    while (period + 1u < retention->spec.period_count && day_start_ms >= retention->starts[period + 1])
        period++;
    return period;
}

/* The rows of a chunk that count, listed in retention->rows; *all: every row does, and nothing is listed. */
static enum sh_status list_rows(struct sh_retention *retention, const struct sh_event_cells *cells,
                                const struct sh_where *where, uint32_t first, uint32_t count, uint32_t *row_count,
                                bool *all, struct sh_error *err) {
    const struct sh_event_cell *cell = cells->cell;
    const uint32_t word_count = (count + 63) / 64;
    const bool is_whole = cells->verdict == SH_VERDICT_ALL;
    *row_count = count;
    *all = is_whole && where == NULL;
    if (*all) return SH_OK;
    if (!is_whole) {
        const struct sh_strip times = sh_cell_times(cell);
        sh_strip_range(&times, first, count, cell->day_start_ms + cells->ms_low, cell->day_start_ms + cells->ms_high,
                       retention->mask);
    }
    if (where != NULL) {
        uint64_t *kept = is_whole ? retention->mask : retention->more;
        const enum sh_status status = sh_where_rows(where, cell, first, count, kept, err);
        if (status != SH_OK) return status;
        if (!is_whole) sh_bits->and_into(retention->mask, kept, word_count);
    }
    *row_count = (uint32_t)sh_bits->list_u16(retention->mask, word_count, retention->rows);
    return SH_OK;
}

/* Where a chunk lies: the period of its day, and the day's place in the walk. */
struct place {
    uint16_t period;
    uint16_t day;
};

typedef void (*row_step)(struct sh_retention *retention, const struct sh_event_cell *cell, uint32_t first,
                         uint32_t row_count, bool all, struct place place);

static enum sh_status walk_cell(struct sh_retention *retention, const struct sh_event_cells *cells,
                                const struct sh_where *where, row_step step, struct place place, struct sh_error *err) {
    const struct sh_event_cell *cell = cells->cell;
    for (uint32_t first = 0; first < cell->row_count; first += SH_WHERE_ROWS) {
        const uint32_t left = cell->row_count - first;
        uint32_t row_count;
        bool all;
        const enum sh_status status = list_rows(retention, cells, where, first,
                                                left < SH_WHERE_ROWS ? left : SH_WHERE_ROWS, &row_count, &all, err);
        if (status != SH_OK) return status;
        step(retention, cell, first, row_count, all, place);
    }
    return SH_OK;
}

/* Each cell of the window, by step and then, if there is one, by `then`. */
static enum sh_status walk(struct sh_retention *retention, const struct sh_retention_events *asked, int64_t from_ms,
                           int64_t until_ms, row_step step, row_step then, struct sh_error *err) {
    struct sh_event_cells cells;
    struct place place = {.period = NO_COHORT, .day = 0};
    sh_event_cells_begin(&cells, sh_event_type(retention->events, asked->event_type), retention->block, from_ms,
                         until_ms);
    while (sh_event_cells_next(&cells)) {
        place.period = period_of(retention, cells.cell->day_start_ms, place.period);
        enum sh_status status = walk_cell(retention, &cells, asked->where, step, place, err);
        if (status == SH_OK && then != NULL) status = walk_cell(retention, &cells, asked->where, then, place, err);
        if (status != SH_OK) return status;
        place.day++;
    }
    return SH_OK;
}

static bool is_candidate(const struct sh_retention *retention, uint32_t slot) {
    return retention->candidates[slot / 64] >> (slot % 64) & 1;
}

static struct person *find_or_make_person(struct sh_retention *retention, uint16_t slot) {
    const uint32_t place = retention->person_of[slot];
    if (place < retention->person_count && retention->people[place].slot_low == slot) return &retention->people[place];
    struct person *person = &retention->people[retention->person_count];
    *person = (struct person){.first_ms = retention->known[slot] ? SH_INSTANT_MIN : NEVER,
                              .again_ms = NEVER,
                              .slot_low = slot,
                              .cohort = NO_COHORT,
                              .returned = NOT_SEEN,
                              .active_period = NOT_SEEN,
                              .active_day = NOT_SEEN};
    retention->person_of[slot] = (uint16_t)retention->person_count++;
    return person;
}

/* ---- First events ---- */

/* Before the periods it does not matter when: 2 bytes an event are read, and a byte a user is written. */
static void take_known(struct sh_retention *retention, const struct sh_event_cell *cell, uint32_t first,
                       uint32_t row_count, bool all, struct place place) {
    const uint16_t *slots = cell->slot_low + first;
    (void)place;
    for (uint32_t i = 0; i < row_count; i++)
        retention->known[slots[all ? i : retention->rows[i]]] = 1;
}

static void take_firsts(struct sh_retention *retention, const struct sh_event_cell *cell, uint32_t first,
                        uint32_t row_count, bool all, struct place place) {
    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t row = first + (all ? i : retention->rows[i]);
        const uint16_t slot = cell->slot_low[row];
        if (retention->known[slot] || !is_candidate(retention, slot)) continue;
        struct person *person = find_or_make_person(retention, slot);
        const int64_t time_ms = cell->day_start_ms + (int64_t)cell->ms[row];
        if (time_ms >= person->first_ms) continue; /* days ascend, rows of a day do not */
        person->first_ms = time_ms;
        person->cohort = place.period;
    }
}

/* ---- Returns ---- */

static void count_return(struct sh_retention *retention, struct person *person, int64_t time_ms, uint16_t period) {
    if (person->cohort == NO_COHORT || time_ms <= person->first_ms) return;
    if (time_ms < person->again_ms) person->again_ms = time_ms;
    if (person->returned == period) return;
    person->returned = period;
    retention->returned[person->cohort * retention->spec.period_count + period]++;
}

static void take_returns(struct sh_retention *retention, const struct sh_event_cell *cell, uint32_t first,
                         uint32_t row_count, bool all, struct place place) {
    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t row = first + (all ? i : retention->rows[i]);
        const uint16_t slot = cell->slot_low[row];
        if (!is_candidate(retention, slot)) continue;
        struct person *person = find_or_make_person(retention, slot);
        count_return(retention, person, cell->day_start_ms + (int64_t)cell->ms[row], place.period);
        if (person->active_day == place.day) continue;
        person->active_day = place.day;
        retention->user_days[place.period]++;
        if (person->active_period == place.period) continue;
        person->active_period = place.period;
        retention->active[place.period]++;
    }
}

/* ---- A block ---- */

static void count_people(struct sh_retention *retention) {
    for (uint32_t i = 0; i < retention->person_count; i++) {
        const struct person *person = &retention->people[i];
        if (person->cohort == NO_COHORT) continue;
        retention->cohorts[person->cohort]++;
        if (person->again_ms != NEVER) retention->again[(person->again_ms - person->first_ms) / SH_DAY_MS]++;
    }
}

static enum sh_status run_block(struct sh_retention *retention, struct sh_error *err) {
    const uint64_t *words;
    uint32_t count;
    enum sh_status status = sh_plan_run_block(retention->spec.among, retention->block, &words, &count, err);
    if (status != SH_OK || count == 0) return status;
    retention->among += count;
    memcpy(retention->candidates, words, SH_BLOCK_BYTES);
    const struct sh_retention_events *first = &retention->spec.first;
    const int64_t start_ms = retention->starts[0];
    const int64_t until_ms = retention->until_ms;
    memset(retention->known, 0, sizeof retention->known);
    retention->person_count = 0;
    if ((status = walk(retention, first, SH_INSTANT_MIN, start_ms, take_known, NULL, err)) != SH_OK) return status;
    /* All first events of a day before its first return: a day's rows are in any order, days are not. */
    status = walk(retention, first, start_ms, until_ms, take_firsts, retention->same_events ? take_returns : NULL, err);
    if (status == SH_OK && !retention->same_events)
        status = walk(retention, &retention->spec.again, start_ms, until_ms, take_returns, NULL, err);
    if (status == SH_OK) count_people(retention);
    return status;
}

enum sh_status sh_retention_step(struct sh_retention *retention, uint32_t block_count, bool *done,
                                 struct sh_error *err) {
    for (uint32_t left = block_count; left > 0 && retention->block < retention->block_count;
         left -= left < BLOCKS_OF_WORK ? left : BLOCKS_OF_WORK, retention->block++) {
        const enum sh_status status = run_block(retention, err);
        if (status != SH_OK) return status;
    }
    *done = retention->block >= retention->block_count;
    return SH_OK;
}

/* ---- The answer ---- */

uint64_t sh_retention_among(const struct sh_retention *retention) {
    return retention->among;
}

int32_t sh_retention_period_day(const struct sh_retention *retention, uint32_t period) {
    return sh_zone_day(retention->spec.among->scope.zone, retention->starts[period]);
}

uint32_t sh_retention_period_days(const struct sh_retention *retention, uint32_t period) {
    const struct sh_zone *zone = retention->spec.among->scope.zone;
    return (uint32_t)(sh_zone_day(zone, retention->starts[period + 1] - 1) -
                      sh_zone_day(zone, retention->starts[period]) + 1);
}

uint64_t sh_retention_cohort(const struct sh_retention *retention, uint32_t cohort) {
    return retention->cohorts[cohort];
}

uint64_t sh_retention_returned(const struct sh_retention *retention, uint32_t cohort, uint32_t period) {
    return retention->returned[cohort * retention->spec.period_count + period];
}

uint32_t sh_retention_again_count(const struct sh_retention *retention) {
    return retention->again_count;
}

uint64_t sh_retention_again(const struct sh_retention *retention, uint32_t days) {
    return retention->again[days];
}

uint64_t sh_retention_active(const struct sh_retention *retention, uint32_t period) {
    return retention->active[period];
}

uint64_t sh_retention_user_days(const struct sh_retention *retention, uint32_t period) {
    return retention->user_days[period];
}
