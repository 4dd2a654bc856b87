#include "stream.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "memory.h"

enum { RETRY_PAUSE_MS = 300, NUMBER_COUNT = 16, MERGES_IN_FLIGHT_COUNT_MAX = 64 };

static enum sh_status no_memory(struct stream *stream) {
    return sh_fail(stream->err, SH_ERR_MEMORY, -1, "no memory for a batch");
}

enum sh_status stream_init(struct stream *stream, struct shoal_client *client, const char *rejects_path,
                           const volatile sig_atomic_t *stop, struct sh_error *err) {
    *stream = (struct stream){.client = client, .params = shoal_client_writer_create(), .stop = stop, .err = err};
    stream->rejects.path = rejects_path;
    sh_buffer_init(&stream->batch.users.bytes, STREAM_BODY_BYTES_MAX);
    sh_buffer_init(&stream->batch.items.bytes, STREAM_BODY_BYTES_MAX);
    sh_buffer_init(&stream->batch.events.bytes, STREAM_BODY_BYTES_MAX);
    sh_buffer_init(&stream->batch.merges, STREAM_BODY_BYTES_MAX);
    return stream->params != NULL ? SH_OK : no_memory(stream);
}

void stream_deinit(struct stream *stream) {
    struct stream_rows *const all[] = {&stream->batch.users, &stream->batch.items, &stream->batch.events};
    for (uint32_t i = 0; i < 3; i++) {
        sh_buffer_deinit(&all[i]->bytes);
        sh_free(all[i]->lines);
    }
    sh_buffer_deinit(&stream->batch.merges);
    shoal_client_writer_destroy(stream->params);
    load_counts_deinit(&stream->counts);
}

/* --- asking until there is an answer --- */

static bool may_work_later(int code) {
    return code == SHOAL_CLIENT_ERR_CLOSED || code == SHOAL_CLIENT_ERR_IO || code == SHOAL_CLIENT_ERR_BUSY ||
           code == SHOAL_CLIENT_ERR_DEADLINE || code == SHOAL_CLIENT_ERR_READ_ONLY ||
           code == SHOAL_CLIENT_ERR_RATE_LIMITED || code == SHOAL_CLIENT_ERR_MEMORY;
}

static void pause_a_little(void) {
    const struct timespec pause = {.tv_nsec = RETRY_PAUSE_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

int stream_call(struct stream *stream, const char *method, const struct shoal_client_writer *params, const char *source,
                uint64_t seq, struct shoal_client_answer *answer, struct shoal_client_error *error) {
    bool has_said = stream->is_quiet;
    for (;;) {
        if (seq > 0) {
            const int numbered = shoal_client_number(stream->client, source, seq);
            sh_assert(numbered == SHOAL_CLIENT_OK);
        }
        const int code = shoal_client_call(stream->client, method, params, SHOAL_CLIENT_IDEMPOTENT, answer, error);
        if (!may_work_later(code)) return code;
        if (*stream->stop != 0) return SHOAL_CLIENT_ERR_CLOSED;
        if (!has_said) (void)fprintf(stderr, "shoal stream: %s; trying again\n", error->message);
        has_said = true;
        pause_a_little();
    }
}

enum sh_status stream_fault(struct stream *stream, const char *method, const struct shoal_client_error *error) {
    const enum sh_status status = error->code == SHOAL_CLIENT_ERR_CLOSED ? SH_ERR_CLOSED : SH_ERR_IO;
    (void)sh_fail(stream->err, status, -1, "%s: %s", method, error->message);
    return error->hint[0] == '\0' ? status : sh_fail_hint(stream->err, status, "%s", error->hint);
}

/* SH_ERR_CONFLICT is for the caller; all other refusals are faults. */
static enum sh_status ask(struct stream *stream, const char *method, const char *source, uint64_t seq,
                          struct shoal_client_answer *answer, struct shoal_client_error *error) {
    const int code = stream_call(stream, method, stream->params, source, seq, answer, error);
    if (code == SHOAL_CLIENT_OK) return SH_OK;
    return code == SHOAL_CLIENT_ERR_CONFLICT ? SH_ERR_CONFLICT : stream_fault(stream, method, error);
}

enum sh_status stream_resume(struct stream *stream, const char *source, uint64_t *begin, uint64_t *end) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    *begin = *end = 0;
    shoal_client_writer_clear(stream->params);
    shoal_client_write_map(stream->params, 2);
    shoal_client_write_literal(stream->params, "client");
    shoal_client_write_literal(stream->params, source);
    shoal_client_write_literal(stream->params, "count");
    shoal_client_write_integer(stream->params, NUMBER_COUNT);
    const enum sh_status status = ask(stream, "client.numbers", NULL, 0, &answer, &error);
    if (status != SH_OK) return status;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "numbers"));
    struct shoal_client_value number;
    while (shoal_client_walk_next(&walk, NULL, &number)) {
        const uint64_t place = (uint64_t)shoal_client_integer(number, 0) / 4;
        if (*end == 0)
            *end = place;
        else if (place < *end) {
            *begin = place;
            break;
        }
    }
    return SH_OK;
}

/* --- a batch --- */

void stream_begin(struct stream *stream) {
    struct stream_batch *batch = &stream->batch;
    struct stream_rows *const all[] = {&batch->users, &batch->items, &batch->events};
    for (uint32_t i = 0; i < 3; i++) {
        sh_buffer_clear(&all[i]->bytes);
        all[i]->count = 0;
    }
    sh_buffer_clear(&batch->merges);
    batch->merge_count = 0;
    batch->line_count = 0;
    batch->line_bytes = 0;
}

void stream_add_line(struct stream *stream, struct sh_text line, uint64_t place) {
    struct stream_batch *batch = &stream->batch;
    sh_assert(batch->line_count < STREAM_LINE_COUNT_MAX);
    batch->lines[batch->line_count] = line;
    batch->places[batch->line_count++] = place;
    batch->line_bytes += line.count;
    stream->counts.lines++;
}

bool stream_is_full(const struct stream *stream) {
    const struct stream_batch *batch = &stream->batch;
    return batch->line_count == STREAM_LINE_COUNT_MAX || batch->line_bytes >= STREAM_BATCH_BYTES ||
           batch->events.count >= STREAM_EVENT_COUNT || batch->events.bytes.count >= STREAM_BODY_BYTES_MAX / 4;
}

enum sh_status stream_add_row(struct stream *stream, struct stream_rows *rows) {
    if (sh_grow((void **)&rows->lines, &rows->capacity, (uint64_t)rows->count + 1, sizeof *rows->lines) != SH_OK)
        return no_memory(stream);
    rows->lines[rows->count++] = stream->batch.line_count - 1;
    return SH_OK;
}

static enum sh_status reject(struct stream *stream, const char *source, uint32_t line, struct sh_text reason) {
    const struct stream_batch *batch = &stream->batch;
    stream->counts.refused++;
    load_count_reason(&stream->counts, reason);
    if (load_reject(&stream->rejects, source, batch->places[line], reason, batch->lines[line])) return SH_OK;
    return sh_fail(stream->err, SH_ERR_IO, -1, "%s: %s", stream->rejects.path, strerror(errno));
}

enum sh_status stream_reject(struct stream *stream, const char *source, struct sh_text reason) {
    return reject(stream, source, stream->batch.line_count - 1, reason);
}

/* --- sending --- */

static enum sh_status take_answer(struct stream *stream, const char *source, uint32_t kind,
                                  const struct stream_rows *rows, struct shoal_client_value told) {
    struct load_counts *counts = &stream->counts;
    counts->accepted[kind] += (uint64_t)shoal_client_integer(shoal_client_get(told, "accepted"), 0);
    counts->created[kind] += (uint64_t)shoal_client_integer(shoal_client_get(told, "created"), 0);
    counts->duplicates += (uint64_t)shoal_client_integer(shoal_client_get(told, "duplicates"), 0);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(told, "refused"));
    struct shoal_client_value refused;
    enum sh_status status = SH_OK;
    while (status == SH_OK && shoal_client_walk_next(&walk, NULL, &refused)) {
        const int64_t row = shoal_client_integer(shoal_client_get(refused, "row"), -1);
        size_t length = 0;
        const char *words = shoal_client_text(shoal_client_get(refused, "message"), &length);
        if (row < 0 || row >= rows->count) continue;
        status = reject(stream, source, rows->lines[row], (struct sh_text){words, (uint32_t)length});
    }
    return status;
}

/* Too long an answer is not kept: the server knows that it was done, and not what it said. */
static bool was_done(const struct shoal_client_error *error) {
    return strstr(error->hint, "too long to be kept") != NULL;
}

static enum sh_status send_rows(struct stream *stream, const char *source, uint32_t kind,
                                const struct stream_rows *rows, uint64_t seq) {
    static const char *const methods[] = {"user.put", "item.put", "event.append"};
    static const char *const words[] = {"users", "items", "events"};
    if (rows->count == 0) return SH_OK;
    enum sh_status status = sh_buffer_status(&rows->bytes, stream->err);
    if (status != SH_OK) return status;
    shoal_client_writer_clear(stream->params);
    shoal_client_write_map(stream->params, 1);
    shoal_client_write_literal(stream->params, words[kind]);
    shoal_client_write_array(stream->params, rows->count);
    shoal_client_write_raw(stream->params, rows->bytes.bytes, rows->bytes.count);
    stream->counts.read[kind] += rows->count;
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    status = ask(stream, methods[kind], source, seq, &answer, &error);
    if (status == SH_OK) return take_answer(stream, source, kind, rows, answer.result);
    if (status != SH_ERR_CONFLICT) return status;
    if (was_done(&error)) return SH_OK;
    (void)sh_fail(stream->err, SH_ERR_CONFLICT, -1, "%s at %" PRIu64 ": %s", source, seq / 4, error.message);
    return sh_fail_hint(stream->err, SH_ERR_CONFLICT,
                        "what stood there has changed since it was sent, or its names have; --source NAME begins anew");
}

/* In their order: one may name what an earlier one has made. */
static enum sh_status send_merges(struct stream *stream) {
    const struct stream_batch *batch = &stream->batch;
    enum sh_status status = sh_buffer_status(&batch->merges, stream->err);
    struct shoal_client_walk walk = {
        .at = batch->merges.bytes, .end = batch->merges.bytes + batch->merges.count, .left_count = batch->merge_count};
    struct shoal_client_value merge;
    while (status == SH_OK && shoal_client_walk_next(&walk, NULL, &merge)) {
        struct shoal_client_answer answer;
        struct shoal_client_error error;
        shoal_client_writer_clear(stream->params);
        const unsigned char *next = walk.left_count > 0 ? walk.at : walk.end;
        shoal_client_write_raw(stream->params, merge.bytes, (size_t)(next - merge.bytes));
        status = ask(stream, "user.merge", NULL, 0, &answer, &error);
    }
    return status;
}

enum sh_status stream_send(struct stream *stream, const char *source, uint64_t end) {
    const struct stream_batch *batch = &stream->batch;
    enum sh_status status = send_rows(stream, source, MAPPING_ITEMS, &batch->items, 0);
    if (status == SH_OK) status = send_rows(stream, source, MAPPING_USERS, &batch->users, 4 * end + 1);
    if (status == SH_OK) status = send_merges(stream);
    if (status == SH_OK) status = send_rows(stream, source, MAPPING_EVENTS, &batch->events, 4 * end + 2);
    return status;
}

void stream_print_summary(const struct stream *stream, FILE *out) {
    const struct load_counts *counts = &stream->counts;
    (void)fprintf(out, "%-12s %" PRIu64 "\n", stream->unit != NULL ? stream->unit : "messages", counts->lines);
    (void)fprintf(out, "users        %" PRIu64 " rows, %" PRIu64 " users new\n", counts->accepted[0],
                  counts->created[0]);
    (void)fprintf(out, "items        %" PRIu64 " rows\n", counts->accepted[1]);
    (void)fprintf(out, "events       %" PRIu64 " new, %" PRIu64 " there already\n", counts->accepted[2],
                  counts->duplicates);
    if (stream->repeated > 0) (void)fprintf(out, "sent again   %" PRIu64 " batches\n", stream->repeated);
    if (counts->refused == 0) return;
    (void)fprintf(out, "refused      %" PRIu64 ", in %s\n", counts->refused, stream->rejects.path);
    for (uint32_t i = 0; i < counts->reason_count; i++)
        (void)fprintf(out, "  %8" PRIu64 "  %s\n", counts->reasons[i].count, counts->reasons[i].words);
}
