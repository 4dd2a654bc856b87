/* Any bytes as a mapping. One that is taken is bound to a tiny file that has every column it names, in CSV and in JSON
 * Lines, with cells of all kinds: what is packed must be whole rows that the engine's cursor reads, with as many cells
 * as names. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cursor.h"
#include "rows.h"

enum { COLUMN_COUNT_MAX = 40 };

static const char *const cells[] = {"1",   "-2.5", "true", "2011-01-02 03:04:05", "02/01/2011",
                                    "a|b", "C5",   "",     "1293937445"};

static void check_row(const struct row_encoder *encoder, const uint8_t *bytes, size_t byte_count) {
    struct sh_cursor cursor;
    struct sh_value row;
    const struct mapping_section *section = encoder->section;
    const uint32_t wanted = section->field_count + (section->kind == MAPPING_EVENTS ? 6 : 1);
    sh_cursor_init(&cursor, bytes, byte_count);
    if (sh_cursor_next(&cursor, &row, NULL) != SH_OK || row.kind != SH_VALUE_ARRAY || row.count != wanted) abort();
    for (uint32_t i = 0; i < row.count; i++)
        if (sh_cursor_skip(&cursor, NULL, NULL) != SH_OK) abort();
    if (!sh_cursor_at_end(&cursor)) abort();
}

static void encode(struct row_encoder *encoder, const struct record_reader *record) {
    struct sh_buffer rows;
    struct sh_text reason = {"", 0};
    struct sh_error err;
    sh_buffer_init(&rows, 1 << 16);
    for (uint32_t turn = 0; turn < 2; turn++) {
        const size_t before = rows.count;
        if (row_encode(encoder, record, &rows, &reason, &err) == ROW_TAKEN)
            check_row(encoder, rows.bytes + before, rows.count - before);
        else if (rows.count != before || rows.failed)
            abort();
    }
    sh_buffer_deinit(&rows);
}

static void put_quoted(FILE *out, struct sh_text name, bool is_json) {
    (void)fputc('"', out);
    for (uint32_t i = 0; i < name.count; i++) {
        if (is_json && (uint8_t)name.bytes[i] < 0x20) {
            (void)fprintf(out, "\\u%04x", name.bytes[i]);
            continue;
        }
        if (name.bytes[i] == '"' || (is_json && name.bytes[i] == '\\')) (void)fputc(is_json ? '\\' : '"', out);
        (void)fputc(name.bytes[i], out);
    }
    (void)fputc('"', out);
}

/* Every wanted column, each row with the cells one further. */
static void write_file(FILE *out, const struct sh_text *wanted, uint32_t count, bool is_json) {
    for (uint32_t i = 0; i < count && !is_json; i++) {
        if (i > 0) (void)fputc(',', out);
        put_quoted(out, wanted[i], false);
    }
    if (!is_json) (void)fputc('\n', out);
    for (uint32_t row = 0; row < 9; row++) {
        if (is_json) (void)fputc('{', out);
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0) (void)fputc(',', out);
            if (is_json) {
                put_quoted(out, wanted[i], true);
                (void)fputc(':', out);
            }
            const uint32_t kind = (row + i) % 9;
            if (is_json && kind == 8)
                (void)fputs("[\"a\", \"b\"]", out);
            else if (is_json)
                (void)fprintf(out, kind < 3 ? "%s" : "\"%s\"", cells[kind]);
            else
                (void)fputs(cells[kind], out);
        }
        (void)fputs(is_json ? "}\n" : "\n", out);
    }
}

static void run_section(const struct mapping_section *section, const struct sh_zone *zone, struct sh_arena *arena,
                        bool is_json) {
    static struct sh_text wanted[ROW_WANTED_COUNT_MAX];
    uint32_t wanted_count = 0;
    struct row_encoder encoder;
    struct sh_error err;
    if (row_encoder_init(&encoder, section, zone, wanted, &wanted_count, arena, &err) != SH_OK) return;
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    if (out == NULL) abort();
    if (wanted_count <= COLUMN_COUNT_MAX) write_file(out, wanted, wanted_count, is_json);
    if (fclose(out) != 0) abort();
    struct input *input;
    struct record_reader record;
    const struct record_options options = {.format = is_json ? MAPPING_JSONL : MAPPING_CSV, .has_header = true};
    if (input_open_memory(text, text_bytes, 0, &input, &err) != SH_OK) abort();
    if (record_open(&record, "fuzz", input, &options, wanted, wanted_count, wanted_count, &err) == SH_OK) {
        for (;;) {
            bool at_end;
            const enum sh_status status = record_next(&record, &at_end, &err);
            if (status == SH_ERR_SYNTAX) continue;
            if (status != SH_OK || at_end) break;
            encode(&encoder, &record);
        }
        record_close(&record);
    }
    row_encoder_deinit(&encoder);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    static struct sh_zone *zone;
    if (zone == NULL && sh_zone_open(SH_TEXT_LITERAL("Europe/London"), &zone, NULL) != SH_OK) abort();
    if (byte_count > MAPPING_BYTES_MAX) return 0;
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_error err = {.position = 0};
    sh_arena_init(&arena, 4 << 20);
    const enum sh_status status =
        mapping_parse((struct sh_text){(const char *)bytes, (uint32_t)byte_count}, &arena, &mapping, &err);
    if (status != SH_OK && err.position > (int64_t)byte_count) abort();
    if (status != SH_OK && !sh_text_is_utf8(sh_text_of(err.message))) abort();
    for (uint32_t i = 0; status == SH_OK && i < mapping.section_count && i < 3; i++) {
        run_section(&mapping.sections[i], zone, &arena, false);
        run_section(&mapping.sections[i], zone, &arena, true);
    }
    sh_arena_deinit(&arena);
    return 0;
}
