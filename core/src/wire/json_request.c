/* json_request.c: a JSON value from outside, to the inner encoding. */
#include "wire/json_request.h"

#include <stdio.h>

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

dora_err dr_json_encode(const json_t *json, size_t bytes_max, dr_buf *out, dora_error *error)
{
    dora_writer writer;
    dora_slice encoded;
    dr_writer_init(&writer, NULL, 0, bytes_max, dr_writer_grow_heap, NULL);
    (void)dr_json_to_value(json, &writer);
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

dora_err dr_json_request(dora_slice text, size_t bytes_max, dr_buf *out, dora_error *error)
{
    json_t *json = NULL;
    dora_err err = dr_json_load(text, &json, error);
    if (err == DORA_OK) {
        err = dr_json_encode(json, bytes_max, out, error);
    }
    json_decref(json);
    return err;
}
