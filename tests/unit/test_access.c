/* test_access.c: addresses and their networks, tokens, patterns, rules, guesses. */
#include "unit.h"

#include <arpa/inet.h>

#include "base/slice.h"
#include "server/access/guesses.h"
#include "server/access/rules.h"

static bool has(const char *network, const char *address)
{
    dr_network whole;
    dr_ip ip;
    dora_error error = {0};
    assert_int_equal(dr_network_read(network, &whole, &error), DORA_OK);
    assert_true(dr_ip_read(address, &ip));
    return dr_network_has(&whole, &ip);
}

static void a_network_has_what_begins_as_it_does(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.1.2.3", "10.1.2.3"));
    assert_false(has("10.1.2.3", "10.1.2.2"));
    assert_true(has("192.168.128.0/17", "192.168.255.255"));
    assert_false(has("192.168.128.0/17", "192.168.127.255"));
    assert_true(has("0.0.0.0/0", "1.2.3.4"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_true(has("fd00::/8", "fdff::1"));
    assert_false(has("fd00::/8", "fe80::1"));
    assert_false(has("::/0", "1.2.3.4"));
    assert_true(has("10.0.0.0/8", "::ffff:10.0.0.1"));
    assert_true(has("::ffff:10.0.0.0/104", "10.0.0.1"));
}

static void no_address_is_in_no_network(void **state)
{
    (void)state;
    const dr_ip none = {0};
    dr_network all;
    assert_int_equal(dr_network_read("0.0.0.0/0", &all, NULL), DORA_OK);
    assert_false(dr_network_has(&all, &none));
}

static void a_bad_network_is_told_with_its_mend(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } bad[] = {{"10.0.0.1/8", "did you mean \"10.0.0.0/8\"?"},
               {"10.0.0.0/33", "0 to 32"},
               {"fd00::/129", "0 to 128"},
               {"10.0.0.0/", "0 to 32"},
               {"10.0.0.0/-1", "0 to 32"},
               {"10.0.0.0/8x", "0 to 32"},
               {"::ffff:10.0.0.0/8", "96 to 128"},
               {"localhost", "must be a network"},
               {"", "must be a network"},
               {"10.0/8", "must be a network"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        dr_network network;
        dora_error error = {0};
        assert_int_equal(dr_network_read(bad[i].text, &network, &error), DORA_EINVAL);
        if (strstr(error.msg, bad[i].part) == NULL) {
            fail_msg("%s: %s", bad[i].text, error.msg);
        }
    }
}

static void a_token_is_known_by_its_sha256(void **state)
{
    (void)state;
    dr_token_digest digest;
    dr_token_digest expected;
    assert_true(dr_token_digest_read(
        dr_slice("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &expected));
    assert_int_equal(dr_token_digest_of(dr_slice("abc"), &digest), DORA_OK);
    assert_true(dr_token_is(&digest, &expected));
    digest.bytes[31] ^= 1;
    assert_false(dr_token_is(&digest, &expected));
    assert_false(dr_token_digest_read(dr_slice("ba78"), &expected));
    assert_false(dr_token_digest_read(
        dr_slice("zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &expected));
}

static void a_token_is_of_visible_characters(void **state)
{
    (void)state;
    char text[DR_TOKEN_BYTES_MAX + 1];
    memset(text, 'x', sizeof(text));
    assert_true(dr_token_is_sound((dora_slice){text, DR_TOKEN_BYTES_MAX}));
    assert_false(dr_token_is_sound((dora_slice){text, DR_TOKEN_BYTES_MAX + 1}));
    assert_false(dr_token_is_sound((dora_slice){"", 0}));
    assert_false(dr_token_is_sound(dr_slice("two words")));
    assert_false(dr_token_is_sound(dr_slice("line\n")));
    assert_false(dr_token_is_sound((dora_slice){"a\0b", 3}));
}

static void a_star_stands_for_anything(void **state)
{
    (void)state;
    assert_true(dr_pattern_is("*", dr_slice("")));
    assert_true(dr_pattern_is("*", dr_slice("/any")));
    assert_true(dr_pattern_is("/shop/*", dr_slice("/shop/")));
    assert_false(dr_pattern_is("/shop/*", dr_slice("/shop")));
    assert_true(dr_pattern_is("/*/get", dr_slice("/a/b/get")));
    assert_false(dr_pattern_is("/*/get", dr_slice("/a/b/gets")));
    assert_true(dr_pattern_is("a*b*c", dr_slice("a-b-b-c")));
    assert_true(dr_pattern_is("*aab", dr_slice("aaaab")));
    assert_false(dr_pattern_is("", dr_slice("x")));
    assert_false(dr_pattern_is("get", dr_slice("Get")));
    assert_false(dr_pattern_is("ab", (dora_slice){"a\0", 2}));
}

typedef struct office {
    dr_access *access;
} office;

static void office_end(office *self)
{
    dr_access_free(self->access);
}

UNIT_SCENE(office, office_end)

static bool may(const office *self, uint32_t identity, const char *from, const char *api)
{
    dr_subject subject = {.identity = identity};
    if (from != NULL) {
        assert_true(dr_ip_read(from, &subject.ip));
    }
    return dr_access_judge(self->access, &subject, DR_RIGHT_API, dr_slice(api)).is_allowed;
}

static void the_first_rule_that_matches_decides(void **state)
{
    office *self = *state;
    self->access = dr_access_new();
    assert_non_null(dr_access_add_identity(self->access, "shop"));
    assert_non_null(dr_access_add_identity(self->access, "ops"));
    dr_access_rule *rule = dr_access_add_rule(self->access);
    dr_access_rule_add_identity(rule, 0);
    assert_int_equal(dr_patterns_add(&rule->apis, "!/shop/reset"), DORA_OK);
    assert_int_equal(dr_patterns_add(&rule->apis, "/shop/*"), DORA_OK);
    rule = dr_access_add_rule(self->access);
    rule->anyone = true;
    assert_int_equal(dr_patterns_add(&rule->apis, "/public/*"), DORA_OK);
    rule = dr_access_add_rule(self->access);
    dr_network network;
    assert_int_equal(dr_network_read("10.0.0.0/8", &network, NULL), DORA_OK);
    assert_int_equal(dr_access_rule_add_network(rule, &network), DORA_OK);
    assert_int_equal(dr_patterns_add(&rule->apis, "*"), DORA_OK);
    assert_true(may(self, 0, NULL, "/shop/list"));
    assert_false(may(self, 0, NULL, "/shop/reset"));
    assert_false(may(self, 0, "10.1.1.1", "/shop/reset"));
    assert_true(may(self, 0, NULL, "/public/x"));
    assert_false(may(self, 1, NULL, "/shop/list"));
    assert_true(may(self, DR_NOBODY, NULL, "/public/x"));
    assert_false(may(self, DR_NOBODY, "11.1.1.1", "/shop/list"));
    assert_true(may(self, DR_NOBODY, "10.1.1.1", "/shop/list"));
    const dr_subject shop = {.identity = 0};
    const dr_verdict verdict =
        dr_access_judge(self->access, &shop, DR_RIGHT_COMMAND, dr_slice("getStat"));
    assert_false(verdict.is_allowed);
    assert_int_equal(verdict.rule, -1);
}

static void an_identity_has_several_tokens(void **state)
{
    office *self = *state;
    dr_token_digest old;
    dr_token_digest new;
    dr_token_digest other;
    self->access = dr_access_new();
    dr_identity *identity = dr_access_add_identity(self->access, "shop");
    assert_int_equal(dr_token_digest_of(dr_slice("old"), &old), DORA_OK);
    assert_int_equal(dr_token_digest_of(dr_slice("new"), &new), DORA_OK);
    assert_int_equal(dr_token_digest_of(dr_slice("other"), &other), DORA_OK);
    assert_int_equal(dr_identity_add_token(identity, &old), DORA_OK);
    assert_int_equal(dr_identity_add_token(identity, &new), DORA_OK);
    assert_int_equal(dr_identity_add_uid(identity, 33), DORA_OK);
    assert_int_equal(dr_identity_add_cert(identity, "shop.example"), DORA_OK);
    assert_int_equal(dr_access_by_token(self->access, &old), 0);
    assert_int_equal(dr_access_by_token(self->access, &new), 0);
    assert_int_equal(dr_access_by_token(self->access, &other), DR_NOBODY);
    assert_int_equal(dr_access_by_uid(self->access, 33), 0);
    assert_int_equal(dr_access_by_uid(self->access, 0), DR_NOBODY);
    assert_int_equal(dr_access_by_cert(self->access, "SHOP.example"), 0);
    assert_int_equal(dr_access_by_cert(self->access, "shop"), DR_NOBODY);
}

static dr_guesses table; /* too large for the stack of a test */

static void an_address_has_so_many_guesses_and_no_other_pays(void **state)
{
    (void)state;
    dr_ip one;
    dr_ip other;
    assert_true(dr_ip_read("10.0.0.1", &one));
    assert_true(dr_ip_read("10.0.0.2", &other));
    dr_guesses_init(&table);
    for (unsigned i = 0; i < DR_GUESSES_MAX; i++) {
        assert_true(dr_guesses_may(&table, &one, 1000));
        dr_guesses_wrong(&table, &one, 1000);
    }
    assert_false(dr_guesses_may(&table, &one, 1000));
    assert_true(dr_guesses_may(&table, &other, 1000));
    assert_true(dr_guesses_may(&table, &one, 1000 + 1000 / DR_GUESSES_A_SECOND));
    dr_guesses_fini(&table);
}

static void a_network_of_ipv6_is_one_guesser(void **state)
{
    (void)state;
    dr_ip one;
    dr_ip neighbour;
    dr_ip other;
    assert_true(dr_ip_read("fd00::1:0:0:1", &one));
    assert_true(dr_ip_read("fd00::ffff:0:0:1", &neighbour));
    assert_true(dr_ip_read("fd00:0:0:1::1", &other));
    dr_guesses_init(&table);
    for (unsigned i = 0; i < DR_GUESSES_MAX; i++) {
        dr_guesses_wrong(&table, &one, 1000);
    }
    assert_false(dr_guesses_may(&table, &neighbour, 1000));
    assert_true(dr_guesses_may(&table, &other, 1000));
    dr_guesses_fini(&table);
}

static void many_guessers_take_no_more_room(void **state)
{
    (void)state;
    dr_guesses_init(&table);
    for (uint32_t i = 0; i < 5000; i++) {
        const dr_ip ip = {.family = 4, .bytes = {(uint8_t)(i >> 8), (uint8_t)i, 1, 1}};
        dr_guesses_wrong(&table, &ip, 1000 + i);
        assert_true(dr_guesses_may(&table, &ip, 1000 + i));
    }
    dr_guesses_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_what_begins_as_it_does),
        cmocka_unit_test(no_address_is_in_no_network),
        cmocka_unit_test(a_bad_network_is_told_with_its_mend),
        cmocka_unit_test(a_token_is_known_by_its_sha256),
        cmocka_unit_test(a_token_is_of_visible_characters),
        cmocka_unit_test(a_star_stands_for_anything),
        unit_in(office, the_first_rule_that_matches_decides),
        unit_in(office, an_identity_has_several_tokens),
        cmocka_unit_test(an_address_has_so_many_guesses_and_no_other_pays),
        cmocka_unit_test(a_network_of_ipv6_is_one_guesser),
        cmocka_unit_test(many_guessers_take_no_more_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
