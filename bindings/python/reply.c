/* reply.c: what a handler returned or raised becomes its reply. */
#include "worker.h"

#define TRACEBACK_BYTES_MAX 32768 /* of one record */

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

/* An exception's traceback as bytes. NULL when out of memory. */
static PyObject *traceback_bytes(PyObject *type, PyObject *value, PyObject *traceback)
{
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = NULL;
    PyObject *own = traceback == NULL && value != NULL ? PyException_GetTraceback(value) : NULL;
    traceback = traceback != NULL ? traceback : own;
    if (module != NULL) {
        lines = PyObject_CallMethod(module, "format_exception", "OOO", type,
                                    value != NULL ? value : Py_None,
                                    traceback != NULL ? traceback : Py_None);
    }
    PyObject *empty = lines != NULL ? PyUnicode_FromStringAndSize(NULL, 0) : NULL;
    PyObject *text = empty != NULL ? PyUnicode_Join(empty, lines) : NULL;
    PyErr_Clear();
    PyObject *bytes = text_bytes(text != NULL ? text : value);
    Py_XDECREF(own);
    Py_XDECREF(module);
    Py_XDECREF(lines);
    Py_XDECREF(empty);
    Py_XDECREF(text);
    return bytes;
}

/* That of the pending exception, which is cleared. */
static PyObject *take_traceback(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *bytes = traceback_bytes(type, value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return bytes;
}

/* A long traceback loses its beginning: the end says what happened. */
dora_err dr_py_error_take(dora_error *error, dora_err err)
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

/* The attribute `http_status` of an exception is the status of its reply over HTTP. What is no int
 * of 400 to 499 the core ignores, and says so. */
static void give_http_status(const dora_request *request, dora_reply *reply, PyObject *exception)
{
    PyObject *status = PyObject_GetAttrString(exception, "http_status");
    if (status != NULL && status != Py_None) {
        int overflow = 1;
        const bool is_int = PyLong_Check(status) && !PyBool_Check(status);
        long long number = is_int ? PyLong_AsLongLongAndOverflow(status, &overflow) : 0;
        (void)dora_reply_http_status(reply, request, overflow == 0 ? number : 0);
    }
    PyErr_Clear();
    Py_XDECREF(status);
}

/* class_name is that of an exception, without its module. */
static const char *class_name(PyObject *exception)
{
    const char *name = Py_TYPE(exception)->tp_name;
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* "ValueError: no such user", or the text alone of an error that the handler meant to tell. */
static PyObject *exception_message(PyObject *exception, bool with_class)
{
    PyObject *bytes = text_bytes(exception);
    if (bytes == NULL || !with_class) {
        return bytes;
    }
    PyObject *full =
        PyBytes_FromFormat(PyBytes_GET_SIZE(bytes) > 0 ? "%s: " : "%s", class_name(exception));
    PyBytes_ConcatAndDel(&full, bytes); /* whole: it may well have NUL bytes */
    PyErr_Clear();
    return full;
}

static dora_slice slice_of(PyObject *bytes)
{
    return bytes != NULL ? (dora_slice){PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)}
                         : (dora_slice){NULL, 0};
}

/* end_of is what the log takes of a traceback: of a long one the end, which says what happened. */
static dora_slice end_of(dora_slice traceback)
{
    if (traceback.len > TRACEBACK_BYTES_MAX) {
        traceback.data += traceback.len - TRACEBACK_BYTES_MAX;
        traceback.len = TRACEBACK_BYTES_MAX;
    }
    return traceback;
}

/* attribute steps from an object to one of its attributes, NULL where that is missing or None. */
static PyObject *attribute(PyObject *object, const char *name)
{
    PyObject *found = object != NULL ? PyObject_GetAttrString(object, name) : NULL;
    PyErr_Clear();
    if (found == Py_None) {
        Py_CLEAR(found);
    }
    return found;
}

/* raised_at is the file in which an exception was raised, as bytes, and the line. */
static PyObject *raised_at(PyObject *exception, uint32_t *line)
{
    PyObject *at = PyException_GetTraceback(exception);
    for (PyObject *next = attribute(at, "tb_next"); next != NULL; next = attribute(at, "tb_next")) {
        Py_SETREF(at, next);
    }
    PyObject *number = attribute(at, "tb_lineno");
    PyObject *frame = attribute(at, "tb_frame");
    PyObject *code = attribute(frame, "f_code");
    PyObject *name = attribute(code, "co_filename");
    const long value = number != NULL ? PyLong_AsLong(number) : 0;
    PyErr_Clear();
    *line = value > 0 ? (uint32_t)value : 0;
    PyObject *file = name != NULL ? text_bytes(name) : NULL;
    Py_XDECREF(at);
    Py_XDECREF(number);
    Py_XDECREF(frame);
    Py_XDECREF(code);
    Py_XDECREF(name);
    return file;
}

/* record puts the one record of an exception into the log. `what`, unless NULL, is said behind its
 * message. */
static void record(const dora_request *request, dora_reply *reply, PyObject *value,
                   const char *what)
{
    uint32_t line;
    PyObject *traceback = traceback_bytes((PyObject *)Py_TYPE(value), value, NULL);
    PyObject *file = raised_at(value, &line);
    PyObject *msg = exception_message(value, true);
    if (msg != NULL && what != NULL) {
        PyBytes_ConcatAndDel(&msg, PyBytes_FromFormat(" (%s)", what));
    }
    const char *name = class_name(value);
    const dora_fault fault = {.size = sizeof fault,
                              .class_name = {name, strlen(name)},
                              .msg = slice_of(msg),
                              .traceback = end_of(slice_of(traceback)),
                              .file = slice_of(file),
                              .line = line};
    (void)dora_log_fault(request, reply, &fault);
    PyErr_Clear();
    Py_XDECREF(traceback);
    Py_XDECREF(file);
    Py_XDECREF(msg);
}

/* exit() in a handler: its caller learns that the worker is gone, and it leaves in good order. */
static dora_err reply_exit(const dora_request *request, PyObject *exception, dora_reply *reply)
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
    (void)PyObject_SetAttrString(exception, "_dora_is_told", Py_True); /* _loop.py asks */
    PyErr_Clear();
    const dora_err err = dora_reply_died(reply, msg, len > 0 ? (size_t)len : 0);
    record(request, reply, exception, "the worker ends");
    return err;
}

/* show tells of an exception: by the application's sys.excepthook where it has one, else in the
 * log. A hook that raises, or exits, does not end the worker; what it should have told is not lost.
 * In a child that a handler forked it is as in any program (request: NULL). */
static void show(const dora_request *request, dora_reply *reply, PyObject *type, PyObject *value,
                 PyObject *traceback)
{
    PyObject *hook = Py_XNewRef(PySys_GetObject("excepthook")); /* it may replace itself */
    PyObject *usual = PySys_GetObject("__excepthook__");
    PyObject *done = NULL;
    if (hook != NULL && (hook != usual || request == NULL)) {
        done = PyObject_CallFunctionObjArgs(hook, type, value,
                                            traceback != NULL ? traceback : Py_None, NULL);
    }
    PyErr_Clear();
    if (done == NULL && request != NULL) {
        record(request, reply, value, hook != usual ? "sys.excepthook failed at it" : NULL);
    } else if (done == NULL) {
        PyErr_Display(type, value, traceback);
    }
    Py_XDECREF(done);
    Py_XDECREF(hook);
}

/* exit_status is what Python makes of a SystemExit; a text is printed. */
static int exit_status(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    int status = 1;
    if (code == NULL || code == Py_None) {
        status = 0;
    } else if (PyLong_Check(code)) {
        status = (int)PyLong_AsLong(code);
    } else {
        PySys_FormatStderr("%S\n", code);
    }
    PyErr_Clear();
    Py_XDECREF(code);
    return status;
}

void dr_py_child_raised(dr_py_state *state)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    if (PyErr_GivenExceptionMatches(value, PyExc_SystemExit)) {
        state->child_status = exit_status(value);
    } else {
        show(NULL, NULL, type, value, traceback);
        state->child_status = 1;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* The caller's fault, of which the log need not hear. */
static dora_err reply_misfit(PyObject *exception, dora_reply *reply)
{
    PyObject *msg = text_bytes(exception);
    const dora_err err = msg != NULL ? dora_reply_misfit(reply, PyBytes_AS_STRING(msg),
                                                         (size_t)PyBytes_GET_SIZE(msg))
                                     : dora_reply_misfit(reply, "", 0);
    Py_XDECREF(msg);
    return err;
}

dora_err dr_py_reply_exception(dr_py_state *state, const dora_request *request, dora_reply *reply)
{
    if (dora_is_forked()) {
        dr_py_child_raised(state);
        return DORA_EEXIT;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    dora_err err;
    if (PyErr_GivenExceptionMatches(value, PyExc_SystemExit) ||
        PyErr_GivenExceptionMatches(value, PyExc_KeyboardInterrupt)) {
        err = reply_exit(request, value, reply);
        goto out;
    }
    if (dora_reply_interrupted(request, reply) != DORA_OK) {
        err = DORA_EHANDLER;
        if (dora_request_interrupt(request) != DORA_INTERRUPT_CANCELLED) {
            record(request, reply, value, NULL);
        }
        goto out;
    }
    if (PyErr_GivenExceptionMatches(value, state->misfit)) {
        err = reply_misfit(value, reply);
        goto out;
    }
    int64_t code = exception_code(state, value);
    bool is_deliberate = PyErr_GivenExceptionMatches(value, state->handler_error);
    PyObject *msg = exception_message(value, !is_deliberate);
    if (msg != NULL) {
        err = dora_reply_fail(reply, code, PyBytes_AS_STRING(msg), (size_t)PyBytes_GET_SIZE(msg));
        Py_DECREF(msg);
    } else {
        err = dora_reply_fail(reply, code, "out of memory", 13);
    }
    give_http_status(request, reply, value);
    if (!is_deliberate) {
        show(request, reply, type, value, traceback);
    }
out:
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return err;
}

dora_err dr_py_reply_result(dr_py_state *state, const dora_request *request, dora_reply *reply,
                            PyObject *result, PyObject *hook)
{
    if (result == NULL) {
        return dr_py_reply_exception(state, request, reply);
    }
    dora_err err =
        dr_py_encode(state, dora_reply_writer(reply), result, hook, DR_PY_CALL_DEPTH_MAX);
    Py_DECREF(result);
    if (err == DORA_ETYPE) {
        return dr_py_reply_exception(state, request, reply);
    }
    return DORA_OK; /* an error of the writer, as too many bytes, the core sees itself */
}
