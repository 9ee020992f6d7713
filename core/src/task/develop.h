/* develop.h: what a zygote or a worker does for who writes its application (--dev): it tells the
 * master which files the application consists of, and stays out of the way of a debugger. */
#ifndef DR_TASK_DEVELOP_H
#define DR_TASK_DEVELOP_H

#include <dora/runtime.h>

#include "task/quiet.h"

typedef struct dr_develop {
    const dora_runtime *runtime;
    dr_quiet *quiet;
    bool is_worker; /* descriptor 3 is a worker's own line to the master */
} dr_develop;

/* dr_develop_tell tells the files that were not told yet. */
void dr_develop_tell(const dr_develop *self);

/* dr_develop_task_done comes after a task: it may have loaded files, and a debugger that ran in it
 * may have taken Ctrl-C for itself, which is the server's again. */
void dr_develop_task_done(const dr_develop *self);

#endif
