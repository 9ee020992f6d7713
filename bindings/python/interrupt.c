/* interrupt.c: what ends a handler before it has ended by itself: dora.TimeLimit, dora.Cancelled.
 *
 * The core's signal has Python run a handler of its own in the main thread, as soon as that may be:
 * what waits there returns for it (PEP 475), and it raises where the handler is. Where Python does
 * not come to that, in foreign code that keeps the GIL, faulthandler says where it is: it alone
 * reads the frames of a thread from within a signal handler. */
#include "worker.h"

#include <frameobject.h> /* PyFrame_GetBack of Python 3.10 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINES_MAX 64
#define DUMP_BYTES 8192

/* The signal by which this process asks faulthandler: one that nothing sends. */
#ifdef SIGSTKFLT
#define DUMP_SIGNAL SIGSTKFLT
#endif

PyDoc_STRVAR(interrupted_doc,
             "What ends a handler that has not ended by itself. `except Exception` does not catch\n"
             "it; `finally` and `with` run as ever. Where the handler goes on all the same, its\n"
             "worker is killed when kill_after_ms is over. Its caller has its answer either way.");
PyDoc_STRVAR(time_limit_doc, "The handler has run for as long as it may (100201).");
PyDoc_STRVAR(cancelled_doc,
             "Nobody wants the handler's result any more, or the server stops (100211).");

static PyObject *class_new(PyObject *module, const char *name, PyObject *base, const char *doc)
{
    PyObject *type = PyErr_NewExceptionWithDoc(name, doc, base, NULL);
    if (type != NULL && PyModule_AddObjectRef(module, strchr(name, '.') + 1, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

int dr_py_interrupt_init(PyObject *module, dr_py_state *state)
{
    PyObject *base = class_new(module, "dora.Interrupted", PyExc_BaseException, interrupted_doc);
    if (base == NULL) {
        return -1;
    }
    state->time_limit = class_new(module, "dora.TimeLimit", base, time_limit_doc);
    state->cancelled = class_new(module, "dora.Cancelled", base, cancelled_doc);
    Py_DECREF(base);
    return state->time_limit != NULL && state->cancelled != NULL ? 0 : -1;
}

PyObject *dr_py_interrupt_class(const dr_py_state *state, dora_interrupt why)
{
    return why == DORA_INTERRUPT_TIME_LIMIT ? state->time_limit : state->cancelled;
}

const char *dr_py_interrupt_text(dora_interrupt why)
{
    return dora_code_text(why == DORA_INTERRUPT_TIME_LIMIT ? DORA_CODE_TIME_LIMIT
                                                           : DORA_CODE_CANCELLED);
}

/* ---- where it is ---- */

/* line_of gives "FILE:LINE in FUNCTION\n"; NULL with an exception. */
static PyObject *line_of(PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *file = PyObject_GetAttrString((PyObject *)code, "co_filename");
    PyObject *name = PyObject_GetAttrString((PyObject *)code, "co_name");
    PyObject *line =
        file != NULL && name != NULL
            ? PyUnicode_FromFormat("%U:%d in %U\n", file, PyFrame_GetLineNumber(frame), name)
            : NULL;
    Py_XDECREF(file);
    Py_XDECREF(name);
    Py_DECREF(code);
    return line;
}

PyObject *dr_py_stack_of(PyFrameObject *frame)
{
    PyObject *text = PyUnicode_FromString("");
    PyFrameObject *at = (PyFrameObject *)Py_XNewRef((PyObject *)frame);
    for (int i = 0; text != NULL && at != NULL && i < LINES_MAX; i++) {
        PyUnicode_AppendAndDel(&text, line_of(at)); /* NULL where either is */
        Py_SETREF(at, PyFrame_GetBack(at));
    }
    Py_XDECREF(at);
    PyObject *bytes =
        text != NULL ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    Py_XDECREF(text);
    PyErr_Clear();
    return bytes;
}

static void put_stack(PyObject *frame)
{
    PyObject *bytes = frame != Py_None ? dr_py_stack_of((PyFrameObject *)frame) : NULL;
    if (bytes != NULL) {
        dora_stack_put(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }
    Py_XDECREF(bytes);
}

/* ---- in a signal handler of the system ---- */

/* take_line copies one line of faulthandler's, `  File "FILE", line 7 in NAME`, as ours. Returns:
 * its length, 0: it is none. */
static size_t take_line(const char *line, size_t len, char *to, size_t room)
{
    static const char begin[] = "  File \"";
    static const char middle[] = "\", line ";
    const char *from = line + sizeof(begin) - 1;
    const char *end = line + len;
    if (len < sizeof(begin) || memcmp(line, begin, sizeof(begin) - 1) != 0) {
        return 0;
    }
    const char *at = memmem(from, (size_t)(end - from), middle, sizeof(middle) - 1);
    if (at == NULL || (size_t)(end - from) + 2 > room) {
        return 0;
    }
    const size_t file_len = (size_t)(at - from);
    const char *rest = at + sizeof(middle) - 1;
    memcpy(to, from, file_len);
    to[file_len] = ':';
    memcpy(to + file_len + 1, rest, (size_t)(end - rest));
    to[file_len + 1 + (size_t)(end - rest)] = '\n';
    return file_len + 2 + (size_t)(end - rest);
}

#ifdef DUMP_SIGNAL
static void dump(const dr_py_host *self)
{
    char said[DUMP_BYTES];
    char text[DUMP_BYTES];
    size_t len = 0;
    if (self->dump_fd < 0 || lseek(self->dump_fd, 0, SEEK_SET) != 0) {
        return;
    }
    (void)raise(DUMP_SIGNAL); /* it has been done when this comes back */
    const off_t end = lseek(self->dump_fd, 0, SEEK_CUR);
    const ssize_t count = pread(self->dump_fd, said, sizeof(said), 0);
    const size_t whole = count > 0 && end > 0 ? (size_t)(count < end ? count : end) : 0;
    for (size_t at = 0; at < whole;) {
        const char *stop = memchr(said + at, '\n', whole - at);
        const size_t line_len = stop != NULL ? (size_t)(stop - said) - at : whole - at;
        len += take_line(said + at, line_len, text + len, sizeof(text) - len);
        at += line_len + 1;
    }
    if (len > 0) {
        dora_stack_put(text, len);
    }
}
#endif

void dr_py_interrupt(void *pointer, bool is_again)
{
    dr_py_host *self = pointer;
    uint64_t none = 0;
    (void)atomic_compare_exchange_strong(&self->told_ns, &none, dr_py_clock_ns());
#ifdef DUMP_SIGNAL
    if (is_again) {
        dump(self);
    }
#else
    (void)is_again;
#endif
    (void)PyErr_SetInterruptEx(DORA_INTERRUPT_SIGNAL);
}

/* ---- in Python's ---- */

/* put_text says where what a loop runs is. Ownership: takes `text`. */
static void put_text(PyObject *text)
{
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (bytes != NULL) {
        dora_stack_put(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_DECREF(text);
}

/* is_deferred has dora._loop end what a loop of this thread runs, where that is between two steps.
 * Returns: whether it does. */
static bool is_deferred(PyObject *error)
{
    PyObject *name = PyUnicode_FromString("dora._loop");
    PyObject *module = name != NULL ? PyImport_GetModule(name) : NULL; /* no loop without it */
    PyObject *where = module != NULL ? PyObject_CallMethod(module, "defer", "O", error) : NULL;
    const bool is_done = where != NULL && where != Py_None;
    PyErr_Clear();
    Py_XDECREF(name);
    Py_XDECREF(module);
    if (is_done) {
        put_text(where);
    } else {
        Py_XDECREF(where);
    }
    return is_done;
}

/* error_of gives what is raised to end a handler; NULL with another exception. */
static PyObject *error_of(const dr_py_state *state, const dora_request *request, dora_interrupt why)
{
    char text[DORA_INTERRUPT_TEXT_BYTES];
    const size_t len = dora_interrupt_text(request, text, sizeof(text));
    PyObject *said = PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "replace");
    PyObject *error =
        said != NULL ? PyObject_CallOneArg(dr_py_interrupt_class(state, why), said) : NULL;
    Py_XDECREF(said);
    return error;
}

/* on_signal raises in the handler that is to end: once, so that it may clean up. */
static PyObject *on_signal(PyObject *capsule, PyObject *args)
{
    dr_py_host *self = PyCapsule_GetPointer(capsule, NULL);
    const uint64_t told_ns = atomic_exchange(&self->told_ns, 0);
    const bool is_alone = self->request != NULL;
    const dora_request *request =
        is_alone ? self->request : dr_py_running_due(self->state, told_ns);
    const dora_interrupt why =
        request != NULL ? dora_request_interrupt(request) : DORA_INTERRUPT_NONE;
    if (why == DORA_INTERRUPT_NONE || self->is_raised) {
        Py_RETURN_NONE;
    }
    PyObject *error = error_of(self->state, request, why);
    self->is_raised = is_alone;
    if (error != NULL && is_alone && is_deferred(error)) {
        Py_DECREF(error);
        Py_RETURN_NONE;
    }
    put_stack(PyTuple_GET_ITEM(args, 1));
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

static PyMethodDef on_signal_def = {"interrupt", on_signal, METH_VARARGS,
                                    "End what the main thread runs, where it should."};

#ifdef DUMP_SIGNAL
/* pthread_atfork takes no argument. */
static int dump_fd = -1;

/* in_child: what the application has forked has nothing of the worker's. */
static void in_child(void)
{
    if (dora_is_forked() && dump_fd >= 0) {
        (void)signal(DUMP_SIGNAL, SIG_DFL); /* else it writes to whatever has the number then */
        close(dump_fd);
        dump_fd = -1;
    }
}

static int dump_begin(dr_py_host *self)
{
    dump_fd = self->dump_fd = memfd_create("dora-stack", MFD_CLOEXEC);
    (void)pthread_atfork(NULL, NULL, in_child);
    PyObject *module = self->dump_fd >= 0 ? PyImport_ImportModule("faulthandler") : NULL;
    PyObject *done = module != NULL ? PyObject_CallMethod(module, "register", "iiOO", DUMP_SIGNAL,
                                                          self->dump_fd, Py_False, Py_False)
                                    : NULL;
    Py_XDECREF(module);
    Py_XDECREF(done);
    return done != NULL || self->dump_fd < 0 ? 0 : -1;
}
#endif

void dr_py_interrupt_begin(dr_py_host *self)
{
    PyObject *capsule = PyCapsule_New(self, NULL, NULL);
    PyObject *function = capsule != NULL ? PyCFunction_New(&on_signal_def, capsule) : NULL;
    PyObject *module = function != NULL ? PyImport_ImportModule("_signal") : NULL;
    PyObject *done = module != NULL ? PyObject_CallMethod(module, "signal", "iO",
                                                          DORA_INTERRUPT_SIGNAL, function)
                                    : NULL;
    bool has_failed = done == NULL;
#ifdef DUMP_SIGNAL
    has_failed = has_failed || dump_begin(self) < 0;
#endif
    if (has_failed) {
        PyErr_WriteUnraisable(NULL);
    }
    Py_XDECREF(capsule);
    Py_XDECREF(function);
    Py_XDECREF(module);
    Py_XDECREF(done);
}

/* ---- in a thread beside the loop ---- */

void dr_py_interrupt_thread(const dr_py_state *state, unsigned long thread, dora_interrupt why)
{
    (void)PyThreadState_SetAsyncExc(thread, dr_py_interrupt_class(state, why));
}

void dr_py_interrupt_thread_ends(void)
{
    (void)PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), NULL);
}

const char dr_py_guarded_doc[] =
    "guarded($module, holder, function, arguments, /)\n--\n\n"
    "Call a function so that interrupt(holder, ...) raises in it, and not in what follows it.";

/* The GIL is held from the end of the function until that is so. */
PyObject *dr_py_guarded(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *holder;
    PyObject *function;
    PyObject *arguments;
    if (!PyArg_ParseTuple(args, "OOO!:guarded", &holder, &function, &PyTuple_Type, &arguments)) {
        return NULL;
    }
    PyObject *thread = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    PyObject *result = NULL;
    if (thread != NULL && PyObject_SetAttrString(holder, "thread", thread) == 0) {
        PyObject *type, *value, *traceback;
        result = PyObject_CallObject(function, arguments);
        PyErr_Fetch(&type, &value, &traceback);
        dr_py_interrupt_thread_ends();
        (void)PyObject_SetAttrString(holder, "thread", Py_None);
        PyErr_Restore(type, value, traceback);
    }
    Py_XDECREF(thread);
    return result;
}

const char dr_py_interrupt_doc[] =
    "interrupt($module, holder, text, /)\n--\n\n"
    "Raise what `text` tells of in what guarded() runs for `holder`, at its next step.";

PyObject *dr_py_interrupt_guarded(PyObject *module, PyObject *args)
{
    PyObject *holder;
    const char *text;
    if (!PyArg_ParseTuple(args, "Os:interrupt", &holder, &text)) {
        return NULL;
    }
    PyObject *thread = PyObject_GetAttrString(holder, "thread");
    if (thread == NULL) {
        return NULL;
    }
    const bool is_late = strcmp(text, dr_py_interrupt_text(DORA_INTERRUPT_TIME_LIMIT)) == 0;
    if (thread != Py_None) {
        dr_py_interrupt_thread(PyModule_GetState(module), PyLong_AsUnsignedLong(thread),
                               is_late ? DORA_INTERRUPT_TIME_LIMIT : DORA_INTERRUPT_CANCELLED);
    }
    Py_DECREF(thread);
    Py_RETURN_NONE;
}
