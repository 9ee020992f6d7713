/* rpc_server_discovery.c: the original's discovery(): groups, and lists of Redis. */
#include "rpc_server_discovery.h"

#include "ext/standard/url.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "exception.h"

#define REDIS_PORT 6379

static bool refuse(const char *what)
{
    zend_throw_exception_ex(php_dora_exception_ce, 0, "discovery(): %s", what);
    return false;
}

/* Appends ":PORT", whose value may be missing, a number, or a text, which the core then reads. */
static void port_append(smart_str *url, zval *port)
{
    zend_string *text = port != NULL ? zval_get_string(port) : zend_long_to_str(REDIS_PORT);

    smart_str_appendc(url, ':');
    smart_str_append(url, text);
    zend_string_release(text);
}

/* Appends ":PASSWORD@", with all that a url may not have escaped. */
static void password_append(smart_str *url, zval *password)
{
    zend_string *text = zval_get_string(password);
    zend_string *escaped = php_raw_url_encode(ZSTR_VAL(text), ZSTR_LEN(text));

    smart_str_appendc(url, ':');
    smart_str_append(url, escaped);
    smart_str_appendc(url, '@');
    zend_string_release(escaped);
    zend_string_release(text);
}

static bool is_plain(const zval *value)
{
    return value == NULL || Z_TYPE_P(value) == IS_STRING || Z_TYPE_P(value) == IS_LONG ||
           Z_TYPE_P(value) == IS_NULL;
}

static zval *member_of(HashTable *node, const char *name)
{
    zval *value = zend_hash_str_find_deref(node, name, strlen(name));
    return value != NULL && Z_TYPE_P(value) == IS_NULL ? NULL : value;
}

/* Adds one ['ip' => , 'port' => , 'password' => , 'database' => ] as a url. */
static bool redis_add(zval *list, HashTable *node)
{
    zval *ip = member_of(node, "ip");
    zval *port = member_of(node, "port");
    zval *password = member_of(node, "password");
    zval *database = member_of(node, "database");
    smart_str url = {0};

    if (ip == NULL || Z_TYPE_P(ip) != IS_STRING || !is_plain(port) || !is_plain(password) ||
        !is_plain(database)) {
        return refuse("a Redis must be an array with a string \"ip\", and \"port\", \"password\" "
                      "and \"database\" may be there");
    }
    smart_str_appends(&url, "redis://");
    if (password != NULL && (Z_TYPE_P(password) != IS_STRING || Z_STRLEN_P(password) > 0)) {
        password_append(&url, password);
    }
    bool is_v6 = strchr(Z_STRVAL_P(ip), ':') != NULL;
    smart_str_appends(&url, is_v6 ? "[" : "");
    smart_str_append(&url, Z_STR_P(ip));
    smart_str_appends(&url, is_v6 ? "]" : "");
    port_append(&url, port);
    if (database != NULL) {
        zend_string *number = zval_get_string(database);
        smart_str_appendc(&url, '/');
        smart_str_append(&url, number);
        zend_string_release(number);
    }
    add_next_index_str(list, smart_str_extract(&url));
    return true;
}

/* Adds what $report holds: lists of Redis, as in the original, or Redis. */
static bool report_add(zval *list, HashTable *report, bool is_outer)
{
    zval *item;

    ZEND_HASH_FOREACH_VAL(report, item)
    {
        ZVAL_DEREF(item);
        if (Z_TYPE_P(item) != IS_ARRAY) {
            return refuse("$report must be a list of lists of ['ip' => , 'port' => ]");
        }
        bool is_node = !is_outer || zend_hash_str_exists(Z_ARRVAL_P(item), "ip", 2);
        if (!(is_node ? redis_add(list, Z_ARRVAL_P(item))
                      : report_add(list, Z_ARRVAL_P(item), false))) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
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
        add_next_index_str(list, zval_get_string(name));
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
    zval groups;

    if (Z_TYPE(server->discovery) != IS_ARRAY) {
        return true;
    }
    HashTable *given = Z_ARRVAL(server->discovery);
    array_init(&discovery);
    array_init(&redis);
    array_init(&groups);
    bool is_added = groups_add(&groups, Z_ARRVAL_P(zend_hash_index_find(given, 0))) &&
                    report_add(&redis, Z_ARRVAL_P(zend_hash_index_find(given, 1)), true);
    add_assoc_zval(&discovery, "groups", &groups);
    add_assoc_zval(&discovery, "redis", &redis);
    is_added = is_added && advertise_add(&discovery, server);
    add_assoc_zval(config, "discovery", &discovery);
    return is_added;
}
