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

static void on_crew_file(void *user, dora_slice path)
{
    dr_dev_file(user, path);
}

static void make_words(dr_launch_command *command, const dr_runtime *runtime, const char *program,
                       const char *extension)
{
    size_t count = 0;
    command->words[count++] = program != NULL ? program : runtime->program;
    if (extension != NULL && *extension != '\0') {
        (void)snprintf(command->setting, sizeof(command->setting), "extension=%s", extension);
        command->words[count++] = "-d";
        command->words[count++] = command->setting;
    }
    for (size_t i = 0; runtime->words[i] != NULL; i++) {
        command->words[count++] = runtime->words[i];
    }
    command->words[count] = NULL;
    command->argv = command->words;
}

static const char *named(const char *setting, const char *variable)
{
    return setting != NULL || variable == NULL ? setting : getenv(variable);
}

/* command_for gives the command that starts a zygote for any application of a pool's runtime. */
static const char *const *command_for(const dr_server *server, uint32_t index)
{
    const dora_host *host = server->host;
    const dr_pool_config *pool = &server->backend.config->pools[index];
    const dr_runtime *runtime = dr_runtime_of(pool->runtime);
    dr_launch_command *command = &server->commands[index];
    if (command->argv != NULL) {
        return command->argv;
    }
    const char *program = named(pool->interpreter, runtime->program_variable);
    const bool is_host_runtime = strcmp(host->runtime, runtime->name) == 0;
    if (runtime->program == NULL || (pool->from_again && pool->interpreter == NULL) ||
        (program == NULL && is_host_runtime)) {
        command->argv = host->zygote;
    } else {
        make_words(command, runtime, program, named(pool->extension, runtime->extension_variable));
    }
    return command->argv;
}

dora_err dr_launch(dr_server *server, uint32_t index, bool is_on_trial, dr_crew **result,
                   dora_error *error)
{
    const dr_crew_events events = {.on_state = on_crew_state,
                                   .on_death = on_crew_death,
                                   .on_file = server->dev.sources != NULL ? on_crew_file : NULL,
                                   .user = server};
    const dr_pool_config *pool = &server->backend.config->pools[index];
    const char *const *any = command_for(server, index);
    const bool is_again = pool->from_again && server->host->again != NULL;
    const dr_crew_options options = {.name = pool->name,
                                     .target = pool->app,
                                     .folder = server->folder,
                                     .argv = is_again ? server->host->again : any,
                                     .argv_late = any,
                                     .mend = dr_runtime_of(pool->runtime)->mend,
                                     .workers = pool->workers,
                                     .max_requests = pool->max_requests,
                                     .memory_mb_max = pool->memory_mb_max,
                                     .reply_bytes_max = server->backend.config->frame_bytes_max,
                                     .log_level = server->backend.config->log.level,
                                     .files_max = server->files,
                                     .preload = pool->preload,
                                     .dev = server->dev.sources != NULL,
                                     .has_terminal = server->dev.has_terminal,
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
