#include "frame_check.h"

#include <stdlib.h>

#include "cursor.h"
#include "frame.h"
#include "hash.h"

enum { LIMIT_BYTES = 1 << 16, MESSAGE_COUNT_MAX = 1 << 16 };

/* Where each message of a stream ended, and how the stream did. */
struct outcome {
    uint32_t message_count;
    size_t end_bytes;
    enum sh_status status;
};

/* The stream in pieces: the scanner sees the message so far in memory of exactly that size, at another address each
 * time, as a growing buffer would have it. piece_seed 0: all at once. */
static struct outcome scan_stream(const uint8_t *bytes, size_t byte_count, uint64_t piece_seed) {
    struct outcome outcome = {0};
    struct sh_frame_scan scan;
    sh_frame_scan_init(&scan, LIMIT_BYTES);
    size_t arrived = piece_seed == 0 ? byte_count : 0;
    for (uint64_t piece = 1;; piece++) {
        size_t frame_bytes = 1;
        while (frame_bytes > 0 && outcome.end_bytes < byte_count) {
            const size_t here = arrived - outcome.end_bytes;
            uint8_t *copy = malloc(here == 0 ? 1 : here);
            if (copy == NULL) abort();
            memcpy(copy, bytes + outcome.end_bytes, here);
            outcome.status = sh_frame_scan(&scan, copy, here, &frame_bytes, NULL);
            free(copy);
            if (outcome.status != SH_OK) return outcome;
            if (frame_bytes > 0) {
                outcome.message_count++;
                outcome.end_bytes += frame_bytes;
                sh_frame_scan_init(&scan, LIMIT_BYTES);
            }
        }
        if (arrived == byte_count) return outcome;
        const uint64_t random = sh_hash_mix(piece_seed ^ 0xA0761D6478BD642F, piece ^ 0xE7037ED1A0B428DB);
        const size_t step = 1 + random % (random % 5 == 0 ? 100 : 7);
        arrived = step < byte_count - arrived ? arrived + step : byte_count;
    }
}

static bool same_bytes(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes) {
    return (a == NULL) == (b == NULL) && a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static const char *check_again(const struct sh_frame *frame, struct sh_buffer *buffer) {
    struct sh_frame again;
    if (sh_frame_read(buffer->bytes, buffer->count, &again, NULL) != SH_OK) return "what was written is not read";
    if (again.kind != frame->kind || again.msgid != frame->msgid) return "kind or msgid changed";
    if (!sh_text_equal(again.method, frame->method)) return "the method changed";
    if (!same_bytes(again.params, again.params_bytes, frame->params, frame->params_bytes)) return "params changed";
    return NULL;
}

static const char *check_message(const uint8_t *bytes, size_t byte_count, struct sh_buffer *buffer) {
    struct sh_frame frame;
    struct sh_error err;
    const enum sh_status status = sh_frame_read(bytes, byte_count, &frame, &err);
    if (status != SH_OK) return status == err.status ? NULL : "status and error differ";
    if (frame.kind == SH_FRAME_ANSWER) {
        if ((frame.error == NULL) == (frame.result == NULL)) return "an answer is a result or an error";
        if (frame.error != NULL) sh_frame_read_error(frame.error, frame.error_bytes, &err);
        return NULL;
    }
    sh_buffer_clear(buffer);
    if (frame.kind == SH_FRAME_REQUEST)
        sh_frame_write_request(buffer, frame.msgid, frame.method, frame.params, frame.params_bytes);
    else
        sh_frame_write_notice(buffer, frame.method, frame.params, frame.params_bytes);
    if (buffer->failed) return "no memory";
    return check_again(&frame, buffer);
}

const char *frame_check(const uint8_t *bytes, size_t byte_count, uint64_t seed) {
    const struct outcome whole = scan_stream(bytes, byte_count, 0);
    const struct outcome pieces = scan_stream(bytes, byte_count, seed | 1);
    if (whole.status != pieces.status) return "in pieces the stream ends otherwise";
    if (whole.message_count != pieces.message_count) return "in pieces there are other messages";
    if (whole.end_bytes != pieces.end_bytes) return "in pieces the messages end elsewhere";
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, (size_t)LIMIT_BYTES * 2);
    const char *fault = NULL;
    size_t at = 0;
    while (at < whole.end_bytes && fault == NULL) {
        struct sh_frame_scan scan;
        size_t frame_bytes;
        sh_frame_scan_init(&scan, LIMIT_BYTES);
        if (sh_frame_scan(&scan, bytes + at, byte_count - at, &frame_bytes, NULL) != SH_OK || frame_bytes == 0) {
            fault = "a message that was found is not found again";
            break;
        }
        uint8_t *exact = malloc(frame_bytes);
        if (exact == NULL) abort();
        memcpy(exact, bytes + at, frame_bytes);
        fault = check_message(exact, frame_bytes, &buffer);
        free(exact);
        at += frame_bytes;
    }
    sh_buffer_deinit(&buffer);
    return fault;
}
