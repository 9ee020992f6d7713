/* json.h: between encoded values and jansson's. Source: PROTOCOL.md, "JSON". */
#ifndef DR_WIRE_JSON_H
#define DR_WIRE_JSON_H

#include "base/buf.h"
#include "wire/json_keys.h"

/* dr_json_parse is jansson's json_loadb (`flags` are its own) for texts of at most `levels_max`
 * levels and DR_VALUE_MEMBERS_MAX members, which bounds its recursion and its memory; with
 * JSON_ALLOW_NUL keys may hold a NUL, too (from jansson 2.14 on). Ownership: gives `*json`,
 * json_decref frees it; NULL on error. Errors: DORA_EPROTO, DORA_ETOOBIG, `where` naming the first
 * that is wrong; DORA_ENOMEM. */
dora_err dr_json_parse(dora_slice text, uint32_t levels_max, size_t flags, json_t **json,
                       json_error_t *where);

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

/* dr_json_dump appends JSON text: floats in their shortest form (which jansson cannot), 1.0 as 1.0,
 * keys in their order. `indent` 0 is one line; else that many spaces a level.
 * Errors: DORA_ENOMEM. */
dora_err dr_json_dump(const json_t *json, size_t indent, dr_buf *out);

#endif
