/* answer_events.h: a stream over HTTP: Server-Sent Events or lines of JSON. Thread: the lane's, but
 * for dr_event_words. Source: PROTOCOL.md, "POST /stream/NAME". */
#ifndef DR_SERVER_ANSWER_EVENTS_H
#define DR_SERVER_ANSWER_EVENTS_H

#include "server/call/responder.h"

/* dr_event_words appends what a part, or progress, is in JSON: its body is in the inner encoding.
 * `name` is which of the two. Errors: DORA_ENOMEM, DORA_EPROTO. */
dora_err dr_event_words(dora_slice body, dr_buf *out, const char **name);

/* dr_event_send sends one of them; dr_event_end the last: what /call would have answered, with its
 * status. Where nothing was sent before it, an error is answered with that status.
 * Ownership: takes the bytes of `text`. */
void dr_event_send(dr_web *web, const char *name, dr_buf *text);
void dr_event_end(dr_web *web, unsigned status, uint32_t retry_after_ms, dr_buf *text);

#endif
