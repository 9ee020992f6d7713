/* crew_child.h: the processes of a crew's workers. */
#ifndef DR_TASK_CREW_CHILD_H
#define DR_TASK_CREW_CHILD_H

#include "task/crew.h"

/* dr_child_ask asks the zygote for a worker in a reserved slot. Ownership: takes `loop_fd`, -1: it
 * has no event loop. Errors: DORA_EAGAIN and others: there is none.
 * dr_child_forked: the zygote has made the process. Ownership: takes `pidfd`.
 * dr_child_forget gives up the process that a slot waits for; dr_child_ended: it has ended.
 * dr_children_forget gives up those that a zygote has not made, which now never will.
 * dr_children_kill ends those of one zygote. dr_children_count counts them. dr_children_replace has
 * them replaced, one after the other. dr_children_close gives up all. dr_children_look tells of
 * those that take long to start or have closed their log. */
dora_err dr_child_ask(dr_crew *crew, const dr_control_head *head, int loop_fd);
void dr_child_forked(dr_crew *crew, uint32_t slot, int pid, int pidfd);
void dr_child_forget(dr_crew *crew, uint32_t slot);
void dr_child_ended(dr_crew *crew, uint32_t slot, int pid);
void dr_children_forget(dr_crew *crew);
void dr_children_kill(dr_crew *crew, const dr_zygote *zygote);
uint32_t dr_children_count(const dr_crew *crew, const dr_zygote *zygote);
void dr_children_replace(dr_crew *crew, const dr_zygote *zygote);
void dr_children_close(dr_crew *crew);
void dr_children_look(dr_crew *crew);

#endif
