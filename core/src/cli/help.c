/* help.c: what the `dora` program says about itself, and how it reports errors. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "server/config/suggest.h"

static const char HELP_ALL[] =
    "usage: dora COMMAND [ARGUMENTS]\n"
    "\n"
    "  serve FILE...          run a server with the handlers of these files\n"
    "  check FILE             look for mistakes in a configuration file\n"
    "  call HOST:PORT NAME    call an api of a server\n"
    "  stat [ADDRESS]         what a server says of itself\n"
    "  top [ADDRESS]          the same, live\n"
    "  reload [ADDRESS]       load a server's applications again\n"
    "  stop [ADDRESS]         stop a server of this machine\n"
    "  monitor                keep a file of the servers that Redis names\n"
    "  help COMMAND           say more about a command\n"
    "  --version              print the version\n";

static const char USAGE_SERVE[] =
    "usage: dora serve FILE... [--config FILE] [--host 127.0.0.1] [--port 9567]\n"
    "                  [--http PORT] [--unix PATH] [--admin PORT] [--workers N]\n"
    "                  [--redis HOST:PORT]... [--group NAME]... [--advertise IP:PORT]\n";

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
    "  --admin PORT    answer operators on this port of 127.0.0.1, by HTTP: /livez, /readyz,\n"
    "                  /stats (JSON), /metrics (Prometheus)\n"
    "  --workers N     workers of each pool (twice the CPUs)\n"
    "  --redis WHERE   register in this Redis: HOST:PORT, unix:/PATH or\n"
    "                  redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]; may stand several times\n"
    "  --group NAME    serve this group of nodes (default); may stand several times\n"
    "  --advertise IP:PORT  what clients connect to: the listening address, or for 0.0.0.0 this\n"
    "                  host's first private one\n"
    "\n"
    "When the server is ready it prints one line to stdout:\n"
    "  dora: ready tcp=127.0.0.1:9567 http=-\n"
    "with unix=PATH and admin=HOST:PORT at its end where there are such.\n"
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

static const char USAGE_STAT[] = "usage: dora stat [ADDRESS] [--json] [--timeout S]\n";

#define ABOUT_ADDRESS                                                                              \
    "ADDRESS is HOST:PORT or unix:PATH (127.0.0.1:9567). A server takes commands from its own\n"   \
    "machine alone, unless its control.allow says otherwise.\n"

#define ABOUT_STATUS                                                                               \
    "\n"                                                                                           \
    "exit status: 0 ok, 1 refused, 2 wrong command line, 4 no server there or no answer\n"

static const char HELP_STAT[] =
    "\n"
    "Prints what a server says of itself: a few lines and a table of its pools.\n"
    "\n" ABOUT_ADDRESS "\n"
    "  --json          all of it as JSON (PROTOCOL.md, \"Control\")\n"
    "  --timeout S     wait at most S seconds (3)\n" ABOUT_STATUS;

static const char USAGE_TOP[] = "usage: dora top [ADDRESS] [--once]\n";

static const char HELP_TOP[] =
    "\n"
    "Shows pools, rates, the tasks that have run for longest, and the workers, anew each second;\n"
    "q quits. Without a terminal, or with TERM=dumb, it prints once.\n"
    "\n" ABOUT_ADDRESS "\n"
    "  --once          print once\n" ABOUT_STATUS;

static const char USAGE_RELOAD[] = "usage: dora reload [ADDRESS] [--timeout S]\n";

static const char HELP_RELOAD[] =
    "\n"
    "Has a server load its applications again, beside those that serve. Says \"reloaded\", with\n"
    "the generation of each pool, or \"still loading\" when that takes more than two seconds; the\n"
    "log then says what became of it. An application that does not load changes nothing: the\n"
    "reason is printed and the exit status is 1.\n"
    "\n" ABOUT_ADDRESS "\n"
    "  --timeout S     wait at most S seconds (5)\n" ABOUT_STATUS;

static const char USAGE_STOP[] = "usage: dora stop [ADDRESS | --pid-file FILE] [--timeout S]\n";

static const char HELP_STOP[] =
    "\n"
    "Sends SIGTERM to a server of this machine and waits until it has finished what it accepted\n"
    "and is gone; where that takes a while it says how long it may (drain_ms, stop_timeout_ms).\n"
    "ADDRESS is one of 127.0.0.1, localhost, [::1] or unix:PATH (127.0.0.1:9567).\n"
    "\n"
    "  --pid-file FILE the process whose id stands in FILE, which must be a server\n"
    "  --timeout S     wait at most S seconds (as long as the server says it may last, at least "
    "30)\n" ABOUT_STATUS;

static const char USAGE_MONITOR[] =
    "usage: dora monitor --redis HOST:PORT... --out FILE... [--format php|json]\n";

static const char HELP_MONITOR[] =
    "\n"
    "Watches the servers that register in Redis, and writes them to a file for the clients of "
    "this\n"
    "machine: groups of nodes, as PHP for `include` or as JSON for \"file:FILE\". A file is\n"
    "replaced whole, and only when a node comes or goes. While no Redis can be read, or all of\n"
    "them suddenly name nobody, the last nodes stay.\n"
    "\n"
    "  --redis REDIS   HOST:PORT or redis://[[USER]:PASSWORD@]HOST:PORT[/DATABASE]; several\n"
    "                  times: all of them count together\n"
    "  --out FILE      the file to write; several times: all of them\n"
    "  --format FORMAT php or json for all files; else .php is PHP, and any other name JSON\n"
    "\n"
    "When the first state is known, after two seconds at most, it prints one line to stdout:\n"
    "  dora monitor: ready, 3 nodes in 2 groups\n"
    "Later changes are lines on stderr. SIGTERM and SIGINT stop it; the files stay.\n"
    "\n"
    "exit status: 0 stopped, 1 did not start, 2 wrong command line\n";

static const struct {
    const char *name;
    const char *usage;
    const char *help;
} TOPICS[] = {
    {"serve", USAGE_SERVE, HELP_SERVE},
    {"check", USAGE_CHECK, HELP_CHECK},
    {"call", USAGE_CALL, HELP_CALL},
    {"stat", USAGE_STAT, HELP_STAT},
    {"top", USAGE_TOP, HELP_TOP},
    {"reload", USAGE_RELOAD, HELP_RELOAD},
    {"stop", USAGE_STOP, HELP_STOP},
    {"monitor", USAGE_MONITOR, HELP_MONITOR},
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
    const char *const names[] = {"serve",  "check", "call",    "stat", "top",
                                 "reload", "stop",  "monitor", "help", NULL};
    const char *near = dr_suggest(topic, names);
    dr_text_print(stderr, "", "dora: unknown command %s", topic);
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
        dr_text_print(stderr, "\t", "dora %s: %.*s", command, (int)len, message);
        fputc('\n', stderr);
        message += len + (message[len] == '\n' ? 1 : 0);
    }
}
