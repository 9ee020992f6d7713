/* gzip.c: one gzip member to bytes and back, with a bound. Pure but for memory. */
#include "wire/gzip.h"

#include <zlib.h>

#include "base/mem.h"

#define GZIP_LEVEL 4
#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to say: a gzip header and trailer, nothing else */
#define GZIP_STEP_MIN 4096

static voidpf zlib_alloc(voidpf user, uInt count, uInt size)
{
    (void)user;
    return dr_alloc((size_t)count * size);
}

static void zlib_free(voidpf user, voidpf memory)
{
    (void)user;
    dr_free(memory);
}

/* zlib counts in unsigned int. */
static uInt clip(size_t len)
{
    return len < (1u << 30) ? (uInt)len : (1u << 30);
}

static dora_err inflate_all(z_stream *stream, dora_slice in, size_t max, dr_buf *out)
{
    size_t start = out->len;
    size_t at = 0;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        /* One byte over the limit is asked for, so that reaching exactly the limit can end. */
        size_t room = max - (out->len - start) + 1;
        size_t step = in.len * 4 > GZIP_STEP_MIN ? in.len * 4 : GZIP_STEP_MIN;
        dora_err err = dr_buf_reserve(out, room < step ? room : step);
        if (err != DORA_OK) {
            return err;
        }
        size_t space = out->cap - out->len;
        stream->next_in = (z_const Bytef *)in.data + at;
        stream->avail_in = clip(in.len - at);
        stream->next_out = (Bytef *)out->data + out->len;
        stream->avail_out = clip(space < room ? space : room);
        uInt in_before = stream->avail_in;
        uInt out_before = stream->avail_out;
        status = inflate(stream, Z_NO_FLUSH);
        at += in_before - stream->avail_in;
        out->len += out_before - stream->avail_out;
        if (status == Z_MEM_ERROR) {
            return DORA_ENOMEM;
        }
        if (out->len - start > max) {
            return DORA_ETOOBIG;
        }
        bool is_stuck = in_before == stream->avail_in && out_before == stream->avail_out;
        if ((status != Z_OK && status != Z_STREAM_END) || (status == Z_OK && is_stuck)) {
            return DORA_EPROTO;
        }
    }
    return at == in.len ? DORA_OK : DORA_EPROTO;
}

dora_err dr_gzip_inflate(dora_slice in, size_t max, dr_buf *out)
{
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    if (in.len == 0) {
        return DORA_EPROTO;
    }
    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
        return DORA_ENOMEM;
    }
    size_t start = out->len;
    dora_err err = inflate_all(&stream, in, max, out);
    inflateEnd(&stream);
    if (err != DORA_OK) {
        out->len = start;
    }
    return err;
}

static dora_err deflate_all(z_stream *stream, dora_slice in, dr_buf *out)
{
    size_t at = 0;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        dora_err err = dr_buf_reserve(out, GZIP_STEP_MIN);
        if (err != DORA_OK) {
            return err;
        }
        stream->next_in = (z_const Bytef *)in.data + at;
        stream->avail_in = clip(in.len - at);
        stream->next_out = (Bytef *)out->data + out->len;
        stream->avail_out = clip(out->cap - out->len);
        uInt in_before = stream->avail_in;
        uInt out_before = stream->avail_out;
        status = deflate(stream, at + in_before == in.len ? Z_FINISH : Z_NO_FLUSH);
        at += in_before - stream->avail_in;
        out->len += out_before - stream->avail_out;
        if (status == Z_STREAM_ERROR) {
            return DORA_EINVAL;
        }
    }
    return DORA_OK;
}

dora_err dr_gzip_deflate(dora_slice in, dr_buf *out)
{
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    int status =
        deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY);
    if (status != Z_OK) {
        return DORA_ENOMEM;
    }
    size_t start = out->len;
    dora_err err = dr_buf_reserve(out, deflateBound(&stream, (uLong)in.len));
    if (err == DORA_OK) {
        err = deflate_all(&stream, in, out);
    }
    deflateEnd(&stream);
    if (err != DORA_OK) {
        out->len = start;
    }
    return err;
}
