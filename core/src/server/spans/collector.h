/* collector.h: who takes the spans: one that speaks OTLP over HTTP or HTTPS. libcurl does the
 * speaking; it is looked for when it is wanted first, so that nobody else needs it. */
#ifndef DR_SERVER_COLLECTOR_H
#define DR_SERVER_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <dora/error.h>
#include <dora/value.h>

typedef struct dr_collector dr_collector;

/* dr_collector_is_possible looks for libcurl. Errors: DORA_ELOAD says what to install. */
dora_err dr_collector_is_possible(dora_error *error);

/* dr_collector_new makes one for an http: or https: URL. `headers` are lines "NAME: value" that go
 * with each request. Ownership: copies all; gives, and dr_collector_free frees. Errors: DORA_ELOAD,
 * DORA_ECONFIG for a URL that is none, DORA_ENOMEM. */
dora_err dr_collector_new(dr_collector **collector, const char *url, const char *const *headers,
                          size_t header_count, dora_error *error);
void dr_collector_free(dr_collector *collector);

/* dr_collector_url is where it is. Ownership: borrowed as long as the collector lives. */
const char *dr_collector_url(const dr_collector *collector);

typedef enum dr_post_result {
    DR_POST_TAKEN = 0,
    DR_POST_LATER, /* it may be sent again */
    DR_POST_REFUSED
} dr_post_result;

/* dr_collector_post sends a request and waits for its answer. `is_over` is asked at least once a
 * second, and ends the waiting. Returns: what became of it; `why` then says it. */
dr_post_result dr_collector_post(dr_collector *collector, dora_slice body,
                                 bool (*is_over)(void *user), void *user, dora_error *why);

#endif
