/* task.h -- what is being answered. For the files of this folder only.
 *
 * A task is a request of a client that is not answered yet, or a write that follows one and that nobody waits for. An errand is one request to one shard:
 *
 *   task ---- its errand -> this loop's shard                  one shard, or a method that any shard can answer
 *   task ---- its errand -- gather -+ errand -> shard 0        several shards: the parts of sh_request_split, then what
 *                                   + errand -> shard 1        their siblings must learn, then one merged answer
 *
 * Writes that go to every shard must come to all shards in one order. So loop 0 gathers them all: the mailboxes keep
 * the order in which it sends their errands. Another loop sends such a task's errand to loop 0 as SH_ERRAND_EVERY, and
 * gets it back with the merged answer.
 *
 * Who owns what: a task and its errand belong to the loop whose client asked, their home; a gather and its errands to
 * the loop that gathers. An errand that has been posted belongs to the other loop until it comes back, so a task may
 * outlive its session (session is NULL then), but never an errand of its own that is under way.
 */
#ifndef SH_TASK_H
#define SH_TASK_H

#include "frame.h"
#include "mailbox.h"
#include "shard.h"

struct sh_loop;
struct sh_server;
struct sh_session;
struct sh_task;
struct sh_gather;

enum sh_errand_kind {
    SH_ERRAND_RUN,   /* run it in the shard that it comes to */
    SH_ERRAND_EVERY, /* to loop 0: gather it from all shards */
};

struct sh_errand {
    struct sh_letter letter;
    enum sh_errand_kind kind;
    uint32_t home;              /* the loop that it comes back to */
    bool is_back;               /* it is done, and on its way home */
    _Atomic(bool) is_cancelled; /* nobody wants the answer; a writing request runs nevertheless */
    struct sh_request request;
    struct sh_answer answer; /* into the next two */
    struct sh_buffer body;
    struct sh_buffer effects;
    struct sh_buffer follow; /* params of the write that comes after it (follow.c); empty: none does */
    struct sh_job *job;
    enum sh_status status;
    struct sh_error err;
    uint64_t worked_ns; /* that shards computed for it, and merging */
    uint32_t wait_ms;   /* as the shard said; behind.h */
    /* For the journal (journal.h), if there is one. */
    enum sh_part_kind part_kind;
    uint32_t source;               /* LESSON: the shard that taught it */
    uint64_t number;               /* EVERY, END: among all such writes, from 1 */
    uint64_t position;             /* in the shard's log; of a question behind writes: of the last of them */
    bool is_behind;                /* a question of a session whose earlier writes are not done */
    bool is_urgent;                /* to forget a person: goes on when the disk is full */
    struct sh_gather *part_of;     /* who waits for it at home: this gather, or if NULL its task */
    struct sh_gather *gathered_by; /* who works for it, if several shards do and this is its home */
    struct sh_task *task;
    struct sh_errand *next; /* in a queue of the loop that runs it */
};

struct sh_errand_queue {
    struct sh_errand *first;
    struct sh_errand *last;
    uint32_t count;
};

struct sh_task {
    struct sh_session *session; /* NULL: the client has gone */
    struct sh_task *before;     /* in the session's list of tasks */
    struct sh_task *after;      /* in the same, or in the loop's list of spares */
    struct sh_task *held_next;  /* in the session's queue of held ones */
    uint32_t msgid;
    bool is_notice; /* no answer */
    bool is_follow; /* nobody's: follow.c */
    bool is_held;   /* done, but the session's output has no room yet */
    uint64_t begin_ns;
    char caller[SH_NAME_BYTES_MAX + 1]; /* for the audit log, if the method is audited: the token's id */
    size_t head_bytes;                  /* of the answer's frame, at the beginning of the errand's body */
    struct sh_buffer own;               /* workspace and params */
    struct sh_errand errand;
};

struct sh_gather {
    struct sh_errand *asked; /* gets the answer */
    struct sh_split split;
    struct sh_errand *errands; /* one a part */
    uint32_t errand_count;
    struct sh_errand *lessons; /* shard.learn, once all parts are back */
    uint32_t lesson_count;
    uint32_t awaited_count; /* on their way */
    bool is_teaching;
};

/* ---- task.c: from a frame to an answer ---- */

/* Run one request or notice. The frame's bytes are the session's again on return. False: not now; nothing was done. */
bool sh_task_run(struct sh_loop *loop, struct sh_session *session, const struct sh_frame *frame);
/* The task's errand is done: answer, or hold the answer until there is room. */
void sh_task_finish(struct sh_loop *loop, struct sh_task *task);
/* Write the answer of a task that is done, and let the task go. */
void sh_task_answer(struct sh_loop *loop, struct sh_task *task);
/* The session goes. Its tasks end without it; jobs that only it wanted are dropped at their next slice. */
void sh_task_detach_all(struct sh_loop *loop, struct sh_session *session);
void sh_task_free_spares(struct sh_loop *loop);
/* An empty one that counts as being under way; NULL if memory is out. */
struct sh_task *sh_task_make(struct sh_loop *loop);
/* Its errand goes to where its method is done. */
void sh_task_send(struct sh_loop *loop, struct sh_task *task);
/* It is over; its session, if it has one, forgets it. */
void sh_task_end(struct sh_loop *loop, struct sh_task *task);

/* ---- follow.c: the write that a question leaves behind ---- */

/* A task for what the errand leaves; NULL if that is nothing, or it cannot be now. */
struct sh_task *sh_follow_take(struct sh_loop *loop, const struct sh_errand *asked);
void sh_follow_begin(struct sh_loop *loop, struct sh_task *task); /* NULL is fine */

/* ---- errand.c: a request in this loop's shard ---- */

void sh_errand_init(struct sh_errand *errand, const struct sh_request *request, uint32_t home);
/* Free what it holds. */
void sh_errand_deinit(struct sh_errand *errand);
/* Run it here: at once, or as a job that gets its slices; a write, when it is durable. */
void sh_errand_run(struct sh_loop *loop, struct sh_errand *errand);
/* The same for one whose turn has come in the journal. */
void sh_errand_begin(struct sh_loop *loop, struct sh_errand *errand);
/* One that waited in line (behind.h). */
void sh_errand_again(struct sh_loop *loop, struct sh_errand *errand);
void sh_errand_push(struct sh_errand_queue *queue, struct sh_errand *errand);
/* NULL when it is empty. */
struct sh_errand *sh_errand_pop(struct sh_errand_queue *queue);
/* It is done. At home whoever waits is told; elsewhere it is posted home. */
void sh_errand_done(struct sh_loop *loop, struct sh_errand *errand);
/* A letter has come. */
void sh_errand_arrived(struct sh_loop *loop, struct sh_errand *errand);
/* Work on the jobs for a slice. */
void sh_errand_slice(struct sh_loop *loop);
bool sh_errand_has_work(const struct sh_loop *loop);

/* ---- gather.c: several shards ---- */

/* Split what is asked and send the parts out; `asked` is done when all is merged. */
void sh_gather_begin(struct sh_loop *loop, struct sh_errand *asked);
/* One of its errands is done. */
void sh_gather_back(struct sh_loop *loop, struct sh_errand *errand);
void sh_gather_cancel(struct sh_gather *gather);

#endif
