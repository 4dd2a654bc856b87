/* shard_world.h -- a made-up workspace as plain arrays: what the engine should know, and loops that say who matches.
 *
 * Everything is a small number: users u0 .. u39, items i0 .. i9, strings "s0" .. "s7", labels "l0" .. "l3" (by rank),
 * tags "t0" .. "t9". The world writes requests as text, keeps what they mean, and evaluates expressions of its own
 * making by looking at every user and every event.
 */
#ifndef SH_SHARD_WORLD_H
#define SH_SHARD_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "split_random.h"

enum {
    WORLD_USERS = 40,
    WORLD_ITEMS = 10,
    WORLD_COLUMNS = 6,
    WORLD_TAGS = 10,
    WORLD_TYPES = 2,
    WORLD_SEGMENTS = 5,
    WORLD_RULES = 4,
    WORLD_EVENTS = 4000,
    WORLD_TEXT = 1 << 16,
};

enum world_kind { WORLD_INT, WORLD_DECIMAL, WORLD_BOOL, WORLD_ENUM, WORLD_STRING, WORLD_DATE, WORLD_KIND_COUNT };

struct world_user {
    bool live;
    bool has[WORLD_COLUMNS];
    int64_t value[WORLD_COLUMNS]; /* number; hundredths; 0/1; rank; which string; days since 1970 */
    bool tag[WORLD_TAGS];
    int64_t tag_end_ms[WORLD_TAGS]; /* INT64_MAX: it lasts */
    int32_t inviter;                /* by which id; -1: nobody */
    bool was_invited;               /* what the latest refresh counted: for whom, and as what */
    uint32_t was_invited_by;
    bool was_buyer;
    int64_t invited, invited_buyers; /* what it found this user to have invited */
    bool is_alias;
    uint32_t alias_of; /* another name of this user */
};

struct world_event {
    uint32_t user;
    uint32_t type;
    int64_t time_ms;
    bool has_amount;
    int64_t amount; /* hundredths */
    int32_t id;     /* -1: none */
};

/* An event of the type with at least that amount gives the tag. */
struct world_rule {
    bool is_there;
    uint32_t type;
    int64_t amount_min; /* hundredths; below -2000: any event, without an amount too */
    uint32_t tag;
    int64_t ttl_days; /* 0: it lasts */
    uint32_t given;   /* how often */
};

enum world_clause {
    EXPR_AND,
    EXPR_OR,
    EXPR_NOT,
    EXPR_COMPARE,
    EXPR_MISSING,
    EXPR_TAG,
    EXPR_COUNT,
    EXPR_SUM,
    EXPR_SEGMENT
};
struct world_expression {
    enum world_clause kind;
    struct world_expression *children[2];
    uint32_t column;
    uint32_t compare; /* = != < <= > >= */
    int64_t number;
    uint32_t tag;
    uint32_t segment;
    uint32_t type;
    int64_t days; /* 0: ever */
};

struct world {
    struct split_random rng;
    int64_t now_ms;
    int64_t asked_ms; /* the moment that a question is about: now_ms, or one to come or gone by */
    uint32_t column_count;
    enum world_kind kinds[WORLD_COLUMNS];
    struct world_user users[WORLD_USERS];
    struct world_event events[WORLD_EVENTS];
    uint32_t event_count;
    bool is_refreshed;
    int64_t keep_days[WORLD_TYPES]; /* 0: for ever */
    struct world_rule rules[WORLD_RULES];
    struct world_expression *segments[WORLD_SEGMENTS]; /* NULL: none; one uses only those before it */
};

struct world_text {
    char bytes[WORLD_TEXT];
    uint32_t count;
};
void text_clear(struct world_text *text);
void text_add(struct world_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

void world_init(struct world *world, uint64_t seed);
void world_deinit(struct world *world);
void world_schema(const struct world *world, struct world_text *params);
/* Some rows of users, of which some are to be refused. expected gets the answer's text up to `refused`. */
void world_put(struct world *world, struct world_text *params, struct world_text *expected);
void world_forget(struct world *world, struct world_text *params, struct world_text *expected);
void world_append(struct world *world, struct world_text *params, struct world_text *expected);
/* Events of a type are kept for another time from now on: schema.put. */
void world_keep(struct world *world, struct world_text *params, struct world_text *expected);
/* event.sweep; every event.append does the same first. */
void world_sweep(struct world *world, struct world_text *expected);
/* referral.refresh: who has invited whom, and how many of them did e1. */
void world_refresh(struct world *world);
/* A rule is put, changed or removed. */
void world_rule(struct world *world, struct world_text *params, struct world_text *expected, bool *removes);
/* Two users become one, or are one already. */
void world_merge(struct world *world, struct world_text *params, struct world_text *expected);
/* The user has the tag, by the later of now and the moment asked about. */
bool world_has_tag(const struct world *world, const struct world_user *user, uint32_t tag);
/* Whom the id means. */
uint32_t world_who(const struct world *world, uint32_t id);
/* A segment is put, changed or removed. */
void world_segment(struct world *world, struct world_text *params, struct world_text *expected, bool *removes);
/* The answer of segment.of_user; false if there is no such user. */
bool world_segments_text(const struct world *world, uint32_t user, struct world_text *expected);
/* The answer of user.get. */
void world_user_text(const struct world *world, uint32_t user, struct world_text *expected);

/* A random expression that may use the segments below segment_end. */
struct world_expression *world_expression(struct world *world, uint32_t depth, uint32_t segment_end);
void world_expression_free(struct world_expression *expression);
void world_expression_print(const struct world *world, const struct world_expression *expression,
                            struct world_text *text);
bool world_matches(const struct world *world, const struct world_expression *expression, uint32_t user);
uint32_t world_count(const struct world *world, const struct world_expression *expression);
/* Users who match in the order of a column, or by id if column is WORLD_COLUMNS; how many. */
uint32_t world_order(const struct world *world, const struct world_expression *expression, uint32_t column,
                     bool descending, uint32_t users[WORLD_USERS]);

#endif
