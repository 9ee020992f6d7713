/* budget.h: what peers have us hold: bytes received and not answered, ready and not sent. Bounded
 * for one connection and for all; who goes when it is too much. */
#ifndef DR_NET_BUDGET_H
#define DR_NET_BUDGET_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/count.h"
#include "base/log.h"
#include "base/log_few.h"

/* Why a connection was ended. */
typedef enum dr_ended {
    DR_ENDED_FRAME = 0, /* a frame had begun, and nothing more of it came */
    DR_ENDED_REPLY,     /* nothing of its replies was taken */
    DR_ENDED_ALLOWANCE, /* it would have had more held than one connection may */
    DR_ENDED_IDLE,      /* all together had too much held, and it made no progress */
    DR_ENDED_MOST,      /* all together had too much held, and it most of all */
    DR_ENDED_SLOW,      /* a frame, a request of HTTP or its answer took too long */
    DR_ENDED_REASONS
} dr_ended;

typedef struct dr_held dr_held;

/* dr_budget is shared by all loops of a server. Zeroed memory is a budget without bounds, which
 * dr_budget_init makes one with; `log` may be NULL. */
typedef struct dr_budget {
    size_t connection_max; /* bytes; 0: no bound, as in the next */
    size_t total_max;
    dr_log *log;
    _Atomic size_t total;
    _Atomic size_t unowned; /* of it, what belongs to no connection */
    _Atomic uint64_t ended[DR_ENDED_REASONS];
    pthread_mutex_t lock; /* over the list, over who is to go, and over the next */
    dr_log_few told;      /* of ended connections */
    dr_held *first;       /* of those that hold anything */
} dr_budget;

/* dr_seat is one loop's place at a budget: `wake` is called, by any thread, when one of the loop's
 * connections is to go; the loop then calls dr_seat_clear. */
typedef struct dr_seat {
    dr_budget *budget;
    void (*wake)(void *user);
    void *user;
    _Atomic uint32_t leaving;
} dr_seat;

/* dr_held is what one connection holds. Zeroed memory holds nothing; `seat` NULL is not counted.
 * `end` ends the connection, and `fd` says who it is. Thread: its loop's; others read the atomic
 * members and change `leaving`, under the budget's lock. */
struct dr_held {
    dr_seat *seat;
    void (*end)(dr_held *held);
    int (*fd)(const dr_held *held);
    dr_held *next;
    dr_held *prev;
    _Atomic size_t bytes;
    _Atomic uint32_t still_ms; /* for so long nothing that it could do has been done */
    _Atomic uint32_t leaving;  /* 0: it stays; else why it is to go, and 1 */
};

void dr_budget_init(dr_budget *budget, size_t connection_max, size_t total_max, dr_log *log);
void dr_budget_fini(dr_budget *budget);

/* dr_held_set says how much a connection holds now; 0 before it is freed. Others may have to go for
 * it, or it itself: later, by dr_seat_clear. */
void dr_held_set(dr_held *held, size_t bytes);

/* dr_held_may_have says whether a connection may hold `more`, before that is made. Others may have
 * to go for it. Returns: false when it has to be ended instead, at once; that has been counted. */
bool dr_held_may_have(dr_held *held, size_t more);

/* dr_held_has_room says whether a connection may hold `more` by what it holds itself. */
bool dr_held_has_room(const dr_held *held, size_t more);

/* dr_held_ended counts that a connection is ended by its owner; of many some are written down. */
void dr_held_ended(const dr_held *held, dr_ended why);

/* dr_budget_take counts `bytes` that belong to no connection: of what was accepted, or of a call
 * whose connection is gone. dr_budget_give counts them off. Such may have half of the budget, since
 * nobody can be sent away for them; where it `must` they are counted all the same.
 * Returns: false, and nothing is counted, when there is no room for them. */
bool dr_budget_take(dr_budget *budget, size_t bytes, bool must);
void dr_budget_give(dr_budget *budget, size_t bytes);

/* dr_seat_clear ends those of a loop that are to go. Call it where any may be ended. */
void dr_seat_clear_all(dr_seat *seat);

static inline void dr_seat_clear(dr_seat *seat)
{
    if (seat != NULL && atomic_load_explicit(&seat->leaving, memory_order_relaxed) > 0) {
        dr_seat_clear_all(seat);
    }
}

/* dr_ended_name gives "frame", "reply", ...: a static string. */
const char *dr_ended_name(dr_ended why);

#endif
