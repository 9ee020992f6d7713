/* announce.h: a zygote tells its master what its application registers. */
#ifndef DR_TASK_ANNOUNCE_H
#define DR_TASK_ANNOUNCE_H

#include <dora/handler.h>

/* dr_announce says each name, with what the application says of it, at DR_CONTROL_FD. */
void dr_announce(const dora_app *app);

#endif
