/* rpc_server_object.c: DoraRPC\RunningServer: the `$server` of the hooks, by Swoole's names. */
#include "rpc_server_object.h"

#include <signal.h>
#include <unistd.h>

#include "ext/spl/spl_exceptions.h"
#include "zend_exceptions.h"

#include "exception.h"

/* Properties by their place in the stub. */
enum {
    SLOT_SETTING = 0,
    SLOT_WORKER_ID,
    SLOT_WORKER_PID,
    SLOT_MASTER_PID,
    SLOT_MANAGER_PID,
    SLOT_TASKWORKER
};

zend_class_entry *php_dora_running_ce;
static zend_object_handlers running_handlers;

static zend_object *running_create(zend_class_entry *class)
{
    zend_object *object = zend_objects_new(class);
    object_properties_init(object, class);
    object->handlers = &running_handlers;
    return object;
}

void php_dora_running_init_class(void)
{
    memcpy(&running_handlers, &std_object_handlers, sizeof(running_handlers));
    running_handlers.clone_obj = NULL;
    php_dora_running_ce->create_object = running_create;
}

void php_dora_running_make(zval *value)
{
    object_init_ex(value, php_dora_running_ce);
}

static void set(zval *value, int slot, zval *property)
{
    zval *place = OBJ_PROP_NUM(Z_OBJ_P(value), slot);
    zval_ptr_dtor(place);
    ZVAL_COPY_VALUE(place, property);
}

static void set_long(zval *value, int slot, zend_long number)
{
    zval property;
    ZVAL_LONG(&property, number);
    set(value, slot, &property);
}

void php_dora_running_set_setting(zval *value, zval *setting)
{
    zval property;
    ZVAL_COPY(&property, setting);
    set(value, SLOT_SETTING, &property);
}

void php_dora_running_set_worker(zval *value, zend_long worker_id, zend_long master_pid)
{
    zval property;

    set_long(value, SLOT_MASTER_PID, master_pid);
    set_long(value, SLOT_MANAGER_PID, master_pid);
    set_long(value, SLOT_WORKER_ID, worker_id);
    set_long(value, SLOT_WORKER_PID, (zend_long)getpid());
    ZVAL_TRUE(&property);
    set(value, SLOT_TASKWORKER, &property);
}

PHP_METHOD(DoraRPC_RunningServer, __construct)
{
    ZEND_PARSE_PARAMETERS_NONE();
}

PHP_METHOD(DoraRPC_RunningServer, stats)
{
    dora_server_info info = {.size = sizeof info};

    ZEND_PARSE_PARAMETERS_NONE();
    if (!dora_server_info_get(&info)) {
        RETURN_FALSE;
    }
    array_init(return_value);
    add_assoc_long(return_value, "start_time", (zend_long)info.start_time);
    add_assoc_long(return_value, "connection_num", (zend_long)info.connections);
    add_assoc_long(return_value, "accept_count", (zend_long)info.accepted);
    add_assoc_long(return_value, "close_count", (zend_long)info.closed);
    add_assoc_long(return_value, "tasking_num", (zend_long)info.tasks);
    add_assoc_long(return_value, "request_count", (zend_long)info.requests);
    add_assoc_long(return_value, "worker_request_count", (zend_long)info.worker_requests);
}

/* Sends the master a signal. The property is not asked: a program may have written to it. */
static void signal_master(INTERNAL_FUNCTION_PARAMETERS, int number)
{
    dora_server_info info = {.size = sizeof info};

    ZEND_PARSE_PARAMETERS_NONE();
    if (!dora_server_info_get(&info)) {
        zend_throw_exception(php_dora_exception_ce,
                             "the server does not run yet: call this in initTask() or doWork()", 0);
        RETURN_THROWS();
    }
    RETURN_BOOL(kill((pid_t)info.pid, number) == 0);
}

PHP_METHOD(DoraRPC_RunningServer, reload)
{
    signal_master(INTERNAL_FUNCTION_PARAM_PASSTHRU, SIGUSR1);
}

PHP_METHOD(DoraRPC_RunningServer, shutdown)
{
    signal_master(INTERNAL_FUNCTION_PARAM_PASSTHRU, SIGTERM);
}

PHP_METHOD(DoraRPC_RunningServer, __call)
{
    zend_string *name;
    zval *arguments;

    ZEND_PARSE_PARAMETERS_START(2, 2)
    Z_PARAM_STR(name)
    Z_PARAM_ZVAL(arguments)
    ZEND_PARSE_PARAMETERS_END();
    (void)arguments;
    zend_throw_exception_ex(spl_ce_BadMethodCallException, 0,
                            "$server->%s() was Swoole's; Dora has stats(), reload() and shutdown()",
                            ZSTR_VAL(name));
}
