#include "log_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

/* ---- names ---- */

void sh_log_name(uint32_t number, char name[SH_LOG_NAME_BYTES]) {
    (void)snprintf(name, SH_LOG_NAME_BYTES, "log-%08x", number);
}

bool sh_log_name_read(const char *name, uint32_t *number) {
    if (strncmp(name, "log-", 4) != 0 || strlen(name) != SH_LOG_NAME_BYTES - 1) return false;
    uint32_t value = 0;
    for (const char *at = name + 4; *at != '\0'; at++) {
        const bool is_digit = *at >= '0' && *at <= '9';
        if (!is_digit && (*at < 'a' || *at > 'f')) return false;
        value = value << 4 | (uint32_t)(is_digit ? *at - '0' : *at - 'a' + 10);
    }
    *number = value;
    return true;
}

enum sh_status sh_log_path(const char *directory, const char *name, char path[SH_LOG_PATH_BYTES_MAX],
                           struct sh_error *err) {
    const int count = snprintf(path, SH_LOG_PATH_BYTES_MAX, "%s/%s", directory, name);
    if (count >= 0 && count < SH_LOG_PATH_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_TOO_LARGE, -1,
                   "the path of the log's directory is too long (at most %d bytes): %.64s...",
                   SH_LOG_PATH_BYTES_MAX - 16, directory);
}

/* ---- memory ---- */

uint8_t *sh_log_buffer_alloc(size_t byte_count) {
    /* The address that sh_alloc gave stands in front of the aligned one. */
    uint8_t *memory = sh_alloc(byte_count + SH_LOG_BUFFER_ALIGNMENT + sizeof(void *));
    if (memory == NULL) return NULL;
    const uintptr_t least = (uintptr_t)memory + sizeof(void *);
    const uintptr_t over = least % SH_LOG_BUFFER_ALIGNMENT;
    uint8_t *buffer = memory + sizeof(void *) + (over == 0 ? 0 : SH_LOG_BUFFER_ALIGNMENT - over);
    memcpy(buffer - sizeof(void *), &memory, sizeof memory);
    return buffer;
}

void sh_log_buffer_free(uint8_t *buffer) {
    if (buffer == NULL) return;
    void *memory;
    memcpy(&memory, buffer - sizeof(void *), sizeof memory);
    sh_free(memory);
}

/* ---- the list ---- */

struct listing {
    struct sh_log_files *files;
    enum sh_status status;
};

static void listing_add(void *context, const char *name) {
    struct listing *listing = context;
    struct sh_log_files *files = listing->files;
    uint32_t number;
    if (listing->status != SH_OK || !sh_log_name_read(name, &number)) return;
    if (files->count == SH_LOG_FILE_COUNT_MAX) {
        listing->status = SH_ERR_LIMIT;
        return;
    }
    listing->status =
        sh_grow((void **)&files->files, &files->capacity, (uint64_t)files->count + 1, sizeof *files->files);
    if (listing->status == SH_OK) files->files[files->count++] = (struct sh_log_file){.number = number};
}

static enum sh_status read_head(struct sh_disk *disk, const char *path, bool may_be_short, struct sh_log_file *file,
                                struct sh_log_block *block, struct sh_error *err) {
    int handle;
    size_t count;
    enum sh_status status = sh_disk_open(disk, path, 0, &handle, err);
    if (status != SH_OK) return status;
    status = sh_disk_size(disk, path, handle, &file->byte_count, err);
    if (status == SH_OK) status = sh_disk_read(disk, path, handle, block, sizeof *block, 0, &count, err);
    const enum sh_status closed = sh_disk_close(disk, path, handle, status == SH_OK ? err : NULL);
    if (status == SH_OK) status = closed;
    if (status != SH_OK || count < sizeof *block) return status;

    struct sh_log_head head;
    struct sh_error why;
    status = sh_log_head_read(block, &head, &why);
    if (status == SH_ERR_NOT_FOUND) return SH_OK;
    if (status != SH_OK) return sh_fail(err, status, -1, "%s: %s", path, why.message);
    file->has_head = true;
    file->checksum = block->checksum;
    file->previous = block->previous;
    file->salt = block->salt;
    file->sequence = block->sequence;
    file->durable = block->durable;
    file->first = block->first;
    file->store = head.store;
    file->shard = head.shard;
    const bool is_short = file->byte_count < head.file_bytes && !may_be_short;
    if (is_short || head.file_bytes % SH_LOG_BLOCK_BYTES != 0 || head.file_bytes > SH_LOG_SEGMENT_BYTES_MAX)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is damaged: it has %llu bytes, and was made with %llu", path,
                       (unsigned long long)file->byte_count, (unsigned long long)head.file_bytes);
    file->byte_count = head.file_bytes;
    return SH_OK;
}

static int compare_files(const void *a, const void *b) {
    const struct sh_log_file *left = a;
    const struct sh_log_file *right = b;
    if (left->has_head != right->has_head) return left->has_head ? -1 : 1;
    if (left->sequence != right->sequence) return left->sequence < right->sequence ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static enum sh_status check_heads(const char *directory, const uint64_t *store, const uint32_t *shard,
                                  struct sh_log_files *files, struct sh_error *err) {
    for (uint32_t i = 0; i < files->count && files->files[i].has_head; i++) {
        const struct sh_log_file *file = &files->files[i];
        const uint64_t store_wanted = store != NULL ? *store : files->files[0].store;
        const uint32_t shard_wanted = shard != NULL ? *shard : files->files[0].shard;
        files->head_count++;
        if (file->store != store_wanted || file->shard != shard_wanted)
            return sh_fail(err, SH_ERR_CONFLICT, -1,
                           "%s/log-%08x belongs to shard %u of store %016llx, not to shard %u of store %016llx",
                           directory, file->number, file->shard, (unsigned long long)file->store, shard_wanted,
                           (unsigned long long)store_wanted);
        if (i > 0 && file->sequence == files->files[i - 1].sequence)
            return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: log-%08x and log-%08x both say that they are file %llu",
                           directory, files->files[i - 1].number, file->number, (unsigned long long)file->sequence);
    }
    return SH_OK;
}

static enum sh_status read_heads(struct sh_disk *disk, const char *directory, bool may_be_short,
                                 struct sh_log_files *files, struct sh_error *err) {
    struct listing listing = {.files = files};
    enum sh_status status = disk->list(disk, directory, listing_add, &listing, err);
    if (status != SH_OK) return status;
    if (listing.status != SH_OK)
        return sh_fail(err, listing.status, -1, "%s has more files than can be handled", directory);
    struct sh_log_block *block = (struct sh_log_block *)(void *)sh_log_buffer_alloc(sizeof *block);
    if (block == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read a log");
    for (uint32_t i = 0; i < files->count && status == SH_OK; i++) {
        char name[SH_LOG_NAME_BYTES];
        char path[SH_LOG_PATH_BYTES_MAX];
        sh_log_name(files->files[i].number, name);
        status = sh_log_path(directory, name, path, err);
        if (status == SH_OK) status = read_head(disk, path, may_be_short, &files->files[i], block, err);
    }
    sh_log_buffer_free((uint8_t *)block);
    if (status == SH_OK && files->count > 0) qsort(files->files, files->count, sizeof *files->files, compare_files);
    return status;
}

enum sh_status sh_log_files_read(struct sh_disk *disk, const char *directory, const uint64_t *store,
                                 const uint32_t *shard, struct sh_log_files *files, struct sh_error *err) {
    *files = (struct sh_log_files){0};
    enum sh_status status = read_heads(disk, directory, false, files, err);
    if (status == SH_OK) status = check_heads(directory, store, shard, files, err);
    if (status != SH_OK) sh_log_files_deinit(files);
    return status;
}

/* ---- for a repair ---- */

/* The first block in the file that is valid and in its place says what the head would have said. */
static enum sh_status adopt(struct sh_disk *disk, const char *path, uint64_t seed, struct sh_log_file *file,
                            struct sh_log_block *block, struct sh_error *err) {
    int handle;
    enum sh_status status = sh_disk_open(disk, path, 0, &handle, err);
    if (status != SH_OK) return status;
    for (uint32_t at = 1; status == SH_OK && !file->has_head && at < file->byte_count / SH_LOG_BLOCK_BYTES; at++) {
        size_t count;
        status = sh_disk_read(disk, path, handle, block, sizeof *block, (uint64_t)at * SH_LOG_BLOCK_BYTES, &count, err);
        if (status != SH_OK || count < sizeof *block) break;
        if (!sh_log_block_is_valid(block, seed) || block->place != at) continue;
        file->has_head = true;
        file->sequence = block->sequence;
        file->salt = block->salt;
        file->first = block->first;
    }
    (void)sh_disk_close(disk, path, handle, NULL);
    return status;
}

static bool has_twin(const struct sh_log_files *files, uint32_t index) {
    for (uint32_t i = 0; i < files->count; i++)
        if (i != index && files->files[i].has_head && files->files[i].sequence == files->files[index].sequence)
            return true;
    return false;
}

enum sh_status sh_log_files_gather(struct sh_disk *disk, const char *directory, uint64_t *store, uint32_t *shard,
                                   struct sh_log_files *files, struct sh_error *err) {
    *files = (struct sh_log_files){0};
    enum sh_status status = read_heads(disk, directory, true, files, err);
    if (status == SH_OK && files->count > 0 && files->files[0].has_head) {
        *store = files->files[0].store;
        *shard = files->files[0].shard;
    }
    const uint64_t seed = sh_log_seed(*store, *shard);
    struct sh_log_block *block = (struct sh_log_block *)(void *)sh_log_buffer_alloc(sizeof *block);
    if (block == NULL && status == SH_OK) status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read a log");
    for (uint32_t i = 0; i < files->count && status == SH_OK; i++) {
        struct sh_log_file *file = &files->files[i];
        char name[SH_LOG_NAME_BYTES];
        char path[SH_LOG_PATH_BYTES_MAX];
        if (file->has_head) continue;
        file->store = *store;
        file->shard = *shard;
        sh_log_name(file->number, name);
        status = sh_log_path(directory, name, path, err);
        if (status == SH_OK) status = adopt(disk, path, seed, file, block, err);
        if (file->has_head && has_twin(files, i)) file->has_head = false;
    }
    sh_log_buffer_free((uint8_t *)block);
    if (status == SH_OK && files->count > 0) {
        qsort(files->files, files->count, sizeof *files->files, compare_files);
        status = check_heads(directory, store, shard, files, err);
    }
    if (status != SH_OK) sh_log_files_deinit(files);
    return status;
}

void sh_log_files_deinit(struct sh_log_files *files) {
    sh_free(files->files);
    *files = (struct sh_log_files){0};
}

uint32_t sh_log_files_number(const struct sh_log_files *files) {
    for (uint32_t number = 1;; number++) {
        bool taken = false;
        for (uint32_t i = 0; i < files->count && !taken; i++)
            taken = files->files[i].number == number;
        if (!taken) return number;
    }
}

void sh_log_files_remove(struct sh_log_files *files, uint32_t index) {
    sh_assert(index < files->count);
    if (files->files[index].has_head) files->head_count--;
    files->count--;
    memmove(&files->files[index], &files->files[index + 1], (files->count - index) * sizeof *files->files);
}

enum sh_status sh_log_lock(struct sh_disk *disk, const char *directory, bool make, int *handle, struct sh_error *err) {
    char path[SH_LOG_PATH_BYTES_MAX];
    *handle = -1;
    enum sh_status status = sh_log_path(directory, "lock", path, err);
    if (status != SH_OK) return status;
    status = sh_disk_open(disk, path, make ? SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE : 0, handle, err);
    if (status == SH_ERR_NOT_FOUND && !make) return SH_OK;
    if (status != SH_OK) return status;
    status = sh_disk_lock(disk, path, *handle, err);
    if (status == SH_OK) return SH_OK;
    if (status == SH_ERR_BUSY) status = sh_fail(err, SH_ERR_CONFLICT, -1, "%s is in use by another process", directory);
    (void)sh_disk_close(disk, path, *handle, NULL);
    *handle = -1;
    return status;
}
