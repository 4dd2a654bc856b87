/* follow.h -- lines of a file, and of the file that takes its place, into a stream: like tail -F, but each line once.
 *
 *   shop.jsonl.1 (rotated)      shop.jsonl (live)
 *   |=======================|   |=========>....
 *                                   ^ the place: what the server says, nothing is kept here
 *
 * A file is known by its first line: rotating moves it, copying and cutting short makes another of it, and the server
 * remembers under that name how far it was read. So when the live file begins with another line than before, the files
 * beside it (its name and . or - and more; packed ones too) are looked over, the oldest first: one that the server knows
 * is read to its end, and every one after it, before the live one goes on. Lines that were written to a file between
 * somebody's copying it and cutting it short are lost to everybody, here too.
 *
 * CSV files of one kind all begin with the same line, so that is not who they are: there the second one is meant, too, and a
 * file without any is not begun. A line of CSV is a record: line ends inside quotes are passed over.
 */
#ifndef SHOAL_FOLLOW_H
#define SHOAL_FOLLOW_H

#include "stream.h"

enum {
    FOLLOW_POLL_MS = 100,
    FOLLOW_GRACE_POLLS = 10,          /* a file that was moved away is at its end when it has been still so long */
    FOLLOW_STILL_S = 1,               /* likewise one that was moved before it was looked at */
    FOLLOW_SIBLING_COUNT_MAX = 1024,  /* rotated files beside the live one */
    FOLLOW_LONG_LINE_BYTES = 8 << 20, /* a line beyond this is no line: the file is something else */
};

/* What lines are for: one of take and window. */
struct follow_sink {
    struct stream *stream;
    struct sh_error *err;
    bool has_header; /* the first line is one */
    char delimiter;  /* of CSV; 0: a line end is a line end */
    /* The line that stream_add_line was told last; place is where it ends in the file. */
    enum sh_status (*take)(void *context, const char *path, struct sh_text line, uint64_t place);
    /* Whole lines, one behind the other, behind so many of the file; the header is the file's. They are to be told to
     * stream_add_line, unless they were done before and are only passed by. */
    enum sh_status (*window)(void *context, const char *path, struct sh_text header, struct sh_text lines,
                             uint64_t line_number, bool is_passed);
    void (*begin)(void *context); /* another file, from its first line on; may be NULL */
    void *context;
};

/* Read one file to its end, from where the server says. */
SH_MUST_CHECK enum sh_status follow_whole(const struct follow_sink *sink, const char *prefix, const char *path);
/* Read it, and what takes its place, until *stream->stop. */
SH_MUST_CHECK enum sh_status follow_live(const struct follow_sink *sink, const char *prefix, const char *path);

#endif
