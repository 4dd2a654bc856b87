/* sessions_score.c -- what somebody in the middle of a visit does next, from the sessions of others. */
#include <stdlib.h>
#include <string.h>

#include "feed_math.h"
#include "memory.h"
#include "sessions_private.h"

enum {
    LIKENESS_MAX = SH_SESSION_LAST_MAX * (SH_SESSION_LAST_MAX + 1) / 2,
    LATEST_UNIT = 10, /* of the decay with the place of the latest shared item */
    NEXT_UNIT = 2520, /* divided by 1 to 10 without rest */
};
_Static_assert((int)SH_SESSION_LAST_MAX < (int)LATEST_UNIT, "every neighbour votes");
_Static_assert(SH_SESSION_NEXT_DISTANCE_MAX == 10, "NEXT_UNIT is the least common multiple of the distances");

static enum sh_status grow_zeroed(uint32_t **array, uint32_t *capacity, uint32_t needed) {
    const uint32_t old = *capacity;
    const enum sh_status status = sh_grow((void **)array, capacity, needed, sizeof **array);
    if (status == SH_OK && *capacity > old) memset(*array + old, 0, (*capacity - old) * sizeof **array);
    return status;
}

static enum sh_status reserve(struct sh_sessions *sessions, const uint32_t *clicks, uint32_t click_count) {
    uint32_t item_end = sessions->item_capacity;
    for (uint32_t i = 0; i < click_count; i++)
        if (clicks[i] != SH_NO_ITEM && clicks[i] >= item_end) item_end = clicks[i] + 1;
    enum sh_status status = grow_zeroed(&sessions->votes_of, &sessions->votes_of_capacity, item_end);
    if (status != SH_OK) return status;
    status = grow_zeroed(&sessions->neighbour_of, &sessions->neighbour_of_capacity, sessions->session_end);
    if (status != SH_OK) return status;
    /* Room for all that the neighbours and the sessions of the latest item can name, so that adding up cannot fail. */
    const uint64_t votes_max =
        (uint64_t)(SH_SESSION_NEIGHBOUR_MAX + SH_SESSION_OF_ITEM_MAX + 1) * SH_SESSION_CLICK_COUNT_MAX;
    const uint64_t needed = votes_max < item_end ? votes_max : item_end;
    if ((status = sh_grow((void **)&sessions->votes, &sessions->votes_capacity, needed, sizeof *sessions->votes)) !=
        SH_OK)
        return status;
    return sh_grow((void **)&sessions->scores, &sessions->score_capacity, needed, sizeof *sessions->scores);
}

static struct item_votes *votes_for(struct sh_sessions *sessions, uint32_t item) {
    uint32_t *place = &sessions->votes_of[item];
    if (*place == 0) {
        sh_assert(sessions->vote_count < sessions->votes_capacity);
        sessions->votes[sessions->vote_count++] = (struct item_votes){.item = item};
        *place = sessions->vote_count;
    }
    return &sessions->votes[*place - 1];
}

/* ---- near ---- */

static const struct item_sessions *sessions_with(const struct sh_sessions *sessions, uint32_t item) {
    static const struct item_sessions none;
    return item < sessions->item_capacity ? &sessions->items[item] : &none;
}

static void find_neighbours(struct sh_sessions *sessions, const uint32_t *latest, uint32_t latest_count, uint32_t own) {
    sessions->neighbour_count = 0;
    for (uint32_t p = 0; p < latest_count; p++) {
        const struct item_sessions *item = sessions_with(sessions, latest[p]);
        for (uint32_t i = 0; i < item->count; i++) {
            const uint32_t session = item->list[item->begin + i];
            if (session == own) continue;
            if (sessions->neighbour_of[session] == 0) {
                sessions->neighbours[sessions->neighbour_count++] =
                    (struct neighbour){.session = session, .latest = (uint16_t)(p + 1)};
                sessions->neighbour_of[session] = sessions->neighbour_count;
            }
            sessions->neighbours[sessions->neighbour_of[session] - 1].likeness += (uint16_t)(latest_count - p);
        }
    }
    for (uint32_t i = 0; i < sessions->neighbour_count; i++)
        sessions->neighbour_of[sessions->neighbours[i].session] = 0;
}

static void vote(struct sh_sessions *sessions, const struct neighbour *neighbour) {
    const struct session *session = &sessions->sessions[neighbour->session];
    const uint32_t share = (uint32_t)neighbour->likeness * (uint32_t)(LATEST_UNIT - neighbour->latest);
    for (uint32_t i = 0; i < session->count; i++) {
        if (session->clicks[i] == SH_NO_ITEM) continue;
        struct item_votes *votes = votes_for(sessions, session->clicks[i]);
        if (votes->voter == neighbour->session + 1) continue; /* clicked twice */
        votes->voter = neighbour->session + 1;
        votes->near += share;
    }
}

struct ordered {
    int64_t start_ms;
    uint64_t key;
    uint32_t place;
};

static int newest_first(const void *left, const void *right) {
    const struct ordered *a = left;
    const struct ordered *b = right;
    if (a->start_ms != b->start_ms) return a->start_ms > b->start_ms ? -1 : 1;
    return a->key > b->key ? -1 : a->key < b->key;
}

/* Of those that are equally alike, not all of which may vote, the newest do. */
static void vote_newest(struct sh_sessions *sessions, uint32_t likeness, uint32_t room) {
    struct ordered alike[SH_SESSION_LAST_MAX * SH_SESSION_OF_ITEM_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sessions->neighbour_count; i++) {
        if (sessions->neighbours[i].likeness != likeness) continue;
        const struct session *session = &sessions->sessions[sessions->neighbours[i].session];
        alike[count++] = (struct ordered){session->start_ms, session->key, i};
    }
    qsort(alike, count, sizeof *alike, newest_first);
    for (uint32_t i = 0; i < room; i++)
        vote(sessions, &sessions->neighbours[alike[i].place]);
}

/* Votes are sums of whole numbers, so the order of the voters does not matter. */
static void add_near(struct sh_sessions *sessions) {
    uint32_t alike[LIKENESS_MAX + 1] = {0};
    for (uint32_t i = 0; i < sessions->neighbour_count; i++)
        alike[sessions->neighbours[i].likeness]++;
    uint32_t room = SH_SESSION_NEIGHBOUR_MAX;
    uint32_t least = LIKENESS_MAX + 1; /* all from here on vote */
    while (least > 1 && alike[least - 1] <= room)
        room -= alike[--least];
    for (uint32_t i = 0; i < sessions->neighbour_count; i++)
        if (sessions->neighbours[i].likeness >= least) vote(sessions, &sessions->neighbours[i]);
    if (least > 1 && room > 0) vote_newest(sessions, least - 1, room);
}

/* ---- next, again ---- */

static void add_next(struct sh_sessions *sessions, uint32_t item, uint32_t own) {
    const struct item_sessions *with = sessions_with(sessions, item);
    for (uint32_t i = 0; i < with->count; i++) {
        const uint32_t number = with->list[with->begin + i];
        if (number == own) continue;
        const struct session *session = &sessions->sessions[number];
        for (uint32_t p = 0; p < session->count; p++) {
            if (session->clicks[p] != item) continue;
            for (uint32_t q = p + 1; q < session->count && q - p <= SH_SESSION_NEXT_DISTANCE_MAX; q++)
                if (session->clicks[q] != SH_NO_ITEM)
                    votes_for(sessions, session->clicks[q])->next += NEXT_UNIT / (q - p);
        }
    }
}

static void add_again(struct sh_sessions *sessions, const uint32_t *latest, uint32_t latest_count) {
    for (uint32_t l = 1; l < latest_count; l++) {
        if (sessions->behind_hits[l] == 0) continue;
        votes_for(sessions, latest[l])->again =
            (double)sessions->behind_hits[l] / (double)(sessions->behind_seen[l] + SH_SESSION_AGAIN_PRIOR);
    }
}

/* ---- scores ---- */

static void make_scores(struct sh_sessions *sessions, uint32_t clicked, uint32_t *count) {
    double near_top = 0;
    double next_top = 0;
    *count = 0;
    for (uint32_t i = 0; i < sessions->vote_count; i++) {
        const struct item_votes *votes = &sessions->votes[i];
        sessions->votes_of[votes->item] = 0;
        if (votes->item == clicked) continue;
        struct sh_session_score *score = &sessions->scores[*count];
        *score = (struct sh_session_score){.item = votes->item, .next = votes->next, .again = votes->again};
        if (votes->near > 0) {
            const double others = (double)sessions->count / (double)sessions->items[votes->item].session_count;
            score->near = (double)votes->near * feed_math_log2(1.0 + others);
        }
        near_top = score->near > near_top ? score->near : near_top;
        next_top = score->next > next_top ? score->next : next_top;
        *count += score->near > 0 || score->next > 0 || score->again > 0;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (near_top > 0) sessions->scores[i].near /= near_top;
        if (next_top > 0) sessions->scores[i].next /= next_top;
    }
}

enum sh_status sh_sessions_score(struct sh_sessions *sessions, const uint32_t *clicks, uint32_t click_count,
                                 uint32_t user, const struct sh_session_score **scores, uint32_t *count) {
    uint32_t latest[SH_SESSION_AGAIN_COUNT];
    *count = 0;
    *scores = NULL;
    const uint32_t latest_count = sessions_latest(clicks, click_count, latest, SH_SESSION_AGAIN_COUNT);
    if (latest_count == 0) return SH_OK;
    const enum sh_status status = reserve(sessions, clicks, click_count);
    if (status != SH_OK) return status;
    uint32_t own = SH_SLOT_NONE;
    if (user < sessions->user_capacity && sessions->users[user] > 0 &&
        sessions->sessions[sessions->users[user] - 1].user == user)
        own = sessions->users[user] - 1;
    const uint32_t near_count = latest_count < SH_SESSION_LAST_MAX ? latest_count : SH_SESSION_LAST_MAX;
    sessions->vote_count = 0;
    find_neighbours(sessions, latest, near_count, own);
    add_near(sessions);
    add_next(sessions, latest[0], own);
    add_again(sessions, latest, latest_count);
    make_scores(sessions, latest[0], count);
    *scores = sessions->scores;
    return SH_OK;
}
