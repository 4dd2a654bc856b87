/* envelope.c -- the second map of a request: {client, seq}. See repeats.h. */
#include "cursor.h"
#include "loop.h"

enum { ENVELOPE_CLIENT, ENVELOPE_SEQ, ENVELOPE_KEY_COUNT };
static const char *const envelope_keys[ENVELOPE_KEY_COUNT] = {"client", "seq"};

static enum sh_status read_client(struct sh_cursor *cursor, struct sh_request *request, struct sh_error *err) {
    const enum sh_status status = sh_cursor_text(cursor, &request->client, "`client`", err);
    if (status != SH_OK) return status;
    if (request->client.count > 0 && request->client.count <= SH_NAME_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`client` has 1 to %d bytes", SH_NAME_BYTES_MAX);
}

static enum sh_status read_seq(struct sh_cursor *cursor, struct sh_request *request, struct sh_error *err) {
    int64_t seq;
    const enum sh_status status = sh_cursor_integer(cursor, 1, INT64_MAX, &seq, "`seq`", err);
    if (status == SH_OK) request->seq = (uint64_t)seq;
    return status;
}

static enum sh_status read_pair(struct sh_cursor *cursor, struct sh_request *request, bool given[ENVELOPE_KEY_COUNT],
                                struct sh_error *err) {
    struct sh_text key;
    const enum sh_status status = sh_cursor_text(cursor, &key, "a key of the request's second map", err);
    if (status != SH_OK) return status;
    uint32_t place = 0;
    while (place < ENVELOPE_KEY_COUNT && !sh_text_equal(key, sh_text_of(envelope_keys[place])))
        place++;
    if (place == ENVELOPE_KEY_COUNT) {
        (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "a request's second map knows no key `%.*s`",
                      (int)(key.count < 80 ? key.count : 80), key.bytes);
        return sh_fail_hint(err, SH_ERR_ARGUMENT, "it has `client` and `seq`");
    }
    if (given[place]) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` is given twice", envelope_keys[place]);
    given[place] = true;
    return place == ENVELOPE_CLIENT ? read_client(cursor, request, err) : read_seq(cursor, request, err);
}

enum sh_status sh_envelope_read(const struct sh_frame *frame, struct sh_request *request, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t pair_count;
    bool given[ENVELOPE_KEY_COUNT] = {false};
    if (frame->envelope == NULL) return SH_OK;
    sh_cursor_init(&cursor, frame->envelope, frame->envelope_bytes);
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "a request's second map", err);
    for (uint32_t i = 0; i < pair_count && status == SH_OK; i++)
        status = read_pair(&cursor, request, given, err);
    if (status != SH_OK) return status;
    if (given[ENVELOPE_CLIENT] == given[ENVELOPE_SEQ]) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`client` and `seq` go together");
}
