/* calls.h: parameters and arrays of calls, from PHP to what the core sends, and results back. */
#ifndef PHP_DORA_CALLS_H
#define PHP_DORA_CALLS_H

#include "php_dora.h"

#define PHP_DORA_NAME_MAX 255u /* bytes of an api's name: PROTOCOL.md, "Limits" */

/* php_dora_form is how one call stands in an array of them. */
typedef enum php_dora_form {
    PHP_DORA_PAIRS, /* key => [name, param] */
    PHP_DORA_MAPS   /* key => ['name' => , 'param' => ] */
} php_dora_form;

/* php_dora_calls is several calls, ready to be sent. */
typedef struct php_dora_calls {
    dora_call *items;
    uint32_t count;
    zend_string **keys;  /* of each call, as text */
    zend_string **names; /* that the items point to; NULL where one has none */
    const zval *encode;
    zend_string *params; /* the encoded parameters that the items point to */
} php_dora_calls;

/* php_dora_param encodes one parameter (NULL: null), with the client's `encode` (NULL: none).
 * Errors: DORA_ETYPE, DORA_ETOOBIG, DORA_ENOMEM; `*problem` says what and where, as that of
 * php_dora_write, and the caller releases it. Ownership: borrowed until the next call;
 * php_dora_param_done says that it was sent, so that very large memory is not kept. */
dora_err php_dora_param(zval *param, const zval *encode, dora_slice *encoded,
                        zend_string **problem);
void php_dora_param_done(dora_slice encoded);

/* php_dora_param_api encodes a whole api (dora_call.is_whole), an array. Errors and ownership: as
 * php_dora_param. */
dora_err php_dora_param_api(zval *api, const zval *encode, dora_slice *encoded,
                            zend_string **problem);

/* php_dora_param_none encodes a whole api (dora_call.is_whole) that has a name and no parameter.
 * Errors and ownership: as php_dora_param. */
dora_err php_dora_param_none(dora_slice name, dora_slice *encoded);

/* php_dora_is_name says whether a value is a name of Dora's: a text of 1 to 255 bytes. */
bool php_dora_is_name(const zval *name);

/* php_dora_calls_init reads an array of calls, whose parameters `encode` (NULL: none) may help
 * with. Errors: as php_dora_param, and DORA_EINVAL for an entry of another form. Ownership:
 * php_dora_calls_free frees all, also after an error. */
dora_err php_dora_calls_init(php_dora_calls *calls, HashTable *from, php_dora_form form,
                             const zval *encode, zend_string **problem);
void php_dora_calls_free(php_dora_calls *calls);

/* php_dora_answer is the memory of this process's calls. Ownership: borrowed. */
dora_answer *php_dora_answer(void);

/* php_dora_result gives a result's data, or its exception, which is not raised. */
void php_dora_result(const dora_result *result, zval *value);

/* php_dora_results gives an array key => the same, with all results of an answer. Keys are those of
 * `calls`, from which the answer came, or (NULL) those in the answer. */
void php_dora_results(const dora_answer *answer, HashTable *calls, zval *results);

#endif
