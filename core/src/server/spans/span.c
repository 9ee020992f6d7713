/* span.c: a span with its texts, in one piece. */
#include "server/spans/span.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static dora_slice put(char *at, dora_slice text)
{
    if (text.len > 0) {
        memcpy(at, text.data, text.len);
    }
    return (dora_slice){at, text.len};
}

dr_span *dr_span_new(const dr_span *from)
{
    dora_slice msg = from->msg;
    if (msg.len > DR_SPAN_MSG_BYTES_MAX) {
        msg.len = DR_SPAN_MSG_BYTES_MAX;
        msg.len = dr_utf8_whole(msg);
    }
    dr_span *span = dr_alloc(sizeof(*span) + from->name.len + msg.len + from->caller.len);
    if (span != NULL) {
        *span = *from;
        span->next = NULL;
        span->name = put(span->text, from->name);
        span->msg = put(span->text + from->name.len, msg);
        span->caller = put(span->text + from->name.len + msg.len, from->caller);
    }
    return span;
}
