#include "address.h"

#include <string.h>

static enum sh_status refuse(const char *text, const char *why, struct sh_error *err) {
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "\"%s\" is not an address: %s", text, why);
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "write HOST:PORT, [IPV6]:PORT, tls:HOST:PORT or unix:/path");
}

static bool parse_port(const char *text, uint16_t *port) {
    uint32_t number = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        number = number * 10 + (uint32_t)(*text - '0');
        if (number > UINT16_MAX) return false;
    }
    *port = (uint16_t)number;
    return true;
}

enum sh_status sh_address_parse(const char *text, struct sh_address *address, struct sh_error *err) {
    memset(address, 0, sizeof *address);
    if (strncmp(text, "unix:", 5) == 0) {
        const size_t path_bytes = strlen(text + 5);
        if (path_bytes == 0) return refuse(text, "the path is missing", err);
        if (path_bytes >= sizeof address->path) return refuse(text, "the path is longer than 107 bytes", err);
        address->is_unix = true;
        memcpy(address->path, text + 5, path_bytes);
        return SH_OK;
    }
    address->is_tls = strncmp(text, "tls:", 4) == 0;
    const char *host = address->is_tls || strncmp(text, "tcp:", 4) == 0 ? text + 4 : text;
    const char *host_end;
    const char *port;
    if (*host == '[') {
        host++;
        host_end = strchr(host, ']');
        if (host_end == NULL || host_end[1] != ':') return refuse(text, "\"]:PORT\" is missing", err);
        port = host_end + 2;
    } else {
        host_end = strrchr(host, ':');
        if (host_end == NULL) return refuse(text, "the port is missing", err);
        if (memchr(host, ':', (size_t)(host_end - host)) != NULL)
            return refuse(text, "an IPv6 address stands in brackets", err);
        port = host_end + 1;
    }
    const size_t host_bytes = (size_t)(host_end - host);
    if (host_bytes == 0) return refuse(text, "the host is missing", err);
    if (host_bytes >= sizeof address->host) return refuse(text, "the host is too long", err);
    memcpy(address->host, host, host_bytes);
    if (!parse_port(port, &address->port)) return refuse(text, "the port is not a number up to 65535", err);
    return SH_OK;
}
