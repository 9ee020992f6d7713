/* runtime.c: Python as the core sees it: load, fork, call a handler, wait without the GIL. */
#include "worker.h"

/* ---- calls ---- */

PyObject *dr_py_arguments(dr_py_state *state, const dr_py_handler *handler,
                          const dora_request *request, dora_reply *reply, PyObject **shown)
{
    PyObject *param = dr_py_decode(state, dora_request_param(request));
    PyObject *arguments = NULL;
    if (param != NULL && handler->takes_request) {
        *shown = dr_py_request_begin(state, request, reply, param);
    }
    if (param != NULL && (*shown != NULL || !handler->takes_request)) {
        arguments = *shown != NULL ? PyTuple_Pack(2, param, *shown) : PyTuple_Pack(1, param);
    }
    Py_XDECREF(param);
    return arguments;
}

PyObject *dr_py_call(dr_py_state *state, const dr_py_handler *handler, const dora_request *request,
                     dora_reply *reply, PyObject **shown)
{
    PyObject *args[3] = {NULL, NULL, NULL}; /* args[0] is room for a bound method's self */
    *shown = NULL;
    args[1] = dr_py_decode(state, dora_request_param(request));
    if (args[1] == NULL) {
        return NULL;
    }
    size_t count = 1;
    if (handler->takes_request) {
        args[2] = *shown = dr_py_request_begin(state, request, reply, args[1]);
        if (args[2] == NULL) {
            Py_DECREF(args[1]);
            return NULL;
        }
        count = 2;
    }
    PyObject *result = PyObject_Vectorcall(handler->callable, args + 1,
                                           count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(args[1]);
    return result;
}

/* Makes the loop where there is none yet. Returns: whether there is one, else with an exception. */
static bool has_opened(dr_py_host *self)
{
    if (self->loop == NULL) {
        self->loop = dr_py_loop_open(self->state, self->app->encode, self->app->has_async);
    }
    return self->loop != NULL;
}

static PyObject *complete(dr_py_host *self, PyObject *awaitable, PyObject *context)
{
    return has_opened(self) ? dr_py_loop_complete(self->loop, awaitable, context) : NULL;
}

/* sent is what became of a handler's parts. */
typedef struct sent {
    bool is_stream; /* it was a generator */
    dora_err err;   /* the reply has its error already */
} sent;

/* Sends the parts of a generator, in `context`. Ownership: takes it. */
static PyObject *send_parts(dr_py_host *self, dora_reply *reply, PyObject *generator,
                            PyObject *context, sent *sent)
{
    const bool is_async = dr_py_parts_kind_of(generator) == DR_PY_PARTS_ASYNC;
    PyObject *result = NULL;
    sent->is_stream = true;
    if (is_async) {
        PyObject *steps =
            has_opened(self)
                ? dr_py_parts_drive("stepwise", dr_py_loop_object(self->loop), generator, context)
                : NULL;
        Py_SETREF(generator, steps);
    }
    if (generator != NULL && (is_async || PyContext_Enter(context) == 0)) {
        result = dr_py_parts_send(self, reply, generator, &sent->err);
        if (!is_async) {
            (void)PyContext_Exit(context);
        }
    }
    Py_XDECREF(generator);
    return result;
}

/* Calls a handler in a context of its own. What it returns to be awaited, as a wrapper of an async
 * def does, is awaited here. */
static PyObject *call_alone(dr_py_host *self, void *handler, const dora_request *request,
                            dora_reply *reply, PyObject **shown, sent *sent)
{
    *shown = NULL;
    PyObject *context = PyContext_Copy(self->context);
    if (context == NULL || PyContext_Enter(context) < 0) {
        Py_XDECREF(context);
        return NULL;
    }
    PyObject *result = dr_py_call(self->state, handler, request, reply, shown);
    (void)PyContext_Exit(context);
    if (result != NULL && dr_py_is_awaitable(result)) {
        Py_SETREF(result, complete(self, result, context));
    }
    if (result != NULL && dr_py_may_be_parts(result) &&
        dr_py_parts_kind_of(result) != DR_PY_PARTS_NONE) {
        result = send_parts(self, reply, result, context, sent);
    }
    Py_DECREF(context);
    return result;
}

static dora_err invoke(void *pointer, void *handler, const dora_request *request, dora_reply *reply)
{
    dr_py_host *self = pointer;
    PyObject *shown;
    sent sent = {.err = DORA_OK};
    self->is_raised = false;
    self->request = request;
    PyObject *result = call_alone(self, handler, request, reply, &shown, &sent);
    if (shown != NULL) {
        dr_py_request_end(shown);
    }
    const dora_err err =
        sent.is_stream
            ? dr_py_parts_reply(self->state, request, reply, result, self->app->encode, sent.err)
            : dr_py_reply_result(self->state, request, reply, result, self->app->encode);
    self->request = NULL;
    self->is_raised = false;
    Py_CLEAR(self->kept);
    return err;
}

static void sleep_begin(void *pointer)
{
    ((dr_py_host *)pointer)->saved = PyEval_SaveThread();
}

static void sleep_end(void *pointer)
{
    dr_py_host *self = pointer;
    PyEval_RestoreThread(self->saved);
    if (PyErr_CheckSignals() == 0) {
        return;
    }
    if (self->is_raised) { /* it waits for room to send a part, and is told by that */
        PyErr_Clear();
    } else if (self->request != NULL && self->kept == NULL) {
        self->kept = dr_py_raised_take(); /* for the handler, whose part waits for room */
    } else {                              /* a signal handler of the application raised */
        PyErr_WriteUnraisable(NULL);
    }
}

/* Small objects are told by their number alone: most are of such a size. */
#define BLOCK_BYTES 64u

/* bytes_in_use. What is larger than 512 bytes is malloc's. */
static uint64_t bytes_in_use(void *pointer)
{
    (void)pointer;
    PyObject *function = PySys_GetObject("getallocatedblocks"); /* borrowed */
    PyObject *count = function != NULL ? PyObject_CallNoArgs(function) : NULL;
    const Py_ssize_t blocks = count != NULL ? PyLong_AsSsize_t(count) : 0;
    Py_XDECREF(count);
    PyErr_Clear();
    return blocks > 0 ? (uint64_t)blocks * BLOCK_BYTES : 0;
}

/* ---- loading and forking ---- */

static dora_slice bytes_of(PyObject *bytes)
{
    return (dora_slice){PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)};
}

/* gives_parts says whether calling a function gives a generator. What goes wrong is not told: it is
 * a word for people. */
static bool gives_parts(PyObject *shape, PyObject *function)
{
    PyObject *said =
        shape != NULL ? PyObject_CallMethod(shape, "gives_parts", "O", function) : NULL;
    const bool gives = said == Py_True;
    PyErr_Clear();
    Py_XDECREF(said);
    return gives;
}

/* describe tells what a handler is for, as api() was told, else as its docstring says it. */
static dora_err describe(dora_app *app, const char *name, const dr_py_handler *handler,
                         dora_error *error)
{
    PyObject *said =
        handler->options != NULL ? PyDict_GetItemString(handler->options, "summary") : NULL;
    PyObject *shape = PyImport_ImportModule("dora._shape");
    PyObject *text = said != NULL && said != Py_None ? Py_NewRef(said)
                     : shape != NULL ? PyObject_CallMethod(shape, "summary", "O", handler->function)
                                     : NULL;
    Py_ssize_t len = 0;
    const char *summary = text != NULL ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;
    dora_err err = DORA_OK;
    if (summary == NULL) {
        err = dr_py_error_take(error, DORA_ELOAD);
    } else {
        dora_about about = {.size = sizeof about, .summary = {summary, (size_t)len}};
        if (handler->schemas != NULL) {
            about.param = bytes_of(PyTuple_GET_ITEM(handler->schemas, 0));
            about.result = bytes_of(PyTuple_GET_ITEM(handler->schemas, 1));
        }
        about.is_stream = gives_parts(shape, handler->function);
        err = dora_app_describe(app, name, &about);
        if (err != DORA_OK) {
            dora_error_set(error, err, "api '%s': %s", name, dora_err_text(err));
        }
    }
    Py_XDECREF(text);
    Py_XDECREF(shape);
    return err;
}

static dora_err register_handlers(dr_py_host *self, dora_app *app, dora_error *error)
{
    for (dr_py_handler *at = self->app->first; at != NULL; at = at->next) {
        Py_ssize_t len = 0;
        const char *name = PyUnicode_AsUTF8AndSize(at->name, &len);
        if (name == NULL || dr_py_app_compose(self->app, at) < 0) {
            return dr_py_error_take(error, DORA_ELOAD);
        }
        dora_err err = dora_app_handler(app, (dora_slice){name, (size_t)len}, at);
        if (err != DORA_OK) {
            return dora_error_set(error, err, "api '%s': %s", name, dora_err_text(err));
        }
        err = describe(app, name, at, error);
        if (err != DORA_OK) {
            return err;
        }
        int64_t limit_ms;
        if (dr_py_options_limit(at, &limit_ms)) {
            (void)dora_app_time_limit(app, name, limit_ms); /* both were checked by api() */
        }
    }
    self->app->is_sealed = true;
    return DORA_OK;
}

static dora_err load(void *pointer, dora_app *app, const char *target, dora_error *error)
{
    dr_py_host *self = pointer;
    PyObject *loader = PyImport_ImportModule("dora._load");
    PyObject *given = self->app != NULL ? (PyObject *)self->app : Py_None;
    PyObject *found =
        loader != NULL ? PyObject_CallMethod(loader, "load", "sO", target, given) : NULL;
    Py_XDECREF(loader);
    if (found == NULL && dora_is_forked()) {
        dr_py_child_raised(self->state);
        return DORA_EEXIT;
    }
    if (found == NULL) {
        return dr_py_error_take(error, DORA_ELOAD);
    }
    if (!PyObject_TypeCheck(found, self->state->app_type)) {
        Py_DECREF(found);
        return dora_error_set(error, DORA_ELOAD, "%s: not a dora.App", target);
    }
    Py_XSETREF(self->app, (dr_py_app *)found);
    if (self->app->has_async) { /* asyncio is loaded here, once, not by each worker */
        PyObject *driver = PyImport_ImportModule("dora._loop");
        PyObject *threads = driver != NULL ? PyImport_ImportModule("dora._threads") : NULL;
        Py_XDECREF(driver);
        if (threads == NULL) {
            return dr_py_error_take(error, DORA_ELOAD);
        }
        Py_DECREF(threads);
    }
    return register_handlers(self, app, error);
}

/* Tells what dora._files finds. Nobody waits for it: what goes wrong is printed. */
static void files(void *Py_UNUSED(pointer), void (*tell)(void *user, const char *path), void *user)
{
    PyObject *module = PyImport_ImportModule("dora._files");
    PyObject *list = module != NULL ? PyObject_CallMethod(module, "new", NULL) : NULL;
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        tell(user, PyBytes_AS_STRING(PyList_GET_ITEM(list, i)));
    }
    if (list == NULL) {
        PyErr_WriteUnraisable(module);
    }
    Py_XDECREF(list);
    Py_XDECREF(module);
}

/* Calls dora._fork's function `name`; what goes wrong is printed, for nobody waits for it. */
static void call_at_fork(const char *name)
{
    PyObject *module = PyImport_ImportModule("dora._fork");
    PyObject *done = module != NULL ? PyObject_CallMethod(module, name, NULL) : NULL;
    if (done == NULL) {
        PyErr_WriteUnraisable(module);
    }
    Py_XDECREF(module);
    Py_XDECREF(done);
}

static void fork_before(void *pointer)
{
    dr_py_host *self = pointer;
    if (!self->has_forked) { /* after that nothing is loaded in the zygote any more */
        self->has_forked = true;
        call_at_fork("before_first_fork");
    }
    PyOS_BeforeFork();
}

static void fork_parent(void *Py_UNUSED(pointer))
{
    PyOS_AfterFork_Parent();
}

static void fork_child(void *pointer)
{
    PyOS_AfterFork_Child();
    call_at_fork("in_worker");
    dr_py_interrupt_begin(pointer);
}

/* Calls a hook: beside a loop one that is no async def in the thread of the plain handlers. */
static PyObject *call_hook(dr_py_host *self, PyObject *hook)
{
    PyObject *callable = PyTuple_GET_ITEM(hook, 0);
    const bool is_plain = PyTuple_GET_ITEM(hook, 2) != Py_True;
    PyObject *number = NULL;
    PyObject *done = NULL;
    if (PyTuple_GET_ITEM(hook, 1) == Py_True) {
        number = PyLong_FromUnsignedLong(self->worker);
        if (number == NULL) {
            return NULL;
        }
    }
    if (is_plain && dr_py_loop_has_threads(self->loop)) {
        done = dr_py_loop_call(self->loop, callable, number, self->context);
    } else if (PyContext_Enter(self->context) == 0) {
        done =
            number != NULL ? PyObject_CallOneArg(callable, number) : PyObject_CallNoArgs(callable);
        (void)PyContext_Exit(self->context);
    }
    Py_XDECREF(number);
    return done;
}

/* Runs one list of hooks; those that are async def to their end. Returns: 0, or -1 with an
 * exception at the first that raises. */
static int run_hooks(dr_py_host *self, PyObject *hooks)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(hooks); i++) {
        PyObject *done = call_hook(self, PyList_GET_ITEM(hooks, i));
        if (done != NULL && dr_py_is_awaitable(done)) {
            Py_SETREF(done, complete(self, done, self->context));
        }
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    }
    return 0;
}

static dora_err worker_start(void *pointer, uint32_t worker, dora_error *error)
{
    dr_py_host *self = pointer;
    self->worker = worker;
    self->context = PyContext_CopyCurrent();
    if (self->context == NULL || (self->app->has_async && !has_opened(self)) ||
        run_hooks(self, self->app->start_hooks) < 0) {
        if (dora_is_forked()) {
            dr_py_child_raised(self->state);
            return DORA_EEXIT;
        }
        return dr_py_error_take(error, DORA_EHANDLER);
    }
    return DORA_OK;
}

static void worker_stop(void *pointer)
{
    dr_py_host *self = pointer;
    dr_py_loop_finish(self->loop);
    if (run_hooks(self, self->app->stop_hooks) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    dr_py_loop_close(self->loop);
    self->loop = NULL;
}

static bool wants_loop(void *pointer)
{
    return ((dr_py_host *)pointer)->app->has_async;
}

static void run_loop(void *pointer, dora_worker *worker)
{
    dr_py_host *self = pointer;
    if (has_opened(self) && dr_py_loop_run(self->loop, worker, self->context) == 0) {
        return;
    }
    if (dora_is_forked()) {
        dr_py_child_raised(self->state);
    } else {
        PyErr_WriteUnraisable(NULL);
    }
}

int dr_py_zygote(PyObject *module, PyObject *app)
{
    dr_py_host self = {.state = PyModule_GetState(module), .dump_fd = -1};
    if (app != Py_None) {
        if (!PyObject_TypeCheck(app, self.state->app_type)) {
            PyErr_Format(PyExc_TypeError, "app must be a dora.App or None, not %s",
                         Py_TYPE(app)->tp_name);
            return -1;
        }
        self.app = (dr_py_app *)Py_NewRef(app);
    }
    const dora_runtime runtime = {.size = sizeof runtime,
                                  .name = "python",
                                  .resumes_sleep = true,
                                  .version = PY_VERSION,
                                  .host = &self,
                                  .load = load,
                                  .files = files,
                                  .fork_before = fork_before,
                                  .fork_parent = fork_parent,
                                  .fork_child = fork_child,
                                  .worker_start = worker_start,
                                  .worker_stop = worker_stop,
                                  .invoke = invoke,
                                  .sleep_begin = sleep_begin,
                                  .sleep_end = sleep_end,
                                  .wants_loop = wants_loop,
                                  .run_loop = run_loop,
                                  .interrupt = dr_py_interrupt,
                                  .bytes_in_use = bytes_in_use};
    int status = dora_zygote_run(&runtime);
    Py_XDECREF(self.context);
    Py_XDECREF(self.app);
    return dora_is_forked() ? self.state->child_status : status;
}
