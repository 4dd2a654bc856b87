/* command.h -- what `shoal COMMAND` and the lines of its shell do. */
#ifndef SHOAL_COMMAND_H
#define SHOAL_COMMAND_H

#include "output.h"

enum { COMMAND_WORD_COUNT_MAX = 4096 };

/* Where to ask, and how to answer. The client is opened when the first command needs it. */
struct session {
    const char *address;
    const char *workspace;
    const char *token; /* NULL: none */
    enum output_format format;
    bool is_plain; /* tables without bars and shades */
    struct shoal_client *client;
    struct field_list *fields; /* command_fields.h; NULL until learnt */
};

/* Options of all commands together; each command says which it takes. Zero or NULL: not given. */
struct command_options {
    const char *limit, *from, *fields, *order, *seed, *count, *filter, *exclude, *scene, *events, *now, *note;
    const char *map, *folder, *rejects, *format;
    const char *train, *valid, *test, *columns, *session, *users, *store, *k, *min, *methods;
    const char *log, *clip, *out, *trials;
    const char *purpose; /* --for */
    const char *items, *item_columns, *types, *targets, *weights, *draws;
    bool apply;
    const char *of, *by, *cross, *base, *top, *bins, *among, *period, *periods, *days, *scores, *ttl, *digits;
    const char *roles, *rate, *burst, *grace, *access, *interval;
    const char *with, *every, *user;
    const char *source, *kafka, *config, *zone;
    const char *until, *verify, *resume, *key, *table, *separator, *segments, *as;
    bool desc, all, analyze, quiet, tree, only_schema, combinations, per_day, plain, past, once, follow, anew;
};

struct command {
    const char *name;
    const char *arguments; /* for usage */
    const char *summary;
    const char *options; /* the names it takes, each with a blank before and after; "" for none */
    uint32_t word_count_min, word_count_max;
    bool takes_expression; /* in the shell the rest of the line is its first word */
    int (*run)(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
};

extern const struct command commands[];
extern const uint32_t command_count;
const struct command *command_find(const char *name);

/* Run the command in words[0]. Returns the process's exit status; has printed what was wrong. */
int command_run(struct session *session, char **words, uint32_t word_count);
/* One line of the shell, or of a script; it is cut into words where it stands. *leave: it was exit or quit. */
int command_run_line(struct session *session, char *line, bool *leave);
void command_usage(FILE *out);

/* Connect when not connected yet. False when it cannot; has said why. */
bool session_connect(struct session *session);
/* Call and print the error if there is one. expression (may be NULL) is shown with a mark under the error's position.
 */
bool session_call(struct session *session, const char *method, const struct shoal_client_writer *params,
                  const char *expression, struct shoal_client_answer *answer);

int shell_run(struct session *session);

/* A writer that is there, or the program ends. */
struct shoal_client_writer *new_params(uint32_t pair_count);
void write_key_text(struct shoal_client_writer *params, const char *key, const char *text);
/* A map of texts, those that are NULL left out, and the call. */
bool call_with_texts(struct session *session, const char *method, const char *const keys[], char *const texts[],
                     uint32_t count, const char *expression, struct shoal_client_answer *answer);
/* A number typed on the command line; false (and words) when it is none. */
bool write_key_number(struct shoal_client_writer *params, const char *key, const char *text);
/* What --for held back, if it was given. */
void print_held(struct shoal_client_value result);
/* "a,b,c" as an array; empty names are passed over. */
void write_key_list(struct shoal_client_writer *params, const char *key, const char *list);
/* The next name of "a,b,c", from *at on; false when there is none. free(*name). */
bool next_name(const char **at, char **name);
/* Reasons of an item or a user for people, one after another; free() it. NULL: no memory. */
char *reasons_cell(struct shoal_client_value reasons);
/* One JSON document and a line end. Returns 0. */
int print_document(struct shoal_client_value value);

/* The commands, in the files command_*.c. */
struct load_options;
/* `shoal load --follow`: command_stream.c. */
int run_load_follow(struct session *session, const struct command_options *options, const struct load_options *load);
int run_top(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_count(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_list(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_sample(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_explain(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_insight(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_funnel(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_retention(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_waterfall(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_why(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_lookalike(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_overlap(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_user(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_item(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_receipt(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_forget(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_merge(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_users_for(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_feeds(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_similar(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_also_bought(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_feed(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_feed_why(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_served(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_unlist(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_scene(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_model(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_call(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_trending(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_rfm(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_score(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_segment(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_rule(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_tree(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_keep(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_referral(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_schema(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_eval(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_eval_ranking(struct session *session, const struct command_options *options);
int run_eval_split(const struct command_options *options);
int run_eval_replay(struct session *session, const struct command_options *options);
int run_eval_policy(struct session *session, const struct command_options *options);
int run_tune(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_learning(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_impressions(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_check(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_dump(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_repair(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_snapshot(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_token(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_export(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_stream(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_stats(struct session *session, const struct command_options *options, char **words, uint32_t word_count);
int run_ping(struct session *session, const struct command_options *options, char **words, uint32_t word_count);

/* "1,234,567" and "1.25 ms" for people. */
const char *print_grouped(int64_t number, char room[32]);
const char *print_took(int64_t took_us, char room[32]);

#endif
