/* config_launch.c: how a pool's processes are started: interpreter, environment, PHP's settings. */
#include "server/config/config_launch.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "server/config/env_file.h"

dora_err dr_take_interpreter(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_pool_config *pool = object;
    dora_err err = DORA_OK;
    dr_texts_fini(&pool->interpreter_args);
    if (!json_is_array(json)) {
        return dr_take_program(r, key, json, object);
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);
        const char *text = json_string_value(item);
        if (text == NULL || (i == 0 && text[0] == '\0')) {
            dr_reading_problem(r, "item %zu must be a text; a list is a program and its arguments",
                               i + 1);
            return DORA_OK;
        }
        err = i == 0 ? dr_take_program(r, key, item, object)
                     : dr_texts_add(&pool->interpreter_args, text);
        if (err != DORA_OK) {
            return err;
        }
    }
    if (json_array_size(json) == 0) {
        dr_reading_problem(r, "must have a program: the list is empty");
    }
    return err;
}

/* Adds NAME=value. */
static dora_err add_pair(dr_texts *texts, const char *name, const char *value)
{
    const size_t size = strlen(name) + strlen(value) + 2;
    char *pair = dr_alloc(size);
    if (pair == NULL) {
        return DORA_ENOMEM;
    }
    snprintf(pair, size, "%s=%s", name, value);
    const dora_err err = dr_texts_add(texts, pair);
    dr_free(pair);
    return err;
}

dora_err dr_take_env(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_texts *env = &((dr_pool_config *)object)->env;
    const char *name;
    const json_t *value;
    dora_err err = DORA_OK;
    (void)key;
    dr_texts_fini(env);
    if (!json_is_object(json)) {
        dr_reading_problem(r, "must be an object: {\"NAME\": \"value\"}");
        return DORA_OK;
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        if (!dr_env_name_is_good(dr_slice(name))) {
            dr_reading_problem(r,
                               "\"%s\" cannot be set: a name is letters, digits and \"_\", no "
                               "digit first",
                               name);
        } else if (!json_is_string(value)) {
            dr_reading_problem(r, "\"%s\" must be a text, such as \"1\"", name);
        } else if (err == DORA_OK) {
            err = add_pair(env, name, json_string_value(value));
        }
    }
    return err;
}

/* The text of a setting, in `number` where it is one. Returns: NULL for what is none. */
static const char *ini_value(const json_t *value, char number[32])
{
    if (json_is_boolean(value)) {
        return json_is_true(value) ? "1" : "0";
    }
    if (json_is_integer(value)) {
        snprintf(number, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return number;
    }
    const char *text = json_string_value(value);
    return text != NULL && strpbrk(text, "\r\n") == NULL ? text : NULL;
}

dora_err dr_take_ini(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    dr_texts *ini = &((dr_pool_config *)object)->ini;
    const char *name;
    const json_t *value;
    dora_err err = DORA_OK;
    (void)key;
    dr_texts_fini(ini);
    if (!json_is_object(json)) {
        dr_reading_problem(r, "must be an object: {\"memory_limit\": \"256M\"}");
        return DORA_OK;
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        char number[32];
        const char *text = ini_value(value, number);
        if (name[0] == '\0' || name[strspn(name, letters)] != '\0') {
            dr_reading_problem(r, "\"%s\" is no name of a setting of PHP", name);
        } else if (text == NULL) {
            dr_reading_problem(
                r, "\"%s\" must be a text of one line, a whole number, true or false", name);
        } else if (err == DORA_OK) {
            err = add_pair(ini, name, text);
        }
    }
    return err;
}

/* problem_of adds one with a key of the pool. */
static void problem_of(dr_reading *r, const char *key, const char *text)
{
    r->path[r->depth++] = key;
    dr_reading_problem(r, "%s", text);
    r->depth--;
}

/* settle_memory: a limit in which the runtime can start, and below which `memory_mb_max` is. */
static void settle_memory(dr_reading *r, const dr_pool_config *pool, const dr_runtime *runtime)
{
    char text[128];
    if (pool->memory_hard_mb == 0) {
        return;
    }
    if (pool->memory_hard_mb < runtime->memory_mb_min) {
        (void)snprintf(text, sizeof(text),
                       "must be 0 (no limit) or at least %u: %s does not start in less",
                       (unsigned)runtime->memory_mb_min, runtime->name);
        problem_of(r, "memory_hard_mb", text);
    } else if (pool->memory_mb_max > pool->memory_hard_mb) {
        (void)snprintf(text, sizeof(text),
                       "must be at least memory_mb_max (%u), which no worker would ever be above",
                       (unsigned)pool->memory_mb_max);
        problem_of(r, "memory_hard_mb", text);
    }
}

void dr_pool_settle(dr_reading *r, const dr_pool_config *pool)
{
    const dr_runtime *runtime = dr_runtime_of(pool->runtime);
    if (pool->interpreter != NULL && runtime->program == NULL) {
        dr_reading_problem(r, "has an \"interpreter\", which a C pool does not need");
    }
    if (pool->concurrency > 1 && !runtime->has_loops) {
        problem_of(r, "concurrency",
                   "must be 1 for this runtime, whose handlers run to their end one after the "
                   "other; for more at a time set \"workers\"");
    }
    if (pool->threads > 1 && !runtime->has_loops) {
        problem_of(r, "threads",
                   "has no effect on this runtime, whose handlers have one thread; it is for "
                   "Python's plain functions beside async ones");
    }
    if (pool->extension != NULL && runtime->extension_variable == NULL) {
        dr_reading_problem(r, "has an \"extension\", which is for PHP alone");
    }
    if (pool->ini.count > 0 && runtime->extension_variable == NULL) {
        dr_reading_problem(r, "has \"ini\", which is for PHP alone");
    }
    settle_memory(r, pool, runtime);
}
