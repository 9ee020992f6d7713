/* crew_memory.h: how much memory each worker has, and those that have too much. */
#ifndef DR_TASK_CREW_MEMORY_H
#define DR_TASK_CREW_MEMORY_H

#include "task/crew.h"

/* dr_crew_check_memory looks how much memory each worker has, and marks those above memory_mb_max
 * for recycling. */
void dr_crew_check_memory(dr_crew *crew);

#endif
