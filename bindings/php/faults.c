/* faults.c: what does not fit in a parameter, and where. */
#include "faults.h"

#include "ext/json/php_json.h"
#include "zend_exceptions.h"

#include "exception.h"

#define TEXT_BYTES_MAX 8192u /* a reply's message has no more */

static bool is_identifier(const zend_string *name)
{
    for (size_t i = 0; i < ZSTR_LEN(name); i++) {
        const unsigned char byte = (unsigned char)ZSTR_VAL(name)[i];
        const bool is_letter = byte >= 0x80 || byte == '_' || isalpha(byte);
        if (!is_letter && (i == 0 || !isdigit(byte))) {
            return false;
        }
    }
    return ZSTR_LEN(name) > 0;
}

/* Adds a path: $, $.name, $[7], $["a b"]. */
static void add_path(smart_str *text, const php_dora_step *at)
{
    zval name;

    if (at == NULL) {
        smart_str_appendc(text, '$');
        return;
    }
    add_path(text, at->up);
    if (at->name == NULL) {
        smart_str_append_printf(text, "[" ZEND_LONG_FMT "]", (zend_long)at->number);
    } else if (is_identifier(at->name)) {
        smart_str_appendc(text, '.');
        smart_str_append(text, at->name);
    } else {
        smart_str_appendc(text, '[');
        ZVAL_STR(&name, at->name);
        (void)php_json_encode(text, &name,
                              PHP_JSON_UNESCAPED_UNICODE | PHP_JSON_UNESCAPED_SLASHES |
                                  PHP_JSON_INVALID_UTF8_SUBSTITUTE);
        smart_str_appendc(text, ']');
    }
}

void php_dora_faults_add(smart_str *faults, const php_dora_step *at, const char *reason)
{
    if (php_dora_faults_len(faults) > TEXT_BYTES_MAX) {
        return;
    }
    if (php_dora_faults_len(faults) > 0) {
        smart_str_appends(faults, "; ");
    }
    add_path(faults, at);
    smart_str_appends(faults, ": ");
    for (; *reason != '\0'; reason++) { /* "; " stands between two faults */
        smart_str_appendc(faults, reason[0] == ';' && reason[1] == ' ' ? ',' : reason[0]);
    }
}

size_t php_dora_faults_len(const smart_str *faults)
{
    return faults->s != NULL ? ZSTR_LEN(faults->s) : 0;
}

void php_dora_faults_cut(smart_str *faults, size_t len)
{
    if (faults->s != NULL) {
        ZSTR_LEN(faults->s) = len;
    }
}

void php_dora_faults_throw(smart_str *faults)
{
    smart_str_0(faults);
    zend_throw_exception(php_dora_misfit_ce, ZSTR_VAL(faults->s), DORA_CODE_WRONG_SHAPE);
    smart_str_free(faults);
}

const char *php_dora_kind_of(const zval *value)
{
    switch (Z_TYPE_P(value)) {
    case IS_ARRAY:
        if (zend_hash_num_elements(Z_ARRVAL_P(value)) == 0) {
            return "an empty list";
        }
        return php_dora_is_row(Z_ARRVAL_P(value)) ? "a list" : "a map";
    case IS_STRING:
        return "a text";
    case IS_LONG:
    case IS_DOUBLE:
        return "a number";
    case IS_TRUE:
    case IS_FALSE:
        return "a truth value";
    default:
        return zend_zval_type_name(value);
    }
}

bool php_dora_is_row(const HashTable *array)
{
    return zend_hash_num_elements(array) > 0 && zend_array_is_list((HashTable *)array);
}
