/* io_private.h -- what a body must provide, and what all bodies share. For files of this folder only. */
#ifndef SH_IO_PRIVATE_H
#define SH_IO_PRIVATE_H

#include "disk.h"
#include "io.h"

/* Each has the contract of the function of the same name in io.h. */
struct sh_io_operations {
    void (*destroy)(struct sh_io *io);
    /* Wait at most wait_ns, take the clock with sh_io_clock_take, then call back for what the kernel says. */
    enum sh_status (*turn)(struct sh_io *io, uint64_t wait_ns, struct sh_error *err);
    void (*flush)(struct sh_io *io);
    void (*wake)(struct sh_io *io);
    void (*clock)(int64_t *now_ms, uint64_t *monotonic_ns); /* now_ms may be NULL */
    enum sh_status (*accept)(struct sh_io *io, const struct sh_io_listener *listener, struct sh_error *err);
    struct sh_io_connection *(*adopt)(struct sh_io *io, int handle);
    void (*accept_stop)(struct sh_io *io);
    void (*send)(struct sh_io *io, struct sh_io_connection *connection, const void *bytes, size_t byte_count);
    void (*pause)(struct sh_io *io, struct sh_io_connection *connection);
    void (*resume)(struct sh_io *io, struct sh_io_connection *connection);
    void (*end)(struct sh_io *io, struct sh_io_connection *connection);
    void (*close)(struct sh_io *io, struct sh_io_connection *connection);
    void (*file)(struct sh_io *io, struct sh_io_file_request *request);
};

/* The head of every body's own struct. */
struct sh_io {
    const struct sh_io_operations *operations;
    const struct sh_io_events *events;
    void *context;
    int64_t now_ms;
    uint64_t monotonic_ns;
    struct sh_io_statistics statistics;
    struct sh_io_timer *
        *timers; /* a binary heap by due_ns; timers[0] is not used, so that place 0 means "not started" */
    uint32_t timer_count;
    uint32_t timer_capacity;
};

enum {
    /* Listeners of one io: TCP over IPv4 and IPv6 and a Unix socket, for two networks, and two to spare. */
    SH_IO_LISTENER_COUNT_MAX = 8,
    /* When the process has no descriptor left, accepting again at once would only spin. */
    SH_IO_ACCEPT_PAUSE_MS = 100,
};

enum sh_status sh_io_uring_create(struct sh_io **io, struct sh_error *err);
enum sh_status sh_io_epoll_create(struct sh_io **io, struct sh_error *err);

void sh_io_clock_take(struct sh_io *io);
void sh_io_clock_system(int64_t *now_ms, uint64_t *monotonic_ns);
/* Options of a socket that has just been accepted: no delay of small answers, and lost peers are found. */
void sh_io_socket_prepare(int handle, bool is_local);
bool sh_io_peer_is_owner(int handle, bool is_local);

/* Files by plain system calls. */
extern struct sh_disk sh_disk_of_system;
void sh_io_file_run(struct sh_io_file_request *request);
int sh_io_file_open_flags(unsigned open_flags);
/* What the kernel answered (a count or -errno) into the request. */
void sh_io_file_finish(struct sh_io_file_request *request, int64_t kernel_result);

#endif
