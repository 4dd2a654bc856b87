/* wire_bench.c -- how fast does a shop's export become a shop in the server: files to rows over the wire?
 *
 * Question: `shoal load` on one processor, shoald with one shard on the other, both as they are shipped. The population
 * is query_bench's: users with city, tier, gender, age, points and about one tag; purchases with id, time, amount and
 * one of 200 categories over 90 days. Three loads, each timed as a whole process, start and end included:
 *   users           everybody is new
 *   events          in order of time, as exports are
 *   events, mixed   others, in no order at all: each falls into any of the 90 days
 * Then query_bench's Q6, an audience as a list of ids, from the client's call to the last id in its hands.
 * The answer is checked: the loader's process says that nothing was refused, and the server's counts of users with a
 * tag, of users in a span of age and of the purchases' users are those of the arrays.
 *
 * Machine limit: the bytes of the same file through a loopback connection to a reader that throws them away, in the
 * same run. Two more columns say what each side needed of its processor, which is what a quiet machine could do when
 * this one is busy.
 *
 *   wire_bench SHOALD SHOAL [users 1000000] [events a user 5]
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_record.h"
#include "query_population.h"
#include "server_process.h"
#include "split_random.h"

enum { DAYS = 90, CATEGORY_COUNT = 200, USER_COUNT_MAX = 50000000, PATH_BYTES = 256 };
#define NOW_MS ((uint64_t)POPULATION_NOW_MS)
#define DAY_MS UINT64_C(86400000)

static struct {
    char folder[64];
    uint32_t user_count;
    uint64_t event_count;
    uint64_t buyer_count; /* users with an event in the ordered file */
    struct population people;
    const char *shoal;
    char address[128];
    pid_t server;
} bench;

static const char *path_of(const char *name, char path[PATH_BYTES]) {
    (void)snprintf(path, PATH_BYTES, "%s/%s", bench.folder, name);
    return path;
}

static FILE *create(const char *name) {
    char path[PATH_BYTES];
    FILE *file = fopen(path_of(name, path), "w");
    if (file == NULL) die(path);
    return file;
}

static void finish(FILE *file) {
    if (fclose(file) != 0) die("a file could not be written");
}

/* ---- the files ---- */

/* The users of each tag, turned into the tags of each user. */
static uint16_t *tags_by_user(uint32_t **begins) {
    const struct population *people = &bench.people;
    uint32_t *begin = calloc((size_t)people->user_count + 2, sizeof *begin);
    if (begin == NULL) die("memory");
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        for (uint32_t i = 0; i < people->tag_user_count[tag]; i++)
            begin[people->tag_users[tag][i] + 2]++;
    for (uint32_t user = 1; user < people->user_count + 2; user++)
        begin[user] += begin[user - 1];
    uint16_t *tags = malloc(((size_t)begin[people->user_count + 1] + 1) * sizeof *tags);
    if (tags == NULL) die("memory");
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        for (uint32_t i = 0; i < people->tag_user_count[tag]; i++)
            tags[begin[people->tag_users[tag][i] + 1]++] = (uint16_t)tag;
    *begins = begin;
    return tags;
}

static void write_users(void) {
    static const char genders[] = "fmx";
    const struct population *people = &bench.people;
    uint32_t *begins;
    uint16_t *tags = tags_by_user(&begins);
    FILE *file = create("users.csv");
    (void)fputs("user_id,city,tier,gender,age,points,interests\n", file);
    for (uint32_t user = 0; user < people->user_count; user++) {
        (void)fprintf(file, "u-%08x,c%u,t%d,%c,%d,%u,", user, (unsigned)people->city[user], people->tier[user] + 1,
                      genders[people->gender[user]], people->age[user], people->points[user]);
        for (uint32_t i = begins[user]; i < begins[user + 1]; i++)
            (void)fprintf(file, i == begins[user] ? "t%d" : "|t%d", tags[i]);
        (void)fputc('\n', file);
    }
    finish(file);
    free(tags);
    free(begins);
}

static void write_events(const char *name, uint64_t seed, bool in_order) {
    struct split_random random = {seed};
    uint8_t *bought = calloc(bench.user_count, 1);
    if (bought == NULL) die("memory");
    bench.buyer_count = in_order ? 0 : bench.buyer_count;
    FILE *file = create(name);
    (void)fputs("event_id,type,user_id,time,amount,category\n", file);
    for (uint64_t i = 0; i < bench.event_count; i++) {
        const uint32_t user = (uint32_t)split_below(&random, bench.user_count);
        const uint64_t span_ms = DAYS * DAY_MS;
        const uint64_t after_ms =
            in_order ? (uint64_t)((double)i / (double)bench.event_count * (double)span_ms)
                     : (uint64_t)split_below(&random, DAYS) * DAY_MS + (uint64_t)split_below(&random, (uint32_t)DAY_MS);
        const uint32_t cents = 100 + (uint32_t)split_below(&random, 39901);
        (void)fprintf(file, "%s%llu,purchase,u-%08x,%llu,%u.%02u,k%u\n", in_order ? "e" : "m", (unsigned long long)i,
                      user, (unsigned long long)(NOW_MS - span_ms + after_ms), cents / 100, cents % 100,
                      (unsigned)split_below(&random, CATEGORY_COUNT));
        bench.buyer_count += in_order && !bought[user];
        bought[user] = 1;
    }
    finish(file);
    free(bought);
}

static void write_map(const char *name, const char *events) {
    FILE *file = create(name);
    (void)fputs("zone = Asia/Shanghai\n\n", file);
    if (events == NULL)
        (void)fputs("[users]\nfile = users.csv\nid = user_id\ncity : string = city\n"
                    "tier : enum(t1, t2, t3, t4, t5, t6, t7, t8) = tier\ngender : string = gender\nage : int = age\n"
                    "points : int = points\ntags : tags('|') = interests\n",
                    file);
    else
        (void)fprintf(file,
                      "[events]\nfile = %s\nid = event_id\ntype = type\nuser = user_id\ntime = time ms\n"
                      "amount = amount\ncategory : string = category\n",
                      events);
    finish(file);
}

/* ---- the floor: the same bytes through a socket ---- */

static double floor_seconds(const char *name) {
    static uint8_t bytes[256 << 10];
    char path[PATH_BYTES];
    char address[128];
    const int listening = listen_anywhere(address, sizeof address);
    struct sockaddr_storage there;
    socklen_t there_bytes = sizeof there;
    if (getsockname(listening, (struct sockaddr *)&there, &there_bytes) != 0) die("getsockname");
    const pid_t reader = fork();
    if (reader == 0) {
        stay_on(0);
        const int handle = accept(listening, NULL, NULL);
        while (recv(handle, bytes, sizeof bytes, 0) > 0) {}
        _exit(0);
    }
    FILE *file = fopen(path_of(name, path), "r");
    const int handle = socket(AF_INET, SOCK_STREAM, 0);
    if (file == NULL || connect(handle, (struct sockaddr *)&there, there_bytes) != 0) die(path);
    const uint64_t begin_ns = clock_ns();
    for (size_t count; (count = fread(bytes, 1, sizeof bytes, file)) > 0;)
        for (size_t at = 0; at < count;) {
            const ssize_t sent = send(handle, bytes + at, count - at, MSG_NOSIGNAL);
            if (sent <= 0) die("send");
            at += (size_t)sent;
        }
    (void)shutdown(handle, SHUT_WR);
    (void)waitpid(reader, NULL, 0);
    const double seconds = (double)(clock_ns() - begin_ns) / 1e9;
    (void)fclose(file);
    (void)close(handle);
    (void)close(listening);
    return seconds;
}

/* ---- the loads ---- */

static void load(const char *title, const char *map, const char *name, uint64_t row_count) {
    char map_path[PATH_BYTES];
    char rejects[PATH_BYTES];
    (void)path_of(map, map_path);
    (void)path_of("rejects.csv", rejects);
    const double floor = floor_seconds(name);
    const uint64_t used_before_ns = used_ns(bench.server);
    struct rusage before;
    struct rusage after;
    (void)getrusage(RUSAGE_CHILDREN, &before);
    (void)fflush(stdout);
    const uint64_t begin_ns = clock_ns();
    const pid_t loader = fork();
    if (loader == 0) {
        stay_on(1);
        if (freopen("/dev/null", "w", stdout) == NULL) die("/dev/null");
        execl(bench.shoal, bench.shoal, "--addr", bench.address, "load", "--map", map_path, "--dir", bench.folder,
              "--rejects", rejects, "--quiet", (char *)NULL);
        die(bench.shoal);
    }
    int result = 0;
    (void)waitpid(loader, &result, 0);
    const double seconds = (double)(clock_ns() - begin_ns) / 1e9;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0) die("the load failed");
    (void)getrusage(RUSAGE_CHILDREN, &after);
    const double loader_us = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1e6 +
                             (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) +
                             (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1e6 +
                             (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    const double rows = (double)row_count;
    const double rate = rows / seconds;
    const double server_rate = rows * 1e9 / (double)(used_ns(bench.server) - used_before_ns);
    bench_record_write(&(struct bench_record){.group = "load",
                                              .row = title,
                                              .title = "rows from a file into the server",
                                              .side = "shoal",
                                              .unit = "/s",
                                              .samples = &rate,
                                              .sample_count = 1,
                                              .users = bench.user_count});
    bench_record_number("load", title, "shoal, of the server's processor", "/s", server_rate);
    printf("%-14s %6.2f M rows/s   server %5.2f us a row, loader %5.2f us   floor %6.2f M rows/s\n", title,
           rows / seconds / 1e6, (double)(used_ns(bench.server) - used_before_ns) / 1e3 / rows, loader_us / rows,
           rows / floor / 1e6);
}

static void expect_count(struct shoal_client *client, const char *where, uint64_t wanted) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "where");
    shoal_client_write_literal(params, where);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, (int64_t)NOW_MS);
    call(client, "audience.count", params, &answer);
    const int64_t count = shoal_client_integer(shoal_client_get(answer.result, "count"), -1);
    printf("  %-36s %9lld\n", where, (long long)count);
    errno = 0;
    if (count < 0 || (uint64_t)count != wanted) die("the server counts otherwise than the arrays do");
    shoal_client_writer_destroy(params);
}

static void check(void) {
    struct shoal_client *client;
    struct shoal_client_error error;
    char where[64];
    uint64_t of_age = 0;
    for (uint32_t user = 0; user < bench.user_count; user++)
        of_age += bench.people.age[user] >= AGE_LOW && bench.people.age[user] <= AGE_HIGH;
    if (shoal_client_open(bench.address, NULL, &client, &error) != SHOAL_CLIENT_OK) die(error.message);
    expect_count(client, "tags has 't2'", bench.people.tag_user_count[TAG_A]);
    (void)snprintf(where, sizeof where, "age between %d and %d", AGE_LOW, AGE_HIGH);
    expect_count(client, where, of_age);
    expect_count(client, "did(purchase)", bench.buyer_count);
    shoal_client_close(client);
}

/* ---- a list to the client ---- */

static bool has_tag(uint32_t tag, uint32_t user) {
    const uint32_t *users = bench.people.tag_users[tag];
    uint32_t low = 0;
    for (uint32_t high = bench.people.tag_user_count[tag]; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        if (users[middle] < user)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bench.people.tag_user_count[tag] && users[low] == user;
}

static uint64_t expected_list_count(void) {
    const struct population *people = &bench.people;
    uint64_t count = 0;
    for (uint32_t i = 0; i < people->tag_user_count[TAG_A]; i++) {
        const uint32_t user = people->tag_users[TAG_A][i];
        count += people->tier[user] >= TIER_LOW && people->city[user] >= CITY_FIRST &&
                 people->city[user] < CITY_FIRST + CITY_ASKED && !has_tag(TAG_B, user);
    }
    return count;
}

static int compare_ns(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* query_bench's Q6, from asking to having every id, through the C client. */
static void measure_list(void) {
    enum { ROUNDS = 51, LIMIT = 1000000 };
    uint64_t took_ns[ROUNDS];
    char where[200];
    struct shoal_client *client;
    struct shoal_client_error error;
    if (shoal_client_open(bench.address, NULL, &client, &error) != SHOAL_CLIENT_OK) die(error.message);
    (void)snprintf(where, sizeof where,
                   "tier >= 't%d' and city in ('c2', 'c3', 'c4', 'c5', 'c6') and tags has 't%d' and not tags has 't%d'",
                   TIER_LOW + 1, TAG_A, TAG_B);
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "where");
    shoal_client_write_literal(params, where);
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, LIMIT);
    const uint64_t wanted = expected_list_count();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct shoal_client_answer answer;
        const uint64_t begin_ns = clock_ns();
        call(client, "audience.list", params, &answer);
        took_ns[round] = clock_ns() - begin_ns;
        errno = 0;
        if (shoal_client_count(shoal_client_get(answer.result, "ids")) != wanted) die("the list is not the arrays'");
    }
    double us[ROUNDS];
    for (uint32_t round = 0; round < ROUNDS; round++)
        us[round] = (double)took_ns[round] / 1e3;
    bench_record_write(&(struct bench_record){.group = "load",
                                              .row = "Q6 to a client",
                                              .title = "ids over TCP, to the last in the client's hands",
                                              .side = "shoal",
                                              .unit = "us",
                                              .samples = us,
                                              .sample_count = ROUNDS,
                                              .users = bench.user_count});
    qsort(took_ns, ROUNDS, sizeof *took_ns, compare_ns);
    printf("list of %llu ids to the client, median %.0f us (best %.0f) of %d\n", (unsigned long long)wanted,
           (double)took_ns[ROUNDS / 2] / 1e3, (double)took_ns[0] / 1e3, ROUNDS);
    shoal_client_writer_destroy(params);
    shoal_client_close(client);
}

static void create_files(void) {
    (void)snprintf(bench.folder, sizeof bench.folder, "/tmp/wire_bench.XXXXXX");
    if (mkdtemp(bench.folder) == NULL) die("mkdtemp");
    population_create(&bench.people, bench.user_count, 1);
    write_users();
    write_events("events.csv", 2, true);
    write_events("mixed.csv", 3, false);
    write_map("users.map", NULL);
    write_map("events.map", "events.csv");
    write_map("mixed.map", "mixed.csv");
}

static void remove_files(void) {
    static const char *const names[] = {"users.csv",  "events.csv", "mixed.csv",  "users.map",
                                        "events.map", "mixed.map",  "rejects.csv"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(path_of(names[i], path));
    (void)rmdir(bench.folder);
}

int main(int argument_count, char **arguments) {
    if (argument_count < 3) {
        (void)fputs("wire_bench SHOALD SHOAL [users] [events a user]\n", stderr);
        return 64;
    }
    const unsigned long users = argument_count > 3 ? strtoul(arguments[3], NULL, 10) : 1000000;
    const unsigned long events = argument_count > 4 ? strtoul(arguments[4], NULL, 10) : 5;
    if (users < 1 || users > USER_COUNT_MAX || events < 1 || events > 100)
        die("1 to 50,000,000 users, 1 to 100 events");
    bench.user_count = (uint32_t)users;
    bench.event_count = users * events;
    bench.shoal = arguments[2];
    create_files();
    bench.server = shoald_start(arguments[1], bench.address, sizeof bench.address);
    stay_on(1);
    load("users", "users.map", "users.csv", bench.user_count);
    load("events", "events.map", "events.csv", bench.event_count);
    check();
    measure_list();
    load("events, mixed", "mixed.map", "mixed.csv", bench.event_count);
    shoald_stop(bench.server);
    population_destroy(&bench.people);
    remove_files();
    return 0;
}
