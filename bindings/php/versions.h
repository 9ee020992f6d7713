/* versions.h: what PHP 8.1 has under another name, or has not, and what 8.5 does otherwise. */
#ifndef PHP_DORA_VERSIONS_H
#define PHP_DORA_VERSIONS_H

#include "php.h"
#include "zend_enum.h"
#include "zend_interfaces.h"

/* A text or a number as a text. PHP 8.5 would warn of NAN, which is refused by name anyway.
 * Ownership: the caller's. */
static inline zend_string *php_dora_text_of(zval *value)
{
    return Z_TYPE_P(value) == IS_DOUBLE && zend_isnan(Z_DVAL_P(value))
               ? zend_string_init("NAN", 3, false)
               : zval_get_string(value);
}

#if PHP_VERSION_ID < 80200
#define ZEND_ACC_ALLOW_DYNAMIC_PROPERTIES 0 /* there it goes without saying */
#ifndef ZSTR_INIT_LITERAL
#define ZSTR_INIT_LITERAL(text, persistent) zend_string_init(text, sizeof(text) - 1, persistent)
#endif
/* There it would have its texts changeable, and changes none. */
#define zend_string_equals(one, other)                                                             \
    zend_string_equals((zend_string *)(uintptr_t)(one), (zend_string *)(uintptr_t)(other))
#define zend_str_has_nul_byte(text) (strlen(ZSTR_VAL(text)) != ZSTR_LEN(text))
#define zend_string_equals_cstr(text, other, length)                                               \
    (ZSTR_LEN(text) == (length) && memcmp(ZSTR_VAL(text), other, length) == 0)
#define zend_atomic_bool_load_ex(flag) (*(flag))
#define zend_atomic_bool_store_ex(flag, value) (*(flag) = (value))
#define ZEND_TYPE_IS_ITERABLE_FALLBACK(type) false

/* Its constants hold the cases, so none of them is given a reference more. */
static inline zend_object *php_dora_enum_case(zend_class_entry *class, zend_string *name)
{
    zend_class_constant *found = zend_hash_find_ptr(CE_CONSTANTS_TABLE(class), name);
    if (Z_TYPE(found->value) == IS_CONSTANT_AST) {
        (void)zval_update_constant_ex(&found->value, found->ce);
    }
    return Z_TYPE(found->value) == IS_OBJECT ? Z_OBJ(found->value) : NULL;
}
#define zend_enum_get_case php_dora_enum_case

static inline zend_result php_dora_enum_of(zend_object **found, zend_class_entry *class,
                                           zend_long number, zend_string *text, bool may_be_none)
{
    zval value;
    zval result;

    (void)may_be_none;
    if (text != NULL) {
        ZVAL_STR(&value, text);
    } else {
        ZVAL_LONG(&value, number);
    }
    ZVAL_UNDEF(&result);
    zend_call_method_with_1_params(NULL, class, NULL, "tryfrom", &result, &value);
    *found = Z_TYPE(result) == IS_OBJECT ? Z_OBJ(result) : NULL;
    zval_ptr_dtor(&result);
    return EG(exception) == NULL ? SUCCESS : FAILURE;
}
#define zend_enum_get_case_by_value php_dora_enum_of
#endif

#endif
