/* deep_host.c: the `dora` program once more, from a library that is opened with RTLD_DEEPBIND by a
 * program with a copy of `environ`: what PHP, as it builds by itself, does to its extensions. */
#include <dora/server.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int main_fn(int argc, char **argv, const dora_host *host);

/* There is nothing to test where the library sees the same variable as this program does. */
static int is_apart(void *library)
{
    return (char ***)dlsym(library, "environ") != &environ;
}

/* `--cleared` comes first, where the environment is to be cleared. */
int main(int argc, char **argv)
{
    const char *const zygote[] = {"/proc/self/exe", "zygote", NULL};
    const dora_host host = {.size = sizeof host, .runtime = "c", .zygote = zygote};
    void *library = dlopen(DORA_LIBRARY, RTLD_NOW | RTLD_GLOBAL | RTLD_DEEPBIND);
    void *found = library != NULL ? dlsym(library, "dora_main") : NULL;
    main_fn *run = NULL;
    if (found == NULL) {
        fprintf(stderr, "deep_host: %s\n", dlerror());
        return 1;
    }
    if (!is_apart(library)) {
        fputs("deep_host: this system shares `environ` between program and library\n", stderr);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "--cleared") == 0) {
        (void)clearenv();
        argc--;
        argv++;
    }
    memcpy(&run, &found, sizeof(run)); /* C has no cast from an object to a function */
    return run(argc, argv, &host);
}
