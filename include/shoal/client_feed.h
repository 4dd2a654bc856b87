/* shoal/client_feed.h -- feeds from C or C++: asked for with a struct, read item by item, page by page, user by user.
 *
 *   struct shoal_client_feed_request request = {.user = "lea", .count = 20, .scene = "front"};
 *   struct shoal_client_feed feed;
 *   struct shoal_client_feed_item item;
 *   do {
 *       if (shoal_client_feed_get(client, &request, &feed, &error) != SHOAL_CLIENT_OK) die(error.message);
 *       while (shoal_client_feed_next(&feed, &item)) show(item.id, item.id_bytes, item.score);
 *       request.cursor = feed.cursor;                       the next page: nothing on it was on an earlier one
 *   } while (feed.cursor[0] != '\0');
 *
 * Texts of items lie in the answer and live until the client's next call; they do not end in a zero byte. rec_id and cursor
 * are the struct's own. What the struct does not name (boosts, pins, weights of event types: engine/protocol/PROTOCOL.md)
 * is written by the caller:
 *
 *   struct shoal_client_writer *rules = shoal_client_writer_create();
 *   shoal_client_write_literal(rules, "mmr");
 *   shoal_client_write_real(rules, 0.3);
 *   request.rules = rules, request.rule_count = 1;
 */
#ifndef SHOAL_CLIENT_FEED_H
#define SHOAL_CLIENT_FEED_H

#include "shoal/client.h"

#ifdef __cplusplus
extern "C" {
#endif

enum shoal_client_explain {
    SHOAL_CLIENT_EXPLAIN_REASONS, /* sources and reasons */
    SHOAL_CLIENT_EXPLAIN_NONE,    /* ids and scores alone */
    SHOAL_CLIENT_EXPLAIN_FULL,    /* contributions, rules and propensities too */
};

/* NULL or 0 is what the protocol has for a key that is left out. */
struct shoal_client_feed_request {
    const char *user;           /* NULL: somebody of whom only the session is known */
    const char *const *session; /* items of the visit, oldest first, ended by NULL */
    const char *const *exclude; /* items, ended by NULL */
    const char *const *fields;  /* of items, ended by NULL */
    const char *filter;         /* an expression over items */
    const char *scene;
    const char *store;
    const char *cursor; /* of the page before; "" is none */
    uint32_t count;
    enum shoal_client_explain explain;
    int64_t now_ms;
    const int64_t *seed;                     /* NULL: each request has its own */
    uint32_t timeout_ms;                     /* refused by the server when it is not ready by then */
    bool is_preview;                         /* not to be learned from */
    const char *after_client;                /* read your writes: refused as busy until that client's ... */
    uint64_t after_number;                   /* ... write of this number is done */
    const struct shoal_client_writer *rules; /* rule_count names and values in turn */
    uint32_t rule_count;
};

struct shoal_client_feed_item {
    const char *id;
    size_t id_bytes;
    double score;
    double propensity;              /* 1 unless its place was explored */
    struct shoal_client_value told; /* all of it: sources, reasons, contributions, rules, relaxed, fields */
};

enum { SHOAL_CLIENT_CURSOR_BYTES_MAX = 40960 }; /* of 4,096 items, which are the end */

struct shoal_client_feed {
    char rec_id[17]; /* for events that it led to */
    uint32_t count;  /* of items */
    struct shoal_client_value relaxed;
    struct shoal_client_walk items;
    char cursor[SHOAL_CLIENT_CURSOR_BYTES_MAX]; /* "": there is no next page */
};

/* Returns and fills as shoal_client_call does. It may run twice, as questions may. */
int shoal_client_feed_get(struct shoal_client *client, const struct shoal_client_feed_request *request,
                          struct shoal_client_feed *feed, struct shoal_client_error *error);
/* The next item, best first; false: that was the last. */
bool shoal_client_feed_next(struct shoal_client_feed *feed, struct shoal_client_feed_item *item);
/* The same feed, put in flight as shoal_client_submit does, and read from an answer that came. False: it is no feed. */
int shoal_client_feed_submit(struct shoal_client *client, const struct shoal_client_feed_request *request, uint32_t *id,
                             struct shoal_client_error *error);
bool shoal_client_feed_read(struct shoal_client_value result, struct shoal_client_feed *feed);

/* ---- Why ---- */

/* What became of one item in that feed. */
struct shoal_client_fate {
    bool shown;
    char stage[16]; /* "shown", or what kept it out: "held", "filter", "score" ... */
    uint32_t place; /* from 1; 0: it is not shown */
    uint32_t rank;  /* from 1; 0: it is no candidate */
    double score;
    double last_score;              /* of the feed's last item */
    struct shoal_client_value told; /* all of it: rules, contributions, sources, reasons */
};
int shoal_client_feed_why(struct shoal_client *client, const struct shoal_client_feed_request *request,
                          const char *item, struct shoal_client_fate *fate, struct shoal_client_error *error);

/* ---- Feeds of an audience ---- */

/* A walk over everybody who matches, page by page, each with their feed. user, session, cursor and now_ms of the request
 * are not looked at.
 *
 *   struct shoal_client_batch *batch = shoal_client_batch_begin(client, "tier = 'gold'", 200, &request);
 *   while (shoal_client_batch_next(batch, &user, &user_bytes, &feed, &error)) ...
 *   shoal_client_batch_end(batch);           error.code says whether the walk came to its end (0) or failed
 *
 * `feed` is good until the next step; its cursor is empty. */
struct shoal_client_batch;
/* Texts are copied; request and what it points to must live until the end. NULL: memory is out. */
struct shoal_client_batch *shoal_client_batch_begin(struct shoal_client *client, const char *where,
                                                    uint32_t users_a_page,
                                                    const struct shoal_client_feed_request *request);
bool shoal_client_batch_next(struct shoal_client_batch *batch, const char **user, size_t *user_bytes,
                             struct shoal_client_feed *feed, struct shoal_client_error *error);
void shoal_client_batch_end(struct shoal_client_batch *batch); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
