/* repeats.h -- which numbered writes were done, so that one that is sent again is answered again and not done again.
 *
 * A client that loses its connection, or finds the server restarted, cannot know whether its last writes were done. So
 * it may number them: a client id of its own choice, and 1, 2, 3 ... with each writing request. It then sends again
 * what was not answered, under the numbers of the first time:
 *
 *      client "till-7"    numbers   4096  4097  4098  4099 ... 5119     beyond: new, is done
 *                         answers   ok    ok    -     ok       ok       inside and done: answered as the first time
 *            <- older: refused      a gap is new, is done               another request under that number: refused
 *
 * What is remembered is part of the shard's state: it is a function of the requests in their order, so a replay of the
 * log makes it again, and snapshots carry it. Each shard remembers its own parts of a request; a request that a crash
 * left done in one of two shards is done in the other when it comes again, and its answer is that of the first time.
 *
 * Only what succeeded is remembered: a request that was refused as a whole changed nothing, and may be tried again
 * under its number. An answer over SH_REPEAT_ANSWER_BYTES_MAX (many refused rows) is not kept; the repeated request is
 * then refused with SH_ERR_CONFLICT in words that say that it was done.
 *
 * Bounds: SH_CLIENT_COUNT_MAX clients, the ones that wrote last; SH_CLIENT_SEQ_COUNT_MAX numbers of each, the highest.
 * If all of them are there with the longest answers, that is 300 MiB a shard; with usual answers a quarter of it.
 * Cost of a numbered write: a hash of its params, a binary search and, once the numbers are full, moving 32 KiB of
 * them down by one. One that is not numbered costs a compare.
 */
#ifndef SH_REPEATS_H
#define SH_REPEATS_H

#include "shard.h"

struct sh_repeat {
    uint64_t seq;
    uint64_t hash;   /* of the request: method and params */
    uint8_t *answer; /* NULL: too long, or memory was out */
    uint32_t answer_bytes;
};

struct sh_repeat_client {
    struct sh_repeat_client *newer; /* in the order of their latest writes */
    struct sh_repeat_client *older;
    struct sh_repeat *done; /* ascending by seq */
    uint32_t done_count;
    uint32_t done_capacity;
    uint64_t floor; /* numbers up to this are no longer remembered */
    uint8_t workspace_bytes;
    uint8_t client_bytes;
    char name[2 * SH_NAME_BYTES_MAX]; /* workspace, then client */
};

struct sh_repeats {
    struct sh_repeat_client *newest;
    struct sh_repeat_client *oldest;
    struct sh_repeat_client **table; /* open addressing by the hash of the name; made with the first client */
    uint32_t client_count;
};

void sh_repeats_deinit(struct sh_repeats *repeats);
/* What a writing request with a number is: *is_repeated, and its answer of the first time is behind *body; or it is
 * new, and there is room to remember it. SH_ERR_CONFLICT: see the top. SH_ERR_MEMORY: nothing may be done, because it
 * could not be remembered. */
SH_MUST_CHECK enum sh_status sh_repeats_look(struct sh_repeats *repeats, const struct sh_request *request,
                                             struct sh_buffer *body, bool *is_repeated, struct sh_error *err);
/* The request that was new is done: these bytes are its answer. Right after sh_repeats_look. */
void sh_repeats_add(struct sh_repeats *repeats, const struct sh_request *request, const uint8_t *answer,
                    size_t answer_bytes);
/* The highest number of a client that is done here; 0: none is, or the client is not known. */
uint64_t sh_repeats_latest(const struct sh_repeats *repeats, struct sh_text workspace, struct sh_text client);
/* The numbers that were done, ascending; NULL if there is no such client. Changes nothing. */
const struct sh_repeat *sh_repeats_done(const struct sh_repeats *repeats, struct sh_text workspace,
                                        struct sh_text client, uint32_t *count);
/* Write all clients as the section "repeats". Allocates nothing. */
void sh_repeats_save(const struct sh_repeats *repeats, struct sh_archive_writer *writer);
/* Into repeats of nobody, which on a failure can only be deinited. Any bytes. */
SH_MUST_CHECK enum sh_status sh_repeats_load(struct sh_repeats *repeats, struct sh_archive_reader *reader);
/* Do the rules hold? */
bool sh_repeats_check(const struct sh_repeats *repeats, const char **reason);

#endif
