/* client.c: Dora\Client: its making, calls and submissions. */
#include "client.h"

#include "zend_exceptions.h"

#include "calls.h"
#include "clients.h"
#include "exception.h"
#include "options.h"
#include "policy.h"
#include "wait.h"
#include "warnings.h"

/* How the core sends one call, and how it sends several. */
typedef dora_err (*one_fn)(dora_client *client, const dora_call *call,
                           const dora_call_options *options, dora_answer *answer,
                           dora_error *error);
typedef dora_err (*many_fn)(dora_client *client, const dora_call *calls, size_t count,
                            const dora_call_options *options, dora_answer *answer,
                            dora_error *error);

zend_class_entry *php_dora_client_ce;
static zend_object_handlers client_handlers;

php_dora_client *php_dora_client_of(zend_object *object)
{
    return (php_dora_client *)((char *)object - XtOffsetOf(php_dora_client, std));
}

static zend_object *client_create(zend_class_entry *class)
{
    php_dora_client *self = zend_object_alloc(sizeof(*self), class);

    memset(self, 0, XtOffsetOf(php_dora_client, std));
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &client_handlers;
    return &self->std;
}

static void client_free(zend_object *object)
{
    php_dora_client *self = php_dora_client_of(object);

    php_dora_clients_give(self->shared);
    zval_ptr_dtor(&self->encode);
    if (self->group != NULL) {
        zend_string_release(self->group);
    }
    if (self->file != NULL) {
        zend_string_release(self->file);
    }
    zend_object_std_dtor(object);
}

/* `encode` may well hold the client. */
static HashTable *client_get_gc(zend_object *object, zval **table, int *count)
{
    *table = &php_dora_client_of(object)->encode;
    *count = 1;
    return zend_std_get_properties(object);
}

void php_dora_client_init_class(void)
{
    memcpy(&client_handlers, &std_object_handlers, sizeof(client_handlers));
    client_handlers.offset = XtOffsetOf(php_dora_client, std);
    client_handlers.free_obj = client_free;
    client_handlers.get_gc = client_get_gc;
    client_handlers.clone_obj = NULL;
    php_dora_client_ce->create_object = client_create;
}

/* Says whether the node file may be read. It is read between calls, so each call asks again: a link
 * may lead elsewhere by then. Returns: false with an exception raised. */
static bool file_check(const php_dora_client *self)
{
    dora_error error;

    if (self->file == NULL ||
        php_dora_policy_file(php_dora_nodes_path(self->file), &error) == DORA_OK) {
        return true;
    }
    zend_throw_exception(php_dora_exception_ce, error.msg, 0);
    return false;
}

/* Fills the object. Returns: false with an exception raised. */
static bool construct(php_dora_client *self, dora_client_options *nodes,
                      const php_dora_options *options)
{
    dora_error error = {.err = DORA_OK};

    if (self->file != NULL) {
        zend_string_release(self->file); /* of a constructor that is called again */
    }
    self->file = php_dora_nodes_file(nodes->nodes);
    if (!file_check(self)) {
        return false;
    }
    if (self->file != NULL) {
        nodes->nodes = ZSTR_VAL(self->file);
    }
    php_dora_shared *shared = php_dora_clients_take(&DORA_G(clients), nodes, options, &error);
    if (shared == NULL && error.err == DORA_EINVAL) {
        const bool is_option = strncmp(error.msg, ZEND_STRL("tls_")) == 0 ||
                               strncmp(error.msg, ZEND_STRL("token ")) == 0;
        zend_argument_value_error(is_option ? 2 : 1, "is wrong: %s", error.msg);
        return false;
    }
    if (shared == NULL) {
        php_dora_throw_error(&error);
        return false;
    }
    if (options->group != NULL &&
        dora_client_check_group(shared->client, ZSTR_VAL(options->group), &error) != DORA_OK) {
        php_dora_clients_give(shared);
        zend_argument_value_error(2, "is wrong: %s", error.msg);
        return false;
    }
    php_dora_clients_give(self->shared); /* of a constructor that is called again */
    self->shared = shared;
    self->timeout_ms = options->timeout_ms;
    self->retry = options->retry;
    self->wait_ms = options->wait_ms;
    self->priority = options->priority;
    if (self->group != NULL) {
        zend_string_release(self->group);
    }
    self->group = options->group != NULL ? zend_string_copy(options->group) : NULL;
    return true;
}

PHP_METHOD(Dora_Client, __construct)
{
    zend_string *text = NULL;
    HashTable *list = NULL;
    HashTable *given = NULL;
    dora_client_options core = {.size = sizeof core, .nodes = NULL};
    php_dora_options options = {.timeout_ms = DORA_G(timeout_ms),
                                .sign = DORA_G(sign),
                                .salt = DORA_G(salt),
                                .gzip = DORA_G(gzip),
                                .bytes_max = DORA_G(frame_bytes_max)};

    ZEND_PARSE_PARAMETERS_START(1, 2)
    Z_PARAM_ARRAY_HT_OR_STR(list, text)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    if (!php_dora_options_read(&options, given, 2,
                               PHP_DORA_OPTION_CALL | PHP_DORA_OPTION_WIRE | PHP_DORA_OPTION_FRAME |
                                   PHP_DORA_OPTION_TLS | PHP_DORA_OPTION_ENCODE)) {
        RETURN_THROWS();
    }
    php_dora_client *self = php_dora_client_of(Z_OBJ_P(ZEND_THIS));
    zval_ptr_dtor(&self->encode); /* of a constructor that is called again */
    ZVAL_UNDEF(&self->encode);
    if (options.encode != NULL) {
        ZVAL_COPY(&self->encode, options.encode);
    }
    dora_nodes *nodes = php_dora_nodes_read(text, list, &core);
    if (nodes != NULL) {
        construct(self, &core, &options);
    }
    dora_nodes_free(nodes);
}

bool php_dora_client_is_made(const php_dora_client *self)
{
    if (self->shared == NULL) {
        zend_throw_error(NULL, "Dora\\Client was not constructed");
        return false;
    }
    return true;
}

bool php_dora_client_is_ready(const php_dora_client *self)
{
    return php_dora_client_is_made(self) && file_check(self);
}

/* Begins a call: reads its options. Returns: false with an exception raised. */
static bool call_begin(const php_dora_client *self, HashTable *given, uint32_t arg,
                       dora_call_options *call)
{
    php_dora_options options = {.timeout_ms = self->timeout_ms,
                                .retry = self->retry,
                                .wait_ms = self->wait_ms,
                                .group = self->group,
                                .priority = self->priority};

    if (!php_dora_client_is_ready(self) ||
        !php_dora_options_read(&options, given, arg,
                               PHP_DORA_OPTION_CALL | PHP_DORA_OPTION_TRACE)) {
        return false;
    }
    *call = (dora_call_options){.size = sizeof *call,
                                .timeout_ms = options.timeout_ms,
                                .retry = options.retry,
                                .wait_ms = options.wait_ms,
                                .group = options.group != NULL ? ZSTR_VAL(options.group) : NULL,
                                .priority = options.priority};
    if (options.trace != NULL) {
        call->trace = php_dora_slice(options.trace);
    }
    return true;
}

static const zval *encode_of(const php_dora_client *self)
{
    return Z_ISUNDEF(self->encode) ? NULL : &self->encode;
}

/* Raises what is wrong with argument `arg`, unless PHP code of the argument has raised more.
 * Ownership: takes `problem`. */
static void throw_problem(dora_err err, uint32_t arg, zend_string *problem)
{
    if (EG(exception) != NULL) {
        err = DORA_OK;
    } else if (err == DORA_EINVAL) {
        zend_argument_value_error(arg, "%s", ZSTR_VAL(problem));
    } else if (err == DORA_ETYPE) {
        zend_argument_value_error(arg, "cannot be sent: %s", ZSTR_VAL(problem));
    } else {
        dora_error error = {.err = DORA_OK};
        dora_error_set(&error, err, "%s", ZSTR_VAL(problem));
        php_dora_throw_error(&error);
    }
    zend_string_release(problem);
}

bool php_dora_client_call_read(const php_dora_client *self, zend_string *name, zval *param,
                               dora_call *call)
{
    zend_string *problem;

    *call = (dora_call){.name = php_dora_slice(name)};
    call->is_whole = param == NULL && ZSTR_LEN(name) > 0 && ZSTR_LEN(name) <= PHP_DORA_NAME_MAX;
    const dora_err err = call->is_whole
                             ? php_dora_param_none(call->name, &call->param)
                             : php_dora_param(param, encode_of(self), &call->param, &problem);
    if (err != DORA_OK) {
        throw_problem(err, 2, problem);
    }
    return err == DORA_OK;
}

/* The whole of call(), send() and submit() but for what comes back. Returns: false with an
 * exception raised. */
static bool run_one(INTERNAL_FUNCTION_PARAMETERS, one_fn run)
{
    zend_string *name;
    zval *param = NULL;
    HashTable *given = NULL;
    dora_call call;
    dora_call_options options;
    php_dora_wait wait;
    dora_error error;

    (void)return_value;
    ZEND_PARSE_PARAMETERS_START(1, 3)
    Z_PARAM_STR(name)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(param)
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END_EX(return false);
    const php_dora_client *self = php_dora_client_of(Z_OBJ_P(ZEND_THIS));
    if (!call_begin(self, given, 3, &options) ||
        !php_dora_client_call_read(self, name, param, &call)) {
        return false;
    }
    php_dora_wait_begin(&wait, self->shared, &options);
    const dora_err err = run(self->shared->client, &call, &options, php_dora_answer(), &error);
    php_dora_param_done(call.param);
    if (!php_dora_wait_end(&wait)) {
        return false;
    }
    if (err != DORA_OK) {
        php_dora_warnings_raise();
        php_dora_throw_answer(&error, php_dora_answer());
    }
    return err == DORA_OK;
}

/* The same for those of many; `calls` gets the argument. */
static bool run_many(INTERNAL_FUNCTION_PARAMETERS, many_fn run, HashTable **calls)
{
    HashTable *given = NULL;
    zend_string *problem;
    php_dora_calls prepared;
    dora_call_options options;
    php_dora_wait wait;
    dora_error error;

    (void)return_value;
    ZEND_PARSE_PARAMETERS_START(1, 2)
    Z_PARAM_ARRAY_HT(*calls)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END_EX(return false);
    const php_dora_client *self = php_dora_client_of(Z_OBJ_P(ZEND_THIS));
    if (!call_begin(self, given, 2, &options)) {
        return false;
    }
    if (zend_hash_num_elements(*calls) == 0) {
        return true;
    }
    dora_err err =
        php_dora_calls_init(&prepared, *calls, PHP_DORA_PAIRS, encode_of(self), &problem);
    if (err != DORA_OK) {
        throw_problem(err, 1, problem);
    } else {
        php_dora_wait_begin(&wait, self->shared, &options);
        err = run(self->shared->client, prepared.items, prepared.count, &options, php_dora_answer(),
                  &error);
        if (!php_dora_wait_end(&wait)) {
            err = DORA_EINTERRUPTED;
        } else if (err != DORA_OK) {
            php_dora_warnings_raise();
            php_dora_throw_answer(&error, php_dora_answer());
        }
    }
    php_dora_calls_free(&prepared);
    return err == DORA_OK;
}

PHP_METHOD(Dora_Client, call)
{
    if (!run_one(INTERNAL_FUNCTION_PARAM_PASSTHRU, dora_client_call)) {
        RETURN_THROWS();
    }
    php_dora_result(dora_answer_result(DORA_G(answer), 0), return_value);
    php_dora_warnings_raise();
    if (Z_TYPE_P(return_value) == IS_OBJECT) {
        zend_throw_exception_object(return_value);
        ZVAL_NULL(return_value);
    }
}

PHP_METHOD(Dora_Client, callMany)
{
    HashTable *calls;

    if (!run_many(INTERNAL_FUNCTION_PARAM_PASSTHRU, dora_client_call_many, &calls)) {
        RETURN_THROWS();
    }
    if (zend_hash_num_elements(calls) == 0) {
        RETURN_EMPTY_ARRAY();
    }
    php_dora_results(DORA_G(answer), calls, return_value);
    php_dora_warnings_raise();
}

PHP_METHOD(Dora_Client, send)
{
    run_one(INTERNAL_FUNCTION_PARAM_PASSTHRU, dora_client_send);
    php_dora_warnings_raise();
}

PHP_METHOD(Dora_Client, sendMany)
{
    HashTable *calls;

    run_many(INTERNAL_FUNCTION_PARAM_PASSTHRU, dora_client_send_many, &calls);
    php_dora_warnings_raise();
}

PHP_METHOD(Dora_Client, submit)
{
    DORA_G(has_submitted) = true;
    if (!run_one(INTERNAL_FUNCTION_PARAM_PASSTHRU, dora_client_submit)) {
        RETURN_THROWS();
    }
    RETVAL_STRING(dora_answer_guid(DORA_G(answer)));
    php_dora_warnings_raise();
}

PHP_METHOD(Dora_Client, submitMany)
{
    HashTable *calls;

    DORA_G(has_submitted) = true;
    if (!run_many(INTERNAL_FUNCTION_PARAM_PASSTHRU, dora_client_submit_many, &calls)) {
        RETURN_THROWS();
    }
    if (zend_hash_num_elements(calls) == 0) {
        zend_argument_value_error(1, "must hold at least one call");
        RETURN_THROWS();
    }
    RETVAL_STRING(dora_answer_guid(DORA_G(answer)));
    php_dora_warnings_raise();
}
