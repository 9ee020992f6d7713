/* test_gzip.c: one member, whole, within the limit; and the checksum. */
#include "unit.h"

#include "torture.h"
#include "wire/gzip.h"
#include "wire/sign.h"

static char *noise(size_t len)
{
    char *bytes = malloc(len);
    uint32_t random = 2463534242u;
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        bytes[i] = (char)random;
    }
    return bytes;
}

static void round_trips(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 100, 4096, 70000, 1500000};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (int is_noise = 0; is_noise < 2; is_noise++) {
            char *bytes = is_noise ? noise(lens[i] + 1) : calloc(1, lens[i] + 1);
            dr_buf packed = {0};
            dr_buf plain = {0};
            dr_buf_append(&packed, "p", 1);
            dr_buf_append(&plain, "q", 1);
            dora_slice in = {bytes, lens[i]};
            assert_int_equal(dr_gzip_deflate(in, &packed), DORA_OK);
            dora_slice member = {packed.data + 1, packed.len - 1};
            assert_int_equal(dr_gzip_inflate(member, lens[i], &plain), DORA_OK);
            assert_int_equal(plain.len, lens[i] + 1);
            assert_memory_equal(plain.data + 1, bytes, lens[i]);
            if (lens[i] > 0) {
                assert_int_equal(dr_gzip_inflate(member, lens[i] - 1, &plain), DORA_ETOOBIG);
                assert_int_equal(plain.len, lens[i] + 1);
            }
            dr_buf_fini(&packed);
            dr_buf_fini(&plain);
            free(bytes);
        }
    }
}

static void bomb_costs_no_memory(void **state)
{
    (void)state;
    size_t len = 64u << 20;
    char *zeros = calloc(1, len);
    dr_buf packed = {0};
    dr_buf plain = {0};
    assert_non_null(zeros);
    assert_int_equal(dr_gzip_deflate((dora_slice){zeros, len}, &packed), DORA_OK);
    free(zeros);
    assert_int_equal(dr_gzip_inflate(dr_buf_slice(&packed), 1 << 20, &plain), DORA_ETOOBIG);
    assert_int_equal(plain.len, 0);
    assert_true(plain.cap <= 4u << 20);
    dr_buf_fini(&packed);
    dr_buf_fini(&plain);
}

static void cuts_and_damage(void **state)
{
    (void)state;
    dr_buf packed = {0};
    dr_buf plain = {0};
    assert_int_equal(dr_gzip_deflate(text_slice("a body, a body, a body"), &packed), DORA_OK);
    for (size_t cut = 0; cut < packed.len; cut++) {
        assert_int_equal(dr_gzip_inflate((dora_slice){packed.data, cut}, 1000, &plain),
                         DORA_EPROTO);
        assert_int_equal(plain.len, 0);
    }
    /* Header and trailer: magic, method, checksum, length. */
    size_t places[] = {0, 1, 2, packed.len - 8, packed.len - 5, packed.len - 4, packed.len - 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        packed.data[places[i]] ^= 1;
        assert_int_equal(dr_gzip_inflate(dr_buf_slice(&packed), 1000, &plain), DORA_EPROTO);
        packed.data[places[i]] ^= 1;
    }
    dr_buf_append(&packed, "x", 1);
    assert_int_equal(dr_gzip_inflate(dr_buf_slice(&packed), 1000, &plain), DORA_EPROTO);
    packed.len--;
    assert_int_equal(dr_gzip_deflate(text_slice("second member"), &packed), DORA_OK);
    assert_int_equal(dr_gzip_inflate(dr_buf_slice(&packed), 1000, &plain), DORA_EPROTO);
    assert_int_equal(dr_gzip_inflate(text_slice("\x78\x9c\x03\x00"), 1000, &plain), DORA_EPROTO);
    dr_buf_fini(&packed);
    dr_buf_fini(&plain);
}

static bool there_and_back(void *user)
{
    char *bytes = user;
    dr_buf packed = {0};
    dr_buf plain = {0};
    dora_err err = dr_gzip_deflate((dora_slice){bytes, 50000}, &packed);
    if (err == DORA_OK) {
        err = dr_gzip_inflate(dr_buf_slice(&packed), 50000, &plain);
    }
    assert_true(err == DORA_OK || (err == DORA_ENOMEM && plain.len == 0));
    dr_buf_fini(&packed);
    dr_buf_fini(&plain);
    return err == DORA_OK;
}

static void out_of_memory(void **state)
{
    (void)state;
    char *bytes = noise(50000);
    assert_true(torture_run(there_and_back, bytes) >= 6);
    free(bytes);
}

static void checksums_are_crc32(void **state)
{
    (void)state;
    dora_slice none = {NULL, 0};
    /* crc32("123456789") is the checksum's own test value. */
    assert_int_equal(dr_crc32_salted(text_slice("12345"), text_slice("6789")), 0xcbf43926u);
    assert_int_equal(dr_crc32_salted(text_slice("123456789"), text_slice("")), 0xcbf43926u);
    assert_int_equal(dr_crc32_salted(none, text_slice("123456789")), 0xcbf43926u);
    assert_int_equal(dr_crc32_salted(text_slice("x"), none),
                     dr_crc32_salted(text_slice("x"), text_slice(DR_SALT_DEFAULT)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),         cmocka_unit_test(bomb_costs_no_memory),
        cmocka_unit_test(cuts_and_damage),     cmocka_unit_test(out_of_memory),
        cmocka_unit_test(checksums_are_crc32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
