/* frame.h: bytes to frames and back. Source: PROTOCOL.md, "Frame". */
#ifndef DR_WIRE_FRAME_H
#define DR_WIRE_FRAME_H

#include <dora/wire.h>

#include "base/buf.h"
#include "base/limits.h"

/* DR_GUID_NONE answers a frame that has no guid of its own. */
#define DR_GUID_NONE "00000000000000000000000000000000"

/* DR_FRAME_HEAD_BYTES_MAX is what a frame has before its body: length, checksum, guid. */
#define DR_FRAME_HEAD_BYTES_MAX (4 + 4 + DR_GUID_LEN)

/* dr_frame is one decoded frame; both members are borrowed from the bytes. */
typedef struct dr_frame {
    const char
        *guid;       /* DR_GUID_LEN bytes, or NULL while they are not there, and where it is bare */
    dora_slice body; /* still compressed where gzip is set */
    bool is_bare;    /* of an older release: it has no guid */
} dr_frame;

/* dr_frame_bytes_max is the largest whole frame that `options` allows. */
size_t dr_frame_bytes_max(const dora_frame_options *options);

/* dr_frame_decode reads the first frame of `in`. It allocates nothing and may be called again with
 * more bytes. Returns: DORA_OK, `*used` is the frame's length; DORA_EAGAIN while bytes are missing,
 * `*used` is the whole frame's length once its length field is there, else 0.
 * Errors: error->code is the reply code, 100005 (DORA_ESIGN), 100007 (DORA_EPROTO) or 100206
 * (DORA_ETOOBIG); `*used` is the frame's length where the connection survives, 0 where it must be
 * closed. frame->guid is set whenever its bytes are there, and frame->body
 * is what has come of one that is refused. `error` may be NULL. */
dora_err dr_frame_decode(const dora_frame_options *options, dora_slice in, dr_frame *frame,
                         size_t *used, dora_error *error);

/* dr_frame_decode_any is dr_frame_decode for frames of today and of older releases, in any order:
 * which one it is is known from the first bytes of the body. Source: PROTOCOL.md, "Frames of older
 * releases". While these bytes are missing it is taken for one of today. */
dora_err dr_frame_decode_any(const dora_frame_options *options, dora_slice in, dr_frame *frame,
                             size_t *used, dora_error *error);

/* dr_frame_body gives the plain body: the frame's own bytes, or, where gzip is set, what it
 * inflates to, in `plain` (cleared first), at most the frame limit.
 * Errors: error->code is 100006 (DORA_EPROTO) or 100206 (DORA_ETOOBIG); DORA_ENOMEM. */
dora_err dr_frame_body(const dora_frame_options *options, const dr_frame *frame, dr_buf *plain,
                       dora_slice *body, dora_error *error);

/* dr_frame_begin appends a frame's header, bare where `guid` is NULL; the caller then appends the
 * plain body and calls dr_frame_end with the same `mark`. Errors: DORA_ENOMEM; `out` is then as
 * before. */
dora_err dr_frame_begin(dr_buf *out, const dora_frame_options *options, const char *guid,
                        size_t *mark);

/* dr_frame_end compresses the body where gzip is set, and fills in length and checksum.
 * Errors: DORA_ETOOBIG (code 100206) over the frame limit, DORA_ENOMEM; `out` is then cut back to
 * `mark`. */
dora_err dr_frame_end(dr_buf *out, const dora_frame_options *options, size_t mark,
                      dora_error *error);

#endif
