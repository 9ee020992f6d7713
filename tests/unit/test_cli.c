/* test_cli.c: the `dora` program's words and exit statuses. */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include <dora/dora.h>

#include "bad_server.h"
#include "unit_folder.h"

/* What one run of the program said. */
typedef struct run_said {
    char out[8192];
    char err[8192];
} run_said;

/* A server, a file, or both, in a folder. */
typedef struct in_folder {
    unit_folder folder;
    bad_server server;
} in_folder;

static void in_folder_end(in_folder *at)
{
    bad_server_stop(&at->server);
    unit_folder_remove(&at->folder);
}
UNIT_SCENE(in_folder, in_folder_end)
UNIT_SCENE(bad_server, bad_server_stop)

static void read_back(FILE *file, char *text, size_t size)
{
    rewind(file);
    size_t len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
}

/* Runs dora_main in a process of its own. `argv` ends with NULL. Returns: its exit status. */
static int run(run_said *said, char *const *argv)
{
    int argc = 0;
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    if (out == NULL || err == NULL) {
        fail_msg("tmpfile");
    }
    while (argv[argc] != NULL) {
        argc++;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        const dora_host host = {.runtime = "c"};
        int result = dora_main(argc, (char **)(uintptr_t)argv, &host);
        fflush(NULL);
        _exit(result);
    }
    const int status = unit_wait(child);
    read_back(out, said->out, sizeof said->out);
    read_back(err, said->err, sizeof said->err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(said, ...) run((said), (char *[]){"dora", __VA_ARGS__, NULL})

static void assert_contains(const char *where, const char *what)
{
    if (strstr(where, what) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", what, where);
    }
}

static void version_help_and_unknown_commands(void **state)
{
    (void)state;
    run_said said;
    assert_int_equal(RUN(&said, "--version"), 0);
    assert_string_equal(said.out, "dora " DORA_VERSION "\n");
    assert_int_equal(RUN(&said, "--help"), 0);
    assert_contains(said.out, "serve FILE...");
    assert_int_equal(RUN(&said, "help", "call"), 0);
    assert_contains(said.out, "--timeout S");
    assert_int_equal(RUN(&said, "serve", "--help"), 0);
    assert_contains(said.out, "--workers N");
    assert_int_equal(RUN(&said, "serv"), 2);
    assert_contains(said.err, "dora: unknown command serv; did you mean serve?\n");
    assert_int_equal(RUN(&said, "help", "xyzzy"), 2);
    assert_contains(said.err, "dora: unknown command xyzzy\n");
    assert_int_equal(run(&said, (char *[]){"dora", NULL}), 2);
    assert_string_equal(said.err, "dora: a command is missing; `dora help` lists them\n");
}

static void serve_mistakes(void **state)
{
    (void)state;
    run_said said;
    assert_int_equal(RUN(&said, "serve"), 2);
    assert_contains(said.err, "dora serve: nothing to serve");
    assert_int_equal(RUN(&said, "serve", "gone.py"), 2);
    assert_contains(said.err, "dora serve: gone.py: No such file or directory\n");
    assert_int_equal(RUN(&said, "serve", "--redis", "a:b"), 2);
    assert_contains(said.err, "dora serve: --redis: ");
    assert_int_equal(RUN(&said, "serve", "--config", "/gone.json"), 1);
    assert_string_equal(said.err, "dora serve: /gone.json: No such file or directory\n");
}

static void check_names_what_is_wrong(void **state)
{
    run_said said;
    in_folder *at = *state;
    unit_folder_make(&at->folder);
    (void)setenv("DORA_PYTHON", "/bin/sh", 1); /* something that can be run: none is */
    char *path = (char *)(uintptr_t)unit_folder_path(&at->folder, "dora.json");
    const char *good = "{\"pools\": {\"a\": {\"runtime\": \"python\", \"app\": \"m:app\", "
                       "\"workers\": 3}}}";
    const char *bad = "{\"gzp\": true, \"backlog\": 0}";
    char wanted[256];
    unit_write(path, good);
    assert_int_equal(RUN(&said, "check", path), 0);
    snprintf(wanted, sizeof wanted, "%s: ok (1 pool: a: 3 python)\n", path);
    assert_string_equal(said.out, wanted);
    unit_write(path, bad);
    assert_int_equal(RUN(&said, "check", path), 1);
    snprintf(wanted, sizeof wanted,
             "dora check: %s:1:2: gzp: unknown key; did you mean \"gzip\"? allowed: ", path);
    assert_contains(said.err, wanted);
    snprintf(wanted, sizeof wanted,
             "\ndora check: %s:1:15: backlog: must be a whole number from 1 to 65535\n", path);
    assert_contains(said.err, wanted);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(RUN(&said, "check", path), 1);
    assert_int_equal(RUN(&said, "check"), 2);
    assert_int_equal(RUN(&said, "check", "a", "b"), 2);
}

static void call_prints_the_result(void **state)
{
    run_said said;
    bad_server *server = *state;
    bad_server_start(server);
    char *at = server->address;
    assert_int_equal(RUN(&said, "call", at, "/echo", "{\"a\": [1, 2.0, \"x\"]}"), 0);
    assert_string_equal(said.out, "{\n  \"a\": [\n    1,\n    2.0,\n    \"x\"\n  ]\n}\n");
    assert_int_equal(RUN(&said, "call", at, "/echo"), 0);
    assert_string_equal(said.out, "null\n");
    assert_int_equal(RUN(&said, "call", "--timeout", "5", at, "/echo", "-3"), 0);
    assert_string_equal(said.out, "-3\n");
    assert_int_equal(RUN(&said, "call", at, "/fail"), 1);
    assert_string_equal(said.out, "");
    assert_string_equal(said.err, "dora call: /fail: 7 it failed\n");
    assert_int_equal(RUN(&said, "call", at, "/stopping"), 3);
    assert_contains(said.err, ": 100207 refused\n");
    assert_int_equal(RUN(&said, "call", at, "/silent", "--timeout=0.5"), 4);
    assert_contains(said.err, ": 100009 ");
    assert_int_equal(RUN(&said, "call", at, "/close"), 4);
    bad_server_stop(server);
    assert_int_equal(RUN(&said, "call", at, "/echo"), 4);
    assert_contains(said.err, ": 100010 cannot connect to ");
}

static void call_unix(void **state)
{
    run_said said;
    in_folder *at = *state;
    unit_folder_make(&at->folder);
    at->server.unix_path = unit_folder_path(&at->folder, "socket");
    bad_server_start(&at->server);
    assert_int_equal(RUN(&said, "call", at->server.address, "/echo", "5"), 0);
    assert_string_equal(said.out, "5\n");
    assert_int_equal(RUN(&said, "call", "unix:relative", "/echo"), 2);
    assert_contains(said.err, "\"unix:relative\" is not unix:/path");
}

static void call_many(void **state)
{
    run_said said;
    bad_server *server = *state;
    bad_server_start(server);
    char *at = server->address;
    assert_int_equal(RUN(&said, "call", at, "--many", "b=/echo", "1", "a=/echo", "2=/echo", "[]"),
                     0);
    assert_string_equal(said.out, "{\n  \"b\": 1,\n  \"a\": null,\n  \"2\": []\n}\n");
    assert_int_equal(RUN(&said, "call", at, "--many", "a=/fail", "--many", "b=/echo", "true"), 1);
    assert_string_equal(said.out, "{\n  \"a\": {\n    \"error\": {\n      \"code\": 7,\n"
                                  "      \"msg\": \"it failed\"\n    }\n  },\n  \"b\": true\n}\n");
    assert_string_equal(said.err, "dora call: /fail: 7 it failed\n");
}

static void call_usage(void **state)
{
    (void)state;
    run_said said;
    assert_int_equal(RUN(&said, "call"), 2);
    assert_contains(said.err, "HOST:PORT is missing");
    assert_int_equal(RUN(&said, "call", "a:1"), 2);
    assert_contains(said.err, "NAME is missing");
    assert_int_equal(RUN(&said, "call", "a:1", "/x", "{"), 2);
    assert_contains(said.err, "the parameter of /x is not JSON");
    assert_int_equal(RUN(&said, "call", "a:1", "/x", "1", "2"), 2);
    assert_contains(said.err, "2 is one argument too many");
    assert_int_equal(RUN(&said, "call", "a:1", "/x", "--many", "a=/x"), 2);
    assert_contains(said.err, "--many does not go here");
    assert_int_equal(RUN(&said, "call", "a:1", "--many", "a"), 2);
    assert_contains(said.err, "a is not KEY=NAME");
    assert_int_equal(RUN(&said, "call", "a:1", "--many", "a=/x", "b"), 2);
    assert_contains(said.err, "the parameter of /x is not JSON");
    assert_int_equal(RUN(&said, "call", "a:1", "/x", "--timeout", "0"), 2);
    assert_contains(said.err, "--timeout must be");
    assert_int_equal(RUN(&said, "call", "nowhere", "/x"), 2);
    assert_contains(said.err, "node \"nowhere\" is not host:port");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_help_and_unknown_commands),
        cmocka_unit_test(serve_mistakes),
        unit_in(in_folder, check_names_what_is_wrong),
        unit_in(bad_server, call_prints_the_result),
        unit_in(in_folder, call_unix),
        unit_in(bad_server, call_many),
        cmocka_unit_test(call_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
