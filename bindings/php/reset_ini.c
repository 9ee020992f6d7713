/* reset_ini.c: ini values that a task changed. */
#include "reset.h"

static uint32_t modified_count(void)
{
    return EG(modified_ini_directives) != NULL ? zend_hash_num_elements(EG(modified_ini_directives))
                                               : 0;
}

/* A limit that the application set for itself counts for each task anew. Where it counts CPU time
 * it does not run out while the worker waits, so it begins ahead of the task. */
static void time_limit_begin(const php_dora_snapshot *snapshot)
{
    if (snapshot->timeout_seconds > 0) {
        zend_unset_timeout();
        zend_set_timeout(snapshot->timeout_seconds, true);
    }
}

#ifdef ZEND_MAX_EXECUTION_TIMERS
void php_dora_task_begin(const php_dora_snapshot *snapshot)
{
    time_limit_begin(snapshot);
}

static void time_limit_rest(const php_dora_snapshot *snapshot)
{
    if (snapshot->timeout_seconds > 0) {
        zend_unset_timeout();
    }
}
#else
static void time_limit_rest(const php_dora_snapshot *snapshot)
{
    time_limit_begin(snapshot);
}
#endif

void php_dora_ini_take(php_dora_snapshot *snapshot)
{
    zend_ini_entry *entry;

    snapshot->timeout_seconds = EG(timeout_seconds);
    time_limit_rest(snapshot);
    if (modified_count() == 0) {
        return;
    }
    snapshot->ini = ecalloc(modified_count(), sizeof(*snapshot->ini));
    ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), entry)
    {
        php_dora_ini *kept = &snapshot->ini[snapshot->ini_count++];
        kept->entry = entry;
        kept->value = entry->value != NULL ? zend_string_copy(entry->value) : NULL;
    }
    ZEND_HASH_FOREACH_END();
}

static bool is_in(const php_dora_snapshot *snapshot, const zend_ini_entry *entry)
{
    for (uint32_t i = 0; i < snapshot->ini_count; i++) {
        if (snapshot->ini[i].entry == entry) {
            return true;
        }
    }
    return false;
}

void php_dora_ini_restore(php_dora_snapshot *snapshot)
{
    zend_ini_entry *entry;

    for (uint32_t i = 0; i < snapshot->ini_count; i++) {
        php_dora_ini *kept = &snapshot->ini[i];
        if ((kept->entry->value != kept->value || !kept->entry->modified) && kept->value != NULL) {
            zend_alter_ini_entry_ex(kept->entry->name, kept->value, ZEND_INI_USER,
                                    ZEND_INI_STAGE_RUNTIME, true);
        }
    }
    /* All of the snapshot are modified now: one more in the table is the task's. */
    if (modified_count() > snapshot->ini_count) {
        ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), entry)
        {
            if (!is_in(snapshot, entry)) {
                zend_restore_ini_entry(entry->name, ZEND_INI_STAGE_DEACTIVATE);
            }
        }
        ZEND_HASH_FOREACH_END();
    }
    time_limit_rest(snapshot);
}

void php_dora_ini_free(php_dora_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->ini_count; i++) {
        if (snapshot->ini[i].value != NULL) {
            zend_string_release(snapshot->ini[i].value);
        }
    }
    if (snapshot->ini != NULL) {
        efree(snapshot->ini);
    }
}
