/* rpc_redis.c: the original's lists of Redis, as urls. */
#include "rpc_redis.h"

#include "ext/standard/url.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "exception.h"

#define REDIS_PORT 6379

static bool refuse(const char *door, const char *what)
{
    zend_throw_exception_ex(php_dora_exception_ce, 0, "%s: %s", door, what);
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

/* Adds a url once, however often it is listed. Ownership: takes `url`. */
static void url_add(zval *list, zend_string *url)
{
    zval *known;

    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(list), known)
    {
        if (zend_string_equals(Z_STR_P(known), url)) {
            zend_string_release(url);
            return;
        }
    }
    ZEND_HASH_FOREACH_END();
    add_next_index_str(list, url);
}

/* Whether a place in the list is one that is not used: the original looks at both like this. */
static bool is_unused(const zval *ip, const zval *port)
{
    if (ip != NULL && Z_TYPE_P(ip) == IS_STRING && Z_STRLEN_P(ip) == 0) {
        return true;
    }
    return port != NULL && ((Z_TYPE_P(port) == IS_LONG && Z_LVAL_P(port) <= 0) ||
                            (Z_TYPE_P(port) == IS_STRING &&
                             (Z_STRLEN_P(port) == 0 || strcmp(Z_STRVAL_P(port), "0") == 0)));
}

/* Whether all that stands in `given` is known: names, and texts. */
static bool is_tls(HashTable *given)
{
    static const char *const names[] = {"ca", "cert", "key", "name"};
    zval *value;
    size_t known = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = zend_hash_str_find_deref(given, names[i], strlen(names[i]));
        if (value != NULL && (Z_TYPE_P(value) != IS_STRING || Z_STRLEN_P(value) == 0)) {
            return false;
        }
        known += value != NULL ? 1 : 0;
    }
    return known == zend_hash_num_elements(given);
}

/* Takes the "tls" of a Redis; `*has_tls` says whether it is spoken to so. */
static bool tls_take(zval *tls, HashTable *node, bool *has_tls, const char *door)
{
    zval *given = member_of(node, "tls");

    *has_tls = given != NULL && Z_TYPE_P(given) != IS_FALSE;
    if (!*has_tls || Z_TYPE_P(given) == IS_TRUE) {
        return true;
    }
    if (Z_TYPE_P(given) != IS_ARRAY || !is_tls(Z_ARRVAL_P(given))) {
        return refuse(door, "\"tls\" of a Redis is true, or an array of the texts \"ca\", "
                            "\"cert\", \"key\" and \"name\"");
    }
    if (zend_hash_num_elements(Z_ARRVAL_P(tls)) > 0 && !zend_is_identical(tls, given)) {
        return refuse(door, "\"tls\" of all Redis must have the same files: give one ca with the "
                            "certificates of all");
    }
    zval_ptr_dtor(tls);
    ZVAL_COPY(tls, given);
    return true;
}

/* Adds one ['ip' => , 'port' => , 'password' => , 'database' => , 'tls' => ] as a url. */
static bool redis_add(zval *list, zval *tls, HashTable *node, const char *door)
{
    bool has_tls;
    zval *ip = member_of(node, "ip");
    zval *port = member_of(node, "port");
    zval *password = member_of(node, "password");
    zval *database = member_of(node, "database");
    smart_str url = {0};

    if (is_unused(ip, port)) {
        return true;
    }
    if (ip == NULL || Z_TYPE_P(ip) != IS_STRING || !is_plain(port) || !is_plain(password) ||
        !is_plain(database)) {
        return refuse(door,
                      "a Redis must be an array with a string \"ip\", and \"port\", \"password\", "
                      "\"database\" and \"tls\" may be there");
    }
    if (!tls_take(tls, node, &has_tls, door)) {
        return false;
    }
    smart_str_appends(&url, has_tls ? "rediss://" : "redis://");
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
    url_add(list, smart_str_extract(&url));
    return true;
}

static bool report_add(zval *list, zval *tls, HashTable *report, bool is_outer, const char *door)
{
    zval *item;

    ZEND_HASH_FOREACH_VAL(report, item)
    {
        ZVAL_DEREF(item);
        if (Z_TYPE_P(item) != IS_ARRAY) {
            return refuse(door, "Redis are given as a list of lists of ['ip' => , 'port' => ]");
        }
        bool is_node = !is_outer || zend_hash_str_exists(Z_ARRVAL_P(item), "ip", 2);
        if (!(is_node ? redis_add(list, tls, Z_ARRVAL_P(item), door)
                      : report_add(list, tls, Z_ARRVAL_P(item), false, door))) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

bool php_dora_rpc_redis_add(zval *list, zval *tls, HashTable *report, const char *door)
{
    if (zend_hash_str_exists(report, "ip", sizeof("ip") - 1)) {
        return redis_add(list, tls, report, door);
    }
    return report_add(list, tls, report, true, door);
}
