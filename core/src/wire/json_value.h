/* json_value.h: encoded values to JSON text. */
#ifndef DR_WIRE_JSON_VALUE_H
#define DR_WIRE_JSON_VALUE_H

#include "wire/json_write.h"

/* dr_json_value writes an encoded value: keys 0..n-1 in order are a list, other arrays an object.
 * Errors: DORA_ETYPE for INF, NAN and strings that are not UTF-8, the message naming the path
 * ($.rows[3].name); DORA_EPROTO, DORA_ETOOBIG for a bad value; DORA_ENOMEM. Nothing of the value is
 * written then.
 * dr_json_data does so with a handler's result: paths begin at its envelope, with `$.data`, by
 * whichever door it goes. */
dora_err dr_json_value(dr_json_writer *writer, dora_slice value, dora_error *error);
dora_err dr_json_data(dr_json_writer *writer, dora_slice data, dora_error *error);

/* dr_json_takes says whether a handler's result has a JSON form. It looks at the bytes alone, where
 * those do not look as if it had none. Errors: as dr_json_data. */
dora_err dr_json_takes(dora_slice data, dora_error *error);

/* dr_json_print appends a value as a text of its own. Errors: as dr_json_value; `out` is then as
 * before. */
dora_err dr_json_print(dora_slice value, size_t indent, dr_buf *out, dora_error *error);

#endif
