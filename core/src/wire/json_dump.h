/* json_dump.h: jansson's values to text, floats in their shortest form. */
#ifndef DR_WIRE_JSON_DUMP_H
#define DR_WIRE_JSON_DUMP_H

#include "wire/json.h"

/* dr_json_dump appends JSON text: floats in their shortest form (which jansson cannot), 1.0 as 1.0,
 * keys in their order. `indent` 0 is one line; else that many spaces a level.
 * Errors: DORA_ENOMEM. */
dora_err dr_json_dump(const json_t *json, size_t indent, dr_buf *out);

#endif
