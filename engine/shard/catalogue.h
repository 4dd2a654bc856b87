/* catalogue.h -- the saved expressions of a workspace, by name.
 *
 *   'big spenders'   v1  sum(purchase.amount) >= 1000                     used by 'vip'
 *                    v2  sum(purchase.amount) >= 2000      <- in force
 *   'vip'            v1  in_segment('big spenders') and tier >= 'gold'    uses 'big spenders'
 *
 * A segment is kept as its canonical text, with in_segment as it was written: a change of 'big spenders' is a change of
 * 'vip' too. An expression that asks in_segment gets the text in force as a tree (sh_catalogue_resolve), bound anew for
 * each question, so that nothing here holds a code or a slot. The same segments are in every shard: they change by
 * writes that all shards apply.
 *
 * Rules that hold after every call (sh_catalogue_check tests them):
 *   - names ascend by bytes and are all different;
 *   - what a segment uses is there; nothing uses itself, not by way of others either; no chain of uses is longer than
 *     SH_SEGMENT_DEPTH_MAX;
 *   - versions rise by one, the last is in force, and at most SH_SEGMENT_VERSION_COUNT_MAX are kept;
 *   - every segment could be checked against the schema when it was put, and schema.put keeps it so.
 *
 * Cost: a find is a search by halves. Putting one checks it and all that use it, some microseconds each.
 */
#ifndef SH_CATALOGUE_H
#define SH_CATALOGUE_H

#include "archive.h"
#include "arena.h"
#include "bounds.h"
#include "query.h"
#include "text.h"

struct sh_segment_version {
    uint32_t number; /* from 1 */
    int64_t changed_ms;
    struct sh_text text; /* canonical; owned */
};

/* How many users it had when somebody last asked. */
struct sh_segment_count {
    bool is_known;
    bool is_timeless; /* the number can change by a write only, not by time that passes */
    uint64_t count;
    int64_t now_ms;         /* of the question */
    uint64_t write_version; /* of the workspace, before the first block was read */
    uint32_t version;       /* of the segment ... */
    uint64_t catalogue;     /* ... and of all segments, since it may use others */
};

struct sh_segment {
    struct sh_text name; /* owned */
    struct sh_text note; /* for people; owned; count 0: none */
    struct sh_segment_version *versions;
    uint32_t version_count;
    struct sh_segment **uses; /* directly; each once */
    uint32_t use_count;
    uint32_t depth; /* of the longest chain of uses below it: 1 if it uses none */
    uint32_t mark;  /* of the walk under way */
    struct sh_segment_count counted;
    /* cached for segment.of_user; both live in the catalogue's arena */
    const struct sh_node *tree; /* bound; NULL: not yet */
    struct sh_plan *plan;       /* NULL: the expression depends on time, and is planned for each question */
};

struct sh_catalogue {
    struct sh_segment **list;
    uint32_t count;
    uint32_t capacity;
    uint32_t mark;
    uint64_t version; /* rises with every change of any segment */
    /* what is cached was bound at these versions of schema, texts and segments */
    struct sh_arena cache;
    uint64_t cache_stamp[4];
    /* during a rehearsal this name means this text */
    const struct sh_text *rehearsed_name;
    struct sh_text rehearsed_text;
};

void sh_catalogue_init(struct sh_catalogue *segments);
void sh_catalogue_deinit(struct sh_catalogue *segments);

/* NULL if there is none. */
struct sh_segment *sh_catalogue_find(const struct sh_catalogue *segments, struct sh_text name);
/* The fault that there is none of that name, with the nearest. */
enum sh_status sh_catalogue_fail_unknown(const struct sh_catalogue *segments, struct sh_text name,
                                         struct sh_error *err);
static inline const struct sh_segment_version *sh_segment_in_force(const struct sh_segment *segment) {
    return &segment->versions[segment->version_count - 1];
}
/* For sh_query_scope: owner is the struct sh_catalogue. */
enum sh_status sh_catalogue_resolve(void *owner, struct sh_text name, struct sh_arena *arena, struct sh_node **tree,
                                    struct sh_error *err);
/* Do all segments fit this scope? SH_ERR_CONFLICT names the first that does not, and why. */
SH_MUST_CHECK enum sh_status sh_catalogue_fit(struct sh_catalogue *segments, const struct sh_query_scope *scope,
                                              struct sh_arena *arena, struct sh_error *err);

struct sh_segment_put {
    struct sh_text name;
    struct sh_text text; /* canonical */
    struct sh_text note;
    bool has_note;              /* else it stays */
    const struct sh_node *tree; /* of the text, not bound: what it uses */
    int64_t now_ms;
};
/* Make it or give it a new version, or leave it if nothing differs (*changed). SH_ERR_CONFLICT: it would use itself,
 * the path is told; SH_ERR_LIMIT; what is wrong with the text. On a failure all is as it was. `scope` resolves segments
 * here. */
SH_MUST_CHECK enum sh_status sh_catalogue_put(struct sh_catalogue *segments, const struct sh_segment_put *put,
                                              const struct sh_query_scope *scope, struct sh_arena *arena, bool *changed,
                                              struct sh_error *err);
/* *removed is false if there was none. SH_ERR_CONFLICT: others use it; they are named. */
SH_MUST_CHECK enum sh_status sh_catalogue_remove(struct sh_catalogue *segments, struct sh_text name, bool *removed,
                                                 struct sh_error *err);

/* Write all segments as the section "segments". Allocates nothing. */
void sh_catalogue_save(const struct sh_catalogue *segments, struct sh_archive_writer *writer);
/* Into an initialised, empty catalogue, which on a failure can only be deinited. Any bytes. Texts are read for what
 * they use; whether they fit the schema is seen when they are asked. */
SH_MUST_CHECK enum sh_status sh_catalogue_load(struct sh_catalogue *segments, struct sh_archive_reader *reader);
bool sh_catalogue_check(const struct sh_catalogue *segments, const char **reason);

#endif
