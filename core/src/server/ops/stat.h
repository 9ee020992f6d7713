/* stat.h: what a server can say of itself. */
#ifndef DR_SERVER_STAT_H
#define DR_SERVER_STAT_H

#include "net/reactor.h"
#include "server/call/backend.h"

/* dr_totals are counts over all lanes and pools. */
typedef struct dr_totals {
    uint64_t connections; /* open now */
    uint64_t accepted;    /* connections, since the start */
    uint64_t closed;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t tasks;                    /* queued or running now */
    uint64_t pauses[DR_PAUSE_REASONS]; /* of reading a connection */
    uint64_t requests;                 /* since the start: every message that could be read */
    uint64_t ignored;                  /* TK and CN for nothing */
    uint64_t handled;                  /* tasks that workers have run */
    struct {
        uint64_t open;       /* connections, in their handshake too */
        uint64_t handshakes; /* that were done; of these `resumed` went on from an earlier one */
        uint64_t resumed;
        uint64_t failed;
    } tls;
} dr_totals;

/* dr_pool_numbers is one pool at one moment. */
typedef struct dr_pool_numbers {
    uint32_t generation;
    uint32_t idle;
    uint32_t busy;
    uint32_t starting;
    uint32_t leaving;
    uint32_t queued; /* not begun */
    uint32_t running;
    uint64_t handled;
    uint64_t refused;
    uint32_t streams;      /* that have a place */
    uint64_t parts;        /* of streams, that were sent */
    uint64_t poison_found; /* calls that came to be refused; and how often any was */
    uint64_t poison_refused;
    uint32_t waiting[DR_PRIORITIES]; /* in the queue, the lowest priority first */
    uint64_t done[DR_PRIORITIES];    /* of `handled` */
    uint64_t memory_kb;              /* of all workers, when they were last looked at */
    uint64_t restarts[DR_RESTART_COUNT];
    uint64_t held_ms; /* until the next worker may start */
    bool is_looping;
    bool is_healthy;
    bool is_hung;
} dr_pool_numbers;

/* dr_stat_uptime_s is how long the server has been running, whatever the time of day does. */
uint64_t dr_stat_uptime_s(const dr_backend *backend);

/* dr_stat_totals sums them up; each is exact for itself. dr_stat_pool takes those of one pool.
 * Thread: any. */
void dr_stat_totals(dr_backend *backend, dr_totals *totals);
void dr_stat_pool(dr_pool *pool, dr_pool_numbers *numbers);

#define DR_STAT_WHY_MAX 512 /* for both of the next */

/* dr_stat_has_workers says whether the server takes calls and every pool has a worker, and in `why`
 * a line about it. dr_stat_is_ready says also whether none of them hangs. Thread: any. */
bool dr_stat_has_workers(dr_backend *backend, char *why, size_t room);
bool dr_stat_is_ready(dr_backend *backend, char *why, size_t room);

/* dr_stat_write writes the data of a control reply: `server` and `logqueue`. `reload` NULL, or what
 * became of a reload: "done" or "pending". Errors: the writer keeps them. Thread: any. */
void dr_stat_write(dr_backend *backend, const char *reload, dora_writer *writer);

/* dr_stat_priority names the priorities of dr_pool_numbers. */
static inline const char *dr_stat_priority(uint32_t number)
{
    return dora_priority_name((dora_priority)(DORA_PRIORITY_LOW + number));
}

/* dr_restart_name gives "died", "time_limit", ...; a static string. dr_slot_state_name gives what a
 * worker does: "idle", "busy", "starting", "leaving"; NULL for a slot without one. */
const char *dr_restart_name(dr_restart why);
const char *dr_slot_state_name(const dr_slot *slot);

/* dr_stat_key writes a key; dr_stat_put a key and a number. */
void dr_stat_key(dora_writer *writer, const char *key);
void dr_stat_put(dora_writer *writer, const char *key, uint64_t number);

#endif
