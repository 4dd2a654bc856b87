/* training.h -- trainings in the background: at most one at a time in a server. For the files of this folder only.
 *
 *   loop 0, once a second   a plan is due (trainer.h)? --> a thread of its own, with a connection of the process itself
 *   that thread             asks for likings page by page - trains - writes the table in parts - closes its connection
 *   loop 0, once a second   is it done? joined; then the next one that is due
 *
 * The loops serve the thread as they serve every client, so it waits its turn, and its writes are logged and go to all
 * shards in order. It computes with the lowest priority there is: who waits for a feed is asked first (Linux keeps a
 * priority for each thread), and one that is asked interrupts it at once (SCHED_IDLE). Plans that are due take turns, one of
 * each workspace before the second of any. A training that could not be written is tried again after SH_TRAINING_RETRY_MS.
 */
#ifndef SH_TRAINING_H
#define SH_TRAINING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sh_loop;
struct sh_server;
struct sh_trainer;

/* Of a server. Loop 0 owns it, and after the loops have ended who joins them. */
struct sh_training {
    struct sh_trainer *trainer; /* NULL: none is under way */
    pthread_t thread;
    int handle; /* the thread's end of its connection */
    atomic_bool is_done;
    uint64_t not_before_ns;
    uint32_t turn; /* whose is next: trainer.h */
};

void sh_training_tick(struct sh_loop *loop);
/* Give it up; the loops have ended. */
void sh_training_end(struct sh_server *server);

#endif
