/* wake.h: putting a process to sleep until the other side has something for it, and waking it, with
 * no system call where it is awake already. */
#ifndef DR_IPC_WAKE_H
#define DR_IPC_WAKE_H

#include "ipc/region.h"

/* dr_wake_worker wakes a worker that sleeps; free when it is awake. Call it after the change that
 * the worker should see, which must be a sequentially consistent store. `event_fd` is written where
 * it sleeps in an event loop; -1: it never does.
 * Returns: whether it slept. */
bool dr_wake_worker(dr_shared_worker *worker, int event_fd);

/* dr_wake_worker_surely does so whatever stands in the word by which it said that it sleeps. */
void dr_wake_worker_surely(dr_shared_worker *worker, int event_fd);

/* dr_wake_sleep_begin announces sleep, DR_ASLEEP... The worker then looks once more for work;
 * finding some it calls dr_wake_sleep_cancel, else it lets its loop wait for the event descriptor,
 * or calls dr_wake_sleep as it announced it, which returns when woken or after `timeout_ms`. */
void dr_wake_sleep_begin(dr_shared_worker *worker, uint32_t how);
void dr_wake_sleep_cancel(dr_shared_worker *worker);
void dr_wake_sleep(dr_shared_worker *worker, uint32_t how, uint32_t timeout_ms);

/* dr_wake_reactor tells reactor that `worker`'s outbox has entries; `event_fd` is written only
 * while the reactor sleeps. */
void dr_wake_reactor(dr_shared_reactor *reactor, uint32_t worker, int event_fd);

#endif
