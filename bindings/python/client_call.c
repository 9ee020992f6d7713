/* client_call.c: the calls of dora.Client for one api. The GIL is given up while a call waits. */
#include "client.h"

/* ---- a call without the GIL ---- */

/* Asked by the core when a signal came while it waited: Python's handlers run now, and where one of
 * them raises the call ends. */
static bool is_interrupted(void *user)
{
    dr_py_wait *wait = user;
    PyEval_RestoreThread(wait->saved);
    wait->has_raised = PyErr_CheckSignals() < 0;
    wait->saved = PyEval_SaveThread();
    return wait->has_raised;
}

void dr_py_wait_begin(dr_py_wait *wait, dr_py_state *state, dora_call_options *options)
{
    wait->has_deadline = dr_py_deadline_begin(state);
    options->is_interrupted = is_interrupted;
    options->user = wait;
    wait->has_raised = false;
    wait->saved = PyEval_SaveThread();
}

int dr_py_wait_end(dr_py_wait *wait, dr_py_state *state, dora_err err, dora_error *error,
                   const dora_answer *answer)
{
    PyEval_RestoreThread(wait->saved);
    if (wait->has_deadline) {
        dr_py_deadline_end();
    }
    if (wait->has_raised) {
        return -1;
    }
    if (err != DORA_OK) {
        error->err = err;
        dr_py_raise_from(state, error, answer);
        return -1;
    }
    return 0;
}

/* ---- in and out ---- */

int dr_py_param_encode(dr_py_state *state, dr_py_lane *lane, PyObject *param, dora_slice *encoded)
{
    dora_writer_reset(lane->writer);
    dora_err err = dr_py_encode(state, lane->writer, param, lane->encode, DR_PY_CALL_DEPTH_MAX);
    if (err == DORA_OK) {
        err = dora_writer_finish(lane->writer, encoded);
    }
    if (err != DORA_OK && !PyErr_Occurred()) {
        dora_error error;
        char problem[96];
        dora_writer_problem(lane->writer, problem, sizeof(problem));
        dora_error_set(&error, err, "$: %s", problem);
        dr_py_raise(state, &error);
    }
    return err == DORA_OK ? 0 : -1;
}

int dr_py_name_read(PyObject *name, dora_slice *slice)
{
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "an api name must be str, not %s", Py_TYPE(name)->tp_name);
        return -1;
    }
    Py_ssize_t len = 0;
    slice->data = PyUnicode_AsUTF8AndSize(name, &len);
    slice->len = (size_t)len;
    return slice->data != NULL ? 0 : -1;
}

PyObject *dr_py_data_read(dr_py_state *state, const dora_result *result)
{
    return dr_py_decode(state, result->data.len > 0 ? result->data : (dora_slice){"N;", 2});
}

PyObject *dr_py_result_read(dr_py_state *state, const dora_result *result)
{
    return result->code == 0 ? dr_py_data_read(state, result)
                             : dr_py_error_from_result(state, result);
}

/* What a method for one api was given; NULL where it was not. */
typedef struct given {
    PyObject *name;
    PyObject *param;
    PyObject *timeout;
    PyObject *retry;
    PyObject *wait;
    PyObject *group;
    PyObject *trace;
    PyObject *priority;
} given;

static PyObject **given_place(given *all, PyObject *keyword)
{
    if (PyUnicode_CompareWithASCIIString(keyword, "timeout") == 0) {
        return &all->timeout;
    }
    if (PyUnicode_CompareWithASCIIString(keyword, "group") == 0) {
        return &all->group;
    }
    if (PyUnicode_CompareWithASCIIString(keyword, "retry") == 0) {
        return &all->retry;
    }
    if (PyUnicode_CompareWithASCIIString(keyword, "wait") == 0) {
        return &all->wait;
    }
    if (PyUnicode_CompareWithASCIIString(keyword, "trace") == 0) {
        return &all->trace;
    }
    if (PyUnicode_CompareWithASCIIString(keyword, "priority") == 0) {
        return &all->priority;
    }
    if (PyUnicode_CompareWithASCIIString(keyword, "param") == 0) {
        return &all->param;
    }
    return PyUnicode_CompareWithASCIIString(keyword, "name") == 0 ? &all->name : NULL;
}

/* Reads the arguments of `method` by hand: this is on the path of each call. */
static int given_read(given *all, const char *method, PyObject *const *args, Py_ssize_t count,
                      PyObject *keywords)
{
    if (count > 2) {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes name and param; timeout, retry, wait, group, trace and priority "
                     "by keyword",
                     method);
        return -1;
    }
    *all = (given){.name = count > 0 ? args[0] : NULL, .param = count > 1 ? args[1] : NULL};
    Py_ssize_t keywords_count = keywords != NULL ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t i = 0; i < keywords_count; i++) {
        PyObject **place = given_place(all, PyTuple_GET_ITEM(keywords, i));
        if (place == NULL || *place != NULL) {
            PyErr_Format(PyExc_TypeError, "%s(): unexpected or repeated argument %R", method,
                         PyTuple_GET_ITEM(keywords, i));
            return -1;
        }
        *place = args[count + i];
    }
    if (all->name == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() needs the api name", method);
        return -1;
    }
    return 0;
}

/* ---- the calls ---- */

typedef dora_err (*one_fn)(dora_client *client, const dora_call *call,
                           const dora_call_options *options, dora_answer *answer,
                           dora_error *error);

static int one_run(dr_py_client *self, dr_py_lane *lane, const given *all, one_fn run)
{
    dr_py_state *state = dr_py_client_state(self);
    dora_call call = {0};
    dora_call_options options = {.size = sizeof options};
    if (dr_py_name_read(all->name, &call.name) < 0 ||
        dr_py_call_options_read(all->timeout, all->retry, all->wait, all->group, all->trace,
                                all->priority, &options) < 0) {
        return -1;
    }
    if (all->param != NULL && all->param != Py_None &&
        dr_py_param_encode(state, lane, all->param, &call.param) < 0) {
        return -1;
    }
    dora_error error; /* large: not zeroed on this path */
    error.code = 0;
    error.msg[0] = '\0';
    dr_py_wait wait;
    dr_py_wait_begin(&wait, state, &options);
    const dora_err err = run(self->client, &call, &options, lane->answer, &error);
    return dr_py_wait_end(&wait, state, err, &error, lane->answer);
}

/* Runs one api. Returns: the lane, whose answer has what came, or NULL with an exception. */
static dr_py_lane *one_perform(dr_py_client *self, const char *method, PyObject *const *args,
                               Py_ssize_t count, PyObject *keywords, one_fn run)
{
    given all;
    if (given_read(&all, method, args, count, keywords) < 0) {
        return NULL;
    }
    dr_py_lane *lane = dr_py_lane_take(self);
    if (lane != NULL && one_run(self, lane, &all, run) < 0) {
        dr_py_lane_give_back(self, lane);
        lane = NULL;
    }
    return lane;
}

const char dr_py_client_call_doc[] =
    "call($self, name, param=None, *, timeout=None, retry=None, wait=None, group=None,\n"
    "trace=None, priority=None)\n--\n\n"
    "Call one api and return the handler's data. `timeout` is in seconds, for the whole\n"
    "call; inside a handler it is at most what its own caller still waits. None stands for\n"
    "the client's own value.\n"
    "Raises HandlerError (the handler failed), NotRunError (refused before it ran),\n"
    "TimeoutError, ConnectionError; ValueError for a group that is not there; TypeError,\n"
    "ValueError or OverflowError, naming the path, for a parameter that has no place on\n"
    "the wire. Ctrl-C raises KeyboardInterrupt at once.";

PyObject *dr_py_client_call(dr_py_client *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *keywords)
{
    dr_py_lane *lane = one_perform(self, "call", args, count, keywords, dora_client_call);
    if (lane == NULL) {
        return NULL;
    }
    dr_py_state *state = dr_py_client_state(self);
    const dora_result *result = dora_answer_result(lane->answer, 0);
    PyObject *value = dr_py_result_read(state, result);
    if (result->code != 0 && value != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(value), value);
        Py_CLEAR(value);
    }
    dr_py_lane_give_back(self, lane);
    return value;
}

const char dr_py_client_send_doc[] =
    "send($self, name, param=None, *, timeout=None, retry=None, wait=None, group=None,\n"
    "trace=None, priority=None)\n--\n\n"
    "Have one api run, and wait for no result. Returns None once the server has queued it:\n"
    "it runs then, even when this process ends. Raises as call() does where it was not\n"
    "queued; what the handler itself raises stands in the server's log.";

PyObject *dr_py_client_send(dr_py_client *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *keywords)
{
    dr_py_lane *lane = one_perform(self, "send", args, count, keywords, dora_client_send);
    if (lane == NULL) {
        return NULL;
    }
    dr_py_lane_give_back(self, lane);
    Py_RETURN_NONE;
}

const char dr_py_client_submit_doc[] =
    "submit($self, name, param=None, *, timeout=None, retry=None, wait=None, group=None,\n"
    "trace=None, priority=None)\n--\n\n"
    "Have one api run, and fetch the result later. Returns a PendingResult once the server\n"
    "has queued it: the submission's guid (a str of 32 characters), whose result() waits for\n"
    "the result. Raises as send() does. `timeout` is for the queueing; result() and collect()\n"
    "have a time of their own.";

PyObject *dr_py_client_submit(dr_py_client *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *keywords)
{
    dr_py_lane *lane = one_perform(self, "submit", args, count, keywords, dora_client_submit);
    if (lane == NULL) {
        return NULL;
    }
    PyObject *pending = dr_py_pending_new(self, dora_answer_guid(lane->answer));
    dr_py_lane_give_back(self, lane);
    return pending;
}
