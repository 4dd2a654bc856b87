/* command_token.c -- token create, list, rotate, revoke: by the server, or with --access in a file without one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "command.h"
#include "memory.h"

/* ---- by the server ---- */

static void write_roles(struct shoal_client_writer *params, const char *roles) {
    if (roles != NULL) write_key_list(params, "roles", roles);
}

static bool show_secret(const struct session *session, struct shoal_client_value result) {
    if (session->format == OUTPUT_JSON) {
        (void)print_document(result);
        return true;
    }
    const struct shoal_client_value token = shoal_client_get(result, "token");
    size_t byte_count;
    const char *text = shoal_client_text(token, &byte_count);
    if (text == NULL) return false;
    (void)printf("%.*s\n", (int)byte_count, text);
    (void)fputs("shoal: this is shown once; whoever has it may do what its roles open\n", stderr);
    return true;
}

static int create(struct session *session, const struct command_options *options, const char *id) {
    const char *const numbers[][2] = {{"rate", options->rate}, {"burst", options->burst}, {"days", options->days}};
    const char *const texts[][2] = {{"workspace", session->workspace}, {"note", options->note}};
    struct shoal_client_answer answer;
    uint32_t count = 1u + (options->roles != NULL);
    for (size_t i = 0; i < 3; i++)
        count += numbers[i][1] != NULL;
    for (size_t i = 0; i < 2; i++)
        count += texts[i][1] != NULL;
    struct shoal_client_writer *params = new_params(count);
    bool done = true;
    write_key_text(params, "id", id);
    write_roles(params, options->roles);
    for (size_t i = 0; i < 3 && done; i++)
        if (numbers[i][1] != NULL) done = write_key_number(params, numbers[i][0], numbers[i][1]);
    for (size_t i = 0; i < 2; i++)
        if (texts[i][1] != NULL) write_key_text(params, texts[i][0], texts[i][1]);
    done = done && session_call(session, "token.create", params, NULL, &answer) && show_secret(session, answer.result);
    shoal_client_writer_destroy(params);
    return done ? 0 : 1;
}

static int rotate(struct session *session, const struct command_options *options, const char *id) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *params = new_params(1u + (options->grace != NULL));
    write_key_text(params, "id", id);
    bool done = options->grace == NULL || write_key_number(params, "grace_s", options->grace);
    done = done && session_call(session, "token.rotate", params, NULL, &answer) && show_secret(session, answer.result);
    shoal_client_writer_destroy(params);
    return done ? 0 : 1;
}

static int revoke(struct session *session, char *id) {
    static const char *const keys[] = {"id"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "token.revoke", keys, &id, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("%s: revoked\n", id);
    return 0;
}

static const char *const shown[] = {"id", "workspace", "roles", "rate", "expires", "revoked", "note"};
enum { SHOWN_COUNT = sizeof shown / sizeof shown[0], SHOWN_RATE = 3 };

static struct output_table *begin_table(const struct session *session) {
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < SHOWN_COUNT; i++)
        output_column(table, shown[i], i == SHOWN_RATE);
    return table;
}

static int list(struct session *session) {
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "token.list", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = begin_table(session);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "tokens"));
    struct shoal_client_value token;
    while (shoal_client_walk_next(&walk, NULL, &token)) {
        for (uint32_t i = 0; i < SHOWN_COUNT; i++)
            output_add_value(table, shoal_client_get(token, shown[i]));
    }
    output_table_finish(table);
    return 0;
}

/* ---- in a file ---- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int say(const struct sh_error *err) {
    (void)fprintf(stderr, "shoal: %s\n", err->message);
    if (err->hint[0] != '\0') (void)fprintf(stderr, "  %s\n", err->hint);
    return 1;
}

static enum sh_status parse_number(const char *name, const char *text, int64_t number_max, int64_t *number,
                                   struct sh_error *err) {
    char *end;
    if (text == NULL) return SH_OK;
    *number = strtoll(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && *number <= number_max) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "--%s is a number up to %" PRId64 ", not \"%s\"", name, number_max, text);
}

static enum sh_status parse_roles(const char *list_of_names, uint32_t *roles, struct sh_error *err) {
    char *name;
    while (list_of_names != NULL && next_name(&list_of_names, &name)) {
        const uint32_t role = sh_role_find(sh_text_of(name));
        char known[SH_ROLES_WORDS_BYTES_MAX];
        sh_roles_print(SH_ROLES_ALL, known);
        enum sh_status status = SH_OK;
        if (role == 0)
            status = sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no role \"%.40s\": roles are %s", name, known);
        free(name);
        if (status != SH_OK) return status;
        *roles |= role;
    }
    return SH_OK;
}

static enum sh_status create_in_file(struct sh_access *access, const struct session *session,
                                     const struct command_options *options, const char *id,
                                     char token[SH_TOKEN_TEXT_BYTES_MAX], struct sh_error *err) {
    struct sh_token_order order = {.id = sh_text_of(id)};
    int64_t rate = 0;
    int64_t burst = 0;
    int64_t days = 0;
    if (session->workspace != NULL) order.workspace = sh_text_of(session->workspace);
    if (options->note != NULL) order.note = sh_text_of(options->note);
    enum sh_status status = parse_roles(options->roles, &order.roles, err);
    if (status == SH_OK) status = parse_number("rate", options->rate, SH_TOKEN_RATE_MAX, &rate, err);
    if (status == SH_OK) status = parse_number("burst", options->burst, SH_TOKEN_RATE_MAX, &burst, err);
    if (status == SH_OK) status = parse_number("days", options->days, SH_TTL_DAYS_MAX, &days, err);
    if (status != SH_OK) return status;
    order.rate = (uint32_t)rate;
    order.burst = (uint32_t)burst;
    if (days > 0) order.expires_ms = now_ms() + days * 86400000;
    return sh_access_create_token(access, &order, now_ms(), token, err);
}

static enum sh_status rotate_in_file(struct sh_access *access, const struct command_options *options, const char *id,
                                     char token[SH_TOKEN_TEXT_BYTES_MAX], struct sh_error *err) {
    int64_t grace_s = SH_ROTATE_GRACE_S_DEFAULT;
    const enum sh_status status = parse_number("grace", options->grace, SH_ROTATE_GRACE_S_MAX, &grace_s, err);
    if (status != SH_OK) return status;
    return sh_access_rotate_token(access, sh_text_of(id), now_ms(), now_ms() + grace_s * 1000, token, err);
}

static void add_time(struct output_table *table, int64_t time_ms) {
    char text[32] = "";
    const time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    if (time_ms != 0 && gmtime_r(&seconds, &parts) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    output_add(table, text);
}

static int list_file(struct sh_access *access, const struct session *session) {
    struct sh_token *tokens;
    struct sh_error err;
    uint32_t count;
    if (session->format == OUTPUT_JSON) {
        (void)fputs("shoal token list: the file is JSON already; a list of it is a table or csv\n", stderr);
        return 2;
    }
    if (sh_access_list_tokens(access, &tokens, &count, &err) != SH_OK) return say(&err);
    struct output_table *table = begin_table(session);
    for (uint32_t i = 0; i < count; i++) {
        char roles[SH_ROLES_WORDS_BYTES_MAX];
        char rate[16];
        sh_roles_print(tokens[i].roles, roles);
        (void)snprintf(rate, sizeof rate, "%u", tokens[i].rate);
        output_add(table, tokens[i].id);
        output_add(table, tokens[i].workspace);
        output_add(table, roles);
        output_add(table, rate);
        add_time(table, tokens[i].expires_ms);
        add_time(table, tokens[i].revoked_ms);
        output_add(table, tokens[i].note);
    }
    output_table_finish(table);
    sh_free(tokens);
    return 0;
}

static int run_in_file(const struct session *session, const struct command_options *options, const char *verb,
                       const char *id) {
    struct sh_access *access;
    struct sh_error err;
    char token[SH_TOKEN_TEXT_BYTES_MAX] = "";
    enum sh_status status = sh_access_open(options->access, &access, &err);
    if (status != SH_OK) return say(&err);
    int exit_status = 0;
    if (id == NULL)
        exit_status = list_file(access, session);
    else if (strcmp(verb, "create") == 0)
        status = create_in_file(access, session, options, id, token, &err);
    else if (strcmp(verb, "rotate") == 0)
        status = rotate_in_file(access, options, id, token, &err);
    else
        status = sh_access_revoke_token(access, sh_text_of(id), now_ms(), &err);
    sh_access_close(access);
    if (status != SH_OK) return say(&err);
    if (token[0] != '\0') {
        (void)printf("%s\n", token);
        (void)fputs("shoal: this is shown once; whoever has it may do what its roles open\n", stderr);
    } else if (id != NULL) {
        (void)printf("%s: revoked\n", id);
    }
    sh_token_wipe(token, sizeof token);
    return exit_status;
}

int run_token(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    const char *verb = words[0];
    const bool is_list = strcmp(verb, "list") == 0 && word_count == 1;
    const bool is_create = strcmp(verb, "create") == 0 && word_count == 2;
    const bool is_rotate = strcmp(verb, "rotate") == 0 && word_count == 2;
    const bool is_revoke = strcmp(verb, "revoke") == 0 && word_count == 2;
    if (!is_list && !is_create && !is_rotate && !is_revoke) {
        (void)fputs("shoal token: create ID --roles ROLE,..., list, rotate ID, or revoke ID\n", stderr);
        return 2;
    }
    if (options->access != NULL) return run_in_file(session, options, verb, is_list ? NULL : words[1]);
    if (is_create) return create(session, options, words[1]);
    if (is_list) return list(session);
    return is_rotate ? rotate(session, options, words[1]) : revoke(session, words[1]);
}
