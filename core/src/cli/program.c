/* program.c: main() of the `dora` program; everything else is in the library. */
#include <dora/server.h>

#include <stddef.h>

int main(int argc, char **argv)
{
    const char *const zygote[] = {"/proc/self/exe", "zygote", NULL};
    const dora_host host = {.size = sizeof host, .runtime = "c", .zygote = zygote};
    return dora_main(argc, argv, &host);
}
