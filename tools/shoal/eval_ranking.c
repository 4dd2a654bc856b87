/* eval_ranking.c -- `shoal eval ranking`: how well each method ranks, and all of them together: ranking.h. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "ranking.h"

enum { LINE_COUNT = RANKING_METHOD_COUNT + 1 }; /* the last is auto */

static const struct ranking_outcome *outcome_of(const struct ranking *ranking, uint32_t number) {
    return number == RANKING_METHOD_COUNT ? &ranking->all : &ranking->outcomes[number];
}

/* ---- The report ---- */

static const char *name_of(uint32_t number) {
    return number == RANKING_METHOD_COUNT ? "auto" : ranking_methods[number].name;
}

static void report_json(const struct ranking *ranking) {
    const char *comma = "";
    (void)printf("{\"users\":%u,\"items\":%u,\"methods\":[", ranking->people_count, ranking->goods.items.count);
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        const struct ranking_outcome *outcome = outcome_of(ranking, i);
        if (!outcome->is_there) continue;
        (void)printf("%s\n {\"method\":\"%s\",\"settings\":\"%s\"", comma, name_of(i), outcome->settings);
        if (ranking->has_valid) (void)printf(",\"valid_NDCG@%u\":%.6f", ranking->k[0], outcome->valid);
        for (uint32_t j = 0; j < ranking->k_count; j++) {
            const struct ranking_measures *m = &outcome->test[j];
            (void)printf(",\"recall@%u\":%.6f,\"NDCG@%u\":%.6f,\"HR@%u\":%.6f,\"MRR@%u\":%.6f,\"coverage@%u\":%.6f",
                         m->k, m->recall, m->k, m->ndcg, m->k, m->hit, m->k, m->mrr, m->k, m->coverage);
        }
        (void)printf("}");
        comma = ",";
    }
    (void)printf("\n]}\n");
}

static void add_number(struct output_table *table, const char *form, double value) {
    char number[40];
    (void)snprintf(number, sizeof number, form, value);
    output_add(table, number);
}

static void report(const struct session *session, const struct ranking *ranking) {
    static const char *const heads[] = {"k", "recall", "NDCG", "HR", "MRR", "coverage"};
    if (session->format == OUTPUT_JSON) {
        report_json(ranking);
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "method", false);
    for (uint32_t i = 0; i < 6; i++)
        output_column(table, heads[i], true);
    if (ranking->has_valid) output_column(table, "valid NDCG", true);
    output_column(table, "settings", false);
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        const struct ranking_outcome *outcome = outcome_of(ranking, i);
        for (uint32_t j = 0; j < ranking->k_count && outcome->is_there; j++) {
            const struct ranking_measures *m = &outcome->test[j];
            const double values[] = {m->recall, m->ndcg, m->hit, m->mrr, m->coverage};
            output_add(table, name_of(i));
            add_number(table, "%.0f", m->k);
            for (uint32_t v = 0; v < 5; v++)
                add_number(table, "%.4f", values[v]);
            if (ranking->has_valid && j == 0) add_number(table, "%.4f", outcome->valid);
            if (ranking->has_valid && j > 0) output_add(table, "");
            output_add(table, j == 0 ? outcome->settings : "");
        }
    }
    output_table_finish(table);
}

/* ---- The command ---- */

static bool read_k(struct ranking *ranking, const char *words) {
    const char *at = words != NULL ? words : "10,20,40";
    while (*at != '\0') {
        char *end;
        const unsigned long k = strtoul(at, &end, 10);
        if (end == at || (*end != '\0' && *end != ',') || k < 1 || k > RANKING_K_MAX ||
            ranking->k_count == RANKING_K_COUNT_MAX) {
            (void)fprintf(stderr, "shoal: --k is up to %d numbers from 1 to %d\n", (int)RANKING_K_COUNT_MAX,
                          (int)RANKING_K_MAX);
            return false;
        }
        ranking->k[ranking->k_count++] = (uint32_t)k;
        if (k > ranking->k_max) ranking->k_max = (uint32_t)k;
        at = *end == ',' ? end + 1 : end;
    }
    return ranking->k_count > 0;
}

static bool read_methods(struct ranking *ranking, const char *words, bool *wants_all) {
    char *name;
    *wants_all = words == NULL;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        ranking->wanted[i] = words == NULL;
    while (words != NULL && next_name(&words, &name)) {
        uint32_t i = 0;
        while (i < LINE_COUNT && strcmp(name, name_of(i)) != 0)
            i++;
        if (i < RANKING_METHOD_COUNT) ranking->wanted[i] = true;
        if (i == RANKING_METHOD_COUNT) *wants_all = true;
        if (i == LINE_COUNT)
            (void)fprintf(stderr,
                          "shoal: there is no method `%s`; there are popular, tags, pairs, walk, knn, rp3, ials, "
                          "ease and auto\n",
                          name);
        free(name);
        if (i == LINE_COUNT) return false;
    }
    return true;
}

int run_eval_ranking(struct session *session, const struct command_options *options) {
    struct ranking ranking = {.k_count = 0};
    bool wants_all;
    if (options->train == NULL || options->test == NULL) {
        (void)fputs(
            "usage: shoal eval ranking --train FILE [--valid FILE] --test FILE [--k 10,20,40]\n"
            "         [--methods knn,ease,auto] [--columns user,item,time,type=NAME,...] [--min COLUMN=NUMBER]\n"
            "         [--types view,cart] [--weights view=1,cart=3] [--items FILE --item-columns id,tags=NAME]\n",
            stderr);
        return 2;
    }
    if (!read_k(&ranking, options->k) || !read_methods(&ranking, options->methods, &wants_all)) return 2;
    const bool is_done = ranking_read(&ranking, options) && ranking_learn(&ranking, options) &&
                         ranking_run_methods(&ranking) && (!wants_all || ranking_run_all(&ranking));
    if (is_done) report(session, &ranking);
    ranking_free(&ranking);
    return is_done ? 0 : 1;
}
