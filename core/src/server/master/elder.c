/* elder.c: how a master hands over to its heir. */
#include "server/master/elder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/environment.h"
#include "base/slice.h"
#include "net/local.h"
#include "server/master/heir_process.h"
#include "server/master/master.h"
#include "server/ops/discovery.h"
#include "server/upgrade/program.h"

#define VARIABLES 3u /* that an heir has more than this process */
#define ALL_MODES (S_IRWXU | S_IRWXG | S_IRWXO)

static void answer(dr_server *server, int64_t code, const char *msg)
{
    dr_reload_request *asked = server->elder.asked;
    server->elder.asked = NULL;
    if (asked != NULL) {
        asked->heir_pid = server->elder.heir != NULL ? (int)server->elder.heir->pid : 0;
        dr_control_answer(asked, code, false, msg);
    }
}

/* fail ends the heir; who asked is answered when it has ended. */
static void fail(dr_server *server, const char *why)
{
    dr_elder *self = &server->elder;
    if (self->stage == DR_ELDER_FAILED) {
        return;
    }
    self->stage = DR_ELDER_FAILED;
    (void)snprintf(self->why, sizeof(self->why), "%s", why);
    dr_heir_process_kill(self->heir);
}

/* ---- what the heir is told ---- */

/* offer_door gives the heir a listening socket. */
static void offer_door(const dr_door *door, void *user)
{
    const dr_server *server = user;
    dr_link_writer body;
    dora_slice bytes;
    const int fd = fcntl(door->fd, F_DUPFD_CLOEXEC, 0);
    const bool is_unix = door->kind == DR_LINK_DOOR_UNIX;
    dr_link_begin(&body);
    dr_link_put_number(&body, door->kind);
    dr_link_put_number(&body, is_unix ? (uint64_t)server->local.device : 0);
    dr_link_put_number(&body, is_unix ? (uint64_t)server->local.inode : 0);
    dr_link_put_number(&body, door->is_managed);
    if (fd >= 0 && dr_link_written(&body, &bytes)) {
        dr_line_send(server->elder.heir->line, DR_LINK_SOCKET, bytes, &fd, 1);
    } else {
        dr_descriptor_close(fd);
    }
}

/* note_unix remembers whose the Unix socket's file is, and its mode: the heir gives it its own
 * before it is sure of the rest. */
static void note_unix(dr_server *server)
{
    const char *path = server->local.path;
    server->elder.has_unix = path != NULL && lstat(path, &server->elder.unix_file) == 0;
}

static void restore_unix(dr_server *server)
{
    dora_error error;
    const struct stat *file = &server->elder.unix_file;
    if (server->elder.has_unix && dr_local_give(&server->local, file->st_uid, file->st_gid,
                                                file->st_mode & ALL_MODES, &error) != DORA_OK) {
        dr_log_write(server->backend.log, DR_LOG_ERROR, "master", "%s", error.msg);
    }
}

static void offer_pid_file(dr_server *server, const dr_pid_file *file)
{
    dr_link_writer body;
    dora_slice bytes;
    const int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    dr_link_begin(&body);
    dr_link_put_bytes(&body, dr_slice(file->path));
    if (fd >= 0 && dr_link_written(&body, &bytes)) {
        dr_line_send(server->elder.heir->line, DR_LINK_PID_FILE, bytes, &fd, 1);
    } else {
        dr_descriptor_close(fd);
    }
}

/* offer gives the heir all that it may take. */
static void offer(dr_server *server)
{
    dr_link_writer body;
    dora_slice bytes;
    dr_line *line = server->elder.heir->line;
    const int output[] = {fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0),
                          fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)};
    if (output[0] >= 0 && output[1] >= 0) {
        dr_line_send(line, DR_LINK_OUTPUT, (dora_slice){NULL, 0}, output, 2);
    } else {
        dr_descriptor_close(output[0]);
        dr_descriptor_close(output[1]);
    }
    note_unix(server);
    dr_doors_each(server, offer_door, server);
    for (size_t i = 0; i < server->pid_files.count; i++) {
        offer_pid_file(server, &server->pid_files.items[i]);
    }
    dr_link_begin(&body);
    dr_link_put_number(&body, (uint64_t)getpid());
    (void)dr_link_written(&body, &bytes);
    dr_line_send(line, DR_LINK_OFFERED, bytes, NULL, 0);
}

/* ---- handing over ---- */

static bool is_taken(const char *place, void *user)
{
    const dr_elder *self = user;
    for (size_t i = 0; i < self->places.count; i++) {
        if (strcmp(self->places.items[i], place) == 0) {
            return true;
        }
    }
    return false;
}

/* give begins to tell the heir what this server knows of calls. */
static void give(dr_server *server)
{
    server->elder.stage = DR_ELDER_GIVING;
    dr_moving_begin(&server->elder.moving, server->elder.heir->line);
}

/* on_told: the heir may let clients in. */
static void on_told(void *user)
{
    dr_server *server = user;
    dr_line_send(server->elder.heir->line, DR_LINK_TAKE_OVER, (dora_slice){NULL, 0}, NULL, 0);
}

/* handed_over: the heir accepts, so this server need not any more. */
static void handed_over(dr_server *server)
{
    dr_elder *self = &server->elder;
    const int pid = (int)self->heir->pid;
    self->stage = DR_ELDER_OVER;
    dr_heir_process_has_taken(self->heir);
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                 "process %d serves: finishing what is accepted", pid);
    if (self->has_taken_unix) {
        server->local.path = NULL; /* its file is the heir's */
    }
    dr_service_hand_over(server, self->heir->pid);
    dr_discovery_hand_over(&server->backend, is_taken, self);
    dr_http_stop_accepting(&server->admin.http);
    dr_stop_handed_over(server);
    if (self->stop_signal != 0) {
        (void)kill(self->heir->pid, self->stop_signal);
    }
}

static void take_thing(dr_server *server, dora_slice body)
{
    uint64_t thing = 0;
    dora_slice name = {NULL, 0};
    if (!dr_link_take_number(&body, &thing) || !dr_link_take_bytes(&body, &name)) {
        return;
    }
    if (thing == DR_LINK_THING_UNIX) {
        server->elder.has_taken_unix = true;
    } else if (thing == DR_LINK_THING_PLACE) {
        char text[DR_DISCOVERY_PLACE_BYTES];
        (void)snprintf(text, sizeof(text), "%.*s", (int)name.len, name.data);
        (void)dr_texts_add(&server->elder.places, text); /* else it is withdrawn, and joins anew */
    }
}

static void take_failure(dr_server *server, dora_slice body)
{
    char text[sizeof(server->elder.why)];
    dora_slice why = {NULL, 0};
    (void)dr_link_take_bytes(&body, &why);
    (void)snprintf(text, sizeof(text), "%.*s", (int)why.len, why.data != NULL ? why.data : "");
    fail(server, text);
}

static void on_message(dr_packet *packet, void *user)
{
    dr_server *server = user;
    const dr_elder_stage stage = server->elder.stage;
    switch (packet->type) {
    case DR_LINK_HELLO:
        offer(server);
        break;
    case DR_LINK_TOOK:
        take_thing(server, packet->body);
        break;
    case DR_LINK_FAILED:
        if (stage != DR_ELDER_OVER) {
            take_failure(server, packet->body);
        }
        break;
    case DR_LINK_READY:
        if (stage == DR_ELDER_WAITING) {
            give(server);
        }
        break;
    case DR_LINK_SERVING:
        if (stage == DR_ELDER_GIVING) {
            handed_over(server);
        }
        break;
    default:
        break; /* of a newer release */
    }
}

static void on_drained(void *user)
{
    dr_server *server = user;
    dr_moving_look(&server->elder.moving);
    (void)uv_async_send(&server->attention); /* it may be what the end waits for */
}

/* on_ended: the heir has ended. Before it serves nothing has happened. */
static void on_ended(const char *how, void *user)
{
    dr_server *server = user;
    dr_elder *self = &server->elder;
    if (self->stage == DR_ELDER_OVER) {
        return; /* its own affair */
    }
    if (self->stage != DR_ELDER_FAILED) {
        (void)snprintf(self->why, sizeof(self->why), "%s", how);
    }
    dr_pid_files_take_over(&server->pid_files);
    restore_unix(server);
    dr_moving_undo(&server->elder.moving);
    dr_log_write_lines(server->backend.log, DR_LOG_ERROR, "master",
                       "upgrade refused, this server serves on: %s", self->why);
    dr_heir_process_close(self->heir);
    self->heir = NULL;
    answer(server, DORA_CODE_RELOAD, self->why);
    dr_texts_fini(&self->places);
    self->has_taken_unix = false;
    self->stage = DR_ELDER_ALONE;
    if (self->stop_signal != 0) {
        dr_stop_asked(server, self->stop_signal);
    }
}

static void on_late(void *user)
{
    char text[128];
    dr_server *server = user;
    dr_line_look(server->elder.heir->line); /* timers come first: it may have said that it serves */
    if (server->elder.heir == NULL || server->elder.stage == DR_ELDER_OVER) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "the new one is not ready after upgrade_timeout_ms (%" PRIu32 "), and was ended",
                   server->backend.config->upgrade_timeout_ms);
    fail(server, text);
}

/* ---- beginning ---- */

/* refusal says why there can be no upgrade now; NULL: there can. */
static const char *refusal(const dr_server *server, char *room, size_t room_len)
{
    const dr_elder *self = &server->elder;
    if (getpid() == 1) {
        return "this server is process 1 of its container, which ends with it: start a new "
               "container beside it, then stop this one";
    }
    if (server->backend.config->dev) {
        return "a server with --dev loads what changes by itself; stop it and start it again for "
               "another program or configuration";
    }
    if (self->words == NULL) {
        return "how this program was started cannot be read (/proc/self/cmdline): stop it and "
               "start it again";
    }
    if (self->uid != geteuid()) {
        return "the master has given up its starter's rights (master_user), without which a new "
               "one cannot start: stop it and start it again";
    }
    if (dr_watch_is_on(server)) {
        return "a reload is watched before it takes over: ask again when it has, or end that with "
               "dora reload --now";
    }
    if (server->reload.is_wanted || server->reload.is_loading) {
        return "a reload is under way: ask again when it is done";
    }
    if (self->stage != DR_ELDER_ALONE) {
        return "an upgrade is under way already";
    }
    if (dr_heir_elder_pid(server) != 0) {
        (void)snprintf(room, room_len,
                       "process %d, from which this server took over, still finishes what it "
                       "accepted: ask again when it has ended",
                       (int)dr_heir_elder_pid(server));
        return room;
    }
    return NULL;
}

/* environment_of gives the heir's: this process's own, the link, and what a service manager has
 * said. Returns: NULL when out of memory. */
static char **environment_of(const dr_server *server)
{
    char link[32];
    char service[2][DR_NOTIFY_NAME_BYTES + 32];
    char *more[VARIABLES] = {link, service[0], service[1]};
    (void)snprintf(link, sizeof(link), "%s=%d", DR_UPGRADE_ENV, DR_UPGRADE_FD);
    const size_t count = dr_notify_for_heir(&server->service.notify, service);
    return dr_environment_with(more, 1 + count);
}

static dora_err start(dr_server *server, dora_error *error)
{
    dr_elder *self = &server->elder;
    const dr_heir_process_events events = {.on_message = on_message,
                                           .on_drained = on_drained,
                                           .on_ended = on_ended,
                                           .on_late = on_late,
                                           .user = server};
    char **environment = environment_of(server);
    const char *const *again = server->host->again;
    const dr_heir_order order = {.words = again != NULL ? again : (const char *const *)self->words,
                                 .environment = environment,
                                 .folder = server->folder,
                                 .ignored = &self->ignored,
                                 .files_max = server->files,
                                 .limit_ms = server->backend.config->upgrade_timeout_ms};
    const dora_err err = environment != NULL ? dr_heir_process_start(&self->heir, &server->loop,
                                                                     &order, &events, error)
                                             : dora_error_set(error, DORA_ENOMEM, "out of memory");
    free(environment);
    return err;
}

void dr_elder_asked(dr_server *server, dr_reload_request *request)
{
    char room[160];
    dora_error error = {.err = DORA_OK};
    dr_elder *self = &server->elder;
    if (atomic_load(&server->backend.phase) != DR_PHASE_SERVING) {
        dr_control_answer(request, DORA_CODE_STOPPING, false, NULL);
        return;
    }
    const char *why = refusal(server, room, sizeof(room));
    if (why == NULL && start(server, &error) != DORA_OK) {
        why = error.msg;
    }
    if (why != NULL) {
        dr_log_write(server->backend.log, DR_LOG_ERROR, "master", "upgrade refused: %s", why);
        dr_control_answer(request, DORA_CODE_RELOAD, false, why);
        return;
    }
    self->asked = request;
    self->stage = DR_ELDER_WAITING;
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                 "upgrade: process %d gets ready to take over", (int)self->heir->child);
}

bool dr_elder_is_busy(const dr_server *server)
{
    return server->elder.stage != DR_ELDER_ALONE;
}

/* ---- the lanes ---- */

void dr_elder_let_go(dr_server *server)
{
    atomic_fetch_add(&server->elder.let_go, 1);
    (void)uv_async_send(&server->attention);
}

void dr_elder_look(dr_server *server)
{
    dr_moving_look(&server->elder.moving);
    if (server->elder.stage == DR_ELDER_OVER &&
        atomic_load(&server->elder.let_go) >= server->backend.lane_count) {
        answer(server, 0, NULL);
    }
}

/* ---- the end ---- */

bool dr_elder_stopped(dr_server *server, int number)
{
    dr_elder *self = &server->elder;
    const bool is_moving = atomic_load(&server->backend.phase) == DR_PHASE_MOVING;
    if (self->stage == DR_ELDER_GIVING || (self->stage == DR_ELDER_FAILED && is_moving)) {
        self->stop_signal = number; /* the heir's; this server's own once that has failed */
        return true;
    }
    if (self->stage == DR_ELDER_WAITING) {
        fail(server, "the server is told to stop");
    }
    if (self->stage == DR_ELDER_FAILED) {
        answer(server, DORA_CODE_STOPPING, NULL);
    }
    return false;
}

void dr_elder_close(dr_server *server)
{
    dr_moving_over(&server->elder.moving);
    dr_heir_process_close(server->elder.heir);
    server->elder.heir = NULL;
}

static void wake(void *user)
{
    dr_server *server = user;
    (void)uv_async_send(&server->attention);
}

void dr_elder_init(dr_server *server, const dr_signals *signals)
{
    const dr_moving_events events = {.on_told = on_told, .wake = wake, .user = server};
    server->elder.words = dr_program_words();
    server->elder.uid = geteuid();
    dr_signals_ignored(signals, &server->elder.ignored);
    dr_moving_init(&server->elder.moving, &server->backend, &events);
}

void dr_elder_fini(dr_server *server)
{
    dr_moving_fini(&server->elder.moving);
    free(server->elder.words);
    dr_texts_fini(&server->elder.places);
}
