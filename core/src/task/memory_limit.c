/* memory_limit.c: whether a worker that crashes has come to its pool's memory_hard_mb. */
#include "task/memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_FIELD 5 /* of /proc/self/statm: pages of data and stacks, as RLIMIT_DATA counts */

/* Neither a signal nor an exit says whose it is. */
static struct {
    uint32_t limit_mb;
    pid_t pid; /* of the worker: what it forks has its handlers, too */
    long page_bytes;
    dr_shared_worker *shared;
} current;

void dr_memory_limit_begin(uint32_t limit_mb)
{
    current.limit_mb = limit_mb;
}

/* held_kb asks the kernel, by nothing that allocates. Returns: 0 where it does not say. */
static uint32_t held_kb(void)
{
    char text[256];
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
    uint64_t number = 0;
    int field = 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    for (ssize_t i = 0; i < len && field <= DATA_FIELD; i++) {
        if (text[i] == ' ') {
            field++;
        } else if (field == DATA_FIELD && text[i] >= '0' && text[i] <= '9') {
            number = number * 10 + (uint64_t)(text[i] - '0');
        }
    }
    number = number * (uint64_t)current.page_bytes / 1024;
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* note writes down what the worker holds where it ends for want of memory. errno is still that of
 * the allocation that failed, as nothing sets it back before the next task: so one large piece that
 * was refused is known as well as many small ones. */
static void note(void)
{
    const bool was_refused = errno == ENOMEM;
    if (getpid() == current.pid) {
        const uint32_t held = held_kb();
        const uint64_t limit = (uint64_t)current.limit_mb * 1024;
        if (held > 0 && (was_refused || held > limit - limit / 8)) {
            atomic_store(&current.shared->starved_kb, held);
        }
    }
}

static void on_crash(int number, siginfo_t *how, void *context)
{
    (void)context;
    note();
    if (how->si_code <= 0 || number == SIGTRAP) {
        (void)raise(number); /* abort(), a kill(), a breakpoint: it would go on behind that */
    }
}

void dr_memory_limit_watch(dr_shared_worker *shared)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP};
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_ONSTACK)};
    if (current.limit_mb == 0) {
        return;
    }
    current.pid = getpid();
    current.page_bytes = sysconf(_SC_PAGESIZE);
    current.shared = shared;
    (void)atexit(note); /* PHP exits where there is no memory */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
            (void)sigaction(numbers[i], &action, NULL);
        }
    }
}

size_t dr_memory_limit_name(uint32_t limit_mb, uint32_t held_kb_then, char *text, size_t size)
{
    (void)snprintf(text, size, "memory_hard_mb (%" PRIu32 "; it held %" PRIu32 " MiB)", limit_mb,
                   held_kb_then / 1024);
    return strlen(text);
}
