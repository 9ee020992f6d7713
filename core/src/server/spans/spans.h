/* spans.h: spans on their way to a collector: a bounded queue, and a thread that sends them in
 * batches. Nobody who has a span ever waits: what finds no room is dropped and counted. */
#ifndef DR_SERVER_SPANS_H
#define DR_SERVER_SPANS_H

#include "base/log.h"
#include "server/spans/span.h"

typedef struct dr_spans dr_spans;

/* dr_spans_target is where they go. All is copied. */
typedef struct dr_spans_target {
    const char *url;            /* NULL: nowhere */
    const char *service;        /* as which the server is known there */
    const char *const *headers; /* "NAME: value", of each request */
    size_t header_count;
} dr_spans_target;

/* dr_spans_new makes the queue; nothing goes anywhere yet. Errors: DORA_ENOMEM.
 * dr_spans_free sends what is queued, within DR_SPANS_STOP_MS, and ends the thread; NULL is fine.
 * Ownership: borrows `log`, and the `pool` of each span. */
dora_err dr_spans_new(dr_spans **spans, dr_log *log);
void dr_spans_free(dr_spans *spans);

/* dr_spans_aim says where spans go from now on, those that wait among them; the thread is started
 * with the first place. Where they go nowhere, those that wait are dropped. Errors: DORA_ELOAD
 * without libcurl, DORA_EIO, DORA_ENOMEM: nothing is changed. Thread: one at a time. */
dora_err dr_spans_aim(dr_spans *spans, const dr_spans_target *target, dora_error *error);

/* dr_spans_add takes a copy of one. Thread: any. */
void dr_spans_add(dr_spans *spans, const dr_span *span);

typedef struct dr_spans_numbers {
    uint64_t sent;
    uint64_t dropped;
    uint64_t waiting;
} dr_spans_numbers;

/* dr_spans_count says what became of them. Thread: any. */
dr_spans_numbers dr_spans_count(dr_spans *spans);

#endif
