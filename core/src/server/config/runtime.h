/* runtime.h: the languages that pools are written in: one row each in runtime.c. */
#ifndef DR_SERVER_RUNTIME_H
#define DR_SERVER_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

typedef enum dr_runtime_kind {
    DR_RUNTIME_C = 0,
    DR_RUNTIME_PYTHON,
    DR_RUNTIME_PHP,
    DR_RUNTIME_COUNT
} dr_runtime_kind;

/* DR_RUNTIME_NAMES are their names for people. */
#define DR_RUNTIME_NAMES "\"php\", \"python\" or \"c\""

typedef struct dr_runtime {
    const char *name;               /* in the configuration, and of a dora_host */
    const char *ending;             /* of its files */
    const char *program;            /* that starts a zygote; NULL: the server's own */
    const char *program_variable;   /* of the environment, names another */
    const char *extension_variable; /* names the module that the program has to load; NULL: none */
    const char *words[5];           /* behind the program; NULL ends them */
    const char *mend;               /* what to do where no zygote can be started */
    uint32_t memory_mb_min;         /* of its own that it starts in, and serves */
    bool has_modules;               /* an application may be module:attr */
    bool has_loops;                 /* many handlers at a time in one worker */
} dr_runtime;

/* dr_runtime_of gives the row of a runtime. */
const dr_runtime *dr_runtime_of(dr_runtime_kind kind);

/* dr_runtime_find looks for a name. Returns: DR_RUNTIME_COUNT where there is none. */
dr_runtime_kind dr_runtime_find(const char *name);

#endif
