#include "person.h"

#include "memory.h"

/* ---- Packing ---- */

static bool has_texts(enum sh_type type) {
    return type == SH_TYPE_ENUM || type == SH_TYPE_STRING;
}

static void pack_attributes(const struct sh_table *users, uint32_t slot, msgpack_packer *packer) {
    int64_t value;
    uint32_t count = 0;
    for (uint32_t i = 0; i < sh_table_attribute_count(users); i++)
        count += sh_table_get(users, slot, i, &value);
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < sh_table_attribute_count(users); i++) {
        if (!sh_table_get(users, slot, i, &value)) continue;
        const struct sh_attribute *attribute = sh_table_attribute(users, i);
        (void)msgpack_pack_array(packer, 2);
        (void)msgpack_pack_uint32(packer, i);
        if (has_texts(attribute->type))
            sh_pack_text(packer, sh_attribute_text(attribute, (uint32_t)value));
        else
            (void)msgpack_pack_int64(packer, value);
    }
}

static void pack_tags(const struct sh_table *users, uint32_t slot, msgpack_packer *packer) {
    const uint32_t set_count = sh_table_tag_set_count(users);
    (void)msgpack_pack_array(packer, set_count);
    for (uint32_t set = 0; set < set_count; set++) {
        struct sh_tag_list tags;
        sh_table_tags(users, slot, set, &tags);
        (void)msgpack_pack_array(packer, 2 * (size_t)tags.count);
        for (uint32_t i = 0; i < tags.count; i++) {
            sh_pack_text(packer, sh_table_tag_text(users, set, tags.codes[i]));
            (void)msgpack_pack_int64(packer, sh_table_tag_until(users, slot, set, tags.codes[i]));
        }
    }
}

static void pack_properties(const struct sh_event_type *type, struct sh_event_ref event, msgpack_packer *packer) {
    int64_t value;
    uint32_t count = 0;
    for (uint32_t i = 0; i < type->property_count; i++)
        count += sh_event_ref_property(event, i, &value);
    (void)msgpack_pack_array(packer, 2 * (size_t)count);
    for (uint32_t i = 0; i < type->property_count; i++) {
        if (!sh_event_ref_property(event, i, &value)) continue;
        const struct sh_event_property *property = type->properties[i];
        (void)msgpack_pack_uint32(packer, i);
        if (has_texts(property->type))
            sh_pack_text(packer, sh_dictionary_text(&property->texts, (uint32_t)value));
        else
            (void)msgpack_pack_int64(packer, value);
    }
}

static void pack_event(const struct sh_workspace *workspace, struct sh_event_ref event, msgpack_packer *packer) {
    const uint32_t item = sh_event_ref_item(event);
    int64_t amount;
    (void)msgpack_pack_array(packer, 6);
    (void)msgpack_pack_uint32(packer, sh_event_ref_type(event));
    (void)msgpack_pack_int64(packer, sh_event_ref_time(event));
    if (item == SH_NO_ITEM)
        (void)msgpack_pack_nil(packer);
    else
        sh_pack_text(packer, sh_table_id(workspace->items, item));
    if (sh_event_ref_amount(event, &amount))
        (void)msgpack_pack_int64(packer, amount);
    else
        (void)msgpack_pack_nil(packer);
    (void)msgpack_pack_uint64(packer, sh_event_ref_id_hash(event));
    pack_properties(sh_event_type(workspace->events, sh_event_ref_type(event)), event, packer);
}

/* The history goes from the newest on; appending wants the oldest first. */
static enum sh_status pack_events(const struct sh_workspace *workspace, uint32_t slot, msgpack_packer *packer,
                                  struct sh_error *err) {
    struct sh_event_ref *history = NULL;
    struct sh_event_ref event;
    uint32_t capacity = 0;
    uint32_t count = 0;
    for (bool more = sh_event_history_first(workspace->events, slot, &event); more;
         more = sh_event_history_next(workspace->events, &event)) {
        if (sh_grow((void **)&history, &capacity, (uint64_t)count + 1, sizeof event) != SH_OK) {
            sh_free(history);
            return sh_fail_memory(err);
        }
        history[count++] = event;
    }
    (void)msgpack_pack_array(packer, count);
    while (count > 0)
        pack_event(workspace, history[--count], packer);
    sh_free(history);
    return SH_OK;
}

/* Only the direction matters, and whole numbers have it exactly. */
static void pack_vector(const struct sh_workspace *workspace, const int16_t *row, msgpack_packer *packer) {
    const uint32_t dimension = sh_vectors_dimension(sh_feed_vectors(workspace->feed, SH_FEED_OF_USER));
    (void)msgpack_pack_array(packer, dimension);
    for (uint32_t i = 0; i < dimension; i++)
        (void)msgpack_pack_int16(packer, row[i]);
}

enum sh_status sh_person_pack(const struct sh_workspace *workspace, uint32_t slot, struct sh_buffer *buffer,
                              struct sh_error *err) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    const int16_t *vector = sh_vectors_row(sh_feed_vectors(workspace->feed, SH_FEED_OF_USER), slot);
    (void)msgpack_pack_array(&packer, vector == NULL ? 3 : 4);
    pack_attributes(workspace->users, slot, &packer);
    pack_tags(workspace->users, slot, &packer);
    const enum sh_status status = pack_events(workspace, slot, &packer, err);
    if (status != SH_OK) return status;
    if (vector != NULL) pack_vector(workspace, vector, &packer);
    if (!buffer->failed) return SH_OK;
    return sh_fail(err, SH_ERR_LIMIT, -1, "the user has more events than can be moved: %zu bytes at most",
                   buffer->limit);
}

uint64_t sh_person_event_count(const struct sh_workspace *workspace, uint32_t slot) {
    struct sh_event_ref event;
    uint64_t count = 0;
    for (bool more = sh_event_history_first(workspace->events, slot, &event); more;
         more = sh_event_history_next(workspace->events, &event))
        count++;
    return count;
}

/* ---- Adding ---- */

/* The bytes were packed above, in this process: a fault in them is one of ours. */
struct adding {
    struct sh_workspace *workspace;
    struct sh_cursor cursor;
    uint32_t slot;
    int64_t now_ms;
    struct sh_person_added *added;
    struct sh_error *err;
};

static struct sh_value next(struct sh_cursor *cursor) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(cursor, &value, NULL);
    sh_assert(status == SH_OK);
    return value;
}

static void pass(struct sh_cursor *cursor) {
    const enum sh_status status = sh_cursor_skip(cursor, NULL, NULL);
    sh_assert(status == SH_OK);
}

/* Would the union of tags pass its bound? A look ahead, before anything is changed. */
static enum sh_status check_tags(const struct sh_table *users, uint32_t slot, struct sh_cursor cursor,
                                 struct sh_error *err) {
    pass(&cursor); /* attributes */
    const uint32_t set_count = next(&cursor).count;
    for (uint32_t set = 0; set < set_count; set++) {
        struct sh_tag_list tags = {.count = 0};
        if (slot != SH_SLOT_NONE) sh_table_tags(users, slot, set, &tags);
        uint32_t all = tags.count;
        for (uint32_t i = next(&cursor).count; i > 0; i -= 2) {
            const uint32_t tag = sh_table_find_tag(users, set, next(&cursor).text);
            (void)next(&cursor); /* its end */
            all += slot == SH_SLOT_NONE || tag == SH_CODE_NONE || !sh_table_has_tag(users, slot, set, tag);
        }
        if (all > SH_TAGS_PER_ROW_MAX)
            return sh_fail(err, SH_ERR_LIMIT, -1, "`%.*s` would have more than %d tags",
                           SH_TEXT_ARGS(sh_table_tag_set_name(users, set)), SH_TAGS_PER_ROW_MAX);
    }
    return SH_OK;
}

/* One of the two users' words counts whole, with its time and its source. */
struct words {
    bool takes[SH_PURPOSE_COUNT_MAX]; /* by purpose: what is added counts */
};

static void read_word(struct sh_cursor cursor, const struct sh_purpose *purpose, enum sh_consent *consent,
                      int64_t *at_ms) {
    *consent = SH_CONSENT_UNKNOWN;
    *at_ms = INT64_MIN;
    for (uint32_t i = next(&cursor).count; i > 0; i--) {
        (void)next(&cursor); /* the pair */
        const uint32_t number = (uint32_t)next(&cursor).integer;
        const struct sh_value value = next(&cursor);
        if (number == purpose->state)
            *consent = sh_text_equal(value.text, SH_TEXT_LITERAL("granted")) ? SH_CONSENT_GRANTED : SH_CONSENT_DENIED;
        if (number == purpose->at) *at_ms = value.integer;
    }
}

/* Whose word counts; a word that gives way goes whole. */
static enum sh_status weigh_words(struct adding *adding, struct words *words) {
    const struct sh_contact *contact = &adding->workspace->contact;
    struct sh_table *users = adding->workspace->users;
    for (uint32_t i = 0; i < contact->count; i++) {
        const struct sh_purpose *purpose = &contact->purposes[i];
        const enum sh_consent known = sh_contact_consent(users, purpose, adding->slot);
        int64_t known_ms = INT64_MIN;
        int64_t other_ms;
        enum sh_consent other;
        (void)sh_table_get(users, adding->slot, purpose->at, &known_ms);
        read_word(adding->cursor, purpose, &other, &other_ms);
        words->takes[i] = sh_contact_outweighs(known, known_ms, other, other_ms);
        if (!words->takes[i]) continue;
        if (sh_table_clear(users, adding->slot, purpose->at) != SH_OK ||
            sh_table_clear(users, adding->slot, purpose->source) != SH_OK)
            return sh_fail_memory(adding->err);
    }
    return SH_OK;
}

/* The known user's value wins, unless it is a word that gives way. */
static bool stays(const struct adding *adding, const struct words *words, uint32_t number) {
    const struct sh_contact *contact = &adding->workspace->contact;
    const struct sh_purpose *purpose = sh_contact_of(contact, number);
    int64_t known;
    if (purpose != NULL) return !words->takes[purpose - contact->purposes];
    return sh_table_get(adding->workspace->users, adding->slot, number, &known);
}

static enum sh_status add_attributes(struct adding *adding) {
    struct sh_table *users = adding->workspace->users;
    struct words words;
    const enum sh_status weighed = weigh_words(adding, &words);
    if (weighed != SH_OK) return weighed;
    for (uint32_t i = next(&adding->cursor).count; i > 0; i--) {
        (void)next(&adding->cursor); /* the pair */
        const uint32_t number = (uint32_t)next(&adding->cursor).integer;
        const struct sh_value value = next(&adding->cursor);
        if (stays(adding, &words, number)) continue;
        int64_t canonical = value.integer;
        if (value.kind == SH_VALUE_STR) {
            uint32_t code;
            const enum sh_status status = sh_table_text_code(users, number, value.text, &code, adding->err);
            if (status != SH_OK) return status;
            canonical = code;
        }
        if (sh_table_set(users, adding->slot, number, canonical) != SH_OK) return sh_fail_memory(adding->err);
    }
    return SH_OK;
}

static enum sh_status add_tags(struct adding *adding) {
    struct sh_table *users = adding->workspace->users;
    const uint32_t set_count = next(&adding->cursor).count;
    for (uint32_t set = 0; set < set_count; set++) {
        for (uint32_t i = next(&adding->cursor).count; i > 0; i -= 2) {
            uint32_t tag;
            const enum sh_status status = sh_table_tag_code(users, set, next(&adding->cursor).text, &tag, adding->err);
            if (status != SH_OK) return status;
            int64_t until_ms = next(&adding->cursor).integer;
            if (sh_table_has_tag(users, adding->slot, set, tag)) {
                const int64_t known_ms = sh_table_tag_until(users, adding->slot, set, tag);
                if (known_ms > until_ms) until_ms = known_ms;
            }
            if (sh_table_tag_add_until(users, adding->slot, set, tag, until_ms) != SH_OK)
                return sh_fail_memory(adding->err);
        }
    }
    return SH_OK;
}

static enum sh_status read_properties(struct adding *adding, struct sh_event *event,
                                      struct sh_event_value values[SH_EVENT_PROPERTY_COUNT_MAX]) {
    event->values = values;
    event->value_count = next(&adding->cursor).count / 2;
    for (uint32_t i = 0; i < event->value_count; i++) {
        values[i].property = (uint32_t)next(&adding->cursor).integer;
        const struct sh_value value = next(&adding->cursor);
        values[i].value = value.integer;
        if (value.kind != SH_VALUE_STR) continue;
        uint32_t code;
        const enum sh_status status = sh_event_text_code(adding->workspace->events, event->type, values[i].property,
                                                         value.text, &code, adding->err);
        if (status != SH_OK) return status;
        values[i].value = code;
    }
    return SH_OK;
}

static enum sh_status add_event(struct adding *adding) {
    struct sh_workspace *workspace = adding->workspace;
    struct sh_event_value values[SH_EVENT_PROPERTY_COUNT_MAX];
    struct sh_event event = {.slot = adding->slot, .item = SH_NO_ITEM};
    enum sh_status status;
    (void)next(&adding->cursor); /* the six */
    event.type = (uint32_t)next(&adding->cursor).integer;
    event.time_ms = next(&adding->cursor).integer;
    const struct sh_value item = next(&adding->cursor);
    const struct sh_value amount = next(&adding->cursor);
    event.has_amount = amount.kind == SH_VALUE_INT;
    if (event.has_amount) event.amount = amount.integer;
    event.id_hash = next(&adding->cursor).big;
    event.has_id = event.id_hash != 0;
    if ((status = read_properties(adding, &event, values)) != SH_OK) return status;
    /* Another shard may have heard a moment later what day it is. */
    if (!sh_event_is_kept(workspace->events, event.type, event.time_ms)) return SH_OK;
    if (item.kind == SH_VALUE_STR) {
        status = sh_table_intern(workspace->items, item.text, sh_id_hash(item.text), &event.item, NULL, adding->err);
        if (status != SH_OK) return status;
    }
    bool duplicate;
    if ((status = sh_event_append(workspace->events, &event, &duplicate, adding->err)) != SH_OK) return status;
    adding->added->duplicate_count += duplicate;
    adding->added->event_count += !duplicate;
    if (duplicate) return SH_OK;
    if (sh_rfm_add(workspace->rfm, &event) != SH_OK) return sh_fail_memory(adding->err);
    if (sh_feed_adopt(workspace->feed, &event, adding->now_ms) != SH_OK) return sh_fail_memory(adding->err);
    return SH_OK;
}

/* The known user's own stays. In a space of another dimension (a replay of what was before) it says nothing. */
static enum sh_status add_vector(struct adding *adding) {
    struct sh_feed_model *feed = adding->workspace->feed;
    const struct sh_vectors *vectors = sh_feed_vectors(feed, SH_FEED_OF_USER);
    int16_t row[SH_VECTOR_DIMENSION_MAX] = {0};
    const uint32_t count = next(&adding->cursor).count;
    for (uint32_t i = 0; i < count; i++) {
        const int16_t number = (int16_t)next(&adding->cursor).integer;
        if (i < SH_VECTOR_DIMENSION_MAX) row[i] = number;
    }
    if (count != sh_vectors_dimension(vectors) || sh_vectors_row(vectors, adding->slot) != NULL) return SH_OK;
    const enum sh_status status = sh_feed_vector_put(feed, SH_FEED_OF_USER, adding->slot, row);
    return status == SH_OK ? SH_OK : sh_fail_memory(adding->err);
}

enum sh_status sh_person_add(struct sh_workspace *workspace, struct sh_text id, const void *bytes, size_t byte_count,
                             int64_t now_ms, struct sh_person_added *added, struct sh_error *err) {
    struct adding adding = {.workspace = workspace, .now_ms = now_ms, .added = added, .err = err};
    *added = (struct sh_person_added){0};
    sh_cursor_init(&adding.cursor, bytes, byte_count);
    const uint32_t part_count = next(&adding.cursor).count; /* three, and a vector */
    enum sh_status status = check_tags(workspace->users, sh_table_find(workspace->users, id), adding.cursor, err);
    if (status == SH_OK) status = sh_table_intern(workspace->users, id, sh_id_hash(id), &adding.slot, NULL, err);
    if (status == SH_OK) status = add_attributes(&adding);
    if (status == SH_OK) status = add_tags(&adding);
    if (status != SH_OK) return status;
    for (uint32_t i = next(&adding.cursor).count; i > 0; i--) {
        if ((status = add_event(&adding)) != SH_OK) return status;
    }
    return part_count > 3 ? add_vector(&adding) : SH_OK;
}
