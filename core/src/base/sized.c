/* sized.c: the version, and structures that a program of another version may have filled. */
#include "base/sized.h"

#include <dora/version.h>

#include "base/limits.h"

const char *dora_version(void)
{
    return DORA_VERSION;
}

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

dora_err dr_sized_other(const dr_sized *type, const void **given, void *room, dora_error *error)
{
    size_t size;
    memcpy(&size, *given, sizeof size);
    if (size == 0) {
        size = type->first;
    }
    if (size < type->first || size > DR_SIZED_BYTES_MAX) {
        return dora_error_set(error, DORA_EINVAL, "%s.size is %zu: it must be 0 or sizeof(%s)",
                              type->name, size, type->name);
    }
    if (size >= type->size) {
        if (!is_zero((const char *)*given + type->size, size - type->size)) {
            return dora_error_set(error, DORA_EVERSION,
                                  "%s sets a member that this libdora (%s) is too old to know",
                                  type->name, DORA_VERSION);
        }
        return DORA_OK;
    }
    memcpy(room, *given, size);
    memset((char *)room + size, 0, type->size - size);
    *given = room;
    return DORA_OK;
}

void dr_sized_give(const dr_sized *type, const void *ours, void *theirs)
{
    size_t size;
    memcpy(&size, theirs, sizeof size);
    size = size < type->first ? type->first : size;
    size = size > type->size ? type->size : size;
    memcpy((char *)theirs + sizeof size, (const char *)ours + sizeof size, size - sizeof size);
}
