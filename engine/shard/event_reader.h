/* event_reader.h -- a row of event.append, read and checked whole, then applied.
 *
 * The meaning of a cell depends on the row's type: `amount` has the type's scale, and `store` may be a property of
 * purchases and none of views. So a row's cells are first taken as they are, and understood once the type is known. In
 * rows of arrays, which share their fields, a cell that is nil or left out is no property of any type.
 */
#ifndef SH_EVENT_READER_H
#define SH_EVENT_READER_H

#include "row_batch.h"

enum sh_event_key {
    SH_EVENT_TYPE,
    SH_EVENT_USER,
    SH_EVENT_TIME,
    SH_EVENT_ITEM,
    SH_EVENT_AMOUNT,
    SH_EVENT_ID,
    SH_EVENT_REC_ID,    /* of the feed that led to it: for the learner, not stored */
    SH_EVENT_KEY_COUNT, /* anything else is a property */
};

/* A row before it is read: enough to bring a batch into time order and to ask for memory ahead of time. */
struct sh_event_preview {
    int64_t time_ms;
    uint64_t user_hash;
    uint32_t row;
    uint32_t slot; /* where the user probably is, once somebody looked; or SH_SLOT_NONE */
    bool has_user;
};

/* A property that has to wait for its text's code until the row is applied. */
struct sh_pending_text {
    uint32_t value; /* place in values */
    struct sh_text text;
};

struct sh_event_reader {
    struct sh_workspace *workspace;
    const struct sh_batch *batch;
    uint32_t *keys;            /* by field: enum sh_event_key */
    int32_t *property_of_type; /* by type, then field: a property, -1: none, PROPERTY_UNKNOWN: not looked up yet */
    int32_t field_of_key[SH_EVENT_KEY_COUNT];
    struct sh_value *cells; /* by key, then each property in turn; as read */
    struct sh_text *names;  /* of the properties in cells */
    uint32_t cell_count;
    uint32_t cell_capacity;
    struct sh_text last_type; /* the row before was of this type */
    int32_t last_type_number;
    /* the row at hand */
    struct sh_event event; /* slot and item are found when it is applied */
    struct sh_id_reader user;
    struct sh_id_reader item;
    bool has_item;
    bool has_rec;
    uint64_t rec; /* its rec_id */
    struct sh_event_value values[SH_EVENT_PROPERTY_COUNT_MAX];
    struct sh_pending_text pending[SH_EVENT_PROPERTY_COUNT_MAX];
    uint32_t pending_count;
};

/* SH_ERR_NAME for a field that is a property of no type; SH_ERR_ARGUMENT without type, user or time. */
SH_MUST_CHECK enum sh_status sh_event_reader_init(struct sh_event_reader *reader, struct sh_workspace *workspace,
                                                  const struct sh_batch *batch, struct sh_arena *arena,
                                                  struct sh_error *err);
/* Look ahead: when was it, who did it? False if the row will be refused for one of them. */
bool sh_event_reader_peek(const struct sh_event_reader *reader, uint32_t row, struct sh_event_preview *preview);
SH_MUST_CHECK enum sh_status sh_event_reader_read(struct sh_event_reader *reader, uint32_t row, struct sh_error *err);
/* Store it. user_hash is that of its preview; a row that could be read has one. *duplicate: it was there. *new_item is
 * the slot of an item nobody knew before, or SH_NO_ITEM. */
SH_MUST_CHECK enum sh_status sh_event_reader_apply(struct sh_event_reader *reader, uint64_t user_hash, bool *duplicate,
                                                   uint32_t *new_item, struct sh_error *err);

#endif
