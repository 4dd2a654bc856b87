/* cursor.h -- reads msgpack that somebody else wrote, without allocating.
 *
 * A cursor walks one value after another over a frame. Texts point into the frame. Every length is compared with the
 * bytes that remain before anything moves, so five hostile bytes that promise a billion elements are refused at once:
 * an array of n needs n more bytes, a map of n needs 2n. Depth is bounded by SH_MSGPACK_DEPTH_MAX, ext types are
 * refused, floats must be finite, str must be UTF-8 without a zero byte.
 *
 * Errors: SH_ERR_PROTOCOL with the byte offset from the cursor's start and what was expected. On any failure the cursor
 * stays where it was.
 * Cost: about 3 ns for a small value; a str costs its UTF-8 check, eight ASCII bytes at a time.
 */
#ifndef SH_CURSOR_H
#define SH_CURSOR_H

#include "bounds.h"
#include "text.h"

/* An expression as deep as it may be, as a tree inside params or an answer: 16 levels for what is around and in it. */
enum { SH_MSGPACK_DEPTH_MAX = SH_EXPRESSION_DEPTH_MAX + 16 };

enum sh_value_kind {
    SH_VALUE_NIL,
    SH_VALUE_BOOL,
    SH_VALUE_INT,      /* fits int64 */
    SH_VALUE_UINT_BIG, /* uint64 above INT64_MAX */
    SH_VALUE_FLOAT,
    SH_VALUE_STR,
    SH_VALUE_BIN,
    SH_VALUE_ARRAY, /* count elements follow */
    SH_VALUE_MAP    /* count pairs follow */
};

struct sh_value {
    enum sh_value_kind kind;
    uint32_t count;  /* of ARRAY elements or MAP pairs */
    uint32_t offset; /* where the value starts, from the cursor's start */
    union {
        bool boolean;
        int64_t integer;
        uint64_t big;
        double real;
        struct sh_text text; /* STR and BIN */
    };
};

struct sh_cursor {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    uint32_t depth; /* containers the reader says it is inside of: at most SH_MSGPACK_DEPTH_MAX, so the head of one more
                     * is refused at that depth. sh_cursor_skip counts its own on top. */
};

/* byte_count is at most UINT32_MAX. bytes may be NULL when it is 0. */
void sh_cursor_init(struct sh_cursor *cursor, const void *bytes, size_t byte_count);
static inline bool sh_cursor_at_end(const struct sh_cursor *cursor) {
    return cursor->at == cursor->end;
}
static inline int64_t sh_cursor_offset(const struct sh_cursor *cursor) {
    return cursor->at - cursor->start;
}

/* The next value; for a container only its head. */
SH_MUST_CHECK enum sh_status sh_cursor_next(struct sh_cursor *cursor, struct sh_value *value, struct sh_error *err);
/* Pass over one whole value, containers included, checking all of it; *begin (may be NULL) gets where it started. */
SH_MUST_CHECK enum sh_status sh_cursor_skip(struct sh_cursor *cursor, const uint8_t **begin, struct sh_error *err);
/* The kind of the next value without moving. Looks at its first bytes only: reading it may still fail. */
SH_MUST_CHECK enum sh_status sh_cursor_peek(const struct sh_cursor *cursor, enum sh_value_kind *kind,
                                            struct sh_error *err);

/* The next value must be of this kind; `what` names it in the error ("the key `limit`"). Failures that are about the
 * meaning rather than the bytes are SH_ERR_ARGUMENT. */
SH_MUST_CHECK enum sh_status sh_cursor_text(struct sh_cursor *cursor, struct sh_text *text, const char *what,
                                            struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_cursor_integer(struct sh_cursor *cursor, int64_t low, int64_t high, int64_t *integer,
                                               const char *what, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_cursor_boolean(struct sh_cursor *cursor, bool *boolean, const char *what,
                                               struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_cursor_array(struct sh_cursor *cursor, uint32_t *count, const char *what,
                                             struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_cursor_map(struct sh_cursor *cursor, uint32_t *pair_count, const char *what,
                                           struct sh_error *err);

/* "a str", "an int", "nil" ...: for messages. */
const char *sh_value_kind_name(enum sh_value_kind kind);

#endif
