/* dlopen.c: lets PHP load a module that has sanitizers in it: they refuse RTLD_DEEPBIND. Preloaded
 * by run.sh when DORA_SANITIZE is set. */
#include <dlfcn.h>

typedef void *(*dlopen_fn)(const char *file, int mode);

__attribute__((visibility("default"))) void *dlopen(const char *file, int mode)
{
    dlopen_fn next = (dlopen_fn)dlsym(RTLD_NEXT, "dlopen");
    return next(file, mode & ~RTLD_DEEPBIND);
}
