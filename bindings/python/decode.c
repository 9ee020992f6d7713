/* decode.c: encoded bytes to Python values, straight from the pull reader. Source: PROTOCOL.md,
 * section "Values". */
#include "crowd.h"

#define PASSED_MAX (1u << 24) /* keys of one value passed on the way to others: 0.1 s or so */

typedef struct decoder {
    dora_reader reader;
    dr_py_keys *keys;
    uint64_t passed; /* in all dicts so far */
} decoder;

/* mapping is a dict that is being filled. */
typedef struct mapping {
    PyObject *dict;
    bool is_large; /* enough that it matters where its keys go */
    dr_py_crowd crowd;
} mapping;

static PyObject *decode_value(decoder *in);

static PyObject *raise_malformed(const decoder *in, dora_err err)
{
    if (err == DORA_ENOMEM) {
        return PyErr_NoMemory();
    }
    char problem[96];
    dora_reader_problem(&in->reader, err, problem, sizeof(problem));
    return PyErr_Format(PyExc_ValueError, "%s at byte %zu", problem,
                        dora_reader_offset(&in->reader));
}

/* Strings are str when valid UTF-8, else bytes. */
static PyObject *decode_string(dora_slice bytes)
{
    PyObject *text = PyUnicode_DecodeUTF8(bytes.data, (Py_ssize_t)bytes.len, NULL);
    if (text != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        return text;
    }
    PyErr_Clear();
    return PyBytes_FromStringAndSize(bytes.data, (Py_ssize_t)bytes.len);
}

static size_t key_slot(dora_slice bytes)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ (unsigned char)bytes.data[i]) * 16777619u;
    }
    return (hash ^ (hash >> 15)) % DR_PY_KEYS_MAX;
}

static PyObject *decode_string_key(dr_py_keys *keys, dora_slice bytes)
{
    if (bytes.len == 0 || bytes.len > DR_PY_KEY_BYTES_MAX) {
        return decode_string(bytes);
    }
    PyObject **slot = &keys->slots[key_slot(bytes)];
    if (*slot != NULL && (size_t)PyUnicode_GET_LENGTH(*slot) == bytes.len &&
        memcmp(PyUnicode_1BYTE_DATA(*slot), bytes.data, bytes.len) == 0) {
        return Py_NewRef(*slot);
    }
    PyObject *key = decode_string(bytes);
    if (key != NULL && PyUnicode_Check(key) && PyUnicode_IS_ASCII(key)) {
        Py_XSETREF(*slot, Py_NewRef(key));
    }
    return key;
}

static PyObject *decode_key(decoder *in, const dora_value *key)
{
    if (key->type == DORA_INT) {
        return PyLong_FromLongLong(key->integer);
    }
    return decode_string_key(in->keys, key->string);
}

/* Puts a pair into the dict, unless its keys were chosen to cost time. */
static int add_pair(decoder *in, mapping *to, PyObject *name, PyObject *value)
{
    if (to->is_large) {
        if (!dr_py_crowd_add(&to->crowd, name, &in->passed)) {
            return -1;
        }
        if (in->passed > PASSED_MAX) {
            raise_malformed(in, DORA_EKEYS);
            return -1;
        }
    }
    return PyDict_SetItem(to->dict, name, value);
}

/* Reads one pair's value into the dict, its key having been read. */
static int decode_pair(decoder *in, mapping *to, const dora_value *key)
{
    PyObject *name = decode_key(in, key);
    if (name == NULL) {
        return -1;
    }
    PyObject *value = decode_value(in);
    if (value == NULL) {
        Py_DECREF(name);
        return -1;
    }
    int failed = add_pair(in, to, name, value);
    Py_DECREF(name);
    Py_DECREF(value);
    return failed;
}

/* The keys stopped being 0..n-1: what was read so far becomes the start of a dict. */
static int dict_from_list(decoder *in, mapping *to, PyObject *list, size_t len)
{
    to->dict = PyDict_New();
    int failed = to->dict != NULL ? 0 : -1;
    for (size_t i = 0; failed == 0 && i < len; i++) {
        PyObject *key = PyLong_FromSize_t(i);
        failed = key != NULL ? add_pair(in, to, key, PyList_GET_ITEM(list, (Py_ssize_t)i)) : -1;
        Py_XDECREF(key);
    }
    return failed;
}

/* Reads `count` pairs: a list for as long as the keys are 0..n-1, a dict from the first other. */
static PyObject *decode_pairs(decoder *in, size_t count, bool is_map)
{
    PyObject *list = NULL;
    mapping to = {.is_large = count >= DR_PY_CROWD_MIN};
    if (is_map && (to.dict = PyDict_New()) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        dora_value key;
        dora_err err = dora_reader_key(&in->reader, &key);
        if (err != DORA_OK) {
            raise_malformed(in, err);
            goto fail;
        }
        if (to.dict == NULL && key.type == DORA_INT && key.integer == (int64_t)i) {
            if (list == NULL && (list = PyList_New((Py_ssize_t)count)) == NULL) {
                goto fail;
            }
            PyObject *value = decode_value(in);
            if (value == NULL) {
                goto fail;
            }
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
            continue;
        }
        if (to.dict == NULL && dict_from_list(in, &to, list, i) < 0) {
            goto fail;
        }
        if (decode_pair(in, &to, &key) < 0) {
            goto fail;
        }
    }
    if (to.dict != NULL) {
        dr_py_crowd_fini(&to.crowd);
        Py_XDECREF(list);
        return to.dict;
    }
    return list != NULL ? list : PyList_New(0);
fail:
    dr_py_crowd_fini(&to.crowd);
    Py_XDECREF(list);
    Py_XDECREF(to.dict);
    return NULL;
}

static PyObject *decode_array(decoder *in, const dora_value *head)
{
    if (!dora_depth_fits(in->reader.depth)) {
        PyErr_SetString(PyExc_RecursionError, "a value nested too deeply for this thread's stack");
        return NULL;
    }
    if (Py_EnterRecursiveCall(" while reading a value")) {
        return NULL;
    }
    PyObject *array = decode_pairs(in, head->count, head->mark == DORA_MAP);
    Py_LeaveRecursiveCall();
    if (array == NULL) {
        return NULL;
    }
    dora_err err = dora_reader_end(&in->reader);
    if (err != DORA_OK) {
        Py_DECREF(array);
        return raise_malformed(in, err);
    }
    return array;
}

static PyObject *decode_value(decoder *in)
{
    dora_value value;
    dora_err err = dora_reader_value(&in->reader, &value);
    if (err != DORA_OK) {
        return raise_malformed(in, err);
    }
    switch (value.type) {
    case DORA_STRING:
        return value.mark == DORA_BYTES
                   ? PyBytes_FromStringAndSize(value.string.data, (Py_ssize_t)value.string.len)
                   : decode_string(value.string);
    case DORA_INT:
        return PyLong_FromLongLong(value.integer);
    case DORA_ARRAY:
        return decode_array(in, &value);
    case DORA_FLOAT:
        return PyFloat_FromDouble(value.number);
    case DORA_BOOL:
        return PyBool_FromLong(value.integer != 0);
    case DORA_NULL:
    default:
        return Py_NewRef(Py_None);
    }
}

PyObject *dr_py_decode(dr_py_state *state, dora_slice bytes)
{
    decoder in = {.keys = &state->keys};
    dora_reader_init(&in.reader, bytes);
    PyObject *value = decode_value(&in);
    if (value != NULL && !dora_reader_is_done(&in.reader)) {
        Py_DECREF(value);
        return raise_malformed(&in, DORA_EPROTO);
    }
    return value;
}

void dr_py_keys_clear(dr_py_keys *keys)
{
    for (size_t i = 0; i < DR_PY_KEYS_MAX; i++) {
        Py_CLEAR(keys->slots[i]);
    }
}

int dr_py_keys_visit(dr_py_keys *keys, visitproc visit, void *arg)
{
    for (size_t i = 0; i < DR_PY_KEYS_MAX; i++) {
        Py_VISIT(keys->slots[i]);
    }
    return 0;
}
