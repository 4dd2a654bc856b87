/* aliases_archive.c -- other names of users as a section of an archive.
 *
 *   section aliases 1
 *     u8 has_any; if so the table of ids, u32 count of its slots, then for each
 *       u32 target, u32 next; both 0 for a place that is not live
 */
#include "aliases.h"
#include "memory.h"

enum { ALIASES_VERSION = 1 };
_Static_assert(sizeof(struct sh_alias) == 8, "written as is: no padding");

void sh_aliases_save(const struct sh_aliases *aliases, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "aliases", ALIASES_VERSION);
    sh_archive_put_u8(writer, aliases->ids != NULL);
    if (aliases->ids != NULL) {
        const struct sh_bitmap *live = sh_table_live(aliases->ids);
        const uint32_t count = sh_table_slot_end(aliases->ids);
        sh_table_save(aliases->ids, writer);
        sh_archive_put_u32(writer, count);
        for (uint32_t place = 0; place < count; place++) {
            const struct sh_alias none = {0};
            sh_archive_put(writer, sh_bitmap_contains(live, place) ? &aliases->list[place] : &none, sizeof none);
        }
    }
    sh_archive_end(writer);
}

/* Walks each user's ring; all of them together are as long as there are names, so none goes astray. */
static const char *fault_of_rings(const struct sh_aliases *aliases, uint32_t count) {
    const struct sh_bitmap *live = sh_table_live(aliases->ids);
    const uint64_t name_count = sh_bitmap_count(live);
    struct sh_bitmap_iterator iterator;
    uint64_t in_rings = 0;
    sh_bitmap_iterate(&iterator, live);
    for (uint32_t place; sh_bitmap_iterator_next(&iterator, &place);) {
        const struct sh_alias alias = aliases->list[place];
        if (alias.target >= count || alias.next >= count || !sh_bitmap_contains(live, alias.target) ||
            !sh_bitmap_contains(live, alias.next))
            return "a name leads to a user who is not there";
    }
    sh_bitmap_iterate(&iterator, live);
    for (uint32_t place; sh_bitmap_iterator_next(&iterator, &place);) {
        if (aliases->list[place].target != place) continue;
        if (aliases->list[place].next == place) return "a user without other names is kept among the aliases";
        uint32_t at = place;
        do {
            at = aliases->list[at].next;
            if (aliases->list[at].target != place || ++in_rings > name_count) return "a ring of names is broken";
        } while (at != place);
    }
    return in_rings == name_count ? NULL : "a name is in no ring";
}

static void load_rings(struct sh_aliases *aliases, struct sh_archive_reader *reader) {
    const uint32_t count = sh_archive_get_u32(reader);
    if (count != sh_table_slot_end(aliases->ids)) {
        (void)sh_archive_refuse(reader, "there are %u places in rings, but not as many names", count);
        return;
    }
    aliases->list = sh_archive_get_array(reader, count, sizeof *aliases->list);
    if (aliases->list == NULL) return;
    aliases->capacity = count;
    const char *fault = fault_of_rings(aliases, count);
    if (fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
}

enum sh_status sh_aliases_load(struct sh_aliases *aliases, struct sh_archive_reader *reader) {
    sh_assert(sh_aliases_are_none(aliases));
    if (sh_archive_enter(reader, "aliases", ALIASES_VERSION) == 0) return sh_archive_status(reader, NULL);
    if (sh_archive_get_bool(reader)) {
        if (sh_table_load(&aliases->ids, reader) == SH_OK) load_rings(aliases, reader);
    }
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
