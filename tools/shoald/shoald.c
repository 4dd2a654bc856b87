/* shoald.c -- the server program: flags, signals, one line when it serves. */
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bitmap_kernels.h"
#include "http.h"
#include "isa.h"
#include "openapi.h"
#include "server.h"
#include "server_log.h"

enum {
    EXIT_USAGE = 64,  /* sysexits.h: the command line */
    EXIT_DAMAGE = 65, /* sysexits.h: what is kept is damaged, or of a later version */
    EXIT_SYSTEM = 71, /* sysexits.h: the system refuses (an address, a thread, memory) */
    EXIT_DISK = 74,   /* sysexits.h: the disk refuses, or is full */
    EXIT_HELD = 75,   /* sysexits.h: another server has the data directory */
    ADDRESS_COUNT_MAX = 8,
    SEGMENT_MIB_MAX = 4096,
    SNAPSHOT_LOG_MIB_MAX = 1 << 20,
    SLOW_MS_MAX = 3600000,
    SLOW_MS_DEFAULT = 1000,
    LOOK_MS = 200, /* between two looks at whether the loops have ended by themselves */
};

static const char default_address[] = "127.0.0.1:7717";

static const char usage[] =
    "Usage: shoald [--listen ADDRESS]... [--data DIR [--durability MODE]] [--shards N] [--io uring|epoll]\n"
    "              [--access FILE] [--tls-certificate FILE [--tls-key FILE] [--tls-client-ca FILE]]\n"
    "              [--http ADDRESS [--http-host NAME]... [--console DIR]] [--log-level LEVEL]\n"
    "\n"
    "Keeps users, items and events in memory and answers questions about them.\n"
    "\n"
    "  --listen ADDRESS   HOST:PORT, [IPV6]:PORT, tls:HOST:PORT or unix:/path; up to 8 times\n"
    "                     (default 127.0.0.1:7717)\n"
    "  --data DIR         keep what is written in DIR, and begin with what is there (default: all is in memory\n"
    "                     only, and gone with the server)\n"
    "  --durability MODE  sync: a write is answered when it survives a power cut (default);\n"
    "                     interval: when it survives the end of the server, and a power cut 0.1 s later;\n"
    "                     none: when it survives the end of the server\n"
    "  --segment SIZE     of one file of the log, in MiB (default 64)\n"
    "  --snapshot-log N   MiB of log until a snapshot is taken (default 1024; 0: only when asked)\n"
    "  --access FILE      only who shows a token of FILE is served (shoal token makes them; default: DIR/access.json\n"
    "                     if it is there). Without tokens only addresses of this machine are listened on\n"
    "  --tls-certificate FILE  what tls: addresses show, with the certificates that lead to its issuer (PEM)\n"
    "  --tls-key FILE     its key (default: in the same file)\n"
    "  --tls-client-ca FILE    clients must show a certificate of one of these issuers, too\n"
    "  --shards N         loops, each with a part of the users (default: as in DIR, or one a processor)\n"
    "  --http ADDRESS     also serve HTTP: the console, calls as JSON, probes, metrics (usually 127.0.0.1:7718)\n"
    "  --http-host NAME   a name, besides localhost, under which browsers may call it; up to 8 times\n"
    "  --console DIR      the console's files (default: ../share/shoal/console beside this program)\n"
    "  --io BODY          uring or epoll (default: uring where the kernel has it; also SHOAL_IO)\n"
    "  --slow-ms N        note requests that take at least so many ms in the log (default 1000; 0: none)\n"
    "  --log-level LEVEL  error, warn, info or debug (default info)\n"
    "  --openapi          print the description of its calls over HTTP (OpenAPI 3.0)\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "SIGHUP: read tokens and certificate anew. SIGTERM or SIGINT: answer what has come in, then stop; a second one:\n"
    "stop at once.\n"
    "Exit status: 0 stopped, 64 wrong flags, 65 DIR is damaged, 71 the system refuses, 74 the disk refuses or is "
    "full,\n"
    "75 another server has DIR.\n";

struct settings {
    const char *addresses[ADDRESS_COUNT_MAX];
    uint32_t address_count;
    uint32_t shard_count;        /* 0: not given */
    struct sh_data_options data; /* path NULL: none */
    bool has_durability;
    struct sh_tls_files tls;
    const char *access; /* path; NULL: none */
    char access_of_data[SH_DATA_PATH_BYTES_MAX];
    struct sh_http_options http; /* address NULL: none */
    const char *http_hosts[SH_HTTP_HOST_COUNT_MAX];
    uint32_t slow_ms;
    const char *io;
    enum sh_log_level log_level;
};

static uint32_t processor_count(void) {
    cpu_set_t set;
    const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > SH_SHARD_COUNT_MAX ? SH_SHARD_COUNT_MAX : (uint32_t)count;
}

static _Noreturn void refuse(const char *why) {
    (void)fprintf(stderr, "shoald: %s\nTry: shoald --help\n", why);
    exit(EXIT_USAGE);
}

static uint32_t parse_shards(const char *text) {
    char *end;
    const unsigned long count = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || count < 1 || count > SH_SHARD_COUNT_MAX)
        refuse("--shards needs a number from 1 to 64");
    return (uint32_t)count;
}

static enum sh_log_durability parse_durability(const char *text) {
    static const char *const words[] = {[SH_LOG_SYNC] = "sync", [SH_LOG_INTERVAL] = "interval", [SH_LOG_NONE] = "none"};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) return (enum sh_log_durability)i;
    refuse("--durability is sync, interval or none");
}

static uint64_t parse_segment(const char *text) {
    char *end;
    const unsigned long count = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || count < 1 || count > SEGMENT_MIB_MAX)
        refuse("--segment needs a number of MiB from 1 to 4096");
    return (uint64_t)count << 20;
}

static uint64_t parse_snapshot_log(const char *text) {
    char *end;
    const unsigned long count = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || count > SNAPSHOT_LOG_MIB_MAX)
        refuse("--snapshot-log needs a number of MiB up to 1048576");
    return count == 0 ? UINT64_MAX : (uint64_t)count << 20;
}

static uint32_t parse_slow_ms(const char *text) {
    char *end;
    const unsigned long count = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || count > SLOW_MS_MAX)
        refuse("--slow-ms needs a number of milliseconds up to 3600000");
    return (uint32_t)count;
}

static void print_openapi(void) {
    struct sh_buffer json;
    sh_buffer_init(&json, SH_ANSWER_BYTES_MAX);
    sh_openapi_write(&json);
    (void)fwrite(json.bytes, 1, json.count, stdout);
    sh_buffer_deinit(&json);
}

static struct settings read_settings(int argument_count, char **arguments) {
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'},
        {"data", required_argument, NULL, 'd'},
        {"durability", required_argument, NULL, 'u'},
        {"segment", required_argument, NULL, 'g'},
        {"snapshot-log", required_argument, NULL, 'n'},
        {"shards", required_argument, NULL, 's'},
        {"http", required_argument, NULL, 't'},
        {"http-host", required_argument, NULL, 'o'},
        {"console", required_argument, NULL, 'c'},
        {"slow-ms", required_argument, NULL, 'w'},
        {"io", required_argument, NULL, 'i'},
        {"access", required_argument, NULL, 'a'},
        {"tls-certificate", required_argument, NULL, 'P'},
        {"tls-key", required_argument, NULL, 'K'},
        {"tls-client-ca", required_argument, NULL, 'Q'},
        {"log-level", required_argument, NULL, 'v'},
        {"openapi", no_argument, NULL, 'p'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct settings settings = {.log_level = SH_LOG_INFO, .slow_ms = SLOW_MS_DEFAULT};
    struct sh_error err;
    for (int option; (option = getopt_long(argument_count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 'l':
            if (settings.address_count == ADDRESS_COUNT_MAX) refuse("--listen may be given 8 times");
            settings.addresses[settings.address_count++] = optarg;
            break;
        case 's':
            settings.shard_count = parse_shards(optarg);
            break;
        case 'd':
            settings.data.path = optarg;
            break;
        case 'u':
            settings.data.durability = parse_durability(optarg);
            settings.has_durability = true;
            break;
        case 'g':
            settings.data.segment_bytes = parse_segment(optarg);
            break;
        case 'n':
            settings.data.snapshot_log_bytes = parse_snapshot_log(optarg);
            break;
        case 'a':
            settings.access = optarg;
            break;
        case 't':
            settings.http.address = optarg;
            break;
        case 'o':
            if (settings.http.host_count == SH_HTTP_HOST_COUNT_MAX) refuse("--http-host may be given 8 times");
            settings.http_hosts[settings.http.host_count++] = optarg;
            break;
        case 'c':
            settings.http.console = optarg;
            break;
        case 'w':
            settings.slow_ms = parse_slow_ms(optarg);
            break;
        case 'P':
            settings.tls.certificate = optarg;
            break;
        case 'K':
            settings.tls.key = optarg;
            break;
        case 'Q':
            settings.tls.authorities = optarg;
            break;
        case 'i':
            settings.io = optarg;
            break;
        case 'v':
            if (sh_log_level_parse(optarg, &settings.log_level, &err) != SH_OK) refuse(err.message);
            break;
        case 'p':
            print_openapi();
            exit(0);
        case 'V':
            printf("shoald %s\n", SHOAL_VERSION);
            exit(0);
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            (void)fputs("Try: shoald --help\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argument_count) refuse("it takes flags only");
    if (settings.data.path == NULL &&
        (settings.has_durability || settings.data.segment_bytes != 0 || settings.data.snapshot_log_bytes != 0))
        refuse("--durability, --segment and --snapshot-log go with --data");
    if (settings.http.address == NULL && (settings.http.host_count > 0 || settings.http.console != NULL))
        refuse("--http-host and --console go with --http");
    if (settings.http.address != NULL && !sh_io_address_is_local(settings.http.address))
        refuse("--http is for this machine only: 127.0.0.1:PORT, [::1]:PORT or unix:/path");
    if (settings.tls.certificate == NULL && (settings.tls.key != NULL || settings.tls.authorities != NULL))
        refuse("--tls-key and --tls-client-ca go with --tls-certificate");
    if (settings.address_count == 0) settings.addresses[settings.address_count++] = default_address;
    return settings;
}

/* One descriptor a connection; the soft limit is often far below what the server takes. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    const rlim_t wanted = SH_CONNECTION_COUNT_MAX + 1000;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        sh_log(SH_LOG_WARN, "only %llu descriptors may be open, so fewer than %d connections",
               (unsigned long long)limit.rlim_cur, SH_CONNECTION_COUNT_MAX);
}

/* Beside the program, in the build tree as where it is installed. NULL if there is no such folder. */
static const char *find_console(void) {
    static char folder[PATH_MAX];
    const ssize_t count = readlink("/proc/self/exe", folder, sizeof folder - 1);
    for (ssize_t cut = count, slashes = 0; cut > 0 && slashes < 2; cut--)
        if (folder[cut - 1] == '/' && ++slashes == 2) {
            const size_t room = sizeof folder - (size_t)cut;
            if (snprintf(folder + cut, room, "share/shoal/console") >= (int)room) return NULL;
            return access(folder, R_OK | X_OK) == 0 ? folder : NULL;
        }
    return NULL;
}

/* HTTP answers its probes while what was kept is being loaded. */
static enum sh_status start_http(struct settings *settings, struct sh_access *access, struct sh_http **http,
                                 struct sh_error *err) {
    *http = NULL;
    if (settings->http.address == NULL) return SH_OK;
    settings->http.hosts = settings->http_hosts;
    settings->http.access = access;
    if (settings->http.console == NULL) settings->http.console = find_console();
    return sh_http_start(&settings->http, http, err);
}

static void print_ready(const struct sh_server *server, const struct sh_http *http, const struct settings *settings,
                        enum sh_io_body io) {
    printf("shoald ready");
    for (uint32_t i = 0; i < settings->address_count; i++)
        printf(" %s", sh_server_address(server, i));
    if (http != NULL) printf(" http://%s", sh_http_address(http));
    printf(" (version %s, %u %s, %s, %s)\n", SHOAL_VERSION, settings->shard_count,
           settings->shard_count == 1 ? "shard" : "shards", sh_io_body_name(io), sh_bits->name);
    (void)fflush(stdout);
}

static void read_anew(struct sh_access *access, struct sh_tls *tls) {
    struct sh_error err;
    if (tls != NULL && sh_tls_reload(tls, &err) == SH_OK)
        sh_log(SH_LOG_INFO, "the certificate is read anew");
    else if (tls != NULL)
        sh_log(SH_LOG_ERROR, "the certificate stays as it was: %s", err.message);
    if (access == NULL) return;
    if (sh_access_reload(access, &err) == SH_OK)
        sh_log(SH_LOG_INFO, "tokens are read anew: there are %u", sh_access_token_count(access));
    else
        sh_log(SH_LOG_ERROR, "the tokens stay as they were: %s", err.message);
}

/* Until the loops have ended. */
static void serve(struct sh_server *server, struct sh_access *access, struct sh_tls *tls, struct sh_http *http,
                  const sigset_t *signals) {
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    bool stopping = false;
    while (!sh_server_has_ended(server)) {
        const int signal_number = sigtimedwait(signals, NULL, &look);
        if (signal_number <= 0) continue;
        if (signal_number == SIGHUP) {
            read_anew(access, tls);
            continue;
        }
        if (stopping) {
            sh_log(SH_LOG_WARN, "a second signal: closing at once");
            sh_server_abort(server);
        } else {
            sh_log(SH_LOG_INFO, "stopping: what has come in is answered");
            if (http != NULL) sh_http_quiet(http);
            sh_server_stop(server);
        }
        stopping = true;
    }
}

static int exit_status(enum sh_status status) {
    switch (status) {
    case SH_ERR_ARGUMENT:
        return EXIT_USAGE;
    case SH_ERR_CORRUPT:
    case SH_ERR_UNSUPPORTED:
        return EXIT_DAMAGE;
    case SH_ERR_BUSY:
        return EXIT_HELD;
    case SH_ERR_IO:
    case SH_ERR_LIMIT:
        return EXIT_DISK;
    default:
        return EXIT_SYSTEM;
    }
}

/* An address that is in use, a console that cannot be read: nothing about what is kept. */
static int http_exit_status(enum sh_status status) {
    return status == SH_ERR_ARGUMENT ? EXIT_USAGE : EXIT_SYSTEM;
}

static int fail(const struct sh_error *err, int status) {
    (void)fprintf(stderr, "shoald: %s\n", err->message);
    if (err->hint[0] != '\0') (void)fprintf(stderr, "        %s\n", err->hint);
    return status;
}

/* As many shards as asked for; else as the data directory has; else one a processor. */
static enum sh_status choose_shards(struct settings *settings, struct sh_error *err) {
    enum sh_status status = SH_OK;
    if (settings->shard_count > 0) return SH_OK;
    if (settings->data.path != NULL)
        status = sh_data_peek(sh_disk_system(), settings->data.path, &settings->shard_count, err);
    if (settings->shard_count == 0) settings->shard_count = processor_count();
    return status;
}

/* Tokens of a file that is named, or of one in the data directory: who has put it there is not to be left without it
 * because a flag was forgotten. */
static enum sh_status open_access(struct settings *settings, struct sh_access **opened, struct sh_error *err) {
    *opened = NULL;
    if (settings->access == NULL && settings->data.path != NULL) {
        const int count = snprintf(settings->access_of_data, sizeof settings->access_of_data, "%s/%s",
                                   settings->data.path, SH_DATA_ACCESS_NAME);
        if (count < (int)sizeof settings->access_of_data && access(settings->access_of_data, F_OK) == 0)
            settings->access = settings->access_of_data;
    }
    if (settings->access == NULL) return SH_OK;
    const enum sh_status status = sh_access_open(settings->access, opened, err);
    if (status == SH_OK && sh_access_token_count(*opened) == 0)
        sh_log(SH_LOG_WARN, "there are no tokens in %s yet: only this user is served, at a Unix socket",
               settings->access);
    return status;
}

static void warn_of_plain_addresses(const struct settings *settings) {
    for (uint32_t i = 0; i < settings->address_count; i++)
        if (!sh_io_address_is_local(settings->addresses[i]) && strncmp(settings->addresses[i], "tls:", 4) != 0)
            sh_log(SH_LOG_WARN, "what goes to and from %s can be read on the way, tokens too: tls:%s would hide it",
                   settings->addresses[i], settings->addresses[i]);
}

int main(int argument_count, char **arguments) {
    struct settings settings = read_settings(argument_count, arguments);
    sh_log_set_level(settings.log_level);
    /* Blocked in all threads, so that only serve() takes them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    raise_descriptor_limit();

    struct sh_error err;
    enum sh_io_body io;
    if (sh_isa_check(&err) != SH_OK) refuse(err.message);
    if (sh_io_choose(settings.io, &io, &err) != SH_OK) refuse(err.message);
    if (err.message[0] != '\0') sh_log(SH_LOG_WARN, "%s", err.message);
    if (settings.data.path == NULL)
        sh_log(SH_LOG_WARN, "without --data all is in memory only, and gone when the server ends");
    if (choose_shards(&settings, &err) != SH_OK) return fail(&err, exit_status(err.status));
    struct sh_access *access;
    if (open_access(&settings, &access, &err) != SH_OK) return fail(&err, exit_status(err.status));
    struct sh_tls *tls = NULL;
    if (settings.tls.certificate != NULL && sh_tls_open_server(&settings.tls, &tls, &err) != SH_OK)
        return fail(&err, exit_status(err.status));
    warn_of_plain_addresses(&settings);
    const struct sh_server_options options = {.addresses = settings.addresses,
                                              .address_count = settings.address_count,
                                              .shard_count = settings.shard_count,
                                              .io = io,
                                              .slow_ms = settings.slow_ms,
                                              .access = access,
                                              .tls = tls,
                                              .data = settings.data.path == NULL ? NULL : &settings.data};
    struct sh_server *server;
    struct sh_http *http;
    enum sh_status status = start_http(&settings, access, &http, &err);
    if (status != SH_OK) {
        sh_access_close(access);
        return fail(&err, http_exit_status(status));
    }
    status = sh_server_start(&options, &server, &err);
    if (status == SH_OK) {
        if (http != NULL) sh_http_serve(http, server);
        print_ready(server, http, &settings, io);
        serve(server, access, tls, http, &signals);
        sh_http_stop(http);
        status = sh_server_join(server, &err);
    } else {
        sh_http_stop(http);
    }
    sh_access_close(access);
    sh_tls_close(tls);
    return status == SH_OK ? 0 : fail(&err, exit_status(err.status));
}
