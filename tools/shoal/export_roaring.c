/* export_roaring.c -- an audience as a set of 32-bit numbers in the public RoaringFormatSpec (portable).
 *
 * Which number a user is (asked.key):
 *   id           the id itself, which must be a number
 *   NAME         that attribute of users, an int; who has none is left out
 *   absent       the line of a table beside it (number,id: all users, ascending by the bytes of their ids), so that sets
 *                written with one table can be crossed elsewhere
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "export.h"
#include "memory.h"
#include "record.h"
#include "roaring_format.h"

static enum sh_status add(struct sh_bitmap *bitmap, int64_t number, struct sh_text id, struct sh_error *err) {
    bool is_new;
    if (number < 0 || number > UINT32_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the number of '%.*s' is %" PRId64 ", which has no 32 bits",
                       SH_TEXT_ARGS(id), number);
    if (sh_bitmap_add(bitmap, (uint32_t)number, &is_new) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a bitmap");
    if (is_new) return SH_OK;
    return sh_fail(err, SH_ERR_CONFLICT, -1, "'%.*s' has the number %" PRId64 ", and so has somebody else",
                   SH_TEXT_ARGS(id), number);
}

/* ---- The id is the number ---- */

static enum sh_status add_by_id(struct sh_bitmap *bitmap, struct sh_text id, struct sh_error *err) {
    char digits[16];
    char *end = digits;
    if (id.count < sizeof digits) {
        memcpy(digits, id.bytes, id.count);
        digits[id.count] = '\0';
    }
    const unsigned long long number =
        id.count < sizeof digits && digits[0] >= '0' && digits[0] <= '9' ? strtoull(digits, &end, 10) : 0;
    if (end != digits && *end == '\0' && (id.count == 1 || digits[0] != '0'))
        return add(bitmap, (int64_t)number, id, err);
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "the id '%.*s' is no number", SH_TEXT_ARGS(id));
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "without --key a table says which number each user has");
}

/* ---- An attribute is the number ---- */

static enum sh_status add_by_attribute(struct export *export, struct sh_bitmap *bitmap, const char *key,
                                       const struct sh_text *ids, uint32_t count) {
    struct shoal_client_answer answer;
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, 2);
    shoal_client_write_literal(export->params, "ids");
    shoal_client_write_array(export->params, count);
    for (uint32_t i = 0; i < count; i++)
        shoal_client_write_text(export->params, ids[i].bytes, ids[i].count);
    shoal_client_write_literal(export->params, "fields");
    shoal_client_write_array(export->params, 1);
    shoal_client_write_literal(export->params, key);
    enum sh_status status = export_call(export, "user.get", &answer);
    if (status != SH_OK) return status;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "users"));
    struct shoal_client_value user;
    for (uint32_t i = 0; status == SH_OK && shoal_client_walk_next(&walk, NULL, &user); i++) {
        const struct shoal_client_value number = shoal_client_get(user, key);
        const enum shoal_client_kind kind = shoal_client_value_kind(number);
        if (kind == SHOAL_CLIENT_INTEGER) {
            status = add(bitmap, shoal_client_integer(number, -1), ids[i], export->err);
        } else if (kind == SHOAL_CLIENT_ABSENT || kind == SHOAL_CLIENT_NIL) {
            export->skipped++;
        } else {
            status = sh_fail(export->err, SH_ERR_TYPE, -1, "`%s` is no int: it cannot be the number of a user", key);
        }
    }
    return status;
}

/* ---- A table says the number: both are in the order of ids ---- */

struct table {
    struct record_reader reader;
    struct sh_text wanted[2];
    bool at_end;
    int64_t number;
};

static enum sh_status next_line(struct table *table, struct sh_error *err) {
    const enum sh_status status = record_next(&table->reader, &table->at_end, err);
    if (status != SH_OK || table->at_end) return status;
    char digits[16] = "";
    const struct sh_text number = table->reader.values[0].text;
    if (table->reader.values[0].present && number.count < sizeof digits) memcpy(digits, number.bytes, number.count);
    char *end;
    table->number = (int64_t)strtoull(digits, &end, 10);
    if (end != digits && *end == '\0' && table->reader.values[1].present) return SH_OK;
    return sh_fail(err, SH_ERR_CORRUPT, -1, "line %" PRIu64 " of the table is no number and id",
                   table->reader.line_number);
}

static enum sh_status table_open(struct export *export, struct table *table) {
    static const struct record_options options = {.format = MAPPING_CSV, .has_header = true};
    char path[PATH_MAX];
    const char *given = export_asked(export, "table");
    *table = (struct table){.wanted = {SH_TEXT_LITERAL("number"), SH_TEXT_LITERAL("id")}};
    enum sh_status status = SH_OK;
    if (given != NULL)
        (void)snprintf(path, sizeof path, "%s", given);
    else
        status = export_path(export, export->parts[0].file, "", path, export->err);
    if (status == SH_OK) status = record_open(&table->reader, path, NULL, &options, table->wanted, 2, 2, export->err);
    return status == SH_OK ? next_line(table, export->err) : status;
}

/* Who came after the table was made is left out. */
static enum sh_status add_by_table(struct export *export, struct sh_bitmap *bitmap, struct table *table,
                                   struct sh_text id) {
    while (!table->at_end && sh_text_compare(table->reader.values[1].text, id) < 0) {
        const enum sh_status status = next_line(table, export->err);
        if (status != SH_OK) return status;
    }
    if (!table->at_end && sh_text_equal(table->reader.values[1].text, id))
        return add(bitmap, table->number, id, export->err);
    export->skipped++;
    return SH_OK;
}

/* ---- All of them ---- */

static enum sh_status gather(struct export *export, struct sh_bitmap *bitmap, struct table *table) {
    const char *key = export_asked(export, "key");
    struct sh_text *ids = sh_alloc(EXPORT_ROW_PAGE * sizeof *ids);
    struct sh_buffer room;
    uint64_t offset = 0;
    enum sh_status status = ids != NULL ? SH_OK : sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for ids");
    sh_buffer_init(&room, EXPORT_PAGE_BYTES_MAX);
    while (status == SH_OK && offset < export->spool.bytes) {
        uint32_t count;
        status = export_read_ids(export, &offset, EXPORT_ROW_PAGE, &room, ids, &count);
        if (status == SH_OK && key != NULL && strcmp(key, "id") != 0) {
            status = add_by_attribute(export, bitmap, key, ids, count);
            continue;
        }
        for (uint32_t i = 0; i < count && status == SH_OK; i++)
            status = key != NULL ? add_by_id(bitmap, ids[i], export->err) : add_by_table(export, bitmap, table, ids[i]);
    }
    sh_buffer_deinit(&room);
    sh_free(ids);
    return status;
}

enum sh_status export_write_roaring(struct export *export, struct export_part *part) {
    const bool has_table = export_asked(export, "key") == NULL;
    const uint64_t skipped = export->skipped;
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    struct table *table = NULL;
    enum sh_status status = SH_OK;
    if (has_table) {
        table = sh_alloc_zero(sizeof *table);
        status = table == NULL ? sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for a table")
                               : table_open(export, table);
        if (status != SH_OK) {
            sh_free(table);
            return status;
        }
    }
    status = gather(export, &bitmap, table);
    if (has_table) record_close(&table->reader);
    sh_free(table);
    sh_buffer_clear(&export->page);
    if (status == SH_OK) status = sh_roaring_write(&bitmap, &export->page, export->err);
    part->rows = bitmap.count;
    sh_bitmap_deinit(&bitmap);
    if (status != SH_OK) export->skipped = skipped;
    return status;
}
