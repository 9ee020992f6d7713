/* request.c: dora.Request, what a handler of two parameters is told about its call. Members are
 * made when asked for; what the handler keeps stays readable after the call. Tests make their own.
 */
#include "binding.h"

#include <time.h>

/* `live` is the core's request while its handler runs, NULL later; then the copies stand. One that
 * a program has made keeps it in `own`. */
typedef struct request_object {
    PyObject ob_base;
    const dora_request *live;
    dora_reply *reply; /* as long as `live` */
    dora_alone *own;
    PyObject *param;
    PyObject *name;
    PyObject *guid;
    PyObject *trace;
    PyObject *caller;
    const char *type;
    const char *protocol;
    const char *priority;
    uint32_t connection;
    int64_t deadline_ms; /* on the monotonic clock, once `live` is NULL; -1: none */
} request_object;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static PyObject *text_from_slice(dora_slice bytes)
{
    return PyUnicode_DecodeUTF8(bytes.len > 0 ? bytes.data : "", (Py_ssize_t)bytes.len,
                                "surrogateescape");
}

static PyObject *request_name(request_object *self, void *Py_UNUSED(closure))
{
    if (self->name == NULL && self->live != NULL) {
        self->name = text_from_slice(dora_request_name(self->live));
    }
    return Py_XNewRef(self->name);
}

static PyObject *request_guid(request_object *self, void *Py_UNUSED(closure))
{
    if (self->guid == NULL && self->live != NULL) {
        self->guid = text_from_slice(dora_request_guid(self->live));
    }
    return Py_XNewRef(self->guid);
}

static PyObject *request_trace(request_object *self, void *Py_UNUSED(closure))
{
    if (self->trace == NULL && self->live != NULL) {
        self->trace = text_from_slice(dora_request_trace(self->live));
    }
    return Py_XNewRef(self->trace);
}

static PyObject *request_caller(request_object *self, void *Py_UNUSED(closure))
{
    if (self->caller == NULL && self->live != NULL) {
        dora_slice caller = dora_request_caller(self->live);
        self->caller = caller.len > 0 ? text_from_slice(caller) : Py_NewRef(Py_None);
    }
    return Py_XNewRef(self->caller);
}

static PyObject *request_param(request_object *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->param);
}

static PyObject *request_type(request_object *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(self->type);
}

static PyObject *request_protocol(request_object *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(self->protocol);
}

static PyObject *request_priority(request_object *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(self->priority);
}

static PyObject *request_connection(request_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->connection);
}

static PyObject *request_remaining_ms(request_object *self, void *Py_UNUSED(closure))
{
    if (self->live != NULL) {
        int64_t left = dora_request_remaining_ms(self->live);
        return left < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(left);
    }
    if (self->deadline_ms < 0) {
        return Py_NewRef(Py_None);
    }
    int64_t left = self->deadline_ms - now_ms();
    return PyLong_FromLongLong(left > 0 ? left : 0);
}

PyDoc_STRVAR(progress_doc,
             "progress($self, /, done, total=None, note=None)\n--\n\n"
             "Tell the caller of a stream how much is done, of how much (None: nobody knows), and\n"
             "a note, which is cut where it is over some 280 bytes. It never waits: of two that\n"
             "were not sent yet the newer one is. Other callers are told nothing.");

/* A call that has its answer already is told nothing. */
static PyObject *request_progress(request_object *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"done", "total", "note", NULL};
    double done = 0.0;
    PyObject *of = Py_None;
    const char *note = NULL;
    Py_ssize_t note_len = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "d|Oz#:progress", names, &done, &of, &note,
                                     &note_len)) {
        return NULL;
    }
    const double total = of != Py_None ? PyFloat_AsDouble(of) : Py_NAN;
    if (total == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    if (!Py_IS_FINITE(done) || (of != Py_None && !Py_IS_FINITE(total))) {
        PyErr_SetString(PyExc_ValueError, "progress(): done and total must be finite numbers");
        return NULL;
    }
    if (self->live != NULL) {
        (void)dora_reply_progress(self->reply, done, total, note, (size_t)note_len);
    }
    Py_RETURN_NONE;
}

static PyMethodDef request_methods[] = {
    {"progress", (PyCFunction)(void (*)(void))request_progress, METH_VARARGS | METH_KEYWORDS,
     progress_doc},
    {NULL, NULL, 0, NULL},
};

static PyObject *request_repr(request_object *self)
{
    PyObject *name = request_name(self, NULL);
    PyObject *guid = name != NULL ? request_guid(self, NULL) : NULL;
    PyObject *text = NULL;
    if (guid != NULL) {
        text = PyUnicode_FromFormat("<dora.Request %R %s %U>", name, self->type, guid);
    }
    Py_XDECREF(name);
    Py_XDECREF(guid);
    return text;
}

static int request_traverse(request_object *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->param);
    return 0;
}

static void request_dealloc(request_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->param);
    Py_CLEAR(self->name);
    Py_CLEAR(self->guid);
    Py_CLEAR(self->trace);
    Py_CLEAR(self->caller);
    dora_alone_free(self->own);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *make(PyTypeObject *type, const dora_request *request, dora_reply *reply,
                      PyObject *param)
{
    request_object *self = (request_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->live = request;
    self->reply = reply;
    self->param = Py_NewRef(param);
    self->type = dora_request_type(request);
    self->protocol = dora_request_protocol(request);
    self->priority = dora_priority_name(dora_request_priority(request));
    self->connection = dora_request_connection(request);
    self->deadline_ms = -1;
    return (PyObject *)self;
}

PyObject *dr_py_request_begin(dr_py_state *state, const dora_request *request, dora_reply *reply,
                              PyObject *param)
{
    return make(state->request_type, request, reply, param);
}

static PyObject *request_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    dr_py_state *state = PyType_GetModuleState(type);
    PyObject *param = NULL;
    dora_alone *own = dr_py_alone_make(state, args, kwargs, "Request", NULL, NULL, &param);
    PyObject *self =
        own != NULL ? make(type, dora_alone_request(own), dora_alone_reply(own), param) : NULL;
    if (self == NULL) {
        dora_alone_free(own);
        return NULL;
    }
    ((request_object *)self)->own = own;
    return self;
}

void dr_py_request_end(PyObject *object)
{
    request_object *self = (request_object *)object;
    if (Py_REFCNT(self) > 1) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        int64_t left = dora_request_remaining_ms(self->live);
        self->deadline_ms = left < 0 ? -1 : now_ms() + left;
        Py_XDECREF(request_name(self, NULL));
        Py_XDECREF(request_guid(self, NULL));
        Py_XDECREF(request_trace(self, NULL));
        Py_XDECREF(request_caller(self, NULL));
        PyErr_Restore(type, value, traceback);
    }
    self->live = NULL;
    Py_DECREF(self);
}

#define GETTER(name, doc)                                                                          \
    {                                                                                              \
#name, (getter)request_##name, NULL, doc, NULL                                             \
    }

static PyGetSetDef request_getset[] = {
    GETTER(name, "The api name called (str)."),
    GETTER(param, "The parameter, the handler's first argument."),
    GETTER(guid, "The call's id: 32 characters; the apis of one call of many share it."),
    GETTER(type, "How it was called (str): 'W_S' and 'W_M' (the caller waits; one api, many),\n"
                 "'AN_S' and 'AN_M' (send), 'AM_S' and 'AM_M' (submit)."),
    GETTER(protocol, "How the call came (str): 'tcp' (a Unix socket too) or 'http'."),
    GETTER(connection, "A number (int) for the caller's connection, unique in the server's life."),
    GETTER(trace, "The caller's W3C traceparent (str), '' when it sent none."),
    GETTER(remaining_ms, "Milliseconds left of the caller's time (int, never below 0), None when\n"
                         "it set no time or does not wait (send, submit)."),
    GETTER(caller, "Who calls (str): an identity of the server's configuration, None without one."),
    GETTER(priority, "How urgent the call is (str): 'low', 'normal' or 'high'."),
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(request_doc,
             "Request(name, param=None, *, guid=None, type='W_S', protocol='tcp', connection=1,\n"
             "        trace='', remaining_ms=None, caller=None, priority='normal')\n--\n\n"
             "What is known about the running call. Dora makes it for handlers that take (param,\n"
             "request); a test that calls one itself makes its own: guid None is a new one.");

static PyType_Slot request_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)request_doc},
    {Py_tp_new, request_new},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_traverse, request_traverse},
    {Py_tp_methods, request_methods},
    {Py_tp_getset, request_getset},
    {Py_tp_repr, request_repr},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "dora.Request",
    .basicsize = sizeof(request_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = request_slots,
};

PyTypeObject *dr_py_request_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &request_spec, NULL);
}
