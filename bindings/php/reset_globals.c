/* reset_globals.c: superglobals that a task changed. Other globals persist, as statics do. */
#include "reset.h"

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

void php_dora_superglobals_restore(php_dora_snapshot *snapshot)
{
    for (size_t i = 0; i < PHP_DORA_SUPERGLOBALS; i++) {
        php_dora_superglobal *global = &snapshot->superglobals[i];
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
