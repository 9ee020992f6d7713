/* offspring.c: a process that the application has forked, made an ordinary one. */
#include "task/offspring.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/title.h"
#include "task/context.h"
#include "task/job.h"

/* forking is what a thread that forks has to remember. */
typedef struct forking {
    sigset_t mask;
    char *request; /* a copy of what the running handler was given: all but the guid in a row */
    size_t request_len;
    char guid[DR_GUID_LEN];
} forking;

/* pthread_atfork takes no argument. */
static dr_offspring *current;
static _Thread_local forking now;

/* take_request copies the running handler's request, which a child may still read: its own memory
 * has nothing of the worker's. */
static void take_request(const dr_offspring *self)
{
    const dora_task *job = self->worker != NULL ? self->worker->job : NULL;
    if (job == NULL) {
        return;
    }
    now.request_len = (size_t)(job->room - job->request.name.data);
    now.request = malloc(now.request_len);
    if (now.request != NULL) {
        memcpy(now.request, job->request.name.data, now.request_len);
    }
    memcpy(now.guid, job->request.guid.data, DR_GUID_LEN);
}

/* put_memory: what the application still does with its task is done in memory of its own. In a
 * worker's child the region is a hole, which something else may have taken; in a zygote's it is the
 * region. */
static void put_memory(const dr_offspring *self)
{
    const dr_region *region = self->region;
    const int place = self->worker != NULL ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    if (region->base == NULL) {
        return;
    }
    const char *at = mmap(region->base, region->shape.total_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | place, -1, 0);
    if (now.request != NULL && at == region->base) {
        const dora_request *request = &self->worker->job->request;
        memcpy((char *)(uintptr_t)request->name.data, now.request, now.request_len);
        memcpy((char *)(uintptr_t)request->guid.data, now.guid, DR_GUID_LEN);
    }
}

static void become_ordinary(dr_offspring *self)
{
    self->is_forked = true;
    if (self->worker != NULL) {
        self->worker->is_forked = true;
    }
    dr_quiet_end(self->quiet);
    for (size_t i = 0; i < self->fd_count; i++) {
        close(self->fds[i]);
    }
    self->fd_count = 0; /* the numbers may be the application's by the next fork */
    put_memory(self);
    dr_context_set(NULL);
    if (self->worker != NULL) {
        dr_title_set("dora: child %s %d", self->pool, self->number);
    } else {
        dr_title_set("dora: child %s", self->pool);
    }
}

/* before_fork: a signal that comes before the child has its own ways is not lost. */
static void before_fork(void)
{
    sigset_t quiet;
    dr_quiet_fill(&quiet);
    (void)pthread_sigmask(SIG_BLOCK, &quiet, &now.mask);
    if (!current->is_one_of_ours && !current->is_forked) {
        take_request(current);
    }
}

static void after_fork(void)
{
    free(now.request);
    now.request = NULL;
    (void)pthread_sigmask(SIG_SETMASK, &now.mask, NULL);
}

static void in_child(void)
{
    if (current->is_one_of_ours) {
        current->is_one_of_ours = false;
    } else if (!current->is_forked) {
        become_ordinary(current);
    }
    after_fork();
}

void dr_offspring_watch(dr_offspring *self)
{
    current = self;
    (void)pthread_atfork(before_fork, after_fork, in_child);
}

void dr_offspring_keep(dr_offspring *self, int fd)
{
    if (fd >= 0 && self->fd_count < sizeof(self->fds) / sizeof(self->fds[0])) {
        self->fds[self->fd_count++] = fd;
    }
}

bool dora_is_forked(void)
{
    return current != NULL && current->is_forked;
}
