#include "file_columns.h"

#include <string.h>

static const char *const role_words[FILE_ROLE_COUNT] = {"user",  "item",  "time",     "type",
                                                        "value", "store", "category", "tags"};

/* Of "role=name" the role; FILE_ROLE_COUNT if it is none. */
static enum file_role role_of(struct sh_text word) {
    for (uint32_t i = 0; i < FILE_ROLE_COUNT; i++)
        if (sh_text_equal(word, sh_text_of(role_words[i]))) return (enum file_role)i;
    return FILE_ROLE_COUNT;
}

enum sh_status file_columns_parse(const char *words, enum file_role first, struct file_columns *columns,
                                  struct sh_error *err) {
    uint32_t next = first;
    *columns = (struct file_columns){.count = 0};
    for (const char *at = words; *at != '\0';) {
        const size_t count = strcspn(at, ",");
        const char *equals = memchr(at, '=', count);
        struct file_column *column = &columns->columns[columns->count];
        if (columns->count == FILE_COLUMN_COUNT_MAX)
            return sh_fail(err, SH_ERR_LIMIT, -1, "at most %d columns can be named", (int)FILE_COLUMN_COUNT_MAX);
        *column = (struct file_column){.role = (enum file_role)next, .name = {at, (uint32_t)count}};
        if (equals != NULL) {
            column->role = role_of((struct sh_text){at, (uint32_t)(equals - at)});
            column->name = (struct sh_text){equals + 1, (uint32_t)(at + count - equals - 1)};
        } else {
            next++;
        }
        if (column->role == FILE_ROLE_COUNT || (equals == NULL && column->role > FILE_TIME) || column->name.count == 0)
            return sh_fail(err, SH_ERR_ARGUMENT, -1,
                           "`%.*s` names no column: it is like user,item,time,type=event,value=amount,store=shop,"
                           "category=kind,tags=genres",
                           (int)count, at);
        columns->count++;
        at += count + (at[count] == ',');
    }
    return SH_OK;
}

enum sh_status file_columns_find(struct file_columns *columns, const char *path, const struct csv_reader *reader,
                                 struct sh_error *err) {
    for (uint32_t role = 0; role < FILE_ROLE_COUNT; role++)
        columns->of_role[role] = -1;
    for (uint32_t i = 0; i < columns->count; i++) {
        struct file_column *column = &columns->columns[i];
        column->place = 0;
        while (column->place < reader->field_count && !sh_text_equal(reader->fields[column->place], column->name))
            column->place++;
        if (column->place == reader->field_count)
            return sh_fail(err, SH_ERR_NAME, -1, "%s has no column `%.*s` for the %s", path, SH_TEXT_ARGS(column->name),
                           role_words[column->role]);
        if (columns->of_role[column->role] < 0) columns->of_role[column->role] = (int32_t)column->place;
    }
    return SH_OK;
}

bool file_columns_field(const struct file_columns *columns, const struct csv_reader *reader, enum file_role role,
                        struct sh_text *field) {
    const int32_t place = columns->of_role[role];
    *field = (struct sh_text){"", 0};
    if (place < 0) return true;
    if ((uint32_t)place >= reader->field_count) return false;
    *field = reader->fields[place];
    return true;
}

char file_delimiter(struct input *input) {
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
