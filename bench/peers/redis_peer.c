/* redis_peer.c -- the questions of query_bench and insight_bench to a Redis server, as its users put them: a bitmap a
 * value, BITOP and BITCOUNT in one pipeline a question; points in a sorted set. Over a Unix socket, with hiredis.
 *
 * Ids (Q6, Q6b) are found by this program from the bits of the answer, since Redis has no way from a bit to an id; the
 * table of ids is kept at hand, and that is part of the time. Q5 has no sensible form.
 *
 * Run: redis_peer SOCKET [--users N] [--rounds N] [--load]. With --load the bitmaps are put first.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "query_population.h"

enum { ROUNDS_MAX = 1000, TOP = 20, SET_COUNT = 10, ADD_BATCH = 1000, ANSWER_BYTES = 2048 };

static redisContext *redis;
static struct population population;
static char (*ids)[16];
static char (*found_ids)[16];

static double clock_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void fail(const char *why) {
    (void)fprintf(stderr, "redis_peer: %s\n", why);
    exit(1);
}

static void *must_have(void *memory) {
    if (memory == NULL) fail("no memory");
    return memory;
}

static void append(const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (redisvAppendCommand(redis, format, list) != REDIS_OK) fail(redis->errstr);
    va_end(list);
}

static redisReply *next_reply(void) {
    void *reply;
    if (redisGetReply(redis, &reply) != REDIS_OK) fail(redis->errstr);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) fail(((redisReply *)reply)->str);
    return reply;
}

static uint64_t next_number(void) {
    redisReply *reply = next_reply();
    if (reply->type != REDIS_REPLY_INTEGER) fail("an answer that is no number");
    const uint64_t number = (uint64_t)reply->integer;
    freeReplyObject(reply);
    return number;
}

static void skip(uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        freeReplyObject(next_reply());
}

/* ---- Putting the shop ---- */

static uint8_t *bits;
static size_t bits_bytes;

static void set_bit(uint32_t user) { /* Redis counts a byte's bits from its highest */
    bits[user / 8] = (uint8_t)(bits[user / 8] | 0x80 >> user % 8);
}

static void put_bits(const char *name, uint32_t number) {
    append("SET %s%u %b", name, number, (void *)bits, bits_bytes);
    skip(1);
    memset(bits, 0, bits_bytes);
}

static void put_points(void) {
    for (uint32_t begin = 0; begin < population.user_count; begin += ADD_BATCH) {
        static const char *arguments[2 + 2 * ADD_BATCH];
        static char texts[ADD_BATCH][2][16];
        int count = 2;
        arguments[0] = "ZADD";
        arguments[1] = "points";
        for (uint32_t i = 0; i < ADD_BATCH && begin + i < population.user_count; i++) {
            (void)snprintf(texts[i][0], sizeof texts[i][0], "%u", population.points[begin + i]);
            (void)snprintf(texts[i][1], sizeof texts[i][1], "%u", begin + i);
            arguments[count++] = texts[i][0];
            arguments[count++] = texts[i][1];
        }
        if (redisAppendCommandArgv(redis, count, arguments, NULL) != REDIS_OK) fail(redis->errstr);
        skip(1);
    }
}

static void load(void) {
    const uint32_t user_count = population.user_count;
    bits_bytes = (user_count + 7) / 8;
    bits = must_have(calloc(1, bits_bytes));
    append("FLUSHALL");
    skip(1);
    for (uint32_t tier = 0; tier < TIER_COUNT; tier++) {
        for (uint32_t user = 0; user < user_count; user++)
            if (population.tier[user] == tier) set_bit(user);
        put_bits("tier", tier);
    }
    for (uint32_t city = CITY_FIRST; city < CITY_FIRST + CITY_ASKED; city++) {
        for (uint32_t user = 0; user < user_count; user++)
            if (population.city[user] == city) set_bit(user);
        put_bits("city", city);
    }
    for (uint32_t age = AGE_LOW; age <= AGE_HIGH; age++) {
        for (uint32_t user = 0; user < user_count; user++)
            if (population.age[user] == age) set_bit(user);
        put_bits("age", age);
    }
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        for (uint32_t i = 0; i < population.tag_user_count[tag]; i++)
            set_bit(population.tag_users[tag][i]);
        put_bits("tag", tag);
    }
    free(bits);
    put_points();
}

/* ---- Questions: each writes its answer as text ---- */

static void append_wide(void) {
    append("BITOP OR tiers tier4 tier5 tier6 tier7");
    append("BITOP OR cities city2 city3 city4 city5 city6");
}

static void append_small(void) {
    append_wide();
    append("BITOP NOT not tag%u", TAG_B);
    append("BITOP AND small tiers cities tag%u not", TAG_A);
}

static void q1(char *answer) {
    append("BITCOUNT tag0");
    (void)snprintf(answer, ANSWER_BYTES, "%" PRIu64, next_number());
}

static void q2(char *answer) {
    append_small();
    append("BITCOUNT small");
    skip(4);
    (void)snprintf(answer, ANSWER_BYTES, "%" PRIu64, next_number());
}

static void q3(char *answer) {
    char command[512];
    int at = snprintf(command, sizeof command, "BITOP OR some");
    for (uint32_t i = 0; i < UNION_COUNT; i++)
        at += snprintf(command + at, sizeof command - (size_t)at, " tag%u", UNION_FIRST + i);
    append(command);
    at = snprintf(command, sizeof command, "BITOP OR ages");
    for (uint32_t age = AGE_LOW; age <= AGE_HIGH; age++)
        at += snprintf(command + at, sizeof command - (size_t)at, " age%u", age);
    append(command);
    append("BITOP AND both some ages");
    append("BITCOUNT both");
    skip(3);
    (void)snprintf(answer, ANSWER_BYTES, "%" PRIu64, next_number());
}

static void q4(char *answer) {
    append("ZCOUNT points %u %u", POINTS_LOW, POINTS_HIGH);
    (void)snprintf(answer, ANSWER_BYTES, "%" PRIu64, next_number());
}

/* Ids of the bits of the next answer. */
static uint64_t next_ids(void) {
    uint64_t count = 0;
    redisReply *reply = next_reply();
    if (reply->type != REDIS_REPLY_STRING) fail("an answer that is no bitmap");
    for (size_t at = 0; at + 8 <= (reply->len + 7) / 8 * 8; at += 8) {
        uint64_t word = 0;
        memcpy(&word, reply->str + at, reply->len - at < 8 ? reply->len - at : 8);
        word = __builtin_bswap64(word); /* the lowest user in the highest bit */
        for (; word != 0; count++) {
            const int place = __builtin_clzll(word);
            word &= ~(UINT64_C(0x8000000000000000) >> place);
            memcpy(found_ids[count], ids[at * 8 + (size_t)place], sizeof *ids);
        }
    }
    freeReplyObject(reply);
    return count;
}

static void q6(char *answer) {
    append_small();
    append("GET small");
    skip(4);
    (void)snprintf(answer, ANSWER_BYTES, "%" PRIu64, next_ids());
}

static void q6b(char *answer) {
    append_wide();
    append("BITOP AND wide tiers cities");
    append("GET wide");
    skip(3);
    (void)snprintf(answer, ANSWER_BYTES, "%" PRIu64, next_ids());
}

static void q7(char *answer) {
    static uint64_t counts[TAG_COUNT];
    static bool taken[TAG_COUNT];
    append_small();
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        append("BITOP AND one small tag%u", tag);
        append("BITCOUNT one");
    }
    skip(4);
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++) {
        skip(1);
        counts[tag] = next_number();
        taken[tag] = false;
    }
    int at = 0;
    for (uint32_t place = 0; place < TOP; place++) {
        uint32_t best = TAG_COUNT;
        for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
            if (!taken[tag] && (best == TAG_COUNT || counts[tag] > counts[best])) best = tag;
        if (counts[best] == 0) break;
        taken[best] = true;
        at += snprintf(answer + at, ANSWER_BYTES - (size_t)at, "%st%u:%" PRIu64, place == 0 ? "" : " ", best,
                       counts[best]);
    }
}

static void q8(char *answer) {
    for (uint32_t a = 0; a < SET_COUNT; a++) {
        for (uint32_t b = 0; b < a; b++) {
            append("BITOP AND one tag%u tag%u", a, b);
            append("BITCOUNT one");
        }
        append("BITCOUNT tag%u", a);
    }
    int at = 0;
    for (uint32_t a = 0; a < SET_COUNT; a++)
        for (uint32_t b = 0; b <= a; b++) {
            if (b < a) skip(1);
            at += snprintf(answer + at, ANSWER_BYTES - (size_t)at, "%s%" PRIu64, at == 0 ? "" : " ", next_number());
        }
}

static const struct question {
    const char *row;
    void (*ask)(char *answer);
    uint32_t slower; /* that many times fewer rounds */
} questions[] = {{"Q1", q1, 1}, {"Q2", q2, 1},   {"Q3", q3, 1},  {"Q4", q4, 1},
                 {"Q6", q6, 1}, {"Q6b", q6b, 1}, {"Q7", q7, 10}, {"Q8", q8, 4}};

static void measure(const struct question *question, uint32_t rounds) {
    static double us[ROUNDS_MAX];
    char answer[ANSWER_BYTES] = "";
    rounds = (rounds + question->slower - 1) / question->slower;
    question->ask(answer); /* warm */
    for (uint32_t round = 0; round < rounds; round++) {
        const double begin = clock_us();
        question->ask(answer);
        us[round] = clock_us() - begin;
    }
    bench_record_write(&(struct bench_record){.group = "audience",
                                              .row = question->row,
                                              .side = "Redis",
                                              .unit = "us",
                                              .samples = us,
                                              .sample_count = rounds,
                                              .answer = answer,
                                              .users = population.user_count});
    double best = us[0];
    for (uint32_t round = 1; round < rounds; round++)
        if (us[round] < best) best = us[round];
    (void)printf("%-4s best %10.1f us  %.60s\n", question->row, best, answer);
}

int main(int argument_count, char **arguments) {
    uint32_t user_count = 1000000;
    uint32_t rounds = 21;
    bool loads = false;
    for (int i = 2; i < argument_count; i++) {
        if (strcmp(arguments[i], "--load") == 0) loads = true;
        if (i + 1 == argument_count) break;
        if (strcmp(arguments[i], "--users") == 0) user_count = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--rounds") == 0) rounds = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    }
    if (argument_count < 2 || user_count == 0 || rounds == 0 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: redis_peer SOCKET [--users N] [--rounds 1..%d] [--load]\n", ROUNDS_MAX);
        return 2;
    }
    redis = redisConnectUnix(arguments[1]);
    if (redis == NULL || redis->err != 0) fail(redis == NULL ? "no memory" : redis->errstr);
    population_create(&population, user_count, 1);
    if (loads) load();
    ids = must_have(malloc(((size_t)user_count + 64) * sizeof *ids));
    found_ids = must_have(malloc((size_t)user_count * sizeof *found_ids));
    for (uint32_t user = 0; user < user_count; user++)
        (void)snprintf(ids[user], sizeof *ids, "u-%08x", user);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
        measure(&questions[i], rounds);
    redisFree(redis);
    population_destroy(&population);
    free(ids);
    free(found_ids);
    return 0;
}
