/* csv.h -- records of comma-separated values as RFC 4180 has them, with any one-byte delimiter.
 *
 *   u1,"Tee, grün","er sagte ""ja"""\r\n   ->   [u1] [Tee, grün] [er sagte "ja"]
 *
 * Fields may be quoted; a quoted field may hold delimiters, line ends and doubled quotes. Lines end with LF or CRLF,
 * the last one may lack it. A byte order mark at the start is passed over, and so are empty lines. A field that does
 * not begin with a quote is taken as it stands.
 *
 * A bad record costs that record alone:
 *   - something stands behind a closing quote, or there are too many fields: the reader goes on behind the record;
 *   - a quoted field is never closed, or a record is longer than CSV_RECORD_BYTES_MAX: only its first line is bad, and
 *     the reader goes on behind that line, so that one lost quote does not swallow the file.
 *
 * Cost: one pass, 64 bytes at a time where there is no quote; fields point into the input's window, only doubled quotes
 * are copied.
 */
#ifndef SHOAL_CSV_H
#define SHOAL_CSV_H

#include "input.h"
#include "text.h"

enum {
    CSV_FIELD_COUNT_MAX = 4096,
    CSV_RECORD_BYTES_MAX = 1 << 20,
};

/* An empty quoted field is a text without bytes, an empty bare one is absent. */
enum csv_form { CSV_BARE, CSV_QUOTED, CSV_DOUBLED /* a doubled quote inside; never seen by the caller */ };

struct csv_reader {
    struct input *input;
    char delimiter;
    bool started;
    bool input_ended;
    bool in_long_line;    /* the rest of a line that was too long is passed over */
    bool is_ascii;        /* the record read last has only ASCII, for certain */
    uint64_t line_number; /* where the record read last begins, from 1 */
    uint64_t next_line_number;
    size_t record_bytes; /* of the record read last, still in the input */
    struct sh_text *fields;
    uint8_t *forms; /* enum csv_form of each */
    uint32_t field_count;
    uint32_t field_capacity;
    char *scratch; /* fields with doubled quotes, undone */
    size_t scratch_capacity;
};

/* delimiter is none of quote, CR and LF. The input stays the caller's. */
void csv_init(struct csv_reader *reader, struct input *input, char delimiter);
void csv_deinit(struct csv_reader *reader);

/* The next record into fields[0..field_count), valid until the next call. *at_end when there is none. SH_ERR_SYNTAX for
 * a bad record, whose line is line_number: the caller may go on. Any other error is the input's, and final. */
SH_MUST_CHECK enum sh_status csv_next(struct csv_reader *reader, bool *at_end, struct sh_error *err);
/* The bytes of the record read last as they stood in the file, without its line end. Of a line that was too long, its
 * first CSV_RECORD_BYTES_MAX. */
struct sh_text csv_raw(const struct csv_reader *reader);

#endif
