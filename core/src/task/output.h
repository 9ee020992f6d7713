/* output.h: what a worker prints. */
#ifndef DR_TASK_OUTPUT_H
#define DR_TASK_OUTPUT_H

/* dr_output_own gives a worker an open file of its own for what it prints: one that makes its
 * output non-blocking does that to nobody else. It stays as it is where it is no pipe any more. */
void dr_output_own(void);

#endif
