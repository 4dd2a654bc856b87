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
 */
#ifndef SHOAL_FOLLOW_H
#define SHOAL_FOLLOW_H

#include "segment.h"

enum {
    FOLLOW_POLL_MS = 100,
    FOLLOW_GRACE_POLLS = 10,          /* a file that was moved away is at its end when it has been still so long */
    FOLLOW_STILL_S = 1,               /* likewise one that was moved before it was looked at */
    FOLLOW_SIBLING_COUNT_MAX = 1024,  /* rotated files beside the live one */
    FOLLOW_LONG_LINE_BYTES = 8 << 20, /* a line beyond this is no line: the file is something else */
};

/* Read one file to its end, from where the server says. */
SH_MUST_CHECK enum sh_status follow_whole(struct segment *segment, const char *prefix, const char *path);
/* Read it, and what takes its place, until *stream->stop. */
SH_MUST_CHECK enum sh_status follow_live(struct segment *segment, const char *prefix, const char *path);

#endif
