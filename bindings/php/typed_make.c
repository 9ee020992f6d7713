/* typed_make.c: values of a call made into what a handler's declarations want: objects by their
 * constructors, enums, dates, scalars as PHP turns them. Each that does not fit is a fault. */
#include "typed.h"

#include "ext/spl/spl_exceptions.h"
#include "zend_enum.h"
#include "zend_exceptions.h"

#include "typed_date.h"
#include "typed_plan.h"

#define CASES_SHOWN_MAX 12u /* of an enum, where none of them is given */

/* making is one parameter on its way. */
typedef struct making {
    smart_str *faults;
    uint32_t depth;
} making;

static bool make(making *self, const php_dora_type *type, zval *value, const php_dora_step *at);

/* Puts another value in the place of one. Ownership: takes `made`. */
static bool replace(zval *value, zval *made)
{
    zval_ptr_dtor(value);
    ZVAL_COPY_VALUE(value, made);
    return true;
}

/* ---- what is wanted, in words ---- */

static void add_word(smart_str *text, const char *word)
{
    if (text->s != NULL) {
        smart_str_appends(text, " or ");
    }
    smart_str_appends(text, word);
}

static void add_case(smart_str *text, zend_class_entry *class, zend_string *name)
{
    zval *value = class->enum_backing_type != IS_UNDEF
                      ? zend_enum_fetch_case_value(zend_enum_get_case(class, name))
                      : NULL;

    if (value != NULL && Z_TYPE_P(value) == IS_LONG) {
        smart_str_append_long(text, Z_LVAL_P(value));
        return;
    }
    smart_str_appendc(text, '"');
    smart_str_append(text, value != NULL ? Z_STR_P(value) : name);
    smart_str_appendc(text, '"');
}

static void add_cases(smart_str *text, zend_class_entry *class)
{
    zend_class_constant *constant;
    zend_string *name;
    uint32_t count = 0;

    add_word(text, "one of ");
    ZEND_HASH_FOREACH_STR_KEY_PTR(CE_CONSTANTS_TABLE(class), name, constant)
    {
        if ((ZEND_CLASS_CONST_FLAGS(constant) & ZEND_CLASS_CONST_IS_CASE) == 0) {
            continue;
        }
        if (count++ == CASES_SHOWN_MAX) {
            smart_str_appends(text, ", ...");
            break;
        }
        smart_str_appends(text, count > 1 ? ", " : "");
        add_case(text, class, name);
    }
    ZEND_HASH_FOREACH_END();
}

static void add_classes(smart_str *text, const php_dora_type *type)
{
    bool has_map = false;

    for (uint32_t i = 0; i < type->class_count; i++) {
        const php_dora_class *class = type->classes[i];
        if (class->kind == PHP_DORA_CLASS_ENUM) {
            add_cases(text, class->entry);
        } else if (class->kind == PHP_DORA_CLASS_DATE) {
            add_word(text, "a date and time as in RFC 3339");
        } else if (!has_map) {
            add_word(text, "a map");
            has_map = true;
        }
    }
}

static const char *array_word(const php_dora_type *type)
{
    if (type->member == NULL || type->keys == PHP_DORA_KEYS_ANY) {
        return "a list or a map";
    }
    return type->keys == PHP_DORA_KEYS_LIST ? "a list" : "a map";
}

/* Of a number that is none of PHP's whole ones. */
static const char *kind_of(double number)
{
    return floor(number) == number ? "one beyond 64 bits" : "a fraction";
}

/* "a map is wanted, not a text" */
static bool refuse(making *self, const php_dora_type *type, const zval *value,
                   const php_dora_step *at)
{
    smart_str text = {0};
    const bool is_number = (type->mask & (MAY_BE_LONG | MAY_BE_DOUBLE)) == MAY_BE_LONG;

    add_classes(&text, type);
    if ((type->mask & (MAY_BE_LONG | MAY_BE_DOUBLE)) != 0) {
        add_word(&text, is_number ? "a whole number" : "a number");
    }
    if ((type->mask & MAY_BE_STRING) != 0) {
        add_word(&text, "a text");
    }
    if ((type->mask & MAY_BE_BOOL) != 0) {
        const bool is_one = (type->mask & MAY_BE_BOOL) != MAY_BE_BOOL;
        add_word(&text, !is_one ? "a truth value" : type->mask & MAY_BE_TRUE ? "true" : "false");
    }
    if ((type->mask & MAY_BE_ARRAY) != 0) {
        add_word(&text, array_word(type));
    }
    if (text.s == NULL) {
        add_word(&text, (type->mask & MAY_BE_NULL) != 0 ? "null" : "what no call has");
    }
    smart_str_append_printf(&text, " is wanted, not %s",
                            is_number && Z_TYPE_P(value) == IS_DOUBLE ? kind_of(Z_DVAL_P(value))
                                                                      : php_dora_kind_of(value));
    smart_str_0(&text);
    php_dora_faults_add(self->faults, at, ZSTR_VAL(text.s));
    smart_str_free(&text);
    return false;
}

/* ---- scalars ---- */

/* PHP cuts off a fraction where a whole number is wanted, with a warning: here it does not fit. */
static uint32_t without_loss(uint32_t mask, const zval *value)
{
    double number = Z_TYPE_P(value) == IS_DOUBLE ? Z_DVAL_P(value) : 0;
    zend_long whole = 0;

    if (Z_TYPE_P(value) == IS_STRING) {
        const uint8_t type =
            is_numeric_string(Z_STRVAL_P(value), Z_STRLEN_P(value), &whole, &number, false);
        if (type == 0) {
            return mask & ~(uint32_t)(MAY_BE_LONG | MAY_BE_DOUBLE);
        }
        if (type == IS_LONG) {
            return mask;
        }
    } else if (Z_TYPE_P(value) != IS_DOUBLE) {
        return mask;
    }
    const bool is_whole =
        ZEND_DOUBLE_FITS_LONG(number) && zend_is_long_compatible(number, zend_dval_to_lval(number));
    return is_whole ? mask : mask & ~(uint32_t)MAY_BE_LONG;
}

static bool make_scalar(const php_dora_type *type, zval *value)
{
    const uint32_t mask = without_loss(type->mask & PHP_DORA_MAY_BE_SCALAR, value);

    return mask != 0 && Z_TYPE_P(value) > IS_NULL && Z_TYPE_P(value) <= IS_STRING &&
           zend_verify_scalar_type_hint(mask, value, false, false);
}

/* ---- enums and dates ---- */

static zend_object *pure_case(zend_class_entry *class, const zval *value)
{
    const zend_class_constant *constant =
        Z_TYPE_P(value) == IS_STRING ? zend_hash_find_ptr(CE_CONSTANTS_TABLE(class), Z_STR_P(value))
                                     : NULL;
    const bool is_case =
        constant != NULL && (ZEND_CLASS_CONST_FLAGS(constant) & ZEND_CLASS_CONST_IS_CASE) != 0;

    return is_case ? zend_enum_get_case(class, Z_STR_P(value)) : NULL;
}

static zend_object *backed_case(zend_class_entry *class, const zval *value)
{
    const bool is_long = class->enum_backing_type == IS_LONG;
    const php_dora_type backing = {.mask = is_long ? MAY_BE_LONG : MAY_BE_STRING};
    zend_object *found = NULL;
    zval own;

    ZVAL_COPY(&own, value);
    if ((backing.mask & (1u << Z_TYPE(own))) != 0 || make_scalar(&backing, &own)) {
        (void)zend_enum_get_case_by_value(&found, class, is_long ? Z_LVAL(own) : 0,
                                          is_long ? NULL : Z_STR(own), true);
    }
    zval_ptr_dtor(&own);
    return found;
}

static bool make_enum(making *self, const php_dora_class *class, zval *value,
                      const php_dora_step *at)
{
    zend_object *found = class->entry->enum_backing_type == IS_UNDEF
                             ? pure_case(class->entry, value)
                             : backed_case(class->entry, value);
    zval made;

    if (found == NULL && EG(exception) == NULL) {
        smart_str text = {0};
        add_cases(&text, class->entry);
        smart_str_appends(&text, " is wanted");
        smart_str_0(&text);
        php_dora_faults_add(self->faults, at, ZSTR_VAL(text.s));
        smart_str_free(&text);
    }
    if (found == NULL) {
        return false;
    }
    ZVAL_OBJ_COPY(&made, found);
    return replace(value, &made);
}

/* ---- objects ---- */

/* A constructor refuses a value by what says that the program was given a wrong one. */
static bool is_refusal(const zend_object *exception)
{
    return instanceof_function(exception->ce, spl_ce_LogicException) ||
           instanceof_function(exception->ce, zend_ce_value_error);
}

static void add_refusal(making *self, const php_dora_step *at)
{
    zend_object *exception = EG(exception);
    zval hold;

    if (!is_refusal(exception)) {
        return;
    }
    zend_class_entry *base =
        instanceof_function(exception->ce, zend_ce_exception) ? zend_ce_exception : zend_ce_error;
    zend_string *text = zval_get_string(
        zend_read_property_ex(base, exception, ZSTR_KNOWN(ZEND_STR_MESSAGE), true, &hold));
    php_dora_faults_add(self->faults, at,
                        ZSTR_LEN(text) > 0 ? ZSTR_VAL(text) : ZSTR_VAL(exception->ce->name));
    zend_string_release(text);
    zend_clear_exception();
}

/* Calls the constructor: with members by their names, or with one text. */
static bool construct(making *self, zend_class_entry *class, HashTable *named, zval *text,
                      zval *object, const php_dora_step *at)
{
    zval nothing;

    if (object_init_ex(object, class) != SUCCESS) {
        return false;
    }
    zend_fcall_info call = {.size = sizeof(call),
                            .object = Z_OBJ_P(object),
                            .retval = &nothing,
                            .params = text,
                            .param_count = text != NULL,
                            .named_params = named};
    zend_fcall_info_cache cache = {
        .function_handler = class->constructor, .object = Z_OBJ_P(object), .called_scope = class};
    ZVAL_UNDEF(&call.function_name);
    ZVAL_UNDEF(&nothing);
    zend_call_function(&call, &cache);
    zval_ptr_dtor(&nothing);
    if (EG(exception) == NULL) {
        return true;
    }
    zend_object_store_ctor_failed(Z_OBJ_P(object));
    zval_ptr_dtor(object);
    ZVAL_UNDEF(object);
    add_refusal(self, at);
    return false;
}

static bool make_date(making *self, const php_dora_class *class, zval *value,
                      const php_dora_step *at)
{
    zend_string *text = php_dora_date_text(Z_STR_P(value));
    zval given;
    zval made;

    if (text == NULL) {
        php_dora_faults_add(self->faults, at, "a date and time as in RFC 3339 is wanted");
        return false;
    }
    ZVAL_STR(&given, text);
    const bool is_made =
        construct(self, php_dora_date_class(class->entry), NULL, &given, &made, at);
    zval_ptr_dtor(&given);
    return is_made && replace(value, &made);
}

/* Makes one member and keeps it by its name. */
static bool make_member(making *self, const php_dora_field *field, zval *given, HashTable *named,
                        const php_dora_step *step)
{
    zval own;

    ZVAL_COPY_DEREF(&own, given);
    if (make(self, &field->type, &own, step)) {
        if (field->by_reference) {
            ZVAL_MAKE_REF(&own);
        }
        zend_hash_update(named, step->name, &own);
        return true;
    }
    zval_ptr_dtor(&own);
    return false;
}

/* The parameter by its name; NULL: none, the variadic one has no name of its own. */
static const php_dora_field *field_by(const php_dora_fields *fields, const zend_string *name)
{
    for (uint32_t i = 0; i + fields->takes_others < fields->count; i++) {
        if (zend_string_equals(fields->all[i].name, name)) {
            return &fields->all[i];
        }
    }
    return NULL;
}

/* What no parameter is named like goes to the variadic one. */
static bool make_others(making *self, const php_dora_fields *fields, HashTable *members,
                        HashTable *named, const php_dora_step *at)
{
    bool are_made = true;
    zend_string *name;
    zval *given;

    ZEND_HASH_FOREACH_STR_KEY_VAL(members, name, given)
    {
        if (name != NULL && EG(exception) == NULL && field_by(fields, name) == NULL) {
            const php_dora_step step = {at, name, 0};
            are_made &= make_member(self, &fields->all[fields->count - 1], given, named, &step);
        }
    }
    ZEND_HASH_FOREACH_END();
    return are_made;
}

/* Returns: false with faults, though their text may be cut, or with an exception raised. */
static bool make_members(making *self, const php_dora_fields *fields, HashTable *members,
                         HashTable *named, const php_dora_step *at)
{
    bool are_made = true;

    for (uint32_t i = 0; EG(exception) == NULL && i + fields->takes_others < fields->count; i++) {
        const php_dora_field *field = &fields->all[i];
        const php_dora_step step = {at, field->name, 0};
        zval *given = zend_hash_find(members, field->name);
        if (given != NULL) {
            are_made &= make_member(self, field, given, named, &step);
        } else if (field->is_required) {
            php_dora_faults_add(self->faults, &step, "missing");
            are_made = false;
        }
    }
    return (!fields->takes_others || make_others(self, fields, members, named, at)) && are_made;
}

static bool refuse_row(making *self, const php_dora_step *at)
{
    php_dora_faults_add(self->faults, at, "a map is wanted, not a list");
    return false;
}

static bool make_object(making *self, const php_dora_class *class, zval *value,
                        const php_dora_step *at)
{
    zval made;

    if (php_dora_is_row(Z_ARRVAL_P(value))) {
        return refuse_row(self, at);
    }
    HashTable *named = zend_new_array(class->fields.count);
    const bool is_made = make_members(self, &class->fields, Z_ARRVAL_P(value), named, at) &&
                         construct(self, class->entry, named, NULL, &made, at);
    zend_array_release(named);
    return is_made && replace(value, &made);
}

static bool make_map(making *self, zval *value, const php_dora_step *at)
{
    if (php_dora_is_row(Z_ARRVAL_P(value))) {
        return refuse_row(self, at);
    }
    SEPARATE_ARRAY(value);
    convert_to_object(value);
    return true;
}

/* ---- any of several ---- */

static bool takes(const php_dora_class *class, const zval *value)
{
    switch (class->kind) {
    case PHP_DORA_CLASS_ENUM:
        return Z_TYPE_P(value) > IS_NULL && Z_TYPE_P(value) <= IS_STRING;
    case PHP_DORA_CLASS_DATE:
        return Z_TYPE_P(value) == IS_STRING;
    case PHP_DORA_CLASS_MADE:
    case PHP_DORA_CLASS_MAP:
        return Z_TYPE_P(value) == IS_ARRAY;
    case PHP_DORA_CLASS_ELSE:
        break;
    }
    return false;
}

static bool make_class(making *self, const php_dora_class *class, zval *value,
                       const php_dora_step *at)
{
    switch (class->kind) {
    case PHP_DORA_CLASS_ENUM:
        return make_enum(self, class, value, at);
    case PHP_DORA_CLASS_DATE:
        return make_date(self, class, value, at);
    case PHP_DORA_CLASS_MADE:
        return make_object(self, class, value, at);
    default:
        return make_map(self, value, at);
    }
}

/* Of several classes none could be made of the map. */
static bool refuse_all(making *self, const php_dora_type *type, const php_dora_step *at)
{
    smart_str text = {0};

    for (uint32_t i = 0; i < type->class_count; i++) {
        if (type->classes[i]->kind == PHP_DORA_CLASS_MADE) {
            smart_str_appends(&text, text.s == NULL ? "it fits none of " : ", ");
            smart_str_append(&text, type->classes[i]->entry->name);
        }
    }
    smart_str_0(&text);
    php_dora_faults_add(self->faults, at, ZSTR_VAL(text.s));
    smart_str_free(&text);
    return false;
}

/* The first class that the value can be made into. Where one alone can be meant, its faults say
 * more than that it is wanted. */
static bool make_any(making *self, const php_dora_type *type, zval *value, const php_dora_step *at)
{
    const size_t before = php_dora_faults_len(self->faults);
    uint32_t tried = 0;

    for (uint32_t i = 0; i < type->class_count; i++) {
        if (!takes(type->classes[i], value)) {
            continue;
        }
        tried++;
        if (make_class(self, type->classes[i], value, at)) {
            php_dora_faults_cut(self->faults, before);
            return true;
        }
        if (EG(exception) != NULL) {
            return false;
        }
    }
    if (make_scalar(type, value)) {
        php_dora_faults_cut(self->faults, before);
        return true;
    }
    const bool is_told =
        tried == 1 && (Z_TYPE_P(value) == IS_ARRAY || (type->mask & PHP_DORA_MAY_BE_SCALAR) == 0);
    if (EG(exception) != NULL || is_told) {
        return false;
    }
    php_dora_faults_cut(self->faults, before);
    const bool is_map = Z_TYPE_P(value) == IS_ARRAY && !php_dora_is_row(Z_ARRVAL_P(value));
    return tried > 1 && is_map ? refuse_all(self, type, at) : refuse(self, type, value, at);
}

/* ---- arrays ---- */

static bool make_array(making *self, const php_dora_type *type, zval *value,
                       const php_dora_step *at)
{
    const bool is_list = zend_array_is_list(Z_ARRVAL_P(value));
    bool is_made = true;
    zend_ulong number;
    zend_string *name;
    zval *member;

    if ((type->keys == PHP_DORA_KEYS_LIST && !is_list) ||
        (type->keys == PHP_DORA_KEYS_MAP && php_dora_is_row(Z_ARRVAL_P(value)))) {
        return refuse(self, type, value, at);
    }
    SEPARATE_ARRAY(value);
    ZEND_HASH_FOREACH_KEY_VAL(Z_ARRVAL_P(value), number, name, member)
    {
        const php_dora_step step = {at, name, number};
        php_dora_typed_own(member);
        is_made &= make(self, type->member, member, &step);
        if (EG(exception) != NULL) {
            break;
        }
    }
    ZEND_HASH_FOREACH_END();
    return is_made;
}

static bool is_instance(const php_dora_type *type, const zval *value)
{
    for (uint32_t i = 0; i < type->class_count; i++) {
        if (instanceof_function(Z_OBJCE_P(value), type->classes[i]->entry)) {
            return true;
        }
    }
    return false;
}

/* Values that fit are left as they are: those of PHP's own types, and the objects that middleware
 * has made. */
static bool make(making *self, const php_dora_type *type, zval *value, const php_dora_step *at)
{
    bool is_made = true;

    if (!dora_depth_fits(self->depth)) {
        php_dora_faults_add(self->faults, at, "deeper than this thread's stack has room for");
        return false;
    }
    self->depth++;
    if ((type->mask & (1u << Z_TYPE_P(value))) != 0) {
        is_made = Z_TYPE_P(value) != IS_ARRAY || type->member == NULL ||
                  make_array(self, type, value, at);
    } else if (Z_TYPE_P(value) != IS_OBJECT || !is_instance(type, value)) {
        is_made = make_any(self, type, value, at);
    }
    self->depth--;
    return is_made;
}

bool php_dora_typed_param(const php_dora_typed *typed, zval *value)
{
    smart_str faults = {0};
    making self = {.faults = &faults};

    if (make(&self, &typed->params.all[0].type, value, NULL)) {
        smart_str_free(&faults);
        return true;
    }
    if (EG(exception) == NULL) {
        php_dora_faults_throw(&faults);
    } else {
        smart_str_free(&faults);
    }
    return false;
}

/* The parameter that a member is given to; NULL: none. */
static const php_dora_field *field_of(const php_dora_fields *fields, const zend_string *name)
{
    const php_dora_field *field = field_by(fields, name);
    return field != NULL || !fields->takes_others ? field : &fields->all[fields->count - 1];
}

void php_dora_typed_members(const php_dora_typed *typed, HashTable *members, smart_str *faults)
{
    making self = {.faults = faults};
    zend_string *name;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(members, name, value)
    {
        const php_dora_field *field = name != NULL ? field_of(&typed->params, name) : NULL;
        const php_dora_step step = {NULL, name, 0};
        if (field == NULL) {
            continue;
        }
        php_dora_typed_own(value);
        (void)make(&self, &field->type, value, &step);
        if (EG(exception) != NULL) {
            break;
        }
    }
    ZEND_HASH_FOREACH_END();
}
