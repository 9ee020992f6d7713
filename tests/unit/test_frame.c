/* test_frame.c: frames: limits, signing, compression, and the public doors of wire.h. */
#include "unit.h"

#include <dora/wire.h>

#include "torture.h"
#include "wire/frame.h"
#include "wire/sign.h"

#define GUID "0123456789abcdef0123456789abcdef"

static dr_buf pack(const dora_frame_options *options, dora_slice body)
{
    dr_buf out = {0};
    size_t mark;
    assert_int_equal(dr_frame_begin(&out, options, GUID, &mark), DORA_OK);
    assert_int_equal(mark, 0);
    assert_int_equal(dr_buf_append_slice(&out, body), DORA_OK);
    assert_int_equal(dr_frame_end(&out, options, mark, NULL), DORA_OK);
    return out;
}

static void all_settings(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        dora_frame_options options = {.sign = i & 1, .gzip = (i & 2) != 0};
        if ((i & 4) != 0) {
            options.salt = text_slice("another salt");
        }
        dr_buf out = pack(&options, text_slice("s:5:\"hello\";"));
        dr_buf plain = {0};
        dr_frame frame;
        size_t used;
        dora_slice body;
        assert_int_equal(dr_frame_decode(&options, dr_buf_slice(&out), &frame, &used, NULL),
                         DORA_OK);
        assert_int_equal(used, out.len);
        assert_memory_equal(frame.guid, GUID, 32);
        assert_int_equal(dr_frame_body(&options, &frame, &plain, &body, NULL), DORA_OK);
        assert_slice(body, "s:5:\"hello\";");
        dr_buf_fini(&plain);
        dr_buf_fini(&out);
    }
}

static void salts_matter(void **state)
{
    (void)state;
    static dora_error error;
    dora_frame_options ours = {.sign = true};
    dora_frame_options theirs = {.sign = true, .salt = text_slice("x")};
    dora_frame_options spelled = {.sign = true, .salt = text_slice(DR_SALT_DEFAULT)};
    dora_frame_options empty = {.sign = true, .salt = text_slice("")};
    dr_buf out = pack(&ours, text_slice("N;"));
    dr_frame frame;
    size_t used;
    dora_slice in = dr_buf_slice(&out);
    assert_int_equal(dr_frame_decode(&spelled, in, &frame, &used, &error), DORA_OK);
    assert_int_equal(dr_frame_decode(&empty, in, &frame, &used, &error), DORA_ESIGN);
    assert_int_equal(dr_frame_decode(&theirs, in, &frame, &used, &error), DORA_ESIGN);
    assert_int_equal(error.code, 100005);
    assert_int_equal(used, out.len);
    assert_memory_equal(frame.guid, GUID, 32);
    dr_buf_fini(&out);
}

static void limit_in(void **state)
{
    (void)state;
    static dora_error error;
    dora_frame_options options = {.bytes_max = 100};
    char bytes[200] = {0};
    dr_frame frame;
    size_t used = 7;
    bytes[3] = 96;
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 100}, &frame, &used, &error),
                     DORA_OK);
    assert_int_equal(used, 100);
    assert_int_equal(frame.body.len, 64);
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 99}, &frame, &used, &error),
                     DORA_EAGAIN);
    assert_int_equal(used, 100);
    bytes[3] = 97;
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 4}, &frame, &used, &error),
                     DORA_ETOOBIG);
    assert_int_equal(used, 0);
    assert_null(frame.guid);
    assert_int_equal(error.code, 100206);
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 36}, &frame, &used, &error),
                     DORA_ETOOBIG);
    assert_ptr_equal(frame.guid, bytes + 4);
    memset(bytes, 0xff, 4);
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 36}, &frame, &used, &error),
                     DORA_ETOOBIG);
}

static void limit_default(void **state)
{
    (void)state;
    dora_frame_options options = {.sign = false};
    char bytes[4] = {0, 0x1f, (char)0xff, (char)0xfc};
    dr_frame frame;
    size_t used;
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 4}, &frame, &used, NULL),
                     DORA_EAGAIN);
    assert_int_equal(used, 2097152);
    bytes[3] = (char)0xfd;
    assert_int_equal(dr_frame_decode(&options, (dora_slice){bytes, 4}, &frame, &used, NULL),
                     DORA_ETOOBIG);
}

static void shortest_frames(void **state)
{
    (void)state;
    static dora_error error;
    dr_frame frame;
    size_t used;
    for (int sign = 0; sign < 2; sign++) {
        dora_frame_options options = {.sign = sign};
        dr_buf out = pack(&options, text_slice(""));
        assert_int_equal(out.len, 36 + (sign ? 4 : 0));
        assert_int_equal(dr_frame_decode(&options, dr_buf_slice(&out), &frame, &used, NULL),
                         DORA_OK);
        assert_int_equal(frame.body.len, 0);
        out.data[3] = (char)(out.data[3] - 1);
        assert_int_equal(dr_frame_decode(&options, dr_buf_slice(&out), &frame, &used, &error),
                         DORA_EPROTO);
        assert_int_equal(error.code, 100007);
        assert_int_equal(used, 0);
        assert_null(frame.guid);
        dr_buf_fini(&out);
    }
}

static void limit_out(void **state)
{
    (void)state;
    static dora_error error;
    for (int gzip = 0; gzip < 2; gzip++) {
        dora_frame_options options = {.bytes_max = 100, .gzip = gzip};
        dr_buf out = {0};
        size_t mark;
        char body[101];
        memset(body, 'x', sizeof(body));
        dr_buf_append(&out, "kept", 4);
        assert_int_equal(dr_frame_begin(&out, &options, GUID, &mark), DORA_OK);
        dr_buf_append(&out, body, gzip ? 100 : 64);
        assert_int_equal(dr_frame_end(&out, &options, mark, &error), DORA_OK);
        out.len = 4;
        assert_int_equal(dr_frame_begin(&out, &options, GUID, &mark), DORA_OK);
        dr_buf_append(&out, body, gzip ? 101 : 65);
        assert_int_equal(dr_frame_end(&out, &options, mark, &error), DORA_ETOOBIG);
        assert_int_equal(error.code, 100206);
        assert_slice(dr_buf_slice(&out), "kept");
        dr_buf_fini(&out);
    }
}

static void public_doors(void **state)
{
    (void)state;
    static dora_error error;
    static const char request[] = "a:3:{s:3:\"api\";a:1:{s:3:\"one\";a:1:{s:4:\"name\";s:1:\"a\";}}"
                                  "s:4:\"guid\";s:32:\"" GUID "\";s:4:\"type\";s:3:\"W_S\";}";
    for (int gzip = 0; gzip < 2; gzip++) {
        dora_frame_options options = {.gzip = gzip, .sign = true};
        char *frame;
        char *owned;
        size_t len;
        size_t used;
        dora_slice body;
        assert_int_equal(dora_frame_pack(&options, GUID, text_slice(request), &frame, &len),
                         DORA_OK);
        dora_slice in = {frame, len};
        assert_int_equal(dora_frame_check(&options, in, true, &used, &body, &owned, &error),
                         DORA_OK);
        assert_int_equal(used, len);
        assert_slice(body, request);
        assert_true((owned != NULL) == options.gzip);
        free(owned);
        in.len--;
        assert_int_equal(dora_frame_check(&options, in, true, &used, &body, &owned, &error),
                         DORA_EAGAIN);
        assert_null(owned);
        free(frame);
        assert_int_equal(dora_frame_pack(&options, GUID, text_slice("N;"), &frame, &len), DORA_OK);
        in = (dora_slice){frame, len};
        assert_int_equal(dora_frame_check(&options, in, true, &used, &body, &owned, &error),
                         DORA_EPROTO);
        assert_int_equal(error.code, 100006);
        assert_int_equal(used, len);
        assert_null(owned);
        assert_int_equal(dora_frame_check(&options, in, false, &used, &body, &owned, &error),
                         DORA_OK);
        free(owned);
        free(frame);
    }
}

static bool there_and_back(void *user)
{
    const dora_frame_options *options = user;
    static const char request[] = "a:3:{s:3:\"api\";a:1:{s:3:\"one\";a:1:{s:4:\"name\";s:1:\"a\";}}"
                                  "s:4:\"guid\";s:32:\"" GUID "\";s:4:\"type\";s:3:\"W_S\";}";
    char *frame = NULL;
    char *owned = NULL;
    size_t len;
    size_t used;
    dora_slice body;
    dora_err err = dora_frame_pack(options, GUID, text_slice(request), &frame, &len);
    if (err == DORA_OK) {
        dora_slice in = {frame, len};
        err = dora_frame_check(options, in, true, &used, &body, &owned, NULL);
    }
    assert_true(err == DORA_OK || err == DORA_ENOMEM);
    free(frame);
    free(owned);
    return err == DORA_OK;
}

static void out_of_memory(void **state)
{
    (void)state;
    dora_frame_options plain = {.sign = true};
    dora_frame_options gzip = {.gzip = true};
    assert_true(torture_run(there_and_back, &plain) >= 2);
    assert_true(torture_run(there_and_back, &gzip) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_settings),    cmocka_unit_test(salts_matter),
        cmocka_unit_test(limit_in),        cmocka_unit_test(limit_default),
        cmocka_unit_test(shortest_frames), cmocka_unit_test(limit_out),
        cmocka_unit_test(public_doors),    cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
