/* shares.h -- questions of several workspaces in one loop: whose turn is it?
 *
 * A question about an audience takes milliseconds, and a loop works on it in steps (errand.c). If steps were dealt out in
 * the order in which questions came, a workspace that asks a thousand at once would have all of the loop, and its
 * neighbours would wait behind them. So each workspace has a share: its own questions, and how long they were worked
 * on. The next step is for the workspace with the least:
 *
 *   shop-a   used 41 ms   jobs Q1 Q2 Q3 .. Q8   waiting Q9 .. Q1000
 *   shop-b   used 12 ms   jobs Q1               waiting -                <-- next
 *
 * (Start-time fair queueing, P. Goyal, H. Vin, H. Cheng 1996: a share that comes back starts at the least of those that
 * are there, so that being silent saves nothing up.) Within a workspace questions are begun in order, and those that are
 * begun take turns.
 *
 * At most SH_JOB_COUNT_MAX questions are begun at a time, because each holds memory; a workspace that has none may have
 * one more, up to twice as many in all, so that nobody has to wait for another's to end before the first step.
 *
 * Cost: a walk over the workspaces that ask at this moment, a step. A share lives while it has questions.
 */
#ifndef SH_SHARES_H
#define SH_SHARES_H

#include "task.h"

struct sh_share {
    struct sh_share *next;
    char workspace[SH_NAME_BYTES_MAX];
    uint32_t workspace_count;
    struct sh_errand_queue jobs;    /* begun; the first gets a step and goes to the end */
    struct sh_errand_queue waiting; /* in order */
    uint64_t used_ns;
};

struct sh_shares {
    struct sh_share *first; /* those with questions */
    struct sh_share rest;   /* of workspaces for whose share there was no memory */
    uint32_t job_count;
    uint32_t wait_count;
};

void sh_shares_init(struct sh_shares *shares);
/* Frees the shares, not the errands. */
void sh_shares_deinit(struct sh_shares *shares);
/* One that is begun, and one that is not. Neither is in a queue. */
void sh_shares_add_job(struct sh_shares *shares, struct sh_errand *errand);
void sh_shares_add_waiting(struct sh_shares *shares, struct sh_errand *errand);
/* May one more of this workspace be begun, when none of its own waits? */
bool sh_shares_may_begin(const struct sh_shares *shares, struct sh_text workspace);
/* What to do next; NULL: nothing can be done. It is taken out of its queue. *is_new: it waits to be begun. With
 * `begins` false none is begun. */
struct sh_errand *sh_shares_next(struct sh_shares *shares, bool begins, bool *is_new);
/* So long was worked for this workspace; its share may have gone. */
void sh_shares_used(struct sh_shares *shares, struct sh_text workspace, uint64_t ns);
bool sh_shares_have_work(const struct sh_shares *shares, bool begins);

#endif
