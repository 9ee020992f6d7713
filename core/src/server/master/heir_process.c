/* heir_process.c: the process that is to take over: started, listened to, awaited. */
#include "server/master/heir_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/upgrade/program.h"

static void on_closed(uv_handle_t *handle)
{
    dr_heir_process *self = handle->data;
    if (--self->open_handles == 0) {
        if (self->output_fd >= 0) {
            close(self->output_fd);
        }
        if (self->pidfd >= 0) {
            close(self->pidfd);
        }
        free(self);
    }
}

/* keep_end drops what was said first, where there is no more room. */
static void keep_end(dr_heir_process *self)
{
    const size_t half = sizeof(self->said) / 2;
    if (self->said_len > half) {
        memmove(self->said, self->said + self->said_len - half, half);
        self->said_len = half;
    }
}

/* read_output takes what it has said so far. */
static void read_output(dr_heir_process *self)
{
    ssize_t got = 1;
    while (self->output_fd >= 0 && got > 0) {
        if (self->said_len == sizeof(self->said)) {
            keep_end(self);
        }
        got =
            read(self->output_fd, self->said + self->said_len, sizeof(self->said) - self->said_len);
        self->said_len += got > 0 ? (size_t)got : 0;
    }
    if (got == 0) {
        uv_poll_stop(&self->output);
    }
}

static void on_output(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    read_output(poll->data);
}

/* describe says how it ended, and what it said before. */
static void describe(const dr_heir_process *self, int status, char *text, size_t room)
{
    size_t len = self->said_len;
    while (len > 0 && (self->said[len - 1] == '\n' || self->said[len - 1] == ' ')) {
        len--;
    }
    if (len > 0) {
        (void)snprintf(text, room, "%.*s", (int)len, self->said);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(text, room, "process %d was killed by signal %d (%s) before it was ready",
                       (int)self->child, WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(text, room, "process %d ended with status %d before it was ready",
                       (int)self->child, WEXITSTATUS(status));
    }
}

static void on_death(uv_poll_t *poll, int status, int events)
{
    dr_heir_process *self = poll->data;
    char how[DR_HEIR_OUTPUT_BYTES + 1];
    int code = 0;
    (void)status;
    (void)events;
    if (waitpid(self->child, &code, WNOHANG) == 0) {
        return;
    }
    uv_poll_stop(poll);
    uv_timer_stop(&self->limit);
    dr_line_look(self->line); /* its last words may still lie there */
    if (!self->is_closing) {
        read_output(self);
        describe(self, code, how, sizeof(how));
        self->events.on_ended(how, self->events.user);
    }
}

static void on_limit(uv_timer_t *timer)
{
    dr_heir_process *self = timer->data;
    self->events.on_late(self->events.user);
}

static void on_message(dr_packet *packet, void *user)
{
    dr_heir_process *self = user;
    if (packet->type == DR_LINK_HELLO && packet->sender > 0) {
        self->pid = packet->sender;
    }
    self->events.on_message(packet, self->events.user);
}

static void on_drained(void *user)
{
    dr_heir_process *self = user;
    self->events.on_drained(self->events.user);
}

static void on_end(void *user)
{
    (void)user; /* its pidfd tells: others may hold a copy of its end */
}

static void watch(dr_heir_process *self, uv_loop_t *loop, uint32_t limit_ms)
{
    self->pidfd = (int)syscall(SYS_pidfd_open, self->child, 0);
    self->death.data = self->output.data = self->limit.data = self;
    uv_timer_init(loop, &self->limit);
    uv_timer_start(&self->limit, on_limit, limit_ms, 0);
    uv_poll_init(loop, &self->output, self->output_fd);
    uv_poll_start(&self->output, UV_READABLE, on_output);
    self->open_handles = 2;
    if (self->pidfd >= 0 && uv_poll_init(loop, &self->death, self->pidfd) == 0) {
        uv_poll_start(&self->death, UV_READABLE, on_death);
        self->open_handles++;
    }
}

/* fork_it starts the program with its end of the link, and of a pipe for what it says. */
static dora_err fork_it(dr_heir_process *self, const dr_heir_order *order, int link_fd,
                        dora_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot make a pipe: %s", strerror(errno));
    }
    const dr_program_start start = {.words = order->words,
                                    .environment = order->environment,
                                    .folder = order->folder,
                                    .link_fd = link_fd,
                                    .output_fd = ends[1],
                                    .ignored = order->ignored,
                                    .files_max = order->files_max};
    const dora_err err = dr_program_fork(&start, &self->child, error);
    close(ends[1]);
    if (err != DORA_OK) {
        close(ends[0]);
        return err;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    self->output_fd = ends[0];
    self->pid = self->child;
    return DORA_OK;
}

dora_err dr_heir_process_start(dr_heir_process **result, uv_loop_t *loop,
                               const dr_heir_order *order, const dr_heir_process_events *events,
                               dora_error *error)
{
    int ends[2];
    dr_heir_process *self = calloc(1, sizeof(*self));
    dora_err err = self != NULL ? dr_packet_pair(ends, error)
                                : dora_error_set(error, DORA_ENOMEM, "out of memory");
    if (err != DORA_OK) {
        free(self);
        return err;
    }
    self->events = *events;
    self->output_fd = self->pidfd = -1;
    err = fork_it(self, order, ends[1], error);
    close(ends[1]);
    if (err != DORA_OK) {
        close(ends[0]);
        free(self);
        return err;
    }
    const dr_line_events line_events = {
        .on_message = on_message, .on_end = on_end, .on_drained = on_drained, .user = self};
    err = dr_line_new(&self->line, loop, ends[0], &line_events);
    watch(self, loop, order->limit_ms);
    if (err != DORA_OK || self->open_handles < 3) {
        dr_heir_process_kill(self);
        dr_heir_process_close(self);
        return dora_error_set(error, DORA_EIO, "cannot watch the new process");
    }
    *result = self;
    return DORA_OK;
}

void dr_heir_process_kill(dr_heir_process *self)
{
    (void)kill(self->child, SIGKILL); /* it was not waited for yet: the number is its own */
}

void dr_heir_process_has_taken(dr_heir_process *self)
{
    uv_timer_stop(&self->limit);
}

void dr_heir_process_close(dr_heir_process *self)
{
    if (self == NULL || self->is_closing) {
        return;
    }
    self->is_closing = true;
    dr_line_close(self->line);
    self->line = NULL;
    uv_close((uv_handle_t *)&self->limit, on_closed);
    uv_close((uv_handle_t *)&self->output, on_closed);
    if (self->open_handles == 3) {
        uv_close((uv_handle_t *)&self->death, on_closed);
    }
}
