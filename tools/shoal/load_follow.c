#include "load_follow.h"

#include <errno.h>

#include "cursor.h"
#include "follow.h"
#include "input.h"
#include "load_calls.h"
#include "load_files.h"
#include "memory.h"

enum { ARENA_BYTES_MAX = 64 << 20, TYPE_COUNT_MAX = 256 };

struct mapped {
    struct stream *stream;
    struct sh_arena arena;       /* as long as it goes on */
    struct sh_arena batch_arena; /* lines of the batch at hand */
    struct mapping mapping;
    struct sh_zone *zone;
    struct sh_error *err;

    /* The file at hand. */
    struct row_encoder *encoders;
    struct sh_buffer *names; /* of each encoder's cells */
    uint32_t encoder_count;
    struct sh_text wanted[ROW_WANTED_COUNT_MAX];
    uint32_t wanted_count;
    struct record_options options;

    struct sh_buffer row; /* as an array, before it is a map */
    struct sh_buffer text;
    struct sh_text types[TYPE_COUNT_MAX]; /* of columns, that the server was told of */
    uint32_t type_count;
};

/* ---- Rows ---- */

/* [cell, cell ...] and the cells' names as a map of those that are there: nil means "leave", and a map leaves it out. */
static enum sh_status add_map(struct mapped *mapped, const struct sh_buffer *names, struct stream_rows *rows) {
    struct sh_cursor cell;
    struct sh_cursor name;
    struct sh_value head;
    msgpack_packer packer;
    uint32_t count = 0;
    const size_t begin = rows->bytes.count;
    sh_cursor_init(&cell, mapped->row.bytes, mapped->row.count);
    sh_cursor_init(&name, names->bytes, names->count);
    enum sh_status status = sh_cursor_next(&name, &head, mapped->err);
    if (status == SH_OK) status = sh_cursor_next(&cell, &head, mapped->err);
    /* The count of pairs is known in the end: a head of 16 bits waits for it. */
    const uint8_t room[3] = {0xDE};
    sh_buffer_packer(&rows->bytes, &packer);
    sh_buffer_append(&rows->bytes, room, sizeof room);
    for (uint32_t i = 0; i < head.count && status == SH_OK; i++) {
        const uint8_t *value = cell.at;
        struct sh_text word;
        status = sh_cursor_text(&name, &word, "", mapped->err);
        if (status == SH_OK) status = sh_cursor_skip(&cell, NULL, mapped->err);
        if (status != SH_OK || *value == 0xC0) continue;
        sh_pack_text(&packer, word);
        sh_buffer_append(&rows->bytes, value, (size_t)(cell.at - value));
        count++;
    }
    if (status == SH_OK) status = sh_buffer_status(&rows->bytes, mapped->err);
    if (status != SH_OK) return status;
    rows->bytes.bytes[begin + 1] = (uint8_t)(count >> 8);
    rows->bytes.bytes[begin + 2] = (uint8_t)count;
    return stream_add_row(mapped->stream, rows);
}

/* A type that a column names is told to the server before its first row. *refusal: why it will not have it. */
static enum sh_status know_type(struct mapped *mapped, const struct mapping_section *section, struct sh_text name,
                                struct shoal_client_error *refusal) {
    refusal->message[0] = '\0';
    if (section->type.is_constant) return SH_OK;
    for (uint32_t i = 0; i < mapped->type_count; i++)
        if (sh_text_equal(mapped->types[i], name)) return SH_OK;
    struct shoal_client_writer *params = mapped->stream->params;
    struct shoal_client_answer answer;
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, 1);
    load_write_event_type(section, name, params);
    const int code = stream_call(mapped->stream, "schema.put", params, NULL, 0, &answer, refusal);
    if (code != SHOAL_CLIENT_OK)
        return refusal->from_server ? SH_OK : stream_fault(mapped->stream, "schema.put", refusal);
    refusal->message[0] = '\0';
    const char *copy = sh_arena_copy(&mapped->arena, name.bytes, name.count);
    if (copy != NULL && mapped->type_count < TYPE_COUNT_MAX)
        mapped->types[mapped->type_count++] = (struct sh_text){copy, name.count};
    return SH_OK;
}

static enum sh_status take_section(struct mapped *mapped, uint32_t number, const char *path,
                                   const struct record_reader *record, bool is_passed) {
    struct row_encoder *encoder = &mapped->encoders[number];
    struct stream_batch *batch = &mapped->stream->batch;
    struct stream_rows *const kinds[] = {&batch->users, &batch->items, &batch->events};
    struct sh_text reason = {"", 0};
    struct sh_error fault = {.hint = ""};
    struct shoal_client_error refusal;
    sh_buffer_clear(&mapped->row);
    const enum row_verdict verdict = row_encode(encoder, record, &mapped->row, &reason, &fault);
    if (is_passed || verdict == ROW_PASSED) return SH_OK;
    if (verdict == ROW_ASIDE) return stream_reject(mapped->stream, path, reason);
    if (verdict == ROW_REJECTED) return stream_reject(mapped->stream, path, sh_text_of(fault.message));
    if (encoder->section->kind == MAPPING_EVENTS) {
        const enum sh_status status = know_type(mapped, encoder->section, row_event_type(encoder, record), &refusal);
        if (status != SH_OK) return status;
        if (refusal.message[0] != '\0') return stream_reject(mapped->stream, path, sh_text_of(refusal.message));
    }
    return add_map(mapped, &mapped->names[number], kinds[encoder->section->kind]);
}

/* ---- Lines ---- */

static enum sh_status take_records(struct mapped *mapped, const char *path, struct record_reader *record,
                                   uint64_t line_number, bool is_passed) {
    for (;;) {
        bool at_end = false;
        enum sh_status status = record_next(record, &at_end, mapped->err);
        if (at_end && status == SH_OK) return SH_OK;
        if (status != SH_OK && status != SH_ERR_SYNTAX) return status;
        if (!is_passed) {
            const struct sh_text raw = record_raw(record);
            const char *copy = sh_arena_copy(&mapped->batch_arena, raw.bytes, raw.count);
            if (copy == NULL) return sh_fail(mapped->err, SH_ERR_MEMORY, -1, "no memory for the lines of a batch");
            stream_add_line(mapped->stream, (struct sh_text){copy, raw.count}, line_number + record->line_number);
        }
        if (status == SH_ERR_SYNTAX) {
            if (is_passed) continue;
            status = stream_reject(mapped->stream, path, sh_text_of(mapped->err->message));
        } else {
            for (uint32_t i = 0; i < mapped->encoder_count && status == SH_OK; i++)
                status = take_section(mapped, i, path, record, is_passed);
        }
        if (status != SH_OK) return status;
    }
}

static enum sh_status take_window(void *context, const char *path, struct sh_text header, struct sh_text lines,
                                  uint64_t line_number, bool is_passed) {
    struct mapped *mapped = context;
    struct record_reader record;
    struct input *input;
    sh_arena_reset(&mapped->batch_arena);
    sh_buffer_clear(&mapped->text);
    sh_buffer_append_text(&mapped->text, header);
    sh_buffer_append_text(&mapped->text, lines);
    enum sh_status status = sh_buffer_status(&mapped->text, mapped->err);
    if (status == SH_OK) status = input_open_memory(mapped->text.bytes, mapped->text.count, 0, &input, mapped->err);
    if (status == SH_OK)
        status = record_open(&record, path, input, &mapped->options, mapped->wanted, mapped->wanted_count,
                             mapped->wanted_count, mapped->err);
    if (status != SH_OK) return status;
    status = take_records(mapped, path, &record, line_number - (header.count > 0), is_passed);
    record_close(&record);
    return status;
}

static void begin_file(void *context) {
    struct mapped *mapped = context;
    for (uint32_t i = 0; i < mapped->encoder_count; i++)
        row_encoder_restart(&mapped->encoders[i]);
}

/* ---- Files ---- */

static void release_file(struct mapped *mapped) {
    for (uint32_t i = 0; i < mapped->encoder_count; i++) {
        row_encoder_deinit(&mapped->encoders[i]);
        sh_buffer_deinit(&mapped->names[i]);
    }
    mapped->encoder_count = 0;
    mapped->wanted_count = 0;
}

static enum sh_status bind_section(struct mapped *mapped, const struct mapping_section *section) {
    struct row_encoder *encoder = &mapped->encoders[mapped->encoder_count];
    struct sh_buffer *names = &mapped->names[mapped->encoder_count];
    msgpack_packer packer;
    const enum sh_status status = row_encoder_init(encoder, section, mapped->zone, mapped->wanted,
                                                   &mapped->wanted_count, &mapped->arena, mapped->err);
    if (status != SH_OK) return status;
    mapped->encoder_count++;
    sh_buffer_init(names, 1 << 20);
    sh_buffer_packer(names, &packer);
    row_pack_names(encoder, &packer);
    return sh_buffer_status(names, mapped->err);
}

/* The sections that read the file; they are to agree on how. What its name says of its form holds for what takes its place,
 * too, whatever that is called. */
static enum sh_status bind_file(struct mapped *mapped, const struct load_file *file) {
    const struct mapping_section *first = NULL;
    enum sh_status status = SH_OK;
    for (uint32_t s = 0; s < mapped->mapping.section_count && status == SH_OK; s++) {
        const struct mapping_section *section = &mapped->mapping.sections[s];
        if (!file->is_read_by[s]) continue;
        if (first == NULL) first = section;
        status = load_check_agreement(file->path, first, section, mapped->err);
        if (status == SH_OK) status = bind_section(mapped, section);
    }
    if (status != SH_OK) return status;
    sh_assert(first != NULL); /* a file is in the list because a section reads it */
    mapped->options = (struct record_options){.format = first->format,
                                              .delimiter = first->delimiter,
                                              .has_header = first->has_header,
                                              .columns = first->columns,
                                              .column_count = first->column_count};
    record_format_of(file->path, &mapped->options.format, &mapped->options.delimiter);
    return SH_OK;
}

static enum sh_status follow_file(struct mapped *mapped, const struct load_file *file, const char *prefix,
                                  bool is_last) {
    enum sh_status status = bind_file(mapped, file);
    const bool is_csv = mapped->options.format == MAPPING_CSV;
    const struct follow_sink sink = {.stream = mapped->stream,
                                     .err = mapped->err,
                                     .has_header = is_csv && mapped->options.has_header,
                                     .delimiter = is_csv ? mapped->options.delimiter : '\0',
                                     .window = take_window,
                                     .begin = begin_file,
                                     .context = mapped};
    if (status == SH_OK)
        status = is_last ? follow_live(&sink, prefix, file->path) : follow_whole(&sink, prefix, file->path);
    release_file(mapped);
    return status;
}

/* ---- The whole ---- */

static enum sh_status put_schema(struct mapped *mapped, const struct load_options *options) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    const enum sh_status status = load_calls(mapped->stream->client, &mapped->mapping, options->mapping_path,
                                             options->folder, false, mapped->err);
    if (status != SH_OK) return status;
    shoal_client_writer_clear(mapped->stream->params);
    load_write_schema(&mapped->mapping, mapped->stream->params);
    if (stream_call(mapped->stream, "schema.put", mapped->stream->params, NULL, 0, &answer, &error) != SHOAL_CLIENT_OK)
        return stream_fault(mapped->stream, "schema.put", &error);
    return SH_OK;
}

static enum sh_status run(struct mapped *mapped, const struct load_options *options, const char *prefix) {
    struct load_file *files = NULL;
    uint32_t file_count = 0;
    enum sh_status status = load_read_mapping(options->mapping_path, &mapped->arena, &mapped->mapping, mapped->err);
    if (status == SH_OK) status = sh_zone_open(mapped->mapping.zone, &mapped->zone, mapped->err);
    if (status == SH_OK)
        status = load_list_files(&mapped->mapping, options->mapping_path, options->folder, &mapped->arena, &files,
                                 &file_count, mapped->err);
    if (status != SH_OK) return status;
    const uint32_t section_count = mapped->mapping.section_count + 1;
    mapped->encoders = sh_arena_alloc_zero(&mapped->arena, section_count * sizeof *mapped->encoders);
    mapped->names = sh_arena_alloc_zero(&mapped->arena, section_count * sizeof *mapped->names);
    if (mapped->encoders == NULL || mapped->names == NULL)
        return sh_fail(mapped->err, SH_ERR_MEMORY, -1, "no memory to follow files");
    status = put_schema(mapped, options);
    for (uint32_t f = 0; f < file_count && status == SH_OK && *mapped->stream->stop == 0; f++)
        status = follow_file(mapped, &files[f], prefix, f + 1 == file_count);
    return status;
}

enum sh_status load_follow(struct stream *stream, const struct load_options *options, const char *prefix) {
    struct mapped *mapped = sh_alloc_zero(sizeof *mapped);
    if (mapped == NULL) return sh_fail(stream->err, SH_ERR_MEMORY, -1, "no memory to follow files");
    mapped->stream = stream;
    mapped->err = stream->err;
    sh_arena_init(&mapped->arena, ARENA_BYTES_MAX);
    sh_arena_init(&mapped->batch_arena, ARENA_BYTES_MAX);
    sh_buffer_init(&mapped->row, STREAM_BODY_BYTES_MAX);
    sh_buffer_init(&mapped->text, ARENA_BYTES_MAX);
    const enum sh_status status = run(mapped, options, prefix);
    sh_buffer_deinit(&mapped->text);
    sh_buffer_deinit(&mapped->row);
    sh_zone_close(mapped->zone);
    sh_arena_deinit(&mapped->batch_arena);
    sh_arena_deinit(&mapped->arena);
    sh_free(mapped);
    return status;
}
