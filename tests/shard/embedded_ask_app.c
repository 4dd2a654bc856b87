/* embedded_ask_app.c -- a program of somebody else: each question of shoal/shoal.h about what people do and are like.
 *
 * Ten people, u-0 to u-9, in two cities. Each looked at something on day 1; the even ones put it into the cart on day
 * 2; those who are a multiple of four bought it on day 3, for 10.00 times their number, and u-8 once more on day 33.
 */
#include <shoal/shoal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERSON_COUNT = 10 };
static const int64_t day_1_ms = 1767225600000; /* 2026-01-01 in UTC */
static const int64_t day_ms = 86400000;

static struct shoal_error error;
static char told[4096];

static void must(int code, const char *what) {
    if (code == SHOAL_OK) return;
    (void)fprintf(stderr, "%s: %d %s: %s (%s)\n", what, code, error.status, error.message, error.hint);
    exit(1);
}

static void refuse(int code, int expected, const char *what) {
    if (code == expected) return;
    (void)fprintf(stderr, "%s: %d instead of %d\n", what, code, expected);
    exit(1);
}

/* What the functions below wrote since the last time. */
static void expect(const char *words) {
    if (strcmp(told, words) != 0) {
        (void)fprintf(stderr, "told: %s\nexpected: %s\n", told, words);
        exit(1);
    }
    told[0] = '\0';
}

#define TELL(...)  (void)snprintf(told + strlen(told), sizeof told - strlen(told), __VA_ARGS__)
#define TEXT(text) (int)(text).count, (text).bytes

static bool tell_id(void *context, const char *id, size_t id_count) {
    (void)context;
    TELL("%.*s ", (int)id_count, id);
    return true;
}

static bool tell_step(void *context, const struct shoal_step *step) {
    (void)context;
    TELL("%.*s %llu %lld %lld; ", TEXT(step->step), (unsigned long long)step->users, (long long)step->from_first_s,
         (long long)step->from_previous_s);
    return true;
}

/* The expression of who came to the cart and no further. */
static bool keep_dropped(void *context, const struct shoal_step *step) {
    char *expression = context;
    (void)snprintf(expression, 256, "%.*s", TEXT(step->dropped));
    return strncmp(step->step.bytes, "cart", 4) != 0;
}

static bool tell_cohort(void *context, const struct shoal_cohort *cohort) {
    (void)context;
    TELL("%.*s %llu:", TEXT(cohort->start), (unsigned long long)cohort->users);
    for (uint32_t i = 0; i < cohort->returned_count; i++)
        TELL(" %llu", (unsigned long long)cohort->returned[i]);
    TELL("; ");
    return true;
}

static bool tell_look(void *context, const struct shoal_look *look) {
    (void)context;
    TELL("%.*s %llu of %llu, %.2f, %.2f; ", TEXT(look->value), (unsigned long long)look->users,
         (unsigned long long)look->base, look->share, look->index);
    return true;
}

static bool tell_clause(void *context, const struct shoal_clause *clause) {
    (void)context;
    TELL("%.*s %llu %llu %llu %llu; ", TEXT(clause->clause), (unsigned long long)clause->alone,
         (unsigned long long)clause->after, (unsigned long long)clause->changed, (unsigned long long)clause->only);
    return true;
}

static bool tell_reason(void *context, const struct shoal_reason *reason) {
    (void)context;
    const bool is_clause = reason->kind.count == strlen("clause");
    TELL("%u %s %.*s [%.*s]; ", reason->depth, reason->holds ? "yes" : "no",
         TEXT(is_clause ? reason->clause : reason->kind), TEXT(reason->found));
    return true;
}

static bool tell_group(void *context, const struct shoal_group *group) {
    (void)context;
    if (group->users > 0)
        TELL("%.*s %llu %.*s; ", TEXT(group->name), (unsigned long long)group->users, TEXT(group->amount));
    return true;
}

static void append(struct shoal *engine, const char *type, const char *user, int day, const char *amount) {
    const struct shoal_event event = {
        .type = type, .user = user, .time_ms = day_1_ms + (day - 1) * day_ms, .amount = amount};
    must(shoal_append(engine, &event, NULL, NULL, &error), "append");
}

static void fill(struct shoal *engine) {
    static const char *const types[] = {"view", "cart", "purchase"};
    static const char *const tags[] = {"tea", "coffee"};
    static const struct shoal_attribute city = {.name = "city", .type = SHOAL_STRING};
    static const struct shoal_attribute consent = {.name = "consent", .type = SHOAL_BOOLEAN};
    static const struct shoal_attribute age = {.name = "age", .type = SHOAL_INT};
    struct shoal_row *row = shoal_row_create();
    must(shoal_define(engine, SHOAL_USERS, &city, &error), "define");
    must(shoal_define(engine, SHOAL_USERS, &consent, &error), "define");
    must(shoal_define(engine, SHOAL_USERS, &age, &error), "define");
    must(shoal_define_tags(engine, SHOAL_USERS, "likes", &error), "define");
    for (int i = 0; i < 3; i++)
        must(shoal_define_event(engine, types[i], 2, NULL, 0, &error), "define");
    for (int i = 0; i < PERSON_COUNT; i++) {
        char id[16], amount[16];
        (void)snprintf(id, sizeof id, "u-%d", i);
        (void)snprintf(amount, sizeof amount, "%d.00", 10 * i);
        shoal_row_clear(row);
        shoal_row_text(row, "city", i < 6 ? "Lisbon" : "成都");
        shoal_row_boolean(row, "consent", i != 3);
        shoal_row_integer(row, "age", 20 + i);
        shoal_row_tags(row, "likes", tags, i % 2 == 0 ? 2 : 1);
        must(shoal_put(engine, SHOAL_USERS, id, row, &error), "put");
        append(engine, "view", id, 1, NULL);
        if (i % 2 == 0) append(engine, "cart", id, 2, NULL);
        if (i % 4 == 0) append(engine, "purchase", id, 3, amount);
    }
    append(engine, "purchase", "u-8", 33, "2.50");
    shoal_row_destroy(row);
}

static void ask_what_they_do(struct shoal *engine) {
    static const char *const sequence = "sequence(view -> cart -> purchase, within 3 days)";
    char dropped[256];
    uint64_t count = 0;
    must(shoal_funnel(engine, sequence, NULL, tell_step, NULL, &error), "funnel");
    expect("view 10 -1 -1; cart 5 86400 86400; purchase 3 172800 86400; ");
    must(shoal_funnel(engine, sequence, "city = 'Lisbon'", tell_step, NULL, &error), "funnel");
    expect("view 6 -1 -1; cart 3 86400 86400; purchase 2 172800 86400; ");
    must(shoal_funnel(engine, sequence, NULL, keep_dropped, dropped, &error), "funnel");
    must(shoal_count(engine, dropped, &count, &error), "count who stopped at the cart");
    TELL("%llu", (unsigned long long)count);
    expect("2");
    refuse(shoal_funnel(engine, "did(view)", NULL, tell_step, NULL, &error), SHOAL_ERR_ARGUMENT, "no sequence");

    const struct shoal_retention_options months = {.period = "month", .period_count = 2};
    must(shoal_retention(engine, "purchase", &months, tell_cohort, NULL, &error), "retention");
    expect("2026-01-01 3: 0 1; 2026-02-01 0: 0; ");
    const struct shoal_retention_options days = {
        .again = "cart", .period = "day", .period_count = 36, .among = "age < 25"};
    must(shoal_retention(engine, "view", &days, tell_cohort, NULL, &error), "retention");
    told[strcspn(told, ";")] = '\0';
    expect("2026-01-01 5: 0 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
}

static void ask_what_they_are_like(struct shoal *engine) {
    static const char *const sets[] = {"did(cart)", "city = 'Lisbon'", "age >= 28"};
    static const char *const where = "did(cart) and city = 'Lisbon' and age >= 22";
    uint64_t matrix[9];
    bool matches = true;
    must(shoal_insight(engine, "did(purchase)", "city", NULL, 0, tell_look, NULL, &error), "insight");
    expect("Lisbon 2 of 6, 0.67, 111.11; 成都 1 of 4, 0.33, 83.33; ");
    must(shoal_insight(engine, "did(purchase)", "likes", "did(cart)", 1, tell_look, NULL, &error), "insight");
    expect("coffee 3 of 5, 1.00, 100.00; ");
    must(shoal_insight(engine, "age <= 23", "consent", NULL, 0, tell_look, NULL, &error), "insight of a bool");
    expect("true 3 of 9, 0.75, 83.33; false 1 of 1, 0.25, 250.00; ");
    refuse(shoal_insight(engine, "", "age", NULL, 0, tell_look, NULL, &error), SHOAL_ERR_TYPE, "numbers");
    must(shoal_overlap(engine, sets, 3, matrix, &error), "overlap");
    for (int i = 0; i < 9; i++)
        TELL("%llu ", (unsigned long long)matrix[i]);
    expect("5 3 1 3 6 0 1 0 2 ");
    must(shoal_waterfall(engine, where, tell_clause, NULL, &error), "waterfall");
    expect("did(cart) 5 5 5 2; city = 'Lisbon' 6 3 2 2; age >= 22 8 2 1 1; ");
    must(shoal_why(engine, "u-0", where, &matches, tell_reason, NULL, &error), "why");
    TELL("%s", matches ? "in" : "out");
    expect("0 no and []; 1 no age >= 22 [20]; 1 yes city = 'Lisbon' [Lisbon]; 1 yes did(cart) [1]; out");
    refuse(shoal_why(engine, "nobody", where, NULL, tell_reason, NULL, &error), SHOAL_ERR_NOT_FOUND, "nobody");
    must(shoal_lookalike(engine, "did(purchase)", 2, "age = 22", tell_id, NULL, &error), "lookalike");
    expect("u-6 u-1 ");
}

static void ask_for_segments_and_scores(struct shoal *engine) {
    uint64_t version = 0;
    uint64_t count = 0;
    must(shoal_segment_put(engine, "buyers", "did(purchase)", &version, &error), "segment");
    must(shoal_segment_put(engine, "Lisbon's", "in_segment('buyers') and city = 'Lisbon'", NULL, &error), "segment");
    must(shoal_count(engine, "in_segment('Lisbon''s')", &count, &error), "count");
    must(shoal_segments_of(engine, "u-4", tell_id, NULL, &error), "segments of a user");
    TELL("%llu %llu", (unsigned long long)version, (unsigned long long)count);
    expect("Lisbon's buyers 1 2");
    refuse(shoal_segment_remove(engine, "buyers", &error), SHOAL_ERR_CONFLICT, "it is used");
    must(shoal_segment_remove(engine, "Lisbon's", &error), "segment remove");

    const struct shoal_rfm_plan plan = {.event = "purchase", .days = SHOAL_RFM_ALL_TIME, .scores = 3};
    must(shoal_rfm_put(engine, &plan, &error), "rfm put");
    must(shoal_rfm_refresh(engine, &error), "rfm refresh");
    must(shoal_rfm(engine, NULL, SHOAL_RFM_LIFECYCLE, tell_group, NULL, &error), "rfm");
    expect("active 1 82.50; cooling 2 40.00; ");
    must(shoal_rfm(engine, "city = '成都'", SHOAL_RFM_NAMES, tell_group, NULL, &error), "rfm");
    expect("Champions 1 82.50; ");
    must(shoal_rfm(engine, NULL, SHOAL_RFM_SEGMENTS, tell_group, NULL, &error), "rfm");
    expect("重要价值 1 82.50; 重要挽留 1 40.00; 一般挽留 1 0.00; ");
    must(shoal_count(engine, "rfm.segment = '重要价值' and value.amount > 82", &count, &error), "count");
    TELL("%llu", (unsigned long long)count);
    expect("1");
}

int main(void) {
    struct shoal *engine = NULL;
    must(shoal_open(NULL, &engine, &error), "open");
    shoal_set_now(engine, day_1_ms + 35 * day_ms);
    fill(engine);
    ask_what_they_do(engine);
    ask_what_they_are_like(engine);
    ask_for_segments_and_scores(engine);
    shoal_close(engine);
    (void)puts("embedded: all questions answered as expected");
    return 0;
}
