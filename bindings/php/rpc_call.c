/* rpc_call.c: the calls of DoraRPC\Client, and the envelopes they come back in. */
#include "php_dora.h"

#include <sys/random.h>

#include "zend_exceptions.h"

#include "calls.h"
#include "convert.h"
#include "exception.h"
#include "rpc_client.h"
#include "rpc_packet.h"
#include "wait.h"

#define MISUSE_CODE (-1) /* of the envelopes for what a program did wrong */
#define GUID_BYTES 32u

/* How each mode is sent, by the numbers of the SW_MODE constants. */
static const struct way {
    dora_err (*one)(dora_client *client, const dora_call *call, const dora_call_options *options,
                    dora_answer *answer, dora_error *error);
    dora_err (*many)(dora_client *client, const dora_call *calls, size_t count,
                     const dora_call_options *options, dora_answer *answer, dora_error *error);
} ways[] = {
    {dora_client_call, dora_client_call_many},
    {dora_client_send, dora_client_send_many},
    {dora_client_submit, dora_client_submit_many},
};

/* What singleAPI and multiAPI are given beside what is called; each may be NULL. */
typedef struct given {
    zval *mode;
    zval *retry;
    zval *ip;
    zval *port;
} given;

/* What of it matters to the core. */
typedef struct plan {
    const struct way *way;
    dora_call_options options;
    zend_string *node; /* owned; NULL: of the group in the options */
} plan;

/* An envelope for what never became a call. It has a guid all the same, for the program's log. */
static void refuse(zval *envelope, int64_t code, const char *msg)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[GUID_BYTES / 2] = {0};
    char guid[GUID_BYTES];

    ssize_t got = getrandom(bytes, sizeof(bytes), 0);
    (void)got; /* an id of zeros is one, too */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        guid[2 * i] = digits[bytes[i] >> 4];
        guid[2 * i + 1] = digits[bytes[i] & 15];
    }
    php_dora_envelope(envelope, (dora_slice){guid, sizeof(guid)}, code, php_dora_text(msg), NULL);
}

/* Gives the last call's whole reply. Returns: false where none came, or one that is no value. */
static bool reply_read(const dora_answer *answer, zval *reply)
{
    dora_slice bytes = dora_answer_reply(answer);

    return bytes.len > 0 && php_dora_read_all(bytes, reply, NULL) == DORA_OK;
}

static int64_t failure_code(const dora_error *error)
{
    return error->os_error != 0 ? error->os_error : php_dora_error_code(error);
}

/* An envelope for a call that failed. What a server refused has its reply as data. */
static void fail(zval *envelope, const dora_error *error)
{
    const dora_answer *answer = php_dora_answer();
    zval reply;

    if (error->err == DORA_EINVAL || dora_answer_guid(answer)[0] == '\0') {
        refuse(envelope, failure_code(error), error->msg);
        return;
    }
    bool has_reply = error->err == DORA_EREPLY && reply_read(answer, &reply);
    php_dora_envelope(envelope, php_dora_text(dora_answer_guid(answer)), failure_code(error),
                      php_dora_text(error->msg), has_reply ? &reply : NULL);
}

static bool is_given(zval *value)
{
    return value != NULL && zend_is_true(value);
}

/* Looks at the group of changeMode(). Returns: false with an envelope where it cannot be asked. */
static bool group_has_server(const php_dora_rpc_client *self, zval *envelope)
{
    zval *problem = zend_symtable_find(self->groups, self->group);

    if (problem != NULL && Z_TYPE_P(problem) == IS_NULL) {
        return true;
    }
    zend_string *msg = zend_strpprintf(0, "group \"%s\" has no server: %s", ZSTR_VAL(self->group),
                                       problem != NULL ? Z_STRVAL_P(problem)
                                                       : "the client was not given such a group");
    refuse(envelope, DORA_CODE_CONNECT, ZSTR_VAL(msg));
    zend_string_release(msg);
    return false;
}

/* Finds out which servers to ask: those named in the call, else those of changeMode().
 * Returns: false with an envelope. */
static bool plan_servers(plan *made, const php_dora_rpc_client *self, zval *ip, zval *port,
                         zval *envelope)
{
    if (self->shared == NULL) {
        refuse(envelope, MISUSE_CODE, "the parent's constructor was not called");
        return false;
    }
    if (is_given(ip) || is_given(port)) {
        zend_string *problem;
        made->node = php_dora_address(ip, port, &problem);
        if (made->node == NULL) {
            refuse(envelope, MISUSE_CODE, ZSTR_VAL(problem));
            zend_string_release(problem);
            return false;
        }
    } else if (self->mode == PHP_DORA_RPC_FIXED) {
        made->node = zend_string_copy(self->node);
    } else if (self->mode == PHP_DORA_RPC_NONE) {
        refuse(envelope, MISUSE_CODE, "no mode yet, call changeMode first");
        return false;
    } else {
        made->options.group = ZSTR_VAL(self->group);
        return group_has_server(self, envelope);
    }
    made->options.node = ZSTR_VAL(made->node);
    return true;
}

/* Each try may take dora.timeout, as in the original. */
static void plan_tries(plan *made, zval *retry)
{
    zend_long more = retry != NULL ? zval_get_long(retry) : 0;
    uint64_t tries = more > 0 ? (uint64_t)MIN(more, INT32_MAX - 1) + 1 : 1;

    made->options.retry = (int32_t)(tries - 1);
    made->options.timeout_ms = (uint32_t)MIN(tries * DORA_G(timeout_ms), INT32_MAX);
}

/* Gives the way of a mode. Returns: NULL with an exception raised. */
static const struct way *way_of(zval *mode)
{
    zval number;

    if (mode == NULL) {
        return &ways[0];
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        ZVAL_LONG(&number, (zend_long)i);
        if (zend_compare(mode, &number) == 0) {
            return &ways[i];
        }
    }
    zend_throw_exception(zend_ce_exception, "unknown mode, it must be one of the SW_MODE constants",
                         DORA_CODE_BAD_MODE);
    return NULL;
}

/* Begins a call. Returns: false with an envelope, or with an exception raised for an unknown
 * mode. */
static bool plan_make(plan *made, const php_dora_rpc_client *self, const given *what,
                      zval *envelope)
{
    memset(made, 0, sizeof(*made));
    made->way = way_of(what->mode);
    if (made->way == NULL) {
        return false;
    }
    if (made->way->one == dora_client_submit) {
        DORA_G(has_submitted) = true;
    }
    plan_tries(made, what->retry);
    return plan_servers(made, self, what->ip, what->port, envelope);
}

/* Ends a call: the envelope of what came of it. */
static void plan_finish(plan *made, dora_err err, const dora_error *error, zval *envelope)
{
    const dora_answer *answer = php_dora_answer();
    dora_slice guid = php_dora_text(dora_answer_guid(answer));
    zval reply;

    if (err != DORA_OK) {
        fail(envelope, error);
    } else if (reply_read(answer, &reply)) {
        php_dora_envelope(envelope, guid, DORA_CODE_OK, php_dora_text("OK"), &reply);
    } else {
        php_dora_envelope(envelope, guid, DORA_CODE_BAD_BODY,
                          php_dora_text("the reply cannot be decoded"), NULL);
    }
    if (made->node != NULL) {
        zend_string_release(made->node);
    }
}

/* Says what is wrong with parameters. Ownership: takes `problem`. */
static dora_err set_problem(dora_error *error, dora_err err, zend_string *problem)
{
    dora_error_set(error, err, "%s", ZSTR_VAL(problem));
    if (err == DORA_ETYPE) {
        error->err = DORA_EINVAL;
        error->code = DORA_CODE_BAD_BODY;
    }
    zend_string_release(problem);
    return error->err;
}

/* Makes one call. What is no name of Dora's goes as it is: the application looks at it. */
static dora_err call_of(zval *name, zval *param, dora_call *call, zend_string **problem)
{
    zval api;

    ZVAL_DEREF(name);
    if (php_dora_is_name(name)) {
        call->name = (dora_slice){Z_STRVAL_P(name), Z_STRLEN_P(name)};
        return php_dora_param(param, NULL, &call->param, problem);
    }
    array_init_size(&api, 2);
    Z_TRY_ADDREF_P(name);
    Z_TRY_ADDREF_P(param);
    add_assoc_zval(&api, "name", name);
    add_assoc_zval(&api, "param", param);
    call->is_whole = true;
    dora_err err = php_dora_param_api(&api, NULL, &call->param, problem);
    zval_ptr_dtor(&api);
    return err;
}

PHP_METHOD(DoraRPC_Client, singleAPI)
{
    zval *name;
    zval *param;
    given what = {NULL, NULL, NULL, NULL};
    plan made;
    zend_string *problem;
    dora_call call = {0};
    php_dora_wait wait;
    dora_error error; /* large; set by what fails */

    ZEND_PARSE_PARAMETERS_START(2, 6)
    Z_PARAM_ZVAL(name)
    Z_PARAM_ZVAL(param)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(what.mode)
    Z_PARAM_ZVAL(what.retry)
    Z_PARAM_ZVAL(what.ip)
    Z_PARAM_ZVAL(what.port)
    ZEND_PARSE_PARAMETERS_END();
    const php_dora_rpc_client *self = php_dora_rpc_client_of(Z_OBJ_P(ZEND_THIS));
    if (!plan_make(&made, self, &what, return_value)) {
        return;
    }
    dora_err err = call_of(name, param, &call, &problem);
    if (err != DORA_OK) {
        err = set_problem(&error, err, problem);
    } else {
        php_dora_wait_begin(&wait, self->shared, &made.options);
        err = made.way->one(self->shared->client, &call, &made.options, php_dora_answer(), &error);
        php_dora_param_done(call.param);
        php_dora_wait_end(&wait);
    }
    plan_finish(&made, err, &error, return_value);
}

PHP_METHOD(DoraRPC_Client, multiAPI)
{
    zval *params;
    given what = {NULL, NULL, NULL, NULL};
    plan made;
    zend_string *problem;
    php_dora_calls calls;
    php_dora_wait wait;
    dora_error error; /* large; set by what fails */

    ZEND_PARSE_PARAMETERS_START(1, 5)
    Z_PARAM_ZVAL(params)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(what.mode)
    Z_PARAM_ZVAL(what.retry)
    Z_PARAM_ZVAL(what.ip)
    Z_PARAM_ZVAL(what.port)
    ZEND_PARSE_PARAMETERS_END();
    const php_dora_rpc_client *self = php_dora_rpc_client_of(Z_OBJ_P(ZEND_THIS));
    if (!plan_make(&made, self, &what, return_value)) {
        return;
    }
    ZVAL_DEREF(params);
    HashTable *from =
        Z_TYPE_P(params) == IS_ARRAY ? Z_ARRVAL_P(params) : (HashTable *)&zend_empty_array;
    dora_err err = php_dora_calls_init(&calls, from, PHP_DORA_MAPS, NULL, &problem);
    if (err != DORA_OK) {
        err = set_problem(&error, err, problem);
    } else {
        php_dora_wait_begin(&wait, self->shared, &made.options);
        err = made.way->many(self->shared->client, calls.items, calls.count, &made.options,
                             php_dora_answer(), &error);
        php_dora_wait_end(&wait);
    }
    php_dora_calls_free(&calls);
    plan_finish(&made, err, &error, return_value);
}

/* Gives what became of one outstanding call. */
static void collected_read(const dora_collected *item, zval *value)
{
    dora_slice guid = php_dora_text(item->guid);
    dora_slice bytes = dora_answer_reply(item->answer);

    if (bytes.len == 0) {
        php_dora_envelope(value, guid, php_dora_error_code(item->error),
                          php_dora_text(item->error->msg), NULL);
    } else if (php_dora_read_all(bytes, value, NULL) != DORA_OK || Z_TYPE_P(value) != IS_ARRAY) {
        zval_ptr_dtor(value);
        php_dora_envelope(value, guid, DORA_CODE_RESULT_LOST,
                          php_dora_text("the result cannot be decoded"), NULL);
    } else {
        SEPARATE_ARRAY(value);
        add_assoc_long(value, "isresult", 1);
        add_assoc_long(value, "fromwait", item->came_early ? 1 : 0);
    }
}

/* Collects from all clients that have something outstanding, under one deadline. */
static dora_err collect(dora_collection **collection, dora_error *error)
{
    dora_call_options options = {.size = sizeof options, .timeout_ms = DORA_G(timeout_ms)};
    php_dora_wait wait;
    HashTable *table = &DORA_G(rpc_clients);
    dora_client **clients = safe_emalloc(zend_hash_num_elements(table) + 1, sizeof(*clients), 0);
    size_t count = 0;
    php_dora_shared *shared;

    ZEND_HASH_FOREACH_PTR(table, shared)
    {
        if (dora_client_pending(shared->client) > 0) {
            clients[count++] = shared->client;
        }
    }
    ZEND_HASH_FOREACH_END();
    dora_err err = DORA_OK;
    if (count > 0) {
        php_dora_wait_begin(&wait, NULL, &options);
        err = dora_client_collect(clients, count, &options, collection, error);
        php_dora_wait_end(&wait);
    }
    efree(clients);
    return err;
}

PHP_METHOD(DoraRPC_Client, getAsyncData)
{
    dora_collection *collection = NULL;
    dora_error error = {.err = DORA_OK};
    zval data;

    ZEND_PARSE_PARAMETERS_NONE();
    refuse(return_value, DORA_CODE_OK, "OK");
    if (collect(&collection, &error) != DORA_OK) {
        add_assoc_long(return_value, "code", (zend_long)failure_code(&error));
        add_assoc_string(return_value, "msg", error.msg);
        return;
    }
    size_t count = collection != NULL ? dora_collection_count(collection) : 0;
    array_init_size(&data, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const dora_collected *item = dora_collection_at(collection, i);
        zval value;
        collected_read(item, &value);
        zend_hash_str_update(Z_ARRVAL(data), item->guid, strlen(item->guid), &value);
    }
    add_assoc_zval(return_value, "data", &data);
    dora_collection_free(collection);
}

PHP_METHOD(DoraRPC_Client, clearAsyncData)
{
    ZEND_PARSE_PARAMETERS_NONE();
    php_dora_clients_forget(&DORA_G(rpc_clients));
}

/* The whole of getStat and reloadServerTask. Their result is the server's reply itself. */
static void control(INTERNAL_FUNCTION_PARAMETERS, const char *command)
{
    zval *ip = NULL;
    zval *port = NULL;
    plan made = {.options = {.timeout_ms = DORA_G(timeout_ms)}};
    php_dora_wait wait;
    dora_error error;

    ZEND_PARSE_PARAMETERS_START(0, 2)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(ip)
    Z_PARAM_ZVAL(port)
    ZEND_PARSE_PARAMETERS_END();
    const php_dora_rpc_client *self = php_dora_rpc_client_of(Z_OBJ_P(ZEND_THIS));
    if (!plan_servers(&made, self, ip, port, return_value)) {
        return;
    }
    php_dora_wait_begin(&wait, self->shared, &made.options);
    dora_err err = dora_client_control(self->shared->client, command, &made.options,
                                       php_dora_answer(), &error);
    php_dora_wait_end(&wait);
    bool may_have = err == DORA_OK || err == DORA_EREPLY;
    if (!may_have || !reply_read(php_dora_answer(), return_value)) {
        if (err == DORA_OK) {
            dora_error_set(&error, DORA_EPROTO, "the reply cannot be decoded");
        }
        fail(return_value, &error);
    }
    if (made.node != NULL) {
        zend_string_release(made.node);
    }
}

PHP_METHOD(DoraRPC_Client, getStat)
{
    control(INTERNAL_FUNCTION_PARAM_PASSTHRU, "getStat");
}

PHP_METHOD(DoraRPC_Client, reloadServerTask)
{
    control(INTERNAL_FUNCTION_PARAM_PASSTHRU, "reloadTask");
}
