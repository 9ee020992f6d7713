/* reset.c: between two tasks of a worker: exceptions, output, handlers, headers, shutdown
 * functions, the last error; and in which order all the rest is put back. */
#include "reset.h"

#include "SAPI.h"
#include "ext/standard/basic_functions.h"

#include "clients.h"
#include "exception.h"
#include "php_output.h"
#include "warnings.h"
#include "watch.h"
#include "zend_exceptions.h"

/* Destructors that leave something are followed so often, since one may hold the next. */
#define RESTORE_TURNS_MAX 16

static void handlers_take(php_dora_handlers *kept, const zval *current, const zend_stack *stack)
{
    ZVAL_COPY(&kept->current, current);
    kept->count = zend_stack_count(stack);
    kept->stack = kept->count > 0 ? ecalloc((size_t)kept->count, sizeof(zval)) : NULL;
    for (int i = 0; i < kept->count; i++) {
        ZVAL_COPY(&kept->stack[i], &((zval *)stack->elements)[i]);
    }
}

static bool is_same(const zval *now, const zval *before)
{
    return Z_TYPE_P(now) == Z_TYPE_P(before) &&
           (Z_TYPE_P(now) == IS_UNDEF || Z_PTR_P(now) == Z_PTR_P(before));
}

static bool handlers_are_same(const php_dora_handlers *kept, const zval *current,
                              const zend_stack *stack)
{
    if (zend_stack_count(stack) != kept->count || !is_same(current, &kept->current)) {
        return false;
    }
    for (int i = 0; i < kept->count; i++) {
        if (!is_same(&((zval *)stack->elements)[i], &kept->stack[i])) {
            return false;
        }
    }
    return true;
}

static void handlers_restore(const php_dora_handlers *kept, zval *current, zend_stack *stack)
{
    zval old;

    while (!zend_stack_is_empty(stack)) {
        ZVAL_COPY_VALUE(&old, (zval *)zend_stack_top(stack));
        zend_stack_del_top(stack);
        zval_ptr_dtor(&old);
    }
    for (int i = 0; i < kept->count; i++) {
        Z_TRY_ADDREF(kept->stack[i]);
        zend_stack_push(stack, &kept->stack[i]);
    }
    ZVAL_COPY_VALUE(&old, current);
    ZVAL_COPY(current, &kept->current);
    zval_ptr_dtor(&old);
}

static void error_handlers_take(php_dora_handlers *kept)
{
    handlers_take(kept, &EG(user_error_handler), &EG(user_error_handlers));
    kept->level = EG(user_error_handler_error_reporting);
    kept->levels = kept->count > 0 ? ecalloc((size_t)kept->count, sizeof(int)) : NULL;
    for (int i = 0; i < kept->count; i++) {
        kept->levels[i] = ((int *)EG(user_error_handlers_error_reporting).elements)[i];
    }
}

static void error_handlers_restore(const php_dora_handlers *kept)
{
    if (handlers_are_same(kept, &EG(user_error_handler), &EG(user_error_handlers)) &&
        kept->level == EG(user_error_handler_error_reporting)) {
        return;
    }
    handlers_restore(kept, &EG(user_error_handler), &EG(user_error_handlers));
    EG(user_error_handler_error_reporting) = kept->level;
    while (!zend_stack_is_empty(&EG(user_error_handlers_error_reporting))) {
        zend_stack_del_top(&EG(user_error_handlers_error_reporting));
    }
    for (int i = 0; i < kept->count; i++) {
        zend_stack_push(&EG(user_error_handlers_error_reporting), &kept->levels[i]);
    }
}

static void exception_handlers_restore(const php_dora_handlers *kept)
{
    if (!handlers_are_same(kept, &EG(user_exception_handler), &EG(user_exception_handlers))) {
        handlers_restore(kept, &EG(user_exception_handler), &EG(user_exception_handlers));
    }
}

static void headers_restore(const php_dora_snapshot *snapshot)
{
    if (SG(sapi_headers).headers.count > 0) {
        zend_llist_clean(&SG(sapi_headers).headers);
    }
    if (SG(sapi_headers).http_status_line != NULL) {
        efree(SG(sapi_headers).http_status_line);
        SG(sapi_headers).http_status_line = NULL;
    }
    SG(sapi_headers).http_response_code = snapshot->response_code;
    if (Z_TYPE(SG(callback_func)) != IS_UNDEF) {
        zval_ptr_dtor(&SG(callback_func));
        ZVAL_UNDEF(&SG(callback_func));
    }
    SG(headers_sent) = 0;
}

static void last_error_clear(void)
{
    if (PG(last_error_message) == NULL) {
        return;
    }
    PG(last_error_type) = 0;
    PG(last_error_lineno) = 0;
    zend_string_release(PG(last_error_message));
    PG(last_error_message) = NULL;
    if (PG(last_error_file) != NULL) {
        zend_string_release(PG(last_error_file));
        PG(last_error_file) = NULL;
    }
}

/* Writes an exception that nobody will catch to the log, and drops it.
 * Returns: DORA_EEXIT when it is an exit. */
static dora_err exception_drop(void)
{
    if (EG(exception) == NULL) {
        return DORA_OK;
    }
    bool is_exit = php_dora_is_exit(EG(exception));
    if (!is_exit) {
        zend_object *exception = EG(exception);
        GC_ADDREF(exception);
        zend_clear_exception();
        zend_exception_error(exception, E_WARNING); /* releases it */
    }
    zend_clear_exception();
    return is_exit ? DORA_EEXIT : DORA_OK;
}

static void shutdown_function_call(php_shutdown_function_entry *entry)
{
    zval result;

    ZVAL_UNDEF(&result);
#if PHP_VERSION_ID >= 80500
    zend_call_known_fcc(&entry->fci_cache, &result, entry->param_count, entry->params, NULL);
#else
    entry->fci.retval = &result;
    zend_call_function(&entry->fci, &entry->fci_cache);
#endif
    zval_ptr_dtor(&result);
}

/* Runs the functions that the task registered; one of them may register more. */
static dora_err shutdown_functions_run(php_dora_snapshot *snapshot)
{
    dora_err err = DORA_OK;
    HashTable *functions = BG(user_shutdown_function_names);

    for (uint32_t i = 0; err == DORA_OK && i < functions->nNumUsed; i++) {
        zval *slot = zend_hash_index_find(functions, i);
        snapshot->shutdown_next = i + 1; /* one that dies is not called again */
        if (slot == NULL) {
            continue;
        }
        shutdown_function_call(Z_PTR_P(slot));
        err = exception_drop();
    }
    php_free_shutdown_functions();
    snapshot->shutdown_next = 0;
    return err;
}

void php_dora_snapshot_take(php_dora_snapshot *snapshot)
{
    if (php_output_get_level() > 0) {
        php_output_end_all();
    }
    php_dora_modules_take(&snapshot->modules);
    error_handlers_take(&snapshot->error_handlers);
    handlers_take(&snapshot->exception_handlers, &EG(user_exception_handler),
                  &EG(user_exception_handlers));
    php_dora_ini_take(snapshot);
    php_dora_superglobals_take(snapshot);
    php_dora_request_time_take(snapshot);
    snapshot->response_code = SG(sapi_headers).http_response_code;
    snapshot->shutdown_functions = BG(user_shutdown_function_names);
    BG(user_shutdown_function_names) = NULL;
    php_dora_process_take(&snapshot->process);
    php_dora_streams_take(&snapshot->streams);
    php_dora_standard_take(&snapshot->standard);
    php_dora_watch_serve();
    last_error_clear();
    snapshot->is_taken = true;
}

void php_dora_task_begin(php_dora_snapshot *snapshot)
{
    php_dora_time_limit_begin(snapshot);
    php_dora_request_time_set(snapshot);
    php_dora_watch_task();
}

/* What was submitted and not collected belongs to the task, as it does to a web request. */
static void submissions_forget(void)
{
    if (DORA_G(has_submitted)) {
        DORA_G(has_submitted) = false;
        php_dora_clients_forget(&DORA_G(clients));
        php_dora_clients_forget(&DORA_G(rpc_clients));
    }
    php_dora_warnings_drop();
}

static void touched_restore(php_dora_snapshot *snapshot, uint32_t touched)
{
    php_dora_streams_restore(&snapshot->streams, touched);
    php_dora_standard_restore(&snapshot->standard, touched);
    php_dora_modules_restore(&snapshot->modules, touched);
}

/* Puts back everything once; exceptions are dropped on the way, since PHP calls nothing while there
 * is one. Headers come before settings: once they are sent, those of sessions are fixed. */
static dora_err state_restore(php_dora_snapshot *snapshot, uint32_t touched)
{
    dora_err err = DORA_OK;

    headers_restore(snapshot);
    if ((touched & PHP_DORA_SESSION) != 0) {
        php_dora_session_restore(&snapshot->modules);
        err = exception_drop();
    }
    error_handlers_restore(&snapshot->error_handlers);
    exception_handlers_restore(&snapshot->exception_handlers);
    touched |= php_dora_ini_restore(snapshot);
    php_dora_superglobals_restore(snapshot);
    dora_err late = exception_drop(); /* what was freed above may have run destructors */
    php_dora_process_look(&snapshot->process);
    php_dora_streams_look(&snapshot->streams);
    php_dora_modules_look(&snapshot->modules);
    submissions_forget();
    dora_err left = DORA_OK;
    if (touched != 0) {
        left = php_dora_process_restore(&snapshot->process, touched);
        touched_restore(snapshot, touched);
    }
    php_dora_standard_look();
    dora_err last = exception_drop();
    const bool leaves = err != DORA_OK || left != DORA_OK || late != DORA_OK || last != DORA_OK;
    return leaves ? DORA_EEXIT : DORA_OK;
}

/* Destructors of what is put back may leave something again. */
static dora_err all_restore(php_dora_snapshot *snapshot)
{
    uint32_t touched = php_dora_watch_taken();

    for (int turn = 0; turn < RESTORE_TURNS_MAX; turn++) {
        dora_err err = state_restore(snapshot, touched);
        touched = php_dora_watch_taken();
        if (err != DORA_OK || touched == 0) {
            return err;
        }
    }
    fprintf(stderr,
            "destructors of what a task left change more each time it is put back: the worker "
            "leaves\n");
    return DORA_EEXIT;
}

/* The order is that in which PHP ends a request, so far as one depends on the other: shutdown
 * functions, output, the session, headers, settings, all else. */
dora_err php_dora_snapshot_restore(php_dora_snapshot *snapshot)
{
    dora_err err = exception_drop();
    dora_err output = DORA_OK;

    if (err == DORA_OK && BG(user_shutdown_function_names) != NULL) {
        err = shutdown_functions_run(snapshot);
    }
    if (php_output_get_level() > 0) {
        php_output_end_all();
        output = exception_drop();
    }
    dora_err left = all_restore(snapshot);
    last_error_clear();
    return err != DORA_OK || output != DORA_OK || left != DORA_OK ? DORA_EEXIT : DORA_OK;
}

void php_dora_snapshot_end(php_dora_snapshot *snapshot)
{
    if (!snapshot->is_taken) {
        return;
    }
    if (BG(user_shutdown_function_names) != NULL) {
        for (uint32_t i = 0; i < snapshot->shutdown_next; i++) {
            zend_hash_index_del(BG(user_shutdown_function_names), i);
        }
        php_call_shutdown_functions();
        php_free_shutdown_functions();
    }
    BG(user_shutdown_function_names) = snapshot->shutdown_functions;
    snapshot->shutdown_functions = NULL;
}

static void handlers_free(php_dora_handlers *kept)
{
    zval_ptr_dtor(&kept->current);
    for (int i = 0; i < kept->count; i++) {
        zval_ptr_dtor(&kept->stack[i]);
    }
    if (kept->stack != NULL) {
        efree(kept->stack);
    }
    if (kept->levels != NULL) {
        efree(kept->levels);
    }
}

void php_dora_snapshot_free(php_dora_snapshot *snapshot)
{
    if (!snapshot->is_taken) {
        return;
    }
    snapshot->is_taken = false;
    handlers_free(&snapshot->error_handlers);
    handlers_free(&snapshot->exception_handlers);
    php_dora_ini_free(snapshot);
    php_dora_superglobals_free(snapshot);
    php_dora_process_free(&snapshot->process);
    php_dora_streams_free(&snapshot->streams);
    php_dora_standard_free(&snapshot->standard);
    php_dora_modules_free(&snapshot->modules);
}
