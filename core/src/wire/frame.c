/* frame.c: bytes to frames and back. Pure: no sockets, no clock. */
#include "wire/frame.h"

#include <stdio.h>
#include <string.h>

#include "wire/gzip.h"
#include "wire/sign.h"

#define LENGTH_LEN 4
#define CRC_LEN 4
#define BARE_MARK_LEN 3 /* bytes of a body that tell a bare frame */

static uint32_t read_u32_be(const char *data)
{
    const unsigned char *bytes = (const unsigned char *)data;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_u32_be(char *data, uint32_t number)
{
    data[0] = (char)(number >> 24);
    data[1] = (char)(number >> 16);
    data[2] = (char)(number >> 8);
    data[3] = (char)number;
}

static size_t guid_at(const dora_frame_options *options)
{
    return LENGTH_LEN + (options->sign ? CRC_LEN : 0);
}

static dora_err refuse(dora_error *error, dora_err err, int64_t code, const char *msg)
{
    dora_error_set(error, err, "%s", msg);
    if (error != NULL) {
        error->code = code;
    }
    return err;
}

size_t dr_frame_bytes_max(const dora_frame_options *options)
{
    return options->bytes_max > 0 ? options->bytes_max : DR_FRAME_BYTES_MAX_DEFAULT;
}

/* `what` has so many bytes, where that is known (else 0). */
static dora_err refuse_size(const dora_frame_options *options, const char *what, size_t bytes,
                            dora_error *error)
{
    char count[32] = "";
    if (bytes > 0) {
        (void)snprintf(count, sizeof(count), " of %zu bytes", bytes);
    }
    dora_error_set(error, DORA_ETOOBIG, "%s%s is larger than the limit of %zu (frame_bytes_max)",
                   what, count, dr_frame_bytes_max(options));
    if (error != NULL) {
        error->code = DORA_CODE_TOO_BIG;
    }
    return DORA_ETOOBIG;
}

/* foreign_text names other protocols by their first four bytes, which as a length are more than any
 * frame may have; NULL: it is none of them. */
static const char *foreign_text(const char *bytes)
{
    if (memcmp(bytes, "\x16\x03", 2) == 0) {
        return "a TLS handshake came to the port for plain bytes: listen.tls is the one for TLS";
    }
    if (memcmp(bytes, "\x15\x03", 2) == 0) {
        return "an alert of TLS came instead of a frame: that port is for TLS, and wants tls://";
    }
    if (memcmp(bytes, "GET ", 4) == 0 || memcmp(bytes, "POST", 4) == 0 ||
        memcmp(bytes, "HEAD", 4) == 0 || memcmp(bytes, "PUT ", 4) == 0) {
        return "an HTTP request came to the port for frames: listen.http is the one for HTTP";
    }
    if (memcmp(bytes, "HTTP", 4) == 0) {
        return "an answer of HTTP came instead of a frame: that port is for HTTP";
    }
    return NULL;
}

/* decode_rest says what else there is than a whole frame: too few bytes yet, or a wrong length. */
static dora_err decode_rest(const dora_frame_options *options, dora_slice in, size_t head,
                            dr_frame *frame, size_t *used, dora_error *error)
{
    frame->is_bare = head == guid_at(options);
    frame->guid = in.len >= head && !frame->is_bare ? in.data + head - DR_GUID_LEN : NULL;
    frame->body = (dora_slice){NULL, 0};
    *used = 0;
    if (in.len < LENGTH_LEN) {
        return DORA_EAGAIN;
    }
    const size_t total = LENGTH_LEN + (size_t)read_u32_be(in.data);
    if (total < head) {
        frame->guid = NULL;
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_LENGTH,
                      "frame length is smaller than a frame's header");
    }
    const char *foreign = total > dr_frame_bytes_max(options) ? foreign_text(in.data) : NULL;
    if (foreign != NULL) {
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_LENGTH, foreign);
    }
    if (total > dr_frame_bytes_max(options)) {
        if (in.len > head) {
            frame->body = (dora_slice){in.data + head, in.len - head};
        }
        return refuse_size(options, "frame", total, error);
    }
    *used = total;
    return DORA_EAGAIN;
}

/* decode reads a frame whose body begins `head` bytes from its start. */
static inline dora_err decode(const dora_frame_options *options, dora_slice in, size_t head,
                              bool is_bare, dr_frame *frame, size_t *used, dora_error *error)
{
    const size_t total = in.len >= LENGTH_LEN ? LENGTH_LEN + (size_t)read_u32_be(in.data) : 0;
    if (total < head || total > in.len || total > dr_frame_bytes_max(options)) {
        return decode_rest(options, in, head, frame, used, error);
    }
    *used = total;
    frame->guid = is_bare ? NULL : in.data + head - DR_GUID_LEN;
    frame->body = (dora_slice){in.data + head, total - head};
    frame->is_bare = is_bare;
    if (options->sign) {
        const uint32_t crc = read_u32_be(in.data + LENGTH_LEN);
        if (crc != dr_crc32_salted(frame->body, options->salt)) {
            return refuse(error, DORA_ESIGN, DORA_CODE_BAD_SIGN, "signature is wrong");
        }
    }
    return DORA_OK;
}

dora_err dr_frame_decode(const dora_frame_options *options, dora_slice in, dr_frame *frame,
                         size_t *used, dora_error *error)
{
    return decode(options, in, guid_at(options) + DR_GUID_LEN, false, frame, used, error);
}

/* is_bare tells by the bytes where a guid would begin: guids are hexadecimal. */
static bool is_bare(const dora_frame_options *options, const char *bytes)
{
    if (bytes[1] == ':') {
        return bytes[0] == 'a' && bytes[2] >= '0' && bytes[2] <= '9';
    }
    return options->gzip && memcmp(bytes, "\x1f\x8b\x08", BARE_MARK_LEN) == 0;
}

dora_err dr_frame_decode_any(const dora_frame_options *options, dora_slice in, dr_frame *frame,
                             size_t *used, dora_error *error)
{
    const size_t at = guid_at(options);
    if (in.len >= at + BARE_MARK_LEN) {
        return is_bare(options, in.data + at)
                   ? decode(options, in, at, true, frame, used, error)
                   : decode(options, in, at + DR_GUID_LEN, false, frame, used, error);
    }
    if (in.len >= LENGTH_LEN) {
        /* Too short for a frame of today, but perhaps it is none. */
        const size_t total = LENGTH_LEN + (size_t)read_u32_be(in.data);
        if (total >= at + BARE_MARK_LEN && total < at + DR_GUID_LEN) {
            *frame = (dr_frame){0};
            *used = total;
            return DORA_EAGAIN;
        }
    }
    return dr_frame_decode(options, in, frame, used, error);
}

dora_err dr_frame_body(const dora_frame_options *options, const dr_frame *frame, dr_buf *plain,
                       dora_slice *body, dora_error *error)
{
    if (!options->gzip) {
        *body = frame->body;
        return DORA_OK;
    }
    dr_buf_clear(plain);
    dora_err err = dr_gzip_inflate(frame->body, dr_frame_bytes_max(options), plain);
    *body = dr_buf_slice(plain);
    if (err == DORA_EPROTO) {
        return refuse(error, err, DORA_CODE_BAD_BODY, "body is not one gzip member");
    }
    if (err == DORA_ETOOBIG) {
        return refuse_size(options, "inflated body", 0, error);
    }
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    return DORA_OK;
}

dora_err dr_frame_begin(dr_buf *out, const dora_frame_options *options, const char *guid,
                        size_t *mark)
{
    const size_t at = guid_at(options);
    const size_t head = guid != NULL ? at + DR_GUID_LEN : at;
    dora_err err = dr_buf_reserve(out, head);
    if (err != DORA_OK) {
        return err;
    }
    *mark = out->len;
    /* Until the end the length says where the body begins. */
    write_u32_be(out->data + out->len, (uint32_t)head);
    if (guid != NULL) {
        memcpy(out->data + out->len + at, guid, DR_GUID_LEN);
    }
    out->len += head;
    return DORA_OK;
}

/* The body in `out`, from `body_at` on, replaced by its gzip form. */
static dora_err compress_body(dr_buf *out, size_t body_at)
{
    dr_buf packed;
    dr_buf_init(&packed);
    dora_slice plain = {out->data + body_at, out->len - body_at};
    dora_err err = dr_gzip_deflate(plain, &packed);
    if (err != DORA_OK) {
        goto out;
    }
    out->len = body_at;
    err = dr_buf_append_slice(out, dr_buf_slice(&packed));
out:
    dr_buf_fini(&packed);
    return err;
}

dora_err dr_frame_end(dr_buf *out, const dora_frame_options *options, size_t mark,
                      dora_error *error)
{
    size_t body_at = mark + read_u32_be(out->data + mark);
    dora_err err = DORA_OK;
    size_t bytes = out->len - mark;
    /* The other end inflates no further than the frame limit, so neither may the plain body be. */
    if (out->len - body_at > dr_frame_bytes_max(options)) {
        err = DORA_ETOOBIG;
    } else if (options->gzip) {
        err = compress_body(out, body_at);
    }
    if (err == DORA_OK && out->len - mark > dr_frame_bytes_max(options)) {
        bytes = out->len - mark;
        err = DORA_ETOOBIG;
    }
    if (err != DORA_OK) {
        out->len = mark;
        return err == DORA_ETOOBIG ? refuse_size(options, "frame", bytes, error)
                                   : dora_error_set(error, err, "%s", dora_err_text(err));
    }
    write_u32_be(out->data + mark, (uint32_t)(out->len - mark - LENGTH_LEN));
    if (options->sign) {
        dora_slice body = {out->data + body_at, out->len - body_at};
        write_u32_be(out->data + mark + LENGTH_LEN, dr_crc32_salted(body, options->salt));
    }
    return DORA_OK;
}
