/* zygote.c: load the application once, then fork a worker whenever the master asks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "base/threads.h"
#include "base/title.h"
#include "ipc/control.h"
#include "ipc/wake.h"
#include "task/context.h"
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
    dr_worker worker; /* this process, in a forked one; handlers' threads may outlive its loop */
    child *children;  /* one place for each slot; pid 0: free */
    uint32_t child_count;
    int signal_fd;
    dr_control_message message; /* large: not on the stack of a forked worker */
} zygote;

bool dora_is_zygote(void)
{
    return getenv(DORA_ZYGOTE_ENV) != NULL;
}

static void say(dr_control_kind kind, uint32_t slot, int32_t pid, int32_t number, const char *text,
                size_t text_len)
{
    const dr_control_head head = {
        .kind = (uint32_t)kind, .slot = slot, .pid = pid, .number = number};
    (void)dr_control_send(DR_CONTROL_FD, &head, text, text_len, NULL, 0);
}

static void do_nothing(int number)
{
    (void)number;
}

static void ignore_with(void (*handler)(int))
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        (void)sigaction(ignored[i], &action, NULL);
    }
}

static void restore_default(void)
{
    ignore_with(SIG_DFL);
}

/* ignore_signals leaves the master to decide: Ctrl-C goes to everybody. SIG_IGN would be inherited
 * by programs that an application starts, which could then not be ended; a handler that does
 * nothing cuts sleeps short, unless the runtime goes on with them. */
static void ignore_signals(const dora_runtime *runtime)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (runtime != NULL && runtime->resumes_sleep) {
        ignore_with(do_nothing);
    } else {
        ignore_with(SIG_IGN);
        (void)pthread_atfork(NULL, NULL, restore_default);
    }
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
    return DORA_OK;
}

static void report_failure(const dora_error *error)
{
    say(DR_CONTROL_FAILED, 0, 0, 0, error->msg, strlen(error->msg));
}

/* has_loop says whether workers of the loaded application run an event loop. */
static bool has_loop(const zygote *self)
{
    const dora_runtime *runtime = self->runtime;
    return runtime->run_loop != NULL &&
           (self->setup.concurrency > 1 || runtime->wants_loop(runtime->host));
}

/* say_concurrency tells what the operator may not have meant. */
static void say_concurrency(const zygote *self)
{
    const dora_runtime *runtime = self->runtime;
    const bool is_one = self->setup.concurrency == 1;
    if (runtime->run_loop == NULL || runtime->wants_loop(runtime->host) != is_one) {
        return;
    }
    const char *text = is_one ? "some handlers wait on an event loop, and concurrency is 1: each "
                                "worker runs one call at a time"
                              : "concurrency is above 1, and no handler waits on an event loop: "
                                "each worker runs one call at a time all the same";
    (void)dora_log(DORA_LOG_NOTICE, NULL, NULL, 0, text, strlen(text));
}

static void report_names(const zygote *self)
{
    say_concurrency(self);
    for (uint32_t i = 0; i < self->app.count; i++) {
        say(DR_CONTROL_NAME, 0, 0, 0, self->app.entries[i].name, self->app.entries[i].name_len);
    }
    if (self->app.has_fallback) {
        say(DR_CONTROL_NAME, 0, 0, 0, "", 0);
    }
    say(DR_CONTROL_LOADED, 0, 0, has_loop(self), NULL, 0);
}

static void restore_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int load_and_report(zygote *self, pid_t zygote_pid)
{
    dora_error error = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != zygote_pid) {
        return 1;
    }
    if (load(self, &error) != DORA_OK) {
        report_failure(&error);
    } else {
        report_names(self);
    }
    return 0;
}

/* load_aside learns the names of an application that is loaded after the fork, in a child of its
 * own that then ends. */
static bool load_aside(zygote *self)
{
    dora_error error = {0};
    int status = 0;
    const pid_t zygote_pid = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(load_and_report(self, zygote_pid));
    }
    if (pid < 0) {
        dora_error_set(&error, DORA_EIO, "cannot fork: %s", strerror(errno));
        report_failure(&error);
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
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
    worker->has_loop = has_loop(self);
    if (worker->has_loop && worker->loop_fd < 0) {
        return dora_error_set(error, DORA_ELOAD,
                              "the application has handlers that wait on an event loop, and had "
                              "none when the server loaded it: reload the server");
    }
    return runtime->worker_start == NULL
               ? DORA_OK
               : runtime->worker_start(runtime->host, (uint32_t)number, error);
}

/* close_others closes the event descriptors of the other workers. */
static void close_others(const zygote *self)
{
    for (uint32_t i = 0; i < self->region.shape.workers; i++) {
        if (self->children[i].pid != 0 && self->children[i].loop_fd >= 0) {
            close(self->children[i].loop_fd);
        }
    }
}

/* be_worker is the life of a forked worker, from its first instruction to its return. */
static int be_worker(zygote *self, uint32_t slot, int32_t number, int loop_fd, pid_t zygote_pid)
{
    const dora_runtime *runtime = self->runtime;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != zygote_pid) {
        return 1;
    }
    close(self->signal_fd);
    close_others(self);
    ignore_with(runtime->resumes_sleep ? do_nothing : SIG_IGN);
    restore_signals();
    (void)madvise(self->region.base, self->region.shape.total_bytes, MADV_DONTFORK);
    dr_title_set("dora: worker %s %d", self->setup.pool, number);
    if (runtime->fork_child != NULL) {
        runtime->fork_child(runtime->host);
    }
    self->worker = (dr_worker){.runtime = runtime,
                               .app = &self->app,
                               .region = &self->region,
                               .slot = slot,
                               .reply_bytes_max = self->setup.reply_bytes_max,
                               .event_fds = self->event_fds,
                               .loop_fd = loop_fd,
                               .concurrency = self->setup.concurrency,
                               .time_limit_ms = self->setup.time_limit_ms,
                               .accepted_limit_ms = self->setup.accepted_limit_ms};
    dr_context_enter(&self->context, self->region.board, (uint32_t)number, &self->worker.requests);
    dora_error error = {0};
    if (start_worker(self, number, &error) != DORA_OK) {
        say(DR_CONTROL_NOT_STARTED, slot, getpid(), 0, error.msg, strlen(error.msg));
        return 1;
    }
    say(DR_CONTROL_READY, slot, getpid(), 0, NULL, 0);
    close(DR_CONTROL_FD);
    dr_worker_run(&self->worker);
    if (runtime->worker_stop != NULL) {
        runtime->worker_stop(runtime->host);
    }
    return 0;
}

/* forget frees a child's place. */
static void forget(zygote *self, child *one)
{
    if (one->loop_fd >= 0) {
        close(one->loop_fd);
    }
    one->pid = 0;
    self->child_count--;
}

/* fork_worker makes a worker. Returns: true in the worker, whose status is then in `*status`.
 * Ownership: takes `loop_fd`. */
static bool fork_worker(zygote *self, uint32_t slot, int32_t number, int loop_fd, int *status)
{
    const dora_runtime *runtime = self->runtime;
    const pid_t zygote_pid = getpid();
    if (runtime->fork_before != NULL) {
        runtime->fork_before(runtime->host);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        *status = be_worker(self, slot, number, loop_fd, zygote_pid);
        return true;
    }
    if (runtime->fork_parent != NULL) {
        runtime->fork_parent(runtime->host);
    }
    if (pid < 0) {
        const char *text = strerror(errno);
        say(DR_CONTROL_NOT_STARTED, slot, 0, 0, text, strlen(text));
        if (loop_fd >= 0) {
            close(loop_fd);
        }
        return false;
    }
    self->children[slot] = (child){pid, loop_fd};
    self->child_count++;
    /* Not reaped before this: the descriptor cannot mean another process. */
    const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    const dr_control_head head = {.kind = DR_CONTROL_FORKED, .slot = slot, .pid = pid};
    (void)dr_control_send(DR_CONTROL_FD, &head, NULL, 0, &pidfd, pidfd < 0 ? 0 : 1);
    if (pidfd >= 0) {
        close(pidfd);
    }
    return false;
}

static void reap(zygote *self)
{
    for (uint32_t i = 0; i < self->region.shape.workers; i++) {
        int status = 0;
        const pid_t pid = self->children[i].pid;
        const pid_t ended = pid == 0 ? 0 : waitpid(pid, &status, WNOHANG);
        if (ended == pid && pid != 0) {
            forget(self, &self->children[i]);
            say(DR_CONTROL_EXITED, i, pid, status, NULL, 0);
        }
    }
}

/* stop lets the workers leave, and ends those that do not. */
static void stop(zygote *self)
{
    const uint64_t end_ms = dr_clock_ms() + DR_ZYGOTE_GRACE_MS;
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
}

/* watch serves the master until it is gone or says stop. Returns: true in a forked worker. */
static bool watch(zygote *self, int *status)
{
    for (;;) {
        struct pollfd watched[2] = {{.fd = DR_CONTROL_FD, .events = POLLIN},
                                    {.fd = self->signal_fd, .events = POLLIN}};
        if (poll(watched, 2, -1) < 0 && errno != EINTR) {
            return false;
        }
        if ((watched[1].revents & POLLIN) != 0) {
            struct signalfd_siginfo info;
            (void)!read(self->signal_fd, &info, sizeof(info));
            reap(self);
        }
        if (watched[0].revents == 0) {
            continue;
        }
        if (dr_control_receive(DR_CONTROL_FD, &self->message) != DORA_OK ||
            self->message.head.kind == DR_CONTROL_STOP) {
            return false;
        }
        const dr_control_head *head = &self->message.head;
        const int loop_fd = self->message.fd_count > 0 ? self->message.fds[0] : -1;
        if (head->kind == DR_CONTROL_FORK && head->slot < self->region.shape.workers &&
            fork_worker(self, head->slot, head->number, loop_fd, status)) {
            return true;
        }
    }
}

/* prepare loads the application, here or aside. Returns: false when the zygote should end. */
static bool prepare(zygote *self)
{
    dora_error error = {0};
    if (take_setup(self, &error) != DORA_OK) {
        report_failure(&error);
        return false;
    }
    dr_title_set("dora: zygote %s", self->setup.pool);
    if (self->setup.is_c) {
        self->runtime = dr_runtime_c();
    }
    if (self->runtime == NULL) {
        const char *text = "this program runs applications in C only";
        say(DR_CONTROL_FAILED, 0, 0, 0, text, strlen(text));
        return false;
    }
    self->children = calloc(self->region.shape.workers, sizeof(*self->children));
    if (self->children == NULL) {
        return false;
    }
    if (!self->setup.preload) {
        return load_aside(self);
    }
    if (load(self, &error) != DORA_OK) {
        report_failure(&error);
        return false;
    }
    const int threads = dr_thread_count();
    if (threads > 1) {
        say(DR_CONTROL_THREADS, 0, 0, threads, NULL, 0);
        return false;
    }
    report_names(self);
    return true;
}

int dora_zygote_run(const dora_runtime *runtime)
{
    int status = 0;
    zygote *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return 1;
    }
    self->runtime = runtime;
    ignore_signals(runtime);
    (void)fcntl(DR_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    (void)unsetenv(DORA_ZYGOTE_ENV); /* what the application starts is no zygote */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    char hello[256];
    const int hello_len =
        snprintf(hello, sizeof(hello), "%s\n%s %s", DORA_VERSION,
                 runtime == NULL ? "c" : runtime->name, runtime == NULL ? "" : runtime->version);
    say(DR_CONTROL_HELLO, 0, getpid(), (int32_t)DR_REGION_LAYOUT, hello, (size_t)hello_len);
    if (!prepare(self)) {
        dr_context_set(NULL);
        free(self->children);
        free(self);
        return 0;
    }
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, children could not be waited for */
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &watched, NULL);
    self->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0); /* from here the closed socket says it, gently */
    if (!watch(self, &status)) {
        stop(self);
    }
    /* The application and its region stay: the host may still run its own clean-up with them. */
    return status;
}
