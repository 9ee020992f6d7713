/* exception.c: Dora\Exception and its family: which class, code and message a failure gets. */
#include "exception.h"

#include "ext/json/php_json.h"
#include "zend_exceptions.h"

#include "options.h"

zend_class_entry *php_dora_exception_ce;
zend_class_entry *php_dora_timeout_ce;
zend_class_entry *php_dora_connection_ce;
zend_class_entry *php_dora_handler_ce;
zend_class_entry *php_dora_not_run_ce;

int64_t php_dora_error_code(const dora_error *error)
{
    if (error->code != 0) {
        return error->code;
    }
    switch (error->err) {
    case DORA_ETIMEDOUT:
    case DORA_ECLOSED:
    case DORA_EIO:
        return DORA_CODE_RECEIVE;
    case DORA_ECONNECT:
        return DORA_CODE_CONNECT;
    case DORA_ETOOBIG:
        return DORA_CODE_TOO_BIG;
    case DORA_EINVAL:
        return DORA_CODE_BAD_API;
    case DORA_EFULL: /* too much that was submitted is not collected */
        return DORA_CODE_OVERLOADED;
    default:
        return DORA_CODE_BAD_BODY;
    }
}

static zend_class_entry *class_of(const dora_error *error)
{
    switch (error->err) {
    case DORA_ETIMEDOUT:
        return php_dora_timeout_ce;
    case DORA_ECONNECT:
    case DORA_ECLOSED:
    case DORA_EIO:
        return php_dora_connection_ce;
    case DORA_EFULL:
        return php_dora_not_run_ce;
    case DORA_EREPLY:
        if (error->code == DORA_CODE_RESULT_LOST) {
            return php_dora_connection_ce;
        }
        return dora_code_is_not_run(error->code) ? php_dora_not_run_ce : php_dora_exception_ce;
    default:
        return php_dora_exception_ce;
    }
}

static const char *text_of(const dora_error *error)
{
    return error->msg[0] != '\0' ? error->msg : dora_err_text(error->err);
}

void php_dora_throw_error(const dora_error *error)
{
    if (error->err == DORA_EINVAL) {
        zend_value_error("%s", text_of(error));
        return;
    }
    zend_throw_exception(class_of(error), text_of(error), (zend_long)php_dora_error_code(error));
}

void php_dora_throw_frame(dora_err err, const char *what, size_t bytes_max)
{
    dora_error error = {.err = DORA_OK};

    if (err == DORA_ETOOBIG) {
        dora_error_set(&error, err, "%s: larger than the limit of %zu bytes", what,
                       bytes_max > 0 ? bytes_max : PHP_DORA_FRAME_BYTES_DEFAULT);
    } else {
        dora_error_set(&error, err, "%s: %s", what, dora_err_text(err));
    }
    php_dora_throw_error(&error);
}

static void exception_make(zend_class_entry *class, dora_slice msg, int64_t code, zval *exception)
{
    zval property;

    object_init_ex(exception, class);
    ZVAL_STRINGL(&property, msg.len > 0 ? msg.data : "", msg.len);
    zend_update_property_ex(zend_ce_exception, Z_OBJ_P(exception), ZSTR_KNOWN(ZEND_STR_MESSAGE),
                            &property);
    zval_ptr_dtor(&property);
    ZVAL_LONG(&property, (zend_long)code);
    zend_update_property_ex(zend_ce_exception, Z_OBJ_P(exception), ZSTR_KNOWN(ZEND_STR_CODE),
                            &property);
}

void php_dora_exception_of_error(const dora_error *error, zval *exception)
{
    dora_slice msg = {text_of(error), strlen(text_of(error))};

    exception_make(class_of(error), msg, php_dora_error_code(error), exception);
}

/* A handler cannot give a code of 100200..100299 itself, so one of these that means "not run" is
 * the server's word. Any other code is the handler's, even 100010: it may have called on itself. */
void php_dora_exception_of(const dora_result *result, zval *exception)
{
    bool not_run =
        result->code >= 100200 && result->code <= 100299 && dora_code_is_not_run(result->code);

    exception_make(not_run ? php_dora_not_run_ce : php_dora_handler_ce, result->msg, result->code,
                   exception);
}

zend_string *php_dora_exception_text(zend_object *exception)
{
    zval text;

    ZVAL_UNDEF(&text);
    zend_call_known_instance_method_with_0_params(exception->ce->__tostring, exception, &text);
    if (EG(exception) != NULL && EG(exception) != exception) {
        zend_clear_exception();
    }
    if (Z_TYPE(text) == IS_STRING) {
        return Z_STR(text);
    }
    zval_ptr_dtor(&text);
    return zend_string_copy(exception->ce->name);
}

bool php_dora_is_exit(const zend_object *exception)
{
    return zend_is_unwind_exit(exception) || zend_is_graceful_exit(exception);
}

bool php_dora_has_fatal(void)
{
    int fatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR;
    return PG(last_error_message) != NULL && (PG(last_error_type) & fatal) != 0;
}

zend_string *php_dora_fatal_text(void)
{
    if (PG(last_error_message) == NULL) {
        return zend_string_init(ZEND_STRL("a fatal error without a message"), false);
    }
    return zend_strpprintf(0, "%s in %s:%d", ZSTR_VAL(PG(last_error_message)),
                           PG(last_error_file) != NULL ? ZSTR_VAL(PG(last_error_file)) : "-",
                           PG(last_error_lineno));
}

/* {"code": , "message": }: an array of callMany() can be handed on as it is. */
PHP_METHOD(Dora_Exception, jsonSerialize)
{
    zval hold;

    ZEND_PARSE_PARAMETERS_NONE();
    zend_object *self = Z_OBJ_P(ZEND_THIS);
    zval *code =
        zend_read_property_ex(zend_ce_exception, self, ZSTR_KNOWN(ZEND_STR_CODE), true, &hold);
    array_init_size(return_value, 2);
    Z_TRY_ADDREF_P(code);
    add_assoc_zval(return_value, "code", code);
    zval *text =
        zend_read_property_ex(zend_ce_exception, self, ZSTR_KNOWN(ZEND_STR_MESSAGE), true, &hold);
    Z_TRY_ADDREF_P(text);
    add_assoc_zval(return_value, "message", text);
}
