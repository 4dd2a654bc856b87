/* progress.h -- how far a load is, on standard error: a bar that redraws itself on a terminal, one line a file
 * elsewhere. */
#ifndef SHOAL_PROGRESS_H
#define SHOAL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool wanted;
    bool terminal;
    const char *file;
    uint64_t file_bytes; /* 0: unknown */
    uint64_t rows;       /* since the load began */
    uint64_t rows_before;
    uint64_t bytes;
    double started;
    double shown;
};

void progress_init(struct progress *progress, bool wanted);
void progress_file(struct progress *progress, const char *path, uint64_t file_bytes);
/* rows: read since the load began; file_position: bytes of this file. Draws at most ten times a second. */
void progress_show(struct progress *progress, uint64_t rows, uint64_t file_position);
void progress_file_done(struct progress *progress, uint64_t rows);
void progress_deinit(struct progress *progress);

#endif
