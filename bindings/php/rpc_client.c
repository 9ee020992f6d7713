/* rpc_client.c: DoraRPC\Client: which servers an object of it asks. Its calls are in rpc_call.c. */
#include "rpc_client.h"

#include "zend_exceptions.h"

#define MISUSE_CODE (-1) /* of the exceptions for what a program did wrong */

zend_class_entry *php_dora_rpc_client_ce;
static zend_object_handlers rpc_handlers;

php_dora_rpc_client *php_dora_rpc_client_of(zend_object *object)
{
    return (php_dora_rpc_client *)((char *)object - XtOffsetOf(php_dora_rpc_client, std));
}

static zend_object *rpc_create(zend_class_entry *class)
{
    php_dora_rpc_client *self = zend_object_alloc(sizeof(*self), class);

    memset(self, 0, XtOffsetOf(php_dora_rpc_client, std));
    ZVAL_EMPTY_STRING(&self->ip);
    ZVAL_EMPTY_STRING(&self->port);
    zend_object_std_init(&self->std, class);
    object_properties_init(&self->std, class);
    self->std.handlers = &rpc_handlers;
    return &self->std;
}

static void mode_clear(php_dora_rpc_client *self)
{
    if (self->group != NULL) {
        zend_string_release(self->group);
        self->group = NULL;
    }
    if (self->node != NULL) {
        zend_string_release(self->node);
        self->node = NULL;
    }
    zval_ptr_dtor(&self->ip);
    zval_ptr_dtor(&self->port);
    ZVAL_EMPTY_STRING(&self->ip);
    ZVAL_EMPTY_STRING(&self->port);
    self->mode = PHP_DORA_RPC_NONE;
}

static void rpc_release(php_dora_rpc_client *self)
{
    php_dora_clients_give(self->shared);
    self->shared = NULL;
    if (self->groups != NULL) {
        zend_array_release(self->groups);
        self->groups = NULL;
    }
    mode_clear(self);
}

static void rpc_free(zend_object *object)
{
    rpc_release(php_dora_rpc_client_of(object));
    zend_object_std_dtor(object);
}

static zend_object *rpc_clone(zend_object *object)
{
    php_dora_rpc_client *from = php_dora_rpc_client_of(object);
    php_dora_rpc_client *to = php_dora_rpc_client_of(rpc_create(object->ce));

    if (from->shared != NULL) {
        to->shared = from->shared;
        to->shared->refs++;
        to->groups = from->groups;
        GC_ADDREF(to->groups);
    }
    to->mode = from->mode;
    to->group = from->group != NULL ? zend_string_copy(from->group) : NULL;
    to->node = from->node != NULL ? zend_string_copy(from->node) : NULL;
    ZVAL_COPY(&to->ip, &from->ip);
    ZVAL_COPY(&to->port, &from->port);
    zend_objects_clone_members(&to->std, object);
    return &to->std;
}

void php_dora_rpc_client_init_class(void)
{
    memcpy(&rpc_handlers, &std_object_handlers, sizeof(rpc_handlers));
    rpc_handlers.offset = XtOffsetOf(php_dora_rpc_client, std);
    rpc_handlers.free_obj = rpc_free;
    rpc_handlers.clone_obj = rpc_clone;
    php_dora_rpc_client_ce->create_object = rpc_create;
}

static void throw_misuse(const char *what)
{
    zend_throw_exception(zend_ce_exception, what, MISUSE_CODE);
}

PHP_METHOD(DoraRPC_Client, __construct)
{
    HashTable *config;
    dora_client_options core = {.size = sizeof core, .nodes = NULL};
    php_dora_shared *shared = NULL;
    dora_error error = {.err = DORA_OK};
    const php_dora_options options = {.sign = DORA_G(sign),
                                      .gzip = DORA_G(gzip),
                                      .salt = DORA_G(salt),
                                      .bytes_max = DORA_G(frame_bytes_max)};

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ARRAY_HT(config)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_rpc_client *self = php_dora_rpc_client_of(Z_OBJ_P(ZEND_THIS));
    if (zend_hash_num_elements(config) == 0) {
        throw_misuse("serverConfig is empty: it must be group => list of ['ip' => , 'port' => ]");
        RETURN_THROWS();
    }
    HashTable *groups = zend_new_array(zend_hash_num_elements(config));
    dora_nodes *nodes = php_dora_nodes_config(config, groups, &core, &error);
    if (nodes != NULL) {
        shared = php_dora_clients_take(&DORA_G(rpc_clients), &core, &options, &error);
    }
    if (shared == NULL) {
        zend_throw_exception_ex(zend_ce_exception, MISUSE_CODE, "serverConfig: %s", error.msg);
        zend_array_release(groups);
    } else {
        rpc_release(self); /* what an earlier call of the constructor left */
        self->shared = shared;
        self->groups = groups;
    }
    dora_nodes_free(nodes);
}

static void mode_group(php_dora_rpc_client *self, zval *group)
{
    if (group == NULL || (Z_TYPE_P(group) != IS_STRING && Z_TYPE_P(group) != IS_LONG) ||
        (Z_TYPE_P(group) == IS_STRING && Z_STRLEN_P(group) == 0)) {
        throw_misuse("changeMode: type 1 needs the name of a 'group'");
        return;
    }
    /* Whether there is such a group is looked at by the calls, as in the original. */
    mode_clear(self);
    self->mode = PHP_DORA_RPC_GROUP;
    self->group = zval_get_string(group);
}

static void mode_fixed(php_dora_rpc_client *self, zval *ip, zval *port)
{
    zend_string *problem;
    zend_string *node = php_dora_address(ip, port, &problem);

    if (node == NULL) {
        zend_throw_exception_ex(zend_ce_exception, MISUSE_CODE, "changeMode: type 2: %s",
                                ZSTR_VAL(problem));
        zend_string_release(problem);
        return;
    }
    mode_clear(self);
    self->mode = PHP_DORA_RPC_FIXED;
    self->node = node;
    ZVAL_COPY(&self->ip, ip);
    ZVAL_COPY(&self->port, port);
}

PHP_METHOD(DoraRPC_Client, changeMode)
{
    zval *param;
    zend_long type = PHP_DORA_RPC_NONE;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_ZVAL(param)
    ZEND_PARSE_PARAMETERS_END();
    php_dora_rpc_client *self = php_dora_rpc_client_of(Z_OBJ_P(ZEND_THIS));
    HashTable *members = Z_TYPE_P(param) == IS_ARRAY ? Z_ARRVAL_P(param) : NULL;
    zval *given = members != NULL ? zend_hash_find_deref(members, ZSTR_KNOWN(ZEND_STR_TYPE)) : NULL;
    if (given != NULL && (Z_TYPE_P(given) == IS_LONG || Z_TYPE_P(given) == IS_STRING)) {
        type = zval_get_long(given);
    }
    if (type == PHP_DORA_RPC_GROUP) {
        mode_group(self, zend_hash_str_find_deref(members, ZEND_STRL("group")));
    } else if (type == PHP_DORA_RPC_FIXED) {
        mode_fixed(self, zend_hash_str_find_deref(members, ZEND_STRL("ip")),
                   zend_hash_str_find_deref(members, ZEND_STRL("port")));
    } else {
        throw_misuse("changeMode: the parameter must be ['type' => 1, 'group' => ] or "
                     "['type' => 2, 'ip' => , 'port' => ]");
    }
}

PHP_METHOD(DoraRPC_Client, getConnectMode)
{
    ZEND_PARSE_PARAMETERS_NONE();
    php_dora_rpc_client *self = php_dora_rpc_client_of(Z_OBJ_P(ZEND_THIS));
    if (self->mode == PHP_DORA_RPC_NONE) {
        throw_misuse("getConnectMode: no mode yet, call changeMode first");
        RETURN_THROWS();
    }
    array_init_size(return_value, 4);
    add_assoc_long(return_value, "type", self->mode);
    add_assoc_str(return_value, "group",
                  self->group != NULL ? zend_string_copy(self->group) : ZSTR_EMPTY_ALLOC());
    Z_TRY_ADDREF(self->ip);
    add_assoc_zval(return_value, "ip", &self->ip);
    Z_TRY_ADDREF(self->port);
    add_assoc_zval(return_value, "port", &self->port);
}
