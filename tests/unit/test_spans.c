/* test_spans.c: what is read of a trace, and spans as a collector gets them. */
#include "unit.h"

#include <dora/dora.h>

#include "base/trace.h"
#include "server/spans/span_json.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define WALL_NS UINT64_C(1700000000000000000)

static dora_slice text_of(const char *text)
{
    return (dora_slice){text, strlen(text)};
}

static void a_traceparent_is_read_and_written(void **state)
{
    (void)state;
    dr_trace_parent parent;
    char text[DR_TRACE_PARENT_LEN];
    assert_true(dr_trace_read(text_of("00-" TRACE "-" SPAN "-01"), &parent));
    assert_memory_equal(parent.trace_id, TRACE, DR_TRACE_ID_LEN);
    assert_memory_equal(parent.span_id, SPAN, DR_SPAN_ID_LEN);
    assert_true(parent.is_sampled);
    dr_trace_write(&parent, text);
    assert_memory_equal(text, "00-" TRACE "-" SPAN "-01", sizeof(text));
    parent.is_sampled = false;
    dr_trace_write(&parent, text);
    assert_memory_equal(text, "00-" TRACE "-" SPAN "-00", sizeof(text));
}

static void the_last_bit_of_the_flags_says_sampled(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        bool is_sampled;
    } all[] = {{"00", false}, {"01", true},  {"02", false}, {"03", true},
               {"0b", true},  {"fe", false}, {"ff", true},  {"10", false}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char text[DR_TRACE_PARENT_LEN + 1];
        dr_trace_parent parent;
        (void)snprintf(text, sizeof(text), "00-%s-%s-%s", TRACE, SPAN, all[i].flags);
        assert_true(dr_trace_read(text_of(text), &parent));
        assert_int_equal(parent.is_sampled, all[i].is_sampled);
    }
}

static void ids_of_zeros_and_other_texts_are_no_trace(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-01-x",
        "ff-" TRACE "-" SPAN "-01",
        "00_" TRACE "_" SPAN "_01",
        "00-4BF92f3577b34da6a3ce929d0e0e4736-" SPAN "-01",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        dr_trace_parent parent;
        assert_false(dr_trace_read(text_of(texts[i]), &parent));
    }
}

static void each_run_of_a_guid_has_a_span_of_its_own(void **state)
{
    (void)state;
    static const char guid[] = "0123456789abcdef0123456789abcdef";
    static const char other[] = "0123456789abcdef0123456789abcdee";
    char ids[5][DR_SPAN_ID_LEN];
    dr_trace_span_of(guid, 1000, 3, ids[0]);
    dr_trace_span_of(guid, 1001, 3, ids[1]);
    dr_trace_span_of(guid, 1000, 4, ids[2]);
    dr_trace_span_of(other, 1000, 3, ids[3]);
    dr_trace_span_of(guid, 1000, 3, ids[4]);
    assert_memory_equal(ids[0], ids[4], DR_SPAN_ID_LEN);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(ids[i], ids[j], DR_SPAN_ID_LEN);
        }
    }
}

/* filled is a span of a call that went well. */
static dr_span filled(void)
{
    dr_span span = {.kind = DR_SPAN_SERVER,
                    .has_parent = true,
                    .start_ns = 5000,
                    .end_ns = 7000,
                    .apis = 1,
                    .pool = "users",
                    .type = "W_S",
                    .protocol = "tcp",
                    .name = {"/user/get", 9}};
    memcpy(span.trace_id, TRACE, DR_TRACE_ID_LEN);
    memcpy(span.span_id, "1111111111111111", DR_SPAN_ID_LEN);
    memcpy(span.parent_id, SPAN, DR_SPAN_ID_LEN);
    memcpy(span.guid, "0123456789abcdef0123456789abcdef", DR_GUID_LEN);
    return span;
}

/* Golden JSON is written with single quotes here. */
#define HEAD                                                                                       \
    "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':"                  \
    "{'stringValue':'shop'}}]},'scopeSpans':[{'scope':{'name':'dora','version':'" DORA_VERSION     \
    "'},'spans':["
#define END "]}]}]}"
#define IDS "{'traceId':'" TRACE "','spanId':'1111111111111111','parentSpanId':'" SPAN "',"
#define TIMES "'startTimeUnixNano':'1700000000000005000','endTimeUnixNano':'1700000000000007000',"

static void assert_json(const dr_span *first, const char *golden)
{
    dr_buf out = {0};
    char wanted[2048];
    assert_true(strlen(golden) < sizeof(wanted));
    for (size_t i = 0; i <= strlen(golden); i++) {
        wanted[i] = golden[i];
        if (golden[i] == '\'') {
            wanted[i] = '"';
        }
    }
    assert_int_equal(dr_spans_json(&out, first, "shop", WALL_NS + 9000, 9000), DORA_OK);
    assert_int_equal(dr_buf_append(&out, "", 1), DORA_OK);
    assert_string_equal(out.data, wanted);
    dr_buf_fini(&out);
}

static void a_call_is_a_server_span(void **state)
{
    (void)state;
    static const char golden[] =
        HEAD IDS "'name':'/user/get','kind':2," TIMES "'attributes':["
                 "{'key':'rpc.system','value':{'stringValue':'dora'}},"
                 "{'key':'rpc.method','value':{'stringValue':'/user/get'}},"
                 "{'key':'dora.pool','value':{'stringValue':'users'}},"
                 "{'key':'dora.code','value':{'intValue':'0'}},"
                 "{'key':'dora.guid','value':{'stringValue':'0123456789abcdef0123456789abcdef'}},"
                 "{'key':'dora.type','value':{'stringValue':'W_S'}},"
                 "{'key':'dora.protocol','value':{'stringValue':'tcp'}},"
                 "{'key':'dora.apis','value':{'intValue':'1'}}],'status':{}}" END;
    const dr_span span = filled();
    assert_json(&span, golden);
}

static void an_error_of_a_handler_has_its_message_and_worker(void **state)
{
    (void)state;
    static const char golden[] =
        HEAD IDS "'name':'handler','kind':1," TIMES "'attributes':["
                 "{'key':'rpc.system','value':{'stringValue':'dora'}},"
                 "{'key':'rpc.method','value':{'stringValue':'/user/get'}},"
                 "{'key':'dora.pool','value':{'stringValue':'users'}},"
                 "{'key':'dora.worker','value':{'intValue':'4711'}},"
                 "{'key':'dora.code','value':{'intValue':'-7'}},"
                 "{'key':'dora.guid','value':{'stringValue':'0123456789abcdef0123456789abcdef'}},"
                 "{'key':'dora.type','value':{'stringValue':'W_S'}}],"
                 "'status':{'code':2,'message':'KeyError: a\\u000a\\\\?'}}" END;
    dr_span span = filled();
    span.kind = DR_SPAN_HANDLER;
    span.code = -7;
    span.worker = 4711;
    span.msg = text_of("KeyError: a\n\\\xff");
    assert_json(&span, golden);
}

static void a_root_of_several_apis_has_no_parent_and_no_method(void **state)
{
    (void)state;
    dr_span next = filled();
    dr_span span = filled();
    dr_buf out = {0};
    span.has_parent = false;
    span.is_repeat = true;
    span.caller = (dora_slice){"sh\"op", 5};
    span.apis = 3;
    span.type = "W_M";
    span.pool = NULL;
    span.name = (dora_slice){NULL, 0};
    span.next = &next;
    assert_int_equal(dr_spans_json(&out, &span, "dora", WALL_NS, 0), DORA_OK);
    assert_int_equal(dr_buf_append(&out, "", 1), DORA_OK);
    assert_non_null(strstr(out.data, "\"spanId\":\"1111111111111111\",\"name\":\"W_M\""));
    assert_non_null(strstr(out.data, "{\"key\":\"dora.apis\",\"value\":{\"intValue\":\"3\"}},"
                                     "{\"key\":\"dora.caller\",\"value\":"
                                     "{\"stringValue\":\"sh\\\"op\"}},"
                                     "{\"key\":\"dora.repeat\",\"value\":{\"boolValue\":true}}],"
                                     "\"status\":{}},{\"traceId\":"));
    assert_non_null(strstr(out.data, "\"parentSpanId\":\"" SPAN "\",\"name\":\"/user/get\""));
    dr_buf_fini(&out);
}

static void a_long_message_is_cut_behind_a_whole_character(void **state)
{
    (void)state;
    char long_text[DR_SPAN_MSG_BYTES_MAX + 10];
    dr_span span = filled();
    memset(long_text, 'x', sizeof(long_text));
    memcpy(long_text + DR_SPAN_MSG_BYTES_MAX - 1, "\xc3\xa4", 2);
    span.msg = (dora_slice){long_text, sizeof(long_text)};
    span.caller = (dora_slice){"shop", 4};
    dr_span *copy = dr_span_new(&span);
    assert_non_null(copy);
    assert_int_equal(copy->msg.len, DR_SPAN_MSG_BYTES_MAX - 1);
    assert_ptr_equal(copy->name.data, copy->text);
    assert_memory_equal(copy->name.data, "/user/get", 9);
    assert_ptr_equal(copy->caller.data, copy->msg.data + copy->msg.len);
    assert_memory_equal(copy->caller.data, "shop", 4);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_is_read_and_written),
        cmocka_unit_test(the_last_bit_of_the_flags_says_sampled),
        cmocka_unit_test(ids_of_zeros_and_other_texts_are_no_trace),
        cmocka_unit_test(each_run_of_a_guid_has_a_span_of_its_own),
        cmocka_unit_test(a_call_is_a_server_span),
        cmocka_unit_test(an_error_of_a_handler_has_its_message_and_worker),
        cmocka_unit_test(a_root_of_several_apis_has_no_parent_and_no_method),
        cmocka_unit_test(a_long_message_is_cut_behind_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
