/* deserted.h: a zygote whose master has ended while it loads ends as well, with what it has
 * started: it looks at nothing then, and the application's code may take long. */
#ifndef DR_TASK_DESERTED_H
#define DR_TASK_DESERTED_H

/* dr_deserted_begin watches the master's end from now on; dr_deserted_end leaves that to who loops.
 * Thread: that of the zygote. */
void dr_deserted_begin(void);
void dr_deserted_end(void);

#endif
