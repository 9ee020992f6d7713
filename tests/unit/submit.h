/* submit.h: a task that is admitted and handed over at once. */
#ifndef DORA_TEST_SUBMIT_H
#define DORA_TEST_SUBMIT_H

#include "task/dispatch.h"

/* submit_task returns 0 and `*task`, or the code that the task is refused with. */
static inline int64_t submit_task(dr_pool *pool, const dr_task_input *input, uint32_t *task)
{
    const int64_t code = dr_dispatch_reserve(pool, input, task);
    if (code == 0) {
        dr_dispatch_commit(pool, task, 1);
    }
    return code;
}

#endif
