/* retry_after.h: what the data of a refusal says: when it is worth to ask again. Source:
 * PROTOCOL.md, "Reply codes". */
#ifndef DR_WIRE_RETRY_AFTER_H
#define DR_WIRE_RETRY_AFTER_H

#include "base/buf.h"

/* dr_retry_after_put appends the data of a refusal: an array whose only key is retry_after_ms; the
 * empty array where `ms` is 0. */
dora_err dr_retry_after_put(dr_buf *out, uint32_t ms);

/* dr_retry_after_of reads it from an encoded value. Returns: 0 where it is not there, and for what
 * no server says: a number below 1. One above DR_RETRY_AFTER_MS_MAX counts as that. */
uint32_t dr_retry_after_of(dora_slice data);

#endif
