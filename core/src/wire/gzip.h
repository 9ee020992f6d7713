/* gzip.h: one gzip member to bytes and back, with a bound. */
#ifndef DR_WIRE_GZIP_H
#define DR_WIRE_GZIP_H

#include "base/buf.h"

/* dr_gzip_inflate appends the plain bytes of `in` to `out`. `in` is exactly one gzip member.
 * Errors: DORA_EPROTO for anything else (cut, damaged, followed by more bytes), DORA_ETOOBIG past
 * `max` plain bytes, DORA_ENOMEM; `out` then has its old length. */
dora_err dr_gzip_inflate(dora_slice in, size_t max, dr_buf *out);

/* dr_gzip_deflate appends `in` as one gzip member (level 4) to `out`; `in` must not lie in `out`.
 * Errors: DORA_ENOMEM; `out` then has its old length. */
dora_err dr_gzip_deflate(dora_slice in, dr_buf *out);

#endif
