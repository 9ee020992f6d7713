/* test_http_life.c: HTTP connections that stay, leave, dribble, or find no room. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_exchange.h"
#include "web.h"

static const dr_http_options USUAL = {.body_bytes_max = 1000};

static void client_gone(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
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
    web_close(web, leaves);
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
    web_close(web, halves);
    web_close(web, stays);
}

static void gone_in_body(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    const int fd = web_connect(web);
    web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 500\r\n\r\nabc");
    web_run(web, &web->http.requests, 1);
    web_close(web, fd);
    web_run(web, &web->http.connections, 0);
    assert_int_equal(web->http.requests, 0);
    assert_int_equal(web->requests + web->gone, 0);
}

/* A loop with `options` of its own instead of the usual ones. */
/* What a slow client sends, and then sends no more; each is ended without an answer. */
static void slow_requests_are_ended(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 1000, .slow_ms = 300});
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
        web_close(web, fds[i]);
    }
    assert_int_equal(web->requests, 0);
    /* A held request is not the client's fault. */
    const int fd = web_connect(web);
    web_send(fd, GET("/hold"));
    web_run(web, &web->requests, 1);
    web_check(web, "", NULL);
    assert_int_equal(web->gone, 0);
    web_close(web, fd);
}

/* Bytes that keep dribbling in do not put the end off. */
static void dribbled_requests_are_ended(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 1 << 20, .slow_ms = 300});
    const uint64_t began_ms = dr_clock_ms();
    const int fd = web_connect(web);
    char away[16];
    web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
    while (send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 &&
           recv(fd, away, sizeof(away), MSG_DONTWAIT) != 0) {
        web_turn(web);
        assert_true(dr_clock_ms() - began_ms < 60000);
    }
    assert_int_equal(web->requests, 0);
    web_close(web, fd);
}

static void slow_reader(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 1000, .slow_ms = 300});
    const int small = 4096;
    const int fd = web_connect(web);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    for (int i = 0; i < 8; i++) { /* more than the server's socket takes */
        web_send(fd, GET("/large"));
    }
    web_run(web, &web->http.connections, 1);
    web_run(web, &web->http.connections, 0);
    assert_true(dr_http_is_quiet(&web->http));
    web_close(web, fd);
}

static void idle_connections_are_ended(void **state)
{
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 1000, .idle_ms = 300});
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd, GET("/echo"));
    const uint64_t began_ms = dr_clock_ms();
    web_read(web, fd, &reply, NULL);
    assert_true(dr_clock_ms() - began_ms >= 290);
    web_assert_has(&reply, "HTTP/1.1 200");
    web_reply_fini(&reply);
    web_close(web, fd);
}

static void stop_accepting(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = {0};
    const int idle = web_connect(web);
    const int busy = web_connect(web);
    const int early = web_connect(web);
    web_send(idle, GET("/echo"));
    web_read(web, idle, &reply, "\r\n\r\n");
    web_reply_fini(&reply);
    web_send(busy, GET("/hold"));
    web_run(web, &web->held_count, 1);
    web_send(early, GET("/hold"));
    web_run(web, &web->held_count, 2);
    dr_http_answer(web->held[1], 200, NULL, text_slice("early"), NULL);
    dr_http_stop_accepting(&web->http);
    dr_http_stop_accepting(&web->http);
    web_read(web, idle, &reply, NULL);
    assert_int_equal(reply.bytes.len, 0);
    web_reply_fini(&reply);
    dr_http_answer(web->held[0], 200, NULL, text_slice("done"), NULL);
    web_read(web, busy, &reply, NULL);
    web_assert_has(&reply, "Connection: close\r\n");
    web_assert_has(&reply, "\r\n\r\ndone");
    web_reply_fini(&reply);
    web_read(web, early, &reply, NULL);
    web_assert_has(&reply, "\r\n\r\nearly");
    web_reply_fini(&reply);
    web_close(web, early);
    web_close(web, idle);
    web_close(web, busy);
}

static void end_with_open(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
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
        web_close(web, fds[i]);
    }
}

static void end_in_callback(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    const int fd = web_connect(web);
    web_send(fd, GET("/hold") GET("/echo"));
    web_run(web, &web->held_count, 1);
    web_check(web, GET("/end"), NULL);
    assert_null(web->http.daemon);
    assert_int_equal(web->gone, 2);
    web_close(web, fd);
}

/* Each of many idle connections still answers, and a full house makes room. */
static void many_connections_are_bounded(void **state)
{
    enum { MANY = 1000 };
    web_server *web = *state;
    web_start(web, &(dr_http_options){.body_bytes_max = 10, .connections_max = MANY});
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
    web_check(web, GET("/query?q=room"), "\r\n\r\nroom");
    for (int i = 0; i < MANY; i++) {
        web_close(web, fds[i]);
    }
    web_run(web, &web->http.connections, 0);
}

/* Without descriptors the loop sleeps, and serves when there are some again. */
static void no_descriptors(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
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
    web_close(web, fd);
}

/* Out of descriptors, the connection that has idled longest lets another one in. */
static void makes_room(void **state)
{
    web_server *web = *state;
    web_start(web, &USUAL);
    web_reply reply = {0};
    struct rlimit before;
    const int idle = web_connect(web);
    web_send(idle, GET("/echo"));
    web_read(web, idle, &reply, "\r\n\r\n");
    web_reply_fini(&reply);
    const int waits = web_connect(web);
    const int next = dup(waits); /* all below it are in use */
    web_close(web, next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit full = {(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    web_send(waits, GET("/query?q=room"));
    web_read(web, idle, &reply, NULL);
    assert_int_equal(reply.bytes.len, 0);
    web_reply_fini(&reply);
    web_read(web, waits, &reply, "\r\n\r\nroom");
    web_reply_fini(&reply);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    web_close(web, idle);
    web_close(web, waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(web_server, client_gone),
        unit_in(web_server, gone_in_body),
        unit_in(web_server, slow_requests_are_ended),
        unit_in(web_server, dribbled_requests_are_ended),
        unit_in(web_server, slow_reader),
        unit_in(web_server, idle_connections_are_ended),
        unit_in(web_server, stop_accepting),
        unit_in(web_server, end_with_open),
        unit_in(web_server, end_in_callback),
        unit_in(web_server, many_connections_are_bounded),
        unit_in(web_server, no_descriptors),
        unit_in(web_server, makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
