/* handler.c: one registered callable: what it takes, looked at once, and calling it. */
#include "handler.h"

#include "zend_closures.h"
#include "zend_exceptions.h"

#include "request.h"

/* What a value from the wire can be, and what a worker's number can: PHP turns one scalar into
 * another where a parameter wants it. */
#define MAY_BE_SCALAR (MAY_BE_BOOL | MAY_BE_LONG | MAY_BE_DOUBLE | MAY_BE_STRING)
#define MAY_BE_PARAM (MAY_BE_SCALAR | MAY_BE_NULL | MAY_BE_ARRAY | MAY_BE_CALLABLE)

typedef struct shape {
    const zend_function *function;
    uint32_t named; /* parameters, but for a variadic one */
    uint32_t required;
    bool is_variadic;
} shape;

static shape shape_of(const zend_function *function)
{
    return (shape){.function = function,
                   .named = function->common.num_args,
                   .required = function->common.required_num_args,
                   .is_variadic = (function->common.fn_flags & ZEND_ACC_VARIADIC) != 0};
}

/* The type of parameter `at`, from 0; beyond the named ones, the variadic one's. */
static const zend_type *type_of(const shape *shape, uint32_t at)
{
    return &shape->function->common.arg_info[at < shape->named ? at : shape->named].type;
}

static bool has_parameter(const shape *shape, uint32_t at)
{
    return at < shape->named || shape->is_variadic;
}

/* Whether an object of class `given` is one of the class by name. */
static bool is_class_of(zend_string *name, const zend_class_entry *given)
{
    const zend_class_entry *class = zend_lookup_class_ex(name, NULL, ZEND_FETCH_CLASS_NO_AUTOLOAD);
    return class != NULL && instanceof_function(given, class);
}

/* Of types by name: one of a union is enough, an intersection wants all. */
static bool named_takes(const zend_type *type, const zend_class_entry *given)
{
    const zend_type *member;

    if (ZEND_TYPE_HAS_NAME(*type)) {
        return is_class_of(ZEND_TYPE_NAME(*type), given);
    }
    if (!ZEND_TYPE_HAS_LIST(*type)) {
        return false;
    }
    const bool wants_all = ZEND_TYPE_IS_INTERSECTION(*type);
    ZEND_TYPE_LIST_FOREACH(ZEND_TYPE_LIST(*type), member)
    {
        if (named_takes(member, given) != wants_all) {
            return !wants_all;
        }
    }
    ZEND_TYPE_LIST_FOREACH_END();
    return wants_all;
}

static bool type_takes_request(const zend_type *type)
{
    return !ZEND_TYPE_IS_SET(*type) || (ZEND_TYPE_FULL_MASK(*type) & MAY_BE_OBJECT) != 0 ||
           named_takes(type, php_dora_request_ce);
}

static bool type_takes(const zend_type *type, uint32_t mask)
{
    return !ZEND_TYPE_IS_SET(*type) || (ZEND_TYPE_FULL_MASK(*type) & mask) != 0;
}

/* Whether the first parameter is made of what a call has. */
static bool is_made(const shape *shape)
{
    return shape->function->type == ZEND_USER_FUNCTION && has_parameter(shape, 0) &&
           php_dora_typed_wants(type_of(shape, 0));
}

/* Whether the request is passed. PHP functions may be given more than they name; built-in ones may
 * not, and their further parameters mean something else unless they have to be there. */
static bool takes_request(const shape *shape)
{
    if (shape->function->type == ZEND_INTERNAL_FUNCTION && shape->required < 2) {
        return false;
    }
    return has_parameter(shape, 1) && type_takes_request(type_of(shape, 1));
}

/* Says of what kind of function something is told, and where it stands. Ownership: gives. */
static zend_string *place_of(const zend_function *function)
{
    const zend_class_entry *class = function->common.scope;
    const char *name = function->common.function_name != NULL
                           ? ZSTR_VAL(function->common.function_name)
                           : "the function";
    const bool is_method = class != NULL && (function->common.fn_flags & ZEND_ACC_CLOSURE) == 0;

    if (function->type != ZEND_USER_FUNCTION) {
        return zend_strpprintf(0, "%s%s%s()", is_method ? ZSTR_VAL(class->name) : "",
                               is_method ? "::" : "", name);
    }
    if (function->common.fn_flags & ZEND_ACC_CLOSURE) {
        return zend_strpprintf(0, "the closure in %s:%u", ZSTR_VAL(function->op_array.filename),
                               function->op_array.line_start);
    }
    return zend_strpprintf(0, "%s%s%s() in %s:%u", is_method ? ZSTR_VAL(class->name) : "",
                           is_method ? "::" : "", name, ZSTR_VAL(function->op_array.filename),
                           function->op_array.line_start);
}

/* Says that a parameter is of a type that nothing it is given has. Ownership: gives. */
static zend_string *mistyped(const zend_type *type, const char *which, const char *why)
{
    zend_string *text = zend_type_to_string(*type);
    zend_string *fault = zend_strpprintf(0, "wants %s as %s, which %s", ZSTR_VAL(text), which, why);

    zend_string_release(text);
    return fault;
}

/* Of a parameter that is given a member of a map by its name, or the request. A member that has a
 * default may be one that is never sent. */
static zend_string *fault_of_member(const zend_arg_info *info, bool is_required)
{
    const bool is_request = zend_string_equals_literal(info->name, PHP_DORA_REQUEST_NAME);

    if (is_request ? type_takes_request(&info->type)
                   : !is_required || type_takes(&info->type, MAY_BE_PARAM) ||
                         php_dora_typed_wants(&info->type)) {
        return NULL;
    }
    zend_string *which = zend_strpprintf(0, "$%s", ZSTR_VAL(info->name));
    zend_string *fault =
        mistyped(&info->type, ZSTR_VAL(which),
                 is_request ? "is a Dora\\Request: give it that type"
                            : "no member can be: take array, a scalar type or mixed there");
    zend_string_release(which);
    return fault;
}

/* What is wrong with a function whose parameters are members of a map. */
static zend_string *fault_of_members(const shape *shape)
{
    zend_string *fault = NULL;

    if (shape->function->type != ZEND_USER_FUNCTION) {
        return zend_strpprintf(0, "is built in, its parameters have no names of yours: give a "
                                  "closure that calls it");
    }
    if (shape->named == 0 && !shape->is_variadic) {
        return zend_strpprintf(0, "has no parameter: take \"named\" away");
    }
    for (uint32_t at = 0; fault == NULL && at < shape->named; at++) {
        fault = fault_of_member(&shape->function->common.arg_info[at], at < shape->required);
    }
    return fault;
}

/* What is wrong with a middleware. */
static zend_string *fault_of_middleware(const shape *shape)
{
    const zend_type *first = has_parameter(shape, 0) ? type_of(shape, 0) : NULL;

    if (shape->required > 3) {
        return zend_strpprintf(0, "wants %u arguments: it is given ($next, $param, $request)",
                               shape->required);
    }
    if (first != NULL && !type_takes(first, MAY_BE_CALLABLE | MAY_BE_OBJECT) &&
        !named_takes(first, zend_ce_closure)) {
        return mistyped(first, "its first argument", "is a Closure: take callable $next there");
    }
    if (has_parameter(shape, 1) && !type_takes(type_of(shape, 1), MAY_BE_PARAM)) {
        return mistyped(type_of(shape, 1), "its second argument",
                        "no parameter of a call can be: take mixed there");
    }
    if (has_parameter(shape, 2) && !type_takes_request(type_of(shape, 2))) {
        return mistyped(type_of(shape, 2), "its third argument",
                        "is a Dora\\Request: give it that type");
    }
    return NULL;
}

/* What is wrong with parameter `at` of a function, or NULL: why no value can ever be given. */
static zend_string *fault_of(const shape *shape, php_dora_takes takes)
{
    const bool is_call = takes == PHP_DORA_TAKES_CALL;
    const uint32_t most = is_call ? 2 : 1;
    const uint32_t mask = is_call ? MAY_BE_PARAM : MAY_BE_SCALAR;

    if (!is_call && takes != PHP_DORA_TAKES_MEMBERS &&
        (shape->function->common.fn_flags & ZEND_ACC_GENERATOR) != 0) {
        return zend_strpprintf(0, "is a generator: return the result, do not yield it");
    }
    if (takes == PHP_DORA_TAKES_MEMBERS) {
        return fault_of_members(shape);
    }
    if (takes == PHP_DORA_TAKES_NEXT) {
        return fault_of_middleware(shape);
    }
    if (shape->required > most) {
        return zend_strpprintf(0, "wants %u arguments: give those after the %s a default",
                               shape->required, is_call ? "second" : "first");
    }
    if (has_parameter(shape, 0) && shape->required > 0 && !type_takes(type_of(shape, 0), mask) &&
        !(is_call && is_made(shape))) {
        zend_string *type = zend_type_to_string(*type_of(shape, 0));
        zend_string *fault = zend_strpprintf(
            0, "wants %s as its first argument, which no %s can be: take %s there%s",
            ZSTR_VAL(type), is_call ? "parameter of a call" : "worker's number",
            is_call ? "array, a scalar type or mixed" : "int",
            is_call && type_takes_request(type_of(shape, 0)) ? ", and the request second" : "");
        zend_string_release(type);
        return fault;
    }
    if (is_call && shape->required == 2 && !type_takes_request(type_of(shape, 1))) {
        zend_string *type = zend_type_to_string(*type_of(shape, 1));
        zend_string *fault = zend_strpprintf(
            0, "wants %s as its second argument, which is a Dora\\Request: %s", ZSTR_VAL(type),
            shape->function->type == ZEND_USER_FUNCTION ? "give it a default"
                                                        : "give a closure that calls it");
        zend_string_release(type);
        return fault;
    }
    return NULL;
}

/* The callable's method or class, where it has one and it is there: for people. */
static const zend_function *method_of(zval *callable, const zend_class_entry **class)
{
    zval *first = NULL;
    zval *second = NULL;
    zend_string *name = NULL;
    const zend_function *found = NULL;

    *class = NULL;
    if (Z_TYPE_P(callable) == IS_ARRAY && zend_hash_num_elements(Z_ARRVAL_P(callable)) == 2) {
        first = zend_hash_index_find_deref(Z_ARRVAL_P(callable), 0);
        second = zend_hash_index_find_deref(Z_ARRVAL_P(callable), 1);
    }
    if (first != NULL && second != NULL && Z_TYPE_P(second) == IS_STRING) {
        *class = Z_TYPE_P(first) == IS_OBJECT ? Z_OBJCE_P(first)
                 : Z_TYPE_P(first) == IS_STRING
                     ? zend_lookup_class_ex(Z_STR_P(first), NULL, ZEND_FETCH_CLASS_NO_AUTOLOAD)
                     : NULL;
        name = zend_string_copy(Z_STR_P(second));
    } else if (Z_TYPE_P(callable) == IS_STRING && strstr(Z_STRVAL_P(callable), "::") != NULL) {
        const char *at = strstr(Z_STRVAL_P(callable), "::");
        zend_string *text =
            zend_string_init(Z_STRVAL_P(callable), (size_t)(at - Z_STRVAL_P(callable)), false);
        *class = zend_lookup_class_ex(text, NULL, ZEND_FETCH_CLASS_NO_AUTOLOAD);
        zend_string_release(text);
        name = zend_string_init(at + 2, strlen(at + 2), false);
    } else if (Z_TYPE_P(callable) == IS_OBJECT) {
        *class = Z_OBJCE_P(callable);
    }
    if (*class != NULL && name != NULL) {
        zend_string *lower = zend_string_tolower(name);
        found = zend_hash_find_ptr(&(*class)->function_table, lower);
        zend_string_release(lower);
    }
    if (name != NULL) {
        zend_string_release(name);
    }
    return found;
}

/* Raises what PHP says of a callable that is none, and where what it means stands. */
static void throw_not_callable(zval *callable, uint32_t arg, const char *why)
{
    const zend_class_entry *class;
    const zend_function *method = method_of(callable, &class);

    if (method != NULL) {
        const bool is_hidden = (method->common.fn_flags & ZEND_ACC_PUBLIC) == 0;
        const bool is_abstract = (method->common.fn_flags & ZEND_ACC_ABSTRACT) != 0;
        zend_string *place = place_of(method);
        zend_argument_type_error(arg, "must be a valid callback, %s (%s): %s", why, ZSTR_VAL(place),
                                 is_abstract ? "give an object of a class that has it"
                                 : is_hidden ? "make it public, or give a closure"
                                             : "give an object, or make it static");
        zend_string_release(place);
    } else if (class != NULL && class->type == ZEND_USER_CLASS) {
        zend_argument_type_error(arg, "must be a valid callback, %s (the class is in %s:%u)", why,
                                 ZSTR_VAL(class->info.user.filename), class->info.user.line_start);
    } else {
        zend_argument_type_error(arg, "must be a valid callback, %s", why);
    }
}

static bool has_reference(const zend_function *function, uint32_t count)
{
    bool has = false;

    for (uint32_t at = 1; !has && at <= count; at++) {
        has = ARG_SHOULD_BE_SENT_BY_REF(function, at);
    }
    return has;
}

/* Marks what the declarations say: they are read when all of the program's classes are there. */
static void mark_typed(php_dora_handler *handler, const shape *shape, php_dora_takes takes)
{
    const bool is_own = shape->function->type == ZEND_USER_FUNCTION;

    handler->makes_param = takes == PHP_DORA_TAKES_CALL && is_made(shape);
    if (handler->makes_param || handler->is_named ||
        (is_own && takes == PHP_DORA_TAKES_CALL && php_dora_typed_shows(shape->function))) {
        handler->typed = php_dora_typed_new();
    }
    handler->is_wrapped = handler->makes_param || handler->is_named;
}

/* Fills in what the function takes. Returns: false with an exception raised. */
static bool handler_shape(php_dora_handler *handler, php_dora_takes takes, uint32_t arg)
{
    const zend_function *function = handler->cache.function_handler;

    handler->arg_count = takes == PHP_DORA_TAKES_NEXT ? 3 : 1;
    handler->takes_null = true;
    handler->is_named = takes == PHP_DORA_TAKES_MEMBERS;
    if (function == NULL && handler->is_named) {
        zend_argument_type_error(arg, "cannot be called with named arguments: it has no parameters "
                                      "of its own (__call): give a closure that calls it");
        return false;
    }
    if (function == NULL ||
        (function->type == ZEND_INTERNAL_FUNCTION && function->common.arg_info == NULL)) {
        return true; /* __call and the like take what they are given */
    }
    const shape shape = shape_of(function);
    zend_string *fault = fault_of(&shape, takes);
    if (fault != NULL) {
        zend_string *place = place_of(function);
        zend_argument_type_error(arg, "cannot be called: %s %s", ZSTR_VAL(place), ZSTR_VAL(fault));
        zend_string_release(place);
        zend_string_release(fault);
        return false;
    }
    mark_typed(handler, &shape, takes);
    if (takes == PHP_DORA_TAKES_MEMBERS || takes == PHP_DORA_TAKES_NEXT) {
        const bool is_built_in = function->type == ZEND_INTERNAL_FUNCTION && !shape.is_variadic;
        handler->arg_count =
            is_built_in && shape.named < handler->arg_count ? shape.named : handler->arg_count;
        handler->by_reference =
            has_reference(function, handler->is_named ? shape.named + 1 : handler->arg_count);
        return true;
    }
    if (function->type == ZEND_INTERNAL_FUNCTION && !has_parameter(&shape, 0)) {
        handler->arg_count = 0;
    } else if (takes == PHP_DORA_TAKES_CALL && takes_request(&shape)) {
        handler->arg_count = 2;
    }
    if (has_parameter(&shape, 0)) {
        /* A variadic one alone is given nothing, unless the request has to follow. */
        handler->has_default = shape.required == 0 && (shape.named > 0 || handler->arg_count == 1);
        handler->takes_null = type_takes(type_of(&shape, 0), MAY_BE_NULL);
        handler->by_reference = has_reference(function, 2);
    }
    return true;
}

php_dora_handler *php_dora_handler_new(zval *callable, php_dora_takes takes, uint32_t arg)
{
    zend_fcall_info_cache cache;
    char *why = NULL;

    if (!zend_is_callable_ex(callable, NULL, 0, NULL, &cache, &why)) {
        if (EG(exception) == NULL) {
            throw_not_callable(callable, arg, why != NULL ? why : "no function or method");
        }
        if (why != NULL) {
            efree(why);
        }
        return NULL;
    }
    if (why != NULL) {
        efree(why);
    }
    zend_release_fcall_info_cache(&cache);
    php_dora_handler *handler = ecalloc(1, sizeof(*handler));
    ZVAL_COPY(&handler->callable, callable);
    handler->cache = cache;
    handler->is_looked_up = cache.function_handler != NULL;
    if (!handler_shape(handler, takes, arg)) {
        php_dora_handler_free(handler);
        return NULL;
    }
    return handler;
}

php_dora_handler *php_dora_handler_of_method(zend_object *object, const char *method)
{
    php_dora_handler *handler = ecalloc(1, sizeof(*handler));

    ZVAL_OBJ_COPY(&handler->callable, object); /* the cache says which method */
    handler->cache.function_handler =
        zend_hash_str_find_ptr(&object->ce->function_table, method, strlen(method));
    handler->cache.object = object;
    handler->cache.called_scope = object->ce;
    handler->is_looked_up = true;
    handler->takes_null = true;
    handler->arg_count = 1;
    return handler;
}

bool php_dora_handler_yields(const php_dora_handler *handler)
{
    return handler->is_looked_up &&
           (handler->cache.function_handler->common.fn_flags & ZEND_ACC_GENERATOR) != 0;
}

void php_dora_handler_free(php_dora_handler *handler)
{
    zval_ptr_dtor(&handler->callable);
    if (handler->summary != NULL) {
        zend_string_release(handler->summary);
    }
    if (handler->typed != NULL) {
        php_dora_typed_free(handler->typed);
    }
    efree(handler);
}

zend_string *php_dora_handler_prepare(php_dora_handler *handler)
{
    return handler->typed != NULL
               ? php_dora_typed_prepare(handler->typed, handler->cache.function_handler,
                                        handler->is_named)
               : NULL;
}

void php_dora_handler_call(php_dora_handler *handler, zval *args, zval *result)
{
    zend_fcall_info call = {
        .size = sizeof(call), .retval = result, .params = args, .param_count = handler->arg_count};

    for (uint32_t i = 0; handler->by_reference && i < handler->arg_count; i++) {
        if (!Z_ISUNDEF(args[i]) &&
            ARG_SHOULD_BE_SENT_BY_REF(handler->cache.function_handler, i + 1)) {
            ZVAL_MAKE_REF(&args[i]);
        }
    }
    while (call.param_count > 0 && Z_ISUNDEF(args[call.param_count - 1])) {
        call.param_count--;
    }
    ZVAL_UNDEF(result);
    ZVAL_COPY_VALUE(&call.function_name, &handler->callable);
    zend_call_function(&call, handler->is_looked_up ? &handler->cache : NULL);
}

/* Whether the exception came up as the function took its first argument, which ran nothing of it:
 * PHP keeps the instruction that raised it. */
static bool is_of_entry(const zend_function *function)
{
    const zend_op *at = EG(opline_before_exception);

    return function != NULL && function->type == ZEND_USER_FUNCTION && at != NULL &&
           at >= function->op_array.opcodes &&
           at < function->op_array.opcodes + function->op_array.last && at->op1.num == 1 &&
           (at->opcode == ZEND_RECV || at->opcode == ZEND_RECV_INIT ||
            at->opcode == ZEND_RECV_VARIADIC);
}

void php_dora_handler_tell_misfit(const php_dora_handler *handler, const zval *param)
{
    zend_object *raised = EG(exception);
    smart_str faults = {0};
    zval hold;

    if (raised->ce != zend_ce_type_error || Z_ISUNDEF_P(param) || !handler->is_looked_up ||
        !is_of_entry(handler->cache.function_handler)) {
        return;
    }
    zval *text =
        zend_read_property_ex(zend_ce_error, raised, ZSTR_KNOWN(ZEND_STR_MESSAGE), true, &hold);
    /* What PHP begins with names the function. */
    const char *reason = Z_TYPE_P(text) == IS_STRING ? strstr(Z_STRVAL_P(text), "must be ") : NULL;
    php_dora_faults_add(&faults, NULL, reason != NULL ? reason : "must be of another type");
    zend_clear_exception();
    php_dora_faults_throw(&faults);
}

/* Makes references of what parameters take as such; a variadic one takes what no other does. */
static void make_references(const zend_function *function, HashTable *named)
{
    const uint32_t count = function->common.num_args;
    zend_string *name;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(named, name, value)
    {
        uint32_t at = 0;
        while (at < count && !zend_string_equals(function->common.arg_info[at].name, name)) {
            at++;
        }
        if (ARG_SHOULD_BE_SENT_BY_REF(function, at + 1)) {
            ZVAL_MAKE_REF(value);
        }
    }
    ZEND_HASH_FOREACH_END();
}

void php_dora_handler_call_named(php_dora_handler *handler, HashTable *named, zval *result)
{
    if (handler->by_reference) {
        make_references(handler->cache.function_handler, named);
    }
    zend_fcall_info call = {.size = sizeof(call), .retval = result, .named_params = named};

    ZVAL_UNDEF(result);
    ZVAL_COPY_VALUE(&call.function_name, &handler->callable);
    zend_call_function(&call, handler->is_looked_up ? &handler->cache : NULL);
}
