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

/* Asks dora._shape something of a function. Returns: 1 for yes, 0, or -1 with TypeError. */
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
static PyObject *add_handler(dr_py_app *app, PyObject *name, PyObject *function, PyObject *options)
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
    int is_named = ask_shape("is_named", function);
    int takes_request = is_named < 0 ? -1 : ask_shape("takes_request", function);
    int is_async = takes_request < 0 ? -1 : ask_shape("is_async", function);
    int leads_to_async = is_async < 0 ? -1 : ask_shape("leads_to_async", function);
    int may_be_typed = leads_to_async < 0 ? -1 : ask_shape("may_be_typed", function);
    if (may_be_typed < 0) {
        return NULL;
    }
    dr_py_handler *handler = PyMem_Calloc(1, sizeof(*handler));
    if (handler == NULL) {
        return PyErr_NoMemory();
    }
    handler->name = Py_NewRef(name);
    handler->function = Py_NewRef(function);
    handler->options = Py_XNewRef(options);
    handler->is_named = is_named != 0;
    handler->may_be_typed = may_be_typed != 0;
    handler->takes_request = takes_request != 0;
    handler->is_async = is_async != 0;
    app->has_async |= leads_to_async != 0;
    if (app->last != NULL) {
        app->last->next = handler;
    } else {
        app->first = handler;
    }
    app->last = handler;
    return Py_NewRef(function);
}

int dr_py_app_compose(dr_py_app *app, dr_py_handler *handler)
{
    if (handler->callable != NULL) {
        return 0;
    }
    if (!handler->is_named && !handler->may_be_typed && PyList_GET_SIZE(app->middleware) == 0) {
        handler->callable = Py_NewRef(handler->function);
        return 0;
    }
    PyObject *chain = PyImport_ImportModule("dora._chain");
    PyObject *made = chain != NULL ? PyObject_CallMethod(chain, "build", "OOOOO", handler->function,
                                                         handler->is_named ? Py_True : Py_False,
                                                         handler->may_be_typed ? Py_True : Py_False,
                                                         app->typed, app->middleware)
                                   : NULL;
    Py_XDECREF(chain);
    PyObject *callable = NULL;
    PyObject *schemas = NULL;
    int takes_request = 0;
    int is_async = 0;
    if (made == NULL ||
        !PyArg_ParseTuple(made, "OppO", &callable, &takes_request, &is_async, &schemas)) {
        Py_XDECREF(made);
        return -1;
    }
    handler->callable = Py_NewRef(callable);
    handler->takes_request = takes_request != 0;
    handler->is_async = is_async != 0;
    handler->schemas = schemas != Py_None ? Py_NewRef(schemas) : NULL;
    Py_DECREF(made);
    return 0;
}

dr_py_handler *dr_py_app_handler(dr_py_app *app, dora_slice name)
{
    dr_py_handler *found = NULL;
    for (dr_py_handler *at = app->first; at != NULL; at = at->next) {
        Py_ssize_t len = 0;
        const char *text = PyUnicode_AsUTF8AndSize(at->name, &len);
        if (text == NULL) {
            return NULL;
        }
        if ((size_t)len == name.len && memcmp(text, name.data, name.len) == 0) {
            found = at;
            break;
        }
        found = len == 0 ? at : found;
    }
    return found != NULL && dr_py_app_compose(app, found) == 0 ? found : NULL;
}

/* What api(name) returns: `self` is (app, name, options). */
static PyObject *decorate(PyObject *self, PyObject *function)
{
    return add_handler((dr_py_app *)PyTuple_GET_ITEM(self, 0), PyTuple_GET_ITEM(self, 1), function,
                       PyTuple_GET_ITEM(self, 2));
}

static PyMethodDef decorate_def = {"api", decorate, METH_O,
                                   "Register the function and return it unchanged."};

PyDoc_STRVAR(
    api_doc,
    "api($self, name, /, *, summary=None, time_limit=None)\n--\n\n"
    "Decorator: the function answers calls of `name` (1 to 255 bytes).\n"
    "It takes (param) or (param, request: dora.Request); what it returns is the answer. One whose\n"
    "parameters are all keyword-only gets the members of a map; a member that is missing or not\n"
    "known is 100210.\n"
    "One that is async def runs on the worker's event loop, beside as many others as the\n"
    "pool's `concurrency` allows; one that is not runs in a thread beside the loop.\n"
    "One that is a generator, async or not, sends a part with each yield; who does not call it as\n"
    "a stream gets the list of them, or what it returns.\n"
    "`summary` says what it does; None: its docstring's first line.\n"
    "`time_limit` is how many seconds it may run, for accepted work, too; None: as its pool says\n"
    "(time_limit_ms), 0: as long as it likes.\n"
    "ValueError for a repeated name, TypeError for another shape.");

static PyObject *app_api(dr_py_app *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "summary", "time_limit", NULL};
    PyObject *name = NULL;
    PyObject *summary = Py_None;
    PyObject *time_limit = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OO:api", names, &name, &summary,
                                     &time_limit) ||
        check_name(name) < 0 || check_open(self) < 0) {
        return NULL;
    }
    PyObject *options = dr_py_options_new(name, summary, time_limit);
    PyObject *all = options != NULL ? PyTuple_Pack(3, (PyObject *)self, name, options) : NULL;
    Py_XDECREF(options);
    PyObject *decorator = all != NULL ? PyCFunction_New(&decorate_def, all) : NULL;
    Py_XDECREF(all);
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
    PyObject *result = add_handler(self, name, callable, NULL);
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
    middleware_doc,
    "middleware($self, function, /)\n--\n\n"
    "Decorator: the function stands around every handler, those too that are registered\n"
    "before it; the one registered first is outermost. It takes (call_next, param, request)\n"
    "and returns the answer. call_next(), call_next(param) or call_next(param, request) goes\n"
    "on, with what it was given where nothing is said. One that is async def awaits that.");

static PyObject *app_middleware(dr_py_app *self, PyObject *function)
{
    if (check_open(self) < 0) {
        return NULL;
    }
    const int leads_to_async = ask_shape("check_middleware", function);
    if (leads_to_async < 0 || PyList_Append(self->middleware, function) < 0) {
        return NULL;
    }
    self->has_async |= leads_to_async != 0;
    for (dr_py_handler *at = self->first; at != NULL; at = at->next) {
        Py_CLEAR(at->callable);
    }
    return Py_NewRef(function);
}

/* ---- calls without a server: dora/_call.py ---- */

static PyObject *leave_to_call(dr_py_app *self, const char *function, PyObject *args,
                               PyObject *kwargs)
{
    PyObject *module = PyImport_ImportModule("dora._call");
    PyObject *method = module != NULL ? PyObject_GetAttrString(module, function) : NULL;
    PyObject *first = method != NULL ? PyTuple_Pack(1, (PyObject *)self) : NULL;
    PyObject *all = first != NULL ? PySequence_Concat(first, args) : NULL;
    PyObject *result = all != NULL ? PyObject_Call(method, all, kwargs) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(method);
    Py_XDECREF(first);
    Py_XDECREF(all);
    return result;
}

PyDoc_STRVAR(
    call_doc,
    "call($self, name, param=None, *, guid=None, type='W_S', protocol='tcp', connection=1,\n"
    "     trace='', remaining_ms=None, caller=None, priority='normal')\n--\n\n"
    "Run a handler in this process as a worker does, without a server, and return or raise\n"
    "what a client's call() would; what the handler raised is the error's __cause__.\n"
    "The keywords are those of dora.Request. Before the first call the start hooks run, as worker "
    "0; the stop hooks\n"
    "run in close(), or when the process ends. Within a running event loop: acall().");

static PyObject *app_call(dr_py_app *self, PyObject *args, PyObject *kwargs)
{
    return leave_to_call(self, "call", args, kwargs);
}

PyDoc_STRVAR(
    acall_doc,
    "acall($self, name, param=None, *, guid=None, type='W_S', protocol='tcp', connection=1,\n"
    "     trace='', remaining_ms=None, caller=None, priority='normal')\n--\n\n"
    "As call(), awaited: async def handlers and hooks run on the running event loop. The\n"
    "start hooks run before its first call on that loop, the stop hooks in aclose().");

static PyObject *app_acall(dr_py_app *self, PyObject *args, PyObject *kwargs)
{
    return leave_to_call(self, "acall", args, kwargs);
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "Run the stop hooks, if call() has run the start hooks. The next call\n"
                        "begins anew.");

static PyObject *app_close(dr_py_app *self, PyObject *args)
{
    return leave_to_call(self, "close", args, NULL);
}

PyDoc_STRVAR(aclose_doc, "aclose($self, /)\n--\n\n"
                         "As close(), awaited, for what acall() has begun on this event loop.");

static PyObject *app_aclose(dr_py_app *self, PyObject *args)
{
    return leave_to_call(self, "aclose", args, NULL);
}

static PyObject *app_hooks(dr_py_app *self, void *Py_UNUSED(closure))
{
    return PyTuple_Pack(2, self->start_hooks, self->stop_hooks);
}

static PyObject *app_alone(dr_py_app *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->alone != NULL ? self->alone : Py_None);
}

static int app_set_alone(dr_py_app *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(self->alone, Py_XNewRef(value));
    return 0;
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
    static char *names[] = {"encode", "typed", NULL};
    PyObject *given = NULL;
    PyObject *typed = Py_None;
    PyObject *encode;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OO:App", names, &given, &typed)) {
        return NULL;
    }
    if (typed != Py_None && !PyBool_Check(typed)) {
        PyErr_Format(PyExc_TypeError, "typed must be bool or None, not %s",
                     Py_TYPE(typed)->tp_name);
        return NULL;
    }
    if (dr_py_hook_read(given, &encode) < 0) {
        return NULL;
    }
    dr_py_app *self = (dr_py_app *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_XDECREF(encode);
        return NULL;
    }
    self->encode = encode;
    self->typed = typed; /* one of three that live for ever */
    self->start_hooks = PyList_New(0);
    self->stop_hooks = PyList_New(0);
    self->middleware = PyList_New(0);
    if (self->start_hooks == NULL || self->stop_hooks == NULL || self->middleware == NULL) {
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
    Py_VISIT(self->middleware);
    Py_VISIT(self->alone);
    for (dr_py_handler *at = self->first; at != NULL; at = at->next) {
        Py_VISIT(at->function);
        Py_VISIT(at->options);
        Py_VISIT(at->callable);
    }
    return 0;
}

static int app_clear(dr_py_app *self)
{
    Py_CLEAR(self->encode);
    Py_CLEAR(self->start_hooks);
    Py_CLEAR(self->stop_hooks);
    Py_CLEAR(self->middleware);
    Py_CLEAR(self->alone);
    dr_py_handler *at = self->first;
    self->first = NULL;
    self->last = NULL;
    while (at != NULL) {
        dr_py_handler *next = at->next;
        Py_DECREF(at->name);
        Py_DECREF(at->function);
        Py_XDECREF(at->options);
        Py_XDECREF(at->schemas);
        Py_XDECREF(at->callable);
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

#define KEYWORDS(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef app_methods[] = {
    {"api", KEYWORDS(app_api), METH_VARARGS | METH_KEYWORDS, api_doc},
    {"fallback", (PyCFunction)app_fallback, METH_O, fallback_doc},
    {"worker_start", (PyCFunction)app_worker_start, METH_O, worker_start_doc},
    {"worker_stop", (PyCFunction)app_worker_stop, METH_O, worker_stop_doc},
    {"middleware", (PyCFunction)app_middleware, METH_O, middleware_doc},
    {"call", KEYWORDS(app_call), METH_VARARGS | METH_KEYWORDS, call_doc},
    {"acall", KEYWORDS(app_acall), METH_VARARGS | METH_KEYWORDS, acall_doc},
    {"close", (PyCFunction)app_close, METH_VARARGS, close_doc},
    {"aclose", (PyCFunction)app_aclose, METH_VARARGS, aclose_doc},
    {"run", KEYWORDS(app_run), METH_VARARGS | METH_KEYWORDS, run_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef app_getset[] = {
    {"apis", (getter)app_apis, NULL, "The registered api names, in order (tuple of str).", NULL},
    {"_hooks", (getter)app_hooks, NULL,
     "The start and the stop hooks, lists of (function, takes_worker, is_async).", NULL},
    {"_alone", (getter)app_alone, (setter)app_set_alone, "What dora._call keeps here.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(app_doc,
             "App(*, encode=None, typed=None)\n--\n\n"
             "An application: handlers by api name. `encode` is given what a result holds\n"
             "that has no place on the wire, and returns something that has one. `typed` says\n"
             "whether handlers' annotations count: None where there is pydantic 2.\n\n"
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
