/* daemon.h: a server that leaves its terminal, and a parent that waits until it serves. */
#ifndef DR_SERVER_DAEMON_H
#define DR_SERVER_DAEMON_H

#include <dora/error.h>

/* dr_daemon_fork goes on in a child with a session of its own. The calling process stays behind,
 * waits, and never comes back: it ends with status 0 once the child says dr_daemon_ready, else with
 * the child's own or 1, and runs no clean-up of its host. Until then the child prints where the
 * parent would, and ends when the parent is ended (Ctrl-C).
 * `*ready_fd` is for dr_daemon_ready. Thread: the process's only one.
 * Errors: DORA_EIO; DORA_ECONFIG when there are threads, which a fork would lose. */
dora_err dr_daemon_fork(int *ready_fd, dora_error *error);

/* dr_daemon_ready lets the parent go and gives up the terminal's input. Ownership: takes
 * `ready_fd`. */
void dr_daemon_ready(int ready_fd);

#endif
