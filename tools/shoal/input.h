/* input.h -- bytes of a file or of standard input, plain, gzip or zstd, told apart by their first bytes.
 *
 * One growing window over the stream: the reader of records asks for more behind what it has, and gives up the front.
 *
 *      window -> | given up | unread bytes ............ | room |
 *                           ^ at                        ^ end
 */
#ifndef SHOAL_INPUT_H
#define SHOAL_INPUT_H

#include <stddef.h>

#include "status.h"

enum {
    INPUT_CHUNK_BYTES = 1 << 20,       /* read and decompressed at a time */
    INPUT_WINDOW_BYTES_MAX = 64 << 20, /* unread bytes and the room behind them; readers give up a record long before */
};

struct input;
/* path "-" is standard input. SH_ERR_IO with the path and the kernel's word. */
SH_MUST_CHECK enum sh_status input_open(const char *path, struct input **input, struct sh_error *err);
/* Over bytes that are already here and stay the caller's; read as a file would be, piece_bytes at a time (0: as they
 * come). For tests and fuzzing of what happens at a window's edge. */
SH_MUST_CHECK enum sh_status input_open_memory(const void *bytes, size_t byte_count, size_t piece_bytes,
                                               struct input **input, struct sh_error *err);
void input_close(struct input *input);

/* The unread bytes. Valid until the next input_more. */
const char *input_at(const struct input *input, size_t *byte_count);
/* Give up the first byte_count unread bytes. */
void input_advance(struct input *input, size_t byte_count);
/* Read more behind the unread bytes; *at_end when nothing more comes. SH_ERR_TOO_LARGE over the window's limit,
 * SH_ERR_CORRUPT for damaged or cut compressed data: what came before is in the window. */
SH_MUST_CHECK enum sh_status input_more(struct input *input, bool *at_end, struct sh_error *err);

/* Of the file that is open, wherever its name points now; -1 for memory. */
int input_descriptor(const struct input *input);
/* A plain file may have grown since its end was read: the next input_more looks again. */
void input_look_again(struct input *input);
/* Give up everything up to and including the next line feed, however far it is. *at_end is what input_more said last.
 */
SH_MUST_CHECK enum sh_status input_pass_line(struct input *input, bool *at_end, struct sh_error *err);

/* For a progress bar: bytes of the file read so far, and its size (0 when unknown: a pipe). */
uint64_t input_file_position(const struct input *input);
uint64_t input_file_bytes(const struct input *input);

#endif
