/* log.c: the server's log, for dora.LogHandler. */
#include "binding.h"

const char dr_py_log_doc[] =
    "log($module, level, tag, file, line, msg, /)\n--\n\n"
    "Add a record to the server's log: `level` 1 to 9, `tag` who speaks, `file` and `line`\n"
    "from where. It never waits. Returns False outside a server's zygotes and workers.";

PyObject *dr_py_log(PyObject *module, PyObject *args)
{
    int level = 0;
    unsigned int line = 0;
    PyObject *texts[3]; /* tag, file, msg */
    PyObject *bytes[3] = {NULL, NULL, NULL};
    if (!PyArg_ParseTuple(args, "iUUIU:log", &level, &texts[0], &texts[1], &line, &texts[2])) {
        return NULL;
    }
    bool is_good = true;
    for (size_t i = 0; is_good && i < 3; i++) { /* whatever it holds: a log takes it */
        bytes[i] = PyUnicode_AsEncodedString(texts[i], "utf-8", "backslashreplace");
        is_good = bytes[i] != NULL;
    }
    bool is_kept = false;
    if (is_good) {
        const char *tag = PyBytes_AS_STRING(bytes[0]);
        const char *file = PyBytes_AS_STRING(bytes[1]);
        const char *msg = PyBytes_AS_STRING(bytes[2]);
        const size_t msg_len = (size_t)PyBytes_GET_SIZE(bytes[2]);
        const dora_request *request = dr_py_running_request(PyModule_GetState(module));
        is_kept = request != NULL ? dora_log_within(request, level, tag, file, line, msg, msg_len)
                                  : dora_log(level, tag, file, line, msg, msg_len);
    }
    for (size_t i = 0; i < 3; i++) {
        Py_XDECREF(bytes[i]);
    }
    return is_good ? PyBool_FromLong(is_kept) : NULL;
}

const char dr_py_log_is_wanted_doc[] = "log_is_wanted($module, level, /)\n--\n\n"
                                       "Whether the server's log keeps records of `level`, 1 to 9.";

PyObject *dr_py_log_is_wanted(PyObject *Py_UNUSED(module), PyObject *level)
{
    long number = PyLong_AsLong(level);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(number > 0 && number < 10 && dora_log_is_wanted((int)number));
}
