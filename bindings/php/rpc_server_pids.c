/* rpc_server_pids.c: which pid files a server in the original's form has. */
#include "rpc_server_pids.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "policy.h"
#include "rpc_server_older.h"

static bool is_given(const php_dora_rpc_section *sections, int section, const char *name)
{
    return php_dora_rpc_setting_is_given(sections, section, name);
}

/* Whether no other server has the file, and it is there or can be made. */
static bool can_be_had(const char *folder, const zend_string *path)
{
    dora_error error;
    if (php_dora_policy_file(ZSTR_VAL(path), &error) != DORA_OK) {
        return false;
    }
    const int fd = open(ZSTR_VAL(path), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT && access(folder, W_OK | X_OK) == 0;
    }
    const bool is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return is_free;
}

/* Adds one, unless it is there, or cannot be had and nobody asked for it. */
static void pid_add(php_dora_rpc_config *config, const char *folder, const char *name,
                    bool is_wanted)
{
    zend_string *path = php_dora_rpc_path_join(folder, name);
    size_t at = 0;

    while (config->pids[at] != NULL && !zend_string_equals(config->pids[at], path)) {
        at++;
    }
    if (config->pids[at] != NULL || (!is_wanted && !can_be_had(folder, path))) {
        zend_string_release(path);
        return;
    }
    config->pids[at] = path;
    config->pid_files[at] = ZSTR_VAL(path);
}

/* Adds a file of an older release, whose name is a constant of the class. */
static void older_add(php_dora_rpc_config *config, zend_class_entry *class, const char *folder,
                      const char *constant)
{
    zend_class_constant *found =
        zend_hash_str_find_ptr(CE_CONSTANTS_TABLE(class), constant, strlen(constant));

    if (found != NULL && Z_TYPE(found->value) == IS_STRING && Z_STRLEN(found->value) > 0) {
        pid_add(config, folder, Z_STRVAL(found->value), false);
    }
}

void php_dora_rpc_pids_add(php_dora_rpc_config *config, const php_dora_rpc_server *server,
                           const php_dora_rpc_section *sections, const char *folder)
{
    static const char *const names[] = {"master_pid", "manager_pid"};
    const php_dora_rpc_section *dora = &sections[PHP_DORA_RPC_DORA];
    const bool is_folder_given = is_given(sections, PHP_DORA_RPC_DORA, "pid_path") ||
                                 is_given(sections, PHP_DORA_RPC_HTTP, "pid_path");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pid_add(config, folder, php_dora_rpc_setting_text(dora, names[i]),
                is_folder_given || is_given(sections, PHP_DORA_RPC_DORA, names[i]));
    }
    if (php_dora_rpc_is_older(server)) {
        /* Up to 0.4.10, whose constructor starts, they lay where the program was started. */
        const bool is_here = server->is_started_by_constructor && !is_folder_given;
        older_add(config, server->std.ce, is_here ? "." : folder, "MASTER_PID");
        older_add(config, server->std.ce, is_here ? "." : folder, "MANAGER_PID");
    }
}
