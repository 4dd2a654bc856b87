/* archive_fuzz.c -- bytes that somebody made up, in place of what a module wrote. Checksums are no help against those,
 * so the input is put into frames that are right, or is taken as frames with the checksums ignored.
 *
 * The first byte chooses: 0 frames as they are, 1 bitmap, 2 strip, 3 column, 4 dictionary, else a table. In what is put
 * into frames, 0xFE 0..4 begins a section (table, ids, attribute, tags, timers), 0xFE 5 ends it, and 0xFE 6 is 0xFE.
 *
 * What is refused says where. What is taken stands being checked, is saved and loaded again to the same bytes, and if
 * it is a table, stands every row being forgotten. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "archive.h"
#include "table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

static const char *const names[] = {"table", "ids", "attribute", "tags", "timers"};
enum { ESCAPE = 0xFE, NAME_COUNT = 5, ESCAPE_END = NAME_COUNT, DEPTH_MAX = SH_ARCHIVE_DEPTH_MAX - 1 };

/* ---- The things that are loaded ---- */

union thing {
    struct sh_bitmap bitmap;
    struct sh_strip strip;
    struct sh_column column;
    struct sh_dictionary dictionary;
    struct sh_table *table;
};

enum kind { KIND_FRAMES, KIND_BITMAP, KIND_STRIP, KIND_COLUMN, KIND_DICTIONARY, KIND_TABLE };

static enum sh_status load(enum kind kind, union thing *thing, struct sh_archive_reader *reader) {
    switch (kind) {
    case KIND_BITMAP:
        sh_bitmap_init(&thing->bitmap, SH_ARRAY_COUNT_FAST);
        return sh_bitmap_load(&thing->bitmap, reader);
    case KIND_STRIP:
        sh_strip_init(&thing->strip);
        return sh_strip_load(&thing->strip, 1 << 20, reader);
    case KIND_COLUMN:
        sh_column_init(&thing->column);
        return sh_column_load(&thing->column, 100, reader);
    case KIND_DICTIONARY:
        sh_dictionary_init(&thing->dictionary, 1000);
        return sh_dictionary_load(&thing->dictionary, reader);
    default:
        return sh_table_load(&thing->table, reader);
    }
}

static void save(enum kind kind, const union thing *thing, struct sh_archive_writer *writer) {
    if (kind == KIND_BITMAP)
        sh_bitmap_save(&thing->bitmap, writer);
    else if (kind == KIND_STRIP)
        sh_strip_save(&thing->strip, writer);
    else if (kind == KIND_COLUMN)
        sh_column_save(&thing->column, writer);
    else if (kind == KIND_DICTIONARY)
        sh_dictionary_save(&thing->dictionary, writer);
    else
        sh_table_save(thing->table, writer);
}

/* All rules hold; across the rows of a table they are for sh_table_check to find, not for the loader. */
static void check(enum kind kind, const union thing *thing) {
    if (kind == KIND_BITMAP)
        sh_assert(sh_bitmap_check(&thing->bitmap, NULL));
    else if (kind == KIND_STRIP)
        sh_assert(sh_strip_check(&thing->strip, NULL));
    else if (kind == KIND_COLUMN)
        sh_assert(sh_column_check(&thing->column, NULL));
    else if (kind == KIND_DICTIONARY)
        sh_assert(sh_dictionary_check(&thing->dictionary, NULL));
    else
        (void)sh_table_check(thing->table, NULL);
}

static void forget_all(struct sh_table *table) {
    const bool is_whole = sh_table_check(table, NULL);
    for (uint32_t slot = 0; slot < sh_table_slot_end(table); slot++)
        if (sh_bitmap_contains(sh_table_live(table), slot))
            sh_assert(sh_table_forget(table, slot, UINT64_MAX) == SH_OK);
    sh_table_reuse_before(table, UINT64_MAX);
    sh_assert(sh_bitmap_count(sh_table_live(table)) == 0);
    sh_assert(!is_whole || sh_table_check(table, NULL));
}

static void deinit(enum kind kind, union thing *thing) {
    if (kind == KIND_BITMAP) {
        sh_bitmap_deinit(&thing->bitmap);
    } else if (kind == KIND_STRIP) {
        sh_strip_deinit(&thing->strip);
    } else if (kind == KIND_COLUMN) {
        sh_column_deinit(&thing->column);
    } else if (kind == KIND_DICTIONARY) {
        sh_dictionary_deinit(&thing->dictionary);
    } else {
        forget_all(thing->table);
        sh_table_destroy(thing->table);
    }
}

/* ---- Bytes into frames ---- */

static void escaped(struct sh_archive_writer *writer, uint32_t *depth, uint8_t code) {
    static const uint8_t literal = ESCAPE;
    if (code < NAME_COUNT && *depth < DEPTH_MAX) {
        sh_archive_begin(writer, names[code], 1);
        (*depth)++;
    } else if (code == ESCAPE_END && *depth > 0) {
        sh_archive_end(writer);
        (*depth)--;
    } else {
        sh_archive_put(writer, &literal, 1);
    }
}

static void frame(struct sh_buffer *buffer, const uint8_t *bytes, size_t byte_count) {
    struct sh_archive_writer writer;
    uint32_t depth = 0;
    sh_archive_writer_init(&writer, sh_archive_to_buffer(buffer));
    for (size_t i = 0; i < byte_count; i++) {
        if (bytes[i] != ESCAPE || i + 1 == byte_count)
            sh_archive_put(&writer, &bytes[i], 1);
        else
            escaped(&writer, &depth, bytes[++i]);
    }
    for (; depth > 0; depth--)
        sh_archive_end(&writer);
    sh_assert(sh_archive_finish(&writer, NULL) == SH_OK);
    sh_archive_writer_deinit(&writer);
}

/* ---- One input ---- */

static bool load_all(enum kind kind, union thing *thing, const void *bytes, size_t byte_count, bool ignores_checksums) {
    struct sh_archive_bytes source = {.bytes = bytes, .count = byte_count};
    struct sh_archive_reader reader;
    struct sh_error err = {.position = -1};
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), byte_count);
    reader.ignores_checksums = ignores_checksums;
    enum sh_status status = load(kind, thing, &reader);
    if (status == SH_OK && (status = sh_archive_close(&reader, &err)) != SH_OK) deinit(kind, thing);
    if (status != SH_OK) {
        sh_assert(sh_archive_status(&reader, &err) == status);
        sh_assert(status == SH_ERR_CORRUPT || status == SH_ERR_UNSUPPORTED);
        sh_assert(err.position >= 0);
        sh_assert((uint64_t)err.position <= byte_count);
        sh_assert(err.message[0] != 0);
    }
    sh_archive_reader_deinit(&reader);
    return status == SH_OK;
}

static void save_all(enum kind kind, const union thing *thing, struct sh_buffer *buffer) {
    struct sh_archive_writer writer;
    sh_archive_writer_init(&writer, sh_archive_to_buffer(buffer));
    save(kind, thing, &writer);
    sh_assert(sh_archive_finish(&writer, NULL) == SH_OK);
    sh_archive_writer_deinit(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) return 0;
    struct sh_buffer framed, first, second;
    union thing thing, again;
    enum kind kind = bytes[0] < KIND_TABLE ? (enum kind)bytes[0] : KIND_TABLE;
    sh_buffer_init(&framed, SIZE_MAX);
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    if (kind == KIND_FRAMES)
        sh_buffer_append(&framed, bytes + 1, byte_count - 1);
    else
        frame(&framed, bytes + 1, byte_count - 1);
    if (load_all(kind, &thing, framed.bytes, framed.count, kind == KIND_FRAMES)) {
        check(kind, &thing);
        save_all(kind, &thing, &first);
        sh_assert(load_all(kind, &again, first.bytes, first.count, false));
        save_all(kind, &again, &second);
        sh_assert(first.count == second.count);
        sh_assert(memcmp(first.bytes, second.bytes, first.count) == 0);
        deinit(kind, &again);
        deinit(kind, &thing);
    }
    sh_buffer_deinit(&framed);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
    return 0;
}
