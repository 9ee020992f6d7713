/* errors.c: the error classes, and which of them a failed call becomes. */
#include "binding.h"

#include <structmember.h>

PyDoc_STRVAR(
    error_doc,
    "Error(msg='', code=None)\n--\n\n"
    "A failed call. `code` is the reply code (int), `msg` the text (str), `retry_after_ms`\n"
    "in how many ms a server that had no room (100203) is likely to have it, or None.\n"
    "Without a code the class's own default stands: 100208 for Error and HandlerError,\n"
    "100009 for TimeoutError, 100010 for ConnectionError, 100203 for NotRunError.");

static int error_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"msg", "code", NULL};
    PyObject *msg = NULL;
    PyObject *code = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|UO:Error", names, &msg, &code)) {
        return -1;
    }
    if (code != Py_None && (!PyLong_Check(code) || PyBool_Check(code))) {
        PyErr_Format(PyExc_TypeError, "code must be int, not %s", Py_TYPE(code)->tp_name);
        return -1;
    }
    msg = msg != NULL ? Py_NewRef(msg) : PyUnicode_FromStringAndSize(NULL, 0);
    code = code != Py_None ? Py_NewRef(code) : PyObject_GetAttrString(self, "code");
    PyObject *both = NULL;
    int failed = -1;
    if (msg == NULL || code == NULL) {
        goto out;
    }
    both = PyTuple_Pack(2, msg, code); /* `args`: what pickle and copy build it again from */
    if (both != NULL && PyObject_SetAttrString(self, "args", both) == 0 &&
        PyObject_SetAttrString(self, "msg", msg) == 0) {
        failed = PyObject_SetAttrString(self, "code", code);
    }
out:
    Py_XDECREF(msg);
    Py_XDECREF(code);
    Py_XDECREF(both);
    return failed;
}

static PyObject *error_str(PyObject *self)
{
    PyObject *msg = PyObject_GetAttrString(self, "msg");
    if (msg == NULL) {
        return NULL;
    }
    PyObject *text = PyObject_Str(msg);
    Py_DECREF(msg);
    return text;
}

static PyObject *error_not_run(PyObject *self, void *Py_UNUSED(closure))
{
    dr_py_state *state = dr_py_state_of(Py_TYPE(self));
    if (PyObject_TypeCheck(self, (PyTypeObject *)state->not_run_error)) {
        Py_RETURN_TRUE;
    }
    if (!PyObject_TypeCheck(self, (PyTypeObject *)state->connection_error)) {
        Py_RETURN_FALSE;
    }
    PyObject *code = PyObject_GetAttr(self, state->code_name);
    if (code == NULL) {
        return NULL;
    }
    int64_t number = PyLong_AsLongLong(code);
    Py_DECREF(code);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(number == DORA_CODE_CONNECT);
}

/* Says when the server is likely to have room; 0: it has not said. Returns: `error`, or NULL. */
static PyObject *with_retry_after(PyObject *error, uint32_t retry_after_ms)
{
    if (error == NULL || retry_after_ms == 0) {
        return error;
    }
    PyObject *number = PyLong_FromUnsignedLong(retry_after_ms);
    if (number == NULL || PyObject_SetAttrString(error, "retry_after_ms", number) < 0) {
        Py_CLEAR(error);
    }
    Py_XDECREF(number);
    return error;
}

static PyGetSetDef error_getset[] = {
    {"not_run", error_not_run, NULL,
     "True where the handler certainly did not run, so that sending the call again is safe.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot error_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t)error_doc},
    {Py_tp_init, error_init},
    {Py_tp_str, error_str},
    {Py_tp_getset, error_getset},
    {0, NULL},
};

static PyType_Spec error_spec = {
    .name = "dora.Error",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = error_slots,
};

/* `also` is a builtin class that the new one is a kind of, too; NULL for none. */
static PyObject *subclass_new(PyObject *module, const char *name, PyObject *base, PyObject *also,
                              long code, const char *doc)
{
    char full[64];
    PyOS_snprintf(full, sizeof(full), "dora.%s", name);
    PyObject *bases = also != NULL ? PyTuple_Pack(2, base, also) : PyTuple_Pack(1, base);
    PyObject *dict = Py_BuildValue("{s:l}", "code", code);
    PyObject *type = NULL;
    if (bases != NULL && dict != NULL) {
        type = PyErr_NewExceptionWithDoc(full, doc, bases, dict);
    }
    Py_XDECREF(bases);
    Py_XDECREF(dict);
    if (type != NULL && PyModule_AddObjectRef(module, name, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

int dr_py_errors_init(PyObject *module, dr_py_state *state)
{
    state->code_name = PyUnicode_InternFromString("code");
    state->error = PyType_FromModuleAndSpec(module, &error_spec, PyExc_Exception);
    if (state->code_name == NULL || state->error == NULL) {
        return -1;
    }
    /* Defaults on the class: a subclass whose __init__ does not call ours still has all. */
    PyObject *code = PyLong_FromLong(DORA_CODE_HANDLER);
    PyObject *msg = PyUnicode_FromStringAndSize(NULL, 0);
    int failed = code == NULL || msg == NULL ||
                 PyObject_SetAttr(state->error, state->code_name, code) < 0 ||
                 PyObject_SetAttrString(state->error, "msg", msg) < 0 ||
                 PyObject_SetAttrString(state->error, "retry_after_ms", Py_None) < 0 ||
                 PyModule_AddObjectRef(module, "Error", state->error) < 0;
    Py_XDECREF(code);
    Py_XDECREF(msg);
    if (failed) {
        return -1;
    }
    state->timeout_error =
        subclass_new(module, "TimeoutError", state->error, PyExc_TimeoutError, DORA_CODE_RECEIVE,
                     "No answer within the call's time (100009). The handler may have run.");
    state->connection_error = subclass_new(
        module, "ConnectionError", state->error, PyExc_ConnectionError, DORA_CODE_CONNECT,
        "No server can be connected (100010: certainly not run), the connection broke while\n"
        "waiting (100009: the handler may have run), or the result is lost (100012: the\n"
        "handler may have run).");
    state->handler_error =
        subclass_new(module, "HandlerError", state->error, NULL, DORA_CODE_HANDLER,
                     "The handler failed; its code and message. A handler may raise it itself:\n"
                     "raise dora.HandlerError('no such user', code=404).");
    state->not_run_error = subclass_new(
        module, "NotRunError", state->error, NULL, DORA_CODE_OVERLOADED,
        "The server refused the call before its handler ran (100202 to 100205, 100207,\n"
        "100212: such a call has ended workers),\n"
        "or the parameter does not fit its handler (100210: middleware may have run).");
    state->misfit =
        subclass_new(module, "Misfit", state->not_run_error, NULL, DORA_CODE_WRONG_SHAPE,
                     "Raised in place of calling a handler: its parameter has the wrong\n"
                     "shape. The message is its faults: 'PATH: REASON; PATH: REASON'.");
    if (state->misfit == NULL || state->timeout_error == NULL || state->connection_error == NULL ||
        state->handler_error == NULL || state->not_run_error == NULL) {
        return -1;
    }
    return 0;
}

PyObject *dr_py_error_new(PyObject *type, int64_t code, dora_slice msg)
{
    PyObject *text =
        PyUnicode_DecodeUTF8(msg.len > 0 ? msg.data : "", (Py_ssize_t)msg.len, "replace");
    if (text == NULL) {
        return NULL;
    }
    PyObject *error = PyObject_CallFunction(type, "OL", text, (long long)code);
    Py_DECREF(text);
    return error;
}

static PyObject *class_of(const dr_py_state *state, dora_kind kind)
{
    switch (kind) {
    case DORA_KIND_TIMEOUT:
        return state->timeout_error;
    case DORA_KIND_CONNECTION:
        return state->connection_error;
    case DORA_KIND_HANDLER:
        return state->handler_error;
    case DORA_KIND_NOT_RUN:
        return state->not_run_error;
    case DORA_KIND_ERROR:
        break;
    }
    return state->error;
}

PyObject *dr_py_error_from_result(dr_py_state *state, const dora_result *result)
{
    PyObject *error =
        dr_py_error_new(class_of(state, dora_code_kind(result->code)), result->code, result->msg);
    const bool is_refused = result->code == DORA_CODE_OVERLOADED;
    return with_retry_after(error, is_refused ? dora_retry_after_ms(result->data) : 0);
}

PyObject *dr_py_error_from(dr_py_state *state, const dora_error *error, const dora_answer *answer)
{
    const char *text = error->msg[0] != '\0' ? error->msg : dora_err_text(error->err);
    int64_t code = 0;
    PyObject *type = class_of(state, dora_error_kind(error, &code));
    const bool is_refused =
        answer != NULL && error->err == DORA_EREPLY && code == DORA_CODE_OVERLOADED;
    return with_retry_after(dr_py_error_new(type, code, (dora_slice){text, strlen(text)}),
                            is_refused ? dora_retry_after_ms(dora_answer_reply(answer)) : 0);
}

PyObject *dr_py_raise(dr_py_state *state, const dora_error *error)
{
    return dr_py_raise_from(state, error, NULL);
}

PyObject *dr_py_raise_from(dr_py_state *state, const dora_error *error, const dora_answer *answer)
{
    if (error->err == DORA_ENOMEM) {
        return PyErr_NoMemory();
    }
    if (error->err == DORA_EINVAL) {
        PyErr_SetString(PyExc_ValueError,
                        error->msg[0] != '\0' ? error->msg : dora_err_text(error->err));
        return NULL;
    }
    PyObject *exception = dr_py_error_from(state, error, answer);
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

PyObject *dr_py_raised_take(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        (void)PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}
