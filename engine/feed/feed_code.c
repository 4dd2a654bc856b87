#include "feed_code.h"

#include <math.h>

#include "hash.h"

enum { CODE_NUMBERS_MAX = SH_CODE_BYTES_MAX * 8, SHIFT_OF_8_BYTES = 6 };
_Static_assert((int)CODE_NUMBERS_MAX >= (int)SH_VECTOR_DIMENSION_MAX, "a code has a bit for every number");
_Static_assert((2 * 8 * SH_CODE_MIDDLE) << SHIFT_OF_8_BYTES <= INT16_MAX, "the highest sum is a 16-bit number");
#define ROW_UNIT (1.0 / (double)SH_VECTOR_UNIT)

uint32_t code_bytes_of(uint32_t dimension) {
    if (dimension == 0) return 0;
    return dimension <= 64 ? 8 : dimension <= 128 ? 16 : 32;
}

double code_length_step(uint32_t code_bytes) {
    return 4.0 / sqrt(8.0 * code_bytes) / 255.0;
}

/* Sums and differences of pairs, of pairs of pairs, ...: the Walsh-Hadamard transform, sqrt(count) times too long. */
static void transform(double *values, uint32_t count) {
    for (uint32_t half = 1; half < count; half *= 2)
        for (uint32_t i = 0; i < count; i += 2 * half)
            for (uint32_t k = i; k < i + half; k++) {
                const double a = values[k];
                const double b = values[k + half];
                values[k] = a + b;
                values[k + half] = a - b;
            }
}

/* count * 8 numbers in place. */
static void turn(double *values, uint32_t code_bytes) {
    const uint32_t count = code_bytes * 8;
    for (uint64_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < count; i += 64) {
            const uint64_t signs = sh_hash_mix(round * CODE_NUMBERS_MAX + i + 1, UINT64_C(0x9E3779B97F4A7C15));
            for (uint32_t k = 0; k < 64; k++)
                if (signs >> k & 1) values[i + k] = -values[i + k];
        }
        transform(values, count);
    }
    for (uint32_t i = 0; i < count; i++)
        values[i] /= count;
}

void code_make(const int16_t *row, const int16_t *centre, uint32_t dimension, uint32_t place, uint8_t *codes,
               uint8_t *length) {
    double values[CODE_NUMBERS_MAX] = {0};
    const uint32_t bytes = code_bytes_of(dimension);
    const uint32_t at = place < 32 ? 2 * place : 2 * (place - 32) + 1;
    double squares = 0;
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        values[i] = (double)(row[i] - centre[i]) * ROW_UNIT;
    turn(values, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t byte = 0;
        for (uint32_t k = 0; k < 8; k++) {
            const double value = values[i * 8 + k];
            byte |= (uint8_t)((value >= 0) << k);
            squares += value * value;
            sum += fabs(value);
        }
        codes[i * SH_FIRST_GROUP + at] = byte;
    }
    const double steps = sum > 0 ? squares / sum / code_length_step(bytes) + 0.5 : 1;
    *length = steps < 1 ? 1 : steps > 255 ? 255 : (uint8_t)steps;
}

void code_ask(const int16_t *row, uint32_t dimension, struct sh_first_rule *rule, double *step) {
    double values[CODE_NUMBERS_MAX] = {0};
    double largest = 0;
    rule->code_bytes = code_bytes_of(dimension);
    rule->shift = rule->code_bytes == 8    ? SHIFT_OF_8_BYTES
                  : rule->code_bytes == 16 ? SHIFT_OF_8_BYTES - 1
                                           : SHIFT_OF_8_BYTES - 2;
    for (uint32_t i = 0; i < dimension; i++)
        values[i] = (double)row[i] * ROW_UNIT;
    turn(values, rule->code_bytes);
    for (uint32_t i = 0; i < rule->code_bytes * 8; i += 4) {
        const double sum = fabs(values[i]) + fabs(values[i + 1]) + fabs(values[i + 2]) + fabs(values[i + 3]);
        if (sum > largest) largest = sum;
    }
    *step = largest > 0 ? largest / SH_CODE_MIDDLE : 1;
    for (uint32_t table = 0; table < 2 * rule->code_bytes; table++)
        for (uint32_t nibble = 0; nibble < 16; nibble++) {
            double sum = 0;
            for (uint32_t k = 0; k < 4; k++)
                sum += nibble >> k & 1 ? values[table * 4 + k] : -values[table * 4 + k];
            rule->tables[table][nibble] = (uint8_t)(floor(sum / *step + 0.5) + SH_CODE_MIDDLE);
        }
}
