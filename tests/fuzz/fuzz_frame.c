/* fuzz_frame.c: any bytes as a frame. The first byte chooses the settings. */
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

/* decode takes frames of today only, or with `is_any` those of older releases, too. */
static dora_err decode(const dora_frame_options *options, bool is_any, dora_slice bytes,
                       dr_frame *frame, size_t *used, dora_error *error)
{
    return is_any ? dr_frame_decode_any(options, bytes, frame, used, error)
                  : dr_frame_decode(options, bytes, frame, used, error);
}

/* What was decoded is encoded again; without compression the very same bytes must come out. */
static void encode_again(const dora_frame_options *options, const dr_frame *frame, dora_slice body,
                         dora_slice bytes)
{
    dr_buf out = {0};
    dr_buf plain = {0};
    dr_frame again;
    dora_slice body_again;
    size_t mark;
    size_t used;
    check(dr_frame_begin(&out, options, frame->guid, &mark) == DORA_OK);
    check(dr_buf_append_slice(&out, body) == DORA_OK);
    dora_err err = dr_frame_end(&out, options, mark, NULL);
    if (!options->gzip) {
        check(err == DORA_OK && out.len == bytes.len);
        check(memcmp(out.data, bytes.data, bytes.len) == 0);
    } else if (err == DORA_OK) {
        check(decode(options, frame->is_bare, dr_buf_slice(&out), &again, &used, NULL) == DORA_OK);
        check(dr_frame_body(options, &again, &plain, &body_again, NULL) == DORA_OK);
        check(body.len == body_again.len);
        check(body.len == 0 || memcmp(body.data, body_again.data, body.len) == 0);
    }
    dr_buf_fini(&plain);
    dr_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static dora_error error;
    if (size == 0) {
        return 0;
    }
    dora_frame_options options = {.sign = data[0] & 1, .gzip = (data[0] & 2) != 0};
    options.bytes_max = (data[0] & 4) != 0 ? 64 : 65536;
    dora_slice bytes = {(const char *)data + 1, size - 1};
    dr_frame frame;
    size_t used;
    dora_err err = decode(&options, (data[0] & 8) != 0, bytes, &frame, &used, &error);
    check(used <= options.bytes_max);
    if (err == DORA_OK) {
        check(used <= bytes.len);
        dr_buf plain = {0};
        dora_slice body;
        err = dr_frame_body(&options, &frame, &plain, &body, &error);
        if (err == DORA_OK) {
            bytes.len = used;
            encode_again(&options, &frame, body, bytes);
        } else {
            check(error.code == DORA_CODE_BAD_BODY || error.code == DORA_CODE_TOO_BIG);
        }
        dr_buf_fini(&plain);
    } else if (err == DORA_EAGAIN) {
        check(used == 0 || used > bytes.len);
    } else {
        check(error.code == DORA_CODE_BAD_SIGN || used == 0);
    }
    return 0;
}
