/* value_read.c: PHP's serialize() bytes to values, one at a time. Pure; it builds nothing. */
#include "wire/value_read.h"

#include <string.h>

#include "wire/float.h"

/* The shortest pair is `i:0;N;`: an array cannot announce more pairs than fit into the rest. */
#define PAIR_BYTES_MIN 6

/* `:`, a number of at most SHORT_DIGITS and what ends it: so many bytes need no look at the end. */
#define SHORT_DIGITS 4
#define SHORT_HEAD_BYTES (SHORT_DIGITS + 2)

/* Kept apart, so that what most values take has no registers to save. */
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

void dora_reader_init(dora_reader *reader, dora_slice bytes)
{
    reader->data = bytes.data;
    reader->len = bytes.len;
    reader->at = 0;
    reader->members_left = DR_VALUE_MEMBERS_MAX;
    reader->depth = 0;
    reader->takes_marks = true;
}

/* Every error leaves the reader at the first bad byte. */
static dora_err fail_at(dora_reader *reader, size_t at)
{
    reader->at = at;
    return DORA_EPROTO;
}

/* A digit's value, or more than 9. */
static inline unsigned digit_of(char byte)
{
    return (unsigned)(unsigned char)byte - '0';
}

static inline bool is_digit(char byte)
{
    return digit_of(byte) <= 9;
}

/* A decimal number without sign or leading zeros, at most `max`. `*at` moves past it or, when
 * false, to the first bad byte. */
static inline bool scan_decimal(const dora_reader *reader, size_t *at, uint64_t max,
                                uint64_t *number)
{
    const char *data = reader->data;
    size_t i = *at;
    size_t len = reader->len;
    if (i >= len || !is_digit(data[i])) {
        return false;
    }
    uint64_t value = (uint64_t)(data[i] - '0');
    i++;
    if (value != 0) {
        for (; i < len && is_digit(data[i]); i++) {
            uint64_t digit = (uint64_t)(data[i] - '0');
            if (value > (max - digit) / 10) {
                *at = i;
                return false;
            }
            value = value * 10 + digit;
        }
    }
    *at = i;
    *number = value;
    return value <= max;
}

/* A mark is one zero before the number of a count or length; `*at` moves past it. */
static inline bool scan_mark(const dora_reader *reader, size_t *at)
{
    const bool is_marked = reader->takes_marks && reader->len - *at > 1 &&
                           reader->data[*at] == '0' && is_digit(reader->data[*at + 1]);
    *at += is_marked;
    return is_marked;
}

/* `text` at `*at`; `*at` moves past it or, when false, to the first byte that differs. */
static inline bool scan_text(const dora_reader *reader, size_t *at, const char *text, size_t len)
{
    if (reader->len - *at >= len && memcmp(reader->data + *at, text, len) == 0) {
        *at += len;
        return true;
    }
    for (size_t i = 0; i < len && *at < reader->len && reader->data[*at] == text[i]; i++) {
        (*at)++;
    }
    return false;
}

/* Below, `at` is the byte behind the tag. */
static dora_err read_int(dora_reader *reader, size_t at, dora_value *value)
{
    uint64_t number = 0;
    if (!scan_text(reader, &at, ":", 1)) {
        return fail_at(reader, at);
    }
    bool is_negative = at < reader->len && reader->data[at] == '-';
    size_t sign_at = at;
    at += is_negative ? 1 : 0;
    uint64_t max = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    if (!scan_decimal(reader, &at, max, &number)) {
        return fail_at(reader, at);
    }
    if (is_negative && number == 0) {
        return fail_at(reader, sign_at);
    }
    if (!scan_text(reader, &at, ";", 1)) {
        return fail_at(reader, at);
    }
    value->type = DORA_INT;
    value->integer = is_negative ? -(int64_t)(number - 1) - 1 : (int64_t)number;
    reader->at = at;
    return DORA_OK;
}

static dora_err read_string(dora_reader *reader, size_t at, dora_value *value, bool is_key)
{
    uint64_t len = 0;
    if (!scan_text(reader, &at, ":", 1)) {
        return fail_at(reader, at);
    }
    size_t len_at = at;
    value->mark = !is_key && scan_mark(reader, &at) ? DORA_BYTES : DORA_UNMARKED;
    if (!scan_decimal(reader, &at, SIZE_MAX / 2, &len) || !scan_text(reader, &at, ":\"", 2)) {
        return fail_at(reader, at);
    }
    if (len > reader->len - at) {
        return fail_at(reader, len_at);
    }
    value->type = DORA_STRING;
    value->string.data = reader->data + at;
    value->string.len = (size_t)len;
    at += (size_t)len;
    if (!scan_text(reader, &at, "\";", 2)) {
        return fail_at(reader, at);
    }
    reader->at = at;
    return DORA_OK;
}

static dora_err read_bool(dora_reader *reader, size_t at, dora_value *value)
{
    if (!scan_text(reader, &at, ":", 1)) {
        return fail_at(reader, at);
    }
    if (at >= reader->len || (reader->data[at] != '0' && reader->data[at] != '1')) {
        return fail_at(reader, at);
    }
    value->type = DORA_BOOL;
    value->integer = reader->data[at] - '0';
    at++;
    if (!scan_text(reader, &at, ";", 1)) {
        return fail_at(reader, at);
    }
    reader->at = at;
    return DORA_OK;
}

static dora_err read_float(dora_reader *reader, size_t at, dora_value *value, bool is_wanted)
{
    size_t bad = 0;
    if (!scan_text(reader, &at, ":", 1)) {
        return fail_at(reader, at);
    }
    double *number = is_wanted ? &value->number : NULL;
    size_t used = dr_float_parse(reader->data + at, reader->len - at, number, &bad);
    if (used == 0) {
        return fail_at(reader, at + bad);
    }
    at += used;
    if (!scan_text(reader, &at, ";", 1)) {
        return fail_at(reader, at);
    }
    value->type = DORA_FLOAT;
    reader->at = at;
    return DORA_OK;
}

static dora_err read_array(dora_reader *reader, size_t at, dora_value *value)
{
    uint64_t count = 0;
    if (!scan_text(reader, &at, ":", 1)) {
        return fail_at(reader, at);
    }
    size_t count_at = at;
    value->mark = scan_mark(reader, &at) ? DORA_MAP : DORA_UNMARKED;
    if (!scan_decimal(reader, &at, SIZE_MAX / 2, &count) || !scan_text(reader, &at, ":{", 2)) {
        return fail_at(reader, at);
    }
    if (count > (reader->len - at) / PAIR_BYTES_MIN) {
        return fail_at(reader, count_at);
    }
    if (count > reader->members_left || reader->depth >= DR_VALUE_DEPTH_MAX) {
        return DORA_ETOOBIG;
    }
    reader->members_left -= (size_t)count;
    reader->depth++;
    value->type = DORA_ARRAY;
    value->count = (size_t)count;
    reader->at = at;
    return DORA_OK;
}

NOINLINE static dora_err read_value(dora_reader *reader, dora_value *value, bool is_wanted)
{
    size_t at = reader->at;
    if (at >= reader->len) {
        return DORA_EPROTO;
    }
    switch (reader->data[at++]) {
    case 'i':
        return read_int(reader, at, value);
    case 's':
        return read_string(reader, at, value, false);
    case 'a':
        return read_array(reader, at, value);
    case 'd':
        return read_float(reader, at, value, is_wanted);
    case 'b':
        return read_bool(reader, at, value);
    case 'N':
        if (!scan_text(reader, &at, ";", 1)) {
            return fail_at(reader, at);
        }
        value->type = DORA_NULL;
        reader->at = at;
        return DORA_OK;
    default:
        /* Among them O, C, E, R, r: objects and references are refused, never built. */
        return DORA_EPROTO;
    }
}

NOINLINE static dora_err read_key(dora_reader *reader, dora_value *key)
{
    size_t at = reader->at;
    if (at < reader->len && reader->data[at] == 's') {
        return read_string(reader, at + 1, key, true);
    }
    if (at < reader->len && reader->data[at] == 'i') {
        return read_int(reader, at + 1, key);
    }
    return DORA_EPROTO;
}

/* Nearly every value is well formed, and its number short: quick_... reads those with few
 * comparisons. All else, errors too, is left to the read_... of the same name: it answers false,
 * and nothing has moved. `at` is the byte behind the tag. */

/* quick_number. Returns: the place behind it; 0 where it is not as simple as that. */
static inline size_t quick_number(const dora_reader *reader, size_t at, unsigned *number)
{
    const char *data = reader->data;
    if (reader->len - at < SHORT_HEAD_BYTES || data[at] != ':') {
        return 0;
    }
    size_t i = at + 1;
    unsigned value = digit_of(data[i++]);
    if (value > 9) {
        return 0;
    }
    while (value != 0 && is_digit(data[i])) {
        if (i - at > SHORT_DIGITS) {
            return 0;
        }
        value = value * 10 + digit_of(data[i++]);
    }
    *number = value;
    return i;
}

static inline bool quick_int(dora_reader *reader, size_t at, dora_value *value)
{
    unsigned number;
    const size_t end = quick_number(reader, at, &number);
    if (end == 0 || reader->data[end] != ';') {
        return false;
    }
    value->type = DORA_INT;
    value->integer = number;
    reader->at = end + 1;
    return true;
}

static inline bool quick_string(dora_reader *reader, size_t at, dora_value *value)
{
    unsigned len;
    const size_t head_end = quick_number(reader, at, &len);
    const char *data = reader->data + head_end;
    if (head_end == 0 || reader->len - head_end < (size_t)len + 4 || memcmp(data, ":\"", 2) != 0 ||
        memcmp(data + 2 + len, "\";", 2) != 0) {
        return false;
    }
    value->type = DORA_STRING;
    value->mark = DORA_UNMARKED;
    value->string = (dora_slice){data + 2, len};
    reader->at = head_end + len + 4;
    return true;
}

static inline bool quick_array(dora_reader *reader, size_t at, dora_value *value)
{
    unsigned count;
    const size_t head_end = quick_number(reader, at, &count);
    if (head_end == 0 || reader->len - head_end < (size_t)count * PAIR_BYTES_MIN + 2 ||
        memcmp(reader->data + head_end, ":{", 2) != 0 || count > reader->members_left ||
        reader->depth >= DR_VALUE_DEPTH_MAX) {
        return false;
    }
    reader->members_left -= count;
    reader->depth++;
    value->type = DORA_ARRAY;
    value->mark = DORA_UNMARKED;
    value->count = count;
    reader->at = head_end + 2;
    return true;
}

/* take reads a key, or else a value, the quick way. Returns: false where there is none such. */
ALWAYS_INLINE bool take(dora_reader *reader, dora_value *value, bool is_key)
{
    const char tag = dr_reader_next(reader);
    const size_t at = reader->at + 1;
    return (tag == 's' && quick_string(reader, at, value)) ||
           (tag == 'i' && quick_int(reader, at, value)) ||
           (tag == 'a' && !is_key && quick_array(reader, at, value));
}

dora_err dora_reader_value(dora_reader *reader, dora_value *value)
{
    return take(reader, value, false) ? DORA_OK : read_value(reader, value, true);
}

dora_err dora_reader_key(dora_reader *reader, dora_value *key)
{
    return take(reader, key, true) ? DORA_OK : read_key(reader, key);
}

static inline dora_err read_end(dora_reader *reader)
{
    if (reader->depth == 0 || reader->at >= reader->len || reader->data[reader->at] != '}') {
        return DORA_EPROTO;
    }
    reader->at++;
    reader->depth--;
    return DORA_OK;
}

dora_err dora_reader_end(dora_reader *reader)
{
    return read_end(reader);
}

/* pass reads a key or value that nobody wants, and says how many pairs it opens, if it `is_array`.
 */
ALWAYS_INLINE dora_err pass(dora_reader *reader, bool is_key, bool *is_array, size_t *count)
{
    dora_value value;
    dora_value odd; /* apart, so that the other needs no memory */
    dora_err err = DORA_OK;
    if (take(reader, &value, is_key)) {
        *is_array = value.type == DORA_ARRAY;
        *count = *is_array ? value.count : 0;
    } else {
        err = is_key ? read_key(reader, &odd) : read_value(reader, &odd, false);
        *is_array = err == DORA_OK && odd.type == DORA_ARRAY;
        *count = *is_array ? odd.count : 0;
    }
    return err;
}

/* `left` counts the keys and values that a level still needs, as dora_writer does: odd, and a value
 * is next; even, and a key is. */
dora_err dora_reader_skip(dora_reader *reader, dora_slice *raw)
{
    uint32_t outer[DR_VALUE_DEPTH_MAX]; /* what the levels around still need */
    uint32_t level = 0;                 /* arrays opened here */
    uint32_t left = 1;
    size_t start = reader->at;
    while (left > 0 || level > 0) {
        dora_err err;
        bool is_array = false;
        size_t count = 0;
        if (left == 0) {
            err = read_end(reader);
            left = outer[--level];
        } else {
            err = pass(reader, (left & 1) == 0, &is_array, &count);
            left--;
        }
        if (err != DORA_OK) {
            return err;
        }
        if (is_array) {
            outer[level++] = left;
            left = (uint32_t)count * 2;
        }
    }
    if (raw != NULL) {
        raw->data = reader->data + start;
        raw->len = reader->at - start;
    }
    return DORA_OK;
}

void dr_reader_init_message(dora_reader *reader, dora_slice bytes)
{
    dora_reader_init(reader, bytes);
    reader->takes_marks = false;
}

dora_err dr_reader_skip_data(dora_reader *reader, dora_slice *raw)
{
    reader->takes_marks = true;
    const dora_err err = dora_reader_skip(reader, raw);
    reader->takes_marks = false;
    return err;
}

size_t dora_reader_offset(const dora_reader *reader)
{
    return reader->at;
}

bool dora_reader_is_done(const dora_reader *reader)
{
    return reader->at == reader->len;
}
