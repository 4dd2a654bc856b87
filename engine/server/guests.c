/* guests.c -- connections of the process itself, for HTTP and trainings: a pair of sockets, one end of which a loop takes in. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

void sh_guests_init(struct sh_guests *guests) {
    pthread_mutex_init(&guests->mutex, NULL);
}

void sh_guests_deinit(struct sh_guests *guests) {
    for (uint32_t i = 0; i < guests->count; i++)
        (void)close(guests->handles[i]);
    guests->count = 0;
    pthread_mutex_destroy(&guests->mutex);
}

void sh_guests_welcome(struct sh_loop *loop) {
    struct sh_guests *guests = &loop->guests;
    int handles[SH_GUEST_COUNT_MAX];
    bool are_owners[SH_GUEST_COUNT_MAX];
    pthread_mutex_lock(&guests->mutex);
    const uint32_t count = guests->count;
    memcpy(handles, guests->handles, count * sizeof handles[0]);
    memcpy(are_owners, guests->are_owners, count * sizeof are_owners[0]);
    guests->count = 0;
    pthread_mutex_unlock(&guests->mutex);
    for (uint32_t i = 0; i < count; i++) {
        if (loop->is_stopping) { /* as with listeners: nobody is accepted any more */
            (void)close(handles[i]);
            continue;
        }
        struct sh_io_connection *connection = sh_io_adopt(loop->io, handles[i]);
        if (connection == NULL) continue;
        if (are_owners[i]) connection->is_owner = true;
        sh_session_begin(loop, connection);
    }
}

static bool leave_at_the_door(struct sh_guests *guests, int handle, bool is_owner) {
    pthread_mutex_lock(&guests->mutex);
    const bool has_room = guests->count < SH_GUEST_COUNT_MAX;
    if (has_room) {
        guests->are_owners[guests->count] = is_owner;
        guests->handles[guests->count++] = handle;
    }
    pthread_mutex_unlock(&guests->mutex);
    return has_room;
}

static enum sh_status connect_to(struct sh_loop *loop, bool is_owner, int *handle, struct sh_error *err) {
    int pair[2];
    *handle = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return sh_fail(err, SH_ERR_IO, -1, "no pair of sockets: %s", strerror(errno));
    if (!leave_at_the_door(&loop->guests, pair[1], is_owner)) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return sh_fail(err, SH_ERR_BUSY, -1, "%d connections wait for loop %u already", SH_GUEST_COUNT_MAX,
                       loop->index);
    }
    sh_io_wake(loop->io);
    *handle = pair[0];
    return SH_OK;
}

enum sh_status sh_server_connect(struct sh_server *server, uint32_t number, int *handle, struct sh_error *err) {
    return connect_to(&server->loops[number % server->loop_count], false, handle, err);
}

enum sh_status sh_server_connect_owner(struct sh_server *server, int *handle, struct sh_error *err) {
    return connect_to(&server->loops[0], true, handle, err);
}
