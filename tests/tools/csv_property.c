/* csv_property.c -- random tables written as CSV and read back, in windows of every size; and random bytes, which must
 * be read the same in every window. Run: csv_property SEED COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv_show.h"
#include "split_random.h"

static struct split_random rng;

/* A field's bytes lean towards those that matter. */
static size_t random_bytes(char *bytes, size_t byte_count_max) {
    static const char *const parts[] = {"a",
                                        "b",
                                        ",",
                                        ";",
                                        "\"",
                                        "\"\"",
                                        "\n",
                                        "\r",
                                        "\r\n",
                                        " ",
                                        "0123",
                                        "\xE6\x88\x90",
                                        "\t",
                                        "\xEF\xBB\xBF",
                                        "xyzxyzxyzxyzxyz",
                                        "\xFF"};
    size_t count = 0;
    for (uint64_t left = split_length(&rng, 40); left > 0; left--) {
        const char *part = parts[split_below(&rng, sizeof parts / sizeof parts[0])];
        if (count + strlen(part) > byte_count_max) break;
        memcpy(bytes + count, part, strlen(part));
        count += strlen(part);
    }
    return count;
}

static bool must_quote(const char *bytes, size_t byte_count, char delimiter) {
    return memchr(bytes, '"', byte_count) != NULL || memchr(bytes, '\n', byte_count) != NULL ||
           memchr(bytes, '\r', byte_count) != NULL || memchr(bytes, delimiter, byte_count) != NULL ||
           (byte_count >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0);
}

static void write_field(FILE *csv, FILE *wanted, char delimiter, bool may_be_bare) {
    char bytes[512];
    const size_t byte_count = random_bytes(bytes, sizeof bytes);
    const bool quoted = !may_be_bare || must_quote(bytes, byte_count, delimiter) || split_one_in(&rng, 3);
    if (quoted) (void)fputc('"', csv);
    for (size_t i = 0; i < byte_count; i++) {
        if (bytes[i] == '"') (void)fputc('"', csv);
        (void)fputc(bytes[i], csv);
    }
    if (quoted) (void)fputc('"', csv);
    (void)fputs(quoted ? "[\"" : "[", wanted);
    (void)fwrite(bytes, 1, byte_count, wanted);
    (void)fputs(quoted ? "\"]" : "]", wanted);
}

/* A table as CSV, and what the reader must say of it. */
static void write_table(char **csv, size_t *csv_bytes, char **wanted, char delimiter) {
    size_t wanted_bytes;
    FILE *csv_file = open_memstream(csv, csv_bytes);
    FILE *wanted_file = open_memstream(wanted, &wanted_bytes);
    if (csv_file == NULL || wanted_file == NULL) abort();
    uint64_t line = 1;
    if (split_one_in(&rng, 4)) (void)fputs("\xEF\xBB\xBF", csv_file);
    const uint64_t record_count = split_length(&rng, 20);
    const uint64_t field_count = 1 + split_length(&rng, 100);
    for (uint64_t record = 0; record < record_count; record++) {
        while (split_one_in(&rng, 8)) {
            (void)fputs("\r\n", csv_file);
            line++;
        }
        (void)fprintf(wanted_file, "%llu:", (unsigned long long)line);
        (void)fflush(csv_file);
        const size_t before = *csv_bytes;
        for (uint64_t field = 0; field < field_count; field++) {
            if (field > 0) (void)fputc(delimiter, csv_file);
            write_field(csv_file, wanted_file, delimiter, field_count > 1);
        }
        (void)fflush(csv_file);
        for (size_t i = before; i < *csv_bytes; i++)
            line += (*csv)[i] == '\n';
        (void)fputc('\n', wanted_file);
        if (record + 1 < record_count || !split_one_in(&rng, 2))
            (void)fputs(split_one_in(&rng, 2) ? "\n" : "\r\n", csv_file);
        line++;
    }
    (void)fputs("=ok", wanted_file);
    if (fclose(csv_file) != 0 || fclose(wanted_file) != 0) abort();
}

static bool same(const char *csv, size_t csv_bytes, size_t piece_bytes, char delimiter, const char *wanted) {
    char *shown = csv_show(csv, csv_bytes, piece_bytes, delimiter, NULL);
    const bool is_same = strcmp(shown, wanted) == 0;
    if (!is_same)
        (void)fprintf(stderr, "in pieces of %zu, of %zu bytes:\n%s\nis read as\n%s\nnot\n%s\n", piece_bytes, csv_bytes,
                      csv, shown, wanted);
    free(shown);
    return is_same;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 2000;
    (void)printf("reproduce: ./csv_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    rng.state = seed;
    for (uint64_t round = 0; round < count; round++) {
        static const char delimiters[] = ",;\t|";
        const char delimiter = delimiters[split_below(&rng, 4)];
        char *csv = NULL;
        char *wanted = NULL;
        size_t csv_bytes = 0;
        const bool is_table = split_one_in(&rng, 2);
        if (is_table) {
            write_table(&csv, &csv_bytes, &wanted, delimiter);
        } else { /* bytes as they come: no zero among them, so that texts can be compared */
            csv = malloc(600);
            if (csv == NULL) abort();
            csv_bytes = random_bytes(csv, 500);
            csv[csv_bytes] = '\0';
            wanted = csv_show(csv, csv_bytes, 0, delimiter, NULL);
        }
        bool is_same = true;
        for (size_t piece = 0; piece < 20 && is_same; piece++)
            is_same = same(csv, csv_bytes, piece, delimiter, wanted);
        for (uint32_t i = 0; i < 10 && is_same; i++)
            is_same = same(csv, csv_bytes, 1 + split_below(&rng, csv_bytes + 1), delimiter, wanted);
        free(csv);
        free(wanted);
        if (!is_same) {
            (void)fprintf(stderr, "round %llu\n", (unsigned long long)round);
            return 1;
        }
    }
    return 0;
}
