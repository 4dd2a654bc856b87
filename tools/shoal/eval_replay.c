/* eval_replay.c -- `shoal eval replay`: a file of events in order of time, each foreseen before it is learned.
 *
 *   event --> where does its item stand in the user's feed at that moment? --> event.append --> the next
 *
 * Through the code that serves, in an engine of its own: test, then learn. Events of users who did nothing before teach,
 * and are not asked about. A line a day of the file shows how feeds get better as the shop is known; the last tenth of the
 * events is also foreseen by an engine that learned all before it at once and nothing of it, so that `online share` says
 * what learning one by one costs, or gains. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "bounds.h"
#include "command.h"
#include "eval_engine.h"
#include "memory.h"

enum { K_DEFAULT = 20, DAY_MS = 86400000, LAST_PART = 10 };

struct replay_sums {
    uint64_t asked;
    uint64_t hits;
    double reciprocals;
    double gains;
};

struct replay_day {
    int64_t day;
    uint64_t events;
    struct replay_sums sums;
};

struct replay {
    struct eval_engine eval;
    struct names items;
    struct clicks events; /* in order of time */
    uint32_t k;
    uint8_t *is_known; /* by user: did something before */
    struct replay_day *days;
    uint32_t day_count;
    uint32_t day_capacity;
    struct replay_sums all;
    struct replay_sums last_online;
    struct replay_sums last_batch;
};

static const char *user_of(const struct replay *replay, const struct click *event) {
    return replay->events.sessions.texts[event->session];
}

static bool foresee(struct replay *replay, const struct click *event, struct replay_sums *sums) {
    struct shoal_client_writer *params = replay->eval.params;
    struct shoal_client_value result;
    struct shoal_client_value item;
    eval_begin(&replay->eval, 4);
    write_key_text(params, "user", user_of(replay, event));
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, replay->k);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, event->time_ms);
    shoal_client_write_literal(params, "seed");
    shoal_client_write_integer(params, event->row);
    if (!eval_call(&replay->eval, "feed.get", &result)) return false;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "items"));
    sums->asked++;
    for (uint32_t place = 1; shoal_client_walk_next(&walk, NULL, &item); place++) {
        if (!shoal_client_text_is(shoal_client_get(item, "id"), replay->items.texts[event->item])) continue;
        sums->hits++;
        sums->reciprocals += 1.0 / place;
        sums->gains += 1.0 / log2(1.0 + place);
        break;
    }
    return true;
}

static void add_sums(struct replay_sums *sums, const struct replay_sums *more) {
    sums->asked += more->asked;
    sums->hits += more->hits;
    sums->reciprocals += more->reciprocals;
    sums->gains += more->gains;
}

static struct replay_day *day_of(struct replay *replay, int64_t time_ms) {
    const int64_t day = (time_ms - (time_ms % DAY_MS + DAY_MS) % DAY_MS) / DAY_MS;
    if (replay->day_count > 0 && replay->days[replay->day_count - 1].day == day)
        return &replay->days[replay->day_count - 1];
    if (sh_grow((void **)&replay->days, &replay->day_capacity, (uint64_t)replay->day_count + 1, sizeof *replay->days) !=
        SH_OK)
        return NULL;
    replay->days[replay->day_count] = (struct replay_day){.day = day};
    return &replay->days[replay->day_count++];
}

static int by_time(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static bool learn_some(struct replay *replay, uint32_t first, uint32_t count) {
    struct clicks some = replay->events;
    some.clicks = replay->events.clicks + first;
    some.count = count;
    return eval_learn(&replay->eval, "click", &replay->items, &some);
}

static bool begin(struct replay *replay) {
    /* Some feeds show again what was looked at, and what comes next is often that. */
    return eval_open(&replay->eval) && eval_put_schema(&replay->eval, "click", NULL, NULL, 0) &&
           eval_put_items(&replay->eval, &replay->items);
}

static bool replay_online(struct replay *replay) {
    const uint32_t last = replay->events.count - replay->events.count / LAST_PART;
    if (!begin(replay)) return false;
    for (uint32_t i = 0; i < replay->events.count; i++) {
        const struct click *event = &replay->events.clicks[i];
        struct replay_day *day = day_of(replay, event->time_ms);
        struct replay_sums sums = {0};
        if (day == NULL) return false;
        shoal_set_now(replay->eval.engine, event->time_ms);
        if (replay->is_known[event->session] && !foresee(replay, event, &sums)) return false;
        replay->is_known[event->session] = 1;
        day->events++;
        add_sums(&day->sums, &sums);
        add_sums(&replay->all, &sums);
        if (i >= last) add_sums(&replay->last_online, &sums);
        if (!learn_some(replay, i, 1)) return false;
    }
    return true;
}

static bool replay_batch(struct replay *replay) {
    const uint32_t last = replay->events.count - replay->events.count / LAST_PART;
    eval_close(&replay->eval);
    if (!begin(replay) || !learn_some(replay, 0, last)) return false;
    for (uint32_t i = 0; i < replay->events.sessions.count; i++)
        replay->is_known[i] = 0;
    for (uint32_t i = 0; i < replay->events.count; i++) {
        const struct click *event = &replay->events.clicks[i];
        if (i >= last && replay->is_known[event->session] && !foresee(replay, event, &replay->last_batch)) return false;
        replay->is_known[event->session] = 1;
    }
    return true;
}

/* ---- the report ---- */

static double share(double sum, uint64_t count) {
    return count == 0 ? 0 : sum / (double)count;
}

static void day_text(int64_t day, char text[16]) {
    const time_t seconds = (time_t)(day * 86400);
    struct tm date;
    (void)gmtime_r(&seconds, &date);
    (void)strftime(text, 16, "%Y-%m-%d", &date);
}

static void json_sums(const char *name, const struct replay_sums *sums, uint32_t k) {
    (void)printf("\"%s\":{\"predictions\":%llu,\"HR@%u\":%.4f,\"MRR@%u\":%.4f,\"NDCG@%u\":%.4f}", name,
                 (unsigned long long)sums->asked, k, share((double)sums->hits, sums->asked), k,
                 share(sums->reciprocals, sums->asked), k, share(sums->gains, sums->asked));
}

static double online_share(const struct replay *replay) {
    const double batch = share(replay->last_batch.gains, replay->last_batch.asked);
    return batch > 0 ? share(replay->last_online.gains, replay->last_online.asked) / batch : 0;
}

static void report_json(const struct replay *replay) {
    (void)fputs("{\"days\":[", stdout);
    for (uint32_t i = 0; i < replay->day_count; i++) {
        char date[16];
        day_text(replay->days[i].day, date);
        (void)printf("%s{\"day\":\"%s\",\"events\":%llu,", i == 0 ? "" : ",", date,
                     (unsigned long long)replay->days[i].events);
        json_sums("sums", &replay->days[i].sums, replay->k);
        (void)putchar('}');
    }
    (void)fputs("],", stdout);
    json_sums("all", &replay->all, replay->k);
    (void)putchar(',');
    json_sums("last_tenth", &replay->last_online, replay->k);
    (void)putchar(',');
    json_sums("last_tenth_batch", &replay->last_batch, replay->k);
    (void)printf(",\"online_share\":%.4f}\n", online_share(replay));
}

static void add_line(struct output_table *table, const char *name, uint64_t events, const struct replay_sums *sums) {
    const double numbers[] = {share((double)sums->hits, sums->asked), share(sums->reciprocals, sums->asked),
                              share(sums->gains, sums->asked)};
    char cell[40];
    output_add(table, name);
    (void)snprintf(cell, sizeof cell, "%llu", (unsigned long long)events);
    output_add(table, cell);
    (void)snprintf(cell, sizeof cell, "%llu", (unsigned long long)sums->asked);
    output_add(table, cell);
    for (uint32_t i = 0; i < 3; i++) {
        (void)snprintf(cell, sizeof cell, "%.4f", numbers[i]);
        output_add(table, cell);
    }
    output_add_bar(table, numbers[0]);
}

static void report(const struct session *session, const struct replay *replay) {
    static const char *const names[] = {"HR", "MRR", "NDCG"};
    const uint64_t last = replay->events.count / LAST_PART;
    char text[40];
    if (session->format == OUTPUT_JSON) {
        report_json(replay);
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "day", false);
    output_column(table, "events", true);
    output_column(table, "asked", true);
    for (uint32_t i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof text, "%s@%u", names[i], replay->k);
        output_column(table, text, true);
    }
    output_column_bar(table);
    for (uint32_t i = 0; i < replay->day_count; i++) {
        day_text(replay->days[i].day, text);
        add_line(table, text, replay->days[i].events, &replay->days[i].sums);
    }
    add_line(table, "all", replay->events.count, &replay->all);
    add_line(table, "last tenth", last, &replay->last_online);
    add_line(table, "... in batch", last, &replay->last_batch);
    output_table_finish(table);
    if (session->format == OUTPUT_TABLE)
        (void)printf("learning one by one, the last tenth's NDCG is %.1f %% of learning all before it at once\n",
                     100 * online_share(replay));
}

int run_eval_replay(struct session *session, const struct command_options *options) {
    struct replay replay = {.k = K_DEFAULT};
    struct sh_error err;
    char *end = NULL;
    if (options->count != NULL) replay.k = (uint32_t)strtoul(options->count, &end, 10);
    if (options->events == NULL || replay.k < 1 || replay.k > SH_FEED_COUNT_MAX || (end != NULL && *end != '\0')) {
        (void)fputs("usage: shoal eval replay --events FILE [--count K] [--columns user,item,time] [--min COLUMN=N]\n",
                    stderr);
        return 2;
    }
    const char *columns = options->columns != NULL ? options->columns : "user,item,time";
    const enum sh_status status =
        clicks_read(options->events, columns, options->min, &replay.items, &replay.events, &err);
    if (status != SH_OK) (void)fprintf(stderr, "shoal: %s\n", err.message);
    bool done = status == SH_OK && replay.events.count > 0;
    if (status == SH_OK && !done) (void)fprintf(stderr, "shoal: %s has no events\n", options->events);
    if (done) {
        qsort(replay.events.clicks, replay.events.count, sizeof *replay.events.clicks, by_time);
        replay.is_known = calloc(replay.events.sessions.count + (size_t)1, 1);
        done = replay.is_known != NULL && replay_online(&replay) && replay_batch(&replay);
    }
    if (done) report(session, &replay);
    eval_close(&replay.eval);
    clicks_free(&replay.events);
    names_free(&replay.items);
    sh_free(replay.days);
    free(replay.is_known);
    return done ? 0 : 1;
}
