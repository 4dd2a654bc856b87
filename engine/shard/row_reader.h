/* row_reader.h -- a row of user.put or item.put: read and checked whole into operations, then applied.
 *
 *   ["u-1", "成都", nil, ["tea", "milk"]]
 *      |      |      |       '-- TAGS_SET interests: 17, "milk" (not known yet)
 *      |      |      '---------- CLEAR age
 *      |      '----------------- SET city = code 3
 *      '------------------------ id, and its hash
 *
 * Reading changes nothing: texts that the table has not seen are kept as texts. Applying first gives them codes, then
 * finds or makes the row, then does the operations; if one fails for want of memory or room, those before it are
 * undone.
 */
#ifndef SH_ROW_READER_H
#define SH_ROW_READER_H

#include "row_batch.h"
#include "vector_reader.h"

enum sh_row_target_kind { SH_ROW_ID, SH_ROW_ATTRIBUTE, SH_ROW_TAG_SET, SH_ROW_VECTOR };
struct sh_row_target {
    enum sh_row_target_kind kind;
    uint32_t index;
    uint32_t number; /* dense over all targets, to find one that is given twice */
};

enum sh_row_operation_kind {
    SH_ROW_SET,
    SH_ROW_SET_TEXT,
    SH_ROW_CLEAR,
    SH_ROW_TAGS_SET,
    SH_ROW_TAGS_ADD,
    SH_ROW_TAGS_REMOVE
};
struct sh_row_operation {
    uint8_t kind;
    bool had_value;  /* for undoing: the attribute's value before */
    uint32_t target; /* attribute or tag set */
    union {
        int64_t value;
        struct sh_text text;
        struct {
            uint32_t first; /* in the row's tags */
            uint32_t count;
            int64_t until_ms; /* TAGS_ADD; INT64_MAX: they last */
        } tags;
    };
    int64_t old_value;
    uint32_t old_first; /* the row's tags before, in old_tags */
    uint32_t old_count;
};

struct sh_row_reader {
    struct sh_table *table;
    const struct sh_zone *zone;
    const struct sh_workspace *people; /* the rows are its users, who may have other names; NULL: items */
    int64_t now_ms;                    /* of the request: tags may be given for some days */
    const struct sh_batch *batch;
    struct sh_row_target *targets; /* of the batch's fields */
    int32_t id_field;
    struct {
        struct sh_text key;
        struct sh_row_target target;
    } cache[SH_ROW_KEY_CACHE]; /* maps: the i-th key of the row before */
    uint32_t *given;           /* by target number: the last row that gave it, plus 1 */
    uint32_t row_stamp;
    /* the row at hand */
    struct sh_id_reader id;
    uint64_t hash;
    struct sh_row_operation *operations; /* room for every target */
    uint32_t operation_count;
    struct sh_text *tags; /* texts of the tags, and the codes they have or get */
    uint32_t *codes;
    uint32_t tag_count;
    uint32_t tag_capacity;
    uint32_t code_capacity;
    uint32_t *old_tags;
    int64_t *old_ends;
    uint32_t old_count;
    uint32_t old_capacity;
    uint32_t old_end_capacity;
    /* The row's vector, which the caller stores once the row is applied. */
    struct sh_text space; /* its key in rows; count 0: there are no vectors */
    uint32_t dimension;
    enum sh_row_vector { SH_ROW_VECTOR_LEFT, SH_ROW_VECTOR_SET, SH_ROW_VECTOR_CLEAR } vector;
    int16_t vector_row[SH_VECTOR_DIMENSION_MAX];
};

/* The space of vectors that rows may have; before init, which keeps it. */
void sh_row_reader_space(struct sh_row_reader *reader, const struct sh_feed_config *config);
/* Resolves the batch's fields once. SH_ERR_NAME with the nearest if one is unknown; SH_ERR_ARGUMENT without an id. */
SH_MUST_CHECK enum sh_status sh_row_reader_init(struct sh_row_reader *reader, struct sh_table *table,
                                                const struct sh_zone *zone, const struct sh_batch *batch,
                                                struct sh_arena *arena, struct sh_error *err);
void sh_row_reader_deinit(struct sh_row_reader *reader);
/* The hash of the id of a row to come, for prefetching; false if it has none. */
bool sh_row_reader_hash(const struct sh_row_reader *reader, uint32_t row, uint64_t *hash);
/* Read row `row`, whose hash is known if has_hash. On a failure the row is to be refused. */
SH_MUST_CHECK enum sh_status sh_row_reader_read(struct sh_row_reader *reader, uint32_t row, struct sh_error *err);
/* Do it. sequence stamps the slot should a new row have to go again. */
SH_MUST_CHECK enum sh_status sh_row_reader_apply(struct sh_row_reader *reader, uint64_t sequence, uint32_t *slot,
                                                 bool *created, struct sh_error *err);

#endif
