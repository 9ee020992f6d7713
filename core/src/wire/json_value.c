/* json_value.c: encoded values to JSON text, without a tree between. Pure but for memory. */
#include "wire/json_value.h"

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

/* What is read, and where it is written. */
typedef struct passage {
    dora_reader reader;
    dr_json_writer *writer;
    dora_error *error;
} passage;

static dora_err pass_value(passage *self, const place *here);

/* Passes one member, whose key was read as `key`. */
static dora_err pass_member(passage *self, const place *here, dr_json_level *level, size_t index,
                            const dora_value *key)
{
    char digits[DR_INT_TEXT_MAX];
    place inner = {.outer = here, .index = index, .name = key->string};
    if (key->type == DORA_INT) {
        inner.is_index = level->is_list && key->integer == (int64_t)index;
        inner.name = (dora_slice){digits, dr_int_text(key->integer, digits)};
    }
    if (inner.is_index) {
        dr_json_item(self->writer, level);
    } else {
        dr_json_key(self->writer, level, inner.name);
    }
    const dora_err err = pass_value(self, &inner);
    if (err == DORA_OK && key->type == DORA_STRING && !dr_utf8_is_valid(key->string)) {
        return refuse_place(&inner, "a key that is not UTF-8 has no place in JSON", self->error);
    }
    return err;
}

static dora_err pass_members(passage *self, const place *here, const dora_value *head)
{
    dr_json_level level;
    dora_value key;
    int64_t before = INT64_MIN;
    dora_err err = DORA_OK;
    dr_json_open(self->writer, &level, head->mark != DORA_MAP);
    for (size_t i = 0; err == DORA_OK && i < head->count; i++) {
        err = dora_reader_key(&self->reader, &key);
        if (err != DORA_OK) {
            return refuse_value(&self->reader, err, self->error);
        }
        /* Numbers that rise are all different; any other keys are compared at the end. */
        const bool is_rising = key.type == DORA_INT && (i == 0 || key.integer > before);
        level.is_distinct = level.is_distinct && is_rising;
        before = key.type == DORA_INT ? key.integer : before;
        err = pass_member(self, here, &level, i, &key);
    }
    if (err == DORA_OK) {
        err = dora_reader_end(&self->reader);
        err = err == DORA_OK ? err : refuse_value(&self->reader, err, self->error);
    }
    dr_json_close(self->writer, &level);
    return err;
}

/* Recursion is bounded by the reader's depth, and by the stack of whoever calls. */
static dora_err pass_value(passage *self, const place *here)
{
    dora_value value;
    dora_err err = dora_reader_value(&self->reader, &value);
    if (err == DORA_OK && value.type == DORA_ARRAY && !dora_depth_fits(self->reader.depth)) {
        err = DORA_ETOOBIG;
    }
    if (err != DORA_OK) {
        return refuse_value(&self->reader, err, self->error);
    }
    switch (value.type) {
    case DORA_ARRAY:
        return pass_members(self, here, &value);
    case DORA_STRING:
        if (!dr_utf8_is_valid(value.string)) {
            return refuse_place(here, "a string that is not UTF-8 has no place in JSON",
                                self->error);
        }
        dr_json_string(self->writer, value.string);
        break;
    case DORA_FLOAT:
        if (!isfinite(value.number)) {
            return refuse_place(here, "INF and NAN have no place in JSON", self->error);
        }
        dr_json_real(self->writer, value.number);
        break;
    case DORA_INT:
        dr_json_int(self->writer, value.integer);
        break;
    case DORA_BOOL:
        dr_json_word(self->writer, value.integer != 0 ? "true" : "false");
        break;
    case DORA_NULL:
        dr_json_word(self->writer, "null");
        break;
    }
    return DORA_OK;
}

static dora_err pass(dr_json_writer *writer, dora_slice value, const place *here, dora_error *error)
{
    const dr_json_mark mark = dr_json_here(writer);
    passage self = {.writer = writer, .error = error};
    dora_reader_init(&self.reader, value);
    dora_err err = pass_value(&self, here);
    if (err == DORA_OK && !dora_reader_is_done(&self.reader)) {
        err = refuse_value(&self.reader, DORA_EPROTO, error);
    }
    if (err == DORA_OK && writer->err != DORA_OK) {
        return dora_error_set(error, writer->err, "%s", dora_err_text(writer->err));
    }
    if (err != DORA_OK) {
        dr_json_back(writer, mark);
    }
    return err;
}

dora_err dr_json_value(dr_json_writer *writer, dora_slice value, dora_error *error)
{
    return pass(writer, value, NULL, error);
}

dora_err dr_json_data(dr_json_writer *writer, dora_slice data, dora_error *error)
{
    const place envelope = {.name = {"data", 4}};
    return pass(writer, data, &envelope, error);
}

/* What is UTF-8 as a whole is so in each text, since texts stand between quotes. */
static bool is_plain(dora_slice data)
{
    return dr_utf8_is_valid(data) && memmem(data.data, data.len, "NAN;", 4) == NULL &&
           memmem(data.data, data.len, "INF;", 4) == NULL;
}

dora_err dr_json_takes(dora_slice data, dora_error *error)
{
    if (is_plain(data)) {
        return DORA_OK;
    }
    dr_buf text = {0};
    dr_json_writer writer = dr_json_begin(&text, 0);
    const dora_err err = dr_json_data(&writer, data, error);
    (void)dr_json_finish(&writer); /* its error is `err` */
    dr_buf_fini(&text);
    return err;
}

dora_err dr_json_print(dora_slice value, size_t indent, dr_buf *out, dora_error *error)
{
    dr_json_writer writer = dr_json_begin(out, indent);
    const dora_err err = dr_json_value(&writer, value, error);
    const dora_err written = dr_json_finish(&writer);
    return err != DORA_OK ? err : written;
}
