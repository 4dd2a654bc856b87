/* methods_rfm.c -- rfm.put, rfm.get, rfm.refresh and audience.rfm.
 *
 * A refresh of several shards. Each shard counts its own users' values and leaves the counts to its siblings, as what
 * events teach is left to them (shard.learn). A shard that has the counts of all makes the cut points; until then the
 * ones before hold. The answer comes when all have them.
 */
#include "memory.h"
#include "part_answer.h"
#include "rfm_plan.h"
#include "rfm_report.h"

static enum sh_status require_plan(const struct sh_workspace *workspace, struct sh_error *err) {
    if (sh_rfm_config(workspace->rfm) != NULL) return SH_OK;
    (void)sh_fail(err, SH_ERR_NOT_FOUND, -1, "this workspace has no rfm plan yet");
    return sh_fail_hint(err, SH_ERR_NOT_FOUND, "rfm.put says which events users are scored by");
}

/* ---- put, get ---- */

enum sh_status sh_handle_rfm_put(struct sh_call *call, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    struct sh_rfm_config config;
    msgpack_packer packer;
    enum sh_status status = sh_rfm_plan_read(call, &config, err);
    if (status != SH_OK) return status;
    const struct sh_rfm_config *before = sh_rfm_config(workspace->rfm);
    const bool changed = before == NULL || !sh_rfm_plans_are_equal(before, &config);
    if (changed) {
        sh_jobs_finish(workspace); /* they were planned for the fields there were */
        status = sh_rfm_configure(workspace->rfm, &config, call->request->now_ms, err);
        if (status == SH_OK) status = sh_referral_relist(workspace->referral, err);
        sh_cursors_close_derived(call->shard, workspace);
        sh_scores_relist(workspace->scores);
        if (status != SH_OK) return status;
    }
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "changed", changed);
    return SH_OK;
}

enum sh_status sh_handle_rfm_get(struct sh_call *call, struct sh_error *err) {
    static const struct sh_param_names names = {.count = 0};
    struct sh_param none[1];
    msgpack_packer packer;
    const enum sh_status status =
        sh_params_read(call->request->params, call->request->params_count, &names, none, NULL, err);
    if (status != SH_OK) return status;
    const struct sh_rfm_cuts *cuts = sh_rfm_cuts(call->workspace->rfm);
    sh_answer_begin(call, &packer, 5);
    sh_rfm_plan_pack(call->workspace, &packer);
    sh_pack_literal(&packer, "refreshed");
    if (cuts->is_set)
        (void)msgpack_pack_int64(&packer, cuts->now_ms);
    else
        (void)msgpack_pack_nil(&packer);
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_uint64(&packer, cuts->user_count);
    sh_rfm_cuts_pack(call->workspace, &packer);
    return SH_OK;
}

/* ---- refresh ---- */

static void pack_lesson(const struct sh_call *call, int64_t now_ms, const struct sh_rfm_spread *spread) {
    struct sh_buffer bytes;
    msgpack_packer packer;
    sh_buffer_init(&bytes, SH_PART_BYTES_MAX);
    sh_rfm_spread_write(spread, &bytes);
    sh_buffer_packer(call->answer->effects, &packer);
    (void)msgpack_pack_map(&packer, 1);
    sh_pack_literal(&packer, "rfm");
    (void)msgpack_pack_array(&packer, 3);
    (void)msgpack_pack_int64(&packer, (int64_t)call->request->id);
    (void)msgpack_pack_int64(&packer, now_ms);
    (void)msgpack_pack_bin(&packer, bytes.count);
    sh_buffer_append(call->answer->effects, bytes.bytes, bytes.count);
    if (bytes.failed) call->answer->effects->failed = true;
    sh_buffer_deinit(&bytes);
}

enum sh_status sh_handle_rfm_refresh(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"now"};
    static const struct sh_param_names names = {words, 1, 0};
    struct sh_param params[1];
    struct sh_rfm *rfm = call->workspace->rfm;
    const struct sh_request *request = call->request;
    struct sh_rfm_spread spread;
    msgpack_packer packer;
    int64_t now_ms;
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = require_plan(call->workspace, err)) != SH_OK) return status;
    if ((status = sh_read_now(&params[0], call, &now_ms, err)) != SH_OK) return status;
    status = sh_rfm_measure(rfm, now_ms, &spread, err);
    if (status == SH_OK)
        status = sh_rfm_learn(rfm, request->id, now_ms, &spread, call->shard->options.shard_count, err);
    if (status == SH_OK && sh_answer_is_part(call->shard)) pack_lesson(call, now_ms, &spread);
    sh_rfm_spread_deinit(&spread);
    if (status != SH_OK) return status;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "now");
    (void)msgpack_pack_int64(&packer, now_ms);
    return SH_OK;
}

/* [id, now, counts] of a sibling. */
enum sh_status sh_rfm_learn_part(struct sh_call *call, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    int64_t id, now_ms;
    struct sh_value bytes;
    struct sh_rfm_spread spread;
    enum sh_status status;
    if ((status = sh_param_array(param, "rfm", 3, &cursor, &count, err)) != SH_OK) return status;
    if (count != 3) return sh_fail(err, SH_ERR_ARGUMENT, -1, "what rfm learns is [id, now, counts]");
    if ((status = sh_cursor_integer(&cursor, INT64_MIN, INT64_MAX, &id, "an id", err)) != SH_OK) return status;
    status = sh_cursor_integer(&cursor, SH_INSTANT_MIN, SH_INSTANT_MAX, &now_ms, "a time", err);
    if (status == SH_OK) status = sh_cursor_next(&cursor, &bytes, err);
    if (status != SH_OK) return status;
    if (bytes.kind != SH_VALUE_BIN) return sh_fail(err, SH_ERR_ARGUMENT, -1, "the counts of rfm are bytes");
    if ((status = sh_rfm_spread_read(bytes.text, &spread, err)) != SH_OK) return status;
    status = sh_rfm_learn(call->workspace->rfm, (uint64_t)id, now_ms, &spread, call->shard->options.shard_count, err);
    sh_rfm_spread_deinit(&spread);
    return status;
}

/* ---- audience.rfm ---- */

struct state {
    struct sh_rfm_report report;
    uint32_t block;
};

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    const uint32_t block_end = sh_plan_block_count(job->plan);
    for (uint32_t i = 0; i < block_count && state->block < block_end; i++, state->block++) {
        const uint64_t *words;
        uint32_t count;
        const enum sh_status status = sh_plan_run_block(job->plan, state->block, &words, &count, err);
        if (status != SH_OK) return status;
        if (count > 0)
            sh_rfm_report_add_block(&state->report, job->workspace->rfm, state->block, words, job->scope.now_ms);
    }
    *done = state->block >= block_end;
    return SH_OK;
}

enum { RFM_WHERE, RFM_NOW, RFM_TIMEOUT, RFM_PARAM_COUNT };

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    enum sh_status status;
    static const uint8_t everybody_text[] = {0xA4, 't', 'r', 'u', 'e'}; /* a str of four bytes */
    static const struct sh_param everybody = {everybody_text, everybody_text + sizeof everybody_text};
    if ((status = require_plan(call->workspace, err)) != SH_OK) return status;
    struct state *state = job->state;
    sh_rfm_report_begin(&state->report, call->workspace->rfm);
    if ((status = sh_job_read_now(job, call, &params[RFM_NOW], &params[RFM_TIMEOUT], err)) != SH_OK) return status;
    const struct sh_param *where = sh_param_given(&params[RFM_WHERE]) ? &params[RFM_WHERE] : &everybody;
    return sh_plan_param(where, &job->scope, &job->arena, &job->tree, &job->plan, err);
}

enum sh_status sh_handle_audience_rfm(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {
        .prepare = prepare, .step = step, .form = &sh_rfm_form, .state_bytes = sizeof(struct state)};
    static const char *const words[RFM_PARAM_COUNT] = {"where", "now", "timeout_ms"};
    static const struct sh_param_names names = {words, RFM_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    msgpack_packer packer;
    (void)err;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "sums");
    sh_rfm_report_pack_part(&state->report, &packer);
    return SH_OK;
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    struct sh_rfm_report sum;
    msgpack_packer packer;
    (void)request;
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_rfm_report report;
        struct sh_cursor cursor;
        const struct sh_answer_pair *pair = sh_answer_map_find(&maps[i], "sums");
        sh_cursor_init(&cursor, pair->begin, (size_t)(pair->end - pair->begin));
        const enum sh_status status = sh_rfm_report_read_part(&cursor, &report, err);
        if (status != SH_OK) return status;
        if (i == 0)
            sum = report;
        else
            sh_rfm_report_add(&sum, &report);
    }
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, SH_RFM_REPORT_PAIRS + 1);
    sh_rfm_report_pack(&sum, &packer);
    return SH_OK;
}

const struct sh_part_form sh_rfm_form = {pack_part, merge};
