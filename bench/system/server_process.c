#include "server_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

_Noreturn void die(const char *what) {
    (void)fprintf(stderr, "benchmark: %s (%s)\n", what, errno == 0 ? "no system error" : strerror(errno));
    exit(1);
}

uint64_t clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t used_ns(pid_t process) {
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
    return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

void stay_on(size_t processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

int listen_anywhere(char *address, size_t address_bytes) {
    const int listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t name_bytes = sizeof name;
    if (bind(listening, (struct sockaddr *)&name, sizeof name) != 0 || listen(listening, 1024) != 0) die("listen");
    (void)getsockname(listening, (struct sockaddr *)&name, &name_bytes);
    (void)snprintf(address, address_bytes, "127.0.0.1:%u", (unsigned)ntohs(name.sin_port));
    return listening;
}

pid_t shoald_start(const char *program, char *address, size_t address_bytes) {
    int ends[2];
    if (pipe(ends) != 0) die("pipe");
    const pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        stay_on(0);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        const char *data = getenv("SHOAL_BENCH_DATA");
        execl(program, program, "--listen", "127.0.0.1:0", "--shards", "1", "--log-level", "error",
              data == NULL ? (char *)NULL : "--data", data, (char *)NULL);
        die(program);
    }
    close(ends[1]);
    FILE *ready = fdopen(ends[0], "r");
    char line[512];
    char word[128];
    if (ready == NULL || fgets(line, sizeof line, ready) == NULL || sscanf(line, "shoald ready %127s", word) != 1)
        die("shoald does not get ready");
    (void)snprintf(address, address_bytes, "%s", word);
    (void)fclose(ready);
    return child;
}

void shoald_stop(pid_t server) {
    (void)kill(server, SIGTERM);
    (void)waitpid(server, NULL, 0);
}

void call(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
          struct shoal_client_answer *answer) {
    struct shoal_client_answer own;
    struct shoal_client_error error;
    if (shoal_client_call(client, method, params, 0, answer == NULL ? &own : answer, &error) == SHOAL_CLIENT_OK) return;
    (void)fprintf(stderr, "benchmark: %s: %s\n", method, error.message);
    exit(1);
}
