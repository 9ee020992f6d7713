/* typed.h: handlers whose parameter is of a class: what is made of the values that a call has.
 * typed_plan.c reads the declarations, once, and typed_doc.c the doc comments beside them;
 * typed_make.c makes values, typed_show.c looks at results; typed_schema.c says all of it as JSON
 * Schema. */
#ifndef PHP_DORA_TYPED_H
#define PHP_DORA_TYPED_H

#include "faults.h"

typedef struct php_dora_class php_dora_class;

/* php_dora_keys is which keys an array has of whose members the doc comment says a type. */
typedef enum php_dora_keys {
    PHP_DORA_KEYS_LIST, /* Item[], list<Item>: 0, 1, 2, ... */
    PHP_DORA_KEYS_MAP,  /* array<string, Item>: those of a map */
    PHP_DORA_KEYS_ANY   /* array<int, Item> */
} php_dora_keys;

/* php_dora_type is what a value may be, or is made to be. */
typedef struct php_dora_type {
    uint32_t mask; /* MAY_BE_...: PHP's own types */
    uint32_t class_count;
    php_dora_class **classes;     /* in the order of the declaration */
    struct php_dora_type *member; /* of an array's members; NULL: anything */
    php_dora_keys keys;
} php_dora_type;

/* php_dora_field is a parameter of a constructor or handler, or a public property of a result. */
typedef struct php_dora_field {
    zend_string *name; /* borrowed from the function or class */
    php_dora_type type;
    bool is_required;
    bool by_reference;
    const zval *standard; /* what it has where it is not given; NULL: nothing that is known */
} php_dora_field;

typedef struct php_dora_fields {
    uint32_t count;
    php_dora_field *all;
    bool takes_others; /* the last one is variadic: it gets what no other is named like */
} php_dora_fields;

typedef enum php_dora_class_kind {
    PHP_DORA_CLASS_MADE, /* by its constructor, of the members of a map */
    PHP_DORA_CLASS_ENUM, /* by a case's value; of a pure one by its name */
    PHP_DORA_CLASS_DATE, /* by a text as RFC 3339 has it */
    PHP_DORA_CLASS_MAP,  /* stdClass: of any map */
    PHP_DORA_CLASS_ELSE  /* of a result: it is written as values are */
} php_dora_class_kind;

/* php_dora_class is a class, and how one is made. */
struct php_dora_class {
    zend_class_entry *entry;
    php_dora_class_kind kind;
    php_dora_fields fields;
    bool has_maps;    /* a property that is an array with the keys of a map */
    bool can_be_made; /* for the search for those that contain themselves without end */
};

/* php_dora_typed is what a handler's declarations say. */
typedef struct php_dora_typed {
    HashTable classes;      /* key of the class -> php_dora_class; those of the parameter */
    HashTable shown;        /* those of the result */
    php_dora_fields params; /* the parameter; where the handler has named ones, all of them */
    php_dora_type result;
    bool opens_result; /* objects are written by their public properties */
    bool is_prepared;
    bool is_reading;           /* its declarations, which runs autoloaders */
    zend_string *param_schema; /* JSON; NULL: nothing is known */
    zend_string *result_schema;
} php_dora_typed;

/* php_dora_typed_wants says whether a declared type is of a class that a parameter may be made
 * into: then the handler is typed. It looks no class up. */
bool php_dora_typed_wants(const zend_type *type);

/* php_dora_typed_shows says whether what a function of the program returns is said by more than a
 * plain type. */
bool php_dora_typed_shows(const zend_function *function);

/* php_dora_typed_new is for a function whose declarations are read later, when all of its classes
 * are there. Ownership: gives; php_dora_typed_free frees. */
php_dora_typed *php_dora_typed_new(void);
void php_dora_typed_free(php_dora_typed *typed);

/* php_dora_typed_prepare reads the declarations of `function`, the first time. Runs autoloaders.
 * Returns: NULL, or what is wrong, with file, line and name of the function; or NULL with an
 * exception raised. Ownership: gives the text. */
zend_string *php_dora_typed_prepare(php_dora_typed *typed, const zend_function *function,
                                    bool is_named);

/* php_dora_typed_param makes `*value` what the first parameter wants. Returns: false with an
 * exception raised: that of a constructor, or a Dora\MisfitException with each fault. */
bool php_dora_typed_param(const php_dora_typed *typed, zval *value);

/* php_dora_typed_members does the same with members of a map that are parameters. What does not fit
 * is added to the faults; an exception may be raised. */
void php_dora_typed_members(const php_dora_typed *typed, HashTable *members, smart_str *faults);

/* php_dora_typed_own gives a member of an array a value of its own where it is a reference, which
 * middleware may have put there: what it leads to is the program's. */
void php_dora_typed_own(zval *member);

/* php_dora_typed_is_shown says whether a result has a property. */
bool php_dora_typed_is_shown(const zend_property_info *property);

/* php_dora_typed_has_maps says whether arrays of a type, or members of them, have keys of maps. */
bool php_dora_typed_has_maps(const php_dora_type *type);

/* php_dora_typed_show makes such arrays objects where PHP's own cannot be told from lists: they are
 * empty, or their keys are 0, 1, 2, ... */
void php_dora_typed_show(const php_dora_type *type, zval *value);

/* php_dora_typed_show_property does so for what a result has in a property. */
void php_dora_typed_show_property(const php_dora_typed *typed, const zend_class_entry *class,
                                  const zend_string *name, zval *value);

/* php_dora_typed_schema says a type as JSON Schema (NULL: it may be anything), or all fields as one
 * of a map. `classes`: those it may refer to. Ownership: gives. */
zend_string *php_dora_typed_schema(const php_dora_type *type, HashTable *classes);
zend_string *php_dora_typed_schema_of(const php_dora_fields *fields, HashTable *classes);

#endif
