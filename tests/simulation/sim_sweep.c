/* sim_sweep.c -- one small life of a server, in which one thing fails: the first time, the second, ... until there is none.
 *
 *   start, 40 requests of two clients, a snapshot, 40 more, a snapshot, 20 more, stop; start, everything sent again
 *   until it is answered, the twin, restarts
 *
 * The same life for every n, up to the failure. Whatever fails: the server says so or goes on, it does not die, and after
 * the next start everything is as the clients know it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "sim_world_private.h"

enum { SWEEP_SEED = 20, REQUEST_COUNT = 40, BITS_OF_PLACE = 1000, FILE_COUNT_MAX = 256, BLOCK_BYTES = 4096 };

static void arm(struct sim_world *world, enum sim_sweep sweep, uint64_t n) {
    struct sim_machine *machine = world->machine;
    struct disk_sim_faults *faults = disk_sim_faults(machine->disk);
    switch (sweep) {
    case SIM_SWEEP_ALLOCATION:
        machine->allocations_left = n - 1;
        break;
    case SIM_SWEEP_REQUEST:
    case SIM_SWEEP_REQUESTS:
        faults->fail_at = n;
        faults->fail_always = sweep == SIM_SWEEP_REQUESTS;
        break;
    case SIM_SWEEP_SPACE:
        faults->space_bytes = n * BLOCK_BYTES;
        break;
    case SIM_SWEEP_POWER:
    case SIM_SWEEP_KILL:
        machine->crash_requests = n;
        break;
    default:
        break;
    }
}

/* Did it come to what was to fail? */
static bool has_come(const struct sim_world *world, enum sim_sweep sweep) {
    const struct sim_machine *machine = world->machine;
    switch (sweep) {
    case SIM_SWEEP_ALLOCATION:
        return machine->has_failed_allocation;
    case SIM_SWEEP_POWER:
    case SIM_SWEEP_KILL:
        return world->outcome->crash_count > 0;
    case SIM_SWEEP_SPACE:
        return disk_sim_used(machine->disk) + (UINT64_C(1) << 17) > disk_sim_faults(machine->disk)->space_bytes;
    default:
        return disk_sim_faults(machine->disk)->has_failed || disk_sim_faults(machine->disk)->fail_at == 0;
    }
}

/* If it cannot go on: on from a start, without the fault. */
static bool go_on(struct sim_world *world, enum sim_sweep sweep) {
    const bool is_crash = world->machine->is_crash_due;
    const bool is_stuck = sh_server_has_ended(world->server) || atomic_load(&world->server->failed_logs) != 0;
    if (!is_crash && !is_stuck) return true;
    sim_world_crash(world, is_crash && sweep == SIM_SWEEP_POWER ? CRASH_POWER : CRASH_KILL);
    sim_world_hold(world, true);
    if (!sim_world_start(world) || !sim_world_look(world)) return false;
    sim_world_hold(world, false);
    return true;
}

static bool live_on(struct sim_world *world, enum sim_sweep sweep, uint32_t requests) {
    for (uint32_t i = 0; i < world->client_count; i++)
        world->clients[i].budget += requests / world->client_count;
    for (uint32_t i = 0; i < 3; i++) { /* a failure, and what is left after it */
        if (!sim_world_live(world, world->machine->now_ns + UINT64_C(500000000)) || !go_on(world, sweep)) return false;
    }
    (void)sim_world_ask(world, "snapshot", "{}");
    return sim_world_is_well(world) && go_on(world, sweep);
}

static bool begin(struct sim_world *world) {
    sim_world_hold(world, true);
    if (!sim_world_start(world) || !sim_world_look(world)) return false;
    sim_world_hold(world, false);
    return true;
}

static bool run_life(struct sim_world *world, enum sim_sweep sweep, uint64_t n) {
    arm(world, sweep, n);
    if (!begin(world)) return false;
    if (!live_on(world, sweep, REQUEST_COUNT) || !live_on(world, sweep, REQUEST_COUNT)) return false;
    if (!live_on(world, sweep, REQUEST_COUNT / 2)) return false;
    world->outcome->is_beyond = !has_come(world, sweep);
    if (world->machine->is_crash_due || atomic_load(&world->server->failed_logs) != 0)
        sim_world_crash(world, CRASH_KILL);
    else if (!sim_world_stop(world))
        return false;
    world->machine->allocations_left = UINT64_MAX;
    world->machine->crash_requests = 0;
    *disk_sim_faults(world->machine->disk) = (struct disk_sim_faults){0};
    if (!begin(world) || !sim_world_live(world, UINT64_MAX)) return false;
    return sweep == SIM_SWEEP_BITS ? sim_world_stop(world) : sim_world_compare(world);
}

/* ---- bits ---- */

struct file_list {
    char paths[FILE_COUNT_MAX][64];
    uint64_t bytes[FILE_COUNT_MAX];
    uint32_t count;
};

static void add_file(void *context, const char *path, uint64_t byte_count) {
    struct file_list *list = context;
    if (list->count == FILE_COUNT_MAX) abort();
    (void)snprintf(list->paths[list->count], sizeof list->paths[0], "%s", path);
    list->bytes[list->count++] = byte_count;
}

static bool turn_bit(struct sim_world *world, const char *path, uint64_t bit) {
    struct sim_machine *machine = world->machine;
    struct disk_sim *stopped = machine->disk;
    uint64_t count;
    machine->disk = disk_sim_power_cut(stopped, &world->rng);
    uint8_t *bytes = disk_sim_bytes(machine->disk, path, &count);
    if (bytes == NULL) abort();
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    world->outcome->bit_count++;
    sim_world_hold(world, true);
    if (sim_world_try_start(world, false)) {
        if (!sim_world_look(world) || !sim_world_stop(world)) return false;
    } else {
        world->outcome->bits_refused++;
        if (sim_world_is_well(world) && !sim_world_names_damage(&world->err))
            sim_world_fail(world, "the start says %d %s", (int)world->status, world->err.message);
    }
    disk_sim_destroy(machine->disk);
    machine->disk = stopped;
    return sim_world_is_well(world);
}

static bool turn_bits(struct sim_world *world, uint64_t place) {
    static struct file_list list;
    uint64_t bit = (place - 1) * BITS_OF_PLACE;
    list.count = 0;
    disk_sim_settle(world->machine->disk);
    disk_sim_files(world->machine->disk, add_file, &list);
    uint32_t file = 0;
    for (uint32_t i = 0; i < BITS_OF_PLACE; i++, bit++) {
        while (file < list.count && bit >= list.bytes[file] * 8)
            bit -= list.bytes[file++] * 8;
        if (file == list.count) {
            world->outcome->is_beyond = i == 0;
            return true;
        }
        if (turn_bit(world, list.paths[file], bit)) continue;
        sim_world_fail(world, "bit %llu of %s", (unsigned long long)bit, list.paths[file]);
        world->outcome->fault[sizeof world->outcome->fault - 1] = '\0';
        return false;
    }
    return true;
}

void sim_sweep_run(uint64_t n, const struct sim_options *options, struct sim_outcome *outcome) {
    static struct sim_world world;
    struct sim_options small = *options;
    if (small.shard_count == 0) small.shard_count = options->sweep == SIM_SWEEP_BITS ? 1 : 2;
    sim_world_init(&world, SWEEP_SEED, &small, outcome);
    world.data_options.segment_bytes = SH_LOG_SEGMENT_BYTES_MIN;
    world.machine->actor_count = world.client_count = 2;
    for (uint32_t i = 0; i < world.client_count; i++)
        world.clients[i].client_count = 2;
    if (run_life(&world, options->sweep, n) && options->sweep == SIM_SWEEP_BITS) (void)turn_bits(&world, n);
    sim_world_sum_up(&world);
}
