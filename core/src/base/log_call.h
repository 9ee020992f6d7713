/* log_call.h: what an entry of the log says of the call that it is about, field by field. */
#ifndef DR_BASE_LOG_CALL_H
#define DR_BASE_LOG_CALL_H

#include "base/buf.h"

typedef enum dr_log_call_kind {
    DR_LOG_CALL_ERROR = 0, /* what went wrong in it */
    DR_LOG_CALL_REQUEST,   /* that it has ended, and how */
    DR_LOG_CALL_WITHIN     /* what its handler says: api, guid and trace alone */
} dr_log_call_kind;

/* dr_log_call is a call. All bytes are borrowed, and may be any. */
typedef struct dr_log_call {
    dr_log_call_kind kind;
    dora_slice api;
    dora_slice guid;
    dora_slice trace; /* empty: it has none */
    dora_slice type;
    int64_t code;
    bool is_timed;
    uint64_t queue_ns;
    uint64_t run_ns;
    /* Of an error. */
    bool has_worker;
    uint32_t worker; /* its number in its pool */
    uint32_t generation;
    dora_slice class_name; /* empty: it was no exception */
    dora_slice traceback;  /* empty: none */
    /* Of a request. */
    dora_slice protocol;
    dora_slice caller; /* its identity; empty: it has none, and no field */
    uint64_t bytes_in;
    uint64_t bytes_out;
} dr_log_call;

/* dr_log_call_text appends ` (api=/a guid=... ...)`, without what is not known; the traceback is
 * not in it. What a handler says has it only where its call has a trace, which somebody follows.
 * dr_log_call_json appends the fields as members, each behind a comma, with null for what is not
 * known. Errors: DORA_ENOMEM. */
dora_err dr_log_call_text(dr_buf *out, const dr_log_call *call);
dora_err dr_log_call_json(dr_buf *out, const dr_log_call *call);

/* dr_log_json_text appends a text as a string of JSON. Errors: DORA_ENOMEM. */
dora_err dr_log_json_text(dr_buf *out, dora_slice text);

#endif
