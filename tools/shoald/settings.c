#include "settings.h"

#include <ctype.h>
#include <getopt.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory_size.h"

enum {
    SEGMENT_MIB_MAX = 4096,
    SNAPSHOT_LOG_MIB_MAX = 1 << 20,
    MEMORY_MIB_MAX = 1 << 30,
    FORGET_S_MIN = 2,
    FORGET_S_MAX = 366 * 86400,
    SLOW_MS_MAX = 3600000,
    NAME_BYTES_MAX = 32,
};

static const char default_address[] = "127.0.0.1:7717";

/* ---- the table ---- */

struct setting {
    const char *name;
    const char *value; /* what stands for it in the usage; NULL: it is a flag and nothing else */
    size_t place;      /* of a text, or of a list */
    bool is_list;
    const char *words; /* for people; lines after the first are indented */
};

#define TEXT(name, value, member, words)                                                                               \
    { name, value, offsetof(struct settings, member), false, words }
#define LIST(name, value, member, words)                                                                               \
    { name, value, offsetof(struct settings, member), true, words }
#define FLAG(name, words)                                                                                              \
    { name, NULL, 0, false, words }

static const struct setting known[] = {
    LIST("listen", "ADDRESS", listen,
         "HOST:PORT, [IPV6]:PORT, tls:HOST:PORT or unix:/path; up to 8 times (default 127.0.0.1:7717)"),
    TEXT("data", "DIR", data,
         "keep what is written in DIR, and begin with what is there (default: all is in memory only,\n"
         "and gone with the server)"),
    TEXT("durability", "MODE", durability,
         "sync: a write is answered when it survives a power cut (default);\n"
         "interval: when it survives the end of the server, and a power cut 0.1 s later;\n"
         "none: when it survives the end of the server"),
    TEXT("segment", "SIZE", segment, "of one file of the log, in MiB (default 64)"),
    TEXT("snapshot-log", "N", snapshot_log, "MiB of log until a snapshot is taken (default 1024; 0: only when asked)"),
    TEXT("forget-within", "SECONDS", forget_within,
         "who is forgotten is gone from the files in DIR, too, after so long (default 86400)"),
    TEXT("shards", "N", shards, "loops, each with a part of the users (default: as in DIR, or one a processor)"),
    TEXT("access", "FILE", access,
         "only who shows a token of FILE is served (shoal token makes them; default: DIR/access.json\n"
         "if it is there). Without tokens only addresses of this machine are listened on"),
    TEXT("audit", "FILE", audit,
         "append a line for each request that administers, exports or forgets, and for wrong tokens"),
    TEXT("tls-certificate", "FILE", tls_certificate,
         "what tls: addresses show, with the certificates that lead to its issuer (PEM)"),
    TEXT("tls-key", "FILE", tls_key, "its key (default: in the same file)"),
    TEXT("tls-client-ca", "FILE", tls_client_ca, "clients must show a certificate of one of these issuers, too"),
    TEXT("http", "ADDRESS", http,
         "also serve HTTP: the console, calls as JSON, probes, metrics (usually 127.0.0.1:7718)"),
    TEXT("https", "HOST:PORT", https,
         "serve HTTP with TLS there, too, with the certificate of tls: addresses; elsewhere than on this\n"
         "machine it needs tokens"),
    LIST("http-host", "NAME", http_host, "a name, besides localhost, under which browsers may call it; up to 8 times"),
    TEXT("console", "DIR", console, "the console's files (default: ../share/shoal/console beside this program)"),
    TEXT("io", "BODY", io, "uring or epoll (default: uring where the kernel has it; also SHOAL_IO)"),
    TEXT("user", "NAME", user, "started as root: go on as this user, before anything is opened"),
    TEXT("memory", "SIZE", memory,
         "MiB that it may use; more writes and then questions are refused, with `limit` (default: seven\n"
         "eighths of what the machine or its control group has; 0: no bound)"),
    TEXT("slow-ms", "N", slow_ms, "note requests that take at least so many ms in the log (default 1000; 0: none)"),
    TEXT("log-level", "LEVEL", log_level, "error, warn, info or debug (default info)"),
    TEXT("log-format", "FORM", log_format, "text, or json: an object a line (default text)"),
    TEXT("config", "FILE", config, "more of these, a line each: name = value"),
    FLAG("check-config", "say what is set, and whether it can be; serve nobody"),
    FLAG("openapi", "print the description of its calls over HTTP (OpenAPI 3.0)"),
    FLAG("version", "print the version"),
    FLAG("help", "print this"),
};
enum { KNOWN_COUNT = sizeof known / sizeof known[0] };

static const struct setting *find_setting(const char *name) {
    for (uint32_t i = 0; i < KNOWN_COUNT; i++)
        if (strcmp(known[i].name, name) == 0) return &known[i];
    return NULL;
}

static const char **text_of(struct settings *settings, const struct setting *setting) {
    return (const char **)(void *)((char *)settings + setting->place);
}

static struct setting_list *list_of(struct settings *settings, const struct setting *setting) {
    return (struct setting_list *)(void *)((char *)settings + setting->place);
}

static enum sh_status give(struct settings *settings, const struct setting *setting, const char *value,
                           struct sh_error *err) {
    if (!setting->is_list) {
        *text_of(settings, setting) = value;
        return SH_OK;
    }
    struct setting_list *list = list_of(settings, setting);
    if (list->count == SETTINGS_LIST_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s may be given %d times", setting->name, SETTINGS_LIST_MAX);
    list->values[list->count++] = value;
    return SH_OK;
}

/* What a later layer says takes the place of what an earlier one said. */
static void lay_over(struct settings *settings, struct settings *layer) {
    for (uint32_t i = 0; i < KNOWN_COUNT; i++) {
        const struct setting *setting = &known[i];
        if (setting->value == NULL) continue;
        if (setting->is_list && list_of(layer, setting)->count > 0)
            *list_of(settings, setting) = *list_of(layer, setting);
        if (!setting->is_list && *text_of(layer, setting) != NULL)
            *text_of(settings, setting) = *text_of(layer, setting);
    }
}

static enum sh_status fail_unknown(const char *name, const char *where, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, sh_text_of(name));
    for (uint32_t i = 0; i < KNOWN_COUNT; i++)
        if (known[i].value != NULL) sh_nearest_offer(&search, sh_text_of(known[i].name));
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "%sthere is no setting \"%.80s\"", where, name);
    if (search.nearest.count == 0) return SH_ERR_ARGUMENT;
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "did you mean %.*s?", SH_TEXT_ARGS(search.nearest));
}

/* Settings are few and stay for as long as the process does; a list of them says whose they are. */
static char *keep(const char *text) {
    static struct kept {
        struct kept *before;
        char text[];
    } * latest;
    const size_t byte_count = strlen(text) + 1;
    struct kept *kept = malloc(sizeof *kept + byte_count);
    if (kept == NULL) abort();
    memcpy(kept->text, text, byte_count);
    kept->before = latest;
    latest = kept;
    return kept->text;
}

/* ---- flags ---- */

static enum sh_status read_flags(struct settings *flags, int argument_count, char **arguments, const char **what,
                                 struct sh_error *err) {
    struct option options[KNOWN_COUNT + 1] = {{0}};
    int place;
    for (uint32_t i = 0; i < KNOWN_COUNT; i++)
        options[i] =
            (struct option){known[i].name, known[i].value != NULL ? required_argument : no_argument, NULL, 'x'};
    for (int option; (option = getopt_long(argument_count, arguments, "", options, &place)) != -1;) {
        if (option != 'x') return sh_fail(err, SH_ERR_ARGUMENT, -1, "these are not its flags");
        const struct setting *setting = &known[place];
        if (setting->value != NULL) {
            const enum sh_status status = give(flags, setting, optarg, err);
            if (status != SH_OK) return status;
        } else if (strcmp(setting->name, "check-config") == 0) {
            flags->only_check = true;
        } else {
            *what = setting->name;
            return SH_OK;
        }
    }
    if (optind < argument_count) return sh_fail(err, SH_ERR_ARGUMENT, -1, "it takes flags only");
    return SH_OK;
}

/* ---- the environment ---- */

static const char prefix[] = "SHOALD_";

static enum sh_status give_words(struct settings *settings, const struct setting *setting, char *words,
                                 struct sh_error *err) {
    char *rest = NULL;
    enum sh_status status = SH_OK;
    for (char *word = strtok_r(words, " \t", &rest); word != NULL && status == SH_OK;
         word = strtok_r(NULL, " \t", &rest))
        status = give(settings, setting, word, err);
    return status;
}

static enum sh_status read_variable(struct settings *settings, const char *variable, struct sh_error *err) {
    char name[NAME_BYTES_MAX] = "";
    const char *from = variable + sizeof prefix - 1;
    const size_t count = strcspn(from, "=");
    for (size_t i = 0; i < count && i + 1 < sizeof name; i++)
        name[i] = from[i] == '_' ? '-' : (char)tolower((unsigned char)from[i]);
    const struct setting *setting = find_setting(name);
    if (setting == NULL || setting->value == NULL) return fail_unknown(name, "the environment: ", err);
    if (from[count] == '\0' || from[count + 1] == '\0') return SH_OK; /* empty is as if it were not there */
    char *value = keep(from + count + 1);
    return setting->is_list ? give_words(settings, setting, value, err) : give(settings, setting, value, err);
}

static enum sh_status read_environment(struct settings *settings, struct sh_error *err) {
    enum sh_status status = SH_OK;
    for (char **variable = environ; *variable != NULL && status == SH_OK; variable++)
        if (strncmp(*variable, prefix, sizeof prefix - 1) == 0) status = read_variable(settings, *variable, err);
    return status;
}

/* ---- the file ---- */

struct file_reading {
    struct settings *settings;
    struct sh_error *err;
    enum sh_status status;
};

static int on_line(void *context, const char *section, const char *name, const char *value) {
    struct file_reading *reading = context;
    const struct setting *setting = find_setting(name);
    if (section[0] != '\0')
        reading->status = sh_fail(reading->err, SH_ERR_ARGUMENT, -1, "there are no sections");
    else if (setting == NULL || setting->value == NULL || strcmp(name, "config") == 0)
        reading->status = fail_unknown(name, "", reading->err);
    else if (value == NULL || value[0] == '\0')
        reading->status = sh_fail(reading->err, SH_ERR_ARGUMENT, -1, "%s has no value", name);
    else
        reading->status = give(reading->settings, setting, keep(value), reading->err);
    return reading->status == SH_OK;
}

static enum sh_status read_file(struct settings *settings, const char *path, struct sh_error *err) {
    struct sh_error inner = {.status = SH_OK};
    struct file_reading reading = {.settings = settings, .err = &inner};
    const int line = ini_parse(path, on_line, &reading);
    if (line == 0) return SH_OK;
    if (line < 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s cannot be read", path);
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "%s:%d: %s", path, line,
                  reading.status == SH_OK ? "a line is NAME = VALUE" : inner.message);
    return inner.hint[0] == '\0' ? SH_ERR_ARGUMENT : sh_fail_hint(err, SH_ERR_ARGUMENT, "%s", inner.hint);
}

/* ---- what it means ---- */

static enum sh_status parse_number(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *number,
                                   struct sh_error *err) {
    char *end;
    if (text == NULL) return SH_OK;
    const unsigned long parsed = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || parsed < low || parsed > high)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s is a number from %u to %u, not \"%.40s\"", name, low, high, text);
    *number = (uint32_t)parsed;
    return SH_OK;
}

static enum sh_status parse_durability(const char *text, enum sh_log_durability *durability, struct sh_error *err) {
    static const char *const words[] = {[SH_LOG_SYNC] = "sync", [SH_LOG_INTERVAL] = "interval", [SH_LOG_NONE] = "none"};
    for (uint32_t i = 0; text != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *durability = (enum sh_log_durability)i;
        return SH_OK;
    }
    if (text == NULL) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "durability is sync, interval or none, not \"%.40s\"", text);
}

static enum sh_status resolve_data(struct settings *settings, struct sh_error *err) {
    uint32_t segment_mib = 0;
    uint32_t snapshot_mib = 0;
    uint32_t forget_s = 0;
    struct sh_data_options *options = &settings->data_options;
    enum sh_status status = parse_durability(settings->durability, &options->durability, err);
    if (status == SH_OK) status = parse_number("segment", settings->segment, 1, SEGMENT_MIB_MAX, &segment_mib, err);
    if (status == SH_OK)
        status = parse_number("snapshot-log", settings->snapshot_log, 0, SNAPSHOT_LOG_MIB_MAX, &snapshot_mib, err);
    if (status == SH_OK)
        status = parse_number("forget-within", settings->forget_within, FORGET_S_MIN, FORGET_S_MAX, &forget_s, err);
    if (status != SH_OK) return status;
    options->forget_ms = (uint64_t)forget_s * 1000;
    options->path = settings->data;
    options->segment_bytes = (uint64_t)segment_mib << 20;
    options->snapshot_log_bytes = (uint64_t)snapshot_mib << 20;
    if (settings->snapshot_log != NULL && snapshot_mib == 0) options->snapshot_log_bytes = UINT64_MAX;
    if (settings->data == NULL && (settings->durability != NULL || settings->segment != NULL ||
                                   settings->snapshot_log != NULL || settings->forget_within != NULL))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "durability, segment, snapshot-log and forget-within go with data");
    return SH_OK;
}

static enum sh_status check_company(const struct settings *settings, struct sh_error *err) {
    if (settings->http == NULL && settings->https == NULL &&
        (settings->http_host.count > 0 || settings->console != NULL))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "http-host and console go with http or https");
    if (settings->https != NULL && settings->tls_certificate == NULL)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "https goes with tls-certificate");
    if (settings->http != NULL && !sh_io_address_is_local(settings->http))
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "http is for this machine only: 127.0.0.1:PORT, [::1]:PORT or unix:/path; for others there is "
                       "https");
    if (settings->tls_certificate == NULL && (settings->tls_key != NULL || settings->tls_client_ca != NULL))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "tls-key and tls-client-ca go with --tls-certificate");
    return SH_OK;
}

static enum sh_status resolve_memory(struct settings *settings, struct sh_error *err) {
    uint32_t mib = 0;
    if (settings->memory == NULL) {
        const uint64_t all = memory_size();
        settings->memory_bytes = all - all / 8;
        return SH_OK;
    }
    const enum sh_status status = parse_number("memory", settings->memory, 0, MEMORY_MIB_MAX, &mib, err);
    settings->memory_bytes = (uint64_t)mib << 20;
    return status;
}

static enum sh_status resolve(struct settings *settings, struct sh_error *err) {
    enum sh_status status = resolve_data(settings, err);
    settings->slow_threshold_ms = 1000;
    settings->level = SH_LOG_INFO;
    if (status == SH_OK) status = check_company(settings, err);
    if (status == SH_OK)
        status = parse_number("shards", settings->shards, 1, SH_SHARD_COUNT_MAX, &settings->shard_count, err);
    if (status == SH_OK)
        status = parse_number("slow-ms", settings->slow_ms, 0, SLOW_MS_MAX, &settings->slow_threshold_ms, err);
    if (status == SH_OK) status = resolve_memory(settings, err);
    if (status == SH_OK && settings->log_level != NULL)
        status = sh_log_level_parse(settings->log_level, &settings->level, err);
    if (status == SH_OK && settings->log_format != NULL)
        status = sh_log_form_parse(settings->log_format, &settings->form, err);
    if (settings->listen.count == 0) settings->listen.values[settings->listen.count++] = default_address;
    return status;
}

enum sh_status settings_read(struct settings *settings, int argument_count, char **arguments, const char **what,
                             struct sh_error *err) {
    struct settings flags = {0};
    struct settings environment = {0};
    *settings = (struct settings){0};
    *what = NULL;
    optind = 1;
    enum sh_status status = read_flags(&flags, argument_count, arguments, what, err);
    if (status != SH_OK || *what != NULL) return status;
    if ((status = read_environment(&environment, err)) != SH_OK) return status;
    const char *config = flags.config != NULL ? flags.config : environment.config;
    if (config != NULL && (status = read_file(settings, config, err)) != SH_OK) return status;
    lay_over(settings, &environment);
    lay_over(settings, &flags);
    settings->only_check = flags.only_check;
    return resolve(settings, err);
}

/* ---- for people ---- */

void settings_print(const struct settings *settings) {
    struct settings shown = *settings;
    for (uint32_t i = 0; i < KNOWN_COUNT; i++) {
        const struct setting *setting = &known[i];
        if (setting->value == NULL || strcmp(setting->name, "config") == 0) continue;
        for (uint32_t j = 0; setting->is_list && j < list_of(&shown, setting)->count; j++)
            printf("%s = %s\n", setting->name, list_of(&shown, setting)->values[j]);
        if (!setting->is_list && *text_of(&shown, setting) != NULL)
            printf("%s = %s\n", setting->name, *text_of(&shown, setting));
    }
}

void settings_usage(void) {
    (void)fputs("Usage: shoald [--config FILE] [--listen ADDRESS]... [--data DIR] [--access FILE] ...\n\n"
                "Keeps users, items and events in memory and answers questions about them.\n\n",
                stdout);
    for (uint32_t i = 0; i < KNOWN_COUNT; i++) {
        char head[64];
        const char *line = known[i].words;
        (void)snprintf(head, sizeof head, "--%s %s", known[i].name, known[i].value != NULL ? known[i].value : "");
        while (line != NULL) {
            const char *end = strchr(line, '\n');
            printf("  %-24s %.*s\n", head, end != NULL ? (int)(end - line) : (int)strlen(line), line);
            head[0] = '\0';
            line = end != NULL ? end + 1 : NULL;
        }
    }
    (void)fputs(
        "\nEach may stand in FILE as NAME = VALUE, or in the environment as SHOALD_NAME; flags come first, then the\n"
        "environment, then FILE.\n"
        "SIGHUP: read tokens, certificate, log-level, log-format, slow-ms and memory anew, open the audit log anew.\n"
        "SIGTERM or SIGINT: answer what has come in, then stop; a second one: stop at once.\n"
        "Exit status: 0 stopped, 64 wrong settings, 65 DIR is damaged, 71 the system refuses, 74 the disk refuses or\n"
        "is full, 75 another server has DIR.\n",
        stdout);
}
