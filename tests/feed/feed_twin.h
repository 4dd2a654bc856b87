/* feed_twin.h -- a small shop with a feed, and what the feed should say of it, by loops over everything that happened.
 */
#ifndef FEED_TWIN_H
#define FEED_TWIN_H

#include "feed.h"
#include "pairs_twin.h"
#include "sessions_twin.h"

enum { TWIN_EVENTS_MAX = 4000, TWIN_ITEMS_MAX = 200, TWIN_USERS_MAX = 20, TWIN_TYPES = 5 };

struct twin_event {
    struct sh_event event;
    int64_t learned_ms; /* its time, or the now it was learned at if that was earlier */
};

struct shop {
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_feed_model *model;
    uint32_t user_interests; /* tag set of users */
    uint32_t item_tags;      /* tag set of items */
    uint32_t category;       /* string attribute of items */
    uint32_t brand;          /* enum attribute of items */
    uint32_t listed;         /* time attribute of items */
    uint32_t view, favorite, cart, purchase, dislike;
    struct twin_event log[TWIN_EVENTS_MAX];
    uint32_t log_count;
    int64_t listed_ms[TWIN_ITEMS_MAX];
    const uint32_t *clicks; /* that the request brings; NULL: none */
    uint32_t click_count;
    const struct sh_feed_reading *reading; /* that the request brings; NULL: none */
};

void shop_open(struct shop *shop);
void shop_close(struct shop *shop);
uint32_t shop_user(struct shop *shop, const char *id, const char *const *interests, uint32_t interest_count);
/* Put an item; category and brand may be NULL. */
uint32_t shop_item(struct shop *shop, const char *id, const char *const *tags, uint32_t tag_count, const char *category,
                   const char *brand, int64_t now_ms);
/* Store and learn. *lesson may be NULL. */
void shop_act(struct shop *shop, uint32_t type, uint32_t user, uint32_t item, int64_t time_ms, int64_t now_ms,
              struct sh_feed_lesson *lesson);

/* What the feed's documentation says, from the log. */
struct twin_score {
    double contributions[SH_FEED_FEATURE_COUNT];
    double score;
};
/* items[i] is about item i; also how popular it is now. Users from the table's end on are another shard's. */
void twin_scores(const struct shop *shop, uint32_t user, int64_t now_ms, struct twin_score *scores, double *popularity);
/* Did the user do something with it within the configured days before now? */
bool twin_is_held(const struct shop *shop, uint32_t user, uint32_t item, int64_t now_ms, enum sh_feed_kind by_kind);

#endif
