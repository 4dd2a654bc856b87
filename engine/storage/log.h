/* log.h -- a shard's log: bytes that are still there after a crash once the log has said so.
 *
 * The log knows nothing of requests. It is given records, numbers them 1, 2, 3 ... (a record's number is its position),
 * and tells when they are durable. After a crash it gives back the same records in the same order: all that were
 * durable, perhaps some that were on their way, never one that is changed, half, or was not appended.
 *
 *      append  append  append            on_durable(17)
 *         |       |       |                   ^
 *         v       v       v                   |
 *      +---------------------+  commit   +----------+       file log-1          log-2           log-3
 *      | group being filled  | --------> | in       | ----> [head|####|##......] [0000000000000] [0000...
 *      +---------------------+ (if none  | flight   |        blocks of 4 KiB     spare: written   being
 *        memory only            is)      +----------+        one after another   with zeroes      prepared
 *
 * One group is being written at any time, and everything that is appended meanwhile is the next: at low load a commit
 * is one record, at high load hundreds, without a timer. A group is written by one write that is durable when it is
 * done, into a file that was filled with zeroes before (so that no metadata changes), in whole blocks that are never
 * written again: a torn write can only hit what nobody was told is safe. When the newest snapshot but
 * one holds a file's records, the file is filled with zeroes and used again, so nothing that was forgotten is left in
 * it. What the bytes mean, and when they are valid: log_format.h.
 *
 * Rules:
 *   - a record is accepted only if its place on the disk is there already: a full disk refuses records
 *     (SH_ERR_LIMIT), never strands them; as soon as there is space again, records are accepted again;
 *   - a failed write or sync ends the log: it is not tried again, because the kernel may have dropped the bytes and
 *     would report success. Reads go on; sh_log_failed says why;
 *   - a log belongs to one thread, and calls back inside sh_io_turn only (without an io: inside sh_log_commit);
 *   - a directory holds one log, and a lock keeps a second process out.
 *
 * A torn end is cut off only when it is provably that: something invalid is damage if and only if a valid block
 * anywhere in the log says that records at or behind it were durable. Damage stops the start and names file, offset and
 * record. sh_log_seal writes a block that says so for the last records, too.
 *
 * Cost: appending copies the bytes once; a commit hashes them once (XXH3) and is one write. Measured figures:
 * bench/micro/log_bench.
 */
#ifndef SH_LOG_H
#define SH_LOG_H

#include <stddef.h>

#include "disk.h"
#include "io.h"
#include "status.h"

enum sh_log_durability {
    SH_LOG_SYNC,     /* on_durable: it survives a power cut */
    SH_LOG_INTERVAL, /* on_durable: it survives the end of the process; a power cut after interval_ms at the latest */
    SH_LOG_NONE,     /* on_durable: it survives the end of the process */
};

/* A block's number in its file is 32 bits wide; this is far below, and far above what anybody wants to wait for. */
#define SH_LOG_SEGMENT_BYTES_MAX (UINT64_C(1) << 36)

enum {
    SH_LOG_SEGMENT_BYTES_DEFAULT = 64 << 20, /* one file: a moment to fill with zeroes, a second of the heaviest load */
    SH_LOG_SEGMENT_BYTES_MIN = 64 << 10,
    SH_LOG_GROUP_BYTES_MAX = 64 << 20, /* waiting for the next commit; above it an append is refused with BUSY */
    SH_LOG_SPARE_COUNT = 2,            /* files kept ready; more are removed */
    SH_LOG_INTERVAL_MS_DEFAULT = 100,
};

struct sh_log;

/* Called back with the context of the options. Any may be NULL but on_durable. */
struct sh_log_events {
    /* Every record up to position is as durable as the log's durability says. Positions grow. */
    void (*on_durable)(void *context, uint64_t position);
    /* The log has failed; nothing that is not durable yet ever will be. Once. */
    void (*on_failed)(void *context, const struct sh_error *why);
    /* An append was refused with BUSY or LIMIT since, and it may be tried again. */
    void (*on_room)(void *context);
};

struct sh_log_options {
    const char *directory; /* made if only its last part is missing and create is true */
    uint64_t store;        /* a random number, the same for all logs and snapshots of a data directory */
    uint32_t shard;
    uint64_t salt; /* a random number, new at each open */
    enum sh_log_durability durability;
    uint32_t interval_ms;   /* 0: SH_LOG_INTERVAL_MS_DEFAULT */
    uint64_t segment_bytes; /* 0: SH_LOG_SEGMENT_BYTES_DEFAULT; a multiple of 4096; of new files: old ones stay */
    bool create;            /* if the directory holds no log, begin one; otherwise that is SH_ERR_NOT_FOUND */
    uint64_t create_after;  /* whose first record is the one after this */
    struct sh_disk *disk;   /* for what is done on the spot: opening and replaying */
    struct sh_io *io;       /* for all later writes; NULL: the disk, so that sh_log_commit returns when it is durable */
    const struct sh_log_events *events;
    void *context;
};

/* A record is given in pieces, so that nobody has to put it together first. */
struct sh_log_piece {
    const void *bytes;
    size_t count;
};

enum sh_log_urgency {
    SH_LOG_USUAL,
    /* May use the last part of the last file, which is kept for it: to forget a person while the disk is full. */
    SH_LOG_URGENT,
};

struct sh_log_statistics {
    uint64_t append_count;
    uint64_t append_bytes;
    uint64_t refused_count; /* appends refused for want of room */
    uint64_t commit_count;
    uint64_t commit_bytes; /* written, blocks' heads and padding included */
    uint64_t sync_count;   /* apart from those that are part of a commit */
    uint64_t recycled_count;
    uint32_t segment_count; /* files with records */
    uint32_t spare_count;   /* files that are ready for some */
    bool is_direct;         /* past the page cache */
};

/* What replaying found. */
struct sh_log_end {
    uint64_t position;      /* of the last record */
    uint64_t record_count;  /* given to each */
    uint64_t record_bytes;  /* of them */
    uint64_t dropped_bytes; /* of a torn end, that was cut off */
};

/* Lock the directory and look at the heads of its files; nothing is written. On failure *log is NULL. SH_ERR_CONFLICT:
 * another process has it. SH_ERR_CORRUPT: see the top. */
SH_MUST_CHECK enum sh_status sh_log_open(const struct sh_log_options *options, struct sh_log **log,
                                         struct sh_error *err);
/* To be called once, before the first append: give each record behind position `after` to each, in order, find the end,
 * cut off a torn one, and get ready to append. bytes are gone after each returns; if it fails, that is the outcome. The
 * log must reach `after` and begin at or before after + 1, or that is SH_ERR_CORRUPT. each may be NULL. */
SH_MUST_CHECK enum sh_status sh_log_replay(struct sh_log *log, uint64_t after,
                                           enum sh_status (*each)(void *context, uint64_t position,
                                                                  const uint8_t *bytes, size_t count,
                                                                  struct sh_error *err),
                                           void *context, struct sh_log_end *end, struct sh_error *err);
/* Nothing may be in flight (sh_log_is_idle). What was not committed is lost. NULL is fine. */
void sh_log_close(struct sh_log *log);
/* The same when its io is destroyed, with whatever was in flight: that is as after a crash. NULL is fine. */
void sh_log_abandon(struct sh_log *log);

/* Take a record into the group being filled; memory only. *position is its number. A record of no bytes is left out
 * when replayed: a repair writes it in the place of one that was lost. Nothing is taken on failure: SH_ERR_TOO_LARGE
 * (it fits no file), SH_ERR_BUSY (the group is full: commits have to catch up), SH_ERR_LIMIT (the disk is full),
 * SH_ERR_MEMORY, SH_ERR_IO (the log has failed). */
SH_MUST_CHECK enum sh_status sh_log_append(struct sh_log *log, const struct sh_log_piece *pieces, uint32_t piece_count,
                                           enum sh_log_urgency urgency, uint64_t *position, struct sh_error *err);
/* At the end of each turn of the loop: write what was appended, if nothing is being written. Cheap if there is nothing
 * to do. Never waits, unless the log has no io. */
void sh_log_commit(struct sh_log *log);
/* Make the next commit say that the records before it are durable, even if none is appended, and in the modes that do
 * not sync, sync: what is lost of them afterwards is damage, not a torn end. For quiet moments, before a snapshot and
 * before the end. */
void sh_log_seal(struct sh_log *log);
/* What is appended from now on goes to another file, as soon as one is ready, even if nothing is appended: so that all
 * that is there by now can be released and filled with zeroes. */
void sh_log_roll(struct sh_log *log);
/* Nothing is waiting for a commit and nothing is in flight. */
bool sh_log_is_idle(const struct sh_log *log);
/* Records up to position will not be asked for again: a snapshot has them. Files that hold no others are filled with
 * zeroes, a piece at a time, and used again. */
void sh_log_release(struct sh_log *log, uint64_t position);

uint64_t sh_log_position(const struct sh_log *log); /* of the last record that was appended */
uint64_t sh_log_first(const struct sh_log *log);   /* the first record whose bytes are in a file, or the next to come */
uint64_t sh_log_durable(const struct sh_log *log); /* of the last one that on_durable spoke of, or replay found */
uint64_t sh_log_synced(const struct sh_log *log);  /* of the last one that survives a power cut, in any mode */
/* NULL, or what ended the log. */
const struct sh_error *sh_log_failed(const struct sh_log *log);
struct sh_log_statistics sh_log_statistics_of(const struct sh_log *log);

/* The largest record that a log with files of segment_bytes takes. */
uint64_t sh_log_record_bytes_max(uint64_t segment_bytes);

#endif
