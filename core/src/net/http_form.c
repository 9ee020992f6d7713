/* http_form.c: the fields of a form. */
#include "net/http_form.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "net/http_exchange.h"
#include "net/http_inside.h"

typedef struct wanted {
    dr_http_field *fields;
    size_t count;
    dora_err err;
} wanted;

static dr_http_field *find(wanted *form, const char *name, size_t len)
{
    for (size_t i = 0; i < form->count; i++) {
        if (strlen(form->fields[i].name) == len && memcmp(form->fields[i].name, name, len) == 0) {
            return &form->fields[i];
        }
    }
    return NULL;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const int letter = c | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* decode appends `text` with `+` and %XX decoded; a % without two digits stays, as in PHP. */
static dora_err decode(dora_slice text, dr_buf *out)
{
    if (dr_buf_reserve(out, text.len) != DORA_OK) {
        return DORA_ENOMEM;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i] == '+' ? ' ' : text.data[i];
        if (c == '%' && text.len - i > 2 && hex(text.data[i + 1]) >= 0 &&
            hex(text.data[i + 2]) >= 0) {
            c = (char)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]));
            i += 2;
        }
        out->data[out->len++] = c;
    }
    return DORA_OK;
}

/* read_pairs reads name=value&name=value. Not by libmicrohttpd, which refuses a `=` or a line break
 * inside a value: people type JSON behind curl's -d without encoding it. */
static dora_err read_pairs(wanted *form, dora_slice body)
{
    dr_buf name = {0};
    dora_err err = DORA_OK;
    const char *at = body.data;
    const char *end = body.data + body.len;
    while (at < end && err == DORA_OK) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *value = equals == NULL ? stop : equals + 1;
        const dora_slice raw = {at, (size_t)((equals == NULL ? stop : equals) - at)};
        dr_buf_clear(&name);
        err = decode(raw, &name);
        dr_http_field *field = err == DORA_OK ? find(form, name.data, name.len) : NULL;
        if (field != NULL) {
            field->is_given = true;
            dr_buf_clear(&field->value);
            err = decode((dora_slice){value, (size_t)(stop - value)}, &field->value);
        }
        at = stop == end ? end : stop + 1;
    }
    dr_buf_fini(&name);
    return err;
}

static enum MHD_Result on_part(void *user, enum MHD_ValueKind kind, const char *name,
                               const char *file, const char *type, const char *coding,
                               const char *data, uint64_t offset, size_t len)
{
    (void)kind;
    (void)file;
    (void)type;
    (void)coding;
    wanted *form = user;
    dr_http_field *field = name == NULL ? NULL : find(form, name, strlen(name));
    if (field == NULL) {
        return MHD_YES;
    }
    field->is_given = true;
    if (offset == 0) {
        dr_buf_clear(&field->value);
    }
    form->err = dr_buf_append(&field->value, data, len);
    return form->err == DORA_OK ? MHD_YES : MHD_NO;
}

static dora_err read_parts(wanted *form, const dr_http_exchange *exchange, dora_slice body,
                           dora_error *error)
{
    struct MHD_PostProcessor *parts =
        MHD_create_post_processor(exchange->connection, 2 * DR_HTTP_FIELD_NAME_MAX, on_part, form);
    if (parts == NULL) {
        return dora_error_set(error, DORA_EPROTO, "multipart/form-data without a usable boundary");
    }
    const bool is_read = MHD_post_process(parts, body.data, body.len) == MHD_YES;
    const bool is_whole = MHD_destroy_post_processor(parts) == MHD_YES;
    if (form->err == DORA_OK && !(is_read && is_whole)) {
        return dora_error_set(error, DORA_EPROTO,
                              "the body is not the multipart/form-data that "
                              "its Content-Type says");
    }
    return form->err;
}

static bool is_type(dora_slice type, const char *name)
{
    const size_t len = strlen(name);
    return type.len >= len && strncasecmp(type.data, name, len) == 0 &&
           (type.len == len || type.data[len] == ';' || type.data[len] == ' ');
}

dora_err dr_http_form_read(const dr_http_exchange *exchange, dr_http_field *fields, size_t count,
                           dora_error *error)
{
    wanted form = {fields, count, DORA_OK};
    const dora_slice type = dr_http_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE);
    const dora_slice body = dr_http_body(exchange);
    dora_err err;
    if (is_type(type, "application/x-www-form-urlencoded")) {
        err = read_pairs(&form, body);
    } else if (is_type(type, "multipart/form-data")) {
        err = read_parts(&form, exchange, body, error);
    } else {
        return dora_error_set(error, DORA_ETYPE,
                              "the body is no form: Content-Type must be "
                              "application/x-www-form-urlencoded or multipart/form-data");
    }
    return err == DORA_ENOMEM ? dora_error_set(error, err, "out of memory") : err;
}
