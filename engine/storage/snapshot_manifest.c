#include <string.h>

#include "hash.h"
#include "snapshot_files.h"

static const uint8_t manifest_magic[8] = {'S', 'H', 'S', 'N', 'A', 'P', 'S', 'H'};

struct manifest_head {
    uint8_t magic[8];
    uint32_t version;
    uint32_t file_count;
    uint64_t store;
    uint64_t sequence;
    int64_t time_ms;
    uint32_t shard_count;
    uint8_t zero[12];
    uint64_t checksum;
};
_Static_assert(sizeof(struct manifest_head) == 64, "written to disk as is: no padding");

struct manifest_entry {
    char name[32];
    uint64_t position;
    uint64_t byte_count;
    uint64_t hash;
    uint64_t zero;
};
_Static_assert(sizeof(struct manifest_entry) == 64, "written to disk as is: no padding");
_Static_assert(sizeof(((struct sh_snapshot_file *)0)->name) == sizeof(((struct manifest_entry *)0)->name), "one size");

enum { MANIFEST_VERSION = 1 };

size_t sh_snapshot_manifest_write(const struct sh_snapshot *snapshot, uint8_t bytes[SH_SNAPSHOT_MANIFEST_BYTES_MAX]) {
    sh_assert(snapshot->file_count > 0 && snapshot->file_count <= SH_SNAPSHOT_FILE_COUNT_MAX);
    struct manifest_head head = {.version = MANIFEST_VERSION,
                                 .file_count = snapshot->file_count,
                                 .store = snapshot->store,
                                 .sequence = snapshot->sequence,
                                 .time_ms = snapshot->time_ms,
                                 .shard_count = snapshot->shard_count};
    memcpy(head.magic, manifest_magic, sizeof manifest_magic);
    const size_t count = sizeof head + snapshot->file_count * sizeof(struct manifest_entry);
    for (uint32_t i = 0; i < snapshot->file_count; i++) {
        const struct sh_snapshot_file *file = &snapshot->files[i];
        struct manifest_entry entry = {.position = file->position, .byte_count = file->byte_count, .hash = file->hash};
        memcpy(entry.name, file->name, strlen(file->name));
        memcpy(bytes + sizeof head + i * sizeof entry, &entry, sizeof entry);
    }
    memcpy(bytes, &head, sizeof head);
    head.checksum = sh_hash_bytes(bytes, count, 0);
    memcpy(bytes, &head, sizeof head);
    return count;
}

static bool is_safe_name(const char name[SH_SNAPSHOT_NAME_BYTES_MAX + 1]) {
    size_t count = 0;
    for (; count <= SH_SNAPSHOT_NAME_BYTES_MAX && name[count] != '\0'; count++) {
        const char c = name[count];
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '-' && c != '_' && (c != '.' || count == 0)) return false;
    }
    if (count == 0 || count > SH_SNAPSHOT_NAME_BYTES_MAX) return false;
    for (size_t i = count; i <= SH_SNAPSHOT_NAME_BYTES_MAX; i++)
        if (name[i] != '\0') return false;
    return true;
}

static enum sh_status read_entry(const struct manifest_entry *entry, struct sh_snapshot *snapshot,
                                 struct sh_error *err) {
    if (entry->zero != 0 || !is_safe_name(entry->name))
        return sh_fail(err, SH_ERR_CORRUPT, -1, "entry %u of the manifest is not valid", snapshot->file_count);
    for (uint32_t i = 0; i < snapshot->file_count; i++)
        if (strcmp(snapshot->files[i].name, entry->name) == 0)
            return sh_fail(err, SH_ERR_CORRUPT, -1, "the manifest names %s twice", entry->name);
    struct sh_snapshot_file *file = &snapshot->files[snapshot->file_count++];
    memcpy(file->name, entry->name, sizeof file->name);
    file->position = entry->position;
    file->byte_count = entry->byte_count;
    file->hash = entry->hash;
    return SH_OK;
}

enum sh_status sh_snapshot_manifest_read(const uint8_t *bytes, size_t count, struct sh_snapshot *snapshot,
                                         struct sh_error *err) {
    *snapshot = (struct sh_snapshot){0};
    struct manifest_head head;
    if (count < sizeof head || count > SH_SNAPSHOT_MANIFEST_BYTES_MAX)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "the manifest has %zu bytes, which no manifest has", count);
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, manifest_magic, sizeof manifest_magic) != 0)
        return sh_fail(err, SH_ERR_CORRUPT, 0, "the manifest does not begin as one");
    if (head.version != MANIFEST_VERSION)
        return sh_fail(err, SH_ERR_UNSUPPORTED, 8, "the snapshot is of version %u; this program reads version %d",
                       head.version, MANIFEST_VERSION);
    uint8_t copy[SH_SNAPSHOT_MANIFEST_BYTES_MAX];
    memcpy(copy, bytes, count);
    memset(copy + offsetof(struct manifest_head, checksum), 0, sizeof head.checksum);
    if (sh_hash_bytes(copy, count, 0) != head.checksum)
        return sh_fail(err, SH_ERR_CORRUPT, 56, "the manifest's checksum is wrong");
    static const uint8_t zero[sizeof head.zero];
    if (head.file_count == 0 || head.file_count > SH_SNAPSHOT_FILE_COUNT_MAX ||
        count != sizeof head + head.file_count * sizeof(struct manifest_entry) ||
        memcmp(head.zero, zero, sizeof zero) != 0)
        return sh_fail(err, SH_ERR_CORRUPT, 12, "the manifest's length is not that of its %u files", head.file_count);
    snapshot->store = head.store;
    snapshot->sequence = head.sequence;
    snapshot->time_ms = head.time_ms;
    snapshot->shard_count = head.shard_count;
    for (uint32_t i = 0; i < head.file_count; i++) {
        struct manifest_entry entry;
        memcpy(&entry, bytes + sizeof head + i * sizeof entry, sizeof entry);
        const enum sh_status status = read_entry(&entry, snapshot, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}
