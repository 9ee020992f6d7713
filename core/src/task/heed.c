/* heed.c: what a worker is asked while it runs a handler: the signal that asks, what a handler sees
 * of it, and what its caller is told. */
#include "task/heed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "task/limit.h"

/* A signal handler takes no argument. */
static dr_worker *current;
static pid_t thread;
static uint32_t heeded; /* of the worker's interrupts: so many were told to the language */

static dr_shared_worker *shared_of(const dr_worker *worker)
{
    return &worker->region->workers[worker->slot];
}

/* on_signal tells the language, in the thread that runs handlers: what that waits for returns. */
static void on_signal(int number)
{
    const dr_worker *worker = current;
    const int saved = errno;
    if (worker->is_forked) {
        return;
    }
    if ((pid_t)syscall(SYS_gettid) != thread) {
        (void)syscall(SYS_tgkill, getpid(), thread, number);
    } else {
        const uint32_t asked =
            atomic_load_explicit(&shared_of(worker)->interrupts, memory_order_acquire);
        const bool is_again = asked == heeded;
        heeded = asked;
        if (worker->runtime->interrupt != NULL) {
            worker->runtime->interrupt(worker->runtime->host, is_again);
        }
    }
    errno = saved;
}

void dr_heed_begin(dr_worker *worker)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits return */
    sigemptyset(&action.sa_mask);
    current = worker;
    thread = (pid_t)syscall(SYS_gettid);
    heeded = atomic_load(&shared_of(worker)->interrupts);
    (void)sigaction(DORA_INTERRUPT_SIGNAL, &action, NULL);
}

dora_slice dr_heed_stack(const dr_worker *worker)
{
    const dr_shared_stack *stack = &worker->region->stacks[worker->slot];
    const uint32_t len = atomic_load_explicit(&stack->len, memory_order_acquire);
    const bool is_new = worker->stack_of == atomic_load(&shared_of(worker)->interrupts);
    return (dora_slice){stack->text, is_new && len <= sizeof(stack->text) ? len : 0};
}

void dora_stack_put(const char *text, size_t len)
{
    dr_worker *worker = current;
    if (worker == NULL || worker->is_forked) {
        return;
    }
    dr_shared_stack *stack = &worker->region->stacks[worker->slot];
    const size_t kept = len < sizeof(stack->text) ? len : sizeof(stack->text);
    memcpy(stack->text, text, kept);
    worker->stack_of = atomic_load(&shared_of(worker)->interrupts);
    atomic_store_explicit(&stack->len, (uint32_t)kept, memory_order_release);
    atomic_fetch_add_explicit(&stack->count, 1, memory_order_release);
}

/* ---- what handlers see ---- */

dora_interrupt dora_request_interrupt(const dora_request *request)
{
    return request->job != NULL ? (dora_interrupt)dr_job_interrupt(request->job)
                                : DORA_INTERRUPT_NONE;
}

bool dora_request_is_cancelled(const dora_request *request)
{
    return dora_request_interrupt(request) != DORA_INTERRUPT_NONE;
}

bool dora_worker_has_interrupts(dora_worker *worker)
{
    const uint32_t now = atomic_load_explicit(&shared_of(worker)->interrupts, memory_order_acquire);
    const bool is_new = now != worker->interrupts_seen;
    worker->interrupts_seen = now;
    return is_new;
}

uint32_t dora_worker_kill_after_ms(const dora_worker *worker)
{
    return worker->kill_after_ms;
}

/* ---- what its caller is told ---- */

/* behind_last gives what stands behind the last of a byte in a text, all of it where that has none.
 */
static dora_slice behind_last(dora_slice text, char byte)
{
    const char *last = memrchr(text.data, byte, text.len);
    const size_t skipped = last != NULL ? (size_t)(last + 1 - text.data) : 0;
    return (dora_slice){text.data + skipped, text.len - skipped};
}

size_t dr_interrupt_text(dora_slice name, uint32_t own_limit_ms, dr_interrupt why, dora_slice at,
                         char *text, size_t size)
{
    size_t len;
    if (why == DR_INTERRUPT_TIME_LIMIT && own_limit_ms != 0) {
        len = dr_limit_overran(name, own_limit_ms, text, size);
    } else {
        (void)snprintf(text, size, "%s%s", dora_code_text(dr_interrupt_code(why)),
                       why == DR_INTERRUPT_STOP ? ": the server stops" : "");
        len = strlen(text);
    }
    at = at.len > 0 ? behind_last(at, '/') : at; /* its folders are nobody else's business */
    if (at.len > 0 && len < size) {
        (void)snprintf(text + len, size - len, "; it was at %.*s", (int)at.len, at.data);
        len += strlen(text + len);
    }
    return len;
}

void dr_interrupt_reply(dora_reply *reply, dora_slice name, uint32_t own_limit_ms, dr_interrupt why,
                        dora_slice at)
{
    char text[DORA_INTERRUPT_TEXT_BYTES];
    const size_t len = dr_interrupt_text(name, own_limit_ms, why, at, text, sizeof(text));
    dr_reply_set_error(reply, dr_interrupt_code(why), text, len);
}

/* reply_of makes a job's reply say why it was interrupted, and where. */
static dora_err reply_of(const dr_job *job, dora_reply *reply)
{
    const dr_interrupt why = dr_job_interrupt(job);
    if (why == DR_INTERRUPT_NONE) {
        return DORA_OK;
    }
    /* On an event loop it may have been at another one's. */
    const dora_slice stack =
        job->worker->has_loop ? (dora_slice){"", 0} : dr_heed_stack(job->worker);
    const char *end = stack.len > 0 ? memchr(stack.data, '\n', stack.len) : NULL;
    const dora_slice at = {stack.data, end != NULL ? (size_t)(end - stack.data) : stack.len};
    dr_interrupt_reply(reply, job->request.name, job->about->own_limit_ms, why, at);
    return DORA_EHANDLER;
}

dora_err dora_reply_interrupted(const dora_request *request, dora_reply *reply)
{
    return request->job != NULL ? reply_of(request->job, reply) : DORA_OK;
}

size_t dora_interrupt_text(const dora_request *request, char *text, size_t size)
{
    const dr_interrupt why = (dr_interrupt)dora_request_interrupt(request);
    static const dora_slice nowhere = {"", 0};
    return why == DR_INTERRUPT_NONE
               ? 0
               : dr_interrupt_text(request->name, request->job->about->own_limit_ms, why, nowhere,
                                   text, size);
}

dora_interrupt dora_task_interrupt(const dora_task *task)
{
    return (dora_interrupt)dr_job_interrupt(task);
}
