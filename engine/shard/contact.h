/* contact.h -- may this person be written to? Consent by purpose, and suppression.
 *
 * A workspace names the purposes that people are written to for: sms, wecom, push, 短信. Of each user it keeps, for each
 * purpose, what was said last; and who must not be written to at all for a while, or for ever:
 *
 *   schema.put {privacy: {purposes: [{name: "sms"}, {name: "wecom", unknown: "allow"}]}} makes of users
 *
 *     consent_sms         enum   denied, granted; missing: nobody knows
 *     consent_sms_at      time   when it was said
 *     consent_sms_source  string where: "checkout 2026-03"
 *     suppressed          tags   "all", or a purpose: not to be written to, until the tag ends
 *
 * They are attributes and a tag set like all others: rows, files and rules write them, expressions, fields and insights
 * read them, archives keep them, forgetting takes them. What is their own:
 *
 *   - The latest word counts, by its own time. What was said before what is known is passed over; of two things said at
 *     one time the denial counts. Without a time it was said now. Nothing is said later than now.
 *   - When two users become one, a denial of either counts, then a grant.
 *   - A question with `for: "sms"` lists only those who may be written to for it, and says how many it held back:
 *
 *       matches --> suppressed for all or for sms?  --> `suppressed`
 *               '-> not granted (or, where unknown is allowed, denied)? --> `no_consent`
 *               '-> listed
 *
 *     That is looked at when the answer is made: a page of a frozen list passes over whom a word has held back since.
 *   - With `purpose_required` no list of people leaves without `for`. "internal" is the purpose of those who look and
 *     do not write: it holds nobody back, and says so itself.
 *
 * Cost: one or two ands of bitmaps a block; a few loads a listed user.
 */
#ifndef SH_CONTACT_H
#define SH_CONTACT_H

#include "archive.h"
#include "arena.h"
#include "bounds.h"
#include "table.h"

/* The longest attribute made of a purpose is consent_<name>_source. */
enum { SH_PURPOSE_BYTES_MAX = SH_NAME_BYTES_MAX - 15 };
enum sh_consent { SH_CONSENT_DENIED, SH_CONSENT_GRANTED, SH_CONSENT_UNKNOWN }; /* the first two are the enum's ranks */

struct sh_purpose {
    char name[SH_PURPOSE_BYTES_MAX];
    uint8_t name_count;
    bool unknown_allows;
    uint32_t state; /* attributes of users */
    uint32_t at;
    uint32_t source;
};
struct sh_contact {
    struct sh_purpose *purposes;
    uint32_t count;
    uint32_t suppressed; /* the tag set, if count > 0 */
    uint32_t first;      /* of all attributes above, the least and the largest number */
    uint32_t last;
    bool is_required; /* no list without a purpose */
};

/* What a schema asks for. */
struct sh_purpose_spec {
    struct sh_text name;
    bool unknown_allows;
};
enum { SH_PURPOSE_ATTRIBUTE_COUNT = 3 };
/* May it be a purpose's name? SH_ERR_ARGUMENT. */
SH_MUST_CHECK enum sh_status sh_purpose_check(struct sh_text name, struct sh_error *err);
/* The attributes of users that it needs, in the arena. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_purpose_attributes(struct sh_text name, struct sh_arena *arena,
                                                   struct sh_attribute_spec specs[SH_PURPOSE_ATTRIBUTE_COUNT],
                                                   struct sh_error *err);
struct sh_text sh_suppressed_name(void);

void sh_contact_deinit(struct sh_contact *contact);
/* All purposes anew; the table has their attributes. On SH_ERR_MEMORY nothing changed. */
SH_MUST_CHECK enum sh_status sh_contact_set(struct sh_contact *contact, const struct sh_table *users,
                                            const struct sh_purpose_spec *specs, uint32_t count, bool *changed,
                                            struct sh_error *err);
static inline struct sh_text sh_purpose_name(const struct sh_purpose *purpose) {
    return (struct sh_text){purpose->name, purpose->name_count};
}
const struct sh_purpose *sh_contact_find(const struct sh_contact *contact, struct sh_text name);
/* The purpose that an attribute belongs to, or NULL. */
const struct sh_purpose *sh_contact_of(const struct sh_contact *contact, uint32_t attribute);
/* May this tag stand in `suppressed`? SH_ERR_ARGUMENT with the nearest purpose. */
SH_MUST_CHECK enum sh_status sh_contact_check_tag(const struct sh_contact *contact, struct sh_text tag,
                                                  struct sh_error *err);
enum sh_consent sh_contact_consent(const struct sh_table *users, const struct sh_purpose *purpose, uint32_t slot);

/* Which of two words counts: of one user by time, of two users who become one a denial first. at_ms of what has no time
 * is INT64_MIN. */
bool sh_contact_is_later(enum sh_consent known, int64_t known_ms, enum sh_consent said, int64_t said_ms);
bool sh_contact_outweighs(enum sh_consent known, int64_t known_ms, enum sh_consent other, int64_t other_ms);

/* ---- What a question holds back ---- */

struct sh_contact_gate {
    const struct sh_table *users;
    struct sh_purpose purpose; /* a copy: a schema may change while a cursor is open */
    uint32_t suppressed;
    bool is_asked; /* `for` was given: the answer says what was held back */
    bool is_open;  /* nobody is held back */
    uint64_t suppressed_count;
    uint64_t no_consent_count;
};
/* purpose empty: none was given. lists: the answer names people. SH_ERR_NAME for one that there is not, SH_ERR_ARGUMENT
 * if one is required. */
SH_MUST_CHECK enum sh_status sh_contact_gate_open(const struct sh_contact *contact, const struct sh_table *users,
                                                  struct sh_text purpose, bool lists, struct sh_contact_gate *gate,
                                                  struct sh_error *err);
/* Take out of a block's words whom it holds back, and count them; what is left. */
uint32_t sh_contact_narrow(struct sh_contact_gate *gate, uint32_t block, uint64_t *words, uint32_t count);
/* May this one be listed? Counts nothing. */
bool sh_contact_allows(const struct sh_contact_gate *gate, uint32_t slot);
/* The same, counted. */
bool sh_contact_passes(struct sh_contact_gate *gate, uint32_t slot);

void sh_contact_save(const struct sh_contact *contact, struct sh_archive_writer *writer);
/* Into an empty one. The attributes must be of this table. */
SH_MUST_CHECK enum sh_status sh_contact_load(struct sh_contact *contact, const struct sh_table *users,
                                             struct sh_archive_reader *reader);

#endif
