/* signals.h: what a process that has to live on does with signals, and what it did before. */
#ifndef DR_BASE_SIGNALS_H
#define DR_BASE_SIGNALS_H

#include <signal.h>

#define DR_SIGNALS 32 /* those of real time are not touched */

typedef struct dr_signals {
    struct sigaction before[DR_SIGNALS]; /* by number */
} dr_signals;

/* dr_signals_end_first: process 1 of a container, which the kernel spares signals that have no
 * handler, is ended by them as others are, with status 128 and their number. Elsewhere it does
 * nothing. Those that are handled or ignored stay so. */
void dr_signals_end_first(void);

/* dr_signals_survive ignores what the kernel sends, by itself or through a shared descriptor, and
 * what would end the process: the call that was behind it fails instead. `signals` keeps how it was
 * before, of all signals. Zygotes are given the defaults (task/spawn.c).
 * dr_signals_restore makes all as they were: a host program has handlers of its own, and libuv
 * leaves the default action behind. Thread: the process's main one, both.
 * dr_signals_ignored gives those that were ignored before, as by nohup. */
void dr_signals_survive(dr_signals *signals);
void dr_signals_restore(const dr_signals *signals);
void dr_signals_ignored(const dr_signals *signals, sigset_t *ignored);

/* Between fork and exec: dr_signals_default gives all signals the default action but those in
 * `ignored` (NULL: none), which are; dr_signals_unblock lets them through. */
void dr_signals_default(const sigset_t *ignored);
void dr_signals_unblock(void);

#endif
