/* calls.c: parameters and arrays of calls, from PHP to what the core sends, and results back. */
#include "calls.h"

#include "zend_smart_str.h"

#include "convert.h"
#include "exception.h"

#define PARAM_BYTES_MAX (64u * 1024 * 1024) /* no frame may be larger */
#define PARAM_BYTES_KEPT (1024u * 1024)     /* a writer that grew above is not kept */

dora_writer *php_dora_writer(void)
{
    if (DORA_G(writer) == NULL) {
        DORA_G(writer) = dora_writer_new(PARAM_BYTES_MAX);
        if (DORA_G(writer) == NULL) {
            zend_error_noreturn(E_ERROR, "Out of memory");
        }
    }
    dora_writer_reset(DORA_G(writer));
    return DORA_G(writer);
}

dora_answer *php_dora_answer(void)
{
    if (DORA_G(answer) == NULL) {
        DORA_G(answer) = dora_answer_new();
        if (DORA_G(answer) == NULL) {
            zend_error_noreturn(E_ERROR, "Out of memory");
        }
    }
    return DORA_G(answer);
}

dora_err php_dora_param(zval *param, const zval *encode, dora_slice *encoded, zend_string **problem)
{
    *problem = NULL;
    if (param == NULL) {
        *encoded = (dora_slice){"N;", 2};
        return DORA_OK;
    }
    dora_writer *writer = php_dora_writer();
    dora_err err = php_dora_write(writer, param, encode, PHP_DORA_CALL_DEPTH_MAX, problem);
    return err == DORA_OK ? dora_writer_finish(writer, encoded) : err;
}

dora_err php_dora_param_api(zval *api, const zval *encode, dora_slice *encoded,
                            zend_string **problem)
{
    dora_writer *writer = php_dora_writer();
    dora_err err = php_dora_write_api(writer, api, encode, problem);
    return err == DORA_OK ? dora_writer_finish(writer, encoded) : err;
}

dora_err php_dora_param_none(dora_slice name, dora_slice *encoded)
{
    dora_writer *writer = php_dora_writer();

    dora_write_array(writer, 1);
    dora_write_string(writer, ZEND_STRL("name"));
    dora_write_string(writer, name.data, name.len);
    dora_write_end(writer);
    return dora_writer_finish(writer, encoded);
}

void php_dora_param_done(dora_slice encoded)
{
    if (encoded.len > PARAM_BYTES_KEPT) {
        dora_writer_free(DORA_G(writer));
        DORA_G(writer) = NULL;
    }
}

bool php_dora_is_name(const zval *name)
{
    return name != NULL && Z_TYPE_P(name) == IS_STRING && Z_STRLEN_P(name) > 0 &&
           Z_STRLEN_P(name) <= PHP_DORA_NAME_MAX;
}

/* Finds name and parameter of one call; the latter may be missing, and in a map both.
 * Returns: false for another form. */
static bool entry_read(zval *entry, php_dora_form form, zval **name, zval **param)
{
    ZVAL_DEREF(entry);
    if (Z_TYPE_P(entry) != IS_ARRAY) {
        return false;
    }
    if (form == PHP_DORA_MAPS) {
        *name = zend_hash_find_deref(Z_ARRVAL_P(entry), ZSTR_KNOWN(ZEND_STR_NAME));
        *param = zend_hash_str_find_deref(Z_ARRVAL_P(entry), ZEND_STRL("param"));
        return true;
    }
    if (zend_hash_num_elements(Z_ARRVAL_P(entry)) <= 2) {
        *name = zend_hash_index_find_deref(Z_ARRVAL_P(entry), 0);
        *param = zend_hash_index_find_deref(Z_ARRVAL_P(entry), 1);
    }
    return *name != NULL && Z_TYPE_P(*name) == IS_STRING;
}

/* Says which call has the problem. Ownership: takes `problem`, gives. */
static zend_string *name_key(zend_string *problem, const zend_string *key)
{
    zend_string *named = ZSTR_LEN(problem) == 0
                             ? zend_string_copy(problem)
                             : zend_strpprintf(0, "%s: %s", ZSTR_VAL(key), ZSTR_VAL(problem));

    zend_string_release(problem);
    return named;
}

/* Adds one call, its parameter's bytes to `params`. Ownership: takes `key`. */
static dora_err calls_add(php_dora_calls *calls, zend_string *key, zval *entry, php_dora_form form,
                          smart_str *params, zend_string **problem)
{
    uint32_t at = calls->count++;
    dora_call *const item = &calls->items[at];
    zval *name = NULL;
    zval *param = NULL;
    dora_slice encoded;

    calls->keys[at] = key;
    if (!entry_read(entry, form, &name, &param)) {
        *problem = zend_strpprintf(
            0, "must hold %s for key \"%s\"",
            form == PHP_DORA_MAPS ? "['name' => , 'param' => ]" : "[name, param]", ZSTR_VAL(key));
        return DORA_EINVAL;
    }
    ZVAL_DEREF(entry);
    const bool is_none = form == PHP_DORA_PAIRS && param == NULL && php_dora_is_name(name);
    const bool is_whole =
        is_none || (form == PHP_DORA_MAPS && !(php_dora_is_name(name) && param != NULL &&
                                               zend_hash_num_elements(Z_ARRVAL_P(entry)) == 2));
    if (!is_whole) { /* code that the parameter runs may let go of the entry */
        calls->names[at] = zend_string_copy(Z_STR_P(name));
    }
    dora_err err =
        is_none    ? php_dora_param_none((dora_slice){Z_STRVAL_P(name), Z_STRLEN_P(name)}, &encoded)
        : is_whole ? php_dora_param_api(entry, calls->encode, &encoded, problem)
                   : php_dora_param(param, calls->encode, &encoded, problem);
    if (err != DORA_OK) {
        *problem = name_key(*problem, key);
        return err;
    }
    smart_str_appendl(params, encoded.data, encoded.len);
    *item =
        (dora_call){.key = php_dora_slice(key), .param = {NULL, encoded.len}, .is_whole = is_whole};
    if (!is_whole) {
        item->name = php_dora_slice(calls->names[at]);
    }
    php_dora_param_done(encoded);
    return DORA_OK;
}

dora_err php_dora_calls_init(php_dora_calls *calls, HashTable *from, php_dora_form form,
                             const zval *encode, zend_string **problem)
{
    smart_str params = {0};
    uint32_t room = zend_hash_num_elements(from);
    zend_ulong index;
    zend_string *key;
    zval *entry;

    memset(calls, 0, sizeof(*calls));
    calls->encode = encode;
    *problem = NULL;
    calls->items = ecalloc(room, sizeof(*calls->items));
    calls->keys = ecalloc(room, sizeof(*calls->keys));
    calls->names = ecalloc(room, sizeof(*calls->names));
    ZEND_HASH_FOREACH_KEY_VAL(from, index, key, entry)
    {
        key = key != NULL ? zend_string_copy(key) : zend_long_to_str((zend_long)index);
        dora_err err = calls_add(calls, key, entry, form, &params, problem);
        if (err != DORA_OK) {
            smart_str_free(&params);
            return err;
        }
    }
    ZEND_HASH_FOREACH_END();
    calls->params = smart_str_extract(&params);
    const char *param = ZSTR_VAL(calls->params);
    for (uint32_t i = 0; i < calls->count; i++) {
        calls->items[i].param.data = param;
        param += calls->items[i].param.len;
    }
    return DORA_OK;
}

void php_dora_calls_free(php_dora_calls *calls)
{
    for (uint32_t i = 0; i < calls->count; i++) {
        zend_string_release(calls->keys[i]);
        if (calls->names[i] != NULL) {
            zend_string_release(calls->names[i]);
        }
    }
    if (calls->params != NULL) {
        zend_string_release(calls->params);
    }
    efree(calls->items);
    efree(calls->keys);
    efree(calls->names);
}

void php_dora_result(const dora_result *result, zval *value)
{
    if (result->code != 0) {
        php_dora_exception_of(result, value);
        return;
    }
    php_dora_fault fault;
    dora_err err = php_dora_read_all(result->data, value, &fault);
    if (err != DORA_OK) {
        char text[192];
        int len = snprintf(text, sizeof(text), "the reply's data cannot be decoded: %s at byte %zu",
                           fault.text, fault.offset);
        dora_result broken = {.code = DORA_CODE_BAD_BODY, .msg = {text, (size_t)len}};
        php_dora_exception_of(&broken, value);
    }
}

static void results_of_calls(const dora_answer *answer, HashTable *calls, zval *results)
{
    zend_ulong index;
    zend_string *key;
    size_t at = 0;

    array_init_size(results, zend_hash_num_elements(calls));
    ZEND_HASH_FOREACH_KEY(calls, index, key)
    {
        zval value;
        php_dora_result(dora_answer_result(answer, at++), &value);
        if (key != NULL) {
            zend_hash_add_new(Z_ARRVAL_P(results), key, &value);
        } else {
            zend_hash_index_add_new(Z_ARRVAL_P(results), index, &value);
        }
    }
    ZEND_HASH_FOREACH_END();
}

void php_dora_results(const dora_answer *answer, HashTable *calls, zval *results)
{
    const dora_result *result;

    if (calls != NULL) {
        results_of_calls(answer, calls, results);
        return;
    }
    array_init(results);
    for (size_t i = 0; (result = dora_answer_result(answer, i)) != NULL; i++) {
        zval value;
        php_dora_result(result, &value);
        zend_symtable_str_update(Z_ARRVAL_P(results), result->key.data, result->key.len, &value);
    }
}
