#include "slow_log.h"

#include <stdio.h>

#include "arena.h"
#include "cursor.h"
#include "query_lexer.h"
#include "server_log.h"

void sh_slow_log_init(struct sh_slow_log *log, uint32_t threshold_ms) {
    pthread_mutex_init(&log->mutex, NULL);
    log->threshold_ns = threshold_ms * UINT64_C(1000000);
}

void sh_slow_log_deinit(struct sh_slow_log *log) {
    pthread_mutex_destroy(&log->mutex);
}

/* ---- what was asked, without its values ---- */

/* Words behind which a number says how long a window is. */
static bool is_unit(const struct sh_token *token) {
    static const char *const units[] = {"second", "minute", "hour", "day", "week", "month", "quarter", "year"};
    struct sh_text word = token->text;
    if (token->kind != SH_TOKEN_WORD) return false;
    if (sh_token_is(token, "calendar")) return true;
    if (word.count > 1 && (word.bytes[word.count - 1] | 0x20) == 's') word.count--;
    for (uint32_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (sh_text_equal_keyword(word, units[i])) return true;
    return false;
}

static void append_source(struct sh_buffer *redacted, struct sh_text text, uint32_t begin, uint32_t end) {
    sh_buffer_append(redacted, text.bytes + begin, end - begin);
}

/* Token by token: what stands between them (blanks) is kept as it is written. A number is only printed once the token
 * behind it is known. */
static void redact_tokens(struct sh_lexer *lexer, struct sh_buffer *redacted) {
    const struct sh_text text = lexer->text;
    uint32_t done = 0;
    for (;;) {
        if (sh_lexer_next(lexer) != SH_OK) {
            if (done < text.count) sh_buffer_append(redacted, " ?", 2);
            return;
        }
        const struct sh_token token = lexer->token;
        append_source(redacted, text, done, token.position);
        done = token.end;
        if (token.kind == SH_TOKEN_END) return;
        if (token.kind == SH_TOKEN_STRING) {
            sh_buffer_append(redacted, "?", 1);
        } else if (token.kind != SH_TOKEN_NUMBER) {
            append_source(redacted, text, token.position, token.end);
        } else {
            struct sh_lexer ahead = *lexer;
            const bool is_length = sh_lexer_next(&ahead) == SH_OK && is_unit(&ahead.token);
            if (is_length)
                append_source(redacted, text, token.position, token.end);
            else
                sh_buffer_append(redacted, "?", 1);
        }
    }
}

void sh_slow_redact(struct sh_text expression, struct sh_buffer *redacted) {
    struct sh_arena arena;
    struct sh_lexer lexer;
    struct sh_error err;
    const size_t begin = redacted->count;
    sh_arena_init(&arena, SH_EXPRESSION_BYTES_MAX * 2);
    sh_lexer_init(&lexer, expression, &arena, &err);
    redact_tokens(&lexer, redacted);
    sh_arena_deinit(&arena);
    if (redacted->count - begin <= SH_SLOW_EXPRESSION_BYTES_MAX) return;
    redacted->count = begin + SH_SLOW_EXPRESSION_BYTES_MAX;
    while (redacted->count > begin && (redacted->bytes[redacted->count] & 0xC0) == 0x80)
        redacted->count--;
}

/* ---- a line ---- */

/* The few characters that an expression or a name may have and JSON may not. */
static void append_json_text(struct sh_buffer *line, const char *name, struct sh_text text) {
    sh_buffer_print(line, ",\"%s\":\"", name);
    for (uint32_t i = 0; i < text.count; i++) {
        const uint8_t byte = (uint8_t)text.bytes[i];
        if (byte == '"' || byte == '\\')
            sh_buffer_print(line, "\\%c", byte);
        else if (byte < 0x20)
            sh_buffer_print(line, "\\u%04x", byte);
        else
            sh_buffer_append(line, &text.bytes[i], 1);
    }
    sh_buffer_append(line, "\"", 1);
}

/* Those params that are expressions: the first that is there. */
static void append_expression(struct sh_buffer *line, const struct sh_request *request) {
    static const char *const names[] = {"where", "sequence", "filter", "seeds", "first", "among"};
    struct sh_cursor cursor;
    uint32_t pair_count;
    sh_cursor_init(&cursor, request->params, request->params_count);
    if (sh_cursor_map(&cursor, &pair_count, "params", NULL) != SH_OK) return;
    for (uint32_t i = 0; i < pair_count; i++) {
        struct sh_text key, text;
        enum sh_value_kind kind;
        bool is_expression = false;
        if (sh_cursor_text(&cursor, &key, "a key", NULL) != SH_OK) return;
        for (uint32_t name = 0; name < sizeof names / sizeof names[0]; name++)
            is_expression |= sh_text_equal(key, sh_text_of(names[name]));
        if (!is_expression || sh_cursor_peek(&cursor, &kind, NULL) != SH_OK || kind != SH_VALUE_STR) {
            if (sh_cursor_skip(&cursor, NULL, NULL) != SH_OK) return;
            continue;
        }
        if (sh_cursor_text(&cursor, &text, "an expression", NULL) != SH_OK) return;
        char word[16];
        struct sh_buffer redacted;
        sh_buffer_init(&redacted, 4 * (size_t)SH_EXPRESSION_BYTES_MAX);
        sh_slow_redact(text, &redacted);
        (void)snprintf(word, sizeof word, "%.*s", SH_TEXT_ARGS(key));
        if (!redacted.failed)
            append_json_text(line, word, (struct sh_text){(const char *)redacted.bytes, (uint32_t)redacted.count});
        sh_buffer_deinit(&redacted);
        return;
    }
}

void sh_slow_log_note(struct sh_slow_log *log, const struct sh_slow_request *slow) {
    const struct sh_request *request = slow->request;
    struct sh_buffer line;
    sh_buffer_init(&line, 1 << 16);
    sh_buffer_print(&line, "{\"method\":\"%s\"", request->method->name);
    append_json_text(&line, "workspace", request->workspace);
    append_json_text(&line, "token", sh_text_of(slow->token));
    sh_buffer_print(&line, ",\"took_ms\":%.1f,\"worked_ms\":%.1f,\"status\":\"%s\"", (double)slow->took_ns / 1e6,
                    (double)slow->worked_ns / 1e6, sh_status_name(slow->status));
    sh_buffer_print(&line, ",\"params_bytes\":%zu,\"answer_bytes\":%zu", request->params_count, slow->answer_bytes);
    append_expression(&line, request);
    sh_buffer_print(&line, "}");
    if (!line.failed && line.count < SH_SLOW_TEXT_BYTES_MAX) {
        sh_log(SH_LOG_WARN, "slow %.*s", (int)line.count, (const char *)line.bytes);
        pthread_mutex_lock(&log->mutex);
        const uint64_t place = log->count++ % SH_SLOW_COUNT;
        memcpy(log->texts[place], line.bytes, line.count);
        log->texts[place][line.count] = '\0';
        log->times_ms[place] = request->now_ms;
        pthread_mutex_unlock(&log->mutex);
    }
    sh_buffer_deinit(&line);
}

void sh_slow_log_pack(struct sh_slow_log *log, struct sh_buffer *buffer) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    pthread_mutex_lock(&log->mutex);
    const uint64_t count = log->count < SH_SLOW_COUNT ? log->count : SH_SLOW_COUNT;
    msgpack_pack_array(&packer, count);
    for (uint64_t i = 1; i <= count; i++) {
        const uint64_t place = (log->count - i) % SH_SLOW_COUNT;
        msgpack_pack_map(&packer, 2);
        sh_pack_literal(&packer, "time");
        msgpack_pack_int64(&packer, log->times_ms[place]);
        sh_pack_literal(&packer, "what");
        sh_pack_literal(&packer, log->texts[place]);
    }
    pthread_mutex_unlock(&log->mutex);
}
