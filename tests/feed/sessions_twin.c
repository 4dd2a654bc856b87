#include "sessions_twin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_newer(const struct twin_session *a, const struct twin_session *b) {
    return a->start_ms != b->start_ms ? a->start_ms > b->start_ms : a->key > b->key;
}

void sessions_twin_init(struct sessions_twin *twin, struct sh_session_limits limits) {
    memset(twin, 0, sizeof *twin);
    twin->limits = limits;
    memset(twin->current, 0xFF, sizeof twin->current);
}

static uint32_t different(const uint32_t *clicks, uint32_t count, uint32_t *items, uint32_t max) {
    uint32_t found = 0;
    for (uint32_t back = 1; back <= count && found < max; back++) {
        bool is_known = false;
        for (uint32_t i = 0; i < found; i++)
            is_known |= items[i] == clicks[count - back];
        if (!is_known) items[found++] = clicks[count - back];
    }
    return found;
}

static void count_behind(struct sessions_twin *twin, const struct twin_session *session, uint32_t item) {
    uint32_t items[SH_SESSION_AGAIN_COUNT];
    const uint32_t count = different(session->clicks, session->count, items, SH_SESSION_AGAIN_COUNT);
    for (uint32_t l = 1; l < count; l++) {
        twin->seen[l]++;
        twin->hits[l] += items[l] == item;
    }
}

static void drop_oldest_if_many(struct sessions_twin *twin) {
    uint32_t kept = 0;
    struct twin_session *oldest = NULL;
    for (uint32_t i = 0; i < twin->session_count; i++) {
        struct twin_session *session = &twin->sessions[i];
        if (!session->is_kept) continue;
        kept++;
        if (oldest == NULL || is_newer(oldest, session)) oldest = session;
    }
    if (kept > twin->limits.session_count) oldest->is_kept = false;
}

void sessions_twin_click(struct sessions_twin *twin, uint32_t user, uint64_t user_hash, uint32_t item,
                         int64_t time_ms) {
    struct twin_session *session = twin->current[user] < 0 ? NULL : &twin->sessions[twin->current[user]];
    if (session != NULL && session->is_kept && time_ms <= session->last_ms + SH_SESSION_GAP_MS) {
        if (time_ms < session->start_ms) return;
        if (session->clicks[session->count - 1] != item) {
            count_behind(twin, session, item);
            if (session->count < SH_SESSION_CLICK_COUNT_MAX) session->clicks[session->count++] = item;
        }
        if (time_ms > session->last_ms) session->last_ms = time_ms;
        return;
    }
    if (twin->session_count == TWIN_SESSIONS_MAX) abort();
    twin->current[user] = (int32_t)twin->session_count;
    twin->sessions[twin->session_count++] = (struct twin_session){.start_ms = time_ms,
                                                                  .key = sh_session_key(user_hash, time_ms),
                                                                  .last_ms = time_ms,
                                                                  .user = user,
                                                                  .clicks = {item},
                                                                  .count = 1,
                                                                  .is_kept = true};
    drop_oldest_if_many(twin);
}

void sessions_twin_drop(struct sessions_twin *twin, uint64_t key) {
    for (uint32_t i = 0; i < twin->session_count; i++)
        if (twin->sessions[i].key == key) twin->sessions[i].is_kept = false;
}

void sessions_twin_forget(struct sessions_twin *twin, uint32_t user) {
    twin->current[user] = -1;
}

uint32_t sessions_twin_open(const struct sessions_twin *twin, uint32_t user, int64_t now_ms, uint32_t *items) {
    if (twin->current[user] < 0) return 0;
    const struct twin_session *session = &twin->sessions[twin->current[user]];
    if (!session->is_kept || now_ms < session->start_ms - SH_SESSION_GAP_MS ||
        now_ms > session->last_ms + SH_SESSION_GAP_MS)
        return 0;
    memcpy(items, session->clicks, session->count * sizeof *items);
    return session->count;
}

/* ---- scores ---- */

static bool has(const struct twin_session *session, uint32_t item) {
    for (uint32_t i = 0; i < session->count; i++)
        if (session->clicks[i] == item) return true;
    return false;
}

static int by_age(const void *left, const void *right) {
    const struct twin_session *const *a = left;
    const struct twin_session *const *b = right;
    return is_newer(*a, *b) ? -1 : is_newer(*b, *a);
}

/* The kept sessions that have the item, newest first, but not the one at hand. All of them if *counted is wanted. */
static uint32_t with_item(const struct sessions_twin *twin, uint32_t item, uint32_t *counted,
                          const struct twin_session **found) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->session_count; i++)
        if (twin->sessions[i].is_kept && has(&twin->sessions[i], item)) found[count++] = &twin->sessions[i];
    qsort(found, count, sizeof *found, by_age);
    if (counted != NULL) *counted = count;
    return count < twin->limits.of_item ? count : twin->limits.of_item;
}

struct alike {
    const struct twin_session *session;
    uint32_t likeness;
    uint32_t latest;
};

static int by_likeness(const void *left, const void *right) {
    const struct alike *a = left;
    const struct alike *b = right;
    if (a->likeness != b->likeness) return a->likeness > b->likeness ? -1 : 1;
    return is_newer(a->session, b->session) ? -1 : is_newer(b->session, a->session);
}

static void add_near(const struct sessions_twin *twin, const uint32_t *latest, uint32_t latest_count,
                     const struct twin_session *own, struct sh_session_score *scores) {
    static const struct twin_session *found[TWIN_SESSIONS_MAX];
    static struct alike alike[TWIN_SESSIONS_MAX];
    uint32_t count = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < twin->session_count; i++)
        kept += twin->sessions[i].is_kept;
    for (uint32_t p = 0; p < latest_count; p++) {
        const uint32_t found_count = with_item(twin, latest[p], NULL, found);
        for (uint32_t i = 0; i < found_count; i++) {
            if (found[i] == own) continue;
            uint32_t k = 0;
            while (k < count && alike[k].session != found[i])
                k++;
            if (k == count) alike[count++] = (struct alike){found[i], 0, p + 1};
            alike[k].likeness += latest_count - p;
        }
    }
    qsort(alike, count, sizeof *alike, by_likeness);
    for (uint32_t i = 0; i < count && i < SH_SESSION_NEIGHBOUR_MAX; i++)
        for (uint32_t c = 0; c < alike[i].session->count; c++) {
            bool is_first = true;
            for (uint32_t b = 0; b < c; b++)
                is_first &= alike[i].session->clicks[b] != alike[i].session->clicks[c];
            const double share = 1.0 - alike[i].latest / 10.0;
            if (is_first) scores[alike[i].session->clicks[c]].near += alike[i].likeness * share;
        }
    for (uint32_t item = 0; item < TWIN_SCORES_MAX; item++) {
        uint32_t having;
        if (scores[item].near == 0) continue;
        (void)with_item(twin, item, &having, found);
        scores[item].near *= log2(1.0 + (double)kept / having);
    }
}

static void add_next(const struct sessions_twin *twin, uint32_t item, const struct twin_session *own,
                     struct sh_session_score *scores) {
    static const struct twin_session *found[TWIN_SESSIONS_MAX];
    const uint32_t count = with_item(twin, item, NULL, found);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t p = 0; found[i] != own && p < found[i]->count; p++)
            for (uint32_t q = p + 1; found[i]->clicks[p] == item && q < found[i]->count && q - p <= 10; q++)
                scores[found[i]->clicks[q]].next += 1.0 / (q - p);
}

void sessions_twin_score(const struct sessions_twin *twin, const uint32_t *clicks, uint32_t click_count, uint32_t user,
                         struct sh_session_score *scores, uint32_t item_count) {
    static struct sh_session_score all[TWIN_SCORES_MAX];
    uint32_t latest[SH_SESSION_AGAIN_COUNT];
    memset(all, 0, sizeof all);
    const uint32_t latest_count = different(clicks, click_count, latest, SH_SESSION_AGAIN_COUNT);
    if (latest_count > 0) {
        const bool has_own = user < TWIN_USERS_OF_SESSIONS_MAX && twin->current[user] >= 0;
        const struct twin_session *own = has_own ? &twin->sessions[twin->current[user]] : NULL;
        add_near(twin, latest, latest_count < SH_SESSION_LAST_MAX ? latest_count : SH_SESSION_LAST_MAX, own, all);
        add_next(twin, latest[0], own, all);
        for (uint32_t l = 1; l < latest_count; l++)
            all[latest[l]].again = (double)twin->hits[l] / (double)(twin->seen[l] + SH_SESSION_AGAIN_PRIOR);
        memset(&all[latest[0]], 0, sizeof *all);
    }
    double near_top = 0;
    double next_top = 0;
    for (uint32_t item = 0; item < TWIN_SCORES_MAX; item++) {
        near_top = fmax(near_top, all[item].near);
        next_top = fmax(next_top, all[item].next);
    }
    for (uint32_t item = 0; item < item_count; item++) {
        scores[item] = all[item];
        scores[item].item = item;
        if (near_top > 0) scores[item].near /= near_top;
        if (next_top > 0) scores[item].next /= next_top;
    }
}
