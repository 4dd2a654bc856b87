#include "goods.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "file_columns.h"
#include "memory.h"

enum sh_status goods_column(struct goods *goods, struct sh_text name, bool is_tags, uint32_t *column,
                            struct sh_error *err) {
    for (*column = 0; *column < goods->column_count; (*column)++)
        if (sh_text_equal(name, sh_text_of(goods->columns[*column].name)) && goods->columns[*column].is_tags == is_tags)
            return SH_OK;
    if (goods->column_count == GOODS_COLUMN_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "items have at most %d columns of categories and tags",
                       (int)GOODS_COLUMN_COUNT_MAX);
    char *copy = strndup(name.bytes, name.count);
    if (copy == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "memory is out");
    goods->columns[goods->column_count++] = (struct goods_column){.name = copy, .is_tags = is_tags};
    return SH_OK;
}

enum sh_status goods_say(struct goods *goods, uint32_t number, uint32_t item, struct sh_text text) {
    struct goods_column *column = &goods->columns[number];
    uint32_t said;
    if (text.count == 0 || goods_text(goods, number, item) != NULL) return SH_OK;
    const uint32_t old = column->capacity;
    enum sh_status status =
        sh_grow((void **)&column->cells, &column->capacity, (uint64_t)item + 1, sizeof *column->cells);
    if (status != SH_OK) return status;
    memset(column->cells + old, 0, (column->capacity - old) * sizeof *column->cells);
    if ((status = names_number(&goods->texts, text, &said)) == SH_OK) column->cells[item] = said + 1;
    return status;
}

const char *goods_text(const struct goods *goods, uint32_t number, uint32_t item) {
    const struct goods_column *column = &goods->columns[number];
    if (item >= column->capacity || column->cells[item] == 0) return NULL;
    return goods->texts.texts[column->cells[item] - 1];
}

void goods_free(struct goods *goods) {
    names_free(&goods->items);
    names_free(&goods->texts);
    names_free(&goods->types);
    names_free(&goods->stores);
    for (uint32_t i = 0; i < goods->column_count; i++) {
        free(goods->columns[i].name);
        sh_free(goods->columns[i].cells);
    }
    goods->column_count = 0;
}

/* ---- A file of items ---- */

static enum sh_status take_row(const struct file_columns *columns, const uint32_t *numbers,
                               const struct csv_reader *reader, struct goods *goods) {
    struct sh_text id;
    uint32_t item;
    if (!file_columns_field(columns, reader, FILE_ITEM, &id) || id.count == 0 || id.count > SH_ID_BYTES_MAX)
        return SH_ERR_SYNTAX;
    enum sh_status status = SH_OK;
    if (!names_find(&goods->items, id, &item))
        return SH_OK; /* of a catalogue, those that the events name are looked at */
    for (uint32_t i = 0; i < columns->count && status == SH_OK; i++) {
        const struct file_column *column = &columns->columns[i];
        if (column->role != FILE_CATEGORY && column->role != FILE_TAGS) continue;
        if (column->place >= reader->field_count) return SH_ERR_SYNTAX;
        status = goods_say(goods, numbers[i], item, reader->fields[column->place]);
    }
    return status;
}

static enum sh_status read_rows(const char *path, struct file_columns *columns, struct csv_reader *reader,
                                struct goods *goods, struct sh_error *err) {
    uint32_t numbers[FILE_COLUMN_COUNT_MAX];
    bool at_end = false;
    enum sh_status status = csv_next(reader, &at_end, err);
    if (status == SH_OK && at_end) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s is empty", path);
    if (status == SH_OK) status = file_columns_find(columns, path, reader, err);
    if (status == SH_OK && columns->of_role[FILE_ITEM] < 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "--item-columns begins with the column of the item's id");
    for (uint32_t i = 0; i < columns->count && status == SH_OK; i++)
        if (columns->columns[i].role == FILE_CATEGORY || columns->columns[i].role == FILE_TAGS)
            status =
                goods_column(goods, columns->columns[i].name, columns->columns[i].role == FILE_TAGS, &numbers[i], err);
    while (status == SH_OK) {
        status = csv_next(reader, &at_end, err);
        if (status != SH_OK || at_end) break;
        status = take_row(columns, numbers, reader, goods);
        if (status == SH_ERR_SYNTAX)
            return sh_fail(err, status, -1, "%s, line %llu: a field is missing, or the id has not 1 to 255 bytes", path,
                           (unsigned long long)reader->line_number);
        if (status != SH_OK) return sh_fail(err, status, -1, "no memory for the items of %s", path);
    }
    return status;
}

enum sh_status goods_read(const char *path, const char *words, struct goods *goods, struct sh_error *err) {
    struct file_columns columns;
    struct csv_reader reader;
    struct input *input;
    enum sh_status status = file_columns_parse(words, FILE_ITEM, &columns, err);
    if (status == SH_OK) status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    csv_init(&reader, input, file_delimiter(input));
    status = read_rows(path, &columns, &reader, goods, err);
    csv_deinit(&reader);
    input_close(input);
    return status;
}
