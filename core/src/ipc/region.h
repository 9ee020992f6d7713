/* region.h: the shared memory between the master and the workers of one pool.
 *
 * Layout: header, board, reactors, workers, inboxes, outboxes, tasks, stacks (one a worker), big
 * areas (one a worker), slab.
 * Offsets follow from the shape alone, so both sides compute them. The master never trusts what it
 * reads here: the truth about a task is in its own memory (task/pool.h), and a region that cannot
 * be as it is gets another in its place (task/damage.c, task/renew.c). */
#ifndef DR_IPC_REGION_H
#define DR_IPC_REGION_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/limits.h"
#include <dora/error.h>
#include <dora/runtime.h>

#define DR_REGION_MAGIC 0x61726f64u
#define DR_REGION_LAYOUT 16u

/* dr_region_shape is what all offsets follow from. */
typedef struct dr_region_shape {
    uint32_t magic;
    uint32_t layout;
    uint32_t workers; /* slots */
    uint32_t reactors;
    uint32_t tasks;
    uint32_t big_bytes;    /* of one worker's area for replies that outgrow their block */
    uint32_t ring_entries; /* of an inbox or outbox: a power of two, above what a worker may hold */
    uint64_t slab_bytes;
    uint64_t total_bytes;
} dr_region_shape;

/* A task word is {generation:32, state:8, worker:24}. */
enum {
    DR_TASK_FREE = 0,
    DR_TASK_QUEUED = 1,
    DR_TASK_RUNNING = 2,
    DR_TASK_DONE = 3,
    DR_TASK_CANCELLED = 4
};

/* How a worker sleeps: it is woken by a futex, or by the event descriptor of its slot. One that
 * waits for its big area, or for room in a stream, runs a task meanwhile. */
enum {
    DR_AWAKE = 0,
    DR_ASLEEP = 1,
    DR_ASLEEP_IN_LOOP = 2,
    DR_ASLEEP_FOR_BIG = 3,
    DR_ASLEEP_FOR_ROOM = 4
};

/* A worker's big area: it says BUSY while it writes there, and knows that by itself; from FULL on
 * it is the master's, which sets it FREE when it has copied the reply out. */
enum { DR_BIG_FREE = 0, DR_BIG_BUSY = 1, DR_BIG_FULL = 2 };

/* How a call came. All but the first are answered in JSON. */
enum { DR_PROTOCOL_TCP = 0, DR_PROTOCOL_TCP_JSON, DR_PROTOCOL_HTTP };

enum { DR_REPLY_IN_BLOCK = 0, DR_REPLY_IN_BIG = 1 };

typedef struct dr_shared_task {
    alignas(64) _Atomic uint64_t word;
    /* Written by the master before QUEUED. */
    _Atomic uint64_t offset; /* of the block in the slab: name, param, caller, trace, room for the
                              * reply; of a stream its ring (part_ring.h) at the end. A worker looks
                              * at it ahead, when the task may have been taken back */
    uint32_t capacity;
    uint32_t api;
    uint32_t name_len;
    uint32_t param_len;
    uint32_t trace_len;
    uint16_t reactor;
    uint16_t type;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    uint32_t connection;
    uint8_t protocol; /* DR_PROTOCOL_... */
    uint8_t priority; /* dora_priority, never the default */
    uint8_t is_whole; /* param is the whole api: it has more than name and param */
    uint8_t caller_len;
    char guid[DR_GUID_LEN];
    /* Written by the worker before DONE: the reply is message bytes, then data bytes. */
    int64_t code;
    uint32_t reply_at; /* dr_reply_at */
    uint32_t seal;     /* dr_reply_seal of these numbers */
    uint32_t msg_len;
    uint32_t data_len;
    uint64_t run_ns;
    _Atomic uint64_t start_ns; /* CLOCK_MONOTONIC; by the master when it came, by the worker when
                                * it begins to run, DR_START_WAITS while it waits for a thread */
    /* Written by the master while it runs. */
    _Atomic uint64_t interrupt; /* dr_interrupt_word: it should end; of an older task: nothing */
    /* Written by the worker of a stream before DONE. */
    uint64_t waited_ns; /* of run_ns: for its reader to make room */
} dr_shared_task;

#define DR_START_WAITS UINT64_MAX

/* Whether a worker has grown: where the master wants to know, which says so before it starts. */
#define DR_GROWTH_NOT_ASKED 0u
#define DR_GROWTH_NONE 1u
#define DR_GROWTH_SEEN 2u

typedef struct dr_shared_worker {
    alignas(64) _Atomic uint32_t inbox_tail; /* written by the master, which has its own */
    _Atomic uint32_t stop;
    alignas(64) _Atomic uint32_t inbox_head; /* written by the worker */
    _Atomic uint32_t asleep;                 /* futex; DR_ASLEEP_... */
    _Atomic uint32_t big;                    /* DR_BIG_... */
    _Atomic uint32_t has_left;               /* 1 where it ends by itself, in order */
    _Atomic uint32_t growth;                 /* DR_GROWTH_... */
    _Atomic uint32_t wants_renewal;          /* 1: what should have ended goes on in it */
    _Atomic uint32_t
        starved_kb; /* what it held when it crashed for want of memory; 0: it has not */
    _Atomic uint32_t interrupts; /* by the master: of its tasks so many were to end */
    /* In whose calls it has grown, written by the worker: task/grown.c. */
    alignas(64) _Atomic uint64_t grown[DR_GROWN_APIS];
    _Atomic uint32_t grown_looks[DR_GROWN_APIS]; /* 0: there is nothing in that place */
} dr_shared_worker;

/* dr_shared_stack is where a worker was when it was asked to end a task: a line for each call, the
 * innermost first, "FILE:LINE in FUNCTION". */
typedef struct dr_shared_stack {
    alignas(64) _Atomic uint32_t count; /* one more with each that was written */
    _Atomic uint32_t len;
    char text[DORA_STACK_BYTES];
} dr_shared_stack;

typedef struct dr_shared_outbox {
    alignas(64) _Atomic uint32_t tail; /* written by the worker; the head is the master's own */
    uint32_t entries[];                /* ring_entries */
} dr_shared_outbox;

typedef struct dr_shared_reactor {
    alignas(64) _Atomic uint32_t asleep; /* 1 while it waits in the kernel */
    alignas(64) _Atomic uint64_t ready[DR_WORKER_SLOTS_MAX / 64]; /* workers with full outboxes */
} dr_shared_reactor;

/* dr_status_page is what handlers may know of the server; written by the master alone. */
typedef struct dr_status_page {
    alignas(64) _Atomic int32_t pid; /* the master's */
    _Atomic uint64_t start_time;     /* Unix seconds */
    _Atomic uint64_t connections;
    _Atomic uint64_t accepted;
    _Atomic uint64_t closed;
    _Atomic uint64_t tasks;
    _Atomic uint64_t requests;
    _Atomic uint64_t log_lines;
    _Atomic uint64_t log_bytes;
} dr_status_page;

typedef struct dr_region {
    int fd;
    char *base;
    dr_region_shape shape;
    dr_status_page *status_page;
    dr_shared_reactor *reactors;
    dr_shared_worker *workers;
    uint64_t *inboxes; /* of {generation:32, index:32}; see dr_region_inbox */
    char *outboxes;    /* see dr_region_outbox */
    dr_shared_task *tasks;
    dr_shared_stack *stacks; /* one a worker */
    char *big;
    char *slab;
} dr_region;

/* dr_region_shape_set fills in magic, layout and total size of a shape whose counts are set. */
void dr_region_shape_set(dr_region_shape *shape);

/* dr_region_create makes the sealed memory; dr_region_open maps one that came as a descriptor.
 * Errors: DORA_EIO, DORA_ENOMEM; DORA_EVERSION when magic, layout or size differ (both named).
 * Ownership: the region owns the descriptor; dr_region_close undoes both. */
dora_err dr_region_create(dr_region *region, const dr_region_shape *shape, dora_error *error);
dora_err dr_region_open(dr_region *region, int fd, const dr_region_shape *shape, dora_error *error);
void dr_region_close(dr_region *region);

/* dr_region_is_intact says whether the header is as it was written. */
bool dr_region_is_intact(const dr_region *region);

/* dr_region_replace maps the memory of another region of the same shape where this one's is, in one
 * step: who reads or writes there at that moment meets the one or the other.
 * Errors: DORA_ENOMEM; the region is as before. Ownership: takes `other`. */
dora_err dr_region_replace(dr_region *region, dr_region *other, dora_error *error);

static inline uint64_t dr_task_word(uint32_t generation, uint32_t state, uint32_t worker)
{
    return ((uint64_t)generation << 32) | ((uint64_t)state << 24) | worker;
}

/* dr_interrupt_word says to what runs a task of a generation why it should end (dr_interrupt). */
static inline uint64_t dr_interrupt_word(uint32_t generation, uint32_t why)
{
    return ((uint64_t)generation << 32) | why;
}

/* dr_reply_at is where a reply stands (DR_REPLY_IN_...), and above that the status that a handler's
 * error is to have over HTTP; 0: what its code has. */
static inline uint32_t dr_reply_at(uint32_t place, uint16_t http_status)
{
    return place | (uint32_t)http_status << 16;
}

/* dr_reply_seal is how a reply's numbers, written over by somebody else, are known. */
static inline uint32_t dr_reply_seal(uint32_t generation, uint32_t reply_at, uint32_t msg_len,
                                     uint32_t data_len, int64_t code)
{
    const uint64_t all = (uint64_t)code ^ ((uint64_t)(reply_at ^ generation) << 32) ^
                         ((uint64_t)msg_len << 32) ^ data_len;
    return DR_REGION_MAGIC ^ (uint32_t)(all >> 32) ^ (uint32_t)all * 3;
}

static inline uint64_t *dr_region_inbox(const dr_region *region, uint32_t worker)
{
    return region->inboxes + (size_t)worker * region->shape.ring_entries;
}

static inline size_t dr_outbox_bytes(const dr_region_shape *shape)
{
    return sizeof(dr_shared_outbox) + shape->ring_entries * sizeof(uint32_t);
}

static inline dr_shared_outbox *dr_region_outbox(const dr_region *region, uint32_t worker,
                                                 uint32_t reactor)
{
    const size_t at = (size_t)worker * region->shape.reactors + reactor;
    return (dr_shared_outbox *)(void *)(region->outboxes + at * dr_outbox_bytes(&region->shape));
}

static inline char *dr_region_big(const dr_region *region, uint32_t worker)
{
    return region->big + (size_t)worker * region->shape.big_bytes;
}

#endif
