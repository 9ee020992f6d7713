/* async.c: Mux, the inside of dora.AsyncClient: calls under way and the bytes of their connections.
 * dora/_async.py gives it sockets, and time by asyncio. */
#include "async.h"

#include <time.h>

#define TAKE_BYTES_MAX (256u * 1024) /* handed to the transport at a time: it may have been sent */

dr_py_state *dr_py_mux_state(dr_py_mux *self)
{
    return dr_py_state_of(Py_TYPE(self));
}

uint64_t dr_py_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- connections ---- */

static int conn_read(PyObject *number, uint64_t *conn)
{
    *conn = PyLong_AsUnsignedLongLong(number);
    return *conn == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

PyDoc_STRVAR(connected_doc, "connected($self, conn, /)\n--\n\nThe connection is open.");

static PyObject *mux_connected(dr_py_mux *self, PyObject *number)
{
    uint64_t conn = 0;
    if (conn_read(number, &conn) < 0) {
        return NULL;
    }
    dora_mux_connected(self->mux, conn, dr_py_now_ns());
    Py_RETURN_NONE;
}

PyDoc_STRVAR(failed_doc, "failed($self, conn, number, reason, /)\n--\n\n"
                         "The connection could not be opened: an errno, and its text.");

static PyObject *mux_failed(dr_py_mux *self, PyObject *args)
{
    unsigned long long conn = 0;
    int number = 0;
    const char *reason = NULL;
    if (!PyArg_ParseTuple(args, "Kis:failed", &conn, &number, &reason)) {
        return NULL;
    }
    dora_mux_failed(self->mux, conn, number, reason, dr_py_now_ns());
    Py_RETURN_NONE;
}

PyDoc_STRVAR(closed_doc, "closed($self, conn, number, /)\n--\n\n"
                         "The connection has ended: an errno, 0 where the peer closed it.");

static PyObject *mux_closed(dr_py_mux *self, PyObject *args)
{
    unsigned long long conn = 0;
    int number = 0;
    if (!PyArg_ParseTuple(args, "Ki:closed", &conn, &number)) {
        return NULL;
    }
    dora_mux_closed(self->mux, conn, number, dr_py_now_ns());
    Py_RETURN_NONE;
}

PyDoc_STRVAR(received_doc, "received($self, conn, data, /)\n--\n\n"
                           "Bytes came. Ask for the events then.");

static PyObject *mux_received(dr_py_mux *self, PyObject *args)
{
    unsigned long long conn = 0;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "Ky*:received", &conn, &data)) {
        return NULL;
    }
    const char *from = data.buf;
    size_t left = (size_t)data.len;
    dora_err err = DORA_OK;
    while (err == DORA_OK && left > 0) {
        char *room = NULL;
        size_t room_len = 0;
        err = dora_mux_room(self->mux, conn, &room, &room_len);
        size_t len = room_len < left ? room_len : left;
        if (err == DORA_OK) {
            memcpy(room, from, len);
            dora_mux_received(self->mux, conn, len);
        }
        from += len;
        left -= len;
    }
    PyBuffer_Release(&data);
    if (err == DORA_ENOMEM) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE; /* one that is not known any more is nothing to complain of */
}

PyDoc_STRVAR(output_doc, "output($self, conn, /)\n--\n\n"
                         "Take what is to be written next; b'' when there is nothing.");

static PyObject *mux_output(dr_py_mux *self, PyObject *number)
{
    uint64_t conn = 0;
    if (conn_read(number, &conn) < 0) {
        return NULL;
    }
    dora_slice out = dora_mux_output(self->mux, conn);
    size_t len = out.len < TAKE_BYTES_MAX ? out.len : TAKE_BYTES_MAX;
    PyObject *taken = PyBytes_FromStringAndSize(len > 0 ? out.data : NULL, (Py_ssize_t)len);
    if (taken != NULL && len > 0) {
        dora_mux_sent(self->mux, conn, len, dr_py_now_ns());
    }
    return taken;
}

/* ---- events ---- */

/* One thing to do. A connection that is to be closed may have a last word, until the next event. */
static PyObject *item_of(dr_py_mux *self, const dora_mux_event *event)
{
    const int what = (int)event->what;
    const unsigned long long conn = (unsigned long long)event->conn;
    if (event->what == DORA_MUX_CLOSE) {
        const dora_slice last = dora_mux_output(self->mux, event->conn);
        return Py_BuildValue("(iKy#i)", what, conn, last.len > 0 ? last.data : NULL,
                             (Py_ssize_t)last.len, 0);
    }
    return Py_BuildValue("(iKzi)", what, conn, event->host, (int)event->port);
}

PyDoc_STRVAR(
    events_doc,
    "events($self, /)\n--\n\n"
    "Resolve the futures of what has ended, and return what else is to be done, a list of\n"
    "(what, conn, host, port): what is 0 to connect (port 0: host is the path of a\n"
    "socket), 1 to write, 2 to close, host being the bytes to say before, or None.");

static PyObject *mux_events(dr_py_mux *self, PyObject *Py_UNUSED(ignored))
{
    dora_mux_event event;
    PyObject *todo = PyList_New(0);
    if (todo == NULL || self->is_pumping) { /* called while a future was being resolved */
        return todo;
    }
    self->is_pumping = true;
    while (todo != NULL && dora_mux_next(self->mux, dr_py_now_ns(), &event)) {
        if (event.what == DORA_MUX_DONE) {
            dr_py_settle_done(self, &event);
        } else if (event.what == DORA_MUX_ACCEPTED) {
            dr_py_settle_accepted(self, &event);
        } else if (event.what == DORA_MUX_WORD) {
            dr_py_settle_word(self, &event);
        } else {
            PyObject *item = item_of(self, &event);
            if (item == NULL || PyList_Append(todo, item) < 0) {
                Py_CLEAR(todo);
            }
            Py_XDECREF(item);
        }
    }
    self->is_pumping = false;
    return todo;
}

PyDoc_STRVAR(tick_doc, "tick($self, /)\n--\n\nEnd what has waited too long.");

static PyObject *mux_tick(dr_py_mux *self, PyObject *Py_UNUSED(ignored))
{
    dora_mux_tick(self->mux, dr_py_now_ns());
    Py_RETURN_NONE;
}

PyDoc_STRVAR(seconds_doc, "seconds($self, timeout, /)\n--\n\n"
                          "How long something that begins now may wait (float); None: the\n"
                          "client's time. Inside a handler, no longer than its own caller does.");

static PyObject *mux_seconds(dr_py_mux *self, PyObject *timeout)
{
    uint32_t timeout_ms = 0;
    if (dr_py_timeout_read(timeout, &timeout_ms) < 0) {
        return NULL;
    }
    uint64_t now_ns = dr_py_now_ns();
    bool has_deadline = dr_py_deadline_begin(dr_py_mux_state(self));
    uint64_t until_ns = dora_mux_wait_ns(self->mux, timeout_ms, now_ns);
    if (has_deadline) {
        dr_py_deadline_end();
    }
    return PyFloat_FromDouble(until_ns > now_ns ? (double)(until_ns - now_ns) / 1e9 : 0.0);
}

PyDoc_STRVAR(end_doc, "end($self, /)\n--\n\n"
                      "End all calls with an error and close all connections: ask for the events.");

static PyObject *mux_end(dr_py_mux *self, PyObject *Py_UNUSED(ignored))
{
    dora_mux_end(self->mux);
    Py_RETURN_NONE;
}

static PyObject *mux_deadline(dr_py_mux *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(dora_mux_deadline_ns(self->mux));
}

static PyObject *mux_outstanding(dr_py_mux *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(dora_mux_outstanding(self->mux));
}

static PyObject *mux_is_usable(dr_py_mux *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(dora_mux_is_usable(self->mux));
}

/* ---- the type ---- */

static PyObject *mux_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    dr_py_settings settings;
    dr_py_mux *self = NULL;
    if (dr_py_settings_read(args, kwargs, true, &settings) == 0) {
        self = (dr_py_mux *)type->tp_alloc(type, 0);
    }
    if (self != NULL) {
        dora_error error = {0};
        self->encode = Py_XNewRef(settings.encode);
        error.err = dora_mux_new(&self->mux, &settings.options, &error);
        if (error.err != DORA_OK) {
            dr_py_raise(dr_py_mux_state(self), &error);
            Py_CLEAR(self);
        }
    }
    dr_py_settings_fini(&settings);
    return (PyObject *)self;
}

static int mux_traverse(dr_py_mux *self, visitproc visit, void *arg)
{
    for (dr_py_waiter *waiter = self->waiters; waiter != NULL; waiter = waiter->next) {
        Py_VISIT(waiter->future);
        Py_VISIT(waiter->result);
        Py_VISIT(waiter->keys);
    }
    Py_VISIT(self->encode);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

/* Nobody waits any more. The calls themselves stay until the end: others may still cancel them. */
static int mux_clear(dr_py_mux *self)
{
    for (dr_py_waiter *waiter = self->waiters; waiter != NULL; waiter = waiter->next) {
        Py_CLEAR(waiter->future);
        Py_CLEAR(waiter->result);
        Py_CLEAR(waiter->keys);
    }
    Py_CLEAR(self->encode);
    return 0;
}

static void mux_dealloc(dr_py_mux *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    dora_mux_free(self->mux);
    while (self->waiters != NULL) {
        dr_py_waiter_free(self, self->waiters);
    }
    dr_py_lane_free(self->lane);
    Py_CLEAR(self->encode);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef mux_methods[] = {
    {"start", (PyCFunction)(void (*)(void))dr_py_mux_start, METH_FASTCALL, dr_py_mux_start_doc},
    {"start_many", (PyCFunction)(void (*)(void))dr_py_mux_start_many, METH_FASTCALL,
     dr_py_mux_start_many_doc},
    {"start_stream", (PyCFunction)(void (*)(void))dr_py_mux_start_stream, METH_FASTCALL,
     dr_py_mux_start_stream_doc},
    {"take", (PyCFunction)(void (*)(void))dr_py_mux_take, METH_FASTCALL, dr_py_mux_take_doc},
    {"cancel", (PyCFunction)dr_py_mux_cancel, METH_O, dr_py_mux_cancel_doc},
    {"events", (PyCFunction)mux_events, METH_NOARGS, events_doc},
    {"connected", (PyCFunction)mux_connected, METH_O, connected_doc},
    {"failed", (PyCFunction)mux_failed, METH_VARARGS, failed_doc},
    {"closed", (PyCFunction)mux_closed, METH_VARARGS, closed_doc},
    {"received", (PyCFunction)mux_received, METH_VARARGS, received_doc},
    {"output", (PyCFunction)mux_output, METH_O, output_doc},
    {"tick", (PyCFunction)mux_tick, METH_NOARGS, tick_doc},
    {"seconds", (PyCFunction)mux_seconds, METH_O, seconds_doc},
    {"end", (PyCFunction)mux_end, METH_NOARGS, end_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef mux_getset[] = {
    {"deadline_ns", (getter)mux_deadline, NULL,
     "When tick() has something to do, in nanoseconds of time.monotonic_ns(); 0: never.", NULL},
    {"outstanding", (getter)mux_outstanding, NULL, "How many calls have not ended (int).", NULL},
    {"is_usable", (getter)mux_is_usable, NULL,
     "Whether calls can be started: not after end(), nor in a forked child.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(mux_doc, "Mux(nodes, *, group=None, timeout=3.0, retry=0, wait=0.0, sign=False,\n"
                      "salt=None, gzip=False, frame_bytes_max=2097152, encode=None,\n"
                      "tls=False, tls_ca=None, tls_crl=None, tls_cert=None, tls_key=None,\n"
                      "tls_name=None, token=None, priority=None, connections=4)\n--\n\n"
                      "Many calls over few connections, without sockets or time of its own:\n"
                      "the inside of dora.AsyncClient, which has the same arguments.");

static PyType_Slot mux_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)mux_doc},
    {Py_tp_new, mux_new},
    {Py_tp_dealloc, mux_dealloc},
    {Py_tp_traverse, mux_traverse},
    {Py_tp_clear, mux_clear},
    {Py_tp_methods, mux_methods},
    {Py_tp_getset, mux_getset},
    {0, NULL},
};

static PyType_Spec mux_spec = {
    .name = "dora._dora.Mux",
    .basicsize = sizeof(dr_py_mux),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = mux_slots,
};

PyTypeObject *dr_py_mux_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &mux_spec, NULL);
}
