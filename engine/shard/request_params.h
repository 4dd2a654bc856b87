/* request_params.h -- the keys of a request's one map.
 *
 *   {where: "tier >= 'gold'", limit: 10}      names    where     limit    order    desc
 *      |                       |              values   [begin,   [begin,  absent   absent
 *      '--- begin .. end ------'                        end)      end)
 *
 * One pass finds the value of each known key and passes over it, which checks that all of the params is well-formed
 * msgpack: no fault of the bytes can be met later, half way through a write. A key that is unknown or stands twice is
 * refused by name. A value of nil counts as absent. Values are then read one by one by what the method expects.
 *
 * A value that must be an array of rows (PARAM_ROWS) has the places of its rows noted in the same pass.
 */
#ifndef SH_REQUEST_PARAMS_H
#define SH_REQUEST_PARAMS_H

#include "bounds.h"
#include "cursor.h"

struct sh_event_store;

enum { SH_PARAM_COUNT_MAX = 48 };

struct sh_param {
    const uint8_t *begin; /* NULL: absent */
    const uint8_t *end;
};

/* Where each row of a batch begins, counted from the first byte of the params. Reused from request to request. */
struct sh_row_places {
    uint32_t *offsets;
    uint32_t capacity;
    uint32_t count;
};
void sh_row_places_deinit(struct sh_row_places *places);

struct sh_param_names {
    const char *const *names;
    uint32_t count;
    uint32_t rows_mask; /* bit i: names[i] is an array of rows */
};

/* places may be NULL if rows_mask is 0. At most one key with rows is noted: methods take one, and say so. */
SH_MUST_CHECK enum sh_status sh_params_read(const uint8_t *params, size_t params_count,
                                            const struct sh_param_names *names, struct sh_param *values,
                                            struct sh_row_places *places, struct sh_error *err);

static inline bool sh_param_given(const struct sh_param *param) {
    return param->begin != NULL;
}
void sh_param_cursor(const struct sh_param *param, struct sh_cursor *cursor);
/* SH_ERR_ARGUMENT if it is absent. */
SH_MUST_CHECK enum sh_status sh_param_require(const struct sh_param *param, const char *name, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_param_needed_text(const struct sh_param *param, const char *name, struct sh_text *value,
                                                  struct sh_error *err);
/* These leave *value as it was when the param is absent. */
SH_MUST_CHECK enum sh_status sh_param_text(const struct sh_param *param, const char *name, struct sh_text *value,
                                           struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_param_integer(const struct sh_param *param, const char *name, int64_t low, int64_t high,
                                              int64_t *value, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_param_boolean(const struct sh_param *param, const char *name, bool *value,
                                              struct sh_error *err);
/* An int or a float. */
SH_MUST_CHECK enum sh_status sh_param_real(const struct sh_param *param, const char *name, double low, double high,
                                           double *value, struct sh_error *err);
/* An array's head; the cursor then stands before its first element. An absent one is empty. */
SH_MUST_CHECK enum sh_status sh_param_array(const struct sh_param *param, const char *name, uint32_t count_max,
                                            struct sh_cursor *cursor, uint32_t *count, struct sh_error *err);

/* An id as it stands in a request: a str, or an int, which is the same as its decimal digits. */
struct sh_id_reader {
    struct sh_text text; /* points into the params or into digits */
    char digits[24];
};
SH_MUST_CHECK enum sh_status sh_id_read_value(struct sh_id_reader *id, const struct sh_value *value, const char *what,
                                              struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_id_read(struct sh_id_reader *id, struct sh_cursor *cursor, const char *what,
                                        struct sh_error *err);

/* The fault that a name is unknown, with the nearest of those offered to search. */
enum sh_status sh_fail_unknown(struct sh_error *err, enum sh_status status, const struct sh_nearest *search,
                               const char *format, ...) SH_PRINTF(4, 5);
/* The number of an event type; SH_ERR_NAME with the nearest name if there is none. */
SH_MUST_CHECK enum sh_status sh_event_type_named(const struct sh_event_store *events, struct sh_text name,
                                                 uint32_t *type, struct sh_error *err);

#endif
