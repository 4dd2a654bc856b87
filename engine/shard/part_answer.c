#include "part_answer.h"

static enum sh_status merge_own(struct sh_job *job, const struct sh_part_form *form, const struct sh_buffer *part,
                                struct sh_error *err) {
    struct sh_answer_map map;
    const enum sh_status status = sh_buffer_status(part, err);
    if (status != SH_OK) return status;
    sh_answer_map_read_body(&map, part);
    return form->merge(&job->request, &map, 1, job->answer.body, err);
}

enum sh_status sh_part_answer(struct sh_job *job, const struct sh_part_form *form, struct sh_error *err) {
    if (sh_answer_is_part(job->shard)) return form->pack(job, job->answer.body, err);
    struct sh_buffer part;
    sh_buffer_init(&part, SH_ANSWER_BYTES_MAX);
    enum sh_status status = form->pack(job, &part, err);
    if (status == SH_OK) status = merge_own(job, form, &part, err);
    sh_buffer_deinit(&part);
    return status;
}

const struct sh_part_form *sh_part_form_of(const struct sh_method *method) {
    switch (method->number) {
    case SH_METHOD_AUDIENCE_OVERLAP:
        return &sh_overlap_form;
    case SH_METHOD_AUDIENCE_LOOKALIKE:
        return &sh_lookalike_form;
    case SH_METHOD_AUDIENCE_WATERFALL:
        return &sh_waterfall_form;
    case SH_METHOD_AUDIENCE_INSIGHT:
        return &sh_insight_form;
    case SH_METHOD_AUDIENCE_RFM:
        return &sh_rfm_form;
    case SH_METHOD_AUDIENCE_FUNNEL:
        return &sh_funnel_form;
    case SH_METHOD_AUDIENCE_RETENTION:
        return &sh_retention_form;
    case SH_METHOD_EVENT_LIST:
        return &sh_event_list_form;
    case SH_METHOD_USER_RECEIPT:
        return &sh_receipt_form;
    case SH_METHOD_FEED_BATCH:
        return &sh_feed_batch_form;
    case SH_METHOD_FEED_USERS_FOR_ITEM:
        return &sh_feed_users_form;
    default:
        return NULL;
    }
}

enum sh_status sh_plan_cursor(struct sh_cursor *cursor, const struct sh_query_scope *scope, struct sh_arena *arena,
                              struct sh_node **tree, struct sh_plan **plan, struct sh_error *err) {
    enum sh_status status;
    if ((status = sh_query_read(cursor, arena, tree, err)) != SH_OK) return status;
    if ((status = sh_query_check(tree, scope, arena, err)) != SH_OK) return status;
    return sh_query_plan(*tree, scope, arena, plan, err);
}

uint32_t sh_part_held_count(const struct sh_answer_map *maps) {
    return sh_answer_map_find(&maps[0], "no_consent") == NULL ? 0 : 2;
}

void sh_part_merge_held(const struct sh_answer_map *maps, uint32_t part_count, msgpack_packer *packer) {
    static const char *const names[] = {"suppressed", "no_consent"};
    for (uint32_t n = 0; n < sh_part_held_count(maps); n++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < part_count; i++)
            sum += sh_answer_map_uint(&maps[i], names[n]);
        sh_pack_text(packer, sh_text_of(names[n]));
        (void)msgpack_pack_uint64(packer, sum);
    }
}

enum sh_status sh_plan_among(struct sh_job *job, const struct sh_param *among, struct sh_error *err) {
    if (sh_param_given(among)) return sh_plan_param(among, &job->scope, &job->arena, &job->tree, &job->plan, err);
    const enum sh_status status = sh_query_parse(SH_TEXT_LITERAL(""), &job->arena, &job->tree, err);
    return status != SH_OK ? status : sh_query_plan(job->tree, &job->scope, &job->arena, &job->plan, err);
}

enum sh_status sh_fail_in(struct sh_error *err, enum sh_status status, const char *name, uint32_t number) {
    if (err == NULL) return status;
    const struct sh_error fault = *err;
    (void)sh_fail(err, status, fault.position, "`%s`, number %u: %.400s", name, number, fault.message);
    if (fault.hint[0] != '\0') (void)sh_fail_hint(err, status, "%s", fault.hint);
    return status;
}
