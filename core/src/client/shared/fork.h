/* fork.h: who must know when this process forks. */
#ifndef DR_CLIENT_FORK_H
#define DR_CLIENT_FORK_H

#include <pthread.h>

#include <dora/error.h>

/* dr_fork_watch is one object with a lock. The lock is held over each fork, so that the child
 * finds the object whole; `on_child` is then called in the child, with the lock held. */
typedef struct dr_fork_watch {
    pthread_mutex_t *lock;
    void (*on_child)(void *user);
    void *user;
    struct dr_fork_watch *next;
    struct dr_fork_watch *before;
} dr_fork_watch;

/* dr_fork_watch_add begins to watch, dr_fork_watch_remove ends it; neither with the lock held.
 * Ownership: borrows the watch until it is removed. Errors: DORA_ENOMEM. Thread: any. */
dora_err dr_fork_watch_add(dr_fork_watch *watch);
void dr_fork_watch_remove(dr_fork_watch *watch);

#endif
