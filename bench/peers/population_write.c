/* population_write.c -- the population of query_population.h as files of tab-separated values, for peers that load files.
 *
 *   users.tsv       number, id, city, tier (1..8), gender, age, points, and 0 or 1 for each of the tags t0 .. t9
 *   tags.tsv        tag, user number: by tag, then by user
 *   purchases.tsv   user number, time in ms, amount in hundredths: by time
 *
 * Run: population_write DIRECTORY [--users N] [--purchases N a user]
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query_population.h"

enum { BOOLEAN_COUNT = 10, FILE_BYTES = 4 << 20 };

static FILE *open_file(const char *folder, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    (void)setvbuf(file, NULL, _IOFBF, FILE_BYTES);
    return file;
}

static void close_file(FILE *file) {
    if (fclose(file) == 0) return;
    perror("population_write");
    exit(1);
}

static void write_users(const char *folder, const struct population *population) {
    FILE *file = open_file(folder, "users.tsv");
    uint32_t at[BOOLEAN_COUNT] = {0};
    for (uint32_t user = 0; user < population->user_count; user++) {
        (void)fprintf(file, "%u\tu-%08x\tc%u\t%u\t%c\t%u\t%u", user, user, population->city[user],
                      population->tier[user] + 1u, "fmx"[population->gender[user]], population -> age[user],
                      population -> points[user]);
        for (uint32_t tag = 0; tag < BOOLEAN_COUNT; tag++) {
            const bool has = at[tag] < population->tag_user_count[tag] && population->tag_users[tag][at[tag]] == user;
            at[tag] += has;
            (void)fputs(has ? "\t1" : "\t0", file);
        }
        (void)fputc('\n', file);
    }
    close_file(file);
}

static void write_tags(const char *folder, const struct population *population) {
    FILE *file = open_file(folder, "tags.tsv");
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        for (uint32_t i = 0; i < population->tag_user_count[tag]; i++)
            (void)fprintf(file, "%u\t%u\n", tag, population->tag_users[tag][i]);
    close_file(file);
}

static void write_purchases(const char *folder, uint32_t user_count, uint64_t count) {
    FILE *file = open_file(folder, "purchases.tsv");
    struct split_random random = {PURCHASE_SEED};
    for (uint64_t i = 0; i < count; i++) {
        const struct purchase purchase = population_purchase(&random, i, count, user_count);
        (void)fprintf(file, "%u\t%" PRId64 "\t%u\n", purchase.user, purchase.time_ms, purchase.amount);
    }
    close_file(file);
}

int main(int argument_count, char **arguments) {
    uint32_t user_count = 1000000;
    uint32_t purchases = 5;
    for (int i = 2; i + 1 < argument_count; i += 2) {
        if (strcmp(arguments[i], "--users") == 0) user_count = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--purchases") == 0) purchases = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    }
    if (argument_count < 2 || user_count == 0) {
        (void)fputs("usage: population_write DIRECTORY [--users N] [--purchases N]\n", stderr);
        return 2;
    }
    struct population population;
    population_create(&population, user_count, 1);
    write_users(arguments[1], &population);
    write_tags(arguments[1], &population);
    write_purchases(arguments[1], user_count, (uint64_t)purchases * user_count);
    population_destroy(&population);
    return 0;
}
