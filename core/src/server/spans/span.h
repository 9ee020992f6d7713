/* span.h: what happened to a call between two moments, as collectors of traces want it. */
#ifndef DR_SERVER_SPAN_H
#define DR_SERVER_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/trace.h"

typedef enum dr_span_kind {
    DR_SPAN_SERVER = 0, /* from the call's arrival to its reply */
    DR_SPAN_QUEUE,      /* a task waits for a worker */
    DR_SPAN_HANDLER     /* its handler runs */
} dr_span_kind;

/* dr_span is one. The texts are for ever, or stand behind it; all others may be any bytes. */
typedef struct dr_span {
    struct dr_span *next;
    dr_span_kind kind;
    char trace_id[DR_TRACE_ID_LEN];
    char span_id[DR_SPAN_ID_LEN];
    char parent_id[DR_SPAN_ID_LEN];
    bool has_parent;
    bool is_repeat;    /* it was sent again, and got the reply of the first */
    uint64_t start_ns; /* by dr_clock_ns, as the next */
    uint64_t end_ns;
    int64_t code;
    int worker;       /* its process; 0: none had it */
    uint32_t apis;    /* of a call of several; else 1 */
    const char *pool; /* NULL: none */
    const char *type; /* "W_S", ... */
    const char *protocol;
    char guid[DR_GUID_LEN];
    dora_slice name;   /* of the api; empty: it is several */
    dora_slice msg;    /* of an error */
    dora_slice caller; /* the identity that called; empty: none */
    char text[];
} dr_span;

/* dr_span_new copies a span with its texts; the message is cut at DR_SPAN_MSG_BYTES_MAX.
 * Returns: NULL when out of memory. Ownership: gives; free() frees. */
dr_span *dr_span_new(const dr_span *from);

#endif
