/* spans.c: spans on their way to a collector: a bounded queue, and a thread that sends them. */
#include "server/spans/spans.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/threads.h"
#include "server/spans/collector.h"
#include "server/spans/span_json.h"

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u

/* target is where spans go, as it is kept. */
typedef struct target {
    dr_collector *collector; /* NULL: nowhere */
    char *service;
} target;

struct dr_spans {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    dr_log *log;
    bool has_thread;
    bool is_moved; /* `next` has not been taken over */
    bool is_wanted;
    target next;
    dr_span *first;
    dr_span *last;
    uint32_t count;
    uint64_t first_ns; /* since when the first waits */
    dr_spans_numbers numbers;
    _Atomic uint64_t end_ns; /* until when the stop waits; 0: it does not stop */
    /* The thread's own. */
    target now;
    dr_buf body;
    uint32_t pause_ms; /* before the next try, where the last has failed; 0: it has not */
    uint64_t said_ns;  /* when the log last said why spans do not arrive; 0: never */
    uint64_t dropped_said;
};

static void target_fini(target *self)
{
    dr_collector_free(self->collector);
    dr_free(self->service);
    *self = (target){NULL, NULL};
}

static uint32_t free_list(dr_span *span)
{
    uint32_t count = 0;
    while (span != NULL) {
        dr_span *next = span->next;
        free(span);
        span = next;
        count++;
    }
    return count;
}

static bool is_ending(const dr_spans *self)
{
    return atomic_load(&self->end_ns) != 0;
}

/* is_over ends a request: the stop does not wait any longer. */
static bool is_over(void *user)
{
    const dr_spans *self = user;
    const uint64_t end_ns = atomic_load(&self->end_ns);
    return end_ns != 0 && dr_clock_ns() >= end_ns;
}

/* wait_until waits for a change, until a time. The lock is held. Returns: false when it is over. */
static bool wait_until(dr_spans *self, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    return pthread_cond_timedwait(&self->changed, &self->lock, &until) == 0;
}

/* is_due says whether a batch is to be sent. The lock is held. */
static bool is_due(const dr_spans *self)
{
    return self->count >= DR_SPANS_BATCH ||
           (self->count > 0 &&
            dr_clock_ns() - self->first_ns >= DR_SPANS_BATCH_MS * (uint64_t)NS_PER_MS);
}

/* await waits for something to do. The lock is held. */
static void await(dr_spans *self)
{
    while (!self->is_moved && !is_ending(self) && !is_due(self)) {
        if (self->count == 0) {
            pthread_cond_wait(&self->changed, &self->lock);
        } else {
            (void)wait_until(self, self->first_ns + DR_SPANS_BATCH_MS * (uint64_t)NS_PER_MS);
        }
    }
}

/* move takes another target over. The lock is held, and given back for the while. */
static void move(dr_spans *self)
{
    target old = self->now;
    self->now = self->next;
    self->next = (target){NULL, NULL};
    self->is_moved = false;
    dr_span *unwanted = NULL;
    if (self->now.collector == NULL) {
        unwanted = self->first;
        self->numbers.dropped += self->count;
        self->first = self->last = NULL;
        self->count = 0;
    }
    pthread_mutex_unlock(&self->lock);
    target_fini(&old);
    (void)free_list(unwanted);
    self->pause_ms = 0;
    self->said_ns = 0;
    pthread_mutex_lock(&self->lock);
}

/* take takes a batch out of the queue. The lock is held. */
static dr_span *take(dr_spans *self)
{
    dr_span *first = self->first;
    dr_span *last = first;
    uint32_t count = 1;
    while (count < DR_SPANS_BATCH && last->next != NULL) {
        last = last->next;
        count++;
    }
    self->first = last->next;
    self->last = self->first == NULL ? NULL : self->last;
    self->count -= count;
    self->first_ns = dr_clock_ns();
    last->next = NULL;
    return first;
}

/* put_back puts a batch in front again: it goes to the next collector. The lock is held. */
static void put_back(dr_spans *self, dr_span *first)
{
    dr_span *last = first;
    self->count++;
    while (last->next != NULL) {
        last = last->next;
        self->count++;
    }
    last->next = self->first;
    self->first = first;
    self->last = self->last == NULL ? last : self->last;
}

static dora_err write_body(dr_spans *self, const dr_span *first)
{
    struct timespec wall;
    dr_buf_clear(&self->body);
    clock_gettime(CLOCK_REALTIME, &wall);
    return dr_spans_json(&self->body, first, self->now.service,
                         (uint64_t)wall.tv_sec * NS_PER_S + (uint64_t)wall.tv_nsec, dr_clock_ns());
}

/* say tells the log why spans do not arrive: at once, then once a while. */
static void say(dr_spans *self, const char *why)
{
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t dropped = dr_spans_count(self).dropped;
    const bool is_news = self->said_ns == 0 || (self->dropped_said == 0 && dropped > 0);
    if (is_news || now_ns - self->said_ns >= DR_SPANS_SAY_S * (uint64_t)NS_PER_S) {
        self->said_ns = now_ns;
        self->dropped_said = dropped;
        dr_log_write(self->log, DR_LOG_ERROR, "trace",
                     "spans cannot be sent to %s: %s; %" PRIu64 " were dropped so far",
                     dr_collector_url(self->now.collector), why, dropped);
    }
}

/* rest waits before another try, longer each time. Returns: false when there is none: it stops, or
 * they go elsewhere. */
static bool rest(dr_spans *self)
{
    const uint32_t longer_ms = self->pause_ms * 2;
    self->pause_ms = self->pause_ms == 0                 ? DR_SPANS_PAUSE_MS
                     : longer_ms < DR_SPANS_PAUSE_MS_MAX ? longer_ms
                                                         : DR_SPANS_PAUSE_MS_MAX;
    const uint64_t until_ns = dr_clock_ns() + self->pause_ms * (uint64_t)NS_PER_MS;
    pthread_mutex_lock(&self->lock);
    while (!is_ending(self) && !self->is_moved && wait_until(self, until_ns)) {
    }
    const bool is_on = !is_ending(self) && !self->is_moved;
    pthread_mutex_unlock(&self->lock);
    return is_on;
}

/* post sends a batch, and again where that may help. Returns: whether it has arrived; `why` then
 * says it. */
static bool post(dr_spans *self, const dr_span *first, dora_error *why)
{
    dora_err err = write_body(self, first);
    if (err != DORA_OK) {
        dora_error_set(why, err, "%s", dora_err_text(err));
        return false;
    }
    for (uint32_t tries = 1;; tries++) {
        const dr_post_result result =
            dr_collector_post(self->now.collector, dr_buf_slice(&self->body), is_over, self, why);
        if (result == DR_POST_TAKEN) {
            self->pause_ms = 0;
            return true;
        }
        if (result == DR_POST_REFUSED || tries == DR_SPANS_TRIES) {
            return false;
        }
        say(self, why->msg);
        if (!rest(self)) {
            return false;
        }
    }
}

/* say_sent tells the log what became of a batch, where that is news. */
static void say_sent(dr_spans *self, bool has_arrived, const char *why)
{
    if (!has_arrived && self->now.collector != NULL) {
        say(self, why);
    } else if (has_arrived && self->said_ns != 0) {
        self->said_ns = 0;
        dr_log_write(self->log, DR_LOG_NOTICE, "trace", "spans are sent to %s again",
                     dr_collector_url(self->now.collector));
    }
}

/* send_batch sends a batch of the queue. The lock is held, and given back for the while. */
static void send_batch(dr_spans *self)
{
    dora_error why = {0};
    dr_span *first = take(self);
    pthread_mutex_unlock(&self->lock);
    const bool has_arrived = self->now.collector != NULL && post(self, first, &why);
    pthread_mutex_lock(&self->lock);
    if (!has_arrived && self->is_moved && !is_ending(self)) {
        put_back(self, first);
        return;
    }
    pthread_mutex_unlock(&self->lock);
    const uint32_t count = free_list(first);
    pthread_mutex_lock(&self->lock);
    self->numbers.sent += has_arrived ? count : 0;
    self->numbers.dropped += has_arrived ? 0 : count;
    pthread_mutex_unlock(&self->lock);
    say_sent(self, has_arrived, why.msg);
    pthread_mutex_lock(&self->lock);
}

static void *run(void *argument)
{
    dr_spans *self = argument;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        await(self);
        if (self->is_moved) {
            move(self);
        } else if (self->count == 0 || (is_ending(self) && is_over(self))) {
            break; /* it ends: `await` waits for spans else */
        } else {
            send_batch(self);
        }
    }
    self->numbers.dropped += self->count;
    const uint64_t dropped = self->numbers.dropped;
    pthread_mutex_unlock(&self->lock);
    if (dropped > self->dropped_said) {
        dr_log_write(self->log, DR_LOG_ERROR, "trace",
                     "%" PRIu64 " spans were dropped until the stop", dropped);
    }
    return NULL;
}

dora_err dr_spans_new(dr_spans **spans, dr_log *log)
{
    pthread_condattr_t attributes;
    dr_spans *self = dr_calloc(1, sizeof(*self));
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->log = log;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* that of dr_clock_ns */
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *spans = self;
    return DORA_OK;
}

void dr_spans_free(dr_spans *spans)
{
    if (spans == NULL) {
        return;
    }
    if (spans->has_thread) {
        pthread_mutex_lock(&spans->lock);
        atomic_store(&spans->end_ns, dr_clock_after_ms(dr_clock_ns(), DR_SPANS_STOP_MS));
        pthread_cond_broadcast(&spans->changed);
        pthread_mutex_unlock(&spans->lock);
        pthread_join(spans->thread, NULL);
    }
    (void)free_list(spans->first);
    target_fini(&spans->now);
    target_fini(&spans->next);
    dr_buf_fini(&spans->body);
    pthread_cond_destroy(&spans->changed);
    pthread_mutex_destroy(&spans->lock);
    dr_free(spans);
}

/* target_init makes what is kept of a target. */
static dora_err target_init(target *self, const dr_spans_target *from, dora_error *error)
{
    *self = (target){NULL, NULL};
    if (from->url == NULL) {
        return DORA_OK;
    }
    self->service = dr_text_copy(from->service);
    if (self->service == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    return dr_collector_new(&self->collector, from->url, from->headers, from->header_count, error);
}

dora_err dr_spans_aim(dr_spans *spans, const dr_spans_target *to, dora_error *error)
{
    target next;
    dora_err err = target_init(&next, to, error);
    if (err == DORA_OK && !spans->has_thread && to->url != NULL) {
        spans->has_thread = dr_thread_start(&spans->thread, run, spans) == 0;
        err = spans->has_thread ? DORA_OK
                                : dora_error_set(error, DORA_EIO, "cannot start a thread for it");
    }
    if (err != DORA_OK) {
        target_fini(&next);
        return err;
    }
    pthread_mutex_lock(&spans->lock);
    target old = spans->next; /* that the thread has not come to */
    spans->next = next;
    spans->is_moved = spans->has_thread;
    spans->is_wanted = to->url != NULL;
    pthread_cond_broadcast(&spans->changed);
    pthread_mutex_unlock(&spans->lock);
    target_fini(&old);
    return DORA_OK;
}

void dr_spans_add(dr_spans *spans, const dr_span *span)
{
    dr_span *copy = dr_span_new(span);
    pthread_mutex_lock(&spans->lock);
    if (copy == NULL || spans->count >= DR_SPANS_QUEUED_MAX || !spans->is_wanted) {
        spans->numbers.dropped++;
    } else {
        if (spans->last != NULL) {
            spans->last->next = copy;
        } else {
            spans->first = copy;
            spans->first_ns = dr_clock_ns();
        }
        spans->last = copy;
        spans->count++;
        copy = NULL;
        if (spans->count == 1 || spans->count == DR_SPANS_BATCH) {
            pthread_cond_signal(&spans->changed);
        }
    }
    pthread_mutex_unlock(&spans->lock);
    free(copy);
}

dr_spans_numbers dr_spans_count(dr_spans *spans)
{
    pthread_mutex_lock(&spans->lock);
    dr_spans_numbers numbers = spans->numbers;
    numbers.waiting = spans->count;
    pthread_mutex_unlock(&spans->lock);
    return numbers;
}
