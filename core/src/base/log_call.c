/* log_call.c: what an entry of the log says of the call that it is about. Pure. */
#include "base/log_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define FIELDS_MAX 12u
#define NS_PER_US 1000u
#define US_PER_MS 1000u

/* field is one of them: a text, or a number that stands as it is in both formats. */
typedef struct field {
    const char *name;
    bool is_text;
    dora_slice text; /* empty: not known */
    char number[32]; /* "": not known */
} field;

typedef struct fields {
    field items[FIELDS_MAX];
    uint32_t count;
} fields;

static field *add(fields *all, const char *name)
{
    field *one = &all->items[all->count++];
    *one = (field){.name = name};
    return one;
}

static void add_text(fields *all, const char *name, dora_slice text)
{
    field *one = add(all, name);
    one->is_text = true;
    one->text = text;
}

static void add_number(fields *all, const char *name, bool is_known, int64_t number)
{
    field *one = add(all, name);
    if (is_known) {
        (void)snprintf(one->number, sizeof(one->number), "%" PRId64, number);
    }
}

static void add_ms(fields *all, const char *name, bool is_known, uint64_t ns)
{
    field *one = add(all, name);
    const uint64_t us = ns / NS_PER_US;
    if (is_known) {
        (void)snprintf(one->number, sizeof(one->number), "%" PRIu64 ".%03" PRIu64, us / US_PER_MS,
                       us % US_PER_MS);
    }
}

/* list names the fields of a call in their order. */
static void list(fields *all, const dr_log_call *call)
{
    const bool is_error = call->kind == DR_LOG_CALL_ERROR;
    all->count = 0;
    add_text(all, "api", call->api);
    add_text(all, "guid", call->guid);
    add_text(all, "trace", call->trace);
    if (call->kind == DR_LOG_CALL_WITHIN) {
        return;
    }
    add_text(all, "type", call->type);
    if (is_error) {
        add_number(all, "worker", call->has_worker, call->worker);
        add_number(all, "generation", call->has_worker, call->generation);
        add_text(all, "class", call->class_name);
    }
    add_number(all, "code", true, call->code);
    add_ms(all, "queue_ms", call->is_timed, call->queue_ns);
    add_ms(all, "run_ms", call->is_timed, call->run_ns);
    if (!is_error) {
        add_number(all, "bytes_in", true, (int64_t)call->bytes_in);
        add_number(all, "bytes_out", true, (int64_t)call->bytes_out);
        add_text(all, "protocol", call->protocol);
        if (call->caller.len > 0) {
            add_text(all, "caller", call->caller);
        }
    }
}

/* escaped copies what JSON wants escaped in a string, quotes around it. `out` has the room. */
static size_t escaped(dora_slice text, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20) {
            memcpy(out + at, "\\u00", 4);
            out[at + 4] = digits[c >> 4];
            out[at + 5] = digits[c & 15];
            at += 6;
        } else {
            out[at++] = (char)c;
        }
    }
    out[at++] = '"';
    return at;
}

dora_err dr_log_json_text(dr_buf *out, dora_slice text)
{
    dr_buf string = {0};
    dora_err err = dr_buf_reserve(&string, text.len * 6 + 2);
    if (err == DORA_OK) {
        string.len = escaped(text, string.data);
        err = dr_printable_json(out, dr_buf_slice(&string));
    }
    dr_buf_fini(&string);
    return err;
}

static dora_err append(dr_buf *out, const char *text)
{
    return dr_buf_append(out, text, strlen(text));
}

static dora_err append_json_key(dr_buf *out, const char *name)
{
    dora_err err = append(out, ",\"");
    err = err == DORA_OK ? append(out, name) : err;
    return err == DORA_OK ? append(out, "\":") : err;
}

static dora_err append_json_or_null(dr_buf *out, dora_slice text)
{
    return text.len == 0 ? append(out, "null") : dr_log_json_text(out, text);
}

dora_err dr_log_call_json(dr_buf *out, const dr_log_call *call)
{
    fields all;
    dora_err err = DORA_OK;
    list(&all, call);
    for (uint32_t i = 0; i < all.count && err == DORA_OK; i++) {
        const field *one = &all.items[i];
        err = append_json_key(out, one->name);
        if (err == DORA_OK && one->is_text) {
            err = append_json_or_null(out, one->text);
        } else if (err == DORA_OK) {
            err = append(out, one->number[0] == '\0' ? "null" : one->number);
        }
    }
    if (err == DORA_OK && call->kind == DR_LOG_CALL_ERROR) {
        err = append_json_key(out, "traceback");
        err = err == DORA_OK ? append_json_or_null(out, call->traceback) : err;
    }
    return err;
}

static dora_err append_text(dr_buf *out, const field *one)
{
    dora_err err = append(out, one->name);
    err = err == DORA_OK ? append(out, "=") : err;
    if (err != DORA_OK) {
        return err;
    }
    return one->is_text ? dr_printable(out, one->text, "") : append(out, one->number);
}

dora_err dr_log_call_text(dr_buf *out, const dr_log_call *call)
{
    fields all;
    const char *before = " (";
    dora_err err = DORA_OK;
    if (call->kind == DR_LOG_CALL_WITHIN && call->trace.len == 0) {
        return DORA_OK;
    }
    list(&all, call);
    for (uint32_t i = 0; i < all.count && err == DORA_OK; i++) {
        const field *one = &all.items[i];
        if (one->text.len == 0 && one->number[0] == '\0') {
            continue;
        }
        err = append(out, before);
        err = err == DORA_OK ? append_text(out, one) : err;
        before = " ";
    }
    return err == DORA_OK ? append(out, ")") : err;
}
