#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "decimal.h"

static enum sh_status parse(const char *text, uint32_t scale, int64_t *units) {
    return sh_decimal_parse(sh_text_of(text), scale, units, NULL);
}

static void expect_units(const char *text, uint32_t scale, int64_t wanted) {
    int64_t units = 77;
    cr_assert_eq(parse(text, scale, &units), SH_OK, "%s", text);
    cr_assert_eq(units, wanted, "%s is %lld", text, (long long)units);
}

static void expect_printed(__int128 units, uint32_t scale, const char *wanted) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 100);
    sh_decimal_print(&buffer, units, scale);
    cr_assert(sh_text_equal((struct sh_text){(char *)buffer.bytes, (uint32_t)buffer.count}, sh_text_of(wanted)),
              "%.*s, not %s", (int)buffer.count, (char *)buffer.bytes, wanted);
    sh_buffer_deinit(&buffer);
}

static void expect_ratio(__int128 sum, uint64_t count, uint32_t scale, const char *wanted) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 100);
    sh_decimal_print_ratio(&buffer, sum, count, scale);
    cr_assert(sh_text_equal((struct sh_text){(char *)buffer.bytes, (uint32_t)buffer.count}, sh_text_of(wanted)),
              "%.*s, not %s", (int)buffer.count, (char *)buffer.bytes, wanted);
    sh_buffer_deinit(&buffer);
}

Test(decimal, parses_what_people_write) {
    expect_units("12.5", 2, 1250);
    expect_units("-0.005", 3, -5);
    expect_units("+7", 0, 7);
    expect_units("0", 9, 0);
    expect_units("-0", 2, 0);
    expect_units(".5", 1, 5);
    expect_units("5.", 1, 50);
    expect_units("12.5000000000000000000000000", 1, 125);
    expect_units("0000000000000000000000000000000001", 2, 100);
}

Test(decimal, parses_the_ends_of_int64) {
    expect_units("9223372036854775807", 0, INT64_MAX);
    expect_units("-9223372036854775808", 0, INT64_MIN);
    expect_units("9223372036.854775807", 9, INT64_MAX);
    expect_units("-9223372036.854775808", 9, INT64_MIN);
    expect_units("-92233720368547758.08", 2, INT64_MIN);
    int64_t units = 5;
    cr_assert_eq(parse("9223372036854775808", 0, &units), SH_ERR_OVERFLOW);
    cr_assert_eq(parse("-9223372036854775809", 0, &units), SH_ERR_OVERFLOW);
    cr_assert_eq(parse("92233720368547758.08", 2, &units), SH_ERR_OVERFLOW);
    cr_assert_eq(parse("18446744073709551616", 0, &units), SH_ERR_OVERFLOW);
    cr_assert_eq(parse("9223372036854775807", 1, &units), SH_ERR_OVERFLOW);
    cr_assert_eq(parse("99999999999999999999999999", 0, &units), SH_ERR_OVERFLOW);
    cr_assert_eq(units, 5, "a failure writes nothing");
}

Test(decimal, refuses_everything_else) {
    static const char *const texts[] = {"",   "-",   ".",     "+.",  "1e3", " 1",
                                        "1 ", "1,5", "1.2.3", "--1", "0x1", "\xEF\xBC\x91"};
    int64_t units;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_eq(parse(texts[i], 2, &units), SH_ERR_ARGUMENT, "\"%s\"", texts[i]);
    struct sh_error err;
    cr_assert_eq(sh_decimal_parse(SH_TEXT_LITERAL("1.255"), 2, &units, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(err.position, 4, "the digit that would be lost");
    cr_assert_eq(sh_decimal_parse(SH_TEXT_LITERAL("1.2x"), 2, &units, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(err.position, 3);
}

Test(decimal, prints_all_digits_of_the_scale) {
    expect_printed(1250, 2, "12.50");
    expect_printed(-5, 3, "-0.005");
    expect_printed(0, 0, "0");
    expect_printed(0, 2, "0.00");
    expect_printed(INT64_MIN, 9, "-9223372036.854775808");
    expect_printed((__int128)INT64_MAX * INT64_MAX, 2, "850705917302346158473969077842325012.49");
    const __int128 lowest = (__int128)1 << 126;
    expect_printed(-lowest - lowest, 0, "-170141183460469231731687303715884105728");
}

Test(decimal, a_mean_is_printed_with_two_more_digits_and_halves_to_even) {
    expect_ratio(25, 8, 0, "3.12");
    expect_ratio(27, 8, 0, "3.38");
    expect_ratio(-25, 8, 0, "-3.12");
    expect_ratio(10, 3, 2, "0.0333");
    expect_ratio(20, 3, 2, "0.0667");
    expect_ratio(1, 1000, 0, "0.00");
    expect_ratio(-1, 1000, 0, "0.00");
    expect_ratio(1999, 2000, 0, "1.00");
    expect_ratio(0, 5, 2, "0.0000");
    expect_ratio((__int128)INT64_MAX * 3, 3, 0, "9223372036854775807.00");
    expect_ratio((__int128)INT64_MIN * 3, 3, 9, "-9223372036.85477580800");
    expect_ratio(1, UINT64_MAX, 0, "0.00");
}

static void expect_real(double real, uint32_t scale, enum sh_status wanted, int64_t wanted_units) {
    int64_t units = 0;
    cr_assert_eq(sh_decimal_from_real(real, scale, &units, NULL), wanted, "%.17g", real);
    if (wanted == SH_OK) cr_assert_eq(units, wanted_units, "%.17g is %lld", real, (long long)units);
}

Test(decimal, a_float_is_taken_when_it_is_that_decimal) {
    expect_real(12.5, 2, SH_OK, 1250);
    expect_real(0.1, 1, SH_OK, 1);
    expect_real(0.1, 9, SH_OK, 100000000);
    expect_real(-19.99, 2, SH_OK, -1999);
    expect_real(-0.0, 2, SH_OK, 0);
    expect_real(1e15, 0, SH_OK, 1000000000000000);
    expect_real(123456789.01, 2, SH_OK, 12345678901);
    expect_real(1.0 / 3, 9, SH_ERR_ARGUMENT, 0);
    expect_real(0.1 + 0.2, 2, SH_ERR_ARGUMENT, 0);
    expect_real(0.005, 2, SH_ERR_ARGUMENT, 0);
    expect_real(DBL_MIN, 9, SH_ERR_ARGUMENT, 0);
    expect_real(4.9e-324, 9, SH_ERR_ARGUMENT, 0);
    expect_real(-9223372036854775808.0, 0, SH_OK, INT64_MIN);
    expect_real(9223372036854775808.0, 0, SH_ERR_OVERFLOW, 0);
    expect_real(1e300, 0, SH_ERR_OVERFLOW, 0);
    expect_real(92233720368547744.0, 2, SH_OK, 9223372036854774400);
    expect_real(92233720368547760.0, 2, SH_ERR_OVERFLOW, 0);
    expect_real((double)INFINITY, 2, SH_ERR_ARGUMENT, 0);
    expect_real((double)NAN, 2, SH_ERR_ARGUMENT, 0);
}

Test(decimal, rescale_moves_the_point_or_says_why_not) {
    int64_t rescaled = 3;
    cr_assert_eq(sh_decimal_rescale(125, 1, 3, &rescaled, NULL), SH_OK);
    cr_assert_eq(rescaled, 12500);
    cr_assert_eq(sh_decimal_rescale(-12500, 3, 1, &rescaled, NULL), SH_OK);
    cr_assert_eq(rescaled, -125);
    cr_assert_eq(sh_decimal_rescale(7, 4, 4, &rescaled, NULL), SH_OK);
    cr_assert_eq(rescaled, 7);
    cr_assert_eq(sh_decimal_rescale(12505, 3, 1, &rescaled, NULL), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_decimal_rescale(INT64_MAX, 0, 1, &rescaled, NULL), SH_ERR_OVERFLOW);
    cr_assert_eq(sh_decimal_rescale(INT64_MIN, 0, 9, &rescaled, NULL), SH_ERR_OVERFLOW);
    cr_assert_eq(rescaled, 7);
}

Test(decimal, the_powers_of_ten_are_right) {
    for (uint32_t i = 1; i < 19; i++)
        cr_assert_eq(sh_power_of_ten[i], sh_power_of_ten[i - 1] * 10);
    cr_assert_eq(sh_power_of_ten[0], 1);
}
