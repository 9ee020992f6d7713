/* forgive.c: `dora forgive`: a running server takes calls again that have ended workers. */
#include "cli/operate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/text.h"
#include "cli/token.h"

#define ENCODED_MAX 4096u /* bytes of a name: ample */

static const char usage[] = "usage: dora forgive [ADDRESS] [API] [--timeout S]\n";

static const char help[] =
    "\n"
    "Has a server forget which calls have ended workers: those of API, or all. What it refuses\n"
    "with 100212 it takes again then, and counts anew. Prints what it has forgotten.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  API             the name of an api, as it is called\n"
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

/* name_of encodes the name of an api; nothing stands for all. Ownership: gives, as a writer. */
static dora_writer *name_of(const char *api, dora_slice *param, dora_error *error)
{
    if (api != NULL && (api[0] == '\0' || strlen(api) > DR_API_NAME_MAX)) {
        dora_error_set(error, DORA_EINVAL, "the name of an api has 1 to %u bytes", DR_API_NAME_MAX);
        return NULL;
    }
    dora_writer *writer = dora_writer_new(ENCODED_MAX);
    if (writer != NULL && api != NULL) {
        dora_write_string(writer, api, strlen(api));
    } else if (writer != NULL) {
        dora_write_null(writer);
    }
    if (writer == NULL || dora_writer_finish(writer, param) != DORA_OK) {
        dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    return writer;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    double timeout_s = 3.0;
    const char *words[2];
    const dr_operate_flag flags[] = {{.name = "--timeout", .seconds = &timeout_s}, {.name = NULL}};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("forgive");
    }
    if (!dr_operate_parse_two("forgive", flags, argc, argv, words)) {
        return DR_EXIT_USAGE;
    }
    const char *address = words[0] != NULL ? words[0] : DR_OPERATE_ADDRESS;
    dr_operator self = {0};
    dora_error error = {.err = DORA_OK};
    dora_slice param = {NULL, 0};
    json_t *data = NULL;
    int status = DR_EXIT_OK;
    dora_writer *writer = name_of(words[1], &param, &error);
    dora_err err = error.err;
    err = err == DORA_OK ? dr_operator_open(&self, address, timeout_s, &error) : err;
    err = err == DORA_OK ? dr_operator_tell(&self, "forgive", param, &data, &error) : err;
    if (err == DORA_OK) {
        print(data);
    } else {
        status = dr_operate_fail("forgive", address, &error);
    }
    json_decref(data);
    dr_operator_close(&self);
    dora_writer_free(writer);
    return status;
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
