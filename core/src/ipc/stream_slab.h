/* stream_slab.h: blocks of streams side by side in areas of a slab, and half of it at most. Streams
 * stay for long: strewn over the slab, a few of them leave no room for a large call. Not
 * thread-safe: the pool's lock. */
#ifndef DR_IPC_STREAM_SLAB_H
#define DR_IPC_STREAM_SLAB_H

#include "ipc/slab.h"

/* dr_stream_slab: of each area of the slab, which blocks are in use; none where the area is not one
 * of streams. */
typedef struct dr_stream_slab {
    dr_slab *slab;
    uint64_t *used;
    uint32_t areas;
    uint32_t skips; /* streams for which no new area is looked for: to look may merge the slab */
    uint64_t bytes; /* that others cannot have, areas as a whole */
    uint64_t most;  /* of these */
} dr_stream_slab;

/* dr_stream_slab_init is for a slab of so many bytes, which it borrows. Errors: DORA_ENOMEM.
 * dr_stream_slab_fini frees; zeroed memory is fine. */
dora_err dr_stream_slab_init(dr_stream_slab *self, dr_slab *slab, uint64_t bytes);
void dr_stream_slab_fini(dr_stream_slab *self);

/* dr_stream_slab_is_full says whether streams would have more than half of the slab with one more.
 * The only one may. */
bool dr_stream_slab_is_full(const dr_stream_slab *self, uint64_t bytes);

/* dr_stream_slab_alloc and dr_stream_slab_free are dr_slab_alloc and dr_slab_free for a stream,
 * once it was asked whether they are full. A block of another than the usual size, and one for
 * which there is no area, stands alone. */
dora_err dr_stream_slab_alloc(dr_stream_slab *self, uint64_t bytes, uint64_t *offset,
                              uint32_t *capacity);
void dr_stream_slab_free(dr_stream_slab *self, uint64_t offset, uint32_t capacity);

#endif
