/* test_part_ring.c: the ring between a worker and its reactor: bytes in their order, counts that
 * cannot be, progress in one piece; one thread writes, another reads. */
#include "ipc/part_ring.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "unit_threads.h"

#define BYTES_MAX (1u << 20)

typedef struct setting {
    dr_part_ring *ring;
    uint64_t head;
    uint64_t tail;
    unit_threads thread;
    atomic_bool is_over; /* the test has failed: the writer is to end */
} setting;

static void set_up(setting *self)
{
    self->ring = aligned_alloc(64, DR_STREAM_BYTES);
    assert_non_null(self->ring);
    dr_part_ring_init(self->ring, 3);
}

static void tear_down(setting *self)
{
    atomic_store(&self->is_over, true);
    if (self->thread.count > 0) {
        (void)unit_threads_join(&self->thread);
    }
    free(self->ring);
}
UNIT_SCENE(setting, tear_down)

static char byte_at(uint64_t at)
{
    return (char)(at * 7 + at / 251);
}

static void put(setting *self, size_t len)
{
    char bytes[4096];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = byte_at(self->head + i);
    }
    dr_part_ring_put(self->ring, &self->head, bytes, len);
}

static void check(uint64_t at, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(bytes[i], byte_at(at + i));
    }
}

static void bytes_come_out_in_their_order(void **state)
{
    setting *at = *state;
    set_up(at);
    assert_int_equal(dr_part_ring_free_bytes(at->ring, 0), DR_PART_RING_BYTES);
    for (size_t round = 0; round < 200; round++) {
        const size_t len = 1 + round * 19 % 4000;
        char bytes[4096];
        put(at, len);
        assert_int_equal(dr_part_ring_bytes(at->ring, at->tail), len);
        assert_int_equal(dr_part_ring_free_bytes(at->ring, at->head), DR_PART_RING_BYTES - len);
        const uint64_t begin = at->tail;
        const char *whole = round % 2 == 0 ? dr_part_ring_take(at->ring, &at->tail, len) : NULL;
        if (whole == NULL) {
            assert_int_equal(at->tail, begin);
            dr_part_ring_copy(at->ring, &at->tail, bytes, len);
            whole = bytes;
        }
        check(begin, whole, len);
        assert_int_equal(at->tail, begin + len);
        dr_part_ring_give_room(at->ring, at->tail);
    }
}

static void what_crosses_the_end_is_not_in_one_piece(void **state)
{
    setting *at = *state;
    set_up(at);
    at->head = at->tail = DR_PART_RING_BYTES - 10;
    dr_part_ring_give_room(at->ring, at->tail);
    put(at, 10);
    assert_non_null(dr_part_ring_take(at->ring, &at->tail, 10));
    at->tail -= 10;
    put(at, 1);
    assert_null(dr_part_ring_take(at->ring, &at->tail, 11));
}

/* The reader counts by itself: a writer that moves its count beyond the ring is seen. */
static void count_that_cannot_be_is_seen(void **state)
{
    setting *at = *state;
    set_up(at);
    atomic_store(&at->ring->head, DR_PART_RING_BYTES + 1);
    assert_true(dr_part_ring_bytes(at->ring, at->tail) > DR_PART_RING_BYTES);
    atomic_store(&at->ring->head, 5);
    assert_true(dr_part_ring_bytes(at->ring, 6) > DR_PART_RING_BYTES);
}

static void news_is_told_once(void **state)
{
    setting *at = *state;
    set_up(at);
    assert_true(dr_part_ring_tell(at->ring));
    assert_false(dr_part_ring_tell(at->ring));
    dr_part_ring_seen(at->ring);
    assert_true(dr_part_ring_tell(at->ring));
}

static void progress_is_the_newest(void **state)
{
    setting *at = *state;
    set_up(at);
    dr_progress progress;
    assert_false(dr_part_ring_read_progress(at->ring, 0, &progress));
    dr_part_ring_progress(at->ring, text_slice("one"), text_slice("i:1;"));
    dr_part_ring_progress(at->ring, text_slice(""), text_slice("i:22;"));
    assert_true(dr_part_ring_read_progress(at->ring, 0, &progress));
    assert_int_equal(progress.note_len, 0);
    assert_slice(((dora_slice){progress.bytes, progress.data_len}), "i:22;");
    assert_false(dr_part_ring_read_progress(at->ring, progress.turn, &progress));
}

static void progress_that_cannot_be_is_none(void **state)
{
    setting *at = *state;
    set_up(at);
    dr_progress progress;
    dr_part_ring_progress(at->ring, text_slice("note"), text_slice("i:1;"));
    atomic_store(&at->ring->data_len, DR_PROGRESS_BYTES_MAX);
    assert_false(dr_part_ring_read_progress(at->ring, 0, &progress));
    atomic_store(&at->ring->data_len, 0);
    assert_false(dr_part_ring_read_progress(at->ring, 0, &progress));
    atomic_store(&at->ring->data_len, 4);
    atomic_store(&at->ring->progress_turn, 7); /* it is being written, for ever */
    assert_false(dr_part_ring_read_progress(at->ring, 0, &progress));
}

static void *write_all(void *user)
{
    setting *self = user;
    uint32_t number = 0;
    while (self->head < BYTES_MAX && !atomic_load(&self->is_over)) {
        const size_t free = dr_part_ring_free_bytes(self->ring, self->head);
        const size_t len = 1 + self->head % 3000;
        if (len <= free) {
            char data[32];
            number++;
            const int data_len = snprintf(data, sizeof(data), "i:%u;", number);
            dr_part_ring_progress(self->ring, (dora_slice){data, (size_t)data_len},
                                  (dora_slice){data, (size_t)data_len});
            put(self, len);
            (void)dr_part_ring_tell(self->ring);
        }
    }
    return NULL;
}

static void one_writes_while_another_reads(void **state)
{
    setting *at = *state;
    set_up(at);
    uint32_t turn = 0;
    unit_threads_start(&at->thread, 1, write_all, at);
    while (at->tail < BYTES_MAX) {
        dr_progress progress;
        char bytes[DR_PART_RING_BYTES];
        dr_part_ring_seen(at->ring);
        const uint64_t there = dr_part_ring_bytes(at->ring, at->tail);
        const uint64_t begin = at->tail;
        assert_true(there <= DR_PART_RING_BYTES);
        dr_part_ring_copy(at->ring, &at->tail, bytes, there);
        check(begin, bytes, there);
        dr_part_ring_give_room(at->ring, at->tail);
        if (dr_part_ring_read_progress(at->ring, turn, &progress)) {
            assert_int_equal(progress.note_len, progress.data_len);
            assert_memory_equal(progress.bytes, progress.bytes + progress.note_len,
                                progress.note_len);
            assert_true(progress.turn > turn);
            turn = progress.turn;
        }
    }
    assert_int_equal(unit_threads_join(&at->thread), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, bytes_come_out_in_their_order),
        unit_in(setting, what_crosses_the_end_is_not_in_one_piece),
        unit_in(setting, count_that_cannot_be_is_seen),
        unit_in(setting, news_is_told_once),
        unit_in(setting, progress_is_the_newest),
        unit_in(setting, progress_that_cannot_be_is_none),
        unit_in(setting, one_writes_while_another_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
