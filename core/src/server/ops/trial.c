/* trial.c: from a request of the page to a call, and back. */
#include "server/ops/trial.h"

#include <stdlib.h>
#include <strings.h>

#include <dora/client_uv.h>

#include "base/code.h"
#include "base/slice.h"
#include "net/http_exchange.h"
#include "net/http_origin.h"
#include "net/http_refuse.h"
#include "server/call/answer_web.h"
#include "server/call/caller.h"
#include "server/ops/permit.h"
#include "wire/json_request.h"
#include "wire/json_write.h"

/* trial is one call. */
typedef struct trial {
    dr_trials *trials;
    dr_http_exchange *exchange;
    dora_async *async; /* of its own: no connection stays */
    uint64_t id;
} trial;

#define TRIAL_BYTES_MAX ((size_t)2 * 1024 * 1024)

static const char media_type[] = "application/json";

static const dr_access *access_of(const dr_trials *trials)
{
    return atomic_load_explicit(&trials->backend->access, memory_order_acquire);
}

const char *dr_trial_refusal(const dr_trials *trials, const dr_http_exchange *exchange)
{
    if (access_of(trials) == NULL && !dr_may_control(trials->config, dr_http_peer(exchange))) {
        return "calls are taken from where control commands are (control.allow)";
    }
    if (dr_http_is_forwarded(exchange)) {
        return "calls are not taken from a proxy: the request has Forwarded, Via, X-Real-IP or "
               "X-Forwarded-";
    }
    return trials->address[0] == '\0'
               ? "this server has no door that the page's calls could take (listen.tcp)"
               : NULL;
}

/* is_json: the type alone counts, without what stands behind it. */
static bool is_json(const dr_http_exchange *exchange)
{
    const dora_slice type = dr_http_header(exchange, "Content-Type");
    const size_t len = sizeof(media_type) - 1;
    return type.len >= len && strncasecmp(type.data, media_type, len) == 0 &&
           (type.len == len || type.data[len] == ';' || type.data[len] == ' ');
}

/* refusal_by_rules says why the rules refuse a call, NULL: they do not, or there are none. */
static const char *refusal_by_rules(const dr_trials *trials, const dr_http_exchange *exchange,
                                    dora_slice name)
{
    const dr_access *access = access_of(trials);
    dr_subject subject;
    if (access == NULL) {
        return NULL;
    }
    const dr_token_verdict verdict = dr_caller_of_web(trials->backend, access, exchange, &subject);
    if (verdict != DR_TOKEN_GOOD) {
        return dr_token_verdict_text(verdict);
    }
    return dr_access_judge(access, &subject, DR_RIGHT_API, name).is_allowed
               ? NULL
               : "not permitted: whoever asks may not have this api (access)";
}

/* refusal_of says what is wrong with a request, NULL: nothing; and the status for it. */
static const char *refusal_of(const dr_trials *trials, const dr_http_exchange *exchange,
                              unsigned *status)
{
    const dora_slice name = dr_http_query(exchange, "name");
    const char *refusal = dr_trial_refusal(trials, exchange);
    *status = 403;
    if (refusal != NULL) {
        return refusal;
    }
    if (dr_http_header(exchange, "X-Dora-Try").data == NULL) {
        return "only the page /apis makes calls here: the header X-Dora-Try is missing";
    }
    *status = 415;
    if (!is_json(exchange)) {
        return "the parameter must be JSON (Content-Type: application/json)";
    }
    *status = 400;
    if (name.len == 0 || name.len > DR_API_NAME_MAX) {
        return "name (in the query) must be the name of an api: 1 to 255 bytes";
    }
    *status = 403;
    refusal = refusal_by_rules(trials, exchange, name);
    if (refusal != NULL) {
        return refusal;
    }
    *status = 503;
    return trials->count >= DR_TRIALS_MAX ? "too many calls are under way" : NULL;
}

static void on_closed(void *user)
{
    trial *self = user;
    self->trials->count--;
    free(self);
}

/* end frees a trial of which nothing is under way any more. */
static void end(trial *self)
{
    if (self->async != NULL) {
        dora_async_close(self->async, on_closed, self);
    } else {
        on_closed(self);
    }
}

/* put_error is what the client itself says: nothing was sent, nothing came, or it is no reply. */
static void put_error(const dora_error *error, int64_t code, dr_buf *body)
{
    dr_json_writer writer = dr_json_begin(body, 0);
    dr_json_error(&writer, code, dr_slice(error->msg), NULL);
    (void)dr_json_finish(&writer); /* without memory the body is empty, the status stands */
}

static void send_json(dr_http_exchange *exchange, unsigned status, dr_buf *body)
{
    const dr_http_extra fresh[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};
    dr_http_answer_buf(exchange, status, media_type, body, fresh);
    dr_buf_fini(body);
}

static void on_done(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    trial *self = user;
    dr_buf body = {0};
    unsigned status = 500;
    const dora_slice reply = dora_answer_reply(answer);
    if (err == DORA_OK || err == DORA_EREPLY) {
        uint32_t retry_after_ms; /* stands in the text */
        (void)dr_web_result(reply, self->trials->config->frame_bytes_max, &body, &status,
                            &retry_after_ms);
    } else {
        status = dr_code_status(error->code);
        put_error(error, error->code, &body);
    }
    dr_http_set_user(self->exchange, NULL);
    send_json(self->exchange, status, &body);
    end(self);
}

/* take_param reads the body. An empty one is no parameter. */
static dora_err take_param(const dr_trials *trials, const dr_http_exchange *exchange, dr_buf *param,
                           dora_error *error)
{
    const dora_slice body = dr_http_body(exchange);
    return body.len == 0 ? DORA_OK
                         : dr_json_param(body, trials->config->frame_bytes_max, param, error);
}

/* bytes_max: results are made JSON on the supervisor's loop, and looked at by a person. */
static size_t bytes_max(const dr_config *config)
{
    return config->frame_bytes_max < TRIAL_BYTES_MAX ? config->frame_bytes_max : TRIAL_BYTES_MAX;
}

/* start sends the call. Errors: nothing of it is under way then. */
static dora_err start(trial *self, dora_slice name, dora_slice param, const char *token,
                      dora_error *error)
{
    const dr_config *config = self->trials->config;
    const dora_client_options options = {.size = sizeof options,
                                         .nodes = self->trials->address,
                                         .timeout_ms = DR_TRIAL_MS_MAX,
                                         .sign = config->sign,
                                         .salt = config->salt,
                                         .gzip = config->gzip,
                                         .frame_bytes_max = bytes_max(config),
                                         .token = token};
    const dora_call call = {.name = name, .param = param};
    dora_err err = dora_async_new(&self->async, self->trials->loop, &options, error);
    if (err != DORA_OK) {
        return err;
    }
    return dora_async_call(self->async, &call, NULL, on_done, self, &self->id, error);
}

/* token_of gives the token that came along, for the server to judge the call by; NULL: none. */
static const char *token_of(const dr_trials *trials, const dr_http_exchange *exchange,
                            char text[DR_TOKEN_BYTES_MAX + 1])
{
    dora_slice token;
    if (access_of(trials) == NULL || !dr_caller_bearer(exchange, &token) ||
        token.len > DR_TOKEN_BYTES_MAX) {
        return NULL;
    }
    memcpy(text, token.data, token.len);
    text[token.len] = '\0';
    return text;
}

/* begin_call begins what was found in order. */
static dora_err begin_call(dr_trials *trials, dr_http_exchange *exchange, dora_error *error)
{
    dr_buf param = {0};
    trial *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    *self = (trial){.trials = trials, .exchange = exchange};
    trials->count++;
    dora_err err = take_param(trials, exchange, &param, error);
    if (err == DORA_OK) {
        char token[DR_TOKEN_BYTES_MAX + 1];
        err = start(self, dr_http_query(exchange, "name"), dr_buf_slice(&param),
                    token_of(trials, exchange, token), error);
    }
    dr_buf_fini(&param);
    if (err == DORA_OK) {
        dr_http_set_user(exchange, self);
    } else {
        end(self);
    }
    return err;
}

void dr_trial_begin(dr_trials *trials, dr_http_exchange *exchange)
{
    unsigned status = 0;
    dora_error error = {0};
    const char *refusal = refusal_of(trials, exchange, &status);
    if (refusal != NULL) {
        dr_http_refuse(exchange, status, refusal, NULL);
        return;
    }
    if (begin_call(trials, exchange, &error) != DORA_OK) {
        dr_buf body = {0};
        const int64_t code = error.code != 0 ? error.code : DORA_CODE_OVERLOADED;
        put_error(&error, code, &body);
        send_json(exchange, dr_code_status(code), &body);
    }
}

void dr_trial_gone(dr_http_exchange *exchange)
{
    trial *self = dr_http_user(exchange);
    if (self != NULL) {
        (void)dora_async_cancel(self->async, self->id);
        end(self);
    }
}
