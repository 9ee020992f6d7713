/* async_call.c: the calls of a Mux: from arguments to the core, and from events to futures. */
#include "async.h"

/* ---- waiters ---- */

/* A waiter for the futures, `result` None: there is one. NULL: an exception is set. */
static dr_py_waiter *waiter_new(dr_py_mux *self, PyObject *future, PyObject *result)
{
    dr_py_waiter *made = PyMem_Calloc(1, sizeof(*made));
    if (made == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    made->future = Py_NewRef(future);
    made->result = result != Py_None ? Py_NewRef(result) : NULL;
    made->next = self->waiters;
    if (self->waiters != NULL) {
        self->waiters->before = made;
    }
    self->waiters = made;
    return made;
}

void dr_py_waiter_free(dr_py_mux *self, dr_py_waiter *waiter)
{
    if (waiter->before != NULL) {
        waiter->before->next = waiter->next;
    } else {
        self->waiters = waiter->next;
    }
    if (waiter->next != NULL) {
        waiter->next->before = waiter->before;
    }
    Py_XDECREF(waiter->future);
    Py_XDECREF(waiter->result);
    Py_XDECREF(waiter->keys);
    PyMem_Free(waiter);
}

/* ---- beginning ---- */

/* What each call is given, after the futures and what to call. */
static int options_read(PyObject *const *args, dora_call_options *options)
{
    return dr_py_call_options_read(args[0], args[1], args[2], args[3], args[4], args[5], options);
}

/* The memory to make a call with, NULL with an exception. */
static dr_py_lane *lane_take(dr_py_mux *self)
{
    dr_py_lane *lane = self->lane != NULL ? self->lane : dr_py_lane_new();
    self->lane = NULL;
    if (lane == NULL) {
        PyErr_NoMemory();
    } else {
        lane->params_len = 0;
        lane->encode = self->encode;
    }
    return lane;
}

static void lane_give_back(dr_py_mux *self, dr_py_lane *lane)
{
    if (self->lane == NULL && lane->params_cap <= 1024u * 1024) {
        self->lane = lane;
    } else {
        dr_py_lane_free(lane);
    }
}

/* Hands the calls to the core. Returns: the call's number, or NULL with an exception. */
static PyObject *launch(dr_py_mux *self, dr_py_waiter *waiter, const dora_call *calls, size_t count,
                        const dora_call_options *options)
{
    uint64_t id = 0;
    dora_error error; /* large: not zeroed on this path */
    error.code = 0;
    error.msg[0] = '\0';
    bool has_deadline = dr_py_deadline_begin(dr_py_mux_state(self));
    dora_err err = dora_mux_start(self->mux, waiter->mode, calls, count, options, dr_py_now_ns(),
                                  waiter, &id, &error);
    if (has_deadline) {
        dr_py_deadline_end();
    }
    if (err == DORA_OK) {
        return PyLong_FromUnsignedLongLong(id);
    }
    if (!dora_mux_is_usable(self->mux)) {
        PyErr_SetString(PyExc_RuntimeError, error.msg);
    } else {
        error.err = err;
        dr_py_raise(dr_py_mux_state(self), &error);
    }
    return NULL;
}

/* Reads the mode and checks the number of arguments. */
static int mode_read(const char *method, PyObject *const *args, Py_ssize_t count, Py_ssize_t wanted,
                     dora_mux_mode *mode)
{
    if (count != wanted) {
        PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments", method, wanted);
        return -1;
    }
    long number = PyLong_AsLong(args[0]);
    if (number < DORA_MUX_CALL || number > DORA_MUX_SUBMIT_MANY) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_ValueError, "%s(): no mode %ld", method, number);
        }
        return -1;
    }
    *mode = (dora_mux_mode)number;
    return 0;
}

PyObject *dr_py_mux_start_one(dr_py_mux *self, const dr_py_one *one,
                              const dora_call_options *options)
{
    dora_call call = {0};
    PyObject *number = NULL;
    if (dr_py_name_read(one->name, &call.name) < 0) {
        return NULL;
    }
    dr_py_lane *lane = lane_take(self);
    dr_py_waiter *waiter = lane != NULL ? waiter_new(self, one->future, one->result) : NULL;
    if (waiter != NULL) {
        waiter->mode = one->mode;
        if (one->param == Py_None ||
            dr_py_param_encode(dr_py_mux_state(self), lane, one->param, &call.param) == 0) {
            number = launch(self, waiter, &call, 1, options);
        }
        if (number == NULL) {
            dr_py_waiter_free(self, waiter);
        }
    }
    if (lane != NULL) {
        lane_give_back(self, lane);
    }
    return number;
}

const char dr_py_mux_start_doc[] =
    "start($self, mode, future, result, name, param, timeout, retry, wait, group,\n"
    "trace, priority, /)\n--\n\n"
    "Begin a call of one api and return its number; `future` gets what comes of it. `mode` is\n"
    "0 (call), 2 (send) or 4 (submit: `future` gets the guid, `result` what collect() gives).";

PyObject *dr_py_mux_start(dr_py_mux *self, PyObject *const *args, Py_ssize_t count)
{
    dora_mux_mode mode = DORA_MUX_CALL;
    dora_call_options options = {.size = sizeof options};
    if (mode_read("start", args, count, 11, &mode) < 0 || options_read(args + 5, &options) < 0) {
        return NULL;
    }
    const dr_py_one one = {
        .mode = mode, .future = args[1], .result = args[2], .name = args[3], .param = args[4]};
    return dr_py_mux_start_one(self, &one, &options);
}

const char dr_py_mux_start_many_doc[] =
    "start_many($self, mode, future, result, calls, timeout, retry, wait, group,\n"
    "trace, priority, /)\n--\n\n"
    "Begin a call of several apis, {key: (name, param)}, and return its number; as start(),\n"
    "`mode` being 1, 3 or 5.";

PyObject *dr_py_mux_start_many(dr_py_mux *self, PyObject *const *args, Py_ssize_t count)
{
    static const char *const methods[] = {"call_many", "send_many", "submit_many"};
    dora_mux_mode mode = DORA_MUX_CALL;
    dora_call_options options = {.size = sizeof options};
    PyObject *number = NULL;
    if (mode_read("start_many", args, count, 10, &mode) < 0 ||
        options_read(args + 4, &options) < 0) {
        return NULL;
    }
    dr_py_many all = {.method = methods[mode / 2]};
    if (!PyDict_Check(args[3])) {
        PyErr_Format(PyExc_TypeError, "%s(): calls must be dict, not %s", all.method,
                     Py_TYPE(args[3])->tp_name);
        return NULL;
    }
    dr_py_lane *lane = lane_take(self);
    dr_py_waiter *waiter = lane != NULL ? waiter_new(self, args[1], args[2]) : NULL;
    if (waiter != NULL) {
        waiter->mode = mode;
        if (dr_py_many_read(&all, dr_py_mux_state(self), lane, args[3]) == 0) {
            waiter->keys = Py_NewRef(all.keys);
            number = launch(self, waiter, all.calls, all.count, &options);
        }
        if (number == NULL) {
            dr_py_waiter_free(self, waiter);
        }
    }
    dr_py_many_fini(&all);
    if (lane != NULL) {
        lane_give_back(self, lane);
    }
    return number;
}

const char dr_py_mux_cancel_doc[] =
    "cancel($self, number, /)\n--\n\n"
    "Forget a call. Its futures are left alone. Returns whether it was under way.";

PyObject *dr_py_mux_cancel(dr_py_mux *self, PyObject *number)
{
    void *waiter = NULL;
    unsigned long long id = PyLong_AsUnsignedLongLong(number);
    if (id == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!dora_mux_cancel(self->mux, id, &waiter)) {
        Py_RETURN_FALSE;
    }
    dr_py_waiter_free(self, waiter);
    Py_RETURN_TRUE;
}

/* ---- ending ---- */

/* Gives a future its value, unless it was cancelled meanwhile. Takes the value, which is NULL where
 * an exception is set: then that is the value. */
static void resolve(dr_py_state *state, PyObject *future, PyObject *value, bool is_raised)
{
    PyObject *answer = NULL;
    PyObject *done = NULL;
    value = value != NULL ? value : dr_py_raised_take();
    if (future != NULL) { /* else the collector has taken it */
        done = PyObject_CallMethodNoArgs(future, state->done_name);
    }
    if (done == Py_False) {
        answer = PyObject_CallMethodOneArg(
            future, is_raised ? state->exception_name : state->result_name, value);
    }
    if (PyErr_Occurred()) { /* its loop is closed */
        PyErr_WriteUnraisable(future);
    }
    Py_XDECREF(done);
    Py_XDECREF(answer);
    Py_XDECREF(value);
}

static PyObject *error_new(dr_py_state *state, const dora_mux_event *event)
{
    return event->err == DORA_ENOMEM ? PyErr_NoMemory()
                                     : dr_py_error_from(state, event->error, event->answer);
}

/* What a call gave, `*is_raised` where it is to be raised. NULL: an exception is set. */
static PyObject *outcome(dr_py_state *state, const dr_py_waiter *waiter,
                         const dora_mux_event *event, bool *is_raised)
{
    *is_raised = event->err != DORA_OK;
    if (event->err != DORA_OK) {
        return error_new(state, event);
    }
    if (waiter->mode == DORA_MUX_SEND || waiter->mode == DORA_MUX_SEND_MANY) {
        return Py_NewRef(Py_None);
    }
    if (waiter->keys != NULL) {
        return dr_py_results_read(state, event->answer, waiter->keys);
    }
    const dora_result *result = dora_answer_result(event->answer, 0);
    *is_raised = result->code != 0;
    return dr_py_result_read(state, result);
}

void dr_py_settle_done(dr_py_mux *self, const dora_mux_event *event)
{
    dr_py_state *state = dr_py_mux_state(self);
    dr_py_waiter *waiter = event->user;
    bool is_raised = false;
    PyObject *value = outcome(state, waiter, event, &is_raised);
    if (waiter->mode == DORA_MUX_STREAM) {
        dr_py_settle_end(waiter, value, is_raised);
    } else if (waiter->is_accepted) { /* what collect() gives is never raised */
        resolve(state, waiter->result, value, false);
    } else {
        resolve(state, waiter->future, value, is_raised || value == NULL);
    }
    dr_py_waiter_free(self, waiter);
}

void dr_py_settle_accepted(dr_py_mux *self, const dora_mux_event *event)
{
    dr_py_waiter *waiter = event->user;
    PyObject *guid = PyUnicode_FromString(dora_answer_guid(event->answer));
    waiter->is_accepted = true;
    resolve(dr_py_mux_state(self), waiter->future, guid, guid == NULL);
}
