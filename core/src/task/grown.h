/* grown.h: in whose calls a worker grows. Now and then a worker that runs one task after the other
 * looks how much memory is in use before a task and after it: between the two looks nothing else
 * has run, so what came to it is that task's. The sums stand in its shared memory (region.h). */
#ifndef DR_TASK_GROWN_H
#define DR_TASK_GROWN_H

#include <dora/runtime.h>

#include "ipc/region.h"

/* dr_grower is an api in whose calls memory was taken and not given back. */
typedef struct dr_grower {
    uint32_t api;   /* its number, DR_APP_APIS_MAX: the fallback */
    uint32_t looks; /* calls that were looked at */
    int64_t bytes;  /* what they left; below 0: they gave back what others had left */
} dr_grower;

/* dr_grown is what a worker has in mind between two looks. */
typedef struct dr_grown {
    uint64_t due_ns; /* it looks at nothing before; UINT64_MAX: never */
    const dora_runtime *runtime;
    bool is_looking; /* at the task that comes, before which so much was in use */
    uint64_t bytes;
    uint32_t left; /* tasks before that one */
    uint32_t random;
} dr_grown;

/* dr_grown_begin is for a worker that has done nothing yet. `runtime` NULL: it does not look.
 * Ownership: borrows it for the worker's life. */
dr_grown dr_grown_begin(const dora_runtime *runtime);

/* dr_grown_look looks, where it is due: after the `tasks`-th task of a worker, which was of `api`.
 * Returns: the time, since a look takes some. */
uint64_t dr_grown_look(dr_grown *grown, dr_shared_worker *shared, uint32_t api, uint64_t tasks,
                       uint64_t now_ns);

/* dr_grown_note adds what one call has left, and makes room for its api by giving up the one that
 * grew least. */
void dr_grown_note(dr_shared_worker *shared, uint32_t api, int64_t bytes);

/* dr_grown_read takes an entry as it stands, which a worker may have spoiled. Returns: false: there
 * is none. */
bool dr_grown_read(const dr_shared_worker *shared, uint32_t entry, dr_grower *grower);

#endif
