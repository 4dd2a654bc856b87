/* guests.c -- connections of the process itself, for HTTP: a pair of sockets, one end of which a loop takes in. */
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
    pthread_mutex_lock(&guests->mutex);
    const uint32_t count = guests->count;
    memcpy(handles, guests->handles, count * sizeof handles[0]);
    guests->count = 0;
    pthread_mutex_unlock(&guests->mutex);
    for (uint32_t i = 0; i < count; i++) {
        if (loop->is_stopping) { /* as with listeners: nobody is accepted any more */
            (void)close(handles[i]);
            continue;
        }
        struct sh_io_connection *connection = sh_io_adopt(loop->io, handles[i]);
        if (connection != NULL) sh_session_begin(loop, connection);
    }
}

static bool leave_at_the_door(struct sh_guests *guests, int handle) {
    pthread_mutex_lock(&guests->mutex);
    const bool has_room = guests->count < SH_GUEST_COUNT_MAX;
    if (has_room) guests->handles[guests->count++] = handle;
    pthread_mutex_unlock(&guests->mutex);
    return has_room;
}

enum sh_status sh_server_connect(struct sh_server *server, uint32_t number, int *handle, struct sh_error *err) {
    struct sh_loop *loop = &server->loops[number % server->loop_count];
    int pair[2];
    *handle = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return sh_fail(err, SH_ERR_IO, -1, "no pair of sockets: %s", strerror(errno));
    if (!leave_at_the_door(&loop->guests, pair[1])) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return sh_fail(err, SH_ERR_BUSY, -1, "%d connections wait for loop %u already", SH_GUEST_COUNT_MAX,
                       loop->index);
    }
    sh_io_wake(loop->io);
    *handle = pair[0];
    return SH_OK;
}
