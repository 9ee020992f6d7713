/* web_form.c: the endpoints of the original: a form with `params` and `guid`, a reply as JSON. */
#include "server/http/web_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "net/http_exchange.h"
#include "net/http_form.h"
#include "server/call/answer.h"
#include "server/call/answer_web.h"
#include "server/call/intake.h"
#include "server/call/offload.h"
#include "server/call/reply.h"
#include "wire/json_message.h"
#include "wire/json_request.h"

/* form is a request of the original on its way to a body in the inner encoding. */
typedef struct form {
    dr_offload offload;
    const char *type; /* on the wire; NULL: the path is none of those there are */
    dr_http_field fields[2];
    size_t inner_max;
    dr_buf inner;
    dr_buf guid;           /* as it was sent */
    char key[DR_GUID_LEN]; /* what it is inside the server */
    dora_error error;
    dora_err err;
} form;

enum { FIELD_PARAMS = 0, FIELD_GUID };

static const char *type_of(dora_slice path)
{
    static const struct {
        const char *path;
        const char *type;
    } doors[] = {{"api/multisync", "W_M"}, {"api/multinoresult", "AN_M"}, {"server/cmd", "SC"}};
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
        if (path.len == strlen(doors[i].path) && memcmp(path.data, doors[i].path, path.len) == 0) {
            return doors[i].type;
        }
    }
    return NULL;
}

static dora_err refuse(form *self, int64_t code, const char *msg)
{
    dora_error_set(&self->error, DORA_EPROTO, "%s", msg);
    self->error.code = code;
    return DORA_EPROTO;
}

/* take_guid finds the guid: that in `params` wins. Returns: false when there is none in either
 * place. */
static bool take_guid(form *self, const json_t *params)
{
    const json_t *inner = json_object_get(params, "guid");
    const dora_slice own = {json_string_value(inner), json_string_length(inner)};
    if (inner == NULL && !self->fields[FIELD_GUID].is_given) {
        return false;
    }
    const dora_slice guid = inner != NULL ? own : dr_buf_slice(&self->fields[FIELD_GUID].value);
    if (dr_buf_append_slice(&self->guid, guid) != DORA_OK) {
        return false;
    }
    /* Inside the server guids have one length. */
    const size_t len = guid.len < DR_GUID_LEN ? guid.len : DR_GUID_LEN;
    if (len > 0) {
        memcpy(self->key, guid.data, len);
    }
    return true;
}

static bool is_empty(const json_t *api)
{
    return api == NULL || json_is_null(api) || json_is_false(api) ||
           (json_is_string(api) && json_string_length(api) == 0) ||
           (json_is_array(api) && json_array_size(api) == 0) ||
           (json_is_object(api) && json_object_size(api) == 0);
}

/* check looks at the request in the original's order. */
static dora_err check(form *self, const json_t *params, const dora_error *why)
{
    const json_t *api = json_object_get(params, "api");
    if (!take_guid(self, params)) {
        return refuse(self, DORA_CODE_BAD_API,
                      "guid is missing: it is neither a field of the form nor in params");
    }
    if (params == NULL) {
        dora_error_set(&self->error, DORA_EPROTO, "params: %s", why->msg);
        self->error.code = DORA_CODE_BAD_PARAMS;
        return DORA_EPROTO;
    }
    if (!json_is_object(params)) {
        return refuse(self, DORA_CODE_BAD_PARAMS, "params is no JSON object");
    }
    if (self->guid.len == 0) {
        return refuse(self, DORA_CODE_BAD_PARAMS, "guid is empty or no string");
    }
    if (!dr_utf8_is_valid(dr_buf_slice(&self->guid))) {
        return refuse(self, DORA_CODE_BAD_PARAMS, "guid is not UTF-8: the reply could not say it");
    }
    if (is_empty(api)) {
        return refuse(self, DORA_CODE_BAD_PARAMS, "api is missing in params, or empty");
    }
    if (self->type == NULL) {
        return refuse(self, DORA_CODE_BAD_TYPE,
                      "unknown path; there are /api/multisync, /api/multinoresult and "
                      "/server/cmd");
    }
    return DORA_OK;
}

static dora_err encode(form *self, const json_t *params)
{
    static const char *const own[] = {"timeout", "trace", "attempt", "priority"};
    json_t *api = json_object_get(params, "api");
    json_t *body = json_object();
    int failed = json_object_set(body, "api", api);
    failed |= json_object_set_new(body, "guid", json_stringn_nocheck(self->key, DR_GUID_LEN));
    failed |= json_object_set_new(body, "type", json_string(self->type));
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        json_t *value = json_object_get(params, own[i]);
        failed |= value != NULL ? json_object_set(body, own[i], value) : 0;
    }
    const dora_err err = failed == 0
                             ? dr_json_encode(body, self->inner_max, &self->inner, &self->error)
                             : refuse(self, DORA_CODE_OVERLOADED, "out of memory");
    json_decref(body);
    return err;
}

static void form_work(dr_offload *offload)
{
    form *self = (form *)offload;
    dora_error why;
    json_t *params = NULL;
    (void)dr_json_load(dr_buf_slice(&self->fields[FIELD_PARAMS].value), &params, &why);
    self->err = check(self, params, &why);
    self->err = self->err == DORA_OK ? encode(self, params) : self->err;
    json_decref(params);
}

/* keep_guid: the reply has the guid that was sent, of whatever length. */
static void keep_guid(dr_web *web, const dr_buf *guid)
{
    if (guid->len != DR_GUID_LEN && guid->len > 0) {
        web->guid = dr_http_keep(web->exchange, guid->len);
        if (web->guid != NULL) {
            memcpy(web->guid, guid->data, guid->len);
            web->guid_len = guid->len;
        }
    }
}

static void form_done(dr_offload *offload)
{
    form *self = (form *)offload;
    keep_guid(offload->responder.web, &self->guid);
    if (self->err == DORA_OK) {
        dr_call_request(&offload->responder, self->key, dr_buf_slice(&self->inner));
    } else {
        dr_reply_refused(&offload->responder, self->key, &self->error);
    }
}

static void form_free(dr_offload *offload)
{
    form *self = (form *)offload;
    dr_buf_fini(&self->fields[FIELD_PARAMS].value);
    dr_buf_fini(&self->fields[FIELD_GUID].value);
    dr_buf_fini(&self->inner);
    dr_buf_fini(&self->guid);
    free(self);
}

/* read_form finds the fields. Returns: false where `params` is not among them. */
static bool read_form(form *self, const dr_web *web)
{
    if (strcmp(dr_http_method(web->exchange), "POST") != 0) {
        (void)refuse(self, DORA_CODE_BAD_API, "params is missing: send a form by POST");
        return false;
    }
    const dora_err err = dr_http_form_read(web->exchange, self->fields, 2, &self->error);
    if (err != DORA_OK) {
        self->error.code = err == DORA_ENOMEM ? DORA_CODE_OVERLOADED : DORA_CODE_BAD_API;
        return false;
    }
    if (!self->fields[FIELD_PARAMS].is_given) {
        (void)refuse(self, DORA_CODE_BAD_API, "params is missing in the form");
        return false;
    }
    return true;
}

void dr_web_form(dr_lane *lane, dr_web *web, dora_slice path)
{
    const dr_responder responder = dr_responder_of_web(DR_RESPONDER_FORM, lane, web);
    form *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        dr_answer_fail(&responder);
        return;
    }
    self->offload.work = form_work;
    self->offload.done = form_done;
    self->offload.free = form_free;
    self->type = type_of(path);
    self->fields[FIELD_PARAMS].name = "params";
    self->fields[FIELD_GUID].name = "guid";
    self->inner_max = 2 * dr_frame_bytes_max(&lane->reactor.frame);
    memcpy(self->key, DR_GUID_NONE, DR_GUID_LEN);
    if (read_form(self, web)) {
        self->offload.bytes = sizeof(*self) + self->fields[FIELD_PARAMS].value.len +
                              self->fields[FIELD_GUID].value.len;
        dr_offload_run(&responder, &self->offload,
                       self->fields[FIELD_PARAMS].value.len > DR_JSON_INLINE_MAX);
    } else {
        dr_reply_refused(&responder, self->key, &self->error);
        form_free(&self->offload);
    }
}
