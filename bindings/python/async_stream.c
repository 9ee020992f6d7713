/* async_stream.c: the streams of a Mux: from arguments to the core, and from words to their inbox.
 */
#include "async.h"

const char dr_py_mux_start_stream_doc[] =
    "start_stream($self, inbox, name, param, window, idle, timeout, retry, wait, group,\n"
    "trace, priority, /)\n--\n\n"
    "Begin a call that is answered in parts, and return its number. The inbox is given what\n"
    "comes: part(value), said(progress), and at the end end(value, is_raised).";

PyObject *dr_py_mux_start_stream(dr_py_mux *self, PyObject *const *args, Py_ssize_t count)
{
    dora_call_options options = {.size = sizeof options};
    if (count != 11) {
        PyErr_SetString(PyExc_TypeError, "start_stream() takes 11 arguments");
        return NULL;
    }
    if (dr_py_stream_options_read(args[3], args[4], &options) < 0 ||
        dr_py_call_options_read(args[5], args[6], args[7], args[8], args[9], args[10], &options) <
            0) {
        return NULL;
    }
    const dr_py_one one = {.mode = DORA_MUX_STREAM,
                           .future = args[0],
                           .result = Py_None,
                           .name = args[1],
                           .param = args[2]};
    return dr_py_mux_start_one(self, &one, &options);
}

const char dr_py_mux_take_doc[] = "take($self, number, count, /)\n--\n\n"
                                  "So many more parts of a stream are done with.";

PyObject *dr_py_mux_take(dr_py_mux *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "take() takes 2 arguments");
        return NULL;
    }
    const unsigned long long id = PyLong_AsUnsignedLongLong(args[0]);
    const unsigned long parts = PyErr_Occurred() ? 0 : PyLong_AsUnsignedLong(args[1]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    dora_mux_take(self->mux, id, parts < UINT32_MAX ? (uint32_t)parts : UINT32_MAX, dr_py_now_ns());
    Py_RETURN_NONE;
}

/* Gives the inbox something. An exception on the way is printed: nobody can be told. */
static void give(PyObject *inbox, const char *method, PyObject *value, PyObject *more)
{
    if (inbox == NULL) { /* the collector has taken it */
        return;
    }
    PyObject *name = PyUnicode_InternFromString(method);
    PyObject *answer = NULL;
    if (name != NULL) {
        answer = PyObject_CallMethodObjArgs(inbox, name, value, more, NULL);
    }
    if (answer == NULL) {
        PyErr_WriteUnraisable(inbox);
    }
    Py_XDECREF(name);
    Py_XDECREF(answer);
}

void dr_py_settle_end(dr_py_waiter *waiter, PyObject *value, bool is_raised)
{
    is_raised = is_raised || value == NULL;
    value = value != NULL ? value : dr_py_raised_take();
    give(waiter->future, "end", value, is_raised ? Py_True : Py_False);
    Py_XDECREF(value);
}

void dr_py_settle_word(dr_py_mux *self, const dora_mux_event *event)
{
    dr_py_state *state = dr_py_mux_state(self);
    dr_py_waiter *waiter = event->user;
    const bool is_part = event->word.what == DORA_STREAM_PART;
    PyObject *value =
        is_part ? dr_py_decode(state, event->word.data) : dr_py_progress_read(state, &event->word);
    if (value != NULL) {
        give(waiter->future, is_part ? "part" : "said", value, NULL);
        Py_DECREF(value);
        return;
    }
    dr_py_settle_end(waiter, NULL, true);
    (void)dora_mux_cancel(self->mux, event->id, NULL);
    dr_py_waiter_free(self, waiter);
}
