/* nodes.c: what PHP programs give as servers, to the texts that the core takes. */
#include "nodes.h"

#include "zend_exceptions.h"
#include "zend_smart_str.h"
#include "zend_virtual_cwd.h"

#define FILE_MARK "file:" /* what stands before the path of a node file */

/* Of names and addresses, as the core takes them. */
#define HOST_LEN_MAX 255
#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%[]"

/* Ownership: takes both strings. */
static void nodes_add(php_dora_nodes *nodes, zend_string *name, zend_string *text)
{
    nodes->groups = safe_erealloc(nodes->groups, nodes->count + 1, sizeof(*nodes->groups), 0);
    nodes->groups[nodes->count++] = (php_dora_group){name, text};
}

void php_dora_nodes_free(php_dora_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->groups[i].name != NULL) {
            zend_string_release(nodes->groups[i].name);
        }
        zend_string_release(nodes->groups[i].nodes);
    }
    if (nodes->groups != NULL) {
        efree(nodes->groups);
    }
    memset(nodes, 0, sizeof(*nodes));
}

/* Gives the only text, behind the blanks that the core passes over; an empty one where there are
 * groups. */
static const char *only_text(const php_dora_nodes *nodes)
{
    if (nodes->count != 1 || nodes->groups[0].name != NULL) {
        return "";
    }
    const char *text = ZSTR_VAL(nodes->groups[0].nodes);
    return text + strspn(text, " ");
}

bool php_dora_nodes_is_registry(const php_dora_nodes *nodes)
{
    const char *text = only_text(nodes);

    return strncmp(text, FILE_MARK, sizeof(FILE_MARK) - 1) == 0 ||
           strncmp(text, "redis://", 8) == 0;
}

zend_string *php_dora_nodes_file(php_dora_nodes *nodes)
{
    const char *text = only_text(nodes);
    const char *path = text + sizeof(FILE_MARK) - 1;

    if (strncmp(text, FILE_MARK, sizeof(FILE_MARK) - 1) != 0 || *path == '\0') {
        return NULL;
    }
    char *whole = expand_filepath_with_mode(path, NULL, NULL, 0, CWD_EXPAND);
    zend_string *file = zend_string_init(path, strlen(path), false);
    if (whole != NULL) {
        zend_string_release(file);
        file = zend_string_init(whole, strlen(whole), false);
        efree(whole);
    }
    zend_string_release(nodes->groups[0].nodes);
    nodes->groups[0].nodes = zend_strpprintf(0, FILE_MARK "%s", ZSTR_VAL(file));
    return file;
}

bool php_dora_nodes_has(const php_dora_nodes *nodes, const zend_string *group)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->groups[i].name != NULL && zend_string_equals(nodes->groups[i].name, group)) {
            return true;
        }
    }
    return false;
}

static void text_append(smart_str *joined, const zend_string *text)
{
    if (joined->s != NULL) {
        smart_str_appendc(joined, ',');
    }
    smart_str_append(joined, text);
}

static bool list_append(smart_str *joined, HashTable *list)
{
    zval *node;

    ZEND_HASH_FOREACH_VAL(list, node)
    {
        ZVAL_DEREF(node);
        if (Z_TYPE_P(node) != IS_STRING) {
            zend_argument_type_error(1, "must be a list of \"host:port\"");
            return false;
        }
        text_append(joined, Z_STR_P(node));
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

/* Adds one set. Ownership: takes `name`. Returns: false with an exception raised. */
static bool set_read(php_dora_nodes *nodes, zend_string *name, zend_string *text, HashTable *list)
{
    smart_str joined = {0};

    if (text != NULL) {
        text_append(&joined, text);
    } else if (!list_append(&joined, list)) {
        smart_str_free(&joined);
        if (name != NULL) {
            zend_string_release(name);
        }
        return false;
    }
    nodes_add(nodes, name, smart_str_extract(&joined));
    const zend_string *all = nodes->groups[nodes->count - 1].nodes;
    if (zend_str_has_nul_byte(all)) {
        zend_argument_value_error(1, "must not have a NUL byte, as behind \"%s\"", ZSTR_VAL(all));
        return false;
    }
    if (name != NULL && zend_str_has_nul_byte(name)) {
        zend_argument_value_error(1, "must not have a NUL byte in a group's name, as behind \"%s\"",
                                  ZSTR_VAL(name));
        return false;
    }
    if (ZSTR_LEN(all) > 0) {
        return true;
    }
    if (name != NULL) {
        zend_argument_value_error(1, "must name at least one \"host:port\" in group \"%s\"",
                                  ZSTR_VAL(name));
    } else {
        zend_argument_value_error(1, "must name at least one \"host:port\"");
    }
    return false;
}

/* A list of nodes has no names and holds no arrays. */
static bool is_grouped(HashTable *array)
{
    zend_string *key;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(array, key, value)
    {
        ZVAL_DEREF(value);
        if (key != NULL || Z_TYPE_P(value) == IS_ARRAY) {
            return true;
        }
    }
    ZEND_HASH_FOREACH_END();
    return false;
}

static zend_string *name_of(zend_string *key, zend_ulong index)
{
    return key != NULL ? zend_string_copy(key) : zend_long_to_str((zend_long)index);
}

bool php_dora_nodes_read(php_dora_nodes *nodes, zend_string *text, HashTable *array)
{
    zend_ulong index;
    zend_string *key;
    zval *value;

    memset(nodes, 0, sizeof(*nodes));
    if (array == NULL || !is_grouped(array)) {
        return set_read(nodes, NULL, text, array);
    }
    ZEND_HASH_FOREACH_KEY_VAL(array, index, key, value)
    {
        ZVAL_DEREF(value);
        if (Z_TYPE_P(value) != IS_STRING && Z_TYPE_P(value) != IS_ARRAY) {
            zend_argument_type_error(1, "must be group => list of \"host:port\"");
            return false;
        }
        zend_string *one = Z_TYPE_P(value) == IS_STRING ? Z_STR_P(value) : NULL;
        HashTable *list = one == NULL ? Z_ARRVAL_P(value) : NULL;
        if (!set_read(nodes, name_of(key, index), one, list)) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

zend_string *php_dora_address(zval *ip, zval *port, zend_string **problem)
{
    zend_string *text;
    zend_long number = 0;

    *problem = NULL;
    if (ip == NULL || Z_TYPE_P(ip) != IS_STRING || Z_STRLEN_P(ip) == 0 ||
        Z_STRLEN_P(ip) > HOST_LEN_MAX ||
        strspn(Z_STRVAL_P(ip), HOST_CHARACTERS) != Z_STRLEN_P(ip)) {
        *problem = zend_strpprintf(0, "ip must be an address as text");
        return NULL;
    }
    if (port != NULL && Z_TYPE_P(port) == IS_LONG) {
        number = Z_LVAL_P(port);
    } else if (port != NULL && Z_TYPE_P(port) == IS_STRING &&
               is_numeric_string(Z_STRVAL_P(port), Z_STRLEN_P(port), &number, NULL, false) !=
                   IS_LONG) {
        number = 0;
    }
    if (number < 1 || number > 65535) {
        *problem = zend_strpprintf(0, "port must be a number from 1 to 65535");
        return NULL;
    }
    bool is_v6 = memchr(Z_STRVAL_P(ip), ':', Z_STRLEN_P(ip)) != NULL && Z_STRVAL_P(ip)[0] != '[';
    text = zend_strpprintf(0, is_v6 ? "[%s]:" ZEND_LONG_FMT : "%s:" ZEND_LONG_FMT, Z_STRVAL_P(ip),
                           number);
    return text;
}

/* Joins the addresses of one group. What is no address is left out, since the original found out
 * when it asked it; `*problem` is the first. */
static zend_string *config_join(zval *list, zend_string **problem)
{
    smart_str joined = {0};
    zval *node;

    if (Z_TYPE_P(list) != IS_ARRAY) {
        *problem = zend_strpprintf(0, "it must be a list of ['ip' => , 'port' => ]");
        return ZSTR_EMPTY_ALLOC();
    }
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(list), node)
    {
        zend_string *why = NULL;
        ZVAL_DEREF(node);
        HashTable *members =
            Z_TYPE_P(node) == IS_ARRAY ? Z_ARRVAL_P(node) : (HashTable *)&zend_empty_array;
        zval *ip = zend_hash_str_find_deref(members, ZEND_STRL("ip"));
        zval *port = zend_hash_str_find_deref(members, ZEND_STRL("port"));
        zend_string *address = php_dora_address(ip, port, &why);
        if (address != NULL) {
            text_append(&joined, address);
            zend_string_release(address);
        } else if (*problem == NULL) {
            *problem = why;
        } else {
            zend_string_release(why);
        }
    }
    ZEND_HASH_FOREACH_END();
    return smart_str_extract(&joined);
}

void php_dora_nodes_config(php_dora_nodes *nodes, HashTable *config, HashTable *problems)
{
    zend_ulong index;
    zend_string *key;
    zval *list;
    zval state;

    memset(nodes, 0, sizeof(*nodes));
    ZEND_HASH_FOREACH_KEY_VAL(config, index, key, list)
    {
        ZVAL_DEREF(list);
        zend_string *problem = NULL;
        zend_string *name = name_of(key, index);
        zend_string *joined = config_join(list, &problem);
        ZVAL_NULL(&state);
        if (ZSTR_LEN(joined) == 0) {
            ZVAL_STR(&state, problem != NULL ? zend_string_copy(problem)
                                             : zend_strpprintf(0, "its list is empty"));
        }
        zend_symtable_update(problems, name, &state);
        if (problem != NULL) {
            zend_string_release(problem);
        }
        if (ZSTR_LEN(joined) > 0) {
            nodes_add(nodes, name, joined);
        } else {
            zend_string_release(name);
            zend_string_release(joined);
        }
    }
    ZEND_HASH_FOREACH_END();
    if (nodes->count == 0) {
        /* The core's clients have a node: this one has a name that no mode can choose. */
        nodes_add(nodes, zend_string_init("\n", 1, false),
                  zend_string_init("127.0.0.1:1", sizeof("127.0.0.1:1") - 1, false));
    }
}
