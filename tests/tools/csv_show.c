#include "csv_show.h"

#include <stdio.h>
#include <stdlib.h>

#include "csv.h"

static void show_record(FILE *out, const struct csv_reader *reader) {
    (void)fprintf(out, "%llu:", (unsigned long long)reader->line_number);
    for (uint32_t i = 0; i < reader->field_count; i++) {
        const char *quote = reader->forms[i] == CSV_QUOTED ? "\"" : "";
        (void)fprintf(out, "[%s", quote);
        (void)fwrite(reader->fields[i].bytes, 1, reader->fields[i].count, out);
        (void)fprintf(out, "%s]", quote);
    }
    (void)fputc('\n', out);
}

char *csv_show(const void *bytes, size_t byte_count, size_t piece_bytes, char delimiter, size_t *shown_bytes) {
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    struct input *input;
    struct csv_reader reader;
    struct sh_error err;
    if (out == NULL || input_open_memory(bytes, byte_count, piece_bytes, &input, &err) != SH_OK) abort();
    csv_init(&reader, input, delimiter);
    for (;;) {
        bool at_end;
        const enum sh_status status = csv_next(&reader, &at_end, &err);
        if (status == SH_OK && !at_end) {
            show_record(out, &reader);
            continue;
        }
        if (status == SH_ERR_SYNTAX) {
            const struct sh_text raw = csv_raw(&reader);
            (void)fprintf(out, "%llu!", (unsigned long long)reader.line_number);
            (void)fwrite(raw.bytes, 1, raw.count, out);
            (void)fputc('\n', out);
            continue;
        }
        (void)fprintf(out, "=%s", sh_status_name(status));
        break;
    }
    csv_deinit(&reader);
    input_close(input);
    if (fclose(out) != 0) abort();
    if (shown_bytes != NULL) *shown_bytes = text_bytes;
    return text;
}
