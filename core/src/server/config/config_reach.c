/* config_reach.c: whether the users that processes run as can reach the files of a configuration:
 * asked by being them, as only the kernel knows all of its rules. */
#include "server/config/config_reach.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log_file.h"

typedef enum way { WAY_READ, WAY_ENTER, WAY_WRITE, WAY_MAKE, WAY_REMOVE } way;

/* wish is what somebody wants to do with a file. */
typedef struct wish {
    const char *key;
    const char *path;
    way how;
} wish;

/* folder_of writes the folder that a path stands in. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    (void)snprintf(folder, PATH_MAX, "%.*s", slash == NULL ? 1 : (int)len,
                   slash == NULL ? "." : path);
}

static int ask(const void *about)
{
    const wish *wanted = about;
    char folder[PATH_MAX];
    dora_error error;
    switch (wanted->how) {
    case WAY_READ:
        return access(wanted->path, R_OK) == 0 ? 0 : errno;
    case WAY_ENTER:
        return access(wanted->path, X_OK) == 0 ? 0 : errno;
    case WAY_MAKE:
        return dr_log_file_open(wanted->path, &error) >= 0 ? 0 : errno;
    case WAY_WRITE:
        if (access(wanted->path, W_OK) == 0) {
            return 0;
        }
        if (errno != ENOENT) {
            return errno;
        }
        break; /* who may write to the folder may make it */
    case WAY_REMOVE:
        break;
    }
    folder_of(wanted->path, folder);
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

/* can_reach asks as that user. */
static dora_err can_reach(const dr_account *who, const char *prefix, const wish *wanted,
                          dora_error *error)
{
    static const char *const words[] = {
        "read it", "enter it", "write to it", "write to it",
        "make and remove it, which takes a folder that it may write to"};
    const int why = wanted->path == NULL ? 0 : dr_account_try(who, ask, wanted);
    return why == 0 ? DORA_OK
                    : dora_error_set(error, DORA_ECONFIG, "%s%s: %s: user %s cannot %s: %s", prefix,
                                     wanted->key, wanted->path, who->user, words[wanted->how],
                                     strerror(why));
}

static dora_err reach_all(const dr_account *who, const char *prefix, const wish *wishes,
                          size_t count, dora_error *error)
{
    dora_err err = DORA_OK;
    for (size_t i = 0; i < count && err == DORA_OK; i++) {
        err = can_reach(who, prefix, &wishes[i], error);
    }
    return err;
}

static void prefix_of(const dr_pool_config *pool, char prefix[128])
{
    (void)snprintf(prefix, 128, "pools.%s.", pool->name);
}

dora_err dr_reach_pool(const dr_pool_config *pool, const char *app, const dr_rights *rights,
                       dora_error *error)
{
    char prefix[128];
    const bool is_module = dr_app_is_module(pool->runtime, pool->app);
    const wish wishes[] = {{"app", is_module ? NULL : app, WAY_READ},
                           {"cwd", pool->cwd, WAY_ENTER}};
    prefix_of(pool, prefix);
    return rights->has_account ? reach_all(&rights->account, prefix, wishes, 2, error) : DORA_OK;
}

dora_err dr_reach_master(const dr_config *config, const char *const *pid_files,
                         const dr_account *master, bool is_start, dora_error *error)
{
    const wish wishes[] = {{"the configuration", config->file, WAY_READ},
                           {"tls.cert", config->tls.cert, WAY_READ},
                           {"tls.key", config->tls.key, WAY_READ},
                           {"tls.ca", config->tls.ca, WAY_READ},
                           {"tls.crl", config->tls.crl, WAY_READ},
                           {"discovery.tls.cert", config->discovery.tls.cert, WAY_READ},
                           {"discovery.tls.key", config->discovery.tls.key, WAY_READ},
                           {"discovery.tls.ca", config->discovery.tls.ca, WAY_READ},
                           {"discovery.tls.crl", config->discovery.tls.crl, WAY_READ},
                           {"log.file", config->log.file, is_start ? WAY_MAKE : WAY_WRITE},
                           {"listen.unix", config->unix_path, WAY_REMOVE},
                           {"pid_file", config->pid_file, WAY_REMOVE}};
    dora_err err = reach_all(master, "", wishes, sizeof wishes / sizeof wishes[0], error);
    for (; pid_files != NULL && *pid_files != NULL && err == DORA_OK; pid_files++) {
        const wish more = {"pid_file", *pid_files, WAY_REMOVE};
        err = can_reach(master, "", &more, error);
    }
    for (size_t i = 0; i < config->pool_count && err == DORA_OK; i++) {
        char prefix[128];
        const wish variables = {"env_file", config->pools[i].env_file, WAY_READ};
        prefix_of(&config->pools[i], prefix);
        err = can_reach(master, prefix, &variables, error);
    }
    return err;
}
