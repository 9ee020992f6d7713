/* options.c: arrays of options to what they mean. */
#include "options.h"

#include <math.h>

#include "zend_smart_str.h"

bool php_dora_seconds(double seconds, uint32_t *ms)
{
    if (!(seconds > 0.0) || seconds * 1000.0 > (double)INT32_MAX) {
        return false;
    }
    *ms = (uint32_t)ceil(seconds * 1000.0);
    return true;
}

static bool timeout_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG && Z_TYPE_P(value) != IS_DOUBLE) {
        zend_argument_type_error(arg, "must have a number of seconds as \"timeout\"");
        return false;
    }
    if (!php_dora_seconds(zval_get_double(value), &options->timeout_ms)) {
        zend_argument_value_error(arg, "must have a positive number of seconds as \"timeout\"");
        return false;
    }
    return true;
}

static bool retry_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) < 0 || Z_LVAL_P(value) > INT32_MAX) {
        zend_argument_value_error(arg, "must have an int of 0 or more as \"retry\"");
        return false;
    }
    options->retry = (int32_t)Z_LVAL_P(value);
    return true;
}

static bool text_read(zend_string **text, zval *value, uint32_t arg, const char *name)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_STRING || zend_str_has_nul_byte(Z_STR_P(value))) {
        zend_argument_type_error(arg, "must have a string without NUL bytes as \"%s\"", name);
        return false;
    }
    *text = Z_STR_P(value);
    return true;
}

static bool group_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return text_read(&options->group, value, arg, "group");
}

static bool salt_read(php_dora_options *options, zval *value, uint32_t arg)
{
    zend_string *salt = NULL;

    if (!text_read(&salt, value, arg, "salt")) {
        return false;
    }
    if (salt != NULL) {
        options->salt = ZSTR_VAL(salt);
    }
    return true;
}

static bool sign_read(php_dora_options *options, zval *value, uint32_t arg)
{
    (void)arg;
    options->sign = zend_is_true(value);
    return true;
}

static bool gzip_read(php_dora_options *options, zval *value, uint32_t arg)
{
    (void)arg;
    options->gzip = zend_is_true(value);
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

static const struct option {
    const char *name;
    unsigned kind;
    bool (*read)(php_dora_options *options, zval *value, uint32_t arg);
} known[] = {
    {"timeout", PHP_DORA_OPTION_CALL, timeout_read},
    {"retry", PHP_DORA_OPTION_CALL, retry_read},
    {"group", PHP_DORA_OPTION_CALL, group_read},
    {"sign", PHP_DORA_OPTION_WIRE, sign_read},
    {"salt", PHP_DORA_OPTION_WIRE, salt_read},
    {"gzip", PHP_DORA_OPTION_WIRE, gzip_read},
    {"bytesMax", PHP_DORA_OPTION_BYTES_MAX, bytes_max_read},
};

static void refuse_unknown(const zend_string *key, uint32_t arg, unsigned allowed)
{
    smart_str names = {0};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].kind & allowed) {
            smart_str_appends(&names, names.s != NULL ? ", " : "");
            smart_str_appends(&names, known[i].name);
        }
    }
    smart_str_0(&names);
    zend_argument_value_error(arg, "must not have an unknown option \"%s\" (there are: %s)",
                              ZSTR_VAL(key), ZSTR_VAL(names.s));
    smart_str_free(&names);
}

static bool option_read(php_dora_options *options, zend_string *key, zval *value, uint32_t arg,
                        unsigned allowed)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if ((known[i].kind & allowed) &&
            zend_string_equals_cstr(key, known[i].name, strlen(known[i].name))) {
            return known[i].read(options, value, arg);
        }
    }
    refuse_unknown(key, arg, allowed);
    return false;
}

bool php_dora_options_read(php_dora_options *options, HashTable *given, uint32_t arg,
                           unsigned allowed)
{
    zend_string *key;
    zval *value;

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
    if (file != NULL) {
        argv_add(&list, file);
    }
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
