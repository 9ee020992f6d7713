/* json_message.h: requests and replies as JSON text, to and from the inner encoding. Pure but for
 * memory. Source: PROTOCOL.md, "JSON". */
#ifndef DR_WIRE_JSON_MESSAGE_H
#define DR_WIRE_JSON_MESSAGE_H

#include "wire/json.h"

/* dr_body_is_json tells by its first byte that a body is JSON. */
static inline bool dr_body_is_json(dora_slice body)
{
    return body.len > 0 && body.data[0] == '{';
}

/* dr_json_load reads a text that is one JSON value of any kind. What it takes of memory is bounded
 * by the limits on members and levels. Ownership: gives `*json`, json_decref frees it; NULL on
 * error. Errors: DORA_EPROTO, or DORA_ETOOBIG for the limits: error->code is 100006, and the
 * message names line and column of the first that is wrong; DORA_ENOMEM. */
dora_err dr_json_load(dora_slice text, json_t **json, dora_error *error);

/* dr_json_encode appends a value in the inner encoding, of at most `bytes_max` bytes.
 * Errors: DORA_ETOOBIG, error->code is 100006 for the depth, 100206 for the bytes;
 * DORA_ENOMEM. `out` is then as before. */
dora_err dr_json_encode(const json_t *json, size_t bytes_max, dr_buf *out, dora_error *error);

/* dr_json_request is both in one: a request's text, to its body in the inner encoding. */
dora_err dr_json_request(dora_slice text, size_t bytes_max, dr_buf *out, dora_error *error);

/* dr_json_reply appends a reply's body as JSON text of at most `bytes_max` bytes. A result that has
 * no JSON form becomes 100208 with the path in `msg`, for that api alone; results that are too
 * large become 100206. `guid` stands in all envelopes instead of their own, unless it is empty.
 * Errors: DORA_ENOMEM; `out` is then as before. */
dora_err dr_json_reply(dora_slice body, dora_slice guid, size_t bytes_max, dr_buf *out);

#endif
