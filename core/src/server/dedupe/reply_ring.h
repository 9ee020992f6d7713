/* reply_ring.h: the bodies of kept replies, one behind the other in a ring of bytes: none takes or
 * gives back memory of its own. Thread: the store's, under its lock. */
#ifndef DR_SERVER_REPLY_RING_H
#define DR_SERVER_REPLY_RING_H

#include <stdbool.h>

#include <dora/value.h>

/* dr_kept_log: bodies stand from `tail` to `head`, around the end of the ring where `head` is not
 * behind `tail`. A body is never cut in two: where the rest of the ring is too small for it, it
 * stands at the beginning, and the rest is left out. */
typedef struct dr_kept_log {
    char *bytes; /* NULL before the first body */
    uint32_t size;
    uint32_t head;
    uint32_t tail;
    uint32_t used;  /* from tail to head, with what was left out */
    uint32_t clean; /* from head on: given back, or never touched */
} dr_kept_log;

/* dr_kept_log_init: a ring of `size` bytes, which takes no memory yet. dr_kept_log_fini gives all
 * memory back, whatever there is; the log is empty then and may be used again. */
void dr_kept_log_init(dr_kept_log *log, uint32_t size);
void dr_kept_log_fini(dr_kept_log *log);

/* dr_kept_log_open takes the memory of the whole ring, which the kernel hands out as it is touched.
 * Errors: DORA_ENOMEM. */
dora_err dr_kept_log_open(dr_kept_log *log);

/* dr_kept_log_has_room says whether a body of `len` bytes can be added; if not, and it is no larger
 * than the ring, the oldest have to go. */
bool dr_kept_log_has_room(const dr_kept_log *log, size_t len);

/* dr_kept_log_add adds a body for which there is room. Returns: where it stands. */
uint32_t dr_kept_log_add(dr_kept_log *log, dora_slice body);

/* dr_kept_log_cut lets the oldest body go; `next` is where the one behind it stands.
 * dr_kept_log_clear lets go of all. */
void dr_kept_log_cut(dr_kept_log *log, uint32_t next);
void dr_kept_log_clear(dr_kept_log *log);

/* dr_kept_log_trim gives memory back that bodies have left, `most` bytes of it at most. Returns:
 * whether there may be more. */
bool dr_kept_log_trim(dr_kept_log *log, size_t most);

/* dr_kept_log_body is what stands at a place. Ownership: borrowed until it is let go of. */
static inline dora_slice dr_kept_log_body(const dr_kept_log *log, uint32_t at, uint32_t len)
{
    return (dora_slice){log->bytes + at, len};
}

#endif
