#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address;
static socklen_t address_bytes; /* 0: nobody wants to know */
static uint64_t watchdog_ms;

void notify_open(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    const char *watchdog_us = getenv("WATCHDOG_USEC");
    const char *watchdog_pid = getenv("WATCHDOG_PID");
    const size_t count = path == NULL ? 0 : strlen(path);
    if ((count > 0 && path[0] != '/' && path[0] != '@') || count >= sizeof address.sun_path) return;
    if (count > 1) {
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path, path, count);
        if (path[0] == '@') address.sun_path[0] = '\0'; /* a name without a file */
        address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count);
    }
    if (watchdog_us == NULL || address_bytes == 0) return;
    if (watchdog_pid != NULL && strtol(watchdog_pid, NULL, 10) != (long)getpid()) return;
    watchdog_ms = strtoull(watchdog_us, NULL, 10) / 1000;
}

void notify_say(const char *lines) {
    if (address_bytes == 0) return;
    const int handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return;
    (void)!sendto(handle, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&address, address_bytes);
    (void)close(handle);
}

uint64_t notify_watchdog_ms(void) {
    return watchdog_ms;
}
