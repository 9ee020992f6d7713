/* line.c: an end of the link on a loop: it never waits, and what does not go at once is queued. */
#include "server/upgrade/line.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND_MAX 64 /* messages taken in one turn: the loop has other work, too */
#define AGAIN_MS 5   /* until descriptors on their way have been taken: nothing tells when */

/* waiting is a message that the socket has not taken yet. */
typedef struct waiting {
    struct waiting *next;
    dr_link_type type;
    size_t fd_count;
    int fds[DR_LINK_FDS_MAX];
    size_t len;
    char body[];
} waiting;

struct dr_line {
    uv_poll_t poll;
    uv_timer_t again; /* runs while too many descriptors are on their way */
    int open_handles;
    int fd;
    dr_line_events events;
    waiting *first;
    waiting *last;
    size_t unsent;
    bool is_lost; /* there is no memory, or the other side is gone: nothing is sent any more */
    bool is_closing;
    dr_packet packet; /* that is being told */
};

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void drop_first(dr_line *line)
{
    waiting *one = line->first;
    line->first = one->next;
    line->last = line->first != NULL ? line->last : NULL;
    line->unsent -= one->len;
    close_all(one->fds, one->fd_count);
    free(one);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* watch waits for what comes, and for the socket to take what waits. */
static void watch(dr_line *line)
{
    const bool waits = line->first != NULL && !uv_is_active((uv_handle_t *)&line->again);
    (void)uv_poll_start(&line->poll, UV_READABLE | (waits ? UV_WRITABLE : 0), on_ready);
}

static void on_again(uv_timer_t *timer)
{
    dr_line *line = timer->data;
    on_ready(&line->poll, 0, 0);
}

/* send_now sends a message at once. Errors: DORA_EAGAIN, it is to wait. */
static dora_err send_now(dr_line *line, dr_link_type type, dora_slice body, const int *fds,
                         size_t count)
{
    const dora_err err = dr_packet_send(line->fd, type, body, fds, count);
    if (err != DORA_EFULL) {
        return err;
    }
    uv_timer_start(&line->again, on_again, AGAIN_MS, 0);
    return DORA_EAGAIN;
}

/* flush sends what the socket takes. */
static void flush(dr_line *line)
{
    while (line->first != NULL) {
        const waiting *one = line->first;
        const dora_slice body = {one->body, one->len};
        if (!line->is_lost) {
            const dora_err err = send_now(line, one->type, body, one->fds, one->fd_count);
            if (err == DORA_EAGAIN) {
                return;
            }
            line->is_lost = err != DORA_OK;
        }
        drop_first(line);
    }
}

static void end(dr_line *line)
{
    (void)uv_poll_stop(&line->poll);
    (void)uv_timer_stop(&line->again);
    line->is_lost = true;
    flush(line);
    line->events.on_end(line->events.user);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    dr_line *line = poll->data;
    const bool had_waiting = line->first != NULL;
    (void)status;
    (void)events;
    flush(line);
    if (had_waiting && line->first == NULL && line->events.on_drained != NULL) {
        line->events.on_drained(line->events.user);
    }
    if (line->is_closing) {
        return;
    }
    for (int i = 0; i < ROUND_MAX; i++) {
        const dora_err err = dr_packet_receive(line->fd, &line->packet);
        if (err == DORA_EAGAIN) {
            break;
        }
        if (err != DORA_OK) {
            end(line);
            return;
        }
        line->events.on_message(&line->packet, line->events.user);
        dr_packet_close(&line->packet);
        if (line->is_closing) {
            return;
        }
    }
    watch(line);
}

size_t dr_line_unsent(const dr_line *line)
{
    return line->unsent;
}

void dr_line_look(dr_line *line)
{
    if (!line->is_closing && uv_is_active((uv_handle_t *)&line->poll)) {
        on_ready(&line->poll, 0, 0);
    }
}

dora_err dr_line_new(dr_line **result, uv_loop_t *loop, int fd, const dr_line_events *events)
{
    dr_line *line = calloc(1, sizeof(*line));
    if (line == NULL) {
        close(fd);
        return DORA_ENOMEM;
    }
    line->fd = fd;
    line->events = *events;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (uv_poll_init(loop, &line->poll, fd) != 0) {
        close(fd);
        free(line);
        return DORA_EIO;
    }
    uv_timer_init(loop, &line->again);
    line->poll.data = line->again.data = line;
    line->open_handles = 2;
    watch(line);
    *result = line;
    return DORA_OK;
}

void dr_line_send(dr_line *line, dr_link_type type, dora_slice body, const int *fds, size_t count)
{
    flush(line);
    if (line->first == NULL && !line->is_lost) {
        const dora_err err = send_now(line, type, body, fds, count);
        line->is_lost = err != DORA_OK && err != DORA_EAGAIN;
        if (err != DORA_EAGAIN) {
            close_all(fds, count);
            return;
        }
    }
    waiting *one = line->is_lost ? NULL : malloc(sizeof(*one) + body.len);
    if (one == NULL) {
        line->is_lost = true;
        close_all(fds, count);
        return;
    }
    *one = (waiting){.type = type, .fd_count = count, .len = body.len};
    for (size_t i = 0; i < count; i++) {
        one->fds[i] = fds[i];
    }
    if (body.len > 0) {
        memcpy(one->body, body.data, body.len);
    }
    *(line->first != NULL ? &line->last->next : &line->first) = one;
    line->last = one;
    line->unsent += body.len;
    watch(line);
}

static void on_closed(uv_handle_t *handle)
{
    dr_line *line = handle->data;
    if (--line->open_handles == 0) {
        close(line->fd);
        free(line);
    }
}

void dr_line_close(dr_line *line)
{
    if (line == NULL || line->is_closing) {
        return;
    }
    line->is_closing = true;
    line->is_lost = true;
    flush(line);
    uv_close((uv_handle_t *)&line->poll, on_closed);
    uv_close((uv_handle_t *)&line->again, on_closed);
}
