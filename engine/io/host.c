#include "host.h"

#include <stddef.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io_private.h"
#include "memory.h"

enum {
    CHILD_NICE = 10,
    CHILD_REPORT_BYTES_MAX = 4096, /* what a pipe takes at once */
};

/* ---- clock, chance, ios ---- */

static enum sh_status system_io_create(struct sh_host *host, enum sh_io_body body, const struct sh_io_events *events,
                                       void *context, struct sh_io **io, struct sh_error *err) {
    (void)host;
    return sh_io_create(body, events, context, io, err);
}

static enum sh_status system_listener_open(struct sh_host *host, const char *address, bool is_first,
                                           struct sh_io_listener *listener, struct sh_error *err) {
    (void)host;
    return sh_io_listener_open(address, is_first, listener, err);
}

static void system_listener_close(struct sh_host *host, struct sh_io_listener *listener) {
    (void)host;
    sh_io_listener_close(listener);
}

static void system_clock(struct sh_host *host, int64_t *now_ms, uint64_t *monotonic_ns) {
    (void)host;
    sh_io_clock_system(now_ms, monotonic_ns);
}

static uint64_t system_random(struct sh_host *host) {
    (void)host;
    uint64_t number = 0;
    while (number == 0)
        if (getrandom(&number, sizeof number, 0) != sizeof number) number = 0;
    return number;
}

/* ---- threads ---- */

static bool system_thread_start(struct sh_host *host, struct sh_host_thread *thread, void *(*main)(void *argument),
                                void *argument) {
    (void)host;
    return pthread_create(&thread->system, NULL, main, argument) == 0;
}

static void system_thread_join(struct sh_host *host, struct sh_host_thread *thread) {
    (void)host;
    (void)pthread_join(thread->system, NULL);
}

static void system_wait(struct sh_host *host, pthread_cond_t *changed, pthread_mutex_t *mutex, uint64_t wait_ns) {
    (void)host;
    if (wait_ns == SH_HOST_FOREVER) {
        pthread_cond_wait(changed, mutex);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const uint64_t ns = (uint64_t)until.tv_nsec + wait_ns % UINT64_C(1000000000);
    until.tv_sec += (time_t)(wait_ns / UINT64_C(1000000000) + ns / UINT64_C(1000000000));
    until.tv_nsec = (long)(ns % UINT64_C(1000000000));
    (void)pthread_cond_timedwait(changed, mutex, &until);
}

static void system_wake(struct sh_host *host, pthread_cond_t *changed) {
    (void)host;
    pthread_cond_broadcast(changed);
}

/* ---- a child ---- */

static _Noreturn void child_main(pid_t parent, int pipe, void (*work)(void *context, void *report), void *context,
                                 size_t report_bytes) {
    _Alignas(max_align_t) uint8_t report[CHILD_REPORT_BYTES_MAX] = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    /* Sockets must close when the server closes them, and locks be gone with it. */
    if (pipe > 3) (void)close_range(3, (unsigned)pipe - 1, 0);
    (void)close_range((unsigned)pipe + 1, ~0U, 0);
    (void)!nice(CHILD_NICE);
    work(context, report);
    (void)!write(pipe, report, report_bytes);
    _exit(0);
}

static bool system_child_start(struct sh_host *host, struct sh_host_child *child,
                               void (*work)(void *context, void *report), void *context, size_t report_bytes) {
    (void)host;
    int ends[2];
    sh_assert(report_bytes <= CHILD_REPORT_BYTES_MAX);
    if (pipe(ends) != 0) return false;
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process == 0) child_main(parent, ends[1], work, context, report_bytes);
    (void)close(ends[1]);
    if (process < 0) {
        (void)close(ends[0]);
        return false;
    }
    *child = (struct sh_host_child){.process = process, .pipe = ends[0]};
    return true;
}

static enum sh_host_child_state system_child_look(struct sh_host *host, struct sh_host_child *child, void *report,
                                                  size_t report_bytes) {
    (void)host;
    if (waitpid(child->process, NULL, WNOHANG) == 0) return SH_HOST_CHILD_RUNS;
    ssize_t count;
    do
        count = read(child->pipe, report, report_bytes);
    while (count < 0 && errno == EINTR);
    (void)close(child->pipe);
    *child = (struct sh_host_child){.process = 0};
    return count == (ssize_t)report_bytes ? SH_HOST_CHILD_REPORTED : SH_HOST_CHILD_LOST;
}

static void system_child_end(struct sh_host *host, struct sh_host_child *child) {
    (void)host;
    if (child->process == 0) return;
    (void)kill(child->process, SIGKILL);
    while (waitpid(child->process, NULL, 0) < 0 && errno == EINTR) {}
    (void)close(child->pipe);
    *child = (struct sh_host_child){.process = 0};
}

struct sh_host *sh_host_system(void) {
    static struct sh_host system_host = {
        .disk = &sh_disk_of_system,
        .io_create = system_io_create,
        .listener_open = system_listener_open,
        .listener_close = system_listener_close,
        .clock = system_clock,
        .random = system_random,
        .thread_start = system_thread_start,
        .thread_join = system_thread_join,
        .wait = system_wait,
        .wake = system_wake,
        .child_start = system_child_start,
        .child_look = system_child_look,
        .child_end = system_child_end,
    };
    return &system_host;
}
