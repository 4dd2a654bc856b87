/* catalogue_archive.c -- the segments as a section of an archive.
 *
 *   section segments 1
 *     u64 version, u32 count, then ascending by name
 *       name, note, u32 count of versions, then for each    u32 number, i64 changed_ms, its text
 *       counted   u8 is_known; if so u8 is_timeless, u64 count, i64 now_ms, u64 write_version, u32 version,
 *                 u64 catalogue
 *
 * Who uses whom is read from the texts in force, and depths follow from that.
 */
#include "catalogue_private.h"
#include "memory.h"

enum {
    SEGMENTS_VERSION = 1,
    SEGMENT_BYTES_MIN = 4 + 4 + 4 + 1, /* in the archive, at least */
    VERSION_BYTES_MIN = 4 + 8 + 4,
};

/* ---- Saving ---- */

static void save_counted(const struct sh_segment_count *counted, struct sh_archive_writer *writer) {
    sh_archive_put_u8(writer, counted->is_known);
    if (!counted->is_known) return;
    sh_archive_put_u8(writer, counted->is_timeless);
    sh_archive_put_u64(writer, counted->count);
    sh_archive_put_i64(writer, counted->now_ms);
    sh_archive_put_u64(writer, counted->write_version);
    sh_archive_put_u32(writer, counted->version);
    sh_archive_put_u64(writer, counted->catalogue);
}

void sh_catalogue_save(const struct sh_catalogue *segments, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "segments", SEGMENTS_VERSION);
    sh_archive_put_u64(writer, segments->version);
    sh_archive_put_u32(writer, segments->count);
    for (uint32_t i = 0; i < segments->count; i++) {
        const struct sh_segment *segment = segments->list[i];
        sh_archive_put_text(writer, segment->name);
        sh_archive_put_text(writer, segment->note);
        sh_archive_put_u32(writer, segment->version_count);
        for (uint32_t v = 0; v < segment->version_count; v++) {
            sh_archive_put_u32(writer, segment->versions[v].number);
            sh_archive_put_i64(writer, segment->versions[v].changed_ms);
            sh_archive_put_text(writer, segment->versions[v].text);
        }
        save_counted(&segment->counted, writer);
    }
    sh_archive_end(writer);
}

/* ---- Loading ---- */

static void load_counted(struct sh_segment_count *counted, struct sh_archive_reader *reader) {
    counted->is_known = sh_archive_get_bool(reader);
    if (!counted->is_known) return;
    counted->is_timeless = sh_archive_get_bool(reader);
    counted->count = sh_archive_get_u64(reader);
    counted->now_ms = sh_archive_get_i64(reader);
    counted->write_version = sh_archive_get_u64(reader);
    counted->version = sh_archive_get_u32(reader);
    counted->catalogue = sh_archive_get_u64(reader);
    if (counted->now_ms < SH_INSTANT_MIN || counted->now_ms > SH_INSTANT_MAX)
        (void)sh_archive_refuse(reader, "the count of a segment is of no time");
}

static bool load_versions(struct sh_segment *segment, struct sh_archive_reader *reader) {
    const uint32_t count =
        sh_archive_get_count(reader, SH_SEGMENT_VERSION_COUNT_MAX, VERSION_BYTES_MIN, "versions of a segment");
    if (sh_archive_failed(reader)) return false;
    segment->versions = sh_alloc(SH_SEGMENT_VERSION_COUNT_MAX * sizeof *segment->versions);
    if (segment->versions == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sh_segment_version version = {.number = sh_archive_get_u32(reader)};
        version.changed_ms = sh_archive_get_i64(reader);
        version.text = sh_archive_get_text(reader, SH_EXPRESSION_BYTES_MAX, "the text of a segment");
        if (sh_archive_failed(reader)) return false;
        segment->versions[segment->version_count++] = version;
        if (!sh_text_is_utf8(version.text)) (void)sh_archive_refuse(reader, "the text of a segment is not UTF-8");
        if (version.number == 0 || (i > 0 && version.number != segment->versions[i - 1].number + 1)) {
            (void)sh_archive_refuse(reader, "the versions of a segment do not rise by one");
            return false;
        }
    }
    if (count == 0) (void)sh_archive_refuse(reader, "a segment has no version");
    return count > 0;
}

static bool load_segment(struct sh_segment *segment, const struct sh_segment *before,
                         struct sh_archive_reader *reader) {
    segment->name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a segment");
    segment->note = sh_archive_get_text(reader, SH_NOTE_BYTES_MAX, "the note of a segment");
    if (sh_archive_failed(reader) || !load_versions(segment, reader)) return false;
    load_counted(&segment->counted, reader);
    if (!sh_text_is_utf8(segment->name) || !sh_text_is_utf8(segment->note) || segment->name.count == 0)
        (void)sh_archive_refuse(reader, "the name or the note of a segment is not UTF-8");
    else if (before != NULL && sh_text_compare(before->name, segment->name) >= 0)
        (void)sh_archive_refuse(reader, "the names of segments do not ascend");
    return !sh_archive_failed(reader);
}

static bool load_list(struct sh_catalogue *segments, struct sh_archive_reader *reader) {
    segments->version = sh_archive_get_u64(reader);
    const uint32_t count = sh_archive_get_count(reader, SH_SEGMENT_COUNT_MAX, SEGMENT_BYTES_MIN, "segments");
    if (sh_grow((void **)&segments->list, &segments->capacity, count, sizeof *segments->list) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sh_segment *segment = sh_alloc_zero(sizeof *segment);
        if (segment == NULL) {
            (void)sh_archive_refuse_memory(reader);
            return false;
        }
        segments->list[segments->count++] = segment;
        if (!load_segment(segment, i == 0 ? NULL : segments->list[i - 1], reader)) return false;
    }
    return !sh_archive_failed(reader);
}

/* What the text in force uses. `found` has room for all segments. */
static bool find_uses(struct sh_catalogue *segments, struct sh_segment *segment, struct sh_segment **found,
                      struct sh_archive_reader *reader) {
    struct segment_uses uses = {.segments = segments, .list = found, .self = segment->name};
    struct sh_error err;
    struct sh_node *tree;
    sh_arena_reset(&segments->cache);
    const enum sh_status status = sh_query_parse(sh_segment_in_force(segment)->text, &segments->cache, &tree, &err);
    if (status == SH_ERR_MEMORY || status == SH_ERR_LIMIT) /* the arena got none: the text fitted when it was put */
        (void)sh_archive_refuse_memory(reader);
    else if (status != SH_OK)
        (void)sh_archive_refuse(reader, "the text of a segment is no expression: %s", err.message);
    if (status != SH_OK) return false;
    collect_uses(&uses, tree);
    segment->uses = sh_alloc(uses.count * sizeof(struct sh_segment *));
    if (segment->uses == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    if (uses.count > 0) memcpy(segment->uses, found, uses.count * sizeof(struct sh_segment *));
    segment->use_count = uses.count;
    return true;
}

/* A chain of n segments has its depths after n passes; a ring never has. */
static bool find_depths(struct sh_catalogue *segments, struct sh_archive_reader *reader) {
    bool changed = true;
    for (uint32_t pass = 0; changed && pass <= SH_SEGMENT_DEPTH_MAX; pass++) {
        changed = false;
        for (uint32_t i = 0; i < segments->count; i++) {
            struct sh_segment *segment = segments->list[i];
            const uint32_t depth = depth_above(segment->uses, segment->use_count);
            changed = changed || depth != segment->depth;
            segment->depth = depth;
        }
    }
    for (uint32_t i = 0; i < segments->count; i++)
        changed = changed || segments->list[i]->depth > SH_SEGMENT_DEPTH_MAX;
    if (changed) (void)sh_archive_refuse(reader, "segments use each other in a ring, or in a chain that is too long");
    return !changed;
}

static bool load_all(struct sh_catalogue *segments, struct sh_archive_reader *reader) {
    if (!load_list(segments, reader)) return false;
    struct sh_segment **found = sh_alloc(segments->count * sizeof(struct sh_segment *));
    if (found == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    bool ok = true;
    for (uint32_t i = 0; ok && i < segments->count; i++)
        ok = find_uses(segments, segments->list[i], found, reader);
    sh_free((void *)found);
    sh_arena_reset(&segments->cache);
    return ok && find_depths(segments, reader);
}

enum sh_status sh_catalogue_load(struct sh_catalogue *segments, struct sh_archive_reader *reader) {
    sh_assert(segments->count == 0);
    if (sh_archive_enter(reader, "segments", SEGMENTS_VERSION) != 0 && load_all(segments, reader))
        sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
