/* json_dump.c: jansson's values to text, floats in their shortest form. Pure but for memory. */
#include "wire/json_dump.h"

#include <string.h>

#include "wire/float.h"
#include "wire/json.h"
#include "wire/value.h"
#include "wire/value_write.h"

#define DUMP_DEPTH_MAX (DR_VALUE_DEPTH_MAX * 4) /* jansson's own parser goes to 2048 */

typedef struct dump {
    dr_buf *out;
    size_t indent;
    size_t depth;
    dora_err err; /* the first; later writes are no-ops */
} dump;

static void put(dump *state, const char *data, size_t len)
{
    if (state->err == DORA_OK) {
        state->err = dr_buf_append(state->out, data, len);
    }
}

#define PUT(state, text) put((state), (text), sizeof(text) - 1)

static void put_line(dump *state)
{
    if (state->indent == 0) {
        return;
    }
    PUT(state, "\n");
    for (size_t i = 0; i < state->depth * state->indent; i++) {
        PUT(state, " ");
    }
}

/* The letter behind the backslash of a short escape, 0 where there is none. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void put_string(dump *state, const char *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t start = 0;
    PUT(state, "\"");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= ' ' && c != '"' && c != '\\') {
            continue;
        }
        put(state, data + start, i - start);
        start = i + 1;
        char escape[6] = {'\\', short_escape(c), '0', '0', hex[c >> 4], hex[c & 15]};
        if (escape[1] != 0) {
            put(state, escape, 2);
        } else {
            escape[1] = 'u';
            put(state, escape, sizeof(escape));
        }
    }
    put(state, data + start, len - start);
    PUT(state, "\"");
}

static void put_real(dump *state, double number)
{
    char text[DR_FLOAT_TEXT_MAX];
    size_t len = dr_float_text(number, text);
    put(state, text, len);
    /* A float stays a float: 1.0 is not 1. */
    if (memchr(text, '.', len) == NULL) {
        PUT(state, ".0");
    }
}

static void put_value(dump *state, const json_t *json);

static void put_list(dump *state, const json_t *json)
{
    size_t count = json_array_size(json);
    PUT(state, "[");
    state->depth++;
    for (size_t i = 0; i < count && state->err == DORA_OK; i++) {
        if (i > 0) {
            PUT(state, ",");
        }
        put_line(state);
        put_value(state, json_array_get(json, i));
    }
    state->depth--;
    if (count > 0) {
        put_line(state);
    }
    PUT(state, "]");
}

static void put_object(dump *state, const json_t *json)
{
    /* jansson's iterators take a non-const object, yet change nothing. */
    void *iter = json_object_iter((json_t *)json);
    bool is_first = true;
    PUT(state, "{");
    state->depth++;
    for (; iter != NULL && state->err == DORA_OK; is_first = false) {
        if (!is_first) {
            PUT(state, ",");
        }
        put_line(state);
        put_string(state, json_object_iter_key(iter), json_object_iter_key_len(iter));
        PUT(state, ":");
        if (state->indent > 0) {
            PUT(state, " ");
        }
        put_value(state, json_object_iter_value(iter));
        iter = json_object_iter_next((json_t *)json, iter);
    }
    state->depth--;
    if (!is_first) {
        put_line(state);
    }
    PUT(state, "}");
}

static void put_value(dump *state, const json_t *json)
{
    char text[DR_INT_TEXT_MAX];
    if (state->depth > DUMP_DEPTH_MAX || !dora_depth_fits((uint32_t)state->depth)) {
        state->err = DORA_ETOOBIG;
        return;
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        put_object(state, json);
        break;
    case JSON_ARRAY:
        put_list(state, json);
        break;
    case JSON_STRING:
        put_string(state, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        put(state, text, dr_int_text((int64_t)json_integer_value(json), text));
        break;
    case JSON_REAL:
        put_real(state, json_real_value(json));
        break;
    case JSON_TRUE:
        PUT(state, "true");
        break;
    case JSON_FALSE:
        PUT(state, "false");
        break;
    case JSON_NULL:
    default:
        PUT(state, "null");
        break;
    }
}

dora_err dr_json_dump(const json_t *json, size_t indent, dr_buf *out)
{
    size_t start = out->len;
    dump state = {.out = out, .indent = indent};
    put_value(&state, json);
    if (state.err != DORA_OK) {
        out->len = start;
    }
    return state.err;
}
