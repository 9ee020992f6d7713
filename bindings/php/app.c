/* app.c: Dora\App: registers handlers and hooks. What run() does is in master.c and runtime.c. */
#include "app.h"

#include <unistd.h>

#include "zend_exceptions.h"

#include "calls.h"
#include "exception.h"
#include "master.h"
#include "runtime.h"

zend_class_entry *php_dora_app_ce;
static zend_object_handlers app_handlers;

php_dora_app *php_dora_app_of(zend_object *object)
{
    return (php_dora_app *)((char *)object - XtOffsetOf(php_dora_app, std));
}

static void slot_free(zval *slot)
{
    php_dora_handler_free(Z_PTR_P(slot));
}

static zend_object *app_create(zend_class_entry *class)
{
    php_dora_app *self = zend_object_alloc(sizeof(*self), class);

    ZVAL_UNDEF(&self->encode);
    zend_hash_init(&self->handlers, 8, NULL, slot_free, false);
    zend_hash_init(&self->starts, 0, NULL, slot_free, false);
    zend_hash_init(&self->stops, 0, NULL, slot_free, false);
    zend_hash_init(&self->middleware, 0, NULL, slot_free, false);
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &app_handlers;
    return &self->std;
}

void php_dora_app_hooks(HashTable *hooks, uint32_t worker)
{
    php_dora_handler *hook;

    ZEND_HASH_FOREACH_PTR(hooks, hook)
    {
        zval arg;
        zval result;
        ZVAL_LONG(&arg, worker);
        php_dora_handler_call(hook, &arg, &result);
        zval_ptr_dtor(&arg);
        zval_ptr_dtor(&result);
        if (EG(exception) != NULL) {
            break;
        }
    }
    ZEND_HASH_FOREACH_END();
}

void php_dora_app_close(php_dora_app *app)
{
    const bool is_started = app->started == getpid();

    app->started = 0;
    if (is_started) {
        php_dora_app_hooks(&app->stops, 0);
    }
}

/* Runs the stop hooks while an exception unwinds: it waits for them, as for destructors, and stands
 * behind what they raise. */
static void close_unwinding(php_dora_app *app)
{
    zend_object *const waiting = EG(exception);
    zend_execute_data *const frame = EG(current_execute_data);

    if (frame != NULL && frame->func != NULL && ZEND_USER_CODE(frame->func->common.type)) {
        zend_rethrow_exception(frame); /* the frame may not know of it yet */
    }
    const zend_op *const opline = EG(opline_before_exception);
    EG(exception) = NULL;
    php_dora_app_close(app);
    EG(opline_before_exception) = opline;
    if (EG(exception) != NULL) {
        zend_exception_set_previous(EG(exception), waiting);
    } else {
        EG(exception) = waiting;
    }
}

/* The end of an application that call() has used is that of its worker. */
static void app_end(zend_object *object)
{
    php_dora_app *self = php_dora_app_of(object);

    if (EG(exception) != NULL) {
        close_unwinding(self);
    } else {
        php_dora_app_close(self);
    }
    zend_objects_destroy_object(object);
}

static void app_free(zend_object *object)
{
    php_dora_app *self = php_dora_app_of(object);

    zval_ptr_dtor(&self->encode);
    zend_hash_destroy(&self->handlers);
    zend_hash_destroy(&self->starts);
    zend_hash_destroy(&self->stops);
    zend_hash_destroy(&self->middleware);
    zend_object_std_dtor(object);
}

static void gc_add(zend_get_gc_buffer *buffer, HashTable *handlers)
{
    php_dora_handler *handler;

    ZEND_HASH_FOREACH_PTR(handlers, handler)
    {
        zend_get_gc_buffer_add_zval(buffer, &handler->callable);
    }
    ZEND_HASH_FOREACH_END();
}

/* Tells the cycle collector about the callables, which may well hold the application. */
static HashTable *app_get_gc(zend_object *object, zval **table, int *count)
{
    php_dora_app *self = php_dora_app_of(object);
    zend_get_gc_buffer *buffer = zend_get_gc_buffer_create();

    zend_get_gc_buffer_add_zval(buffer, &self->encode);
    gc_add(buffer, &self->handlers);
    gc_add(buffer, &self->starts);
    gc_add(buffer, &self->stops);
    gc_add(buffer, &self->middleware);
    zend_get_gc_buffer_use(buffer, table, count);
    return zend_std_get_properties(object);
}

void php_dora_app_init_class(void)
{
    memcpy(&app_handlers, &std_object_handlers, sizeof(app_handlers));
    app_handlers.offset = XtOffsetOf(php_dora_app, std);
    app_handlers.free_obj = app_free;
    app_handlers.dtor_obj = app_end;
    app_handlers.get_gc = app_get_gc;
    app_handlers.clone_obj = NULL;
    php_dora_app_ce->create_object = app_create;
}

void php_dora_app_choose(php_dora_app *app)
{
    if (DORA_G(app) != NULL) {
        OBJ_RELEASE(&DORA_G(app)->std);
    }
    GC_ADDREF(&app->std);
    DORA_G(app) = app;
}

php_dora_app *php_dora_app_of_method(zend_object *object, const char *method)
{
    zval value;

    object_init_ex(&value, php_dora_app_ce);
    php_dora_app *app = php_dora_app_of(Z_OBJ(value));
    zend_hash_add_new_ptr(&app->handlers, ZSTR_EMPTY_ALLOC(),
                          php_dora_handler_of_method(object, method));
    return app;
}

bool php_dora_app_is_open(void)
{
    if (DORA_G(role) == PHP_DORA_PLAIN || DORA_G(role) == PHP_DORA_LOADING) {
        return true;
    }
    zend_throw_exception(php_dora_exception_ce, "a process serves one application, once", 0);
    return false;
}

PHP_METHOD(Dora_App, __construct)
{
    zval *encode = NULL;
    zend_fcall_info info;
    zend_fcall_info_cache cache;

    ZEND_PARSE_PARAMETERS_START(0, 1)
    Z_PARAM_OPTIONAL
    Z_PARAM_FUNC_OR_NULL(info, cache)
    ZEND_PARSE_PARAMETERS_END();
    if (ZEND_NUM_ARGS() > 0 && ZEND_FCI_INITIALIZED(info)) {
        encode = &php_dora_app_of(Z_OBJ_P(ZEND_THIS))->encode;
        zval_ptr_dtor(encode);
        ZVAL_COPY(encode, &info.function_name);
    }
}

/* What api() may be told beside name and handler. */
typedef struct api_options {
    const char *api;
    zend_string *summary; /* borrowed; may be NULL */
    bool has_limit;
    int64_t limit_ms;
    bool is_named;
} api_options;

/* Each reads one option. Returns: false with an exception raised. */
static bool read_summary(api_options *options, zval *value)
{
    if (Z_TYPE_P(value) != IS_STRING) {
        zend_argument_type_error(3, "of api \"%s\" has \"summary\", which must be a string, not %s",
                                 options->api, zend_zval_type_name(value));
        return false;
    }
    options->summary = Z_STR_P(value);
    return true;
}

static bool read_named(api_options *options, zval *value)
{
    if (Z_TYPE_P(value) != IS_TRUE && Z_TYPE_P(value) != IS_FALSE) {
        zend_argument_type_error(3,
                                 "of api \"%s\" has \"named\", which must be true or false, not "
                                 "%s",
                                 options->api, zend_zval_type_name(value));
        return false;
    }
    options->is_named = Z_TYPE_P(value) == IS_TRUE;
    return true;
}

static bool read_limit(api_options *options, zval *value)
{
    options->has_limit = Z_TYPE_P(value) != IS_NULL;
    if (!options->has_limit) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG && Z_TYPE_P(value) != IS_DOUBLE) {
        zend_argument_type_error(3,
                                 "of api \"%s\" has \"timeLimit\", which must be seconds, int or "
                                 "float, or null, not %s",
                                 options->api, zend_zval_type_name(value));
        return false;
    }
    options->limit_ms = dora_limit_of_seconds(zval_get_double(value));
    if (options->limit_ms < 0) {
        zend_string *given = php_dora_text_of(value);
        zend_argument_value_error(
            3, "of api \"%s\" has \"timeLimit\", which must be 0 (none) to 86400 seconds, not %s",
            options->api, ZSTR_VAL(given));
        zend_string_release(given);
        return false;
    }
    return true;
}

static bool read_option(api_options *options, const zend_string *key, zval *value)
{
    if (key != NULL && zend_string_equals_literal(key, "summary")) {
        return read_summary(options, value);
    }
    if (key != NULL && zend_string_equals_literal(key, "named")) {
        return read_named(options, value);
    }
    if (key != NULL && zend_string_equals_literal(key, "timeLimit")) {
        return read_limit(options, value);
    }
    zend_argument_value_error(
        3, "of api \"%s\" has no option \"%s\": there are summary, named and timeLimit",
        options->api, key != NULL ? ZSTR_VAL(key) : "0");
    return false;
}

static bool options_read(api_options *options, HashTable *given)
{
    zend_string *key;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(given, key, value)
    {
        ZVAL_DEREF(value);
        if (!read_option(options, key, value)) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

/* Registers a callable, argument `arg` of the running method. Returns: false with an exception
 * raised. */
static bool handler_add(php_dora_app *app, zend_string *name, zval *callable, uint32_t arg,
                        const api_options *options)
{
    php_dora_handler *handler = php_dora_handler_new(
        callable, options->is_named ? PHP_DORA_TAKES_MEMBERS : PHP_DORA_TAKES_CALL, arg);

    if (handler == NULL) {
        return false;
    }
    handler->summary = options->summary != NULL ? zend_string_copy(options->summary) : NULL;
    handler->has_limit = options->has_limit;
    handler->limit_ms = options->limit_ms;
    handler->is_wrapped |= zend_hash_num_elements(&app->middleware) > 0;
    zend_hash_add_new_ptr(&app->handlers, name, handler);
    return true;
}

PHP_METHOD(Dora_App, api)
{
    zend_string *name;
    zval *callable;
    HashTable *given = NULL;
    api_options options = {0};

    ZEND_PARSE_PARAMETERS_START(2, 3)
    Z_PARAM_STR(name)
    Z_PARAM_ZVAL(callable)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_app *self = php_dora_app_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_app_is_open()) {
        RETURN_THROWS();
    }
    if (ZSTR_LEN(name) == 0 || ZSTR_LEN(name) > PHP_DORA_NAME_MAX ||
        ZSTR_VAL(name)[ZSTR_LEN(name) - 1] == '*') {
        zend_argument_value_error(1, "must have 1 to %u bytes and not end in \"*\"",
                                  PHP_DORA_NAME_MAX);
        RETURN_THROWS();
    }
    if (zend_str_has_nul_byte(name)) {
        zend_argument_value_error(1, "must not have a NUL byte, which \"%s\" is followed by",
                                  ZSTR_VAL(name));
        RETURN_THROWS();
    }
    if (zend_hash_exists(&self->handlers, name)) {
        zend_argument_value_error(1, "names an api that has a handler already: \"%s\"",
                                  ZSTR_VAL(name));
        RETURN_THROWS();
    }
    options.api = ZSTR_VAL(name);
    if ((given != NULL && !options_read(&options, given)) ||
        !handler_add(self, name, callable, 2, &options)) {
        RETURN_THROWS();
    }
    RETURN_OBJ_COPY(&self->std);
}

PHP_METHOD(Dora_App, fallback)
{
    zval *callable;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ZVAL(callable)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_app *self = php_dora_app_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_app_is_open()) {
        RETURN_THROWS();
    }
    if (zend_hash_exists(&self->handlers, ZSTR_EMPTY_ALLOC())) {
        zend_throw_exception(php_dora_exception_ce, "there is a fallback already", 0);
        RETURN_THROWS();
    }
    const api_options none = {0};
    if (!handler_add(self, ZSTR_EMPTY_ALLOC(), callable, 1, &none)) {
        RETURN_THROWS();
    }
    RETURN_OBJ_COPY(&self->std);
}

PHP_METHOD(Dora_App, middleware)
{
    zval *callable;
    php_dora_handler *handler;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ZVAL(callable)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_app *self = php_dora_app_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_app_is_open()) {
        RETURN_THROWS();
    }
    php_dora_handler *around = php_dora_handler_new(callable, PHP_DORA_TAKES_NEXT, 1);
    if (around == NULL) {
        RETURN_THROWS();
    }
    zend_hash_next_index_insert_ptr(&self->middleware, around);
    ZEND_HASH_FOREACH_PTR(&self->handlers, handler)
    {
        handler->is_wrapped = true;
    }
    ZEND_HASH_FOREACH_END();
    RETURN_OBJ_COPY(&self->std);
}

static void hook_add(INTERNAL_FUNCTION_PARAMETERS, bool is_start)
{
    zval *callable;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ZVAL(callable)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_app *self = php_dora_app_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_app_is_open()) {
        RETURN_THROWS();
    }
    php_dora_handler *hook = php_dora_handler_new(callable, PHP_DORA_TAKES_WORKER, 1);
    if (hook == NULL) {
        RETURN_THROWS();
    }
    zend_hash_next_index_insert_ptr(is_start ? &self->starts : &self->stops, hook);
    RETURN_OBJ_COPY(&self->std);
}

PHP_METHOD(Dora_App, workerStart)
{
    hook_add(INTERNAL_FUNCTION_PARAM_PASSTHRU, true);
}

PHP_METHOD(Dora_App, workerStop)
{
    hook_add(INTERNAL_FUNCTION_PARAM_PASSTHRU, false);
}

bool php_dora_app_serve(php_dora_app *app)
{
    if (DORA_G(role) == PHP_DORA_LOADING) {
        /* The rest of the file is for the master, after its server has stopped. */
        php_dora_app_choose(app);
        zend_throw_unwind_exit();
        return true;
    }
    if (dora_is_zygote()) {
        php_dora_app_choose(app);
        php_dora_zygote_serve();
        return true;
    }
    return false;
}

bool php_dora_app_finish(int status)
{
    if (EG(exception) != NULL) {
        return false;
    }
    if (status != 0) {
        EG(exit_status) = status;
        zend_throw_unwind_exit();
        return false;
    }
    return true;
}

PHP_METHOD(Dora_App, run)
{
    HashTable *options = NULL;

    ZEND_PARSE_PARAMETERS_START(0, 1)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(options)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_app *self = php_dora_app_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_app_is_open()) {
        RETURN_THROWS();
    }
    if (php_dora_app_serve(self)) {
        return;
    }
    php_dora_program program = {.door = "Dora\\App::run()", .options = options};
    if (php_dora_app_finish(php_dora_master_run(&program))) {
        RETURN_LONG(0);
    }
}
