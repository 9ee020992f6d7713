/* client_results.c: what Dora\Client's submissions came to: collect() and result(). */
#include "client.h"

#include "zend_exceptions.h"

#include "calls.h"
#include "exception.h"
#include "options.h"
#include "wait.h"
#include "warnings.h"

static void collected_convert(const dora_collected *item, zval *value)
{
    if (item->err != DORA_OK) {
        php_dora_exception_of_error(item->error, value);
    } else if (item->is_many) {
        php_dora_results(item->answer, NULL, value);
    } else {
        php_dora_result(dora_answer_result(item->answer, 0), value);
    }
}

/* Begins a wait for results. Returns: false with an exception raised. */
static bool wait_options(const php_dora_client *self, double seconds, bool is_null, uint32_t arg,
                         dora_call_options *options)
{
    *options = (dora_call_options){.timeout_ms = self->timeout_ms};
    if (!php_dora_client_is_made(self)) {
        return false;
    }
    if (!is_null && !php_dora_seconds(seconds, &options->timeout_ms)) {
        php_dora_seconds_refuse(seconds, arg, NULL);
        return false;
    }
    return true;
}

/* Reads a list of guids. Returns: NULL with an exception raised. Ownership: gives, efree() frees;
 * the guids are borrowed. */
static dora_slice *guids_read(HashTable *list)
{
    dora_slice *guids = safe_emalloc(zend_hash_num_elements(list) + 1, sizeof(*guids), 0);
    size_t count = 0;
    zval *guid;

    ZEND_HASH_FOREACH_VAL(list, guid)
    {
        ZVAL_DEREF(guid);
        if (Z_TYPE_P(guid) != IS_STRING) {
            zend_type_error(
                "Dora\\Client::collect(): a list of guids, as submit() gave them, must not "
                "have a value of type %s",
                zend_zval_type_name(guid));
            efree(guids);
            return NULL;
        }
        guids[count++] = (dora_slice){Z_STRVAL_P(guid), Z_STRLEN_P(guid)};
    }
    ZEND_HASH_FOREACH_END();
    return guids;
}

/* Waits for all that is outstanding, or for `list` (NULL: all). Returns: DORA_EINTERRUPTED with an
 * exception raised, or what the core says. */
static dora_err collect(const php_dora_client *self, HashTable *list, dora_call_options *options,
                        dora_collection **collection, dora_error *error)
{
    php_dora_wait wait;
    dora_slice *guids = list != NULL ? guids_read(list) : NULL;

    if (list != NULL && guids == NULL) {
        return DORA_EINTERRUPTED;
    }
    php_dora_wait_begin(&wait, self->shared, options);
    dora_err err =
        list != NULL
            ? dora_client_collect_these(self->shared->client, guids, zend_hash_num_elements(list),
                                        options, collection, error)
            : dora_client_collect(&self->shared->client, 1, options, collection, error);
    if (!php_dora_wait_end(&wait)) {
        err = DORA_EINTERRUPTED;
    }
    if (guids != NULL) {
        efree(guids);
    }
    return err;
}

/* Reads an argument of collect(): a number of seconds, or a list of guids. Returns: false with an
 * exception raised, for what is neither, or for the second of a kind. */
static bool collect_argument(zval *given, uint32_t arg, zval **seconds, HashTable **list)
{
    if (given == NULL || Z_TYPE_P(given) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(given) == IS_ARRAY && *list == NULL) {
        *list = Z_ARRVAL_P(given);
        return true;
    }
    if (Z_TYPE_P(given) != IS_ARRAY && *seconds == NULL) {
        *seconds = given;
        return true;
    }
    zend_argument_type_error(arg, "must not be a second %s",
                             Z_TYPE_P(given) == IS_ARRAY ? "list" : "number");
    return false;
}

PHP_METHOD(Dora_Client, collect)
{
    zval *first = NULL;
    zval *second = NULL;
    zval *given = NULL;
    HashTable *list = NULL;
    double seconds = 0.0;
    bool is_null = true;
    dora_call_options options;
    dora_collection *collection = NULL;
    dora_error error;

    ZEND_PARSE_PARAMETERS_START(0, 2)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(first)
    Z_PARAM_ZVAL(second)
    ZEND_PARSE_PARAMETERS_END();
    if (!collect_argument(first, 1, &given, &list) || !collect_argument(second, 2, &given, &list)) {
        RETURN_THROWS();
    }
    const uint32_t arg = given == second && given != NULL ? 2 : 1;
    if (given != NULL && !zend_parse_arg_double(given, &seconds, &is_null, false, arg)) {
        zend_argument_type_error(arg, "must be of type array, float or null, %s given",
                                 zend_zval_type_name(given));
        RETURN_THROWS();
    }
    is_null = given == NULL;
    const php_dora_client *self = php_dora_client_of(Z_OBJ_P(ZEND_THIS));
    if (!wait_options(self, seconds, is_null, arg, &options)) {
        RETURN_THROWS();
    }
    if (collect(self, list, &options, &collection, &error) != DORA_OK) {
        if (EG(exception) == NULL) {
            php_dora_throw_error(&error);
        }
        dora_collection_free(collection);
        RETURN_THROWS();
    }
    array_init_size(return_value, (uint32_t)dora_collection_count(collection));
    for (size_t i = 0; i < dora_collection_count(collection); i++) {
        const dora_collected *item = dora_collection_at(collection, i);
        zval value;
        collected_convert(item, &value);
        zend_hash_str_update(Z_ARRVAL_P(return_value), item->guid, strlen(item->guid), &value);
    }
    dora_collection_free(collection);
}

PHP_METHOD(Dora_Client, result)
{
    char *guid;
    size_t guid_len;
    double seconds = 0.0;
    bool is_null = true;
    dora_call_options options;
    dora_collection *collection = NULL;
    php_dora_wait wait;
    dora_error error;

    ZEND_PARSE_PARAMETERS_START(1, 2)
    Z_PARAM_STRING(guid, guid_len)
    Z_PARAM_OPTIONAL
    Z_PARAM_DOUBLE_OR_NULL(seconds, is_null)
    ZEND_PARSE_PARAMETERS_END();
    const php_dora_client *self = php_dora_client_of(Z_OBJ_P(ZEND_THIS));
    if (!wait_options(self, seconds, is_null, 2, &options)) {
        RETURN_THROWS();
    }
    php_dora_wait_begin(&wait, self->shared, &options);
    dora_err err = dora_client_result(self->shared->client, (dora_slice){guid, guid_len}, &options,
                                      &collection, &error);
    if (!php_dora_wait_end(&wait)) {
        dora_collection_free(collection);
        RETURN_THROWS();
    }
    if (err != DORA_OK) {
        php_dora_throw_error(&error);
        RETURN_THROWS();
    }
    collected_convert(dora_collection_at(collection, 0), return_value);
    dora_collection_free(collection);
    if (Z_TYPE_P(return_value) == IS_OBJECT) {
        zend_throw_exception_object(return_value);
        ZVAL_NULL(return_value);
    }
}
