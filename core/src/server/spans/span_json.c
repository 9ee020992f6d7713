/* span_json.c: spans as a request of OTLP/HTTP in JSON. Pure.
 *
 * As the mapping of OTLP to JSON has it: ids are hex digits, enumerations numbers, and 64 bit
 * numbers texts. */
#include "server/spans/span_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <dora/dora.h>

#include "base/log_call.h"
#include "base/slice.h"

#define KIND_INTERNAL 1
#define KIND_SERVER 2
#define STATUS_ERROR 2

/* writing is what is being written; its first error stays. */
typedef struct writing {
    dr_buf *out;
    dora_err err;
    bool is_first; /* of a list */
} writing;

static void put(writing *w, const char *format, ...) DORA_PRINTF(2, 3);

/* put is for texts of our own. */
static void put(writing *w, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (w->err == DORA_OK) {
        w->err = dr_buf_append(w->out, text, (size_t)len);
    }
}

static void put_text(writing *w, dora_slice text)
{
    if (w->err == DORA_OK) {
        w->err = dr_log_json_text(w->out, text);
    }
}

static void put_key(writing *w, const char *key)
{
    put(w, "%s{\"key\":\"%s\",\"value\":", w->is_first ? "" : ",", key);
    w->is_first = false;
}

static void put_attribute(writing *w, const char *key, dora_slice text)
{
    put_key(w, key);
    put(w, "{\"stringValue\":");
    put_text(w, text);
    put(w, "}}");
}

static void put_number(writing *w, const char *key, int64_t number)
{
    put_key(w, key);
    put(w, "{\"intValue\":\"%" PRId64 "\"}}", number);
}

static void put_attributes(writing *w, const dr_span *span)
{
    w->is_first = true;
    put(w, ",\"attributes\":[");
    put_attribute(w, "rpc.system", dr_slice("dora"));
    if (span->name.len > 0) {
        put_attribute(w, "rpc.method", span->name);
    }
    if (span->pool != NULL) {
        put_attribute(w, "dora.pool", dr_slice(span->pool));
    }
    if (span->worker != 0) {
        put_number(w, "dora.worker", span->worker);
    }
    put_number(w, "dora.code", span->code);
    put_attribute(w, "dora.guid", (dora_slice){span->guid, sizeof(span->guid)});
    put_attribute(w, "dora.type", dr_slice(span->type));
    if (span->kind == DR_SPAN_SERVER) {
        put_attribute(w, "dora.protocol", dr_slice(span->protocol));
        put_number(w, "dora.apis", span->apis);
    }
    if (span->caller.len > 0) {
        put_attribute(w, "dora.caller", span->caller);
    }
    if (span->is_repeat) {
        put_key(w, "dora.repeat");
        put(w, "{\"boolValue\":true}}");
    }
    put(w, "]");
}

static void put_status(writing *w, const dr_span *span)
{
    if (span->code == 0) {
        put(w, ",\"status\":{}");
        return;
    }
    put(w, ",\"status\":{\"code\":%d,\"message\":", STATUS_ERROR);
    put_text(w, span->msg);
    put(w, "}");
}

/* put_name: one that is called says by which name, what is in it says what it is. */
static void put_name(writing *w, const dr_span *span)
{
    static const char *const names[] = {NULL, "queue", "handler"};
    put(w, "\"name\":");
    if (span->kind != DR_SPAN_SERVER) {
        put_text(w, dr_slice(names[span->kind]));
    } else {
        put_text(w, span->name.len > 0 ? span->name : dr_slice(span->type));
    }
}

static void put_span(writing *w, const dr_span *span, uint64_t shift_ns)
{
    put(w, "{\"traceId\":\"%.*s\",\"spanId\":\"%.*s\",", (int)sizeof(span->trace_id),
        span->trace_id, (int)sizeof(span->span_id), span->span_id);
    if (span->has_parent) {
        put(w, "\"parentSpanId\":\"%.*s\",", (int)sizeof(span->parent_id), span->parent_id);
    }
    put_name(w, span);
    put(w, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64 "\"",
        span->kind == DR_SPAN_SERVER ? KIND_SERVER : KIND_INTERNAL, span->start_ns + shift_ns,
        span->end_ns + shift_ns);
    put_attributes(w, span);
    put_status(w, span);
    put(w, "}");
}

dora_err dr_spans_json(dr_buf *out, const dr_span *first, const char *service, uint64_t wall_ns,
                       uint64_t clock_ns)
{
    writing w = {.out = out, .is_first = true};
    put(&w, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    put_attribute(&w, "service.name", dr_slice(service));
    put(&w, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"dora\",\"version\":\"%s\"},\"spans\":[",
        DORA_VERSION);
    for (const dr_span *span = first; span != NULL; span = span->next) {
        put(&w, "%s", span == first ? "" : ",");
        put_span(&w, span, wall_ns - clock_ns);
    }
    put(&w, "]}]}]}");
    return w.err;
}
