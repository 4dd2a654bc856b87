/* retention_property.c -- cohorts, returns and activity of random shops, over several blocks and through changes of
 * clocks, against loops over everybody's events by hand.
 *
 * Run: retention_property [SEED [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audience_retention.h"
#include "memory.h"
#include "query_world.h"

enum { PERIODS_MAX = 40, DAYS_MAX = 4000, TEXT_BYTES = 65536, PURCHASE = 1 };
#define NEVER INT64_MAX

static uint64_t round_seed;
static struct world world;
static struct sh_arena arena;

static void must(bool condition, const char *what) {
    if (condition) return;
    (void)printf("reproduce: retention_property %llu 1: %s\n", (unsigned long long)round_seed, what);
    exit(1);
}

static struct sh_node *checked(struct sh_text words) {
    struct sh_node *tree;
    must(sh_query_parse(words, &arena, &tree, NULL) == SH_OK, "parse");
    must(sh_query_check(&tree, &world.scope, &arena, NULL) == SH_OK, "check");
    return tree;
}

static struct sh_plan *make_plan(void) {
    struct sh_buffer text;
    struct sh_plan *plan;
    sh_buffer_init(&text, TEXT_BYTES);
    if (!split_one_in(&world.random, 3)) world_expression(&world, false, 1, &text);
    sh_buffer_append(&text, "true", text.count == 0 ? 4 : 0);
    struct sh_node *tree = checked((struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    must(sh_query_plan(tree, &world.scope, &arena, &plan, NULL) == SH_OK, "plan");
    sh_buffer_deinit(&text);
    return plan;
}

/* Events of a type; purchases perhaps of an amount above 5 alone. */
static void choose_events(struct sh_retention_events *events) {
    *events = (struct sh_retention_events){.event_type = (uint32_t)split_below(&world.random, 3)};
    if (events->event_type != PURCHASE || split_one_in(&world.random, 2)) return;
    const struct sh_node *tree = checked(SH_TEXT_LITERAL("did(purchase where amount > 5)"));
    must(sh_where_build(tree->operand.where, &world.scope, PURCHASE, &arena, &events->where, NULL) == SH_OK, "where");
}

static bool counts(const struct sh_retention_events *events, const struct twin_event *event) {
    if (event->type != events->event_type) return false;
    return events->where == NULL || (event->amount.is_present && event->amount.number > 500);
}

/* ---- By hand ---- */

struct grid {
    int64_t starts[PERIODS_MAX + 1];
    uint64_t among;
    uint64_t cohorts[PERIODS_MAX];
    uint64_t returned[PERIODS_MAX][PERIODS_MAX];
    uint64_t active[PERIODS_MAX];
    uint64_t user_days[PERIODS_MAX];
    uint64_t again[DAYS_MAX];
};
static struct grid grid;

static void find_starts(const struct sh_retention_spec *spec) {
    for (uint32_t i = 0; i < spec->period_count; i++) {
        const struct sh_window window = {
            .kind = SH_WINDOW_CALENDAR, .unit = spec->unit, .count = spec->period_count - i};
        sh_query_window(&window, &world.scope, &grid.starts[i], &grid.starts[spec->period_count]);
    }
}

static uint32_t period_at(const struct sh_retention_spec *spec, int64_t time_ms) {
    uint32_t period = 0;
    while (period + 1 < spec->period_count && time_ms >= grid.starts[period + 1])
        period++;
    return period;
}

static void count_user(const struct sh_retention_spec *spec, uint32_t slot) {
    static bool day_seen[DAYS_MAX];
    bool returned[PERIODS_MAX] = {false};
    bool active[PERIODS_MAX] = {false};
    const struct twin *twin = &world.twin;
    const int64_t end_ms = grid.starts[spec->period_count];
    int64_t first_ms = NEVER;
    int64_t again_ms = NEVER;
    memset(day_seen, 0, sizeof day_seen);
    for (uint32_t i = twin->first_event[slot]; i != 0; i = twin->events[i].next)
        if (counts(&spec->first, &twin->events[i]) && twin->events[i].time_ms < first_ms)
            first_ms = twin->events[i].time_ms;
    const bool has_cohort = first_ms >= grid.starts[0] && first_ms < end_ms;
    const uint32_t cohort = has_cohort ? period_at(spec, first_ms) : 0;
    grid.cohorts[cohort] += has_cohort;
    for (uint32_t i = twin->first_event[slot]; i != 0; i = twin->events[i].next) {
        const int64_t time_ms = twin->events[i].time_ms;
        if (!counts(&spec->again, &twin->events[i]) || time_ms < grid.starts[0] || time_ms >= end_ms) continue;
        const uint32_t period = period_at(spec, time_ms);
        const int32_t day = sh_zone_day(world.zone, time_ms) - sh_zone_day(world.zone, grid.starts[0]);
        must(day >= 0 && day < DAYS_MAX, "a day of the periods");
        grid.user_days[period] += !day_seen[day];
        grid.active[period] += !active[period];
        day_seen[day] = active[period] = true;
        if (!has_cohort || time_ms <= first_ms) continue;
        grid.returned[cohort][period] += !returned[period];
        returned[period] = true;
        if (time_ms < again_ms) again_ms = time_ms;
    }
    if (again_ms != NEVER) grid.again[(again_ms - first_ms) / SH_DAY_MS]++;
}

static void count_by_hand(const struct sh_retention_spec *spec) {
    memset(&grid, 0, sizeof grid);
    find_starts(spec);
    for (uint32_t slot = 0; slot < sh_table_slot_end(world.users); slot++) {
        bool holds;
        if (sh_table_id(world.users, slot).count == 0) continue;
        must(sh_plan_test(spec->among, slot, &holds, NULL) == SH_OK, "test");
        if (!holds) continue;
        grid.among++;
        count_user(spec, slot);
    }
}

/* ---- Against each other ---- */

static enum sh_status run(const struct sh_retention_spec *spec, struct sh_retention **retention) {
    bool done = false;
    enum sh_status status = sh_retention_create(spec, retention, NULL);
    while (status == SH_OK && !done)
        status = sh_retention_step(*retention, 1 + (uint32_t)split_below(&world.random, 9), &done, NULL);
    return status;
}

static void compare(const struct sh_retention *retention, const struct sh_retention_spec *spec) {
    must(sh_retention_among(retention) == grid.among, "among");
    for (uint32_t i = 0; i < spec->period_count; i++) {
        must(sh_retention_cohort(retention, i) == grid.cohorts[i], "a cohort");
        must(sh_retention_active(retention, i) == grid.active[i], "active users");
        must(sh_retention_user_days(retention, i) == grid.user_days[i], "active days");
        for (uint32_t period = 0; period < spec->period_count; period++)
            must(sh_retention_returned(retention, i, period) == grid.returned[i][period], "who returned");
    }
    for (uint32_t days = 0; days < DAYS_MAX; days++)
        must((days < sh_retention_again_count(retention) ? sh_retention_again(retention, days) : 0) == grid.again[days],
             "days to the first return");
}

static void one_round(void) {
    static const enum sh_unit units[] = {SH_UNIT_DAY, SH_UNIT_WEEK, SH_UNIT_MONTH};
    struct sh_retention_spec spec = {.among = make_plan(), .unit = units[split_below(&world.random, 3)]};
    struct sh_retention *retention;
    spec.period_count = 1 + (uint32_t)split_below(&world.random, PERIODS_MAX);
    choose_events(&spec.first);
    spec.again = spec.first;
    if (!split_one_in(&world.random, 3)) choose_events(&spec.again);
    must(run(&spec, &retention) == SH_OK, "run");
    count_by_hand(&spec);
    compare(retention, &spec);
    sh_retention_destroy(retention);
    for (uint64_t n = 0; n < 9; n++) {
        sh_memory_fail_after(n);
        const enum sh_status status = run(&spec, &retention);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        must(status == SH_OK || (failed && status == SH_ERR_MEMORY), "only a failed allocation fails");
        sh_retention_destroy(retention);
    }
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 40;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    for (uint64_t i = 0; i < rounds; i++) {
        round_seed = seed + i;
        const struct world_options options = {.seed = round_seed,
                                              .user_count =
                                                  i % 8 == 7 ? 150000 : 1 + (uint32_t)(round_seed * 977 % 5000),
                                              .item_count = 40,
                                              .event_count = i % 2 == 0 ? 3000 : 40000,
                                              .forget_one_in = i % 3 == 0 ? 20 : 0};
        world_create(&world, &options);
        for (uint32_t question = 0; question < 8; question++) {
            one_round();
            sh_arena_reset(&arena);
        }
        world_destroy(&world);
    }
    sh_arena_deinit(&arena);
    (void)printf("retention_property: seeds %llu to %llu: alike\n", (unsigned long long)seed,
                 (unsigned long long)(seed + rounds - 1));
    return 0;
}
