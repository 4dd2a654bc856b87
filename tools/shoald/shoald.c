/* shoald.c -- the server program: what it is told becomes a server; signals; one line when it serves. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bitmap_kernels.h"
#include "isa.h"
#include "notify.h"
#include "openapi.h"
#include "settings.h"

enum {
    EXIT_USAGE = 64,  /* sysexits.h: the command line */
    EXIT_DAMAGE = 65, /* sysexits.h: what is kept is damaged, or of a later version */
    EXIT_SYSTEM = 71, /* sysexits.h: the system refuses (an address, a thread, memory) */
    EXIT_DISK = 74,   /* sysexits.h: the disk refuses, or is full */
    EXIT_HELD = 75,   /* sysexits.h: another server has the data directory */
    LOOK_MS = 200,    /* between two looks at whether the loops have ended by themselves */
};

static uint32_t processor_count(void) {
    cpu_set_t set;
    const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > SH_SHARD_COUNT_MAX ? SH_SHARD_COUNT_MAX : (uint32_t)count;
}

static void print_openapi(void) {
    struct sh_buffer json;
    sh_buffer_init(&json, SH_ANSWER_BYTES_MAX);
    sh_openapi_write(&json);
    (void)fwrite(json.bytes, 1, json.count, stdout);
    sh_buffer_deinit(&json);
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

/* What a server is made of, here. */
struct parts {
    struct sh_access *access; /* these four may be NULL */
    struct sh_tls *tls;
    struct sh_audit *audit;
    struct sh_http *http;
    struct sh_server *server;
    enum sh_io_body io;
    char access_of_data[SH_DATA_PATH_BYTES_MAX];
};

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

/* ---- who it runs as ---- */

/* Root may open everything, so who is told to be somebody else is so before anything is opened: what that user cannot
 * read is told now, and not when it is read anew. */
static enum sh_status become(const char *name, struct sh_error *err) {
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (name == NULL) return SH_OK;
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no user %s%s%s", name, errno != 0 ? ": " : "",
                       errno != 0 ? strerror(errno) : "");
    if (user->pw_uid == geteuid()) return SH_OK;
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "cannot become %s: %s", name, strerror(errno));
    if (user->pw_uid != 0 && setuid(0) == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s can become root again", name);
    return SH_OK;
}

/* ---- making it ---- */

/* As many shards as asked for; else as the data directory has; else one a processor. */
static enum sh_status choose_shards(struct settings *settings, struct sh_error *err) {
    enum sh_status status = SH_OK;
    if (settings->shard_count > 0) return SH_OK;
    if (settings->data != NULL) status = sh_data_peek(sh_disk_system(), settings->data, &settings->shard_count, err);
    if (settings->shard_count == 0) settings->shard_count = processor_count();
    return status;
}

/* Tokens of a file that is named, or of one in the data directory: who has put it there is not to be left without it
 * because a flag was forgotten. */
static enum sh_status open_access(const struct settings *settings, struct parts *parts, struct sh_error *err) {
    const char *path = settings->access;
    if (path == NULL && settings->data != NULL) {
        const int count =
            snprintf(parts->access_of_data, sizeof parts->access_of_data, "%s/%s", settings->data, SH_DATA_ACCESS_NAME);
        if (count < (int)sizeof parts->access_of_data && access(parts->access_of_data, F_OK) == 0)
            path = parts->access_of_data;
    }
    if (path == NULL) return SH_OK;
    const enum sh_status status = sh_access_open(path, &parts->access, err);
    if (status == SH_OK && sh_access_token_count(parts->access) == 0)
        sh_log(SH_LOG_WARN, "there are no tokens in %s yet: only this user is served, at a Unix socket", path);
    return status;
}

static void warn(const struct settings *settings) {
    if (settings->data == NULL)
        sh_log(SH_LOG_WARN, "without --data all is in memory only, and gone when the server ends");
    for (uint32_t i = 0; i < settings->listen.count; i++) {
        const char *address = settings->listen.values[i];
        if (!sh_io_address_is_local(address) && strncmp(address, "tls:", 4) != 0)
            sh_log(SH_LOG_WARN, "what goes to and from %s can be read on the way, tokens too: tls:%s would hide it",
                   address, address);
    }
}

/* Everything but the listening: what --check-config looks at. */
static enum sh_status open_parts(struct settings *settings, struct parts *parts, struct sh_error *err) {
    const struct sh_tls_files files = {settings->tls_certificate, settings->tls_key, settings->tls_client_ca};
    enum sh_status status = become(settings->user, err);
    if (status == SH_OK) status = sh_isa_check(err) == SH_OK ? SH_OK : SH_ERR_ARGUMENT;
    if (status == SH_OK && sh_io_choose(settings->io, &parts->io, err) != SH_OK) status = SH_ERR_ARGUMENT;
    if (status != SH_OK) return status;
    if (err->message[0] != '\0') sh_log(SH_LOG_WARN, "%s", err->message);
    if ((status = choose_shards(settings, err)) != SH_OK) return status;
    if ((status = open_access(settings, parts, err)) != SH_OK) return status;
    if (settings->tls_certificate != NULL) status = sh_tls_open_server(&files, &parts->tls, err);
    if (status == SH_OK && settings->audit != NULL) status = sh_audit_open(settings->audit, &parts->audit, err);
    return status;
}

static void close_parts(struct parts *parts) {
    sh_audit_close(parts->audit);
    sh_tls_close(parts->tls);
    sh_access_close(parts->access);
}

/* HTTP answers its probes while what was kept is being loaded. */
static enum sh_status start_http(const struct settings *settings, struct parts *parts, struct sh_error *err) {
    struct sh_http_options options = {.address = settings->http,
                                      .address_tls = settings->https,
                                      .tls = parts->tls,
                                      .hosts = settings->http_host.values,
                                      .host_count = settings->http_host.count,
                                      .access = parts->access,
                                      .audit = parts->audit,
                                      .console = settings->console};
    if (settings->http == NULL && settings->https == NULL) return SH_OK;
    if (options.console == NULL) options.console = find_console();
    return sh_http_start(&options, &parts->http, err);
}

static struct sh_server_options options_of(const struct settings *settings, const struct parts *parts) {
    return (struct sh_server_options){.addresses = settings->listen.values,
                                      .address_count = settings->listen.count,
                                      .shard_count = settings->shard_count,
                                      .io = parts->io,
                                      .slow_ms = settings->slow_threshold_ms,
                                      .memory_bytes = settings->memory_bytes,
                                      .access = parts->access,
                                      .tls = parts->tls,
                                      .audit = parts->audit,
                                      .data = settings->data == NULL ? NULL : &settings->data_options};
}

/* ---- serving ---- */

static void print_ready(const struct settings *settings, const struct parts *parts) {
    printf("shoald ready");
    for (uint32_t i = 0; i < settings->listen.count; i++)
        printf(" %s", sh_server_address(parts->server, i));
    if (parts->http != NULL && sh_http_address(parts->http) != NULL) printf(" http://%s", sh_http_address(parts->http));
    if (parts->http != NULL && sh_http_address_tls(parts->http) != NULL)
        printf(" https://%s", sh_http_address_tls(parts->http));
    printf(" (version %s, %u %s, %s, %s)\n", SHOAL_VERSION, settings->shard_count,
           settings->shard_count == 1 ? "shard" : "shards", sh_io_body_name(parts->io), sh_bits->name);
    (void)fflush(stdout);
    notify_say("READY=1\nSTATUS=serving");
}

/* What of the settings can change while it serves. */
static void take_settings(int argument_count, char **arguments, const struct parts *parts) {
    struct settings settings;
    struct sh_error err;
    const char *what;
    if (settings_read(&settings, argument_count, arguments, &what, &err) != SH_OK) {
        sh_log(SH_LOG_ERROR, "the settings stay as they were: %s", err.message);
        return;
    }
    sh_log_set_level(settings.level);
    sh_log_set_form(settings.form);
    sh_server_set_slow_ms(parts->server, settings.slow_threshold_ms);
    sh_server_set_memory(parts->server, settings.memory_bytes);
}

static void report(enum sh_status status, const char *what, const struct sh_error *err) {
    if (status == SH_OK)
        sh_log(SH_LOG_INFO, "%s: read anew", what);
    else
        sh_log(SH_LOG_ERROR, "%s: as before, because of this: %s", what, err->message);
}

static void read_anew(int argument_count, char **arguments, const struct parts *parts) {
    struct sh_error err;
    take_settings(argument_count, arguments, parts);
    if (parts->tls != NULL) report(sh_tls_reload(parts->tls, &err), "certificate", &err);
    if (parts->access != NULL) report(sh_access_reload(parts->access, &err), "tokens", &err);
    if (parts->audit != NULL) report(sh_audit_reopen(parts->audit, &err), "audit log", &err);
}

/* To the service manager's watchdog, at half of its time: as long as every loop turns. */
static void tell_alive(const struct sh_server *server, uint64_t *waited_ms) {
    const uint64_t watchdog_ms = notify_watchdog_ms();
    *waited_ms += LOOK_MS;
    if (watchdog_ms == 0 || *waited_ms < watchdog_ms / 2) return;
    *waited_ms = 0;
    if (sh_server_health(server).stood_ms < watchdog_ms / 2) notify_say("WATCHDOG=1");
}

/* Until the loops have ended. */
static void serve(int argument_count, char **arguments, const struct parts *parts, const sigset_t *signals) {
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    bool stopping = false;
    uint64_t waited_ms = 0;
    while (!sh_server_has_ended(parts->server)) {
        const int signal_number = sigtimedwait(signals, NULL, &look);
        tell_alive(parts->server, &waited_ms);
        if (signal_number <= 0) continue;
        if (signal_number == SIGHUP) {
            read_anew(argument_count, arguments, parts);
            continue;
        }
        if (stopping) {
            sh_log(SH_LOG_WARN, "a second signal: closing at once");
            sh_server_abort(parts->server);
        } else {
            sh_log(SH_LOG_INFO, "stopping: what has come in is answered");
            notify_say("STOPPING=1\nSTATUS=answering what has come in");
            if (parts->http != NULL) sh_http_quiet(parts->http);
            sh_server_stop(parts->server);
        }
        stopping = true;
    }
}

/* Blocked in all threads, so that only serve() takes them. */
static void block_signals(sigset_t *signals) {
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
}

static int answer(const char *what) {
    if (strcmp(what, "openapi") == 0)
        print_openapi();
    else if (strcmp(what, "version") == 0)
        printf("shoald %s\n", SHOAL_VERSION);
    else
        settings_usage();
    return 0;
}

static int run(struct settings *settings, struct parts *parts, int argument_count, char **arguments,
               const sigset_t *signals) {
    struct sh_error err;
    notify_open();
    notify_say("STATUS=loading what was kept");
    enum sh_status status = start_http(settings, parts, &err);
    if (status != SH_OK) return fail(&err, http_exit_status(status));
    const struct sh_server_options options = options_of(settings, parts);
    status = sh_server_start(&options, &parts->server, &err);
    if (status == SH_OK) {
        if (parts->http != NULL) sh_http_serve(parts->http, parts->server);
        print_ready(settings, parts);
        serve(argument_count, arguments, parts, signals);
    }
    sh_http_stop(parts->http);
    if (status == SH_OK) status = sh_server_join(parts->server, &err);
    return status == SH_OK ? 0 : fail(&err, exit_status(err.status));
}

int main(int argument_count, char **arguments) {
    struct settings settings;
    struct parts parts = {0};
    struct sh_error err = {.status = SH_OK};
    sigset_t signals;
    const char *what;
    if (settings_read(&settings, argument_count, arguments, &what, &err) != SH_OK) {
        (void)fail(&err, EXIT_USAGE);
        (void)fputs("Try: shoald --help\n", stderr);
        return EXIT_USAGE;
    }
    if (what != NULL) return answer(what);
    sh_log_set_level(settings.level);
    sh_log_set_form(settings.form);
    block_signals(&signals);
    raise_descriptor_limit();
    int exit_code = 0;
    const enum sh_status status = open_parts(&settings, &parts, &err);
    if (status == SH_OK) warn(&settings);
    const struct sh_server_options options = options_of(&settings, &parts);
    if (status != SH_OK)
        exit_code = fail(&err, exit_status(status));
    else if (!settings.only_check)
        exit_code = run(&settings, &parts, argument_count, arguments, &signals);
    else if (sh_server_check(&options, &err) != SH_OK)
        exit_code = fail(&err, EXIT_USAGE);
    else
        settings_print(&settings);
    close_parts(&parts);
    return exit_code;
}
