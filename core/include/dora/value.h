/* value.h: reading and writing values in their inner encoding (PHP serialize), without a tree.
 * Source: PROTOCOL.md, section "Values". No function here keeps state outside its first argument,
 * so different readers and writers may be used in different threads. */
#ifndef DORA_VALUE_H
#define DORA_VALUE_H

#include <dora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_slice is bytes that somebody else owns; never NUL-ended by promise. */
typedef struct dora_slice {
    const char *data;
    size_t len;
} dora_slice;

typedef enum dora_type {
    DORA_NULL = 0,
    DORA_BOOL,
    DORA_INT,
    DORA_FLOAT,
    DORA_STRING,
    DORA_ARRAY
} dora_type;

/* dora_mark says what a value is that would else be taken for another. Source: PROTOCOL.md,
 * section "Marks". */
typedef enum dora_mark {
    DORA_UNMARKED = 0,
    DORA_MAP,  /* an ARRAY that is a map, although empty or of the keys 0..count-1 in order */
    DORA_BYTES /* a STRING that is bytes, although it is valid UTF-8 */
} dora_mark;

/* dora_value is one value as read. BOOL and INT stand in `integer`, FLOAT in `number`, STRING in
 * `string` (borrowed from the reader's bytes). For ARRAY `count` key-value pairs follow. `mark` is
 * that of a STRING or ARRAY; keys have none. */
typedef struct dora_value {
    dora_type type;
    dora_mark mark;
    int64_t integer;
    double number;
    dora_slice string;
    size_t count;
} dora_value;

/* dora_reader is a pull parser over bytes. All members are private to the library. */
typedef struct dora_reader {
    const char *data;
    size_t len;
    size_t at;
    size_t members_left;
    uint32_t depth;
    bool takes_marks;
} dora_reader;

/* dora_reader_init starts reading `bytes`. Ownership: borrows the bytes for the reader's life. */
DORA_API void dora_reader_init(dora_reader *reader, dora_slice bytes);

/* dora_reader_value reads one scalar, or the head of an array. After an ARRAY the caller reads
 * `count` times dora_reader_key and dora_reader_value, then dora_reader_end once.
 * Errors: DORA_EPROTO for malformed bytes and for objects and references, which are refused;
 * DORA_ETOOBIG past 512 levels or the limit of members. dora_reader_offset then names the place. */
DORA_API dora_err dora_reader_value(dora_reader *reader, dora_value *value);

/* dora_stack_has_room says whether this thread's stack has room for 32 more levels of a function
 * that recurses for each, as long as a level takes less than a kilobyte. Thread: any.
 * dora_depth_fits asks it at each 32nd level: a function that recurses calls it at every one, and
 * refuses the value where the answer is no. */
DORA_API bool dora_stack_has_room(void);
static inline bool dora_depth_fits(uint32_t depth)
{
    return depth % 32 != 31 || dora_stack_has_room();
}

/* dora_reader_key reads a key: an INT or a STRING. Errors: as dora_reader_value. */
DORA_API dora_err dora_reader_key(dora_reader *reader, dora_value *key);

/* dora_reader_end closes the array whose pairs were read last. Errors: DORA_EPROTO. */
DORA_API dora_err dora_reader_end(dora_reader *reader);

/* dora_reader_skip reads one whole value, checks all of it, and gives its bytes in `raw` (may be
 * NULL). It does not recurse. Errors: as dora_reader_value. */
DORA_API dora_err dora_reader_skip(dora_reader *reader, dora_slice *raw);

/* dora_reader_offset is the place of the next byte or, after an error, of the first bad one. */
DORA_API size_t dora_reader_offset(const dora_reader *reader);

/* dora_reader_problem says in words what the error `err` of a reader is, and of DORA_ETOOBIG which
 * limit: "deeper than the limit of 512 levels". NUL-ended, cut at `size`. */
DORA_API void dora_reader_problem(const dora_reader *reader, dora_err err, char *text, size_t size);

/* dora_reader_is_done says whether all bytes were read. */
DORA_API bool dora_reader_is_done(const dora_reader *reader);

/* dora_writer builds one encoded value. It remembers its first error; later writes are no-ops, so
 * checking dora_writer_finish alone is enough. */
typedef struct dora_writer dora_writer;

/* dora_writer_new gives a writer on the heap that holds at most `bytes_max` bytes.
 * Returns: NULL when out of memory. Ownership: gives; dora_writer_free frees (NULL is fine). */
DORA_API dora_writer *dora_writer_new(size_t bytes_max);
DORA_API void dora_writer_free(dora_writer *writer);

/* dora_writer_reset empties the writer for the next value; its memory is kept. */
DORA_API void dora_writer_reset(dora_writer *writer);

DORA_API dora_err dora_write_null(dora_writer *writer);
DORA_API dora_err dora_write_bool(dora_writer *writer, bool value);
DORA_API dora_err dora_write_int(dora_writer *writer, int64_t value);
/* dora_write_float writes the shortest digits that read back as the same double. */
DORA_API dora_err dora_write_float(dora_writer *writer, double value);
DORA_API dora_err dora_write_string(dora_writer *writer, const char *data, size_t len);
/* dora_write_bytes writes a value of bytes, marked where they are valid UTF-8 and would read back
 * as text. */
DORA_API dora_err dora_write_bytes(dora_writer *writer, const char *data, size_t len);

/* dora_write_array opens an array of exactly `count` pairs: each a key (int or string), then a
 * value. dora_write_end closes it. Errors: DORA_EINVAL when the count is not kept or a key is
 * neither; DORA_ETOOBIG past 512 levels or bytes_max. */
DORA_API dora_err dora_write_array(dora_writer *writer, size_t count);
/* dora_write_map is dora_write_array for a map that is empty or whose keys are the ints 0..count-1
 * in order: marked, for it would read back as a list. Any other map needs dora_write_array. */
DORA_API dora_err dora_write_map(dora_writer *writer, size_t count);
DORA_API dora_err dora_write_end(dora_writer *writer);

/* dora_writer_set_marks says whether what follows may be marked; true after dora_writer_reset. Only
 * a parameter and a handler's data may hold marks: whoever writes what stands around them, as in a
 * whole api, turns them off for it. dora_write_bytes is then dora_write_string, dora_write_map
 * dora_write_array. */
DORA_API void dora_writer_set_marks(dora_writer *writer, bool are_written);

/* dora_write_raw writes one value that is already encoded (it is not checked again). */
DORA_API dora_err dora_write_raw(dora_writer *writer, dora_slice encoded);

/* dora_writer_finish says whether exactly one whole value was written, and gives its bytes (may
 * be NULL). Ownership: borrowed until the next call on the writer. Errors: the first error of any
 * write; DORA_EINVAL for an unfinished value. */
DORA_API dora_err dora_writer_finish(dora_writer *writer, dora_slice *encoded);

/* dora_writer_error is the first error so far, DORA_OK when there is none. */
DORA_API dora_err dora_writer_error(const dora_writer *writer);

/* dora_writer_problem says in words what a writer's error is, and of DORA_ETOOBIG which limit:
 * "larger than the limit of 2097152 bytes". NUL-ended, cut at `size`. */
DORA_API void dora_writer_problem(const dora_writer *writer, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
