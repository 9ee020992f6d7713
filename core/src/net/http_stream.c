/* http_stream.c: an answer in pieces: the daemon asks for bytes where the socket takes them, and
 * its connection is suspended while there are none. */
#include "net/http_stream.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/limits.h"
#include "net/http_exchange.h"
#include "net/http_held.h"
#include "net/http_inside.h"

static void rest(dr_http_exchange *exchange)
{
    exchange->is_resting = true;
    MHD_suspend_connection(exchange->connection);
}

static void go_on(dr_http_exchange *exchange)
{
    if (exchange->is_resting) {
        exchange->is_resting = false;
        MHD_resume_connection(exchange->connection);
    }
    dr_http_wake(exchange->http);
}

static void say_room(dr_http_exchange *exchange)
{
    dr_http *http = exchange->http;
    if (exchange->wants_room && exchange->out.len < DR_HTTP_STREAM_PAUSE / 2 &&
        exchange->stage == DR_HTTP_OPEN) {
        exchange->wants_room = false;
        http->events.on_room(exchange, http->events.user);
    }
}

/* on_bytes gives the daemon what there is. */
static ssize_t on_bytes(void *user, uint64_t at, char *to, size_t max)
{
    dr_http_exchange *exchange = user;
    (void)at;
    say_room(exchange); /* before, so that what comes goes along */
    const size_t len = exchange->out.len < max ? exchange->out.len : max;
    if (len > 0) {
        memcpy(to, exchange->out.data, len);
        dr_buf_consume(&exchange->out, len);
        exchange->taken_ms = uv_now(exchange->http->sweep.loop);
        if (exchange->out.len == 0) {
            dr_buf_fini(&exchange->out);
        }
        dr_http_account(exchange);
        return (ssize_t)len;
    }
    if (exchange->stage != DR_HTTP_OPEN) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    rest(exchange);
    return 0;
}

/* bound_unsent has the kernel keep little that the client has no room for: by itself it takes some
 * megabytes, and as long as it takes them the handler runs ahead of who reads. What has left counts
 * no more, so a quick reader of a long line is none the slower. */
static void bound_unsent(const dr_http_exchange *exchange)
{
    const int most = DR_HTTP_STREAM_PAUSE;
    (void)setsockopt(exchange->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most));
}

bool dr_http_stream_begin(dr_http_exchange *exchange, const char *content_type,
                          const dr_http_extra *extra)
{
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, DR_HTTP_STREAM_PIECE, on_bytes, exchange, NULL);
    if (response == NULL) {
        return false;
    }
    bound_unsent(exchange);
    exchange->is_stream = true;
    exchange->taken_ms = uv_now(exchange->http->sweep.loop);
    if (exchange->http->streams++ == 0) {
        dr_http_sweep_often(exchange->http, true);
    }
    dr_http_answer_stream(exchange, content_type, response, extra);
    return true;
}

bool dr_http_stream_put(dr_http_exchange *exchange, dora_slice bytes)
{
    if (!dr_http_may_have(exchange, bytes.len) ||
        dr_buf_append_slice(&exchange->out, bytes) != DORA_OK) {
        dr_http_drop(exchange);
        return false;
    }
    dr_http_account(exchange);
    go_on(exchange);
    return true;
}

void dr_http_stream_end(dr_http_exchange *exchange)
{
    dr_http_move(exchange, DR_HTTP_BUSY);
    go_on(exchange);
}

bool dr_http_stream_is_full(dr_http_exchange *exchange)
{
    exchange->wants_room = exchange->out.len >= DR_HTTP_STREAM_PAUSE;
    return exchange->wants_room;
}

bool dr_http_stream_is_stuck(const dr_http_exchange *exchange, uint64_t now_ms)
{
    const uint32_t most_ms = exchange->http->options.slow_ms;
    return exchange->is_stream && exchange->out.len > 0 && most_ms != 0 &&
           now_ms - exchange->taken_ms >= most_ms && !dr_http_is_taken(exchange, most_ms);
}

void dr_http_stream_forget(dr_http_exchange *exchange)
{
    dr_buf_fini(&exchange->out);
    if (exchange->is_stream && --exchange->http->streams == 0) {
        dr_http_sweep_often(exchange->http, false);
    }
    exchange->is_stream = exchange->is_resting = exchange->wants_room = false;
}
