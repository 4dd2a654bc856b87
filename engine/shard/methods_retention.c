/* methods_retention.c -- audience.retention: cohorts by the first event, and who of them came back when.
 *
 * A part: {among, period, starts: ["2026-01-05", ...], days: [n, ...], cohorts: [n, ...], returned: [n, ...] (cohort
 *          after cohort, each from its own period on), again: [n, ...] by days, active: [n, ...], user_days: [n, ...]}
 */
#include <stdio.h>

#include "audience_retention.h"
#include "event_clause.h"
#include "memory.h"
#include "part_answer.h"

enum {
    RETENTION_FIRST,
    RETENTION_RETURN,
    RETENTION_PERIOD,
    RETENTION_PERIODS,
    RETENTION_AMONG,
    RETENTION_NOW,
    RETENTION_TIMEOUT,
    RETENTION_PARAM_COUNT
};
static const char *const words[RETENTION_PARAM_COUNT] = {"first", "return", "period",    "periods",
                                                         "among", "now",    "timeout_ms"};

struct state {
    struct sh_retention_spec spec;
    struct sh_retention *retention;
};

/* ---- The question ---- */

static enum sh_status read_events(struct sh_job *job, const struct sh_param *param, const char *name,
                                  struct sh_retention_events *events, struct sh_error *err) {
    struct sh_text written = {0};
    struct sh_node *tree;
    enum sh_status status = sh_param_text(param, name, &written, err);
    if (status == SH_OK) status = sh_event_clause_read(written, name, &job->scope, &job->arena, &tree, err);
    if (status != SH_OK) return status;
    events->event_type = tree->operand.event_type;
    if (tree->operand.where == NULL) return SH_OK;
    return sh_where_build(tree->operand.where, &job->scope, events->event_type, &job->arena, &events->where, err);
}

static enum sh_status read_periods(const struct sh_param *params, struct sh_retention_spec *spec,
                                   struct sh_error *err) {
    static const struct {
        const char *word;
        enum sh_unit unit;
    } units[] = {{"day", SH_UNIT_DAY}, {"week", SH_UNIT_WEEK}, {"month", SH_UNIT_MONTH}};
    int64_t count = SH_RETENTION_PERIOD_COUNT_DEFAULT;
    struct sh_text word = SH_TEXT_LITERAL("week");
    enum sh_status status = sh_param_text(&params[RETENTION_PERIOD], "period", &word, err);
    if (status != SH_OK) return status;
    spec->unit = SH_UNIT_NONE;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (sh_text_equal(word, sh_text_of(units[i].word))) spec->unit = units[i].unit;
    if (spec->unit == SH_UNIT_NONE)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`period` is day, week or month, not `%.*s`",
                       (int)(word.count < 80 ? word.count : 80), word.bytes);
    status = sh_param_integer(&params[RETENTION_PERIODS], "periods", 1, SH_RETENTION_PERIOD_COUNT_MAX, &count, err);
    spec->period_count = (uint32_t)count;
    return status;
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    enum sh_status status;
    struct state *state = job->state;
    struct sh_retention_spec *spec = &state->spec;
    if ((status = sh_param_require(&params[RETENTION_FIRST], "first", err)) != SH_OK) return status;
    if ((status = sh_job_read_now(job, call, &params[RETENTION_NOW], &params[RETENTION_TIMEOUT], err)) != SH_OK)
        return status;
    if ((status = read_events(job, &params[RETENTION_FIRST], "first", &spec->first, err)) != SH_OK) return status;
    spec->again = spec->first;
    if (sh_param_given(&params[RETENTION_RETURN])) {
        spec->again.where = NULL;
        if ((status = read_events(job, &params[RETENTION_RETURN], "return", &spec->again, err)) != SH_OK) return status;
    }
    if ((status = read_periods(params, spec, err)) != SH_OK) return status;
    if ((status = sh_plan_among(job, &params[RETENTION_AMONG], err)) != SH_OK) return status;
    spec->among = job->plan;
    return sh_retention_create(spec, &state->retention, err);
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    return sh_retention_step(((struct state *)job->state)->retention, block_count, done, err);
}

static void release(struct sh_job *job) {
    sh_retention_destroy(((struct state *)job->state)->retention);
}

enum sh_status sh_handle_audience_retention(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_retention_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    static const struct sh_param_names names = {words, RETENTION_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static void pack_numbers(const char *name, const struct sh_retention *retention, uint32_t count,
                         uint64_t (*number)(const struct sh_retention *, uint32_t), msgpack_packer *packer) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        (void)msgpack_pack_uint64(packer, number(retention, i));
}

static void pack_periods(const struct state *state, msgpack_packer *packer) {
    const uint32_t count = state->spec.period_count;
    sh_pack_literal(packer, "starts");
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        const struct sh_date date = sh_date_from_day(sh_retention_period_day(state->retention, i));
        (void)snprintf(text, sizeof text, "%04d-%02d-%02d", (int)date.year, (int)date.month, (int)date.day);
        sh_pack_literal(packer, text);
    }
    sh_pack_literal(packer, "days");
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        (void)msgpack_pack_uint32(packer, sh_retention_period_days(state->retention, i));
}

static const char *period_word(enum sh_unit unit) {
    return unit == SH_UNIT_DAY ? "day" : unit == SH_UNIT_WEEK ? "week" : "month";
}

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    const struct sh_retention *retention = state->retention;
    const uint32_t count = state->spec.period_count;
    msgpack_packer packer;
    (void)err;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 10);
    sh_pack_literal(&packer, "among");
    (void)msgpack_pack_uint64(&packer, sh_retention_among(retention));
    sh_pack_literal(&packer, "period");
    sh_pack_literal(&packer, period_word(state->spec.unit));
    pack_periods(state, &packer);
    pack_numbers("cohorts", retention, count, sh_retention_cohort, &packer);
    sh_pack_literal(&packer, "returned");
    (void)msgpack_pack_array(&packer, (size_t)count * (count + 1) / 2);
    for (uint32_t cohort = 0; cohort < count; cohort++)
        for (uint32_t period = cohort; period < count; period++)
            (void)msgpack_pack_uint64(&packer, sh_retention_returned(retention, cohort, period));
    pack_numbers("again", retention, sh_retention_again_count(retention), sh_retention_again, &packer);
    pack_numbers("active", retention, count, sh_retention_active, &packer);
    pack_numbers("user_days", retention, count, sh_retention_user_days, &packer);
    return SH_OK;
}

/* ---- The answer ---- */

/* The sums of an array of numbers that all parts have, and how many they are; NULL if memory is out. */
static uint64_t *sum_numbers(const struct sh_answer_map *maps, uint32_t part_count, const char *name, uint32_t *count) {
    struct sh_answer_list list;
    sh_answer_list_begin(&list, sh_answer_map_find(&maps[0], name));
    *count = list.left;
    uint64_t *sums = sh_alloc_zero(((size_t)*count + 1) * sizeof *sums);
    for (uint32_t i = 0; i < part_count && sums != NULL; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], name));
        sh_assert(list.left == *count);
        for (uint32_t at = 0; sh_answer_list_next(&list); at++)
            sums[at] += (uint64_t)sh_answer_list_value(&list).integer;
    }
    return sums;
}

struct sums {
    uint64_t *cohorts, *returned, *again, *active, *user_days;
    uint32_t period_count, returned_count, again_count;
};

static void free_sums(struct sums *sums) {
    sh_free(sums->cohorts);
    sh_free(sums->returned);
    sh_free(sums->again);
    sh_free(sums->active);
    sh_free(sums->user_days);
}

static bool add_up(const struct sh_answer_map *maps, uint32_t part_count, struct sums *sums) {
    sums->cohorts = sum_numbers(maps, part_count, "cohorts", &sums->period_count);
    sums->returned = sum_numbers(maps, part_count, "returned", &sums->returned_count);
    sums->again = sum_numbers(maps, part_count, "again", &sums->again_count);
    sums->active = sum_numbers(maps, part_count, "active", &sums->period_count);
    sums->user_days = sum_numbers(maps, part_count, "user_days", &sums->period_count);
    return sums->cohorts != NULL && sums->returned != NULL && sums->again != NULL && sums->active != NULL &&
           sums->user_days != NULL;
}

static void pack_array(const uint64_t *numbers, uint32_t count, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        (void)msgpack_pack_uint64(packer, numbers[i]);
}

/* `cohorts`: their starts are the first part's, as they are the same in all. */
static void pack_cohorts(const struct sh_answer_map *maps, const struct sums *sums, msgpack_packer *packer) {
    struct sh_answer_list starts;
    const uint64_t *returned = sums->returned;
    sh_answer_list_begin(&starts, sh_answer_map_find(&maps[0], "starts"));
    sh_pack_literal(packer, "cohorts");
    (void)msgpack_pack_array(packer, sums->period_count);
    for (uint32_t i = 0; i < sums->period_count && sh_answer_list_next(&starts); i++) {
        (void)msgpack_pack_map(packer, 3);
        sh_pack_literal(packer, "start");
        sh_pack_text(packer, sh_answer_list_value(&starts).text);
        sh_pack_literal(packer, "users");
        (void)msgpack_pack_uint64(packer, sums->cohorts[i]);
        sh_pack_literal(packer, "returned");
        pack_array(returned, sums->period_count - i, packer);
        returned += sums->period_count - i;
    }
}

static void pack_again(const struct sums *sums, msgpack_packer *packer) {
    uint64_t users = 0;
    uint32_t count = sums->again_count;
    for (uint32_t i = 0; i < sums->period_count; i++)
        users += sums->cohorts[i];
    while (count > 0 && sums->again[count - 1] == 0)
        count--;
    sh_pack_literal(packer, "again");
    (void)msgpack_pack_map(packer, 2);
    sh_pack_literal(packer, "users");
    (void)msgpack_pack_uint64(packer, users);
    sh_pack_literal(packer, "days");
    pack_array(sums->again, count, packer);
}

static void pack_active(const struct sh_answer_map *maps, const struct sums *sums, msgpack_packer *packer) {
    struct sh_answer_list starts;
    struct sh_answer_list days;
    sh_answer_list_begin(&starts, sh_answer_map_find(&maps[0], "starts"));
    sh_answer_list_begin(&days, sh_answer_map_find(&maps[0], "days"));
    sh_pack_literal(packer, "active");
    (void)msgpack_pack_array(packer, sums->period_count);
    for (uint32_t i = 0; i < sums->period_count && sh_answer_list_next(&starts) && sh_answer_list_next(&days); i++) {
        const uint64_t day_count = (uint64_t)sh_answer_list_value(&days).integer;
        (void)msgpack_pack_map(packer, 5);
        sh_pack_literal(packer, "start");
        sh_pack_text(packer, sh_answer_list_value(&starts).text);
        sh_pack_literal(packer, "days");
        (void)msgpack_pack_uint64(packer, day_count);
        sh_pack_literal(packer, "users");
        (void)msgpack_pack_uint64(packer, sums->active[i]);
        sh_pack_literal(packer, "user_days");
        (void)msgpack_pack_uint64(packer, sums->user_days[i]);
        sh_pack_literal(packer, "stickiness");
        if (sums->active[i] == 0)
            (void)msgpack_pack_nil(packer);
        else
            (void)msgpack_pack_double(packer, (double)sums->user_days[i] / (double)day_count / (double)sums->active[i]);
    }
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    struct sums sums = {0};
    uint64_t among = 0;
    msgpack_packer packer;
    (void)request;
    sh_buffer_packer(merged, &packer);
    const bool ok = add_up(maps, part_count, &sums);
    for (uint32_t i = 0; i < part_count; i++)
        among += sh_answer_map_uint(&maps[i], "among");
    if (ok) {
        (void)msgpack_pack_map(&packer, 6);
        sh_pack_literal(&packer, "among");
        (void)msgpack_pack_uint64(&packer, among);
        sh_pack_literal(&packer, "period");
        sh_pack_text(&packer, sh_answer_map_text(&maps[0], "period"));
        pack_cohorts(maps, &sums, &packer);
        pack_again(&sums, &packer);
        pack_active(maps, &sums, &packer);
    }
    free_sums(&sums);
    return ok ? SH_OK : sh_fail_memory(err);
}

const struct sh_part_form sh_retention_form = {pack_part, merge};
