/* problem.h: several problems in one dora_error, a line each. */
#ifndef DR_SERVER_PROBLEM_H
#define DR_SERVER_PROBLEM_H

#include <dora/error.h>

/* dr_problem_clear makes `error` empty; dr_problem_add then adds a line to its message and sets its
 * err to DORA_ECONFIG, unless an earlier problem set another. What does not fit is left out. */
void dr_problem_clear(dora_error *error);
void dr_problem_add(dora_error *error, const char *format, ...) DORA_PRINTF(2, 3);

#endif
