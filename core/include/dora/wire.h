/* wire.h: frames and JSON, for tests of the bindings and for tools that speak the protocol
 * themselves. Source: PROTOCOL.md, sections "Frame" and "JSON". Pure functions. */
#ifndef DORA_WIRE_H
#define DORA_WIRE_H

#include <dora/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_frame_options are the settings both ends share. Zeroed memory is the default. */
typedef struct dora_frame_options {
    size_t size; /* see version.h */
    bool sign;
    bool gzip;
    dora_slice salt;  /* data NULL: the protocol's default */
    size_t bytes_max; /* of a whole frame; 0: 2 MiB */
} dora_frame_options;

/* dora_frame_pack writes a frame around `body` (an encoded value). Ownership: gives `*frame`,
 * free() frees it. Errors: DORA_ETOOBIG, DORA_ENOMEM. */
DORA_API dora_err dora_frame_pack(const dora_frame_options *options, const char guid[32],
                                  dora_slice body, char **frame, size_t *frame_len);

/* dora_frame_check decodes the first frame of `bytes` and, where `as_request` is set, the request
 * in it. Returns: DORA_OK, DORA_EAGAIN while bytes are missing, else an error whose code (the one a
 * server answers) is in `error`. `*used` is the frame's length; 0 where framing is lost and the
 * connection must be closed. On success `*body` is the plain body; where gzip is on it is on the
 * heap. Ownership: gives `*owned` (NULL when nothing was allocated), free() frees it. */
DORA_API dora_err dora_frame_check(const dora_frame_options *options, dora_slice bytes,
                                   bool as_request, size_t *used, dora_slice *body, char **owned,
                                   dora_error *error);

#ifdef __cplusplus
}
#endif
#endif
