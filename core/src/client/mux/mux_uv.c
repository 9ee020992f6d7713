/* mux_uv.c: the client for libuv: calls, events and time; the connections are in uv_conn.c. */
#include "client/mux/mux_uv.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client/mux/uv_conn.h"

/* What a call waits with. */
typedef struct waiter {
    dora_async_fn on_accepted;
    dora_async_word_fn on_word;
    dora_async_fn on_done;
    void *user;
} waiter;

/* ---- events ---- */

static void handle(dora_async *async, const dora_mux_event *event)
{
    waiter *waiting = event->user;
    switch (event->what) {
    case DORA_MUX_CONNECT:
        dr_uv_conn_open(async, event->conn, event->host, event->port);
        break;
    case DORA_MUX_WRITE:
        dr_uv_conn_write(async, event->conn);
        break;
    case DORA_MUX_CLOSE:
        dr_uv_conn_close(async, event->conn);
        break;
    case DORA_MUX_ACCEPTED:
        if (waiting->on_accepted != NULL) {
            waiting->on_accepted(DORA_OK, NULL, event->answer, waiting->user);
        }
        break;
    case DORA_MUX_WORD:
        waiting->on_word(&event->word, waiting->user);
        break;
    case DORA_MUX_DONE:
        waiting->on_done(event->err, event->error, event->answer, waiting->user);
        dr_free(waiting);
        break;
    }
}

static void on_timer(uv_timer_t *timer)
{
    dora_async *async = timer->data;
    async->timer_ns = 0;
    dora_mux_tick(async->mux, dr_clock_ns());
    dr_uv_pump(async);
}

/* One timer for all: it is only ever moved forward, and does nothing when it comes early. */
static void arm(dora_async *async)
{
    uint64_t deadline_ns = dora_mux_deadline_ns(async->mux);
    if (deadline_ns == 0 && async->timer_ns != 0) {
        async->timer_ns = 0;
        uv_timer_stop(&async->timer);
    }
    if (deadline_ns == 0 || (async->timer_ns != 0 && async->timer_ns <= deadline_ns)) {
        return;
    }
    async->timer_ns = deadline_ns;
    uv_timer_start(&async->timer, on_timer, dr_clock_left_ms(deadline_ns), 0);
}

void dr_uv_gone(dora_async *async)
{
    if (--async->handles > 0 || !async->is_closing) {
        return;
    }
    dora_async_close_fn on_closed = async->on_closed;
    void *user = async->user;
    dora_mux_free(async->mux);
    dr_free(async->conns);
    dr_free(async);
    if (on_closed != NULL) {
        on_closed(user);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    dr_uv_gone(handle->data);
}

static void finish(dora_async *async)
{
    dr_uv_conns_close(async);
    uv_close((uv_handle_t *)&async->timer, on_handle_closed);
    uv_close((uv_handle_t *)&async->pump, on_handle_closed);
}

void dr_uv_pump(dora_async *async)
{
    dora_mux_event event;
    if (async->is_pumping || uv_is_closing((uv_handle_t *)&async->pump)) {
        return;
    }
    async->is_pumping = true;
    while (dora_mux_next(async->mux, dr_clock_ns(), &event)) {
        handle(async, &event);
    }
    async->is_pumping = false;
    uv_prepare_stop(&async->pump);
    if (async->is_closing) {
        finish(async);
    } else {
        arm(async);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    dr_uv_pump(prepare->data);
}

void dr_uv_wake(dora_async *async)
{
    uv_prepare_start(&async->pump, on_prepare);
}

/* ---- life ---- */

dora_err dora_async_new(dora_async **async, struct uv_loop_s *loop,
                        const dora_client_options *options, dora_error *error)
{
    *async = NULL;
    dora_async *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    dora_err err = dora_mux_new(&made->mux, options, error);
    if (err != DORA_OK) {
        dr_free(made);
        return err;
    }
    made->loop = loop;
    uv_timer_init(loop, &made->timer); /* neither can fail */
    uv_prepare_init(loop, &made->pump);
    made->timer.data = made;
    made->pump.data = made;
    made->handles = 2;
    *async = made;
    return DORA_OK;
}

void dora_async_close(dora_async *async, dora_async_close_fn on_closed, void *user)
{
    async->on_closed = on_closed;
    async->user = user;
    async->is_closing = true;
    dora_mux_end(async->mux);
    dr_uv_wake(async);
}

size_t dora_async_outstanding(const dora_async *async)
{
    return dora_mux_outstanding(async->mux);
}

/* ---- calls ---- */

static dora_err begin(dora_async *async, dora_mux_mode mode, const dora_call *calls, size_t count,
                      const dora_call_options *options, const waiter *how, uint64_t *id,
                      dora_error *error)
{
    uint64_t number = 0;
    waiter *waiting = dr_alloc(sizeof *waiting);
    if (waiting == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    *waiting = *how;
    dora_err err = dora_mux_start(async->mux, mode, calls, count, options, dr_clock_ns(), waiting,
                                  &number, error);
    if (err != DORA_OK) {
        dr_free(waiting);
        return err;
    }
    if (id != NULL) {
        *id = number;
    }
    dr_uv_wake(async);
    return DORA_OK;
}

dora_err dora_async_call(dora_async *async, const dora_call *call, const dora_call_options *options,
                         dora_async_fn on_done, void *user, uint64_t *id, dora_error *error)
{
    const waiter how = {.on_done = on_done, .user = user};
    return begin(async, DORA_MUX_CALL, call, 1, options, &how, id, error);
}

dora_err dora_async_call_many(dora_async *async, const dora_call *calls, size_t count,
                              const dora_call_options *options, dora_async_fn on_done, void *user,
                              uint64_t *id, dora_error *error)
{
    const waiter how = {.on_done = on_done, .user = user};
    return begin(async, DORA_MUX_CALL_MANY, calls, count, options, &how, id, error);
}

dora_err dora_async_send(dora_async *async, const dora_call *call, const dora_call_options *options,
                         dora_async_fn on_done, void *user, uint64_t *id, dora_error *error)
{
    const waiter how = {.on_done = on_done, .user = user};
    return begin(async, DORA_MUX_SEND, call, 1, options, &how, id, error);
}

dora_err dora_async_send_many(dora_async *async, const dora_call *calls, size_t count,
                              const dora_call_options *options, dora_async_fn on_done, void *user,
                              uint64_t *id, dora_error *error)
{
    const waiter how = {.on_done = on_done, .user = user};
    return begin(async, DORA_MUX_SEND_MANY, calls, count, options, &how, id, error);
}

dora_err dora_async_submit(dora_async *async, const dora_call *call,
                           const dora_call_options *options, dora_async_fn on_accepted,
                           dora_async_fn on_done, void *user, uint64_t *id, dora_error *error)
{
    const waiter how = {.on_accepted = on_accepted, .on_done = on_done, .user = user};
    return begin(async, DORA_MUX_SUBMIT, call, 1, options, &how, id, error);
}

dora_err dora_async_submit_many(dora_async *async, const dora_call *calls, size_t count,
                                const dora_call_options *options, dora_async_fn on_accepted,
                                dora_async_fn on_done, void *user, uint64_t *id, dora_error *error)
{
    const waiter how = {.on_accepted = on_accepted, .on_done = on_done, .user = user};
    return begin(async, DORA_MUX_SUBMIT_MANY, calls, count, options, &how, id, error);
}

dora_err dora_async_control(dora_async *async, const char *command,
                            const dora_call_options *options, dora_async_fn on_done, void *user,
                            uint64_t *id, dora_error *error)
{
    const waiter how = {.on_done = on_done, .user = user};
    const dora_call call = {.name = {command, command != NULL ? strlen(command) : 0}};
    return begin(async, DORA_MUX_CONTROL, &call, 1, options, &how, id, error);
}

dora_err dora_async_stream(dora_async *async, const dora_call *call,
                           const dora_call_options *options, dora_async_word_fn on_word,
                           dora_async_fn on_done, void *user, uint64_t *id, dora_error *error)
{
    const waiter how = {.on_word = on_word, .on_done = on_done, .user = user};
    return begin(async, DORA_MUX_STREAM, call, 1, options, &how, id, error);
}

void dora_async_take(dora_async *async, uint64_t id, uint32_t count)
{
    dora_mux_take(async->mux, id, count, dr_clock_ns());
    dr_uv_wake(async);
}

bool dora_async_cancel(dora_async *async, uint64_t id)
{
    void *waiting = NULL;
    if (!dora_mux_cancel(async->mux, id, &waiting)) {
        return false;
    }
    dr_free(waiting);
    dr_uv_wake(async); /* a connection may have lost its last call */
    return true;
}
