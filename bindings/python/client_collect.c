/* client_collect.c: collect() of dora.Client: what became of the submissions. */
#include "client.h"

#include <sched.h>

/* The keys that submit_many() was given, taken out of self->keys. The result may be here before the
 * thread that submitted has got the GIL back to note them: it gets its turn. Returns: a new
 * reference, or NULL, with or without an exception. */
static PyObject *keys_take(dr_py_client *self, PyObject *guid)
{
    PyObject *keys = PyDict_GetItemWithError(self->keys, guid);
    while (keys == NULL && !PyErr_Occurred() && self->active > 1) {
        PyThreadState *saved = PyEval_SaveThread();
        sched_yield();
        PyEval_RestoreThread(saved);
        keys = PyDict_GetItemWithError(self->keys, guid);
    }
    Py_XINCREF(keys);
    if (keys != NULL && PyDict_DelItem(self->keys, guid) < 0) {
        Py_CLEAR(keys);
    }
    return keys;
}

/* What became of one submission: data, {key: data or Error}, or an Error. */
static PyObject *outcome_read(dr_py_client *self, PyObject *guid, const dora_collected *collected)
{
    dr_py_state *state = dr_py_client_state(self);
    PyObject *keys = NULL;
    PyObject *outcome = NULL;
    if (collected->is_many) {
        keys = keys_take(self, guid);
        if (keys == NULL && PyErr_Occurred()) {
            return NULL;
        }
    }
    if (collected->err != DORA_OK) {
        outcome = dr_py_error_from(state, collected->error, NULL);
    } else if (collected->is_many) {
        outcome = dr_py_results_read(state, collected->answer, keys);
    } else {
        outcome = dr_py_result_read(state, dora_answer_result(collected->answer, 0));
    }
    Py_XDECREF(keys);
    return outcome;
}

/* Puts what became of each into `found`, {guid: outcome}. Returns: 0, or -1 with an exception. */
static int collection_read(dr_py_client *self, const dora_collection *collection, PyObject *found)
{
    int failed = 0;
    for (size_t i = 0; !failed && i < dora_collection_count(collection); i++) {
        const dora_collected *collected = dora_collection_at(collection, i);
        PyObject *guid = PyUnicode_FromString(collected->guid);
        PyObject *outcome = guid != NULL ? outcome_read(self, guid, collected) : NULL;
        failed = outcome == NULL || PyDict_SetItem(found, guid, outcome) < 0;
        Py_XDECREF(guid);
        Py_XDECREF(outcome);
    }
    return failed ? -1 : 0;
}

/* ---- which ---- */

static PyObject *pending_module(void)
{
    return PyImport_ImportModule("dora._pending");
}

PyObject *dr_py_pending_new(dr_py_client *self, const char *guid)
{
    dr_py_state *state = dr_py_client_state(self);
    if (state->pending_type == NULL) { /* most programs submit nothing: not loaded before */
        PyObject *module = pending_module();
        state->pending_type =
            module != NULL ? PyObject_GetAttrString(module, "PendingResult") : NULL;
        Py_XDECREF(module);
    }
    return state->pending_type != NULL
               ? PyObject_CallFunction(state->pending_type, "sO", guid, (PyObject *)self)
               : NULL;
}

/* named is the guids that a collect is told. */
typedef struct named {
    PyObject *list; /* owns what the slices point into; NULL: everything is meant */
    dora_slice *guids;
    size_t count;
} named;

static void named_fini(named *which)
{
    Py_XDECREF(which->list);
    PyMem_Free(which->guids);
}

/* Reads the guids, which `found` then has in their order. Returns: 0, or -1 with an exception. */
static int named_read(named *which, PyObject *guids, PyObject *found)
{
    PyObject *module = pending_module();
    which->list = module != NULL ? PyObject_CallMethod(module, "guids_read", "O", guids) : NULL;
    Py_XDECREF(module);
    if (which->list == NULL) {
        return -1;
    }
    which->count = (size_t)PyList_GET_SIZE(which->list);
    which->guids = PyMem_Calloc(which->count + 1, sizeof(*which->guids));
    if (which->guids == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < which->count; i++) {
        PyObject *guid = PyList_GET_ITEM(which->list, (Py_ssize_t)i);
        if (dr_py_name_read(guid, &which->guids[i]) < 0 ||
            PyDict_SetItem(found, guid, Py_None) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the methods ---- */

const char dr_py_client_collect_doc[] =
    "collect($self, timeout=None, *, guids=None)\n--\n\n"
    "Wait for what was submitted and not collected yet, on all connections at once, at most\n"
    "`timeout` seconds (None: the client's). `guids` is which, a list; None: everything that\n"
    "nobody else collects or awaits by result(). Returns {guid: data or dora.Error}; for a\n"
    "submit_many() {guid: {key: data or Error}}, or one Error for the whole of it. It raises\n"
    "for none of them: what was not there in time is a TimeoutError (100009), what was lost\n"
    "with its connection, or is not outstanding, a ConnectionError (100012). None of them is\n"
    "pending afterwards; what comes later is thrown away. {} where nothing was pending.\n"
    "Ctrl-C raises KeyboardInterrupt, and all stays pending.";

PyObject *dr_py_client_collect(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", "guids", NULL};
    PyObject *timeout = NULL;
    PyObject *guids = Py_None;
    dora_call_options options = {.size = sizeof options};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$O:collect", names, &timeout, &guids) ||
        dr_py_timeout_read(timeout, &options.timeout_ms) < 0) {
        return NULL;
    }
    named which = {0};
    PyObject *found = PyDict_New();
    if (found == NULL || (guids != Py_None && named_read(&which, guids, found) < 0) ||
        dr_py_client_begin(self) < 0) {
        Py_XDECREF(found);
        named_fini(&which);
        return NULL;
    }
    dora_collection *collection = NULL;
    dora_error error = {0};
    dr_py_wait wait;
    dr_py_wait_begin(&wait, dr_py_client_state(self), &options);
    const dora_err err = which.list != NULL
                             ? dora_client_collect_these(self->client, which.guids, which.count,
                                                         &options, &collection, &error)
                             : dora_client_collect(&self->client, 1, &options, &collection, &error);
    if (dr_py_wait_end(&wait, dr_py_client_state(self), err, &error, NULL) < 0 ||
        collection_read(self, collection, found) < 0) {
        Py_CLEAR(found);
    }
    dora_collection_free(collection);
    dr_py_client_end(self);
    named_fini(&which);
    return found;
}

const char dr_py_client_result_doc[] =
    "_result($self, guid, timeout)\n--\n\n"
    "Wait for one submission: its data or dora.Error. TimeoutError leaves it outstanding.";

PyObject *dr_py_client_result(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"guid", "timeout", NULL};
    PyObject *guid = NULL;
    PyObject *timeout = NULL;
    dora_slice name;
    dora_call_options options = {.size = sizeof options};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:_result", names, &guid, &timeout) ||
        dr_py_name_read(guid, &name) < 0 || dr_py_timeout_read(timeout, &options.timeout_ms) < 0 ||
        dr_py_client_begin(self) < 0) {
        return NULL;
    }
    dora_collection *collection = NULL;
    PyObject *outcome = NULL;
    dora_error error = {0};
    dr_py_wait wait;
    dr_py_wait_begin(&wait, dr_py_client_state(self), &options);
    const dora_err err = dora_client_result(self->client, name, &options, &collection, &error);
    if (dr_py_wait_end(&wait, dr_py_client_state(self), err, &error, NULL) == 0) {
        outcome = outcome_read(self, guid, dora_collection_at(collection, 0));
    }
    dora_collection_free(collection);
    dr_py_client_end(self);
    return outcome;
}

const char dr_py_client_is_done_doc[] =
    "_is_done($self, guid, /)\n--\n\n"
    "Whether nothing is to be waited for: its result has come, or it is not outstanding.";

PyObject *dr_py_client_is_done(dr_py_client *self, PyObject *guid)
{
    dora_slice name;
    if (dr_py_name_read(guid, &name) < 0 || dr_py_client_begin(self) < 0) {
        return NULL;
    }
    bool is_done;
    Py_BEGIN_ALLOW_THREADS;
    is_done = dora_client_is_done(self->client, name);
    Py_END_ALLOW_THREADS;
    dr_py_client_end(self);
    return PyBool_FromLong(is_done);
}
