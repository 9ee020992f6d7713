/* adopted.c: process 1 of a container waits for those whose parent has ended, as init does. */
#include "server/master/adopted.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/master/master.h"

static bool is_zygote(const dr_server *server, pid_t pid)
{
    for (const dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        if (crew->zygote != NULL && crew->zygote->pid == pid) {
            return true;
        }
        for (const dr_zygote *one = crew->set_aside; one != NULL; one = one->next) {
            if (one->pid == pid) {
                return true;
            }
        }
    }
    return false;
}

/* is_others says whether somebody else waits for it: its crew, or the program that this server runs
 * in. What that program starts is in its process group, unless it says otherwise. */
static bool is_others(const dr_server *server, pid_t pid)
{
    return is_zygote(server, pid) ||
           (server->host->again != NULL && getpgid(pid) == getpgrp() && getsid(pid) == getsid(0));
}

/* wait_for_each asks for every process there is: the kernel shows only the first that has ended. */
static void wait_for_each(const dr_server *server)
{
    const struct dirent *entry;
    DIR *folder = opendir("/proc");
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && !is_others(server, pid)) {
            (void)waitpid(pid, NULL, WNOHANG);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

void dr_adopted_look(dr_server *server)
{
    while (server->adopted.is_watching) {
        siginfo_t ended = {.si_pid = 0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) {
            return;
        }
        if (is_others(server, ended.si_pid)) {
            wait_for_each(server);
            return;
        }
        (void)waitpid(ended.si_pid, NULL, WNOHANG);
    }
}

static void on_ended(uv_signal_t *handle, int number)
{
    (void)number;
    dr_adopted_look(handle->data);
}

void dr_adopted_open(dr_server *server)
{
    dr_adopted *self = &server->adopted;
    if (getpid() == 1 && uv_signal_init(&server->loop, &self->ended) == 0) {
        self->ended.data = server;
        self->is_watching = true;
        (void)uv_signal_start(&self->ended, on_ended, SIGCHLD);
    }
}

void dr_adopted_close(dr_server *server)
{
    if (server->adopted.is_watching) {
        server->adopted.is_watching = false;
        uv_close((uv_handle_t *)&server->adopted.ended, NULL);
    }
}
