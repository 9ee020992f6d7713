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

/* have asks first, as a pool does. */
static dora_err have(dr_stream_slab *streams, uint64_t bytes, block *one)
{
    return dr_stream_slab_is_full(streams, bytes)
               ? DORA_EFULL
               : dr_stream_slab_alloc(streams, bytes, &one->offset, &one->capacity);
}

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
            assert_int_equal(is_apart ? have(&streams, bytes, one)
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

/* Half of the slab is theirs at most. All comes back. */
static void they_have_half_of_the_slab(void **state)
{
    (void)state;
    dr_slab slab;
    dr_stream_slab streams;
    block all[DR_STREAM_BLOCKS];
    block other;
    assert_int_equal(dr_slab_init(&slab, 4 * MIB), DORA_OK);
    assert_int_equal(dr_stream_slab_init(&streams, &slab, 4 * MIB), DORA_OK);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < DR_STREAM_BLOCKS; i++) {
            assert_int_equal(have(&streams, STREAM_BYTES, &all[i]), DORA_OK);
            assert_int_equal(all[i].capacity, DR_STREAM_BLOCK);
            for (uint32_t before = 0; before < i; before++) {
                assert_true(all[before].offset != all[i].offset);
            }
        }
        assert_int_equal(have(&streams, STREAM_BYTES, &other), DORA_EFULL);
        assert_int_equal(dr_slab_alloc(&slab, 2 * MIB, &other.offset, &other.capacity), DORA_OK);
        dr_slab_free(&slab, other.offset, other.capacity);
        for (uint32_t i = 0; i < DR_STREAM_BLOCKS; i++) {
            dr_stream_slab_free(&streams, all[i].offset, all[i].capacity);
        }
        assert_int_equal(streams.bytes, 0);
        assert_int_equal(dr_slab_alloc(&slab, 4 * MIB, &other.offset, &other.capacity), DORA_OK);
        dr_slab_free(&slab, other.offset, other.capacity);
    }
    dr_stream_slab_fini(&streams);
    dr_slab_fini(&slab);
}

/* An area with one stream left is none for others: large streams have what remains of the half. */
static void an_area_counts_as_a_whole(void **state)
{
    (void)state;
    dr_slab slab;
    dr_stream_slab streams;
    block all[3 * DR_STREAM_BLOCKS];
    block other;
    uint32_t large = 0;
    assert_int_equal(dr_slab_init(&slab, 16 * MIB), DORA_OK);
    assert_int_equal(dr_stream_slab_init(&streams, &slab, 16 * MIB), DORA_OK);
    for (uint32_t i = 0; i < 3 * DR_STREAM_BLOCKS; i++) {
        assert_int_equal(have(&streams, STREAM_BYTES, &all[i]), DORA_OK);
    }
    for (uint32_t i = 0; i < 3 * DR_STREAM_BLOCKS; i++) {
        if (i % DR_STREAM_BLOCKS != 0) {
            dr_stream_slab_free(&streams, all[i].offset, all[i].capacity);
        }
    }
    assert_int_equal(streams.bytes, 6 * MIB);
    while (have(&streams, 60000, &other) == DORA_OK) {
        large++;
    }
    assert_int_equal(large, 2 * MIB / 65536);
    assert_int_equal(have(&streams, STREAM_BYTES, &other), DORA_OK); /* in an area that there is */
    dr_stream_slab_fini(&streams);
    dr_slab_fini(&slab);
}

/* The only stream may have more than half, and is then the only one. */
static void the_first_may_be_large(void **state)
{
    (void)state;
    dr_slab slab;
    dr_stream_slab streams;
    block one;
    block other;
    assert_int_equal(dr_slab_init(&slab, 4 * MIB), DORA_OK);
    assert_int_equal(dr_stream_slab_init(&streams, &slab, 4 * MIB), DORA_OK);
    assert_int_equal(have(&streams, 3 * MIB, &one), DORA_OK);
    assert_int_equal(have(&streams, STREAM_BYTES, &other), DORA_EFULL);
    dr_stream_slab_free(&streams, one.offset, one.capacity);
    assert_int_equal(have(&streams, STREAM_BYTES, &other), DORA_OK);
    dr_stream_slab_fini(&streams);
    dr_slab_fini(&slab);
}

/* Where there is no room for an area it is not looked for again with each stream, since to look
 * merges the slab. */
static void an_area_is_looked_for_now_and_then(void **state)
{
    (void)state;
    dr_slab slab;
    dr_stream_slab streams;
    block all[16];
    block one;
    assert_int_equal(dr_slab_init(&slab, 16 * MIB), DORA_OK);
    assert_int_equal(dr_stream_slab_init(&streams, &slab, 16 * MIB), DORA_OK);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(dr_slab_alloc(&slab, MIB, &all[i].offset, &all[i].capacity), DORA_OK);
    }
    for (uint32_t i = 0; i < 12; i += 2) {
        dr_slab_free(&slab, all[i].offset, all[i].capacity);
    }
    for (uint32_t i = 0; i <= DR_STREAM_SKIPS; i++) {
        assert_int_equal(have(&streams, STREAM_BYTES, &one), DORA_OK);
        assert_int_equal(streams.bytes, (i + 1) * DR_STREAM_BLOCK); /* alone */
        assert_int_equal(streams.skips, DR_STREAM_SKIPS - i);
    }
    dr_slab_free(&slab, all[14].offset, all[14].capacity);
    dr_slab_free(&slab, all[15].offset, all[15].capacity);
    const uint64_t before = streams.bytes;
    assert_int_equal(have(&streams, STREAM_BYTES, &one), DORA_OK);
    assert_int_equal(streams.bytes, before + 2 * MIB);
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
        assert_int_equal(have(&streams, cases[i].bytes, &one), DORA_OK);
        assert_int_equal(one.capacity, cases[i].capacity);
        assert_int_equal(streams.bytes, one.capacity);
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
        cmocka_unit_test(they_have_half_of_the_slab),
        cmocka_unit_test(an_area_counts_as_a_whole),
        cmocka_unit_test(the_first_may_be_large),
        cmocka_unit_test(an_area_is_looked_for_now_and_then),
        cmocka_unit_test(others_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
