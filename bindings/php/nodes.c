/* nodes.c: what PHP programs give as servers, walked for the core. */
#include "nodes.h"

#include "zend_exceptions.h"
#include "zend_virtual_cwd.h"

#define FILE_MARK "file:" /* what stands before the path of a node file */

static void text_add(dora_nodes *nodes, zval *value)
{
    if (Z_TYPE_P(value) == IS_STRING) {
        dora_nodes_add(nodes, php_dora_slice(Z_STR_P(value)));
    } else {
        dora_nodes_other(nodes, false, zend_zval_type_name(value));
    }
}

static void list_add(dora_nodes *nodes, HashTable *list)
{
    zval *node;

    dora_nodes_list(nodes);
    ZEND_HASH_FOREACH_VAL(list, node)
    {
        ZVAL_DEREF(node);
        text_add(nodes, node);
    }
    ZEND_HASH_FOREACH_END();
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

static void groups_add(dora_nodes *nodes, HashTable *groups)
{
    zend_ulong index;
    zend_string *key;
    zval *value;

    ZEND_HASH_FOREACH_KEY_VAL(groups, index, key, value)
    {
        ZVAL_DEREF(value);
        zend_string *name = name_of(key, index);
        dora_nodes_group(nodes, php_dora_slice(name));
        zend_string_release(name);
        if (Z_TYPE_P(value) == IS_ARRAY) {
            list_add(nodes, Z_ARRVAL_P(value));
        } else {
            text_add(nodes, value);
        }
    }
    ZEND_HASH_FOREACH_END();
}

/* Ends the process where there is no memory, as Zend's own allocations do. */
static dora_nodes *nodes_new(void)
{
    dora_nodes *nodes = dora_nodes_new();

    if (nodes == NULL) {
        zend_error_noreturn(E_ERROR, "Out of memory");
    }
    return nodes;
}

dora_nodes *php_dora_nodes_read(zend_string *text, HashTable *array, dora_client_options *core)
{
    dora_nodes *nodes = nodes_new();
    dora_error error;
    bool is_type;

    if (array == NULL) {
        dora_nodes_add(nodes, php_dora_slice(text));
    } else if (is_grouped(array)) {
        groups_add(nodes, array);
    } else {
        list_add(nodes, array);
    }
    if (dora_nodes_finish(nodes, core, &is_type, &error) == DORA_OK) {
        return nodes;
    }
    zend_argument_error(is_type ? zend_ce_type_error : zend_ce_value_error, 1, "is wrong: %s",
                        error.msg);
    dora_nodes_free(nodes);
    return NULL;
}

zend_string *php_dora_nodes_file(const char *nodes)
{
    const char *text = nodes != NULL ? nodes + strspn(nodes, " ") : "";
    const char *path = text + sizeof(FILE_MARK) - 1;

    if (strncmp(text, FILE_MARK, sizeof(FILE_MARK) - 1) != 0 || *path == '\0') {
        return NULL;
    }
    char *whole = expand_filepath_with_mode(path, NULL, NULL, 0, CWD_EXPAND);
    zend_string *file = zend_strpprintf(0, FILE_MARK "%s", whole != NULL ? whole : path);
    if (whole != NULL) {
        efree(whole);
    }
    return file;
}

const char *php_dora_nodes_path(const zend_string *file)
{
    return ZSTR_VAL(file) + sizeof(FILE_MARK) - 1;
}

zend_string *php_dora_address(zval *ip, zval *port, zend_string **problem)
{
    char text[DORA_NODE_TEXT_MAX];
    const bool is_text = ip != NULL && Z_TYPE_P(ip) == IS_STRING;
    dora_error error;
    zend_long number = 0;

    *problem = NULL;
    if (port != NULL && Z_TYPE_P(port) == IS_LONG) {
        number = Z_LVAL_P(port);
    } else if (port != NULL && Z_TYPE_P(port) == IS_STRING &&
               is_numeric_string(Z_STRVAL_P(port), Z_STRLEN_P(port), &number, NULL, false) !=
                   IS_LONG) {
        number = 0;
    }
    if (dora_node_text(is_text ? php_dora_slice(Z_STR_P(ip)) : (dora_slice){NULL, 0}, number, text,
                       &error) != DORA_OK) {
        *problem = zend_string_init(error.msg, strlen(error.msg), false);
        return NULL;
    }
    return zend_string_init(text, strlen(text), false);
}

/* Adds the addresses of one group, which begins with the first. What is no address is left out,
 * since the original found out when it asked it. Gives why the group has none, else NULL. */
static zend_string *config_add(dora_nodes *nodes, const zend_string *name, zval *list)
{
    zend_string *problem = NULL;
    bool is_begun = false;
    zval *node;

    if (Z_TYPE_P(list) != IS_ARRAY) {
        return zend_strpprintf(0, "it must be a list of ['ip' => , 'port' => ]");
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
        zval *tls = zend_hash_str_find_deref(members, ZEND_STRL("tls"));
        if (address != NULL && tls != NULL && zend_is_true(tls)) {
            zend_string *plain = address;
            address = zend_strpprintf(0, "tls://%s", ZSTR_VAL(plain));
            zend_string_release(plain);
        }
        if (address != NULL) {
            if (!is_begun) {
                dora_nodes_group(nodes, php_dora_slice(name));
            }
            is_begun = true;
            dora_nodes_add(nodes, php_dora_slice(address));
            zend_string_release(address);
        } else if (problem == NULL) {
            problem = why;
        } else {
            zend_string_release(why);
        }
    }
    ZEND_HASH_FOREACH_END();
    if (is_begun && problem != NULL) {
        zend_string_release(problem);
        problem = NULL;
    } else if (!is_begun && problem == NULL) {
        problem = zend_strpprintf(0, "its list is empty");
    }
    return problem;
}

dora_nodes *php_dora_nodes_config(HashTable *config, HashTable *problems, dora_client_options *core,
                                  dora_error *error)
{
    dora_nodes *nodes = nodes_new();
    bool has_node = false;
    zend_ulong index;
    zend_string *key;
    zval *list;
    zval state;

    ZEND_HASH_FOREACH_KEY_VAL(config, index, key, list)
    {
        ZVAL_DEREF(list);
        zend_string *name = name_of(key, index);
        zend_string *problem = config_add(nodes, name, list);
        ZVAL_NULL(&state);
        if (problem != NULL) {
            ZVAL_STR(&state, problem);
        }
        has_node = has_node || problem == NULL;
        zend_symtable_update(problems, name, &state);
        zend_string_release(name);
    }
    ZEND_HASH_FOREACH_END();
    if (!has_node) {
        /* The core's clients have a node: this one has a name that no mode can choose. */
        dora_nodes_group(nodes, (dora_slice){"\n", 1});
        dora_nodes_add(nodes, (dora_slice){ZEND_STRL("127.0.0.1:1")});
    }
    if (dora_nodes_finish(nodes, core, NULL, error) != DORA_OK) {
        dora_nodes_free(nodes);
        return NULL;
    }
    return nodes;
}
