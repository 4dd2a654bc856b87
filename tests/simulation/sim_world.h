/* sim_world.h -- one seed: a server's life on a made-up machine, with crashes and faults, and all that must hold in it.
 *
 *   era     start (a crash may come while it recovers: then again)
 *             look at every plain user, before anything is sent again         LOST, PHANTOM, DOUBLED, HALF
 *           clients write, ask, lose connections; something fails (below)
 *             the power is cut, the process is killed, or the server stops     and the next era begins
 *   ...
 *   end     everything is sent again until it is answered
 *             a twin, one shard in memory that never failed, gets what was    users, audiences, items, segments and
 *             sent, once, in order                                            feeds are the same
 *             the server stops and starts, writes a snapshot, is killed,      every answer is the same, byte for byte
 *             starts
 *
 * What fails in an era, by lot: the n-th file request (EIO), all from the n-th on, space (ENOSPC) for a while, the disk
 * is slow, a write is lost or goes elsewhere and the disk says it was done; clocks jump in any. After a write that the
 * disk lied about, or a bit of a stopped store that turned, the server must refuse to start, and say where the damage
 * is; or start with everything. Bits are turned back, and then it must start.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

/* Something fails once for each n, in one small life: sim_sweep.c. */
enum sim_sweep {
    SIM_SWEEP_NONE,
    SIM_SWEEP_ALLOCATION, /* the n-th of the server's */
    SIM_SWEEP_REQUEST,    /* the n-th to the disk */
    SIM_SWEEP_REQUESTS,   /* the n-th and all after it */
    SIM_SWEEP_SPACE,      /* there are n blocks on the disk */
    SIM_SWEEP_POWER,      /* the power is cut at the n-th request to the disk */
    SIM_SWEEP_KILL,
    SIM_SWEEP_BITS, /* the n-th thousand of the bits of a stopped store, each in turn */
    SIM_SWEEP_COUNT,
};

struct sim_options {
    enum sim_sweep sweep;
    uint32_t request_count; /* at least so many */
    uint32_t shard_count;   /* 0: by lot */
    bool is_verbose;
    bool log_requests;
};

struct sim_outcome {
    bool is_right;
    bool is_beyond; /* of a sweep: there is no n-th */
    uint64_t bit_count;
    uint64_t bits_refused;
    char fault[4096];
    uint64_t trace;
    uint64_t step_count;
    uint64_t request_count;
    uint64_t file_request_count;
    uint64_t simulated_ms;
    uint32_t shard_count;
    uint32_t crash_count;      /* power cuts and kills */
    uint32_t recovery_crashes; /* of them, while recovering */
    uint32_t snapshot_count;
    uint32_t fault_count; /* EIO, ENOSPC, lies, flips */
    uint32_t refused_starts;
    uint64_t refused_count; /* requests */
    uint64_t repeated_count;
    uint32_t spare_count;    /* files of the log that were let go, and are zero */
    uint32_t compared_count; /* answers, with the twin's or with those before a restart */
};

/* The seed is the n. */
void sim_sweep_run(uint64_t seed, const struct sim_options *options, struct sim_outcome *outcome);
void sim_world_run(uint64_t seed, const struct sim_options *options, struct sim_outcome *outcome);

#endif
