/* test_slab.c: blocks never overlap, come back whole, and large ones survive fragmentation. */
#include "unit.h"

#include "ipc/slab.h"

#define MIB (1024u * 1024u)

static void gives_and_takes(void **state)
{
    (void)state;
    dr_slab slab;
    uint64_t offset = 0;
    uint32_t capacity = 0;
    assert_int_equal(dr_slab_init(&slab, 4 * MIB), DORA_OK);
    assert_int_equal(dr_slab_alloc(&slab, 1, &offset, &capacity), DORA_OK);
    assert_int_equal(capacity, DR_BLOCK_BYTES_MIN);
    dr_slab_free(&slab, offset, capacity);
    assert_int_equal(dr_slab_alloc(&slab, DR_BLOCK_BYTES_MIN + 1, &offset, &capacity), DORA_OK);
    assert_int_equal(capacity, 2 * DR_BLOCK_BYTES_MIN);
    assert_int_equal(dr_slab_alloc(&slab, 5 * MIB, &offset, &capacity), DORA_EFULL);
    dr_slab_fini(&slab);
    dr_slab_fini(&slab);
}

static void merges_when_it_must(void **state)
{
    (void)state;
    dr_slab slab;
    uint64_t offsets[4096];
    uint32_t capacity = 0;
    assert_int_equal(dr_slab_init(&slab, 4 * MIB), DORA_OK);
    for (uint32_t i = 0; i < 4096; i++) {
        assert_int_equal(dr_slab_alloc(&slab, 1024, &offsets[i], &capacity), DORA_OK);
    }
    uint64_t offset = 0;
    for (int i = 0; i < 2; i++) { /* the second time it knows so */
        assert_int_equal(slab.is_merged, i == 1);
        assert_int_equal(dr_slab_alloc(&slab, 1, &offset, &capacity), DORA_EFULL);
    }
    for (uint32_t i = 0; i < 4096; i++) {
        dr_slab_free(&slab, offsets[i], DR_BLOCK_BYTES_MIN);
    }
    assert_int_equal(dr_slab_alloc(&slab, 4 * MIB, &offset, &capacity), DORA_OK);
    assert_int_equal(offset, 0);
    dr_slab_fini(&slab);
}

static void random_blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { LIVE = 64 };
    dr_slab slab;
    uint64_t offsets[LIVE] = {0};
    uint32_t capacities[LIVE] = {0};
    unsigned seed = 1;
    char *used = calloc(4 * MIB / DR_BLOCK_BYTES_MIN, 1);
    assert_non_null(used);
    assert_int_equal(dr_slab_init(&slab, 4 * MIB), DORA_OK);
    for (int turn = 0; turn < 20000; turn++) {
        seed = seed * 1103515245u + 12345u;
        const uint32_t at = (seed >> 8) % LIVE;
        const uint64_t first = offsets[at] / DR_BLOCK_BYTES_MIN;
        const uint32_t units = capacities[at] / DR_BLOCK_BYTES_MIN;
        for (uint32_t i = 0; i < units; i++) {
            used[first + i] = 0;
        }
        if (units > 0) {
            dr_slab_free(&slab, offsets[at], capacities[at]);
            capacities[at] = 0;
        }
        if (dr_slab_alloc(&slab, (seed >> 4) % (256 * 1024), &offsets[at], &capacities[at]) !=
            DORA_OK) {
            capacities[at] = 0;
            continue;
        }
        for (uint32_t i = 0; i < capacities[at] / DR_BLOCK_BYTES_MIN; i++) {
            assert_int_equal(used[offsets[at] / DR_BLOCK_BYTES_MIN + i], 0);
            used[offsets[at] / DR_BLOCK_BYTES_MIN + i] = 1;
        }
    }
    free(used);
    dr_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_and_takes),
        cmocka_unit_test(merges_when_it_must),
        cmocka_unit_test(random_blocks_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
