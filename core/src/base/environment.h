/* environment.h: this process's environment, as the program has it. */
#ifndef DR_BASE_ENVIRONMENT_H
#define DR_BASE_ENVIRONMENT_H

#include <stddef.h>

/* dr_environment gives what `environ` is in the program: the list that getenv() reads and setenv()
 * changes. The name itself is not to be used in the core. Returns: NULL after clearenv().
 * Thread: one at a time with whoever changes the environment. */
char **dr_environment(void);

/* dr_environment_with gives a copy of it in which `more` (NAME=value) stand in place of what is
 * there under their names; of two with one name the later one. Returns: one block, which the caller
 * frees; NULL when out of memory. */
char **dr_environment_with(char *const *more, size_t count);

#endif
