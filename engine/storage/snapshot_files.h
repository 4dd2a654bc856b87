/* snapshot_files.h -- the snapshots of a data directory: written aside, verified, then there at one stroke.
 *
 *      snapshots/
 *        snapshot-0000000000000006/          the older of the two that are kept
 *        snapshot-0000000000000007/          the newest
 *            MANIFEST                        written last: each file's length and hash, each shard's position
 *            shard-0  shard-1  ...
 *        aside-0000000000000008/             being written; whatever is left of it after a crash is removed
 *        damaged-0000000000000005/           was found to be damaged at a start; kept until the next is complete
 *
 * A snapshot is valid if and only if its directory bears the name of its sequence, its manifest is valid (below), and
 * every file in it has the length and the XXH3 that the manifest says. It becomes one of the set when its directory is
 * renamed, which is after every file was synced, read back and compared. So a crash at any moment leaves the set as it
 * was or with the new snapshot whole; and a damaged one is never taken for a valid one.
 *
 * The manifest, little-endian; valid if and only if magic, version and checksum are right, its length is
 * 64 + 64 * file_count, and names are different, not empty and safe (letters, digits, '-', '.', '_', not '.' first):
 *
 *   offset  size  field
 *        0     8  magic         "SHSNAPSH"
 *        8     4  version       1
 *       12     4  file_count    1 .. SH_SNAPSHOT_FILE_COUNT_MAX
 *       16     8  store         random number of the data directory
 *       24     8  sequence      1, 2, 3 ...
 *       32     8  time_ms       wall clock, for people and for retention
 *       40     4  shard_count
 *       44    12  zero
 *       56     8  checksum      XXH3-64 of the whole manifest, seed 0, with this field zero
 *       64    64  one entry a file:
 *             32  name          filled up with zero bytes, at least one
 *              8  position      the shard's log up to this record is in the file; 0 for a file of no shard
 *              8  byte_count
 *              8  hash          XXH3-64 of the file, seed 0
 *              8  zero
 *
 * Nothing here knows what is in the files, or of fork: it works with plain calls of the disk, from whatever process.
 */
#ifndef SH_SNAPSHOT_FILES_H
#define SH_SNAPSHOT_FILES_H

#include <stddef.h>

#include "archive.h"
#include "disk.h"
#include "status.h"

enum {
    SH_SNAPSHOT_FILE_COUNT_MAX = 128, /* one a shard, and as many more */
    SH_SNAPSHOT_NAME_BYTES_MAX = 31,
    SH_SNAPSHOT_KEEP_COUNT = 2,
};

struct sh_snapshot_file {
    char name[SH_SNAPSHOT_NAME_BYTES_MAX + 1];
    uint64_t position;
    uint64_t byte_count;
    uint64_t hash;
};

/* What a manifest says. */
struct sh_snapshot {
    uint64_t store;
    uint64_t sequence;
    int64_t time_ms;
    uint32_t shard_count;
    uint32_t file_count;
    struct sh_snapshot_file files[SH_SNAPSHOT_FILE_COUNT_MAX];
};

/* ---- writing one ---- */

struct sh_snapshot_writer;

/* Begin a snapshot aside. directory is the set's ("snapshots" in the picture); made if its last part is missing.
 * sequence is greater than any that is there (sh_snapshot_next). On failure *writer is NULL. */
SH_MUST_CHECK enum sh_status sh_snapshot_begin(struct sh_disk *disk, const char *directory, uint64_t store,
                                               uint64_t sequence, int64_t time_ms, uint32_t shard_count,
                                               struct sh_snapshot_writer **writer, struct sh_error *err);
/* Files are written one after another: file, write ..., file, write ..., publish. position: see the entry's. */
SH_MUST_CHECK enum sh_status sh_snapshot_file(struct sh_snapshot_writer *writer, const char *name, uint64_t position,
                                              struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_snapshot_write(struct sh_snapshot_writer *writer, const void *bytes, size_t count,
                                               struct sh_error *err);
/* The open file as where an archive's bytes go; for as long as the writer is. */
struct sh_archive_sink sh_snapshot_sink(struct sh_snapshot_writer *writer);
/* Sync, write the manifest, read all of it back, rename, sync the directory; then remove all but the newest
 * SH_SNAPSHOT_KEEP_COUNT. On SH_OK the snapshot is there for good. The writer is gone in any case; on failure the set
 * is as it was. Only the removal of old ones may fail without failing it: the next start does it again. */
SH_MUST_CHECK enum sh_status sh_snapshot_publish(struct sh_snapshot_writer *writer, struct sh_snapshot *snapshot,
                                                 struct sh_error *err);
/* Remove what was written. NULL is fine. */
void sh_snapshot_abandon(struct sh_snapshot_writer *writer);

/* ---- finding them ---- */

/* The snapshots whose manifests are valid, newest first; at most capacity of them. Files are not read. */
SH_MUST_CHECK enum sh_status sh_snapshot_list(struct sh_disk *disk, const char *directory,
                                              struct sh_snapshot *snapshots, uint32_t capacity, uint32_t *count,
                                              struct sh_error *err);
/* How many directories bear the name of a snapshot, whatever is in them. */
SH_MUST_CHECK enum sh_status sh_snapshot_count(struct sh_disk *disk, const char *directory, uint32_t *count,
                                               struct sh_error *err);
/* Are there SH_SNAPSHOT_KEEP_COUNT snapshots and nothing else of any: none half written, none damaged? */
bool sh_snapshot_is_tidy(struct sh_disk *disk, const char *directory);
/* The newest valid snapshot; every byte of it was read and compared. *found is false if there is none at all. Newer
 * ones that are not valid are told through tell (may be NULL) and renamed damaged-..., leftovers of crashes are
 * removed. SH_ERR_CORRUPT if there are snapshots and none is valid: their log may be gone, so nothing is guessed. store
 * 0: of any store; otherwise one of another store is SH_ERR_CONFLICT. */
SH_MUST_CHECK enum sh_status sh_snapshot_find(struct sh_disk *disk, const char *directory, uint64_t store,
                                              void (*tell)(void *context, const char *words), void *context,
                                              struct sh_snapshot *snapshot, bool *found, struct sh_error *err);
/* Read every byte of a snapshot and compare. SH_ERR_CORRUPT names the file and what is wrong with it. */
SH_MUST_CHECK enum sh_status sh_snapshot_verify(struct sh_disk *disk, const char *directory,
                                                const struct sh_snapshot *snapshot, struct sh_error *err);
/* A sequence for the next: one more than the highest there is, of whatever state. */
SH_MUST_CHECK enum sh_status sh_snapshot_next(struct sh_disk *disk, const char *directory, uint64_t *sequence,
                                              struct sh_error *err);
/* Up to which record shard's log may be released: what the oldest of the kept snapshots has of it. 0 with fewer than
 * two snapshots: the newest alone is not enough to let go of the log. `file` is the name of the shard's file. */
SH_MUST_CHECK enum sh_status sh_snapshot_releasable(struct sh_disk *disk, const char *directory, const char *file,
                                                    uint64_t *position, struct sh_error *err);

/* ---- reading one ---- */

struct sh_snapshot_reader;

SH_MUST_CHECK enum sh_status sh_snapshot_open(struct sh_disk *disk, const char *directory,
                                              const struct sh_snapshot *snapshot, const char *name,
                                              struct sh_snapshot_reader **reader, struct sh_error *err);
/* The next bytes, wanted of them unless the file ends; *count 0 is its end. The hash is compared at the end: on
 * SH_ERR_CORRUPT nothing that was read may be trusted. */
SH_MUST_CHECK enum sh_status sh_snapshot_read(struct sh_snapshot_reader *reader, void *bytes, size_t wanted,
                                              size_t *count, struct sh_error *err);
/* The file as where an archive's bytes come from; for as long as the reader is. */
struct sh_archive_source sh_snapshot_source(struct sh_snapshot_reader *reader);
void sh_snapshot_close(struct sh_snapshot_reader *reader); /* NULL is fine */

/* ---- for tools and tests: the bytes of a manifest ---- */

enum { SH_SNAPSHOT_MANIFEST_BYTES_MAX = 64 + 64 * SH_SNAPSHOT_FILE_COUNT_MAX };
size_t sh_snapshot_manifest_write(const struct sh_snapshot *snapshot, uint8_t bytes[SH_SNAPSHOT_MANIFEST_BYTES_MAX]);
SH_MUST_CHECK enum sh_status sh_snapshot_manifest_read(const uint8_t *bytes, size_t count, struct sh_snapshot *snapshot,
                                                       struct sh_error *err);

#endif
