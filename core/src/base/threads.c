/* threads.c: threads with a stack of their own measure, and how many there are. */
#include "base/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dora/value.h>

#include "base/limits.h"

int dr_thread_count(void)
{
    int count = 1;
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL) {
        return count;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Threads:", 8) == 0) {
            count = (int)strtol(line + 8, NULL, 10);
        }
    }
    fclose(file);
    return count;
}

int dr_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed != 0) {
        return failed;
    }
    failed = pthread_attr_setstacksize(&attributes, DR_THREAD_STACK_BYTES);
    if (failed == 0) {
        failed = pthread_create(thread, &attributes, run, argument);
    }
    pthread_attr_destroy(&attributes);
    return failed;
}

/* has_room says whether `bytes` are left of this thread's stack; yes, where it cannot be told or
 * runs on another one (a fiber's, a signal's). */
static bool has_room(size_t bytes)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return true;
    }
    (void)pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const uintptr_t low = (uintptr_t)lowest;
    return here < low || here - low >= size || here - low >= bytes;
}

bool dora_stack_has_room(void)
{
    return has_room(DR_STACK_ROOM_BYTES);
}

typedef struct lent {
    void (*work)(void *argument);
    void *argument;
} lent;

static void *run_lent(void *argument)
{
    const lent *self = argument;
    self->work(self->argument);
    return NULL;
}

void dr_thread_lend(void (*work)(void *argument), void *argument)
{
    lent self = {work, argument};
    pthread_t thread;
    if (has_room(DR_THREAD_STACK_BYTES / 2) || dr_thread_start(&thread, run_lent, &self) != 0) {
        work(argument); /* what recurses looks at its room itself */
        return;
    }
    pthread_join(thread, NULL);
}
