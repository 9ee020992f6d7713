/* test_reply_ring.c: bodies in a ring: whole, in order, in bounds, and their memory given back. */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "server/dedupe/reply_ring.h"

static void open_log(dr_reply_ring *log, uint32_t size)
{
    dr_reply_ring_init(log, size);
    assert_int_equal(dr_reply_ring_open(log), DORA_OK);
    assert_int_equal(dr_reply_ring_open(log), DORA_OK);
}

static uint32_t add(dr_reply_ring *log, char letter, size_t len)
{
    char *body = test_malloc(len + 1);
    memset(body, letter, len);
    assert_true(dr_reply_ring_has_room(log, len));
    const uint32_t at = dr_reply_ring_add(log, (dora_slice){body, len});
    test_free(body);
    return at;
}

static void check(const dr_reply_ring *log, uint32_t at, char letter, uint32_t len)
{
    const dora_slice body = dr_reply_ring_body(log, at, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(body.data[i], letter);
    }
}

static void goes_around(void **state)
{
    (void)state;
    dr_reply_ring log;
    open_log(&log, 100);
    const uint32_t a = add(&log, 'a', 40);
    const uint32_t b = add(&log, 'b', 50);
    assert_false(dr_reply_ring_has_room(&log, 11)); /* 10 are left at the end */
    assert_true(dr_reply_ring_has_room(&log, 10));
    assert_true(dr_reply_ring_has_room(&log, 0));
    dr_reply_ring_cut(&log, b);
    assert_true(dr_reply_ring_has_room(&log, 40)); /* at the beginning, the 10 left out */
    assert_false(dr_reply_ring_has_room(&log, 41));
    const uint32_t c = add(&log, 'c', 30);
    assert_int_equal(c, a);
    assert_true(dr_reply_ring_has_room(&log, 10));
    assert_false(dr_reply_ring_has_room(&log, 11));
    check(&log, b, 'b', 50);
    check(&log, c, 'c', 30);
    dr_reply_ring_cut(&log, c); /* what was left out is free with it */
    assert_int_equal(log.used, 30);
    assert_true(dr_reply_ring_has_room(&log, 70));
    const uint32_t d = add(&log, 'd', 70); /* up to the end exactly */
    assert_int_equal(d, 30);
    assert_true(dr_reply_ring_has_room(&log, 0));
    assert_false(dr_reply_ring_has_room(&log, 1));
    check(&log, c, 'c', 30);
    check(&log, d, 'd', 70);
    dr_reply_ring_cut(&log, d);
    assert_int_equal(add(&log, 'e', 30), 0);
    dr_reply_ring_fini(&log);
}

static void one_is_as_large_as_all(void **state)
{
    (void)state;
    dr_reply_ring log;
    open_log(&log, 100);
    assert_false(dr_reply_ring_has_room(&log, 101));
    assert_false(dr_reply_ring_has_room(&log, SIZE_MAX / 2));
    (void)add(&log, 'a', 1);
    assert_false(dr_reply_ring_has_room(&log, 100));
    dr_reply_ring_clear(&log);
    const uint32_t whole = add(&log, 'w', 100);
    assert_false(dr_reply_ring_has_room(&log, 1));
    /* Those of no length need no room, behind a whole ring neither. */
    const uint32_t none = add(&log, '-', 0);
    const uint32_t other = add(&log, '-', 0);
    check(&log, whole, 'w', 100);
    dr_reply_ring_cut(&log, none);
    assert_int_equal(log.used, 0);
    const uint32_t next = add(&log, 'n', 100);
    dr_reply_ring_cut(&log, other);
    dr_reply_ring_cut(&log, next);
    assert_int_equal(log.used, 100);
    check(&log, next, 'n', 100);
    dr_reply_ring_clear(&log);
    assert_int_equal(log.used, 0);
    dr_reply_ring_fini(&log);
    dr_reply_ring_fini(&log);
}

static size_t pages_of(const dr_reply_ring *log)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char there[64];
    size_t count = 0;
    assert_true(log->size <= page * sizeof(there));
    assert_int_equal(mincore(log->bytes, log->size, there), 0);
    for (size_t i = 0; i < (log->size + page - 1) / page; i++) {
        count += there[i] & 1u;
    }
    return count;
}

static void trim_all(dr_reply_ring *log, size_t most)
{
    while (dr_reply_ring_trim(log, most)) {
    }
}

static void memory_is_given_back(void **state)
{
    (void)state;
    const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
    dr_reply_ring log;
    open_log(&log, 10 * page + 100); /* its last page is not whole */
    assert_false(dr_reply_ring_trim(&log, page));
    const uint32_t a = add(&log, 'a', 3 * page);
    const uint32_t b = add(&log, 'b', 3 * page + 10);
    const uint32_t c = add(&log, 'c', 4 * page + 90);
    assert_int_equal(pages_of(&log), 11);
    assert_false(dr_reply_ring_trim(&log, 100 * page)); /* nothing has gone */
    dr_reply_ring_cut(&log, b);
    assert_true(dr_reply_ring_trim(&log, page)); /* a piece at a time */
    assert_int_equal(pages_of(&log), 10);
    assert_true(dr_reply_ring_trim(&log, page));
    assert_false(dr_reply_ring_trim(&log, page));
    assert_int_equal(pages_of(&log), 8);
    check(&log, b, 'b', 3 * page + 10);
    /* What is written again is given back again; the page that two share stays. */
    const uint32_t d = add(&log, 'd', page + 10);
    assert_int_equal(d, a);
    assert_int_equal(pages_of(&log), 10);
    dr_reply_ring_cut(&log, c);
    trim_all(&log, 100 * page);
    assert_int_equal(pages_of(&log), 7);
    dr_reply_ring_cut(&log, d);
    trim_all(&log, 2 * page);
    assert_int_equal(pages_of(&log), 2);
    check(&log, d, 'd', page + 10);
    dr_reply_ring_clear(&log);
    trim_all(&log, 2 * page);
    assert_int_equal(pages_of(&log), 0);
    (void)add(&log, 'e', 10);
    assert_int_equal(pages_of(&log), 1);
    dr_reply_ring_fini(&log);
}

/* What the next test knows of a body. */
typedef struct known {
    uint32_t at;
    uint32_t len;
    char letter;
} known;

static void any_sizes_stay_whole(void **state)
{
    (void)state;
    static known queue[20000];
    const uint32_t sizes[] = {1, 7, 64, 1000, 20000};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        dr_reply_ring log;
        open_log(&log, sizes[s]);
        size_t first = 0;
        size_t last = 0;
        unsigned seed = 1;
        while (last < sizeof(queue) / sizeof(queue[0])) {
            const unsigned number = (unsigned)rand_r(&seed);
            const uint32_t most = number % 16 == 0 ? sizes[s] : sizes[s] / 5 + 1;
            known *one = &queue[last];
            one->len = (uint32_t)rand_r(&seed) % (most + 1);
            one->letter = (char)('a' + last % 26);
            const bool goes = number % 5 == 0 || !dr_reply_ring_has_room(&log, one->len);
            if (goes && first < last) {
                check(&log, queue[first].at, queue[first].letter, queue[first].len);
                first++;
                if (first == last) {
                    dr_reply_ring_clear(&log);
                } else {
                    dr_reply_ring_cut(&log, queue[first].at);
                }
            } else {
                one->at = add(&log, one->letter, one->len); /* an empty log has room for all */
                assert_true(one->at + one->len <= sizes[s]);
                last++;
            }
            if (number % 64 == 0) {
                (void)dr_reply_ring_trim(&log, 8192);
            }
            assert_true(log.used <= log.size && log.clean <= log.size - log.used);
        }
        for (; first < last; first++) {
            check(&log, queue[first].at, queue[first].letter, queue[first].len);
        }
        dr_reply_ring_fini(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_around),
        cmocka_unit_test(one_is_as_large_as_all),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(any_sizes_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
