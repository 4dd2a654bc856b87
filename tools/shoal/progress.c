#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 24, NAME_WIDTH = 28 };

static double now(void) {
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

void progress_init(struct progress *progress, bool wanted) {
    *progress = (struct progress){.wanted = wanted, .terminal = isatty(STDERR_FILENO) == 1};
}

void progress_file(struct progress *progress, const char *path, uint64_t file_bytes) {
    const char *slash = strrchr(path, '/');
    progress->file = slash == NULL ? path : slash + 1;
    progress->file_bytes = file_bytes;
    progress->rows_before = progress->rows;
    progress->bytes = 0;
    progress->started = now();
    progress->shown = 0;
}

/* The file's name in NAME_WIDTH bytes, cut at a character's start. */
static void print_name(const char *name) {
    size_t length = strlen(name);
    if (length > NAME_WIDTH) length = NAME_WIDTH;
    while (length > 0 && ((unsigned char)name[length] & 0xC0) == 0x80)
        length--;
    (void)fprintf(stderr, "%-*.*s ", NAME_WIDTH, (int)length, name);
}

static void print_count(double count) {
    if (count >= 1e6)
        (void)fprintf(stderr, "%.1f M", count / 1e6);
    else if (count >= 1e4)
        (void)fprintf(stderr, "%.0f k", count / 1e3);
    else
        (void)fprintf(stderr, "%.0f", count);
}

void progress_show(struct progress *progress, uint64_t rows, uint64_t file_position) {
    progress->rows = rows;
    progress->bytes = file_position;
    if (file_position > progress->file_bytes) progress->file_bytes = 0; /* it grows while it is read */
    if (!progress->wanted || !progress->terminal) return;
    const double at = now();
    if (at - progress->shown < 0.1) return;
    progress->shown = at;
    const double seconds = at - progress->started;
    const double done = (double)(rows - progress->rows_before);
    (void)fputs("\r\033[K", stderr);
    print_name(progress->file);
    if (progress->file_bytes > 0) {
        const double share = (double)file_position / (double)progress->file_bytes;
        const int filled = (int)(share * BAR_WIDTH);
        for (int i = 0; i < BAR_WIDTH; i++)
            (void)fputs(i < filled ? "█" : "░", stderr);
        (void)fprintf(stderr, " %3.0f %%  ", share * 100);
    }
    print_count(done);
    (void)fputs(" rows, ", stderr);
    print_count(seconds > 0 ? done / seconds : 0);
    (void)fputs("/s", stderr);
    if (progress->file_bytes > 0 && file_position > 0) {
        const double left = seconds * (double)(progress->file_bytes - file_position) / (double)file_position;
        (void)fprintf(stderr, ", %.0f s left", left);
    }
}

void progress_file_done(struct progress *progress, uint64_t rows) {
    progress->rows = rows;
    if (!progress->wanted) return;
    const double seconds = now() - progress->started;
    const double done = (double)(progress->rows - progress->rows_before);
    if (progress->terminal) (void)fputs("\r\033[K", stderr);
    print_name(progress->file);
    print_count(done);
    (void)fprintf(stderr, " rows in %.1f s (", seconds);
    print_count(seconds > 0 ? done / seconds : 0);
    (void)fputs("/s)\n", stderr);
}

void progress_deinit(struct progress *progress) {
    if (progress->wanted && progress->terminal) (void)fflush(stderr);
}
