/* json.c: between encoded values and jansson's. Pure but for memory. */
#include "wire/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "wire/value.h"
#include "wire/value_write.h"

/* What surrounds the value that is read, innermost first; it lives on the C stack. */
typedef struct place {
    const struct place *outer;
    bool is_index;
    size_t index;
    dora_slice name;
} place;

#define PATH_MAX_LEN 512

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

static bool is_plain_name(dora_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

/* One step of the path in printable ASCII, cut where it does not fit. */
static size_t step_text(const place *at, char *text, size_t size)
{
    int len = 0;
    if (at->is_index) {
        len = snprintf(text, size, "[%zu]", at->index);
        return len < 0 ? 0 : (size_t)len;
    }
    if (is_plain_name(at->name) && at->name.len < size - 2) {
        len = snprintf(text, size, ".%.*s", (int)at->name.len, at->name.data);
        return len < 0 ? 0 : (size_t)len;
    }
    size_t used = 0;
    text[used++] = '[';
    text[used++] = '"';
    for (size_t i = 0; i < at->name.len && used < size - 3; i++) {
        char c = at->name.data[i];
        text[used++] = c >= ' ' && c <= '~' && c != '"' ? c : '?';
    }
    text[used++] = '"';
    text[used++] = ']';
    return used;
}

/* The path, written from its end, since a place knows only what is around it. */
static dora_err refuse_place(const place *at, const char *what, dora_error *error)
{
    char path[PATH_MAX_LEN];
    char step[PATH_MAX_LEN / 4];
    size_t start = sizeof(path) - 1;
    path[start] = '\0';
    for (; at != NULL; at = at->outer) {
        size_t len = step_text(at, step, sizeof(step));
        if (len + 4 > start) {
            start -= 3;
            memcpy(path + start, "...", 3);
            break;
        }
        start -= len;
        memcpy(path + start, step, len);
    }
    return dora_error_set(error, DORA_ETYPE, "$%s: %s", path + start, what);
}

static dora_err refuse_value(const dora_reader *reader, dora_err err, dora_error *error)
{
    char problem[96];
    dora_reader_problem(reader, err, problem, sizeof(problem));
    dora_error_set(error, err, "value cannot be decoded: %s at byte %zu",
                   err == DORA_ETOOBIG ? problem : "malformed", reader->at);
    if (error != NULL) {
        error->offset = reader->at;
    }
    return err;
}

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

json_t *dr_json_text(dora_slice text)
{
    if (dr_utf8_is_valid(text)) {
        return json_stringn_nocheck(text.data != NULL ? text.data : "", text.len);
    }
    dr_buf plain = {0};
    for (size_t i = 0; i < text.len;) {
        size_t len = dr_utf8_len(text, i);
        if (dr_buf_append(&plain, len == 0 ? "?" : text.data + i, len == 0 ? 1 : len) != DORA_OK) {
            dr_buf_fini(&plain);
            return NULL;
        }
        i += len == 0 ? 1 : len;
    }
    json_t *json = json_stringn_nocheck(plain.data, plain.len);
    dr_buf_fini(&plain);
    return json;
}

/* The list that turns out to be none, as an object with the keys "0", "1", ... */
static json_t *list_to_object(const json_t *list)
{
    json_t *object = json_object();
    char text[DR_INT_TEXT_MAX];
    size_t count = json_array_size(list);
    for (size_t i = 0; object != NULL && i < count; i++) {
        size_t len = dr_int_text((int64_t)i, text);
        if (json_object_setn(object, text, len, json_array_get(list, i)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static dora_err put_member(json_t **json, size_t index, const dora_value *key, json_t *member,
                           const place *here, dora_error *error)
{
    char text[DR_INT_TEXT_MAX];
    bool is_int = key->type == DORA_INT;
    if (json_is_array(*json)) {
        if (is_int && key->integer == (int64_t)index) {
            return json_array_append_new(*json, member) == 0 ? DORA_OK : no_memory(error);
        }
        json_t *object = list_to_object(*json);
        if (object == NULL) {
            json_decref(member);
            return no_memory(error);
        }
        json_decref(*json);
        *json = object;
    }
    dora_slice name = key->string;
    if (is_int) {
        name = (dora_slice){text, dr_int_text(key->integer, text)};
    }
    if (!dr_utf8_is_valid(name)) {
        json_decref(member);
        return refuse_place(here, "a key that is not UTF-8 has no place in JSON", error);
    }
    if (!DR_JSON_NUL_IN_KEYS && memchr(name.data, '\0', name.len) != NULL) {
        json_decref(member);
        return refuse_place(here, "a key with a NUL has no place in JSON (jansson 2.14 has)",
                            error);
    }
    int status = json_object_setn_new_nocheck(*json, name.data, name.len, member);
    return status == 0 ? DORA_OK : no_memory(error);
}

static dora_err read_json(dora_reader *reader, const place *here, json_t **json, dora_error *error);

static dora_err read_members(dora_reader *reader, const dora_value *head, const place *here,
                             json_t **json, dora_error *error)
{
    const size_t count = head->count;
    const bool is_map = head->mark == DORA_MAP;
    json_t *result = is_map ? json_object() : json_array();
    dora_err err = result != NULL ? DORA_OK : no_memory(error);
    for (size_t i = 0; err == DORA_OK && i < count; i++) {
        dora_value key;
        json_t *member = NULL;
        err = dora_reader_key(reader, &key);
        if (err != DORA_OK) {
            err = refuse_value(reader, err, error);
            break;
        }
        bool is_index = json_is_array(result) && key.type == DORA_INT && key.integer == (int64_t)i;
        place inner = {.outer = here, .is_index = is_index, .name = key.string};
        char text[DR_INT_TEXT_MAX];
        if (key.type == DORA_INT) {
            inner.index = i;
            inner.name = (dora_slice){text, dr_int_text(key.integer, text)};
        }
        err = read_json(reader, &inner, &member, error);
        if (err == DORA_OK) {
            err = put_member(&result, i, &key, member, &inner, error);
        }
    }
    if (err == DORA_OK) {
        err = dora_reader_end(reader);
        err = err == DORA_OK ? err : refuse_value(reader, err, error);
    }
    if (err == DORA_OK) {
        *json = result;
        result = NULL;
    }
    json_decref(result);
    return err;
}

/* Recursion is bounded by the reader's depth, and by the stack of whoever calls. */
static dora_err read_json(dora_reader *reader, const place *here, json_t **json, dora_error *error)
{
    dora_value value;
    dora_err err = dora_reader_value(reader, &value);
    if (err == DORA_OK && value.type == DORA_ARRAY && !dora_depth_fits(reader->depth)) {
        err = DORA_ETOOBIG;
    }
    if (err != DORA_OK) {
        return refuse_value(reader, err, error);
    }
    switch (value.type) {
    case DORA_ARRAY:
        return read_members(reader, &value, here, json, error);
    case DORA_STRING:
        if (!dr_utf8_is_valid(value.string)) {
            return refuse_place(here, "a string that is not UTF-8 has no place in JSON", error);
        }
        *json = json_stringn_nocheck(value.string.data, value.string.len);
        break;
    case DORA_FLOAT:
        if (!isfinite(value.number)) {
            return refuse_place(here, "INF and NAN have no place in JSON", error);
        }
        *json = json_real(value.number);
        break;
    case DORA_INT:
        *json = json_integer((json_int_t)value.integer);
        break;
    case DORA_BOOL:
        *json = json_boolean(value.integer);
        break;
    case DORA_NULL:
        *json = json_null();
        break;
    }
    return *json != NULL ? DORA_OK : no_memory(error);
}

static dora_err from_value(dora_slice value, const place *here, json_t **json, dora_error *error)
{
    dora_reader reader;
    *json = NULL;
    dora_reader_init(&reader, value);
    dora_err err = read_json(&reader, here, json, error);
    if (err == DORA_OK && !dora_reader_is_done(&reader)) {
        json_decref(*json);
        *json = NULL;
        return refuse_value(&reader, DORA_EPROTO, error);
    }
    return err;
}

dora_err dr_json_from_value(dora_slice value, json_t **json, dora_error *error)
{
    return from_value(value, NULL, json, error);
}

dora_err dr_json_from_data(dora_slice data, json_t **json, dora_error *error)
{
    const place envelope = {.name = {"data", 4}};
    return from_value(data, &envelope, json, error);
}
