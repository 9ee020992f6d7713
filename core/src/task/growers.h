/* growers.h: in the calls of which apis the workers of a pool have grown: what they have seen of
 * themselves (grown.h), put together. It is of one generation of the application: with a reload it
 * begins anew. */
#ifndef DR_TASK_GROWERS_H
#define DR_TASK_GROWERS_H

#include "task/grown.h"

struct dr_pool;

/* dr_growers is a list of them, in no order while it is added to. */
typedef struct dr_growers {
    uint32_t count;
    dr_grower items[DR_GROWERS_MAX];
} dr_growers;

/* dr_growers_list lists all that workers of a pool's generation have seen, those that live and
 * those that have ended; what grew most comes first. Thread: any; takes the lock itself. */
void dr_growers_list(struct dr_pool *pool, dr_growers *growers);

/* dr_growers_most finds in whose calls one worker has grown most. Returns: false: that was not
 * seen. dr_growers_keep keeps what a worker has seen that has ended. Callers hold the lock. */
bool dr_growers_most(const struct dr_pool *pool, uint32_t slot, dr_grower *most);
void dr_growers_keep(struct dr_pool *pool, uint32_t slot);

#endif
