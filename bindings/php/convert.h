/* convert.h: values between PHP and the wire, straight, by the table in PROTOCOL.md. */
#ifndef PHP_DORA_CONVERT_H
#define PHP_DORA_CONVERT_H

#include "typed.h"

/* Levels of arrays in one body, and in a parameter or result: envelopes stand around these. */
#define PHP_DORA_DEPTH_MAX 512u
#define PHP_DORA_CALL_DEPTH_MAX (PHP_DORA_DEPTH_MAX - 3)

/* php_dora_write writes one PHP value. References are followed, objects written as php_dora_plain
 * and `encode` have it. Errors: DORA_ETYPE for what has no place on the wire and for what contains
 * itself, else the writer's error; `*problem` then says what and where, from `$` on, as in
 * "$.rows[3]: no value on the wire for type Foo". Where PHP code of an object has raised an
 * exception it is still there, and `*problem` empty.
 * Ownership: gives `*problem`, a zend_string (NULL on success). */
dora_err php_dora_write(dora_writer *writer, zval *value, const zval *encode, uint32_t depth_max,
                        zend_string **problem);

/* php_dora_write_api is the same for a whole api: an array of a name, a parameter and more. */
dora_err php_dora_write_api(dora_writer *writer, zval *api, const zval *encode,
                            zend_string **problem);

/* php_dora_write_open is the same for the result of a handler that declares a class for it: objects
 * of the program's classes are maps of their public properties, cases of pure enums their names. */
dora_err php_dora_write_open(dora_writer *writer, zval *value, const php_dora_typed *typed,
                             const zval *encode, zend_string **problem);

/* php_dora_read reads one value. Lists become packed arrays, keys like "7" integers.
 * Errors: the reader's, and DORA_EKEYS for keys that collide too much; `*value` is then undefined
 * and needs no freeing. */
dora_err php_dora_read(dora_reader *reader, zval *value);

/* php_dora_fault is what is wrong with bytes, and with which. */
typedef struct php_dora_fault {
    size_t offset;
    char text[96];
} php_dora_fault;

/* php_dora_read_all reads bytes that hold exactly one value. Errors: as php_dora_read, and
 * DORA_EPROTO for bytes behind it; `*fault` (may be NULL) then says what and where. */
dora_err php_dora_read_all(dora_slice bytes, zval *value, php_dora_fault *fault);

#endif
