/* invoke.c: one call of a handler, from its request to its reply. */
#include "invoke.h"

#include "zend_exceptions.h"
#include "zend_generators.h"
#include "zend_interfaces.h"

#include "chain.h"
#include "convert.h"
#include "exception.h"
#include "fault.h"
#include "request.h"

dora_err php_dora_reply_fatal(const dora_request *request, dora_reply *reply)
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
static bool is_told_as_it_is(const php_dora_app *app, const zend_object *exception)
{
    return instanceof_function(exception->ce, php_dora_handler_ce) ||
           instanceof_function(exception->ce, php_dora_misfit_ce) || app->rpc_server != NULL;
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

/* keep_raised gives the exception to who asked for it, or drops it. */
static void keep_raised(zend_object *exception, zend_object **raised)
{
    if (raised != NULL) {
        *raised = exception;
    } else {
        OBJ_RELEASE(exception);
    }
}

/* Answers with the handler's exception and drops it. */
static dora_err reply_exception(const php_dora_app *app, const dora_request *request,
                                dora_reply *reply, zend_object **raised)
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
            return php_dora_reply_fatal(request, reply);
        }
        err = dora_reply_died(reply, ZEND_STRL("exit() called in handler"));
        php_dora_fault_plain(request, reply);
        return err;
    }
    GC_ADDREF(exception);
    zend_clear_exception();
    if (dora_reply_interrupted(request, reply) != DORA_OK) {
        if (dora_request_interrupt(request) != DORA_INTERRUPT_CANCELLED) {
            php_dora_fault_exception(request, reply, exception);
        }
        keep_raised(exception, raised);
        return DORA_EHANDLER;
    }
    const bool is_misfit = instanceof_function(exception->ce, php_dora_misfit_ce);
    zend_class_entry *base =
        instanceof_function(exception->ce, zend_ce_exception) ? zend_ce_exception : zend_ce_error;
    zval *code = zend_read_property_ex(base, exception, ZSTR_KNOWN(ZEND_STR_CODE), true, &hold);
    zval *text = zend_read_property_ex(base, exception, ZSTR_KNOWN(ZEND_STR_MESSAGE), true, &hold);
    zend_string *msg = zval_get_string(text);
    if (ZSTR_LEN(msg) == 0 || !is_told_as_it_is(app, exception)) {
        zend_string_release(msg);
        msg = php_dora_fault_message(exception);
    }
    if (is_misfit) {
        err = dora_reply_misfit(reply, ZSTR_VAL(msg), ZSTR_LEN(msg));
    } else if (Z_TYPE_P(code) == IS_LONG) {
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
    if (!is_misfit && !instanceof_function(exception->ce, php_dora_handler_ce)) {
        php_dora_fault_exception(request, reply, exception);
    }
    keep_raised(exception, raised);
    return err;
}

/* reply_value writes what is to be sent: a result, or a part. */
static dora_err reply_value(php_dora_app *app, const php_dora_handler *handler,
                            const dora_request *request, dora_reply *reply, zval *value,
                            zend_object **raised)
{
    const php_dora_typed *typed = handler->typed;
    dora_writer *writer = dora_reply_writer(reply);
    zend_string *problem;

    const zval *encode = Z_ISUNDEF(app->encode) ? NULL : &app->encode;
    if (typed != NULL && zend_hash_num_elements(&app->middleware) == 0) {
        php_dora_typed_show(&typed->result, value); /* it is the handler's own */
    }
    if ((typed != NULL && typed->opens_result
             ? php_dora_write_open(writer, value, typed, encode, &problem)
             : php_dora_write(writer, value, encode, PHP_DORA_CALL_DEPTH_MAX, &problem)) ==
        DORA_OK) {
        return DORA_OK;
    }
    if (EG(exception) != NULL) { /* an object's own code has raised it */
        zend_string_release(problem);
        return reply_exception(app, request, reply, raised);
    }
    bool is_too_big = dora_writer_error(writer) == DORA_ETOOBIG;
    dora_err err = DORA_OK; /* too big: the core says so, with its limits */
    if (!is_too_big) {
        err = dora_reply_fail(reply, DORA_CODE_HANDLER, ZSTR_VAL(problem), ZSTR_LEN(problem));
        php_dora_fault_plain(request, reply);
    }
    zend_string_release(problem);
    return err;
}

/* ---- handlers that send parts ---- */

/* send_part sends what a generator has yielded; its keys are nobody's business. */
static dora_err send_part(php_dora_app *app, const php_dora_handler *handler,
                          const dora_request *request, dora_reply *reply, zval *part,
                          zend_object **raised)
{
    zval value;

    ZVAL_COPY_DEREF(&value, part);
    const dora_err err = reply_value(app, handler, request, reply, &value, raised);
    zval_ptr_dtor(&value);
    return err == DORA_OK ? dora_reply_part(reply) : err;
}

/* send_parts sends what a generator yields, as long as somebody wants it. Returns: DORA_OK also
 * where it has raised an exception, which is there then. */
static dora_err send_parts(php_dora_app *app, const php_dora_handler *handler,
                           const dora_request *request, dora_reply *reply, zval *generator,
                           zend_object **raised)
{
    dora_err err = DORA_OK;
    zend_object_iterator *steps = zend_ce_generator->get_iterator(zend_ce_generator, generator, 0);

    if (steps == NULL) {
        return err;
    }
    while (err == DORA_OK && EG(exception) == NULL && steps->funcs->valid(steps) == SUCCESS) {
        zval *part = steps->funcs->get_current_data(steps);
        err = send_part(app, handler, request, reply, part, raised);
        if (err == DORA_OK) {
            steps->funcs->move_forward(steps);
        }
    }
    zend_iterator_dtor(steps);
    if (err == DORA_ECANCELLED) { /* it ends, and is not to be interrupted while it cleans up */
        DORA_G(is_interrupted) = true;
    }
    return err;
}

/* destroy ends a generator, so that its `finally` runs, also where the application holds it still.
 * Ownership: takes it. */
static void destroy(zval *generator)
{
    zend_object *object = Z_OBJ_P(generator);

    if (GC_REFCOUNT(object) > 1 && (OBJ_FLAGS(object) & IS_OBJ_DESTRUCTOR_CALLED) == 0) {
        GC_ADD_FLAGS(object, IS_OBJ_DESTRUCTOR_CALLED);
        object->handlers->dtor_obj(object);
    }
    zval_ptr_dtor(generator);
}

/* reply_parts has a generator send its parts; what it returns is the result. Where it has to end
 * before that it is destroyed. Ownership: takes it. */
static dora_err reply_parts(php_dora_app *app, const php_dora_handler *handler,
                            const dora_request *request, dora_reply *reply, zval *generator,
                            zend_object **raised)
{
    zval result;

    ZVAL_UNDEF(&result);
    dora_err err = send_parts(app, handler, request, reply, generator, raised);
    if (err == DORA_OK && EG(exception) == NULL) {
        zend_call_method_with_0_params(Z_OBJ_P(generator), zend_ce_generator, NULL, "getreturn",
                                       &result);
    }
    destroy(generator);
    const bool is_second = EG(exception) != NULL && err != DORA_OK && !dora_is_forked();
    if (is_second && !php_dora_is_exit(EG(exception))) { /* what has ended it is told already */
        zend_exception_error(EG(exception), E_WARNING);
        zend_clear_exception();
    } else if (EG(exception) != NULL) {
        err = reply_exception(app, request, reply, raised);
    } else if (err == DORA_OK && Z_TYPE(result) == IS_NULL) {
        dora_reply_no_result(reply);
    } else if (err == DORA_OK) {
        err = reply_value(app, handler, request, reply, &result, raised);
    }
    zval_ptr_dtor(&result);
    return err;
}

/* The original's servers took no generator for an answer, and have no streams. */
static bool gives_parts(const php_dora_app *app, const zval *result)
{
    return Z_TYPE_P(result) == IS_OBJECT && Z_OBJCE_P(result) == zend_ce_generator &&
           app->rpc_server == NULL;
}

dora_err php_dora_invoke(php_dora_app *app, php_dora_handler *handler, const dora_request *request,
                         dora_reply *reply, zend_object **raised)
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
    if (app->rpc_server != NULL) {
        php_dora_request_describe(&args[0], request);
    } else if (handler->arg_count > 1 || handler->is_wrapped) {
        php_dora_request_make(&args[1], request, reply, &args[0]);
    }
    if (handler->has_default && Z_TYPE(args[0]) == IS_NULL &&
        (!handler->takes_null || !dora_request_has_param(request))) {
        ZVAL_UNDEF(&args[0]);
    }
    if (handler->is_wrapped) {
        php_dora_chain_call(app, handler, args, &result);
    } else {
        php_dora_handler_call(handler, args, &result);
        if (EG(exception) != NULL && app->rpc_server == NULL) {
            php_dora_handler_tell_misfit(handler, &args[0]);
        }
    }
    zval_ptr_dtor(&args[0]);
    dora_err err = DORA_OK;
    if (EG(exception) != NULL) {
        err = reply_exception(app, request, reply, raised);
    } else if (gives_parts(app, &result)) {
        err = reply_parts(app, handler, request, reply, &result, raised);
        ZVAL_UNDEF(&result);
    } else {
        err = reply_value(app, handler, request, reply, &result, raised);
    }
    zval_ptr_dtor(&result);
    if (!Z_ISUNDEF(args[1])) {
        php_dora_request_end(&args[1]);
    }
    return err;
}
