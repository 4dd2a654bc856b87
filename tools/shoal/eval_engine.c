#include "eval_engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "command.h"

enum { ROWS_PER_CALL = 20000 };

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

bool eval_put_schema(struct eval_engine *eval, const char *type, const char *const *names, const double *weights,
                     uint32_t count) {
    struct shoal_client_writer *params = eval->params;
    eval_begin(eval, 2);
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 1);
    write_key_text(params, "name", type);
    shoal_client_write_literal(params, "feed");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "scores");
    shoal_client_write_map(params, count);
    for (uint32_t i = 0; i < count; i++) {
        shoal_client_write_literal(params, names[i]);
        shoal_client_write_real(params, weights[i]);
    }
    return eval_call(eval, "schema.put", NULL);
}

bool eval_put_items(struct eval_engine *eval, const struct names *items) {
    struct shoal_client_writer *params = eval->params;
    for (uint32_t begin = 0; begin < items->count; begin += ROWS_PER_CALL) {
        const uint32_t rest = items->count - begin;
        const uint32_t count = rest < ROWS_PER_CALL ? rest : ROWS_PER_CALL;
        eval_begin(eval, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 1);
        shoal_client_write_literal(params, "id");
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t i = 0; i < count; i++) {
            shoal_client_write_array(params, 1);
            shoal_client_write_literal(params, items->texts[begin + i]);
        }
        if (!eval_call(eval, "item.put", NULL)) return false;
    }
    return true;
}

static int by_time(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

bool eval_learn(struct eval_engine *eval, const char *type, const struct names *items, struct clicks *clicks) {
    static const char *const fields[] = {"type", "user", "item", "time"};
    struct shoal_client_writer *params = eval->params;
    if (clicks->count == 0) return true;
    qsort(clicks->clicks, clicks->count, sizeof *clicks->clicks, by_time);
    shoal_set_now(eval->engine, clicks->clicks[clicks->count - 1].time_ms);
    for (uint32_t begin = 0; begin < clicks->count; begin += ROWS_PER_CALL) {
        const uint32_t count = clicks->count - begin < ROWS_PER_CALL ? clicks->count - begin : ROWS_PER_CALL;
        eval_begin(eval, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 4);
        for (uint32_t i = 0; i < 4; i++)
            shoal_client_write_literal(params, fields[i]);
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t i = 0; i < count; i++) {
            const struct click *click = &clicks->clicks[begin + i];
            shoal_client_write_array(params, 4);
            shoal_client_write_literal(params, type);
            shoal_client_write_literal(params, clicks->sessions.texts[click->session]);
            shoal_client_write_literal(params, items->texts[click->item]);
            shoal_client_write_integer(params, click->time_ms);
        }
        if (!eval_call(eval, "event.append", NULL)) return false;
    }
    return true;
}
