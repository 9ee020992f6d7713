/* test_redis_url.c: which Redis a text means; no error tells a password. */
#include "unit.h"

#include "discovery/redis_url.h"

static void read_text(const char *text, dr_redis_url *url)
{
    dora_error error = {0};
    if (dr_redis_url_read(text_slice(text), url, &error) != DORA_OK) {
        fail_msg("%s: %s", text, error.msg);
    }
}

typedef struct good {
    const char *text;
    const char *host;
    uint16_t port;
    const char *user;
    const char *password;
    uint32_t database;
    const char *shown;
} good;

static void each_form_is_read(void **state)
{
    static const good all[] = {
        {"cache", "cache", 6379, "", "", 0, "redis://cache:6379"},
        {"10.0.0.1:7000", "10.0.0.1", 7000, "", "", 0, "redis://10.0.0.1:7000"},
        {"[::1]", "::1", 6379, "", "", 0, "redis://[::1]:6379"},
        {"[::1]:1", "::1", 1, "", "", 0, "redis://[::1]:1"},
        {"unix:/run/redis.sock", "/run/redis.sock", 0, "", "", 0, "unix:/run/redis.sock"},
        {"redis://cache", "cache", 6379, "", "", 0, "redis://cache:6379"},
        {"REDIS://cache:65535/", "cache", 65535, "", "", 0, "redis://cache:65535"},
        {"redis://cache/15", "cache", 6379, "", "", 15, "redis://cache:6379/15"},
        {"redis://:secret@cache", "cache", 6379, "", "secret", 0, "redis://cache:6379"},
        {"redis://ann:se%63%2Fret@[fe80::1]:7/2", "fe80::1", 7, "ann", "sec/ret", 2,
         "redis://[fe80::1]:7/2"},
        {"redis://:p@s/s:w@cache:7", "cache", 7, "", "p@s/s:w", 0, "redis://cache:7"},
        {"redis://:@cache", "cache", 6379, "", "", 0, "redis://cache:6379"},
        {"redis://cache/2147483647", "cache", 6379, "", "", 2147483647u,
         "redis://cache:6379/2147483647"},
        {"rediss://cache", "cache", 6379, "", "", 0, "rediss://cache:6379"},
        {"Rediss://ann:se%63ret@[::1]:7/2", "::1", 7, "ann", "secret", 2, "rediss://[::1]:7/2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char shown[DR_REDIS_URL_TEXT_MAX];
        dr_redis_url url;
        read_text(all[i].text, &url);
        assert_string_equal(url.address.host, all[i].host);
        assert_int_equal(url.address.port, all[i].port);
        assert_string_equal(url.user, all[i].user);
        assert_string_equal(url.password, all[i].password);
        assert_int_equal(url.database, all[i].database);
        assert_int_equal(url.is_tls, strncasecmp(all[i].text, "rediss:", 7) == 0);
        assert_string_equal(dr_redis_url_text(&url, shown), all[i].shown);
    }
}

typedef struct bad {
    const char *text;
    const char *named; /* stands in the message */
} bad;

static void what_is_wrong_is_named_without_the_password(void **state)
{
    static const bad all[] = {
        {"", "\"\""},
        {"cache:", "\"cache\""},
        {"cache:0", "\"cache\""},
        {"cache:65536", "\"cache\""},
        {"::1", "IPv6"},
        {"ca che", "\"ca che\""},
        {"cache/1", "\"cache\""},
        {"http://cache", "\"http\""},
        {"unix:relative", "unix:relative"},
        {"rediss://", "\"\""},
        {"rediss://cache:0", "\"cache\""},
        {"rediss://:SECRET", "\"\""},
        {"rediss://SECRET@cache", ":password@"},
        {"rediss://:SECRET@cache/one", "\"cache\": the database"},
        {"rediss:/:SECRET@cache", "rediss://..."},
        {"redisss://:SECRET@cache", "redis://:password@host:port"},
        {"rediss:cache", "\"rediss\""},
        {"ann:SECRET@cache", "redis://:password@host:port"},
        {"redis://", "\"\""},
        {"redis://:SECRET", "\"\""},
        {"redis://ann:SECRET", "\"ann\""},
        {"redis://SECRET@cache", ":password@"},
        {"redis://SECRET:@cache", "a user without a password"},
        {"redis://:SECRET@", "\"\""},
        {"redis://:SECRET@cache:port/1", "\"cache\""},
        {"redis://:SECRET@cache/one", "\"cache\": the database"},
        {"redis://:SECRET@cache/2147483648", "the database"},
        {"redis://:SECRET@cache/99999999999999999999999999", "the database"},
        {"redis://:SECRET%@cache", "%25"},
        {"redis://:SECRET%4@cache", "%25"},
        {"redis://:SECRET%4g@cache", "%25"},
        {"redis://:SECRET%00@cache", "zero byte"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        dora_error error = {0};
        dr_redis_url url;
        assert_int_equal(dr_redis_url_read(text_slice(all[i].text), &url, &error), DORA_EINVAL);
        if (strstr(error.msg, all[i].named) == NULL || strstr(error.msg, "SECRET") != NULL) {
            fail_msg("%s: %s", all[i].text, error.msg);
        }
        assert_int_equal(dr_redis_url_read(text_slice(all[i].text), &url, NULL), DORA_EINVAL);
    }
}

static dora_err read_long_password(size_t len)
{
    char text[2 * DR_REDIS_SECRET_BYTES] = "redis://:";
    dr_redis_url url;
    size_t at = strlen(text);
    memset(text + at, 'x', len);
    snprintf(text + at + len, sizeof text - at - len, "@cache");
    dora_err err = dr_redis_url_read(text_slice(text), &url, NULL);
    assert_true(err != DORA_OK || strlen(url.password) == len);
    return err;
}

static dora_err read_long_host(size_t len)
{
    char text[2 * DR_HOST_BYTES] = "";
    dr_redis_url url;
    memset(text, 'h', len);
    return dr_redis_url_read(text_slice(text), &url, NULL);
}

static void limits_are_kept(void **state)
{
    (void)state;
    assert_int_equal(read_long_password(DR_REDIS_SECRET_BYTES - 1), DORA_OK);
    assert_int_equal(read_long_password(DR_REDIS_SECRET_BYTES), DORA_EINVAL);
    assert_int_equal(read_long_host(DR_HOST_BYTES - 1), DORA_OK);
    assert_int_equal(read_long_host(DR_HOST_BYTES), DORA_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read),
        cmocka_unit_test(what_is_wrong_is_named_without_the_password),
        cmocka_unit_test(limits_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
