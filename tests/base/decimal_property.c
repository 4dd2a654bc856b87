/* decimal_property.c -- print and parse are inverse, and floats are judged as the C library's printf and strtod judge
 * them. Run: decimal_property SEED COUNT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decimal.h"
#include "hash.h"

static uint64_t state;

static uint64_t random_word(void) {
    state += 0x9E3779B97F4A7C15u;
    return sh_hash_mix(state, 1);
}

static int64_t random_units(void) {
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 0, 1, -1};
    if (random_word() % 16 == 0) return edges[random_word() % 7];
    return (int64_t)random_word() >> (random_word() % 64);
}

static bool check_round_trip(struct sh_buffer *buffer) {
    const int64_t units = random_units();
    const uint32_t scale = (uint32_t)(random_word() % (SH_DECIMAL_SCALE_MAX + 1));
    sh_buffer_clear(buffer);
    sh_decimal_print(buffer, units, scale);
    int64_t back;
    const struct sh_text text = {(const char *)buffer->bytes, (uint32_t)buffer->count};
    return sh_decimal_parse(text, scale, &back, NULL) == SH_OK && back == units;
}

/* The decimals around real * 10^scale, as text; the nearest by long double (64 bits hold every units here) is printed
 * and read back with strtod. */
static bool twin_from_real(double real, uint32_t scale, int64_t *units) {
    const long double scaled = (long double)real * (long double)sh_power_of_ten[scale];
    *units = (int64_t)roundl(scaled);
    char text[64];
    const uint64_t magnitude = (uint64_t)llabs(*units);
    (void)snprintf(text, sizeof text, "%s%llu.%0*llu", real < 0 ? "-" : "",
                   (unsigned long long)(magnitude / (uint64_t)sh_power_of_ten[scale]), (int)scale + 1,
                   (unsigned long long)(magnitude % (uint64_t)sh_power_of_ten[scale] * 10));
    return strtod(text, NULL) == real;
}

static bool check_real(void) {
    const uint32_t scale = (uint32_t)(random_word() % (SH_DECIMAL_SCALE_MAX + 1));
    /* Below 2^52 units, so that the twin's long double is exact enough to round. */
    const int64_t near = (int64_t)random_word() >> (12 + random_word() % 52);
    double real = (double)near / (double)sh_power_of_ten[scale];
    if (random_word() % 2 == 0) real = nextafter(real, random_word() % 2 == 0 ? -1e30 : 1e30);
    int64_t wanted;
    int64_t units;
    const bool taken = sh_decimal_from_real(real, scale, &units, NULL) == SH_OK;
    return taken == twin_from_real(real, scale, &wanted) && (!taken || units == wanted);
}

static bool check_mean(struct sh_buffer *buffer) {
    const int64_t sum = random_units() / 1000;
    const uint64_t count = 1 + random_word() % 1000;
    sh_buffer_clear(buffer);
    sh_decimal_print_ratio(buffer, sum, count, 2);
    int64_t mean;
    if (sh_decimal_parse((struct sh_text){(const char *)buffer->bytes, (uint32_t)buffer->count}, 4, &mean, NULL) !=
        SH_OK)
        return false;
    const __int128 away = ((__int128)sum * 100 - (__int128)mean * (int64_t)count) * 2;
    const __int128 distance = away < 0 ? -away : away;
    return distance < (__int128)count || (distance == (__int128)count && mean % 2 == 0);
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 500000;
    printf("reproduce: ./decimal_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 100);
    const char *fault = NULL;
    for (uint64_t step = 0; step < count && fault == NULL; step++) {
        state = sh_hash_mix(seed, step);
        if (!check_round_trip(&buffer))
            fault = "print and parse are not inverse";
        else if (!check_real())
            fault = "a float is not judged as strtod judges it";
        else if (!check_mean(&buffer))
            fault = "a mean is not the nearest";
        if (fault != NULL) printf("step %llu: %s\n", (unsigned long long)step, fault);
    }
    sh_buffer_deinit(&buffer);
    return fault == NULL ? 0 : 1;
}
