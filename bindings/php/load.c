/* load.c: runs an application's file in a zygote and finds the Dora\App in it. */
#include "load.h"

#include <unistd.h>

#include "SAPI.h"
#include "php_main.h"
#include "zend_exceptions.h"

#include "app.h"
#include "exception.h"
#include "summary.h"

static dora_err load_error(dora_error *error, const char *file, const char *what)
{
    return dora_error_set(error, DORA_ELOAD, "%s: %s", file, what);
}

/* Lets the application find its own name where scripts look for it. */
static void name_script(zend_string *file)
{
    static const char *const names[] = {"SCRIPT_FILENAME", "SCRIPT_NAME", "PHP_SELF",
                                        "PATH_TRANSLATED"};

    zend_is_auto_global(ZSTR_KNOWN(ZEND_STR_AUTOGLOBAL_SERVER));
    zval *server = zend_hash_find(&EG(symbol_table), ZSTR_KNOWN(ZEND_STR_AUTOGLOBAL_SERVER));
    if (server == NULL || Z_TYPE_P(server) != IS_ARRAY) {
        return;
    }
    SEPARATE_ARRAY(server);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        add_assoc_str(server, names[i], zend_string_copy(file));
    }
}

static zend_op_array *compile(zend_string *file)
{
    zend_file_handle handle;
    bool skip_shebang = CG(skip_shebang);

    zend_stream_init_filename_ex(&handle, file);
    handle.primary_script = true;
    CG(skip_shebang) = true;
    zend_op_array *code = zend_compile_file(&handle, ZEND_REQUIRE);
    CG(skip_shebang) = skip_shebang;
    if (code != NULL && handle.opened_path != NULL) {
        zend_hash_add_empty_element(&EG(included_files), handle.opened_path);
    }
    zend_destroy_file_handle(&handle);
    return code;
}

/* The file that could not be compiled, or has raised, is one of the application's, too. */
static void failed_in(zend_string *file)
{
    if (file != NULL && ZSTR_LEN(file) > 0) {
        zend_hash_add_empty_element(&EG(included_files), file);
    }
}

static void failed_by(zend_object *exception)
{
    zval hold;
    zend_class_entry *base =
        instanceof_function(exception->ce, zend_ce_exception) ? zend_ce_exception : zend_ce_error;
    const zval *file =
        zend_read_property_ex(base, exception, ZSTR_KNOWN(ZEND_STR_FILE), true, &hold);

    if (Z_TYPE_P(file) == IS_STRING) {
        failed_in(Z_STR_P(file));
    }
}

dora_err php_dora_load_raised(const char *what, dora_error *error)
{
    zend_object *exception = EG(exception);
    bool is_exit = php_dora_is_exit(exception);

    if (is_exit && php_dora_has_fatal()) {
        zend_clear_exception();
        return php_dora_load_failed(error);
    }
    if (is_exit) {
        zend_clear_exception();
        return load_error(error, what, "exit() was called before the first task");
    }
    GC_ADDREF(exception);
    zend_clear_exception();
    zend_string *text = php_dora_exception_text(exception);
    failed_by(exception);
    dora_error_set(error, DORA_ELOAD, "%s", ZSTR_VAL(text));
    zend_string_release(text);
    OBJ_RELEASE(exception);
    return DORA_ELOAD;
}

static dora_err run_file(zend_string *file, zval *result, dora_error *error)
{
    zend_op_array *code = compile(file);

    if (code != NULL) {
        zend_execute(code, result);
        zend_destroy_static_vars(code);
        destroy_op_array(code);
        efree_size(code, sizeof(zend_op_array));
    }
    if (EG(exception) != NULL && php_dora_is_exit(EG(exception)) && DORA_G(app) != NULL) {
        zend_clear_exception(); /* it ended by run() */
        return DORA_OK;
    }
    if (EG(exception) != NULL) {
        return php_dora_load_raised(ZSTR_VAL(file), error);
    }
    return code != NULL ? DORA_OK : load_error(error, ZSTR_VAL(file), "it cannot be compiled");
}

dora_err php_dora_load(const char *file, dora_error *error)
{
    char path[MAXPATHLEN];
    zval result;

    if (VCWD_REALPATH(file, path) == NULL || access(path, R_OK) != 0) {
        return load_error(error, file, strerror(errno));
    }
    zend_string *name = zend_string_init(path, strlen(path), false);
    name_script(name);
    ZVAL_UNDEF(&result);
    DORA_G(role) = PHP_DORA_LOADING;
    dora_err err = run_file(name, &result, error);
    DORA_G(role) = PHP_DORA_SERVING;
    if (err == DORA_OK && Z_TYPE(result) == IS_OBJECT && Z_OBJCE(result) == php_dora_app_ce) {
        php_dora_app_choose(php_dora_app_of(Z_OBJ(result)));
    }
    if (err == DORA_OK && DORA_G(app) == NULL) {
        err = load_error(error, path,
                         "it must return a Dora\\App, or call run() of one, or start() of a "
                         "DoraRPC\\BackEndServer");
    }
    zval_ptr_dtor(&result);
    zend_string_release(name);
    return err;
}

dora_err php_dora_load_failed(dora_error *error)
{
    zend_string *text = php_dora_fatal_text();

    failed_in(PG(last_error_file));
    DORA_G(role) = PHP_DORA_SERVING;
    dora_error_set(error, DORA_ELOAD, "%s", ZSTR_VAL(text));
    zend_string_release(text);
    return DORA_ELOAD;
}

dora_err php_dora_load_prepare(dora_error *error)
{
    zend_string *name;
    php_dora_handler *handler;

    ZEND_HASH_FOREACH_STR_KEY_PTR(&DORA_G(app)->handlers, name, handler)
    {
        zend_string *fault = php_dora_handler_prepare(handler);
        if (fault != NULL) {
            dora_error_set(error, DORA_ELOAD, "api \"%s\": %s", ZSTR_VAL(name), ZSTR_VAL(fault));
            zend_string_release(fault);
            return DORA_ELOAD;
        }
        if (EG(exception) != NULL) {
            return php_dora_load_raised(ZSTR_VAL(name), error);
        }
    }
    ZEND_HASH_FOREACH_END();
    return DORA_OK;
}

/* What is said of a handler. */
static dora_about about_of(const php_dora_handler *handler)
{
    const php_dora_typed *typed = handler->typed;

    return (dora_about){.size = sizeof(dora_about),
                        .summary = handler->summary != NULL ? php_dora_slice(handler->summary)
                                                            : php_dora_summary(handler),
                        .param = php_dora_slice(typed != NULL ? typed->param_schema : NULL),
                        .result = php_dora_slice(typed != NULL ? typed->result_schema : NULL),
                        .is_stream = php_dora_handler_yields(handler)};
}

dora_err php_dora_load_register(dora_app *app, dora_error *error)
{
    zend_string *name;
    php_dora_handler *handler;

    ZEND_HASH_FOREACH_STR_KEY_PTR(&DORA_G(app)->handlers, name, handler)
    {
        dora_slice slice = php_dora_slice(name);
        dora_err err = dora_app_handler(app, slice, handler);
        if (err != DORA_OK) {
            return dora_error_set(error, DORA_ELOAD, "api \"%s\": %s", ZSTR_VAL(name),
                                  dora_err_text(err));
        }
        const dora_about about = about_of(handler);
        err = dora_app_describe(app, ZSTR_VAL(name), &about);
        if (err != DORA_OK) {
            return dora_error_set(error, err, "api \"%s\": %s", ZSTR_VAL(name), dora_err_text(err));
        }
        if (handler->has_limit) {
            /* api() has looked at both. */
            (void)dora_app_time_limit(app, ZSTR_VAL(name), handler->limit_ms);
        }
    }
    ZEND_HASH_FOREACH_END();
    return DORA_OK;
}
