/* buf.c: a growing run of bytes. */
#include "base/buf.h"

#include <string.h>

#include "base/mem.h"

#define BUF_CAP_MIN 256

void dr_buf_init(dr_buf *buf)
{
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
}

void dr_buf_fini(dr_buf *buf)
{
    dr_free(buf->data);
    dr_buf_init(buf);
}

dora_err dr_buf_reserve(dr_buf *buf, size_t extra)
{
    if (extra <= buf->cap - buf->len) {
        return DORA_OK;
    }
    if (extra > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
        return DORA_ENOMEM;
    }
    size_t need = buf->len + extra;
    size_t cap = buf->cap > BUF_CAP_MIN / 2 ? buf->cap * 2 : BUF_CAP_MIN;
    if (cap < need) {
        cap = need;
    }
    char *data = dr_realloc(buf->data, cap);
    if (data == NULL) {
        return DORA_ENOMEM;
    }
    buf->data = data;
    buf->cap = cap;
    return DORA_OK;
}

dora_err dr_buf_append(dr_buf *buf, const void *data, size_t len)
{
    if (len == 0) {
        return DORA_OK;
    }
    dora_err err = dr_buf_reserve(buf, len);
    if (err != DORA_OK) {
        return err;
    }
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return DORA_OK;
}

dora_err dr_buf_append_slice(dr_buf *buf, dora_slice bytes)
{
    return dr_buf_append(buf, bytes.data, bytes.len);
}

void dr_buf_consume(dr_buf *buf, size_t len)
{
    if (len >= buf->len) {
        buf->len = 0;
        return;
    }
    if (len > 0) {
        memmove(buf->data, buf->data + len, buf->len - len);
        buf->len -= len;
    }
}

void dr_buf_clear(dr_buf *buf)
{
    buf->len = 0;
}
