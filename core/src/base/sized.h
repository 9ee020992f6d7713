/* sized.h: structures that a program of another version may have filled. Source: dora/version.h. */
#ifndef DR_SIZED_H
#define DR_SIZED_H

#include <string.h>

#include <dora/error.h>

/* dr_sized is one such structure. What has `first` bytes was all of it in 0.1.0. */
typedef struct dr_sized {
    const char *name;
    size_t size; /* of ours */
    size_t first;
} dr_sized;

/* dr_sized_other is dr_sized_take for what is not as large as ours. */
dora_err dr_sized_other(const dr_sized *type, const void **given, void *room, dora_error *error);

/* dr_sized_take makes `*given`, which a caller filled, point to what this library knows: it stays
 * where nothing is missing there, else it is `room`, which has the structure's size.
 * Ownership: borrows both. Errors: DORA_EINVAL for a size that cannot be, DORA_EVERSION where
 * something is set that this library does not know. */
static inline dora_err dr_sized_take(const dr_sized *type, const void **given, void *room,
                                     dora_error *error)
{
    size_t size;
    memcpy(&size, *given, sizeof size); /* the first member of each */
    return size == type->size ? DORA_OK : dr_sized_other(type, given, room, error);
}

/* dr_sized_give copies `ours` to a caller whose structure may be shorter. Its `size` stays. */
void dr_sized_give(const dr_sized *type, const void *ours, void *theirs);

/* DR_SIZED describes a structure by the last member that it had in 0.1.0. */
#define DR_SIZED(type, last)                                                                       \
    {                                                                                              \
        .name = #type, .size = sizeof(type),                                                       \
        .first = offsetof(type, last) + sizeof(((const type *)0)->last)                            \
    }

#endif
