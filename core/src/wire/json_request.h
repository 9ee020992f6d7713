/* json_request.h: a JSON value from outside, to the inner encoding. */
#ifndef DR_WIRE_JSON_REQUEST_H
#define DR_WIRE_JSON_REQUEST_H

#include "wire/json_message.h"

/* dr_json_load reads a text that is one JSON value of any kind. What it takes of memory is bounded
 * by the limits on members and levels. Ownership: gives `*json`, json_decref frees it; NULL on
 * error. Errors: DORA_EPROTO, or DORA_ETOOBIG for the limits: error->code is 100006, and the
 * message names line and column of the first that is wrong; DORA_ENOMEM. */
dora_err dr_json_load(dora_slice text, json_t **json, dora_error *error);

/* dr_json_encode appends a request in the inner encoding, of at most `bytes_max` bytes.
 * Errors: DORA_ETOOBIG, error->code is 100006 for the depth, 100206 for the bytes;
 * DORA_ENOMEM. `out` is then as before. */
dora_err dr_json_encode(const json_t *json, size_t bytes_max, dr_buf *out, dora_error *error);

/* dr_json_request is both in one: a request's text, to its body in the inner encoding.
 * dr_json_param: a parameter's text, to its value. */
dora_err dr_json_request(dora_slice text, size_t bytes_max, dr_buf *out, dora_error *error);
dora_err dr_json_param(dora_slice text, size_t bytes_max, dr_buf *out, dora_error *error);

#endif
