/* export_pages.c -- the next page of each kind of part.
 *
 *   kind          cursor                        asked of the server
 *   users         "N OFFSET", into the spool    nothing (ids alone), or user.get {ids, fields}
 *   numbers       the same                      nothing
 *   feeds         the same                      feed.batch {users, feed, now}
 *   memberships   "SEGMENT N OFFSET"            nothing: its spool is the segment's
 *   items         item.list's own               item.list, item.get {ids, fields}
 *   events        event.list's own              event.list
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "json_params.h"
#include "memory.h"

static enum sh_status write_row(struct export *export) {
    const char *separator = export_asked(export, "separator");
    const char *format = export_asked(export, "format");
    return export_write_row(strcmp(format, "jsonl") == 0 ? EXPORT_JSONL : EXPORT_CSV, export->columns.columns,
                            export->values, export->columns.count, separator != NULL ? separator : "|", &export->page,
                            export->err);
}

/* A text or a number as msgpack, which is what rows are made of: room has 5 + 255 bytes. */
static struct shoal_client_value text_value(struct sh_text text, unsigned char *room) {
    room[0] = 0xD9;
    room[1] = (unsigned char)text.count;
    memcpy(room + 2, text.bytes, text.count);
    return (struct shoal_client_value){room, 2 + (size_t)text.count};
}

static struct shoal_client_value number_value(uint32_t number, unsigned char *room) {
    room[0] = 0xCE;
    for (int i = 0; i < 4; i++)
        room[1 + i] = (unsigned char)(number >> (24 - 8 * i));
    return (struct shoal_client_value){room, 5};
}

enum { VALUE_BYTES = 260 };

/* ---- Of the spool ---- */

struct place {
    uint64_t segment;
    uint64_t number; /* of the id in its audience */
    uint64_t offset;
};

static struct place read_place(const char *cursor, bool has_segment) {
    struct place place = {0};
    char *end = NULL;
    if (cursor[0] == '\0') return place;
    if (has_segment) place.segment = strtoull(cursor, &end, 10);
    place.number = strtoull(has_segment ? end : cursor, &end, 10);
    place.offset = strtoull(end, NULL, 10);
    return place;
}

static void write_place(struct export_part *part, struct place place, bool has_segment) {
    if (has_segment)
        (void)snprintf(part->cursor, sizeof part->cursor, "%" PRIu64 " %" PRIu64 " %" PRIu64, place.segment,
                       place.number, place.offset);
    else
        (void)snprintf(part->cursor, sizeof part->cursor, "%" PRIu64 " %" PRIu64, place.number, place.offset);
}

/* A page of ids, in memory until free_ids. */
struct id_page {
    struct sh_buffer room;
    struct sh_text *ids;
    uint32_t count;
};

static enum sh_status read_page(struct export *export, struct place *place, uint32_t count, struct id_page *page) {
    *page = (struct id_page){.ids = sh_alloc(count * sizeof *page->ids)};
    sh_buffer_init(&page->room, EXPORT_PAGE_BYTES_MAX);
    if (page->ids == NULL) return sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for a page of ids");
    const enum sh_status status = export_read_ids(export, &place->offset, count, &page->room, page->ids, &page->count);
    place->number += page->count;
    return status;
}

static void free_ids(struct id_page *page) {
    sh_buffer_deinit(&page->room);
    sh_free(page->ids);
}

static void write_ids(struct shoal_client_writer *params, const char *name, const struct id_page *page) {
    shoal_client_write_literal(params, name);
    shoal_client_write_array(params, page->count);
    for (uint32_t i = 0; i < page->count; i++)
        shoal_client_write_text(params, page->ids[i].bytes, page->ids[i].count);
}

static void write_fields(struct shoal_client_writer *params, const json_t *fields) {
    const json_t *field;
    size_t i;
    shoal_client_write_literal(params, "fields");
    shoal_client_write_array(params, (uint32_t)json_array_size(fields));
    json_array_foreach(fields, i, field) {
        shoal_client_write_literal(params, json_string_value(field));
    }
}

/* Ids alone: segment NULL, or in front of each. first: the number of the page's first id, for "numbers". */
static enum sh_status write_bare(struct export *export, struct export_part *part, const struct id_page *page,
                                 const char *segment, bool has_numbers, uint64_t first) {
    unsigned char room[2][VALUE_BYTES];
    enum sh_status status = SH_OK;
    if (has_numbers && first + page->count > UINT64_C(1) << 32)
        return sh_fail(export->err, SH_ERR_LIMIT, -1, "more users than numbers of 32 bits");
    for (uint32_t i = 0; i < page->count && status == SH_OK; i++) {
        uint32_t at = 0;
        if (segment != NULL) export->values[at++] = text_value(sh_text_of(segment), room[0]);
        if (has_numbers) export->values[at++] = number_value((uint32_t)(first + i), room[0]);
        export->values[at] = text_value(page->ids[i], room[1]);
        status = write_row(export);
        part->rows++;
    }
    return status;
}

/* The values of a row's map in the order of the columns, which is the one they were asked in. */
static void take_row(struct export *export, struct shoal_client_value row) {
    struct shoal_client_walk walk = shoal_client_walk_begin(row);
    struct shoal_client_value key, value;
    uint32_t next = 0;
    memset(export->values, 0, export->columns.count * sizeof *export->values);
    while (shoal_client_walk_next(&walk, &key, &value)) {
        size_t length = 0;
        const char *name = shoal_client_text(key, &length);
        for (uint32_t turn = 0; turn < export->columns.count; turn++) {
            const uint32_t i = (next + turn) % export->columns.count;
            const struct sh_text column = export->columns.columns[i].name;
            if (column.count != length || memcmp(column.bytes, name, length) != 0) continue;
            export->values[i] = value;
            next = i + 1;
            break;
        }
    }
}

static enum sh_status write_rows(struct export *export, struct export_part *part, struct shoal_client_value rows) {
    struct shoal_client_walk walk = shoal_client_walk_begin(rows);
    struct shoal_client_value row;
    enum sh_status status = SH_OK;
    while (status == SH_OK && shoal_client_walk_next(&walk, NULL, &row)) {
        if (shoal_client_value_kind(row) != SHOAL_CLIENT_MAP) { /* forgotten since the ids were frozen */
            export->skipped++;
            continue;
        }
        take_row(export, row);
        status = write_row(export);
        part->rows++;
    }
    return status;
}

/* user.get or item.get of these ids. */
static enum sh_status get_rows(struct export *export, struct export_part *part, const char *method,
                               const struct id_page *page) {
    struct shoal_client_answer answer;
    const bool of_items = strcmp(method, "item.get") == 0;
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, 2);
    write_ids(export->params, "ids", page);
    write_fields(export->params, json_object_get(json_object_get(export->asked, "fields"), part->kind));
    const enum sh_status status = export_call(export, method, &answer);
    if (status != SH_OK) return status;
    return write_rows(export, part, shoal_client_get(answer.result, of_items ? "items" : "users"));
}

static enum sh_status next_users(struct export *export, struct export_part *part, bool has_numbers, bool *is_last) {
    const json_t *fields = json_object_get(json_object_get(export->asked, "fields"), part->kind);
    const bool is_bare = has_numbers || json_array_size(fields) == 0;
    struct place place = read_place(part->cursor, false);
    const uint64_t first = place.number;
    struct id_page page;
    enum sh_status status = read_page(export, &place, is_bare ? EXPORT_ID_PAGE : EXPORT_ROW_PAGE, &page);
    if (status == SH_OK && page.count > 0)
        status = is_bare ? write_bare(export, part, &page, NULL, has_numbers, first)
                         : get_rows(export, part, "user.get", &page);
    free_ids(&page);
    write_place(part, place, false);
    *is_last = place.offset >= export->spool.bytes;
    return status;
}

/* ---- Memberships ---- */

static enum sh_status next_memberships(struct export *export, struct export_part *part, bool *is_last) {
    const json_t *segments = json_object_get(export->asked, "segments");
    struct place place = read_place(part->cursor, true);
    const char *segment = json_string_value(json_array_get(segments, (size_t)place.segment));
    struct sh_buffer where;
    struct id_page page;
    *is_last = segment == NULL;
    if (*is_last) return SH_OK;
    sh_buffer_init(&where, 4096);
    sh_buffer_print(&where, "in_segment('");
    for (const char *at = segment; *at != '\0'; at++)
        sh_buffer_print(&where, *at == '\'' ? "''" : "%c", *at);
    sh_buffer_append(&where, "')", 3);
    enum sh_status status = sh_buffer_status(&where, export->err);
    if (status == SH_OK)
        status = export_fetch_ids(export, &(struct export_audience){.where = (const char *)where.bytes,
                                                                    .purpose = export_asked(export, "for"),
                                                                    .number = (uint32_t)place.segment});
    sh_buffer_deinit(&where);
    if (status != SH_OK) return status;
    status = read_page(export, &place, EXPORT_ID_PAGE, &page);
    if (status == SH_OK) status = write_bare(export, part, &page, segment, false, 0);
    free_ids(&page);
    if (place.offset >= export->spool.bytes) {
        place = (struct place){.segment = place.segment + 1};
        export->spool = (struct export_sums){0};
        export_drop_ids(export);
        *is_last = place.segment == json_array_size(segments);
    }
    write_place(part, place, true);
    return status;
}

/* ---- Feeds ---- */

static enum sh_status write_feed(struct export *export, struct export_part *part, struct shoal_client_value feed) {
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(feed, "items"));
    struct shoal_client_value item;
    unsigned char room[VALUE_BYTES];
    enum sh_status status = SH_OK;
    for (uint32_t place = 1; status == SH_OK && shoal_client_walk_next(&walk, NULL, &item); place++) {
        take_row(export, shoal_client_get(item, "fields"));
        export->values[0] = shoal_client_get(feed, "user");
        export->values[1] = number_value(place, room);
        export->values[2] = shoal_client_get(item, "id");
        export->values[3] = shoal_client_get(item, "score");
        status = write_row(export);
        part->rows++;
    }
    return status;
}

static enum sh_status next_feeds(struct export *export, struct export_part *part, bool *is_last) {
    struct place place = read_place(part->cursor, false);
    struct id_page page;
    struct shoal_client_answer answer;
    enum sh_status status = read_page(export, &place, EXPORT_FEED_PAGE, &page);
    if (status == SH_OK && page.count > 0) {
        shoal_client_writer_clear(export->params);
        const char *purpose = export_asked(export, "for"); /* also of those who have said so since */
        shoal_client_write_map(export->params, 3u + (purpose != NULL));
        if (purpose != NULL) write_key_text(export->params, "for", purpose);
        write_ids(export->params, "users", &page);
        shoal_client_write_literal(export->params, "feed");
        json_params_write(export->params, json_object_get(export->asked, "feed"));
        shoal_client_write_literal(export->params, "now");
        shoal_client_write_integer(export->params, export->as_of_ms);
        status = export_call(export, "feed.batch", &answer);
        struct shoal_client_walk walk = shoal_client_walk_begin(
            status == SH_OK ? shoal_client_get(answer.result, "feeds") : (struct shoal_client_value){0});
        struct shoal_client_value feed;
        while (status == SH_OK && shoal_client_walk_next(&walk, NULL, &feed))
            status = write_feed(export, part, feed);
    }
    free_ids(&page);
    write_place(part, place, false);
    *is_last = place.offset >= export->spool.bytes;
    return status;
}

/* ---- Items and events ---- */

/* The cursor of an answer, or the end. */
static enum sh_status take_cursor(struct export *export, struct export_part *part, struct shoal_client_value result,
                                  bool *is_last) {
    size_t length = 0;
    const char *cursor = shoal_client_text(shoal_client_get(result, "cursor"), &length);
    *is_last = cursor == NULL;
    if (*is_last) return SH_OK;
    if (length >= sizeof part->cursor)
        return sh_fail(export->err, SH_ERR_PROTOCOL, -1, "the server's cursor is too long");
    memcpy(part->cursor, cursor, length);
    part->cursor[length] = '\0';
    return SH_OK;
}

static enum sh_status next_items(struct export *export, struct export_part *part, bool *is_last) {
    struct shoal_client_answer answer;
    struct id_page page = {0};
    const bool has_cursor = part->cursor[0] != '\0';
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, 1u + has_cursor);
    shoal_client_write_literal(export->params, "limit");
    shoal_client_write_integer(export->params, EXPORT_ROW_PAGE);
    if (has_cursor) write_key_text(export->params, "cursor", part->cursor);
    enum sh_status status = export_call(export, "item.list", &answer);
    if (status == SH_OK) status = take_cursor(export, part, answer.result, is_last);
    if (status != SH_OK) return status;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "ids"));
    struct shoal_client_value id;
    page.ids = sh_alloc(EXPORT_ROW_PAGE * sizeof *page.ids);
    sh_buffer_init(&page.room, EXPORT_PAGE_BYTES_MAX);
    if (page.ids == NULL) status = sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for a page of ids");
    /* The answer goes with the next call: ids are copied behind each other, then pointed to. */
    while (status == SH_OK && page.count < EXPORT_ROW_PAGE && shoal_client_walk_next(&walk, NULL, &id)) {
        size_t length = 0;
        const char *text = shoal_client_text(id, &length);
        sh_buffer_append(&page.room, text, length);
        page.ids[page.count++].count = (uint32_t)length;
    }
    if (status == SH_OK) status = sh_buffer_status(&page.room, export->err);
    const char *at = (const char *)page.room.bytes;
    for (uint32_t i = 0; i < page.count && status == SH_OK; i++) {
        page.ids[i].bytes = at;
        at += page.ids[i].count;
    }
    if (status == SH_OK && page.count > 0) status = get_rows(export, part, "item.get", &page);
    free_ids(&page);
    return status;
}

static enum sh_status next_events(struct export *export, struct export_part *part, bool *is_last) {
    static const char *const names[] = {"from", "until"};
    const json_t *types = json_object_get(export->asked, "types");
    struct shoal_client_answer answer;
    uint32_t pair_count = 1;
    shoal_client_writer_clear(export->params);
    const size_t map = shoal_client_begin_map(export->params);
    shoal_client_write_literal(export->params, "limit");
    shoal_client_write_integer(export->params, EXPORT_EVENT_PAGE);
    if (types != NULL) {
        shoal_client_write_literal(export->params, "types");
        json_params_write(export->params, types);
        pair_count++;
    }
    if (part->cursor[0] != '\0') {
        write_key_text(export->params, "cursor", part->cursor);
        pair_count++;
    }
    /* A shop has those that are dated later, too. */
    if (part->cursor[0] == '\0' && strcmp(export_asked(export, "kind"), "shop") == 0) {
        write_key_text(export->params, "until", "9999-12-31");
        pair_count++;
    }
    for (uint32_t i = 0; i < 2 && part->cursor[0] == '\0'; i++) {
        if (export_asked(export, names[i]) == NULL) continue;
        write_key_text(export->params, names[i], export_asked(export, names[i]));
        pair_count++;
    }
    if (part->cursor[0] == '\0' && export->as_of_ms != 0) {
        shoal_client_write_literal(export->params, "now");
        shoal_client_write_integer(export->params, export->as_of_ms);
        pair_count++;
    }
    shoal_client_end(export->params, map, pair_count);
    enum sh_status status = export_call(export, "event.list", &answer);
    if (status == SH_OK) status = take_cursor(export, part, answer.result, is_last);
    return status == SH_OK ? write_rows(export, part, shoal_client_get(answer.result, "events")) : status;
}

enum sh_status export_next_page(struct export *export, struct export_part *part, bool *is_last) {
    sh_buffer_clear(&export->page);
    if (strcmp(part->kind, "users") == 0) return next_users(export, part, false, is_last);
    if (strcmp(part->kind, "numbers") == 0) return next_users(export, part, true, is_last);
    if (strcmp(part->kind, "memberships") == 0) return next_memberships(export, part, is_last);
    if (strcmp(part->kind, "feeds") == 0) return next_feeds(export, part, is_last);
    if (strcmp(part->kind, "items") == 0) return next_items(export, part, is_last);
    if (strcmp(part->kind, "events") == 0) return next_events(export, part, is_last);
    return sh_fail(export->err, SH_ERR_CORRUPT, -1, "the manifest names a part of a kind that is not known: %s",
                   part->kind);
}
