/* snapshot_set.c -- which snapshots there are: names, finding the newest valid one, removing what is not needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "snapshot_private.h"

static const char *const prefixes[SH_SNAPSHOT_STATE_COUNT] = {"snapshot-", "aside-", "damaged-"};

/* ---- names ---- */

void sh_snapshot_name(enum sh_snapshot_state state, uint64_t sequence, char name[SH_SNAPSHOT_ENTRY_BYTES]) {
    (void)snprintf(name, SH_SNAPSHOT_ENTRY_BYTES, "%s%016llx", prefixes[state], (unsigned long long)sequence);
}

bool sh_snapshot_name_read(const char *name, enum sh_snapshot_state *state, uint64_t *sequence) {
    for (int i = 0; i < SH_SNAPSHOT_STATE_COUNT; i++) {
        const size_t count = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], count) != 0 || strlen(name) != count + 16) continue;
        char again[SH_SNAPSHOT_ENTRY_BYTES];
        *state = (enum sh_snapshot_state)i;
        *sequence = strtoull(name + count, NULL, 16);
        sh_snapshot_name(*state, *sequence, again);
        return strcmp(name, again) == 0;
    }
    return false;
}

enum sh_status sh_snapshot_path(char path[SH_SNAPSHOT_PATH_BYTES_MAX], const char *directory, const char *name,
                                struct sh_error *err) {
    const int count = snprintf(path, SH_SNAPSHOT_PATH_BYTES_MAX, "%s/%s", directory, name);
    if (count >= 0 && count < SH_SNAPSHOT_PATH_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the path of a snapshot is too long: %.64s...", directory);
}

static void names_add(void *context, const char *name) {
    struct sh_snapshot_names *names = context;
    if (names->status != SH_OK || strlen(name) >= SH_SNAPSHOT_ENTRY_BYTES) return;
    if (names->count == SH_SNAPSHOT_ENTRY_COUNT_MAX) {
        names->status = SH_ERR_LIMIT;
        return;
    }
    names->status = sh_grow((void **)&names->names, &names->capacity, (uint64_t)names->count + 1, sizeof *names->names);
    if (names->status == SH_OK) memcpy(names->names[names->count++], name, strlen(name) + 1);
}

enum sh_status sh_snapshot_names_read(struct sh_disk *disk, const char *path, struct sh_snapshot_names *names,
                                      struct sh_error *err) {
    *names = (struct sh_snapshot_names){0};
    const enum sh_status status = disk->list(disk, path, names_add, names, err);
    if (status != SH_OK) return status;
    if (names->status == SH_OK) return SH_OK;
    return sh_fail(err, names->status, -1, "directory %s cannot be read: it has too many names", path);
}

/* ---- removing and renaming ---- */

enum sh_status sh_snapshot_turn(struct sh_disk *disk, const char *directory, uint64_t sequence,
                                enum sh_snapshot_state from, enum sh_snapshot_state to, struct sh_error *err) {
    char name[SH_SNAPSHOT_ENTRY_BYTES];
    char path[SH_SNAPSHOT_PATH_BYTES_MAX];
    char path_target[SH_SNAPSHOT_PATH_BYTES_MAX];
    sh_snapshot_name(from, sequence, name);
    enum sh_status status = sh_snapshot_path(path, directory, name, err);
    if (status != SH_OK) return status;
    sh_snapshot_name(to, sequence, name);
    if ((status = sh_snapshot_path(path_target, directory, name, err)) != SH_OK) return status;
    if ((status = sh_disk_rename(disk, path, path_target, err)) != SH_OK) return status;
    return sh_disk_sync_directory(disk, directory, err);
}

static enum sh_status remove_folder(struct sh_disk *disk, const char *folder, struct sh_error *err) {
    struct sh_snapshot_names names;
    enum sh_status status = sh_snapshot_names_read(disk, folder, &names, err);
    for (uint32_t i = 0; i < names.count && status == SH_OK; i++) {
        char path[SH_SNAPSHOT_PATH_BYTES_MAX];
        status = sh_snapshot_path(path, folder, names.names[i], err);
        if (status == SH_OK) status = sh_disk_unlink(disk, path, err);
    }
    sh_free(names.names);
    return status == SH_OK ? sh_disk_remove_directory(disk, folder, err) : status;
}

enum sh_status sh_snapshot_remove(struct sh_disk *disk, const char *directory, enum sh_snapshot_state state,
                                  uint64_t sequence, struct sh_error *err) {
    enum sh_status status = SH_OK;
    if (state == SH_SNAPSHOT_WHOLE) {
        status = sh_snapshot_turn(disk, directory, sequence, state, SH_SNAPSHOT_ASIDE, err);
        if (status != SH_OK) return status;
        state = SH_SNAPSHOT_ASIDE;
    }
    char name[SH_SNAPSHOT_ENTRY_BYTES];
    char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
    sh_snapshot_name(state, sequence, name);
    if ((status = sh_snapshot_path(folder, directory, name, err)) != SH_OK) return status;
    return remove_folder(disk, folder, err);
}

/* ---- listing ---- */

enum sh_status sh_snapshot_manifest_load(struct sh_disk *disk, const char *folder, struct sh_snapshot *snapshot,
                                         struct sh_error *err) {
    char path[SH_SNAPSHOT_PATH_BYTES_MAX];
    int handle;
    size_t count = 0;
    enum sh_status status = sh_snapshot_path(path, folder, SH_SNAPSHOT_MANIFEST_NAME, err);
    if (status != SH_OK) return status;
    if ((status = sh_disk_open(disk, path, 0, &handle, err)) != SH_OK) return status;
    uint8_t bytes[SH_SNAPSHOT_MANIFEST_BYTES_MAX + 1]; /* one more, to see that a file is too long */
    status = sh_disk_read(disk, path, handle, bytes, sizeof bytes, 0, &count, err);
    (void)sh_disk_close(disk, path, handle, NULL);
    if (status != SH_OK) return status;
    struct sh_error why;
    status = sh_snapshot_manifest_read(bytes, count, snapshot, &why);
    return status == SH_OK ? SH_OK : sh_fail(err, status, why.position, "%s: %s", path, why.message);
}

static int compare_descending(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left > right ? -1 : left < right;
}

/* The sequences of the directories of one state, newest first. A missing set has none. To be freed with sh_free. */
static enum sh_status sequences_read(struct sh_disk *disk, const char *directory, enum sh_snapshot_state wanted,
                                     uint64_t **sequences, uint32_t *count, struct sh_error *err) {
    struct sh_snapshot_names names;
    *sequences = NULL;
    *count = 0;
    enum sh_status status = sh_snapshot_names_read(disk, directory, &names, err);
    if (status == SH_OK && names.count > 0) {
        *sequences = sh_alloc(names.count * sizeof **sequences);
        if (*sequences == NULL) status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory to list snapshots");
    }
    for (uint32_t i = 0; i < names.count && status == SH_OK; i++) {
        enum sh_snapshot_state state;
        uint64_t sequence;
        if (sh_snapshot_name_read(names.names[i], &state, &sequence) && state == wanted)
            (*sequences)[(*count)++] = sequence;
    }
    sh_free(names.names);
    if (status == SH_ERR_NOT_FOUND) return SH_OK;
    if (status == SH_OK && *count > 0) qsort(*sequences, *count, sizeof **sequences, compare_descending);
    return status;
}

/* The manifest of one, which must be of the sequence that its name says. */
static enum sh_status load_one(struct sh_disk *disk, const char *directory, uint64_t sequence,
                               char folder[SH_SNAPSHOT_PATH_BYTES_MAX], struct sh_snapshot *snapshot,
                               struct sh_error *err) {
    char name[SH_SNAPSHOT_ENTRY_BYTES];
    sh_snapshot_name(SH_SNAPSHOT_WHOLE, sequence, name);
    enum sh_status status = sh_snapshot_path(folder, directory, name, err);
    if (status != SH_OK) return status;
    if ((status = sh_snapshot_manifest_load(disk, folder, snapshot, err)) != SH_OK) return status;
    if (snapshot->sequence == sequence) return SH_OK;
    return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: its manifest is of snapshot %llu", folder,
                   (unsigned long long)snapshot->sequence);
}

enum sh_status sh_snapshot_list(struct sh_disk *disk, const char *directory, struct sh_snapshot *snapshots,
                                uint32_t capacity, uint32_t *count, struct sh_error *err) {
    uint64_t *sequences;
    uint32_t sequence_count;
    *count = 0;
    enum sh_status status = sequences_read(disk, directory, SH_SNAPSHOT_WHOLE, &sequences, &sequence_count, err);
    for (uint32_t i = 0; i < sequence_count && *count < capacity && status == SH_OK; i++) {
        char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
        if (load_one(disk, directory, sequences[i], folder, &snapshots[*count], NULL) == SH_OK) (*count)++;
    }
    sh_free(sequences);
    return status;
}

enum sh_status sh_snapshot_count(struct sh_disk *disk, const char *directory, uint32_t *count, struct sh_error *err) {
    uint64_t *sequences;
    const enum sh_status status = sequences_read(disk, directory, SH_SNAPSHOT_WHOLE, &sequences, count, err);
    sh_free(sequences);
    return status;
}

bool sh_snapshot_is_tidy(struct sh_disk *disk, const char *directory) {
    for (int state = 0; state < SH_SNAPSHOT_STATE_COUNT; state++) {
        uint64_t *sequences;
        uint32_t count;
        const enum sh_status status =
            sequences_read(disk, directory, (enum sh_snapshot_state)state, &sequences, &count, NULL);
        sh_free(sequences);
        const uint32_t wanted = state == SH_SNAPSHOT_WHOLE ? SH_SNAPSHOT_KEEP_COUNT : 0;
        if (status != SH_OK || count != wanted) return false;
    }
    return true;
}

enum sh_status sh_snapshot_next(struct sh_disk *disk, const char *directory, uint64_t *sequence, struct sh_error *err) {
    *sequence = 1;
    for (int state = 0; state < SH_SNAPSHOT_STATE_COUNT; state++) {
        uint64_t *sequences;
        uint32_t count;
        const enum sh_status status =
            sequences_read(disk, directory, (enum sh_snapshot_state)state, &sequences, &count, err);
        if (count > 0 && sequences[0] >= *sequence) *sequence = sequences[0] + 1;
        sh_free(sequences);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status sh_snapshot_releasable(struct sh_disk *disk, const char *directory, const char *file, uint64_t *position,
                                      struct sh_error *err) {
    struct sh_snapshot *snapshots = sh_alloc(SH_SNAPSHOT_KEEP_COUNT * sizeof *snapshots);
    uint32_t count = 0;
    *position = 0;
    if (snapshots == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to list snapshots");
    const enum sh_status status = sh_snapshot_list(disk, directory, snapshots, SH_SNAPSHOT_KEEP_COUNT, &count, err);
    if (status == SH_OK && count == SH_SNAPSHOT_KEEP_COUNT) {
        const struct sh_snapshot *oldest = &snapshots[count - 1];
        for (uint32_t i = 0; i < oldest->file_count; i++)
            if (strcmp(oldest->files[i].name, file) == 0) *position = oldest->files[i].position;
    }
    sh_free(snapshots);
    return status;
}

/* ---- finding the newest valid one ---- */

static void remove_leftovers(struct sh_disk *disk, const char *directory) {
    uint64_t *sequences;
    uint32_t count;
    /* What cannot be removed is tried again at the next start. */
    if (sequences_read(disk, directory, SH_SNAPSHOT_ASIDE, &sequences, &count, NULL) == SH_OK)
        for (uint32_t i = 0; i < count; i++)
            (void)!sh_snapshot_remove(disk, directory, SH_SNAPSHOT_ASIDE, sequences[i], NULL);
    sh_free(sequences);
}

/* Look at one candidate. SH_ERR_CORRUPT, SH_ERR_NOT_FOUND and SH_ERR_IO: it is not valid. */
static enum sh_status examine(struct sh_disk *disk, const char *directory, uint64_t sequence, uint64_t store,
                              struct sh_snapshot *snapshot, struct sh_error *err) {
    char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
    const enum sh_status status = load_one(disk, directory, sequence, folder, snapshot, err);
    if (status != SH_OK) return status;
    if (store != 0 && snapshot->store != store)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "%s belongs to store %016llx, not to store %016llx", folder,
                       (unsigned long long)snapshot->store, (unsigned long long)store);
    return sh_snapshot_verify_folder(disk, folder, snapshot, err);
}

enum sh_status sh_snapshot_find(struct sh_disk *disk, const char *directory, uint64_t store,
                                void (*tell)(void *context, const char *words), void *context,
                                struct sh_snapshot *snapshot, bool *found, struct sh_error *err) {
    uint64_t *sequences;
    uint32_t count;
    uint32_t at = 0;
    *found = false;
    enum sh_status status = sequences_read(disk, directory, SH_SNAPSHOT_WHOLE, &sequences, &count, err);
    for (; at < count && status == SH_OK && !*found; at++) {
        struct sh_error why;
        status = examine(disk, directory, sequences[at], store, snapshot, &why);
        *found = status == SH_OK;
        const bool is_invalid = status == SH_ERR_CORRUPT || status == SH_ERR_NOT_FOUND || status == SH_ERR_IO;
        if (is_invalid && tell != NULL) tell(context, why.message);
        if (!*found && err != NULL) *err = why;
        if (is_invalid) status = SH_OK;
    }
    if (status == SH_OK && count > 0 && !*found) {
        struct sh_error why = {0};
        if (err != NULL) why = *err;
        status = sh_fail(err, SH_ERR_CORRUPT, -1, "none of the %u snapshots in %s is valid: %.300s", count, directory,
                         why.message);
    }
    /* The newer ones, which are not valid: out of the way, so that two valid ones are kept in the end. */
    for (uint32_t i = 0; *found && i + 1 < at && status == SH_OK; i++)
        status = sh_snapshot_turn(disk, directory, sequences[i], SH_SNAPSHOT_WHOLE, SH_SNAPSHOT_DAMAGED, err);
    sh_free(sequences);
    if (status == SH_OK) remove_leftovers(disk, directory);
    return status;
}

enum sh_status sh_snapshot_verify(struct sh_disk *disk, const char *directory, const struct sh_snapshot *snapshot,
                                  struct sh_error *err) {
    char name[SH_SNAPSHOT_ENTRY_BYTES];
    char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
    sh_snapshot_name(SH_SNAPSHOT_WHOLE, snapshot->sequence, name);
    const enum sh_status status = sh_snapshot_path(folder, directory, name, err);
    return status == SH_OK ? sh_snapshot_verify_folder(disk, folder, snapshot, err) : status;
}
