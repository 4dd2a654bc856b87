/* stats_answer.c -- what the server puts into the answer of `stats`, beside its shards' `workspace`. */
#include "loop.h"
#include "request_params.h"

enum { SECTION_SERVER, SECTION_METHODS, SECTION_LATENCIES, SECTION_LOOPS, SECTION_ERRORS, SECTION_SLOW, SECTION_COUNT };
static const char *const section_names[SECTION_COUNT] = {"server", "methods", "latencies", "loops", "errors", "slow"};

static enum sh_status read_section(struct sh_cursor *cursor, uint32_t *mask, struct sh_error *err) {
    struct sh_text name;
    struct sh_nearest search;
    const enum sh_status status = sh_cursor_text(cursor, &name, "a section", err);
    if (status != SH_OK) return status;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < SECTION_COUNT; i++) {
        sh_nearest_offer(&search, sh_text_of(section_names[i]));
        if (!sh_text_equal(name, sh_text_of(section_names[i]))) continue;
        *mask |= 1u << i;
        return SH_OK;
    }
    return sh_fail_unknown(err, SH_ERR_ARGUMENT, &search, "stats has no section `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}

/* 0: the params name none. */
static enum sh_status read_sections(const struct sh_request *request, uint32_t *mask, struct sh_error *err) {
    static const char *const names[] = {"sections"};
    const struct sh_param_names known = {.names = names, .count = 1};
    struct sh_param param;
    struct sh_cursor cursor;
    uint32_t count = 0;
    *mask = 0;
    enum sh_status status = sh_params_read(request->params, request->params_count, &known, &param, NULL, err);
    if (status == SH_OK) status = sh_param_array(&param, "sections", SECTION_COUNT, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = read_section(&cursor, mask, err);
    return status;
}

static void pack_section(struct sh_loop *loop, const struct sh_counters_context *context, uint32_t section,
                         bool with_methods, struct sh_buffer *body) {
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    sh_pack_literal(&packer, section_names[section]);
    switch (section) {
    case SECTION_SERVER:
        sh_counters_pack_server(context, with_methods, body);
        break;
    case SECTION_METHODS:
        sh_counters_pack_methods(context, false, body);
        break;
    case SECTION_LATENCIES:
        sh_counters_pack_methods(context, true, body);
        break;
    case SECTION_LOOPS:
        sh_counters_pack_loops(context, body);
        break;
    case SECTION_ERRORS:
        sh_counters_pack_errors(context, body);
        break;
    default:
        sh_slow_log_pack(&loop->server->slow, body);
    }
}

enum sh_status sh_answer_add_counters(struct sh_loop *loop, const struct sh_request *request, struct sh_buffer *body,
                                      size_t begin, struct sh_error *err) {
    uint32_t mask;
    const enum sh_status status = read_sections(request, &mask, err);
    if (status != SH_OK) return status;
    const bool is_plain = mask == 0;
    if (is_plain) mask = 1u << SECTION_SERVER;
    /* The head of a small map counts its pairs in four bits; this one gets some more. */
    sh_assert(begin < body->count);
    const uint32_t more = (uint32_t)__builtin_popcount(mask);
    sh_assert(body->bytes[begin] >= 0x80 && body->bytes[begin] + more <= 0x8F);
    body->bytes[begin] = (uint8_t)(body->bytes[begin] + more);
    const struct sh_counters_context context = sh_server_counters(loop->server);
    for (uint32_t section = 0; section < SECTION_COUNT; section++)
        if ((mask >> section & 1) != 0) pack_section(loop, &context, section, is_plain, body);
    return sh_buffer_status(body, err);
}
