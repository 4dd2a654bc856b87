#include "behind.h"

#include "loop.h"

enum { LOOK_MS = 5 };

static void on_timer(void *context, struct sh_io_timer *timer) {
    struct sh_loop *loop = context;
    (void)timer;
    loop->behind.is_ringing = true;
}

/* One look at a time: it begins the next one itself while there is somebody. False: memory is out. */
static bool start_timer(struct sh_loop *loop) {
    loop->behind.timer.fire = on_timer;
    const uint64_t at_ns = sh_io_monotonic_ns(loop->io) + LOOK_MS * UINT64_C(1000000);
    return sh_io_timer_start(loop->io, &loop->behind.timer, at_ns) == SH_OK;
}

bool sh_behind_wait(struct sh_loop *loop, struct sh_errand *errand, uint32_t wait_ms) {
    const uint64_t until_ns = errand->request.begin_ns + wait_ms * UINT64_C(1000000);
    if (loop->is_stopping || sh_io_exact_ns(loop->io) >= until_ns) return false;
    if (loop->behind.line.count >= SH_BEHIND_COUNT_MAX) return false;
    if (errand->request.params_count > SH_BEHIND_PARAMS_BYTES_MAX) return false;
    if (loop->behind.line.count == 0 && loop->behind.timer.place == 0 && !start_timer(loop)) return false;
    sh_errand_push(&loop->behind.line, errand);
    return true;
}

void sh_behind_ring(struct sh_loop *loop) {
    loop->behind.is_ringing = true;
}

bool sh_behind_has_work(const struct sh_loop *loop) {
    return loop->behind.line.first != NULL && (loop->behind.is_ringing || loop->is_stopping);
}

void sh_behind_look(struct sh_loop *loop) {
    const uint64_t end_ns = sh_io_exact_ns(loop->io) + SH_SLICE_US_MAX * UINT64_C(1000);
    loop->behind.is_ringing = false;
    for (uint32_t left = loop->behind.line.count; left > 0; left--) {
        struct sh_errand *errand = sh_errand_pop(&loop->behind.line);
        errand->request.now_ms = sh_io_now_ms(loop->io);
        sh_errand_again(loop, errand); /* comes back to the line if it is early still */
        if (left > 1 && !loop->is_stopping && sh_io_exact_ns(loop->io) > end_ns) {
            loop->behind.is_ringing = true; /* the others in the next turn */
            break;
        }
    }
    if (loop->behind.line.count > 0 && loop->behind.timer.place == 0 && !start_timer(loop))
        loop->behind.is_ringing = true; /* without a timer it is looked at in every turn */
}
