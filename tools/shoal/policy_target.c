#include "policy_target.h"

#include "memory.h"

void policy_target_free(struct policy_target *target) {
    names_free(&target->users);
    names_free(&target->items);
    sh_free(target->shown);
}

static struct shoal_client_writer *params_of(const struct policy_target *target, const struct policy_shown *shown,
                                             uint32_t count, uint32_t seed) {
    struct shoal_client_writer *params =
        new_params(6u + (target->scene != NULL ? 1u : 0) + (target->filter != NULL ? 1u : 0));
    write_key_text(params, "user", target->users.texts[shown->user]);
    write_key_text(params, "explain", "none");
    shoal_client_write_literal(params, "record");
    shoal_client_write_boolean(params, false);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, shown->time_ms);
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, count);
    shoal_client_write_literal(params, "seed");
    shoal_client_write_integer(params, seed);
    if (target->scene != NULL) write_key_text(params, "scene", target->scene);
    if (target->filter != NULL) write_key_text(params, "filter", target->filter);
    return params;
}

/* Adds 1 / draws to the rows, all of one feed, whose item stands at its place. */
static bool draw_once(struct session *session, const struct policy_target *target, struct estimator_row *rows,
                      uint32_t first, uint32_t end, uint32_t seed) {
    struct shoal_client_answer answer;
    struct shoal_client_value item;
    uint32_t count = 1;
    for (uint32_t i = first; i < end; i++)
        count = target->shown[i].place > count ? target->shown[i].place : count;
    struct shoal_client_writer *params = params_of(target, &target->shown[first], count, seed);
    const bool is_done = session_call(session, "feed.get", params, target->filter, &answer);
    shoal_client_writer_destroy(params);
    if (!is_done) return false;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "items"));
    for (uint32_t place = 1; shoal_client_walk_next(&walk, NULL, &item); place++)
        for (uint32_t i = first; i < end; i++)
            if (target->shown[i].place == place &&
                shoal_client_text_is(shoal_client_get(item, "id"), target->items.texts[target->shown[i].item]))
                rows[i].target += 1.0 / target->draws;
    return true;
}

bool policy_target_ask(struct session *session, const struct policy_target *target, struct estimator_row *rows,
                       uint32_t row_count) {
    if (!session_connect(session)) return false;
    for (uint32_t first = 0, end; first < row_count; first = end) {
        for (end = first; end < row_count && rows[end].feed == rows[first].feed &&
                          target->shown[end].user == target->shown[first].user &&
                          target->shown[end].time_ms == target->shown[first].time_ms;)
            rows[end++].target = 0;
        for (uint32_t seed = 1; seed <= target->draws; seed++)
            if (!draw_once(session, target, rows, first, end, seed)) return false;
    }
    return true;
}
