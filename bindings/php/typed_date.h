/* typed_date.h: dates of a call. */
#ifndef PHP_DORA_TYPED_DATE_H
#define PHP_DORA_TYPED_DATE_H

#include "php_dora.h"

/* php_dora_date_text looks whether a text is a date and time as in RFC 3339. Returns: NULL where it
 * is not. Ownership: gives the text as PHP's dates take it. */
zend_string *php_dora_date_text(const zend_string *text);

/* php_dora_date_class is the class that is made where `declared` is wanted. */
zend_class_entry *php_dora_date_class(zend_class_entry *declared);

#endif
