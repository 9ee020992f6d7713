/* async.h: what the files of Mux, the inside of dora.AsyncClient, share. */
#ifndef DR_PY_ASYNC_H
#define DR_PY_ASYNC_H

#include "client.h"

/* dr_py_waiter is what one call waits with: the call's `user`. Members are owned. */
typedef struct dr_py_waiter {
    PyObject *future; /* of the call, or of a submission's acceptance; of a stream its inbox */
    PyObject *result; /* of a submission's result, else NULL */
    PyObject *keys;   /* of a call of many, else NULL */
    dora_mux_mode mode;
    bool is_accepted;
    struct dr_py_waiter *next;
    struct dr_py_waiter *before;
} dr_py_waiter;

/* dr_py_mux is a Mux. Thread: the loop's, with the GIL. */
typedef struct dr_py_mux {
    PyObject ob_base;
    dora_mux *mux;
    dr_py_lane *lane;      /* NULL while a call is made with it */
    PyObject *encode;      /* as that of a dr_py_client */
    dr_py_waiter *waiters; /* of all calls, so that the collector sees them */
    bool is_pumping;
} dr_py_mux;

dr_py_state *dr_py_mux_state(dr_py_mux *self);
uint64_t dr_py_now_ns(void);

/* dr_py_waiter_free takes a waiter out of the list and lets go of what it holds. */
void dr_py_waiter_free(dr_py_mux *self, dr_py_waiter *waiter);

/* dr_py_one is a call of one api, and what is told what comes of it: `result` None is nobody. */
typedef struct dr_py_one {
    dora_mux_mode mode;
    PyObject *future;
    PyObject *result;
    PyObject *name;
    PyObject *param;
} dr_py_one;

/* dr_py_mux_start_one begins it. Returns: its number, or NULL with an exception. */
PyObject *dr_py_mux_start_one(dr_py_mux *self, const dr_py_one *one,
                              const dora_call_options *options);

/* dr_py_settle_done and dr_py_settle_accepted resolve the futures that an event is for. An
 * exception on the way is the future's; none is left set. */
void dr_py_settle_done(dr_py_mux *self, const dora_mux_event *event);
void dr_py_settle_accepted(dr_py_mux *self, const dora_mux_event *event);

/* dr_py_settle_word gives a word of a stream to whom it is for, dr_py_settle_end what it ended with
 * (NULL: an exception is set). They take the value. async_stream.c. */
void dr_py_settle_word(dr_py_mux *self, const dora_mux_event *event);
void dr_py_settle_end(dr_py_waiter *waiter, PyObject *value, bool is_raised);

/* The methods that begin and end calls, async_call.c and async_stream.c. */
PyObject *dr_py_mux_start(dr_py_mux *self, PyObject *const *args, Py_ssize_t count);
PyObject *dr_py_mux_start_many(dr_py_mux *self, PyObject *const *args, Py_ssize_t count);
PyObject *dr_py_mux_cancel(dr_py_mux *self, PyObject *number);
PyObject *dr_py_mux_start_stream(dr_py_mux *self, PyObject *const *args, Py_ssize_t count);
PyObject *dr_py_mux_take(dr_py_mux *self, PyObject *const *args, Py_ssize_t count);
extern const char dr_py_mux_start_stream_doc[];
extern const char dr_py_mux_take_doc[];
extern const char dr_py_mux_start_doc[];
extern const char dr_py_mux_start_many_doc[];
extern const char dr_py_mux_cancel_doc[];

#endif
