/* rules.h -- tags that events give to their users by themselves.
 *
 *   rule 'tea buyers'   on purchase where item.category = 'tea'    tags likes 'tea', for 30 days
 *
 *   event.append:  rows --> store --> those stored, by type --> each rule of the type --> tags
 *                                     (duplicates are not)      asks its condition
 *
 * A rule is asked once about each event, in the request that stores it, and what it does is a function of that event,
 * its item as it is then, and the rule: the order of events makes no difference.
 *   - A tag with a time to live ends so long after the event's own time, not after its arrival. One that would have
 *     ended by now is not given: a late event changes what it would have changed, had it come in time.
 *   - A rule only ever lengthens: of two ends the later holds, and a tag that lasts stays lasting.
 *   - A tag that people took away comes back with the next event that matches, not before.
 *   - A condition that cannot be calculated (it overflows) does not hold. A tag that finds no room
 *     (SH_TAGS_PER_ROW_MAX, memory) is not given; the event is stored all the same.
 *   - Merging and forgetting users asks no rule: tags of a merged user go with their ends, those of a forgotten one go.
 * Events that were there before a rule are asked only if it is put with `past`.
 *
 * Rules that hold after every call (sh_rules_check tests them): names ascend by bytes and differ; type_has_rules has
 * exactly the types of the rules; at most SH_RULE_COUNT_MAX are there.
 *
 * Cost: without rules one comparison a request. With some, an event is asked by the rules of its type only: 10 to 100
 * ns each. What a rule is bound to is kept until schema, texts or items grow.
 */
#ifndef SH_RULES_H
#define SH_RULES_H

#include "archive.h"
#include "arena.h"
#include "bounds.h"
#include "query.h"
#include "query_where.h"

struct sh_rule {
    struct sh_text name; /* owned, as all texts */
    struct sh_text on;   /* canonical: "purchase where amount > 50" */
    struct sh_text note; /* count 0: none */
    struct sh_text tag;
    uint32_t tag_set;
    uint32_t event_type;
    int64_t ttl_ms; /* 0: the tag lasts */
    int64_t changed_ms;
    uint64_t given; /* events, since it was changed, that it held for and whose tag had not ended by then */
    /* cached in the rules' arena; NULL: not yet */
    const struct sh_node *tree; /* bound: a DID */
    struct sh_where *where;     /* NULL too if it depends on now, or there is no condition */
};

struct sh_rules {
    struct sh_rule **list;
    uint32_t count;
    uint32_t capacity;
    uint64_t type_has_rules[SH_EVENT_TYPE_COUNT_MAX / 64]; /* a bit a type */
    struct sh_arena cache;
    uint64_t cache_stamp[3];
};

void sh_rules_init(struct sh_rules *rules);
void sh_rules_deinit(struct sh_rules *rules);

struct sh_rule *sh_rules_find(const struct sh_rules *rules, struct sh_text name); /* NULL if there is none */
/* The fault that there is none of that name, with the nearest. */
enum sh_status sh_rules_fail_unknown(const struct sh_rules *rules, struct sh_text name, struct sh_error *err);

/* Make it, or change what differs; *changed says whether anything did. `rule` has name, on, note, tag, tag_set,
 * event_type, ttl_ms, changed_ms; texts are copied. On a failure nothing changed. SH_ERR_LIMIT, SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_rules_put(struct sh_rules *rules, const struct sh_rule *rule, bool *changed,
                                          struct sh_error *err);
/* False if there was none. */
bool sh_rules_remove(struct sh_rules *rules, struct sh_text name);
/* Do all of them fit this scope of users? SH_ERR_CONFLICT names the first that does not, and why. */
SH_MUST_CHECK enum sh_status sh_rules_fit(const struct sh_rules *rules, const struct sh_query_scope *scope,
                                          struct sh_arena *arena, struct sh_error *err);

/* Something that rules were bound to changed which their stamps do not show: a hierarchy. */
void sh_rules_bind_anew(struct sh_rules *rules);

static inline bool sh_rules_are_on(const struct sh_rules *rules, uint32_t event_type) {
    return rules->type_has_rules[event_type / 64] >> (event_type % 64) & 1;
}

/* What rules work on: a scope of users, and the table that it shows. */
struct sh_rules_target {
    const struct sh_query_scope *scope; /* clock_ms and now_ms: what has ended by the later of them is not given */
    struct sh_table *users;
    struct sh_arena *arena; /* for what is good for this request only */
};
/* Ask all rules about events that were just stored. */
void sh_rules_apply(struct sh_rules *rules, const struct sh_rules_target *target, const struct sh_event_ref *events,
                    uint32_t count);
/* Ask one rule about all events that are there. */
SH_MUST_CHECK enum sh_status sh_rules_apply_past(struct sh_rules *rules, struct sh_rule *rule,
                                                 const struct sh_rules_target *target, struct sh_error *err);

/* Write all rules as the section "rules". Allocates nothing. */
void sh_rules_save(const struct sh_rules *rules, struct sh_archive_writer *writer);
/* What the numbers in rules are about. */
struct sh_rules_scope {
    const struct sh_table *users;
    const struct sh_event_store *events;
};
/* Into initialised, empty rules, which on a failure can only be deinited. Any bytes. */
SH_MUST_CHECK enum sh_status sh_rules_load(struct sh_rules *rules, const struct sh_rules_scope *scope,
                                           struct sh_archive_reader *reader);
bool sh_rules_check(const struct sh_rules *rules, const char **reason);

#endif
