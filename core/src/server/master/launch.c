/* launch.c: how the zygote of a pool is started, the first one and those of every reload. */
#include "server/master/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "server/config/config_reach.h"
#include "server/config/config_rights.h"
#include "server/config/env_file.h"
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

static const char *named(const char *setting, const char *variable)
{
    return setting != NULL || variable == NULL ? setting : getenv(variable);
}

/* make_words puts a command together: the program with its arguments, PHP's settings, and what
 * makes it a zygote. `own` are the host's words for that, NULL: the runtime's. */
static dora_err make_words(dr_launch_command *command, const dr_pool_config *pool,
                           const char *program, const char *const *own)
{
    const dr_runtime *runtime = dr_runtime_of(pool->runtime);
    const char *extension =
        own == NULL ? named(pool->extension, runtime->extension_variable) : NULL;
    const char *const *rest = own != NULL ? own + 1 : runtime->words;
    size_t count = 4 + pool->interpreter_args.count + 2 * pool->ini.count;
    for (size_t i = 0; rest[i] != NULL; i++) {
        count++;
    }
    const char **words = calloc(count, sizeof(char *));
    if (words == NULL) {
        return DORA_ENOMEM;
    }
    count = 0;
    words[count++] = program;
    for (size_t i = 0; i < pool->interpreter_args.count; i++) {
        words[count++] = pool->interpreter_args.items[i];
    }
    if (extension != NULL && *extension != '\0') {
        (void)snprintf(command->setting, sizeof(command->setting), "extension=%s", extension);
        words[count++] = "-d";
        words[count++] = command->setting;
    }
    for (size_t i = 0; i < pool->ini.count; i++) {
        words[count++] = "-d";
        words[count++] = pool->ini.items[i];
    }
    for (size_t i = 0; rest[i] != NULL; i++) {
        words[count++] = rest[i];
    }
    command->words = words;
    command->argv = words;
    return DORA_OK;
}

void dr_launch_command_fini(dr_launch_command *command)
{
    free(command->words);
    free(command->app);
    *command = (dr_launch_command){.argv = NULL};
}

/* command_for makes the command that starts a zygote for any application of a pool's runtime. */
static dora_err command_for(const dr_server *server, uint32_t index)
{
    const dora_host *host = server->host;
    const dr_pool_config *pool = &server->backend.config->pools[index];
    const dr_runtime *runtime = dr_runtime_of(pool->runtime);
    dr_launch_command *command = &server->commands[index];
    if (command->argv != NULL) {
        return DORA_OK;
    }
    const char *program = named(pool->interpreter, runtime->program_variable);
    const bool is_host_runtime = strcmp(host->runtime, runtime->name) == 0;
    if (runtime->program != NULL && !(pool->from_again && pool->interpreter == NULL) &&
        !(program == NULL && is_host_runtime)) {
        return make_words(command, pool, program != NULL ? program : runtime->program, NULL);
    }
    if (pool->ini.count > 0 && host->zygote != NULL) {
        return make_words(command, pool, host->zygote[0], host->zygote);
    }
    command->argv = host->zygote;
    return DORA_OK;
}

/* own_app gives the application as it is found from the pool's own folder: a file, which counts
 * from the server's, by its whole path. Returns: NULL when out of memory. */
static const char *own_app(const dr_server *server, uint32_t index)
{
    const dr_pool_config *pool = &server->backend.config->pools[index];
    dr_launch_command *command = &server->commands[index];
    const char *folder = server->folder;
    if (pool->cwd == NULL || folder == NULL || pool->app[0] == '/' ||
        dr_app_is_module(pool->runtime, pool->app)) {
        return pool->app;
    }
    const size_t size = strlen(folder) + strlen(pool->app) + 2;
    if (command->app == NULL && (command->app = malloc(size)) != NULL) {
        (void)snprintf(command->app, size, "%s/%s", folder, pool->app);
    }
    return command->app;
}

/* rights_of gives those of a pool's processes, the users' database read anew. */
static dora_err rights_of(const dr_server *server, const dr_pool_config *pool, const char *app,
                          dr_rights *rights, dora_error *error)
{
    const dr_config *config = server->backend.config;
    dora_err err = dr_rights_find(config, pool, rights, error);
    err = err == DORA_OK ? dr_rights_check(config, pool, rights, error) : err;
    rights->files_max = server->files;
    return err == DORA_OK ? dr_reach_pool(pool, app, rights, error) : err;
}

static dora_err add_variable(dr_texts *texts, const char *name, const char *value)
{
    char text[4096];
    (void)snprintf(text, sizeof(text), "%s=%s", name, value != NULL ? value : "/");
    return dr_texts_add(texts, text);
}

/* add_user: what a program asks the environment for, as a login or systemd would have it. */
static dora_err add_user(const dr_account *account, dr_texts *texts)
{
    dora_err err = add_variable(texts, "HOME", account->home);
    err = err == DORA_OK ? add_variable(texts, "USER", account->user) : err;
    return err == DORA_OK ? add_variable(texts, "LOGNAME", account->user) : err;
}

/* environment_of gives the variables of a pool's processes, NULL where they are the server's own:
 * those of another user, those of its file, read anew for each generation, then its own. */
static dora_err environment_of(const dr_pool_config *pool, const dr_rights *rights, char ***list,
                               dora_error *error)
{
    dr_texts more = {NULL, 0};
    dora_error why = {.err = DORA_OK};
    *list = NULL;
    dora_err err = rights->has_account ? add_user(&rights->account, &more) : DORA_OK;
    if (err == DORA_OK && pool->env_file != NULL &&
        (err = dr_env_load(pool->env_file, &more, &why)) != DORA_OK) {
        dora_error_set(error, DORA_ECONFIG, "pools.%s.env_file: %s", pool->name, why.msg);
    }
    for (size_t i = 0; i < pool->env.count && err == DORA_OK; i++) {
        err = dr_texts_add(&more, pool->env.items[i]);
    }
    if (err == DORA_OK && more.count > 0) {
        *list = dr_environment_with(more.items, more.count);
        err = *list != NULL ? DORA_OK : DORA_ENOMEM;
    }
    dr_texts_fini(&more);
    if (err == DORA_ENOMEM) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    return err == DORA_OK ? DORA_OK : DORA_ECONFIG;
}

dora_err dr_launch(dr_server *server, uint32_t index, bool is_on_trial, dr_crew **result,
                   dora_error *error)
{
    const dr_crew_events events = {.on_state = on_crew_state,
                                   .on_death = on_crew_death,
                                   .on_file = server->dev.sources != NULL ? on_crew_file : NULL,
                                   .user = server};
    const dr_pool_config *pool = &server->backend.config->pools[index];
    const char *app = own_app(server, index);
    char **environment = NULL;
    if (app == NULL || command_for(server, index) != DORA_OK) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    dr_dev_launch(server, pool);
    dr_rights rights;
    dora_err err = rights_of(server, pool, app, &rights, error);
    err = err == DORA_OK ? environment_of(pool, &rights, &environment, error) : err;
    if (err != DORA_OK) {
        dr_rights_fini(&rights);
        return err;
    }
    const char *const *any = server->commands[index].argv;
    /* The program's own words count from the folder where it was started. */
    const bool is_again = pool->from_again && server->host->again != NULL && pool->cwd == NULL &&
                          pool->ini.count == 0;
    const dr_crew_options options = {.name = pool->name,
                                     .target = app,
                                     .folder = pool->cwd != NULL ? pool->cwd : server->folder,
                                     .environment = environment,
                                     .argv = is_again ? server->host->again : any,
                                     .argv_late = any,
                                     .mend = dr_runtime_of(pool->runtime)->mend,
                                     .workers = server->rehearsal == NULL ? pool->workers : 0,
                                     .max_requests = pool->max_requests,
                                     .restarts_per_minute = pool->restarts_per_minute,
                                     .memory_mb_max = pool->memory_mb_max,
                                     .reply_bytes_max = server->backend.config->frame_bytes_max,
                                     .log_level = server->backend.config->log.level,
                                     .rights = rights,
                                     .preload = pool->preload,
                                     .dev = server->dev.sources != NULL,
                                     .has_terminal = server->dev.has_terminal,
                                     .is_c = pool->runtime == DR_RUNTIME_C};
    dr_crew *crew = dr_crew_new(&server->loop, server->backend.log, &server->backend.pools[index],
                                &options, &events, is_on_trial);
    if (crew == NULL) {
        free(environment);
        dr_rights_fini(&rights);
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    crew->next = server->all_crews;
    server->all_crews = crew;
    *result = crew;
    return dr_crew_start(crew, error);
}

dora_err dr_launch_all(dr_server *server, dora_error *error)
{
    dora_err err = DORA_OK;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        server->crews[i] = NULL;
        err = err == DORA_OK ? dr_launch(server, i, false, &server->crews[i], error) : err;
    }
    return err;
}
