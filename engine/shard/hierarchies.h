/* hierarchies.h -- the trees of a workspace: stores in groups, groups in regions; or any names that stand below others.
 *
 *   华东                         place  name      parent  end
 *   |- 上海                          0  华东           -    4     below 华东: places 0 .. 3
 *   |  |- 上海一店                   1  上海           0    4     below 上海: places 1 .. 3
 *   |  '- 上海二店                   2  上海一店       1    3
 *   华北                             3  上海二店       1    4
 *   '- 北京一店                      4  华北           -    6
 *                                    5  北京一店       4    6
 *
 * Names lie in the order of a walk from the top, each before what is below it, so that a name and all below it are one
 * run of names: `store under '华东'` is `store in (...)` with that run, bound when an expression is checked. A name
 * stands once in a tree, hence below one group and one region, and nobody is counted twice.
 *
 * Which tree an attribute means: the one that names it in `of`; else the only one there is; else nobody can tell.
 *
 * Rules that hold after every call (sh_hierarchies_check tests them): names of trees ascend by bytes and differ; no two
 * trees are of the same attribute; ends and parents are those of one walk; every name is found by its bytes.
 *
 * Cost: a tree is made in one walk and a sort; finding a name is a search by halves. The same trees are in every shard.
 */
#ifndef SH_HIERARCHIES_H
#define SH_HIERARCHIES_H

#include "archive.h"
#include "arena.h"
#include "bounds.h"
#include "query.h"
#include "text.h"

#define SH_HIERARCHY_NONE UINT32_MAX

/* One tree; all of it lives in its arena. */
struct sh_hierarchy {
    struct sh_arena arena;
    struct sh_text name;
    struct sh_text *of; /* attributes and properties that it is meant for */
    uint32_t of_count;
    uint32_t count;
    uint32_t depth;        /* of the deepest name: 1 if all are at the top */
    struct sh_text *names; /* by place */
    uint32_t *parents;     /* place, or SH_HIERARCHY_NONE */
    uint32_t *ends;        /* place behind the last name below it */
    uint32_t *by_name;     /* places, ascending by name */
    int64_t changed_ms;
};

struct sh_hierarchies {
    struct sh_hierarchy *list[SH_HIERARCHY_COUNT_MAX];
    uint32_t count;
};

/* What a tree is made of. */
struct sh_hierarchy_node {
    struct sh_text name;
    struct sh_text parent; /* count 0: it is at the top */
};
struct sh_hierarchy_spec {
    struct sh_text name;
    const struct sh_text *of;
    uint32_t of_count;
    const struct sh_hierarchy_node *nodes; /* in any order */
    uint32_t count;
    int64_t changed_ms;
};

/* Copies all texts. Siblings keep their order. SH_ERR_ARGUMENT: a name that is too long or no UTF-8 or stands twice, a
 * parent that is not there (with the nearest); SH_ERR_CONFLICT: a circle, with the path; SH_ERR_LIMIT: deeper than
 * SH_HIERARCHY_DEPTH_MAX. `work` is for what is needed on the way. */
SH_MUST_CHECK enum sh_status sh_hierarchy_create(const struct sh_hierarchy_spec *spec, struct sh_arena *work,
                                                 struct sh_hierarchy **made, struct sh_error *err);
void sh_hierarchy_destroy(struct sh_hierarchy *hierarchy); /* NULL is fine */
/* The place of a name, or SH_HIERARCHY_NONE. */
uint32_t sh_hierarchy_find(const struct sh_hierarchy *hierarchy, struct sh_text name);
/* But for changed_ms. */
bool sh_hierarchies_are_equal(const struct sh_hierarchy *a, const struct sh_hierarchy *b);

static inline void sh_hierarchies_init(struct sh_hierarchies *hierarchies) {
    *hierarchies = (struct sh_hierarchies){.count = 0};
}
void sh_hierarchies_deinit(struct sh_hierarchies *hierarchies);

/* NULL if there is none. */
struct sh_hierarchy *sh_hierarchies_find(const struct sh_hierarchies *hierarchies, struct sh_text name);
/* The fault that there is none of that name, with the nearest. */
enum sh_status sh_hierarchies_fail_unknown(const struct sh_hierarchies *hierarchies, struct sh_text name,
                                           struct sh_error *err);
/* Is there room for it, and is no other of the same attribute? SH_ERR_LIMIT, SH_ERR_CONFLICT. */
SH_MUST_CHECK enum sh_status sh_hierarchies_accept(const struct sh_hierarchies *hierarchies,
                                                   const struct sh_hierarchy *added, struct sh_error *err);
/* Takes over one that was accepted. Returns the one of its name that was there, which is the caller's, or NULL. */
struct sh_hierarchy *sh_hierarchies_exchange(struct sh_hierarchies *hierarchies, struct sh_hierarchy *added);
/* Takes one out, which is then the caller's; NULL if there is none. */
struct sh_hierarchy *sh_hierarchies_take(struct sh_hierarchies *hierarchies, struct sh_text name);

/* For sh_query_scope: owner is the struct sh_hierarchies. */
enum sh_status sh_hierarchies_below(const void *owner, struct sh_text attribute, struct sh_text name,
                                    const struct sh_text **names, uint32_t *count, struct sh_error *err);

/* Write all of them as the section "trees". Allocates nothing. */
void sh_hierarchies_save(const struct sh_hierarchies *hierarchies, struct sh_archive_writer *writer);
/* Into an initialised, empty struct, which on a failure can only be deinited. Any bytes. */
SH_MUST_CHECK enum sh_status sh_hierarchies_load(struct sh_hierarchies *hierarchies, struct sh_archive_reader *reader);
bool sh_hierarchies_check(const struct sh_hierarchies *hierarchies, const char **reason);

#endif
