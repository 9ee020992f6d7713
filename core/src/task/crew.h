/* crew.h: one generation of a pool's processes: a zygote and the workers it forks, kept at their
 * number. A reload makes another crew beside the first, on trial until it takes over.
 * Thread: the supervisor's, all of it. */
#ifndef DR_TASK_CREW_H
#define DR_TASK_CREW_H

#include <uv.h>

#include "base/log.h"
#include "base/rights.h"
#include "ipc/control.h"
#include "task/log_source.h"
#include "task/names.h"
#include "task/orphans.h"
#include "task/pace.h"
#include "task/pool.h"

typedef struct dr_crew_options {
    const char *name;
    const char *target;
    const char *folder;           /* where the zygote starts; borrowed; NULL: where we are */
    const char *const *argv;      /* of the zygote; borrowed for the crew's life */
    char **environment;           /* of the zygote; one block, which the crew takes; NULL: ours */
    const char *const *argv_late; /* where the application is loaded after the fork */
    const char *mend;             /* what to do where its interpreter is missing, or has no Dora */
    uint32_t workers;
    uint32_t max_requests;
    uint32_t memory_mb_max;
    uint32_t restarts_per_minute;
    uint32_t reply_bytes_max;
    dr_rights rights;   /* of its processes; the crew takes them */
    uint32_t log_level; /* records of handlers above it are not sent */
    bool preload;
    bool is_c;
    bool dev;          /* its processes say which files they load */
    bool has_terminal; /* that of the server, for input and output */
} dr_crew_options;

typedef enum dr_crew_state {
    DR_CREW_NEW = 0,
    DR_CREW_LOADING,
    DR_CREW_LOADED,  /* names are known, workers are forked */
    DR_CREW_FAILED,  /* `why` says it */
    DR_CREW_LEAVING, /* another took over; it stops when its last worker has left */
    DR_CREW_STOPPING,
    DR_CREW_STOPPED
} dr_crew_state;

/* dr_crew_events tells the supervisor; none of it may change a crew at once. on_state: the state
 * changed, or a worker of a crew on trial, or the first of another, is ready. on_death: a worker
 * died and the reactors have to collect. on_file: its application consists of this file, too; NULL:
 * nobody asked. */
typedef struct dr_crew_events {
    void (*on_state)(void *user);
    void (*on_death)(void *user);
    void (*on_file)(void *user, dora_slice path);
    void *user;
} dr_crew_events;

/* dr_zygote is one zygote's process. Its death is known by its pidfd, not by the end of its socket,
 * which what the application has started may hold as well. */
typedef struct dr_zygote {
    struct dr_zygote *next; /* in the crew's list of those that were set aside */
    struct dr_crew *crew;
    pid_t pid;
    int pidfd;      /* -1: the system has none; then the end of the socket has to do */
    int control_fd; /* -1: no more is said */
    uv_poll_t exit_poll;
    uv_poll_t control_poll;
    dr_log_source feed;    /* what it logs */
    uint32_t open_handles; /* of the loop; the last one closed frees it */
    uint32_t silent_looks; /* at which a PING was not answered */
    uint32_t stopped_looks;
    uint64_t started_ms;
    dr_orphans orphans; /* until it has loaded: all that it has started */
    pid_t speaker;      /* who greeted: a program that starts the zygote may stay its parent */
    int speaker_fd;     /* pidfd of that, where it is another process; -1: it is not */
    bool has_greeted;
    bool is_slow_said;
} dr_zygote;

/* dr_child is one worker's process, from the moment that its zygote is asked for it. */
typedef struct dr_child dr_child;

/* dr_gone is a worker that ended while it ran something, until its zygote tells its status. */
typedef struct dr_gone dr_gone;

typedef struct dr_crew {
    struct dr_crew *next; /* the supervisor's list */
    uint32_t id;          /* among the crews of its pool; its slots bear it */
    uint32_t generation;  /* of its application, once it has taken over */
    bool is_on_trial;     /* its workers are held; any failure is final */
    bool is_watched;      /* on trial, and its workers take a part of the calls */
    dr_crew_options options;
    dr_crew_events events;
    dr_crew_state state;
    dr_pool *pool;
    uv_loop_t *loop;
    dr_log *log;
    dr_zygote *zygote;    /* NULL: none, for the moment */
    dr_zygote *set_aside; /* that hung, and whose workers still serve */
    int output_fd;
    int output_write_fd; /* kept for the next zygote */
    uv_poll_t output_poll;
    uv_timer_t retry;
    uv_timer_t kill_timer;
    bool is_retry_set;
    bool is_preloading;
    bool is_respawning;
    bool is_renewing; /* its zygote was killed: it knows memory that is no longer the pool's */
    bool had_greeted; /* the zygote that ended last */
    bool was_ready;   /* a worker has once been ready */
    bool has_loop;    /* its workers run event loops */
    uint32_t start_failures;
    uint32_t load_failures;
    dr_pace pace;         /* of starts after ends by their own act: crew_pace.h */
    bool is_refusal_said; /* of this row of ends, that nobody is left */
    uint32_t jitter;
    dr_names names;
    dr_child *children;
    dr_gone *gone;
    uint32_t open_handles; /* of the loop; the last one closed frees the crew */
    bool is_closed;
    dr_log_carry carry;
    size_t last_words_len;
    char last_words[DR_LAST_WORDS_MAX]; /* the end of what it printed while on trial */
    dora_error why;
    dr_control_message message;
} dr_crew;

/* dr_crew_discard throws a crew on trial away, with all its processes; on_state says
 * DR_CREW_STOPPED. */
void dr_crew_discard(dr_crew *crew);

/* dr_crew_is_complete says whether all workers of a crew on trial are ready and held.
 * dr_crew_ready counts them. dr_crew_watch lets those that follow take tasks, as dr_canary_begin
 * has done with them; a worker that dies is replaced, one that starts in vain is the end.
 * dr_crew_take_over ends the trial, once dr_dispatch_switch gave its workers their tasks.
 * dr_crew_retire: another took over; the workers finish what they run. dr_crew_has_left says that
 * its last process has ended. */
bool dr_crew_is_complete(const dr_crew *crew);
uint32_t dr_crew_ready(const dr_crew *crew);
void dr_crew_watch(dr_crew *crew);
void dr_crew_take_over(dr_crew *crew);
void dr_crew_retire(dr_crew *crew);
bool dr_crew_has_left(const dr_crew *crew);

/* dr_crew_balance forks what is missing and replaces those that want recycling; one that was
 * replaced stops when nobody is left. */
void dr_crew_balance(dr_crew *crew);

/* dr_crew_end_stuck kills workers that were told to leave and have not. */
void dr_crew_end_stuck(dr_crew *crew);

/* For the files of this step only, as what follows: crew.c counts and balances, crew_message.c is
 * what a zygote says, crew_zygote.c its process, crew_greet.c what it is told first, crew_child.c
 * the processes of workers, crew_look.c what no event tells. */

/* dr_crew_set_state and dr_crew_fail tell the supervisor. dr_crew_is_proven: it has served, so a
 * failure is mended instead of reported. */
void dr_crew_set_state(dr_crew *crew, dr_crew_state state);
void dr_crew_fail(dr_crew *crew, const char *text, size_t len);
bool dr_crew_is_proven(const dr_crew *crew);

/* dr_crew_worker_ready: a worker takes tasks from now on. dr_crew_worker_gone settles a death,
 * however it was noticed first. dr_crew_start_failed slows down after a worker that was never
 * ready. dr_crew_later balances after a pause. */
void dr_crew_worker_ready(dr_crew *crew, uint32_t slot);
void dr_crew_worker_gone(dr_crew *crew, uint32_t slot, int pid);
void dr_crew_start_failed(dr_crew *crew);
void dr_crew_later(dr_crew *crew, uint32_t pause_ms);

/* dr_crew_file hands on a path that one of its processes has said. */
void dr_crew_file(const dr_crew *crew, dora_slice path);

#endif
