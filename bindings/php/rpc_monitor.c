/* rpc_monitor.c: DoraRPC\Monitor: what the original's monitor was given, to the core's. */
#include "rpc_monitor.h"

#include "SAPI.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "exception.h"
#include "master.h"
#include "policy.h"
#include "rpc_redis.h"
#include "rpc_server_older.h"

#include "dorarpc_monitor_arginfo.h"

#define DOOR "DoraRPC\\Monitor"

typedef struct monitor {
    zend_string *udp;      /* NULL: the constructor did not run */
    zend_string *redis;    /* urls, parted by commas */
    zval tls;              /* array: what php_dora_rpc_redis_add found, or undefined */
    zend_string *path;     /* of the node file */
    zend_string *log_file; /* NULL: stderr */
    zend_long log_level;   /* 0: the usual */
    zend_object std;
} monitor;

static zend_class_entry *monitor_ce;
static zend_object_handlers monitor_handlers;

static monitor *monitor_of(zend_object *object)
{
    return (monitor *)((char *)object - XtOffsetOf(monitor, std));
}

static zend_object *monitor_create(zend_class_entry *class)
{
    monitor *self = zend_object_alloc(sizeof(*self), class);

    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &monitor_handlers;
    return &self->std;
}

static void text_free(zend_string *text)
{
    if (text != NULL) {
        zend_string_release(text);
    }
}

static void monitor_free(zend_object *object)
{
    monitor *self = monitor_of(object);

    text_free(self->udp);
    text_free(self->redis);
    zval_ptr_dtor(&self->tls);
    text_free(self->path);
    text_free(self->log_file);
    zend_object_std_dtor(object);
}

void php_dora_rpc_monitor_init(void)
{
    monitor_ce = register_class_DoraRPC_Monitor();
    monitor_ce->create_object = monitor_create;
    memcpy(&monitor_handlers, &std_object_handlers, sizeof(monitor_handlers));
    monitor_handlers.offset = XtOffsetOf(monitor, std);
    monitor_handlers.free_obj = monitor_free;
    monitor_handlers.clone_obj = NULL;
}

static bool refuse(const char *what)
{
    zend_throw_exception_ex(php_dora_exception_ce, 0, DOOR ": %s", what);
    return false;
}

/* Takes the texts of php_dora_rpc_redis_add. */
static bool redis_take(monitor *self, zval *given)
{
    zval list;
    zval *url;
    smart_str all = {0};

    if (given == NULL || Z_TYPE_P(given) != IS_ARRAY) {
        return refuse("the Redis to watch are missing: a list of ['ip' => , 'port' => ]");
    }
    array_init(&list);
    array_init(&self->tls);
    bool is_added = php_dora_rpc_redis_add(&list, &self->tls, Z_ARRVAL_P(given), DOOR);
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL(list), url)
    {
        smart_str_appends(&all, all.s != NULL ? "," : "");
        smart_str_append(&all, Z_STR_P(url));
    }
    ZEND_HASH_FOREACH_END();
    zval_ptr_dtor(&list);
    self->redis = smart_str_extract(&all);
    return is_added && (ZSTR_LEN(self->redis) > 0 || refuse("a Redis to watch is missing"));
}

static bool path_take(monitor *self, zval *given)
{
    if (given == NULL || Z_TYPE_P(given) != IS_STRING || Z_STRLEN_P(given) == 0 ||
        strlen(Z_STRVAL_P(given)) != Z_STRLEN_P(given)) {
        return refuse("\"config\", the path of the node file, must be a string");
    }
    self->path = zend_string_copy(Z_STR_P(given));
    return true;
}

/* Takes 'log' => ['log_path' => , 'log_level' => ]; what else stands there had no meaning. */
static bool log_take(monitor *self, zval *given)
{
    if (given == NULL || Z_TYPE_P(given) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(given) != IS_ARRAY) {
        return refuse("\"log\" must be an array");
    }
    zval *path = zend_hash_str_find_deref(Z_ARRVAL_P(given), ZEND_STRL("log_path"));
    zval *level = zend_hash_str_find_deref(Z_ARRVAL_P(given), ZEND_STRL("log_level"));
    if (path != NULL && (Z_TYPE_P(path) != IS_STRING || Z_STRLEN_P(path) == 0)) {
        return refuse("\"log_path\", a folder, must be a string");
    }
    if (level != NULL &&
        (Z_TYPE_P(level) != IS_LONG || Z_LVAL_P(level) < 1 || Z_LVAL_P(level) > 9)) {
        return refuse("\"log_level\" must be from 1 to 9");
    }
    if (path != NULL) {
        self->log_file = zend_strpprintf(0, "%s/biz.log", Z_STRVAL_P(path));
    }
    self->log_level = level != NULL ? Z_LVAL_P(level) : 0;
    return true;
}

static bool udp_take(monitor *self, zend_string *ip, zend_long port)
{
    if (port < 0 || port > UINT16_MAX) {
        zend_argument_value_error(2, "must be from 0 to 65535, not " ZEND_LONG_FMT, port);
        return false;
    }
    const char *host = ip != NULL && ZSTR_LEN(ip) > 0 ? ZSTR_VAL(ip) : "0.0.0.0";
    self->udp =
        zend_strpprintf(0, strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, (int)port);
    return true;
}

/* Takes the third and fourth argument. Returns: whether they are of an older form, which starts in
 * the constructor; look for an exception first. */
static bool config_take(monitor *self, zval *config, zval *file)
{
    HashTable *members = Z_ARRVAL_P(config);
    const bool is_capital = zend_hash_str_exists(members, ZEND_STRL("Discovery"));

    if (file != NULL) {
        (void)(redis_take(self, config) && path_take(self, file));
        return true;
    }
    zval *redis = zend_hash_str_find_deref(members, is_capital ? "Discovery" : "discovery", 9);
    zval *path = zend_hash_str_find_deref(members, is_capital ? "Config" : "config", 6);
    zval *log = zend_hash_str_find_deref(members, is_capital ? "Log" : "log", 3);
    (void)(redis_take(self, redis) && path_take(self, path) && log_take(self, log));
    return is_capital;
}

static bool is_made(const monitor *self)
{
    if (self->path == NULL) {
        zend_throw_error(NULL, "the constructor of DoraRPC\\Monitor did not run");
    }
    return self->path != NULL;
}

static bool is_json_name(const zend_string *path)
{
    size_t len = ZSTR_LEN(path);

    return len >= 5 && memcmp(ZSTR_VAL(path) + len - 5, ".json", 5) == 0;
}

/* What stands under `name` in the "tls" of the Redis, NULL for nothing. */
static const char *tls_text(const monitor *self, const char *name)
{
    const zval *text = zend_hash_str_find_deref(Z_ARRVAL(self->tls), name, strlen(name));

    return text != NULL ? Z_STRVAL_P(text) : NULL;
}

/* Asks about the files that the monitor will write, and those of TLS. Returns: false with an
 * exception raised. */
static bool files_check(const monitor *self)
{
    dora_error error;

    if (php_dora_policy_file(ZSTR_VAL(self->path), &error) != DORA_OK ||
        (self->log_file != NULL &&
         php_dora_policy_file(ZSTR_VAL(self->log_file), &error) != DORA_OK)) {
        return refuse(error.msg);
    }
    static const char *const names[] = {"ca", "cert", "key"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *path = tls_text(self, names[i]);
        if (path != NULL && php_dora_policy_file(path, &error) != DORA_OK) {
            return refuse(error.msg);
        }
    }
    return true;
}

static void run(const monitor *self)
{
    dora_error error = {.err = DORA_OK};

    if (strcmp(sapi_module.name, "cli") != 0 || DORA_G(role) != PHP_DORA_PLAIN) {
        refuse("start() runs until it is stopped: run the file by `php FILE`");
        return;
    }
    php_dora_master_enter();
    if (!files_check(self)) {
        return;
    }
    const dora_monitor_file file = {.path = ZSTR_VAL(self->path),
                                    .is_php = !is_json_name(self->path)};
    const dora_monitor_options options = {
        .size = sizeof options,
        .redis = ZSTR_VAL(self->redis),
        .files = &file,
        .file_count = 1,
        .udp = ZSTR_VAL(self->udp),
        .log_file = self->log_file != NULL ? ZSTR_VAL(self->log_file) : NULL,
        .log_level = (uint32_t)self->log_level,
        .tls_ca = tls_text(self, "ca"),
        .tls_cert = tls_text(self, "cert"),
        .tls_key = tls_text(self, "key"),
        .tls_name = tls_text(self, "name")};
    dora_err err = dora_monitor_run(&options, &error);
    php_dora_master_leave();
    if (err != DORA_OK) {
        php_dora_throw_error(&error);
    }
}

PHP_METHOD(DoraRPC_Monitor, __construct)
{
    zend_string *ip = NULL;
    zend_long port = 9569;
    zval *config = NULL;
    zval *file = NULL;

    ZEND_PARSE_PARAMETERS_START(0, 4)
    Z_PARAM_OPTIONAL
    Z_PARAM_STR(ip)
    Z_PARAM_LONG(port)
    Z_PARAM_ARRAY(config)
    Z_PARAM_ZVAL_OR_NULL(file)
    ZEND_PARSE_PARAMETERS_END();
    monitor *self = monitor_of(Z_OBJ_P(ZEND_THIS));
    if (self->udp != NULL) {
        zend_throw_error(NULL, "a monitor is made once");
        RETURN_THROWS();
    }
    if (config == NULL) {
        refuse("the third argument is missing: ['discovery' => , 'config' => ]");
        RETURN_THROWS();
    }
    if (!udp_take(self, ip, port)) {
        RETURN_THROWS();
    }
    const bool is_older = config_take(self, config, file);
    if (EG(exception) == NULL && is_older && !php_dora_rpc_caller_starts()) {
        run(self);
    }
}

PHP_METHOD(DoraRPC_Monitor, start)
{
    ZEND_PARSE_PARAMETERS_NONE();
    const monitor *self = monitor_of(Z_OBJ_P(ZEND_THIS));
    if (is_made(self)) {
        run(self);
    }
}

PHP_METHOD(DoraRPC_Monitor, discovery)
{
    ZEND_PARSE_PARAMETERS_NONE();
}

PHP_METHOD(DoraRPC_Monitor, onPacket)
{
    zval *ignored;

    ZEND_PARSE_PARAMETERS_START(3, 3)
    Z_PARAM_ZVAL(ignored)
    Z_PARAM_ZVAL(ignored)
    Z_PARAM_ZVAL(ignored)
    ZEND_PARSE_PARAMETERS_END();
    (void)ignored;
}
