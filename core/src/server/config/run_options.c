/* run_options.c: what a program's run() is given: every key of a configuration file. */
#include "server/config/run_options.h"

#include <stdio.h>
#include <string.h>

#include <dora/server.h>

#include "server/config/config_launch.h"
#include "server/config/config_read.h"
#include "server/config/config_take.h"
#include "server/config/options.h"
#include "server/config/problem.h"
#include "server/config/suggest.h"

#define NAMES_MAX 128 /* flags, keys and keys of inner objects */

/* Keys of a pool that a program is by itself: its own file, in its own language. */
static bool is_given(const char *name)
{
    return strcmp(name, "runtime") == 0 || strcmp(name, "app") == 0;
}

/* known is every name that run() takes. Those of inner objects, "log.level", are made in `text`. */
typedef struct known {
    const char *names[NAMES_MAX];
    size_t count;
    char text[2048];
    size_t used;
} known;

static void known_add(known *all, const char *name)
{
    if (all->count + 1 < NAMES_MAX) {
        all->names[all->count++] = name;
        all->names[all->count] = NULL;
    }
}

static void known_add_inner(known *all, const dr_key *outer)
{
    for (const dr_key *key = outer->keys; key != NULL && key->name != NULL; key++) {
        char *name = all->text + all->used;
        const size_t room = sizeof all->text - all->used;
        const int len = snprintf(name, room, "%s.%s", outer->name, key->name);
        if (len > 0 && (size_t)len < room) {
            all->used += (size_t)len + 1;
            known_add(all, name);
        }
    }
}

static void known_fill(known *all)
{
    *all = (known){0};
    for (const char *const *flag = dr_options_flags(); *flag != NULL; flag++) {
        const dr_key *key = dr_config_key(dr_config_keys(), *flag + 2);
        if (key == NULL || key->keys != NULL) { /* else it comes among the keys */
            known_add(all, *flag + 2);
        }
    }
    for (const dr_key *key = dr_config_keys(); key->name != NULL; key++) {
        if (key->keys != NULL) {
            known_add_inner(all, key);
        } else {
            known_add(all, key->name);
        }
    }
    for (const dr_key *key = dr_pool_keys(); key->name != NULL; key++) {
        if (!is_given(key->name) && dr_config_key(dr_config_keys(), key->name) == NULL) {
            known_add(all, key->name);
        }
    }
}

static dora_err unknown(const dr_reading *r, const char *name, dora_error *error)
{
    known all;
    char list[2048] = "";
    known_fill(&all);
    const char *near = dr_suggest(name, all.names);
    for (size_t i = 0; i < all.count; i++) {
        const size_t len = strnlen(list, sizeof list);
        const bool is_repeated = i > 0 && strcmp(all.names[i], all.names[i - 1]) == 0;
        if (!is_repeated) {
            snprintf(list + len, sizeof list - len, "%s%s", i > 0 ? ", " : "", all.names[i]);
        }
    }
    return dora_error_set(error, DORA_EINVAL, "%s has no option '%s'%s%s%s; it has %s", r->file,
                          name, near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                          near != NULL ? "'?" : "", list);
}

/* inner_key finds "log.level": the key `level` of the object `log`. */
static const dr_key *inner_key(const char *name)
{
    const char *dot = strchr(name, '.');
    for (const dr_key *key = dr_config_keys(); dot != NULL && key->name != NULL; key++) {
        const size_t len = (size_t)(dot - name);
        if (key->keys != NULL && strlen(key->name) == len && memcmp(key->name, name, len) == 0) {
            return dr_config_key(key->keys, dot + 1);
        }
    }
    return NULL;
}

/* own_pool is the pool of the program itself, NULL where it is none of the configuration's. */
static dr_pool_config *own_pool(dr_config *config)
{
    for (size_t i = 0; i < config->pool_count; i++) {
        if (config->pools[i].from_again) {
            return &config->pools[i];
        }
    }
    return NULL;
}

static dora_err take_one(dr_reading *r, const char *name, const json_t *json, dora_error *error)
{
    const dr_key *key = dr_config_key(dr_config_keys(), name);
    void *object = r->config;
    if (key == NULL) {
        key = inner_key(name);
    }
    if (key == NULL && !is_given(name)) {
        key = dr_config_key(dr_pool_keys(), name);
        object = own_pool(r->config);
    }
    if (key == NULL || object == NULL) {
        return unknown(r, name, error);
    }
    r->path[r->depth++] = name;
    const dora_err err = key->take(r, key, json, object);
    r->depth--;
    return err;
}

dora_err dr_run_options_take(dr_config *config, const char *options, const char *name,
                             dora_error *error)
{
    dora_error local;
    dora_error *problems = error != NULL ? error : &local;
    dr_reading r = {.config = config, .file = name, .problems = problems};
    const char *option;
    const json_t *value;
    dora_err err = DORA_OK;
    dr_problem_clear(problems);
    json_error_t where;
    json_t *json = json_loads(options, 0, &where);
    if (!json_is_object(json)) {
        const char *why = json == NULL ? where.text : "the options are no object";
        json_decref(json);
        return dora_error_set(problems, DORA_ECONFIG, "%s: %s", name, why);
    }
    json_object_foreach(json, option, value)
    {
        err = take_one(&r, option, value, problems);
        if (err != DORA_OK) {
            break;
        }
    }
    json_decref(json);
    if (err != DORA_OK) {
        return err == DORA_EINVAL ? err : dora_error_set(problems, err, "%s", dora_err_text(err));
    }
    const dr_pool_config *own = own_pool(config);
    if (own != NULL) {
        dr_pool_settle(&r, own);
    }
    return problems->err;
}

static dora_err pool_of(dr_config *config, const char *runtime)
{
    const dr_runtime_kind kind = dr_runtime_find(runtime);
    dr_pool_config *pool =
        dr_config_pool_add(config, "app", kind < DR_RUNTIME_COUNT ? kind : DR_RUNTIME_C, "");
    if (pool == NULL) {
        return DORA_ENOMEM;
    }
    pool->from_again = true;
    return DORA_OK;
}

dora_err dora_options_check(const char *runtime, const char *options, const char *name,
                            dora_error *error)
{
    dr_config config;
    dora_err err = dr_config_init(&config);
    if (err == DORA_OK) {
        err = pool_of(&config, runtime);
    }
    if (err != DORA_OK) {
        dora_error_set(error, err, "%s", dora_err_text(err));
    } else {
        err = dr_run_options_take(&config, options, name, error);
    }
    dr_config_fini(&config);
    return err;
}
