/* transport_uv.c: connections on a libuv loop. */
#include "transport/transport_uv.h"

#include <poll.h>

#include "base/clock.h"
#include "base/mem.h"

struct conn;

/* A handle and a look-up end later than their use: so each is a piece of its own. */
typedef struct watch_handle {
    uv_poll_t poll;
    struct conn *conn;
} watch_handle;

typedef struct lookup {
    uv_getaddrinfo_t request;
    struct conn *conn;
} lookup;

typedef struct conn {
    dr_transport transport; /* first: one is the other */
    uv_loop_t *loop;
    uv_timer_t timer;
    watch_handle *watched; /* the descriptor in use; NULL: none */
    short events;          /* what is waited for there */
    lookup *looking;       /* NULL: none that matters */
    size_t pieces;         /* that have not ended, the timer among them */
    void (*on_freed)(void *user);
} conn;

static void piece_gone(conn *one)
{
    if (--one->pieces == 0) {
        void (*on_freed)(void *user) = one->on_freed;
        void *user = one->transport.user;
        dr_free(one);
        on_freed(user);
    }
}

/* ---- names ---- */

/* The resolver's own number: what is said of a name is said in its words by all drivers. */
static int eai_of(int status)
{
    switch (status) {
    case 0:
        return 0;
    case UV_EAI_AGAIN:
        return EAI_AGAIN;
    case UV_EAI_MEMORY:
        return EAI_MEMORY;
    case UV_EAI_NODATA:
        return EAI_NODATA;
    case UV_EAI_NONAME:
        return EAI_NONAME;
    default:
        return EAI_FAIL;
    }
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    lookup *looking = request->data;
    conn *one = looking->conn;
    if (one->looking == looking) {
        one->looking = NULL;
        dr_dial_found(&one->transport.dial, eai_of(status), found);
        dr_transport_looked_up(&one->transport);
    } else {
        uv_freeaddrinfo(found);
    }
    dr_free(looking);
    piece_gone(one);
}

static void look_up(dr_transport *transport)
{
    conn *one = (conn *)transport;
    const dr_dial *dial = &transport->dial;
    lookup *looking = dr_calloc(1, sizeof *looking);
    int status = UV_EAI_MEMORY;
    if (looking != NULL) {
        looking->conn = one;
        looking->request.data = looking;
        status = uv_getaddrinfo(one->loop, &looking->request, on_found, dial->address.host,
                                dial->service, &dr_dial_hints);
    }
    if (status != 0) {
        dr_free(looking);
        dr_dial_found(&transport->dial, eai_of(status), NULL);
        dr_transport_looked_up(transport);
        return;
    }
    one->looking = looking;
    one->pieces++;
}

/* ---- descriptors ---- */

/* libuv stops the handle of a socket with an error, and tells no events: it has any, then. */
static void on_events(uv_poll_t *poll, int status, int events)
{
    watch_handle *watched = poll->data;
    conn *one = watched->conn;
    short told = (short)((events & UV_READABLE) != 0 ? POLLIN : 0);
    told = (short)(told | ((events & UV_WRITABLE) != 0 ? POLLOUT : 0));
    if (status < 0) {
        one->events = 0;
        told = POLLIN | POLLOUT | POLLERR;
    }
    dr_transport_ready(&one->transport, told);
}

static void on_watched_closed(uv_handle_t *handle)
{
    watch_handle *watched = handle->data;
    conn *one = watched->conn;
    dr_free(watched);
    piece_gone(one);
}

static void on_due(uv_timer_t *timer)
{
    conn *one = timer->data;
    dr_transport_ready(&one->transport, 0);
}

static void unwatch(dr_transport *transport)
{
    conn *one = (conn *)transport;
    if (one->looking != NULL) {
        uv_cancel((uv_req_t *)&one->looking->request);
        one->looking = NULL;
    }
    if (one->watched != NULL) {
        uv_close((uv_handle_t *)&one->watched->poll, on_watched_closed);
        one->watched = NULL;
    }
    uv_timer_stop(&one->timer);
}

static int watch_begin(conn *one, int fd)
{
    watch_handle *watched = dr_calloc(1, sizeof *watched);
    int status = watched != NULL ? uv_poll_init(one->loop, &watched->poll, fd) : UV_ENOMEM;
    if (status != 0) {
        dr_free(watched);
        return status;
    }
    watched->conn = one;
    watched->poll.data = watched;
    one->watched = watched;
    one->events = 0;
    one->pieces++;
    return 0;
}

static void watch(dr_transport *transport)
{
    conn *one = (conn *)transport;
    const dr_transport_wish wish = dr_transport_wishes(transport);
    int status = 0;
    if (wish.fd >= 0 && one->watched == NULL) {
        status = watch_begin(one, wish.fd);
    }
    if (status == 0 && wish.fd >= 0 && one->events != wish.events) {
        int events = (wish.events & POLLIN) != 0 ? UV_READABLE : 0;
        events |= (wish.events & POLLOUT) != 0 ? UV_WRITABLE : 0;
        one->events = wish.events;
        status = uv_poll_start(&one->watched->poll, events, on_events);
    }
    if (status != 0) {
        const dr_loss loss = dr_loss_new(DORA_EIO, -status);
        dr_transport_fail(transport, &loss);
        return;
    }
    if (wish.deadline_ns != 0) {
        uv_timer_start(&one->timer, on_due, dr_clock_left_ms(wish.deadline_ns), 0);
    } else if (uv_is_active((uv_handle_t *)&one->timer)) {
        uv_timer_stop(&one->timer);
    }
}

static const dr_transport_driver driver = {look_up, watch, unwatch};

/* ---- life ---- */

dr_transport *dr_transport_uv_new(uv_loop_t *loop, const dr_transport_user *uses, void *user)
{
    conn *one = dr_calloc(1, sizeof *one);
    if (one == NULL) {
        return NULL;
    }
    dr_transport_init(&one->transport, &driver, uses, user);
    one->loop = loop;
    one->pieces = 1;
    uv_timer_init(loop, &one->timer); /* cannot fail */
    one->timer.data = one;
    return &one->transport;
}

static void on_timer_closed(uv_handle_t *timer)
{
    piece_gone(timer->data);
}

void dr_transport_uv_free(dr_transport *transport, void (*on_freed)(void *user))
{
    conn *one = (conn *)transport;
    dr_transport_close(transport);
    one->on_freed = on_freed;
    uv_close((uv_handle_t *)&one->timer, on_timer_closed);
}
