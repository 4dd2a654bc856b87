/* log_repair.h -- looking a log over, and saving what can be read of a damaged one. Offline: the log is locked.
 *
 * A repair never changes the log it reads. It writes a new one, into a new directory, with every record that can still
 * be read, each with the position that it had. A position whose record is lost gets an empty record, which a replay
 * passes over: so snapshots and what they say of positions go on to fit, and it stands in the log what was lost.
 *
 *      damaged   1 2 3 [4 5] 6 7 8 [9 ... was durable up to 10]
 *      repaired  1 2 3  -  -  6 7 8  -  -
 */
#ifndef SH_LOG_REPAIR_H
#define SH_LOG_REPAIR_H

#include "log_files.h"

struct sh_log_report {
    uint64_t store;
    uint32_t shard;
    uint32_t file_count;  /* with records */
    uint32_t spare_count; /* others */
    uint64_t first;       /* position of the first record; first > last: it has none */
    uint64_t last;
    uint64_t record_count; /* that can be read */
    uint64_t record_bytes;
    uint64_t lost_count;    /* that cannot, those included that an earlier repair could not */
    uint64_t dropped_bytes; /* a torn end, which the next start will cut off; never acknowledged */
    bool is_damaged;        /* and the first place of damage is: */
    struct sh_error damage;
};

/* Look at every byte. SH_OK also if the log is damaged: the report says. SH_ERR_CONFLICT: a server has it open.
 * SH_ERR_NOT_FOUND: no directory, or no log in it. */
SH_MUST_CHECK enum sh_status sh_log_check(struct sh_disk *disk, const char *directory, struct sh_log_report *report,
                                          struct sh_error *err);
/* Read a log, damaged or not, and write what can be read into directory_target, which must not be there yet. *report is
 * of the old log. store and shard are whose log it is, for the case that no head of a file can be read. tell (may be
 * NULL) is told of each place of damage and of each run of lost records. On failure directory_target may hold a part.
 */
SH_MUST_CHECK enum sh_status sh_log_repair(struct sh_disk *disk, const char *directory, const char *directory_target,
                                           uint64_t store, uint32_t shard, uint64_t salt,
                                           void (*tell)(void *context, const char *words), void *context,
                                           struct sh_log_report *report, struct sh_error *err);

#endif
