/* copy.c: one walk over a value, which writes each part again or its type's name. */
#include "copy.h"

#include <stdlib.h>
#include <string.h>

/* walk is where a walk writes to: `writer`, or the names collected in `names`. */
typedef struct walk {
    dora_reader reader;
    dora_writer *writer;
    char *names;
    size_t len;
    size_t cap;
} walk;

static dora_err name_add(walk *w, const char *name)
{
    size_t more = strlen(name);
    if (w->len + more > w->cap) {
        size_t cap = 2 * (w->len + more);
        char *names = realloc(w->names, cap);
        if (names == NULL) {
            return DORA_ENOMEM;
        }
        w->names = names;
        w->cap = cap;
    }
    memcpy(w->names + w->len, name, more);
    w->len += more;
    return DORA_OK;
}

static dora_err scalar_name(walk *w, const dora_value *value)
{
    static const char *const names[] = {"null", "bool", "int", "float", "string", "array("};
    return name_add(w, names[value->type]);
}

static dora_err scalar_write(walk *w, const dora_value *value)
{
    switch (value->type) {
    case DORA_NULL:
        return dora_write_null(w->writer);
    case DORA_BOOL:
        return dora_write_bool(w->writer, value->integer != 0);
    case DORA_INT:
        return dora_write_int(w->writer, value->integer);
    case DORA_FLOAT:
        return dora_write_float(w->writer, value->number);
    case DORA_STRING:
        return value->mark == DORA_BYTES
                   ? dora_write_bytes(w->writer, value->string.data, value->string.len)
                   : dora_write_string(w->writer, value->string.data, value->string.len);
    case DORA_ARRAY:
        return value->mark == DORA_MAP ? dora_write_map(w->writer, value->count)
                                       : dora_write_array(w->writer, value->count);
    }
    return DORA_ETYPE;
}

static dora_err part(walk *w, const dora_value *value)
{
    return w->writer != NULL ? scalar_write(w, value) : scalar_name(w, value);
}

/* between adds a mark that only names have. */
static dora_err between(walk *w, const char *mark)
{
    return w->writer != NULL ? DORA_OK : name_add(w, mark);
}

static dora_err walk_value(walk *w)
{
    dora_value value;
    dora_err err = dora_reader_value(&w->reader, &value);
    if (err == DORA_OK) {
        err = part(w, &value);
    }
    if (err != DORA_OK || value.type != DORA_ARRAY) {
        return err;
    }
    for (size_t i = 0; i < value.count && err == DORA_OK; i++) {
        dora_value key;
        err = i > 0 ? between(w, ",") : DORA_OK;
        if (err == DORA_OK) {
            err = dora_reader_key(&w->reader, &key);
        }
        if (err == DORA_OK) {
            err = part(w, &key);
        }
        if (err == DORA_OK) {
            err = between(w, ":");
        }
        if (err == DORA_OK) {
            err = walk_value(w);
        }
    }
    if (err == DORA_OK) {
        err = dora_reader_end(&w->reader);
    }
    if (err != DORA_OK) {
        return err;
    }
    return w->writer != NULL ? dora_write_end(w->writer) : name_add(w, ")");
}

static dora_err walk_all(walk *w, dora_slice bytes)
{
    dora_reader_init(&w->reader, bytes);
    dora_err err = walk_value(w);
    if (err == DORA_OK && !dora_reader_is_done(&w->reader)) {
        err = DORA_EPROTO;
    }
    return err;
}

dora_err copy_value(dora_slice bytes, dora_writer *writer)
{
    walk w = {.writer = writer};
    return walk_all(&w, bytes);
}

dora_err copy_kind(dora_slice bytes, dora_writer *writer)
{
    walk w = {.writer = NULL};
    dora_err err = walk_all(&w, bytes);
    if (err == DORA_OK) {
        err = dora_write_string(writer, w.names, w.len);
    }
    free(w.names);
    return err;
}
