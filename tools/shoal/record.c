#include "record.h"

#include <stdio.h>

#include "memory.h"

enum { SCRATCH_BYTES_MAX = 16 << 20, ARENA_BYTES_MAX = 16 << 20, JSON_PATH_DEPTH_MAX = 8 };
static const uint32_t no_column = UINT32_MAX;

static bool ends_with(struct sh_text text, const char *ending) {
    const uint32_t length = (uint32_t)strlen(ending);
    return text.count >= length && memcmp(text.bytes + text.count - length, ending, length) == 0;
}

void record_format_of(const char *path, enum mapping_format *format, char *delimiter) {
    struct sh_text name = sh_text_of(path);
    if (ends_with(name, ".gz"))
        name.count -= 3;
    else if (ends_with(name, ".zst"))
        name.count -= 4;
    const bool is_json = ends_with(name, ".jsonl") || ends_with(name, ".ndjson") || ends_with(name, ".json");
    if (*format == MAPPING_BY_NAME) *format = is_json ? MAPPING_JSONL : MAPPING_CSV;
    if (*delimiter == 0) *delimiter = ends_with(name, ".tsv") ? '\t' : ',';
}

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read records");
}

static enum sh_status missing_column(const struct sh_text *header, uint32_t header_count, struct sh_text wanted,
                                     const char *path, struct sh_error *err) {
    char list[300] = "";
    size_t length = 0;
    struct sh_nearest nearest;
    sh_nearest_init(&nearest, wanted);
    for (uint32_t i = 0; i < header_count; i++) {
        sh_nearest_offer(&nearest, header[i]);
        if (length + header[i].count + 6 < sizeof list)
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%.*s", length == 0 ? "" : ", ",
                                       SH_TEXT_ARGS(header[i]));
        else if (length + 6 < sizeof list && strcmp(list + (length < 5 ? 0 : length - 5), ", ...") != 0)
            length += (size_t)snprintf(list + length, sizeof list - length, ", ...");
    }
    sh_fail(err, SH_ERR_NAME, -1, "%s has no column '%.*s'; it has: %s", path, SH_TEXT_ARGS(wanted), list);
    if (nearest.nearest.count == 0) return SH_ERR_NAME;
    return sh_fail_hint(err, SH_ERR_NAME, "did you mean '%.*s'?", SH_TEXT_ARGS(nearest.nearest));
}

/* The names of a CSV file's fields, copied: the reader's own die with the next record. */
static enum sh_status read_header(struct record_reader *reader, const char *path, const struct record_options *options,
                                  struct sh_text **header, struct sh_error *err) {
    const struct sh_text *names = options->columns;
    uint32_t count = options->column_count;
    reader->has_header = options->has_header;
    if (options->has_header) {
        bool at_end;
        struct sh_error fault;
        const enum sh_status status = csv_next(&reader->csv, &at_end, &fault);
        if (status != SH_OK) return sh_fail(err, status, 0, "%s: the header: %s", path, fault.message);
        if (at_end) return sh_fail(err, SH_ERR_SYNTAX, 0, "%s is empty; a header line is needed", path);
        if (count == 0) {
            names = reader->csv.fields;
            count = reader->csv.field_count;
        }
    }
    struct sh_text *copy = sh_arena_alloc(&reader->arena, (count + 1) * sizeof *copy);
    if (copy == NULL) return no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        copy[i].count = names[i].count;
        copy[i].bytes = sh_arena_copy(&reader->arena, names[i].bytes, names[i].count);
        if (copy[i].bytes == NULL) return no_memory(err);
        if (sh_text_is_utf8(copy[i])) continue;
        sh_fail(err, SH_ERR_SYNTAX, 0, "%s: the header is not UTF-8 text", path);
        return sh_fail_hint(err, SH_ERR_SYNTAX, "iconv -f GB18030 -t UTF-8 turns the usual Chinese encoding into it");
    }
    *header = copy;
    reader->header_count = count;
    return SH_OK;
}

/* A column that is wanted must not stand twice: nobody could say which of the two is meant. With required_count 0 the
 * first is. */
static enum sh_status find_columns(struct record_reader *reader, const char *path, const struct sh_text *header,
                                   uint32_t required_count, struct sh_error *err) {
    sh_assert(header != NULL);
    for (uint32_t i = 0; i < reader->wanted_count; i++) {
        const struct sh_text wanted = reader->wanted[i];
        reader->csv_columns[i] = no_column;
        for (uint32_t column = 0; column < reader->header_count; column++) {
            if (!sh_text_equal(header[column], wanted)) continue;
            if (reader->csv_columns[i] == no_column)
                reader->csv_columns[i] = column;
            else if (i < required_count)
                return sh_fail(err, SH_ERR_NAME, -1,
                               "%s has the column '%.*s' twice; name its columns with columns = a, b, c", path,
                               SH_TEXT_ARGS(wanted));
        }
        if (reader->csv_columns[i] == no_column && i < required_count)
            return missing_column(header, reader->header_count, wanted, path, err);
    }
    return SH_OK;
}

static enum sh_status open_reader(struct record_reader *reader, const char *path, const struct record_options *options,
                                  struct sh_text *wanted, uint32_t required_count, struct sh_error *err) {
    enum sh_status status;
    reader->format = options->format;
    char delimiter = options->delimiter;
    record_format_of(path, &reader->format, &delimiter);
    if (reader->input == NULL && (status = input_open(path, &reader->input, err)) != SH_OK) return status;
    csv_init(&reader->csv, reader->input, delimiter);
    struct sh_text *header = NULL;
    if (reader->format == MAPPING_CSV) {
        if ((status = read_header(reader, path, options, &header, err)) != SH_OK) return status;
        if (wanted == NULL) {
            reader->wanted = header;
            reader->wanted_count = reader->header_count;
        }
    }
    reader->values = sh_arena_alloc_zero(&reader->arena, (reader->wanted_count + 1) * sizeof *reader->values);
    reader->csv_columns = sh_arena_alloc_zero(&reader->arena, (reader->wanted_count + 1) * sizeof *reader->csv_columns);
    if (reader->values == NULL || reader->csv_columns == NULL) return no_memory(err);
    return reader->format == MAPPING_CSV ? find_columns(reader, path, header, required_count, err) : SH_OK;
}

enum sh_status record_open(struct record_reader *reader, const char *path, struct input *input,
                           const struct record_options *options, struct sh_text *wanted, uint32_t wanted_count,
                           uint32_t required_count, struct sh_error *err) {
    *reader = (struct record_reader){.input = input, .wanted = wanted, .wanted_count = wanted_count};
    sh_arena_init(&reader->arena, ARENA_BYTES_MAX);
    sh_arena_init(&reader->scratch, SCRATCH_BYTES_MAX);
    const enum sh_status status = open_reader(reader, path, options, wanted, required_count, err);
    if (status != SH_OK) record_close(reader);
    return status;
}

void record_close(struct record_reader *reader) {
    csv_deinit(&reader->csv);
    input_close(reader->input);
    reader->input = NULL;
    json_decref(reader->json);
    reader->json = NULL;
    sh_arena_deinit(&reader->arena);
    sh_arena_deinit(&reader->scratch);
}

bool record_has(const struct record_reader *reader, uint32_t wanted) {
    return reader->format == MAPPING_JSONL || reader->csv_columns[wanted] != no_column;
}

static enum sh_status next_csv(struct record_reader *reader, bool *at_end, struct sh_error *err) {
    struct csv_reader *csv = &reader->csv;
    const enum sh_status status = csv_next(csv, at_end, err);
    reader->line_number = csv->line_number;
    if (status != SH_OK || *at_end) return status;
    if (csv->field_count != reader->header_count)
        return sh_fail(err, SH_ERR_SYNTAX, -1, "%s fields than %s: '%u', not '%u'",
                       csv->field_count < reader->header_count ? "fewer" : "more",
                       reader->has_header ? "the header has" : "columns are named", csv->field_count,
                       reader->header_count);
    /* Fields begin and end at ASCII bytes, so if the whole is well-formed, each is. */
    reader->is_utf8 = csv->is_ascii || sh_text_is_utf8(csv_raw(csv));
    for (uint32_t i = 0; i < reader->wanted_count; i++) {
        const uint32_t column = reader->csv_columns[i];
        struct record_value *value = &reader->values[i];
        value->present = column != no_column && (csv->fields[column].count > 0 || csv->forms[column] == CSV_QUOTED);
        if (value->present) value->text = csv->fields[column];
    }
    return SH_OK;
}

/* "a.b.c" reaches into objects; a key that holds the whole name with its points wins. */
static json_t *find_json(json_t *object, struct sh_text name) {
    char key[256];
    for (uint32_t depth = 0; depth < JSON_PATH_DEPTH_MAX && json_is_object(object); depth++) {
        if (name.count >= sizeof key) return NULL;
        memcpy(key, name.bytes, name.count);
        key[name.count] = '\0';
        json_t *found = json_object_get(object, key);
        if (found != NULL) return found;
        const char *point = memchr(name.bytes, '.', name.count);
        if (point == NULL) return NULL;
        const uint32_t length = (uint32_t)(point - name.bytes);
        key[length] = '\0';
        object = json_object_get(object, key);
        name = (struct sh_text){point + 1, name.count - length - 1};
    }
    return NULL;
}

/* The shortest digits that read back as the same double, without an exponent unless it is huge: 1e-7 is 0.0000001. */
static void print_real(double real, char *digits, size_t digits_bytes) {
    char shortest[40];
    int precision = 14;
    do
        (void)snprintf(shortest, sizeof shortest, "%.*e", precision, real);
    while (strtod(shortest, NULL) != real && ++precision < 17);
    const char *mark = strchr(shortest, 'e');
    const int exponent = mark == NULL ? 0 : atoi(mark + 1);
    if (mark == NULL || exponent > 20 || exponent < -20) { /* no value of ours is like that: it is for the words */
        (void)snprintf(digits, digits_bytes, "%s", shortest);
        return;
    }
    const int decimals = precision > exponent ? precision - exponent : 0;
    const int length = snprintf(digits, digits_bytes, "%.*f", decimals, real);
    if (decimals == 0) return;
    char *end = digits + length;
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.') end--;
    *end = '\0';
}

static enum sh_status print_number(struct record_reader *reader, const json_t *number, struct sh_text *text,
                                   struct sh_error *err) {
    char digits[64];
    if (json_is_integer(number))
        (void)snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(number));
    else
        print_real(json_real_value(number), digits, sizeof digits);
    text->count = (uint32_t)strlen(digits);
    text->bytes = sh_arena_copy(&reader->scratch, digits, text->count);
    return text->bytes == NULL ? no_memory(err) : SH_OK;
}

static enum sh_status take_json(struct record_reader *reader, uint32_t wanted, struct sh_error *err) {
    struct record_value *value = &reader->values[wanted];
    json_t *json = find_json(reader->json, reader->wanted[wanted]);
    *value = (struct record_value){.present = json != NULL && !json_is_null(json)};
    if (!value->present) return SH_OK;
    switch (json_typeof(json)) {
    case JSON_STRING:
        value->text = (struct sh_text){json_string_value(json), (uint32_t)json_string_length(json)};
        return SH_OK;
    case JSON_TRUE:
        value->text = SH_TEXT_LITERAL("true");
        return SH_OK;
    case JSON_FALSE:
        value->text = SH_TEXT_LITERAL("false");
        return SH_OK;
    case JSON_ARRAY:
        value->array = json;
        return SH_OK;
    case JSON_OBJECT:
        return sh_fail(err, SH_ERR_SYNTAX, -1, "%.*s is an object; the mapping must name one of its keys",
                       SH_TEXT_ARGS(reader->wanted[wanted]));
    default:
        return print_number(reader, json, &value->text, err);
    }
}

/* The next line. Of one that is longer than a record may be only the beginning: the rest is passed over before the
 * next line. */
static enum sh_status next_line(struct record_reader *reader, struct sh_text *line, bool *at_end,
                                struct sh_error *err) {
    enum sh_status status;
    input_advance(reader->input, reader->line_bytes);
    reader->line_bytes = 0;
    if (reader->in_long_line && (status = input_pass_line(reader->input, &reader->input_ended, err)) != SH_OK)
        return status;
    reader->in_long_line = false;
    reader->line_number++;
    for (size_t scanned = 0;;) {
        size_t byte_count;
        const char *at = input_at(reader->input, &byte_count);
        const char *feed = memchr(at + scanned, '\n', byte_count - scanned);
        if (feed != NULL || reader->input_ended || byte_count > CSV_RECORD_BYTES_MAX) {
            reader->line_bytes = feed == NULL ? byte_count : (size_t)(feed - at) + 1;
            reader->in_long_line = feed == NULL && !reader->input_ended;
            *line = (struct sh_text){at, (uint32_t)reader->line_bytes};
            *at_end = byte_count == 0;
            return SH_OK;
        }
        scanned = byte_count;
        if ((status = input_more(reader->input, &reader->input_ended, err)) != SH_OK) return status;
    }
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static enum sh_status next_json(struct record_reader *reader, bool *at_end, struct sh_error *err) {
    struct sh_text line;
    *at_end = false;
    do {
        const enum sh_status status = next_line(reader, &line, at_end, err);
        if (status != SH_OK || *at_end) return status;
        if (reader->line_number == 1 && line.count >= 3 && memcmp(line.bytes, "\xEF\xBB\xBF", 3) == 0)
            line = (struct sh_text){line.bytes + 3, line.count - 3};
        while (line.count > 0 && is_blank(line.bytes[line.count - 1]))
            line.count--;
    } while (line.count == 0 && !reader->in_long_line);
    json_decref(reader->json);
    reader->json = NULL;
    sh_arena_reset(&reader->scratch);
    if (line.count > CSV_RECORD_BYTES_MAX || reader->in_long_line)
        return sh_fail(err, SH_ERR_SYNTAX, -1, "the line is too long; JSON Lines has an object a line");
    json_error_t fault;
    reader->json = json_loadb(line.bytes, line.count, JSON_REJECT_DUPLICATES, &fault);
    if (reader->json == NULL)
        return sh_fail(err, SH_ERR_SYNTAX, -1, "not JSON: '%s' at byte %d", fault.text, fault.position);
    if (!json_is_object(reader->json))
        return sh_fail(err, SH_ERR_SYNTAX, -1, "not a JSON object; JSON Lines has an object a line");
    reader->is_utf8 = true; /* jansson checks, and refuses zero bytes */
    for (uint32_t i = 0; i < reader->wanted_count; i++) {
        const enum sh_status status = take_json(reader, i, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status record_next(struct record_reader *reader, bool *at_end, struct sh_error *err) {
    return reader->format == MAPPING_CSV ? next_csv(reader, at_end, err) : next_json(reader, at_end, err);
}

struct sh_text record_raw(const struct record_reader *reader) {
    if (reader->format == MAPPING_CSV) return csv_raw(&reader->csv);
    size_t byte_count;
    const char *at = input_at(reader->input, &byte_count);
    size_t length = reader->line_bytes;
    if (length > CSV_RECORD_BYTES_MAX) length = CSV_RECORD_BYTES_MAX;
    while (length > 0 && (at[length - 1] == '\n' || at[length - 1] == '\r'))
        length--;
    return (struct sh_text){at, (uint32_t)length};
}
