/* client.c: dora.Client: its options, its life, and the lanes that its calls use. Threads may share
 * one client, each call having a lane of its own. */
#include "client.h"

#include <math.h>

#define LANE_BYTES_KEPT (1024u * 1024)      /* of encoded parameters; a larger area is not kept */
#define PARAM_BYTES_MAX (64u * 1024 * 1024) /* no frame may be larger */

dr_py_state *dr_py_client_state(dr_py_client *self)
{
    return PyModule_GetState(PyType_GetModuleByDef(Py_TYPE(self), &dr_py_module));
}

static void lane_free(dr_py_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    dora_answer_free(lane->answer);
    dora_writer_free(lane->writer);
    PyMem_Free(lane->params);
    PyMem_Free(lane);
}

static dr_py_lane *lane_new(void)
{
    dr_py_lane *made = PyMem_Calloc(1, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    made->answer = dora_answer_new();
    made->writer = dora_writer_new(PARAM_BYTES_MAX);
    if (made->answer == NULL || made->writer == NULL) {
        lane_free(made);
        return NULL;
    }
    return made;
}

/* Begins a call. Returns: NULL with an exception when closed or out of memory. */
dr_py_lane *dr_py_lane_take(dr_py_client *self)
{
    if (self->is_closed || self->client == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the client is closed");
        return NULL;
    }
    dr_py_lane *taken = self->idle_count > 0 ? self->idle[--self->idle_count] : lane_new();
    if (taken == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    taken->params_len = 0;
    self->active++;
    return taken;
}

static void client_release(dr_py_client *self)
{
    while (self->idle_count > 0) {
        lane_free(self->idle[--self->idle_count]);
    }
    dora_client *client = self->client;
    self->client = NULL;
    dora_client_free(client);
}

void dr_py_lane_give_back(dr_py_client *self, dr_py_lane *lane)
{
    self->active--;
    if (!self->is_closed && self->idle_count < DR_PY_LANES_MAX &&
        lane->params_cap <= LANE_BYTES_KEPT) {
        self->idle[self->idle_count++] = lane;
    } else {
        lane_free(lane);
    }
    if (self->is_closed && self->active == 0) {
        client_release(self);
    }
}

int dr_py_timeout_read(PyObject *timeout, uint32_t *timeout_ms)
{
    *timeout_ms = 0;
    if (timeout == NULL || timeout == Py_None) {
        return 0;
    }
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(seconds > 0.0 && seconds <= 4000000.0)) {
        PyErr_Format(PyExc_ValueError, "timeout must be above 0 and at most 4000000 s, not %R",
                     timeout);
        return -1;
    }
    *timeout_ms = (uint32_t)ceil(seconds * 1000.0);
    return 0;
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "Close the idle connections. Calls under way in other threads end first.\n"
                        "Later calls raise RuntimeError; closing twice is fine.");

static PyObject *client_close(dr_py_client *self, PyObject *Py_UNUSED(ignored))
{
    self->is_closed = true;
    if (self->active == 0) {
        client_release(self);
    }
    Py_RETURN_NONE;
}

static PyObject *client_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

static PyObject *client_exit(dr_py_client *self, PyObject *const *Py_UNUSED(args),
                             Py_ssize_t Py_UNUSED(count))
{
    return client_close(self, NULL);
}

static int refuse_nodes(PyObject *nodes)
{
    PyErr_Format(PyExc_ValueError,
                 "nodes %R: this version takes \"host:port\" or a list of them (no groups, no "
                 "file: and no redis: yet)",
                 nodes);
    return -1;
}

/* "host:port", or a list or tuple of them, to one text with commas. Returns: a new reference. */
static PyObject *nodes_read(PyObject *nodes)
{
    PyObject *text = NULL;
    if (PyUnicode_Check(nodes)) {
        text = Py_NewRef(nodes);
    } else if (PyList_Check(nodes) || PyTuple_Check(nodes)) {
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(nodes); i++) {
            if (!PyUnicode_Check(PySequence_Fast_GET_ITEM(nodes, i))) {
                refuse_nodes(nodes);
                return NULL;
            }
        }
        PyObject *comma = PyUnicode_FromString(",");
        text = comma != NULL ? PyUnicode_Join(comma, nodes) : NULL;
        Py_XDECREF(comma);
    } else if (PyDict_Check(nodes)) {
        refuse_nodes(nodes);
    } else {
        PyErr_Format(PyExc_TypeError, "nodes must be str or a list of str, not %s",
                     Py_TYPE(nodes)->tp_name);
    }
    const char *bytes = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    if (bytes != NULL && (strncmp(bytes, "file:", 5) == 0 || strstr(bytes, "://") != NULL)) {
        refuse_nodes(nodes);
        bytes = NULL;
    }
    if (bytes == NULL) {
        Py_XDECREF(text);
        return NULL;
    }
    return text;
}

/* Arguments that belong to the interface, but not yet to this version. */
int dr_py_check_retry(PyObject *retry)
{
    if (retry == NULL || retry == Py_None) {
        return 0;
    }
    int is_zero = PyObject_RichCompareBool(retry, Py_False, Py_EQ);
    if (is_zero == 0) {
        PyErr_SetString(PyExc_ValueError, "retry: this version does not retry yet, only 0");
    }
    return is_zero == 1 ? 0 : -1;
}

static int check_later(PyObject *group, PyObject *retry)
{
    if (group != Py_None) {
        PyErr_SetString(PyExc_ValueError, "group: this version has no groups yet, only None");
        return -1;
    }
    return dr_py_check_retry(retry);
}

static int client_open(dr_py_client *self, PyObject *nodes, PyObject *salt,
                       dora_client_options *options)
{
    dora_slice salt_bytes;
    PyObject *text = nodes_read(nodes);
    if (text == NULL) {
        return -1;
    }
    dora_error error = {0};
    dora_err err = DORA_EINVAL;
    options->nodes = PyUnicode_AsUTF8(text);
    if (dr_py_salt_read(salt, &salt_bytes) == 0) {
        options->salt = salt_bytes.data; /* str and bytes objects are NUL-ended */
        if (salt_bytes.data != NULL && strlen(salt_bytes.data) != salt_bytes.len) {
            PyErr_SetString(PyExc_ValueError, "salt must not hold NUL");
        } else if ((err = dora_client_new(&self->client, options, &error)) != DORA_OK) {
            error.err = err;
            dr_py_raise(dr_py_client_state(self), &error);
        }
    }
    Py_DECREF(text);
    return err == DORA_OK ? 0 : -1;
}

static PyObject *client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"nodes", "group", "timeout", "retry", "sign", "salt", "gzip", NULL};
    PyObject *nodes = NULL;
    PyObject *group = Py_None;
    PyObject *timeout = NULL;
    PyObject *retry = Py_False;
    PyObject *salt = Py_None;
    int sign = 0;
    int gzip = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOpOp:Client", names, &nodes, &group,
                                     &timeout, &retry, &sign, &salt, &gzip)) {
        return NULL;
    }
    dora_client_options options = {.sign = sign != 0, .gzip = gzip != 0};
    if (check_later(group, retry) < 0 || dr_py_timeout_read(timeout, &options.timeout_ms) < 0) {
        return NULL;
    }
    dr_py_client *self = (dr_py_client *)type->tp_alloc(type, 0);
    if (self != NULL && client_open(self, nodes, salt, &options) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void client_dealloc(dr_py_client *self)
{
    PyTypeObject *type = Py_TYPE(self);
    client_release(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef client_methods[] = {
    {"call", (PyCFunction)(void (*)(void))dr_py_client_call, METH_FASTCALL | METH_KEYWORDS,
     dr_py_client_call_doc},
    {"call_many", (PyCFunction)(void (*)(void))dr_py_client_call_many, METH_VARARGS | METH_KEYWORDS,
     dr_py_client_call_many_doc},
    {"close", (PyCFunction)client_close, METH_NOARGS, close_doc},
    {"__enter__", client_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))client_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    client_doc,
    "Client(nodes, *, group=None, timeout=3.0, retry=0, sign=False, salt=None, "
    "gzip=False)\n--\n\n"
    "A blocking client: `nodes` is \"host:port\" or a list of them, `timeout` the seconds\n"
    "for a whole call. `sign`, `salt` and `gzip` must be as the server has them.\n"
    "It connects when first called, keeps its connections, and may be shared by threads;\n"
    "the GIL is free while a call waits. A forked child makes connections of its own.\n"
    "ValueError for nodes and options this version does not have.\n\n"
    "    with dora.Client('127.0.0.1:9567') as client:\n"
    "        user = client.call('/user/get', {'id': 7})\n");

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)client_doc},
    {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc},
    {Py_tp_methods, client_methods},
    {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "dora.Client",
    .basicsize = sizeof(dr_py_client),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = client_slots,
};

PyTypeObject *dr_py_client_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &client_spec, NULL);
}
