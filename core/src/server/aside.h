/* aside.h: heavy work on one body in libuv's thread pool, so that it does not hold up the reactor's
 * other connections. Thread: the lane's, but for `work`. */
#ifndef DR_SERVER_ASIDE_H
#define DR_SERVER_ASIDE_H

#include "server/asker.h"

typedef struct dr_aside dr_aside;

/* dr_aside is a piece of work; it is the first member of what its kind needs besides. */
struct dr_aside {
    uv_work_t request;
    dr_asker asker; /* nobody, once its connection is gone */
    dr_aside *next;
    bool is_input;
    void (*work)(dr_aside *aside); /* in the thread pool: nothing of the lane may be touched */
    void (*done)(dr_aside *aside); /* on the lane; not for nobody */
    void (*free)(dr_aside *aside);
};

/* dr_aside_start queues `aside`, whose functions are set. While a body that came in is worked on
 * (`is_input`), its connection is not read. Ownership: takes `aside`, on failure too, and calls
 * `free` at the end. Errors: DORA_ENOMEM. */
dora_err dr_aside_start(const dr_asker *asker, dr_aside *aside);

/* dr_aside_run does the work of `aside`: in the thread pool where it is large, else at once. Where
 * it cannot be queued, whoever asked is told. Ownership: takes. */
void dr_aside_run(const dr_asker *asker, dr_aside *aside, bool is_large);

/* dr_aside_forget: whoever asked is gone. */
void dr_aside_forget(const dr_asker *asker);

#endif
