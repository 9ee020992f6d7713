/* json.h: jansson's values to encoded ones. Source: PROTOCOL.md, "JSON". */
#ifndef DR_WIRE_JSON_H
#define DR_WIRE_JSON_H

#include "base/buf.h"
#include "wire/json_keys.h"

/* dr_json_to_value writes one JSON value; `{}` and `[]` become the same empty array.
 * Errors: those of the writer, which keeps them. */
dora_err dr_json_to_value(const json_t *json, dora_writer *writer);

#endif
