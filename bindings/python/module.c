/* module.c: the extension module dora._dora: its state, and the doors to the server. */
#include "binding.h"

#include <dlfcn.h>
#include <unistd.h>

/* ---- the program ---- */

#define RUN_NAME "run()" /* in messages about its options */

/* strings is a list of str as C has it; `items` end with NULL. */
typedef struct strings {
    char **items;
    int count;
} strings;

static void strings_fini(strings *list)
{
    for (int i = 0; i < list->count; i++) {
        PyMem_Free(list->items[i]);
    }
    PyMem_Free(list->items);
    *list = (strings){0};
}

/* Copies, by the file system's encoding. Returns: 0, or -1 with an exception. */
static int strings_init(strings *list, PyObject *source)
{
    *list = (strings){0};
    PyObject *sequence = PySequence_Fast(source, "a list of str is needed");
    if (sequence == NULL) {
        return -1;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    list->items = PyMem_Calloc((size_t)count + 1, sizeof(*list->items));
    int failed = list->items == NULL || count > 100000;
    for (Py_ssize_t i = 0; !failed && i < count; i++) {
        PyObject *bytes = NULL;
        failed = !PyUnicode_FSConverter(PySequence_Fast_GET_ITEM(sequence, i), &bytes);
        if (!failed) {
            size_t size = (size_t)PyBytes_GET_SIZE(bytes) + 1;
            char *copy = PyMem_Malloc(size);
            failed = copy == NULL;
            if (copy != NULL) {
                memcpy(copy, PyBytes_AS_STRING(bytes), size);
                list->items[list->count++] = copy;
            }
            Py_DECREF(bytes);
        }
    }
    Py_DECREF(sequence);
    if (failed) {
        strings_fini(list);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(
    main_doc,
    "main($module, argv, zygote, again=None, again_app=None, options=None)\n--\n\n"
    "The `dora` program: argv is ['dora', 'serve', ...]. Returns its exit status.\n"
    "`zygote` is the command line that starts a zygote of this interpreter; `again` that\n"
    "of this very program, and `again_app` its FILE in argv, where run() was called, with\n"
    "`options` beside the flags in argv, as JSON.\n"
    "Call it on the main thread; the GIL is given up.");

static PyObject *module_main(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"argv", "zygote", "again", "again_app", "options", NULL};
    PyObject *argv_list = NULL;
    PyObject *zygote_list = NULL;
    PyObject *again_list = Py_None;
    PyObject *again_app = NULL;
    const char *options = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OO&z:main", names, &argv_list, &zygote_list,
                                     &again_list, PyUnicode_FSConverter, &again_app, &options)) {
        return NULL;
    }
    strings argv = {0};
    strings zygote = {0};
    strings again = {0};
    PyObject *result = NULL;
    if (strings_init(&argv, argv_list) < 0 || strings_init(&zygote, zygote_list) < 0 ||
        (again_list != Py_None && strings_init(&again, again_list) < 0)) {
        goto out;
    }
    const dora_host host = {
        .size = sizeof host,
        .runtime = "python",
        .zygote = (const char *const *)zygote.items,
        .again = (const char *const *)again.items,
        .again_app = again_app != NULL ? PyBytes_AS_STRING(again_app) : NULL,
        .options = options,
        .options_name = options != NULL ? RUN_NAME : NULL,
    };
    PyThreadState *saved = PyEval_SaveThread();
    const int status = dora_main(argv.count, argv.items, &host);
    PyEval_RestoreThread(saved);
    result = PyLong_FromLong(status);
out:
    strings_fini(&argv);
    strings_fini(&zygote);
    strings_fini(&again);
    Py_XDECREF(again_app);
    return result;
}

PyDoc_STRVAR(
    check_options_doc,
    "check_options($module, options, /)\n--\n\n"
    "Looks at options of run(), as JSON. TypeError for a name that is none, ValueError for\n"
    "a value that is not allowed.");

static PyObject *module_check_options(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *options = NULL;
    dora_error error = {0};
    if (!PyArg_ParseTuple(args, "s:check_options", &options)) {
        return NULL;
    }
    switch (dora_options_check("python", options, RUN_NAME, &error)) {
    case DORA_OK:
        Py_RETURN_NONE;
    case DORA_ENOMEM:
        return PyErr_NoMemory();
    case DORA_EINVAL:
        PyErr_SetString(PyExc_TypeError, error.msg);
        return NULL;
    default:
        PyErr_SetString(PyExc_ValueError, error.msg);
        return NULL;
    }
}

/* An application in C that this process loads finds the library's functions here: Python loaded
 * the extension without showing its symbols to others. */
static void show_symbols(void)
{
    Dl_info info;
    if (dladdr(&dr_py_module, &info) != 0 && info.dli_fname != NULL) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
    }
}

PyDoc_STRVAR(zygote_doc,
             "zygote($module, app=None, /)\n--\n\n"
             "Live as a zygote of a running server; returns the status to exit with. With an App\n"
             "that one serves, else what the server names is loaded.");

static PyObject *module_zygote(PyObject *module, PyObject *args)
{
    PyObject *app = Py_None;
    if (!PyArg_ParseTuple(args, "|O:zygote", &app)) {
        return NULL;
    }
    show_symbols();
    int status = dr_py_zygote(module, app);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(status);
}

PyDoc_STRVAR(is_zygote_doc, "is_zygote($module, /)\n--\n\n"
                            "Whether this process was started by a server to be a zygote.");

static PyObject *module_is_zygote(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(dora_is_zygote());
}

PyDoc_STRVAR(is_forked_doc, "is_forked($module, /)\n--\n\n"
                            "Whether the application has forked this process from a zygote or a\n"
                            "worker.");

static PyObject *module_is_forked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(dora_is_forked());
}

PyDoc_STRVAR(leave_doc, "leave($module, status, /)\n--\n\n"
                        "End the process: C's buffered output is written, nothing is taken apart.");

static PyObject *module_leave(PyObject *Py_UNUSED(module), PyObject *args)
{
    int status = 0;
    if (!PyArg_ParseTuple(args, "i:leave", &status)) {
        return NULL;
    }
    (void)fflush(NULL);
    _exit(status);
}

/* ---- the module ---- */

/* check_gil refuses an interpreter that runs without the GIL, which guards all objects here. A
 * free-threaded Python takes it up when it loads a module like this one, by Py_mod_gil below;
 * PYTHON_GIL=0 and -X gil=0 forbid that. */
static int check_gil(void)
{
    PyObject *question = PySys_GetObject("_is_gil_enabled"); /* borrowed; since Python 3.13 */
    if (question == NULL) {
        return 0;
    }
    PyObject *answer = PyObject_CallNoArgs(question);
    const int is_enabled = answer != NULL ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    if (is_enabled == 0) {
        PyErr_SetString(PyExc_ImportError,
                        "dora needs the GIL, and this free-threaded Python was told to run without "
                        "it: take PYTHON_GIL=0 or -X gil=0 away");
    }
    return is_enabled == 1 ? 0 : -1;
}

dr_py_state *dr_py_state_of(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030b0000
    return PyModule_GetState(PyType_GetModuleByDef(type, &dr_py_module));
#else
    PyObject *line = type->tp_mro;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(line); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(line, i);
        PyObject *module = (base->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0
                               ? ((PyHeapTypeObject *)base)->ht_module
                               : NULL;
        if (module != NULL && PyModule_GetDef(module) == &dr_py_module) {
            return PyModule_GetState(module);
        }
    }
    Py_UNREACHABLE();
#endif
}

static int module_exec(PyObject *module)
{
    dr_py_state *state = PyModule_GetState(module);
    if (check_gil() < 0 || dr_py_errors_init(module, state) < 0 ||
        dr_py_interrupt_init(module, state) < 0) {
        return -1;
    }
    state->done_name = PyUnicode_InternFromString("done");
    state->result_name = PyUnicode_InternFromString("set_result");
    state->exception_name = PyUnicode_InternFromString("set_exception");
    if (state->done_name == NULL || state->result_name == NULL || state->exception_name == NULL) {
        return -1;
    }
    state->app_type = dr_py_app_type_new(module);
    state->client_type = dr_py_client_type_new(module);
    state->mux_type = dr_py_mux_type_new(module);
    state->request_type = dr_py_request_type_new(module);
    state->running_type = dr_py_running_type_new(module);
    state->alone_type = dr_py_alone_type_new(module);
    state->stream_type = dr_py_stream_type_new(module);
    if (state->app_type == NULL || state->client_type == NULL || state->mux_type == NULL ||
        state->request_type == NULL || state->running_type == NULL || state->alone_type == NULL ||
        state->stream_type == NULL) {
        return -1;
    }
    if (PyModule_AddType(module, state->app_type) < 0 ||
        PyModule_AddType(module, state->client_type) < 0 ||
        PyModule_AddType(module, state->mux_type) < 0 ||
        PyModule_AddType(module, state->request_type) < 0 ||
        PyModule_AddType(module, state->alone_type) < 0 ||
        PyModule_AddType(module, state->stream_type) < 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "__version__", DORA_VERSION);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    dr_py_state *state = PyModule_GetState(module);
    Py_VISIT(state->app_type);
    Py_VISIT(state->client_type);
    Py_VISIT(state->mux_type);
    Py_VISIT(state->request_type);
    Py_VISIT(state->running_type);
    Py_VISIT(state->alone_type);
    Py_VISIT(state->stream_type);
    Py_VISIT(state->progress_type);
    Py_VISIT(state->running);
    Py_VISIT(state->error);
    Py_VISIT(state->timeout_error);
    Py_VISIT(state->connection_error);
    Py_VISIT(state->handler_error);
    Py_VISIT(state->not_run_error);
    Py_VISIT(state->time_limit);
    Py_VISIT(state->cancelled);
    Py_VISIT(state->misfit);
    Py_VISIT(state->pending_type);
    Py_VISIT(state->plain);
    return dr_py_keys_visit(&state->keys, visit, arg);
}

static int module_clear(PyObject *module)
{
    dr_py_state *state = PyModule_GetState(module);
    Py_CLEAR(state->app_type);
    Py_CLEAR(state->client_type);
    Py_CLEAR(state->mux_type);
    Py_CLEAR(state->request_type);
    Py_CLEAR(state->running_type);
    Py_CLEAR(state->alone_type);
    Py_CLEAR(state->stream_type);
    Py_CLEAR(state->progress_type);
    Py_CLEAR(state->running);
    Py_CLEAR(state->error);
    Py_CLEAR(state->timeout_error);
    Py_CLEAR(state->connection_error);
    Py_CLEAR(state->handler_error);
    Py_CLEAR(state->not_run_error);
    Py_CLEAR(state->time_limit);
    Py_CLEAR(state->cancelled);
    Py_CLEAR(state->misfit);
    Py_CLEAR(state->pending_type);
    Py_CLEAR(state->plain);
    Py_CLEAR(state->code_name);
    Py_CLEAR(state->done_name);
    Py_CLEAR(state->result_name);
    Py_CLEAR(state->exception_name);
    dr_py_keys_clear(&state->keys);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

#define KEYWORDS(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef module_methods[] = {
    {"main", KEYWORDS(module_main), METH_VARARGS | METH_KEYWORDS, main_doc},
    {"zygote", module_zygote, METH_VARARGS, zygote_doc},
    {"leave", module_leave, METH_VARARGS, leave_doc},
    {"check_options", module_check_options, METH_VARARGS, check_options_doc},
    {"is_zygote", module_is_zygote, METH_NOARGS, is_zygote_doc},
    {"is_forked", module_is_forked, METH_NOARGS, is_forked_doc},
    {"pack", KEYWORDS(dr_py_pack), METH_VARARGS | METH_KEYWORDS, dr_py_pack_doc},
    {"unpack", dr_py_unpack, METH_O, dr_py_unpack_doc},
    {"frame_pack", KEYWORDS(dr_py_frame_pack), METH_VARARGS | METH_KEYWORDS, dr_py_frame_pack_doc},
    {"frame_check", KEYWORDS(dr_py_frame_check), METH_VARARGS | METH_KEYWORDS,
     dr_py_frame_check_doc},
    {"call_now", dr_py_call_now, METH_NOARGS, dr_py_call_now_doc},
    {"guarded", dr_py_guarded, METH_VARARGS, dr_py_guarded_doc},
    {"say_stuck", dr_py_stuck, METH_VARARGS, dr_py_say_stuck_doc},
    {"interrupt", dr_py_interrupt_guarded, METH_VARARGS, dr_py_interrupt_doc},
    {"log", dr_py_log, METH_VARARGS, dr_py_log_doc},
    {"log_is_wanted", dr_py_log_is_wanted, METH_O, dr_py_log_is_wanted_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

struct PyModuleDef dr_py_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "dora._dora",
    .m_doc = "The C part of dora; use `import dora`.",
    .m_size = sizeof(dr_py_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__dora(void)
{
    return PyModuleDef_Init(&dr_py_module);
}
