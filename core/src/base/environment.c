/* environment.c: this process's environment, as the program has it. */
#include "base/environment.h"

#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

/* A program that uses `environ` and is not position-independent has a copy of it, which the C
 * library uses from then on. A library that such a program opens with RTLD_DEEPBIND, as PHP does
 * with its extensions, is bound to the C library's own variable instead, and finds NULL there. So
 * the program is asked; by a handle, since RTLD_DEFAULT looks where the caller is bound. */
char **dr_environment(void)
{
    void *program = dlopen(NULL, RTLD_LAZY);
    char ***found = program != NULL ? dlsym(program, "environ") : NULL;
    char **list = found != NULL ? *found : environ;
    if (program != NULL) {
        dlclose(program);
    }
    return list;
}
