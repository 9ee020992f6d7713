/* parts.c: handlers that send parts: what a generator yields goes out, what it returns is the
 * result. Where an event loop runs, dora/_parts.py drives it, with what running.c and this file
 * give: a part is sent on the loop's thread, and one that has no room yet is awaited. */
#include "async_worker.h"

/* is_one_of asks collections.abc of what is no generator of Python's own: Cython's are, too. */
static bool is_one_of(PyObject *object, const char *name)
{
    PyObject *module = PyImport_ImportModule("collections.abc");
    PyObject *type = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    const int is_one = type != NULL ? PyObject_IsInstance(object, type) : -1;
    PyErr_Clear();
    Py_XDECREF(module);
    Py_XDECREF(type);
    return is_one > 0;
}

dr_py_parts_kind dr_py_parts_kind_of(PyObject *result)
{
    if (PyGen_CheckExact(result)) {
        return DR_PY_PARTS;
    }
    if (PyAsyncGen_CheckExact(result)) {
        return DR_PY_PARTS_ASYNC;
    }
    if (Py_TYPE(result)->tp_iternext != NULL) {
        return is_one_of(result, "Generator") ? DR_PY_PARTS : DR_PY_PARTS_NONE;
    }
    return is_one_of(result, "AsyncGenerator") ? DR_PY_PARTS_ASYNC : DR_PY_PARTS_NONE;
}

bool dr_py_is_awaitable(PyObject *object)
{
    const PyAsyncMethods *methods = Py_TYPE(object)->tp_as_async;
    return methods != NULL && methods->am_await != NULL;
}

/* send_part writes one value and sends it. Returns: DORA_ETYPE with an exception, or as
 * dora_reply_part does. Ownership: takes `value`. */
static dora_err send_part(dr_py_state *state, dora_reply *reply, PyObject *value, PyObject *hook)
{
    const dora_err err =
        dr_py_encode(state, dora_reply_writer(reply), value, hook, DR_PY_CALL_DEPTH_MAX);
    Py_DECREF(value);
    return err == DORA_ETYPE ? err : dora_reply_part(reply); /* the core says what else is wrong */
}

/* end closes a generator that will not go on, so that its `finally` runs. What that raises does not
 * replace what has ended it. */
static void end(PyObject *generator)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    (void)dr_py_report(PyObject_CallMethod(generator, "close", NULL), generator);
    PyErr_Restore(type, value, traceback);
}

PyObject *dr_py_parts_send(dr_py_host *self, dora_reply *reply, PyObject *generator, dora_err *err)
{
    PyObject *value = NULL;
    *err = DORA_OK;
    for (;;) {
        const PySendResult step = PyIter_Send(generator, Py_None, &value);
        if (step != PYGEN_NEXT) {
            return value; /* what it returned; NULL: it raised */
        }
        const dora_err sent = send_part(self->state, reply, value, self->app->encode);
        if (sent != DORA_ETYPE && self->kept != NULL) { /* a signal's handler raised meanwhile */
            PyErr_SetObject((PyObject *)Py_TYPE(self->kept), self->kept);
        }
        if (PyErr_Occurred()) {
            end(generator);
            return NULL;
        }
        if (sent != DORA_OK) {
            *err = sent;
            self->is_raised |= sent == DORA_ECANCELLED; /* it is not to be hit as it cleans up */
            end(generator);
            return Py_NewRef(Py_None);
        }
    }
}

dora_err dr_py_parts_reply(dr_py_state *state, const dora_request *request, dora_reply *reply,
                           PyObject *result, PyObject *hook, dora_err err)
{
    const bool is_exception = result == NULL && PyErr_ExceptionMatches(PyExc_Exception);
    if (err != DORA_OK && (result != NULL || is_exception)) { /* the reply says so already */
        if (is_exception) {
            PyErr_WriteUnraisable(NULL);
        }
        Py_XDECREF(result);
        return err;
    }
    if (result == Py_None) {
        Py_DECREF(result);
        dora_reply_no_result(reply);
        return DORA_OK;
    }
    return dr_py_reply_result(state, request, reply, result, hook);
}

/* ---- where an event loop runs ---- */

PyObject *dr_py_parts_drive(const char *how, PyObject *one, PyObject *generator, PyObject *loop)
{
    PyObject *module = PyImport_ImportModule("dora._parts");
    PyObject *made =
        module != NULL ? PyObject_CallMethod(module, how, "OOO", one, generator, loop) : NULL;
    Py_XDECREF(module);
    return made;
}

PyObject *dr_py_parts_await(dr_py_running *one, PyObject *generator)
{
    const bool is_async = dr_py_parts_kind_of(generator) == DR_PY_PARTS_ASYNC;
    one->is_stream = true;
    PyObject *made = dr_py_parts_drive(is_async ? "send" : "send_beside", (PyObject *)one,
                                       generator, one->owner->loop);
    Py_DECREF(generator);
    return made;
}

/* stall has a call wait for room: its time stands still. */
static bool stall(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    one->room = PyObject_CallMethod(self->loop, "create_future", NULL);
    if (one->room == NULL) {
        return false;
    }
    if (one->paused_ns == 0) {
        one->paused_ns = dr_py_clock_ns();
    }
    one->next_stalled = self->stalled;
    self->stalled = one;
    if (one->in != NULL && one->in != &self->plain && one->in != &self->late) {
        dr_py_line_remove(one);
        dr_py_line_add(&self->unlimited, one);
    }
    return true;
}

/* go_on has its time run again. */
static void go_on(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    if (one->paused_ns == 0) {
        return;
    }
    one->begin_ns += dr_py_clock_ns() - one->paused_ns;
    one->paused_ns = 0;
    if (one->in == &self->unlimited) {
        dr_py_line_remove(one);
        dr_py_open(one);
    } else if (one->limit_ns != 0) {
        dr_py_arm(self, one->begin_ns + one->limit_ns);
    }
}

void dr_py_parts_wake(dr_py_running *one)
{
    PyObject *room = one->room;
    dr_py_running **at = &one->owner->stalled;
    while (*at != one) {
        at = &(*at)->next_stalled;
    }
    *at = one->next_stalled;
    one->room = NULL;
    PyObject *is_done = PyObject_CallMethod(room, "done", NULL);
    if (is_done == Py_False) {
        (void)dr_py_report(PyObject_CallMethod(room, "set_result", "O", Py_None), room);
    }
    Py_XDECREF(is_done);
    Py_DECREF(room);
}

void dr_py_parts_look(dr_py_loop *self)
{
    const dora_task *task;
    while ((task = dora_worker_roomy(self->worker)) != NULL) {
        dr_py_running *one = self->stalled;
        while (one != NULL && one->task != task) {
            one = one->next_stalled;
        }
        if (one != NULL) { /* else it has failed to wait, and ends */
            dr_py_parts_wake(one);
        }
    }
}

/* state_of is what a part's sender is told: True, False where the generator has to end, or a future
 * to wait for before again(). */
static PyObject *state_of(dr_py_running *one, dora_err err)
{
    if (err == DORA_EAGAIN) {
        return one->room != NULL || stall(one) ? Py_NewRef(one->room) : NULL;
    }
    go_on(one);
    one->err = err;
    one->is_told |= err == DORA_ECANCELLED; /* it is not to be hit as it cleans up */
    return PyBool_FromLong(err == DORA_OK);
}

PyObject *dr_py_parts_are_given(dr_py_running *one, PyObject *result)
{
    const bool are_given =
        dr_py_may_be_parts(result) && dr_py_parts_kind_of(result) != DR_PY_PARTS_NONE;
    one->is_stream |= are_given;
    return PyBool_FromLong(are_given);
}

PyObject *dr_py_parts_part(dr_py_running *one, PyObject *value)
{
    if (one->owner == NULL || one->task == NULL) { /* it has its answer */
        Py_RETURN_FALSE;
    }
    const dora_err err = send_part(one->owner->state, dora_task_reply(one->task), Py_NewRef(value),
                                   one->owner->encode);
    return err != DORA_ETYPE ? state_of(one, err) : NULL;
}

/* end_now has a call end that got its answer while it waited for room: it has its thread again. */
static void end_now(dr_py_running *one)
{
    dr_py_loop *self = one->owner;
    const bool has_waited = one->paused_ns != 0;
    one->paused_ns = 0;
    if (has_waited && self->worker != NULL) {
        one->asked_ns = dr_py_clock_ns();
        (void)dr_py_call_later(self, (double)dr_py_grace_ns(self) * 1e-9, self->grace);
    }
}

PyObject *dr_py_parts_again(dr_py_running *one, PyObject *Py_UNUSED(ignored))
{
    if (one->owner == NULL) {
        Py_RETURN_FALSE;
    }
    if (one->task == NULL) {
        end_now(one);
        Py_RETURN_FALSE;
    }
    return state_of(one, dora_reply_part(dora_task_reply(one->task)));
}
