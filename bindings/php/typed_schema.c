/* typed_schema.c: a handler's declarations as JSON Schema: classes and enums among "$defs". */
#include "typed.h"

#include "ext/json/php_json.h"
#include "zend_enum.h"

#include "handler.h"
#include "typed_plan.h"

/* schema is one document. */
typedef struct schema {
    smart_str *out;
    HashTable names;             /* key of a class -> its name among the definitions */
    const php_dora_class **used; /* those that are referred to, in that order */
    uint32_t used_count;
} schema;

static void add_type(schema *self, const php_dora_type *type, bool is_whole);

static void add_value(smart_str *out, const zval *value)
{
    (void)php_json_encode(out, (zval *)value,
                          PHP_JSON_UNESCAPED_UNICODE | PHP_JSON_UNESCAPED_SLASHES |
                              PHP_JSON_PRESERVE_ZERO_FRACTION | PHP_JSON_INVALID_UTF8_SUBSTITUTE |
                              PHP_JSON_PARTIAL_OUTPUT_ON_ERROR);
}

static void add_text(smart_str *out, const zend_string *text)
{
    zval value;

    ZVAL_STR(&value, (zend_string *)text);
    add_value(out, &value);
}

static zend_ulong key_of(const php_dora_class *class)
{
    return (zend_ulong)(uintptr_t) class->entry;
}

/* ---- names ---- */

/* The last part of a class's name. */
static zend_string *short_name(const zend_class_entry *class)
{
    const char *last = zend_memrchr(ZSTR_VAL(class->name), '\\', ZSTR_LEN(class->name));
    const char *name = last != NULL ? last + 1 : ZSTR_VAL(class->name);

    return zend_string_init(name, strlen(name), false);
}

/* The whole name, its parts joined by dots: as it may stand in a reference. */
static zend_string *long_name(const zend_class_entry *class)
{
    zend_string *name = zend_string_init(ZSTR_VAL(class->name), ZSTR_LEN(class->name), false);

    for (size_t i = 0; i < ZSTR_LEN(name); i++) {
        if (ZSTR_VAL(name)[i] == '\\') {
            ZSTR_VAL(name)[i] = '.';
        }
    }
    return name;
}

/* Gives each class its short name, or the long one where two would have the same. */
static void name_all(schema *self, HashTable *classes)
{
    const php_dora_class *class;
    HashTable taken;
    zval name;

    zend_hash_init(&taken, 8, NULL, NULL, false);
    ZEND_HASH_FOREACH_PTR(classes, class)
    {
        ZVAL_STR(&name, short_name(class->entry));
        if (zend_hash_add_empty_element(&taken, Z_STR(name)) == NULL) {
            zval_ptr_dtor(&name);
            ZVAL_STR(&name, long_name(class->entry));
        }
        zend_hash_index_update(&self->names, key_of(class), &name);
    }
    ZEND_HASH_FOREACH_END();
    zend_hash_destroy(&taken);
}

/* ---- one class ---- */

static void add_cases(smart_str *out, zend_class_entry *class)
{
    const bool is_pure = class->enum_backing_type == IS_UNDEF;
    zend_class_constant *constant;
    zend_string *name;
    bool is_first = true;

    smart_str_appends(out, "{\"enum\":[");
    ZEND_HASH_FOREACH_STR_KEY_PTR(CE_CONSTANTS_TABLE(class), name, constant)
    {
        if ((ZEND_CLASS_CONST_FLAGS(constant) & ZEND_CLASS_CONST_IS_CASE) == 0) {
            continue;
        }
        smart_str_appends(out, is_first ? "" : ",");
        is_first = false;
        if (is_pure) {
            add_text(out, name);
        } else {
            add_value(out, zend_enum_fetch_case_value(zend_enum_get_case(class, name)));
        }
    }
    ZEND_HASH_FOREACH_END();
    smart_str_appends(out, class->enum_backing_type == IS_LONG ? "],\"type\":\"integer\""
                                                               : "],\"type\":\"string\"");
}

static void add_required(schema *self, const php_dora_fields *fields, const zend_string *without)
{
    bool is_first = true;

    for (uint32_t i = 0; i + fields->takes_others < fields->count; i++) {
        const php_dora_field *field = &fields->all[i];
        if (field->is_required && (without == NULL || !zend_string_equals(field->name, without))) {
            smart_str_appends(self->out, is_first ? ",\"required\":[" : ",");
            add_text(self->out, field->name);
            is_first = false;
        }
    }
    smart_str_appends(self->out, is_first ? "" : "]");
}

/* Adds a member to a schema that is written: behind its last brace's place. */
static void add_standard(schema *self, const php_dora_field *field)
{
    const bool is_empty = ZSTR_VAL(self->out->s)[ZSTR_LEN(self->out->s) - 2] == '{';

    if (field->standard == NULL) {
        return;
    }
    ZSTR_LEN(self->out->s)--;
    smart_str_appends(self->out, is_empty ? "\"default\":" : ",\"default\":");
    if (Z_TYPE_P(field->standard) == IS_ARRAY && field->type.keys == PHP_DORA_KEYS_MAP &&
        zend_hash_num_elements(Z_ARRVAL_P(field->standard)) == 0) {
        smart_str_appends(self->out, "{}");
    } else {
        add_value(self->out, field->standard);
    }
    smart_str_appendc(self->out, '}');
}

/* {"type":"object", ... without the brace that ends it. `without` is no member of the map. */
static void add_fields(schema *self, const php_dora_fields *fields, const zend_string *without)
{
    bool is_first = true;

    smart_str_appends(self->out, "{\"type\":\"object\",\"properties\":{");
    for (uint32_t i = 0; i + fields->takes_others < fields->count; i++) {
        const php_dora_field *field = &fields->all[i];
        if (without != NULL && zend_string_equals(field->name, without)) {
            continue;
        }
        smart_str_appends(self->out, is_first ? "" : ",");
        is_first = false;
        add_text(self->out, field->name);
        smart_str_appendc(self->out, ':');
        add_type(self, &field->type, false);
        add_standard(self, field);
    }
    smart_str_appendc(self->out, '}');
    add_required(self, fields, without);
    if (fields->takes_others) {
        smart_str_appends(self->out, ",\"additionalProperties\":");
        add_type(self, &fields->all[fields->count - 1].type, false);
    }
}

static void add_class(schema *self, const php_dora_class *class)
{
    if (class->kind == PHP_DORA_CLASS_ENUM) {
        add_cases(self->out, class->entry);
    } else {
        add_fields(self, &class->fields, NULL);
    }
    smart_str_appends(self->out, ",\"title\":");
    add_value(self->out, zend_hash_index_find(&self->names, key_of(class)));
    smart_str_appendc(self->out, '}');
}

static void add_reference(schema *self, const php_dora_class *class)
{
    const zval *name = zend_hash_index_find(&self->names, key_of(class));
    uint32_t at = 0;

    while (at < self->used_count && self->used[at] != class) {
        at++;
    }
    self->used[at] = class;
    self->used_count = MAX(self->used_count, at + 1);
    smart_str_appends(self->out, "{\"$ref\":\"#/$defs/");
    smart_str_append(self->out, Z_STR_P(name));
    smart_str_appends(self->out, "\"}");
}

static void add_named(schema *self, const php_dora_class *class)
{
    switch (class->kind) {
    case PHP_DORA_CLASS_MADE:
    case PHP_DORA_CLASS_ENUM:
        add_reference(self, class);
        break;
    case PHP_DORA_CLASS_DATE:
        smart_str_appends(self->out, "{\"type\":\"string\",\"format\":\"date-time\"}");
        break;
    case PHP_DORA_CLASS_MAP:
        smart_str_appends(self->out, "{\"type\":\"object\"}");
        break;
    case PHP_DORA_CLASS_ELSE:
        smart_str_appends(self->out, "{}");
        break;
    }
}

/* ---- types ---- */

static void add_array(schema *self, const php_dora_type *type)
{
    static const char *const heads[] = {[PHP_DORA_KEYS_LIST] = "{\"type\":\"array\"",
                                        [PHP_DORA_KEYS_MAP] = "{\"type\":\"object\"",
                                        [PHP_DORA_KEYS_ANY] = "{\"type\":[\"array\",\"object\"]"};

    if (type->member == NULL) {
        smart_str_appends(self->out, "{\"type\":[\"array\",\"object\"]}");
        return;
    }
    smart_str_appends(self->out, heads[type->keys]);
    if (type->keys != PHP_DORA_KEYS_MAP) {
        smart_str_appends(self->out, ",\"items\":");
        add_type(self, type->member, false);
    }
    if (type->keys != PHP_DORA_KEYS_LIST) {
        smart_str_appends(self->out, ",\"additionalProperties\":");
        add_type(self, type->member, false);
    }
    smart_str_appendc(self->out, '}');
}

typedef struct plain {
    uint32_t mask;
    const char *text;
} plain;

static const plain PLAIN[] = {
    {MAY_BE_LONG, "{\"type\":\"integer\"}"},  {MAY_BE_DOUBLE, "{\"type\":\"number\"}"},
    {MAY_BE_STRING, "{\"type\":\"string\"}"}, {MAY_BE_BOOL, "{\"type\":\"boolean\"}"},
    {MAY_BE_TRUE, "{\"const\":true}"},        {MAY_BE_FALSE, "{\"const\":false}"},
    {MAY_BE_NULL, "{\"type\":\"null\"}"},
};

static bool is_anything(const php_dora_type *type)
{
    const uint32_t others = MAY_BE_OBJECT | MAY_BE_CALLABLE | MAY_BE_STATIC | MAY_BE_VOID;
    const uint32_t all = PHP_DORA_MAY_BE_SENT;

    return (type->mask & others) != 0 || (type->mask & all) == all ||
           ((type->mask & all) == 0 && type->class_count == 0);
}

/* How many forms a type has. PLAIN's forms of one truth value are none where both are meant. */
static uint32_t forms_of(uint32_t mask, bool is_taken[])
{
    uint32_t count = 0;

    for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++) {
        is_taken[i] = (mask & PLAIN[i].mask) == PLAIN[i].mask;
        if (is_taken[i]) {
            mask &= ~PLAIN[i].mask;
            count++;
        }
    }
    return count;
}

/* `is_whole`: of the document itself, where a class stands in its place. */
static void add_type(schema *self, const php_dora_type *type, bool is_whole)
{
    bool is_taken[sizeof(PLAIN) / sizeof(PLAIN[0])];
    const bool has_array = (type->mask & MAY_BE_ARRAY) != 0;

    if (is_anything(type)) {
        smart_str_appends(self->out, "{}");
        return;
    }
    const uint32_t count = forms_of(type->mask, is_taken) + has_array + type->class_count;
    if (is_whole && count == 1 && type->class_count == 1 &&
        (type->classes[0]->kind == PHP_DORA_CLASS_MADE ||
         type->classes[0]->kind == PHP_DORA_CLASS_ENUM)) {
        add_class(self, type->classes[0]);
        return;
    }
    const char *before = count > 1 ? "{\"anyOf\":[" : "";
    for (uint32_t i = 0; i < type->class_count; i++) {
        smart_str_appends(self->out, before);
        add_named(self, type->classes[i]);
        before = ",";
    }
    if (has_array) {
        smart_str_appends(self->out, before);
        add_array(self, type);
        before = ",";
    }
    for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++) {
        if (is_taken[i]) {
            smart_str_appends(self->out, before);
            smart_str_appends(self->out, PLAIN[i].text);
            before = ",";
        }
    }
    smart_str_appends(self->out, count > 1 ? "]}" : "");
}

/* ---- documents ---- */

static void begin(schema *self, smart_str *out, HashTable *classes)
{
    self->out = out;
    zend_hash_init(&self->names, 8, NULL, ZVAL_PTR_DTOR, false);
    self->used = ecalloc(zend_hash_num_elements(classes) + 1, sizeof(self->used[0]));
    self->used_count = 0;
    name_all(self, classes);
}

/* Adds the definitions, which may refer to further ones, and ends the document. */
static zend_string *end(schema *self)
{
    smart_str *out = self->out;

    for (uint32_t at = 0; at < self->used_count; at++) {
        const bool is_first = at == 0;
        const php_dora_class *class = self->used[at];
        if (is_first) {
            ZSTR_LEN(out->s)--; /* the brace that ended it */
            smart_str_appends(out, ",\"$defs\":{");
        }
        smart_str_appends(out, is_first ? "" : ",");
        add_value(out, zend_hash_index_find(&self->names, key_of(class)));
        smart_str_appendc(out, ':');
        add_class(self, class);
    }
    smart_str_appends(out, self->used_count > 0 ? "}}" : "");
    zend_hash_destroy(&self->names);
    efree(self->used);
    smart_str_0(out);
    return out->s;
}

zend_string *php_dora_typed_schema(const php_dora_type *type, HashTable *classes)
{
    smart_str out = {0};
    schema self;

    if (is_anything(type)) {
        return NULL;
    }
    begin(&self, &out, classes);
    add_type(&self, type, true);
    return end(&self);
}

zend_string *php_dora_typed_schema_of(const php_dora_fields *fields, HashTable *classes)
{
    smart_str out = {0};
    schema self;
    zend_string *request = ZSTR_INIT_LITERAL(PHP_DORA_REQUEST_NAME, false);

    begin(&self, &out, classes);
    add_fields(&self, fields, request);
    smart_str_appends(&out, fields->takes_others ? "}" : ",\"additionalProperties\":false}");
    zend_string_release(request);
    return end(&self);
}
