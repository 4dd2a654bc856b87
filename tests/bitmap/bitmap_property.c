/* bitmap_property.c -- random changes to four bitmaps and their twins; after each the set, its check, and questions
 * about it are compared. Run: bitmap_property SEED COUNT, with COUNT changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "bitmap_twin.h"
#include "roaring_format.h"

enum { SET_COUNT = 4 };

static struct random rng;
static struct sh_bitmap bitmaps[SET_COUNT];
static struct twin twins[SET_COUNT];
static const char *doing = "nothing yet";
static uint64_t seed, step_count, step;

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: SHOAL_ISA=%s ./bitmap_property %llu %llu\n", sh_bits->name, (unsigned long long)seed,
           (unsigned long long)step_count);
    printf("step %llu (%s): %s\n", (unsigned long long)step, doing, what);
    exit(1);
}

static void must_ok(enum sh_status status) {
    must(status == SH_OK, sh_status_name(status));
}

/* ---- Changes ---- */

static void add_or_remove_one(uint32_t s, uint32_t slot, bool add) {
    bool changed = false;
    must_ok(add ? sh_bitmap_add(&bitmaps[s], slot, &changed) : sh_bitmap_remove(&bitmaps[s], slot, &changed));
    must(changed == (twins[s].has[slot] != add), "whether it changed is wrong");
    twins[s].has[slot] = add;
}

/* Slots of one neighbourhood, so that arrays fill up, empty again and change form. */
static void burst(uint32_t s, bool add) {
    const uint32_t start = random_slot(&rng);
    const uint32_t spread = random_length(&rng, SH_BLOCK_SLOTS);
    const uint32_t count = random_length(&rng, 6000);
    for (uint32_t i = 0; i < count; i++)
        add_or_remove_one(s, (start + random_below(&rng, spread)) % TWIN_SLOTS, add);
}

static void change_range(uint32_t s, bool add) {
    const uint32_t first = random_slot(&rng);
    uint64_t end = (uint64_t)first + random_length(&rng, TWIN_SLOTS) - 1;
    if (end > TWIN_SLOTS) end = TWIN_SLOTS;
    must_ok(add ? sh_bitmap_add_range(&bitmaps[s], first, end) : sh_bitmap_remove_range(&bitmaps[s], first, end));
    twin_set_range(&twins[s], first, end, add);
}

static int compare_slots(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void add_sorted(uint32_t s) {
    static uint32_t slots[40000];
    const uint32_t count = random_length(&rng, 40000);
    const uint32_t spread = random_length(&rng, TWIN_SLOTS);
    const uint32_t start = random_below(&rng, TWIN_SLOTS - spread + 1);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = start + random_below(&rng, spread);
    qsort(slots, count, sizeof *slots, compare_slots);
    must_ok(sh_bitmap_add_sorted(&bitmaps[s], slots, count));
    for (uint32_t i = 0; i < count; i++)
        twins[s].has[slots[i]] = 1;
}

static void random_words(uint64_t *words) {
    const uint32_t sixteenths = random_below(&rng, 17);
    const uint32_t sparser = random_below(&rng, 12); /* then 1/2^sparser of the ones or zeros are left */
    const bool inverted = random_below(&rng, 2) == 0;
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++) {
        words[i] = random_dense_word(&rng, sixteenths);
        for (uint32_t k = 0; k < sparser; k++)
            words[i] &= random_word(&rng);
        if (inverted) words[i] = ~words[i];
    }
}

static void twin_put(struct twin *twin, uint32_t block, const uint64_t *words) {
    for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++)
        twin->has[block * SH_BLOCK_SLOTS + place] = words[place / 64] >> (place % 64) & 1;
}

static void put_block(uint32_t s) {
    uint64_t words[SH_BLOCK_WORDS];
    const uint32_t block = random_below(&rng, TWIN_BLOCKS);
    random_words(words);
    const uint32_t count = (uint32_t)sh_bitmap_kernels_scalar.popcount(words, SH_BLOCK_WORDS);
    must_ok(sh_bitmap_put_block(&bitmaps[s], block, words, count));
    twin_put(&twins[s], block, words);
}

static void put_view(uint32_t s, uint32_t from) {
    const uint32_t target_block = random_below(&rng, TWIN_BLOCKS), source_block = random_below(&rng, TWIN_BLOCKS);
    must_ok(sh_bitmap_put_view(&bitmaps[s], target_block, sh_bitmap_block(&bitmaps[from], source_block)));
    memmove(twins[s].has + (size_t)target_block * SH_BLOCK_SLOTS,
            twins[from].has + (size_t)source_block * SH_BLOCK_SLOTS, SH_BLOCK_SLOTS);
}

/* In place, or built from two of which one may be the target. */
static void combine(uint32_t s, uint32_t a, uint32_t b, uint32_t operation) {
    static enum sh_status (*const into[])(struct sh_bitmap *, const struct sh_bitmap *) = {
        sh_bitmap_and_into, sh_bitmap_or_into, sh_bitmap_xor_into, sh_bitmap_andnot_into};
    static enum sh_status (*const build[])(struct sh_bitmap *, const struct sh_bitmap *, const struct sh_bitmap *) = {
        sh_bitmap_and, sh_bitmap_or, sh_bitmap_xor, sh_bitmap_andnot};
    if (s == a && random_below(&rng, 4) != 0)
        must_ok(into[operation](&bitmaps[s], &bitmaps[b]));
    else
        must_ok(build[operation](&bitmaps[s], &bitmaps[a], &bitmaps[b]));
    for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++) {
        const uint8_t x = twins[a].has[slot], y = twins[b].has[slot];
        twins[s].has[slot] = operation == 0 ? x & y : operation == 1 ? x | y : operation == 2 ? x ^ y : x & !y;
    }
}

static void or_many(uint32_t s) {
    const struct sh_bitmap *sources[SET_COUNT];
    uint32_t count = 0;
    static struct twin sum;
    memset(&sum, 0, sizeof sum);
    for (uint32_t k = 0; k < SET_COUNT; k++) {
        if (k == s || random_below(&rng, 4) == 0) continue;
        sources[count++] = &bitmaps[k];
        for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++)
            sum.has[slot] |= twins[k].has[slot];
    }
    must_ok(sh_bitmap_or_many(&bitmaps[s], sources, count));
    twins[s] = sum;
}

static void change(uint32_t s, uint32_t other) {
    switch (random_below(&rng, 20)) {
    case 0:
    case 1:
    case 2:
        doing = "add a burst";
        burst(s, true);
        break;
    case 3:
    case 4:
    case 5:
        doing = "remove a burst";
        burst(s, false);
        break;
    case 6:
    case 7:
        doing = "add a range";
        change_range(s, true);
        break;
    case 8:
    case 9:
        doing = "remove a range";
        change_range(s, false);
        break;
    case 10:
        doing = "add sorted slots";
        add_sorted(s);
        break;
    case 11:
        doing = "put a block";
        put_block(s);
        break;
    case 12:
        doing = "put a view";
        put_view(s, other);
        break;
    case 13:
    case 14:
    case 15:
    case 16:
        doing = "combine";
        combine(s, random_below(&rng, 2) == 0 ? s : random_below(&rng, SET_COUNT), other, random_below(&rng, 4));
        break;
    case 17:
        doing = "or many";
        or_many(s);
        break;
    case 18:
        doing = "copy";
        must_ok(sh_bitmap_copy(&bitmaps[s], &bitmaps[other]));
        twins[s] = twins[other];
        break;
    default:
        if (random_below(&rng, 20) == 0) {
            doing = "clear";
            sh_bitmap_clear(&bitmaps[s]);
            memset(&twins[s], 0, sizeof twins[s]);
        } else {
            doing = "optimize";
            must_ok(sh_bitmap_optimize(&bitmaps[s]));
        }
    }
}

/* ---- Questions ---- */

static void ask_points(uint32_t s) {
    const struct sh_bitmap *bitmap = &bitmaps[s];
    const uint8_t *has = twins[s].has;
    for (uint32_t i = 0; i < 8; i++) {
        const uint32_t slot = random_slot(&rng);
        must(sh_bitmap_contains(bitmap, slot) == has[slot], "contains");
        uint64_t rank = 0;
        for (uint32_t k = 0; k < slot; k++)
            rank += has[k];
        must(sh_bitmap_rank(bitmap, slot) == rank, "rank");
        uint32_t found = 0;
        uint32_t next = slot;
        while (next < TWIN_SLOTS && !has[next])
            next++;
        const bool exists = next < TWIN_SLOTS;
        must(sh_bitmap_next(bitmap, slot, &found) == exists, "next exists");
        must(!exists || found == next, "next");
        must(sh_bitmap_select(bitmap, rank, &found) == exists, "select exists");
        must(!exists || found == next, "select");
    }
    uint32_t low = 0, high = 0;
    const uint64_t count = sh_bitmap_count(bitmap);
    uint32_t first = 0, last = 0;
    must(sh_bitmap_min(bitmap, &low) == (count > 0), "min exists");
    must(sh_bitmap_max(bitmap, &high) == (count > 0), "max exists");
    if (count == 0) return;
    must(sh_bitmap_select(bitmap, 0, &first) && low == first, "min");
    must(sh_bitmap_select(bitmap, count - 1, &last) && high == last, "max");
    must(!sh_bitmap_select(bitmap, count, &last), "select beyond the end");
}

static void ask_pairs(uint32_t a, uint32_t b) {
    uint64_t both = 0, either = 0, one = 0, only = 0;
    for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++) {
        const uint8_t x = twins[a].has[slot], y = twins[b].has[slot];
        both += x & y;
        either += x | y;
        one += x ^ y;
        only += x & !y;
    }
    must(sh_bitmap_and_count(&bitmaps[a], &bitmaps[b]) == both, "and_count");
    must(sh_bitmap_or_count(&bitmaps[a], &bitmaps[b]) == either, "or_count");
    must(sh_bitmap_xor_count(&bitmaps[a], &bitmaps[b]) == one, "xor_count");
    must(sh_bitmap_andnot_count(&bitmaps[a], &bitmaps[b]) == only, "andnot_count");
    must(sh_bitmap_intersects(&bitmaps[a], &bitmaps[b]) == (both != 0), "intersects");
    must(sh_bitmap_is_subset(&bitmaps[a], &bitmaps[b]) == (only == 0), "is_subset");
    must(sh_bitmap_equal(&bitmaps[a], &bitmaps[b]) == (one == 0), "equal");
}

static void ask_pages(uint32_t s) {
    static uint32_t page[70000];
    const uint32_t max = random_length(&rng, 70000);
    uint32_t from = random_slot(&rng);
    uint32_t next = from;
    for (uint32_t pages = 0; pages < 20; pages++) {
        const size_t n = sh_bitmap_list(&bitmaps[s], from, page, max);
        for (size_t i = 0; i < n; i++) {
            while (next < TWIN_SLOTS && !twins[s].has[next])
                next++;
            must(page[i] == next, "a page");
            next++;
        }
        if (n < max) {
            while (next < TWIN_SLOTS && !twins[s].has[next])
                next++;
            must(next >= TWIN_SLOTS, "a page is short before the end");
            return;
        }
        from = page[n - 1] + 1;
    }
}

static void ask_iterator(uint32_t s) {
    struct sh_bitmap_iterator iterator;
    sh_bitmap_iterate(&iterator, &bitmaps[s]);
    uint64_t count = 0;
    int64_t before = -1;
    for (uint32_t slot; sh_bitmap_iterator_next(&iterator, &slot); count++) {
        must((int64_t)slot > before && slot < TWIN_SLOTS && twins[s].has[slot], "the iterator");
        before = slot;
    }
    must(count == sh_bitmap_count(&bitmaps[s]), "the iterator's count");
}

/* Every register operation with one block of a and one of b, against the bytes of the twins. */
static void ask_registers(uint32_t a, uint32_t b) {
    static void (*const into[])(uint64_t *, struct sh_block_view) = {sh_block_and_into, sh_block_or_into,
                                                                     sh_block_xor_into, sh_block_andnot_into};
    static uint32_t (*const into_count[])(uint64_t *, struct sh_block_view) = {
        sh_block_and_into_count, sh_block_or_into_count, sh_block_xor_into_count, sh_block_andnot_into_count};
    const uint32_t a_block = random_below(&rng, TWIN_BLOCKS), b_block = random_below(&rng, TWIN_BLOCKS);
    const struct sh_block_view x = sh_bitmap_block(&bitmaps[a], a_block), y = sh_bitmap_block(&bitmaps[b], b_block);
    const uint8_t *x_has = twins[a].has + (size_t)a_block * SH_BLOCK_SLOTS,
                  *y_has = twins[b].has + (size_t)b_block * SH_BLOCK_SLOTS;
    uint64_t start[SH_BLOCK_WORDS], first[SH_BLOCK_WORDS], second[SH_BLOCK_WORDS];
    sh_block_store(x, start);
    for (uint32_t operation = 0; operation < 4; operation++) {
        memcpy(first, start, sizeof first);
        memcpy(second, start, sizeof second);
        into[operation](first, y);
        const uint32_t count = into_count[operation](second, y);
        must(memcmp(first, second, sizeof first) == 0, "a register operation with and without count");
        uint32_t expected_count = 0;
        for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
            const uint8_t p = x_has[place], q = y_has[place];
            const uint8_t expected = operation == 0 ? p & q : operation == 1 ? p | q : operation == 2 ? p ^ q : p & !q;
            must((first[place / 64] >> (place % 64) & 1) == expected, "a register operation");
            expected_count += expected;
        }
        must(count == expected_count, "the count of a register operation");
    }
}

static void ask_lists(uint32_t s) {
    static uint16_t slots[SH_BLOCK_SLOTS];
    static uint32_t wide_slots[SH_BLOCK_SLOTS];
    static struct sh_run runs[SH_BLOCK_SLOTS / 2];
    const uint32_t block = random_below(&rng, TWIN_BLOCKS);
    const struct sh_block_view view = sh_bitmap_block(&bitmaps[s], block);
    const uint8_t *has = twins[s].has + (size_t)block * SH_BLOCK_SLOTS;
    must(sh_block_list_u16(view, slots) == view.count, "list_u16 count");
    must(sh_block_list_u32(view, 7, wide_slots) == view.count, "list_u32 count");
    const uint32_t run_count = sh_block_run_count(view);
    must(sh_block_list_runs(view, runs) == run_count, "run_count");
    uint32_t n = 0, runs_seen = 0;
    for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
        if (!has[place]) continue;
        must(slots[n] == place && wide_slots[n] == place + 7, "a list");
        n++;
        const bool starts = place == 0 || !has[place - 1];
        const bool ends = place == SH_BLOCK_SLOTS - 1 || !has[place + 1];
        must(!starts || runs[runs_seen].first == place, "the start of a run");
        must(!ends || runs[runs_seen].last == place, "the end of a run");
        runs_seen += ends;
    }
    must(runs_seen == run_count, "the number of runs");
}

static void ask_bytes(uint32_t s) {
    struct sh_buffer buffer;
    struct sh_error err;
    struct sh_bitmap back;
    sh_buffer_init(&buffer, 1 << 20);
    sh_bitmap_init(&back, 1 + random_below(&rng, SH_ARRAY_COUNT_COMPACT));
    must_ok(sh_roaring_write(&bitmaps[s], &buffer, &err));
    must(buffer.count == sh_roaring_byte_count(&bitmaps[s]), "the byte count");
    must_ok(sh_roaring_read(&back, buffer.bytes, buffer.count, &err));
    const char *difference = twin_difference(&twins[s], &back);
    must(difference == NULL, difference);
    sh_bitmap_deinit(&back);
    sh_buffer_deinit(&buffer);
}

static void save_bitmap(const void *bitmap, struct sh_archive_writer *writer) {
    sh_bitmap_save(bitmap, writer);
}
static enum sh_status load_bitmap(void *bitmap, struct sh_archive_reader *reader) {
    sh_bitmap_init(bitmap, SH_ARRAY_COUNT_FAST);
    return sh_bitmap_load(bitmap, reader);
}
static bool check_bitmap(const void *bitmap, const char **reason) {
    return sh_bitmap_check(bitmap, reason);
}
static void deinit_bitmap(void *bitmap) {
    sh_bitmap_deinit(bitmap);
}

/* Saved and loaded it is the same to the forms of its blocks; the changes go on with the one that was loaded. */
static void ask_archive(uint32_t s) {
    struct sh_bitmap back;
    struct sh_buffer first, second;
    const struct archive_rig rig = {save_bitmap, load_bitmap, check_bitmap, deinit_bitmap, &back};
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(&rig, &bitmaps[s], &first, &second);
    must(fault == NULL, fault);
    must(back.block_count == bitmaps[s].block_count && back.array_count_max == bitmaps[s].array_count_max, "its shape");
    for (uint32_t i = 0; i < back.block_count; i++)
        must(back.blocks[i].form == bitmaps[s].blocks[i].form, "a block has the form it had");
    sh_bitmap_swap(&bitmaps[s], &back);
    sh_bitmap_deinit(&back);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
    const char *difference = twin_difference(&twins[s], &bitmaps[s]);
    must(difference == NULL, difference);
}

int main(int argument_count, char **arguments) {
    seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    step_count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 1000;
    rng.state = seed;
    sh_bitmap_init(&bitmaps[0], SH_ARRAY_COUNT_FAST);
    sh_bitmap_init(&bitmaps[1], SH_ARRAY_COUNT_COMPACT);
    sh_bitmap_init(&bitmaps[2], SH_ARRAY_COUNT_FAST);
    sh_bitmap_init(&bitmaps[3], 1 + random_below(&rng, 64));
    uint64_t forms[SH_BLOCK_BITS + 1] = {0};
    for (step = 0; step < step_count; step++) {
        const uint32_t s = random_below(&rng, SET_COUNT), other = random_below(&rng, SET_COUNT);
        change(s, other);
        const char *difference = twin_difference(&twins[s], &bitmaps[s]);
        must(difference == NULL, difference);
        doing = "ask";
        ask_points(s);
        ask_pairs(s, other);
        ask_registers(s, other);
        ask_lists(s);
        ask_pages(s);
        if (step % 8 == 0) ask_iterator(s);
        if (step % 8 == 1) ask_bytes(s);
        if (step % 8 == 2) ask_archive(s);
        for (uint32_t i = 0; i < bitmaps[s].block_count; i++)
            forms[bitmaps[s].blocks[i].form]++;
    }
    printf("%s, seed %llu, %llu changes; blocks seen:", sh_bits->name, (unsigned long long)seed,
           (unsigned long long)step_count);
    for (uint32_t form = 0; form <= SH_BLOCK_BITS; form++) {
        printf(" %s %llu", sh_block_form_name(form), (unsigned long long)forms[form]);
        must(step_count < 500 || forms[form] > 0, "a form was never met");
    }
    printf("\n");
    for (uint32_t s = 0; s < SET_COUNT; s++)
        sh_bitmap_deinit(&bitmaps[s]);
    return 0;
}
