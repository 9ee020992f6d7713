/* test_message.c: requests and replies_are_read: what is found, what is refused, in which order. */
#include "unit.h"

#include "torture.h"
#include "wire/message.h"
#include "wire/message_write.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define M_GUID "s:4:\"guid\";s:32:\"" GUID "\";"
#define M_TYPE(t) "s:4:\"type\";s:3:\"" t "\";"
#define API(key, name) key "a:1:{s:4:\"name\";s:1:\"" name "\";}"
#define M_ONE "s:3:\"api\";a:1:{" API(DR_KEY_ONE, "a") "}"

static dora_error error;
static dr_api apis[DR_APIS_MAX];
static dr_request request;

static int64_t decode(const char *text)
{
    error.code = 0;
    dora_err err = dr_request_decode(text_slice(text), GUID, &request, apis, DR_APIS_MAX, &error);
    assert_int_equal(dr_request_decode(text_slice(text), GUID, &request, apis, DR_APIS_MAX, NULL),
                     err);
    assert_true((err == DORA_OK) == (error.code == 0));
    return error.code;
}

static void finds_everything(void **state)
{
    (void)state;
    assert_int_equal(
        decode("a:8:{s:8:\"priority\";s:4:\"high\";s:7:\"attempt\";i:2;s:5:\"trace\";s:3:\"t-"
               "1\";" M_TYPE("W_M") "i:5;a:0:{}" M_GUID "s:7:\"timeout\";i:1500;"
                                    "s:3:\"api\";a:3:{i:7;a:2:{s:5:\"param\";a:1:{i:0;N;}s:4:"
                                    "\"name\";s:2:\"/x\";}"
                                    "s:1:\"k\";a:3:{s:5:\"other\";N;s:4:\"name\";s:1:\"y\";i:0;N;}"
                                    "s:0:\"\";a:2:{s:4:\"name\";s:1:\"z\";s:5:\"param\";d:1.5;}}}"),
        0);
    assert_slice(request.guid, GUID);
    assert_int_equal(request.type, DR_TYPE_W_M);
    assert_int_equal(request.timeout_ms, 1500);
    assert_slice(request.trace, "t-1");
    assert_int_equal(request.attempt, 2);
    assert_int_equal(request.priority, DORA_PRIORITY_HIGH);
    assert_int_equal(request.api_count, 3);
    assert_slice(apis[0].key_raw, "i:7;");
    assert_slice(apis[0].name, "/x");
    assert_slice(apis[0].param, "a:1:{i:0;N;}");
    assert_slice(apis[1].key_raw, "s:1:\"k\";");
    assert_slice(apis[1].name, "y");
    assert_slice(apis[1].param, "N;");
    assert_slice(apis[2].key_raw, "s:0:\"\";");
    assert_slice(apis[2].param, "d:1.5;");
}

static void missing_keys_have_defaults(void **state)
{
    (void)state;
    assert_int_equal(decode("a:3:{" M_ONE M_GUID M_TYPE("W_S") "}"), 0);
    assert_int_equal(request.timeout_ms, -1);
    assert_int_equal(request.attempt, -1);
    assert_int_equal(request.trace.len, 0);
    /* Dora's own keys in a wrong shape are left alone, a time that is over is over. */
    assert_int_equal(decode("a:7:{" M_ONE M_GUID M_TYPE(
                         "W_S") "s:7:\"timeout\";s:1:\"x\";s:8:\"priority\";a:1:{i:0;N;}"
                                "s:5:\"trace\";a:1:{i:0;N;}s:7:\"attempt\";i:-3;}"),
                     0);
    assert_int_equal(request.priority, DORA_PRIORITY_DEFAULT);
    assert_int_equal(request.timeout_ms, -1);
    assert_int_equal(request.attempt, -1);
    assert_int_equal(request.trace.len, 0);
    assert_int_equal(decode("a:4:{" M_ONE M_GUID M_TYPE("W_S") "s:7:\"timeout\";i:-5;}"), 0);
    assert_int_equal(request.timeout_ms, 0);
}

static void trace_is_bounded(void **state)
{
    (void)state;
    for (size_t len = DR_TRACE_BYTES_MAX; len <= DR_TRACE_BYTES_MAX + 1; len++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "a:4:{" M_ONE M_GUID M_TYPE("W_S") "s:5:\"trace\";s:%zu:\"%0*d\";}", len, (int)len,
                 1);
        assert_int_equal(decode(text), 0);
        assert_int_equal(request.trace.len, len <= DR_TRACE_BYTES_MAX ? len : 0);
    }
}

static void the_first_fault_has_the_code(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t code;
    } cases[] = {
        {"", 100006},
        {"{}", 100006},
        {"i:1;", 100006},
        {"a:0:{}", 100100},
        {"a:0:{}x", 100006},
        {"a:0:{}}", 100006},
        {"a:3:{" M_ONE M_GUID M_TYPE("W_S") "};", 100006},
        {"a:4:{" M_ONE M_GUID M_TYPE("W_S") "}", 100006},
        {"a:2:{" M_ONE M_GUID M_TYPE("W_S") "}", 100006},
        {"a:2:{" M_ONE M_TYPE("W_S") "}", 100100},
        {"a:3:{" M_ONE "s:4:\"guid\";i:5;" M_TYPE("W_S") "}", 100100},
        {"a:3:{" M_ONE "s:4:\"guid\";a:0:{}" M_TYPE("Z_S") "}", 100100},
        {"a:1:{" M_GUID "}", 100002},
        {"a:2:{" M_GUID M_TYPE("W_X") "}", 100002},
        {"a:2:{" M_GUID "s:4:\"type\";i:1;}", 100002},
        {"a:3:{" M_ONE M_GUID "s:4:\"type\";s:4:\"W_S \";}", 100002},
        {"a:3:{" M_ONE M_GUID "s:4:\"type\";s:0:\"\";}", 100002},
        {"a:2:{" M_GUID M_TYPE("W_S") "}", 100003},
        {"a:3:{s:3:\"api\";N;" M_GUID M_TYPE("W_M") "}", 100003},
        {"a:3:{s:3:\"api\";a:0:{}" M_GUID M_TYPE("W_M") "}", 100003},
        {"a:3:{s:3:\"api\";a:1:{i:0;N;}" M_GUID M_TYPE("W_M") "}", 100003},
        {"a:3:{s:3:\"api\";a:1:{i:0;a:0:{}}" M_GUID M_TYPE("W_M") "}", 100003},
        {"a:3:{s:3:\"api\";a:1:{" API("s:3:\"two\";", "a") "}" M_GUID M_TYPE("W_S") "}", 100003},
        {"a:3:{s:3:\"api\";a:1:{" API(DR_KEY_ONE, "a") "}" M_GUID "s:4:\"type\";s:2:\"SC\";}",
         100003},
        {"a:3:{s:3:\"api\";a:1:{" API(DR_KEY_CMD, "a") "}" M_GUID "s:4:\"type\";s:2:\"SC\";}", 0},
        {"a:3:{s:3:\"api\";a:1:{i:0;a:1:{s:4:\"name\";s:0:\"\";}}" M_GUID M_TYPE("W_M") "}",
         100003},
        {"a:3:{s:3:\"api\";a:1:{i:0;a:1:{s:4:\"name\";i:5;}}" M_GUID M_TYPE("W_M") "}", 100003},
        {"a:3:{s:3:\"api\";a:1:{i:0;a:1:{s:4:\"name\";O:1:\"a\":0:{}}}" M_GUID M_TYPE("W_M") "}",
         100006},
        {"a:3:{s:3:\"api\";a:1:{i:0;a:1:{N;s:1:\"a\";}}" M_GUID M_TYPE("W_M") "}", 100006},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t code = decode(cases[i].text);
        if (code != cases[i].code) {
            fail_msg("%s: %lld, not %lld", cases[i].text, (long long)code,
                     (long long)cases[i].code);
        }
    }
}

static void header_guid_may_be_missing(void **state)
{
    (void)state;
    dora_slice body = text_slice("a:3:{" M_ONE M_GUID M_TYPE("W_S") "}");
    assert_int_equal(dr_request_decode(body, NULL, &request, apis, 1, NULL), DORA_OK);
    assert_int_equal(
        dr_request_decode(body, "x123456789abcdef0123456789abcdef", &request, apis, 1, &error),
        DORA_EPROTO);
    assert_int_equal(error.code, 100100);
}

static void single_takes_its_own(void **state)
{
    (void)state;
    assert_int_equal(decode("a:3:{s:3:\"api\";a:3:{s:1:\"x\";N;" API(DR_KEY_ONE, "b")
                                API("i:1;", "c") "}" M_GUID M_TYPE("W_S") "}"),
                     0);
    assert_int_equal(request.api_count, 1);
    assert_slice(apis[0].name, "b");
    assert_slice(apis[0].key_raw, DR_KEY_ONE);
}

static void last_of_a_key_wins(void **state)
{
    (void)state;
    /* among members, apis, and within an api; "7" and 7 are one key */
    assert_int_equal(
        decode("a:5:{" M_TYPE(
            "Z_S") "s:3:\"api\";i:1;"
                   "s:3:\"api\";a:4:{" API("i:7;", "a") API("s:1:\"k\";", "b") API(
                       "s:1:\"7\";",
                       "c") "s:1:\"k\";a:2:{s:4:\"name\";s:1:\"d\";s:4:\"name\";s:1:\"e\";}}" M_GUID
                       M_TYPE("W_M") "}"),
        0);
    assert_int_equal(request.api_count, 2);
    assert_slice(apis[0].key_raw, "i:7;");
    assert_slice(apis[0].name, "c");
    assert_slice(apis[1].name, "e");
    assert_int_equal(decode("a:4:{" M_ONE "s:3:\"api\";N;" M_GUID M_TYPE("W_S") "}"), 100003);
    assert_int_equal(decode("a:3:{s:3:\"api\";a:2:{" API(
                         DR_KEY_ONE, "a") "s:3:\"one\";N;}" M_GUID M_TYPE("W_S") "}"),
                     100003);
}

/* Keys that rise are not compared with each other, until one does not. */
static void keys_that_rise_and_do_not(void **state)
{
    (void)state;
    static const struct {
        const char *apis;
        size_t count;
        const char *first_name;
    } each[] = {
        {"a:3:{" API("i:1;", "a") API("i:2;", "b") API("i:3;", "c") "}", 3, "a"},
        {"a:3:{" API("i:-2;", "a") API("i:-1;", "b") API("i:-2;", "c") "}", 2, "c"},
        {"a:2:{" API("i:1;", "a") API("i:1;", "b") "}", 1, "b"},
        {"a:4:{" API("i:1;", "a") API("i:5;", "b") API("i:3;", "c") API("i:5;", "d") "}", 3, "a"},
        {"a:3:{" API("i:1;", "a") API("s:1:\"k\";", "b") API("i:1;", "c") "}", 2, "c"},
        {"a:3:{" API("s:1:\"9\";", "a") API("i:8;", "b") API("i:9;", "c") "}", 2, "c"},
        {"a:2:{" API("i:7;", "a") API("s:1:\"7\";", "b") "}", 1, "b"},
        {"a:2:{" API("i:7;", "a") API("s:2:\"07\";", "b") "}", 2, "a"},
    };
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), "a:3:{" M_GUID M_TYPE("W_M") "s:3:\"api\";%s}",
                       each[i].apis);
        assert_int_equal(decode(text), 0);
        assert_int_equal(request.api_count, each[i].count);
        assert_slice(apis[0].name, each[i].first_name);
    }
    /* An earlier map's keys do not count. */
    assert_int_equal(decode("a:4:{s:3:\"api\";a:1:{" API("i:9;", "a") "}s:3:\"api\";a:1:{" API(
                         "i:1;", "b") "}" M_GUID M_TYPE("W_M") "}"),
                     0);
    assert_int_equal(request.api_count, 1);
    assert_slice(apis[0].key_raw, "i:1;");
}

static char *many_apis(size_t count, size_t distinct)
{
    size_t size = count * 64 + 256;
    char *text = malloc(size);
    assert_non_null(text);
    size_t len =
        (size_t)snprintf(text, size, "a:3:{" M_GUID M_TYPE("W_M") "s:3:\"api\";a:%zu:{", count);
    for (size_t i = 0; i < count; i++) {
        char key[32];
        int key_len = snprintf(key, sizeof(key), "k%zu", i % distinct);
        len += (size_t)snprintf(text + len, size - len,
                                "s:%d:\"%s\";a:1:{s:4:\"name\";s:5:\"%05zu\";}", key_len, key, i);
    }
    memcpy(text + len, "}}", 3);
    return text;
}

static void number_of_apis(void **state)
{
    (void)state;
    char *text = many_apis(DR_APIS_MAX, DR_APIS_MAX);
    assert_int_equal(decode(text), 0);
    assert_int_equal(request.api_count, DR_APIS_MAX);
    assert_slice(apis[1023].name, "01023");
    assert_int_equal(dr_request_decode(text_slice(text), GUID, &request, apis, 100, &error),
                     DORA_EPROTO);
    assert_int_equal(error.code, 100003);
    free(text);
    text = many_apis(DR_APIS_MAX + 1, DR_APIS_MAX + 1);
    assert_int_equal(decode(text), 100003);
    free(text);
    text = many_apis(DR_APIS_MAX * 3, 700);
    assert_int_equal(decode(text), 0);
    assert_int_equal(request.api_count, 700);
    for (size_t i = 0; i < 700; i++) {
        char name[8];
        size_t last = i + (i + 4 * 700 < DR_APIS_MAX * 3 ? 4u : 3u) * 700;
        snprintf(name, sizeof(name), "%05zu", last);
        assert_slice(apis[i].name, name);
    }
    free(text);
}

static void name_length(void **state)
{
    (void)state;
    for (size_t len = DR_API_NAME_MAX; len <= DR_API_NAME_MAX + 1; len++) {
        char text[1024];
        snprintf(
            text, sizeof(text),
            "a:3:{s:3:\"api\";a:1:{s:3:\"one\";a:1:{s:4:\"name\";s:%zu:\"%0*d\";}}" M_GUID M_TYPE(
                "W_S") "}",
            len, (int)len, 1);
        assert_int_equal(decode(text), len <= DR_API_NAME_MAX ? 0 : 100003);
    }
}

static void offset_of_the_bad_byte(void **state)
{
    (void)state;
    assert_int_equal(decode("a:1:{s:3:\"api\";O:8:\"stdClass\":0:{}}"), 100006);
    assert_int_equal(error.offset, 15);
    assert_string_equal(error.msg, "body cannot be decoded: malformed at byte 15");
}

static void types_are_those_of_the_wire(void **state)
{
    (void)state;
    static const char *const names[] = {"W_S", "W_M", "AN_S", "AN_M", "AM_S", "AM_M", "SC"};
    for (int i = 0; i < 7; i++) {
        assert_string_equal(dr_call_type_name((dr_call_type)i), names[i]);
        assert_int_equal(dr_call_type_is_single((dr_call_type)i), i == 6 || i % 2 == 0);
    }
    assert_string_equal(dr_call_type_name((dr_call_type)99), "");
}

/* An api with more than a name and a param keeps all of it, and one whose name is none; what is
 * wrong besides is not hidden by that. */
static void whole_apis(void **state)
{
    (void)state;
    static const struct {
        const char *api;
        bool is_good;
        bool is_odd;
        bool is_whole;
        const char *param;
    } cases[] = {
        {"a:2:{s:4:\"name\";s:2:\"/a\";s:5:\"param\";i:1;}", true, false, false, "i:1;"},
        {"a:3:{s:4:\"more\";a:0:{}s:5:\"param\";i:1;s:4:\"name\";s:2:\"/a\";}", true, false, true,
         "i:1;"},
        {"a:1:{s:4:\"name\";s:2:\"/a\";}", true, false, false, "N;"},
        {"a:2:{s:4:\"name\";s:0:\"\";s:5:\"param\";i:1;}", false, true, true, "i:1;"},
        {"a:2:{s:4:\"name\";i:17;s:5:\"param\";b:1;}", false, true, true, "b:1;"},
        {"a:1:{s:4:\"name\";N;}", false, true, true, "N;"},
        {"a:0:{}", false, true, true, "N;"},
        {"i:5;", false, false, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];
        dr_request found;
        dr_api api;
        snprintf(body, sizeof body,
                 "a:3:{s:3:\"api\";a:1:{s:3:\"one\";%s}s:4:\"guid\";s:32:\"%s\";s:4:\"type\";s:3:"
                 "\"W_S\";}",
                 cases[i].api, GUID);
        assert_int_equal(dr_request_decode(text_slice(body), GUID, &found, &api, 1, NULL),
                         cases[i].is_good ? DORA_OK : DORA_EPROTO);
        assert_int_equal(found.has_odd_name, cases[i].is_odd);
        if (cases[i].param == NULL) {
            continue;
        }
        assert_int_equal(api.whole.len > 0, cases[i].is_whole);
        assert_slice(cases[i].is_whole ? dr_api_param(api.whole) : api.param, cases[i].param);
        if (cases[i].is_whole) {
            assert_slice(api.whole, cases[i].api);
        }
    }
}

/* A word that is none of the three, and what comes twice: the last one counts, as ever. */
static void priorities_are_words(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        dora_priority meant;
    } told[] = {{"s:3:\"low\";", DORA_PRIORITY_LOW},
                {"s:6:\"normal\";", DORA_PRIORITY_NORMAL},
                {"s:4:\"high\";", DORA_PRIORITY_HIGH},
                {"s:4:\"High\";", DORA_PRIORITY_DEFAULT},
                {"s:5:\"lower\";", DORA_PRIORITY_DEFAULT},
                {"s:0:\"\";", DORA_PRIORITY_DEFAULT},
                {"i:3;", DORA_PRIORITY_DEFAULT},
                {"s:4:\"high\";s:8:\"priority\";N;", DORA_PRIORITY_DEFAULT}};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "a:%d:{" M_ONE M_GUID M_TYPE("W_S") "s:8:\"priority\";%s}",
                       strstr(told[i].member, "priority") != NULL ? 5 : 4, told[i].member);
        assert_int_equal(decode(text), 0);
        assert_int_equal(request.priority, told[i].meant);
    }
    assert_int_equal(decode("a:4:{" M_ONE M_GUID M_TYPE("W_S") "s:8:\"priority\";s:4:\"hi\";}"),
                     DORA_CODE_BAD_BODY);
}

static void request_with_all_members(void **state)
{
    (void)state;
    dr_buf out = {0};
    dr_api api = {
        .key_raw = text_slice(DR_KEY_ONE), .name = text_slice("/a"), .param = text_slice("i:1;")};
    dr_request sent = {.guid = text_slice(GUID),
                       .api_count = 1,
                       .timeout_ms = 0,
                       .trace = text_slice("tt"),
                       .attempt = 1,
                       .priority = DORA_PRIORITY_LOW};
    assert_int_equal(dr_request_encode(&out, &sent, &api), DORA_OK);
    assert_slice(
        dr_buf_slice(&out),
        "a:7:{s:3:\"api\";a:1:{s:3:\"one\";a:2:{s:4:\"name\";s:2:\"/a\";s:5:\"param\";"
        "i:1;}}" M_GUID M_TYPE("W_S") "s:7:\"timeout\";i:0;s:5:\"trace\";s:2:\"tt\";"
                                      "s:7:\"attempt\";i:1;s:8:\"priority\";s:3:\"low\";}");
    dr_buf_fini(&out);
}

static void replies_are_read(void **state)
{
    (void)state;
    dr_reply_message reply;
    dr_buf out = {0};
    assert_int_equal(dr_reply_begin(&out, GUID, -5, text_slice("no")), DORA_OK);
    dr_put_array(&out, 2);
    dr_put_int(&out, 1);
    dr_put_string(&out, text_slice("x"));
    dr_put_string(&out, text_slice("k"));
    dr_put_int(&out, INT64_MIN);
    dr_put_end(&out);
    assert_int_equal(dr_reply_end(&out), DORA_OK);
    assert_int_equal(dr_reply_decode(dr_buf_slice(&out), &reply, NULL), DORA_OK);
    assert_int_equal(reply.code, -5);
    assert_slice(reply.guid, GUID);
    assert_slice(reply.msg, "no");
    assert_slice(reply.data, "a:2:{i:1;s:1:\"x\";s:1:\"k\";i:-9223372036854775808;}");
    assert_false(reply.is_result);
    dr_buf_fini(&out);

    assert_int_equal(dr_reply_decode(text_slice("a:1:{s:4:\"code\";i:7;}"), &reply, NULL), DORA_OK);
    assert_slice(reply.data, "N;");
    assert_int_equal(reply.guid.len, 0);
    static const char *const bad[] = {"",
                                      "N;",
                                      "a:0:{}",
                                      "a:1:{s:4:\"code\";s:1:\"7\";}",
                                      "a:1:{s:4:\"code\";i:7;}x",
                                      "a:1:{s:4:\"code\";a:0:{}}",
                                      "a:1:{s:4:\"code\";i:7;",
                                      "a:1:{b:1;i:7;}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(dr_reply_decode(text_slice(bad[i]), &reply, &error), DORA_EPROTO);
        assert_int_equal(error.code, 100006);
    }
}

static bool encode_all(void *user)
{
    (void)user;
    dr_buf out = {0};
    char filler[300] = {0};
    dr_api api = {.key_raw = text_slice(DR_KEY_ONE),
                  .name = text_slice("/a"),
                  .param = {filler, sizeof(filler)}};
    dr_request sent = {.guid = text_slice(GUID), .api_count = 1, .timeout_ms = -1, .attempt = -1};
    bool is_ok = dr_request_encode(&out, &sent, &api) == DORA_OK;
    size_t before = out.len;
    if (is_ok) {
        out.cap = out.len; /* so that the next one must ask */
        is_ok = dr_reply_begin(&out, GUID, 0, (dora_slice){filler, sizeof(filler)}) == DORA_OK;
    }
    if (!is_ok) {
        assert_int_equal(out.len, before);
    }
    if (is_ok) {
        out.cap = out.len;
        is_ok = dr_put_string(&out, text_slice("x")) == DORA_OK;
    }
    if (is_ok) {
        out.cap = out.len;
        is_ok = dr_put_array(&out, 1) == DORA_OK;
    }
    dr_buf_fini(&out);
    return is_ok;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(torture_run(encode_all, NULL), 4);
    /* Decoding needs none at all. */
    torture_arm(1);
    assert_int_equal(decode("a:3:{" M_ONE M_GUID M_TYPE("W_S") "}"), 0);
    assert_false(torture_has_failed());
    torture_arm(0);
}

static void types_are_what_their_names_say(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DR_TYPE_COUNT; i++) {
        const dr_call_type type = (dr_call_type)i;
        const char *name = dr_call_type_name(type);
        assert_int_equal(dr_call_type_is_single(type),
                         type == DR_TYPE_SC || name[strlen(name) - 1] == 'S');
        assert_int_equal(dr_call_type_is_accepted(type), name[0] == 'A');
        assert_int_equal(dr_call_type_has_result(type), strncmp(name, "AN", 2) != 0);
    }
    assert_false(dr_call_type_is_single(DR_TYPE_COUNT));
    assert_false(dr_call_type_is_accepted((dr_call_type)64)); /* as a worker may have spoiled it */
}

/* What a client says of a call that is under way: no apis, and what it takes as it is. */
static void words_of_a_client(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        dr_call_type type;
        int64_t take;
    } cases[] = {{"a:3:{s:4:\"type\";s:2:\"TK\";s:4:\"guid\";s:32:\"" GUID "\";s:4:\"take\";i:12;}",
                  DR_TYPE_TK, 12},
                 {"a:3:{s:4:\"take\";i:-3;s:4:\"guid\";s:32:\"" GUID "\";s:4:\"type\";s:2:\"TK\";}",
                  DR_TYPE_TK, -1},
                 {"a:3:{s:4:\"take\";s:1:\"3\";s:4:\"guid\";s:32:\"" GUID
                  "\";s:4:\"type\";s:2:\"TK\";}",
                  DR_TYPE_TK, -1},
                 {"a:2:{s:4:\"type\";s:2:\"CN\";s:4:\"guid\";s:32:\"" GUID "\";}", DR_TYPE_CN, -1},
                 {"a:3:{s:4:\"type\";s:2:\"CN\";s:4:\"guid\";s:32:\"" GUID "\";s:3:\"api\";i:7;}",
                  DR_TYPE_CN, -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dr_request word;
        dr_api none[1];
        assert_int_equal(dr_request_decode(text_slice(cases[i].body), GUID, &word, none, 1, NULL),
                         DORA_OK);
        assert_int_equal(word.type, cases[i].type);
        assert_int_equal(word.take, cases[i].take);
        assert_int_equal(word.api_count, 0);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const char other[] = "ffffffffffffffffffffffffffffffff"; /* its frame's */
        dr_request word;
        dr_api none[1];
        assert_int_equal(dr_request_decode(text_slice(cases[i].body), other, &word, none, 1, NULL),
                         DORA_OK);
        assert_int_equal(word.type, cases[i].type);
        assert_int_equal(word.guid.len, 0);
    }
    dr_buf out = {0};
    assert_int_equal(dr_word_encode(&out, DR_TYPE_TK, text_slice(GUID), 12), DORA_OK);
    assert_slice(dr_buf_slice(&out), cases[0].body);
    dr_buf_clear(&out);
    assert_int_equal(dr_word_encode(&out, DR_TYPE_CN, text_slice(GUID), 0), DORA_OK);
    assert_slice(dr_buf_slice(&out), cases[3].body);
    dr_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_everything),
        cmocka_unit_test(missing_keys_have_defaults),
        cmocka_unit_test(trace_is_bounded),
        cmocka_unit_test(the_first_fault_has_the_code),
        cmocka_unit_test(header_guid_may_be_missing),
        cmocka_unit_test(single_takes_its_own),
        cmocka_unit_test(last_of_a_key_wins),
        cmocka_unit_test(keys_that_rise_and_do_not),
        cmocka_unit_test(number_of_apis),
        cmocka_unit_test(name_length),
        cmocka_unit_test(offset_of_the_bad_byte),
        cmocka_unit_test(types_are_those_of_the_wire),
        cmocka_unit_test(whole_apis),
        cmocka_unit_test(priorities_are_words),
        cmocka_unit_test(request_with_all_members),
        cmocka_unit_test(replies_are_read),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(types_are_what_their_names_say),
        cmocka_unit_test(words_of_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
