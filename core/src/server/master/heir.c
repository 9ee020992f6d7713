/* heir.c: a master that takes over from another one. */
#include "server/master/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/slice.h"
#include "server/master/listeners.h"
#include "server/master/master.h"
#include "server/master/supervisor.h"
#include "server/ops/discovery.h"
#include "server/upgrade/program.h"

#define OFFER_MS 10000 /* a master answers at once, unless it hangs */

static const dora_slice nothing = {NULL, 0};

int dr_heir_link(void)
{
    const char *text = getenv(DR_UPGRADE_ENV);
    char *end = NULL;
    int type = 0;
    socklen_t len = sizeof(type);
    const long fd = text != NULL ? strtol(text, &end, 10) : -1;
    const bool is_number = text != NULL && end != text && *end == '\0' && fd > STDERR_FILENO;
    unsetenv(DR_UPGRADE_ENV);
    if (!is_number || getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        type != SOCK_SEQPACKET) {
        return -1;
    }
    (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return (int)fd;
}

/* ---- what is offered ---- */

static dora_err take_socket(dr_server *server, dr_packet *packet)
{
    uint64_t numbers[4] = {0};
    dora_slice body = packet->body;
    for (size_t i = 0; i < 4; i++) { /* an older release does not say the last one */
        (void)dr_link_take_number(&body, &numbers[i]);
    }
    const dr_socket one = {.fd = dr_packet_fd(packet),
                           .door = (dr_link_door)numbers[0],
                           .is_managed = numbers[3] == 1,
                           .device = (dev_t)numbers[1],
                           .inode = (ino_t)numbers[2]};
    return one.fd >= 0 ? dr_sockets_add(&server->doors.handed, &one) : DORA_EPROTO;
}

static dora_err take_pid_file(dr_heir *self, dr_packet *packet)
{
    dora_slice body = packet->body;
    dora_slice path = {NULL, 0};
    if (!dr_link_take_bytes(&body, &path)) {
        return DORA_EPROTO;
    }
    dr_heir_file *files = realloc(self->files, (self->file_count + 1) * sizeof(*files));
    if (files == NULL) {
        return DORA_ENOMEM;
    }
    self->files = files;
    char *copy = strndup(path.data, path.len);
    if (copy == NULL) {
        return DORA_ENOMEM;
    }
    files[self->file_count++] = (dr_heir_file){.path = copy, .fd = dr_packet_fd(packet)};
    return DORA_OK;
}

/* take_output: what this process has said so far went to the other server. */
static dora_err take_output(dr_packet *packet)
{
    const int out = dr_packet_fd(packet);
    const int err = dr_packet_fd(packet);
    if (out >= 0 && err >= 0) {
        (void)fflush(stdout);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(err, STDERR_FILENO);
    }
    if (out >= 0) {
        close(out);
    }
    if (err >= 0) {
        close(err);
    }
    return DORA_OK;
}

static dora_err take_offer(dr_server *server, dr_packet *packet)
{
    uint64_t pid = 0;
    dora_slice body = packet->body;
    switch (packet->type) {
    case DR_LINK_OUTPUT:
        return take_output(packet);
    case DR_LINK_SOCKET:
        return take_socket(server, packet);
    case DR_LINK_PID_FILE:
        return take_pid_file(&server->heir, packet);
    case DR_LINK_OFFERED:
        (void)dr_link_take_number(&body, &pid);
        server->heir.elder = (pid_t)pid;
        return DORA_OK;
    default:
        return DORA_OK; /* of a newer release */
    }
}

/* receive waits for the next message. */
static dora_err receive(int fd, dr_packet *packet)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    int got;
    do {
        got = poll(&look, 1, OFFER_MS);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? dr_packet_receive(fd, packet) : DORA_ETIMEDOUT;
}

dora_err dr_heir_begin(dr_server *server, int link_fd, dora_error *error)
{
    dr_heir *self = &server->heir;
    dr_link_writer hello;
    dora_slice body;
    dr_packet *packet = malloc(sizeof(*packet));
    self->fd = link_fd;
    if (link_fd < 0) {
        free(packet);
        return DORA_OK;
    }
    self->stage = DR_HEIR_LOADING;
    atomic_store(&server->doors.has_elder, true);
    dr_link_begin(&hello);
    dr_link_put_number(&hello, DR_LINK_PROTOCOL);
    dr_link_put_bytes(&hello, dr_slice(DORA_VERSION));
    (void)dr_link_written(&hello, &body);
    dora_err err =
        packet != NULL ? dr_packet_send(link_fd, DR_LINK_HELLO, body, NULL, 0) : DORA_ENOMEM;
    while (err == DORA_OK && self->elder == 0) {
        err = receive(link_fd, packet);
        if (err == DORA_OK) {
            err = take_offer(server, packet);
            dr_packet_close(packet);
        }
    }
    free(packet);
    return err == DORA_OK
               ? DORA_OK
               : dora_error_set(error, err == DORA_ENOMEM ? err : DORA_EIO,
                                "cannot take over: the server that runs does not say what it has "
                                "(%s)",
                                dora_err_text(err));
}

int dr_heir_pid_file(dr_server *server, const char *path)
{
    dr_heir *self = &server->heir;
    for (size_t i = 0; path != NULL && i < self->file_count; i++) {
        if (strcmp(self->files[i].path, path) == 0) {
            const int fd = self->files[i].fd;
            self->files[i].fd = -1;
            return fd;
        }
    }
    return -1;
}

/* ---- taking over ---- */

static void send_thing(dr_heir *self, dr_link_thing thing, const char *name)
{
    dr_link_writer body;
    dora_slice bytes;
    dr_link_begin(&body);
    dr_link_put_number(&body, thing);
    dr_link_put_bytes(&body, dr_slice(name));
    if (dr_link_written(&body, &bytes)) {
        dr_line_send(self->line, DR_LINK_TOOK, bytes, NULL, 0);
    }
}

bool dr_heir_waits(dr_server *server)
{
    dr_heir *self = &server->heir;
    char place[DR_DISCOVERY_PLACE_BYTES];
    if (self->stage != DR_HEIR_LOADING) {
        return false;
    }
    if (server->doors.took_unix) {
        send_thing(self, DR_LINK_THING_UNIX, "");
    }
    for (size_t i = 0; dr_discovery_place(server->backend.discovery, i, place); i++) {
        send_thing(self, DR_LINK_THING_PLACE, place);
    }
    self->stage = DR_HEIR_READY;
    dr_line_send(self->line, DR_LINK_READY, nothing, NULL, 0);
    return true;
}

bool dr_heir_is_ready(const dr_server *server)
{
    return server->heir.stage == DR_HEIR_READY;
}

/* take_over lets clients in, and is the server from then on. */
static void take_over(dr_server *server)
{
    dr_heir *self = &server->heir;
    dora_err err = dr_listeners_open_admin(server, &server->failure);
    err = err == DORA_OK ? dr_supervisor_serve(server, &server->failure) : err;
    if (err != DORA_OK) {
        dr_stop_give_up(server, err);
        return;
    }
    dr_pid_files_take_over(&server->pid_files);
    self->stage = DR_HEIR_SERVING;
    atomic_store(&server->doors.has_elder, false);
    dr_line_send(self->line, DR_LINK_SERVING, nothing, NULL, 0);
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "took over from process %d",
                 (int)self->elder);
}

/* take_moved takes what the other server gives. One that says what is none is not believed any
 * more. */
static void take_moved(dr_server *server, dr_packet *packet)
{
    dora_error error;
    dr_heir *self = &server->heir;
    const dora_err err =
        dr_moved_take(&self->moved, packet->type, packet->body, dr_packet_fd(packet), &error);
    if (err == DORA_OK) {
        return;
    }
    if (self->stage != DR_HEIR_SERVING) {
        (void)dora_error_set(&server->failure, err, "cannot take over: %s", error.msg);
        dr_stop_give_up(server, err);
        return;
    }
    dr_log_write(server->backend.log, DR_LOG_ERROR, "master",
                 "what process %d gives is refused: %s", (int)self->elder, error.msg);
    dr_moved_over(&self->moved);
    dr_line_close(self->line);
    self->line = NULL;
}

static void on_message(dr_packet *packet, void *user)
{
    dr_server *server = user;
    switch (packet->type) {
    case DR_LINK_TAKE_OVER:
        if (server->heir.stage == DR_HEIR_READY) {
            take_over(server);
        }
        break;
    case DR_LINK_DIGESTS:
    case DR_LINK_CONNECTION:
    case DR_LINK_BYTES:
        take_moved(server, packet);
        break;
    default:
        break; /* of a newer release */
    }
}

static void on_end(void *user)
{
    dr_server *server = user;
    dr_heir *self = &server->heir;
    const int elder = (int)self->elder;
    self->elder = 0;
    dr_moved_over(&self->moved);
    if (self->stage == DR_HEIR_SERVING) {
        dr_line_close(self->line);
        self->line = NULL;
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                     "process %d, from which this server took over, has ended", elder);
    } else if (server->outcome == DORA_OK) {
        (void)dora_error_set(&server->failure, DORA_EIO,
                             "process %d, from which this server was to take over, has ended",
                             elder);
        dr_stop_give_up(server, DORA_EIO);
    }
}

dora_err dr_heir_open(dr_server *server, dora_error *error)
{
    dr_heir *self = &server->heir;
    const dr_line_events events = {.on_message = on_message, .on_end = on_end, .user = server};
    if (self->fd < 0) {
        return DORA_OK;
    }
    const dora_err err = dr_line_new(&self->line, &server->loop, self->fd, &events);
    self->fd = -1;
    return err == DORA_OK ? DORA_OK
                          : dora_error_set(error, err, "cannot take over: %s", dora_err_text(err));
}

pid_t dr_heir_elder_pid(const dr_server *server)
{
    return server->heir.stage == DR_HEIR_SERVING ? server->heir.elder : 0;
}

/* ---- the end ---- */

static bool failure_body(dr_link_writer *body, const char *why, dora_slice *bytes)
{
    dr_link_begin(body);
    dr_link_put_bytes(body, dr_slice(why));
    return dr_link_written(body, bytes);
}

void dr_heir_close(dr_server *server)
{
    dr_link_writer body;
    dora_slice bytes;
    dr_heir *self = &server->heir;
    const char *why = server->outcome != DORA_OK ? server->failure.msg
                                                 : "it was told to stop before it was ready";
    if (self->line == NULL) {
        return;
    }
    if (self->stage != DR_HEIR_SERVING && failure_body(&body, why, &bytes)) {
        dr_line_send(self->line, DR_LINK_FAILED, bytes, NULL, 0);
    }
    dr_line_close(self->line);
    self->line = NULL;
}

void dr_heir_fini(dr_server *server, const char *why)
{
    dr_link_writer body;
    dora_slice bytes;
    dr_heir *self = &server->heir;
    dr_moved_fini(&self->moved);
    if (self->fd >= 0) {
        if (failure_body(&body, why, &bytes)) {
            (void)dr_packet_send(self->fd, DR_LINK_FAILED, bytes, NULL, 0);
        }
        close(self->fd);
    }
    for (size_t i = 0; i < self->file_count; i++) {
        if (self->files[i].fd >= 0) {
            close(self->files[i].fd);
        }
        free(self->files[i].path);
    }
    free(self->files);
}
