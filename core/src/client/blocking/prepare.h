/* prepare.h: what a blocking call is, before its first try. */
#ifndef DR_CLIENT_PREPARE_H
#define DR_CLIENT_PREPARE_H

#include "base/limits.h"
#include "client/blocking/attempt.h"

/* dr_prepare reads what a call has otherwise than its client, from a->options, into the request and
 * the tries; where a registry knows no server yet, it waits for the first. `room` is for the trace,
 * which the request borrows. Errors: as dora_client_call. */
dora_err dr_prepare(dr_attempt *a, char room[DR_TRACE_BYTES_MAX], dora_error *error);

#endif
