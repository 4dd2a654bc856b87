/* file_columns.h -- which column of a file is what: "user,item,time,type=event,value=amount" against its head line.
 *
 * The first ones stand for user, item and time by their place (a file of items: the item); all others say what they are:
 * type, value, store; category and tags, of which there may be several, keep the column's name. */
#ifndef SHOAL_FILE_COLUMNS_H
#define SHOAL_FILE_COLUMNS_H

#include "csv.h"

enum file_role {
    FILE_USER,
    FILE_ITEM,
    FILE_TIME,
    FILE_TYPE,
    FILE_VALUE,
    FILE_STORE,
    FILE_CATEGORY,
    FILE_TAGS,
    FILE_ROLE_COUNT
};
enum { FILE_COLUMN_COUNT_MAX = 24 };

struct file_column {
    enum file_role role;
    struct sh_text name; /* in the words that were given */
    uint32_t place;      /* in a record */
};

struct file_columns {
    struct file_column columns[FILE_COLUMN_COUNT_MAX];
    uint32_t count;
    int32_t of_role[FILE_ROLE_COUNT]; /* place in a record, -1: none; of category and tags the first */
};

/* first: what the first word without a `role=` is (FILE_USER or FILE_ITEM). SH_ERR_ARGUMENT: words that say nothing. */
SH_MUST_CHECK enum sh_status file_columns_parse(const char *words, enum file_role first, struct file_columns *columns,
                                                struct sh_error *err);
/* The record read last is the head line. SH_ERR_NAME: it lacks one. */
SH_MUST_CHECK enum sh_status file_columns_find(struct file_columns *columns, const char *path,
                                               const struct csv_reader *reader, struct sh_error *err);
/* The field of a role; without bytes if the file has none. False: the record is too short. */
bool file_columns_field(const struct file_columns *columns, const struct csv_reader *reader, enum file_role role,
                        struct sh_text *field);
/* The delimiter that the head line has most of: comma, semicolon or tab. */
char file_delimiter(struct input *input);

#endif
