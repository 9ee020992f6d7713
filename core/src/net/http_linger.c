/* http_linger.c: connections that were answered before all of their body was read. */
#include "net/http_linger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "net/http_inside.h"

#define READS_MAX 16 /* of one turn: others want theirs */

struct dr_http_linger {
    uv_poll_t poll;
    struct dr_http_linger *prev;
    struct dr_http_linger *next;
    dr_http *http;
    uint64_t until_ms;
    int fd;
};

static void on_closed(uv_handle_t *handle)
{
    struct dr_http_linger *linger = handle->data;
    close(linger->fd);
    dr_free(linger);
}

static void end(struct dr_http_linger *linger)
{
    dr_http *http = linger->http;
    if (linger->prev == NULL) {
        http->lingers = linger->next;
    } else {
        linger->prev->next = linger->next;
    }
    if (linger->next != NULL) {
        linger->next->prev = linger->prev;
    }
    http->linger_count--;
    uv_close((uv_handle_t *)&linger->poll, on_closed);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)events;
    char away[16384];
    struct dr_http_linger *linger = handle->data;
    for (int i = 0; status == 0 && i < READS_MAX; i++) {
        const ssize_t got = recv(linger->fd, away, sizeof(away), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            status = -1;
        }
    }
    if (status != 0) {
        end(linger);
    }
}

void dr_http_linger(dr_http *http, int fd)
{
    if (http->linger_count >= DR_HTTP_LINGERS_MAX || http->is_ending) {
        return;
    }
    struct dr_http_linger *linger = dr_calloc(1, sizeof(*linger));
    if (linger == NULL) {
        return;
    }
    /* The daemon closes its descriptor; ours keeps the connection. */
    linger->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (linger->fd < 0 || uv_poll_init(http->sweep.loop, &linger->poll, linger->fd) != 0) {
        if (linger->fd >= 0) {
            close(linger->fd);
        }
        dr_free(linger);
        return;
    }
    linger->http = http;
    linger->poll.data = linger;
    linger->until_ms = uv_now(http->sweep.loop) + DR_HTTP_LINGER_MS;
    linger->next = http->lingers;
    if (http->lingers != NULL) {
        http->lingers->prev = linger;
    }
    http->lingers = linger;
    http->linger_count++;
    (void)shutdown(linger->fd, SHUT_WR);
    (void)uv_poll_start(&linger->poll, UV_READABLE, on_readable);
}

void dr_http_linger_sweep(dr_http *http, uint64_t now_ms)
{
    struct dr_http_linger *linger = http->lingers;
    while (linger != NULL) {
        struct dr_http_linger *next = linger->next;
        if (now_ms >= linger->until_ms) {
            end(linger);
        }
        linger = next;
    }
}

void dr_http_linger_end(dr_http *http)
{
    while (http->lingers != NULL) {
        end(http->lingers);
    }
}
