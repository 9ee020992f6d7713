/* slab.h: which parts of the region's slab are in use. All of it is in the master's own memory; a
 * block's address in shared memory follows from its number. Not thread-safe: the pool's lock. */
#ifndef DR_IPC_SLAB_H
#define DR_IPC_SLAB_H

#include <stdbool.h>

#include "base/limits.h"
#include <dora/error.h>

#define DR_SLAB_ORDERS 24

/* dr_slab is a buddy allocator over units of DR_BLOCK_BYTES_MIN. Free blocks are merged only when
 * an allocation would fail, so the steady state is one list operation. */
typedef struct dr_slab {
    uint32_t units;
    uint32_t free_head[DR_SLAB_ORDERS]; /* unit + 1; 0: empty */
    uint32_t *next;                     /* of a free block's first unit: unit + 1 */
    uint8_t *order;                     /* of a block's first unit: order + 1 when free, else 0 */
    bool is_merged;                     /* and nothing was freed since */
} dr_slab;

/* dr_slab_init starts with everything free. Errors: DORA_ENOMEM. dr_slab_fini frees; zeroed memory
 * is fine. */
dora_err dr_slab_init(dr_slab *slab, uint64_t bytes);
void dr_slab_fini(dr_slab *slab);

/* dr_slab_alloc finds room for `bytes`: `*offset` in the slab, `*capacity` what the block holds.
 * Errors: DORA_EFULL. */
dora_err dr_slab_alloc(dr_slab *slab, uint64_t bytes, uint64_t *offset, uint32_t *capacity);

/* dr_slab_capacity is what the block for `bytes` would hold. */
uint64_t dr_slab_capacity(uint64_t bytes);

/* dr_slab_free gives a block back; both numbers as dr_slab_alloc gave them. */
void dr_slab_free(dr_slab *slab, uint64_t offset, uint32_t capacity);

#endif
