/* mem.h: allocation, in one place so that tests can make it fail. */
#ifndef DR_MEM_H
#define DR_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* dr_alloc, dr_calloc and dr_realloc are malloc, calloc and realloc. A size of 0 asks for 1 byte.
 * Returns: NULL when out of memory. Ownership: gives; dr_free or free() frees. */
void *dr_alloc(size_t size);
void *dr_calloc(size_t count, size_t size);
void *dr_realloc(void *memory, size_t size);

/* dr_text_copy is strdup. Returns, ownership: as above. */
char *dr_text_copy(const char *text);

/* dr_free frees; NULL is fine. */
void dr_free(void *memory);

/* dr_mem_is_allowed is asked before every allocation. The core's own says yes; it is a weak
 * symbol, and a test that defines one of the same name decides which allocation fails. */
bool dr_mem_is_allowed(size_t size);

#endif
