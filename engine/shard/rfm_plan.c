#include "rfm_plan.h"

#include "decimal.h"
#include "value_reader.h"

enum { DAYS = 365, SCORES = 5, ACTIVE_DAYS = 30, COOLING_DAYS = 90, DORMANT_DAYS = 180 };
static const char *const axis_words[SH_RFM_AXIS_COUNT] = {"r", "f", "m"};

/* ---- Reading ---- */

static enum sh_status read_inner(const struct sh_param *param, const char *const *words, uint32_t count,
                                 struct sh_param *params, struct sh_error *err) {
    const struct sh_param_names names = {words, count, 0};
    for (uint32_t i = 0; i < count; i++)
        params[i] = (struct sh_param){.begin = NULL};
    if (!sh_param_given(param)) return SH_OK;
    return sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
}

static enum sh_status read_count(const struct sh_param *param, const char *name, int64_t low, int64_t high,
                                 uint32_t *count, struct sh_error *err) {
    int64_t value = *count;
    const enum sh_status status = sh_param_integer(param, name, low, high, &value, err);
    *count = (uint32_t)value;
    return status;
}

/* One number for all three, or a map. */
static enum sh_status read_scores(const struct sh_param *param, struct sh_rfm_config *config, struct sh_error *err) {
    struct sh_param params[SH_RFM_AXIS_COUNT];
    enum sh_value_kind kind;
    struct sh_cursor cursor;
    enum sh_status status;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    if ((status = sh_cursor_peek(&cursor, &kind, err)) != SH_OK) return status;
    const bool is_map = kind == SH_VALUE_MAP;
    if (is_map && (status = read_inner(param, axis_words, SH_RFM_AXIS_COUNT, params, err)) != SH_OK) return status;
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && status == SH_OK; axis++)
        status = read_count(is_map ? &params[axis] : param, "scores", SH_RFM_SCORE_MIN, SH_RFM_SCORE_MAX,
                            &config->scores[axis], err);
    return status;
}

static enum sh_status read_cuts(const struct sh_param *param, const struct sh_call *call, uint32_t axis,
                                struct sh_rfm_config *config, struct sh_error *err) {
    const struct sh_event_type *type = sh_event_type(call->workspace->events, config->event_type);
    const struct sh_value_type value_type = {.type = axis == SH_RFM_M ? SH_TYPE_DECIMAL : SH_TYPE_INT,
                                             .scale = axis == SH_RFM_M ? type->amount_scale : 0,
                                             .name = SH_TEXT_LITERAL("cuts")};
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status;
    if (!sh_param_given(param)) return SH_OK;
    if ((status = sh_param_array(param, "cuts", SH_RFM_CUT_MAX, &cursor, &count, err)) != SH_OK) return status;
    if (count + 1 != config->scores[axis])
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s has %u scores and so %u cuts, not %u", axis_words[axis],
                       config->scores[axis], config->scores[axis] - 1, count);
    config->is_fixed[axis] = true;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_value value;
        if ((status = sh_cursor_next(&cursor, &value, err)) != SH_OK) return status;
        status = sh_read_plain(&value, &value_type, call->workspace->zone, &config->fixed[axis][i], err);
        if (status != SH_OK) return status;
        if (axis != SH_RFM_M && config->fixed[axis][i] > UINT32_MAX)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a cut of %s is at most %u", axis_words[axis], UINT32_MAX);
    }
    return SH_OK;
}

static enum sh_status read_event(const struct sh_call *call, const struct sh_param *param, struct sh_rfm_config *config,
                                 struct sh_error *err) {
    const struct sh_event_store *events = call->workspace->events;
    struct sh_text name = {0};
    enum sh_status status;
    if ((status = sh_param_require(param, "event", err)) != SH_OK) return status;
    if ((status = sh_param_text(param, "event", &name, err)) != SH_OK) return status;
    return sh_event_type_named(events, name, &config->event_type, err);
}

enum { PLAN_EVENT, PLAN_DAYS, PLAN_PER_DAY, PLAN_SCORES, PLAN_CUTS, PLAN_SPLIT, PLAN_LIFECYCLE, PLAN_COUNT };

enum sh_status sh_rfm_plan_read(const struct sh_call *call, struct sh_rfm_config *config, struct sh_error *err) {
    static const char *const words[PLAN_COUNT] = {"event", "days", "per_day", "scores", "cuts", "split", "lifecycle"};
    static const char *const stage_words[] = {"active", "cooling", "dormant"};
    struct sh_param params[PLAN_COUNT] = {{0}};
    struct sh_param cuts[SH_RFM_AXIS_COUNT];
    struct sh_param splits[SH_RFM_AXIS_COUNT];
    struct sh_param stages[3];
    const struct sh_param_names names = {words, PLAN_COUNT, 0};
    enum sh_status status;
    *config = (struct sh_rfm_config){.days = DAYS,
                                     .scores = {SCORES, SCORES, SCORES},
                                     .active_days = ACTIVE_DAYS,
                                     .cooling_days = COOLING_DAYS,
                                     .dormant_days = DORMANT_DAYS};
    status = sh_params_read(call->request->params, call->request->params_count, &names, params, NULL, err);
    if (status == SH_OK) status = read_event(call, &params[PLAN_EVENT], config, err);
    if (status == SH_OK) status = read_count(&params[PLAN_DAYS], "days", 0, SH_RFM_DAYS_MAX, &config->days, err);
    if (status == SH_OK) status = sh_param_boolean(&params[PLAN_PER_DAY], "per_day", &config->per_day, err);
    if (status == SH_OK) status = read_scores(&params[PLAN_SCORES], config, err);
    if (status == SH_OK) status = read_inner(&params[PLAN_CUTS], axis_words, SH_RFM_AXIS_COUNT, cuts, err);
    if (status == SH_OK) status = read_inner(&params[PLAN_SPLIT], axis_words, SH_RFM_AXIS_COUNT, splits, err);
    if (status == SH_OK) status = read_inner(&params[PLAN_LIFECYCLE], stage_words, 3, stages, err);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && status == SH_OK; axis++) {
        status = read_cuts(&cuts[axis], call, axis, config, err);
        if (status == SH_OK)
            status = read_count(&splits[axis], "split", 2, SH_RFM_SCORE_MAX, &config->split[axis], err);
    }
    uint32_t *const days[3] = {&config->active_days, &config->cooling_days, &config->dormant_days};
    for (uint32_t i = 0; i < 3 && status == SH_OK; i++)
        status = read_count(&stages[i], stage_words[i], 1, SH_RFM_DAYS_MAX, days[i], err);
    return status == SH_OK ? sh_rfm_config_check(config, err) : status;
}

bool sh_rfm_plans_are_equal(const struct sh_rfm_config *a, const struct sh_rfm_config *b) {
    bool equal = a->event_type == b->event_type && a->days == b->days && a->per_day == b->per_day &&
                 a->active_days == b->active_days && a->cooling_days == b->cooling_days &&
                 a->dormant_days == b->dormant_days;
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && equal; axis++) {
        equal = a->scores[axis] == b->scores[axis] && a->is_fixed[axis] == b->is_fixed[axis] &&
                a->split[axis] == b->split[axis];
        for (uint32_t i = 0; i + 1 < a->scores[axis] && equal && a->is_fixed[axis]; i++)
            equal = a->fixed[axis][i] == b->fixed[axis][i];
    }
    return equal;
}

/* ---- Showing ---- */

static void pack_money(msgpack_packer *packer, int64_t units, uint32_t scale) {
    struct sh_buffer text;
    sh_buffer_init(&text, 256);
    sh_decimal_print(&text, units, scale);
    sh_pack_text(packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    if (text.failed) ((struct sh_buffer *)packer->data)->failed = true;
    sh_buffer_deinit(&text);
}

static void pack_axis(const struct sh_workspace *workspace, uint32_t axis, const int64_t *cuts,
                      msgpack_packer *packer) {
    const struct sh_rfm_config *config = sh_rfm_config(workspace->rfm);
    const uint32_t count = config->scores[axis] - 1;
    sh_pack_literal(packer, axis_words[axis]);
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++) {
        if (axis == SH_RFM_M)
            pack_money(packer, cuts[i], sh_event_type(workspace->events, config->event_type)->amount_scale);
        else
            (void)msgpack_pack_int64(packer, cuts[i]);
    }
}

void sh_rfm_plan_pack(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_rfm_config *config = sh_rfm_config(workspace->rfm);
    uint32_t fixed_count = 0;
    uint32_t split_count = 0;
    sh_pack_literal(packer, "plan");
    if (config == NULL) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        fixed_count += config->is_fixed[axis];
        split_count += config->split[axis] != 0;
    }
    (void)msgpack_pack_map(packer, 5u + (fixed_count > 0) + (split_count > 0));
    sh_pack_literal(packer, "event");
    sh_pack_text(packer, sh_event_type(workspace->events, config->event_type)->name);
    sh_pack_uint(packer, "days", config->days);
    sh_pack_literal(packer, "per_day");
    if (config->per_day)
        (void)msgpack_pack_true(packer);
    else
        (void)msgpack_pack_false(packer);
    sh_pack_literal(packer, "scores");
    (void)msgpack_pack_map(packer, SH_RFM_AXIS_COUNT);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        sh_pack_uint(packer, axis_words[axis], config->scores[axis]);
    if (fixed_count > 0) {
        sh_pack_literal(packer, "cuts");
        (void)msgpack_pack_map(packer, fixed_count);
    }
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        if (config->is_fixed[axis]) pack_axis(workspace, axis, config->fixed[axis], packer);
    if (split_count > 0) {
        sh_pack_literal(packer, "split");
        (void)msgpack_pack_map(packer, split_count);
    }
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        if (config->split[axis] != 0) sh_pack_uint(packer, axis_words[axis], config->split[axis]);
    sh_pack_literal(packer, "lifecycle");
    (void)msgpack_pack_map(packer, 3);
    sh_pack_uint(packer, "active", config->active_days);
    sh_pack_uint(packer, "cooling", config->cooling_days);
    sh_pack_uint(packer, "dormant", config->dormant_days);
}

void sh_rfm_cuts_pack(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_rfm_cuts *cuts = sh_rfm_cuts(workspace->rfm);
    sh_pack_literal(packer, "cuts");
    if (!cuts->is_set) {
        (void)msgpack_pack_nil(packer);
        sh_pack_literal(packer, "high");
        (void)msgpack_pack_nil(packer);
        return;
    }
    (void)msgpack_pack_map(packer, SH_RFM_AXIS_COUNT);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        pack_axis(workspace, axis, cuts->cuts[axis], packer);
    sh_pack_literal(packer, "high");
    (void)msgpack_pack_map(packer, SH_RFM_AXIS_COUNT);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        sh_pack_uint(packer, axis_words[axis], cuts->high[axis]);
}
