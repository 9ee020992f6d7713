/* value.h: the inner side of <dora/value.h>: what comes next in a reader, the embedded writer, and
 * the text of numbers. */
#ifndef DR_WIRE_VALUE_H
#define DR_WIRE_VALUE_H

#include <string.h>

#include <dora/value.h>

#include "base/limits.h"

/* dr_reader_pass moves past `text`, which opens and closes no array, where that comes next. An int
 * or a string has one encoding only, so that a key can be looked for by its bytes.
 * Returns: false where something else comes; nothing has moved. */
static inline bool dr_reader_pass(dora_reader *reader, const char *text, size_t len)
{
    if (reader->len - reader->at < len || memcmp(reader->data + reader->at, text, len) != 0) {
        return false;
    }
    reader->at += len;
    return true;
}

/* dr_reader_next is the tag of the next value or key; 0 where the bytes end. */
static inline char dr_reader_next(const dora_reader *reader)
{
    return reader->at < reader->len ? reader->data[reader->at] : '\0';
}

/* dr_writer_grow_fn makes room for `need` bytes in all (never above writer->max): it moves the
 * writer->len bytes written so far and sets writer->data and writer->cap (at least `need`).
 * Returns: DORA_OK, or the error that the writer then keeps. */
typedef dora_err (*dr_writer_grow_fn)(dora_writer *writer, size_t need, void *user);

typedef enum dr_over { DR_OVER_BYTES = 0, DR_OVER_LEVELS, DR_OVER_MEMBERS } dr_over;

/* dora_writer, as the public header declares it. `left[d]` counts the keys and values that level d
 * still needs: odd, and a value is next; even, and a key is. Level 0 needs one value. */
struct dora_writer {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    dora_err err;
    dr_writer_grow_fn grow;
    void *grow_user;
    bool writes_marks;
    uint8_t over; /* of DORA_ETOOBIG: which limit, a dr_over */
    uint32_t depth;
    uint32_t depth_max; /* DR_VALUE_DEPTH_MAX; lower it where the value will stand deeper */
    uint32_t members_left;
    uint32_t left[DR_VALUE_DEPTH_MAX + 1];
};

/* DR_INT_TEXT_MAX and DR_FLOAT_TEXT_MAX are bytes enough for any int64_t and any double. */
#define DR_INT_TEXT_MAX 20
#define DR_FLOAT_TEXT_MAX 32

#endif
