/* web_call.c: POST /call/NAME and /stream/NAME: one api, its parameter as JSON. */
#include "server/http/web_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/limits.h"
#include "base/priority.h"
#include "net/http_exchange.h"
#include "server/call/answer.h"
#include "server/call/answer_web.h"
#include "server/call/call.h"
#include "server/call/intake.h"
#include "server/call/offload.h"
#include "wire/json_message.h"
#include "wire/json_request.h"

/* reading is the body on its way to the inner encoding. */
typedef struct reading {
    dr_offload offload;
    dr_buf text;
    dr_buf inner;
    size_t inner_max;
    dora_err err;
    dora_error error;
} reading;

/* name_of: most names begin with a slash, which stands in the path already: /call/user/get is
 * /user/get, unless there is a user/get. */
static dora_slice name_of(const dr_responder *responder)
{
    const dr_lane *lane = responder->lane;
    const dora_slice path = dr_http_path(responder->web->exchange);
    const size_t cut =
        strlen(responder->kind == DR_RESPONDER_EVENTS ? DR_STREAM_FOLDER : DR_CALL_FOLDER);
    const dora_slice with = {path.data + cut, path.len - cut};
    const dora_slice without = {with.data + 1, with.len > 0 ? with.len - 1 : 0};
    const dr_routes *routes = atomic_load_explicit(&lane->backend->routes, memory_order_acquire);
    return dr_routes_rank(routes, with) > dr_routes_rank(routes, without) ? with : without;
}

/* option_of is a header, else an argument of the query. */
static dora_slice option_of(const dr_web *web, const char *header, const char *argument)
{
    const dora_slice value = dr_http_header(web->exchange, header);
    return value.data != NULL ? value : dr_http_query(web->exchange, argument);
}

/* take_number reads a whole number; what is past an int64_t is the greatest there is. -1 where
 * there is no such option. Returns: false when it is no number. */
static bool take_number(dora_slice text, int64_t *number)
{
    *number = text.data != NULL ? 0 : -1;
    for (size_t i = 0; i < text.len; i++) {
        const int64_t digit = text.data[i] - '0';
        if (digit < 0 || digit > 9) {
            return false;
        }
        *number = *number > (INT64_MAX - digit) / 10 ? INT64_MAX : *number * 10 + digit;
    }
    return text.data == NULL || text.len > 0;
}

/* take_from_0: below 0 counts as 0. */
static bool take_from_0(dora_slice text, int64_t *number)
{
    const bool is_negative = text.len > 1 && text.data[0] == '-';
    if (is_negative) {
        text.data++;
        text.len--;
    }
    const bool is_number = take_number(text, number);
    *number = is_negative ? 0 : *number;
    return is_number;
}

static bool is_guid(dora_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            return false;
        }
    }
    return text.len == DR_GUID_LEN;
}

/* take_options reads what headers and query say. Returns: what is wrong; NULL: nothing. */
static const char *take_options(const dr_web *web, dr_request *request)
{
    const dora_slice guid = option_of(web, "X-Dora-Guid", "guid");
    const dora_slice trace = dr_http_header(web->exchange, "traceparent");
    const dora_slice priority = option_of(web, "X-Dora-Priority", "priority");
    if (!take_from_0(option_of(web, "X-Dora-Timeout", "timeout"), &request->timeout_ms)) {
        return "X-Dora-Timeout (or timeout in the query) must be a number of milliseconds";
    }
    if (!take_number(option_of(web, "X-Dora-Attempt", "attempt"), &request->attempt)) {
        return "X-Dora-Attempt (or attempt in the query) must be a number";
    }
    if (!take_from_0(option_of(web, "X-Dora-Window", "window"), &request->window)) {
        return "X-Dora-Window (or window in the query) must be a number of parts";
    }
    if (priority.data != NULL && !dora_priority_find(priority, &request->priority)) {
        return "X-Dora-Priority (or priority in the query) must be " DR_PRIORITY_WORDS;
    }
    if (guid.data != NULL && !is_guid(guid)) {
        return "X-Dora-Guid (or guid in the query) must be 32 printable ASCII characters";
    }
    if (guid.data == NULL && request->attempt >= 0) {
        return "X-Dora-Attempt needs an X-Dora-Guid: it says which call is repeated";
    }
    if (guid.data != NULL) {
        request->guid = guid;
    }
    if (trace.len <= DR_TRACE_BYTES_MAX) {
        request->trace = trace;
    }
    return NULL;
}

/* run goes on with the parameter in the inner encoding. */
static void run(const dr_responder *responder, dora_slice param)
{
    dr_lane *lane = responder->lane;
    char guid[DR_GUID_LEN];
    dr_guid_make(&lane->random, guid);
    const bool is_stream = responder->kind == DR_RESPONDER_EVENTS;
    dr_request request = {.guid = {guid, DR_GUID_LEN},
                          .type = is_stream ? DR_TYPE_ST_S : DR_TYPE_W_S,
                          .api_count = 1,
                          .timeout_ms = -1,
                          .window = -1};
    const char *wrong = take_options(responder->web, &request);
    const dora_slice name = name_of(responder);
    if (wrong != NULL) {
        dr_call_count_answered(lane, DR_TYPE_UNKNOWN, DORA_CODE_BAD_API);
        dr_web_refuse(responder->web, 400, DORA_CODE_BAD_API, wrong);
    } else if (name.len > DR_API_NAME_MAX) {
        char text[96];
        (void)snprintf(text, sizeof(text),
                       "no such api: its name of %zu bytes is over the limit of %d", name.len,
                       DR_API_NAME_MAX);
        dr_web_refuse(responder->web, 404, DORA_CODE_NO_API, text);
    } else {
        lane->apis[0] =
            (dr_api){.key_raw = {DR_KEY_ONE, sizeof(DR_KEY_ONE) - 1}, .name = name, .param = param};
        dr_call_run(responder, &request);
    }
}

static void read_work(dr_offload *offload)
{
    reading *self = (reading *)offload;
    self->err =
        dr_json_param(dr_buf_slice(&self->text), self->inner_max, &self->inner, &self->error);
}

static void read_done(dr_offload *offload)
{
    reading *self = (reading *)offload;
    const dr_responder *responder = &offload->responder;
    if (self->err == DORA_OK) {
        run(responder, dr_buf_slice(&self->inner));
    } else {
        const int64_t code = self->error.code;
        dr_call_count_answered(responder->lane, DR_TYPE_UNKNOWN, code);
        dr_web_refuse_later(responder->web, dr_code_status(code), code, self->error.msg,
                            code == DORA_CODE_OVERLOADED ? DR_RETRY_AFTER_MS_USUAL : 0);
    }
}

static void read_free(dr_offload *offload)
{
    reading *self = (reading *)offload;
    dr_buf_fini(&self->text);
    dr_buf_fini(&self->inner);
    free(self);
}

/* take runs the api that a path names. */
static void take(const dr_responder *responder)
{
    dr_lane *lane = responder->lane;
    dr_web *web = responder->web;
    if (strcmp(dr_http_method(web->exchange), "POST") != 0) {
        dr_web_refuse(web, 405, 405, "calls are made by POST");
        return;
    }
    if (name_of(responder).len == 0) {
        dr_web_refuse(web, 404, DORA_CODE_NO_API,
                      "no api is named: POST /call/NAME or /stream/NAME");
        return;
    }
    if (dr_http_body(web->exchange).len == 0) {
        run(responder, (dora_slice){dr_no_param, sizeof(dr_no_param) - 1});
        return;
    }
    reading *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        dr_answer_fail(responder);
        return;
    }
    self->offload.work = read_work;
    self->offload.done = read_done;
    self->offload.free = read_free;
    self->inner_max = 2 * dr_frame_bytes_max(&lane->reactor.frame);
    dr_http_body_take(web->exchange, &self->text);
    self->offload.bytes = sizeof(*self) + self->text.len;
    dr_offload_run(responder, &self->offload, self->text.len > DR_JSON_INLINE_MAX);
}

void dr_web_call(dr_lane *lane, dr_web *web)
{
    const dr_responder responder = dr_responder_of_web(DR_RESPONDER_WEB, lane, web);
    take(&responder);
}

/* wants_events says whether a client asks for Server-Sent Events, and not rather for lines. */
static bool wants_events(const dr_web *web)
{
    const unsigned events = dr_http_accepts(web->exchange, "text/event-stream");
    return events > 0 && events >= dr_http_accepts(web->exchange, "application/x-ndjson");
}

void dr_web_stream(dr_lane *lane, dr_web *web)
{
    const dr_responder responder = dr_responder_of_web(DR_RESPONDER_EVENTS, lane, web);
    web->wants_events = wants_events(web);
    take(&responder);
}
