/* test_link.c: a client connection's bytes: requests out, replies in, however they are cut. */
#include "unit.h"

#include "client/shared/link.h"
#include "wire/message_write.h"

static const char MINE[] = "0123456789abcdef0123456789abcdef";
static const char OTHER[] = "ffffffffffffffffffffffffffffffff";

/* Appends the frame of a reply whose data is one encoded value. */
static void put_reply(dr_buf *out, const dora_frame_options *options, const char *guid,
                      int64_t code, const char *data)
{
    size_t mark;
    assert_int_equal(dr_frame_begin(out, options, guid, &mark), DORA_OK);
    assert_int_equal(dr_reply_begin(out, guid, code, text_slice("OK")), DORA_OK);
    assert_int_equal(dr_buf_append_slice(out, text_slice(data)), DORA_OK);
    assert_int_equal(dr_reply_end(out), DORA_OK);
    assert_int_equal(dr_frame_end(out, options, mark, NULL), DORA_OK);
}

/* Looks for the reply to our own guid. */
static dora_err own_reply(dr_link *link, dr_reply_message *reply, dora_error *error)
{
    dr_incoming incoming;
    dora_err err = DORA_OK;
    while (err == DORA_OK) {
        err = dr_link_next(link, &incoming, error);
        if (err == DORA_OK && dr_incoming_is_for(&incoming, MINE)) {
            *reply = incoming.reply;
            return DORA_OK;
        }
    }
    return err;
}

/* Hands `bytes` to the link, `step` at a time, asking for the reply after each piece. */
static dora_err feed(dr_link *link, dora_slice bytes, size_t step, dr_reply_message *reply,
                     dora_error *error)
{
    dora_err err = DORA_EAGAIN;
    for (size_t at = 0; at < bytes.len && err == DORA_EAGAIN;) {
        char *room;
        size_t room_len;
        assert_int_equal(dr_link_room(link, &room, &room_len), DORA_OK);
        assert_true(room_len > 0);
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        len = len < room_len ? len : room_len;
        memcpy(room, bytes.data + at, len);
        dr_link_received(link, len);
        at += len;
        err = own_reply(link, reply, error);
    }
    return err;
}

static void a_request_is_encoded(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        const dora_frame_options options = {.sign = (mode & 1) != 0, .gzip = (mode & 2) != 0};
        dr_link link;
        dr_frame frame;
        dr_buf plain = {0};
        dora_slice body;
        size_t used;
        dr_api api = {.key_raw = text_slice(DR_KEY_ONE),
                      .name = text_slice("/user/get"),
                      .param = text_slice("i:7;")};
        dr_request request = {text_slice(MINE), DR_TYPE_W_S, .api_count = 1, .timeout_ms = 250,
                              .attempt = -1};
        dr_link_init(&link, &options);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(dr_link_request(&link, &request, &api, NULL), DORA_OK);
            assert_int_equal(
                dr_frame_decode(&options, dr_buf_slice(&link.out), &frame, &used, NULL), DORA_OK);
            assert_int_equal(used, link.out.len);
        }
        assert_memory_equal(frame.guid, MINE, DR_GUID_LEN);
        assert_int_equal(dr_frame_body(&options, &frame, &plain, &body, NULL), DORA_OK);
        dr_request decoded;
        dr_api found;
        assert_int_equal(dr_request_decode(body, frame.guid, &decoded, &found, 1, NULL), DORA_OK);
        assert_int_equal(decoded.timeout_ms, 250);
        assert_int_equal(found.param.len, 4);
        dr_buf_fini(&plain);
        dr_link_fini(&link);
    }
}

static void request_too_big(void **state)
{
    (void)state;
    const dora_frame_options options = {.bytes_max = 128};
    dr_link link;
    dora_error error;
    dr_api api = {.key_raw = text_slice(DR_KEY_ONE),
                  .name = text_slice("/user/get"),
                  .param = text_slice("i:7;")};
    dr_request request = {text_slice(MINE), DR_TYPE_W_S, .api_count = 1, .timeout_ms = -1,
                          .attempt = -1};
    dr_link_init(&link, &options);
    assert_int_equal(dr_link_request(&link, &request, &api, &error), DORA_ETOOBIG);
    assert_int_equal(error.code, DORA_CODE_TOO_BIG);
    dr_link_fini(&link);
}

static void reply_any_cut(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        const dora_frame_options options = {.sign = (mode & 1) != 0, .gzip = (mode & 2) != 0};
        dr_buf bytes = {0};
        put_reply(&bytes, &options, OTHER, 0, "a:0:{}");
        put_reply(&bytes, &options, MINE, 0, "s:5:\"hello\";");
        for (size_t step = 1; step <= bytes.len; step++) {
            dr_link link;
            dr_reply_message reply;
            dr_buf memory = {0};
            dr_link_init(&link, &options);
            assert_int_equal(feed(&link, dr_buf_slice(&bytes), step, &reply, NULL), DORA_OK);
            assert_int_equal(dr_link_take(&link, &memory), DORA_OK);
            assert_int_equal(reply.code, 0);
            assert_int_equal(reply.data.len, 12);
            assert_memory_equal(reply.data.data, "s:5:\"hello\";", 12);
            assert_true(dr_link_is_empty(&link));
            dr_buf_fini(&memory);
            dr_link_fini(&link);
        }
        dr_buf_fini(&bytes);
    }
}

static void reply_missing_bytes(void **state)
{
    (void)state;
    const dora_frame_options options = {.sign = false};
    dr_buf bytes = {0};
    put_reply(&bytes, &options, MINE, 0, "i:1;");
    for (size_t len = 0; len < bytes.len; len++) {
        dr_link link;
        dr_reply_message reply;
        dora_slice cut = {bytes.data, len};
        dr_link_init(&link, &options);
        assert_int_equal(feed(&link, cut, len + 1, &reply, NULL), DORA_EAGAIN);
        dr_link_fini(&link);
    }
    dr_buf_fini(&bytes);
}

static void bytes_after_the_reply(void **state)
{
    (void)state;
    const dora_frame_options options = {.sign = false};
    dr_buf bytes = {0};
    dr_buf memory = {0};
    dr_link link;
    dr_reply_message reply;
    put_reply(&bytes, &options, MINE, 0, "i:1;");
    put_reply(&bytes, &options, MINE, 0, "i:2;");
    dr_link_init(&link, &options);
    assert_int_equal(feed(&link, dr_buf_slice(&bytes), bytes.len, &reply, NULL), DORA_OK);
    assert_int_equal(dr_link_take(&link, &memory), DORA_OK);
    assert_memory_equal(reply.data.data, "i:1;", 4);
    assert_false(dr_link_is_empty(&link));
    assert_int_equal(own_reply(&link, &reply, NULL), DORA_OK);
    assert_memory_equal(reply.data.data, "i:2;", 4);
    dr_buf_fini(&memory);
    dr_buf_fini(&bytes);
    dr_link_fini(&link);
}

static void zero_guid_is_ours(void **state)
{
    (void)state;
    const dora_frame_options options = {.sign = false};
    dr_buf bytes = {0};
    dr_link link;
    dr_reply_message reply;
    put_reply(&bytes, &options, DR_GUID_NONE, DORA_CODE_BAD_LENGTH, "a:0:{}");
    dr_link_init(&link, &options);
    assert_int_equal(feed(&link, dr_buf_slice(&bytes), 7, &reply, NULL), DORA_OK);
    assert_int_equal(reply.code, DORA_CODE_BAD_LENGTH);
    dr_buf_fini(&bytes);
    dr_link_fini(&link);
}

static void expect_failure(const dora_frame_options *options, dora_slice bytes, dora_err wanted,
                           int64_t code)
{
    dr_link link;
    dr_reply_message reply;
    dora_error error = {.err = DORA_OK};
    dr_link_init(&link, options);
    assert_int_equal(feed(&link, bytes, bytes.len, &reply, &error), wanted);
    assert_int_equal(error.code, code);
    assert_true(error.msg[0] != '\0');
    dr_link_fini(&link);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    const dora_frame_options plain = {.sign = false};
    const dora_frame_options signing = {.sign = true};
    const dora_frame_options gzip = {.gzip = true};
    const dora_frame_options small = {.bytes_max = 64};
    dr_buf bytes = {0};
    expect_failure(&plain, (dora_slice){"\0\0\0\1xxxxxxxxxx", 14}, DORA_EPROTO, 100009);
    expect_failure(&plain, text_slice("HTTP/1.1 400 Bad Request\r\n\r\n"), DORA_ECONNECT, 100010);
    expect_failure(&plain, (dora_slice){"\x15\3\3\0\2\2F", 7}, DORA_ECONNECT, 100010);
    put_reply(&bytes, &plain, MINE, 0, "i:1;");
    expect_failure(&signing, dr_buf_slice(&bytes), DORA_ESIGN, 100005);
    expect_failure(&gzip, dr_buf_slice(&bytes), DORA_EPROTO, 100009);
    expect_failure(&small, dr_buf_slice(&bytes), DORA_ETOOBIG, 100206);
    bytes.data[4 + DR_GUID_LEN] = 'O';
    expect_failure(&plain, dr_buf_slice(&bytes), DORA_EPROTO, 100009);
    dr_buf_fini(&bytes);
    put_reply(&bytes, &signing, MINE, 0, "i:1;");
    expect_failure(&plain, dr_buf_slice(&bytes), DORA_EPROTO, 100009);
    dr_buf_fini(&bytes);
}

/* A frame whose header names one call and its body another answers neither. */
static void two_guids(void **state)
{
    (void)state;
    const dora_frame_options options = {.sign = false};
    const size_t in_body = 4 + DR_GUID_LEN + strlen("a:4:{s:4:\"guid\";s:32:\"");
    dr_buf bytes = {0};
    put_reply(&bytes, &options, MINE, 0, "i:1;");
    assert_memory_equal(bytes.data + in_body, MINE, DR_GUID_LEN);
    memcpy(bytes.data + in_body, OTHER, DR_GUID_LEN);
    expect_failure(&options, dr_buf_slice(&bytes), DORA_EPROTO, DORA_CODE_BAD_GUID);
    memcpy(bytes.data + in_body, MINE, DR_GUID_LEN);
    memcpy(bytes.data + 4, OTHER, DR_GUID_LEN);
    expect_failure(&options, dr_buf_slice(&bytes), DORA_EPROTO, DORA_CODE_BAD_GUID);
    dr_buf_fini(&bytes);
}

/* say_hello notes a hello under OTHER, as dr_hello_append does. */
static void say_hello(dr_link *link)
{
    memcpy(link->hello, OTHER, DR_GUID_LEN);
    link->has_hello = true;
}

static void the_answer_to_a_hello_is_nobodys(void **state)
{
    (void)state;
    static const int64_t welcomes[] = {0, DORA_CODE_BAD_COMMAND};
    const dora_frame_options options = {.size = sizeof options};
    for (size_t i = 0; i < 2; i++) {
        dr_link link;
        dr_buf bytes = {0};
        dora_error error;
        dr_reply_message reply;
        dr_link_init(&link, &options);
        say_hello(&link);
        put_reply(&bytes, &options, OTHER, welcomes[i], "a:0:{}");
        put_reply(&bytes, &options, MINE, 0, "i:7;");
        assert_int_equal(feed(&link, dr_buf_slice(&bytes), 7, &reply, &error), DORA_OK);
        assert_false(link.has_hello);
        dr_link_fini(&link);
        dr_buf_fini(&bytes);
    }
}

static void a_refused_hello_answers_whoever_waits(void **state)
{
    (void)state;
    const dora_frame_options options = {.size = sizeof options};
    dr_link link;
    dr_buf bytes = {0};
    dora_error error;
    dr_reply_message reply;
    dr_link_init(&link, &options);
    say_hello(&link);
    put_reply(&bytes, &options, OTHER, DORA_CODE_NOT_PERMITTED, "a:0:{}");
    assert_int_equal(feed(&link, dr_buf_slice(&bytes), 1, &reply, &error), DORA_OK);
    assert_int_equal(reply.code, DORA_CODE_NOT_PERMITTED);
    dr_link_fini(&link);
    dr_buf_fini(&bytes);
}

/* What the server has said on a connection decides what 100203 is about. */
static void a_connection_is_turned_away_until_it_is_answered(void **state)
{
    (void)state;
    const dora_frame_options options = {.size = sizeof options};
    static const struct {
        int64_t hello; /* the answer to one; -1: there is none */
        int64_t before;
        bool is_turned_away;
    } cases[] = {
        {-1, DORA_CODE_OVERLOADED, true},
        {-1, DORA_CODE_OK, false},
        {-1, DORA_CODE_PART, false},
        {-1, DORA_CODE_STOPPING, false},
        {DORA_CODE_OK, DORA_CODE_OVERLOADED, false},
        {DORA_CODE_BAD_COMMAND, DORA_CODE_OVERLOADED, false},
        {DORA_CODE_OVERLOADED, DORA_CODE_OVERLOADED, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_link link;
        dr_buf bytes = {0};
        dora_error error;
        dr_reply_message reply;
        dr_link_init(&link, &options);
        assert_true(dr_link_is_turned_away(&link, DORA_CODE_OVERLOADED));
        assert_false(dr_link_is_turned_away(&link, DORA_CODE_STOPPING));
        if (cases[i].hello >= 0) {
            say_hello(&link);
            put_reply(&bytes, &options, OTHER, cases[i].hello, "a:0:{}");
        }
        put_reply(&bytes, &options, MINE, cases[i].before, "i:7;");
        assert_int_equal(feed(&link, dr_buf_slice(&bytes), 1, &reply, &error), DORA_OK);
        assert_int_equal(dr_link_is_turned_away(&link, DORA_CODE_OVERLOADED),
                         cases[i].is_turned_away);
        dr_link_fini(&link);
        dr_buf_fini(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_encoded),
        cmocka_unit_test(request_too_big),
        cmocka_unit_test(reply_any_cut),
        cmocka_unit_test(reply_missing_bytes),
        cmocka_unit_test(bytes_after_the_reply),
        cmocka_unit_test(zero_guid_is_ours),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(two_guids),
        cmocka_unit_test(the_answer_to_a_hello_is_nobodys),
        cmocka_unit_test(a_refused_hello_answers_whoever_waits),
        cmocka_unit_test(a_connection_is_turned_away_until_it_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
