/* option.c: what api() is told of an api beside its name: for people, and for the server. */
#include "binding.h"

/* limit_read makes seconds milliseconds; None is -1, the pool's. Returns: 0, or -1 with an
 * exception. */
static int limit_read(PyObject *name, PyObject *given, long long *ms)
{
    *ms = -1;
    if (given == Py_None) {
        return 0;
    }
    if (PyBool_Check(given) || (!PyFloat_Check(given) && !PyIndex_Check(given))) {
        PyErr_Format(PyExc_TypeError,
                     "api %R: time_limit must be seconds, int or float, or None, not %s", name,
                     Py_TYPE(given)->tp_name);
        return -1;
    }
    const double seconds = PyFloat_AsDouble(given);
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError)) {
        return -1;
    }
    *ms = PyErr_Occurred() ? -1 : dora_limit_of_seconds(seconds);
    PyErr_Clear();
    if (*ms < 0) {
        PyErr_Format(PyExc_ValueError,
                     "api %R: time_limit must be 0 (none) to 86400 seconds, not %.40R", name,
                     given);
        return -1;
    }
    return 0;
}

PyObject *dr_py_options_new(PyObject *name, PyObject *summary, PyObject *time_limit)
{
    long long limit_ms;
    if (summary != Py_None && !PyUnicode_Check(summary)) {
        PyErr_Format(PyExc_TypeError, "api %R: summary must be str, not %s", name,
                     Py_TYPE(summary)->tp_name);
        return NULL;
    }
    if (limit_read(name, time_limit, &limit_ms) < 0) {
        return NULL;
    }
    return Py_BuildValue("{sOsL}", "summary", summary, "limit_ms", limit_ms);
}

bool dr_py_options_limit(const dr_py_handler *handler, int64_t *ms)
{
    PyObject *value =
        handler->options != NULL ? PyDict_GetItemString(handler->options, "limit_ms") : NULL;
    *ms = value != NULL ? PyLong_AsLongLong(value) : -1;
    return *ms >= 0;
}
