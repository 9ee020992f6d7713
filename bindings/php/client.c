/* client.c: Dora\Client: one or many calls, over connections that belong to the process. */
#include "client.h"

#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "convert.h"
#include "exception.h"
#include "options.h"

#define PARAM_BYTES_MAX (64u * 1024 * 1024) /* no frame may be larger */
#define PARAM_BYTES_KEPT (1024u * 1024)     /* a writer that grew above is not kept */
#define TIMEOUT_MS 3000u

typedef struct client_object {
    dora_client *client; /* borrowed from the module's table; NULL until constructed */
    uint32_t timeout_ms;
    zend_object std;
} client_object;

zend_class_entry *php_dora_client_ce;
static zend_object_handlers client_handlers;

static client_object *client_of(zend_object *object)
{
    return (client_object *)((char *)object - XtOffsetOf(client_object, std));
}

static zend_object *client_create(zend_class_entry *class)
{
    client_object *self = zend_object_alloc(sizeof(*self), class);

    self->client = NULL;
    self->timeout_ms = TIMEOUT_MS;
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &client_handlers;
    return &self->std;
}

void php_dora_client_init_class(void)
{
    memcpy(&client_handlers, &std_object_handlers, sizeof(client_handlers));
    client_handlers.offset = XtOffsetOf(client_object, std);
    client_handlers.clone_obj = NULL;
    php_dora_client_ce->create_object = client_create;
}

dora_writer *php_dora_writer(void)
{
    if (DORA_G(writer) == NULL) {
        DORA_G(writer) = dora_writer_new(PARAM_BYTES_MAX);
        if (DORA_G(writer) == NULL) {
            zend_error_noreturn(E_ERROR, "Out of memory");
        }
    }
    dora_writer_reset(DORA_G(writer));
    return DORA_G(writer);
}

static void writer_trim(size_t used)
{
    if (used > PARAM_BYTES_KEPT) {
        dora_writer_free(DORA_G(writer));
        DORA_G(writer) = NULL;
    }
}

/* Joins the nodes by commas. Returns: NULL with an exception raised. */
static zend_string *nodes_join(zend_string *text, HashTable *list)
{
    smart_str joined = {0};
    zval *node;

    if (text != NULL) {
        smart_str_append(&joined, text);
    } else {
        ZEND_HASH_FOREACH_VAL(list, node)
        {
            ZVAL_DEREF(node);
            if (Z_TYPE_P(node) != IS_STRING) {
                zend_argument_type_error(1, "must be a list of \"host:port\"");
                smart_str_free(&joined);
                return NULL;
            }
            if (joined.s != NULL) {
                smart_str_appendc(&joined, ',');
            }
            smart_str_append(&joined, Z_STR_P(node));
        }
        ZEND_HASH_FOREACH_END();
    }
    zend_string *nodes = smart_str_extract(&joined);
    if (ZSTR_LEN(nodes) == 0 || zend_str_has_nul_byte(nodes)) {
        zend_argument_value_error(1, "must name at least one \"host:port\"");
        zend_string_release(nodes);
        return NULL;
    }
    return nodes;
}

/* Finds the process's client for these settings, or makes it. */
static dora_client *client_find(zend_string *nodes, const php_dora_options *given)
{
    dora_client *client;
    dora_error error = {.err = DORA_OK};
    zend_string *salt = given->salt != NULL ? given->salt : ZSTR_EMPTY_ALLOC();
    zend_string *key =
        zend_strpprintf(0, "%d%d%d %zu %s %s", given->sign, given->gzip, given->salt != NULL,
                        ZSTR_LEN(nodes), ZSTR_VAL(nodes), ZSTR_VAL(salt));

    client = zend_hash_find_ptr(&DORA_G(clients), key);
    if (client == NULL) {
        dora_client_options options = {.nodes = ZSTR_VAL(nodes),
                                       .timeout_ms = TIMEOUT_MS,
                                       .sign = given->sign,
                                       .salt = given->salt != NULL ? ZSTR_VAL(salt) : NULL,
                                       .gzip = given->gzip};
        dora_err err = dora_client_new(&client, &options, &error);
        if (err == DORA_EINVAL) {
            zend_argument_value_error(1, "is wrong: %s", error.msg);
        } else if (err != DORA_OK) {
            php_dora_throw_error(&error);
        } else {
            zend_hash_str_add_new_ptr(&DORA_G(clients), ZSTR_VAL(key), ZSTR_LEN(key), client);
        }
        client = err == DORA_OK ? client : NULL;
    }
    zend_string_release(key);
    return client;
}

PHP_METHOD(Dora_Client, __construct)
{
    zend_string *text = NULL;
    HashTable *list = NULL;
    HashTable *given = NULL;
    php_dora_options options;

    ZEND_PARSE_PARAMETERS_START(1, 2)
    Z_PARAM_ARRAY_HT_OR_STR(list, text)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    client_object *self = client_of(Z_OBJ_P(ZEND_THIS));
    if (!php_dora_options_read(&options, given, 2,
                               PHP_DORA_OPTION_TIMEOUT | PHP_DORA_OPTION_WIRE)) {
        RETURN_THROWS();
    }
    zend_string *nodes = nodes_join(text, list);
    if (nodes == NULL) {
        RETURN_THROWS();
    }
    self->client = client_find(nodes, &options);
    self->timeout_ms = options.timeout_ms != 0 ? options.timeout_ms : TIMEOUT_MS;
    zend_string_release(nodes);
}

/* Begins a call: reads its options. Returns: false with an exception raised. */
static bool call_begin(client_object *self, HashTable *given, uint32_t arg, uint32_t *timeout_ms)
{
    php_dora_options options;

    if (self->client == NULL) {
        zend_throw_error(NULL, "Dora\\Client was not constructed");
        return false;
    }
    if (!php_dora_options_read(&options, given, arg, PHP_DORA_OPTION_TIMEOUT)) {
        return false;
    }
    *timeout_ms = options.timeout_ms != 0 ? options.timeout_ms : self->timeout_ms;
    if (DORA_G(answer) == NULL) {
        DORA_G(answer) = dora_answer_new();
        if (DORA_G(answer) == NULL) {
            zend_error_noreturn(E_ERROR, "Out of memory");
        }
    }
    return true;
}

/* Encodes a parameter. Returns: false with an exception raised. */
static bool param_encode(zval *param, const char *root, uint32_t arg, dora_slice *encoded)
{
    zend_string *problem;
    dora_writer *writer = php_dora_writer();
    dora_err err = php_dora_write(writer, param, root, &problem);

    if (err == DORA_OK) {
        return dora_writer_finish(writer, encoded) == DORA_OK;
    }
    if (err == DORA_ETYPE) {
        zend_argument_value_error(arg, "cannot be sent: %s", ZSTR_VAL(problem));
    } else {
        dora_error error;
        dora_error_set(&error, err, "%s", ZSTR_VAL(problem));
        error.code = 0;
        php_dora_throw_error(&error);
    }
    zend_string_release(problem);
    return false;
}

/* Gives a result's data, or its exception, which is not raised. */
static void result_convert(const dora_result *result, zval *value)
{
    dora_slice msg = {"the reply's data cannot be decoded", 34};

    if (result->code != 0) {
        php_dora_exception_of(result, value);
        return;
    }
    if (php_dora_read_all(result->data, value, NULL) != DORA_OK) {
        dora_result broken = {.code = DORA_CODE_BAD_BODY, .msg = msg};
        php_dora_exception_of(&broken, value);
    }
}

PHP_METHOD(Dora_Client, call)
{
    zend_string *name;
    zval *param = NULL;
    HashTable *given = NULL;
    uint32_t timeout_ms = 0;
    dora_call call = {.param = {"N;", 2}};
    dora_error error;

    ZEND_PARSE_PARAMETERS_START(1, 3)
    Z_PARAM_STR(name)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(param)
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    client_object *self = client_of(Z_OBJ_P(ZEND_THIS));
    if (!call_begin(self, given, 3, &timeout_ms)) {
        RETURN_THROWS();
    }
    if (param != NULL && !param_encode(param, "param", 2, &call.param)) {
        RETURN_THROWS();
    }
    call.name = (dora_slice){ZSTR_VAL(name), ZSTR_LEN(name)};
    const dora_call_options options = {.timeout_ms = timeout_ms};
    dora_err err = dora_client_call(self->client, &call, &options, DORA_G(answer), &error);
    writer_trim(call.param.len);
    if (err != DORA_OK) {
        php_dora_throw_error(&error);
        RETURN_THROWS();
    }
    const dora_result *result = dora_answer_result(DORA_G(answer), 0);
    result_convert(result, return_value);
    if (Z_TYPE_P(return_value) == IS_OBJECT) {
        zend_throw_exception_object(return_value);
        ZVAL_NULL(return_value);
    }
}

/* many is the calls of one callMany, being prepared. */
typedef struct many {
    dora_call *calls;
    size_t *offsets;    /* of each parameter in `params` */
    zend_string **keys; /* of each call, as text */
    uint32_t count;
    smart_str params;
} many;

static void many_init(many *self, uint32_t room)
{
    memset(self, 0, sizeof(*self));
    self->calls = ecalloc(room, sizeof(*self->calls));
    self->offsets = ecalloc(room, sizeof(*self->offsets));
    self->keys = ecalloc(room, sizeof(*self->keys));
}

static void many_fini(many *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        zend_string_release(self->keys[i]);
    }
    efree(self->calls);
    efree(self->offsets);
    efree(self->keys);
    smart_str_free(&self->params);
}

/* Adds one [name, param]. Ownership: takes `key`. Returns: false with an exception raised. */
static bool many_add(many *self, zend_string *key, zval *pair)
{
    uint32_t at = self->count++;
    zval *name = NULL;
    zval *param = NULL;
    zval null;
    dora_slice encoded;

    self->keys[at] = key;
    ZVAL_DEREF(pair);
    if (Z_TYPE_P(pair) == IS_ARRAY && zend_hash_num_elements(Z_ARRVAL_P(pair)) <= 2) {
        name = zend_hash_index_find_deref(Z_ARRVAL_P(pair), 0);
        param = zend_hash_index_find_deref(Z_ARRVAL_P(pair), 1);
    }
    if (name == NULL || Z_TYPE_P(name) != IS_STRING) {
        zend_argument_value_error(1, "must hold [name, param] for key \"%s\"", ZSTR_VAL(key));
        return false;
    }
    ZVAL_NULL(&null);
    if (!param_encode(param != NULL ? param : &null, ZSTR_VAL(key), 1, &encoded)) {
        return false;
    }
    self->offsets[at] = self->params.s != NULL ? ZSTR_LEN(self->params.s) : 0;
    smart_str_appendl(&self->params, encoded.data, encoded.len);
    writer_trim(encoded.len);
    self->calls[at] = (dora_call){.key = {ZSTR_VAL(key), ZSTR_LEN(key)},
                                  .name = {Z_STRVAL_P(name), Z_STRLEN_P(name)},
                                  .param = {NULL, encoded.len}};
    return true;
}

/* Puts each call's outcome under its own key. */
static void many_collect(HashTable *calls, zval *results)
{
    zend_ulong index;
    zend_string *key;
    size_t at = 0;

    array_init_size(results, zend_hash_num_elements(calls));
    ZEND_HASH_FOREACH_KEY(calls, index, key)
    {
        zval value;
        result_convert(dora_answer_result(DORA_G(answer), at++), &value);
        if (key != NULL) {
            zend_hash_add_new(Z_ARRVAL_P(results), key, &value);
        } else {
            zend_hash_index_add_new(Z_ARRVAL_P(results), index, &value);
        }
    }
    ZEND_HASH_FOREACH_END();
}

PHP_METHOD(Dora_Client, callMany)
{
    HashTable *calls;
    HashTable *given = NULL;
    uint32_t timeout_ms = 0;
    many prepared;
    zend_ulong index;
    zend_string *key;
    zval *pair;
    dora_error error;

    ZEND_PARSE_PARAMETERS_START(1, 2)
    Z_PARAM_ARRAY_HT(calls)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT(given)
    ZEND_PARSE_PARAMETERS_END();
    client_object *self = client_of(Z_OBJ_P(ZEND_THIS));
    if (!call_begin(self, given, 2, &timeout_ms)) {
        RETURN_THROWS();
    }
    if (zend_hash_num_elements(calls) == 0) {
        RETURN_EMPTY_ARRAY();
    }
    many_init(&prepared, zend_hash_num_elements(calls));
    ZEND_HASH_FOREACH_KEY_VAL(calls, index, key, pair)
    {
        key = key != NULL ? zend_string_copy(key) : zend_long_to_str((zend_long)index);
        if (!many_add(&prepared, key, pair)) {
            goto out;
        }
    }
    ZEND_HASH_FOREACH_END();
    for (uint32_t i = 0; i < prepared.count; i++) {
        prepared.calls[i].param.data = ZSTR_VAL(prepared.params.s) + prepared.offsets[i];
    }
    const dora_call_options options = {.timeout_ms = timeout_ms};
    dora_err err = dora_client_call_many(self->client, prepared.calls, prepared.count, &options,
                                         DORA_G(answer), &error);
    if (err == DORA_OK) {
        many_collect(calls, return_value);
    } else {
        php_dora_throw_error(&error);
    }
out:
    many_fini(&prepared);
}
