/* test_stream_slab.c: streams stand side by side, and leave room for large calls. */
#include "unit.h"

#include "ipc/stream_slab.h"

#define MIB (1024u * 1024u)
#define STREAM_BYTES (DR_STREAM_BYTES + 1024u)
#define STREAMS 100u
#define CALLS 2000u

/* block is one that was had; capacity 0: none. */
typedef struct block {
    uint64_t offset;
    uint32_t capacity;
} block;

/* strew lets streams and calls come and go for a while, 100 and 2000 of them at most, and then
 * lets the calls end. Returns: how many blocks of 2 MiB there is room for. */
static uint32_t strew(bool are_side_by_side)
{
    dr_slab slab;
    dr_stream_slab streams;
    block all[STREAMS + CALLS] = {{0, 0}};
    uint32_t seed = 7;
    uint32_t large = 0;
    assert_int_equal(dr_slab_init(&slab, 64 * MIB), DORA_OK);
    assert_int_equal(dr_stream_slab_init(&streams, &slab, 64 * MIB), DORA_OK);
    for (uint32_t step = 0; step < 100000; step++) {
        seed = seed * 1103515245u + 12345u;
        const uint32_t at = (seed >> 8) % (STREAMS + CALLS);
        const bool is_apart = at < STREAMS && are_side_by_side;
        const uint32_t bytes = at < STREAMS ? STREAM_BYTES : 1024u << ((seed >> 20) % 8);
        block *one = &all[at];
        if (at < STREAMS && step % 8 != 0) {
            continue; /* they stay longer */
        }
        if (one->capacity == 0) {
            assert_int_equal(
                is_apart ? dr_stream_slab_alloc(&streams, bytes, &one->offset, &one->capacity)
                         : dr_slab_alloc(&slab, bytes, &one->offset, &one->capacity),
                DORA_OK);
        } else {
            is_apart ? dr_stream_slab_free(&streams, one->offset, one->capacity)
                     : dr_slab_free(&slab, one->offset, one->capacity);
            one->capacity = 0;
        }
    }
    for (uint32_t i = STREAMS; i < STREAMS + CALLS; i++) {
        if (all[i].capacity > 0) {
            dr_slab_free(&slab, all[i].offset, all[i].capacity);
        }
    }
    block found;
    while (dr_slab_alloc(&slab, 2 * MIB, &found.offset, &found.capacity) == DORA_OK) {
        large++;
    }
    dr_stream_slab_fini(&streams);
    dr_slab_fini(&slab);
    return large;
}

static void streams_leave_room_for_large_calls(void **state)
{
    (void)state;
    const uint32_t strewn = strew(false);
    const uint32_t side_by_side = strew(true);
    print_message("room for %u large calls, and for %u where streams stand anywhere\n",
                  side_by_side, strewn);
    assert_true(side_by_side >= 30 && side_by_side > strewn);
}

/* Half of the slab is theirs at most: one more stands where there is room. All comes back. */
static void beyond_half_of_the_slab_they_stand_alone(void **state)
{
    (void)state;
    dr_slab slab;
    dr_stream_slab streams;
    block all[100];
    block other;
    assert_int_equal(dr_slab_init(&slab, 4 * MIB), DORA_OK);
    assert_int_equal(dr_stream_slab_init(&streams, &slab, 4 * MIB), DORA_OK);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < 100; i++) {
            assert_int_equal(
                dr_stream_slab_alloc(&streams, STREAM_BYTES, &all[i].offset, &all[i].capacity),
                DORA_OK);
            assert_int_equal(all[i].capacity, 32768);
            for (uint32_t before = 0; before < i; before++) {
                assert_true(all[before].offset != all[i].offset);
            }
        }
        assert_int_equal(dr_slab_alloc(&slab, 2 * MIB, &other.offset, &other.capacity), DORA_EFULL);
        assert_int_equal(streams.taken, 1);
        for (uint32_t i = 0; i < 100; i++) {
            dr_stream_slab_free(&streams, all[i].offset, all[i].capacity);
        }
        assert_int_equal(streams.taken, 0);
        assert_int_equal(dr_slab_alloc(&slab, 4 * MIB, &other.offset, &other.capacity), DORA_OK);
        dr_slab_free(&slab, other.offset, other.capacity);
    }
    dr_stream_slab_fini(&streams);
    dr_slab_fini(&slab);
}

/* One with a large request has a block of its own, and so has any in a slab that is small. */
static void others_stand_alone(void **state)
{
    (void)state;
    dr_slab slab;
    dr_stream_slab streams;
    block one;
    const struct {
        uint32_t slab_bytes;
        uint32_t bytes;
        uint32_t capacity;
    } cases[] = {{8 * MIB, 100000, 131072}, {1 * MIB, STREAM_BYTES, 32768}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dr_slab_init(&slab, cases[i].slab_bytes), DORA_OK);
        assert_int_equal(dr_stream_slab_init(&streams, &slab, cases[i].slab_bytes), DORA_OK);
        assert_int_equal(dr_stream_slab_alloc(&streams, cases[i].bytes, &one.offset, &one.capacity),
                         DORA_OK);
        assert_int_equal(one.capacity, cases[i].capacity);
        assert_int_equal(streams.taken, 0);
        dr_stream_slab_free(&streams, one.offset, one.capacity);
        assert_int_equal(dr_slab_alloc(&slab, cases[i].slab_bytes, &one.offset, &one.capacity),
                         DORA_OK);
        dr_stream_slab_fini(&streams);
        dr_slab_fini(&slab);
    }
    dr_stream_slab_fini(&streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_leave_room_for_large_calls),
        cmocka_unit_test(beyond_half_of_the_slab_they_stand_alone),
        cmocka_unit_test(others_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
