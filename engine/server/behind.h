/* behind.h -- feeds that are to show a write which is not done yet (`after`) wait for it here.
 *
 *   feed.get {after} --> the shard: not yet --> in line --- a write was done, or 5 ms passed --> asked again
 *                                                 '-------- its time is over --> SH_ERR_BUSY, "ask again"
 *
 * Nobody waits for who waits: the loop goes on with everything else, and asking again costs what reading the request's
 * first words costs. A question is answered as of the moment in which it could be. Bounds: SH_BEHIND_COUNT_MAX in a loop
 * (one more is told at once that it is early), for SH_BEHIND_MS_MAX or the request's own `timeout_ms`.
 */
#ifndef SH_BEHIND_H
#define SH_BEHIND_H

#include "io.h"
#include "task.h"

struct sh_loop;

/* Of a loop. */
struct sh_behind {
    struct sh_errand_queue line;
    struct sh_io_timer timer; /* runs while somebody is in line */
    bool is_ringing;          /* a write was done, or it is time to look */
};

/* The errand was answered that it is early, by up to so long. True: it is in line, and not done. */
bool sh_behind_wait(struct sh_loop *loop, struct sh_errand *errand, uint32_t wait_ms);
/* A write was done in this loop's shard. */
void sh_behind_ring(struct sh_loop *loop);
bool sh_behind_has_work(const struct sh_loop *loop);
/* Ask again for those in line, and let go of those whose time is over. */
void sh_behind_look(struct sh_loop *loop);

#endif
