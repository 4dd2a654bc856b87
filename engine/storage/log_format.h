/* log_format.h -- the bytes of a log: version 1.
 *
 * A log is a directory of files log-00000001, log-00000002 ... of any order: which comes when is said inside. Each file
 * is a row of blocks of 4 KiB. Block 0 is the file's head; the others hold a stream of records, cut wherever a block
 * ends. A block is written once; what was not written yet is zero.
 *
 *      log-00000003     | head | block 1: rec 1, rec 2, rec 3.. | ..rec 3, rec 4  0000 | rec 5  000 | 000000 ...
 *                        seq 1                                       end of a group ^
 *
 * A block is valid in itself if and only if its checksum is right. It is valid in its place if and only if, besides,
 * place is its number in the file, sequence and salt are those of the file's head, previous is the checksum of the
 * block before it in the log (of the head for block 1; of the last block of the file before for a head), used and begin
 * are within their ranges and agree with the stream, and it is zero behind its used bytes.
 *
 * The stream goes on from block to block, and ends with each group: a record never reaches from one file into another.
 * A record that is begun and not ended before a block with begin 0 and first equal to its own position was cut off by
 * a recovery and is not part of the log.
 *
 * Recovery reads blocks in order until one is not valid in its place. Either the next file goes on from there (its head
 * has the right previous and first), or the log ends there. That end is damage if and only if a block that is valid in
 * itself, anywhere in the directory, says in `durable` that later records were durable, or stands where it does not
 * belong. Otherwise what lies behind it was never acknowledged and is filled with zeroes.
 *
 *   block    size  field
 *        0     8  checksum     XXH3-64 of bytes 8..4095; the seed is made of store and shard
 *        8     8  previous     checksum of the block before
 *       16     8  salt         random for each use of a file: blocks of an earlier use never pass
 *       24     8  sequence     of the file: 1, 2, 3 ... in the order of the log
 *       32     8  durable      records up to this one were durable before this block was written
 *       40     8  first        position of the first record that begins in this block or, if none does, behind it
 *       48     4  place        number of the block in its file, 0 for the head
 *       52     2  used         bytes of the stream in this block; the rest is zero
 *       54     2  begin        offset in them of the first record that begins here, 0xffff if none does
 *       56  4040  stream
 *
 *   stream of a head            record in the stream
 *        0     8  "SHOALLOG"         0     4  count      bytes of the body; 0: was lost, and a repair said so
 *        8     4  version  1         4     4  zero
 *       12     4  shard              8     8  position   1, 2, 3 ...
 *       16     8  store             16     8  checksum   XXH3-64 of the body, seed is position
 *       24     8  file_bytes        24        body
 *
 * All numbers are little-endian.
 */
#ifndef SH_LOG_FORMAT_H
#define SH_LOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum {
    SH_LOG_VERSION = 1,
    SH_LOG_BLOCK_BYTES = 4096,
    SH_LOG_STREAM_BYTES = 4040,
    SH_LOG_BEGIN_NONE = 0xffff,
};

struct sh_log_block {
    uint64_t checksum;
    uint64_t previous;
    uint64_t salt;
    uint64_t sequence;
    uint64_t durable;
    uint64_t first;
    uint32_t place;
    uint16_t used;
    uint16_t begin;
    uint8_t stream[SH_LOG_STREAM_BYTES];
};
_Static_assert(sizeof(struct sh_log_block) == SH_LOG_BLOCK_BYTES, "written to disk as is: no padding");
_Static_assert(offsetof(struct sh_log_block, stream) == 56, "the head of a block is 56 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they are in memory");

struct sh_log_head {
    uint8_t magic[8];
    uint32_t version;
    uint32_t shard;
    uint64_t store;
    uint64_t file_bytes;
};
_Static_assert(sizeof(struct sh_log_head) == 32, "written to disk as is: no padding");

struct sh_log_record_head {
    uint32_t count;
    uint32_t zero;
    uint64_t position;
    uint64_t checksum;
};
_Static_assert(sizeof(struct sh_log_record_head) == 24, "written to disk as is: no padding");

uint64_t sh_log_seed(uint64_t store, uint32_t shard);
uint64_t sh_log_block_checksum(const struct sh_log_block *block, uint64_t seed);
/* Valid in itself: the checksum is right. A block of zeroes is not. */
bool sh_log_block_is_valid(const struct sh_log_block *block, uint64_t seed);
bool sh_log_block_is_zero(const struct sh_log_block *block);

/* Fill in a head's stream and what does not depend on its place in the log. */
void sh_log_head_write(struct sh_log_block *block, uint64_t store, uint32_t shard, uint64_t file_bytes);
/* Is it a head that is valid in itself, by its own store and shard? SH_ERR_NOT_FOUND if not (no words: most likely it
 * is a file of zeroes), SH_ERR_UNSUPPORTED for a version that this program does not know. */
SH_MUST_CHECK enum sh_status sh_log_head_read(const struct sh_log_block *block, struct sh_log_head *head,
                                              struct sh_error *err);

uint64_t sh_log_record_checksum(uint64_t position, const uint8_t *bytes, size_t count);
/* The same for a body in pieces. */
struct sh_log_piece;
uint64_t sh_log_pieces_checksum(uint64_t position, const struct sh_log_piece *pieces, uint32_t piece_count);
/* Blocks that so many bytes of the stream take. */
uint64_t sh_log_blocks(uint64_t stream_bytes);

#endif
