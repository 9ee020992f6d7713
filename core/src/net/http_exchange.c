/* http_exchange.c: one request, from its first line until it is answered. */
#include "net/http_exchange.h"

#include "base/slice.h"
#include "net/http_inside.h"

#include <assert.h>
#include <microhttpd.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/http.h"
#include "net/http_accept.h"
#include "net/http_framing.h"
#include "net/http_held.h"
#include "net/http_linger.h"
#include "net/http_refuse.h"
#include "net/http_stream.h"

void dr_http_begin(dr_http_exchange *exchange, const char *uri)
{
    dr_http_check_target(exchange, uri);
    exchange->is_request = true;
    exchange->http->requests++;
    if (exchange->stage == DR_HTTP_IDLE) {
        dr_http_move(exchange, DR_HTTP_BUSY);
    }
}

/* dr_http_kept is memory that goes with a request. */
struct dr_http_kept {
    struct dr_http_kept *next;
    _Alignas(max_align_t) char bytes[];
};

static void forget_kept(dr_http_exchange *exchange)
{
    while (exchange->kept != NULL) {
        struct dr_http_kept *kept = exchange->kept;
        exchange->kept = kept->next;
        dr_free(kept);
    }
}

void *dr_http_keep(dr_http_exchange *exchange, size_t bytes)
{
    struct dr_http_kept *kept = dr_calloc(1, sizeof(*kept) + bytes);
    if (kept == NULL) {
        return NULL;
    }
    kept->next = exchange->kept;
    exchange->kept = kept;
    return kept->bytes;
}

void dr_http_reset(dr_http_exchange *exchange, bool is_answered)
{
    dr_http *http = exchange->http;
    if (exchange->stage == DR_HTTP_OPEN) {
        dr_http_move(exchange, DR_HTTP_ENDED);
        http->events.on_gone(exchange, http->events.user);
    }
    if (is_answered && exchange->is_request && (exchange->has_unread || !exchange->is_handed)) {
        dr_http_linger(http, exchange->fd);
    }
    if (exchange->response != NULL) {
        MHD_destroy_response(exchange->response);
        exchange->response = NULL;
    }
    dr_buf_fini(&exchange->body);
    dr_http_stream_forget(exchange);
    exchange->answered = exchange->apart = 0;
    dr_http_account(exchange);
    forget_kept(exchange);
    if (exchange->is_request) {
        http->requests--;
    }
    exchange->method = exchange->path = NULL;
    exchange->user = NULL;
    exchange->refusal = 0;
    exchange->is_request = exchange->is_begun = exchange->is_handed = false;
    exchange->has_unread = false;
    exchange->fault = NULL;
    if (exchange->stage == DR_HTTP_BUSY) {
        dr_http_move(exchange, DR_HTTP_IDLE);
    }
    if (exchange->stage == DR_HTTP_IDLE && http->listen_fd < 0) {
        dr_http_shut(exchange); /* answered before dr_http_stop_accepting */
    }
}

void dr_http_shut(dr_http_exchange *exchange)
{
    (void)shutdown(exchange->fd, SHUT_RDWR);
    dr_http_move(exchange, DR_HTTP_ENDED);
}

void dr_http_drop(dr_http_exchange *exchange)
{
    dr_http *http = exchange->http;
    dr_http_move(exchange, DR_HTTP_ENDED);
    http->events.on_gone(exchange, http->events.user);
    if (exchange->is_stream) {
        (void)shutdown(exchange->fd, SHUT_RDWR);
    }
    if (!exchange->is_stream || exchange->is_resting) {
        exchange->is_resting = false;
        MHD_resume_connection(exchange->connection);
    }
    dr_http_wake(http);
}

static const char *why(const dr_http_exchange *exchange)
{
    switch (exchange->refusal) {
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return exchange->http->too_long;
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        return exchange->fault != NULL ? exchange->fault : "out of memory";
    default:
        return exchange->fault;
    }
}

/* reply hands the answer over to the daemon. Returns: false when there is none: out of memory. */
static bool reply(dr_http_exchange *exchange)
{
    if (exchange->response == NULL) {
        return false;
    }
    const enum MHD_Result queued =
        MHD_queue_response(exchange->connection, exchange->status, exchange->response);
    MHD_destroy_response(exchange->response);
    exchange->response = NULL;
    return queued == MHD_YES;
}

/* hand asks the owner, or refuses in its stead. */
static bool hand(dr_http_exchange *exchange)
{
    dr_http *http = exchange->http;
    exchange->is_handed = true;
    http->handing = exchange;
    dr_http_move(exchange, DR_HTTP_OPEN);
    if (exchange->refusal != 0) {
        dr_http_refuse(exchange, exchange->refusal, why(exchange), NULL);
    } else {
        http->events.on_request(exchange, http->events.user);
    }
    http->handing = NULL;
    if (exchange->stage == DR_HTTP_OPEN && !exchange->is_stream) {
        MHD_suspend_connection(exchange->connection);
        return true;
    }
    return reply(exchange);
}

/* refusal_of gives the status for what cannot be read safely or at all; 0: nothing is wrong. */
static unsigned refusal_of(dr_http_exchange *exchange, const char *version)
{
    unsigned status;
    if (exchange->crowded != DR_CROWDED_NOT) {
        exchange->fault = dr_crowded_text(exchange->crowded);
        return exchange->crowded == DR_CROWDED_ADDRESS ? MHD_HTTP_TOO_MANY_REQUESTS
                                                       : MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    exchange->fault = dr_http_fault(exchange, version, &status);
    if (exchange->fault != NULL) {
        return status;
    }
    /* The daemon has checked that these are digits. */
    const dora_slice length = dr_http_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const uint64_t most = exchange->http->options.body_bytes_max;
    uint64_t announced = 0;
    for (size_t i = 0; i < length.len && announced <= most; i++) {
        announced = announced * 10 + (uint64_t)(length.data[i] - '0');
    }
    return announced > most ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}

static void take_piece(dr_http_exchange *exchange, dora_slice piece)
{
    if (exchange->refusal != 0) {
        return;
    }
    if (piece.len > exchange->http->options.body_bytes_max - exchange->body.len) {
        exchange->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
    } else if (dr_buf_append_slice(&exchange->body, piece) != DORA_OK) {
        exchange->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    if (exchange->refusal != 0) {
        dr_buf_fini(&exchange->body);
    }
}

bool dr_http_take(dr_http_exchange *exchange, const char *method, const char *path,
                  const char *version, dora_slice piece)
{
    if (exchange->stage == DR_HTTP_ENDED || exchange->http->is_ending) {
        return false;
    }
    if (!exchange->is_begun) {
        exchange->is_begun = true;
        exchange->method = method;
        exchange->path = path;
        exchange->refusal = refusal_of(exchange, version);
        exchange->has_unread = exchange->refusal != 0;
        /* Answered before the body: the daemon then closes, and does not ask for 100-continue. */
        return exchange->refusal == 0 || hand(exchange);
    }
    if (piece.len > 0) {
        take_piece(exchange, piece);
        dr_http_account(exchange);
        return dr_http_may_have(exchange, 0);
    }
    return exchange->is_handed ? reply(exchange) : hand(exchange);
}

const char *dr_http_method(const dr_http_exchange *exchange)
{
    return exchange->method;
}

dora_slice dr_http_path(const dr_http_exchange *exchange)
{
    return dr_slice(exchange->path);
}

static dora_slice lookup(const dr_http_exchange *exchange, enum MHD_ValueKind kind,
                         const char *name)
{
    dora_slice value = {NULL, 0};
    if (MHD_lookup_connection_value_n(exchange->connection, kind, name, strlen(name), &value.data,
                                      &value.len) == MHD_YES &&
        value.data == NULL) {
        return (dora_slice){"", 0};
    }
    return value;
}

dora_slice dr_http_query(const dr_http_exchange *exchange, const char *name)
{
    return lookup(exchange, MHD_GET_ARGUMENT_KIND, name);
}

/* Blanks behind a value are none of it, which older daemons do not know. */
static dora_slice trimmed(dora_slice value)
{
    while (value.len > 0 &&
           (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t')) {
        value.len--;
    }
    return value;
}

dora_slice dr_http_header(const dr_http_exchange *exchange, const char *name)
{
    return trimmed(lookup(exchange, MHD_HEADER_KIND, name));
}

/* A media type, and how much it is wanted by the headers that were looked at. */
typedef struct accepted {
    const char *type;
    unsigned most;
} accepted;

static enum MHD_Result on_accept(void *user, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    accepted *found = user;
    if (value != NULL && name_len == strlen(MHD_HTTP_HEADER_ACCEPT) &&
        strncasecmp(name, MHD_HTTP_HEADER_ACCEPT, name_len) == 0) {
        const unsigned quality = dr_http_accept((dora_slice){value, value_len}, found->type);
        found->most = quality > found->most ? quality : found->most;
    }
    return MHD_YES;
}

unsigned dr_http_accepts(const dr_http_exchange *exchange, const char *type)
{
    accepted found = {type, 0};
    (void)MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_accept, &found);
    return found.most;
}

dora_slice dr_http_body(const dr_http_exchange *exchange)
{
    return dr_buf_slice(&exchange->body);
}

void dr_http_body_take(dr_http_exchange *exchange, dr_buf *body)
{
    *body = exchange->body;
    dr_buf_init(&exchange->body);
    dr_http_account(exchange);
}

uint64_t dr_http_number(const dr_http_exchange *exchange)
{
    return exchange->number;
}

void dr_http_set_user(dr_http_exchange *exchange, void *user)
{
    exchange->user = user;
}

void *dr_http_user(const dr_http_exchange *exchange)
{
    return exchange->user;
}

/* begin_answer has the daemon begin to send an answer. */
static void begin_answer(dr_http_exchange *exchange, unsigned status, const char *content_type,
                         struct MHD_Response *response, const dr_http_extra *extra)
{
    dr_http *http = exchange->http;
    assert(exchange->stage == DR_HTTP_OPEN);
    exchange->response = response;
    exchange->status = status;
    if (response != NULL) {
        if (content_type != NULL) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        }
        if (exchange->refusal != 0 || http->listen_fd < 0) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
        }
        for (; extra != NULL && extra->name != NULL; extra++) {
            (void)MHD_add_response_header(response, extra->name, extra->value);
        }
    }
    if (http->handing != exchange) {
        MHD_resume_connection(exchange->connection);
        dr_http_wake(http);
    }
}

static void answer(dr_http_exchange *exchange, unsigned status, const char *content_type,
                   struct MHD_Response *response, const dr_http_extra *extra)
{
    begin_answer(exchange, status, content_type, response, extra);
    dr_http_move(exchange, DR_HTTP_BUSY);
    dr_http_account(exchange);
}

void dr_http_answer_stream(dr_http_exchange *exchange, const char *content_type,
                           struct MHD_Response *response, const dr_http_extra *extra)
{
    begin_answer(exchange, MHD_HTTP_OK, content_type, response, extra);
}

void dr_http_answer(dr_http_exchange *exchange, unsigned status, const char *content_type,
                    dora_slice body, const dr_http_extra *extra)
{
    struct MHD_Response *response = NULL;
    if (dr_http_may_have(exchange, body.len)) {
        /* The daemon copies; its prototype does not say const. */
        response = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data,
                                                   MHD_RESPMEM_MUST_COPY);
        exchange->answered = body.len;
    }
    answer(exchange, status, content_type, response, extra);
}

void dr_http_answer_buf(dr_http_exchange *exchange, unsigned status, const char *content_type,
                        dr_buf *body, const dr_http_extra *extra)
{
    struct MHD_Response *response = NULL;
    if (dr_http_may_have(exchange, body->len)) {
        response =
            MHD_create_response_from_buffer_with_free_callback(body->len, body->data, dr_free);
        exchange->answered = body->len;
    }
    if (response == NULL) {
        dr_buf_fini(body);
    }
    dr_buf_init(body);
    answer(exchange, status, content_type, response, extra);
}
