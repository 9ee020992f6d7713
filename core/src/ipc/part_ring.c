/* part_ring.c: a ring of bytes from a worker to its reactor. What is written becomes visible with
 * the count behind it, so a death between the two leaves nothing half told. */
#include "ipc/part_ring.h"

#include <string.h>

#define READ_TRIES 4
#define PROGRESS_WORDS (DR_PROGRESS_BYTES_MAX / sizeof(uint64_t))

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
    uint64_t words[PROGRESS_WORDS] = {0};
    memcpy(words, note.data, note.len);
    memcpy((char *)words + note.len, data.data, data.len);
    /* A reader that sees one of the words sees the turn that was told before it. */
    (void)atomic_exchange_explicit(&stream->progress_turn, turn + 1, memory_order_acq_rel);
    atomic_store_explicit(&stream->note_len, (uint32_t)note.len, memory_order_relaxed);
    atomic_store_explicit(&stream->data_len, (uint32_t)data.len, memory_order_relaxed);
    for (size_t i = 0; i < PROGRESS_WORDS; i++) {
        atomic_store_explicit(&stream->progress[i], words[i], memory_order_release);
    }
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
        const uint32_t note_len = atomic_load_explicit(&stream->note_len, memory_order_relaxed);
        const uint32_t data_len = atomic_load_explicit(&stream->data_len, memory_order_relaxed);
        if (note_len > DR_PROGRESS_BYTES_MAX || data_len > DR_PROGRESS_BYTES_MAX - note_len ||
            data_len == 0) {
            continue;
        }
        uint64_t words[PROGRESS_WORDS];
        for (size_t i = 0; i < PROGRESS_WORDS; i++) {
            words[i] = atomic_load_explicit(&stream->progress[i], memory_order_acquire);
        }
        if (before % 2 == 0 &&
            atomic_load_explicit(&stream->progress_turn, memory_order_relaxed) == before) {
            memcpy(progress->bytes, words, (size_t)note_len + data_len);
            progress->turn = before;
            progress->note_len = note_len;
            progress->data_len = data_len;
            return true;
        }
    }
    return false;
}
