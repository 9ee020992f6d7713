/* heir_process.h: the process that is to take over: started, listened to, awaited. Thread: the
 * supervisor's. */
#ifndef DR_SERVER_HEIR_PROCESS_H
#define DR_SERVER_HEIR_PROCESS_H

#include "server/upgrade/line.h"

#define DR_HEIR_OUTPUT_BYTES 4096u /* of what it says before it is a server: the end counts */

/* dr_heir_process_events is what its owner hears; `user` is the last argument of each. */
typedef struct dr_heir_process_events {
    void (*on_message)(dr_packet *packet, void *user);
    void (*on_drained)(void *user); /* as dr_line_events */
    /* on_ended: the process has ended; `how`, for people. It is called once, and last. */
    void (*on_ended)(const char *how, void *user);
    /* on_late: it has had its time. */
    void (*on_late)(void *user);
    void *user;
} dr_heir_process_events;

typedef struct dr_heir_process {
    dr_heir_process_events events;
    dr_line *line;
    pid_t child; /* that was started */
    pid_t pid;   /* of the server in it: what was started may be a script that starts it */
    int pidfd;
    int output_fd; /* -1: it has the server's own by now */
    uv_poll_t death;
    uv_poll_t output;
    uv_timer_t limit;
    uint32_t open_handles;
    bool is_closing;
    size_t said_len;
    char said[DR_HEIR_OUTPUT_BYTES];
} dr_heir_process;

/* dr_heir_process_start starts it: `words` in `folder` with `environment`; on_late comes after
 * `limit_ms`. Errors: DORA_ELOAD names the program and why, DORA_ENOMEM, DORA_EIO. Ownership:
 * gives; dr_heir_process_close frees once the loop has turned, whatever has become of it. */
typedef struct dr_heir_order {
    const char *const *words;
    char *const *environment;
    const char *folder;
    const sigset_t *ignored;
    uint64_t files_max;
    uint32_t limit_ms;
} dr_heir_order;
dora_err dr_heir_process_start(dr_heir_process **result, uv_loop_t *loop,
                               const dr_heir_order *order, const dr_heir_process_events *events,
                               dora_error *error);
void dr_heir_process_close(dr_heir_process *process);

/* dr_heir_process_kill ends it; on_ended comes. */
void dr_heir_process_kill(dr_heir_process *process);

/* dr_heir_process_has_taken: its time is not limited any more. */
void dr_heir_process_has_taken(dr_heir_process *process);

#endif
