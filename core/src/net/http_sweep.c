/* http_sweep.c: which connections have to go: too slow, left by their client, or in the way. */
#include "net/http_sweep.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/mem.h"
#include "net/http.h"
#include "net/http_exchange.h"
#include "net/http_held.h"
#include "net/http_inside.h"
#include "net/http_linger.h"
#include "net/http_stream.h"

/* expire shuts down those that have been in `stage` for too long; the daemon then closes them. */
static void expire(dr_http *http, dr_http_stage stage, uint32_t limit_ms)
{
    const uint64_t now_ms = uv_now(http->sweep.loop);
    dr_http_exchange *exchange;
    while (limit_ms != 0 && (exchange = http->stages[stage].first) != NULL &&
           now_ms - exchange->since_ms >= limit_ms) {
        if (stage == DR_HTTP_BUSY) {
            dr_held_ended(&exchange->held, DR_ENDED_SLOW);
        }
        dr_http_shut(exchange);
    }
}

/* drop_gone looks for the end of stream at all open exchanges: while one is open, the daemon does
 * not read its connection. */
void dr_http_drop_gone(dr_http *http)
{
    struct pollfd polls[DR_HTTP_SWEEP_BATCH];
    dr_http_exchange *looked[DR_HTTP_SWEEP_BATCH];
    for (uint32_t left = http->stages[DR_HTTP_OPEN].count; left > 0;) {
        nfds_t count = 0;
        while (left > 0 && count < DR_HTTP_SWEEP_BATCH &&
               http->stages[DR_HTTP_OPEN].first != NULL) {
            dr_http_exchange *exchange = http->stages[DR_HTTP_OPEN].first;
            dr_http_move(exchange, DR_HTTP_OPEN); /* to the end: each is looked at once */
            looked[count] = exchange;
            polls[count++] = (struct pollfd){.fd = exchange->fd, .events = POLLRDHUP};
            left--;
        }
        if (count == 0 || poll(polls, count, 0) <= 0) {
            continue;
        }
        for (nfds_t i = 0; i < count; i++) {
            /* on_gone of one may have answered another. */
            if (polls[i].revents != 0 && looked[i]->stage == DR_HTTP_OPEN) {
                dr_http_drop(looked[i]);
            }
        }
    }
}

/* drop_stuck: streams whose client takes nothing. */
static void drop_stuck(dr_http *http)
{
    const uint64_t now_ms = uv_now(http->sweep.loop);
    uint32_t left = http->streams > 0 ? http->stages[DR_HTTP_OPEN].count : 0;
    /* on_gone of one may have answered another: only the first is sure to be there. */
    for (; left > 0 && http->stages[DR_HTTP_OPEN].first != NULL; left--) {
        dr_http_exchange *exchange = http->stages[DR_HTTP_OPEN].first;
        if (dr_http_stream_is_stuck(exchange, now_ms)) {
            dr_held_ended(&exchange->held, DR_ENDED_SLOW);
            dr_http_drop(exchange);
        } else {
            dr_http_move(exchange, DR_HTTP_OPEN); /* to the end: each is looked at once */
        }
    }
}

/* has_ended: the client's end of stream is all that is left to read. */
static bool has_ended(const dr_http_exchange *exchange)
{
    char byte;
    const ssize_t got = recv(exchange->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* shut_ended looks at the others. The daemon is told of a connection once, by its epoll set, and
 * reads until a read is short: an end that came together with the last bytes it does not see. */
static void shut_ended(dr_http *http)
{
    const uint64_t now_ms = uv_now(http->sweep.loop);
    dr_http_exchange *exchange = http->stages[DR_HTTP_BUSY].first;
    while (exchange != NULL) {
        dr_http_exchange *next = exchange->next;
        if (!exchange->is_handed && has_ended(exchange)) {
            dr_http_shut(exchange);
        }
        exchange = next;
    }
    /* An end that comes later comes alone: of those between requests, the latest are enough. */
    exchange = http->stages[DR_HTTP_IDLE].last;
    while (exchange != NULL && now_ms - exchange->since_ms <= 2 * DR_HTTP_SWEEP_MS) {
        dr_http_exchange *prev = exchange->prev;
        if (has_ended(exchange)) {
            dr_http_shut(exchange);
        }
        exchange = prev;
    }
}

static const dr_http_stage MAY_GO[] = {DR_HTTP_IDLE, DR_HTTP_BUSY};
enum { KINDS = sizeof(MAY_GO) / sizeof(MAY_GO[0]) };

static int compare(const void *one, const void *other)
{
    const uint64_t a = *(const uint64_t *)one;
    const uint64_t b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

/* place_of_most gives the place with most connections that could go. Returns: false where there is
 * none, or no memory. */
static bool place_of_most(const dr_http *http, uint64_t *place)
{
    size_t count = 0;
    size_t most = 0;
    uint64_t *places =
        dr_calloc((size_t)http->stages[DR_HTTP_IDLE].count + http->stages[DR_HTTP_BUSY].count + 1,
                  sizeof(*places));
    for (int i = 0; places != NULL && i < KINDS; i++) {
        const dr_http_exchange *exchange = http->stages[MAY_GO[i]].first;
        for (; exchange != NULL; exchange = exchange->next) {
            places[count++] = exchange->place;
        }
    }
    if (count > 0) {
        qsort(places, count, sizeof(*places), compare); /* a table could be made to collide */
    }
    for (size_t i = 0, start = 0; i < count; i++) {
        start = places[i] == places[start] ? start : i;
        if (i - start + 1 > most) {
            most = i - start + 1;
            *place = places[i];
        }
    }
    dr_free(places);
    return most > 0;
}

void dr_http_make_room(dr_http *http, uint32_t wanted)
{
    uint64_t place;
    if (!place_of_most(http, &place)) {
        return;
    }
    for (int i = 0; i < KINDS; i++) {
        dr_http_exchange *exchange = http->stages[MAY_GO[i]].first;
        /* The latest of all may be the one for which there shall be room. */
        while (exchange != NULL && wanted > 0 && exchange != http->stages[DR_HTTP_BUSY].last) {
            dr_http_exchange *next = exchange->next;
            if (exchange->place == place) {
                dr_http_shut(exchange);
                wanted--;
            }
            exchange = next;
        }
    }
    http->is_due = true;
}

/* let_in makes room where others wait to be accepted and none was since the last sweep: there are
 * no descriptors left. */
static void let_in(dr_http *http)
{
    struct pollfd waiting = {.fd = http->listen_fd, .events = POLLIN};
    const bool was_backlogged =
        http->is_backlogged && dr_count_get(&http->accepted) == http->swept_accepted;
    http->is_backlogged = http->listen_fd >= 0 && poll(&waiting, 1, 0) > 0;
    http->swept_accepted = dr_count_get(&http->accepted);
    if (http->is_backlogged && was_backlogged) {
        dr_http_make_room(http, 1);
    }
}

void dr_http_sweep(dr_http *http)
{
    expire(http, DR_HTTP_IDLE, http->options.idle_ms);
    expire(http, DR_HTTP_BUSY, http->options.slow_ms);
    dr_http_drop_gone(http);
    drop_stuck(http);
    shut_ended(http);
    let_in(http);
    dr_http_look(http, DR_HTTP_SWEEP_MS);
    dr_http_linger_sweep(http, uv_now(http->sweep.loop));
}
