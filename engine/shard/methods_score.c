/* methods_score.c -- score.put, get, list and remove.
 *
 *   {name: "engagement", digits: 1, points: [{when: "did(view, last 7 days)", points: 5}],
 *    weights: [{value: "count(purchase, last 90 days)", weight: 10, cap: 30}]}
 */
#include "decimal.h"
#include "memory.h"
#include "shard_private.h"
#include "value_reader.h"

/* ---- put ---- */

static enum sh_status read_decimal(const struct sh_param *param, const char *name, uint32_t scale, int64_t *units,
                                   struct sh_error *err) {
    const struct sh_value_type type = {.name = sh_text_of(name), .type = SH_TYPE_DECIMAL, .scale = scale};
    struct sh_cursor cursor;
    struct sh_value value;
    enum sh_status status;
    if ((status = sh_param_require(param, name, err)) != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    if ((status = sh_cursor_next(&cursor, &value, err)) != SH_OK) return status;
    return sh_read_plain(&value, &type, NULL, units, err);
}

/* {when, points}, or {value, weight, cap?}. */
static enum sh_status read_part(const struct sh_param *param, uint32_t digits, bool is_weight,
                                struct sh_score_part *part, struct sh_error *err) {
    static const char *const point_words[] = {"when", "points"};
    static const char *const weight_words[] = {"value", "weight", "cap"};
    const char *const *words = is_weight ? weight_words : point_words;
    const struct sh_param_names names = {words, is_weight ? 3 : 2, 0};
    struct sh_param params[3] = {{0}};
    enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    if (status != SH_OK) return status;
    *part = (struct sh_score_part){.is_weight = is_weight};
    if ((status = sh_param_require(&params[0], words[0], err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[0], words[0], &part->text, err)) != SH_OK) return status;
    const uint32_t scale = is_weight ? SH_SCORE_WEIGHT_SCALE : digits;
    if ((status = read_decimal(&params[1], words[1], scale, &part->amount, err)) != SH_OK) return status;
    part->has_cap = is_weight && sh_param_given(&params[2]);
    if (!part->has_cap) return SH_OK;
    if ((status = read_decimal(&params[2], "cap", digits, &part->cap, err)) != SH_OK) return status;
    if (part->cap >= 0) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cap` is how much a part changes the score at most, and not below 0");
}

/* An array of parts behind those the score has. */
static enum sh_status read_parts(const struct sh_param *param, bool is_weight, struct sh_arena *arena,
                                 struct sh_score *score, struct sh_error *err) {
    const char *name = is_weight ? "weights" : "points";
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, name, SH_SCORE_PART_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK || count == 0) return status;
    struct sh_score_part *parts = sh_arena_alloc(arena, ((size_t)score->part_count + count) * sizeof *parts);
    if (parts == NULL) return sh_fail_memory(err);
    if (score->part_count > 0) memcpy(parts, score->parts, score->part_count * sizeof *parts);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_error inner = {.status = SH_OK};
        struct sh_param element = {.begin = NULL};
        if ((status = sh_cursor_skip(&cursor, &element.begin, err)) != SH_OK) return status;
        element.end = cursor.at;
        status = read_part(&element, score->digits, is_weight, &parts[score->part_count + i], &inner);
        if (status == SH_OK) continue;
        (void)sh_fail(err, status, inner.position, "`%s`, number %u: %s", name, i + 1, inner.message);
        return inner.hint[0] == '\0' ? status : sh_fail_hint(err, status, "%s", inner.hint);
    }
    score->parts = parts;
    score->part_count += count;
    return SH_OK;
}

/* Fields move: what was planned for them is finished, and open audiences that show any are closed. */
static void let_fields_go(struct sh_call *call) {
    sh_jobs_finish(call->workspace);
    sh_cursors_close_derived(call->shard, call->workspace);
}

enum sh_status sh_handle_score_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name", "points", "weights", "digits", "note"};
    struct sh_workspace *workspace = call->workspace;
    struct sh_score put = {.changed_ms = call->request->now_ms};
    struct sh_query_scope scope;
    struct sh_param params[5];
    msgpack_packer packer;
    int64_t digits = 0;
    bool changed;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 5, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &put.name, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[3], "digits", 0, SH_SCORE_DIGITS_MAX, &digits, err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[4], "note", &put.note, err)) != SH_OK) return status;
    if (put.note.count > SH_NOTE_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a note has at most %d bytes", SH_NOTE_BYTES_MAX);
    put.digits = (uint32_t)digits;
    if ((status = read_parts(&params[1], false, call->arena, &put, err)) != SH_OK) return status;
    if ((status = read_parts(&params[2], true, call->arena, &put, err)) != SH_OK) return status;
    sh_workspace_scope(workspace, false, put.changed_ms, &scope);
    let_fields_go(call);
    if ((status = sh_scores_put(workspace->scores, &put, &scope, call->arena, &changed, err)) != SH_OK) return status;
    if (changed) workspace->segments.version++; /* what was planned and counted with it */
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "changed", changed);
    return SH_OK;
}

/* ---- get, list ---- */

static void pack_decimal(const char *name, int64_t units, uint32_t scale, msgpack_packer *packer) {
    char digits[32];
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, sizeof digits);
    sh_decimal_print(&buffer, units, scale);
    /* 12.500 says no more than 12.5 */
    while (scale > 0 && buffer.count > 1 && buffer.bytes[buffer.count - 1] == '0' &&
           buffer.bytes[buffer.count - 2] != '.')
        buffer.count--;
    if (scale > 0 && buffer.count > 2 && buffer.bytes[buffer.count - 1] == '0' && buffer.bytes[buffer.count - 2] == '.')
        buffer.count -= 2;
    sh_pack_literal(packer, name);
    sh_pack_text(packer, (struct sh_text){(const char *)buffer.bytes, (uint32_t)buffer.count});
    sh_buffer_deinit(&buffer);
}

static void pack_part(const struct sh_score *score, const struct sh_score_part *part, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 2u + part->has_cap);
    sh_pack_literal(packer, part->is_weight ? "value" : "when");
    sh_pack_text(packer, part->text);
    pack_decimal(part->is_weight ? "weight" : "points", part->amount,
                 part->is_weight ? (uint32_t)SH_SCORE_WEIGHT_SCALE : score->digits, packer);
    if (part->has_cap) pack_decimal("cap", part->cap, score->digits, packer);
}

static void pack_parts(const struct sh_score *score, bool is_weight, msgpack_packer *packer) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < score->part_count; i++)
        count += score->parts[i].is_weight == is_weight;
    sh_pack_literal(packer, is_weight ? "weights" : "points");
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < score->part_count; i++)
        if (score->parts[i].is_weight == is_weight) pack_part(score, &score->parts[i], packer);
}

enum { SCORE_PAIRS = 6 };

static void pack_score(const struct sh_score *score, msgpack_packer *packer) {
    sh_pack_literal(packer, "name");
    sh_pack_text(packer, score->name);
    sh_pack_literal(packer, "digits");
    (void)msgpack_pack_uint32(packer, score->digits);
    sh_pack_literal(packer, "note");
    sh_pack_text(packer, score->note);
    sh_pack_literal(packer, "changed_at");
    (void)msgpack_pack_int64(packer, score->changed_ms);
    pack_parts(score, false, packer);
    pack_parts(score, true, packer);
}

enum sh_status sh_handle_score_get(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    struct sh_text name = {0};
    msgpack_packer packer;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &name, err)) != SH_OK) return status;
    const struct sh_score *score = sh_scores_find(call->workspace->scores, name);
    if (score == NULL) return sh_scores_fail_unknown(call->workspace->scores, name, err);
    sh_answer_begin(call, &packer, SCORE_PAIRS);
    pack_score(score, &packer);
    return SH_OK;
}

enum sh_status sh_handle_score_list(struct sh_call *call, struct sh_error *err) {
    const struct sh_scores *scores = call->workspace->scores;
    struct sh_param none[1];
    msgpack_packer packer;
    const enum sh_status status = sh_call_params(call, NULL, 0, none, err);
    if (status != SH_OK) return status;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "scores");
    (void)msgpack_pack_array(&packer, sh_scores_count(scores));
    for (uint32_t i = 0; i < sh_scores_count(scores); i++) {
        (void)msgpack_pack_map(&packer, SCORE_PAIRS);
        pack_score(sh_scores_at(scores, i), &packer);
    }
    return SH_OK;
}

/* ---- remove ---- */

/* A condition of the referral plan that names it keeps it. */
static enum sh_status check_referral(struct sh_call *call, const struct sh_score *score, struct sh_error *err) {
    const struct sh_referral_plan *plan = sh_referral_plan(call->workspace->referral);
    for (uint32_t i = 0; plan != NULL && i < plan->condition_count; i++) {
        struct sh_node *tree;
        const enum sh_status status = sh_query_parse(plan->conditions[i].where, call->arena, &tree, err);
        if (status != SH_OK) return status;
        if (sh_score_is_used(tree, score->field))
            return sh_fail(err, SH_ERR_CONFLICT, -1, "the referral plan uses it, for invited.%.*s",
                           SH_TEXT_ARGS(plan->conditions[i].name));
    }
    return SH_OK;
}

/* A segment that names it keeps it. */
static enum sh_status check_segments(struct sh_call *call, const struct sh_score *score, struct sh_error *err) {
    const struct sh_catalogue *segments = &call->workspace->segments;
    for (uint32_t i = 0; i < segments->count; i++) {
        struct sh_node *tree;
        const struct sh_segment *segment = segments->list[i];
        const enum sh_status status = sh_query_parse(sh_segment_in_force(segment)->text, call->arena, &tree, err);
        if (status != SH_OK) return status;
        if (sh_score_is_used(tree, score->field))
            return sh_fail(err, SH_ERR_CONFLICT, -1, "the segment '%.*s' uses it", SH_TEXT_ARGS(segment->name));
    }
    return SH_OK;
}

enum sh_status sh_handle_score_remove(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_workspace *workspace = call->workspace;
    struct sh_param params[1];
    struct sh_text name = {0};
    msgpack_packer packer;
    bool removed;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &name, err)) != SH_OK) return status;
    const struct sh_score *score = sh_scores_find(workspace->scores, name);
    if (score != NULL && (status = check_segments(call, score, err)) != SH_OK) return status;
    if (score != NULL && (status = check_referral(call, score, err)) != SH_OK) return status;
    let_fields_go(call);
    if ((status = sh_scores_remove(workspace->scores, name, call->arena, &removed, err)) != SH_OK) return status;
    if (removed) workspace->segments.version++;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "removed", removed);
    return SH_OK;
}
