/* encode.c: Python values to encoded bytes; what has no place on the wire is refused by its path.
 * Python code runs only where a subclass of dict, list or tuple says what it holds. It may change
 * what is being walked: so what is written is held, and sizes are looked at anew. Source:
 * PROTOCOL.md, section "Values". */
#include "binding.h"

#define HOPS_MAX 32
#define DEEP_MIN 32       /* levels that only a value which contains itself, or nearly, has */
#define PATH_STEPS_MAX 16 /* of a path in a message; the outer ones give way to "..." */

/* place is where the walk stands: a list index, or a dict key, below its parent. */
typedef struct place {
    const struct place *parent;
    PyObject *key; /* NULL: `index` */
    Py_ssize_t index;
    uint32_t depth;
    uint32_t hops; /* from one object to what stands for it, which is none of the wire's yet */
    bool are_keys_distinct; /* also those of the dict that are no text or number by themselves */
} place;

typedef struct encoder {
    dr_py_state *state;
    dora_writer *writer;
    PyObject *hook; /* NULL: none */
    uint32_t depth_max;
} encoder;

static dora_err encode_value(encoder *out, PyObject *value, const place *here);
static dora_err encode_plain(encoder *out, PyObject *plain, const place *here);

/* "$.rows[3]['odd key']" */
static PyObject *path_new(const place *here)
{
    const place *steps[PATH_STEPS_MAX];
    int count = 0;
    const place *at = here;
    for (; at->parent != NULL && count < PATH_STEPS_MAX; at = at->parent) {
        steps[count++] = at;
    }
    PyObject *path = PyUnicode_FromString(at->parent == NULL ? "$" : "$...");
    while (path != NULL && count > 0) {
        const place *step = steps[--count];
        PyObject *longer = NULL;
        if (step->key == NULL) {
            longer = PyUnicode_FromFormat("%U[%zd]", path, step->index);
        } else if (PyUnicode_Check(step->key) && PyUnicode_IsIdentifier(step->key) == 1) {
            longer = PyUnicode_FromFormat("%U.%U", path, step->key);
        } else {
            longer = PyUnicode_FromFormat("%U[%R]", path, step->key);
        }
        Py_SETREF(path, longer);
    }
    return path;
}

static dora_err refuse(const place *here, PyObject *type, const char *why, const char *detail)
{
    PyErr_Clear();
    PyObject *path = path_new(here);
    if (path != NULL) {
        PyErr_Format(type, "%U: %s%s", path, why, detail);
        Py_DECREF(path);
    }
    return DORA_ETYPE;
}

/* note_path adds to the exception that is set where it came up. */
static void note_path(const place *here)
{
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *path = path_new(here);
    PyObject *note = path != NULL ? PyUnicode_FromFormat("while %U was written", path) : NULL;
    PyObject *noted = note != NULL && PyExceptionInstance_Check(value)
                          ? PyObject_CallMethod(value, "add_note", "O", note)
                          : NULL;
    Py_XDECREF(noted);
    Py_XDECREF(note);
    Py_XDECREF(path);
    PyErr_Restore(type, value, traceback); /* what went wrong on the way does not matter */
}

/* raised is for what a value's own code has raised. A dataclass that contains itself comes to
 * Python's limit before that of the levels: so far down it is what the value is, not what its code
 * does. */
static dora_err raised(const place *here)
{
    if (here->depth >= DEEP_MIN && PyErr_ExceptionMatches(PyExc_RecursionError)) {
        return refuse(here, PyExc_ValueError, "nested deeper than Python's recursion limit allows",
                      "");
    }
    note_path(here);
    return DORA_ETYPE;
}

/* plain_of gives what dora._plain makes of a value, Py_NotImplemented where that is nothing.
 * Returns: a new reference, or NULL with an exception. */
static PyObject *plain_of(const encoder *out, PyObject *value)
{
    if (out->state->plain == NULL) {
        PyObject *module = PyImport_ImportModule("dora._plain");
        out->state->plain = module != NULL ? PyObject_GetAttrString(module, "plain") : NULL;
        Py_XDECREF(module);
    }
    return out->state->plain != NULL ? PyObject_CallOneArg(out->state->plain, value) : NULL;
}

static dora_err encode_int(encoder *out, PyObject *value, const place *here)
{
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
        return refuse(here, PyExc_OverflowError, "an integer that does not fit 64 bits", "");
    }
    return dora_write_int(out->writer, number);
}

static dora_err encode_text(encoder *out, PyObject *value, const place *here)
{
    Py_ssize_t len = 0;
    const char *data = PyUnicode_AsUTF8AndSize(value, &len);
    if (data == NULL) {
        if (PyErr_ExceptionMatches(PyExc_MemoryError)) {
            return DORA_ETYPE;
        }
        return refuse(here, PyExc_ValueError, "a str with lone surrogates, which UTF-8 cannot hold",
                      "");
    }
    return dora_write_string(out->writer, data, (size_t)len);
}

/* A view that leaves bytes out is what bytes() of it has. */
static dora_err encode_scattered(encoder *out, PyObject *view, const place *here)
{
    PyErr_Clear();
    PyObject *bytes = PyBytes_FromObject(view);
    if (bytes == NULL && PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return DORA_ETYPE;
    }
    if (bytes == NULL) {
        return refuse(here, PyExc_ValueError, "a memoryview that has been released", "");
    }
    dora_err err =
        dora_write_bytes(out->writer, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return err;
}

static dora_err encode_buffer(encoder *out, PyObject *value, const place *here)
{
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) {
        return encode_scattered(out, value, here);
    }
    dora_err err = dora_write_bytes(out->writer, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return err;
}

/* Bytes that are UTF-8 are the same key as that text. */
static dora_err encode_bytes_key(encoder *out, PyObject *dict, PyObject *key, const place *here)
{
    const char *data = PyBytes_AS_STRING(key);
    const Py_ssize_t len = PyBytes_GET_SIZE(key);
    PyObject *text = PyUnicode_DecodeUTF8(data, len, NULL);
    const int is_there = text != NULL ? PyDict_Contains(dict, text) : 0;
    Py_XDECREF(text);
    if (is_there > 0) {
        return refuse(here, PyExc_ValueError, "the key stands there as str and as bytes", "");
    }
    if (is_there < 0 || PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return DORA_ETYPE;
    }
    PyErr_Clear();
    return dora_write_string(out->writer, data, (size_t)len);
}

static bool is_key(PyObject *key)
{
    return PyUnicode_Check(key) || (PyLong_Check(key) && !PyBool_Check(key));
}

/* plain_key gives the text or number that stands for a key, as for an enum's member.
 * Returns: a new reference, or NULL with an exception. */
static PyObject *plain_key(const encoder *out, PyObject *key, const place *here)
{
    PyObject *plain = Py_NewRef(key);
    for (int hops = 0; plain != NULL && !is_key(plain); hops++) {
        PyObject *nearer = hops < HOPS_MAX ? plain_of(out, plain) : Py_NewRef(Py_NotImplemented);
        Py_SETREF(plain, nearer);
        if (nearer == NULL) {
            note_path(here);
        } else if (nearer == Py_NotImplemented || nearer == Py_None) {
            (void)refuse(here, PyExc_TypeError, "a key must be int or str, not ",
                         Py_TYPE(key)->tp_name);
            Py_CLEAR(plain);
        }
    }
    return plain;
}

/* are_distinct looks at all keys as they will be written: two may stand for the same text.
 * Returns: false with an exception. */
static bool are_distinct(const encoder *out, PyObject *dict, const place *here)
{
    place at = *here;
    PyObject *keys = PyDict_Keys(dict);
    PyObject *seen = keys != NULL ? PySet_New(NULL) : NULL;
    bool is_good = seen != NULL;
    for (Py_ssize_t i = 0; is_good && i < PyList_GET_SIZE(keys); i++) {
        at.key = PyList_GET_ITEM(keys, i);
        PyObject *plain = PyBytes_Check(at.key)
                              ? PyUnicode_DecodeUTF8(PyBytes_AS_STRING(at.key),
                                                     PyBytes_GET_SIZE(at.key), "surrogateescape")
                              : plain_key(out, at.key, &at);
        const int is_there = plain != NULL ? PySet_Contains(seen, plain) : -1;
        if (is_there > 0) {
            (void)refuse(&at, PyExc_ValueError, "another key stands for the same", "");
        }
        is_good = is_there == 0 && PySet_Add(seen, plain) == 0;
        Py_XDECREF(plain);
    }
    Py_XDECREF(seen);
    Py_XDECREF(keys);
    return is_good;
}

static dora_err encode_key(encoder *out, PyObject *dict, PyObject *key, place *here);

/* A key for which a text or number stands. */
static dora_err encode_odd_key(encoder *out, PyObject *dict, PyObject *key, place *here)
{
    here->are_keys_distinct = here->are_keys_distinct || are_distinct(out, dict, here);
    PyObject *plain = here->are_keys_distinct ? plain_key(out, key, here) : NULL;
    const dora_err err = plain != NULL ? encode_key(out, dict, plain, here) : DORA_ETYPE;
    Py_XDECREF(plain);
    return err;
}

static dora_err encode_key(encoder *out, PyObject *dict, PyObject *key, place *here)
{
    if (PyUnicode_Check(key)) {
        return encode_text(out, key, here);
    }
    if (PyLong_Check(key) && !PyBool_Check(key)) {
        return encode_int(out, key, here);
    }
    if (PyBytes_Check(key)) {
        return encode_bytes_key(out, dict, key, here);
    }
    return encode_odd_key(out, dict, key, here);
}

static dora_err encode_pair(encoder *out, PyObject *dict, PyObject *key, PyObject *value,
                            place *below)
{
    Py_INCREF(key);
    Py_INCREF(value);
    below->key = key;
    dora_err err = encode_key(out, dict, key, below);
    err = err == DORA_OK ? encode_value(out, value, below) : err;
    Py_DECREF(key);
    Py_DECREF(value);
    return err;
}

static dora_err changed(const place *here)
{
    return refuse(here, PyExc_RuntimeError, "it changed while it was written", "");
}

/* Whether the number `wanted` is written for a key that is none itself. */
static bool stands_for(const encoder *out, PyObject *key, const place *here, long long wanted)
{
    int overflow = 0;
    Py_INCREF(key);
    PyObject *plain = plain_key(out, key, here);
    const bool is_same = plain != NULL && PyLong_Check(plain) &&
                         PyLong_AsLongLongAndOverflow(plain, &overflow) == wanted;
    PyErr_Clear(); /* it is told where the key is written */
    Py_XDECREF(plain);
    Py_DECREF(key);
    return is_same;
}

/* Whether the keys are those of a list, or none: then only a mark says that it is a map. */
static bool has_list_keys(const encoder *out, PyObject *dict, const place *here)
{
    PyObject *key = NULL;
    Py_ssize_t at = 0;
    for (long long i = 0; PyDict_Next(dict, &at, &key, NULL); i++) {
        int overflow = 0;
        if (PyLong_Check(key)
                ? PyLong_AsLongLongAndOverflow(key, &overflow) != i
                : PyUnicode_Check(key) || PyBytes_Check(key) || !stands_for(out, key, here, i)) {
            return false;
        }
    }
    return true;
}

static dora_err encode_dict(encoder *out, PyObject *dict, const place *here)
{
    const Py_ssize_t count = PyDict_GET_SIZE(dict);
    dora_err err = has_list_keys(out, dict, here) ? dora_write_map(out->writer, (size_t)count)
                                                  : dora_write_array(out->writer, (size_t)count);
    place below = {.parent = here, .depth = here->depth + 1};
    Py_ssize_t at = 0;
    PyObject *key = NULL;
    PyObject *value = NULL;
    while (err == DORA_OK && PyDict_Next(dict, &at, &key, &value)) {
        err = encode_pair(out, dict, key, value, &below);
        err = err == DORA_OK && PyDict_GET_SIZE(dict) != count ? changed(here) : err;
    }
    return err == DORA_OK ? dora_write_end(out->writer) : err;
}

/* A subclass of dict has its own order and items, as an OrderedDict. */
static dora_err encode_mapping(encoder *out, PyObject *mapping, const place *here)
{
    PyObject *items = PyMapping_Items(mapping);
    if (items == NULL) {
        return raised(here);
    }
    PyObject *dict = PyDict_New();
    dora_err err = DORA_ETYPE;
    if (dict != NULL && PyDict_MergeFromSeq2(dict, items, 1) == 0) {
        err = encode_dict(out, dict, here);
    } else if (PyErr_ExceptionMatches(PyExc_TypeError) ||
               PyErr_ExceptionMatches(PyExc_ValueError)) {
        err = refuse(here, PyExc_TypeError, "items() must give pairs", "");
    }
    Py_XDECREF(dict);
    Py_DECREF(items);
    return err;
}

static dora_err encode_items(encoder *out, PyObject *sequence, const place *here)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    dora_err err = dora_write_array(out->writer, (size_t)count);
    place below = {.parent = here, .depth = here->depth + 1};
    for (Py_ssize_t i = 0; err == DORA_OK && i < count; i++) {
        below.index = i;
        if (PySequence_Fast_GET_SIZE(sequence) != count) {
            return changed(here);
        }
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(sequence, i));
        err = dora_write_int(out->writer, i);
        if (err == DORA_OK) {
            err = encode_value(out, item, &below);
        }
        Py_DECREF(item);
    }
    return err == DORA_OK ? dora_write_end(out->writer) : err;
}

/* A subclass of list or tuple says by its iterator what it holds. */
static dora_err encode_sequence(encoder *out, PyObject *sequence, const place *here)
{
    PyObject *items = PySequence_List(sequence);
    dora_err err = items != NULL ? encode_items(out, items, here) : DORA_ETYPE;
    Py_XDECREF(items);
    return err;
}

typedef dora_err (*encode_fn)(encoder *out, PyObject *value, const place *here);

/* Writes what dora._plain makes of a value of a subclass, else the value itself by `otherwise`: a
 * named tuple is a map, an enum of a mixed-in type its value. */
static dora_err encode_subclass(encoder *out, PyObject *value, const place *here,
                                encode_fn otherwise)
{
    PyObject *plain = plain_of(out, value);
    if (plain == NULL) {
        return raised(here);
    }
    if (plain != Py_NotImplemented) {
        return encode_plain(out, plain, here);
    }
    Py_DECREF(plain);
    return otherwise(out, value, here);
}

static dora_err encode_container(encoder *out, PyObject *value, const place *here)
{
    if (PyDict_CheckExact(value)) {
        return encode_dict(out, value, here);
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        return encode_items(out, value, here);
    }
    if (PyDict_Check(value)) {
        return encode_mapping(out, value, here);
    }
    return PyTuple_Check(value) ? encode_subclass(out, value, here, encode_sequence)
                                : encode_sequence(out, value, here);
}

static dora_err encode_array(encoder *out, PyObject *value, const place *here)
{
    if (here->depth >= out->depth_max) {
        char levels[16];
        PyOS_snprintf(levels, sizeof(levels), "%u levels", out->depth_max);
        return refuse(here, PyExc_ValueError, "nested deeper than ", levels);
    }
    if (!dora_depth_fits(here->depth)) {
        return refuse(here, PyExc_ValueError, "nested too deeply for this thread's stack", "");
    }
    if (Py_EnterRecursiveCall(" while writing a value")) {
        return raised(here);
    }
    dora_err err = encode_container(out, value, here);
    Py_LeaveRecursiveCall();
    return err;
}

/* Writes what stands for a value, at its place. Ownership: takes `plain`. */
static dora_err encode_plain(encoder *out, PyObject *plain, const place *here)
{
    place again = *here;
    dora_err err = DORA_ETYPE;
    again.hops++;
    if (again.hops > HOPS_MAX) {
        err =
            refuse(here, PyExc_ValueError, "what stands for it never has a place on the wire", "");
    } else if (!dora_stack_has_room()) {
        err = refuse(here, PyExc_ValueError, "nested too deeply for this thread's stack", "");
    } else if (Py_EnterRecursiveCall(" while writing a value") == 0) {
        err = encode_value(out, plain, &again);
        Py_LeaveRecursiveCall();
    } else {
        err = raised(here);
    }
    Py_DECREF(plain);
    return err;
}

static dora_err encode_other(encoder *out, PyObject *value, const place *here)
{
    PyObject *plain = plain_of(out, value);
    if (plain == Py_NotImplemented && out->hook != NULL) {
        Py_SETREF(plain, PyObject_CallOneArg(out->hook, value));
    }
    if (plain == NULL) {
        return raised(here);
    }
    if (plain == Py_NotImplemented || plain == value) {
        Py_DECREF(plain);
        return refuse(here, PyExc_TypeError, "no value on the wire for type ",
                      Py_TYPE(value)->tp_name);
    }
    return encode_plain(out, plain, here);
}

static bool is_exact(PyObject *value)
{
    return PyUnicode_CheckExact(value) || PyLong_CheckExact(value) || PyBool_Check(value) ||
           PyBytes_CheckExact(value);
}

static dora_err encode_scalar(encoder *out, PyObject *value, const place *here)
{
    if (PyUnicode_Check(value)) {
        return encode_text(out, value, here);
    }
    if (PyBool_Check(value)) {
        return dora_write_bool(out->writer, value == Py_True);
    }
    return PyLong_Check(value) ? encode_int(out, value, here)
                               : dora_write_bytes(out->writer, PyBytes_AS_STRING(value),
                                                  (size_t)PyBytes_GET_SIZE(value));
}

static dora_err encode_value(encoder *out, PyObject *value, const place *here)
{
    if (value == Py_None) {
        return dora_write_null(out->writer);
    }
    if (PyUnicode_Check(value) || PyLong_Check(value) || PyBytes_Check(value)) {
        return is_exact(value) ? encode_scalar(out, value, here)
                               : encode_subclass(out, value, here, encode_scalar);
    }
    if (PyDict_Check(value) || PyList_Check(value) || PyTuple_Check(value)) {
        return encode_array(out, value, here);
    }
    if (PyFloat_Check(value)) {
        return dora_write_float(out->writer, PyFloat_AS_DOUBLE(value));
    }
    if (PyByteArray_Check(value) || PyMemoryView_Check(value)) {
        return encode_buffer(out, value, here);
    }
    return encode_other(out, value, here);
}

dora_err dr_py_encode(dr_py_state *state, dora_writer *writer, PyObject *value, PyObject *hook,
                      uint32_t depth_max)
{
    encoder out = {.state = state, .writer = writer, .hook = hook, .depth_max = depth_max};
    place here = {0};
    return encode_value(&out, value, &here);
}

int dr_py_hook_read(PyObject *given, PyObject **hook)
{
    *hook = NULL;
    if (given == NULL || given == Py_None) {
        return 0;
    }
    if (!PyCallable_Check(given)) {
        PyErr_Format(PyExc_TypeError, "encode must be callable, not %s", Py_TYPE(given)->tp_name);
        return -1;
    }
    *hook = Py_NewRef(given);
    return 0;
}
