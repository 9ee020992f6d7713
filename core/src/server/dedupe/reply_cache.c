/* reply_cache.c: the replies that a server keeps for a while, so that a call that is sent again
 * runs once.
 *
 * An entry is RUNNING, then KEPT, then LOST, then free again. Kept and lost ones stand in two
 * queues, oldest first; the bodies of the kept ones stand in the log in the same order. */
#include "server/dedupe/reply_cache.h"

#include <stdlib.h>
#include <string.h>

#include "server/dedupe/reply_cache_inside.h"
#include "server/dedupe/reply_import.h"
#include "server/dedupe/reply_waiters.h"

/* Entries looked at for their age with each call: more than one comes with each. */
#define EXPIRE_EACH 2u
/* What a sweep does before it lets others have the lock: entries looked at, bytes given back. */
#define EXPIRE_SWEEP 512u
#define TRIM_SWEEP ((size_t)4 << 20)

#define PLACE_MAX ((UINT32_C(1) << 28) - 1) /* of a body in the ring, and its length */

/* reply_new copies a body. Returns: NULL when out of memory. */
static dr_reply_cache_reply *reply_new(dora_slice body, uint16_t http_status)
{
    dr_reply_cache_reply *reply = malloc(sizeof(*reply) + body.len);
    if (reply != NULL) {
        atomic_init(&reply->users, 1);
        reply->http_status = http_status;
        reply->len = body.len;
        memcpy(reply->body, body.data, body.len);
    }
    return reply;
}

void dr_reply_cache_reply_drop(dr_reply_cache_reply *reply)
{
    if (reply != NULL && atomic_fetch_sub(&reply->users, 1) == 1) {
        free(reply);
    }
}

static dr_reply_cache_entry *at(const dr_reply_cache *cache, uint32_t name)
{
    return dr_reply_table_at(&cache->table, name);
}

static void forget_oldest_lost(dr_reply_cache *cache)
{
    dr_reply_table_remove(&cache->table, dr_reply_cache_queue_pop(&cache->table, &cache->lost));
    cache->numbers.tombstones--;
}

static void bury(dr_reply_cache *cache, uint32_t name, uint32_t now_s)
{
    at(cache, name)->state = DR_REPLY_LOST;
    at(cache, name)->since_s = now_s;
    dr_reply_cache_queue_append(&cache->table, &cache->lost, name);
    cache->numbers.tombstones++;
}

/* lose_oldest_reply lets the oldest reply go, and remembers that its call has run. */
static void lose_oldest_reply(dr_reply_cache *cache, uint32_t now_s)
{
    const uint32_t name = dr_reply_cache_queue_pop(&cache->table, &cache->replies);
    cache->numbers.replies--;
    cache->numbers.bytes -= at(cache, name)->reply.len;
    if (cache->move.reply == name) {
        cache->move.reply = cache->replies.first;
    }
    if (cache->replies.first != 0) {
        dr_reply_ring_cut(&cache->log, at(cache, cache->replies.first)->reply.at);
    } else {
        dr_reply_ring_clear(&cache->log);
    }
    bury(cache, name, now_s);
}

static bool is_over(const dr_reply_cache *cache, const dr_reply_cache_queue *line, uint32_t limit_s,
                    uint32_t now_s)
{
    return line->first != 0 && (int32_t)(now_s - at(cache, line->first)->since_s - limit_s) >= 0;
}

/* expire lets go of what is over its time, `most` at most. Returns: false when nothing was. */
static bool expire(dr_reply_cache *cache, uint32_t now_s, uint32_t most)
{
    uint32_t done = 0;
    while (done < most && is_over(cache, &cache->replies, cache->limits.reply_s, now_s)) {
        lose_oldest_reply(cache, now_s);
        done++;
    }
    while (done < most && is_over(cache, &cache->lost, cache->limits.lost_s, now_s)) {
        forget_oldest_lost(cache);
        done++;
    }
    return done > 0;
}

void dr_reply_cache_make_room(dr_reply_cache *cache, uint32_t now_s)
{
    if (!dr_reply_table_is_full(&cache->table)) {
        return;
    }
    if (cache->lost.first == 0 && cache->replies.first != 0) {
        lose_oldest_reply(cache, now_s);
        cache->numbers.evicted++;
    }
    if (cache->lost.first != 0) {
        forget_oldest_lost(cache);
    }
    const uint32_t next = cache->lost.first != 0 ? cache->lost.first : cache->replies.first;
    if (next != 0) {
        dr_reply_table_expect(&cache->table, &at(cache, next)->call);
    }
}

static void begin(dr_reply_cache *cache, const dr_digest *call, dr_reply_waiter *seat,
                  uint32_t now_s)
{
    (void)expire(cache, now_s, EXPIRE_EACH);
    dr_reply_cache_make_room(cache, now_s);
    const uint32_t name = dr_reply_table_add(&cache->table, call);
    if (name == 0) {
        return; /* it runs unknown */
    }
    at(cache, name)->state = DR_REPLY_RUNNING;
    at(cache, name)->leader = seat;
    seat->role = DR_REPLY_LEADER;
    seat->entry = name;
    dr_reply_cache_list_init(&seat->followers);
}

static dr_reply_cache_known meet(dr_reply_cache *cache, uint32_t name, dr_reply_waiter *seat)
{
    const dr_reply_cache_entry *one = at(cache, name);
    if (one->state == DR_REPLY_RUNNING) {
        dr_reply_waiter *leader = one->leader;
        seat->role = DR_REPLY_FOLLOWER;
        seat->entry = name;
        dr_reply_cache_list_append(&leader->followers, &seat->link);
        cache->numbers.joins++;
        return DR_REPLY_CACHE_RUNS;
    }
    if (one->state == DR_REPLY_KEPT) {
        const uint16_t status = one->reply.status;
        seat->reply = reply_new(dr_reply_ring_body(&cache->log, one->reply.at, one->reply.len),
                                status != 0 ? (uint16_t)(status + DR_REPLY_STATUS_BELOW) : 0);
        cache->numbers.hits++;
        return DR_REPLY_CACHE_HAS_RUN;
    }
    cache->numbers.lost++;
    return DR_REPLY_CACHE_LOST;
}

static dr_reply_cache_known ask(dr_reply_cache *cache, const dr_digest *call, dr_reply_waiter *seat,
                                bool begins, uint64_t now_ms)
{
    dr_reply_cache_known known = DR_REPLY_CACHE_UNKNOWN;
    dr_reply_cache_lock(cache);
    const uint32_t name = dr_reply_table_find(&cache->table, call);
    if (name != 0) {
        known = meet(cache, name, seat);
    } else if (begins) {
        begin(cache, call, seat, (uint32_t)(now_ms / 1000));
    }
    dr_reply_cache_unlock(cache);
    return known;
}

dr_reply_cache_known dr_reply_cache_look(dr_reply_cache *cache, const dr_digest *call,
                                         dr_reply_waiter *seat)
{
    return ask(cache, call, seat, false, 0);
}

dr_reply_cache_known dr_reply_cache_begin(dr_reply_cache *cache, const dr_digest *call,
                                          dr_reply_waiter *seat, uint64_t now_ms)
{
    return ask(cache, call, seat, true, now_ms);
}

void dr_reply_cache_expect(const dr_reply_cache *cache, const dr_digest *call)
{
    dr_reply_table_expect(&cache->table, call);
}

/* post puts a seat into its lane's inbox. */
static uint64_t post(dr_reply_cache *cache, dr_reply_waiter *seat)
{
    dr_reply_cache_list_remove(&seat->link);
    dr_reply_cache_list_append(&cache->inboxes[seat->lane], &seat->link);
    return UINT64_C(1) << seat->lane;
}

/* give hands a copy of a reply to all followers of a call; without memory for it, it is lost. */
static uint64_t give(dr_reply_cache *cache, dr_reply_waiter *leader, dora_slice reply)
{
    uint64_t lanes = 0;
    if (dr_reply_cache_list_is_empty(&leader->followers)) {
        return 0;
    }
    dr_reply_cache_reply *copy = reply.data != NULL ? reply_new(reply, leader->http_status) : NULL;
    while (!dr_reply_cache_list_is_empty(&leader->followers)) {
        dr_reply_waiter *seat = dr_reply_waiter_of(leader->followers.next);
        if (copy != NULL) {
            atomic_fetch_add_explicit(&copy->users, 1, memory_order_relaxed);
        }
        seat->reply = copy;
        seat->entry = 0;
        lanes |= post(cache, seat);
    }
    dr_reply_cache_reply_drop(copy);
    return lanes;
}

void dr_reply_cache_keep(dr_reply_cache *cache, uint32_t name, dora_slice reply,
                         uint16_t http_status, uint32_t now_s)
{
    const bool is_too_much = reply.len > cache->limits.bytes_max;
    if (reply.data == NULL || is_too_much || dr_reply_ring_open(&cache->log) != DORA_OK) {
        cache->numbers.evicted += is_too_much;
        bury(cache, name, now_s);
        return;
    }
    while (!dr_reply_ring_has_room(&cache->log, reply.len)) {
        lose_oldest_reply(cache, now_s);
        cache->numbers.evicted++;
    }
    dr_reply_cache_entry *one = at(cache, name);
    one->state = DR_REPLY_KEPT;
    one->since_s = now_s;
    one->reply.at = dr_reply_ring_add(&cache->log, reply) & PLACE_MAX;
    one->reply.len = reply.len & PLACE_MAX;
    one->reply.status =
        http_status > DR_REPLY_STATUS_BELOW ? (http_status - DR_REPLY_STATUS_BELOW) & 0xff : 0;
    dr_reply_cache_queue_append(&cache->table, &cache->replies, name);
    cache->numbers.replies++;
    cache->numbers.bytes += reply.len;
}

uint64_t dr_reply_cache_settle(dr_reply_cache *cache, dr_reply_waiter *leader, dora_slice reply,
                               bool has_run, uint32_t now_s)
{
    dr_reply_cache_list_remove(&leader->link);
    const uint64_t lanes = give(cache, leader, reply);
    if (has_run) {
        dr_reply_cache_keep(cache, leader->entry, reply, leader->http_status, now_s);
    } else {
        dr_reply_table_remove(&cache->table, leader->entry);
    }
    leader->role = DR_REPLY_CACHE_NOBODY;
    return lanes;
}

uint64_t dr_reply_cache_end(dr_reply_cache *cache, dr_reply_waiter *leader, dora_slice reply,
                            bool has_run, uint64_t now_ms)
{
    if (leader->role != DR_REPLY_LEADER) {
        return 0;
    }
    dr_reply_cache_lock(cache);
    dr_reply_wake wake = {NULL, NULL};
    if (cache->move.is_on) {
        dr_reply_move_ended(cache, leader, reply, has_run);
        wake = cache->move.wake;
    }
    const uint64_t lanes =
        dr_reply_cache_settle(cache, leader, reply, has_run, (uint32_t)(now_ms / 1000));
    dr_reply_cache_unlock(cache);
    if (wake.fn != NULL) {
        wake.fn(wake.user);
    }
    return lanes;
}

bool dr_reply_cache_is_wanted(dr_reply_cache *cache, dr_reply_waiter *leader)
{
    bool is_wanted = false;
    if (leader->role == DR_REPLY_LEADER) {
        dr_reply_cache_lock(cache);
        leader->is_alone = true;
        /* Where it moves, others may have joined it over there. */
        is_wanted = cache->move.is_on || !dr_reply_cache_list_is_empty(&leader->followers);
        dr_reply_cache_unlock(cache);
    }
    return is_wanted;
}

bool dr_reply_cache_is_cancelled(dr_reply_cache *cache, const dr_reply_waiter *leader)
{
    dr_reply_cache_lock(cache);
    const bool is_cancelled = leader->role == DR_REPLY_LEADER && leader->is_cancelled &&
                              !cache->move.is_on &&
                              dr_reply_cache_list_is_empty(&leader->followers);
    dr_reply_cache_unlock(cache);
    return is_cancelled;
}

uint64_t dr_reply_cache_leave(dr_reply_cache *cache, dr_reply_waiter *follower, bool cancels)
{
    uint64_t lanes = 0;
    if (follower->role != DR_REPLY_FOLLOWER) {
        return 0;
    }
    dr_reply_cache_lock(cache);
    dr_reply_cache_list_remove(&follower->link);
    dr_reply_waiter *leader = follower->entry != 0 ? at(cache, follower->entry)->leader : NULL;
    if (leader != NULL && leader->is_alone && dr_reply_cache_list_is_empty(&leader->followers)) {
        leader->is_cancelled = cancels;
        lanes = post(cache, leader);
    }
    follower->role = DR_REPLY_CACHE_NOBODY;
    dr_reply_cache_unlock(cache);
    dr_reply_cache_reply_drop(follower->reply);
    follower->reply = NULL;
    return lanes;
}

dr_reply_waiter *dr_reply_cache_take(dr_reply_cache *cache, uint32_t lane)
{
    dr_reply_waiter *seat = NULL;
    dr_reply_cache_lock(cache);
    dr_reply_cache_link *inbox = &cache->inboxes[lane];
    if (!dr_reply_cache_list_is_empty(inbox)) {
        seat = dr_reply_waiter_of(inbox->next);
        dr_reply_cache_list_remove(&seat->link);
        if (seat->role == DR_REPLY_FOLLOWER) {
            seat->role = DR_REPLY_CACHE_NOBODY;
        }
    }
    dr_reply_cache_unlock(cache);
    return seat;
}

/* sweep does a part of a sweep. `trims` is kept from one part to the next. Returns: false when all
 * is done. */
static bool sweep(dr_reply_cache *cache, uint32_t now_s, bool *trims)
{
    const bool is_over_time = expire(cache, now_s, EXPIRE_SWEEP);
    *trims = *trims || is_over_time;
    if (cache->table.used == 0) {
        dr_reply_table_fini(&cache->table);
        dr_reply_ring_fini(&cache->log);
    }
    /* Where replies have to go before their time, others will be there at once. */
    const bool has_more = *trims && dr_reply_ring_trim(&cache->log, TRIM_SWEEP);
    return is_over_time || has_more;
}

void dr_reply_cache_sweep(dr_reply_cache *cache, uint64_t now_ms)
{
    bool trims = false;
    bool has_more = true;
    while (has_more) {
        dr_reply_cache_lock(cache);
        has_more = !cache->move.is_on && sweep(cache, (uint32_t)(now_ms / 1000), &trims);
        dr_reply_cache_unlock(cache);
    }
}

void dr_reply_cache_count(dr_reply_cache *cache, dr_reply_cache_numbers *numbers)
{
    dr_reply_cache_lock(cache);
    *numbers = cache->numbers;
    dr_reply_cache_unlock(cache);
}

const dr_digest_key *dr_reply_cache_key(const dr_reply_cache *cache)
{
    return &cache->key;
}

dora_err dr_reply_cache_new(dr_reply_cache **cache, const dr_reply_cache_limits *limits,
                            dora_error *error)
{
    dr_reply_cache *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    if (dr_digest_key_make(&made->key) != DORA_OK) {
        free(made);
        return dora_error_set(error, DORA_EIO, "the kernel gives no random numbers");
    }
    made->limits = *limits;
    made->table.calls_max = limits->calls_max;
    dr_reply_ring_init(&made->log, limits->bytes_max);
    for (uint32_t i = 0; i < DR_REACTORS_MAX; i++) {
        dr_reply_cache_list_init(&made->inboxes[i]);
    }
    dr_reply_cache_list_init(&made->phantoms);
    *cache = made;
    return DORA_OK;
}

void dr_reply_cache_free(dr_reply_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    dr_reply_move_undo(cache);
    dr_reply_import_forget(cache);
    dr_reply_table_fini(&cache->table);
    dr_reply_ring_fini(&cache->log);
    free(cache);
}
