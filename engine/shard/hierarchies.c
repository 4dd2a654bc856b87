/* hierarchies.c -- the list of trees: finding, changing, and which one an attribute means. */
#include "hierarchies.h"

#include <string.h>

#include "shard_private.h"

void sh_hierarchies_deinit(struct sh_hierarchies *hierarchies) {
    for (uint32_t i = 0; i < hierarchies->count; i++)
        sh_hierarchy_destroy(hierarchies->list[i]);
    hierarchies->count = 0;
}

/* Where the name stands, or where it would. */
static uint32_t place_of(const struct sh_hierarchies *hierarchies, struct sh_text name) {
    uint32_t place = 0;
    while (place < hierarchies->count && sh_text_compare(hierarchies->list[place]->name, name) < 0)
        place++;
    return place;
}

struct sh_hierarchy *sh_hierarchies_find(const struct sh_hierarchies *hierarchies, struct sh_text name) {
    const uint32_t place = place_of(hierarchies, name);
    if (place == hierarchies->count || !sh_text_equal(hierarchies->list[place]->name, name)) return NULL;
    return hierarchies->list[place];
}

static int shown(struct sh_text text) {
    return (int)(text.count < SH_NAME_BYTES_MAX ? text.count : SH_NAME_BYTES_MAX);
}

enum sh_status sh_hierarchies_fail_unknown(const struct sh_hierarchies *hierarchies, struct sh_text name,
                                           struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < hierarchies->count; i++)
        sh_nearest_offer(&search, hierarchies->list[i]->name);
    return sh_fail_unknown(err, SH_ERR_NOT_FOUND, &search, "there is no tree '%.*s'", shown(name), name.bytes);
}

static bool is_of(const struct sh_hierarchy *hierarchy, struct sh_text attribute) {
    for (uint32_t i = 0; i < hierarchy->of_count; i++)
        if (sh_text_equal(hierarchy->of[i], attribute)) return true;
    return false;
}

enum sh_status sh_hierarchies_accept(const struct sh_hierarchies *hierarchies, const struct sh_hierarchy *added,
                                     struct sh_error *err) {
    if (hierarchies->count == SH_HIERARCHY_COUNT_MAX && sh_hierarchies_find(hierarchies, added->name) == NULL)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d trees, and no more are allowed", SH_HIERARCHY_COUNT_MAX);
    for (uint32_t i = 0; i < hierarchies->count; i++) {
        const struct sh_hierarchy *other = hierarchies->list[i];
        if (sh_text_equal(other->name, added->name)) continue;
        for (uint32_t j = 0; j < added->of_count; j++) {
            if (is_of(other, added->of[j]))
                return sh_fail(err, SH_ERR_CONFLICT, -1, "the tree '%.*s' is of `%.*s` already",
                               SH_TEXT_ARGS(other->name), SH_TEXT_ARGS(added->of[j]));
        }
    }
    return SH_OK;
}

struct sh_hierarchy *sh_hierarchies_exchange(struct sh_hierarchies *hierarchies, struct sh_hierarchy *added) {
    const uint32_t place = place_of(hierarchies, added->name);
    struct sh_hierarchy *known = sh_hierarchies_find(hierarchies, added->name);
    if (known == NULL) {
        sh_assert(hierarchies->count < SH_HIERARCHY_COUNT_MAX);
        memmove(&hierarchies->list[place + 1], &hierarchies->list[place],
                (hierarchies->count - place) * sizeof(struct sh_hierarchy *));
        hierarchies->count++;
    }
    hierarchies->list[place] = added;
    return known;
}

struct sh_hierarchy *sh_hierarchies_take(struct sh_hierarchies *hierarchies, struct sh_text name) {
    struct sh_hierarchy *known = sh_hierarchies_find(hierarchies, name);
    if (known == NULL) return NULL;
    const uint32_t place = place_of(hierarchies, name);
    hierarchies->count--;
    memmove(&hierarchies->list[place], &hierarchies->list[place + 1],
            (hierarchies->count - place) * sizeof(struct sh_hierarchy *));
    return known;
}

/* ---- What an expression asks ---- */

static enum sh_status choose(const struct sh_hierarchies *hierarchies, struct sh_text attribute, struct sh_text name,
                             const struct sh_hierarchy **chosen, struct sh_error *err) {
    for (uint32_t i = 0; i < hierarchies->count; i++) {
        *chosen = hierarchies->list[i];
        if (is_of(*chosen, attribute)) return SH_OK;
    }
    if (hierarchies->count == 1) return SH_OK;
    if (hierarchies->count == 0) {
        (void)sh_fail(err, SH_ERR_NAME, -1, "nothing stands under '%.*s': there are no trees here", shown(name),
                      name.bytes);
        return sh_fail_hint(err, SH_ERR_NAME, "tree.put saves one");
    }
    (void)sh_fail(err, SH_ERR_NAME, -1, "there are %u trees, and none of them is said to be of `%.*s`",
                  hierarchies->count, shown(attribute), attribute.bytes);
    return sh_fail_hint(err, SH_ERR_NAME, "put the one that is meant with of: ['%.*s']", shown(attribute),
                        attribute.bytes);
}

enum sh_status sh_hierarchies_below(const void *owner, struct sh_text attribute, struct sh_text name,
                                    const struct sh_text **names, uint32_t *count, struct sh_error *err) {
    const struct sh_hierarchy *hierarchy = NULL;
    const enum sh_status status = choose(owner, attribute, name, &hierarchy, err);
    if (status != SH_OK) return status;
    const uint32_t place = sh_hierarchy_find(hierarchy, name);
    if (place == SH_HIERARCHY_NONE) {
        struct sh_nearest search;
        sh_nearest_init(&search, name);
        for (uint32_t i = 0; i < hierarchy->count; i++)
            sh_nearest_offer(&search, hierarchy->names[i]);
        (void)sh_fail(err, SH_ERR_NAME, -1, "the tree '%.*s' has no '%.*s'", SH_TEXT_ARGS(hierarchy->name), shown(name),
                      name.bytes);
        if (search.nearest.count == 0) return SH_ERR_NAME;
        return sh_fail_hint(err, SH_ERR_NAME, "did you mean '%.*s'?", shown(search.nearest), search.nearest.bytes);
    }
    *names = &hierarchy->names[place];
    *count = hierarchy->ends[place] - place;
    return SH_OK;
}

/* ---- The rules ---- */

static bool check_one(const struct sh_hierarchy *hierarchy, const char **reason) {
    *reason = "a tree has more names or attributes than are allowed";
    if (hierarchy->count > SH_HIERARCHY_NODE_COUNT_MAX || hierarchy->of_count > SH_HIERARCHY_OF_COUNT_MAX) return false;
    *reason = "the places of a tree are not those of one walk";
    for (uint32_t place = 0; place < hierarchy->count; place++) {
        const uint32_t parent = hierarchy->parents[place];
        const uint32_t end = hierarchy->ends[place];
        const bool is_top = parent == SH_HIERARCHY_NONE;
        if (end <= place || end > hierarchy->count) return false;
        if (!is_top && (parent >= place || end > hierarchy->ends[parent])) return false;
        /* What comes next is below it, or beside it or one above it. */
        if (end < hierarchy->count && hierarchy->parents[end] != SH_HIERARCHY_NONE && hierarchy->parents[end] >= place)
            return false;
        if (end > place + 1 && hierarchy->parents[place + 1] != place) return false;
    }
    *reason = "a name of a tree is not found";
    for (uint32_t place = 0; place < hierarchy->count; place++)
        if (sh_hierarchy_find(hierarchy, hierarchy->names[place]) != place) return false;
    return true;
}

bool sh_hierarchies_check(const struct sh_hierarchies *hierarchies, const char **reason) {
    for (uint32_t i = 0; i < hierarchies->count; i++) {
        const struct sh_hierarchy *hierarchy = hierarchies->list[i];
        *reason = "trees are not in order of their names";
        if (i > 0 && sh_text_compare(hierarchies->list[i - 1]->name, hierarchy->name) >= 0) return false;
        *reason = "two trees are of one attribute";
        if (sh_hierarchies_accept(hierarchies, hierarchy, NULL) != SH_OK) return false;
        if (!check_one(hierarchy, reason)) return false;
    }
    return true;
}
