#include "csv.h"

#include <string.h>

#include "memory.h"

void csv_init(struct csv_reader *reader, struct input *input, char delimiter) {
    *reader = (struct csv_reader){.input = input, .delimiter = delimiter, .next_line_number = 1};
}

void csv_deinit(struct csv_reader *reader) {
    sh_free(reader->fields);
    sh_free(reader->quoted);
    sh_free(reader->scratch);
    *reader = (struct csv_reader){0};
}

static enum sh_status more_fields(struct csv_reader *reader, struct sh_error *err) {
    if (reader->field_capacity >= CSV_FIELD_COUNT_MAX)
        return sh_fail(err, SH_ERR_SYNTAX, -1, "line %llu has more than %d fields",
                       (unsigned long long)reader->line_number, CSV_FIELD_COUNT_MAX);
    const uint32_t old = reader->field_capacity;
    const uint32_t capacity = old == 0 ? 64 : old * 4;
    struct sh_text *fields = sh_realloc(reader->fields, old * sizeof *fields, capacity * sizeof *fields);
    if (fields == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a record of %u fields", capacity);
    reader->fields = fields;
    bool *quoted = sh_realloc(reader->quoted, old, capacity);
    if (quoted == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a record of %u fields", capacity);
    reader->quoted = quoted;
    reader->field_capacity = capacity;
    return SH_OK;
}

/* The end of the record that starts at `at`: its line feed, or NULL if the window ends first; *open then says whether
 * it ended inside a quoted field. A quote opens a field only where the field starts, so that 5" is not one. line_count
 * counts the line feeds inside. */
static const char *find_record_end(const struct csv_reader *reader, const char *at, const char *end,
                                   uint64_t *line_count, bool *open) {
    *line_count = 0;
    *open = false;
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    const char *until = feed == NULL ? end : feed;
    if (memchr(at, '"', (size_t)(until - at)) == NULL) return feed; /* the usual line */
    while (at < end) {
        if (*at == '"') {
            do { /* to the closing quote; a doubled one is two rounds */
                for (at++; at < end && *at != '"'; at++)
                    *line_count += *at == '\n';
                at++;
            } while (at < end && *at == '"');
            if (at > end) {
                *open = true;
                return NULL;
            }
        }
        while (at < end && *at != reader->delimiter && *at != '\n')
            at++;
        if (at < end && *at == '\n') return at;
        at++;
    }
    return NULL;
}

/* A quoted field from the byte after its opening quote; *at moves to the byte after the closing one. */
static enum sh_status read_quoted(struct csv_reader *reader, const char **at, const char *end, char **scratch,
                                  struct sh_text *field, struct sh_error *err) {
    const char *from = *at;
    const char *quote = memchr(from, '"', (size_t)(end - from));
    if (quote != NULL && (quote + 1 == end || quote[1] != '"')) { /* the usual case: nothing to unescape */
        *field = (struct sh_text){from, (uint32_t)(quote - from)};
        *at = quote + 1;
        return SH_OK;
    }
    char *out = *scratch;
    field->bytes = out;
    for (;;) {
        if (quote == NULL)
            return sh_fail(err, SH_ERR_SYNTAX, -1, "line %llu: a quoted field is not closed",
                           (unsigned long long)reader->line_number);
        memcpy(out, from, (size_t)(quote - from));
        out += quote - from;
        if (quote + 1 == end || quote[1] != '"') break;
        *out++ = '"';
        from = quote + 2;
        quote = memchr(from, '"', (size_t)(end - from));
    }
    field->count = (uint32_t)(out - field->bytes);
    *scratch = out;
    *at = quote + 1;
    return SH_OK;
}

static enum sh_status split_record(struct csv_reader *reader, const char *at, const char *end, struct sh_error *err) {
    enum sh_status status;
    const char delimiter = reader->delimiter;
    const size_t byte_count = (size_t)(end - at);
    if (reader->scratch_capacity < byte_count) {
        char *grown = sh_alloc(byte_count * 2);
        if (grown == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a record of %zu bytes", byte_count);
        sh_free(reader->scratch);
        reader->scratch = grown;
        reader->scratch_capacity = byte_count * 2;
    }
    char *scratch = reader->scratch;
    uint32_t count = 0;
    for (;;) {
        if (count == reader->field_capacity && (status = more_fields(reader, err)) != SH_OK) return status;
        struct sh_text *field = &reader->fields[count];
        const bool quoted = at < end && *at == '"';
        reader->quoted[count++] = quoted;
        if (quoted) {
            at++;
            if ((status = read_quoted(reader, &at, end, &scratch, field, err)) != SH_OK) return status;
            if (at < end && *at != delimiter)
                return sh_fail(err, SH_ERR_SYNTAX, -1, "line %llu: field %u goes on after its closing quote",
                               (unsigned long long)reader->line_number, count);
        } else {
            const char *from = at;
            while (at < end && *at != delimiter) /* fields are a few bytes: a call of memchr costs more */
                at++;
            *field = (struct sh_text){from, (uint32_t)(at - from)};
        }
        if (at == end) break;
        at++;
    }
    reader->field_count = count;
    return SH_OK;
}

static void skip_byte_order_mark(struct csv_reader *reader) {
    size_t byte_count;
    const char *at = input_at(reader->input, &byte_count);
    if (byte_count >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) input_advance(reader->input, 3);
    reader->started = true;
}

/* Have a whole record in the window: from *at, its line feed in *feed (NULL: it ends with the input). */
static enum sh_status find_record(struct csv_reader *reader, const char **at, const char **feed, size_t *byte_count,
                                  uint64_t *inner_lines, struct sh_error *err) {
    bool open = false;
    size_t scanned_bytes = 0;
    for (;;) {
        *at = input_at(reader->input, byte_count);
        /* Look again only when the window has doubled: a record of n bytes costs O(n), not O(n * chunks). */
        if (reader->started && (reader->input_ended || *byte_count >= 2 * scanned_bytes) && *byte_count > 0) {
            *feed = find_record_end(reader, *at, *at + *byte_count, inner_lines, &open);
            scanned_bytes = *byte_count;
            if (*feed != NULL || reader->input_ended || *byte_count > CSV_RECORD_BYTES_MAX) break;
        } else if (reader->input_ended) {
            break;
        }
        const enum sh_status status = input_more(reader->input, &reader->input_ended, err);
        if (status != SH_OK) return status;
        (void)input_at(reader->input, byte_count);
        if (!reader->started && (*byte_count >= 3 || reader->input_ended)) skip_byte_order_mark(reader);
    }
    const size_t length = *feed == NULL ? *byte_count : (size_t)(*feed - *at);
    if (!open && length <= CSV_RECORD_BYTES_MAX) return SH_OK;
    /* A quote that nothing closes would swallow the rest of the file: only its first line is bad. */
    *feed = memchr(*at, '\n', *byte_count);
    *inner_lines = 0;
    reader->record_bytes = *feed == NULL ? *byte_count : (size_t)(*feed - *at) + 1;
    reader->next_line_number = reader->line_number + 1;
    if (open)
        return sh_fail(err, SH_ERR_SYNTAX, -1, "line %llu: a quoted field is not closed",
                       (unsigned long long)reader->line_number);
    return sh_fail(err, SH_ERR_SYNTAX, -1, "line %llu: the record is longer than %d bytes",
                   (unsigned long long)reader->line_number, CSV_RECORD_BYTES_MAX);
}

enum sh_status csv_next(struct csv_reader *reader, bool *at_end, struct sh_error *err) {
    *at_end = false;
    for (;;) {
        input_advance(reader->input, reader->record_bytes);
        reader->record_bytes = 0;
        reader->line_number = reader->next_line_number;
        const char *at = NULL;
        const char *feed = NULL;
        size_t byte_count = 0;
        uint64_t inner_lines = 0;
        const enum sh_status status = find_record(reader, &at, &feed, &byte_count, &inner_lines, err);
        if (status != SH_OK) return status;
        if (byte_count == 0) {
            *at_end = true;
            return SH_OK;
        }
        const char *end = feed == NULL ? at + byte_count : feed;
        reader->record_bytes = (size_t)(end - at) + (feed == NULL ? 0 : 1);
        reader->next_line_number = reader->line_number + inner_lines + 1;
        if (end > at && end[-1] == '\r') end--;
        if (end == at) continue; /* an empty line */
        return split_record(reader, at, end, err);
    }
}

struct sh_text csv_raw(const struct csv_reader *reader) {
    size_t byte_count;
    const char *at = input_at(reader->input, &byte_count);
    size_t length = reader->record_bytes;
    while (length > 0 && (at[length - 1] == '\n' || at[length - 1] == '\r'))
        length--;
    return (struct sh_text){at, (uint32_t)length};
}
