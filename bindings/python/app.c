/* app.c: dora.App, the registry of handlers and hooks; run() leaves to dora._run. */
#include "binding.h"

#define NAME_BYTES_MAX 255 /* the core's limit, told at the line that registers */

static int check_open(const dr_py_app *app)
{
    if (!app->is_sealed) {
        return 0;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    "the application is loaded already: register before run(), at file level");
    return -1;
}

/* Asks dora._shape how a function wants to be called. Returns: 1 for the longer form, 0, or -1
 * with TypeError. */
static int ask_shape(const char *question, PyObject *callable)
{
    PyObject *shape = PyImport_ImportModule("dora._shape");
    if (shape == NULL) {
        return -1;
    }
    PyObject *answer = PyObject_CallMethod(shape, question, "O", callable);
    Py_DECREF(shape);
    if (answer == NULL) {
        return -1;
    }
    int is_true = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return is_true;
}

static int check_name(PyObject *name)
{
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "an api name must be str, not %s", Py_TYPE(name)->tp_name);
        return -1;
    }
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(name, &len);
    if (text == NULL) {
        return -1;
    }
    if (len == 0 || len > NAME_BYTES_MAX || text[len - 1] == '*') {
        PyErr_Format(PyExc_ValueError,
                     "api name %R: 1 to 255 bytes, not ending in '*' (use app.fallback)", name);
        return -1;
    }
    if (memchr(text, '\0', (size_t)len) != NULL) {
        PyErr_Format(PyExc_ValueError, "api name %R: without NUL", name);
        return -1;
    }
    return 0;
}

static dr_py_handler *find_handler(const dr_py_app *app, PyObject *name)
{
    for (dr_py_handler *at = app->first; at != NULL; at = at->next) {
        if (PyUnicode_Compare(at->name, name) == 0) {
            return at;
        }
    }
    return NULL;
}

/* An empty name is the fallback. Returns the callable, so that decorated functions stay as they
 * are. */
static PyObject *add_handler(dr_py_app *app, PyObject *name, PyObject *callable)
{
    if (check_open(app) < 0) {
        return NULL;
    }
    if (find_handler(app, name) != NULL) {
        if (PyUnicode_GET_LENGTH(name) == 0) {
            PyErr_SetString(PyExc_ValueError, "there is a fallback already");
        } else {
            PyErr_Format(PyExc_ValueError, "api %R has a handler already", name);
        }
        return NULL;
    }
    int takes_request = ask_shape("takes_request", callable);
    int is_async = takes_request < 0 ? -1 : ask_shape("is_async", callable);
    int leads_to_async = is_async < 0 ? -1 : ask_shape("leads_to_async", callable);
    if (leads_to_async < 0) {
        return NULL;
    }
    dr_py_handler *handler = PyMem_Calloc(1, sizeof(*handler));
    if (handler == NULL) {
        return PyErr_NoMemory();
    }
    handler->name = Py_NewRef(name);
    handler->callable = Py_NewRef(callable);
    handler->takes_request = takes_request != 0;
    handler->is_async = is_async != 0;
    app->has_async |= leads_to_async != 0;
    if (app->last != NULL) {
        app->last->next = handler;
    } else {
        app->first = handler;
    }
    app->last = handler;
    return Py_NewRef(callable);
}

/* What api(name) returns: `self` is (app, name). */
static PyObject *decorate(PyObject *self, PyObject *callable)
{
    return add_handler((dr_py_app *)PyTuple_GET_ITEM(self, 0), PyTuple_GET_ITEM(self, 1), callable);
}

static PyMethodDef decorate_def = {"api", decorate, METH_O,
                                   "Register the function and return it unchanged."};

PyDoc_STRVAR(api_doc,
             "api($self, name, /)\n--\n\n"
             "Decorator: the function answers calls of `name` (1 to 255 bytes).\n"
             "It takes (param) or (param, request: dora.Request); what it returns is the answer.\n"
             "One that is async def runs on the worker's event loop, beside as many others as the\n"
             "pool's `concurrency` allows; one that is not runs in a thread beside the loop.\n"
             "ValueError for a repeated name, TypeError for another shape.");

static PyObject *app_api(dr_py_app *self, PyObject *name)
{
    if (check_name(name) < 0 || check_open(self) < 0) {
        return NULL;
    }
    PyObject *both = PyTuple_Pack(2, (PyObject *)self, name);
    if (both == NULL) {
        return NULL;
    }
    PyObject *decorator = PyCFunction_New(&decorate_def, both);
    Py_DECREF(both);
    return decorator;
}

PyDoc_STRVAR(fallback_doc,
             "fallback($self, function, /)\n--\n\n"
             "Decorator: the function answers every name that has no handler of its own.\n"
             "With (param, request) it finds the name in request.name.");

static PyObject *app_fallback(dr_py_app *self, PyObject *callable)
{
    PyObject *name = PyUnicode_FromStringAndSize(NULL, 0);
    if (name == NULL) {
        return NULL;
    }
    PyObject *result = add_handler(self, name, callable);
    Py_DECREF(name);
    return result;
}

static PyObject *add_hook(dr_py_app *app, PyObject *hooks, PyObject *callable)
{
    if (check_open(app) < 0) {
        return NULL;
    }
    int takes_worker = ask_shape("takes_worker", callable);
    int is_async = takes_worker < 0 ? -1 : ask_shape("is_async", callable);
    int leads_to_async = is_async < 0 ? -1 : ask_shape("leads_to_async", callable);
    if (leads_to_async < 0) {
        return NULL;
    }
    PyObject *hook = Py_BuildValue("OOO", callable, takes_worker ? Py_True : Py_False,
                                   is_async ? Py_True : Py_False);
    if (hook == NULL || PyList_Append(hooks, hook) < 0) {
        Py_XDECREF(hook);
        return NULL;
    }
    Py_DECREF(hook);
    app->has_async |= leads_to_async != 0;
    return Py_NewRef(callable);
}

PyDoc_STRVAR(
    worker_start_doc,
    "worker_start($self, function, /)\n--\n\n"
    "Decorator: the function runs in each new worker before its first call, the place for\n"
    "database connections and threads. It takes nothing, or the worker's number (int);\n"
    "async def runs on the loop on which the handlers run.\n"
    "A worker whose hook raises does not serve.");

static PyObject *app_worker_start(dr_py_app *self, PyObject *callable)
{
    return add_hook(self, self->start_hooks, callable);
}

PyDoc_STRVAR(worker_stop_doc,
             "worker_stop($self, function, /)\n--\n\n"
             "Decorator: the function runs in each worker that leaves in good order, after its\n"
             "last call. It takes nothing, or the worker's number (int).");

static PyObject *app_worker_stop(dr_py_app *self, PyObject *callable)
{
    return add_hook(self, self->stop_hooks, callable);
}

PyDoc_STRVAR(
    run_doc,
    "run($self, /, **options)\n--\n\n"
    "Start the server with this program as its application; returns when it has stopped.\n"
    "Options are the flags of `dora serve`: host='127.0.0.1', port=9567 (0 picks one),\n"
    "workers=N, config='dora.json', and so on; and every key of a configuration file: those\n"
    "of the server, log={'level': 3}, and those of this program's own pool,\n"
    "time_limit_ms=500. TypeError and ValueError say what is wrong.\n"
    "SystemExit carries the status when it is not 0. Call it on the main thread.\n"
    "In the server's own child processes it never comes back.");

static PyObject *app_run(dr_py_app *self, PyObject *args, PyObject *kwargs)
{
    if (PyTuple_GET_SIZE(args) != 0) {
        PyErr_SetString(PyExc_TypeError, "run() takes keyword options only");
        return NULL;
    }
    PyObject *options = kwargs != NULL ? Py_NewRef(kwargs) : PyDict_New();
    PyObject *module = options != NULL ? PyImport_ImportModule("dora._run") : NULL;
    PyObject *result = NULL;
    if (module != NULL) {
        result = PyObject_CallMethod(module, "run", "OO", (PyObject *)self, options);
    }
    Py_XDECREF(module);
    Py_XDECREF(options);
    return result;
}

static PyObject *app_apis(dr_py_app *self, void *Py_UNUSED(closure))
{
    PyObject *names = PyList_New(0);
    for (dr_py_handler *at = self->first; names != NULL && at != NULL; at = at->next) {
        if (PyUnicode_GET_LENGTH(at->name) > 0 && PyList_Append(names, at->name) < 0) {
            Py_CLEAR(names);
        }
    }
    if (names == NULL) {
        return NULL;
    }
    PyObject *tuple = PyList_AsTuple(names);
    Py_DECREF(names);
    return tuple;
}

static PyObject *app_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"encode", NULL};
    PyObject *given = NULL;
    PyObject *encode;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$O:App", names, &given) ||
        dr_py_hook_read(given, &encode) < 0) {
        return NULL;
    }
    dr_py_app *self = (dr_py_app *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_XDECREF(encode);
        return NULL;
    }
    self->encode = encode;
    self->start_hooks = PyList_New(0);
    self->stop_hooks = PyList_New(0);
    if (self->start_hooks == NULL || self->stop_hooks == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int app_traverse(dr_py_app *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->encode);
    Py_VISIT(self->start_hooks);
    Py_VISIT(self->stop_hooks);
    for (dr_py_handler *at = self->first; at != NULL; at = at->next) {
        Py_VISIT(at->callable);
    }
    return 0;
}

static int app_clear(dr_py_app *self)
{
    Py_CLEAR(self->encode);
    Py_CLEAR(self->start_hooks);
    Py_CLEAR(self->stop_hooks);
    dr_py_handler *at = self->first;
    self->first = NULL;
    self->last = NULL;
    while (at != NULL) {
        dr_py_handler *next = at->next;
        Py_DECREF(at->name);
        Py_DECREF(at->callable);
        PyMem_Free(at);
        at = next;
    }
    return 0;
}

static void app_dealloc(dr_py_app *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    app_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef app_methods[] = {
    {"api", (PyCFunction)app_api, METH_O, api_doc},
    {"fallback", (PyCFunction)app_fallback, METH_O, fallback_doc},
    {"worker_start", (PyCFunction)app_worker_start, METH_O, worker_start_doc},
    {"worker_stop", (PyCFunction)app_worker_stop, METH_O, worker_stop_doc},
    {"run", (PyCFunction)(void (*)(void))app_run, METH_VARARGS | METH_KEYWORDS, run_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef app_getset[] = {
    {"apis", (getter)app_apis, NULL, "The registered api names, in order (tuple of str).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(app_doc,
             "App(*, encode=None)\n--\n\n"
             "An application: handlers by api name. `encode` is given what a result holds\n"
             "that has no place on the wire, and returns something that has one.\n\n"
             "    app = dora.App()\n\n"
             "    @app.api('/user/get')\n"
             "    def user_get(param):\n"
             "        return {'id': param['id'], 'name': 'Ann'}\n\n"
             "    if __name__ == '__main__':\n"
             "        app.run(port=9567)\n");

static PyType_Slot app_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)app_doc},
    {Py_tp_new, app_new},
    {Py_tp_dealloc, app_dealloc},
    {Py_tp_traverse, app_traverse},
    {Py_tp_clear, app_clear},
    {Py_tp_methods, app_methods},
    {Py_tp_getset, app_getset},
    {0, NULL},
};

static PyType_Spec app_spec = {
    .name = "dora.App",
    .basicsize = sizeof(dr_py_app),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, /* not immutable: as dora.Client */
    .slots = app_slots,
};

PyTypeObject *dr_py_app_type_new(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &app_spec, NULL);
}
