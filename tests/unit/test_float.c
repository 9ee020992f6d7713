/* test_float.c: doubles: PHP's text, and back to the same bits. */
#include "unit.h"

#include <math.h>

#include "wire/float.h"
#include "wire/value.h"

static double from_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static uint64_t to_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

typedef struct pair {
    double number;
    const char *text;
} pair;

static void php_form(void **state)
{
    (void)state;
    static const pair pairs[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {3.0, "3"},
        {-3.5, "-3.5"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e15, "1000000000000000"},
        {1e16, "10000000000000000"},
        {1e17, "1.0E+17"},
        {123456789012345678.0, "1.2345678901234568E+17"},
        {0.0001, "0.0001"},
        {0.00001, "1.0E-5"},
        {0.000015, "1.5E-5"},
        {1e25, "1.0E+25"},
        {5e-324, "5.0E-324"},
        {2.2250738585072014e-308, "2.2250738585072014E-308"},
        {1.7976931348623157e308, "1.7976931348623157E+308"},
        {-1.7976931348623157e308, "-1.7976931348623157E+308"},
        {9007199254740993.0, "9007199254740992"},
        {5e22, "5.0E+22"},
        {9.5e-7, "9.5E-7"},
        {HUGE_VAL, "INF"},
        {-HUGE_VAL, "-INF"},
        {(double)NAN, "NAN"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[DR_FLOAT_TEXT_MAX];
        size_t len = dr_float_text(pairs[i].number, text);
        assert_slice(((dora_slice){text, len}), pairs[i].text);
    }
}

static void check_round_trip(uint64_t bits)
{
    char text[DR_FLOAT_TEXT_MAX];
    double number = from_bits(bits);
    double again = 0;
    size_t bad;
    size_t len = dr_float_text(number, text);
    assert_true(len <= 24);
    assert_int_equal(dr_float_parse(text, len, &again, &bad), len);
    if (isnan(number)) {
        assert_true(isnan(again));
        return;
    }
    assert_true(to_bits(again) == bits);
    /* No shorter text would do: with one digit less it reads as another number. */
    char shorter[40];
    int digits = 0;
    for (size_t i = 0; i < len && text[i] != 'E'; i++) {
        digits += text[i] >= '0' && text[i] <= '9' && (digits > 0 || text[i] != '0');
    }
    if (digits == 17 && memchr(text, 'E', len) != NULL) {
        snprintf(shorter, sizeof(shorter), "%.15e", number);
        assert_true(strtod(shorter, NULL) != number);
    }
}

static void round_trips(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 300000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        check_round_trip(random);
        check_round_trip(to_bits((double)(random >> 40) / 1000.0));
    }
    for (uint64_t exponent = 0; exponent < 0x800; exponent++) {
        for (uint64_t mantissa = 0; mantissa < 3; mantissa++) {
            check_round_trip(exponent << 52 | mantissa);
            check_round_trip((exponent << 52) + (((uint64_t)1 << 52) - 1 - mantissa));
        }
    }
}

/* libc rounds to any number of digits: so many as are written give these very digits, one less
 * gives another number. */
static void check_digits(uint64_t bits)
{
    char text[DR_FLOAT_TEXT_MAX];
    char want[40];
    char digits[40];
    size_t count = 0;
    const double number = from_bits(bits);
    const size_t len = dr_float_text(number, text);
    for (size_t i = 0; i < len && text[i] != 'E'; i++) {
        if (text[i] >= '0' && text[i] <= '9' && (count > 0 || text[i] != '0')) {
            digits[count++] = text[i];
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    digits[count] = '\0';
    snprintf(want, sizeof(want), "%.*e", (int)count - 1, number);
    assert_int_equal(want[0], digits[0]);
    assert_memory_equal(want + 2, digits + 1, count - 1);
    if (count > 1) {
        snprintf(want, sizeof(want), "%.*e", (int)count - 2, number);
        assert_true(strtod(want, NULL) != number);
    }
}

static void digits_are_the_shortest_at_every_exponent(void **state)
{
    (void)state;
    for (uint64_t exponent = 0; exponent < 0x7ff; exponent++) {
        const uint64_t mantissas[] = {1, 0x123456789abcd, 0x8000000000001, 0xffffffffffffe};
        for (size_t i = 0; i < 4; i++) {
            check_digits(exponent << 52 | mantissas[i]);
        }
    }
}

static double parse(const char *text)
{
    double number = -1;
    size_t bad = 0;
    assert_int_equal(dr_float_parse(text, strlen(text), &number, &bad), strlen(text));
    return number;
}

static void forms_of_others(void **state)
{
    (void)state;
    assert_true(parse("1e+25") == 1e25);
    assert_true(parse("1E22") == 1e22);
    assert_true(parse("0.10000000000000001") == 0.1);
    assert_true(parse("00.5") == 0.5);
    assert_true(parse("123456789012345678901234567890") == 123456789012345678901234567890.0);
    assert_true(parse("1e999999999999999999999") == HUGE_VAL);
    assert_true(parse("-1e999") == -HUGE_VAL);
    assert_true(parse("1e-999999999999999999999") == 0);
    assert_true(signbit(parse("-0")) && signbit(parse("-0.0e5")) && signbit(parse("-1e-999")));
    assert_true(parse("0e999999999999999999999") == 0);
    assert_true(parse("2.4703282292062327e-324") == 0);
    assert_true(parse("2.4703282292062328e-324") == 5e-324);
}

/* Halfway between two doubles, decided by a digit far behind. */
static void very_long_texts(void **state)
{
    (void)state;
    size_t zeros = 3000;
    char *text = malloc(zeros + 100);
    size_t bad;
    double number = 0;
    assert_non_null(text);
    memcpy(text, "9007199254740993.", 17);
    memset(text + 17, '0', zeros);
    assert_int_equal(dr_float_parse(text, 17 + zeros, &number, &bad), 17 + zeros);
    assert_true(number == 9007199254740992.0);
    text[17 + zeros] = '1';
    assert_int_equal(dr_float_parse(text, 18 + zeros, &number, &bad), 18 + zeros);
    assert_true(number == 9007199254740994.0);

    memset(text, '0', zeros);
    text[1] = '.';
    memcpy(text + zeros, "5E3000", 6);
    assert_int_equal(dr_float_parse(text, zeros + 6, &number, &bad), zeros + 6);
    assert_true(number == 50.0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(php_form),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(digits_are_the_shortest_at_every_exponent),
        cmocka_unit_test(forms_of_others),
        cmocka_unit_test(very_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
