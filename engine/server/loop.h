/* loop.h -- one loop: its io, its shard, its sessions. For the files of this folder only.
 *
 *   one turn    io          accept, bytes in ---> session ---> frames ---> task ---> shard: answered at once --.
 *               mailboxes   errands of other loops, answers to ours                   '-> job: goes on below   |
 *               sessions    those with something new: go on reading, send  <-----------------------------------+
 *               jobs        a slice of work, the workspaces in turn (shares.h), so that ----------------------'
 *                           a feed never waits for a campaign, nor a shop for its neighbour's
 */
#ifndef SH_LOOP_H
#define SH_LOOP_H

#include <pthread.h>

#include "access.h"
#include "audit.h"
#include "behind.h"
#include "counters.h"
#include "data_directory.h"
#include "erasure.h"
#include "io.h"
#include "journal.h"
#include "mailbox.h"
#include "server.h"
#include "session.h"
#include "shard.h"
#include "shares.h"
#include "slow_log.h"
#include "snapshot.h"
#include "task.h"
#include "training.h"

/* guests.c: connections of this process itself, made by other threads and not yet taken in by the loop. */
struct sh_guests {
    pthread_mutex_t mutex;
    int handles[SH_GUEST_COUNT_MAX];
    bool are_owners[SH_GUEST_COUNT_MAX]; /* may do everything, as who runs the server */
    uint32_t count;
};

struct sh_loop {
    struct sh_server *server;
    uint32_t index;
    struct sh_host_thread thread;
    struct sh_io *io;
    struct sh_shard *shard;
    struct sh_io_timer tick;
    struct sh_doorbell doorbell;
    struct sh_guests guests;
    uint64_t next_request;
    uint64_t clock_ns; /* when the last request was done, or the next one began to be read */
    uint64_t begun_ns; /* spent in this turn on errands that were begun as they came */

    struct sh_session *sessions;
    struct sh_session *dirty;
    struct sh_task *spare_tasks;
    uint32_t spare_task_count;
    uint32_t task_count;
    uint32_t follow_count;   /* of them: what nobody waits for (follow.c) */
    struct sh_shares shares; /* questions that get their slices, and those that wait */
    struct sh_behind behind; /* feeds that are early */
    struct sh_journal journal;
    struct sh_errand_queue snapshot_waiters;
    uint64_t releases_seen;             /* of the server's snapshots.release_count */
    _Atomic(uint64_t) release_position; /* loop 0 sets it: the log up to there is for nobody any more */
    uint64_t released_position;
    struct sh_erasure_part erasure;
    _Atomic(uint32_t) write_count; /* tasks that write, of this loop's clients; see snapshot.h */
    size_t partial_bytes;          /* sums over the sessions */
    size_t unsent_bytes;

    uint32_t stop_turns; /* since the stop was seen */
    bool is_stopping;
    bool is_quiet; /* all its sessions and tasks have gone */
    uint64_t stop_deadline_ns;
    enum sh_status status; /* what ended it */
    struct sh_error err;
    struct sh_counters counters;
};

enum sh_stop { SH_STOP_NOT, SH_STOP_GRACEFUL, SH_STOP_NOW };

/* What all loops see. Written before the loops serve, but for the atomics. */
struct sh_server {
    struct sh_loop *loops;
    uint32_t loop_count;
    uint32_t thread_count;
    struct sh_host *host;
    enum sh_io_body io;
    uint32_t connection_count_max;
    uint32_t frame_stall_ms_max;
    uint32_t send_stall_ms_max;
    uint32_t stop_ms_max;
    struct sh_mailbox *mailboxes;     /* from * loop_count + to */
    struct sh_io_listener *listeners; /* loop * address_count + address */
    uint32_t address_count;
    const struct sh_counters **counters;
    uint64_t start_ns;
    struct sh_slow_log slow;
    struct sh_data *data;   /* NULL: all is in memory only */
    struct sh_audit *audit; /* NULL: none */
    struct sh_tls *tls;
    struct sh_access *access; /* NULL: everybody may do everything */
    uint64_t every_number;    /* loop 0's: of the latest write that went to every shard */
    struct sh_snapshots snapshots;
    struct sh_erasure erasure;
    struct sh_training training;
    struct sh_recovery *recovery;       /* until it serves */
    _Atomic(bool) holds_writes;         /* a snapshot waits for those under way */
    _Atomic(uint64_t) full_logs;        /* a bit a shard: its log has no room on the disk */
    _Atomic(uint64_t) failed_logs;      /* a bit a shard: its log takes nothing until the next start */
    _Atomic(uint64_t) memory_bytes_max; /* 0: as much as there is; see room.h */
    bool is_crowded;                    /* loop 0's: it has said that there is no room */
    _Atomic(uint32_t) connection_count;
    _Atomic(uint32_t) stop; /* enum sh_stop */
    _Atomic(uint32_t) quiet_count;
    _Atomic(bool) is_broken; /* a loop could not go on: the others end at once */
    _Atomic(uint32_t) ended_count;
    pthread_mutex_t mutex; /* for the start only */
    pthread_cond_t changed;
    uint32_t ready_count; /* of loops that are made, or have failed to be */
    bool may_serve;
    bool has_failed; /* to start: serve nobody */
};

/* A thread's function. */
void *sh_loop_main(void *loop);
void sh_loop_post(struct sh_loop *loop, uint32_t to, struct sh_errand *errand);
uint64_t sh_loop_request_id(struct sh_loop *loop);
void sh_loop_wake_all(struct sh_server *server);

/* ---- guests.c ---- */

void sh_guests_init(struct sh_guests *guests);
/* Those who were never taken in are closed. */
void sh_guests_deinit(struct sh_guests *guests);
void sh_guests_welcome(struct sh_loop *loop);
/* As sh_server_connect, to loop 0, for the server's own threads: it may do everything. */
SH_MUST_CHECK enum sh_status sh_server_connect_owner(struct sh_server *server, int *handle, struct sh_error *err);

/* How long somebody forgotten may still be on the disk. */
uint64_t sh_server_forget_ms(const struct sh_server *server);

/* ---- envelope.c: what a request is, apart from its method ---- */

/* The frame's envelope into the request; its texts stay in the frame. */
SH_MUST_CHECK enum sh_status sh_envelope_read(const struct sh_frame *frame, struct sh_request *request,
                                              struct sh_error *err);

/* ---- session_methods.c: what the server answers itself ---- */

/* `snapshot {}` takes no params. */
SH_MUST_CHECK enum sh_status sh_check_no_params(const struct sh_request *request, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_answer_hello(struct sh_session *session, const struct sh_request *request,
                                             struct sh_buffer *body, struct sh_error *err);
/* The names of the roles in the mask. */
void sh_pack_roles(msgpack_packer *packer, uint32_t roles);

/* ---- stats_answer.c ---- */

/* Put the sections that the request names into the answer of `stats`, a map that begins at body->bytes + begin. */
SH_MUST_CHECK enum sh_status sh_answer_add_counters(struct sh_loop *loop, const struct sh_request *request,
                                                    struct sh_buffer *body, size_t begin, struct sh_error *err);

/* ---- token_methods.c: token.create, token.list, token.rotate, token.revoke ---- */

SH_MUST_CHECK enum sh_status sh_answer_token_create(struct sh_session *session, const struct sh_request *request,
                                                    struct sh_buffer *body, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_answer_token_list(struct sh_session *session, const struct sh_request *request,
                                                  struct sh_buffer *body, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_answer_token_rotate(struct sh_session *session, const struct sh_request *request,
                                                    struct sh_buffer *body, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_answer_token_revoke(struct sh_session *session, const struct sh_request *request,
                                                    struct sh_buffer *body, struct sh_error *err);

#endif
