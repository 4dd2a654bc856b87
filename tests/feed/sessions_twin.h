/* sessions_twin.h -- the store of visits by loops over all clicks that ever were. */
#ifndef SESSIONS_TWIN_H
#define SESSIONS_TWIN_H

#include "sessions.h"

enum { TWIN_SESSIONS_MAX = 4000, TWIN_USERS_OF_SESSIONS_MAX = 64, TWIN_SCORES_MAX = 256 };

struct twin_session {
    int64_t start_ms;
    uint64_t key;
    int64_t last_ms;
    uint32_t user;
    uint32_t clicks[SH_SESSION_CLICK_COUNT_MAX];
    uint32_t count;
    bool is_kept;
};

struct sessions_twin {
    struct sh_session_limits limits;
    struct twin_session sessions[TWIN_SESSIONS_MAX];
    uint32_t session_count;
    int32_t current[TWIN_USERS_OF_SESSIONS_MAX]; /* of a user; -1: none */
    uint64_t seen[SH_SESSION_AGAIN_COUNT];
    uint64_t hits[SH_SESSION_AGAIN_COUNT];
};

void sessions_twin_init(struct sessions_twin *twin, struct sh_session_limits limits);
void sessions_twin_click(struct sessions_twin *twin, uint32_t user, uint64_t user_hash, uint32_t item, int64_t time_ms);
void sessions_twin_drop(struct sessions_twin *twin, uint64_t key);
void sessions_twin_forget(struct sessions_twin *twin, uint32_t user);
/* The clicks of the user's open visit. */
uint32_t sessions_twin_open(const struct sessions_twin *twin, uint32_t user, int64_t now_ms, uint32_t *items);
/* What the clicks lead to, for every item below item_count; all 0: nowhere. */
void sessions_twin_score(const struct sessions_twin *twin, const uint32_t *clicks, uint32_t click_count, uint32_t user,
                         struct sh_session_score *scores, uint32_t item_count);

#endif
