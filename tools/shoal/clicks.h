/* clicks.h -- a file of clicks (session, item, time), as recorded by a shop, read into memory for an evaluation. */
#ifndef SHOAL_CLICKS_H
#define SHOAL_CLICKS_H

#include "status.h"
#include "text.h"

enum { CLICKS_COUNT_MAX = 1 << 27 };

struct click {
    uint32_t session; /* places in the names below */
    uint32_t item;
    int64_t time_ms;
    uint32_t row; /* of the file: clicks of one time keep their order */
};

/* Texts by number, each once. */
struct names {
    char **texts;
    uint32_t count;
    uint32_t capacity;
    uint32_t *table; /* number + 1 by hash */
    uint32_t table_capacity;
};

struct clicks {
    struct click *clicks; /* session by session, in order of the sessions' first clicks; in each by time */
    uint32_t count;
    uint32_t capacity;
    struct names sessions;
};

/* at_least (may be NULL): "rating=4" passes over lines whose column `rating` is below 4.
 * columns: the names of the session's, the item's and the time's column, by commas. The file has a head line; commas,
 * semicolons or tabs, plain, gzip or zstd. Times are seconds since 1970 UTC, or milliseconds from 10^11 on. Items are
 * numbered in `items`, which may hold those of another file. SH_ERR_SYNTAX names the file and the line. */
SH_MUST_CHECK enum sh_status clicks_read(const char *path, const char *columns, const char *at_least,
                                         struct names *items, struct clicks *clicks, struct sh_error *err);
/* The number of a text; false if it has none. */
bool names_find(const struct names *names, struct sh_text text, uint32_t *number);
void clicks_free(struct clicks *clicks);
void names_free(struct names *names);

#endif
