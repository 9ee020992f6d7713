/* test_http_accept.c: what a header Accept says of a media type. */
#include "unit.h"

#include "base/slice.h"
#include "net/http_accept.h"

static void a_type_is_wanted_as_much_as_its_q_says(void **state)
{
    static const struct {
        const char *accept;
        unsigned events;
    } cases[] = {
        {"", 0},
        {"text/event-stream", 1000},
        {"Text/Event-Stream", 1000},
        {"text/event-stream, */*", 1000},
        {"application/json,text/event-stream;q=0.5", 500},
        {" text/event-stream\t; charset=utf-8 ; Q=0.125 , */*;q=1", 125},
        {"text/event-stream;q=1.000", 1000},
        {"text/event-stream;q=9", 0},
        {"text/event-stream;q=1.001", 0},
        {"text/event-stream;q=0", 0},
        {"text/event-stream;q=0.000", 0},
        {"text/event-stream;q=0.0009", 0},
        {"text/event-stream;q=", 0},
        {"text/event-stream;q", 0},
        {"text/event-stream;q=x", 0},
        {"text/event-stream;q=1x", 0},
        {"text/event-stream;q=-1", 0},
        {"text/event-stream;q=0.5, text/event-stream;q=0.25", 500},
        {"text/event-stream;;", 1000},
        {",,;,text/event-stream,", 1000},
        {"*/*", 0},
        {"text/*", 0},
        {"text/event-streams", 0},
        {"x-text/event-stream", 0},
        {"text/html;profile=text/event-stream", 0},
        {"=", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dr_http_accept(dr_slice(cases[i].accept), "text/event-stream"),
                         cases[i].events);
    }
    assert_int_equal(dr_http_accept((dora_slice){NULL, 0}, "text/event-stream"), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_is_wanted_as_much_as_its_q_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
