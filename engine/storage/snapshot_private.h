/* snapshot_private.h -- names and paths of a set of snapshots. For the files of this folder. */
#ifndef SH_SNAPSHOT_PRIVATE_H
#define SH_SNAPSHOT_PRIVATE_H

#include "snapshot_files.h"

#define SH_SNAPSHOT_MANIFEST_NAME "MANIFEST"

enum {
    SH_SNAPSHOT_PATH_BYTES_MAX = 1024,
    SH_SNAPSHOT_BUFFER_BYTES = 256 << 10, /* one read or write */
    SH_SNAPSHOT_ENTRY_COUNT_MAX = 4096,   /* names in a directory of ours: far more than we make */
    SH_SNAPSHOT_ENTRY_BYTES = 64,
};

enum sh_snapshot_state { SH_SNAPSHOT_WHOLE, SH_SNAPSHOT_ASIDE, SH_SNAPSHOT_DAMAGED, SH_SNAPSHOT_STATE_COUNT };

/* The names in a directory that are short enough to be ours. */
struct sh_snapshot_names {
    char (*names)[SH_SNAPSHOT_ENTRY_BYTES];
    uint32_t count;
    uint32_t capacity;
    enum sh_status status;
};

/* "snapshot-0000000000000007", "aside-...", "damaged-...". */
void sh_snapshot_name(enum sh_snapshot_state state, uint64_t sequence, char name[SH_SNAPSHOT_ENTRY_BYTES]);
bool sh_snapshot_name_read(const char *name, enum sh_snapshot_state *state, uint64_t *sequence);
SH_MUST_CHECK enum sh_status sh_snapshot_path(char path[SH_SNAPSHOT_PATH_BYTES_MAX], const char *directory,
                                              const char *name, struct sh_error *err);
/* SH_ERR_NOT_FOUND: no such directory. The names are to be freed with sh_free in any case. */
SH_MUST_CHECK enum sh_status sh_snapshot_names_read(struct sh_disk *disk, const char *path,
                                                    struct sh_snapshot_names *names, struct sh_error *err);
/* Remove a directory of the set with all in it. A whole one is renamed first, so that a crash leaves no part of it
 * under a name that counts. */
SH_MUST_CHECK enum sh_status sh_snapshot_remove(struct sh_disk *disk, const char *directory,
                                                enum sh_snapshot_state state, uint64_t sequence, struct sh_error *err);
/* Give one another state: rename, and sync the directory of the set. */
SH_MUST_CHECK enum sh_status sh_snapshot_turn(struct sh_disk *disk, const char *directory, uint64_t sequence,
                                              enum sh_snapshot_state from, enum sh_snapshot_state to,
                                              struct sh_error *err);
/* Read every byte of the files of what stands in folder, and compare. */
SH_MUST_CHECK enum sh_status sh_snapshot_verify_folder(struct sh_disk *disk, const char *folder,
                                                       const struct sh_snapshot *snapshot, struct sh_error *err);
/* The manifest in folder. SH_ERR_NOT_FOUND if there is none. */
SH_MUST_CHECK enum sh_status sh_snapshot_manifest_load(struct sh_disk *disk, const char *folder,
                                                       struct sh_snapshot *snapshot, struct sh_error *err);

#endif
