/* crew_gone.h: workers that end while they run something: what that was, with how they ended. */
#ifndef DR_TASK_CREW_GONE_H
#define DR_TASK_CREW_GONE_H

#include "task/crew.h"

/* dr_is_own_act says of a wait status whether a process has ended by what it did itself. SIGKILL
 * and SIGTERM are sent, by people and by a kernel that is out of memory: waitpid() does not tell by
 * whom, and the kernel takes whom it likes, not who has grown. One that met damaged memory says so.
 * dr_gone_note remembers what a slot's worker ran. dr_gone_tell puts that into the log, a record a
 * task, with the status that waitpid() gave; of a worker that ran nothing it tells what is no usual
 * end; what ended by itself is noted of the crew and of the task. dr_gone_look tells of those whose
 * zygote has ended, too, and will say nothing of them; dr_gone_free of all that are left. */
bool dr_is_own_act(int status);
void dr_gone_note(dr_crew *crew, uint32_t slot, int pid);
void dr_gone_tell(dr_crew *crew, int pid, int status);
void dr_gone_look(dr_crew *crew);
void dr_gone_free(dr_crew *crew);

#endif
