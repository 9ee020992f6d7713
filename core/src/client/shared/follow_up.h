/* follow_up.h: what a client says of a call that is under way: there is room for more parts of it,
 * or nobody waits for it any more. Neither is answered. Source: PROTOCOL.md, "Streams". */
#ifndef DR_CLIENT_FOLLOW_UP_H
#define DR_CLIENT_FOLLOW_UP_H

#include "client/shared/link.h"

/* Parts under way, where the caller does not say: half of them pay for a wake-up on either side. */
#define DR_WINDOW_DEFAULT 64u
#define DR_WINDOW_MAX 1024u /* servers give no more */

/* A reader that is slow says every ten seconds what it has taken: servers give up a stream of whose
 * parts none is taken for a while (stream_idle_ms), and know of what is said only. Nobody says it
 * between two parts, so a stream may end by so much too soon. */
#define DR_TAKE_NS UINT64_C(10000000000)

/* What a stream's caller is told whose time is over: between two words of the server, or all; and
 * where the server answers 100002. */
#define DR_STREAM_OLD_TEXT "the server is older than streams: it does not know the type ST_S"
#define DR_STREAM_IDLE_TEXT "the stream was silent for too long (idle)"
#define DR_STREAM_LATE_TEXT "the stream's time is over (timeout)"

/* Of what was under way when its client was closed. */
#define DR_CLOSED_TEXT "the client was closed while the call was under way; it may have run"

/* dr_follow_up_take appends the frame by which the server may send `count` more parts of the call
 * `guid`, dr_follow_up_cancel the one that ends the call. Errors: DORA_ENOMEM; link->out is then as
 * before. */
dora_err dr_follow_up_take(dr_link *link, const char *guid, uint32_t count);
dora_err dr_follow_up_cancel(dr_link *link, const char *guid);

#endif
