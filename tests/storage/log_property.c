/* log_property.c -- the log against its twin, through crashes and faults; see log_world.h and disk_sim.h.
 *
 * Run: log_property SEED STATES. Worlds follow one another, each with a seed of its own, until STATES crash states have
 * been looked at: a crash state is a disk as a crash or a fault leaves it, which is opened and compared. A failure
 * prints the command that repeats its world alone: log_property SEED 0. The normal tests look at some thousands; a
 * thorough run is: log_property 1 100000 */
#include <stdio.h>
#include <stdlib.h>

#include "log_world.h"

static uint64_t state_count;
static uint64_t refused_states;
static uint64_t lie_count;
static uint64_t failure_count;
static uint64_t saved_count;
static uint64_t lost_count;
static uint64_t full_count;

/* Power cuts at this moment: none loses what was promised. */
static bool cut_here(struct world *world, uint32_t times) {
    const uint64_t promised = world_promised(world);
    for (uint32_t i = 0; i < times; i++) {
        struct disk_sim *cut = disk_sim_power_cut(world->sim, &world->rng);
        state_count++;
        bool right = true;
        if (split_one_in(&world->rng, 3)) { /* the recovery is interrupted, too, and the power cut again */
            right = world_interrupt(world, cut);
            struct disk_sim *again = disk_sim_power_cut(cut, &world->rng);
            disk_sim_destroy(cut);
            cut = again;
            state_count++;
        }
        right = right && world_try(world, cut, promised, false, NULL);
        disk_sim_destroy(cut);
        if (!right) return false;
    }
    return true;
}

/* The power is cut, or the process killed, and life goes on from there. */
static bool crash(struct world *world) {
    state_count++;
    if (split_one_in(&world->rng, 2)) {
        const uint64_t promised = world->acknowledged;
        world_kill(world);
        return world_open(world, promised);
    }
    const uint64_t promised = world_promised(world);
    struct disk_sim *cut = disk_sim_power_cut(world->sim, &world->rng);
    disk_sim_faults(cut)->space_bytes = disk_sim_faults(world->sim)->space_bytes;
    world_kill(world);
    disk_sim_destroy(world->sim);
    world->sim = cut;
    return world_open(world, promised);
}

static bool live(struct world *world, uint32_t steps) {
    for (uint32_t i = 0; i < steps; i++) {
        if (!world_step(world)) return false;
        if (split_one_in(&world->rng, 6) && !cut_here(world, 3)) return false;
        if (split_one_in(&world->rng, 40) && !crash(world)) return false;
    }
    return true;
}

/* ---- worlds ---- */

static bool world_of_crashes(struct world *world) {
    return live(world, 120);
}

/* The first request of a log's life fails, or the second, ...: whatever was promised before is there afterwards. */
static bool world_of_failures(struct world *world) {
    if (!live(world, 20)) return false;
    struct disk_sim_faults *faults = disk_sim_faults(world->sim);
    faults->fail_at = disk_sim_count(world->sim) + 1 + split_below(&world->rng, 40);
    faults->fail_always = split_one_in(&world->rng, 2);
    for (uint32_t i = 0; i < 60 && world_step(world); i++)
        if (world->has_failed && sh_log_failed(world->log) == NULL) return false;
    if (world->fault[0] != '\0') return false;
    failure_count += world->has_failed;
    return cut_here(world, 3) && crash(world) && live(world, 10);
}

/* A small disk: refusals, never a loss; and when there is space again, records are taken again. */
static bool world_of_little_space(struct world *world) {
    struct disk_sim_faults *faults = disk_sim_faults(world->sim);
    faults->space_bytes = (uint64_t)SH_LOG_SEGMENT_BYTES_MIN * (2 + split_below(&world->rng, 3)) +
                          split_below(&world->rng, SH_LOG_SEGMENT_BYTES_MIN);
    const uint64_t refused = world->refused_count;
    if (!live(world, 150)) return false;
    full_count += world->refused_count - refused;
    if (world->has_failed) return false;
    disk_sim_faults(world->sim)->space_bytes = 0;
    world_drain(world);
    world_drain(world);
    const struct sh_log_piece piece = {"room", 4};
    uint64_t position;
    struct sh_error err;
    if (sh_log_append(world->log, &piece, 1, SH_LOG_USUAL, &position, &err) == SH_OK) return true;
    (void)snprintf(world->fault, sizeof world->fault, "no append although there is space: %.200s", err.message);
    return false;
}

/* A write that goes astray or does not happen: what later blocks vouch for is there, or the log says that it is not. */
static bool world_of_lies(struct world *world) {
    if (!live(world, 15)) return false;
    struct disk_sim_faults *faults = disk_sim_faults(world->sim);
    faults->lie = split_one_in(&world->rng, 2) ? DISK_SIM_MISDIRECT : DISK_SIM_LOSE;
    faults->lie_at = disk_sim_writes(world->sim) + 1 + split_below(&world->rng, 5);
    for (uint32_t i = 0; i < 40; i++)
        if (!world_step(world)) return false;
    lie_count += faults->has_lied;
    /* What the log has written down as durable, in a block that the disk has, must be there or be missed. */
    const uint64_t vouched = world->log->vouched > world->snapshot ? world->log->vouched : world->snapshot;
    world_kill(world);
    bool refused = false;
    state_count++;
    if (!world_try(world, world->sim, vouched, true, &refused)) return false;
    refused_states += refused;
    return true;
}

static bool flip_and_try(struct world *world) {
    struct disk_sim *copy = disk_sim_power_cut(world->sim, &world->rng); /* all is synced: an exact copy */
    char path[32];
    uint64_t byte_count = 0;
    uint8_t *bytes = NULL;
    while (bytes == NULL || byte_count == 0) {
        (void)snprintf(path, sizeof path, "log/log-%08x", 1 + (unsigned)split_below(&world->rng, 12));
        bytes = disk_sim_bytes(copy, path, &byte_count);
    }
    uint64_t at = split_below(&world->rng, byte_count);
    if (split_one_in(&world->rng, 4)) at = at % SH_LOG_BLOCK_BYTES; /* the head */
    bytes[at] ^= (uint8_t)(1u << split_below(&world->rng, 8));
    bool refused = false;
    state_count++;
    bool right = world_try(world, copy, world->appended, true, &refused);
    if (right && refused) {
        uint64_t lost = 0;
        right = world_repair(world, copy, &lost);
        if (lost > 400) right = false; /* one bit: the records of a block, or of the small ones in a head's shadow */
        saved_count++;
        lost_count += lost;
    }
    if (!right) (void)fprintf(stderr, "a bit of %s at %llu was flipped\n", path, (unsigned long long)at);
    refused_states += refused;
    disk_sim_destroy(copy);
    return right;
}

/* A log that was stopped in order: every flipped bit is harmless or found. */
static bool world_of_flips(struct world *world) {
    if (!live(world, 60)) return false;
    sh_log_seal(world->log);
    world_drain(world);
    if (world->fault[0] != '\0' || world->acknowledged != world->appended) return false;
    for (uint32_t i = 0; i < 60; i++)
        if (!flip_and_try(world)) return false;
    return true;
}

/* ---- */

static bool run_world(uint64_t seed) {
    static bool (*const kinds[])(struct world *) = {world_of_crashes,      world_of_crashes, world_of_failures,
                                                    world_of_little_space, world_of_lies,    world_of_flips};
    struct split_random rng = {seed};
    const uint64_t kind = split_below(&rng, sizeof kinds / sizeof *kinds);
    enum sh_log_durability durability = SH_LOG_SYNC;
    if (split_one_in(&rng, 3)) durability = split_one_in(&rng, 4) ? SH_LOG_NONE : SH_LOG_INTERVAL;
    struct world *world = world_create(split_next(&rng), durability, !split_one_in(&rng, 4));
    const bool right = world_open(world, 0) && kinds[kind](world) && world->fault[0] == '\0';
    if (!right)
        (void)printf("FAILED: %s\n  world of kind %llu, durability %d, %s\n  reproduce: log_property %llu 0\n",
                     world->fault, (unsigned long long)kind, (int)durability,
                     world->is_async ? "with an io" : "without an io", (unsigned long long)seed);
    world_destroy(world);
    return right;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 0) : 1;
    const uint64_t wanted = argument_count > 2 ? strtoull(arguments[2], NULL, 0) : 4000;
    uint64_t world_count = 0;
    do {
        if (!run_world(seed + world_count)) return 1;
        world_count++;
    } while (state_count < wanted);
    printf("seed %llu: %llu worlds, %llu crash states, 0 lost, 0 phantom, 0 changed; %llu damaged logs refused, "
           "%llu repaired for %llu records lost; %llu writes astray, %llu logs failed, %llu appends refused for want "
           "of space\n",
           (unsigned long long)seed, (unsigned long long)world_count, (unsigned long long)state_count,
           (unsigned long long)refused_states, (unsigned long long)saved_count, (unsigned long long)lost_count,
           (unsigned long long)lie_count, (unsigned long long)failure_count, (unsigned long long)full_count);
    return 0;
}
