/* shard_rig.h -- some shards and what a server does around them, in one thread and without a socket.
 *
 *   rig_ask(rig, "user.put", "{user: {id: 'a', age: 3}}")   ->  "{accepted: 1, created: 1, refused: []}"
 *   rig_ask(rig, "audience.count", "{where: 'agee > 2'}")   ->  "303 name at 0: ... (did you mean `age`?)"
 */
#ifndef SH_SHARD_RIG_H
#define SH_SHARD_RIG_H

#include "shard.h"

struct rig {
    struct sh_shard *shards[SH_SHARD_COUNT_MAX];
    uint32_t shard_count;
    const char *workspace;
    int64_t now_ms;
    uint64_t next_id;
    uint64_t position;     /* in a log, of the next requests; 0: in none */
    const char *client;    /* who numbers the next requests; "": nobody */
    uint64_t seq;          /* the number of each of them */
    uint64_t tick_ns;      /* what the clock goes on by when it is looked at; it begins at 0 in each request */
    uint32_t step_blocks;  /* blocks a step of a job; 0: as many as there are */
    struct sh_buffer text; /* of the latest answer, ended by a zero byte */
    struct sh_buffer body; /* its bytes, without took_us */
    struct sh_error error; /* status SH_OK if there was none */
};

void rig_init(struct rig *rig, uint32_t shard_count);
void rig_deinit(struct rig *rig);
/* The answer's text, or the fault's. Good until the next call. */
const char *rig_ask(struct rig *rig, const char *method, const char *params);
/* The same with params that are msgpack. */
const char *rig_ask_bytes(struct rig *rig, const char *method, const void *params, size_t params_count);
/* The value of `cursor` in the latest answer, in quotes; "" if there is none. Good until the next call of this. */
const char *rig_cursor(const struct rig *rig);
/* What a snapshot of the shards would be, one archive each. bytes[i] is initialised by the call and is the caller's. */
void rig_save(const struct rig *rig, struct sh_buffer *bytes);
/* The shards are those of a snapshot from now on, all else of the rig stays. Aborts with the reason if that fails. */
void rig_load(struct rig *rig, const struct sh_buffer *bytes);
/* Do the rules of every shard hold? Aborts with the reason if not. */
void rig_check(const struct rig *rig);

#endif
