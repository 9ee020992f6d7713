/* offspring.h: what an application forks is an ordinary process: no zygote, no worker. It has
 * nothing by which it could answer a call or disturb who does: not their signals, descriptors,
 * shared memory or name. */
#ifndef DR_TASK_OFFSPRING_H
#define DR_TASK_OFFSPRING_H

#include "ipc/control.h"
#include "task/quiet.h"
#include "task/worker.h"

typedef struct dr_offspring {
    const dr_quiet *quiet;
    const dr_region *region;
    dr_worker *worker;   /* this process is one; NULL: it is a zygote */
    bool is_one_of_ours; /* the next process that is forked: a worker, say */
    bool is_forked;      /* this one was forked by the application */
    int number;          /* the worker's */
    char pool[66];
    int fds[DR_CONTROL_FDS_MAX + 2]; /* that are not for others */
    size_t fd_count;
} dr_offspring;

/* dr_offspring_watch looks after every fork of this process from now on.
 * Ownership: borrows `self`, and what it points to, for the process's life. */
void dr_offspring_watch(dr_offspring *self);

/* dr_offspring_keep adds a descriptor that children do not get; -1: none. */
void dr_offspring_keep(dr_offspring *self, int fd);

#endif
