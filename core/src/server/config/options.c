/* options.c: the command line of `dora serve`, to a dr_config. */
#include "server/config/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "server/config/config_discovery.h"
#include "server/config/config_read.h"
#include "server/config/run_options.h"
#include "server/config/suggest.h"

/* What argv says, before it is applied. Strings are borrowed from argv; -1: not given. */
typedef struct serve_flags {
    const char *config;
    const char *host;
    const char *unix_path;
    long port;
    long http_port;
    long admin_port;
    long workers;
    bool is_dev;
    const char **files;
    size_t file_count;
    dr_config discovery; /* its `discovery` alone */
} serve_flags;

static const char *const KNOWN[] = {"--config", "--host",      "--port",    "--http",
                                    "--unix",   "--admin",     "--workers", "--redis",
                                    "--group",  "--advertise", "--dev",     NULL};

const char *const *dr_options_flags(void)
{
    return KNOWN;
}

/* Digits alone, within min and max; else -1. */
static long number_parse(const char *text, long min, long max)
{
    long number = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 8) {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return text[0] != '\0' && number >= min && number <= max ? number : -1;
}

/* The name of a flag without "=value", in `name`; `*value` is what stands behind "=" or NULL. */
static void flag_split(const char *arg, char name[32], const char **value)
{
    const char *equals = strchr(arg, '=');
    size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    len = len < 31 ? len : 31;
    memcpy(name, arg, len);
    name[len] = '\0';
    *value = equals != NULL ? equals + 1 : NULL;
}

static dora_err flag_unknown(const char *name, dora_error *error)
{
    const char *near = dr_suggest(name, KNOWN);
    if (near != NULL) {
        return dora_error_set(error, DORA_EINVAL, "unknown flag %s; did you mean %s?", name, near);
    }
    char all[256] = "";
    size_t len = 0;
    for (size_t i = 0; KNOWN[i] != NULL && len < sizeof(all); i++) {
        const char *before = i == 0 ? "" : KNOWN[i + 1] != NULL ? ", " : " and ";
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", before, KNOWN[i]);
    }
    return dora_error_set(error, DORA_EINVAL, "unknown flag %s; there are %s", name, all);
}

static bool flag_is_known(const char *name)
{
    for (size_t i = 0; KNOWN[i] != NULL; i++) {
        if (strcmp(KNOWN[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static dora_err port_take(long *port, const char *name, const char *value, dora_error *error)
{
    *port = number_parse(value, 0, UINT16_MAX);
    return *port >= 0 ? DORA_OK
                      : dora_error_set(error, DORA_EINVAL, "%s must be from 0 to 65535, not %s",
                                       name, value);
}

/* discovery_take reads the flags of discovery. Returns: false for another flag. */
static bool discovery_take(dr_config *config, const char *name, const char *value, dora_err *err,
                           dora_error *error)
{
    dora_error why = {.err = DORA_OK};
    if (strcmp(name, "--redis") == 0) {
        *err = dr_discovery_add_redis(config, value, &why);
    } else if (strcmp(name, "--group") == 0) {
        *err = dr_discovery_add_group(config, value, &why);
    } else if (strcmp(name, "--advertise") == 0) {
        *err = dr_discovery_set_advertise(config, value, &why);
    } else {
        return false;
    }
    if (*err != DORA_OK) {
        (void)dora_error_set(error, *err, "%s: %s", name, why.msg);
    }
    return true;
}

static dora_err flag_take(serve_flags *flags, const char *name, const char *value,
                          dora_error *error)
{
    if (value == NULL || value[0] == '\0') {
        return dora_error_set(error, DORA_EINVAL, "%s needs a value", name);
    }
    dora_err err = DORA_OK;
    if (discovery_take(&flags->discovery, name, value, &err, error)) {
        return err;
    }
    if (strcmp(name, "--config") == 0) {
        if (flags->config != NULL) {
            return dora_error_set(error, DORA_EINVAL, "--config stands there twice");
        }
        flags->config = value;
    } else if (strcmp(name, "--host") == 0) {
        flags->host = value;
    } else if (strcmp(name, "--unix") == 0) {
        flags->unix_path = value;
    } else if (strcmp(name, "--port") == 0) {
        return port_take(&flags->port, name, value, error);
    } else if (strcmp(name, "--http") == 0) {
        return port_take(&flags->http_port, name, value, error);
    } else if (strcmp(name, "--admin") == 0) {
        return port_take(&flags->admin_port, name, value, error);
    } else {
        flags->workers = number_parse(value, 1, DR_POOL_WORKERS_MAX);
        if (flags->workers < 0) {
            return dora_error_set(error, DORA_EINVAL, "--workers must be from 1 to %u, not %s",
                                  DR_POOL_WORKERS_MAX, value);
        }
    }
    return DORA_OK;
}

static dora_err flags_read(serve_flags *flags, int argc, char *const *argv, dora_error *error)
{
    bool is_file_only = false;
    for (int i = 0; i < argc; i++) {
        char name[32];
        const char *value;
        if (is_file_only || argv[i][0] != '-' || argv[i][1] == '\0') {
            flags->files[flags->file_count++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            is_file_only = true;
            continue;
        }
        flag_split(argv[i], name, &value);
        if (!flag_is_known(name)) {
            return flag_unknown(name, error);
        }
        if (strcmp(name, "--dev") == 0) {
            if (value != NULL) {
                return dora_error_set(error, DORA_EINVAL, "--dev takes no value, not %s", value);
            }
            flags->is_dev = true;
            continue;
        }
        if (value == NULL && i + 1 < argc) {
            value = argv[++i];
        }
        dora_err err = flag_take(flags, name, value, error);
        if (err != DORA_OK) {
            return err;
        }
    }
    return DORA_OK;
}

static bool ends_in(const char *text, const char *end)
{
    size_t text_len = strlen(text);
    size_t end_len = strlen(end);
    return text_len > end_len && strcmp(text + text_len - end_len, end) == 0;
}

/* runtime_of goes by a file's ending, or by what has run it; module:attr is Python. */
static dr_runtime_kind runtime_of(const char *file, const dora_host *host)
{
    const bool is_own =
        host != NULL && host->again_app != NULL && strcmp(host->again_app, file) == 0;
    dr_runtime_kind kind = DR_RUNTIME_C;
    while (kind < DR_RUNTIME_COUNT && !ends_in(file, dr_runtime_of(kind)->ending) &&
           !(is_own && host->runtime != NULL &&
             strcmp(host->runtime, dr_runtime_of(kind)->name) == 0)) {
        kind++;
    }
    const bool is_module = strchr(file, ':') != NULL && strchr(file, '/') == NULL;
    return kind == DR_RUNTIME_COUNT && is_module ? DR_RUNTIME_PYTHON : kind;
}

static bool has_pool(const dr_config *config, const char *name)
{
    for (size_t i = 0; i < config->pool_count; i++) {
        if (strcmp(config->pools[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A pool's name for `file`: apps/users.py and shop.users:app both are "users", the second one
 * "users-2". */
static void pool_name(const dr_config *config, const char *file, bool is_module, char name[64])
{
    char base[48] = "app";
    const char *slash = strrchr(file, '/');
    const char *start = slash != NULL ? slash + 1 : file;
    const char *end = is_module ? strchr(start, ':') : strrchr(start, '.');
    if (end == NULL) {
        end = start + strlen(start);
    }
    for (const char *at = start; is_module && at < end; at++) {
        start = *at == '.' ? at + 1 : start;
    }
    size_t len = (size_t)(end - start) < sizeof base - 1 ? (size_t)(end - start) : sizeof base - 1;
    for (size_t i = 0; i < len; i++) {
        bool is_plain = (start[i] >= 'a' && start[i] <= 'z') ||
                        (start[i] >= 'A' && start[i] <= 'Z') ||
                        (start[i] >= '0' && start[i] <= '9') || start[i] == '.' || start[i] == '-';
        base[i] = is_plain ? start[i] : '_';
        base[i + 1] = '\0';
    }
    snprintf(name, 64, "%s", base);
    for (unsigned i = 2; has_pool(config, name); i++) {
        snprintf(name, 64, "%s-%u", base, i);
    }
}

static dora_err pool_from_file(dr_config *config, const char *file, const dora_host *host,
                               dora_error *error)
{
    char name[64];
    struct stat status;
    const dr_runtime_kind runtime = runtime_of(file, host);
    if (runtime == DR_RUNTIME_COUNT) {
        const bool is_settings = ends_in(file, ".json");
        return dora_error_set(error, DORA_EINVAL,
                              "%s: a FILE ends in .py, .php or .so, or is module:attr (Python)%s%s",
                              file, is_settings ? "; for settings there is --config " : "",
                              is_settings ? file : "");
    }
    bool is_module = dr_app_is_module(runtime, file);
    if (!is_module && stat(file, &status) != 0) {
        return dora_error_set(error, DORA_EINVAL, "%s: %s", file, strerror(errno));
    }
    pool_name(config, file, is_module, name);
    dr_pool_config *pool = dr_config_pool_add(config, name, runtime, file);
    if (pool == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    pool->from_again =
        host != NULL && host->again_app != NULL && strcmp(host->again_app, file) == 0;
    return DORA_OK;
}

static dora_err listen_apply(const serve_flags *flags, dr_config *config, dora_error *error)
{
    dora_err err = DORA_OK;
    if (flags->host != NULL) {
        err = dr_text_set(&config->tcp_host, flags->host);
    } else if (flags->port >= 0 && config->tcp_host == NULL) {
        err = dr_text_set(&config->tcp_host, DR_HOST_DEFAULT); /* a port alone means TCP */
    }
    if (err == DORA_OK && flags->unix_path != NULL) {
        err = dr_text_set(&config->unix_path, flags->unix_path);
    }
    if (err == DORA_OK && flags->admin_port >= 0 && config->admin_host == NULL) {
        err = dr_text_set(&config->admin_host, DR_HOST_DEFAULT); /* the numbers are not for all */
    }
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    if (flags->admin_port >= 0) {
        config->admin_port = (uint16_t)flags->admin_port;
    }
    if (flags->port >= 0) {
        config->tcp_port = (uint16_t)flags->port;
    }
    if (flags->http_port >= 0) {
        config->has_http = true;
        config->http_port = (uint16_t)flags->http_port;
    }
    return DORA_OK;
}

/* hand_over puts a list of the flags in place of the file's, where there is one. */
static void hand_over(dr_texts *from, dr_texts *to)
{
    if (from->count > 0) {
        dr_texts_fini(to);
        *to = *from;
        *from = (dr_texts){0};
    }
}

static dora_err discovery_apply(dr_config *flags, dr_config *config, dora_error *error)
{
    hand_over(&flags->discovery.redis, &config->discovery.redis);
    hand_over(&flags->discovery.groups, &config->discovery.groups);
    if (flags->discovery.advertise != NULL &&
        dr_text_set(&config->discovery.advertise, flags->discovery.advertise) != DORA_OK) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    return DORA_OK;
}

/* pools_from_again marks those of the host's own configuration that serve the running file. */
static void pools_from_again(dr_config *config, const dora_host *host)
{
    for (size_t i = 0; host->again_app != NULL && i < config->pool_count; i++) {
        dr_pool_config *pool = &config->pools[i];
        pool->from_again = strcmp(pool->app, host->again_app) == 0;
    }
}

/* may_use asks the host about a file, which `what` names in the message; NULL is no file. */
static dora_err may_use(const dora_host *host, const char *what, const char *path,
                        dora_error *error)
{
    dora_error why = {.err = DORA_OK};
    if (host == NULL || host->may_use == NULL || path == NULL ||
        host->may_use(path, &why) == DORA_OK) {
        return DORA_OK;
    }
    return dora_error_set(error, DORA_ECONFIG, "%s: %s", what, why.msg);
}

/* pool_may_use asks about the files of one pool. An interpreter is started, not read. */
static dora_err pool_may_use(const dora_host *host, const dr_pool_config *pool, dora_error *error)
{
    char what[96];
    (void)snprintf(what, sizeof what, "pools.%s.app", pool->name);
    const dora_err err = dr_app_is_module(pool->runtime, pool->app)
                             ? DORA_OK
                             : may_use(host, what, pool->app, error);
    (void)snprintf(what, sizeof what, "pools.%s.extension", pool->name);
    if (err != DORA_OK || may_use(host, what, pool->extension, error) != DORA_OK) {
        return DORA_ECONFIG;
    }
    (void)snprintf(what, sizeof what, "pools.%s.env_file", pool->name);
    return may_use(host, what, pool->env_file, error);
}

/* discovery_may_use asks about the files of TLS. */
static dora_err discovery_may_use(const dora_host *host, const dr_config *config, dora_error *error)
{
    dora_err err = may_use(host, "discovery.tls.ca", config->discovery.tls.ca, error);
    err = err == DORA_OK ? may_use(host, "discovery.tls.cert", config->discovery.tls.cert, error)
                         : err;
    err =
        err == DORA_OK ? may_use(host, "discovery.tls.key", config->discovery.tls.key, error) : err;
    return err == DORA_OK ? may_use(host, "discovery.tls.crl", config->discovery.tls.crl, error)
                          : err;
}

/* files_may_use asks about every file of a configuration, before any is opened. */
static dora_err files_may_use(const dora_host *host, const dr_config *config, dora_error *error)
{
    dora_err err = may_use(host, "log.file", config->log.file, error);
    err = err == DORA_OK ? may_use(host, "pid_file", config->pid_file, error) : err;
    err = err == DORA_OK ? discovery_may_use(host, config, error) : err;
    for (size_t i = 0;
         err == DORA_OK && host != NULL && host->pid_files != NULL && host->pid_files[i] != NULL;
         i++) {
        err = may_use(host, "pid_file", host->pid_files[i], error);
    }
    for (size_t i = 0; err == DORA_OK && i < config->pool_count; i++) {
        err = pool_may_use(host, &config->pools[i], error);
    }
    return err;
}

static dora_err flags_apply(serve_flags *flags, dr_config *config, const dora_host *host,
                            dora_error *error)
{
    dora_err err = may_use(host, "--config", flags->config, error);
    const char *where = flags->config;
    if (err == DORA_OK && host != NULL && host->config != NULL) {
        const dora_slice text = dr_slice(host->config);
        err = dr_config_parse(config, text, host->config_name, error);
        where = where == NULL ? host->config_name : where;
        pools_from_again(config, host);
    }
    if (err == DORA_OK && flags->config != NULL) {
        err = dr_config_load(config, flags->config, error);
    }
    for (size_t i = 0; err == DORA_OK && i < flags->file_count; i++) {
        err = pool_from_file(config, flags->files[i], host, error);
    }
    if (err == DORA_OK && host != NULL && host->options != NULL) {
        err = dr_run_options_take(config, host->options, host->options_name, error);
        where = where == NULL ? host->options_name : where;
    }
    err = err == DORA_OK ? listen_apply(flags, config, error) : err;
    err = err == DORA_OK ? discovery_apply(&flags->discovery, config, error) : err;
    if (err != DORA_OK) {
        return err;
    }
    for (size_t i = 0; flags->workers > 0 && i < config->pool_count; i++) {
        config->pools[i].workers = (uint32_t)flags->workers;
    }
    if (config->pool_count == 0) {
        return dora_error_set(error, DORA_EINVAL,
                              "nothing to serve: name a FILE, or a --config with pools");
    }
    config->dev = config->dev || flags->is_dev;
    dr_config_settle_dev(config);
    err = files_may_use(host, config, error);
    return err == DORA_OK ? dr_config_check(config, where, error) : err;
}

dora_err dr_options_parse(dr_config *config, int argc, char *const *argv, const dora_host *host,
                          const char **config_path, dora_error *error)
{
    serve_flags flags = {.port = -1, .http_port = -1, .admin_port = -1, .workers = -1};
    flags.files = dr_calloc((size_t)(argc > 0 ? argc : 1), sizeof *flags.files);
    if (flags.files == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    dora_err err = flags_read(&flags, argc, argv, error);
    if (err == DORA_OK) {
        err = flags_apply(&flags, config, host, error);
    }
    if (config_path != NULL) {
        *config_path = flags.config;
    }
    dr_config_fini(&flags.discovery);
    dr_free(flags.files);
    return err;
}
