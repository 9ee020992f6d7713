/* exception.c: Dora\Exception and its family: which class, code and message a failure gets. */
#include "exception.h"

#include "zend_exceptions.h"

zend_class_entry *php_dora_exception_ce;
zend_class_entry *php_dora_timeout_ce;
zend_class_entry *php_dora_connection_ce;
zend_class_entry *php_dora_handler_ce;
zend_class_entry *php_dora_not_run_ce;

/* Which class, and which code where the library gave none. */
static zend_class_entry *class_of(const dora_error *error, int64_t *code)
{
    *code = error->code;
    switch (error->err) {
    case DORA_ETIMEDOUT:
        *code = *code != 0 ? *code : DORA_CODE_RECEIVE;
        return php_dora_timeout_ce;
    case DORA_ECONNECT:
        *code = *code != 0 ? *code : DORA_CODE_CONNECT;
        return php_dora_connection_ce;
    case DORA_ECLOSED:
    case DORA_EIO:
        *code = *code != 0 ? *code : DORA_CODE_RECEIVE;
        return php_dora_connection_ce;
    case DORA_ETOOBIG:
        *code = *code != 0 ? *code : DORA_CODE_TOO_BIG;
        return php_dora_exception_ce;
    case DORA_EREPLY:
        return dora_code_is_not_run(*code) ? php_dora_not_run_ce : php_dora_exception_ce;
    default:
        *code = *code != 0 ? *code : DORA_CODE_BAD_BODY;
        return php_dora_exception_ce;
    }
}

void php_dora_throw_error(const dora_error *error)
{
    const char *msg = error->msg[0] != '\0' ? error->msg : dora_err_text(error->err);
    if (error->err == DORA_EINVAL) {
        zend_value_error("%s", msg);
        return;
    }
    int64_t code = 0;
    zend_class_entry *class = class_of(error, &code);
    zend_throw_exception(class, msg, (zend_long)code);
}

/* A handler cannot give a code of 100200..100299 itself, so one of these that means "not run" is
 * the server's word. Any other code is the handler's, even 100010: it may have called on itself. */
void php_dora_exception_of(const dora_result *result, zval *exception)
{
    bool not_run =
        result->code >= 100200 && result->code <= 100299 && dora_code_is_not_run(result->code);
    zval property;

    object_init_ex(exception, not_run ? php_dora_not_run_ce : php_dora_handler_ce);
    ZVAL_STRINGL(&property, result->msg.len > 0 ? result->msg.data : "", result->msg.len);
    zend_update_property_ex(zend_ce_exception, Z_OBJ_P(exception), ZSTR_KNOWN(ZEND_STR_MESSAGE),
                            &property);
    zval_ptr_dtor(&property);
    ZVAL_LONG(&property, (zend_long)result->code);
    zend_update_property_ex(zend_ce_exception, Z_OBJ_P(exception), ZSTR_KNOWN(ZEND_STR_CODE),
                            &property);
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
