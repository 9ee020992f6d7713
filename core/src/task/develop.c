/* develop.c: which files an application consists of, and signals that a debugger has taken. */
#include "task/develop.h"

#include <string.h>

#include "ipc/log_packet.h"
#include "task/loaded.h"

static void tell_file(void *user, const char *path)
{
    const dr_develop *self = user;
    if (self->is_worker) {
        (void)dr_log_packet_say(DR_CONTROL_FD, DR_PACKET_FILE, path, strlen(path));
    } else {
        dr_zygote_say(DR_CONTROL_FILE, 0, 0, 0, path, strlen(path));
    }
}

void dr_develop_tell(const dr_develop *self)
{
    if (self->runtime->files != NULL) {
        self->runtime->files(self->runtime->host, tell_file, (void *)(uintptr_t)self);
    }
}

void dr_develop_task_done(const dr_develop *self)
{
    dr_develop_tell(self);
    dr_quiet_again(self->quiet);
}
