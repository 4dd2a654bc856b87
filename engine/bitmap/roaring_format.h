/* roaring_format.h -- audiences in the public RoaringFormatSpec ("portable" format), both ways.
 *
 * The keys are any u32 that the caller chose (an integer attribute, numeric external ids), never slots: a set of them
 * is an sh_bitmap like any other. ClickHouse, Doris, Spark and pyroaring read what is written here.
 *
 * All numbers are little-endian.
 *
 *   without run containers                      with run containers
 *   4  cookie 12346                             2  cookie 12347
 *   4  container_count, 0..65536                2  container_count - 1
 *                                               (container_count + 7) / 8   bit i: container i is runs
 *   then for each container
 *   2  key (upper 16 bits), strictly ascending
 *   2  cardinality - 1
 *   then, unless there are run containers and fewer than 4 containers in all, for each container
 *   4  byte offset of its data from the first byte of the cookie
 *   then the data of each container, one after another
 *      runs                       2 run_count, then for each run 2 first, 2 length - 1
 *      else cardinality <= 4096   cardinality * 2: the lower 16 bits, ascending
 *      else                       8192: 65,536 bits, lowest first
 */
#ifndef SH_ROARING_FORMAT_H
#define SH_ROARING_FORMAT_H

#include "bitmap.h"
#include "buffer.h"

/* Append the bytes. Each container is written in its smallest form (runs if it is a tie), whatever form the block
 * has in memory, so equal sets give equal bytes, the same that libroaring writes for a set that it has just optimized.
 * SH_ERR_LIMIT if the buffer is full, SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_roaring_write(const struct sh_bitmap *bitmap, struct sh_buffer *buffer,
                                              struct sh_error *err);
/* How many bytes sh_roaring_write would append. */
uint64_t sh_roaring_byte_count(const struct sh_bitmap *bitmap);

/* Read foreign bytes: *bitmap becomes their set (it keeps its array_count_max). The bytes are valid if and only if they
 * are laid out as above from the first byte to the last, the offsets are those of the data, cardinalities are those of
 * the containers, and arrays and runs are ascending (runs may touch, and are then joined, but not overlap). Anything
 * else is SH_ERR_ARGUMENT with the byte position, and *bitmap is as it was.
 * Memory: at most 4 times byte_count, and 1 MiB for the directory. */
SH_MUST_CHECK enum sh_status sh_roaring_read(struct sh_bitmap *bitmap, const void *bytes, size_t byte_count,
                                             struct sh_error *err);

#endif
