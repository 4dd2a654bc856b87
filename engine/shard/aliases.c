#include "aliases.h"

#include "memory.h"

void sh_aliases_deinit(struct sh_aliases *aliases) {
    sh_table_destroy(aliases->ids);
    sh_free(aliases->list);
    *aliases = (struct sh_aliases){0};
}

static uint32_t find(const struct sh_aliases *aliases, struct sh_text id) {
    return aliases->ids == NULL ? SH_SLOT_NONE : sh_table_find(aliases->ids, id);
}

struct sh_text sh_aliases_resolve(const struct sh_aliases *aliases, struct sh_text id) {
    const uint32_t place = find(aliases, id);
    return place == SH_SLOT_NONE ? id : sh_table_id(aliases->ids, aliases->list[place].target);
}

uint32_t sh_aliases_count(const struct sh_aliases *aliases) {
    struct sh_bitmap_iterator iterator;
    uint32_t count = 0;
    if (aliases->ids == NULL) return 0;
    sh_bitmap_iterate(&iterator, sh_table_live(aliases->ids));
    for (uint32_t place; sh_bitmap_iterator_next(&iterator, &place);)
        count += aliases->list[place].target != place;
    return count;
}

static uint32_t ring_count(const struct sh_aliases *aliases, uint32_t place) {
    uint32_t count = 1;
    for (uint32_t at = aliases->list[place].next; at != place; at = aliases->list[at].next)
        count++;
    return count;
}

static uint32_t names_of(const struct sh_aliases *aliases, struct sh_text id) {
    const uint32_t place = find(aliases, id);
    return place == SH_SLOT_NONE ? 1 : ring_count(aliases, place);
}

enum sh_status sh_aliases_check_room(const struct sh_aliases *aliases, struct sh_text from, struct sh_text into,
                                     struct sh_error *err) {
    if (names_of(aliases, from) + names_of(aliases, into) <= SH_ALIAS_COUNT_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_LIMIT, -1, "the user would have more than %d ids", SH_ALIAS_COUNT_MAX);
}

/* The place of an id, alone in its ring if it is new. */
static enum sh_status intern(struct sh_aliases *aliases, struct sh_text id, uint32_t *place, bool *created,
                             struct sh_error *err) {
    const enum sh_status status = sh_table_intern(aliases->ids, id, sh_id_hash(id), place, created, err);
    if (status != SH_OK) return status;
    if (sh_grow((void **)&aliases->list, &aliases->capacity, (uint64_t)*place + 1, sizeof *aliases->list) != SH_OK) {
        if (*created && sh_table_forget(aliases->ids, *place, 0) == SH_OK) sh_table_reuse_before(aliases->ids, 1);
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
    }
    if (*created) aliases->list[*place] = (struct sh_alias){*place, *place};
    return SH_OK;
}

/* Whoever becomes another name is nobody else's yet, and whom it leads to is nobody's. */
static enum sh_status check_free(const struct sh_aliases *aliases, struct sh_text from, struct sh_text into,
                                 struct sh_error *err) {
    const struct sh_text known = sh_aliases_resolve(aliases, from);
    if (!sh_text_equal(known, from) && !sh_text_equal(known, into))
        return sh_fail(err, SH_ERR_CONFLICT, -1, "`%.*s` is another name of `%.*s` already", SH_TEXT_ARGS(from),
                       SH_TEXT_ARGS(known));
    const struct sh_text user = sh_aliases_resolve(aliases, into);
    if (sh_text_equal(user, into)) return SH_OK;
    return sh_fail(err, SH_ERR_CONFLICT, -1, "`%.*s` is another name of `%.*s`", SH_TEXT_ARGS(into),
                   SH_TEXT_ARGS(user));
}

enum sh_status sh_aliases_add(struct sh_aliases *aliases, struct sh_text from, struct sh_text into,
                              struct sh_error *err) {
    bool is_new;
    uint32_t target;
    uint32_t source;
    enum sh_status status = sh_aliases_check_room(aliases, from, into, err);
    if (status == SH_OK) status = check_free(aliases, from, into, err);
    if (status != SH_OK) return status;
    if (aliases->ids == NULL && (aliases->ids = sh_table_create()) == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
    if ((status = intern(aliases, into, &target, &is_new, err)) != SH_OK) return status;
    bool is_new_name;
    status = intern(aliases, from, &source, &is_new_name, err);
    if (status != SH_OK) {
        if (is_new && sh_table_forget(aliases->ids, target, 0) == SH_OK) sh_table_reuse_before(aliases->ids, 1);
        return status;
    }
    struct sh_alias *list = aliases->list;
    if (list[source].target == target) return SH_OK;
    uint32_t at = source;
    do {
        list[at].target = target;
        at = list[at].next;
    } while (at != source);
    const uint32_t next = list[source].next;
    list[source].next = list[target].next;
    list[target].next = next;
    return SH_OK;
}

enum sh_status sh_aliases_forget(struct sh_aliases *aliases, struct sh_text user, bool *known, struct sh_error *err) {
    const uint32_t place = find(aliases, user);
    *known = place != SH_SLOT_NONE;
    if (!*known) return SH_OK;
    const uint32_t target = aliases->list[place].target;
    /* The names first, the user last: should memory be out on the way, the ring that is left is whole. */
    while (aliases->list[target].next != target) {
        const uint32_t name = aliases->list[target].next;
        if (sh_table_forget(aliases->ids, name, 0) != SH_OK) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
        aliases->list[target].next = aliases->list[name].next;
    }
    if (sh_table_forget(aliases->ids, target, 0) != SH_OK) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
    sh_table_reuse_before(aliases->ids, 1); /* nobody holds their places */
    return SH_OK;
}

bool sh_aliases_check(const struct sh_aliases *aliases, const char **reason) {
    struct sh_bitmap_iterator iterator;
    if (aliases->ids == NULL) return true;
    if (!sh_table_check(aliases->ids, reason)) return false;
    uint64_t in_rings = 0;
    sh_bitmap_iterate(&iterator, sh_table_live(aliases->ids));
    for (uint32_t place; sh_bitmap_iterator_next(&iterator, &place);) {
        const uint32_t target = aliases->list[place].target;
        *reason = "an alias leads to an alias";
        if (aliases->list[target].target != target) return false;
        if (target != place) continue;
        *reason = "a user without other names is kept among the aliases";
        if (aliases->list[place].next == place) return false;
        for (uint32_t at = aliases->list[place].next; at != place; at = aliases->list[at].next) {
            *reason = "a name in a user's ring leads elsewhere";
            if (aliases->list[at].target != place) return false;
            in_rings++;
        }
        in_rings++;
    }
    *reason = "an alias is in no ring";
    return in_rings == sh_bitmap_count(sh_table_live(aliases->ids));
}
