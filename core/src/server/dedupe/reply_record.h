/* reply_record.h: what one server tells another of the calls that it remembers, as bytes: a head,
 * then a record for each. Both are of one machine, so numbers are in its own order. Pure. */
#ifndef DR_SERVER_REPLY_RECORD_H
#define DR_SERVER_REPLY_RECORD_H

#include "base/buf.h"
#include "base/digest.h"

/* What the bytes mean, and what goes into a digest: a server of another number cannot know a call
 * again. */
#define DR_REPLY_RECORD_FORMAT 1u

#define DR_REPLY_HEAD_BYTES 24u
#define DR_REPLY_RECORD_BYTES 32u

typedef enum dr_reply_record_kind {
    DR_REPLY_RECORD_RUNS = 1,
    DR_REPLY_RECORD_KEPT,   /* it has run; the body is its reply */
    DR_REPLY_RECORD_LOST,   /* it has run; its reply is gone */
    DR_REPLY_RECORD_NOT_RUN /* it ran, and was not run after all; the body says why, if any */
} dr_reply_record_kind;

/* dr_reply_record is what is known of a call. `age_s`: for so long it has been so. */
typedef struct dr_reply_record {
    dr_reply_record_kind kind;
    uint16_t http_status; /* dr_reply_waiter */
    uint32_t age_s;
    dr_digest call;
    dora_slice body; /* NULL data where the kind has none */
} dr_reply_record;

/* dr_reply_head_put and dr_reply_record_put append. A body over DR_REPLY_CACHE_BYTES_MAX is left
 * out. Errors: DORA_ENOMEM, nothing is appended. */
dora_err dr_reply_head_put(dr_buf *out, const dr_digest_key *key);
dora_err dr_reply_record_put(dr_buf *out, const dr_reply_record *record);

/* dr_reply_head_get and dr_reply_record_get read from the first byte on; `*used` is what that took.
 * Errors: DORA_EAGAIN, more bytes are wanted; DORA_EPROTO says what is wrong with them. Ownership:
 * the body is borrowed from `bytes`. */
dora_err dr_reply_head_get(dora_slice bytes, dr_digest_key *key, size_t *used, dora_error *error);
dora_err dr_reply_record_get(dora_slice bytes, dr_reply_record *record, size_t *used,
                             dora_error *error);

#endif
