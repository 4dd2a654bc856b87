#include "csv.h"

#include <string.h>

#include "csv_marks.h"
#include "memory.h"

void csv_init(struct csv_reader *reader, struct input *input, char delimiter) {
    *reader = (struct csv_reader){.input = input, .delimiter = delimiter, .next_line_number = 1};
}

void csv_deinit(struct csv_reader *reader) {
    sh_free(reader->fields);
    sh_free(reader->forms);
    sh_free(reader->scratch);
    *reader = (struct csv_reader){0};
}

/* One look at a record: how it ended, and what is wrong with it. */
enum scan_end {
    SCAN_WHOLE,  /* its end was found */
    SCAN_CUT,    /* the window ends before it does */
    SCAN_OPEN,   /* the input ends inside a quoted field */
    SCAN_MEMORY, /* no room for its fields */
};
struct scan {
    const char *end;  /* of the window */
    bool is_last;     /* nothing comes behind the window */
    const char *next; /* SCAN_WHOLE: behind the record's line end */
    const char *fault;
    uint32_t fault_field;
    uint64_t inner_lines; /* line feeds inside quoted fields */
    bool has_doubled;
};

static bool more_fields(struct csv_reader *reader) {
    const uint32_t old = reader->field_capacity;
    const uint32_t capacity = old == 0 ? 64 : old * 4; /* 64, 256, 1024, 4096 */
    struct sh_text *fields = sh_realloc(reader->fields, old * sizeof *fields, capacity * sizeof *fields);
    if (fields == NULL) return false;
    reader->fields = fields;
    uint8_t *forms = sh_realloc(reader->forms, old, capacity);
    if (forms == NULL) return false;
    reader->forms = forms;
    reader->field_capacity = capacity;
    return true;
}

/* From behind an opening quote to behind the closing one. NULL: the window ends first. */
static const char *pass_quoted(const char *at, struct scan *scan, struct sh_text *field, uint8_t *form) {
    const char *from = at;
    const char *quote;
    *form = CSV_QUOTED;
    for (;;) {
        quote = memchr(at, '"', (size_t)(scan->end - at));
        if (quote == NULL) return NULL;
        if (quote + 1 == scan->end) {
            if (!scan->is_last) return NULL; /* the next byte may double it */
            break;
        }
        if (quote[1] != '"') break;
        *form = CSV_DOUBLED;
        scan->has_doubled = true;
        at = quote + 2;
    }
    *field = (struct sh_text){from, (uint32_t)(quote - from)};
    for (const char *feed = from; (feed = memchr(feed, '\n', (size_t)(quote - feed))) != NULL; feed++)
        scan->inner_lines++;
    return quote + 1;
}

/* Is `at`, behind a closing quote, where a field may end? The CR of a CRLF is passed over. */
static bool is_field_end(const struct csv_reader *reader, const struct scan *scan, const char **at) {
    if (*at == scan->end || **at == reader->delimiter || **at == '\n') return true;
    if (**at != '\r') return false;
    if (*at + 1 < scan->end && (*at)[1] != '\n') return false;
    (*at)++; /* at the window's end it is CRLF or the input's last byte, or the record is looked at again */
    return true;
}

/* The usual record: no quote in it, and its end well inside the window. False for any other, which is then scanned with
 * care from its start. */
static bool scan_plain(struct csv_reader *reader, const char *at, struct scan *scan) {
    const char *from = at; /* of the field */
    uint32_t count = 0;
    bool is_strange = false;
    for (const char *block = at; scan->end - block >= CSV_BLOCK_BYTES; block += CSV_BLOCK_BYTES) {
        struct csv_marks marks = csv_marks_of(block, reader->delimiter);
        /* All bits up to the first line feed's: the record's own. Without one, all. */
        const uint64_t own = marks.feeds ^ (marks.feeds - 1);
        if ((marks.quotes & own) != 0) return false;
        is_strange |= (marks.strange & own) != 0;
        for (uint64_t ends = marks.ends & own; ends != 0; ends &= ends - 1) {
            const char *stop = block + __builtin_ctzll(ends);
            if (count == reader->field_capacity) return false;
            reader->fields[count] = (struct sh_text){from, (uint32_t)(stop - from)};
            reader->forms[count++] = CSV_BARE;
            from = stop + 1;
        }
        if (marks.feeds == 0) continue;
        struct sh_text *last = &reader->fields[count - 1];
        if (last->count > 0 && last->bytes[last->count - 1] == '\r') last->count--;
        reader->field_count = count;
        reader->is_ascii = !is_strange;
        scan->next = from;
        return true;
    }
    return false;
}

/* Split the record at `at` into the reader's fields. Everything is decided here in one pass; a record that the window
 * cuts is looked at again from its start when more is there. */
static enum scan_end scan_record(struct csv_reader *reader, const char *at, struct scan *scan) {
    if (scan_plain(reader, at, scan)) return SCAN_WHOLE;
    const char delimiter = reader->delimiter;
    const char *const end = scan->end;
    uint32_t count = 0;
    reader->is_ascii = false;
    for (;;) { /* a field a turn */
        if (count == reader->field_capacity) {
            if (count < CSV_FIELD_COUNT_MAX) {
                if (!more_fields(reader)) return SCAN_MEMORY;
            } else { /* the last place takes the rest */
                if (scan->fault == NULL) scan->fault = "there are too many fields";
                count--;
            }
        }
        struct sh_text *field = &reader->fields[count];
        uint8_t *form = &reader->forms[count++];
        bool bare = at == end || *at != '"';
        if (!bare) {
            at = pass_quoted(at + 1, scan, field, form);
            if (at == NULL) return scan->is_last ? SCAN_OPEN : SCAN_CUT;
            if (!is_field_end(reader, scan, &at)) {
                if (scan->fault == NULL) {
                    scan->fault = "something stands behind the closing quote";
                    scan->fault_field = count;
                }
                bare = true; /* pass over it */
            }
        } else {
            *form = CSV_BARE;
        }
        if (bare) {
            const char *from = at;
            while (at < end && *at != delimiter && *at != '\n') /* a few bytes: a call of memchr costs more */
                at++;
            *field = (struct sh_text){from, (uint32_t)(at - from)};
        }
        if (at == end && !scan->is_last) return SCAN_CUT;
        if (at == end || *at == '\n') {
            if (bare && field->count > 0 && at[-1] == '\r') field->count--;
            scan->next = at == end ? end : at + 1;
            reader->field_count = count;
            return SCAN_WHOLE;
        }
        at++;
    }
}

/* Copies the fields that have doubled quotes into the scratch, each doubled quote once. */
static bool undo_doubled(struct csv_reader *reader, size_t record_bytes) {
    if (reader->scratch_capacity < record_bytes) {
        char *grown = sh_alloc(record_bytes * 2);
        if (grown == NULL) return false;
        sh_free(reader->scratch);
        reader->scratch = grown;
        reader->scratch_capacity = record_bytes * 2;
    }
    char *out = reader->scratch;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        if (reader->forms[i] != CSV_DOUBLED) continue;
        struct sh_text *field = &reader->fields[i];
        const char *from = field->bytes;
        const char *end = from + field->count;
        field->bytes = out;
        while (from < end) {
            from += *from == '"'; /* the first of two */
            *out++ = *from++;
        }
        field->count = (uint32_t)(out - field->bytes);
        reader->forms[i] = CSV_QUOTED;
    }
    return true;
}

static enum sh_status no_memory(size_t byte_count, struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a record of %zu bytes", byte_count);
}

/* A record without an end, or a very long one: only its first line is given up. */
static enum sh_status give_up_line(struct csv_reader *reader, const char *at, size_t byte_count, const char *words,
                                   struct sh_error *err) {
    const char *feed = memchr(at, '\n', byte_count);
    reader->record_bytes = feed == NULL ? byte_count : (size_t)(feed - at) + 1;
    reader->in_long_line = feed == NULL;
    reader->next_line_number = reader->line_number + 1;
    return sh_fail(err, SH_ERR_SYNTAX, -1, "%s", words);
}

static enum sh_status start(struct csv_reader *reader, struct sh_error *err) {
    size_t byte_count;
    while ((void)input_at(reader->input, &byte_count), byte_count < 3 && !reader->input_ended) {
        const enum sh_status status = input_more(reader->input, &reader->input_ended, err);
        if (status != SH_OK) return status;
    }
    const char *at = input_at(reader->input, &byte_count);
    if (byte_count >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) input_advance(reader->input, 3);
    reader->started = true;
    return SH_OK;
}

/* The record at the front of the input, empty lines included; *at_end if there is none. */
static enum sh_status read_record(struct csv_reader *reader, bool *at_end, struct sh_error *err) {
    size_t byte_count;
    for (size_t seen_bytes = 0;;) {
        const char *at = input_at(reader->input, &byte_count);
        *at_end = byte_count == 0 && reader->input_ended;
        if (*at_end) return SH_OK;
        /* Look again only when the window has doubled: a record of n bytes costs O(n), not O(n * chunks). */
        if (byte_count > 0 && (reader->input_ended || byte_count >= 2 * seen_bytes)) {
            struct scan scan = {.end = at + byte_count, .is_last = reader->input_ended};
            const enum scan_end ended = scan_record(reader, at, &scan);
            const size_t record_bytes = ended == SCAN_WHOLE ? (size_t)(scan.next - at) : byte_count;
            if (ended == SCAN_MEMORY) return no_memory(byte_count, err);
            if (ended == SCAN_OPEN) return give_up_line(reader, at, byte_count, "a quoted field is not closed", err);
            if (record_bytes > CSV_RECORD_BYTES_MAX + 1)
                return give_up_line(reader, at, byte_count, "the record is too long, or a quoted field is not closed",
                                    err);
            if (ended == SCAN_WHOLE) {
                reader->record_bytes = record_bytes;
                reader->next_line_number = reader->line_number + scan.inner_lines + 1;
                if (scan.fault != NULL && scan.fault_field > 0)
                    return sh_fail(err, SH_ERR_SYNTAX, -1, "%s: field '%u'", scan.fault, scan.fault_field);
                if (scan.fault != NULL) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s", scan.fault);
                if (scan.has_doubled && !undo_doubled(reader, record_bytes)) return no_memory(record_bytes, err);
                return SH_OK;
            }
            seen_bytes = byte_count;
        }
        const enum sh_status status = input_more(reader->input, &reader->input_ended, err);
        if (status != SH_OK) return status;
    }
}

enum sh_status csv_next(struct csv_reader *reader, bool *at_end, struct sh_error *err) {
    *at_end = false;
    enum sh_status status = reader->started ? SH_OK : start(reader, err);
    if (status != SH_OK) return status;
    do { /* over empty lines */
        input_advance(reader->input, reader->record_bytes);
        reader->record_bytes = 0;
        if (reader->in_long_line && (status = input_pass_line(reader->input, &reader->input_ended, err)) != SH_OK)
            return status;
        reader->in_long_line = false;
        reader->line_number = reader->next_line_number;
        if ((status = read_record(reader, at_end, err)) != SH_OK || *at_end) return status;
    } while (reader->field_count == 1 && reader->fields[0].count == 0 && reader->forms[0] == CSV_BARE);
    return SH_OK;
}

struct sh_text csv_raw(const struct csv_reader *reader) {
    size_t byte_count;
    const char *at = input_at(reader->input, &byte_count);
    size_t length = reader->record_bytes;
    if (length > CSV_RECORD_BYTES_MAX) length = CSV_RECORD_BYTES_MAX;
    while (length > 0 && (at[length - 1] == '\n' || at[length - 1] == '\r'))
        length--;
    return (struct sh_text){at, (uint32_t)length};
}
