/* typed_show.c: results as their declarations have them: what is declared as a map is one, though
 * PHP's empty array, and one with the keys 0, 1, 2, ..., are lists on the wire. */
#include "typed.h"

void php_dora_typed_own(zval *member)
{
    zval own;

    if (Z_ISREF_P(member)) {
        ZVAL_COPY(&own, Z_REFVAL_P(member));
        zval_ptr_dtor(member);
        ZVAL_COPY_VALUE(member, &own);
    }
}

bool php_dora_typed_is_shown(const zend_property_info *property)
{
#if PHP_VERSION_ID >= 80400
    if ((property->flags & ZEND_ACC_VIRTUAL) != 0 &&
        (property->hooks == NULL || property->hooks[ZEND_PROPERTY_HOOK_GET] == NULL)) {
        return false; /* it can only be set */
    }
#endif
    return (property->flags & (ZEND_ACC_PUBLIC | ZEND_ACC_STATIC)) == ZEND_ACC_PUBLIC;
}

bool php_dora_typed_has_maps(const php_dora_type *type)
{
    return type->member != NULL &&
           (type->keys == PHP_DORA_KEYS_MAP || php_dora_typed_has_maps(type->member));
}

void php_dora_typed_show(const php_dora_type *type, zval *value)
{
    zval *member;

    if (Z_TYPE_P(value) != IS_ARRAY || !php_dora_typed_has_maps(type)) {
        return;
    }
    SEPARATE_ARRAY(value);
    if (php_dora_typed_has_maps(type->member)) {
        ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(value), member)
        {
            php_dora_typed_own(member);
            php_dora_typed_show(type->member, member);
        }
        ZEND_HASH_FOREACH_END();
    }
    if (type->keys == PHP_DORA_KEYS_MAP && zend_array_is_list(Z_ARRVAL_P(value))) {
        convert_to_object(value);
    }
}

/* The class that the result declares, which an object's may extend; NULL: none. */
static const php_dora_class *shown_as(const php_dora_typed *typed, const zend_class_entry *class)
{
    const php_dora_class *found = NULL;

    while (class != NULL && found == NULL) {
        found = zend_hash_index_find_ptr(&typed->shown, (zend_ulong)(uintptr_t) class);
        class = class->parent;
    }
    return found;
}

void php_dora_typed_show_property(const php_dora_typed *typed, const zend_class_entry *class,
                                  const zend_string *name, zval *value)
{
    const php_dora_class *shown = Z_TYPE_P(value) == IS_ARRAY ? shown_as(typed, class) : NULL;

    for (uint32_t i = 0; shown != NULL && shown->has_maps && i < shown->fields.count; i++) {
        if (zend_string_equals(shown->fields.all[i].name, name)) {
            php_dora_typed_show(&shown->fields.all[i].type, value);
        }
    }
}
