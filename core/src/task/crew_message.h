/* crew_message.h: what a crew's zygote says. */
#ifndef DR_TASK_CREW_MESSAGE_H
#define DR_TASK_CREW_MESSAGE_H

#include "task/crew.h"

/* dr_crew_message handles one message of the zygote. */
void dr_crew_message(dr_crew *crew, dr_control_message *message);

#endif
