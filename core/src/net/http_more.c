/* http_more.c: listening sockets of HTTP beside its first, which is libmicrohttpd's own. */
#include "net/http_more.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/mem.h"

#define ROUND_MAX 64 /* taken in one turn, as libmicrohttpd does */

typedef struct dr_http_more {
    struct dr_http_more *next;
    uv_poll_t poll;
    dr_http *http;
    int fd;
} dr_http_more;

static void on_waiting(uv_poll_t *poll, int status, int events)
{
    const dr_http_more *more = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ROUND_MAX; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        const int fd =
            accept4(more->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
                uv_poll_stop(poll); /* it stays ready: the next sweep looks again */
            }
            break;
        }
        /* Where it cannot be taken libmicrohttpd has closed it. */
        (void)MHD_add_connection(more->http->daemon, fd, (const struct sockaddr *)&peer, len);
    }
    dr_http_wake(more->http);
}

dora_err dr_http_listen_more(dr_http *http, int listen_fd, dora_error *error)
{
    dr_http_more *more = dr_calloc(1, sizeof(*more));
    int failed = UV_ENOMEM;
    if (more == NULL || (failed = uv_poll_init(http->poll.loop, &more->poll, listen_fd)) != 0) {
        close(listen_fd);
        dr_free(more);
        return dora_error_set(error, more == NULL ? DORA_ENOMEM : DORA_EIO, "cannot serve HTTP: %s",
                              uv_strerror(failed));
    }
    more->http = http;
    more->fd = listen_fd;
    more->poll.data = more;
    more->next = http->more;
    http->more = more;
    uv_poll_start(&more->poll, UV_READABLE, on_waiting);
    return DORA_OK;
}

static void on_closed(uv_handle_t *handle)
{
    dr_free(handle->data);
}

void dr_http_more_look(dr_http *http)
{
    for (dr_http_more *more = http->more; more != NULL; more = more->next) {
        if (!uv_is_active((uv_handle_t *)&more->poll)) {
            uv_poll_start(&more->poll, UV_READABLE, on_waiting);
        }
    }
}

void dr_http_more_close(dr_http *http)
{
    while (http->more != NULL) {
        dr_http_more *more = http->more;
        http->more = more->next;
        uv_poll_stop(&more->poll);
        close(more->fd);
        uv_close((uv_handle_t *)&more->poll, on_closed);
    }
}
