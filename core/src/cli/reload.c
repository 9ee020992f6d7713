/* reload.c: `dora reload`: a running server loads its applications again. */
#include "cli/operate.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"
#include "cli/token.h"

static const char usage[] = "usage: dora reload [ADDRESS] [--timeout S]\n";

static const char help[] =
    "\n"
    "Has a server load its applications again, beside those that serve. Says \"reloaded\", with\n"
    "the generation of each pool, or \"still loading\" when that takes more than two seconds; the\n"
    "log then says what became of it. An application that does not load changes nothing: the\n"
    "reason is printed and the exit status is 1.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  --timeout S     wait at most S seconds (5)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

static void print_outcome(const json_t *data)
{
    const json_t *server = json_object_get(data, "server");
    const char *name;
    const json_t *pool;
    const char *reload = json_string_value(json_object_get(server, "reload"));
    if (reload == NULL || strcmp(reload, "done") != 0) {
        printf("still loading\n");
        return;
    }
    printf("reloaded");
    json_object_foreach((json_t *)json_object_get(server, "pools"), name, pool)
    {
        dr_text_print(stdout, "", " %s=%lld", name,
                      (long long)json_integer_value(json_object_get(pool, "generation")));
    }
    printf("\n");
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    double timeout_s = 5.0;
    const char *address = NULL;
    const dr_operate_flag flags[] = {{.name = "--timeout", .seconds = &timeout_s}, {.name = NULL}};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("reload");
    }
    if (!dr_operate_parse("reload", flags, argc, argv, &address)) {
        return DR_EXIT_USAGE;
    }
    address = address != NULL ? address : DR_OPERATE_ADDRESS;
    dr_operator self = {0};
    dora_error error = {.err = DORA_OK};
    json_t *data = NULL;
    int status = DR_EXIT_OK;
    dora_err err = dr_operator_open(&self, address, timeout_s, &error);
    err = err == DORA_OK ? dr_operator_ask(&self, "reloadTask", &data, &error) : err;
    if (err == DORA_OK) {
        print_outcome(data);
    } else {
        status = dr_operate_fail("reload", address, &error);
    }
    json_decref(data);
    dr_operator_close(&self);
    return status;
}

const dr_command dr_command_reload = {
    .name = "reload",
    .arguments = "[ADDRESS]",
    .summary = "load a server's applications again",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
