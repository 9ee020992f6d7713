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

#endif
