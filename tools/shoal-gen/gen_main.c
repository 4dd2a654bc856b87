/* gen_main.c -- shoal-gen: writes the files of a made-up shop. See gen_shop.h for how it is made. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "calendar.h"
#include "gen_shop.h"

static const char usage[] =
    "usage: shoal-gen --out FOLDER [options]\n"
    "Writes users.csv, items.csv, events.csv and shop.map, the mapping that `shoal load` reads.\n"
    "The same options give the same bytes on every machine.\n"
    "  --users N      users (default 200000)\n"
    "  --items N      items (default 5000)\n"
    "  --events N     events, exactly (default 3000000)\n"
    "  --days N       how long the shop has been open (default 365)\n"
    "  --until DATE   the last day of its history, YYYY-MM-DD (default 2026-01-31)\n"
    "  --seed N       another shop (default 1)\n";

static uint64_t read_number(const char *text, const char *name, uint64_t low, uint64_t high) {
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || number < low || number > high) {
        (void)fprintf(stderr, "shoal-gen: --%s needs a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name,
                      low, high, text);
        exit(2);
    }
    return number;
}

static void write_file(const struct gen_options *options, const char *name,
                       int (*write)(const struct gen_options *options, FILE *file)) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", options->folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || setvbuf(file, NULL, _IOFBF, 1 << 20) != 0 || write(options, file) != 0 || fclose(file) != 0) {
        (void)fprintf(stderr, "shoal-gen: %s: %s\n", path, strerror(errno));
        exit(1);
    }
}

static int write_mapping(const struct gen_options *options, FILE *file) {
    (void)options;
    return gen_write_mapping(file);
}

int main(int argument_count, char **arguments) {
    struct gen_options options = {
        .seed = 1, .user_count = 200000, .item_count = 5000, .event_count = 3000000, .day_count = 365};
    struct sh_date until = {2026, 1, 31};
    static const struct option names[] = {{"users", required_argument, NULL, 'u'},
                                          {"items", required_argument, NULL, 'i'},
                                          {"events", required_argument, NULL, 'e'},
                                          {"days", required_argument, NULL, 'd'},
                                          {"until", required_argument, NULL, 't'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int letter; (letter = getopt_long(argument_count, arguments, "", names, NULL)) != -1;) {
        struct sh_error err;
        switch (letter) {
        case 'u':
            options.user_count = (uint32_t)read_number(optarg, "users", 1, GEN_USER_COUNT_MAX);
            break;
        case 'i':
            options.item_count = (uint32_t)read_number(optarg, "items", 1, GEN_ITEM_COUNT_MAX);
            break;
        case 'e':
            options.event_count = (uint32_t)read_number(optarg, "events", 0, GEN_EVENT_COUNT_MAX);
            break;
        case 'd':
            options.day_count = (uint32_t)read_number(optarg, "days", 1, GEN_DAY_COUNT_MAX);
            break;
        case 's':
            options.seed = read_number(optarg, "seed", 0, UINT64_MAX);
            break;
        case 'o':
            options.folder = optarg;
            break;
        case 't':
            if (sh_date_parse(sh_text_of(optarg), &until, &err) != SH_OK) {
                (void)fprintf(stderr, "shoal-gen: --until: %s\n", err.message);
                return 2;
            }
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (options.folder == NULL || optind != argument_count) {
        (void)fputs(usage, stderr);
        return 2;
    }
    options.until_day = sh_day_from_date(until);
    if (mkdir(options.folder, 0777) != 0 && errno != EEXIST) {
        (void)fprintf(stderr, "shoal-gen: %s: %s\n", options.folder, strerror(errno));
        return 1;
    }
    write_file(&options, "users.csv", gen_write_users);
    write_file(&options, "items.csv", gen_write_items);
    write_file(&options, "events.csv", gen_write_events);
    write_file(&options, "shop.map", write_mapping);
    return 0;
}
