/* worker.h: the loop of a task worker. */
#ifndef DR_TASK_WORKER_H
#define DR_TASK_WORKER_H

#include "ipc/region.h"
#include "task/app.h"

typedef struct dr_worker {
    const dora_runtime *runtime;
    const dora_app *app;
    dr_region *region;
    uint32_t slot;
    uint32_t reply_bytes_max;
    const int *event_fds;      /* one for each reactor */
    _Atomic uint64_t requests; /* taken so far; handlers' threads may read it */
} dr_worker;

/* dr_worker_run takes tasks until it is told to stop or the runtime says DORA_EEXIT. It does not
 * depend on the master being alive to end: the zygote sets the stop flag. */
void dr_worker_run(dr_worker *worker);

#endif
