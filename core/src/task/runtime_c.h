/* runtime_c.h: the runtime of applications in C. */
#ifndef DR_TASK_RUNTIME_C_H
#define DR_TASK_RUNTIME_C_H

#include "task/app.h"

/* dr_runtime_c is the runtime of applications that are shared objects. */
const dora_runtime *dr_runtime_c(void);

#endif
