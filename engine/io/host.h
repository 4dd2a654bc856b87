/* host.h -- the machine under a server: clock, chance, threads, a child process, files; and who makes ios.
 *
 * io.h and disk.h are the door for files and sockets. This is the door for the rest of what a server of several loops
 * asks of a machine. With both, the whole server runs on a machine that a test has made up: every thread takes its turn
 * when the test says so, every clock shows what the test wants, and chance comes from the test's seed.
 *
 *   loops, recovery, snapshots ---> sh_host ---+---> sh_host_system(): pthreads, fork, getrandom, the kernel's files
 *                                              +---> a simulated machine (tests/simulation), in one thread
 *
 * Mutexes are plain pthread mutexes on either: on a simulated machine one thread at a time runs, and it gives way only
 * in sh_io_turn, in wait and in thread_join; no mutex may be held over the first and the last.
 */
#ifndef SH_HOST_H
#define SH_HOST_H

#include <pthread.h>
#include <sys/types.h>

#include "disk.h"
#include "io.h"

#define SH_HOST_FOREVER UINT64_MAX

struct sh_host_thread {
    pthread_t system;
    void *simulated;
};

/* A process that was forked off: its memory is as it was at that moment. */
struct sh_host_child {
    pid_t process; /* 0: none */
    int pipe;      /* of its report */
};

enum sh_host_child_state {
    SH_HOST_CHILD_RUNS,
    SH_HOST_CHILD_REPORTED, /* it has ended, and its report is there */
    SH_HOST_CHILD_LOST,     /* it has ended without a word */
};

struct sh_host {
    struct sh_disk *disk;
    /* As sh_io_create, sh_io_listener_open and sh_io_listener_close. */
    enum sh_status (*io_create)(struct sh_host *host, enum sh_io_body body, const struct sh_io_events *events,
                                void *context, struct sh_io **io, struct sh_error *err);
    enum sh_status (*listener_open)(struct sh_host *host, const char *address, bool is_first,
                                    struct sh_io_listener *listener, struct sh_error *err);
    void (*listener_close)(struct sh_host *host, struct sh_io_listener *listener);
    /* now_ms: wall clock, may be NULL. */
    void (*clock)(struct sh_host *host, int64_t *now_ms, uint64_t *monotonic_ns);
    /* A number that nobody can guess, never 0. */
    uint64_t (*random)(struct sh_host *host);

    /* False: the system gives none. */
    bool (*thread_start)(struct sh_host *host, struct sh_host_thread *thread, void *(*main)(void *argument),
                         void *argument);
    void (*thread_join)(struct sh_host *host, struct sh_host_thread *thread);
    /* As pthread_cond_wait, or pthread_cond_timedwait for about wait_ns; may return for no reason. */
    void (*wait)(struct sh_host *host, pthread_cond_t *changed, pthread_mutex_t *mutex, uint64_t wait_ns);
    void (*wake)(struct sh_host *host, pthread_cond_t *changed);

    /* Fork a child of low priority that does the work, fills in the report of report_bytes, and ends; it ends with this
     * process, and holds none of its files or locks. All other threads should stand still. False: the system has no
     * memory for it. work(context, report) runs with this host's disk. */
    bool (*child_start)(struct sh_host *host, struct sh_host_child *child, void (*work)(void *context, void *report),
                        void *context, size_t report_bytes);
    /* Never waits. Unless it runs, the child is gone after this. */
    enum sh_host_child_state (*child_look)(struct sh_host *host, struct sh_host_child *child, void *report,
                                           size_t report_bytes);
    /* End it now, wherever it is. None is fine. */
    void (*child_end)(struct sh_host *host, struct sh_host_child *child);
};

/* The real one. It has no state: any thread, any number of them. */
struct sh_host *sh_host_system(void);

#endif
