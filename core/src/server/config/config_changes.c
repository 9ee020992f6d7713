/* config_changes.c: which keys of a configuration file have changed. */
#include "server/config/config_changes.h"

#include <jansson.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/slice.h"
#include "wire/json_parse.h"

#define KEY_BYTES_MAX 256

typedef struct comparison {
    void (*tell)(const char *key, void *user);
    void *user;
} comparison;

static json_t *tree_of(const dr_config *config)
{
    json_error_t where;
    json_t *json = NULL;
    if (config->text != NULL) {
        const dora_slice text = dr_slice(config->text);
        (void)dr_json_parse(text, DR_SETTINGS_DEPTH_MAX, 0, &json, &where);
    }
    return json;
}

/* compare goes down to the keys of a pool: what stands in one of those changes as a whole. */
static void compare(const comparison *self, const json_t *before, const json_t *now,
                    const char *path, int levels)
{
    for (int side = 0; side < 2; side++) {
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)(side == 0 ? before : now), name, value)
        {
            char key[KEY_BYTES_MAX];
            const json_t *old = json_object_get(before, name);
            const json_t *new = json_object_get(now, name);
            (void)snprintf(key, sizeof(key), "%s%s%s", path, path[0] != '\0' ? "." : "", name);
            if ((side == 1 && old != NULL) || json_equal(old, new)) {
                continue;
            }
            if (levels > 1 && json_is_object(old) && json_is_object(new)) {
                compare(self, old, new, key, levels - 1);
            } else {
                self->tell(key, self->user);
            }
        }
    }
}

void dr_config_each_change(const dr_config *before, const dr_config *now,
                           void (*tell)(const char *key, void *user), void *user)
{
    const comparison self = {tell, user};
    json_t *old = tree_of(before);
    json_t *new = tree_of(now);
    if (old != NULL && new != NULL) {
        compare(&self, old, new, "", 3);
    }
    json_decref(old);
    json_decref(new);
}
