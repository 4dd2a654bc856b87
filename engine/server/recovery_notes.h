/* recovery_notes.h -- what recovery remembers while it replays. For recovery.c and its tests only.
 *
 * Bounds: a set of learned ids has 8 to 16 bytes for each lesson in a log since its snapshot; what is kept of records
 * is what a crash left half done, as much as was under way then.
 */
#ifndef SH_RECOVERY_NOTES_H
#define SH_RECOVERY_NOTES_H

#include "log_record.h"

/* ---- ids of requests ---- */

struct sh_id_set {
    uint64_t *ids; /* open addressing; 0: free */
    uint32_t count;
    uint32_t capacity; /* a power of two, or 0 */
};

void sh_id_set_deinit(struct sh_id_set *set);
/* id is not 0. Again is fine. SH_ERR_MEMORY: nothing changed. */
SH_MUST_CHECK enum sh_status sh_id_set_add(struct sh_id_set *set, uint64_t id);
bool sh_id_set_has(const struct sh_id_set *set, uint64_t id);

/* ---- records ---- */

/* A record with all its bytes. */
struct sh_kept_record {
    struct sh_kept_record *next;
    struct sh_log_record record;
    uint8_t bytes[];
};

struct sh_kept_list {
    struct sh_kept_record *first;
    struct sh_kept_record *last;
};

void sh_kept_list_deinit(struct sh_kept_list *list);
/* A copy of the record, at the end of the list. */
SH_MUST_CHECK enum sh_status sh_kept_list_add(struct sh_kept_list *list, const struct sh_log_record *record);

/* ---- merges that are under way ---- */

struct sh_kept_merge {
    uint64_t id;  /* of the request */
    bool is_held; /* the shard's hold was well */
    bool is_taken;
    struct sh_kept_list hold; /* its record */
    struct sh_kept_merge *next;
};

/* The part of that request was applied with this status: the merge is begun, noted, or over. Other parts are none. */
SH_MUST_CHECK enum sh_status sh_kept_merges_note(struct sh_kept_merge **merges, const struct sh_log_record *record,
                                                 enum sh_status applied);
struct sh_kept_merge *sh_kept_merges_find(struct sh_kept_merge *merges, uint64_t id); /* NULL: none */
void sh_kept_merges_deinit(struct sh_kept_merge **merges);

#endif
