/* versions.h: what PHP 8.1 has under another name, or has not. */
#ifndef PHP_DORA_VERSIONS_H
#define PHP_DORA_VERSIONS_H

#include "php.h"

#if PHP_VERSION_ID < 80200
#define ZEND_ACC_ALLOW_DYNAMIC_PROPERTIES 0 /* there it goes without saying */
#ifndef ZSTR_INIT_LITERAL
#define ZSTR_INIT_LITERAL(text, persistent) zend_string_init(text, sizeof(text) - 1, persistent)
#endif
#define zend_str_has_nul_byte(text) (strlen(ZSTR_VAL(text)) != ZSTR_LEN(text))
#define zend_string_equals_cstr(text, other, length)                                               \
    (ZSTR_LEN(text) == (length) && memcmp(ZSTR_VAL(text), other, length) == 0)
#define zend_atomic_bool_load_ex(flag) (*(flag))
#define zend_atomic_bool_store_ex(flag, value) (*(flag) = (value))
#endif

#endif
