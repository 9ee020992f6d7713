/* alone.c: a call in this process, without a server: what App.call() makes of one api's handler.
 * dora/_call.py has the hooks and the event loop around it. */
#include "worker.h"

#define PARAM_BYTES_MAX (2u * 1024 * 1024) /* of a server's and a client's frames by default */

typedef struct alone_object {
    PyObject ob_base;
    dora_alone *call;
    dr_py_handler *handler; /* of `app` */
    PyObject *app;
    PyObject *outer;       /* the call within which it was made; NULL: none */
    PyObject *shown;       /* its dora.Request */
    unsigned long starter; /* the thread in which it is being started; 0: none */
    bool has_ended;
    bool is_stream; /* its handler is a generator */
    dora_err err;   /* with which that ended */
} alone_object;

static int slice_of(PyObject *text, dora_slice *slice)
{
    Py_ssize_t len = 0;
    const char *data = PyUnicode_AsUTF8AndSize(text, &len);
    *slice = (dora_slice){data, (size_t)len};
    return data != NULL ? 0 : -1;
}

/* Milliseconds, or None. */
static int time_of(PyObject *remaining_ms, int64_t *ms)
{
    *ms = -1;
    if (remaining_ms == Py_None) {
        return 0;
    }
    *ms = PyLong_AsLongLong(remaining_ms);
    if (*ms < 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "remaining_ms must be None or a number from 0 on");
    }
    return *ms < 0 ? -1 : 0;
}

static dora_alone *raise_too_large(dr_py_state *state, const dora_writer *writer)
{
    dora_error error;
    char problem[96];
    dora_writer_problem(writer, problem, sizeof(problem));
    dora_error_set(&error, DORA_ETOOBIG, "param: %s", problem);
    (void)dr_py_raise(state, &error);
    return NULL;
}

dora_alone *dr_py_alone_make(dr_py_state *state, PyObject *args, PyObject *kwargs, const char *what,
                             dora_writer *writer, PyObject *hook, PyObject **param)
{
    static char *names[] = {"name",  "param",        "guid",   "type",     "protocol", "connection",
                            "trace", "remaining_ms", "caller", "priority", NULL};
    char format[40];
    PyObject *name = NULL;
    PyObject *guid = Py_None;
    PyObject *trace = NULL;
    PyObject *remaining_ms = Py_None;
    PyObject *caller = Py_None;
    PyObject *priority = NULL;
    unsigned connection = 1;
    dora_alone_call asked = {
        .size = sizeof asked, .type = "W_S", .protocol = "tcp", .param = {"N;", 2}};
    dora_error error = {0};
    dora_alone *call = NULL;
    *param = Py_None;
    (void)PyOS_snprintf(format, sizeof(format), "U|O$OssIUOOO:%s", what);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &name, param, &guid, &asked.type,
                                     &asked.protocol, &connection, &trace, &remaining_ms, &caller,
                                     &priority) ||
        dr_py_priority_read(priority, &asked.priority) < 0 || slice_of(name, &asked.name) < 0 ||
        (trace != NULL && slice_of(trace, &asked.trace) < 0) ||
        time_of(remaining_ms, &asked.remaining_ms) < 0) {
        return NULL;
    }
    if (guid != Py_None && !PyUnicode_Check(guid)) {
        PyErr_Format(PyExc_TypeError, "guid must be str or None, not %s", Py_TYPE(guid)->tp_name);
        return NULL;
    }
    if (caller != Py_None && !PyUnicode_Check(caller)) {
        PyErr_Format(PyExc_TypeError, "caller must be str or None, not %s",
                     Py_TYPE(caller)->tp_name);
        return NULL;
    }
    if ((guid != Py_None && slice_of(guid, &asked.guid) < 0) ||
        (caller != Py_None && slice_of(caller, &asked.caller) < 0)) {
        return NULL;
    }
    asked.connection = connection;
    if (writer != NULL) {
        const dora_err err = dr_py_encode(state, writer, *param, hook, DR_PY_CALL_DEPTH_MAX);
        if (err == DORA_ETYPE) {
            return NULL;
        }
        if (err != DORA_OK || dora_writer_finish(writer, &asked.param) != DORA_OK) {
            return raise_too_large(state, writer);
        }
    }
    if (dora_alone_new(&asked, &call, &error) == DORA_OK) {
        return call;
    }
    if (error.err == DORA_ENOMEM) {
        PyErr_NoMemory();
    } else {
        PyErr_Format(PyExc_ValueError, "%s(): %s", what, error.msg);
    }
    return NULL;
}

/* As a server says it. */
static void raise_unknown(dr_py_state *state, dora_slice name)
{
    char text[320];
    const int len =
        PyOS_snprintf(text, sizeof(text), "no such api: %.*s", (int)name.len, name.data);
    const dora_result result = {.code = DORA_CODE_NO_API, .msg = {text, (size_t)len}};
    PyObject *error = dr_py_error_from_result(state, &result);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
}

static PyObject *alone_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    dr_py_state *state = PyType_GetModuleState(type);
    PyObject *app = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : NULL;
    if (app == NULL || !PyObject_TypeCheck(app, state->app_type)) {
        PyErr_SetString(PyExc_TypeError, "Alone() takes a dora.App first");
        return NULL;
    }
    PyObject *rest = PyTuple_GetSlice(args, 1, PY_SSIZE_T_MAX);
    dora_writer *writer = rest != NULL ? dora_writer_new(PARAM_BYTES_MAX) : NULL;
    alone_object *self = writer != NULL ? (alone_object *)type->tp_alloc(type, 0) : NULL;
    PyObject *param = NULL;
    if (self != NULL) {
        self->app = Py_NewRef(app);
        if (state->running != NULL && PyContextVar_Get(state->running, NULL, &self->outer) < 0) {
            PyErr_Clear();
        }
        self->call = dr_py_alone_make(state, rest, kwargs, "call", writer, NULL, &param);
    } else if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    Py_XDECREF(rest);
    dora_writer_free(writer);
    if (self == NULL || self->call == NULL) {
        Py_XDECREF(self);
        return NULL;
    }
    const dora_slice name = dora_request_name(dora_alone_request(self->call));
    self->handler = dr_py_app_handler((dr_py_app *)app, name);
    if (self->handler == NULL) {
        if (!PyErr_Occurred()) {
            raise_unknown(state, name);
        }
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* let_know has what the handler awaits know of its call, in the context that is entered. */
static bool let_know(dr_py_state *state, alone_object *self)
{
    if (state->running == NULL) {
        state->running = PyContextVar_New("dora.running", NULL);
    }
    PyObject *token =
        state->running != NULL ? PyContextVar_Set(state->running, (PyObject *)self) : NULL;
    Py_XDECREF(token);
    return token != NULL;
}

PyDoc_STRVAR(start_doc,
             "start($self, /)\n--\n\n"
             "Call the handler, in the context that is entered; return what it returns.");

static PyObject *alone_start(alone_object *self, PyObject *Py_UNUSED(ignored))
{
    dr_py_state *state = PyType_GetModuleState(Py_TYPE(self));
    const dora_request *request = dora_alone_request(self->call);
    if (self->shown != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "it was started already");
        return NULL;
    }
    /* A hook may have registered a middleware meanwhile: then there is another chain. */
    if (dr_py_app_compose((dr_py_app *)self->app, self->handler) < 0) {
        return NULL;
    }
    if (!let_know(state, self)) {
        return NULL;
    }
    PyObject *held = Py_NewRef(self->handler->callable);
    self->starter = PyThread_get_thread_ident();
    dora_alone_enter(self->call);
    PyObject *result =
        dr_py_call(state, self->handler, request, dora_alone_reply(self->call), &self->shown);
    dora_alone_leave(self->call);
    self->starter = 0;
    Py_DECREF(held);
    return result;
}

const dora_request *dr_py_alone_current(PyObject *alone)
{
    const alone_object *self = (alone_object *)alone;
    const bool knows = self->has_ended || self->starter == PyThread_get_thread_ident();
    return knows ? NULL : dora_alone_request(self->call);
}

PyObject *dr_py_alone_outer(PyObject *alone)
{
    return ((alone_object *)alone)->outer;
}

/* Raises the error that a caller gets; what the handler raised is its cause. */
static void raise_outcome(dr_py_state *state, int64_t code, dora_slice msg, PyObject *cause)
{
    const dora_result result = {.code = code, .msg = msg};
    PyObject *error = dr_py_error_from_result(state, &result);
    if (error == NULL) {
        return;
    }
    if (cause != Py_None) {
        PyException_SetCause(error, Py_NewRef(cause));
    }
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
}

PyDoc_STRVAR(gives_parts_doc,
             "gives_parts($self, result, /)\n--\n\n"
             "Whether what the handler returned is a generator, whose parts are to be sent.");

static PyObject *alone_gives_parts(alone_object *self, PyObject *result)
{
    const bool are_given =
        dr_py_may_be_parts(result) && dr_py_parts_kind_of(result) != DR_PY_PARTS_NONE;
    self->is_stream |= are_given;
    return PyBool_FromLong(are_given);
}

PyDoc_STRVAR(part_doc, "part($self, value, /)\n--\n\n"
                       "Add a part. Returns: False where it cannot be one: end() says so.");

static PyObject *alone_part(alone_object *self, PyObject *value)
{
    dr_py_state *state = PyType_GetModuleState(Py_TYPE(self));
    dora_reply *reply = dora_alone_reply(self->call);
    const dora_err err = dr_py_encode(state, dora_reply_writer(reply), value,
                                      ((dr_py_app *)self->app)->encode, DR_PY_CALL_DEPTH_MAX);
    if (err == DORA_ETYPE) {
        return NULL;
    }
    self->err = dora_reply_part(reply);
    return PyBool_FromLong(self->err == DORA_OK);
}

PyDoc_STRVAR(
    end_doc,
    "end($self, result, error, /)\n--\n\n"
    "What a caller gets for `result`, or for `error`, which the handler raised, where it is\n"
    "not None: the data, or it raises.");

static PyObject *alone_end(alone_object *self, PyObject *args)
{
    dr_py_state *state = PyType_GetModuleState(Py_TYPE(self));
    const dora_request *request = dora_alone_request(self->call);
    dora_reply *reply = dora_alone_reply(self->call);
    PyObject *result = NULL;
    PyObject *raised = NULL;
    dora_slice out = {0};
    if (!PyArg_ParseTuple(args, "OO:end", &result, &raised)) {
        return NULL;
    }
    self->has_ended = true;
    dora_err err;
    if (raised != Py_None) {
        PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
        err = dr_py_reply_exception(state, request, reply);
    } else {
        PyObject *hook = ((dr_py_app *)self->app)->encode;
        err = self->is_stream
                  ? dr_py_parts_reply(state, request, reply, Py_NewRef(result), hook, self->err)
                  : dr_py_reply_result(state, request, reply, Py_NewRef(result), hook);
    }
    if (self->shown != NULL) {
        dr_py_request_end(self->shown);
        self->shown = NULL;
    }
    const int64_t code = dora_alone_end(self->call, err, &out);
    if (code == 0) {
        return dr_py_decode(state, out);
    }
    raise_outcome(state, code, out, raised);
    return NULL;
}

static PyObject *alone_is_async(alone_object *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->handler->is_async);
}

static int alone_traverse(alone_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->app);
    Py_VISIT(self->outer);
    Py_VISIT(self->shown);
    return 0;
}

static void alone_dealloc(alone_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->shown != NULL) { /* never ended */
        dr_py_request_end(self->shown);
    }
    Py_CLEAR(self->app);
    Py_CLEAR(self->outer);
    dora_alone_free(self->call);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef alone_methods[] = {
    {"start", (PyCFunction)alone_start, METH_NOARGS, start_doc},
    {"gives_parts", (PyCFunction)alone_gives_parts, METH_O, gives_parts_doc},
    {"part", (PyCFunction)alone_part, METH_O, part_doc},
    {"end", (PyCFunction)alone_end, METH_VARARGS, end_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef alone_getset[] = {
    {"is_async", (getter)alone_is_async, NULL, "Whether starting it gives a coroutine.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    alone_doc,
    "Alone(app, name, param=None, *, guid=None, type='W_S', protocol='tcp', connection=1,\n"
    "      trace='', remaining_ms=None, caller=None, priority='normal')\n--\n\n"
    "One call of an application in this process.");

static PyType_Slot alone_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)alone_doc},
    {Py_tp_new, alone_new},
    {Py_tp_dealloc, alone_dealloc},
    {Py_tp_traverse, alone_traverse},
    {Py_tp_methods, alone_methods},
    {Py_tp_getset, alone_getset},
    {0, NULL},
};

static PyType_Spec alone_spec = {
    .name = "dora._dora.Alone",
    .basicsize = sizeof(alone_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = alone_slots,
};

PyTypeObject *dr_py_alone_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &alone_spec, NULL);
}
