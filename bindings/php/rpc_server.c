/* rpc_server.c: DoraRPC\BackEndServer: an application in the original's form, and its start. */
#include "rpc_server.h"

#include <unistd.h>

#include "zend_attributes.h"
#include "zend_exceptions.h"

#include "app.h"
#include "exception.h"
#include "master.h"
#include "rpc_common.h"
#include "rpc_log.h"
#include "rpc_server_config.h"
#include "rpc_server_object.h"
#include "rpc_server_older.h"

#include "dorarpc_server_arginfo.h"

#define DOOR "DoraRPC\\BackEndServer::start()"
#define LOG_TAG "server"

zend_class_entry *php_dora_rpc_server_ce;
static zend_object_handlers server_handlers;

php_dora_rpc_server *php_dora_rpc_server_of(zend_object *object)
{
    return (php_dora_rpc_server *)((char *)object - XtOffsetOf(php_dora_rpc_server, std));
}

static zend_object *server_create(zend_class_entry *class)
{
    php_dora_rpc_server *self = zend_object_alloc(sizeof(*self), class);

    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &server_handlers;
    return &self->std;
}

static void server_free(zend_object *object)
{
    php_dora_rpc_server *self = php_dora_rpc_server_of(object);

    if (self->ip != NULL) {
        zend_string_release(self->ip);
    }
    for (int i = 0; i < PHP_DORA_RPC_SECTIONS; i++) {
        zval_ptr_dtor(&self->given[i]);
    }
    zval_ptr_dtor(&self->unknown);
    zval_ptr_dtor(&self->discovery);
    zval_ptr_dtor(&self->running);
    zend_object_std_dtor(object);
}

/* The other values hold no objects that a program could see. */
static HashTable *server_get_gc(zend_object *object, zval **table, int *count)
{
    *table = &php_dora_rpc_server_of(object)->running;
    *count = 1;
    return zend_std_get_properties(object);
}

void php_dora_rpc_init(void)
{
    php_dora_rpc_server_ce = register_class_DoraRPC_BackEndServer();
    php_dora_rpc_server_ce->create_object = server_create;
    php_dora_rpc_older_ce = register_class_DoraRPC_Server(php_dora_rpc_server_ce);
    zend_register_class_alias("DoraRPCServer", php_dora_rpc_older_ce);
    zend_register_class_alias("DoraRPC\\RpcServer", php_dora_rpc_server_ce);
    memcpy(&server_handlers, &std_object_handlers, sizeof(server_handlers));
    server_handlers.offset = XtOffsetOf(php_dora_rpc_server, std);
    server_handlers.free_obj = server_free;
    server_handlers.get_gc = server_get_gc;
    server_handlers.clone_obj = NULL;
    php_dora_running_ce = register_class_DoraRPC_RunningServer();
    php_dora_running_init_class();
    php_dora_log_agent_ce = register_class_DoraRPC_LogAgent();
}

/* The settings are the class's first properties: a subclass that declares them anew keeps their
 * places. Returns: NULL with an exception raised where one is no array. */
static zval *settings_of(php_dora_rpc_server *self, int section)
{
    static const char *const names[] = {"httpConfig", "tcpConfig", "doraConfig"};
    zval *all = OBJ_PROP_NUM(&self->std, section);

    ZVAL_DEREF(all);
    if (Z_TYPE_P(all) != IS_ARRAY) {
        zend_type_error("%s::$%s must be an array, not %s", ZSTR_VAL(self->std.ce->name),
                        names[section], zend_zval_type_name(all));
        return NULL;
    }
    return all;
}

static bool sections_get(php_dora_rpc_server *self, php_dora_rpc_section *sections)
{
    for (int i = 0; i < PHP_DORA_RPC_SECTIONS; i++) {
        sections[i].number = i;
        sections[i].all = settings_of(self, i);
        sections[i].given = &self->given[i];
        if (sections[i].all == NULL) {
            return false;
        }
        php_dora_rpc_settings_fill(i, sections[i].all);
    }
    return true;
}

void php_dora_rpc_server_merge(zval *into, zval *from)
{
    SEPARATE_ARRAY(into);
    zend_hash_merge(Z_ARRVAL_P(into), Z_ARRVAL_P(from), zval_add_ref, true);
}

static bool port_read(zval *value, uint32_t arg, uint16_t *port)
{
    zend_long number = Z_TYPE_P(value) == IS_LONG ? Z_LVAL_P(value) : 0;

    /* Ports come from the command line, too, as texts. */
    if (Z_TYPE_P(value) != IS_LONG && !zend_parse_arg_long_weak(value, &number, arg)) {
        zend_argument_type_error(arg, "must be a port number, not %s", zend_zval_type_name(value));
        return false;
    }
    if (number < 0 || number > UINT16_MAX) {
        zend_argument_value_error(arg, "must be from 0 to 65535, not " ZEND_LONG_FMT, number);
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

/* Calls one of the program's methods; they may be protected. */
static void method_call(zend_object *object, const char *name, uint32_t count, zval *args)
{
    zend_function *method = zend_hash_str_find_ptr(&object->ce->function_table, name, strlen(name));
    zval result;

    ZVAL_UNDEF(&result);
    zend_call_known_function(method, object, object->ce, &result, count, args, NULL);
    zval_ptr_dtor(&result);
}

PHP_METHOD(DoraRPC_BackEndServer, __construct)
{
    zend_string *ip = NULL;
    zval *port = NULL;
    zval *http_port = NULL;
    zval *groups = NULL;
    zval *report = NULL;
    php_dora_rpc_section sections[PHP_DORA_RPC_SECTIONS];

    ZEND_PARSE_PARAMETERS_START(0, 5)
    Z_PARAM_OPTIONAL
    Z_PARAM_STR(ip)
    Z_PARAM_ZVAL(port)
    Z_PARAM_ZVAL(http_port)
    Z_PARAM_ARRAY(groups)
    Z_PARAM_ARRAY(report)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_rpc_server *self = php_dora_rpc_server_of(Z_OBJ_P(ZEND_THIS));
    if (self->ip != NULL) {
        zend_throw_error(NULL, "a server is made once");
        RETURN_THROWS();
    }
    if (http_port != NULL && Z_TYPE_P(http_port) == IS_ARRAY && report == NULL &&
        php_dora_rpc_is_older(self)) {
        report = groups; /* releases 0.4.6 and 0.4.7 have no $httpport */
        groups = http_port;
        http_port = NULL;
    }
    self->port = 9567;
    self->http_port = 9566;
    if ((port != NULL && !port_read(port, 2, &self->port)) ||
        (http_port != NULL && !port_read(http_port, 3, &self->http_port))) {
        RETURN_THROWS();
    }
    for (int i = 0; i < PHP_DORA_RPC_SECTIONS; i++) {
        zval *all = settings_of(self, i);
        if (all == NULL) {
            RETURN_THROWS();
        }
        ZVAL_COPY(&self->given[i], all);
    }
    if (!php_dora_rpc_older_settings(self)) {
        RETURN_THROWS();
    }
    array_init(&self->unknown);
    php_dora_running_make(&self->running);
    bool has_ip = ip != NULL && ZSTR_LEN(ip) > 0;
    self->ip = has_ip ? zend_string_copy(ip) : zend_string_init("0.0.0.0", 7, false);
    if (!sections_get(self, sections)) {
        RETURN_THROWS();
    }
    php_dora_running_set_setting(&self->running, sections[PHP_DORA_RPC_HTTP].all);
    php_dora_rpc_older_discovery(self, groups, report);
    method_call(&self->std, "initserver", 1, &self->running);
    if (EG(exception) == NULL && php_dora_rpc_is_older(self) && !php_dora_rpc_caller_starts()) {
        self->is_started_by_constructor = true;
        php_dora_rpc_server_start(self);
    }
}

PHP_METHOD(DoraRPC_BackEndServer, __destruct)
{
    ZEND_PARSE_PARAMETERS_NONE();
}

static bool is_made(const php_dora_rpc_server *self)
{
    if (self->ip == NULL) {
        zend_throw_error(NULL, "the constructor of DoraRPC\\BackEndServer did not run");
    }
    return self->ip != NULL;
}

/* Merges one section of configure(). Returns: false with an exception raised. */
static bool section_merge(php_dora_rpc_server *self, zend_string *name, zval *given)
{
    int section = name != NULL ? php_dora_rpc_section_of(name) : -1;

    if (section < 0) {
        add_next_index_string(&self->unknown, name != NULL ? ZSTR_VAL(name) : "(a number)");
        return true;
    }
    if (Z_TYPE_P(given) != IS_ARRAY) {
        zend_argument_type_error(1, "must have an array as \"%s\", not %s", ZSTR_VAL(name),
                                 zend_zval_type_name(given));
        return false;
    }
    zval *all = settings_of(self, section);
    if (all == NULL) {
        return false;
    }
    php_dora_rpc_server_merge(all, given);
    php_dora_rpc_server_merge(&self->given[section], given);
    return true;
}

PHP_METHOD(DoraRPC_BackEndServer, configure)
{
    HashTable *config;
    zend_string *name;
    zval *given;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ARRAY_HT(config)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_rpc_server *self = php_dora_rpc_server_of(Z_OBJ_P(ZEND_THIS));
    if (!is_made(self)) {
        RETURN_THROWS();
    }
    ZEND_HASH_FOREACH_STR_KEY_VAL(config, name, given)
    {
        ZVAL_DEREF(given);
        if (!section_merge(self, name, given)) {
            RETURN_THROWS();
        }
    }
    ZEND_HASH_FOREACH_END();
    RETURN_OBJ_COPY(&self->std);
}

PHP_METHOD(DoraRPC_BackEndServer, discovery)
{
    zval *groups;
    zval *report;

    ZEND_PARSE_PARAMETERS_START(2, 2)
    Z_PARAM_ARRAY(groups)
    Z_PARAM_ARRAY(report)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_rpc_server *self = php_dora_rpc_server_of(Z_OBJ_P(ZEND_THIS));
    php_dora_rpc_server_discover(self, groups, report);
    RETURN_OBJ_COPY(&self->std);
}

void php_dora_rpc_server_discover(php_dora_rpc_server *self, zval *groups, zval *report)
{
    zval_ptr_dtor(&self->discovery);
    array_init_size(&self->discovery, 2);
    Z_TRY_ADDREF_P(groups);
    Z_TRY_ADDREF_P(report);
    add_next_index_zval(&self->discovery, groups);
    add_next_index_zval(&self->discovery, report);
}

static php_dora_app *app_of(php_dora_rpc_server *self)
{
    php_dora_app *app = php_dora_app_of_method(&self->std, "dowork");
    app->rpc_server = &self->std;
    return app;
}

/* Runs the server in this process. Returns: its exit status; look for an exception first. */
static int master_run(php_dora_rpc_server *self, const php_dora_rpc_section *sections)
{
    php_dora_rpc_config config = {0};
    int status = 1;
    const char *file = php_dora_master_file(DOOR);

    if (file != NULL && php_dora_rpc_settings_check(sections) &&
        php_dora_rpc_config_make(&config, self, sections, file)) {
        php_dora_program program = {.door = DOOR,
                                    .config = ZSTR_VAL(config.json),
                                    .config_name = "settings of DoraRPC\\BackEndServer",
                                    .pid_files = config.pid_files};
        status = php_dora_master_run(&program);
    }
    php_dora_rpc_config_fini(&config);
    return status;
}

void php_dora_rpc_server_start(php_dora_rpc_server *self)
{
    php_dora_rpc_section sections[PHP_DORA_RPC_SECTIONS];

    if (!is_made(self) || !php_dora_app_is_open() || !sections_get(self, sections)) {
        return;
    }
    php_dora_running_set_setting(&self->running, sections[PHP_DORA_RPC_HTTP].all);
    self->is_guest = DORA_G(role) == PHP_DORA_LOADING;
    php_dora_app *app = app_of(self);
    bool is_served = php_dora_app_serve(app);
    OBJ_RELEASE(&app->std);
    if (!is_served) {
        (void)php_dora_app_finish(master_run(self, sections));
    }
}

PHP_METHOD(DoraRPC_BackEndServer, start)
{
    ZEND_PARSE_PARAMETERS_NONE();
    php_dora_rpc_server_start(php_dora_rpc_server_of(Z_OBJ_P(ZEND_THIS)));
}

/* The hooks that Swoole called: final, so that a program which declares one hears of it. */
#define SWOOLE_HOOK(name)                                                                          \
    PHP_METHOD(DoraRPC_BackEndServer, name)                                                        \
    {                                                                                              \
        (void)execute_data;                                                                        \
        (void)return_value;                                                                        \
    }

SWOOLE_HOOK(onStart)
SWOOLE_HOOK(onManagerStart)
SWOOLE_HOOK(onWorkerStart)
SWOOLE_HOOK(onReceive)
SWOOLE_HOOK(onRequest)
SWOOLE_HOOK(onTask)
SWOOLE_HOOK(onFinish)
SWOOLE_HOOK(onHttpFinished)
SWOOLE_HOOK(onWorkerError)

static void say(int level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    zend_string *text = zend_vstrpprintf(0, format, args);
    va_end(args);
    (void)dora_log(level, LOG_TAG, NULL, 0, ZSTR_VAL(text), ZSTR_LEN(text));
    zend_string_release(text);
}

/* Writes one line about settings, where there are any. Ownership: takes `list`. */
static void say_list(int level, const char *what, zend_string *list)
{
    if (ZSTR_LEN(list) > 0) {
        say(level, "%s: %s", what, ZSTR_VAL(list));
    }
    zend_string_release(list);
}

/* Writes which settings do not count as they stand. */
static void say_settings(php_dora_rpc_server *self, const php_dora_rpc_section *sections)
{
    php_dora_rpc_notes notes = php_dora_rpc_settings_notes(sections, &self->unknown);

    say_list(DORA_LOG_DEBUG, "settings that mean nothing here", notes.unused);
    say_list(DORA_LOG_NOTICE, "warning: settings that nobody knows", notes.unknown);
    say_list(DORA_LOG_NOTICE, "warning: settings beyond what is possible here", notes.limited);
}

void php_dora_rpc_server_loaded(zend_object *object)
{
    php_dora_rpc_server *self = php_dora_rpc_server_of(object);
    php_dora_rpc_section sections[PHP_DORA_RPC_SECTIONS];

    if (!sections_get(self, sections)) {
        zend_clear_exception(); /* start() has looked at them */
        return;
    }
    php_dora_log_level_set(php_dora_rpc_setting_number(&sections[PHP_DORA_RPC_DORA], "log_level"));
    if (self->is_guest) {
        say(DORA_LOG_NOTICE, "the port and the settings of this file do not count: it was loaded "
                             "by a server that has its own");
        return;
    }
    say_settings(self, sections);
}

void php_dora_rpc_server_init_task(zend_object *object, uint32_t worker)
{
    php_dora_rpc_server *self = php_dora_rpc_server_of(object);
    php_dora_rpc_section sections[PHP_DORA_RPC_SECTIONS];
    dora_server_info info = {.size = sizeof info};
    zval args[2];

    if (!sections_get(self, sections)) {
        return;
    }
    zend_long id = php_dora_rpc_setting_number(&sections[PHP_DORA_RPC_HTTP], "worker_num") + worker;
    (void)dora_server_info_get(&info);
    php_dora_running_set_worker(&self->running, id, info.pid);
    ZVAL_COPY_VALUE(&args[0], &self->running);
    ZVAL_LONG(&args[1], id);
    method_call(object, "inittask", 2, args);
}

PHP_METHOD(DoraRPC_BackEndServer, getLocalIp)
{
    ZEND_PARSE_PARAMETERS_NONE();
    RETURN_STR(php_dora_local_ip());
}
