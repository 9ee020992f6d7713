/* reply_cache.c: the replies that a server keeps for a while, so that a call that is sent again
 * runs once.
 *
 * An entry is RUNNING, then KEPT, then LOST, then free again. Kept and lost ones stand in two
 * queues, oldest first; the bodies of the kept ones stand in the log in the same order. */
#include "server/dedupe/reply_cache.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "server/dedupe/reply_ring.h"
#include "server/dedupe/reply_table.h"
#include "server/dedupe/reply_waiters.h"

/* Entries looked at for their age with each call: more than one comes with each. */
#define EXPIRE_EACH 2u
/* What a sweep does before it lets others have the lock: entries looked at, bytes given back. */
#define EXPIRE_SWEEP 512u
#define TRIM_SWEEP ((size_t)4 << 20)

/* States of entries. */
enum { RUNNING = 1, KEPT, LOST };

struct dr_kept {
    _Atomic bool is_locked;
    dr_kept_limits limits;
    dr_digest_key key;
    dr_kept_table table;
    dr_kept_log log;
    dr_kept_queue replies;
    dr_kept_queue lost;
    dr_kept_link inboxes[DR_REACTORS_MAX];
    dr_kept_numbers numbers;
};

/* A mutex costs as much as all the rest: its unlock waits until what was written is in the cache.
 * Few threads meet here, for a short while. */
static void lock(dr_kept *kept)
{
    while (atomic_exchange_explicit(&kept->is_locked, true, memory_order_acquire)) {
        sched_yield();
    }
}

static void unlock(dr_kept *kept)
{
    atomic_store_explicit(&kept->is_locked, false, memory_order_release);
}

/* reply_new copies a body. Returns: NULL when out of memory. */
static dr_kept_reply *reply_new(dora_slice body)
{
    dr_kept_reply *reply = malloc(sizeof(*reply) + body.len);
    if (reply != NULL) {
        atomic_init(&reply->users, 1);
        reply->len = body.len;
        memcpy(reply->body, body.data, body.len);
    }
    return reply;
}

void dr_kept_reply_drop(dr_kept_reply *reply)
{
    if (reply != NULL && atomic_fetch_sub(&reply->users, 1) == 1) {
        free(reply);
    }
}

static dr_kept_entry *at(const dr_kept *kept, uint32_t name)
{
    return dr_kept_table_at(&kept->table, name);
}

static void forget_oldest_lost(dr_kept *kept)
{
    dr_kept_table_remove(&kept->table, dr_kept_queue_pop(&kept->table, &kept->lost));
    kept->numbers.tombstones--;
}

static void bury(dr_kept *kept, uint32_t name, uint32_t now_s)
{
    at(kept, name)->state = LOST;
    at(kept, name)->since_s = now_s;
    dr_kept_queue_append(&kept->table, &kept->lost, name);
    kept->numbers.tombstones++;
}

/* lose_oldest_reply lets the oldest reply go, and remembers that its call has run. */
static void lose_oldest_reply(dr_kept *kept, uint32_t now_s)
{
    const uint32_t name = dr_kept_queue_pop(&kept->table, &kept->replies);
    kept->numbers.replies--;
    kept->numbers.bytes -= at(kept, name)->reply.len;
    if (kept->replies.first != 0) {
        dr_kept_log_cut(&kept->log, at(kept, kept->replies.first)->reply.at);
    } else {
        dr_kept_log_clear(&kept->log);
    }
    bury(kept, name, now_s);
}

static bool is_over(const dr_kept *kept, const dr_kept_queue *line, uint32_t limit_s,
                    uint32_t now_s)
{
    return line->first != 0 && (int32_t)(now_s - at(kept, line->first)->since_s - limit_s) >= 0;
}

/* expire lets go of what is over its time, `most` at most. Returns: false when nothing was. */
static bool expire(dr_kept *kept, uint32_t now_s, uint32_t most)
{
    uint32_t done = 0;
    while (done < most && is_over(kept, &kept->replies, kept->limits.reply_s, now_s)) {
        lose_oldest_reply(kept, now_s);
        done++;
    }
    while (done < most && is_over(kept, &kept->lost, kept->limits.lost_s, now_s)) {
        forget_oldest_lost(kept);
        done++;
    }
    return done > 0;
}

/* make_room frees an entry where all are used: that of the oldest tombstone, then of the oldest
 * reply. Calls that run keep theirs. */
static void make_room(dr_kept *kept, uint32_t now_s)
{
    if (!dr_kept_table_is_full(&kept->table)) {
        return;
    }
    if (kept->lost.first == 0 && kept->replies.first != 0) {
        lose_oldest_reply(kept, now_s);
        kept->numbers.evicted++;
    }
    if (kept->lost.first != 0) {
        forget_oldest_lost(kept);
    }
    const uint32_t next = kept->lost.first != 0 ? kept->lost.first : kept->replies.first;
    if (next != 0) {
        dr_kept_table_expect(&kept->table, &at(kept, next)->call);
    }
}

static void begin(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat, uint32_t now_s)
{
    (void)expire(kept, now_s, EXPIRE_EACH);
    make_room(kept, now_s);
    const uint32_t name = dr_kept_table_add(&kept->table, call);
    if (name == 0) {
        return; /* it runs unknown */
    }
    at(kept, name)->state = RUNNING;
    at(kept, name)->runner = seat;
    seat->role = DR_KEPT_RUNNER;
    seat->entry = name;
    dr_kept_list_init(&seat->joiners);
}

static dr_kept_known meet(dr_kept *kept, uint32_t name, dr_kept_seat *seat)
{
    const dr_kept_entry *one = at(kept, name);
    if (one->state == RUNNING) {
        dr_kept_seat *runner = one->runner;
        seat->role = DR_KEPT_JOINER;
        seat->entry = name;
        dr_kept_list_append(&runner->joiners, &seat->link);
        kept->numbers.joins++;
        return DR_KEPT_RUNS;
    }
    if (one->state == KEPT) {
        seat->reply = reply_new(dr_kept_log_body(&kept->log, one->reply.at, one->reply.len));
        kept->numbers.hits++;
        return DR_KEPT_HAS_RUN;
    }
    kept->numbers.lost++;
    return DR_KEPT_LOST;
}

static dr_kept_known ask(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat, bool begins,
                         uint64_t now_ms)
{
    dr_kept_known known = DR_KEPT_UNKNOWN;
    lock(kept);
    const uint32_t name = dr_kept_table_find(&kept->table, call);
    if (name != 0) {
        known = meet(kept, name, seat);
    } else if (begins) {
        begin(kept, call, seat, (uint32_t)(now_ms / 1000));
    }
    unlock(kept);
    return known;
}

dr_kept_known dr_kept_look(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat)
{
    return ask(kept, call, seat, false, 0);
}

dr_kept_known dr_kept_begin(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat,
                            uint64_t now_ms)
{
    return ask(kept, call, seat, true, now_ms);
}

void dr_kept_expect(const dr_kept *kept, const dr_digest *call)
{
    dr_kept_table_expect(&kept->table, call);
}

/* post puts a seat into its lane's inbox. */
static uint64_t post(dr_kept *kept, dr_kept_seat *seat)
{
    dr_kept_list_remove(&seat->link);
    dr_kept_list_append(&kept->inboxes[seat->lane], &seat->link);
    return UINT64_C(1) << seat->lane;
}

/* give hands a copy of a reply to all joiners of a call; without memory for it, it is lost. */
static uint64_t give(dr_kept *kept, dr_kept_seat *runner, dora_slice reply)
{
    uint64_t lanes = 0;
    if (dr_kept_list_is_empty(&runner->joiners)) {
        return 0;
    }
    dr_kept_reply *copy = reply.data != NULL ? reply_new(reply) : NULL;
    while (!dr_kept_list_is_empty(&runner->joiners)) {
        dr_kept_seat *seat = dr_kept_seat_of(runner->joiners.next);
        if (copy != NULL) {
            atomic_fetch_add_explicit(&copy->users, 1, memory_order_relaxed);
        }
        seat->reply = copy;
        seat->entry = 0;
        lanes |= post(kept, seat);
    }
    dr_kept_reply_drop(copy);
    return lanes;
}

/* keep remembers the reply of a call that has run, as far as it may. */
static void keep(dr_kept *kept, uint32_t name, dora_slice reply, uint32_t now_s)
{
    const bool is_too_much = reply.len > kept->limits.bytes_max;
    if (reply.data == NULL || is_too_much || dr_kept_log_open(&kept->log) != DORA_OK) {
        kept->numbers.evicted += is_too_much;
        bury(kept, name, now_s);
        return;
    }
    while (!dr_kept_log_has_room(&kept->log, reply.len)) {
        lose_oldest_reply(kept, now_s);
        kept->numbers.evicted++;
    }
    dr_kept_entry *one = at(kept, name);
    one->state = KEPT;
    one->since_s = now_s;
    one->reply.at = dr_kept_log_add(&kept->log, reply);
    one->reply.len = (uint32_t)reply.len;
    dr_kept_queue_append(&kept->table, &kept->replies, name);
    kept->numbers.replies++;
    kept->numbers.bytes += reply.len;
}

uint64_t dr_kept_end(dr_kept *kept, dr_kept_seat *runner, dora_slice reply, bool has_run,
                     uint64_t now_ms)
{
    if (runner->role != DR_KEPT_RUNNER) {
        return 0;
    }
    lock(kept);
    dr_kept_list_remove(&runner->link);
    const uint64_t lanes = give(kept, runner, reply);
    if (has_run) {
        keep(kept, runner->entry, reply, (uint32_t)(now_ms / 1000));
    } else {
        dr_kept_table_remove(&kept->table, runner->entry);
    }
    runner->role = DR_KEPT_NOBODY;
    unlock(kept);
    return lanes;
}

bool dr_kept_is_wanted(dr_kept *kept, dr_kept_seat *runner)
{
    bool is_wanted = false;
    if (runner->role == DR_KEPT_RUNNER) {
        lock(kept);
        runner->is_alone = true;
        is_wanted = !dr_kept_list_is_empty(&runner->joiners);
        unlock(kept);
    }
    return is_wanted;
}

uint64_t dr_kept_leave(dr_kept *kept, dr_kept_seat *joiner)
{
    uint64_t lanes = 0;
    if (joiner->role != DR_KEPT_JOINER) {
        return 0;
    }
    lock(kept);
    dr_kept_list_remove(&joiner->link);
    dr_kept_seat *runner = joiner->entry != 0 ? at(kept, joiner->entry)->runner : NULL;
    if (runner != NULL && runner->is_alone && dr_kept_list_is_empty(&runner->joiners)) {
        lanes = post(kept, runner);
    }
    joiner->role = DR_KEPT_NOBODY;
    unlock(kept);
    dr_kept_reply_drop(joiner->reply);
    joiner->reply = NULL;
    return lanes;
}

dr_kept_seat *dr_kept_take(dr_kept *kept, uint32_t lane)
{
    dr_kept_seat *seat = NULL;
    lock(kept);
    dr_kept_link *inbox = &kept->inboxes[lane];
    if (!dr_kept_list_is_empty(inbox)) {
        seat = dr_kept_seat_of(inbox->next);
        dr_kept_list_remove(&seat->link);
        if (seat->role == DR_KEPT_JOINER) {
            seat->role = DR_KEPT_NOBODY;
        }
    }
    unlock(kept);
    return seat;
}

/* sweep does a part of a sweep. `trims` is kept from one part to the next. Returns: false when all
 * is done. */
static bool sweep(dr_kept *kept, uint32_t now_s, bool *trims)
{
    const bool is_over_time = expire(kept, now_s, EXPIRE_SWEEP);
    *trims = *trims || is_over_time;
    if (kept->table.used == 0) {
        dr_kept_table_fini(&kept->table);
        dr_kept_log_fini(&kept->log);
    }
    /* Where replies have to go before their time, others will be there at once. */
    const bool has_more = *trims && dr_kept_log_trim(&kept->log, TRIM_SWEEP);
    return is_over_time || has_more;
}

void dr_kept_sweep(dr_kept *kept, uint64_t now_ms)
{
    bool trims = false;
    bool has_more = true;
    while (has_more) {
        lock(kept);
        has_more = sweep(kept, (uint32_t)(now_ms / 1000), &trims);
        unlock(kept);
    }
}

void dr_kept_count(dr_kept *kept, dr_kept_numbers *numbers)
{
    lock(kept);
    *numbers = kept->numbers;
    unlock(kept);
}

const dr_digest_key *dr_kept_key(const dr_kept *kept)
{
    return &kept->key;
}

dora_err dr_kept_new(dr_kept **kept, const dr_kept_limits *limits, dora_error *error)
{
    dr_kept *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    if (dr_digest_key_make(&made->key) != DORA_OK) {
        free(made);
        return dora_error_set(error, DORA_EIO, "the kernel gives no random numbers");
    }
    made->limits = *limits;
    made->table.calls_max = limits->calls_max;
    dr_kept_log_init(&made->log, limits->bytes_max);
    for (uint32_t i = 0; i < DR_REACTORS_MAX; i++) {
        dr_kept_list_init(&made->inboxes[i]);
    }
    *kept = made;
    return DORA_OK;
}

void dr_kept_free(dr_kept *kept)
{
    if (kept == NULL) {
        return;
    }
    dr_kept_table_fini(&kept->table);
    dr_kept_log_fini(&kept->log);
    free(kept);
}
