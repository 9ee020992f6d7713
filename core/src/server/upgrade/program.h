/* program.h: this very program, started once more from what lies on disk now. */
#ifndef DR_SERVER_PROGRAM_H
#define DR_SERVER_PROGRAM_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include <dora/error.h>

#define DR_UPGRADE_ENV "DORA_UPGRADE" /* names the descriptor of the link */

/* dr_program_words gives the command line that this process was started with, the interpreter of a
 * script included; NULL-ended. It has to be asked before the title is set, which is written over
 * it. Returns: NULL where /proc does not say, or out of memory. Ownership: gives one block, free()
 * frees. */
char **dr_program_words(void);

/* dr_program_start is how the program is started; all of it borrowed. */
typedef struct dr_program_start {
    const char *const *words; /* NULL-ended; the first is looked up in PATH */
    char *const *environment; /* NULL-ended */
    const char *folder;       /* where; NULL, or one that is not there: here */
    int link_fd;              /* its descriptor DR_UPGRADE_FD */
    int output_fd;            /* its stdout and stderr */
    const sigset_t *ignored;  /* signals; the others are as by default */
    uint64_t files_max;       /* descriptors that it may have, softly; 0: as many as this process */
} dr_program_start;

#define DR_UPGRADE_FD 3

/* dr_program_fork starts the program, and waits until it is one. It has no other descriptor of
 * ours. Errors: DORA_ELOAD names the program and why. Ownership: gives `*pid`,
 * a child to be waited for. */
dora_err dr_program_fork(const dr_program_start *start, pid_t *pid, dora_error *error);

#endif
