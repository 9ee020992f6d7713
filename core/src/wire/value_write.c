/* value_write.c: values to PHP's serialize() bytes. Pure but for the memory it grows into. */
#include "wire/value_write.h"

#include "wire/value.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "wire/float.h"

#define WRITER_CAP_MIN 256

dora_writer *dora_writer_new(size_t bytes_max)
{
    dora_writer *writer = dr_alloc(sizeof(*writer));
    if (writer != NULL) {
        dr_writer_init(writer, NULL, 0, bytes_max, dr_writer_grow_heap, NULL);
    }
    return writer;
}

void dora_writer_free(dora_writer *writer)
{
    if (writer != NULL) {
        dr_writer_fini(writer);
        dr_free(writer);
    }
}

void dr_writer_init(dora_writer *writer, char *data, size_t cap, size_t max, dr_writer_grow_fn grow,
                    void *user)
{
    writer->data = data;
    writer->cap = cap;
    writer->max = max;
    writer->grow = grow;
    writer->grow_user = user;
    writer->depth_max = DR_VALUE_DEPTH_MAX;
    dora_writer_reset(writer);
}

void dr_writer_fini(dora_writer *writer)
{
    if (writer->grow == dr_writer_grow_heap) {
        dr_free(writer->data);
    }
    writer->data = NULL;
    writer->cap = 0;
    writer->len = 0;
}

void dora_writer_reset(dora_writer *writer)
{
    writer->len = 0;
    writer->err = DORA_OK;
    writer->over = DR_OVER_BYTES;
    writer->depth = 0;
    writer->members_left = DR_VALUE_MEMBERS_MAX;
    writer->left[0] = 1;
    writer->writes_marks = true;
}

void dora_writer_set_marks(dora_writer *writer, bool are_written)
{
    writer->writes_marks = are_written;
}

dora_err dr_writer_grow_heap(dora_writer *writer, size_t need, void *user)
{
    (void)user;
    size_t cap = writer->cap > WRITER_CAP_MIN / 2 ? writer->cap * 2 : WRITER_CAP_MIN;
    if (cap < need) {
        cap = need;
    }
    if (cap > writer->max) {
        cap = writer->max;
    }
    char *data = dr_realloc(writer->data, cap);
    if (data == NULL) {
        return DORA_ENOMEM;
    }
    writer->data = data;
    writer->cap = cap;
    return DORA_OK;
}

static dora_err fail(dora_writer *writer, dora_err err)
{
    if (writer->err == DORA_OK) {
        writer->err = err;
    }
    return writer->err;
}

static dora_err make_room(dora_writer *writer, size_t extra)
{
    if (extra > writer->max || writer->len > writer->max - extra || writer->grow == NULL) {
        return fail(writer, DORA_ETOOBIG);
    }
    dora_err err = writer->grow(writer, writer->len + extra, writer->grow_user);
    return err == DORA_OK ? DORA_OK : fail(writer, err);
}

/* Every write begins here: `extra` bytes of room, and the place allows what is written. A place of
 * odd `left` needs a value, an even one a key, 0 nothing at all. */
static inline dora_err begin(dora_writer *writer, bool is_key_too, size_t extra)
{
    if (writer->err != DORA_OK) {
        return writer->err;
    }
    uint32_t left = writer->left[writer->depth];
    if (left == 0 || ((left & 1) == 0 && !is_key_too)) {
        return fail(writer, DORA_EINVAL);
    }
    /* cap may be above max in an area that was given. */
    size_t cap = writer->cap < writer->max ? writer->cap : writer->max;
    if (extra > cap - writer->len) {
        dora_err err = make_room(writer, extra);
        if (err != DORA_OK) {
            return err;
        }
    }
    writer->left[writer->depth] = left - 1;
    return DORA_OK;
}

static inline void put(dora_writer *writer, const void *data, size_t len)
{
    memcpy(writer->data + writer->len, data, len);
    writer->len += len;
}

dora_err dora_write_null(dora_writer *writer)
{
    dora_err err = begin(writer, false, 2);
    if (err == DORA_OK) {
        put(writer, "N;", 2);
    }
    return err;
}

dora_err dora_write_bool(dora_writer *writer, bool value)
{
    dora_err err = begin(writer, false, 4);
    if (err == DORA_OK) {
        put(writer, value ? "b:1;" : "b:0;", 4);
    }
    return err;
}

static dora_err write_number(dora_writer *writer, bool is_key_too, char tag, const char *text,
                             size_t len)
{
    dora_err err = begin(writer, is_key_too, len + 3);
    if (err != DORA_OK) {
        return err;
    }
    char *to = writer->data + writer->len;
    to[0] = tag;
    to[1] = ':';
    memcpy(to + 2, text, len);
    to[len + 2] = ';';
    writer->len += len + 3;
    return DORA_OK;
}

dora_err dora_write_int(dora_writer *writer, int64_t value)
{
    char text[DR_INT_TEXT_MAX];
    return write_number(writer, true, 'i', text, dr_int_text(value, text));
}

dora_err dora_write_float(dora_writer *writer, double value)
{
    char text[DR_FLOAT_TEXT_MAX];
    return write_number(writer, false, 'd', text, dr_float_text(value, text));
}

/* The head of a string or an array, up to its `"` or `{`: a mark is a zero before its number. */
static inline void put_head(dora_writer *writer, char tag, bool is_marked, const char *number,
                            size_t number_len, char opening)
{
    char *to = writer->data + writer->len;
    *to++ = tag;
    *to++ = ':';
    if (is_marked) {
        *to++ = '0';
    }
    memcpy(to, number, number_len);
    to += number_len;
    *to++ = ':';
    *to++ = opening;
    writer->len = (size_t)(to - writer->data);
}

static inline dora_err write_text(dora_writer *writer, const char *data, size_t len, bool is_marked)
{
    char text[DR_INT_TEXT_MAX];
    if (len > INT64_MAX / 2) {
        return fail(writer, DORA_ETOOBIG);
    }
    size_t text_len = dr_int_text((int64_t)len, text);
    dora_err err = begin(writer, !is_marked, len + text_len + 6 + is_marked);
    if (err != DORA_OK) {
        return err;
    }
    put_head(writer, 's', is_marked, text, text_len, '"');
    if (len > 0) {
        put(writer, data, len);
    }
    put(writer, "\";", 2);
    return DORA_OK;
}

dora_err dora_write_string(dora_writer *writer, const char *data, size_t len)
{
    return write_text(writer, data, len, false);
}

dora_err dora_write_bytes(dora_writer *writer, const char *data, size_t len)
{
    const bool is_marked = writer->writes_marks && dr_utf8_is_valid((dora_slice){data, len});
    return write_text(writer, data, len, is_marked);
}

static inline dora_err open_array(dora_writer *writer, size_t count, bool is_marked)
{
    char text[DR_INT_TEXT_MAX];
    if (writer->err != DORA_OK) {
        return writer->err;
    }
    if (count > writer->members_left || writer->depth >= writer->depth_max) {
        writer->over = writer->depth >= writer->depth_max ? DR_OVER_LEVELS : DR_OVER_MEMBERS;
        return fail(writer, DORA_ETOOBIG);
    }
    size_t text_len = dr_int_text((int64_t)count, text);
    dora_err err = begin(writer, false, text_len + 4 + is_marked);
    if (err != DORA_OK) {
        return err;
    }
    put_head(writer, 'a', is_marked, text, text_len, '{');
    writer->members_left -= (uint32_t)count;
    writer->depth++;
    writer->left[writer->depth] = (uint32_t)count * 2;
    return DORA_OK;
}

dora_err dora_write_array(dora_writer *writer, size_t count)
{
    return open_array(writer, count, false);
}

dora_err dora_write_map(dora_writer *writer, size_t count)
{
    return open_array(writer, count, writer->writes_marks);
}

dora_err dora_write_end(dora_writer *writer)
{
    if (writer->err != DORA_OK) {
        return writer->err;
    }
    if (writer->depth == 0 || writer->left[writer->depth] != 0) {
        return fail(writer, DORA_EINVAL);
    }
    if (writer->len >= writer->cap || writer->len >= writer->max) {
        dora_err err = make_room(writer, 1);
        if (err != DORA_OK) {
            return err;
        }
    }
    writer->data[writer->len++] = '}';
    writer->depth--;
    return DORA_OK;
}

dora_err dora_write_raw(dora_writer *writer, dora_slice encoded)
{
    if (encoded.len == 0) {
        return fail(writer, DORA_EINVAL);
    }
    dora_err err = begin(writer, false, encoded.len);
    if (err == DORA_OK) {
        put(writer, encoded.data, encoded.len);
    }
    return err;
}

dora_err dora_writer_finish(dora_writer *writer, dora_slice *encoded)
{
    if (writer->depth != 0 || writer->left[0] != 0) {
        fail(writer, DORA_EINVAL);
    }
    if (encoded != NULL) {
        encoded->data = writer->err == DORA_OK ? writer->data : NULL;
        encoded->len = writer->err == DORA_OK ? writer->len : 0;
    }
    return writer->err;
}

dora_err dora_writer_error(const dora_writer *writer)
{
    return writer->err;
}

size_t dr_int_text(int64_t number, char text[DR_INT_TEXT_MAX])
{
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031"
                                "3233343536373839404142434445464748495051525354555657585960616263"
                                "6465666768697071727374757677787980818283848586878889909192939495"
                                "96979899";
    if (number >= 0 && number < 10) {
        text[0] = (char)('0' + number); /* most lengths and codes are no longer */
        return 1;
    }
    char digits[DR_INT_TEXT_MAX];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    while (rest >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + rest % 100 * 2, 2);
        rest /= 100;
    }
    if (rest > 0) {
        digits[--at] = (char)('0' + rest);
    }
    if (number < 0) {
        digits[--at] = '-';
    }
    memcpy(text, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}
