/* runtime.h: how a language plugs in. A binding fills one dora_runtime and calls dora_zygote_run;
 * everything else (tasks, forks, replies) is the core's. */
#ifndef DORA_RUNTIME_H
#define DORA_RUNTIME_H

#include <dora/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* DORA_ZYGOTE_ENV is set (to the control descriptor's number) in a process that was started to be
 * a zygote. A binding's run() looks at it by dora_is_zygote(). */
#define DORA_ZYGOTE_ENV "DORA_ZYGOTE"

/* dora_worker is a worker that is driven by an event loop, dora_task a call that it runs. */
typedef struct dora_worker dora_worker;
typedef struct dora_task dora_task;

/* dora_runtime is a language's callbacks; `host` is the first argument of each. All run on the
 * zygote's (after the fork: the worker's) only thread. Members marked "may be NULL" may be. */
typedef struct dora_runtime {
    size_t size;         /* see version.h */
    const char *name;    /* "python", "php", "c" */
    const char *version; /* the interpreter's, for messages: "3.11.2" */
    void *host;
    /* resumes_sleep: a sleep or wait that a signal handler interrupted goes on by itself (Python
     * since PEP 475). Otherwise workers ignore the signals that stop a server. */
    bool resumes_sleep;

    /* load runs the application and registers its handlers by dora_app_handler. `target` is what
     * the configuration has as `app`: a file or module:attr. Errors: DORA_ELOAD, the traceback in
     * `error`. */
    dora_err (*load)(void *host, dora_app *app, const char *target, dora_error *error);

    /* files tells the paths of the files that the application consists of and that were not told
     * yet, as far as they are loaded, or were to be when loading failed. May be NULL. */
    void (*files)(void *host, void (*tell)(void *user, const char *path), void *user);

    /* fork_before, fork_parent and fork_child stand around fork(). May be NULL. */
    void (*fork_before)(void *host);
    void (*fork_parent)(void *host);
    void (*fork_child)(void *host);

    /* worker_start runs the application's start hooks in a new worker; worker_stop its stop hooks
     * in a worker that leaves. May be NULL. */
    dora_err (*worker_start)(void *host, uint32_t worker, dora_error *error);
    void (*worker_stop)(void *host);

    /* invoke calls `handler` (as given to dora_app_handler). It writes one value to
     * dora_reply_writer(reply), or calls dora_reply_fail or dora_reply_died.
     * Returns: DORA_OK or DORA_EHANDLER; DORA_EEXIT: the reply goes out, then the worker exits. */
    dora_err (*invoke)(void *host, void *handler, const dora_request *request, dora_reply *reply);

    /* between runs after each reply has been handed over, outside the caller's waiting time: what
     * belongs to one task is reset here. Returns DORA_EEXIT to make the worker leave.
     * May be NULL. */
    dora_err (*between)(void *host);

    /* sleep_begin and sleep_end stand around every wait of the worker, so that a host with a
     * global lock can give it up. May be NULL. */
    void (*sleep_begin)(void *host);
    void (*sleep_end)(void *host);

    /* wants_loop says of a loaded application whether it has handlers that wait on an event loop.
     * run_loop is then the worker's life from worker_start to worker_stop, in place of `invoke` and
     * the three callbacks after it. May be NULL, both. */
    bool (*wants_loop)(void *host);
    void (*run_loop)(void *host, dora_worker *worker);

    /* interrupt has the language look soon whether what it runs should end (dora_request_interrupt,
     * dora_task_interrupt), and raise there what ends it; it may be that nothing should by then.
     * `is_again`: it was asked before, and has not said by dora_stack_put where it is. Called in
     * a signal handler, on the thread of the others: what is not safe there is not to be done. What
     * that thread waits for returns with EINTR. May be NULL. */
    void (*interrupt)(void *host, bool is_again);

    /* bytes_in_use is the memory that the host's own allocator has handed out and not got back,
     * beside malloc's: looked at between two tasks, so that an api that leaks has a name. May be
     * NULL. */
    uint64_t (*bytes_in_use)(void *host);
} dora_runtime;

/* A worker with an event loop. The loop watches dora_worker_fd for reading. When that is readable
 * it calls dora_worker_wake, then takes tasks until there is none, then dora_worker_sleep; where
 * that returns false, there is something to do after all and no wake-up will come: it takes again.
 * It also takes again after a task is done. All of it on the thread of run_loop.
 *
 * dora_worker_take claims the next task. Returns: NULL when there is none, or as many run as may
 * (`concurrency`). Ownership: lent until dora_task_done, which the runtime calls once for each, in
 * any order, before or after other tasks are taken; err is as `invoke` returns it.
 * dora_task_handler is what was registered for its name. */
DORA_API int dora_worker_fd(const dora_worker *worker);
DORA_API void dora_worker_wake(dora_worker *worker);
DORA_API dora_task *dora_worker_take(dora_worker *worker);
DORA_API bool dora_worker_sleep(dora_worker *worker);
DORA_API void *dora_task_handler(const dora_task *task);
DORA_API const dora_request *dora_task_request(const dora_task *task);
DORA_API dora_reply *dora_task_reply(dora_task *task);
DORA_API void dora_task_done(dora_task *task, dora_err err);

/* dora_worker_has_interrupts says whether tasks were asked to end since it was asked last; then
 * dora_task_interrupt says it of each task, and why. The runtime answers such a one by
 * dora_task_interrupted, which says where it was (as dora_stack_put takes it) to its caller and to
 * the log and returns DORA_EHANDLER, and ends it; where the loop does not turn for kill_after_ms
 * (dora_worker_kill_after_ms, a second where that is 0), the worker is killed. */
DORA_API bool dora_worker_has_interrupts(dora_worker *worker);
DORA_API dora_interrupt dora_task_interrupt(const dora_task *task);
DORA_API dora_err dora_task_interrupted(dora_task *task, dora_interrupt why, const char *stack,
                                        size_t stack_len);
DORA_API uint32_t dora_worker_kill_after_ms(const dora_worker *worker);

/* dora_worker_is_told says whether the worker should leave: what it has taken is to be finished, or
 * given up within 3 seconds. dora_worker_running is how many tasks are not answered yet, those too
 * whose reply waits for room: run_loop returns when there is none.
 * dora_worker_leave makes dora_worker_take give no more: the worker ends by itself, and what it has
 * not taken goes to others.
 * dora_worker_renew asks for another worker in this one's place, since something goes on in it that
 * should have ended: it takes tasks until that one is ready.
 * dora_task_limit_ms is how long a task may run, 0: as long as it likes: what its api has itself
 * (dora_app_time_limit), else its pool's, which does not count for accepted work unless it was
 * asked for. The runtime answers one that is past it by dora_task_overran and ends it; where the
 * loop does not turn for a second more, the worker is killed. dora_task_has_limit says whether
 * there is one, dora_worker_time_limit_ms is the pool's. */
DORA_API bool dora_worker_is_told(dora_worker *worker);
DORA_API void dora_worker_leave(dora_worker *worker);
DORA_API void dora_worker_renew(dora_worker *worker);
DORA_API uint32_t dora_worker_running(const dora_worker *worker);
DORA_API uint32_t dora_worker_time_limit_ms(const dora_worker *worker);
DORA_API uint32_t dora_task_limit_ms(const dora_task *task);
DORA_API bool dora_task_has_limit(const dora_task *task);
DORA_API dora_err dora_task_overran(dora_task *task);

/* dora_worker_roomy gives a task whose dora_reply_part had no room (DORA_EAGAIN) and has it now, or
 * whose caller has gone: call that again. NULL where there is none. The loop asks whenever it has
 * been woken, until there is none, before dora_worker_sleep. */
DORA_API dora_task *dora_worker_roomy(dora_worker *worker);

/* dora_task_wait says that a task that was taken waits for its turn within the runtime: its time
 * limit does not run. dora_task_begin ends that, on any thread, though not while others use the
 * worker. Returns: false where nobody waits for it any more: its reply says so, and
 * dora_task_done(task, DORA_EHANDLER) is what is left to do.
 * dora_worker_threads is how many of those that are no `async def` may run at a time. */
DORA_API void dora_task_wait(dora_task *task);
DORA_API bool dora_task_begin(dora_task *task);
DORA_API uint32_t dora_worker_threads(const dora_worker *worker);

/* dora_request_deadline_ns is until when the caller waits, by CLOCK_MONOTONIC; 0: it does not say.
 * dora_deadline_set makes calls of a dora_client on this thread end by then, 0: when they like.
 * The core does so around `invoke`; run_loop has to, around a task's turn. */
DORA_API uint64_t dora_request_deadline_ns(const dora_request *request);
DORA_API void dora_deadline_set(uint64_t deadline_ns);

/* dora_priority_set makes such calls have that priority where neither they nor their client have
 * one of their own; DORA_PRIORITY_DEFAULT: none. The core does so around `invoke`, too. */
DORA_API void dora_priority_set(dora_priority priority);

/* dora_trace_set makes calls of a dora_client on this thread continue the trace of a request, as
 * children of its handler's span; NULL: none. The trace is copied. As with dora_deadline_set, the
 * core does so around `invoke`. */
DORA_API void dora_trace_set(const dora_request *request);

/* dora_app_handler registers what `invoke` gets for `name`; an empty name is the fallback.
 * Ownership: the name is copied; `handler` is borrowed for the process's life.
 * Errors: DORA_EINVAL for a repeated name, a name over 255 bytes, with a NUL, or one that
 * ends in `*`. */
DORA_API dora_err dora_app_handler(dora_app *app, dora_slice name, void *handler);

/* dora_limit_of_seconds makes seconds, as a binding's api() takes them, what dora_app_time_limit
 * takes: at least 1 for more than nothing. Returns: -1 for what is no time limit: NaN, less than 0,
 * more than a day. */
DORA_API int64_t dora_limit_of_seconds(double seconds);

/* dora_reply_died answers 100200 with a message: for a handler that ended its process by a fatal
 * error or exit(). Returns DORA_EEXIT. */
DORA_API dora_err dora_reply_died(dora_reply *reply, const char *msg, size_t msg_len);

/* dora_reply_overran answers 100201: the handler ran past its time limit. dora_task_overran does so
 * and says which, where that is its api's own. Both return DORA_EHANDLER. */
DORA_API dora_err dora_reply_overran(dora_reply *reply);

/* dora_reply_interrupted answers for a handler that was asked to end: 100201 or 100211, by why it
 * was, and says where it was. Returns: DORA_EHANDLER; DORA_OK: it was not, and nothing is done. */
DORA_API dora_err dora_reply_interrupted(const dora_request *request, dora_reply *reply);

/* dora_interrupt_text writes why a handler was asked to end, as its caller is told, ended by a NUL:
 * for what is raised in it. Returns: its length; 0: it was not. */
#define DORA_INTERRUPT_TEXT_BYTES 1024
DORA_API size_t dora_interrupt_text(const dora_request *request, char *text, size_t size);

/* DORA_INTERRUPT_SIGNAL is how a worker is told to look: ignored where nobody has asked for it, as
 * by a program that a worker starts. Needs signal.h. */
#define DORA_INTERRUPT_SIGNAL SIGURG

/* DORA_STACK_BYTES is what is kept of what dora_stack_put is told: some forty calls. */
#define DORA_STACK_BYTES 4032

/* dora_stack_put says where the worker is: a line for each call, the innermost first, as
 * "FILE:LINE in FUNCTION"; the rest of a long text is left out. Thread: that of `invoke`, also in a
 * signal handler. Outside a worker nothing is done. */
DORA_API void dora_stack_put(const char *text, size_t len);

/* dora_reply_misfit answers 100210: the parameter has the wrong shape, and the handler did not run.
 * `msg` is its faults, "PATH: REASON; PATH: REASON", paths from `$` on; over HTTP they are a list.
 * A handler that has begun must not say so: it promises that none of it has run. Returns
 * DORA_EHANDLER. */
DORA_API dora_err dora_reply_misfit(dora_reply *reply, const char *msg, size_t msg_len);

/* dora_alone is a call without a server: what App.call() of a binding makes, for tests. The runtime
 * reads its request, calls the handler, writes its reply and ends it, as `invoke` does. */
typedef struct dora_alone dora_alone;
typedef struct dora_alone_call {
    size_t size; /* see version.h */
    dora_slice name;
    dora_slice param; /* one encoded value */
    dora_slice guid;  /* empty: a new one is made */
    dora_slice trace;
    const char *type;     /* "W_S", ...; NULL: that */
    const char *protocol; /* "tcp", "http"; NULL: the first */
    uint32_t connection;
    int64_t remaining_ms;   /* of the caller's time; below 0: none */
    size_t bytes_max;       /* of the result; 0: what a server's default is */
    dora_slice caller;      /* empty: none */
    dora_priority priority; /* DORA_PRIORITY_DEFAULT: normal */
} dora_alone_call;

/* dora_alone_new makes one; all is copied. Errors: DORA_ENOMEM; DORA_EINVAL for a name, guid, type,
 * protocol or priority that no server would have given. Ownership: gives; dora_alone_free frees.
 * dora_alone_end makes what `invoke` would have returned, and what was written, the outcome.
 * Returns: its code; `*out` is the data where it is 0, else the message: borrowed. */
DORA_API dora_err dora_alone_new(const dora_alone_call *asked, dora_alone **call,
                                 dora_error *error);

/* dora_alone_enter says for this thread whose call the handler answers, its deadline, priority and
 * trace, as the core does around `invoke`; dora_alone_leave makes all what they were: a handler may
 * make such a call itself. Thread: both on the same one, in pairs. */
DORA_API void dora_alone_enter(dora_alone *call);
DORA_API void dora_alone_leave(dora_alone *call);
DORA_API const dora_request *dora_alone_request(const dora_alone *call);
DORA_API dora_reply *dora_alone_reply(dora_alone *call);
DORA_API int64_t dora_alone_end(dora_alone *call, dora_err err, dora_slice *out);
DORA_API void dora_alone_free(dora_alone *call);

/* dora_log_within is dora_log in words of a request: its record has api, guid and trace. For those
 * that know what a thread works for; where a worker runs one task after the other dora_log knows it
 * itself. `request` NULL: nobody knows. Thread: any. */
DORA_API bool dora_log_within(const dora_request *request, int level, const char *tag,
                              const char *file, uint32_t line, const char *msg, size_t msg_len);

/* dora_fault is what went wrong in a handler. All bytes are borrowed; what is empty is not known.
 */
typedef struct dora_fault {
    size_t size;           /* see version.h */
    dora_slice class_name; /* of the exception */
    dora_slice msg;        /* one line; empty: the reply's */
    dora_slice traceback;
    uint32_t line; /* where it was raised, in `file` */
    dora_slice file;
} dora_fault;

/* dora_log_fault puts the one record of an error into the server's log: the fault, what was called
 * (api, guid, trace, times) and the code that `reply` has by now. `fault` may be NULL.
 * Results that cannot be sent and time limits are written by the core.
 * Returns: as dora_log. Thread: any. */
DORA_API bool dora_log_fault(const dora_request *request, dora_reply *reply,
                             const dora_fault *fault);

/* dora_request_keep copies what the log says of a call, for one that has its answer and still runs.
 * Returns: NULL without memory. Ownership: gives; dora_request_free frees, NULL is fine.
 * dora_log_late puts a record of such a one into the server's log: the fault, what was called and
 * the code that its caller got. Returns: as dora_log. Thread: any. */
DORA_API dora_request *dora_request_keep(const dora_request *request);
DORA_API void dora_request_free(dora_request *kept);
DORA_API bool dora_log_late(const dora_request *kept, int64_t code, const dora_fault *fault);

/* dora_title_again names the process once more as the core did, after something else named it. */
DORA_API void dora_title_again(void);

/* dora_is_zygote says whether this process was started to be a zygote. */
DORA_API bool dora_is_zygote(void);

/* dora_is_forked says whether the application has forked this process from a zygote or a worker. It
 * is an ordinary one then: where its handler, hook or file comes to an end, nothing is answered,
 * and dora_zygote_run comes back for the process to exit, with a status that is the runtime's to
 * say: 0, or what its language gives for an exception, or an exit, that nobody catches. */
DORA_API bool dora_is_forked(void);

/* dora_zygote_run is the whole life of a zygote, and of the workers it forks. It greets the master,
 * loads the application, forks workers when told to, and comes back when the master is gone or
 * stops it; in a worker it comes back when the worker must leave. The process should then exit
 * with the returned status, running its own clean-up. Where the master asks for a C application,
 * `runtime` is left alone and the core's own runtime is used.
 * `runtime` may be NULL for a process that only runs C applications. */
DORA_API int dora_zygote_run(const dora_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
