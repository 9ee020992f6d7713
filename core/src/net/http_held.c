/* http_held.c: what connections of HTTP have us hold: what libmicrohttpd needs for each, bodies,
 * answers, and what their owner holds for them. */
#include "net/http_held.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

#include "base/limits.h"
#include "net/http_exchange.h"
#include "net/http_inside.h"

static dr_http_exchange *exchange_of(const dr_held *held)
{
    return (dr_http_exchange *)((uintptr_t)held - offsetof(dr_http_exchange, held));
}

static int fd_of(const dr_held *held)
{
    return exchange_of(held)->fd;
}

static void end(dr_held *held)
{
    dr_http_exchange *exchange = exchange_of(held);
    if (exchange->stage == DR_HTTP_OPEN) {
        dr_http_drop(exchange);
    } else if (exchange->stage != DR_HTTP_ENDED) {
        dr_http_shut(exchange);
    }
}

void dr_http_count_in(dr_http_exchange *exchange)
{
    exchange->held = (dr_held){.seat = exchange->http->options.seat, .end = end, .fd = fd_of};
    dr_held_set(&exchange->held, DR_HTTP_CONN_BYTES);
}

void dr_http_count_out(dr_http_exchange *exchange)
{
    dr_held_set(&exchange->held, 0);
}

void dr_http_account(dr_http_exchange *exchange)
{
    const size_t bytes = DR_HTTP_CONN_BYTES + exchange->body.cap + exchange->out.cap +
                         exchange->answered + exchange->apart;
    atomic_store_explicit(&exchange->held.still_ms, 0, memory_order_relaxed);
    dr_held_set(&exchange->held, exchange->stage == DR_HTTP_ENDED ? 0 : bytes);
}

bool dr_http_may_have(dr_http_exchange *exchange, size_t more)
{
    const bool may_have = dr_held_may_have(&exchange->held, more);
    if (!may_have) {
        dr_held_set(&exchange->held, 0); /* it is closed, and not chosen again meanwhile */
    }
    return may_have;
}

bool dr_http_hold(dr_http_exchange *exchange, size_t bytes)
{
    if (!dr_held_has_room(&exchange->held, bytes)) {
        return false;
    }
    exchange->apart += bytes;
    dr_http_account(exchange);
    return true;
}

void dr_http_let_go(dr_http_exchange *exchange, size_t bytes)
{
    exchange->apart -= bytes;
    dr_http_account(exchange);
}

bool dr_http_is_taken(const dr_http_exchange *exchange, uint32_t within_ms)
{
    struct tcp_info info = {.tcpi_last_data_sent = 0};
    socklen_t len = sizeof(info);
    (void)getsockopt(exchange->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info.tcpi_last_data_sent < within_ms;
}

/* has_moved: a body comes in, or an answer goes out. Of a head nothing is known but its age. */
static bool has_moved(dr_http_exchange *exchange, uint32_t within_ms)
{
    const size_t came = exchange->body.len;
    const bool has_come = came != exchange->came;
    exchange->came = came;
    return has_come || (exchange->answered > 0 && dr_http_is_taken(exchange, within_ms));
}

void dr_http_look(dr_http *http, uint32_t passed_ms)
{
    http->looked_ms += passed_ms;
    if (http->options.seat == NULL || http->looked_ms < DR_STALL_LOOK_MS) {
        return;
    }
    for (dr_http_exchange *each = http->stages[DR_HTTP_BUSY].first; each != NULL;
         each = each->next) {
        const uint32_t before = atomic_load_explicit(&each->held.still_ms, memory_order_relaxed);
        const uint32_t still_ms = has_moved(each, http->looked_ms) ? 0 : before + http->looked_ms;
        atomic_store_explicit(&each->held.still_ms, still_ms, memory_order_relaxed);
    }
    http->looked_ms = 0;
}
