#include "rows_show.h"

#include <stdio.h>
#include <stdlib.h>

#include "msgpack_text.h"
#include "rows.h"

static void need(enum sh_status status, const struct sh_error *err) {
    if (status == SH_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    abort();
}

static void show_record(FILE *out, struct row_encoder *encoder, const struct record_reader *record,
                        struct sh_buffer *rows) {
    struct sh_text reason = {"", 0};
    struct sh_error err;
    struct sh_buffer text;
    const size_t before = rows->count;
    switch (row_encode(encoder, record, rows, &reason, &err)) {
    case ROW_PASSED:
        (void)fputs("-\n", out);
        break;
    case ROW_ASIDE:
        (void)fprintf(out, "aside: %.*s\n", SH_TEXT_ARGS(reason));
        break;
    case ROW_REJECTED:
        (void)fprintf(out, "no: %s\n", err.message);
        break;
    case ROW_TAKEN:
        sh_buffer_init(&text, 1 << 24);
        text_of_msgpack(rows->bytes + before, rows->count - before, 0, &text);
        (void)fprintf(out, "%.*s\n", (int)text.count, (const char *)text.bytes);
        sh_buffer_deinit(&text);
        return;
    }
    if (rows->count != before || rows->failed) abort(); /* nothing is left of a row that was not taken */
}

char *rows_show(const char *mapping_text, const char *path, const char *text) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    static struct sh_text wanted[ROW_WANTED_COUNT_MAX];
    uint32_t wanted_count = 0;
    struct mapping mapping;
    struct sh_arena arena;
    struct sh_error err;
    struct sh_zone *zone;
    struct input *input;
    struct row_encoder encoder;
    struct record_reader record;
    struct sh_buffer rows;
    sh_arena_init(&arena, 1 << 20);
    sh_buffer_init(&rows, 1 << 16);
    need(mapping_parse(sh_text_of(mapping_text), &arena, &mapping, &err), &err);
    need(sh_zone_open(mapping.zone, &zone, &err), &err);
    const struct mapping_section *section = &mapping.sections[0];
    need(row_encoder_init(&encoder, section, zone, wanted, &wanted_count, &arena, &err), &err);
    need(input_open_memory(text, strlen(text), 0, &input, &err), &err);
    const struct record_options options = {.has_header = section->has_header,
                                           .columns = section->columns,
                                           .column_count = section->column_count,
                                           .delimiter = section->delimiter};
    need(record_open(&record, path, input, &options, wanted, wanted_count, wanted_count, &err), &err);
    for (bool at_end = false; need(record_next(&record, &at_end, &err), &err), !at_end;)
        show_record(out, &encoder, &record, &rows);
    record_close(&record);
    row_encoder_deinit(&encoder);
    sh_buffer_deinit(&rows);
    sh_zone_close(zone);
    sh_arena_deinit(&arena);
    if (fclose(out) != 0) abort();
    return shown;
}
