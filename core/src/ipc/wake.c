/* wake.c: a futex word for each worker, a pipe for one that runs an event loop, a flag and an
 * eventfd for each reactor. */
#include "ipc/wake.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void ring(int event_fd)
{
    const uint64_t one = 1;
    (void)!write(event_fd, &one, sizeof(one));
}

bool dr_wake_worker(dr_shared_worker *worker, int event_fd)
{
    /* What the caller stored (the inbox's tail, a flag) and this load are sequentially consistent,
     * as is the worker's mirror image: one of the two sees the other. */
    if (atomic_load_explicit(&worker->asleep, memory_order_seq_cst) == DR_AWAKE) {
        return false;
    }
    const uint32_t how = atomic_exchange_explicit(&worker->asleep, DR_AWAKE, memory_order_acq_rel);
    if (how == DR_AWAKE) {
        return false;
    }
    if (how == DR_ASLEEP_IN_LOOP) {
        ring(event_fd);
    } else {
        (void)syscall(SYS_futex, &worker->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    return true;
}

void dr_wake_worker_surely(dr_shared_worker *worker, int event_fd)
{
    atomic_store_explicit(&worker->asleep, DR_AWAKE, memory_order_seq_cst);
    (void)syscall(SYS_futex, &worker->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (event_fd >= 0) {
        ring(event_fd);
    }
}

void dr_wake_sleep_begin(dr_shared_worker *worker, uint32_t how)
{
    atomic_store_explicit(&worker->asleep, how, memory_order_seq_cst);
}

void dr_wake_sleep_cancel(dr_shared_worker *worker)
{
    atomic_store_explicit(&worker->asleep, DR_AWAKE, memory_order_relaxed);
}

void dr_wake_sleep(dr_shared_worker *worker, uint32_t how, uint32_t timeout_ms)
{
    const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                                     .tv_nsec = (long)(timeout_ms % 1000) * 1000000L};
    (void)syscall(SYS_futex, &worker->asleep, FUTEX_WAIT, how, &timeout, NULL, 0);
    dr_wake_sleep_cancel(worker);
}

void dr_wake_reactor(dr_shared_reactor *reactor, uint32_t worker, int event_fd)
{
    atomic_fetch_or_explicit(&reactor->ready[worker / 64], UINT64_C(1) << (worker % 64),
                             memory_order_seq_cst);
    if (atomic_load_explicit(&reactor->asleep, memory_order_seq_cst) != 0 &&
        atomic_exchange_explicit(&reactor->asleep, 0, memory_order_acq_rel) != 0) {
        ring(event_fd);
    }
}
