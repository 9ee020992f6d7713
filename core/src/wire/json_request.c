/* json_request.c: a JSON value from outside, to the inner encoding. */
#include "wire/json_request.h"

#include <stdio.h>
#include <string.h>

#include "wire/json_message.h"
#include "wire/json_parse.h"
#include "wire/value.h"
#include "wire/value_write.h"

static dora_err refuse(dora_error *error, dora_err err, int64_t code, const char *text)
{
    dora_error_set(error, err, "%s", text);
    if (error != NULL) {
        error->code = code;
    }
    return err;
}

dora_err dr_json_load(dora_slice text, json_t **json, dora_error *error)
{
    json_error_t where;
    const dora_err err =
        dr_json_parse(text, DR_VALUE_DEPTH_MAX, JSON_DECODE_ANY | JSON_ALLOW_NUL, json, &where);
    if (err == DORA_OK) {
        return DORA_OK;
    }
    if (err == DORA_ENOMEM) {
        return refuse(error, DORA_ENOMEM, DORA_CODE_OVERLOADED, "out of memory");
    }
    dora_error_set(error, err, "malformed JSON at line %d, column %d: %s", where.line, where.column,
                   where.text);
    if (error != NULL) {
        error->code = DORA_CODE_BAD_BODY;
        error->offset = where.position > 0 ? (size_t)where.position : 0;
    }
    return err;
}

/* where a value stands in a request: marks are for the parameters of its apis alone. */
typedef enum where { IN_MESSAGE, IN_APIS, IN_API, IN_PARAM, ELSEWHERE } where;

static where below(where at, dora_slice name)
{
    static const char api[] = "api";
    static const char param[] = "param";
    if (at == IN_MESSAGE && name.len == sizeof(api) - 1 && memcmp(name.data, api, name.len) == 0) {
        return IN_APIS;
    }
    if (at == IN_API && name.len == sizeof(param) - 1 && memcmp(name.data, param, name.len) == 0) {
        return IN_PARAM;
    }
    return at == IN_APIS ? IN_API : ELSEWHERE;
}

static void put(const json_t *json, where at, dora_writer *writer);

static void put_object(const json_t *json, where at, dora_writer *writer)
{
    void *iter = json_object_iter((json_t *)json); /* which changes nothing */
    dora_write_array(writer, json_object_size(json));
    for (; iter != NULL; iter = json_object_iter_next((json_t *)json, iter)) {
        const dora_slice name = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
        dora_write_string(writer, name.data, name.len);
        put(json_object_iter_value(iter), below(at, name), writer);
    }
    dora_write_end(writer);
}

static void put_list(const json_t *json, where at, dora_writer *writer)
{
    const size_t count = json_array_size(json);
    dora_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dora_write_int(writer, (int64_t)i);
        put(json_array_get(json, i), below(at, (dora_slice){"", 0}), writer);
    }
    dora_write_end(writer);
}

/* put keeps the writer's first error. It recurses to the apis' members, and no deeper. */
static void put(const json_t *json, where at, dora_writer *writer)
{
    if (at < IN_PARAM && json_is_object(json)) {
        put_object(json, at, writer);
    } else if (at < IN_PARAM && json_is_array(json)) {
        put_list(json, at, writer);
    } else {
        dora_writer_set_marks(writer, at == IN_PARAM);
        (void)dr_json_to_value(json, writer);
    }
}

static dora_err encode(const json_t *json, where at, size_t bytes_max, dr_buf *out,
                       dora_error *error)
{
    dora_writer writer;
    dora_slice encoded;
    dr_writer_init(&writer, NULL, 0, bytes_max, dr_writer_grow_heap, NULL);
    put(json, at, &writer);
    dora_err err = dora_writer_finish(&writer, &encoded);
    if (err == DORA_OK) {
        err = dr_buf_append_slice(out, encoded);
    }
    if (err == DORA_ENOMEM) {
        refuse(error, err, DORA_CODE_OVERLOADED, "out of memory");
    } else if (err != DORA_OK) {
        char problem[96];
        char text[128];
        dora_writer_problem(&writer, problem, sizeof(problem));
        (void)snprintf(text, sizeof(text), "the values in this JSON are %s", problem);
        refuse(error, err, writer.over == DR_OVER_BYTES ? DORA_CODE_TOO_BIG : DORA_CODE_BAD_BODY,
               text);
    }
    dr_writer_fini(&writer);
    return err;
}

dora_err dr_json_encode(const json_t *json, size_t bytes_max, dr_buf *out, dora_error *error)
{
    return encode(json, IN_MESSAGE, bytes_max, out, error);
}

static dora_err load_and_encode(dora_slice text, where at, size_t bytes_max, dr_buf *out,
                                dora_error *error)
{
    json_t *json = NULL;
    dora_err err = dr_json_load(text, &json, error);
    if (err == DORA_OK) {
        err = encode(json, at, bytes_max, out, error);
    }
    json_decref(json);
    return err;
}

dora_err dr_json_request(dora_slice text, size_t bytes_max, dr_buf *out, dora_error *error)
{
    return load_and_encode(text, IN_MESSAGE, bytes_max, out, error);
}

dora_err dr_json_param(dora_slice text, size_t bytes_max, dr_buf *out, dora_error *error)
{
    return load_and_encode(text, IN_PARAM, bytes_max, out, error);
}
