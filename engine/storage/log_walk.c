#include "log_walk.h"

#include <string.h>

#include "memory.h"

enum { RECORD_HEAD = sizeof(struct sh_log_record_head) };

static uint32_t block_count(const struct sh_log_file *file) {
    return (uint32_t)(file->byte_count / SH_LOG_BLOCK_BYTES);
}

/* ---- reading blocks ---- */

static void file_leave(struct sh_log_walk *walk) {
    if (walk->handle >= 0) (void)sh_disk_close(walk->disk, walk->path, walk->handle, NULL);
    walk->handle = -1;
    walk->buffer_count = 0;
    walk->current = NULL;
}

static enum sh_status file_enter(struct sh_log_walk *walk, uint32_t index, struct sh_error *err) {
    file_leave(walk);
    walk->index = index;
    char name[SH_LOG_NAME_BYTES];
    sh_log_name(walk->files->files[index].number, name);
    enum sh_status status = sh_log_path(walk->directory, name, walk->path, err);
    if (status != SH_OK) return status;
    /* What the disk has, not what the page cache believes that it has. */
    status = sh_disk_open(walk->disk, walk->path, SH_IO_OPEN_DIRECT, &walk->handle, err);
    if (status == SH_ERR_UNSUPPORTED) status = sh_disk_open(walk->disk, walk->path, 0, &walk->handle, err);
    return status;
}

/* Block `at` of the file, NULL behind its last one. What a file that is too short lacks reads as zeroes. */
static enum sh_status block_read(struct sh_log_walk *walk, uint32_t at, const struct sh_log_block **block,
                                 struct sh_error *err) {
    const uint32_t count = block_count(&walk->files->files[walk->index]);
    *block = NULL;
    if (at >= count) return SH_OK;
    if (at < walk->buffer_block || at >= walk->buffer_block + walk->buffer_count) {
        uint32_t wanted = SH_LOG_READ_BYTES / SH_LOG_BLOCK_BYTES;
        if (wanted > count - at) wanted = count - at;
        const size_t wanted_bytes = (size_t)wanted * SH_LOG_BLOCK_BYTES;
        size_t got;
        walk->buffer_count = 0;
        const enum sh_status status = sh_disk_read(walk->disk, walk->path, walk->handle, walk->buffer, wanted_bytes,
                                                   (uint64_t)at * SH_LOG_BLOCK_BYTES, &got, err);
        if (status != SH_OK) return status;
        memset(walk->buffer + got, 0, wanted_bytes - got);
        walk->buffer_block = at;
        walk->buffer_count = wanted;
        walk->read_bytes += got;
    }
    *block = (const struct sh_log_block *)(const void *)(walk->buffer +
                                                         (size_t)(at - walk->buffer_block) * SH_LOG_BLOCK_BYTES);
    return SH_OK;
}

/* ---- life ---- */

static void begin_file(struct sh_log_walk *walk) {
    const struct sh_log_file *file = &walk->files->files[walk->index];
    walk->block = 1;
    walk->previous = file->checksum;
    walk->next = file->first;
    if (file->durable > walk->durable) walk->durable = file->durable;
    walk->has_part = false;
}

enum sh_status sh_log_walk_open(struct sh_log_walk *walk, struct sh_disk *disk, const char *directory,
                                const struct sh_log_files *files, uint64_t store, uint32_t shard, uint64_t after,
                                struct sh_error *err) {
    *walk = (struct sh_log_walk){.disk = disk,
                                 .directory = directory,
                                 .files = files,
                                 .seed = sh_log_seed(store, shard),
                                 .handle = -1,
                                 .next = 1};
    uint32_t index = files->head_count;
    while (index > 0 && (index == files->head_count || files->files[index].first > after + 1))
        index--;
    if (files->head_count > 0 && files->files[index].first > after + 1)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s begins with record %llu (log-%08x), but record %llu is needed",
                       directory, (unsigned long long)files->files[index].first, files->files[index].number,
                       (unsigned long long)after + 1);
    walk->buffer = sh_log_buffer_alloc(SH_LOG_READ_BYTES);
    if (walk->buffer == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read a log");
    enum sh_status status = SH_OK;
    if (files->head_count == 0) {
        walk->is_at_end = true;
    } else if ((status = file_enter(walk, index, err)) == SH_OK) {
        begin_file(walk);
    }
    if (status != SH_OK) sh_log_walk_close(walk);
    return status;
}

void sh_log_walk_close(struct sh_log_walk *walk) {
    file_leave(walk);
    sh_log_buffer_free(walk->buffer);
    sh_free(walk->part);
    walk->buffer = NULL;
    walk->part = NULL;
}

void sh_log_walk_where(const struct sh_log_walk *walk, char name[SH_LOG_NAME_BYTES], uint64_t *offset) {
    name[0] = '\0';
    *offset = (uint64_t)walk->block * SH_LOG_BLOCK_BYTES;
    if (walk->index < walk->files->count) sh_log_name(walk->files->files[walk->index].number, name);
}

static enum sh_status contradiction(const struct sh_log_walk *walk, uint32_t block, const char *what,
                                    struct sh_error *err) {
    return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is damaged at offset %llu, record %llu: %s", walk->path,
                   (unsigned long long)block * SH_LOG_BLOCK_BYTES, (unsigned long long)walk->next, what);
}

/* ---- blocks in their places ---- */

static bool is_in_place(const struct sh_log_walk *walk, const struct sh_log_block *block) {
    const struct sh_log_file *file = &walk->files->files[walk->index];
    if (!sh_log_block_is_valid(block, walk->seed)) return false;
    if (block->place != walk->block || block->sequence != file->sequence || block->salt != file->salt) return false;
    if (block->used > SH_LOG_STREAM_BYTES) return false;
    if (block->begin >= block->used && block->begin != SH_LOG_BEGIN_NONE) return false;
    for (uint32_t i = block->used; i < SH_LOG_STREAM_BYTES; i++)
        if (block->stream[i] != 0) return false;
    return true;
}

/* Where the first record of this block begins, by what came before. */
static uint32_t begin_expected(const struct sh_log_walk *walk, const struct sh_log_block *block) {
    if (!walk->has_part) return block->used > 0 ? 0 : SH_LOG_BEGIN_NONE;
    struct sh_log_record_head head;
    if (walk->part_count + block->used < RECORD_HEAD) return SH_LOG_BEGIN_NONE;
    uint8_t bytes[RECORD_HEAD];
    const size_t known = walk->part_count < RECORD_HEAD ? (size_t)walk->part_count : RECORD_HEAD;
    memcpy(bytes, walk->part, known);
    memcpy(bytes + known, block->stream, RECORD_HEAD - known);
    memcpy(&head, bytes, sizeof head);
    const uint64_t left = RECORD_HEAD + (uint64_t)head.count - walk->part_count;
    return left < block->used ? (uint32_t)left : SH_LOG_BEGIN_NONE;
}

/* Take the block that is next and valid in its place. */
static enum sh_status take(struct sh_log_walk *walk, const struct sh_log_block *block, struct sh_error *err) {
    /* A record that was begun and not ended, and the block knows nothing of it: a recovery cut it off. */
    if (walk->has_part && block->first == walk->next) walk->has_part = false;
    if (block->first != walk->next + (walk->has_part ? 1 : 0) || block->begin != begin_expected(walk, block))
        return contradiction(walk, walk->block, "the block is whole, but not the one that follows", err);
    walk->previous = block->checksum;
    if (block->durable > walk->durable) walk->durable = block->durable;
    walk->current = block;
    walk->at = 0;
    walk->block++;
    return SH_OK;
}

static bool has_successor(const struct sh_log_walk *walk) {
    if (walk->index + 1 >= walk->files->head_count) return false;
    const struct sh_log_file *file = &walk->files->files[walk->index];
    const struct sh_log_file *successor = file + 1;
    return successor->sequence == file->sequence + 1 && successor->previous == walk->previous &&
           successor->first == walk->next;
}

/* Go on to the next block or file, or find the end. */
static enum sh_status advance(struct sh_log_walk *walk, struct sh_error *err) {
    const struct sh_log_block *block;
    walk->current = NULL;
    enum sh_status status = block_read(walk, walk->block, &block, err);
    if (status != SH_OK) return status;
    if (block != NULL && is_in_place(walk, block) && block->previous == walk->previous) return take(walk, block, err);
    if (!has_successor(walk)) {
        walk->is_at_end = true;
        return SH_OK;
    }
    if ((status = file_enter(walk, walk->index + 1, err)) != SH_OK) return status;
    begin_file(walk);
    return SH_OK;
}

/* ---- records ---- */

static enum sh_status check_record(const struct sh_log_walk *walk, const struct sh_log_record_head *head,
                                   struct sh_error *err) {
    const uint64_t room = (uint64_t)block_count(&walk->files->files[walk->index]) * SH_LOG_STREAM_BYTES;
    if (head->position != walk->next || head->zero != 0 || head->count > room)
        return contradiction(walk, walk->block - 1, "the block is whole, but the head of the record in it is not", err);
    return SH_OK;
}

static enum sh_status give(struct sh_log_walk *walk, const struct sh_log_record_head *head, const uint8_t *bytes,
                           struct sh_log_place place, struct sh_log_entry *record, struct sh_error *err) {
    if (sh_log_record_checksum(head->position, bytes, head->count) != head->checksum)
        return contradiction(walk, walk->block - 1, "its blocks are whole, but its own checksum is wrong", err);
    *record = (struct sh_log_entry){.position = head->position, .bytes = bytes, .count = head->count, .place = place};
    walk->next++;
    return SH_OK;
}

static struct sh_log_place place_of(const struct sh_log_walk *walk) {
    return (struct sh_log_place){.number = walk->files->files[walk->index].number,
                                 .block = walk->block - 1,
                                 .offset = (uint32_t)offsetof(struct sh_log_block, stream) + walk->at};
}

/* Copy from the block into the record in parts, up to `whole` bytes of it. */
static enum sh_status part_fill(struct sh_log_walk *walk, uint64_t whole, struct sh_error *err) {
    if (walk->part_count >= whole) return SH_OK;
    if (walk->part_capacity < whole) {
        uint64_t capacity = whole + whole / 2;
        if (capacity < SH_LOG_BLOCK_BYTES) capacity = SH_LOG_BLOCK_BYTES;
        uint8_t *part = sh_realloc(walk->part, (size_t)walk->part_count, (size_t)capacity);
        if (part == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a record of the log");
        walk->part = part;
        walk->part_capacity = capacity;
    }
    uint64_t count = walk->current->used - walk->at;
    if (count > whole - walk->part_count) count = whole - walk->part_count;
    memcpy(walk->part + walk->part_count, walk->current->stream + walk->at, (size_t)count);
    walk->part_count += count;
    walk->at += (uint32_t)count;
    return SH_OK;
}

/* Go on with a record that reaches over the end of a block. *whole: it is complete. */
static enum sh_status part_continue(struct sh_log_walk *walk, struct sh_log_entry *record, bool *whole,
                                    struct sh_error *err) {
    struct sh_log_record_head head;
    *whole = false;
    enum sh_status status = part_fill(walk, RECORD_HEAD, err);
    if (status != SH_OK || walk->part_count < RECORD_HEAD) return status;
    memcpy(&head, walk->part, sizeof head);
    if ((status = check_record(walk, &head, err)) != SH_OK) return status;
    if ((status = part_fill(walk, RECORD_HEAD + (uint64_t)head.count, err)) != SH_OK) return status;
    if (walk->part_count < RECORD_HEAD + (uint64_t)head.count) return SH_OK;
    *whole = true;
    walk->has_part = false;
    return give(walk, &head, walk->part + RECORD_HEAD, walk->part_place, record, err);
}

/* A record that begins here. *whole: it also ends in this block, so it is given without a copy. */
static enum sh_status part_begin(struct sh_log_walk *walk, struct sh_log_entry *record, bool *whole,
                                 struct sh_error *err) {
    struct sh_log_record_head head;
    const uint32_t left = walk->current->used - walk->at;
    *whole = false;
    if (left >= RECORD_HEAD) {
        memcpy(&head, walk->current->stream + walk->at, sizeof head);
        const enum sh_status status = check_record(walk, &head, err);
        if (status != SH_OK) return status;
        *whole = left - RECORD_HEAD >= head.count;
    }
    if (*whole) {
        const uint8_t *bytes = walk->current->stream + walk->at + RECORD_HEAD;
        const struct sh_log_place place = place_of(walk);
        walk->at += RECORD_HEAD + head.count;
        return give(walk, &head, bytes, place, record, err);
    }
    walk->has_part = true;
    walk->part_count = 0;
    walk->part_place = place_of(walk);
    return SH_OK;
}

enum sh_status sh_log_walk_next(struct sh_log_walk *walk, struct sh_log_entry *record, bool *at_end,
                                struct sh_error *err) {
    *at_end = false;
    for (;;) {
        enum sh_status status;
        bool whole = false;
        if (walk->is_at_end) {
            *at_end = true;
            return SH_OK;
        }
        if (walk->current == NULL || walk->at == walk->current->used)
            status = advance(walk, err);
        else if (walk->has_part)
            status = part_continue(walk, record, &whole, err);
        else
            status = part_begin(walk, record, &whole, err);
        if (status != SH_OK || whole) return status;
    }
}

/* ---- what lies behind the end ---- */

struct judging {
    struct sh_log_walk *walk; /* which reads the files that are looked at */
    struct sh_log_rest *rest;
    uint32_t end_index; /* where the log ended */
    uint32_t end_block;
    char end_path[SH_LOG_PATH_BYTES_MAX];
    uint64_t first_sequence; /* of the log's files from the first to the one where it ended; 0, 0: there are none */
    uint64_t last_sequence;
};

static enum sh_status judge_block(const struct judging *judging, uint32_t at, const struct sh_log_block *block,
                                  struct sh_error *err) {
    const struct sh_log_walk *walk = judging->walk;
    const struct sh_log_file *file = &walk->files->files[walk->index];
    const uint64_t offset = (uint64_t)at * SH_LOG_BLOCK_BYTES;
    judging->rest->used_bytes += SH_LOG_BLOCK_BYTES;
    if (!sh_log_block_is_valid(block, walk->seed)) return SH_OK;
    if (block->durable > judging->rest->vouched) judging->rest->vouched = block->durable;
    if (block->durable >= walk->next) {
        /* The file that should have gone on has lost its head: say so, rather than where the one before ended. */
        const bool lost_head = !file->has_head && block->sequence == judging->last_sequence + 1;
        return sh_fail(err, SH_ERR_CORRUPT, -1,
                       "%s is damaged at offset %llu, record %llu: it cannot be read there, but %s at offset %llu says "
                       "that records up to %llu were durable",
                       lost_head ? walk->path : judging->end_path,
                       lost_head ? 0ull : (unsigned long long)judging->end_block * SH_LOG_BLOCK_BYTES,
                       (unsigned long long)walk->next, walk->path, (unsigned long long)offset,
                       (unsigned long long)block->durable);
    }
    const bool is_known = block->sequence >= judging->first_sequence && block->sequence <= judging->last_sequence;
    const bool is_lost = block->place != at ||
                         (file->has_head ? block->sequence != file->sequence : is_known || judging->last_sequence == 0);
    if (!is_lost) return SH_OK;
    return sh_fail(
        err, SH_ERR_CORRUPT, -1,
        "%s is damaged at offset %llu: the block there belongs to file %llu of the log, offset %llu; the log "
        "can be read up to record %llu",
        walk->path, (unsigned long long)offset, (unsigned long long)block->sequence,
        (unsigned long long)block->place * SH_LOG_BLOCK_BYTES, (unsigned long long)walk->next - 1);
}

static enum sh_status judge_file(const struct judging *judging, uint32_t from, struct sh_error *err) {
    struct sh_log_walk *walk = judging->walk;
    for (uint32_t at = from;; at++) {
        const struct sh_log_block *block;
        enum sh_status status = block_read(walk, at, &block, err);
        if (status != SH_OK || block == NULL) return status;
        if (sh_log_block_is_zero(block)) continue;
        if ((status = judge_block(judging, at, block, err)) != SH_OK) return status;
    }
}

enum sh_status sh_log_walk_judge(struct sh_log_walk *walk, struct sh_log_rest *rest, struct sh_error *err) {
    sh_assert(walk->is_at_end);
    const struct sh_log_files *files = walk->files;
    *rest = (struct sh_log_rest){.vouched = walk->durable};
    struct judging judging = {
        .walk = walk, .rest = rest, .end_index = walk->index, .end_block = files->head_count > 0 ? walk->block : 0};
    memcpy(judging.end_path, walk->path, sizeof judging.end_path);
    if (files->head_count > 0) {
        judging.first_sequence = files->files[0].sequence;
        judging.last_sequence = files->files[walk->index].sequence;
    }
    enum sh_status status = SH_OK;
    if (walk->durable >= walk->next)
        return contradiction(walk, walk->block, "it cannot be read there, but earlier blocks say that it was durable",
                             err);
    if (files->head_count > 0) status = judge_file(&judging, judging.end_block, err);
    for (uint32_t i = files->head_count > 0 ? judging.end_index + 1 : 0; i < files->count && status == SH_OK; i++) {
        status = file_enter(walk, i, err);
        if (status == SH_OK) status = judge_file(&judging, 0, err);
    }
    /* Back to the place of the end: for the words of a resume, and for whoever cuts. */
    if (files->head_count > 0 && walk->index != judging.end_index) {
        const enum sh_status back = file_enter(walk, judging.end_index, status == SH_OK ? err : NULL);
        if (status == SH_OK) status = back;
    }
    return status;
}

/* ---- past a place of damage ---- */

enum sh_status sh_log_walk_resume(struct sh_log_walk *walk, bool *found, struct sh_error *err) {
    *found = false;
    walk->is_at_end = walk->files->head_count == 0;
    walk->has_part = false;
    walk->current = NULL;
    while (!walk->is_at_end) {
        const struct sh_log_block *block;
        enum sh_status status = block_read(walk, walk->block, &block, err);
        if (status != SH_OK) return status;
        if (block == NULL) {
            if (walk->index + 1 >= walk->files->head_count) {
                walk->is_at_end = true;
                return SH_OK;
            }
            if ((status = file_enter(walk, walk->index + 1, err)) != SH_OK) return status;
            const uint64_t next = walk->next;
            begin_file(walk);
            walk->next = next;
            continue;
        }
        const bool is_valid = is_in_place(walk, block);
        if (is_valid && block->durable > walk->durable) walk->durable = block->durable;
        if (is_valid && block->begin != SH_LOG_BEGIN_NONE && block->first >= walk->next) {
            walk->previous = block->checksum;
            walk->next = block->first;
            walk->current = block;
            walk->at = block->begin;
            walk->block++;
            *found = true;
            return SH_OK;
        }
        walk->block++;
    }
    return SH_OK;
}
