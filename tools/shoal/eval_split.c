/* eval_split.c -- `shoal eval split`: one file of who liked what as train.csv, valid.csv and test.csv.
 *
 *   --by user   of each user's items 80 % at random for training, 10 % and 10 %: a draw by hash of seed, user and item,
 *               so the same seed gives the same files whatever the order of the lines
 *   --by time   the first 80 % of all lines by time, then 10 % and 10 %
 *
 * A user and an item make one line, the first by time, with its type, value and store if the file has them. What is rounded: a user of n items has round(0.8 n) for training
 * and round(0.9 n) - round(0.8 n) for validation, halves up. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "eval_engine.h"
#include "hash.h"
#include "memory.h"

static const char *const part_names[] = {"train", "valid", "test"};

/* A line with its order inside what is split. */
struct line {
    struct click click;
    uint64_t draw;
};

static int by_user_and_item(const void *left, const void *right) {
    const struct click *a = &((const struct line *)left)->click;
    const struct click *b = &((const struct line *)right)->click;
    if (a->session != b->session) return a->session < b->session ? -1 : 1;
    if (a->item != b->item) return a->item < b->item ? -1 : 1;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int by_user_and_draw(const void *left, const void *right) {
    const struct line *a = left;
    const struct line *b = right;
    if (a->click.session != b->click.session) return a->click.session < b->click.session ? -1 : 1;
    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    return by_user_and_item(left, right);
}

static int by_moment(const void *left, const void *right) {
    const struct line *a = left;
    const struct line *b = right;
    if (a->click.time_ms != b->click.time_ms) return a->click.time_ms < b->click.time_ms ? -1 : 1;
    return a->click.row < b->click.row ? -1 : a->click.row > b->click.row;
}

struct splitting {
    struct goods goods;
    struct clicks clicks;
    struct line *lines;
    uint32_t count;
    FILE *files[3];
    uint32_t counts[3];
};

/* One line a user and item, in the order that is split. */
static bool make_lines(struct splitting *splitting, bool by_user, uint64_t seed) {
    const struct clicks *clicks = &splitting->clicks;
    splitting->lines = sh_alloc(((size_t)clicks->count + 1) * sizeof *splitting->lines);
    if (splitting->lines == NULL) {
        (void)fputs("shoal: memory is out\n", stderr);
        return false;
    }
    struct line *lines = splitting->lines;
    for (uint32_t i = 0; i < clicks->count; i++) {
        const struct click click = clicks->clicks[i];
        const uint64_t user = sh_hash_text(sh_text_of(clicks->sessions.texts[click.session]));
        const uint64_t item = sh_hash_text(sh_text_of(splitting->goods.items.texts[click.item]));
        lines[i] = (struct line){click, sh_hash_mix(user ^ seed, item ^ UINT64_C(0x9E3779B97F4A7C15))};
    }
    qsort(lines, clicks->count, sizeof *lines, by_user_and_item);
    for (uint32_t i = 0; i < clicks->count; i++)
        if (splitting->count == 0 || lines[splitting->count - 1].click.session != lines[i].click.session ||
            lines[splitting->count - 1].click.item != lines[i].click.item)
            lines[splitting->count++] = lines[i];
    qsort(lines, splitting->count, sizeof *lines, by_user ? by_user_and_draw : by_moment);
    return true;
}

/* "a,b" and "say ""a""" as one field. */
static void write_field(FILE *out, const char *text) {
    output_csv_cell(text, out);
}

/* What else the file said of its events. */
static void write_more(const struct splitting *splitting, const struct click *click, FILE *out) {
    const struct goods *goods = &splitting->goods;
    if (goods->types.count > 0) (void)fputc(',', out);
    if (click->type != CLICK_NONE) write_field(out, goods->types.texts[click->type]);
    if (splitting->clicks.has_values)
        (void)fprintf(out, ",%s%lld.%02lld", click->value < 0 ? "-" : "", llabs(click->value / 100),
                      llabs(click->value % 100));
    if (goods->stores.count > 0) (void)fputc(',', out);
    if (click->store != CLICK_NONE) write_field(out, goods->stores.texts[click->store]);
}

static void write_part(struct splitting *splitting, uint32_t from, uint32_t count) {
    const uint64_t first = ((uint64_t)count * 8 + 5) / 10;
    const uint64_t second = ((uint64_t)count * 9 + 5) / 10;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t part = i < first ? 0 : i < second ? 1 : 2;
        const struct click *click = &splitting->lines[from + i].click;
        FILE *out = splitting->files[part];
        write_field(out, splitting->clicks.sessions.texts[click->session]);
        (void)fputc(',', out);
        write_field(out, splitting->goods.items.texts[click->item]);
        (void)fprintf(out, ",%" PRId64, click->time_ms);
        write_more(splitting, click, out);
        (void)fputc('\n', out);
        splitting->counts[part]++;
    }
}

static void write_parts(struct splitting *splitting, bool by_user) {
    if (!by_user) {
        write_part(splitting, 0, splitting->count);
        return;
    }
    for (uint32_t from = 0; from < splitting->count;) {
        uint32_t end = from + 1;
        while (end < splitting->count && splitting->lines[end].click.session == splitting->lines[from].click.session)
            end++;
        write_part(splitting, from, end - from);
        from = end;
    }
}

static bool open_parts(struct splitting *splitting, const char *folder) {
    for (uint32_t i = 0; i < 3; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s.csv", folder, part_names[i]);
        splitting->files[i] = fopen(path, "w");
        if (splitting->files[i] == NULL) {
            perror(path);
            return false;
        }
        (void)fprintf(splitting->files[i], "user,item,time%s%s%s\n", splitting->goods.types.count > 0 ? ",type" : "",
                      splitting->clicks.has_values ? ",value" : "", splitting->goods.stores.count > 0 ? ",store" : "");
    }
    return true;
}

static bool close_parts(struct splitting *splitting) {
    bool is_well = true;
    for (uint32_t i = 0; i < 3; i++) {
        if (splitting->files[i] == NULL) continue;
        const bool had_fault = ferror(splitting->files[i]) != 0;
        if (fclose(splitting->files[i]) == 0 && !had_fault) continue;
        (void)fprintf(stderr, "shoal: %s.csv could not be written\n", part_names[i]);
        is_well = false;
    }
    return is_well;
}

int run_eval_split(const struct command_options *options) {
    struct splitting splitting = {.count = 0};
    const bool by_user = options->by != NULL && strcmp(options->by, "user") == 0;
    const uint64_t seed = options->seed != NULL ? strtoull(options->seed, NULL, 10) : 1;
    if (options->events == NULL || options->folder == NULL ||
        (!by_user && (options->by == NULL || strcmp(options->by, "time") != 0))) {
        (void)fputs("usage: shoal eval split --events FILE --by user|time --dir FOLDER [--seed N] [--columns "
                    "user,item,time] [--min COLUMN=NUMBER] [--types view,cart]\n",
                    stderr);
        return 2;
    }
    bool is_well = eval_read(options->events, options, "user,item,time", &splitting.goods, &splitting.clicks);
    is_well = is_well && make_lines(&splitting, by_user, seed) && open_parts(&splitting, options->folder);
    if (is_well) write_parts(&splitting, by_user);
    is_well = close_parts(&splitting) && is_well;
    if (is_well)
        (void)printf("seed %" PRIu64 ": %u lines for training, %u for validation, %u for the test\n", seed,
                     splitting.counts[0], splitting.counts[1], splitting.counts[2]);
    clicks_free(&splitting.clicks);
    goods_free(&splitting.goods);
    sh_free(splitting.lines);
    return is_well ? 0 : 1;
}
