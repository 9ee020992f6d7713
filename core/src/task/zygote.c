/* zygote.c: load the application once, then fork a worker whenever the master asks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "base/sized.h"
#include "base/threads.h"
#include "base/title.h"
#include "ipc/control.h"
#include "ipc/log_packet.h"
#include "ipc/wake.h"
#include "task/announce.h"
#include "task/context.h"
#include "task/deserted.h"
#include "task/develop.h"
#include "task/heed.h"
#include "task/loaded.h"
#include "task/memory_limit.h"
#include "task/offspring.h"
#include "task/orphans.h"
#include "task/output.h"
#include "task/quiet.h"
#include "task/runtime_c.h"
#include "task/unshared.h"
#include "task/worker.h"

typedef struct child {
    pid_t pid;
    int loop_fd; /* wakes its event loop; -1: it has none */
} child;

typedef struct zygote {
    const dora_runtime *runtime;
    dora_app app;
    dr_control_setup setup;
    char target[4096];
    dr_region region;
    int event_fds[DR_REACTORS_MAX];
    dr_context context;
    dr_quiet quiet;
    dr_offspring offspring;
    dr_orphans orphans;
    dr_develop develop;
    dr_worker worker; /* this process, in a forked one; handlers' threads may outlive its loop */
    child *children;  /* one place for each slot; pid 0: free */
    uint32_t child_count;
    int signal_fd;
    int master_fd;              /* pidfd: its end is known by this, too; -1: none */
    dr_control_message message; /* large: not on the stack of a forked worker */
} zygote;

bool dora_is_zygote(void)
{
    return getenv(DORA_ZYGOTE_ENV) != NULL;
}

static void close_if(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* open_master gives a descriptor of the master's process, -1: there is none. Its end of the socket
 * may be held by what the master's program has forked. */
static int open_master(void)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    if (getsockopt(DR_CONTROL_FD, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid <= 0) {
        return -1;
    }
    const int fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
    struct pollfd end = {.fd = DR_CONTROL_FD, .events = POLLRDHUP};
    if (fd >= 0 && getppid() != peer.pid && poll(&end, 1, 0) != 0) {
        close(fd); /* it has ended, and the number may be another's */
        return -1;
    }
    return fd;
}

/* take_setup waits for the master's first word. */
static dora_err take_setup(zygote *self, dora_error *error)
{
    dr_control_message *message = &self->message;
    const dora_err err = dr_control_receive(DR_CONTROL_FD, message);
    if (err != DORA_OK || message->head.kind != DR_CONTROL_SETUP ||
        message->text_len < sizeof(self->setup) || message->fd_count < 3) {
        return dora_error_set(error, DORA_EPROTO, "the server said nothing that a zygote knows");
    }
    memcpy(&self->setup, message->text, sizeof(self->setup));
    const size_t target_len = message->text_len - sizeof(self->setup);
    if (target_len >= sizeof(self->target) || message->fd_count > DR_CONTROL_FDS_MAX) {
        return dora_error_set(error, DORA_ETOOBIG, "the application's name is too long");
    }
    memcpy(self->target, message->text + sizeof(self->setup), target_len);
    self->setup.pool[sizeof(self->setup.pool) - 1] = '\0';
    self->context = (dr_context){
        .log_fd = message->fds[1], .log_level = self->setup.log_level, .pool = self->setup.pool};
    dr_context_set(&self->context);
    dr_memory_limit_begin(self->setup.memory_hard_mb);
    for (size_t i = 0; i < message->fd_count; i++) {
        dr_offspring_keep(&self->offspring, message->fds[i]);
    }
    for (size_t i = 2; i < message->fd_count; i++) {
        self->event_fds[i - 2] = message->fds[i];
    }
    return dr_region_open(&self->region, message->fds[0], &self->setup.shape, error);
}

/* load runs the application; `error` says why it does not load. */
static dora_err load(zygote *self, dora_error *error)
{
    const dora_err err = self->runtime->load(self->runtime->host, &self->app, self->target, error);
    if (err != DORA_OK) {
        return error->msg[0] != '\0' ? err : dora_error_set(error, err, "%s", dora_err_text(err));
    }
    if (self->app.count == 0 && !self->app.has_fallback) {
        return dora_error_set(error, DORA_ELOAD, "the application registers no handler");
    }
    if (self->setup.dev) {
        dr_app_no_limits(&self->app); /* who sits at a breakpoint has none */
    }
    return DORA_OK;
}

static void report_failure(const dora_error *error)
{
    dr_zygote_say(DR_CONTROL_FAILED, 0, 0, 0, error->msg, strlen(error->msg));
}

static void restore_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* has_loaded loads the application, or says why not. A process that it forks while it loads comes
 * here, too, and says nothing. */
static bool has_loaded(zygote *self)
{
    dora_error error = {0};
    const dora_err err = load(self, &error);
    if (self->offspring.is_forked) {
        return false;
    }
    if (self->setup.dev) {
        dr_develop_tell(&self->develop);
    }
    if (err != DORA_OK) {
        report_failure(&error);
    }
    return err == DORA_OK;
}

/* die_with_zygote has the kernel end this process with its parent; it ends here where that has
 * ended already. Without the host's clean-up: before fork_child its locks are as the fork left
 * them. */
static void die_with_zygote(pid_t zygote_pid)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != zygote_pid) {
        _exit(1);
    }
}

static int load_and_report(zygote *self, pid_t zygote_pid)
{
    die_with_zygote(zygote_pid);
    if (has_loaded(self)) {
        dr_loaded_tell(self->runtime, &self->app, &self->setup);
    }
    return 0;
}

/* load_aside learns the names of an application that is loaded after the fork, in a child of its
 * own that then ends, as any process with this application does. Returns: true in the zygote. */
static bool load_aside(zygote *self, int *child_status)
{
    dora_error error = {0};
    int status = 0;
    const pid_t zygote_pid = getpid();
    dr_orphans_begin(&self->orphans, zygote_pid);
    dr_orphans_adopt();
    self->offspring.is_one_of_ours = true;
    const pid_t pid = fork();
    if (pid == 0) {
        *child_status = load_and_report(self, zygote_pid);
        return false;
    }
    self->offspring.is_one_of_ours = false;
    if (pid < 0) {
        dora_error_set(&error, DORA_EIO, "cannot fork: %s", strerror(errno));
        report_failure(&error);
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    dr_orphans_end(&self->orphans);
    if (status != 0) {
        dora_error_set(&error, DORA_ELOAD, "the process ended (%s %d) while it loaded %s",
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), self->target);
        report_failure(&error);
    }
    return status == 0;
}

/* start_worker loads what is not loaded yet, and runs the start hooks. */
static dora_err start_worker(zygote *self, int32_t number, dora_error *error)
{
    const dora_runtime *runtime = self->runtime;
    dr_worker *worker = &self->worker;
    dora_err err = self->setup.preload ? DORA_OK : load(self, error);
    if (err != DORA_OK) {
        return err;
    }
    worker->has_loop = dr_loaded_has_loop(runtime);
    if (worker->has_loop && worker->loop_fd < 0) {
        return dora_error_set(error, DORA_ELOAD,
                              "the application has handlers that wait on an event loop, and had "
                              "none when the server loaded it: reload the server");
    }
    return runtime->worker_start == NULL
               ? DORA_OK
               : runtime->worker_start(runtime->host, (uint32_t)number, error);
}

/* close_others closes what is the zygote's, and the descriptors that wake other workers: what a
 * worker does not have it cannot spoil. */
static void close_others(zygote *self)
{
    close(self->signal_fd);
    close_if(self->master_fd);
    close_if(self->context.log_fd);
    for (uint32_t i = 0; i < self->region.shape.workers; i++) {
        if (self->children[i].pid != 0) {
            close_if(self->children[i].loop_fd);
        }
    }
}

/* order is what the master asks a fork for. The descriptors are the worker's, but for `wake_fd`. */
typedef struct order {
    uint32_t slot;
    int32_t number;
    int log_fd;
    int loop_fd; /* -1: no event loop */
    int wake_fd; /* the other end of that: the zygote's */
} order;

/* have_offspring says what is the worker's alone; what it had to say of the zygote is gone. */
static void have_offspring(zygote *self, const order *given)
{
    dr_offspring *offspring = &self->offspring;
    offspring->fd_count = 0;
    dr_offspring_keep(offspring, DR_CONTROL_FD);
    dr_offspring_keep(offspring, self->region.fd);
    dr_offspring_keep(offspring, given->loop_fd);
    for (uint32_t i = 0; i < self->region.shape.reactors; i++) {
        dr_offspring_keep(offspring, self->event_fds[i]);
    }
    offspring->number = given->number;
    offspring->worker = &self->worker;
}

/* be_worker is the life of a forked worker, from its first instruction to its return. */
static int be_worker(zygote *self, const order *given, pid_t zygote_pid)
{
    const dora_runtime *runtime = self->runtime;
    die_with_zygote(zygote_pid);
    close_others(self);
    close_if(given->wake_fd);
    (void)dup3(given->log_fd, DR_CONTROL_FD, O_CLOEXEC); /* a worker's own line to the master */
    close(given->log_fd);
    self->context.log_fd = DR_CONTROL_FD;
    dr_output_own();
    dr_quiet_again(&self->quiet);
    dr_memory_limit_watch(&self->region.workers[given->slot]);
    restore_signals();
    have_offspring(self, given);
    (void)madvise(self->region.base, self->region.shape.total_bytes, MADV_DONTFORK);
    dr_title_set("dora: worker %s %d", self->setup.pool, given->number);
    if (runtime->fork_child != NULL) {
        runtime->fork_child(runtime->host);
    }
    self->worker = (dr_worker){.runtime = runtime,
                               .app = &self->app,
                               .region = &self->region,
                               .slot = given->slot,
                               .reply_bytes_max = self->setup.reply_bytes_max,
                               .event_fds = self->event_fds,
                               .loop_fd = given->loop_fd,
                               .concurrency = self->setup.concurrency,
                               .threads = self->setup.threads,
                               .time_limit_ms = self->setup.time_limit_ms,
                               .accepted_limit_ms = self->setup.accepted_limit_ms,
                               .has_memory_limit = self->setup.memory_hard_mb != 0,
                               .kill_after_ms = self->setup.kill_after_ms,
                               .names_growth = true,
                               .develop = self->setup.dev ? &self->develop : NULL};
    dr_context_enter(&self->context, self->region.status_page, (uint32_t)given->number,
                     &self->worker.requests, &self->worker.job);
    dr_heed_begin(&self->worker);
    dora_error error = {0};
    const dora_err started = start_worker(self, given->number, &error);
    if (self->worker.is_forked) {
        return 0;
    }
    if (self->setup.dev) {
        self->develop.is_worker = true;
        dr_develop_tell(&self->develop);
    }
    if (started != DORA_OK) {
        (void)dr_log_packet_say(DR_CONTROL_FD, DR_PACKET_NOT_STARTED, error.msg, strlen(error.msg));
        return 1;
    }
    die_with_zygote(zygote_pid); /* a hook that changed the user has undone it */
    if (!dr_log_packet_say(DR_CONTROL_FD, DR_PACKET_READY, NULL, 0)) {
        return 1; /* nobody waits for it any more */
    }
    dr_worker_run(&self->worker);
    if (runtime->worker_stop != NULL && !self->worker.is_forked) {
        runtime->worker_stop(runtime->host);
    }
    return 0;
}

/* forget frees a child's place. */
static void forget(zygote *self, child *one)
{
    close_if(one->loop_fd);
    one->pid = 0;
    self->child_count--;
}

/* fork_worker makes a worker. Returns: true in the worker, whose status is then in `*status`.
 * Ownership: takes the descriptors. */
static bool fork_worker(zygote *self, const order *given, int *status)
{
    const dora_runtime *runtime = self->runtime;
    const pid_t zygote_pid = getpid();
    if (runtime->fork_before != NULL) {
        runtime->fork_before(runtime->host);
    }
    self->offspring.is_one_of_ours = true;
    const pid_t pid = fork();
    if (pid == 0) {
        *status = be_worker(self, given, zygote_pid);
        return true;
    }
    self->offspring.is_one_of_ours = false;
    const char *text = strerror(errno);
    if (runtime->fork_parent != NULL) {
        runtime->fork_parent(runtime->host);
    }
    close_if(given->log_fd);
    close_if(given->loop_fd);
    if (pid < 0) {
        dr_zygote_say(DR_CONTROL_NOT_STARTED, given->slot, 0, 0, text, strlen(text));
        close_if(given->wake_fd);
        return false;
    }
    self->children[given->slot] = (child){pid, given->wake_fd};
    self->child_count++;
    /* Not reaped before this: the descriptor cannot mean another process. */
    const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    const dr_control_head head = {.kind = DR_CONTROL_FORKED, .slot = given->slot, .pid = pid};
    (void)dr_control_send(DR_CONTROL_FD, &head, NULL, 0, &pidfd, pidfd < 0 ? 0 : 1);
    close_if(pidfd);
    return false;
}

/* reap takes notice of workers that have ended, and of what those left behind that have. */
static void reap(zygote *self)
{
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        for (uint32_t i = 0; i < self->region.shape.workers; i++) {
            if (self->children[i].pid == ended) {
                forget(self, &self->children[i]);
                dr_zygote_say(DR_CONTROL_EXITED, i, ended, status, NULL, 0);
                break;
            }
        }
    }
}

/* stop lets the workers leave, and ends those that do not. */
static void stop(zygote *self)
{
    const uint64_t end_ms = dr_clock_ms() + DR_ZYGOTE_GRACE_MS;
    reap(self); /* the slots of the dead may be others' by now */
    for (uint32_t i = 0; i < self->region.shape.workers; i++) {
        if (self->children[i].pid != 0) {
            atomic_store(&self->region.workers[i].stop, 1);
            (void)dr_wake_worker(&self->region.workers[i], self->children[i].loop_fd);
        }
    }
    reap(self);
    while (self->child_count > 0 && dr_clock_ms() < end_ms) {
        struct pollfd watched = {.fd = self->signal_fd, .events = POLLIN};
        (void)poll(&watched, 1, 100);
        struct signalfd_siginfo info;
        (void)!read(self->signal_fd, &info, sizeof(info));
        reap(self);
    }
    for (uint32_t i = 0; i < self->region.shape.workers; i++) {
        if (self->children[i].pid != 0) {
            (void)kill(self->children[i].pid, SIGKILL);
            (void)waitpid(self->children[i].pid, NULL, 0);
        }
    }
    dr_orphans_end(&self->orphans);
}

/* obey does what the master says. Returns: true in a forked worker. */
static bool obey(zygote *self, int *status)
{
    dr_control_message *message = &self->message;
    const dr_control_head *head = &message->head;
    if (head->kind == DR_CONTROL_PING) {
        dr_zygote_say(DR_CONTROL_PONG, 0, 0, 0, NULL, 0);
    } else if (head->kind == DR_CONTROL_FORK && head->slot < self->region.shape.workers) {
        order given = {.slot = head->slot, .number = head->number};
        given.log_fd = dr_control_fd(message);
        given.loop_fd = dr_control_fd(message);
        given.wake_fd = dr_control_fd(message);
        return fork_worker(self, &given, status);
    }
    dr_control_close(message);
    return false;
}

/* watch serves the master until it is gone or says stop. Returns: true in a forked worker. */
static bool watch(zygote *self, int *status)
{
    for (;;) {
        struct pollfd watched[3] = {{.fd = DR_CONTROL_FD, .events = POLLIN},
                                    {.fd = self->signal_fd, .events = POLLIN},
                                    {.fd = self->master_fd, .events = POLLIN}};
        if (poll(watched, 3, -1) < 0 && errno != EINTR) {
            return false;
        }
        if ((watched[1].revents & POLLIN) != 0) {
            struct signalfd_siginfo info;
            (void)!read(self->signal_fd, &info, sizeof(info));
            reap(self);
        }
        if (watched[2].revents != 0) {
            return false;
        }
        if (watched[0].revents == 0) {
            continue;
        }
        if (dr_control_receive(DR_CONTROL_FD, &self->message) != DORA_OK ||
            self->message.head.kind == DR_CONTROL_STOP) {
            return false;
        }
        if (obey(self, status)) {
            return true;
        }
    }
}

/* can_share says whether workers can be forked with what the application has after loading; else
 * the master is told what they cannot share. */
static bool can_share(zygote *self)
{
    char text[DR_UNSHARED_TEXT_MAX];
    const dr_unshared_known known = {.own = self->offspring.fds, .count = self->offspring.fd_count};
    self->offspring.is_one_of_ours = true;
    const size_t len = dr_unshared_find(&known, text);
    self->offspring.is_one_of_ours = false;
    if (len > 0) {
        dr_zygote_say(DR_CONTROL_UNSHARED, 0, 0, dr_thread_count(), text, len);
    }
    return len == 0;
}

/* prepare loads the application, here or aside. Returns: false when the process should end, with
 * `*status`. */
static bool prepare(zygote *self, int *status)
{
    dora_error error = {0};
    if (take_setup(self, &error) != DORA_OK) {
        report_failure(&error);
        return false;
    }
    dr_title_set("dora: zygote %s", self->setup.pool);
    memcpy(self->offspring.pool, self->setup.pool, sizeof(self->offspring.pool));
    if (self->setup.is_c) {
        self->runtime = dr_runtime_c();
    }
    if (self->runtime == NULL) {
        const char *text = "this program runs applications in C only";
        dr_zygote_say(DR_CONTROL_FAILED, 0, 0, 0, text, strlen(text));
        return false;
    }
    self->develop = (dr_develop){.runtime = self->runtime, .quiet = &self->quiet};
    self->children = calloc(self->region.shape.workers, sizeof(*self->children));
    if (self->children == NULL) {
        return false;
    }
    if (!self->setup.preload) {
        return load_aside(self, status);
    }
    if (!has_loaded(self) || !can_share(self)) {
        return false;
    }
    dr_loaded_tell(self->runtime, &self->app, &self->setup);
    return true;
}

int dora_zygote_run(const dora_runtime *runtime)
{
    static const dr_sized type = DR_SIZED(dora_runtime, run_loop);
    int status = 0;
    dora_runtime room;
    dora_error error;
    const void *taken = runtime;
    if (runtime != NULL && dr_sized_take(&type, &taken, &room, &error) != DORA_OK) {
        fprintf(stderr, "dora: %s\n", error.msg);
        return 1;
    }
    runtime = taken;
    zygote *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return 1;
    }
    self->runtime = runtime;
    dr_quiet_begin(&self->quiet, runtime != NULL && runtime->resumes_sleep);
    self->offspring = (dr_offspring){.quiet = &self->quiet, .region = &self->region};
    dr_offspring_keep(&self->offspring, DR_CONTROL_FD);
    dr_offspring_watch(&self->offspring);
    (void)fcntl(DR_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    (void)unsetenv(DORA_ZYGOTE_ENV); /* what the application starts is no zygote */
    dr_deserted_begin();
    char hello[256];
    const int hello_len =
        snprintf(hello, sizeof(hello), "%s\n%s %s", DORA_VERSION,
                 runtime == NULL ? "c" : runtime->name, runtime == NULL ? "" : runtime->version);
    dr_zygote_say(DR_CONTROL_HELLO, 0, getpid(), (int32_t)DR_REGION_LAYOUT, hello,
                  (size_t)hello_len);
    if (!prepare(self, &status)) {
        return status; /* the host may still run the application's clean-up, which may fork */
    }
    dr_orphans_begin(&self->orphans, getpid());
    dr_orphans_adopt();
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, children could not be waited for */
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &watched, NULL);
    self->master_fd = open_master();
    self->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    dr_deserted_end(); /* from here the closed socket says it, gently */
    if (!watch(self, &status)) {
        stop(self);
    }
    /* The application and its region stay: the host may still run its own clean-up with them. */
    return status;
}
