/* plain.c: handlers that are no async def, in a worker with an event loop: a thread runs them, one
 * after the other, while the loop goes on. dora/_threads.py has the thread and its queue.
 *
 * The thread calls the handler and does nothing else with the task: parameters are read and replies
 * written on the loop's thread, which alone uses the worker. All of it holds the GIL. */
#include "async_worker.h"

bool dr_py_plain_begin(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    one->handler = dora_task_handler(one->task);
    one->context = PyContext_Copy(self->context);
    if (one->context != NULL && PyContext_Enter(one->context) == 0) {
        Py_XDECREF(PyContextVar_Set(self->state->running, (PyObject *)one));
        (void)PyContext_Exit(one->context);
        one->arguments = dr_py_arguments(self->state, one->handler, dora_task_request(one->task),
                                         dora_task_reply(one->task), &one->shown);
    }
    PyObject *put = NULL;
    if (one->arguments != NULL) {
        dora_task_wait(one->task);
        put = PyObject_CallMethod(self->threads, "put", "O", (PyObject *)one);
    }
    if (put == NULL) {
        dr_py_answer_result(one, NULL);
        Py_CLEAR(one->context);
        return false;
    }
    Py_DECREF(put);
    dr_py_line_add(&self->plain, one);
    self->shortest_ns = dr_py_sooner(self->shortest_ns, one->limit_ns);
    dr_py_arm(self, self->shortest_ns != 0 ? dr_py_clock_ns() + self->shortest_ns : 0);
    return true;
}

/* ---- in a thread ---- */

static void call(dr_py_running *one)
{
    PyObject *arguments = one->arguments;
    one->arguments = NULL;
    one->begin_ns = dr_py_clock_ns();
    one->thread = PyThread_get_thread_ident();
    one->has_begun = true;
    if (PyContext_Enter(one->context) == 0) {
        one->result = PyObject_CallObject(one->handler->callable, arguments);
        if (one->result != NULL && dr_py_may_be_parts(one->result) &&
            dr_py_parts_kind_of(one->result) == DR_PY_PARTS) {
            one->is_stream = true;
            Py_SETREF(one->result,
                      dr_py_parts_drive("pump", (PyObject *)one, one->result, one->owner->loop));
        }
        Py_DECREF(arguments); /* in its context: the end of an object may look at it */
        (void)PyContext_Exit(one->context);
    }
    if (one->result == NULL) {
        one->raised = dr_py_raised_take();
    }
}

/* leave ends a process that the handler has forked: of the worker's threads it has only this one,
 * and the loop that it would tell is its parent's. */
static void leave(const dr_py_running *one)
{
    dr_py_state *state = one->owner->state;
    if (one->raised != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(one->raised), one->raised);
        dr_py_child_raised(state);
    }
    PyObject *module = PyImport_ImportModule("dora._leave");
    (void)dr_py_report(
        module != NULL ? PyObject_CallMethod(module, "leave", "i", state->child_status) : NULL,
        module);
}

PyObject *dr_py_plain_run(dr_py_running *one, PyObject *Py_UNUSED(ignored))
{
    /* One that was given up while it waited is not run. */
    if (one->task != NULL && dora_task_begin(one->task)) {
        call(one);
        dr_py_interrupt_thread_ends(); /* the next one in this thread is not hit by it */
        if (dora_is_forked()) {
            leave(one);
        }
    }
    one->has_ended = true;
    if (one->owner != NULL) {
        (void)dr_py_report(
            PyObject_CallMethod(one->owner->loop, "call_soon_threadsafe", "O", (PyObject *)one),
            one->owner->loop);
    }
    return PyBool_FromLong(one->is_stuck);
}

/* ---- on the loop's thread ---- */

/* A wrapper of an async def has returned what is to be awaited; its time begins again. Returns:
 * whether it runs on. */
static bool runs_on(dr_py_running *one)
{
    PyObject *result = one->result;
    const bool gives_parts = result != NULL && !one->is_stream && dr_py_may_be_parts(result) &&
                             dr_py_parts_kind_of(result) != DR_PY_PARTS_NONE;
    if (result == NULL || (!gives_parts && !dr_py_is_awaitable(result)) ||
        PyContext_Enter(one->context) < 0) {
        return false;
    }
    one->result = NULL;
    if (gives_parts) {
        result = dr_py_parts_await(one, result);
    }
    const bool is_begun = result != NULL && dr_py_await(one, result);
    (void)PyContext_Exit(one->context);
    if (!is_begun) {
        return false;
    }
    Py_CLEAR(one->context); /* the task has a copy */
    dr_py_line_remove(one);
    (void)dora_task_begin(one->task);
    one->begin_ns = dr_py_clock_ns();
    dr_py_open(one);
    return true;
}

void dr_py_plain_done(dr_py_running *one)
{
    if (one->task == NULL) { /* answered already */
        Py_CLEAR(one->result);
        Py_CLEAR(one->raised);
    } else if (one->result == NULL && one->raised == NULL) {
        dr_py_answer(one, DORA_EHANDLER);
    } else if (runs_on(one)) {
        return;
    } else {
        PyObject *result = one->result;
        one->result = NULL;
        if (one->raised != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(one->raised), one->raised);
            Py_CLEAR(one->raised);
        }
        dr_py_answer_result(one, result);
    }
    Py_CLEAR(one->context); /* which has this call as a value: what it set would stay */
    dr_py_ended(one);
}

/* Those that run stand before those that wait, for they are taken in this order. One that waits may
 * begin at any moment, and then has at least the shortest limit. */
uint64_t dr_py_plain_due_ns(const dr_py_loop *self, uint64_t now_ns)
{
    uint64_t due_ns = 0;
    const dr_py_running *one = self->plain.first;
    for (; one != NULL && one->has_begun; one = one->next) {
        const bool has_limit = one->limit_ns != 0 && one->paused_ns == 0;
        due_ns = dr_py_sooner(due_ns, has_limit ? one->begin_ns + one->limit_ns : 0);
    }
    const bool does_one_wait = one != NULL && self->shortest_ns != 0;
    return dr_py_sooner(due_ns, does_one_wait ? now_ns + self->shortest_ns : 0);
}

void dr_py_plain_sweep(dr_py_loop *self, uint64_t now_ns)
{
    dr_py_running *next = NULL;
    for (dr_py_running *one = self->plain.first; one != NULL && one->has_begun; one = next) {
        next = one->next;
        if (one->has_ended || one->limit_ns == 0 || one->paused_ns != 0 ||
            now_ns < one->begin_ns + one->limit_ns) { /* it may have begun since `now_ns` */
            continue;
        }
        dr_py_end_early(one, DORA_INTERRUPT_TIME_LIMIT);
    }
}

void dr_py_plain_end_early(dr_py_running *one, dora_interrupt why)
{
    dr_py_loop *self = one->owner;
    if (one->paused_ns != 0) { /* it is in its yield, and learns of it there */
        return;
    }
    one->asked_ns = dr_py_clock_ns();
    if (!one->is_told) {
        dr_py_interrupt_thread(self->state, one->thread, why);
    }
    (void)dr_py_call_later(self, (double)dr_py_grace_ns(self) * 1e-9, self->grace);
}

/* Gives the threads one more for that which a call keeps. */
static void replace_thread(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    one->is_stuck = true;
    (void)dr_py_report(PyObject_CallMethod(self->threads, "start", NULL), self->threads);
}

static bool holds_thread(const dr_py_running *one)
{
    return one->has_begun && !one->has_ended && !one->is_stuck && one->coroutine == NULL &&
           one->paused_ns == 0; /* others have its place where it waits for room */
}

void dr_py_plain_give_up(dr_py_loop *self)
{
    for (dr_py_running *one = self->late.first; one != NULL; one = one->next) {
        if (holds_thread(one)) {
            replace_thread(one);
        }
    }
}

void dr_py_plain_grace(dr_py_loop *self)
{
    const uint64_t now_ns = dr_py_clock_ns();
    for (dr_py_running *one = self->late.first; one != NULL; one = one->next) {
        if (!holds_thread(one) || now_ns < one->asked_ns + dr_py_grace_ns(self)) {
            continue;
        }
        PyObject *bytes = dr_py_where(one->coroutine, one->thread);
        dr_py_say_stuck(one, one->name, bytes);
        Py_XDECREF(bytes);
        /* Those that wait for the thread are done by another one; nothing new comes. */
        replace_thread(one);
        dr_py_leave(self, (double)self->longest_ns / 1e9);
    }
}
