/* json_keys.h: keys with a length of their own, which jansson has from 2.14 on. Before that, a
 * key with a NUL has no place in an object: it is refused as jansson refuses it when it reads. */
#ifndef DR_WIRE_JSON_KEYS_H
#define DR_WIRE_JSON_KEYS_H

#include <jansson.h>

#define DR_JSON_NUL_IN_KEYS (JANSSON_VERSION_HEX >= 0x020e00)

#if !DR_JSON_NUL_IN_KEYS

#include <string.h>

#include "base/mem.h"

static inline size_t json_object_iter_key_len(void *iter)
{
    return strlen(json_object_iter_key(iter));
}

/* Ownership: takes `value`, after a failure too. */
static inline int json_object_setn_new_nocheck(json_t *object, const char *key, size_t len,
                                               json_t *value)
{
    char *name = memchr(key, '\0', len) == NULL ? dr_alloc(len + 1) : NULL;
    if (name == NULL) {
        json_decref(value);
        return -1;
    }
    memcpy(name, key, len);
    name[len] = '\0';
    const int status = json_object_set_new_nocheck(object, name, value);
    dr_free(name);
    return status;
}

static inline int json_object_setn_new(json_t *object, const char *key, size_t len, json_t *value)
{
    return json_object_setn_new_nocheck(object, key, len, value);
}

static inline int json_object_setn(json_t *object, const char *key, size_t len, json_t *value)
{
    return json_object_setn_new_nocheck(object, key, len, json_incref(value));
}

#endif
#endif
