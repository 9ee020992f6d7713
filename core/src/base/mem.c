/* mem.c: allocation with a door for tests. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

__attribute__((weak)) bool dr_mem_is_allowed(size_t size)
{
    (void)size;
    return true;
}

void *dr_alloc(size_t size)
{
    return dr_mem_is_allowed(size) ? malloc(size > 0 ? size : 1) : NULL;
}

void *dr_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0) {
        count = size = 1;
    }
    if (count > SIZE_MAX / size || !dr_mem_is_allowed(count * size)) {
        return NULL;
    }
    return calloc(count, size);
}

void *dr_realloc(void *memory, size_t size)
{
    return dr_mem_is_allowed(size) ? realloc(memory, size > 0 ? size : 1) : NULL;
}

char *dr_text_copy(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = dr_alloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void dr_free(void *memory)
{
    free(memory);
}
