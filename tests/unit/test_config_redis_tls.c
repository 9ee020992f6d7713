/* test_config_redis_tls.c: what dora.json says of TLS towards Redis. */
#include "unit.h"

#include "server/config/config_discovery.h"
#include "server/config/config_read.h"

#define TLS_OF(tls) "{\"discovery\": {\"redis\": [\"rediss://a\"], \"tls\": " tls "}}"

/* What is wrong with a configuration, "" where nothing is; `config` is to be freed. */
static const char *read_config(dr_config *config, const char *text, dora_error *error)
{
    *error = (dora_error){.err = DORA_OK};
    assert_int_equal(dr_config_init(config), DORA_OK);
    if (dr_config_parse(config, text_slice(text), "conf/dora.json", error) == DORA_OK) {
        (void)dr_config_check(config, "dora.json", error);
    }
    return error->msg;
}

static void expect(const char *text, const char *message)
{
    dr_config config;
    dora_error error;
    assert_string_equal(read_config(&config, text, &error), message);
    dr_config_fini(&config);
}

static void its_files_and_name_are_read(void **state)
{
    dr_config config;
    dora_error error;
    (void)state;
    assert_string_equal(
        read_config(&config,
                    TLS_OF("{\"ca\": \"ca.pem\", \"cert\": \"/c.pem\", \"key\": \"../k.pem\","
                           " \"crl\": null, \"name\": \"redis.internal\"}"),
                    &error),
        "");
    assert_string_equal(config.discovery.tls.ca, "conf/ca.pem");
    assert_string_equal(config.discovery.tls.cert, "/c.pem");
    assert_string_equal(config.discovery.tls.key, "conf/../k.pem");
    assert_null(config.discovery.tls.crl);
    assert_string_equal(config.discovery.tls.name, "redis.internal");
    dr_config_fini(&config);
}

static void without_it_the_system_is_trusted(void **state)
{
    (void)state;
    expect("{\"discovery\": {\"redis\": [\"rediss://a\", \"b\", \"redis://c\"]}}", "");
    expect(TLS_OF("{}"), "");
}

static void what_is_wrong_is_named_with_its_mend(void **state)
{
    (void)state;
    expect("{\"discovery\": {\"redis\": [\"redis://a\"], \"tls\": {\"ca\": \"ca.pem\"}}}",
           "dora.json: discovery.tls: is there, and no Redis is spoken to with TLS: write "
           "rediss:// in \"discovery.redis\"");
    expect(TLS_OF("{\"cert\": \"c.pem\"}"),
           "dora.json: discovery.tls: \"cert\" and \"key\" belong together");
    expect(TLS_OF("{\"key\": \"c.pem\"}"),
           "dora.json: discovery.tls: \"cert\" and \"key\" belong together");
    expect(TLS_OF("{\"ca\": 7}"),
           "conf/dora.json:1:49: discovery.tls.ca: must be a file name or null");
    expect(TLS_OF("{\"name\": \"a:6379\"}"),
           "conf/dora.json:1:49: discovery.tls.name: must be the name of a host, as it stands in a "
           "certificate, or null");
    expect(TLS_OF("\"ca.pem\""), "conf/dora.json:1:41: discovery.tls: must be an object: {...}");
    expect("{\"discovery\": {\"ca\": \"a\"}}",
           "conf/dora.json:1:16: discovery.ca: unknown key; did you mean \"discovery.tls.ca\"? "
           "allowed: redis, groups, advertise, tls");
    expect("{\"discovery\": {\"redis\": [\"rediss://:SECRET@a/x\"]}}",
           "conf/dora.json:1:16: discovery.redis: item 1: Redis \"a\": the database is not a "
           "number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_files_and_name_are_read),
        cmocka_unit_test(without_it_the_system_is_trusted),
        cmocka_unit_test(what_is_wrong_is_named_with_its_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
