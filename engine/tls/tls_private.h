/* tls_private.h -- for the files of this folder only. */
#ifndef SH_TLS_PRIVATE_H
#define SH_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "tls.h"

struct sh_tls {
    bool is_server;
    char *certificate; /* NULL: none */
    char *key;
    char *authorities;
    pthread_rwlock_t lock; /* of the next */
    SSL_CTX *context;
};

/* OpenSSL's words for what has just failed, and an empty queue of errors. */
const char *sh_tls_reason(void);

#endif
