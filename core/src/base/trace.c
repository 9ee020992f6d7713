/* trace.c: the trace of the running handler's caller, which calls that the handler makes continue.
 */
#include "base/trace.h"

#include <string.h>
#include <sys/random.h>

/* A W3C traceparent: VERSION-TRACE-SPAN-FLAGS, each of lower-case hex digits. */
#define VERSION_LEN 2u
#define TRACE_AT 3u
#define SPAN_AT 36u
#define FLAGS_AT 53u

/* As with its deadline (base/deadline.c), handler and client have the thread in common. */
static _Thread_local dr_trace_now current;

static const char digits[] = "0123456789abcdef";

void dr_trace_set(dora_slice trace, const char *span_id)
{
    current.has_span = span_id != NULL;
    if (span_id != NULL) {
        memcpy(current.span_id, span_id, sizeof(current.span_id));
    }
    current.len = trace.len <= sizeof(current.text) ? trace.len : 0;
    if (current.len > 0) {
        memcpy(current.text, trace.data, current.len);
    }
}

void dr_trace_save(dr_trace_now *now)
{
    *now = current;
}

void dr_trace_restore(const dr_trace_now *now)
{
    current = *now;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* is_parent says whether a text is a traceparent. Later versions may be longer. */
static bool is_parent(const char *text, size_t len)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    if (len < DR_TRACE_PARENT_LEN || memcmp(text, "ff", VERSION_LEN) == 0) {
        return false;
    }
    for (size_t i = 0; i < DR_TRACE_PARENT_LEN; i++) {
        if (form[i] == 'h' ? !is_hex(text[i]) : text[i] != '-') {
            return false;
        }
    }
    return len == DR_TRACE_PARENT_LEN ||
           (memcmp(text, "00", VERSION_LEN) != 0 && text[DR_TRACE_PARENT_LEN] == '-');
}

/* new_span writes a span id: it is nobody's secret, but no child may repeat its parent's. */
static void new_span(char span[DR_SPAN_ID_LEN])
{
    unsigned char bytes[DR_SPAN_ID_LEN / 2];
    if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != (ssize_t)sizeof(bytes)) {
        return; /* the caller's own stays */
    }
    bytes[0] |= 1; /* all zeros are none */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        span[2 * i] = digits[bytes[i] >> 4];
        span[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static bool is_zero(const char *id, size_t len)
{
    while (len > 0 && id[len - 1] == '0') {
        len--;
    }
    return len == 0;
}

bool dr_trace_read(dora_slice text, dr_trace_parent *parent)
{
    if (text.len == 0 || !is_parent(text.data, text.len)) {
        return false;
    }
    const char last = text.data[FLAGS_AT + 1];
    const unsigned flags = (unsigned)(last <= '9' ? last - '0' : last - 'a' + 10);
    memcpy(parent->trace_id, text.data + TRACE_AT, DR_TRACE_ID_LEN);
    memcpy(parent->span_id, text.data + SPAN_AT, DR_SPAN_ID_LEN);
    parent->is_sampled = (flags & 1u) != 0;
    return !is_zero(parent->trace_id, DR_TRACE_ID_LEN) && !is_zero(parent->span_id, DR_SPAN_ID_LEN);
}

void dr_trace_write(const dr_trace_parent *parent, char text[DR_TRACE_PARENT_LEN])
{
    memcpy(text, "00-", TRACE_AT);
    memcpy(text + TRACE_AT, parent->trace_id, DR_TRACE_ID_LEN);
    text[SPAN_AT - 1] = '-';
    memcpy(text + SPAN_AT, parent->span_id, DR_SPAN_ID_LEN);
    memcpy(text + FLAGS_AT - 1, parent->is_sampled ? "-01" : "-00", 3);
}

/* mix is the end of splitmix64: each bit of what goes in changes half of what comes out. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

void dr_trace_span_of(const char guid[DR_GUID_LEN], uint64_t came_ns, uint32_t task,
                      char span_id[DR_SPAN_ID_LEN])
{
    uint64_t bits = mix(came_ns) + task;
    for (size_t at = 0; at < DR_GUID_LEN; at += sizeof(bits)) {
        uint64_t part;
        memcpy(&part, guid + at, sizeof(part));
        bits = mix(bits ^ part);
    }
    bits |= 1; /* all zeros are none */
    for (size_t i = 0; i < DR_SPAN_ID_LEN; i++) {
        span_id[i] = digits[(bits >> (4 * i)) & 15];
    }
}

dora_err dr_trace_of_call(dora_slice given, char room[DR_TRACE_BYTES_MAX], dora_slice *trace,
                          dora_error *error)
{
    if (given.len > DR_TRACE_BYTES_MAX) {
        return dora_error_set(error, DORA_EINVAL, "trace has %zu bytes, at most %d are allowed",
                              given.len, DR_TRACE_BYTES_MAX);
    }
    if (given.len > 0 || current.len == 0) {
        *trace = given;
        return DORA_OK;
    }
    memcpy(room, current.text, current.len);
    if (!is_parent(room, current.len)) {
        /* it goes on as it is */
    } else if (current.has_span) {
        memcpy(room + SPAN_AT, current.span_id, sizeof(current.span_id));
    } else {
        new_span(room + SPAN_AT);
    }
    *trace = (dora_slice){room, current.len};
    return DORA_OK;
}
