/* plain.c: objects as values of the wire: dates, enums, what says itself how it is written. */
#include "plain.h"

#include "ext/date/php_date.h"
#include "ext/json/php_json.h"
#include "ext/spl/spl_array.h"
#include "zend_enum.h"
#include "zend_interfaces.h"

#define DATE_FORMAT "Y-m-d\\TH:i:s.uP" /* RFC 3339 */
#define WHOLE_SECOND ".000000"

/* Calls the method of `class`, which the object is one of, without arguments or with one. Returns:
 * false with an exception raised. */
static bool ask_as(zend_class_entry *class, zend_object *object, const char *method, zval *arg,
                   zval *answer)
{
    ZVAL_UNDEF(answer);
    zend_call_method(object, class, NULL, method, strlen(method), answer, arg != NULL ? 1 : 0, arg,
                     NULL);
    return EG(exception) == NULL && !Z_ISUNDEF_P(answer);
}

static bool ask(zend_object *object, const char *method, zval *answer)
{
    return ask_as(object->ce, object, method, NULL, answer);
}

/* Dates have one form on the wire: a format() of the program's own is not asked. */
static bool date_text(zend_object *date, zval *text)
{
    zend_class_entry *const mutable = php_date_get_date_ce();
    zend_class_entry *const base =
        instanceof_function(date->ce, mutable) ? mutable : php_date_get_immutable_ce();
    zval format;

    ZVAL_STRINGL(&format, DATE_FORMAT, sizeof(DATE_FORMAT) - 1);
    const bool is_given =
        ask_as(base, date, "format", &format, text) && Z_TYPE_P(text) == IS_STRING;
    zval_ptr_dtor(&format);
    if (is_given) {
        const char *at = strstr(Z_STRVAL_P(text), WHOLE_SECOND);
        if (at != NULL) {
            const size_t before = (size_t)(at - Z_STRVAL_P(text));
            zend_string *shorter = zend_strpprintf(0, "%.*s%s", (int)before, Z_STRVAL_P(text),
                                                   at + sizeof(WHOLE_SECOND) - 1);
            zval_ptr_dtor(text);
            ZVAL_STR(text, shorter);
        }
    }
    return is_given;
}

/* An ArrayObject may stand around an object, and a stdClass be cast from one, whose private and
 * protected members have a NUL byte in front of their keys: they are nobody else's. */
static void drop_hidden(zval *members)
{
    zend_string *key;

    ZEND_HASH_FOREACH_STR_KEY(Z_ARRVAL_P(members), key)
    {
        if (key != NULL && ZSTR_LEN(key) > 0 && ZSTR_VAL(key)[0] == '\0') {
            SEPARATE_ARRAY(members);
            zend_hash_del(Z_ARRVAL_P(members), key);
        }
    }
    ZEND_HASH_FOREACH_END();
}

/* Gives the public properties that are there, as the program would read them. */
static bool public_properties(zend_object *object, const php_dora_typed *typed, zval *plain)
{
    const zend_property_info *property;
    zend_string *name;

    array_init(plain);
    ZEND_HASH_FOREACH_STR_KEY_PTR(&object->ce->properties_info, name, property)
    {
        zval hold;
        zval own;
        const bool is_shown =
            php_dora_typed_is_shown(property) &&
            object->handlers->has_property(object, name, ZEND_PROPERTY_EXISTS, NULL);
        if (!is_shown) {
            continue;
        }
        ZVAL_UNDEF(&hold);
        zval *value = zend_read_property_ex(object->ce, object, name, true, &hold);
        if (EG(exception) != NULL) {
            return false;
        }
        ZVAL_COPY_DEREF(&own, value);
        php_dora_typed_show_property(typed, object->ce, name, &own);
        zval_ptr_dtor(&hold); /* of one that is not kept as it is read */
        zend_hash_update(Z_ARRVAL_P(plain), name, &own);
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

static bool by_hook(zend_object *object, const zval *encode, zval *plain)
{
    zval self;

    ZVAL_OBJ(&self, object);
    ZVAL_UNDEF(plain);
    if (encode == NULL ||
        call_user_function(NULL, NULL, (zval *)encode, plain, 1, &self) == FAILURE) {
        return false;
    }
    return EG(exception) == NULL && !Z_ISUNDEF_P(plain);
}

/* What a result shows whose handler says of which class it is. */
static bool open_of(zend_object *object, const php_dora_typed *typed, zval *plain, bool *is_map)
{
    if ((object->ce->ce_flags & ZEND_ACC_ENUM) != 0) {
        ZVAL_COPY(plain, zend_enum_fetch_case_name(object));
        return true;
    }
    *is_map = true;
    return public_properties(object, typed, plain);
}

static bool plain_of(zend_object *object, const zval *encode, const php_dora_typed *typed,
                     zval *plain, bool *is_map)
{
    const zend_class_entry *class = object->ce;

    if (instanceof_function(class, php_json_serializable_ce)) {
        return ask(object, "jsonserialize", plain);
    }
    if (instanceof_function(class, php_date_get_interface_ce())) {
        return date_text(object, plain);
    }
    if ((class->ce_flags & ZEND_ACC_ENUM) != 0 && class->enum_backing_type != IS_UNDEF) {
        ZVAL_COPY(plain, zend_enum_fetch_case_value(object));
        return true;
    }
    if (class == zend_standard_class_def) {
        *is_map = true;
        ZVAL_ARR(plain, zend_proptable_to_symtable(zend_std_get_properties(object), true));
        drop_hidden(plain);
        return true;
    }
    if (instanceof_function(class, spl_ce_ArrayObject)) {
        *is_map = true;
        if (!ask(object, "getarraycopy", plain) || Z_TYPE_P(plain) != IS_ARRAY) {
            return false;
        }
        drop_hidden(plain);
        return true;
    }
    return typed != NULL && class->type == ZEND_USER_CLASS ? open_of(object, typed, plain, is_map)
                                                           : by_hook(object, encode, plain);
}

bool php_dora_plain(zend_object *object, const zval *encode, const php_dora_typed *typed,
                    zval *plain, bool *is_map)
{
    /* Calls that this PHP code makes have a writer of their own. */
    dora_writer *const writer = DORA_G(writer);

    *is_map = false;
    ZVAL_UNDEF(plain);
    DORA_G(writer) = NULL;
    const bool is_given = plain_of(object, encode, typed, plain, is_map);
    dora_writer_free(DORA_G(writer));
    DORA_G(writer) = writer;
    if (!is_given) {
        zval_ptr_dtor(plain);
        ZVAL_UNDEF(plain);
    }
    return is_given;
}
