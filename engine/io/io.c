#include "io_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"

const char *sh_io_body_name(enum sh_io_body body) {
    return body == SH_IO_URING ? "uring" : "epoll";
}

static enum sh_status body_create(enum sh_io_body body, struct sh_io **io, struct sh_error *err) {
    return body == SH_IO_URING ? sh_io_uring_create(io, err) : sh_io_epoll_create(io, err);
}

enum sh_status sh_io_choose(const char *wanted, enum sh_io_body *body, struct sh_error *reason) {
    reason->message[0] = '\0';
    reason->hint[0] = '\0';
    if (wanted == NULL) wanted = getenv("SHOAL_IO");
    const bool any = wanted == NULL || wanted[0] == '\0';
    if (!any && strcmp(wanted, "uring") != 0 && strcmp(wanted, "epoll") != 0)
        return sh_fail(reason, SH_ERR_ARGUMENT, -1, "io is \"uring\" or \"epoll\", not \"%s\"", wanted);
    if (!any && strcmp(wanted, "epoll") == 0) {
        *body = SH_IO_EPOLL;
        return SH_OK;
    }
    *body = SH_IO_URING;
    struct sh_io *probe = NULL;
    struct sh_error why;
    const enum sh_status status = sh_io_uring_create(&probe, &why);
    if (status == SH_OK) {
        probe->operations->destroy(probe);
        return SH_OK;
    }
    if (!any) {
        *reason = why;
        return status;
    }
    *body = SH_IO_EPOLL;
    (void)sh_fail(reason, SH_OK, -1, "%s; epoll is used instead", why.message);
    return SH_OK;
}

enum sh_status sh_io_create(enum sh_io_body body, const struct sh_io_events *events, void *context, struct sh_io **io,
                            struct sh_error *err) {
    sh_assert(events != NULL);
    *io = NULL;
    struct sh_io *made = NULL;
    const enum sh_status status = body_create(body, &made, err);
    if (status != SH_OK) return status;
    made->events = events;
    made->context = context;
    sh_io_clock_take(made);
    *io = made;
    return SH_OK;
}

void sh_io_destroy(struct sh_io *io) {
    if (io == NULL) return;
    void *timers = io->timers; /* destroying may still stop a timer, and frees io */
    io->operations->destroy(io);
    sh_free(timers);
}

/* ---- clock and timers ---- */

void sh_io_clock_system(int64_t *now_ms, uint64_t *monotonic_ns) {
    struct timespec time;
    if (now_ms != NULL) {
        clock_gettime(CLOCK_REALTIME, &time);
        *now_ms = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
    }
    clock_gettime(CLOCK_MONOTONIC, &time);
    *monotonic_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void sh_io_clock_take(struct sh_io *io) {
    io->operations->clock(&io->now_ms, &io->monotonic_ns);
}

int64_t sh_io_now_ms(const struct sh_io *io) {
    return io->now_ms;
}

uint64_t sh_io_monotonic_ns(const struct sh_io *io) {
    return io->monotonic_ns;
}

uint64_t sh_io_exact_ns(const struct sh_io *io) {
    uint64_t monotonic_ns;
    io->operations->clock(NULL, &monotonic_ns);
    return monotonic_ns;
}

static void timer_place(struct sh_io *io, struct sh_io_timer *timer, uint32_t place) {
    io->timers[place] = timer;
    timer->place = place;
}

static void timer_sift_up(struct sh_io *io, struct sh_io_timer *timer, uint32_t place) {
    while (place > 1 && io->timers[place / 2]->due_ns > timer->due_ns) {
        timer_place(io, io->timers[place / 2], place);
        place /= 2;
    }
    timer_place(io, timer, place);
}

static void timer_sift_down(struct sh_io *io, struct sh_io_timer *timer, uint32_t place) {
    for (;;) {
        uint32_t child = place * 2;
        if (child > io->timer_count) break;
        if (child < io->timer_count && io->timers[child + 1]->due_ns < io->timers[child]->due_ns) child++;
        if (io->timers[child]->due_ns >= timer->due_ns) break;
        timer_place(io, io->timers[child], place);
        place = child;
    }
    timer_place(io, timer, place);
}

enum sh_status sh_io_timer_start(struct sh_io *io, struct sh_io_timer *timer, uint64_t due_ns) {
    sh_io_timer_stop(io, timer);
    const enum sh_status status =
        sh_grow((void **)&io->timers, &io->timer_capacity, (uint64_t)io->timer_count + 2, sizeof *io->timers);
    if (status != SH_OK) return status;
    timer->due_ns = due_ns;
    io->timer_count++;
    timer_sift_up(io, timer, io->timer_count);
    return SH_OK;
}

void sh_io_timer_stop(struct sh_io *io, struct sh_io_timer *timer) {
    if (timer->place == 0) return;
    sh_assert(io->timers[timer->place] == timer);
    const uint32_t hole = timer->place;
    timer->place = 0;
    struct sh_io_timer *last = io->timers[io->timer_count];
    io->timer_count--;
    if (last == timer) return;
    /* The last one fills the hole, and goes whichever way it is out of order. */
    if (hole > 1 && io->timers[hole / 2]->due_ns > last->due_ns)
        timer_sift_up(io, last, hole);
    else
        timer_sift_down(io, last, hole);
}

static void timers_fire(struct sh_io *io) {
    /* Compared with the turn's clock: a timer that starts itself again for now waits for the next turn. */
    uint32_t left = io->timer_count;
    while (left-- > 0 && io->timer_count > 0 && io->timers[1]->due_ns <= io->monotonic_ns) {
        struct sh_io_timer *timer = io->timers[1];
        sh_io_timer_stop(io, timer);
        timer->fire(io->context, timer);
    }
}

/* ---- doors to the body ---- */

enum sh_status sh_io_turn(struct sh_io *io, uint64_t wait_ns, struct sh_error *err) {
    if (io->timer_count > 0 && wait_ns > 0) {
        const uint64_t due_ns = io->timers[1]->due_ns;
        const uint64_t now_ns = sh_io_exact_ns(io);
        const uint64_t until_ns = due_ns <= now_ns ? 0 : due_ns - now_ns;
        if (until_ns < wait_ns) wait_ns = until_ns;
    }
    io->statistics.turn_count++;
    const enum sh_status status = io->operations->turn(io, wait_ns, err);
    if (status != SH_OK) return status;
    timers_fire(io);
    return SH_OK;
}

void sh_io_flush(struct sh_io *io) {
    io->operations->flush(io);
}

void sh_io_wake(struct sh_io *io) {
    io->operations->wake(io);
}

const struct sh_io_statistics *sh_io_statistics_of(const struct sh_io *io) {
    return &io->statistics;
}

enum sh_status sh_io_accept(struct sh_io *io, const struct sh_io_listener *listener, struct sh_error *err) {
    return io->operations->accept(io, listener, err);
}

struct sh_io_connection *sh_io_adopt(struct sh_io *io, int handle) {
    return io->operations->adopt(io, handle);
}

void sh_io_accept_stop(struct sh_io *io) {
    io->operations->accept_stop(io);
}

void sh_io_send(struct sh_io *io, struct sh_io_connection *connection, const void *bytes, size_t byte_count) {
    sh_assert(byte_count > 0);
    io->statistics.send_count++;
    io->statistics.sent_bytes += byte_count;
    io->operations->send(io, connection, bytes, byte_count);
}

void sh_io_pause(struct sh_io *io, struct sh_io_connection *connection) {
    io->operations->pause(io, connection);
}

void sh_io_resume(struct sh_io *io, struct sh_io_connection *connection) {
    io->operations->resume(io, connection);
}

void sh_io_end(struct sh_io *io, struct sh_io_connection *connection) {
    io->operations->end(io, connection);
}

void sh_io_close(struct sh_io *io, struct sh_io_connection *connection) {
    io->operations->close(io, connection);
}

void sh_io_file(struct sh_io *io, struct sh_io_file_request *request) {
    sh_assert(request->done != NULL);
    sh_assert(request->operation < SH_IO_FILE_SIZE);
    request->status = SH_OK;
    request->system_error = 0;
    request->result = 0;
    request->done_bytes = 0;
    request->next = NULL;
    io->operations->file(io, request);
}
