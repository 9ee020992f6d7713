/* chain.c: what stands around a handler: middleware, and members of a map as its arguments. */
#include "chain.h"

#include "zend_closures.h"

#include "request.h"

zend_class_entry *php_dora_next_ce;
static zend_object_handlers next_handlers;

/* next_object is a place in the chain, and what goes on from there. */
typedef struct next_object {
    php_dora_app *app; /* owned */
    php_dora_handler *handler;
    uint32_t at; /* the middleware that comes next; past the last one: the handler */
    zval args[2];
    zend_object std;
} next_object;

static next_object *next_of(zend_object *object)
{
    return (next_object *)((char *)object - XtOffsetOf(next_object, std));
}

/* ---- members of a map as arguments ---- */

static void add_fault(smart_str *faults, zend_string *name, zend_ulong number, const char *reason)
{
    const php_dora_step step = {NULL, name, number};

    php_dora_faults_add(faults, &step, reason);
}

/* Finds a parameter by its name; the variadic one has none. */
static const zend_arg_info *parameter_of(const zend_function *function, const zend_string *name)
{
    for (uint32_t i = 0; i < function->common.num_args; i++) {
        const zend_arg_info *info = &function->common.arg_info[i];
        if (zend_string_equals(info->name, name)) {
            return info;
        }
    }
    return NULL;
}

static bool is_request(const zend_string *name)
{
    return zend_string_equals_literal(name, PHP_DORA_REQUEST_NAME);
}

/* What does not fit; nothing: no text. */
static void look(const zend_function *function, HashTable *members, smart_str *faults)
{
    const bool takes_others = (function->common.fn_flags & ZEND_ACC_VARIADIC) != 0;
    zend_ulong number;
    zend_string *name;

    for (uint32_t i = 0; i < function->common.required_num_args; i++) {
        zend_string *wanted = function->common.arg_info[i].name;
        if (!is_request(wanted) && (members == NULL || !zend_hash_exists(members, wanted))) {
            add_fault(faults, wanted, 0, "missing");
        }
    }
    if (members == NULL) {
        return;
    }
    ZEND_HASH_FOREACH_KEY(members, number, name)
    {
        const zend_arg_info *info = name != NULL ? parameter_of(function, name) : NULL;
        if (name == NULL || (info != NULL ? is_request(name) : !takes_others)) {
            add_fault(faults, name, number, "unknown");
        }
    }
    ZEND_HASH_FOREACH_END();
}

/* Calls a handler whose parameters are members of the map `args[0]`. */
static void call_by_members(php_dora_handler *handler, zval *args, zval *result)
{
    const zend_function *function = handler->cache.function_handler;
    HashTable *members = Z_TYPE(args[0]) == IS_ARRAY ? Z_ARRVAL(args[0]) : NULL;
    smart_str faults = {0};

    ZVAL_UNDEF(result);
    HashTable *named = members != NULL ? zend_array_dup(members) : zend_new_array(1);
    if (Z_TYPE(args[0]) > IS_NULL && (members == NULL || php_dora_is_row(members))) {
        zend_string *reason =
            zend_strpprintf(0, "a map is wanted, not %s", php_dora_kind_of(&args[0]));
        php_dora_faults_add(&faults, NULL, ZSTR_VAL(reason));
        zend_string_release(reason);
    } else {
        look(function, members, &faults);
        php_dora_typed_members(handler->typed, named, &faults);
    }
    if (EG(exception) == NULL && php_dora_faults_len(&faults) > 0) {
        php_dora_faults_throw(&faults);
    } else {
        smart_str_free(&faults);
    }
    if (EG(exception) != NULL) {
        zend_array_destroy(named);
        return;
    }
    zend_string *request = ZSTR_INIT_LITERAL(PHP_DORA_REQUEST_NAME, false);
    if (parameter_of(function, request) != NULL) {
        Z_TRY_ADDREF(args[1]);
        zend_hash_update(named, request, &args[1]);
    }
    php_dora_handler_call_named(handler, named, result);
    zend_string_release(request);
    zend_array_destroy(named);
}

/* ---- the chain ---- */

static void step(php_dora_app *app, php_dora_handler *handler, uint32_t at, zval *args,
                 zval *result);

static zend_object *next_create(zend_class_entry *class)
{
    next_object *self = zend_object_alloc(sizeof(*self), class);

    ZVAL_UNDEF(&self->args[0]);
    ZVAL_UNDEF(&self->args[1]);
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &next_handlers;
    return &self->std;
}

static void next_free(zend_object *object)
{
    next_object *self = next_of(object);

    if (self->app != NULL) {
        OBJ_RELEASE(&self->app->std);
    }
    zval_ptr_dtor(&self->args[0]);
    zval_ptr_dtor(&self->args[1]);
    zend_object_std_dtor(object);
}

/* Tells the cycle collector what it holds: middleware may keep it, where its own closure leads to
 * the same application. */
static HashTable *next_get_gc(zend_object *object, zval **table, int *count)
{
    next_object *self = next_of(object);
    zend_get_gc_buffer *buffer = zend_get_gc_buffer_create();

    if (self->app != NULL) {
        zend_get_gc_buffer_add_obj(buffer, &self->app->std);
    }
    zend_get_gc_buffer_add_zval(buffer, &self->args[0]);
    zend_get_gc_buffer_add_zval(buffer, &self->args[1]);
    zend_get_gc_buffer_use(buffer, table, count);
    return zend_std_get_properties(object);
}

void php_dora_chain_init_class(void)
{
    memcpy(&next_handlers, &std_object_handlers, sizeof(next_handlers));
    next_handlers.offset = XtOffsetOf(next_object, std);
    next_handlers.free_obj = next_free;
    next_handlers.get_gc = next_get_gc;
    next_handlers.clone_obj = NULL;
    php_dora_next_ce->create_object = next_create;
}

/* Makes the Closure that a middleware is given. */
static void make_next(zval *closure, php_dora_app *app, php_dora_handler *handler, uint32_t at,
                      const zval *args)
{
    zval object;

    object_init_ex(&object, php_dora_next_ce);
    next_object *self = next_of(Z_OBJ(object));
    GC_ADDREF(&app->std);
    self->app = app;
    self->handler = handler;
    self->at = at;
    ZVAL_COPY(&self->args[0], &args[0]);
    ZVAL_COPY(&self->args[1], &args[1]);
    zend_function *invoke =
        zend_hash_str_find_ptr(&php_dora_next_ce->function_table, ZEND_STRL(ZEND_INVOKE_FUNC_NAME));
    zend_create_fake_closure(closure, invoke, php_dora_next_ce, php_dora_next_ce, &object);
    zval_ptr_dtor(&object);
}

static void call_handler(php_dora_handler *handler, zval *args, zval *result)
{
    zval own[2];

    if (handler->is_named) {
        call_by_members(handler, args, result);
        return;
    }
    ZVAL_COPY(&own[0], &args[0]);
    ZVAL_COPY(&own[1], &args[1]);
    if (Z_TYPE(own[0]) == IS_NULL && handler->has_default && !handler->takes_null) {
        ZVAL_UNDEF(&own[0]);
    }
    ZVAL_UNDEF(result);
    if (!handler->makes_param || Z_ISUNDEF(own[0]) ||
        php_dora_typed_param(handler->typed, &own[0])) {
        php_dora_handler_call(handler, own, result);
        if (EG(exception) != NULL) {
            php_dora_handler_tell_misfit(handler, &own[0]);
        }
    }
    zval_ptr_dtor(&own[0]);
    zval_ptr_dtor(&own[1]);
}

static void step(php_dora_app *app, php_dora_handler *handler, uint32_t at, zval *args,
                 zval *result)
{
    php_dora_handler *around = zend_hash_index_find_ptr(&app->middleware, at);
    zval given[3];

    if (around == NULL) {
        call_handler(handler, args, result);
        return;
    }
    make_next(&given[0], app, handler, at + 1, args);
    if (Z_ISUNDEF(args[0])) {
        ZVAL_NULL(&given[1]);
    } else {
        ZVAL_COPY(&given[1], &args[0]);
    }
    ZVAL_COPY(&given[2], &args[1]);
    php_dora_handler_call(around, given, result);
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        zval_ptr_dtor(&given[i]);
    }
}

void php_dora_chain_call(php_dora_app *app, php_dora_handler *handler, zval *args, zval *result)
{
    step(app, handler, 0, args, result);
}

/* Only the chain makes one: the constructor is private. */
PHP_METHOD(Dora_Next, __construct)
{
    ZEND_PARSE_PARAMETERS_NONE();
}

PHP_METHOD(Dora_Next, __invoke)
{
    zval *param = NULL;
    zval *request = NULL;
    zval args[2];

    ZEND_PARSE_PARAMETERS_START(0, 2)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(param)
    Z_PARAM_OBJECT_OF_CLASS_OR_NULL(request, php_dora_request_ce)
    ZEND_PARSE_PARAMETERS_END();
    next_object *self = next_of(Z_OBJ_P(ZEND_THIS));
    ZVAL_COPY(&args[0], param != NULL ? param : &self->args[0]);
    ZVAL_COPY(&args[1], request != NULL ? request : &self->args[1]);
    step(self->app, self->handler, self->at, args, return_value);
    zval_ptr_dtor(&args[0]);
    zval_ptr_dtor(&args[1]);
    if (Z_ISUNDEF_P(return_value)) {
        ZVAL_NULL(return_value);
    }
}
