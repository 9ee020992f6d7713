/* test_digest.c: the digest is SipHash-1-3 of 128 bits, long runs are taken in lanes, and different
 * inputs look different. */
#include "unit.h"

#include "base/digest.h"
#include "base/digest_stripes.h"

/* 00 01 02 ... 0f, the key of the published vectors. */
static const dr_digest_key known_key = {
    {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

/* from_bytes reads a digest as `openssl mac ... -macopt c-rounds:1 -macopt d-rounds:3 SIPHASH`
 * prints it. */
static dr_digest from_bytes(const char *hex)
{
    dr_digest digest = {{0, 0}};
    for (unsigned i = 0; i < 16; i++) {
        const char pair[3] = {hex[i * 2], hex[i * 2 + 1], '\0'};
        digest.words[i / 8] |= (uint64_t)strtoul(pair, NULL, 16) << (i % 8 * 8);
    }
    return digest;
}

static void is_siphash(void **state)
{
    (void)state;
    dr_digester digester;
    dr_digester_init(&digester, &known_key);
    dr_digest digest = dr_digester_end(&digester);
    dr_digest expected = from_bytes("E77EBCB22788A5BEFD62DB6ADD303001");
    assert_true(dr_digest_is(&digest, &expected));

    dr_digester_init(&digester, &known_key);
    dr_digester_number(&digester, UINT64_C(0x0706050403020100));
    digest = dr_digester_end(&digester);
    expected = from_bytes("AA12FEE1D5E3DAB4724F16AB35F9C799");
    assert_true(dr_digest_is(&digest, &expected));

    /* The number, the length 10 as a number, ten bytes and six zeros. */
    dr_digester_init(&digester, &known_key);
    dr_digester_number(&digester, UINT64_C(0x0706050403020100));
    dr_digester_bytes(&digester, (dora_slice){"abcdefghij", 10});
    digest = dr_digester_end(&digester);
    expected = from_bytes("A617E691DE978A36F36D3D71ADDC15AA");
    assert_true(dr_digest_is(&digest, &expected));
}

static dr_digest of_two(const dr_digest_key *key, dora_slice first, dora_slice second)
{
    dr_digester digester;
    dr_digester_init(&digester, key);
    dr_digester_bytes(&digester, first);
    dr_digester_bytes(&digester, second);
    return dr_digester_end(&digester);
}

static void runs_do_not_flow_together(void **state)
{
    (void)state;
    static const char text[] = "abcdefghijklmnopqrstuvwxyz\0\0";
    dr_digest seen[sizeof(text)];
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        seen[cut] = of_two(&known_key, (dora_slice){text, cut},
                           (dora_slice){text + cut, sizeof(text) - cut});
        for (size_t other = 0; other < cut; other++) {
            assert_false(dr_digest_is(&seen[cut], &seen[other]));
        }
    }
    /* Zeros at the end are not the zeros that fill a word. */
    const dr_digest with = of_two(&known_key, (dora_slice){"a\0", 2}, (dora_slice){"", 0});
    const dr_digest without = of_two(&known_key, (dora_slice){"a", 1}, (dora_slice){"", 0});
    assert_false(dr_digest_is(&with, &without));
}

/* one_by_one is what lanes do, without any: eight states, each of which takes every eighth word. A
 * run of less than 1 KiB has none. */
static dr_digest one_by_one(const char *run, size_t len)
{
    dr_digester outer;
    dr_digester lane[8];
    dr_digester_init(&outer, &known_key);
    dr_digester_number(&outer, len);
    const size_t words = len < 1024 ? 0 : len / 64 * 8;
    for (size_t i = 0; i < 8; i++) {
        lane[i] = outer;
    }
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, run + i * 8, sizeof(word));
        dr_digester_number(&lane[i % 8], word);
    }
    for (size_t i = 0; i < 32 && words > 0; i++) {
        dr_digester_number(&outer, lane[i / 16 * 4 + i % 4].v[i / 4 % 4]);
    }
    for (size_t i = words * 8; i < len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, run + i, len - i < 8 ? len - i : 8);
        dr_digester_number(&outer, word);
    }
    return dr_digester_end(&outer);
}

static dr_digest of_run(const char *run, size_t len)
{
    dr_digester digester;
    dr_digester_init(&digester, &known_key);
    dr_digester_bytes(&digester, (dora_slice){run, len});
    return dr_digester_end(&digester);
}

static void fill(char *run, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        run[i] = (char)(i * 7 + i / 256);
    }
}

static void long_runs_are_taken_in_lanes(void **state)
{
    (void)state;
    char run[4100];
    fill(run, sizeof(run));
    for (size_t len = 1023; len < sizeof(run) - 1; len += len < 1026 ? 1 : 37) {
        const char *odd = run + len % 2; /* runs stand at any address */
        const dr_digest found = of_run(odd, len);
        const dr_digest expected = one_by_one(odd, len);
        assert_true(dr_digest_is(&found, &expected));
    }
}

static void all_ways_to_take_stripes_agree(void **state)
{
    (void)state;
    static const uint64_t start[4] = {1, 2, 3, 4};
    char run[64 * DR_STRIPE_BYTES + 1];
    dr_stripes_lanes expected;
    fill(run, sizeof(run));
    dr_stripes_start(&expected, start);
    dr_stripes_way(0)(&expected, run + 1, 64);
    for (unsigned number = 1; number < DR_STRIPES_WAYS; number++) {
        dr_stripes_taker *way = dr_stripes_way(number);
        dr_stripes_lanes found;
        dr_stripes_start(&found, start);
        if (way == NULL) {
            print_message("way %u: not on this processor\n", number);
            continue;
        }
        way(&found, run + 1, 64);
        assert_memory_equal(&found, &expected, sizeof(found));
    }
    assert_null(dr_stripes_way(DR_STRIPES_WAYS));
}

static void every_bit_of_a_long_run_counts(void **state)
{
    (void)state;
    char run[1025];
    memset(run, 'x', sizeof(run));
    const dr_digest whole = of_run(run, sizeof(run));
    for (size_t bit = 0; bit < sizeof(run) * 8; bit++) {
        run[bit / 8] ^= (char)(1 << bit % 8);
        const dr_digest other = of_run(run, sizeof(run));
        assert_false(dr_digest_is(&whole, &other));
        run[bit / 8] ^= (char)(1 << bit % 8);
    }
    const dr_digest again = of_run(run, sizeof(run));
    assert_true(dr_digest_is(&whole, &again));
    const dr_digest shorter = of_run(run, sizeof(run) - 1);
    assert_false(dr_digest_is(&whole, &shorter));
}

static void keys_are_made(void **state)
{
    (void)state;
    dr_digest_key one = {{0, 0}};
    dr_digest_key other = {{0, 0}};
    assert_int_equal(dr_digest_key_make(&one), DORA_OK);
    assert_int_equal(dr_digest_key_make(&other), DORA_OK);
    assert_memory_not_equal(&one, &other, sizeof(one));
    const dr_digest a = of_two(&one, (dora_slice){"same", 4}, (dora_slice){"", 0});
    const dr_digest b = of_two(&other, (dora_slice){"same", 4}, (dora_slice){"", 0});
    assert_false(dr_digest_is(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_siphash),
        cmocka_unit_test(runs_do_not_flow_together),
        cmocka_unit_test(long_runs_are_taken_in_lanes),
        cmocka_unit_test(all_ways_to_take_stripes_agree),
        cmocka_unit_test(every_bit_of_a_long_run_counts),
        cmocka_unit_test(keys_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
