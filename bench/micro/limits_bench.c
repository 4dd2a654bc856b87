/* limits_bench.c -- what can this machine do at best, one thread and several?
 *
 * Reading (sum), AND with POPCNT of two arrays, POPCNT of one and copying, in GB/s, over as much memory as fits in L1, L2, L3
 * and over what fits in none; random reads of lines, each waiting for the one before, and independent; and commits of
 * a log: 4 KiB written and synced. Rows of other programs are compared with these: a question that must read so many
 * bytes can take no less than the time that reading them takes here. Loops are built for the machine at hand
 * (limits_loops.c). The sums are checked against what the memory was filled with.
 *
 * Run: limits_bench [--rounds N] [--threads N] [--large MIB] [--disk DIRECTORY]
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench_record.h"
#include "limits_loops.h"

enum { ROUNDS_MAX = 1000, THREADS_MAX = 64, COMMITS = 2000, COMMIT_BYTES = 4096 };

enum what { READ, AND_POPCNT, POPCNT, COPY, WHAT_COUNT };
static const char *const what_names[WHAT_COUNT] = {"read", "and+popcnt", "popcnt", "copy"};

struct place {
    const char *name;
    size_t byte_count; /* of each array; 0: as many as --large says */
};
static const struct place places[] = {{"L1", 16 << 10}, {"L2", 512 << 10}, {"L3", 16 << 20}, {"DRAM", 0}};
enum { PLACE_COUNT = sizeof places / sizeof places[0] };

static struct {
    uint32_t rounds;
    uint32_t threads;
    size_t large_bytes;
    const char *disk;
} options = {.rounds = 7, .threads = 1, .large_bytes = (size_t)1 << 30};

static double clock_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t *take(size_t byte_count) {
    uint64_t *memory = aligned_alloc(2 << 20, (byte_count + (2 << 20) - 1) >> 21 << 21);
    if (memory == NULL) fail("memory");
    (void)madvise(memory, byte_count, MADV_HUGEPAGE);
    memset(memory, 0x11, byte_count);
    return memory;
}

/* ---- Bandwidth: all threads at once, each over memory of its own ---- */

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    uint64_t *a, *b;
    size_t byte_count;
    uint32_t repeats;
    enum what what;
    double took_s;
    bool ok;
};

static bool work_once(const struct worker *worker) {
    const size_t count = worker->byte_count / 8;
    switch (worker->what) {
    case READ:
        return limits_read(worker->a, count) == count * UINT64_C(0x1111111111111111);
    case AND_POPCNT:
        return limits_and_popcnt(worker->a, worker->b, count) == count * 16;
    case POPCNT:
        return limits_popcnt(worker->a, count) == count * 16;
    default:
        limits_copy(worker->b, worker->a, count);
        return worker->b[count - 1] == UINT64_C(0x1111111111111111);
    }
}

static void *work(void *context) {
    struct worker *worker = context;
    worker->ok = work_once(worker); /* warm */
    (void)pthread_barrier_wait(worker->start);
    const double begin = clock_s();
    for (uint32_t i = 0; i < worker->repeats; i++)
        worker->ok = work_once(worker) && worker->ok;
    worker->took_s = clock_s() - begin;
    return NULL;
}

/* GB/s of all threads together: bytes read, or copied. */
static double run_threads(struct worker *workers, uint32_t thread_count) {
    pthread_barrier_t start;
    double slowest = 0;
    double bytes = 0;
    (void)pthread_barrier_init(&start, NULL, thread_count);
    for (uint32_t i = 0; i < thread_count; i++) {
        workers[i].start = &start;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) fail("a thread");
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        if (!workers[i].ok) {
            fprintf(stderr, "limits_bench: a sum is wrong\n");
            exit(1);
        }
        if (workers[i].took_s > slowest) slowest = workers[i].took_s;
        bytes += (double)workers[i].byte_count * workers[i].repeats * (workers[i].what == AND_POPCNT ? 2 : 1);
    }
    (void)pthread_barrier_destroy(&start);
    return bytes / slowest / 1e9;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *row, const char *unit, double *samples, uint32_t count) {
    bench_record_write(&(struct bench_record){
        .group = "limits", .row = row, .side = "machine", .unit = unit, .samples = samples, .sample_count = count});
    qsort(samples, count, sizeof *samples, compare);
    printf("%-34s %10.1f %-5s (%.1f to %.1f)\n", row, samples[count / 2], unit, samples[0], samples[count - 1]);
}

static void measure_bandwidth(uint32_t thread_count) {
    static struct worker workers[THREADS_MAX];
    const size_t most = options.large_bytes;
    for (uint32_t i = 0; i < thread_count; i++) {
        workers[i].a = take(most / thread_count);
        workers[i].b = take(most / thread_count);
    }
    for (uint32_t place = 0; place < PLACE_COUNT; place++)
        for (uint32_t what = 0; what < WHAT_COUNT; what++) {
            double samples[ROUNDS_MAX];
            char row[64];
            size_t byte_count = places[place].byte_count == 0 ? most / thread_count : places[place].byte_count;
            if (byte_count > most / thread_count) byte_count = most / thread_count;
            byte_count = byte_count / 4096 * 4096;
            for (uint32_t round = 0; round < options.rounds; round++) {
                for (uint32_t i = 0; i < thread_count; i++) {
                    workers[i].what = what;
                    workers[i].byte_count = byte_count;
                    workers[i].repeats = 1 + (uint32_t)((64 << 20) / byte_count);
                }
                samples[round] = run_threads(workers, thread_count);
            }
            (void)snprintf(row, sizeof row, "%s, %s, %u thread%s", what_names[what], places[place].name, thread_count,
                           thread_count == 1 ? "" : "s");
            tell(row, "GB/s", samples, options.rounds);
        }
    for (uint32_t i = 0; i < thread_count; i++) {
        free(workers[i].a);
        free(workers[i].b);
    }
}

/* ---- Random reads ---- */

static void measure_random(void) {
    const size_t line_count = options.large_bytes / 64;
    uint64_t *memory = take(options.large_bytes);
    double dependent[ROUNDS_MAX], independent[ROUNDS_MAX];
    limits_chain(memory, line_count);
    for (uint32_t round = 0; round < options.rounds; round++) {
        const uint32_t steps = 200000;
        double begin = clock_s();
        const uint64_t at = limits_follow(memory, steps);
        dependent[round] = (clock_s() - begin) / steps * 1e9;
        if (at >= line_count) fail("a chain that leads out of its memory");
        begin = clock_s();
        const uint64_t sum = limits_gather(memory, line_count, 10 * steps);
        independent[round] = 10 * steps / (clock_s() - begin) / 1e6;
        if (sum == 0) fail("lines that hold nothing");
    }
    tell("random line, each after the other", "ns", dependent, options.rounds);
    tell("random lines, independent", "M/s", independent, options.rounds);
    free(memory);
}

/* ---- Commits ---- */

static void measure_commits(void) {
    static uint8_t block[COMMIT_BYTES] __attribute__((aligned(COMMIT_BYTES)));
    static double samples[COMMITS];
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/limits_bench.%ld", options.disk, (long)getpid());
    const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) fail(path);
    memset(block, 0x5A, sizeof block);
    for (uint32_t i = 0; i < COMMITS; i++) /* written before, so that a commit changes no sizes */
        if (pwrite(file, block, sizeof block, (off_t)i * COMMIT_BYTES) != COMMIT_BYTES) fail(path);
    if (fsync(file) != 0) fail(path);
    for (uint32_t i = 0; i < COMMITS; i++) {
        const double begin = clock_s();
        if (pwrite(file, block, sizeof block, (off_t)i * COMMIT_BYTES) != COMMIT_BYTES || fdatasync(file) != 0)
            fail(path);
        samples[i] = (clock_s() - begin) * 1e6;
    }
    (void)close(file);
    (void)unlink(path);
    tell("commit of 4 KiB", "us", samples, COMMITS);
}

int main(int argument_count, char **arguments) {
    for (int i = 1; i + 1 < argument_count; i += 2) {
        const uint32_t number = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--rounds") == 0) options.rounds = number;
        if (strcmp(arguments[i], "--threads") == 0) options.threads = number;
        if (strcmp(arguments[i], "--large") == 0) options.large_bytes = (size_t)number << 20;
        if (strcmp(arguments[i], "--disk") == 0) options.disk = arguments[i + 1];
    }
    if (options.rounds < 1 || options.rounds > ROUNDS_MAX || options.threads < 1 || options.threads > THREADS_MAX ||
        options.large_bytes < (size_t)4 << 20) {
        printf("usage: limits_bench [--rounds 1..%d] [--threads 1..%d] [--large MIB, 4 or more] [--disk DIRECTORY]\n",
               ROUNDS_MAX, THREADS_MAX);
        return 2;
    }
    measure_bandwidth(1);
    if (options.threads > 1) measure_bandwidth(options.threads);
    measure_random();
    if (options.disk != NULL) measure_commits();
    return 0;
}
