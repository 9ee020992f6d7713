/* wire.c: values and frames as bytes, for tests and for tools that speak the protocol. */
#include "binding.h"

#include <stdlib.h>

#define VALUE_BYTES_MAX (64u * 1024 * 1024) /* what pack() may write when not told otherwise */
#define FRAME_BYTES_DEFAULT ((size_t)2 * 1024 * 1024) /* of frame_pack() */

const char dr_py_pack_doc[] =
    "pack($module, value, *, bytes_max=67108864)\n--\n\n"
    "Encode one value (PHP serialize) and return its bytes.\n"
    "TypeError, ValueError or OverflowError name the path of what has no place on the wire;\n"
    "dora.Error with code 100206 when it is larger than bytes_max.";

PyObject *dr_py_pack(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value", "bytes_max", NULL};
    PyObject *value = NULL;
    Py_ssize_t bytes_max = (Py_ssize_t)VALUE_BYTES_MAX;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$n:pack", names, &value, &bytes_max)) {
        return NULL;
    }
    if (bytes_max <= 0) {
        PyErr_SetString(PyExc_ValueError, "bytes_max must be above 0");
        return NULL;
    }
    dora_writer *writer = dora_writer_new((size_t)bytes_max);
    if (writer == NULL) {
        return PyErr_NoMemory();
    }
    dora_slice encoded = {0};
    PyObject *bytes = NULL;
    dora_err err = dr_py_encode(PyModule_GetState(module), writer, value, NULL, DR_PY_DEPTH_MAX);
    if (err == DORA_OK) {
        err = dora_writer_finish(writer, &encoded);
    }
    if (err == DORA_OK) {
        bytes = PyBytes_FromStringAndSize(encoded.data, (Py_ssize_t)encoded.len);
    } else if (!PyErr_Occurred()) {
        dora_error error;
        char problem[96];
        dora_writer_problem(writer, problem, sizeof(problem));
        dora_error_set(&error, err, "$: %s", problem);
        dr_py_raise(PyModule_GetState(module), &error);
    }
    dora_writer_free(writer);
    return bytes;
}

const char dr_py_unpack_doc[] =
    "unpack($module, data, /)\n--\n\n"
    "Decode exactly one value from bytes. ValueError gives the offset of the first bad byte.";

PyObject *dr_py_unpack(PyObject *module, PyObject *data)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *value =
        dr_py_decode(PyModule_GetState(module), (dora_slice){view.buf, (size_t)view.len});
    PyBuffer_Release(&view);
    return value;
}

int dr_py_salt_read(PyObject *salt, dora_slice *slice)
{
    *slice = (dora_slice){0};
    if (salt == NULL || salt == Py_None) {
        return 0;
    }
    Py_ssize_t len = 0;
    if (PyBytes_Check(salt)) {
        *slice = (dora_slice){PyBytes_AS_STRING(salt), (size_t)PyBytes_GET_SIZE(salt)};
        return 0;
    }
    if (!PyUnicode_Check(salt)) {
        PyErr_Format(PyExc_TypeError, "salt must be str, bytes or None, not %s",
                     Py_TYPE(salt)->tp_name);
        return -1;
    }
    slice->data = PyUnicode_AsUTF8AndSize(salt, &len);
    slice->len = (size_t)len;
    return slice->data != NULL ? 0 : -1;
}

/* Shared by both functions of frames: the settings of both ends. */
static int options_fill(dora_frame_options *options, int sign, int gzip, PyObject *salt,
                        Py_ssize_t bytes_max)
{
    if (bytes_max < 0) {
        PyErr_SetString(PyExc_ValueError, "bytes_max must not be negative");
        return -1;
    }
    *options = (dora_frame_options){.size = sizeof *options,
                                    .sign = sign != 0,
                                    .gzip = gzip != 0,
                                    .bytes_max = (size_t)bytes_max};
    return dr_py_salt_read(salt, &options->salt);
}

const char dr_py_frame_pack_doc[] =
    "frame_pack($module, guid, body, *, sign=False, gzip=False, salt=None, bytes_max=0)\n--\n\n"
    "Frame around `body` (bytes of one value). `guid` is 32 ASCII characters; bytes_max 0 is 2 "
    "MiB.\n"
    "dora.Error with code 100206 when the frame is larger than bytes_max.";

PyObject *dr_py_frame_pack(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"guid", "body", "sign", "gzip", "salt", "bytes_max", NULL};
    Py_buffer guid = {0};
    Py_buffer body = {0};
    int sign = 0;
    int gzip = 0;
    PyObject *salt = Py_None;
    Py_ssize_t bytes_max = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s*y*|$ppOn:frame_pack", names, &guid, &body,
                                     &sign, &gzip, &salt, &bytes_max)) {
        return NULL;
    }
    PyObject *result = NULL;
    char *frame = NULL;
    size_t frame_len = 0;
    dora_frame_options options;
    if (guid.len != 32) {
        PyErr_SetString(PyExc_ValueError, "guid must be 32 bytes");
        goto out;
    }
    if (options_fill(&options, sign, gzip, salt, bytes_max) < 0) {
        goto out;
    }
    dora_err err = dora_frame_pack(&options, guid.buf, (dora_slice){body.buf, (size_t)body.len},
                                   &frame, &frame_len);
    if (err != DORA_OK) {
        dora_error error;
        if (err == DORA_ETOOBIG) {
            dora_error_set(&error, err, "frame: larger than the limit of %zu bytes (bytes_max)",
                           options.bytes_max > 0 ? options.bytes_max : FRAME_BYTES_DEFAULT);
        } else {
            dora_error_set(&error, err, "frame: %s", dora_err_text(err));
        }
        dr_py_raise(PyModule_GetState(module), &error);
        goto out;
    }
    result = PyBytes_FromStringAndSize(frame, (Py_ssize_t)frame_len);
out:
    free(frame);
    PyBuffer_Release(&guid);
    PyBuffer_Release(&body);
    return result;
}

const char dr_py_frame_check_doc[] =
    "frame_check($module, data, *, request=False, sign=False, gzip=False, salt=None, "
    "bytes_max=0)\n--\n\n"
    "Decode the first frame of `data` as a server does; with `request` the request in it as well.\n"
    "Returns None while bytes are missing, else (used, body, code, msg): `used` is the frame's\n"
    "length, 0 where the connection must be closed; `body` the plain body (bytes), None when "
    "`code`,\n"
    "the reply code, is not 0.";

PyObject *dr_py_frame_check(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"data", "request", "sign", "gzip", "salt", "bytes_max", NULL};
    Py_buffer data = {0};
    int request = 0;
    int sign = 0;
    int gzip = 0;
    PyObject *salt = Py_None;
    Py_ssize_t bytes_max = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|$pppOn:frame_check", names, &data, &request,
                                     &sign, &gzip, &salt, &bytes_max)) {
        return NULL;
    }
    PyObject *result = NULL;
    char *owned = NULL;
    dora_slice body = {0};
    size_t used = 0;
    dora_frame_options options;
    dora_error error = {0};
    if (options_fill(&options, sign, gzip, salt, bytes_max) < 0) {
        goto out;
    }
    dora_err err = dora_frame_check(&options, (dora_slice){data.buf, (size_t)data.len},
                                    request != 0, &used, &body, &owned, &error);
    if (err == DORA_EAGAIN) {
        result = Py_NewRef(Py_None);
    } else if (err == DORA_OK) {
        result = Py_BuildValue("ny#is", (Py_ssize_t)used, body.data, (Py_ssize_t)body.len, 0, "OK");
    } else if (error.code != 0) {
        result = Py_BuildValue("nOLs", (Py_ssize_t)used, Py_None, (long long)error.code, error.msg);
    } else {
        error.err = err;
        dr_py_raise(PyModule_GetState(module), &error);
    }
out:
    free(owned);
    PyBuffer_Release(&data);
    return result;
}
