/* settings.h -- what shoald is told: in a file, in the environment, by flags.
 *
 *   --config FILE      listen = 10.0.0.5:7717      a line a setting, named as its flag; # begins a comment
 *   environment        SHOALD_LISTEN=...           named as its flag, in capitals; of a list, blanks between
 *   flags              --listen ...                the later of the three wins; a list is then the later one's alone
 *
 * All three go through one table, so that there is no setting that one of them lacks. Unknown names are refused, in the
 * environment too.
 */
#ifndef SHOALD_SETTINGS_H
#define SHOALD_SETTINGS_H

#include "http.h"
#include "server.h"
#include "server_log.h"

enum { SETTINGS_LIST_MAX = 8 };

/* The values of a setting that may be given several times. */
struct setting_list {
    const char *values[SETTINGS_LIST_MAX];
    uint32_t count;
};

struct settings {
    const char *config; /* NULL: none */
    bool only_check;
    struct setting_list listen;
    struct setting_list http_host;
    const char *data; /* NULL: nothing is kept */
    const char *durability;
    const char *segment;
    const char *forget_within;
    const char *snapshot_log;
    const char *shards;
    const char *access;
    const char *audit;
    const char *tls_certificate;
    const char *tls_key;
    const char *tls_client_ca;
    const char *http;
    const char *https;
    const char *console;
    const char *io;
    const char *user;
    const char *memory;
    const char *slow_ms;
    const char *log_level;
    const char *log_format;
    /* What the texts mean: settings_resolve. */
    struct sh_data_options data_options;
    uint32_t shard_count;  /* 0: not said */
    uint64_t memory_bytes; /* 0: no bound */
    uint32_t slow_threshold_ms;
    enum sh_log_level level;
    enum sh_log_form form;
};

/* All three. `what` is what was asked for instead of a server, "help", "version", "openapi"; NULL: nothing. Texts live as
 * long as the process. SH_ERR_ARGUMENT with where and why. */
SH_MUST_CHECK enum sh_status settings_read(struct settings *settings, int argument_count, char **arguments,
                                           const char **what, struct sh_error *err);
/* In the form of the file. */
void settings_print(const struct settings *settings);
void settings_usage(void);

#endif
