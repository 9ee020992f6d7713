/* alone.c: a call in this process, without a server: Dora\App::call(), and the constructor of
 * Dora\Request. */
#include "app.h"

#include <unistd.h>

#include "zend_exceptions.h"

#include <dora/runtime.h>

#include "convert.h"
#include "exception.h"
#include "interrupt.h"
#include "invoke.h"
#include "request.h"

#define PARAM_BYTES_MAX (2u * 1024 * 1024) /* of a server's and a client's frames by default */

static bool take_text(const char *key, zval *value, const char **text)
{
    if (Z_TYPE_P(value) != IS_STRING) {
        zend_argument_type_error(3, "has \"%s\", which must be a string, not %s", key,
                                 zend_zval_type_name(value));
        return false;
    }
    *text = Z_STRVAL_P(value);
    return true;
}

static bool take_slice(const char *key, zval *value, dora_slice *slice)
{
    const char *text = NULL;
    const bool is_text = take_text(key, value, &text);

    if (is_text) {
        *slice = php_dora_slice(Z_STR_P(value));
    }
    return is_text;
}

static bool take_number(const char *key, zval *value, int64_t most, int64_t *number)
{
    if (Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) < 0 || Z_LVAL_P(value) > most) {
        zend_argument_value_error(3, "has \"%s\", which must be a number from 0 on", key);
        return false;
    }
    *number = Z_LVAL_P(value);
    return true;
}

static bool take_priority(zval *value, dora_priority *priority)
{
    if (Z_TYPE_P(value) != IS_STRING ||
        !dora_priority_find(php_dora_slice(Z_STR_P(value)), priority)) {
        zend_argument_value_error(
            3, "has \"priority\", which must be \"low\", \"normal\" or \"high\"");
        return false;
    }
    return true;
}

static bool take_option(dora_alone_call *asked, const char *key, zval *value)
{
    int64_t number = 1;

    if (strcmp(key, "guid") == 0) {
        return take_slice(key, value, &asked->guid);
    }
    if (strcmp(key, "trace") == 0) {
        return take_slice(key, value, &asked->trace);
    }
    if (strcmp(key, "caller") == 0) {
        return Z_TYPE_P(value) == IS_NULL || take_slice(key, value, &asked->caller);
    }
    if (strcmp(key, "priority") == 0) {
        return take_priority(value, &asked->priority);
    }
    if (strcmp(key, "type") == 0) {
        return take_text(key, value, &asked->type);
    }
    if (strcmp(key, "protocol") == 0) {
        return take_text(key, value, &asked->protocol);
    }
    if (strcmp(key, "remainingMs") == 0) {
        return Z_TYPE_P(value) == IS_NULL ||
               take_number(key, value, INT32_MAX, &asked->remaining_ms);
    }
    if (strcmp(key, "connection") == 0) {
        const bool is_number = take_number(key, value, UINT32_MAX, &number);
        asked->connection = (uint32_t)number;
        return is_number;
    }
    zend_argument_value_error(3,
                              "has no option \"%s\": there are guid, type, protocol, connection, "
                              "remainingMs, trace, caller and priority",
                              key);
    return false;
}

static bool take_options(dora_alone_call *asked, HashTable *given)
{
    zend_string *key;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(given, key, value)
    {
        ZVAL_DEREF(value);
        if (!take_option(asked, key != NULL ? ZSTR_VAL(key) : "0", value)) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

static dora_alone *make(const dora_alone_call *asked)
{
    dora_alone *call = NULL;
    dora_error error = {.err = DORA_OK};

    if (dora_alone_new(asked, &call, &error) != DORA_OK) {
        zend_value_error("%s", error.msg);
    }
    return call;
}

/* Encodes the parameter as a client does. Returns: false with an exception raised. */
static bool encode(php_dora_app *app, dora_writer *writer, zval *param, dora_slice *encoded)
{
    zend_string *problem = NULL;
    zval null;

    ZVAL_NULL(&null);
    const zval *hook = Z_ISUNDEF(app->encode) ? NULL : &app->encode;
    dora_err err = php_dora_write(writer, param != NULL ? param : &null, hook,
                                  PHP_DORA_CALL_DEPTH_MAX, &problem);
    if (err == DORA_OK && dora_writer_finish(writer, encoded) == DORA_OK) {
        return true;
    }
    if (EG(exception) == NULL && err == DORA_ETYPE) {
        zend_type_error("%s", ZSTR_VAL(problem));
    } else if (EG(exception) == NULL) {
        dora_error error;
        dora_error_set(&error, DORA_ETOOBIG, "%s",
                       problem != NULL ? ZSTR_VAL(problem) : "the parameter is too large");
        php_dora_throw_error(&error);
    }
    if (problem != NULL) {
        zend_string_release(problem);
    }
    return false;
}

/* Raises what a caller gets; what the handler raised stands behind it. */
static void throw_outcome(int64_t code, dora_slice msg, zend_object *raised)
{
    zval exception;
    const dora_result result = {.code = code, .msg = msg};

    php_dora_exception_of(&result, &exception);
    if (raised != NULL) {
        zend_exception_set_previous(Z_OBJ(exception), raised);
    }
    zend_throw_exception_object(&exception);
}

static php_dora_handler *handler_of(php_dora_app *app, zend_string *name)
{
    php_dora_handler *handler = zend_hash_find_ptr(&app->handlers, name);

    if (handler == NULL) {
        handler = zend_hash_find_ptr(&app->handlers, ZSTR_EMPTY_ALLOC());
    }
    if (handler == NULL) {
        zend_string *text = zend_strpprintf(0, "no such api: %s", ZSTR_VAL(name));
        throw_outcome(DORA_CODE_NO_API, php_dora_slice(text), NULL);
        zend_string_release(text);
    }
    return handler;
}

/* What is wrong with a handler's declarations is told where it is called first. Returns: false with
 * an exception raised. */
static bool prepare(php_dora_handler *handler)
{
    zend_string *fault = php_dora_handler_prepare(handler);

    if (fault != NULL) {
        zend_type_error("%s", ZSTR_VAL(fault));
        zend_string_release(fault);
    }
    return EG(exception) == NULL;
}

/* Runs the start hooks before the first call, but not of what this worker serves: the server has,
 * with its own number. Returns: false with an exception raised. */
static bool start(php_dora_app *app)
{
    const bool is_served = DORA_G(is_worker) && DORA_G(app) == app;

    if (is_served || app->started == getpid()) {
        return true;
    }
    php_dora_app_hooks(&app->starts, 0);
    if (EG(exception) != NULL) {
        return false;
    }
    app->started = getpid();
    return true;
}

static void run(php_dora_app *app, php_dora_handler *handler, dora_alone *call, zval *data)
{
    const int status = EG(exit_status); /* an exit of the handler's is not this program's */
    zend_object *raised = NULL;
    dora_slice out = {NULL, 0};

    dora_alone_enter(call);
    const dora_err err =
        php_dora_invoke(app, handler, dora_alone_request(call), dora_alone_reply(call), &raised);
    dora_alone_leave(call);
    EG(exit_status) = status;
    if (raised != NULL && instanceof_function(raised->ce, php_dora_interrupted_ce)) {
        zval exception;
        ZVAL_OBJ(&exception, raised);
        zend_throw_exception_object(&exception); /* the handler that called is to end */
        return;
    }
    const int64_t code = dora_alone_end(call, err, &out);
    if (code != 0) {
        throw_outcome(code, out, raised);
    } else if (php_dora_read_all(out, data, NULL) != DORA_OK) {
        zend_throw_exception(php_dora_exception_ce, "the result cannot be decoded", 0);
    }
}

PHP_METHOD(Dora_App, call)
{
    zend_string *name;
    zval *param = NULL;
    HashTable *given = NULL;
    dora_alone_call asked = {.size = sizeof asked, .connection = 1, .remaining_ms = -1};

    ZEND_PARSE_PARAMETERS_START(1, 3)
    Z_PARAM_STR(name)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(param)
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_app *self = php_dora_app_of(Z_OBJ_P(ZEND_THIS));
    asked.name = php_dora_slice(name);
    if (given != NULL && !take_options(&asked, given)) {
        RETURN_THROWS();
    }
    dora_writer *writer = dora_writer_new(PARAM_BYTES_MAX);
    dora_alone *call = NULL;
    if (writer != NULL && encode(self, writer, param, &asked.param)) {
        call = make(&asked);
    }
    php_dora_handler *handler = call != NULL ? handler_of(self, name) : NULL;
    if (handler != NULL && prepare(handler) && start(self)) {
        run(self, handler, call, return_value);
    }
    dora_alone_free(call);
    dora_writer_free(writer);
}

PHP_METHOD(Dora_App, close)
{
    ZEND_PARSE_PARAMETERS_NONE();
    php_dora_app_close(php_dora_app_of(Z_OBJ_P(ZEND_THIS)));
}

PHP_METHOD(Dora_Request, __construct)
{
    zend_string *name;
    zval *param = NULL;
    zend_string *guid = NULL;
    zend_string *type = NULL;
    zend_long left = -1;
    bool is_endless = true;
    zend_string *trace = NULL;
    zend_string *caller = NULL;
    zend_string *word = NULL;
    dora_priority priority = DORA_PRIORITY_NORMAL;
    zval null;

    ZEND_PARSE_PARAMETERS_START(1, 8)
    Z_PARAM_STR(name)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(param)
    Z_PARAM_STR(guid)
    Z_PARAM_STR(type)
    Z_PARAM_LONG_OR_NULL(left, is_endless)
    Z_PARAM_STR(trace)
    Z_PARAM_STR_OR_NULL(caller)
    Z_PARAM_STR(word)
    ZEND_PARSE_PARAMETERS_END();
    ZVAL_NULL(&null);
    if (!is_endless && left < 0) {
        zend_argument_value_error(5, "must be null or a number from 0 on");
        RETURN_THROWS();
    }
    if (word != NULL && !dora_priority_find(php_dora_slice(word), &priority)) {
        zend_argument_value_error(8, "must be \"low\", \"normal\" or \"high\"");
        RETURN_THROWS();
    }
    const dora_alone_call asked = {.size = sizeof asked,
                                   .name = php_dora_slice(name),
                                   .param = {"N;", 2},
                                   .guid = php_dora_slice(guid),
                                   .trace = php_dora_slice(trace),
                                   .type = type != NULL ? ZSTR_VAL(type) : NULL,
                                   .connection = 1,
                                   .remaining_ms = is_endless ? -1 : left,
                                   .caller = php_dora_slice(caller),
                                   .priority = priority};
    dora_alone *call = make(&asked);
    if (call != NULL) {
        php_dora_request_fill(Z_OBJ_P(ZEND_THIS), dora_alone_request(call),
                              param != NULL ? param : &null);
        dora_alone_free(call);
    }
}
