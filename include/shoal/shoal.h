/* shoal/shoal.h -- the Shoal engine inside a C or C++ program, without a server.
 *
 *   struct shoal_error error;
 *   struct shoal *engine = NULL;
 *   if (shoal_open(NULL, &engine, &error) != SHOAL_OK) die(error.message);
 *
 *   static const char *const tiers[] = {"silver", "gold"};
 *   shoal_define(engine, SHOAL_USERS, &(struct shoal_attribute){.name = "age", .type = SHOAL_INT}, &error);
 *   shoal_define(engine, SHOAL_USERS, &(struct shoal_attribute){.name = "tier", .type = SHOAL_ENUM, .labels = tiers,
 *                                                               .label_count = 2}, &error);
 *
 *   struct shoal_row *row = shoal_row_create();
 *   shoal_row_integer(row, "age", 31);
 *   shoal_row_text(row, "tier", "gold");
 *   shoal_put(engine, SHOAL_USERS, "u-1", row, &error);
 *
 *   uint64_t count;
 *   if (shoal_count(engine, "tier >= 'gold' and age < 40", &count, &error) != SHOAL_OK)
 *       printf("%s at byte %lld\n", error.message, (long long)error.position);
 *
 * This is the same engine as in shoald, one shard of it, working in the thread that calls: no thread, no socket, no
 * file is opened behind your back. shoal_call() takes every method of the protocol as msgpack; the calls above are
 * what a C program wants of them without packing anything.
 *
 * Rules: texts are UTF-8 and, where no length is given, end in a zero byte. What a call hands out lives until the next
 * call on the same engine. An engine belongs to one thread at a time; there is no global state. Every call that can
 * fail returns SHOAL_OK or a code, with the words in *error (which may be NULL); a call that failed changed nothing.
 *
 * Build: cc app.c $(pkg-config --cflags --libs shoal)
 */
#ifndef SHOAL_SHOAL_H
#define SHOAL_SHOAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to: the `code` of the protocol. 3xx the request, 4xx a limit, 5xx this machine. */
enum shoal_status {
    SHOAL_OK = 0,
    SHOAL_ERR_PROTOCOL = 100,
    SHOAL_ERR_TOO_LARGE = 102,
    SHOAL_ERR_UNSUPPORTED = 103,
    SHOAL_ERR_ARGUMENT = 300,
    SHOAL_ERR_SYNTAX = 301,
    SHOAL_ERR_TYPE = 302,
    SHOAL_ERR_NAME = 303,
    SHOAL_ERR_NOT_FOUND = 304,
    SHOAL_ERR_CONFLICT = 305,
    SHOAL_ERR_OVERFLOW = 306,
    SHOAL_ERR_LIMIT = 402,
    SHOAL_ERR_MEMORY = 500
};

struct shoal_error {
    int code;         /* enum shoal_status */
    int64_t position; /* byte offset into the expression that was refused, -1 if there is none */
    char status[32];  /* "syntax", "not_found" ... */
    char message[512];
    char hint[256]; /* what to do, or the nearest known name; "" if there is none */
};

/* ---- an engine ---- */

struct shoal;

/* NULL or a zero field means its default. */
struct shoal_options {
    const char *zone; /* "UTC": the time zone in which days begin; fixed for ever */
};

/* *engine is NULL after a failure. */
int shoal_open(const struct shoal_options *options, struct shoal **engine, struct shoal_error *error);
void shoal_close(struct shoal *engine); /* NULL is fine */

/* What the engine takes for the present: windows end here, feeds age to here. SHOAL_NOW_SYSTEM (the beginning) reads
 * the system's clock at each call; milliseconds since 1970 UTC stay until they are set anew. */
#define SHOAL_NOW_SYSTEM INT64_MIN
void shoal_set_now(struct shoal *engine, int64_t now_ms);

/* Any method of the protocol. params is one msgpack map (NULL and 0: an empty one); *answer is the result's map, as a
 * server would send it. */
int shoal_call(struct shoal *engine, const char *method, const void *params, size_t params_count, const void **answer,
               size_t *answer_count, struct shoal_error *error);

/* ---- schema: adding what is there already is fine ---- */

enum shoal_table { SHOAL_USERS, SHOAL_ITEMS };
enum shoal_type { SHOAL_BOOLEAN, SHOAL_INT, SHOAL_DECIMAL, SHOAL_TIME, SHOAL_DATE, SHOAL_ENUM, SHOAL_STRING };

/* A decimal without digits after the point. */
#define SHOAL_SCALE_WHOLE (-1)

struct shoal_attribute {
    const char *name;
    enum shoal_type type;
    int scale;                 /* DECIMAL: digits after the point, 1 to 9; 0: the usual 2; or SHOAL_SCALE_WHOLE */
    const char *const *labels; /* ENUM: from lowest to highest */
    size_t label_count;
};

int shoal_define(struct shoal *engine, enum shoal_table table, const struct shoal_attribute *attribute,
                 struct shoal_error *error);
int shoal_define_tags(struct shoal *engine, enum shoal_table table, const char *tag_set, struct shoal_error *error);
/* amount_scale as the scale of a decimal. properties may be NULL. */
int shoal_define_event(struct shoal *engine, const char *name, int amount_scale,
                       const struct shoal_attribute *properties, size_t property_count, struct shoal_error *error);

/* ---- rows ---- */

/* Fields and their values: of a user, an item, or the properties of an event. A field that is not named keeps what it
 * has. A row that ran out of memory fails where it is used. It may be used again, also after shoal_row_clear. */
struct shoal_row;
struct shoal_row *shoal_row_create(void); /* NULL when memory is out */
void shoal_row_destroy(struct shoal_row *row);
void shoal_row_clear(struct shoal_row *row);
void shoal_row_missing(struct shoal_row *row, const char *field); /* clear it */
void shoal_row_boolean(struct shoal_row *row, const char *field, bool value);
void shoal_row_integer(struct shoal_row *row, const char *field, int64_t value); /* int, whole decimal, time in ms */
/* string, enum, decimal ("12.50"), time ("2026-03-01 09:30"), date ("2026-03-01"). NULL clears it. */
void shoal_row_text(struct shoal_row *row, const char *field, const char *value);
/* All tags of a set at once, or some more and some less. */
void shoal_row_tags(struct shoal_row *row, const char *tag_set, const char *const *tags, size_t tag_count);
void shoal_row_change_tags(struct shoal_row *row, const char *tag_set, const char *const *added, size_t added_count,
                           const char *const *removed, size_t removed_count);

/* Make or change a user or an item. row may be NULL: only the id. An item that is put is listed. */
int shoal_put(struct shoal *engine, enum shoal_table table, const char *id, const struct shoal_row *row,
              struct shoal_error *error);
/* A person, from everything. SHOAL_ERR_NOT_FOUND if nobody has that id. */
int shoal_forget(struct shoal *engine, const char *user, struct shoal_error *error);
/* Two users are one: what `into` has wins, the rest of `from` is added, no event twice; `from` is another name of
 * `into` from now on. Again changes nothing. */
int shoal_merge(struct shoal *engine, const char *from, const char *into, struct shoal_error *error);
/* An item is not shown any more. */
int shoal_unlist(struct shoal *engine, const char *item, struct shoal_error *error);

struct shoal_event {
    const char *type;
    const char *user;
    int64_t time_ms;
    const char *item;   /* NULL: none */
    const char *amount; /* "12.50"; NULL: none */
    const char *id;     /* NULL: none; with one, the same event is stored once */
};
/* properties may be NULL. *duplicate (may be NULL) says that it was there already. */
int shoal_append(struct shoal *engine, const struct shoal_event *event, const struct shoal_row *properties,
                 bool *duplicate, struct shoal_error *error);

/* ---- audiences ---- */

int shoal_count(struct shoal *engine, const char *where, uint64_t *count, struct shoal_error *error);

/* Called for each id, which is not ended by a zero byte. False ends the list. It must not call the engine. */
typedef bool shoal_each_id(void *context, const char *id, size_t id_count);

/* NULL or a zero field means its default. */
struct shoal_list_options {
    uint64_t limit;    /* 0: all of them */
    const char *order; /* an attribute, or "id"; NULL: in no particular order */
    bool descending;
};
/* *count (may be NULL) is how many match. */
int shoal_list(struct shoal *engine, const char *where, const struct shoal_list_options *options, shoal_each_id *each,
               void *context, uint64_t *count, struct shoal_error *error);
/* Exactly `size` of them, or all if there are fewer: the same ones for the same seed, and among those of a larger
 * sample. At most 1,000,000. */
int shoal_sample(struct shoal *engine, const char *where, uint64_t size, const char *seed, shoal_each_id *each,
                 void *context, struct shoal_error *error);
/* The program that answers it, with its costs, as a table for people; measured, it is run once. */
int shoal_explain(struct shoal *engine, const char *where, bool measured, const char **text, struct shoal_error *error);

/* ---- saved segments: in_segment('name') in any expression ---- */

/* A new text is a new version; *version may be NULL. Refused if it would use itself. */
int shoal_segment_put(struct shoal *engine, const char *name, const char *where, uint64_t *version,
                      struct shoal_error *error);
/* SHOAL_ERR_CONFLICT while other segments use it. */
int shoal_segment_remove(struct shoal *engine, const char *name, struct shoal_error *error);
/* The names of those that this user is in. */
int shoal_segments_of(struct shoal *engine, const char *user, shoal_each_id *each, void *context,
                      struct shoal_error *error);

/* ---- what people do, and what they are like ----
 *
 *   static bool show(void *context, const struct shoal_step *step) {
 *       printf("%.*s: %llu\n", (int)step->step.count, step->step.bytes, (unsigned long long)step->users);
 *       return true;
 *   }
 *   shoal_funnel(engine, "sequence(view -> cart -> purchase, within 3 days, last 30 days)", NULL, show, NULL, &error);
 *
 * Each call hands out row by row, in the order of the protocol's answer, until the function returns false; it must not
 * call the engine. What a method can do besides (breakdowns, numbers, crossed dimensions) is shoal_call()'s. */

struct shoal_text {
    const char *bytes; /* UTF-8, not ended by a zero byte */
    size_t count;
};

/* One step of a funnel. */
struct shoal_step {
    struct shoal_text step;    /* as it stands in the sequence */
    uint64_t users;            /* who came here */
    int64_t from_first_s;      /* median seconds from the first step; -1 in the first one and where nobody came */
    int64_t from_previous_s;   /* and from the step before */
    struct shoal_text reached; /* an expression for who came here */
    struct shoal_text dropped; /* and for who came here and no further; empty in the last step */
};
typedef bool shoal_each_step(void *context, const struct shoal_step *step);
/* How many of an audience (among; NULL: everybody) come how far along one sequence(...). */
int shoal_funnel(struct shoal *engine, const char *sequence, const char *among, shoal_each_step *each, void *context,
                 struct shoal_error *error);

/* NULL or a zero field means its default. */
struct shoal_retention_options {
    const char *again;     /* what counts as coming back; the first event's own description */
    const char *period;    /* "day", "week" (the default), "month": local calendar ones */
    uint32_t period_count; /* 12; the last one holds now */
    const char *among;     /* everybody */
};
/* Those whose first event lies in one period. */
struct shoal_cohort {
    struct shoal_text start; /* the period's first day, "2026-03-01" */
    uint64_t users;
    const uint64_t *returned; /* [k]: how many of them came back k periods later */
    uint32_t returned_count;
};
typedef bool shoal_each_cohort(void *context, const struct shoal_cohort *cohort);
/* first: an event type, with its where if it has one: "purchase where amount > 50". */
int shoal_retention(struct shoal *engine, const char *first, const struct shoal_retention_options *options,
                    shoal_each_cohort *each, void *context, struct shoal_error *error);

/* One value of an attribute or one tag, in an audience and in what it is compared with. */
struct shoal_look {
    struct shoal_text value; /* "true" or "false" of a bool */
    uint64_t users;          /* of the audience */
    uint64_t base;           /* of the base */
    double share;            /* users / audience */
    double index;            /* 100 * share / share in the base (TGI); -1 where nobody of the base has it */
};
typedef bool shoal_each_look(void *context, const struct shoal_look *look);
/* What an audience is like: the `top` values (0: 20) with most users of a bool, enum or string attribute or a tag set.
 * base NULL: compared with everybody. */
int shoal_insight(struct shoal *engine, const char *where, const char *of, const char *base, uint32_t top,
                  shoal_each_look *each, void *context, struct shoal_error *error);

/* How many are in both of each two sets: matrix[i * set_count + j], and how many in set i: matrix[i * set_count + i].
 * At most 64 sets. */
int shoal_overlap(struct shoal *engine, const char *const *sets, size_t set_count, uint64_t *matrix,
                  struct shoal_error *error);

/* One clause of an expression, in the order written. */
struct shoal_clause {
    struct shoal_text clause;
    uint64_t alone;   /* who matches it by itself */
    uint64_t after;   /* who is left (of `or`: found) after it */
    uint64_t changed; /* how many it took away (of `or`: added) */
    uint64_t only;    /* who is kept out (of `or`: in) by this clause alone */
};
typedef bool shoal_each_clause(void *context, const struct shoal_clause *clause);
int shoal_waterfall(struct shoal *engine, const char *where, shoal_each_clause *each, void *context,
                    struct shoal_error *error);

/* One line of why a user is in or out. */
struct shoal_reason {
    uint32_t depth; /* 0: the whole expression */
    bool holds;
    struct shoal_text kind; /* "clause", or "and", "or", "not" of the deeper lines below it */
    struct shoal_text clause;
    struct shoal_text found; /* the user's value, as text; empty if there is none */
};
typedef bool shoal_each_reason(void *context, const struct shoal_reason *reason);
/* *matches (may be NULL) is whether the user is in. SHOAL_ERR_NOT_FOUND if nobody has that id. */
int shoal_why(struct shoal *engine, const char *user, const char *where, bool *matches, shoal_each_reason *each,
              void *context, struct shoal_error *error);

/* Exactly `count` users (or all, if there are fewer) most like those of `seeds`, most alike first; seeds are left out,
 * and so are those of `exclude` (NULL: nobody). */
int shoal_lookalike(struct shoal *engine, const char *seeds, uint64_t count, const char *exclude, shoal_each_id *each,
                    void *context, struct shoal_error *error);

/* Recency, frequency, money: after a plan and a refresh users have rfm.r, rfm.segment, lifecycle, value.amount ... in
 * expressions. Zero in a field means its default. */
struct shoal_rfm_plan {
    const char *event; /* by which users are scored */
    int days;          /* the horizon: 365, or SHOAL_RFM_ALL_TIME */
    uint32_t scores;   /* 3 to 5; 5 */
    bool per_day;      /* a day with an event counts once */
};
#define SHOAL_RFM_ALL_TIME (-1)
int shoal_rfm_put(struct shoal *engine, const struct shoal_rfm_plan *plan, struct shoal_error *error);
/* Cut points are made anew of everybody, and the horizon ends now. */
int shoal_rfm_refresh(struct shoal *engine, struct shoal_error *error);

enum shoal_rfm_list { SHOAL_RFM_SEGMENTS, SHOAL_RFM_NAMES, SHOAL_RFM_LIFECYCLE };
struct shoal_group {
    struct shoal_text name;
    uint64_t users;
    struct shoal_text amount; /* "12.50" */
};
typedef bool shoal_each_group(void *context, const struct shoal_group *group);
/* How an audience (NULL: everybody) is spread over the eight cells, the eleven names or the stages of life. */
int shoal_rfm(struct shoal *engine, const char *where, enum shoal_rfm_list list, shoal_each_group *each, void *context,
              struct shoal_error *error);

/* ---- feeds ---- */

struct shoal_feed_item {
    const char *id; /* not ended by a zero byte */
    size_t id_count;
    double score;
    const char *reason; /* the strongest one: "affinity", "declared", "popular", "new"; "" if there is none */
    size_t reason_count;
    const char *reason_name; /* the tag or value it is about; "" for popular and new */
    size_t reason_name_count;
};
typedef bool shoal_each_item(void *context, const struct shoal_feed_item *item);

/* The best `count` items for a user now (1 to 1,000; an unknown user gets a feed too). filter is an expression over
 * items; NULL: all that are listed. */
int shoal_feed(struct shoal *engine, const char *user, uint32_t count, const char *filter, shoal_each_item *each,
               void *context, struct shoal_error *error);

#ifdef __cplusplus
}
#endif

#endif
