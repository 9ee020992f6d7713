/* serve.c: `dora serve`. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/text.h"
#include "server/config/options.h"
#include "server/master/server.h"

int dr_cli_serve(int argc, char **argv, const dora_host *host)
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
