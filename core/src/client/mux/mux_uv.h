/* mux_uv.h: the inside of a dora_async: a mux and the libuv handles that drive it. */
#ifndef DR_CLIENT_MUX_UV_H
#define DR_CLIENT_MUX_UV_H

#include <uv.h>

#include <dora/client_uv.h>
#include <dora/mux.h>

typedef struct dr_uv_conn dr_uv_conn;

struct dora_async {
    dora_mux *mux;
    uv_loop_t *loop;
    uv_prepare_t pump;  /* once a turn, before the loop waits: so writes are few and large */
    uv_timer_t timer;   /* for the earliest deadline */
    uint64_t timer_ns;  /* when it fires; 0: it does not run */
    dr_uv_conn **conns; /* by the index of their number */
    size_t conn_room;
    size_t handles; /* that libuv has not closed yet, and look-ups under way */
    bool is_pumping;
    bool is_closing;
    dora_async_close_fn on_closed;
    void *user;
};

/* dr_uv_wake has the events looked at before the loop waits again; dr_uv_pump does so now. */
void dr_uv_wake(dora_async *async);
void dr_uv_pump(dora_async *async);

/* dr_uv_gone counts one handle less; with the last one the whole is freed. */
void dr_uv_gone(dora_async *async);

#endif
