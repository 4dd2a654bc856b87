/* csv.h -- records of comma-separated values as RFC 4180 has them, with any one-byte delimiter.
 *
 *   u1,"Tee, grün","er sagte ""ja"""\r\n   ->   [u1] [Tee, grün] [er sagte "ja"]
 *
 * Fields may be quoted; a quoted field may hold delimiters, line ends and doubled quotes. Lines end with LF or CRLF,
 * the last one may lack it. A byte order mark at the start is passed over, and so are empty lines. A field that is not
 * quoted is taken as it stands. What follows a closing quote other than a delimiter or a line end is an error of that
 * record alone: the reader goes on behind its line.
 *
 * Cost: one pass with memchr-like steps; unquoted fields are never copied.
 */
#ifndef SHOAL_CSV_H
#define SHOAL_CSV_H

#include "input.h"
#include "text.h"

enum {
    CSV_FIELD_COUNT_MAX = 4096,
    CSV_RECORD_BYTES_MAX = 1 << 20, /* a quote left open must not swallow the file */
};

struct csv_reader {
    struct input *input;
    char delimiter;
    bool started;
    bool input_ended;
    uint64_t line_number; /* of the record read last, from 1 */
    uint64_t next_line_number;
    size_t record_bytes; /* of the record read last, still in the input */
    struct sh_text *fields;
    bool *quoted; /* was fields[i] quoted? An empty quoted field is a value, an empty bare one is absent */
    uint32_t field_count;
    uint32_t field_capacity;
    char *scratch; /* fields with doubled quotes, unescaped */
    size_t scratch_capacity;
};

void csv_init(struct csv_reader *reader, struct input *input, char delimiter);
void csv_deinit(struct csv_reader *reader);

/* The next record into fields[0..field_count), valid until the next call. *at_end when there is none. SH_ERR_SYNTAX for
 * a bad record, with its line number in the words: the caller may go on. Any other error is the input's, and final. */
SH_MUST_CHECK enum sh_status csv_next(struct csv_reader *reader, bool *at_end, struct sh_error *err);
/* The bytes of the record read last as they stood in the file, without its line end. */
struct sh_text csv_raw(const struct csv_reader *reader);

#endif
