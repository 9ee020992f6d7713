/* trace.c: the trace of the running handler's caller, which calls that the handler makes continue.
 */
#include "base/trace.h"

#include <string.h>
#include <sys/random.h>

/* A W3C traceparent: VERSION-TRACE-SPAN-FLAGS, each of lower-case hex digits. */
#define VERSION_LEN 2u
#define SPAN_AT 36u
#define SPAN_LEN 16u
#define PARENT_LEN 55u

/* As with its deadline (base/deadline.c), handler and client have the thread in common. */
static _Thread_local struct {
    size_t len;
    char text[DR_TRACE_BYTES_MAX];
} current;

void dr_trace_set(dora_slice trace)
{
    current.len = trace.len <= sizeof(current.text) ? trace.len : 0;
    if (current.len > 0) {
        memcpy(current.text, trace.data, current.len);
    }
}

dora_slice dr_trace_get(void)
{
    return (dora_slice){current.text, current.len};
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* is_parent says whether a text is a traceparent. Later versions may be longer. */
static bool is_parent(const char *text, size_t len)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    if (len < PARENT_LEN || memcmp(text, "ff", VERSION_LEN) == 0) {
        return false;
    }
    for (size_t i = 0; i < PARENT_LEN; i++) {
        if (form[i] == 'h' ? !is_hex(text[i]) : text[i] != '-') {
            return false;
        }
    }
    return len == PARENT_LEN || (memcmp(text, "00", VERSION_LEN) != 0 && text[PARENT_LEN] == '-');
}

/* new_span writes a span id: it is nobody's secret, but no child may repeat its parent's. */
static void new_span(char span[SPAN_LEN])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[SPAN_LEN / 2];
    if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != (ssize_t)sizeof(bytes)) {
        return; /* the caller's own stays */
    }
    bytes[0] |= 1; /* all zeros are none */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        span[2 * i] = digits[bytes[i] >> 4];
        span[2 * i + 1] = digits[bytes[i] & 15];
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
    if (is_parent(room, current.len)) {
        new_span(room + SPAN_AT);
    }
    *trace = (dora_slice){room, current.len};
    return DORA_OK;
}
