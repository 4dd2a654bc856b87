/* embedded_app.c -- a program of somebody else: it knows shoal/shoal.h and what pkg-config says, nothing more.
 *
 * install_test.cmake builds it against an installed tree and runs it; it says what it finds and fails if that is wrong.
 */
#include <shoal/shoal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct shoal_error error;

static void must(int code, const char *what) {
    if (code == SHOAL_OK) return;
    (void)fprintf(stderr, "%s: %d %s: %s (%s)\n", what, code, error.status, error.message, error.hint);
    exit(1);
}

static void expect(bool condition, const char *what) {
    if (condition) return;
    (void)fprintf(stderr, "wrong: %s\n", what);
    exit(1);
}

struct names {
    char text[4096];
    size_t limit;
    size_t count;
};

static bool collect(void *context, const char *id, size_t id_count) {
    struct names *names = context;
    (void)snprintf(names->text + strlen(names->text), sizeof names->text - strlen(names->text), "%.*s ", (int)id_count,
                   id);
    return ++names->count < names->limit;
}

static bool collect_item(void *context, const struct shoal_feed_item *item) {
    struct names *names = context;
    expect(item->score > 0, "a score above 0");
    (void)snprintf(names->text + strlen(names->text), sizeof names->text - strlen(names->text), "%.*s(%.*s %.*s) ",
                   (int)item->id_count, item->id, (int)item->reason_count, item->reason, (int)item->reason_name_count,
                   item->reason_name);
    return true;
}

static void define(struct shoal *engine) {
    static const char *const tiers[] = {"silver", "gold"};
    static const struct shoal_attribute age = {"age", SHOAL_INT, 0, NULL, 0};
    static const struct shoal_attribute tier = {"tier", SHOAL_ENUM, 0, tiers, 2};
    static const struct shoal_attribute store = {"store", SHOAL_STRING, 0, NULL, 0};
    static const struct shoal_attribute money = {.name = "money", .type = SHOAL_DECIMAL};
    static const struct shoal_attribute coins = {.name = "coins", .type = SHOAL_DECIMAL, .scale = SHOAL_SCALE_WHOLE};
    must(shoal_define(engine, SHOAL_USERS, &age, &error), "define age");
    must(shoal_define(engine, SHOAL_USERS, &money, &error), "define money");
    must(shoal_define(engine, SHOAL_USERS, &coins, &error), "define coins");
    must(shoal_define(engine, SHOAL_USERS, &tier, &error), "define tier");
    must(shoal_define_tags(engine, SHOAL_USERS, "interests", &error), "define interests");
    must(shoal_define_tags(engine, SHOAL_ITEMS, "kinds", &error), "define kinds");
    must(shoal_define_event(engine, "purchase", 2, &store, 1, &error), "define purchase");
}

static void fill(struct shoal *engine) {
    static const char *const tags[] = {"tea", "running"};
    struct shoal_row *row = shoal_row_create();
    for (int i = 0; i < 100; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "u-%02d", i);
        shoal_row_clear(row);
        shoal_row_integer(row, "age", i);
        shoal_row_text(row, "tier", i % 2 == 0 ? "silver" : "gold");
        shoal_row_tags(row, "interests", tags, (size_t)(i % 3));
        must(shoal_put(engine, SHOAL_USERS, id, row, &error), "put a user");
    }
    shoal_row_clear(row);
    shoal_row_tags(row, "kinds", tags, 1);
    must(shoal_put(engine, SHOAL_ITEMS, "teapot", row, &error), "put an item");
    must(shoal_put(engine, SHOAL_ITEMS, "shoes", NULL, &error), "put an item");
    shoal_row_clear(row);
    shoal_row_text(row, "money", "12.50");
    shoal_row_text(row, "coins", "12");
    must(shoal_put(engine, SHOAL_USERS, "u-00", row, &error), "put a decimal of the usual scale and a whole one");
    shoal_row_text(row, "coins", "12.5");
    expect(shoal_put(engine, SHOAL_USERS, "u-00", row, &error) == SHOAL_ERR_ARGUMENT, "12.5 coins are refused");
    shoal_row_clear(row);
    shoal_row_text(row, "agee", "x");
    expect(shoal_put(engine, SHOAL_USERS, "u-00", row, &error) == SHOAL_ERR_NAME, "an unknown field is refused");
    expect(strcmp(error.hint, "did you mean `age`?") == 0, "the nearest name");
    shoal_row_clear(row);
    shoal_row_text(row, "store", "north");
    const struct shoal_event event = {.type = "purchase",
                                      .user = "u-05",
                                      .time_ms = 1759990000000,
                                      .item = "teapot",
                                      .amount = "12.50",
                                      .id = "order-1"};
    bool duplicate = true;
    must(shoal_append(engine, &event, row, &duplicate, &error), "append");
    expect(!duplicate, "the first time");
    must(shoal_append(engine, &event, row, &duplicate, &error), "append again");
    expect(duplicate, "the second time");
    shoal_row_destroy(row);
}

static void ask(struct shoal *engine) {
    uint64_t count = 0;
    must(shoal_count(engine, "tier >= 'gold' and age < 10", &count, &error), "count");
    expect(count == 5, "five of them");
    must(shoal_count(engine, "sum(purchase.amount where store = 'north', last 30 days) >= 12.5", &count, &error),
         "count");
    expect(count == 1, "one bought");
    expect(shoal_count(engine, "age > ", &count, &error) == SHOAL_ERR_SYNTAX && error.position == 6, "a position");

    struct names names = {.limit = 3};
    const struct shoal_list_options by_age = {.limit = 0, .order = "age", .descending = true};
    must(shoal_list(engine, "tier = 'gold'", &by_age, collect, &names, &count, &error), "list");
    expect(count == 50 && strcmp(names.text, "u-99 u-97 u-95 ") == 0, "the three oldest");
    names = (struct names){.limit = 1000};
    must(shoal_list(engine, "", NULL, collect, &names, &count, &error), "list all");
    expect(names.count == 100, "all of them");
    struct names few = {.limit = 1000};
    struct names more = {.limit = 1000};
    must(shoal_sample(engine, "", 3, "spring", collect, &few, &error), "sample");
    must(shoal_sample(engine, "", 6, "spring", collect, &more, &error), "sample");
    expect(few.count == 3 && strncmp(few.text, more.text, strlen(few.text)) == 0, "a nested sample");

    const char *text = NULL;
    must(shoal_explain(engine, "tier = 'gold' and age < 10", true, &text, &error), "explain");
    (void)printf("%s", text);
    names = (struct names){.limit = 10};
    must(shoal_feed(engine, "u-04", 2, NULL, collect_item, &names, &error), "feed");
    (void)printf("feed of u-04: %s\n", names.text);
    expect(names.text[0] != '\0', "a feed");
    must(shoal_unlist(engine, "shoes", &error), "unlist");
    must(shoal_merge(engine, "device-5", "u-05", &error), "merge");
    must(shoal_put(engine, SHOAL_USERS, "device-5", NULL, &error), "put by another name");
    must(shoal_forget(engine, "device-5", &error), "forget");
    expect(shoal_forget(engine, "u-05", &error) == SHOAL_ERR_NOT_FOUND, "forgotten already");

    const void *answer = NULL;
    size_t answer_count = 0;
    must(shoal_call(engine, "stats", NULL, 0, &answer, &answer_count, &error), "stats");
    expect(answer_count > 10 && *(const unsigned char *)answer == 0x82, "a map of workspace and took_us");
    expect(shoal_call(engine, "statz", NULL, 0, NULL, NULL, &error) == SHOAL_ERR_NAME, "an unknown method");
}

int main(void) {
    struct shoal *engine = NULL;
    must(shoal_open(NULL, &engine, &error), "open");
    shoal_set_now(engine, 1760000000000);
    define(engine);
    fill(engine);
    ask(engine);
    shoal_close(engine);
    const struct shoal_options nowhere = {.zone = "Mars/Olympus"};
    expect(shoal_open(&nowhere, &engine, &error) == SHOAL_ERR_NAME && engine == NULL, "a zone that does not exist");
    (void)puts("embedded: all as expected");
    return 0;
}
