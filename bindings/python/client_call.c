/* client_call.c: the calls of dora.Client. The GIL is given up while a call waits. */
#include "client.h"

static int params_append(dr_py_lane *lane, dora_slice bytes)
{
    if (bytes.len > lane->params_cap - lane->params_len) {
        size_t cap = lane->params_cap < 4096 ? 4096 : lane->params_cap * 2;
        if (cap < lane->params_len + bytes.len) {
            cap = lane->params_len + bytes.len;
        }
        char *grown = PyMem_Realloc(lane->params, cap);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        lane->params = grown;
        lane->params_cap = cap;
    }
    memcpy(lane->params + lane->params_len, bytes.data, bytes.len);
    lane->params_len += bytes.len;
    return 0;
}

/* Encodes one parameter into the lane's writer. Ownership: the slice is borrowed from it. */
static int param_encode(dr_py_state *state, dr_py_lane *lane, PyObject *param, dora_slice *encoded)
{
    dora_writer_reset(lane->writer);
    dora_err err = dr_py_encode(lane->writer, param, "param", DR_PY_CALL_DEPTH_MAX);
    if (err == DORA_OK) {
        err = dora_writer_finish(lane->writer, encoded);
    }
    if (err != DORA_OK && !PyErr_Occurred()) {
        dora_error error;
        dora_error_set(&error, err, "param: %s", dora_err_text(err));
        dr_py_raise(state, &error);
    }
    return err == DORA_OK ? 0 : -1;
}

static int name_read(PyObject *name, dora_slice *slice)
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

static PyObject *result_read(dr_py_state *state, const dora_result *result)
{
    return dr_py_decode(state, result->data.len > 0 ? result->data : (dora_slice){"N;", 2});
}

const char dr_py_client_call_doc[] =
    "call($self, name, param=None, *, timeout=None, retry=None)\n--\n\n"
    "Call one api and return the handler's data. `timeout` is in seconds, for the whole\n"
    "call; None is the client's.\n"
    "Raises HandlerError (the handler failed), NotRunError (refused before it ran),\n"
    "TimeoutError, ConnectionError; TypeError, ValueError or OverflowError, naming the\n"
    "path, for a parameter that has no place on the wire.";

static PyObject *call_one(dr_py_client *self, dr_py_lane *lane, PyObject *name, PyObject *param,
                          PyObject *timeout)
{
    dr_py_state *state = dr_py_client_state(self);
    dora_call call = {0};
    uint32_t timeout_ms = 0;
    if (name_read(name, &call.name) < 0 || dr_py_timeout_read(timeout, &timeout_ms) < 0) {
        return NULL;
    }
    if (param != NULL && param != Py_None && param_encode(state, lane, param, &call.param) < 0) {
        return NULL;
    }
    dora_error error; /* large: not zeroed on this path */
    error.code = 0;
    error.msg[0] = '\0';
    const dora_call_options options = {.timeout_ms = timeout_ms};
    PyThreadState *saved = PyEval_SaveThread();
    const dora_err err = dora_client_call(self->client, &call, &options, lane->answer, &error);
    PyEval_RestoreThread(saved);
    if (err != DORA_OK) {
        error.err = err;
        return dr_py_raise(state, &error);
    }
    const dora_result *result = dora_answer_result(lane->answer, 0);
    if (result->code == 0) {
        return result_read(state, result);
    }
    PyObject *exception = dr_py_error_from_result(state, result);
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

PyObject *dr_py_client_call(dr_py_client *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *keywords)
{
    PyObject *name = count > 0 ? args[0] : NULL;
    PyObject *param = count > 1 ? args[1] : NULL;
    PyObject *timeout = NULL;
    PyObject *retry = NULL;
    if (count > 2) {
        PyErr_SetString(PyExc_TypeError, "call() takes name and param; timeout by keyword");
        return NULL;
    }
    Py_ssize_t keywords_count = keywords != NULL ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t i = 0; i < keywords_count; i++) {
        PyObject *key = PyTuple_GET_ITEM(keywords, i);
        PyObject **into = NULL;
        if (PyUnicode_CompareWithASCIIString(key, "timeout") == 0) {
            into = &timeout;
        } else if (PyUnicode_CompareWithASCIIString(key, "retry") == 0) {
            into = &retry;
        } else if (PyUnicode_CompareWithASCIIString(key, "param") == 0) {
            into = &param;
        } else if (PyUnicode_CompareWithASCIIString(key, "name") == 0) {
            into = &name;
        }
        if (into == NULL || *into != NULL) {
            PyErr_Format(PyExc_TypeError, "call(): unexpected or repeated argument %R", key);
            return NULL;
        }
        *into = args[count + i];
    }
    if (name == NULL) {
        PyErr_SetString(PyExc_TypeError, "call() needs the api name");
        return NULL;
    }
    if (dr_py_check_retry(retry) < 0) {
        return NULL;
    }
    dr_py_lane *lane = dr_py_lane_take(self);
    if (lane == NULL) {
        return NULL;
    }
    PyObject *result = call_one(self, lane, name, param, timeout);
    dr_py_lane_give_back(self, lane);
    return result;
}

const char dr_py_client_call_many_doc[] =
    "call_many($self, calls, *, timeout=None)\n--\n\n"
    "Call several apis at the same time: {key: (name, param)}, keys str or int.\n"
    "Returns {key: data, or the dora.Error of that api}, in the order given. Raises only\n"
    "what concerns the whole call: TimeoutError, ConnectionError, NotRunError, Error.";

/* One entry of call_many into `call`. `holders` keeps the strings that slices point into. The
 * parameter's place in lane->params stands in param.len until all are in. */
static int many_read(dr_py_state *state, dr_py_lane *lane, PyObject *key, PyObject *entry,
                     PyObject *holders, dora_call *call)
{
    if (!PyUnicode_Check(key) && (!PyLong_Check(key) || PyBool_Check(key))) {
        PyErr_Format(PyExc_TypeError, "a key of call_many must be str or int, not %s",
                     Py_TYPE(key)->tp_name);
        return -1;
    }
    if (!PyTuple_Check(entry) || PyTuple_GET_SIZE(entry) < 1 || PyTuple_GET_SIZE(entry) > 2) {
        PyErr_Format(PyExc_TypeError, "call_many: %R must be given as (name, param)", key);
        return -1;
    }
    PyObject *text = PyObject_Str(key);
    if (text == NULL || PyList_Append(holders, text) < 0) {
        Py_XDECREF(text);
        return -1;
    }
    Py_DECREF(text); /* the list holds it */
    PyObject *name = PyTuple_GET_ITEM(entry, 0);
    if (name_read(text, &call->key) < 0 || name_read(name, &call->name) < 0 ||
        PyList_Append(holders, name) < 0) {
        return -1;
    }
    dora_slice encoded = {"N;", 2};
    if (PyTuple_GET_SIZE(entry) == 2 &&
        param_encode(state, lane, PyTuple_GET_ITEM(entry, 1), &encoded) < 0) {
        return -1;
    }
    call->param.len = encoded.len;
    return params_append(lane, encoded);
}

static PyObject *many_results(dr_py_state *state, dr_py_lane *lane, PyObject *keys)
{
    PyObject *results = PyDict_New();
    for (Py_ssize_t i = 0; results != NULL && i < PyList_GET_SIZE(keys); i++) {
        const dora_result *result = dora_answer_result(lane->answer, (size_t)i);
        PyObject *value = NULL;
        if (result == NULL) {
            PyErr_SetString(PyExc_SystemError, "a result is missing");
        } else if (result->code == 0) {
            value = result_read(state, result);
        } else {
            value = dr_py_error_from_result(state, result);
        }
        if (value == NULL || PyDict_SetItem(results, PyList_GET_ITEM(keys, i), value) < 0) {
            Py_CLEAR(results);
        }
        Py_XDECREF(value);
    }
    return results;
}

static PyObject *call_many(dr_py_client *self, dr_py_lane *lane, PyObject *entries,
                           PyObject *timeout)
{
    dr_py_state *state = dr_py_client_state(self);
    PyObject *keys = PyDict_Keys(entries); /* a list; the dict may change while the call waits */
    PyObject *holders = PyList_New(0);
    dora_call *calls = NULL;
    PyObject *results = NULL;
    uint32_t timeout_ms = 0;
    if (keys == NULL || holders == NULL || dr_py_timeout_read(timeout, &timeout_ms) < 0) {
        goto out;
    }
    size_t count = (size_t)PyList_GET_SIZE(keys);
    if (count == 0) {
        results = PyDict_New();
        goto out;
    }
    calls = PyMem_Calloc(count, sizeof(*calls));
    if (calls == NULL) {
        PyErr_NoMemory();
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        PyObject *key = PyList_GET_ITEM(keys, (Py_ssize_t)i);
        PyObject *entry = PyDict_GetItemWithError(entries, key);
        if (entry == NULL) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_RuntimeError, "the calls changed while being read");
            }
            goto out;
        }
        Py_INCREF(entry);
        int failed = many_read(state, lane, key, entry, holders, &calls[i]);
        Py_DECREF(entry);
        if (failed) {
            goto out;
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        calls[i].param.data = lane->params + at;
        at += calls[i].param.len;
    }
    dora_error error; /* large: not zeroed on this path */
    error.code = 0;
    error.msg[0] = '\0';
    const dora_call_options options = {.timeout_ms = timeout_ms};
    PyThreadState *saved = PyEval_SaveThread();
    const dora_err err =
        dora_client_call_many(self->client, calls, count, &options, lane->answer, &error);
    PyEval_RestoreThread(saved);
    if (err != DORA_OK) {
        error.err = err;
        dr_py_raise(state, &error);
    } else {
        results = many_results(state, lane, keys);
    }
out:
    PyMem_Free(calls);
    Py_XDECREF(keys);
    Py_XDECREF(holders);
    return results;
}

PyObject *dr_py_client_call_many(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"calls", "timeout", NULL};
    PyObject *calls = NULL;
    PyObject *timeout = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|$O:call_many", names, &PyDict_Type, &calls,
                                     &timeout)) {
        return NULL;
    }
    dr_py_lane *lane = dr_py_lane_take(self);
    if (lane == NULL) {
        return NULL;
    }
    PyObject *results = call_many(self, lane, calls, timeout);
    dr_py_lane_give_back(self, lane);
    return results;
}
