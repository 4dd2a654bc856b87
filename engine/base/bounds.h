/* bounds.h -- every bound of the engine, with where its number comes from. One name, one place.
 *
 * Not limits.h: gcc's own <limits.h> would find that name on the quote path. */
#ifndef SH_BOUNDS_H
#define SH_BOUNDS_H

enum {
    /* Names and ids. An external id is 1 to 255 bytes, so a length is one byte. */
    SH_ID_BYTES_MAX = 255,
    SH_NAME_BYTES_MAX = 64,     /* attribute, tag set, event type, workspace, segment: 21 Chinese characters */
    SH_STRING_BYTES_MAX = 4096, /* one string value or tag: a note of the sales staff, not a document */
    SH_ATTRIBUTE_COUNT_MAX = 1024,
    SH_TAG_SET_COUNT_MAX = 64,
    SH_TAGS_PER_ROW_MAX = 4096,
    SH_EVENT_TYPE_COUNT_MAX = 256, /* a type is one byte in a history link's cell */
    SH_EVENT_PROPERTY_COUNT_MAX = 64,
    SH_DICTIONARY_COUNT_MAX = 1 << 30,
    /* Up to this many distinct values an attribute keeps a bitmap for each; above it a column compare is cheaper than
     * the bookkeeping, and 4,096 empty-ish bitmaps of 10 M users are 150 directory entries each. */
    SH_VALUE_BITMAP_COUNT_MAX = 4096,
    SH_WORKSPACE_COUNT_MAX = 256,
    SH_PERSONAL_COUNT_MAX = 64, /* attributes and tag sets that are personal: each name in a request is compared */
    SH_PURPOSE_COUNT_MAX =
        16, /* that people are written to for: channels and kinds of message; three attributes each */
    SH_RECEIPT_COUNT_MAX = 65536,      /* of user.forget that a workspace remembers: 4 MiB */
    SH_FORGET_HOURS_DEFAULT = 24,      /* until nothing of somebody forgotten is on the disk; the least is a minute */
    SH_SEGMENT_COUNT_MAX = 4096,       /* saved expressions in a workspace: segment.of_user looks at all of them */
    SH_SEGMENT_VERSION_COUNT_MAX = 16, /* texts of a segment that are kept, the one in force included */
    SH_SEGMENT_DEPTH_MAX = 16,         /* segments that use segments: people lose the thread earlier */
    SH_SCORE_COUNT_MAX = 64,           /* scoring plans of a workspace: each is a field of every user */
    SH_SCORE_PART_COUNT_MAX = 64,      /* points and weights of one: each is an expression evaluated for its users */
    SH_SCORE_DEPTH_MAX = 4,            /* scores that use scores: each link is a block's sums, 1 MiB, at a time */
    SH_SCORE_PREPARED_COUNT_MAX = 8,   /* (plan, now) pairs kept planned: twice the longest chain */
    SH_SCORE_BASE_COUNT_MAX = 64,      /* derived fields that are no scores: RFM has 14, referral 8 */
    /* Tags that have ended are taken away by the next request, so many of them: about a millisecond. More at once wait
     * for the requests after it, and readers look past them until then. */
    SH_EXPIRE_COUNT_MAX = 4096,
    SH_TTL_DAYS_MAX = 36500,    /* of a tag: a hundred years are as good as for ever */
    SH_KEEP_DAYS_MAX = 36500,   /* of events of a type, likewise */
    SH_ALIAS_COUNT_MAX = 65536, /* ids of one user: merging walks over them */
    SH_HELD_COUNT_MAX = 256,    /* users of a shard that are being merged at a moment */
    /* Rules that tag users by their events, in a workspace: each one of an event's type costs some tens of ns. */
    SH_RULE_COUNT_MAX = 256,
    /* Trees of names (stores in regions) of a workspace; attributes that one is for; names and levels of one; its
     * memory.
     */
    SH_HIERARCHY_COUNT_MAX = 16,
    SH_HIERARCHY_OF_COUNT_MAX = 8,
    SH_HIERARCHY_NODE_COUNT_MAX = 65536,
    SH_HIERARCHY_DEPTH_MAX = 16,
    SH_HIERARCHY_BYTES_MAX = 32 << 20,
    SH_NOTE_BYTES_MAX = 1024, /* what a segment is for, in the words of who made it */

    /* Requests. 8 MiB carries 100,000 compact rows; a loader gains nothing above 1 MiB. */
    SH_FRAME_BYTES_MAX = 8 << 20,
    SH_PART_BYTES_MAX = 4 * SH_FRAME_BYTES_MAX, /* one shard's part of a request, or what it teaches the others */
    SH_BATCH_ROW_COUNT_MAX = 65536,
    SH_EXPRESSION_BYTES_MAX = 64 << 10,
    SH_EXPRESSION_NODE_COUNT_MAX = 4096,
    SH_KEPT_BYTES_MAX = 256 << 20,   /* of windows that are kept in a workspace: the counts of 10 M users are 10 MiB */
    SH_KEPT_ROW_COUNT_MIN = 4096,    /* events of a block in a window that is worth keeping: a few microseconds */
    SH_SEQUENCE_STEP_COUNT_MAX = 16, /* a bit each in a mark of 16 bytes; nobody reads a funnel of more */
    SH_CALCULATION_VALUE_COUNT_MAX = 16, /* in one comparison: each takes up to 1.8 MiB while a block is evaluated */
    SH_EXPRESSION_DEPTH_MAX = 64,        /* recursion in parser and planner: 64 frames of some hundred bytes */
    SH_REQUEST_ARENA_BYTES_MAX = 256 << 20,
    SH_ANSWER_BYTES_MAX = 256 << 20, /* a list of 10 M short ids is 100 MiB */
    SH_LIST_LIMIT_MAX = 1000000,     /* rows in one page */
    SH_LIST_LIMIT_DEFAULT = 100,
    SH_EVENT_LIST_LIMIT_MAX = 16384, /* events in one page: sorting twice as many takes some milliseconds */
    SH_CURSOR_COUNT_MAX = 1024,      /* open frozen audiences in a shard; each is at most one bit a user */
    SH_CURSOR_BYTES_MAX = 1 << 30,   /* all of them together; with an order a user takes 4 to 16 bytes */
    SH_ORDERED_COUNT_MAX = 1 << 24,  /* users put in order for one answer: 32 bytes each while that lasts */
    SH_CURSOR_IDLE_MS_MAX = 300000,
    SH_QUESTION_TIMEOUT_MS_MAX = 3600000,
    SH_BEHIND_COUNT_MAX = 1024, /* feeds in a loop that wait for a write (`after`): asked again in a few milliseconds */
    SH_BEHIND_PARAMS_BYTES_MAX = 4096,    /* with params of more it is told at once: asking again reads them again */
    SH_BEHIND_MS_MAX = 1000,              /* and for how long: a client that asks for what never comes is told so */
    SH_OVERLAP_SET_COUNT_MAX = 64,        /* audiences crossed pair by pair: their registers are 512 KiB, an L2 cache */
    SH_OVERLAP_COMBINED_COUNT_MAX = 16,   /* with each exact combination: 2^16 counters are 512 KiB */
    SH_INSIGHT_DIMENSION_COUNT_MAX = 64,  /* things looked at in one insight: each costs a pass over the audience */
    SH_INSIGHT_VALUE_COUNT_MAX = 1 << 20, /* different values of one of them: each is 20 bytes of a shard's part */
    SH_INSIGHT_TOP_COUNT_MAX = 10000,     /* of which an answer shows so many */
    SH_INSIGHT_DAY_COUNT_MAX = 36525,     /* days of a trend: a hundred years */
    SH_LOOKALIKE_FEATURE_COUNT_MAX = 64,  /* tags and values that make a score: more tell little, and each is a pass */
    SH_TALLY_VALUE_COUNT_MAX = 1 << 22,   /* different numbers that percentiles are exact over: 128 MiB of table */
    SH_HISTORY_COUNT_MAX = 10000, /* events of one user in an answer: all that a shop's best customer did in a year */
    SH_FEED_COUNT_MAX = 1000,
    SH_FEED_USERS_COUNT_MAX = 10000, /* users whom an item suits best, with reasons, in one answer */
    SH_FEED_BATCH_COUNT_MAX = 1000,  /* feeds in one answer; a page of an audience */
    SH_FEED_CLICK_COUNT_MAX = 256,   /* of a visit that a request brings */
    SH_VECTOR_DIMENSION_MAX = 256,   /* of vectors that the caller gives: 512 bytes each */
    SH_FEED_NARROW_FROM = 16384,     /* listed items from which feeds are narrowed unless they say otherwise */
    /* Feeds served that a workspace remembers, to credit later events to them: 25,000 of 20 items. */
    SH_IMPRESSION_BYTES_MAX = 32 << 20,
    SH_IMPRESSION_EARLY_MAX = 256,  /* events that came before the feed that they answer, in a workspace */
    SH_IMPRESSION_PAGE_MAX = 10000, /* feeds in one page of feed.impressions */
    SH_FUNNEL_TOP_MAX = 1000,       /* values of an attribute beside each other in one funnel */
    SH_FUNNEL_TOP_DEFAULT = 10,
    SH_RETENTION_PERIOD_COUNT_MAX = 366, /* a year of days; the grid then has 67,000 numbers */
    SH_RETENTION_PERIOD_COUNT_DEFAULT = 12,

    /* Training tables of items from who liked what (train.h). One workspace is trained at a time. */
    SH_TRAIN_ITEM_COUNT_MAX = 1 << 20,
    SH_TRAIN_ENTRY_COUNT_MAX = 1 << 25, /* likings: 512 MiB while one is under way */
    SH_TRAIN_EPOCH_COUNT_MAX = 100,
    SH_TRAIN_NEIGHBOUR_COUNT_MAX = 1024, /* of an item in a list: beyond some hundred nothing gets better */
    SH_FACTOR_DIMENSION_MAX = 256,       /* the matrix of a fold-in is 256 KiB then, which L2 keeps */
    SH_EASE_SIDE_MAX = 8192,         /* the smaller of items and users: the matrix is 512 MiB, an inverse a minute */
    SH_LIKING_COUNT_MAX = 1024,      /* items that a user likes, the latest: some people rate for a hobby */
    SH_LIKING_WALK_MAX = 4096,       /* events gone through for them: a tenth of a millisecond */
    SH_MODEL_BYTES_MAX = 1 << 30,    /* of one table: a million items of 256 factors */
    SH_MODEL_EVERY_HOURS_MAX = 8784, /* trained again after at most a year */
    SH_EASE_ITEM_COUNT_MAX = 65536,  /* each column of a table goes through all of them */

    /* Archives (archive.h). A frame and the copy of it stay in the L2 cache while they are hashed; a section in a
     * section is a part in a table in a workspace. */
    SH_ARCHIVE_FRAME_BYTES_MAX = 128 << 10,
    SH_ARCHIVE_DEPTH_MAX = 8,

    /* Writes that a client numbers, see repeats.h. In a shard: */
    SH_CLIENT_COUNT_MAX = 1024,       /* clients that are remembered: those that wrote last */
    SH_CLIENT_SEQ_COUNT_MAX = 1024,   /* numbers of one of them: a whole pipeline may have to be sent again */
    SH_REPEAT_ANSWER_BYTES_MAX = 256, /* of an answer that is kept; without refused rows it has about 40 */

    /* Access. A service has a token of its own, a person too: thousands, not millions. */
    SH_TOKEN_COUNT_MAX = 4096,
    SH_TOKEN_NOTE_BYTES_MAX = 127,
    SH_TOKEN_RATE_MAX = 1000000,        /* requests a second: more than a loop can serve */
    SH_ACCESS_FILE_BYTES_MAX = 8 << 20, /* of all tokens: 4,096 with two secrets are 3 MiB */
    SH_AUDIT_DENIED_MAX = 20,           /* lines of the audit log a second about tokens that are not accepted */
    SH_REVOKED_KEEP_DAYS = 90,          /* a revoked token's id is not given again for so long */

    SH_SHARD_COUNT_MAX = 64,
    SH_CONNECTION_COUNT_MAX = 10000,
    SH_PIPELINE_COUNT_MAX = 1024, /* requests in flight on one connection before it is no longer read */
    SH_PIPELINE_BYTES_MAX = 2 * SH_FRAME_BYTES_MAX, /* all of them together, likewise */

    SH_UNKNOWN_FRAME_BYTES_MAX = 4 << 10, /* a message of a connection that has shown no token: a hello with room */
    SH_UNKNOWN_MS_MAX = 5000,             /* until it must have shown one */
    SH_ROTATE_GRACE_S_MAX = 365 * 86400,  /* a rotated token's old secret lives on for at most */
    SH_ROTATE_GRACE_S_DEFAULT = 86400,

    /* The server's loops. */
    SH_MAILBOX_COUNT = 1024,            /* letters from one loop to another: a turn's worth; the rest waits in a list */
    SH_OUTPUT_BYTES_LOW = 256 << 10,    /* more unsent than this, and a connection's requests wait */
    SH_SEND_BYTES_MAX = 1 << 20,        /* one send: a slow reader is judged by whether one goes through in time */
    SH_SEND_STALL_MS_MAX = 60000,       /* no send went through for so long: the reader has gone */
    SH_FRAME_STALL_MS_MAX = 30000,      /* in so long an unfinished message must grow by the next number, or finish */
    SH_FRAME_STALL_BYTES_MIN = 4 << 10, /* a modem's speed; anything slower is holding the connection open */
    SH_INPUT_TOTAL_BYTES_MAX = 1 << 29, /* of unfinished messages in one loop: 64 of the largest */
    SH_OUTPUT_TOTAL_BYTES_MAX = 1 << 30, /* of unsent answers in one loop: 4 of the largest; then the worst is closed */
    SH_JOB_COUNT_MAX = 8,                /* audience questions that a loop works on in turn; the rest waits in order */
    SH_SLICE_US_MAX = 500,               /* of work on them between two looks at the network */
    SH_LINGER_MS_MAX = 1000,             /* for the peer to close after the last answer */
    SH_SNAPSHOT_LOG_BYTES = 1 << 30,     /* of log until the next snapshot: some ten seconds of doing it again */
    SH_SNAPSHOT_HOLD_MS_MAX = 2000,      /* for writes to end before one; a slow disk's commits take some 10 ms */
    SH_TRAINING_RETRY_MS = 60000,        /* after a training that could not be written */
    SH_STOP_MS_MAX = 10000,              /* for all that is in to be answered when the server stops */
    SH_SLOW_COUNT = 32,                  /* slow requests that `stats` still knows */
    SH_GUEST_COUNT_MAX = 64,             /* connections of the process itself that a loop has not taken in yet */

    /* HTTP (engine/http). Threads that ask for HTTP's clients: a question keeps one of them until it is answered, and
     * a console asks for some five things at a time. */
    SH_HTTP_WORKER_COUNT = 16,
    SH_HTTP_WAITING_COUNT_MAX = 256, /* calls that wait for a thread; more are refused with `busy` */
    SH_HTTP_CONNECTION_COUNT_MAX = 1000,
    SH_HTTP_BODY_BYTES_MAX = SH_FRAME_BYTES_MAX,           /* of one request, as JSON */
    SH_HTTP_BODY_TOTAL_BYTES_MAX = 8 * SH_FRAME_BYTES_MAX, /* of all that are read or wait */
    SH_HTTP_ANSWER_BYTES_MAX = 64 << 20,                   /* of one answer, as JSON: longer lists come in pages */
    SH_HTTP_ANSWER_TOTAL_BYTES_MAX = 256 << 20,            /* of all that are being sent */
    SH_HTTP_TOKEN_BYTES_MAX = 256,
    SH_HTTP_IDLE_S_MAX = 15,        /* nothing came and nothing went: closed */
    SH_HTTP_STALL_MS_MAX = 20000,   /* for a request's head, and for each further piece of its body */
    SH_HTTP_STALL_BYTES = 64 << 10, /* such a piece; a reader must take as much in a second, on average */
    SH_HTTP_LINGER_MS_MAX = 2000,   /* for the last answers to be read when the server stops */
    SH_HTTP_CALL_MS_MAX = 300000,   /* for an answer of the shards */
    SH_HTTP_STOOD_MS_MAX = 60000,   /* a loop that has not turned for so long is said to be dead */
    SH_CONSOLE_FILE_COUNT_MAX = 512,
    SH_CONSOLE_FILE_BYTES_MAX = 16 << 20, /* of one, and of all together four times as much */
};

#endif
