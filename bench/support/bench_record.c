#include "bench_record.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Titles and answers are written by the programs themselves: quotes and backslashes are all that can be in the way. */
static void write_text(FILE *file, const char *key, const char *text) {
    if (text == NULL) return;
    (void)fprintf(file, ", \"%s\": \"", key);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') (void)fputc('\\', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

static double told(double number) {
    return isfinite(number) ? number : 0;
}

void bench_record_write(const struct bench_record *record) {
    const char *path = getenv("SHOAL_BENCH_RECORD");
    if (path == NULL || *path == 0) return;
    FILE *file = fopen(path, "a");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    (void)fprintf(file, "{\"group\": \"%s\"", record->group);
    write_text(file, "row", record->row);
    write_text(file, "title", record->title);
    write_text(file, "side", record->side);
    write_text(file, "unit", record->unit);
    write_text(file, "answer", record->answer);
    if (record->floor_bytes > 0) (void)fprintf(file, ", \"floor_bytes\": %.0f", record->floor_bytes);
    if (record->users > 0) (void)fprintf(file, ", \"users\": %" PRIu64, record->users);
    (void)fprintf(file, ", \"samples\": [");
    for (uint32_t i = 0; i < record->sample_count; i++)
        (void)fprintf(file, "%s%.6g", i == 0 ? "" : ", ", told(record->samples[i]));
    (void)fprintf(file, "], \"quantiles\": [");
    for (uint32_t i = 0; i < record->quantile_count; i++)
        (void)fprintf(file, "%s[%g, %.6g]", i == 0 ? "" : ", ", record->quantiles[i][0], told(record->quantiles[i][1]));
    (void)fprintf(file, "]}\n");
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

void bench_record_number(const char *group, const char *row, const char *side, const char *unit, double number) {
    bench_record_write(&(struct bench_record){
        .group = group, .row = row, .side = side, .unit = unit, .samples = &number, .sample_count = 1});
}

int bench_by_value(const void *left, const void *right) {
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_median(double *values, uint32_t count) {
    qsort(values, count, sizeof *values, bench_by_value);
    return values[count / 2];
}
