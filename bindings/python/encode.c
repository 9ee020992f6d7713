/* encode.c: Python values to encoded bytes; what has no place on the wire is refused by its path.
 * Python code runs only where a subclass of dict, list or tuple says what it holds. It may change
 * what is being walked: so what is written is held, and sizes are looked at anew. Source:
 * PROTOCOL.md, section "Values". */
#include "binding.h"

#define PATH_STEPS_MAX 16 /* of a path in a message; the outer ones give way to "..." */

/* place is where the walk stands: a list index, or a dict key, below its parent. */
typedef struct place {
    const struct place *parent;
    PyObject *key; /* NULL: `index` */
    Py_ssize_t index;
    uint32_t depth;
} place;

typedef struct encoder {
    dora_writer *writer;
    const char *root;
    uint32_t depth_max;
} encoder;

static dora_err encode_value(encoder *out, PyObject *value, const place *here);

/* "param.rows[3]['odd key']" */
static PyObject *path_new(const encoder *out, const place *here)
{
    const place *steps[PATH_STEPS_MAX];
    int count = 0;
    const place *at = here;
    for (; at->parent != NULL && count < PATH_STEPS_MAX; at = at->parent) {
        steps[count++] = at;
    }
    PyObject *path = PyUnicode_FromFormat(at->parent == NULL ? "%s" : "%s...", out->root);
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

static dora_err refuse(const encoder *out, const place *here, PyObject *type, const char *why,
                       const char *detail)
{
    PyErr_Clear();
    PyObject *path = path_new(out, here);
    if (path != NULL) {
        PyErr_Format(type, "%U: %s%s", path, why, detail);
        Py_DECREF(path);
    }
    return DORA_ETYPE;
}

static dora_err encode_int(encoder *out, PyObject *value, const place *here)
{
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
        return refuse(out, here, PyExc_OverflowError, "an integer that does not fit 64 bits", "");
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
        return refuse(out, here, PyExc_ValueError,
                      "a str with lone surrogates, which UTF-8 cannot hold", "");
    }
    return dora_write_string(out->writer, data, (size_t)len);
}

static dora_err encode_buffer(encoder *out, PyObject *value, const place *here)
{
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) {
        return refuse(out, here, PyExc_TypeError, "a memoryview that is not contiguous bytes", "");
    }
    dora_err err = dora_write_string(out->writer, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return err;
}

static dora_err encode_key(encoder *out, PyObject *key, const place *here)
{
    if (PyUnicode_Check(key)) {
        return encode_text(out, key, here);
    }
    if (PyLong_Check(key) && !PyBool_Check(key)) {
        return encode_int(out, key, here);
    }
    if (PyBytes_Check(key)) {
        return dora_write_string(out->writer, PyBytes_AS_STRING(key),
                                 (size_t)PyBytes_GET_SIZE(key));
    }
    return refuse(out, here, PyExc_TypeError, "a key must be int or str, not ",
                  Py_TYPE(key)->tp_name);
}

static dora_err encode_pair(encoder *out, PyObject *key, PyObject *value, place *below)
{
    Py_INCREF(key);
    Py_INCREF(value);
    below->key = key;
    dora_err err = encode_key(out, key, below);
    err = err == DORA_OK ? encode_value(out, value, below) : err;
    Py_DECREF(key);
    Py_DECREF(value);
    return err;
}

static dora_err changed(const encoder *out, const place *here)
{
    return refuse(out, here, PyExc_RuntimeError, "it changed while it was written", "");
}

static dora_err encode_dict(encoder *out, PyObject *dict, const place *here)
{
    const Py_ssize_t count = PyDict_GET_SIZE(dict);
    dora_err err = dora_write_array(out->writer, (size_t)count);
    place below = {.parent = here, .depth = here->depth + 1};
    Py_ssize_t at = 0;
    PyObject *key = NULL;
    PyObject *value = NULL;
    while (err == DORA_OK && PyDict_Next(dict, &at, &key, &value)) {
        err = encode_pair(out, key, value, &below);
        err = err == DORA_OK && PyDict_GET_SIZE(dict) != count ? changed(out, here) : err;
    }
    return err == DORA_OK ? dora_write_end(out->writer) : err;
}

/* A subclass of dict has its own order and items, as an OrderedDict. */
static dora_err encode_mapping(encoder *out, PyObject *mapping, const place *here)
{
    PyObject *items = PyMapping_Items(mapping);
    if (items == NULL) {
        return DORA_ETYPE;
    }
    const Py_ssize_t count = PyList_GET_SIZE(items);
    dora_err err = dora_write_array(out->writer, (size_t)count);
    place below = {.parent = here, .depth = here->depth + 1};
    for (Py_ssize_t i = 0; err == DORA_OK && i < count; i++) {
        PyObject *pair = PyList_GET_ITEM(items, i); /* ours alone */
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            err = refuse(out, here, PyExc_TypeError, "items() must give pairs", "");
        } else {
            err = encode_pair(out, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), &below);
        }
    }
    Py_DECREF(items);
    return err == DORA_OK ? dora_write_end(out->writer) : err;
}

static dora_err encode_items(encoder *out, PyObject *sequence, const place *here)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    dora_err err = dora_write_array(out->writer, (size_t)count);
    place below = {.parent = here, .depth = here->depth + 1};
    for (Py_ssize_t i = 0; err == DORA_OK && i < count; i++) {
        below.index = i;
        if (PySequence_Fast_GET_SIZE(sequence) != count) {
            return changed(out, here);
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

static dora_err encode_container(encoder *out, PyObject *value, const place *here)
{
    if (PyDict_CheckExact(value)) {
        return encode_dict(out, value, here);
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        return encode_items(out, value, here);
    }
    return PyDict_Check(value) ? encode_mapping(out, value, here)
                               : encode_sequence(out, value, here);
}

static dora_err encode_array(encoder *out, PyObject *value, const place *here)
{
    if (here->depth >= out->depth_max) {
        char levels[16];
        PyOS_snprintf(levels, sizeof(levels), "%u levels", out->depth_max);
        return refuse(out, here, PyExc_ValueError, "nested deeper than ", levels);
    }
    if (!dora_depth_fits(here->depth)) {
        return refuse(out, here, PyExc_ValueError, "nested too deeply for this thread's stack", "");
    }
    if (Py_EnterRecursiveCall(" while writing a value")) {
        return DORA_ETYPE;
    }
    dora_err err = encode_container(out, value, here);
    Py_LeaveRecursiveCall();
    return err;
}

static dora_err encode_value(encoder *out, PyObject *value, const place *here)
{
    if (PyUnicode_Check(value)) {
        return encode_text(out, value, here);
    }
    if (value == Py_None) {
        return dora_write_null(out->writer);
    }
    if (PyBool_Check(value)) {
        return dora_write_bool(out->writer, value == Py_True);
    }
    if (PyLong_Check(value)) {
        return encode_int(out, value, here);
    }
    if (PyDict_Check(value) || PyList_Check(value) || PyTuple_Check(value)) {
        return encode_array(out, value, here);
    }
    if (PyFloat_Check(value)) {
        return dora_write_float(out->writer, PyFloat_AS_DOUBLE(value));
    }
    if (PyBytes_Check(value)) {
        return dora_write_string(out->writer, PyBytes_AS_STRING(value),
                                 (size_t)PyBytes_GET_SIZE(value));
    }
    if (PyByteArray_Check(value) || PyMemoryView_Check(value)) {
        return encode_buffer(out, value, here);
    }
    return refuse(out, here, PyExc_TypeError, "no value on the wire for type ",
                  Py_TYPE(value)->tp_name);
}

dora_err dr_py_encode(dora_writer *writer, PyObject *value, const char *root, uint32_t depth_max)
{
    encoder out = {.writer = writer, .root = root, .depth_max = depth_max};
    place here = {0};
    return encode_value(&out, value, &here);
}
