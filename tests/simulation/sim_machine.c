#include "sim_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "hash.h"
#include "memory.h"
#include "status.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 1 << 20, STEP_NS_MAX = 3000 };

enum fiber_state { FIBER_READY, FIBER_ASLEEP, FIBER_WAITING, FIBER_JOINING, FIBER_ENDED };

struct sim_fiber {
    struct sim_machine *machine;
    ucontext_t context;
    void *stack;
    void *fake_stack;
    void *(*run)(void *argument);
    void *argument;
    enum fiber_state state;
    pthread_cond_t *changed; /* WAITING */
    bool is_woken;
    uint64_t until_ns;
    struct sim_io *io;        /* ASLEEP in its turn */
    struct sim_fiber *joined; /* JOINING */
};

struct sim_machine *sim_machine_now;
static ucontext_t scheduler;
static void *spare_stacks[SIM_FIBER_COUNT_MAX * 4];
static uint32_t spare_stack_count;
#ifdef SIM_ASAN
static const void *scheduler_stack;
static size_t scheduler_stack_bytes;
static void *scheduler_fake_stack;
#endif

/* ---- trace, clock, chance ---- */

void sim_machine_note(struct sim_machine *machine, const void *bytes, size_t count) {
    machine->trace = sh_hash_mix(machine->trace ^ sh_hash_bytes(bytes, count, 0), 0x9E3779B97F4A7C15u);
}

static void note_number(struct sim_machine *machine, uint64_t number) {
    machine->trace = sh_hash_mix(machine->trace ^ number, 0xD1B54A32D192ED03u);
}

uint64_t sim_machine_latency(struct sim_machine *machine, uint64_t mean) {
    const uint64_t kind = split_below(&machine->rng, 32);
    if (kind == 0) return mean * (4 + split_below(&machine->rng, 30));
    return 1 + split_below(&machine->rng, mean + mean / 2 + 1);
}

/* To look at the clock takes a moment, and now and then the thread is taken off its core meanwhile. */
void sim_machine_clock(struct sim_machine *machine, int64_t *now_ms, uint64_t *monotonic_ns) {
    if (machine->running != NULL) {
        const uint64_t draw = split_next(&machine->rng);
        machine->now_ns += 30 + (draw & 255) + ((draw >> 32) % 700 == 0 ? 300000 : 0);
    }
    if (now_ms != NULL) *now_ms = machine->wall_ms + (int64_t)(machine->now_ns / 1000000u);
    *monotonic_ns = machine->now_ns;
}

static void host_clock(struct sh_host *host, int64_t *now_ms, uint64_t *monotonic_ns) {
    sim_machine_clock((struct sim_machine *)host, now_ms, monotonic_ns);
}

static uint64_t host_random(struct sh_host *host) {
    return split_next(&((struct sim_machine *)host)->rng) | 1;
}

/* ---- fibers ---- */

/* The server's allocations are counted, not the test's. */
static void plan_failure(const struct sim_machine *machine) {
    if (machine->allocations_left != UINT64_MAX) sh_memory_fail_after(machine->allocations_left);
}

static void unplan_failure(struct sim_machine *machine) {
    if (machine->allocations_left == UINT64_MAX) return;
    machine->allocations_left = sh_memory_fail_left();
    if (sh_memory_failed()) machine->has_failed_allocation = true;
    sh_memory_fail_after(UINT64_MAX);
}

static void switch_to(struct sim_fiber *fiber) {
    fiber->machine->running = fiber;
    plan_failure(fiber->machine);
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(&scheduler_fake_stack, fiber->stack, STACK_BYTES);
#endif
    (void)swapcontext(&scheduler, &fiber->context);
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(scheduler_fake_stack, NULL, NULL);
#endif
    unplan_failure(fiber->machine);
    fiber->machine->running = NULL;
}

static void switch_back(struct sim_fiber *fiber) {
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(&fiber->fake_stack, scheduler_stack, scheduler_stack_bytes);
#endif
    (void)swapcontext(&fiber->context, &scheduler);
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &scheduler_stack, &scheduler_stack_bytes);
#endif
}

static void fiber_main(unsigned high, unsigned low) {
    struct sim_fiber *fiber = (struct sim_fiber *)(uintptr_t)((uint64_t)high << 32 | low);
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_stack_bytes);
#endif
    (void)fiber->run(fiber->argument);
    fiber->state = FIBER_ENDED;
    for (;;)
        switch_back(fiber);
}

static void *stack_make(void) {
    if (spare_stack_count > 0) return spare_stacks[--spare_stack_count];
    return mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void stack_keep(void *stack) {
#ifdef SIM_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stack, STACK_BYTES);
#endif
    if (spare_stack_count < sizeof spare_stacks / sizeof spare_stacks[0]) spare_stacks[spare_stack_count++] = stack;
}

static void context_make(struct sim_fiber *fiber) {
    if (getcontext(&fiber->context) != 0) abort();
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, (void (*)(void))fiber_main, 2, (unsigned)((uintptr_t)fiber >> 32),
                (unsigned)(uintptr_t)fiber);
}

struct sim_fiber *sim_fiber_start(struct sim_machine *machine, void *(*run)(void *argument), void *argument) {
    if (machine->fiber_count == SIM_FIBER_COUNT_MAX) return NULL;
    struct sim_fiber *fiber = calloc(1, sizeof *fiber);
    void *stack = stack_make();
    if (fiber == NULL || stack == MAP_FAILED) abort();
    fiber->machine = machine;
    fiber->run = run;
    fiber->argument = argument;
    fiber->stack = stack;
    context_make(fiber);
    machine->fibers[machine->fiber_count++] = fiber;
    return fiber;
}

bool sim_fiber_has_ended(const struct sim_fiber *fiber) {
    return fiber->state == FIBER_ENDED;
}

void sim_fiber_sleep(struct sim_machine *machine, struct sim_io *io, uint64_t until_ns) {
    struct sim_fiber *fiber = machine->running;
    fiber->state = FIBER_ASLEEP;
    fiber->io = io;
    fiber->until_ns = until_ns;
    switch_back(fiber);
}

/* ---- threads, as the host gives them ---- */

static bool host_thread_start(struct sh_host *host, struct sh_host_thread *thread, void *(*run)(void *argument),
                              void *argument) {
    thread->simulated = sim_fiber_start((struct sim_machine *)host, run, argument);
    return thread->simulated != NULL;
}

static void host_thread_join(struct sh_host *host, struct sh_host_thread *thread) {
    struct sim_fiber *self = ((struct sim_machine *)host)->running;
    self->state = FIBER_JOINING;
    self->joined = thread->simulated;
    switch_back(self);
}

static void host_wait(struct sh_host *host, pthread_cond_t *changed, pthread_mutex_t *mutex, uint64_t wait_ns) {
    struct sim_machine *machine = (struct sim_machine *)host;
    struct sim_fiber *self = machine->running;
    self->state = FIBER_WAITING;
    self->changed = changed;
    self->is_woken = false;
    self->until_ns = wait_ns == SH_HOST_FOREVER ? UINT64_MAX : machine->now_ns + wait_ns;
    pthread_mutex_unlock(mutex);
    switch_back(self);
    pthread_mutex_lock(mutex);
}

static void host_wake(struct sh_host *host, pthread_cond_t *changed) {
    const struct sim_machine *machine = (struct sim_machine *)host;
    for (uint32_t i = 0; i < machine->fiber_count; i++)
        if (machine->fibers[i]->state == FIBER_WAITING && machine->fibers[i]->changed == changed)
            machine->fibers[i]->is_woken = true;
}

/* ---- the disk, as calls that are done when they return ---- */

void sim_machine_count_request(struct sim_machine *machine, const struct sh_io_file_request *request) {
    machine->request_count++;
    note_number(machine, (uint64_t)request->operation << 48 ^ request->offset ^ (uint64_t)request->byte_count << 20);
    if (request->operation == SH_IO_FILE_WRITE) sim_machine_note(machine, request->bytes, request->byte_count);
    if (machine->log_requests)
        (void)fprintf(stderr, "%llu: step %llu: file operation %d %s handle %d offset %llu count %zu\n",
                      (unsigned long long)machine->now_ns, (unsigned long long)machine->step_count,
                      (int)request->operation, request->path == NULL ? "" : request->path, request->handle,
                      (unsigned long long)request->offset, request->byte_count);
    if (machine->crash_requests > 0 && --machine->crash_requests == 0) machine->is_crash_due = true;
}

static void door_run(struct sh_disk *door, struct sh_io_file_request *request) {
    struct sim_machine *machine = sim_machine_now;
    (void)door;
    if (machine->is_child) {
        sim_child_ask(machine, request);
        return;
    }
    sim_machine_count_request(machine, request);
    if (machine->running != NULL)
        sim_fiber_sleep(machine, NULL, machine->now_ns + sim_machine_latency(machine, machine->disk_latency_ns / 8));
    struct sh_disk *disk = disk_sim_disk(machine->disk);
    disk->run(disk, request);
}

static enum sh_status door_list(struct sh_disk *door, const char *path, void (*each)(void *context, const char *name),
                                void *context, struct sh_error *err) {
    (void)door;
    if (sim_machine_now->is_child) return sim_child_ask_names(sim_machine_now, path, each, context, err);
    struct sh_disk *disk = disk_sim_disk(sim_machine_now->disk);
    return disk->list(disk, path, each, context, err);
}

/* ---- addresses ---- */

static enum sh_status host_listener_open(struct sh_host *host, const char *address, bool is_first,
                                         struct sh_io_listener *listener, struct sh_error *err) {
    (void)host;
    (void)is_first;
    (void)err;
    *listener = (struct sh_io_listener){.handle = 1};
    (void)snprintf(listener->address, sizeof listener->address, "%s", address);
    return SH_OK;
}

static void host_listener_close(struct sh_host *host, struct sh_io_listener *listener) {
    (void)host;
    listener->handle = -1;
}

/* ---- life ---- */

struct sim_machine *sim_machine_create(uint64_t seed) {
    struct sim_machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) abort();
    machine->rng.state = seed;
    machine->now_ns = 1000000000;
    machine->wall_ms = INT64_C(1790000000000);
    machine->disk = disk_sim_create(split_next(&machine->rng));
    machine->disk_latency_ns = 40000;
    machine->wire_latency_ns = 20000;
    machine->disk_door = (struct sh_disk){.run = door_run, .list = door_list};
    machine->child_line = -1;
    machine->allocations_left = UINT64_MAX;
    machine->host = (struct sh_host){
        .disk = &machine->disk_door,
        .io_create = sim_io_create,
        .listener_open = host_listener_open,
        .listener_close = host_listener_close,
        .clock = host_clock,
        .random = host_random,
        .thread_start = host_thread_start,
        .thread_join = host_thread_join,
        .wait = host_wait,
        .wake = host_wake,
        .child_start = sim_child_start,
        .child_look = sim_child_look,
        .child_end = sim_child_end,
    };
    sim_machine_now = machine;
    return machine;
}

void sim_machine_drop_server(struct sim_machine *machine) {
    if (machine->child != NULL) sim_child_end(&machine->host, machine->child);
    for (uint32_t i = 0; i < machine->fiber_count; i++) {
        /* Those that were in the midst of something keep their stacks: what the server had points there. */
        if (machine->fibers[i]->state == FIBER_ENDED) stack_keep(machine->fibers[i]->stack);
        if (machine->fibers[i]->state == FIBER_ENDED) free(machine->fibers[i]);
    }
    machine->fiber_count = 0;
    machine->io_count = 0;
    for (uint32_t i = 0; i < SIM_WIRE_COUNT_MAX; i++) {
        struct sim_wire *wire = machine->wires[i];
        if (wire == NULL) continue;
        wire->is_cut = true;
        wire->is_gone = true;
        wire->io = NULL;
    }
    machine->is_crash_due = false;
    machine->crash_requests = 0;
}

/* ---- steps ---- */

static void sooner(uint64_t *soonest, uint64_t due_ns) {
    if (due_ns < *soonest) *soonest = due_ns;
}

static bool fiber_can_run(const struct sim_machine *machine, const struct sim_fiber *fiber, uint64_t *soonest) {
    switch (fiber->state) {
    case FIBER_READY:
        return true;
    case FIBER_ENDED:
        return false;
    case FIBER_JOINING:
        return fiber->joined->state == FIBER_ENDED;
    case FIBER_WAITING:
        if (fiber->is_woken) return true;
        break;
    case FIBER_ASLEEP:
        if (fiber->io != NULL) {
            uint64_t due_ns = UINT64_MAX;
            if (sim_io_is_ready(fiber->io, &due_ns)) return true;
            if (due_ns < fiber->until_ns) {
                sooner(soonest, due_ns);
                return due_ns <= machine->now_ns;
            }
        }
        break;
    }
    sooner(soonest, fiber->until_ns);
    return fiber->until_ns <= machine->now_ns;
}

enum { CHOICE_COUNT_MAX = SIM_FIBER_COUNT_MAX + 64 };

struct choices {
    uint32_t list[CHOICE_COUNT_MAX]; /* fibers, then actors, then the child */
    uint32_t count;
    uint64_t soonest_ns;
};

static void find_choices(const struct sim_machine *machine, struct choices *choices) {
    choices->count = 0;
    choices->soonest_ns = UINT64_MAX;
    for (uint32_t i = 0; i < machine->fiber_count; i++)
        if (fiber_can_run(machine, machine->fibers[i], &choices->soonest_ns)) choices->list[choices->count++] = i;
    for (uint32_t i = 0; i < machine->actor_count; i++) {
        uint64_t due_ns = UINT64_MAX;
        if (machine->actors[i].can_act(machine->actors[i].context, machine->now_ns, &due_ns))
            choices->list[choices->count++] = SIM_FIBER_COUNT_MAX + i;
        else
            sooner(&choices->soonest_ns, due_ns);
    }
    if (machine->child == NULL) return;
    if (machine->child_due_ns <= machine->now_ns)
        choices->list[choices->count++] = UINT32_MAX;
    else
        sooner(&choices->soonest_ns, machine->child_due_ns);
}

bool sim_machine_step(struct sim_machine *machine) {
    struct choices choices;
    find_choices(machine, &choices);
    if (choices.count == 0) {
        if (choices.soonest_ns == UINT64_MAX) return false;
        machine->now_ns = choices.soonest_ns;
        find_choices(machine, &choices);
        if (choices.count == 0) return ++machine->stuck_count < 1000;
    }
    machine->stuck_count = 0;
    const uint32_t choice = choices.list[split_below(&machine->rng, choices.count)];
    machine->step_count++;
    note_number(machine, (uint64_t)choice << 40 ^ machine->now_ns);
    if (choice == UINT32_MAX) {
        sim_child_step(machine);
    } else if (choice >= SIM_FIBER_COUNT_MAX) {
        const struct sim_actor *actor = &machine->actors[choice - SIM_FIBER_COUNT_MAX];
        actor->act(actor->context);
    } else if (machine->may_stall && split_one_in(&machine->rng, 3000)) {
        /* Taken off its core: whatever it waits for, it goes on later. */
        machine->now_ns += split_below(&machine->rng, 3000000);
    } else {
        struct sim_fiber *fiber = machine->fibers[choice];
        fiber->state = FIBER_READY;
        switch_to(fiber);
    }
    machine->now_ns += split_below(&machine->rng, STEP_NS_MAX);
    return true;
}
