/* crew_zygote.h: the zygote of a crew. */
#ifndef DR_TASK_CREW_ZYGOTE_H
#define DR_TASK_CREW_ZYGOTE_H

#include "task/crew.h"

/* dr_crew_new makes a crew for a pool, without a process. Returns: NULL without memory. */
dr_crew *dr_crew_new(uv_loop_t *loop, dr_log *log, dr_pool *pool, const dr_crew_options *options,
                     const dr_crew_events *events, bool is_on_trial);

/* dr_crew_start spawns the zygote; on_state follows. Errors: DORA_ELOAD, DORA_EIO.
 * dr_crew_stop lets the workers finish and leave; on_state says DR_CREW_STOPPED.
 * dr_crew_kill ends all processes at once; stop it as well. */
dora_err dr_crew_start(dr_crew *crew, dora_error *error);
void dr_crew_stop(dr_crew *crew);
void dr_crew_kill(dr_crew *crew);

/* dr_crew_renew ends the zygote, and with it all workers, since the pool gets other memory. What
 * serves starts another one, what leaves is gone. */
void dr_crew_renew(dr_crew *crew);

/* dr_crew_close gives a stopped crew back; the loop frees it when its handles are closed. */
void dr_crew_close(dr_crew *crew);

/* dr_crew_argv is how a zygote is started: a file that is run again has run, with all its threads,
 * before the fork; loading it late takes a zygote that has not. dr_crew_load_again starts one after
 * a pause, in place of one that failed. */
const char *const *dr_crew_argv(const dr_crew *crew);
void dr_crew_load_again(dr_crew *crew);

/* dr_zygote_set_aside replaces a zygote that hangs, dr_zygote_kill ends one, and its workers with
 * it. dr_crew_handle_closed counts the handles of the loop. */
void dr_zygote_set_aside(dr_crew *crew);
void dr_zygote_kill(const dr_zygote *zygote);
void dr_crew_handle_closed(dr_crew *crew);

#endif
