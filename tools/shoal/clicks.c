#include "clicks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bounds.h"
#include "csv.h"
#include "hash.h"
#include "memory.h"

enum { COLUMN_COUNT = 3, NAMES_TABLE_MIN = 1024 };

/* ---- names ---- */

void names_free(struct names *names) {
    for (uint32_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    sh_free(names->texts);
    sh_free(names->table);
    *names = (struct names){.count = 0};
}

static uint32_t names_place(const struct names *names, struct sh_text text) {
    const uint32_t mask = names->table_capacity - 1;
    uint32_t place = (uint32_t)sh_hash_text(text) & mask;
    while (names->table[place] != 0 && !sh_text_equal(sh_text_of(names->texts[names->table[place] - 1]), text))
        place = (place + 1) & mask;
    return place;
}

static enum sh_status names_grow(struct names *names) {
    if (names->count < names->table_capacity / 2) return SH_OK;
    const uint32_t capacity = names->table_capacity == 0 ? NAMES_TABLE_MIN : 2 * names->table_capacity;
    uint32_t *table = sh_alloc_zero(capacity * sizeof *table);
    if (table == NULL) return SH_ERR_MEMORY;
    sh_free(names->table);
    names->table = table;
    names->table_capacity = capacity;
    for (uint32_t i = 0; i < names->count; i++)
        table[names_place(names, sh_text_of(names->texts[i]))] = i + 1;
    return SH_OK;
}

static enum sh_status names_number(struct names *names, struct sh_text text, uint32_t *number) {
    if (names_grow(names) != SH_OK ||
        sh_grow((void **)&names->texts, &names->capacity, (uint64_t)names->count + 1, sizeof *names->texts) != SH_OK)
        return SH_ERR_MEMORY;
    const uint32_t place = names_place(names, text);
    if (names->table[place] == 0) {
        char *copy = strndup(text.bytes, text.count);
        if (copy == NULL) return SH_ERR_MEMORY;
        names->texts[names->count++] = copy;
        names->table[place] = names->count;
    }
    *number = names->table[place] - 1;
    return SH_OK;
}

bool names_find(const struct names *names, struct sh_text text, uint32_t *number) {
    if (names->table_capacity == 0) return false;
    const uint32_t place = names_place(names, text);
    *number = names->table[place] - 1;
    return names->table[place] != 0;
}

/* ---- the file ---- */

struct reading {
    const char *path;
    struct csv_reader reader;
    uint32_t columns[COLUMN_COUNT];
    const char *at_least; /* NULL: all lines */
    uint32_t least_column;
    double least;
};

static enum sh_status fault(const struct reading *reading, struct sh_error *err, const char *what) {
    return sh_fail(err, SH_ERR_SYNTAX, -1, "%s, line %llu: %s", reading->path,
                   (unsigned long long)reading->reader.line_number, what);
}

/* The delimiter that the head line has most of. */
static char delimiter_of(struct input *input) {
    bool at_end;
    struct sh_error err;
    size_t byte_count;
    if (input_more(input, &at_end, &err) != SH_OK) return ',';
    const char *bytes = input_at(input, &byte_count);
    uint32_t counts[3] = {0};
    static const char delimiters[3] = {',', ';', '\t'};
    for (size_t i = 0; i < byte_count && bytes[i] != '\n'; i++)
        for (uint32_t d = 0; d < 3; d++)
            counts[d] += bytes[i] == delimiters[d];
    const uint32_t best = counts[1] > counts[0] ? 1 : 0;
    return delimiters[counts[2] > counts[best] ? 2 : best];
}

static enum sh_status find_columns(struct reading *reading, const char *columns, struct sh_error *err) {
    const char *at = columns;
    for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
        const size_t count = strcspn(at, ",");
        const struct sh_text name = {at, (uint32_t)count};
        uint32_t column = 0;
        while (column < reading->reader.field_count && !sh_text_equal(reading->reader.fields[column], name))
            column++;
        if (column == reading->reader.field_count)
            return sh_fail(err, SH_ERR_NAME, -1,
                           "%s has no column `%.*s`; --columns names those of the session, the item and the time",
                           reading->path, SH_TEXT_ARGS(name));
        reading->columns[i] = column;
        at += count + (at[count] == ',');
    }
    return SH_OK;
}

static enum sh_status find_least(struct reading *reading, struct sh_error *err) {
    char *end;
    const char *equals = strchr(reading->at_least, '=');
    if (equals == NULL) return sh_fail(err, SH_ERR_ARGUMENT, -1, "--min is COLUMN=NUMBER");
    const struct sh_text name = {reading->at_least, (uint32_t)(equals - reading->at_least)};
    reading->least = strtod(equals + 1, &end);
    if (equals[1] == '\0' || *end != '\0') return sh_fail(err, SH_ERR_ARGUMENT, -1, "--min is COLUMN=NUMBER");
    for (uint32_t i = 0; i < reading->reader.field_count; i++) {
        if (!sh_text_equal(reading->reader.fields[i], name)) continue;
        reading->least_column = i;
        return SH_OK;
    }
    return sh_fail(err, SH_ERR_NAME, -1, "%s has no column `%.*s`", reading->path, SH_TEXT_ARGS(name));
}

static bool read_number(struct sh_text text, double *number) {
    char digits[40];
    char *end;
    if (text.count == 0 || text.count >= sizeof digits) return false;
    memcpy(digits, text.bytes, text.count);
    digits[text.count] = '\0';
    *number = strtod(digits, &end);
    return *end == '\0' && *number > -1e15 && *number < 1e15;
}

/* "2017-01-28 19:06:53", read as UTC: only differences matter to an evaluation. */
static bool read_stamp(struct sh_text text, int64_t *time_ms) {
    char words[40];
    struct {
        int year, month, day, hour, minute, second;
    } parts = {.year = 0};
    if (text.count < 10 || text.count >= sizeof words) return false;
    memcpy(words, text.bytes, text.count);
    words[text.count] = '\0';
    const int found = sscanf(words, "%4d-%2d-%2d%*1[ T]%2d:%2d:%2d", &parts.year, &parts.month, &parts.day, &parts.hour,
                             &parts.minute, &parts.second);
    if (found < 3 || parts.month < 1 || parts.month > 12 || parts.day < 1 || parts.day > 31 || parts.year < 1)
        return false;
    struct tm moment = {.tm_year = parts.year - 1900,
                        .tm_mon = parts.month - 1,
                        .tm_mday = parts.day,
                        .tm_hour = parts.hour,
                        .tm_min = parts.minute,
                        .tm_sec = parts.second};
    *time_ms = (int64_t)timegm(&moment) * 1000;
    return true;
}

static bool read_time(struct sh_text text, int64_t *time_ms) {
    double number;
    if (!read_number(text, &number)) return read_stamp(text, time_ms);
    *time_ms = (int64_t)(number < 1e11 ? number * 1000 : number);
    return true;
}

static enum sh_status take_row(const struct reading *reading, struct names *items, struct clicks *clicks,
                               struct sh_error *err) {
    struct click click = {.row = clicks->count};
    struct sh_text texts[COLUMN_COUNT];
    if (reading->at_least != NULL) {
        double number;
        if (reading->least_column >= reading->reader.field_count ||
            !read_number(reading->reader.fields[reading->least_column], &number))
            return fault(reading, err, "the column of --min is no number");
        if (number < reading->least) return SH_OK;
    }
    for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
        if (reading->columns[i] >= reading->reader.field_count) return fault(reading, err, "a field is missing");
        texts[i] = reading->reader.fields[reading->columns[i]];
        if (texts[i].count == 0 || texts[i].count > SH_ID_BYTES_MAX)
            return fault(reading, err, "a field has 1 to 255 bytes");
    }
    if (!read_time(texts[2], &click.time_ms))
        return fault(reading, err, "the time is no number of seconds since 1970, and no date");
    if (clicks->count == CLICKS_COUNT_MAX) return fault(reading, err, "the file has too many clicks");
    if (names_number(&clicks->sessions, texts[0], &click.session) != SH_OK ||
        names_number(items, texts[1], &click.item) != SH_OK ||
        sh_grow((void **)&clicks->clicks, &clicks->capacity, (uint64_t)clicks->count + 1, sizeof click) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the clicks of %s", reading->path);
    clicks->clicks[clicks->count++] = click;
    return SH_OK;
}

static int by_session_and_time(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->session != b->session) return a->session < b->session ? -1 : 1;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static enum sh_status read_rows(struct reading *reading, const char *columns, struct names *items,
                                struct clicks *clicks, struct sh_error *err) {
    bool at_end = false;
    enum sh_status status = csv_next(&reading->reader, &at_end, err);
    if (status == SH_OK && at_end) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s is empty", reading->path);
    if (status == SH_OK) status = find_columns(reading, columns, err);
    if (status == SH_OK && reading->at_least != NULL) status = find_least(reading, err);
    while (status == SH_OK) {
        status = csv_next(&reading->reader, &at_end, err);
        if (at_end) break;
        if (status == SH_OK) status = take_row(reading, items, clicks, err);
    }
    return status;
}

enum sh_status clicks_read(const char *path, const char *columns, const char *at_least, struct names *items,
                           struct clicks *clicks, struct sh_error *err) {
    struct reading reading = {.path = path, .at_least = at_least};
    struct input *input;
    *clicks = (struct clicks){.count = 0};
    enum sh_status status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    csv_init(&reading.reader, input, delimiter_of(input));
    status = read_rows(&reading, columns, items, clicks, err);
    csv_deinit(&reading.reader);
    input_close(input);
    if (status == SH_OK && clicks->count > 0)
        qsort(clicks->clicks, clicks->count, sizeof *clicks->clicks, by_session_and_time);
    return status;
}

void clicks_free(struct clicks *clicks) {
    sh_free(clicks->clicks);
    names_free(&clicks->sessions);
}
