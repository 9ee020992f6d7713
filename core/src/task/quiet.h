/* quiet.h: the signals that stop a server or tell it something. They go to everybody on a terminal;
 * the master decides, and a zygote and its workers go on. What they fork takes them as usual. */
#ifndef DR_TASK_QUIET_H
#define DR_TASK_QUIET_H

#include <signal.h>
#include <stdbool.h>

enum { DR_QUIET_SIGNALS = 6 };

typedef struct dr_quiet {
    void (*handler)(int);                      /* ours */
    struct sigaction before[DR_QUIET_SIGNALS]; /* what an ordinary process does with them */
} dr_quiet;

/* dr_quiet_begin has this process survive the signals. SIG_IGN would be inherited by programs that
 * an application starts, which could then not be ended; a handler that does nothing cuts sleeps
 * short, unless the runtime goes on with them: `resumes_sleep`.
 * dr_quiet_again does so in a worker, whatever the application has set while it loaded.
 * dr_quiet_end puts back what was there before, and what the application has set. May be called
 * between fork and exec. */
void dr_quiet_begin(dr_quiet *self, bool resumes_sleep);
void dr_quiet_again(dr_quiet *self);
void dr_quiet_end(const dr_quiet *self);

/* dr_quiet_fill makes `set` that of these signals. */
void dr_quiet_fill(sigset_t *set);

#endif
