/* transport_poll.c: connections of threads that wait, by poll(2). */
#include "transport/transport_poll.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"

#define ASK_MS 500u /* between two questions whether a wait is interrupted */

/* ---- several ---- */

static void look_up(dr_transport *transport)
{
    dr_dial_look_up(&transport->dial);
    dr_transport_looked_up(transport);
}

static void do_nothing(dr_transport *transport)
{
    (void)transport; /* the next poll asks for its wishes */
}

const dr_transport_driver dr_transport_poll_driver = {look_up, do_nothing, do_nothing};

void dr_transport_poll(dr_transport *const *transports, struct pollfd *items, size_t count,
                       uint64_t until_ns)
{
    for (size_t i = 0; i < count; i++) {
        const dr_transport_wish wish = dr_transport_wishes(transports[i]);
        items[i] = (struct pollfd){.fd = wish.fd, .events = wish.events};
        if (wish.deadline_ns != 0 && wish.deadline_ns < until_ns) {
            until_ns = wish.deadline_ns;
        }
    }
    int ready = poll(items, (nfds_t)count, (int)dr_clock_left_ms(until_ns));
    for (size_t i = 0; i < count; i++) {
        const dr_transport_wish wish = dr_transport_wishes(transports[i]);
        bool is_ready = ready > 0 && items[i].revents != 0 && wish.fd == items[i].fd;
        bool is_due = wish.deadline_ns != 0 && dr_clock_left_ms(wish.deadline_ns) == 0;
        if (is_ready || is_due) {
            dr_transport_ready(transports[i], is_ready ? items[i].revents : 0);
        }
    }
}

/* ---- one ---- */

uint32_t dr_wait_left_ms(const dr_wait *wait)
{
    return dr_clock_left_ms(wait->deadline_ns);
}

uint32_t dr_wait_slice_ms(const dr_wait *wait, uint32_t ms)
{
    return wait->is_interrupted == NULL || ms < ASK_MS ? ms : ASK_MS;
}

bool dr_wait_is_interrupted(const dr_wait *wait)
{
    return wait->is_interrupted != NULL && wait->is_interrupted(wait->user);
}

/* Returns: DORA_OK when one of `events` is there (in `*revents`); DORA_ETIMEDOUT, DORA_EIO,
 * DORA_EINTERRUPTED; DORA_ECLOSED where is_interrupted forked and this is the child. `fd` is where
 * the descriptor stands; NULL waits for the time only. */
static dora_err wait_for(const int *fd, short events, const dr_wait *wait, short *revents,
                         dr_loss *loss)
{
    dora_err err = DORA_EAGAIN;
    while (err == DORA_EAGAIN) {
        uint32_t ms = dr_wait_left_ms(wait);
        struct pollfd item = {.fd = fd != NULL ? *fd : -1, .events = events};
        if (fd != NULL && *fd < 0) {
            err = DORA_ECLOSED;
            break;
        }
        uint32_t slice_ms = dr_wait_slice_ms(wait, ms);
        int count = poll(&item, 1, (int)slice_ms);
        *revents = item.revents;
        if (count > 0) {
            return DORA_OK;
        }
        if (count < 0 && errno != EINTR) {
            err = DORA_EIO;
        } else if ((count < 0 || slice_ms < ms) && dr_wait_is_interrupted(wait)) {
            err = DORA_EINTERRUPTED;
        } else if (ms == 0) {
            err = DORA_ETIMEDOUT;
        }
    }
    *loss = dr_loss_new(err, err == DORA_EIO ? errno : err == DORA_EINTERRUPTED ? EINTR : 0);
    return err;
}

dora_err dr_wait_pause(const dr_wait *wait, dora_error *error)
{
    short revents = 0;
    dr_loss loss;
    dora_err err = wait_for(NULL, 0, wait, &revents, &loss);
    return err == DORA_ETIMEDOUT ? DORA_OK : dr_loss_error(&loss, "wait", error);
}

/* Waits until the dial has something to look at. Returns: DORA_OK, or why it goes no further. */
static dora_err wait_for_dial(dr_dial *dial, const dr_wait *wait, bool *is_ready)
{
    short revents = 0;
    dr_wait until = *wait;
    if (dial->wake_ns != 0 && dial->wake_ns < wait->deadline_ns) {
        until.deadline_ns = dial->wake_ns;
    }
    dora_err err =
        wait_for(dial->is_full ? NULL : &dial->fd, POLLOUT, &until, &revents, &dial->loss);
    *is_ready = err == DORA_OK;
    if (err == DORA_ETIMEDOUT && dr_wait_left_ms(wait) > 0) {
        return DORA_OK;
    }
    if (err != DORA_OK && err != DORA_EINTERRUPTED) {
        dial->loss = dr_loss_new(DORA_ECONNECT, err == DORA_EIO ? dial->loss.os_error : ETIMEDOUT);
    }
    return err;
}

/* Waits until the dial has opened a socket. */
static dora_err dial_all(dr_dial *dial, const dr_wait *wait)
{
    bool is_ready = false;
    dora_err err = dr_dial_next(dial);
    while (err == DORA_EAGAIN) {
        err = wait_for_dial(dial, wait, &is_ready);
        if (err != DORA_OK) {
            break;
        }
        err = dr_dial_check(dial, is_ready);
        if (err == DORA_ECONNECT) {
            err = dr_dial_next(dial);
        }
    }
    /* It blocks from here on, so that a receive costs one system call. */
    if (err == DORA_OK && fcntl(dial->fd, F_SETFL, 0) != 0) {
        dial->loss = dr_loss_new(DORA_ECONNECT, errno);
        err = DORA_ECONNECT;
    }
    return err;
}

/* is_over: so is the time; a socket that always has something to read does not tell. */
static bool is_over(const dr_wait *wait, dr_loss *loss)
{
    if (dr_wait_left_ms(wait) > 0) {
        return false;
    }
    *loss = dr_loss_new(DORA_ETIMEDOUT, 0);
    return true;
}

/* Waits until the TLS handshake is done. */
static dora_err greet(dr_stream *stream, const dr_tls_peer *peer, const dr_wait *wait,
                      dr_loss *loss)
{
    dora_err err = dr_stream_greet(stream, peer, loss);
    while (err == DORA_EAGAIN) {
        short revents = 0;
        err = wait_for(&stream->fd, dr_stream_events(stream), wait, &revents, loss);
        if (err == DORA_OK) {
            err = dr_stream_greet(stream, peer, loss);
            if (err != DORA_EAGAIN || !is_over(wait, loss)) {
                continue;
            }
            err = loss->err;
        }
        if (err != DORA_EINTERRUPTED && stream->tls != NULL) {
            *loss = dr_secure_cut(stream->tls, err == DORA_ETIMEDOUT ? ETIMEDOUT : loss->os_error);
        }
    }
    return err;
}

dora_err dr_wait_connect(dr_stream *stream, const dr_address *address, const dr_tls_peer *peer,
                         const dr_wait *wait, dora_error *error)
{
    dr_dial dial;
    *stream = (dr_stream){.fd = -1};
    if (dr_dial_begin(&dial, address)) {
        dr_dial_look_up(&dial);
    }
    dora_err err = DORA_OK;
    if (dr_wait_is_interrupted(wait)) { /* the look-up may have taken long, and nothing was sent */
        dial.loss = dr_loss_new(DORA_EINTERRUPTED, EINTR);
        err = dial.loss.err;
    }
    err = err == DORA_OK ? dial_all(&dial, wait) : err;
    dr_loss loss = dial.loss;
    if (err == DORA_OK) {
        stream->fd = dr_dial_take(&dial);
        err = greet(stream, peer, wait, &loss);
    }
    if (err == DORA_OK) {
        return DORA_OK;
    }
    err = dr_loss_error_connect(&loss, address, error);
    dr_dial_end(&dial);
    dr_stream_close(stream);
    return err;
}

dora_err dr_wait_send(const dr_stream *stream, dora_slice bytes, const dr_wait *wait, size_t *sent,
                      dora_error *error)
{
    *sent = 0;
    while (*sent < bytes.len) {
        short revents = 0;
        size_t count = 0;
        dr_loss loss;
        const dora_slice rest = {bytes.data + *sent, bytes.len - *sent};
        dora_err err = dr_stream_send(stream, rest, &count, &loss);
        *sent += count;
        if (err == DORA_EAGAIN) {
            err = wait_for(&stream->fd, POLLIN | POLLOUT, wait, &revents, &loss);
            if (err == DORA_OK && (revents & POLLOUT) == 0 && dr_stream_has_news(stream)) {
                return DORA_EAGAIN;
            }
        }
        if (err != DORA_OK) {
            return dr_loss_error(&loss, "send", error);
        }
    }
    return DORA_OK;
}

/* The kernel ends such a wait up to an eighth late: less is set, and a poll waits for the rest. */
static void set_receive_ms(dr_stream *stream, uint32_t ms)
{
    uint32_t less_ms = ms > 8 ? ms - ms / 8 : 1;
    struct timeval value = {.tv_sec = (time_t)(less_ms / 1000),
                            .tv_usec = (suseconds_t)(less_ms % 1000 * 1000)};
    if (setsockopt(stream->fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) == 0) {
        stream->receive_ms = ms;
    }
}

/* Whether so much time is left as a call usually has: then the kernel is told to wait for it. */
static bool is_usual(dr_stream *stream, const dr_wait *wait)
{
    uint32_t ms = dr_wait_left_ms(wait);
    uint32_t usual_ms = dr_wait_slice_ms(wait, wait->usual_ms);
    if (ms == 0 || ms > wait->usual_ms || ms + 1 < wait->usual_ms) {
        return false;
    }
    if (stream->receive_ms != usual_ms) {
        set_receive_ms(stream, usual_ms);
    }
    return stream->receive_ms == usual_ms;
}

dora_err dr_wait_receive(dr_stream *stream, char *room, size_t room_len, const dr_wait *wait,
                         size_t *got, dora_error *error)
{
    dr_loss loss = dr_loss_new(DORA_ECLOSED, 0);
    dora_err err = DORA_EAGAIN;
    while (err == DORA_EAGAIN) {
        short revents = 0;
        bool is_there = dr_stream_has_more(stream);
        bool may_wait = !is_there && is_usual(stream, wait);
        if (!is_there && !may_wait) {
            err = wait_for(&stream->fd, POLLIN, wait, &revents, &loss);
            if (err != DORA_OK) {
                break;
            }
        }
        err = dr_stream_receive(stream, room, room_len, may_wait, got, &loss);
        if (err == DORA_EAGAIN && !may_wait && is_over(wait, &loss)) {
            err = loss.err; /* what comes, and comes, is none of the user's */
        }
        if (err == DORA_EAGAIN && may_wait && dr_wait_is_interrupted(wait)) {
            loss = dr_loss_new(DORA_EINTERRUPTED, EINTR);
            err = loss.err;
        }
        if (err == DORA_EAGAIN && stream->fd < 0) { /* is_interrupted forked: this is the child */
            loss = dr_loss_new(DORA_ECLOSED, 0);
            err = loss.err;
        }
    }
    return err == DORA_OK ? DORA_OK : dr_loss_error(&loss, "receive", error);
}
