/* test_digest.c: the digest is SipHash-1-3 of 128 bits, and different inputs look different. */
#include "unit.h"

#include "base/digest.h"

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
        cmocka_unit_test(keys_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
