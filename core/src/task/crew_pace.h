/* crew_pace.h: workers and zygotes of a crew that end by themselves, again and again. */
#ifndef DR_TASK_CREW_PACE_H
#define DR_TASK_CREW_PACE_H

#include "task/crew.h"

/* dr_crew_crashed: one has ended by what it did itself; dr_crew_worker_crashed: a worker has.
 * dr_crew_started: a worker was asked for. */
void dr_crew_crashed(dr_crew *crew);
void dr_crew_worker_crashed(dr_crew *crew, uint64_t started_ms, uint64_t ended_ms);
void dr_crew_started(dr_crew *crew);

/* dr_crew_hold makes a crew wait that may start nobody at the moment. With `alive` 0, nobody who
 * could serve or will soon, what waits and what comes is refused. */
void dr_crew_hold(dr_crew *crew, uint32_t alive);

/* dr_crew_waits_for_status says whether it is to be known how a worker has ended before another one
 * is started: some have ended by themselves, with no task done since. */
bool dr_crew_waits_for_status(const dr_crew *crew);

/* dr_crew_pace_ms is how long the next start waits. dr_crew_pace_look says that a loop is over; it
 * is called once a second. */
uint32_t dr_crew_pace_ms(const dr_crew *crew);
void dr_crew_pace_look(dr_crew *crew);

#endif
