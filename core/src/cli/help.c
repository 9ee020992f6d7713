/* help.c: what the `dora` program says about itself, and how it reports errors. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "server/suggest.h"

static const char HELP_ALL[] =
    "usage: dora COMMAND [ARGUMENTS]\n"
    "\n"
    "  serve FILE...          run a server with the handlers of these files\n"
    "  check FILE             look for mistakes in a configuration file\n"
    "  call HOST:PORT NAME    call an api of a server\n"
    "  help COMMAND           say more about a command\n"
    "  --version              print the version\n";

static const char USAGE_SERVE[] =
    "usage: dora serve FILE... [--config FILE] [--host 127.0.0.1] [--port 9567]\n"
    "                  [--http PORT] [--unix PATH] [--workers N]\n";

static const char HELP_SERVE[] =
    "\n"
    "Each FILE is one pool of worker processes. Its ending names the runtime: app.py and\n"
    "module:attr are Python, app.php is PHP, app.so is C.\n"
    "\n"
    "  --config FILE   settings from a file (dora.json); flags win over it, and its pools run\n"
    "                  beside those of the FILEs\n"
    "  --host HOST     listen on this address (127.0.0.1)\n"
    "  --port PORT     listen on this port (9567); 0 picks a free one\n"
    "  --http PORT     serve HTTP as well, on this port of the same address; 0 picks a free one\n"
    "  --unix PATH     listen on a Unix socket as well; its file is for its owner alone\n"
    "  --workers N     workers of each pool (twice the CPUs)\n"
    "\n"
    "When the server is ready it prints one line to stdout:\n"
    "  dora: ready tcp=127.0.0.1:9567 http=-\n"
    "with unix=PATH at its end where there is one.\n"
    "SIGTERM and SIGINT finish what was accepted, then stop it.\n"
    "\n"
    "Interpreters are found by DORA_PYTHON and DORA_PHP, else in PATH; PHP's extension by\n"
    "DORA_PHP_EXTENSION, else php.ini.\n"
    "\n"
    "exit status: 0 stopped, 1 did not start or failed, 2 wrong command line\n";

static const char USAGE_CHECK[] = "usage: dora check FILE\n";

static const char HELP_CHECK[] =
    "\n"
    "Reads a configuration file as `dora serve --config FILE` would, and says what is wrong\n"
    "with it: the key, its line and column, and what is allowed there.\n"
    "\n"
    "exit status: 0 no mistakes, 1 mistakes, 2 wrong command line\n";

static const char USAGE_CALL[] =
    "usage: dora call HOST:PORT NAME [JSON] [--timeout S]\n"
    "       dora call HOST:PORT --many KEY=NAME [JSON] ... [--timeout S]\n";

static const char HELP_CALL[] =
    "\n"
    "Calls the api NAME with JSON as its parameter (null without) and prints the handler's\n"
    "data as JSON. With --many all apis run at the same time; the result is an object by KEY.\n"
    "\n"
    "  --timeout S     wait at most S seconds (3)\n"
    "\n"
    "  dora call 127.0.0.1:9567 /user/get '{\"id\": 7}'\n"
    "  dora call 127.0.0.1:9567 --many user=/user/get '{\"id\": 7}' orders=/order/list\n"
    "\n"
    "exit status: 0 ok, 1 the handler's error, 2 wrong command line, 3 the handler was not run,\n"
    "4 connection failed or time is over\n";

static const struct {
    const char *name;
    const char *usage;
    const char *help;
} TOPICS[] = {
    {"serve", USAGE_SERVE, HELP_SERVE},
    {"check", USAGE_CHECK, HELP_CHECK},
    {"call", USAGE_CALL, HELP_CALL},
    {"help", "usage: dora help [COMMAND]\n", ""},
    {NULL, NULL, NULL},
};

int dr_cli_help(const char *topic)
{
    if (topic == NULL) {
        fputs(HELP_ALL, stdout);
        return DR_EXIT_OK;
    }
    for (size_t i = 0; TOPICS[i].name != NULL; i++) {
        if (strcmp(TOPICS[i].name, topic) == 0) {
            fputs(TOPICS[i].usage, stdout);
            fputs(TOPICS[i].help, stdout);
            return DR_EXIT_OK;
        }
    }
    const char *const names[] = {"serve", "check", "call", "help", NULL};
    const char *near = dr_suggest(topic, names);
    fprintf(stderr, "dora: unknown command %s", topic);
    fprintf(stderr, near != NULL ? "; did you mean %s?\n" : "\n", near);
    fputs(HELP_ALL, stderr);
    return DR_EXIT_USAGE;
}

int dr_cli_usage(const char *topic, const char *message)
{
    if (message != NULL) {
        dr_cli_print_error(topic, message);
    }
    for (size_t i = 0; TOPICS[i].name != NULL; i++) {
        if (strcmp(TOPICS[i].name, topic) == 0) {
            fputs(TOPICS[i].usage, stderr);
            fprintf(stderr, "`dora help %s` says more\n", topic);
        }
    }
    return DR_EXIT_USAGE;
}

bool dr_cli_wants_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

void dr_cli_print_error(const char *command, const char *message)
{
    while (message[0] != '\0') {
        size_t len = strcspn(message, "\n");
        fprintf(stderr, "dora %s: %.*s\n", command, (int)len, message);
        message += len + (message[len] == '\n' ? 1 : 0);
    }
}
