/* feed_ask_reading.c -- how a request or a scene reads the user's events, and what it wants of what is shown.
 *
 *   weights:        {event type: -1000..1000}
 *   half_life_days: {short?, long?, types?: {event type: {short?, long?}}}
 *   goals:          {click?, cart?, purchase?, amount?}
 *
 * What they do not name is as the workspace has it.
 */
#include "calendar.h"
#include "feed_ask.h"

#define DAYS_MAX 36500.0

/* The next pair of a map of event types. */
static enum sh_status next_type(const struct sh_feed_ask *ask, struct sh_cursor *cursor, const char *what,
                                uint32_t *type, struct sh_param *value, struct sh_error *err) {
    const struct sh_event_store *events = ask->call->workspace->events;
    struct sh_text name;
    enum sh_status status = sh_cursor_text(cursor, &name, what, err);
    *value = (struct sh_param){0};
    if (status == SH_OK) status = sh_cursor_skip(cursor, &value->begin, err);
    if (status != SH_OK) return status;
    value->end = cursor->at;
    return sh_event_type_named(events, name, type, err);
}

static enum sh_status read_weights(struct sh_feed_ask *ask, const struct sh_param *param, double *weights,
                                   struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count = 0;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    enum sh_status status = sh_cursor_map(&cursor, &count, "`weights`", err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_param value;
        uint32_t type;
        status = next_type(ask, &cursor, "an event type in `weights`", &type, &value, err);
        if (status == SH_OK)
            status = sh_param_real(&value, "weights", -SH_FEED_WEIGHT_MAX, SH_FEED_WEIGHT_MAX, &weights[type], err);
    }
    return status;
}

static enum sh_status read_days(const struct sh_param *param, const char *name, double *half_life_ms,
                                struct sh_error *err) {
    double days = *half_life_ms / (double)SH_DAY_MS;
    const double days_min = SH_FEED_HALF_LIFE_MIN_MS / (double)SH_DAY_MS;
    const enum sh_status status = sh_param_real(param, name, days_min, DAYS_MAX, &days, err);
    if (status == SH_OK && sh_param_given(param)) *half_life_ms = days * (double)SH_DAY_MS;
    return status;
}

static enum sh_status read_of_types(struct sh_feed_ask *ask, const struct sh_param *param,
                                    struct sh_feed_reading *reading, struct sh_error *err) {
    static const char *const words[] = {"short", "long"};
    static const struct sh_param_names names = {words, 2, 0};
    struct sh_cursor cursor;
    uint32_t count = 0;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    enum sh_status status = sh_cursor_map(&cursor, &count, "`types`", err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_param value;
        struct sh_param params[2];
        uint32_t type;
        status = next_type(ask, &cursor, "an event type in `types`", &type, &value, err);
        if (status == SH_OK)
            status = sh_params_read(value.begin, (size_t)(value.end - value.begin), &names, params, NULL, err);
        if (status == SH_OK) status = read_days(&params[0], "short", &reading->half_life_short_ms[type], err);
        if (status == SH_OK) status = read_days(&params[1], "long", &reading->half_life_long_ms[type], err);
    }
    return status;
}

static enum sh_status read_half_lives(struct sh_feed_ask *ask, const struct sh_param *param,
                                      struct sh_feed_reading *reading, struct sh_error *err) {
    static const char *const words[] = {"short", "long", "types"};
    static const struct sh_param_names names = {words, 3, 0};
    struct sh_param params[3];
    if (!sh_param_given(param)) return SH_OK;
    enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    double short_ms = reading->half_life_short_ms[0];
    double long_ms = reading->half_life_long_ms[0];
    if (status == SH_OK) status = read_days(&params[0], "short", &short_ms, err);
    if (status == SH_OK) status = read_days(&params[1], "long", &long_ms, err);
    if (status != SH_OK) return status;
    for (uint32_t type = 0; type < SH_EVENT_TYPE_COUNT_MAX; type++) {
        reading->half_life_short_ms[type] = short_ms;
        reading->half_life_long_ms[type] = long_ms;
    }
    return read_of_types(ask, &params[2], reading, err);
}

static enum sh_status read_goals(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    struct sh_goals *goals = sh_arena_alloc(ask->call->arena, sizeof *goals);
    if (goals == NULL) return sh_fail_memory(err);
    *goals = sh_learner_goals(sh_feed_learner(ask->call->workspace->feed));
    ask->request.goals = goals;
    return sh_schema_read_goals(param, goals, err);
}

enum sh_status sh_feed_ask_read_reading(struct sh_feed_ask *ask, const struct sh_param *words, struct sh_error *err) {
    enum sh_status status = SH_OK;
    if (sh_param_given(&words[SH_WORD_GOALS])) status = read_goals(ask, &words[SH_WORD_GOALS], err);
    if (status != SH_OK) return status;
    if (!sh_param_given(&words[SH_WORD_WEIGHTS]) && !sh_param_given(&words[SH_WORD_HALF_LIVES])) return SH_OK;
    struct sh_feed_reading *reading = sh_arena_alloc(ask->call->arena, sizeof *reading);
    if (reading == NULL) return sh_fail_memory(err);
    sh_feed_reading_default(ask->call->workspace->feed, reading);
    ask->request.reading = reading;
    status = read_weights(ask, &words[SH_WORD_WEIGHTS], reading->weights, err);
    return status == SH_OK ? read_half_lives(ask, &words[SH_WORD_HALF_LIVES], reading, err) : status;
}
