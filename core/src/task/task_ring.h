/* task_ring.h: the master's hold on a stream that a worker runs. Thread: the reactor's that has
 * submitted its task, until the outcome of that has come and was released. */
#ifndef DR_TASK_TASK_RING_H
#define DR_TASK_TASK_RING_H

#include "ipc/part_ring.h"
#include "task/pool.h"

/* dr_task_ring is the shared side of a task of type ST_S. */
dr_part_ring *dr_task_ring(const dr_pool *pool, uint32_t task);

/* dr_task_ring_hear: what a worker says of a stream from now on is news again. Returns: false where
 * `owner` has the task no more, since that has ended or was answered. Takes the lock. */
bool dr_task_ring_hear(dr_pool *pool, uint32_t task, const void *owner);

/* dr_task_ring_wake wakes the worker that waits for room in a stream, if one does. */
void dr_task_ring_wake(dr_pool *pool, uint32_t task);

/* dr_task_stop asks what runs a task to end it: nobody wants its result any more. Its outcome comes
 * as ever. */
void dr_task_stop(dr_pool *pool, uint32_t task);

#endif
