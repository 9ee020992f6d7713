/* reset_ini.c: ini values that a task changed. */
#include "reset.h"

#include "watch.h"

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
void php_dora_time_limit_begin(const php_dora_snapshot *snapshot)
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

/* Some settings have another owner, who may have set the same value anew: session.save_handler. */
static bool is_as_kept(php_dora_ini *kept)
{
    zend_string *now = kept->entry->value;

    if (kept->value == NULL) {
        return true;
    }
    if (!kept->entry->modified || now == NULL) {
        return false;
    }
    if (now != kept->value && zend_string_equals(now, kept->value)) {
        zend_string_release(kept->value);
        kept->value = zend_string_copy(now);
    }
    return now == kept->value;
}

uint32_t php_dora_ini_restore(php_dora_snapshot *snapshot)
{
    zend_ini_entry *entry;
    uint32_t shared = 0;

    for (uint32_t i = 0; i < snapshot->ini_count; i++) {
        php_dora_ini *kept = &snapshot->ini[i];
        if (!is_as_kept(kept)) {
            zend_alter_ini_entry_ex(kept->entry->name, kept->value, ZEND_INI_USER,
                                    ZEND_INI_STAGE_RUNTIME, true);
            shared = PHP_DORA_ASSERT | PHP_DORA_MBSTRING;
        }
    }
    /* All of the snapshot are modified now: one more in the table is the task's. */
    if (modified_count() > snapshot->ini_count) {
        shared = PHP_DORA_ASSERT | PHP_DORA_MBSTRING;
        ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), entry)
        {
            if (!is_in(snapshot, entry)) {
                zend_restore_ini_entry(entry->name, ZEND_INI_STAGE_DEACTIVATE);
            }
        }
        ZEND_HASH_FOREACH_END();
    }
    time_limit_rest(snapshot);
    return shared;
}

void php_dora_ini_set(const char *name, const char *value)
{
    zend_string *key = zend_string_init(name, strlen(name), false);
    zend_alter_ini_entry_chars_ex(key, value, strlen(value), ZEND_INI_USER | ZEND_INI_SYSTEM,
                                  ZEND_INI_STAGE_ACTIVATE, true);
    zend_string_release(key);
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
