/* serve.c: `dora serve`. */
#include "cli/command.h"

#include <stdio.h>

#include "base/mem.h"
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
    "                  /stats (JSON), /metrics (Prometheus), /openapi.json, /apis (a page)\n"
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

/* words is the command line, which is read again for a reload: a copy, since the process's title
 * is written over the original. */
typedef struct words {
    int argc;
    char **argv;
    const dora_host *host;
} words;

static dora_err words_init(words *line, int argc, char **argv, const dora_host *host)
{
    *line = (words){.host = host, .argv = dr_calloc((size_t)argc + 1, sizeof(*argv))};
    while (line->argv != NULL && line->argc < argc) {
        line->argv[line->argc] = dr_text_copy(argv[line->argc]);
        if (line->argv[line->argc] == NULL) {
            return DORA_ENOMEM;
        }
        line->argc++;
    }
    return line->argv != NULL ? DORA_OK : DORA_ENOMEM;
}

static void words_fini(words *line)
{
    for (int i = 0; i < line->argc; i++) {
        dr_free(line->argv[i]);
    }
    dr_free(line->argv);
}

static dora_err read_config(dr_config *config, void *user, dora_error *error)
{
    const words *line = user;
    const dora_err err = dr_config_init(config);
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    return dr_options_parse(config, line->argc, line->argv, line->host, NULL, error);
}

static int run(int argc, char **argv, const dora_host *host)
{
    words line;
    const dr_config_source source = {read_config, &line};
    dr_config config = {0};
    dora_error error = {.err = DORA_OK};
    int status = DR_EXIT_OK;
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("serve");
    }
    dora_err err = words_init(&line, argc, argv, host);
    err = err == DORA_OK ? read_config(&config, &line, &error)
                         : dora_error_set(&error, err, "%s", dora_err_text(err));
    if (err == DORA_EINVAL) {
        status = dr_cli_usage("serve", error.msg);
        goto out;
    }
    if (err == DORA_OK) {
        err = dr_server_run(&config, &source, host, &error);
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
    words_fini(&line);
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
