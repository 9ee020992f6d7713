/* rpc_server_config.c: the original's settings, to the configuration of a Dora server. */
#include "rpc_server_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "ext/json/php_json.h"
#include "php_streams.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "exception.h"
#include "policy.h"
#include "rpc_server_discovery.h"
#include "rpc_server_pids.h"

/* The pool's name, in process titles and in getStat: the original's name for such workers. */
#define POOL_NAME "task"
#define FOLDER_MODE 0755

static zend_long larger(zend_long one, zend_long other)
{
    return one > other ? one : other;
}

/* Both listeners had bounds of their own; here there is one, which refuses nothing that either of
 * them took. */
static zend_long larger_of_both(const php_dora_rpc_section *sections, const char *name)
{
    return larger(php_dora_rpc_setting_number(&sections[PHP_DORA_RPC_HTTP], name),
                  php_dora_rpc_setting_number(&sections[PHP_DORA_RPC_TCP], name));
}

zend_string *php_dora_rpc_path_join(const char *folder, const char *name)
{
    bool has_slash = folder[strlen(folder) - 1] == '/';
    return zend_strpprintf(0, "%s%s%s", folder, has_slash ? "" : "/", name);
}

static bool folder_refuse(const char *setting, const char *folder, const char *why)
{
    zend_throw_exception_ex(php_dora_exception_ce, 0, "dora setting \"%s\": %s: %s", setting,
                            folder, why);
    return false;
}

/* Makes sure that files can be made in a folder; `may_make`: the folder itself, too. */
static bool folder_ready(const char *setting, const char *folder, bool may_make)
{
    struct stat status;
    dora_error error;

    if (php_dora_policy_file(folder, &error) != DORA_OK) {
        return folder_refuse(setting, folder, error.msg);
    }
    if (may_make && stat(folder, &status) != 0) {
        (void)php_stream_mkdir((char *)(uintptr_t)folder, FOLDER_MODE, PHP_STREAM_MKDIR_RECURSIVE,
                               NULL);
    }
    if (stat(folder, &status) != 0) {
        return folder_refuse(setting, folder, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return folder_refuse(setting, folder, "it is no folder");
    }
    return access(folder, W_OK | X_OK) == 0 || folder_refuse(setting, folder, strerror(errno));
}

static void address_add(zval *listen, const char *name, const char *ip, uint16_t port)
{
    bool is_v6 = strchr(ip, ':') != NULL;
    add_assoc_str(listen, name, zend_strpprintf(0, is_v6 ? "[%s]:%u" : "%s:%u", ip, port));
}

static void listen_add(zval *config, const php_dora_rpc_server *server)
{
    zval listen;

    array_init(&listen);
    address_add(&listen, "tcp", ZSTR_VAL(server->ip), server->port);
    address_add(&listen, "http", ZSTR_VAL(server->ip), server->http_port);
    add_assoc_zval(config, "listen", &listen);
}

static void log_add(zval *config, const php_dora_rpc_section *dora)
{
    zval log;

    array_init(&log);
    add_assoc_str(&log, "file",
                  php_dora_rpc_path_join(php_dora_rpc_setting_text(dora, "log_path"), "biz.log"));
    add_assoc_string(&log, "format", "json");
    add_assoc_long(&log, "level", php_dora_rpc_setting_number(dora, "log_level"));
    add_assoc_zval(config, "log", &log);
}

static void pool_add(zval *config, const php_dora_rpc_section *http, const char *file)
{
    zval pools;
    zval pool;

    array_init(&pool);
    add_assoc_string(&pool, "runtime", "php");
    add_assoc_string(&pool, "app", file);
    add_assoc_long(&pool, "workers", php_dora_rpc_setting_number(http, "task_worker_num"));
    add_assoc_long(&pool, "time_limit_ms", 0); /* the original has none */
    add_assoc_long(&pool, "kill_after_ms", 0); /* nor does it ask a handler to end */
    add_assoc_long(&pool, "poison_s", 0);      /* and refuses no call */
    add_assoc_long(&pool, "max_requests", php_dora_rpc_setting_number(http, "task_max_request"));
    array_init(&pools);
    add_assoc_zval(&pools, POOL_NAME, &pool);
    add_assoc_zval(config, "pools", &pools);
}

/* Commands are taken over HTTP, too, as the original did; and from where the program says. */
static void control_add(zval *config, const php_dora_rpc_section *dora)
{
    zval *allow = php_dora_rpc_setting_list(dora, "control_allow");
    zval control;

    array_init(&control);
    add_assoc_bool(&control, "http", true);
    if (allow != NULL) {
        Z_TRY_ADDREF_P(allow);
        add_assoc_zval(&control, "allow", allow);
    }
    add_assoc_zval(config, "control", &control);
}

/* The folder of the pid files: releases before `dora` had it have it among the http settings. */
static const char *pid_path_of(const php_dora_rpc_section *sections)
{
    bool is_http = !php_dora_rpc_setting_is_given(sections, PHP_DORA_RPC_DORA, "pid_path") &&
                   php_dora_rpc_setting_is_given(sections, PHP_DORA_RPC_HTTP, "pid_path");
    return php_dora_rpc_setting_text(&sections[is_http ? PHP_DORA_RPC_HTTP : PHP_DORA_RPC_DORA],
                                     "pid_path");
}

/* The wire's options are settings of php.ini, which clients share. */
static void wire_add(zval *config)
{
    add_assoc_bool(config, "sign", DORA_G(sign));
    add_assoc_bool(config, "gzip", DORA_G(gzip));
    add_assoc_string(config, "salt", DORA_G(salt));
}

/* The names of the application and the salt may be what JSON cannot say. */
static bool to_json(zval *config, zend_string **json)
{
    smart_str text = {0};

    if (php_json_encode(&text, config, PHP_JSON_UNESCAPED_SLASHES | PHP_JSON_PRETTY_PRINT) !=
        SUCCESS) {
        smart_str_free(&text);
        zend_throw_exception(php_dora_exception_ce,
                             "the file's name, dora.salt, the paths in the settings and the groups "
                             "must be valid UTF-8",
                             0);
        return false;
    }
    *json = smart_str_extract(&text);
    return true;
}

bool php_dora_rpc_config_make(php_dora_rpc_config *config, php_dora_rpc_server *server,
                              const php_dora_rpc_section *sections, const char *file)
{
    const php_dora_rpc_section *http = &sections[PHP_DORA_RPC_HTTP];
    const php_dora_rpc_section *dora = &sections[PHP_DORA_RPC_DORA];
    zval all;

    memset(config, 0, sizeof(*config));
    if (!folder_ready("log_path", php_dora_rpc_setting_text(dora, "log_path"), true) ||
        !folder_ready("pid_path", pid_path_of(sections), false)) {
        return false;
    }
    array_init(&all);
    listen_add(&all, server);
    add_assoc_long(&all, "backlog", larger_of_both(sections, "backlog"));
    add_assoc_long(&all, "frame_bytes_max", larger_of_both(sections, "package_max_length"));
    add_assoc_long(&all, "reactors", php_dora_rpc_setting_number(http, "reactor_num"));
    if (php_dora_rpc_setting_is_given(sections, PHP_DORA_RPC_HTTP, "heartbeat_idle_time")) {
        add_assoc_long(&all, "idle_s", php_dora_rpc_setting_number(http, "heartbeat_idle_time"));
    }
    add_assoc_bool(&all, "daemonize", php_dora_rpc_setting_number(http, "daemonize") != 0);
    add_assoc_bool(&all, "original", true);
    wire_add(&all);
    log_add(&all, dora);
    control_add(&all, dora);
    pool_add(&all, http, file);
    bool is_made = php_dora_rpc_discovery_add(&all, server) && to_json(&all, &config->json);
    zval_ptr_dtor(&all);
    php_dora_rpc_pids_add(config, server, sections, pid_path_of(sections));
    return is_made;
}

void php_dora_rpc_config_fini(php_dora_rpc_config *config)
{
    for (size_t i = 0; i < PHP_DORA_RPC_PIDS; i++) {
        if (config->pids[i] != NULL) {
            zend_string_release(config->pids[i]);
        }
    }
    if (config->json != NULL) {
        zend_string_release(config->json);
    }
}
