/* reply_move.h: the calls that a server remembers move to the one that takes its place.
 *
 * The old one tells all that it knows, then what becomes of the calls that still run in it, as one
 * stream of bytes (reply_record.h), which the new one takes in (reply_import.h). */
#ifndef DR_SERVER_REPLY_MOVE_H
#define DR_SERVER_REPLY_MOVE_H

#include "base/buf.h"
#include "server/dedupe/reply_cache.h"

/* dr_reply_wake says that there is something to tell. Thread: any. */
typedef struct dr_reply_wake {
    void (*fn)(void *user);
    void *user;
} dr_reply_wake;

/* dr_reply_move_begin begins to tell. No call may begin in this store from here on, and nothing
 * goes before its time. dr_reply_move_undo: the server goes on as before. */
void dr_reply_move_begin(dr_reply_cache *cache, dr_reply_wake wake);
void dr_reply_move_undo(dr_reply_cache *cache);

/* dr_reply_move_next appends what comes next in the stream: a part of what is known, or what has
 * ended. Errors: DORA_EAGAIN, there is nothing to tell now; DORA_ENOMEM, try again. Thread: one. */
dora_err dr_reply_move_next(dr_reply_cache *cache, uint64_t now_ms, dr_buf *out);

/* dr_reply_move_is_told says whether all that was known at the beginning has been told. */
bool dr_reply_move_is_told(const dr_reply_cache *cache);

/* dr_reply_move_ended has the other server told what becomes of a call. Thread: any, under the
 * store's lock. */
void dr_reply_move_ended(dr_reply_cache *cache, const dr_reply_waiter *leader, dora_slice reply,
                         bool has_run);

#endif
