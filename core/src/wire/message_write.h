/* message_write.h: requests and replies to bytes, keys in the original's order. */
#ifndef DR_WIRE_MESSAGE_WRITE_H
#define DR_WIRE_MESSAGE_WRITE_H

#include "wire/message.h"

/* dr_request_encode appends a body, keys in the original's order. timeout_ms, trace, attempt and
 * priority are written only where they are set, window where it is above 0. Errors: DORA_ENOMEM;
 * `out` is then as before. */
dora_err dr_request_encode(dr_buf *out, const dr_request *request, const dr_api *apis);

/* dr_reply_begin appends the head of a reply (or envelope) up to its data; the caller appends one
 * encoded value, then calls dr_reply_end. dr_result_begin and dr_result_end are the same for a
 * later result, with isresult. `guid` is DR_GUID_LEN bytes. Errors: DORA_ENOMEM. */
dora_err dr_reply_begin(dr_buf *out, const char *guid, int64_t code, dora_slice msg);
dora_err dr_reply_end(dr_buf *out);
dora_err dr_result_begin(dr_buf *out, const char *guid, int64_t code, dora_slice msg);
dora_err dr_result_end(dr_buf *out);

/* dr_part_begin and dr_part_end are the same for a part of a stream, the `part`-th from 0. */
dora_err dr_part_begin(dr_buf *out, const char *guid);
dora_err dr_part_end(dr_buf *out, uint64_t part);

/* dr_word_encode appends the body of TK, which gives room for `take` more parts, or of CN. Errors:
 * DORA_ENOMEM; `out` is then as before. */
dora_err dr_word_encode(dr_buf *out, dr_call_type type, dora_slice guid, uint32_t take);

/* dr_put_int, dr_put_string and dr_put_array append an encoded int, string, or the head of an array
 * of `count` pairs; dr_put_end closes an array. Nothing is balanced here: that is the caller's.
 * Errors: DORA_ENOMEM; `out` is then as before. */
dora_err dr_put_int(dr_buf *out, int64_t number);
dora_err dr_put_string(dr_buf *out, dora_slice string);
dora_err dr_put_array(dr_buf *out, size_t count);
dora_err dr_put_end(dr_buf *out);

#endif
