/* mux_stream.h: the calls of a mux that are answered in parts. */
#ifndef DR_CLIENT_MUX_STREAM_H
#define DR_CLIENT_MUX_STREAM_H

#include "client/mux/mux.h"

/* dr_mux_stream_new makes a call a stream. `options` is what it has otherwise than its client: its
 * time becomes that of the first silence, which is what its tries have. Errors: DORA_ENOMEM. */
dora_err dr_mux_stream_new(dora_mux *mux, dr_mux_call *call, dora_call_options *options,
                           uint64_t now_ns);

/* dr_mux_stream_hear takes a word that is not the last. Returns: whether it makes an event; else
 * its connection is given up, since the server does not keep to what streams are. */
bool dr_mux_stream_hear(dora_mux *mux, dr_mux_call *call, const dr_reply_message *reply,
                        uint64_t now_ns, dora_mux_event *event);

/* dr_mux_stream_is_heard says whether the server has said something of a call in parts: then it is
 * not sent again. dr_mux_stream_late is why its time is over. */
bool dr_mux_stream_is_heard(const dr_mux_call *call);
const dr_reason *dr_mux_stream_late(const dr_mux_call *call, uint64_t now_ns);

#endif
