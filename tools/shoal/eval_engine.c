#include "eval_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { ROWS_PER_CALL = 20000, FIELD_COUNT_MAX = 6 };

static const char store_word[] = "store";

bool eval_open(struct eval_engine *eval) {
    struct shoal_error error;
    *eval = (struct eval_engine){.engine = NULL};
    if (shoal_open(NULL, &eval->engine, &error) != SHOAL_OK) {
        (void)fprintf(stderr, "shoal: %s\n", error.message);
        return false;
    }
    eval->params = shoal_client_writer_create();
    if (eval->params == NULL) (void)fputs("shoal: memory is out\n", stderr);
    return eval->params != NULL;
}

void eval_close(struct eval_engine *eval) {
    shoal_client_writer_destroy(eval->params);
    shoal_close(eval->engine);
}

bool eval_call(struct eval_engine *eval, const char *method, struct shoal_client_value *result) {
    struct shoal_error error;
    size_t params_count;
    size_t answer_count;
    const void *answer;
    const void *params = shoal_client_writer_bytes(eval->params, &params_count);
    if (params == NULL) {
        (void)fputs("shoal: memory is out\n", stderr);
        return false;
    }
    if (shoal_call(eval->engine, method, params, params_count, &answer, &answer_count, &error) != SHOAL_OK) {
        (void)fprintf(stderr, "shoal: %s: %s\n", method, error.message);
        return false;
    }
    if (result != NULL) *result = (struct shoal_client_value){answer, answer_count};
    return true;
}

void eval_begin(struct eval_engine *eval, uint32_t pair_count) {
    shoal_client_writer_clear(eval->params);
    shoal_client_write_map(eval->params, pair_count);
}

/* ---- Files ---- */

bool eval_read(const char *path, const struct command_options *options, const char *columns, struct goods *goods,
               struct clicks *clicks) {
    const struct clicks_choice choice = {options->columns != NULL ? options->columns : columns, options->min,
                                         options->types};
    struct sh_error err;
    enum sh_status status = clicks_read(path, &choice, goods, clicks, &err);
    if (status == SH_OK && clicks->count == 0) status = sh_fail(&err, SH_ERR_SYNTAX, -1, "%s has nothing in it", path);
    if (status != SH_OK) (void)fprintf(stderr, "shoal: %s\n", err.message);
    return status == SH_OK;
}

bool eval_read_items(const struct command_options *options, struct goods *goods) {
    struct sh_error err;
    if (options->items == NULL) return true;
    const char *columns = options->item_columns != NULL ? options->item_columns : "item";
    const enum sh_status status = goods_read(options->items, columns, goods, &err);
    if (status != SH_OK) (void)fprintf(stderr, "shoal: %s\n", err.message);
    return status == SH_OK;
}

/* ---- The shop ---- */

static void write_event_type(struct shoal_client_writer *params, const char *name, bool has_stores) {
    shoal_client_write_map(params, has_stores ? 3 : 2);
    write_key_text(params, "name", name);
    shoal_client_write_literal(params, "amount_scale");
    shoal_client_write_integer(params, 2);
    if (!has_stores) return;
    shoal_client_write_literal(params, "properties");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 2);
    write_key_text(params, "name", store_word);
    write_key_text(params, "type", "string");
}

static void write_item_columns(struct eval_engine *eval) {
    struct shoal_client_writer *params = eval->params;
    const struct goods *goods = eval->goods;
    shoal_client_write_map(params, 2);
    for (uint32_t part = 0; part < 2; part++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < goods->column_count; i++)
            count += goods->columns[i].is_tags == (part == 1);
        shoal_client_write_literal(params, part == 0 ? "attributes" : "tag_sets");
        shoal_client_write_array(params, count);
        for (uint32_t i = 0; i < goods->column_count; i++) {
            if (goods->columns[i].is_tags != (part == 1)) continue;
            shoal_client_write_map(params, part == 0 ? 2 : 1);
            write_key_text(params, "name", goods->columns[i].name);
            if (part == 0) write_key_text(params, "type", "string");
        }
    }
}

/* "view=1,cart=3" as a map; false if it is not like that. */
static bool write_type_weights(struct shoal_client_writer *params, const char *weights) {
    uint32_t count = 1;
    for (const char *at = weights; *at != '\0'; at++)
        count += *at == ',';
    shoal_client_write_map(params, count);
    for (const char *at = weights; *at != '\0';) {
        char *end;
        const size_t length = strcspn(at, "=,");
        const double weight = at[length] == '=' ? strtod(at + length + 1, &end) : 0;
        if (length == 0 || at[length] != '=' || end == at + length + 1 || (*end != ',' && *end != '\0')) return false;
        shoal_client_write_text(params, at, length);
        shoal_client_write_real(params, weight);
        at = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool put_schema(struct eval_engine *eval, const char *weights) {
    struct shoal_client_writer *params = eval->params;
    const struct names *types = &eval->goods->types;
    const bool has_stores = eval->goods->stores.count > 0;
    eval_begin(eval, 3);
    shoal_client_write_literal(params, "items");
    write_item_columns(eval);
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, types->count + 1);
    write_event_type(params, eval->type, has_stores);
    for (uint32_t i = 0; i < types->count; i++)
        write_event_type(params, types->texts[i], has_stores);
    shoal_client_write_literal(params, "feed");
    shoal_client_write_map(params, 1u + (has_stores ? 1u : 0) + (weights != NULL ? 1u : 0));
    shoal_client_write_literal(params, "bought_days");
    shoal_client_write_integer(params, 0);
    if (has_stores) write_key_text(params, "store", store_word);
    if (weights != NULL) shoal_client_write_literal(params, "weights");
    if (weights != NULL && !write_type_weights(params, weights)) {
        (void)fputs("shoal: --weights is like view=1,cart=3,refund=-2\n", stderr);
        return false;
    }
    return eval_call(eval, "schema.put", NULL);
}

/* "a|b;c" as an array. */
static void write_tags(struct shoal_client_writer *params, const char *text) {
    uint32_t count = 0;
    for (const char *at = text; *at != '\0'; at += strcspn(at, "|;"), at += *at != '\0')
        count += strcspn(at, "|;") > 0;
    shoal_client_write_array(params, count);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "|;"), at += *at != '\0')
        if (strcspn(at, "|;") > 0) shoal_client_write_text(params, at, strcspn(at, "|;"));
}

static bool put_items(struct eval_engine *eval) {
    struct shoal_client_writer *params = eval->params;
    const struct goods *goods = eval->goods;
    for (uint32_t begin = 0; begin < goods->items.count; begin += ROWS_PER_CALL) {
        const uint32_t rest = goods->items.count - begin;
        const uint32_t count = rest < ROWS_PER_CALL ? rest : ROWS_PER_CALL;
        eval_begin(eval, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 1 + goods->column_count);
        shoal_client_write_literal(params, "id");
        for (uint32_t i = 0; i < goods->column_count; i++)
            shoal_client_write_literal(params, goods->columns[i].name);
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t item = begin; item < begin + count; item++) {
            shoal_client_write_array(params, 1 + goods->column_count);
            shoal_client_write_literal(params, goods->items.texts[item]);
            for (uint32_t i = 0; i < goods->column_count; i++) {
                const char *text = goods_text(goods, i, item);
                if (text == NULL)
                    shoal_client_write_nil(params);
                else if (goods->columns[i].is_tags)
                    write_tags(params, text);
                else
                    shoal_client_write_literal(params, text);
            }
        }
        if (!eval_call(eval, "item.put", NULL)) return false;
    }
    return true;
}

bool eval_put_shop(struct eval_engine *eval, const struct goods *goods, const char *type, const char *weights) {
    eval->goods = goods;
    eval->type = type;
    return put_schema(eval, weights) && put_items(eval);
}

void eval_write_scores(struct eval_engine *eval, const struct eval_scores *scores) {
    shoal_client_write_map(eval->params, scores->count);
    for (uint32_t i = 0; i < scores->count; i++) {
        shoal_client_write_literal(eval->params, scores->names[i]);
        shoal_client_write_real(eval->params, scores->weights[i]);
    }
}

bool eval_put_scores(struct eval_engine *eval, const struct eval_scores *scores) {
    eval_begin(eval, 1);
    shoal_client_write_literal(eval->params, "feed");
    shoal_client_write_map(eval->params, 1);
    shoal_client_write_literal(eval->params, "scores");
    eval_write_scores(eval, scores);
    return eval_call(eval, "schema.put", NULL);
}

/* ---- Events ---- */

static void write_event(struct eval_engine *eval, const struct clicks *clicks, const struct click *click,
                        uint32_t field_count) {
    struct shoal_client_writer *params = eval->params;
    const struct goods *goods = eval->goods;
    char amount[40];
    shoal_client_write_array(params, field_count);
    shoal_client_write_literal(params, click->type == CLICK_NONE ? eval->type : goods->types.texts[click->type]);
    shoal_client_write_literal(params, clicks->sessions.texts[click->session]);
    shoal_client_write_literal(params, goods->items.texts[click->item]);
    shoal_client_write_integer(params, click->time_ms);
    (void)snprintf(amount, sizeof amount, "%s%lld.%02lld", click->value < 0 ? "-" : "", llabs(click->value / 100),
                   llabs(click->value % 100));
    if (clicks->has_values) shoal_client_write_literal(params, amount);
    if (goods->stores.count == 0) return;
    if (click->store == CLICK_NONE)
        shoal_client_write_nil(params);
    else
        shoal_client_write_literal(params, goods->stores.texts[click->store]);
}

bool eval_learn_some(struct eval_engine *eval, const struct clicks *clicks, uint32_t first, uint32_t count) {
    struct shoal_client_writer *params = eval->params;
    const char *fields[FIELD_COUNT_MAX] = {"type", "user", "item", "time"};
    uint32_t field_count = 4;
    if (count == 0) return true;
    if (clicks->has_values) fields[field_count++] = "amount";
    if (eval->goods->stores.count > 0) fields[field_count++] = store_word;
    shoal_set_now(eval->engine, clicks->clicks[first + count - 1].time_ms);
    for (uint32_t begin = first; begin < first + count; begin += ROWS_PER_CALL) {
        const uint32_t rest = first + count - begin;
        const uint32_t rows = rest < ROWS_PER_CALL ? rest : ROWS_PER_CALL;
        eval_begin(eval, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, field_count);
        for (uint32_t i = 0; i < field_count; i++)
            shoal_client_write_literal(params, fields[i]);
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, rows);
        for (uint32_t i = 0; i < rows; i++)
            write_event(eval, clicks, &clicks->clicks[begin + i], field_count);
        if (!eval_call(eval, "event.append", NULL)) return false;
    }
    return true;
}

bool eval_learn(struct eval_engine *eval, struct clicks *clicks) {
    if (clicks->count > 0) qsort(clicks->clicks, clicks->count, sizeof *clicks->clicks, clicks_by_time);
    return eval_learn_some(eval, clicks, 0, clicks->count);
}
