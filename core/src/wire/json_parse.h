/* json_parse.h: JSON text from outside, to jansson's values. */
#ifndef DR_WIRE_JSON_PARSE_H
#define DR_WIRE_JSON_PARSE_H

#include "wire/json.h"

/* dr_json_parse is jansson's json_loadb (`flags` are its own) for texts of at most `levels_max`
 * levels and DR_VALUE_MEMBERS_MAX members, which bounds its recursion and its memory; with
 * JSON_ALLOW_NUL keys may hold a NUL, too (from jansson 2.14 on). Ownership: gives `*json`,
 * json_decref frees it; NULL on error. Errors: DORA_EPROTO, DORA_ETOOBIG, `where` naming the first
 * that is wrong; DORA_ENOMEM. */
dora_err dr_json_parse(dora_slice text, uint32_t levels_max, size_t flags, json_t **json,
                       json_error_t *where);

#endif
