/* room.h -- may the memory that the server was given hold more?
 *
 * The kernel ends a process that takes more than there is, in the middle of anything. So shoald is given a size
 * (--memory, by default seven eighths of what the machine or its control group has), and says no before:
 *
 *   used       0 ---------------------------- size -------- size + 1/8 ----->
 *   answers    everything                    | no write     | no question, either
 *                                            | that adds    | (stats, ping and what frees memory go on)
 *
 * What is used is what all threads of the process have taken and not given back (memory.h). A request is refused where it comes in, with `limit`, before any shard has seen it: no row is half-applied,
 * and a log that is replayed into a smaller server is replayed whole. What frees memory (people forgotten, models and
 * items removed, SH_METHOD_FREES) is always taken.
 *
 * Cost: a number read, a request.
 */
#ifndef SH_ROOM_H
#define SH_ROOM_H

#include "loop.h"

SH_MUST_CHECK enum sh_status sh_room_admit(const struct sh_loop *loop, const struct sh_method *method,
                                           struct sh_error *err);
/* Once a second: count this loop's even part of what is held, and note in the server's log when room has ended or is
 * there again. */
void sh_room_tick(struct sh_loop *loop);

#endif
