/* orphans.c: what a pool's workers have started and left behind: found by /proc, and ended. */
#include "task/orphans.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#define LOOK_MS 10
#define LOOKS_MAX 200u     /* then they cannot be ended */
#define LOOKS_A_SIGNAL 25u /* whose parent has ended since the last one gets it, too */

/* Fields of /proc/PID/stat behind the name: proc(5) counts the state as its third. */
enum { FIELD_PARENT = 4, FIELD_GROUP = 5, FIELD_SESSION = 6, FIELD_START = 22, FIELDS };

/* look reads what /proc says of a process. Returns: false when it is gone. */
static bool look(const char *pid, uint64_t fields[FIELDS])
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    const size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    int field = 2;
    while (at != NULL && field < FIELD_START && (at = strchr(at + 1, ' ')) != NULL) {
        fields[++field] = strtoull(at + 1, NULL, 10);
    }
    return field == FIELD_START;
}

/* signal_all sends a signal to each process that has the zygote's number in `field`. Returns: how
 * many there are. */
static uint32_t signal_all(const dr_orphans *self, int field, int number)
{
    uint32_t count = 0;
    const uint64_t session = (uint64_t)getsid(self->zygote);
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        uint64_t fields[FIELDS];
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != self->zygote && look(entry->d_name, fields) &&
            fields[field] == (uint64_t)self->zygote && fields[FIELD_SESSION] == session &&
            fields[FIELD_START] >= self->since_ticks) {
            (void)kill(pid, number);
            count++;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count;
}

/* has_children waits for those that have ended. Returns: whether there are others. */
static bool has_children(void)
{
    pid_t ended;
    do {
        ended = waitpid(-1, NULL, WNOHANG);
    } while (ended > 0);
    return ended == 0;
}

void dr_orphans_begin(dr_orphans *self, pid_t zygote)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    const uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    self->zygote = zygote;
    self->since_ticks = (uint64_t)now.tv_sec * ticks + (uint64_t)now.tv_nsec * ticks / 1000000000u;
}

bool dr_orphans_has_begun(const dr_orphans *self)
{
    return self->since_ticks > 0;
}

void dr_orphans_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void dr_orphans_end(const dr_orphans *self)
{
    const uint64_t end_ms = dr_clock_ms() + DR_ORPHANS_GRACE_MS;
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    for (uint32_t looks = 0; has_children() && looks < LOOKS_MAX; looks++) {
        const int number = dr_clock_ms() < end_ms ? SIGTERM : SIGKILL;
        const bool is_due = looks % LOOKS_A_SIGNAL == 0 || number == SIGKILL;
        if (signal_all(self, FIELD_PARENT, is_due ? number : 0) == 0) {
            return; /* what is left is meant to stay */
        }
        (void)nanosleep(&pause, NULL);
    }
}

void dr_orphans_kill(const dr_orphans *self)
{
    if (self->zygote > 0) {
        (void)signal_all(self, FIELD_GROUP, SIGKILL);
    }
}
