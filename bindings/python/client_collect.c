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
        outcome = dr_py_error_from(state, collected->error);
    } else if (collected->is_many) {
        outcome = dr_py_results_read(state, collected->answer, keys);
    } else {
        outcome = dr_py_result_read(state, dora_answer_result(collected->answer, 0));
    }
    Py_XDECREF(keys);
    return outcome;
}

static PyObject *collection_read(dr_py_client *self, const dora_collection *collection)
{
    PyObject *found = PyDict_New();
    for (size_t i = 0; found != NULL && i < dora_collection_count(collection); i++) {
        const dora_collected *collected = dora_collection_at(collection, i);
        PyObject *guid = PyUnicode_FromString(collected->guid);
        PyObject *outcome = guid != NULL ? outcome_read(self, guid, collected) : NULL;
        if (outcome == NULL || PyDict_SetItem(found, guid, outcome) < 0) {
            Py_CLEAR(found);
        }
        Py_XDECREF(guid);
        Py_XDECREF(outcome);
    }
    return found;
}

const char dr_py_client_collect_doc[] =
    "collect($self, timeout=None)\n--\n\n"
    "Wait for everything that was submitted and not collected yet, on all connections at\n"
    "once, at most `timeout` seconds (None: the client's). Returns {guid: data or\n"
    "dora.Error}; for a submit_many() {guid: {key: data or Error}}, or one Error for the\n"
    "whole of it. It raises for none of them: what was not there in time is a TimeoutError\n"
    "(100009), what was lost with its connection a ConnectionError (100012). Nothing is\n"
    "pending afterwards; what comes later is thrown away. {} where nothing was pending.\n"
    "Ctrl-C raises KeyboardInterrupt, and all stays pending.";

PyObject *dr_py_client_collect(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    dora_call_options options = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:collect", names, &timeout) ||
        dr_py_timeout_read(timeout, &options.timeout_ms) < 0 || dr_py_client_begin(self) < 0) {
        return NULL;
    }
    dora_collection *collection = NULL;
    PyObject *found = NULL;
    dora_error error = {0};
    dr_py_wait wait;
    dr_py_wait_begin(&wait, dr_py_client_state(self), &options);
    const dora_err err = dora_client_collect(&self->client, 1, &options, &collection, &error);
    if (dr_py_wait_end(&wait, dr_py_client_state(self), err, &error) == 0) {
        found = collection_read(self, collection);
    }
    dora_collection_free(collection);
    dr_py_client_end(self);
    return found;
}
