/* threads.h: threads with a stack of their own measure, and how many there are. */
#ifndef DR_BASE_THREADS_H
#define DR_BASE_THREADS_H

#include <pthread.h>

#include <dora/error.h>

/* dr_thread_count is the number of this process's threads, which decides whether it may fork; 1
 * where the kernel does not tell. */
int dr_thread_count(void);

/* dr_thread_start starts a thread with a stack of DR_THREAD_STACK_BYTES, whatever the system's
 * default is. Returns: 0 or an errno. */
int dr_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

/* dr_thread_lend calls `work` on such a stack: on this thread's where it has as much, else on that
 * of a thread made for the call. For threads that others start: libuv's, an application's. */
void dr_thread_lend(void (*work)(void *argument), void *argument);

#endif
