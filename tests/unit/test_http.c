/* test_http.c: HTTP on a loop: requests, answers, limits, deadlines, ends. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "web.h"

#define HOST "Host: 127.0.0.1\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static const dr_http_options USUAL = {.body_bytes_max = 1000};

static int begin(void **state)
{
    *state = calloc(1, sizeof(web_server));
    web_start(*state, &USUAL);
    return 0;
}

static int end(void **state)
{
    web_stop(*state);
    free(*state);
    return 0;
}

static void assert_has(const web_reply *reply, const char *text)
{
    if (reply->bytes.len == 0 || strstr(reply->bytes.data, text) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", text, reply->bytes.len == 0 ? "" : reply->bytes.data);
    }
}

static void assert_has_not(const web_reply *reply, const char *text)
{
    assert_null(strstr(reply->bytes.data, text));
}

/* Sends one request, reads until `text`. */
static void check(web_server *web, const char *request, const char *text)
{
    web_reply reply = web_ask(web, request, text);
    web_reply_fini(&reply);
}

static uint32_t count_of(const web_reply *reply, const char *text)
{
    uint32_t count = 0;
    for (const char *at = reply->bytes.data; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void test_echo(void **state)
{
    web_server *web = *state;
    web_reply reply = web_ask(web,
                              "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                              "Connection: close\r\n\r\nhello",
                              NULL);
    assert_has(&reply, "HTTP/1.1 200 OK\r\n");
    assert_has(&reply, "Content-Type: text/plain\r\n");
    assert_has(&reply, "Content-Length: 5\r\n");
    assert_has(&reply, "X-Method: POST\r\n");
    assert_has_not(&reply, "X-Broken");
    assert_has(&reply, "\r\n\r\nhello");
    web_reply_fini(&reply);
    assert_true(dr_http_is_quiet(&web->http));
    assert_int_equal(web->gone, 0);
}

static void test_path_and_query(void **state)
{
    web_server *web = *state;
    check(web, GET("/call/%2Fuser%20get+x?a=1"), "\r\n\r\n/call//user get+x");
    check(web, GET("/query?a=1&q=b+c%26d"), "\r\n\r\nb c&d");
    check(web, GET("/query?q"), "HTTP/1.1 200");
    check(web, GET("/query?qq=1"), "HTTP/1.1 404");
    check(web, GET("/call/a%00b"), "HTTP/1.1 400");
    check(web, GET("/query?q=%00"), "HTTP/1.1 200");
    check(web, "GET /echo HTTP/1.1\r\n\r\n", "HTTP/1.1 400"); /* no Host */
    check(web, "GET\r\n\r\n", NULL);
    check(web, "GET  \r\n\r\n", NULL);
}

static void test_head(void **state)
{
    web_reply reply =
        web_ask(*state, "HEAD /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", NULL);
    assert_has(&reply, "HTTP/1.1 200");
    assert_has(&reply, "Content-Length: 1048576\r\n");
    assert_has_not(&reply, "xx");
    web_reply_fini(&reply);
}

static void test_keep_alive(void **state)
{
    web_server *web = *state;
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
    assert_has(&reply, " 200 OK");
    web_reply_fini(&reply);
    close(fd);
}

static void test_pipelined(void **state)
{
    web_server *web = *state;
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd, GET("/later") GET("/query?q=one") GET("/later") GET("/query?q=two"));
    web_send(fd, "GET /query?q=last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    web_read(web, fd, &reply, NULL);
    assert_int_equal(count_of(&reply, "HTTP/1.1 200"), 5);
    const char *one = strstr(reply.bytes.data, "\r\n\r\none");
    const char *two = strstr(reply.bytes.data, "\r\n\r\ntwo");
    assert_true(one != NULL && two != NULL && one < two);
    assert_has(&reply, "\r\n\r\nlast");
    web_reply_fini(&reply);
    close(fd);
}

static void test_bytewise(void **state)
{
    web_server *web = *state;
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
    close(fd);
}

static void test_chunked(void **state)
{
    web_server *web = *state;
    check(web,
          "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
          "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
          "\r\n\r\nhello");
    check(web, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\nabc", "HTTP/1.1 501");
    check(web,
          "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
          "0\r\n\r\n",
          "HTTP/1.1 400");
    check(web, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
          "HTTP/1.1 400");
}

static void test_continue(void **state)
{
    web_server *web = *state;
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd,
             "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    web_read(web, fd, &reply, "HTTP/1.1 100 Continue\r\n\r\n");
    web_send(fd, "hello");
    web_read(web, fd, &reply, "\r\n\r\nhello");
    web_reply_fini(&reply);
    close(fd);
    check(web,
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
        assert_has(&reply, "Content-Type: application/json\r\n");
        assert_has(&reply, "Connection: close\r\n");
        assert_has(&reply, "{\"error\":{\"status\":413,\"message\":\"");
    }
    web_reply_fini(&reply);
    free(body);
    close(fd);
}

static void test_too_big(void **state)
{
    web_server *web = *state;
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        check_body(web, 1000, is_chunked, "HTTP/1.1 200");
        check_body(web, 1001, is_chunked, "HTTP/1.1 413");
        /* More than the sockets hold: the client reads the answer, not a reset. */
        check_body(web, 9u << 20, is_chunked, "HTTP/1.1 413");
    }
    assert_int_equal(web->requests, 2);
    check(web, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
          "HTTP/1.1 413");
    /* Announced only: refused before anything of it has come. */
    check(web, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n",
          "HTTP/1.1 413");
    check(web, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "HTTP/1.1 400");
}

static void test_headers_too_big(void **state)
{
    web_server *web = *state;
    web_reply reply = {0};
    char line[1100];
    const int fd = web_connect(web);
    (void)snprintf(line, sizeof(line), "X-Long: %01000d\r\n", 1);
    web_send(fd, "GET /echo HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 9; i++) {
        web_send(fd, line);
    }
    web_read(web, fd, &reply, "HTTP/1.1 431");
    web_reply_fini(&reply);
    close(fd);
}

static void test_refuse(void **state)
{
    web_reply reply = web_ask(*state, GET("/bad"), "}}");
    assert_has(&reply, "HTTP/1.1 422");
    assert_has(&reply, "{\"error\":{\"status\":422,\"message\":\"a \\\"quote\\\" and ?\","
                       "\"field\":\"params.guid\"}}");
    web_reply_fini(&reply);
}

static void test_large(void **state)
{
    web_reply reply =
        web_ask(*state, "GET /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", NULL);
    const char *body = strstr(reply.bytes.data, "\r\n\r\n") + 4;
    assert_int_equal(strspn(body, "x"), 1024 * 1024);
    web_reply_fini(&reply);
}

#define WHO(headers) "GET /who HTTP/1.1\r\n" headers "\r\n"

static void test_who(void **state)
{
    web_server *web = *state;
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
        {WHO("Host: a:1\r\nOrigin: http://a:1\r\n"), "foreign=0"},
        {WHO("Host: a:1\r\nOrigin: HTTPS://A:1\r\n"), "foreign=0"},
        {WHO("Host: a:1\r\nOrigin: http://a:2\r\n"), "foreign=1"},
        {WHO("Host: a:1\r\nOrigin: http://a\r\n"), "foreign=1"},
        {WHO("Host: a:1\r\nOrigin: null\r\n"), "foreign=1"},
        {WHO("Host: a:1\r\norigin: http://b:1\r\n"), "foreign=1"},
        {WHO("Host: a\r\nSec-Fetch-Site: none\r\n"), "foreign=0"},
        {WHO("Host: a\r\nSec-Fetch-Site: same-origin\r\n"), "foreign=0"},
        {WHO("Host: a\r\nSec-Fetch-Site: same-site\r\n"), "foreign=1"},
        {WHO("Host: a\r\nSec-Fetch-Site: cross-site\r\n"), "foreign=1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(web, cases[i].request, cases[i].answer);
    }
}

static void test_client_gone(void **state)
{
    web_server *web = *state;
    web_reply reply = {0};
    const int leaves = web_connect(web);
    const int halves = web_connect(web);
    const int stays = web_connect(web);
    web_send(leaves, GET("/hold"));
    web_run(web, &web->held_count, 1);
    web_send(halves, GET("/hold"));
    web_run(web, &web->held_count, 2);
    web_send(stays, GET("/hold"));
    web_run(web, &web->held_count, 3);
    close(leaves);
    web_run(web, &web->gone, 1);
    assert_null(web->held[0]);
    assert_int_equal(shutdown(halves, SHUT_WR), 0); /* an end of stream counts as gone */
    web_run(web, &web->gone, 2);
    assert_null(web->held[1]);
    assert_false(dr_http_is_quiet(&web->http));
    dr_http_answer(web->held[2], 200, NULL, text_slice("done"), NULL);
    dr_http_flush(&web->http);
    web_read(web, stays, &reply, "\r\n\r\ndone");
    web_reply_fini(&reply);
    web_run(web, &web->http.connections, 1);
    assert_true(dr_http_is_quiet(&web->http));
    close(halves);
    close(stays);
}

static void test_gone_in_body(void **state)
{
    web_server *web = *state;
    const int fd = web_connect(web);
    web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 500\r\n\r\nabc");
    web_run(web, &web->http.requests, 1);
    close(fd);
    web_run(web, &web->http.connections, 0);
    assert_int_equal(web->http.requests, 0);
    assert_int_equal(web->requests + web->gone, 0);
}

/* A loop with `options` of its own instead of the usual ones. */
static web_server *restart(void **state, const dr_http_options *options)
{
    web_stop(*state);
    web_start(*state, options);
    return *state;
}

/* What a slow client sends, and then sends no more; each is ended without an answer. */
static void test_slow(void **state)
{
    web_server *web = restart(state, &(dr_http_options){.body_bytes_max = 1000, .slow_ms = 300});
    static const char *const parts[] = {
        "", "GET /ec", "GET /echo HTTP/1.1\r\nHos",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"};
    enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
    int fds[PARTS];
    web_reply reply = {0};
    for (int i = 0; i < PARTS; i++) {
        fds[i] = web_connect(web);
        web_send(fds[i], parts[i]);
    }
    for (int i = 0; i < PARTS; i++) {
        web_read(web, fds[i], &reply, NULL);
        assert_int_equal(reply.bytes.len, 0);
        web_reply_fini(&reply);
        close(fds[i]);
    }
    assert_int_equal(web->requests, 0);
    /* A held request is not the client's fault. */
    const int fd = web_connect(web);
    web_send(fd, GET("/hold"));
    web_run(web, &web->requests, 1);
    check(web, "", NULL);
    assert_int_equal(web->gone, 0);
    close(fd);
}

/* Bytes that keep dribbling in do not put the end off. */
static void test_dribble(void **state)
{
    web_server *web = restart(state, &(dr_http_options){.body_bytes_max = 1 << 20, .slow_ms = 300});
    const uint64_t began_ms = dr_clock_ms();
    const int fd = web_connect(web);
    char away[16];
    web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
    while (send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 &&
           recv(fd, away, sizeof(away), MSG_DONTWAIT) != 0) {
        web_turn(web);
        assert_true(dr_clock_ms() - began_ms < 3000);
    }
    assert_int_equal(web->requests, 0);
    close(fd);
}

static void test_slow_reader(void **state)
{
    web_server *web = restart(state, &(dr_http_options){.body_bytes_max = 1000, .slow_ms = 300});
    const int small = 4096;
    const int fd = web_connect(web);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    for (int i = 0; i < 8; i++) { /* more than the server's socket takes */
        web_send(fd, GET("/large"));
    }
    web_run(web, &web->http.connections, 1);
    web_run(web, &web->http.connections, 0);
    assert_true(dr_http_is_quiet(&web->http));
    close(fd);
}

static void test_idle(void **state)
{
    web_server *web = restart(state, &(dr_http_options){.body_bytes_max = 1000, .idle_ms = 300});
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd, GET("/echo"));
    const uint64_t began_ms = dr_clock_ms();
    web_read(web, fd, &reply, NULL);
    assert_true(dr_clock_ms() - began_ms >= 290);
    assert_has(&reply, "HTTP/1.1 200");
    web_reply_fini(&reply);
    close(fd);
}

static void test_stop_accepting(void **state)
{
    web_server *web = *state;
    web_reply reply = {0};
    const int idle = web_connect(web);
    const int busy = web_connect(web);
    web_send(idle, GET("/echo"));
    web_read(web, idle, &reply, "\r\n\r\n");
    web_reply_fini(&reply);
    web_send(busy, GET("/hold"));
    web_run(web, &web->held_count, 1);
    dr_http_stop_accepting(&web->http);
    dr_http_stop_accepting(&web->http);
    web_read(web, idle, &reply, NULL);
    assert_int_equal(reply.bytes.len, 0);
    web_reply_fini(&reply);
    dr_http_answer(web->held[0], 200, NULL, text_slice("done"), NULL);
    web_read(web, busy, &reply, NULL);
    assert_has(&reply, "Connection: close\r\n");
    assert_has(&reply, "\r\n\r\ndone");
    web_reply_fini(&reply);
    close(idle);
    close(busy);
}

static void test_end_with_open(void **state)
{
    web_server *web = *state;
    int fds[4];
    for (uint32_t i = 0; i < 3; i++) {
        fds[i] = web_connect(web);
        web_send(fds[i], GET("/hold"));
        web_run(web, &web->held_count, i + 1);
    }
    fds[3] = web_connect(web);
    web_send(fds[3], GET("/later"));
    web_run(web, &web->requests, 4);
    dr_http_answer(web->held[1], 200, NULL, text_slice("in time"), NULL);
    dr_http_end(&web->http);
    dr_http_end(&web->http);
    assert_int_equal(web->gone, 3);
    web_reply reply = {0};
    web_read(web, fds[1], &reply, "\r\n\r\nin time");
    web_reply_fini(&reply);
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
}

static void test_end_in_callback(void **state)
{
    web_server *web = *state;
    const int fd = web_connect(web);
    web_send(fd, GET("/hold") GET("/echo"));
    web_run(web, &web->held_count, 1);
    check(web, GET("/end"), NULL);
    assert_null(web->http.daemon);
    assert_int_equal(web->gone, 2);
    close(fd);
}

/* Each of many idle connections still answers, and a full house makes room. */
static void test_many(void **state)
{
    enum { MANY = 1000 };
    web_server *web =
        restart(state, &(dr_http_options){.body_bytes_max = 10, .connections_max = MANY});
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    int fds[MANY];
    web_reply reply = {0};
    for (int i = 0; i < MANY; i++) {
        fds[i] = web_connect(web);
        web_send(fds[i], GET("/echo"));
        web_read(web, fds[i], &reply, "\r\n\r\n");
        web_reply_fini(&reply);
    }
    assert_int_equal(web->http.connections, MANY);
    for (int i = MANY - 1; i >= 0; i--) {
        web_send(fds[i], i % 3 == 0 ? GET("/later") : GET("/echo"));
    }
    for (int i = 0; i < MANY; i++) {
        web_read(web, fds[i], &reply, i % 3 == 0 ? "\r\n\r\nlater" : "\r\n\r\n");
        web_reply_fini(&reply);
    }
    check(web, GET("/query?q=room"), "\r\n\r\nroom");
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    web_run(web, &web->http.connections, 0);
}

/* Without descriptors the loop sleeps, and serves when there are some again. */
static void test_no_descriptors(void **state)
{
    web_server *web = *state;
    struct rlimit before;
    const int fd = web_connect(web);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {3, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct rusage begin_usage;
    struct rusage end_usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &begin_usage), 0);
    const uint64_t until_ms = dr_clock_ms() + 400;
    while (dr_clock_ms() < until_ms) {
        web_turn(web);
    }
    assert_int_equal(getrusage(RUSAGE_SELF, &end_usage), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(web->http.accepted, 0);
    /* Each turn of a busy loop would wait for nothing. */
    assert_true(end_usage.ru_nvcsw - begin_usage.ru_nvcsw >= 20);
    web_reply reply = {0};
    web_send(fd, GET("/query?q=again"));
    web_read(web, fd, &reply, "\r\n\r\nagain");
    web_reply_fini(&reply);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_echo),          TEST(test_path_and_query),
        TEST(test_head),          TEST(test_keep_alive),
        TEST(test_pipelined),     TEST(test_bytewise),
        TEST(test_chunked),       TEST(test_continue),
        TEST(test_too_big),       TEST(test_headers_too_big),
        TEST(test_refuse),        TEST(test_large),
        TEST(test_who),           TEST(test_client_gone),
        TEST(test_gone_in_body),  TEST(test_slow),
        TEST(test_dribble),       TEST(test_slow_reader),
        TEST(test_idle),          TEST(test_stop_accepting),
        TEST(test_end_with_open), TEST(test_end_in_callback),
        TEST(test_many),          TEST(test_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
