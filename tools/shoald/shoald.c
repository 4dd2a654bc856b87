/* shoald.c -- the server program: flags, signals, one line when it serves. */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bitmap_kernels.h"
#include "isa.h"
#include "server.h"
#include "server_log.h"

enum {
    EXIT_USAGE = 64,  /* sysexits.h: the command line */
    EXIT_SYSTEM = 71, /* sysexits.h: the system refuses (an address, a thread, memory) */
    ADDRESS_COUNT_MAX = 8,
    LOOK_MS = 200, /* between two looks at whether the loops have ended by themselves */
};

static const char default_address[] = "127.0.0.1:7717";

static const char usage[] =
    "Usage: shoald [--listen ADDRESS]... [--shards N] [--io uring|epoll] [--log-level LEVEL]\n"
    "\n"
    "Keeps users, items and events in memory and answers questions about them.\n"
    "\n"
    "  --listen ADDRESS   HOST:PORT, [IPV6]:PORT or unix:/path; up to 8 times (default 127.0.0.1:7717)\n"
    "  --shards N         loops, each with a part of the users (default: one a processor)\n"
    "  --io BODY          uring or epoll (default: uring where the kernel has it; also SHOAL_IO)\n"
    "  --log-level LEVEL  error, warn, info or debug (default info)\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "SIGTERM or SIGINT: answer what has come in, then stop. A second one: stop at once.\n";

struct settings {
    const char *addresses[ADDRESS_COUNT_MAX];
    uint32_t address_count;
    uint32_t shard_count;
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

static struct settings read_settings(int argument_count, char **arguments) {
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'},
        {"shards", required_argument, NULL, 's'},
        {"io", required_argument, NULL, 'i'},
        {"log-level", required_argument, NULL, 'v'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct settings settings = {.shard_count = processor_count(), .log_level = SH_LOG_INFO};
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
        case 'i':
            settings.io = optarg;
            break;
        case 'v':
            if (sh_log_level_parse(optarg, &settings.log_level, &err) != SH_OK) refuse(err.message);
            break;
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

static void print_ready(const struct sh_server *server, const struct settings *settings, enum sh_io_body io) {
    printf("shoald ready");
    for (uint32_t i = 0; i < settings->address_count; i++)
        printf(" %s", sh_server_address(server, i));
    printf(" (version %s, %u %s, %s, %s)\n", SHOAL_VERSION, settings->shard_count,
           settings->shard_count == 1 ? "shard" : "shards", sh_io_body_name(io), sh_bits->name);
    (void)fflush(stdout);
}

/* Until the loops have ended. */
static void serve(struct sh_server *server, const sigset_t *signals) {
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    bool stopping = false;
    while (!sh_server_has_ended(server)) {
        const int signal_number = sigtimedwait(signals, NULL, &look);
        if (signal_number <= 0) continue;
        if (stopping) {
            sh_log(SH_LOG_WARN, "a second signal: closing at once");
            sh_server_abort(server);
        } else {
            sh_log(SH_LOG_INFO, "stopping: what has come in is answered");
            sh_server_stop(server);
        }
        stopping = true;
    }
}

int main(int argument_count, char **arguments) {
    const struct settings settings = read_settings(argument_count, arguments);
    sh_log_set_level(settings.log_level);
    /* Blocked in all threads, so that only serve() takes them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    raise_descriptor_limit();

    struct sh_error err;
    enum sh_io_body io;
    if (sh_isa_check(&err) != SH_OK) refuse(err.message);
    if (sh_io_choose(settings.io, &io, &err) != SH_OK) refuse(err.message);
    if (err.message[0] != '\0') sh_log(SH_LOG_WARN, "%s", err.message);
    for (uint32_t i = 0; i < settings.address_count; i++)
        if (!sh_io_address_is_local(settings.addresses[i]))
            sh_log(SH_LOG_WARN, "%s can be reached from other machines, and everybody there may read and write",
                   settings.addresses[i]);
    const struct sh_server_options options = {.addresses = settings.addresses,
                                              .address_count = settings.address_count,
                                              .shard_count = settings.shard_count,
                                              .io = io};
    struct sh_server *server;
    if (sh_server_start(&options, &server, &err) != SH_OK) {
        (void)fprintf(stderr, "shoald: %s\n", err.message);
        return err.status == SH_ERR_ARGUMENT ? EXIT_USAGE : EXIT_SYSTEM;
    }
    print_ready(server, &settings, io);
    serve(server, &signals);
    if (sh_server_join(server, &err) == SH_OK) return 0;
    (void)fprintf(stderr, "shoald: %s\n", err.message);
    return EXIT_SYSTEM;
}
