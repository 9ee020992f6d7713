/* asker.h: who has asked, and how the answer goes back to them. Thread: the lane's. */
#ifndef DR_SERVER_ASKER_H
#define DR_SERVER_ASKER_H

#include "net/peer.h"
#include "server/lane.h"

typedef enum dr_asker_kind {
    DR_ASKER_NONE = 0, /* nobody: the call was accepted, or whoever asked has gone */
    DR_ASKER_FRAME     /* `conn`, by a frame */
} dr_asker_kind;

/* dr_asker is a value; each call has its own. It is good until its connection is gone: dr_call_gone
 * makes nobody of those that wait. */
typedef struct dr_asker {
    dr_asker_kind kind;
    dr_lane *lane;
    dr_conn *conn;
} dr_asker;

static inline dr_asker dr_asker_of_frame(dr_lane *lane, dr_conn *conn)
{
    return (dr_asker){DR_ASKER_FRAME, lane, conn};
}

static inline bool dr_asker_is_there(const dr_asker *asker)
{
    return asker->kind != DR_ASKER_NONE;
}

/* dr_asker_number is the number of its connection; dr_asker_peer says where that comes from.
 * Not for nobody. */
uint32_t dr_asker_number(const dr_asker *asker);
dr_peer dr_asker_peer(const dr_asker *asker);

/* dr_asker_add puts a call into the list of the calls that its asker waits for, or of the lane's
 * orphans; dr_asker_remove takes it out. */
void dr_asker_add(dr_call *call);
void dr_asker_remove(dr_call *call);

/* dr_answer is a reply under way: its body, in the inner encoding, is appended to `out`, where it
 * begins at `body`. */
typedef struct dr_answer {
    dr_buf *out;
    size_t body;
    size_t mark;
} dr_answer;

/* dr_answer_begin opens a reply, dr_answer_end sends it. No other reply on the lane may be begun in
 * between. Between them the bytes from `body` on may be read: they are the reply's, whoever asked.
 * Returns: false where there is nobody to answer, or no longer.
 * Errors of end: DORA_ETOOBIG, nothing was sent: answer with less. */
bool dr_answer_begin(const dr_asker *asker, const char *guid, dr_answer *answer);
dora_err dr_answer_end(const dr_asker *asker, const dr_answer *answer);

/* dr_answer_fail gives an answer up that cannot be written, and its connection with it. */
void dr_answer_fail(const dr_asker *asker);

#endif
