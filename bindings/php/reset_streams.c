/* reset_streams.c: stream wrappers and filters, the default context, the default folder. */
#include "reset.h"

#include "ext/standard/basic_functions.h"
#include "ext/standard/file.h"

#include "watch.h"

/* FG(stream_wrappers) and FG(stream_filters) are NULL until something is registered: then PHP's
 * own tables count. */
static HashTable *table_copy(const HashTable *table)
{
    if (table == NULL) {
        return NULL;
    }
    HashTable *copy = emalloc(sizeof(*copy));
    zend_hash_init(copy, zend_hash_num_elements(table), NULL, NULL, 0);
    zend_hash_copy(copy, (HashTable *)table, NULL);
    return copy;
}

static void table_free(HashTable *table)
{
    if (table != NULL) {
        zend_hash_destroy(table);
        efree(table);
    }
}

/* Lists the names in `now` that are not the same in `before`. */
static void differences(zval *names, HashTable *now, const HashTable *before)
{
    zend_string *name;
    void *value;

    array_init(names);
    ZEND_HASH_FOREACH_STR_KEY_PTR(now, name, value)
    {
        if (name != NULL && zend_hash_find_ptr(before, name) != value) {
            add_next_index_str(names, zend_string_copy(name));
        }
    }
    ZEND_HASH_FOREACH_END();
}

static void wrappers_remove(HashTable *before)
{
    zend_function *unregister = php_dora_function("stream_wrapper_unregister");
    zval names;
    zval *name;

    differences(&names, FG(stream_wrappers), before);
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL(names), name)
    {
        php_dora_quiet(unregister, NULL, 1, name);
    }
    ZEND_HASH_FOREACH_END();
    zval_ptr_dtor(&names);
}

/* PHP's own, which a task took away: the tables hold the same pointers. */
static void wrappers_add(HashTable *before)
{
    zend_string *name;
    void *wrapper;

    ZEND_HASH_FOREACH_STR_KEY_PTR(before, name, wrapper)
    {
        if (name != NULL &&
            zend_hash_find_ptr(php_stream_get_url_stream_wrappers_hash_global(), name) == wrapper) {
            zend_hash_add_ptr(FG(stream_wrappers), name, wrapper);
        }
    }
    ZEND_HASH_FOREACH_END();
}

static void wrappers_restore(php_dora_streams *kept)
{
    HashTable *before =
        kept->wrappers != NULL ? kept->wrappers : php_stream_get_url_stream_wrappers_hash_global();

    if (FG(stream_wrappers) == NULL) {
        return;
    }
    if (kept->wrappers != NULL) {
        php_dora_watch_replay_undone(kept->wrappers);
    }
    wrappers_remove(before);
    wrappers_add(before);
}

static void filters_restore(const php_dora_streams *kept)
{
    zval names;
    zval *name;

    if (FG(stream_filters) == NULL) {
        return;
    }
    differences(&names, FG(stream_filters),
                kept->filters != NULL ? kept->filters : php_get_stream_filters_hash_global());
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL(names), name)
    {
        zend_hash_del(FG(stream_filters), Z_STR_P(name));
        if (BG(user_filter_map) != NULL) {
            zend_hash_del(BG(user_filter_map), Z_STR_P(name));
        }
    }
    ZEND_HASH_FOREACH_END();
    zval_ptr_dtor(&names);
}

/* The folder that was opened last, by which it is closed where nobody else holds it, and none. */
static void folder_restore(void)
{
    zval folder;

    ZVAL_STRING(&folder, ".");
    zval handle;
    if (php_dora_quiet(php_dora_function("opendir"), &handle, 1, &folder)) {
        if (Z_TYPE(handle) == IS_RESOURCE) {
            php_dora_quiet(php_dora_function("closedir"), NULL, 1, &handle);
        }
        zval_ptr_dtor(&handle);
    }
    zval_ptr_dtor(&folder);
}

/* Whom the default context notifies, or null. PHP's own function is asked: how a context keeps it
 * differs between versions. */
static void notification_ask(zval *callback, const php_stream_context *context)
{
    zval handle;
    zval params;

    ZVAL_NULL(callback);
    if (context->notifier == NULL) {
        return;
    }
    ZVAL_RES(&handle, context->res);
    if (php_dora_quiet(php_dora_function("stream_context_get_params"), &params, 1, &handle)) {
        zval *found = zend_hash_str_find(Z_ARRVAL(params), ZEND_STRL("notification"));
        if (found != NULL) {
            ZVAL_COPY(callback, found);
        }
        zval_ptr_dtor(&params);
    }
}

static void notification_set(zval *callback, const php_stream_context *context)
{
    zval args[2];

    ZVAL_RES(&args[0], context->res);
    array_init(&args[1]);
    Z_TRY_ADDREF_P(callback);
    add_assoc_zval(&args[1], "notification", callback);
    php_dora_quiet(php_dora_function("stream_context_set_params"), NULL, 2, args);
    zval_ptr_dtor(&args[1]);
}

/* There is one from now on, since each file that is opened would make it. */
static void context_take(php_dora_streams *kept)
{
    if (FG(default_context) == NULL) {
        FG(default_context) = php_stream_context_alloc();
    }
    ZVAL_COPY(&kept->options, &FG(default_context)->options);
    notification_ask(&kept->notification, FG(default_context));
}

static void notification_restore(php_dora_streams *kept, php_stream_context *context)
{
    zval now;

    notification_ask(&now, context);
    if (!zend_is_identical(&now, &kept->notification)) {
        if (context->notifier != NULL) {
            php_stream_notification_free(context->notifier);
            context->notifier = NULL;
        }
        if (Z_TYPE(kept->notification) != IS_NULL) {
            notification_set(&kept->notification, context);
        }
    }
    zval_ptr_dtor(&now);
}

void php_dora_streams_take(php_dora_streams *kept)
{
    kept->wrappers = table_copy(FG(stream_wrappers));
    kept->filters = table_copy(FG(stream_filters));
    kept->is_flushing = (php_output_get_status() & PHP_OUTPUT_IMPLICITFLUSH) != 0;
    context_take(kept);
    folder_restore();
}

/* The snapshot holds the options, too, so a task cannot change them in place. */
void php_dora_streams_look(php_dora_streams *kept)
{
    php_stream_context *context = FG(default_context);

    if (Z_PTR(context->options) != Z_PTR(kept->options)) {
        zval_ptr_dtor(&context->options);
        ZVAL_COPY(&context->options, &kept->options);
    }
    notification_restore(kept, context);
}

/* What an included file registered belongs to the table from now on. */
static void adopt(HashTable **kept, HashTable *now, HashTable *own)
{
    zval *name;

    if (now == NULL) {
        return;
    }
    ZEND_HASH_FOREACH_VAL(php_dora_watch_streams(), name)
    {
        void *value = zend_hash_find_ptr(now, Z_STR_P(name));
        if (value != NULL) {
            *kept = *kept != NULL ? *kept : table_copy(own);
            zend_hash_update_ptr(*kept, Z_STR_P(name), value);
        }
    }
    ZEND_HASH_FOREACH_END();
}

static void included_adopt(php_dora_streams *kept)
{
    adopt(&kept->wrappers, FG(stream_wrappers), php_stream_get_url_stream_wrappers_hash_global());
    adopt(&kept->filters, FG(stream_filters), php_get_stream_filters_hash_global());
    zend_hash_clean(php_dora_watch_streams());
}

void php_dora_streams_restore(php_dora_streams *kept, uint32_t touched)
{
    if ((touched & PHP_DORA_STREAMS) != 0) {
        included_adopt(kept);
        wrappers_restore(kept);
        filters_restore(kept);
    }
    if ((touched & PHP_DORA_FOLDER) != 0) {
        folder_restore();
    }
    if ((touched & PHP_DORA_FLUSH) != 0) {
        php_output_set_implicit_flush(kept->is_flushing);
    }
}

void php_dora_streams_free(php_dora_streams *kept)
{
    table_free(kept->wrappers);
    table_free(kept->filters);
    zval_ptr_dtor(&kept->options);
    zval_ptr_dtor(&kept->notification);
}
