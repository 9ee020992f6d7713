/* fork.c: who must know when this process forks. The only state outside of structs in the client:
 * pthread_atfork takes no argument. */
#include "client/shared/fork.h"

#include <stddef.h>

static pthread_once_t installed = PTHREAD_ONCE_INIT;
static int install_status;
static pthread_mutex_t watches_lock = PTHREAD_MUTEX_INITIALIZER;
static dr_fork_watch *watches;

static void before_fork(void)
{
    pthread_mutex_lock(&watches_lock);
    for (dr_fork_watch *watch = watches; watch != NULL; watch = watch->next) {
        pthread_mutex_lock(watch->lock);
    }
}

static void after_fork(void)
{
    for (dr_fork_watch *watch = watches; watch != NULL; watch = watch->next) {
        pthread_mutex_unlock(watch->lock);
    }
    pthread_mutex_unlock(&watches_lock);
}

static void after_fork_in_child(void)
{
    for (dr_fork_watch *watch = watches; watch != NULL; watch = watch->next) {
        watch->on_child(watch->user);
    }
    after_fork();
}

static void install(void)
{
    install_status = pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

dora_err dr_fork_watch_add(dr_fork_watch *watch)
{
    pthread_once(&installed, install);
    if (install_status != 0) {
        return DORA_ENOMEM;
    }
    pthread_mutex_lock(&watches_lock);
    watch->before = NULL;
    watch->next = watches;
    if (watches != NULL) {
        watches->before = watch;
    }
    watches = watch;
    pthread_mutex_unlock(&watches_lock);
    return DORA_OK;
}

void dr_fork_watch_remove(dr_fork_watch *watch)
{
    pthread_mutex_lock(&watches_lock);
    if (watch->before != NULL) {
        watch->before->next = watch->next;
    } else {
        watches = watch->next;
    }
    if (watch->next != NULL) {
        watch->next->before = watch->before;
    }
    pthread_mutex_unlock(&watches_lock);
}
