#include "sim_twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS_BYTES = 512 };

struct question {
    const char *method;
    char params[PARAMS_BYTES];
};

void sim_twin_init(struct sim_twin *twin, const struct sim_client *clients, uint32_t client_count) {
    memset(twin, 0, sizeof *twin);
    twin->clients = clients;
    twin->client_count = client_count;
    rig_init(&twin->rig, 1);
    twin->rig.now_ms = INT64_C(1790000000000);
    for (uint32_t c = 0; c < client_count; c++)
        for (uint32_t seq = 1; seq <= clients[c].op_count; seq++) {
            const struct sim_op *op = &clients[c].ops[seq];
            if (op->is_given_up) continue;
            (void)rig_ask_bytes(&twin->rig, op->method, op->params, op->params_count);
        }
}

void sim_twin_deinit(struct sim_twin *twin) {
    for (uint32_t i = 0; i < twin->answer_count; i++)
        free(twin->answers[i]);
    rig_deinit(&twin->rig);
}

/* The n-th question, or false. All name the moment they are about, so that any clock may be asked. */
static bool question_at(const struct sim_twin *twin, uint32_t n, struct question *question) {
    static const char *const expressions[] = {
        "n > 100",
        "likes has 't3'",
        "count(buy) >= 3 and n is not missing",
        "count(visit, last 90 days) > 10",
        "sum(buy.amount) > 2000",
        "did(visit where item.price > 10)",
        "not did(buy)",
        "in_segment('s-c1') or in_segment('s-c0')",
    };
    static const char *const wholes[][2] = {
        {"schema.get", "{}"},
        {"feed.trending", "{count: 100, now: 1760009000000}"},
        {"audience.list",
         "{where: 'n is not missing', order: 'n', fields: ['n', 'likes'], limit: 1000, now: 1760009000000}"},
        {"item.get", "{ids: ['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7']}"},
        {"feed.get", "{user: 'nobody', record: false, seed: 5, now: 1760009000000}"},
        {"feed.similar", "{item: 'i1', now: 1760009000000}"},
        {"feed.also_bought", "{item: 'i1', now: 1760009000000}"},
    };
    const uint32_t expression_count = sizeof expressions / sizeof expressions[0];
    const uint32_t whole_count = sizeof wholes / sizeof wholes[0];
    const uint32_t user_count = twin->client_count * SIM_USER_COUNT;
    char name[16];
    if (n < expression_count) {
        question->method = "audience.count";
        (void)snprintf(question->params, PARAMS_BYTES, "{where: \"%s\", now: 1760009000000}", expressions[n]);
        return true;
    }
    n -= expression_count;
    if (n < whole_count) {
        question->method = wholes[n][0];
        (void)snprintf(question->params, PARAMS_BYTES, "%s", wholes[n][1]);
        return true;
    }
    n -= whole_count;
    if (n < twin->client_count) {
        question->method = "item.get";
        (void)snprintf(question->params, PARAMS_BYTES, "{ids: ['c%u-i0', 'c%u-i1', 'c%u-i2']}", n, n, n);
        return true;
    }
    n -= twin->client_count;
    if (n >= 2 * user_count) return false;
    sim_client_user_name(&twin->clients[n / 2 / SIM_USER_COUNT], n / 2 % SIM_USER_COUNT, name);
    question->method = n % 2 == 0 ? "user.get" : "feed.get";
    (void)snprintf(question->params, PARAMS_BYTES,
                   n % 2 == 0 ? "{ids: ['%s'], events: 10000}"
                              : "{user: '%s', record: false, seed: 9, count: 30, now: 1760009000000}",
                   name);
    return true;
}

/* Feeds bear a number that each answer has of its own. */
static void without_rec_id(char *text) {
    char *at = strstr(text, "rec_id: '");
    if (at == NULL) return;
    char *end = strchr(at + 9, '\'');
    if (end != NULL) memmove(at, end, strlen(end) + 1);
}

static bool differ(const struct question *question, const char *wanted, const char *got, const char *words, char *fault,
                   size_t fault_bytes) {
    size_t at = 0;
    /* Both refuse: the rig says so in other words. */
    if (strncmp(got, "{code: ", 7) == 0 && atoi(got + 7) == atoi(wanted) && atoi(wanted) > 0) return false;
    while (wanted[at] != '\0' && wanted[at] == got[at])
        at++;
    if (wanted[at] == got[at]) return false;
    const size_t from = at < 120 ? 0 : at - 120;
    (void)snprintf(fault, fault_bytes, "DIFFERENT: %s %s\n  %s: ...%.300s\n  server: ...%.300s", question->method,
                   question->params, words, wanted + from, got + from);
    return true;
}

/* What is learned of a user's events depends on the order in which they come. Where a full disk had one refused and
 * done later than the next, the twin, which has them in the order of their numbers, has learned something else. And
 * what clients gave up the twin has not done. */
static bool is_same_for_all(const struct sim_twin *twin, const struct question *question) {
    const bool is_feed = strncmp(question->method, "feed.", 5) == 0;
    const bool is_item = strcmp(question->method, "item.get") == 0 || strstr(question->params, "item.price") != NULL ||
                         strstr(question->params, "in_segment") != NULL;
    for (uint32_t c = 0; c < twin->client_count; c++) {
        if (twin->clients[c].was_reordered && is_feed) return false;
        if (twin->clients[c].is_unknown && (is_feed || is_item)) return false;
    }
    return true;
}

/* What the server says, to be freed; NULL: nothing. */
static char *answer_of(struct sim_twin *twin, sim_ask *ask, void *context, const struct question *question) {
    const char *got = ask(context, question->method, question->params);
    if (got == NULL) return NULL;
    char *kept = strdup(got);
    without_rec_id(kept);
    twin->compared_count++;
    return kept;
}

bool sim_twin_compare(struct sim_twin *twin, sim_ask *ask, void *context, char *fault, size_t fault_bytes) {
    struct question question;
    for (uint32_t n = 0; question_at(twin, n, &question); n++) {
        char *kept = answer_of(twin, ask, context, &question);
        if (kept == NULL) return false;
        twin->answers[twin->answer_count++] = kept;
        char *wanted = strdup(rig_ask(&twin->rig, question.method, question.params));
        without_rec_id(wanted);
        const bool is_other =
            is_same_for_all(twin, &question) && differ(&question, wanted, kept, "twin  ", fault, fault_bytes);
        free(wanted);
        if (is_other) return false;
    }
    return true;
}

bool sim_twin_compare_again(struct sim_twin *twin, sim_ask *ask, void *context, char *fault, size_t fault_bytes) {
    struct question question;
    for (uint32_t n = 0; question_at(twin, n, &question); n++) {
        char *kept = answer_of(twin, ask, context, &question);
        if (kept == NULL) return false;
        const bool is_other = differ(&question, twin->answers[n], kept, "before", fault, fault_bytes);
        free(kept);
        if (is_other) return false;
    }
    return true;
}
