/* export.h -- what there is, out of a server and into files: what `shoal export` does.
 *
 *   asked     what is wanted: a kind, an expression, fields, a window; never changes
 *   parts     a file each; the next page of a part begins where its cursor says
 *   manifest  both, as JSON beside the files: written after the pages it tells of are on the disk
 *
 *      page, page, page -> file.part    manifest {cursor, bytes, sums}    page, page ... done: file.part -> file
 *                                       '- kill -9 here or anywhere: what is behind `bytes` is cut off, and the page
 *                                          at `cursor` is asked for again
 *
 * What is written depends on asked and on the server's state alone: never on where pages were interrupted.
 *
 * Whom an audience is of is frozen once, at one moment (`as_of`): the ids are fetched first, into a file of their own
 * beside the output (".ids"), so that neither an open cursor nor the server's memory is needed from then on. Then the
 * rows come by these ids, 4096 at a time. So an export is the audience of one moment, each of its rows as it was when its
 * page was asked for, and people forgotten meanwhile are left out and counted in `skipped`. Events come in the order of
 * time up to as_of; those that arrive meanwhile with an earlier time may or may not be among them.
 *
 * Memory: a page and its bytes, whatever the size of the whole (bitmaps of Roaring files are in memory as such).
 */
#ifndef SHOAL_EXPORT_H
#define SHOAL_EXPORT_H

#include <jansson.h>
#include <limits.h>

#include "arena.h"
#include "command.h"
#include "export_cells.h"
#include "export_file.h"

enum {
    EXPORT_ID_PAGE = 65536, /* ids, where they are all that is wanted */
    EXPORT_ROW_PAGE = 4096, /* users or items with their fields */
    EXPORT_FEED_PAGE = 500, /* feeds: half a second of a server's core at the worst */
    EXPORT_EVENT_PAGE = 8192,
    EXPORT_SETTLE_BYTES = 16 << 20, /* at the latest after so many the manifest is written */
    EXPORT_SETTLE_MS = 1000,
    EXPORT_RETRY_MS = 30000, /* a server that is not there is waited for so long */
    EXPORT_CURSOR_BYTES_MAX = 512,
    EXPORT_PART_COUNT_MAX = 8,
    EXPORT_PAGE_BYTES_MAX = 1 << 30,
    EXPORT_MANIFEST_BYTES_MAX = 16 << 20,
};

/* A file of an export. */
struct export_part {
    char kind[16]; /* what its rows are: users, items, events, feeds, memberships, numbers, roaring, calls, map */
    char file[NAME_MAX + 1];
    uint64_t rows;
    struct export_sums sums; /* of what is settled */
    char cursor[EXPORT_CURSOR_BYTES_MAX];
    bool is_done;
};

struct export_column_list {
    struct export_column *columns;
    uint32_t count;
};

struct export {
    struct session *session;
    struct sh_arena arena; /* names of columns, the schema; lives as long as the export */
    struct sh_error *err;
    bool is_quiet;

    /* The manifest. */
    char manifest_path[PATH_MAX];
    char folder[PATH_MAX]; /* in which all files are */
    json_t *asked;
    int64_t as_of_ms; /* 0: not known yet */
    char began[32], ended[32];
    struct export_part parts[EXPORT_PART_COUNT_MAX];
    uint32_t part_count;
    uint64_t skipped;
    uint64_t held_back;       /* suppressed, or without consent for the purpose */
    struct export_sums spool; /* the ids of the audience at hand; 0 bytes: not fetched yet */
    uint64_t spool_count;
    uint32_t spool_number; /* which audience, of several */

    /* While it goes on. */
    json_t *schema; /* of schema.get */
    struct export_column_list columns;
    struct shoal_client_value *values; /* a row, as many as columns */
    struct sh_buffer page;
    int spool_handle;
    struct shoal_client_writer *params;
    uint64_t settled_ns;
    uint64_t unsettled_bytes;
};

/* Texts of `asked`, NULL if there is none. */
const char *export_asked(const struct export *export, const char *name);

/* ---- The manifest: export_manifest.c ---- */

SH_MUST_CHECK enum sh_status export_manifest_write(const struct export *export);
/* Everything above "while it goes on" but session, err and is_quiet. SH_ERR_NOT_FOUND: no such file; SH_ERR_CORRUPT: it is
 * none of ours. */
SH_MUST_CHECK enum sh_status export_manifest_read(struct export *export, const char *path);
/* "/folder/file"; suffix: "", ".part". */
SH_MUST_CHECK enum sh_status export_path(const struct export *export, const char *file, const char *suffix,
                                         char path[PATH_MAX], struct sh_error *err);
/* What manifest_path is beside a file. */
void export_manifest_of(const char *out, char path[PATH_MAX]);

/* ---- Asking: export_ask.c ---- */

/* A call whose params are export->params; a server that is away is waited for. */
SH_MUST_CHECK enum sh_status export_call(struct export *export, const char *method, struct shoal_client_answer *answer);
/* Whom ids are of. */
struct export_audience {
    const char *where; /* NULL: everybody */
    const char *order; /* NULL: by id */
    bool desc;
    const char *purpose; /* who may be written to for it; NULL: all */
    uint32_t number;     /* of several audiences of one export */
};
/* Fetch the ids of an audience, unless they are there: spool and as_of_ms. */
SH_MUST_CHECK enum sh_status export_fetch_ids(struct export *export, const struct export_audience *audience);
/* Ids of the spool from *offset on, at most count, as a msgpack array in params; *offset moves behind them. With ids
 * (may be NULL) also where they stand in `room`. */
SH_MUST_CHECK enum sh_status export_read_ids(struct export *export, uint64_t *offset, uint32_t count,
                                             struct sh_buffer *room, struct sh_text *ids, uint32_t *got);
void export_drop_ids(struct export *export);
SH_MUST_CHECK enum sh_status export_learn_schema(struct export *export);
/* The moment that is exported, where no audience is frozen: `now` as asked, or the server's. */
SH_MUST_CHECK enum sh_status export_find_moment(struct export *export);
/* The columns of a part: from asked.fields and the schema. */
SH_MUST_CHECK enum sh_status export_find_columns(struct export *export, const char *kind);

/* ---- Pages: export_pages.c ---- */

/* Write the next page of the part into export->page, and move its cursor and rows. */
SH_MUST_CHECK enum sh_status export_next_page(struct export *export, struct export_part *part, bool *is_last);

/* ---- Roaring: export_roaring.c ---- */

/* The whole part: the numbers of the audience as a bitmap. */
SH_MUST_CHECK enum sh_status export_write_roaring(struct export *export, struct export_part *part);

/* ---- A shop: export_shop.c ---- */

/* A part of kind map or calls: shop.map and calls.jsonl, by which `shoal load` makes the same shop. */
SH_MUST_CHECK enum sh_status export_write_shop(struct export *export, struct export_part *part);

/* ---- The whole: export.c ---- */

/* Begin, or go on with, what the manifest says. */
SH_MUST_CHECK enum sh_status export_run(struct export *export);
/* Are all files as the manifest says, byte by byte and row by row? Says so for each on `out`. */
SH_MUST_CHECK enum sh_status export_verify(struct export *export, FILE *out);

#endif
