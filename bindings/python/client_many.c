/* client_many.c: the calls of dora.Client for several apis at once. */
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

void dr_py_many_fini(dr_py_many *all)
{
    PyMem_Free(all->calls);
    Py_XDECREF(all->keys);
    Py_XDECREF(all->holders);
}

/* A key as text. Ownership: the slice is borrowed from all->holders. */
static int key_read(dr_py_many *all, PyObject *key, dora_slice *slice)
{
    PyObject *text = NULL;
    if (PyUnicode_Check(key)) {
        text = Py_NewRef(key);
    } else if (PyLong_Check(key) && !PyBool_Check(key)) {
        text = PyNumber_ToBase(key, 10);
    } else {
        PyErr_Format(PyExc_TypeError, "%s(): a key must be str or int, not %s", all->method,
                     Py_TYPE(key)->tp_name);
    }
    if (text == NULL || PyList_Append(all->holders, text) < 0) {
        Py_XDECREF(text);
        return -1;
    }
    Py_DECREF(text); /* the list holds it */
    return dr_py_name_read(text, slice);
}

/* One entry into `call`. The parameter's place in lane->params stands in param.len until all are
 * in. */
static int entry_read(dr_py_many *all, dr_py_state *state, dr_py_lane *lane, PyObject *key,
                      PyObject *entry, dora_call *call)
{
    if (!PyTuple_Check(entry) || PyTuple_GET_SIZE(entry) < 1 || PyTuple_GET_SIZE(entry) > 2) {
        PyErr_Format(PyExc_TypeError, "%s(): %R must be given as (name, param)", all->method, key);
        return -1;
    }
    PyObject *name = PyTuple_GET_ITEM(entry, 0);
    if (key_read(all, key, &call->key) < 0 || dr_py_name_read(name, &call->name) < 0 ||
        PyList_Append(all->holders, name) < 0) {
        return -1;
    }
    dora_slice encoded = {"N;", 2};
    if (PyTuple_GET_SIZE(entry) == 2 &&
        dr_py_param_encode(state, lane, PyTuple_GET_ITEM(entry, 1), &encoded) < 0) {
        return -1;
    }
    call->param.len = encoded.len;
    return params_append(lane, encoded);
}

int dr_py_many_read(dr_py_many *all, dr_py_state *state, dr_py_lane *lane, PyObject *entries)
{
    all->keys = PyDict_Keys(entries);
    all->holders = PyList_New(0);
    if (all->keys == NULL || all->holders == NULL) {
        return -1;
    }
    all->count = (size_t)PyList_GET_SIZE(all->keys);
    all->calls = PyMem_Calloc(all->count > 0 ? all->count : 1, sizeof(*all->calls));
    if (all->calls == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < all->count; i++) {
        PyObject *key = PyList_GET_ITEM(all->keys, (Py_ssize_t)i);
        PyObject *entry = PyDict_GetItemWithError(entries, key);
        if (entry == NULL) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_RuntimeError, "the calls changed while being read");
            }
            return -1;
        }
        Py_INCREF(entry);
        int failed = entry_read(all, state, lane, key, entry, &all->calls[i]);
        Py_DECREF(entry);
        if (failed) {
            return -1;
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < all->count; i++) {
        all->calls[i].param.data = lane->params + at;
        at += all->calls[i].param.len;
    }
    return 0;
}

PyObject *dr_py_results_read(dr_py_state *state, const dora_answer *answer, PyObject *keys)
{
    PyObject *results = PyDict_New();
    const dora_result *result;
    for (size_t i = 0; results != NULL && (result = dora_answer_result(answer, i)) != NULL; i++) {
        PyObject *key = NULL;
        if (keys != NULL && (Py_ssize_t)i < PyList_GET_SIZE(keys)) {
            key = Py_NewRef(PyList_GET_ITEM(keys, (Py_ssize_t)i));
        } else {
            key = PyUnicode_DecodeUTF8(result->key.data, (Py_ssize_t)result->key.len, "replace");
        }
        PyObject *value = key != NULL ? dr_py_result_read(state, result) : NULL;
        if (value == NULL || PyDict_SetItem(results, key, value) < 0) {
            Py_CLEAR(results);
        }
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return results;
}

typedef dora_err (*many_fn)(dora_client *client, const dora_call *calls, size_t count,
                            const dora_call_options *options, dora_answer *answer,
                            dora_error *error);

static int many_run(dr_py_client *self, dr_py_lane *lane, dr_py_many *all,
                    dora_call_options *options, many_fn run)
{
    dora_error error; /* large: not zeroed on this path */
    error.code = 0;
    error.msg[0] = '\0';
    dr_py_wait wait;
    dr_py_wait_begin(&wait, dr_py_client_state(self), options);
    const dora_err err = run(self->client, all->calls, all->count, options, lane->answer, &error);
    return dr_py_wait_end(&wait, dr_py_client_state(self), err, &error, lane->answer);
}

/* Runs several apis; where there are none, nothing is asked of the server. Returns: the lane, whose
 * answer has what came, or NULL with an exception. */
static dr_py_lane *many_perform(dr_py_client *self, dr_py_many *all, PyObject *args,
                                PyObject *kwargs, const char *format, many_fn run)
{
    static char *names[] = {"calls", "timeout", "retry",    "wait",
                            "group", "trace",   "priority", NULL};
    PyObject *entries = NULL;
    PyObject *timeout = NULL;
    PyObject *retry = NULL;
    PyObject *wait = NULL;
    PyObject *group = NULL;
    PyObject *trace = NULL;
    PyObject *priority = NULL;
    dora_call_options options = {.size = sizeof options};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &entries, &timeout, &retry, &wait,
                                     &group, &trace, &priority) ||
        dr_py_call_options_read(timeout, retry, wait, group, trace, priority, &options) < 0) {
        return NULL;
    }
    if (!dr_py_is_mapping(entries)) {
        PyErr_Format(PyExc_TypeError, "%s(): calls must be dict, not %s", all->method,
                     Py_TYPE(entries)->tp_name);
        return NULL;
    }
    dr_py_lane *lane = dr_py_lane_take(self);
    if (lane == NULL) {
        return NULL;
    }
    entries = dr_py_dict_of(entries);
    const int failed =
        entries == NULL ? -1 : dr_py_many_read(all, dr_py_client_state(self), lane, entries);
    Py_XDECREF(entries); /* what was read of it is held elsewhere */
    if (failed < 0 || (all->count > 0 && many_run(self, lane, all, &options, run) < 0)) {
        dr_py_lane_give_back(self, lane);
        return NULL;
    }
    return lane;
}

const char dr_py_client_call_many_doc[] =
    "call_many($self, calls, *, timeout=None, retry=None, wait=None, group=None,\n"
    "trace=None, priority=None)\n--\n\n"
    "Call several apis at the same time: {key: (name, param)}, keys str or int.\n"
    "Returns {key: data, or the dora.Error of that api}, in the order given. Raises only\n"
    "what concerns the whole call: TimeoutError, ConnectionError, NotRunError, Error.";

PyObject *dr_py_client_call_many(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    dr_py_many all = {.method = "call_many"};
    PyObject *results = NULL;
    dr_py_lane *lane =
        many_perform(self, &all, args, kwargs, "O|$OOOOOO:call_many", dora_client_call_many);
    if (lane != NULL && all.count == 0) {
        results = PyDict_New();
    } else if (lane != NULL) {
        results = dr_py_results_read(dr_py_client_state(self), lane->answer, all.keys);
    }
    if (lane != NULL) {
        dr_py_lane_give_back(self, lane);
    }
    dr_py_many_fini(&all);
    return results;
}

const char dr_py_client_send_many_doc[] =
    "send_many($self, calls, *, timeout=None, retry=None, wait=None, group=None,\n"
    "trace=None, priority=None)\n--\n\n"
    "Have several apis run, {key: (name, param)}, and wait for no result. Returns None once\n"
    "the server has queued all of them. Raises as call() does where it queued none.";

PyObject *dr_py_client_send_many(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    dr_py_many all = {.method = "send_many"};
    dr_py_lane *lane =
        many_perform(self, &all, args, kwargs, "O|$OOOOOO:send_many", dora_client_send_many);
    dr_py_many_fini(&all);
    if (lane == NULL) {
        return NULL;
    }
    dr_py_lane_give_back(self, lane);
    Py_RETURN_NONE;
}

/* Notes the keys of a submission, under its plain guid: a PendingResult holds the client, which
 * would then hold itself. Returns: its PendingResult, or NULL with an exception. */
static PyObject *pending_noted(dr_py_client *self, const char *guid, PyObject *keys)
{
    PyObject *plain = PyUnicode_FromString(guid);
    PyObject *pending = plain != NULL ? dr_py_pending_new(self, guid) : NULL;
    if (pending != NULL && PyDict_SetItem(self->keys, plain, keys) < 0) {
        Py_CLEAR(pending);
    }
    Py_XDECREF(plain);
    return pending;
}

const char dr_py_client_submit_many_doc[] =
    "submit_many($self, calls, *, timeout=None, retry=None, wait=None, group=None,\n"
    "trace=None, priority=None)\n--\n\n"
    "Have several apis run, {key: (name, param)}, and fetch the results later: result() of\n"
    "the PendingResult returned here gives {key: data or dora.Error}. ValueError where there\n"
    "is no call in it. Raises as send_many() does.";

PyObject *dr_py_client_submit_many(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    dr_py_many all = {.method = "submit_many"};
    PyObject *guid = NULL;
    dr_py_lane *lane =
        many_perform(self, &all, args, kwargs, "O|$OOOOOO:submit_many", dora_client_submit_many);
    if (lane != NULL && all.count == 0) {
        PyErr_SetString(PyExc_ValueError, "submit_many(): no calls; {key: (name, param)} is meant");
    } else if (lane != NULL) {
        guid = pending_noted(self, dora_answer_guid(lane->answer), all.keys);
    }
    if (lane != NULL) {
        dr_py_lane_give_back(self, lane);
    }
    dr_py_many_fini(&all);
    return guid;
}
