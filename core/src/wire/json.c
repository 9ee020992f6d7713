/* json.c: jansson's values to encoded ones. Pure. */
#include "wire/json.h"

#include "wire/value_write.h"

static dora_err object_to_value(const json_t *json, dora_writer *writer)
{
    /* jansson's getters take non-const objects, yet change nothing. */
    void *iter = json_object_iter((json_t *)json);
    const size_t count = json_object_size(json);
    (void)(count > 0 ? dora_write_array(writer, count) : dora_write_map(writer, 0));
    while (iter != NULL && dora_writer_error(writer) == DORA_OK) {
        dora_write_string(writer, json_object_iter_key(iter), json_object_iter_key_len(iter));
        dr_json_to_value(json_object_iter_value(iter), writer);
        iter = json_object_iter_next((json_t *)json, iter);
    }
    return dora_write_end(writer);
}

static dora_err list_to_value(const json_t *json, dora_writer *writer)
{
    size_t count = json_array_size(json);
    dora_write_array(writer, count);
    for (size_t i = 0; i < count && dora_writer_error(writer) == DORA_OK; i++) {
        dora_write_int(writer, (int64_t)i);
        dr_json_to_value(json_array_get(json, i), writer);
    }
    return dora_write_end(writer);
}

dora_err dr_json_to_value(const json_t *json, dora_writer *writer)
{
    /* An array too deep fails to open, so this recursion is bounded by the writer's depth. */
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_to_value(json, writer);
    case JSON_ARRAY:
        return list_to_value(json, writer);
    case JSON_STRING:
        return dora_write_string(writer, json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return dora_write_int(writer, (int64_t)json_integer_value(json));
    case JSON_REAL:
        return dora_write_float(writer, json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return dora_write_bool(writer, json_is_true(json));
    case JSON_NULL:
    default:
        return dora_write_null(writer);
    }
}
