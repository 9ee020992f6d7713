/* threads.h: how many threads this process has, which decides whether it may fork. */
#ifndef DR_BASE_THREADS_H
#define DR_BASE_THREADS_H

/* dr_thread_count is the number of this process's threads; 1 where the kernel does not tell. */
int dr_thread_count(void);

#endif
