/* methods_explain.c -- audience.explain: an expression as the program that answers it. */
#include "explain_program.h"
#include "hash.h"
#include "memory.h"
#include "shard_private.h"

enum { EXPLAIN_WHERE, EXPLAIN_ANALYZE, EXPLAIN_NOW, EXPLAIN_PARAM_COUNT };

struct explain {
    struct sh_call *call;
    struct sh_query_scope scope;
    struct sh_node *tree;
    struct sh_plan *plan;
    uint64_t hash;
    struct sh_buffer canonical;
    struct sh_buffer written; /* the tree as msgpack */
    struct sh_buffer text;
    struct sh_explain_program program;
};

/* The canonical forms are those of the expression as it was written: before checking, which looks names up and may put
 * saved expressions in. */
static enum sh_status write_canonical(struct explain *explain, const struct sh_param *where, struct sh_error *err) {
    struct sh_arena *arena = explain->call->arena;
    struct sh_cursor cursor;
    msgpack_packer packer;
    enum sh_status status;
    sh_param_cursor(where, &cursor);
    if ((status = sh_query_read(&cursor, arena, &explain->tree, err)) != SH_OK) return status;
    if ((status = sh_query_hash(explain->tree, &explain->hash)) != SH_OK) return sh_fail_memory(err);
    sh_query_print(explain->tree, &explain->canonical);
    sh_buffer_packer(&explain->written, &packer);
    sh_query_write(explain->tree, &packer);
    if ((status = sh_buffer_status(&explain->canonical, err)) != SH_OK) return status;
    return sh_buffer_status(&explain->written, err);
}

static enum sh_status run_explain(struct explain *explain, struct sh_error *err) {
    const struct sh_request *request = explain->call->request;
    struct sh_arena *arena = explain->call->arena;
    enum sh_status status;
    if (explain->program.is_measured && request->clock_ns == NULL)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "`analyze` measures times, and no clock was given");
    if ((status = sh_query_check(&explain->tree, &explain->scope, arena, err)) != SH_OK) return status;
    if ((status = sh_query_plan(explain->tree, &explain->scope, arena, &explain->plan, err)) != SH_OK) return status;
    struct sh_explain_program *program = &explain->program;
    return sh_plan_explain(explain->plan, request->clock_ns, request->clock_context, program->is_measured, arena,
                           &program->lines, &program->line_count, err);
}

static enum sh_status pack_explain(struct explain *explain, struct sh_error *err) {
    msgpack_packer packer;
    char hash[20];
    sh_explain_print(&explain->program, &explain->text);
    const enum sh_status status = sh_buffer_status(&explain->text, err);
    if (status != SH_OK) return status;
    sh_answer_begin(explain->call, &packer, 5);
    sh_pack_literal(&packer, "text");
    sh_pack_text(&packer, (struct sh_text){(const char *)explain->text.bytes, (uint32_t)explain->text.count});
    sh_pack_literal(&packer, "canonical");
    sh_pack_text(&packer, (struct sh_text){(const char *)explain->canonical.bytes, (uint32_t)explain->canonical.count});
    sh_pack_literal(&packer, "hash");
    (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)explain->hash);
    sh_pack_literal(&packer, hash);
    sh_pack_literal(&packer, "tree");
    sh_buffer_append(explain->call->answer->body, explain->written.bytes, explain->written.count);
    sh_explain_pack(&explain->program, &packer);
    return SH_OK;
}

enum sh_status sh_handle_audience_explain(struct sh_call *call, struct sh_error *err) {
    static const char *const words[EXPLAIN_PARAM_COUNT] = {"where", "analyze", "now"};
    static const struct sh_param_names names = {words, EXPLAIN_PARAM_COUNT, 0};
    struct sh_param params[EXPLAIN_PARAM_COUNT];
    struct explain explain = {.call = call};
    const struct sh_request *request = call->request;
    int64_t now_ms;
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = sh_param_require(&params[EXPLAIN_WHERE], "where", err)) != SH_OK) return status;
    status = sh_param_boolean(&params[EXPLAIN_ANALYZE], "analyze", &explain.program.is_measured, err);
    if (status != SH_OK) return status;
    if ((status = sh_read_now(&params[EXPLAIN_NOW], call, &now_ms, err)) != SH_OK) return status;
    sh_workspace_scope(call->workspace, false, now_ms, &explain.scope);
    sh_buffer_init(&explain.canonical, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&explain.written, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&explain.text, SH_ANSWER_BYTES_MAX);
    status = write_canonical(&explain, &params[EXPLAIN_WHERE], err);
    if (status == SH_OK) status = run_explain(&explain, err);
    if (status == SH_OK) status = pack_explain(&explain, err);
    sh_buffer_deinit(&explain.canonical);
    sh_buffer_deinit(&explain.written);
    sh_buffer_deinit(&explain.text);
    return status;
}
