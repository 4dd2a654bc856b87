/* ranking.c -- files, people, and asking for the list of each. */
#include "ranking.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "command.h"
#include "memory.h"

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
    if (clicks->count == 0) return;
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
                       struct ranking_person *person) {
    uint32_t user;
    if (!names_find(&ranking->files[file].sessions, sh_text_of(name), &user)) return false;
    person->right_begin[file - 1] = begins[user];
    person->right_end[file - 1] = begins[user + 1];
    return true;
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
        struct ranking_person person = {.name = user, .known_begin = begins[0][user], .known_end = begins[0][user + 1]};
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

bool ranking_read(struct ranking *ranking, const struct command_options *options) {
    const char *const paths[3] = {options->train, options->valid, options->test};
    for (uint32_t i = 0; i < 3; i++)
        if (paths[i] != NULL && !eval_read(paths[i], options, "user,item,time", &ranking->goods, &ranking->files[i]))
            return false;
    if (!eval_read_items(options, &ranking->goods)) return false;
    ranking->has_valid = paths[1] != NULL;
    ranking->has_test = paths[2] != NULL;
    ranking->shown = sh_alloc(ranking->k_max * sizeof *ranking->shown);
    ranking->is_right = sh_alloc(ranking->k_max * sizeof *ranking->is_right);
    ranking->marks = sh_alloc_zero((size_t)ranking->goods.items.count + 1);
    return (ranking->shown != NULL && ranking->is_right != NULL && ranking->marks != NULL) || no_memory();
}

bool ranking_learn(struct ranking *ranking, const struct command_options *options) {
    static const char *const names[] = {"recency", "session", "due", "trend"};
    static const double weights[] = {0, 0, 0, 0};
    const struct eval_scores silent = {names, weights, 4};
    if (!eval_open(&ranking->eval) || !eval_put_shop(&ranking->eval, &ranking->goods, "like", options->weights) ||
        !eval_put_scores(&ranking->eval, &silent) || !eval_learn(&ranking->eval, &ranking->files[0]))
        return false;
    for (uint32_t i = 0; i < 3; i++)
        tidy(&ranking->files[i]);
    return gather_people(ranking);
}

void ranking_free(struct ranking *ranking) {
    eval_close(&ranking->eval);
    for (uint32_t i = 0; i < 3; i++)
        clicks_free(&ranking->files[i]);
    goods_free(&ranking->goods);
    sh_free(ranking->people);
    sh_free(ranking->shown);
    sh_free(ranking->is_right);
    sh_free(ranking->marks);
}

/* ---- Asking ---- */

static void ask_for(struct ranking *ranking, const struct ranking_person *person,
                    const struct ranking_weights *weights) {
    struct shoal_client_writer *params = ranking->eval.params;
    const char *names[RANKING_METHOD_COUNT];
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        names[i] = ranking_methods[i].feature;
    const struct eval_scores scores = {names, weights->of, RANKING_METHOD_COUNT};
    eval_begin(&ranking->eval, 5);
    write_key_text(params, "user", ranking->files[0].sessions.texts[person->name]);
    write_key_text(params, "explain", "none");
    shoal_client_write_literal(params, "exclude");
    shoal_client_write_array(params, person->known_end - person->known_begin);
    for (uint32_t i = person->known_begin; i < person->known_end; i++)
        shoal_client_write_literal(params, ranking->goods.items.texts[ranking->files[0].clicks[i].item]);
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, ranking->k_max);
    shoal_client_write_literal(params, "scores");
    eval_write_scores(&ranking->eval, &scores);
}

static void read_list(struct ranking *ranking, struct shoal_client_value answer, uint32_t *count) {
    struct shoal_client_walk items = shoal_client_walk_begin(shoal_client_get(answer, "items"));
    struct shoal_client_value item;
    *count = 0;
    while (*count < ranking->k_max && shoal_client_walk_next(&items, NULL, &item)) {
        size_t byte_count;
        uint32_t number;
        const char *bytes = shoal_client_text(shoal_client_get(item, "id"), &byte_count);
        if (!names_find(&ranking->goods.items, (struct sh_text){bytes, (uint32_t)byte_count}, &number)) continue;
        ranking->shown[*count] = number;
        ranking->is_right[(*count)++] = ranking->marks[number] != 0;
    }
}

static double sum_of_gains(const struct ranking_sums *sums) {
    double sum = 0;
    for (uint32_t i = 0; i < sums->k_count; i++)
        sum += sums->sums[i].ndcg;
    return sum;
}

bool ranking_measure(struct ranking *ranking, uint32_t file, const struct ranking_weights *weights,
                     struct ranking_sums *sums, double *gains) {
    const struct click *right = ranking->files[file].clicks;
    if (!ranking_sums_init(sums, ranking->k, ranking->k_count, ranking->goods.items.count)) return no_memory();
    for (uint32_t i = 0; i < ranking->people_count; i++) {
        const struct ranking_person *person = &ranking->people[i];
        const uint32_t begin = person->right_begin[file - 1];
        const uint32_t end = person->right_end[file - 1];
        const double before = sum_of_gains(sums);
        struct shoal_client_value answer;
        uint32_t count;
        if (gains != NULL) gains[i] = 0;
        if (begin == end) continue;
        ask_for(ranking, person, weights);
        if (!eval_call(&ranking->eval, "feed.get", &answer)) return false;
        for (uint32_t r = begin; r < end; r++)
            ranking->marks[right[r].item] = 1;
        read_list(ranking, answer, &count);
        ranking_sums_add(sums, ranking->shown, ranking->is_right, count, end - begin);
        if (gains != NULL) gains[i] = (sum_of_gains(sums) - before) / sums->k_count;
        for (uint32_t r = begin; r < end; r++)
            ranking->marks[right[r].item] = 0;
    }
    return true;
}
