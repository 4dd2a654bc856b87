/* disk_sim.h -- a disk that forgets, tears, lies and fails, in memory, from a seed. For tests of what must survive.
 *
 * FAULT MODEL
 *
 *   power cut    Each sector of 512 bytes that was written and not synced keeps, on its own, the new or the old bytes
 *                (any of the versions since the last sync), or now and then the beginning of the new and the rest of
 *                the old: so writes are lost, torn and reordered. Of the changes of a directory (create, rename,
 *                unlink) that were not synced, any subset happened. What was on its way to the disk counts as written
 *                and not synced. A file that was lengthened has any length in between.
 *   kill         The process is gone; what it wrote is still in the page cache, unsynced. What was on its way may have
 *                been carried out or not.
 *   EIO          The n-th request fails; of a write, any part may have reached the page cache.
 *   ENOSPC       Above a number of bytes nothing that lengthens a file succeeds.
 *   bit flip     A bit of what is stored changes.
 *   misdirected  The n-th write goes to another place, of this file or another, and reports success.
 *   lost write   The n-th write does not happen, and reports success.
 *
 * Requests of an io (disk_sim_io) wait in a queue until a turn, which carries out any of them in any order.
 */
#ifndef DISK_SIM_H
#define DISK_SIM_H

#include "disk.h"
#include "split_random.h"

enum disk_sim_lie { DISK_SIM_HONEST, DISK_SIM_MISDIRECT, DISK_SIM_LOSE };

struct disk_sim_faults {
    uint64_t fail_at;     /* this request fails (1: the next one); 0: none */
    bool fail_always;     /* and all after it */
    uint64_t space_bytes; /* of all files together; 0: enough */
    uint64_t lie_at;      /* this write (disk_sim_writes will be that number) lies; 0: none */
    enum disk_sim_lie lie;
    bool has_lied;
    bool has_failed;
};

struct disk_sim;

struct disk_sim *disk_sim_create(uint64_t seed);
void disk_sim_destroy(struct disk_sim *sim);
struct sh_disk *disk_sim_disk(struct disk_sim *sim);
struct sh_io *disk_sim_io(struct disk_sim *sim);
struct disk_sim_faults *disk_sim_faults(struct disk_sim *sim);
/* A request of somebody else's io: on its way from now on, and then carried out; its done is not called. */
void disk_sim_submit(struct disk_sim *sim, struct sh_io_file_request *request);
void disk_sim_finish(struct disk_sim *sim, struct sh_io_file_request *request);
/* Time passes: everything that was written is on the disk. */
void disk_sim_settle(struct disk_sim *sim);
/* Call each for every file, with its path, in no order. */
void disk_sim_files(const struct disk_sim *sim, void (*each)(void *context, const char *path, uint64_t byte_count),
                    void *context);
/* Requests carried out so far. */
uint64_t disk_sim_count(const struct disk_sim *sim);
/* Writes of bytes that are not all zero, so far. */
uint64_t disk_sim_writes(const struct disk_sim *sim);
void disk_sim_advance(struct disk_sim *sim, uint64_t ns);

/* What a power cut at this moment may leave, as a disk of its own. The old one is not changed. */
struct disk_sim *disk_sim_power_cut(const struct disk_sim *sim, struct split_random *rng);
/* The process ends: handles and locks go, the queue may be carried out in part. */
void disk_sim_kill(struct disk_sim *sim, struct split_random *rng);

/* For looking at and damaging what is stored. NULL if there is no such file. */
uint8_t *disk_sim_bytes(struct disk_sim *sim, const char *path, uint64_t *byte_count);
/* Is this text somewhere in any file? */
bool disk_sim_contains(const struct disk_sim *sim, const void *bytes, size_t count);
/* Bytes of all files together, as faults.space_bytes counts them. */
uint64_t disk_sim_used(const struct disk_sim *sim);
/* Drop the last bytes of a file. */
void disk_sim_shorten(struct disk_sim *sim, const char *path, uint64_t byte_count);

#endif
