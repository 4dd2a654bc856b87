/* log_world.h -- a log on a simulated disk beside its twin: the list of the records that were appended.
 *
 * What must hold at every moment, whatever the disk does within its fault model: the log that a crash leaves gives back
 * the twin's records from the first wanted one on, unchanged and in order, at least as many as were promised, and never
 * one more than were appended; or, where the disk has lied or its bytes were changed, it refuses and says where.
 */
#ifndef LOG_WORLD_H
#define LOG_WORLD_H

#include "disk_sim.h"
#include "log.h"
#include "log_private.h"

enum { WORLD_RECORD_COUNT_MAX = 20000, WORLD_RECORD_BYTES_MAX = 100000 };

struct world_record {
    uint64_t seed; /* its bytes follow from this */
    uint32_t count;
};

struct world {
    struct split_random rng;
    enum sh_log_durability durability;
    bool is_async; /* through an io, with requests in flight */
    struct disk_sim *sim;
    struct sh_log *log;           /* NULL: not open */
    struct world_record *records; /* from 1 */
    uint64_t appended;
    uint64_t acknowledged; /* on_durable said so */
    uint64_t snapshot;     /* records up to this one are not asked for */
    uint64_t open_count;
    uint64_t refused_count;
    uint64_t room_count;
    bool has_failed;
    /* while replaying */
    uint64_t expected;
    char fault[256]; /* what is wrong, "" if nothing is */
};

struct world *world_create(uint64_t seed, enum sh_log_durability durability, bool is_async);
void world_destroy(struct world *world);

/* Open the world's log on its disk and replay; the twin is cut to what the log has. false: fault is filled. */
bool world_open(struct world *world, uint64_t promised);
/* Open what is on this disk, compare, perhaps append something, close. *refused: the log refused, with words. */
bool world_try(struct world *world, struct disk_sim *sim, uint64_t promised, bool may_refuse, bool *refused);
/* A recovery that fails at one of its requests, and all after it, and leaves sim as it is then. */
bool world_interrupt(struct world *world, struct disk_sim *sim);
/* Repair the damaged log on sim: what the new one gives back is the twin's, each record at its position, and the rest
 * is counted as lost. */
bool world_repair(struct world *world, struct disk_sim *sim, uint64_t *lost_count);
/* One random step of life. */
bool world_step(struct world *world);
/* Commit and turn until nothing is on its way. */
void world_drain(struct world *world);
/* The process ends, and its disk stays as it is. */
void world_kill(struct world *world);
/* What the log has promised to survive a power cut. */
uint64_t world_promised(const struct world *world);

#endif
