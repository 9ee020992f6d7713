/* crew_zygote.c: the zygote of a crew: its start, its words, its output, its end. */
#include "task/crew_zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "task/crew.h"
#include "task/crew_child.h"
#include "task/crew_gone.h"
#include "task/crew_message.h"
#include "task/crew_pace.h"
#include "task/dispatch.h"
#include "task/spawn.h"

#define OUTPUT_PIPE_BYTES (256 * 1024)
#define OUTPUT_PIPE_MODE 0622 /* a pool with a user of its own opens its output again, too */
#define RESPAWN_MS 200u

static void on_control(uv_poll_t *poll, int status, int events);
static void on_zygote_exit(uv_poll_t *poll, int status, int events);

void dr_crew_handle_closed(dr_crew *crew)
{
    if (--crew->open_handles == 0 && crew->is_closed) {
        dr_names_fini(&crew->names);
        dr_rights_fini(&crew->options.rights);
        free(crew->options.environment);
        free(crew);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    dr_crew_handle_closed(handle->data);
}

void dr_zygote_kill(const dr_zygote *zygote)
{
    (void)kill(zygote->pid, SIGKILL); /* it is our child, and not waited for */
    if (zygote->speaker_fd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, zygote->speaker_fd, SIGKILL, NULL, 0);
    }
}

static void kill_set_aside(const dr_crew *crew)
{
    for (const dr_zygote *each = crew->set_aside; each != NULL; each = each->next) {
        dr_zygote_kill(each); /* its workers die with it */
    }
}

/* stop_if_gone: a crew that stops has stopped once its last zygote has ended. */
static void stop_if_gone(dr_crew *crew)
{
    if (crew->zygote == NULL && crew->set_aside == NULL) {
        dr_crew_set_state(crew, DR_CREW_STOPPED);
    }
}

const char *const *dr_crew_argv(const dr_crew *crew)
{
    return crew->is_preloading ? crew->options.argv : crew->options.argv_late;
}

static void on_zygote_handle_closed(dr_zygote *zygote)
{
    if (--zygote->open_handles == 0) {
        dr_crew *crew = zygote->crew;
        if (zygote->pidfd >= 0) {
            close(zygote->pidfd);
        }
        if (zygote->speaker_fd >= 0) {
            close(zygote->speaker_fd);
        }
        free(zygote);
        dr_crew_handle_closed(crew);
    }
}

static void on_zygote_poll_closed(uv_handle_t *handle)
{
    on_zygote_handle_closed(handle->data);
}

static void on_zygote_feed_closed(uv_handle_t *handle)
{
    on_zygote_handle_closed((dr_zygote *)(void *)((char *)handle - offsetof(dr_zygote, feed.poll)));
}

/* hang_up ends the talk with a zygote; it, or its workers, may live on. */
static void hang_up(dr_zygote *zygote)
{
    if (zygote->control_fd >= 0) {
        uv_close((uv_handle_t *)&zygote->control_poll, on_zygote_poll_closed);
        close(zygote->control_fd);
        zygote->control_fd = -1;
    }
}

/* zygote_new makes the books of a process that was started. Returns: NULL without memory, and
 * nothing is taken. Ownership: takes `control_fd` and the process. */
static dr_zygote *zygote_new(dr_crew *crew, pid_t pid, int control_fd)
{
    dr_zygote *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->crew = crew;
    self->pid = pid;
    self->orphans.zygote = pid;
    self->control_fd = control_fd;
    self->speaker_fd = -1;
    self->started_ms = dr_clock_ms();
    self->control_poll.data = self->exit_poll.data = self;
    uv_poll_init(crew->loop, &self->control_poll, control_fd);
    uv_poll_start(&self->control_poll, UV_READABLE | UV_DISCONNECT, on_control);
    self->open_handles = 1;
    self->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* it is not waited for before its end */
    if (self->pidfd >= 0) {
        uv_poll_init(crew->loop, &self->exit_poll, self->pidfd);
        uv_poll_start(&self->exit_poll, UV_READABLE, on_zygote_exit);
        self->open_handles++;
    }
    crew->open_handles++;
    return self;
}

/* start_process spawns the zygote on a new control socket. */
static dora_err start_process(dr_crew *crew, dora_error *error)
{
    int pair[2];
    pid_t pid = 0;
    dora_error why = {.err = DORA_OK};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot make a socket pair: %s", strerror(errno));
    }
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    dr_control_know_senders(pair[0]);
    const char *const *argv = dr_crew_argv(crew);
    const dr_spawn order = {.argv = argv,
                            .environment = crew->options.environment,
                            .folder = crew->options.folder,
                            .control_fd = pair[1],
                            .output_fd = crew->options.has_terminal ? -1 : crew->output_write_fd,
                            .rights = &crew->options.rights};
    const dora_err err = dr_spawn_zygote(&order, &pid, &why);
    close(pair[1]);
    if (err != DORA_OK) {
        close(pair[0]);
        return err == DORA_ELOAD && argv == crew->options.argv_late
                   ? dora_error_set(error, err, "%s; %s", why.msg, crew->options.mend)
                   : dora_error_set(error, err, "%s", why.msg);
    }
    crew->zygote = zygote_new(crew, pid, pair[0]);
    if (crew->zygote == NULL) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        close(pair[0]);
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    crew->is_respawning = crew->is_renewing = false;
    crew->state = DR_CREW_LOADING;
    return DORA_OK;
}

/* remember keeps the end of what a crew on trial prints, for whoever asked for the reload. */
static void remember(dr_crew *crew, const char *data, size_t len)
{
    const size_t kept = len < DR_LAST_WORDS_MAX ? len : DR_LAST_WORDS_MAX;
    const size_t over = crew->last_words_len + kept > DR_LAST_WORDS_MAX
                            ? crew->last_words_len + kept - DR_LAST_WORDS_MAX
                            : 0;
    memmove(crew->last_words, crew->last_words + over, crew->last_words_len - over);
    memcpy(crew->last_words + crew->last_words_len - over, data + len - kept, kept);
    crew->last_words_len += kept - over;
}

static void on_output(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    dr_crew *crew = poll->data;
    char data[16384];
    for (int turn = 0; turn < 16; turn++) {
        const ssize_t got = read(crew->output_fd, data, sizeof(data));
        if (got <= 0) {
            return;
        }
        dr_log_lines(crew->log, crew->options.name, &crew->carry, data, (size_t)got);
        if (crew->is_on_trial) {
            remember(crew, data, (size_t)got);
        }
    }
}

static void load_later(dr_crew *crew);

static void on_retry_zygote(uv_timer_t *timer)
{
    dr_crew *crew = timer->data;
    dora_error error = {0};
    crew->is_retry_set = false;
    if (crew->state == DR_CREW_LOADING && crew->zygote == NULL &&
        start_process(crew, &error) != DORA_OK) {
        dr_log_write_lines(crew->log, DR_LOG_ERROR, crew->options.name, "%s", error.msg);
        load_later(crew);
    }
}

/* load_later waits, the longer the more often it failed, and starts another zygote. */
static void load_later(dr_crew *crew)
{
    crew->load_failures++;
    const uint32_t usual_ms = RESPAWN_MS * crew->load_failures < DR_START_RETRY_MS_MAX
                                  ? RESPAWN_MS * crew->load_failures
                                  : DR_START_RETRY_MS_MAX;
    const uint32_t held_ms = dr_crew_pace_ms(crew);
    if (crew->load_failures > 1 || held_ms > 0) {
        pthread_mutex_lock(&crew->pool->lock);
        crew->pool->unhealthy = true;
        pthread_mutex_unlock(&crew->pool->lock);
        crew->events.on_death(crew->events.user); /* what waits is answered */
    }
    crew->state = DR_CREW_LOADING;
    crew->is_retry_set = true;
    uv_timer_start(&crew->retry, on_retry_zygote, held_ms > usual_ms ? held_ms : usual_ms, 0);
}

void dr_crew_load_again(dr_crew *crew)
{
    if (crew->zygote != NULL) {
        dr_zygote_kill(crew->zygote); /* its end brings the next one */
    } else {
        load_later(crew);
    }
}

/* go_on comes after the end of a zygote. */
static void go_on(dr_crew *crew)
{
    dora_error error = {0};
    if (crew->is_respawning) {
        if (start_process(crew, &error) != DORA_OK) {
            dr_crew_fail(crew, error.msg, strlen(error.msg));
        }
        return;
    }
    if (crew->state == DR_CREW_STOPPING) {
        stop_if_gone(crew);
    } else if (crew->state == DR_CREW_LOADING && (crew->was_ready || crew->is_renewing)) {
        load_later(crew);
    }
}

/* how_far says where a zygote ended that has not loaded its application. One that runs the
 * program's own file again does so first of all. */
static const char *how_far(const dr_crew *crew)
{
    if (crew->is_watched) {
        return "while it was watched";
    }
    if (crew->had_greeted) {
        return "while it loaded the application";
    }
    return dr_crew_argv(crew) != crew->options.argv_late
               ? "before its file came to the call that starts the server"
               : "before it greeted the server";
}

static void fail_to_load(dr_crew *crew, int status)
{
    char text[DR_LOG_LINE_MAX];
    const bool is_known = crew->had_greeted || dr_crew_argv(crew) != crew->options.argv_late;
    const int len =
        snprintf(text, sizeof(text), "%s ended (%s %d) %s%s%s; what it printed is in the log%s%.*s",
                 dr_crew_argv(crew)[0], WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), how_far(crew),
                 is_known ? "" : ": ", is_known ? "" : crew->options.mend,
                 crew->last_words_len > 0 ? ", at the end:\n" : "", (int)crew->last_words_len,
                 crew->last_words);
    dr_crew_fail(crew, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

/* end_orphans: one that was killed could not end what its workers have started, and one that has
 * not loaded leaves what its application has started until then. */
static void end_orphans(const dr_zygote *zygote)
{
    siginfo_t info = {.si_code = 0};
    if (waitid(P_PID, (id_t)zygote->pid, &info, WEXITED | WNOWAIT) == 0 &&
        (info.si_code != CLD_EXITED || !dr_orphans_has_begun(&zygote->orphans))) {
        dr_orphans_kill(&zygote->orphans);
    }
}

/* bury closes the books of a zygote that has ended. Returns: its wait status. */
static int bury(dr_zygote *zygote)
{
    int status = 0;
    dr_crew *crew = zygote->crew;
    end_orphans(zygote);
    while (waitpid(zygote->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (zygote->speaker_fd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, zygote->speaker_fd, SIGKILL, NULL, 0);
    }
    dr_children_kill(crew, zygote); /* one that has changed its user no longer dies by itself */
    hang_up(zygote);
    if (zygote->pidfd >= 0) {
        uv_close((uv_handle_t *)&zygote->exit_poll, on_zygote_poll_closed);
    }
    (void)dr_log_source_close(&zygote->feed, on_zygote_feed_closed);
    return status;
}

/* tell_end says why a zygote has ended, and what happens now. */
static void tell_end(dr_crew *crew, int status)
{
    on_output(&crew->output_poll, 0, 0);
    if (!dr_crew_is_proven(crew)) {
        fail_to_load(crew, status);
        return;
    }
    const bool is_needed = crew->state != DR_CREW_LEAVING;
    dr_log_write(crew->log, DR_LOG_EMERGENCY, crew->options.name,
                 "the zygote ended (%s %d); its workers go with it%s",
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                 is_needed ? " and a new one is started" : "");
    crew->state = is_needed ? DR_CREW_LOADING : DR_CREW_STOPPING;
    if (dr_is_own_act(status)) {
        dr_crew_crashed(crew);
    }
}

/* old_zygote_gone: one that was set aside has ended. */
static void old_zygote_gone(dr_zygote *zygote)
{
    dr_crew *crew = zygote->crew;
    dr_zygote **at = &crew->set_aside;
    while (*at != zygote) {
        at = &(*at)->next;
    }
    *at = zygote->next;
    (void)bury(zygote);
    if (crew->state == DR_CREW_STOPPING) {
        stop_if_gone(crew);
    }
}

static void zygote_gone(dr_zygote *zygote)
{
    dr_crew *crew = zygote->crew;
    if (zygote != crew->zygote) {
        old_zygote_gone(zygote);
        return;
    }
    crew->had_greeted = zygote->has_greeted;
    crew->zygote = NULL;
    uv_timer_stop(&crew->kill_timer);
    const int status = bury(zygote);
    dr_children_forget(crew);
    if (!crew->is_respawning && !crew->is_renewing && crew->state != DR_CREW_STOPPING &&
        crew->state != DR_CREW_FAILED) {
        tell_end(crew, status);
    }
    go_on(crew);
}

/* listen_to handles what a zygote has said. Returns: false at the end of its socket. */
static bool listen_to(dr_zygote *zygote)
{
    dr_crew *crew = zygote->crew;
    for (int turn = 0; turn < 256 && zygote == crew->zygote; turn++) {
        const dora_err err = dr_control_receive(zygote->control_fd, &crew->message);
        if (err == DORA_EAGAIN || err == DORA_ECLOSED) {
            return err == DORA_EAGAIN;
        }
        if (err == DORA_OK && !crew->is_renewing) {
            zygote->silent_looks =
                crew->message.sender == zygote->speaker ? 0 : zygote->silent_looks;
            dr_crew_message(crew, &crew->message);
        }
        dr_control_close(&crew->message);
    }
    return true;
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    dr_zygote *zygote = poll->data;
    (void)events;
    if (listen_to(zygote) && status == 0) {
        return;
    }
    dr_zygote_kill(zygote); /* it has closed its socket: it is ending, or must */
    if (zygote->pidfd >= 0) {
        hang_up(zygote); /* the end is told by the other descriptor */
    } else {
        zygote_gone(zygote);
    }
}

static void on_zygote_exit(uv_poll_t *poll, int status, int events)
{
    dr_zygote *zygote = poll->data;
    (void)status;
    (void)events;
    if (zygote->control_fd >= 0) {
        (void)listen_to(zygote); /* its last words */
    }
    zygote_gone(zygote);
}

dr_crew *dr_crew_new(uv_loop_t *loop, dr_log *log, dr_pool *pool, const dr_crew_options *options,
                     const dr_crew_events *events, bool is_on_trial)
{
    dr_crew *crew = calloc(1, sizeof(*crew));
    if (crew == NULL) {
        return NULL;
    }
    crew->id = ++pool->crew_count;
    crew->generation = pool->generation + (is_on_trial ? 1 : 0);
    crew->options = *options;
    crew->events = *events;
    crew->is_on_trial = is_on_trial;
    crew->loop = loop;
    crew->log = log;
    crew->pool = pool;
    crew->is_preloading = options->preload;
    crew->pace.minute_max = options->restarts_per_minute;
    crew->jitter = (uint32_t)getpid();
    crew->output_fd = crew->output_write_fd = -1;
    uv_timer_init(loop, &crew->retry);
    uv_timer_init(loop, &crew->kill_timer);
    crew->open_handles = 2;
    crew->retry.data = crew->kill_timer.data = crew;
    return crew;
}

dora_err dr_crew_start(dr_crew *crew, dora_error *error)
{
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot make a pipe: %s", strerror(errno));
    }
    (void)fcntl(output[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(output[0], F_SETPIPE_SZ, OUTPUT_PIPE_BYTES);
    (void)fchmod(output[1], OUTPUT_PIPE_MODE);
    crew->output_fd = output[0];
    crew->output_write_fd = output[1];
    uv_poll_init(crew->loop, &crew->output_poll, output[0]);
    crew->open_handles++;
    crew->output_poll.data = crew;
    uv_poll_start(&crew->output_poll, UV_READABLE, on_output);
    return start_process(crew, error);
}

static void on_kill_timer(uv_timer_t *timer)
{
    dr_crew *crew = timer->data;
    dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name, "the zygote is stuck and is killed");
    dr_crew_kill(crew);
}

void dr_crew_stop(dr_crew *crew)
{
    if (crew->state == DR_CREW_STOPPING || crew->state == DR_CREW_STOPPED) {
        return;
    }
    uv_timer_stop(&crew->retry);
    crew->is_respawning = false;
    const bool is_loading = crew->state == DR_CREW_LOADING;
    crew->state = DR_CREW_STOPPING;
    kill_set_aside(crew);
    if (crew->zygote == NULL) {
        stop_if_gone(crew);
        return;
    }
    if (is_loading || crew->zygote->control_fd < 0) {
        dr_zygote_kill(crew->zygote); /* it does not listen yet, or no more */
        return;
    }
    const dr_control_head head = {.kind = DR_CONTROL_STOP};
    (void)dr_control_send(crew->zygote->control_fd, &head, NULL, 0, NULL, 0);
    uv_timer_start(&crew->kill_timer, on_kill_timer, DR_ZYGOTE_GRACE_MS * 2, 0);
}

void dr_crew_kill(dr_crew *crew)
{
    kill_set_aside(crew);
    if (crew->zygote != NULL) {
        dr_zygote_kill(crew->zygote); /* its workers die with it */
    }
}

void dr_crew_renew(dr_crew *crew)
{
    if (crew->state == DR_CREW_LOADED) {
        crew->state = DR_CREW_LOADING;
    } else if (crew->state == DR_CREW_LEAVING) {
        dr_crew_stop(crew);
    }
    crew->is_renewing = crew->zygote != NULL;
    dr_crew_kill(crew);
}

/* A zygote that was set aside forks nothing any more, and its workers serve on until those of the
 * next one are ready; then it is killed. */
void dr_zygote_set_aside(dr_crew *crew)
{
    dora_error error = {0};
    dr_zygote *zygote = crew->zygote;
    if (!dr_crew_is_proven(crew) || zygote->pidfd < 0) {
        dr_zygote_kill(zygote);
        return;
    }
    hang_up(zygote);
    zygote->next = crew->set_aside;
    crew->set_aside = zygote;
    crew->zygote = NULL;
    dr_children_forget(crew);
    if (start_process(crew, &error) != DORA_OK) {
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name, "%s", error.msg);
        load_later(crew);
    }
}

void dr_crew_close(dr_crew *crew)
{
    crew->is_closed = true;
    uv_close((uv_handle_t *)&crew->retry, on_handle_closed);
    uv_close((uv_handle_t *)&crew->kill_timer, on_handle_closed);
    dr_children_close(crew);
    dr_gone_free(crew);
    if (crew->output_fd < 0) {
        return;
    }
    on_output(&crew->output_poll, 0, 0);
    if (crew->carry.len > 0) {
        dr_log_lines(crew->log, crew->options.name, &crew->carry, "\n", 1);
    }
    uv_close((uv_handle_t *)&crew->output_poll, on_handle_closed);
    close(crew->output_fd);
    close(crew->output_write_fd);
}
