/* eval_ranking.c -- `shoal eval ranking`: how well whole rankings foresee what people come to like, measured through the
 * code that serves.
 *
 *   train file -> event.append -> an engine in this process -> model.train
 *                 who comes to like what: valid, test file <- feed.get {user, exclude: what is known of them} -> places
 *
 * Every user with a right item is asked for the best max(k) of all items there are in the files, those of the train file
 * that are the user's own left out. ranking_measures.h has the measures.
 *
 * Each method alone, and `auto`: all of them added up. With a validation file, each method is trained with each of its
 * settings below, the best by NDCG@(the first k) on validation is kept, and the weights of `auto` are climbed to one
 * after another from the best single method, on validation as well. The test file is asked once a method, at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "command.h"
#include "eval_engine.h"
#include "memory.h"
#include "ranking_measures.h"

enum { SETTING_COUNT_MAX = 4, ROUNDS_MAX = 3 };

/* ---- Methods ---- */

/* Values of one parameter of model.train. */
struct setting {
    const char *name;
    double values[10];
    uint32_t count; /* 0: no more */
};
/* `feature` is the weight of feed.scores that is 1 when the method ranks alone. */
struct ranking_method {
    const char *name;
    const char *feature;
    bool is_trained;
    struct setting settings[SETTING_COUNT_MAX];
};
static const struct ranking_method ranking_methods[] = {
    {"popular", "popularity", false, {{NULL, {0}, 0}}},
    {"pairs", "pairs", false, {{NULL, {0}, 0}}},
    {"walk", "walk", false, {{NULL, {0}, 0}}},
    {"knn", "knn", true, {{"neighbours", {200}, 1}, {"shrink", {10, 50, 100}, 3}}},
    {"rp3", "rp3", true, {{"neighbours", {100, 1000}, 2}, {"alpha", {0.4, 0.6}, 2}, {"beta", {0.2, 0.4}, 2}}},
    {"ials",
     "ials",
     true,
     {{"dimensions", {64}, 1},
      {"epochs", {10}, 1},
      {"unobserved", {0.3, 1}, 2},
      {"regularisation", {0.003, 0.01, 0.03}, 3}}},
    {"ease", "ease", true, {{"neighbours", {1000}, 1}, {"regularisation", {50, 100, 200}, 3}}},
};
enum { METHOD_COUNT = sizeof ranking_methods / sizeof *ranking_methods };

/* Weights of the mixture that are tried for each method. */
static const double mixture_weights[] = {0, 0.1, 0.25, 0.5, 1, 2};

/* ---- What is evaluated ---- */

struct person {
    uint32_t name;                         /* in users */
    uint32_t known_begin, known_end;       /* in known: of the train file */
    uint32_t right_begin[2], right_end[2]; /* in right[]: of validation and test */
};

struct ranking {
    struct eval_engine eval;
    struct names items;
    struct clicks files[3]; /* train, valid, test */
    struct person *people;
    uint32_t people_count, people_capacity;
    uint32_t k[RANKING_K_COUNT_MAX];
    uint32_t k_count, k_max;
    bool has_valid;
    bool wanted[METHOD_COUNT + 1]; /* the last: auto */
    double weights[METHOD_COUNT];  /* in force */
    uint32_t *shown;               /* of one list */
    bool *is_right;
    uint8_t *marks; /* by item: right for the user at hand */
};

struct outcome {
    bool is_there;
    char settings[256];
    double valid; /* NDCG at the first k */
    struct ranking_measures test[RANKING_K_COUNT_MAX];
};

static bool no_memory(void) {
    (void)fputs("shoal: memory is out\n", stderr);
    return false;
}

/* ---- Files ---- */

static int by_item(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->session != b->session) return a->session < b->session ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

/* User by user, each item once. */
static void tidy(struct clicks *clicks) {
    uint32_t kept = 0;
    qsort(clicks->clicks, clicks->count, sizeof *clicks->clicks, by_item);
    for (uint32_t i = 0; i < clicks->count; i++)
        if (kept == 0 || by_item(&clicks->clicks[kept - 1], &clicks->clicks[i]) != 0)
            clicks->clicks[kept++] = clicks->clicks[i];
    clicks->count = kept;
}

/* Where each user of a file stands in it: begin by user number. */
static uint32_t *begins_of(const struct clicks *clicks) {
    uint32_t *begins = sh_alloc_zero(((size_t)clicks->sessions.count + 2) * sizeof *begins);
    if (begins == NULL) return NULL;
    for (uint32_t i = 0; i < clicks->count; i++)
        begins[clicks->clicks[i].session + 1]++;
    for (uint32_t user = 0; user < clicks->sessions.count; user++)
        begins[user + 1] += begins[user];
    return begins;
}

static bool find_right(const struct ranking *ranking, const uint32_t *begins, uint32_t file, const char *name,
                       struct person *person) {
    uint32_t user;
    if (!names_find(&ranking->files[file].sessions, sh_text_of(name), &user)) return false;
    person->right_begin[file - 1] = begins[user];
    person->right_end[file - 1] = begins[user + 1];
    return begins[user + 1] > begins[user];
}

/* Those of the train file: of the others nothing is known. */
static bool gather_people(struct ranking *ranking) {
    uint32_t *begins[3] = {NULL, NULL, NULL};
    bool is_well = true;
    for (uint32_t file = 0; file < 3; file++) {
        begins[file] = begins_of(&ranking->files[file]);
        is_well = is_well && begins[file] != NULL;
    }
    const struct names *users = &ranking->files[0].sessions;
    for (uint32_t user = 0; user < users->count && is_well; user++) {
        struct person person = {.name = user, .known_begin = begins[0][user], .known_end = begins[0][user + 1]};
        const bool in_valid = find_right(ranking, begins[1], 1, users->texts[user], &person);
        const bool in_test = find_right(ranking, begins[2], 2, users->texts[user], &person);
        if (!in_valid && !in_test) continue;
        is_well = sh_grow((void **)&ranking->people, &ranking->people_capacity, (uint64_t)ranking->people_count + 1,
                          sizeof *ranking->people) == SH_OK;
        if (is_well) ranking->people[ranking->people_count++] = person;
    }
    for (uint32_t file = 0; file < 3; file++)
        sh_free(begins[file]);
    return is_well || no_memory();
}

static bool read_files(struct ranking *ranking, const struct command_options *options) {
    const char *const paths[3] = {options->train, options->valid, options->test};
    const char *columns = options->columns != NULL ? options->columns : "user,item,time";
    struct sh_error err;
    for (uint32_t i = 0; i < 3; i++) {
        if (paths[i] == NULL) continue;
        if (clicks_read(paths[i], columns, options->min, &ranking->items, &ranking->files[i], &err) != SH_OK) {
            (void)fprintf(stderr, "shoal: %s\n", err.message);
            return false;
        }
        if (ranking->files[i].count > 0) continue;
        (void)fprintf(stderr, "shoal: %s has nothing in it\n", paths[i]);
        return false;
    }
    ranking->has_valid = paths[1] != NULL;
    ranking->shown = sh_alloc(ranking->k_max * sizeof *ranking->shown);
    ranking->is_right = sh_alloc(ranking->k_max * sizeof *ranking->is_right);
    ranking->marks = sh_alloc_zero((size_t)ranking->items.count + 1);
    return (ranking->shown != NULL && ranking->is_right != NULL && ranking->marks != NULL) || no_memory();
}

/* ---- Asking ---- */

static bool put_weights(struct ranking *ranking) {
    const char *names[METHOD_COUNT + 5] = {"affinity", "recency", "session"};
    double weights[METHOD_COUNT + 5] = {0};
    for (uint32_t i = 0; i < METHOD_COUNT; i++) {
        names[3 + i] = ranking_methods[i].feature;
        weights[3 + i] = ranking->weights[i];
    }
    return eval_put_schema(&ranking->eval, "like", names, weights, 3 + METHOD_COUNT);
}

static void ask_for(struct ranking *ranking, const struct person *person) {
    struct shoal_client_writer *params = ranking->eval.params;
    eval_begin(&ranking->eval, 3);
    write_key_text(params, "user", ranking->files[0].sessions.texts[person->name]);
    shoal_client_write_literal(params, "exclude");
    shoal_client_write_array(params, person->known_end - person->known_begin);
    for (uint32_t i = person->known_begin; i < person->known_end; i++)
        shoal_client_write_literal(params, ranking->items.texts[ranking->files[0].clicks[i].item]);
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, ranking->k_max);
}

static void read_list(struct ranking *ranking, struct shoal_client_value answer, uint32_t *count) {
    struct shoal_client_walk items = shoal_client_walk_begin(shoal_client_get(answer, "items"));
    struct shoal_client_value item;
    *count = 0;
    while (*count < ranking->k_max && shoal_client_walk_next(&items, NULL, &item)) {
        size_t byte_count;
        uint32_t number;
        const char *bytes = shoal_client_text(shoal_client_get(item, "id"), &byte_count);
        if (!names_find(&ranking->items, (struct sh_text){bytes, (uint32_t)byte_count}, &number)) continue;
        ranking->shown[*count] = number;
        ranking->is_right[(*count)++] = ranking->marks[number] != 0;
    }
}

/* All people with right items in the file, by the weights in force. */
static bool measure(struct ranking *ranking, uint32_t file, struct ranking_sums *sums) {
    const struct click *right = ranking->files[file].clicks;
    if (!ranking_sums_init(sums, ranking->k, ranking->k_count, ranking->items.count)) return no_memory();
    if (!put_weights(ranking)) return false;
    for (uint32_t i = 0; i < ranking->people_count; i++) {
        const struct person *person = &ranking->people[i];
        const uint32_t begin = person->right_begin[file - 1];
        const uint32_t end = person->right_end[file - 1];
        struct shoal_client_value answer;
        uint32_t count;
        if (begin == end) continue;
        ask_for(ranking, person);
        if (!eval_call(&ranking->eval, "feed.get", &answer)) return false;
        for (uint32_t r = begin; r < end; r++)
            ranking->marks[right[r].item] = 1;
        read_list(ranking, answer, &count);
        ranking_sums_add(sums, ranking->shown, ranking->is_right, count, end - begin);
        for (uint32_t r = begin; r < end; r++)
            ranking->marks[right[r].item] = 0;
    }
    return true;
}

static bool measure_valid(struct ranking *ranking, double *ndcg) {
    struct ranking_sums sums;
    const bool is_well = measure(ranking, 1, &sums);
    if (is_well) *ndcg = ranking_sums_mean(&sums, 0).ndcg;
    ranking_sums_deinit(&sums);
    return is_well;
}

static bool measure_test(struct ranking *ranking, struct outcome *outcome) {
    struct ranking_sums sums;
    const bool is_well = measure(ranking, 2, &sums);
    for (uint32_t i = 0; i < ranking->k_count && is_well; i++)
        outcome->test[i] = ranking_sums_mean(&sums, i);
    ranking_sums_deinit(&sums);
    outcome->is_there = is_well;
    return is_well;
}

/* ---- Methods alone ---- */

static bool train(struct ranking *ranking, const struct ranking_method *method, const uint32_t *choice, char *words,
                  size_t room) {
    struct shoal_client_writer *params = ranking->eval.params;
    uint32_t count = 0;
    size_t used = 0;
    while (count < SETTING_COUNT_MAX && method->settings[count].count > 0)
        count++;
    words[0] = '\0';
    if (!method->is_trained) return true;
    eval_begin(&ranking->eval, 1 + (choice != NULL ? count : 0));
    write_key_text(params, "name", method->name);
    for (uint32_t i = 0; i < count && choice != NULL; i++) {
        const double value = method->settings[i].values[choice[i]];
        shoal_client_write_literal(params, method->settings[i].name);
        if (value == (double)(int64_t)value)
            shoal_client_write_integer(params, (int64_t)value);
        else
            shoal_client_write_real(params, value);
        const int more =
            snprintf(words + used, room - used, "%s%s %g", i == 0 ? "" : ", ", method->settings[i].name, value);
        used += more > 0 && (size_t)more < room - used ? (size_t)more : 0;
    }
    return eval_call(&ranking->eval, "model.train", NULL);
}

/* The next choice of settings; false after the last. */
static bool next_choice(const struct ranking_method *method, uint32_t *choice) {
    for (uint32_t i = 0; i < SETTING_COUNT_MAX && method->settings[i].count > 0; i++) {
        if (++choice[i] < method->settings[i].count) return true;
        choice[i] = 0;
    }
    return false;
}

static void weigh_only(struct ranking *ranking, uint32_t method) {
    memset(ranking->weights, 0, sizeof ranking->weights);
    ranking->weights[method] = 1;
}

/* The best settings are those in force afterwards. */
static bool tune(struct ranking *ranking, uint32_t number, struct outcome *outcome) {
    const struct ranking_method *method = &ranking_methods[number];
    uint32_t choice[SETTING_COUNT_MAX] = {0};
    uint32_t best[SETTING_COUNT_MAX] = {0};
    char words[sizeof outcome->settings];
    outcome->valid = -1;
    do {
        double ndcg;
        if (!train(ranking, method, choice, words, sizeof words) || !measure_valid(ranking, &ndcg)) return false;
        if (ndcg <= outcome->valid) continue;
        outcome->valid = ndcg;
        memcpy(best, choice, sizeof best);
    } while (next_choice(method, choice));
    return train(ranking, method, best, outcome->settings, sizeof outcome->settings);
}

static bool run_method(struct ranking *ranking, uint32_t number, struct outcome *outcome) {
    weigh_only(ranking, number);
    if (ranking->has_valid) {
        if (!tune(ranking, number, outcome)) return false;
    } else if (!train(ranking, &ranking_methods[number], NULL, outcome->settings, sizeof outcome->settings)) {
        return false;
    }
    return measure_test(ranking, outcome);
}

/* ---- All together ---- */

static bool climb(struct ranking *ranking, uint32_t method, double *best, bool *is_better) {
    double kept = ranking->weights[method];
    for (uint32_t i = 0; i < sizeof mixture_weights / sizeof *mixture_weights; i++) {
        double ndcg;
        if (mixture_weights[i] == kept) continue;
        ranking->weights[method] = mixture_weights[i];
        if (!measure_valid(ranking, &ndcg)) return false;
        if (ndcg <= *best) continue;
        *best = ndcg;
        kept = mixture_weights[i];
        *is_better = true;
    }
    ranking->weights[method] = kept;
    return true;
}

static bool run_auto(struct ranking *ranking, const struct outcome *outcomes, struct outcome *outcome) {
    uint32_t first = METHOD_COUNT;
    for (uint32_t i = 0; i < METHOD_COUNT; i++)
        if (outcomes[i].is_there && (first == METHOD_COUNT || outcomes[i].valid > outcomes[first].valid)) first = i;
    if (first == METHOD_COUNT) return true;
    weigh_only(ranking, first);
    outcome->valid = outcomes[first].valid;
    if (ranking->has_valid) {
        bool is_better = true;
        for (uint32_t round = 0; round < ROUNDS_MAX && is_better; round++) {
            is_better = false;
            for (uint32_t i = 0; i < METHOD_COUNT; i++)
                if (outcomes[i].is_there && !climb(ranking, i, &outcome->valid, &is_better)) return false;
        }
    } else { /* nothing to choose by: as the engine comes */
        for (uint32_t i = 0; i < METHOD_COUNT; i++)
            ranking->weights[i] = outcomes[i].is_there && ranking_methods[i].is_trained ? 1 : 0;
    }
    size_t used = 0;
    for (uint32_t i = 0; i < METHOD_COUNT; i++) {
        if (ranking->weights[i] == 0) continue;
        const int more = snprintf(outcome->settings + used, sizeof outcome->settings - used, "%s%s %g",
                                  used == 0 ? "" : ", ", ranking_methods[i].feature, ranking->weights[i]);
        used += more > 0 && (size_t)more < sizeof outcome->settings - used ? (size_t)more : 0;
    }
    return measure_test(ranking, outcome);
}

static bool evaluate(struct ranking *ranking, struct outcome *outcomes) {
    if (!put_weights(ranking) || !eval_put_items(&ranking->eval, &ranking->items)) return false;
    if (!eval_learn(&ranking->eval, "like", &ranking->items, &ranking->files[0])) return false;
    for (uint32_t i = 0; i < 3; i++)
        tidy(&ranking->files[i]);
    if (!gather_people(ranking)) return false;
    for (uint32_t i = 0; i < METHOD_COUNT; i++)
        if (ranking->wanted[i] && !run_method(ranking, i, &outcomes[i])) return false;
    return !ranking->wanted[METHOD_COUNT] || run_auto(ranking, outcomes, &outcomes[METHOD_COUNT]);
}

/* ---- The report ---- */

static const char *name_of(uint32_t number) {
    return number == METHOD_COUNT ? "auto" : ranking_methods[number].name;
}

static void report_json(const struct ranking *ranking, const struct outcome *outcomes) {
    const char *comma = "";
    (void)printf("{\"users\":%u,\"items\":%u,\"methods\":[", ranking->people_count, ranking->items.count);
    for (uint32_t i = 0; i <= METHOD_COUNT; i++) {
        const struct outcome *outcome = &outcomes[i];
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

static void report(const struct session *session, const struct ranking *ranking, const struct outcome *outcomes) {
    static const char *const heads[] = {"k", "recall", "NDCG", "HR", "MRR", "coverage"};
    if (session->format == OUTPUT_JSON) {
        report_json(ranking, outcomes);
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "method", false);
    for (uint32_t i = 0; i < 6; i++)
        output_column(table, heads[i], true);
    if (ranking->has_valid) output_column(table, "valid NDCG", true);
    output_column(table, "settings", false);
    for (uint32_t i = 0; i <= METHOD_COUNT; i++)
        for (uint32_t j = 0; j < ranking->k_count && outcomes[i].is_there; j++) {
            const struct ranking_measures *m = &outcomes[i].test[j];
            const double values[] = {m->recall, m->ndcg, m->hit, m->mrr, m->coverage};
            output_add(table, name_of(i));
            add_number(table, "%.0f", m->k);
            for (uint32_t v = 0; v < 5; v++)
                add_number(table, "%.4f", values[v]);
            if (ranking->has_valid && j == 0) add_number(table, "%.4f", outcomes[i].valid);
            if (ranking->has_valid && j > 0) output_add(table, "");
            output_add(table, j == 0 ? outcomes[i].settings : "");
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

static bool read_methods(struct ranking *ranking, const char *words) {
    char *name;
    for (uint32_t i = 0; i <= METHOD_COUNT; i++)
        ranking->wanted[i] = words == NULL;
    while (words != NULL && next_name(&words, &name)) {
        uint32_t i = 0;
        while (i <= METHOD_COUNT && strcmp(name, name_of(i)) != 0)
            i++;
        if (i <= METHOD_COUNT) ranking->wanted[i] = true;
        if (i > METHOD_COUNT)
            (void)fprintf(stderr,
                          "shoal: there is no method `%s`; there are popular, pairs, walk, knn, rp3, ials, "
                          "ease and auto\n",
                          name);
        free(name);
        if (i > METHOD_COUNT) return false;
    }
    return true;
}

int run_eval_ranking(struct session *session, const struct command_options *options) {
    struct ranking ranking = {.k_count = 0};
    struct outcome outcomes[METHOD_COUNT + 1] = {{.is_there = false}};
    if (options->train == NULL || options->test == NULL) {
        (void)fputs("usage: shoal eval ranking --train FILE [--valid FILE] --test FILE [--k 10,20,40] "
                    "[--methods knn,ease,auto] [--columns user,item,time] [--min COLUMN=NUMBER]\n",
                    stderr);
        return 2;
    }
    if (!read_k(&ranking, options->k) || !read_methods(&ranking, options->methods)) return 2;
    const bool is_done = read_files(&ranking, options) && eval_open(&ranking.eval) && evaluate(&ranking, outcomes);
    if (is_done) report(session, &ranking, outcomes);
    eval_close(&ranking.eval);
    for (uint32_t i = 0; i < 3; i++)
        clicks_free(&ranking.files[i]);
    names_free(&ranking.items);
    sh_free(ranking.people);
    sh_free(ranking.shown);
    sh_free(ranking.is_right);
    sh_free(ranking.marks);
    return is_done ? 0 : 1;
}
