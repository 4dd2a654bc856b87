#include "room.h"

#include <inttypes.h>

#include "memory.h"
#include "server_log.h"

/* What one loop takes another one frees (answers, tables of a training), so only all of it together means anything. */
static uint64_t held(void) {
    const int64_t bytes = sh_memory_process_bytes();
    return bytes > 0 ? (uint64_t)bytes : 0;
}

/* A question that is refused at once is cheaper than one that is begun; those that need next to nothing are not. */
static bool needs_little(const struct sh_method *method) {
    return method->spread == SH_SPREAD_SESSION || (method->flags & (SH_METHOD_FREES | SH_METHOD_URGENT)) != 0 ||
           (method->roles & SH_ROLE_METRICS) != 0;
}

enum sh_status sh_room_admit(const struct sh_loop *loop, const struct sh_method *method, struct sh_error *err) {
    const uint64_t size = atomic_load_explicit(&loop->server->memory_bytes_max, memory_order_relaxed);
    if (size == 0 || needs_little(method)) return SH_OK;
    const uint64_t used = held();
    if (used < (method->writes ? size : size + size / 8)) return SH_OK;
    (void)sh_fail(err, SH_ERR_LIMIT, -1, "%" PRIu64 " MiB of memory are used, of %" PRIu64 " that the server may use",
                  used >> 20, size >> 20);
    return sh_fail_hint(err, SH_ERR_LIMIT,
                        method->writes ? "questions are answered, and people, items and models can be removed"
                                       : "ask again when others have been answered");
}

void sh_room_tick(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    sh_count_set(&loop->counters.memory_bytes, held() / server->loop_count);
    if (loop->index != 0) return;
    const uint64_t size = atomic_load_explicit(&server->memory_bytes_max, memory_order_relaxed);
    const uint64_t used = size == 0 ? 0 : held();
    if (!server->is_crowded && size != 0 && used >= size) {
        server->is_crowded = true;
        sh_log(SH_LOG_ERROR,
               "%" PRIu64 " MiB of memory are used, of %" PRIu64 ": no writes are taken but what frees some",
               used >> 20, size >> 20);
    } else if (server->is_crowded && used < size - size / 64) {
        server->is_crowded = false;
        sh_log(SH_LOG_INFO, "there is memory again: writes are taken");
    }
}
