/* forgive.c: `dora forgive`: a running server takes calls again that have ended workers. */
#include "cli/operate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/text.h"
#include "cli/token.h"

static const char usage[] = "usage: dora forgive [ADDRESS] [API] [--timeout S]\n";

static const char help[] =
    "\n"
    "Has a server forget which calls have ended workers: those of API, or all. What it refuses\n"
    "with 100212 it takes again then, and counts anew. Prints what it has forgotten.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  API             the name of an api, as it is called; it may stand alone where it begins\n"
    "                  with a slash\n"
    "  --timeout S     wait at most S seconds (3)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

/* print writes a line for each call. */
static void print(const json_t *pools)
{
    const char *name;
    const json_t *calls;
    size_t count = 0;
    json_object_foreach((json_t *)(uintptr_t)pools, name, calls)
    {
        for (size_t i = 0; i < json_array_size(calls); i++, count++) {
            const json_t *call = json_array_get(calls, i);
            dr_text_print(stdout, "",
                          "forgiven: %s %s (digest %s), which has ended workers: %" PRId64, name,
                          dr_text_word(call, "api"), dr_text_word(call, "digest"),
                          dr_text_int(call, "deaths"));
            printf("\n");
        }
    }
    if (count == 0) {
        printf("nothing to forgive\n");
    }
}

/* put_name writes the name of an api; nothing stands for all. */
static dora_err put_name(const char *api, dora_writer *writer, dora_error *error)
{
    if (api == NULL) {
        return dora_write_null(writer);
    }
    if (api[0] == '\0' || strlen(api) > DR_API_NAME_MAX) {
        return dora_error_set(error, DORA_EINVAL, "the name of an api has 1 to %u bytes",
                              DR_API_NAME_MAX);
    }
    return dora_write_string(writer, api, strlen(api));
}

static int run(int argc, char **argv, const dora_host *host)
{
    const dr_order order = {.command = "forgive",
                            .asked = "forgive",
                            .timeout_s = 3.0,
                            .param = put_name,
                            .print = print};
    (void)host;
    return dr_operate_order(&order, argc, argv);
}

const dr_command dr_command_forgive = {
    .name = "forgive",
    .arguments = "[ADDRESS] [API]",
    .summary = "take calls again that have ended workers",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
