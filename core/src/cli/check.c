/* check.c: `dora check`: what is wrong with a configuration file. */
#include "cli/command.h"

#include <stdio.h>

#include "cli/text.h"
#include "server/config/config.h"
#include "server/config/config_read.h"
#include "server/config/config_start.h"

static const char usage[] = "usage: dora check FILE\n";

static const char help[] =
    "\n"
    "Reads a configuration file as `dora serve --config FILE` would, and says what is wrong\n"
    "with it: the key, its line and column, and what is allowed there; and what is missing for\n"
    "a start: pools, applications, interpreters, folders.\n"
    "\n"
    "exit status: 0 no mistakes, 1 mistakes, 2 wrong command line\n";

static void print_ok(const dr_config *config, const char *path)
{
    dr_text_print(stdout, "", "%s: ok (%zu %s", path, config->pool_count,
                  config->pool_count == 1 ? "pool" : "pools");
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_pool_config *pool = &config->pools[i];
        printf("%s %s: %u %s", i == 0 ? ":" : ",", pool->name, pool->workers,
               dr_runtime_of(pool->runtime)->name);
    }
    if (config->discovery.redis.count > 0) {
        printf("; registers in %zu Redis", config->discovery.redis.count);
    }
    printf(")\n");
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_pool_config *pool = &config->pools[i];
        if (pool->threads > pool->concurrency) {
            printf("note: pools.%s.threads: %u has no effect beyond \"concurrency\" (%u), how many "
                   "calls a worker runs at a time\n",
                   pool->name, pool->threads, pool->concurrency);
        }
    }
}

static void note_missing(const char *key, const char *path, size_t folder_len, void *user)
{
    (void)user;
    dr_text_print(stdout, "", "note: %s: %s: there is no folder %.*s yet; the start needs it", key,
                  path, (int)folder_len, path);
    printf("\n");
}

static int run(int argc, char **argv, const dora_host *host)
{
    dr_config config;
    dora_error error = {.err = DORA_OK};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("check");
    }
    if (argc != 1 || argv[0][0] == '-') {
        return dr_cli_usage("check", argc == 0 ? "a FILE is missing" : "one FILE is expected");
    }
    dora_err err = dr_config_init(&config);
    if (err != DORA_OK) {
        dora_error_set(&error, err, "%s", dora_err_text(err));
    } else {
        err = dr_config_load(&config, argv[0], &error);
    }
    if (err == DORA_OK) {
        err = dr_config_check(&config, argv[0], &error);
    }
    if (err == DORA_OK) {
        err = dr_config_check_start(&config, argv[0], host, &error);
    }
    if (err == DORA_OK) {
        print_ok(&config, argv[0]);
        dr_config_each_missing_folder(&config, note_missing, NULL);
    } else {
        dr_cli_print_error("check", error.msg);
    }
    dr_config_fini(&config);
    return err == DORA_OK ? DR_EXIT_OK : DR_EXIT_FAILED;
}

const dr_command dr_command_check = {
    .name = "check",
    .arguments = "FILE",
    .summary = "look for mistakes in a configuration file",
    .usage = usage,
    .help = help,
    .run = run,
};
