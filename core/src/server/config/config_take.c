/* config_take.c: one JSON value to one member of the configuration, or a problem with its place. */
#include "server/config/config_take.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "server/config/config_read.h"
#include "server/config/json_locate.h"
#include "server/config/problem.h"
#include "server/config/suggest.h"

#define KEYS_MAX 64 /* keys of one object, plus NULL */
#define PLACE_MAX 256

void dr_reading_problem(dr_reading *r, const char *format, ...)
{
    char text[1024];
    char path[256] = "";
    size_t line = 0;
    size_t column = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < r->depth; i++) {
        size_t len = strnlen(path, sizeof path);
        snprintf(path + len, sizeof path - len, "%s%s", i > 0 ? "." : "", r->path[i]);
    }
    if (r->depth == 0 || r->text.len == 0 ||
        !dr_place_find(r->text, r->path, r->depth, &line, &column)) {
        dr_problem_add(r->problems, "%s: %s%s%s", r->file, path, r->depth > 0 ? ": " : "", text);
        return;
    }
    dr_problem_add(r->problems, "%s:%zu:%zu: %s: %s", r->file, line, column, path, text);
}

dora_err dr_take_uint(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    json_int_t number = json_integer_value(json);
    if (!json_is_integer(json) || number < (json_int_t)key->min || number > (json_int_t)key->max) {
        dr_reading_problem(r, "must be a whole number from %u to %u", key->min, key->max);
        return DORA_OK;
    }
    uint32_t value = (uint32_t)number;
    memcpy((char *)object + key->at, &value, sizeof value);
    return DORA_OK;
}

dora_err dr_take_bool(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    if (!json_is_boolean(json)) {
        dr_reading_problem(r, "must be true or false");
        return DORA_OK;
    }
    bool value = json_is_true(json);
    memcpy((char *)object + key->at, &value, sizeof value);
    return DORA_OK;
}

dora_err dr_reading_set_path(dr_reading *r, char **place, const char *path)
{
    const char *slash = strrchr(r->file, '/');
    if (slash == NULL || path[0] == '/') {
        return dr_text_set(place, path);
    }
    size_t folder_len = (size_t)(slash - r->file) + 1;
    size_t path_size = strlen(path) + 1;
    char *joined = dr_alloc(folder_len + path_size);
    if (joined == NULL) {
        return DORA_ENOMEM;
    }
    memcpy(joined, r->file, folder_len);
    memcpy(joined + folder_len, path, path_size);
    dr_free(*place);
    *place = joined;
    return DORA_OK;
}

dora_err dr_take_path(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    char **place = (char **)(void *)((char *)object + key->at);
    if (json_is_null(json)) {
        return dr_text_set(place, NULL);
    }
    if (!json_is_string(json) || json_string_length(json) == 0) {
        dr_reading_problem(r, "must be a file name or null");
        return DORA_OK;
    }
    return dr_reading_set_path(r, place, json_string_value(json));
}

dora_err dr_take_program(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    const char *text = json_string_value(json);
    if (text != NULL && text[0] != '\0' && strchr(text, '/') == NULL) {
        return dr_text_set((char **)(void *)((char *)object + key->at), text);
    }
    return dr_take_path(r, key, json, object);
}

dora_err dr_take_texts(dr_reading *r, const json_t *json, dr_config *config,
                       dora_err (*add)(dr_config *config, const char *text, dora_error *error))
{
    dora_error error;
    if (!json_is_array(json)) {
        dr_reading_problem(r, "must be a list of texts");
        return DORA_OK;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);
        if (!json_is_string(item)) {
            dr_reading_problem(r, "item %zu must be a text", i + 1);
            continue;
        }
        const dora_err err = add(config, json_string_value(item), &error);
        if (err == DORA_ENOMEM) {
            return err;
        }
        if (err != DORA_OK) {
            dr_reading_problem(r, "item %zu: %s", i + 1, error.msg);
        }
    }
    return DORA_OK;
}

/* find_below looks for a name in the objects of a table; `folder` is where the table stands. */
static bool find_below(const dr_key *keys, const char *folder, const char *name, char *place)
{
    for (; keys->name != NULL; keys++) {
        if (keys->keys != NULL && dr_config_key(keys->keys, name) != NULL) {
            snprintf(place, PLACE_MAX, "%s%s.%s", folder, keys->name, name);
            return true;
        }
    }
    return false;
}

/* find_place says where the last key of the path belongs, which is right but stands an object too
 * high or too low. */
static bool find_place(const dr_reading *r, const dr_key *keys, char *place)
{
    const char *name = r->path[r->depth - 1];
    char folder[PLACE_MAX] = "";
    for (size_t i = 0; i + 1 < r->depth; i++) {
        const size_t len = strnlen(folder, sizeof folder);
        snprintf(folder + len, sizeof folder - len, "%s.", r->path[i]);
    }
    if (find_below(keys, folder, name, place)) {
        return true;
    }
    if (dr_config_key(dr_config_keys(), name) != NULL) {
        snprintf(place, PLACE_MAX, "%s", name);
        return true;
    }
    if (dr_config_key(dr_pool_keys(), name) != NULL) {
        snprintf(place, PLACE_MAX, "pools.NAME.%s", name);
        return true;
    }
    return find_below(dr_config_keys(), "", name, place);
}

static void unknown_key(dr_reading *r, const dr_key *keys)
{
    char place[PLACE_MAX];
    const char *names[KEYS_MAX] = {NULL};
    char allowed[1024] = "";
    for (size_t i = 0; keys[i].name != NULL; i++) {
        size_t len = strnlen(allowed, sizeof allowed);
        names[i] = keys[i].name;
        snprintf(allowed + len, sizeof allowed - len, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *near =
        find_place(r, keys, place) ? place : dr_suggest(r->path[r->depth - 1], names);
    if (near != NULL) {
        dr_reading_problem(r, "unknown key; did you mean \"%s\"? allowed: %s", near, allowed);
    } else {
        dr_reading_problem(r, "unknown key; allowed: %s", allowed);
    }
}

const dr_key *dr_config_key(const dr_key *keys, const char *name)
{
    while (keys->name != NULL && strcmp(keys->name, name) != 0) {
        keys++;
    }
    return keys->name != NULL ? keys : NULL;
}

dora_err dr_take_members(dr_reading *r, const dr_key *keys, const json_t *json, void *object)
{
    const char *name;
    const json_t *value;
    dora_err err = DORA_OK;
    if (!json_is_object(json)) {
        dr_reading_problem(r, "must be an object: {...}");
        return DORA_OK;
    }
    r->depth++;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        const dr_key *known = dr_config_key(keys, name);
        r->path[r->depth - 1] = name;
        if (known == NULL) {
            unknown_key(r, keys);
        } else if (err == DORA_OK) {
            err = known->take(r, known, value, object);
        }
    }
    r->depth--;
    return err;
}
