/* http_guard.c -- against strangers' pages and slow peers; see http.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "http_private.h"
#include "memory.h"

enum { LOOK_MS = 250 };

/* ---- slow peers ---- */

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void cut_the_slow(struct http_guard *guard) {
    const uint64_t now_ms = clock_ms();
    for (struct http_peer *peer = guard->peers; peer != NULL; peer = peer->after) {
        if (atomic_load_explicit(&peer->due_ms, memory_order_relaxed) > now_ms) continue;
        /* The daemon sees its end and closes it; until then the descriptor is this peer's own. */
        (void)shutdown(peer->handle, SHUT_RDWR);
        atomic_store_explicit(&peer->due_ms, UINT64_MAX, memory_order_relaxed);
        atomic_fetch_add_explicit(&guard->cut_count, 1, memory_order_relaxed);
    }
}

static void *guard_main(void *argument) {
    struct http_guard *guard = argument;
    pthread_mutex_lock(&guard->mutex);
    while (!guard->is_ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&guard->changed, &guard->mutex, &until);
        cut_the_slow(guard);
    }
    pthread_mutex_unlock(&guard->mutex);
    return NULL;
}

enum sh_status http_guard_start(struct http_guard *guard, uint32_t stall_ms_max, struct sh_error *err) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&guard->mutex, NULL);
    pthread_cond_init(&guard->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    guard->stall_ms_max = stall_ms_max;
    if (pthread_create(&guard->thread, NULL, guard_main, guard) == 0) return SH_OK;
    pthread_cond_destroy(&guard->changed);
    pthread_mutex_destroy(&guard->mutex);
    return sh_fail(err, SH_ERR_LIMIT, -1, "the kernel gives no thread for HTTP");
}

void http_guard_stop(struct http_guard *guard) {
    pthread_mutex_lock(&guard->mutex);
    guard->is_ending = true;
    pthread_cond_broadcast(&guard->changed);
    pthread_mutex_unlock(&guard->mutex);
    (void)pthread_join(guard->thread, NULL);
    pthread_cond_destroy(&guard->changed);
    pthread_mutex_destroy(&guard->mutex);
}

struct http_peer *http_guard_welcome(struct http_guard *guard, int handle) {
    struct http_peer *peer = sh_alloc_zero(sizeof *peer);
    if (peer == NULL) return NULL;
    peer->handle = handle;
    http_guard_move_on(guard, peer, 0);
    pthread_mutex_lock(&guard->mutex);
    peer->after = guard->peers;
    if (peer->after != NULL) peer->after->before = peer;
    guard->peers = peer;
    pthread_mutex_unlock(&guard->mutex);
    atomic_fetch_add_explicit(&guard->peer_count, 1, memory_order_relaxed);
    return peer;
}

void http_guard_goodbye(struct http_guard *guard, struct http_peer *peer) {
    if (peer == NULL) return;
    pthread_mutex_lock(&guard->mutex);
    if (peer->before == NULL)
        guard->peers = peer->after;
    else
        peer->before->after = peer->after;
    if (peer->after != NULL) peer->after->before = peer->before;
    pthread_mutex_unlock(&guard->mutex);
    atomic_fetch_sub_explicit(&guard->peer_count, 1, memory_order_relaxed);
    sh_free(peer);
}

void http_guard_move_on(const struct http_guard *guard, struct http_peer *peer, size_t byte_count) {
    if (peer == NULL) return;
    const uint64_t due_ms = clock_ms() + guard->stall_ms_max + byte_count * 1000 / SH_HTTP_STALL_BYTES;
    atomic_store_explicit(&peer->due_ms, due_ms, memory_order_relaxed);
}

void http_guard_wait_for_us(struct http_peer *peer) {
    if (peer != NULL) atomic_store_explicit(&peer->due_ms, UINT64_MAX, memory_order_relaxed);
}

/* ---- strangers ---- */

/* "127.0.0.1:7718", "[::1]", "localhost:7718": the part before the port. False if it is no such thing. */
static bool host_of(const char *authority, char host[INET6_ADDRSTRLEN + 210]) {
    const char *begin = authority[0] == '[' ? authority + 1 : authority;
    const char *end = begin + strcspn(begin, authority[0] == '[' ? "]" : ":");
    const size_t count = (size_t)(end - begin);
    if (count == 0 || count >= INET6_ADDRSTRLEN + 210) return false;
    memcpy(host, begin, count);
    host[count] = '\0';
    if (authority[0] == '[') {
        if (*end != ']') return false;
        end++;
    }
    if (*end == '\0') return true;
    return *end == ':' && strspn(end + 1, "0123456789") == strlen(end + 1);
}

/* A page from elsewhere can have its own name resolve to this machine, but a browser then still says that name. */
static bool is_our_name(const struct sh_http *http, const char *authority) {
    char host[INET6_ADDRSTRLEN + 210];
    uint8_t address[16];
    if (!host_of(authority, host)) return false;
    if (strcasecmp(host, "localhost") == 0) return true;
    if (authority[0] == '[' ? inet_pton(AF_INET6, host, address) == 1 : inet_pton(AF_INET, host, address) == 1)
        return true;
    for (uint32_t i = 0; i < http->host_count; i++)
        if (strcasecmp(host, http->hosts[i]) == 0) return true;
    return false;
}

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* "http://127.0.0.1:7718" is of the page's own server if the rest is what the request calls us. */
static bool is_own_origin(const char *origin, const char *authority) {
    const char *rest = strstr(origin, "://");
    return rest != NULL && authority != NULL && strcasecmp(rest + 3, authority) == 0;
}

static bool is_json(const char *content_type) {
    static const char wanted[] = "application/json";
    if (content_type == NULL || strncasecmp(content_type, wanted, sizeof wanted - 1) != 0) return false;
    const char after = content_type[sizeof wanted - 1];
    return after == '\0' || after == ';' || after == ' ';
}

const char *http_guard_refuse(const struct sh_http *http, struct MHD_Connection *connection, bool is_call,
                              unsigned *http_status) {
    const char *authority = header(connection, MHD_HTTP_HEADER_HOST);
    *http_status = MHD_HTTP_MISDIRECTED_REQUEST;
    /* No browser leaves it out, so whoever does is no stranger's page. */
    if (authority != NULL && !is_our_name(http, authority))
        return "this server is not known by the name in `Host`; --http-host NAME makes it so";
    if (!is_call) return NULL;
    const char *origin = header(connection, MHD_HTTP_HEADER_ORIGIN);
    const char *site = header(connection, "Sec-Fetch-Site");
    *http_status = MHD_HTTP_FORBIDDEN;
    if (origin != NULL && !is_own_origin(origin, authority)) return "pages of other origins may not call this server";
    if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return "pages of other sites may not call this server";
    *http_status = MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    if (!is_json(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE)))
        return "a call has `Content-Type: application/json`";
    return NULL;
}

/* ---- who asks ---- */

bool http_guard_token(struct MHD_Connection *connection, char token[SH_HTTP_TOKEN_BYTES_MAX + 1]) {
    static const char scheme[] = "Bearer ";
    const char *shown = header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    token[0] = '\0';
    if (shown == NULL) return true;
    if (strncasecmp(shown, scheme, sizeof scheme - 1) != 0) return false;
    shown += sizeof scheme - 1;
    const size_t count = strlen(shown);
    if (count == 0 || count > SH_HTTP_TOKEN_BYTES_MAX || !sh_text_is_utf8((struct sh_text){shown, (uint32_t)count}))
        return false;
    memcpy(token, shown, count + 1);
    return true;
}

static int64_t wall_ms(void) {
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
}

enum sh_status http_guard_caller(const struct sh_http *http, const struct http_caller *caller, struct sh_error *err) {
    struct sh_principal principal;
    enum sh_status status;
    if (http->access == NULL) return SH_OK;
    const int64_t now_ms = wall_ms();
    if (caller->token[0] == '\0')
        status = sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "a token is needed: Authorization: Bearer TOKEN");
    else
        status = sh_access_authenticate(http->access, sh_text_of(caller->token), now_ms, &principal, err);
    if (status == SH_ERR_UNAUTHENTICATED)
        sh_audit_write(http->audit, &(struct sh_audit_entry){.time_ms = now_ms,
                                                             .method = "hello",
                                                             .token = "",
                                                             .workspace = sh_text_of(caller->workspace),
                                                             .result = status});
    return status;
}

enum sh_status http_guard_metrics(const struct sh_http *http, struct MHD_Connection *connection, struct sh_error *err) {
    struct http_caller caller = {.workspace = ""};
    struct sh_principal principal;
    if (http->access == NULL) return SH_OK;
    if (!http_guard_token(connection, caller.token)) caller.token[0] = '\0';
    enum sh_status status = http_guard_caller(http, &caller, err);
    if (status != SH_OK) return status;
    const int64_t now_ms = wall_ms();
    status = sh_access_authenticate(http->access, sh_text_of(caller.token), now_ms, &principal, err);
    const struct sh_method *stats = sh_method_find(SH_TEXT_LITERAL("stats"), NULL);
    if (status == SH_OK) status = sh_access_check(http->access, &principal, stats, now_ms, clock_ms() * 1000000u, err);
    if (status != SH_OK || principal.names_workspace) return status;
    return sh_fail(err, SH_ERR_FORBIDDEN, -1, "figures of the whole server are for tokens of all workspaces");
}
