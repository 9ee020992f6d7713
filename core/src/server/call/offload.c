/* offload.c: heavy work on one body in libuv's thread pool: whose turn it is. */
#include "server/call/offload.h"

#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "server/call/answer.h"

#define UV_THREADS_DEFAULT 4 /* libuv's, where UV_THREADPOOL_SIZE does not say otherwise */

void dr_offloads_init(dr_offloads *offloads, uint32_t lanes)
{
    const char *text = getenv("UV_THREADPOOL_SIZE");
    const long threads = text != NULL ? strtol(text, NULL, 10) : UV_THREADS_DEFAULT;
    const long share = threads / (long)lanes;
    offloads->threads = share > 1 ? (uint32_t)share : 1;
}

/* The queues. A connection stands in one once, with its first job; the others hang behind it. */

static dr_offload **find(dr_offload_queue *queue, const dr_responder *responder)
{
    dr_offload **at = &queue->first;
    while (*at != NULL && !dr_responder_is_same(&(*at)->responder, responder)) {
        at = &(*at)->next;
    }
    return at;
}

/* enqueue puts a connection's jobs at the end. */
static void enqueue(dr_offload_queue *queue, dr_offload *jobs)
{
    jobs->next = NULL;
    *(queue->first != NULL ? &queue->last->next : &queue->first) = jobs;
    queue->last = jobs;
}

static void add(dr_offload_queue *queue, dr_offload *job)
{
    dr_offload *line = *find(queue, &job->responder);
    job->more = NULL;
    if (line == NULL) {
        enqueue(queue, job);
        return;
    }
    while (line->more != NULL) {
        line = line->more;
    }
    line->more = job;
}

/* take gives the job whose turn it is; its connection's next one goes to the end. */
static dr_offload *take(dr_offload_queue *queue)
{
    dr_offload *job = queue->first;
    queue->first = job->next;
    if (job->more != NULL) {
        enqueue(queue, job->more);
    }
    return job;
}

/* pick says which queue is next: small ones first, but each kind has one thread that the other may
 * not take. With one thread they alternate. Returns: NULL where nothing can run now. */
static dr_offload_queue *pick(dr_offloads *offloads)
{
    dr_offload_queue *small = &offloads->queues[0];
    dr_offload_queue *large = &offloads->queues[1];
    if (small->running + large->running >= offloads->threads) {
        return NULL;
    }
    const uint32_t most = offloads->threads > 1 ? offloads->threads - 1 : 1;
    const bool may_small = small->first != NULL && small->running < most;
    const bool may_large = large->first != NULL && large->running < most;
    if (may_small && (!may_large || offloads->threads > 1 || offloads->was_large)) {
        return small;
    }
    return may_large ? large : NULL;
}

static void start_next(dr_lane *lane);

static void work_here(void *argument)
{
    dr_offload *self = argument;
    self->work(self);
}

/* libuv's threads have the stack that the system gives; bodies may be nested deeply. */
static void work(uv_work_t *request)
{
    dr_thread_lend(work_here, request->data);
}

static void unlink_running(dr_offload *self)
{
    dr_offload **at = &self->responder.lane->offloads.running;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
}

/* drop ends what has no place in a queue, nor in the pool. */
static void drop(dr_offload *self)
{
    const dr_responder responder = self->responder;
    responder.lane->calls--;
    dr_responder_release(&responder);
    dr_responder_discharge(&responder, self->bytes);
    self->free(self);
}

static void on_done(uv_work_t *request, int status)
{
    (void)status; /* it is never cancelled */
    dr_offload *self = request->data;
    const dr_responder responder = self->responder;
    unlink_running(self);
    responder.lane->offloads.queues[self->is_large].running--;
    responder.lane->calls--;
    dr_responder_release(&responder);
    dr_responder_discharge(&responder, self->bytes);
    if (dr_responder_is_there(&responder)) {
        self->done(self);
        dr_responder_update(&responder);
    }
    self->free(self);
    start_next(responder.lane);
}

static void start_next(dr_lane *lane)
{
    dr_offloads *offloads = &lane->offloads;
    dr_offload_queue *queue;
    while ((queue = pick(offloads)) != NULL) {
        dr_offload *job = take(queue);
        offloads->waiting--;
        offloads->was_large = job->is_large;
        /* It fails only where there is no function. */
        (void)uv_queue_work(&lane->reactor.loop, &job->request, work, on_done);
        queue->running++;
        job->next = offloads->running;
        offloads->running = job;
    }
}

dora_err dr_offload_start(const dr_responder *responder, dr_offload *offload)
{
    dr_lane *lane = responder->lane;
    offload->responder = *responder;
    offload->request.data = offload;
    offload->is_large = offload->bytes > DR_ASIDE_SMALL_BYTES;
    if (lane->offloads.waiting == DR_ASIDES_MAX ||
        !dr_responder_charge(responder, offload->bytes)) {
        offload->free(offload);
        return DORA_ENOMEM;
    }
    lane->calls++;
    dr_responder_hold(responder);
    lane->offloads.waiting++;
    add(&lane->offloads.queues[offload->is_large], offload);
    start_next(lane);
    return DORA_OK;
}

void dr_offload_run(const dr_responder *responder, dr_offload *offload, bool is_large)
{
    if (!is_large) {
        offload->responder = *responder;
        offload->work(offload);
        offload->done(offload);
        offload->free(offload);
    } else if (dr_offload_start(responder, offload) != DORA_OK) {
        dr_answer_fail(responder);
    }
}

/* forget_waiting drops a connection's jobs that have not begun. */
static void forget_waiting(dr_offloads *offloads, dr_offload_queue *queue,
                           const dr_responder *responder)
{
    dr_offload **at = find(queue, responder);
    dr_offload *job = *at;
    if (job == NULL) {
        return;
    }
    *at = job->next;
    queue->last = queue->first;
    while (queue->last != NULL && queue->last->next != NULL) {
        queue->last = queue->last->next;
    }
    while (job != NULL) {
        dr_offload *more = job->more;
        offloads->waiting--;
        drop(job);
        job = more;
    }
}

void dr_offload_forget(const dr_responder *responder)
{
    dr_offloads *offloads = &responder->lane->offloads;
    forget_waiting(offloads, &offloads->queues[0], responder);
    forget_waiting(offloads, &offloads->queues[1], responder);
    for (dr_offload *each = offloads->running; each != NULL; each = each->next) {
        if (dr_responder_is_same(&each->responder, responder)) {
            each->responder.kind = DR_RESPONDER_NONE;
        }
    }
}

/* cancel_named marks the job of a guid. `more` stand behind the first for the same connection. */
static bool cancel_named(dr_offload *job, const char *guid)
{
    while (job != NULL && (job->guid == NULL || memcmp(job->guid, guid, DR_GUID_LEN) != 0)) {
        job = job->more;
    }
    if (job != NULL) {
        job->is_cancelled = true;
    }
    return job != NULL;
}

bool dr_offload_cancel(const dr_responder *responder, const char *guid)
{
    dr_offloads *offloads = &responder->lane->offloads;
    bool is_known = cancel_named(*find(&offloads->queues[0], responder), guid) ||
                    cancel_named(*find(&offloads->queues[1], responder), guid);
    for (dr_offload *each = offloads->running; each != NULL && !is_known; each = each->next) {
        is_known = dr_responder_is_same(&each->responder, responder) && each->guid != NULL &&
                   memcmp(each->guid, guid, DR_GUID_LEN) == 0;
        each->is_cancelled |= is_known;
    }
    return is_known;
}

static bool is_any_framed(const dr_offload *first)
{
    while (first != NULL && !dr_responder_has_conn(&first->responder)) {
        first = first->next;
    }
    return first != NULL;
}

bool dr_offload_has_frames(const dr_lane *lane)
{
    return is_any_framed(lane->offloads.queues[0].first) ||
           is_any_framed(lane->offloads.queues[1].first) || is_any_framed(lane->offloads.running);
}
