/* prepare.c: what a blocking call is, before its first try: its trace, urgency, time and group. */
#include "client/blocking/prepare.h"

#include "base/clock.h"
#include "base/deadline.h"
#include "base/priority.h"
#include "base/slice.h"
#include "base/trace.h"
#include "client/balance/node_parse.h"
#include "client/blocking/await_server.h"
#include "client/blocking/registry_poll.h"

dora_err dr_prepare(dr_attempt *a, char room[DR_TRACE_BYTES_MAX], dora_error *error)
{
    dora_client *client = a->client;
    const dora_call_options *options = a->options;
    dora_err err = dr_trace_of_call(options->trace, room, &a->request.trace, error);
    err = err == DORA_OK ? dr_priority_of_call(options->priority, client->settings.priority,
                                               &a->request.priority, error)
                         : err;
    if (err != DORA_OK) {
        return err;
    }
    /* A call that names its server needs no other. */
    err = client->source != NULL && options->node == NULL
              ? dr_registry_poll_begin(client, &a->tries, options, error)
              : dr_tries_begin(&a->tries, &client->settings, &client->nodes, options, dr_clock_ns(),
                               dr_deadline_get(), error);
    if (err == DORA_OK && options->node != NULL) {
        const dora_slice text = dr_slice(options->node);
        err = dr_address_read(text, &a->node_address, error);
    }
    a->wait = (dr_wait){.is_interrupted = options->is_interrupted, .user = options->user};
    if (err == DORA_ECONNECT && client->source != NULL) {
        err = dr_await_first(a, error);
    }
    return err;
}
