/* upgrade.c: `dora upgrade`: a new server takes over from one of this machine. */
#include "cli/operate.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/token.h"

static const char usage[] = "usage: dora upgrade [ADDRESS] [--timeout S]\n";

static const char help[] =
    "\n"
    "Has a server start its program anew, as it lies on disk now, with the configuration as it is\n"
    "now. When the new server is ready it takes over the listening sockets, and the old one\n"
    "finishes what it has accepted and ends. Comes back when the old one accepts no more. A new\n"
    "one that does not get ready (upgrade_timeout_ms) changes nothing: the reason is printed and\n"
    "the exit status is 1. `dora reload` is for applications alone.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  --timeout S     wait at most S seconds (3700)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

#define WAIT_S 3700.0 /* longer than the longest upgrade_timeout_ms: the server knows its own */

static void print(const json_t *data)
{
    printf("upgraded: process %lld serves, process %lld finishes what it accepted\n",
           (long long)json_integer_value(json_object_get(data, "pid")),
           (long long)json_integer_value(json_object_get(data, "was")));
}

static int run(int argc, char **argv, const dora_host *host)
{
    const dr_order order = {
        .command = "upgrade", .asked = "upgrade", .timeout_s = WAIT_S, .print = print};
    (void)host;
    return dr_operate_order(&order, argc, argv);
}

const dr_command dr_command_upgrade = {
    .name = "upgrade",
    .arguments = "[ADDRESS]",
    .summary = "have a new server take over from one that runs",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
