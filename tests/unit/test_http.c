/* test_http.c: HTTP on a loop: requests, answers, limits, origins. */
#include "unit.h"

#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web.h"

static char own[] = "own.example";
static char own_port[] = "port.example:81";
static char *const hosts[] = {own, own_port};
static const dr_http_options USUAL = {.hosts = hosts, .host_count = 2, .body_bytes_max = 1000};

static uint32_t count_of(const web_reply *reply, const char *text)
{
    uint32_t count = 0;
    for (const char *at = reply->bytes.data; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void a_body_is_echoed(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = web_ask(web,
                              "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                              "Connection: close\r\n\r\nhello",
                              NULL);
    web_assert_has(&reply, "HTTP/1.1 200 OK\r\n");
    web_assert_has(&reply, "Content-Type: text/plain\r\n");
    web_assert_has(&reply, "Content-Length: 5\r\n");
    web_assert_has(&reply, "X-Method: POST\r\n");
    web_assert_has_not(&reply, "X-Broken");
    web_assert_has(&reply, "\r\n\r\nhello");
    web_reply_fini(&reply);
    assert_true(dr_http_is_quiet(&web->http));
    assert_int_equal(web->gone, 0);
}

static void path_and_query(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_check(web, GET("/call/%2Fuser%20get+x?a=1"), "\r\n\r\n/call//user get+x");
    web_check(web, GET("/query?a=1&q=b+c%26d"), "\r\n\r\nb c&d");
    web_check(web, GET("/query?q"), "HTTP/1.1 200");
    web_check(web, GET("/query?qq=1"), "HTTP/1.1 404");
    web_check(web, GET("/call/a%00b"), "HTTP/1.1 400");
    web_check(web, GET("/query?q=%00"), "HTTP/1.1 200");
    web_check(web, "GET /echo HTTP/1.1\r\n\r\n", "HTTP/1.1 400"); /* no Host */
    web_check(web, "GET\r\n\r\n", NULL);
    web_check(web, "GET  \r\n\r\n", NULL);
}

static void head_has_no_body(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply =
        web_ask(web, "HEAD /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", NULL);
    web_assert_has(&reply, "HTTP/1.1 200");
    web_assert_has(&reply, "Content-Length: 1048576\r\n");
    web_assert_has_not(&reply, "xx");
    web_reply_fini(&reply);
}

static void keep_alive(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = {0};
    const int fd = web_connect(web);
    for (uint32_t i = 1; i <= 20; i++) {
        web_send(fd, i % 2 == 0 ? GET("/later") : GET("/echo"));
        web_run(web, &web->requests, i);
        web_read(web, fd, &reply, i % 2 == 0 ? "\r\n\r\nlater" : "\r\n\r\n");
        assert_false(reply.is_closed);
        web_reply_fini(&reply);
    }
    assert_int_equal(web->http.accepted, 1);
    web_send(fd, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    web_read(web, fd, &reply, "\r\n\r\n");
    web_reply_fini(&reply);
    web_send(fd, "GET /echo HTTP/1.0\r\n\r\n");
    web_read(web, fd, &reply, NULL);
    web_assert_has(&reply, " 200 OK");
    web_reply_fini(&reply);
    web_close(web, fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd, GET("/later") GET("/query?q=one") GET("/later") GET("/query?q=two"));
    web_send(fd, "GET /query?q=last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    web_read(web, fd, &reply, NULL);
    assert_int_equal(count_of(&reply, "HTTP/1.1 200"), 5);
    const char *one = strstr(reply.bytes.data, "\r\n\r\none");
    const char *two = strstr(reply.bytes.data, "\r\n\r\ntwo");
    assert_true(one != NULL && two != NULL && one < two);
    web_assert_has(&reply, "\r\n\r\nlast");
    web_reply_fini(&reply);
    web_close(web, fd);
}

static void a_request_may_come_bytewise(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    static const char request[] =
        "POST /echo?x=1 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello";
    web_reply reply = {0};
    const int fd = web_connect(web);
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        web_send_bytes(web, fd, request + i, 1);
        (void)uv_run(&web->loop, UV_RUN_NOWAIT);
    }
    web_read(web, fd, &reply, "\r\n\r\nhello");
    web_reply_fini(&reply);
    web_close(web, fd);
}

/* What versions of the library answer by themselves. */
#if MHD_VERSION >= 0x00097701 && MHD_VERSION < 0x01001000
#define UNKNOWN_CODING "HTTP/1.1 400"
#else
#define UNKNOWN_CODING "HTTP/1.1 501"
#endif
#if MHD_VERSION >= 0x01001000
#define LENGTH_OF_NO_NUMBER "HTTP/1.1 400"
#else
#define LENGTH_OF_NO_NUMBER "HTTP/1.1 413"
#endif

/* Versions of the library refuse it, or pass over it; none takes it for a part of the body. */
static void check_chunk_extension(web_server *web)
{
    web_reply reply = web_ask(web,
                              "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
                              "Connection: close\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
                              NULL);
    if (strstr(reply.bytes.data, "HTTP/1.1 400") == NULL) {
        web_assert_has(&reply, "HTTP/1.1 200");
        web_assert_has(&reply, "\r\n\r\nhello");
    }
    web_reply_fini(&reply);
}

static void chunked_bodies_are_joined(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_check(web,
              "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
              "3\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
              "\r\n\r\nhello");
    check_chunk_extension(web);
    web_check(web, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\nabc",
              UNKNOWN_CODING);
    web_check(web,
              "POST /echo HTTP/1.1\r\n" HOST
              "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
              "0\r\n\r\n",
              "HTTP/1.1 400");
    web_check(web, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
              "HTTP/1.1 400");
}

static void continue_is_said_before_the_body(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd,
             "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    web_read(web, fd, &reply, "HTTP/1.1 100 Continue\r\n\r\n");
    web_send(fd, "hello");
    web_read(web, fd, &reply, "\r\n\r\nhello");
    web_reply_fini(&reply);
    web_close(web, fd);
    web_check(web,
              "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
              "HTTP/1.1 413");
    assert_int_equal(web->requests, 1);
}

/* A body of `len` bytes, announced or in chunks, and the status it is answered with. */
static void check_body(web_server *web, size_t len, bool is_chunked, const char *status)
{
    char head[256];
    web_reply reply = {0};
    char *body = malloc(len);
    const int fd = web_connect(web);
    memset(body, 'b', len);
    (void)snprintf(head, sizeof(head),
                   is_chunked ? "POST /echo HTTP/1.1\r\n" HOST
                                "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
                              : "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                   len);
    web_send(fd, head);
    web_send_bytes(web, fd, body, len);
    if (is_chunked) {
        web_send(fd, "\r\n0\r\n\r\n");
    }
    web_read(web, fd, &reply, status);
    if (strstr(status, "413") != NULL) {
        web_read(web, fd, &reply, NULL);
        web_assert_has(&reply, "Content-Type: application/json\r\n");
        web_assert_has(&reply, "Connection: close\r\n");
        web_assert_has(&reply, "{\"error\":{\"code\":413,\"msg\":\"");
    }
    web_reply_fini(&reply);
    free(body);
    web_close(web, fd);
}

static void too_big(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        check_body(web, 1000, is_chunked, "HTTP/1.1 200");
        check_body(web, 1001, is_chunked, "HTTP/1.1 413");
        /* More than the sockets hold: the client reads the answer, not a reset. */
        check_body(web, 9u << 20, is_chunked, "HTTP/1.1 413");
    }
    assert_int_equal(web->requests, 2);
    web_check(web, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
              LENGTH_OF_NO_NUMBER);
    /* Announced only: refused before anything of it has come. */
    web_check(web, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n",
              "HTTP/1.1 413");
    web_check(web, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "HTTP/1.1 400");
}

static void headers_too_big(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = {0};
    const size_t len = 9u << 20;
    char *line = malloc(len);
    const int fd = web_connect(web);
    memset(line, 'x', len);
    web_send(fd, "GET /echo HTTP/1.1\r\n" HOST "X-Long: ");
    web_send_bytes(web, fd, line, len); /* here too the client reads the answer, not a reset */
    web_read(web, fd, &reply, "HTTP/1.1 431");
    web_reply_fini(&reply);
    free(line);
    web_close(web, fd);
}

static void refusals_are_json(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = web_ask(web, GET("/bad"), "}}");
    web_assert_has(&reply, "HTTP/1.1 422");
    web_assert_has(&reply, "{\"error\":{\"code\":422,\"msg\":\"a \\\"quote\\\" and ?\","
                           "\"field\":\"params.guid\"}}");
    web_reply_fini(&reply);
}

static void a_large_answer_is_whole(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply =
        web_ask(web, "GET /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", NULL);
    const char *body = strstr(reply.bytes.data, "\r\n\r\n") + 4;
    assert_int_equal(strspn(body, "x"), 1024 * 1024);
    web_reply_fini(&reply);
}

#define WHO(headers) "GET /who HTTP/1.1\r\n" headers "\r\n"

static void origins_and_hosts_are_told_apart(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    static const struct {
        const char *request;
        const char *answer;
    } cases[] = {
        {WHO(HOST), "foreign=0 local=1 loopback=1;"},
        {"GET /who HTTP/1.0\r\n\r\n", "foreign=0 local=1 loopback=1;"},
        {WHO("Host: localhost:9567\r\n"), "foreign=0 local=1"},
        {WHO("Host: [::1]:9567\r\n"), "foreign=0 local=1"},
        {WHO("Host: [::1\r\n"), "foreign=0 local=0"},
        {WHO("Host: 10.1.2.3\r\n"), "foreign=0 local=1"},
        {WHO("Host: 10.1.2.3.example.com\r\n"), "foreign=0 local=0"},
        {WHO("Host: evil.example:9567\r\n"), "foreign=0 local=0"},
        {WHO("Host: \r\n"), "foreign=0 local=0"},
        {WHO("Host: 127.0.0.1:80x\r\n"), "foreign=0 local=0"},
        {WHO("Host: 127.0.0.1@evil.example\r\n"), "foreign=0 local=0"},
        {WHO("Host: localhost.evil.example\r\n"), "foreign=0 local=0"},
        {WHO("Host: own.example\r\n"), "foreign=0 local=1"},
        {WHO("Host: OWN.example:8080\r\n"), "foreign=0 local=1"},
        {WHO("Host: port.example:81\r\n"), "foreign=0 local=1"},
        {WHO("Host: port.example:82\r\n"), "foreign=0 local=0"},
        {WHO("Host: port.example\r\n"), "foreign=0 local=0"},
        {WHO("Host: evil.own.example\r\n"), "foreign=0 local=0"},
        {WHO("Host: 1.2.3.4:1\r\nOrigin: http://1.2.3.4:1\r\n"), "foreign=0"},
        {WHO("Host: LOCALHOST:1\r\nOrigin: HTTPS://localhost:1\r\n"), "foreign=0"},
        {WHO("Host: [::1]:1\r\nOrigin: http://[::1]:1\r\n"), "foreign=0"},
        {WHO("Host: own.example:1\r\nOrigin: http://own.example:1\r\n"), "foreign=0"},
        {WHO("Host: 1.2.3.4:1\r\nOrigin: http://1.2.3.4:2\r\n"), "foreign=1"},
        {WHO("Host: 1.2.3.4:1\r\nOrigin: http://1.2.3.4\r\n"), "foreign=1"},
        {WHO("Host: 1.2.3.4:1\r\nOrigin: null\r\n"), "foreign=1"},
        {WHO("Host: 1.2.3.4:1\r\nOrigin:\r\n"), "foreign=1"},
        {WHO("Host: own.example\r\norigin: http://b:1\r\n"), "foreign=1"},
        {WHO(HOST "Sec-Fetch-Site: none\r\n"), "foreign=0"},
        {WHO(HOST "Sec-Fetch-Site: same-origin\r\n"), "foreign=0"},
        {WHO(HOST "Sec-Fetch-Site: same-site\r\n"), "foreign=1"},
        {WHO(HOST "Sec-Fetch-Site: cross-site\r\n"), "foreign=1"},
        /* A name that resolves to this machine. */
        {WHO("Host: evil.example\r\nOrigin: http://evil.example\r\n"), "foreign=1"},
        {WHO("Host: evil.example\r\nSec-Fetch-Site: same-origin\r\n"), "foreign=1"},
        {WHO("Host: evil.example\r\nsec-fetch-mode: cors\r\n"), "foreign=1"},
        {WHO("Host: port.example:82\r\nOrigin: http://port.example:82\r\n"), "foreign=1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        web_check(web, cases[i].request, cases[i].answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(web_server, a_body_is_echoed),
        unit_in(web_server, path_and_query),
        unit_in(web_server, head_has_no_body),
        unit_in(web_server, keep_alive),
        unit_in(web_server, pipelined_requests_are_answered_in_order),
        unit_in(web_server, a_request_may_come_bytewise),
        unit_in(web_server, chunked_bodies_are_joined),
        unit_in(web_server, continue_is_said_before_the_body),
        unit_in(web_server, too_big),
        unit_in(web_server, headers_too_big),
        unit_in(web_server, refusals_are_json),
        unit_in(web_server, a_large_answer_is_whole),
        unit_in(web_server, origins_and_hosts_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
