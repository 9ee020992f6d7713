/* fault.c: what went wrong in a handler, as one record of the server's log: with class, place and
 * stack, which would else be so many printed lines. */
#include "fault.h"

#include <dora/runtime.h>

#include "zend_exceptions.h"

#include "exception.h"
#include "output.h"

static void (*usual_error)(int type, zend_string *file, const uint32_t line, zend_string *message);

/* The fatal errors after which no PHP code runs, by PHP's own names. */
static const char *fatal_name(int type)
{
    switch (type) {
    case E_ERROR:
        return "E_ERROR";
    case E_PARSE:
        return "E_PARSE";
    case E_CORE_ERROR:
        return "E_CORE_ERROR";
    case E_COMPILE_ERROR:
        return "E_COMPILE_ERROR";
    case E_USER_ERROR:
        return "E_USER_ERROR";
    case E_RECOVERABLE_ERROR:
        return "E_RECOVERABLE_ERROR";
    default:
        return NULL;
    }
}

/* What PHP calls those after which it goes on. */
static const char *mild_name(int type)
{
    switch (type) {
    case E_WARNING:
    case E_CORE_WARNING:
    case E_COMPILE_WARNING:
    case E_USER_WARNING:
        return "Warning";
    case E_NOTICE:
    case E_USER_NOTICE:
        return "Notice";
    case E_DEPRECATED:
    case E_USER_DEPRECATED:
        return "Deprecated";
    default:
        return NULL;
    }
}

/* Makes a warning that would be shown a record, with its place. One that becomes an exception, or
 * that `@` or a setting keeps quiet, is none. */
static bool record_mild(int type, const zend_string *file, uint32_t line,
                        const zend_string *message)
{
    const char *name = mild_name(type);
    smart_str text = {0};

    if (name == NULL || EG(error_handling) != EH_NORMAL || PG(display_errors) == 0 ||
        PG(ignore_repeated_errors) || (EG(error_reporting) & type) == 0) {
        return false;
    }
    smart_str_appends(&text, name);
    smart_str_appends(&text, ": ");
    smart_str_append(&text, message);
    smart_str_0(&text);
    const bool is_told = php_dora_output_record(file != NULL ? ZSTR_VAL(file) : NULL, line,
                                                ZSTR_VAL(text.s), ZSTR_LEN(text.s));
    smart_str_free(&text);
    return is_told;
}

/* A handler's fatal error is not shown: its record says it. PHP comes back by zend_bailout(). Its
 * warnings are records, too; PHP itself would print them behind the back of output.c. */
static void on_error(int type, zend_string *file, const uint32_t line, zend_string *message)
{
    const bool is_ours = DORA_G(is_handling) && !dora_is_forked();
    const uint8_t shown = PG(display_errors);

    if (is_ours && fatal_name(type) != NULL) {
        PG(display_errors) = 0;
    } else if (is_ours && record_mild(type, file, line, message)) {
        PG(display_errors) = 0;
        usual_error(type, file, line, message);
        PG(display_errors) = shown;
        return;
    }
    usual_error(type, file, line, message);
}

void php_dora_fault_init(void)
{
    usual_error = zend_error_cb;
    zend_error_cb = on_error;
}

/* The name of an anonymous class goes on behind a NUL. */
static dora_slice class_of(const zend_object *exception)
{
    return (dora_slice){ZSTR_VAL(exception->ce->name), strlen(ZSTR_VAL(exception->ce->name))};
}

/* What Exception and Error have in common is no property of Throwable's. */
static zval *property(zend_object *exception, zend_known_string_id name, zval *hold)
{
    zend_class_entry *base =
        instanceof_function(exception->ce, zend_ce_exception) ? zend_ce_exception : zend_ce_error;
    return zend_read_property_ex(base, exception, ZSTR_KNOWN(name), true, hold);
}

zend_string *php_dora_fault_message(zend_object *exception)
{
    zval hold;
    const dora_slice class = class_of(exception);
    zend_string *text = zval_get_string(property(exception, ZEND_STR_MESSAGE, &hold));
    smart_str all = {0};

    smart_str_appendl(&all, class.data, class.len);
    if (ZSTR_LEN(text) > 0) {
        smart_str_appends(&all, ": ");
        smart_str_append(&all, text);
    }
    smart_str_0(&all);
    zend_string_release(text);
    return all.s;
}

void php_dora_fault_exception(const dora_request *request, dora_reply *reply,
                              zend_object *exception)
{
    zval hold;
    zend_string *msg = php_dora_fault_message(exception);
    zend_string *file = zval_get_string(property(exception, ZEND_STR_FILE, &hold));
    zend_long line = zval_get_long(property(exception, ZEND_STR_LINE, &hold));
    zend_string *text = php_dora_exception_text(exception);
    const dora_fault fault = {.size = sizeof fault,
                              .class_name = class_of(exception),
                              .msg = php_dora_slice(msg),
                              .traceback = php_dora_slice(text),
                              .file = php_dora_slice(file),
                              .line = line > 0 && line <= UINT32_MAX ? (uint32_t)line : 0};

    php_dora_output_flush();
    (void)dora_log_fault(request, reply, &fault);
    zend_string_release(text);
    zend_string_release(file);
    zend_string_release(msg);
}

void php_dora_fault_fatal(const dora_request *request, dora_reply *reply)
{
    const char *name = fatal_name(PG(last_error_type));
    const bool is_known = PG(last_error_message) != NULL && name != NULL;
    dora_fault fault = {.size = sizeof fault, .line = 0};

    if (is_known) {
        fault.class_name = (dora_slice){name, strlen(name)};
        fault.msg = php_dora_slice(PG(last_error_message));
        fault.line = (uint32_t)MAX(PG(last_error_lineno), 0);
    }
    if (is_known && PG(last_error_file) != NULL) {
        fault.file = php_dora_slice(PG(last_error_file));
    }
    php_dora_output_flush();
    (void)dora_log_fault(request, reply, &fault);
}

void php_dora_fault_plain(const dora_request *request, dora_reply *reply)
{
    php_dora_output_flush();
    (void)dora_log_fault(request, reply, NULL);
}
