/* unshared.h: what an application has after loading that its workers cannot share. */
#ifndef DR_TASK_UNSHARED_H
#define DR_TASK_UNSHARED_H

#include <stddef.h>

enum { DR_UNSHARED_TEXT_MAX = 2048 }; /* for people: the first ones say enough */

/* dr_unshared_known is which descriptors do not count: those of Dora. */
typedef struct dr_unshared_known {
    const int *own;
    size_t count;
} dr_unshared_known;

/* dr_unshared_find looks for threads beside this one, which a fork loses unless they end before one
 * by themselves, and for descriptors of connected sockets, pipes, event loops (epoll) and what they
 * wait on: all workers would read the same of it, answers go to the wrong one, and wake-ups get
 * lost. Files and listening sockets can be shared. It forks, to see what is left there.
 * Returns: the length of `text`, which names them: "2 threads, socket to 127.0.0.1:6379, epoll". */
size_t dr_unshared_find(const dr_unshared_known *known, char text[DR_UNSHARED_TEXT_MAX]);

#endif
