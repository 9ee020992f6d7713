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
zend_class_entry *php_dora_misfit_ce;
zend_class_entry *php_dora_http_status_ce;

int64_t php_dora_error_code(const dora_error *error)
{
    int64_t code = 0;
    (void)dora_error_kind(error, &code);
    return code;
}

static zend_class_entry *class_of(dora_kind kind)
{
    switch (kind) {
    case DORA_KIND_TIMEOUT:
        return php_dora_timeout_ce;
    case DORA_KIND_CONNECTION:
        return php_dora_connection_ce;
    case DORA_KIND_HANDLER:
        return php_dora_handler_ce;
    case DORA_KIND_NOT_RUN:
        return php_dora_not_run_ce;
    case DORA_KIND_ERROR:
        break;
    }
    return php_dora_exception_ce;
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
    zend_throw_exception(class_of(dora_error_kind(error, NULL)), text_of(error),
                         (zend_long)php_dora_error_code(error));
}

/* Says when the server is likely to have room; 0: it has not said. */
static void say_retry_after(zend_object *exception, uint32_t retry_after_ms)
{
    zval property;

    if (retry_after_ms > 0) {
        ZVAL_LONG(&property, (zend_long)retry_after_ms);
        zend_update_property(php_dora_exception_ce, exception, ZEND_STRL("retryAfterMs"),
                             &property);
    }
}

void php_dora_throw_answer(const dora_error *error, const dora_answer *answer)
{
    php_dora_throw_error(error);
    if (error->err == DORA_EREPLY && error->code == DORA_CODE_OVERLOADED && EG(exception) != NULL) {
        say_retry_after(EG(exception), dora_retry_after_ms(dora_answer_reply(answer)));
    }
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

    exception_make(class_of(dora_error_kind(error, NULL)), msg, php_dora_error_code(error),
                   exception);
}

void php_dora_exception_of(const dora_result *result, zval *exception)
{
    exception_make(class_of(dora_code_kind(result->code)), result->msg, result->code, exception);
    if (result->code == DORA_CODE_OVERLOADED) {
        say_retry_after(Z_OBJ_P(exception), dora_retry_after_ms(result->data));
    }
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
