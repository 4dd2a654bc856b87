/* methods_scene.c -- scene.put, get, list and remove: the merchant's rules by the place where a feed is shown. */
#include "feed_ask.h"

static enum sh_status read_name(const struct sh_param *param, struct sh_text *name, struct sh_error *err) {
    const enum sh_status status = sh_param_needed_text(param, "name", name, err);
    if (status != SH_OK) return status;
    if (name->count == 0 || name->count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(*name))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a scene's name is 1 to %d bytes of UTF-8", SH_NAME_BYTES_MAX);
    return SH_OK;
}

/* ---- put ---- */

/* Each segment that a target names is there now; one that goes later has nobody. */
static enum sh_status check_segments(const struct sh_call *call, const struct sh_param *targets, struct sh_error *err) {
    static const char *const words[] = {"where", "segment", "users", "tag_set"};
    static const struct sh_param_names names = {words, 4, 0};
    const struct sh_catalogue *segments = &call->workspace->segments;
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(targets, "targets", SH_FEED_TARGET_COUNT_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_param params[4];
        struct sh_text segment = {0};
        const uint8_t *begin = cursor.at;
        if ((status = sh_cursor_skip(&cursor, NULL, err)) != SH_OK) return status;
        status = sh_params_read(begin, (size_t)(cursor.at - begin), &names, params, NULL, err);
        if (status == SH_OK) status = sh_param_text(&params[1], "segment", &segment, err);
        if (status == SH_OK && sh_param_given(&params[1]) && sh_catalogue_find(segments, segment) == NULL)
            status = sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no segment `%.*s`",
                             (int)(segment.count < 80 ? segment.count : 80), segment.bytes);
    }
    return status;
}

/* The rules are read as a request would read them. */
static enum sh_status check_rules(struct sh_call *call, const struct sh_param *rules, struct sh_error *err) {
    static const struct sh_param_names names = {sh_feed_words, SH_WORD_COUNT, 0};
    struct sh_param words[SH_WORD_COUNT];
    struct sh_text ignored = {0};
    const size_t byte_count = (size_t)(rules->end - rules->begin);
    if (byte_count > SH_SCENE_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the rules of a scene have at most %d bytes",
                       (int)SH_SCENE_BYTES_MAX);
    enum sh_status status = sh_params_read(rules->begin, byte_count, &names, words, NULL, err);
    if (status != SH_OK) return status;
    struct sh_feed_ask *ask = sh_arena_alloc(call->arena, sizeof *ask);
    if (ask == NULL) return sh_fail_memory(err);
    const struct sh_param no_filter = {0};
    sh_feed_ask_init(ask, call);
    ask->request.user = SH_SLOT_NONE;
    ask->request.now_ms = call->request->now_ms;
    if (sh_param_given(&words[SH_WORD_STORE_FIELD])) ask->store = SH_TEXT_LITERAL("any");
    if (status == SH_OK) status = sh_param_text(&words[SH_WORD_STORE_FIELD], "store_field", &ignored, err);
    if (status == SH_OK) status = check_segments(call, &words[SH_WORD_TARGETS], err);
    if (status == SH_OK) status = sh_feed_ask_read_rules(ask, words, err);
    if (status == SH_OK) status = sh_feed_ask_read_gates(ask, words, &no_filter, err);
    sh_feed_ask_deinit(ask);
    return status;
}

enum sh_status sh_handle_scene_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name", "rules"};
    struct sh_scene scene = {.changed_ms = call->request->now_ms};
    struct sh_param params[2];
    msgpack_packer packer;
    bool changed;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 2, params, err)) != SH_OK) return status;
    if ((status = read_name(&params[0], &scene.name, err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[1], "rules", err)) != SH_OK) return status;
    if ((status = check_rules(call, &params[1], err)) != SH_OK) return status;
    scene.rules = (uint8_t *)(uintptr_t)params[1].begin; /* copied */
    scene.rules_bytes = (uint32_t)(params[1].end - params[1].begin);
    if ((status = sh_scenes_put(&call->workspace->scenes, &scene, &changed, err)) != SH_OK) return status;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "changed", changed);
    return SH_OK;
}

/* ---- get, list, remove ---- */

static void pack_scene(const struct sh_call *call, const struct sh_scene *scene, msgpack_packer *packer) {
    sh_pack_literal(packer, "name");
    sh_pack_text(packer, scene->name);
    sh_pack_literal(packer, "rules");
    sh_buffer_append(call->answer->body, scene->rules, scene->rules_bytes);
    sh_pack_literal(packer, "changed_at");
    (void)msgpack_pack_int64(packer, scene->changed_ms);
}

/* Params that are a name alone. */
static enum sh_status read_name_alone(const struct sh_call *call, struct sh_text *name, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    const enum sh_status status = sh_call_params(call, words, 1, params, err);
    return status == SH_OK ? read_name(&params[0], name, err) : status;
}

enum sh_status sh_handle_scene_get(struct sh_call *call, struct sh_error *err) {
    struct sh_text name;
    msgpack_packer packer;
    const enum sh_status status = read_name_alone(call, &name, err);
    if (status != SH_OK) return status;
    const struct sh_scene *scene = sh_scenes_find(&call->workspace->scenes, name);
    if (scene == NULL) return sh_scenes_fail_unknown(&call->workspace->scenes, name, err);
    sh_answer_begin(call, &packer, 3);
    pack_scene(call, scene, &packer);
    return SH_OK;
}

enum sh_status sh_handle_scene_list(struct sh_call *call, struct sh_error *err) {
    const struct sh_scenes *scenes = &call->workspace->scenes;
    struct sh_param none[1];
    msgpack_packer packer;
    const enum sh_status status = sh_call_params(call, NULL, 0, none, err);
    if (status != SH_OK) return status;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "scenes");
    (void)msgpack_pack_array(&packer, scenes->count);
    for (uint32_t i = 0; i < scenes->count; i++) {
        (void)msgpack_pack_map(&packer, 3);
        pack_scene(call, scenes->list[i], &packer);
    }
    return SH_OK;
}

enum sh_status sh_handle_scene_remove(struct sh_call *call, struct sh_error *err) {
    struct sh_text name;
    msgpack_packer packer;
    const enum sh_status status = read_name_alone(call, &name, err);
    if (status != SH_OK) return status;
    const bool removed = sh_scenes_remove(&call->workspace->scenes, name);
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "removed", removed);
    return SH_OK;
}
