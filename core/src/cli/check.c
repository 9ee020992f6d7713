/* check.c: `dora check`: what is wrong with a configuration file. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/text.h"
#include "server/config/config.h"

static void print_ok(const dr_config *config, const char *path)
{
    dr_text_print(stdout, "", "%s: ok (%zu %s", path, config->pool_count,
                  config->pool_count == 1 ? "pool" : "pools");
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_pool_config *pool = &config->pools[i];
        printf("%s %s: %u %s", i == 0 ? ":" : ",", pool->name, pool->workers,
               dr_runtime_kind_name(pool->runtime));
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

int dr_cli_check(int argc, char **argv)
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
        print_ok(&config, argv[0]);
    } else {
        dr_cli_print_error("check", error.msg);
    }
    dr_config_fini(&config);
    return err == DORA_OK ? DR_EXIT_OK : DR_EXIT_FAILED;
}
