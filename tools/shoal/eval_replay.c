/* eval_replay.c -- `shoal eval replay`: a file of events in order of time, each foreseen before it is learned.
 *
 *   event --> where does its item stand in the user's feed at that moment? --> event.append --> the next
 *
 * Through the code that serves, in an engine of its own: test, then learn. Events of users who did nothing before teach,
 * and are not asked about; with --targets neither are those of other types. A line a day of the file shows how feeds get
 * better as the shop is known. What has learned from each event as it came, without any table trained in batch, is held
 * against batches, on the last tenth of the events:
 *
 *   frozen            learned all before the last tenth at once, and nothing of it
 *   ials, ease, ...   a table trained of all before the last tenth ranks alone; the user's own events up to the moment count
 *   tables            all these tables together, each at weight 1
 *
 * `online share` is the online NDCG over that of the best batch. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "bounds.h"
#include "command.h"
#include "eval_config.h"
#include "eval_engine.h"
#include "memory.h"

enum { K_DEFAULT = 20, DAY_MS = 86400000, LAST_PART = 10 };

struct replay_sums {
    uint64_t asked;
    uint64_t hits;
    double reciprocals;
    double gains;
    int64_t value_asked; /* in hundredths */
    int64_t value_hit;
};

static const char *const table_names[] = {"ials", "ease", "knn", "rp3"};
enum { TABLE_COUNT = sizeof table_names / sizeof *table_names, FROZEN = TABLE_COUNT + 1, BATCH_COUNT = FROZEN + 1 };
static const char *const batch_names[BATCH_COUNT] = {"ials", "ease", "knn", "rp3", "tables", "frozen"};

struct replay_day {
    int64_t day;
    uint64_t events;
    struct replay_sums sums;
};

struct replay {
    struct eval_engine eval;
    struct goods goods;
    struct clicks events;      /* in order of time */
    const char *weights;       /* of event types; NULL: as usual */
    struct eval_config config; /* weights of the online score */
    bool *is_target;           /* by type, one more for events without; NULL: all are */
    bool has_table[TABLE_COUNT];
    uint32_t k;
    uint8_t *is_known; /* by user: did something before */
    struct replay_day *days;
    uint32_t day_count;
    uint32_t day_capacity;
    struct replay_sums all;
    struct replay_sums last_online;
    struct replay_sums last_batch[BATCH_COUNT];
};

static const char *user_of(const struct replay *replay, const struct click *event) {
    return replay->events.sessions.texts[event->session];
}

static void ask_for(struct replay *replay, const struct click *event, const struct eval_scores *scores) {
    struct shoal_client_writer *params = replay->eval.params;
    const bool has_store = replay->goods.stores.count > 0 && event->store != CLICK_NONE;
    eval_begin(&replay->eval, 5 + (uint32_t)has_store + (scores != NULL));
    write_key_text(params, "user", user_of(replay, event));
    write_key_text(params, "explain", "none");
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, replay->k);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, event->time_ms);
    shoal_client_write_literal(params, "seed");
    shoal_client_write_integer(params, event->row);
    if (has_store) write_key_text(params, "store", replay->goods.stores.texts[event->store]);
    if (scores == NULL) return;
    shoal_client_write_literal(params, "scores");
    eval_write_scores(&replay->eval, scores);
}

/* scores (may be NULL) stand in place of those in force. */
static bool foresee(struct replay *replay, const struct click *event, const struct eval_scores *scores,
                    struct replay_sums *sums) {
    struct shoal_client_value result;
    struct shoal_client_value item;
    ask_for(replay, event, scores);
    if (!eval_call(&replay->eval, "feed.get", &result)) return false;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "items"));
    sums->asked++;
    sums->value_asked += event->value;
    for (uint32_t place = 1; shoal_client_walk_next(&walk, NULL, &item); place++) {
        if (!shoal_client_text_is(shoal_client_get(item, "id"), replay->goods.items.texts[event->item])) continue;
        sums->hits++;
        sums->reciprocals += 1.0 / place;
        sums->gains += 1.0 / log2(1.0 + place);
        sums->value_hit += event->value;
        break;
    }
    return true;
}

/* Somebody's event of a kind that is to be foreseen. */
static bool is_asked(const struct replay *replay, const struct click *event) {
    if (!replay->is_known[event->session]) return false;
    const uint32_t type = event->type == CLICK_NONE ? replay->goods.types.count : event->type;
    return replay->is_target == NULL || replay->is_target[type];
}

static void add_sums(struct replay_sums *sums, const struct replay_sums *more) {
    sums->asked += more->asked;
    sums->hits += more->hits;
    sums->reciprocals += more->reciprocals;
    sums->gains += more->gains;
    sums->value_asked += more->value_asked;
    sums->value_hit += more->value_hit;
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

static uint32_t last_tenth(const struct replay *replay) {
    return replay->events.count - replay->events.count / LAST_PART;
}

static bool begin(struct replay *replay) {
    eval_close(&replay->eval);
    for (uint32_t i = 0; i < replay->events.sessions.count; i++)
        replay->is_known[i] = 0;
    return eval_open(&replay->eval) && eval_put_shop(&replay->eval, &replay->goods, "click", replay->weights) &&
           eval_config_put(&replay->eval, &replay->config);
}

static bool replay_online(struct replay *replay) {
    if (!begin(replay)) return false;
    for (uint32_t i = 0; i < replay->events.count; i++) {
        const struct click *event = &replay->events.clicks[i];
        struct replay_day *day = day_of(replay, event->time_ms);
        struct replay_sums sums = {0};
        if (day == NULL) return false;
        shoal_set_now(replay->eval.engine, event->time_ms);
        if (is_asked(replay, event) && !foresee(replay, event, NULL, &sums)) return false;
        replay->is_known[event->session] = 1;
        day->events++;
        add_sums(&day->sums, &sums);
        add_sums(&replay->all, &sums);
        if (i >= last_tenth(replay)) add_sums(&replay->last_online, &sums);
        if (!eval_learn_some(&replay->eval, &replay->events, i, 1)) return false;
    }
    return true;
}

/* All before the last tenth, at once. */
static bool learn_before(struct replay *replay) {
    if (!begin(replay) || !eval_learn_some(&replay->eval, &replay->events, 0, last_tenth(replay))) return false;
    for (uint32_t i = 0; i < last_tenth(replay); i++)
        replay->is_known[replay->events.clicks[i].session] = 1;
    return true;
}

static bool replay_frozen(struct replay *replay) {
    if (!learn_before(replay)) return false;
    for (uint32_t i = last_tenth(replay); i < replay->events.count; i++) {
        const struct click *event = &replay->events.clicks[i];
        if (is_asked(replay, event) && !foresee(replay, event, NULL, &replay->last_batch[FROZEN])) return false;
        replay->is_known[event->session] = 1;
    }
    return true;
}

/* A shop may be too large for a method: then there is none of it. */
static bool train(struct replay *replay) {
    for (uint32_t table = 0; table < TABLE_COUNT; table++) {
        struct shoal_client_value answer;
        struct shoal_client_value model;
        eval_begin(&replay->eval, 1);
        write_key_text(replay->eval.params, "name", table_names[table]);
        if (!eval_call(&replay->eval, "model.train", NULL)) return false;
        eval_begin(&replay->eval, 0);
        if (!eval_call(&replay->eval, "model.list", &answer)) return false;
        struct shoal_client_walk models = shoal_client_walk_begin(shoal_client_get(answer, "models"));
        while (shoal_client_walk_next(&models, NULL, &model))
            if (shoal_client_text_is(shoal_client_get(model, "name"), table_names[table]))
                replay->has_table[table] =
                    shoal_client_integer(shoal_client_get(shoal_client_get(model, "table"), "items"), 0) > 0;
    }
    return true;
}

static bool ask_tables(struct replay *replay, const struct click *event) {
    static const char *const names[] = {"ials",    "ease",    "knn",   "rp3",  "affinity", "popularity",
                                        "recency", "session", "pairs", "walk", "due",      "trend"};
    for (uint32_t batch = 0; batch < FROZEN; batch++) {
        double weights[sizeof names / sizeof *names] = {0};
        const struct eval_scores scores = {names, weights, sizeof names / sizeof *names};
        for (uint32_t table = 0; table < TABLE_COUNT; table++)
            weights[table] = (batch == table || batch == TABLE_COUNT) && replay->has_table[table] ? 1 : 0;
        if (batch < TABLE_COUNT && !replay->has_table[batch]) continue;
        if (!foresee(replay, event, &scores, &replay->last_batch[batch])) return false;
    }
    return true;
}

static bool replay_tables(struct replay *replay) {
    if (!learn_before(replay) || !train(replay)) return false;
    for (uint32_t i = last_tenth(replay); i < replay->events.count; i++) {
        const struct click *event = &replay->events.clicks[i];
        shoal_set_now(replay->eval.engine, event->time_ms);
        if (is_asked(replay, event) && !ask_tables(replay, event)) return false;
        replay->is_known[event->session] = 1;
        if (!eval_learn_some(&replay->eval, &replay->events, i, 1)) return false;
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

static double value_share(const struct replay_sums *sums) {
    return sums->value_asked == 0 ? 0 : (double)sums->value_hit / (double)sums->value_asked;
}

static double ndcg_of(const struct replay_sums *sums) {
    return share(sums->gains, sums->asked);
}

static void json_sums(const struct replay *replay, const char *name, const struct replay_sums *sums) {
    const unsigned k = replay->k;
    (void)printf("\"%s\":{\"predictions\":%llu,\"HR@%u\":%.4f,\"MRR@%u\":%.4f,\"NDCG@%u\":%.4f", name,
                 (unsigned long long)sums->asked, k, share((double)sums->hits, sums->asked), k,
                 share(sums->reciprocals, sums->asked), k, ndcg_of(sums));
    if (replay->events.has_values) (void)printf(",\"value@%u\":%.4f", k, value_share(sums));
    (void)putchar('}');
}

static uint32_t best_batch(const struct replay *replay) {
    uint32_t best = FROZEN;
    for (uint32_t i = 0; i < FROZEN; i++)
        if (ndcg_of(&replay->last_batch[i]) > ndcg_of(&replay->last_batch[best])) best = i;
    return best;
}

static double online_share(const struct replay *replay) {
    const double batch = ndcg_of(&replay->last_batch[best_batch(replay)]);
    return batch > 0 ? ndcg_of(&replay->last_online) / batch : 0;
}

static void report_json(const struct replay *replay) {
    (void)fputs("{\"days\":[", stdout);
    for (uint32_t i = 0; i < replay->day_count; i++) {
        char date[16];
        day_text(replay->days[i].day, date);
        (void)printf("%s{\"day\":\"%s\",\"events\":%llu,", i == 0 ? "" : ",", date,
                     (unsigned long long)replay->days[i].events);
        json_sums(replay, "sums", &replay->days[i].sums);
        (void)putchar('}');
    }
    (void)fputs("],", stdout);
    json_sums(replay, "all", &replay->all);
    (void)putchar(',');
    json_sums(replay, "last_tenth", &replay->last_online);
    (void)fputs(",\"batch\":{", stdout);
    for (uint32_t i = BATCH_COUNT; i-- > 0;) {
        if (i < TABLE_COUNT && !replay->has_table[i]) continue;
        json_sums(replay, batch_names[i], &replay->last_batch[i]);
        if (i > 0) (void)putchar(',');
    }
    (void)printf("},\"best_batch\":\"%s\",\"online_share\":%.4f}\n", batch_names[best_batch(replay)],
                 online_share(replay));
}

static void add_line(struct output_table *table, const struct replay *replay, const char *name, uint64_t events,
                     const struct replay_sums *sums) {
    const double numbers[] = {share((double)sums->hits, sums->asked), share(sums->reciprocals, sums->asked),
                              ndcg_of(sums), value_share(sums)};
    char cell[40];
    output_add(table, name);
    (void)snprintf(cell, sizeof cell, "%llu", (unsigned long long)events);
    output_add(table, cell);
    (void)snprintf(cell, sizeof cell, "%llu", (unsigned long long)sums->asked);
    output_add(table, cell);
    for (uint32_t i = 0; i < (replay->events.has_values ? 4u : 3u); i++) {
        (void)snprintf(cell, sizeof cell, "%.4f", numbers[i]);
        output_add(table, cell);
    }
    output_add_bar(table, numbers[0]);
}

static void report(const struct session *session, const struct replay *replay) {
    static const char *const names[] = {"HR", "MRR", "NDCG", "value"};
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
    for (uint32_t i = 0; i < (replay->events.has_values ? 4u : 3u); i++) {
        (void)snprintf(text, sizeof text, "%s@%u", names[i], replay->k);
        output_column(table, text, true);
    }
    output_column_bar(table);
    for (uint32_t i = 0; i < replay->day_count; i++) {
        day_text(replay->days[i].day, text);
        add_line(table, replay, text, replay->days[i].events, &replay->days[i].sums);
    }
    add_line(table, replay, "all", replay->events.count, &replay->all);
    add_line(table, replay, "last tenth", last, &replay->last_online);
    for (uint32_t i = BATCH_COUNT; i-- > 0;) {
        (void)snprintf(text, sizeof text, "... by %s", batch_names[i]);
        if (i >= TABLE_COUNT || replay->has_table[i]) add_line(table, replay, text, last, &replay->last_batch[i]);
    }
    output_table_finish(table);
    if (session->format == OUTPUT_TABLE)
        (void)printf("learning one by one, the last tenth's NDCG is %.1f %% of the best batch, %s\n",
                     100 * online_share(replay), batch_names[best_batch(replay)]);
}

/* ---- the command ---- */

static bool choose_targets(struct replay *replay, const char *words) {
    char *name;
    bool is_well = true;
    if (words == NULL) return true;
    replay->is_target = calloc(replay->goods.types.count + (size_t)1, sizeof *replay->is_target);
    if (replay->is_target == NULL) (void)fputs("shoal: memory is out\n", stderr);
    while (is_well && replay->is_target != NULL && next_name(&words, &name)) {
        uint32_t type;
        is_well = names_find(&replay->goods.types, sh_text_of(name), &type);
        if (is_well) replay->is_target[type] = true;
        if (!is_well) (void)fprintf(stderr, "shoal: no event is of the type `%s` of --targets\n", name);
        free(name);
    }
    return is_well && replay->is_target != NULL;
}

static bool prepare(struct replay *replay, const struct command_options *options) {
    if (!eval_read(options->events, options, "user,item,time", &replay->goods, &replay->events) ||
        !eval_read_items(options, &replay->goods) || !choose_targets(replay, options->targets))
        return false;
    if (options->config != NULL && !eval_config_read(options->config, &replay->config)) return false;
    qsort(replay->events.clicks, replay->events.count, sizeof *replay->events.clicks, clicks_by_time);
    replay->is_known = calloc(replay->events.sessions.count + (size_t)1, 1);
    if (replay->is_known == NULL) (void)fputs("shoal: memory is out\n", stderr);
    return replay->is_known != NULL;
}

int run_eval_replay(struct session *session, const struct command_options *options) {
    struct replay replay = {.k = K_DEFAULT, .weights = options->weights};
    char *end = NULL;
    if (options->count != NULL) replay.k = (uint32_t)strtoul(options->count, &end, 10);
    if (options->events == NULL || replay.k < 1 || replay.k > SH_FEED_COUNT_MAX || (end != NULL && *end != '\0')) {
        (void)fputs(
            "usage: shoal eval replay --events FILE [--count K] [--columns user,item,time,type=NAME,value=NAME,\n"
            "         store=NAME,category=NAME,tags=NAME] [--min COLUMN=N] [--types view,cart] [--targets cart]\n"
            "         [--weights view=1,cart=3] [--items FILE --item-columns id,tags=NAME] [--config FILE]\n",
            stderr);
        return 2;
    }
    const bool done =
        prepare(&replay, options) && replay_online(&replay) && replay_frozen(&replay) && replay_tables(&replay);
    if (done) report(session, &replay);
    eval_close(&replay.eval);
    clicks_free(&replay.events);
    goods_free(&replay.goods);
    eval_config_free(&replay.config);
    sh_free(replay.days);
    free(replay.is_known);
    free(replay.is_target);
    return done ? 0 : 1;
}
