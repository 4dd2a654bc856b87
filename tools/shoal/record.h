/* record.h -- one row of a file after another, CSV or JSON Lines, as texts under the names that the mapping wants.
 *
 *   wanted:  [user_id] [tier] [interests]
 *   values:   u17       金卡    (array of 2)      the same three places for every record of the file
 *
 * A CSV field that is empty and not quoted is absent, as is a JSON null or a key that is not there. A CSV record has as
 * many fields as the header names: a short one is a cut line as often as not, so it is refused, not guessed at. In JSON
 * Lines a name like "address.city" reaches into an object; an array is kept as an array, everything else becomes its
 * text, numbers without an exponent.
 */
#ifndef SHOAL_RECORD_H
#define SHOAL_RECORD_H

#include <jansson.h>

#include "arena.h"
#include "csv.h"
#include "mapping.h"

struct record_value {
    bool present;
    struct sh_text text; /* of scalars */
    json_t *array;       /* of JSON arrays, instead of a text */
};

struct record_reader {
    enum mapping_format format;
    struct input *input;
    struct csv_reader csv;
    struct sh_text *wanted; /* the caller's */
    uint32_t wanted_count;
    uint32_t *csv_columns; /* wanted -> field of the record; UINT32_MAX: not in this file */
    uint32_t header_count;
    bool has_header; /* its first line was one */
    struct record_value *values;
    bool is_utf8;            /* all texts of the record read last are; false: who wants to know looks at each */
    struct sh_arena scratch; /* texts of JSON numbers */
    json_t *json;            /* the record read last */
    size_t line_bytes;       /* JSON Lines: of the record read last */
    bool input_ended;
    bool in_long_line;
    uint64_t line_number; /* of the record read last, from 1 */
    struct sh_arena arena;
};

struct record_options {
    enum mapping_format format; /* MAPPING_BY_NAME: .jsonl, .ndjson and .json are JSON Lines, before .gz and .zst */
    char delimiter;             /* 0: tab for .tsv, else comma */
    bool has_header;
    const struct sh_text *columns; /* names instead of a header, or in its place */
    uint32_t column_count;
};

/* Open path (or take `input`, which then belongs to the reader, also on failure) and read the header. With `wanted`
 * NULL every column is wanted, and reader->wanted names them. The first required_count wanted columns must be in a CSV
 * file: SH_ERR_NAME with a list of what it has. After a failure nothing is left to close. */
SH_MUST_CHECK enum sh_status record_open(struct record_reader *reader, const char *path, struct input *input,
                                         const struct record_options *options, struct sh_text *wanted,
                                         uint32_t wanted_count, uint32_t required_count, struct sh_error *err);
void record_close(struct record_reader *reader);
/* As csv_next: SH_ERR_SYNTAX is about the record at line_number alone. */
SH_MUST_CHECK enum sh_status record_next(struct record_reader *reader, bool *at_end, struct sh_error *err);
/* The record's bytes as they stood in the file. */
struct sh_text record_raw(const struct record_reader *reader);
/* Is wanted[i] a column of this file at all? (JSON Lines: always.) */
bool record_has(const struct record_reader *reader, uint32_t wanted);
/* The format and delimiter that a file's name means, where they are not given (MAPPING_BY_NAME, 0). */
void record_format_of(const char *path, enum mapping_format *format, char *delimiter);

#endif
