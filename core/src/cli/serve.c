/* serve.c: `dora serve`. */
#include "cli/command.h"

#include <stdio.h>

#include "cli/text.h"
#include "server/config/options.h"
#include "server/master/server.h"

static const char usage[] =
    "usage: dora serve FILE... [--config FILE] [--host 127.0.0.1] [--port 9567]\n"
    "                  [--http PORT] [--unix PATH] [--admin PORT] [--workers N]\n"
    "                  [--redis HOST:PORT]... [--group NAME]... [--advertise IP:PORT]\n"
    "                  [--dev]\n";

static const char help[] =
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
    "  --dev           for who writes the application: what is saved is loaded at once, one\n"
    "                  worker a pool, no time limits; breakpoint() and readline() have the "
    "terminal\n"
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

static int run(int argc, char **argv, const dora_host *host)
{
    dr_config config;
    dora_error error = {.err = DORA_OK};
    int status = DR_EXIT_OK;
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("serve");
    }
    dora_err err = dr_config_init(&config);
    if (err != DORA_OK) {
        dora_error_set(&error, err, "%s", dora_err_text(err));
    } else {
        err = dr_options_parse(&config, argc, argv, host, NULL, &error);
    }
    if (err == DORA_EINVAL) {
        status = dr_cli_usage("serve", error.msg);
        goto out;
    }
    if (err == DORA_OK) {
        err = dr_server_run(&config, host, &error);
    }
    if (err == DORA_ECONFIG) {
        dr_cli_print_error("serve", error.msg);
        status = DR_EXIT_FAILED;
    } else if (err != DORA_OK) { /* may be a traceback: its lines belong together */
        dr_text_print(stderr, "\n\t", "dora serve: %s", error.msg);
        fputc('\n', stderr);
        status = DR_EXIT_FAILED;
    }
out:
    dr_config_fini(&config);
    return status;
}

const dr_command dr_command_serve = {
    .name = "serve",
    .arguments = "FILE...",
    .summary = "run a server with the handlers of these files",
    .usage = usage,
    .help = help,
    .run = run,
};
