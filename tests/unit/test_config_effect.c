/* test_config_effect.c: keys of a file that have no effect beside the others are told, and no
 * others. */
#include "unit.h"

#include "server/config/config.h"
#include "server/config/config_effect.h"
#include "server/config/config_read.h"

#define TOKEN "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

typedef struct heard {
    char keys[1024];
    char last[512];
} heard;

static void hear(const char *place, const char *key, const char *why, void *user)
{
    heard *all = user;
    const size_t len = strlen(all->keys);
    (void)snprintf(all->keys + len, sizeof(all->keys) - len, "%s%s", len > 0 ? " " : "", key);
    (void)snprintf(all->last, sizeof(all->last), "%s: %s: has no effect %s", place, key, why);
}

/* look reads a file with that text. */
static heard look(const char *text)
{
    heard all = {"", ""};
    dr_config config;
    dora_error error;
    assert_int_equal(dr_config_init(&config), DORA_OK);
    if (dr_config_parse(&config, (dora_slice){text, strlen(text)}, "conf/dora.json", &error) !=
        DORA_OK) {
        fail_msg("%s", error.msg);
    }
    assert_int_equal(dr_text_set(&config.file, "conf/dora.json"), DORA_OK);
    assert_int_equal(dr_text_set(&config.text, text), DORA_OK);
    dr_config_each_idle_key(&config, hear, &all);
    dr_config_fini(&config);
    return all;
}

static void assert_idle(const char *text, const char *wanted)
{
    const heard all = look(text);
    assert_string_equal(all.keys, wanted);
}

static void a_key_without_the_one_that_it_needs_is_told(void **state)
{
    (void)state;
    static const char *const alone[][2] = {
        {"{\"listen\": {\"unix_owner\": 1, \"unix_group\": \"x\", \"unix_mode\": \"0660\"}}",
         "listen.unix_owner listen.unix_group listen.unix_mode"},
        {"{\"salt\": \"pepper\"}", "salt"},
        {"{\"log\": {\"slow_ms\": 5}}", "log.slow_ms"},
        {"{\"log\": {\"slow_ms\": 5, \"requests\": \"all\"}}", "log.slow_ms"},
        {"{\"reload\": {\"max_error_ratio\": 2, \"watch_s\": 9}}",
         "reload.watch_s reload.max_error_ratio"},
        {"{\"reload\": {\"max_time_ratio\": 2, \"enough_calls\": 9, \"canary_percent\": 0}}",
         "reload.max_time_ratio reload.enough_calls"},
        {"{\"trace\": {\"service\": \"a\", \"headers\": {\"A\": \"b\"}, \"sample\": 0.5}}",
         "trace.service trace.headers trace.sample"},
        {"{\"tls\": {\"cert\": \"a\", \"key\": \"b\", \"min_version\": \"1.3\","
         " \"handshake_ms\": 99}}",
         "tls.cert tls.key tls.min_version tls.handshake_ms"},
        {"{\"tls\": {\"ca\": \"a\", \"crl\": \"b\", \"verify_client\": \"required\"}}",
         "tls.ca tls.crl tls.verify_client"},
        {"{\"listen\": {\"tls\": \"127.0.0.1:0\"}, \"tls\": {\"ca\": \"a\"}}", "tls.ca"},
        {"{\"control\": {\"http\": true}}", "control.http"},
        {"{\"http\": {\"rate_per_address\": 5, \"hosts\": [\"a.example\"]}}",
         "http.rate_per_address http.hosts"},
        {"{\"listen\": {\"http\": 0}, \"http\": {\"burst_per_address\": 5}}",
         "http.burst_per_address"},
        {"{\"discovery\": {\"groups\": [\"a\"], \"advertise\": \"10.0.0.1:1\"}}",
         "discovery.groups discovery.advertise"},
    };
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        assert_idle(alone[i][0], alone[i][1]);
    }
}

static void what_access_makes_idle_is_told_and_who_cannot_be_known(void **state)
{
    (void)state;
    assert_idle("{\"control\": {\"allow\": []}, \"access\": {\"identities\": {"
                "\"shop\": {\"cert\": \"shop.internal\"}, \"cron\": {\"uid\": 5},"
                "\"web\": {\"token_sha256\": \"" TOKEN "\"}},"
                "\"rules\": [{\"who\": [\"shop\", \"cron\", \"web\"], \"apis\": [\"*\"]}]}}",
                "access.identities.cron.uid access.identities.shop.cert control.allow");
}

static void what_dev_settles_is_told(void **state)
{
    (void)state;
    static const char keys[] =
        "{\"dev\": %s, \"stop_timeout_ms\": 5, \"upgrade_timeout_ms\": 5,"
        "\"reload\": {\"canary_percent\": 5}, \"pools\": {"
        "\"a\": {\"runtime\": \"python\", \"app\": \"a.py\", \"workers\": 2},"
        "\"b\": {\"runtime\": \"c\", \"app\": \"b.so\", \"time_limit_ms\": 9}}}";
    char text[512];
    (void)snprintf(text, sizeof(text), keys, "true");
    assert_idle(text, "stop_timeout_ms upgrade_timeout_ms reload.canary_percent pools.a.workers "
                      "pools.b.time_limit_ms");
    (void)snprintf(text, sizeof(text), keys, "false");
    assert_idle(text, "");
}

static void beside_what_they_need_all_have_an_effect(void **state)
{
    (void)state;
    assert_idle(
        "{\"listen\": {\"unix\": \"s\", \"unix_owner\": 1, \"unix_group\": 2,"
        " \"unix_mode\": \"0660\", \"tls\": \"127.0.0.1:0\", \"http\": 0},"
        "\"sign\": true, \"salt\": \"pepper\", \"log\": {\"requests\": \"slow\", \"slow_ms\": 5},"
        "\"reload\": {\"canary_percent\": 5, \"watch_s\": 9, \"max_error_ratio\": 2,"
        " \"max_time_ratio\": 2, \"enough_calls\": 9},"
        "\"trace\": {\"endpoint\": \"http://127.0.0.1:4318\", \"service\": \"a\","
        " \"headers\": {\"A\": \"b\"}, \"sample\": 0.5},"
        "\"tls\": {\"cert\": \"a\", \"key\": \"b\", \"ca\": \"c\", \"crl\": \"d\","
        " \"verify_client\": \"optional\", \"min_version\": \"1.3\", \"handshake_ms\": 99},"
        "\"control\": {\"allow\": [], \"http\": true},"
        "\"http\": {\"rate_per_address\": 5, \"burst_per_address\": 9,"
        " \"hosts\": [\"a.example\"]},"
        "\"discovery\": {\"redis\": [\"127.0.0.1\"], \"groups\": [\"a\"],"
        " \"advertise\": \"10.0.0.1:1\"}}",
        "");
    assert_idle("{\"listen\": {\"unix\": \"s\", \"tls\": \"127.0.0.1:0\"},"
                "\"tls\": {\"ca\": \"a\", \"verify_client\": \"required\"},"
                "\"access\": {\"identities\": {\"shop\": {\"cert\": \"shop.internal\"},"
                " \"cron\": {\"uid\": 5}}, \"rules\": [{\"who\": \"anyone\", \"apis\": [\"*\"]}]}}",
                "");
}

static void the_pages_of_operators_have_hosts_too(void **state)
{
    (void)state;
    assert_idle(
        "{\"listen\": {\"admin\": \"127.0.0.1:0\"}, \"http\": {\"hosts\": [\"a.example\"]}}", "");
}

static void what_is_not_there_or_null_is_not_told(void **state)
{
    (void)state;
    assert_idle("{}", "");
    assert_idle("{\"listen\": {\"unix_owner\": null}, \"tls\": {\"cert\": null}}", "");
}

static void a_note_has_the_place_and_the_mend(void **state)
{
    (void)state;
    const heard all = look("{\"reload\": {\n  \"watch_s\": 9}}");
    assert_string_equal(all.last,
                        "conf/dora.json:2:3: reload.watch_s: has no effect while "
                        "\"reload.canary_percent\" is 0: set that, and new generations are "
                        "watched");
}

static void without_a_file_nothing_is_told(void **state)
{
    (void)state;
    heard all = {"", ""};
    dr_config config;
    assert_int_equal(dr_config_init(&config), DORA_OK);
    dr_config_each_idle_key(&config, hear, &all);
    assert_string_equal(all.keys, "");
    dr_config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_the_one_that_it_needs_is_told),
        cmocka_unit_test(what_access_makes_idle_is_told_and_who_cannot_be_known),
        cmocka_unit_test(what_dev_settles_is_told),
        cmocka_unit_test(beside_what_they_need_all_have_an_effect),
        cmocka_unit_test(the_pages_of_operators_have_hosts_too),
        cmocka_unit_test(what_is_not_there_or_null_is_not_told),
        cmocka_unit_test(a_note_has_the_place_and_the_mend),
        cmocka_unit_test(without_a_file_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
