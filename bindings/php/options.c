/* options.c: arrays of options to what they mean. */
#include "options.h"

#include <math.h>

static bool timeout_read(php_dora_options *options, zval *value, uint32_t arg)
{
    double seconds;

    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG && Z_TYPE_P(value) != IS_DOUBLE) {
        zend_argument_type_error(arg, "must have a number of seconds as \"timeout\"");
        return false;
    }
    seconds = zval_get_double(value);
    if (!(seconds > 0.0) || seconds * 1000.0 > (double)INT32_MAX) {
        zend_argument_value_error(arg, "must have a positive number of seconds as \"timeout\"");
        return false;
    }
    options->timeout_ms = (uint32_t)ceil(seconds * 1000.0);
    return true;
}

static bool wire_read(php_dora_options *options, zend_string *key, zval *value, uint32_t arg)
{
    if (zend_string_equals_literal(key, "sign")) {
        options->sign = zend_is_true(value);
        return true;
    }
    if (zend_string_equals_literal(key, "gzip")) {
        options->gzip = zend_is_true(value);
        return true;
    }
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_STRING || zend_str_has_nul_byte(Z_STR_P(value))) {
        zend_argument_type_error(arg, "must have a string without NUL bytes as \"salt\"");
        return false;
    }
    options->salt = Z_STR_P(value);
    return true;
}

static bool bytes_max_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) <= 0) {
        zend_argument_value_error(arg, "must have a positive int as \"bytesMax\"");
        return false;
    }
    options->bytes_max = (size_t)Z_LVAL_P(value);
    return true;
}

static bool is_wire(const zend_string *key)
{
    return zend_string_equals_literal(key, "sign") || zend_string_equals_literal(key, "salt") ||
           zend_string_equals_literal(key, "gzip");
}

static bool option_read(php_dora_options *options, zend_string *key, zval *value, uint32_t arg,
                        unsigned allowed)
{
    if ((allowed & PHP_DORA_OPTION_TIMEOUT) && zend_string_equals_literal(key, "timeout")) {
        return timeout_read(options, value, arg);
    }
    if ((allowed & PHP_DORA_OPTION_WIRE) && is_wire(key)) {
        return wire_read(options, key, value, arg);
    }
    if ((allowed & PHP_DORA_OPTION_BYTES_MAX) && zend_string_equals_literal(key, "bytesMax")) {
        return bytes_max_read(options, value, arg);
    }
    zend_argument_value_error(arg, "must not have an unknown option \"%s\"", ZSTR_VAL(key));
    return false;
}

bool php_dora_options_read(php_dora_options *options, HashTable *given, uint32_t arg,
                           unsigned allowed)
{
    zend_string *key;
    zval *value;

    memset(options, 0, sizeof(*options));
    if (given == NULL) {
        return true;
    }
    ZEND_HASH_FOREACH_STR_KEY_VAL(given, key, value)
    {
        if (key == NULL) {
            zend_argument_value_error(arg, "must have names of options as keys");
            return false;
        }
        ZVAL_DEREF(value);
        if (!option_read(options, key, value, arg, allowed)) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

typedef struct argv_list {
    char **items;
    int count;
    int room;
} argv_list;

static void argv_add(argv_list *list, const char *text)
{
    if (list->count + 1 >= list->room) {
        list->room = list->room > 0 ? list->room * 2 : 16;
        list->items = safe_erealloc(list->items, (size_t)list->room, sizeof(char *), 0);
    }
    list->items[list->count++] = estrdup(text);
    list->items[list->count] = NULL;
}

static bool argv_add_value(argv_list *list, const char *flag, zval *value)
{
    ZVAL_DEREF(value);
    if (Z_TYPE_P(value) != IS_STRING && Z_TYPE_P(value) != IS_LONG &&
        Z_TYPE_P(value) != IS_DOUBLE) {
        zend_argument_type_error(1, "must have strings and numbers as values of \"%s\"", flag + 2);
        return false;
    }
    zend_string *text = zval_get_string(value);
    argv_add(list, flag);
    argv_add(list, ZSTR_VAL(text));
    zend_string_release(text);
    return true;
}

static bool argv_add_option(argv_list *list, zend_string *key, zval *value)
{
    char flag[64];
    bool added = true;

    snprintf(flag, sizeof(flag), "--%s", ZSTR_VAL(key));
    for (char *at = flag; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
    ZVAL_DEREF(value);
    if (Z_TYPE_P(value) == IS_NULL || Z_TYPE_P(value) == IS_FALSE) {
        return true;
    }
    if (Z_TYPE_P(value) == IS_TRUE) {
        argv_add(list, flag);
        return true;
    }
    if (Z_TYPE_P(value) != IS_ARRAY) {
        return argv_add_value(list, flag, value);
    }
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(value), value)
    {
        added = added && argv_add_value(list, flag, value);
    }
    ZEND_HASH_FOREACH_END();
    return added;
}

int php_dora_argv_from_options(HashTable *given, const char *file, char ***argv)
{
    argv_list list = {0};
    zend_string *key;
    zval *value;

    argv_add(&list, "dora");
    argv_add(&list, "serve");
    argv_add(&list, file);
    *argv = list.items;
    if (given == NULL) {
        return list.count;
    }
    ZEND_HASH_FOREACH_STR_KEY_VAL(given, key, value)
    {
        if (key == NULL) {
            zend_argument_value_error(1, "must have names of options as keys");
        } else if (argv_add_option(&list, key, value)) {
            continue;
        }
        php_dora_argv_free(list.items);
        *argv = NULL;
        return 0;
    }
    ZEND_HASH_FOREACH_END();
    *argv = list.items;
    return list.count;
}

void php_dora_argv_free(char **argv)
{
    if (argv == NULL) {
        return;
    }
    for (size_t i = 0; argv[i] != NULL; i++) {
        efree(argv[i]);
    }
    efree(argv);
}
