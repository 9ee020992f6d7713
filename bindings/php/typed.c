/* typed.c: a handler's declarations, read once, when all of its classes are there. */
#include "typed.h"

#include "typed_plan.h"

/* ---- ownership ---- */

void php_dora_type_free(php_dora_type *type)
{
    if (type->classes != NULL) {
        efree(type->classes);
    }
    if (type->member != NULL) {
        php_dora_type_free(type->member);
        efree(type->member);
    }
}

static void fields_free(php_dora_fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        php_dora_type_free(&fields->all[i].type);
    }
    if (fields->all != NULL) {
        efree(fields->all);
    }
}

static void class_free(zval *slot)
{
    php_dora_class *class = Z_PTR_P(slot);

    fields_free(&class->fields);
    efree(class);
}

static void init(php_dora_typed *typed)
{
    memset(typed, 0, sizeof(*typed));
    zend_hash_init(&typed->classes, 0, NULL, class_free, false);
    zend_hash_init(&typed->shown, 0, NULL, class_free, false);
}

php_dora_typed *php_dora_typed_new(void)
{
    php_dora_typed *typed = emalloc(sizeof(*typed));

    init(typed);
    return typed;
}

static void text_free(zend_string *text)
{
    if (text != NULL) {
        zend_string_release(text);
    }
}

static void clear(php_dora_typed *typed)
{
    fields_free(&typed->params);
    php_dora_type_free(&typed->result);
    zend_hash_destroy(&typed->classes);
    zend_hash_destroy(&typed->shown);
    text_free(typed->param_schema);
    text_free(typed->result_schema);
}

void php_dora_typed_free(php_dora_typed *typed)
{
    clear(typed);
    efree(typed);
}

/* ---- which handlers are typed ---- */

/* Dora\Request is what a handler is given beside its parameter. */
static bool is_made(zend_string *name)
{
    return !zend_string_equals_literal_ci(name, "Dora\\Request");
}

bool php_dora_typed_wants(const zend_type *type)
{
    const zend_type *each;

    if (ZEND_TYPE_HAS_NAME(*type)) {
        return !ZEND_TYPE_IS_ITERABLE_FALLBACK(*type) && is_made(ZEND_TYPE_NAME(*type));
    }
    if (!ZEND_TYPE_HAS_LIST(*type) || ZEND_TYPE_IS_INTERSECTION(*type)) {
        return false;
    }
    ZEND_TYPE_LIST_FOREACH(ZEND_TYPE_LIST(*type), each)
    {
        if (ZEND_TYPE_HAS_NAME(*each) && is_made(ZEND_TYPE_NAME(*each))) {
            return true;
        }
    }
    ZEND_TYPE_LIST_FOREACH_END();
    return false;
}

static const zend_type *result_of(const zend_function *function)
{
    const bool has_type = (function->common.fn_flags & ZEND_ACC_HAS_RETURN_TYPE) != 0;
    return has_type ? &function->common.arg_info[-1].type : NULL;
}

bool php_dora_typed_shows(const zend_function *function)
{
    const zend_type *result = result_of(function);
    const zend_string *comment = function->op_array.doc_comment;

    return result != NULL &&
           (php_dora_typed_wants(result) || (ZEND_TYPE_FULL_MASK(*result) & MAY_BE_STATIC) != 0 ||
            ((ZEND_TYPE_FULL_MASK(*result) & MAY_BE_ARRAY) != 0 && comment != NULL &&
             strstr(ZSTR_VAL(comment), "@return") != NULL));
}

/* ---- reading ---- */

/* FILE:LINE: handler NAME: WHAT: ... Ownership: takes `fault`, gives the text. */
static zend_string *placed(const zend_function *function, const char *what, zend_string *fault)
{
    const zend_class_entry *class = function->common.scope;
    const bool is_closure = (function->common.fn_flags & ZEND_ACC_CLOSURE) != 0;
    const bool has_class = class != NULL && !is_closure;
    zend_string *text = zend_strpprintf(
        0, "%s:%u: handler %s%s%s: %s%s", ZSTR_VAL(function->op_array.filename),
        function->op_array.line_start, has_class ? ZSTR_VAL(class->name) : "",
        has_class ? "::" : "", is_closure ? "{closure}" : ZSTR_VAL(function->common.function_name),
        what, ZSTR_VAL(fault));

    zend_string_release(fault);
    return text;
}

/* Whether the first parameter is made, where that is one that is given alone. */
static uint32_t params_of(const zend_function *function, bool is_named)
{
    const uint32_t others = (function->common.fn_flags & ZEND_ACC_VARIADIC) != 0;

    if (is_named) {
        return function->common.num_args + others;
    }
    return function->common.num_args + others > 0 &&
           php_dora_typed_wants(&function->common.arg_info[0].type);
}

static bool read_params(php_dora_typed *typed, php_dora_reading *reading,
                        const zend_function *function, bool is_named)
{
    const uint32_t count = params_of(function, is_named);

    typed->params.takes_others = is_named && (function->common.fn_flags & ZEND_ACC_VARIADIC) != 0;
    if (!php_dora_reading_params(reading, function, count, &typed->params) ||
        !php_dora_reading_ends(reading)) {
        return false;
    }
    if (is_named) {
        typed->param_schema = php_dora_typed_schema_of(&typed->params, &typed->classes);
    } else if (count > 0) {
        typed->param_schema = php_dora_typed_schema(&typed->params.all[0].type, &typed->classes);
    }
    return true;
}

/* Objects of the program's own classes, and cases of pure enums, have a place on the wire then. */
static bool is_opened(const php_dora_class *class)
{
    return class->kind == PHP_DORA_CLASS_MADE ||
           (class->kind == PHP_DORA_CLASS_ENUM && class->entry->enum_backing_type == IS_UNDEF);
}

static bool read_result(php_dora_typed *typed, php_dora_reading *reading,
                        const zend_function *function)
{
    const zend_type *declared = result_of(function);
    const php_dora_place place = php_dora_place_of(function);
    php_dora_class *class;

    if (declared == NULL) {
        return true;
    }
    if ((function->common.fn_flags & ZEND_ACC_GENERATOR) != 0) {
        typed->opens_result = true; /* it cannot say of which classes its parts are */
        return true;
    }
    if (!php_dora_reading_type(reading, declared, function->common.scope, &typed->result) ||
        !php_dora_doc_member(reading, &place, "@return", NULL, &typed->result)) {
        return false;
    }
    ZEND_HASH_FOREACH_PTR(&typed->shown, class)
    {
        typed->opens_result |= is_opened(class);
    }
    ZEND_HASH_FOREACH_END();
    typed->result_schema = php_dora_typed_schema(&typed->result, &typed->shown);
    return true;
}

zend_string *php_dora_typed_prepare(php_dora_typed *typed, const zend_function *function,
                                    bool is_named)
{
    php_dora_reading param = {.classes = &typed->classes};
    php_dora_reading result = {.classes = &typed->shown, .is_result = true};

    if (typed->is_prepared) {
        return NULL;
    }
    if (typed->is_reading) {
        return placed(
            function, "",
            zend_string_init(ZEND_STRL("it is called by an autoloader that is to find its classes"),
                             false));
    }
    typed->is_reading = true;
    typed->is_prepared =
        read_params(typed, &param, function, is_named) && read_result(typed, &result, function);
    typed->is_reading = false;
    if (typed->is_prepared) {
        return NULL;
    }
    clear(typed);
    init(typed);
    if (param.fault != NULL) {
        return placed(function, "", param.fault);
    }
    return result.fault != NULL ? placed(function, "result: ", result.fault) : NULL;
}
