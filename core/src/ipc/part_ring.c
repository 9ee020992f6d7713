/* part_ring.c: a ring of bytes from a worker to its reactor. What is written becomes visible with
 * the count behind it, so a death between the two leaves nothing half told. */
#include "ipc/part_ring.h"

#include <string.h>

#define READ_TRIES 4

void dr_part_ring_init(dr_part_ring *stream, uint64_t room)
{
    memset(stream, 0, sizeof(*stream));
    atomic_store_explicit(&stream->room, room, memory_order_relaxed);
}

size_t dr_part_ring_free_bytes(const dr_part_ring *stream, uint64_t head)
{
    return DR_PART_RING_BYTES -
           (size_t)(head - atomic_load_explicit(&stream->tail, memory_order_seq_cst));
}

void dr_part_ring_put(dr_part_ring *stream, uint64_t *head, const char *bytes, size_t len)
{
    const size_t at = *head % DR_PART_RING_BYTES;
    const size_t first = len < DR_PART_RING_BYTES - at ? len : DR_PART_RING_BYTES - at;
    memcpy(stream->ring + at, bytes, first);
    memcpy(stream->ring, bytes + first, len - first);
    *head += len;
    atomic_store_explicit(&stream->head, *head, memory_order_release);
}

void dr_part_ring_progress(dr_part_ring *stream, dora_slice note, dora_slice data)
{
    const uint32_t turn = atomic_load_explicit(&stream->progress_turn, memory_order_relaxed);
    atomic_store_explicit(&stream->progress_turn, turn + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    stream->note_len = (uint32_t)note.len;
    stream->data_len = (uint32_t)data.len;
    memcpy(stream->progress, note.data, note.len);
    memcpy(stream->progress + note.len, data.data, data.len);
    atomic_store_explicit(&stream->progress_turn, turn + 2, memory_order_release);
}

bool dr_part_ring_tell(dr_part_ring *stream)
{
    return atomic_exchange_explicit(&stream->is_told, 1, memory_order_seq_cst) == 0;
}

void dr_part_ring_seen(dr_part_ring *stream)
{
    (void)atomic_exchange_explicit(&stream->is_told, 0, memory_order_seq_cst);
}

uint64_t dr_part_ring_bytes(const dr_part_ring *stream, uint64_t tail)
{
    return atomic_load_explicit(&stream->head, memory_order_seq_cst) - tail;
}

const char *dr_part_ring_take(const dr_part_ring *stream, uint64_t *tail, size_t len)
{
    const size_t at = *tail % DR_PART_RING_BYTES;
    if (len > DR_PART_RING_BYTES - at) {
        return NULL;
    }
    *tail += len;
    return stream->ring + at;
}

void dr_part_ring_copy(const dr_part_ring *stream, uint64_t *tail, char *to, size_t len)
{
    const size_t at = *tail % DR_PART_RING_BYTES;
    const size_t first = len < DR_PART_RING_BYTES - at ? len : DR_PART_RING_BYTES - at;
    memcpy(to, stream->ring + at, first);
    memcpy(to + first, stream->ring, len - first);
    *tail += len;
}

void dr_part_ring_give_room(dr_part_ring *stream, uint64_t tail)
{
    atomic_store_explicit(&stream->tail, tail, memory_order_seq_cst);
}

bool dr_part_ring_read_progress(const dr_part_ring *stream, uint32_t turn, dr_progress *progress)
{
    for (int tries = 0; tries < READ_TRIES; tries++) {
        const uint32_t before = atomic_load_explicit(&stream->progress_turn, memory_order_acquire);
        if (before == turn) {
            return false;
        }
        const uint32_t note_len = *(const volatile uint32_t *)&stream->note_len;
        const uint32_t data_len = *(const volatile uint32_t *)&stream->data_len;
        if (note_len > DR_PROGRESS_BYTES_MAX || data_len > DR_PROGRESS_BYTES_MAX - note_len ||
            data_len == 0) {
            continue;
        }
        memcpy(progress->bytes, stream->progress, (size_t)note_len + data_len);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 &&
            atomic_load_explicit(&stream->progress_turn, memory_order_relaxed) == before) {
            progress->turn = before;
            progress->note_len = note_len;
            progress->data_len = data_len;
            return true;
        }
    }
    return false;
}
