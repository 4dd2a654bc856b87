#include "server.h"

#include "address.h"
#include "hash.h"
#include "loop.h"
#include "memory.h"
#include "recovery.h"
#include "server_log.h"

void sh_loop_wake_all(struct sh_server *server) {
    for (uint32_t i = 0; i < server->loop_count; i++)
        if (server->loops[i].io != NULL) sh_io_wake(server->loops[i].io);
}

static void server_free(struct sh_server *server) {
    for (uint32_t i = 0; server->loops != NULL && i < server->loop_count; i++) {
        sh_guests_deinit(&server->loops[i].guests);
        sh_counters_deinit(&server->loops[i].counters);
        sh_io_destroy(server->loops[i].io);
        sh_log_abandon(server->loops[i].journal.log); /* one that has failed outlives its io */
    }
    for (uint32_t i = 0; server->listeners != NULL && i < server->loop_count * server->address_count; i++)
        /* A Unix address is listened on once, and given to every loop. */
        if (i < server->address_count || !server->listeners[i].is_local)
            server->host->listener_close(server->host, &server->listeners[i]);
    sh_snapshots_deinit(&server->snapshots);
    sh_slow_log_deinit(&server->slow);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    sh_recovery_destroy(server->recovery);
    if (server->data != NULL) sh_data_close(server->data);
    sh_free(server->data);
    sh_free(server->loops);
    sh_free(server->mailboxes);
    sh_free(server->listeners);
    sh_free(server->counters);
    sh_free(server);
}

static uint64_t monotonic_ns(const struct sh_server *server) {
    uint64_t now_ns;
    server->host->clock(server->host, NULL, &now_ns);
    return now_ns;
}

static uint32_t or_bound(uint32_t option, uint32_t bound) {
    return option == 0 ? bound : option;
}

static enum sh_status server_make(const struct sh_server_options *options, struct sh_server **made,
                                  struct sh_error *err) {
    const size_t loop_count = options->shard_count;
    if (loop_count < 1 || loop_count > SH_SHARD_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the number of shards is from 1 to %d", SH_SHARD_COUNT_MAX);
    if (options->address_count < 1) return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no address to listen on");
    struct sh_server *server = sh_alloc_zero(sizeof *server);
    if (server == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a server");
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->changed, NULL);
    sh_snapshots_init(&server->snapshots);
    sh_slow_log_init(&server->slow, options->slow_ms);
    atomic_init(&server->memory_bytes_max, options->memory_bytes);
    server->host = options->host == NULL ? sh_host_system() : options->host;
    sh_hash_set_secret(server->host->random(server->host));
    server->io = options->io;
    server->access = options->access;
    server->tls = options->tls;
    server->audit = options->audit;
    server->loop_count = options->shard_count;
    server->address_count = options->address_count;
    server->connection_count_max = or_bound(options->connection_count_max, SH_CONNECTION_COUNT_MAX);
    server->frame_stall_ms_max = or_bound(options->frame_stall_ms_max, SH_FRAME_STALL_MS_MAX);
    server->send_stall_ms_max = or_bound(options->send_stall_ms_max, SH_SEND_STALL_MS_MAX);
    server->stop_ms_max = or_bound(options->stop_ms_max, SH_STOP_MS_MAX);
    server->loops = sh_alloc_zero(loop_count * sizeof *server->loops);
    server->mailboxes = sh_alloc_zero(loop_count * loop_count * sizeof *server->mailboxes);
    server->listeners = sh_alloc_zero(loop_count * options->address_count * sizeof *server->listeners);
    server->counters = sh_alloc_zero(loop_count * sizeof(struct sh_counters *));
    if (server->loops == NULL || server->mailboxes == NULL || server->listeners == NULL || server->counters == NULL) {
        server_free(server);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for %zu loops", loop_count);
    }
    for (uint32_t i = 0; i < server->loop_count; i++) {
        server->loops[i].server = server;
        server->loops[i].index = i;
        sh_guests_init(&server->loops[i].guests);
        server->counters[i] = &server->loops[i].counters;
        if (sh_counters_init(&server->loops[i].counters)) continue;
        server_free(server);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for counters");
    }
    for (size_t i = 0; i < loop_count * options->address_count; i++)
        server->listeners[i].handle = -1;
    server->start_ns = monotonic_ns(server);
    *made = server;
    return SH_OK;
}

static enum sh_status listen_everywhere(struct sh_server *server, const char *const *addresses, struct sh_error *err) {
    enum sh_status status = SH_OK;
    for (uint32_t loop = 0; loop < server->loop_count; loop++) {
        for (uint32_t i = 0; i < server->address_count && status == SH_OK; i++) {
            const struct sh_io_listener *first = &server->listeners[i];
            struct sh_io_listener *listener = &server->listeners[loop * server->address_count + i];
            if (loop > 0 && first->is_local)
                *listener = *first;
            else
                status = server->host->listener_open(server->host, loop == 0 ? addresses[i] : first->address, loop == 0,
                                                     listener, err);
        }
    }
    return status;
}

static enum sh_status start_threads(struct sh_server *server, struct sh_error *err) {
    for (uint32_t i = 0; i < server->loop_count; i++) {
        if (!server->host->thread_start(server->host, &server->loops[i].thread, sh_loop_main, &server->loops[i])) {
            if (server->recovery != NULL) sh_recovery_abort(server->recovery);
            return sh_fail(err, SH_ERR_LIMIT, -1, "the kernel gives no thread for loop %u", i);
        }
        server->thread_count++;
    }
    return SH_OK;
}

/* The first loop's that has one; but that another could not recover is no news. */
static enum sh_status first_fault(const struct sh_server *server, struct sh_error *err) {
    const struct sh_loop *found = NULL;
    for (uint32_t i = 0; i < server->thread_count; i++) {
        const struct sh_loop *loop = &server->loops[i];
        if (loop->status != SH_OK && (found == NULL || found->status == SH_ERR_CLOSED)) found = loop;
    }
    if (found == NULL) return SH_OK;
    if (err != NULL) *err = found->err;
    return found->status;
}

/* Wait until every loop is made or has failed; then let them serve, or end. */
static enum sh_status release_loops(struct sh_server *server, enum sh_status status, struct sh_error *err) {
    pthread_mutex_lock(&server->mutex);
    while (server->ready_count < server->thread_count)
        server->host->wait(server->host, &server->changed, &server->mutex, SH_HOST_FOREVER);
    if (status == SH_OK) status = first_fault(server, err);
    server->has_failed = status != SH_OK;
    server->may_serve = true;
    server->host->wake(server->host, &server->changed);
    pthread_mutex_unlock(&server->mutex);
    return status;
}

static enum sh_status open_data(struct sh_server *server, const struct sh_server_options *options,
                                struct sh_error *err) {
    struct sh_data *data = sh_alloc(sizeof *data);
    if (data == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a data directory");
    const enum sh_status status = sh_data_open(options->data, server->host, server->loop_count, data, err);
    if (status != SH_OK) {
        sh_free(data);
        return status;
    }
    server->data = data;
    return sh_recovery_create(server, &server->recovery, err);
}

static void report_recovery(const struct sh_server *server) {
    char line[256];
    if (server->recovery == NULL) return;
    sh_recovery_report(server->recovery, line, sizeof line);
    sh_log(SH_LOG_INFO, "%s", line);
}

/* Whoever can reach an address may do what the tokens say; without tokens, that is everything. */
enum sh_status sh_server_check(const struct sh_server_options *options, struct sh_error *err) {
    for (uint32_t i = 0; i < options->address_count; i++) {
        struct sh_address address;
        const enum sh_status status = sh_address_parse(options->addresses[i], &address, err);
        if (status != SH_OK) return status;
        if (address.is_tls && options->tls == NULL)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s needs a certificate: --tls-certificate FILE",
                           options->addresses[i]);
        if (options->access != NULL || sh_io_address_is_local(options->addresses[i])) continue;
        (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "%s can be reached from other machines, and there is no access control",
                      options->addresses[i]);
        return sh_fail_hint(err, SH_ERR_ARGUMENT,
                            "give --access FILE, and make tokens with `shoal token create`; or listen on 127.0.0.1");
    }
    return SH_OK;
}

enum sh_status sh_server_start(const struct sh_server_options *options, struct sh_server **server,
                               struct sh_error *err) {
    *server = NULL;
    struct sh_server *made;
    enum sh_status status = sh_server_check(options, err);
    if (status == SH_OK) status = server_make(options, &made, err);
    if (status != SH_OK) return status;
    status = listen_everywhere(made, options->addresses, err);
    if (status == SH_OK && options->data != NULL) status = open_data(made, options, err);
    if (status == SH_OK) status = release_loops(made, start_threads(made, err), err);
    if (status != SH_OK) {
        (void)sh_server_join(made, NULL);
        return status;
    }
    report_recovery(made);
    sh_recovery_destroy(made->recovery);
    made->recovery = NULL;
    *server = made;
    return SH_OK;
}

void sh_server_set_memory(struct sh_server *server, uint64_t memory_bytes) {
    atomic_store_explicit(&server->memory_bytes_max, memory_bytes, memory_order_relaxed);
}

void sh_server_set_slow_ms(struct sh_server *server, uint32_t slow_ms) {
    atomic_store_explicit(&server->slow.threshold_ns, slow_ms * UINT64_C(1000000), memory_order_relaxed);
}

const char *sh_server_address(const struct sh_server *server, uint32_t number) {
    sh_assert(number < server->address_count);
    return server->listeners[number].address;
}

struct sh_counters_context sh_server_counters(const struct sh_server *server) {
    return (struct sh_counters_context){
        .loops = server->counters,
        .loop_count = server->loop_count,
        .uptime_ms = (monotonic_ns(server) - server->start_ns) / 1000000u,
        .io = sh_io_body_name(server->io),
        .version = SHOAL_VERSION,
    };
}

struct sh_server_health sh_server_health(const struct sh_server *server) {
    const uint64_t now_ms = monotonic_ns(server) / 1000000u;
    struct sh_server_health health = {
        .is_stopping = atomic_load(&server->stop) != SH_STOP_NOT,
        .full_logs = atomic_load(&server->full_logs),
        .failed_logs = atomic_load(&server->failed_logs),
    };
    for (uint32_t i = 0; i < server->loop_count; i++) {
        uint64_t seen_ms = sh_counted(&server->counters[i]->seen_ms);
        if (seen_ms == 0) seen_ms = server->start_ns / 1000000u;
        if (now_ms > seen_ms && now_ms - seen_ms > health.stood_ms) health.stood_ms = now_ms - seen_ms;
    }
    return health;
}

static void raise_stop(struct sh_server *server, uint32_t wanted) {
    uint32_t now = atomic_load(&server->stop);
    while (now < wanted && !atomic_compare_exchange_weak(&server->stop, &now, wanted)) {}
    sh_loop_wake_all(server);
}

void sh_server_stop(struct sh_server *server) {
    raise_stop(server, SH_STOP_GRACEFUL);
}

void sh_server_abort(struct sh_server *server) {
    raise_stop(server, SH_STOP_NOW);
}

bool sh_server_has_ended(const struct sh_server *server) {
    return atomic_load(&server->ended_count) == server->thread_count;
}

enum sh_status sh_server_join(struct sh_server *server, struct sh_error *err) {
    if (server == NULL) return SH_OK;
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < server->thread_count; i++)
        server->host->thread_join(server->host, &server->loops[i].thread);
    sh_training_end(server);
    for (uint32_t i = 0; i < server->thread_count && status == SH_OK; i++) {
        status = server->loops[i].status;
        if (status != SH_OK && err != NULL) *err = server->loops[i].err;
    }
    server_free(server);
    return status;
}

uint64_t sh_server_forget_ms(const struct sh_server *server) {
    const uint64_t forget_ms = server->data == NULL ? 0 : server->data->options.forget_ms;
    return forget_ms != 0 ? forget_ms : SH_FORGET_HOURS_DEFAULT * UINT64_C(3600000);
}
