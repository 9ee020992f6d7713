/* runtime.c: Python as the core sees it: load, fork, call a handler, wait without the GIL. */
#include "binding.h"

/* host is the first argument of each callback. The GIL is held except between sleep_begin and
 * sleep_end. */
typedef struct host {
    dr_py_state *state;
    dr_py_app *app; /* owned; NULL until loaded */
    PyThreadState *saved;
    uint32_t worker;
    bool has_collected; /* garbage of loading is gone: what is left may be shared by the workers */
} host;

/* ---- what an exception says ---- */

/* Text of any object as UTF-8 bytes, never failing: NULL only when out of memory. */
static PyObject *text_bytes(PyObject *object)
{
    PyObject *text = object != NULL ? PyObject_Str(object) : NULL;
    if (text == NULL) {
        PyErr_Clear();
        text = PyUnicode_FromString("(no text)");
    }
    PyObject *bytes =
        text != NULL ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    Py_XDECREF(text);
    if (bytes == NULL) {
        PyErr_Clear();
    }
    return bytes;
}

/* The pending exception's traceback as bytes; clears it. NULL when out of memory. */
static PyObject *take_traceback(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = NULL;
    if (module != NULL) {
        lines = PyObject_CallMethod(module, "format_exception", "OOO", type,
                                    value != NULL ? value : Py_None,
                                    traceback != NULL ? traceback : Py_None);
    }
    PyObject *empty = lines != NULL ? PyUnicode_FromStringAndSize(NULL, 0) : NULL;
    PyObject *text = empty != NULL ? PyUnicode_Join(empty, lines) : NULL;
    PyErr_Clear();
    PyObject *bytes = text_bytes(text != NULL ? text : value);
    Py_XDECREF(module);
    Py_XDECREF(lines);
    Py_XDECREF(empty);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return bytes;
}

/* Puts the pending exception into `error`. A long traceback loses its beginning: the end says
 * what happened. */
static dora_err error_from_exception(dora_error *error, dora_err err)
{
    PyObject *bytes = take_traceback();
    const char *text = bytes != NULL ? PyBytes_AS_STRING(bytes) : "out of memory";
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    size_t room = error != NULL ? sizeof(error->msg) - 8 : 0;
    if (len > room) {
        dora_error_set(error, err, "...%.*s", (int)room, text + (len - room));
    } else {
        dora_error_set(error, err, "%.*s", (int)len, text);
    }
    Py_XDECREF(bytes);
    return err;
}

/* The int attribute `code` of an exception; 100208 where there is none that fits. */
static int64_t exception_code(dr_py_state *state, PyObject *exception)
{
    int64_t number = DORA_CODE_HANDLER;
    PyObject *code = PyObject_GetAttr(exception, state->code_name);
    if (code != NULL && PyLong_Check(code) && !PyBool_Check(code)) {
        int overflow = 0;
        long long value = PyLong_AsLongLongAndOverflow(code, &overflow);
        number = overflow == 0 ? value : DORA_CODE_HANDLER;
    }
    Py_XDECREF(code);
    PyErr_Clear();
    return number;
}

/* "ValueError: no such user", or the text alone where the exception has a code of its own. */
static PyObject *exception_message(PyObject *exception, bool with_class)
{
    PyObject *bytes = text_bytes(exception);
    if (bytes == NULL || !with_class) {
        return bytes;
    }
    const char *name = Py_TYPE(exception)->tp_name;
    const char *dot = strrchr(name, '.');
    PyObject *full = PyBytes_FromFormat(PyBytes_GET_SIZE(bytes) > 0 ? "%s: %s" : "%s",
                                        dot != NULL ? dot + 1 : name, PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    PyErr_Clear();
    return full;
}

/* exit() in a handler: its caller learns that the worker is gone, and it leaves in good order. */
static dora_err reply_exit(PyObject *exception, dora_reply *reply)
{
    PyObject *said = PyObject_GetAttrString(exception, "code");
    PyObject *bytes = said != NULL && said != Py_None ? text_bytes(said) : NULL;
    PyErr_Clear();
    char msg[256];
    int len =
        PyOS_snprintf(msg, sizeof(msg), "the handler raised %s(%.200s)",
                      Py_TYPE(exception)->tp_name, bytes != NULL ? PyBytes_AS_STRING(bytes) : "");
    Py_XDECREF(bytes);
    Py_XDECREF(said);
    return dora_reply_died(reply, msg, len > 0 ? (size_t)len : 0);
}

/* Turns the pending exception into the reply. Cold. */
static dora_err reply_exception(host *self, dora_reply *reply)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    dora_err err;
    if (PyErr_GivenExceptionMatches(value, PyExc_SystemExit) ||
        PyErr_GivenExceptionMatches(value, PyExc_KeyboardInterrupt)) {
        err = reply_exit(value, reply);
        goto out;
    }
    int64_t code = exception_code(self->state, value);
    bool is_deliberate = PyErr_GivenExceptionMatches(value, self->state->handler_error);
    PyObject *msg = exception_message(value, code == DORA_CODE_HANDLER && !is_deliberate);
    if (msg != NULL) {
        err = dora_reply_fail(reply, code, PyBytes_AS_STRING(msg), (size_t)PyBytes_GET_SIZE(msg));
        Py_DECREF(msg);
    } else {
        err = dora_reply_fail(reply, code, "out of memory", 13);
    }
    if (!is_deliberate) {
        PyErr_Restore(type, value, traceback);
        PyErr_PrintEx(0); /* to stderr, by sys.excepthook */
        return err;
    }
out:
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return err;
}

/* ---- calls ---- */

static dora_err invoke(void *pointer, void *handler_pointer, const dora_request *request,
                       dora_reply *reply)
{
    host *self = pointer;
    const dr_py_handler *handler = handler_pointer;
    PyObject *args[3] = {NULL, NULL, NULL}; /* args[0] is room for a bound method's self */
    args[1] = dr_py_decode(self->state, dora_request_param(request));
    if (args[1] == NULL) {
        return reply_exception(self, reply);
    }
    size_t count = 1;
    if (handler->takes_request) {
        args[2] = dr_py_request_begin(self->state, request, args[1]);
        if (args[2] == NULL) {
            Py_DECREF(args[1]);
            return reply_exception(self, reply);
        }
        count = 2;
    }
    PyObject *result = PyObject_Vectorcall(handler->callable, args + 1,
                                           count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(args[1]);
    if (args[2] != NULL) {
        dr_py_request_end(args[2]);
    }
    if (result == NULL) {
        return reply_exception(self, reply);
    }
    dora_err err = dr_py_encode(dora_reply_writer(reply), result, "result", DR_PY_CALL_DEPTH_MAX);
    Py_DECREF(result);
    if (err == DORA_ETYPE) {
        return reply_exception(self, reply);
    }
    return DORA_OK; /* an error of the writer, as too many bytes, the core sees itself */
}

static void sleep_begin(void *pointer)
{
    ((host *)pointer)->saved = PyEval_SaveThread();
}

static void sleep_end(void *pointer)
{
    PyEval_RestoreThread(((host *)pointer)->saved);
    if (PyErr_CheckSignals() < 0) { /* a signal handler of the application raised */
        PyErr_WriteUnraisable(NULL);
    }
}

/* ---- loading and forking ---- */

static dora_err register_handlers(host *self, dora_app *app, dora_error *error)
{
    for (dr_py_handler *at = self->app->first; at != NULL; at = at->next) {
        Py_ssize_t len = 0;
        const char *name = PyUnicode_AsUTF8AndSize(at->name, &len);
        if (name == NULL) {
            return error_from_exception(error, DORA_ELOAD);
        }
        dora_err err = dora_app_handler(app, (dora_slice){name, (size_t)len}, at);
        if (err != DORA_OK) {
            return dora_error_set(error, err, "api '%s': %s", name, dora_err_text(err));
        }
    }
    self->app->is_sealed = true;
    return DORA_OK;
}

static dora_err load(void *pointer, dora_app *app, const char *target, dora_error *error)
{
    host *self = pointer;
    PyObject *loader = PyImport_ImportModule("dora._load");
    PyObject *given = self->app != NULL ? (PyObject *)self->app : Py_None;
    PyObject *found =
        loader != NULL ? PyObject_CallMethod(loader, "load", "sO", target, given) : NULL;
    Py_XDECREF(loader);
    if (found == NULL) {
        return error_from_exception(error, DORA_ELOAD);
    }
    if (!PyObject_TypeCheck(found, self->state->app_type)) {
        Py_DECREF(found);
        return dora_error_set(error, DORA_ELOAD, "%s: not a dora.App", target);
    }
    Py_XSETREF(self->app, (dr_py_app *)found);
    return register_handlers(self, app, error);
}

/* Calls dora._load's function `name`; what goes wrong is printed, for nobody waits for it. */
static void call_loader(const char *name)
{
    PyObject *loader = PyImport_ImportModule("dora._load");
    PyObject *done = loader != NULL ? PyObject_CallMethod(loader, name, NULL) : NULL;
    if (done == NULL) {
        PyErr_WriteUnraisable(loader);
    }
    Py_XDECREF(loader);
    Py_XDECREF(done);
}

static void fork_before(void *pointer)
{
    host *self = pointer;
    call_loader(self->has_collected ? "before_fork" : "before_first_fork");
    self->has_collected = true;
    PyOS_BeforeFork();
}

static void fork_parent(void *Py_UNUSED(pointer))
{
    PyOS_AfterFork_Parent();
}

static void fork_child(void *Py_UNUSED(pointer))
{
    PyOS_AfterFork_Child();
}

/* Runs one list of hooks. Returns: 0, or -1 with an exception at the first that raises. */
static int run_hooks(PyObject *hooks, uint32_t worker)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(hooks); i++) {
        PyObject *hook = PyList_GET_ITEM(hooks, i);
        PyObject *callable = PyTuple_GET_ITEM(hook, 0);
        PyObject *done = PyTuple_GET_ITEM(hook, 1) == Py_True
                             ? PyObject_CallFunction(callable, "I", (unsigned)worker)
                             : PyObject_CallNoArgs(callable);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    }
    return 0;
}

static dora_err worker_start(void *pointer, uint32_t worker, dora_error *error)
{
    host *self = pointer;
    self->worker = worker;
    if (run_hooks(self->app->start_hooks, worker) < 0) {
        return error_from_exception(error, DORA_EHANDLER);
    }
    return DORA_OK;
}

static void worker_stop(void *pointer)
{
    host *self = pointer;
    if (run_hooks(self->app->stop_hooks, self->worker) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
}

int dr_py_zygote(PyObject *module, PyObject *app)
{
    host self = {.state = PyModule_GetState(module)};
    if (app != Py_None) {
        if (!PyObject_TypeCheck(app, self.state->app_type)) {
            PyErr_Format(PyExc_TypeError, "app must be a dora.App or None, not %s",
                         Py_TYPE(app)->tp_name);
            return -1;
        }
        self.app = (dr_py_app *)Py_NewRef(app);
    }
    const dora_runtime runtime = {.name = "python",
                                  .resumes_sleep = true,
                                  .version = PY_VERSION,
                                  .host = &self,
                                  .load = load,
                                  .fork_before = fork_before,
                                  .fork_parent = fork_parent,
                                  .fork_child = fork_child,
                                  .worker_start = worker_start,
                                  .worker_stop = worker_stop,
                                  .invoke = invoke,
                                  .sleep_begin = sleep_begin,
                                  .sleep_end = sleep_end};
    int status = dora_zygote_run(&runtime);
    Py_XDECREF(self.app);
    return status;
}
