/* typed_plan.c: what declarations say: of parameters, of the classes that these are of, and what
 * is in those again. */
#include "typed_plan.h"

#include "ext/date/php_date.h"
#include "ext/json/php_json.h"

#include "handler.h"
#include "request.h"

/* ---- classes ---- */

static bool refuse(php_dora_reading *reading, const char *format, const zend_class_entry *class)
{
    reading->fault = zend_strpprintf(0, format, ZSTR_VAL(class->name));
    return false;
}

/* Says why a class cannot be made of what a call has. */
static bool can_construct(php_dora_reading *reading, const zend_class_entry *class)
{
    if ((class->ce_flags & ZEND_ACC_INTERFACE) != 0) {
        return refuse(reading, "%s is an interface, of which no object can be made", class);
    }
    if ((class->ce_flags & (ZEND_ACC_EXPLICIT_ABSTRACT_CLASS | ZEND_ACC_IMPLICIT_ABSTRACT_CLASS))) {
        return refuse(reading, "%s is abstract, no object can be made of it", class);
    }
    if (class->constructor == NULL) {
        return refuse(reading, "%s has no constructor that its members could be given to", class);
    }
    if ((class->constructor->common.fn_flags & ZEND_ACC_PUBLIC) == 0) {
        return refuse(reading, "%s has a constructor that is not public", class);
    }
    return true;
}

static bool kind_of_made(php_dora_reading *reading, const zend_class_entry *class,
                         php_dora_class_kind *kind)
{
    *kind = PHP_DORA_CLASS_MADE;
    if (class->type == ZEND_INTERNAL_CLASS) {
        return refuse(reading,
                      "%s is built in: take a class of your own, an enum, a DateTimeInterface or "
                      "stdClass",
                      class);
    }
    if (!can_construct(reading, class)) {
        return false;
    }
    return class->constructor->type == ZEND_USER_FUNCTION ||
           refuse(reading, "%s has no constructor of its own that its members could be given to",
                  class);
}

static php_dora_class_kind kind_of_shown(const zend_class_entry *class)
{
    const bool is_own =
        class->type == ZEND_USER_CLASS && !instanceof_function(class, php_json_serializable_ce);
    return is_own ? PHP_DORA_CLASS_MADE : PHP_DORA_CLASS_ELSE;
}

/* A case's value may be an expression that cannot be evaluated, which PHP does when it is asked for
 * first. Returns: false with a fault, or with an exception raised. */
static bool has_cases(php_dora_reading *reading, zend_class_entry *class)
{
    const zend_class_constant *constant;

    if (class->type == ZEND_USER_CLASS && zend_update_class_constants(class) != SUCCESS) {
        return false;
    }
    ZEND_HASH_FOREACH_PTR(CE_CONSTANTS_TABLE(class), constant)
    {
        if ((ZEND_CLASS_CONST_FLAGS(constant) & ZEND_CLASS_CONST_IS_CASE) != 0) {
            return true;
        }
    }
    ZEND_HASH_FOREACH_END();
    return reading->is_result || refuse(reading, "%s is an enum that has no cases", class);
}

static bool kind_of(php_dora_reading *reading, zend_class_entry *class, php_dora_class_kind *kind)
{
    if ((class->ce_flags & ZEND_ACC_ENUM) != 0) {
        *kind = PHP_DORA_CLASS_ENUM;
        return has_cases(reading, class);
    }
    if (instanceof_function(class, php_date_get_interface_ce())) {
        const bool is_any = class == php_date_get_interface_ce();
        *kind = PHP_DORA_CLASS_DATE;
        return reading->is_result || is_any || can_construct(reading, class);
    }
    if (class == zend_standard_class_def) {
        *kind = PHP_DORA_CLASS_MAP;
        return true;
    }
    if (reading->is_result) {
        *kind = kind_of_shown(class);
        return true;
    }
    return kind_of_made(reading, class, kind);
}

/* The value of a parameter that is not given, where it is written as one. */
static const zval *standard_of(const zend_op_array *code, uint32_t at)
{
    for (uint32_t i = 0; i < code->last; i++) {
        const zend_op *op = &code->opcodes[i];
        if (op->opcode == ZEND_RECV_INIT && op->op1.num == at + 1) {
            const zval *value = RT_CONSTANT(op, op->op2);
            return Z_TYPE_P(value) == IS_CONSTANT_AST ? NULL : value;
        }
    }
    return NULL;
}

/* Puts in front of a fault where it is: the class of it, once, and then the handler's parameter. */
static void place_fault(php_dora_reading *reading, const zend_string *class, const char *between,
                        const zend_string *name)
{
    if (reading->fault == NULL || (class != NULL && reading->is_placed)) {
        return;
    }
    zend_string *longer = zend_strpprintf(0, "%s%s$%s: %s", class != NULL ? ZSTR_VAL(class) : "",
                                          between, ZSTR_VAL(name), ZSTR_VAL(reading->fault));
    zend_string_release(reading->fault);
    reading->fault = longer;
    reading->is_placed = true;
}

static php_dora_place place_in(zend_class_entry *class)
{
    const bool is_own = class->type == ZEND_USER_CLASS;

    return (php_dora_place){NULL, is_own ? class->info.user.filename : NULL,
                            is_own ? class->info.user.line_start : 0, class};
}

static bool is_constructor(const zend_function *function)
{
    return (function->common.fn_flags & ZEND_ACC_CTOR) != 0;
}

php_dora_place php_dora_place_of(const zend_function *function)
{
    return (php_dora_place){function->op_array.doc_comment, function->op_array.filename,
                            function->op_array.line_start, function->common.scope};
}

/* The trait that a property is written in; NULL: it is in the class itself. */
static zend_class_entry *trait_of(const zend_class_entry *class, const zend_string *comment,
                                  const zend_string *name)
{
    for (uint32_t i = 0; i < class->num_traits; i++) {
        zend_class_entry *trait =
            zend_hash_find_ptr(EG(class_table), class->trait_names[i].lc_name);
        const zend_property_info *property =
            trait != NULL ? zend_hash_find_ptr(&trait->properties_info, (zend_string *)name) : NULL;
        if (property != NULL && property->doc_comment != NULL &&
            zend_string_equals(property->doc_comment, comment)) {
            zend_class_entry *inner = trait_of(trait, comment, name);
            return inner != NULL ? inner : trait;
        }
    }
    return NULL;
}

/* The comment of a property, which stands where that is written. */
static php_dora_place place_of_property(const zend_property_info *property, const zend_string *name)
{
    const zend_function *constructor = property->ce->constructor;
    const bool is_param = (property->flags & ZEND_ACC_PROMOTED) != 0 && constructor != NULL &&
                          constructor->type == ZEND_USER_FUNCTION;
    zend_class_entry *trait = !is_param && property->doc_comment != NULL
                                  ? trait_of(property->ce, property->doc_comment, name)
                                  : NULL;
    php_dora_place place =
        is_param ? php_dora_place_of(constructor) : place_in(trait != NULL ? trait : property->ce);

    place.comment = property->doc_comment;
    place.scope = property->ce;
    return place;
}

/* What the comments say of a property: its own, or of one that is a parameter of the constructor as
 * well, that one's. */
static bool read_property_comment(php_dora_reading *reading, const zend_property_info *property,
                                  const zend_string *name, php_dora_type *type)
{
    const zend_function *constructor = property->ce->constructor;
    php_dora_place place = place_of_property(property, name);

    if (!php_dora_doc_member(reading, &place, "@var", NULL, type)) {
        return false;
    }
    if (type->member != NULL || (property->flags & ZEND_ACC_PROMOTED) == 0 || constructor == NULL ||
        constructor->type != ZEND_USER_FUNCTION) {
        return true;
    }
    place.comment = constructor->op_array.doc_comment;
    return php_dora_doc_member(reading, &place, "@param", name, type);
}

static bool read_param_comment(php_dora_reading *reading, const zend_function *function,
                               uint32_t at, php_dora_type *type)
{
    zend_string *name = function->common.arg_info[at].name;
    const php_dora_place place = php_dora_place_of(function);

    if (!php_dora_doc_member(reading, &place, "@param", name, type)) {
        return false;
    }
    if (type->member != NULL || !is_constructor(function)) {
        return true;
    }
    const zend_property_info *property =
        zend_hash_find_ptr(&place.scope->properties_info, (zend_string *)name);
    if (property == NULL) {
        return true;
    }
    const php_dora_place own = place_of_property(property, name);
    return php_dora_doc_member(reading, &own, "@var", NULL, type);
}

static bool read_param(php_dora_reading *reading, const zend_function *function, uint32_t at,
                       php_dora_field *field)
{
    const zend_arg_info *info = &function->common.arg_info[at];
    zend_class_entry *scope = function->common.scope;
    const bool is_own = is_constructor(function);

    field->name = info->name;
    field->is_required = at < function->common.required_num_args;
    field->by_reference = ARG_SHOULD_BE_SENT_BY_REF(function, at + 1);
    field->standard = field->is_required ? NULL : standard_of(&function->op_array, at);
    if (!is_own && zend_string_equals_literal(info->name, PHP_DORA_REQUEST_NAME)) {
        field->type.mask = MAY_BE_ANY;
        return true;
    }
    if (php_dora_reading_type(reading, &info->type, scope, &field->type) &&
        read_param_comment(reading, function, at, &field->type)) {
        return true;
    }
    place_fault(reading, is_own ? scope->name : NULL, is_own ? "::__construct(), " : "parameter ",
                info->name);
    return false;
}

bool php_dora_reading_params(php_dora_reading *reading, const zend_function *function,
                             uint32_t count, php_dora_fields *fields)
{
    fields->all = ecalloc(count > 0 ? count : 1, sizeof(*fields->all));
    for (uint32_t i = 0; i < count; i++) {
        fields->count++;
        if (!read_param(reading, function, i, &fields->all[i])) {
            return false;
        }
    }
    return true;
}

/* The constructor's parameters, the variadic one too. */
static bool read_constructor(php_dora_reading *reading, php_dora_class *class)
{
    const zend_function *constructor = class->entry->constructor;

    class->fields.takes_others = (constructor->common.fn_flags & ZEND_ACC_VARIADIC) != 0;
    return php_dora_reading_params(reading, constructor,
                                   constructor->common.num_args + class->fields.takes_others,
                                   &class->fields);
}

/* The properties that a result of the class shows. */
static bool read_properties(php_dora_reading *reading, php_dora_class *class)
{
    HashTable *properties = &class->entry->properties_info;
    zend_property_info *property;
    zend_string *name;

    class->fields.all = ecalloc(zend_hash_num_elements(properties) + 1, sizeof(*class->fields.all));
    ZEND_HASH_FOREACH_STR_KEY_PTR(properties, name, property)
    {
        if (!php_dora_typed_is_shown(property)) {
            continue;
        }
        php_dora_field *field = &class->fields.all[class->fields.count++];
        field->name = name;
        field->is_required = true;
        if (!php_dora_reading_type(reading, &property->type, property->ce, &field->type) ||
            !read_property_comment(reading, property, name, &field->type)) {
            place_fault(reading, class->entry->name, "::", name);
            return false;
        }
        class->has_maps |= php_dora_typed_has_maps(&field->type);
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

php_dora_class *php_dora_reading_class(php_dora_reading *reading, zend_class_entry *entry)
{
    const zend_ulong key = (zend_ulong)(uintptr_t)entry;
    php_dora_class *class = zend_hash_index_find_ptr(reading->classes, key);
    php_dora_class_kind kind;

    if (class != NULL) {
        return class;
    }
    if (!kind_of(reading, entry, &kind)) {
        return NULL;
    }
    class = ecalloc(1, sizeof(*class));
    class->entry = entry;
    class->kind = kind;
    class->can_be_made = kind != PHP_DORA_CLASS_MADE;
    zend_hash_index_add_new_ptr(reading->classes, key, class);
    if (kind != PHP_DORA_CLASS_MADE) {
        return class;
    }
    const bool is_read =
        reading->is_result ? read_properties(reading, class) : read_constructor(reading, class);
    return is_read ? class : NULL;
}

/* ---- types ---- */

static zend_class_entry *entry_of(php_dora_reading *reading, zend_string *name,
                                  zend_class_entry *scope)
{
    zend_class_entry *entry = scope;

    if (scope != NULL && zend_string_equals_literal_ci(name, "parent")) {
        entry = scope->parent;
    } else if (scope == NULL || !zend_string_equals_literal_ci(name, "self")) {
        entry = zend_lookup_class(name);
    }
    if (entry == NULL && EG(exception) == NULL) {
        reading->fault = zend_strpprintf(0, "there is no class %s", ZSTR_VAL(name));
    }
    return entry;
}

void php_dora_type_add(php_dora_type *type, php_dora_class *class)
{
    for (uint32_t i = 0; i < type->class_count; i++) {
        if (type->classes[i] == class) {
            return;
        }
    }
    type->classes = erealloc(type->classes, (type->class_count + 1) * sizeof(*type->classes));
    type->classes[type->class_count++] = class;
}

/* Where values of PHP's own types do, a class that no value can be made into is one that none is:
 * iterable is Traversable|array. */
static bool read_name(php_dora_reading *reading, zend_string *name, zend_class_entry *scope,
                      php_dora_type *type)
{
    zend_class_entry *entry = entry_of(reading, name, scope);
    php_dora_class *class = entry != NULL ? php_dora_reading_class(reading, entry) : NULL;

    if (class != NULL) {
        php_dora_type_add(type, class);
        return true;
    }
    if (entry == NULL || EG(exception) != NULL || reading->is_placed ||
        (type->mask & PHP_DORA_MAY_BE_SENT & ~(uint32_t)MAY_BE_NULL) == 0) {
        return false;
    }
    zend_string_release(reading->fault);
    reading->fault = NULL;
    return true;
}

/* What is callable cannot be told from a text before it is called. */
static uint32_t mask_of(const zend_type *declared)
{
    const uint32_t mask = ZEND_TYPE_PURE_MASK(*declared);
    const bool is_any = !ZEND_TYPE_IS_SET(*declared) || (mask & MAY_BE_CALLABLE) != 0;

    return is_any ? MAY_BE_ANY : mask;
}

/* Of a parameter: of that type nothing can be made. */
static bool refuse_type(php_dora_reading *reading, const zend_type *declared)
{
    zend_string *text = zend_type_to_string(*declared);

    reading->fault =
        zend_strpprintf(0,
                        "of type %s no value can be made: take a class, array, a scalar type or "
                        "mixed",
                        ZSTR_VAL(text));
    zend_string_release(text);
    return false;
}

bool php_dora_reading_type(php_dora_reading *reading, const zend_type *declared,
                           zend_class_entry *scope, php_dora_type *type)
{
    const zend_type *each;
    bool is_read = true;

    type->mask = mask_of(declared);
    if ((type->mask & MAY_BE_STATIC) != 0 && scope != NULL) { /* of a method's result alone */
        php_dora_class *class = php_dora_reading_class(reading, scope);
        if (class == NULL) {
            return false;
        }
        php_dora_type_add(type, class);
        type->mask &= ~(uint32_t)MAY_BE_STATIC;
    }
    if (ZEND_TYPE_HAS_NAME(*declared)) {
        return read_name(reading, ZEND_TYPE_NAME(*declared), scope, type);
    }
    if (!ZEND_TYPE_HAS_LIST(*declared) || ZEND_TYPE_IS_INTERSECTION(*declared)) {
        const bool is_possible = reading->is_result || (type->mask & PHP_DORA_MAY_BE_SENT) != 0;
        return is_possible || refuse_type(reading, declared);
    }
    ZEND_TYPE_LIST_FOREACH(ZEND_TYPE_LIST(*declared), each)
    {
        if (is_read && ZEND_TYPE_HAS_NAME(*each)) {
            is_read = read_name(reading, ZEND_TYPE_NAME(*each), scope, type);
        }
    }
    ZEND_TYPE_LIST_FOREACH_END();
    return is_read;
}

/* ---- classes that contain themselves ---- */

static bool type_can_be_made(const php_dora_type *type)
{
    bool can = (type->mask & PHP_DORA_MAY_BE_SENT) != 0;

    for (uint32_t i = 0; !can && i < type->class_count; i++) {
        can = type->classes[i]->can_be_made;
    }
    return can;
}

/* The first field without which the class cannot be, and that cannot be made; NULL: none. */
static const php_dora_field *endless(const php_dora_class *class)
{
    for (uint32_t i = 0; i < class->fields.count; i++) {
        const php_dora_field *field = &class->fields.all[i];
        if (field->is_required && !type_can_be_made(&field->type)) {
            return field;
        }
    }
    return NULL;
}

bool php_dora_reading_ends(php_dora_reading *reading)
{
    php_dora_class *class;
    bool has_changed = true;

    while (has_changed) {
        has_changed = false;
        ZEND_HASH_FOREACH_PTR(reading->classes, class)
        {
            const bool can = !class->can_be_made && endless(class) == NULL;
            class->can_be_made |= can;
            has_changed |= can;
        }
        ZEND_HASH_FOREACH_END();
    }
    ZEND_HASH_FOREACH_PTR(reading->classes, class)
    {
        if (!class->can_be_made) {
            reading->fault = zend_strpprintf(
                0, "%s contains itself without end: let its $%s be null, or give it a default",
                ZSTR_VAL(class->entry->name), ZSTR_VAL(endless(class)->name));
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}
