#include "load.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "load_summary.h"
#include "memory.h"
#include "progress.h"

enum { LOAD_ARENA_BYTES_MAX = 64 << 20, LOAD_FILE_COUNT_MAX = 10000, LOAD_TYPE_COUNT_MAX = 256 };

static const char *const put_methods[] = {"user.put", "item.put", "event.append"};

/* Rows of one section that are not sent yet, or are in flight: then lines and raw say what a refused row was. */
struct batch {
    const struct mapping_section *section;
    const char *file;
    uint32_t call; /* of the client, while in flight */
    bool in_flight;
    struct sh_buffer rows;
    struct sh_buffer raw; /* the records, end to end */
    uint64_t lines[LOAD_BATCH_ROW_COUNT];
    uint32_t raw_ends[LOAD_BATCH_ROW_COUNT];
    uint32_t row_count;
};

struct loader {
    struct shoal_client *client;
    const struct load_options *options;
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_zone *zone;
    struct load_counts counts;
    struct load_rejects rejects;
    struct progress progress;
    struct shoal_client_writer *params;
    struct batch *batches; /* LOAD_IN_FLIGHT_COUNT_MAX + one for each section being filled */
    uint32_t batch_count;
    struct sh_text types[LOAD_TYPE_COUNT_MAX]; /* event types that the server knows through us */
    uint32_t type_count;
    struct sh_error err;
};

/* Sections that read one file, while it is read. */
struct file_job {
    const char *path;
    struct row_encoder encoders[MAPPING_SECTION_COUNT_MAX];
    struct batch *filling[MAPPING_SECTION_COUNT_MAX];
    uint32_t section_count;
    bool has_events;
    struct sh_text wanted[ROW_WANTED_COUNT_MAX];
    uint32_t wanted_count;
};

static enum sh_status client_fault(struct loader *loader, const struct shoal_client_error *error) {
    sh_fail(&loader->err, SH_ERR_IO, error->position, "%s", error->message);
    if (error->hint[0] != '\0') sh_fail_hint(&loader->err, SH_ERR_IO, "%s", error->hint);
    return SH_ERR_IO;
}

static enum sh_status reject(struct loader *loader, const char *file, uint64_t line, struct sh_text reason,
                             struct sh_text record) {
    load_count_reason(&loader->counts, reason);
    if (load_reject(&loader->rejects, file, line, reason, record)) return SH_OK;
    return sh_fail(&loader->err, SH_ERR_IO, -1, "%s: %s", loader->rejects.path, strerror(errno));
}

/* --- schema --- */

static enum sh_status put_schema(struct loader *loader) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    if (shoal_client_call(loader->client, "schema.put", loader->params, SHOAL_CLIENT_IDEMPOTENT, &answer, &error) !=
        SHOAL_CLIENT_OK)
        return client_fault(loader, &error);
    return SH_OK;
}

/* The type that a column names: told to the server before its first row. */
static enum sh_status know_type(struct loader *loader, const struct mapping_section *section, struct sh_text name) {
    if (section->type.is_constant) return SH_OK;
    for (uint32_t i = 0; i < loader->type_count; i++)
        if (sh_text_equal(loader->types[i], name)) return SH_OK;
    if (loader->type_count == LOAD_TYPE_COUNT_MAX)
        return sh_fail(&loader->err, SH_ERR_LIMIT, -1,
                       "the column '%.*s' has more than %d different values; is it the event type?",
                       SH_TEXT_ARGS(section->type.column), LOAD_TYPE_COUNT_MAX);
    const char *copy = sh_arena_copy(&loader->arena, name.bytes, name.count);
    if (copy == NULL) return sh_fail(&loader->err, SH_ERR_MEMORY, -1, "no memory for event types");
    loader->types[loader->type_count++] = (struct sh_text){copy, name.count};
    shoal_client_writer_clear(loader->params);
    shoal_client_write_map(loader->params, 1);
    shoal_client_write_literal(loader->params, "events");
    shoal_client_write_array(loader->params, 1);
    load_write_event_type(section, name, loader->params);
    return put_schema(loader);
}

/* --- batches --- */

static enum sh_status take_answer(struct loader *loader, const struct shoal_client_answer *answer) {
    struct batch *batch = NULL;
    for (uint32_t i = 0; i < loader->batch_count; i++)
        if (loader->batches[i].in_flight && loader->batches[i].call == answer->id) batch = &loader->batches[i];
    if (batch == NULL) return SH_OK;
    batch->in_flight = false;
    if (answer->code != SHOAL_CLIENT_OK) return client_fault(loader, &answer->error);
    const uint32_t kind = batch->section->kind;
    loader->counts.accepted[kind] += (uint64_t)shoal_client_integer(shoal_client_get(answer->result, "accepted"), 0);
    loader->counts.created[kind] += (uint64_t)shoal_client_integer(shoal_client_get(answer->result, "created"), 0);
    loader->counts.duplicates += (uint64_t)shoal_client_integer(shoal_client_get(answer->result, "duplicates"), 0);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer->result, "refused"));
    struct shoal_client_value refused;
    while (shoal_client_walk_next(&walk, NULL, &refused)) {
        const int64_t row = shoal_client_integer(shoal_client_get(refused, "row"), -1);
        size_t length = 0;
        const char *words = shoal_client_text(shoal_client_get(refused, "message"), &length);
        if (row < 0 || row >= batch->row_count) continue;
        const uint32_t from = row == 0 ? 0 : batch->raw_ends[row - 1];
        const struct sh_text raw = {(const char *)batch->raw.bytes + from, batch->raw_ends[row] - from};
        loader->counts.refused++;
        const struct sh_text reason = {words == NULL ? "" : words, (uint32_t)length};
        const enum sh_status status = reject(loader, batch->file, batch->lines[row], reason, raw);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status wait_answer(struct loader *loader) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    if (shoal_client_next(loader->client, -1, &answer, &error) != SHOAL_CLIENT_OK) return client_fault(loader, &error);
    return take_answer(loader, &answer);
}

static enum sh_status drain(struct loader *loader) {
    while (shoal_client_in_flight_count(loader->client) > 0) {
        const enum sh_status status = wait_answer(loader);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status send_batch(struct loader *loader, const struct row_encoder *encoder, struct batch *batch) {
    struct shoal_client_writer *params = loader->params;
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 3);
    shoal_client_write_literal(params, "fields");
    struct sh_buffer fields;
    sh_buffer_init(&fields, 1 << 20);
    msgpack_packer packer;
    sh_buffer_packer(&fields, &packer);
    row_pack_names(encoder, &packer);
    shoal_client_write_raw(params, fields.bytes, fields.count);
    sh_buffer_deinit(&fields);
    shoal_client_write_literal(params, "nil");
    shoal_client_write_literal(params, "leave");
    shoal_client_write_literal(params, "rows");
    shoal_client_write_array(params, batch->row_count);
    shoal_client_write_raw(params, batch->rows.bytes, batch->rows.count);
    while (shoal_client_in_flight_count(loader->client) >= LOAD_IN_FLIGHT_COUNT_MAX) {
        const enum sh_status status = wait_answer(loader);
        if (status != SH_OK) return status;
    }
    struct shoal_client_error error;
    if (shoal_client_submit(loader->client, put_methods[batch->section->kind], params, SHOAL_CLIENT_IDEMPOTENT,
                            &batch->call, &error) != SHOAL_CLIENT_OK ||
        shoal_client_flush(loader->client, &error) != SHOAL_CLIENT_OK)
        return client_fault(loader, &error);
    batch->in_flight = true;
    return SH_OK;
}

static enum sh_status free_batch(struct loader *loader, const struct file_job *job,
                                 const struct mapping_section *section, struct batch **free) {
    for (;;) {
        for (uint32_t i = 0; i < loader->batch_count; i++) {
            struct batch *batch = &loader->batches[i];
            bool filling = batch->in_flight;
            for (uint32_t s = 0; s < job->section_count && !filling; s++)
                filling = job->filling[s] == batch;
            if (filling) continue;
            sh_buffer_clear(&batch->rows);
            sh_buffer_clear(&batch->raw);
            batch->row_count = 0;
            batch->section = section;
            batch->file = job->path;
            *free = batch;
            return SH_OK;
        }
        const enum sh_status status = wait_answer(loader);
        if (status != SH_OK) return status;
    }
}

/* --- files --- */

static enum sh_status take_record(struct loader *loader, struct file_job *job, uint32_t number,
                                  const struct record_reader *record) {
    enum sh_status status;
    struct row_encoder *encoder = &job->encoders[number];
    struct batch **batch = &job->filling[number];
    if (*batch == NULL && (status = free_batch(loader, job, encoder->section, batch)) != SH_OK) return status;
    struct sh_text reason = {"", 0};
    struct sh_error fault;
    switch (row_encode(encoder, record, &(*batch)->rows, &reason, &fault)) {
    case ROW_PASSED:
        return SH_OK;
    case ROW_ASIDE:
        loader->counts.aside++;
        return reject(loader, job->path, record->line_number, reason, record_raw(record));
    case ROW_REJECTED:
        loader->counts.refused++;
        return reject(loader, job->path, record->line_number, sh_text_of(fault.message), record_raw(record));
    case ROW_TAKEN:
        break;
    }
    loader->counts.read[encoder->section->kind]++;
    if (encoder->section->kind == MAPPING_EVENTS &&
        (status = know_type(loader, encoder->section, row_event_type(encoder, record))) != SH_OK)
        return status;
    const struct sh_text raw = record_raw(record);
    sh_buffer_append_text(&(*batch)->raw, raw);
    if ((status = sh_buffer_status(&(*batch)->raw, &loader->err)) != SH_OK) return status;
    (*batch)->lines[(*batch)->row_count] = record->line_number;
    (*batch)->raw_ends[(*batch)->row_count] = (uint32_t)(*batch)->raw.count;
    (*batch)->row_count++;
    if ((*batch)->row_count < LOAD_BATCH_ROW_COUNT && (*batch)->rows.count < LOAD_BATCH_BYTES) return SH_OK;
    status = send_batch(loader, encoder, *batch);
    *batch = NULL;
    return status;
}

static enum sh_status read_records(struct loader *loader, struct file_job *job, struct record_reader *record) {
    enum sh_status status;
    for (uint64_t turn = 0;; turn++) {
        bool at_end;
        status = record_next(record, &at_end, &loader->err);
        if (status == SH_OK && at_end) break;
        loader->counts.lines++;
        if (status == SH_ERR_SYNTAX) {
            loader->counts.refused++;
            status =
                reject(loader, job->path, record->line_number, sh_text_of(loader->err.message), record_raw(record));
            if (status != SH_OK) return status;
            continue;
        }
        if (status != SH_OK) return status;
        if (job->has_events) load_add_totals(&loader->counts, record);
        for (uint32_t i = 0; i < job->section_count; i++)
            if ((status = take_record(loader, job, i, record)) != SH_OK) return status;
        if ((turn & 1023) == 0)
            progress_show(&loader->progress, loader->counts.lines, input_file_position(record->input));
    }
    for (uint32_t i = 0; i < job->section_count; i++) {
        struct batch *batch = job->filling[i];
        job->filling[i] = NULL;
        if (batch != NULL && batch->row_count > 0 && (status = send_batch(loader, &job->encoders[i], batch)) != SH_OK)
            return status;
    }
    return drain(loader); /* users before the events that name them, file by file */
}

static void bind_totals(struct loader *loader, struct file_job *job) {
    for (uint32_t i = 0; i < loader->counts.total_count; i++) {
        struct load_total *total = &loader->counts.totals[i];
        total->source =
            (struct row_source){.source = &total->summary.source, .column = UINT32_MAX, .factor = UINT32_MAX};
        if (!job->has_events || total->summary.kind == MAPPING_LINES) continue;
        const struct mapping_source *source = &total->summary.source;
        total->source.column = row_want(job->wanted, &job->wanted_count, source->column);
        if (source->factor.count > 0) total->source.factor = row_want(job->wanted, &job->wanted_count, source->factor);
    }
}

static enum sh_status load_file(struct loader *loader, struct file_job *job, const struct mapping_section *first) {
    enum sh_status status;
    bind_totals(loader, job);
    const struct record_options options = {.format = first->format,
                                           .delimiter = first->delimiter,
                                           .has_header = first->has_header,
                                           .columns = first->columns,
                                           .column_count = first->column_count};
    struct record_reader record;
    status = record_open(&record, job->path, NULL, &options, job->wanted, job->wanted_count, false, &loader->err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < job->section_count; i++)
        row_encoder_restart(&job->encoders[i]);
    progress_file(&loader->progress, job->path, input_file_bytes(record.input));
    status = read_records(loader, job, &record);
    record_close(&record);
    progress_file_done(&loader->progress, loader->counts.lines);
    return status;
}

static enum sh_status expand_file(struct loader *loader, struct sh_text pattern, glob_t *found) {
    char path[PATH_MAX];
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", loader->options->mapping_path);
    const char *beside = loader->options->folder != NULL ? loader->options->folder : dirname(folder);
    if (sh_text_equal(pattern, SH_TEXT_LITERAL("-")) || pattern.bytes[0] == '/')
        (void)snprintf(path, sizeof path, "%.*s", SH_TEXT_ARGS(pattern));
    else
        (void)snprintf(path, sizeof path, "%s/%.*s", beside, SH_TEXT_ARGS(pattern));
    const int result = glob(path, GLOB_ERR | (path[0] == '-' ? GLOB_NOCHECK : 0), NULL, found);
    if (result == 0) return SH_OK;
    if (result == GLOB_NOMATCH) return sh_fail(&loader->err, SH_ERR_NOT_FOUND, -1, "there is no file %s", path);
    return sh_fail(&loader->err, SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
}

/* The distinct files of all sections, in the order the mapping names them. */
static enum sh_status list_files(struct loader *loader, const char ***files, uint32_t *file_count,
                                 uint8_t (**uses)[MAPPING_SECTION_COUNT_MAX]) {
    *files = sh_arena_alloc(&loader->arena, LOAD_FILE_COUNT_MAX * sizeof **files);
    *uses = sh_arena_alloc_zero(&loader->arena, LOAD_FILE_COUNT_MAX * sizeof **uses);
    if (*files == NULL || *uses == NULL) return sh_fail(&loader->err, SH_ERR_MEMORY, -1, "no memory for the file list");
    *file_count = 0;
    for (uint32_t s = 0; s < loader->mapping.section_count; s++) {
        const struct mapping_section *section = &loader->mapping.sections[s];
        for (uint32_t f = 0; f < section->file_count; f++) {
            glob_t found;
            const enum sh_status status = expand_file(loader, section->files[f], &found);
            if (status != SH_OK) return status;
            for (size_t i = 0; i < found.gl_pathc; i++) {
                uint32_t at = 0;
                while (at < *file_count && strcmp((*files)[at], found.gl_pathv[i]) != 0)
                    at++;
                if (at == *file_count) {
                    (*files)[at] = at == LOAD_FILE_COUNT_MAX ? NULL
                                                             : sh_arena_copy(&loader->arena, found.gl_pathv[i],
                                                                             strlen(found.gl_pathv[i]) + 1);
                    if (at == LOAD_FILE_COUNT_MAX || (*files)[at] == NULL) {
                        globfree(&found);
                        return sh_fail(&loader->err, SH_ERR_LIMIT, -1, "more than %d files", LOAD_FILE_COUNT_MAX);
                    }
                    (*file_count)++;
                }
                (*uses)[at][s] = 1;
            }
            globfree(&found);
        }
    }
    return SH_OK;
}

static enum sh_status load_files(struct loader *loader) {
    const char **files;
    uint8_t(*uses)[MAPPING_SECTION_COUNT_MAX];
    uint32_t file_count = 0;
    enum sh_status status = list_files(loader, &files, &file_count, &uses);
    if (status != SH_OK) return status;
    struct file_job *job = sh_arena_alloc(&loader->arena, sizeof *job);
    if (job == NULL) return sh_fail(&loader->err, SH_ERR_MEMORY, -1, "no memory to load files");
    for (uint32_t f = 0; f < file_count && status == SH_OK; f++) {
        *job = (struct file_job){.path = files[f]};
        const struct mapping_section *first = NULL;
        for (uint32_t s = 0; s < loader->mapping.section_count && status == SH_OK; s++) {
            if (!uses[f][s]) continue;
            const struct mapping_section *section = &loader->mapping.sections[s];
            if (first == NULL) first = section;
            job->has_events |= section->kind == MAPPING_EVENTS;
            status = row_encoder_init(&job->encoders[job->section_count++], section, loader->zone, job->wanted,
                                      &job->wanted_count, &loader->arena, &loader->err);
        }
        if (status == SH_OK) status = load_file(loader, job, first);
        for (uint32_t i = 0; i < job->section_count; i++)
            row_encoder_deinit(&job->encoders[i]);
    }
    return status;
}

/* --- the whole --- */

enum sh_status load_read_mapping(const char *path, struct sh_arena *arena, struct mapping *mapping,
                                 struct sh_error *err) {
    struct input *input;
    enum sh_status status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    for (bool at_end = false; !at_end && status == SH_OK;) {
        size_t byte_count;
        (void)input_at(input, &byte_count);
        if (byte_count > MAPPING_BYTES_MAX) break;
        status = input_more(input, &at_end, err);
    }
    if (status == SH_OK) {
        size_t byte_count;
        const char *bytes = input_at(input, &byte_count);
        status = mapping_parse((struct sh_text){bytes, (uint32_t)byte_count}, arena, mapping, err);
    }
    input_close(input);
    return status;
}

static enum sh_status prepare(struct loader *loader) {
    enum sh_status status =
        load_read_mapping(loader->options->mapping_path, &loader->arena, &loader->mapping, &loader->err);
    if (status != SH_OK) return status;
    if ((status = sh_zone_open(loader->mapping.zone, &loader->zone, &loader->err)) != SH_OK) return status;
    loader->batch_count = LOAD_IN_FLIGHT_COUNT_MAX + MAPPING_SECTION_COUNT_MAX;
    loader->batches = sh_alloc_zero(loader->batch_count * sizeof *loader->batches);
    loader->params = shoal_client_writer_create();
    loader->counts.totals =
        sh_arena_alloc_zero(&loader->arena, (loader->mapping.summary_count + 1) * sizeof *loader->counts.totals);
    if (loader->batches == NULL || loader->params == NULL || loader->counts.totals == NULL)
        return sh_fail(&loader->err, SH_ERR_MEMORY, -1, "no memory to load files");
    for (uint32_t i = 0; i < loader->batch_count; i++) {
        sh_buffer_init(&loader->batches[i].rows, LOAD_BATCH_BYTES + 2 * CSV_RECORD_BYTES_MAX);
        sh_buffer_init(&loader->batches[i].raw, UINT32_MAX);
    }
    for (uint32_t i = 0; i < loader->mapping.summary_count; i++)
        loader->counts.totals[i].summary = loader->mapping.summaries[i];
    loader->counts.total_count = loader->mapping.summary_count;
    shoal_client_writer_clear(loader->params);
    load_write_schema(&loader->mapping, loader->params);
    return put_schema(loader);
}

static double seconds_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int load_run(struct shoal_client *client, const struct load_options *options) {
    struct loader *loader = sh_alloc_zero(sizeof *loader);
    if (loader == NULL) return 1;
    loader->client = client;
    loader->options = options;
    loader->rejects.path = options->rejects_path;
    sh_arena_init(&loader->arena, LOAD_ARENA_BYTES_MAX);
    progress_init(&loader->progress, !options->quiet);
    const double started = seconds_now();
    enum sh_status status = prepare(loader);
    if (status == SH_OK && !options->only_schema) status = load_files(loader);
    loader->counts.seconds = seconds_now() - started;
    progress_deinit(&loader->progress);
    if (!load_rejects_close(&loader->rejects) && status == SH_OK)
        status = sh_fail(&loader->err, SH_ERR_IO, -1, "%s: %s", options->rejects_path, strerror(errno));
    if (status != SH_OK)
        (void)fprintf(stderr, "shoal load: %s%s%s\n", loader->err.message, loader->err.hint[0] != '\0' ? "; " : "",
                      loader->err.hint);
    if (!options->only_schema) {
        if (options->json)
            load_print_summary_json(&loader->counts, options->rejects_path, stdout);
        else
            load_print_summary(&loader->counts, options->rejects_path, stdout);
    }
    for (uint32_t i = 0; i < loader->batch_count && loader->batches != NULL; i++) {
        sh_buffer_deinit(&loader->batches[i].rows);
        sh_buffer_deinit(&loader->batches[i].raw);
    }
    sh_free(loader->batches);
    load_counts_deinit(&loader->counts);
    shoal_client_writer_destroy(loader->params);
    sh_zone_close(loader->zone);
    sh_arena_deinit(&loader->arena);
    sh_free(loader);
    return status == SH_OK ? 0 : 1;
}
