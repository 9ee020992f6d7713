/* faults.h: what does not fit in a parameter, and where: the message of 100210. */
#ifndef PHP_DORA_FAULTS_H
#define PHP_DORA_FAULTS_H

#include "php_dora.h"

/* php_dora_step is one member on the way from the parameter to a value inside it; NULL is the
 * parameter itself. */
typedef struct php_dora_step {
    const struct php_dora_step *up;
    zend_string *name; /* NULL: it has a number */
    zend_ulong number;
} php_dora_step;

/* php_dora_faults_add adds "PATH: REASON" behind "; ". What is over the length of a reply's message
 * is left out. */
void php_dora_faults_add(smart_str *faults, const php_dora_step *at, const char *reason);

/* php_dora_faults_cut takes back what was added since the text had `len` bytes. */
void php_dora_faults_cut(smart_str *faults, size_t len);

/* php_dora_faults_len is how long the text is; 0: everything fits. */
size_t php_dora_faults_len(const smart_str *faults);

/* php_dora_faults_throw raises them as a Dora\MisfitException. Ownership: takes the text. */
void php_dora_faults_throw(smart_str *faults);

/* php_dora_kind_of names a value's kind for people: "a text". */
const char *php_dora_kind_of(const zval *value);

/* php_dora_is_row says whether an array can be nothing but a list; an empty one may be a map. */
bool php_dora_is_row(const HashTable *array);

#endif
