/* parts.h: what a handler sends before its result: parts and progress. For a stream they go out at
 * once; for other calls the parts make a list, which is the result of a handler that has none.
 * Source: PROTOCOL.md, "Streams". */
#ifndef DR_TASK_PARTS_H
#define DR_TASK_PARTS_H

#include "base/buf.h"
#include "ipc/part_ring.h"

struct dora_task;
struct dora_worker;

/* dr_parts is a call's. */
typedef struct dr_parts {
    dr_part_ring *stream; /* NULL: no stream */
    uint64_t head;        /* bytes that were put into it */
    uint64_t count;       /* parts that were sent */
    dora_slice part;      /* that is being sent */
    size_t part_sent;     /* bytes of it */
    bool is_sending;
    dr_buf list; /* of other calls: keys and values */
} dr_parts;

/* dr_parts_begin is for a new call; `stream` NULL: it is no stream. dr_parts_fini frees its list.
 */
void dr_parts_begin(dr_parts *parts, dr_part_ring *stream);
void dr_parts_fini(dr_parts *parts);

/* dr_parts_put sends bytes of the part that is being sent, as far as there is room. Returns:
 * whether all of it is sent. dr_parts_has_room says whether it can go on. */
bool dr_parts_put(dr_parts *parts);
bool dr_parts_has_room(const dr_parts *parts);

/* dr_parts_is_over: nobody wants more of a stream. */
bool dr_parts_is_over(const dr_parts *parts);

/* dr_parts_can_go_on: there is room for a job's part, or it is to end. */
bool dr_parts_can_go_on(const struct dora_task *job);

/* dr_parts_is_any_roomy: of the streams that wait in an event loop one can go on.
 * dr_parts_leave takes a task from those that wait. */
bool dr_parts_is_any_roomy(const struct dora_worker *worker);
void dr_parts_leave(struct dora_task *job);

#endif
