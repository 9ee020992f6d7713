/* environment.c: this process's environment, as the program has it. */
#include "base/environment.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

static size_t name_len(const char *entry)
{
    return strcspn(entry, "=");
}

/* Whether one of the `count` entries has the name of `entry`. */
static bool is_among(const char *entry, char *const *entries, size_t count)
{
    const size_t len = name_len(entry);
    for (size_t i = 0; i < count; i++) {
        if (name_len(entries[i]) == len && memcmp(entries[i], entry, len) == 0) {
            return true;
        }
    }
    return false;
}

/* The entries that count, in `list` where that is not NULL; `*bytes` is their size. */
static size_t select_entries(char *const *more, size_t count, const char **list, size_t *bytes)
{
    char **own = dr_environment();
    size_t chosen = 0;
    *bytes = 0;
    for (size_t i = 0; own != NULL && own[i] != NULL; i++) {
        if (!is_among(own[i], more, count)) {
            *bytes += strlen(own[i]) + 1;
            if (list != NULL) {
                list[chosen] = own[i];
            }
            chosen++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_among(more[i], more + i + 1, count - i - 1)) {
            *bytes += strlen(more[i]) + 1;
            if (list != NULL) {
                list[chosen] = more[i];
            }
            chosen++;
        }
    }
    return chosen;
}

char **dr_environment_with(char *const *more, size_t count)
{
    size_t bytes;
    const size_t chosen = select_entries(more, count, NULL, &bytes);
    const size_t head = (chosen + 1) * sizeof(char *);
    char **made = malloc(head + bytes);
    if (made == NULL) {
        return NULL;
    }
    (void)select_entries(more, count, (const char **)made, &bytes);
    char *room = (char *)made + head;
    for (size_t i = 0; i < chosen; i++) {
        const size_t size = strlen(made[i]) + 1;
        memcpy(room, made[i], size);
        made[i] = room;
        room += size;
    }
    made[chosen] = NULL;
    return made;
}
