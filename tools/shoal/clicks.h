/* clicks.h -- a file of events (who, what, when, and more), as recorded by a shop, read into memory for an evaluation. */
#ifndef SHOAL_CLICKS_H
#define SHOAL_CLICKS_H

#include "goods.h"

enum { CLICKS_COUNT_MAX = 1 << 27, CLICK_NONE = UINT32_MAX };

struct click {
    uint32_t session; /* or user: places in the names below */
    uint32_t item;
    int64_t time_ms;
    int64_t value;  /* in hundredths */
    uint32_t type;  /* places in the goods' names, CLICK_NONE: the file does not say */
    uint32_t store; /* CLICK_NONE: nowhere */
    uint32_t row;   /* of the file: clicks of one time keep their order */
};

struct clicks {
    struct click *clicks; /* session by session, in order of the sessions' first clicks; in each by time */
    uint32_t count;
    uint32_t capacity;
    struct names sessions;
    bool has_values; /* the file says what they were worth */
};

/* What of a file is read, and which of its lines. All may be NULL but columns. */
struct clicks_choice {
    const char *columns;  /* file_columns.h: "user,item,time,type=event,value=amount" */
    const char *at_least; /* "rating=4": lines whose column `rating` is below 4 are passed over */
    const char *types;    /* "view,cart": lines of other types are */
};

/* The file has a head line; commas, semicolons or tabs, plain, gzip or zstd. Times are seconds since 1970 UTC, or
 * milliseconds from 10^11 on, or dates. What is said of items, types and stores goes into `goods`, which may hold what
 * another file said. SH_ERR_SYNTAX names the file and the line. */
SH_MUST_CHECK enum sh_status clicks_read(const char *path, const struct clicks_choice *choice, struct goods *goods,
                                         struct clicks *clicks, struct sh_error *err);
void clicks_free(struct clicks *clicks);
/* For qsort: by time, those of one time in the order of the file. */
int clicks_by_time(const void *left, const void *right);

#endif
