/* stream.c: dora.Stream: the parts of one call of dora.Client, one after the other, and its result.
 */
#include "client.h"

/* dr_py_stream is a dora.Stream. The GIL guards it; is_busy is set while it is given up. */
struct dr_py_stream {
    PyObject ob_base;
    dr_py_client *client; /* whose memory stays while the stream goes on */
    dr_py_stream *before; /* in the client's list, as long as it goes on */
    dr_py_stream *behind;
    dora_stream *stream; /* NULL: it is over */
    dr_py_wait wait;
    PyObject *result;      /* NULL: none has come */
    PyObject *failure;     /* why none will */
    PyObject *progress;    /* NULL: nothing was said of it */
    PyObject *on_progress; /* NULL: nobody hears it at once */
    bool is_busy;          /* a thread is in next(): the stream is its own so long */
    bool is_cancelled;     /* by us */
    bool is_cut;           /* its client was closed, and nobody has been told */
};

static dr_py_state *state_of(dr_py_stream *self)
{
    return dr_py_state_of(Py_TYPE(self));
}

/* ---- progress ---- */

/* dora.Progress, borrowed. Returns: NULL with an exception. */
static PyObject *progress_type(dr_py_state *state)
{
    if (state->progress_type == NULL) {
        PyObject *module = PyImport_ImportModule("dora._progress");
        if (module != NULL) {
            state->progress_type = PyObject_GetAttrString(module, "Progress");
        }
        Py_XDECREF(module);
    }
    return state->progress_type;
}

PyObject *dr_py_progress_read(dr_py_state *state, const dora_stream_event *event)
{
    PyObject *type = progress_type(state);
    PyObject *data = type != NULL ? dr_py_decode(state, event->data) : NULL;
    if (data == NULL) {
        return NULL;
    }
    const bool is_pair = PyList_Check(data) && PyList_GET_SIZE(data) == 2;
    PyObject *note = PyUnicode_DecodeUTF8(event->msg.len > 0 ? event->msg.data : "",
                                          (Py_ssize_t)event->msg.len, "replace");
    PyObject *made = NULL;
    if (note != NULL) {
        made =
            PyObject_CallFunctionObjArgs(type, is_pair ? PyList_GET_ITEM(data, 0) : Py_None,
                                         is_pair ? PyList_GET_ITEM(data, 1) : Py_None, note, NULL);
    }
    Py_XDECREF(note);
    Py_DECREF(data);
    return made;
}

/* ---- its end ---- */

static void list_add(dr_py_stream *self)
{
    dr_py_client *client = self->client;
    self->behind = client->streams;
    if (self->behind != NULL) {
        self->behind->before = self;
    }
    client->streams = self;
}

static void list_remove(dr_py_stream *self)
{
    *(self->before != NULL ? &self->before->behind : &self->client->streams) = self->behind;
    if (self->behind != NULL) {
        self->behind->before = self->before;
    }
    self->before = self->behind = NULL;
}

/* Leaves the stream where it goes on. What the handler does then is ended. */
static void leave(dr_py_stream *self)
{
    dora_stream *stream = self->stream;
    self->stream = NULL;
    if (stream != NULL) {
        list_remove(self);
        dora_stream_free(stream);
        dr_py_client_end(self->client);
    }
}

/* Ends the stream by the exception that is set, which is kept for whoever asks for the result. */
static void fail(dr_py_stream *self)
{
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    Py_XSETREF(self->failure, Py_XNewRef(value));
    leave(self);
    PyErr_Restore(type, value, traceback);
}

/* What becomes of a stream whose client is closed, as the core says it. */
static dora_err closed(dora_error *error)
{
    dora_error_set(error, DORA_ECLOSED,
                   "the client was closed while the call was under way; it may have run");
    error->code = DORA_CODE_RECEIVE;
    return DORA_ECLOSED;
}

static void raise_closed(dr_py_stream *self)
{
    dora_error error;
    (void)closed(&error);
    dr_py_raise(state_of(self), &error);
    fail(self);
}

/* Leaves a stream whose client is closed: who asks it next is told. Runs no Python code. */
static void cut(dr_py_stream *self)
{
    self->is_cut = true;
    leave(self);
}

void dr_py_streams_cut(dr_py_client *client)
{
    for (dr_py_stream *each = client->streams; each != NULL;) {
        dr_py_stream *behind = each->behind;
        if (!each->is_busy) { /* else next() hears of it */
            cut(each);
        }
        each = behind;
    }
}

static void cancel(dr_py_stream *self)
{
    if (self->stream == NULL) {
        return;
    }
    self->is_cancelled = true;
    if (!self->is_busy) { /* else next() hears of it: it may read what has come just now */
        leave(self);
    }
}

static PyObject *cancelled_error(dr_py_stream *self)
{
    static const char text[] = "the stream was cancelled before its result came";
    const dora_result result = {.code = DORA_CODE_CANCELLED, .msg = {text, sizeof(text) - 1}};
    return dr_py_error_from_result(state_of(self), &result);
}

/* ---- its words ---- */

/* Asked by the core while it waits, twice a second. */
static bool is_interrupted(void *user)
{
    dr_py_stream *self = user;
    PyEval_RestoreThread(self->wait.saved);
    self->wait.has_raised = PyErr_CheckSignals() < 0;
    const bool is_over = self->wait.has_raised || self->is_cancelled || self->client->is_closed;
    self->wait.saved = PyEval_SaveThread();
    return is_over;
}

/* Waits for a word. Returns: 0, or -1 with an exception; the stream is over then. */
static int hear(dr_py_stream *self, dora_stream_event *event)
{
    dora_call_options options = {.size = sizeof options}; /* the stream has its own */
    dora_error error;
    error.code = 0;
    error.msg[0] = '\0';
    dr_py_wait_begin(&self->wait, state_of(self), &options);
    dora_err err = dora_stream_next(self->stream, event, &error);
    if (err == DORA_EINTERRUPTED && !self->wait.has_raised &&
        (self->is_cancelled || self->client->is_closed)) {
        err = DORA_OK; /* another thread wants no more of it */
        event->what = DORA_STREAM_END;
        self->is_cut = !self->is_cancelled;
    }
    const int failed = dr_py_wait_end(&self->wait, state_of(self), err, &error, NULL);
    if (failed < 0 && self->wait.has_raised) {
        cancel(self);
    } else if (failed < 0) {
        fail(self);
    }
    return failed;
}

/* Keeps what is said of how far it is, and hands it on. Returns: 0, or -1 with an exception. */
static int note_progress(dr_py_stream *self, const dora_stream_event *event)
{
    PyObject *said = dr_py_progress_read(state_of(self), event);
    if (said == NULL) {
        fail(self);
        return -1;
    }
    Py_XSETREF(self->progress, Py_NewRef(said));
    PyObject *answer = Py_NewRef(Py_None);
    if (self->on_progress != NULL) {
        Py_SETREF(answer, PyObject_CallOneArg(self->on_progress, said));
    }
    Py_DECREF(said);
    if (answer == NULL) {
        cancel(self);
        return -1;
    }
    Py_DECREF(answer);
    return 0;
}

/* Keeps the result, and sets what ends the iteration: it has the result as its value. */
static void take_result(dr_py_stream *self, const dora_stream_event *event)
{
    const dora_result result = {.code = event->code, .msg = event->msg, .data = event->data};
    PyObject *value = dr_py_result_read(state_of(self), &result);
    if (value != NULL && result.code != 0) {
        PyErr_SetObject((PyObject *)Py_TYPE(value), value);
        Py_CLEAR(value);
    }
    if (value == NULL) {
        fail(self);
        return;
    }
    self->result = value;
    leave(self);
    PyObject *end = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (end != NULL) {
        PyErr_SetObject(PyExc_StopIteration, end);
        Py_DECREF(end);
    }
}

/* next gives the next part; NULL: with an exception, or at the end. */
static PyObject *next(dr_py_stream *self)
{
    while (self->stream != NULL && !self->is_cancelled && !self->client->is_closed) {
        dora_stream_event event;
        PyObject *part = NULL;
        if (hear(self, &event) < 0) {
            return NULL;
        }
        switch (event.what) {
        case DORA_STREAM_PART:
            part = dr_py_decode(state_of(self), event.data);
            if (part == NULL) {
                fail(self);
            }
            return part;
        case DORA_STREAM_PROGRESS:
            if (note_progress(self, &event) < 0) {
                return NULL;
            }
            if (PyErr_CheckSignals() < 0) { /* it may come without an end */
                cancel(self);
                return NULL;
            }
            break;
        case DORA_STREAM_RESULT:
            take_result(self, &event);
            return NULL;
        case DORA_STREAM_END:
            leave(self);
            break;
        }
    }
    return NULL; /* StopIteration */
}

/* What has come lies in the stream until it was read, and reading it may run code of anybody, who
 * may cancel: the stream is left when that is over. */
static PyObject *stream_next(dr_py_stream *self)
{
    if (self->is_busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this stream's next part is waited for already, by another thread or "
                        "around on_progress");
        return NULL;
    }
    self->is_busy = true;
    PyObject *part = next(self);
    self->is_busy = false;
    if (self->is_cancelled) {
        leave(self);
    } else if (self->stream != NULL && self->client->is_closed) {
        cut(self);
    }
    if (self->is_cut && part == NULL) {
        self->is_cut = false;
        raise_closed(self);
    }
    return part;
}

/* ---- what it can be asked ---- */

PyDoc_STRVAR(cancel_doc, "cancel($self, /)\n--\n\n"
                         "Have the handler ended, and wait for no more of it: iteration stops.\n"
                         "Fine where the stream is over, and from another thread.");

static PyObject *stream_cancel(dr_py_stream *self, PyObject *Py_UNUSED(ignored))
{
    cancel(self);
    Py_RETURN_NONE;
}

static PyObject *stream_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

static PyObject *stream_exit(dr_py_stream *self, PyObject *const *Py_UNUSED(args),
                             Py_ssize_t Py_UNUSED(count))
{
    return stream_cancel(self, NULL);
}

static PyObject *stream_result(dr_py_stream *self, void *Py_UNUSED(closure))
{
    if (self->result != NULL) {
        return Py_NewRef(self->result);
    }
    if (self->stream != NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the stream has not ended: its result comes behind its last part");
        return NULL;
    }
    if (self->is_cut) {
        raise_closed(self);
        return NULL;
    }
    PyObject *failure = self->failure != NULL ? Py_NewRef(self->failure) : cancelled_error(self);
    if (failure != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(failure), failure);
        Py_DECREF(failure);
    }
    return NULL;
}

static PyObject *stream_progress(dr_py_stream *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->progress != NULL ? self->progress : Py_None);
}

/* ---- its beginning ---- */

typedef struct given {
    PyObject *name;
    PyObject *param;
    PyObject *window;
    PyObject *timeout;
    PyObject *idle;
    PyObject *retry;
    PyObject *wait;
    PyObject *group;
    PyObject *trace;
    PyObject *priority;
    PyObject *on_progress;
} given;

static int given_read(given *all, PyObject *args, PyObject *kwargs, dora_call_options *options)
{
    static char *names[] = {"name", "param", "window", "timeout",  "idle",        "retry",
                            "wait", "group", "trace",  "priority", "on_progress", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O$OOOOOOOOO:stream", names, &all->name,
                                     &all->param, &all->window, &all->timeout, &all->idle,
                                     &all->retry, &all->wait, &all->group, &all->trace,
                                     &all->priority, &all->on_progress) ||
        dr_py_call_options_read(all->timeout, all->retry, all->wait, all->group, all->trace,
                                all->priority, options) < 0 ||
        dr_py_stream_options_read(all->window, all->idle, options) < 0) {
        return -1;
    }
    if (all->on_progress == Py_None) {
        all->on_progress = NULL;
    }
    if (all->on_progress != NULL && !PyCallable_Check(all->on_progress)) {
        PyErr_Format(PyExc_TypeError, "on_progress must be callable, not %s",
                     Py_TYPE(all->on_progress)->tp_name);
        return -1;
    }
    return 0;
}

/* Sends the call. Returns: 0, or -1 with an exception. */
static int open_stream(dr_py_stream *self, dr_py_lane *lane, const given *all,
                       dora_call_options *options)
{
    dora_call call = {0};
    dora_error error;
    error.code = 0;
    error.msg[0] = '\0';
    if (dr_py_name_read(all->name, &call.name) < 0) {
        return -1;
    }
    if (all->param != NULL && all->param != Py_None &&
        dr_py_param_encode(state_of(self), lane, all->param, &call.param) < 0) {
        return -1;
    }
    dr_py_wait_begin(&self->wait, state_of(self), options);
    options->is_interrupted = is_interrupted;
    options->user = self;
    dora_err err = dora_client_stream(self->client->client, &call, options, &self->stream, &error);
    if (err == DORA_EINTERRUPTED && self->client->is_closed) {
        err = closed(&error);
    }
    const int failed = dr_py_wait_end(&self->wait, state_of(self), err, &error, NULL);
    if (self->stream != NULL) {
        list_add(self);
    }
    return failed;
}

const char dr_py_client_stream_doc[] =
    "stream($self, name, param=None, *, window=None, timeout=None, idle=None, retry=None,\n"
    "wait=None, group=None, trace=None, priority=None, on_progress=None)\n--\n\n"
    "Call an api that answers in parts, and return a Stream, which gives them as they come.\n"
    "`window` is how many parts may be under way (64): who reads slowly slows the handler\n"
    "down. `timeout` is in seconds, for all of it, None for as long as it goes on; `idle` is\n"
    "how long the server may be silent, None for the client's timeout. `on_progress` is\n"
    "called with each Progress.\n"
    "Raises as call() does, at once or from the iteration; a server that is older than\n"
    "streams is an Error (100002).";

PyObject *dr_py_client_stream(dr_py_client *self, PyObject *args, PyObject *kwargs)
{
    given all = {0};
    dora_call_options options = {.size = sizeof options};
    PyTypeObject *type = dr_py_client_state(self)->stream_type;
    if (given_read(&all, args, kwargs, &options) < 0 || dr_py_client_begin(self) < 0) {
        return NULL;
    }
    dr_py_stream *made = (dr_py_stream *)type->tp_alloc(type, 0);
    dr_py_lane *lane = made != NULL ? dr_py_lane_take(self) : NULL;
    if (lane != NULL) {
        made->client = (dr_py_client *)Py_NewRef((PyObject *)self);
        made->on_progress = Py_XNewRef(all.on_progress);
    }
    if (lane == NULL || open_stream(made, lane, &all, &options) < 0) {
        Py_CLEAR(made);
        dr_py_client_end(self);
    }
    if (lane != NULL) {
        dr_py_lane_give_back(self, lane);
    }
    return (PyObject *)made;
}

/* ---- the type ---- */

static int stream_traverse(dr_py_stream *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)self->client);
    Py_VISIT(self->result);
    Py_VISIT(self->failure);
    Py_VISIT(self->progress);
    Py_VISIT(self->on_progress);
    return 0;
}

static int stream_clear(dr_py_stream *self)
{
    cancel(self);
    Py_CLEAR(self->client);
    Py_CLEAR(self->result);
    Py_CLEAR(self->failure);
    Py_CLEAR(self->progress);
    Py_CLEAR(self->on_progress);
    return 0;
}

static void stream_dealloc(dr_py_stream *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    stream_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef stream_methods[] = {
    {"cancel", (PyCFunction)stream_cancel, METH_NOARGS, cancel_doc},
    {"close", (PyCFunction)stream_cancel, METH_NOARGS, "close($self, /)\n--\n\nAs cancel()."},
    {"__enter__", stream_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))stream_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef stream_getset[] = {
    {"result", (getter)stream_result, NULL,
     "What the handler returned, once the last part was taken. Before that RuntimeError; where "
     "the stream has failed, its error again.",
     NULL},
    {"progress", (getter)stream_progress, NULL, "The newest Progress; None before there was one.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(stream_doc, "The parts of one call, as Client.stream() returns it.\n\n"
                         "    for word in client.stream('/say', 'hello'):\n"
                         "        print(word)\n\n"
                         "Who leaves it before its end (cancel(), `with`, or by dropping it) has\n"
                         "the handler ended.");

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)stream_doc},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, stream_next},
    {Py_tp_methods, stream_methods},
    {Py_tp_getset, stream_getset},
    {0, NULL},
};

static PyType_Spec stream_spec = {
    .name = "dora.Stream",
    .basicsize = sizeof(dr_py_stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = stream_slots,
};

PyTypeObject *dr_py_stream_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &stream_spec, NULL);
}
