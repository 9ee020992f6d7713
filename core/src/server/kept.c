/* kept.c: the replies that a server keeps for a while, so that a call that is sent again runs once.
 *
 * An entry is RUNNING, then KEPT, then LOST, then free again. Kept and lost ones stand in two
 * queues, oldest first. Both arrays are mapped in full and touched as they fill up. */
#include "server/kept.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/limits.h"

/* Entries looked at for their age with each call: more than one comes with each. */
#define EXPIRE_EACH 2u
/* Entries that a sweep looks at before it lets others have the lock. */
#define EXPIRE_SWEEP 512u
/* What malloc takes for itself. */
#define MALLOC_BYTES 16u

typedef enum entry_state { FREE = 0, RUNNING, KEPT, LOST } entry_state;

/* Entries are named by their place plus 1; 0 is none, so that zeroed memory is a valid table. */
typedef struct entry {
    dr_digest call;
    uint32_t next; /* in its queue, or the next free one */
    uint32_t since_s;
    entry_state state;
    union {
        dr_kept_seat *runner; /* RUNNING */
        dr_kept_reply *reply; /* KEPT */
    };
} entry;

/* place is one of the table by which entries are found: open addressing, from place `tag` on. Twice
 * as many as entries, so that one line of cache is all that a search usually reads. */
typedef struct place {
    uint32_t tag; /* a part of the digest */
    uint32_t name;
} place;

typedef struct queue {
    uint32_t first;
    uint32_t last;
} queue;

struct dr_kept {
    pthread_mutex_t lock;
    dr_kept_limits limits;
    dr_digest_key key;
    entry *entries;   /* NULL before the first call */
    place *places;    /* behind the entries */
    uint32_t touched; /* entries from here on were never used */
    uint32_t used;
    uint32_t free;
    queue replies;
    queue lost;
    dr_kept_link inboxes[DR_REACTORS_MAX];
    dr_kept_numbers numbers;
};

/* The lists of seats. A link that stands in none has no next. */
static void list_init(dr_kept_link *list)
{
    list->next = list->prev = list;
}

static bool list_is_empty(const dr_kept_link *list)
{
    return list->next == list;
}

static void list_append(dr_kept_link *list, dr_kept_link *link)
{
    link->next = list;
    link->prev = list->prev;
    list->prev->next = link;
    list->prev = link;
}

static void list_remove(dr_kept_link *link)
{
    if (link->next != NULL) {
        link->next->prev = link->prev;
        link->prev->next = link->next;
        link->next = link->prev = NULL;
    }
}

static dr_kept_seat *seat_of(dr_kept_link *link)
{
    return (dr_kept_seat *)((char *)link - offsetof(dr_kept_seat, link));
}

dr_kept_reply *dr_kept_reply_new(dora_slice body)
{
    dr_kept_reply *reply = body.len < UINT32_MAX ? malloc(sizeof(*reply) + body.len) : NULL;
    if (reply != NULL) {
        atomic_init(&reply->users, 1);
        reply->len = (uint32_t)body.len;
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

static dr_kept_reply *share(dr_kept_reply *reply)
{
    if (reply != NULL) {
        atomic_fetch_add_explicit(&reply->users, 1, memory_order_relaxed);
    }
    return reply;
}

/* drop_all drops what an operation let go of, now that it does not hold the lock any more. */
static void drop_all(dr_kept_reply *dropped)
{
    while (dropped != NULL) {
        dr_kept_reply *next = dropped->next;
        dr_kept_reply_drop(dropped);
        dropped = next;
    }
}

static uint64_t cost_of(const dr_kept_reply *reply)
{
    return sizeof(*reply) + reply->len + MALLOC_BYTES;
}

static size_t mapped_bytes(const dr_kept *kept)
{
    return (size_t)kept->limits.calls_max * (sizeof(entry) + 2 * sizeof(place));
}

/* map takes the memory of all entries. Returns: false when there is none. */
static bool map(dr_kept *kept)
{
    if (kept->entries == NULL) {
        void *all = mmap(NULL, mapped_bytes(kept), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED) {
            return false;
        }
        kept->entries = all;
        kept->places = (place *)(kept->entries + kept->limits.calls_max);
    }
    return true;
}

/* unmap gives the memory back when nothing is remembered: as much as ever was touched. */
static void unmap(dr_kept *kept)
{
    if (kept->entries != NULL) {
        (void)munmap(kept->entries, mapped_bytes(kept));
        kept->entries = NULL;
        kept->touched = kept->free = 0;
    }
}

static entry *at(const dr_kept *kept, uint32_t name)
{
    return &kept->entries[name - 1];
}

static uint32_t tag_of(const dr_digest *call)
{
    return (uint32_t)call->words[0];
}

static uint32_t mask_of(const dr_kept *kept)
{
    return kept->limits.calls_max * 2 - 1;
}

static uint32_t find(const dr_kept *kept, const dr_digest *call)
{
    const uint32_t tag = tag_of(call);
    uint32_t i = tag & mask_of(kept);
    while (kept->entries != NULL && kept->places[i].name != 0) {
        const place *here = &kept->places[i];
        if (here->tag == tag && dr_digest_is(&at(kept, here->name)->call, call)) {
            return here->name;
        }
        i = (i + 1) & mask_of(kept);
    }
    return 0;
}

static void insert(dr_kept *kept, uint32_t tag, uint32_t name)
{
    uint32_t i = tag & mask_of(kept);
    while (kept->places[i].name != 0) {
        i = (i + 1) & mask_of(kept);
    }
    kept->places[i] = (place){tag, name};
}

/* take_out empties a place, and moves those behind it up that would not be found across it. */
static void take_out(dr_kept *kept, uint32_t tag, uint32_t name)
{
    const uint32_t mask = mask_of(kept);
    uint32_t hole = tag & mask;
    while (kept->places[hole].name != name) {
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; kept->places[i].name != 0; i = (i + 1) & mask) {
        if (((i - kept->places[i].tag) & mask) >= ((i - hole) & mask)) {
            kept->places[hole] = kept->places[i];
            hole = i;
        }
    }
    kept->places[hole].name = 0;
}

static void append(dr_kept *kept, queue *line, uint32_t name)
{
    if (line->last != 0) {
        at(kept, line->last)->next = name;
    } else {
        line->first = name;
    }
    line->last = name;
    at(kept, name)->next = 0;
}

static uint32_t pop(dr_kept *kept, queue *line)
{
    const uint32_t name = line->first;
    line->first = at(kept, name)->next;
    if (line->first == 0) {
        line->last = 0;
    }
    return name;
}

/* forget frees an entry that stands in no queue. */
static void forget(dr_kept *kept, uint32_t name)
{
    entry *one = at(kept, name);
    take_out(kept, tag_of(&one->call), name);
    one->state = FREE;
    one->next = kept->free;
    kept->free = name;
    kept->used--;
}

static void forget_oldest_lost(dr_kept *kept)
{
    forget(kept, pop(kept, &kept->lost));
    kept->numbers.tombstones--;
}

static void bury(dr_kept *kept, uint32_t name, uint32_t now_s)
{
    at(kept, name)->state = LOST;
    at(kept, name)->since_s = now_s;
    append(kept, &kept->lost, name);
    kept->numbers.tombstones++;
}

/* lose_oldest_reply lets the oldest reply go, and remembers that its call has run. */
static void lose_oldest_reply(dr_kept *kept, uint32_t now_s, dr_kept_reply **dropped)
{
    const uint32_t name = pop(kept, &kept->replies);
    dr_kept_reply *reply = at(kept, name)->reply;
    kept->numbers.replies--;
    kept->numbers.bytes -= cost_of(reply);
    reply->next = *dropped;
    *dropped = reply;
    bury(kept, name, now_s);
}

static bool is_over(const dr_kept *kept, const queue *line, uint32_t limit_s, uint32_t now_s)
{
    return line->first != 0 && (int32_t)(now_s - at(kept, line->first)->since_s - limit_s) >= 0;
}

/* expire lets go of what is over its time, `most` at most. Returns: false when nothing was. */
static bool expire(dr_kept *kept, uint32_t now_s, uint32_t most, dr_kept_reply **dropped)
{
    uint32_t done = 0;
    while (done < most && is_over(kept, &kept->replies, kept->limits.reply_s, now_s)) {
        lose_oldest_reply(kept, now_s, dropped);
        done++;
    }
    while (done < most && is_over(kept, &kept->lost, kept->limits.lost_s, now_s)) {
        forget_oldest_lost(kept);
        done++;
    }
    return done > 0;
}

/* take_entry finds a free entry, at the cost of the oldest tombstone, then of the oldest reply.
 * Returns: 0 when all are of calls that run. */
static uint32_t take_entry(dr_kept *kept, uint32_t now_s, dr_kept_reply **dropped)
{
    if (!map(kept)) {
        return 0;
    }
    if (kept->used == kept->limits.calls_max && kept->lost.first == 0 && kept->replies.first != 0) {
        lose_oldest_reply(kept, now_s, dropped);
        kept->numbers.evicted++;
    }
    if (kept->used == kept->limits.calls_max && kept->lost.first != 0) {
        forget_oldest_lost(kept);
    }
    uint32_t name = kept->free;
    if (name != 0) {
        kept->free = at(kept, name)->next;
    } else if (kept->touched < kept->limits.calls_max) {
        name = ++kept->touched;
    } else {
        return 0;
    }
    kept->used++;
    return name;
}

static void begin(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat, uint32_t now_s,
                  dr_kept_reply **dropped)
{
    const uint32_t name = take_entry(kept, now_s, dropped);
    if (name == 0) {
        return; /* it runs unknown */
    }
    *at(kept, name) = (entry){.call = *call, .state = RUNNING, .runner = seat};
    insert(kept, tag_of(call), name);
    seat->role = DR_KEPT_RUNNER;
    seat->entry = name;
    list_init(&seat->joiners);
}

static dr_kept_known meet(dr_kept *kept, uint32_t name, dr_kept_seat *seat)
{
    const entry *one = at(kept, name);
    if (one->state == RUNNING) {
        seat->role = DR_KEPT_JOINER;
        seat->entry = name;
        list_append(&one->runner->joiners, &seat->link);
        kept->numbers.joins++;
        return DR_KEPT_RUNS;
    }
    if (one->state == KEPT) {
        seat->reply = share(one->reply);
        kept->numbers.hits++;
        return DR_KEPT_HAS_RUN;
    }
    kept->numbers.lost++;
    return DR_KEPT_LOST;
}

static dr_kept_known ask(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat, bool begins,
                         uint64_t now_ms)
{
    const uint32_t now_s = (uint32_t)(now_ms / 1000);
    dr_kept_known known = DR_KEPT_UNKNOWN;
    dr_kept_reply *dropped = NULL;
    pthread_mutex_lock(&kept->lock);
    const uint32_t name = find(kept, call);
    if (name != 0) {
        known = meet(kept, name, seat);
    } else if (begins) {
        (void)expire(kept, now_s, EXPIRE_EACH, &dropped);
        begin(kept, call, seat, now_s, &dropped);
    }
    pthread_mutex_unlock(&kept->lock);
    drop_all(dropped);
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

/* post puts a seat into its lane's inbox. */
static uint64_t post(dr_kept *kept, dr_kept_seat *seat)
{
    list_remove(&seat->link);
    list_append(&kept->inboxes[seat->lane], &seat->link);
    return UINT64_C(1) << seat->lane;
}

/* give hands a reply to all joiners of a call. */
static uint64_t give(dr_kept *kept, dr_kept_seat *runner, dr_kept_reply *reply)
{
    uint64_t lanes = 0;
    while (!list_is_empty(&runner->joiners)) {
        dr_kept_seat *seat = seat_of(runner->joiners.next);
        seat->reply = share(reply);
        seat->entry = 0;
        lanes |= post(kept, seat);
    }
    return lanes;
}

/* keep remembers the reply of a call that has run, as far as it may. */
static void keep(dr_kept *kept, uint32_t name, dr_kept_reply *reply, uint32_t now_s,
                 dr_kept_reply **dropped)
{
    if (reply == NULL) {
        bury(kept, name, now_s);
        return;
    }
    entry *one = at(kept, name);
    one->state = KEPT;
    one->since_s = now_s;
    one->reply = reply;
    append(kept, &kept->replies, name);
    kept->numbers.replies++;
    kept->numbers.bytes += cost_of(reply);
    while (kept->numbers.bytes > kept->limits.bytes_max) {
        lose_oldest_reply(kept, now_s, dropped); /* this one, where it alone is too much */
        kept->numbers.evicted++;
    }
}

uint64_t dr_kept_end(dr_kept *kept, dr_kept_seat *runner, dr_kept_reply *reply, bool has_run,
                     uint64_t now_ms)
{
    uint64_t lanes = 0;
    dr_kept_reply *dropped = NULL;
    if (runner->role == DR_KEPT_RUNNER) {
        pthread_mutex_lock(&kept->lock);
        const uint32_t name = runner->entry;
        list_remove(&runner->link);
        lanes = give(kept, runner, reply);
        if (has_run) {
            keep(kept, name, reply, (uint32_t)(now_ms / 1000), &dropped);
            reply = NULL;
        } else {
            forget(kept, name);
        }
        runner->role = DR_KEPT_NOBODY;
        pthread_mutex_unlock(&kept->lock);
    }
    dr_kept_reply_drop(reply);
    drop_all(dropped);
    return lanes;
}

bool dr_kept_is_wanted(dr_kept *kept, dr_kept_seat *runner)
{
    bool is_wanted = false;
    if (runner->role == DR_KEPT_RUNNER) {
        pthread_mutex_lock(&kept->lock);
        runner->is_alone = true;
        is_wanted = !list_is_empty(&runner->joiners);
        pthread_mutex_unlock(&kept->lock);
    }
    return is_wanted;
}

uint64_t dr_kept_leave(dr_kept *kept, dr_kept_seat *joiner)
{
    uint64_t lanes = 0;
    if (joiner->role != DR_KEPT_JOINER) {
        return 0;
    }
    pthread_mutex_lock(&kept->lock);
    list_remove(&joiner->link);
    dr_kept_seat *runner = joiner->entry != 0 ? at(kept, joiner->entry)->runner : NULL;
    if (runner != NULL && runner->is_alone && list_is_empty(&runner->joiners)) {
        lanes = post(kept, runner);
    }
    joiner->role = DR_KEPT_NOBODY;
    pthread_mutex_unlock(&kept->lock);
    dr_kept_reply_drop(joiner->reply);
    joiner->reply = NULL;
    return lanes;
}

dr_kept_seat *dr_kept_take(dr_kept *kept, uint32_t lane)
{
    dr_kept_seat *seat = NULL;
    pthread_mutex_lock(&kept->lock);
    dr_kept_link *inbox = &kept->inboxes[lane];
    if (!list_is_empty(inbox)) {
        seat = seat_of(inbox->next);
        list_remove(&seat->link);
        if (seat->role == DR_KEPT_JOINER) {
            seat->role = DR_KEPT_NOBODY;
        }
    }
    pthread_mutex_unlock(&kept->lock);
    return seat;
}

void dr_kept_sweep(dr_kept *kept, uint64_t now_ms)
{
    bool has_more = true;
    while (has_more) {
        dr_kept_reply *dropped = NULL;
        pthread_mutex_lock(&kept->lock);
        has_more = expire(kept, (uint32_t)(now_ms / 1000), EXPIRE_SWEEP, &dropped);
        if (kept->used == 0) {
            unmap(kept);
        }
        pthread_mutex_unlock(&kept->lock);
        drop_all(dropped);
    }
}

void dr_kept_count(dr_kept *kept, dr_kept_numbers *numbers)
{
    pthread_mutex_lock(&kept->lock);
    *numbers = kept->numbers;
    pthread_mutex_unlock(&kept->lock);
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
    pthread_mutex_init(&made->lock, NULL);
    for (uint32_t i = 0; i < DR_REACTORS_MAX; i++) {
        list_init(&made->inboxes[i]);
    }
    *kept = made;
    return DORA_OK;
}

void dr_kept_free(dr_kept *kept)
{
    if (kept == NULL) {
        return;
    }
    while (kept->replies.first != 0) {
        dr_kept_reply_drop(at(kept, pop(kept, &kept->replies))->reply);
    }
    unmap(kept);
    pthread_mutex_destroy(&kept->lock);
    free(kept);
}
