/* renew.h: another region for a pool, in the place of a damaged one. */
#ifndef DR_TASK_RENEW_H
#define DR_TASK_RENEW_H

#include "task/dispatch.h"

/* dr_dispatch_renew puts another region in place of one that is damaged, once all processes that
 * know the old one were killed or are killed by it: what a worker had is answered 100200, what none
 * had 100203, and the workers count as dead. The reactors then have to collect (wake them all).
 * Errors: DORA_EIO, DORA_ENOMEM: nothing has changed. Thread: the supervisor's. */
dora_err dr_dispatch_renew(dr_pool *pool, dora_error *error);

#endif
