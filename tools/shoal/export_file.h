/* export_file.h -- a file that grows by whole pages, plain, gzip or zstd, and can be gone on with after any stop.
 *
 *   page 1             page 2             page 3        ....
 *   [member or frame]  [member or frame]  [member or fr|
 *                                        ^ bytes: what the manifest says; behind it whatever a stop has left
 *
 * Each page is compressed by itself, so what is written depends on the page alone: a file that was interrupted and gone
 * on with has the same bytes as one that was not. gzip and zstd read such files as one stream.
 *
 * Going on reads what is there, to have its checksums, and cuts off what is behind. While it is written the file is
 * locked, and has ".part" behind its name.
 */
#ifndef SHOAL_EXPORT_FILE_H
#define SHOAL_EXPORT_FILE_H

#include <stddef.h>

#include "status.h"

enum export_packing { EXPORT_BARE, EXPORT_GZIP, EXPORT_ZSTD };
enum { EXPORT_XXH3_HEX = 32, EXPORT_SHA256_HEX = 64 };

/* Of all bytes of a file, in hexadecimal digits. */
struct export_sums {
    uint64_t bytes;
    char xxh3[EXPORT_XXH3_HEX + 1]; /* XXH3, 128 bits, canonical */
    char sha256[EXPORT_SHA256_HEX + 1];
};

struct export_file;
/* The first sums->bytes bytes must be there and have these sums (none are asked for of 0 bytes). SH_ERR_CORRUPT: they are
 * not; SH_ERR_BUSY: somebody else writes it; SH_ERR_IO. */
SH_MUST_CHECK enum sh_status export_file_open(const char *path, enum export_packing packing,
                                              const struct export_sums *sums, struct export_file **file,
                                              struct sh_error *err);
/* Behind all before. Nothing is written for 0 bytes. */
SH_MUST_CHECK enum sh_status export_file_add(struct export_file *file, const void *bytes, size_t byte_count,
                                             struct sh_error *err);
/* All that was added is on the disk, and these are its sums. */
SH_MUST_CHECK enum sh_status export_file_settle(struct export_file *file, struct export_sums *sums,
                                                struct sh_error *err);
void export_file_close(struct export_file *file); /* NULL is fine */

/* The sums of a whole file. SH_ERR_NOT_FOUND, SH_ERR_IO. */
SH_MUST_CHECK enum sh_status export_file_sum(const char *path, struct export_sums *sums, struct sh_error *err);
/* ".gz" and ".zst" at a name's end. */
enum export_packing export_packing_of(const char *path);

#endif
