/* archive_list.c -- the sections of an archive, for who wants to look at one or to find where it is damaged. */
#include "archive_private.h"
#include "memory.h"

struct list {
    struct sh_archive_entry *entries;
    uint32_t count;
    uint32_t capacity;
    uint32_t open[SH_ARCHIVE_DEPTH_MAX]; /* entries whose sections did not end yet */
};

static void begin(struct list *list, struct sh_archive_reader *reader) {
    const uint64_t offset = sh_archive_offset(reader) - sizeof(struct sh_archive_frame); /* of the head just read */
    void *entries = list->entries;
    const enum sh_status status = sh_grow(&entries, &list->capacity, (uint64_t)list->count + 1, sizeof *list->entries);
    list->entries = entries;
    if (status != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    const uint32_t depth = reader->depth - 2; /* below the outermost section, and the one that was entered */
    const struct sh_archive_section *section = &reader->open[reader->depth - 1];
    struct sh_archive_entry *entry = &list->entries[list->count];
    *entry = (struct sh_archive_entry){.version = section->version, .depth = depth, .offset = offset};
    memcpy(entry->name, section->name, SH_ARCHIVE_NAME_BYTES_MAX);
    list->open[depth] = list->count++;
}

static void end(struct list *list, struct sh_archive_reader *reader) {
    struct sh_archive_entry *entry = &list->entries[list->open[reader->depth - 2]];
    entry->byte_count = sh_archive_offset(reader) - entry->offset;
    sh_archive_leave(reader);
}

enum sh_status sh_archive_list(struct sh_archive_source source, uint64_t byte_count, struct sh_archive_entry **entries,
                               uint32_t *entry_count, struct sh_error *err) {
    struct sh_archive_reader reader;
    struct list list = {.entries = NULL};
    sh_archive_reader_init(&reader, source, byte_count);
    while (!sh_archive_failed(&reader)) {
        if (sh_archive_enter_any(&reader))
            begin(&list, &reader);
        else if (!sh_archive_at_end(&reader))
            sh_archive_pass(&reader);
        else if (reader.depth > 1)
            end(&list, &reader);
        else
            break;
    }
    const enum sh_status status = sh_archive_close(&reader, err);
    sh_archive_reader_deinit(&reader);
    *entries = list.entries;
    *entry_count = list.count;
    return status;
}
