#include "row_contact.h"

/* What the row says of one purpose: numbers of its operations, or NONE. */
enum { NONE = -1 };
struct word {
    const struct sh_purpose *purpose;
    int32_t state, at, source;
};

static int32_t find_operation(const struct sh_row_reader *reader, uint32_t attribute) {
    for (uint32_t i = 0; i < reader->operation_count; i++)
        if (reader->operations[i].kind <= SH_ROW_CLEAR && reader->operations[i].target == attribute) return (int32_t)i;
    return NONE;
}

static void drop_operation(struct sh_row_reader *reader, uint32_t attribute) {
    const int32_t place = find_operation(reader, attribute);
    if (place == NONE) return;
    const uint32_t behind = --reader->operation_count - (uint32_t)place;
    memmove(&reader->operations[place], &reader->operations[place + 1], behind * sizeof *reader->operations);
}

static struct sh_row_operation *need_operation(struct sh_row_reader *reader, uint32_t attribute) {
    int32_t place = find_operation(reader, attribute);
    if (place == NONE) place = (int32_t)reader->operation_count++; /* there is room for one of each attribute */
    reader->operations[place].target = attribute;
    return &reader->operations[place];
}

static void drop_word(struct sh_row_reader *reader, const struct sh_purpose *purpose) {
    drop_operation(reader, purpose->state);
    drop_operation(reader, purpose->at);
    drop_operation(reader, purpose->source);
}

/* Clocks of other systems run a little ahead, and a file's date may lie in a zone to the east. */
static enum sh_status read_time(const struct sh_row_reader *reader, const struct word *word, int64_t *at_ms,
                                struct sh_error *err) {
    *at_ms = reader->now_ms;
    if (word->at == NONE || reader->operations[word->at].kind == SH_ROW_CLEAR) return SH_OK;
    const int64_t given_ms = reader->operations[word->at].value;
    if (given_ms > reader->now_ms + SH_DAY_MS)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` lies in the future",
                       SH_TEXT_ARGS(sh_table_attribute(reader->table, word->purpose->at)->name));
    if (given_ms < *at_ms) *at_ms = given_ms;
    return SH_OK;
}

/* Does what is known of the user stand against it? */
static bool is_too_late(const struct sh_row_reader *reader, const struct word *word, int64_t at_ms) {
    const struct sh_row_operation *state = &reader->operations[word->state];
    const uint32_t slot = sh_table_find_hashed(reader->table, reader->id.text, reader->hash);
    int64_t known_ms = INT64_MIN;
    if (slot == SH_SLOT_NONE) return false;
    const enum sh_consent known = sh_contact_consent(reader->table, word->purpose, slot);
    (void)sh_table_get(reader->table, slot, word->purpose->at, &known_ms);
    const struct sh_attribute *attribute = sh_table_attribute(reader->table, word->purpose->state);
    enum sh_consent said = SH_CONSENT_UNKNOWN;
    if (state->kind == SH_ROW_SET)
        said = sh_text_equal(sh_attribute_text(attribute, (uint32_t)state->value), SH_TEXT_LITERAL("granted"))
                   ? SH_CONSENT_GRANTED
                   : SH_CONSENT_DENIED;
    return !sh_contact_is_later(known, known_ms, said, at_ms);
}

static enum sh_status settle_word(struct sh_row_reader *reader, const struct word *word, struct sh_error *err) {
    const struct sh_purpose *purpose = word->purpose;
    int64_t at_ms;
    if (word->state == NONE && word->at == NONE && word->source == NONE) return SH_OK;
    if (word->state == NONE)
        return sh_fail(
            err, SH_ERR_ARGUMENT, -1, "`%.*s` goes with `%.*s`, which the row does not have",
            SH_TEXT_ARGS(sh_table_attribute(reader->table, word->at != NONE ? purpose->at : purpose->source)->name),
            SH_TEXT_ARGS(sh_table_attribute(reader->table, purpose->state)->name));
    const enum sh_status status = read_time(reader, word, &at_ms, err);
    if (status != SH_OK) return status;
    if (is_too_late(reader, word, at_ms)) {
        drop_word(reader, purpose);
        return SH_OK;
    }
    const bool is_clear = reader->operations[word->state].kind == SH_ROW_CLEAR;
    struct sh_row_operation *at = need_operation(reader, purpose->at);
    at->kind = is_clear ? SH_ROW_CLEAR : SH_ROW_SET;
    at->value = at_ms;
    if (word->source == NONE || is_clear) need_operation(reader, purpose->source)->kind = SH_ROW_CLEAR;
    return SH_OK;
}

static enum sh_status check_suppressed(const struct sh_row_reader *reader, struct sh_error *err) {
    const struct sh_contact *contact = &reader->people->contact;
    for (uint32_t i = 0; i < reader->operation_count; i++) {
        const struct sh_row_operation *operation = &reader->operations[i];
        if (operation->kind <= SH_ROW_CLEAR || operation->kind == SH_ROW_TAGS_REMOVE ||
            operation->target != contact->suppressed)
            continue;
        for (uint32_t t = operation->tags.first; t < operation->tags.first + operation->tags.count; t++) {
            const enum sh_status status = sh_contact_check_tag(contact, reader->tags[t], err);
            if (status != SH_OK) return status;
        }
    }
    return SH_OK;
}

enum sh_status sh_row_contact_settle(struct sh_row_reader *reader, struct sh_error *err) {
    const struct sh_contact *contact = &reader->people->contact;
    enum sh_status status = check_suppressed(reader, err);
    for (uint32_t i = 0; i < contact->count && status == SH_OK; i++) {
        const struct sh_purpose *purpose = &contact->purposes[i];
        const struct word word = {.purpose = purpose,
                                  .state = find_operation(reader, purpose->state),
                                  .at = find_operation(reader, purpose->at),
                                  .source = find_operation(reader, purpose->source)};
        status = settle_word(reader, &word, err);
    }
    return status;
}
