/* privacy.c -- see privacy.h. As a section of an archive:
 *
 *   section privacy 1
 *     u32 count, then the names of what is personal, in the order given
 */
#include "privacy.h"

#include "bounds.h"
#include "cursor.h"
#include "memory.h"
#include "shard_private.h"

enum { PRIVACY_VERSION = 1 };

static void free_names(struct sh_text *names, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        sh_text_free(names[i]);
    sh_free(names);
}

void sh_privacy_deinit(struct sh_privacy *privacy) {
    free_names(privacy->names, privacy->hidden.count);
    *privacy = (struct sh_privacy){0};
}

static bool is_same(const struct sh_privacy *privacy, const struct sh_text *names, uint32_t count) {
    if (privacy->hidden.count != count) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!sh_text_equal(privacy->names[i], names[i])) return false;
    return true;
}

enum sh_status sh_privacy_set(struct sh_privacy *privacy, const struct sh_text *names, uint32_t count, bool *changed,
                              struct sh_error *err) {
    if (is_same(privacy, names, count)) return SH_OK;
    struct sh_text *copies = sh_alloc((count + 1) * sizeof *copies);
    if (copies == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (sh_text_copy(names[i], &copies[i])) continue;
        free_names(copies, i);
        return sh_fail_memory(err);
    }
    sh_privacy_deinit(privacy);
    *privacy = (struct sh_privacy){.names = copies, .hidden = {copies, count}};
    *changed = true;
    return SH_OK;
}

static bool holds(struct sh_text text, struct sh_text name) {
    return text.count >= name.count && memmem(text.bytes, text.count, name.bytes, name.count) != NULL;
}

bool sh_privacy_is_named(const struct sh_privacy *privacy, const uint8_t *params, size_t params_count) {
    struct sh_cursor cursor;
    struct sh_value value;
    sh_cursor_init(&cursor, params, params_count);
    /* Heads of containers are passed one by one, so every value within them comes by. */
    while (!sh_cursor_at_end(&cursor) && sh_cursor_next(&cursor, &value, NULL) == SH_OK) {
        for (uint32_t i = 0; value.kind == SH_VALUE_STR && i < privacy->hidden.count; i++)
            if (holds(value.text, privacy->names[i])) return true;
    }
    return false;
}

void sh_privacy_save(const struct sh_privacy *privacy, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "privacy", PRIVACY_VERSION);
    sh_archive_put_u32(writer, privacy->hidden.count);
    for (uint32_t i = 0; i < privacy->hidden.count; i++)
        sh_archive_put_text(writer, privacy->names[i]);
    sh_archive_end(writer);
}

enum sh_status sh_privacy_load(struct sh_privacy *privacy, const struct sh_table *users,
                               struct sh_archive_reader *reader) {
    struct sh_error err;
    bool changed;
    sh_assert(privacy->names == NULL);
    if (sh_archive_enter(reader, "privacy", PRIVACY_VERSION) == 0) return sh_archive_status(reader, NULL);
    struct sh_text names[SH_PERSONAL_COUNT_MAX];
    const uint32_t count =
        sh_archive_get_count(reader, SH_PERSONAL_COUNT_MAX, sizeof(uint32_t) + 1, "names of what is personal");
    uint32_t read_count = 0;
    while (read_count < count && !sh_archive_failed(reader)) {
        const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of what is personal");
        names[read_count++] = name;
        if (!sh_archive_failed(reader) && sh_table_find_attribute(users, name) < 0 &&
            sh_table_find_tag_set(users, name) < 0)
            (void)sh_archive_refuse(reader, "something is personal that users do not have");
    }
    if (!sh_archive_failed(reader) && sh_privacy_set(privacy, names, read_count, &changed, &err) != SH_OK)
        (void)sh_archive_refuse_memory(reader);
    for (uint32_t i = 0; i < read_count; i++)
        sh_free((char *)(uintptr_t)names[i].bytes);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
