/* bench_record.h -- what a benchmark measured, told to bench/run.
 *
 * A program prints its figures for people as ever. With SHOAL_BENCH_RECORD=FILE in the environment it also appends a line
 * of JSON a series to that file: which question it answers (`group`, `row`), who answered it (`side`: shoal, reference,
 * or a peer's name), every sample, and the answer itself, so that bench/run can hold all sides to the same answer, draw
 * distributions, and say what lies inside the noise. Without the variable nothing is written.
 *
 *   {"group": "audience", "row": "Q2", "title": "...", "side": "shoal", "unit": "us", "samples": [751.2, ...],
 *    "answer": "10352", "floor_bytes": 13750000, "users": 10000000}
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdint.h>

struct bench_record {
    const char *group;
    const char *row;
    const char *title; /* the question in a few words; NULL: as of an earlier series of this row */
    const char *side;
    const char *unit; /* "us" or "ms" (less is better), or "/s", "GB/s" (more is better) */
    const double *samples;
    uint32_t sample_count;
    /* Instead of samples, of a distribution too long to tell: pairs of a part (0.5, 0.99) and its value. */
    const double (*quantiles)[2];
    uint32_t quantile_count;
    const char *answer; /* equal for all sides of a row; NULL: the program itself has compared */
    double floor_bytes; /* that must be read at least to answer; 0: not told */
    uint64_t users;     /* how large the shop was; 0: the row knows no users */
};

/* Ends the program with a message when the file cannot be written. */
void bench_record_write(const struct bench_record *record);

/* One number, of a row that is no question to several sides: memory, a rate. */
void bench_record_number(const char *group, const char *row, const char *side, const char *unit, double number);

/* For qsort: doubles, ascending. */
int bench_by_value(const void *left, const void *right);
/* The middle one of at least one; sorts them. */
double bench_median(double *values, uint32_t count);

#endif
