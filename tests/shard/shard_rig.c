#include "shard_rig.h"

#include <stdio.h>
#include <string.h>

#include "msgpack_text.h"

void rig_init(struct rig *rig, uint32_t shard_count) {
    *rig = (struct rig){.shard_count = shard_count,
                        .workspace = "default",
                        .now_ms = 1760000000000,
                        .next_id = 1,
                        .client = "",
                        .tick_ns = 1000};
    sh_buffer_init(&rig->text, 1 << 28);
    sh_buffer_init(&rig->body, 1 << 28);
    for (uint32_t i = 0; i < shard_count; i++) {
        const struct sh_shard_options options = {.shard_index = i, .shard_count = shard_count};
        const enum sh_status status = sh_shard_create(&options, &rig->shards[i], NULL);
        sh_assert(status == SH_OK);
    }
}

void rig_deinit(struct rig *rig) {
    for (uint32_t i = 0; i < rig->shard_count; i++)
        sh_shard_destroy(rig->shards[i]);
    sh_buffer_deinit(&rig->text);
    sh_buffer_deinit(&rig->body);
}

void rig_check(const struct rig *rig) {
    for (uint32_t i = 0; i < rig->shard_count; i++) {
        const char *reason = "";
        if (sh_shard_check(rig->shards[i], &reason)) continue;
        (void)fprintf(stderr, "shard %u: %s\n", i, reason);
        abort();
    }
}

static void must(enum sh_status status, const struct sh_error *err) {
    if (status == SH_OK) return;
    (void)fprintf(stderr, "%s: %s\n", sh_status_name(status), err->message);
    abort();
}

void rig_save(const struct rig *rig, struct sh_buffer *bytes) {
    for (uint32_t i = 0; i < rig->shard_count; i++) {
        struct sh_archive_writer writer;
        struct sh_error err;
        sh_buffer_init(&bytes[i], (size_t)1 << 32);
        sh_archive_writer_init(&writer, sh_archive_to_buffer(&bytes[i]));
        must(sh_shard_save(rig->shards[i], &writer, &err), &err);
        must(sh_archive_finish(&writer, &err), &err);
        sh_archive_writer_deinit(&writer);
    }
}

void rig_load(struct rig *rig, const struct sh_buffer *bytes) {
    for (uint32_t i = 0; i < rig->shard_count; i++) {
        const struct sh_shard_options options = {.shard_index = i, .shard_count = rig->shard_count};
        struct sh_archive_bytes source = {.bytes = bytes[i].bytes, .count = bytes[i].count};
        struct sh_archive_reader reader;
        struct sh_error err;
        sh_shard_destroy(rig->shards[i]);
        sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), bytes[i].count);
        must(sh_shard_load(&options, &reader, &rig->shards[i], &err), &err);
        must(sh_archive_close(&reader, &err), &err);
        sh_archive_reader_deinit(&reader);
    }
}

struct ticks {
    uint64_t now_ns, tick_ns;
};

static uint64_t no_clock(void *context) {
    struct ticks *ticks = context;
    return ticks->now_ns += ticks->tick_ns;
}

static enum sh_status run(struct rig *rig, uint32_t shard, const struct sh_request *request,
                          const struct sh_answer *answer) {
    if (rig->step_blocks == 0) return sh_shard_apply(rig->shards[shard], request, answer, &rig->error);
    struct sh_job *job;
    enum sh_status status = sh_shard_start(rig->shards[shard], request, answer, &job, &rig->error);
    bool done = job == NULL;
    while (!done)
        status = sh_job_step(job, rig->step_blocks, &done, &rig->error);
    return status;
}

/* What a shard taught goes to all others. */
static enum sh_status teach(struct rig *rig, const struct sh_request *taught, uint32_t teacher,
                            const struct sh_buffer *effects) {
    if (effects->count == 0) return SH_OK;
    struct sh_request request = *taught;
    struct sh_buffer body;
    struct sh_buffer none;
    enum sh_status status = SH_OK;
    sh_buffer_init(&body, 4096);
    sh_buffer_init(&none, 4096);
    request.method = sh_method_find(SH_TEXT_LITERAL("shard.learn"), NULL);
    request.params = effects->bytes;
    request.params_count = effects->count;
    for (uint32_t i = 0; i < rig->shard_count && status == SH_OK; i++) {
        const struct sh_answer answer = {.body = &body, .effects = &none};
        if (i != teacher) status = run(rig, i, &request, &answer);
    }
    sh_assert(none.count == 0);
    sh_buffer_deinit(&body);
    sh_buffer_deinit(&none);
    return status;
}

/* All parts, what they teach, and what became of each. */
static void run_parts(struct rig *rig, const struct sh_request *request, const struct sh_split *split,
                      struct sh_buffer *bodies, struct sh_error *errors, enum sh_status *statuses) {
    struct sh_buffer effects[SH_SHARD_COUNT_MAX];
    for (uint32_t i = 0; i < split->part_count; i++) {
        sh_buffer_init(&bodies[i], SH_ANSWER_BYTES_MAX);
        sh_buffer_init(&effects[i], SH_ANSWER_BYTES_MAX);
        struct sh_request part = *request;
        const struct sh_answer answer = {.body = &bodies[i], .effects = &effects[i]};
        part.params = split->parts[i].params.bytes;
        part.params_count = split->parts[i].params.count;
        statuses[i] = run(rig, split->parts[i].shard, &part, &answer);
        errors[i] = rig->error;
        if (statuses[i] != SH_OK) sh_assert(bodies[i].count == 0);
    }
    for (uint32_t i = 0; i < split->part_count; i++) {
        const enum sh_status taught = teach(rig, request, split->parts[i].shard, &effects[i]);
        if (taught != SH_OK && statuses[i] == SH_OK) errors[i] = rig->error;
        if (statuses[i] == SH_OK) statuses[i] = taught;
        sh_buffer_deinit(&effects[i]);
    }
}

static enum sh_status scatter(struct rig *rig, const struct sh_request *request) {
    struct sh_split split;
    struct sh_buffer bodies[SH_SHARD_COUNT_MAX];
    struct sh_error errors[SH_SHARD_COUNT_MAX];
    enum sh_status statuses[SH_SHARD_COUNT_MAX];
    struct sh_shard *home = rig->shards[request->id % rig->shard_count];
    enum sh_status result = sh_request_split(request, home, &split, &rig->error);
    if (result != SH_OK) return result;
    for (bool more = true; more;) {
        const uint32_t part_count = split.part_count;
        struct sh_part_result results[SH_SHARD_COUNT_MAX];
        run_parts(rig, request, &split, bodies, errors, statuses);
        for (uint32_t i = 0; i < part_count; i++)
            results[i] = (struct sh_part_result){statuses[i], &errors[i], &bodies[i]};
        more = false;
        for (uint32_t i = 0; i < part_count && result == SH_OK; i++) {
            result = statuses[i];
            rig->error = errors[i];
        }
        if (sh_split_has_next(&split)) result = sh_request_next(request, &split, results, &more, &rig->error);
        if (!more && result == SH_OK) result = sh_request_merge(request, &split, bodies, &rig->body, &rig->error);
        for (uint32_t i = 0; i < part_count; i++)
            sh_buffer_deinit(&bodies[i]);
    }
    sh_split_free(&split);
    return result;
}

static void print_error(struct rig *rig) {
    const struct sh_error *error = &rig->error;
    sh_buffer_print(&rig->text, "%d %s", (int)error->status, sh_status_name(error->status));
    if (error->position >= 0) sh_buffer_print(&rig->text, " at %lld", (long long)error->position);
    sh_buffer_print(&rig->text, ": %s", error->message);
    if (error->hint[0] != '\0') sh_buffer_print(&rig->text, " (%s)", error->hint);
}

const char *rig_ask_bytes(struct rig *rig, const char *method, const void *params, size_t params_count) {
    struct ticks ticks = {.tick_ns = rig->tick_ns};
    struct sh_request request = {
        .workspace = sh_text_of(rig->workspace),
        .client = sh_text_of(rig->client),
        .seq = rig->seq,
        .params = params,
        .params_count = params_count,
        .now_ms = rig->now_ms,
        .position = rig->position,
        .id = rig->next_id++,
        .clock_ns = no_clock,
        .clock_context = &ticks,
    };
    sh_buffer_clear(&rig->text);
    sh_buffer_clear(&rig->body);
    rig->error = (struct sh_error){.status = SH_OK};
    request.method = sh_method_find(sh_text_of(method), &rig->error);
    enum sh_status status = rig->error.status;
    const struct sh_answer answer = {.body = &rig->body, .effects = NULL};
    if (status == SH_OK) status = rig->shard_count == 1 ? run(rig, 0, &request, &answer) : scatter(rig, &request);
    if (status == SH_OK)
        text_of_msgpack(rig->body.bytes, rig->body.count, 1, &rig->text);
    else
        print_error(rig);
    sh_assert(status == SH_OK || rig->body.count == 0);
    sh_assert(status == SH_OK || status == rig->error.status);
    sh_buffer_append(&rig->text, "", 1);
    return (const char *)rig->text.bytes;
}

const char *rig_ask(struct rig *rig, const char *method, const char *params) {
    struct sh_buffer bytes;
    sh_buffer_init(&bytes, 1 << 28);
    msgpack_of_text(params, &bytes);
    const char *text = rig_ask_bytes(rig, method, bytes.bytes, bytes.count);
    sh_buffer_deinit(&bytes);
    return text;
}

const char *rig_cursor(const struct rig *rig) {
    static char cursor[4096];
    const char *found = strstr((const char *)rig->text.bytes, "cursor: '");
    cursor[0] = '\0';
    if (found == NULL) return cursor;
    const char *begin = found + strlen("cursor: ");
    const char *end = strchr(begin + 1, '\'');
    (void)snprintf(cursor, sizeof cursor, "%.*s", (int)(end - begin + 1), begin);
    return cursor;
}
