#include "log_record.h"

#include <string.h>

enum {
    AT_VERSION = 0,
    AT_KIND = 1,
    AT_METHOD_BYTES = 2,
    AT_WORKSPACE_BYTES = 3,
    AT_CLIENT_BYTES = 4,
    AT_SOURCE = 5,
    AT_ZERO = 6,
    AT_NOW = 8,
    AT_ID = 16,
    AT_NUMBER = 24,
    AT_SEQ = 32,
    AT_PARAMS_BYTES = 40,
    AT_ZERO_LAST = 44,
};
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

static uint8_t *put_text(uint8_t *at, struct sh_text text) {
    if (text.count > 0) memcpy(at, text.bytes, text.count);
    return at + text.count;
}

uint32_t sh_log_record_write(const struct sh_log_record *record, uint8_t head[SH_LOG_RECORD_HEAD_BYTES_MAX]) {
    const struct sh_request *request = &record->request;
    const struct sh_text method = sh_text_of(request->method->name);
    const uint32_t params_bytes = (uint32_t)request->params_count;
    sh_assert(method.count <= UINT8_MAX);
    sh_assert(request->workspace.count <= SH_NAME_BYTES_MAX);
    sh_assert(request->client.count <= SH_NAME_BYTES_MAX);
    sh_assert(request->params_count <= SH_PART_BYTES_MAX);
    memset(head, 0, SH_LOG_RECORD_FIXED_BYTES);
    head[AT_VERSION] = SH_LOG_RECORD_VERSION;
    head[AT_KIND] = (uint8_t)record->kind;
    head[AT_METHOD_BYTES] = (uint8_t)method.count;
    head[AT_WORKSPACE_BYTES] = (uint8_t)request->workspace.count;
    head[AT_CLIENT_BYTES] = (uint8_t)request->client.count;
    head[AT_SOURCE] = (uint8_t)record->source;
    memcpy(head + AT_NOW, &request->now_ms, sizeof request->now_ms);
    memcpy(head + AT_ID, &request->id, sizeof request->id);
    memcpy(head + AT_NUMBER, &record->number, sizeof record->number);
    memcpy(head + AT_SEQ, &request->seq, sizeof request->seq);
    memcpy(head + AT_PARAMS_BYTES, &params_bytes, sizeof params_bytes);
    uint8_t *at = put_text(head + SH_LOG_RECORD_FIXED_BYTES, method);
    at = put_text(at, request->workspace);
    at = put_text(at, request->client);
    return (uint32_t)(at - head);
}

static enum sh_status refuse(struct sh_error *err, int64_t offset, const char *what) {
    return sh_fail(err, SH_ERR_CORRUPT, offset, "%s", what);
}

static bool is_numbered(enum sh_part_kind kind) {
    return kind == SH_PART_EVERY || kind == SH_PART_END;
}

static enum sh_status check_head(const uint8_t *bytes, size_t byte_count, struct sh_error *err) {
    uint16_t zero;
    uint32_t zero_last;
    if (byte_count < SH_LOG_RECORD_FIXED_BYTES) return refuse(err, 0, "a record is shorter than its head");
    if (bytes[AT_VERSION] > SH_LOG_RECORD_VERSION)
        return sh_fail(err, SH_ERR_UNSUPPORTED, AT_VERSION, "a record of version %u; this program knows version %d",
                       bytes[AT_VERSION], SH_LOG_RECORD_VERSION);
    memcpy(&zero, bytes + AT_ZERO, sizeof zero);
    memcpy(&zero_last, bytes + AT_ZERO_LAST, sizeof zero_last);
    if (bytes[AT_VERSION] == 0) return refuse(err, AT_VERSION, "a record of version 0");
    if (bytes[AT_KIND] >= SH_PART_KIND_COUNT) return refuse(err, AT_KIND, "a record of an unknown kind");
    if (bytes[AT_METHOD_BYTES] == 0) return refuse(err, AT_METHOD_BYTES, "a record without a method");
    if (bytes[AT_WORKSPACE_BYTES] == 0 || bytes[AT_WORKSPACE_BYTES] > SH_NAME_BYTES_MAX)
        return refuse(err, AT_WORKSPACE_BYTES, "the name of a record's workspace is too long or missing");
    if (bytes[AT_CLIENT_BYTES] > SH_NAME_BYTES_MAX)
        return refuse(err, AT_CLIENT_BYTES, "the name of a record's client is too long");
    if (zero != 0 || zero_last != 0) return refuse(err, AT_ZERO, "bytes of a record that must be zero are not");
    if (bytes[AT_SOURCE] >= SH_SHARD_COUNT_MAX || (bytes[AT_SOURCE] > 0 && bytes[AT_KIND] != SH_PART_LESSON))
        return refuse(err, AT_SOURCE, "a record was taught by a shard that cannot be");
    return SH_OK;
}

enum sh_status sh_log_record_read(const uint8_t *bytes, size_t byte_count, struct sh_log_record *record,
                                  struct sh_error *err) {
    uint32_t params_bytes;
    enum sh_status status = check_head(bytes, byte_count, err);
    if (status != SH_OK) return status;
    *record = (struct sh_log_record){.kind = (enum sh_part_kind)bytes[AT_KIND], .source = bytes[AT_SOURCE]};
    struct sh_request *request = &record->request;
    memcpy(&request->now_ms, bytes + AT_NOW, sizeof request->now_ms);
    memcpy(&request->id, bytes + AT_ID, sizeof request->id);
    memcpy(&record->number, bytes + AT_NUMBER, sizeof record->number);
    memcpy(&request->seq, bytes + AT_SEQ, sizeof request->seq);
    memcpy(&params_bytes, bytes + AT_PARAMS_BYTES, sizeof params_bytes);
    const char *texts = (const char *)bytes + SH_LOG_RECORD_FIXED_BYTES;
    const struct sh_text method = {texts, bytes[AT_METHOD_BYTES]};
    request->workspace = (struct sh_text){method.bytes + method.count, bytes[AT_WORKSPACE_BYTES]};
    request->client = (struct sh_text){request->workspace.bytes + request->workspace.count, bytes[AT_CLIENT_BYTES]};
    const size_t head_bytes =
        SH_LOG_RECORD_FIXED_BYTES + (size_t)method.count + request->workspace.count + request->client.count;
    if (head_bytes + params_bytes != byte_count)
        return refuse(err, AT_PARAMS_BYTES, "a record's lengths do not add up to its size");
    if ((request->seq == 0) != (request->client.count == 0))
        return refuse(err, AT_SEQ, "a record has a client without a number, or a number without a client");
    if ((record->number > 0) != is_numbered(record->kind))
        return refuse(err, AT_NUMBER, "a record's number does not go with its kind");
    request->params = bytes + head_bytes;
    request->params_count = params_bytes;
    request->method = sh_method_find(method, NULL);
    if (request->method == NULL)
        return sh_fail(err, SH_ERR_UNSUPPORTED, SH_LOG_RECORD_FIXED_BYTES, "this program has no method `%.*s`",
                       (int)(method.count < 80 ? method.count : 80), method.bytes);
    if (!request->method->writes) return refuse(err, SH_LOG_RECORD_FIXED_BYTES, "a record of a method that only reads");
    return SH_OK;
}
