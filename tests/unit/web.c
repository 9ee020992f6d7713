/* web.c: an HTTP listener on a loop of the test's own thread, and plain sockets to talk to it.
 */
#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_exchange.h"
#include "net/http_form.h"
#include "net/http_origin.h"
#include "net/http_refuse.h"
#include "net/listener.h"
#include "unit.h"

#define PATIENCE_MS 10000u
#define LARGE_BYTES (1024u * 1024)

typedef struct later {
    uv_timer_t timer;
    dr_http_exchange *exchange;
} later;

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_later(uv_timer_t *timer)
{
    later *late = timer->data;
    if (late->exchange != NULL) {
        dr_http_set_user(late->exchange, NULL);
        dr_http_answer(late->exchange, 200, "text/plain", text_slice("later"), NULL);
    }
    uv_close((uv_handle_t *)timer, on_closed);
}

static void answer_later(web_server *web, dr_http_exchange *exchange)
{
    later *late = calloc(1, sizeof(*late));
    assert_non_null(late);
    uv_timer_init(&web->loop, &late->timer);
    late->timer.data = late;
    late->exchange = exchange;
    dr_http_set_user(exchange, late);
    uv_timer_start(&late->timer, on_later, 20, 0);
}

static void answer_form(dr_http_exchange *exchange)
{
    dora_error error = {.msg = "out of memory"};
    dr_buf body = {0};
    dr_http_field fields[] = {{"a", {0}, false}, {"b", {0}, false}};
    dora_err err = dr_http_form_read(exchange, fields, 2, &error);
    for (size_t i = 0; i < 2 && err == DORA_OK; i++) {
        const dora_slice parts[] = {text_slice(fields[i].name),
                                    text_slice(fields[i].is_given ? "=" : "?"),
                                    dr_buf_slice(&fields[i].value), text_slice(";")};
        for (size_t k = 0; k < 4 && err == DORA_OK; k++) {
            err = dr_buf_append_slice(&body, parts[k]);
        }
    }
    if (err == DORA_OK) {
        dr_http_answer_buf(exchange, 200, "text/plain", &body, NULL);
    } else {
        dr_http_refuse(exchange, err == DORA_ETYPE ? 415 : 400, error.msg, NULL);
    }
    dr_buf_fini(&body);
    dr_buf_fini(&fields[0].value);
    dr_buf_fini(&fields[1].value);
}

static void answer_who(dr_http_exchange *exchange)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "foreign=%d local=%d loopback=%d;",
                   dr_http_is_foreign(exchange), dr_http_host_is_own(exchange),
                   dr_http_peer(exchange) == DR_PEER_LOOPBACK);
    dr_http_answer(exchange, 200, NULL, text_slice(text), NULL);
}

static void answer_large(dr_http_exchange *exchange)
{
    dr_buf body = {0};
    assert_int_equal(dr_buf_reserve(&body, LARGE_BYTES), DORA_OK);
    memset(body.data, 'x', LARGE_BYTES);
    body.len = LARGE_BYTES;
    dr_http_answer_buf(exchange, 200, "text/plain", &body, NULL);
    assert_int_equal(body.cap, 0);
}

static void on_request(dr_http_exchange *exchange, void *user)
{
    web_server *web = user;
    const dora_slice path = dr_http_path(exchange);
    const char *name = path.data;
    const dr_http_extra extra[] = {
        {"X-Method", dr_http_method(exchange)}, {"X-Broken", "a\r\nb"}, {NULL, NULL}};
    web->requests++;
    if (strcmp(name, "/later") == 0) {
        answer_later(web, exchange);
    } else if (strcmp(name, "/hold") == 0) {
        assert_true(web->held_count < WEB_HELD_MAX);
        web->held[web->held_count++] = exchange;
    } else if (strcmp(name, "/form") == 0) {
        answer_form(exchange);
    } else if (strcmp(name, "/who") == 0) {
        answer_who(exchange);
    } else if (strcmp(name, "/query") == 0) {
        const dora_slice q = dr_http_query(exchange, "q");
        dr_http_answer(exchange, q.data == NULL ? 404 : 200, NULL, q, NULL);
    } else if (strcmp(name, "/large") == 0) {
        answer_large(exchange);
    } else if (strcmp(name, "/bad") == 0) {
        dr_http_refuse(exchange, 422, "a \"quote\" and \xff", "params.guid");
    } else if (strcmp(name, "/end") == 0) {
        dr_http_end(&web->http);
    } else if (strcmp(name, "/echo") == 0) {
        dr_http_answer(exchange, 200, "text/plain", dr_http_body(exchange), extra);
    } else {
        dr_http_answer(exchange, 404, "text/plain", path, NULL);
    }
}

static void on_gone(dr_http_exchange *exchange, void *user)
{
    web_server *web = user;
    later *late = dr_http_user(exchange);
    if (late != NULL) {
        late->exchange = NULL;
    }
    for (uint32_t i = 0; i < web->held_count; i++) {
        if (web->held[i] == exchange) {
            web->held[i] = NULL;
        }
    }
    web->gone++;
}

void web_start(web_server *web, const dr_http_options *options)
{
    int fd;
    dora_error error;
    const dr_http_events events = {.on_request = on_request, .on_gone = on_gone, .user = web};
    memset(web, 0, sizeof(*web));
    web->has_loop = uv_loop_init(&web->loop) == 0;
    assert_true(web->has_loop);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &web->files), 0);
    if (dr_listener_open("127.0.0.1", &web->port, 4096, &fd, 1, &error) != DORA_OK ||
        dr_http_init(&web->http, &web->loop, fd, options, &events, &error) != DORA_OK) {
        fail_msg("%s", error.msg);
    }
    web->is_running = true;
}

void web_stop(web_server *web)
{
    int closed = 0;
    if (web->has_loop) {
        (void)setrlimit(RLIMIT_NOFILE, &web->files);
    }
    for (size_t i = 0; i < WEB_FDS_MAX; i++) {
        unit_close(&web->fds[i]);
    }
    if (web->is_running) {
        dr_http_end(&web->http);
    }
    if (web->has_loop) {
        (void)uv_run(&web->loop, UV_RUN_DEFAULT);
    }
    if (web->is_running) {
        dr_http_fini(&web->http);
    }
    if (web->has_loop) {
        closed = uv_loop_close(&web->loop);
    }
    if (web->child > 0) {
        (void)kill(web->child, SIGKILL);
        (void)unit_wait(web->child);
    }
    unit_folder_remove(&web->folder);
    memset(web, 0, sizeof(*web));
    assert_int_equal(closed, 0);
}

static void on_pause(uv_timer_t *timer)
{
    (void)timer;
}

void web_turn(web_server *web)
{
    uv_timer_t pause;
    uv_timer_init(&web->loop, &pause);
    uv_timer_start(&pause, on_pause, 5, 0);
    (void)uv_run(&web->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&pause, NULL);
    (void)uv_run(&web->loop, UV_RUN_NOWAIT);
}

void web_run(web_server *web, const uint32_t *count, uint32_t value)
{
    const uint64_t until_ms = dr_clock_ms() + PATIENCE_MS;
    while (*count != value) {
        if (dr_clock_ms() > until_ms) {
            fail_msg("waited for %u, it is %u", value, *count);
        }
        web_turn(web);
    }
}

int web_connect(web_server *web)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(web->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_in_range(fd, 1, WEB_FDS_MAX - 1);
    web->fds[fd] = fd;
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void web_close(web_server *web, int fd)
{
    web->fds[fd] = 0;
    close(fd);
}

void web_send_bytes(web_server *web, int fd, const char *data, size_t len)
{
    const uint64_t until_ms = dr_clock_ms() + PATIENCE_MS;
    while (len > 0) {
        assert_true(dr_clock_ms() < until_ms);
        const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        } else {
            assert_int_equal(errno, EAGAIN);
            web_turn(web);
        }
    }
}

void web_send(int fd, const char *text)
{
    const size_t len = strlen(text);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

void web_read(web_server *web, int fd, web_reply *reply, const char *text)
{
    const uint64_t until_ms = dr_clock_ms() + PATIENCE_MS;
    char piece[65536];
    while (!reply->is_closed &&
           (text == NULL || reply->bytes.len == 0 || strstr(reply->bytes.data, text) == NULL)) {
        if (dr_clock_ms() > until_ms) {
            fail_msg("waited for \"%s\", got \"%s\"", text == NULL ? "the end" : text,
                     reply->bytes.len == 0 ? "" : reply->bytes.data);
        }
        const ssize_t got = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) {
            web_turn(web);
            continue;
        }
        assert_true(got >= 0); /* never a reset */
        reply->is_closed = got == 0;
        assert_int_equal(dr_buf_append(&reply->bytes, piece, (size_t)got), DORA_OK);
        assert_int_equal(dr_buf_append(&reply->bytes, "", 1), DORA_OK);
        reply->bytes.len--;
    }
    if (text != NULL && reply->is_closed &&
        (reply->bytes.len == 0 || strstr(reply->bytes.data, text) == NULL)) {
        fail_msg("no \"%s\" before the end of \"%s\"", text,
                 reply->bytes.len == 0 ? "" : reply->bytes.data);
    }
}

void web_reply_fini(web_reply *reply)
{
    dr_buf_fini(&reply->bytes);
    reply->is_closed = false;
}

web_reply web_ask(web_server *web, const char *request, const char *text)
{
    web_reply reply = {0};
    const int fd = web_connect(web);
    web_send(fd, request);
    web_read(web, fd, &reply, text);
    web_close(web, fd);
    return reply;
}

void web_assert_has(const web_reply *reply, const char *text)
{
    if (reply->bytes.len == 0 || strstr(reply->bytes.data, text) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", text, reply->bytes.len == 0 ? "" : reply->bytes.data);
    }
}

void web_assert_has_not(const web_reply *reply, const char *text)
{
    assert_null(strstr(reply->bytes.data, text));
}

void web_check(web_server *web, const char *request, const char *text)
{
    web_reply reply = web_ask(web, request, text);
    web_reply_fini(&reply);
}
