/* environment.h: this process's environment, as the program has it. */
#ifndef DR_BASE_ENVIRONMENT_H
#define DR_BASE_ENVIRONMENT_H

/* dr_environment gives what `environ` is in the program: the list that getenv() reads and setenv()
 * changes. The name itself is not to be used in the core. Returns: NULL after clearenv().
 * Thread: one at a time with whoever changes the environment. */
char **dr_environment(void);

#endif
