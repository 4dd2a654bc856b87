/* methods_explain.c -- audience.explain: an expression as the program that answers it. */
#include "hash.h"
#include "memory.h"
#include "shard_private.h"

enum { EXPLAIN_WHERE, EXPLAIN_ANALYZE, EXPLAIN_NOW, EXPLAIN_PARAM_COUNT };

struct explain {
    struct sh_call *call;
    struct sh_query_scope scope;
    struct sh_node *tree;
    struct sh_plan *plan;
    bool analyze;
    uint64_t hash;
    struct sh_buffer canonical;
    struct sh_buffer written; /* the tree as msgpack */
    struct sh_buffer text;
    struct sh_plan_line *lines;
    uint32_t line_count;
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
    if (explain->analyze && request->clock_ns == NULL)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "`analyze` measures times, and no clock was given");
    if ((status = sh_query_check(&explain->tree, &explain->scope, arena, err)) != SH_OK) return status;
    if ((status = sh_query_plan(explain->tree, &explain->scope, arena, &explain->plan, err)) != SH_OK) return status;
    return sh_plan_explain(explain->plan, request->clock_ns, request->clock_context, explain->analyze, arena,
                           &explain->lines, &explain->line_count, err);
}

/* ---- For people ---- */

/* 1234567 -> "1,234,567". Returns the text's start inside room. */
static const char *with_commas(uint64_t number, char room[32]) {
    char *at = room + 31;
    uint32_t digits = 0;
    *at = '\0';
    do {
        if (digits > 0 && digits % 3 == 0) *--at = ',';
        *--at = (char)('0' + number % 10);
        number /= 10;
        digits++;
    } while (number > 0);
    return at;
}

static void print_time(struct sh_buffer *text, double ns) {
    if (ns < 1e3)
        sh_buffer_print(text, "%9.0f ns", ns);
    else if (ns < 1e6)
        sh_buffer_print(text, "%9.1f us", ns / 1e3);
    else
        sh_buffer_print(text, "%9.2f ms", ns / 1e6);
}

/* Numbers first and names last: a table whose columns stand whatever the width of the characters in a clause. */
static void print_text(struct explain *explain) {
    struct sh_buffer *text = &explain->text;
    char room[32];
    sh_buffer_print(text, "%14s %12s", "expected", "cost");
    if (explain->analyze) sh_buffer_print(text, " %14s %12s %7s %7s", "left", "took", "blocks", "skipped");
    sh_buffer_print(text, "   program\n");
    for (uint32_t i = 0; i < explain->line_count; i++) {
        const struct sh_plan_line *line = &explain->lines[i];
        sh_buffer_print(text, "%14s ", with_commas(line->estimate, room));
        print_time(text, line->cost_ns);
        if (explain->analyze) {
            sh_buffer_print(text, " %14s ", with_commas(line->rows, room));
            print_time(text, (double)line->took_ns);
            sh_buffer_print(text, " %7u %7u", line->blocks_run, line->blocks_skipped);
        }
        sh_buffer_print(text, "   %*s%s", (int)line->depth * 2, "", line->operation);
        if (line->clause.count > 0) sh_buffer_print(text, ": %.*s", SH_TEXT_ARGS(line->clause));
        sh_buffer_print(text, "\n");
    }
}

/* ---- For programs ---- */

static void pack_line(const struct explain *explain, const struct sh_plan_line *line, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, explain->analyze ? 9 : 5);
    sh_pack_literal(packer, "depth");
    (void)msgpack_pack_uint32(packer, line->depth);
    sh_pack_literal(packer, "operation");
    sh_pack_literal(packer, line->operation);
    sh_pack_literal(packer, "clause");
    sh_pack_text(packer, line->clause);
    sh_pack_literal(packer, "cost_us");
    (void)msgpack_pack_double(packer, line->cost_ns / 1e3);
    sh_pack_literal(packer, "estimate");
    (void)msgpack_pack_uint64(packer, line->estimate);
    if (!explain->analyze) return;
    sh_pack_literal(packer, "rows");
    (void)msgpack_pack_uint64(packer, line->rows);
    sh_pack_literal(packer, "took_us");
    (void)msgpack_pack_double(packer, (double)line->took_ns / 1e3);
    sh_pack_literal(packer, "blocks_run");
    (void)msgpack_pack_uint32(packer, line->blocks_run);
    sh_pack_literal(packer, "blocks_skipped");
    (void)msgpack_pack_uint32(packer, line->blocks_skipped);
}

static enum sh_status pack_explain(struct explain *explain, struct sh_error *err) {
    msgpack_packer packer;
    char hash[20];
    print_text(explain);
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
    sh_pack_literal(&packer, "lines");
    (void)msgpack_pack_array(&packer, explain->line_count);
    for (uint32_t i = 0; i < explain->line_count; i++)
        pack_line(explain, &explain->lines[i], &packer);
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
    if ((status = sh_param_boolean(&params[EXPLAIN_ANALYZE], "analyze", &explain.analyze, err)) != SH_OK) return status;
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
