/* fork.c: what a worker does not share with its zygote: random numbers, and the end of what was
 * made while loading. */
#include "fork.h"

#include "ext/standard/basic_functions.h"
#include "php_streams.h"
#include "zend_interfaces.h"
#include "zend_smart_str.h"
#include "zend_weakrefs.h"

#include "seeds.h"

/* ---- random numbers ---- */

static void say(const smart_str *names, const char *what)
{
    if (names->s == NULL) {
        return;
    }
    zend_string *text =
        zend_strpprintf(0,
                        "random generators that were made while loading (%s) %s; where numbers "
                        "should be known, seed them in a workerStart hook",
                        ZSTR_VAL(names->s), what);
    (void)dora_log(DORA_LOG_NOTICE, "dora", NULL, 0, ZSTR_VAL(text), ZSTR_LEN(text));
    zend_string_release(text);
}

static void name(smart_str *names, const zend_class_entry *class)
{
    if (names->s != NULL && strstr(ZSTR_VAL(names->s), ZSTR_VAL(class->name)) != NULL) {
        return;
    }
    if (names->s != NULL) {
        smart_str_appends(names, ", ");
    }
    smart_str_append(names, class->name);
    smart_str_0(names);
}

/* Finds the application's random engines, and names them: those of PHP can be seeded anew. */
static void engines_find(php_dora_loaded *loaded)
{
    zend_class_entry *engine = zend_hash_str_find_ptr(CG(class_table), ZEND_STRL("random\\engine"));
    zend_class_entry *secure =
        zend_hash_str_find_ptr(CG(class_table), ZEND_STRL("random\\engine\\secure"));
    smart_str seeded = {0};
    smart_str others = {0};

    for (uint32_t i = 1; engine != NULL && i < EG(objects_store).top; i++) {
        zend_object *object = EG(objects_store).object_buckets[i];
        if (!IS_OBJ_VALID(object) || object->ce == secure ||
            !instanceof_function(object->ce, engine)) {
            continue;
        }
        if (object->ce->type != ZEND_INTERNAL_CLASS) {
            name(&others, object->ce);
            continue;
        }
        loaded->engines =
            safe_erealloc(loaded->engines, loaded->engine_count + 1, sizeof(zend_object *), 0);
        loaded->engines[loaded->engine_count++] = object;
        name(&seeded, object->ce);
    }
    say(&seeded, "are seeded anew in each worker");
    say(&others, "give all workers the same numbers");
    smart_str_free(&seeded);
    smart_str_free(&others);
}

/* The kind of numbers of a Mt19937, which its constructor sets: the last of what it is written as,
 * after the numbers and how many of them were drawn. Returns: whether the object has one. */
static bool mode_of(zend_object *object, zval *mode)
{
    zval written;

    if (!zend_string_equals_literal(object->ce->name, "Random\\Engine\\Mt19937")) {
        return false;
    }
    zend_call_method_with_0_params(object, object->ce, NULL, "__serialize", &written);
    zval *state = Z_TYPE(written) == IS_ARRAY ? zend_hash_index_find(Z_ARRVAL(written), 1) : NULL;
    zval *last = NULL;
    if (state != NULL && Z_TYPE_P(state) == IS_ARRAY) {
        last =
            zend_hash_index_find(Z_ARRVAL_P(state), zend_hash_num_elements(Z_ARRVAL_P(state)) - 1);
    }
    const bool is_known = last != NULL && Z_TYPE_P(last) == IS_LONG;
    if (is_known) {
        ZVAL_COPY_VALUE(mode, last);
    }
    zval_ptr_dtor(&written);
    return is_known;
}

static void engines_seed(php_dora_loaded *loaded)
{
    for (uint32_t i = 0; i < loaded->engine_count; i++) {
        zend_object *object = loaded->engines[i];
        zval seed;
        zval mode;
        ZVAL_NULL(&seed);
        if (mode_of(object, &mode)) {
            zend_call_known_instance_method_with_2_params(object->ce->constructor, object, NULL,
                                                          &seed, &mode);
            continue;
        }
        zend_call_known_instance_method_with_0_params(object->ce->constructor, object, NULL);
    }
}

/* ---- ends ---- */

static bool has_end(const zend_object *object)
{
    return (object->ce->destructor != NULL ||
            object->handlers->dtor_obj != zend_objects_destroy_object) &&
           (OBJ_FLAGS(object) & IS_OBJ_DESTRUCTOR_CALLED) == 0;
}

static void ends_find(php_dora_loaded *loaded)
{
    zend_hash_init(&loaded->ends, 0, NULL, NULL, false);
    for (uint32_t i = 1; i < EG(objects_store).top; i++) {
        zend_object *object = EG(objects_store).object_buckets[i];
        if (IS_OBJ_VALID(object) && has_end(object)) {
            zend_weakrefs_hash_add_ptr(&loaded->ends, object, object);
        }
    }
}

/* Lets go of the objects that still live; a worker's are not destructed any more. */
static void ends_leave(php_dora_loaded *loaded)
{
    zend_object *object;

    ZEND_HASH_FOREACH_PTR(&loaded->ends, object)
    {
        if (DORA_G(is_worker)) {
            GC_ADD_FLAGS(object, IS_OBJ_DESTRUCTOR_CALLED);
        }
        zend_weakrefs_hash_del(&loaded->ends, object);
    }
    ZEND_HASH_FOREACH_END();
    zend_hash_destroy(&loaded->ends);
}

/* The files of streams are closed by the process's end: closing a tmpfile() would remove it. */
static void streams_leave(const php_dora_loaded *loaded)
{
    zend_resource *resource;

    ZEND_HASH_FOREACH_PTR(&EG(regular_list), resource)
    {
        if (resource->handle >= loaded->resources || resource->type != php_file_le_stream()) {
            continue;
        }
        php_stream *stream = resource->ptr;
        if (stream->ops == &php_stream_stdio_ops) {
            stream->flags |= PHP_STREAM_FLAG_NO_CLOSE;
        }
    }
    ZEND_HASH_FOREACH_END();
}

void php_dora_fork_prepare(php_dora_loaded *loaded)
{
    if (loaded->is_known) {
        return;
    }
    loaded->is_known = true;
    loaded->resources = EG(regular_list).nNextFreeElement;
    engines_find(loaded);
    ends_find(loaded);
}

void php_dora_fork_begin(php_dora_loaded *loaded)
{
    php_dora_seeds_forget();
    engines_seed(loaded);
    DORA_G(loaded_shutdown) = BG(user_shutdown_function_names);
    BG(user_shutdown_function_names) = NULL;
}

void php_dora_fork_end(php_dora_loaded *loaded)
{
    if (!loaded->is_known) {
        return;
    }
    if (DORA_G(is_worker)) {
        streams_leave(loaded);
    }
    ends_leave(loaded);
    if (loaded->engines != NULL) {
        efree(loaded->engines);
    }
    loaded->is_known = false;
}

void php_dora_fork_free(void)
{
    HashTable *own = BG(user_shutdown_function_names);

    if (DORA_G(loaded_shutdown) != NULL) {
        BG(user_shutdown_function_names) = DORA_G(loaded_shutdown);
        DORA_G(loaded_shutdown) = NULL;
        php_free_shutdown_functions();
        BG(user_shutdown_function_names) = own;
    }
}
