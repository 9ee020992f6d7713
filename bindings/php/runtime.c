/* runtime.c: PHP as a runtime: loads the application, serves tasks, leaves when told or dying. */
#include "runtime.h"

#include "SAPI.h"
#include "php_output.h"
#include "zend_exceptions.h"
#ifdef ZEND_MAX_EXECUTION_TIMERS
#include "zend_max_execution_timer.h"
#endif

#include "app.h"
#include "exception.h"
#include "fork.h"
#include "interrupt.h"
#include "invoke.h"
#include "load.h"
#include "output.h"
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
        if (err == DORA_OK) {
            err = php_dora_load_prepare(error);
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
            php_dora_app_hooks(&DORA_G(app)->starts, worker);
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
        php_dora_app_hooks(&DORA_G(app)->stops, 0);
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
        php_dora_interrupt_begin(request);
        err = php_dora_invoke(DORA_G(app), handler, request, reply, NULL);
        DORA_G(is_handling) = false;
    }
    zend_catch
    {
        DORA_G(is_handling) = false;
        DORA_G(has_bailed_out) = true;
        self->has_bailed_out = true;
        EG(current_execute_data) = frame;
        err = php_dora_reply_fatal(request, reply);
    }
    zend_end_try();
    php_dora_interrupt_end();
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

static uint64_t host_bytes_in_use(void *user)
{
    (void)user;
    return zend_memory_usage(false);
}

void php_dora_zygote_serve(void)
{
    host self = {.has_bailed_out = false};
    dora_runtime runtime = {.size = sizeof runtime,
                            .name = "php",
                            .version = PHP_VERSION,
                            .host = &self,
                            .load = host_load,
                            .files = host_files,
                            .fork_before = host_fork_before,
                            .fork_child = host_fork_child,
                            .worker_start = host_worker_start,
                            .worker_stop = host_worker_stop,
                            .invoke = host_invoke,
                            .between = host_between,
                            .interrupt = php_dora_interrupt,
                            .bytes_in_use = host_bytes_in_use};

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
