/* client.c: dora.Client: its life, and the lanes that its calls use. Threads may share one client,
 * each call having a lane of its own. */
#include "client.h"

#define LANE_BYTES_KEPT (1024u * 1024)      /* of encoded parameters; a larger area is not kept */
#define TIMEOUT_MS_DEFAULT 3000u            /* what the core takes 0 for */
#define PARAM_BYTES_MAX (64u * 1024 * 1024) /* no frame may be larger */

dr_py_state *dr_py_client_state(dr_py_client *self)
{
    return dr_py_state_of(Py_TYPE(self));
}

void dr_py_lane_free(dr_py_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    dora_answer_free(lane->answer);
    dora_writer_free(lane->writer);
    PyMem_Free(lane->params);
    PyMem_Free(lane);
}

dr_py_lane *dr_py_lane_new(void)
{
    dr_py_lane *made = PyMem_Calloc(1, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    made->answer = dora_answer_new();
    made->writer = dora_writer_new(PARAM_BYTES_MAX);
    if (made->answer == NULL || made->writer == NULL) {
        dr_py_lane_free(made);
        return NULL;
    }
    return made;
}

int dr_py_client_begin(dr_py_client *self)
{
    if (self->is_closed || self->client == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the client is closed");
        return -1;
    }
    self->active++;
    return 0;
}

static void client_release(dr_py_client *self)
{
    while (self->idle_count > 0) {
        dr_py_lane_free(self->idle[--self->idle_count]);
    }
    dora_client *client = self->client;
    self->client = NULL;
    dora_client_free(client);
}

void dr_py_client_end(dr_py_client *self)
{
    self->active--;
    if (self->is_closed && self->active == 0) {
        client_release(self);
    }
}

dr_py_lane *dr_py_lane_take(dr_py_client *self)
{
    if (dr_py_client_begin(self) < 0) {
        return NULL;
    }
    dr_py_lane *taken = self->idle_count > 0 ? self->idle[--self->idle_count] : dr_py_lane_new();
    if (taken == NULL) {
        dr_py_client_end(self);
        PyErr_NoMemory();
        return NULL;
    }
    taken->params_len = 0;
    taken->encode = self->encode;
    return taken;
}

void dr_py_lane_give_back(dr_py_client *self, dr_py_lane *lane)
{
    if (!self->is_closed && self->idle_count < DR_PY_LANES_MAX &&
        lane->params_cap <= LANE_BYTES_KEPT) {
        self->idle[self->idle_count++] = lane;
    } else {
        dr_py_lane_free(lane);
    }
    dr_py_client_end(self);
}

static PyObject *client_pending(dr_py_client *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(self->client != NULL ? dora_client_pending(self->client) : 0);
}

PyDoc_STRVAR(
    close_doc,
    "close($self, /)\n--\n\n"
    "Close the connections. Calls under way in other threads end first. Streams end: what\n"
    "asks them for more raises ConnectionError, and their handlers are asked to end. What\n"
    "was submitted and not collected runs, and its results are thrown away.\n"
    "Later calls raise RuntimeError; closing twice is fine.");

static PyObject *client_close(dr_py_client *self, PyObject *Py_UNUSED(ignored))
{
    self->is_closed = true;
    dr_py_streams_cut(self);
    if (self->active == 0) {
        client_release(self);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(seconds_doc, "_seconds($self, timeout, /)\n--\n\n"
                          "A timeout in seconds (float); None: the client's.");

static PyObject *client_seconds(dr_py_client *self, PyObject *timeout)
{
    uint32_t timeout_ms = 0;
    if (dr_py_timeout_read(timeout, &timeout_ms) < 0) {
        return NULL;
    }
    timeout_ms = timeout_ms != 0 ? timeout_ms : self->timeout_ms;
    return PyFloat_FromDouble(timeout_ms / 1e3);
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

static PyObject *client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    dr_py_settings settings;
    const dora_client_options *options = &settings.options;
    dr_py_client *self = NULL;
    if (dr_py_settings_read(args, kwargs, false, &settings) == 0) {
        self = (dr_py_client *)type->tp_alloc(type, 0);
    }
    if (self != NULL) {
        dora_error error = {0};
        self->encode = Py_XNewRef(settings.encode);
        error.err = dora_client_new(&self->client, options, &error);
        self->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
        self->keys = PyDict_New();
        if (error.err != DORA_OK) {
            dr_py_raise(dr_py_client_state(self), &error);
        }
        if (self->keys == NULL || error.err != DORA_OK) {
            Py_CLEAR(self);
        }
    }
    dr_py_settings_fini(&settings);
    return (PyObject *)self;
}

/* The keys of a call are the caller's objects, and may lead back to the client. */
static int client_traverse(dr_py_client *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->keys);
    Py_VISIT(self->encode);
    return 0;
}

static int client_clear(dr_py_client *self)
{
    Py_CLEAR(self->encode);
    if (self->keys != NULL) {
        PyDict_Clear(self->keys); /* the dict stays: what the collector ends may ask once more */
    }
    return 0;
}

static void client_dealloc(dr_py_client *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    client_release(self);
    Py_CLEAR(self->keys);
    Py_CLEAR(self->encode);
    type->tp_free(self);
    Py_DECREF(type);
}

#define METHOD_ONE(name)                                                                           \
    {                                                                                              \
#name, (PyCFunction)(void (*)(void))dr_py_client_##name, METH_FASTCALL | METH_KEYWORDS,    \
            dr_py_client_##name##_doc                                                              \
    }

#define METHOD_MANY(name)                                                                          \
    {                                                                                              \
#name, (PyCFunction)(void (*)(void))dr_py_client_##name, METH_VARARGS | METH_KEYWORDS,     \
            dr_py_client_##name##_doc                                                              \
    }

static PyMethodDef client_methods[] = {
    METHOD_ONE(call),
    METHOD_MANY(call_many),
    METHOD_ONE(send),
    METHOD_MANY(send_many),
    METHOD_ONE(submit),
    METHOD_MANY(submit_many),
    METHOD_MANY(collect),
    METHOD_MANY(stream),
    {"_is_done", (PyCFunction)dr_py_client_is_done, METH_O, dr_py_client_is_done_doc},
    {"_result", (PyCFunction)(void (*)(void))dr_py_client_result, METH_VARARGS | METH_KEYWORDS,
     dr_py_client_result_doc},
    {"_seconds", (PyCFunction)client_seconds, METH_O, seconds_doc},
    {"close", (PyCFunction)client_close, METH_NOARGS, close_doc},
    {"__enter__", client_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))client_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef client_getset[] = {
    {"pending", (getter)client_pending, NULL, "How many submissions were not collected yet (int).",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    client_doc,
    "Client(nodes, *, group=None, timeout=3.0, retry=0, wait=0.0, sign=False, salt=None, "
    "gzip=False, frame_bytes_max=2097152, encode=None, tls=False, tls_ca=None, tls_crl=None, "
    "tls_cert=None, tls_key=None, tls_name=None, token=None, priority=None)\n--\n\n"
    "A blocking client of the servers `nodes`: \"host:port\" or \"unix:/path\", a list of\n"
    "these, or {group: str or list}, a group being servers with the same apis; or a registry,\n"
    "which is watched: \"file:PATH\", a node file in JSON, or \"redis://host:port\", or a list\n"
    "of such Redis. What is wrong with it goes to logger \"dora\" as warnings, while calls go\n"
    "on with the last good nodes.\n"
    "`group` is the group of calls that name none (the first one), `timeout` the seconds\n"
    "for a whole call, retries included. `retry` is how often a call that may have run is\n"
    "sent again, under the same id; what certainly did not run is sent again anyway.\n"
    "`wait` is how many seconds a call waits, within its timeout, for a server to come back:\n"
    "what certainly did not run is then tried again after growing pauses.\n"
    "`sign`, `salt` (str or bytes) and `gzip` must be as the server has them,\n"
    "`frame_bytes_max`, the largest request and reply in bytes, should.\n"
    "`token` says who calls, where the server has `access`; it is not sent over plain TCP to\n"
    "another machine.\n"
    "\"tls://host:port\" is spoken to over TLS; with `tls` all hosts and ports are, also those\n"
    "of a registry. `tls_ca` is a file (PEM) of whom to trust (else whom the system trusts),\n"
    "`tls_crl` of revoked certificates; `tls_cert` and `tls_key` are the client's own, for\n"
    "servers that want one; `tls_name` is whose the servers' certificates are, where that is\n"
    "not the host of the address.\n"
    "It connects when first called, keeps its connections, and may be shared by threads;\n"
    "the GIL is free while a call waits. A forked child makes connections of its own.\n"
    "Raises ValueError for nodes that are no addresses, a group that is not there and files of\n"
    "TLS that cannot be used; of a\n"
    "registry only a call can tell, and raises ConnectionError (100010).\n\n"
    "    with dora.Client('127.0.0.1:9567') as client:\n"
    "        user = client.call('/user/get', {'id': 7})\n");

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)client_doc},
    {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc},
    {Py_tp_traverse, client_traverse},
    {Py_tp_clear, client_clear},
    {Py_tp_methods, client_methods},
    {Py_tp_getset, client_getset},
    {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "dora.Client",
    .basicsize = sizeof(dr_py_client),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, /* not immutable: tests patch its methods */
    .slots = client_slots,
};

PyTypeObject *dr_py_client_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &client_spec, NULL);
}
