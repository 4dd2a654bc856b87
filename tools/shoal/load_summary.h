/* load_summary.h -- what a load counts, the reject file, and the summary at its end. */
#ifndef SHOAL_LOAD_SUMMARY_H
#define SHOAL_LOAD_SUMMARY_H

#include <stdio.h>

#include "rows.h"

enum { LOAD_REASON_COUNT_MAX = 64, LOAD_REASON_BYTES_MAX = 160 };

/* Rows by reason. Reasons that only differ in the values shown are one: they are cut at the first quote. */
struct load_reason {
    char words[LOAD_REASON_BYTES_MAX];
    uint64_t count;
};

struct load_distinct; /* a set of 64-bit hashes: exact but for one chance in 2^64 a pair */

struct load_total {
    struct row_source source; /* bound to the file that is read */
    struct mapping_summary summary;
    uint64_t lines; /* records of event files */
    struct load_distinct *distinct;
    __int128 sum;              /* units of 10^-18 */
    uint64_t unreadable_count; /* no number, or too large for an exact sum */
    bool seen;                 /* a file had its columns */
};

struct load_counts {
    uint64_t lines;   /* records read, over all files */
    uint64_t read[3]; /* rows taken, by mapping_kind */
    uint64_t accepted[3];
    uint64_t created[3];
    uint64_t duplicates; /* events that were there already */
    uint64_t refused;    /* bad rows: by the reader, the converter or the server */
    uint64_t aside;
    struct load_reason reasons[LOAD_REASON_COUNT_MAX];
    uint32_t reason_count;
    struct load_total *totals;
    uint32_t total_count;
    double seconds;
};

void load_count_reason(struct load_counts *counts, struct sh_text words);
/* Add a record to the totals whose columns its file has. What the section calls absent is absent here, too. */
void load_add_totals(struct load_counts *counts, const struct mapping_section *section,
                     const struct record_reader *record);
void load_counts_deinit(struct load_counts *counts);
void load_print_summary(const struct load_counts *counts, const char *rejects_path, FILE *out);
void load_print_summary_json(const struct load_counts *counts, const char *rejects_path, FILE *out);

/* The reject file: CSV with the columns file, line, reason, record; made when the first row is refused. */
struct load_rejects {
    const char *path;
    FILE *file;
    uint64_t count;
};
/* False when it cannot be written; then errno says why, and a load must not go on silently. */
bool load_reject(struct load_rejects *rejects, const char *file, uint64_t line, struct sh_text reason,
                 struct sh_text record);
bool load_rejects_close(struct load_rejects *rejects);

#endif
