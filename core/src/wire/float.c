/* float.c: doubles to their shortest text and back. Pure, and independent of the locale.
 *
 * Writing is Raffaello Giulietti's Schubfach: of all decimals that read back as the same double
 * it takes the shortest, and of those the nearest. The form is PHP's (serialize_precision -1). */
#include "wire/float.h"

#include "wire/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/float_table.h"
#include "wire/value_write.h"

#define MANTISSA_BITS 52
#define HIDDEN_BIT ((uint64_t)1 << MANTISSA_BITS)
#define EXPONENT_MASK 0x7ff
#define EXPONENT_BIAS 1075

/* Beyond these places before or after the point PHP writes an exponent. */
#define FIXED_PLACES_MAX 17
#define FIXED_PLACES_MIN (-3)

/* More significant digits than this cannot change a double, but that something follows can. */
#define DIGITS_MAX 800
#define EXPONENT_TEXT_MAX 20000

__extension__ typedef unsigned __int128 u128;

typedef struct decimal {
    uint64_t digits;
    int32_t exponent;
} decimal;

static int32_t floor_log2_pow10(int32_t exponent)
{
    return (int32_t)(((int64_t)exponent * 1741647) >> 19);
}

/* A power of ten as 128 bits, scaled to have its top bit set and rounded up. */
struct power {
    uint64_t high;
    uint64_t low;
};

/* Of the product of 192 and 64 bits the highest 128: it has 255 bits or 256. */
static struct power power_of_ten(int32_t exponent)
{
    const uint32_t index = (uint32_t)(exponent - POWER_MIN);
    const struct coarse_power *coarse = &coarse_powers[index / POWER_STEP];
    const uint64_t fine = fine_powers[index % POWER_STEP];
    const u128 low = (u128)coarse->low * fine;
    u128 middle = (u128)coarse->middle * fine + (uint64_t)(low >> 64);
    u128 high = (u128)coarse->high * fine + (uint64_t)(middle >> 64);
    if (high >> 127 == 0) {
        high = high << 1 | ((uint64_t)middle >> 63);
        middle <<= 1;
    }
    high += ((uint64_t)middle | (uint64_t)low) != 0;
    return (struct power){(uint64_t)(high >> 64), (uint64_t)high};
}

static uint64_t round_to_odd(struct power power, uint64_t number)
{
    u128 low = (u128)power.low * number;
    u128 high = (u128)power.high * number + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal for the positive finite double that `mantissa` and `exponent` stand for. */
static decimal shortest_decimal(uint64_t mantissa, uint32_t exponent)
{
    uint64_t c = exponent != 0 ? HIDDEN_BIT | mantissa : mantissa;
    int32_t q = exponent != 0 ? (int32_t)exponent - EXPONENT_BIAS : 1 - EXPONENT_BIAS;
    if (q <= 0 && q > -MANTISSA_BITS - 1 && (c & (((uint64_t)1 << -q) - 1)) == 0) {
        return (decimal){c >> -q, 0};
    }
    bool is_odd = (c & 1) != 0;
    bool is_closer_below = mantissa == 0 && exponent > 1;
    int32_t k = (int32_t)(((int64_t)q * 1262611 - (is_closer_below ? 524031 : 0)) >> 22);
    int32_t h = q + floor_log2_pow10(-k) + 1;
    struct power power = power_of_ten(-k);
    uint64_t below = round_to_odd(power, (4 * c - 2 + is_closer_below) << h);
    uint64_t value = round_to_odd(power, (4 * c) << h);
    uint64_t above = round_to_odd(power, (4 * c + 2) << h);
    uint64_t lower = below + is_odd;
    uint64_t upper = above - is_odd;

    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool is_tens_inside = lower <= 40 * tens;
        bool is_next_inside = 40 * tens + 40 <= upper;
        if (is_tens_inside != is_next_inside) {
            return (decimal){tens + is_next_inside, k + 1};
        }
    }
    bool is_s_inside = lower <= 4 * s;
    bool is_next_inside = 4 * s + 4 <= upper;
    if (is_s_inside != is_next_inside) {
        return (decimal){s + is_next_inside, k};
    }
    uint64_t middle = 4 * s + 2;
    bool is_up = value > middle || (value == middle && (s & 1) != 0);
    return (decimal){s + is_up, k};
}

static size_t put_zeros(char *text, int32_t count)
{
    memset(text, '0', (size_t)count);
    return (size_t)count;
}

/* `places` is where the point stands, counted from before the first digit. */
static size_t put_exponent_form(char *text, const char *digits, size_t count, int32_t places)
{
    size_t len = 0;
    text[len++] = digits[0];
    text[len++] = '.';
    if (count == 1) {
        text[len++] = '0';
    }
    memcpy(text + len, digits + 1, count - 1);
    len += count - 1;
    text[len++] = 'E';
    int32_t exponent = places - 1;
    text[len++] = exponent < 0 ? '-' : '+';
    return len + dr_int_text(exponent < 0 ? -exponent : exponent, text + len);
}

static size_t put_fixed_form(char *text, const char *digits, size_t count, int32_t places)
{
    size_t len = 0;
    if (places <= 0) {
        text[len++] = '0';
        text[len++] = '.';
        len += put_zeros(text + len, -places);
        memcpy(text + len, digits, count);
        return len + count;
    }
    if ((size_t)places >= count) {
        memcpy(text, digits, count);
        return count + put_zeros(text + count, places - (int32_t)count);
    }
    memcpy(text, digits, (size_t)places);
    len = (size_t)places;
    text[len++] = '.';
    memcpy(text + len, digits + places, count - (size_t)places);
    return len + count - (size_t)places;
}

static size_t put_name(char *text, const char *name, size_t len)
{
    memcpy(text, name, len);
    return len;
}

size_t dr_float_text(double number, char text[DR_FLOAT_TEXT_MAX])
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    bool is_negative = bits >> 63 != 0;
    uint32_t exponent = (uint32_t)(bits >> MANTISSA_BITS) & EXPONENT_MASK;
    uint64_t mantissa = bits & (HIDDEN_BIT - 1);
    size_t len = 0;
    if (exponent == EXPONENT_MASK && mantissa != 0) {
        return put_name(text, "NAN", 3);
    }
    if (is_negative) {
        text[len++] = '-';
    }
    if (exponent == EXPONENT_MASK) {
        return len + put_name(text + len, "INF", 3);
    }
    if (exponent == 0 && mantissa == 0) {
        text[len++] = '0';
        return len;
    }
    decimal value = shortest_decimal(mantissa, exponent);
    while (value.digits % 10 == 0) {
        value.digits /= 10;
        value.exponent++;
    }
    char digits[DR_INT_TEXT_MAX];
    size_t count = dr_int_text((int64_t)value.digits, digits);
    int32_t places = (int32_t)count + value.exponent;
    if (places < FIXED_PLACES_MIN || places > FIXED_PLACES_MAX) {
        return len + put_exponent_form(text + len, digits, count, places);
    }
    return len + put_fixed_form(text + len, digits, count, places);
}

/* What dr_float_parse has found: digits[.digits][E[+-]digits] and where its parts are. */
typedef struct float_text {
    bool is_negative;
    const char *whole;
    size_t whole_len;
    const char *fraction;
    size_t fraction_len;
    int64_t exponent; /* clipped far outside what a double can use */
} float_text;

static size_t count_digits(const char *data, size_t len)
{
    size_t count = 0;
    while (count < len && data[count] >= '0' && data[count] <= '9') {
        count++;
    }
    return count;
}

static bool scan_exponent(const char *data, size_t len, size_t *at, int64_t *exponent)
{
    bool is_negative = *at < len && data[*at] == '-';
    if (*at < len && (data[*at] == '-' || data[*at] == '+')) {
        (*at)++;
    }
    size_t count = count_digits(data + *at, len - *at);
    int64_t number = 0;
    for (size_t i = 0; i < count && number < INT64_MAX / 100; i++) {
        number = number * 10 + (data[*at + i] - '0');
    }
    *at += count;
    *exponent = is_negative ? -number : number;
    return count > 0;
}

/* Returns: bytes read, 0 for a malformed text; `*at` is where the reading stopped. */
static size_t scan_float(const char *data, size_t len, float_text *text, size_t *at)
{
    *at = 0;
    memset(text, 0, sizeof(*text));
    if (len > 0 && data[0] == '-') {
        text->is_negative = true;
        *at = 1;
    }
    text->whole = data + *at;
    text->whole_len = count_digits(data + *at, len - *at);
    *at += text->whole_len;
    if (text->whole_len == 0) {
        return 0;
    }
    if (*at < len && data[*at] == '.') {
        (*at)++;
        text->fraction = data + *at;
        text->fraction_len = count_digits(data + *at, len - *at);
        *at += text->fraction_len;
        if (text->fraction_len == 0) {
            return 0;
        }
    }
    if (*at < len && (data[*at] == 'E' || data[*at] == 'e')) {
        (*at)++;
        if (!scan_exponent(data, len, at, &text->exponent)) {
            return 0;
        }
    }
    return *at;
}

/* All digits as one whole number and an exponent: strtod then meets no decimal point, which is the
 * one thing in it that depends on the locale. */
static double convert_slowly(const float_text *text)
{
    char plain[DIGITS_MAX + 32];
    size_t len = 0;
    int64_t exponent = text->exponent;
    size_t total = text->whole_len + text->fraction_len;
    bool is_rest = false;
    for (size_t i = 0; i < total; i++) {
        bool is_whole = i < text->whole_len;
        char digit = is_whole ? text->whole[i] : text->fraction[i - text->whole_len];
        exponent -= is_whole ? 0 : 1;
        if (len == 0 && digit == '0') {
            continue;
        }
        if (len < DIGITS_MAX) {
            plain[len++] = digit;
        } else {
            is_rest = is_rest || digit != '0';
            exponent++;
        }
    }
    if (len == 0) {
        return text->is_negative ? -0.0 : 0.0;
    }
    if (is_rest) {
        plain[len++] = '1';
        exponent--;
    }
    if (exponent > EXPONENT_TEXT_MAX || exponent < -EXPONENT_TEXT_MAX) {
        exponent = exponent < 0 ? -EXPONENT_TEXT_MAX : EXPONENT_TEXT_MAX;
    }
    plain[len++] = 'E';
    len += dr_int_text(exponent, plain + len);
    plain[len] = '\0';
    double number = strtod(plain, NULL);
    return text->is_negative ? -number : number;
}

static double convert(const float_text *text)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    if (text->whole_len + text->fraction_len > 19) {
        return convert_slowly(text);
    }
    for (size_t i = 0; i < text->whole_len; i++) {
        digits = digits * 10 + (uint64_t)(text->whole[i] - '0');
    }
    for (size_t i = 0; i < text->fraction_len; i++) {
        digits = digits * 10 + (uint64_t)(text->fraction[i] - '0');
    }
    int64_t exponent = text->exponent - (int64_t)text->fraction_len;
    /* Both numbers are exact doubles, so one rounding gives the right result. */
    if (digits > HIDDEN_BIT * 2 || exponent > 22 || exponent < -22) {
        return convert_slowly(text);
    }
    double number = (double)digits;
    number = exponent < 0 ? number / tens[-exponent] : number * tens[exponent];
    return text->is_negative ? -number : number;
}

/* parse_word reads INF, -INF or NAN, as dr_float_parse does. */
static size_t parse_word(const char *data, size_t len, size_t sign, double *number, size_t *bad)
{
    const bool is_nan = data[sign] == 'N';
    const char *word = is_nan ? "NAN" : "INF";
    for (size_t i = 0; i < 3; i++) {
        if (sign + i >= len || data[sign + i] != word[i]) {
            *bad = sign + i;
            return 0;
        }
    }
    if (number != NULL) {
        *number = is_nan ? (double)NAN : sign > 0 ? -HUGE_VAL : HUGE_VAL;
    }
    return sign + 3;
}

size_t dr_float_parse(const char *data, size_t len, double *number, size_t *bad)
{
    const size_t sign = len > 0 && data[0] == '-' ? 1 : 0;
    if (len > sign && (data[sign] == 'I' || (data[sign] == 'N' && sign == 0))) {
        return parse_word(data, len, sign, number, bad);
    }
    float_text text;
    size_t used = scan_float(data, len, &text, bad);
    if (used > 0 && number != NULL) {
        *number = convert(&text);
    }
    return used;
}
