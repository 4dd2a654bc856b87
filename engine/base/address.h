/* address.h -- where a server listens, as text: "tcp:HOST:PORT", "HOST:PORT", "[IPV6]:PORT", "tls:HOST:PORT" or
 * "unix:/path". */
#ifndef SH_ADDRESS_H
#define SH_ADDRESS_H

#include "status.h"

enum {
    SH_ADDRESS_HOST_BYTES_MAX = 254, /* a DNS name, RFC 1035, and a zero byte */
    SH_ADDRESS_PATH_BYTES_MAX = 108, /* sun_path of Linux, with its zero byte */
};

struct sh_address {
    bool is_unix;
    bool is_tls;
    uint16_t port;
    char host[SH_ADDRESS_HOST_BYTES_MAX]; /* without the brackets of IPv6 */
    char path[SH_ADDRESS_PATH_BYTES_MAX];
};

/* Only the form is checked: no name is looked up and no file touched. SH_ERR_ARGUMENT with the forms that exist. */
SH_MUST_CHECK enum sh_status sh_address_parse(const char *text, struct sh_address *address, struct sh_error *err);

#endif
