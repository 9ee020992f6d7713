/* test_options.c: the command line of `dora serve`. */
#include "unit_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include "server/config/options.h"
#include "server/config/suggest.h"

static unit_folder folder; /* of all tests, which only read there */

static int enter_folder(void **state)
{
    (void)state;
    unit_folder_make(&folder);
    assert_int_equal(chdir(folder.path) + mkdir("more", 0700), 0);
    unit_write("users.py", "");
    unit_write("more/users.php", "");
    unit_write("orders.so", "");
    unit_write("run", "");
    unit_write("dora.json", "{\"listen\": {\"tcp\": \"0.0.0.0:1\"}, \"pools\": {\"users\": "
                            "{\"runtime\": \"php\", \"app\": \"more/users.php\", "
                            "\"workers\": 3}}}");
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    unit_folder_remove(&folder);
    return chdir("/");
}

/* Parses the arguments, which end with NULL. */
static dora_err parse(dr_config *config, char *const *argv, const dora_host *host,
                      dora_error *error)
{
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    assert_int_equal(dr_config_init(config), DORA_OK);
    return dr_options_parse(config, argc, argv, host, NULL, error);
}

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})

static void expect_error(char *const *argv, dora_err err, const char *message)
{
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, argv, NULL, &error), err);
    assert_string_equal(error.msg, message);
    dr_config_fini(&config);
}

static void files_become_pools(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config,
                           ARGV("users.py", "./more/users.php", "orders.so", "shop.users:app",
                                "--workers", "7", "--port=0", "--http", "8080", "--host", "::1",
                                "--unix", "run/sock", "--admin", "0"),
                           NULL, &error),
                     DORA_OK);
    assert_string_equal(config.tcp_host, "::1");
    assert_int_equal(config.tcp_port, 0);
    assert_true(config.has_http && config.http_host == NULL);
    assert_int_equal(config.http_port, 8080);
    assert_string_equal(config.unix_path, "run/sock");
    assert_string_equal(config.admin_host, "127.0.0.1"); /* whatever clients come by */
    assert_int_equal(config.admin_port, 0);
    assert_int_equal(config.pool_count, 4);
    const char *names[] = {"users", "users-2", "orders", "users-3"};
    const dr_runtime_kind runtimes[] = {DR_RUNTIME_PYTHON, DR_RUNTIME_PHP, DR_RUNTIME_C,
                                        DR_RUNTIME_PYTHON};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(config.pools[i].name, names[i]);
        assert_int_equal(config.pools[i].runtime, runtimes[i]);
        assert_int_equal(config.pools[i].workers, 7);
        assert_false(config.pools[i].from_again);
    }
    dr_config_fini(&config);
}

static void defaults_are_these(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, ARGV("--", "users.py"), NULL, &error), DORA_OK);
    assert_string_equal(config.tcp_host, "127.0.0.1");
    assert_int_equal(config.tcp_port, 9567);
    assert_false(config.has_http);
    assert_null(config.admin_host);
    assert_true(config.pools[0].workers >= 2 && config.pools[0].workers % 2 == 0);
    dr_config_fini(&config);
}

static void config_and_files(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, ARGV("users.py", "--config", "dora.json"), NULL, &error),
                     DORA_OK);
    assert_string_equal(config.tcp_host, "0.0.0.0");
    assert_int_equal(config.tcp_port, 1);
    assert_int_equal(config.pool_count, 2);
    assert_string_equal(config.pools[0].name, "users");
    assert_int_equal(config.pools[0].workers, 3);
    assert_string_equal(config.pools[1].name, "users-2");
    dr_config_fini(&config);
    assert_int_equal(
        parse(&config, ARGV("--config=dora.json", "--port", "2", "--workers", "1"), NULL, &error),
        DORA_OK);
    assert_int_equal(config.tcp_port, 2);
    assert_int_equal(config.pools[0].workers, 1);
    dr_config_fini(&config);
}

/* What the host says comes first, then the file of --config, then the flags. */
static void config_of_the_host(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    dora_host host = {.runtime = "php",
                      .config = "{\"backlog\": 7, \"linger_ms\": 8, "
                                "\"listen\": {\"tcp\": \"0.0.0.0:2\"}}",
                      .config_name = "the server's settings"};
    assert_int_equal(parse(&config, ARGV("--port", "5", "users.py"), &host, &error), DORA_OK);
    assert_int_equal(config.backlog, 7);
    assert_int_equal(config.tcp_port, 5);
    assert_string_equal(config.tcp_host, "0.0.0.0");
    assert_int_equal(config.pool_count, 1);
    dr_config_fini(&config);

    assert_int_equal(parse(&config, ARGV("--config", "dora.json"), &host, &error), DORA_OK);
    assert_int_equal(config.tcp_port, 1);
    assert_int_equal(config.linger_ms, 8);
    dr_config_fini(&config);

    host.config = "{\"backlgo\": 7}";
    assert_int_equal(parse(&config, ARGV("users.py"), &host, &error), DORA_ECONFIG);
    assert_int_equal(strncmp(error.msg, "the server's settings:1:2: backlgo: unknown key", 47), 0);
    dr_config_fini(&config);

    host.config = "{\"daemonize\": true}";
    assert_int_equal(parse(&config, ARGV("users.py"), &host, &error), DORA_ECONFIG);
    assert_int_equal(strncmp(error.msg, "the server's settings: daemonize: needs", 39), 0);
    dr_config_fini(&config);
}

/* What run() was given: keys of the server, of the program's own pool, and of others beside it.
 * They win over the file of --config; flags win over them. */
static void options_of_run(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    const char *const again[] = {"python3", "users.py", NULL};
    dora_host host = {.runtime = "python",
                      .again = again,
                      .again_app = "users.py",
                      .options = "{\"log\": {\"level\": 3}, \"log.format\": \"json\", "
                                 "\"listen\": {\"tcp\": \"0.0.0.0:2\"}, \"backlog\": 7, "
                                 "\"pools\": {\"b\": {\"runtime\": \"c\", \"app\": \"orders.so\", "
                                 "\"concurrency\": 1}}, "
                                 "\"concurrency\": 50, \"apis\": [\"/a\"], \"preload\": false}",
                      .options_name = "run()"};
    assert_int_equal(
        parse(&config, ARGV("--port", "5", "--config", "dora.json", "users.py"), &host, &error),
        DORA_OK);
    assert_int_equal(config.log.level, 3);
    assert_int_equal(config.log.format, DR_LOG_JSON);
    assert_string_equal(config.tcp_host, "0.0.0.0");
    assert_int_equal(config.tcp_port, 5);
    assert_int_equal(config.backlog, 7);
    assert_int_equal(config.pool_count, 3); /* the file's, its own, the one beside */
    const dr_pool_config *own = &config.pools[1];
    assert_true(own->from_again);
    assert_int_equal(own->concurrency, 50);
    assert_int_equal(own->apis.count, 1);
    assert_false(own->preload);
    assert_string_equal(config.pools[2].name, "b");
    assert_int_equal(config.pools[0].concurrency, 1);
    dr_config_fini(&config);

    host.options = "{\"daemonize\": true}";
    assert_int_equal(parse(&config, ARGV("users.py"), &host, &error), DORA_ECONFIG);
    assert_int_equal(strncmp(error.msg, "run(): daemonize: needs", 23), 0);
    dr_config_fini(&config);
}

static void options_that_are_wrong(void **state)
{
    (void)state;
    dora_error error;
    const char *const starts[][2] = {
        {"{\"colour\": 1}", "run() has no option 'colour'; it has config, host, "},
        {"{\"runtime\": \"c\"}", "run() has no option 'runtime'; it has "},
        {"{\"log.colour\": 1}", "run() has no option 'log.colour'"},
        {"{\"log_level\": 1}", "run() has no option 'log_level'; did you mean 'log.level'?; "},
        {"{\"log.level\": 0}", "run(): log.level: must be a whole number from 1 to 9"},
        {"{\"log\": {\"level\": 0}}", "run(): log.level: must be a whole number from 1 to 9"},
        {"{\"log\": 3}", "run(): log: must be an object: {...}"},
        {"{\"concurrency\": 2}", "run(): concurrency: must be 1 for this runtime"},
        {"[]", "run(): the options are no object"},
        {"{", "run(): "},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        const dora_err err = dora_options_check("php", starts[i][0], "run()", &error);
        assert_int_equal(err, i < 4 ? DORA_EINVAL : DORA_ECONFIG);
        assert_int_equal(strncmp(error.msg, starts[i][1], strlen(starts[i][1])), 0);
    }
    assert_int_equal(dora_options_check("python", "{\"concurrency\": 2}", "run()", &error),
                     DORA_OK);
    assert_int_equal(dora_options_check("php", "{\"extension\": \"x\"}", "run()", NULL), DORA_OK);
}

/* The lists of flags take the place of the file's. */
static void discovery_flags_are_read(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    const dora_host host = {.runtime = "php",
                            .config = "{\"discovery\": {\"redis\": [\"a\", \"b\"],"
                                      " \"groups\": [\"g1\"], \"advertise\": \"h:1\"}}",
                            .config_name = "settings"};
    assert_int_equal(parse(&config,
                           ARGV("users.py", "--redis", "c:1", "--redis=d", "--advertise=h:2"),
                           &host, &error),
                     DORA_OK);
    assert_int_equal(config.discovery.redis.count, 2);
    assert_string_equal(config.discovery.redis.items[0], "c:1");
    assert_string_equal(config.discovery.redis.items[1], "d");
    assert_int_equal(config.discovery.groups.count, 1);
    assert_string_equal(config.discovery.groups.items[0], "g1");
    assert_string_equal(config.discovery.advertise, "h:2");
    dr_config_fini(&config);
    assert_int_equal(parse(&config, ARGV("users.py", "--group=x", "--group=y"), &host, &error),
                     DORA_OK);
    assert_int_equal(config.discovery.redis.count, 2);
    assert_int_equal(config.discovery.groups.count, 2);
    assert_string_equal(config.discovery.groups.items[1], "y");
    dr_config_fini(&config);
}

static void what_a_host_runs_again_is_a_pool(void **state)
{
    (void)state;
    dr_config config;
    dora_error error;
    const char *const again[] = {"php", "run", NULL};
    dora_host host = {.runtime = "php", .again = again, .again_app = "run"};
    assert_int_equal(parse(&config, ARGV("run", "users.py"), &host, &error), DORA_OK);
    assert_int_equal(config.pools[0].runtime, DR_RUNTIME_PHP);
    assert_true(config.pools[0].from_again);
    assert_string_equal(config.pools[0].name, "run");
    assert_int_equal(config.pools[1].runtime, DR_RUNTIME_PYTHON);
    assert_false(config.pools[1].from_again);
    dr_config_fini(&config);

    host.config = "{\"pools\": {\"a\": {\"runtime\": \"php\", \"app\": \"run\", \"workers\": 3}, "
                  "\"b\": {\"runtime\": \"python\", \"app\": \"users.py\"}}}";
    host.config_name = "the program's settings";
    assert_int_equal(parse(&config, ARGV("--port", "0"), &host, &error), DORA_OK);
    assert_true(config.pools[0].from_again);
    assert_string_equal(config.pools[0].app, "run");
    assert_int_equal(config.pools[0].workers, 3);
    assert_false(config.pools[1].from_again);
    dr_config_fini(&config);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    expect_error(ARGV("--port", "0"), DORA_EINVAL,
                 "nothing to serve: name a FILE, or a --config with pools");
    expect_error(ARGV("gone.py"), DORA_EINVAL, "gone.py: No such file or directory");
    expect_error(ARGV("run"), DORA_EINVAL,
                 "run: a FILE ends in .py, .php or .so, or is module:attr (Python)");
    expect_error(ARGV("dora.json"), DORA_EINVAL,
                 "dora.json: a FILE ends in .py, .php or .so, or is module:attr (Python); for "
                 "settings there is --config dora.json");
    expect_error(ARGV("users.py", "--prot", "1"), DORA_EINVAL,
                 "unknown flag --prot; did you mean --port?");
    expect_error(ARGV("users.py", "--zzzzz"), DORA_EINVAL,
                 "unknown flag --zzzzz; there are --config, --host, --port, --http, --unix, "
                 "--admin, --workers, --redis, --group, --advertise and --dev");
    expect_error(ARGV("users.py", "--port"), DORA_EINVAL, "--port needs a value");
    expect_error(ARGV("users.py", "--port", "65536"), DORA_EINVAL,
                 "--port must be from 0 to 65535, not 65536");
    expect_error(ARGV("users.py", "--admin", "x"), DORA_EINVAL,
                 "--admin must be from 0 to 65535, not x");
    expect_error(ARGV("users.py", "--workers", "0"), DORA_EINVAL,
                 "--workers must be from 1 to 512, not 0");
    expect_error(ARGV("users.py", "--workers", "513"), DORA_EINVAL,
                 "--workers must be from 1 to 512, not 513");
    expect_error(ARGV("users.py", "--http", "127.0.0.1:80"), DORA_EINVAL,
                 "--http must be from 0 to 65535, not 127.0.0.1:80");
    expect_error(ARGV("users.py", "--group=a", "--group", "a"), DORA_EINVAL,
                 "--group: \"a\" stands there twice");
    expect_error(ARGV("users.py", "--advertise=0.0.0.0:1"), DORA_EINVAL,
                 "--advertise: 0.0.0.0:1 is nothing that clients can connect to");
    expect_error(ARGV("--config", "gone.json"), DORA_EIO, "gone.json: No such file or directory");
}

static void near_names_are_suggested(void **state)
{
    (void)state;
    const char *const names[] = {"workers", "apis", "app", NULL};
    assert_string_equal(dr_suggest("workrs", names), "workers");
    assert_string_equal(dr_suggest("wokrers", names), "workers");
    assert_string_equal(dr_suggest("api", names), "apis");
    assert_null(dr_suggest("zebra", names));
    assert_null(dr_suggest("", names));
    assert_null(dr_suggest("workersworkersworkersworkersworkers", names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_become_pools),
        cmocka_unit_test(defaults_are_these),
        cmocka_unit_test(config_of_the_host),
        cmocka_unit_test(options_of_run),
        cmocka_unit_test(options_that_are_wrong),
        cmocka_unit_test(discovery_flags_are_read),
        cmocka_unit_test(what_a_host_runs_again_is_a_pool),
        cmocka_unit_test(config_and_files),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(near_names_are_suggested),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
