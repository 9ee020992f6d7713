/* signals.h: what limits and broken descriptors send to a process that has to live on. */
#ifndef DR_BASE_SIGNALS_H
#define DR_BASE_SIGNALS_H

#include <signal.h>

enum { DR_SIGNALS_SURVIVED = 4 };

typedef struct dr_signals {
    struct sigaction before[DR_SIGNALS_SURVIVED];
} dr_signals;

/* dr_signals_survive ignores what the kernel sends, by itself or through a shared descriptor, and
 * what would end the process: the call that was behind it fails instead. `signals` keeps how it was
 * before, for dr_signals_restore. Children made by posix_spawn have the defaults. Thread: the
 * process's main one. */
void dr_signals_survive(dr_signals *signals);
void dr_signals_restore(const dr_signals *signals);

#endif
