/* rpc_server_discovery.c: the original's discovery(): groups, and lists of Redis. */
#include "rpc_server_discovery.h"

#include "zend_exceptions.h"

#include "exception.h"
#include "rpc_redis.h"

#define DOOR "discovery()"

static bool refuse(const char *what)
{
    zend_throw_exception_ex(php_dora_exception_ce, 0, DOOR ": %s", what);
    return false;
}

/* Adds a group once, however often it is listed. Ownership: takes `name`. */
static void group_add(zval *list, zend_string *name)
{
    zval *known;

    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(list), known)
    {
        if (zend_string_equals(Z_STR_P(known), name)) {
            zend_string_release(name);
            return;
        }
    }
    ZEND_HASH_FOREACH_END();
    add_next_index_str(list, name);
}

static bool groups_add(zval *list, HashTable *groups)
{
    zval *name;

    ZEND_HASH_FOREACH_VAL(groups, name)
    {
        ZVAL_DEREF(name);
        if (Z_TYPE_P(name) != IS_STRING && Z_TYPE_P(name) != IS_LONG) {
            return refuse("$groups must be a list of names");
        }
        group_add(list, zval_get_string(name));
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

/* Adds what a getLocalIp() of the program's own says. */
static bool advertise_add(zval *discovery, php_dora_rpc_server *server)
{
    zend_object *object = &server->std;
    zend_function *method =
        zend_hash_str_find_ptr(&object->ce->function_table, "getlocalip", sizeof("getlocalip") - 1);
    zval ip;

    if (method->common.scope == php_dora_rpc_server_ce) {
        return true;
    }
    ZVAL_UNDEF(&ip);
    zend_call_known_function(method, object, object->ce, &ip, 0, NULL, NULL);
    if (EG(exception) == NULL && Z_TYPE(ip) != IS_STRING) {
        refuse("getLocalIp() must return a string");
    }
    if (EG(exception) == NULL) {
        bool is_v6 = strchr(Z_STRVAL(ip), ':') != NULL;
        add_assoc_str(discovery, "advertise",
                      zend_strpprintf(0, is_v6 ? "[%s]:%u" : "%s:%u", Z_STRVAL(ip), server->port));
    }
    zval_ptr_dtor(&ip);
    return EG(exception) == NULL;
}

bool php_dora_rpc_discovery_add(zval *config, php_dora_rpc_server *server)
{
    zval discovery;
    zval redis;
    zval tls;
    zval groups;

    if (Z_TYPE(server->discovery) != IS_ARRAY) {
        return true;
    }
    HashTable *given = Z_ARRVAL(server->discovery);
    array_init(&discovery);
    array_init(&redis);
    array_init(&tls);
    array_init(&groups);
    bool is_added =
        groups_add(&groups, Z_ARRVAL_P(zend_hash_index_find(given, 0))) &&
        php_dora_rpc_redis_add(&redis, &tls, Z_ARRVAL_P(zend_hash_index_find(given, 1)), DOOR);
    add_assoc_zval(&discovery, "groups", &groups);
    add_assoc_zval(&discovery, "redis", &redis);
    if (zend_hash_num_elements(Z_ARRVAL(tls)) > 0) {
        add_assoc_zval(&discovery, "tls", &tls);
    } else {
        zval_ptr_dtor(&tls); /* an empty array would be a list there */
    }
    is_added = is_added && advertise_add(&discovery, server);
    add_assoc_zval(config, "discovery", &discovery);
    return is_added;
}
