/* stat_pool.h: a pool's workers and tasks, as values. Thread: any. */
#ifndef DR_SERVER_STAT_POOL_H
#define DR_SERVER_STAT_POOL_H

#include "task/pool.h"

/* dr_stat_put_workers and dr_stat_put_tasks write two lists of a dr_pool as values: its workers,
 * and its tasks that have run for longest. */
void dr_stat_put_workers(dora_writer *writer, void *of);
void dr_stat_put_tasks(dora_writer *writer, void *of);

#endif
