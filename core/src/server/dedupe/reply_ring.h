/* reply_ring.h: the bodies of kept replies, one behind the other in a ring of bytes: none takes or
 * gives back memory of its own. Thread: the store's, under its lock. */
#ifndef DR_SERVER_REPLY_RING_H
#define DR_SERVER_REPLY_RING_H

#include <stdbool.h>

#include <dora/value.h>

/* dr_reply_ring: bodies stand from `tail` to `head`, around the end of the ring where `head` is not
 * behind `tail`. A body is never cut in two: where the rest of the ring is too small for it, it
 * stands at the beginning, and the rest is left out. */
typedef struct dr_reply_ring {
    char *bytes; /* NULL before the first body */
    uint32_t size;
    uint32_t head;
    uint32_t tail;
    uint32_t used;  /* from tail to head, with what was left out */
    uint32_t clean; /* from head on: given back, or never touched */
} dr_reply_ring;

/* dr_reply_ring_init: a ring of `size` bytes, which takes no memory yet. dr_reply_ring_fini gives
 * all memory back, whatever there is; the log is empty then and may be used again. */
void dr_reply_ring_init(dr_reply_ring *log, uint32_t size);
void dr_reply_ring_fini(dr_reply_ring *log);

/* dr_reply_ring_open takes the memory of the whole ring, which the kernel hands out as it is
 * touched. Errors: DORA_ENOMEM. */
dora_err dr_reply_ring_open(dr_reply_ring *log);

/* dr_reply_ring_has_room says whether a body of `len` bytes can be added; if not, and it is no
 * larger than the ring, the oldest have to go. */
bool dr_reply_ring_has_room(const dr_reply_ring *log, size_t len);

/* dr_reply_ring_add adds a body for which there is room. Returns: where it stands. */
uint32_t dr_reply_ring_add(dr_reply_ring *log, dora_slice body);

/* dr_reply_ring_cut lets the oldest body go; `next` is where the one behind it stands.
 * dr_reply_ring_clear lets go of all. */
void dr_reply_ring_cut(dr_reply_ring *log, uint32_t next);
void dr_reply_ring_clear(dr_reply_ring *log);

/* dr_reply_ring_trim gives memory back that bodies have left, `most` bytes of it at most. Returns:
 * whether there may be more. */
bool dr_reply_ring_trim(dr_reply_ring *log, size_t most);

/* dr_reply_ring_body is what stands at a place. Ownership: borrowed until it is let go of. */
static inline dora_slice dr_reply_ring_body(const dr_reply_ring *log, uint32_t at, uint32_t len)
{
    return (dora_slice){log->bytes + at, len};
}

#endif
