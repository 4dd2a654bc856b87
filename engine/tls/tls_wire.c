#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "memory.h"
#include "tls.h"
#include "tls_private.h"

struct sh_tls_wire {
    SSL *ssl;
    BIO *in;  /* from the peer; both are the ssl's */
    BIO *out; /* to the peer */
    bool is_broken;
};

/* The peer's certificate must be for this name; for a host name it is also told to the peer, who may have several. */
static bool expect_name(SSL *ssl, const char *name) {
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, name) == 1) return true;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(rules, name, 0) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct sh_tls_wire *sh_tls_wire_create(struct sh_tls *tls, const char *name) {
    struct sh_tls_wire *wire = sh_alloc_zero(sizeof *wire);
    if (wire == NULL) return NULL;
    ERR_clear_error();
    (void)pthread_rwlock_rdlock(&tls->lock);
    wire->ssl = SSL_new(tls->context);
    (void)pthread_rwlock_unlock(&tls->lock);
    wire->in = BIO_new(BIO_s_mem());
    wire->out = BIO_new(BIO_s_mem());
    if (wire->ssl == NULL || wire->in == NULL || wire->out == NULL || (name != NULL && !expect_name(wire->ssl, name))) {
        ERR_clear_error();
        BIO_free(wire->in);
        BIO_free(wire->out);
        SSL_free(wire->ssl);
        sh_free(wire);
        return NULL;
    }
    SSL_set_bio(wire->ssl, wire->in, wire->out);
    if (tls->is_server)
        SSL_set_accept_state(wire->ssl);
    else
        SSL_set_connect_state(wire->ssl);
    return wire;
}

void sh_tls_wire_destroy(struct sh_tls_wire *wire) {
    if (wire == NULL) return;
    SSL_free(wire->ssl);
    sh_free(wire);
}

bool sh_tls_wire_is_ready(const struct sh_tls_wire *wire) {
    return SSL_is_init_finished(wire->ssl) == 1;
}

enum sh_status sh_tls_wire_put(struct sh_tls_wire *wire, const uint8_t *bytes, size_t byte_count) {
    size_t written = 0;
    if (BIO_write_ex(wire->in, bytes, byte_count, &written) == 1 && written == byte_count) return SH_OK;
    ERR_clear_error();
    return SH_ERR_MEMORY;
}

static enum sh_tls_step fault(struct sh_tls_wire *wire, struct sh_error *err) {
    const long verified = SSL_get_verify_result(wire->ssl);
    wire->is_broken = true;
    if (verified != X509_V_OK)
        (void)sh_fail(err, SH_ERR_PROTOCOL, -1, "TLS: the certificate is not accepted: %s",
                      X509_verify_cert_error_string(verified));
    else
        (void)sh_fail(err, SH_ERR_PROTOCOL, -1, "TLS: %s", sh_tls_reason());
    ERR_clear_error();
    return SH_TLS_FAULT;
}

enum sh_tls_step sh_tls_wire_get(struct sh_tls_wire *wire, uint8_t *bytes, size_t room, size_t *byte_count,
                                 struct sh_error *err) {
    *byte_count = 0;
    if (wire->is_broken) {
        (void)sh_fail(err, SH_ERR_PROTOCOL, -1, "TLS: the stream is broken");
        return SH_TLS_FAULT;
    }
    ERR_clear_error();
    if (SSL_read_ex(wire->ssl, bytes, room, byte_count) == 1) return SH_TLS_BYTES;
    switch (SSL_get_error(wire->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return SH_TLS_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return SH_TLS_END;
    default:
        return fault(wire, err);
    }
}

size_t sh_tls_wire_write(struct sh_tls_wire *wire, const uint8_t *bytes, size_t byte_count) {
    size_t written = 0;
    if (wire->is_broken || byte_count == 0 || !sh_tls_wire_is_ready(wire)) return 0;
    if (byte_count > SH_TLS_PIECE_BYTES) byte_count = SH_TLS_PIECE_BYTES;
    ERR_clear_error();
    if (SSL_write_ex(wire->ssl, bytes, byte_count, &written) == 1) return written;
    wire->is_broken = true;
    ERR_clear_error();
    return 0;
}

void sh_tls_wire_end(struct sh_tls_wire *wire) {
    if (wire->is_broken || !sh_tls_wire_is_ready(wire)) return;
    ERR_clear_error();
    (void)SSL_shutdown(wire->ssl);
    ERR_clear_error();
}

void sh_tls_wire_take(struct sh_tls_wire *wire, struct sh_buffer *buffer) {
    const size_t pending = BIO_ctrl_pending(wire->out);
    size_t taken = 0;
    uint8_t *room = pending == 0 ? NULL : sh_buffer_reserve(buffer, pending);
    if (room == NULL) return;
    if (BIO_read_ex(wire->out, room, pending, &taken) == 1) buffer->count += taken;
    ERR_clear_error();
}
