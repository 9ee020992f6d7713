/* value_write.h: values to PHP's serialize() bytes. */
#ifndef DR_WIRE_VALUE_WRITE_H
#define DR_WIRE_VALUE_WRITE_H

#include "wire/value.h"

/* dr_writer_init makes a writer that begins in `data` (`cap` bytes; NULL and 0 are fine) and holds
 * at most `max` bytes. `grow` NULL: the area is all there is, DORA_ETOOBIG past it.
 * Ownership: borrows `data` and `user` for the writer's life. */
void dr_writer_init(dora_writer *writer, char *data, size_t cap, size_t max, dr_writer_grow_fn grow,
                    void *user);

/* dr_writer_grow_heap is the `grow` of a writer whose bytes are on the heap; `data` must then come
 * from dr_alloc or be NULL, and dr_writer_fini frees it. */
dora_err dr_writer_grow_heap(dora_writer *writer, size_t need, void *user);

/* dr_writer_fini frees the bytes of a writer that grows by dr_writer_grow_heap; else it frees
 * nothing. Safe on zeroed memory. */
void dr_writer_fini(dora_writer *writer);

/* dr_int_text writes decimal digits, without a NUL. Returns: how many bytes. */
size_t dr_int_text(int64_t number, char text[DR_INT_TEXT_MAX]);

#endif
