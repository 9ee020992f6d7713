/* buf.h: a growing run of bytes. Zeroed memory is a valid empty buffer. */
#ifndef DR_BUF_H
#define DR_BUF_H

#include <dora/value.h>

typedef struct dr_buf {
    char *data;
    size_t len;
    size_t cap;
} dr_buf;

/* dr_buf_init makes an empty buffer; it allocates nothing yet. */
void dr_buf_init(dr_buf *buf);

/* dr_buf_fini frees the bytes and leaves an empty buffer. Safe on zeroed memory and twice. */
void dr_buf_fini(dr_buf *buf);

/* dr_buf_reserve makes room for `extra` more bytes, at least doubling the room so that appending
 * stays cheap. Errors: DORA_ENOMEM; the buffer is then as before. */
dora_err dr_buf_reserve(dr_buf *buf, size_t extra);

/* dr_buf_append copies `len` bytes to the end. `data` may be NULL when `len` is 0; it must not
 * point into the buffer itself. Errors: DORA_ENOMEM; the buffer is then as before. */
dora_err dr_buf_append(dr_buf *buf, const void *data, size_t len);
dora_err dr_buf_append_slice(dr_buf *buf, dora_slice bytes);

/* dr_buf_consume drops the first `len` bytes (at most all) and moves the rest to the front. */
void dr_buf_consume(dr_buf *buf, size_t len);

/* dr_buf_clear drops all bytes and keeps the memory. */
void dr_buf_clear(dr_buf *buf);

/* dr_buf_slice is the bytes so far. Ownership: borrowed until the buffer changes. */
static inline dora_slice dr_buf_slice(const dr_buf *buf)
{
    dora_slice slice = {buf->data, buf->len};
    return slice;
}

#endif
