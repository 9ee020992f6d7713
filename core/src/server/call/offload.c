/* offload.c: heavy work on one body in libuv's thread pool: whose turn it is. */
#include "server/call/offload.h"

#include <stdlib.h>

#include "base/threads.h"
#include "server/call/answer.h"

#define UV_THREADS_DEFAULT 4 /* libuv's, where UV_THREADPOOL_SIZE does not say otherwise */

void dr_asides_init(dr_asides *asides, uint32_t lanes)
{
    const char *text = getenv("UV_THREADPOOL_SIZE");
    const long threads = text != NULL ? strtol(text, NULL, 10) : UV_THREADS_DEFAULT;
    const long share = threads / (long)lanes;
    asides->threads = share > 1 ? (uint32_t)share : 1;
}

/* The queues. A connection stands in one once, with its first job; the others hang behind it. */

static dr_aside **find(dr_aside_queue *queue, const dr_asker *asker)
{
    dr_aside **at = &queue->first;
    while (*at != NULL && !dr_asker_is_same(&(*at)->asker, asker)) {
        at = &(*at)->next;
    }
    return at;
}

/* enqueue puts a connection's jobs at the end. */
static void enqueue(dr_aside_queue *queue, dr_aside *jobs)
{
    jobs->next = NULL;
    *(queue->first != NULL ? &queue->last->next : &queue->first) = jobs;
    queue->last = jobs;
}

static void add(dr_aside_queue *queue, dr_aside *job)
{
    dr_aside *line = *find(queue, &job->asker);
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
static dr_aside *take(dr_aside_queue *queue)
{
    dr_aside *job = queue->first;
    queue->first = job->next;
    if (job->more != NULL) {
        enqueue(queue, job->more);
    }
    return job;
}

/* pick says which queue is next: small ones first, but each kind has one thread that the other may
 * not take. With one thread they alternate. Returns: NULL where nothing can run now. */
static dr_aside_queue *pick(dr_asides *asides)
{
    dr_aside_queue *small = &asides->queues[0];
    dr_aside_queue *large = &asides->queues[1];
    if (small->running + large->running >= asides->threads) {
        return NULL;
    }
    const uint32_t most = asides->threads > 1 ? asides->threads - 1 : 1;
    const bool may_small = small->first != NULL && small->running < most;
    const bool may_large = large->first != NULL && large->running < most;
    if (may_small && (!may_large || asides->threads > 1 || asides->was_large)) {
        return small;
    }
    return may_large ? large : NULL;
}

static void start_next(dr_lane *lane);

static void work_here(void *argument)
{
    dr_aside *self = argument;
    self->work(self);
}

/* libuv's threads have the stack that the system gives; bodies may be nested deeply. */
static void work(uv_work_t *request)
{
    dr_thread_lend(work_here, request->data);
}

static void unlink_running(dr_aside *self)
{
    dr_aside **at = &self->asker.lane->asides.running;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
}

/* drop ends what has no place in a queue, nor in the pool. */
static void drop(dr_aside *self)
{
    const dr_asker asker = self->asker;
    asker.lane->calls--;
    dr_asker_release(&asker);
    dr_asker_discharge(&asker, self->bytes);
    self->free(self);
}

static void on_done(uv_work_t *request, int status)
{
    (void)status; /* it is never cancelled */
    dr_aside *self = request->data;
    const dr_asker asker = self->asker;
    unlink_running(self);
    asker.lane->asides.queues[self->is_large].running--;
    asker.lane->calls--;
    dr_asker_release(&asker);
    dr_asker_discharge(&asker, self->bytes);
    if (dr_asker_is_there(&asker)) {
        self->done(self);
        dr_asker_update(&asker);
    }
    self->free(self);
    start_next(asker.lane);
}

static void start_next(dr_lane *lane)
{
    dr_asides *asides = &lane->asides;
    dr_aside_queue *queue;
    while ((queue = pick(asides)) != NULL) {
        dr_aside *job = take(queue);
        asides->waiting--;
        asides->was_large = job->is_large;
        /* It fails only where there is no function. */
        (void)uv_queue_work(&lane->reactor.loop, &job->request, work, on_done);
        queue->running++;
        job->next = asides->running;
        asides->running = job;
    }
}

dora_err dr_aside_start(const dr_asker *asker, dr_aside *aside)
{
    dr_lane *lane = asker->lane;
    aside->asker = *asker;
    aside->request.data = aside;
    aside->is_large = aside->bytes > DR_ASIDE_SMALL_BYTES;
    if (lane->asides.waiting == DR_ASIDES_MAX || !dr_asker_charge(asker, aside->bytes)) {
        aside->free(aside);
        return DORA_ENOMEM;
    }
    lane->calls++;
    dr_asker_hold(asker);
    lane->asides.waiting++;
    add(&lane->asides.queues[aside->is_large], aside);
    start_next(lane);
    return DORA_OK;
}

void dr_aside_run(const dr_asker *asker, dr_aside *aside, bool is_large)
{
    if (!is_large) {
        aside->asker = *asker;
        aside->work(aside);
        aside->done(aside);
        aside->free(aside);
    } else if (dr_aside_start(asker, aside) != DORA_OK) {
        dr_answer_fail(asker);
    }
}

/* forget_waiting drops a connection's jobs that have not begun. */
static void forget_waiting(dr_asides *asides, dr_aside_queue *queue, const dr_asker *asker)
{
    dr_aside **at = find(queue, asker);
    dr_aside *job = *at;
    if (job == NULL) {
        return;
    }
    *at = job->next;
    queue->last = queue->first;
    while (queue->last != NULL && queue->last->next != NULL) {
        queue->last = queue->last->next;
    }
    while (job != NULL) {
        dr_aside *more = job->more;
        asides->waiting--;
        drop(job);
        job = more;
    }
}

void dr_aside_forget(const dr_asker *asker)
{
    dr_asides *asides = &asker->lane->asides;
    forget_waiting(asides, &asides->queues[0], asker);
    forget_waiting(asides, &asides->queues[1], asker);
    for (dr_aside *each = asides->running; each != NULL; each = each->next) {
        if (dr_asker_is_same(&each->asker, asker)) {
            each->asker.kind = DR_ASKER_NONE;
        }
    }
}
