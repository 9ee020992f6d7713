/* fetch.h: asks for memory ahead of its use. What another processor wrote last has to come from
 * that one's cache; who has something else to do meanwhile does not wait for it. What that saves
 * stands in PERFORMANCE.md. */
#ifndef DR_BASE_FETCH_H
#define DR_BASE_FETCH_H

#include <stddef.h>

#define DR_LINE_BYTES 64   /* of a cache; where they are longer, some are asked for twice */
#define DR_FETCH_BYTES 192 /* of a request, and of a reply: most have no more */

/* dr_fetch asks for `len` bytes. There may be nothing at `data` at all: nothing comes then. */
static inline void dr_fetch(const void *data, size_t len)
{
    for (size_t at = 0; at < len; at += DR_LINE_BYTES) {
        __builtin_prefetch((const char *)data + at);
    }
}

#endif
