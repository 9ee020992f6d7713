/* part_ring.h: parts of a stream on their way from a worker to its reactor: a ring of bytes with
 * one writer and one reader, at the end of its task's block, and beside it the newest progress.
 *
 * A part is its length, four bytes, then its value. One that is larger than the ring passes through
 * it in pieces. The reader believes no count before it has checked it. */
#ifndef DR_IPC_PART_RING_H
#define DR_IPC_PART_RING_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/limits.h"
#include <dora/value.h>

#define DR_PART_HEAD_BYTES sizeof(uint32_t)
#define DR_PROGRESS_BYTES_MAX 384u

typedef struct dr_part_ring {
    /* Written by the worker. */
    alignas(64) _Atomic uint64_t head; /* bytes that it has put into the ring */
    _Atomic uint32_t progress_turn;    /* odd while it writes there */
    _Atomic uint32_t note_len;         /* of `progress`: a text, then a value */
    _Atomic uint32_t data_len;
    _Atomic uint64_t progress[DR_PROGRESS_BYTES_MAX / sizeof(uint64_t)]; /* may be read meanwhile */
    /* Written by the reactor. */
    alignas(64) _Atomic uint64_t tail; /* bytes that it has taken out */
    _Atomic uint64_t room;             /* parts that may have been sent, over the stream's life */
    _Atomic uint32_t is_over;          /* nobody wants more of it */
    /* The worker sets it when there is news, the reactor clears it before it looks. */
    alignas(64) _Atomic uint32_t is_told;
    alignas(64) char ring[];
} dr_part_ring;

#define DR_PART_RING_BYTES (DR_STREAM_BYTES - sizeof(dr_part_ring))

/* dr_part_ring_init makes the stream of a new task, in which `room` parts may be under way. */
void dr_part_ring_init(dr_part_ring *stream, uint64_t room);

/* The worker's side; `head` is its own count of what it has put in.
 * dr_part_ring_free_bytes is how much fits. dr_part_ring_put puts that much in, and no more.
 * dr_part_ring_progress puts progress in the place of what was not read yet; too long a note is
 * cut. dr_part_ring_tell says that there is news. Returns: whether the reactor is to be told. */
size_t dr_part_ring_free_bytes(const dr_part_ring *stream, uint64_t head);
void dr_part_ring_put(dr_part_ring *stream, uint64_t *head, const char *bytes, size_t len);
void dr_part_ring_progress(dr_part_ring *stream, dora_slice note, dora_slice data);
bool dr_part_ring_tell(dr_part_ring *stream);

/* The reactor's side; `tail` is its own count of what it has taken out.
 * dr_part_ring_seen clears the news. dr_part_ring_bytes is how much there is. Returns: more than
 * DR_PART_RING_BYTES where that cannot be. dr_part_ring_take takes so many bytes out: in one piece
 * where they lie so, which is good until dr_part_ring_give_room, else NULL. dr_part_ring_copy
 * copies them. dr_part_ring_give_room lets the worker write where they were. */
void dr_part_ring_seen(dr_part_ring *stream);
uint64_t dr_part_ring_bytes(const dr_part_ring *stream, uint64_t tail);
const char *dr_part_ring_take(const dr_part_ring *stream, uint64_t *tail, size_t len);
void dr_part_ring_copy(const dr_part_ring *stream, uint64_t *tail, char *to, size_t len);
void dr_part_ring_give_room(dr_part_ring *stream, uint64_t tail);

/* dr_progress is progress as it was read, in one piece. */
typedef struct dr_progress {
    uint32_t turn;
    size_t note_len;
    size_t data_len;
    char bytes[DR_PROGRESS_BYTES_MAX];
} dr_progress;

/* dr_part_ring_read_progress. Returns: false where there is none newer than `turn`, or it is being
 * written; then there will be news. */
bool dr_part_ring_read_progress(const dr_part_ring *stream, uint32_t turn, dr_progress *progress);

#endif
