/* test_config.c: dora.json to a dr_config, and what `dora check` says about mistakes. */
#include "unit.h"

#include <unistd.h>

#include "base/limits.h"
#include "discovery/entry.h"
#include "server/config/config.h"
#include "server/config/config_discovery.h"
#include "server/config/config_read.h"
#include "torture.h"

static dora_err parse(dr_config *config, const char *text, dora_error *error)
{
    dora_slice slice = {text, strlen(text)};
    assert_int_equal(dr_config_init(config), DORA_OK);
    return dr_config_parse(config, slice, "conf/dora.json", error);
}

static void expect_problem(const char *text, const char *message)
{
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, text, &error), DORA_ECONFIG);
    assert_string_equal(error.msg, message);
    dr_config_fini(&config);
}

static void defaults_are_these(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config,
                           "{\"pools\": {\"users\": {\"runtime\": \"python\", "
                           "\"app\": \"users.py\"}}}",
                           &error),
                     DORA_OK);
    assert_string_equal(config.tcp_host, "127.0.0.1");
    assert_int_equal(config.tcp_port, 9567);
    assert_int_equal(config.reactors, 0);
    assert_int_equal(config.backlog, 3000);
    assert_int_equal(config.frame_bytes_max, 2097152);
    assert_int_equal(config.idle_s, 0);
    assert_int_equal(config.linger_ms, 1000);
    assert_int_equal(config.drain_ms, 0);
    assert_int_equal(config.stop_timeout_ms, 30000);
    assert_int_equal(config.hung_ms, 30000);
    assert_int_equal(config.connection_mb_max, 64);
    assert_int_equal(config.buffers_mb_max, 0);
    assert_int_equal(config.stall_ms, 30000);
    assert_false(config.sign);
    assert_false(config.gzip);
    assert_false(config.daemonize);
    assert_string_equal(config.salt, "=&$*#@(*&%(@");
    assert_null(config.pid_file);
    assert_null(config.log.file);
    assert_int_equal(config.log.format, DR_LOG_TEXT);
    assert_int_equal(config.log.level, 4);
    assert_true(config.control.loopback && config.control.local);
    assert_int_equal(config.pool_count, 1);
    const dr_pool_config *pool = &config.pools[0];
    assert_string_equal(pool->name, "users");
    assert_int_equal(pool->runtime, DR_RUNTIME_PYTHON);
    assert_string_equal(pool->app, "conf/users.py");
    assert_null(pool->interpreter);
    assert_null(pool->extension);
    assert_true(pool->workers >= 2);
    assert_int_equal(pool->concurrency, 1);
    assert_int_equal(pool->apis.count, 0);
    assert_int_equal(pool->queue_tasks_max, 16384);
    assert_int_equal(pool->queue_mb_max, 64);
    assert_int_equal(pool->max_requests, DR_MAX_REQUESTS_AUTO);
    assert_int_equal(pool->memory_mb_max, 0);
    assert_true(pool->time_limit_ms == 60000 && pool->kill_after_ms == 1000);
    assert_true(pool->stream_idle_ms == 600000 && !pool->limits_accepted);
    assert_int_equal(pool->hung_ms, DR_HUNG_UNSET);
    assert_true(pool->preload && pool->dedupe && !pool->from_again);
    dr_config_fini(&config);
}

static const char WHOLE[] =
    "{\"listen\": {\"tcp\": \"[::1]:0\", \"http\": \"[::]:9566\", \"unix\": \"run/dora.sock\", "
    "\"admin\": \"127.0.0.1:9100\"},"
    " \"reactors\": 3, \"backlog\": 10, \"frame_bytes_max\": 4096, \"idle_s\": 5,"
    " \"linger_ms\": 0, \"drain_ms\": 7, \"stop_timeout_ms\": 0, \"hung_ms\": 9,"
    " \"connection_mb_max\": 5, \"buffers_mb_max\": 77, \"stall_ms\": 0,"
    " \"sign\": true, \"salt\": \"pepper\", \"gzip\": true,"
    " \"daemonize\": false, \"pid_file\": \"run/dora.pid\","
    " \"log\": {\"file\": \"/var/log/dora.log\", \"format\": \"json\", \"level\": 9},"
    " \"control\": {\"allow\": [\"unix\"]},"
    " \"discovery\": {\"redis\": [], \"groups\": [], \"advertise\": null},"
    " \"pools\": {"
    "  \"a\": {\"runtime\": \"php\", \"app\": \"/srv/a.php\", \"interpreter\": \"php8.2\","
    "   \"extension\": \"lib/dora.so\", \"workers\": 512, \"concurrency\": 1,"
    "   \"apis\": [\"/user/get\", \"/user/*\", \"*\"], \"queue_tasks_max\": 1,"
    "   \"queue_mb_max\": 1, \"max_requests\": 0, \"memory_mb_max\": 128, \"memory_hard_mb\": 256,"
    "   \"time_limit_ms\": 500, \"kill_after_ms\": 0, \"hung_ms\": 0, \"poison_s\": 9,"
    "   \"restarts_per_minute\": 8, \"preload\": false, \"dedupe\": false, \"stream_idle_ms\": 7},"
    "  \"b\": {\"runtime\": \"python\", \"app\": \"shop.users:app\"},"
    "  \"c\": {\"runtime\": \"c\", \"app\": \"orders.so\"}}}";

static void expect_http(const char *text, bool has_http, uint16_t port)
{
    dr_config config;
    dora_error error = {.msg = ""};
    (void)parse(&config, text, &error);
    assert_string_equal(error.msg, "");
    assert_int_equal(config.has_http, has_http);
    assert_int_equal(config.http_port, port);
    assert_null(config.http_host); /* that of TCP */
    dr_config_fini(&config);
}

static void http_keys_are_read(void **state)
{
    (void)state;
    static const char wrong[] =
        "conf/dora.json:1:13: listen.http: must be a port, \"HOST:PORT\", such as "
        "\"127.0.0.1:9566\", or null; port 0 picks a free one";
    expect_http("{}", false, 0);
    expect_http("{\"listen\": {\"http\": null}}", false, 0);
    expect_http("{\"listen\": {\"http\": 0}}", true, 0);
    expect_http("{\"listen\": {\"http\": 65535}}", true, 65535);
    expect_problem("{\"listen\": {\"http\": 65536}}", wrong);
    expect_problem("{\"listen\": {\"http\": -1}}", wrong);
    expect_problem("{\"listen\": {\"http\": \"9566\"}}", wrong);
    expect_problem("{\"listen\": {\"http\": true}}", wrong);
}

static void everything_set(void **state)
{
    (void)state;
    dr_config config;
    dora_error error = {.msg = ""};
    dora_err err = parse(&config, WHOLE, &error);
    assert_string_equal(error.msg, "");
    assert_int_equal(err, DORA_OK);
    assert_string_equal(config.tcp_host, "::1");
    assert_int_equal(config.tcp_port, 0);
    assert_true(config.has_http);
    assert_string_equal(config.http_host, "::");
    assert_int_equal(config.http_port, 9566);
    assert_string_equal(config.unix_path, "conf/run/dora.sock");
    assert_string_equal(config.admin_host, "127.0.0.1");
    assert_int_equal(config.admin_port, 9100);
    assert_int_equal(config.reactors, 3);
    assert_int_equal(config.frame_bytes_max, 4096);
    assert_int_equal(config.linger_ms, 0);
    assert_int_equal(config.drain_ms, 7);
    assert_int_equal(config.stop_timeout_ms, 0);
    assert_int_equal(config.hung_ms, 9);
    assert_int_equal(config.connection_mb_max, 5);
    assert_int_equal(config.buffers_mb_max, 77);
    assert_int_equal(config.stall_ms, 0);
    assert_true(config.sign && config.gzip);
    assert_string_equal(config.salt, "pepper");
    assert_string_equal(config.pid_file, "conf/run/dora.pid");
    assert_string_equal(config.log.file, "/var/log/dora.log");
    assert_int_equal(config.log.format, DR_LOG_JSON);
    assert_int_equal(config.log.level, 9);
    assert_true(!config.control.loopback && config.control.local);
    assert_int_equal(config.pool_count, 3);
    const dr_pool_config *pool = &config.pools[0];
    assert_string_equal(pool->app, "/srv/a.php");
    assert_string_equal(pool->interpreter, "php8.2");
    assert_string_equal(pool->extension, "conf/lib/dora.so");
    assert_int_equal(pool->workers, 512);
    assert_int_equal(pool->apis.count, 3);
    assert_string_equal(pool->apis.items[1], "/user/*");
    assert_true(pool->time_limit_ms == 500 && pool->kill_after_ms == 0);
    assert_true(pool->stream_idle_ms == 7 && pool->limits_accepted);
    assert_true(pool->hung_ms == 0 && pool->poison_s == 9 && pool->restarts_per_minute == 8);
    assert_true(!pool->preload && !pool->dedupe);
    assert_string_equal(config.pools[1].app, "shop.users:app");
    assert_string_equal(config.pools[2].app, "conf/orders.so");
    dora_frame_options frame = dr_config_frame_options(&config);
    assert_true(frame.sign && frame.gzip && frame.bytes_max == 4096 && frame.salt.len == 6);
    dr_config_fini(&config);
}

static void where_it_listens(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, "{\"listen\": {\"tcp\": null, \"unix\": \"/run/d\"}}", &error),
                     DORA_OK);
    assert_null(config.tcp_host);
    assert_string_equal(config.unix_path, "/run/d");
    assert_int_equal(dr_config_check(&config, NULL, &error), DORA_OK);
    dr_config_fini(&config);
    assert_int_equal(parse(&config, "{\"listen\": {\"tcp\": null}}", &error), DORA_OK);
    assert_int_equal(dr_config_check(&config, "dora.json", &error), DORA_ECONFIG);
    assert_string_equal(error.msg,
                        "dora.json: listen: neither tcp, tls nor unix is set; nobody could call");
    dr_config_fini(&config);
}

static void who_may_command(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool loopback;
        bool local;
        bool any;
    } rows[] = {{"[]", false, false, false},
                {"[\"loopback\"]", true, false, false},
                {"[\"unix\", \"loopback\"]", true, true, false},
                {"[\"any\"]", false, false, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dr_config config;
        dora_error error;
        char text[128];
        snprintf(text, sizeof text, "{\"control\": {\"allow\": %s}}", rows[i].text);
        assert_int_equal(parse(&config, text, &error), DORA_OK);
        assert_int_equal(config.control.loopback, rows[i].loopback);
        assert_int_equal(config.control.local, rows[i].local);
        assert_int_equal(config.control.any, rows[i].any);
        dr_config_fini(&config);
    }
}

static void hosts_of_web_pages(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(
        parse(&config, "{\"http\": {\"hosts\": [\"Dora.example\", \"d-1:8080\"]}}", &error),
        DORA_OK);
    assert_int_equal(config.http.hosts.count, 2);
    assert_string_equal(config.http.hosts.items[1], "d-1:8080");
    dr_config_fini(&config);
    assert_int_equal(parse(&config, "{}", &error), DORA_OK);
    assert_int_equal(config.http.hosts.count, 0);
    assert_false(config.control.http);
    dr_config_fini(&config);
    static const char *const bad[] = {"",         ":80", "a:",  "a:123456", "a:8x",      "a b",
                                      "http://a", "a/b", "*.a", "[::1",     "user@host", "a:80:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"http\": {\"hosts\": [\"ok\", \"%s\"]}}", bad[i]);
        expect_problem(text, "conf/dora.json:1:11: http.hosts: item 2: must be a name, such as "
                             "\"dora.example\", or with a port \"dora.example:8080\"");
    }
    expect_problem("{\"http\": {\"hosts\": \"a\"}}",
                   "conf/dora.json:1:11: http.hosts: must be a list of texts");
    expect_problem("{\"http\": {\"hosts\": [\"a\", \"A\"]}}",
                   "conf/dora.json:1:11: http.hosts: item 2: \"A\" stands there twice");
    expect_problem("{\"http\": {\"host\": []}}",
                   "conf/dora.json:1:11: http.host: unknown key; did you mean \"hosts\"? allowed: "
                   "hosts, rate_per_address, burst_per_address");
    expect_problem("{\"control\": {\"http\": \"yes\"}}",
                   "conf/dora.json:1:14: control.http: must be true or false");
}

static void unknown_keys(void **state)
{
    (void)state;
    expect_problem(
        "{\n  \"reacters\": 2\n}",
        "conf/dora.json:2:3: reacters: unknown key; did you mean \"reactors\"? allowed: listen, "
        "reactors, backlog, frame_bytes_max, idle_s, linger_ms, drain_ms, stop_timeout_ms, "
        "upgrade_timeout_ms, hung_ms, original, connection_mb_max, buffers_mb_max, stall_ms, "
        "frame_ms, connections_max, connections_per_address_max, connection_calls_max, sign, salt, "
        "gzip, daemonize, pid_file, dev, user, group, umask, no_new_privs, core_mb_max, "
        "master_user, log, reload, trace, tls, control, access, http, discovery, pools");
    expect_problem("{\"log\": {\"zebra\": 2}}",
                   "conf/dora.json:1:10: log.zebra: unknown key; allowed: file, format, level, "
                   "requests, slow_ms");
    expect_problem(
        "{\"pools\": {\n \"users\": {\"runtime\": \"c\", \"app\": \"a.so\",\n"
        "  \"workrs\": 2}}}",
        "conf/dora.json:3:3: pools.users.workrs: unknown key; did you mean \"workers\"? allowed: "
        "runtime, app, interpreter, extension, ini, env, env_file, cwd, user, group, umask, "
        "no_new_privs, core_mb_max, workers, concurrency, threads, apis, queue_tasks_max, "
        "queue_mb_max, max_requests, memory_mb_max, memory_hard_mb, time_limit_ms, kill_after_ms, "
        "stream_idle_ms, newest_first_ms, hung_ms, restarts_per_minute, poison_s, preload, dedupe, "
        "cancel");
}

static void wrong_values(void **state)
{
    (void)state;
    expect_problem("{\"reactors\": -1}",
                   "conf/dora.json:1:2: reactors: must be a whole number from 0 to 64");
    expect_problem("{\"connection_mb_max\": 0}", "conf/dora.json:1:2: connection_mb_max: must be a "
                                                 "whole number from 1 to 1048576");
    expect_problem("{\"backlog\": 2.5}",
                   "conf/dora.json:1:2: backlog: must be a whole number from 1 to 65535");
    expect_problem("{\"log\": {\"level\": 10}}",
                   "conf/dora.json:1:10: log.level: must be a whole number from 1 to 9");
    expect_problem("{\"log\": {\"format\": \"xml\"}}",
                   "conf/dora.json:1:10: log.format: must be \"text\" or \"json\"");
    expect_problem("{\"sign\": 1}", "conf/dora.json:1:2: sign: must be true or false");
    expect_problem("{\"salt\": null}", "conf/dora.json:1:2: salt: must be a string");
    expect_problem("{\"pid_file\": \"\"}",
                   "conf/dora.json:1:2: pid_file: must be a file name or null");
    expect_problem("{\"log\": []}", "conf/dora.json:1:2: log: must be an object: {...}");
    expect_problem("[]", "conf/dora.json: must be an object: {...}");
    expect_problem("{\"control\": {\"allow\": [\"moon\"]}}",
                   "conf/dora.json:1:14: control.allow: must be a list of \"loopback\", "
                   "\"unix\" and \"any\"");
    const char *tcp[] = {"9567", "\"localhost\"", "\":80\"", "\"a:70000\"", "\"::1:80\""};
    for (size_t i = 0; i < sizeof tcp / sizeof tcp[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"listen\": {\"tcp\": %s}}", tcp[i]);
        expect_problem(text, "conf/dora.json:1:13: listen.tcp: must be \"HOST:PORT\", such as "
                             "\"127.0.0.1:9567\", or null; port 0 picks a free one");
    }
    expect_problem("{\"listen\": {\"admin\": 9568}}",
                   "conf/dora.json:1:13: listen.admin: must be \"HOST:PORT\", such as "
                   "\"127.0.0.1:9568\", or null; port 0 picks a free one");
}

static void wrong_pools(void **state)
{
    (void)state;
    expect_problem("{\"pools\": []}",
                   "conf/dora.json:1:2: pools: must be an object: {\"NAME\": {...}}");
    expect_problem("{\"pools\": {\"a\": 1}}",
                   "conf/dora.json:1:12: pools.a: must be an object: {...}");
    expect_problem("{\"pools\": {\"a\": {}}}",
                   "conf/dora.json:1:12: pools.a: has no \"runtime\"; it must be \"php\", "
                   "\"python\" or \"c\"\n"
                   "conf/dora.json:1:12: pools.a: has no \"app\"; it must be a file, or "
                   "module:attr for Python");
    expect_problem("{\"pools\": {\"a b\": {\"runtime\": \"c\", \"app\": \"a.so\"}}}",
                   "conf/dora.json:1:12: pools.a b: a pool's name is 1 to 64 letters, digits, "
                   "\"_\", \"-\" or \".\"");
    expect_problem("{\"pools\": {\"a\": {\"runtime\": \"ruby\", \"app\": \"a.rb\"}}}",
                   "conf/dora.json:1:18: pools.a.runtime: must be \"php\", \"python\" or \"c\"");
    expect_problem(
        "{\"pools\": {\"a\": {\"runtime\": \"c\", \"app\": \"a.so\", \"extension\": \"x\","
        " \"interpreter\": \"y\"}}}",
        "conf/dora.json:1:12: pools.a: has an \"interpreter\", which a C pool does not "
        "need\n"
        "conf/dora.json:1:12: pools.a: has an \"extension\", which is for PHP alone");
    expect_problem("{\"pools\": {\"a\": {\"runtime\": \"c\", \"app\": \"a.so\", "
                   "\"apis\": [\"/a*b\"]}}}",
                   "conf/dora.json:1:49: pools.a.apis: item 1 must be a name of 1 to 255 bytes, "
                   "exact or ending in \"*\"");
    expect_problem("{\"pools\": {\"a\": {\"runtime\": \"c\", \"app\": \"a.so\", "
                   "\"apis\": [\"/a\", \"/a\"]}}}",
                   "conf/dora.json:1:49: pools.a.apis: \"/a\" stands there twice");
    expect_problem("{\"pools\": {\"a\": {\"runtime\": \"c\", \"app\": \"a.so\", "
                   "\"workers\": 513}}}",
                   "conf/dora.json:1:49: pools.a.workers: must be a whole number from 1 to 512");
}

static void discovery_keys_are_read(void **state)
{
    (void)state;
    dr_config config;
    dora_error error = {.msg = ""};
    dr_redis_url urls[DR_DISCOVERY_REDIS_MAX];
    (void)parse(&config,
                "{\"discovery\": {\"redis\": [\"a\", \"redis://:secret@b:7/3\"],"
                " \"groups\": [\"g1\", \"\\u4e2d\"], \"advertise\": \"10.0.0.5:0\"}}",
                &error);
    assert_string_equal(error.msg, "");
    assert_int_equal(dr_discovery_read(&config, urls), 2);
    assert_string_equal(urls[0].address.host, "a");
    assert_int_equal(urls[0].address.port, 6379);
    assert_string_equal(urls[1].password, "secret");
    assert_int_equal(urls[1].database, 3);
    assert_int_equal(config.discovery.groups.count, 2);
    assert_string_equal(config.discovery.groups.items[1], "\xe4\xb8\xad");
    assert_string_equal(config.discovery.advertise, "10.0.0.5:0");
    dr_config_fini(&config);
}

/* list_of makes {"discovery": {KEY: [...]}} of `count` texts that `format` makes of a number. */
static const char *list_of(const char *key, const char *format, unsigned count, char text[8192])
{
    size_t len = (size_t)snprintf(text, 8192, "{\"discovery\": {\"%s\": [", key);
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, 8192 - len, "%s\"", i > 0 ? ", " : "");
        for (const char *at = format; *at != '\0'; at++) {
            len += (size_t)snprintf(text + len, 8192 - len, *at == '#' ? "%u" : "%c",
                                    *at == '#' ? i : (unsigned char)*at);
        }
        len += (size_t)snprintf(text + len, 8192 - len, "\"");
    }
    (void)snprintf(text + len, 8192 - len, "]}}");
    return text;
}

static void expect_good(const char *text)
{
    dr_config config;
    dora_error error = {.msg = ""};
    (void)parse(&config, text, &error);
    assert_string_equal(error.msg, "");
    dr_config_fini(&config);
}

static void discovery_problems(void **state)
{
    (void)state;
    char text[8192];
    char name[DR_ENTRY_GROUP_BYTES_MAX + 2];
    expect_problem("{\"discovery\": {\"redis\": \"a:1\"}}",
                   "conf/dora.json:1:16: discovery.redis: must be a list of texts");
    expect_problem("{\"discovery\": {\"redis\": [\"a:1\", 7]}}",
                   "conf/dora.json:1:16: discovery.redis: item 2 must be a text");
    expect_problem("{\"discovery\": {\"groups\": [\"a\", \"\"]}}",
                   "conf/dora.json:1:16: discovery.groups: item 2: a group is UTF-8 text of 1 to "
                   "128 bytes");
    expect_problem("{\"discovery\": {\"groups\": [\"a\", \"b\", \"a\"]}}",
                   "conf/dora.json:1:16: discovery.groups: item 3: \"a\" stands there twice");
    expect_problem("{\"discovery\": {\"advertise\": \":9567\"}}",
                   "conf/dora.json:1:16: discovery.advertise: must be \"IP:PORT\", such as "
                   "\"10.0.0.5:9567\": what clients connect to; port 0 is the one that is listened "
                   "on");
    expect_problem("{\"discovery\": {\"advertise\": \"[::]:9567\"}}",
                   "conf/dora.json:1:16: discovery.advertise: [::]:9567 is nothing that clients "
                   "can connect to");
    expect_problem("{\"discovery\": {\"advertise\": 7}}",
                   "conf/dora.json:1:16: discovery.advertise: must be \"IP:PORT\", such as "
                   "\"10.0.0.5:9567\", or null; port 0 is the one that is listened on");
    expect_good(list_of("redis", "host#", DR_DISCOVERY_REDIS_MAX, text));
    expect_problem(list_of("redis", "host#", DR_DISCOVERY_REDIS_MAX + 1, text),
                   "conf/dora.json:1:16: discovery.redis: item 17: more than 16 Redis");
    expect_good(list_of("groups", "g#", DR_ENTRY_GROUPS_MAX, text));
    expect_problem(list_of("groups", "g#", DR_ENTRY_GROUPS_MAX + 1, text),
                   "conf/dora.json:1:16: discovery.groups: item 65: more than 64 groups");
    memset(name, 'g', sizeof name);
    name[DR_ENTRY_GROUP_BYTES_MAX] = '\0';
    expect_good(list_of("groups", name, 1, text));
    memset(name, 'g', sizeof name);
    name[DR_ENTRY_GROUP_BYTES_MAX + 1] = '\0';
    expect_problem(list_of("groups", name, 1, text),
                   "conf/dora.json:1:16: discovery.groups: item 1: a group is UTF-8 text of 1 to "
                   "128 bytes");
}

static void discovery_check(void **state)
{
    (void)state;
    dr_config config;
    dora_error error = {.msg = ""};
    (void)parse(&config,
                "{\"listen\": {\"tcp\": null, \"unix\": \"a.sock\"},"
                " \"discovery\": {\"redis\": [\"a:1\", \"a:1/2\", \"redis://:x@a:1\"]}}",
                &error);
    (void)dr_config_check(&config, "dora.json", &error);
    assert_string_equal(error.msg,
                        "dora.json: discovery.redis: needs \"listen.tcp\": clients that find the "
                        "server in Redis connect by TCP\n"
                        "dora.json: discovery.redis: redis://a:1 stands there twice");
    dr_config_fini(&config);
}

static void concurrency_has_bounds(void **state)
{
    (void)state;
    expect_problem("{\"pools\": {\"a\": {\"runtime\": \"c\", \"app\": \"a.so\", "
                   "\"concurrency\": 8}}}",
                   "conf/dora.json:1:49: pools.a.concurrency: must be 1 for this runtime, whose "
                   "handlers run to their end one after the other; for more at a time set "
                   "\"workers\"");
    expect_problem("{\"pools\": {\"a\": {\"runtime\": \"python\", \"app\": \"a.py\", "
                   "\"concurrency\": 1025}}}",
                   "conf/dora.json:1:54: pools.a.concurrency: must be a whole number from 1 to "
                   "1024");
    expect_problem(
        "{\"pools\": {\"a\": {\"runtime\": \"php\", \"app\": \"a.php\", \"threads\": 2}}}",
        "conf/dora.json:1:52: pools.a.threads: has no effect on this runtime, whose "
        "handlers have one thread; it is for Python's plain functions beside async ones");
}

static void daemon_keys_are_read(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, "{\"daemonize\": true}", &error), DORA_OK);
    assert_true(config.daemonize);
    assert_int_equal(dr_config_check(&config, "conf/dora.json", &error), DORA_ECONFIG);
    assert_string_equal(error.msg, "conf/dora.json: daemonize: needs \"log.file\": a daemon has no "
                                   "terminal to write its log to");
    assert_int_equal(dr_text_set(&config.log.file, "dora.log"), DORA_OK);
    assert_int_equal(dr_config_check(&config, "conf/dora.json", &error), DORA_OK);
    dr_config_fini(&config);
}

static void syntax_errors_have_their_place(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, "{\n\"sign\": tru\n}", &error), DORA_ECONFIG);
    assert_non_null(strstr(error.msg, "conf/dora.json:2:11: "));
    dr_config_fini(&config);
    assert_int_equal(parse(&config, "{\"sign\": true, \"sign\": false}", &error), DORA_ECONFIG);
    assert_non_null(strstr(error.msg, "duplicate object key"));
    dr_config_fini(&config);
}

static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof WHOLE - 1; len++) {
        dr_config config;
        char *cut = malloc(len + 1); /* exactly so large: a read past the end is seen */
        assert_non_null(cut);
        memcpy(cut, WHOLE, len);
        dora_slice slice = {cut, len};
        assert_int_equal(dr_config_init(&config), DORA_OK);
        assert_int_equal(dr_config_parse(&config, slice, "cut", NULL), DORA_ECONFIG);
        dr_config_fini(&config);
        free(cut);
    }
}

static bool parse_whole(void *user)
{
    (void)user;
    dr_config config;
    dora_err err = dr_config_init(&config);
    if (err == DORA_OK) {
        err = dr_config_parse(&config, text_slice(WHOLE), "conf/dora.json", NULL);
    }
    dr_config_fini(&config);
    return err == DORA_OK;
}

static void no_memory(void **state)
{
    (void)state;
    assert_true(torture_run(parse_whole, NULL) > 10);
}

static void check_pools(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    const char *text = "{\"pools\": {"
                       "\"a\": {\"runtime\": \"php\", \"app\": \"/no/a.php\", \"apis\": [\"/x\"]},"
                       "\"b\": {\"runtime\": \"php\", \"app\": \"/\", \"apis\": [\"/y\", \"/x\"]},"
                       "\"c\": {\"runtime\": \"python\", \"app\": \"shop:app\"}}}";
    assert_int_equal(parse(&config, text, &error), DORA_OK);
    assert_int_equal(dr_config_check(&config, "f", &error), DORA_ECONFIG);
    assert_string_equal(error.msg, "f: pools.a.app: /no/a.php: No such file or directory\n"
                                   "f: pools.b.app: /: not a file\n"
                                   "f: pools.b.apis: \"/x\" stands in pools.a.apis too; a name "
                                   "belongs to one pool");
    dr_config_fini(&config);
}

static void a_file_is_loaded(void **state)
{
    (void)state;
    char path[] = "/tmp/dora-config-XXXXXX";
    dr_config config;
    dora_error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"sign\": true}", 14), 14);
    close(fd);
    assert_int_equal(dr_config_init(&config), DORA_OK);
    assert_int_equal(dr_config_load(&config, path, &error), DORA_OK);
    assert_true(config.sign);
    unlink(path);
    assert_int_equal(dr_config_load(&config, path, &error), DORA_EIO);
    assert_non_null(strstr(error.msg, "No such file"));
    assert_int_equal(dr_config_load(&config, "/", &error), DORA_EIO);
    dr_config_fini(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_these),
        cmocka_unit_test(http_keys_are_read),
        cmocka_unit_test(everything_set),
        cmocka_unit_test(where_it_listens),
        cmocka_unit_test(who_may_command),
        cmocka_unit_test(hosts_of_web_pages),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(wrong_pools),
        cmocka_unit_test(discovery_keys_are_read),
        cmocka_unit_test(discovery_problems),
        cmocka_unit_test(discovery_check),
        cmocka_unit_test(concurrency_has_bounds),
        cmocka_unit_test(syntax_errors_have_their_place),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(check_pools),
        cmocka_unit_test(a_file_is_loaded),
        cmocka_unit_test(daemon_keys_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
