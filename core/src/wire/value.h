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
    uint8_t over; /* of DORA_ETOOBIG: which limit, a dr_over */
    uint32_t depth;
    uint32_t depth_max; /* DR_VALUE_DEPTH_MAX; lower it where the value will stand deeper */
    uint32_t members_left;
    uint32_t left[DR_VALUE_DEPTH_MAX + 1];
};

/* dr_writer_init makes a writer that begins in `data` (`cap` bytes; NULL and 0 are fine) and holds
 * at most `max` bytes. `grow` NULL: the area is all there is, DORA_ETOOBIG past it.
 * Ownership: borrows `data` and `user` for the writer's life. */
void dr_writer_init(dora_writer *writer, char *data, size_t cap, size_t max, dr_writer_grow_fn grow,
                    void *user);

/* dr_writer_grow_heap is the `grow` of a writer whose bytes are on the heap; `data` must then come
 * from dr_alloc or be NULL, and dr_writer_fini frees it. */
dora_err dr_writer_grow_heap(dora_writer *writer, size_t need, void *user);

/* dr_writer_fini frees the bytes of a writer that grows by dr_writer_grow_heap; else it frees
 * nothing. Safe on zeroed memory. */
void dr_writer_fini(dora_writer *writer);

/* DR_INT_TEXT_MAX and DR_FLOAT_TEXT_MAX are bytes enough for any int64_t and any double. */
#define DR_INT_TEXT_MAX 20
#define DR_FLOAT_TEXT_MAX 32

/* dr_int_text writes decimal digits, without a NUL. Returns: how many bytes. */
size_t dr_int_text(int64_t number, char text[DR_INT_TEXT_MAX]);

/* dr_float_text writes the shortest digits that read back as the same double, as PHP writes them:
 * 0.1, 3, 1.0E+25, -0, INF, -INF, NAN. Returns: how many bytes. Independent of the locale. */
size_t dr_float_text(double number, char text[DR_FLOAT_TEXT_MAX]);

/* dr_float_parse reads what stands between `d:` and `;`: -?digits[.digits][(e|E)[+-]digits], INF,
 * -INF or NAN. `number` may be NULL. Returns: bytes read; 0 when there is no such text at `data`,
 * and `*bad` is then where it went wrong. Independent of the locale. */
size_t dr_float_parse(const char *data, size_t len, double *number, size_t *bad);

#endif
