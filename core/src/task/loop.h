/* loop.h: a worker that is driven by an event loop of its language. */
#ifndef DR_TASK_LOOP_H
#define DR_TASK_LOOP_H

#include "task/worker.h"

/* dr_loop_fini frees the jobs. */
void dr_loop_fini(dr_worker *worker);

#endif
