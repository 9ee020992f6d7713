/* config_start.c: what would fail when a configuration is started, seen without starting it. */
#include "server/config/config_start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config/config_discovery.h"
#include "server/config/config_reach.h"
#include "server/config/config_rights.h"
#include "server/config/config_tls.h"
#include "server/config/env_file.h"
#include "server/config/problem.h"
#include "server/spans/collector.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin" /* where the C library looks without PATH */

typedef struct looking {
    const dr_config *config;
    const dora_host *host;
    const char *prefix;
    dora_error *problems;
} looking;

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Whether a program can be started: a path, or a name that PATH has. */
static bool is_startable(const char *program)
{
    char path[4096];
    if (strchr(program, '/') != NULL) {
        return is_program(program);
    }
    const char *folders = getenv("PATH");
    for (const char *at = folders != NULL ? folders : PATH_DEFAULT; at != NULL;) {
        const char *end = strchr(at, ':');
        const int len = end != NULL ? (int)(end - at) : (int)strlen(at);
        const int written =
            snprintf(path, sizeof path, "%.*s%s%s", len, at, len > 0 ? "/" : "./", program);
        if (written > 0 && (size_t)written < sizeof path && is_program(path)) {
            return true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static void check_interpreter(const looking *l, const dr_pool_config *pool)
{
    const dr_runtime *runtime = dr_runtime_of(pool->runtime);
    const char *variable =
        runtime->program_variable != NULL ? getenv(runtime->program_variable) : NULL;
    const char *program = pool->interpreter != NULL ? pool->interpreter
                          : variable != NULL        ? variable
                                                    : runtime->program;
    const bool is_own = pool->interpreter == NULL && variable == NULL && l->host != NULL &&
                        strcmp(l->host->runtime, runtime->name) == 0;
    if (program == NULL || is_own || is_startable(program)) {
        return;
    }
    const bool is_of_variable = pool->interpreter == NULL && variable != NULL;
    dr_problem_add(l->problems, "%spools.%s.interpreter: %s%s%s: %s; install it, or name another",
                   l->prefix, pool->name, is_of_variable ? runtime->program_variable : "",
                   is_of_variable ? " in the environment names " : "", program,
                   strchr(program, '/') != NULL ? "there is no such program"
                                                : "PATH has no such program");
}

static void check_extension(const looking *l, const dr_pool_config *pool)
{
    const char *path = pool->extension;
    if (path != NULL && strchr(path, '/') != NULL && access(path, R_OK) != 0) {
        dr_problem_add(l->problems, "%spools.%s.extension: %s: %s; name PHP's module dora.so",
                       l->prefix, pool->name, path, strerror(errno));
    }
}

static void check_cwd(const looking *l, const dr_pool_config *pool)
{
    struct stat status;
    if (pool->cwd == NULL) {
        return;
    }
    const char *why = stat(pool->cwd, &status) != 0  ? strerror(errno)
                      : !S_ISDIR(status.st_mode)     ? "not a folder"
                      : access(pool->cwd, X_OK) != 0 ? strerror(errno)
                                                     : NULL;
    if (why != NULL) {
        dr_problem_add(l->problems, "%spools.%s.cwd: %s: %s; make the folder, or name another",
                       l->prefix, pool->name, pool->cwd, why);
    }
}

static void check_env_file(const looking *l, const dr_pool_config *pool)
{
    dr_texts env = {NULL, 0};
    dora_error error;
    if (pool->env_file != NULL && dr_env_load(pool->env_file, &env, &error) != DORA_OK) {
        dr_problem_add(l->problems, "%spools.%s.env_file: %s", l->prefix, pool->name, error.msg);
    }
    dr_texts_fini(&env);
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat first;
    struct stat second;
    if (stat(one, &first) != 0 || stat(other, &second) != 0) {
        return strcmp(one, other) == 0;
    }
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Two pools of one application serve the same names, unless both say which they serve. */
static void check_two(const looking *l, const dr_pool_config *one, const dr_pool_config *other)
{
    const bool is_said = one->apis.count > 0 && other->apis.count > 0;
    if (!is_said && one->runtime == other->runtime && is_same_file(one->app, other->app)) {
        dr_problem_add(l->problems,
                       "%spools.%s.app: %s is served by pools.%s, too: a name belongs to one "
                       "pool; say in the \"apis\" of both who serves what",
                       l->prefix, other->name, other->app, one->name);
    }
}

/* The length of a path's folder, where that is missing; else 0. */
static size_t missing_folder(const char *path)
{
    char folder[4096];
    struct stat status;
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    const size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    if (len == 0 || len >= sizeof folder) {
        return 0;
    }
    memcpy(folder, path, len);
    folder[len] = '\0';
    return stat(folder, &status) == 0 && S_ISDIR(status.st_mode) ? 0 : len;
}

static void check_log(const looking *l)
{
    const char *path = l->config->log.file;
    struct stat status;
    const size_t missing = missing_folder(path);
    if (missing > 0) {
        dr_problem_add(l->problems, "%slog.file: %s: there is no folder %.*s; make it", l->prefix,
                       path, (int)missing, path);
    } else if (path != NULL && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        dr_problem_add(l->problems, "%slog.file: %s: it is a folder; name a file in it", l->prefix,
                       path);
    }
}

/* check_rights: whom a pool runs as, and whether that one can reach its files, where this process
 * may ask as that one. */
static void check_rights(const looking *l, const dr_pool_config *pool)
{
    dora_error error;
    dr_rights rights;
    dora_err err = dr_rights_find(l->config, pool, &rights, &error);
    if (err == DORA_OK && dr_account_is_possible()) {
        err = dr_rights_check(l->config, pool, &rights, &error);
        err = err == DORA_OK ? dr_reach_pool(pool, pool->app, &rights, &error) : err;
    }
    if (err != DORA_OK) {
        dr_problem_add(l->problems, "%s%s", l->prefix, error.msg);
    }
    dr_rights_fini(&rights);
}

static void check_master_user(const looking *l)
{
    dora_error error;
    dr_account account;
    bool is_other;
    uid_t owner;
    gid_t group;
    dora_err err = dr_master_user_find(l->config, &account, &is_other, &error);
    if (err == DORA_OK && is_other && dr_account_is_possible()) {
        err = dr_reach_master(l->config, NULL, &account, false, &error);
    }
    err = err == DORA_OK ? dr_unix_owner_find(l->config, &owner, &group, &error) : err;
    if (err != DORA_OK) {
        dr_problem_add(l->problems, "%s%s", l->prefix, error.msg);
    }
    dr_account_fini(&account);
}

static void check_trace(const looking *l)
{
    dora_error error;
    if (l->config->trace.endpoint != NULL && dr_collector_is_possible(&error) != DORA_OK) {
        dr_problem_add(l->problems, "%strace.endpoint: %s", l->prefix, error.msg);
    }
}

static void check_discovery_tls(const looking *l)
{
    dora_error error;
    dr_tls_context *tls = NULL;
    if (dr_discovery_tls_open(l->config, &tls, &error) != DORA_OK) {
        dr_problem_add(l->problems, "%s%s", l->prefix, error.msg);
    }
    dr_tls_context_free(tls);
}

static void check_tls(const looking *l)
{
    dora_error error;
    dr_tls_context *context = NULL;
    if (l->config->tls_host != NULL && l->config->tls.cert != NULL && l->config->tls.key != NULL &&
        dr_config_tls_context(l->config, NULL, &context, &error) != DORA_OK) {
        dr_problem_add(l->problems, "%s%s", l->prefix, error.msg);
    }
    dr_tls_context_free(context);
}

dora_err dr_config_check_start(const dr_config *config, const char *where, const dora_host *host,
                               dora_error *error)
{
    char prefix[1024];
    const looking l = {config, host, prefix, error};
    snprintf(prefix, sizeof prefix, "%.1000s: ", where);
    dr_problem_clear(error);
    if (config->pool_count == 0) {
        dr_problem_add(error,
                       "%spools: there is none, and nothing to serve; add {\"NAME\": {\"runtime\": "
                       "\"python\", \"app\": \"app.py\"}}",
                       prefix);
    }
    check_log(&l);
    check_trace(&l);
    check_discovery_tls(&l);
    check_tls(&l);
    check_master_user(&l);
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_pool_config *pool = &config->pools[i];
        check_interpreter(&l, pool);
        check_extension(&l, pool);
        check_cwd(&l, pool);
        check_env_file(&l, pool);
        check_rights(&l, pool);
        for (size_t j = 0; j < i; j++) {
            check_two(&l, &config->pools[j], pool);
        }
    }
    return error->err;
}

void dr_config_each_missing_folder(const dr_config *config,
                                   void (*tell)(const char *key, const char *path,
                                                size_t folder_len, void *user),
                                   void *user)
{
    const char *const keys[] = {"listen.unix", "pid_file"};
    const char *const paths[] = {config->unix_path, config->pid_file};
    for (size_t i = 0; i < 2; i++) {
        const size_t missing = missing_folder(paths[i]);
        if (missing > 0) {
            tell(keys[i], paths[i], missing, user);
        }
    }
}
