#include "log_format.h"

#include <string.h>

#include "hash.h"
#include "log.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint8_t head_magic[8] = {'S', 'H', 'O', 'A', 'L', 'L', 'O', 'G'};

uint64_t sh_log_seed(uint64_t store, uint32_t shard) {
    return sh_hash_mix(store, shard);
}

uint64_t sh_log_block_checksum(const struct sh_log_block *block, uint64_t seed) {
    return sh_hash_bytes((const uint8_t *)block + sizeof block->checksum, sizeof *block - sizeof block->checksum, seed);
}

bool sh_log_block_is_valid(const struct sh_log_block *block, uint64_t seed) {
    return sh_log_block_checksum(block, seed) == block->checksum && !sh_log_block_is_zero(block);
}

bool sh_log_block_is_zero(const struct sh_log_block *block) {
    const uint8_t *bytes = (const uint8_t *)block;
    /* The first byte is zero, and each is like the one before it. */
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, sizeof *block - 1) == 0;
}

void sh_log_head_write(struct sh_log_block *block, uint64_t store, uint32_t shard, uint64_t file_bytes) {
    *block = (struct sh_log_block){.used = sizeof(struct sh_log_head), .begin = SH_LOG_BEGIN_NONE};
    struct sh_log_head head = {.version = SH_LOG_VERSION, .shard = shard, .store = store, .file_bytes = file_bytes};
    memcpy(head.magic, head_magic, sizeof head_magic);
    memcpy(block->stream, &head, sizeof head);
}

enum sh_status sh_log_head_read(const struct sh_log_block *block, struct sh_log_head *head, struct sh_error *err) {
    memcpy(head, block->stream, sizeof *head);
    if (memcmp(head->magic, head_magic, sizeof head_magic) != 0)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "not the head of a log file");
    if (!sh_log_block_is_valid(block, sh_log_seed(head->store, head->shard)) || block->place != 0)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "the head of a log file, but its checksum is wrong");
    if (head->version != SH_LOG_VERSION)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "the log is of version %u; this program reads version %d",
                       head->version, SH_LOG_VERSION);
    return SH_OK;
}

uint64_t sh_log_record_checksum(uint64_t position, const uint8_t *bytes, size_t count) {
    return sh_hash_bytes(bytes, count, position);
}

uint64_t sh_log_pieces_checksum(uint64_t position, const struct sh_log_piece *pieces, uint32_t piece_count) {
    XXH3_state_t state;
    XXH3_INITSTATE(&state); /* reset reads what it did not write yet */
    XXH3_64bits_reset_withSeed(&state, position);
    for (uint32_t i = 0; i < piece_count; i++)
        XXH3_64bits_update(&state, pieces[i].bytes, pieces[i].count);
    return XXH3_64bits_digest(&state);
}

uint64_t sh_log_blocks(uint64_t stream_bytes) {
    return (stream_bytes + SH_LOG_STREAM_BYTES - 1) / SH_LOG_STREAM_BYTES;
}
