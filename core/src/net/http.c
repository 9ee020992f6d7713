/* http.c: libmicrohttpd's daemon on a uv loop: no thread of its own, run when it has work. */
#include "net/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "net/http_exchange.h"
#include "net/http_held.h"
#include "net/http_inside.h"
#include "net/http_linger.h"
#include "net/http_more.h"
#include "net/http_origin.h"
#include "net/http_sweep.h"

/* What the library itself refuses: its strictest. */
#if MHD_VERSION >= 0x00097701
#define DISCIPLINE MHD_OPTION_CLIENT_DISCIPLINE_LVL, 3
#else
#define DISCIPLINE MHD_OPTION_STRICT_FOR_CLIENT, 1
#endif

#define ROUNDS_MAX 4 /* of the daemon in one turn: an answer takes two */

static void unlink_exchange(dr_http_exchange *exchange)
{
    dr_http_list *list = &exchange->http->stages[exchange->stage];
    *(exchange->prev != NULL ? &exchange->prev->next : &list->first) = exchange->next;
    *(exchange->next != NULL ? &exchange->next->prev : &list->last) = exchange->prev;
    list->count--;
}

static void append_exchange(dr_http_exchange *exchange, dr_http_stage stage)
{
    dr_http_list *list = &exchange->http->stages[stage];
    exchange->stage = stage;
    exchange->since_ms = uv_now(exchange->http->sweep.loop);
    exchange->next = NULL;
    exchange->prev = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = exchange;
    list->last = exchange;
    list->count++;
}

void dr_http_move(dr_http_exchange *exchange, dr_http_stage stage)
{
    unlink_exchange(exchange);
    append_exchange(exchange, stage);
}

/* The daemon's callbacks. */

static _Noreturn void on_panic(void *user, const char *file, unsigned line, const char *reason)
{
    (void)user;
    (void)fprintf(stderr, "dora: http: libmicrohttpd cannot go on (%s:%u): %s\n", file, line,
                  reason != NULL ? reason : "no reason given");
    abort();
}

/* enter takes a place for a connection. Where there is none, its first request is answered, so that
 * its client can see why; of many that wait for that, the next are closed at once. */
static void enter(dr_http_exchange *exchange)
{
    dr_http *http = exchange->http;
    const struct sockaddr *address = dr_http_address(exchange);
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    address = address != NULL ? address : &nowhere;
    exchange->place = dr_peer_place(address);
    exchange->crowded =
        dr_place_take(&exchange->taken, http->options.places, address, uv_now(http->sweep.loop));
    if (exchange->crowded != DR_CROWDED_NOT && ++http->crowded > DR_HTTP_CROWDED_MAX) {
        dr_http_shut(exchange);
    }
}

static void leave(dr_http_exchange *exchange)
{
    exchange->http->crowded -= exchange->crowded != DR_CROWDED_NOT;
    dr_place_give(&exchange->taken);
    dr_http_count_out(exchange);
    unlink_exchange(exchange);
    dr_free(exchange);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    dr_http *http = user;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http->connections--;
        dr_count_one(&http->closed);
        http->is_due = true; /* at its limit, the daemon accepts again only when it runs again */
        if (*context != NULL) {
            leave(*context);
        }
        return;
    }
    http->connections++;
    dr_http_exchange *exchange = dr_calloc(1, sizeof(*exchange));
    if (exchange != NULL) {
        exchange->number = dr_count_get(&http->accepted);
        exchange->http = http;
        exchange->connection = connection;
        exchange->fd =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        append_exchange(exchange, DR_HTTP_BUSY);
        dr_http_count_in(exchange);
        enter(exchange);
    }
    dr_count_one(&http->accepted);
    *context = exchange;
    const uint32_t most = http->options.connections_max;
    if (http->connections - http->stages[DR_HTTP_ENDED].count > most) {
        dr_http_make_room(http, (most + DR_HTTP_ROOM_SHARE - 1) / DR_HTTP_ROOM_SHARE);
    }
}

static void *on_uri(void *user, const char *uri, struct MHD_Connection *connection)
{
    (void)user;
    dr_http_exchange *exchange =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (exchange != NULL) {
        dr_http_begin(exchange, uri);
    }
    return exchange;
}

static enum MHD_Result on_access(void *user, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *len, void **context)
{
    (void)user;
    (void)connection;
    const dora_slice piece = {data, *len};
    *len = 0;
    /* Without memory for an exchange, the connection is closed. */
    return *context != NULL && dr_http_take(*context, method, url, version, piece) ? MHD_YES
                                                                                   : MHD_NO;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)user;
    (void)connection;
    if (*context != NULL) {
        /* The daemon's own refusals (400, 431) end as errors. */
        dr_http_reset(*context, code == MHD_REQUEST_TERMINATED_COMPLETED_OK ||
                                    code == MHD_REQUEST_TERMINATED_WITH_ERROR);
        *context = NULL;
    }
}

/* Running the daemon. */

static void on_handle_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void stop(dr_http *http)
{
    http->is_running = true;
    while (http->stages[DR_HTTP_OPEN].first != NULL) {
        dr_http_drop(http->stages[DR_HTTP_OPEN].first);
    }
    dr_http_linger_end(http);
    dr_http_more_close(http);
    uv_close((uv_handle_t *)&http->poll, on_handle_closed);
    uv_close((uv_handle_t *)&http->due, on_handle_closed);
    uv_close((uv_handle_t *)&http->sweep, on_handle_closed);
    MHD_stop_daemon(http->daemon); /* closes the listening socket, if it still has it */
    http->daemon = NULL;
    http->listen_fd = -1;
    http->is_running = false;
}

static void on_due(uv_idle_t *handle);

static void run(dr_http *http)
{
    bool is_pending = true;
    http->is_running = true;
    for (int round = 0; is_pending && round < ROUNDS_MAX; round++) {
        MHD_UNSIGNED_LONG_LONG wait_ms;
        http->is_due = false;
        (void)MHD_run(http->daemon);
        /* The daemon has no timeouts of its own: what it does not put off is due now. */
        is_pending = http->is_due || MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES;
    }
    http->is_running = false;
    http->is_due = is_pending;
    if (http->is_ending) {
        stop(http);
    } else if (is_pending) {
        uv_idle_start(&http->due, on_due);
    } else {
        uv_idle_stop(&http->due);
    }
}

static void on_due(uv_idle_t *handle)
{
    run(handle->data);
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    dr_http *http = handle->data;
    const uint64_t accepted = dr_count_get(&http->accepted);
    const bool was_alone = http->connections == 0;
    run(http);
    if (was_alone && dr_count_get(&http->accepted) == accepted && http->daemon != NULL) {
        /* Only the listening socket can have been ready, yet nobody came: there are no descriptors
         * left. It stays ready, so look again at the next sweep, not at once. */
        http->is_paused = true;
        uv_poll_stop(&http->poll);
    }
}

void dr_http_wake(dr_http *http)
{
    http->is_due = true;
    if (!http->is_running) {
        uv_idle_start(&http->due, on_due);
    }
}

void dr_http_flush(dr_http *http)
{
    if (http->is_due && !http->is_running) {
        run(http);
    }
}

static void on_sweep(uv_timer_t *timer)
{
    dr_http *http = timer->data;
    http->is_running = true; /* on_gone may end the listener: not while its lists are walked */
    if (http->streams > 0 && ++http->watches * DR_HTTP_WATCH_MS < DR_HTTP_SWEEP_MS) {
        dr_http_drop_gone(http);
    } else {
        http->watches = 0;
        dr_http_sweep(http);
    }
    http->is_running = false;
    if (http->is_ending) {
        stop(http);
        return;
    }
    if (http->is_due) {
        run(http);
    }
    dr_http_more_look(http);
    if (http->is_paused && http->daemon != NULL) {
        http->is_paused = false;
        uv_poll_start(&http->poll, UV_READABLE, on_ready);
    }
}

void dr_http_sweep_often(dr_http *http, bool is_often)
{
    const uint64_t ms = is_often ? DR_HTTP_WATCH_MS : DR_HTTP_SWEEP_MS;
    if (!http->is_ending) {
        uv_timer_start(&http->sweep, on_sweep, ms, ms);
    }
}

/* Life. */

static struct MHD_Daemon *start_daemon(dr_http *http, int listen_fd)
{
    /* Those on their way out have places of their own. */
    const unsigned connections_max = http->options.connections_max + DR_HTTP_SPARE_PLACES;
    /* No MHD_USE_ERROR_LOG: what it has to say is about clients, and they could fill the log. No
     * timeouts of its own: each byte would renew them. TURBO reads at once what came with the
     * connection. */
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, on_access, http,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)DR_HTTP_CONN_BYTES, MHD_OPTION_CONNECTION_LIMIT, (unsigned)connections_max,
        DISCIPLINE, MHD_OPTION_URI_LOG_CALLBACK, on_uri, http, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
}

dora_err dr_http_init(dr_http *http, uv_loop_t *loop, int listen_fd, const dr_http_options *options,
                      const dr_http_events *events, dora_error *error)
{
    memset(http, 0, sizeof(*http));
    http->options = *options;
    if (options->connections_max == 0) {
        http->options.connections_max = DR_HTTP_CONNECTIONS_MAX_DEFAULT;
    }
    (void)snprintf(http->too_long, sizeof(http->too_long),
                   "the body is larger than the limit of %zu bytes", options->body_bytes_max);
    http->events = *events;
    http->listen_fd = listen_fd;
    MHD_set_panic_func(on_panic, NULL);
    http->daemon = start_daemon(http, listen_fd);
    if (http->daemon == NULL) {
        return dora_error_set(error, DORA_EIO, "cannot serve HTTP: %s", strerror(errno));
    }
    const int epoll_fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    const int failed = uv_poll_init(loop, &http->poll, epoll_fd);
    if (failed != 0) {
        MHD_stop_daemon(http->daemon);
        http->daemon = NULL;
        return dora_error_set(error, DORA_EIO, "cannot serve HTTP: %s", uv_strerror(failed));
    }
    uv_idle_init(loop, &http->due);
    uv_timer_init(loop, &http->sweep);
    http->poll.data = http->due.data = http->sweep.data = http;
    uv_poll_start(&http->poll, UV_READABLE, on_ready);
    uv_timer_start(&http->sweep, on_sweep, DR_HTTP_SWEEP_MS, DR_HTTP_SWEEP_MS);
    run(http); /* puts the listening socket into the epoll set */
    return DORA_OK;
}

void dr_http_stop_accepting(dr_http *http)
{
    if (http->daemon == NULL || http->listen_fd < 0) {
        return;
    }
    http->listen_fd = -1;
    close(MHD_quiesce_daemon(http->daemon));
    dr_http_more_close(http);
    while (http->stages[DR_HTTP_IDLE].first != NULL) {
        dr_http_shut(http->stages[DR_HTTP_IDLE].first);
    }
}

bool dr_http_is_quiet(const dr_http *http)
{
    return http->requests == 0;
}

void dr_http_end(dr_http *http)
{
    if (http->daemon == NULL || http->is_ending) {
        return;
    }
    if (!http->is_running) {
        dr_http_flush(http); /* what has been answered goes out */
    }
    http->is_ending = true;
    if (!http->is_running && http->daemon != NULL) {
        stop(http);
    }
}

void dr_http_fini(dr_http *http)
{
    memset(http, 0, sizeof(*http));
    http->listen_fd = -1;
}
