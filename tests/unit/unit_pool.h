/* unit_pool.h: a pool of a test: its region, its descriptors, its workers, tasks of it. */
#ifndef DORA_TEST_UNIT_POOL_H
#define DORA_TEST_UNIT_POOL_H

#include "unit_threads.h"

#include "task/collect.h"
#include "task/dispatch.h"

#define UNIT_GUID "0123456789abcdef0123456789abcdef"

/* unit_pool_begin makes a pool of 4 apis, with a descriptor in `event_fds` for each reactor;
 * unit_pool_end ends it, and does nothing to one that is all zero. */
void unit_pool_begin(dr_pool *pool, int *event_fds, const dr_pool_limits *limits);
void unit_pool_end(dr_pool *pool, int *event_fds);

/* unit_pool_reserve gives the slot of a worker that is starting, unit_pool_worker of one that is
 * ready. */
uint32_t unit_pool_reserve(dr_pool *pool);
uint32_t unit_pool_worker(dr_pool *pool);

/* submit_task admits a task and hands it over. Returns: 0 and `*task`, or the code that it is
 * refused with. unit_pool_submit does so for one that is not refused. */
int64_t submit_task(dr_pool *pool, const dr_task_input *input, uint32_t *task);
uint32_t unit_pool_submit(dr_pool *pool, const dr_task_input *input);

/* unit_pool_start begins the next task of a worker, and gives it. */
uint32_t unit_pool_start(dr_pool *pool, uint32_t slot);

/* unit_pool_drop is an outcome that nobody wants. */
bool unit_pool_drop(const dr_outcome *outcome, void *user);

/* unit_tally is what a reactor has been told: `user` of unit_count. */
typedef struct unit_tally {
    uint32_t count;
    uint32_t wrong; /* where something is expected */
    uint32_t died;
    uint32_t killed_for_limit;
    int64_t last_code;
    uint32_t *seen; /* one counter a task, where given: its owner */
    dora_slice expected;
} unit_tally;
bool unit_count(const dr_outcome *outcome, void *user);

/* unit_pool_exchange sends `total` tasks from each of two reactors, in `threads`, and checks that
 * each comes back once with its own parameter. */
void unit_pool_exchange(dr_pool *pool, unit_threads *threads, dora_slice param, uint32_t total);

/* unit_run_worker is a thread of a dr_worker. */
void *unit_run_worker(void *worker);

#endif
