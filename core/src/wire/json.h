/* json.h: between encoded values and jansson's. Source: PROTOCOL.md, "JSON". */
#ifndef DR_WIRE_JSON_H
#define DR_WIRE_JSON_H

#include "base/buf.h"
#include "wire/json_keys.h"

/* dr_json_to_value writes one JSON value; `{}` and `[]` become the same empty array.
 * Errors: those of the writer, which keeps them. */
dora_err dr_json_to_value(const json_t *json, dora_writer *writer);

/* dr_json_from_value builds a JSON value: keys 0..n-1 in order are a list, other arrays an object.
 * Ownership: gives `*json`, json_decref frees it; NULL on error.
 * Errors: DORA_ETYPE for INF, NAN and strings that are not UTF-8, the message naming the path
 * ($.rows[3].name); DORA_EPROTO, DORA_ETOOBIG for a bad value; DORA_ENOMEM. */
dora_err dr_json_from_value(dora_slice value, json_t **json, dora_error *error);

/* dr_json_from_data does so with a handler's result: paths begin at its envelope, with `$.data`,
 * by whichever door it goes. */
dora_err dr_json_from_data(dora_slice data, json_t **json, dora_error *error);

/* dr_json_text is a JSON string for people to read: each byte that is not UTF-8 becomes `?`.
 * Ownership: gives; NULL when out of memory. */
json_t *dr_json_text(dora_slice text);

#endif
