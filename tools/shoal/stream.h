/* stream.h -- rows from places of a source into a server, each exactly once.
 *
 *   source     a file, a partition of a topic: places only grow, and what stands at a place never changes
 *   batch      what stands between two places, as user.put, item.put, user.merge and event.append
 *   number     4 * (the batch's end) + 1 for its users, + 2 for its events; client = the source's name
 *
 *      ... 4*700+1  4*700+2 | 4*950+1  4*950+2 | nothing yet
 *                      done |    done      ?   |
 *                           '------ the batch that was under way ends at 950, began at 700
 *
 * One batch is under way at a time. Who starts again asks the server for the source's highest numbers (client.numbers):
 * the batch that they name is read again from the source, is sent again under the same numbers, and every shard does
 * what it had not done. So the server's log is the only memory, and killing either side at any moment loses and doubles
 * nothing. Merges and items are not numbered: doing them again changes nothing.
 *
 * A server that does not answer is asked again until it does, or until `stop` says so.
 */
#ifndef SHOAL_STREAM_H
#define SHOAL_STREAM_H

#include <signal.h>

#include "buffer.h"
#include "load_summary.h"
#include "shoal/client.h"

enum {
    STREAM_LINE_COUNT_MAX = 2048, /* in a batch: some tens of milliseconds of a server's time */
    STREAM_LINE_BYTES_MAX = 1 << 20,
    STREAM_BATCH_BYTES = 1 << 20, /* of lines: then it goes */
    STREAM_EVENT_COUNT = 16384,   /* likewise */
    STREAM_BODY_BYTES_MAX = 7 << 20,
};

struct stream_rows {
    struct sh_buffer bytes;
    uint32_t *lines; /* of the batch: which each row is of */
    uint32_t count, capacity;
};

struct stream_batch {
    struct stream_rows users, items, events;
    struct sh_buffer merges; /* {from, into} after another */
    uint32_t merge_count;
    struct sh_text lines[STREAM_LINE_COUNT_MAX]; /* as they stand in the source */
    uint64_t places[STREAM_LINE_COUNT_MAX];      /* for people: line numbers, offsets */
    uint32_t line_count;
    size_t line_bytes;
};

struct stream {
    struct shoal_client *client;
    struct shoal_client_writer *params;
    struct load_counts counts;
    struct load_rejects rejects;
    const volatile sig_atomic_t *stop;
    bool is_quiet;
    const char *unit;  /* what a line is, for the summary; NULL: "messages" */
    uint64_t repeated; /* batches that were sent again after a start */
    struct stream_batch batch;
    struct sh_error *err;
};

SH_MUST_CHECK enum sh_status stream_init(struct stream *stream, struct shoal_client *client, const char *rejects_path,
                                         const volatile sig_atomic_t *stop, struct sh_error *err);
void stream_deinit(struct stream *stream);

/* Ask until there is an answer; then its code. With a seq above 0 it is a numbered write. SHOAL_CLIENT_ERR_CLOSED: stopped
 * before there was one. */
int stream_call(struct stream *stream, const char *method, const struct shoal_client_writer *params, const char *source,
                uint64_t seq, struct shoal_client_answer *answer, struct shoal_client_error *error);
/* What the call came to, in stream->err. */
enum sh_status stream_fault(struct stream *stream, const char *method, const struct shoal_client_error *error);

/* The batch that a source's numbers name: what was sent last, begins and ends there. 0 and 0: nothing was. */
SH_MUST_CHECK enum sh_status stream_resume(struct stream *stream, const char *source, uint64_t *begin, uint64_t *end);

void stream_begin(struct stream *stream);
/* A line that rows are to be added for; its bytes stay until stream_send. */
void stream_add_line(struct stream *stream, struct sh_text line, uint64_t place);
/* No more lines should be added. */
bool stream_is_full(const struct stream *stream);
/* The line added last makes the row that was just appended to rows->bytes. */
SH_MUST_CHECK enum sh_status stream_add_row(struct stream *stream, struct stream_rows *rows);
/* The line added last is no good. */
SH_MUST_CHECK enum sh_status stream_reject(struct stream *stream, const char *source, struct sh_text reason);
/* Send the batch that ends there, and wait until all of it is done. SH_ERR_CLOSED: stopped before it was. */
SH_MUST_CHECK enum sh_status stream_send(struct stream *stream, const char *source, uint64_t end);

void stream_print_summary(const struct stream *stream, FILE *out);

#endif
