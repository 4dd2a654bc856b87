#include "io_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

/* Connections that the kernel completes before a loop takes them: the default of net.core.somaxconn since Linux 5.4. */
enum {
    BACKLOG_COUNT = 4096,
    HELD_LOOK_COUNT = 20, /* looks at a Unix address that somebody has, a second in all */
    HELD_LOOK_MS = 50,
};

static enum sh_status fail_system(struct sh_error *err, const char *address, const char *what, int error) {
    return sh_fail(err, error == EADDRINUSE ? SH_ERR_CONFLICT : SH_ERR_IO, -1, "cannot listen on %s: %s: %s", address,
                   what, strerror(error));
}

static void switch_on(int handle, int level, int option) {
    const int one = 1;
    (void)setsockopt(handle, level, option, &one, sizeof one);
}

void sh_io_socket_prepare(int handle, bool is_local) {
    if (is_local) return;
    switch_on(handle, IPPROTO_TCP, TCP_NODELAY);
    /* A peer that lost its power says nothing: ask after a minute of silence, and give it up two minutes later. */
    const int idle_s = 60;
    const int interval_s = 20;
    const int probe_count = 6;
    switch_on(handle, SOL_SOCKET, SO_KEEPALIVE);
    (void)setsockopt(handle, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(handle, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(handle, IPPROTO_TCP, TCP_KEEPCNT, &probe_count, sizeof probe_count);
}

/* ---- Unix sockets ---- */

bool sh_io_peer_is_owner(int handle, bool is_local) {
    struct ucred peer;
    socklen_t peer_bytes = sizeof peer;
    if (!is_local || getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) != 0) return false;
    return peer_bytes == sizeof peer && (peer.uid == geteuid() || peer.uid == 0);
}

/* A socket file that nobody answers is left over from a server that was killed. */
static bool is_stale(const struct sockaddr_un *name) {
    struct stat info;
    if (lstat(name->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
    const int handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return false;
    const bool refused = connect(handle, (const struct sockaddr *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
    (void)close(handle);
    return refused;
}

/* As bind; a stale file is replaced. */
static int bind_unix(int handle, const struct sockaddr_un *name) {
    const int result = bind(handle, (const struct sockaddr *)name, sizeof *name);
    if (result == 0 || errno != EADDRINUSE) return result;
    if (!is_stale(name)) {
        errno = EADDRINUSE;
        return -1;
    }
    (void)unlink(name->sun_path);
    return bind(handle, (const struct sockaddr *)name, sizeof *name);
}

static enum sh_status listen_unix(const char *text, const struct sh_address *address, struct sh_io_listener *listener,
                                  struct sh_error *err) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, address->path, sizeof name.sun_path);
    const int handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return fail_system(err, text, "socket", errno);
    int result = bind_unix(handle, &name);
    /* One that was just killed holds it until the kernel has taken its process apart. */
    for (uint32_t i = 0; i < HELD_LOOK_COUNT && result != 0 && errno == EADDRINUSE; i++) {
        const struct timespec pause = {.tv_nsec = HELD_LOOK_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        result = bind_unix(handle, &name);
    }
    if (result != 0) {
        const int error = errno;
        (void)close(handle);
        return fail_system(err, text, "bind", error);
    }
    if (listen(handle, BACKLOG_COUNT) != 0) {
        const int error = errno;
        (void)unlink(name.sun_path);
        (void)close(handle);
        return fail_system(err, text, "listen", error);
    }
    listener->handle = handle;
    listener->is_local = true;
    (void)snprintf(listener->address, sizeof listener->address, "unix:%s", address->path);
    return SH_OK;
}

/* ---- TCP ---- */

/* SO_REUSEPORT would let a second server of the same user share the port in silence and take half of the connections.
 * A bind without it fails if anybody listens there. */
static int probe_is_free(const struct addrinfo *found) {
    const int handle = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return errno;
    switch_on(handle, SOL_SOCKET, SO_REUSEADDR);
    if (found->ai_family == AF_INET6) switch_on(handle, IPPROTO_IPV6, IPV6_V6ONLY);
    int error = 0;
    if (bind(handle, found->ai_addr, found->ai_addrlen) != 0) error = errno;
    (void)close(handle);
    return error;
}

static int listen_on(const struct addrinfo *found, int *listening) {
    const int handle = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return errno;
    switch_on(handle, SOL_SOCKET, SO_REUSEADDR);
    switch_on(handle, SOL_SOCKET, SO_REUSEPORT);
    if (found->ai_family == AF_INET6) switch_on(handle, IPPROTO_IPV6, IPV6_V6ONLY);
    if (bind(handle, found->ai_addr, found->ai_addrlen) != 0 || listen(handle, BACKLOG_COUNT) != 0) {
        const int error = errno;
        (void)close(handle);
        return error;
    }
    *listening = handle;
    return 0;
}

static void print_bound(int handle, struct sh_io_listener *listener) {
    struct sockaddr_storage bound = {0};
    socklen_t bound_bytes = sizeof bound;
    char host[INET6_ADDRSTRLEN + 32] = "?";
    char port[8] = "?";
    if (getsockname(handle, (struct sockaddr *)&bound, &bound_bytes) == 0)
        (void)getnameinfo((struct sockaddr *)&bound, bound_bytes, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(listener->address, sizeof listener->address, bound.ss_family == AF_INET6 ? "%s[%s]:%s" : "%s%s:%s",
                   listener->is_tls ? "tls:" : "", host, port);
}

static enum sh_status listen_tcp(const char *text, const struct sh_address *address, bool is_first,
                                 struct sh_io_listener *listener, struct sh_error *err) {
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)address->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const int lookup = getaddrinfo(address->host, port, &hints, &found);
    if (lookup != 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "cannot listen on %s: %s", text, gai_strerror(lookup));
    int error = 0;
    if (is_first && address->port != 0) error = probe_is_free(found);
    if (error == 0) error = listen_on(found, &listener->handle);
    freeaddrinfo(found);
    if (error != 0) return fail_system(err, text, "bind", error);
    listener->is_local = false;
    listener->is_tls = address->is_tls;
    print_bound(listener->handle, listener);
    return SH_OK;
}

enum sh_status sh_io_listener_open(const char *text, bool is_first, struct sh_io_listener *listener,
                                   struct sh_error *err) {
    listener->handle = -1;
    listener->is_tls = false;
    struct sh_address address;
    const enum sh_status status = sh_address_parse(text, &address, err);
    if (status != SH_OK) return status;
    return address.is_unix ? listen_unix(text, &address, listener, err)
                           : listen_tcp(text, &address, is_first, listener, err);
}

void sh_io_listener_close(struct sh_io_listener *listener) {
    if (listener->handle < 0) return;
    if (listener->is_local) (void)unlink(listener->address + strlen("unix:"));
    (void)close(listener->handle);
    listener->handle = -1;
}

bool sh_io_address_is_local(const char *text) {
    struct sh_address address;
    if (sh_address_parse(text, &address, NULL) != SH_OK) return false;
    return address.is_unix || strcmp(address.host, "localhost") == 0 || strcmp(address.host, "::1") == 0 ||
           strncmp(address.host, "127.", 4) == 0;
}
