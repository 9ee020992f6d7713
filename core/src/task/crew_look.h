/* crew_look.h: what no event tells of a crew's processes. */
#ifndef DR_TASK_CREW_LOOK_H
#define DR_TASK_CREW_LOOK_H

#include "task/crew.h"

/* dr_crew_look notices, once a second, what no event tells: a zygote that is stopped or hangs,
 * which is replaced while its workers serve on; a worker that asks to be replaced; what takes long
 * to start. */
void dr_crew_look(dr_crew *crew);

#endif
