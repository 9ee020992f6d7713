/* typed_plan.h: reading declarations, and the doc comments beside them. */
#ifndef PHP_DORA_TYPED_PLAN_H
#define PHP_DORA_TYPED_PLAN_H

#include "typed.h"

/* What a value from the wire can be; PHP turns one scalar into another where one is wanted. */
#define PHP_DORA_MAY_BE_SCALAR (MAY_BE_BOOL | MAY_BE_LONG | MAY_BE_DOUBLE | MAY_BE_STRING)
#define PHP_DORA_MAY_BE_SENT (PHP_DORA_MAY_BE_SCALAR | MAY_BE_NULL | MAY_BE_ARRAY)

/* php_dora_reading is one parameter or result whose declarations are being read. */
typedef struct php_dora_reading {
    HashTable *classes; /* those that were found, which it owns */
    bool is_result;
    zend_string *fault; /* what is wrong; NULL: nothing so far, or an exception says it */
    bool is_placed;     /* the fault says in which class */
} php_dora_reading;

/* php_dora_place is where a doc comment stands. */
typedef struct php_dora_place {
    const zend_string *comment; /* NULL: there is none */
    zend_string *file;          /* NULL: no file */
    uint32_t line;              /* of the function or class that it is of */
    zend_class_entry *scope;    /* NULL: no class */
} php_dora_place;

/* php_dora_place_of is the doc comment of a function of the program. */
php_dora_place php_dora_place_of(const zend_function *function);

/* php_dora_reading_type reads a declared type; `scope` is the class that self means. Returns: false
 * with a fault, or with an exception raised; so do those below. */
bool php_dora_reading_type(php_dora_reading *reading, const zend_type *declared,
                           zend_class_entry *scope, php_dora_type *type);

/* php_dora_reading_params reads the first `count` parameters of a function of the program, of which
 * the last may be variadic. */
bool php_dora_reading_params(php_dora_reading *reading, const zend_function *function,
                             uint32_t count, php_dora_fields *fields);

/* php_dora_reading_class reads how objects of a class are made, or what is shown of them. Returns:
 * NULL with a fault, or with an exception raised. */
php_dora_class *php_dora_reading_class(php_dora_reading *reading, zend_class_entry *entry);

/* php_dora_reading_ends looks for classes that can only be made of themselves. */
bool php_dora_reading_ends(php_dora_reading *reading);

/* php_dora_doc_member reads what `tag` ("@param" of `name`; "@var", "@return": NULL) says of the
 * members of an array, where `type` is one. */
bool php_dora_doc_member(php_dora_reading *reading, const php_dora_place *place, const char *tag,
                         const zend_string *name, php_dora_type *type);

/* php_dora_type_free frees what a type holds, but for the type and its classes. */
void php_dora_type_free(php_dora_type *type);

/* php_dora_type_add adds a class to those that a value may be of. */
void php_dora_type_add(php_dora_type *type, php_dora_class *class);

#endif
