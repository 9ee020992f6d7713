/* client_warn.c: what is wrong with a registry, to Python's logging. */
#include "client.h"

static PyObject *log_warning(const char *text)
{
    PyObject *done = NULL;
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *logging = line != NULL ? PyImport_ImportModule("logging") : NULL;
    PyObject *logger =
        logging != NULL ? PyObject_CallMethod(logging, "getLogger", "s", "dora") : NULL;
    if (logger != NULL) {
        done = PyObject_CallMethod(logger, "warning", "sO", "%s", line);
    }
    Py_XDECREF(logger);
    Py_XDECREF(logging);
    Py_XDECREF(line);
    return done;
}

void dr_py_client_warn(void *Py_UNUSED(user), const char *text)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *type;
    PyObject *value;
    PyObject *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *done = log_warning(text);
    if (done == NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        PyErr_Clear();
        PyErr_SetInterrupt(); /* it is the call that ends by it */
    } else if (done == NULL) {
        PyErr_WriteUnraisable(NULL);
    }
    Py_XDECREF(done);
    PyErr_Restore(type, value, trace);
    PyGILState_Release(state);
}
