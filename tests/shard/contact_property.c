/* contact_property.c -- consent and suppression against a twin: an array of people and loops.
 *
 *   contact_property <seed> <rounds>
 *
 * One, two and three shards get the same random rows (late words, words without a time, clears, suppressions with ends),
 * merges, forgets, snapshots; the clock goes on. Then each purpose is asked for, by list, sample, count and pages.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shard_rig.h"
#include "split_random.h"

enum { PEOPLE = 24, PURPOSES = 2, RIGS = 3, STEPS = 120, GROUPS = 3 };
#define DAY INT64_C(86400000)

static const char *const purposes[PURPOSES] = {"sms", "wecom"};
static const bool unknown_allows[PURPOSES] = {false, true};
static const char *const tags[PURPOSES + 1] = {"sms", "wecom", "all"};

struct person {
    bool lives;
    int group;           /* -1: none */
    int state[PURPOSES]; /* 0 denied, 1 granted, 2 unknown */
    int64_t at[PURPOSES];
    int64_t until[PURPOSES + 1]; /* of each tag; INT64_MIN: not there */
    bool merged;                 /* its id is another's other name: left alone from now on */
};

static struct person people[PEOPLE];
static struct rig rigs[RIGS];
static struct split_random random_state;
static int64_t now_ms;
static uint64_t seed;

static uint32_t below(uint32_t end) {
    return (uint32_t)split_below(&random_state, end);
}

static void fail(const char *what, uint32_t rig, const char *said, const char *expected) {
    fprintf(stderr, "%s, %u shards\n  said     %s\n  expected %s\nreproduce: contact_property %llu 1\n", what,
            rigs[rig].shard_count, said, expected, (unsigned long long)seed);
    exit(1);
}

static void say(const char *method, const char *params, const char *expected) {
    for (uint32_t i = 0; i < RIGS; i++) {
        rigs[i].now_ms = now_ms;
        const char *answer = rig_ask(&rigs[i], method, params);
        if (expected != NULL && strcmp(answer, expected) != 0) fail(params, i, answer, expected);
        if (expected == NULL && rigs[i].error.status != SH_OK) fail(params, i, answer, "no fault");
    }
}

/* ---- What is done ---- */

static void reset(struct person *person) {
    *person = (struct person){.group = -1, .merged = person->merged};
    for (int p = 0; p < PURPOSES; p++) {
        person->state[p] = 2;
        person->at[p] = INT64_MIN;
    }
    for (int t = 0; t <= PURPOSES; t++)
        person->until[t] = INT64_MIN;
}

static void put(void) {
    char row[1024];
    const uint32_t who = below(PEOPLE);
    struct person *person = &people[who];
    if (person->merged) return;
    person->lives = true;
    person->group = (int)below(GROUPS);
    int count = snprintf(row, sizeof row, "{user: {id: 'u%02u', grp: %d", who, person->group);
    for (int p = 0; p < PURPOSES; p++) {
        const uint32_t kind = below(5); /* 3, 4: nothing said */
        if (kind > 2) continue;
        int64_t at = now_ms;
        count += snprintf(row + count, sizeof row - (size_t)count, ", consent_%s: %s", purposes[p],
                          kind == 0 ? "'denied'" : (kind == 1 ? "'granted'" : "nil"));
        if (below(2) == 0) {
            at = now_ms - (int64_t)below(5) * 1000 + 2000;
            count +=
                snprintf(row + count, sizeof row - (size_t)count, ", consent_%s_at: %lld", purposes[p], (long long)at);
            if (at > now_ms) at = now_ms;
        }
        const bool is_later = person->state[p] == 2 || at > person->at[p] ||
                              (at == person->at[p] && !(person->state[p] == 0 && kind == 1));
        if (!is_later) continue;
        person->state[p] = (int)kind;
        person->at[p] = kind == 2 ? INT64_MIN : at;
    }
    const uint32_t tag = below(PURPOSES + 1);
    switch (below(6)) {
    case 0:
        count += snprintf(row + count, sizeof row - (size_t)count, ", suppressed: ['%s']", tags[tag]);
        for (uint32_t t = 0; t <= PURPOSES; t++)
            person->until[t] = t == tag ? INT64_MAX : INT64_MIN;
        break;
    case 1:
        person->until[tag] = now_ms + 1 + below(20000);
        count += snprintf(row + count, sizeof row - (size_t)count, ", suppressed: {add: ['%s'], until: %lld}",
                          tags[tag], (long long)person->until[tag]);
        break;
    case 2:
        person->until[tag] = INT64_MIN;
        count += snprintf(row + count, sizeof row - (size_t)count, ", suppressed: {remove: ['%s']}", tags[tag]);
        break;
    default:
        break;
    }
    (void)snprintf(row + count, sizeof row - (size_t)count, "}}");
    say("user.put", row, NULL);
}

static void forget(void) {
    char params[64];
    const uint32_t who = below(PEOPLE);
    if (people[who].merged) return;
    (void)snprintf(params, sizeof params, "{id: 'u%02u'}", who);
    say("user.forget", params, NULL);
    reset(&people[who]);
    /* Its other names are free again; the twin leaves them alone all the same. */
}

static void merge(void) {
    char params[96];
    const uint32_t from = below(PEOPLE);
    const uint32_t into = below(PEOPLE);
    struct person *a = &people[from];
    struct person *b = &people[into];
    if (from == into || a->merged || b->merged) return;
    (void)snprintf(params, sizeof params, "{from: 'u%02u', into: 'u%02u'}", from, into);
    say("user.merge", params, NULL);
    if (a->lives) {
        if (b->group < 0) b->group = a->group;
        for (int p = 0; p < PURPOSES; p++) {
            const int known = b->state[p];
            const int other = a->state[p];
            const bool takes = other != 2 && (known == other ? a->at[p] > b->at[p] : (known == 2 || other == 0));
            if (takes) b->state[p] = other;
            if (takes) b->at[p] = a->at[p];
        }
        for (int t = 0; t <= PURPOSES; t++) {
            if (a->until[t] <= now_ms) continue;
            if (a->until[t] > b->until[t]) b->until[t] = a->until[t];
        }
        b->lives = true;
    }
    reset(a);
    a->merged = true;
}

static void renew(void) {
    for (uint32_t i = 0; i < RIGS; i++) {
        struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
        rig_save(&rigs[i], bytes);
        rig_load(&rigs[i], bytes);
        for (uint32_t s = 0; s < rigs[i].shard_count; s++)
            sh_buffer_deinit(&bytes[s]);
    }
}

/* ---- What is asked ---- */

static void check(void) {
    const int group = (int)below(GROUPS);
    const uint32_t p = below(PURPOSES);
    uint32_t suppressed = 0, no_consent = 0, listed = 0, total = 0;
    char ids[1024] = "";
    char expected[2048], params[256];
    for (uint32_t i = 0; i < PEOPLE; i++) {
        const struct person *person = &people[i];
        total += person->lives;
        if (!person->lives || person->group != group) continue;
        if (person->until[p] > now_ms || person->until[PURPOSES] > now_ms) {
            suppressed++;
        } else if (person->state[p] != 1 && !(person->state[p] == 2 && unknown_allows[p])) {
            no_consent++;
        } else {
            (void)snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s'u%02u'", listed++ > 0 ? ", " : "", i);
        }
    }
    (void)snprintf(params, sizeof params, "{where: 'grp = %d', for: '%s', order: 'id'}", group, purposes[p]);
    (void)snprintf(expected, sizeof expected, "{count: %u, suppressed: %u, no_consent: %u, ids: [%s]}", listed,
                   suppressed, no_consent, ids);
    say("audience.list", params, expected);
    (void)snprintf(params, sizeof params, "{where: 'grp = %d', for: '%s'}", group, purposes[p]);
    (void)snprintf(expected, sizeof expected, "{count: %u, total: %u, suppressed: %u, no_consent: %u}", listed, total,
                   suppressed, no_consent);
    say("audience.count", params, expected);
    (void)snprintf(params, sizeof params, "{where: \"grp = %d and not suppressed('%s') and %s\"}", group, purposes[p],
                   unknown_allows[p] ? "not consent_wecom = 'denied'" : "consent('sms')");
    (void)snprintf(expected, sizeof expected, "{count: %u, total: %u}", listed, total);
    say("audience.count", params, expected);
}

static void run(void) {
    random_state = (struct split_random){seed};
    now_ms = INT64_C(1760000000000);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        people[i].merged = false;
        reset(&people[i]);
    }
    for (uint32_t i = 0; i < RIGS; i++)
        rig_init(&rigs[i], i + 1);
    say("schema.put",
        "{users: {attributes: [{name: 'grp', type: 'int'}]},"
        " privacy: {purposes: [{name: 'sms'}, {name: 'wecom', unknown: 'allow'}]}}",
        "{changed: true}");
    for (uint32_t step = 0; step < STEPS; step++) {
        const uint32_t choice = below(40);
        now_ms += below(3) * 1000;
        if (choice == 0)
            renew();
        else if (choice == 1)
            forget();
        else if (choice == 2)
            merge();
        else
            put();
        if (below(3) == 0) check();
    }
    for (uint32_t i = 0; i < RIGS; i++) {
        rig_check(&rigs[i]);
        rig_deinit(&rigs[i]);
    }
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
    for (uint64_t i = 0; i < rounds; i++, seed++)
        run();
    printf("%llu rounds\n", (unsigned long long)rounds);
    return 0;
}
