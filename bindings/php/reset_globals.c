/* reset_globals.c: superglobals that a task changed, and the time in $_SERVER. Other globals
 * persist, as statics do. */
#include "reset.h"

#include <time.h>

#include "SAPI.h"

static const char *const SUPERGLOBALS[PHP_DORA_SUPERGLOBALS] = {
    "_GET", "_POST", "_COOKIE", "_SERVER", "_ENV", "_REQUEST", "_FILES", "_SESSION"};

static zval *find(php_dora_superglobal *global)
{
    HashTable *table = &EG(symbol_table);

    if (global->at < table->nNumUsed) {
        Bucket *bucket = &table->arData[global->at];
        if (bucket->key == global->name && Z_TYPE(bucket->val) == IS_ARRAY) {
            return &bucket->val;
        }
    }
    zval *value = zend_hash_find(table, global->name);
    if (value != NULL) {
        global->at = (uint32_t)((Bucket *)value - table->arData);
        if (Z_TYPE_P(value) == IS_INDIRECT) {
            value = Z_INDIRECT_P(value);
        }
    }
    return value != NULL && Z_TYPE_P(value) != IS_UNDEF ? value : NULL;
}

void php_dora_superglobals_take(php_dora_snapshot *snapshot)
{
    for (size_t i = 0; i < PHP_DORA_SUPERGLOBALS; i++) {
        php_dora_superglobal *global = &snapshot->superglobals[i];
        global->name = zend_string_init_interned(SUPERGLOBALS[i], strlen(SUPERGLOBALS[i]), false);
        global->at = UINT32_MAX;
        zend_is_auto_global(global->name); /* some exist only once somebody asks */
        zval *value = find(global);
        ZVAL_UNDEF(&global->value);
        if (value != NULL) {
            ZVAL_COPY_DEREF(&global->value, value);
        }
    }
}

/* An array that the snapshot holds too cannot be changed in place, so the same pointer means the
 * same contents. */
static bool is_same(const zval *now, const zval *before)
{
    if (Z_TYPE_P(now) != Z_TYPE_P(before)) {
        return false;
    }
    return Z_TYPE_P(now) == IS_ARRAY ? Z_ARR_P(now) == Z_ARR_P(before)
                                     : zend_is_identical((zval *)now, (zval *)before);
}

/* The usual case, in a few instructions: the same array in the same place. */
static inline bool is_untouched(const php_dora_superglobal *global)
{
    const HashTable *table = &EG(symbol_table);

    if (global->at >= table->nNumUsed || Z_TYPE(global->value) != IS_ARRAY) {
        return false;
    }
    const Bucket *bucket = &table->arData[global->at];
    return bucket->key == global->name && Z_TYPE(bucket->val) == IS_ARRAY &&
           Z_ARR(bucket->val) == Z_ARR(global->value);
}

void php_dora_superglobals_restore(php_dora_snapshot *snapshot)
{
    for (size_t i = 0; i < PHP_DORA_SUPERGLOBALS; i++) {
        php_dora_superglobal *global = &snapshot->superglobals[i];
        if (is_untouched(global)) {
            continue;
        }
        zval *now = find(global);
        if (now == NULL && Z_TYPE(global->value) == IS_UNDEF) {
            continue;
        }
        if (now != NULL && is_same(now, &global->value)) {
            continue;
        }
        if (Z_TYPE(global->value) == IS_UNDEF) {
            zend_hash_del_ind(&EG(symbol_table), global->name);
        } else {
            Z_TRY_ADDREF(global->value);
            zend_hash_update_ind(&EG(symbol_table), global->name, &global->value);
        }
    }
}

void php_dora_superglobals_free(php_dora_snapshot *snapshot)
{
    for (size_t i = 0; i < PHP_DORA_SUPERGLOBALS; i++) {
        zval_ptr_dtor(&snapshot->superglobals[i].value);
        zend_string_release(snapshot->superglobals[i].name);
    }
}

void php_dora_request_time_begin(void)
{
    SG(global_request_time) = 0;
    zval *server = zend_hash_find(&EG(symbol_table), ZSTR_KNOWN(ZEND_STR_AUTOGLOBAL_SERVER));
    if (server == NULL || Z_TYPE_P(server) != IS_ARRAY) {
        return;
    }
    double now = sapi_get_request_time();
    SEPARATE_ARRAY(server);
    add_assoc_long(server, "REQUEST_TIME", (zend_long)now);
    add_assoc_double(server, "REQUEST_TIME_FLOAT", now);
}

static php_dora_superglobal *server_of(php_dora_snapshot *snapshot)
{
    for (size_t i = 0; i < PHP_DORA_SUPERGLOBALS; i++) {
        if (zend_string_equals_literal(snapshot->superglobals[i].name, "_SERVER")) {
            return &snapshot->superglobals[i];
        }
    }
    return NULL;
}

/* Makes an array that only the snapshot and $_SERVER hold, and finds the times in it. */
void php_dora_request_time_take(php_dora_snapshot *snapshot)
{
    php_dora_superglobal *server = server_of(snapshot);

    snapshot->request_times = NULL;
    if (Z_TYPE(server->value) != IS_ARRAY) {
        return;
    }
    SEPARATE_ARRAY(&server->value);
    HashTable *table = Z_ARRVAL(server->value);
    zval *time = zend_hash_str_find(table, ZEND_STRL("REQUEST_TIME"));
    zval *time_float = zend_hash_str_find(table, ZEND_STRL("REQUEST_TIME_FLOAT"));
    if (time != NULL && Z_TYPE_P(time) == IS_LONG && time_float != NULL &&
        Z_TYPE_P(time_float) == IS_DOUBLE) {
        snapshot->request_times = table;
        snapshot->request_time = time;
        snapshot->request_time_float = time_float;
    }
    Z_ADDREF(server->value);
    zend_hash_update_ind(&EG(symbol_table), server->name, &server->value);
}

/* The two share the array, so nobody else can have changed it in place; where a task keeps a copy,
 * that stays as it was. */
void php_dora_request_time_set(php_dora_snapshot *snapshot)
{
    struct timespec now;

    if (snapshot->request_times == NULL) {
        return;
    }
    if (GC_REFCOUNT(snapshot->request_times) > 2) {
        php_dora_request_time_take(snapshot);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    /* In microseconds, as microtime() tells them. */
    SG(global_request_time) = (double)now.tv_sec + (double)(now.tv_nsec / 1000) / 1e6;
    ZVAL_LONG(snapshot->request_time, now.tv_sec);
    ZVAL_DOUBLE(snapshot->request_time_float, SG(global_request_time));
}
