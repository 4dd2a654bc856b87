#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "load_calls.h"
#include "load_files.h"
#include "load_summary.h"
#include "memory.h"
#include "progress.h"

enum { LOAD_ARENA_BYTES_MAX = 64 << 20, LOAD_TYPE_COUNT_MAX = 256 };

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

struct event_type {
    struct sh_text name;
    struct sh_text refusal; /* why the server will not have it; count 0 when it does */
};

struct loader {
    struct shoal_client *client;
    const struct load_options *options;
    struct sh_arena arena;      /* lives as long as the load */
    struct sh_arena file_arena; /* for one file */
    struct mapping mapping;
    struct sh_zone *zone;
    struct load_counts counts;
    struct load_rejects rejects;
    struct progress progress;
    struct shoal_client_writer *params;
    struct batch *batches; /* LOAD_IN_FLIGHT_COUNT_MAX + one for each section being filled */
    uint32_t batch_count;
    struct event_type types[LOAD_TYPE_COUNT_MAX]; /* event types of a column that the server was told of */
    uint32_t type_count;
    struct sh_error err;
};

/* Sections that read one file, while it is read. */
struct file_job {
    const char *path;
    struct row_encoder encoders[MAPPING_SECTION_COUNT_MAX];
    struct batch *filling[MAPPING_SECTION_COUNT_MAX];
    uint32_t section_count;
    const struct mapping_section *events; /* the first section of events; NULL if there is none */
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

static int put_schema(struct loader *loader, struct shoal_client_error *error) {
    struct shoal_client_answer answer;
    return shoal_client_call(loader->client, "schema.put", loader->params, SHOAL_CLIENT_IDEMPOTENT, &answer, error);
}

static enum sh_status copy_text(struct loader *loader, struct sh_text text, struct sh_text *copy) {
    copy->count = text.count;
    copy->bytes = sh_arena_copy(&loader->arena, text.bytes, text.count);
    return copy->bytes != NULL ? SH_OK : sh_fail(&loader->err, SH_ERR_MEMORY, -1, "no memory for event types");
}

/* The type that a column names: told to the server before its first row. A type that the server will not have costs the
 * rows that name it, not the load: *refusal says why. */
static enum sh_status know_type(struct loader *loader, const struct mapping_section *section, struct sh_text name,
                                struct sh_text *refusal) {
    if (section->type.is_constant) return SH_OK;
    for (uint32_t i = 0; i < loader->type_count; i++) {
        if (!sh_text_equal(loader->types[i].name, name)) continue;
        *refusal = loader->types[i].refusal;
        return SH_OK;
    }
    if (loader->type_count == LOAD_TYPE_COUNT_MAX) {
        *refusal = SH_TEXT_LITERAL("too many event types; is this the column of the type?");
        return SH_OK;
    }
    struct event_type *type = &loader->types[loader->type_count];
    enum sh_status status = copy_text(loader, name, &type->name);
    if (status != SH_OK) return status;
    loader->type_count++;
    shoal_client_writer_clear(loader->params);
    shoal_client_write_map(loader->params, 1);
    shoal_client_write_literal(loader->params, "events");
    shoal_client_write_array(loader->params, 1);
    load_write_event_type(section, name, loader->params);
    struct shoal_client_error error;
    const int code = put_schema(loader, &error);
    if (code == SHOAL_CLIENT_OK) return SH_OK;
    if (!error.from_server) return client_fault(loader, &error);
    status = copy_text(loader, sh_text_of(error.message), &type->refusal);
    *refusal = type->refusal;
    return status;
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
    const enum sh_status packed = sh_buffer_status(&fields, &loader->err);
    if (packed == SH_OK) shoal_client_write_raw(params, fields.bytes, fields.count);
    sh_buffer_deinit(&fields);
    if (packed != SH_OK) return packed;
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

/* Send what a section has filled, if anything. */
static enum sh_status send_section(struct loader *loader, struct file_job *job, uint32_t number) {
    struct batch *batch = job->filling[number];
    job->filling[number] = NULL;
    if (batch == NULL || batch->row_count == 0) return SH_OK;
    return send_batch(loader, &job->encoders[number], batch);
}

/* Send everything, what events name before the events: or they would make their users, and who is new would be told of
 * the wrong rows. */
static enum sh_status send_filling(struct loader *loader, struct file_job *job) {
    for (uint32_t of_events = 0; of_events < 2; of_events++) {
        for (uint32_t i = 0; i < job->section_count; i++) {
            if ((job->encoders[i].section->kind == MAPPING_EVENTS) != (of_events == 1)) continue;
            const enum sh_status status = send_section(loader, job, i);
            if (status != SH_OK) return status;
        }
    }
    return SH_OK;
}

static enum sh_status take_record(struct loader *loader, struct file_job *job, uint32_t number,
                                  const struct record_reader *record) {
    enum sh_status status;
    struct row_encoder *encoder = &job->encoders[number];
    struct batch **batch = &job->filling[number];
    if (*batch == NULL && (status = free_batch(loader, job, encoder->section, batch)) != SH_OK) return status;
    sh_assert(*batch != NULL);
    const size_t rows_before = (*batch)->rows.count;
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
    if (encoder->section->kind == MAPPING_EVENTS) {
        status = know_type(loader, encoder->section, row_event_type(encoder, record), &reason);
        if (status != SH_OK) return status;
        if (reason.count > 0) {
            (*batch)->rows.count = rows_before;
            loader->counts.refused++;
            return reject(loader, job->path, record->line_number, reason, record_raw(record));
        }
    }
    loader->counts.read[encoder->section->kind]++;
    const struct sh_text raw = record_raw(record);
    sh_buffer_append_text(&(*batch)->raw, raw);
    if ((status = sh_buffer_status(&(*batch)->raw, &loader->err)) != SH_OK) return status;
    (*batch)->lines[(*batch)->row_count] = record->line_number;
    (*batch)->raw_ends[(*batch)->row_count] = (uint32_t)(*batch)->raw.count;
    (*batch)->row_count++;
    if ((*batch)->row_count < LOAD_BATCH_ROW_COUNT && (*batch)->rows.count < LOAD_BATCH_BYTES) return SH_OK;
    return encoder->section->kind == MAPPING_EVENTS ? send_filling(loader, job) : send_section(loader, job, number);
}

/* Every record of the file, until its end or a fault that is not one record's. */
static enum sh_status take_records(struct loader *loader, struct file_job *job, struct record_reader *record) {
    for (uint64_t turn = 0;; turn++) {
        bool at_end;
        enum sh_status status = record_next(record, &at_end, &loader->err);
        if (status == SH_OK && at_end) return SH_OK;
        if (status != SH_OK && status != SH_ERR_SYNTAX) return status;
        loader->counts.lines++;
        if (status == SH_ERR_SYNTAX) {
            loader->counts.refused++;
            status =
                reject(loader, job->path, record->line_number, sh_text_of(loader->err.message), record_raw(record));
        } else {
            if (job->events != NULL) load_add_totals(&loader->counts, job->events, record);
            for (uint32_t i = 0; i < job->section_count && status == SH_OK; i++)
                status = take_record(loader, job, i, record);
        }
        if (status != SH_OK) return status;
        if ((turn & 1023) == 0)
            progress_show(&loader->progress, loader->counts.lines, input_file_position(record->input));
    }
}

/* Send what is left and take all answers: whole files stay in the mapping's order. */
static enum sh_status finish_batches(struct loader *loader, struct file_job *job) {
    const enum sh_status status = send_filling(loader, job);
    return status != SH_OK ? status : drain(loader);
}

/* Ask for the columns of the summary. A file need not have them: a load may read several kinds of events. */
static void bind_totals(struct loader *loader, struct file_job *job) {
    for (uint32_t i = 0; i < loader->counts.total_count; i++) {
        struct load_total *total = &loader->counts.totals[i];
        const struct mapping_source *source = &total->summary.source;
        total->source = (struct row_source){.source = source, .column = UINT32_MAX, .factor = UINT32_MAX};
        if (job->events == NULL || total->summary.kind == MAPPING_LINES) continue;
        total->source.column = row_want(job->wanted, &job->wanted_count, source->column);
        if (source->factor.count > 0) total->source.factor = row_want(job->wanted, &job->wanted_count, source->factor);
    }
}

static enum sh_status load_file(struct loader *loader, struct file_job *job, const struct mapping_section *first) {
    sh_assert(first != NULL); /* a file is in the list because a section reads it */
    enum sh_status status;
    const uint32_t required_count = job->wanted_count;
    bind_totals(loader, job);
    const struct record_options options = {.format = first->format,
                                           .delimiter = first->delimiter,
                                           .has_header = first->has_header,
                                           .columns = first->columns,
                                           .column_count = first->column_count};
    struct record_reader record;
    status =
        record_open(&record, job->path, NULL, &options, job->wanted, job->wanted_count, required_count, &loader->err);
    if (status != SH_OK) return status;
    progress_file(&loader->progress, job->path, input_file_bytes(record.input));
    status = take_records(loader, job, &record);
    /* After damage in the middle of a file, too: what was read before it is loaded, and counted. */
    const struct sh_error fault = loader->err;
    const enum sh_status finished = status == SH_OK || status == SH_ERR_CORRUPT ? finish_batches(loader, job) : status;
    if (status != SH_OK) loader->err = fault;
    record_close(&record);
    progress_file_done(&loader->progress, loader->counts.lines);
    return status != SH_OK ? status : finished;
}

/* --- files --- */

enum sh_status load_check_agreement(const char *path, const struct mapping_section *a, const struct mapping_section *b,
                                    struct sh_error *err) {
    bool same = a->format == b->format && a->delimiter == b->delimiter && a->has_header == b->has_header &&
                a->column_count == b->column_count;
    for (uint32_t i = 0; same && i < a->column_count; i++)
        same = sh_text_equal(a->columns[i], b->columns[i]);
    if (same) return SH_OK;
    return sh_fail(err, SH_ERR_SYNTAX, -1,
                   "the sections at lines %u and %u of the mapping read %s with another format, delimiter, header or "
                   "columns",
                   a->line, b->line, path);
}

/* Bind the sections that read a file to it. */
static enum sh_status prepare_job(struct loader *loader, struct file_job *job, const bool *is_read_by,
                                  const struct mapping_section **first) {
    *first = NULL;
    for (uint32_t s = 0; s < loader->mapping.section_count; s++) {
        if (!is_read_by[s]) continue;
        const struct mapping_section *section = &loader->mapping.sections[s];
        if (*first == NULL) *first = section;
        if (section->kind == MAPPING_EVENTS && job->events == NULL) job->events = section;
        enum sh_status status = load_check_agreement(job->path, *first, section, &loader->err);
        if (status != SH_OK) return status;
        status = row_encoder_init(&job->encoders[job->section_count], section, loader->zone, job->wanted,
                                  &job->wanted_count, &loader->file_arena, &loader->err);
        if (status != SH_OK) return status;
        job->section_count++;
    }
    return SH_OK;
}

static enum sh_status load_files(struct loader *loader) {
    struct load_file *files = NULL;
    uint32_t file_count = 0;
    enum sh_status status = load_list_files(&loader->mapping, loader->options->mapping_path, loader->options->folder,
                                            &loader->arena, &files, &file_count, &loader->err);
    if (status != SH_OK) return status;
    struct file_job *job = sh_arena_alloc(&loader->arena, sizeof *job);
    if (job == NULL) return sh_fail(&loader->err, SH_ERR_MEMORY, -1, "no memory to load files");
    for (uint32_t f = 0; f < file_count && status == SH_OK; f++) {
        const struct mapping_section *first;
        memset(job, 0, sizeof *job);
        job->path = files[f].path;
        sh_arena_reset(&loader->file_arena);
        status = prepare_job(loader, job, files[f].is_read_by, &first);
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
    size_t byte_count = 0;
    struct sh_error fault = {.hint = ""};
    enum sh_status status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    for (bool at_end = false; !at_end && status == SH_OK && byte_count <= MAPPING_BYTES_MAX;) {
        status = input_more(input, &at_end, err);
        (void)input_at(input, &byte_count);
    }
    if (status == SH_OK) {
        const char *bytes = input_at(input, &byte_count);
        status = mapping_parse((struct sh_text){bytes, (uint32_t)byte_count}, arena, mapping, &fault);
        if (status != SH_OK) sh_fail(err, status, fault.position, "%s: %s", path, fault.message);
        if (status != SH_OK && fault.hint[0] != '\0') sh_fail_hint(err, status, "%s", fault.hint);
    }
    input_close(input);
    return status;
}

static enum sh_status make_calls(struct loader *loader, bool is_after) {
    return load_calls(loader->client, &loader->mapping, loader->options->mapping_path, loader->options->folder,
                      is_after, &loader->err);
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
    /* A schema among the calls says more than the mapping, which then adds nothing. */
    if ((status = make_calls(loader, false)) != SH_OK) return status;
    shoal_client_writer_clear(loader->params);
    load_write_schema(&loader->mapping, loader->params);
    struct shoal_client_error error;
    return put_schema(loader, &error) == SHOAL_CLIENT_OK ? SH_OK : client_fault(loader, &error);
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
    sh_arena_init(&loader->file_arena, LOAD_ARENA_BYTES_MAX);
    progress_init(&loader->progress, !options->quiet);
    const double started = seconds_now();
    enum sh_status status = prepare(loader);
    if (status == SH_OK && !options->only_schema) status = load_files(loader);
    if (status == SH_OK && !options->only_schema) status = make_calls(loader, true);
    loader->counts.seconds = seconds_now() - started;
    progress_deinit(&loader->progress);
    if (!load_rejects_close(&loader->rejects) && status == SH_OK)
        status = sh_fail(&loader->err, SH_ERR_IO, -1, "%s: %s", options->rejects_path, strerror(errno));
    if (status != SH_OK)
        (void)fprintf(stderr, "shoal load: %s%s%s\n", loader->err.message, loader->err.hint[0] != '\0' ? "; " : "",
                      loader->err.hint);
    if (!options->only_schema && (status == SH_OK || loader->counts.lines > 0)) {
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
    sh_arena_deinit(&loader->file_arena);
    sh_arena_deinit(&loader->arena);
    sh_free(loader);
    return status == SH_OK ? 0 : 1;
}
