/* query_tree.h -- an expression as a tree: what the parser makes, the checker binds, the planner runs.
 *
 *   tier >= 'gold' and count(purchase where amount > 50, last 30 days) >= 2
 *
 *                    and
 *                   /   \
 *           compare >=   compare >=
 *           /     \       /       \
 *     attribute  'gold'  aggregate  2
 *       tier             count purchase, last 30 days
 *                          where: compare >  (amount, 50)
 *
 * One struct for every node; children are a linked list. The tree lives in the arena it was made in and never owns
 * memory. The parser (text) and the reader (msgpack arrays) make the same tree; both fill only the "as written" part.
 * sh_query_check() resolves names and literals against a scope and fills the "bound" part in place; before it, the
 * bound part is zero. Canonical form: nested and/or flattened, double negation removed, children of and/or ordered by
 * their printed form and without doubles, literals of in/has sorted and without doubles; the steps of
 * a sequence keep their order. Two expressions that mean the
 * same after these steps print the same text and have the same hash.
 */
#ifndef SH_QUERY_TREE_H
#define SH_QUERY_TREE_H

#include "arena.h"
#include "text.h"

/* The position of what did not come from a text: an error about it has position -1. */
#define SH_POSITION_NONE UINT32_MAX
/* 2^94: above every average (a value is below 2^63 and bounds are at most 10^9 finer), and times 2^32 still 128 bits.
 */
#define SH_AVG_BOUND_MAX ((__int128)1 << 94)

/* 2^60, in units of 10^-9 days: no gap is as long, and times 2^32 days in milliseconds (2^59) it is still 128 bits. */
#define SH_GAP_BOUND_MAX ((__int128)1 << 60)

enum sh_node_kind {
    SH_NODE_TRUE,
    SH_NODE_FALSE,
    SH_NODE_AND, /* children: two or more */
    SH_NODE_OR,
    SH_NODE_NOT,      /* one child */
    SH_NODE_COMPARE,  /* operand, compare, literals[0] */
    SH_NODE_BETWEEN,  /* operand, literals[0] and [1], both included */
    SH_NODE_IN,       /* operand, literals; `negated` for "not in", which is false for a missing operand; so are
                         "not between", "not starts with" and "not contains" */
    SH_NODE_MISSING,  /* operand: "is missing"; `negated` for "is not missing" */
    SH_NODE_STARTS,   /* operand (string), literals[0] */
    SH_NODE_CONTAINS, /* operand (string), literals[0] */
    SH_NODE_UNDER,    /* operand (string, enum), literals[0]: a name in a hierarchy. As IN with that name and all that
                         stand below it, as the scope's owner says them; `negated` for "not under" */
    SH_NODE_WINDOW,   /* operand (time) in window: the value lies in it */
    SH_NODE_NEXT,     /* operand "in next N days": time: within (now, now + N days]; date: its yearly day is today or
                         one of the next N - 1 days in the zone; 29 February counts on 28 February in other years */
    SH_NODE_HAS,      /* tag set, has, literals */
    SH_NODE_RELATION, /* left compare right: two values, calculated or as they are; < and <= only, = and !=. Without
                         right: left [not] in literals, or where there are none, left is [not] missing */
    SH_NODE_DID,      /* aggregate with function COUNT: at least one */
    SH_NODE_SEQUENCE, /* children: the steps in their order, each a DID without a window; window, sequence */
    SH_NODE_SAMPLE,   /* parts, seed */
    SH_NODE_SEGMENT   /* literals[0]: a saved expression, resolved by the scope's owner */
};

enum sh_compare { SH_COMPARE_EQ, SH_COMPARE_NE, SH_COMPARE_LT, SH_COMPARE_LE, SH_COMPARE_GT, SH_COMPARE_GE };
enum sh_has { SH_HAS_ANY, SH_HAS_ALL, SH_HAS_NONE };
enum sh_function {
    SH_FUNCTION_NONE, /* the operand is an attribute or event property, not an aggregate */
    SH_FUNCTION_COUNT,
    SH_FUNCTION_SUM,
    SH_FUNCTION_MIN,
    SH_FUNCTION_MAX,
    SH_FUNCTION_AVG,
    SH_FUNCTION_FIRST, /* of a property, or the time itself when no property is named */
    SH_FUNCTION_LAST,
    SH_FUNCTION_DAYS_SINCE,
    SH_FUNCTION_DAYS,     /* local days with at least one event */
    SH_FUNCTION_DISTINCT, /* different values of a property, or different items: count(distinct ...) */
    SH_FUNCTION_NTH,      /* as FIRST, but the event that is `nth` */
    SH_FUNCTION_GAP_MIN,  /* days between two events that follow each other */
    SH_FUNCTION_GAP_AVG,
    SH_FUNCTION_GAP_MAX,
    SH_FUNCTION_EXPECTED_NEXT /* the latest event, and the mean time from one day with events to the next */
};

enum sh_window_kind {
    SH_WINDOW_EVER,     /* no window written: every event up to now */
    SH_WINDOW_SLIDING,  /* last `count` `unit`: (now - span, now] */
    SH_WINDOW_CALENDAR, /* last `count` calendar `unit`s: the current one and the count - 1 before it, up to now */
    SH_WINDOW_THIS,     /* today, this week/month/quarter/year: from its start, up to now */
    SH_WINDOW_PREVIOUS, /* yesterday, previous week/month/quarter/year: the whole one before the current */
    SH_WINDOW_BETWEEN,  /* between A and B: dates are whole days, both included; instants are [A, B) */
    SH_WINDOW_ON,       /* on A: that day */
    SH_WINDOW_SINCE,    /* since A (included), up to now */
    SH_WINDOW_BEFORE,   /* before A (not included) */
    SH_WINDOW_AGO,      /* from `count` `unit`s ago to `end_count` `end_unit`s ago: (now - the one, now - the other] */
    SH_WINDOW_WITHIN    /* within `count` `unit`s after (or before) the anchor: (anchor, anchor + span], or
                           [anchor - span, anchor); never past now. query_anchor.h has the rule */
};
enum sh_unit {
    SH_UNIT_NONE,
    SH_UNIT_MINUTE,
    SH_UNIT_HOUR,
    SH_UNIT_DAY,
    SH_UNIT_WEEK, /* sliding: 7 days; calendar: from Monday (ISO 8601) */
    SH_UNIT_MONTH,
    SH_UNIT_QUARTER,
    SH_UNIT_YEAR
};

enum sh_literal_kind { SH_LITERAL_NUMBER, SH_LITERAL_TEXT, SH_LITERAL_BOOL };
struct sh_literal {
    enum sh_literal_kind kind;
    struct sh_text text; /* NUMBER: its decimal digits as written ("-12.50"); TEXT: unescaped; BOOL: "true"/"false" */
    uint32_t position;   /* byte offset in the expression, for errors */
};

struct sh_operand;
struct sh_window {
    enum sh_window_kind kind;
    enum sh_unit unit;
    int64_t count;
    enum sh_unit end_unit; /* AGO */
    int64_t end_count;
    struct sh_literal from, to; /* BETWEEN, ON, SINCE (from), BEFORE (to) */
    struct sh_operand *anchor;  /* WITHIN: a time of the user: an aggregate of events, an attribute, a derived value */
    bool is_before;             /* WITHIN: before the anchor, not after it */
    uint32_t position;
};

/* What a sequence says beside its steps and its window (query_sequence.h has the rule). */
struct sh_sequence_terms {
    int64_t within_count; /* 0: no bound but the window */
    enum sh_unit within_unit;
    bool is_strict;
    uint32_t reach; /* the step to be reached; 0: the last one, also if it was written */
};

/* What kind of value an operand has once bound. */
enum sh_subject {
    SH_SUBJECT_ATTRIBUTE, /* of the table being described (users, or items in an item expression) */
    SH_SUBJECT_DERIVED,   /* a value of users that the scope's owner works out */
    SH_SUBJECT_PROPERTY,  /* inside where: a property of the event itself, `amount` and `time` included */
    SH_SUBJECT_ITEM       /* inside where: item.<attribute or tag set>, or item.id */
};

/* "tier", "count(purchase, last 30 days)", "sum(purchase.amount where store = 's1', this month)". */
struct sh_operand {
    /* as written */
    enum sh_function function;
    bool of_item;          /* "item." stood before the name */
    struct sh_text name;   /* attribute or property; for an aggregate the property, count 0 if none */
    struct sh_text event;  /* aggregates: the event type */
    struct sh_node *where; /* aggregates: NULL if none */
    int64_t nth;           /* NTH: 1 is the first */
    struct sh_window window;
    uint32_t position;
    uint32_t name_position;
    uint32_t event_position;
    /* bound by sh_query_check */
    enum sh_subject subject;
    uint32_t event_type; /* number of the event type */
    uint32_t index;      /* attribute, tag set or property number; SH_OPERAND_* for built-in ones */
    int32_t type;        /* enum sh_type of the value (table.h) */
    uint32_t scale;      /* of a decimal */
    bool date_only;      /* a time of day precision */
};
/* Built-in "indexes" beside the properties an event type declares and the attributes a table has. */
enum {
    SH_OPERAND_TIME = 0xFFFFFFF0,
    SH_OPERAND_AMOUNT = 0xFFFFFFF1,
    SH_OPERAND_ID = 0xFFFFFFF2,
    SH_OPERAND_ITEM = 0xFFFFFFF3,    /* of an event: its item, for count(distinct ...) */
    SH_OPERAND_HOUR = 0xFFFFFFF4,    /* inside where: of the event's local time, 0..23 */
    SH_OPERAND_WEEKDAY = 0xFFFFFFF5, /* of its local day, 1 Monday .. 7 */
    SH_OPERAND_NO_INDEX = 0xFFFFFFFF
};

/* A value of a RELATION: a number, an operand, or two terms calculated with.
 *
 *   sum(purchase.amount) + sum(cancel.amount) > 100          count(cancel) / count(purchase) > 0.2
 *
 * Numbers are exact fractions of 128 bits over 128 bits; what does not fit is SH_ERR_OVERFLOW, never rounded. What is
 * calculated with a missing value is missing, and so is what is divided by zero; a comparison with it is false, and so
 * is [not] in.
 *
 *   last(purchase) - first(purchase) > 30 days                   registered_at + 2 weeks < first(purchase)
 *
 * A time less a time is a span; a time and a span, added or subtracted, are a time; spans are added, multiplied and
 * divided by numbers, and a span over a span is a number. Times are compared with times and spans with spans, to the
 * millisecond; a day has 24 hours. Where dates and instants meet in one comparison, instants are their local day. */
enum sh_term_kind {
    SH_TERM_NUMBER,
    SH_TERM_OPERAND, /* a number or a time: an attribute, an aggregate; inside where, what the event or its item has */
    SH_TERM_ADD,
    SH_TERM_SUBTRACT,
    SH_TERM_MULTIPLY,
    SH_TERM_DIVIDE
};
struct sh_term {
    enum sh_term_kind kind;
    uint32_t position;
    struct sh_literal number;
    enum sh_unit unit; /* NUMBER: a span of so many minutes, hours, days or weeks; NONE: a number */
    struct sh_operand operand;
    struct sh_term *left, *right; /* ADD to DIVIDE */
};

struct sh_node {
    enum sh_node_kind kind;
    uint32_t position;     /* byte offset of the node's first character; SH_POSITION_NONE if it came as msgpack */
    struct sh_node *child; /* first child; AND, OR, NOT, SEQUENCE */
    struct sh_node *next;  /* next sibling */
    /* as written */
    struct sh_operand operand;
    enum sh_compare compare;
    enum sh_has has;
    bool negated;
    struct sh_literal *literals;
    uint32_t literal_count;
    struct sh_term *left, *right; /* RELATION */
    struct sh_window window;      /* WINDOW */
    int64_t count;                /* NEXT: days */
    struct sh_sequence_terms sequence;
    uint32_t sample_parts; /* SAMPLE: millionths, 10% is 100,000 */
    struct sh_text sample_seed;
    /* bound by sh_query_check: the values that satisfy the operand, in its canonical int64 form. Nothing bound depends
     * on `now`: windows are resolved when a plan runs (sh_query_window).
     *   COMPARE and BETWEEN on bools, numbers, times: low..high, both included, empty if low > high. A literal that is
     *     a date stands for its whole day in the zone when compared with a time.
     *   COMPARE, BETWEEN and IN on enums: `values` = the codes that satisfy; COMPARE and BETWEEN also have low..high,
     *     which are ranks.
     *   COMPARE = and !=, and IN, on strings: `values` = the codes that satisfy; for item.id they are slots of items.
     *     Strings that no row has are left out, so `values` may be empty.
     *   IN on bools, numbers, times: `values`. An IN of whole days on a time has become OR (or AND) of comparisons.
     *   `!=` and the "not" forms have the values of the plain form, and `negated`: a value outside them satisfies.
     *   UNDER: `values` as IN has them, of all the names; those that no row has are left out.
     *   STARTS, CONTAINS: literals[0], resolved against the dictionary at plan time.
     *   HAS: `values` = tag codes that exist; a tag nobody ever had keeps its place in literal_count only, so HAS ALL
     *     with value_count < literal_count matches nothing.
     *   All `values` ascend and have no doubles.
     *   sum, avg and the gaps compare in 128 bits, low128..high128. For sum these are whole units of
     *     10^-operand.scale, both included. An average is not a whole number of units, so its bounds may be open and
     * may be finer than the property: they are in units of 10^-bound_scale (at least operand.scale, at most 9 more),
     * and the test is sum * 10^(bound_scale - operand.scale) against low128 * count and high128 * count. Bounds are
     * clamped to
     *     +-SH_AVG_BOUND_MAX, so with counts below 2^32 no product leaves 128 bits. A gap is an average too: of so many
     *     milliseconds over so many days of 86,400,000, with operand.scale 0 and bounds within +-SH_GAP_BOUND_MAX. */
    int64_t low, high;
    __int128 low128, high128;
    uint32_t bound_scale;     /* avg, gaps */
    bool low_open, high_open; /* avg, gaps: the bound itself does not satisfy */
    int64_t *values;
    uint32_t value_count;
    uint32_t tag_set; /* HAS */
};

#endif
