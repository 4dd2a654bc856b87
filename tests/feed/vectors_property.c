/* vectors_property.c -- the kernels of every instruction set against the scalar ones, at every length; and vectors against
 * plain arrays, saved and loaded. Run: vectors_property SEED COUNT (of rounds). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "hash.h"
#include "isa.h"
#include "vectors.h"

enum { SLOTS = 90, ROWS = 40, GROUPS = 5, TAGS_MAX = 9 };

static uint64_t state;
static const char *reason;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

static double random_number(void) {
    return ((double)random_below(2000001) - 1000000) / 1000000;
}

/* ---- Kernels ---- */

static int16_t random_row(uint32_t stride, int16_t *row) {
    double values[SH_VECTOR_DIMENSION_MAX];
    const uint32_t used = 1 + random_below(stride);
    for (uint32_t i = 0; i < used; i++)
        values[i] = random_below(4) == 0 ? 0 : random_number();
    if (!sh_vectors_fit(values, used, row)) row[0] = SH_VECTOR_UNIT;
    for (uint32_t i = used; i < stride; i++)
        row[i] = 0;
    return row[0];
}

static bool check_dots(const struct sh_vector_kernels *kernels, uint32_t stride) {
    static int16_t rows[ROWS * SH_VECTOR_DIMENSION_MAX];
    int16_t row[SH_VECTOR_DIMENSION_MAX];
    uint32_t numbers[ROWS];
    (void)random_row(stride, row);
    for (uint32_t i = 0; i < ROWS; i++) {
        (void)random_row(stride, rows + (size_t)i * stride);
        numbers[i] = random_below(ROWS);
    }
    memcpy(rows, row, stride * sizeof *row); /* the highest sum there is */
    numbers[0] = 0;
    for (uint32_t count = 0; count <= ROWS; count++) {
        int32_t sums[ROWS] = {0}, expected[ROWS] = {0};
        sh_vector_kernels_scalar.dot_rows(row, stride, rows, numbers, count, expected);
        kernels->dot_rows(row, stride, rows, numbers, count, sums);
        if (!promise(memcmp(sums, expected, sizeof sums) == 0, "sums of products differ")) return false;
    }
    return true;
}

static bool check_bits(const struct sh_vector_kernels *kernels) {
    uint64_t words[TAGS_MAX][GROUPS];
    const uint64_t *bits[TAGS_MAX];
    int16_t weights[TAGS_MAX];
    for (uint32_t k = 0; k < TAGS_MAX; k++) {
        bits[k] = words[k];
        weights[k] = (int16_t)((int32_t)random_below(6001) - 3000);
        for (uint32_t w = 0; w < GROUPS; w++)
            words[k][w] = random_below(5) == 0 ? UINT64_MAX : sh_hash_mix(random_below(1 << 30), 7);
    }
    for (uint32_t count = 0; count <= TAGS_MAX; count++)
        for (uint32_t word_count = 0; word_count <= GROUPS; word_count++) {
            int16_t sums[GROUPS * 64], expected[GROUPS * 64];
            for (uint32_t i = 0; i < GROUPS * 64; i++)
                sums[i] = expected[i] = (int16_t)((int32_t)random_below(2001) - 1000);
            sh_vector_kernels_scalar.add_bits(expected, bits, weights, count, word_count);
            kernels->add_bits(sums, bits, weights, count, word_count);
            if (!promise(memcmp(sums, expected, sizeof sums) == 0, "sums along bits differ")) return false;
        }
    return true;
}

static void random_bytes(uint8_t *bytes, uint32_t count) {
    const uint32_t manner = random_below(3);
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = manner == 0 ? 0 : manner == 1 ? 255 : (uint8_t)random_below(256);
}

static void random_rule(struct sh_first_rule *rule) {
    static const uint32_t sizes[] = {0, 8, 16, 32};
    *rule = (struct sh_first_rule){.code_bytes = sizes[random_below(4)]};
    rule->shift = rule->code_bytes == 8 ? 6 : rule->code_bytes == 16 ? 5 : 4;
    rule->vector_factor = (int16_t)random_below(32768);
    rule->vector_base = (int16_t)((int32_t)random_below(65536) - 32768);
    rule->popularity_factor = (uint16_t)random_below(32768);
    rule->recency_factor = (uint16_t)random_below(32768);
    rule->recency_top = (uint8_t)random_below(256);
    const uint32_t manner = random_below(3);
    for (uint32_t table = 0; table < 2 * SH_CODE_BYTES_MAX; table++)
        for (uint32_t i = 0; i < 16; i++)
            rule->tables[table][i] = manner == 0 ? 0 : manner == 1 ? 62 : (uint8_t)random_below(63);
}

static bool check_scores(const struct sh_vector_kernels *kernels) {
    static uint8_t norms[GROUPS * 64], popularities[GROUPS * 64], recencies[GROUPS * 64], lengths[GROUPS * 64];
    static uint8_t codes[GROUPS * 64 * SH_CODE_BYTES_MAX];
    int16_t sums[2][GROUPS * 64], scores[2][GROUPS * 64] = {{0}}, tops[2][GROUPS];
    uint64_t candidates[GROUPS];
    struct sh_first_rule rule;
    random_rule(&rule);
    random_bytes(norms, sizeof norms);
    random_bytes(popularities, sizeof popularities);
    random_bytes(recencies, sizeof recencies);
    random_bytes(lengths, sizeof lengths);
    random_bytes(codes, sizeof codes);
    const struct sh_first_items items = {norms, popularities, recencies, lengths, codes};
    for (uint32_t i = 0; i < GROUPS * 64; i++)
        sums[0][i] = sums[1][i] = (int16_t)((int32_t)random_below(65536) - 32768);
    for (uint32_t g = 0; g < GROUPS; g++)
        candidates[g] = random_below(4) == 0   ? 0
                        : random_below(4) == 0 ? UINT64_MAX
                                               : sh_hash_mix(random_below(99999), 3);
    sh_vector_kernels_scalar.first_scores(&rule, &items, GROUPS, candidates, sums[0], scores[0], tops[0]);
    kernels->first_scores(&rule, &items, GROUPS, candidates, sums[1], scores[1], tops[1]);
    for (uint32_t i = 0; i < GROUPS * 64; i++) {
        if ((candidates[i / 64] >> (i % 64) & 1) == 0) continue;
        if (!promise(sums[0][i] == sums[1][i], "what items have without their vectors differs")) return false;
        if (!promise(scores[0][i] == scores[1][i], "first scores differ")) return false;
    }
    if (!promise(memcmp(tops[0], tops[1], sizeof tops[0]) == 0, "tops differ")) return false;
    for (uint32_t g = 0; g < GROUPS; g++) {
        const int16_t bound = (int16_t)((int32_t)random_below(65536) - 32768);
        if (!promise(kernels->at_least(sums[0] + 64 * g, bound) ==
                         sh_vector_kernels_scalar.at_least(sums[0] + 64 * g, bound),
                     "who reaches a bound differs"))
            return false;
    }
    return true;
}

static bool run_kernels(void) {
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++) {
        const struct sh_vector_kernels *kernels = sh_vector_kernels_of(isa);
        if (kernels == NULL) continue;
        for (uint32_t stride = SH_VECTOR_LANES; stride <= SH_VECTOR_DIMENSION_MAX; stride += SH_VECTOR_LANES)
            if (!check_dots(kernels, stride)) return false;
        if (!check_bits(kernels) || !check_scores(kernels)) return false;
    }
    return true;
}

/* ---- Vectors ---- */

static struct sh_vectors *vectors;
static double truth[SLOTS][SH_VECTOR_DIMENSION_MAX];
static bool is_there[SLOTS];

static void save(const void *thing, struct sh_archive_writer *writer) {
    sh_vectors_save(*(struct sh_vectors *const *)thing, "vectors", writer);
}

static enum sh_status load(void *thing, struct sh_archive_reader *reader) {
    struct sh_vectors *made = sh_vectors_create();
    if (made == NULL) return sh_archive_refuse_memory(reader);
    sh_vectors_clear(made, sh_vectors_dimension(vectors));
    const enum sh_status status = sh_vectors_load(made, "vectors", SLOTS, reader);
    if (status != SH_OK)
        sh_vectors_destroy(made);
    else
        *(struct sh_vectors **)thing = made;
    return status;
}

static bool check(const void *thing, const char **why) {
    return sh_vectors_check(*(struct sh_vectors *const *)thing, why);
}

static void deinit(void *thing) {
    sh_vectors_destroy(*(struct sh_vectors **)thing);
}

static double cosine(const double *a, const double *b, uint32_t dimension) {
    double ab = 0, aa = 0, bb = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static bool check_vectors(void) {
    const uint32_t dimension = sh_vectors_dimension(vectors);
    uint32_t count = 0;
    if (!promise(sh_vectors_check(vectors, &reason), reason)) return false;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        const int16_t *row = sh_vectors_row(vectors, slot);
        if (!promise((row != NULL) == is_there[slot], "a vector is there, or not")) return false;
        count += row != NULL;
        const uint32_t other = random_below(SLOTS);
        if (row == NULL || !is_there[other]) continue;
        const double told = SH_VECTOR_COSINE * (double)sh_vectors_dot(vectors, row, sh_vectors_row(vectors, other));
        const double error = fabs(told - cosine(truth[slot], truth[other], dimension));
        if (!promise(error < 2 * sqrt((double)dimension) / 32768 + dimension / 1073741824.0,
                     "a cosine is further off than rounding makes it"))
            return false;
    }
    return promise(count == sh_vectors_count(vectors), "so many are there");
}

static bool change(void) {
    const uint32_t dimension = sh_vectors_dimension(vectors);
    const uint32_t slot = random_below(SLOTS);
    int16_t row[SH_VECTOR_DIMENSION_MAX];
    if (random_below(4) == 0) {
        sh_vectors_remove(vectors, slot);
        is_there[slot] = false;
        return true;
    }
    for (uint32_t i = 0; i < dimension; i++)
        truth[slot][i] = random_number() * (1 + random_below(1000));
    truth[slot][random_below(dimension)] += 0.5;
    if (!sh_vectors_fit(truth[slot], dimension, row)) return promise(false, "a vector has no direction");
    if (random_below(3) == 0) { /* memory may be out; then nothing has changed */
        sh_memory_fail_after(random_below(2));
        const enum sh_status status = sh_vectors_set(vectors, slot, row);
        sh_memory_fail_after(UINT64_MAX);
        if (status == SH_ERR_MEMORY && !check_vectors()) return false;
    }
    if (sh_vectors_set(vectors, slot, row) != SH_OK) return promise(false, "a vector was not taken");
    is_there[slot] = true;
    return true;
}

static bool save_and_load(bool is_thorough) {
    struct sh_vectors *loaded;
    struct sh_buffer first, second;
    const struct archive_rig rig = {save, load, check, deinit, &loaded};
    uint64_t number;
    sh_buffer_init(&first, 1 << 24);
    sh_buffer_init(&second, 1 << 24);
    const char *fault = rig_round_trip(&rig, &vectors, &first, &second);
    if (fault == NULL) {
        const bool same = memcmp(sh_vectors_centre(loaded, &number), sh_vectors_centre(vectors, &number),
                                 sh_vectors_dimension(vectors) * sizeof(int16_t)) == 0;
        if (!same) fault = "another centre was loaded";
        deinit(&loaded);
    }
    if (fault == NULL && is_thorough) fault = rig_sweep(&rig, &first);
    if (fault == NULL && is_thorough) fault = rig_starve(&rig, &first);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
    return promise(fault == NULL, fault);
}

static bool run_vectors(uint32_t round) {
    vectors = sh_vectors_create();
    if (vectors == NULL) abort();
    sh_vectors_clear(vectors, round == 0 ? 3 : 1 + random_below(SH_VECTOR_DIMENSION_MAX));
    memset(is_there, 0, sizeof is_there);
    const uint32_t change_count = round == 0 ? 5 : 200;
    bool holds = true;
    for (uint32_t i = 0; i < change_count && holds; i++)
        holds = change();
    holds = holds && check_vectors() && save_and_load(round == 0);
    sh_vectors_destroy(vectors);
    return holds;
}

static bool check_fit(void) {
    const double wrong[][2] = {{0, 0}, {INFINITY, 1}, {1, NAN}, {-0.0, 0}};
    const double huge[2] = {1e200, -1e200}, tiny[2] = {3e-200, 4e-200};
    int16_t row[SH_VECTOR_LANES];
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!promise(!sh_vectors_fit(wrong[i], 2, row), "what has no direction was taken")) return false;
    if (!promise(sh_vectors_fit(huge, 2, row) && row[0] == 11585 && row[1] == -11585, "huge numbers")) return false;
    return promise(sh_vectors_fit(tiny, 2, row) && row[0] == 9830 && row[1] == 13107, "tiny numbers");
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 20;
    state = seed;
    for (uint32_t round = 0; round < count; round++) {
        if (check_fit() && run_kernels() && run_vectors(round)) continue;
        printf("reproduce: vectors_property %" PRIu64 " %u: %s\n", seed, count, reason);
        return 1;
    }
    printf("seed %" PRIu64 ": %u rounds\n", seed, count);
    return 0;
}
