#include "tls.h"

#include <openssl/err.h>

#include "memory.h"
#include "tls_private.h"

const char *sh_tls_reason(void) {
    const unsigned long error = ERR_peek_last_error();
    const char *words = error == 0 ? NULL : ERR_reason_error_string(error);
    ERR_clear_error();
    return words == NULL ? "unknown reason" : words;
}

static enum sh_status fail_file(struct sh_error *err, const char *what, const char *path) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s %s: %s", what, path, sh_tls_reason());
}

static enum sh_status use_certificate(const struct sh_tls *tls, SSL_CTX *context, struct sh_error *err) {
    const char *key = tls->key != NULL ? tls->key : tls->certificate;
    if (tls->certificate == NULL) return SH_OK;
    if (SSL_CTX_use_certificate_chain_file(context, tls->certificate) != 1)
        return fail_file(err, "the certificate", tls->certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) return fail_file(err, "the key", key);
    if (SSL_CTX_check_private_key(context) != 1) return fail_file(err, "the key", key);
    return SH_OK;
}

static enum sh_status use_authorities(const struct sh_tls *tls, SSL_CTX *context, struct sh_error *err) {
    if (tls->authorities != NULL && SSL_CTX_load_verify_locations(context, tls->authorities, NULL) != 1)
        return fail_file(err, "the authorities", tls->authorities);
    if (tls->authorities == NULL && !tls->is_server && SSL_CTX_set_default_verify_paths(context) != 1)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "this system's authorities: %s", sh_tls_reason());
    if (tls->is_server && tls->authorities != NULL) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(tls->authorities);
        if (names == NULL) return fail_file(err, "the authorities", tls->authorities);
        SSL_CTX_set_client_CA_list(context, names);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (!tls->is_server) SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return SH_OK;
}

static bool set_rules(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

static enum sh_status make_context(const struct sh_tls *tls, SSL_CTX **made, struct sh_error *err) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(tls->is_server ? TLS_server_method() : TLS_client_method());
    if (context == NULL || !set_rules(context)) {
        SSL_CTX_free(context);
        return sh_fail(err, SH_ERR_MEMORY, -1, "OpenSSL: %s", sh_tls_reason());
    }
    enum sh_status status = use_certificate(tls, context, err);
    if (status == SH_OK) status = use_authorities(tls, context, err);
    if (status != SH_OK) {
        SSL_CTX_free(context);
        return status;
    }
    *made = context;
    return SH_OK;
}

static bool copy_path(const char *path, char **copy) {
    *copy = NULL;
    if (path == NULL) return true;
    *copy = sh_alloc(strlen(path) + 1);
    if (*copy != NULL) memcpy(*copy, path, strlen(path) + 1);
    return *copy != NULL;
}

static enum sh_status open_identity(const struct sh_tls_files *files, bool is_server, struct sh_tls **opened,
                                    struct sh_error *err) {
    *opened = NULL;
    struct sh_tls *tls = sh_alloc_zero(sizeof *tls);
    if (tls == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an identity");
    tls->is_server = is_server;
    (void)pthread_rwlock_init(&tls->lock, NULL);
    enum sh_status status = SH_OK;
    if (!copy_path(files->certificate, &tls->certificate) || !copy_path(files->key, &tls->key) ||
        !copy_path(files->authorities, &tls->authorities))
        status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an identity");
    if (status == SH_OK) status = make_context(tls, &tls->context, err);
    if (status != SH_OK) {
        sh_tls_close(tls);
        return status;
    }
    *opened = tls;
    return SH_OK;
}

enum sh_status sh_tls_open_server(const struct sh_tls_files *files, struct sh_tls **tls, struct sh_error *err) {
    *tls = NULL;
    if (files->certificate == NULL) return sh_fail(err, SH_ERR_ARGUMENT, -1, "TLS needs a certificate");
    return open_identity(files, true, tls, err);
}

enum sh_status sh_tls_open_client(const struct sh_tls_files *files, struct sh_tls **tls, struct sh_error *err) {
    return open_identity(files, false, tls, err);
}

void sh_tls_close(struct sh_tls *tls) {
    if (tls == NULL) return;
    SSL_CTX_free(tls->context);
    (void)pthread_rwlock_destroy(&tls->lock);
    sh_free(tls->certificate);
    sh_free(tls->key);
    sh_free(tls->authorities);
    sh_free(tls);
}

enum sh_status sh_tls_reload(struct sh_tls *tls, struct sh_error *err) {
    SSL_CTX *made;
    const enum sh_status status = make_context(tls, &made, err);
    if (status != SH_OK) return status;
    (void)pthread_rwlock_wrlock(&tls->lock);
    SSL_CTX *before = tls->context;
    tls->context = made;
    (void)pthread_rwlock_unlock(&tls->lock);
    SSL_CTX_free(before); /* wires that were made with it hold it */
    return SH_OK;
}
