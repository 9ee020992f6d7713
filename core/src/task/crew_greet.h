/* crew_greet.h: what a zygote is told when it greets, and what becomes of one whose workers cannot
 * share what it has loaded. */
#ifndef DR_TASK_CREW_GREET_H
#define DR_TASK_CREW_GREET_H

#include "task/crew.h"

/* dr_crew_greet checks versions and sends the setup. dr_crew_load_late starts again with preload
 * off. */
void dr_crew_greet(dr_crew *crew, const dr_control_message *message);
void dr_crew_load_late(dr_crew *crew, const dr_control_message *message);

#endif
