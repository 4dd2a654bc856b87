#include "clicks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bounds.h"
#include "file_columns.h"
#include "memory.h"

#define VALUE_MAX 1e12 /* of a number in a file, in hundredths */

struct reading {
    const char *path;
    struct csv_reader reader;
    struct file_columns columns;
    const struct clicks_choice *choice;
    uint32_t numbers[FILE_COLUMN_COUNT_MAX]; /* in goods, of category and tags */
    uint32_t least_column;
    double least;
    struct goods *goods;
    struct clicks *clicks;
};

static enum sh_status fault(const struct reading *reading, struct sh_error *err, const char *what) {
    return sh_fail(err, SH_ERR_SYNTAX, -1, "%s, line %llu: %s", reading->path,
                   (unsigned long long)reading->reader.line_number, what);
}

static enum sh_status find_least(struct reading *reading, struct sh_error *err) {
    char *end;
    const char *equals = strchr(reading->choice->at_least, '=');
    if (equals == NULL) return sh_fail(err, SH_ERR_ARGUMENT, -1, "--min is COLUMN=NUMBER");
    const struct sh_text name = {reading->choice->at_least, (uint32_t)(equals - reading->choice->at_least)};
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

/* ---- A line ---- */

/* Is the line one of those that are wanted? */
static enum sh_status choose(const struct reading *reading, bool *is_wanted, struct sh_error *err) {
    struct sh_text type;
    *is_wanted = true;
    if (reading->choice->at_least != NULL) {
        double number;
        if (reading->least_column >= reading->reader.field_count ||
            !read_number(reading->reader.fields[reading->least_column], &number))
            return fault(reading, err, "the column of --min is no number");
        *is_wanted = number >= reading->least;
    }
    if (!*is_wanted || reading->choice->types == NULL) return SH_OK;
    if (!file_columns_field(&reading->columns, &reading->reader, FILE_TYPE, &type))
        return fault(reading, err, "a field is missing");
    *is_wanted = false;
    for (const char *at = reading->choice->types; *at != '\0' && !*is_wanted;) {
        const size_t count = strcspn(at, ",");
        *is_wanted = sh_text_equal(type, (struct sh_text){at, (uint32_t)count});
        at += count + (at[count] == ',');
    }
    return SH_OK;
}

/* A text by its number, or CLICK_NONE for one without bytes. */
static enum sh_status number_of(struct names *names, struct sh_text text, uint32_t *number) {
    *number = CLICK_NONE;
    return text.count == 0 ? SH_OK : names_number(names, text, number);
}

static enum sh_status take_texts(const struct reading *reading, const struct sh_text *texts, struct click *click) {
    struct goods *goods = reading->goods;
    enum sh_status status = names_number(&reading->clicks->sessions, texts[FILE_USER], &click->session);
    if (status == SH_OK) status = names_number(&goods->items, texts[FILE_ITEM], &click->item);
    if (status == SH_OK) status = number_of(&goods->types, texts[FILE_TYPE], &click->type);
    if (status == SH_OK) status = number_of(&goods->stores, texts[FILE_STORE], &click->store);
    for (uint32_t i = 0; i < reading->columns.count && status == SH_OK; i++) {
        const struct file_column *column = &reading->columns.columns[i];
        if ((column->role == FILE_CATEGORY || column->role == FILE_TAGS) && column->place < reading->reader.field_count)
            status = goods_say(goods, reading->numbers[i], click->item, reading->reader.fields[column->place]);
    }
    return status;
}

static enum sh_status take_row(struct reading *reading, struct sh_error *err) {
    struct clicks *clicks = reading->clicks;
    struct click click = {.row = clicks->count};
    struct sh_text texts[FILE_ROLE_COUNT];
    bool is_wanted;
    double value = 0;
    const enum sh_status status = choose(reading, &is_wanted, err);
    if (status != SH_OK || !is_wanted) return status;
    for (uint32_t i = 0; i < FILE_ROLE_COUNT; i++) {
        if (!file_columns_field(&reading->columns, &reading->reader, (enum file_role)i, &texts[i]))
            return fault(reading, err, "a field is missing");
        if ((texts[i].count == 0 && i < FILE_TIME) || (texts[i].count > SH_ID_BYTES_MAX && i < FILE_CATEGORY))
            return fault(reading, err, "a field has 1 to 255 bytes");
    }
    if (!read_time(texts[FILE_TIME], &click.time_ms))
        return fault(reading, err, "the time is no number of seconds since 1970, and no date");
    if (texts[FILE_VALUE].count > 0 && (!read_number(texts[FILE_VALUE], &value) || fabs(value) >= VALUE_MAX / 100))
        return fault(reading, err, "the value is no number");
    click.value = llround(value * 100);
    if (clicks->count == CLICKS_COUNT_MAX) return fault(reading, err, "the file has too many clicks");
    if (take_texts(reading, texts, &click) != SH_OK ||
        sh_grow((void **)&clicks->clicks, &clicks->capacity, (uint64_t)clicks->count + 1, sizeof click) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the clicks of %s", reading->path);
    clicks->clicks[clicks->count++] = click;
    return SH_OK;
}

int clicks_by_time(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int by_session_and_time(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->session != b->session) return a->session < b->session ? -1 : 1;
    return clicks_by_time(left, right);
}

/* ---- All of it ---- */

static enum sh_status find_columns(struct reading *reading, struct sh_error *err) {
    enum sh_status status = file_columns_find(&reading->columns, reading->path, &reading->reader, err);
    if (status != SH_OK) return status;
    for (uint32_t role = FILE_USER; role <= FILE_TIME; role++)
        if (reading->columns.of_role[role] < 0)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "--columns names those of the user, the item and the time");
    if (reading->choice->types != NULL && reading->columns.of_role[FILE_TYPE] < 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "types are chosen, and --columns has no type=NAME");
    for (uint32_t i = 0; i < reading->columns.count && status == SH_OK; i++) {
        const struct file_column *column = &reading->columns.columns[i];
        if (column->role == FILE_CATEGORY || column->role == FILE_TAGS)
            status = goods_column(reading->goods, column->name, column->role == FILE_TAGS, &reading->numbers[i], err);
    }
    reading->clicks->has_values = reading->columns.of_role[FILE_VALUE] >= 0;
    return status;
}

static enum sh_status read_rows(struct reading *reading, struct sh_error *err) {
    bool at_end = false;
    enum sh_status status = csv_next(&reading->reader, &at_end, err);
    if (status == SH_OK && at_end) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s is empty", reading->path);
    if (status == SH_OK) status = find_columns(reading, err);
    if (status == SH_OK && reading->choice->at_least != NULL) status = find_least(reading, err);
    while (status == SH_OK) {
        status = csv_next(&reading->reader, &at_end, err);
        if (at_end) break;
        if (status == SH_OK) status = take_row(reading, err);
    }
    return status;
}

enum sh_status clicks_read(const char *path, const struct clicks_choice *choice, struct goods *goods,
                           struct clicks *clicks, struct sh_error *err) {
    struct reading reading = {.path = path, .choice = choice, .goods = goods, .clicks = clicks};
    struct input *input;
    *clicks = (struct clicks){.count = 0};
    enum sh_status status = file_columns_parse(choice->columns, FILE_USER, &reading.columns, err);
    if (status == SH_OK) status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    csv_init(&reading.reader, input, file_delimiter(input));
    status = read_rows(&reading, err);
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
