/* log_record.h -- one part of a writing request as bytes of its shard's log.
 *
 * A record holds all that sh_shard_apply needs to do the part again: replaying a shard's records, in order, gives the
 * shard. A method goes by its name, because numbers of methods change from version to version.
 *
 *   offset  size  field                 all numbers are little-endian
 *        0     1  version               1
 *        1     1  kind                  enum sh_part_kind
 *        2     1  method_bytes          1 .. 255
 *        3     1  workspace_bytes       1 .. SH_NAME_BYTES_MAX
 *        4     1  client_bytes          0 .. SH_NAME_BYTES_MAX; 0 if and only if seq is 0
 *        5     1  source                LESSON: the shard that taught; 0 otherwise
 *        6     2  zero
 *        8     8  now_ms                the request's clock
 *       16     8  id                    of the request, the same for all its parts and lessons
 *       24     8  number                EVERY, END: among all such writes, from 1; 0 otherwise
 *       32     8  seq                   the client's number
 *       40     4  params_bytes
 *       44     4  zero
 *       48        method, workspace, client, params; nothing behind them
 *
 * A record is valid if and only if all of this holds. Its checksum is the log's business.
 */
#ifndef SH_LOG_RECORD_H
#define SH_LOG_RECORD_H

#include "shard.h"

enum {
    SH_LOG_RECORD_VERSION = 1,
    SH_LOG_RECORD_FIXED_BYTES = 48,
    /* All but the params. */
    SH_LOG_RECORD_HEAD_BYTES_MAX = SH_LOG_RECORD_FIXED_BYTES + UINT8_MAX + 2 * SH_NAME_BYTES_MAX,
};

/* What a record says beyond the request. */
struct sh_log_record {
    enum sh_part_kind kind;
    uint32_t source;
    uint64_t number;
    struct sh_request request; /* without a clock; its texts and params stand in the record's bytes */
};

/* Write all but the params, which follow as they are. Returns how many bytes that is. */
uint32_t sh_log_record_write(const struct sh_log_record *record, uint8_t head[SH_LOG_RECORD_HEAD_BYTES_MAX]);
/* SH_ERR_CORRUPT, with the offset in the record, if the bytes are no valid record; SH_ERR_UNSUPPORTED if they are of a
 * later version, or of a method that this build does not have. */
SH_MUST_CHECK enum sh_status sh_log_record_read(const uint8_t *bytes, size_t byte_count, struct sh_log_record *record,
                                                struct sh_error *err);

#endif
