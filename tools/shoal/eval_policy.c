/* eval_policy.c -- `shoal eval policy`: what another policy would have earned, from a log with propensities.
 *
 * The log is a file of shown items with a head line (`shoal impressions` writes one): the columns click, propensity and
 * target are needed, rec_id, predicted and target_predicted are used where they are; --columns gives them other names:
 * "reward=purchase,target=p_new". With --scene or --filter the target is asked of a server, policy_target.h, and the
 * columns user, id, place and time (in ms) are needed instead. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "command.h"
#include "csv.h"
#include "estimators.h"
#include "hash.h"
#include "memory.h"
#include "policy_target.h"

enum { REWARD, PROPENSITY, TARGET, FEED, MODEL, MODEL_TARGET, USER, ITEM, PLACE, TIME, COLUMN_COUNT };
static const char *const column_words[COLUMN_COUNT] = {"reward",           "propensity", "target", "feed",  "predicted",
                                                       "target_predicted", "user",       "item",   "place", "time"};
static const char *const column_defaults[COLUMN_COUNT] = {
    "click", "propensity", "target", "rec_id", "predicted", "target_predicted", "user", "id", "place", "time"};
enum { DRAWS_MAX = 10000 };

struct policy_log {
    const char *path;
    struct sh_text names[COLUMN_COUNT];
    int64_t places[COLUMN_COUNT]; /* -1: the file has no such column */
    struct csv_reader reader;
    struct estimator_row *rows;
    uint32_t count;
    uint32_t capacity;
    bool is_asked; /* the target is asked of a server */
    struct policy_target target;
};

/* "reward=purchase,target=p_new" */
static enum sh_status name_columns(struct policy_log *log, const char *columns, struct sh_error *err) {
    for (uint32_t i = 0; i < COLUMN_COUNT; i++)
        log->names[i] = sh_text_of(column_defaults[i]);
    for (const char *at = columns == NULL ? "" : columns; *at != '\0';) {
        const size_t count = strcspn(at, ",");
        const char *equals = memchr(at, '=', count);
        uint32_t which = 0;
        while (which < COLUMN_COUNT &&
               (equals == NULL ||
                !sh_text_equal(sh_text_of(column_words[which]), (struct sh_text){at, (uint32_t)(equals - at)})))
            which++;
        if (which == COLUMN_COUNT)
            return sh_fail(err, SH_ERR_ARGUMENT, -1,
                           "--columns is like reward=click,propensity=p,target=q; it knows reward, propensity, target, "
                           "feed, predicted, target_predicted, user, item, place, time");
        log->names[which] = (struct sh_text){equals + 1, (uint32_t)(at + count - equals - 1)};
        at += count + (at[count] == ',');
    }
    return SH_OK;
}

static bool is_needed(const struct policy_log *log, uint32_t column) {
    if (column == REWARD || column == PROPENSITY) return true;
    return log->is_asked ? column >= USER : column == TARGET;
}

static enum sh_status find_columns(struct policy_log *log, struct sh_error *err) {
    for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
        log->places[i] = -1;
        for (uint32_t column = 0; column < log->reader.field_count; column++)
            if (sh_text_equal(log->reader.fields[column], log->names[i])) log->places[i] = column;
        if (log->places[i] < 0 && is_needed(log, i))
            return sh_fail(err, SH_ERR_NAME, -1, "%s has no column `%.*s` for the %s; --columns %s=NAME says another",
                           log->path, SH_TEXT_ARGS(log->names[i]), column_words[i], column_words[i]);
    }
    return SH_OK;
}

static enum sh_status fault(const struct policy_log *log, struct sh_error *err, const char *what) {
    return sh_fail(err, SH_ERR_SYNTAX, -1, "%s, line %llu: %s", log->path, (unsigned long long)log->reader.line_number,
                   what);
}

static bool read_number(const struct policy_log *log, uint32_t which, double *number) {
    char digits[64];
    char *end;
    if ((uint64_t)log->places[which] >= log->reader.field_count) return false;
    const struct sh_text text = log->reader.fields[log->places[which]];
    if (text.count == 0 || text.count >= sizeof digits) return false;
    memcpy(digits, text.bytes, text.count);
    digits[text.count] = '\0';
    if (strcmp(digits, "true") == 0 || strcmp(digits, "false") == 0) {
        *number = digits[0] == 't';
        return true;
    }
    *number = strtod(digits, &end);
    return *end == '\0' && isfinite(*number);
}

static enum sh_status take_shown(struct policy_log *log, struct sh_error *err) {
    struct policy_target *target = &log->target;
    struct policy_shown shown;
    double place;
    double time_ms;
    if (!read_number(log, PLACE, &place) || place < 1 || place > SH_FEED_COUNT_MAX || place != floor(place))
        return fault(log, err, "a place is a number from 1");
    if (!read_number(log, TIME, &time_ms) || fabs(time_ms) > 1e15)
        return fault(log, err, "the time is no number of milliseconds");
    for (uint32_t column = USER; column <= ITEM; column++)
        if ((uint64_t)log->places[column] >= log->reader.field_count ||
            log->reader.fields[log->places[column]].count == 0)
            return fault(log, err, "a row needs its user and its item");
    shown = (struct policy_shown){.place = (uint32_t)place, .time_ms = (int64_t)time_ms};
    if (names_number(&target->users, log->reader.fields[log->places[USER]], &shown.user) != SH_OK ||
        names_number(&target->items, log->reader.fields[log->places[ITEM]], &shown.item) != SH_OK ||
        sh_grow((void **)&target->shown, &target->capacity, (uint64_t)log->count + 1, sizeof shown) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the rows of %s", log->path);
    target->shown[log->count] = shown;
    return SH_OK;
}

static enum sh_status take_row(struct policy_log *log, struct sh_error *err) {
    struct estimator_row row = {.feed = log->count};
    if (!read_number(log, REWARD, &row.reward)) return fault(log, err, "the reward is no number");
    if (!read_number(log, PROPENSITY, &row.propensity) || !(row.propensity > 0) || row.propensity > 1)
        return fault(log, err, "a propensity is above 0 and at most 1");
    if (!log->is_asked && (!read_number(log, TARGET, &row.target) || row.target < 0 || row.target > 1))
        return fault(log, err, "the other policy's chance is 0 to 1");
    const bool has_model = log->places[MODEL] >= 0 && log->places[MODEL_TARGET] >= 0;
    if (has_model && !(read_number(log, MODEL, &row.model) && read_number(log, MODEL_TARGET, &row.model_target)))
        return fault(log, err, "a prediction is no number");
    if (log->places[FEED] >= 0 && (uint64_t)log->places[FEED] < log->reader.field_count)
        row.feed = sh_hash_text(log->reader.fields[log->places[FEED]]);
    if (log->is_asked) {
        const enum sh_status status = take_shown(log, err);
        if (status != SH_OK) return status;
    }
    if (sh_grow((void **)&log->rows, &log->capacity, (uint64_t)log->count + 1, sizeof row) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the rows of %s", log->path);
    log->rows[log->count++] = row;
    return SH_OK;
}

static enum sh_status read_rows(struct policy_log *log, struct sh_error *err) {
    bool at_end = false;
    enum sh_status status = csv_next(&log->reader, &at_end, err);
    if (status == SH_OK && at_end) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s is empty", log->path);
    if (status == SH_OK) status = find_columns(log, err);
    while (status == SH_OK) {
        status = csv_next(&log->reader, &at_end, err);
        if (status == SH_OK && at_end) break;
        if (status == SH_OK) status = take_row(log, err);
    }
    if (status == SH_OK && log->count == 0) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s has no rows", log->path);
    return status;
}

static enum sh_status read_log(struct policy_log *log, struct sh_error *err) {
    struct input *input;
    enum sh_status status = input_open(log->path, &input, err);
    if (status != SH_OK) return status;
    csv_init(&log->reader, input, ',');
    status = read_rows(log, err);
    csv_deinit(&log->reader);
    input_close(input);
    return status;
}

/* ---- the report ---- */

static void print_bound(double value) {
    if (isfinite(value))
        (void)printf("%.9g", value);
    else
        (void)fputs("null", stdout); /* one feed has no spread */
}

static void print_json(const struct estimates *estimates, const struct estimate *const *all, const char *const *names) {
    (void)putchar('{');
    for (uint32_t i = 0; i < 4; i++) {
        (void)printf("\"%s\":{\"value\":%.9g,\"low\":", names[i], all[i]->value);
        print_bound(all[i]->low);
        (void)fputs(",\"high\":", stdout);
        print_bound(all[i]->high);
        (void)fputs("},", stdout);
    }
    (void)printf("\"rows\":%llu,\"feeds\":%llu,\"effective_rows\":%.6g,\"weight_max\":%.6g,\"clipped\":%llu}\n",
                 (unsigned long long)estimates->row_count, (unsigned long long)estimates->feed_count,
                 estimates->effective_count, estimates->weight_max, (unsigned long long)estimates->clipped_count);
}

static void add_number(struct output_table *table, double value) {
    char number[40];
    (void)snprintf(number, sizeof number, "%.6g", value);
    output_add(table, number);
}

static void report(const struct session *session, const struct estimates *estimates) {
    static const char *const names[] = {"logged", "IPS", "SNIPS", "DR"};
    const struct estimate *const all[] = {&estimates->logged, &estimates->ips, &estimates->snips, &estimates->dr};
    if (session->format == OUTPUT_JSON) {
        print_json(estimates, all, names);
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "estimate", false);
    output_column(table, "value", true);
    output_column(table, "low", true);
    output_column(table, "high", true);
    for (uint32_t i = 0; i < 4; i++) {
        output_add(table, names[i]);
        add_number(table, all[i]->value);
        add_number(table, all[i]->low);
        add_number(table, all[i]->high);
    }
    output_table_finish(table);
    if (session->format != OUTPUT_TABLE) return;
    (void)printf("%llu rows of %llu feeds are as good as %.0f of equal weight; the largest weight is %.4g\n",
                 (unsigned long long)estimates->row_count, (unsigned long long)estimates->feed_count,
                 estimates->effective_count, estimates->weight_max);
}

static bool read_options(struct policy_log *log, const struct command_options *options, double *clip) {
    char *end = NULL;
    char *draws_end = NULL;
    *clip = options->clip == NULL ? 0 : strtod(options->clip, &end);
    const unsigned long draws = options->draws == NULL ? 1 : strtoul(options->draws, &draws_end, 10);
    log->path = options->log;
    log->is_asked = options->scene != NULL || options->filter != NULL;
    log->target = (struct policy_target){
        .scene = options->scene, .filter = options->filter, .draws = draws > DRAWS_MAX ? 0 : (uint32_t)draws};
    if (log->path != NULL && *clip >= 0 && (end == NULL || *end == '\0') && (draws_end == NULL || *draws_end == '\0') &&
        log->target.draws > 0)
        return true;
    (void)fprintf(stderr,
                  "usage: shoal eval policy --log FILE [--columns reward=NAME,propensity=NAME,target=NAME,...] "
                  "[--clip WEIGHT]\n         [--scene NAME] [--filter EXPRESSION] [--draws 1..%d]\n",
                  (int)DRAWS_MAX);
    return false;
}

int run_eval_policy(struct session *session, const struct command_options *options) {
    struct policy_log log = {.path = NULL};
    struct estimates estimates;
    struct sh_error err;
    double clip;
    if (!read_options(&log, options, &clip)) return 2;
    enum sh_status status = name_columns(&log, options->columns, &err);
    if (status == SH_OK) status = read_log(&log, &err);
    if (status != SH_OK) (void)fprintf(stderr, "shoal: %s\n", err.message);
    bool is_done = status == SH_OK;
    if (is_done && log.is_asked) is_done = policy_target_ask(session, &log.target, log.rows, log.count);
    const bool has_model = log.places[MODEL] >= 0 && log.places[MODEL_TARGET] >= 0;
    if (is_done && !estimate_all(log.rows, log.count, clip, has_model, &estimates)) {
        (void)fputs("shoal: memory is out\n", stderr);
        is_done = false;
    }
    if (is_done) report(session, &estimates);
    policy_target_free(&log.target);
    sh_free(log.rows);
    return is_done ? 0 : 1;
}
