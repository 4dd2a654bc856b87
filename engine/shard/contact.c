/* contact.c -- see contact.h. As a section of an archive:
 *
 *   section contact 1
 *     u8 is_required, u32 count, then for each purpose: name, u8 unknown_allows
 */
#include "contact.h"

#include <stdio.h>

#include "hash.h"
#include "memory.h"
#include "request_params.h"

enum { CONTACT_VERSION = 1 };
static const char suppressed_name[] = "suppressed";
static const char everything[] = "all";
static const char internal_name[] = "internal";
static const struct sh_text labels[] = {{"denied", 6}, {"granted", 7}};
static const char *const endings[SH_PURPOSE_ATTRIBUTE_COUNT] = {"", "_at", "_source"};

/* ---- Purposes ---- */

struct sh_text sh_suppressed_name(void) {
    return sh_text_of(suppressed_name);
}

static bool ends_with(struct sh_text text, const char *ending) {
    const struct sh_text tail = sh_text_of(ending);
    return text.count >= tail.count && memcmp(text.bytes + text.count - tail.count, tail.bytes, tail.count) == 0;
}

enum sh_status sh_purpose_check(struct sh_text name, struct sh_error *err) {
    if (name.count == 0 || name.count > SH_PURPOSE_BYTES_MAX || !sh_text_is_utf8(name))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a purpose's name is 1 to %d bytes of UTF-8", SH_PURPOSE_BYTES_MAX);
    if (sh_text_equal(name, sh_text_of(everything)) || sh_text_equal(name, sh_text_of(internal_name)))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name `%.*s` is taken", SH_TEXT_ARGS(name));
    if (ends_with(name, endings[1]) || ends_with(name, endings[2]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a purpose's name does not end with _at or _source");
    return SH_OK;
}

static void print_name(struct sh_text purpose, uint32_t which, char name[SH_NAME_BYTES_MAX + 1]) {
    const int count = snprintf(name, SH_NAME_BYTES_MAX + 1, "consent_%.*s%s", SH_TEXT_ARGS(purpose), endings[which]);
    sh_assert(count <= SH_NAME_BYTES_MAX);
}

enum sh_status sh_purpose_attributes(struct sh_text name, struct sh_arena *arena,
                                     struct sh_attribute_spec specs[SH_PURPOSE_ATTRIBUTE_COUNT], struct sh_error *err) {
    static const enum sh_type types[SH_PURPOSE_ATTRIBUTE_COUNT] = {SH_TYPE_ENUM, SH_TYPE_TIME, SH_TYPE_STRING};
    for (uint32_t i = 0; i < SH_PURPOSE_ATTRIBUTE_COUNT; i++) {
        char text[SH_NAME_BYTES_MAX + 1];
        print_name(name, i, text);
        const struct sh_text made = sh_text_of(text);
        const char *copy = sh_arena_copy(arena, made.bytes, made.count);
        if (copy == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
        specs[i] = (struct sh_attribute_spec){.name = {copy, made.count}, .type = types[i]};
    }
    specs[0].labels = labels;
    specs[0].label_count = 2;
    return SH_OK;
}

void sh_contact_deinit(struct sh_contact *contact) {
    sh_free(contact->purposes);
    *contact = (struct sh_contact){0};
}

static bool find_attributes(struct sh_purpose *purpose, const struct sh_table *users) {
    static const enum sh_type types[SH_PURPOSE_ATTRIBUTE_COUNT] = {SH_TYPE_ENUM, SH_TYPE_TIME, SH_TYPE_STRING};
    uint32_t *const places[SH_PURPOSE_ATTRIBUTE_COUNT] = {&purpose->state, &purpose->at, &purpose->source};
    for (uint32_t i = 0; i < SH_PURPOSE_ATTRIBUTE_COUNT; i++) {
        char name[SH_NAME_BYTES_MAX + 1];
        print_name(sh_purpose_name(purpose), i, name);
        const int32_t found = sh_table_find_attribute(users, sh_text_of(name));
        if (found < 0 || sh_table_attribute(users, (uint32_t)found)->type != types[i]) return false;
        *places[i] = (uint32_t)found;
    }
    const struct sh_attribute *state = sh_table_attribute(users, purpose->state);
    return sh_attribute_find_code(state, labels[SH_CONSENT_DENIED]) != SH_CODE_NONE &&
           sh_attribute_find_code(state, labels[SH_CONSENT_GRANTED]) != SH_CODE_NONE;
}

static void note_range(struct sh_contact *contact) {
    contact->first = UINT32_MAX;
    contact->last = 0;
    for (uint32_t i = 0; i < contact->count; i++) {
        const struct sh_purpose *purpose = &contact->purposes[i];
        const uint32_t numbers[] = {purpose->state, purpose->at, purpose->source};
        for (uint32_t n = 0; n < SH_PURPOSE_ATTRIBUTE_COUNT; n++) {
            if (numbers[n] < contact->first) contact->first = numbers[n];
            if (numbers[n] > contact->last) contact->last = numbers[n];
        }
    }
}

static bool is_same(const struct sh_contact *contact, const struct sh_purpose_spec *specs, uint32_t count) {
    if (contact->count != count) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!sh_text_equal(sh_purpose_name(&contact->purposes[i]), specs[i].name) ||
            contact->purposes[i].unknown_allows != specs[i].unknown_allows)
            return false;
    }
    return true;
}

enum sh_status sh_contact_set(struct sh_contact *contact, const struct sh_table *users,
                              const struct sh_purpose_spec *specs, uint32_t count, bool *changed,
                              struct sh_error *err) {
    if (is_same(contact, specs, count)) return SH_OK;
    struct sh_purpose *purposes = sh_alloc_zero(((size_t)count + 1) * sizeof *purposes);
    if (purposes == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
    const int32_t suppressed = sh_table_find_tag_set(users, sh_suppressed_name());
    bool is_whole = count == 0 || suppressed >= 0;
    for (uint32_t i = 0; i < count && is_whole; i++) {
        memcpy(purposes[i].name, specs[i].name.bytes, specs[i].name.count);
        purposes[i].name_count = (uint8_t)specs[i].name.count;
        purposes[i].unknown_allows = specs[i].unknown_allows;
        is_whole = find_attributes(&purposes[i], users);
    }
    if (!is_whole) {
        sh_free(purposes);
        return sh_fail(err, SH_ERR_CONFLICT, -1, "users lack what a purpose needs");
    }
    sh_free(contact->purposes);
    contact->purposes = purposes;
    contact->count = count;
    contact->suppressed = suppressed < 0 ? 0 : (uint32_t)suppressed;
    note_range(contact);
    *changed = true;
    return SH_OK;
}

const struct sh_purpose *sh_contact_find(const struct sh_contact *contact, struct sh_text name) {
    for (uint32_t i = 0; i < contact->count; i++)
        if (sh_text_equal(name, sh_purpose_name(&contact->purposes[i]))) return &contact->purposes[i];
    return NULL;
}

const struct sh_purpose *sh_contact_of(const struct sh_contact *contact, uint32_t attribute) {
    if (contact->count == 0 || attribute < contact->first || attribute > contact->last) return NULL;
    for (uint32_t i = 0; i < contact->count; i++) {
        const struct sh_purpose *purpose = &contact->purposes[i];
        if (attribute == purpose->state || attribute == purpose->at || attribute == purpose->source) return purpose;
    }
    return NULL;
}

static enum sh_status fail_purpose(const struct sh_contact *contact, struct sh_text name, enum sh_status status,
                                   const char *other, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    sh_nearest_offer(&search, sh_text_of(other));
    for (uint32_t i = 0; i < contact->count; i++)
        sh_nearest_offer(&search, sh_purpose_name(&contact->purposes[i]));
    return sh_fail_unknown(err, status, &search, "there is no purpose `%.*s`", (int)(name.count < 80 ? name.count : 80),
                           name.bytes);
}

enum sh_status sh_contact_check_tag(const struct sh_contact *contact, struct sh_text tag, struct sh_error *err) {
    if (sh_text_equal(tag, sh_text_of(everything)) || sh_contact_find(contact, tag) != NULL) return SH_OK;
    return fail_purpose(contact, tag, SH_ERR_ARGUMENT, everything, err);
}

/* ---- What is known ---- */

enum sh_consent sh_contact_consent(const struct sh_table *users, const struct sh_purpose *purpose, uint32_t slot) {
    int64_t code;
    if (!sh_table_get(users, slot, purpose->state, &code)) return SH_CONSENT_UNKNOWN;
    const struct sh_attribute *state = sh_table_attribute(users, purpose->state);
    const struct sh_text label = sh_attribute_text(state, (uint32_t)code);
    /* Another label can only be one that a schema added: it grants nothing. */
    return sh_text_equal(label, labels[SH_CONSENT_GRANTED]) ? SH_CONSENT_GRANTED : SH_CONSENT_DENIED;
}

bool sh_contact_is_later(enum sh_consent known, int64_t known_ms, enum sh_consent said, int64_t said_ms) {
    if (known == SH_CONSENT_UNKNOWN || said_ms > known_ms) return true;
    return said_ms == known_ms && !(known == SH_CONSENT_DENIED && said == SH_CONSENT_GRANTED);
}

bool sh_contact_outweighs(enum sh_consent known, int64_t known_ms, enum sh_consent other, int64_t other_ms) {
    if (other == SH_CONSENT_UNKNOWN) return false;
    if (known == other) return other_ms > known_ms;
    return known == SH_CONSENT_UNKNOWN || other == SH_CONSENT_DENIED;
}

/* ---- Gates ---- */

enum sh_status sh_contact_gate_open(const struct sh_contact *contact, const struct sh_table *users,
                                    struct sh_text purpose, bool lists, struct sh_contact_gate *gate,
                                    struct sh_error *err) {
    *gate = (struct sh_contact_gate){.users = users, .is_asked = purpose.count > 0, .is_open = true};
    if (purpose.count == 0) {
        if (!contact->is_required || !lists) return SH_OK;
        (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "here a list of people needs `for`, the purpose they are listed for");
        return sh_fail_hint(err, SH_ERR_ARGUMENT, "for: \"internal\" lists for those who write to nobody");
    }
    if (sh_text_equal(purpose, sh_text_of(internal_name))) return SH_OK;
    const struct sh_purpose *found = sh_contact_find(contact, purpose);
    if (found == NULL) return fail_purpose(contact, purpose, SH_ERR_NAME, internal_name, err);
    gate->purpose = *found;
    gate->suppressed = contact->suppressed;
    gate->is_open = false;
    return SH_OK;
}

static bool has_lasting_tag(const struct sh_contact_gate *gate, uint32_t slot, uint32_t tag) {
    return tag != SH_CODE_NONE && sh_table_has_tag(gate->users, slot, gate->suppressed, tag) &&
           !sh_table_tag_has_ended(gate->users, slot, gate->suppressed, tag);
}

static bool is_suppressed(const struct sh_contact_gate *gate, uint32_t slot) {
    const struct sh_text own = sh_purpose_name(&gate->purpose);
    return has_lasting_tag(gate, slot, sh_table_find_tag(gate->users, gate->suppressed, sh_text_of(everything))) ||
           has_lasting_tag(gate, slot, sh_table_find_tag(gate->users, gate->suppressed, own));
}

static bool has_consent(const struct sh_contact_gate *gate, uint32_t slot) {
    const enum sh_consent consent = sh_contact_consent(gate->users, &gate->purpose, slot);
    return consent == SH_CONSENT_GRANTED || (consent == SH_CONSENT_UNKNOWN && gate->purpose.unknown_allows);
}

bool sh_contact_allows(const struct sh_contact_gate *gate, uint32_t slot) {
    return gate->is_open || (!is_suppressed(gate, slot) && has_consent(gate, slot));
}

bool sh_contact_passes(struct sh_contact_gate *gate, uint32_t slot) {
    if (gate->is_open) return true;
    if (is_suppressed(gate, slot)) {
        gate->suppressed_count++;
        return false;
    }
    if (has_consent(gate, slot)) return true;
    gate->no_consent_count++;
    return false;
}

/* Those of the block who have the tag leave; tags that have ended and are not swept yet are looked past one by one. */
static uint32_t drop_tagged(const struct sh_contact_gate *gate, struct sh_text text, uint32_t block, uint64_t *words,
                            uint32_t count) {
    const uint32_t tag = sh_table_find_tag(gate->users, gate->suppressed, text);
    if (tag == SH_CODE_NONE || count == 0) return count;
    const struct sh_block_view tagged = sh_bitmap_block(sh_table_tag_slots(gate->users, gate->suppressed, tag), block);
    if (tagged.count == 0) return count;
    if (!sh_table_any_ends(gate->users)) return sh_block_andnot_into_count(words, tagged);
    const uint32_t base = block * (uint32_t)SH_BLOCK_SLOTS;
    for (uint32_t place = sh_block_next(tagged, 0); place < SH_BLOCK_SLOTS; place = sh_block_next(tagged, place + 1)) {
        const uint64_t bit = UINT64_C(1) << (place % 64);
        if ((words[place / 64] & bit) == 0 || !has_lasting_tag(gate, base + place, tag)) continue;
        words[place / 64] &= ~bit;
        count--;
    }
    return count;
}

static struct sh_block_view with_state(const struct sh_attribute *state, uint32_t code, uint32_t block) {
    const struct sh_bitmap *slots = sh_attribute_value_slots(state, code);
    return slots == NULL ? (struct sh_block_view){.form = SH_BLOCK_EMPTY} : sh_bitmap_block(slots, block);
}

static uint32_t keep_consenting(const struct sh_contact_gate *gate, uint32_t block, uint64_t *words, uint32_t count) {
    const struct sh_attribute *state = sh_table_attribute(gate->users, gate->purpose.state);
    const uint32_t granted = sh_attribute_find_code(state, labels[SH_CONSENT_GRANTED]);
    sh_assert(state->has_value_bitmaps); /* an enum with few labels */
    if (!gate->purpose.unknown_allows) return sh_block_and_into_count(words, with_state(state, granted, block));
    for (uint32_t code = 0; code < sh_dictionary_count(&state->texts); code++)
        if (code != granted) count = sh_block_andnot_into_count(words, with_state(state, code, block));
    return count;
}

uint32_t sh_contact_narrow(struct sh_contact_gate *gate, uint32_t block, uint64_t *words, uint32_t count) {
    if (gate->is_open || count == 0) return count;
    uint32_t left = drop_tagged(gate, sh_text_of(everything), block, words, count);
    left = drop_tagged(gate, sh_purpose_name(&gate->purpose), block, words, left);
    gate->suppressed_count += count - left;
    const uint32_t unsuppressed = left;
    left = keep_consenting(gate, block, words, left);
    gate->no_consent_count += unsuppressed - left;
    return left;
}

/* ---- In an archive ---- */

void sh_contact_save(const struct sh_contact *contact, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "contact", CONTACT_VERSION);
    sh_archive_put_u8(writer, contact->is_required);
    sh_archive_put_u32(writer, contact->count);
    for (uint32_t i = 0; i < contact->count; i++) {
        sh_archive_put_text(writer, sh_purpose_name(&contact->purposes[i]));
        sh_archive_put_u8(writer, contact->purposes[i].unknown_allows);
    }
    sh_archive_end(writer);
}

static void load_purposes(struct sh_contact *contact, const struct sh_table *users, uint32_t count,
                          struct sh_archive_reader *reader) {
    struct sh_purpose_spec specs[SH_PURPOSE_COUNT_MAX];
    struct sh_error err;
    bool changed;
    uint32_t read_count = 0;
    while (read_count < count && !sh_archive_failed(reader)) {
        struct sh_purpose_spec *spec = &specs[read_count++];
        spec->name = sh_archive_get_text(reader, SH_PURPOSE_BYTES_MAX, "the name of a purpose");
        spec->unknown_allows = sh_archive_get_bool(reader);
        if (!sh_archive_failed(reader) && sh_purpose_check(spec->name, &err) != SH_OK)
            (void)sh_archive_refuse(reader, "%s", err.message);
        for (uint32_t i = 0; i + 1 < read_count && !sh_archive_failed(reader); i++)
            if (sh_text_equal(specs[i].name, spec->name)) (void)sh_archive_refuse(reader, "a purpose is there twice");
    }
    if (!sh_archive_failed(reader)) {
        const enum sh_status status = sh_contact_set(contact, users, specs, count, &changed, &err);
        if (status == SH_ERR_MEMORY)
            (void)sh_archive_refuse_memory(reader);
        else if (status != SH_OK)
            (void)sh_archive_refuse(reader, "%s", err.message);
    }
    for (uint32_t i = 0; i < read_count; i++)
        sh_free((char *)(uintptr_t)specs[i].name.bytes);
}

enum sh_status sh_contact_load(struct sh_contact *contact, const struct sh_table *users,
                               struct sh_archive_reader *reader) {
    sh_assert(contact->purposes == NULL);
    if (sh_archive_enter(reader, "contact", CONTACT_VERSION) == 0) return sh_archive_status(reader, NULL);
    contact->is_required = sh_archive_get_bool(reader);
    const uint32_t count = sh_archive_get_count(reader, SH_PURPOSE_COUNT_MAX, sizeof(uint32_t) + 2, "purposes");
    if (!sh_archive_failed(reader)) load_purposes(contact, users, count, reader);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
