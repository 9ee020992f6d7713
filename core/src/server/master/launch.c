/* launch.c: how the zygote of a pool is started, the first one and those of every reload. */
#include "server/master/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/master/master.h"
#include "task/crew_zygote.h"

static void on_crew_state(void *user)
{
    dr_server *server = user;
    (void)uv_async_send(&server->attention);
}

static void on_crew_death(void *user)
{
    dr_server *server = user;
    dr_reactor_threads_ask(server);
    (void)uv_async_send(&server->attention); /* it may have been the last of an old generation */
}

/* What a PHP without the extension would say of an unknown function helps nobody. */
#define PHP_ZYGOTE                                                                                 \
    "if (!extension_loaded('dora')) { echo \"this PHP has no extension dora\\n\"; exit(1); } "     \
    "Dora\\zygote();"

/* mend_for says what to do where no zygote of a runtime can be started. */
static const char *mend_for(dr_runtime_kind runtime)
{
    switch (runtime) {
    case DR_RUNTIME_PYTHON:
        return "install Dora for this Python (`pip install .` in its environment), or name one "
               "that "
               "has it by DORA_PYTHON or the pool's \"interpreter\"";
    case DR_RUNTIME_PHP:
        return "load Dora into this PHP by extension=dora in its php.ini, or name the module by "
               "DORA_PHP_EXTENSION or the pool's \"extension\", another PHP by DORA_PHP or the "
               "pool's \"interpreter\"";
    case DR_RUNTIME_C:
        break;
    }
    return "the program that runs this server must be there to be started again";
}

static void make_words(dr_launch_command *command, const char *program, const char *extension,
                       bool is_php)
{
    size_t count = 0;
    command->words[count++] = program != NULL ? program : is_php ? "php" : "python3";
    if (is_php) {
        if (extension != NULL && *extension != '\0') {
            (void)snprintf(command->setting, sizeof(command->setting), "extension=%s", extension);
            command->words[count++] = "-d";
            command->words[count++] = command->setting;
        }
        command->words[count++] = "-r";
        command->words[count++] = PHP_ZYGOTE;
    } else {
        command->words[count++] = "-m";
        command->words[count++] = "dora";
        command->words[count++] = "zygote";
    }
    command->words[count] = NULL;
    command->argv = command->words;
}

/* command_for gives the command that starts a zygote for any application of a pool's runtime. */
static const char *const *command_for(const dr_server *server, uint32_t index)
{
    const dora_host *host = server->host;
    const dr_pool_config *pool = &server->backend.config->pools[index];
    dr_launch_command *command = &server->commands[index];
    if (command->argv != NULL) {
        return command->argv;
    }
    const bool is_php = pool->runtime == DR_RUNTIME_PHP;
    const char *program =
        pool->interpreter != NULL ? pool->interpreter : getenv(is_php ? "DORA_PHP" : "DORA_PYTHON");
    const bool is_host_runtime = strcmp(host->runtime, dr_runtime_kind_name(pool->runtime)) == 0;
    if (pool->runtime == DR_RUNTIME_C || (pool->from_again && pool->interpreter == NULL) ||
        (program == NULL && is_host_runtime)) {
        command->argv = host->zygote;
    } else {
        make_words(command, program,
                   pool->extension != NULL ? pool->extension : getenv("DORA_PHP_EXTENSION"),
                   is_php);
    }
    return command->argv;
}

dora_err dr_launch(dr_server *server, uint32_t index, bool is_on_trial, dr_crew **result,
                   dora_error *error)
{
    const dr_crew_events events = {
        .on_state = on_crew_state, .on_death = on_crew_death, .user = server};
    const dr_pool_config *pool = &server->backend.config->pools[index];
    const char *const *any = command_for(server, index);
    const bool is_again = pool->from_again && server->host->again != NULL;
    const dr_crew_options options = {.name = pool->name,
                                     .target = pool->app,
                                     .folder = server->folder,
                                     .argv = is_again ? server->host->again : any,
                                     .argv_late = any,
                                     .mend = mend_for(pool->runtime),
                                     .workers = pool->workers,
                                     .max_requests = pool->max_requests,
                                     .memory_mb_max = pool->memory_mb_max,
                                     .reply_bytes_max = server->backend.config->frame_bytes_max,
                                     .log_level = server->backend.config->log.level,
                                     .files_max = server->files,
                                     .preload = pool->preload,
                                     .is_c = pool->runtime == DR_RUNTIME_C};
    dr_crew *crew = dr_crew_new(&server->loop, server->backend.log, &server->backend.pools[index],
                                &options, &events, is_on_trial);
    if (crew == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    crew->next = server->all_crews;
    server->all_crews = crew;
    *result = crew;
    return dr_crew_start(crew, error);
}
