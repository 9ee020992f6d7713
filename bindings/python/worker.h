/* worker.h: what the files of a Python worker share: runtime.c, reply.c, async_worker.c. */
#ifndef DR_PY_WORKER_H
#define DR_PY_WORKER_H

#include "binding.h"

#include <stdatomic.h>
#include <time.h>

typedef struct dr_py_loop dr_py_loop;

/* dr_py_host is the first argument of each callback of the runtime. The GIL is held except between
 * sleep_begin and sleep_end. */
typedef struct dr_py_host {
    dr_py_state *state;
    dr_py_app *app; /* owned; NULL until loaded */
    PyThreadState *saved;
    dr_py_loop *loop;  /* owned; NULL where all handlers block */
    PyObject *context; /* owned; that of the start hooks, of which each call has a copy */
    uint32_t worker;
    bool has_forked;             /* what is loaded may be shared by the workers */
    const dora_request *request; /* of the handler that runs, where that is one at a time */
    bool is_raised;              /* in it, what ends it */
    PyObject *kept;              /* what a signal's handler raised while it waited for room */
    int dump_fd;                 /* where faulthandler writes; -1: nowhere */
    atomic_uint_fast64_t
        told_ns; /* by the core's signal, which Python's handler has not seen yet */
} dr_py_host;

static inline uint64_t dr_py_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* dr_py_call calls a handler, runtime.c. `*shown` is the Request that it was given, NULL for none:
 * the caller ends it. Returns: the result, or NULL with an exception. */
PyObject *dr_py_call(dr_py_state *state, const dr_py_handler *handler, const dora_request *request,
                     dora_reply *reply, PyObject **shown);

/* dr_py_arguments is what it is called with: a tuple; NULL with an exception. */
PyObject *dr_py_arguments(dr_py_state *state, const dr_py_handler *handler,
                          const dora_request *request, dora_reply *reply, PyObject **shown);

/* ---- interrupt.c ---- */

/* dr_py_interrupt_begin has this worker's main thread heed what should end; what goes wrong is
 * printed. dr_py_interrupt is the callback of the runtime. */
void dr_py_interrupt_begin(dr_py_host *self);
void dr_py_interrupt(void *host, bool is_again);

/* dr_py_interrupt_class is what is raised, dr_py_interrupt_text what it says. Ownership: borrowed.
 */
PyObject *dr_py_interrupt_class(const dr_py_state *state, dora_interrupt why);
const char *dr_py_interrupt_text(dora_interrupt why);

/* dr_py_interrupt_thread raises it in another thread at its next step in Python;
 * dr_py_interrupt_thread_ends takes that back in this one, when what should have ended has. */
void dr_py_interrupt_thread(const dr_py_state *state, unsigned long thread, dora_interrupt why);
void dr_py_interrupt_thread_ends(void);

/* dr_py_stack_of gives where a frame is, as dora_stack_put takes it: bytes; NULL, without an
 * exception, when out of memory. */
PyObject *dr_py_stack_of(PyFrameObject *frame);

/* ---- reply.c ---- */

/* dr_py_reply_result makes what a handler returned the reply; NULL: the exception that it raised.
 * `hook` is that of its application, as dr_py_encode takes it.
 * Ownership: takes `result`. Returns: what `invoke` returns.
 * dr_py_reply_exception makes the pending exception the reply, and tells the log of it. */
dora_err dr_py_reply_result(dr_py_state *state, const dora_request *request, dora_reply *reply,
                            PyObject *result, PyObject *hook);
dora_err dr_py_reply_exception(dr_py_state *state, const dora_request *request, dora_reply *reply);

/* ---- parts.c ---- */

typedef enum dr_py_parts_kind {
    DR_PY_PARTS_NONE = 0, /* it is a result */
    DR_PY_PARTS,          /* a generator */
    DR_PY_PARTS_ASYNC     /* an async generator */
} dr_py_parts_kind;

/* dr_py_parts_kind_of says whether what a handler returned gives parts. dr_py_may_be_parts rules it
 * out for what mostly is returned. */
dr_py_parts_kind dr_py_parts_kind_of(PyObject *result);
static inline bool dr_py_may_be_parts(PyObject *result)
{
    const PyTypeObject *type = Py_TYPE(result);
    return type->tp_iternext != NULL ||
           (type->tp_as_async != NULL && type->tp_as_async->am_anext != NULL);
}

/* dr_py_is_awaitable says whether `await` takes an object. */
bool dr_py_is_awaitable(PyObject *object);

/* dr_py_parts_send sends what a generator yields, where no event loop runs. Ownership: borrows it.
 * Returns: what it returned, NULL with what it raised; `*err` is not DORA_OK where the reply has
 * its error already: the generator was closed, and the result is None.
 * dr_py_parts_reply is dr_py_reply_result for what that gave. */
PyObject *dr_py_parts_send(dr_py_host *self, dora_reply *reply, PyObject *generator, dora_err *err);
dora_err dr_py_parts_reply(dr_py_state *state, const dora_request *request, dora_reply *reply,
                           PyObject *result, PyObject *hook, dora_err err);

/* dr_py_parts_drive calls a function of dora/_parts.py. Ownership: borrows all. */
PyObject *dr_py_parts_drive(const char *how, PyObject *one, PyObject *generator, PyObject *last);

/* dr_py_child_raised makes the pending exception the end of a process that the application has
 * forked: its status, and what Python prints. */
void dr_py_child_raised(dr_py_state *state);

/* dr_py_error_take puts the pending exception, with its traceback, into `error`. Returns: `err`. */
dora_err dr_py_error_take(dora_error *error, dora_err err);

/* ---- async_worker.c ---- */

/* dr_py_loop_open makes the event loop of a worker, by the application's policy, and the thread for
 * plain functions beside it. Returns: NULL with an exception. dr_py_loop_close ends what still runs
 * on it and frees it; NULL is fine. */
dr_py_loop *dr_py_loop_open(dr_py_state *state, PyObject *encode, bool has_threads);
void dr_py_loop_close(dr_py_loop *self);

/* dr_py_loop_complete runs what can be awaited to its end, in `context`, which is not entered now.
 * Ownership: borrows both. Returns: its result, or NULL with its exception. */
PyObject *dr_py_loop_complete(dr_py_loop *self, PyObject *awaitable, PyObject *context);

/* dr_py_loop_finish lets what handlers have started end, on a loop that dr_py_loop_run, which does
 * so itself, has not served; NULL is fine. */
void dr_py_loop_finish(dr_py_loop *self);

/* dr_py_loop_call runs a plain function in a thread, in `context` itself, and waits for its end;
 * `argument` may be NULL. Only where dr_py_loop_has_threads. Ownership: borrows all. */
PyObject *dr_py_loop_call(dr_py_loop *self, PyObject *callable, PyObject *argument,
                          PyObject *context);
bool dr_py_loop_has_threads(const dr_py_loop *self);

/* dr_py_loop_object is the asyncio loop itself. Ownership: borrowed. */
PyObject *dr_py_loop_object(const dr_py_loop *self);

/* dr_py_loop_run serves until the worker should leave; each call has a copy of `context`. Returns:
 * 0, or -1 with an exception. */
int dr_py_loop_run(dr_py_loop *self, dora_worker *worker, PyObject *context);

#endif
