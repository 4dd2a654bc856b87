/* simulate.c -- the whole server on a made-up machine, seed after seed. See sim_world.h for what a seed is.
 *
 *   simulate --seeds N --from S [--jobs J] [--requests R] [--shards K]    seeds S .. S + N - 1
 *   simulate --seed S [--verbose] [--requests-log]                         one, with what happens
 *   simulate --list FILE                                                   the seeds in a file: one a line, # comments
 *   simulate --sweep KIND [--stride K]                                     what fails once, everywhere: allocations, requests,
 *                                                                          requests-on, space, power, kill, bits
 *   simulate --twice                                                       each seed twice: the trace must be the same
 *
 * Each seed runs in a process of its own, so that one that dies is a failing seed like any other. The first failing
 * seeds are printed with the command that repeats them; the outcome is 1 then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server_log.h"
#include "sim_world.h"

enum { JOB_COUNT_MAX = 64, LIST_COUNT_MAX = 4096, FAILURE_COUNT_MAX = 20, SEED_SECONDS_MAX = 300 };

struct job {
    pid_t process;
    int pipe;
    uint64_t seed;
};

struct run {
    struct sim_options options;
    uint64_t from;
    uint64_t seed_count;
    uint64_t list[LIST_COUNT_MAX];
    bool has_list;
    bool is_twice;
    uint32_t job_count;
    uint64_t failure_max;
    uint64_t stride;
    struct job jobs[JOB_COUNT_MAX];
    uint64_t next;
    uint64_t failure_count;
    struct sim_outcome sum;
    uint64_t done_count;
};

static _Noreturn void die(const char *words, const char *what) {
    (void)fprintf(stderr, "simulate: %s %s\n", words, what);
    exit(2);
}

/* ---- one seed ---- */

static void run_here(const struct run *run, uint64_t seed, struct sim_outcome *outcome) {
    sh_log_set_level(SH_LOG_ERROR);
    if (!run->options.is_verbose && !run->options.log_requests) {
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere >= 0) (void)dup2(nowhere, STDERR_FILENO);
    }
    (void)alarm(SEED_SECONDS_MAX);
    if (run->options.sweep == SIM_SWEEP_NONE)
        sim_world_run(seed, &run->options, outcome);
    else
        sim_sweep_run(seed, &run->options, outcome);
}

static void job_start(const struct run *run, struct job *job, uint64_t seed) {
    int ends[2];
    if (pipe(ends) != 0) die("no pipe:", strerror(errno));
    (void)fflush(stdout);
    const pid_t process = fork();
    if (process < 0) die("no process:", strerror(errno));
    if (process == 0) {
        struct sim_outcome outcome;
        (void)close(ends[0]);
        run_here(run, seed, &outcome);
        (void)fflush(stdout);
        _exit(write(ends[1], &outcome, sizeof outcome) == (ssize_t)sizeof outcome ? 0 : 1);
    }
    (void)close(ends[1]);
    *job = (struct job){.process = process, .pipe = ends[0], .seed = seed};
}

static bool read_outcome(int from, struct sim_outcome *outcome) {
    for (size_t at = 0; at < sizeof *outcome;) {
        const ssize_t count = read(from, (char *)outcome + at, sizeof *outcome - at);
        if (count > 0)
            at += (size_t)count;
        else if (count == 0 || errno != EINTR)
            return false;
    }
    return true;
}

static void job_end(struct job *job, struct sim_outcome *outcome) {
    int ended = 0;
    const bool has_report = read_outcome(job->pipe, outcome);
    while (waitpid(job->process, &ended, 0) < 0 && errno == EINTR) {}
    (void)close(job->pipe);
    job->process = 0;
    if (has_report) return;
    *outcome = (struct sim_outcome){.is_right = false};
    (void)snprintf(outcome->fault, sizeof outcome->fault, "DIED: signal %d, status %d",
                   WIFSIGNALED(ended) ? WTERMSIG(ended) : 0, WIFEXITED(ended) ? WEXITSTATUS(ended) : 0);
}

/* ---- many ---- */

static void add_up(struct sim_outcome *sum, const struct sim_outcome *outcome) {
    sum->step_count += outcome->step_count;
    sum->request_count += outcome->request_count;
    sum->file_request_count += outcome->file_request_count;
    sum->simulated_ms += outcome->simulated_ms;
    sum->crash_count += outcome->crash_count;
    sum->recovery_crashes += outcome->recovery_crashes;
    sum->snapshot_count += outcome->snapshot_count;
    sum->fault_count += outcome->fault_count;
    sum->refused_starts += outcome->refused_starts;
    sum->refused_count += outcome->refused_count;
    sum->repeated_count += outcome->repeated_count;
    sum->compared_count += outcome->compared_count;
    sum->spare_count += outcome->spare_count;
    sum->bit_count += outcome->bit_count;
    sum->bits_refused += outcome->bits_refused;
}

static void take(struct run *run, uint64_t seed, const struct sim_outcome *outcome) {
    if (outcome->is_beyond) run->seed_count = 0; /* no more are begun */
    if (outcome->is_beyond && outcome->is_right) return;
    run->done_count++;
    add_up(&run->sum, outcome);
    if (outcome->is_right) return;
    run->failure_count++;
    printf("seed %llu fails: %s\nreproduce: simulate --seed %llu --requests %u%s --verbose\n", (unsigned long long)seed,
           outcome->fault, (unsigned long long)seed, run->options.request_count,
           run->options.shard_count == 0 ? "" : " --shards ...");
    (void)fflush(stdout);
}

static uint64_t seed_at(const struct run *run, uint64_t n) {
    return run->has_list ? run->list[n] : run->from + n * run->stride;
}

/* The oldest job ends. */
static void job_wait(struct run *run, uint32_t place) {
    struct sim_outcome outcome;
    struct job *job = &run->jobs[place];
    job_end(job, &outcome);
    if (run->is_twice && outcome.is_right) {
        struct job again;
        struct sim_outcome second;
        job_start(run, &again, job->seed);
        job_end(&again, &second);
        if (second.trace != outcome.trace || second.step_count != outcome.step_count) {
            outcome.is_right = false;
            (void)snprintf(outcome.fault, sizeof outcome.fault,
                           "NOT REPEATABLE: %llu steps with trace %016llx, then %llu with %016llx",
                           (unsigned long long)outcome.step_count, (unsigned long long)outcome.trace,
                           (unsigned long long)second.step_count, (unsigned long long)second.trace);
        }
    }
    take(run, job->seed, &outcome);
}

static void run_all(struct run *run) {
    while (run->next < run->seed_count && run->failure_count < run->failure_max) {
        const uint32_t place = (uint32_t)(run->next % run->job_count);
        if (run->jobs[place].process != 0) job_wait(run, place);
        job_start(run, &run->jobs[place], seed_at(run, run->next));
        run->next++;
    }
    for (uint32_t i = 0; i < run->job_count; i++)
        if (run->jobs[i].process != 0) job_wait(run, i);
}

static int run_one(const struct run *run, uint64_t seed) {
    struct sim_outcome outcome;
    run_here(run, seed, &outcome);
    printf("seed %llu, %u shards: %s%s\n", (unsigned long long)seed, outcome.shard_count,
           outcome.is_right ? "right" : "FAILS: ", outcome.fault);
    printf("%llu requests, %llu refused, %llu sent again, %u crashes (%u while recovering), %u snapshots, %u faults, "
           "%u starts refused, "
           "%llu steps, %llu file requests, %llu ms, trace %016llx\n",
           (unsigned long long)outcome.request_count, (unsigned long long)outcome.refused_count,
           (unsigned long long)outcome.repeated_count, outcome.crash_count, outcome.recovery_crashes,
           outcome.snapshot_count, outcome.fault_count, outcome.refused_starts, (unsigned long long)outcome.step_count,
           (unsigned long long)outcome.file_request_count, (unsigned long long)outcome.simulated_ms,
           (unsigned long long)outcome.trace);
    return outcome.is_right ? 0 : 1;
}

static void report(const struct run *run) {
    const struct sim_outcome *sum = &run->sum;
    if (sum->bit_count > 0)
        printf("%llu bits turned: %llu were refused with their place, %llu did no harm\n",
               (unsigned long long)sum->bit_count, (unsigned long long)sum->bits_refused,
               (unsigned long long)(sum->bit_count - sum->bits_refused));
    printf("%llu %s, %llu failing: %llu requests (%llu refused, %llu sent again), %u crashes (%u while recovering), "
           "%u snapshots, %u faults, %u starts refused, %u answers compared, %u emptied files, %llu steps, %llu file "
           "requests, %.0f s "
           "simulated\n",
           (unsigned long long)run->done_count, run->options.sweep == SIM_SWEEP_NONE ? "seeds" : "places",
           (unsigned long long)run->failure_count, (unsigned long long)sum->request_count,
           (unsigned long long)sum->refused_count, (unsigned long long)sum->repeated_count, sum->crash_count,
           sum->recovery_crashes, sum->snapshot_count, sum->fault_count, sum->refused_starts, sum->compared_count,
           sum->spare_count, (unsigned long long)sum->step_count, (unsigned long long)sum->file_request_count,
           (double)sum->simulated_ms / 1000);
}

/* ---- words ---- */

static void read_list(struct run *run, const char *path) {
    FILE *file = fopen(path, "r");
    char line[256];
    if (file == NULL) die("cannot read", path);
    run->has_list = true;
    while (fgets(line, sizeof line, file) != NULL)
        if (line[0] >= '0' && line[0] <= '9' && run->seed_count < LIST_COUNT_MAX)
            run->list[run->seed_count++] = strtoull(line, NULL, 10);
    (void)fclose(file);
}

static const char *const sweep_names[SIM_SWEEP_COUNT] = {"",      "allocations", "requests", "requests-on",
                                                         "space", "power",       "kill",     "bits"};

static void choose_sweep(struct run *run, const char *name) {
    for (uint32_t i = 1; i < SIM_SWEEP_COUNT; i++)
        if (strcmp(sweep_names[i], name) == 0) run->options.sweep = (enum sim_sweep)i;
    if (run->options.sweep == SIM_SWEEP_NONE) die("there is no sweep", name);
    if (run->seed_count == 0) run->seed_count = UINT64_MAX;
}

int main(int argument_count, char **arguments) {
    static struct run run = {
        .options = {.request_count = 2000}, .from = 1, .job_count = 2, .failure_max = FAILURE_COUNT_MAX, .stride = 1};
    bool has_seed = false;
    uint64_t seed = 0;
    for (int i = 1; i < argument_count; i++) {
        const char *word = arguments[i];
        const char *value = i + 1 < argument_count ? arguments[i + 1] : "";
        const uint64_t number = strtoull(value, NULL, 10);
        bool has_value = true;
        if (strcmp(word, "--seeds") == 0)
            run.seed_count = number;
        else if (strcmp(word, "--from") == 0)
            run.from = number;
        else if (strcmp(word, "--jobs") == 0)
            run.job_count = number < 1 || number > JOB_COUNT_MAX ? 1 : (uint32_t)number;
        else if (strcmp(word, "--requests") == 0)
            run.options.request_count = (uint32_t)number;
        else if (strcmp(word, "--shards") == 0)
            run.options.shard_count = (uint32_t)number;
        else if (strcmp(word, "--failures") == 0)
            run.failure_max = number;
        else if (strcmp(word, "--stride") == 0)
            run.stride = number < 1 ? 1 : number;
        else if (strcmp(word, "--sweep") == 0)
            choose_sweep(&run, value);
        else if (strcmp(word, "--list") == 0)
            read_list(&run, value);
        else if (strcmp(word, "--seed") == 0) {
            has_seed = true;
            seed = number;
        } else {
            has_value = false;
            if (strcmp(word, "--verbose") == 0)
                run.options.is_verbose = true;
            else if (strcmp(word, "--requests-log") == 0)
                run.options.log_requests = true;
            else if (strcmp(word, "--twice") == 0)
                run.is_twice = true;
            else
                die("unknown word", word);
        }
        i += has_value;
    }
    if (has_seed) return run_one(&run, seed);
    run_all(&run);
    report(&run);
    return run.failure_count > 0;
}
