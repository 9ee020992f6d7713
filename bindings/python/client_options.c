/* client_options.c: the arguments of dora.Client and its methods: nodes, groups, times, retries. */
#include "client.h"

#include <math.h>

#define TIMEOUT_S_MAX 4000000.0 /* fits uint32_t as milliseconds */
#define WAIT_S_MAX 2000000.0    /* fits int32_t as milliseconds */
#define CONNECTIONS_MAX 64      /* as client.h says */
#define WINDOW_MAX 1024         /* of a stream, too */
#define FRAME_BYTES_MIN 1024    /* as in the server's configuration */
#define FRAME_BYTES_MAX (64 * 1024 * 1024)

/* Makes seconds, which messages call `what`, to milliseconds, rounded up; NULL and None are 0. */
static int seconds_read(PyObject *given, const char *what, uint32_t *ms)
{
    *ms = 0;
    if (given == NULL || given == Py_None) {
        return 0;
    }
    double seconds = PyFloat_AsDouble(given);
    if (seconds == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s must be seconds (float or int), not %s", what,
                         Py_TYPE(given)->tp_name);
        } else if (PyErr_ExceptionMatches(PyExc_OverflowError)) { /* an int past any float */
            PyErr_Format(PyExc_ValueError, "%s must be above 0 and at most 4000000 s", what);
        }
        return -1;
    }
    if (!(seconds > 0.0 && seconds <= TIMEOUT_S_MAX)) {
        PyErr_Format(PyExc_ValueError, "%s must be above 0 and at most 4000000 s, not %R", what,
                     given);
        return -1;
    }
    *ms = (uint32_t)ceil(seconds * 1000.0);
    return 0;
}

int dr_py_timeout_read(PyObject *timeout, uint32_t *timeout_ms)
{
    return seconds_read(timeout, "timeout", timeout_ms);
}

int dr_py_stream_options_read(PyObject *window, PyObject *idle, dora_call_options *options)
{
    if (window != NULL && window != Py_None) {
        if (!PyLong_Check(window) || PyBool_Check(window)) {
            PyErr_Format(PyExc_TypeError, "window must be int, not %s", Py_TYPE(window)->tp_name);
            return -1;
        }
        int overflow = 0;
        const long number = PyLong_AsLongAndOverflow(window, &overflow);
        if (overflow != 0 || number < 1 || number > WINDOW_MAX) {
            PyErr_Format(PyExc_ValueError, "window must be 1 to %d, not %R", WINDOW_MAX, window);
            return -1;
        }
        options->window = (uint32_t)number;
    }
    return seconds_read(idle, "idle", &options->idle_ms);
}

int dr_py_retry_read(PyObject *retry, int32_t *count)
{
    if (retry == NULL || retry == Py_None) {
        return 0;
    }
    if (!PyLong_Check(retry) || PyBool_Check(retry)) {
        PyErr_Format(PyExc_TypeError, "retry must be int, not %s", Py_TYPE(retry)->tp_name);
        return -1;
    }
    int overflow = 0;
    long number = PyLong_AsLongAndOverflow(retry, &overflow);
    if (overflow != 0 || number < 0 || number > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "retry must be 0 to %d, not %R", (int)INT32_MAX, retry);
        return -1;
    }
    *count = (int32_t)number;
    return 0;
}

int dr_py_wait_read(PyObject *wait, int32_t *wait_ms)
{
    if (wait == NULL || wait == Py_None) {
        return 0;
    }
    double seconds = PyFloat_AsDouble(wait);
    if (seconds == -1.0 && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "wait must be seconds (float or int), not %s",
                     Py_TYPE(wait)->tp_name);
    } else if (seconds == -1.0 && PyErr_ExceptionMatches(PyExc_OverflowError)) {
        PyErr_SetString(PyExc_ValueError, "wait must be 0 to 2000000 s");
    } else if (!(seconds >= 0.0 && seconds <= WAIT_S_MAX) && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "wait must be 0 to 2000000 s, not %R", wait);
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    *wait_ms = (int32_t)ceil(seconds * 1000.0);
    return 0;
}

/* The UTF-8 of a str, NUL-ended, borrowed from it. `what` is its name in messages. */
static const char *text_read(PyObject *text, const char *what)
{
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %s", what, Py_TYPE(text)->tp_name);
        return NULL;
    }
    Py_ssize_t len = 0;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &len);
    if (bytes != NULL && (len == 0 || strlen(bytes) != (size_t)len)) {
        PyErr_Format(PyExc_ValueError, "%s %R: must not be empty nor hold NUL", what, text);
        return NULL;
    }
    return bytes;
}

int dr_py_group_read(PyObject *group, const char **name)
{
    *name = NULL;
    if (group == NULL || group == Py_None) {
        return 0;
    }
    *name = text_read(group, "group");
    return *name != NULL ? 0 : -1;
}

/* trace_read leaves `*trace` empty for NULL and None; what it is is borrowed from the object. */
static int trace_read(PyObject *trace, dora_slice *text)
{
    if (trace == NULL || trace == Py_None) {
        return 0;
    }
    if (!PyUnicode_Check(trace)) {
        PyErr_Format(PyExc_TypeError, "trace must be str, not %s", Py_TYPE(trace)->tp_name);
        return -1;
    }
    Py_ssize_t len = 0;
    text->data = PyUnicode_AsUTF8AndSize(trace, &len);
    text->len = text->data != NULL ? (size_t)len : 0;
    return text->data != NULL ? 0 : -1;
}

int dr_py_priority_read(PyObject *given, dora_priority *priority)
{
    if (given == NULL || given == Py_None) {
        return 0;
    }
    if (!PyUnicode_Check(given)) {
        PyErr_Format(PyExc_TypeError, "priority must be str, not %s", Py_TYPE(given)->tp_name);
        return -1;
    }
    dora_slice word;
    word.data = PyUnicode_AsUTF8AndSize(given, (Py_ssize_t *)&word.len);
    if (word.data == NULL) {
        return -1;
    }
    if (!dora_priority_find(word, priority)) {
        PyErr_Format(PyExc_ValueError, "priority must be \"low\", \"normal\" or \"high\", not %R",
                     given);
        return -1;
    }
    return 0;
}

int dr_py_call_options_read(PyObject *timeout, PyObject *retry, PyObject *wait, PyObject *group,
                            PyObject *trace, PyObject *priority, dora_call_options *options)
{
    int32_t count = -1;
    int32_t wait_ms = -1;
    if (dr_py_timeout_read(timeout, &options->timeout_ms) < 0 ||
        dr_py_retry_read(retry, &count) < 0 || dr_py_wait_read(wait, &wait_ms) < 0 ||
        dr_py_group_read(group, &options->group) < 0 || trace_read(trace, &options->trace) < 0 ||
        dr_py_priority_read(priority, &options->priority) < 0) {
        return -1;
    }
    /* 0 is "the client's" for the core, and "never" for people. */
    options->retry = count < 0 ? 0 : count == 0 ? -1 : count;
    options->wait_ms = wait_ms < 0 ? 0 : wait_ms == 0 ? -1 : wait_ms;
    return 0;
}

/* ---- nodes ---- */

bool dr_py_is_mapping(PyObject *object)
{
    return PyDict_Check(object) ||
           (PyMapping_Check(object) && PyObject_HasAttrString(object, "keys"));
}

PyObject *dr_py_dict_of(PyObject *mapping)
{
    if (PyDict_Check(mapping)) {
        return Py_NewRef(mapping);
    }
    PyObject *dict = PyDict_New();
    if (dict != NULL && PyDict_Update(dict, mapping) < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* Adds a node, or what stands in its place. Returns: -1 with an exception. */
static int node_add(dora_nodes *nodes, PyObject *node)
{
    dora_slice text = {NULL, 0};
    if (!PyUnicode_Check(node)) {
        dora_nodes_other(nodes, false, Py_TYPE(node)->tp_name);
        return 0;
    }
    text.data = PyUnicode_AsUTF8AndSize(node, (Py_ssize_t *)&text.len);
    if (text.data == NULL) {
        return -1;
    }
    dora_nodes_add(nodes, text);
    return 0;
}

/* Adds a str, or a sequence of them. */
static int nodes_add(dora_nodes *nodes, PyObject *given)
{
    if (!PySequence_Check(given) || PyUnicode_Check(given) || PyBytes_Check(given) ||
        dr_py_is_mapping(given)) {
        return node_add(nodes, given);
    }
    PyObject *all = PySequence_Tuple(given); /* a list may change under our hands */
    int failed = all == NULL ? -1 : 0;
    dora_nodes_list(nodes);
    for (Py_ssize_t i = 0; failed == 0 && i < PyTuple_GET_SIZE(all); i++) {
        failed = node_add(nodes, PyTuple_GET_ITEM(all, i));
    }
    Py_XDECREF(all);
    return failed;
}

static int group_add(dora_nodes *nodes, PyObject *name, PyObject *given)
{
    dora_slice text = {NULL, 0};
    if (!PyUnicode_Check(name)) {
        dora_nodes_other(nodes, true, Py_TYPE(name)->tp_name);
        return 0;
    }
    text.data = PyUnicode_AsUTF8AndSize(name, (Py_ssize_t *)&text.len);
    if (text.data == NULL) {
        return -1;
    }
    dora_nodes_group(nodes, text);
    return nodes_add(nodes, given);
}

static int groups_add(dora_nodes *nodes, PyObject *given)
{
    PyObject *groups = dr_py_dict_of(given);
    PyObject *items = groups != NULL ? PyDict_Items(groups) : NULL;
    int failed = items == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; failed == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        failed = group_add(nodes, PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1));
    }
    Py_XDECREF(items);
    Py_XDECREF(groups);
    return failed;
}

/* Reads the nodes into the options, which point into `*nodes`. */
static int nodes_read(PyObject *given, dora_nodes **nodes, dora_client_options *options)
{
    dora_error error;
    bool is_type;
    *nodes = dora_nodes_new();
    if (*nodes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if ((dr_py_is_mapping(given) ? groups_add(*nodes, given) : nodes_add(*nodes, given)) < 0) {
        return -1;
    }
    const dora_err err = dora_nodes_finish(*nodes, options, &is_type, &error);
    if (err == DORA_EINVAL) {
        PyErr_SetString(is_type ? PyExc_TypeError : PyExc_ValueError, error.msg);
    } else if (err != DORA_OK) {
        PyErr_NoMemory();
    }
    return err == DORA_OK ? 0 : -1;
}

/* ---- all of it ---- */

static int salt_read(PyObject *salt, const char **text)
{
    dora_slice bytes;
    if (dr_py_salt_read(salt, &bytes) < 0) {
        return -1;
    }
    if (bytes.data != NULL && strlen(bytes.data) != bytes.len) {
        PyErr_SetString(PyExc_ValueError, "salt must not hold NUL");
        return -1;
    }
    *text = bytes.data; /* str and bytes objects are NUL-ended */
    return 0;
}

/* The token, borrowed; it never stands in a message. */
static int token_read(PyObject *token, const char **text)
{
    Py_ssize_t len = 0;
    if (token == Py_None) {
        return 0;
    }
    if (!PyUnicode_Check(token)) {
        PyErr_Format(PyExc_TypeError, "token must be str or None, not %s", Py_TYPE(token)->tp_name);
        return -1;
    }
    *text = PyUnicode_AsUTF8AndSize(token, &len);
    if (*text != NULL && strlen(*text) != (size_t)len) {
        PyErr_SetString(PyExc_ValueError, "token must not hold NUL");
        return -1;
    }
    return *text != NULL ? 0 : -1;
}

/* Reads an int of least..most into `*number`, which stays where there is none. */
static int number_read(PyObject *given, const char *name, long least, long most, long *number)
{
    if (given == NULL) {
        return 0;
    }
    if (!PyLong_Check(given) || PyBool_Check(given)) {
        PyErr_Format(PyExc_TypeError, "%s must be int, not %s", name, Py_TYPE(given)->tp_name);
        return -1;
    }
    int overflow = 0;
    *number = PyLong_AsLongAndOverflow(given, &overflow);
    if (overflow != 0 || *number < least || *number > most) {
        PyErr_Format(PyExc_ValueError, "%s must be %ld to %ld, not %R", name, least, most, given);
        return -1;
    }
    return 0;
}

/* file_read reads the name of a file, a str or what os.fspath() takes. */
static int file_read(PyObject *given, const char *what, PyObject **held, const char **path)
{
    if (given == NULL || given == Py_None) {
        return 0;
    }
    if (!PyUnicode_FSConverter(given, held)) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s must be str or os.PathLike, not %s", what,
                         Py_TYPE(given)->tp_name);
        }
        return -1;
    }
    *path = PyBytes_AS_STRING(*held);
    if (**path == '\0') {
        PyErr_Format(PyExc_ValueError, "%s must not be empty", what);
        return -1;
    }
    return 0;
}

/* What the arguments are before they are read; NULL: not given. */
typedef struct given_settings {
    PyObject *nodes, *group, *timeout, *retry, *wait, *salt, *frame_bytes_max, *encode;
    PyObject *tls_ca, *tls_crl, *tls_cert, *tls_key, *tls_name, *token, *priority, *connections;
    int sign, gzip, tls;
} given_settings;

static int given_parse(PyObject *args, PyObject *kwargs, bool is_async, given_settings *given)
{
    static char *names[] = {
        "nodes",   "group",           "timeout", "retry",    "wait",   "sign",    "salt",
        "gzip",    "frame_bytes_max", "encode",  "tls",      "tls_ca", "tls_crl", "tls_cert",
        "tls_key", "tls_name",        "token",   "priority", NULL};
    static char *async_names[] = {"nodes",    "group",  "timeout",  "retry",           "wait",
                                  "sign",     "salt",   "gzip",     "frame_bytes_max", "encode",
                                  "tls",      "tls_ca", "tls_crl",  "tls_cert",        "tls_key",
                                  "tls_name", "token",  "priority", "connections",     NULL};
    const char *format = is_async ? "O|$OOOOpOpOOpOOOOOOOO:Mux" : "O|$OOOOpOpOOpOOOOOOO:Client";
    return PyArg_ParseTupleAndKeywords(
               args, kwargs, format, is_async ? async_names : names, &given->nodes, &given->group,
               &given->timeout, &given->retry, &given->wait, &given->sign, &given->salt,
               &given->gzip, &given->frame_bytes_max, &given->encode, &given->tls, &given->tls_ca,
               &given->tls_crl, &given->tls_cert, &given->tls_key, &given->tls_name, &given->token,
               &given->priority, &given->connections)
               ? 0
               : -1;
}

static int tls_read(const given_settings *given, dr_py_settings *settings)
{
    dora_client_options *options = &settings->options;
    PyObject **files = settings->files;
    options->tls = given->tls != 0;
    if (file_read(given->tls_ca, "tls_ca", &files[0], &options->tls_ca) < 0 ||
        file_read(given->tls_crl, "tls_crl", &files[1], &options->tls_crl) < 0 ||
        file_read(given->tls_cert, "tls_cert", &files[2], &options->tls_cert) < 0 ||
        file_read(given->tls_key, "tls_key", &files[3], &options->tls_key) < 0) {
        return -1;
    }
    if (given->tls_name != NULL && given->tls_name != Py_None) {
        options->tls_name = text_read(given->tls_name, "tls_name");
        return options->tls_name != NULL ? 0 : -1;
    }
    return 0;
}

int dr_py_settings_read(PyObject *args, PyObject *kwargs, bool is_async, dr_py_settings *settings)
{
    given_settings given = {.salt = Py_None, .token = Py_None};
    long bytes_max = 0;
    long connections_max = 0;
    int32_t retries = 0;
    int32_t wait_ms = 0;
    dora_client_options *options = &settings->options;
    *settings = (dr_py_settings){.options = {.size = sizeof(dora_client_options)}};
    if (given_parse(args, kwargs, is_async, &given) < 0 ||
        dr_py_timeout_read(given.timeout, &options->timeout_ms) < 0 ||
        dr_py_retry_read(given.retry, &retries) < 0 || dr_py_wait_read(given.wait, &wait_ms) < 0 ||
        dr_py_group_read(given.group, &options->group) < 0 ||
        number_read(given.frame_bytes_max, "frame_bytes_max", FRAME_BYTES_MIN, FRAME_BYTES_MAX,
                    &bytes_max) < 0 ||
        number_read(given.connections, "connections", 1, CONNECTIONS_MAX, &connections_max) < 0 ||
        salt_read(given.salt, &options->salt) < 0 || tls_read(&given, settings) < 0 ||
        token_read(given.token, &options->token) < 0 ||
        dr_py_priority_read(given.priority, &options->priority) < 0 ||
        nodes_read(given.nodes, &settings->nodes, options) < 0 ||
        dr_py_hook_read(given.encode, &settings->encode) < 0) {
        return -1;
    }
    options->sign = given.sign != 0;
    options->gzip = given.gzip != 0;
    options->frame_bytes_max = (size_t)bytes_max;
    options->connections = (uint32_t)connections_max;
    options->retry = (uint32_t)retries;
    options->wait_ms = (uint32_t)wait_ms;
    options->on_warning = dr_py_client_warn;
    return 0;
}

void dr_py_settings_fini(dr_py_settings *settings)
{
    for (size_t i = 0; i < sizeof settings->files / sizeof settings->files[0]; i++) {
        Py_CLEAR(settings->files[i]);
    }
    Py_CLEAR(settings->encode);
    dora_nodes_free(settings->nodes);
    settings->nodes = NULL;
}
