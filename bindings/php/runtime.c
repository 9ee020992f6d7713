/* runtime.c: PHP as a runtime: loads the application, serves tasks, leaves when told or dying. */
#include "runtime.h"

#include "SAPI.h"
#include "php_output.h"
#include "zend_exceptions.h"
#include "zend_interfaces.h"
#ifdef ZEND_MAX_EXECUTION_TIMERS
#include "zend_max_execution_timer.h"
#endif

#include "app.h"
#include "convert.h"
#include "exception.h"
#include "fault.h"
#include "fork.h"
#include "load.h"
#include "output.h"
#include "request.h"
#include "reset.h"
#include "rpc_server.h"
#include "watch.h"

/* host is what the callbacks share: one zygote, or after the fork one worker. */
typedef struct host {
    php_dora_snapshot snapshot;
    php_dora_loaded loaded;
    uint32_t told_files; /* of those that are included */
    bool has_bailed_out; /* a fatal error: PHP code must not run any more */
} host;

/* Errors go to stderr, which the server logs, once, as text, whatever php.ini says. */
static void errors_to_stderr(void)
{
    php_dora_ini_set("display_errors", "stderr");
    php_dora_ini_set("html_errors", "0");
    if (PG(log_errors) && (PG(error_log) == NULL || PG(error_log)[0] == '\0')) {
        php_dora_ini_set("log_errors", "0");
    }
}

static dora_err host_load(void *user, dora_app *app, const char *target, dora_error *error)
{
    host *self = user;
    volatile dora_err err = DORA_OK;
    zend_execute_data *frame = EG(current_execute_data);

    zend_try
    {
        if (DORA_G(app) == NULL) {
            err = php_dora_load(target, error);
        }
        php_output_end_all(); /* what is still buffered would be written by each worker */
        php_dora_output_flush();
        zend_unset_timeout(); /* a limit is for loading, and then for each task */
    }
    zend_catch
    {
        self->has_bailed_out = true;
        EG(current_execute_data) = frame;
        err = php_dora_load_failed(error);
    }
    zend_end_try();
    if (err != DORA_OK) {
        return err;
    }
    if (DORA_G(app)->rpc_server != NULL && !DORA_G(is_worker)) {
        php_dora_rpc_server_loaded(DORA_G(app)->rpc_server);
    }
    return php_dora_load_register(app, error);
}

static void host_files(void *user, void (*tell)(void *user, const char *path), void *teller)
{
    host *self = user;
    const HashTable *files = &EG(included_files); /* it only grows */

    for (; self->told_files < files->nNumUsed; self->told_files++) {
        const Bucket *at = &files->arData[self->told_files];
        if (at->key != NULL) {
            tell(teller, ZSTR_VAL(at->key));
        }
    }
}

static void host_fork_before(void *user)
{
    php_dora_fork_prepare(&((host *)user)->loaded);
}

/* Timers are not the child's. */
static void host_fork_child(void *user)
{
    DORA_G(is_worker) = true;
#ifdef ZEND_MAX_EXECUTION_TIMERS
    zend_max_execution_timer_init();
#endif
    php_dora_fork_begin(&((host *)user)->loaded);
    DORA_G(worker_frame) = EG(current_execute_data);
    php_dora_request_time_begin();
}

/* Runs hooks in turn until one raises an exception. */
static void hooks_run(HashTable *hooks, uint32_t worker)
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

static dora_err host_worker_start(void *user, uint32_t worker, dora_error *error)
{
    host *self = user;
    volatile dora_err err = DORA_OK;
    zend_execute_data *frame = EG(current_execute_data);

    zend_try
    {
        const char *hook = "workerStart";
        if (DORA_G(app)->rpc_server != NULL) {
            hook = "initTask";
            php_dora_rpc_server_init_task(DORA_G(app)->rpc_server, worker);
        } else {
            hooks_run(&DORA_G(app)->starts, worker);
        }
        if (EG(exception) != NULL) {
            err = php_dora_load_raised(hook, error);
        } else {
            php_dora_snapshot_take(&self->snapshot);
        }
        php_dora_output_flush();
    }
    zend_catch
    {
        self->has_bailed_out = true;
        EG(current_execute_data) = frame;
        err = php_dora_load_failed(error);
    }
    zend_end_try();
    return err;
}

static void host_worker_stop(void *user)
{
    host *self = user;
    zend_execute_data *frame = EG(current_execute_data);

    if (self->has_bailed_out) {
        return;
    }
    php_dora_output_apart(true);
    zend_try
    {
        hooks_run(&DORA_G(app)->stops, 0);
        if (EG(exception) != NULL) {
            zend_exception_error(EG(exception), E_WARNING);
        }
    }
    zend_catch
    {
        self->has_bailed_out = true;
        EG(current_execute_data) = frame;
    }
    zend_end_try();
    php_dora_output_apart(false);
}

static dora_err reply_fatal(const dora_request *request, dora_reply *reply)
{
    zend_string *text = php_dora_fatal_text();
    dora_err err = dora_reply_died(reply, ZSTR_VAL(text), ZSTR_LEN(text));
    zend_string_release(text);
    php_dora_fault_fatal(request, reply);
    return err;
}

/* Ends a process that the handler has forked, as PHP ends a script by what nobody catches. */
static dora_err child_raised(void)
{
    if (php_dora_is_exit(EG(exception))) {
        zend_clear_exception(); /* exit() has left the status */
        return DORA_EEXIT;
    }
    if (Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) {
        zend_user_exception_handler();
    }
    if (EG(exception) != NULL) {
        zend_exception_error(EG(exception), E_ERROR);
    }
    EG(exit_status) = 255;
    return DORA_EEXIT;
}

/* What a handler means to tell its caller, and what the original's servers tell. */
static bool is_told_as_it_is(const zend_object *exception)
{
    return instanceof_function(exception->ce, php_dora_handler_ce) ||
           DORA_G(app)->rpc_server != NULL;
}

/* An exception that has one gives its reply the status that it has over HTTP. What is not 400 to
 * 499 the core ignores, and says so; what the method throws is dropped. */
static void give_http_status(const dora_request *request, dora_reply *reply, zend_object *exception)
{
    zval status;

    if (!instanceof_function(exception->ce, php_dora_http_status_ce)) {
        return;
    }
    ZVAL_UNDEF(&status);
    zend_call_method_with_0_params(exception, exception->ce, NULL, "httpstatus", &status);
    (void)dora_reply_http_status(reply, request, Z_TYPE(status) == IS_LONG ? Z_LVAL(status) : 0);
    zval_ptr_dtor(&status);
    if (EG(exception) != NULL) {
        zend_clear_exception();
    }
}

/* Answers with the handler's exception and drops it. */
static dora_err reply_exception(const dora_request *request, dora_reply *reply)
{
    zend_object *exception = EG(exception);
    dora_err err = DORA_OK;
    zval hold;

    if (dora_is_forked()) {
        return child_raised();
    }
    if (php_dora_is_exit(exception)) {
        zend_clear_exception();
        if (php_dora_has_fatal()) {
            return reply_fatal(request, reply);
        }
        err = dora_reply_died(reply, ZEND_STRL("exit() called in handler"));
        php_dora_fault_plain(request, reply);
        return err;
    }
    GC_ADDREF(exception);
    zend_clear_exception();
    zend_class_entry *base =
        instanceof_function(exception->ce, zend_ce_exception) ? zend_ce_exception : zend_ce_error;
    zval *code = zend_read_property_ex(base, exception, ZSTR_KNOWN(ZEND_STR_CODE), true, &hold);
    zval *text = zend_read_property_ex(base, exception, ZSTR_KNOWN(ZEND_STR_MESSAGE), true, &hold);
    zend_string *msg = zval_get_string(text);
    if (ZSTR_LEN(msg) == 0 || !is_told_as_it_is(exception)) {
        zend_string_release(msg);
        msg = php_dora_fault_message(exception);
    }
    if (Z_TYPE_P(code) == IS_LONG) {
        err = dora_reply_fail(reply, Z_LVAL_P(code), ZSTR_VAL(msg), ZSTR_LEN(msg));
    } else {
        zend_string *number = zval_get_string(code);
        zend_string *both = zend_strpprintf(0, "%s (code %s)", ZSTR_VAL(msg), ZSTR_VAL(number));
        err = dora_reply_fail(reply, DORA_CODE_HANDLER, ZSTR_VAL(both), ZSTR_LEN(both));
        zend_string_release(both);
        zend_string_release(number);
    }
    zend_string_release(msg);
    give_http_status(request, reply, exception);
    if (!instanceof_function(exception->ce, php_dora_handler_ce)) {
        php_dora_fault_exception(request, reply, exception);
    }
    OBJ_RELEASE(exception);
    return err;
}

static dora_err reply_value(const dora_request *request, dora_reply *reply, zval *value)
{
    zend_string *problem;

    const zval *encode = Z_ISUNDEF(DORA_G(app)->encode) ? NULL : &DORA_G(app)->encode;
    if (php_dora_write(dora_reply_writer(reply), value, encode, &problem) == DORA_OK) {
        return DORA_OK;
    }
    if (EG(exception) != NULL) { /* an object's own code has raised it */
        zend_string_release(problem);
        return reply_exception(request, reply);
    }
    bool is_too_big = dora_writer_error(dora_reply_writer(reply)) == DORA_ETOOBIG;
    dora_err err = DORA_OK; /* too big: the core says so, with its limits */
    if (!is_too_big) {
        err = dora_reply_fail(reply, DORA_CODE_HANDLER, ZSTR_VAL(problem), ZSTR_LEN(problem));
        php_dora_fault_plain(request, reply);
    }
    zend_string_release(problem);
    return err;
}

static dora_err handle(php_dora_handler *handler, const dora_request *request, dora_reply *reply)
{
    dora_reader reader;
    zval args[2];
    zval result;

    dora_request_reader(request, &reader);
    dora_err read = php_dora_read(&reader, &args[0]); /* null where there is none */
    if (read != DORA_OK) {
        char problem[96];
        char text[192];
        dora_reader_problem(&reader, read, problem, sizeof(problem));
        int len = snprintf(text, sizeof(text), "param cannot be decoded: %s at byte %zu", problem,
                           dora_reader_offset(&reader));
        const dora_err err = dora_reply_fail(reply, DORA_CODE_HANDLER, text, (size_t)len);
        php_dora_fault_plain(request, reply);
        return err;
    }
    ZVAL_UNDEF(&args[1]);
    if (DORA_G(app)->rpc_server != NULL) {
        php_dora_request_describe(&args[0], request);
    } else if (handler->arg_count > 1) {
        php_dora_request_make(&args[1], request, &args[0]);
    }
    if (handler->has_default && Z_TYPE(args[0]) == IS_NULL &&
        (!handler->takes_null || !dora_request_has_param(request))) {
        ZVAL_UNDEF(&args[0]);
    }
    php_dora_handler_call(handler, args, &result);
    zval_ptr_dtor(&args[0]);
    zval_ptr_dtor(&args[1]);
    dora_err err = EG(exception) != NULL ? reply_exception(request, reply)
                                         : reply_value(request, reply, &result);
    zval_ptr_dtor(&result);
    return err;
}

static dora_err host_invoke(void *user, void *handler, const dora_request *request,
                            dora_reply *reply)
{
    host *self = user;
    volatile dora_err err = DORA_OK;
    zend_execute_data *frame = EG(current_execute_data);

    zend_try
    {
        php_dora_task_begin(&self->snapshot);
        php_dora_output_task(request);
        DORA_G(is_handling) = true;
        err = handle(handler, request, reply);
        DORA_G(is_handling) = false;
    }
    zend_catch
    {
        DORA_G(is_handling) = false;
        self->has_bailed_out = true;
        EG(current_execute_data) = frame;
        err = reply_fatal(request, reply);
    }
    zend_end_try();
    if (err == DORA_EEXIT) {
        php_dora_output_flush();
    }
    return err;
}

static dora_err host_between(void *user)
{
    host *self = user;
    volatile dora_err err = DORA_OK;
    zend_execute_data *frame = EG(current_execute_data);

    zend_try
    {
        err = php_dora_snapshot_restore(&self->snapshot);
    }
    zend_catch
    {
        self->has_bailed_out = true;
        EG(current_execute_data) = frame;
        err = DORA_EEXIT;
    }
    zend_end_try();
    php_dora_output_flush();
    return err;
}

void php_dora_zygote_serve(void)
{
    host self = {.has_bailed_out = false};
    dora_runtime runtime = {.name = "php",
                            .version = PHP_VERSION,
                            .host = &self,
                            .load = host_load,
                            .files = host_files,
                            .fork_before = host_fork_before,
                            .fork_child = host_fork_child,
                            .worker_start = host_worker_start,
                            .worker_stop = host_worker_stop,
                            .invoke = host_invoke,
                            .between = host_between};

    errors_to_stderr();
    php_dora_output_flush();
    DORA_G(role) = PHP_DORA_SERVING;
    int status = dora_zygote_run(&runtime);
    if (!dora_is_forked()) {
        EG(exit_status) = status;
    }
    php_dora_snapshot_end(&self.snapshot);
    php_dora_output_apart(true);
    php_dora_fork_end(&self.loaded);
    if (self.has_bailed_out) {
        zend_bailout();
    }
    php_dora_snapshot_free(&self.snapshot);
    php_dora_watch_end();
    zend_throw_unwind_exit();
}

PHP_FUNCTION(Dora_zygote)
{
    ZEND_PARSE_PARAMETERS_NONE();
    if (!dora_is_zygote() || DORA_G(role) != PHP_DORA_PLAIN) {
        zend_throw_exception(php_dora_exception_ce,
                             "Dora\\zygote() is for processes that a server starts", 0);
        RETURN_THROWS();
    }
    php_dora_zygote_serve();
}
