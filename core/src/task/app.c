/* app.c: registering handlers, and the request and reply that a handler sees. */
#include "task/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/priority.h"
#include "base/trace.h"
#include "base/utf8.h"
#include "ipc/region.h"
#include "wire/json_value.h"
#include "wire/message.h"

dora_err dora_app_handler(dora_app *app, dora_slice name, void *handler)
{
    if (name.len == 0) {
        if (app->has_fallback) {
            return DORA_EINVAL;
        }
        app->has_fallback = true;
        app->fallback = handler;
        return DORA_OK;
    }
    if (name.len > DR_API_NAME_MAX || name.data[name.len - 1] == '*' || handler == NULL ||
        memchr(name.data, '\0', name.len) != NULL) {
        return DORA_EINVAL;
    }
    for (uint32_t i = 0; i < app->count; i++) {
        if (app->entries[i].name_len == name.len &&
            memcmp(app->entries[i].name, name.data, name.len) == 0) {
            return DORA_EINVAL;
        }
    }
    if (app->count == app->capacity) {
        const uint32_t capacity = app->capacity == 0 ? 16 : app->capacity * 2;
        dr_app_entry *entries = realloc(app->entries, capacity * sizeof(*entries));
        if (entries == NULL) {
            return DORA_ENOMEM;
        }
        app->entries = entries;
        app->capacity = capacity;
    }
    dr_app_entry *entry = &app->entries[app->count++];
    memcpy(entry->name, name.data, name.len);
    entry->name[name.len] = '\0';
    entry->name_len = name.len;
    entry->handler = handler;
    entry->about = (dr_about){0};
    return DORA_OK;
}

dr_about *dr_app_about(dora_app *app, const char *name)
{
    if (name[0] == '\0') {
        return app->has_fallback ? &app->fallback_about : NULL;
    }
    for (uint32_t i = 0; i < app->count; i++) {
        if (strcmp(app->entries[i].name, name) == 0) {
            return &app->entries[i].about;
        }
    }
    return NULL;
}

dora_err dora_app_time_limit(dora_app *app, const char *name, int64_t ms)
{
    dr_about *about = name != NULL ? dr_app_about(app, name) : NULL;
    return about != NULL ? dr_about_limit(about, ms) : DORA_EINVAL;
}

void dr_app_no_limits(dora_app *app)
{
    for (uint32_t i = 0; i < app->count; i++) {
        app->entries[i].about.own_limit_ms = 0;
    }
    app->fallback_about.own_limit_ms = 0;
}

void dr_app_fini(dora_app *app)
{
    for (uint32_t i = 0; i < app->count; i++) {
        dr_about_fini(&app->entries[i].about);
    }
    dr_about_fini(&app->fallback_about);
    free(app->entries);
    memset(app, 0, sizeof(*app));
}

dora_slice dora_request_name(const dora_request *request)
{
    return request->name;
}

dora_slice dora_request_param(const dora_request *request)
{
    return request->param;
}

bool dora_request_has_param(const dora_request *request)
{
    return request->has_param;
}

dora_slice dora_request_api(const dora_request *request)
{
    return request->whole;
}

void dora_request_reader(const dora_request *request, dora_reader *reader)
{
    dora_reader_init(reader, request->param);
}

dora_slice dora_request_guid(const dora_request *request)
{
    return request->guid;
}

const char *dora_request_type(const dora_request *request)
{
    return dr_call_type_name((dr_call_type)request->type);
}

dora_slice dora_request_trace(const dora_request *request)
{
    return request->trace;
}

dora_slice dora_request_caller(const dora_request *request)
{
    return request->caller;
}

int64_t dora_request_remaining_ms(const dora_request *request)
{
    if (request->deadline_ns == 0) {
        return -1;
    }
    const uint64_t now = dr_clock_ns();
    return now >= request->deadline_ns ? 0 : (int64_t)((request->deadline_ns - now) / 1000000u);
}

uint64_t dora_request_deadline_ns(const dora_request *request)
{
    return request->deadline_ns;
}

dora_priority dora_request_priority(const dora_request *request)
{
    return (dora_priority)request->priority;
}

const char *dora_request_protocol(const dora_request *request)
{
    return request->protocol == DR_PROTOCOL_HTTP ? "http" : "tcp";
}

uint32_t dora_request_connection(const dora_request *request)
{
    return request->connection;
}

dora_writer *dora_reply_writer(dora_reply *reply)
{
    return &reply->writer;
}

/* cut gives how many bytes of a text fit: whole characters of UTF-8. */
static size_t cut(const char *text, size_t len, size_t room)
{
    return len <= room ? len : dr_utf8_whole((dora_slice){text, room});
}

void dr_reply_set_error(dora_reply *reply, int64_t code, const char *msg, size_t msg_len)
{
    reply->has_failed = true;
    reply->http_status = 0;
    reply->code = code;
    reply->msg_len = cut(msg, msg_len, sizeof(reply->msg));
    memcpy(reply->msg, msg, reply->msg_len);
}

/* is_ours: success, and the codes by which a server, or a client of this library, says something of
 * its own. From a handler they would promise what nobody has kept: "accepted", "not run". */
static bool is_ours(int64_t code)
{
    return code == DORA_CODE_OK || (code >= DORA_CODE_ACCEPTED && code <= DORA_CODE_PROGRESS) ||
           code == DORA_CODE_BAD_MODE || code == DORA_CODE_BAD_GUID ||
           (code >= DORA_CODE_WORKER_DIED && code <= DR_CODE_OURS_MAX);
}

dora_err dora_reply_fail(dora_reply *reply, int64_t code, const char *msg, size_t msg_len)
{
    if (!is_ours(code) || code == DORA_CODE_HANDLER) {
        dr_reply_set_error(reply, code, msg, msg_len);
        return DORA_EHANDLER;
    }
    char suffix[48];
    const int suffix_len = snprintf(suffix, sizeof(suffix), " (code %lld)", (long long)code);
    const size_t room = sizeof(reply->msg) - (size_t)suffix_len;
    dr_reply_set_error(reply, DORA_CODE_HANDLER, msg, cut(msg, msg_len, room));
    memcpy(reply->msg + reply->msg_len, suffix, (size_t)suffix_len);
    reply->msg_len += (size_t)suffix_len;
    return DORA_EHANDLER;
}

dora_err dora_reply_http_status(dora_reply *reply, const dora_request *request, int64_t status)
{
    if (status < DR_HANDLER_STATUS_MIN || status > DR_HANDLER_STATUS_MAX) {
        const dora_slice name = dora_request_name(request);
        char text[DR_API_NAME_MAX + 128];
        const int len =
            snprintf(text, sizeof(text), "%.*s: http_status %lld is ignored: it must be 400 to 499",
                     (int)name.len, name.data, (long long)status);
        (void)dora_log(DORA_LOG_ERROR, NULL, NULL, 0, text, (size_t)len);
        return DORA_EINVAL;
    }
    if (!reply->has_failed) {
        return DORA_EINVAL;
    }
    reply->http_status = (uint16_t)status;
    return DORA_OK;
}

dora_err dora_reply_died(dora_reply *reply, const char *msg, size_t msg_len)
{
    dr_reply_set_error(reply, DORA_CODE_WORKER_DIED, msg, msg_len);
    return DORA_EEXIT;
}

dora_err dora_reply_overran(dora_reply *reply)
{
    const char *text = dora_code_text(DORA_CODE_TIME_LIMIT);
    dr_reply_set_error(reply, DORA_CODE_TIME_LIMIT, text, strlen(text));
    return DORA_EHANDLER;
}

dora_err dora_reply_misfit(dora_reply *reply, const char *msg, size_t msg_len)
{
    dr_reply_set_error(reply, DORA_CODE_WRONG_SHAPE, msg, msg_len);
    return DORA_EHANDLER;
}

/* finish_value ends what the handler has written, or says what is wrong with it. */
static void finish_value(dora_reply *reply, dora_err err, dora_slice *out)
{
    const dora_err written = reply->writer.err;
    if (err != DORA_OK && written != DORA_ETOOBIG) {
        const char *text = dora_err_text(err);
        dr_reply_set_error(reply, DORA_CODE_HANDLER, text, strlen(text));
        return;
    }
    err = written == DORA_OK ? dora_writer_finish(&reply->writer, out) : written;
    if (err == DORA_ETOOBIG) {
        char problem[96];
        char text[160];
        dora_writer_problem(&reply->writer, problem, sizeof(problem));
        const int len = snprintf(text, sizeof(text), "the result is %s%s", problem,
                                 reply->writer.over == DR_OVER_BYTES ? " (frame_bytes_max)" : "");
        dr_reply_set_error(reply, DORA_CODE_TOO_BIG, text, (size_t)len);
    } else if (err != DORA_OK) {
        const char *text = "the handler wrote no result, or not exactly one value";
        dr_reply_set_error(reply, DORA_CODE_HANDLER, text, strlen(text));
    }
}

void dr_reply_finish(dora_reply *reply, dora_err err, dora_slice *out)
{
    if (!reply->has_failed) {
        finish_value(reply, err, out);
    }
    if (reply->has_failed) {
        *out = (dora_slice){reply->msg, reply->msg_len};
    }
}

void dr_reply_take_json(dora_reply *reply, dora_slice *out)
{
    dora_error why;
    if (!reply->has_failed && dr_json_takes(*out, &why) == DORA_ETYPE) {
        dr_reply_set_error(reply, DORA_CODE_HANDLER, why.msg, strlen(why.msg));
        *out = (dora_slice){reply->msg, reply->msg_len};
    }
}

void dora_deadline_set(uint64_t deadline_ns)
{
    dr_deadline_set(deadline_ns);
}

void dora_priority_set(dora_priority priority)
{
    dr_priority_set(priority);
}

void dora_trace_set(const dora_request *request)
{
    static const dora_slice none;
    char span_id[DR_SPAN_ID_LEN];
    if (request == NULL || request->trace.len == 0) {
        dr_trace_set(none, NULL);
    } else if (request->came_ns == 0) {
        dr_trace_set(request->trace, NULL);
    } else {
        dr_trace_span_of(request->guid.data, request->came_ns, request->task, span_id);
        dr_trace_set(request->trace, span_id);
    }
}
